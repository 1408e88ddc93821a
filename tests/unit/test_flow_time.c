/* test_flow_time.c: when a flow leaves, second by second, and how often it is looked at until then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "random_fixture.h"
#include "wheel.h"

static unsigned looks;

static uint32_t counted_wheel_take(struct wheel *wheel, uint32_t now_s)
{
    const uint32_t index = wheel_take(wheel, now_s);

    looks += index != WHEEL_NONE ? 1 : 0;
    return index;
}

#define wheel_take counted_wheel_take
#include "flow.c"
#undef wheel_take

#define START_S 5000U
#define NEVER UINT32_MAX

static const uint64_t seed[2] = { 1, 2 };

static struct flow_table table;

static struct flow *begin(uint32_t idle_ttl_s, uint32_t exp_ttl_s)
{
    const struct tcp_segment segment = { .sport = 1, .dport = 80 };
    const struct flow_key key = flow_key_of(&segment, 0);

    assert_true(flow_table_init(&table, 10, idle_ttl_s, exp_ttl_s, seed));
    assert_null(flow_due(&table, START_S));
    looks = 0;
    return flow_open(&table, &key, flow_hash(&table, &segment, 0), START_S);
}

/* Nothing happens from now_s on: the second in which it leaves. */
static uint32_t leaves_at(uint32_t now_s)
{
    for (uint32_t end_s = now_s + 2000; now_s < end_s; now_s++) {
        struct flow *flow = flow_due(&table, now_s);
        if (flow != NULL) {
            flow_close(&table, flow);
            return now_s;
        }
    }
    return NEVER;
}

/* Time goes on to now_s, in which nothing leaves. */
static void pass(uint32_t from_s, uint32_t now_s)
{
    for (; from_s <= now_s; from_s++) {
        assert_null(flow_due(&table, from_s));
    }
}

static void idle_flow_leaves_to_the_second(void **state)
{
    static const uint32_t exp_ttls[] = { 1, 3, 5, 60, 1000 };

    (void)state;
    for (uint32_t idle_s = 1; idle_s < 40; idle_s++) {
        for (size_t n = 0; n < sizeof exp_ttls / sizeof exp_ttls[0]; n++) {
            begin(idle_s, exp_ttls[n]);
            assert_int_equal(leaves_at(START_S), START_S + idle_s);
            flow_table_destroy(&table);
        }
    }
}

/* Each second at which it may end, between one look and the next but one. */
static void ended_flow_leaves_to_the_second(void **state)
{
    static const uint32_t exp_ttls[] = { FLOW_LEAST_LOOK_S, FLOW_LEAST_LOOK_S + 1, 13, 60 };

    (void)state;
    for (size_t n = 0; n < sizeof exp_ttls / sizeof exp_ttls[0]; n++) {
        for (uint32_t end_s = START_S; end_s <= START_S + 2 * exp_ttls[n] + 1; end_s++) {
            struct flow *flow = begin(300, exp_ttls[n]);
            pass(START_S, end_s);
            flow->last_s = end_s;
            flow_end(flow);
            assert_int_equal(leaves_at(end_s), end_s + exp_ttls[n]);
            flow_table_destroy(&table);
        }
    }
}

static void short_exp_ttl_is_late_by_a_look_at_most(void **state)
{
    (void)state;
    for (uint32_t exp_s = 1; exp_s < FLOW_LEAST_LOOK_S; exp_s++) {
        for (uint32_t end_s = START_S; end_s <= START_S + 3 * FLOW_LEAST_LOOK_S; end_s++) {
            struct flow *flow = begin(300, exp_s);
            pass(START_S, end_s);
            flow->last_s = end_s;
            flow_end(flow);
            assert_in_range(leaves_at(end_s), end_s + exp_s, end_s + FLOW_LEAST_LOOK_S);
            flow_table_destroy(&table);
        }
    }
}

