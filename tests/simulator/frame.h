/* frame.h: a TCP segment -> the frame that a capture would hold: Ethernet, IPv4 or IPv6, TCP. Pure. */
#ifndef SIMULATOR_FRAME_H
#define SIMULATOR_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADERS_MAX 114 /* Ethernet, IPv6, TCP with all options */
#define FRAME_MAX_SACK 4
#define FRAME_WINDOW_SHIFT 7

enum { FRAME_FIN = 0x01, FRAME_SYN = 0x02, FRAME_RST = 0x04, FRAME_PSH = 0x08, FRAME_ACK = 0x10 };

/* Side 0 is the host beside which the capture stands, side 1 its peer. */
struct frame_segment {
    unsigned from;
    bool is_v6;
    const uint8_t *host[2]; /* 4 or 16 bytes */
    uint16_t port[2];
    uint16_t ip_id;
    uint8_t flags;
    uint32_t seq, ack;
    uint32_t window;  /* bytes; scaled by FRAME_WINDOW_SHIFT but for a SYN */
    uint32_t payload; /* bytes */
    bool has_timestamps;
    uint32_t ts_val, ts_ecr;
    uint16_t mss;           /* of a SYN */
    bool is_sack_permitted; /* of a SYN */
    uint8_t sack_count;     /* of any other: three at most beside timestamps */
    struct {
        uint32_t left, right;
    } sack[FRAME_MAX_SACK];
};

/* Writes the headers and the first `kept` bytes of the payload, or all where there are fewer; the payload is zeros, and so is the
 * TCP checksum, as a capture of what is sent with checksum offload has it. *wire_length is what a wire would have carried.
 * Returns how many bytes are in `frame`, which has room for FRAME_HEADERS_MAX + kept. */
size_t frame_write(uint8_t *frame, size_t kept, const struct frame_segment *segment, size_t *wire_length);

#endif
