/* What is in use of a histogram says the same as the whole of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool no_memory;

static void *test_realloc_or_not(void *old, size_t size)
{
    return no_memory ? NULL : realloc(old, size);
}

#define realloc(old, size) test_realloc_or_not(old, size)
#include "buckets.c"
#include "histogram_fixture.h"
#undef realloc

#define LAST (HISTOGRAM_BUCKETS - 1)
#define ROUNDS 3000

static uint32_t next_random(void)
{
    static uint32_t state = 20260101;

    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* A few counts somewhere in a range; some of them as if they had wrapped. */
static struct histogram some_histogram(void)
{
    struct histogram histogram = { { 0 } };
    const uint32_t from = next_random() % HISTOGRAM_BUCKETS, width = 1 + next_random() % (HISTOGRAM_BUCKETS - from);

    for (uint32_t n = next_random() % 20; n > 0; n--)
        histogram.count[from + next_random() % width] += n % 7 == 6 ? UINT32_MAX - n : n;
    return histogram;
}

static void assert_range(const struct buckets *buckets, uint32_t first, uint32_t end)
{
    assert_int_equal(buckets->first, first);
    assert_int_equal(buckets->end, end);
}

static void empty_ends_are_not_in_use(void **state)
{
    struct histogram histogram = { { 0 } };
    struct buckets buckets = buckets_of(histogram.count);

    (void)state;
    assert_int_equal(buckets.first, buckets.end);
    assert_int_equal(buckets_total(&buckets), 0);
    histogram.count[7] = 3;
    histogram.count[9] = 4;
    buckets = buckets_of(histogram.count);
    assert_range(&buckets, 7, 10);
    assert_ptr_equal(buckets.count, &histogram.count[7]);
    assert_int_equal(buckets_total(&buckets), 7);
    histogram.count[0] = histogram.count[LAST] = 1;
    buckets = buckets_of(histogram.count);
    assert_range(&buckets, 0, HISTOGRAM_BUCKETS);
}

static void what_is_kept_is_what_was_there(void **state)
{
    enum { COUNT = 200 };
    static struct histogram histograms[COUNT];
    struct bucket_store store = { NULL, 0, 0 };
    struct buckets all[COUNT];
    struct histogram out;

    (void)state;
    assert_true(buckets_reserve(&store, 1)); /* it grows */
    for (unsigned n = 0; n < COUNT; n++) {
        histograms[n] = some_histogram();
        assert_true(buckets_keep(&store, histograms[n].count, &all[n]));
    }
    buckets_kept(&store, all, COUNT);
    for (unsigned n = 0; n < COUNT; n++) {
        memset(&out, 0xff, sizeof out);
        buckets_expand(&all[n], &out);
        assert_memory_equal(&out, &histograms[n], sizeof out);
    }
    free(store.counts);
}

/* Else the difference to a time without any sample would be taken for one to a time that nobody knows. */
static void nothing_in_use_is_not_nothing_known(void **state)
{
    static const struct histogram empty;
    struct bucket_store store = { NULL, 0, 0 };
    struct buckets buckets;

    (void)state;
    assert_true(buckets_reserve(&store, 0) && buckets_keep(&store, empty.count, &buckets));
    buckets_kept(&store, &buckets, 1);
    assert_non_null(buckets.count);
    free(store.counts);
}

static void out_of_memory_is_said(void **state)
{
    struct bucket_store store = { NULL, 0, 0 };
    struct histogram histogram = { { 0 } };
    struct buckets buckets;

    (void)state;
    no_memory = true;
    assert_false(buckets_reserve(&store, 1));
    no_memory = false;
    assert_true(buckets_reserve(&store, 1));
    histogram.count[0] = histogram.count[LAST] = 1;
    assert_true(buckets_keep(&store, histogram.count, &buckets));
    no_memory = true;
    assert_false(buckets_keep(&store, histogram.count, &buckets));
    no_memory = false;
    assert_int_equal(store.counts[0], 1); /* what is there stays */
    free(store.counts);
}

static void assert_quantiles(const struct buckets *buckets, const struct histogram *now, const struct histogram *then)
{
    static const double qs[] = { 1e-9, 0.01, 0.25, 0.5, 0.95, 0.99, 1 };
    const uint64_t total = buckets_total(buckets);

    for (size_t n = 0; n < sizeof qs / sizeof qs[0] && total > 0; n++)
        assert_int_equal(buckets_quantile_ns(buckets, total, qs[n]), histogram_quantile_ns(now, then, qs[n]));
}

static void they_say_the_same_as_the_whole(void **state)
{
    (void)state;
    for (unsigned n = 0; n < ROUNDS; n++) {
        const struct histogram then = some_histogram();
        struct histogram now = some_histogram();
        const bool has_then = n % 3 != 0;
        uint32_t room[HISTOGRAM_BUCKETS];
        uint64_t lower_ns, upper_ns;

        if (n % 3 == 1) /* as a row goes on */
            for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++)
                now.count[bucket] += then.count[bucket];
        const struct buckets used_now = buckets_of(now.count), used_then = buckets_of(then.count);
        const struct buckets between = buckets_difference(&used_now, has_then ? &used_then : NULL, room);
        const uint64_t total = histogram_interval(&now, has_then ? &then : NULL, &lower_ns, &upper_ns);

        assert_int_equal(buckets_total(&between), total);
        if (total == 0) {
            assert_int_equal(between.first, between.end);
            continue;
        }
        assert_int_equal(histogram_lower_ns(between.first), lower_ns);
        assert_int_equal(histogram_upper_ns(between.end - 1), upper_ns);
        assert_quantiles(&between, &now, has_then ? &then : NULL);
    }
}

/* As from one snapshot to the next, whose histograms have become a little wider. */
static void a_little_more_is_the_same_room(void **state)
{
    struct bucket_store store = { NULL, 0, 0 };

    (void)state;
    for (size_t count = 1000; count <= 4000000; count *= 2) {
        size_t rooms = 0, before = 0;

        for (size_t more = 0; more <= 10; more++) {
            const size_t wanted = count + count * more / 100;

            assert_true(buckets_reserve(&store, wanted));
            assert_in_range(store.room, wanted, wanted + wanted / 4 + HISTOGRAM_BUCKETS);
            rooms += store.room != before;
            before = store.room;
        }
        assert_in_range(rooms, 1, 2);
    }
    free(store.counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_ends_are_not_in_use),           cmocka_unit_test(what_is_kept_is_what_was_there),
        cmocka_unit_test(nothing_in_use_is_not_nothing_known), cmocka_unit_test(out_of_memory_is_said),
        cmocka_unit_test(they_say_the_same_as_the_whole),      cmocka_unit_test(a_little_more_is_the_same_room),
    };

    return cmocka_run_group_tests_name("buckets", tests, NULL, NULL);
}
