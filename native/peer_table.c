/* peer_table.c: see peer_table.h. */
#include "peer_table.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

_Static_assert(sizeof(struct peer_key) == HASH_KEY_SIZE, "hashed whole");

static uint32_t *word_of(void *owner, uint32_t index)
{
    return &peer_row_at(owner, index)->wheel;
}

bool peer_table_init(struct peer_table *table, uint32_t max_peers, uint32_t ttl_s, bool keep, const uint64_t seed[static 2])
{
    memset(table, 0, sizeof *table);
    table->limit = max_peers < PEER_ROWS_MAX ? max_peers : PEER_ROWS_MAX;
    table->unused = PEER_ROW_NONE;
    table->ttl_s = ttl_s == 0 ? 1 : ttl_s;
    table->keep = keep;
    memcpy(table->seed, seed, sizeof table->seed);
    wheel_init(&table->wheel, word_of, table);
    for (table->size = 16; table->size / 2 < table->limit;) {
        table->size *= 2; /* at most half full, so that it never has to grow */
    }
    table->slots = calloc(table->size, sizeof *table->slots);
    const bool rows = arena_init(&table->rows, sizeof(struct peer_row), table->limit);
    const bool histograms = arena_init(&table->histograms, sizeof(struct histogram), table->limit);
    return rows && histograms && table->slots != NULL;
}

void peer_table_destroy(struct peer_table *table)
{
    arena_destroy(&table->rows);
    arena_destroy(&table->histograms);
    free(table->slots);
    table->slots = NULL;
}

uint64_t peer_key_hash(const struct peer_table *table, const struct peer_key *key)
{
    return hash_key(key, table->seed);
}

static uint32_t home_of(const struct peer_table *table, uint64_t hash)
{
    return (uint32_t)hash & (table->size - 1);
}

void peer_row_await_slot(const struct peer_table *table, uint64_t hash)
{
    __builtin_prefetch(&table->slots[home_of(table, hash)]);
}

void peer_row_await(const struct peer_table *table, uint64_t hash)
{
    const uint32_t index = table->slots[home_of(table, hash)];

    if (index != 0) {
        const struct peer_row *row = peer_row_at(table, index - 1);
        __builtin_prefetch(&row->key, 1);
        peer_await(&row->stats);
    }
}

/* The slot that holds the key, or the empty one where it belongs. */
static uint32_t slot_of(const struct peer_table *table, const struct peer_key *key, uint64_t hash)
{
    uint32_t at = home_of(table, hash);

    while (table->slots[at] != 0 && memcmp(&peer_row_at(table, table->slots[at] - 1)->key, key, sizeof *key) != 0) {
        at = (at + 1) & (table->size - 1);
    }
    return at;
}

static uint32_t take_fresh(struct peer_table *table)
{
    if (!arena_reach(&table->rows, table->high) || !arena_reach(&table->histograms, table->high)) {
        return PEER_ROW_NONE;
    }
    return table->high++;
}

static uint32_t take_slot(struct peer_table *table)
{
    const uint32_t index = table->unused;

    if (peer_table_is_full(table)) {
        return PEER_ROW_NONE;
    }
    if (index == PEER_ROW_NONE) {
        return take_fresh(table);
    }
    table->unused = peer_row_at(table, index)->next_unused;
    return index;
}

static void row_begin(struct peer_table *table, uint32_t index, const struct peer_key *key, uint32_t slot, int64_t time_ns)
{
    struct peer_row *row = peer_row_at(table, index);

    *row = (struct peer_row){ .key = *key, .wheel = row->wheel };
    peer_init(&row->stats, (struct histogram *)table->histograms.records + index);
    row->birth = row->first_birth = ++table->births;
    row->birth_time_ns = time_ns;
    table->slots[slot] = index + 1;
}

static uint32_t row_new(struct peer_table *table, const struct peer_key *key, uint32_t slot, int64_t time_ns)
{
    const uint32_t index = take_slot(table);

    if (index != PEER_ROW_NONE) {
        row_begin(table, index, key, slot, time_ns);
        table->used++;
    }
    return index;
}

uint32_t peer_row_take(struct peer_table *table, const struct peer_key *key, uint64_t hash, int64_t time_ns, bool *born)
{
    const uint32_t slot = slot_of(table, key, hash);
    const bool known = table->slots[slot] != 0;
    const uint32_t index = known ? table->slots[slot] - 1 : row_new(table, key, slot, time_ns);

    *born = !known && index != PEER_ROW_NONE;
    if (index != PEER_ROW_NONE) {
        peer_row_at(table, index)->open_flows++;
    }
    return index;
}

void peer_row_release(struct peer_table *table, uint32_t index, uint32_t last_s)
{
    struct peer_row *row = peer_row_at(table, index);

    if (last_s > row->last_s) {
        row->last_s = last_s;
    }
    row->open_flows--;
    if (row->open_flows == 0 && !table->keep) {
        wheel_add(&table->wheel, index, row->last_s + table->ttl_s);
    }
}

uint32_t peer_row_due(struct peer_table *table, uint32_t now_s)
{
    uint32_t index;

    while ((index = wheel_take(&table->wheel, now_s)) != WHEEL_NONE) {
        const struct peer_row *row = peer_row_at(table, index);
        if (row->birth == 0 || row->open_flows > 0) {
            continue; /* it was removed, or is used again */
        }
        if (now_s - row->last_s >= table->ttl_s) {
            return index;
        }
        wheel_add(&table->wheel, index, row->last_s + table->ttl_s);
    }
    return PEER_ROW_NONE;
}

void peer_row_postpone(struct peer_table *table, uint32_t index, uint32_t later_s)
{
    const uint32_t due_s = peer_row_at(table, index)->last_s + table->ttl_s + later_s;
    const uint32_t look_s = table->wheel.now_s + table->ttl_s; /* not later than a row that is used again may leave */

    wheel_add(&table->wheel, index, due_s < look_s ? due_s : look_s);
}

/* Closes the gap at `hole`: each later slot of the run that may stand there moves up. */
static void close_gap(struct peer_table *table, uint32_t hole)
{
    const uint32_t mask = table->size - 1;

    for (uint32_t at = (hole + 1) & mask; table->slots[at] != 0; at = (at + 1) & mask) {
        const uint32_t from_home = (at - home_of(table, peer_key_hash(table, &peer_row_at(table, table->slots[at] - 1)->key)))
                                   & mask;
        if (from_home >= ((at - hole) & mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    table->slots[hole] = 0;
}

/* From here on its key has no row. */
static void forget_key(struct peer_table *table, uint32_t index)
{
    const struct peer_key *key = &peer_row_at(table, index)->key;

    close_gap(table, slot_of(table, key, peer_key_hash(table, key)));
}

void peer_row_replace(struct peer_table *table, uint32_t index, const struct peer_key *key, uint64_t hash, int64_t time_ns)
{
    struct peer_row *row = peer_row_at(table, index);
    const uint64_t first_birth = row->first_birth;

    forget_key(table, index);
    row_begin(table, index, key, slot_of(table, key, hash), time_ns);
    row->first_birth = first_birth;
    row->open_flows = 1;
}

void peer_row_remove(struct peer_table *table, uint32_t index)
{
    struct peer_row *row = peer_row_at(table, index);

    forget_key(table, index);
    row->birth = 0;
    row->next_unused = table->unused;
    table->unused = index;
    table->used--;
}
