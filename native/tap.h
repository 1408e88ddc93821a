/* tap.h: the capture of one live interface, shared by the instances that name it: open, lost, open again.
 *
 * tap_new(); tap_check() about once a second and when a link changed: it opens what can be opened and closes what is gone;
 * tap_dispatch() when tap_fd() is readable, unless tap_rest_ms() leaves that time; tap_wanted() when the whitelist changed,
 * tap_reject() when nothing is wanted for a while; tap_free(). What cannot be opened is a state and a text that says what to do,
 * not the end. */
#ifndef GO_METRO_TAP_H
#define GO_METRO_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "capture.h"
#include "meter.h"
#include "netset.h"
#include "segment.h"
#include "since.h"

struct tap_settings {
    uint32_t snaplen;
    uint32_t buffer_bytes; /* of this tap's ring */
    uint32_t buffer_mib;   /* of all rings: the owner's word, of which buffer_bytes is a share */
    bool promiscuous;
    const char *user_filter; /* -f, or NULL; outlives the tap */
};

struct tap;

/* NULL: out of memory. The interface's name is copied. */
struct tap *tap_new(const char *interface, const struct tap_settings *settings);
void tap_free(struct tap *tap); /* NULL is fine */

const char *tap_interface(const struct tap *tap);
int tap_fd(const struct tap *tap);               /* -1 while it is not open */
enum seg_state tap_state(const struct tap *tap); /* SEG_STARTING, SEG_CAPTURING or SEG_FAILED */
const char *tap_error(const struct tap *tap);    /* "" or cause and cure */
void tap_statistics(struct tap *tap, struct capture_statistics *out);

/* So long after the kernel lets nothing pass any more it has handed over all that it had let pass. */
#define TAP_LAST_BLOCK_NS (150 * UINT64_C(1000000))

/* Whether tap_configure() would close the capture. */
bool tap_differs(const struct tap *tap, const struct tap_settings *settings);
/* Other settings. Where they differ in more than the share of buffer_mib the capture is closed, for tap_check() to open anew:
 * true then. */
bool tap_configure(struct tap *tap, const struct tap_settings *settings);

/* Peers that any of its instances wants; NULL: all. ours: see ours.h; NULL: none. The tap takes the sets and frees them. The
 * kernel filter follows without a gap; where it cannot the capture is lost and closed. Before the first call nothing is opened.
 */
void tap_wanted(struct tap *tap, struct netset *wanted, struct netset *ours);

/* Until the next tap_wanted() the kernel lets nothing pass; the capture stays, or becomes, open. */
void tap_reject(struct tap *tap);

/* Opens (inside the privilege bracket) where it is closed and the interface is up; closes where that is gone, once what was
 * captured before has been handed over, or where its name stands for another interface now. What failed is tried again after 1,
 * 2, 4 ... 30 s, at once only when the interface changed. now_s: monotonic seconds. True: it was opened or closed just now; one
 * that was open before has been closed then, whether or not another is open. */
bool tap_check(struct tap *tap, uint32_t now_s);

/* Where frames go: to these instances of the meter (bits); now_s: monotonic seconds; skip: they are counted as `clock_step` and
 * not measured. */
struct tap_sink {
    struct meter *meter;
    uint64_t instances;
    uint32_t now_s;
    bool skip;
    /* To these of the instances goes no frame from before their time (CLOCK_REALTIME): they have just begun again, and the ring
     * may still hold something of before their pause. */
    uint64_t fresh;
    const struct since *fresh_from; /* may be NULL where there are none */
    /* These end: they get the frames from before their time (CLOCK_REALTIME) still; for those of them that are late such frames
     * are only counted, as `too_late`. Only these may have begun again meanwhile, and be fresh. */
    uint64_t ended, late;
    const struct since *ended_at; /* may be NULL where there are none */
};

/* Hands over the frames that are ready. True: the capture was lost and is closed. */
bool tap_dispatch(struct tap *tap, const struct tap_sink *sink);
/* Whether the kernel has handed over what was not dispatched yet. */
bool tap_has_frames(const struct tap *tap);

/* For how long nobody need look whether tap_fd() is readable, as the ring was emptied just now: milliseconds, rounded up; 0:
 * look. */
unsigned tap_rest_ms(struct tap *tap);

/* In place of tap_check() where no capture may be opened: why not, and what to do. It is closed still. */
void tap_forbid(struct tap *tap, const char *why);

/* Closes the capture, for tap_check() to open anew. */
void tap_close(struct tap *tap);

#endif
