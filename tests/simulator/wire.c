/* wire.c: see wire.h. */
#include "wire.h"

#include <string.h>

#define PAYLOAD_KEPT 16

struct writer {
    uint8_t *at;
};

static void put8(struct writer *w, unsigned value)
{
    *w->at++ = (uint8_t)value;
}

static void put16(struct writer *w, unsigned value)
{
    put8(w, value >> 8);
    put8(w, value & 0xff);
}

static void put32(struct writer *w, uint32_t value)
{
    put16(w, value >> 16);
    put16(w, value & 0xffff);
}

static void put(struct writer *w, const uint8_t *bytes, size_t count)
{
    memcpy(w->at, bytes, count);
    w->at += count;
}

uint32_t wire_seq(const struct tcp_flow *flow, unsigned side, uint64_t offset)
{
    return flow->address[side].isn + (uint32_t)offset;
}

/* --- TCP --- */

static void put_timestamps(struct writer *w, const struct tcp_packet *packet)
{
    put8(w, 8);
    put8(w, 10);
    put32(w, packet->ts_val);
    put32(w, packet->ts_ecr);
}

static void put_syn_options(struct writer *w, const struct tcp_packet *packet)
{
    const struct tcp_settings *settings = packet->flow->settings;

    put32(w, 0x02040000U | settings->mss);
    put32(w, 0x01030300U | WIRE_WINDOW_SHIFT);
    if (settings->sack)
        put32(w, 0x01010402);
    if (settings->timestamps) {
        put16(w, 0x0101);
        put_timestamps(w, packet);
    }
}

static void put_options(struct writer *w, const struct tcp_packet *packet)
{
    if (packet->flow->settings->timestamps) {
        put16(w, 0x0101);
        put_timestamps(w, packet);
    }
    if (packet->sack_count == 0)
        return;
    put16(w, 0x0101);
    put8(w, 5);
    put8(w, 2U + 8U * packet->sack_count);
    for (unsigned n = 0; n < packet->sack_count; n++) { /* of what the other side has sent */
        put32(w, wire_seq(packet->flow, 1 - packet->from, packet->sack[n].left));
        put32(w, wire_seq(packet->flow, 1 - packet->from, packet->sack[n].right));
    }
}

static size_t tcp_header(uint8_t out[static 60], const struct tcp_packet *packet)
{
    const struct tcp_flow *flow = packet->flow;
    const uint32_t window = packet->flags & SYN ? packet->window : packet->window >> WIRE_WINDOW_SHIFT;
    struct writer w = { out };

    put16(&w, flow->address[packet->from].port);
    put16(&w, flow->address[1 - packet->from].port);
    put32(&w, wire_seq(flow, packet->from, packet->seq));
    put32(&w, packet->flags & ACK ? wire_seq(flow, 1 - packet->from, packet->ack) : 0);
    put16(&w, packet->flags);
    put16(&w, window < 0xffff ? window : 0xffff);
    put32(&w, 0); /* checksum, urgent pointer */
    if (packet->flags & SYN)
        put_syn_options(&w, packet);
    else
        put_options(&w, packet);
    out[12] = (uint8_t)((w.at - out) / 4 << 4);
    return (size_t)(w.at - out);
}

/* --- IP, Ethernet --- */

static void put_ipv4(struct writer *w, const struct tcp_packet *packet, size_t length)
{
    const struct tcp_address *address = packet->flow->address;
    uint8_t *header = w->at;
    uint32_t sum = 0;

    put16(w, 0x4500);
    put16(w, (unsigned)length + 20);
    put16(w, packet->ip_id);
    put16(w, 0x4000);
    put16(w, 64 << 8 | 6);
    put16(w, 0);
    put(w, address[packet->from].host, 4);
    put(w, address[1 - packet->from].host, 4);
    for (unsigned n = 0; n < 20; n += 2)
        sum += (uint32_t)header[n] << 8 | header[n + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    header[10] = (uint8_t)(sum >> 8);
    header[11] = (uint8_t)sum;
}

static void put_ipv6(struct writer *w, const struct tcp_packet *packet, size_t length)
{
    const struct tcp_address *address = packet->flow->address;

    put32(w, 0x60000000);
    put16(w, (unsigned)length);
    put16(w, 6 << 8 | 64);
    put(w, address[packet->from].host, 16);
    put(w, address[1 - packet->from].host, 16);
}

size_t wire_frame(uint8_t frame[static WIRE_FRAME_MAX], const struct tcp_packet *packet, size_t *wire_length)
{
    static const uint8_t macs[2][6] = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } };
    const bool is_v6 = packet->flow->address[0].is_v6;
    uint8_t tcp[60];
    const size_t header = tcp_header(tcp, packet), kept = packet->length < PAYLOAD_KEPT ? packet->length : PAYLOAD_KEPT;
    struct writer w = { frame };

    put(&w, macs[1 - packet->from], 6);
    put(&w, macs[packet->from], 6);
    put16(&w, is_v6 ? 0x86dd : 0x0800);
    if (is_v6)
        put_ipv6(&w, packet, header + packet->length);
    else
        put_ipv4(&w, packet, header + packet->length);
    put(&w, tcp, header);
    *wire_length = (size_t)(w.at - frame) + packet->length;
    memset(w.at, 0, kept);
    return (size_t)(w.at - frame) + kept;
}
