/* replay.h: the capture file of one instance (`interface: file`), read beside the live captures: opened, read in slices, and read
 * anew when it is another one.
 *
 * replay_new(); its meter measures that instance alone; replay_check() about once a second: it looks at the file and opens it;
 * replay_read() when there is time for it, as long as replay_is_reading(); replay_restart() when other peers are wanted,
 * replay_repeat() when more is known of who is; replay_free(); replay_follow() for one that takes a freed one's place. The
 * meter's time is the file's own. What cannot be read is a state and a text that says what to do, and is tried again when the
 * file appears, changes or may be read. */
#ifndef GO_METRO_REPLAY_H
#define GO_METRO_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "meter.h"
#include "segment.h"

#define REPLAY_NUMBER 0 /* of the instance in the replay's meter, which has no other */

struct replay;

/* path is copied. user_filter: -f or NULL, outlives the replay. NULL: out of memory. */
struct replay *replay_new(const char *path, const char *user_filter, const struct meter_options *options);
void replay_free(struct replay *replay); /* NULL is fine */

struct meter *replay_meter(const struct replay *replay);

/* Opens the file at once the first time, and then when it is another than the one that was read (device, inode, size or time of
 * modification) and has rested for two seconds. is_ready: whether it is known who is wanted; half a minute
 * is waited for that. What was measured before goes when another file is opened. now_s: monotonic seconds. */
void replay_check(struct replay *replay, uint32_t now_s, bool is_ready);

/* Read it from its beginning at the next replay_check(). What was measured goes now: nobody asks for it any more. A file that is
 * gone by then is a failure. */
void replay_restart(struct replay *replay);
/* For one that was not opened yet: another, of the same path, was read before, and what it had measured is gone. */
void replay_follow(struct replay *replay);
/* Whether it was read, or follows one that was. */
bool replay_was_read(const struct replay *replay);
/* As replay_restart(), where what was measured is wanted still: it stays until the file is opened, and where that is gone there
 * is a warning. */
void replay_repeat(struct replay *replay);

bool replay_is_reading(const struct replay *replay);
/* Reads for about so long. */
void replay_read(struct replay *replay, uint64_t most_ns);

/* SEG_STARTING; SEG_CAPTURING: it is being read; SEG_STOPPED: it was read to its end, and there is nothing to mend; SEG_FAILED.
 */
enum seg_state replay_state(const struct replay *replay);
/* SEG_FAILED: cause and cure; SEG_STOPPED: what was read; else "". */
const char *replay_text(const struct replay *replay);
/* "", or why not all of the file could be measured, and what to do. */
const char *replay_warning(const struct replay *replay);

/* When what was measured was read, which is when it became known: readers ask what is new. */
struct replay_times {
    uint64_t begun_realtime_ns; /* 0: it was not opened yet */
    uint64_t read_boottime_ns;  /* of the newest slice */
    uint32_t now_s;             /* the meter's */
};
struct replay_times replay_times(const struct replay *replay);

/* As long as it is the same, all but the newest slice of what replay_times() says is. */
uint64_t replay_revision(const struct replay *replay);

#endif
