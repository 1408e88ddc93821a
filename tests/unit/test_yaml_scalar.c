/* test_yaml_scalar.c: plain scalars against what PyYAML 6.0.3's SafeLoader made of the same texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "yaml_scalar.c"

struct expectation {
    const char *text;
    enum yaml_scalar_kind kind;
    bool boolean;
    int64_t integer; /* what does not fit is the nearest that does */
    double real;
};

static const struct expectation plain[] = {
    { "", SCALAR_NULL, false, 0, 0 },
    { "~", SCALAR_NULL, false, 0, 0 },
    { "null", SCALAR_NULL, false, 0, 0 },
    { "Null", SCALAR_NULL, false, 0, 0 },
    { "NULL", SCALAR_NULL, false, 0, 0 },
    { "nUll", SCALAR_TEXT, false, 0, 0 },
    { "yes", SCALAR_BOOL, true, 0, 0 },
    { "Yes", SCALAR_BOOL, true, 0, 0 },
    { "YES", SCALAR_BOOL, true, 0, 0 },
    { "yEs", SCALAR_TEXT, false, 0, 0 },
    { "no", SCALAR_BOOL, false, 0, 0 },
    { "No", SCALAR_BOOL, false, 0, 0 },
    { "on", SCALAR_BOOL, true, 0, 0 },
    { "ON", SCALAR_BOOL, true, 0, 0 },
    { "off", SCALAR_BOOL, false, 0, 0 },
    { "Off", SCALAR_BOOL, false, 0, 0 },
    { "true", SCALAR_BOOL, true, 0, 0 },
    { "True", SCALAR_BOOL, true, 0, 0 },
    { "TRUE", SCALAR_BOOL, true, 0, 0 },
    { "tRUE", SCALAR_TEXT, false, 0, 0 },
    { "false", SCALAR_BOOL, false, 0, 0 },
    { "FALSE", SCALAR_BOOL, false, 0, 0 },
    { "y", SCALAR_TEXT, false, 0, 0 },
    { "n", SCALAR_TEXT, false, 0, 0 },
    { "Y", SCALAR_TEXT, false, 0, 0 },
    { "0", SCALAR_INT, false, 0, 0 },
    { "1", SCALAR_INT, false, 1, 0 },
    { "-1", SCALAR_INT, false, -1, 0 },
    { "+12", SCALAR_INT, false, 12, 0 },
    { "007", SCALAR_INT, false, 7, 0 },
    { "0300", SCALAR_INT, false, 192, 0 },
    { "08", SCALAR_TEXT, false, 0, 0 },
    { "-010", SCALAR_INT, false, -8, 0 },
    { "1_000", SCALAR_INT, false, 1000, 0 },
    { "1__0", SCALAR_INT, false, 10, 0 },
    { "_1", SCALAR_TEXT, false, 0, 0 },
    { "0b101", SCALAR_INT, false, 5, 0 },
    { "0b", SCALAR_TEXT, false, 0, 0 },
    { "0b_", SCALAR_UNREADABLE, false, 0, 0 },
    { "-0b11", SCALAR_INT, false, -3, 0 },
    { "0x1F", SCALAR_INT, false, 31, 0 },
    { "0xg", SCALAR_TEXT, false, 0, 0 },
    { "0x_", SCALAR_UNREADABLE, false, 0, 0 },
    { "-0x10", SCALAR_INT, false, -16, 0 },
    { "0o17", SCALAR_TEXT, false, 0, 0 },
    { "1:30", SCALAR_INT, false, 90, 0 },
    { "1:60", SCALAR_TEXT, false, 0, 0 },
    { "-1:30", SCALAR_INT, false, -90, 0 },
    { "190:20:30", SCALAR_INT, false, 685230, 0 },
    { "0:30", SCALAR_TEXT, false, 0, 0 },
    { "1:2:3:4:5:6:7:8", SCALAR_INT, false, 2895057742028, 0 },
    { "2001:db8::1", SCALAR_TEXT, false, 0, 0 },
    { "::1", SCALAR_TEXT, false, 0, 0 },
    { "10:20", SCALAR_INT, false, 620, 0 },
    { "1:5:09", SCALAR_INT, false, 3909, 0 },
    { "9223372036854775807", SCALAR_INT, false, INT64_MAX, 0 },
    { "9223372036854775808", SCALAR_INT, false, INT64_MAX, 0 },
    { "-9223372036854775808", SCALAR_INT, false, INT64_MIN, 0 },
    { "99999999999999999999", SCALAR_INT, false, INT64_MAX, 0 },
    { "12e3", SCALAR_TEXT, false, 0, 0 },
    { "1.5", SCALAR_FLOAT, false, 0, 1.5 },
    { "1.", SCALAR_FLOAT, false, 0, 1.0 },
    { ".5", SCALAR_FLOAT, false, 0, 0.5 },
    { "-.5", SCALAR_TEXT, false, 0, 0 },
    { "+1.5", SCALAR_FLOAT, false, 0, 1.5 },
    { "1.5e3", SCALAR_TEXT, false, 0, 0 },
    { "1.5e+3", SCALAR_FLOAT, false, 0, 1500.0 },
    { "1.5E-2", SCALAR_FLOAT, false, 0, 0.015 },
    { ".5e+1", SCALAR_FLOAT, false, 0, 5.0 },
    { "1_0.2_5", SCALAR_FLOAT, false, 0, 10.25 },
    { "190:20:30.15", SCALAR_FLOAT, false, 0, 685230.15 },
    { "1:30.", SCALAR_FLOAT, false, 0, 90.0 },
    { "-1:30.5", SCALAR_FLOAT, false, 0, -90.5 },
    { ".inf", SCALAR_FLOAT, false, 0, INFINITY },
    { "-.inf", SCALAR_FLOAT, false, 0, -INFINITY },
    { "+.INF", SCALAR_FLOAT, false, 0, INFINITY },
    { ".Inf", SCALAR_FLOAT, false, 0, INFINITY },
    { ".iNf", SCALAR_TEXT, false, 0, 0 },
    { ".nan", SCALAR_FLOAT, false, 0, NAN },
    { ".NaN", SCALAR_FLOAT, false, 0, NAN },
    { "-.nan", SCALAR_TEXT, false, 0, 0 },
    { "09.5", SCALAR_FLOAT, false, 0, 9.5 },
    { "0.0", SCALAR_FLOAT, false, 0, 0.0 },
    { "1e3", SCALAR_TEXT, false, 0, 0 },
    { "1e+3", SCALAR_TEXT, false, 0, 0 },
    { ".", SCALAR_TEXT, false, 0, 0 },
    { "._", SCALAR_TEXT, false, 0, 0 },
    { "1.2.3", SCALAR_TEXT, false, 0, 0 },
    { "10.0.0.1", SCALAR_TEXT, false, 0, 0 },
    { "<<", SCALAR_MERGE, false, 0, 0 },
    { "=", SCALAR_VALUE, false, 0, 0 },
    { "==", SCALAR_TEXT, false, 0, 0 },
    { "a", SCALAR_TEXT, false, 0, 0 },
    { "eth0", SCALAR_TEXT, false, 0, 0 },
    { "a b", SCALAR_TEXT, false, 0, 0 },
    { "-", SCALAR_TEXT, false, 0, 0 },
    { "--", SCALAR_TEXT, false, 0, 0 },
    { "+", SCALAR_TEXT, false, 0, 0 },
    { "0-", SCALAR_TEXT, false, 0, 0 },
    { "2001-12-14", SCALAR_TIME, false, 0, 0 },
    { "2001-1-2", SCALAR_TEXT, false, 0, 0 },
    { "2001-13-01", SCALAR_UNREADABLE, false, 0, 0 },
    { "2017-02-30", SCALAR_UNREADABLE, false, 0, 0 },
    { "2016-02-29", SCALAR_TIME, false, 0, 0 },
    { "1900-02-29", SCALAR_UNREADABLE, false, 0, 0 },
    { "0000-01-01", SCALAR_UNREADABLE, false, 0, 0 },
    { "2001-12-14t21:59:43.10-05:00", SCALAR_TIME, false, 0, 0 },
    { "2001-12-14 21:59:43.10 -5", SCALAR_TIME, false, 0, 0 },
    { "2001-12-15 2:59:43.10", SCALAR_TIME, false, 0, 0 },
    { "2001-12-14T21:59:43Z", SCALAR_TIME, false, 0, 0 },
    { "2001-12-14 21:59:60", SCALAR_UNREADABLE, false, 0, 0 },
    { "2001-12-14 24:00:00", SCALAR_UNREADABLE, false, 0, 0 },
    { "2001-1-2 3:04:05", SCALAR_TIME, false, 0, 0 },
    { "2001-12-14T21:59", SCALAR_TEXT, false, 0, 0 },
    { "2001-12-14 ", SCALAR_TEXT, false, 0, 0 },
    { "20011214", SCALAR_INT, false, 20011214, 0 },
    { "12:30:45", SCALAR_INT, false, 45045, 0 },
    { "0_", SCALAR_INT, false, 0, 0 },
    { "00", SCALAR_INT, false, 0, 0 },
    { "-0", SCALAR_INT, false, 0, 0 },
    { "+0", SCALAR_INT, false, 0, 0 },
    { "0x", SCALAR_TEXT, false, 0, 0 },
    { "1_", SCALAR_INT, false, 1, 0 },
    { "-1_0", SCALAR_INT, false, -10, 0 },
    { "685_230.15", SCALAR_FLOAT, false, 0, 685230.15 },
    { "0b1_0", SCALAR_INT, false, 2, 0 },
    { "0xFF_FF", SCALAR_INT, false, 65535, 0 },
    { "1:2_3", SCALAR_TEXT, false, 0, 0 },
    { "1_0:30", SCALAR_INT, false, 630, 0 },
    { "5x", SCALAR_TEXT, false, 0, 0 },
    { "0.1_", SCALAR_FLOAT, false, 0, 0.1 },
    { "1.e+1", SCALAR_FLOAT, false, 0, 10.0 },
    { "1.e1", SCALAR_TEXT, false, 0, 0 },
    { "infinity", SCALAR_TEXT, false, 0, 0 },
    { "nan", SCALAR_TEXT, false, 0, 0 },
    { "1:59:59.9", SCALAR_FLOAT, false, 0, 7199.9 },
    { "-190:20:30", SCALAR_INT, false, -685230, 0 },
    { "  ", SCALAR_TEXT, false, 0, 0 },
};

