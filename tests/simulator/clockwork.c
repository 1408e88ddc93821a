/* clockwork.c: see clockwork.h. A binary heap of events. */
#include "clockwork.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

void clockwork_init(struct clockwork *clock, uint64_t seed)
{
    *clock = (struct clockwork){ .random = seed };
}

void clockwork_free(struct clockwork *clock)
{
    free(clock->heap);
    clock->heap = NULL;
}

static bool is_before(const struct clockwork_event *a, const struct clockwork_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void make_room(struct clockwork *clock)
{
    if (clock->count < clock->capacity)
        return;
    clock->capacity = clock->capacity == 0 ? 1024 : clock->capacity * 2;
    clock->heap = realloc(clock->heap, clock->capacity * sizeof *clock->heap);
    if (clock->heap == NULL) {
        fputs("simulator: out of memory\n", stderr);
        exit(1);
    }
}

void clockwork_at(struct clockwork *clock, uint64_t at_ns, clockwork_fn fn, void *arg)
{
    const struct clockwork_event event = {
        .at_ns = at_ns > clock->now_ns ? at_ns : clock->now_ns,
        .order = clock->asked++,
        .fn = fn,
        .arg = arg,
    };
    size_t at = clock->count;

    make_room(clock);
    for (clock->count++; at > 0 && is_before(&event, &clock->heap[(at - 1) / 2]); at = (at - 1) / 2)
        clock->heap[at] = clock->heap[(at - 1) / 2];
    clock->heap[at] = event;
}

static struct clockwork_event take_first(struct clockwork *clock)
{
    const struct clockwork_event first = clock->heap[0], last = clock->heap[--clock->count];
    size_t at = 0;

    for (;;) {
        size_t child = at * 2 + 1;

        if (child >= clock->count)
            break;
        if (child + 1 < clock->count && is_before(&clock->heap[child + 1], &clock->heap[child]))
            child++;
        if (!is_before(&clock->heap[child], &last))
            break;
        clock->heap[at] = clock->heap[child];
        at = child;
    }
    if (clock->count > 0)
        clock->heap[at] = last;
    return first;
}

void clockwork_run(struct clockwork *clock)
{
    while (clock->count > 0) {
        const struct clockwork_event event = take_first(clock);

        clock->now_ns = event.at_ns;
        event.fn(event.arg);
    }
}

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. */
static uint64_t next_random(struct clockwork *clock)
{
    uint64_t z = clock->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t clockwork_random(struct clockwork *clock, uint64_t below)
{
    return next_random(clock) % below;
}

int clockwork_chance(struct clockwork *clock, uint32_t per_million)
{
    return per_million > 0 && next_random(clock) % 1000000 < per_million;
}
