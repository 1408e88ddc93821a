/* test_since.c: whose time is later than a frame's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "since.h"

#define LAST (UINT64_C(1) << 63)

static void none_is_later_than_anything(void **state)
{
    const struct since none = { 0 };

    (void)state;
    assert_int_equal(since_later(&none, INT64_MIN), 0);
    assert_int_equal(since_later(&none, INT64_MAX), 0);
}

static void each_has_its_own_time(void **state)
{
    struct since since = { 0 };

    (void)state;
    since_note(&since, 1 | LAST, 1000);
    since_note(&since, 2, 2000);
    since_note(&since, 0, 9000);
    assert_int_equal(since.instances, 3 | LAST);
    assert_int_equal(since.newest_ns, 2000);
    assert_int_equal(since_later(&since, 999), 3 | LAST);
    assert_int_equal(since_later(&since, 1000), 2);
    assert_int_equal(since_later(&since, 1999), 2);
    assert_int_equal(since_later(&since, 2000), 0);
    since_note(&since, 1, 3000); /* once more */
    assert_int_equal(since_later(&since, 1500), 3);
    assert_int_equal(since_later(&since, 2500), 1);
}

/* The wall clock may be set back in between. */
static void what_was_forgotten_has_no_time(void **state)
{
    struct since since = { 0 };

    (void)state;
    since_note(&since, 1 | 4, 5000);
    since.instances = 0;
    assert_int_equal(since_later(&since, 0), 0);
    since_note(&since, 4, 100);
    assert_int_equal(since.newest_ns, 100);
    assert_int_equal(since_later(&since, 99), 4);
    assert_int_equal(since_later(&since, 100), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_later_than_anything),
        cmocka_unit_test(each_has_its_own_time),
        cmocka_unit_test(what_was_forgotten_has_no_time),
    };

    return cmocka_run_group_tests_name("since", tests, NULL, NULL);
}
