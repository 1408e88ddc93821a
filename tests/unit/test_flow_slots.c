/* test_flow_slots.c: the table of slots against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "flow_slots.h"
#include "random_fixture.h"

#define MANY 4000U

/* How often the index is found under that hash. */
static unsigned times_found(const struct flow_slots *slots, uint64_t hash, uint32_t index)
{
    const struct flow_slot *slot;
    uint32_t at = flow_slots_home(slots, flow_slots_tag(hash));
    unsigned times = 0;

    while ((slot = flow_slots_next(slots, flow_slots_tag(hash), &at)) != NULL) {
        times += slot->index == index + 1 ? 1 : 0;
    }
    return times;
}

/* All hashes in a narrow range make long runs, and those at the end go round to the beginning. */
static uint64_t hash_of(unsigned kind)
{
    const uint64_t any = draw_word();

    return kind == 0 ? any : kind == 1 ? any | UINT64_C(0xfff0) << 48 : (any & UINT64_C(0x3fffffffff)) | UINT64_C(0xfffffc) << 40;
}

static void as_a_plain_array(void **state)
{
    static uint64_t hashes[MANY];
    static bool is_there[MANY];

    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct flow_slots slots;
        uint32_t count = 0;

        assert_true(flow_slots_init(&slots));
        for (unsigned step = 0; step < 40000; step++) {
            const uint32_t index = (uint32_t)(draw_word() % MANY);
            if (is_there[index]) {
                flow_slots_take_out(&slots, hashes[index], index);
            } else {
                hashes[index] = hash_of(kind);
                assert_true(flow_slots_put(&slots, hashes[index], index));
            }
            is_there[index] = !is_there[index];
            count += is_there[index] ? 1U : UINT32_MAX;
            assert_int_equal(slots.used, count);
            assert_int_equal(times_found(&slots, hashes[index], index), is_there[index]);
        }
        for (uint32_t index = 0; index < MANY; index++) {
            assert_int_equal(times_found(&slots, hashes[index], index), is_there[index]);
            is_there[index] = false;
        }
        flow_slots_destroy(&slots);
    }
}

static void it_grows_and_keeps_all(void **state)
{
    const uint32_t count = 300000;
    uint64_t *hashes = malloc(count * sizeof *hashes);
    struct flow_slots slots;

    (void)state;
    assert_non_null(hashes);
    assert_true(flow_slots_init(&slots));
    for (uint32_t n = 0; n < count; n++) {
        hashes[n] = draw_word();
        assert_true(flow_slots_put(&slots, hashes[n], n));
        assert_true((uint64_t)slots.used * 16 <= ((uint64_t)slots.mask + 1) * 13);
    }
    for (uint32_t n = 0; n < count; n++) {
        assert_int_equal(times_found(&slots, hashes[n], n), 1);
        flow_slots_take_out(&slots, hashes[n], n);
    }
    assert_int_equal(slots.used, 0);
    for (uint32_t at = 0; at <= slots.mask; at++) {
        assert_int_equal(flow_slots_at(&slots, at)->index, 0);
    }
    flow_slots_destroy(&slots);
    free(hashes);
}

static void equal_hashes_are_all_given(void **state)
{
    const uint64_t hash = draw_word();
    struct flow_slots slots;

    (void)state;
    assert_true(flow_slots_init(&slots));
    for (uint32_t n = 0; n < 5; n++) {
        assert_true(flow_slots_put(&slots, hash, n));
    }
    flow_slots_take_out(&slots, hash, 1);
    for (uint32_t n = 0; n < 5; n++) {
        assert_int_equal(times_found(&slots, hash, n), n != 1);
    }
    flow_slots_destroy(&slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_a_plain_array),
        cmocka_unit_test(it_grows_and_keeps_all),
        cmocka_unit_test(equal_hashes_are_all_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