static bool same_real(double a, double b)
{
    return isnan(a) ? isnan(b) : fabs(a - b) <= fabs(b) * 1e-15 || (isinf(b) && a == b);
}

static void expect(const struct expectation *wanted, const struct yaml_scalar *got)
{
    bool same = got->kind == wanted->kind && got->boolean == wanted->boolean && got->integer == wanted->integer
                && same_real(got->real, wanted->real);

    if (!same)
        fail_msg("'%s': kind %d, %d, %lld, %g", wanted->text, got->kind, got->boolean, (long long)got->integer, got->real);
}

static void test_plain_scalars(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        struct yaml_scalar got = yaml_scalar_resolve(plain[i].text, strlen(plain[i].text));

        expect(&plain[i], &got);
    }
}

/* Every prefix and every suffix of every text gives an answer, with nothing read behind its NUL. */
static void test_parts_of_scalars(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        for (size_t n = 0; n <= strlen(plain[i].text); n++) {
            char *part = strndup(plain[i].text, n);

            assert_non_null(part);
            assert_in_range(yaml_scalar_resolve(part, n).kind, SCALAR_NULL, SCALAR_UNREADABLE);
            assert_in_range(yaml_scalar_resolve(plain[i].text + n, strlen(plain[i].text + n)).kind, SCALAR_NULL,
                            SCALAR_UNREADABLE);
            free(part);
        }
}

