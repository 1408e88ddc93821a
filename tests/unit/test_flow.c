/* test_flow.c: the flow table against a plain list, its bound, its wheel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "flow.c"
#include "random_fixture.h"

#define IDLE_S 300
#define EXP_S 60
#define TUPLES 3000U

static const uint64_t seed[2] = { UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210) };

static struct flow_table table;

static int set_up(void **state)
{
    (void)state;
    assert_true(flow_table_init(&table, 2000, IDLE_S, EXP_S, seed));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    flow_table_destroy(&table);
    return 0;
}

static struct tcp_segment segment_of(uint32_t tuple)
{
    const uint8_t near[4] = { 10, 0, 0, 1 };
    const uint8_t far[4] = { 10, (uint8_t)(tuple >> 16), (uint8_t)(tuple >> 8), (uint8_t)tuple };

    return (struct tcp_segment){ .src = address_from_v4(near),
                                 .dst = address_from_v4(far),
                                 .sport = 1,
                                 .dport = 80,
                                 .flags = TCP_ACK,
                                 .identity = tuple + 1,
                                 .has_ip_id = true };
}

static uint64_t hash_of(const struct tcp_segment *segment, unsigned instance)
{
    return flow_hash(&table, segment, flow_scope(segment, instance));
}

static struct flow *find_from(const struct tcp_segment *segment, unsigned instance, unsigned *side)
{
    return flow_find(&table, segment, flow_scope(segment, instance), hash_of(segment, instance), side);
}

static struct flow *find(uint32_t tuple)
{
    const struct tcp_segment segment = segment_of(tuple);
    unsigned side;

    return find_from(&segment, 0, &side);
}

static struct flow *open_for(struct flow_table *to, const struct tcp_segment *segment, unsigned instance, uint32_t now_s)
{
    const uint32_t scope = flow_scope(segment, instance);
    const struct flow_key key = flow_key_of(segment, scope);

    return flow_open(to, &key, flow_hash(to, segment, scope), now_s);
}

static struct flow *open_new(uint32_t tuple, uint32_t now_s)
{
    const struct tcp_segment segment = segment_of(tuple);

    return open_for(&table, &segment, 0, now_s);
}

static struct tcp_segment answer_to(const struct tcp_segment *segment)
{
    struct tcp_segment answer = *segment;

    answer.src = segment->dst;
    answer.dst = segment->src;
    answer.sport = segment->dport;
    answer.dport = segment->sport;
    return answer;
}

static void both_directions_are_one_flow(void **state)
{
    const struct tcp_segment there = segment_of(7), back = answer_to(&there);
    unsigned side = 2;

    (void)state;
    struct flow *flow = open_for(&table, &there, 3, 0);
    assert_ptr_equal(find_from(&there, 3, &side), flow);
    assert_int_equal(side, 0); /* who sent first */
    assert_ptr_equal(find_from(&back, 3, &side), flow);
    assert_int_equal(side, 1);
    assert_true(address_equal(&flow->key.address[1], &back.src));
    assert_int_equal(flow->key.port[1], back.sport);
    assert_int_equal(hash_of(&there, 3), hash_of(&back, 3));
}

static void same_address_is_told_apart_by_port(void **state)
{
    struct tcp_segment there = segment_of(1);
    unsigned side = 2;

    (void)state;
    there.dst = there.src;
    const struct tcp_segment back = answer_to(&there);
    struct flow *flow = open_for(&table, &there, 0, 0);
    assert_ptr_equal(find_from(&there, 0, &side), flow);
    assert_int_equal(side, 0);
    assert_ptr_equal(find_from(&back, 0, &side), flow);
    assert_int_equal(side, 1);
}

