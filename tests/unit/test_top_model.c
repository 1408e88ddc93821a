/* What `go-metro top` has in mind: order, filter, a selection that goes with its row, and what fits on the screen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "top_fixture.h"
#include "top_model.c"

#define ROWS 10

static struct top_scene before, after;
static struct top_model model;

/* Row n has n round trips a second of n ms; row 0 is idle. */
static int begin(void **state)
{
    (void)state;
    top_scene_init(&before, ROWS);
    top_scene_next(&after, &before);
    for (uint32_t n = 1; n < ROWS; n++)
        top_scene_measure(&after, n, n * TOP_MS, n);
    top_model_init(&model);
    return top_model_take(&model, &before.copy, &after.copy);
}

static int end(void **state)
{
    (void)state;
    top_model_free(&model);
    top_scene_free(&before);
    top_scene_free(&after);
    return 0;
}

static const char *peer(size_t place)
{
    assert_true(place < model.shown_count);
    return model.shown[place]->dst;
}

static const char *selected(void)
{
    const struct top_row *row = top_model_selected(&model);

    return row == NULL ? "" : row->dst;
}

static void sort_by(enum top_column column, bool is_reversed)
{
    model.sort = column;
    model.is_reversed = is_reversed;
    top_model_arrange(&model);
}

static void it_is_sorted_by_each_column_both_ways(void **state)
{
    (void)state;
    for (unsigned column = 0; column < TOP_SORTABLE; column++)
        for (int reversed = 0; reversed < 2; reversed++) {
            sort_by((enum top_column)column, reversed != 0);
            assert_int_equal(model.shown_count, ROWS);
            for (size_t i = 1; i < ROWS; i++)
                assert_true(compare_rows(&model.shown[i - 1], &model.shown[i], &model) < 0);
        }
    sort_by(TOP_COLUMN_RATE, false);
    assert_string_equal(peer(0), "peer9");
    assert_string_equal(peer(ROWS - 1), "peer0");
    sort_by(TOP_COLUMN_RATE, true);
    assert_string_equal(peer(0), "peer0");
    sort_by(TOP_COLUMN_DST, true);
    assert_string_equal(peer(0), "peer9");
    sort_by(TOP_COLUMN_IFACE, false);
    assert_string_equal(peer(0), "peer0");
    assert_string_equal(peer(1), "peer2");
    assert_string_equal(peer(ROWS / 2), "peer1");
}

static void addresses_have_the_order_of_their_numbers(void **state)
{
    static const char *const names[ROWS] = { "10.0.0.10", "10.0.0.9", "10.0.1.0", "9.0.0.1", "db-10",
                                             "db-9",      "db-9.x",   "2001::10", "2001::9", "" };
    static const char *const sorted[ROWS] = { "",        "9.0.0.1",  "10.0.0.9", "10.0.0.10", "10.0.1.0",
                                              "2001::9", "2001::10", "db-9",     "db-9.x",    "db-10" };

    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        strcpy(after.copy.rows[i].peer_name, names[i]);
    model.sort = TOP_COLUMN_DST;
    assert_int_equal(top_model_again(&model), 0);
    for (size_t i = 0; i < ROWS; i++)
        assert_string_equal(peer(i), sorted[i]);
}

static void what_has_no_value_is_last_either_way(void **state)
{
    (void)state;
    sort_by(TOP_COLUMN_AVG, false);
    assert_string_equal(peer(0), "peer9");
    assert_string_equal(peer(ROWS - 1), "peer0");
    sort_by(TOP_COLUMN_AVG, true);
    assert_string_equal(peer(0), "peer1");
    assert_string_equal(peer(ROWS - 1), "peer0");
}

static void filter_by(const char *text)
{
    strcpy(model.filter, text);
    top_model_arrange(&model);
}