static void test_flags(void **state)
{
    (void)state;
    assert_true(yaml_scalar_resolve("1:30", 4).sexagesimal);
    assert_true(yaml_scalar_resolve("1:30.5", 6).sexagesimal);
    assert_false(yaml_scalar_resolve("130", 3).sexagesimal);
    assert_true(yaml_scalar_resolve("0300", 4).octal);
    assert_false(yaml_scalar_resolve("0", 1).octal);
    assert_false(yaml_scalar_resolve("08", 2).octal);
    assert_true(yaml_scalar_resolve("99999999999999999999", 20).beyond);
    assert_true(yaml_scalar_resolve("1:2:3:4:5:6:7:8:9:10:11:12:13", 29).beyond);
    assert_false(yaml_scalar_resolve("9223372036854775807", 19).beyond);
}

static void test_nul_inside_is_text(void **state)
{
    (void)state;
    assert_int_equal(yaml_scalar_resolve("12\0003", 4).kind, SCALAR_TEXT);
    assert_int_equal(yaml_scalar_resolve("\0", 1).kind, SCALAR_TEXT);
}

static void test_long_float_has_no_value(void **state)
{
    char text[YAML_SCALAR_MAX_REAL + 2] = { '\0' };

    (void)state;
    memset(text, '1', YAML_SCALAR_MAX_REAL);
    text[1] = '.';
    assert_true(yaml_scalar_resolve(text, YAML_SCALAR_MAX_REAL).real > 1.1);
    text[YAML_SCALAR_MAX_REAL] = '1';
    assert_int_equal(yaml_scalar_resolve(text, YAML_SCALAR_MAX_REAL + 1).kind, SCALAR_FLOAT);
    assert_true(isnan(yaml_scalar_resolve(text, YAML_SCALAR_MAX_REAL + 1).real) != 0);
}

