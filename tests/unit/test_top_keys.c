/* What each key does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "top_fixture.h"
#include "top_keys.c"

#define ROWS 30

static struct top_scene before, after;
static struct top_model model;

static int begin(void **state)
{
    (void)state;
    top_scene_init(&before, ROWS);
    top_scene_next(&after, &before);
    for (uint32_t n = 0; n < ROWS; n++)
        top_scene_measure(&after, n, (n + 1) * TOP_MS, ROWS - n);
    top_model_init(&model);
    if (top_model_take(&model, &before.copy, &after.copy) < 0)
        return -1;
    top_model_fit(&model, 10);
    return 0;
}

static int end(void **state)
{
    (void)state;
    top_model_free(&model);
    top_scene_free(&before);
    top_scene_free(&after);
    return 0;
}

static void press(const int *codes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(top_keys_press(&model, codes[i]), TOP_GO_ON);
        top_model_fit(&model, 10);
    }
}

#define PRESS(...) press((const int[]){ __VA_ARGS__ }, sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

static void quitting(void **state)
{
    (void)state;
    assert_int_equal(top_keys_press(&model, 'q'), TOP_QUIT);
    PRESS('?', 'q'); /* the help alone */
    assert_false(model.shows_help);
    PRESS('/', 'q'); /* a letter */
    assert_string_equal(model.filter, "q");
}

static void each_column_has_its_key(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TOP_SORTABLE; i++) {
        model.sort = i == 0 ? TOP_COLUMN_MAX : TOP_COLUMN_IFACE;
        PRESS(top_columns[i].key);
        assert_int_equal(model.sort, i);
        assert_false(model.is_reversed);
        PRESS(top_columns[i].key);
        assert_true(model.is_reversed);
        PRESS('r');
        assert_false(model.is_reversed);
    }
}

static void left_and_right_go_through_all_columns(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TOP_SORTABLE; i++)
        PRESS(i % 2 == 0 ? '>' : TOP_KEY_RIGHT);
    assert_int_equal(model.sort, TOP_COLUMN_RATE);
    PRESS('<', TOP_KEY_LEFT);
    assert_int_equal(model.sort, TOP_COLUMN_RATE - 2);
    model.sort = TOP_COLUMN_IFACE;
    PRESS('r', '<');
    assert_int_equal(model.sort, TOP_COLUMN_RETX);
    assert_false(model.is_reversed);
}

static void moving(void **state)
{
    (void)state;
    PRESS(TOP_KEY_DOWN);
    assert_int_equal(model.selected, 0);
    PRESS('j', TOP_KEY_DOWN);
    assert_int_equal(model.selected, 2);
    PRESS('k');
    assert_int_equal(model.selected, 1);
    PRESS(TOP_KEY_PAGE_DOWN);
    assert_int_equal(model.selected, 10);
    PRESS(TOP_KEY_END);
    assert_int_equal(model.selected, ROWS - 1);
    assert_int_equal(model.first, ROWS - 10);
    PRESS(TOP_KEY_PAGE_UP);
    assert_int_equal(model.selected, ROWS - 10);
    PRESS(TOP_KEY_HOME, TOP_KEY_UP);
    assert_int_equal(model.selected, 0);
    PRESS(TOP_KEY_ESCAPE);
    assert_null(top_model_selected(&model));
    PRESS(TOP_KEY_END);
    assert_int_equal(model.selected, ROWS - 1);
    PRESS(TOP_KEY_ESCAPE, TOP_KEY_HOME);
    assert_int_equal(model.selected, 0);
}

static void typing_a_filter(void **state)
{
    (void)state;
    PRESS('/', 'e', 't', 'h', '1');
    assert_int_equal(model.shown_count, ROWS / 2);
    PRESS(TOP_KEY_DOWN); /* one may move */
    assert_true(model.has_selection && model.is_typing);
    PRESS(TOP_KEY_BACKSPACE);
    assert_string_equal(model.filter, "eth");
    PRESS(TOP_KEY_ENTER);
    assert_false(model.is_typing);
    assert_string_equal(model.filter, "eth");
    PRESS(TOP_KEY_ESCAPE); /* the filter first, then the selection */
    assert_string_equal(model.filter, "");
    assert_true(model.has_selection);
    PRESS(TOP_KEY_ESCAPE);
    assert_false(model.has_selection);
    PRESS('/', 'x', TOP_KEY_ESCAPE);
    assert_string_equal(model.filter, "");
    assert_false(model.is_typing);
    PRESS('/', TOP_KEY_BACKSPACE, TOP_KEY_BACKSPACE);
    for (int i = 0; i < 1000; i++)
        PRESS('y', TOP_KEY_OTHER);
    assert_int_equal(strlen(model.filter), TOP_FILTER_MAX - 1);
}

static void the_detail(void **state)
{
    (void)state;
    PRESS(TOP_KEY_ENTER); /* of the first */
    assert_true(model.shows_detail);
    assert_int_equal(model.selected, 0);
    PRESS(TOP_KEY_DOWN);
    assert_true(model.shows_detail);
    assert_int_equal(model.selected, 1);
    PRESS(TOP_KEY_ESCAPE);
    assert_false(model.shows_detail);
    assert_true(model.has_selection);
    PRESS(TOP_KEY_ENTER, TOP_KEY_ENTER);
    assert_false(model.shows_detail);
    top_model_forget(&model); /* without rows there is nothing to tell */
    PRESS(TOP_KEY_ENTER);
    assert_false(model.shows_detail);
}

static void switches(void **state)
{
    (void)state;
    PRESS('p');
    assert_true(model.is_paused);
    PRESS(' ');
    assert_false(model.is_paused);
    PRESS('t');
    assert_true(model.shows_totals && model.all.interval_s <= 0);
    PRESS('t');
    assert_true(!model.shows_totals && model.all.interval_s > 0);
    PRESS('i');
    assert_true(model.hides_idle);
    PRESS('h', TOP_KEY_OTHER); /* a window that changes its size is no key */
    assert_true(model.shows_help);
    PRESS('t');
    assert_true(!model.shows_help && !model.shows_totals);
}

/* Whatever is typed. */
static void any_keys_in_any_order(void **state)
{
    uint32_t random = 1;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        random = random * 1664525 + 1013904223;
        (void)top_keys_press(&model, (int)(random >> 16) % (TOP_KEY_OTHER + 8) - 2);
        top_model_fit(&model, (random >> 8) % 40);
        assert_true(model.first <= model.shown_count && model.sort < TOP_SORTABLE && strlen(model.filter) < TOP_FILTER_MAX);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(quitting), TEST(each_column_has_its_key), TEST(left_and_right_go_through_all_columns),
        TEST(moving),   TEST(typing_a_filter),         TEST(the_detail),
        TEST(switches), TEST(any_keys_in_any_order),
    };

    return cmocka_run_group_tests_name("top_keys", tests, NULL, NULL);
}
