/* tcp_application.c: what the hosts have to say to each other. */
#include "tcp_private.h"

static uint32_t some_bytes(struct clockwork *clock, uint32_t most)
{
    const uint32_t least = most / 10 > 0 ? most / 10 : 1;

    return least + (uint32_t)clockwork_random(clock, (uint64_t)most - least + 1);
}

static uint64_t some_time(struct clockwork *clock, uint64_t mean_ns)
{
    return mean_ns == 0 ? 0 : clockwork_random(clock, 2 * mean_ns);
}

static void say(struct tcp_end *end, uint32_t most)
{
    end->written += some_bytes(&end->flow->world->clock, most);
    end->flow->expected[end->side] = end->written;
}

static void ask(void *arg)
{
    struct tcp_flow *flow = arg;

    say(&flow->end[0], flow->settings->request_max);
    tcp_output(&flow->end[0]);
    tcp_release(flow);
}

static void reply(void *arg)
{
    struct tcp_flow *flow = arg;

    say(&flow->end[1], flow->settings->response_max);
    tcp_output(&flow->end[1]);
    tcp_release(flow);
}

static void after(struct tcp_flow *flow, uint64_t mean_ns, clockwork_fn fn)
{
    struct clockwork *clock = &flow->world->clock;

    tcp_later(flow, clock->now_ns + some_time(clock, mean_ns), fn, flow);
}

void tcp_established(struct tcp_end *end)
{
    struct tcp_flow *flow = end->flow;

    if (end->side == 1)
        return;
    if (flow->settings->work == TCP_BULK) {
        end->written += flow->settings->bytes;
        end->closing = true;
    } else {
        flow->references++;
        ask(flow);
    }
}

static void take_response(struct tcp_flow *flow)
{
    if (--flow->exchanges_left > 0)
        after(flow, flow->settings->pause_ns, ask);
    else
        flow->end[0].closing = true;
}

void tcp_received(struct tcp_end *end)
{
    struct tcp_flow *flow = end->flow;
    uint64_t *expected = &flow->expected[1 - end->side];

    if (*expected != 0 && end->rcv_next >= *expected) {
        *expected = 0;
        if (end->side == 1)
            after(flow, flow->settings->think_ns, reply);
        else
            take_response(flow);
    }
    if (end->side == 1 && end->fin_received)
        end->closing = true;
}
