/* tcp_sender.c: what a side sends and sends again: RFC 5681 (slow start, fast retransmit), RFC 6582 without and RFC 6675 with
 * SACK, RFC 6298 (the retransmission timer). */
#include <string.h>

#include "tcp_private.h"

#define DUPLICATE_THRESHOLD 3
#define MIN_RTO_NS (200 * NS_PER_MS)
#define MAX_RTO_NS (60 * NS_PER_S)
#define MAX_TIMEOUTS 10

/* --- the scoreboard --- */

static uint64_t length_of(const struct tcp_segment_state *segment)
{
    return segment->end - segment->start;
}

/* RFC 6675: what is believed to be in the network. */
static uint64_t pipe_of(const struct tcp_end *end)
{
    uint64_t pipe = 0;

    for (size_t n = 0; n < end->sent_count; n++) {
        const struct tcp_segment_state *segment = &end->sent[n];
        if (!segment->sacked && (!segment->lost || segment->again))
            pipe += length_of(segment);
    }
    return pipe;
}

static struct tcp_segment_state *add_segment(struct tcp_end *end, uint64_t length, uint8_t flags)
{
    if (end->sent_count == end->sent_capacity) {
        end->sent_capacity = end->sent_capacity == 0 ? 4 : end->sent_capacity * 2;
        end->sent = tcp_memory(end->sent, end->sent_capacity * sizeof *end->sent);
    }
    struct tcp_segment_state *segment = &end->sent[end->sent_count++];
    *segment = (struct tcp_segment_state){ .start = end->next, .end = end->next + length, .flags = flags };
    end->next = segment->end;
    return segment;
}

/* --- the retransmission timer --- */

static void on_timeout(void *arg);

static void arm(struct tcp_end *end)
{
    if (end->rto_armed || end->rto_deadline_ns == 0)
        return;
    end->rto_armed = true;
    tcp_later(end->flow, end->rto_deadline_ns, on_timeout, end);
}

static void set_timer(struct tcp_end *end)
{
    end->rto_deadline_ns = end->sent_count == 0 ? 0 : tcp_now(end) + end->rto_ns;
    arm(end);
}

static void retreat(struct tcp_end *end)
{
    const uint64_t mss = end->flow->settings->mss, half = pipe_of(end) / 2;

    end->ssthresh = half > 2 * mss ? half : 2 * mss;
}

static void time_out(struct tcp_end *end)
{
    if (++end->timeouts > MAX_TIMEOUTS) {
        end->flow->given_up = true;
        return;
    }
    retreat(end);
    end->cwnd = end->flow->settings->mss;
    end->recovering = true;
    end->recover = end->next;
    for (size_t n = 0; n < end->sent_count; n++) {
        end->sent[n].lost = !end->sent[n].sacked;
        end->sent[n].again = false;
    }
    end->rto_ns = end->rto_ns * 2 < MAX_RTO_NS ? end->rto_ns * 2 : MAX_RTO_NS;
    set_timer(end);
    tcp_output(end);
}

static void on_timeout(void *arg)
{
    struct tcp_end *end = arg;

    end->rto_armed = false;
    if (end->rto_deadline_ns != 0 && !end->flow->given_up) {
        if (tcp_now(end) >= end->rto_deadline_ns)
            time_out(end);
        else
            arm(end);
    }
    tcp_release(end->flow);
}

/* RFC 6298, section 2. */
static void measure(struct tcp_end *end, uint64_t rtt_ns)
{
    if (end->srtt_ns == 0) {
        end->srtt_ns = rtt_ns;
        end->rttvar_ns = rtt_ns / 2;
    } else {
        const uint64_t change = end->srtt_ns > rtt_ns ? end->srtt_ns - rtt_ns : rtt_ns - end->srtt_ns;
        end->rttvar_ns = end->rttvar_ns * 3 / 4 + change / 4;
        end->srtt_ns = end->srtt_ns * 7 / 8 + rtt_ns / 8;
    }
    end->rto_ns = end->srtt_ns + 4 * end->rttvar_ns;
    if (end->rto_ns < MIN_RTO_NS)
        end->rto_ns = MIN_RTO_NS;
}

/* --- sending --- */

static void transmit(struct tcp_end *end, struct tcp_segment_state *segment)
{
    const uint32_t length = (uint32_t)(length_of(segment) - (segment->flags != 0 ? 1 : 0));
    const bool is_last = segment->end >= end->written;

    segment->transmissions++;
    segment->last_ns = tcp_now(end);
    if (segment->transmissions == 1)
        segment->first_ns = segment->last_ns;
    else
        segment->again = true;
    tcp_transmit(end, segment->start, length, segment->flags | (uint8_t)(length > 0 && is_last ? PSH : 0));
    if (end->rto_deadline_ns == 0)
        set_timer(end);
}

void tcp_send_syn(struct tcp_end *end)
{
    transmit(end, add_segment(end, 1, SYN));
    end->written = 1;
}

void tcp_send_syn_again(struct tcp_end *end)
{
    if (end->una == 0 && end->sent_count > 0)
        transmit(end, &end->sent[0]);
}

