/* The meter's rows -> rows of a report, and their total. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "meter.h"

static void rows_of_the_test(const struct meter *meter, void (*fn)(const struct meter_row *row, void *arg), void *arg);
static size_t count_of_the_test(const struct meter *meter);
static const struct meter_counters *counters_of_the_test(const struct meter *meter, int number);

#define meter_each_row rows_of_the_test
#define meter_row_count count_of_the_test
#define meter_counters(meter, number) counters_of_the_test(meter, number)
#include "report_meter.c"
#undef meter_counters

static struct meter_row rows[3];
static struct peer_stats stats[3];
static struct histogram histograms[3];
static size_t row_count;
static struct meter_counters counters;

static void rows_of_the_test(const struct meter *meter, void (*fn)(const struct meter_row *row, void *arg), void *arg)
{
    (void)meter;
    for (size_t i = 0; i < row_count; i++)
        fn(&rows[i], arg);
}

static size_t count_of_the_test(const struct meter *meter)
{
    (void)meter;
    return row_count;
}

static const struct meter_counters *counters_of_the_test(const struct meter *meter, int number)
{
    (void)meter;
    assert_int_equal(number, 7);
    return &counters;
}

static int begin(void **state)
{
    (void)state;
    row_count = 3;
    counters = (struct meter_counters){ .packets = 9, .tcp = 8, .flows = 3, .ignored = { [PACKET_NOT_TCP] = 1 } };
    for (size_t i = 0; i < 3; i++) {
        peer_init(&stats[i], &histograms[i]);
        stats[i].timed = 5;
        stats[i].skipped[SKIP_COVERED] = 2;
        for (int n = 0; n < 3; n++)
            peer_sample(&stats[i], 1000000 * (i + 1), 0, n == 0, 0);
        rows[i] = (struct meter_row){ .birth = i + 1, .stats = &stats[i], .last_sample_s = (uint32_t)(100 + i) };
        rows[i].local = address_from_v4((const uint8_t[4]){ 10, 0, 0, 1 });
        rows[i].peer = address_from_v6((const uint8_t[16]){ 0x20, 1, 0xd, 0xb8, [15] = (uint8_t)i });
    }
    rows[2].other = true;
    rows[2].last_sample_s = 0;
    return 0;
}

static void rows_and_their_total(void **state)
{
    struct report_meter found = { 0 };

    (void)state;
    assert_int_equal(report_meter_take(&found, NULL, 7, 0), 0);
    assert_int_equal(found.count, 3);
    assert_string_equal(found.rows[1].src, "10.0.0.1");
    assert_string_equal(found.rows[1].dst, "2001:db8::1");
    assert_int_equal(found.rows[1].samples, 3);
    assert_int_equal(found.rows[1].handshake_samples, 1);
    assert_int_equal(found.rows[1].min_ns, 2000000);
    assert_int_equal(found.rows[1].skipped[SKIP_COVERED], 2);
    assert_ptr_equal(found.rows[1].histogram, &histograms[1]);
    assert_string_equal(found.rows[2].src, "");
    assert_string_equal(found.rows[2].dst, "other");
    assert_true(found.rows[2].counts_only && !found.rows[1].counts_only);
    assert_int_equal(found.total.packets, 9);
    assert_int_equal(found.total.tcp, 8);
    assert_int_equal(found.total.flows, 3);
    assert_int_equal(found.total.timed, 15);
    assert_int_equal(found.total.samples, 9);
    assert_int_equal(found.total.skipped[SKIP_COVERED], 6);
    assert_int_equal(found.total.ignored[PACKET_NOT_TCP], 1);
    report_meter_free(&found);
    assert_null(found.rows);
}

static void again_with_more_and_with_fewer_rows(void **state)
{
    struct report_meter found = { 0 };

    (void)state;
    for (row_count = 0; row_count <= 3; row_count++) {
        assert_int_equal(report_meter_take(&found, NULL, 7, 0), 0);
        assert_int_equal(found.count, row_count);
        assert_int_equal(found.total.timed, 5 * row_count);
    }
    row_count = 1;
    assert_int_equal(report_meter_take(&found, NULL, 7, 0), 0);
    assert_int_equal(found.count, 1);
    report_meter_free(&found);
}

static void idle_is_what_has_no_sample_since_then(void **state)
{
    struct report_meter found = { 0 };

    (void)state;
    assert_int_equal(report_meter_take(&found, NULL, 7, 101), 0);
    assert_true(found.rows[0].is_idle);
    assert_false(found.rows[1].is_idle || found.rows[2].is_idle);
    assert_int_equal(report_meter_take(&found, NULL, 7, 0), 0);
    assert_false(found.rows[0].is_idle);
    report_meter_free(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rows_and_their_total, begin),
        cmocka_unit_test_setup(again_with_more_and_with_fewer_rows, begin),
        cmocka_unit_test_setup(idle_is_what_has_no_sample_since_then, begin),
    };

    return cmocka_run_group_tests_name("report_meter", tests, NULL, NULL);
}
