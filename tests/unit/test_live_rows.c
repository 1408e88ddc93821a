/* What each row measured since the last look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "meter.h"

static void rows_of_the_test(const struct meter *meter, void (*fn)(const struct meter_row *row, void *arg), void *arg);

#define meter_each_row rows_of_the_test
#include "live_rows.c"
#undef meter_each_row

#define MS UINT64_C(1000000)
#define ROWS 200

static struct meter_row rows[ROWS];
static struct peer_stats stats[ROWS];
static struct histogram counted[ROWS];
static size_t row_count;
static struct live_rows *live;

static struct report_row seen[ROWS];
static struct histogram histograms[ROWS];
static char dst[ROWS][PREFIX_STRLEN];
static size_t seen_count;

static void rows_of_the_test(const struct meter *meter, void (*fn)(const struct meter_row *row, void *arg), void *arg)
{
    (void)meter;
    for (size_t i = 0; i < row_count; i++)
        fn(&rows[i], arg);
}

static void note(const struct report_row *row, void *arg)
{
    (void)arg;
    seen[seen_count] = *row;
    histograms[seen_count] = *row->histogram;
    seen[seen_count].histogram = &histograms[seen_count];
    strcpy(dst[seen_count], row->dst);
    seen_count++;
}

static void look_again(size_t expected)
{
    seen_count = 0;
    assert_int_equal(live_rows_look(live, NULL, note, NULL), 0);
    assert_int_equal(seen_count, expected);
}

static struct peer_stats *add_row(size_t number, uint64_t birth)
{
    rows[number] = (struct meter_row){ .birth = birth, .stats = &stats[number] };
    rows[number].local = address_from_v4((const uint8_t[4]){ 10, 0, 0, 1 });
    rows[number].peer = address_from_v4((const uint8_t[4]){ 10, 0, (uint8_t)(number >> 8), (uint8_t)number });
    peer_init(&stats[number], &counted[number]);
    stats[number].flows = 1;
    return &stats[number];
}

static void sample(struct peer_stats *peer, uint64_t ns)
{
    peer->timed++;
    peer_sample(peer, ns, peer->last_ns, false, 0);
}

static int begin(void **state)
{
    (void)state;
    row_count = 0;
    live = live_rows_new();
    return live == NULL ? -1 : 0;
}

static int end(void **state)
{
    (void)state;
    live_rows_free(live);
    return 0;
}

static void only_rows_with_something_new(void **state)
{
    struct peer_stats *one = add_row(0, 1), *two = add_row(1, 2);

    (void)state;
    row_count = 2;
    look_again(2); /* a flow was opened */
    look_again(0);
    sample(two, 5 * MS);
    look_again(1);
    assert_string_equal(dst[0], "10.0.0.1");
    one->timed++;
    look_again(1);
    assert_string_equal(dst[0], "10.0.0.0");
    one->skipped[SKIP_UNACKED]++;
    look_again(1);
    assert_int_equal(seen[0].skipped[SKIP_UNACKED], 1);
    one->retransmits++;
    look_again(1);
    assert_int_equal(seen[0].retransmits, 1);
    one->flows++;
    look_again(1);
    look_again(0);
}

static void counters_are_differences_and_the_rest_is_as_it_stands(void **state)
{
    struct peer_stats *peer = add_row(0, 1);

    (void)state;
    row_count = 1;
    for (int i = 0; i < 10; i++)
        sample(peer, 100 * MS);
    peer->skipped[SKIP_COVERED] = 7;
    peer->retransmits = 3;
    look_again(1);
    assert_int_equal(seen[0].samples, 10);
    assert_int_equal(seen[0].min_ns, 100 * MS); /* a whole life: exact */
    assert_int_equal(seen[0].max_ns, 100 * MS);
    sample(peer, 2 * MS);
    sample(peer, 4 * MS);
    peer->handshake_samples++;
    peer->skipped[SKIP_COVERED]++;
    look_again(1);
    assert_int_equal(seen[0].flows, 0);
    assert_int_equal(seen[0].samples, 2);
    assert_int_equal(seen[0].timed, 2);
    assert_int_equal(seen[0].handshake_samples, 1);
    assert_int_equal(seen[0].retransmits, 0);
    assert_int_equal(seen[0].skipped[SKIP_COVERED], 1);
    assert_int_equal(seen[0].sum_ns, 6 * MS);
    assert_int_equal(seen[0].last_ns, 4 * MS);
    assert_int_equal(seen[0].avg_ns, peer_srtt_ns(peer));
    assert_int_equal(seen[0].jitter_ns, peer_jitter_ns(peer));
}

