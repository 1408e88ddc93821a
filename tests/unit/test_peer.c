/* test_peer.c: SRTT, jitter, exact extremes, the windowed minimum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "peer.c"
#include "histogram_fixture.h"

#define MS UINT64_C(1000000)

static struct histogram histogram;

static struct peer_stats fresh(void)
{
    struct peer_stats peer;

    memset(&peer, 0xa5, sizeof peer);
    memset(&histogram, 0xa5, sizeof histogram);
    peer_init(&peer, &histogram);
    return peer;
}

static void first_sample_is_srtt_itself(void **state)
{
    struct peer_stats peer = fresh();

    (void)state;
    assert_int_equal(peer_srtt_ns(&peer), 0);
    peer_sample(&peer, 10 * MS, 0, false, 0);
    assert_int_equal(peer_srtt_ns(&peer), 10 * MS);
    assert_int_equal(peer_jitter_ns(&peer), 0);
}

static void srtt_has_gain_one_eighth(void **state)
{
    struct peer_stats peer = fresh();
    double want = 10e6;

    (void)state;
    peer_sample(&peer, 10 * MS, 0, false, 0);
    for (uint64_t n = 1; n <= 1000; n++) {
        const uint64_t rtt = (10 + n * 7919 % 13) * MS;
        peer_sample(&peer, rtt, 0, false, 0);
        want += ((double)rtt - want) / 8;
        assert_true((double)peer_srtt_ns(&peer) > want - 2 && (double)peer_srtt_ns(&peer) < want + 2);
    }
}

static void srtt_settles_on_a_constant(void **state)
{
    struct peer_stats peer = fresh();

    (void)state;
    peer_sample(&peer, 50 * MS, 0, false, 0);
    for (int n = 0; n < 300; n++) {
        peer_sample(&peer, 1234567, 0, false, 0);
    }
    assert_int_equal(peer_srtt_ns(&peer), 1234567);
}

static void jitter_has_gain_one_sixteenth(void **state)
{
    struct peer_stats peer = fresh();
    uint64_t previous = 10 * MS;
    double want = 0;

    (void)state;
    peer_sample(&peer, previous, 0, false, 0);
    for (uint64_t n = 1; n <= 1000; n++) {
        const uint64_t rtt = (10 + n * 7919 % 13) * MS;
        const double change = (double)rtt - (double)previous;
        peer_sample(&peer, rtt, previous, false, 0);
        want += ((change < 0 ? -change : change) - want) / 16;
        assert_true((double)peer_jitter_ns(&peer) > want - 2 && (double)peer_jitter_ns(&peer) < want + 2);
        previous = rtt;
    }
}

/* What the gain's fraction leaves must not stay. */
static void jitter_settles_on_a_constant_from_below_and_from_above(void **state)
{
    const uint64_t change = 1234567;

    (void)state;
    for (uint64_t first_change = 0; first_change <= 90 * MS; first_change += 90 * MS) {
        struct peer_stats peer = fresh();
        uint64_t previous = 10 * MS;
        peer_sample(&peer, previous, previous + first_change, false, 0);
        for (int n = 0; n < 600; n++) {
            const uint64_t rtt = n % 2 == 0 ? 10 * MS + change : 10 * MS;
            peer_sample(&peer, rtt, previous, false, 0);
            previous = rtt;
        }
        assert_int_equal(peer_jitter_ns(&peer), change);
    }
}

static void a_flows_first_sample_is_no_jitter(void **state)
{
    struct peer_stats peer = fresh();

    (void)state;
    peer_sample(&peer, 10 * MS, 0, false, 0);
    peer_sample(&peer, 90 * MS, 0, false, 0);
    assert_int_equal(peer_jitter_ns(&peer), 0);
}

