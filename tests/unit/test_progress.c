/* The line that says how far something is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>

#include "progress.c"

#define LARGE (100 * MIB)

static int master = -1, slave = -1;
static struct progress progress;

static int open_terminal(void **state)
{
    struct winsize size = { .ws_row = 24, .ws_col = 80 };

    (void)state;
    setenv("TERM", "xterm", 1);
    return openpty(&master, &slave, NULL, NULL, &size);
}

static int close_terminal(void **state)
{
    (void)state;
    close(master);
    close(slave);
    return 0;
}

/* What was written to the terminal since the last look. */
static const char *written(void)
{
    static char text[4096];
    struct pollfd fd = { .fd = master, .events = POLLIN };
    ssize_t n = 0;

    if (poll(&fd, 1, 0) == 1)
        n = read(master, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static void a_line_of_all_that_there_is_room_for(void **state)
{
    static const struct {
        unsigned width;
        const char *text;
    } cases[] = {
        { 80, "a.pcap   43 % [###############                      ] 512 of 1190 MiB, 5 s left" },
        { 300, "a.pcap   43 % [#####################                             ] 512 of 1190 MiB, 5 s left" },
        { 58, "a.pcap   43 % [######         ] 512 of 1190 MiB, 5 s left" },
        { 50, "a.pcap   43 %" },
        { 8, "ap" },
        { 1, "" },
    };
    const struct moment moment = { 512 * MIB, 1190 * MIB, 4000000000 };
    char line[LINE_STRLEN];

    (void)state;
    progress.name = "a.pcap";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        format_line(line, &progress, &moment, cases[i].width);
        assert_true(strlen(line) < cases[i].width);
        if (i < 4)
            assert_string_equal(line, cases[i].text);
    }
}

static void a_name_is_no_harm(void **state)
{
    const struct moment moment = { 0, LARGE, 0 };
    char line[LINE_STRLEN];

    (void)state;
    progress.name = "\033[2Ja\nb\xc3\xa9.pcap";
    format_line(line, &progress, &moment, 80);
    assert_int_equal(strncmp(line, "?[2Ja?b??.pcap    0 % [ ", 24), 0);
    progress.name = "/a/very/long/path/that/nobody/wants/to/read/to/its/end/because/it/is/so/long/capture.pcap";
    format_line(line, &progress, &moment, 80);
    assert_non_null(strstr(line, "o/long/capture.pcap    0 %"));
    assert_true(strlen(line) < 80);
}

static void the_time_left(void **state)
{
    static const struct {
        struct moment moment;
        const char *text;
    } cases[] = {
        { { 0, LARGE, 0 }, "0 s left" },
        { { LARGE, LARGE, 9000000000 }, "0 s left" },
        { { LARGE / 4, LARGE, 9000000000 }, "27 s left" },
        { { LARGE / 100, LARGE, 9000000000 }, "15 min left" },
        { { 1, UINT64_MAX, UINT64_MAX }, "1000000 min left" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[32];

        format_left(text, &cases[i].moment);
        assert_string_equal(text, cases[i].text);
    }
}

static void it_is_drawn_now_and_then_and_leaves_nothing(void **state)
{
    (void)state;
    progress_start(&progress, slave, "a.pcap", LARGE);
    progress_clear(&progress);
    assert_string_equal(written(), ""); /* nothing was drawn yet */
    progress_show(&progress, LARGE / 2);
    assert_int_equal(strncmp(written(), "\r\033[Ka.pcap   50 % [", 19), 0);
    progress_show(&progress, LARGE / 2 + 1);
    assert_string_equal(written(), "");
    progress.drawn_ns -= INTERVAL_NS;
    progress_show(&progress, LARGE * 2); /* the file has grown */
    assert_non_null(strstr(written(), " 100 % ["));
    progress_clear(&progress);
    assert_string_equal(written(), "\r\033[K");
    progress_clear(&progress);
    assert_string_equal(written(), "");
}

static void nothing_for_a_small_file_a_pipe_or_a_dumb_terminal(void **state)
{
    int pipe_ends[2];

    (void)state;
    progress_start(&progress, slave, "a.pcap", PROGRESS_LEAST_BYTES - 1);
    progress_show(&progress, 1);
    setenv("TERM", "dumb", 1);
    progress_start(&progress, slave, "a.pcap", LARGE);
    progress_show(&progress, 1);
    assert_string_equal(written(), "");
    assert_int_equal(pipe2(pipe_ends, O_NONBLOCK), 0);
    progress_start(&progress, pipe_ends[1], "a.pcap", LARGE);
    progress_show(&progress, 1);
    progress_clear(&progress);
    assert_int_equal(read(pipe_ends[0], &(char){ 0 }, 1), -1);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_all_that_there_is_room_for),
        cmocka_unit_test(a_name_is_no_harm),
        cmocka_unit_test(the_time_left),
        cmocka_unit_test_setup_teardown(it_is_drawn_now_and_then_and_leaves_nothing, open_terminal, close_terminal),
        cmocka_unit_test_setup_teardown(nothing_for_a_small_file_a_pipe_or_a_dumb_terminal, open_terminal, close_terminal),
    };

    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
