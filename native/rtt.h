/* rtt.h: the matcher: what one side of a flow sends and what the other acknowledges -> round trips. Pure: time is an argument.
 *
 * A half stands for one sending side whose round trips are measured; all zero bytes are a fresh one. rtt_sent() for each
 * segment of that side, rtt_acked() for each of the other, rtt_refused() for the other's RST; rtt_drop() when the waiting ones
 * are given up, rtt_restart() when the tuple's next connection begins. Each call adds to an outcome; timed == samples +
 * skipped + half->waiting.count holds over all of them. The rules are RFC 9293 (sequence arithmetic), Karn's with RFC 7323,
 * RFC 5681 section 2 (duplicate ACK), RFC 2018 and RFC 2883 (SACK, DSACK).
 *
 * `ambiguous` is also what was acknowledged before it was captured, and what the echo of a TSval says was sent before. The sign
 * of a hole at the peer makes everything that is pending ambiguous. Sequence space is handed out in order, so one
 * number says which that are (ambiguous_end): marking costs the same for one segment as for thousands. Of these only what begins
 * at the left edge, was sent once and came in order by all that the peer has said gives a sample nevertheless. */
#ifndef GO_METRO_RTT_H
#define GO_METRO_RTT_H

#include <stdbool.h>
#include <stdint.h>

#include "packet.h"
#include "peer.h"
#include "pending.h"

#define RTT_MAX_NS INT64_C(120000000000) /* what takes longer is no round trip */
#define RTT_MAX_PENDING 16384            /* of one half; beyond it new segments are `overflow` */
#define RTT_MAX_SEARCH 256               /* entries that a retransmission is looked for among */
#define RTT_MAX_PACKET 1460   /* bytes: what is longer may be cut on its way (TSO), and its last byte come before the rest */
#define RTT_MAX_AHEAD 131072U /* bytes: an ACK so far beyond what was captured is of data that is only late in the capture */
#define RTT_MAX_DISTANCE (1U << 30) /* the largest window there is (RFC 7323, 2.3): farther off is another connection */

enum rtt_flag {
    RTT_STARTED = 1,    /* next and una mean something */
    RTT_SENT = 2,       /* this side has sent a segment */
    RTT_ACKED = 4,      /* una is the peer's word; before that it is where we began to listen */
    RTT_ISN = 8,        /* isn is known */
    RTT_FIN = 16,       /* this side has sent its FIN */
    RTT_UNREACHED = 32, /* a retransmission below trusted_from was beyond RTT_MAX_SEARCH: what looks sent once may not be */
    RTT_SACK = 64       /* the other side does SACK */
};

struct rtt_half {
    uint32_t next;          /* SND.NXT, as far as it was seen */
    uint32_t una;           /* SND.UNA: the greatest ACK */
    uint32_t ambiguous_end; /* segments that end here or before are ambiguous, also such as are not captured yet */
    uint32_t trusted_from;  /* from here on (or from una) nothing was SACKed, and nothing sent again that was not found */
    uint32_t isn;
    struct pending_list waiting; /* for their ACK, oldest first; .note: segments that the peer holds beyond a hole, by its
                                    duplicate ACKs */
    uint32_t previous_low;       /* the sample before, ns: low 32 bits */
    uint16_t window;             /* of the last ACK, as on the wire */
    uint8_t previous_high;       /* of the sample before: what is above them */
    uint8_t flags;               /* enum rtt_flag */
};

_Static_assert(sizeof(struct rtt_half) == 36, "two of them and what finds the flow take two cache lines");
_Static_assert(RTT_MAX_PENDING <= UINT16_MAX, "count holds it");
_Static_assert(RTT_MAX_NS >> 40 == 0, "previous_* hold it");

struct rtt_sample {
    uint64_t rtt_ns;
    uint64_t previous_ns; /* the sample before it of the same half, 0: none */
    uint32_t end_seq;     /* SEG.SEQ + SEG.LEN of the segment that was timed */
    bool handshake;       /* it was a SYN */
};

/* --- what is looked at for each packet, and so stands in the header --- */

/* a < b, modulo 2^32 (RFC 9293, 3.4). */
static inline bool seq_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* No window reaches so far in either direction. */
static inline bool seq_is_far(uint32_t a, uint32_t b)
{
    const uint32_t distance = seq_before(a, b) ? b - a : a - b;

    return distance > RTT_MAX_DISTANCE;
}

/* Where this half is not measured una is what the other side's data last acknowledged, since its pure ACKs may not be seen
 * (filter.h). However much this side sends meanwhile, una must not fall so far behind that the next ACK looks old. */
static inline void rtt_keep_up(struct rtt_half *half, uint32_t seq)
{
    if ((half->flags & (RTT_ACKED | RTT_STARTED)) == RTT_ACKED && seq_is_far(seq, half->una)) {
        half->una = seq;
    }
}

