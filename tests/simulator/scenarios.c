/* scenarios.c: see scenarios.h. */
#include "scenarios.h"

#include <stdlib.h>
#include <string.h>

#include "tcp_private.h"

#define MS NS_PER_MS
#define US NS_PER_US
#define GBIT UINT64_C(1000000000)
#define PERCENT 10000U

/* What most hosts have. */
#define MODERN \
    .mss = 1448, .window = 262144, .timestamps = true, .sack = true, .tick_us = 1000, .ack_every = 2, .delayed_ack_ns = 40 * MS
#define OLD .mss = 1460, .window = 65536, .tick_us = 10000, .ack_every = 2, .delayed_ack_ns = 200 * MS
#define BULK .work = TCP_BULK
#define REQUESTS .work = TCP_REQUESTS, .request_max = 1200, .response_max = 20000, .think_ns = MS, .pause_ns = 10 * MS
#define BOTH_WAYS(...)   \
    {                    \
        { __VA_ARGS__ }, \
        {                \
            __VA_ARGS__  \
        }                \
    }

static const struct scenario scenarios[] = {
    { "bulk",
      "bulk transfers without loss",
      4,
      8,
      { MS, 40 * MS },
      100 * MS,
      BOTH_WAYS(.rate_bps = GBIT, .jitter_ns = 20 * US),
      { BULK, MODERN, .bytes = 3000000 },
      .is_v6 = false },
    { "bulk-each",
      "bulk transfers, each segment acknowledged, no time stamps",
      4,
      8,
      { MS, 40 * MS },
      100 * MS,
      BOTH_WAYS(.rate_bps = GBIT, .jitter_ns = 20 * US),
      { BULK, .mss = 1460, .window = 65535, .sack = true, .ack_every = 1, .bytes = 3000000 },
      .is_v6 = false },
    { "bulk-tso",
      "bulk transfers in bursts that the interface cuts (TSO)",
      4,
      8,
      { MS, 40 * MS },
      100 * MS,
      BOTH_WAYS(.rate_bps = 10 * GBIT, .jitter_ns = 10 * US),
      { BULK, MODERN, .burst = 43440, .bytes = 6000000 },
      .is_v6 = false },
    { "requests",
      "requests and answers without loss",
      50,
      500,
      { 200 * US, 200 * MS },
      2 * NS_PER_S,
      BOTH_WAYS(.rate_bps = GBIT, .jitter_ns = 200 * US),
      { REQUESTS, MODERN, .exchanges = 20 },
      .is_v6 = false },
    { "requests-v6",
      "the same over IPv6",
      50,
      500,
      { 200 * US, 200 * MS },
      2 * NS_PER_S,
      BOTH_WAYS(.rate_bps = GBIT, .jitter_ns = 200 * US),
      { REQUESTS, MODERN, .exchanges = 20 },
      .is_v6 = true },
    { "delayed-ack",
      "requests whose answers take longer than the delayed ACK",
      10,
      50,
      { MS, 50 * MS },
      NS_PER_S,
      BOTH_WAYS(.jitter_ns = 100 * US),
      { .work = TCP_REQUESTS,
        .request_max = 1200,
        .response_max = 1000,
        .think_ns = 60 * MS,
        .pause_ns = 5 * MS,
        MODERN,
        .exchanges = 20 },
      .is_v6 = false },
    { "wrap",
      "sequence numbers that pass 2^32",
      8,
      32,
      { MS, 40 * MS },
      NS_PER_S,
      BOTH_WAYS(.rate_bps = GBIT),
      { BULK, MODERN, .bytes = 600000 },
      .is_v6 = false,
      .wraps = true },
    { "loss",
      "bulk, 1 % of the data lost; SACK, time stamps",
      8,
      40,
      { 5 * MS, 80 * MS },
      NS_PER_S,
      { { .rate_bps = GBIT, .jitter_ns = 50 * US, .loss = PERCENT }, { .rate_bps = GBIT } },
      { BULK, MODERN, .bytes = 1500000 },
      .is_v6 = false },
    { "loss-sack",
      "the same without time stamps",
      8,
      40,
      { 5 * MS, 80 * MS },
      NS_PER_S,
      { { .rate_bps = GBIT, .jitter_ns = 50 * US, .loss = PERCENT }, { .rate_bps = GBIT } },
      { BULK, OLD, .sack = true, .bytes = 1500000 },
      .is_v6 = false },
    { "loss-timestamps",
      "the same without SACK",
      8,
      40,
      { 5 * MS, 80 * MS },
      NS_PER_S,
      { { .rate_bps = GBIT, .jitter_ns = 50 * US, .loss = PERCENT }, { .rate_bps = GBIT } },
      { BULK, .mss = 1448, .window = 65535, .timestamps = true, .tick_us = 1000, .ack_every = 2, .delayed_ack_ns = 40 * MS,
        .bytes = 1500000 },
      .is_v6 = false },
    { "loss-plain",
      "the same without either",
      8,
      40,
      { 5 * MS, 80 * MS },
      NS_PER_S,
      { { .rate_bps = GBIT, .jitter_ns = 50 * US, .loss = PERCENT }, { .rate_bps = GBIT } },
      { BULK, OLD, .bytes = 1500000 },
      .is_v6 = false },
    { "loss-requests",
      "requests and answers, 2 % lost each way",
      20,
      400,
      { 2 * MS, 100 * MS },
      2 * NS_PER_S,
      BOTH_WAYS(.rate_bps = GBIT, .jitter_ns = 200 * US, .loss = 2 * PERCENT),
      { REQUESTS, MODERN, .exchanges = 20 },
      .is_v6 = false },
    { "loss-heavy",
      "bulk over IPv6, 8 % lost each way",
      8,
      40,
      { 5 * MS, 80 * MS },
      NS_PER_S,
      BOTH_WAYS(.rate_bps = GBIT, .loss = 8 * PERCENT),
      { BULK, MODERN, .bytes = 300000 },
      .is_v6 = true },
    { "loss-tso",
      "bursts, 0.1 % of the pieces lost",
      8,
      40,
      { 5 * MS, 80 * MS },
      NS_PER_S,
      { { .rate_bps = 10 * GBIT, .loss = PERCENT / 10 }, { .rate_bps = 10 * GBIT } },
      { BULK, MODERN, .burst = 43440, .bytes = 3000000 },
      .is_v6 = false },
    { "reorder",
      "1 % of the data overtaken by 1 ms; SACK, time stamps",
      8,
      40,
      { 5 * MS, 80 * MS },
      NS_PER_S,
      { { .rate_bps = GBIT, .reorder = PERCENT, .reorder_ns = MS }, { .rate_bps = GBIT } },
      { BULK, MODERN, .bytes = 1500000 },
      .is_v6 = false },
    { "reorder-plain",
      "the same without SACK and time stamps, and ACKs too",
      8,
      40,
      { 5 * MS, 80 * MS },
      NS_PER_S,
      BOTH_WAYS(.rate_bps = GBIT, .reorder = PERCENT, .reorder_ns = MS),
      { BULK, OLD, .bytes = 1500000 },
      .is_v6 = false },
    { "reorder-tso",
      "bursts, 1 % of the pieces overtaken by 1 ms, 0.1 % lost",
      8,
      40,
      { 5 * MS, 80 * MS },
      NS_PER_S,
      { { .rate_bps = 10 * GBIT, .reorder = PERCENT, .reorder_ns = MS, .loss = PERCENT / 10 }, { .rate_bps = 10 * GBIT } },
      { BULK, MODERN, .burst = 43440, .bytes = 3000000 },
      .is_v6 = false },
    { "standstill",
      "the path stands still for 400 ms now and then, and the timer runs out too early; 1 % lost each way",
      8,
      80,
      { 5 * MS, 80 * MS },
      NS_PER_S,
      BOTH_WAYS(.rate_bps = GBIT, .loss = PERCENT, .stall = PERCENT / 5, .stall_ns = 400 * MS),
      { BULK, MODERN, .bytes = 300000 },
      .is_v6 = false },
    { "many",
      "a quarter of a million flows, 50,000 at once",
      5000,
      250000,
      { 500 * US, 200 * MS },
      10 * NS_PER_S,
      BOTH_WAYS(.rate_bps = 10 * GBIT, .jitter_ns = 100 * US),
      { .work = TCP_REQUESTS,
        .request_max = 600,
        .response_max = 2000,
        .think_ns = MS,
        .pause_ns = 2 * NS_PER_S,
        MODERN,
        .exchanges = 2 },
      .is_v6 = false },
};

