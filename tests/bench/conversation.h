/* conversation.h: one TCP connection of made-up traffic: its numbers, and the frames that they make.
 *
 * conversation_open() once, then conversation_segment() and frame_write() for each packet, in order. Side 0 is the host. */
#ifndef BENCH_CONVERSATION_H
#define BENCH_CONVERSATION_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/simulator/clockwork.h"
#include "tests/simulator/frame.h"

#define CONVERSATION_MSS 1448 /* of Ethernet, less the timestamps */

struct conversation {
    uint32_t peer;
    uint16_t port[2];
    uint16_t ip_id[2];
    uint32_t next[2];      /* the sequence number of what is sent next */
    uint32_t ts_offset[2]; /* TSval is milliseconds since the beginning, and this */
    uint32_t ts_seen[2];   /* the newest TSval of that side */
    uint8_t client;        /* the side that opens it and asks */
    uint8_t step;
    uint8_t exchanges; /* to come */
};

/* The addresses of both sides, for as long as the segment is used. */
struct conversation_hosts {
    uint8_t address[2][16];
};

/* ordinal: which of the flows of that peer this is; no two of a peer have the same ports. */
void conversation_open(struct conversation *conversation, uint32_t peer, uint32_t ordinal, unsigned client,
                       struct clockwork *random);

/* The next packet of that side, acknowledging all that the other has sent unless the caller changes it. */
struct frame_segment conversation_segment(struct conversation *conversation, struct conversation_hosts *hosts, bool is_v6,
                                          unsigned from, uint8_t flags, uint32_t payload, uint64_t now_ns);

#endif
