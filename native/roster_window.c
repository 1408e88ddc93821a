/* roster_window.c: what is measured in windows, from one window to the next (window.h). */
#include "roster_private.h"

#include "clock.h"
#include "log.h"

#define RING_AGE_NS INT64_C(10000000000) /* more than a frame ever waits in the ring */

/* Instances whose window opened or ended, as the meter's bits. */
struct turns {
    uint64_t opened, closed;
};

static struct turns look_at_windows(struct roster *roster, uint32_t now_s)
{
    static const char *const texts[] = { [WINDOW_OPENED] = "a window opens", [WINDOW_CLOSED] = "the window ends" };
    struct turns turns = { 0, 0 };
    uint64_t *const bits[] = { [WINDOW_OPENED] = &turns.opened, [WINDOW_CLOSED] = &turns.closed };

    for (size_t i = 0; i < roster->count; i++) {
        struct instance *instance = &roster->instances[i];
        const enum window_turn turn = window_look(&instance->window, now_s);

        if (turn == WINDOW_SAME)
            continue;
        log_debug("roster_window", "%s: %s", instance->config->interface, texts[turn]);
        *bits[turn] |= UINT64_C(1) << instance->number;
    }
    return turns;
}

static void forget_old_turns(struct shared_tap *shared)
{
    const int64_t now_ns = (int64_t)clock_ns(CLOCK_REALTIME);

    if (shared->fresh.instances != 0 && now_ns - shared->fresh.newest_ns > RING_AGE_NS)
        shared->fresh.instances = 0;
    if (shared->ended.instances != 0 && now_ns - shared->ended.newest_ns > RING_AGE_NS)
        shared->ended.instances = 0;
}

/* The kernel holds back what comes from here on, as far as nobody else wants it. What it let pass before is the window's. */
static bool end_on(struct shared_tap *shared, uint64_t closed)
{
    const uint64_t ended = closed & shared->instances;

    if (ended == 0)
        return false;
    since_note(&shared->ended, ended, (int64_t)clock_ns(CLOCK_REALTIME));
    shared->late &= ~ended;
    shared->ending = ENDING_WINDOWS;
    shared->ending_windows |= ended;
    return true;
}

/* Nothing is known of a pause, so the next window picks each flow up in the middle. */
bool roster_turn_windows(struct roster *roster, uint32_t now_s)
{
    const struct turns turns = look_at_windows(roster, now_s);
    bool is_ending = false;

    for (size_t i = 0; i < roster->tap_count; i++) {
        struct shared_tap *shared = &roster->taps[i];

        forget_old_turns(shared);
        if (((turns.opened | turns.closed) & shared->instances) != 0)
            roster_refilter(roster, shared);
        is_ending |= end_on(shared, turns.closed);
    }
    return is_ending;
}
