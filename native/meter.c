/* meter.c: see meter.h. */
#include "meter.h"

#include <stdlib.h>
#include <string.h>

#include "meter_state.h"
#include "prefetch.h"
#include "sides.h"

#define FLOWS_AHEAD 16U /* when all of them are gone through */
#define ROWS_AHEAD 6U
#define PENDING_BASE 65536U /* room for a few bulk transfers besides one pending segment a flow */

/* --- life --- */

struct meter *meter_new(const struct meter_options *options)
{
    struct meter *meter = calloc(1, sizeof *meter);

    if (meter == NULL) {
        return NULL;
    }
    meter->options = *options;
    meter->place = meter->queue;
    const uint32_t most = options->max_flows < PENDING_MAX - PENDING_BASE ? options->max_flows + PENDING_BASE : PENDING_MAX;
    const uint64_t *seed = options->hash_seed;
    const bool flows = flow_table_init(&meter->flows, options->max_flows, options->idle_ttl_s, options->exp_ttl_s, seed);
    const uint32_t row_ttl_s = options->row_ttl_s > options->idle_ttl_s ? options->row_ttl_s : options->idle_ttl_s;
    const bool peers = peer_table_init(&meter->peers, options->max_peers, row_ttl_s, options->keep_rows, seed);
    const bool pending = pending_pool_init(&meter->pending, most);
    const bool copies = copies_init(&meter->copies);
    const bool contest = meter_contest_init(meter);
    if (!flows || !peers || !pending || !copies || !contest) {
        meter_free(meter);
        return NULL;
    }
    meter->peers.births = options->births;
    return meter;
}

uint64_t meter_births(const struct meter *meter)
{
    return meter->peers.births;
}

void meter_free(struct meter *meter)
{
    if (meter == NULL) {
        return;
    }
    for (size_t n = 0; n < METER_MAX_INSTANCES; n++) {
        free(meter->instances[n]);
    }
    flow_table_destroy(&meter->flows);
    peer_table_destroy(&meter->peers);
    pending_pool_destroy(&meter->pending);
    copies_destroy(&meter->copies);
    meter_contest_destroy(meter);
    free(meter);
}

static struct metered *metered_at(const struct meter *meter, int number)
{
    return number >= 0 && number < METER_MAX_INSTANCES ? meter->instances[number] : NULL;
}

/* Calls fn for each open flow of the instances (bit n); fn may close it. */
static void each_flow(struct meter *meter, uint64_t instances, void (*fn)(struct meter *meter, struct flow *flow))
{
    meter->changes++;
    for (uint32_t index = 0; index < meter->flows.high; index++) {
        struct flow *flow = flow_at(&meter->flows, index);
        if (index + FLOWS_AHEAD < meter->flows.high) {
            flow_await_close(&meter->flows, flow + FLOWS_AHEAD);
        }
        if ((flow->state & FLOW_OPEN) && (instances >> flow_instance(flow) & 1)) {
            fn(meter, flow);
        }
    }
}

/* --- time --- */

static void remove_row(struct meter *meter, uint32_t index)
{
    meter->changes++;
    meter->instances[peer_row_at(&meter->peers, index)->key.instance]->counters.open_peers--;
    peer_row_remove(&meter->peers, index);
}

static bool is_row_kept(struct meter *meter, uint32_t index)
{
    const struct peer_row *row = peer_row_at(&meter->peers, index);
    const uint32_t pause_s = meter->instances[row->key.instance]->spec.pause_s;

    if (meter->now_s - row->last_s >= (uint64_t)meter->peers.ttl_s + pause_s) {
        return false;
    }
    peer_row_postpone(&meter->peers, index, pause_s);
    return true;
}

void meter_expire(struct meter *meter, uint32_t now_s)
{
    struct flow *flow;
    uint32_t row;

    meter_flush(meter);
    if (now_s > meter->now_s) {
        meter->now_s = now_s;
    }
    while ((flow = flow_due(&meter->flows, meter->now_s)) != NULL) {
        meter->changes++;
        meter_close_flow(meter, flow);
    }
    while ((row = peer_row_due(&meter->peers, meter->now_s)) != PEER_ROW_NONE) {
        if (!is_row_kept(meter, row)) {
            remove_row(meter, row);
        }
    }
    meter_contest(meter);
}

static void mark_clock(struct meter *meter, struct flow *flow)
{
    meter_drop_pending(meter, flow, SKIP_CLOCK);
}

void meter_clock_step(struct meter *meter)
{
    meter_flush(meter);
    each_flow(meter, UINT64_MAX, mark_clock);
}

