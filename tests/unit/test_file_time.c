/* The seconds of a capture file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "file_time.c"

#define S NS_PER_S

/* As whoever reads a file does it; the second that the frame is of. */
static uint32_t second_of(struct file_time *time, int64_t time_ns)
{
    if (file_time_is_turn(time, time_ns))
        (void)file_time_turn(time, time_ns);
    return time->now_s;
}

static void test_seconds_count_from_the_first_frame(void **state)
{
    struct file_time time = { 0 };

    (void)state;
    assert_int_equal(second_of(&time, 1000 * S + S / 2), 0);
    assert_int_equal(second_of(&time, 1001 * S), 0);
    assert_int_equal(second_of(&time, 1001 * S + S / 2 - 1), 0);
    assert_int_equal(second_of(&time, 1001 * S + S / 2), 1);
    assert_int_equal(second_of(&time, 1100 * S), 99);
}

static void test_they_never_go_back(void **state)
{
    struct file_time time = { 0 };

    (void)state;
    assert_int_equal(second_of(&time, 1000 * S), 0);
    assert_int_equal(second_of(&time, 1010 * S), 10);
    assert_int_equal(second_of(&time, 900 * S), 10);
    assert_int_equal(second_of(&time, 0), 10);
    assert_int_equal(second_of(&time, 1010 * S + S / 2), 10);
    assert_int_equal(second_of(&time, 1011 * S), 11);
}

static void test_a_later_file_goes_on(void **state)
{
    struct file_time time = { .base_s = 500, .now_s = 500 };

    (void)state;
    assert_int_equal(second_of(&time, 7 * S), 500);
    assert_int_equal(second_of(&time, 9 * S), 502);
}

/* What a file says may be anything: the count stands still where there are no more numbers. */
static void test_the_end_of_the_numbers(void **state)
{
    struct file_time time = { .base_s = UINT32_MAX - 10, .now_s = UINT32_MAX - 10 };

    (void)state;
    assert_int_equal(second_of(&time, 0), UINT32_MAX - 10);
    assert_int_equal(second_of(&time, 10 * S), UINT32_MAX);
    assert_int_equal(second_of(&time, 11 * S), UINT32_MAX);
    assert_int_equal(second_of(&time, (INT64_C(1) << 62) - 1), UINT32_MAX);
}

static void test_a_turn_is_told_once_a_second(void **state)
{
    struct file_time time = { 0 };

    (void)state;
    assert_true(file_time_is_turn(&time, 0));
    assert_false(file_time_turn(&time, 0)); /* the first frame; the second is the one that it was */
    assert_false(file_time_is_turn(&time, S - 1));
    assert_true(file_time_is_turn(&time, S));
    assert_true(file_time_turn(&time, S));
    assert_false(file_time_is_turn(&time, 2 * S - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seconds_count_from_the_first_frame),
        cmocka_unit_test(test_they_never_go_back),
        cmocka_unit_test(test_a_later_file_goes_on),
        cmocka_unit_test(test_the_end_of_the_numbers),
        cmocka_unit_test(test_a_turn_is_told_once_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
