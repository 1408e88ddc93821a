/* test_interval.c: which rows of two copies belong together, and what was measured between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool no_memory;

static void *test_malloc_or_not(size_t size)
{
    return no_memory ? NULL : malloc(size);
}

#define malloc(size) test_malloc_or_not(size)
#include "interval.c"
#include "row_index.c"
#undef malloc

#define ROWS 4
#define MS UINT64_C(1000000)

static const enum interval_measure of_histogram[] = { INTERVAL_p50, INTERVAL_p95, INTERVAL_p99, INTERVAL_min, INTERVAL_max };

/* A copy with room for ROWS rows, in memory of its own. */
struct scene {
    struct segment_copy copy;
    struct seg_row rows[ROWS];
    struct histogram histograms[ROWS];
    struct buckets buckets[ROWS]; /* all of them */
};

/* The copy's arrays are the scene's own. */
static void scene_settle(struct scene *scene)
{
    scene->copy.rows = scene->rows;
    scene->copy.buckets = scene->buckets;
    for (uint32_t n = 0; n < ROWS; n++)
        scene->buckets[n] = (struct buckets){ scene->histograms[n].count, 0, HISTOGRAM_BUCKETS };
}

/* Row n is of instance n % 2, born as n + 1. */
static void scene_init(struct scene *scene, uint32_t row_count)
{
    memset(scene, 0, sizeof *scene);
    scene->copy.header = (struct seg_header){ .pid = 7, .pid_start_ticks = 11, .start_boottime_ns = 13, .boot_id = "this boot" };
    scene->copy.snapshot.row_count = row_count;
    scene_settle(scene);
    for (uint32_t n = 0; n < ROWS; n++) {
        scene->rows[n].instance = n % 2;
        scene->rows[n].birth = n + 1;
    }
}

/* The same publication, later. */
static void scene_copy(struct scene *to, const struct scene *from)
{
    *to = *from;
    scene_settle(to);
}

/* One more round trip, as the helper counts it. */
static void add_sample(struct scene *scene, uint32_t place, uint64_t ns)
{
    struct seg_row *row = &scene->rows[place];

    row->min_ns = row->samples == 0 || ns < row->min_ns ? ns : row->min_ns;
    row->max_ns = ns > row->max_ns ? ns : row->max_ns;
    row->last_ns = ns;
    row->sum_ns += ns;
    row->samples++;
    scene->histograms[place].count[histogram_bucket(ns)]++;
}

static void swap_rows(struct scene *scene, uint32_t a, uint32_t b)
{
    const struct seg_row row = scene->rows[a];
    const struct histogram histogram = scene->histograms[a];

    scene->rows[a] = scene->rows[b];
    scene->histograms[a] = scene->histograms[b];
    scene->rows[b] = row;
    scene->histograms[b] = histogram;
}

/* Row `place` of now, and what it was in then (NULL: there is none). */
static struct interval find(const struct scene *then, const struct scene *now, uint32_t place)
{
    struct interval_index index;
    struct interval interval;

    interval_index_init(&index, then == NULL ? NULL : &then->copy, &now->copy);
    assert_int_equal(interval_find(&index, &now->copy, place, &interval), 0);
    interval_index_free(&index);
    assert_ptr_equal(interval.now, &now->rows[place]);
    return interval;
}

static void assert_ms(double got, double expected)
{
    if (!(got > expected - 1e-9 && got < expected + 1e-9))
        fail_msg("%.9f is not %.9f", got, expected);
}