const struct scenario *scenario_at(size_t index)
{
    return index < sizeof scenarios / sizeof scenarios[0] ? &scenarios[index] : NULL;
}

const struct scenario *scenario_find(const char *name)
{
    for (size_t n = 0; n < sizeof scenarios / sizeof scenarios[0]; n++)
        if (strcmp(scenarios[n].name, name) == 0)
            return &scenarios[n];
    return NULL;
}

/* Peer n of many: evenly between the nearest and the farthest. */
static void lay_path(const struct scenario *scenario, uint32_t n, struct path *path)
{
    const uint64_t range = scenario->rtt_ns[1] - scenario->rtt_ns[0], steps = scenario->peers > 1 ? scenario->peers - 1 : 1;
    const uint64_t rtt_ns = scenario->rtt_ns[0] + range * n / steps;

    for (unsigned side = 0; side < 2; side++) {
        path->way[side] = scenario->way[side];
        path->way[side].delay_ns = rtt_ns / 2;
    }
}

static struct tcp_address make_address(bool is_v6, unsigned side, uint32_t number, uint16_t port, uint32_t isn)
{
    static const uint8_t prefix[] = { 0x20, 0x01, 0x0d, 0xb8 };
    struct tcp_address address = { .is_v6 = is_v6, .port = port, .isn = isn };
    uint8_t *last = address.host;

    if (is_v6) {
        memcpy(address.host, prefix, sizeof prefix);
        last = address.host + 12;
    }
    last[0] = is_v6 ? 0 : 10;
    last[1] = (uint8_t)side;
    last[2] = (uint8_t)(number >> 8);
    last[3] = (uint8_t)number;
    return address;
}

struct path *scenario_play(const struct scenario *scenario, uint32_t flows, struct tcp_world *world)
{
    struct path *paths = tcp_memory(NULL, scenario->peers * sizeof *paths);
    const uint32_t count = flows == 0 ? scenario->flows : flows;

    memset(paths, 0, scenario->peers * sizeof *paths);
    for (uint32_t n = 0; n < scenario->peers; n++)
        lay_path(scenario, n, &paths[n]);
    for (uint32_t n = 0; n < count; n++) {
        const uint32_t peer = n % scenario->peers;
        const uint32_t isn = (uint32_t)clockwork_random(&world->clock, UINT32_MAX);
        const uint32_t wrapping = UINT32_MAX - isn % 400000;
        const struct tcp_address ends[2] = {
            make_address(scenario->is_v6, 0, 1, (uint16_t)(1024 + n / scenario->peers), scenario->wraps ? wrapping : isn),
            make_address(scenario->is_v6, 1, peer + 1, 443, (uint32_t)clockwork_random(&world->clock, UINT32_MAX)),
        };
        tcp_connect(world, &scenario->tcp, &paths[peer], ends, NS_PER_MS + scenario->spread_ns * n / count);
    }
    return paths;
}