static void counts_and_extremes_are_exact(void **state)
{
    struct peer_stats peer = fresh();
    uint64_t lower, upper;

    (void)state;
    peer_sample(&peer, 30, 0, true, 0);
    peer_sample(&peer, 10, 30, false, 0);
    peer_sample(&peer, 20, 10, false, 0);
    assert_int_equal(peer.samples, 3);
    assert_int_equal(peer.handshake_samples, 1);
    assert_int_equal(peer.sum_ns, 60);
    assert_int_equal(peer.handshake_sum_ns, 30);
    assert_int_equal(peer.last_ns, 20);
    assert_int_equal(peer.min_ns, 10);
    assert_int_equal(peer.max_ns, 30);
    assert_int_equal(histogram_interval(peer.histogram, NULL, &lower, &upper), 3);
}

static void zero_is_a_sample(void **state)
{
    struct peer_stats peer = fresh();

    (void)state;
    peer_sample(&peer, 5, 0, false, 0);
    peer_sample(&peer, 0, 5, false, 0);
    assert_int_equal(peer.min_ns, 0);
    assert_int_equal(peer_window_min_ns(&peer, 0), 1);
}

static void window_forgets_after_300_s(void **state)
{
    struct peer_stats peer = fresh();

    (void)state;
    assert_int_equal(peer_window_min_ns(&peer, 0), 0);
    peer_sample(&peer, 10, 0, false, 1000);
    peer_sample(&peer, 50, 0, false, 1200);
    assert_int_equal(peer_window_min_ns(&peer, 1200), 10);
    assert_int_equal(peer_window_min_ns(&peer, 1000 + 269), 10);
    assert_int_equal(peer_window_min_ns(&peer, 1000 + 300), 50);
    assert_int_equal(peer_window_min_ns(&peer, 1200 + 300), 0);
    peer_sample(&peer, 70, 0, false, 1000 + 300);
    assert_int_equal(peer_window_min_ns(&peer, 1300), 50);
    peer_sample(&peer, 90, 0, false, 100000);
    assert_int_equal(peer_window_min_ns(&peer, 100000), 90);
    assert_int_equal(peer.min_ns, 10);
}

static void window_survives_time_that_goes_back(void **state)
{
    struct peer_stats peer = fresh();

    (void)state;
    peer_sample(&peer, 10, 0, false, 5000);
    peer_sample(&peer, 5, 0, false, 10);
    assert_int_equal(peer_window_min_ns(&peer, 5000), 5);
    assert_int_equal(peer_window_min_ns(&peer, UINT32_MAX), 0);
}

static void whatever_is_counted_is_activity(void **state)
{
    struct peer_stats peer = fresh();
    uint64_t *const counters[] = { &peer.timed, &peer.flows, &peer.retransmits };
    uint64_t before = peer_activity(&peer);

    (void)state;
    assert_int_equal(before, 0);
    for (size_t n = 0; n < sizeof counters / sizeof counters[0]; n++) {
        ++*counters[n];
        assert_int_equal(peer_activity(&peer), ++before);
    }
    for (unsigned reason = 0; reason < SKIP_REASON_COUNT; reason++) {
        peer.skipped[reason]++;
        assert_int_equal(peer_activity(&peer), ++before);
    }
    peer_sample(&peer, 10 * MS, 0, true, 0);
    assert_int_equal(peer_activity(&peer), ++before);
}

static void skip_reasons_have_names(void **state)
{
    (void)state;
    assert_string_equal(skip_reason_name(SKIP_COVERED), "covered");
    assert_string_equal(skip_reason_name(SKIP_CLOCK), "clock");
    assert_string_equal(skip_reason_name(SKIP_REASON_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_sample_is_srtt_itself),
        cmocka_unit_test(srtt_has_gain_one_eighth),
        cmocka_unit_test(srtt_settles_on_a_constant),
        cmocka_unit_test(jitter_has_gain_one_sixteenth),
        cmocka_unit_test(jitter_settles_on_a_constant_from_below_and_from_above),
        cmocka_unit_test(a_flows_first_sample_is_no_jitter),
        cmocka_unit_test(counts_and_extremes_are_exact),
        cmocka_unit_test(zero_is_a_sample),
        cmocka_unit_test(window_forgets_after_300_s),
        cmocka_unit_test(window_survives_time_that_goes_back),
        cmocka_unit_test(whatever_is_counted_is_activity),
        cmocka_unit_test(skip_reasons_have_names),
    };

    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