static void test_tags(void **state)
{
    static const struct {
        const char *tag;
        struct expectation wanted;
    } tagged[] = {
        { "str", { "5", SCALAR_TEXT, false, 0, 0 } },
        { "str", { "", SCALAR_TEXT, false, 0, 0 } },
        { "int", { "5", SCALAR_INT, false, 5, 0 } },
        { "int", { "1:30", SCALAR_INT, false, 90, 0 } },
        { "int", { "x", SCALAR_UNREADABLE, false, 0, 0 } },
        { "int", { "1.5", SCALAR_UNREADABLE, false, 0, 1.5 } },
        { "int", { "", SCALAR_UNREADABLE, false, 0, 0 } },
        { "float", { "5", SCALAR_FLOAT, false, 0, 5 } },
        { "float", { "-1.5", SCALAR_FLOAT, false, 0, -1.5 } },
        { "float", { "0x10", SCALAR_UNREADABLE, false, 16, 0 } },
        { "bool", { "YES", SCALAR_BOOL, true, 0, 0 } },
        { "bool", { "oFF", SCALAR_BOOL, false, 0, 0 } },
        { "bool", { "maybe", SCALAR_UNREADABLE, false, 0, 0 } },
        { "null", { "x", SCALAR_NULL, false, 0, 0 } },
        { "timestamp", { "2001-12-14", SCALAR_TIME, false, 0, 0 } },
        { "timestamp", { "5", SCALAR_UNREADABLE, false, 5, 0 } },
    };
    struct yaml_scalar got;
    char tag[64];

    (void)state;
    for (size_t i = 0; i < sizeof tagged / sizeof *tagged; i++) {
        snprintf(tag, sizeof tag, "tag:yaml.org,2002:%s", tagged[i].tag);
        assert_true(yaml_scalar_construct(tag, tagged[i].wanted.text, strlen(tagged[i].wanted.text), &got));
        expect(&tagged[i].wanted, &got);
    }
    assert_false(yaml_scalar_construct("tag:yaml.org,2002:binary", "aGk=", 4, &got));
    assert_false(yaml_scalar_construct("!int", "5", 1, &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_scalars),      cmocka_unit_test(test_parts_of_scalars),        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_nul_inside_is_text), cmocka_unit_test(test_long_float_has_no_value), cmocka_unit_test(test_tags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
