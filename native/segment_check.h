/* segment_check.h: what a segment may contain, told from bytes that are in memory already. No I/O, no allocation, no clock.
 *
 * In this order: segment_check_header(), segment_check_layout(); for each snapshot segment_head_state() and segment_check_head();
 * with its arrays copied, segment_check_contents(); for who shows its age segment_check_age(). Each relies on what those before
 * it have bounded. The first fault is told by its status and by `cause`, one line without path and cure. The writer uses the text
 * functions too: both sides mean the same. */
#ifndef GO_METRO_SEGMENT_CHECK_H
#define GO_METRO_SEGMENT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "segment_reader.h"

enum segment_head_state {
    SEGMENT_HEAD_NEVER, /* no generation was ever written here */
    SEGMENT_HEAD_BUSY,  /* being written, or its writer died there */
    SEGMENT_HEAD_WHOLE,
    SEGMENT_HEAD_DAMAGED /* finished, and yet its CRC or its place is wrong; or it was read while it changed */
};

/* Writes the cause and gives the status back. */
enum segment_status segment_fail(char cause[static SEG_ERROR_MAX], enum segment_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The first `size` bytes of a file, which may be fewer than a header. */
enum segment_status segment_check_header(const struct seg_header *header, size_t size, char cause[static SEG_ERROR_MAX]);

/* That all parts lie in file_size bytes (the file's real size), in order and apart. */
enum segment_status segment_check_layout(const struct seg_header *header, uint64_t file_size, char cause[static SEG_ERROR_MAX]);

/* slot: 0 or 1, the snapshot's place in the file. */
enum segment_head_state segment_head_state(const struct seg_snapshot *head, unsigned slot);

/* The counts against the capacities, the state, the text, the start. */
enum segment_status segment_check_head(const struct seg_header *header, const struct seg_snapshot *head,
                                       char cause[static SEG_ERROR_MAX]);

/* Whether the least, newest and greatest round trip are in order and none is longer than the histograms are made for. */
bool segment_round_trips_ok(const struct seg_row *row);

/* Every instance and row of a copy whose head is checked. */
enum segment_status segment_check_contents(const struct segment_copy *copy, char cause[static SEG_ERROR_MAX]);

/* *age_ns: the snapshot's age at boottime_ns (CLOCK_BOOTTIME after it was read); UINT64_MAX when it is of another boot than
 * boot_id. SEGMENT_CORRUPT: it is of the future, and would look alive for ever. The only check that needs the time. */
enum segment_status segment_check_age(const struct segment_copy *copy, uint64_t boottime_ns, const char *boot_id,
                                      uint64_t *age_ns, char cause[static SEG_ERROR_MAX]);

/* Copies text into a field: cut to fit, '?' for what is not printable ASCII, zeros up to the end. `to` may be `from`. */
void segment_clean_text(char *to, size_t size, const char *from);

/* "a folder", "a FIFO" ... of st_mode, for what is not a regular file. */
const char *segment_type_name(mode_t mode);

/* "PATH: ..." in clean text; the beginning of a long path is left out, so that the rest has room. */
void segment_message(char message[static SEG_ERROR_MAX], const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