static bool are_all(const struct meter *meter, uint64_t instances)
{
    uint64_t open = 0;

    for (uint64_t left = instances; left != 0; left &= left - 1) {
        const struct metered *metered = meter->instances[__builtin_ctzll(left)];
        open += metered == NULL ? 0 : metered->counters.open_flows;
    }
    return open == meter->flows.open;
}

/* Where none stays none has to be found in the table: with many flows that is most of what closing them takes. */
static void close_all(struct meter *meter)
{
    meter->changes++;
    for (uint32_t index = 0; index < meter->flows.high; index++) {
        if (flow_at(&meter->flows, index)->state & FLOW_OPEN) {
            meter_account_close(meter, flow_at(&meter->flows, index));
        }
    }
    flow_close_all(&meter->flows);
}

void meter_finish(struct meter *meter, uint64_t instances)
{
    meter_flush(meter);
    if (meter->flows.open > 0 && are_all(meter, instances)) {
        close_all(meter);
    } else if (meter->flows.open > 0) {
        each_flow(meter, instances, meter_close_flow);
    }
    if (meter->flows.open == 0) {
        copies_clear(&meter->copies); /* a capture may be read again, and its packets are no copies then */
    }
}

/* --- instances --- */

static void begin_instance(struct meter *meter, struct metered *metered)
{
    const struct meter_instance spec = metered->spec;

    *metered = (struct metered){ .spec = spec };
    metered->other.birth = ++meter->peers.births;
    peer_init(&metered->other.stats, &meter->empty);
}

int meter_instance_add(struct meter *meter, const struct meter_instance *instance)
{
    int number = 0;

    while (number < METER_MAX_INSTANCES && meter->instances[number] != NULL) {
        number++;
    }
    if (number == METER_MAX_INSTANCES || (meter->instances[number] = calloc(1, sizeof *meter->instances[number])) == NULL) {
        return -1;
    }
    meter->instances[number]->spec = *instance;
    begin_instance(meter, meter->instances[number]);
    return number;
}

static void close_unless_wanted(struct meter *meter, struct flow *flow)
{
    const struct metered *metered = meter->instances[flow_instance(flow)];
    enum packet_reason reason;
    const unsigned sides = sides_measured(&metered->spec, flow->key.address, &reason);

    if (sides != ((meter_is_measured(flow, 0) ? 1U : 0U) | (meter_is_measured(flow, 1) ? 2U : 0U))
        || !meter_has_its_rows(meter, flow)) {
        meter_close_flow(meter, flow);
    }
}

static bool groups_alike(const struct meter_instance *a, const struct meter_instance *b)
{
    return a->group == b->group
           && (a->group != METER_GROUP_SUBNET
               || (a->subnet_bits_v4 == b->subnet_bits_v4 && a->subnet_bits_v6 == b->subnet_bits_v6));
}

static bool sets_alike(const struct meter_instance *a, const struct meter_instance *b)
{
    return a->both_sides == b->both_sides && a->all_peers == b->all_peers && netset_equal(a->whitelist, b->whitelist)
           && netset_equal(a->local_own, b->local_own) && netset_equal(a->local_host, b->local_host)
           && netset_equal(a->local_nets, b->local_nets);
}

/* Rows of peers that the instance does not want any more would show what is not measured. A subnet's row may still hold others.
 */
static void drop_unwanted_rows(struct meter *meter, int number)
{
    const struct meter_instance *spec = &meter->instances[number]->spec;
    const struct netset *whitelist = spec->all_peers ? NULL : spec->whitelist;

    for (uint32_t index = 0; index < meter->peers.high && whitelist != NULL; index++) {
        const struct peer_row *row = peer_row_at(&meter->peers, index);
        if (row->birth != 0 && row->key.instance == (uint32_t)number && row->open_flows == 0 && row->key.peer_bits == 128
            && !netset_lookup(whitelist, &row->key.peer, NULL)) {
            remove_row(meter, index);
        }
    }
}

void meter_instance_change(struct meter *meter, int number, const struct meter_instance *instance)
{
    struct metered *metered = metered_at(meter, number);

    if (metered == NULL) {
        return;
    }
    meter_flush(meter);
    const bool groups = groups_alike(&metered->spec, instance), same = groups && sets_alike(&metered->spec, instance);
    metered->spec = *instance;
    if (same) {
        return; /* an address of another interface came or went, say: many such tell of nothing that matters here */
    }
    if (groups) {
        meter_contest_follow(meter, number);
    } else {
        meter_contest_restart(meter, number);
    }
    each_flow(meter, UINT64_C(1) << number, groups ? close_unless_wanted : meter_close_flow);
    drop_unwanted_rows(meter, number);
}

