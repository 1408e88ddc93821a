/* test_arena.c: records that grow in place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "arena.h"

#define RECORD 192U

static unsigned char *record_at(const struct arena *arena, size_t index)
{
    return (unsigned char *)arena->records + index * RECORD;
}

static void records_are_zero_and_stay(void **state)
{
    const size_t most = 50000; /* 9 MiB: several steps of both kinds */
    struct arena arena;

    (void)state;
    assert_true(arena_init(&arena, RECORD, most));
    const void *first = arena.records;
    assert_int_equal((uintptr_t)first % ARENA_STEP, 0);
    for (size_t n = 0; n < most; n++) {
        assert_true(arena_reach(&arena, n));
        assert_int_equal(record_at(&arena, n)[0], 0);
        assert_int_equal(record_at(&arena, n)[RECORD - 1], 0);
        memset(record_at(&arena, n), (int)(n % 251) + 1, RECORD);
    }
    assert_ptr_equal(arena.records, first);
    for (size_t n = 0; n < most; n++) {
        assert_int_equal(record_at(&arena, n)[0], n % 251 + 1);
        assert_int_equal(record_at(&arena, n)[RECORD - 1], n % 251 + 1);
    }
    arena_destroy(&arena);
    assert_null(arena.records);
    arena_destroy(&arena);
}

static void little_is_backed_for_few(void **state)
{
    struct arena arena;

    (void)state;
    assert_true(arena_init(&arena, RECORD, 10000000));
    assert_int_equal(arena.backed, 0);
    assert_true(arena_reach(&arena, 0));
    assert_in_range(arena.backed, RECORD, 128 << 10);
    assert_true(arena_reach(&arena, 999));
    assert_in_range(arena.backed, 1000 * RECORD, 256 << 10);
    const size_t before = arena.backed;
    assert_true(arena_reach(&arena, 500));
    assert_int_equal(arena.backed, before);
    arena_destroy(&arena);
}

static void a_jump_is_backed_whole(void **state)
{
    struct arena arena;

    (void)state;
    assert_true(arena_init(&arena, RECORD, 100000));
    assert_true(arena_reach(&arena, 99999));
    memset(arena.records, 1, 100000 * RECORD);
    arena_destroy(&arena);
}

static void more_than_there_are_addresses(void **state)
{
    struct arena arena;

    (void)state;
    assert_false(arena_init(&arena, RECORD, SIZE_MAX / 2));
    assert_null(arena.records);
    arena_destroy(&arena);
    assert_false(arena_init(&arena, RECORD, (size_t)1 << 45)); /* 6 PiB */
    arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_zero_and_stay),
        cmocka_unit_test(little_is_backed_for_few),
        cmocka_unit_test(a_jump_is_backed_whole),
        cmocka_unit_test(more_than_there_are_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