static struct tcp_segment_state *first_lost(const struct tcp_end *end)
{
    for (size_t n = 0; n < end->sent_count; n++)
        if (end->sent[n].lost && !end->sent[n].sacked && !end->sent[n].again)
            return &end->sent[n];
    return NULL;
}

/* The next segment that was not sent before; NULL when there is none or the windows are full. */
static struct tcp_segment_state *next_new(struct tcp_end *end, uint64_t pipe)
{
    const struct tcp_settings *settings = end->flow->settings;
    const uint64_t largest = end->side == 0 && settings->burst > settings->mss ? settings->burst : settings->mss;
    const uint64_t left = end->written - (end->fin_sent ? end->written : end->next);
    const uint64_t room = end->cwnd > pipe ? end->cwnd - pipe : 0;
    uint64_t length = left < largest ? left : largest;

    if (end->una == 0 || end->fin_sent || (left == 0 && !end->closing))
        return NULL;
    if (length > room && room >= settings->mss)
        length = room / settings->mss * settings->mss;
    if (pipe > 0 && (length > room || end->next - end->una + length > settings->window))
        return NULL;
    end->fin_sent = end->closing && length == left;
    return add_segment(end, length + (end->fin_sent ? 1 : 0), end->fin_sent ? FIN : 0);
}

void tcp_output(struct tcp_end *end)
{
    for (;;) {
        const uint64_t pipe = pipe_of(end);
        struct tcp_segment_state *segment = first_lost(end);

        if (segment != NULL && pipe > 0 && pipe + length_of(segment) > end->cwnd)
            return;
        if (segment == NULL)
            segment = next_new(end, pipe);
        if (segment == NULL)
            return;
        transmit(end, segment);
    }
}

/* --- acknowledgments --- */

static void recover_from_loss(struct tcp_end *end)
{
    if (end->recovering)
        return;
    retreat(end);
    end->cwnd = end->ssthresh;
    end->recovering = true;
    end->recover = end->next;
}

static void grow(struct tcp_end *end, uint64_t acked)
{
    const uint64_t mss = end->flow->settings->mss;

    if (end->cwnd < end->ssthresh)
        end->cwnd += acked < mss ? acked : mss;
    else
        end->cwnd += mss * mss / end->cwnd;
}

/* Takes off what is covered. */
static void take_covered(struct tcp_end *end, uint64_t ack)
{
    size_t covered = 0;

    while (covered < end->sent_count && end->sent[covered].end <= ack)
        covered++;
    if (covered > 0 && end->sent[covered - 1].transmissions == 1 && end->sent[covered - 1].end == ack)
        measure(end, tcp_now(end) - end->sent[covered - 1].first_ns);
    end->sent_count -= covered;
    memmove(end->sent, end->sent + covered, end->sent_count * sizeof *end->sent);
}

static void advance(struct tcp_end *end, uint64_t ack)
{
    const uint64_t acked = ack - end->una;
    const bool was_connecting = end->una == 0;

    take_covered(end, ack);
    end->una = ack;
    end->duplicates = 0;
    end->timeouts = 0;
    if (end->recovering && ack >= end->recover)
        end->recovering = false;
    else if (end->recovering && end->sent_count > 0 && !end->flow->settings->sack)
        end->sent[0].lost = true; /* RFC 6582: a partial ACK tells of the next hole */
    if (!end->recovering || end->cwnd < end->ssthresh)
        grow(end, acked);
    set_timer(end);
    if (was_connecting)
        tcp_established(end);
}

static void note_sacked(struct tcp_end *end, const struct tcp_packet *packet)
{
    for (unsigned block = 0; block < packet->sack_count; block++)
        for (size_t n = 0; n < end->sent_count; n++)
            if (end->sent[n].start >= packet->sack[block].left && end->sent[n].end <= packet->sack[block].right)
                end->sent[n].sacked = true;
}

/* RFC 6675: lost is what three segments beyond it have overtaken. */
static bool note_lost(struct tcp_end *end)
{
    unsigned beyond = 0;
    bool found = false;

    for (size_t n = end->sent_count; n-- > 0;) {
        struct tcp_segment_state *segment = &end->sent[n];
        if (segment->sacked) {
            beyond++;
        } else if (beyond >= DUPLICATE_THRESHOLD && !segment->lost) {
            segment->lost = true;
            segment->again = false;
            found = true;
        }
    }
    return found;
}

static bool is_duplicate(const struct tcp_end *end, const struct tcp_packet *packet)
{
    return packet->ack == end->una && end->sent_count > 0 && packet->length == 0 && !(packet->flags & (SYN | FIN));
}

void tcp_take_ack(struct tcp_end *end, const struct tcp_packet *packet)
{
    const bool is_newer = packet->ack > end->una && packet->ack <= end->next;

    if (end->flow->settings->sack) {
        note_sacked(end, packet);
        if (note_lost(end))
            recover_from_loss(end);
    } else if (is_duplicate(end, packet) && ++end->duplicates == DUPLICATE_THRESHOLD && !end->recovering) {
        end->sent[0].lost = true;
        recover_from_loss(end);
    }
    if (is_newer)
        advance(end, packet->ack);
}
