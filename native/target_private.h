/* target_private.h: the targets' own, for target.c (who they are, their whitelist and names), target_answer.c (what is asked and
 * what comes) and target_warning.c (what is said). */
#ifndef GO_METRO_TARGET_PRIVATE_H
#define GO_METRO_TARGET_PRIVATE_H

#include "target.h"

enum target_kind { TARGET_HOST, TARGET_ADDRESS, TARGET_BLOCK };

struct target {
    enum target_kind kind;
    char *text;                   /* as the YAML has it */
    struct ip_prefix prefix;      /* TARGET_ADDRESS, TARGET_BLOCK */
    struct ip_address *addresses; /* TARGET_HOST: the last good answer */
    size_t address_count;
    size_t left_out;              /* TARGET_HOST: addresses that it has besides, and that are not measured */
    char name[RESOLVE_NAME_MAX];  /* TARGET_ADDRESS: its reverse name, "" while there is none */
    bool is_name_shared;          /* another row has the same name: it would make one series of two */
    uint32_t id;                  /* TARGET_HOST: its row's: the same over reloads, and for all hosts of the same name */
    bool was_asked, was_answered; /* a good answer or a bad one */
    uint32_t asked_s, first_asked_s;
    uint32_t again_s; /* it is asked for again after so long rather than the interval, as something was missing; 0: nothing was */
    const char *error; /* TARGET_HOST: of the newest answer; NULL: fine */
};

struct targets {
    struct target *items;
    struct target **sorted; /* by kind and what an answer names: 100,000 targets are found without a walk, */
    struct target **by_id;  /* and so they are by their ids */
    size_t count;
    uint64_t found; /* families of hosts, each time they got the first address of one */
    uint32_t next_id;
    uint64_t revision;
    bool resolve_names;
    bool are_names_new; /* is_name_shared is out of date */
};

/* The place in `sorted` of the first target that is like `key`; `count` when none is. Those like it stand behind. */
size_t target_find_first(const struct targets *targets, const struct target *key);
bool target_is_like(const struct targets *targets, size_t place, const struct target *key);
/* Whether the resolver has anything to say of it. */
bool target_is_asked_for(const struct targets *targets, const struct target *target);
/* Copies them. 0; -1: out of memory (all is as before). */
int target_set_addresses(struct targets *targets, struct target *target, const struct ip_address *addresses, size_t count);
/* Marks the reverse names that several addresses have, or an address and a host. Out of memory leaves the marks as they were, for
 * the next time. */
void target_find_shared_names(struct targets *targets);

#endif