static void without_an_earlier_copy_it_is_the_whole_life(void **state)
{
    static const struct seg_row zero;
    struct scene now;
    struct interval interval;
    double ms[INTERVAL_MEASURE_COUNT];

    (void)state;
    scene_init(&now, ROWS);
    add_sample(&now, 2, 3 * MS);
    add_sample(&now, 2, 5 * MS);
    now.rows[2].srtt_ns = 4 * MS;
    now.rows[2].jitter_ns = MS / 8;
    now.rows[2].window_min_ns = 2 * MS;
    now.rows[2].handshake_samples = 2;
    now.rows[2].handshake_sum_ns = 9 * MS;
    interval = find(NULL, &now, 2);
    assert_null(interval.then);
    assert_null(interval.then_buckets.count);
    assert_ptr_equal(interval.now_buckets.count, now.histograms[2].count);
    assert_memory_equal(interval_start(&interval), &zero, sizeof zero);
    interval_measure(&interval, ms);
    assert_ms(ms[INTERVAL_last], 5);
    assert_ms(ms[INTERVAL_avg], 4);
    assert_ms(ms[INTERVAL_jitter], 0.125);
    assert_ms(ms[INTERVAL_mean], 4);
    assert_ms(ms[INTERVAL_min], 3); /* exact */
    assert_ms(ms[INTERVAL_max], 5);
    assert_ms(ms[INTERVAL_window_min], 2);
    assert_ms(ms[INTERVAL_handshake], 4.5);
    assert_true(ms[INTERVAL_p50] >= 3 && ms[INTERVAL_p50] < 3.2);
}

static void a_row_in_its_place_needs_no_sorting(void **state)
{
    struct scene then, now;
    struct interval_index index;
    struct interval interval;

    (void)state;
    scene_init(&then, ROWS);
    scene_init(&now, ROWS);
    interval_index_init(&index, &then.copy, &now.copy);
    for (uint32_t n = 0; n < ROWS; n++) {
        assert_int_equal(interval_find(&index, &now.copy, n, &interval), 0);
        assert_ptr_equal(interval.then, &then.rows[n]);
        assert_ptr_equal(interval.then_buckets.count, then.histograms[n].count);
        assert_ptr_equal(interval_start(&interval), &then.rows[n]);
    }
    assert_null(index.rows.sorted);
    interval_index_free(&index);
}

static void reordered_rows_are_found_with_their_histograms(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then, ROWS);
    swap_rows(&then, 0, 3);
    swap_rows(&then, 1, 2);
    scene_copy(&now, &then);
    for (uint32_t turn = 1; turn < ROWS; turn++) { /* every row comes to every place */
        for (uint32_t n = 0; n + 1 < ROWS; n++)
            swap_rows(&now, n, n + 1);
        for (uint32_t n = 0; n < ROWS; n++) {
            const struct interval interval = find(&then, &now, n);
            const uint32_t was = (n + turn) % ROWS;

            assert_ptr_equal(interval.then, &then.rows[was]);
            assert_ptr_equal(interval.then_buckets.count, then.histograms[was].count);
        }
    }
}

static void rows_are_looked_for_in_all_of_a_shorter_or_longer_copy(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then, 2);
    scene_init(&now, ROWS);
    assert_ptr_equal(find(&then, &now, 1).then, &then.rows[1]);
    assert_null(find(&then, &now, 2).then); /* is in memory, but not in the copy */
    swap_rows(&now, 1, 3);
    assert_ptr_equal(find(&then, &now, 3).then, &then.rows[1]);
    then.copy.snapshot.row_count = ROWS;
    now.copy.snapshot.row_count = 2;
    assert_ptr_equal(find(&then, &now, 1).then, &then.rows[3]);
    then.copy.snapshot.row_count = 0;
    assert_null(find(&then, &now, 0).then);
}

static void a_row_that_came_back_is_another(void **state)
{
    struct scene then, now;
    struct interval interval;
    double ms[INTERVAL_MEASURE_COUNT];

    (void)state;
    scene_init(&then, ROWS);
    add_sample(&then, 1, 9 * MS);
    scene_init(&now, ROWS);
    now.rows[1].birth = ROWS + 1;
    add_sample(&now, 1, 2 * MS);
    interval = find(&then, &now, 1);
    assert_null(interval.then);
    assert_null(interval.then_buckets.count);
    interval_measure(&interval, ms);
    assert_ms(ms[INTERVAL_mean], 2);
    assert_ms(ms[INTERVAL_max], 2);
}

