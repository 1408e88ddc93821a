/* The columns of `go-metro top`: there is always room for what is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "top_columns.c"
#include "top_fixture.h"

static struct top_scene scene;
static struct top_rows rows;
static struct top_row *shown[3];

static int begin(void **state)
{
    (void)state;
    top_scene_init(&scene, 3);
    top_scene_measure(&scene, 0, 2 * TOP_MS, 30);
    if (top_rows_make(&rows, NULL, &scene.copy, TOP_SPAN_BETWEEN) < 0)
        return -1;
    for (size_t i = 0; i < 3; i++)
        shown[i] = &rows.rows[i];
    return 0;
}

static int end(void **state)
{
    (void)state;
    top_scene_free(&scene);
    top_rows_free(&rows);
    return 0;
}

static void keys_are_of_the_title_and_no_two_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < TOP_COLUMNS; i++) {
        assert_int_equal(top_columns[i].key == '\0', i == TOP_COLUMN_HISTOGRAM);
        assert_non_null(strchr(top_columns[i].title, top_columns[i].key));
        assert_true(top_columns[i].rank <= RANK_MOST);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(top_columns[i].key, top_columns[j].key);
    }
}

static void it_never_is_wider_than_the_screen(void **state)
{
    struct top_layout layout;

    (void)state;
    memset(rows.rows[1].dst, 'x', 200);
    for (unsigned width = 40; width <= 300; width++)
        for (unsigned sort = 0; sort < TOP_SORTABLE; sort++) {
            top_layout_make(&layout, shown, 3, (enum top_column)sort, width);
            assert_true(total_width(&layout, UINT_MAX) <= width);
            assert_int_not_equal(layout.width[sort], 0);
            assert_int_not_equal(layout.width[TOP_COLUMN_DST], 0);
        }
    for (unsigned width = 1; width < 40; width++) /* no use, and no harm */
        top_layout_make(&layout, shown, 3, TOP_COLUMN_AVG, width);
}

static void a_wide_screen_has_them_all(void **state)
{
    struct top_layout layout;

    (void)state;
    top_layout_make(&layout, shown, 3, TOP_COLUMN_RATE, 200);
    for (size_t i = 0; i < TOP_COLUMNS; i++)
        assert_int_not_equal(layout.width[i], 0);
    assert_true(layout.width[TOP_COLUMN_HISTOGRAM] > BARS_LEAST);
    top_layout_make(&layout, shown, 3, TOP_COLUMN_RATE, 80);
    for (size_t i = TOP_COLUMN_IFACE; i <= TOP_COLUMN_DST; i++)
        assert_int_not_equal(layout.width[i], 0);
    assert_int_not_equal(layout.width[TOP_COLUMN_P95], 0);
    assert_true(layout.width[TOP_COLUMN_HISTOGRAM] >= BARS_LEAST);
    assert_int_equal(layout.width[TOP_COLUMN_P99], 0);
    top_layout_make(&layout, shown, 3, TOP_COLUMN_P99, 80); /* what it is sorted by is always there */
    assert_int_not_equal(layout.width[TOP_COLUMN_P99], 0);
}

/* Two rows may be alike in all but the instance: what tells it stays where little else does. */
static void what_tells_instances_apart_never_goes(void **state)
{
    static const char interface[] = "enp0s31f6", address[] = "2001:db8:1111:2222:3333:4444:5555:6666";
    struct top_layout layout;

    (void)state;
    for (uint32_t n = 0; n < 2; n++)
        strcpy(scene.instances[n].interface, interface);
    assert_int_equal(top_rows_make(&rows, NULL, &scene.copy, TOP_SPAN_BETWEEN), 0);
    assert_string_equal(top_column_text(TOP_COLUMN_IFACE, shown[1]), "enp0s31f6#1");
    for (size_t i = 0; i < 3; i++) {
        strcpy(shown[i]->src, address);
        strcpy(shown[i]->dst, address);
    }
    for (unsigned width = 40; width <= 200; width++) {
        top_layout_make(&layout, shown, 3, TOP_COLUMN_RATE, width);
        assert_true(layout.width[TOP_COLUMN_IFACE] >= (width < 50 ? 8 : strlen("enp0s31f6#1"))); /* cut in the middle */
    }
    strcpy(scene.instances[1].interface, "eth1");
    assert_int_equal(top_rows_make(&rows, NULL, &scene.copy, TOP_SPAN_BETWEEN), 0);
    strcpy(shown[1]->dst, address);
    top_layout_make(&layout, shown, 3, TOP_COLUMN_RATE, 40);
    assert_int_equal(layout.width[TOP_COLUMN_IFACE], 0); /* where nothing needs it, it makes room */
}

static void numbers(void **state)
{
    char text[CELLS_NUMBER_STRLEN];

    (void)state;
    assert_string_equal(top_column_number(text, TOP_COLUMN_SAMPLES, shown[0]), "30");
    assert_string_equal(top_column_number(text, TOP_COLUMN_RATE, shown[0]), "3.0");
    assert_string_equal(top_column_number(text, TOP_COLUMN_AVG, shown[0]), "2.00 ms");
    assert_string_equal(top_column_number(text, TOP_COLUMN_AVG, shown[1]), "-   ");
    rows.rows[1].values[TOP_RATE] = TOP_NONE;
    assert_string_equal(top_column_number(text, TOP_COLUMN_RATE, shown[1]), "-");
    rows.rows[1].values[TOP_SAMPLES] = 1.8446744073709552e19; /* modulo 2^64, as a hostile segment has it */
    for (size_t i = TOP_COLUMN_FLOWS; i < TOP_COLUMN_HISTOGRAM; i++)
        assert_true(strlen(top_column_number(text, (enum top_column)i, shown[1])) <= top_columns[i].width);
}

/* A number whose last digit is cut off is another number. */
static void each_number_is_whole(void **state)
{
    static const double values[] = { 0, 9.994, 99.94, 999.94, 9999999, 99949999, 1e18, 1.8446744073709552e19 };
    const double longest_ms = (double)SEG_RTT_MAX_NS / 1e6;
    char text[CELLS_NUMBER_STRLEN];

    (void)state;
    for (size_t column = TOP_COLUMN_FLOWS; column < TOP_COLUMN_HISTOGRAM; column++)
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            const bool is_longer = top_columns[column].kind == TOP_KIND_TIME && values[i] > longest_ms;

            shown[0]->values[top_columns[column].value] = is_longer ? longest_ms : values[i];
            assert_true(strlen(top_column_number(text, (enum top_column)column, shown[0])) <= top_columns[column].width);
        }
    assert_string_equal(cells_count(text, 9999999), "9999999"); /* the greatest in full */
    shown[0]->values[TOP_RETRANSMITS] = 1234567;
    assert_string_equal(top_column_number(text, TOP_COLUMN_RETX, shown[0]), "1234567");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_are_of_the_title_and_no_two_alike),
        TEST(it_never_is_wider_than_the_screen),
        TEST(a_wide_screen_has_them_all),
        TEST(what_tells_instances_apart_never_goes),
        TEST(numbers),
        TEST(each_number_is_whole),
    };

    return cmocka_run_group_tests_name("top_columns", tests, NULL, NULL);
}
