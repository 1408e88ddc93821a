/* file_time.h: the seconds of a capture file, by its frames' own time stamps: what the meter is told in place of a clock's.
 *
 * All zero, or with base_s where a meter has seen time before; file_time_turn() for each frame that file_time_is_turn() is true
 * of. Pure. */
#ifndef GO_METRO_FILE_TIME_H
#define GO_METRO_FILE_TIME_H

#include <stdbool.h>
#include <stdint.h>

struct file_time {
    bool has_time;
    int64_t start_ns;  /* of the first frame */
    int64_t next_s_ns; /* what is captured from then on may be of a later second; 0: nothing was yet */
    uint32_t base_s;   /* of the first frame */
    uint32_t now_s;    /* never goes back */
};

/* Whether the frame is the first one, one without a time (CAPTURE_NO_TIME), or of another second than those before it. */
static inline bool file_time_is_turn(const struct file_time *time, int64_t time_ns)
{
    return time_ns >= time->next_s_ns;
}

/* Not for a frame without a time. True: now_s is another than before. */
bool file_time_turn(struct file_time *time, int64_t time_ns);

#endif
