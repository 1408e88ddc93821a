/* clockwork.h: simulated time: events in the order of their time, and seeded randomness.
 *
 * clockwork_init(); clockwork_at() any number of times, also from inside an event; clockwork_run() until none is left;
 * clockwork_free(). The same seed gives the same run. */
#ifndef SIMULATOR_CLOCKWORK_H
#define SIMULATOR_CLOCKWORK_H

#include <stddef.h>
#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

typedef void (*clockwork_fn)(void *arg);

struct clockwork_event {
    uint64_t at_ns, order; /* order: of two at the same time the one that was asked for first */
    clockwork_fn fn;
    void *arg;
};

struct clockwork {
    uint64_t now_ns; /* since the beginning */
    uint64_t random, asked;
    struct clockwork_event *heap;
    size_t count, capacity;
};

void clockwork_init(struct clockwork *clock, uint64_t seed);
void clockwork_free(struct clockwork *clock);
/* fn(arg) at that time, or now if it is past. Out of memory ends the program. */
void clockwork_at(struct clockwork *clock, uint64_t at_ns, clockwork_fn fn, void *arg);
void clockwork_run(struct clockwork *clock);

/* 0..below-1; below > 0. */
uint64_t clockwork_random(struct clockwork *clock, uint64_t below);
/* Whether something of that many parts in a million happens. */
int clockwork_chance(struct clockwork *clock, uint32_t per_million);

#endif