/* The configuration was read anew, with an instance more in front. */
static void a_row_is_the_same_whatever_its_instance_is_called(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then, ROWS);
    scene_copy(&now, &then);
    for (uint32_t n = 0; n < ROWS; n++)
        now.rows[n].instance++;
    swap_rows(&now, 0, 3);
    for (uint32_t n = 0; n < ROWS; n++)
        assert_ptr_equal(find(&then, &now, n).then, &then.rows[n == 0 ? 3 : n == 3 ? 0 : n]);
}

static void after_a_restart_all_is_whole_life(void **state)
{
    struct scene same, other[4];

    (void)state;
    scene_init(&same, ROWS);
    for (size_t n = 0; n < 4; n++)
        scene_init(&other[n], ROWS);
    assert_true(interval_same_helper(&same.copy, &other[0].copy));
    other[0].copy.header.pid++;
    other[1].copy.header.pid_start_ticks++;
    other[2].copy.header.start_boottime_ns++;
    other[3].copy.header.boot_id[sizeof other[3].copy.header.boot_id - 1] = 'x';
    for (size_t n = 0; n < 4; n++) {
        assert_false(interval_same_helper(&same.copy, &other[n].copy));
        assert_null(find(&other[n], &same, 1).then);
        assert_null(find(&other[n], &same, 1).then_buckets.count);
    }
}

static void counters_wrap(void **state)
{
    struct scene then, now;
    struct interval interval;
    double ms[INTERVAL_MEASURE_COUNT];
    const uint32_t bucket = histogram_bucket(10 * MS);

    (void)state;
    scene_init(&then, ROWS);
    then.rows[0] = (struct seg_row){ .birth = 1,
                                     .samples = UINT64_MAX,
                                     .sum_ns = UINT64_MAX - MS,
                                     .min_ns = MS,
                                     .max_ns = 99 * MS,
                                     .handshake_samples = UINT64_MAX,
                                     .handshake_sum_ns = UINT64_MAX };
    then.histograms[0].count[bucket] = UINT32_MAX - 1; /* 2^32 - 2 + 4 = 2 */
    scene_copy(&now, &then);
    for (int n = 0; n < 4; n++)
        add_sample(&now, 0, 10 * MS);
    now.rows[0].min_ns = MS; /* the life of this row has been long */
    now.rows[0].handshake_samples += 2;
    now.rows[0].handshake_sum_ns += 3 * MS;
    assert_int_equal(now.rows[0].samples, 3);
    assert_int_equal(now.histograms[0].count[bucket], 2);
    interval = find(&then, &now, 0);
    interval_measure(&interval, ms);
    assert_ms(ms[INTERVAL_mean], 10);
    assert_ms(ms[INTERVAL_handshake], 1.5);
    assert_ms(ms[INTERVAL_min], (double)histogram_lower_ns(bucket) / 1e6);
    assert_ms(ms[INTERVAL_max], (double)histogram_upper_ns(bucket) / 1e6);
    assert_true(ms[INTERVAL_p50] > ms[INTERVAL_min] && ms[INTERVAL_p50] < ms[INTERVAL_p99]);
}

static void only_the_interval_counts(void **state)
{
    struct scene then, now;
    struct interval interval;
    double ms[INTERVAL_MEASURE_COUNT];

    (void)state;
    scene_init(&then, ROWS);
    for (int n = 0; n < 1000; n++)
        add_sample(&then, 0, 80 * MS);
    scene_copy(&now, &then);
    add_sample(&now, 0, 20 * MS);
    add_sample(&now, 0, 40 * MS);
    interval = find(&then, &now, 0);
    interval_measure(&interval, ms);
    assert_ms(ms[INTERVAL_mean], 30);
    assert_ms(ms[INTERVAL_min], 20); /* the least of its life: narrower than the bucket */
    assert_ms(ms[INTERVAL_max], (double)histogram_upper_ns(histogram_bucket(40 * MS)) / 1e6);
    assert_true(ms[INTERVAL_p50] >= 20 && ms[INTERVAL_p50] < 21.25);
    assert_true(ms[INTERVAL_p99] >= 38 && ms[INTERVAL_p99] <= ms[INTERVAL_max]);
    assert_ms(ms[INTERVAL_window_min], INTERVAL_NONE);
    assert_ms(ms[INTERVAL_handshake], INTERVAL_NONE);
}

