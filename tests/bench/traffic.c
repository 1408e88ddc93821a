/* traffic.c: see traffic.h. */
#include "traffic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation.h"

#define US NS_PER_US
#define MS NS_PER_MS
#define BETWEEN_NS 80     /* two packets on one wire */
#define BULK_IN_FLIGHT 64 /* segments of a flow */
#define REQUESTS_SPREAD (5 * MS)
#define SHORT_SPREAD (10 * NS_PER_S)
#define FOR_EVER UINT8_MAX /* exchanges */

/* What passes before a packet: nothing but a program's reaction, a round trip, a user's pause. */
enum gap { AT_ONCE, ROUND_TRIP, PAUSE, GAPS };

struct traffic {
    const struct traffic_pattern *pattern;
    const struct traffic_options *options;
    struct clockwork clock; /* also what is random */
    struct conversation *flows;
    struct task *tasks;
    uint64_t packets, last_ns;
    uint32_t opened;
    traffic_tap_fn tap;
    void *tap_arg;
};

struct traffic_pattern {
    const char *name, *about;
    uint64_t packets; /* 0: until every flow has ended */
    uint32_t flows, peers;
    uint64_t gap_ns[GAPS]; /* up to twice as long */
    void (*begin)(struct traffic *traffic);
};

/* What an event is about: a flow, or two segments of one that are in flight. The clockwork hands over one pointer. */
struct task {
    struct traffic *traffic;
    struct conversation *flow;
    uint64_t rtt_ns;
    uint32_t end, ts_val; /* what their one ACK says */
};

