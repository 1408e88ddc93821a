/* test_least.c: the few least of many are those that sorting all would give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "least.h"
#include "random_fixture.h"

#define MANY 3000

static int compare_scores(const void *a, const void *b)
{
    const uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

    return (one > other) - (one < other);
}

static void they_are_the_first_when_all_are_sorted(void **state)
{
    static uint32_t scores[MANY], sorted[MANY];
    static struct least least;

    (void)state;
    for (size_t turn = 0; turn < 200; turn++) {
        const size_t count = draw(MANY), wanted = turn < 100 ? draw(20) : draw(2 * LEAST_MAX);
        const size_t room = wanted < LEAST_MAX ? wanted : LEAST_MAX, expected = room < count ? room : count;
        const uint32_t range = 1 + draw(turn % 2 == 0 ? 10 : UINT32_MAX);

        least_begin(&least, wanted);
        for (uint32_t n = 0; n < count; n++) {
            scores[n] = sorted[n] = draw(range);
            least_note(&least, scores[n], n);
        }
        least_sort(&least);
        qsort(sorted, count, sizeof sorted[0], compare_scores);
        assert_int_equal(least.count, expected);
        for (size_t n = 0; n < expected; n++) {
            assert_int_equal(least.item[n].score, sorted[n]);
            assert_int_equal(scores[least.item[n].index], sorted[n]);
            assert_true(n == 0 || least.item[n].score != least.item[n - 1].score
                        || least.item[n].index > least.item[n - 1].index);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(they_are_the_first_when_all_are_sorted) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
