/* segment_writer.h: the one owner of the published segment.
 *
 * segment_writer_open() until it gives SEGW_OK, then segment_writer_publish() about once a second, at last
 * segment_writer_close(). The file outlives the process: its last words stay readable. Every failure leaves a state and a
 * message that says what to do; the caller tries again. */
#ifndef GO_METRO_SEGMENT_WRITER_H
#define GO_METRO_SEGMENT_WRITER_H

#include <stdint.h>
#include <sys/types.h>

#include "segment.h"

enum segment_writer_result {
    SEGW_OK,
    SEGW_LOCKED,      /* another helper has it: *holder is its pid (0: not known) */
    SEGW_FOREIGN,     /* a path that another user owns: the message says who must remove it */
    SEGW_NOT_REGULAR, /* a folder, FIFO, symlink, device */
    SEGW_NO_SPACE,    /* the message says how many bytes are needed and how many there are */
    SEGW_FAILED       /* anything else, with errno's text */
};

/* By what readers know a helper again from one file to the next. All 0: it is new. */
struct segment_identity {
    uint64_t start_boottime_ns, start_realtime_ns;
    uint64_t generation; /* published last */
};

struct segment_writer_options {
    const char *path;
    uint32_t row_capacity;        /* max_peers + 1 per instance, 1..SEG_MAX_ROWS */
    uint32_t instance_capacity;   /* 1..SEG_MAX_INSTANCES */
    uint32_t publish_interval_ms; /* SEG_INTERVAL_MIN_MS..SEG_INTERVAL_MAX_MS */
    const char *version;
    const struct segment_writer *replaces; /* NULL, or our own writer at the same path, to go on in a file of another size: its
                                              lock passes on without a gap. Close it afterwards in any case. */
    struct segment_identity identity;      /* of our own earlier file, wherever that went */
};

/* By what the writer knows what it has stored in a place already: numbers from 1. As long as one of them is the same for a place,
 * so is what it stands for. */
struct segment_version {
    uint64_t name;   /* of peer_name and what follows it */
    uint64_t counts; /* of what comes before them in the row, and of the histogram */
};

/* What is published. Arrays are the caller's; histograms[i] belongs to rows[i] and counts only from the bucket of its min_ns to
 * that of its max_ns: no other is looked at. The writer fills the CRCs, the sequence and the generation, and cleans the text
 * fields (printable ASCII, NUL-terminated, zero-padded). */
struct segment_contents {
    enum seg_state state;
    const char *error;
    uint64_t boottime_ns, realtime_ns;
    const struct seg_instance *instances;
    uint32_t instance_count;
    const struct seg_row *rows;
    const struct histogram *const *histograms;
    const struct segment_version *versions; /* [i]: of rows[i] and its histogram; NULL: not known */
    uint32_t row_count;
    uint64_t version; /* of rows, histograms and versions together: as long as it is the same, so is all of them; 0: not known */
};

struct segment_writer;

/* Makes a new file under a temporary name beside `path` (O_EXCL|O_NOFOLLOW, 0640, posix_fallocate), locks it (OFD write lock) and
 * renames it into place, once the lock of the file that is there now (if any) is ours. SEGW_OK: *out is the writer. Else *out is
 * NULL and message says what is wrong and what to do (printable ASCII); *holder is set for SEGW_LOCKED. It waits for no lock. */
enum segment_writer_result segment_writer_open(const struct segment_writer_options *options, struct segment_writer **out,
                                               char message[static SEG_ERROR_MAX], pid_t *holder);

/* Writes one generation. 0; -1 (errno) when rows or instances are more than the capacity, or are none that a reader would take
 * (EINVAL). Never blocks on a reader. */
int segment_writer_publish(struct segment_writer *writer, const struct segment_contents *contents);

/* For the file that follows this one. */
struct segment_identity segment_writer_identity(const struct segment_writer *writer);

/* Rows that there is room for. */
uint32_t segment_writer_row_capacity(const struct segment_writer *writer);

/* Whether `path` still names our file: 1 yes, 0 it was removed or replaced (the caller opens anew), -1 errno. */
int segment_writer_in_place(const struct segment_writer *writer);

/* Unmaps and unlocks; the file stays. NULL is fine. */
void segment_writer_close(struct segment_writer *writer);

#endif
