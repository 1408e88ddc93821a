/* roster_end.c: what was captured before something ends: the kernel lets nothing more pass, and the rings are emptied. */
#include "roster_private.h"

#define TURNS_MOST 65536 /* more than any ring holds */

static void end_tap(const struct roster *roster, struct shared_tap *shared)
{
    const bool was_open = tap_fd(shared->tap) >= 0;

    tap_reject(shared->tap);
    roster_end_if_lost(roster, shared, was_open);
    shared->ending = ENDING_CAPTURE;
}

bool roster_end_changed(struct roster *roster, const struct config *config)
{
    bool is_ending = false;

    if (!roster_is_meter_kept(roster, config))
        return false; /* what was counted goes as well */
    for (size_t i = 0; i < roster->tap_count; i++) {
        struct shared_tap *shared = &roster->taps[i];
        const struct tap_settings settings = roster_tap_settings(roster, config, tap_interface(shared->tap));

        if (tap_differs(shared->tap, &settings)) {
            end_tap(roster, shared);
            is_ending = true;
        }
    }
    return is_ending;
}

void roster_end_all(struct roster *roster)
{
    for (size_t i = 0; i < roster->tap_count; i++)
        end_tap(roster, &roster->taps[i]);
}

bool roster_await(const struct roster *roster, int timeout_ms)
{
    struct pollfd fds[2 * ROSTER_MAX];
    nfds_t count = 0;

    for (size_t i = 0; i < roster->tap_count; i++)
        if (roster->taps[i].ending != ENDING_NOTHING && tap_fd(roster->taps[i].tap) >= 0)
            fds[count++] = (struct pollfd){ .fd = tap_fd(roster->taps[i].tap), .events = POLLIN };
    return count > 0 && poll(fds, count, timeout_ms) > 0;
}

/* Of a ring that nothing comes into any more: it is of those that are open, and of windows that ended just before. */
static void pass_over(const struct roster *roster, const struct shared_tap *shared)
{
    struct since ended = shared->ended;
    struct tap_sink sink = { .meter = roster->meter, .skip = true, .ended_at = &ended };

    since_note(&ended, shared->open, INT64_MAX);
    sink.ended = sink.late = ended.instances;
    for (unsigned turn = 0; turn < TURNS_MOST && tap_has_frames(shared->tap); turn++)
        if (tap_dispatch(shared->tap, &sink)) {
            roster_end_flows(roster, shared);
            break;
        }
}

void roster_ended(struct roster *roster)
{
    for (size_t i = 0; i < roster->tap_count; i++) {
        struct shared_tap *shared = &roster->taps[i];

        switch (shared->ending) {
        case ENDING_NOTHING:
            continue;
        case ENDING_WINDOWS:
            meter_finish(roster->meter, shared->ending_windows);
            break;
        case ENDING_CAPTURE:
            pass_over(roster, shared);
            break;
        }
        shared->late = shared->ended.instances;
        shared->ending = ENDING_NOTHING;
        shared->ending_windows = 0;
    }
}
