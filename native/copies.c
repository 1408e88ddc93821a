/* copies.c: see copies.h. */
#include "copies.h"

#include <string.h>

_Static_assert(COPIES_EACH == 4, "copies_is_unseen() looks at so many");

bool copies_init(struct copies *copies)
{
    const size_t places = (size_t)1 << COPIES_PLACE_BITS;

    return arena_init(&copies->places, sizeof(struct copies_place), places) && arena_reach(&copies->places, places - 1);
}

void copies_destroy(struct copies *copies)
{
    arena_destroy(&copies->places);
}

void copies_clear(struct copies *copies)
{
    memset(copies->places.records, 0, sizeof(struct copies_place) << COPIES_PLACE_BITS);
}

/* Units of coarse time between two, whichever was first: copies that two queues have handed over may be out of order. */
static uint64_t coarse_distance(uint64_t a, uint64_t b)
{
    const uint64_t later = (a - b) & COPIES_TIME_MASK, earlier = (b - a) & COPIES_TIME_MASK;

    return later < earlier ? later : earlier;
}

static bool takes_sequence_space(const struct tcp_segment *segment)
{
    return segment->payload_len > 0 || (segment->flags & (TCP_SYN | TCP_FIN));
}

/* Two packets of one identity: one packet that was captured twice, or something sent again? In doubt it was sent again, for
 * that loses samples and gives no false one.
 * - What takes up sequence space: a packet with an ID of its own is a copy, unless a retransmission timer may have run out. (Of a
 *   host that sends one ID in all packets a timer below COPIES_UNIQUE_NS would be missed.) Without an ID only a TSval may
 *   differ, and that ticks as slowly as its host likes: it is a copy if it comes at once, as sending again takes a sign of a
 *   hole, after which copies are forgotten, or a timer, none of which is so short.
 * - A pure ACK that comes again is a duplicate ACK, and within a tick of TSval it looks the same. It is a copy only if it comes
 *   at once and has an ID, or if this flow's data was seen twice as well. */
static bool means_copy(const struct flow *flow, const struct tcp_segment *segment, uint64_t age)
{
    if (takes_sequence_space(segment)) {
        return age <= (segment->has_ip_id ? COPIES_UNIQUE_NS : COPIES_NS) >> COPIES_TIME_SHIFT;
    }
    return age <= COPIES_NS >> COPIES_TIME_SHIFT && (segment->has_ip_id || (flow->state & FLOW_TWICE));
}

bool copies_is_one(struct copies *copies, struct flow *flow, uint64_t hash, unsigned side, const struct tcp_segment *segment,
                   int64_t time_ns)
{
    const uint64_t number = copies_number(hash, side, flow->side[side].epoch, segment->identity);
    const uint64_t note = copies_note_of(number, time_ns);
    struct copies_place *place = copies_place_of(copies, number);

    for (unsigned n = 0; n < COPIES_EACH; n++) {
        if (!copies_are_same(note, place->seen[n]) || !means_copy(flow, segment, coarse_distance(note, place->seen[n]))) {
            continue;
        }
        flow->state |= FLOW_TWICE;
        if (!takes_sequence_space(segment)) {
            place->seen[n] = 0; /* the third of a pure ACK is a duplicate ACK, and the fourth the copy of that */
        }
        return true;
    }
    copies_remember(place, note);
    return false;
}

void copies_sent_again(struct copies *copies, const struct flow *flow, uint64_t hash, unsigned side,
                       const struct tcp_segment *segment, int64_t time_ns)
{
    const uint64_t number = copies_number(hash, side, flow->side[side].epoch, segment->identity);

    copies_remember(copies_place_of(copies, number), copies_note_of(number, time_ns));
}

bool copies_is_late(struct flow *flow, const struct tcp_segment *segment, int64_t first_ns, int64_t time_ns)
{
    if (!means_copy(flow, segment, coarse_distance(copies_note_of(0, time_ns), copies_note_of(0, first_ns)))) {
        return false;
    }
    flow->state |= FLOW_TWICE;
    return true;
}

void copies_forget(struct flow *flow, unsigned side)
{
    flow->side[side].epoch++;
}
