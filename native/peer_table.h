/* peer_table.h: the rows of all instances: statistics by (instance, local address, peer), bounded, each in one place while it
 * lives.
 *
 * peer_table_init() once; peer_row_take() when a flow opens, peer_row_release() when it closes; peer_row_due() and
 * peer_row_remove() for rows that nobody used for their time to live; peer_row_replace() for one that has to make room for
 * another; peer_table_destroy(). */
#ifndef GO_METRO_PEER_TABLE_H
#define GO_METRO_PEER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "arena.h"
#include "peer.h"
#include "wheel.h"

#define PEER_ROW_NONE UINT32_MAX
#define PEER_ROWS_MAX 0xffff00U /* a flow names its rows in 24 bits */

/* Without padding: it is hashed and compared as bytes. */
struct peer_key {
    struct ip_address local, peer;
    uint32_t instance;
    uint16_t port;
    uint16_t peer_bits;
};

_Static_assert(sizeof(struct peer_key) == 40, "no padding");

struct peer_row {
    /* A cache line: what a flow of it changes that is opened or closed. */
    _Alignas(64) struct peer_key key;
    uint32_t open_flows;
    uint32_t last_s; /* of the newest packet of the flows that closed */
    uint64_t birth;  /* from 1; 0: the slot is free */
    bool is_weighed; /* the score was computed, in this row's life */
    _Alignas(64) struct peer_stats stats;
    int64_t birth_time_ns;
    uint64_t
        first_birth; /* of the row that came to this slot when it was free: all that have followed it made room for the next */
    /* Of meter_contest.c. */
    uint64_t samples_known; /* stats.samples when the score was computed */
    uint32_t score;         /* contenders.h */
    uint32_t wheel;         /* the wheel's word */
    uint32_t next_unused;   /* of the free slots, when birth is 0 */
};

_Static_assert(offsetof(struct peer_row, stats) == 64, "one cache line before them");

struct peer_table {
    struct arena rows;       /* struct peer_row */
    struct arena histograms; /* struct histogram: of the row of the same index */
    uint32_t *slots;         /* open addressing: index plus one, 0: empty */
    uint32_t size;           /* of slots, a power of two */
    uint32_t limit, used;
    uint32_t high; /* indexes below it were in use once */
    uint32_t unused;
    uint32_t ttl_s; /* of a row without flows, from its last packet */
    bool keep;      /* rows never leave */
    uint64_t births;
    uint64_t seed[2];
    struct wheel wheel;
};

/* False: out of memory. The table must stay where it is. */
bool peer_table_init(struct peer_table *table, uint32_t max_peers, uint32_t ttl_s, bool keep, const uint64_t seed[static 2]);
void peer_table_destroy(struct peer_table *table);

/* The row's index, with one more flow; made (born at time_ns, *born set) if it is not there. PEER_ROW_NONE: no room.
 * hash: peer_key_hash() of the key. */
uint32_t peer_row_take(struct peer_table *table, const struct peer_key *key, uint64_t hash, int64_t time_ns, bool *born);
/* One flow less; last_s: of its newest packet. */
void peer_row_release(struct peer_table *table, uint32_t index, uint32_t last_s);
uint64_t peer_key_hash(const struct peer_table *table, const struct peer_key *key);
/* Asks for what peer_row_take() of a key of that hash looks at: its slot, then its row. */
void peer_row_await_slot(const struct peer_table *table, uint64_t hash);
void peer_row_await(const struct peer_table *table, uint64_t hash);
/* A row whose time has come, for the caller to remove or to postpone; PEER_ROW_NONE: no more up to now_s, which never goes back.
 */
uint32_t peer_row_due(struct peer_table *table, uint32_t now_s);
/* For a row that is due: it is so again, so much later than by its time to live, or after another one if that is sooner. */
void peer_row_postpone(struct peer_table *table, uint32_t index, uint32_t later_s);
/* Frees the slot of a row without flows. */
void peer_row_remove(struct peer_table *table, uint32_t index);
/* The row, whose flows are none of its any more, makes room for one of another key, which has none yet: with one flow. */
void peer_row_replace(struct peer_table *table, uint32_t index, const struct peer_key *key, uint64_t hash, int64_t time_ns);
/* Whether a key that has no row can get one. */
static inline bool peer_table_is_full(const struct peer_table *table)
{
    return table->used >= table->limit;
}

/* Row `index` < table->high; look at birth. */
static inline struct peer_row *peer_row_at(const struct peer_table *table, uint32_t index)
{
    return (struct peer_row *)table->rows.records + index;
}

#endif
