/* pcap_fixture.h: a capture file of TCP in IPv4 in nothing (DLT_RAW), made frame by frame. */
#ifndef GO_METRO_PCAP_FIXTURE_H
#define GO_METRO_PCAP_FIXTURE_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <pcap/dlt.h>

#include "address.h"
#include "packet.h"

#define PCAP_FRAME 40                 /* bytes of a frame, */
#define PCAP_RECORD (16 + PCAP_FRAME) /* with its header */
#define PCAP_NS_PER_S INT64_C(1000000000)

struct pcap_end {
    const char *address;
    uint16_t port;
};

static inline FILE *pcap_begin(const char *name)
{
    const uint32_t header[6] = { 0xa1b23c4d /* nanoseconds */, 2 | 4u << 16, 0, 0, 65535, DLT_RAW };
    FILE *file = fopen(name, "we");

    if (file != NULL)
        fwrite(header, sizeof header, 1, file);
    return file;
}

/* A segment without data, with an IP ID of its own. */
static inline void pcap_frame(uint8_t frame[static PCAP_FRAME], struct pcap_end from, struct pcap_end to, uint8_t flags,
                              uint32_t seq, uint32_t ack)
{
    const uint8_t ip[] = { 0x45, 0, 0, PCAP_FRAME, 0, (uint8_t)seq, 0x40, 0, 64, 6 };
    struct ip_address address;

    memset(frame, 0, PCAP_FRAME);
    memcpy(frame, ip, sizeof ip);
    address_parse(from.address, &address);
    memcpy(frame + 12, address.bytes + 12, 4);
    address_parse(to.address, &address);
    memcpy(frame + 16, address.bytes + 12, 4);
    for (int i = 0; i < 2; i++) {
        frame[20 + i] = (uint8_t)(from.port >> (8 - 8 * i));
        frame[22 + i] = (uint8_t)(to.port >> (8 - 8 * i));
    }
    for (int i = 0; i < 4; i++) {
        frame[24 + i] = (uint8_t)(seq >> (24 - 8 * i));
        frame[28 + i] = (uint8_t)(ack >> (24 - 8 * i));
    }
    frame[32] = 0x50;
    frame[33] = flags;
    frame[34] = 0xff;
}

static inline void pcap_put(FILE *file, int64_t time_ns, struct pcap_end from, struct pcap_end to, uint8_t flags, uint32_t seq,
                            uint32_t ack)
{
    const uint32_t record[4] = { (uint32_t)(time_ns / PCAP_NS_PER_S), (uint32_t)(time_ns % PCAP_NS_PER_S), PCAP_FRAME,
                                 PCAP_FRAME };
    uint8_t frame[PCAP_FRAME];

    pcap_frame(frame, from, to, flags, seq, ack);
    fwrite(record, sizeof record, 1, file);
    fwrite(frame, sizeof frame, 1, file);
}

/* A connection that is asked for at at_ns and accepted rtt_ns later: a round trip of `from`, two frames. */
static inline void pcap_put_handshake(FILE *file, struct pcap_end from, struct pcap_end to, int64_t at_ns, int64_t rtt_ns)
{
    pcap_put(file, at_ns, from, to, TCP_SYN, 1000, 0);
    pcap_put(file, at_ns + rtt_ns, to, from, TCP_SYN | TCP_ACK, 5000, 1001);
}

#endif