/* Notes of a segment of this side what the next connection is told by (ISN, FIN), measured or not, and how far it has come where
 * it is not. For each segment but a RST, before rtt_sent(). */
static inline void rtt_note(struct rtt_half *half, const struct tcp_segment *segment)
{
    rtt_keep_up(half, segment->seq);
    half->flags |= RTT_SENT;
    if (segment->flags & TCP_SYN) {
        half->isn = segment->seq;
        half->flags |= RTT_ISN;
    }
    if (segment->flags & TCP_FIN) {
        half->flags |= RTT_FIN;
    }
}

/* Follows the other side's ACK where this half is not measured, so that rtt_is_probe() holds for it too. */
static inline void rtt_follow(struct rtt_half *half, const struct tcp_segment *segment)
{
    if ((segment->flags & TCP_ACK) && (!(half->flags & RTT_ACKED) || seq_before(half->una, segment->ack))) {
        half->una = segment->ack;
        half->flags |= RTT_ACKED;
    }
}

/* Whether a segment of this side is a keep-alive or a zero-window probe: a byte or none at SND.UNA - 1 (RFC 9293, 3.8.4 and
 * 3.8.6.1). */
static inline bool rtt_is_probe(const struct rtt_half *half, const struct tcp_segment *segment)
{
    return segment->payload_len <= 1 && (half->flags & RTT_ACKED) && !(segment->flags & (TCP_SYN | TCP_FIN))
           && segment->seq == half->una - 1;
}

static inline uint64_t rtt_previous_ns(const struct rtt_half *half)
{
    return (uint64_t)half->previous_high << 32 | half->previous_low;
}

static inline void rtt_keep_previous(struct rtt_half *half, uint64_t rtt_ns)
{
    const uint64_t kept = rtt_ns == 0 ? 1 : rtt_ns; /* 0 says "none" */

    half->previous_low = (uint32_t)kept;
    half->previous_high = (uint8_t)(kept >> 32);
}

/* Whether no pending segment can be of what this segment of this side brings: rtt_find_copied() would find none. */
static inline bool rtt_sends_new(const struct rtt_half *half, const struct tcp_segment *segment)
{
    return half->waiting.count == 0 || segment->payload_len == 0 || !seq_before(segment->seq, half->next);
}

/* Whether this segment of this side takes up no sequence space, and is of the connection that is known: rtt_sent() would do
 * nothing. */
static inline bool rtt_sends_nothing(const struct rtt_half *half, const struct tcp_segment *segment)
{
    return segment->payload_len == 0 && !(segment->flags & (TCP_SYN | TCP_FIN)) && (half->flags & RTT_STARTED)
           && !seq_is_far(segment->seq, half->next);
}

/* The next sample has none before it. */
static inline void rtt_forget_previous(struct rtt_half *half)
{
    half->previous_low = 0;
    half->previous_high = 0;
}

/* What a call found; begin with all zero bytes. */
struct rtt_outcome {
    uint32_t timed, retransmits;
    uint32_t reasons; /* bit n: skipped[n] is not 0 */
    uint32_t skipped[SKIP_REASON_COUNT];
    bool hole;       /* a sign of a hole at the peer was seen */
    bool has_sample; /* at most one a call */
    struct rtt_sample sample;
};

/* The pending segment that this one of the same side may be a copy of: the same range and identity, sent once, and no sign of a
 * hole since. NULL: none among the oldest RTT_MAX_SEARCH. Costs nothing where new data is sent. */
const struct pending *rtt_find_copied(const struct rtt_half *half, const struct pending_pool *pool,
                                      const struct tcp_segment *segment);

/* Whether a sign of a hole came after the first transmission of what this segment of the same side brings, and it was not sent
 * again since: then it is no copy. Asked of the oldest RTT_MAX_SEARCH pending segments; true where that does not reach. */
bool rtt_is_missed(const struct rtt_half *half, const struct pending_pool *pool, const struct tcp_segment *segment);

/* A segment of this side (not a RST). */
void rtt_sent(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, int64_t time_ns,
              struct rtt_outcome *outcome);
/* A segment of the other side (not a RST); without TCP_ACK nothing happens. probe: rtt_is_probe() said so of it. */
void rtt_acked(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, bool probe, int64_t time_ns,
               struct rtt_outcome *outcome);
/* The other side's RST: with an ACK of exactly our SYN it is a round trip (connection refused). */
void rtt_refused(struct rtt_half *half, struct pending_pool *pool, const struct tcp_segment *segment, int64_t time_ns,
                 struct rtt_outcome *outcome);
/* Everything pending becomes `reason`. */
void rtt_drop(struct rtt_half *half, struct pending_pool *pool, enum skip_reason reason, struct rtt_outcome *outcome);
/* Everything pending becomes `unacked` and the half is fresh. */
void rtt_restart(struct rtt_half *half, struct pending_pool *pool, struct rtt_outcome *outcome);

#endif
