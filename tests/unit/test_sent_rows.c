/* sent_rows.c: each row's intervals follow one another without a gap, whatever comes and goes beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool no_memory;

static void *test_calloc_or_not(size_t count, size_t size)
{
    return no_memory ? NULL : calloc(count, size);
}

static void *test_realloc_or_not(void *memory, size_t size)
{
    return no_memory ? NULL : realloc(memory, size);
}

#define calloc(count, size) test_calloc_or_not(count, size)
#define realloc(memory, size) test_realloc_or_not(memory, size)
#include "sent_rows.c"
#undef calloc
#undef realloc

#include "random_fixture.h"

#define MS UINT64_C(1000000)
#define ROWS 300

static struct seg_row rows[ROWS];
static struct histogram histograms[ROWS];
static struct sent_interval taken;

static void reset_rows(void)
{
    memset(rows, 0, sizeof rows);
    memset(histograms, 0, sizeof histograms);
    for (uint64_t i = 0; i < ROWS; i++)
        rows[i].birth = i + 1;
}

static void add_sample(size_t place, uint64_t ns)
{
    struct seg_row *row = &rows[place];

    row->min_ns = row->samples == 0 || ns < row->min_ns ? ns : row->min_ns;
    row->max_ns = ns > row->max_ns ? ns : row->max_ns;
    row->last_ns = ns;
    row->sum_ns += ns;
    row->samples++;
    histograms[place].count[histogram_bucket(ns)]++;
}

static uint64_t samples_of(const struct sent_interval *interval)
{
    return interval->interval.now->samples - interval_start(&interval->interval)->samples;
}

static void the_first_interval_is_the_whole_life(void **state)
{
    struct sent_rows *sent = sent_rows_new();

    (void)state;
    reset_rows();
    assert_int_equal(sent_rows_take(sent, &rows[0], &histograms[0], &taken), SENT_NO_NEWS);
    add_sample(0, MS);
    add_sample(0, 2 * MS);
    assert_int_equal(sent_rows_take(sent, &rows[0], &histograms[0], &taken), SENT_NEWS);
    assert_null(taken.interval.then);
    assert_int_equal(samples_of(&taken), 2);
    assert_int_equal(buckets_total(&taken.interval.now_buckets), 2);
    assert_int_equal(sent_rows_take(sent, &rows[0], &histograms[0], &taken), SENT_NO_NEWS);
    sent_rows_free(sent);
}

static void the_next_one_begins_where_it_ended(void **state)
{
    struct sent_rows *sent = sent_rows_new();
    double ms[INTERVAL_MEASURE_COUNT];

    (void)state;
    reset_rows();
    add_sample(0, 900 * MS);
    assert_int_equal(sent_rows_take(sent, &rows[0], &histograms[0], &taken), SENT_NEWS);
    add_sample(0, 3 * MS);
    rows[0].handshake_samples++;
    rows[0].handshake_sum_ns += 3 * MS;
    assert_int_equal(sent_rows_take(sent, &rows[0], &histograms[0], &taken), SENT_NEWS);
    interval_measure(&taken.interval, ms);
    assert_int_equal(samples_of(&taken), 1);
    assert_true(ms[INTERVAL_mean] == 3 && ms[INTERVAL_handshake] == 3);
    assert_true(ms[INTERVAL_max] >= 3 && ms[INTERVAL_max] < 4);
    sent_rows_free(sent);
}

static void a_retransmission_alone_is_news(void **state)
{
    struct sent_rows *sent = sent_rows_new();

    (void)state;
    reset_rows();
    rows[0].retransmits = 5;
    assert_int_equal(sent_rows_take(sent, &rows[0], NULL, &taken), SENT_NEWS);
    assert_int_equal(sent_rows_take(sent, &rows[0], NULL, &taken), SENT_NO_NEWS);
    rows[0].retransmits = 7;
    assert_int_equal(sent_rows_take(sent, &rows[0], NULL, &taken), SENT_NEWS);
    assert_int_equal(rows[0].retransmits - interval_start(&taken.interval)->retransmits, 2);
    sent_rows_free(sent);
}

/* Extended metrics that were switched on in between. */
static void without_the_earlier_histogram_there_are_no_percentiles(void **state)
{
    struct sent_rows *sent = sent_rows_new();
    double ms[INTERVAL_MEASURE_COUNT];

    (void)state;
    reset_rows();
    add_sample(0, 900 * MS);
    assert_int_equal(sent_rows_take(sent, &rows[0], NULL, &taken), SENT_NEWS);
    add_sample(0, MS);
    assert_int_equal(sent_rows_take(sent, &rows[0], &histograms[0], &taken), SENT_NEWS);
    interval_measure(&taken.interval, ms);
    assert_true(ms[INTERVAL_last] == 1 && ms[INTERVAL_p50] < 0 && ms[INTERVAL_max] < 0);
    add_sample(0, MS);
    assert_int_equal(sent_rows_take(sent, &rows[0], &histograms[0], &taken), SENT_NEWS);
    interval_measure(&taken.interval, ms);
    assert_true(ms[INTERVAL_p50] >= 0.9 && ms[INTERVAL_p50] < 1.1);
    sent_rows_free(sent);
}

