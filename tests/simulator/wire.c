/* wire.c: see wire.h. */
#include "wire.h"

#include "frame.h"

#define PAYLOAD_KEPT 16

_Static_assert(WIRE_FRAME_MAX >= FRAME_HEADERS_MAX + PAYLOAD_KEPT, "a frame has room");
_Static_assert(WIRE_WINDOW_SHIFT == FRAME_WINDOW_SHIFT, "what tcp.c keeps to is what the SYN says");
_Static_assert(FIN == (int)FRAME_FIN && SYN == (int)FRAME_SYN && RST == (int)FRAME_RST && PSH == (int)FRAME_PSH
                   && ACK == (int)FRAME_ACK && TCP_MAX_SACK == FRAME_MAX_SACK,
               "a packet's flags are those of a frame");

uint32_t wire_seq(const struct tcp_flow *flow, unsigned side, uint64_t offset)
{
    return flow->address[side].isn + (uint32_t)offset;
}

size_t wire_frame(uint8_t frame[static WIRE_FRAME_MAX], const struct tcp_packet *packet, size_t *wire_length)
{
    const struct tcp_flow *flow = packet->flow;
    const unsigned from = packet->from;
    struct frame_segment segment = {
        .from = from,
        .is_v6 = flow->address[0].is_v6,
        .host = { flow->address[0].host, flow->address[1].host },
        .port = { flow->address[0].port, flow->address[1].port },
        .ip_id = packet->ip_id,
        .flags = packet->flags,
        .seq = wire_seq(flow, from, packet->seq),
        .ack = wire_seq(flow, 1 - from, packet->ack),
        .window = packet->window,
        .payload = packet->length,
        .has_timestamps = flow->settings->timestamps,
        .ts_val = packet->ts_val,
        .ts_ecr = packet->ts_ecr,
        .mss = (uint16_t)flow->settings->mss,
        .is_sack_permitted = flow->settings->sack,
        .sack_count = packet->sack_count,
    };

    for (unsigned n = 0; n < packet->sack_count; n++) { /* of what the other side has sent */
        segment.sack[n].left = wire_seq(flow, 1 - from, packet->sack[n].left);
        segment.sack[n].right = wire_seq(flow, 1 - from, packet->sack[n].right);
    }
    return frame_write(frame, PAYLOAD_KEPT, &segment, wire_length);
}
