/* traffic.h: made-up TCP traffic of one host, for measuring what a packet costs: in the right order and with the right numbers,
 * but nothing reacts to anything and nothing is lost (that is what tests/simulator is for).
 *
 * traffic_find() one of the patterns, traffic_play() it: the tap gets frame by frame. The same options give the same frames. */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRAFFIC_HOST_V4 "10.0.0.1"
#define TRAFFIC_HOST_V6 "2001:db8::1"
#define TRAFFIC_SNAPLEN 128

struct traffic_options {
    uint64_t packets; /* the traffic ends after so many; 0: the pattern's own */
    uint32_t flows, peers;
    uint64_t seed;
    bool is_v6;
};

struct traffic_pattern;

/* The frame is there until it returns. time_ns: since the beginning, never less than that of the frame before. */
typedef void (*traffic_tap_fn)(void *arg, const uint8_t *frame, size_t captured, size_t length, uint64_t time_ns);

const struct traffic_pattern *traffic_at(size_t n); /* NULL: there are no more */
const struct traffic_pattern *traffic_find(const char *name);
const char *traffic_name(const struct traffic_pattern *pattern);
const char *traffic_about(const struct traffic_pattern *pattern);

/* What 0 in the options stands for is filled in. Returns how many flows had packets. Out of memory ends the program. */
uint32_t traffic_play(const struct traffic_pattern *pattern, struct traffic_options *options, traffic_tap_fn tap, void *tap_arg);

#endif
