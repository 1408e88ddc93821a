/* roster_window.c: what is measured in windows, from one window to the next (window.h). */
#include "roster_private.h"

#include "clock.h"
#include "log.h"

#define RING_AGE_NS INT64_C(10000000000) /* more than a frame ever waits in the ring */

/* Instances whose window opened or ended, as the meter's bits. */
struct turns {
    uint64_t opened, ended;
};

static struct turns look_at_windows(struct roster *roster, uint32_t now_s)
{
    static const char *const texts[] = {
        [WINDOW_OPENED] = "a window opens", [WINDOW_CLOSED] = "the window ends", [WINDOW_PASSED] = "this is another window"
    };
    struct turns turns = { 0, 0 };

    for (size_t i = 0; i < roster->count; i++) {
        struct instance *instance = &roster->instances[i];
        const enum window_turn turn = window_look(&instance->window, now_s);

        if (turn == WINDOW_SAME)
            continue;
        log_debug("roster_window", "%s: %s", instance->config->interface, texts[turn]);
        *(turn == WINDOW_OPENED ? &turns.opened : &turns.ended) |= UINT64_C(1) << instance->number;
    }
    return turns;
}

bool roster_window_ends(const struct roster *roster, uint32_t now_s)
{
    for (size_t i = 0; i < roster->count; i++) {
        const struct window *window = &roster->instances[i].window;

        if (window_is_sampling(window) && window->is_begun && window->is_open && window_turn_s(window) <= now_s)
            return true;
    }
    return false;
}

static void end_freshness(struct shared_tap *shared)
{
    if (shared->fresh != 0 && (int64_t)clock_ns(CLOCK_REALTIME) - shared->fresh_from_ns > RING_AGE_NS)
        shared->fresh = 0;
}

/* At its end what is in flight gives no round trip any more, and the flows are forgotten: nothing is known of the pause, so the
 * next window picks each up in the middle. What the ring still holds goes to none but those that are open: of a window's last
 * tenth of a second that is what the kernel had not handed over yet. */
void roster_turn_windows(struct roster *roster, uint32_t now_s)
{
    const struct turns turns = look_at_windows(roster, now_s);

    if (turns.ended != 0)
        meter_finish(roster->meter, turns.ended);
    for (size_t i = 0; i < roster->tap_count; i++) {
        struct shared_tap *shared = &roster->taps[i];

        end_freshness(shared);
        if (((turns.opened | turns.ended) & shared->instances) != 0)
            roster_refilter(roster, shared);
    }
}
