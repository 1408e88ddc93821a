/* Histograms as lines of bars. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bars.c"

#define MS UINT64_C(1000000)

static void the_scale_has_round_ends(void **state)
{
    static const struct {
        uint64_t min_ns, max_ns, low_ns, high_ns;
    } cases[] = {
        { 72 * MS, 75 * MS, 50 * MS, 100 * MS },
        { 50 * MS, 100 * MS, 50 * MS, 100 * MS },
        { 50 * MS - 1, 100 * MS + 1, 20 * MS, 200 * MS },
        { MS, MS, MS, 2 * MS }, /* one sample has a scale too */
        { 0, 1, 500, 1000 },
        { 0, UINT64_MAX, 500, 200000 * MS }, /* whatever a segment says */
        { UINT64_MAX, UINT64_MAX, 200000 * MS, 500000 * MS },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bars_scale scale;

        bars_scale_init(&scale, cases[i].min_ns, cases[i].max_ns);
        assert_int_equal(scale.low_ns, cases[i].low_ns);
        assert_int_equal(scale.high_ns, cases[i].high_ns);
        assert_int_equal(scale.first, histogram_bucket(scale.low_ns));
        assert_true(scale.bucket_count > 0 && scale.first + scale.bucket_count <= HISTOGRAM_BUCKETS);
    }
}

static void labels(void **state)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = { { 500, "500ns" },      { 1000, "1us" },     { 500000, "500us" },    { MS, "1ms" },
                  { 200 * MS, "200ms" }, { 1000 * MS, "1s" }, { 200000 * MS, "200s" } };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[BARS_LABEL_STRLEN];

        assert_string_equal(bars_label(text, cases[i].ns), cases[i].text);
    }
}

/* What is left and right of it, whatever the number of cells, and the same in every row. */
static void a_time_has_its_place(void **state)
{
    struct bars_scale scale;

    (void)state;
    bars_scale_init(&scale, MS, 1000 * MS);
    for (unsigned cells = 1; cells <= BARS_MAX_CELLS; cells++) {
        uint64_t times[] = { MS, 31 * MS, 1000 * MS };
        unsigned places[3] = { 0 };

        for (size_t i = 0; i < 3; i++) {
            uint8_t levels[BARS_MAX_CELLS];
            struct histogram histogram = { { 0 } };

            histogram_add(&histogram, times[i]);
            bars_levels(&scale, &histogram, cells, levels);
            while (levels[places[i]] == 0)
                assert_true(++places[i] < cells);
            assert_int_equal(levels[places[i]], BARS_LEVELS);
        }
        assert_int_equal(places[0], 0);
        assert_int_equal(places[2], cells - 1);
        assert_true(places[1] * 2 + 2 >= cells && places[1] * 2 <= cells); /* half of the octaves are on either side */
    }
}

static void heights_follow_the_counts_and_one_sample_is_seen(void **state)
{
    struct histogram histogram = { { 0 } };
    uint8_t levels[BARS_MAX_CELLS];
    struct bars_scale scale;

    (void)state;
    bars_scale_init(&scale, MS, 1000 * MS);
    histogram.count[histogram_bucket(2 * MS)] = 1000000;
    histogram.count[histogram_bucket(30 * MS)] = 500000;
    histogram.count[histogram_bucket(900 * MS)] = 1;
    bars_levels(&scale, &histogram, 10, levels);
    assert_int_equal(levels[1], 8);
    assert_int_equal(levels[4], 4);
    assert_int_equal(levels[9], 1);
    assert_int_equal(levels[0] + levels[2] + levels[3] + levels[5] + levels[6] + levels[7] + levels[8], 0);
    histogram.count[histogram_bucket(2 * MS)] = UINT32_MAX; /* nothing overflows */
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        histogram.count[i] = UINT32_MAX;
    bars_levels(&scale, &histogram, 1, levels);
    assert_int_equal(levels[0], 8);
}

/* More cells than buckets: the neighbours share a bucket, and there is no gap between two that are next to each other. */
static void a_wide_line_has_no_gaps(void **state)
{
    struct histogram histogram = { { 0 } };
    uint8_t levels[BARS_MAX_CELLS];
    struct bars_scale scale;

    (void)state;
    bars_scale_init(&scale, MS, 2 * MS);
    for (uint32_t i = 0; i < scale.bucket_count; i++)
        histogram.count[scale.first + i] = 7;
    bars_levels(&scale, &histogram, BARS_MAX_CELLS, levels);
    for (unsigned i = 0; i < BARS_MAX_CELLS; i++)
        assert_int_equal(levels[i], 8);
}

static void bars_of_several_lines(void **state)
{
    struct histogram histogram = { { 0 } };
    uint8_t heights[BARS_MAX_CELLS], levels[BARS_MAX_CELLS];
    struct bars_scale scale;
    char text[BARS_TEXT_STRLEN];

    (void)state;
    bars_scale_init(&scale, MS, 1000 * MS);
    histogram.count[histogram_bucket(2 * MS)] = 1000000;
    histogram.count[histogram_bucket(30 * MS)] = 500000;
    histogram.count[histogram_bucket(900 * MS)] = 1;
    bars_heights(&scale, &histogram, 10, 3, heights);
    assert_int_equal(heights[1], 24);
    assert_int_equal(heights[4], 12);
    assert_int_equal(heights[9], 1);
    bars_line(heights, 10, 0, levels);
    assert_string_equal(bars_text(text, levels, 10, true), " █  █    ▁");
    bars_line(heights, 10, 1, levels);
    assert_string_equal(bars_text(text, levels, 10, true), " █  ▄     ");
    bars_line(heights, 10, 2, levels);
    assert_string_equal(bars_text(text, levels, 10, true), " █        ");
    bars_heights(&scale, &histogram, BARS_MAX_CELLS, BARS_MAX_LINES, heights);
    for (unsigned i = 0; i < BARS_MAX_CELLS; i++)
        assert_true(heights[i] <= BARS_MAX_LINES * BARS_LEVELS);
    for (unsigned i = 0; i < BARS_MAX_CELLS; i++)
        levels[i] = BARS_LEVELS;
    assert_int_equal(strlen(bars_text(text, levels, BARS_MAX_CELLS, true)), BARS_TEXT_STRLEN - 1);
}

static void drawn(bool is_utf8, const char *text)
{
    static const uint8_t levels[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
    char *printed;
    size_t size;
    FILE *stream = open_memstream(&printed, &size);

    bars_draw(stream, levels, sizeof levels, is_utf8);
    fclose(stream);
    assert_string_equal(printed, text);
    free(printed);
}

static void blocks_or_ascii(void **state)
{
    (void)state;
    drawn(true, " ▁▂▃▄▅▆▇█");
    drawn(false, " .:-=+*#@");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scale_has_round_ends), cmocka_unit_test(labels),
        cmocka_unit_test(a_time_has_its_place),     cmocka_unit_test(heights_follow_the_counts_and_one_sample_is_seen),
        cmocka_unit_test(a_wide_line_has_no_gaps),  cmocka_unit_test(blocks_or_ascii),
        cmocka_unit_test(bars_of_several_lines),
    };

    return cmocka_run_group_tests_name("bars", tests, NULL, NULL);
}
