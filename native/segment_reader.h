/* segment_reader.h: open, check and copy one snapshot of a segment that nobody vouches for.
 *
 * segment_read() does all of it, segment_read_now() for who asks how old it is as well: O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC, type,
 * owner and mode, sizes before offsets, counts before loops, CRC before use, text printable ASCII. It copies with pread and never
 * maps, so that a file that shrinks is an error and not a SIGBUS; it retries a bounded number of times, less than 0.1 s in all,
 * while the writer is at work. It is free of Python and of the helper's other modules (but segment_check, segment_layout, crc32c,
 * clock, buckets and histogram): the extension, `status`, the tests and the fuzzer all use it. segment_copy_free() gives the
 * copy back. */
#ifndef GO_METRO_SEGMENT_READER_H
#define GO_METRO_SEGMENT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buckets.h"
#include "segment.h"

/* X(enumerator, name): what can be wrong, each its own. The names are public (`status --json`, tests). */
#define SEGMENT_STATUSES(X)                                                                                  \
    X(SEGMENT_OK, "ok")                                                                                      \
    X(SEGMENT_MISSING, "missing")             /* no such file */                                             \
    X(SEGMENT_NO_SPACE, "no_space")           /* no such file, and its file system has no room for one */    \
    X(SEGMENT_UNREADABLE, "unreadable")       /* EACCES, EIO, ... */                                         \
    X(SEGMENT_NOT_REGULAR, "not_regular")     /* a symlink, folder, FIFO, device */                          \
    X(SEGMENT_FOREIGN_OWNER, "foreign_owner") /* owner is not root, not the caller, not the one asked for */ \
    X(SEGMENT_WRITABLE, "writable_by_others") /* group or others may write */                                \
    X(SEGMENT_EMPTY, "empty")                                                                                \
    X(SEGMENT_TRUNCATED, "truncated") /* shorter than its header says, or than a header */                   \
    X(SEGMENT_BAD_MAGIC, "bad_magic") /* not a segment */                                                    \
    X(SEGMENT_OTHER_ABI, "other_abi")                                                                        \
    X(SEGMENT_BAD_HEADER, "bad_header")   /* the header's CRC */                                             \
    X(SEGMENT_BAD_LAYOUT, "bad_layout")   /* sizes or offsets that cannot be */                              \
    X(SEGMENT_UNPUBLISHED, "unpublished") /* whole, but no snapshot was ever written */                      \
    X(SEGMENT_TORN, "torn")               /* no snapshot stood still long enough to be read */               \
    X(SEGMENT_CORRUPT, "corrupt")         /* a snapshot's CRC, count, text or time */                        \
    X(SEGMENT_NO_MEMORY, "no_memory")

enum segment_status {
#define X(enumerator, name) enumerator,
    SEGMENT_STATUSES(X)
#undef X
        SEGMENT_STATUS_COUNT
};

const char *segment_status_name(enum segment_status status);

struct segment_read_options {
    bool histograms; /* read them too; else copy.buckets is NULL */
    bool any_owner;  /* do not check owner and mode (`status --segment FILE` of one's own choice) */
    bool has_owner;  /* besides root and the caller this user may own it */
    uid_t owner;
};

struct segment_copy {
    struct seg_header header;
    struct seg_snapshot snapshot;
    struct seg_instance *instances; /* snapshot.instance_count */
    struct seg_row *rows;           /* snapshot.row_count */
    struct buckets *buckets;        /* snapshot.row_count, or NULL: of each row's histogram what is in use */
    uint32_t *counts;               /* theirs */
};

/* When a copy was read. */
struct segment_time {
    uint64_t read_ns; /* CLOCK_BOOTTIME */
    uint64_t age_ns;  /* of the snapshot then; UINT64_MAX: it is of another boot */
};

/* SEGMENT_OK: *out is filled and the caller's. Otherwise *out is empty (segment_copy_free() is harmless) and message is one
 * line of printable ASCII that names the path, the cause and the cure. */
enum segment_status segment_read(const char *path, const struct segment_read_options *options, struct segment_copy *out,
                                 char message[static SEG_ERROR_MAX]);
/* The same for a file that is open already and stays the caller's; path: what the message calls it. */
enum segment_status segment_read_fd(int fd, const char *path, const struct segment_read_options *options,
                                    struct segment_copy *out, char message[static SEG_ERROR_MAX]);
/* segment_read(), and how old it is. A snapshot that says to be of the future is SEGMENT_CORRUPT too. */
enum segment_status segment_read_now(const char *path, const struct segment_read_options *options, struct segment_copy *out,
                                     struct segment_time *time, char message[static SEG_ERROR_MAX]);
void segment_copy_free(struct segment_copy *copy);

/* Reads this boot's id; "" when it cannot be read. */
void segment_boot_id(char out[static 40]);
/* A running state (any but stopped: a helper that failed waits, tries again and publishes that) with a heartbeat older than
 * max(10 s, 5 intervals). */
bool segment_is_stale(const struct segment_copy *copy, uint64_t age_ns);
/* "open", "closed", or NULL: the instance is not measured in windows. */
const char *segment_sampling_name(uint32_t sampling);
/* Seconds from then_ns (CLOCK_BOOTTIME) until the instance's window, or the pause between two, ends, rounded up; 0: it is over.
 */
uint64_t segment_sampling_left_s(const struct seg_instance *instance, uint64_t then_ns);
/* "starting", "capturing", "degraded", "failed", "stopped"; "unknown" for anything else. */
const char *segment_state_name(uint32_t state);

#endif
