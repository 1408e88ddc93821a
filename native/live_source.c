/* live_source.c: one interface at work. */
#include "live_source.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/types.h>

#include "clock.h"
#include "clock_watch.h"
#include "links.h"
#include "ours.h"
#include "tap.h"

/* The running helper's defaults, but for the rows: they stay, because the table is of all that was seen. */
#define MAX_FLOWS 200000
#define MAX_PEERS 20000
#define IDLE_TTL_S 300
#define EXP_TTL_S 60
#define SNAPLEN 512
#define RING_MIB 32 /* a stop of 200 ms at 400,000 packets a second is no loss */

struct live_source {
    struct live_source_options options;
    struct tap *tap;
    struct meter *meter;
    int number;
    struct netset *own, *host; /* NULL with options.local */
    struct clock_watch clock;
    uint32_t clock_steps;
};

uint32_t live_source_now_s(void)
{
    return (uint32_t)(clock_ns(CLOCK_BOOTTIME) / 1000000000u);
}

static uint64_t instances_of(const struct live_source *source)
{
    return UINT64_C(1) << source->number;
}

static struct meter *make_meter(const struct live_source_options *options)
{
    struct meter_options meter = { .max_flows = MAX_FLOWS,
                                   .max_peers = MAX_PEERS,
                                   .idle_ttl_s = IDLE_TTL_S,
                                   .exp_ttl_s = EXP_TTL_S,
                                   .keep_rows = true,
                                   .on_sample = options->on_sample };

    if (getrandom(meter.hash_seed, sizeof meter.hash_seed, 0) != (ssize_t)sizeof meter.hash_seed)
        return NULL;
    return meter_new(&meter);
}

static struct meter_instance instance_of(const struct live_source *source)
{
    return (struct meter_instance){
        .local_own = source->own, .local_host = source->host, .local_nets = source->options.local, .group = METER_GROUP_PEER
    };
}

/* The meter lets go of the old sets before they are freed. When they cannot be read those that were stay in force. */
static void refresh_addresses(struct live_source *source)
{
    struct netset *old_own = source->own, *old_host = source->host;
    struct meter_instance instance;
    struct netset *own, *host;
    bool was_open;

    if (source->options.local != NULL)
        return;
    own = links_own_addresses(source->options.interface);
    host = links_host_addresses();
    if (own == NULL || host == NULL) {
        netset_free(own);
        netset_free(host);
        return;
    }
    source->own = own;
    source->host = host;
    instance = instance_of(source);
    meter_instance_change(source->meter, source->number, &instance);
    was_open = tap_fd(source->tap) >= 0;
    tap_wanted(source->tap, NULL, ours_make(own, host));
    if (was_open && tap_fd(source->tap) < 0)
        meter_finish(source->meter, instances_of(source));
    netset_free(old_own);
    netset_free(old_host);
}

static struct tap *make_tap(const struct live_source_options *options)
{
    const struct tap_settings settings = { .snaplen = SNAPLEN,
                                           .buffer_bytes = RING_MIB << 20,
                                           .buffer_mib = RING_MIB,
                                           .promiscuous = true,
                                           .user_filter = options->filter };
    struct tap *tap = tap_new(options->interface, &settings);

    if (tap != NULL)
        tap_wanted(tap, NULL, NULL);
    return tap;
}

struct live_source *live_source_new(const struct live_source_options *options)
{
    struct live_source *source = calloc(1, sizeof *source);
    struct clock_sample sample = clock_sample();
    struct meter_instance instance;

    if (source == NULL)
        return NULL;
    source->options = *options;
    source->tap = make_tap(options);
    source->meter = make_meter(options);
    instance = instance_of(source);
    if (source->tap == NULL || source->meter == NULL || (source->number = meter_instance_add(source->meter, &instance)) < 0) {
        live_source_free(source);
        return NULL;
    }
    refresh_addresses(source);
    clock_watch_init(&source->clock, &sample);
    return source;
}

void live_source_free(struct live_source *source)
{
    if (source == NULL)
        return;
    tap_free(source->tap);
    meter_free(source->meter);
    netset_free(source->own);
    netset_free(source->host);
    free(source);
}

void live_source_check(struct live_source *source, bool links_changed)
{
    const uint32_t now_s = live_source_now_s();
    const bool was_open = tap_fd(source->tap) >= 0;
    const bool is_other = tap_check(source->tap, now_s); /* opened or closed just now, or one after the other */

    if (was_open && is_other)
        meter_finish(source->meter, instances_of(source));
    if (is_other || links_changed)
        refresh_addresses(source);
    meter_expire(source->meter, now_s);
}

int live_source_fd(const struct live_source *source)
{
    return tap_fd(source->tap);
}

/* Around a step of the wall clock the frames in the ring may be stamped by either clock: they are skipped, and what was measured
 * before them does not go on after them. At the end of the quiet time whatever waits goes too. */
void live_source_take(struct live_source *source, bool is_ready)
{
    const struct clock_sample sample = clock_sample();
    const enum clock_verdict verdict = clock_watch_look(&source->clock, &sample);
    const struct tap_sink sink = {
        .meter = source->meter, .instances = instances_of(source), .now_s = live_source_now_s(), .skip = verdict != CLOCK_STEADY
    };

    if (verdict == CLOCK_STEPPED) {
        source->clock_steps++;
        meter_clock_step(source->meter);
    }
    if (((is_ready || verdict == CLOCK_QUIET_OVER) && tap_dispatch(source->tap, &sink)) || verdict == CLOCK_QUIET_OVER)
        meter_finish(source->meter, instances_of(source));
}

void live_source_finish(struct live_source *source)
{
    const uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + TAP_LAST_BLOCK_NS;
    uint64_t now_ns;

    while (tap_fd(source->tap) >= 0 && (now_ns = clock_ns(CLOCK_MONOTONIC)) < end_ns) {
        struct pollfd fd = { .fd = tap_fd(source->tap), .events = POLLIN };
        const int ready = poll(&fd, 1, (int)((end_ns - now_ns) / 1000000) + 1);

        live_source_take(source, ready > 0);
    }
    meter_finish(source->meter, instances_of(source));
}

const char *live_source_trouble(const struct live_source *source)
{
    return tap_error(source->tap);
}

const struct meter *live_source_meter(const struct live_source *source)
{
    return source->meter;
}

int live_source_number(const struct live_source *source)
{
    return source->number;
}

void live_source_statistics(struct live_source *source, struct capture_statistics *out)
{
    tap_statistics(source->tap, out);
}

uint32_t live_source_clock_steps(const struct live_source *source)
{
    return source->clock_steps;
}
