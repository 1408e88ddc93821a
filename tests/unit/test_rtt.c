/* test_rtt.c: the rules of a round trip, one by one, on the matcher alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "rtt.h"
#include "random_fixture.h"

#define MS INT64_C(1000000)
#define S (1000 * MS)
#define ISN 1000U

/* One half with all that was ever found of it; seq_shift is added to every number on the wire. */
struct side {
    struct rtt_half half;
    struct pending_pool pool;
    struct rtt_outcome sum;  /* of counts; sample: the newest */
    struct rtt_outcome last; /* of the last call */
    uint32_t samples;
    uint32_t seq_shift;
};

static int set_up(void **state)
{
    static struct side side;

    memset(&side, 0, sizeof side);
    assert_true(pending_pool_init(&side.pool, 100000));
    *state = &side;
    return 0;
}

static int tear_down(void **state)
{
    struct side *side = *state;

    pending_pool_destroy(&side->pool);
    return 0;
}

static uint32_t skipped_sum(const struct rtt_outcome *outcome)
{
    uint32_t sum = 0;

    for (size_t n = 0; n < SKIP_REASON_COUNT; n++) {
        sum += outcome->skipped[n];
    }
    return sum;
}

static void add_up(struct side *side)
{
    side->sum.timed += side->last.timed;
    side->sum.retransmits += side->last.retransmits;
    for (size_t n = 0; n < SKIP_REASON_COUNT; n++) {
        side->sum.skipped[n] += side->last.skipped[n];
    }
    if (side->last.has_sample) {
        side->samples++;
        side->sum.sample = side->last.sample;
    }
    assert_int_equal(side->sum.timed, side->samples + skipped_sum(&side->sum) + side->half.waiting.count);
}

static void sent(struct side *side, struct tcp_segment segment, int64_t time_ns)
{
    segment.seq += side->seq_shift;
    side->last = (struct rtt_outcome){ 0 };
    rtt_note(&side->half, &segment);
    rtt_sent(&side->half, &side->pool, &segment, time_ns, &side->last);
    add_up(side);
}

static void acked(struct side *side, struct tcp_segment segment, int64_t time_ns)
{
    segment.ack += side->seq_shift;
    for (unsigned n = 0; n < segment.sack_count; n++) {
        segment.sack[n].left += side->seq_shift;
        segment.sack[n].right += side->seq_shift;
    }
    segment.flags |= TCP_ACK;
    side->last = (struct rtt_outcome){ 0 };
    rtt_acked(&side->half, &side->pool, &segment, false, time_ns, &side->last);
    add_up(side);
}

static void data(struct side *side, uint32_t seq, uint32_t length, int64_t time_ns)
{
    sent(side, (struct tcp_segment){ .seq = seq, .payload_len = length, .flags = TCP_ACK }, time_ns);
}

static void data_ts(struct side *side, uint32_t seq, uint32_t length, uint32_t ts_val, int64_t time_ns)
{
    const struct tcp_segment segment = {
        .seq = seq, .payload_len = length, .flags = TCP_ACK, .has_timestamps = true, .ts_val = ts_val
    };

    sent(side, segment, time_ns);
}

static void ack(struct side *side, uint32_t number, int64_t time_ns)
{
    acked(side, (struct tcp_segment){ .ack = number, .window = 500 }, time_ns);
}

static void ack_ts(struct side *side, uint32_t number, uint32_t ts_ecr, int64_t time_ns)
{
    acked(side, (struct tcp_segment){ .ack = number, .window = 500, .has_timestamps = true, .ts_ecr = ts_ecr }, time_ns);
}

static void syn(struct side *side, uint32_t length, int64_t time_ns)
{
    sent(side, (struct tcp_segment){ .seq = ISN, .payload_len = length, .flags = TCP_SYN }, time_ns);
}

/* The peer's SYN|ACK. */
static void syn_ack(struct side *side, uint32_t number, int64_t time_ns)
{
    acked(side, (struct tcp_segment){ .ack = number, .window = 65535, .flags = TCP_SYN }, time_ns);
}

/* A handshake of 1 ms, so that SND.UNA is known. */
static void established(struct side *side)
{
    syn(side, 0, 0);
    syn_ack(side, ISN + 1, MS);
    assert_int_equal(side->samples, 1);
    side->half.window = 500;
}

static void assert_sample(const struct side *side, int64_t rtt_ns, uint32_t end_seq)
{
    assert_true(side->last.has_sample);
    assert_int_equal(side->last.sample.rtt_ns, rtt_ns);
    assert_int_equal(side->last.sample.end_seq, end_seq + side->seq_shift);
}

static void assert_skips(const struct side *side, enum skip_reason reason, uint32_t count)
{
    assert_false(side->last.has_sample);
    assert_int_equal(side->last.skipped[reason], count);
    assert_int_equal(skipped_sum(&side->last), count);
}

/* --- rule 1: what is timed --- */

static void syn_is_a_handshake_sample(void **state)
{
    struct side *side = *state;

    syn(side, 0, 5 * MS);
    assert_int_equal(side->last.timed, 1);
    syn_ack(side, ISN + 1, 12 * MS);
    assert_sample(side, 7 * MS, ISN + 1);
    assert_true(side->last.sample.handshake);
}

static void data_is_a_sample_and_no_handshake(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    ack(side, ISN + 101, 30 * MS);
    assert_sample(side, 20 * MS, ISN + 101);
    assert_false(side->last.sample.handshake);
    assert_int_equal(side->last.sample.previous_ns, MS);
}

static void previous_sample_holds_120_s(void **state)
{
    struct side *side = *state;

    data(side, 1, 2, 0);
    ack(side, 3, RTT_MAX_NS);
    assert_sample(side, RTT_MAX_NS, 3);
    data(side, 3, 1, 130 * S);
    ack(side, 4, 131 * S);
    assert_int_equal(side->last.sample.previous_ns, RTT_MAX_NS);
}

static void previous_sample_of_nothing(void **state)
{
    struct side *side = *state;

    data(side, 1, 2, S);
    ack(side, 3, S);
    assert_sample(side, 0, 3);
    data(side, 3, 1, 2 * S);
    ack(side, 4, 2 * S + 10 * MS);
    assert_int_equal(side->last.sample.previous_ns, 1); /* 0 would say that there was none */
}

/* A connection that was idle for longer than it is remembered, and is kept alive with a byte that was acknowledged long ago. */
static void keep_alive_as_the_first_that_is_seen(void **state)
{
    struct side *side = *state;

    data(side, 5000, 1, S);
    ack(side, 5001, S + 10 * MS);
    assert_int_equal(side->sum.timed, 0);
    data(side, 5001, 1, 2 * S); /* a byte that is new */
    ack(side, 5002, 2 * S + 10 * MS);
    assert_sample(side, 10 * MS, 5002);
}

static void pure_ack_is_not_timed(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 0, 10 * MS);
    ack(side, ISN + 1, 11 * MS);
    assert_int_equal(side->sum.timed, 1);
    assert_int_equal(side->samples, 1);
}

static void bare_fin_is_not_timed_but_takes_a_number(void **state)
{
    struct side *side = *state;

    established(side);
    sent(side, (struct tcp_segment){ .seq = ISN + 1, .flags = TCP_FIN | TCP_ACK }, 10 * MS);
    assert_int_equal(side->last.timed, 0);
    ack(side, ISN + 2, 20 * MS);
    assert_false(side->last.has_sample);
    assert_int_equal(side->half.next, ISN + 2);
}

static void fin_with_data_is_timed_to_the_fin(void **state)
{
    struct side *side = *state;

    established(side);
    sent(side, (struct tcp_segment){ .seq = ISN + 1, .payload_len = 10, .flags = TCP_FIN | TCP_ACK }, 10 * MS);
    ack(side, ISN + 12, 20 * MS);
    assert_sample(side, 10 * MS, ISN + 12);
}

