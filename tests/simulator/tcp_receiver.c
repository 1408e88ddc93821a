/* tcp_receiver.c: what a side receives and how it acknowledges it: RFC 9293, RFC 5681 section 4.2 (delayed ACK), RFC 2018, RFC
 * 2883, RFC 7323 section 4.3. */
#include <string.h>

#include "tcp_private.h"

/* --- out of order --- */

static void remove_early(struct tcp_end *end, unsigned at)
{
    memmove(&end->early[at], &end->early[at + 1], (--end->early_count - at) * sizeof end->early[0]);
}

/* The newest range comes first, with whatever it touches. */
static void add_early(struct tcp_end *end, uint64_t left, uint64_t right)
{
    for (unsigned n = 0; n < end->early_count;) {
        const struct sack_range *range = &end->early[n];
        if (range->left > right || left > range->right) {
            n++;
            continue;
        }
        left = range->left < left ? range->left : left;
        right = range->right > right ? range->right : right;
        remove_early(end, n);
    }
    if (end->early_count == TCP_MAX_EARLY)
        return; /* as if it had been lost */
    memmove(&end->early[1], &end->early[0], end->early_count++ * sizeof end->early[0]);
    end->early[0] = (struct sack_range){ left, right };
}

/* Whether RCV.NXT moved on over what had come early. */
static bool close_hole(struct tcp_end *end)
{
    bool moved = false;

    for (unsigned n = 0; n < end->early_count;) {
        if (end->early[n].left > end->rcv_next) {
            n++;
            continue;
        }
        if (end->early[n].right > end->rcv_next) {
            end->rcv_next = end->early[n].right;
            moved = true;
        }
        remove_early(end, n);
        n = 0; /* it may touch one that was looked at */
    }
    return moved;
}

/* --- segments --- */

/* For the truth: this transmission was answered for itself. */
static void note_arrival(struct tcp_end *end, const struct tcp_packet *packet)
{
    struct tcp_end *sender = &end->flow->end[packet->from];

    for (size_t n = 0; n < sender->sent_count; n++)
        if (sender->sent[n].end == end->rcv_next)
            sender->sent[n].arrived_ns = packet->sent_ns;
    end->to_answer_ns = packet->sent_ns;
}

static void take_in_order(struct tcp_end *end, const struct tcp_packet *packet, uint64_t right)
{
    const struct tcp_settings *settings = end->flow->settings;

    end->rcv_next = right;
    end->fin_received |= (packet->flags & FIN) != 0;
    if (close_hole(end)) {
        end->ack_now = true;
        end->to_answer_ns = 0;
    } else {
        note_arrival(end, packet);
    }
    if (++end->unacked_segments >= settings->ack_every || end->early_count > 0 || (packet->flags & (SYN | FIN)))
        end->ack_now = true;
}

static void on_delayed_ack(void *arg)
{
    struct tcp_end *end = arg;

    end->ack_armed = false;
    if (end->ack_deadline_ns != 0 && !end->flow->given_up) {
        end->ack_now = tcp_now(end) >= end->ack_deadline_ns;
        tcp_answer(end);
    }
    tcp_release(end->flow);
}

/* RFC 7323, 4.3 (2): of what is there already too. */
static bool is_newer_stamp(const struct tcp_end *end, const struct tcp_packet *packet)
{
    if (!end->flow->settings->timestamps || packet->seq > end->last_ack_sent)
        return false;
    return end->rcv_next == 0 || (int32_t)(packet->ts_val - end->ts_recent) > 0;
}

void tcp_take_data(struct tcp_end *end, const struct tcp_packet *packet)
{
    const uint64_t right = packet->seq + packet->length + (packet->flags & SYN ? 1 : 0) + (packet->flags & FIN ? 1 : 0);

    if (right <= end->rcv_next && (packet->flags & SYN) && end->side == 1) {
        end->to_answer_ns = packet->sent_ns;
        tcp_send_syn_again(end); /* as a listener does it: with the echo of the first one */
        return;
    }
    if (is_newer_stamp(end, packet))
        end->ts_recent = packet->ts_val;
    if (right <= end->rcv_next) {
        end->duplicate = (struct sack_range){ packet->seq, right };
        end->ack_now = true;
        if (right == end->rcv_next)
            end->to_answer_ns = packet->sent_ns;
    } else if (packet->seq > end->rcv_next) {
        add_early(end, packet->seq, right);
        end->ack_now = true;
    } else {
        take_in_order(end, packet, right);
        if ((packet->flags & SYN) && end->side == 1)
            tcp_send_syn(end);
        else
            tcp_received(end);
    }
}

void tcp_answer(struct tcp_end *end)
{
    if (end->ack_now) {
        tcp_transmit(end, end->next, 0, 0);
        return;
    }
    if (end->unacked_segments == 0)
        return;
    if (end->ack_deadline_ns == 0)
        end->ack_deadline_ns = tcp_now(end) + end->flow->settings->delayed_ack_ns;
    if (end->ack_armed)
        return; /* for an older deadline; it looks at this one then */
    end->ack_armed = true;
    tcp_later(end->flow, end->ack_deadline_ns, on_delayed_ack, end);
}

void tcp_acknowledge(struct tcp_end *end, struct tcp_packet *packet)
{
    const struct tcp_settings *settings = end->flow->settings;

    if (end->rcv_next == 0)
        return; /* the first SYN */
    packet->flags |= ACK;
    packet->ack = end->rcv_next;
    packet->ts_ecr = settings->timestamps ? end->ts_recent : 0;
    packet->answers_ns = end->to_answer_ns;
    end->to_answer_ns = 0;
    if (settings->sack && end->duplicate.left != end->duplicate.right)
        packet->sack[packet->sack_count++] = end->duplicate;
    for (unsigned n = 0; settings->sack && n < end->early_count && packet->sack_count < (settings->timestamps ? 3 : 4); n++)
        packet->sack[packet->sack_count++] = end->early[n];
    end->duplicate = (struct sack_range){ 0, 0 };
    end->last_ack_sent = end->rcv_next;
    end->unacked_segments = 0;
    end->ack_deadline_ns = 0;
    end->ack_now = false;
}
