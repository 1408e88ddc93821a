/* roster_private.h: the roster's own, for roster.c (at work), roster_apply.c (from one configuration to the next),
 * roster_follow.c (addresses and names change), roster_window.c and roster_end.c (what is captured before something ends). */
#ifndef GO_METRO_ROSTER_PRIVATE_H
#define GO_METRO_ROSTER_PRIVATE_H

#include "roster.h"

/* Why a tap's ring is to be emptied: roster_end.c. */
enum ending {
    ENDING_NOTHING,
    ENDING_WINDOWS, /* of some instances; the others go on */
    ENDING_CAPTURE  /* nothing comes into the ring any more */
};

struct shared_tap {
    struct tap *tap;
    struct netset *own; /* addresses of the interface */
    uint64_t instances; /* the meter's numbers, as bits */
    uint64_t open;      /* of them those whose window is open: to them frames go */
    struct since fresh; /* those of them that opened just now, and when: see tap.h */
    struct since ended; /* those whose window ended just now, and when: see tap.h */
    uint64_t late;      /* of them those that have had their time */
    enum ending ending;
    uint64_t ending_windows; /* whose, whatever becomes of `ended` meanwhile */
};

struct roster {
    const char *user_filter;
    uint64_t hash_seed[2];
    void (*on_departure)(void *arg, uint64_t birth, uint64_t other_birth); /* NULL: nobody asks */
    void *on_departure_arg;
    struct config *config;
    struct meter *meter;
    uint64_t births;                        /* of the meters that there were before it */
    struct netset *host;                    /* addresses of the namespace */
    struct shared_tap taps[2 * ROSTER_MAX]; /* while one configuration takes over from another, those of both */
    size_t tap_count;
    struct instance instances[ROSTER_MAX];
    size_t count;
    uint64_t replays;        /* that there have been */
    bool are_links_new;      /* addresses may be others */
    bool is_behind;          /* instances have to follow these, or answers of the resolver, */
    uint64_t follow_from_ns; /* but not before that, by CLOCK_MONOTONIC */
};

/* What is the same in both configurations, the settings of a tap apart, can go on. */
bool roster_is_meter_kept(const struct roster *roster, const struct config *config);
struct tap_settings roster_tap_settings(const struct roster *roster, const struct config *config, const char *interface);
/* A capture that was open and is not, or is another one, leaves a gap: what was in flight gives no round trip any more. */
void roster_end_flows(const struct roster *roster, const struct shared_tap *shared);
/* The same, if what was open is not any more. */
void roster_end_if_lost(const struct roster *roster, const struct shared_tap *shared, bool was_open);
/* Where the tap's frames go. */
struct tap_sink roster_sink(const struct roster *roster, const struct shared_tap *shared, uint32_t now_s, bool skip);

/* Closes and forgets it. */
void roster_free_tap(struct shared_tap *shared);
/* Ends the instance, and the replay of its file. */
void roster_end_instance(struct roster *roster, struct instance *instance);
/* Ends every instance, or all but those of files, and every tap. */
void roster_stop(struct roster *roster, bool but_files);
/* What the meter is told of the host for instances of that tap; nothing for those of a file (NULL), which may be of another. */
struct instance_host roster_host(struct roster *roster, const struct tap *tap);
/* Reads the namespace's addresses anew; roster_refilter() for each tap is the caller's. The meter lets go of the old set before
 * it is freed. */
void roster_refresh_host(struct roster *roster);
/* The same of an interface's, and the filter follows. */
void roster_refresh_own(struct roster *roster, struct shared_tap *shared);
/* For how long roster_follow() has nothing to do, though there is something to follow; -1: there is not. */
int roster_until_followed_ms(const struct roster *roster);
/* Where the instance is measured. */
struct meter *roster_meter_of(const struct roster *roster, const struct instance *instance);
/* Tells the tap what its instances want whose windows are open, and which addresses are ours. */
void roster_refilter(struct roster *roster, struct shared_tap *shared);

#endif