static void ack_of_data_and_a_bare_fin_covers_the_data(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 10, 10 * MS);
    sent(side, (struct tcp_segment){ .seq = ISN + 11, .flags = TCP_FIN | TCP_ACK }, 11 * MS);
    ack(side, ISN + 12, 20 * MS);
    assert_skips(side, SKIP_COVERED, 1);
}

static void keep_alive_is_nothing(void **state)
{
    struct side *side = *state;

    established(side);
    for (uint32_t length = 0; length <= 1; length++) {
        data(side, ISN, length, 10 * S);
        assert_int_equal(side->last.timed, 0);
        assert_int_equal(side->last.retransmits, 0);
        assert_false(side->last.hole);
        ack(side, ISN + 1, 11 * S);
        assert_false(side->last.has_sample);
    }
    data(side, ISN + 1, 1, 20 * S);
    ack(side, ISN + 2, 21 * S);
    assert_sample(side, S, ISN + 2);
}

static void probe_while_data_waits_does_not_spoil_it(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    data(side, ISN, 1, 12 * MS);
    assert_int_equal(side->last.retransmits, 0);
    ack(side, ISN + 101, 20 * MS);
    assert_sample(side, 10 * MS, ISN + 101);
}

/* Each of a probe's conditions alone: what is not one of them was sent before, and counts. */
static void not_quite_a_probe(void **state)
{
    struct side *side = *state;

    established(side);
    syn(side, 0, 2 * MS); /* the answer came by here and got lost after */
    assert_int_equal(side->last.retransmits, 1);
    data(side, ISN + 1, 100, 10 * MS);
    ack(side, ISN + 101, 20 * MS);
    data(side, ISN + 99, 1, 30 * MS);
    assert_int_equal(side->last.retransmits, 1);
    sent(side, (struct tcp_segment){ .seq = ISN + 100, .payload_len = 1, .flags = TCP_FIN | TCP_ACK }, 40 * MS);
    assert_int_equal(side->last.retransmits, 1);
    data(side, ISN + 100, 2, 50 * MS);
    assert_int_equal(side->last.retransmits, 1);
}

/* SND.UNA is the peer's word: what lies before our first segment may be anything. */
static void no_probe_before_the_peers_word(void **state)
{
    struct side *side = *state;

    data(side, 5000, 100, 10 * MS);
    data(side, 4999, 1, 12 * MS);
    assert_int_equal(side->last.retransmits, 1);
    ack(side, 5100, 15 * MS);
    data(side, 5099, 1, 20 * MS);
    assert_int_equal(side->last.retransmits, 0);
}

static void peers_probe_is_no_duplicate_ack(void **state)
{
    struct side *side = *state;
    struct tcp_segment probe = { .ack = ISN + 1, .window = 500, .flags = TCP_ACK };

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    side->last = (struct rtt_outcome){ 0 };
    rtt_acked(&side->half, &side->pool, &probe, true, 11 * MS, &side->last);
    assert_false(side->last.hole);
    ack(side, ISN + 101, 20 * MS);
    assert_sample(side, 10 * MS, ISN + 101);
}

static void probe_is_known_of_an_unmeasured_side(void **state)
{
    struct rtt_half half = { 0 };
    struct tcp_segment segment = { .ack = 50, .flags = TCP_ACK };
    const struct tcp_segment probe = { .seq = 49, .flags = TCP_ACK };

    (void)state;
    assert_false(rtt_is_probe(&half, &probe));
    rtt_follow(&half, &segment);
    assert_true(rtt_is_probe(&half, &probe));
    segment.ack = 40; /* an old one does not take it back */
    rtt_follow(&half, &segment);
    assert_true(rtt_is_probe(&half, &probe));
}

/* Of five gigabytes that it sends nothing may be acknowledged but by pure ACKs, which are not seen. */
static void unmeasured_side_does_not_fall_behind(void **state)
{
    (void)state;
    for (uint32_t size = 1; size < 5000; size += 7) { /* MB */
        struct rtt_half half = { 0 };
        struct tcp_segment ours = { .ack = 50, .flags = TCP_ACK }, theirs = { .seq = 50, .payload_len = 65160, .flags = TCP_ACK };

        rtt_follow(&half, &ours);
        for (uint64_t sent = 0; sent < size * UINT64_C(1000000); sent += theirs.payload_len) {
            rtt_note(&half, &theirs);
            theirs.seq += theirs.payload_len;
        }
        ours.ack = theirs.seq;
        rtt_follow(&half, &ours);
        theirs.seq--;
        theirs.payload_len = 0;
        if (!rtt_is_probe(&half, &theirs)) {
            fail_msg("after %u MB", size);
        }
    }
}

/* --- rule 2: the exact match --- */

static void newest_covered_gives_the_sample(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    data(side, ISN + 101, 100, 11 * MS);
    data(side, ISN + 201, 100, 12 * MS);
    ack(side, ISN + 301, 20 * MS);
    assert_sample(side, 8 * MS, ISN + 301);
    assert_int_equal(side->last.skipped[SKIP_COVERED], 2);
}

static void ack_between_ends_is_inexact(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    data(side, ISN + 101, 1000, 11 * MS);
    ack(side, ISN + 601, 20 * MS);
    assert_skips(side, SKIP_INEXACT, 1);
    assert_int_equal(side->half.waiting.count, 1);
    ack(side, ISN + 1101, 30 * MS); /* what was covered in part waits for its last byte */
    assert_sample(side, 19 * MS, ISN + 1101);
}

static void ack_of_data_never_seen_is_inexact(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    data(side, ISN + 101, 100, 10 * MS);
    ack(side, ISN + 5001, 20 * MS);
    assert_skips(side, SKIP_INEXACT, 2);
    data(side, ISN + 5001, 100, 30 * MS);
    ack(side, ISN + 5101, 31 * MS);
    assert_sample(side, MS, ISN + 5101);
}

static void ack_of_data_never_sent_blocks_nothing(void **state)
{
    struct side *side = *state;

    established(side);
    ack(side, ISN + 1 + (1U << 29), 9 * MS); /* forged: in no window, but not far enough for another connection */
    for (uint32_t n = 0; n < 20; n++) {
        data(side, ISN + 1 + n * 100, 100, (10 + 10 * n) * MS);
        ack(side, ISN + 101 + n * 100, (15 + 10 * n) * MS);
        assert_sample(side, 5 * MS, ISN + 101 + n * 100);
    }
    assert_int_equal(side->sum.retransmits, 0);
}

/* The peer holds an older connection: it answers the SYN with an ACK of that one (RFC 5961, 4.2). */
static void challenge_ack_leaves_the_syn_alone(void **state)
{
    struct side *side = *state;
    struct tcp_segment again = { .seq = ISN, .flags = TCP_SYN, .has_timestamps = true, .ts_val = 10 };

    sent(side, again, 0);
    ack(side, ISN + 70000, 10 * MS);
    assert_int_equal(side->half.waiting.count, 1);
    again.ts_val = 1010;
    sent(side, again, S);
    ack_ts(side, ISN + 1, 1010, S + 10 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
    data(side, ISN + 1, 100, 2 * S);
    ack(side, ISN + 101, 2 * S + 5 * MS);
    assert_sample(side, 5 * MS, ISN + 101);
}

static void ack_from_another_world_changes_nothing(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    ack(side, ISN + 0x60000000U, 11 * MS);
    assert_int_equal(side->half.waiting.count, 1);
    ack(side, ISN + 101, 20 * MS);
    assert_sample(side, 10 * MS, ISN + 101);
}

static void old_ack_gives_nothing(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    ack(side, ISN + 101, 20 * MS);
    data(side, ISN + 101, 100, 30 * MS);
    ack(side, ISN + 50, 31 * MS);
    assert_false(side->last.has_sample || side->last.hole);
    ack(side, ISN + 201, 40 * MS);
    assert_sample(side, 10 * MS, ISN + 201);
}

static void one_segment_gives_one_sample(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    ack(side, ISN + 101, 20 * MS);
    ack(side, ISN + 101, 30 * MS);
    assert_false(side->last.has_sample);
}

static void syn_with_data_matches_all_of_it(void **state)
{
    struct side *side = *state;

    syn(side, 50, 0);
    syn_ack(side, ISN + 51, 3 * MS);
    assert_sample(side, 3 * MS, ISN + 51);
    assert_true(side->last.sample.handshake);
}

static void syn_with_data_matches_the_syn_alone(void **state)
{
    struct side *side = *state;

    syn(side, 50, 0);
    syn_ack(side, ISN + 1, 3 * MS);
    assert_sample(side, 3 * MS, ISN + 51);
    data(side, ISN + 1, 50, 4 * MS); /* refused data goes again: a retransmitted range gives no sample */
    assert_int_equal(side->last.retransmits, 1);
    ack(side, ISN + 51, 7 * MS);
    assert_false(side->last.has_sample);
}

static void super_segment_of_big_tcp(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 1U << 20, 10 * MS);
    data(side, ISN + 1 + (1U << 20), 500000, 10 * MS);
    ack(side, ISN + 1 + (1U << 20), 15 * MS);
    assert_sample(side, 5 * MS, ISN + 1 + (1U << 20));
}

