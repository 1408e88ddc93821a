/* tap.c: the capture of one live interface. */
#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <poll.h>

#include "clock.h"
#include "links.h"
#include "log.h"
#include "privilege.h"

#define MAX_BACKOFF_S 30
#define SNAPLEN_MOST 256    /* bytes: all headers, and room for a few of IPv6's; what is behind them nobody reads */
#define FRAMES_A_TURN 4096U /* then the other interfaces, the timer and the signals have theirs */
#define NS_PER_MS UINT64_C(1000000)
#define MOST_REST_MS 64U /* with what the kernel holds back it is less than CLOCK_QUIET_NS */

/* What of `wanted` and `ours` is not in the kernel's filter. */
enum left { LEFT_NOTHING, LEFT_OURS, LEFT_ALL };

struct tap {
    char interface[SEG_INTERFACE_MAX];
    bool is_wanted_known;
    bool is_rejecting;
    struct tap_settings settings;
    struct capture *capture;
    struct netset *wanted; /* NULL: all */
    struct netset *ours;   /* NULL: none */
    enum left left;        /* as it was said last */
    enum links_state link; /* at the last look */
    unsigned link_index;
    uint64_t down_ns;   /* monotonic: since when the open capture's interface is down; 0: it is not */
    uint32_t retry_s;   /* when to open again after a failure, and how long that was waited for */
    uint32_t backoff_s; /* 0: no failure */
    uint64_t rest_ns;   /* monotonic: until when the ring is left alone; 0: it is not */
    enum seg_state state;
    char error[SEG_ERROR_MAX];
};

struct tap *tap_new(const char *interface, const struct tap_settings *settings)
{
    struct tap *tap = calloc(1, sizeof *tap);

    if (tap == NULL)
        return NULL;
    snprintf(tap->interface, sizeof tap->interface, "%s", interface);
    tap->settings = *settings;
    tap->state = SEG_STARTING;
    tap->capture = capture_new();
    if (tap->capture == NULL) {
        free(tap);
        return NULL;
    }
    return tap;
}

void tap_free(struct tap *tap)
{
    if (tap == NULL)
        return;
    capture_free(tap->capture);
    netset_free(tap->wanted);
    netset_free(tap->ours);
    free(tap);
}

const char *tap_interface(const struct tap *tap)
{
    return tap->interface;
}

int tap_fd(const struct tap *tap)
{
    return capture_fd(tap->capture);
}

enum seg_state tap_state(const struct tap *tap)
{
    return tap->state;
}

const char *tap_error(const struct tap *tap)
{
    return tap->error;
}

/* What a wake-up costs, with the caches full of others' work, is as much as what many frames cost: so the ring is left to fill. A
 * millisecond for each of its MiB: at a million frames of any size a second that is a third of it. */
static void begin_rest(struct tap *tap)
{
    const size_t mib = capture_ring_bytes(tap->capture) >> 20;
    const uint64_t rest_ms = mib < MOST_REST_MS ? mib : MOST_REST_MS;

    tap->rest_ns = rest_ms == 0 ? 0 : clock_ns(CLOCK_MONOTONIC) + rest_ms * NS_PER_MS;
}

