/* The text of a table's cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cells.c"

static void times_have_three_digits(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        { 0, "0.00 us" },          { 999, "1.00 us" },         { 9994, "9.99 us" },      { 9996, "10.0 us" },
        { 312345, "312 us" },      { 999499, "999 us" },       { 999500, "1.00 ms" },    { 999999, "1.00 ms" },
        { 1000000, "1.00 ms" },    { 48312345, "48.3 ms" },    { 999949999, "1.00 s " }, { 1000000000, "1.00 s " },
        { 9994999999, "9.99 s " }, { 120000000000, "120 s " },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[CELLS_NUMBER_STRLEN];

        assert_string_equal(cells_time(text, cases[i].ns), cases[i].text);
    }
}

static void counts_fit_seven_columns(void **state)
{
    static const struct {
        uint64_t count;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 9999999, "9999999" },
        { 10000000, "10.0M" },
        { 123456789, "123M" },
        { 999499999, "999M" },
        { 999500000, "1.00G" },
        { UINT64_MAX, "18.4E" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[CELLS_NUMBER_STRLEN];

        assert_string_equal(cells_count(text, cases[i].count), cases[i].text);
    }
}

static void rates(void **state)
{
    static const struct {
        double rate;
        const char *text;
    } cases[] = {
        { 0, "0.0" },     { 0.04, "0.0" },    { 0.5, "0.5" },     { 99.94, "99.9" },
        { 99.96, "100" }, { 1234.5, "1235" }, { 1e300, "1.00E" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[CELLS_NUMBER_STRLEN];

        assert_string_equal(cells_rate(text, cases[i].rate), cases[i].text);
    }
}

static void what_is_too_long_is_cut_in_its_middle(void **state)
{
    static const struct {
        const char *text;
        unsigned width;
        bool is_utf8;
        const char *cut;
    } cases[] = {
        { "10.0.0.1", 8, true, "10.0.0.1" },
        { "2001:db8::1:2", 8, true, "2001…1:2" },
        { "2001:db8::1:2", 8, false, "2001~1:2" },
        { "abc", 2, true, "a…" },
        { "abc", 1, true, "…" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[16];

        assert_string_equal(cells_shorten(out, sizeof out, cases[i].text, cases[i].width, cases[i].is_utf8), cases[i].cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_have_three_digits),
        cmocka_unit_test(counts_fit_seven_columns),
        cmocka_unit_test(rates),
        cmocka_unit_test(what_is_too_long_is_cut_in_its_middle),
    };

    return cmocka_run_group_tests_name("cells", tests, NULL, NULL);
}
