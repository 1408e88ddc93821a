/* clock_watch.c: whether the wall clock was set. */
#include "clock_watch.h"

#include <stdbool.h>

#include "clock.h"

#define SAMPLE_TRIES 5

static bool is_good(const struct clock_sample *sample)
{
    return sample->after_ns - sample->before_ns <= CLOCK_SAMPLE_NS;
}

struct clock_sample clock_sample(void)
{
    struct clock_sample sample;
    int tries = 0;

    do {
        sample.before_ns = (int64_t)clock_ns(CLOCK_MONOTONIC);
        sample.real_ns = (int64_t)clock_ns(CLOCK_REALTIME);
        sample.after_ns = (int64_t)clock_ns(CLOCK_MONOTONIC);
    } while (!is_good(&sample) && ++tries < SAMPLE_TRIES);
    return sample;
}

void clock_watch_init(struct clock_watch *watch, const struct clock_sample *sample)
{
    *watch = (struct clock_watch){ .offset_ns = sample->real_ns - sample->after_ns };
}

/* The distance is known to lie between the two ends; a step is a distance outside of what was, whatever it is exactly. */
static bool is_step(const struct clock_watch *watch, const struct clock_sample *sample)
{
    int64_t least = sample->real_ns - sample->after_ns, most = sample->real_ns - sample->before_ns;

    return least - watch->offset_ns >= CLOCK_STEP_NS || most - watch->offset_ns <= -CLOCK_STEP_NS;
}

enum clock_verdict clock_watch_look(struct clock_watch *watch, const struct clock_sample *sample)
{
    int64_t offset_ns = sample->real_ns - sample->after_ns;

    if (is_step(watch, sample)) {
        watch->step_ns = offset_ns - watch->offset_ns;
        watch->offset_ns = offset_ns;
        watch->quiet_until_ns = sample->after_ns + CLOCK_QUIET_NS;
        return CLOCK_STEPPED;
    }
    if (is_good(sample))
        watch->offset_ns = offset_ns;
    if (watch->quiet_until_ns == 0)
        return CLOCK_STEADY;
    if (sample->after_ns < watch->quiet_until_ns)
        return CLOCK_QUIET;
    watch->quiet_until_ns = 0;
    return CLOCK_QUIET_OVER;
}

uint32_t clock_watch_to_say(struct clock_watch *watch, const struct clock_sample *sample)
{
    uint32_t steps = ++watch->unsaid;

    if (watch->said_ns != 0 && sample->after_ns - watch->said_ns < CLOCK_SAY_NS)
        return 0;
    watch->said_ns = sample->after_ns;
    watch->unsaid = 0;
    return steps;
}
