/* clock_watch.h: whether the wall clock was set, from looks at it beside CLOCK_MONOTONIC, and how long frames then carry stamps
 * that cannot be compared. Pure but for clock_sample().
 *
 * clock_watch_init() with a first sample; clock_watch_look() with a fresh one before each turn's frames, and do what it says.
 * (Slewing moves both clocks alike: only a step changes their distance.) */
#ifndef GO_METRO_CLOCK_WATCH_H
#define GO_METRO_CLOCK_WATCH_H

#include <stdint.h>

#define CLOCK_STEP_NS INT64_C(5000000)    /* a smaller change of the distance is no step */
#define CLOCK_QUIET_NS INT64_C(200000000) /* longer than the kernel holds back a block of the ring and that is left alone */
#define CLOCK_SAMPLE_NS INT64_C(1000000)  /* a sample that took longer says nothing: the process was off the CPU within it */
#define CLOCK_SAY_NS INT64_C(60000000000) /* a clock that is set all the time is spoken of once a minute */

/* CLOCK_REALTIME, read between two readings of CLOCK_MONOTONIC. */
struct clock_sample {
    int64_t before_ns, real_ns, after_ns;
};

/* What to do with the frames that wait. */
enum clock_verdict {
    CLOCK_STEADY,    /* measure them */
    CLOCK_STEPPED,   /* the clock was set just now: what is in flight gives no round trip; then as CLOCK_QUIET */
    CLOCK_QUIET,     /* skip them: they may be stamped by the old clock */
    CLOCK_QUIET_OVER /* the first look after the quiet time: forget what is in flight, then measure */
};

struct clock_watch {
    int64_t offset_ns;      /* CLOCK_REALTIME - CLOCK_MONOTONIC at the last good sample */
    int64_t quiet_until_ns; /* by CLOCK_MONOTONIC; 0: it is not quiet */
    int64_t said_ns;        /* when a step was spoken of; 0: never */
    int64_t step_ns;        /* the last step */
    uint32_t unsaid;        /* steps that were not spoken of since said_ns */
};

/* Reads the clocks; again, a few times, while the process loses the CPU in between. */
struct clock_sample clock_sample(void);

void clock_watch_init(struct clock_watch *watch, const struct clock_sample *sample);
enum clock_verdict clock_watch_look(struct clock_watch *watch, const struct clock_sample *sample);

/* After CLOCK_STEPPED: 0 not to be spoken of now, else the number of steps since this was last not 0. */
uint32_t clock_watch_to_say(struct clock_watch *watch, const struct clock_sample *sample);

#endif
