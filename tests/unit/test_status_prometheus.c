/* The helper, its captures and the row `other` as Prometheus text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "status_prometheus.c"

static void a_row_of_others_says_what_it_counted_itself(void **state)
{
    const struct seg_instance instance = {
        .refused_peers = 3, .given_timed = 10, .given_samples = 20, .given_handshake_samples = 30, .given_retransmits = 40
    };
    struct report_row other = {
        .counts_only = true, .flows = 9, .timed = 11, .samples = 22, .handshake_samples = 33, .retransmits = 44
    };
    struct report_row row = other;

    (void)state;
    row.counts_only = false;
    status_prometheus_own(&other, &instance);
    assert_int_equal(other.flows, 3);
    assert_int_equal(other.timed, 1);
    assert_int_equal(other.samples, 2);
    assert_int_equal(other.handshake_samples, 3);
    assert_int_equal(other.retransmits, 4);
    status_prometheus_own(&row, &instance);
    assert_int_equal(row.flows, 9);
    assert_int_equal(row.samples, 22);
}

static void a_segment_that_says_what_cannot_be_makes_no_huge_number(void **state)
{
    const struct seg_instance instance = { .given_samples = UINT64_MAX };
    struct report_row other = { .counts_only = true, .samples = 22 };

    (void)state;
    status_prometheus_own(&other, &instance);
    assert_int_equal(other.samples, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_others_says_what_it_counted_itself),
        cmocka_unit_test(a_segment_that_says_what_cannot_be_makes_no_huge_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