static void who_is_not_seen_any_more_is_forgotten(void **state)
{
    struct sent_rows *sent = sent_rows_new();
    const size_t slots = sent->size;

    (void)state;
    reset_rows();
    for (size_t i = 0; i < ROWS; i++) {
        add_sample(i, MS);
        assert_int_equal(sent_rows_take(sent, &rows[i], &histograms[i], &taken), SENT_NEWS);
    }
    sent_rows_sweep(sent);
    assert_int_equal(sent->used, ROWS);
    for (size_t sweep = 0; sweep < 2; sweep++) {
        assert_int_equal(sent->used, ROWS);
        for (size_t i = 0; i < 10; i++)
            assert_int_equal(sent_rows_take(sent, &rows[i], &histograms[i], &taken), SENT_NO_NEWS);
        sent_rows_sweep(sent);
    }
    assert_int_equal(sent->used, 10);
    assert_int_equal(sent->size, slots);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(sent_rows_take(sent, &rows[i], &histograms[i], &taken), SENT_NO_NEWS);
    sent_rows_clear(sent);
    assert_int_equal(sent_rows_take(sent, &rows[0], &histograms[0], &taken), SENT_NEWS);
    assert_null(taken.interval.then);
    sent_rows_free(sent);
}

/* A row that cannot be remembered would be sent again and again. */
static void without_memory_a_row_is_refused(void **state)
{
    struct sent_rows *sent = sent_rows_new();
    size_t refused = 0;

    (void)state;
    reset_rows();
    for (size_t i = 0; i < ROWS; i++)
        add_sample(i, MS);
    no_memory = true;
    assert_null(sent_rows_new());
    for (size_t i = 0; i < ROWS; i++)
        refused += sent_rows_take(sent, &rows[i], &histograms[i], &taken) == SENT_NO_MEMORY;
    assert_int_equal(refused, ROWS - FIRST_SLOTS / 2);
    assert_int_equal(sent_rows_take(sent, &rows[0], &histograms[0], &taken), SENT_NO_NEWS);
    sent_rows_sweep(sent); /* not possible, and no harm */
    no_memory = false;
    assert_int_equal(sent_rows_take(sent, &rows[ROWS - 1], &histograms[ROWS - 1], &taken), SENT_NEWS);
    sent_rows_free(sent);
}

static struct seg_row other;

static void begin_other(void)
{
    other = (struct seg_row){ .birth = 1000000, .flags = SEG_ROW_OTHER };
}

/* As the meter does it: the row's counters go to `other`, and another row is in its place. */
static void give_way(struct sent_rows *sent, struct seg_row *to, size_t place, uint64_t next_birth)
{
    to->samples += rows[place].samples;
    to->handshake_samples += rows[place].handshake_samples;
    to->retransmits += rows[place].retransmits;
    sent_rows_hand_over(sent, rows[place].birth, to->birth);
    rows[place] = (struct seg_row){ .birth = next_birth };
    memset(&histograms[place], 0, sizeof histograms[place]);
}

static void what_was_given_of_who_gave_way_is_not_given_again(void **state)
{
    struct sent_rows *sent = sent_rows_new();

    (void)state;
    reset_rows();
    begin_other();
    add_sample(0, MS);
    add_sample(0, MS);
    rows[0].handshake_samples = 1;
    rows[0].retransmits = 3;
    assert_int_equal(sent_rows_take(sent, &rows[0], &histograms[0], &taken), SENT_NEWS);
    add_sample(0, MS);
    rows[0].handshake_samples++;
    rows[0].retransmits += 4;
    give_way(sent, &other, 0, 500);
    assert_int_equal(sent_rows_take(sent, &other, NULL, &taken), SENT_NEWS);
    assert_int_equal(samples_of(&taken), 1);
    assert_int_equal(other.handshake_samples - interval_start(&taken.interval)->handshake_samples, 1);
    assert_int_equal(other.retransmits - interval_start(&taken.interval)->retransmits, 4);
    assert_int_equal(sent_rows_take(sent, &other, NULL, &taken), SENT_NO_NEWS);
    /* It has a record now; and what follows in that place is nobody's but its own. */
    add_sample(0, MS);
    assert_int_equal(sent_rows_take(sent, &rows[0], &histograms[0], &taken), SENT_NEWS);
    assert_null(taken.interval.then);
    give_way(sent, &other, 0, 501);
    assert_int_equal(sent_rows_take(sent, &other, NULL, &taken), SENT_NO_NEWS);
    assert_int_equal(sent->used, 1);
    sent_rows_free(sent);
}

static void who_gives_way_before_anything_was_given_is_new_in_other(void **state)
{
    struct sent_rows *sent = sent_rows_new();

    (void)state;
    reset_rows();
    begin_other();
    add_sample(0, MS);
    give_way(sent, &other, 0, 500);
    assert_int_equal(sent->used, 0);
    assert_int_equal(sent_rows_take(sent, &other, NULL, &taken), SENT_NEWS);
    assert_int_equal(samples_of(&taken), 1);
    sent_rows_free(sent);
}

