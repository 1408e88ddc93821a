/* truth.c: see truth.h. */
#include "truth.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdbool.h>

#include "wire.h"

/* Whether something older was sent again after this. */
static bool is_behind_resent(const struct tcp_end *near, const struct tcp_segment_state *segment)
{
    for (size_t n = 0; n < near->sent_count && near->sent[n].end <= segment->start; n++)
        if (near->sent[n].transmissions > 1 && near->sent[n].last_ns > segment->first_ns)
            return true;
    return false;
}

static const char *class_of(const struct tcp_segment_state *segment, const struct tcp_packet *packet)
{
    const struct tcp_flow *flow = packet->flow;
    const bool is_seen = flow->hole_seen_from == flow->end[0].una + 1;

    if (packet->answers_ns != 0)
        return segment->transmissions > 1 ? "retransmitted" : "clean";
    if (is_behind_resent(&flow->end[0], segment))
        return "hole";
    if (segment->arrived_ns != 0)
        return "late";
    return is_seen || segment->transmissions > 1 ? "hole" : "hidden";
}

static uint64_t answered_ns(const struct tcp_segment_state *segment, const struct tcp_packet *packet)
{
    if (packet->answers_ns != 0)
        return packet->answers_ns;
    return segment->arrived_ns != 0 ? segment->arrived_ns : segment->first_ns;
}

static void write_line(FILE *out, const struct tcp_packet *packet, const struct tcp_segment_state *segment, uint64_t now_ns,
                       uint64_t epoch_ns)
{
    const struct tcp_address *address = packet->flow->address;
    const int family = address[0].is_v6 ? AF_INET6 : AF_INET;
    const uint64_t sent_ns = answered_ns(segment, packet);
    char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];

    inet_ntop(family, address[0].host, src, sizeof src);
    inet_ntop(family, address[1].host, dst, sizeof dst);
    fprintf(out,
            "{\"time_ns\":%" PRIu64 ",\"src\":\"%s\",\"sport\":%u,\"dst\":\"%s\",\"dport\":%u,\"start_seq\":%" PRIu32
            ",\"end_seq\":%" PRIu32 ",\"rtt_ns\":%" PRIu64 ",\"kind\":\"%s\",\"class\":\"%s\"}\n",
            epoch_ns + now_ns, src, address[0].port, dst, address[1].port, wire_seq(packet->flow, 0, segment->start),
            wire_seq(packet->flow, 0, segment->end), now_ns - sent_ns, segment->flags & SYN ? "syn" : "data",
            class_of(segment, packet));
}

static bool has_block_above(const struct tcp_packet *packet)
{
    for (unsigned n = 0; n < packet->sack_count; n++)
        if (packet->sack[n].left > packet->ack)
            return true;
    return false;
}

/* A duplicate ACK or a SACK block beyond it. */
static bool is_sign(const struct tcp_packet *packet)
{
    const struct tcp_end *near = &packet->flow->end[0];

    return near->sent_count > 0 && ((packet->ack == near->una && packet->length == 0) || has_block_above(packet));
}

void truth_note(FILE *out, const struct tcp_packet *packet, uint64_t now_ns, uint64_t epoch_ns)
{
    const struct tcp_end *near = &packet->flow->end[0];
    const struct tcp_segment_state *segment = packet->ack > near->una ? tcp_sent(packet->flow, packet->ack) : NULL;

    if (!(packet->flags & ACK) || packet->ack < near->una)
        return;
    if (segment != NULL && (!(segment->flags & FIN) || segment->end - segment->start > 1))
        write_line(out, packet, segment, now_ns, epoch_ns);
    if (is_sign(packet))
        packet->flow->hole_seen_from = packet->ack + 1;
}