void meter_forget_shared(struct meter *meter, int number, bool (*is_known)(uint32_t value, const void *arg), const void *arg)
{
    meter_contest_forget_shared(meter, number, is_known, arg);
    for (uint32_t index = 0; index < meter->peers.high; index++) {
        const struct peer_row *row = peer_row_at(&meter->peers, index);
        const uint32_t value = meter_shared_value(&row->key);
        if (row->birth != 0 && row->key.instance == (uint32_t)number && row->open_flows == 0 && value != 0
            && !is_known(value, arg)) {
            remove_row(meter, index);
        }
    }
}

/* Its flows and rows go. */
static void end_instance(struct meter *meter, int number)
{
    meter_finish(meter, UINT64_C(1) << number);
    meter_contest_restart(meter, number);
    for (uint32_t index = 0; index < meter->peers.high; index++) {
        const struct peer_row *row = peer_row_at(&meter->peers, index);
        if (row->birth != 0 && row->key.instance == (uint32_t)number) {
            remove_row(meter, index);
        }
    }
    /* Its packets no longer are among those that meter_changes() adds. */
    meter->changes += meter->instances[number]->counters.packets;
}

void meter_instance_clear(struct meter *meter, int number)
{
    if (metered_at(meter, number) == NULL) {
        return;
    }
    end_instance(meter, number);
    begin_instance(meter, meter->instances[number]);
}

void meter_instance_remove(struct meter *meter, int number)
{
    struct metered *metered = metered_at(meter, number);

    if (metered == NULL) {
        return;
    }
    end_instance(meter, number);
    free(metered);
    meter->instances[number] = NULL;
}

/* --- reading --- */

const struct meter_counters *meter_counters(const struct meter *meter, int number)
{
    static const struct meter_counters none;
    const struct metered *metered = metered_at(meter, number);

    return metered == NULL ? &none : &metered->counters;
}

uint64_t meter_changes(const struct meter *meter)
{
    uint64_t changes = meter->changes;

    for (int number = 0; number < METER_MAX_INSTANCES; number++) {
        changes += meter->instances[number] == NULL ? 0 : meter->instances[number]->counters.packets;
    }
    return changes;
}

uint64_t meter_pending(const struct meter *meter, int number)
{
    const struct metered *metered = metered_at(meter, number);

    return metered == NULL ? 0 : metered->pending;
}

static bool has_other(const struct metered *metered)
{
    return metered != NULL && metered->other.stats.flows > 0;
}

size_t meter_row_count(const struct meter *meter)
{
    size_t count = meter->peers.used;

    for (int number = 0; number < METER_MAX_INSTANCES; number++) {
        count += has_other(meter->instances[number]) ? 1 : 0;
    }
    return count;
}

static void give_other(const struct metered *metered, int number, void (*fn)(const struct meter_row *row, void *arg), void *arg)
{
    const struct meter_row out = {
        .instance = number,
        .other = true,
        .birth = metered->other.birth,
        .first_birth = metered->other.birth,
        .stats = &metered->other.stats,
    };

    fn(&out, arg);
}

static void give_row(const struct peer_row *row, void (*fn)(const struct meter_row *row, void *arg), void *arg)
{
    const struct meter_row out = {
        .instance = (int)row->key.instance,
        .local = row->key.local,
        .peer = row->key.peer,
        .peer_bits = (uint8_t)row->key.peer_bits,
        .shared = meter_shared_value(&row->key),
        .peer_port = row->key.port,
        .birth = row->birth,
        .first_birth = row->first_birth,
        .birth_time_ns = row->birth_time_ns,
        .last_sample_time_ns = row->stats.last_sample_time_ns,
        .last_sample_s = row->stats.last_sample_s,
        .stats = &row->stats,
    };

    fn(&out, arg);
}

void meter_each_row(const struct meter *meter, void (*fn)(const struct meter_row *row, void *arg), void *arg)
{
    for (uint32_t index = 0; index < meter->peers.high; index++) {
        const struct peer_row *row = peer_row_at(&meter->peers, index);
        if (index + ROWS_AHEAD < meter->peers.high) {
            prefetch_range(peer_row_at(&meter->peers, index + ROWS_AHEAD), sizeof(struct peer_row));
        }
        if (row->birth != 0) {
            give_row(row, fn, arg);
        }
    }
    for (int number = 0; number < METER_MAX_INSTANCES; number++) {
        if (has_other(meter->instances[number])) {
            give_other(meter->instances[number], number, fn, arg);
        }
    }
}