static void giving_way_needs_no_memory(void **state)
{
    struct sent_rows *sent = sent_rows_new();

    (void)state;
    reset_rows();
    begin_other();
    for (size_t i = 0; i < FIRST_SLOTS / 2; i++) {
        add_sample(i, MS);
        assert_int_equal(sent_rows_take(sent, &rows[i], &histograms[i], &taken), SENT_NEWS);
    }
    no_memory = true;
    for (size_t i = 0; i < FIRST_SLOTS / 2; i++) {
        give_way(sent, &other, i, 500 + i);
        assert_int_equal(sent_rows_take(sent, &other, NULL, &taken), SENT_NO_NEWS);
    }
    no_memory = false;
    assert_int_equal(sent->used, 1);
    sent_rows_free(sent);
}

/* Two instances with a row `other` each, and rows that come and go all the time. */
static void no_count_is_lost_or_given_twice_whoever_gives_way(void **state)
{
    struct seg_row others[2] = { { .birth = 1000000 }, { .birth = 1000001 } };
    struct sent_rows *sent = sent_rows_new();
    uint64_t given[2] = { 0 }, added[2] = { 0 }, births = ROWS;
    size_t slots = 0;

    (void)state;
    reset_rows();
    for (int step = 0; step < 200000; step++) {
        const size_t place = draw(ROWS), n = place % 2;
        struct seg_row *looked_at = draw(50) == 0 ? &others[n] : &rows[place];

        switch (draw(4)) {
        case 0:
            give_way(sent, &others[n], place, ++births);
            break;
        case 1:
            if (sent_rows_take(sent, looked_at, looked_at == &others[n] ? NULL : &histograms[place], &taken) == SENT_NEWS)
                given[n] += samples_of(&taken);
            break;
        default:
            add_sample(place, MS);
            added[n]++;
        }
    }
    for (size_t i = 0; i < ROWS; i++)
        if (sent_rows_take(sent, &rows[i], &histograms[i], &taken) == SENT_NEWS)
            given[i % 2] += samples_of(&taken);
    for (size_t n = 0; n < 2; n++) {
        if (sent_rows_take(sent, &others[n], NULL, &taken) == SENT_NEWS)
            given[n] += samples_of(&taken);
        assert_int_equal(given[n], added[n]);
    }
    for (size_t i = 0; i < sent->size; i++)
        slots += sent->slots[i].birth != 0;
    assert_int_equal(slots, sent->used);
    assert_in_range(slots, 2, ROWS + 2);
    sent_rows_free(sent);
}

/* Every count ends up in one interval, and in one only. */
static void no_count_is_lost_or_given_twice(void **state)
{
    static uint64_t given[ROWS];
    struct sent_rows *sent = sent_rows_new();

    (void)state;
    reset_rows();
    memset(given, 0, sizeof given);
    for (int step = 0; step < 200000; step++) {
        const size_t place = draw(ROWS);

        if (draw(3) > 0) {
            add_sample(place, 1 + draw(1000000000));
            continue;
        }
        if (sent_rows_take(sent, &rows[place], &histograms[place], &taken) == SENT_NEWS) {
            uint32_t room[HISTOGRAM_BUCKETS];
            struct buckets buckets = buckets_difference(&taken.interval.now_buckets,
                                                        taken.interval.then == NULL ? NULL : &taken.interval.then_buckets, room);

            assert_int_equal(buckets_total(&buckets), samples_of(&taken));
            given[place] += samples_of(&taken);
        }
        if (step % 5000 == 0)
            for (size_t i = 0; i < ROWS; i++)
                if (sent_rows_take(sent, &rows[i], &histograms[i], &taken) == SENT_NEWS)
                    given[i] += samples_of(&taken);
        if (step % 5000 == 0)
            sent_rows_sweep(sent);
    }
    for (size_t i = 0; i < ROWS; i++) {
        if (sent_rows_take(sent, &rows[i], &histograms[i], &taken) == SENT_NEWS)
            given[i] += samples_of(&taken);
        assert_int_equal(given[i], rows[i].samples);
    }
    sent_rows_free(sent);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_interval_is_the_whole_life),
        cmocka_unit_test(the_next_one_begins_where_it_ended),
        cmocka_unit_test(a_retransmission_alone_is_news),
        cmocka_unit_test(without_the_earlier_histogram_there_are_no_percentiles),
        cmocka_unit_test(who_is_not_seen_any_more_is_forgotten),
        cmocka_unit_test(without_memory_a_row_is_refused),
        cmocka_unit_test(what_was_given_of_who_gave_way_is_not_given_again),
        cmocka_unit_test(who_gives_way_before_anything_was_given_is_new_in_other),
        cmocka_unit_test(giving_way_needs_no_memory),
        cmocka_unit_test(no_count_is_lost_or_given_twice_whoever_gives_way),
        cmocka_unit_test(no_count_is_lost_or_given_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