static void *get_memory(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL) {
        fputs("workload: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

static uint32_t random_below(struct traffic *traffic, uint64_t below)
{
    return (uint32_t)clockwork_random(&traffic->clock, below);
}

/* --- a packet --- */

static bool is_over(const struct traffic *traffic)
{
    return traffic->options->packets > 0 && traffic->packets >= traffic->options->packets;
}

static struct frame_segment prepare(struct traffic *traffic, struct conversation *flow, struct conversation_hosts *hosts,
                                    unsigned from, uint8_t flags, uint32_t payload)
{
    return conversation_segment(flow, hosts, traffic->options->is_v6, from, flags, payload, traffic->clock.now_ns);
}

static void hand_over(struct traffic *traffic, const struct frame_segment *segment)
{
    uint8_t frame[FRAME_HEADERS_MAX + TRAFFIC_SNAPLEN];
    const uint64_t earliest_ns = traffic->packets == 0 ? 0 : traffic->last_ns + BETWEEN_NS;
    size_t length, captured;

    if (is_over(traffic))
        return;
    captured = frame_write(frame, TRAFFIC_SNAPLEN, segment, &length);
    traffic->last_ns = traffic->clock.now_ns > earliest_ns ? traffic->clock.now_ns : earliest_ns;
    traffic->tap(traffic->tap_arg, frame, captured < TRAFFIC_SNAPLEN ? captured : TRAFFIC_SNAPLEN, length, traffic->last_ns);
    traffic->packets++;
}

static void send_segment(struct traffic *traffic, struct conversation *flow, unsigned from, uint8_t flags, uint32_t payload)
{
    struct conversation_hosts hosts;
    const struct frame_segment segment = prepare(traffic, flow, &hosts, from, flags, payload);

    hand_over(traffic, &segment);
}

/* --- the life of a flow, step by step --- */

enum { NO_DATA, REQUEST, RESPONSE };
enum {
    STEP_SYN,
    STEP_SYN_ACK,
    STEP_ACK,
    STEP_FIRST,
    STEP_RESPONSE,
    STEP_REQUEST,
    STEP_FIN,
    STEP_FIN_ACK,
    STEP_LAST_ACK,
    STEP_OVER
};

#define DATA (FRAME_PSH | FRAME_ACK)

/* gap: where the host sends it, and where the peer does, whose packets come when the one before has been there and back. */
static const struct {
    bool is_servers;
    uint8_t flags, data;
    enum gap gap[2];
} steps[STEP_OVER] = {
    [STEP_SYN] = { false, FRAME_SYN, NO_DATA, { AT_ONCE, AT_ONCE } },
    [STEP_SYN_ACK] = { true, FRAME_SYN | FRAME_ACK, NO_DATA, { AT_ONCE, ROUND_TRIP } },
    [STEP_ACK] = { false, FRAME_ACK, NO_DATA, { AT_ONCE, ROUND_TRIP } },
    [STEP_FIRST] = { false, DATA, REQUEST, { AT_ONCE, AT_ONCE } },
    [STEP_RESPONSE] = { true, DATA, RESPONSE, { AT_ONCE, ROUND_TRIP } },
    [STEP_REQUEST] = { false, DATA, REQUEST, { PAUSE, PAUSE } },
    [STEP_FIN] = { false, FRAME_FIN | FRAME_ACK, NO_DATA, { PAUSE, PAUSE } },
    [STEP_FIN_ACK] = { true, FRAME_FIN | FRAME_ACK, NO_DATA, { AT_ONCE, ROUND_TRIP } },
    [STEP_LAST_ACK] = { false, FRAME_ACK, NO_DATA, { AT_ONCE, ROUND_TRIP } },
};

static unsigned sender(const struct conversation *flow)
{
    return steps[flow->step].is_servers ? 1 - flow->client : flow->client;
}

static uint8_t step_after(struct conversation *flow)
{
    switch (flow->step) {
    case STEP_REQUEST:
        return STEP_RESPONSE;
    case STEP_RESPONSE:
        if (flow->exchanges != FOR_EVER)
            flow->exchanges--;
        return flow->exchanges > 0 ? STEP_REQUEST : STEP_FIN;
    default:
        return flow->step + 1;
    }
}

static void take_step(struct traffic *traffic, struct conversation *flow)
{
    uint32_t payload = 0;

    if (steps[flow->step].data == REQUEST)
        payload = 100 + random_below(traffic, 900);
    else if (steps[flow->step].data == RESPONSE)
        payload = 200 + random_below(traffic, CONVERSATION_MSS - 200 + 1);
    send_segment(traffic, flow, sender(flow), steps[flow->step].flags, payload);
    flow->step = step_after(flow);
}

/* Before the flow's next packet. */
static uint64_t random_gap(struct traffic *traffic, const struct conversation *flow)
{
    return clockwork_random(&traffic->clock, 2 * traffic->pattern->gap_ns[steps[flow->step].gap[sender(flow)]]);
}

static void on_step(void *arg)
{
    struct task *task = arg;
    struct traffic *traffic = task->traffic;
    struct conversation *flow = task->flow;

    if (is_over(traffic))
        return;
    if (flow->step == STEP_SYN)
        traffic->opened++;
    take_step(traffic, flow);
    if (flow->step != STEP_OVER)
        clockwork_at(&traffic->clock, traffic->clock.now_ns + random_gap(traffic, flow), on_step, task);
}

/* --- flows --- */

/* Of every two flows one is opened by the host, so a peer is a server or a client but not both. */
static void open_flows(struct traffic *traffic)
{
    const uint32_t flows = traffic->options->flows, peers = traffic->options->peers;
    uint32_t *ordinals = get_memory(peers, sizeof *ordinals);

    traffic->flows = get_memory(flows, sizeof *traffic->flows);
    for (uint32_t n = 0; n < flows; n++) {
        const uint32_t peer = peers < flows ? random_below(traffic, peers) : n % peers;

        conversation_open(&traffic->flows[n], peer, ordinals[peer]++, peer & 1, &traffic->clock);
    }
    free(ordinals);
}

static struct task *add_tasks(struct traffic *traffic, size_t count)
{
    traffic->tasks = get_memory(count, sizeof *traffic->tasks);
    return traffic->tasks;
}

/* --- bulk: the host sends on every flow; each second segment is acknowledged, and the ACK lets two more go --- */

static void on_ack(void *arg);

static void send_two(struct task *task)
{
    struct traffic *traffic = task->traffic;
    struct conversation_hosts hosts;
    struct frame_segment segment = prepare(traffic, task->flow, &hosts, 0, FRAME_ACK, CONVERSATION_MSS);

    task->ts_val = segment.ts_val; /* a delayed ACK echoes the first (RFC 7323) */
    hand_over(traffic, &segment);
    send_segment(traffic, task->flow, 0, FRAME_ACK, CONVERSATION_MSS);
    task->end = task->flow->next[0];
    if (!is_over(traffic))
        clockwork_at(&traffic->clock, traffic->clock.now_ns + task->rtt_ns, on_ack, task);
}

static void on_two(void *arg)
{
    send_two(arg);
}

static void on_ack(void *arg)
{
    struct task *task = arg;
    struct traffic *traffic = task->traffic;
    struct conversation_hosts hosts;
    struct frame_segment segment = prepare(traffic, task->flow, &hosts, 1, FRAME_ACK, 0);

    segment.ack = task->end;
    segment.ts_ecr = task->ts_val;
    hand_over(traffic, &segment);
    if (!is_over(traffic))
        clockwork_at(&traffic->clock, traffic->clock.now_ns + 10 * US + random_below(traffic, 10 * US), on_two, task);
}

static void shake_hands(struct traffic *traffic)
{
    for (unsigned step = STEP_SYN; step < STEP_FIRST; step++, traffic->clock.now_ns += MS)
        for (uint32_t n = 0; n < traffic->options->flows; n++)
            take_step(traffic, &traffic->flows[n]);
}

static void begin_bulk(struct traffic *traffic)
{
    const uint32_t flows = traffic->options->flows, tasks = BULK_IN_FLIGHT / 2;
    struct task *task = add_tasks(traffic, (size_t)flows * tasks);

    traffic->opened = flows;
    shake_hands(traffic);
    for (uint32_t n = 0; n < flows; n++) {
        const uint64_t rtt_ns = MS + random_below(traffic, 8 * MS);

        for (uint32_t k = 0; k < tasks; k++, task++) {
            *task = (struct task){ .traffic = traffic, .flow = &traffic->flows[n], .rtt_ns = rtt_ns };
            clockwork_at(&traffic->clock, traffic->clock.now_ns + rtt_ns * k / tasks, on_two, task);
        }
    }
}

/* --- requests, short: each flow by itself, step by step --- */

static void begin_steps(struct traffic *traffic, uint64_t spread_ns, uint8_t (*count_exchanges)(struct traffic *))
{
    const uint32_t flows = traffic->options->flows;
    struct task *task = add_tasks(traffic, flows);

    for (uint32_t n = 0; n < flows; n++) {
        task[n] = (struct task){ .traffic = traffic, .flow = &traffic->flows[n] };
        task[n].flow->exchanges = count_exchanges(traffic);
        clockwork_at(&traffic->clock, clockwork_random(&traffic->clock, spread_ns), on_step, &task[n]);
    }
}

static uint8_t count_for_ever(struct traffic *traffic)
{
    (void)traffic;
    return FOR_EVER;
}

static void begin_requests(struct traffic *traffic)
{
    begin_steps(traffic, REQUESTS_SPREAD, count_for_ever);
}

/* Two on average: ten packets a flow, in four seconds and a half. */
static uint8_t count_few(struct traffic *traffic)
{
    return (uint8_t)(1 + random_below(traffic, 3));
}

static void begin_short(struct traffic *traffic)
{
    begin_steps(traffic, SHORT_SPREAD, count_few);
}

/* --- open: the next packet is of any flow, but at first of each in turn --- */

static uint32_t *shuffle(struct traffic *traffic, uint32_t count)
{
    uint32_t *order = get_memory(count, sizeof *order);

    for (uint32_t n = 0; n < count; n++) {
        const uint32_t place = random_below(traffic, n + 1);

        order[n] = order[place];
        order[place] = n;
    }
    return order;
}

static void exchange(struct traffic *traffic, struct conversation *flow)
{
    take_step(traffic, flow);
    traffic->clock.now_ns += US;
}

static void begin_open(struct traffic *traffic)
{
    const uint32_t flows = traffic->options->flows;
    uint32_t *order = shuffle(traffic, flows);

    for (uint32_t n = 0; n < flows && !is_over(traffic); n++, traffic->opened++) {
        struct conversation *flow = &traffic->flows[order[n]];

        flow->step = STEP_REQUEST;
        flow->exchanges = FOR_EVER;
        exchange(traffic, flow);
    }
    while (!is_over(traffic))
        exchange(traffic, &traffic->flows[random_below(traffic, flows)]);
    free(order);
}

/* --- syns: of each flow its SYN, and no more is heard of it --- */

static void begin_syns(struct traffic *traffic)
{
    for (uint32_t n = 0; n < traffic->options->flows && !is_over(traffic); n++, traffic->opened++)
        exchange(traffic, &traffic->flows[n]);
}

/* --- the patterns --- */

static const struct traffic_pattern patterns[] = {
    { "bulk", "the host sends on 16 flows; every second segment is acknowledged", 2000000, 16, 16, { 0 }, begin_bulk },
    { "requests",
      "requests and answers on 1,000 flows, for as long as it lasts",
      2000000,
      1000,
      100,
      { 50 * US, 3 * MS, 2 * MS },
      begin_requests },
    { "short",
      "200,000 flows of 8 to 12 packets, about 90,000 of them open at once",
      0,
      200000,
      2000,
      { 100 * US, 200 * MS, 1950 * MS },
      begin_short },
    { "open",
      "requests and answers on flows that are all open, the next packet being of any of them",
      4000000,
      100000,
      2000,
      { 0 },
      begin_open },
    { "syns", "the SYNs of flows that never get further", 0, 1000000, 100000, { 0 }, begin_syns },
};

const struct traffic_pattern *traffic_at(size_t n)
{
    return n < sizeof patterns / sizeof *patterns ? &patterns[n] : NULL;
}

const struct traffic_pattern *traffic_find(const char *name)
{
    const struct traffic_pattern *pattern;

    for (size_t n = 0; (pattern = traffic_at(n)) != NULL; n++)
        if (strcmp(pattern->name, name) == 0)
            return pattern;
    return NULL;
}

const char *traffic_name(const struct traffic_pattern *pattern)
{
    return pattern->name;
}

const char *traffic_about(const struct traffic_pattern *pattern)
{
    return pattern->about;
}

uint32_t traffic_play(const struct traffic_pattern *pattern, struct traffic_options *options, traffic_tap_fn tap, void *tap_arg)
{
    struct traffic traffic = { .pattern = pattern, .options = options, .tap = tap, .tap_arg = tap_arg };

    if (options->packets == 0)
        options->packets = pattern->packets;
    if (options->flows == 0)
        options->flows = pattern->flows;
    if (options->peers == 0)
        options->peers = pattern->peers < options->flows ? pattern->peers : options->flows;
    clockwork_init(&traffic.clock, options->seed);
    open_flows(&traffic);
    pattern->begin(&traffic);
    clockwork_run(&traffic.clock);
    clockwork_free(&traffic.clock);
    free(traffic.tasks);
    free(traffic.flows);
    return traffic.opened;
}
