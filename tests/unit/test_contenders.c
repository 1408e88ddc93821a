/* test_contenders.c: who among many has most, and that nobody is counted for more than he has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "contenders.h"
#include "hash.h"
#include "random_fixture.h"

static const uint64_t seed[2] = { 5, 6 };
static const uint32_t five_s[CONTENDER_INSTANCES] = { 5 }, /* of the first instance */
    ten_s[CONTENDER_INSTANCES] = { 10 }, of_another[CONTENDER_INSTANCES] = { 0, 5 };
static struct contenders contenders;

static struct peer_key key_of(uint32_t n)
{
    struct peer_key key = { .peer_bits = 128 };

    memcpy(key.peer.bytes + 12, &n, sizeof n);
    return key;
}

static void note(uint32_t n)
{
    const struct peer_key key = key_of(n);

    if (!contenders_skip(&contenders))
        contenders_note(&contenders, &key, hash_key(&key, seed), 7);
}

static const struct contender *find(uint32_t n)
{
    const struct peer_key key = key_of(n);

    return contenders_find(&contenders, &key, hash_key(&key, seed));
}

static uint32_t score_of(uint32_t n)
{
    const struct contender *found = find(n);

    return found == NULL ? 0 : found->score;
}

static int set_up(void **state)
{
    (void)state;
    return contenders_init(&contenders, 1000, seed) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    contenders_destroy(&contenders);
    return 0;
}

static bool is_the_one(const struct peer_key *key, void *one)
{
    const struct peer_key wanted = key_of(*(const uint32_t *)one);

    return memcmp(key, &wanted, sizeof *key) == 0;
}

static void each_is_counted_for_itself(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 30; n++) {
        note(1);
        note(n % 3 == 0 ? 2 : 1);
    }
    assert_int_equal(score_of(1), 50 * SCORE_UNIT);
    assert_int_equal(score_of(2), 10 * SCORE_UNIT);
    assert_int_equal(find(1)->time_ns, 7);
    assert_null(find(3));
    contenders_forget_of(&contenders, ~UINT64_C(1), NULL, NULL);
    assert_non_null(find(1));
    contenders_forget_of(&contenders, 1, is_the_one, &(uint32_t){ 2 });
    assert_null(find(1));
    assert_int_equal(score_of(2), 10 * SCORE_UNIT);
    contenders_forget_of(&contenders, 1, NULL, NULL);
    assert_null(find(2));
}

/* Each one that comes once takes something from who is in its set, and is nobody. */
static void a_crowd_makes_nobody_large(void **state)
{
    static struct least best;

    (void)state;
    for (uint32_t n = 0; n < 900; n++)
        note(1000 + n);
    for (uint32_t n = 0; n < 900; n++)
        assert_true(score_of(1000 + n) <= SCORE_UNIT);
    contenders_best(&contenders, 1, 10, &best);
    assert_int_equal(best.count, 10);
    assert_true(UINT32_MAX - best.item[0].score <= SCORE_UNIT);
}

static void who_has_most_is_found_in_a_crowd(void **state)
{
    static struct least best;
    uint32_t counts[4] = { 0 };

    (void)state;
    for (uint32_t n = 0; n < 900; n++) {
        const uint32_t who = draw(8);
        note(who < 4 ? who : 1000 + n);
        counts[who % 4] += who < 4;
    }
    for (uint32_t who = 0; who < 4; who++)
        assert_true(score_of(who) <= counts[who] * SCORE_UNIT && score_of(who) > counts[who] * SCORE_UNIT / 2);
    contenders_best(&contenders, 1, 4, &best);
    for (size_t n = 0; n < 4; n++) {
        const struct contender *found = &contenders.of[best.item[n].index];
        assert_ptr_equal(found, find(found->key.peer.bytes[12]));
        assert_true(found->key.peer.bytes[12] < 4 && found->key.peer.bytes[13] == 0);
        assert_true(n == 0 || best.item[n].score >= best.item[n - 1].score);
    }
}

