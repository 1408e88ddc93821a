/* test_window.c: when an instance measures, by a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "window.c"

#define BEGUN_S 1000000U

static struct window begun(uint32_t duration_s, uint32_t interval_s)
{
    struct window window = window_make(true, duration_s, interval_s);

    assert_int_equal(window_look(&window, BEGUN_S), WINDOW_SAME);
    return window;
}

/* Looks after so many seconds. */
static void expect(struct window *window, uint32_t after_s, enum window_turn turn, bool is_open, uint64_t turn_after_s)
{
    assert_int_equal(window_look(window, BEGUN_S + after_s), turn);
    assert_int_equal(window->is_open, is_open);
    assert_int_equal(window_turn_s(window), BEGUN_S + turn_after_s);
    assert_int_equal(window->open_s + window->closed_s, after_s);
}

/* The interval is the pause from a window's end to the next one's start. */
static void windows_and_pauses_take_turns(void **state)
{
    struct window window = begun(3, 5);

    (void)state;
    assert_true(window.is_open);
    assert_int_equal(window_turn_s(&window), BEGUN_S + 3);
    for (uint32_t round = 0; round < 4; round++) {
        const uint32_t at = 8 * round;

        expect(&window, at, round == 0 ? WINDOW_SAME : WINDOW_OPENED, true, at + 3);
        expect(&window, at + 1, WINDOW_SAME, true, at + 3);
        expect(&window, at + 2, WINDOW_SAME, true, at + 3);
        expect(&window, at + 3, WINDOW_CLOSED, false, at + 8);
        for (uint32_t second = 4; second < 8; second++)
            expect(&window, at + second, WINDOW_SAME, false, at + 8);
        assert_int_equal(window.open_s, 3 * (round + 1));
    }
}

static void the_pause_may_be_the_shorter_of_the_two(void **state)
{
    struct window window = begun(5, 1);

    (void)state;
    expect(&window, 4, WINDOW_SAME, true, 5);
    expect(&window, 5, WINDOW_CLOSED, false, 6);
    expect(&window, 6, WINDOW_OPENED, true, 11);
    expect(&window, 10, WINDOW_SAME, true, 11);
    expect(&window, 11, WINDOW_CLOSED, false, 12);
}

static void a_second_of_each(void **state)
{
    struct window window = begun(1, 1);

    (void)state;
    for (uint32_t at = 1; at < 10; at++)
        expect(&window, at, at % 2 == 0 ? WINDOW_OPENED : WINDOW_CLOSED, at % 2 == 0, at + 1);
    assert_int_equal(window.open_s, 5);
    assert_int_equal(window.closed_s, 4);
}

/* What is asked for is no window, or has no pause behind it: always open, nothing ever turns, and nothing is counted. */
static void without_windows_it_is_always_open(void **state)
{
    static const struct {
        bool sample;
        uint32_t duration_s, interval_s;
    } cases[] = { { false, 0, 0 }, { false, 30, 270 }, { true, 30, 0 }, { true, 0, 0 }, { true, 0, 270 } };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct window window = window_make(cases[i].sample, cases[i].duration_s, cases[i].interval_s);

        assert_false(window_is_sampling(&window));
        for (uint32_t now_s = 0; now_s < 100; now_s++) {
            assert_int_equal(window_look(&window, now_s), WINDOW_SAME);
            assert_true(window.is_open);
        }
        assert_int_equal(window_turn_s(&window), 0);
        assert_int_equal(window.open_s + window.closed_s, 0);
    }
}

static void before_the_first_look_it_is_open(void **state)
{
    const struct window window = window_make(true, 30, 270);

    (void)state;
    assert_true(window_is_sampling(&window) && window.is_open);
    assert_int_equal(window_turn_s(&window), 0);
}