static void instance_vlan_and_ports_are_in_the_key(void **state)
{
    const struct tcp_segment base = segment_of(1);
    struct tcp_segment other[4] = { base, base, base, base };
    unsigned side;

    (void)state;
    struct flow *flow = open_for(&table, &base, 0, 0);
    assert_ptr_equal(find_from(&base, 0, &side), flow);
    other[0].vlan[0] = 5;
    other[1].vlan[1] = 5;
    other[2].sport++;
    other[3].dport++;
    for (size_t n = 0; n < 4; n++) {
        assert_int_not_equal(hash_of(&other[n], 0), hash_of(&base, 0));
        assert_null(find_from(&other[n], 0, &side));
        assert_false(flow_owns(flow, &other[n], flow_scope(&other[n], 0), &side)); /* nor where the hash is the same */
    }
    assert_int_not_equal(hash_of(&base, 1), hash_of(&base, 0));
    assert_null(find_from(&base, 1, &side));
    assert_false(flow_owns(flow, &base, flow_scope(&base, 1), &side));
    assert_int_equal(flow_instance(open_for(&table, &base, 63, 0)), 63);
}

static void hash_spreads_neighbours(void **state)
{
    unsigned count[256] = { 0 };
    unsigned low[256] = { 0 };

    (void)state;
    for (uint32_t tuple = 0; tuple < 65536; tuple++) {
        const struct tcp_segment segment = segment_of(tuple);
        const uint64_t hash = hash_of(&segment, 0);
        count[hash >> 56]++;
        low[hash & 255]++;
    }
    for (unsigned n = 0; n < 256; n++) { /* 256 on average, standard deviation 16 */
        assert_in_range(count[n], 256 - 96, 256 + 96);
        assert_in_range(low[n], 256 - 96, 256 + 96);
    }
}

