/* copies.h: which packets were captured a moment ago: so one that is captured twice is not taken for one that was sent twice.
 *
 * copies_init() once; for each packet copies_is_unseen(), and where that says false copies_is_one() or copies_sent_again();
 * copies_forget() at the sign of a hole; copies_destroy(). One small table for the packets of all flows: a list in each flow
 * would cost a cache line a packet, and with many flows it is lines that cost. A packet's place comes from its flow's seeded
 * hash, so that who sends packets cannot choose it, and each place keeps its newest four. What is not found any more was pushed
 * out by packets that came after it (docs/performance.md says of how many). Each instance that a packet is measured for counts as
 * one. */
#ifndef GO_METRO_COPIES_H
#define GO_METRO_COPIES_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "flow.h"
#include "packet.h"

#define COPIES_PLACE_BITS 11       /* 64 KiB in all */
#define COPIES_EACH 4              /* packets a place */
#define COPIES_NS 1000000          /* how late a copy may come, where a retransmission could look the same */
#define COPIES_UNIQUE_NS 100000000 /* and where none should: below an RTO, as some hosts send one IP ID in all packets */
#define COPIES_TIME_SHIFT 14       /* units of 16,384 ns */
#define COPIES_TIME_BITS 24        /* modulo 275 s: longer than any RTO */
#define COPIES_TIME_MASK ((UINT64_C(1) << COPIES_TIME_BITS) - 1)

/* What is known of a packet: the low 40 bits of its number, and when it came. 0: nothing. */
struct copies_place {
    uint64_t seen[COPIES_EACH]; /* the newest first */
};

struct copies {
    struct arena places; /* struct copies_place */
};

/* False: out of memory (may be destroyed). */
bool copies_init(struct copies *copies);
void copies_destroy(struct copies *copies);
void copies_clear(struct copies *copies); /* what comes from here on is a copy of nothing that came before */

/* --- what is looked at for each packet, and so stands in the header --- */

/* The packet's number, of which no two packets of one flow and epoch have the same low 40 bits, but those of one side and
 * identity (as an identity is odd, the two sides' numbers differ in the lowest bit). hash: of its flow. */
static inline uint64_t copies_number(uint64_t hash, unsigned side, uint32_t epoch, uint32_t identity)
{
    return (hash + side + ((uint64_t)epoch << 1)) ^ identity * UINT64_C(0x9e3779b97f4a7c15);
}

static inline struct copies_place *copies_place_of(const struct copies *copies, uint64_t number)
{
    /* Folded, as the identities of a transfer are evenly spaced, and so would their places be. */
    const uint64_t folded = hash_fold(number, HASH_MIX_2);

    return (struct copies_place *)copies->places.records + (folded >> (64 - COPIES_PLACE_BITS));
}

static inline uint64_t copies_note_of(uint64_t number, int64_t time_ns)
{
    return number << COPIES_TIME_BITS | ((uint64_t)time_ns >> COPIES_TIME_SHIFT & COPIES_TIME_MASK);
}

static inline bool copies_are_same(uint64_t note, uint64_t other)
{
    return (note ^ other) >> COPIES_TIME_BITS == 0;
}

static inline void copies_remember(struct copies_place *place, uint64_t note)
{
    const uint64_t first = place->seen[0], second = place->seen[1], third = place->seen[2];

    place->seen[0] = note;
    place->seen[1] = first;
    place->seen[2] = second;
    place->seen[3] = third;
}

/* Whether nothing of that identity was sent by that side a moment ago: the short way of copies_is_one(), which then remembers it.
 * False: that has to be asked. */
static inline bool copies_is_unseen(struct copies *copies, const struct flow *flow, uint64_t hash, unsigned side,
                                    const struct tcp_segment *segment, int64_t time_ns)
{
    const uint64_t number = copies_number(hash, side, flow->side[side].epoch, segment->identity);
    const uint64_t note = copies_note_of(number, time_ns);
    struct copies_place *place = copies_place_of(copies, number);

    if (copies_are_same(note, place->seen[0]) || copies_are_same(note, place->seen[1]) || copies_are_same(note, place->seen[2])
        || copies_are_same(note, place->seen[3])) {
        return false;
    }
    copies_remember(place, note);
    return true;
}

/* Whether `side` sent this very packet a moment ago, so that it was captured twice. Otherwise remembers it. hash: of the flow. A
 * copy is known for as long as it is remembered, or by the caller as long as it waits for its ACK; one that comes after that, or
 * after a sign of a hole, counts as a retransmission. */
bool copies_is_one(struct copies *copies, struct flow *flow, uint64_t hash, unsigned side, const struct tcp_segment *segment,
                   int64_t time_ns);
/* It was sent again: the caller knows. Remembers it. */
void copies_sent_again(struct copies *copies, const struct flow *flow, uint64_t hash, unsigned side,
                       const struct tcp_segment *segment, int64_t time_ns);
/* Whether it is a copy, of data whose first transmission of the same identity was captured at first_ns. */
bool copies_is_late(struct flow *flow, const struct tcp_segment *segment, int64_t first_ns, int64_t time_ns);
/* From here on what `side` sends again is no copy (its peer misses something). Up to 255 times: then the first that was forgotten
 * is known again, until it is pushed out or too old, and the caller has to look at what waits for its ACK. */
void copies_forget(struct flow *flow, unsigned side);

#endif