/* The host slept, or the process had no CPU: the phase stays, and the time counts for what was in force meanwhile. */
static void the_clock_jumps_forward(void **state)
{
    static const struct {
        uint32_t from_s, to_s;
        enum window_turn turn;
        bool is_open;
        uint32_t turn_s;
    } cases[] = {
        { 1, 2, WINDOW_SAME, true, 3 },                                           /* within a window */
        { 1, 7, WINDOW_CLOSED, false, 8 },                                        /* into its pause */
        { 1, 9, WINDOW_CLOSED, false, 10 },                                       /* over it, into the next window */
        { 1, 8001, WINDOW_CLOSED, false, 8002 },                                  /* into the thousandth */
        { 1, 8004, WINDOW_CLOSED, false, 8008 }, { 3, 7, WINDOW_SAME, false, 8 }, /* within a pause */
        { 3, 12, WINDOW_SAME, false, 16 }, /* into the next pause: the window between them did not take place */
        { 3, 10, WINDOW_OPENED, true, 11 },      { 3, 4000000000U, WINDOW_OPENED, true, 4000000003U },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct window window = begun(3, 5);
        uint64_t open_s, closed_s;

        (void)window_look(&window, BEGUN_S + cases[i].from_s);
        open_s = window.open_s;
        closed_s = window.closed_s;
        const bool was_open = window.is_open;
        expect(&window, cases[i].to_s, cases[i].turn, cases[i].is_open, cases[i].turn_s);
        assert_int_equal((was_open ? window.open_s - open_s : window.closed_s - closed_s), cases[i].to_s - cases[i].from_s);
    }
}

/* The window that was in force lasts until the first look after it, the next one begins with the second look. */
static void a_pause_that_was_slept_through_is_made_up_for(void **state)
{
    static const struct {
        uint32_t first_s, second_s;
        enum window_turn turn;
        uint32_t turn_s;
    } cases[] = {
        { 8, 8, WINDOW_OPENED, 11 },
        { 8, 9, WINDOW_OPENED, 11 },
        { 10, 11, WINDOW_SAME, 16 },  /* that was its last second */
        { 8, 17, WINDOW_OPENED, 19 }, /* so it did not take place */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct window window = begun(3, 5);

        expect(&window, cases[i].first_s, WINDOW_CLOSED, false, cases[i].first_s + 1);
        assert_int_equal(window.open_s, cases[i].first_s);
        expect(&window, cases[i].second_s, cases[i].turn, cases[i].turn == WINDOW_OPENED, cases[i].turn_s);
        assert_int_equal(window.open_s, cases[i].first_s);
    }
}

static void two_looks_in_one_second_are_one(void **state)
{
    struct window window = begun(1, 1);

    (void)state;
    expect(&window, 1, WINDOW_CLOSED, false, 2);
    expect(&window, 1, WINDOW_SAME, false, 2);
    expect(&window, 2, WINDOW_OPENED, true, 3);
    expect(&window, 2, WINDOW_SAME, true, 3);
}

/* A week of each, the most that can be configured, over two months. */
static void the_longest_do_not_wrap(void **state)
{
    const uint32_t week_s = 604800;
    struct window window = begun(week_s, week_s);

    (void)state;
    for (uint32_t week = 1; week < 10; week++)
        expect(&window, week * week_s, week % 2 == 0 ? WINDOW_OPENED : WINDOW_CLOSED, week % 2 == 0,
               (week + 1) * (uint64_t)week_s);
    assert_int_equal(window.open_s, 5 * (uint64_t)week_s);
    assert_int_equal(window.closed_s, 4 * (uint64_t)week_s);
}

static void keys_that_mean_the_same_are_alike(void **state)
{
    const struct window always = window_make(false, 0, 0), one = window_make(true, 30, 270);
    const struct window same[] = { window_make(false, 30, 270), window_make(true, 30, 0), window_make(true, 0, 270) };
    const struct window others[] = { window_make(true, 31, 270), window_make(true, 30, 271), window_make(true, 270, 30) };

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        assert_true(window_is_alike(&always, &same[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(window_is_alike(&one, &others[i]));
    assert_true(window_is_alike(&one, &(struct window){ .duration_s = 30, .pause_s = 270, .is_begun = true, .begun_s = 7 }));
    assert_false(window_is_alike(&one, &always));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_and_pauses_take_turns),
        cmocka_unit_test(the_pause_may_be_the_shorter_of_the_two),
        cmocka_unit_test(a_second_of_each),
        cmocka_unit_test(without_windows_it_is_always_open),
        cmocka_unit_test(before_the_first_look_it_is_open),
        cmocka_unit_test(the_clock_jumps_forward),
        cmocka_unit_test(a_pause_that_was_slept_through_is_made_up_for),
        cmocka_unit_test(two_looks_in_one_second_are_one),
        cmocka_unit_test(the_longest_do_not_wrap),
        cmocka_unit_test(keys_that_mean_the_same_are_alike),
    };

    return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
