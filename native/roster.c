/* roster.c: what is measured, at work. */
#include "roster_private.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "ours.h"

#define STAMP_AHEAD_NS INT64_C(1000000) /* so long a packet may be between its time stamp and the filter */
/* Of reading a file in a turn in which the interfaces have nothing to say; and in one in which they have. */
#define READ_NS UINT64_C(1000000)
#define LEAST_READ_NS 1

struct roster *roster_new(const char *user_filter, const uint64_t hash_seed[static 2])
{
    struct roster *roster = calloc(1, sizeof *roster);

    if (roster == NULL)
        return NULL;
    roster->user_filter = user_filter;
    memcpy(roster->hash_seed, hash_seed, sizeof roster->hash_seed);
    return roster;
}

void roster_on_departure(struct roster *roster, void (*fn)(void *arg, uint64_t birth, uint64_t other_birth), void *arg)
{
    roster->on_departure = fn;
    roster->on_departure_arg = arg;
}

void roster_free_tap(struct shared_tap *shared)
{
    tap_free(shared->tap);
    netset_free(shared->own);
    *shared = (struct shared_tap){ 0 };
}

static struct shared_tap *find_tap(struct roster *roster, const struct tap *tap)
{
    for (size_t i = 0; i < roster->tap_count; i++)
        if (roster->taps[i].tap == tap)
            return &roster->taps[i];
    return NULL;
}

struct meter *roster_meter_of(const struct roster *roster, const struct instance *instance)
{
    return instance->replay == NULL ? roster->meter : replay_meter(instance->replay);
}

void roster_end_instance(struct roster *roster, struct instance *instance)
{
    struct replay *replay = instance->replay;
    struct shared_tap *shared = find_tap(roster, instance->tap);

    if (shared != NULL && instance->number >= 0)
        shared->open &= ~(UINT64_C(1) << instance->number); /* who gets that number next begins then */
    instance_stop(instance, roster_meter_of(roster, instance));
    replay_free(replay);
}

void roster_stop(struct roster *roster, bool but_files)
{
    size_t kept = 0;

    for (size_t i = 0; i < roster->count; i++)
        if (but_files && roster->instances[i].replay != NULL)
            roster->instances[kept++] = roster->instances[i];
        else
            roster_end_instance(roster, &roster->instances[i]);
    for (size_t i = 0; i < roster->tap_count; i++)
        roster_free_tap(&roster->taps[i]);
    roster->count = kept;
    roster->tap_count = 0;
}

void roster_free(struct roster *roster)
{
    if (roster == NULL)
        return;
    roster_stop(roster, false);
    meter_free(roster->meter);
    netset_free(roster->host);
    config_free(roster->config);
    free(roster);
}

const struct config *roster_config(const struct roster *roster)
{
    return roster->config;
}

const struct meter *roster_meter(const struct roster *roster)
{
    return roster->meter;
}

struct instance *roster_instances(struct roster *roster, size_t *count)
{
    *count = roster->count;
    return roster->instances;
}

struct instance_host roster_host(struct roster *roster, const struct tap *tap)
{
    const struct shared_tap *shared = find_tap(roster, tap);

    return shared == NULL ? (struct instance_host){ 0 } : (struct instance_host){ .own = shared->own, .host = roster->host };
}

static void add_to_union(const struct ip_prefix *prefix, uint32_t value, void *arg)
{
    struct netset **set = arg;

    if (*set != NULL && netset_add(*set, prefix, value) < 0) {
        netset_free(*set);
        *set = NULL;
    }
}

static bool is_open_on(const struct instance *instance, const struct shared_tap *shared)
{
    return instance->tap == shared->tap && instance->window.is_open;
}

static uint64_t open_on(const struct roster *roster, const struct shared_tap *shared)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < roster->count; i++)
        if (is_open_on(&roster->instances[i], shared))
            bits |= UINT64_C(1) << roster->instances[i].number;
    return bits;
}

/* NULL: all, also when memory is short: the meter matches exactly, so that costs time and no truth. */
static struct netset *wanted_on(const struct roster *roster, const struct shared_tap *shared)
{
    struct netset *wanted = netset_new();

    for (size_t i = 0; i < roster->count && wanted != NULL; i++) {
        if (!is_open_on(&roster->instances[i], shared))
            continue;
        if (roster->instances[i].config->all_peers) {
            netset_free(wanted);
            wanted = NULL;
        } else {
            netset_each(roster->instances[i].whitelist, add_to_union, &wanted);
        }
    }
    return wanted;
}

void roster_end_flows(const struct roster *roster, const struct shared_tap *shared)
{
    meter_finish(roster->meter, shared->instances);
}

void roster_end_if_lost(const struct roster *roster, const struct shared_tap *shared, bool was_open)
{
    if (was_open && tap_fd(shared->tap) < 0)
        roster_end_flows(roster, shared);
}

/* What any open instance of the tap wants goes to its kernel filter, and who we are. One that cannot be given its filter closes.
 */
void roster_refilter(struct roster *roster, struct shared_tap *shared)
{
    const bool was_open = tap_fd(shared->tap) >= 0;
    const uint64_t before = shared->open;

    shared->open = open_on(roster, shared);
    if (shared->open == 0)
        tap_reject(shared->tap);
    else
        tap_wanted(shared->tap, wanted_on(roster, shared), ours_make(shared->own, roster->host));
    roster_end_if_lost(roster, shared, was_open);
    if (tap_fd(shared->tap) >= 0)
        since_note(&shared->fresh, shared->open & ~before, (int64_t)clock_ns(CLOCK_REALTIME) + STAMP_AHEAD_NS);
}