/* --- rule 3: Karn --- */

static void retransmitted_gives_none(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    data(side, ISN + 1, 100, 210 * MS);
    assert_int_equal(side->last.retransmits, 1);
    assert_int_equal(side->last.timed, 0);
    ack(side, ISN + 101, 220 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

static void timestamps_name_the_second_transmission(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, 100, 10, 10 * MS);
    data_ts(side, ISN + 1, 100, 210, 210 * MS);
    ack_ts(side, ISN + 101, 210, 217 * MS);
    assert_sample(side, 7 * MS, ISN + 101);
}

/* The first one's ACK was lost: the answer to the second still echoes the first's timestamp. */
static void timestamps_that_match_neither(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, 100, 10, 10 * MS);
    data_ts(side, ISN + 1, 100, 210, 210 * MS);
    ack_ts(side, ISN + 101, 77, 217 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

static void equal_timestamps_say_nothing(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, 100, 10, 10 * MS);
    data_ts(side, ISN + 1, 100, 10, 11 * MS);
    ack_ts(side, ISN + 101, 10, 20 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

static void timestamps_on_one_transmission_only(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    data_ts(side, ISN + 1, 100, 10, 11 * MS);
    ack_ts(side, ISN + 101, 10, 20 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

static void timestamps_wrap_between_transmissions(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, 100, UINT32_MAX - 99, 10 * MS);
    data_ts(side, ISN + 1, 100, 100, 210 * MS);
    ack_ts(side, ISN + 101, 100, 217 * MS);
    assert_sample(side, 7 * MS, ISN + 101);
}

/* A TSval that goes back may come again: it names two transmissions then. */
static void timestamps_that_went_back(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, 100, 300, 10 * MS);
    data_ts(side, ISN + 1, 100, 200, 210 * MS);
    data_ts(side, ISN + 1, 100, 300, 610 * MS);
    ack_ts(side, ISN + 101, 300, 615 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

static void third_transmission_replaces_the_second(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, 100, 10, 10 * MS);
    data_ts(side, ISN + 1, 100, 210, 210 * MS);
    data_ts(side, ISN + 1, 100, 610, 610 * MS);
    ack_ts(side, ISN + 101, 610, 615 * MS);
    assert_sample(side, 5 * MS, ISN + 101);
}

static void third_transmission_with_the_seconds_timestamp(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, 100, 10, 10 * MS);
    data_ts(side, ISN + 1, 100, 210, 210 * MS);
    data_ts(side, ISN + 1, 100, 210, 211 * MS);
    data_ts(side, ISN + 1, 100, 300, 300 * MS);
    ack_ts(side, ISN + 101, 300, 315 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

static void other_range_is_not_told_apart(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, 100, 10, 10 * MS);
    data_ts(side, ISN + 1, 40, 210, 210 * MS);
    ack_ts(side, ISN + 101, 210, 217 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

/* A burst that the interface cut: its last piece may have come the first time, and the copy of another one be echoed. */
static void burst_is_not_told_apart(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, RTT_MAX_PACKET, 10, 10 * MS);
    data_ts(side, ISN + 1, RTT_MAX_PACKET, 210, 210 * MS);
    ack_ts(side, ISN + 1 + RTT_MAX_PACKET, 210, 215 * MS);
    assert_sample(side, 5 * MS, ISN + 1 + RTT_MAX_PACKET);
    data_ts(side, ISN + 1 + RTT_MAX_PACKET, RTT_MAX_PACKET + 1, 310, 310 * MS);
    data_ts(side, ISN + 1 + RTT_MAX_PACKET, RTT_MAX_PACKET + 1, 510, 510 * MS);
    ack_ts(side, ISN + 2 + 2 * RTT_MAX_PACKET, 510, 515 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

/* RFC 7323, 4.3 and RFC 3522: the timer ran out too early. */
static void the_first_transmission_is_told_too(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, 100, 100, 100 * MS);
    data_ts(side, ISN + 1, 100, 310, 310 * MS);
    ack_ts(side, ISN + 101, 100, 600 * MS);
    assert_sample(side, 500 * MS, ISN + 101);
}

/* Where the answer got lost the peer sends it again too, and by its own timer. */
static void a_syn_is_not_told(void **state)
{
    struct side *side = *state;
    struct tcp_segment segment = { .seq = ISN, .flags = TCP_SYN, .has_timestamps = true, .ts_val = 100 };

    sent(side, segment, 100 * MS);
    segment.ts_val = 1100;
    sent(side, segment, 1100 * MS);
    ack_ts(side, ISN + 1, 1100, 1110 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

/* What is older came a second time in the same tick, and was answered with what lies beyond it. */
static void echo_of_an_older_one_by_dsack(void **state)
{
    struct side *side = *state;
    struct tcp_segment answer = { .ack = ISN + 201,
                                  .window = 500,
                                  .has_timestamps = true,
                                  .ts_ecr = 210,
                                  .sack_count = 1,
                                  .sack = { { ISN + 1, ISN + 101 } } };

    established(side);
    data_ts(side, ISN + 1, 100, 10, 10 * MS);
    ack_ts(side, ISN + 101, 10, 20 * MS);
    data_ts(side, ISN + 101, 100, 30, 30 * MS);
    data_ts(side, ISN + 101, 100, 210, 210 * MS);
    acked(side, answer, 211 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

static void echo_of_an_older_one_by_its_tick(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, 100, 10, 10 * MS);
    data_ts(side, ISN + 101, 100, 10, 10 * MS);
    data_ts(side, ISN + 1, 100, 210, 210 * MS);
    data_ts(side, ISN + 101, 100, 210, 210 * MS);
    ack_ts(side, ISN + 101, 10, 211 * MS);
    assert_sample(side, 201 * MS, ISN + 101);
    ack_ts(side, ISN + 201, 210, 212 * MS); /* the first has come again, and the second long ago */
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

static void the_second_of_three_is_not_told(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, 100, 10, 10 * MS);
    data_ts(side, ISN + 1, 100, 210, 210 * MS);
    data_ts(side, ISN + 1, 100, 610, 610 * MS);
    ack_ts(side, ISN + 101, 210, 615 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

/* Both were sent again in one tick; the echo is of the first one's arrival, and the second had been there all along. */
static void timestamps_count_only_at_the_left_edge(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, 100, 10, 10 * MS);
    data_ts(side, ISN + 101, 100, 10, 10 * MS);
    data_ts(side, ISN + 1, 100, 210, 210 * MS);
    data_ts(side, ISN + 101, 100, 210, 212 * MS);
    ack_ts(side, ISN + 201, 210, 213 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 2);
}

static void retransmission_that_comes_before_its_original_in_time(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, 100, 10, 10 * S);
    data_ts(side, ISN + 1, 100, 11, 9 * S);
    ack_ts(side, ISN + 101, 11, 11 * S);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

static void retransmission_with_new_data_behind_it(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    data(side, ISN + 1, 200, 210 * MS);
    assert_int_equal(side->last.retransmits, 1);
    assert_int_equal(side->last.timed, 1);
    ack(side, ISN + 201, 220 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 2);
    data(side, ISN + 201, 10, 230 * MS);
    ack(side, ISN + 211, 231 * MS);
    assert_sample(side, MS, ISN + 211);
}

static void retransmission_with_a_new_fin_is_not_timed_anew(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    sent(side, (struct tcp_segment){ .seq = ISN + 1, .payload_len = 100, .flags = TCP_FIN | TCP_ACK }, 210 * MS);
    assert_int_equal(side->last.timed, 0);
    ack(side, ISN + 102, 220 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

static void syn_sent_again_gives_none(void **state)
{
    struct side *side = *state;

    syn(side, 0, 0);
    syn(side, 0, S);
    syn_ack(side, ISN + 1, S + MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
}

static void simultaneous_open_gives_no_false_sample(void **state)
{
    struct side *side = *state;

    syn(side, 0, 0);
    sent(side, (struct tcp_segment){ .seq = ISN, .flags = TCP_SYN | TCP_ACK }, 5 * MS);
    syn_ack(side, ISN + 1, 6 * MS);
    assert_skips(side, SKIP_RETRANSMITTED, 1);
    data(side, ISN + 1, 10, 10 * MS);
    ack(side, ISN + 11, 12 * MS);
    assert_sample(side, 2 * MS, ISN + 11);
}

/* --- rule 3: signs of a hole --- */

static void retransmission_makes_the_others_ambiguous(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    data(side, ISN + 101, 100, 11 * MS);
    data(side, ISN + 1, 100, 210 * MS);
    ack(side, ISN + 201, 220 * MS);
    assert_false(side->last.has_sample);
    assert_int_equal(side->last.skipped[SKIP_RETRANSMITTED], 1);
    assert_int_equal(side->last.skipped[SKIP_AMBIGUOUS], 1);
}

static void retransmission_beyond_the_search_is_ambiguous(void **state)
{
    struct side *side = *state;
    const uint32_t count = RTT_MAX_SEARCH + 10;

    established(side);
    for (uint32_t n = 0; n < count; n++) {
        data(side, ISN + 1 + n, 1, 10 * MS);
    }
    data(side, ISN + count, 1, 20 * MS);
    ack(side, ISN + 1 + count, 30 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, count);
}

static void duplicate_ack_makes_pending_ambiguous(void **state)
{
    struct side *side = *state;

    established(side);
    ack(side, ISN + 1, 9 * MS);
    data(side, ISN + 1, 100, 10 * MS);
    data(side, ISN + 101, 100, 11 * MS);
    ack(side, ISN + 1, 15 * MS);
    assert_true(side->last.hole);
    data(side, ISN + 201, 100, 16 * MS); /* sent after the sign: measured */
    ack(side, ISN + 201, 40 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 2);
    ack(side, ISN + 301, 41 * MS);
    assert_sample(side, 25 * MS, ISN + 301);
}

/* Each of the five conditions alone keeps an ACK from being a duplicate. */
static void not_quite_a_duplicate_ack(void **state)
{
    static const struct tcp_segment acks[] = {
        { .ack = ISN + 1, .window = 500, .payload_len = 10 },
        { .ack = ISN + 1, .window = 500, .flags = TCP_SYN },
        { .ack = ISN + 1, .window = 500, .flags = TCP_FIN },
        { .ack = ISN - 5, .window = 500 },
        { .ack = ISN + 1, .window = 501 },
    };
    struct side *side = *state;

    for (size_t n = 0; n < sizeof acks / sizeof acks[0]; n++) {
        memset(&side->half, 0, sizeof side->half);
        memset(&side->sum, 0, sizeof side->sum);
        side->samples = 0;
        established(side);
        data(side, ISN + 1, 100, 10 * MS);
        acked(side, acks[n], 11 * MS);
        assert_false(side->last.hole);
        ack(side, ISN + 101, 20 * MS);
        assert_sample(side, 10 * MS, ISN + 101);
    }
}

static void repeated_ack_with_nothing_outstanding(void **state)
{
    struct side *side = *state;

    established(side);
    ack(side, ISN + 1, 5 * MS);
    ack(side, ISN + 1, 6 * MS);
    assert_false(side->last.hole);
}

static void sack_above_the_ack_is_a_hole(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    data(side, ISN + 101, 100, 11 * MS);
    data(side, ISN + 201, 100, 12 * MS);
    acked(side,
          (struct tcp_segment){
              .ack = ISN + 101, .window = 400, .payload_len = 1, .sack_count = 1, .sack = { { ISN + 201, ISN + 301 } } },
          20 * MS);
    assert_sample(side, 10 * MS, ISN + 101); /* what this ACK covers did arrive */
    assert_true(side->last.hole);
    ack(side, ISN + 301, 50 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 2);
}

/* --- rule 3: what waited for no hole although there was one --- */

/* A hole of [0, 100) from `start` on at the peer, [100, 400) beyond it in flight at the first sign of that; `sacked` bytes of it
 * were SACKed (0: without SACK). The hole is filled at 30 ms, when `filled` is acknowledged. */
static void hole_at(struct side *side, uint32_t start, uint32_t sacked, uint32_t filled)
{
    for (uint32_t n = 0; n < 4; n++) {
        data(side, start + 100 * n, 100, 10 * MS);
    }
    acked(side,
          (struct tcp_segment){
              .ack = start, .window = 500, .sack_count = sacked == 0 ? 0 : 1, .sack = { { start + 100, start + 100 + sacked } } },
          20 * MS);
    assert_true(side->last.hole);
    data(side, start, 100, 21 * MS);
    ack(side, start + filled, 30 * MS);
    assert_false(side->last.has_sample);
}

static void hole_before(struct side *side, uint32_t sacked, uint32_t filled)
{
    established(side);
    hole_at(side, ISN + 1, sacked, filled);
}

static void left_edge_waited_for_no_hole(void **state)
{
    struct side *side = *state;

    hole_before(side, 0, 200);
    ack(side, ISN + 301, 31 * MS); /* [200, 300) came after what is before it */
    assert_sample(side, 21 * MS, ISN + 301);
    ack(side, ISN + 401, 32 * MS);
    assert_sample(side, 22 * MS, ISN + 401);
}

static void two_beyond_all_that_was_held(void **state)
{
    struct side *side = *state;

    hole_before(side, 0, 200); /* one duplicate ACK, one segment that was held */
    ack(side, ISN + 401, 31 * MS);
    assert_sample(side, 21 * MS, ISN + 401);
    assert_int_equal(side->last.skipped[SKIP_AMBIGUOUS], 1);
}

static void two_of_which_one_was_held(void **state)
{
    struct side *side = *state;

    hole_before(side, 0, 100); /* what the duplicate ACK told of lies beyond another hole */
    ack(side, ISN + 301, 31 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 2);
    ack(side, ISN + 401, 32 * MS);
    assert_sample(side, 22 * MS, ISN + 401);
}

static void two_beyond_more_than_was_told_of(void **state)
{
    struct side *side = *state;

    established(side);
    ack(side, ISN + 1, 9 * MS);
    for (uint32_t n = 0; n < 5; n++) {
        data(side, ISN + 1 + 100 * n, 100, 10 * MS);
    }
    ack(side, ISN + 1, 20 * MS);
    data(side, ISN + 1, 100, 21 * MS);
    ack(side, ISN + 301, 30 * MS); /* two were held, and one duplicate ACK told of it: another may have got lost */
    ack(side, ISN + 501, 31 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 2);
}

static void a_second_duplicate_at_the_same_edge(void **state)
{
    struct side *side = *state;

    hole_before(side, 0, 200);
    ack(side, ISN + 201, 31 * MS);
    ack(side, ISN + 401, 32 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 2);
}

/* The interface cuts a burst: its pieces are as good as several segments. */
static void burst_whose_first_piece_is_late(void **state)
{
    struct side *side = *state;

    established(side);
    ack(side, ISN + 1, 9 * MS);
    data(side, ISN + 1, 5792, 100 * MS);
    ack(side, ISN + 1, 140 * MS); /* the other pieces are there */
    ack(side, ISN + 5793, 240 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 1);
    data(side, ISN + 5793, 5792, 300 * MS);
    acked(side,
          (struct tcp_segment){
              .ack = ISN + 5793, .window = 500, .sack_count = 1, .sack = { { ISN + 5793 + 1448, ISN + 5793 + 5792 } } },
          340 * MS);
    ack(side, ISN + 5793 + 5792, 440 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 1);
}

/* Two queues have handed them over in the wrong order: the next segment of the peer acknowledges the same. */
static void ack_before_its_data(void **state)
{
    struct side *side = *state;

    established(side);
    ack(side, ISN + 101, 100 * MS);
    data(side, ISN + 1, 100, 101 * MS);
    ack(side, ISN + 101, 5000 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 1);
    data(side, ISN + 101, 100, 5010 * MS); /* all is well from here on */
    ack(side, ISN + 201, 5020 * MS);
    assert_sample(side, 10 * MS, ISN + 201);
}

static void sign_of_a_hole_after_an_ack_before_its_data(void **state)
{
    struct side *side = *state;
    const struct tcp_segment answer = { .ack = ISN + 201, .window = 500, .sack_count = 1, .sack = { { ISN + 301, ISN + 401 } } };

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    ack(side, ISN + 101, 20 * MS);
    acked(side, answer, 100 * MS);
    data(side, ISN + 101, 100, 101 * MS);
    data(side, ISN + 201, 100, 102 * MS);
    data(side, ISN + 301, 100, 103 * MS);
    acked(side, answer, 104 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 1);
}

static void retransmission_after_an_ack_before_its_data(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    ack(side, ISN + 101, 20 * MS);
    ack(side, ISN + 201, 100 * MS);
    data(side, ISN + 1, 100, 101 * MS);
    data(side, ISN + 101, 100, 102 * MS);
    ack(side, ISN + 201, 103 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 1);
}

static void a_whole_burst_behind_its_ack(void **state)
{
    struct side *side = *state;

    established(side);
    ack(side, ISN + 100001, 100 * MS);
    data(side, ISN + 1, 100000, 101 * MS);
    ack(side, ISN + 100001, 200 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 1);
}

/* A firewall that changes sequence numbers, but not those in SACK blocks. */
static void block_of_what_was_never_sent(void **state)
{
    struct side *side = *state;

    established(side);
    ack(side, ISN + 1, 9 * MS);
    for (uint32_t n = 0; n < 4; n++) {
        const uint32_t seq = ISN + 1 + 200 * n;
        data(side, seq, 100, (10 + n) * MS);
        data(side, seq + 100, 100, (10 + n) * MS);
        acked(side,
              (struct tcp_segment){ .ack = seq + 200, .window = 500, .sack_count = 1, .sack = { { 0x40000000, 0x40000100 } } },
              (10 + n) * MS + MS / 2);
        assert_sample(side, MS / 2, seq + 200);
    }
}

/* It echoes what it likes; but all that was sent has been captured. */
static void peer_with_stamps_of_its_own(void **state)
{
    struct side *side = *state;

    established(side);
    data_ts(side, ISN + 1, 100, 400, 400 * MS);
    ack_ts(side, ISN + 101, 100, 410 * MS);
    assert_sample(side, 10 * MS, ISN + 101);
}

static void ack_far_ahead_is_no_mans_word(void **state)
{
    struct side *side = *state;

    established(side);
    ack(side, ISN + 1 + RTT_MAX_AHEAD + 1, 100 * MS);
    data(side, ISN + 1, 100, 101 * MS);
    ack(side, ISN + 101, 111 * MS);
    assert_sample(side, 10 * MS, ISN + 101);
}

/* Picked up while the sender repairs a loss: what is sent again was sent before we began to listen. */
static void echo_of_what_was_sent_before(void **state)
{
    struct side *side = *state;

    data_ts(side, 5000, 100, 400, 400 * MS);
    ack_ts(side, 5100, 100, 401 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 1);
    data_ts(side, 5100, 100, 410, 410 * MS);
    ack_ts(side, 5200, 410, 420 * MS);
    assert_sample(side, 10 * MS, 5200);
    data_ts(side, 5200, 100, 430, 430 * MS);
    ack_ts(side, 5300, 0, 440 * MS); /* of a peer that echoes nothing */
    assert_sample(side, 10 * MS, 5300);
}

static void two_beyond_what_was_sacked(void **state)
{
    struct side *side = *state;

    hole_before(side, 100, 200);
    ack(side, ISN + 401, 31 * MS);
    assert_sample(side, 21 * MS, ISN + 401);
    assert_int_equal(side->last.skipped[SKIP_AMBIGUOUS], 1);
}

static void two_of_which_one_was_sacked(void **state)
{
    struct side *side = *state;

    hole_before(side, 300, 200); /* an ACK of less than what was SACKed: the peer dropped it again (RFC 2018, section 8) */
    ack(side, ISN + 401, 31 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 2);
}

static void left_edge_that_was_sent_again(void **state)
{
    struct side *side = *state;

    hole_before(side, 100, 200);
    data(side, ISN + 201, 100, 31 * MS);
    ack(side, ISN + 401, 40 * MS);
    assert_false(side->last.has_sample);
    assert_int_equal(side->last.skipped[SKIP_RETRANSMITTED], 1);
    assert_int_equal(side->last.skipped[SKIP_AMBIGUOUS], 1);
}

static void left_edge_must_be_the_peers_word(void **state)
{
    struct side *side = *state;

    data(side, 5000, 100, 10 * MS); /* picked up in the middle: what is before it may be missing */
    data(side, 5100, 100, 10 * MS);
    data(side, 5100, 100, 11 * MS);
    ack(side, 5100, 20 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 1);
}

/* RTT_MAX_SEARCH and more are in flight, and a retransmission is not found among them. */
static void mark_that_is_not_set(struct side *side)
{
    for (uint32_t n = 0; n < RTT_MAX_SEARCH + 10; n++) {
        data(side, ISN + 1 + n, 1, 10 * MS);
    }
    data(side, ISN + RTT_MAX_SEARCH + 8, 1, 20 * MS);
    assert_int_equal(side->last.retransmits, 1);
}

/* A retransmission that was not found among the oldest may have been of any segment below its end. */
static void left_edge_below_a_mark_that_was_not_set(void **state)
{
    struct side *side = *state;
    const uint32_t count = RTT_MAX_SEARCH + 10;

    established(side);
    mark_that_is_not_set(side);
    ack(side, ISN + 2, 30 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 1);
    ack(side, ISN + count - 2, 30 * MS);
    ack(side, ISN + count - 1, 30 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 1); /* it was sent twice */
    ack(side, ISN + count, 30 * MS);
    assert_sample(side, 20 * MS, ISN + count);
}

static void dsack_is_no_hole(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    ack(side, ISN + 101, 20 * MS);
    data(side, ISN + 101, 100, 21 * MS);
    acked(side, (struct tcp_segment){ .ack = ISN + 101, .window = 500, .sack_count = 1, .sack = { { ISN + 1, ISN + 101 } } },
          22 * MS);
    assert_false(side->last.hole);
    ack(side, ISN + 201, 30 * MS);
    assert_sample(side, 9 * MS, ISN + 201);
}

static void dsack_with_a_block_above_is_a_hole(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    data(side, ISN + 101, 100, 11 * MS);
    acked(side,
          (struct tcp_segment){
              .ack = ISN + 1, .window = 400, .sack_count = 2, .sack = { { ISN - 100, ISN }, { ISN + 101, ISN + 201 } } },
          15 * MS);
    assert_true(side->last.hole);
}

static void block_without_a_byte_is_no_hole(void **state)
{
    static const struct sack_block blocks[] = { { ISN + 101, ISN + 101 }, { ISN + 201, ISN + 101 } };
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    data(side, ISN + 101, 100, 11 * MS);
    for (size_t n = 0; n < sizeof blocks / sizeof blocks[0]; n++) {
        acked(side, (struct tcp_segment){ .ack = ISN + 1, .window = (uint16_t)(n + 1), .sack_count = 1, .sack = { blocks[n] } },
              15 * MS);
        assert_false(side->last.hole);
    }
    ack(side, ISN + 201, 20 * MS);
    assert_sample(side, 9 * MS, ISN + 201);
    assert_int_equal(side->last.skipped[SKIP_COVERED], 1);
}

/* More than 2^31 bytes on from seq: a number that was left behind would now lie ahead. */
static uint32_t much_later(struct side *side, uint32_t seq)
{
    for (int n = 0; n < 6; n++) {
        data(side, seq, 0x20000000U, 40 * MS);
        seq += 0x20000000U;
        ack(side, seq, 41 * MS);
        assert_sample(side, MS, seq);
    }
    return seq;
}

static void hole_is_forgotten_once_it_is_filled(void **state)
{
    struct side *side = *state;

    hole_before(side, 0, 400);
    const uint32_t seq = much_later(side, ISN + 401);
    data(side, seq, 100, 50 * MS);
    data(side, seq + 100, 100, 50 * MS);
    ack(side, seq + 200, 52 * MS);
    assert_sample(side, 2 * MS, seq + 200);
    assert_int_equal(side->last.skipped[SKIP_COVERED], 1);
}

/* Three were held and one duplicate ACK told of it. That is over once all is acknowledged. */
static void held_is_forgotten_once_the_hole_is_filled(void **state)
{
    struct side *side = *state;

    hole_before(side, 0, 400);
    hole_at(side, ISN + 401, 0, 200);
    ack(side, ISN + 801, 31 * MS);
    assert_sample(side, 21 * MS, ISN + 801);
}

static void sacked_is_forgotten_once_the_hole_is_filled(void **state)
{
    struct side *side = *state;

    hole_before(side, 300, 400);
    const uint32_t seq = much_later(side, ISN + 401);
    hole_at(side, seq, 100, 200);
    ack(side, seq + 400, 31 * MS);
    assert_sample(side, 21 * MS, seq + 400);
    assert_int_equal(side->last.skipped[SKIP_AMBIGUOUS], 1);
}

static void missed_mark_is_forgotten_once_the_hole_is_filled(void **state)
{
    struct side *side = *state;
    const uint32_t end = ISN + 1 + RTT_MAX_SEARCH + 10;

    established(side);
    mark_that_is_not_set(side);
    ack(side, end, 30 * MS);
    hole_at(side, end, 300, 200);
    ack(side, end + 300, 31 * MS); /* less than what was SACKed, but sent once */
    assert_sample(side, 21 * MS, end + 300);
}

/* --- copies of what waits --- */

static void copy_is_found_by_range_and_identity(void **state)
{
    struct side *side = *state;
    struct tcp_segment segment = { .seq = ISN + 1, .payload_len = 100, .flags = TCP_ACK, .identity = 1 };

    established(side);
    ack(side, ISN + 1, 9 * MS);
    for (; segment.identity <= 8; segment.identity++, segment.seq += 100) {
        assert_null(rtt_find_copied(&side->half, &side->pool, &segment));
        sent(side, segment, 10 * MS + segment.identity);
    }
    segment.seq = ISN + 201;
    segment.identity = 3;
    assert_int_equal(rtt_find_copied(&side->half, &side->pool, &segment)->time_ns, 10 * MS + 3);
    segment.payload_len = 99;
    assert_null(rtt_find_copied(&side->half, &side->pool, &segment));
    segment.payload_len = 100;
    segment.identity = 4;
    assert_null(rtt_find_copied(&side->half, &side->pool, &segment));
    segment.identity = 3;
    ack(side, ISN + 1, 12 * MS); /* a hole: it may well be sent again */
    assert_null(rtt_find_copied(&side->half, &side->pool, &segment));
}

/* An identity is a hash: another packet may have it. The range was new, but came with a retransmission. */
static void what_came_with_a_retransmission_has_no_copy(void **state)
{
    struct side *side = *state;
    struct tcp_segment segment = { .seq = ISN + 1, .payload_len = 100, .flags = TCP_ACK, .identity = 1 };

    established(side);
    sent(side, segment, 10 * MS);
    segment.payload_len = 200;
    segment.identity = 2;
    sent(side, segment, 11 * MS);
    segment.seq = ISN + 101;
    segment.payload_len = 100;
    assert_null(rtt_find_copied(&side->half, &side->pool, &segment));
}

/* --- rule 4: numbers wrap, flows are picked up in the middle --- */

static void every_number_wraps(void **state)
{
    struct side *side = *state;

    for (uint32_t n = 0; n < 400; n++) {
        memset(&side->half, 0, sizeof side->half);
        memset(&side->sum, 0, sizeof side->sum);
        side->samples = 0;
        side->seq_shift = 0U - ISN - n;
        syn(side, 0, 0);
        syn_ack(side, ISN + 1, MS);
        assert_sample(side, MS, ISN + 1);
        data(side, ISN + 1, 100, 10 * MS);
        data(side, ISN + 101, 100, 11 * MS);
        ack(side, ISN + 101, 12 * MS);
        assert_sample(side, 2 * MS, ISN + 101);
        data(side, ISN + 101, 100, 30 * MS);
        assert_int_equal(side->last.retransmits, 1);
        ack(side, ISN + 201, 40 * MS);
        assert_skips(side, SKIP_RETRANSMITTED, 1);
        data(side, ISN + 200, 1, 50 * MS);
        assert_int_equal(side->last.retransmits, 0);
    }
}

static void picked_up_in_the_middle(void **state)
{
    struct side *side = *state;

    data(side, 5000, 100, 10 * MS);
    ack(side, 5100, 15 * MS);
    assert_sample(side, 5 * MS, 5100);
}

static void picked_up_by_the_peers_ack(void **state)
{
    struct side *side = *state;

    ack(side, 5000, 9 * MS);
    data(side, 4999, 1, 10 * MS); /* known for a keep-alive */
    assert_int_equal(side->last.timed, 0);
    data(side, 5000, 100, 10 * MS);
    ack(side, 5100, 15 * MS);
    assert_sample(side, 5 * MS, 5100);
}

/* The hole is older than what we know of the flow. */
static void picked_up_inside_a_hole(void **state)
{
    struct side *side = *state;

    data(side, 5000, 100, 10 * MS);
    ack(side, 4000, 11 * MS);
    assert_int_equal(side->half.waiting.count, 1);
    ack(side, 4000, 12 * MS);
    assert_true(side->last.hole);
    ack(side, 5100, 15 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 1);
}

static void data_below_the_first_is_a_retransmission(void **state)
{
    struct side *side = *state;

    data(side, 5000, 100, 10 * MS);
    data(side, 4000, 100, 11 * MS);
    assert_int_equal(side->last.retransmits, 1);
    ack(side, 5100, 15 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 1);
}

static void numbers_from_another_connection_begin_anew(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    data(side, ISN + 0x70000000U, 100, 20 * MS);
    assert_skips(side, SKIP_UNACKED, 1);
    ack(side, ISN + 0x70000064U, 25 * MS);
    assert_sample(side, 5 * MS, ISN + 0x70000064U);
}

/* Most of a window of the largest size was not captured. */
static void jump_within_a_window_is_the_same_connection(void **state)
{
    struct side *side = *state;
    const uint32_t right_edge = ISN + 1 + (65535U << 14);

    established(side);
    data(side, ISN + 1, 100, 10 * MS);
    data(side, right_edge - 100, 100, 12 * MS);
    assert_int_equal(skipped_sum(&side->last), 0);
    ack(side, ISN + 101, 20 * MS);
    assert_sample(side, 10 * MS, ISN + 101);
    ack(side, right_edge, 30 * MS);
    assert_sample(side, 18 * MS, right_edge);
}

#define OTHER_CONNECTION 0x70000000U /* a shift of all numbers that no window reaches */

static void another_connection_has_not_its_peers_word(void **state)
{
    struct side *side = *state;

    established(side);
    side->seq_shift = OTHER_CONNECTION;
    data(side, 5000, 100, 10 * MS);
    data(side, 5100, 100, 10 * MS);
    data(side, 5100, 100, 11 * MS);
    ack(side, 5100, 20 * MS);
    assert_skips(side, SKIP_AMBIGUOUS, 1);
}

static void another_connection_may_be_without_sack(void **state)
{
    struct side *side = *state;

    data(side, ISN + 1, 200, 0);
    acked(side, (struct tcp_segment){ .ack = ISN + 1, .sack_count = 1, .sack = { { ISN + 101, ISN + 201 } } }, MS);
    side->seq_shift = OTHER_CONNECTION;
    data(side, ISN, 1, 5 * MS);
    ack(side, ISN + 1, 9 * MS);
    assert_sample(side, 4 * MS, ISN + 1);
    hole_at(side, ISN + 1, 0, 100);
    ack(side, ISN + 301, 31 * MS); /* what the duplicate ACK told of lies beyond another hole */
    assert_skips(side, SKIP_AMBIGUOUS, 2);
}

static void another_connection_has_missed_no_mark(void **state)
{
    struct side *side = *state;

    mark_that_is_not_set(side);
    side->seq_shift = OTHER_CONNECTION;
    hole_at(side, ISN + 1, 300, 200);
    ack(side, ISN + 301, 31 * MS);
    assert_sample(side, 21 * MS, ISN + 301);
}

/* --- rule 5: the clock --- */

static void below_zero_or_above_120_s_is_clock(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 1, 10 * S);
    ack(side, ISN + 2, 10 * S - 1);
    assert_skips(side, SKIP_CLOCK, 1);
    data(side, ISN + 2, 1, 10 * S);
    ack(side, ISN + 3, 10 * S + RTT_MAX_NS + 1);
    assert_skips(side, SKIP_CLOCK, 1);
    data(side, ISN + 3, 1, INT64_MIN);
    ack(side, ISN + 4, INT64_MAX);
    assert_skips(side, SKIP_CLOCK, 1);
    data(side, ISN + 4, 1, 10 * S);
    ack(side, ISN + 5, 10 * S);
    assert_sample(side, 0, ISN + 5);
}

static void drop_and_restart_name_their_reason(void **state)
{
    struct side *side = *state;

    established(side);
    data(side, ISN + 1, 1, 10 * S);
    side->last = (struct rtt_outcome){ 0 };
    rtt_drop(&side->half, &side->pool, SKIP_CLOCK, &side->last);
    add_up(side);
    assert_skips(side, SKIP_CLOCK, 1);
    ack(side, ISN + 2, 11 * S);
    assert_false(side->last.has_sample);
    data(side, ISN + 2, 1, 12 * S);
    side->last = (struct rtt_outcome){ 0 };
    rtt_restart(&side->half, &side->pool, &side->last);
    add_up(side);
    assert_skips(side, SKIP_UNACKED, 1);
    assert_int_equal(side->half.flags, 0);
}

/* --- rule 6: bounds --- */

static void over_the_bound_new_ones_are_skipped(void **state)
{
    struct side *side = *state;

    established(side);
    for (uint32_t n = 0; n < RTT_MAX_PENDING + 3; n++) {
        data(side, ISN + 1 + n, 1, 10 * MS + n);
    }
    assert_int_equal(side->sum.skipped[SKIP_OVERFLOW], 3);
    assert_int_equal(side->half.waiting.count, RTT_MAX_PENDING);
    ack(side, ISN + 2, 20 * MS); /* the oldest was not evicted */
    assert_sample(side, 10 * MS, ISN + 2);
}

static void at_the_bound_what_is_too_old_makes_room(void **state)
{
    struct side *side = *state;
    struct side small = { 0 };

    (void)side;
    assert_true(pending_pool_init(&small.pool, 2));
    data(&small, 10, 10, 0);
    data(&small, 20, 10, S);
    data(&small, 30, 10, RTT_MAX_NS + 1);
    assert_skips(&small, SKIP_CLOCK, 1);
    assert_int_equal(small.half.waiting.count, 2);
    data(&small, 40, 10, RTT_MAX_NS + 2);
    assert_skips(&small, SKIP_OVERFLOW, 1);
    ack(&small, 40, RTT_MAX_NS + 10);
    assert_sample(&small, 9, 40);
    pending_pool_destroy(&small.pool);
}

static void pool_is_shared_and_bounded(void **state)
{
    struct side *side = *state;
    struct side small = { 0 };

    (void)side;
    assert_true(pending_pool_init(&small.pool, 2));
    data(&small, 10, 10, 0);
    data(&small, 20, 10, 0);
    data(&small, 30, 10, 0);
    assert_skips(&small, SKIP_OVERFLOW, 1);
    ack(&small, 20, 5);
    assert_sample(&small, 5, 20);
    data(&small, 40, 10, 6);
    assert_int_equal(skipped_sum(&small.last), 0);
    pending_pool_destroy(&small.pool);
}

/* --- RST --- */

static void refused(struct side *side, uint32_t number, int64_t time_ns)
{
    const struct tcp_segment reset = { .ack = number + side->seq_shift, .flags = TCP_RST | TCP_ACK };

    side->last = (struct rtt_outcome){ 0 };
    rtt_refused(&side->half, &side->pool, &reset, time_ns, &side->last);
    add_up(side);
}

static void refused_connection_is_a_handshake(void **state)
{
    struct side *side = *state;

    syn(side, 0, 0);
    refused(side, ISN + 1, 4 * MS);
    assert_sample(side, 4 * MS, ISN + 1);
    assert_true(side->last.sample.handshake);
}

static void refused_syn_with_data_matches_all_of_it(void **state)
{
    struct side *side = *state;

    syn(side, 50, 0);
    refused(side, ISN + 51, 4 * MS);
    assert_sample(side, 4 * MS, ISN + 51);
    assert_true(side->last.sample.handshake);
}

static void refused_syn_with_data_matches_the_syn_alone(void **state)
{
    struct side *side = *state;

    syn(side, 50, 0);
    refused(side, ISN + 1, 4 * MS);
    assert_sample(side, 4 * MS, ISN + 51);
    assert_true(side->last.sample.handshake);
}

static void reset_of_data_or_another_number_is_no_sample(void **state)
{
    struct side *side = *state;

    syn(side, 0, 0);
    refused(side, ISN + 2, MS);
    assert_false(side->last.has_sample);
    assert_int_equal(side->half.waiting.count, 1); /* the flow's end names the reason */
    syn_ack(side, ISN + 1, 2 * MS);
    data(side, ISN + 1, 10, 3 * MS);
    refused(side, ISN + 11, 4 * MS);
    assert_false(side->last.has_sample);
}

/* --- whatever comes --- */

/* Mostly near what the side has sent, sometimes exactly what comes next, now and then anything. */
static struct tcp_segment any_segment(const struct side *side)
{
    const uint32_t next = side->half.next;
    const bool proper = draw(4) != 0;
    struct tcp_segment segment = {
        .seq = proper          ? next
               : draw(20) == 0 ? draw(UINT32_MAX)
                               : next - 200 + draw(220),
        .ack = proper          ? next - (draw(3) == 0 ? draw(100) : 0)
               : draw(20) == 0 ? draw(UINT32_MAX)
                               : next - 200 + draw(220),
        .payload_len = draw(500) == 0 ? draw(UINT32_MAX) : draw(60),
        .flags = (uint8_t)(draw(10) == 0 ? draw(64) : TCP_ACK),
        .window = (uint16_t)draw(2),
        .has_timestamps = draw(2) == 0,
        .ts_val = draw(5),
        .ts_ecr = draw(5),
        .sack_count = (uint8_t)(draw(8) == 0 ? draw(5) : 0),
    };

    for (unsigned n = 0; n < segment.sack_count; n++) {
        segment.sack[n] = (struct sack_block){ next - 200 + draw(400), next - 200 + draw(400) };
    }
    return segment;
}

/* add_up() checks the equation after each step; a second side has all numbers shifted and must find the same. */
static void counters_add_up_and_a_shift_changes_nothing(void **state)
{
    struct side *side = *state;
    struct side shifted = { .seq_shift = 0xfffffe00U };

    assert_true(pending_pool_init(&shifted.pool, 100000));
    for (int n = 0; n < 200000; n++) {
        const struct tcp_segment segment = any_segment(side);
        const int64_t time_ns = draw(30) == 0 ? (int64_t)draw(UINT32_MAX) * S : n * MS;
        void (*step)(struct side *, struct tcp_segment, int64_t) = draw(2) == 0 ? sent : acked;
        step(side, segment, time_ns);
        step(&shifted, segment, time_ns);
        assert_int_equal(side->last.has_sample, shifted.last.has_sample);
        assert_int_equal(side->last.sample.rtt_ns, shifted.last.sample.rtt_ns);
        assert_memory_equal(side->last.skipped, shifted.last.skipped, sizeof side->last.skipped);
    }
    assert_true(side->samples > 5000);
    for (size_t n = 0; n < SKIP_REASON_COUNT; n++) {
        assert_true(n == SKIP_OVERFLOW || side->sum.skipped[n] > 100); /* every reason was met */
    }
    pending_pool_destroy(&shifted.pool);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(syn_is_a_handshake_sample),
        CASE(data_is_a_sample_and_no_handshake),
        CASE(previous_sample_holds_120_s),
        CASE(previous_sample_of_nothing),
        CASE(keep_alive_as_the_first_that_is_seen),
        CASE(pure_ack_is_not_timed),
        CASE(bare_fin_is_not_timed_but_takes_a_number),
        CASE(fin_with_data_is_timed_to_the_fin),
        CASE(ack_of_data_and_a_bare_fin_covers_the_data),
        CASE(keep_alive_is_nothing),
        CASE(probe_while_data_waits_does_not_spoil_it),
        CASE(not_quite_a_probe),
        CASE(no_probe_before_the_peers_word),
        CASE(peers_probe_is_no_duplicate_ack),
        CASE(probe_is_known_of_an_unmeasured_side),
        CASE(unmeasured_side_does_not_fall_behind),
        CASE(newest_covered_gives_the_sample),
        CASE(ack_between_ends_is_inexact),
        CASE(ack_of_data_never_seen_is_inexact),
        CASE(ack_of_data_never_sent_blocks_nothing),
        CASE(challenge_ack_leaves_the_syn_alone),
        CASE(ack_from_another_world_changes_nothing),
        CASE(old_ack_gives_nothing),
        CASE(one_segment_gives_one_sample),
        CASE(syn_with_data_matches_all_of_it),
        CASE(syn_with_data_matches_the_syn_alone),
        CASE(super_segment_of_big_tcp),
        CASE(retransmitted_gives_none),
        CASE(timestamps_name_the_second_transmission),
        CASE(timestamps_that_match_neither),
        CASE(equal_timestamps_say_nothing),
        CASE(timestamps_on_one_transmission_only),
        CASE(timestamps_wrap_between_transmissions),
        CASE(timestamps_that_went_back),
        CASE(third_transmission_replaces_the_second),
        CASE(third_transmission_with_the_seconds_timestamp),
        CASE(other_range_is_not_told_apart),
        CASE(burst_is_not_told_apart),
        CASE(the_first_transmission_is_told_too),
        CASE(a_syn_is_not_told),
        CASE(echo_of_an_older_one_by_dsack),
        CASE(echo_of_an_older_one_by_its_tick),
        CASE(the_second_of_three_is_not_told),
        CASE(timestamps_count_only_at_the_left_edge),
        CASE(retransmission_that_comes_before_its_original_in_time),
        CASE(retransmission_with_new_data_behind_it),
        CASE(retransmission_with_a_new_fin_is_not_timed_anew),
        CASE(syn_sent_again_gives_none),
        CASE(simultaneous_open_gives_no_false_sample),
        CASE(retransmission_makes_the_others_ambiguous),
        CASE(retransmission_beyond_the_search_is_ambiguous),
        CASE(duplicate_ack_makes_pending_ambiguous),
        CASE(not_quite_a_duplicate_ack),
        CASE(repeated_ack_with_nothing_outstanding),
        CASE(sack_above_the_ack_is_a_hole),
        CASE(left_edge_waited_for_no_hole),
        CASE(two_beyond_all_that_was_held),
        CASE(two_of_which_one_was_held),
        CASE(two_beyond_more_than_was_told_of),
        CASE(a_second_duplicate_at_the_same_edge),
        CASE(burst_whose_first_piece_is_late),
        CASE(ack_before_its_data),
        CASE(sign_of_a_hole_after_an_ack_before_its_data),
        CASE(retransmission_after_an_ack_before_its_data),
        CASE(a_whole_burst_behind_its_ack),
        CASE(block_of_what_was_never_sent),
        CASE(peer_with_stamps_of_its_own),
        CASE(ack_far_ahead_is_no_mans_word),
        CASE(echo_of_what_was_sent_before),
        CASE(two_beyond_what_was_sacked),
        CASE(two_of_which_one_was_sacked),
        CASE(left_edge_that_was_sent_again),
        CASE(left_edge_must_be_the_peers_word),
        CASE(left_edge_below_a_mark_that_was_not_set),
        CASE(dsack_is_no_hole),
        CASE(dsack_with_a_block_above_is_a_hole),
        CASE(block_without_a_byte_is_no_hole),
        CASE(hole_is_forgotten_once_it_is_filled),
        CASE(held_is_forgotten_once_the_hole_is_filled),
        CASE(sacked_is_forgotten_once_the_hole_is_filled),
        CASE(missed_mark_is_forgotten_once_the_hole_is_filled),
        CASE(copy_is_found_by_range_and_identity),
        CASE(what_came_with_a_retransmission_has_no_copy),
        CASE(every_number_wraps),
        CASE(picked_up_in_the_middle),
        CASE(picked_up_by_the_peers_ack),
        CASE(picked_up_inside_a_hole),
        CASE(data_below_the_first_is_a_retransmission),
        CASE(numbers_from_another_connection_begin_anew),
        CASE(jump_within_a_window_is_the_same_connection),
        CASE(another_connection_has_not_its_peers_word),
        CASE(another_connection_may_be_without_sack),
        CASE(another_connection_has_missed_no_mark),
        CASE(below_zero_or_above_120_s_is_clock),
        CASE(drop_and_restart_name_their_reason),
        CASE(over_the_bound_new_ones_are_skipped),
        CASE(at_the_bound_what_is_too_old_makes_room),
        CASE(pool_is_shared_and_bounded),
        CASE(refused_connection_is_a_handshake),
        CASE(refused_syn_with_data_matches_all_of_it),
        CASE(refused_syn_with_data_matches_the_syn_alone),
        CASE(reset_of_data_or_another_number_is_no_sample),
        CASE(counters_add_up_and_a_shift_changes_nothing),
    };

    return cmocka_run_group_tests_name("rtt", tests, NULL, NULL);
}