/* All places are taken by such as come once: they make room. */
static void who_comes_late_gets_in(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 700; n++)
        note(1000 + n);
    for (uint32_t n = 0; n < 100; n++)
        note(1);
    assert_true(score_of(1) >= 90 * SCORE_UNIT);
}

static void what_was_long_ago_counts_less_and_ends(void **state)
{
    unsigned intervals = 0;

    (void)state;
    for (unsigned n = 0; n < 64; n++)
        note(1);
    assert_true(contenders_age(&contenders, five_s, 64));
    assert_int_equal(score_of(1), 56 * SCORE_UNIT);
    assert_true(contenders_age(&contenders, of_another, 0));
    assert_int_equal(score_of(1), 56 * SCORE_UNIT);
    assert_true(find(1)->is_steady && !find(1)->is_active);
    note(1);
    assert_true(find(1)->is_active);
    assert_true(contenders_age(&contenders, ten_s, 1) && contenders_age(&contenders, five_s, 0));
    assert_int_equal(score_of(1), (57 * SCORE_UNIT * 3 / 4) * 7 / 8);
    assert_false(find(1)->is_steady);
    while (contenders_age(&contenders, five_s, 0))
        assert_true(++intervals < 100);
    assert_null(find(1));
}

/* What is looked at in an interval is bounded; the next one looks at a share, of which each counts for more. */
static void many_are_known_by_a_share(void **state)
{
    const uint32_t many = 1000000;

    (void)state;
    for (uint32_t n = 0; n < many; n++)
        note(1 + n % 4 / 3);
    const uint32_t noted = contenders.noted;
    assert_true(score_of(1) + score_of(2) == noted * SCORE_UNIT && noted < many / 100);
    contenders_age(&contenders, five_s, many);
    contenders_forget_of(&contenders, 1, NULL, NULL);
    for (uint32_t n = 0; n < many; n++)
        note(1 + n % 4 / 3);
    assert_true(contenders.noted < noted);
    const double one = score_of(1) / (double)SCORE_UNIT, two = score_of(2) / (double)SCORE_UNIT;
    assert_true(one > 0.9 * 750000 && one < 1.1 * 750000);
    assert_true(two > 0.8 * 250000 && two < 1.2 * 250000);
    contenders_age(&contenders, five_s, 0);
    note(3);
    assert_int_equal(score_of(3), SCORE_UNIT);
}

static void who_rests_looks_at_none(void **state)
{
    (void)state;
    contenders_rest(&contenders);
    for (unsigned n = 0; n < 1000; n++)
        note(1);
    assert_int_equal(contenders.noted, 0);
}

static void both_sides_scores_are_computed_alike(void **state)
{
    uint32_t score;

    (void)state;
    for (uint32_t seconds = 5; seconds <= 10; seconds++) { /* whatever an interval's length */
        score = 0;
        for (unsigned n = 0; n < 200; n++)
            score = score_age(score_add(score, 200 * seconds), seconds);
        assert_in_range(score_add(score, 200 * seconds), score_of_steady(200, 1) - 8, score_of_steady(200, 1));
    }
    assert_int_equal(score_of_steady(1000, 10), score_of_steady(100, 1));
    assert_int_equal(score_of_steady(5, 10), score_of_steady(1, 2));
    assert_int_equal(score_age(UINT32_MAX, 10), UINT32_MAX / 4 * 3 + 2);
    assert_int_equal(score_add(UINT32_MAX - 1, 1), UINT32_MAX);
    assert_int_equal(score_add(0, UINT64_MAX), UINT32_MAX);
    for (score = 1000; score != 0; score = score_age(score, 5))
        assert_true(score_age(score, 5) < score);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_is_counted_for_itself),
        CASE(a_crowd_makes_nobody_large),
        CASE(who_has_most_is_found_in_a_crowd),
        CASE(who_comes_late_gets_in),
        CASE(what_was_long_ago_counts_less_and_ends),
        CASE(many_are_known_by_a_share),
        CASE(who_rests_looks_at_none),
        CASE(both_sides_scores_are_computed_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
