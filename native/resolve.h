/* resolve.h: names -> addresses and back, by the C library's resolver in threads without capabilities, off the packet path.
 *
 * resolver_new() once (starts the threads); resolver_submit_*() queues a question; resolver_fd() is polled; resolver_next()
 * takes the answers; resolver_free() at exit does not wait for a resolver that hangs (the threads are detached and own what they
 * use).
 *
 * RESOLVE_SIDE_BY_SIDE questions of a kind are looked up side by side, in the order they came: what hangs keeps nobody back until
 * there are so many that hang, and then those of its own kind alone. */
#ifndef GO_METRO_RESOLVE_H
#define GO_METRO_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

#define RESOLVE_NAME_MAX 256
#define RESOLVE_MAX_ADDRESSES 256
#define RESOLVE_SIDE_BY_SIDE 3
#define RESOLVE_V4 1u /* families of addresses, as bits */
#define RESOLVE_V6 2u

enum resolve_kind { RESOLVE_FORWARD, RESOLVE_REVERSE, RESOLVE_KINDS };

struct resolve_answer {
    enum resolve_kind kind;
    char name[RESOLVE_NAME_MAX];  /* the question (forward), or the answer without a trailing dot (reverse; "" on failure) */
    struct ip_address address;    /* the question (reverse) */
    unsigned known;               /* the question (forward): the families that the asker has addresses of */
    struct ip_address *addresses; /* forward: the answer, `count` of them in order; freed by resolver_answer_free() */
    size_t count;
    size_t left_out;   /* addresses that it has besides: those that come last in the order */
    unsigned failed;   /* forward, with addresses: a family that could not be asked for, so that the last ones of it are kept */
    bool is_passing;   /* reverse, with an error: nobody could be asked; false: the address has no name */
    const char *error; /* NULL, or why there is no name, no address, or none of the family that failed */
};

/* What an asker has after an answer. */
struct resolve_outcome {
    struct ip_address addresses[RESOLVE_MAX_ADDRESSES]; /* in order */
    size_t count, left_out;
    const char *error; /* why some are, or all, the last that were known; NULL: all is well */
};

struct resolver;

struct resolver *resolver_new(void); /* NULL with errno */
void resolver_free(struct resolver *resolver);
/* A question that waits or is being looked up already is not asked twice: both have the one answer. A name that comes back is of
 * [A-Za-z0-9._-] only, anything else counts as failed. `known`: families of which the asker has addresses; where the answer has
 * none, they are asked for once more by themselves, as the C library does not say that a name server failed for one of two.
 * 0, or -1 with errno (ENOMEM; EINVAL: a name too long or empty; ENOBUFS: 16,384 of its kind wait). */
int resolver_submit_name(struct resolver *resolver, const char *name, unsigned known);
int resolver_submit_address(struct resolver *resolver, const struct ip_address *address);
int resolver_fd(const struct resolver *resolver);                          /* readable when an answer waits (eventfd) */
bool resolver_next(struct resolver *resolver, struct resolve_answer *out); /* false: none waits */
void resolver_answer_free(struct resolve_answer *answer);

unsigned resolve_families(const struct ip_address *addresses, size_t count);
/* What whoever had these addresses (in order) has after a forward answer: a family that failed, and a name that did, keeps its
 * last ones. False: somebody else's question, who did not know of a family that this one has; its own answer comes. */
bool resolve_outcome_of(struct resolve_outcome *out, const struct resolve_answer *answer, const struct ip_address *had,
                        size_t had_count);

#endif