/* What still comes keeps it, as the last ACK of a connection comes behind the second FIN. */
static void packets_after_the_end_count(void **state)
{
    (void)state;
    for (uint32_t later_s = 0; later_s < 60; later_s++) {
        struct flow *flow = begin(300, 60);
        flow_end(flow);
        pass(START_S, START_S + later_s);
        flow->last_s = START_S + later_s;
        assert_int_equal(leaves_at(START_S + later_s), START_S + later_s + 60);
        flow_table_destroy(&table);
    }
}

/* Times to live: either may be the longer one. */
static const struct {
    uint32_t idle_s, exp_s;
} lives[] = { { 300, 60 }, { 60, 300 }, { 20, 500 }, { 3, 60 }, { 60, 1 }, { 7, 7 } };

static void reopened_flow_leaves_to_the_second(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof lives / sizeof lives[0]; n++) {
        for (uint32_t later_s = 0; later_s < (lives[n].exp_s < 100 ? lives[n].exp_s : 100); later_s++) {
            struct flow *flow = begin(lives[n].idle_s, lives[n].exp_s);
            flow_end(flow);
            pass(START_S, START_S + later_s);
            flow->last_s = START_S + later_s;
            flow_reopen(flow);
            assert_false(flow->state & FLOW_ENDED);
            assert_int_equal(leaves_at(START_S + later_s), START_S + later_s + lives[n].idle_s);
            flow_table_destroy(&table);
        }
    }
}

/* Seldom looked at by who has no time: late, but not lost, and none that still lives. */
static void looks_may_be_far_apart(void **state)
{
    (void)state;
    for (uint32_t step_s = 1; step_s < 200; step_s += 7) {
        struct flow *flow = begin(300, 60);
        uint32_t now_s = START_S;
        for (; now_s < START_S + 1000; now_s += step_s) {
            assert_null(flow_due(&table, now_s));
            flow->last_s = now_s;
        }
        flow_end(flow);
        const uint32_t last_s = flow->last_s;
        while (flow_due(&table, now_s) == NULL) {
            assert_true(now_s < last_s + 60);
            now_s += step_s;
        }
        assert_true(now_s >= last_s + 60);
        flow_table_destroy(&table);
    }
}

/* A flow that lives costs a look each exp_ttl, and not more often than each FLOW_LEAST_LOOK_S; with an idle_ttl of less, each of
 * that. */
static void looks_are_counted(void **state)
{
    static const struct {
        uint32_t idle_s, exp_s, each_s;
    } cases[] = { { 300, 60, 60 },
                  { 300, 1, FLOW_LEAST_LOOK_S },
                  { 300, FLOW_LEAST_LOOK_S, FLOW_LEAST_LOOK_S },
                  { 30, 60, 30 },
                  { 2, 1, 2 },
                  { 300, 300, 300 } };
    const uint32_t all_s = 600;

    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct flow *flow = begin(cases[n].idle_s, cases[n].exp_s);
        for (uint32_t now_s = START_S; now_s <= START_S + all_s; now_s++) {
            flow->last_s = now_s; /* a packet each second, before the look */
            assert_null(flow_due(&table, now_s));
        }
        assert_int_equal(looks, all_s / cases[n].each_s);
        flow_table_destroy(&table);
    }
}

/* A time to live of 0 counts as 1. */
static void no_time_to_live_is_a_second(void **state)
{
    (void)state;
    begin(0, 0);
    assert_int_equal(leaves_at(START_S), START_S + 1);
    flow_table_destroy(&table);
}

/* A record that is used again has its old place on the wheel, which is not later than its own time: it is looked at in vain then,
 * and leaves when a new one would. */
static void a_record_that_is_used_again_leaves_to_the_second(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof lives / sizeof lives[0]; n++) {
        for (uint32_t later_s = 0; later_s < lives[n].idle_s; later_s++) {
            struct flow *flow = begin(lives[n].idle_s, lives[n].exp_s);
            const struct flow_key key = flow->key;
            pass(START_S, START_S + later_s);
            flow_close(&table, flow);
            struct flow *next = flow_open(&table, &key, hash_again(&table, flow), START_S + later_s);
            assert_ptr_equal(next, flow);
            assert_int_equal(next->state & ~(uint32_t)WHEEL_INDEX_MASK, FLOW_OPEN | WHEEL_ON);
            assert_int_equal(leaves_at(START_S + later_s), START_S + later_s + lives[n].idle_s);
            flow_table_destroy(&table);
        }
    }
}