static void a_filter_is_of_src_dst_or_iface(void **state)
{
    (void)state;
    filter_by("PEER3");
    assert_int_equal(model.shown_count, 1);
    filter_by("eth1");
    assert_int_equal(model.shown_count, ROWS / 2);
    filter_by("10.0.0.1");
    assert_int_equal(model.shown_count, ROWS);
    filter_by("10.0.0.2");
    assert_int_equal(model.shown_count, 0);
    assert_null(top_model_selected(&model));
    top_model_move(&model, 1); /* nowhere */
    assert_null(top_model_selected(&model));
    strcpy(after.instances[0].interface, "eth1"); /* two on one: each by its own */
    assert_int_equal(top_model_again(&model), 0);
    filter_by("eth1#1");
    assert_int_equal(model.shown_count, ROWS / 2);
    filter_by("eth1");
    assert_int_equal(model.shown_count, ROWS);
    filter_by("%s");
    assert_int_equal(model.shown_count, 0);
    filter_by("");
    model.hides_idle = true;
    top_model_arrange(&model);
    assert_int_equal(model.shown_count, ROWS - 1);
}

static void the_first_step_selects_the_first(void **state)
{
    (void)state;
    assert_string_equal(selected(), "");
    top_model_move(&model, 1);
    assert_string_equal(selected(), "peer9");
    top_model_move(&model, 1);
    assert_string_equal(selected(), "peer8");
    top_model_move(&model, -100);
    assert_string_equal(selected(), "peer9");
    top_model_move(&model, 100);
    assert_string_equal(selected(), "peer0");
    top_model_deselect(&model);
    assert_string_equal(selected(), "");
    top_model_move(&model, -1);
    assert_string_equal(selected(), "peer9");
    top_model_deselect(&model);
    top_model_move(&model, 3);
    assert_string_equal(selected(), "peer6");
}

static void the_selection_goes_with_its_row(void **state)
{
    (void)state;
    top_model_move(&model, 1);
    top_model_move(&model, 2);
    assert_string_equal(selected(), "peer7");
    sort_by(TOP_COLUMN_DST, false);
    assert_string_equal(selected(), "peer7");
    assert_int_equal(model.selected, 7);
    filter_by("eth1");
    assert_string_equal(selected(), "peer7");
    filter_by("");
    /* a new look: the rows are others, and elsewhere */
    strcpy(after.copy.rows[9].peer_name, "peer00");
    assert_int_equal(top_model_again(&model), 0);
    assert_string_equal(selected(), "peer7");
    assert_int_equal(model.selected, 8);
}

static void of_another_helper_process_too(void **state)
{
    struct top_scene other;

    (void)state;
    sort_by(TOP_COLUMN_DST, false);
    top_model_move(&model, 8);
    top_scene_init(&other, ROWS);
    other.copy.header.pid = 99;
    for (uint32_t n = 0; n < ROWS; n++)
        other.copy.rows[n].birth = 1000 - n;
    other.instances[1].fingerprint = 100; /* they have changed places */
    other.instances[0].fingerprint = 101;
    for (uint32_t n = 0; n < ROWS; n++)
        other.copy.rows[n].instance = (n + 1) % 2;
    top_model_forget(&model);
    assert_int_equal(model.shown_count, 0);
    assert_int_equal(top_model_take(&model, NULL, &other.copy), 0);
    assert_string_equal(selected(), "peer8");
    top_scene_free(&other);
}

static void the_same_peer_of_another_instance_is_another(void **state)
{
    (void)state;
    strcpy(after.copy.rows[3].peer_name, "peer2");
    assert_int_equal(top_model_again(&model), 0);
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(peer(i), "peer2") == 0) {
            const struct top_row *row = model.shown[i];

            top_model_deselect(&model);
            top_model_move(&model, 1);
            top_model_move(&model, (long)i);
            sort_by(TOP_COLUMN_DST, false);
            assert_ptr_equal(top_model_selected(&model), row);
            sort_by(TOP_COLUMN_RATE, false);
            assert_ptr_equal(top_model_selected(&model), row);
        }
}

