/* frame.c: see frame.h. */
#include "frame.h"

#include <string.h>

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

/* --- TCP --- */

static void put_timestamps(struct writer *w, const struct frame_segment *segment)
{
    put8(w, 8);
    put8(w, 10);
    put32(w, segment->ts_val);
    put32(w, segment->ts_ecr);
}

/* In Linux's order, which puts SACK permitted in the place of two NOPs before the time stamps. */
static void put_syn_options(struct writer *w, const struct frame_segment *segment)
{
    const uint16_t permitted = segment->is_sack_permitted ? 0x0402 : 0x0101;

    put32(w, 0x02040000U | segment->mss);
    if (segment->has_timestamps) {
        put16(w, permitted);
        put_timestamps(w, segment);
    } else if (segment->is_sack_permitted) {
        put32(w, 0x01010402);
    }
    put32(w, 0x01030300U | FRAME_WINDOW_SHIFT);
}

static void put_options(struct writer *w, const struct frame_segment *segment)
{
    if (segment->has_timestamps) {
        put16(w, 0x0101);
        put_timestamps(w, segment);
    }
    if (segment->sack_count == 0)
        return;
    put16(w, 0x0101);
    put8(w, 5);
    put8(w, 2U + 8U * segment->sack_count);
    for (unsigned n = 0; n < segment->sack_count; n++) {
        put32(w, segment->sack[n].left);
        put32(w, segment->sack[n].right);
    }
}

static size_t tcp_header(uint8_t out[static 60], const struct frame_segment *segment)
{
    const bool is_syn = segment->flags & FRAME_SYN;
    const uint32_t window = is_syn ? segment->window : segment->window >> FRAME_WINDOW_SHIFT;
    struct writer w = { out };

    put16(&w, segment->port[segment->from]);
    put16(&w, segment->port[1 - segment->from]);
    put32(&w, segment->seq);
    put32(&w, segment->flags & FRAME_ACK ? segment->ack : 0);
    put16(&w, segment->flags);
    put16(&w, window < 0xffff ? window : 0xffff);
    put32(&w, 0); /* checksum, urgent pointer */
    if (is_syn)
        put_syn_options(&w, segment);
    else
        put_options(&w, segment);
    out[12] = (uint8_t)((w.at - out) / 4 << 4);
    return (size_t)(w.at - out);
}

/* --- IP, Ethernet --- */

static void put_ipv4(struct writer *w, const struct frame_segment *segment, size_t length)
{
    uint8_t *header = w->at;
    uint32_t sum = 0;

    put16(w, 0x4500);
    put16(w, (unsigned)length + 20);
    put16(w, segment->ip_id);
    put16(w, 0x4000);
    put16(w, 64 << 8 | 6);
    put16(w, 0);
    put(w, segment->host[segment->from], 4);
    put(w, segment->host[1 - segment->from], 4);
    for (unsigned n = 0; n < 20; n += 2)
        sum += (uint32_t)header[n] << 8 | header[n + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    header[10] = (uint8_t)(sum >> 8);
    header[11] = (uint8_t)sum;
}

static void put_ipv6(struct writer *w, const struct frame_segment *segment, size_t length)
{
    put32(w, 0x60000000);
    put16(w, (unsigned)length);
    put16(w, 6 << 8 | 64);
    put(w, segment->host[segment->from], 16);
    put(w, segment->host[1 - segment->from], 16);
}

size_t frame_write(uint8_t *frame, size_t kept, const struct frame_segment *segment, size_t *wire_length)
{
    static const uint8_t macs[2][6] = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } };
    uint8_t tcp[60];
    const size_t header = tcp_header(tcp, segment);
    struct writer w = { frame };

    if (kept > segment->payload)
        kept = segment->payload;
    put(&w, macs[1 - segment->from], 6);
    put(&w, macs[segment->from], 6);
    put16(&w, segment->is_v6 ? 0x86dd : 0x0800);
    if (segment->is_v6)
        put_ipv6(&w, segment, header + segment->payload);
    else
        put_ipv4(&w, segment, header + segment->payload);
    put(&w, tcp, header);
    *wire_length = (size_t)(w.at - frame) + segment->payload;
    memset(w.at, 0, kept);
    return (size_t)(w.at - frame) + kept;
}
