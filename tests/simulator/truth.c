/* truth.c: see truth.h. */
#include "truth.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdbool.h>

#include "wire.h"

static bool was_resent(const struct tcp_end *near, uint64_t ack)
{
    for (size_t n = 0; n < near->sent_count && near->sent[n].end <= ack; n++)
        if (near->sent[n].transmissions > 1)
            return true;
    return false;
}

static const char *class_of(const struct tcp_segment_state *segment, const struct tcp_packet *packet)
{
    const struct tcp_flow *flow = packet->flow;
    const bool is_seen = flow->hole_seen_from == flow->end[0].una + 1 || was_resent(&flow->end[0], packet->ack);

    if (packet->answers_ns == 0)
        return segment->came_in_order ? "late" : is_seen ? "hole" : "hidden";
    return segment->transmissions > 1 ? "retransmitted" : "clean";
}

static void write_line(FILE *out, const struct tcp_packet *packet, const struct tcp_segment_state *segment, uint64_t now_ns,
                       uint64_t epoch_ns)
{
    const struct tcp_address *address = packet->flow->address;
    const int family = address[0].is_v6 ? AF_INET6 : AF_INET;
    const uint64_t sent_ns = packet->answers_ns != 0 ? packet->answers_ns : segment->first_ns;
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

/* A duplicate ACK or a SACK block beyond it. */
static bool is_sign(const struct tcp_packet *packet)
{
    return packet->flow->end[0].sent_count > 0
           && (packet->length == 0 || (packet->sack_count > 0 && packet->sack[0].left > packet->ack));
}

void truth_note(FILE *out, const struct tcp_packet *packet, uint64_t now_ns, uint64_t epoch_ns)
{
    const struct tcp_end *near = &packet->flow->end[0];
    const struct tcp_segment_state *segment;

    if (!(packet->flags & ACK) || packet->ack < near->una)
        return;
    if (packet->ack == near->una) {
        if (is_sign(packet))
            packet->flow->hole_seen_from = near->una + 1;
        return;
    }
    segment = tcp_sent(packet->flow, packet->ack);
    if (segment != NULL && (!(segment->flags & FIN) || segment->end - segment->start > 1))
        write_line(out, packet, segment, now_ns, epoch_ns);
}
