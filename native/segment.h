/* segment.h: the shared-memory segment, ABI 1: the whole contract between the helper and every reader.
 *
 * A file in the host's byte order, which must be little-endian (asserted). Layout: struct seg_header at 0, then two snapshots of
 * equal size at header.snapshot_offset[0..1]. Inside a snapshot: struct seg_snapshot at 0, then at the header's offsets (from
 * the snapshot's start) instance_capacity * struct seg_instance, row_capacity * struct seg_row, row_capacity * struct
 * seg_histogram. Histogram n belongs to row n. There are no pointers. All times are nanoseconds.
 *
 * The header is written before the file gets its name and never again. Snapshots are written in turn: generation g goes to
 * snapshot g % 2. While one is written its `sequence` is odd; readers take the even one with the higher generation whose CRCs
 * hold. */
#ifndef GO_METRO_SEGMENT_H
#define GO_METRO_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

#define SEG_DEFAULT_PATH "/dev/shm/go-metro"
#define SEG_MAGIC "GoMetro" /* eight bytes with the NUL */
#define SEG_ABI_MAJOR 1     /* another major: not readable */
/* A higher minor: fields that were reserved are in use; a segment of a lower one has 0 there.
 * 1: of an instance all from `sample_open_s` on; of a row `first_birth`. */
#define SEG_ABI_MINOR 1

#define SEG_INTERFACE_MAX 64 /* text fields are NUL-terminated printable ASCII, the rest of the field is zero */
#define SEG_ERROR_MAX 256
#define SEG_NAME_MAX 256
#define SEG_REASON_MAX 24
#define SEG_REASONS 32
#define SEG_VERSION_MAX 32
#define SEG_SKIPS 8 /* enum skip_reason of peer.h, in its order; the last is reserved */
#define SEG_MAX_INSTANCES 64
#define SEG_MAX_ROWS 1048576
#define SEG_INTERVAL_MIN_MS 100 /* of publish_interval_ms */
#define SEG_INTERVAL_MAX_MS 60000
#define SEG_RTT_MAX_NS ((UINT64_C(1) << HISTOGRAM_MAX_EXP) - 1) /* of whatever is a round trip in a row */

enum seg_state { SEG_STARTING = 1, SEG_CAPTURING = 2, SEG_DEGRADED = 3, SEG_FAILED = 4, SEG_STOPPED = 5 };

/* Whether an instance is measured in windows only (window.h), and whether it is in one. Its `state` does not depend on it:
 * outside of a window the capture is open all the same, and the kernel filter lets nothing pass. */
enum seg_sampling { SEG_SAMPLING_NONE = 0, SEG_SAMPLING_OPEN = 1, SEG_SAMPLING_CLOSED = 2 };

enum seg_family { SEG_FAMILY_NONE = 0, SEG_FAMILY_V4 = 4, SEG_FAMILY_V6 = 6 };

enum seg_row_flag {
    SEG_ROW_OTHER = 1 /* what is over max_peers, as one sum: flows that began without a row, and all that rows had counted which
                         made room for others (first_birth). Counts only, peer_name is "other", no addresses */
};

struct seg_header {
    char magic[8];
    uint16_t abi_major, abi_minor;
    uint32_t header_size;
    uint64_t file_size;
    uint32_t snapshot_head_size, instance_size, row_size, histogram_size; /* sizeof of each struct */
    uint32_t instance_capacity, row_capacity;
    uint32_t bucket_count, bucket_min_exp, bucket_sub_bits; /* histogram.h */
    uint32_t publish_interval_ms;
    uint64_t snapshot_offset[2], snapshot_size;
    uint64_t instances_offset, rows_offset, histograms_offset; /* from the start of a snapshot */
    uint32_t pid;
    uint32_t reserved0;
    uint64_t pid_start_ticks;   /* field 22 of /proc/PID/stat: a pid that was reused differs */
    uint64_t start_boottime_ns; /* CLOCK_BOOTTIME; not later than any snapshot's */
    uint64_t start_realtime_ns; /* since the epoch */
    char boot_id[40];           /* /proc/sys/kernel/random/boot_id */
    char version[SEG_VERSION_MAX];
    uint8_t reserved[52];
    uint32_t crc; /* CRC-32C of all bytes before it */
};

struct seg_snapshot {
    uint64_t sequence;    /* odd: being written */
    uint64_t generation;  /* 1 is the first of a helper; the file that follows another goes on counting */
    uint64_t boottime_ns; /* CLOCK_BOOTTIME of publishing: the heartbeat */
    uint64_t realtime_ns; /* since the epoch */
    uint32_t state;       /* enum seg_state */
    uint32_t instance_count;
    uint32_t row_count;
    uint32_t instances_crc; /* CRC-32C of instance_count instances */
    uint32_t rows_crc;      /* of row_count rows */
    uint32_t histograms_crc;
    char error[SEG_ERROR_MAX]; /* "" or what is wrong and what to do */
    uint8_t reserved[60];
    uint32_t crc; /* CRC-32C from `generation` to here */
};

struct seg_reason {
    char name[SEG_REASON_MAX]; /* "": unused, and so are all after it */
    uint64_t count;
};

