/* contenders.h: of the peers that have no row of their own, those with the most round trips: counted in fixed memory.
 *
 * contenders_init() once; contenders_skip() for each round trip that has no row, and contenders_note() for those that it asks
 * for; contenders_best() and contenders_forget() when rows are given out anew; contenders_age() at the end of each interval;
 * contenders_destroy().
 *
 * These are the counters of Misra and Gries ("Finding repeated elements", 1982), in many small sets that a seeded hash chooses
 * from: a key that finds its set full takes from all who are in it. So a count is never more than what the key had (but for
 * chance, where only a share of the round trips is looked at), and however many keys come with a little each, they make nobody
 * look large. What a key had counts less by a fortieth for each second of an interval: half of a score is of the last 26. */
#ifndef GO_METRO_CONTENDERS_H
#define GO_METRO_CONTENDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "least.h"
#include "peer_table.h"

#define CONTENDER_WAYS 8U
#define CONTENDER_SETS_LEAST 64U
#define CONTENDER_SETS_MOST 4096U
#define CONTENDERS_WEIGHT_MOST (1U << 24)
#define CONTENDER_INSTANCES 64U
#define SCORE_LASTS_S 40U
#define SCORE_UNIT 16U /* of one round trip; so small that what is left of one after some intervals is told from nothing */

/* Whoever is without a row, and whoever has one: held against each other they must be computed alike. */
static inline uint32_t score_add(uint32_t score, uint64_t round_trips)
{
    const uint64_t sum = score + (uint64_t)SCORE_UNIT * round_trips;

    return round_trips < UINT32_MAX && sum < UINT32_MAX ? (uint32_t)sum : UINT32_MAX;
}

/* After so many seconds, fewer than SCORE_LASTS_S. So what somebody comes to who always has the same in a second does not depend
 * on how long intervals are. */
static inline uint32_t score_age(uint32_t score, uint32_t seconds)
{
    return score - (uint32_t)(((uint64_t)score * seconds + SCORE_LASTS_S - 1) / SCORE_LASTS_S);
}

/* What that is. */
static inline uint32_t score_of_steady(uint64_t round_trips, uint64_t seconds)
{
    return score_add(0, round_trips / seconds * SCORE_LASTS_S + round_trips % seconds * SCORE_LASTS_S / seconds);
}

struct contender {
    struct peer_key key;
    uint64_t hash;   /* peer_key_hash() */
    int64_t time_ns; /* of the newest round trip that was noted */
    uint32_t score;  /* 0: the place is free */
    bool is_active;  /* in this interval */
    bool is_steady;  /* in the one before it, too */
    uint16_t tag;    /* the owner's */
};

_Static_assert(sizeof(struct contender) == 64, "a cache line");

struct contenders {
    uint64_t left;   /* round trips until the next one that is looked at; in an interval as many of them as there are places, as a
                        rule, and never more than twice as many */
    uint32_t weight; /* how many round trips one stands for */
    uint32_t noted;  /* in this interval */
    uint64_t random;
    uint32_t sets;        /* a power of two */
    struct contender *of; /* one set after the other */
};

/* Half as many as there may be rows, within bounds. seed: as peer_table_init()'s. False: out of memory. */
bool contenders_init(struct contenders *contenders, uint32_t max_peers, const uint64_t seed[static 2]);
void contenders_destroy(struct contenders *contenders);

/* Whether this round trip is none of those that are looked at. */
static inline bool contenders_skip(struct contenders *contenders)
{
    return --contenders->left > 0;
}

void contenders_note(struct contenders *contenders, const struct peer_key *key, uint64_t hash, int64_t time_ns);
/* NULL: it is not among them. */
struct contender *contenders_find(struct contenders *contenders, const struct peer_key *key, uint64_t hash);
/* Who is active, of these instances (bit n): at most so many, the best first. An item's index is that of contenders->of[]; its
 * score, by which they are in order, is what is missing to the greatest that there can be. */
void contenders_best(const struct contenders *contenders, uint64_t instances, size_t most, struct least *out);
void contenders_forget(struct contender *contender);
/* All that are of these instances (bit n), but for those that stay by what the function says; NULL: none does. */
void contenders_forget_of(struct contenders *contenders, uint64_t instances, bool (*stays)(const struct peer_key *key, void *arg),
                          void *arg);
/* The interval is over. seconds: how long that of each instance was; 0: it goes on, and who is of that one stays as he is.
 * round_trips: how many there were in it that had no row. True: somebody is left. */
bool contenders_age(struct contenders *contenders, const uint32_t seconds[static CONTENDER_INSTANCES], uint64_t round_trips);
/* Looks at none from here on. */
void contenders_rest(struct contenders *contenders);

#endif
