/* window.h: when an instance measures: `sample`, `sample_duration`, `sample_interval`. Pure: CLOCK_BOOTTIME seconds are an
 * argument.
 *
 * window_make() from the configuration; window_look() about once a second, and what it says is to be done.
 *
 * The keys mean what they meant to the old program (DataDog/go-metro, sniff.go): the first window begins with the instance and
 * lasts sample_duration seconds; sample_interval is the pause from the end of a window to the start of the next, not the time
 * from start to start, so it repeats every sample_duration + sample_interval seconds, and the pause may be the shorter of the
 * two. Neither key had a default but 0. Without a pause (0) one window followed the other: it measures all the time. A window
 * of 0 seconds measured nothing, ever, and nothing said so; nobody asks for that, so here it measures all the time too, and
 * check-config warns. In two points it differs. The old windows followed the packets' time stamps, so that a host without
 * packets fell behind by its silence; these follow the clock. And it counted as a round trip what spanned a pause. */
#ifndef GO_METRO_WINDOW_H
#define GO_METRO_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct window {
    uint32_t duration_s, pause_s; /* no pause: it is open all the time */
    bool is_begun;                /* by the first look */
    bool is_open;
    uint32_t begun_s, looked_s;
    uint64_t open_s, closed_s; /* seconds of each since the first look, up to the last one */
};

enum window_turn { WINDOW_SAME, WINDOW_OPENED, WINDOW_CLOSED };

/* It is open until a look says otherwise. */
struct window window_make(bool sample, uint32_t duration_s, uint32_t interval_s);

/* Whether there are pauses at all. */
bool window_is_sampling(const struct window *window);

/* Whether both were made of the same keys, as far as these mean anything. */
bool window_is_alike(const struct window *a, const struct window *b);

/* The seconds since the last look count for what was in force meanwhile. now_s never goes back. Where the pause was slept through
 * and the next window has begun, this look still ends the one that was in force, and the next look begins the other: so each has
 * what was captured in it, and there is a pause between the two. */
enum window_turn window_look(struct window *window, uint32_t now_s);

/* The second in which what is now ends, if somebody looks in each; 0 where there are no pauses, or before the first look. */
uint64_t window_turn_s(const struct window *window);

#endif