static void assert_near(double got, double expected)
{
    assert_true(got > expected * 0.98 && got < expected * 1.02);
}

static void percentiles_are_what_they_are_called(void **state)
{
    struct scene then, now;
    struct interval interval;
    double ms[INTERVAL_MEASURE_COUNT];

    (void)state;
    scene_init(&then, ROWS);
    add_sample(&then, 0, 500 * MS);
    scene_copy(&now, &then);
    for (uint64_t n = 1; n <= 1000; n++)
        add_sample(&now, 0, n * MS / 10);
    interval = find(&then, &now, 0);
    interval_measure(&interval, ms);
    assert_near(ms[INTERVAL_p50], 50);
    assert_near(ms[INTERVAL_p95], 95);
    assert_near(ms[INTERVAL_p99], 99);
}

static uint64_t next_random(void)
{
    static uint64_t state = 20260101;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return state >> 33;
}

/* From below the first bucket to 69 s. */
static uint64_t random_rtt_ns(void)
{
    return (UINT64_C(1) << next_random() % 37) + next_random() % 1000;
}

static void assert_in_order(const double ms[static INTERVAL_MEASURE_COUNT], double least, double most)
{
    const double rising[] = { least, ms[INTERVAL_min], ms[INTERVAL_p50], ms[INTERVAL_p95], ms[INTERVAL_p99], ms[INTERVAL_max] };

    for (size_t n = 1; n < sizeof rising / sizeof rising[0]; n++)
        assert_true(rising[n - 1] <= rising[n]);
    assert_true(least <= ms[INTERVAL_mean] && ms[INTERVAL_mean] <= most);
    assert_true(ms[INTERVAL_max] >= most);
}

static void percentiles_lie_between_min_and_max(void **state)
{
    double ms[INTERVAL_MEASURE_COUNT];
    struct scene then, now;
    struct interval interval;

    (void)state;
    for (unsigned turn = 0; turn < 2000; turn++) {
        const bool whole_life = turn % 2 == 0;
        uint64_t least = UINT64_MAX, most = 0;

        scene_init(&then, 1);
        for (uint64_t n = next_random() % 4; n > 0; n--)
            add_sample(&then, 0, random_rtt_ns());
        if (whole_life)
            scene_init(&then, 1);
        scene_copy(&now, &then);
        for (uint64_t n = 1 + next_random() % 9; n > 0; n--) {
            const uint64_t ns = random_rtt_ns();

            least = ns < least ? ns : least;
            most = ns > most ? ns : most;
            add_sample(&now, 0, ns);
        }
        interval = find(whole_life ? NULL : &then, &now, 0);
        interval_measure(&interval, ms);
        assert_in_order(ms, to_ms(now.rows[0].min_ns), to_ms(most));
        assert_true(ms[INTERVAL_min] <= to_ms(least));
        assert_true(ms[INTERVAL_max] <= to_ms(now.rows[0].max_ns));
    }
}

static void assert_nothing(const struct interval *interval)
{
    double ms[INTERVAL_MEASURE_COUNT];

    interval_measure(interval, ms);
    for (int i = 0; i < INTERVAL_MEASURE_COUNT; i++)
        assert_ms(ms[i], INTERVAL_NONE);
}

