/* clock_watch.c: steps are seen, time off the CPU is none, and the quiet time after a step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clock_watch.c"

#define MS INT64_C(1000000)
#define START (INT64_C(1800000000) * 1000 * MS) /* the wall clock at monotonic 0 */

/* At monotonic `at` the wall clock is `ahead` of what it was; the process was off the CPU for `early` before and `late` after
 * reading it. */
static struct clock_sample look_at(int64_t at, int64_t ahead, int64_t early, int64_t late)
{
    return (struct clock_sample){ .before_ns = at - early, .real_ns = START + ahead + at, .after_ns = at + late };
}

static enum clock_verdict look(struct clock_watch *watch, int64_t at, int64_t ahead)
{
    struct clock_sample sample = look_at(at, ahead, 100, 100);

    return clock_watch_look(watch, &sample);
}

static struct clock_watch begin(void)
{
    struct clock_sample sample = look_at(MS, 0, 100, 100);
    struct clock_watch watch;

    clock_watch_init(&watch, &sample);
    return watch;
}

static void test_steady(void **state)
{
    struct clock_watch watch = begin();

    (void)state;
    for (int64_t i = 2; i < 10000; i++)
        assert_int_equal(look(&watch, i * 100 * MS, 0), CLOCK_STEADY);
}

static void test_quiet_after_a_step(void **state)
{
    static const int64_t steps[] = { 5 * MS + 200, -5 * MS - 200, 3600000 * MS, -3600000 * MS };

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct clock_watch watch = begin();
        int64_t at = 1000 * MS;

        assert_int_equal(look(&watch, at, steps[i]), CLOCK_STEPPED);
        assert_in_range(watch.step_ns - steps[i] + MS, 0, 2 * MS);
        assert_int_equal(look(&watch, at + 1, steps[i]), CLOCK_QUIET);
        assert_int_equal(look(&watch, at + 199 * MS, steps[i]), CLOCK_QUIET);
        assert_int_equal(look(&watch, at + 201 * MS, steps[i]), CLOCK_QUIET_OVER);
        assert_int_equal(look(&watch, at + 202 * MS, steps[i]), CLOCK_STEADY);
    }
}

static void test_a_step_within_the_quiet_time_begins_it_anew(void **state)
{
    struct clock_watch watch = begin();

    (void)state;
    assert_int_equal(look(&watch, 1000 * MS, 50 * MS), CLOCK_STEPPED);
    assert_int_equal(look(&watch, 1150 * MS, 0), CLOCK_STEPPED);
    assert_int_equal(look(&watch, 1300 * MS, 0), CLOCK_QUIET);
    assert_int_equal(look(&watch, 1351 * MS, 0), CLOCK_QUIET_OVER);
}

/* The process lost the CPU between two readings: no step, and no distance to measure the next one against. */
static void test_off_the_cpu(void **state)
{
    const struct clock_sample samples[] = { look_at(1000 * MS, 0, 100, 800 * MS), look_at(3000 * MS, 0, 800 * MS, 100),
                                            look_at(5000 * MS, 0, 9 * MS, 9 * MS) };
    struct clock_watch watch = begin();

    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        assert_int_equal(clock_watch_look(&watch, &samples[i]), CLOCK_STEADY);
        assert_int_equal(look(&watch, 2000 * MS * ((int64_t)i + 1), 0), CLOCK_STEADY);
    }
}

static void test_a_step_while_off_the_cpu(void **state)
{
    struct clock_sample sample = look_at(1000 * MS, 3000 * MS, 10 * MS, 10 * MS);
    struct clock_watch watch = begin();

    (void)state;
    assert_int_equal(clock_watch_look(&watch, &sample), CLOCK_STEPPED);
}

static void test_said_once_a_minute(void **state)
{
    struct clock_watch watch = begin();
    uint32_t said = 0, lines = 0;

    (void)state;
    for (int64_t i = 1; i <= 121; i++) {
        struct clock_sample sample = look_at(i * 1000 * MS, i * 20 * MS, 100, 100);
        uint32_t steps;

        assert_int_equal(clock_watch_look(&watch, &sample), CLOCK_STEPPED);
        steps = clock_watch_to_say(&watch, &sample);
        said += steps;
        lines += steps > 0;
    }
    assert_int_equal(lines, 3);
    assert_int_equal(said, 121);
}

static void test_the_machine_s_clocks(void **state)
{
    struct clock_sample sample = clock_sample();

    (void)state;
    assert_true(sample.before_ns > 0 && sample.before_ns <= sample.after_ns);
    assert_true(sample.real_ns > INT64_C(1600000000) * 1000 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steady),
        cmocka_unit_test(test_quiet_after_a_step),
        cmocka_unit_test(test_a_step_within_the_quiet_time_begins_it_anew),
        cmocka_unit_test(test_off_the_cpu),
        cmocka_unit_test(test_a_step_while_off_the_cpu),
        cmocka_unit_test(test_said_once_a_minute),
        cmocka_unit_test(test_the_machine_s_clocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
