/* What a terminal, a file, and a terminal that can do little are told apart by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pty.h>

#include "terminal.c"

static int master = -1, slave = -1;

static int open_terminal(void **state)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG", "NO_COLOR" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    setenv("TERM", "xterm", 1);
    return openpty(&master, &slave, NULL, NULL, NULL);
}

static int close_terminal(void **state)
{
    (void)state;
    close(master);
    close(slave);
    return 0;
}

static struct terminal look(void)
{
    struct terminal terminal;

    assert_true(terminal_look(&terminal, slave));
    return terminal;
}

static void the_size_follows_the_window(void **state)
{
    struct winsize size = { .ws_row = 33, .ws_col = 111 };

    (void)state;
    assert_int_equal(look().width, 80); /* a pty that nobody gave a size */
    assert_int_equal(look().height, 24);
    assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
    assert_int_equal(look().width, 111);
    assert_int_equal(look().height, 33);
}

static void utf8_by_the_first_variable_that_says_something(void **state)
{
    (void)state;
    assert_false(look().is_utf8);
    setenv("LANG", "de_DE.UTF-8", 1); /* be it installed or not */
    assert_true(look().is_utf8);
    setenv("LC_CTYPE", "", 1);
    assert_true(look().is_utf8);
    setenv("LC_CTYPE", "POSIX", 1);
    assert_false(look().is_utf8);
    setenv("LC_ALL", "C.utf8", 1);
    assert_true(look().is_utf8);
    setenv("LC_ALL", "de_DE.ISO-8859-1", 1);
    assert_false(look().is_utf8);
}

static void colour_only_where_it_is_understood_and_wanted(void **state)
{
    (void)state;
    assert_true(look().can_draw && look().has_colour);
    setenv("NO_COLOR", "", 1); /* no-color.org: not when it is empty */
    assert_true(look().has_colour);
    setenv("NO_COLOR", "1", 1);
    assert_true(look().can_draw && !look().has_colour);
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    assert_false(look().can_draw || look().has_colour);
    unsetenv("TERM");
    assert_false(look().can_draw || look().has_colour);
}

static void a_file_is_no_terminal(void **state)
{
    struct terminal terminal;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    (void)state;
    setenv("LC_ALL", "C.UTF-8", 1);
    assert_false(terminal_look(&terminal, fd));
    assert_false(terminal.width || terminal.height || terminal.is_utf8 || terminal.can_draw || terminal.has_colour);
    close(fd);
    assert_false(terminal_look(&terminal, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_size_follows_the_window, open_terminal, close_terminal),
        cmocka_unit_test_setup_teardown(utf8_by_the_first_variable_that_says_something, open_terminal, close_terminal),
        cmocka_unit_test_setup_teardown(colour_only_where_it_is_understood_and_wanted, open_terminal, close_terminal),
        cmocka_unit_test_setup_teardown(a_file_is_no_terminal, open_terminal, close_terminal),
    };

    return cmocka_run_group_tests_name("terminal", tests, NULL, NULL);
}
