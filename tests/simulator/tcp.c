/* tcp.c: see tcp.h: life of a connection, its packets on their way, its memory. */
#include "tcp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcp_private.h"

void *tcp_memory(void *old, size_t bytes)
{
    void *memory = realloc(old, bytes);

    if (memory == NULL) {
        fputs("simulator: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

uint64_t tcp_now(const struct tcp_end *end)
{
    return end->flow->world->clock.now_ns;
}

/* --- life --- */

void tcp_later(struct tcp_flow *flow, uint64_t at_ns, clockwork_fn fn, void *arg)
{
    flow->references++;
    clockwork_at(&flow->world->clock, at_ns, fn, arg);
}

void tcp_release(struct tcp_flow *flow)
{
    if (--flow->references > 0)
        return;
    flow->world->completed += flow->given_up ? 0 : 1;
    flow->world->given_up += flow->given_up ? 1 : 0;
    free(flow->end[0].sent);
    free(flow->end[1].sent);
    free(flow);
}

static void begin(void *arg)
{
    struct tcp_flow *flow = arg;

    flow->world->opened++;
    tcp_send_syn(&flow->end[0]);
    tcp_release(flow);
}

void tcp_connect(struct tcp_world *world, const struct tcp_settings *settings, struct path *path,
                 const struct tcp_address address[static 2], uint64_t at_ns)
{
    struct tcp_flow *flow = tcp_memory(NULL, sizeof *flow);

    *flow = (struct tcp_flow){ .world = world, .settings = settings, .path = path, .exchanges_left = settings->exchanges };
    for (unsigned side = 0; side < 2; side++) {
        flow->address[side] = address[side];
        flow->end[side] = (struct tcp_end){
            .flow = flow,
            .side = side,
            .cwnd = (uint64_t)settings->mss * 10,
            .ssthresh = UINT64_MAX,
            .rto_ns = NS_PER_S,
            .ts_offset = (uint32_t)clockwork_random(&world->clock, UINT32_MAX),
            .ip_id = (uint16_t)clockwork_random(&world->clock, UINT16_MAX),
        };
    }
    tcp_later(flow, at_ns, begin, flow);
}

const struct tcp_segment_state *tcp_sent(const struct tcp_flow *flow, uint64_t end)
{
    const struct tcp_end *near = &flow->end[0];

    for (size_t n = 0; n < near->sent_count; n++)
        if (near->sent[n].end == end)
            return &near->sent[n];
    return NULL;
}

/* --- packets --- */

static void arrive(void *arg)
{
    struct tcp_packet *packet = arg;
    struct tcp_flow *flow = packet->flow;
    struct tcp_end *end = &flow->end[1 - packet->from];

    if (end->side == 0)
        flow->world->tap(flow->world->tap_arg, packet, flow->world->clock.now_ns);
    if (!flow->given_up) {
        if (packet->length > 0 || (packet->flags & (SYN | FIN)))
            tcp_take_data(end, packet);
        if (packet->flags & SYN)
            tcp_answer(end); /* the handshake's third segment, before there is data to carry it */
        if (packet->flags & ACK)
            tcp_take_ack(end, packet);
        tcp_output(end);
        tcp_answer(end);
    }
    free(packet);
    tcp_release(flow);
}

static void send_one(const struct tcp_packet *packet)
{
    struct tcp_flow *flow = packet->flow;
    const uint64_t at_ns = path_send(flow->path, &flow->world->clock, packet->from, packet->length + HEADERS);

    if (at_ns == UINT64_MAX)
        return;
    struct tcp_packet *copy = tcp_memory(NULL, sizeof *copy);
    *copy = *packet;
    tcp_later(flow, at_ns, arrive, copy);
}

/* A burst is cut behind the capture, as an interface with TSO does it. */
static void send_pieces(const struct tcp_packet *packet, uint32_t mss)
{
    struct tcp_packet piece = *packet;
    uint32_t left = packet->length;

    while (left > mss) {
        piece.length = mss;
        piece.flags = packet->flags & (uint8_t) ~(FIN | PSH);
        send_one(&piece);
        piece.seq += mss;
        left -= mss;
    }
    piece.length = left;
    piece.flags = packet->flags;
    send_one(&piece);
}

void tcp_transmit(struct tcp_end *end, uint64_t seq, uint32_t length, uint8_t flags)
{
    const struct tcp_settings *settings = end->flow->settings;
    struct tcp_packet packet = {
        .flow = end->flow,
        .from = end->side,
        .seq = seq,
        .length = length,
        .window = settings->window,
        .flags = flags,
        .ip_id = end->ip_id++,
        .sent_ns = tcp_now(end),
    };

    if (settings->timestamps)
        packet.ts_val = end->ts_offset + (uint32_t)(tcp_now(end) / (settings->tick_us * NS_PER_US));
    tcp_acknowledge(end, &packet);
    if (end->side == 0)
        end->flow->world->tap(end->flow->world->tap_arg, &packet, tcp_now(end));
    send_pieces(&packet, settings->mss);
}
