/* conversation.c: see conversation.h. */
#include "conversation.h"

#include <string.h>

/* No program that dissects what a port is known for shall do more than TCP here. */
#define OUR_PORT 7001   /* where we serve */
#define THEIR_PORT 7002 /* where a peer does */
#define FIRST_EPHEMERAL 10240
#define EPHEMERAL_PORTS (65536 - FIRST_EPHEMERAL)
#define WINDOW 262144

void conversation_open(struct conversation *conversation, uint32_t peer, uint32_t ordinal, unsigned client,
                       struct clockwork *random)
{
    /* A client goes through its ports in order, from somewhere; one that has used up all takes the next port of the server. */
    const uint32_t chosen = (peer * UINT32_C(2654435761) + ordinal) % EPHEMERAL_PORTS;
    const uint32_t servers = ordinal / EPHEMERAL_PORTS;

    *conversation = (struct conversation){ .peer = peer, .client = (uint8_t)client };
    conversation->port[client] = (uint16_t)(FIRST_EPHEMERAL + chosen);
    conversation->port[1 - client] = (uint16_t)((client == 0 ? THEIR_PORT : OUR_PORT) + 2 * servers);
    for (unsigned side = 0; side < 2; side++) {
        conversation->ip_id[side] = (uint16_t)clockwork_random(random, 65536);
        conversation->next[side] = (uint32_t)clockwork_random(random, UINT32_MAX);
        conversation->ts_offset[side] = (uint32_t)clockwork_random(random, UINT32_MAX);
    }
}

/* The host is number 1 of the first net, peers are numbered through the others. */
static void write_address(uint8_t out[static 16], bool is_v6, unsigned side, uint32_t peer)
{
    static const uint8_t prefix[12] = { 0x20, 0x01, 0x0d, 0xb8 };
    const uint32_t number = side == 0 ? 1 : 0x10000 + 1 + peer;
    uint8_t *last = out;

    if (is_v6) {
        memcpy(out, prefix, sizeof prefix);
        last = out + sizeof prefix;
    }
    last[0] = is_v6 ? 0 : 10;
    last[1] = (uint8_t)(number >> 16);
    last[2] = (uint8_t)(number >> 8);
    last[3] = (uint8_t)number;
}

struct frame_segment conversation_segment(struct conversation *conversation, struct conversation_hosts *hosts, bool is_v6,
                                          unsigned from, uint8_t flags, uint32_t payload, uint64_t now_ns)
{
    const uint32_t now_ms = (uint32_t)(now_ns / NS_PER_MS);
    struct frame_segment segment = {
        .from = from,
        .is_v6 = is_v6,
        .host = { hosts->address[0], hosts->address[1] },
        .port = { conversation->port[0], conversation->port[1] },
        .ip_id = conversation->ip_id[from]++,
        .flags = flags,
        .seq = conversation->next[from],
        .ack = conversation->next[1 - from],
        .window = flags & FRAME_SYN ? 65535 : WINDOW,
        .payload = payload,
        .has_timestamps = true,
        .ts_val = conversation->ts_offset[from] + now_ms,
        .ts_ecr = flags & FRAME_ACK ? conversation->ts_seen[1 - from] : 0,
        .mss = CONVERSATION_MSS + 12,
        .is_sack_permitted = true,
    };

    conversation->next[from] += payload + (flags & FRAME_SYN ? 1 : 0) + (flags & FRAME_FIN ? 1 : 0);
    conversation->ts_seen[from] = segment.ts_val;
    for (unsigned side = 0; side < 2; side++)
        write_address(hosts->address[side], is_v6, side, conversation->peer);
    return segment;
}