/* One that is closed and not used again is passed over, once. */
static void a_closed_record_is_never_due(void **state)
{
    (void)state;
    flow_close(&table, begin(10, 60));
    pass(START_S, START_S + 100);
    assert_int_equal(looks, 1);
    assert_int_equal(table.open, 0);
    flow_table_destroy(&table);
}

/* All at once: nothing of them is left on the wheel, and their records begin anew. */
static void records_begin_anew_when_all_are_closed(void **state)
{
    (void)state;
    struct flow *flow = begin(10, 60);
    const struct flow_key key = flow->key;
    const uint64_t hash = hash_again(&table, flow);
    flow_close_all(&table);
    pass(START_S, START_S + 5);
    assert_ptr_equal(flow_open(&table, &key, hash, START_S + 5), flow);
    assert_int_equal(leaves_at(START_S + 5), START_S + 15);
    flow_table_destroy(&table);
}

/* What is to be expected of the flow of a port. */
struct known {
    struct flow *flow; /* NULL: there is none */
    uint32_t last_s, ttl_s;
};

#define PORTS 60U

static struct known ports[PORTS];

static void open_port(uint32_t port, uint32_t now_s)
{
    const struct tcp_segment segment = { .sport = (uint16_t)port, .dport = 80 };
    const struct flow_key key = flow_key_of(&segment, 0);

    ports[port] = (struct known){ flow_open(&table, &key, flow_hash(&table, &segment, 0), now_s), now_s, 30 };
}

static void do_anything(uint32_t port, uint32_t now_s)
{
    struct known *known = &ports[port];
    const uint32_t kind = draw(8);

    if (known->flow == NULL) {
        open_port(port, now_s);
        return;
    }
    if (kind == 0) {
        flow_close(&table, known->flow);
        known->flow = NULL;
        return;
    }
    known->flow->last_s = known->last_s = now_s;
    if (kind == 1) {
        flow_end(known->flow);
        known->ttl_s = 7;
    } else if (kind == 2) {
        flow_reopen(known->flow);
        known->ttl_s = 30;
    }
}

static void all_leave_to_the_second(void **state)
{
    struct flow *flow;

    (void)state;
    assert_true(flow_table_init(&table, 40, 30, 7, seed));
    for (uint32_t now_s = START_S; now_s < START_S + 20000; now_s++) {
        while ((flow = flow_due(&table, now_s)) != NULL) {
            struct known *known = &ports[flow->key.port[0]];
            assert_ptr_equal(known->flow, flow);
            assert_int_equal(now_s, known->last_s + known->ttl_s);
            flow_close(&table, flow);
            known->flow = NULL;
        }
        for (uint32_t port = 0; port < PORTS; port++) {
            assert_true(ports[port].flow == NULL || now_s < ports[port].last_s + ports[port].ttl_s);
        }
        for (uint32_t steps = draw(8); steps > 0; steps--) {
            do_anything(draw(PORTS), now_s);
        }
    }
    flow_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_flow_leaves_to_the_second),
        cmocka_unit_test(ended_flow_leaves_to_the_second),
        cmocka_unit_test(short_exp_ttl_is_late_by_a_look_at_most),
        cmocka_unit_test(packets_after_the_end_count),
        cmocka_unit_test(reopened_flow_leaves_to_the_second),
        cmocka_unit_test(looks_may_be_far_apart),
        cmocka_unit_test(looks_are_counted),
        cmocka_unit_test(no_time_to_live_is_a_second),
        cmocka_unit_test(a_record_that_is_used_again_leaves_to_the_second),
        cmocka_unit_test(a_closed_record_is_never_due),
        cmocka_unit_test(records_begin_anew_when_all_are_closed),
        cmocka_unit_test(all_leave_to_the_second),
    };

    return cmocka_run_group_tests_name("flow_time", tests, NULL, NULL);
}