/* ---- files ---- */

static void check_files(struct roster *roster, uint32_t now_s)
{
    for (size_t i = 0; i < roster->count; i++)
        if (roster->instances[i].replay != NULL)
            replay_check(roster->instances[i].replay, now_s, instance_is_resolved(&roster->instances[i]));
}

/* Files are read one after the other: the first one that is not at its end; NULL: none. */
static struct replay *current_file(const struct roster *roster)
{
    for (size_t i = 0; i < roster->count; i++)
        if (roster->instances[i].replay != NULL && replay_is_reading(roster->instances[i].replay))
            return roster->instances[i].replay;
    return NULL;
}

static bool is_any_ready(const struct roster *roster, const struct pollfd *polled)
{
    for (size_t i = 0; i < roster->tap_count; i++)
        if (polled == NULL || polled[i].revents != 0)
            return true;
    return false;
}

/* ---- at work ---- */

/* While an interface is away, or its capture cannot be opened, none of its instances is measured. */
static void tell_measured(const struct roster *roster)
{
    uint64_t measured = 0;

    for (size_t i = 0; i < roster->tap_count; i++)
        if (tap_state(roster->taps[i].tap) == SEG_CAPTURING)
            measured |= roster->taps[i].open;
    meter_measured(roster->meter, measured);
}

static void check_tap(struct roster *roster, struct shared_tap *shared, uint32_t now_s)
{
    const bool was_open = tap_fd(shared->tap) >= 0;

    if (!tap_check(shared->tap, now_s))
        return;
    if (was_open) /* and was closed, if only to be opened on another interface of that name */
        roster_end_flows(roster, shared);
    if (tap_fd(shared->tap) >= 0)
        roster_refresh_own(roster, shared);
}

void roster_check(struct roster *roster, struct resolver *resolver, const char *forbidden, uint32_t now_s)
{
    if (roster->meter == NULL)
        return;
    for (size_t i = 0; i < roster->tap_count; i++)
        if (forbidden != NULL)
            tap_forbid(roster->taps[i].tap, forbidden);
        else
            check_tap(roster, &roster->taps[i], now_s);
    for (size_t i = 0; i < roster->count && resolver != NULL; i++)
        if (instance_asks(&roster->instances[i]))
            targets_ask(roster->instances[i].targets, resolver, now_s, roster->config->resolve_interval_s);
    check_files(roster, now_s);
    meter_expire(roster->meter, now_s);
    tell_measured(roster);
}

void roster_clock_step(struct roster *roster)
{
    for (size_t i = 0; i < roster->tap_count; i++)
        roster->taps[i].fresh.instances = roster->taps[i].ended.instances = 0; /* by the other clock */
    if (roster->meter != NULL)
        meter_clock_step(roster->meter);
}

size_t roster_poll(const struct roster *roster, struct pollfd out[static ROSTER_MAX], int *timeout_ms)
{
    *timeout_ms = current_file(roster) == NULL ? roster_until_followed_ms(roster) : 0;
    for (size_t i = 0; i < roster->tap_count; i++) {
        struct tap *tap = roster->taps[i].tap;
        const int rest_ms = (int)tap_rest_ms(tap);

        out[i] = (struct pollfd){ .fd = rest_ms == 0 ? tap_fd(tap) : -1, .events = POLLIN };
        if (rest_ms > 0 && (*timeout_ms < 0 || rest_ms < *timeout_ms))
            *timeout_ms = rest_ms;
    }
    return roster->tap_count;
}

/* While frames are skipped their stamps say nothing. Where nobody else's come into the ring, what is in it is of the windows that
 * end; where they do, it cannot be told apart, and is the others'. */
static uint64_t ending_unstamped(const struct shared_tap *shared, bool skip)
{
    return skip && shared->open == 0 ? shared->ending_windows : 0;
}

struct tap_sink roster_sink(const struct roster *roster, const struct shared_tap *shared, uint32_t now_s, bool skip)
{
    return (struct tap_sink){
        .meter = roster->meter,
        .instances = shared->open | ending_unstamped(shared, skip),
        .now_s = now_s,
        .skip = skip,
        .fresh = shared->open & shared->fresh.instances,
        .fresh_from = &shared->fresh,
        .ended = shared->ended.instances & (shared->late | ~shared->open),
        .late = shared->late,
        .ended_at = &shared->ended,
    };
}

void roster_dispatch(struct roster *roster, const struct pollfd *polled, uint32_t now_s, bool skip)
{
    struct replay *file = current_file(roster);

    for (size_t i = 0; i < roster->tap_count; i++) {
        struct shared_tap *shared = &roster->taps[i];
        const struct tap_sink sink = roster_sink(roster, shared, now_s, skip);

        if (polled != NULL && polled[i].revents == 0)
            continue;
        if (tap_dispatch(shared->tap, &sink))
            roster_end_flows(roster, shared);
    }
    if (file != NULL)
        replay_read(file, is_any_ready(roster, polled) ? LEAST_READ_NS : READ_NS);
}

void roster_finish(struct roster *roster)
{
    for (size_t i = 0; i < roster->tap_count; i++)
        meter_finish(roster->meter, roster->taps[i].instances);
}

void roster_close(struct roster *roster)
{
    for (size_t i = 0; i < roster->tap_count; i++)
        if (tap_fd(roster->taps[i].tap) >= 0)
            tap_close(roster->taps[i].tap);
    roster_finish(roster);
    if (roster->meter != NULL)
        tell_measured(roster);
}