static void without_a_sample_there_is_no_value(void **state)
{
    struct scene then, now;
    struct interval interval;

    (void)state;
    scene_init(&then, ROWS);
    interval = find(NULL, &then, 0);
    assert_nothing(&interval); /* never any */
    add_sample(&then, 0, 5 * MS);
    then.rows[0].srtt_ns = 5 * MS;
    then.rows[0].window_min_ns = 5 * MS;
    scene_copy(&now, &then);
    interval = find(&then, &now, 0);
    assert_nothing(&interval); /* none since then: an old value is not repeated */
    add_sample(&now, 0, 5 * MS);
    now.rows[0].flags = SEG_ROW_OTHER;
    interval = find(&then, &now, 0);
    assert_nothing(&interval); /* a sum of many peers */
}

/* Which of the values that come from histograms are there without them. */
static void check_without_histograms(const struct scene *then, const struct scene *now, bool has_bounds)
{
    const struct interval interval = find(then, now, 3);
    double ms[INTERVAL_MEASURE_COUNT];

    interval_measure(&interval, ms);
    assert_ms(ms[INTERVAL_mean], 5);
    for (size_t i = 0; i < sizeof of_histogram / sizeof of_histogram[0]; i++) {
        const bool bound = of_histogram[i] == INTERVAL_min || of_histogram[i] == INTERVAL_max;

        assert_ms(ms[of_histogram[i]], bound && has_bounds ? 5 : INTERVAL_NONE);
    }
}

static void histograms_are_needed_at_both_ends(void **state)
{
    struct scene then, now;

    (void)state;
    scene_init(&then, ROWS);
    scene_init(&now, ROWS);
    add_sample(&now, 3, 5 * MS);
    now.copy.buckets = NULL;
    check_without_histograms(NULL, &now, true);
    check_without_histograms(&then, &now, false);
    then.copy.buckets = NULL;
    check_without_histograms(&then, &now, false);
    now.copy.buckets = now.buckets;
    check_without_histograms(&then, &now, false);
    then.copy.buckets = then.buckets;
    memset(now.histograms, 0, sizeof now.histograms); /* samples that are in no bucket */
    check_without_histograms(&then, &now, false);
}

static void out_of_memory_is_said(void **state)
{
    struct scene then, now;
    struct interval_index index;
    struct interval interval;

    (void)state;
    scene_init(&then, ROWS);
    scene_init(&now, ROWS);
    swap_rows(&now, 0, 1);
    interval_index_init(&index, &then.copy, &now.copy);
    no_memory = true;
    assert_int_equal(interval_find(&index, &now.copy, 2, &interval), 0); /* in its place: nothing is sorted */
    assert_int_equal(interval_find(&index, &now.copy, 0, &interval), -1);
    no_memory = false;
    assert_int_equal(interval_find(&index, &now.copy, 0, &interval), 0);
    assert_ptr_equal(interval.then, &then.rows[1]);
    interval_index_free(&index);
    interval_index_free(&index); /* harmless */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_an_earlier_copy_it_is_the_whole_life),
        cmocka_unit_test(a_row_in_its_place_needs_no_sorting),
        cmocka_unit_test(reordered_rows_are_found_with_their_histograms),
        cmocka_unit_test(rows_are_looked_for_in_all_of_a_shorter_or_longer_copy),
        cmocka_unit_test(a_row_that_came_back_is_another),
        cmocka_unit_test(a_row_is_the_same_whatever_its_instance_is_called),
        cmocka_unit_test(after_a_restart_all_is_whole_life),
        cmocka_unit_test(counters_wrap),
        cmocka_unit_test(only_the_interval_counts),
        cmocka_unit_test(percentiles_are_what_they_are_called),
        cmocka_unit_test(percentiles_lie_between_min_and_max),
        cmocka_unit_test(without_a_sample_there_is_no_value),
        cmocka_unit_test(histograms_are_needed_at_both_ends),
        cmocka_unit_test(out_of_memory_is_said),
    };

    return cmocka_run_group_tests_name("interval", tests, NULL, NULL);
}
