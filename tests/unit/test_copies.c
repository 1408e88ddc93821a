/* test_copies.c: packets that were captured twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "copies.h"
#include "random_fixture.h"

#define MS INT64_C(1000000)
#define HASH UINT64_C(0x0123456789abcdef)

static struct copies copies;
static struct flow flow;

/* Nothing was seen yet, of a flow in that state. */
static void begin(uint32_t state)
{
    copies_destroy(&copies);
    assert_true(copies_init(&copies));
    flow = (struct flow){ .state = state };
}

static int tear_down(void **state)
{
    (void)state;
    copies_destroy(&copies);
    return 0;
}

static bool is_copy(struct tcp_segment segment, int64_t time_ns)
{
    return copies_is_one(&copies, &flow, HASH, 0, &segment, time_ns);
}

static struct tcp_segment packet(uint32_t identity, bool has_ip_id, uint32_t payload)
{
    return (struct tcp_segment){ .flags = TCP_ACK, .identity = identity, .has_ip_id = has_ip_id, .payload_len = payload };
}

static void same_packet_again_is_a_copy(void **state)
{
    (void)state;
    begin(0);
    assert_false(is_copy(packet(5, true, 10), 0));
    assert_true(is_copy(packet(5, true, 10), 20 * MS));
    assert_false(is_copy(packet(6, true, 10), 0));
    assert_false(is_copy(packet(1, true, 10), 0)); /* the least there is; what no packet has stands for "none was seen" */
    assert_true(is_copy(packet(1, true, 10), 0));
}

/* Nor do flows, of which each has another hash. */
static void the_sides_do_not_mix(void **state)
{
    const struct tcp_segment segment = packet(5, true, 10);

    (void)state;
    begin(0);
    assert_false(copies_is_one(&copies, &flow, HASH, 0, &segment, 0));
    assert_false(copies_is_one(&copies, &flow, HASH, 1, &segment, 0));
    assert_false(copies_is_one(&copies, &flow, draw_word(), 0, &segment, 0));
    assert_true(copies_is_one(&copies, &flow, HASH, 0, &segment, 0));
}

static void without_an_identity_only_at_once(void **state)
{
    (void)state;
    begin(0);
    assert_false(is_copy(packet(5, false, 10), 50 * MS));
    assert_true(is_copy(packet(5, false, 10), 51 * MS));
    assert_false(is_copy(packet(5, false, 10), 52 * MS)); /* a retransmission */
    assert_true(is_copy(packet(5, false, 10), 49 * MS));  /* the copy's stamp may be the earlier one */
    assert_false(is_copy(packet(5, false, 10), 40 * MS));
    begin(0);
    assert_false(is_copy(packet(9, false, 0), 60 * MS));
    assert_false(is_copy(packet(9, false, 0), 60 * MS)); /* a duplicate ACK */
}

/* No IP ID: over IPv6, or an ID of 0. */
static void a_tsval_ticks_slowly(void **state)
{
    struct tcp_segment segment = packet(5, false, 10);

    (void)state;
    begin(0);
    segment.has_timestamps = true;
    assert_false(is_copy(segment, 0));
    assert_false(is_copy(segment, 3 * MS)); /* a tail loss probe within the same tick */
    assert_true(is_copy(segment, 3 * MS + MS / 2));
    assert_false(is_copy(segment, 20 * MS));
}

/* Some hosts send each packet with the same IP ID; none has a retransmission timer so short. */
static void unique_identity_counts_below_any_timer(void **state)
{
    const struct tcp_segment data = packet(5, true, 10);

    (void)state;
    begin(0);
    assert_false(is_copy(data, 0));
    assert_true(is_copy(data, 99 * MS));
    assert_false(is_copy(data, 200 * MS));
    assert_true(copies_is_late(&flow, &data, 10 * MS, 60 * MS));
    assert_false(copies_is_late(&flow, &data, 10 * MS, 210 * MS));
    for (int64_t later_s = 1; later_s < 275; later_s++) { /* nor does a time of so few bits come round before the last timer */
        begin(0);
        assert_false(is_copy(data, 0));
        assert_false(is_copy(data, later_s * 1000 * MS - 200 * MS));
    }
}

