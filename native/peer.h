/* peer.h: the statistics of one row: (instance, local address, peer). Fixed memory, time is an argument.
 *
 * peer_init() once, then peer_sample() for each round trip and the plain counters added to by meter.c. Counters are cumulative
 * for the life of the row, so that any number of readers can take their own difference between two reads. */
#ifndef GO_METRO_PEER_H
#define GO_METRO_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

/* Why a timed segment gave no sample: X(enumerator, name); the names are public (design, rule 7). */
#define SKIP_REASONS(X)                                                                              \
    X(SKIP_COVERED, "covered")             /* an ACK was for a newer segment */                      \
    X(SKIP_INEXACT, "inexact")             /* an ACK fell between segment ends */                    \
    X(SKIP_RETRANSMITTED, "retransmitted") /* Karn */                                                \
    X(SKIP_AMBIGUOUS, "ambiguous")         /* the ACK may have waited for a hole, or be another's */ \
    X(SKIP_UNACKED, "unacked")             /* the flow or the capture ended first */                 \
    X(SKIP_OVERFLOW, "overflow")           /* not timed because of a memory bound */                 \
    X(SKIP_CLOCK, "clock")                 /* below 0, above 120 s, or the wall clock was set */

enum skip_reason {
#define X(enumerator, name) enumerator,
    SKIP_REASONS(X)
#undef X
        SKIP_REASON_COUNT
};

const char *skip_reason_name(enum skip_reason reason);

#define PEER_WINDOW_SLOTS 10
#define PEER_WINDOW_SLOT_S 30 /* 10 * 30 s = the 300 s of the windowed minimum */

/* What nearly every sample changes comes first, in two cache lines. */
struct peer_stats {
    uint64_t timed;   /* segments that could give a sample */
    uint64_t samples; /* round trips, handshakes included */
    uint64_t sum_ns;  /* of all samples, as the next three; they are 0 while there is none */
    uint64_t last_ns, min_ns, max_ns;
    uint64_t srtt_x8;    /* RFC 6298 SRTT in 1/8 ns */
    uint64_t jitter_x16; /* RFC 3550 section 6.4.1 smoothing (gain 1/16) of |difference of consecutive samples of a flow|, in 1/16
                            ns */
    int64_t last_sample_time_ns; /* capture time of the newest sample, 0: none */
    uint64_t window_least_ns;    /* of the newest slot, which window_min_ns[] holds once it is over; 0: none */
    uint32_t last_sample_s;      /* now_s of the newest sample */
    uint32_t window_end_s;       /* when the slot after the newest one begins; 0: none has begun */
    struct histogram *histogram; /* apart, as it is so much larger: the statistics of many peers then lie in few pages */
    uint64_t flows;              /* flows that were opened to this peer */
    uint64_t handshake_samples, handshake_sum_ns;
    uint64_t skipped[SKIP_REASON_COUNT];       /* the second line ends behind the first of them, SKIP_COVERED */
    uint64_t retransmits;                      /* retransmitted segments that were seen */
    uint32_t window_slot;                      /* number (time / PEER_WINDOW_SLOT_S) of the newest slot */
    uint64_t window_min_ns[PEER_WINDOW_SLOTS]; /* 0: none in that slot */
};

_Static_assert(offsetof(struct peer_stats, skipped) + sizeof(uint64_t) * (SKIP_COVERED + 1) == 128, "two cache lines");

/* Begins empty. histogram: where its round trips are counted; empty as well. */
void peer_init(struct peer_stats *peer, struct histogram *histogram);

/* One round trip. previous_ns: the sample before it of the same flow, 0 if it is the flow's first. handshake: of a SYN.
 * now_s: monotonic seconds. */
void peer_sample(struct peer_stats *peer, uint64_t rtt_ns, uint64_t previous_ns, bool handshake, uint32_t now_s);
/* The same but for the histogram: the counter in it that has still to be incremented, which may be far from the rest. */
uint32_t *peer_sample_but_bucket(struct peer_stats *peer, uint64_t rtt_ns, uint64_t previous_ns, bool handshake, uint32_t now_s);
/* Asks for the memory that nearly every sample changes. */
static inline void peer_await(const struct peer_stats *peer)
{
    __builtin_prefetch(peer, 1);
    __builtin_prefetch((const char *)peer + 64, 1);
}

/* Grows whenever anything of the row is counted: as long as it is the same, so is all but the windowed minimum, which time
 * changes too. */
uint64_t peer_activity(const struct peer_stats *peer);

uint64_t peer_srtt_ns(const struct peer_stats *peer);
uint64_t peer_jitter_ns(const struct peer_stats *peer);
/* The least sample of the last 300 s (to a slot's precision: of the last 270 to 300 s); 0 if there was none. */
uint64_t peer_window_min_ns(const struct peer_stats *peer, uint32_t now_s);

#endif
