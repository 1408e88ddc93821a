/* The picture on a terminal: what is written there, and what is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pty.h>

#include "screen.c"

static int master = -1, slave = -1;
static struct screen screen;
static char written[65536];

static int open_terminal(void **state)
{
    (void)state;
    screen.fd = -1;
    return openpty(&master, &slave, NULL, NULL, NULL);
}

static int close_terminal(void **state)
{
    (void)state;
    close(master);
    close(slave);
    return 0;
}

static const char *read_terminal(void)
{
    struct pollfd fd = { .fd = master, .events = POLLIN };
    size_t size = 0;

    while (poll(&fd, 1, 50) == 1) {
        const ssize_t n = read(master, written + size, sizeof written - 1 - size);

        assert_true(n > 0);
        size += (size_t)n;
    }
    written[size] = '\0';
    return written;
}

static void expect_drawn(unsigned width, unsigned height, const char *text, const char *picture)
{
    const struct terminal terminal = { .width = width, .height = height };

    assert_int_equal(screen_draw(&screen, &terminal, text), 0);
    assert_string_equal(read_terminal(), picture);
}

/* The line discipline makes \r\r\n of \r\n, which is the same to a terminal; here it is left as it is. */
static void open_raw(void)
{
    struct termios modes;

    assert_int_equal(tcgetattr(slave, &modes), 0);
    modes.c_oflag &= ~(tcflag_t)OPOST;
    assert_int_equal(tcsetattr(slave, TCSANOW, &modes), 0);
    assert_int_equal(screen_open(&screen, slave), 0);
    assert_string_equal(read_terminal(), TAKE);
}

static void lines_are_drawn_over_those_before(void **state)
{
    (void)state;
    open_raw();
    expect_drawn(10, 5, "one\ntwo\n", "\033[Hone\033[K\r\ntwo\033[K\r\n\033[J");
    expect_drawn(10, 5, "one\ntwo", "\033[Hone\033[K\r\ntwo\033[K\r\n\033[J");
    expect_drawn(10, 5, "one\n\ntwo\n", "\033[Hone\033[K\r\n\033[K\r\ntwo\033[K\r\n\033[J");
    expect_drawn(10, 5, "", "\033[H\033[J");
    screen_close(&screen);
    assert_string_equal(read_terminal(), GIVE_BACK);
}

/* The last row has no line feed behind it, which would scroll. */
static void lines_are_cut_to_the_window(void **state)
{
    (void)state;
    open_raw();
    expect_drawn(5, 2, "12345678\n12345\n3\n", "\033[H12345\033[0m\r\n12345");
    expect_drawn(5, 2, "1234\n12345\n", "\033[H1234\033[K\r\n12345");
    expect_drawn(1, 1, "12", "\033[H1\033[0m");
    screen_close(&screen);
}

static void characters_are_counted_and_not_bytes(void **state)
{
    (void)state;
    open_raw();
    expect_drawn(4, 9, "▁▂▃▄▅", "\033[H▁▂▃▄\033[0m\r\n\033[J");
    expect_drawn(4, 9, "a…█b", "\033[Ha…█b\r\n\033[J");
    expect_drawn(4, 9, "\033[1mbold\033[0m", "\033[H\033[1mbold\033[0m\r\n\033[J");
    expect_drawn(3, 9, "\033[1;2mbold\033[0m", "\033[H\033[1;2mbol\033[0m\r\n\033[J");
    screen_close(&screen);
}

static void the_terminal_is_given_back_as_it_was(void **state)
{
    struct termios before, during, after;

    (void)state;
    assert_int_equal(tcgetattr(slave, &before), 0);
    assert_int_equal(screen_open(&screen, slave), 0);
    assert_int_equal(tcgetattr(slave, &during), 0);
    assert_int_equal(during.c_lflag & ECHO, 0);
    assert_int_equal(during.c_lflag & ISIG, ISIG);
    assert_int_equal(write(master, "typed\n", 6), 6);
    assert_int_equal(poll(&(struct pollfd){ .fd = slave, .events = POLLIN }, 1, 5000), 1);
    screen_close(&screen);
    assert_int_equal(tcgetattr(slave, &after), 0);
    assert_int_equal(before.c_lflag, after.c_lflag);
    assert_int_equal(before.c_iflag, after.c_iflag);
    assert_int_equal(before.c_oflag, after.c_oflag);
    assert_memory_equal(before.c_cc, after.c_cc, sizeof before.c_cc);
    assert_non_null(strstr(read_terminal(), "\033[?25h\033[?1049l"));
    assert_int_equal(fcntl(slave, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(read(slave, written, sizeof written), -1); /* nothing is left for the shell */
    screen_close(&screen);
    assert_string_equal(read_terminal(), "");
}

static void a_terminal_that_is_gone_is_an_error(void **state)
{
    const struct terminal terminal = { .width = 80, .height = 24 };

    (void)state;
    assert_int_equal(screen_open(&screen, slave), 0);
    close(master);
    assert_int_equal(screen_draw(&screen, &terminal, "text"), -1);
    screen_close(&screen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_drawn_over_those_before, open_terminal, close_terminal),
        cmocka_unit_test_setup_teardown(lines_are_cut_to_the_window, open_terminal, close_terminal),
        cmocka_unit_test_setup_teardown(characters_are_counted_and_not_bytes, open_terminal, close_terminal),
        cmocka_unit_test_setup_teardown(the_terminal_is_given_back_as_it_was, open_terminal, close_terminal),
        cmocka_unit_test_setup_teardown(a_terminal_that_is_gone_is_an_error, open_terminal, close_terminal),
    };

    return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