struct seg_instance {
    uint32_t fingerprint; /* fingerprint.h */
    uint32_t state;       /* enum seg_state; SEG_STOPPED: of a capture file that was read to its end, as `error` says */
    char interface[SEG_INTERFACE_MAX];
    char error[SEG_ERROR_MAX];
    char warning[SEG_ERROR_MAX]; /* works, but something is lost: a name that does not resolve ... */
    uint64_t received;           /* packets that reached the helper */
    uint64_t dropped_kernel;     /* by the ring being full */
    uint64_t dropped_interface;  /* by the device */
    uint64_t tcp;                /* packets that were used: received == tcp + sum of ignored */
    uint64_t flows;              /* opened so far */
    uint64_t open_flows;
    uint64_t refused_flows; /* max_flows: times a packet was turned away */
    uint64_t refused_peers; /* max_peers: flows that began in the row `other` */
    uint64_t pending;       /* timed segments that wait for their ACK */
    struct seg_reason ignored[SEG_REASONS];
    uint64_t
        sample_open_s; /* seconds in windows since the instance, or its windows, began; 0 without windows, as all that follows */
    uint64_t sample_closed_s;         /* and outside of them */
    uint64_t sample_turn_boottime_ns; /* when the present window, or the pause between two, ends */
    uint32_t sampling;                /* enum seg_sampling */
    uint8_t reserved[4];
    /* Of the row `other`, what it was given by rows that made room for others. The rest it counted itself, as it did
     * refused_peers of its flows. Who follows each row by itself needs no more of `other` than that: those rows said theirs. */
    uint64_t given_timed, given_samples, given_handshake_samples, given_retransmits;
};

struct seg_row {
    uint32_t instance; /* index */
    uint32_t flags;    /* enum seg_row_flag; SEG_ROW_OTHER: once an instance at most, in any place */
    uint8_t local[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint8_t peer[16];
    uint8_t local_family; /* enum seg_family */
    uint8_t peer_family;
    uint8_t peer_bits; /* length in the 16-byte form: 128, or a subnet's; 0 with SEG_FAMILY_NONE: a name's addresses together, or
                          the row `other` */
    uint8_t reserved0;
    uint16_t peer_port; /* 0: all */
    uint16_t reserved1;
    uint64_t birth;                   /* unique in the helper's life: a row that left and came back has another */
    uint64_t birth_realtime_ns;       /* 0: not known; of a capture file: when it was opened */
    uint64_t last_sample_boottime_ns; /* not later than the snapshot's; 0: none yet; of a capture file: when it was read */
    uint64_t flows, timed, samples, handshake_samples, retransmits; /* cumulative since birth, modulo 2^64 */
    uint64_t skipped[SEG_SKIPS];
    uint64_t sum_ns, handshake_sum_ns;
    uint64_t last_ns, min_ns, max_ns; /* since birth */
    uint64_t srtt_ns, jitter_ns;
    uint64_t window_min_ns;       /* of the last 300 s, 0: none */
    char peer_name[SEG_NAME_MAX]; /* what the tag dst: says */
    /* Birth of the row that came here when there was room; each that follows it with the same first_birth made the one before it
     * leave, whose counters went into the row `other` of its instance. So a reader of two snapshots knows whose counters `other`
     * was given meanwhile, as long as who took the place is still there; how much it was is in given_*, whoever left. departed.h
     * puts both together. 0: not known (ABI 1.0). */
    uint64_t first_birth;
    uint8_t reserved[24];
};

struct seg_histogram {
    uint32_t count[HISTOGRAM_BUCKETS]; /* modulo 2^32 */
    uint32_t reserved;
};

/* ABI 1, to the byte: a change here is a new SEG_ABI_MAJOR (or a new minor, where a reserved field comes into use). */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the segment is little-endian");
_Static_assert(sizeof(struct seg_header) == 272, "ABI 1");
_Static_assert(offsetof(struct seg_header, file_size) == 16, "ABI 1");
_Static_assert(offsetof(struct seg_header, snapshot_offset) == 64, "ABI 1");
_Static_assert(offsetof(struct seg_header, pid) == 112, "ABI 1");
_Static_assert(offsetof(struct seg_header, boot_id) == 144, "ABI 1");
_Static_assert(offsetof(struct seg_header, crc) == sizeof(struct seg_header) - 4, "ABI 1");
_Static_assert(sizeof(struct seg_snapshot) == 376, "ABI 1");
_Static_assert(offsetof(struct seg_snapshot, state) == 32, "ABI 1");
_Static_assert(offsetof(struct seg_snapshot, error) == 56, "ABI 1");
_Static_assert(offsetof(struct seg_snapshot, crc) == sizeof(struct seg_snapshot) - 4, "ABI 1");
_Static_assert(sizeof(struct seg_reason) == 32, "ABI 1");
_Static_assert(offsetof(struct seg_instance, received) == 584, "ABI 1");
_Static_assert(offsetof(struct seg_instance, ignored) == 656, "ABI 1");
_Static_assert(offsetof(struct seg_instance, sample_open_s) == 1680, "ABI 1.1");
_Static_assert(offsetof(struct seg_instance, reserved) == 1708, "ABI 1.1");
_Static_assert(offsetof(struct seg_instance, given_timed) == 1712, "ABI 1.1");
_Static_assert(sizeof(struct seg_instance) == 1744, "ABI 1");
_Static_assert(offsetof(struct seg_row, birth) == 48, "ABI 1");
_Static_assert(offsetof(struct seg_row, skipped) == 112, "ABI 1");
_Static_assert(offsetof(struct seg_row, peer_name) == 240, "ABI 1");
_Static_assert(offsetof(struct seg_row, first_birth) == 496, "ABI 1.1");
_Static_assert(sizeof(struct seg_row) == 528, "ABI 1");
_Static_assert(sizeof(struct seg_histogram) == 1800, "ABI 1");

#endif
