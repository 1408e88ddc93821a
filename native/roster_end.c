/* roster_end.c: what was captured before something ends: the kernel lets nothing more pass, and the rings are emptied. */
#include "roster_private.h"

#define TURNS_MOST 65536 /* more than any ring holds */

static void end_tap(const struct roster *roster, struct shared_tap *shared)
{
    const bool was_open = tap_fd(shared->tap) >= 0;

    tap_reject(shared->tap);
    roster_end_if_lost(roster, shared, was_open);
    shared->is_ending = true;
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
        if (roster->taps[i].is_ending && tap_fd(roster->taps[i].tap) >= 0)
            fds[count++] = (struct pollfd){ .fd = tap_fd(roster->taps[i].tap), .events = POLLIN };
    return count > 0 && poll(fds, count, timeout_ms) > 0;
}

/* Of a ring that nothing comes into any more. */
static void pass_over(const struct roster *roster, const struct shared_tap *shared)
{
    struct since ended = { 0 };
    const struct tap_sink sink = {
        .meter = roster->meter, .skip = true, .ended = shared->open, .late = shared->open, .ended_at = &ended
    };

    since_note(&ended, shared->open, INT64_MAX);
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
        const uint64_t in_time = shared->ended.instances & ~shared->late;

        if (!shared->is_ending)
            continue;
        if (in_time != 0)
            meter_finish(roster->meter, in_time);
        else
            pass_over(roster, shared);
        shared->late = shared->ended.instances;
        shared->is_ending = false;
    }
}