unsigned tap_rest_ms(struct tap *tap)
{
    uint64_t now_ns;

    if (tap->rest_ns == 0)
        return 0;
    now_ns = clock_ns(CLOCK_MONOTONIC);
    if (now_ns < tap->rest_ns)
        return (unsigned)((tap->rest_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
    tap->rest_ns = 0;
    return 0;
}

void tap_statistics(struct tap *tap, struct capture_statistics *out)
{
    capture_statistics(tap->capture, out);
}

/* The same trouble is logged once, when it begins. */
static void fail(struct tap *tap, const char *message)
{
    if (tap->state != SEG_FAILED || strcmp(tap->error, message) != 0)
        log_errorx("tap", "%s: %s", tap->interface, message);
    tap->state = SEG_FAILED;
    snprintf(tap->error, sizeof tap->error, "%s", message);
}

static void close_capture(struct tap *tap)
{
    capture_close(tap->capture);
    tap->down_ns = 0;
    tap->rest_ns = 0;
}

static void close_lost(struct tap *tap, const char *message)
{
    close_capture(tap);
    fail(tap, message);
}

/* What was captured before may still be in the ring, the newest of it in a block that the kernel has not handed over yet. */
static void begin_draining(struct tap *tap, const char *message)
{
    if (tap->down_ns != 0)
        return;
    tap->down_ns = clock_ns(CLOCK_MONOTONIC);
    fail(tap, message);
}

bool tap_has_frames(const struct tap *tap)
{
    struct pollfd fd = { .fd = tap_fd(tap), .events = POLLIN };

    return fd.fd >= 0 && poll(&fd, 1, 0) > 0 && (fd.revents & POLLIN) != 0;
}

static bool is_drained(const struct tap *tap)
{
    return clock_ns(CLOCK_MONOTONIC) - tap->down_ns >= TAP_LAST_BLOCK_NS && !tap_has_frames(tap);
}

/* Down and up again before it was closed: the kernel goes on with the same capture. */
static void end_draining(struct tap *tap)
{
    if (tap->down_ns == 0)
        return;
    tap->down_ns = 0;
    tap->state = SEG_CAPTURING;
    tap->error[0] = '\0';
    log_info("tap", "%s: up again, capturing goes on", tap->interface);
}

/* The old program's 512 stands in many a configuration. Of large packets the ring would hold half as many, and both the kernel
 * and the helper would move twice the memory. */
static uint32_t captured_bytes(const struct tap_settings *settings)
{
    return settings->snaplen < SNAPLEN_MOST ? settings->snaplen : SNAPLEN_MOST;
}

/* Another share of the same whole is not worth the gap: it changes whenever an interface is added. */
bool tap_differs(const struct tap *tap, const struct tap_settings *settings)
{
    return tap_fd(tap) >= 0
           && (captured_bytes(settings) != captured_bytes(&tap->settings) || settings->promiscuous != tap->settings.promiscuous
               || settings->buffer_mib != tap->settings.buffer_mib);
}

bool tap_configure(struct tap *tap, const struct tap_settings *settings)
{
    const bool differs = tap_differs(tap, settings);

    tap->settings = *settings;
    tap->backoff_s = 0;
    if (!differs)
        return false;
    tap_close(tap);
    return true;
}

/* What is left to go-metro alone costs CPU, and is said when it changes. */
static void say_left(struct tap *tap, enum left before)
{
    static const char *const texts[] = {
        [LEFT_NOTHING] = "the kernel filter holds all that is wanted again",
        [LEFT_OURS] = "the whitelist leaves no room in the kernel filter to drop this host's own ACKs; go-metro takes them",
        [LEFT_ALL] = "all TCP: the whitelist is too long for a kernel filter and is matched by go-metro alone",
    };

    tap->left = LEFT_NOTHING;
    if (tap->ours != NULL && !capture_filter_drops_acks(tap->capture))
        tap->left = LEFT_OURS;
    if (tap->wanted != NULL && !capture_filter_has_whitelist(tap->capture))
        tap->left = LEFT_ALL;
    if (tap->left != before)
        log_info("tap", "%s: %s", tap->interface, texts[tap->left]);
}

void tap_wanted(struct tap *tap, struct netset *wanted, struct netset *ours)
{
    struct netset *old_wanted = tap->wanted, *old_ours = tap->ours;
    char message[CAPTURE_ERROR_MAX];

    tap->wanted = wanted;
    tap->ours = ours;
    tap->is_wanted_known = true;
    tap->is_rejecting = false;
    /* The new filter is in force before the old sets go: frames that are between the two are matched exactly later on. */
    if (tap_fd(tap) >= 0) {
        if (capture_filter(tap->capture, wanted, ours, false, message) == CAPTURE_OK)
            say_left(tap, tap->left);
        else
            close_lost(tap, message);
    }
    netset_free(old_wanted);
    netset_free(old_ours);
}

/* What was left to go-metro alone will be again: that is not news. */
void tap_reject(struct tap *tap)
{
    char message[CAPTURE_ERROR_MAX];

    tap->is_wanted_known = true;
    tap->is_rejecting = true;
    if (tap_fd(tap) >= 0 && capture_filter(tap->capture, NULL, NULL, true, message) != CAPTURE_OK)
        close_lost(tap, message);
}

static bool open_capture(struct tap *tap)
{
    const struct capture_live_options options = {
        .interface = tap->interface,
        .snaplen = captured_bytes(&tap->settings),
        .buffer_bytes = tap->settings.buffer_bytes,
        .promiscuous = tap->settings.promiscuous,
        .user_filter = tap->settings.user_filter,
        .whitelist = tap->wanted,
        .ours = tap->ours,
    };
    char message[CAPTURE_ERROR_MAX], refusal[CAPTURE_ERROR_MAX];
    enum capture_result result;

    /* Without the right to it the attempt is made all the same: its message says what to do. */
    (void)privilege_raise();
    result = capture_open_live(tap->capture, &options, message);
    if (privilege_lower() < 0)
        log_warn("tap", "%s: CAP_NET_RAW stays effective", tap->interface);
    if (result != CAPTURE_OK) {
        fail(tap, message);
        return false;
    }
    if (tap->is_rejecting && capture_filter(tap->capture, NULL, NULL, true, refusal) != CAPTURE_OK) {
        close_lost(tap, refusal);
        return false;
    }
    if (*message != '\0')
        log_warnx("tap", "%s: %s", tap->interface, message);
    log_info("tap", "%s: capturing with a ring of %zu KiB", tap->interface, (size_t)capture_ring_bytes(tap->capture) / 1024);
    if (!tap->is_rejecting)
        say_left(tap, LEFT_NOTHING);
    tap->state = SEG_CAPTURING;
    tap->error[0] = '\0';
    return true;
}

/* What the link's state forbids goes into message; false where a capture can run. */
static bool is_obstructed(const struct tap *tap, char message[static SEG_ERROR_MAX])
{
    switch (tap->link) {
    case LINKS_ABSENT:
        snprintf(message, SEG_ERROR_MAX, "there is no interface %s; create it or correct `interface` (waiting for it)",
                 tap->interface);
        return true;
    case LINKS_DOWN:
        snprintf(message, SEG_ERROR_MAX, "the interface %s is down; bring it up (waiting for it)", tap->interface);
        return true;
    case LINKS_UP:
        break;
    }
    return false;
}

/* Whether the interface is another one, or in another state, than at the last look. */
static bool has_changed(struct tap *tap)
{
    enum links_state link = links_state(tap->interface);
    unsigned index = if_nametoindex(tap->interface);
    bool changed = link != tap->link || index != tap->link_index;

    tap->link = link;
    tap->link_index = index;
    return changed;
}

/* Each opening takes a ring of many megabytes, and one in promiscuous mode is a link event itself: so not again and again. */
static bool try_open(struct tap *tap, uint32_t now_s)
{
    if (tap->backoff_s != 0 && (int32_t)(now_s - tap->retry_s) < 0)
        return false;
    if (open_capture(tap)) {
        tap->backoff_s = 0;
        return true;
    }
    tap->backoff_s = tap->backoff_s == 0 ? 1 : 2 * tap->backoff_s;
    if (tap->backoff_s > MAX_BACKOFF_S)
        tap->backoff_s = MAX_BACKOFF_S;
    tap->retry_s = now_s + tap->backoff_s;
    return false;
}

bool tap_check(struct tap *tap, uint32_t now_s)
{
    char message[SEG_ERROR_MAX];
    bool was_open = tap_fd(tap) >= 0, closed = false;

    if (has_changed(tap))
        tap->backoff_s = 0;
    if (is_obstructed(tap, message)) {
        /* What comes from one that was renamed is not this interface's, and its ring need never run empty. */
        if (was_open && !capture_is_renamed(tap->capture)) {
            begin_draining(tap, message);
            if (!is_drained(tap))
                return false;
        }
        close_lost(tap, message);
        return was_open;
    }
    if (was_open && !capture_is_current(tap->capture)) {
        close_lost(tap, "the name stands for another interface now; opening that");
        closed = true;
    }
    end_draining(tap);
    if (tap_fd(tap) < 0 && tap->is_wanted_known)
        return try_open(tap, now_s) || closed;
    return closed;
}

struct turn {
    struct tap_sink sink;
    unsigned frames;
};

static void hand_on(struct turn *turn, uint64_t instances, const struct captured_frame *frame)
{
    const struct tap_sink *sink = &turn->sink;

    turn->frames++;
    if (sink->skip)
        meter_ignore(sink->meter, instances, PACKET_CLOCK_STEP);
    else
        meter_frame(sink->meter, instances, frame, sink->now_s);
}

static void on_frame(void *arg, const struct captured_frame *frame)
{
    struct turn *turn = arg;

    hand_on(turn, turn->sink.instances, frame);
}

static void on_frame_of_some(void *arg, const struct captured_frame *frame)
{
    struct turn *turn = arg;
    const struct tap_sink *sink = &turn->sink;
    const uint64_t fresh = sink->fresh == 0 ? 0 : sink->fresh & since_later(sink->fresh_from, frame->time_ns);
    const uint64_t ended = sink->ended == 0 ? 0 : sink->ended & since_later(sink->ended_at, frame->time_ns);

    meter_ignore(sink->meter, ended & sink->late, PACKET_TOO_LATE);
    hand_on(turn, (sink->instances & ~fresh) | (ended & ~sink->late), frame);
}

bool tap_dispatch(struct tap *tap, const struct tap_sink *sink)
{
    struct turn turn = { .sink = *sink };
    char message[CAPTURE_ERROR_MAX];
    enum capture_result result;

    if (tap_fd(tap) < 0)
        return false;
    result = capture_dispatch(tap->capture, FRAMES_A_TURN, (sink->fresh | sink->ended) == 0 ? on_frame : on_frame_of_some, &turn,
                              message);
    meter_flush(sink->meter);
    switch (result) {
    case CAPTURE_OK:
        if (turn.frames > 0 && turn.frames < FRAMES_A_TURN)
            begin_rest(tap);
        return false;
    case CAPTURE_DOWN: /* tap_check() closes it */
        begin_draining(tap, message);
        return false;
    default:
        close_lost(tap, message);
        return true;
    }
}

void tap_forbid(struct tap *tap, const char *why)
{
    tap->state = SEG_FAILED;
    snprintf(tap->error, sizeof tap->error, "%s", why);
}

void tap_close(struct tap *tap)
{
    close_capture(tap);
    tap->state = SEG_STARTING;
    tap->backoff_s = 0;
    tap->error[0] = '\0';
}