static void what_is_gone_leaves_its_place(void **state)
{
    (void)state;
    top_model_move(&model, 1);
    top_model_move(&model, 3);
    assert_string_equal(selected(), "peer6");
    filter_by("eth1"); /* peer6 is not of it */
    assert_string_equal(selected(), "peer3");
    filter_by("");
    assert_string_equal(selected(), "peer6");
    filter_by("peer9");
    assert_string_equal(selected(), "peer9");
    filter_by("");
    assert_string_equal(selected(), "peer6");
}

static void the_selection_is_on_the_screen(void **state)
{
    (void)state;
    top_model_fit(&model, 4);
    assert_int_equal(model.first, 0);
    for (int step = 0; step < 30; step++) {
        top_model_move(&model, step < 12 ? 1 : step % 3 - 1);
        top_model_fit(&model, 4);
        assert_true(model.selected >= model.first && model.selected < model.first + 4 && model.first + 4 <= ROWS);
    }
    top_model_move(&model, 100);
    top_model_fit(&model, 4);
    assert_int_equal(model.first, ROWS - 4);
    top_model_fit(&model, 100);
    assert_int_equal(model.first, 0);
    top_model_fit(&model, 0); /* a window without room for rows */
    top_model_fit(&model, 1);
    assert_int_equal(model.first, ROWS - 1);
    top_model_deselect(&model);
    top_model_fit(&model, 4);
    assert_int_equal(model.first, 0);
}

static void totals(void **state)
{
    (void)state;
    assert_float_equal(model.all.interval_s, 1, 1e-9);
    model.shows_totals = true;
    assert_int_equal(top_model_again(&model), 0);
    assert_float_equal(model.all.interval_s, 0, 0);
    assert_string_equal(peer(0), "peer9");
}

/* Its rows have no rate: they come last, whichever way. */
static void a_file_in_totals(void **state)
{
    (void)state;
    strcpy(after.instances[1].interface, "file");
    model.shows_totals = true;
    for (int reversed = 0; reversed < 2; reversed++) {
        model.is_reversed = reversed != 0;
        assert_int_equal(top_model_again(&model), 0);
        for (size_t i = 0; i < ROWS; i++)
            assert_int_equal(model.shown[i]->instance == &after.instances[1], i >= ROWS / 2);
    }
}

/* What was idle between the last two looks, in either view. */
static void idle_ones_are_hidden_in_totals_too(void **state)
{
    struct top_scene next;

    (void)state;
    top_scene_next(&next, &after);
    top_scene_measure(&next, 4, TOP_MS, 1);
    model.hides_idle = model.shows_totals = true;
    assert_int_equal(top_model_take(&model, &after.copy, &next.copy), 0);
    assert_int_equal(model.shown_count, 1);
    assert_string_equal(peer(0), "peer4");
    assert_float_equal(model.shown[0]->values[TOP_SAMPLES], 5, 0);
    model.hides_idle = false;
    top_model_arrange(&model);
    assert_int_equal(model.shown_count, ROWS);
    top_scene_free(&next);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_sorted_by_each_column_both_ways),
        TEST(addresses_have_the_order_of_their_numbers),
        TEST(what_has_no_value_is_last_either_way),
        TEST(a_filter_is_of_src_dst_or_iface),
        TEST(the_first_step_selects_the_first),
        TEST(the_selection_goes_with_its_row),
        TEST(of_another_helper_process_too),
        TEST(the_same_peer_of_another_instance_is_another),
        TEST(what_is_gone_leaves_its_place),
        TEST(the_selection_is_on_the_screen),
        TEST(totals),
        TEST(a_file_in_totals),
        TEST(idle_ones_are_hidden_in_totals_too),
    };

    return cmocka_run_group_tests_name("top_model", tests, NULL, NULL);
}
