/* test_histogram.c: buckets, their bounds, quantiles of a difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "histogram.c"
#include "histogram_fixture.h"

static void buckets_are_seamless_and_narrow(void **state)
{
    (void)state;
    assert_int_equal(histogram_lower_ns(0), 0);
    assert_int_equal(histogram_upper_ns(0), 512);
    assert_int_equal(histogram_upper_ns(HISTOGRAM_BUCKETS - 1), UINT64_C(1) << 37);
    for (uint32_t bucket = 1; bucket < HISTOGRAM_BUCKETS; bucket++) {
        const uint64_t lower = histogram_lower_ns(bucket);
        const uint64_t upper = histogram_upper_ns(bucket);
        assert_int_equal(lower, histogram_upper_ns(bucket - 1));
        assert_true((double)(upper - lower) <= 0.0625 * (double)lower);
        assert_int_equal(histogram_bucket(lower), bucket);
        assert_int_equal(histogram_bucket(upper - 1), bucket);
    }
}

static void ends_hold_everything(void **state)
{
    (void)state;
    assert_int_equal(histogram_bucket(0), 0);
    assert_int_equal(histogram_bucket(511), 0);
    assert_int_equal(histogram_bucket(512), 1);
    assert_int_equal(histogram_bucket(UINT64_C(120000000000)), histogram_bucket(UINT64_C(119999999999)));
    assert_true(histogram_bucket(UINT64_C(120000000000)) < HISTOGRAM_BUCKETS - 1);
    assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
    assert_int_equal(histogram_lower_ns(UINT32_MAX), UINT64_C(1) << 37);
    assert_int_equal(histogram_upper_ns(UINT32_MAX), UINT64_C(1) << 37);
}

static void quantiles_are_near_the_truth(void **state)
{
    struct histogram now = { 0 };

    (void)state;
    for (uint64_t n = 1; n <= 10000; n++) {
        histogram_add(&now, n * 1000);
    }
    for (double q = 0.01; q < 1; q += 0.01) {
        const double truth = q * 10000 * 1000;
        const double got = (double)histogram_quantile_ns(&now, NULL, q);
        assert_true(got > truth * 0.99 && got < truth * 1.01);
    }
    assert_true(histogram_quantile_ns(&now, NULL, 0) <= 1024);
    assert_true(histogram_quantile_ns(&now, NULL, 1) >= UINT64_C(9437184));
    assert_int_equal(histogram_quantile_ns(&now, NULL, -1), histogram_quantile_ns(&now, NULL, 0));
    assert_int_equal(histogram_quantile_ns(&now, NULL, 7), histogram_quantile_ns(&now, NULL, 1));
    assert_int_equal(histogram_quantile_ns(&now, NULL, (double)__builtin_nan("")), histogram_quantile_ns(&now, NULL, 0));
}

static void rank_is_the_ceiling(void **state)
{
    (void)state;
    assert_int_equal(histogram_rank(0.5, 1), 1);
    assert_int_equal(histogram_rank(0.5, 2), 1);
    assert_int_equal(histogram_rank(0.5, 3), 2);
    assert_int_equal(histogram_rank(0.95, 100), 95);
    assert_int_equal(histogram_rank(0.951, 100), 96);
    assert_int_equal(histogram_rank(1e-300, 100), 1);
}

static void one_sample_lies_inside_its_bucket(void **state)
{
    struct histogram now = { 0 };

    (void)state;
    histogram_add(&now, 1000000);
    const uint64_t got = histogram_quantile_ns(&now, NULL, 0.5);
    assert_int_equal(histogram_bucket(got), histogram_bucket(1000000));
}

static void difference_wraps(void **state)
{
    struct histogram then = { 0 };
    struct histogram now;
    uint64_t lower, upper;

    (void)state;
    then.count[100] = UINT32_MAX - 1;
    then.count[50] = 77;
    now = then;
    for (int n = 0; n < 5; n++) {
        histogram_add(&now, histogram_lower_ns(100));
    }
    histogram_add(&now, histogram_lower_ns(200));
    assert_int_equal(histogram_interval(&now, &then, &lower, &upper), 6);
    assert_int_equal(lower, histogram_lower_ns(100));
    assert_int_equal(upper, histogram_upper_ns(200));
    assert_int_equal(histogram_bucket(histogram_quantile_ns(&now, &then, 0.5)), 100);
    assert_int_equal(histogram_bucket(histogram_quantile_ns(&now, &then, 0.99)), 200);
}

static void nothing_is_zero(void **state)
{
    const struct histogram none = { 0 };
    uint64_t lower, upper;

    (void)state;
    assert_int_equal(histogram_interval(&none, NULL, &lower, &upper), 0);
    assert_int_equal(lower, 0);
    assert_int_equal(upper, 0);
    assert_int_equal(histogram_quantile_ns(&none, &none, 0.5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_are_seamless_and_narrow),
        cmocka_unit_test(ends_hold_everything),
        cmocka_unit_test(quantiles_are_near_the_truth),
        cmocka_unit_test(rank_is_the_ceiling),
        cmocka_unit_test(one_sample_lies_inside_its_bucket),
        cmocka_unit_test(difference_wraps),
        cmocka_unit_test(nothing_is_zero),
    };

    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
