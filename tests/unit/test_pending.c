/* test_pending.c: lists that share a bounded pool, against plain arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "pending.h"
#include "random_fixture.h"

#define LISTS 3
#define LIMIT 40U

static struct pending_pool pool;
static struct pending_list lists[LISTS];

/* The same as plain as it can be: what waits in each list, oldest first. */
static struct {
    uint32_t index[LIMIT];
    uint32_t count;
} models[LISTS];

static uint32_t in_use;

static int set_up(void **state)
{
    (void)state;
    assert_true(pending_pool_init(&pool, LIMIT));
    memset(lists, 0, sizeof lists);
    memset(models, 0, sizeof models);
    in_use = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pending_pool_destroy(&pool);
    return 0;
}

static void push(unsigned n)
{
    const uint32_t index = pending_take(&pool);

    if (in_use == LIMIT) {
        assert_int_equal(index, PENDING_NONE);
        return;
    }
    assert_in_range(index, 1, LIMIT);
    pending_at(&pool, index)->start = index;
    pending_push(&lists[n], &pool, index);
    models[n].index[models[n].count++] = index;
    in_use++;
}

static void forget(unsigned n, uint32_t count)
{
    models[n].count -= count;
    memmove(models[n].index, models[n].index + count, models[n].count * sizeof models[n].index[0]);
    in_use -= count;
}

static void pop(unsigned n)
{
    if (models[n].count > 0) {
        pending_pop(&lists[n], &pool);
        forget(n, 1);
    }
}

static void pop_through(unsigned n, uint32_t count)
{
    struct pending *last = pending_at(&pool, models[n].index[count - 1]);

    pending_pop_through(&lists[n], &pool, last, count);
    assert_int_equal(last->start, models[n].index[count - 1]); /* may be read until the next one is taken */
    forget(n, count);
}

static void check_list(unsigned n)
{
    const struct pending *entry = models[n].count > 0 ? pending_head(&lists[n], &pool) : NULL;

    assert_int_equal(lists[n].count, models[n].count);
    for (uint32_t k = 0; k < models[n].count; k++) {
        assert_ptr_equal(entry, pending_at(&pool, models[n].index[k]));
        assert_int_equal(entry->start, models[n].index[k]); /* nobody else wrote there */
        entry = pending_at(&pool, (uint32_t)entry->next);
    }
    if (models[n].count > 0) {
        assert_int_equal(lists[n].tail, models[n].index[models[n].count - 1]);
    }
}

/* What is not in a list is in the pool, each once. */
static void check_unused(void)
{
    uint32_t unused = 0;

    for (uint32_t index = pool.unused; index != PENDING_NONE; index = (uint32_t)pending_at(&pool, index)->next) {
        assert_in_range(index, 1, pool.high);
        assert_true(unused < pool.high);
        unused++;
    }
    assert_int_equal(unused + in_use, pool.high);
}

static void check_all(void)
{
    for (unsigned n = 0; n < LISTS; n++) {
        check_list(n);
    }
    check_unused();
}

static void lists_agree_with_arrays(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 100000; round++) {
        const unsigned n = draw(LISTS);
        switch (draw(8)) {
        case 0:
            pop(n);
            break;
        case 1:
            if (models[n].count > 0) {
                pop_through(n, 1 + draw(models[n].count));
            }
            break;
        default:
            push(n);
            break;
        }
        check_all();
    }
}

/* Of `there` entries the oldest `count` at once, then the list goes on. */
static void through_some_or_all(void **state)
{
    (void)state;
    for (uint32_t there = 1; there <= 8; there++) {
        for (uint32_t count = 1; count <= there; count++) {
            tear_down(state);
            set_up(state);
            for (uint32_t n = 0; n < there; n++) {
                push(0);
            }
            push(1);
            pop_through(0, count);
            check_all();
            for (uint32_t n = 0; n < 12; n++) {
                push(0);
                check_all();
            }
        }
    }
}

/* All entries come back, and none twice. */
static void the_pool_is_whole_afterwards(void **state)
{
    bool seen[LIMIT + 1] = { false };

    (void)state;
    for (uint32_t n = 0; n < LIMIT; n++) {
        push(n % LISTS);
    }
    assert_int_equal(pending_take(&pool), PENDING_NONE);
    pop_through(0, models[0].count);
    pop_through(1, 5);
    pop_through(1, models[1].count);
    while (models[2].count > 0) {
        pop(2);
    }
    check_all();
    for (uint32_t n = 0; n < LIMIT; n++) {
        const uint32_t index = pending_take(&pool);
        assert_in_range(index, 1, LIMIT);
        assert_false(seen[index]);
        seen[index] = true;
    }
    assert_int_equal(pending_take(&pool), PENDING_NONE);
}

static void the_limit_is_cut_to_what_an_index_holds(void **state)
{
    struct pending_pool large;

    (void)state;
    assert_true(pending_pool_init(&large, UINT32_MAX));
    assert_int_equal(large.limit, PENDING_MAX);
    assert_true(PENDING_MAX <= PENDING_INDEX_MASK);
    pending_pool_destroy(&large);
}

/* Over several steps of the arena, and with the note beside the count left alone. */
static void lists_longer_than_a_step(void **state)
{
    const uint32_t many = 30000;
    struct pending_pool large;
    struct pending_list list = { .note = 77 };
    uint32_t nth = 0;

    (void)state;
    assert_true(pending_pool_init(&large, many));
    for (uint32_t n = 0; n < many; n++) {
        const uint32_t index = pending_take(&large);
        assert_int_not_equal(index, PENDING_NONE);
        nth = n == many - 51 ? index : nth;
        pending_at(&large, index)->start = n;
        pending_push(&list, &large, index);
    }
    assert_int_equal(pending_take(&large), PENDING_NONE);
    pending_pop_through(&list, &large, pending_at(&large, nth), many - 50);
    assert_int_equal(list.count, 50);
    assert_int_equal(pending_head(&list, &large)->start, many - 50);
    assert_int_equal(list.note, 77);
    for (uint32_t n = 0; n < many - 50; n++) {
        assert_int_not_equal(pending_take(&large), PENDING_NONE);
    }
    assert_int_equal(pending_take(&large), PENDING_NONE);
    pending_pool_destroy(&large);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(lists_agree_with_arrays),      CASE(through_some_or_all),
        CASE(the_pool_is_whole_afterwards), CASE(the_limit_is_cut_to_what_an_index_holds),
        CASE(lists_longer_than_a_step),
    };

    return cmocka_run_group_tests_name("pending", tests, NULL, NULL);
}
