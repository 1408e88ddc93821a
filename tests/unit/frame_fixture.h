/* frame_fixture.h: packets as a test says them -> frames of Ethernet. Behind <cmocka.h>. */
#ifndef GO_METRO_FRAME_FIXTURE_H
#define GO_METRO_FRAME_FIXTURE_H

#include <stddef.h>
#include <stdint.h>
#include <pcap/dlt.h>

#include "frame.h"

#define MS INT64_C(1000000)
#define S (1000 * MS)
#define ALL_VLANS 2

enum { V4, V6 };

/* One packet as a test says it. Hosts are the last byte of 10.0.0.x or 2001:db8::x. */
struct shot {
    int family;
    uint8_t from, to;
    uint16_t sport, dport;
    uint32_t seq, ack, length, ts_val, ts_ecr, sack[2];
    uint16_t window, ip_id, vlan[ALL_VLANS];
    uint8_t flags;
};

struct frame {
    uint8_t bytes[128];
    size_t size;
};

static inline void put(struct frame *frame, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0) {
        assert_true(frame->size < sizeof frame->bytes);
        frame->bytes[frame->size++] = (uint8_t)(value >> (8 * bytes));
    }
}

static inline void put_ip(struct frame *frame, const struct shot *shot, uint32_t tcp_length)
{
    if (shot->family == V4) {
        put(frame, 0x4500, 2);
        put(frame, 20 + tcp_length, 2);
        put(frame, shot->ip_id, 2);
        put(frame, 0x4000, 2);
        put(frame, 64, 1);
        put(frame, 6, 1);
        put(frame, 0, 2);
        put(frame, 0x0a000000U | shot->from, 4);
        put(frame, 0x0a000000U | shot->to, 4);
        return;
    }
    put(frame, 0x60000000U, 4);
    put(frame, tcp_length, 2);
    put(frame, 0x0640, 2);
    for (int end = 0; end < 2; end++) {
        put(frame, UINT64_C(0x20010db800000000), 8);
        put(frame, end == 0 ? shot->from : shot->to, 8);
    }
}

static inline struct frame render(const struct shot *shot)
{
    const unsigned options = (shot->ts_val != 0 ? 12U : 0U) + (shot->sack[1] != 0 ? 12U : 0U);
    struct frame frame = { .size = 0 };

    put(&frame, 0x0200000000a1, 6);
    put(&frame, 0x0200000000a2, 6);
    for (int n = 0; n < ALL_VLANS; n++) {
        if (shot->vlan[n] != 0) {
            put(&frame, 0x8100, 2);
            put(&frame, shot->vlan[n], 2);
        }
    }
    put(&frame, shot->family == V4 ? 0x0800 : 0x86dd, 2);
    put_ip(&frame, shot, 20 + options + shot->length);
    put(&frame, shot->sport, 2);
    put(&frame, shot->dport, 2);
    put(&frame, shot->seq, 4);
    put(&frame, shot->ack, 4);
    put(&frame, (20 + options) / 4 << 4, 1);
    put(&frame, shot->flags, 1);
    put(&frame, shot->window, 2);
    put(&frame, 0, 4);
    if (shot->ts_val != 0) {
        put(&frame, 0x0101080a, 4);
        put(&frame, shot->ts_val, 4);
        put(&frame, shot->ts_ecr, 4);
    }
    if (shot->sack[1] != 0) {
        put(&frame, 0x0101050a, 4);
        put(&frame, shot->sack[0], 4);
        put(&frame, shot->sack[1], 4);
    }
    return frame;
}

/* cut_off: so much longer it was on the wire. */
static inline struct captured_frame captured(const struct frame *frame, size_t cut_off, int64_t time_ns)
{
    return (struct captured_frame){
        .bytes = frame->bytes,
        .caplen = frame->size,
        .wirelen = frame->size + cut_off,
        .time_ns = time_ns,
        .linktype = DLT_EN10MB,
    };
}

/* host:port to host:port, a port being host * 100. */
static inline struct shot from_to(uint8_t from, uint8_t to, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t length)
{
    return (struct shot){ .from = from,
                          .to = to,
                          .sport = (uint16_t)(from * 100),
                          .dport = (uint16_t)(to * 100),
                          .flags = flags,
                          .seq = seq,
                          .ack = ack,
                          .length = length,
                          .window = 500 };
}

#endif
