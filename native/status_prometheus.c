/* status_prometheus.c: see status_prometheus.h. */
#include "status_prometheus.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "config.h"
#include "report.h"

#define STALE "stale"

bool status_is_running(const char *state)
{
    return strcmp(state, STALE) != 0 && strcmp(state, segment_state_name(SEG_STOPPED)) != 0;
}

/* Whether instances can be other than failed. */
static bool is_at_work(const char *state)
{
    return status_is_running(state) && strcmp(state, segment_state_name(SEG_FAILED)) != 0;
}

bool status_is_measuring(const struct segment_copy *copy, const char *state)
{
    bool any = false;

    for (uint32_t i = 0; i < copy->snapshot.instance_count; i++)
        any = any || copy->instances[i].state == SEG_CAPTURING || copy->instances[i].state == SEG_STOPPED;
    return any && is_at_work(state);
}

bool status_has_rows(const struct seg_instance *instance, const char *state)
{
    return instance->state != SEG_FAILED && is_at_work(state);
}

static void put_state(FILE *stream, const char *name, const char *state)
{
    fputs("go_metro_state", stream);
    report_prometheus_label(stream, "{", "state", name);
    fprintf(stream, "} %d\n", strcmp(name, state) == 0);
}

static void put_helper(FILE *stream, const struct segment_copy *copy, const char *state)
{
    report_prometheus_head(stream, "go_metro_build_info", "gauge", "The version of go-metro that published, always 1.");
    fputs("go_metro_build_info", stream);
    report_prometheus_label(stream, "{", "version", copy->header.version);
    fputs("} 1\n", stream);
    report_prometheus_head(stream, "go_metro_state", "gauge", "1 for the state that go-metro is in.");
    for (uint32_t i = SEG_STARTING; i <= SEG_STOPPED; i++)
        put_state(stream, segment_state_name(i), state);
    put_state(stream, STALE, state);
    report_prometheus_head(stream, "go_metro_start_time_seconds", "gauge", "When go-metro was started, since the epoch.");
    fputs("go_metro_start_time_seconds", stream);
    report_prometheus_seconds(stream, copy->header.start_realtime_ns);
    report_prometheus_head(stream, "go_metro_published_time_seconds", "gauge", "When go-metro last published, since the epoch.");
    fputs("go_metro_published_time_seconds", stream);
    report_prometheus_seconds(stream, copy->snapshot.realtime_ns);
}

/* ---- captures ---- */

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a + b;
}