static void pure_ack_without_an_id_needs_more_proof(void **state)
{
    const struct tcp_segment pure = packet(5, false, 0);

    (void)state;
    begin(0);
    assert_false(is_copy(packet(6, true, 0), 0));
    assert_true(is_copy(packet(6, true, 0), MS));
    assert_false(is_copy(packet(6, true, 0), 60 * MS)); /* a duplicate ACK of a host that sends one ID in all packets */
    begin(0);
    assert_false(is_copy(pure, 0));
    assert_false(is_copy(pure, 0)); /* may be a duplicate ACK, of the same tick of TSval if there is one */
    assert_false(is_copy(packet(8, false, 10), 0));
    assert_true(is_copy(packet(8, false, 10), 0)); /* everything is captured twice here */
    assert_true(is_copy(pure, 0));
}

static void of_four_pure_acks_two_are_copies(void **state)
{
    const struct tcp_segment pure = packet(5, false, 0);

    (void)state;
    begin(FLOW_TWICE);
    assert_false(is_copy(pure, 0));
    assert_true(is_copy(pure, 0));
    assert_false(is_copy(pure, MS / 2)); /* a duplicate ACK */
    assert_true(is_copy(pure, MS / 2));
}

/* A byte of data, SYN or FIN: then a copy may come late, as nothing is sent again so soon. Otherwise it may not. */
static void what_takes_sequence_space(void **state)
{
    static const struct {
        uint8_t flags;
        uint32_t payload;
        bool is_copy;
    } cases[] = { { TCP_ACK, 1, true },           { TCP_SYN, 0, true },  { TCP_SYN | TCP_ACK, 0, true },
                  { TCP_FIN | TCP_ACK, 0, true }, { TCP_ACK, 0, false }, { TCP_ACK | TCP_PSH | TCP_URG, 0, false } };

    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct tcp_segment segment = packet(5, true, cases[n].payload);
        segment.flags = cases[n].flags;
        begin(0);
        assert_false(is_copy(segment, 0));
        assert_int_equal(is_copy(segment, 50 * MS), cases[n].is_copy);
    }
}

static void a_late_copy_says_that_all_is_captured_twice(void **state)
{
    const struct tcp_segment data = packet(8, true, 10), pure = packet(5, false, 0);

    (void)state;
    begin(0);
    assert_true(copies_is_late(&flow, &data, 0, 20 * MS));
    assert_false(is_copy(pure, 30 * MS));
    assert_true(is_copy(pure, 30 * MS));
    begin(0);
    assert_false(copies_is_late(&flow, &data, 0, 200 * MS));
    assert_false(is_copy(pure, 300 * MS));
    assert_false(is_copy(pure, 300 * MS));
}

/* The short way says so of what has not been seen, and remembers it as the long one does. */
static void what_is_unseen_is_remembered(void **state)
{
    struct flow other = { 0 };
    struct copies by_long_way;

    (void)state;
    begin(0);
    assert_true(copies_init(&by_long_way));
    for (uint32_t n = 0; n < 20000; n++) {
        const struct tcp_segment segment = packet(1 + (uint32_t)draw_word() % 5000, draw_word() % 2 == 0, 10);
        const unsigned side = (unsigned)draw_word() % 2;
        const int64_t time_ns = n * MS;
        if (copies_is_unseen(&copies, &flow, HASH, side, &segment, time_ns)) {
            assert_false(copies_is_one(&by_long_way, &other, HASH, side, &segment, time_ns));
        } else {
            assert_int_equal(copies_is_one(&copies, &flow, HASH, side, &segment, time_ns),
                             copies_is_one(&by_long_way, &other, HASH, side, &segment, time_ns));
        }
    }
    assert_memory_equal(copies.places.records, by_long_way.places.records, sizeof(struct copies_place) << COPIES_PLACE_BITS);
    copies_destroy(&by_long_way);
}

/* Those of one transfer as well, whose identities are evenly spaced. */
static void copies_may_come_behind_a_whole_window(void **state)
{
    (void)state;
    for (uint32_t step = 1; step < 200; step += 2) {
        const uint32_t count = 1000, apart = step * 0x01000193U;
        uint32_t known = 0;
        begin(0);
        for (uint32_t n = 0; n < count; n++) {
            assert_false(is_copy(packet(2 * n * apart + 1, true, 10), 0));
        }
        for (uint32_t n = 0; n < count; n++) {
            known += is_copy(packet(2 * n * apart + 1, true, 10), 0) ? 1 : 0;
        }
        assert_in_range(known, 980, count);
    }
}