static int by_value(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* Whoever does not care for a seed leaves it 0: IPv4 keys begin with a word of zeros too. */
static void hash_needs_no_seed(void **state)
{
    static uint64_t hashes[20000];
    const size_t count = sizeof hashes / sizeof hashes[0];

    (void)state;
    flow_table_destroy(&table);
    assert_true(flow_table_init(&table, 2000, IDLE_S, EXP_S, (const uint64_t[2]){ 0, 0 }));
    for (uint32_t n = 0; n < count; n++) {
        const struct tcp_segment segment = segment_of(n);
        hashes[n] = hash_of(&segment, 0);
    }
    qsort(hashes, count, sizeof hashes[0], by_value);
    for (size_t n = 1; n < count; n++) {
        assert_int_not_equal(hashes[n - 1], hashes[n]);
    }
}

/* Opens and closes at random for long and compares with a plain array: no flow is lost, none appears. */
static void table_agrees_with_a_list(void **state)
{
    static struct flow *there[TUPLES];
    uint32_t open = 0;

    (void)state;
    memset(there, 0, sizeof there);
    for (int n = 0; n < 100000; n++) {
        const uint32_t tuple = draw(TUPLES);
        assert_ptr_equal(find(tuple), there[tuple]);
        if (there[tuple] != NULL) {
            flow_close(&table, there[tuple]);
            there[tuple] = NULL;
            open--;
        } else {
            there[tuple] = open_new(tuple, 0);
            assert_int_equal(there[tuple] != NULL, open < 2000);
            open += there[tuple] != NULL ? 1 : 0;
        }
        assert_int_equal(table.open, open);
    }
    for (uint32_t tuple = 0; tuple < TUPLES; tuple++) {
        assert_ptr_equal(find(tuple), there[tuple]);
    }
}

static void bound_refuses_and_recovers(void **state)
{
    (void)state;
    for (uint32_t tuple = 0; tuple < 2000; tuple++) {
        assert_non_null(open_new(tuple, 0));
    }
    assert_null(open_new(2000, 0));
    flow_close(&table, find(77));
    assert_non_null(open_new(2000, 0));
    assert_null(find(77));
    assert_true(table.high <= 2000);
}

/* Nothing of what was there is found, due or gives way, and the table is as good as a new one. */
static void all_close_at_once(void **state)
{
    (void)state;
    flow_due(&table, 5000);
    for (uint32_t tuple = 0; tuple < 2000; tuple++) {
        flow_end(open_new(tuple, 5000));
    }
    flow_close(&table, find(77));
    assert_non_null(flow_giving_way(&table, 5001));
    flow_close_all(&table);
    assert_int_equal(table.open, 0);
    for (uint32_t tuple = 0; tuple < 2000; tuple++) {
        assert_null(find(tuple));
    }
    assert_null(flow_giving_way(&table, 5002));
    assert_null(flow_due(&table, 5100));
    for (uint32_t tuple = 0; tuple < 2000; tuple++) {
        struct flow *flow = open_new(tuple, 5100);
        assert_non_null(flow);
        assert_ptr_equal(find(tuple), flow);
    }
    assert_null(open_new(2000, 5100));
    assert_true(table.high <= 2000);
    flow_close(&table, find(77));
    assert_null(flow_due(&table, 5100 + IDLE_S - 1));
    for (uint32_t n = 0; n < 1999; n++) {
        struct flow *flow = flow_due(&table, 5100 + IDLE_S);
        assert_non_null(flow);
        flow_close(&table, flow);
    }
    assert_null(flow_due(&table, 5100 + IDLE_S));
}

/* --- giving way --- */

static void who_ended_gives_way(void **state)
{
    (void)state;
    struct flow *first = open_new(1, 5), *second = open_new(2, 5), *third = open_new(3, 5);

    assert_null(flow_giving_way(&table, 6));
    flow_end(second);
    assert_null(flow_giving_way(&table, 6)); /* they were all looked at in that second */
    assert_ptr_equal(flow_giving_way(&table, 7), second);
    flow_close(&table, second);
    assert_null(flow_giving_way(&table, 8)); /* it is not there any more */
    flow_end(first);
    flow_end(third);
    assert_ptr_equal(flow_giving_way(&table, 9), third); /* the hand stood behind the second */
    assert_ptr_equal(flow_giving_way(&table, 9), first);
}

static void who_ended_this_second_stays(void **state)
{
    (void)state;
    struct flow *flow = open_new(1, 5);

    flow_end(flow);
    flow->last_s = 6;
    assert_null(flow_giving_way(&table, 6));
    assert_ptr_equal(flow_giving_way(&table, 7), flow);
}

static void not_all_are_looked_at_for_one_that_gives_way(void **state)
{
    const uint32_t last = 2 * GIVING_WAY_LOOKS + 10;

    (void)state;
    for (uint32_t tuple = 0; tuple <= last; tuple++) {
        open_new(tuple, 5);
    }
    flow_end(find(last));
    for (unsigned call = 0; call < 2; call++) {
        assert_null(flow_giving_way(&table, 6));
        assert_int_equal(table.in_vain, (call + 1) * GIVING_WAY_LOOKS);
    }
    assert_ptr_equal(flow_giving_way(&table, 6), find(last));
    assert_int_equal(table.in_vain, 0);
}

static void none_gives_way_in_an_empty_table(void **state)
{
    (void)state;
    assert_null(flow_giving_way(&table, 0));
    assert_null(flow_giving_way(&table, 1));
}

/* --- leaving in time --- */

static void idle_flow_is_due_to_the_second(void **state)
{
    (void)state;
    flow_due(&table, 5000);
    struct flow *flow = open_new(1, 5000);
    assert_null(flow_due(&table, 5000 + IDLE_S - 1));
    assert_ptr_equal(flow_due(&table, 5000 + IDLE_S), flow);
    flow_close(&table, flow);
    assert_null(flow_due(&table, 100000));
}

static void busy_flow_is_due_after_its_last_packet(void **state)
{
    (void)state;
    flow_due(&table, 5000);
    struct flow *flow = open_new(1, 5000);
    for (uint32_t now = 5000; now <= 9000; now += 100) {
        assert_null(flow_due(&table, now));
        flow->last_s = now;
    }
    assert_null(flow_due(&table, 9000 + IDLE_S - 1));
    assert_ptr_equal(flow_due(&table, 9000 + IDLE_S), flow);
}

static void ended_flow_is_due_sooner(void **state)
{
    (void)state;
    flow_due(&table, 5000);
    struct flow *flow = open_new(1, 5000);
    flow->last_s = 5100;
    flow_due(&table, 5100);
    flow_end(flow);
    flow_end(flow);
    assert_null(flow_due(&table, 5100 + EXP_S - 1));
    assert_ptr_equal(flow_due(&table, 5100 + EXP_S), flow);
}

static void reopened_flow_is_due_as_an_idle_one(void **state)
{
    struct flow_table eager;
    const struct tcp_segment segment = segment_of(1);

    (void)state;
    assert_true(flow_table_init(&eager, 10, 20, 500, seed));
    struct flow *flow = open_for(&eager, &segment, 0, 100);
    flow_end(flow);
    assert_null(flow_due(&eager, 150));
    flow->last_s = 150;
    flow_reopen(flow);
    assert_null(flow_due(&eager, 169));
    assert_ptr_equal(flow_due(&eager, 170), flow);
    flow_table_destroy(&eager);
}

static void long_pause_gives_each_once(void **state)
{
    unsigned count = 0;

    (void)state;
    for (uint32_t tuple = 0; tuple < 500; tuple++) {
        open_new(tuple, 10 + tuple);
        flow_due(&table, 10);
    }
    for (struct flow *flow; (flow = flow_due(&table, 4000000000U)) != NULL; count++) {
        flow_close(&table, flow);
    }
    assert_int_equal(count, 500);
    assert_int_equal(table.open, 0);
}

static void time_to_live_beyond_the_wheel(void **state)
{
    struct flow_table slow;
    const struct tcp_segment segment = segment_of(1);

    (void)state;
    assert_true(flow_table_init(&slow, 10, 86400, 0, seed));
    struct flow *flow = open_for(&slow, &segment, 0, 0);
    for (uint32_t now = 0; now < 86400; now += 7) {
        assert_null(flow_due(&slow, now));
    }
    assert_ptr_equal(flow_due(&slow, 86400), flow);
    flow_table_destroy(&slow);
}

/* Otherwise closing would be a walk through the whole table. */
static void a_flow_that_closes_has_the_hash_that_it_was_opened_with(void **state)
{
    (void)state;
    for (uint32_t tuple = 0; tuple < 100; tuple++) {
        struct tcp_segment segment = segment_of(tuple);
        segment.vlan[0] = (uint16_t)(tuple % 3);
        segment.vlan[1] = (uint16_t)(tuple % 5);
        if (tuple % 2 == 1) {
            segment = answer_to(&segment);
        }
        const struct flow *flow = open_for(&table, &segment, tuple % 64, 0);
        assert_int_equal(hash_again(&table, flow), hash_of(&segment, tuple % 64));
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(both_directions_are_one_flow),
        CASE(same_address_is_told_apart_by_port),
        CASE(instance_vlan_and_ports_are_in_the_key),
        CASE(hash_spreads_neighbours),
        CASE(hash_needs_no_seed),
        CASE(table_agrees_with_a_list),
        CASE(bound_refuses_and_recovers),
        CASE(all_close_at_once),
        CASE(who_ended_gives_way),
        CASE(who_ended_this_second_stays),
        CASE(not_all_are_looked_at_for_one_that_gives_way),
        CASE(none_gives_way_in_an_empty_table),
        CASE(idle_flow_is_due_to_the_second),
        CASE(busy_flow_is_due_after_its_last_packet),
        CASE(ended_flow_is_due_sooner),
        CASE(reopened_flow_is_due_as_an_idle_one),
        CASE(long_pause_gives_each_once),
        CASE(time_to_live_beyond_the_wheel),
        CASE(a_flow_that_closes_has_the_hash_that_it_was_opened_with),
    };

    return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