/* The same as the extension says of two copies of the segment. */
static void times_are_those_of_the_interval(void **state)
{
    struct peer_stats *peer = add_row(0, 1);
    double ms[INTERVAL_MEASURE_COUNT];
    struct published then, now;
    struct interval interval = {
        &now.row, &then.row, { now.histogram.count, 0, HISTOGRAM_BUCKETS }, { then.histogram.count, 0, HISTOGRAM_BUCKETS }
    };

    (void)state;
    row_count = 1;
    for (uint64_t i = 1; i < 100; i++)
        sample(peer, i * MS);
    look_again(1);
    publish(&then, peer, peer->histogram);
    for (uint64_t i = 0; i < 100; i++)
        sample(peer, 10 * MS + i * 1000);
    sample(peer, 99 * MS);
    look_again(1);
    publish(&now, peer, peer->histogram);
    interval_measure(&interval, ms);
    assert_true(seen[0].min_ns <= 10 * MS && seen[0].min_ns > 9 * MS);
    assert_true(seen[0].max_ns == 99 * MS); /* never outside of what the whole life says */
    assert_int_equal(seen[0].min_ns, to_ns(ms[INTERVAL_min]));
    assert_int_equal(seen[0].max_ns, to_ns(ms[INTERVAL_max]));
    uint64_t ns[3];
    report_quantiles_ns(&seen[0], (const double[]){ 0.50, 0.95, 0.99 }, ns, 3);
    assert_int_equal(ns[0], to_ns(ms[INTERVAL_p50]));
    assert_int_equal(ns[1], to_ns(ms[INTERVAL_p95]));
    assert_int_equal(ns[2], to_ns(ms[INTERVAL_p99]));
    assert_true(ns[2] < 11 * MS);
}

static void without_a_sample_there_are_no_times(void **state)
{
    struct peer_stats *peer = add_row(0, 1);

    (void)state;
    row_count = 1;
    sample(peer, 5 * MS);
    look_again(1);
    peer->timed++;
    look_again(1);
    assert_false(report_has_times(&seen[0]));
}

static void the_row_of_sums_is_last_wherever_that_is(void **state)
{
    struct peer_stats *other;

    (void)state;
    row_count = 2;
    add_row(0, 1);
    other = add_row(1, 2);
    rows[1].other = true;
    other->timed = other->samples = 5;
    look_again(2);
    assert_true(seen[1].counts_only && seen[1].samples == 5);
    rows[2] = rows[1]; /* another row takes its place */
    add_row(1, 3);
    stats[2] = *other;
    stats[2].timed = stats[2].samples = 7;
    rows[2].stats = &stats[2];
    row_count = 3;
    look_again(2);
    assert_string_equal(dst[0], "10.0.0.1");
    assert_string_equal(dst[1], "other");
    assert_int_equal(seen[1].samples, 2);
}

static void many_rows_and_one_that_is_born_anew(void **state)
{
    (void)state;
    row_count = ROWS;
    for (size_t i = 0; i < ROWS; i++)
        sample(add_row(i, i + 1), MS);
    look_again(ROWS);
    look_again(0);
    sample(&stats[ROWS - 1], MS);
    look_again(1);
    sample(add_row(0, ROWS + 1), 3 * MS);
    look_again(1);
    assert_int_equal(seen[0].min_ns, 3 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_rows_with_something_new, begin, end),
        cmocka_unit_test_setup_teardown(counters_are_differences_and_the_rest_is_as_it_stands, begin, end),
        cmocka_unit_test_setup_teardown(times_are_those_of_the_interval, begin, end),
        cmocka_unit_test_setup_teardown(without_a_sample_there_are_no_times, begin, end),
        cmocka_unit_test_setup_teardown(the_row_of_sums_is_last_wherever_that_is, begin, end),
        cmocka_unit_test_setup_teardown(many_rows_and_one_that_is_born_anew, begin, end),
    };

    return cmocka_run_group_tests_name("live_rows", tests, NULL, NULL);
}