/* Of what the instances of an interface share each of them says all of it: but of packets only as far as its windows go. */
static uint64_t greatest(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static const struct counter {
    const char *name, *type, *help;
    size_t offset;                            /* of a uint64_t in struct seg_instance */
    uint64_t (*join)(uint64_t a, uint64_t b); /* NULL: each instance has its own, and one may leave without the other */
} counters[] = {
    { "go_metro_packets_total", "counter", "Packets that the kernel's filter let through, and those of capture files.",
      offsetof(struct seg_instance, received), greatest },
    { "go_metro_ring_dropped_packets_total", "counter", "Packets lost because the capture's ring was full.",
      offsetof(struct seg_instance, dropped_kernel), greatest },
    { "go_metro_device_dropped_packets_total", "counter", "Packets lost by the network device.",
      offsetof(struct seg_instance, dropped_interface), greatest },
    { "go_metro_refused_packets_total", "counter", "Packets turned away because of max_flows.",
      offsetof(struct seg_instance, refused_flows), NULL },
    { "go_metro_other_flows_total", "counter", "TCP flows counted as dst other because of max_peers.",
      offsetof(struct seg_instance, refused_peers), NULL },
    { "go_metro_open_flows", "gauge", "TCP flows that are open.", offsetof(struct seg_instance, open_flows), NULL },
};

static bool are_on_one_interface(const struct seg_instance *a, const struct seg_instance *b)
{
    return strcmp(a->interface, b->interface) == 0;
}

static bool is_first_of_its_interface(const struct segment_copy *copy, uint32_t place)
{
    for (uint32_t i = 0; i < place; i++)
        if (are_on_one_interface(&copy->instances[i], &copy->instances[place]))
            return false;
    return true;
}

/* Files share nothing. */
static uint64_t join(const struct seg_instance *instance, const struct counter *counter, uint64_t a, uint64_t b)
{
    if (counter == NULL)
        return greatest(a, b);
    return (config_interface_is_file(instance->interface) ? sum : counter->join)(a, b);
}

static uint64_t value_of(const struct seg_instance *instance, const struct counter *counter)
{
    uint64_t value;

    if (counter == NULL)
        return instance->state == SEG_CAPTURING;
    memcpy(&value, (const char *)instance + counter->offset, sizeof value);
    return value;
}

/* counter NULL: whether any of the interface's instances is capturing. A capture file that was read to its end is not, and
 * nothing is wrong with it: whether it is up is not asked. */
static void put_captures(FILE *stream, const struct segment_copy *copy, const char *name, const struct counter *counter)
{
    for (uint32_t i = 0; i < copy->snapshot.instance_count; i++) {
        uint64_t value = value_of(&copy->instances[i], counter);

        if (!is_first_of_its_interface(copy, i) || (counter == NULL && config_interface_is_file(copy->instances[i].interface)))
            continue;
        for (uint32_t j = i + 1; j < copy->snapshot.instance_count; j++)
            if (are_on_one_interface(&copy->instances[i], &copy->instances[j]))
                value = join(&copy->instances[i], counter, value, value_of(&copy->instances[j], counter));
        fputs(name, stream);
        report_prometheus_label(stream, "{", "iface", copy->instances[i].interface);
        fprintf(stream, "} %" PRIu64 "\n", value);
    }
}

/* The index tells two instances on one interface, and files, apart. */
static void put_instance(FILE *stream, const char *name, const struct seg_instance *instance, uint32_t index)
{
    fputs(name, stream);
    report_prometheus_label(stream, "{", "iface", instance->interface);
    fprintf(stream, ",index=\"%" PRIu32 "\"", index);
}

static void put_each(FILE *stream, const struct segment_copy *copy, const struct counter *counter)
{
    for (uint32_t i = 0; i < copy->snapshot.instance_count; i++) {
        put_instance(stream, counter->name, &copy->instances[i], i);
        fprintf(stream, "} %" PRIu64 "\n", value_of(&copy->instances[i], counter));
    }
}

static void put_instance_state(FILE *stream, const char *name, const struct seg_instance *instance, uint32_t index,
                               enum seg_state state)
{
    put_instance(stream, name, instance, index);
    report_prometheus_label(stream, ",", "state", segment_state_name(state));
    fprintf(stream, "} %d\n", instance->state == state);
}

static void put_instances(FILE *stream, const struct segment_copy *copy)
{
    static const char name[] = "go_metro_instance_state";
    static const enum seg_state states[] = { SEG_STARTING, SEG_CAPTURING, SEG_FAILED, SEG_STOPPED };

    report_prometheus_head(stream, name, "gauge", "1 for the state that the instance is in; a file read to its end is stopped.");
    for (uint32_t i = 0; i < copy->snapshot.instance_count; i++)
        for (size_t s = 0; s < sizeof states / sizeof states[0]; s++)
            put_instance_state(stream, name, &copy->instances[i], i, states[s]);
}

static void put_all_captures(FILE *stream, const struct segment_copy *copy)
{
    static const char up[] = "go_metro_capture_up";

    report_prometheus_head(stream, up, "gauge", "Whether the interface is being captured; capture files have none.");
    put_captures(stream, copy, up, NULL);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        report_prometheus_head(stream, counters[i].name, counters[i].type, counters[i].help);
        if (counters[i].join == NULL)
            put_each(stream, copy, &counters[i]);
        else
            put_captures(stream, copy, counters[i].name, &counters[i]);
    }
}

/* ---- rows ---- */

/* A segment may say anything. */
static uint64_t without(uint64_t all, uint64_t given)
{
    return all > given ? all - given : 0;
}

void status_prometheus_own(struct report_row *row, const struct seg_instance *instance)
{
    if (!row->counts_only)
        return;
    row->timed = without(row->timed, instance->given_timed);
    row->samples = without(row->samples, instance->given_samples);
    row->handshake_samples = without(row->handshake_samples, instance->given_handshake_samples);
    row->retransmits = without(row->retransmits, instance->given_retransmits);
    row->flows = instance->refused_peers;
}

void status_prometheus(FILE *stream, const struct segment_copy *copy, const char *state)
{
    report_prometheus_head(stream, "go_metro_up", "gauge", "Whether go-metro is measuring.");
    fprintf(stream, "go_metro_up %d\n", copy != NULL && status_is_measuring(copy, state));
    if (copy == NULL)
        return;
    put_helper(stream, copy, state);
    /* A scrape has no time of its own: what a helper counted before it ended would be taken for now. */
    if (!status_is_running(state))
        return;
    put_instances(stream, copy);
    put_all_captures(stream, copy);
}
