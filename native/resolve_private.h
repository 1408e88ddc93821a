/* resolve_private.h: shared by resolve.c (threads, public face), resolve_queue.c (questions and answers), resolve_conf.c and
 * resolve_lookup.c. */
#ifndef GO_METRO_RESOLVE_PRIVATE_H
#define GO_METRO_RESOLVE_PRIVATE_H

#include "resolve.h"

#include <netdb.h>
#include <sys/socket.h>

#include "file_stamp.h"

#define RESOLVE_BUCKETS 1024 /* of open questions, so that a long queue is searched for duplicates quickly */

/* A question, and then its answer. */
struct resolve_item {
    struct resolve_item *next;    /* in its list */
    struct resolve_item *sibling; /* in its bucket, until it has its answer */
    size_t bucket;
    struct resolve_answer answer;
};

/* tail = &head: none. */
struct resolve_list {
    struct resolve_item *head, **tail;
};

struct resolve_queue {
    struct resolve_list lists[RESOLVE_KINDS];
    unsigned taken[RESOLVE_KINDS]; /* by threads that look them up */
    struct resolve_item *buckets[RESOLVE_BUCKETS];
};

/* What looks up: as getaddrinfo() and getnameinfo(). */
typedef int (*resolve_name_fn)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
typedef int (*resolve_address_fn)(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int);

/* resolve_queue.c: the caller locks */

void resolve_list_append(struct resolve_list *list, struct resolve_item *item);
struct resolve_item *resolve_list_take(struct resolve_list *list); /* the oldest; NULL: none */
/* Frees the items and their answers. */
void resolve_list_free(struct resolve_list *list);

size_t resolve_bucket_of(const struct resolve_answer *question);
void resolve_queue_init(struct resolve_queue *queue); /* of zeros */
void resolve_queue_free(struct resolve_queue *queue); /* frees what waits in it */
/* For these item->bucket is set. */
bool resolve_queue_has(const struct resolve_queue *queue, const struct resolve_item *item);
void resolve_queue_append(struct resolve_queue *queue, struct resolve_item *item);
/* The oldest of a kind of which not enough are being looked up; NULL: none. */
struct resolve_item *resolve_queue_take(struct resolve_queue *queue);
/* What was taken has its answer. */
void resolve_queue_finish(struct resolve_queue *queue, const struct resolve_item *item);

/* resolve_conf.c: for the calling thread alone */

/* Calls reread() when the file at `path` is another one than *seen, which then is that one. */
void resolve_conf_follow(struct file_stamp *seen, const char *path, void (*reread)(void));
/* Makes the C library read /etc/resolv.conf anew, where it has read it. */
void resolve_conf_reread(void);

/* resolve_lookup.c: answer->kind says which; they fill in the answer, or its error */

void resolve_forward(struct resolve_answer *answer, resolve_name_fn lookup_name);
void resolve_reverse(struct resolve_answer *answer, resolve_address_fn lookup_address);

#endif
