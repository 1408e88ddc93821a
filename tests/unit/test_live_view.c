/* What `go-metro live` shows a person. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "live_view.c"

#define MS UINT64_C(1000000)

static struct meter_counters counters;
static struct report_meter found;
static struct report_row rows[30];
static struct histogram histogram;
static struct live_view view;
static struct terminal terminal;
static char *printed;

static int begin(void **state)
{
    (void)state;
    memset(&histogram, 0, sizeof histogram);
    histogram_add(&histogram, 5 * MS);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        rows[i] = (struct report_row){ .src = "10.0.0.1",
                                       .dst = "10.0.0.2",
                                       .samples = 1,
                                       .min_ns = 5 * MS,
                                       .max_ns = 5 * MS,
                                       .avg_ns = 5 * MS,
                                       .histogram = &histogram };
    counters = (struct meter_counters){ .packets = 0 };
    found = (struct report_meter){ .rows = rows,
                                   .count = 1,
                                   .total = { .packets = 7, .tcp = 5, .ignored = { [PACKET_NOT_OURS] = 2 } } };
    view = (struct live_view){ .interface = "eth0", .trouble = "", .elapsed_s = 3723, .found = &found, .counters = &counters };
    terminal = (struct terminal){ 0 };
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(printed);
    printed = NULL;
    return 0;
}

static const char *print(void)
{
    size_t size;
    FILE *stream;

    free(printed);
    stream = open_memstream(&printed, &size);
    assert_int_equal(live_view_print(stream, &view, &terminal), 0);
    fclose(stream);
    return printed;
}

static void expect(const char *text)
{
    if (strstr(print(), text) == NULL)
        fail_msg("no '%s' in:\n%s", text, printed);
}

static void expect_not(const char *text)
{
    if (strstr(print(), text) != NULL)
        fail_msg("'%s' in:\n%s", text, printed);
}

static void the_title_says_how_it_stands(void **state)
{
    (void)state;
    assert_int_equal(strncmp(print(), "eth0  1:02:03  measuring; ^C ends\n\nSRC  ", 40), 0);
    view.trouble = "the interface eth0 is down; bring it up (waiting for it)";
    expect("eth0  1:02:03  the interface eth0 is down; bring it up (waiting for it)\n\n");
    view.is_over = true;
    expect("eth0  1:02:03  ended\n\n");
    view.interface = "\033[2J";
    expect("?[2J  1:02:03");
    terminal = (struct terminal){ .width = 80, .height = 24, .can_draw = true, .has_colour = true };
    expect("\033[1m?[2J  1:02:03  ended\033[0m\n");
}

static void the_footer_says_what_was_lost_and_left_out(void **state)
{
    (void)state;
    view.pending = 3;
    view.statistics.dropped_kernel = 41;
    view.statistics.dropped_interface = 42;
    expect("\n\n7 packets, 5 TCP, 0 flows; 0 segments timed, 0 round trips\nignored: 2 not_ours\n"
           "in flight: 3; lost: 41 by the kernel, 42 by the interface\n");
    expect_not("too many");
    expect_not("clock");
    counters.refused_flows = 5;
    counters.refused_peers = 6;
    view.clock_steps = 1;
    expect("too many flows at once: 5 packets were turned away; narrow it with -f\n");
    expect("too many peers: 6 flows are counted in the row `other`; narrow it with -f\n");
    expect("the wall clock was set 1 time: ");
    view.clock_steps = 2;
    expect("the wall clock was set 2 times: ");
}

static void a_mirror_port_teaches_local(void **state)
{
    (void)state;
    expect_not("--local");
    counters.ignored[PACKET_NOT_OURS] = 2;
    expect("--local NET");
    view.is_local_given = true;
    expect_not("--local");
}

static void it_is_as_high_as_the_window(void **state)
{
    (void)state;
    found.count = 30;
    assert_int_equal(count_lines(print()), 1 + 1 + 31 + 1 + 3); /* a file takes all */
    for (unsigned height = 12; height <= 60; height++) {
        size_t expected = height < 38 ? height : 38; /* with the legend of the histograms */

        terminal = (struct terminal){ .width = 80, .height = height, .is_utf8 = true, .can_draw = true };
        assert_int_equal(count_lines(print()), expected);
        assert_int_equal(strstr(printed, "more rows: the window is too low") != NULL, height < 38);
    }
    terminal.height = 3; /* titles, a row at least; the screen cuts the rest */
    assert_non_null(strstr(print(), "(29 more rows"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_title_says_how_it_stands, begin, end),
        cmocka_unit_test_setup_teardown(the_footer_says_what_was_lost_and_left_out, begin, end),
        cmocka_unit_test_setup_teardown(a_mirror_port_teaches_local, begin, end),
        cmocka_unit_test_setup_teardown(it_is_as_high_as_the_window, begin, end),
    };

    return cmocka_run_group_tests_name("live_view", tests, NULL, NULL);
}