static void forgotten_packets_have_no_copies(void **state)
{
    (void)state;
    begin(0);
    assert_false(is_copy(packet(5, true, 10), 0));
    copies_forget(&flow, 0);
    assert_false(is_copy(packet(5, true, 10), 0));
    assert_true(is_copy(packet(5, true, 10), 0));
    assert_false(copies_is_one(&copies, &flow, HASH, 1, &(struct tcp_segment){ .identity = 5 }, 0));
    copies_forget(&flow, 0);
    assert_true(copies_is_one(&copies, &flow, HASH, 1, &(struct tcp_segment){ .identity = 5, .payload_len = 1 }, 0));
}

/* What one side forgets is not what the other does, nor what it sent itself before, up to as many times as there are. */
static void each_time_is_forgotten_anew(void **state)
{
    (void)state;
    begin(0);
    for (uint32_t n = 0; n < 255; n++) {
        assert_false(is_copy(packet(5, true, 10), 0));
        copies_forget(&flow, 0);
        assert_int_equal(flow.side[1].epoch, 0);
    }
    assert_false(is_copy(packet(5, true, 10), 0));
}

/* Of four at the same place all are known; a fifth pushes out the oldest. */
static void a_place_keeps_the_newest(void **state)
{
    uint32_t same[COPIES_EACH + 1], count = 0;

    (void)state;
    begin(0);
    for (uint32_t identity = 1; count <= COPIES_EACH; identity++) {
        if (copies_place_of(&copies, copies_number(HASH, 0, 0, identity)) == copies.places.records) {
            same[count++] = identity;
        }
    }
    for (uint32_t n = 0; n < COPIES_EACH; n++) {
        assert_false(is_copy(packet(same[n], true, 10), 0));
    }
    for (uint32_t n = 0; n < COPIES_EACH; n++) {
        assert_true(is_copy(packet(same[n], true, 10), 0));
    }
    assert_false(is_copy(packet(same[COPIES_EACH], true, 10), 0));
    assert_true(is_copy(packet(same[1], true, 10), 0));
    assert_false(is_copy(packet(same[0], true, 10), 0));
}

/* How many of `count` packets of as many flows have a copy that is known, when all copies come behind them all. */
static uint32_t known_among(uint32_t count)
{
    uint64_t hashes[4096];
    uint32_t known = 0;

    begin(0);
    for (uint32_t n = 0; n < count; n++) {
        const struct tcp_segment segment = packet((uint32_t)(hashes[n] = draw_word()) | 1, true, 10);
        assert_false(copies_is_one(&copies, &flow, hashes[n], 0, &segment, 0));
    }
    for (uint32_t n = 0; n < count; n++) {
        const struct tcp_segment segment = packet((uint32_t)hashes[n] | 1, true, 10);
        known += copies_is_one(&copies, &flow, hashes[n], 0, &segment, 0) ? 1 : 0;
    }
    return known;
}

/* The table's reach, as docs/performance.md has it: by Poisson, with n packets in 2,048 places of four each, and a little less as
 * what was not found is put there as well. */
static void copies_may_come_behind_many_others(void **state)
{
    (void)state;
    assert_int_equal(known_among(4), 4);
    assert_in_range(known_among(256), 256, 256);
    assert_in_range(known_among(1000), 996, 1000);
    assert_in_range(known_among(2000), 1940, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(same_packet_again_is_a_copy, tear_down),
        cmocka_unit_test_teardown(the_sides_do_not_mix, tear_down),
        cmocka_unit_test_teardown(without_an_identity_only_at_once, tear_down),
        cmocka_unit_test_teardown(a_tsval_ticks_slowly, tear_down),
        cmocka_unit_test_teardown(unique_identity_counts_below_any_timer, tear_down),
        cmocka_unit_test_teardown(pure_ack_without_an_id_needs_more_proof, tear_down),
        cmocka_unit_test_teardown(of_four_pure_acks_two_are_copies, tear_down),
        cmocka_unit_test_teardown(what_takes_sequence_space, tear_down),
        cmocka_unit_test_teardown(a_late_copy_says_that_all_is_captured_twice, tear_down),
        cmocka_unit_test_teardown(what_is_unseen_is_remembered, tear_down),
        cmocka_unit_test_teardown(copies_may_come_behind_a_whole_window, tear_down),
        cmocka_unit_test_teardown(forgotten_packets_have_no_copies, tear_down),
        cmocka_unit_test_teardown(each_time_is_forgotten_anew, tear_down),
        cmocka_unit_test_teardown(a_place_keeps_the_newest, tear_down),
        cmocka_unit_test_teardown(copies_may_come_behind_many_others, tear_down),
    };

    return cmocka_run_group_tests_name("copies", tests, NULL, NULL);
}
