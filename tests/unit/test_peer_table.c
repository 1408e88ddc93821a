/* test_peer_table.c: when a row leaves, against a plain list: rows that are used again, removed, replaced, postponed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "peer_table.h"
#include "random_fixture.h"

#define KEYS 60U
#define ROWS 40U
#define TTL_S 20U
#define SECONDS 20000U

static const uint64_t seed[2] = { 1, 2 };

/* What is to be expected of a key. */
struct known {
    bool has_row;
    uint32_t index, flows, last_s;
    uint32_t least_s; /* it was postponed to that */
};

static struct peer_table table;
static struct known keys[KEYS];
static uint32_t rows;

static struct peer_key key_of(uint32_t n)
{
    return (struct peer_key){ .instance = n };
}

static uint64_t hash_of(uint32_t n)
{
    const struct peer_key key = key_of(n);

    return peer_key_hash(&table, &key);
}

static void take(uint32_t n)
{
    const struct peer_key key = key_of(n);
    bool born;
    const uint32_t index = peer_row_take(&table, &key, hash_of(n), 0, &born);

    assert_int_equal(index == PEER_ROW_NONE, !keys[n].has_row && rows == ROWS);
    if (index == PEER_ROW_NONE) {
        return;
    }
    assert_int_equal(born, !keys[n].has_row);
    if (born) {
        keys[n] = (struct known){ .has_row = true, .index = index };
        rows++;
    }
    assert_int_equal(index, keys[n].index);
    assert_int_equal(peer_row_at(&table, index)->open_flows, ++keys[n].flows);
}

static void release(uint32_t n, uint32_t now_s)
{
    if (keys[n].flows > 0) {
        keys[n].flows--;
        keys[n].last_s = now_s;
        keys[n].least_s = 0;
        peer_row_release(&table, keys[n].index, now_s);
    }
}

/* As when its instance is configured anew: whether its time has come or not. */
static void take_away(uint32_t n, uint32_t now_s)
{
    while (keys[n].flows > 0) {
        release(n, now_s);
    }
    if (keys[n].has_row) {
        peer_row_remove(&table, keys[n].index);
        keys[n].has_row = false;
        rows--;
    }
}

static void replace(uint32_t n, uint32_t with, uint32_t now_s)
{
    const struct peer_key key = key_of(with);

    if (!keys[n].has_row || keys[with].has_row) {
        return;
    }
    while (keys[n].flows > 0) {
        release(n, now_s);
    }
    peer_row_replace(&table, keys[n].index, &key, hash_of(with), 0);
    keys[with] = (struct known){ .has_row = true, .index = keys[n].index, .flows = 1 };
    keys[n].has_row = false;
}

static uint32_t due_s(const struct known *known)
{
    return known->last_s + TTL_S > known->least_s ? known->last_s + TTL_S : known->least_s;
}

static void take_what_is_due(uint32_t now_s)
{
    uint32_t index;

    while ((index = peer_row_due(&table, now_s)) != PEER_ROW_NONE) {
        const uint32_t n = peer_row_at(&table, index)->key.instance;
        assert_true(keys[n].has_row);
        assert_int_equal(keys[n].index, index);
        assert_int_equal(keys[n].flows, 0);
        if (now_s == keys[n].last_s + TTL_S && draw(3) == 0) {
            keys[n].least_s = now_s + 1 + draw(3 * TTL_S);
        }
        if (now_s < keys[n].least_s) {
            peer_row_postpone(&table, index, keys[n].least_s - TTL_S - keys[n].last_s);
        } else {
            assert_int_equal(now_s, due_s(&keys[n]));
            take_away(n, now_s);
        }
    }
    for (uint32_t n = 0; n < KEYS; n++) {
        assert_true(!keys[n].has_row || keys[n].flows > 0 || due_s(&keys[n]) > now_s);
    }
}

static void rows_leave_to_the_second(void **state)
{
    (void)state;
    memset(keys, 0, sizeof keys);
    rows = 0;
    assert_true(peer_table_init(&table, ROWS, TTL_S, false, seed));
    for (uint32_t now_s = 5000; now_s < 5000 + SECONDS; now_s++) {
        take_what_is_due(now_s);
        for (uint32_t steps = draw(4); steps > 0; steps--) {
            const uint32_t n = draw(KEYS), kind = draw(40);
            if (kind == 0) {
                take_away(n, now_s);
            } else if (kind == 1) {
                replace(n, draw(KEYS), now_s);
            } else if (kind % 2 == 0) {
                take(n);
            } else {
                release(n, now_s);
            }
        }
        assert_int_equal(table.used, rows);
    }
    peer_table_destroy(&table);
}

static void rows_that_are_kept_never_leave(void **state)
{
    (void)state;
    memset(keys, 0, sizeof keys);
    rows = 0;
    assert_true(peer_table_init(&table, ROWS, TTL_S, true, seed));
    take(0);
    release(0, 5000);
    assert_int_equal(peer_row_due(&table, 5000 + 10 * TTL_S), PEER_ROW_NONE);
    peer_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_leave_to_the_second),
        cmocka_unit_test(rows_that_are_kept_never_leave),
    };

    return cmocka_run_group_tests_name("peer_table", tests, NULL, NULL);
}
