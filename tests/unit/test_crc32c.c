/* test_crc32c.c: the vectors of RFC 3720 B.4 and the agreement of the two implementations with a bitwise one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crc32c.c"

#define ROUNDS 2000
#define ROOM 16384

/* The definition, a bit at a time. */
static uint32_t reference(uint32_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    for (size_t n = 0; n < size; n++) {
        crc ^= data[n];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
    }
    return ~crc;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void fill_random(uint8_t *data, size_t size, uint32_t *state)
{
    for (size_t n = 0; n < size; n++)
        data[n] = (uint8_t)next_random(state);
}

static void test_vectors_of_rfc_3720(void **state)
{
    static const uint8_t scsi_read[48] = { 0x01, 0xc0, 0, 0, 0, 0, 0,    0, 0,    0, 0, 0,    0, 0, 0, 0,
                                           0x14, 0,    0, 0, 0, 0, 0x04, 0, 0,    0, 0, 0x14, 0, 0, 0, 0x18,
                                           0x28, 0,    0, 0, 0, 0, 0,    0, 0x02, 0, 0, 0,    0, 0, 0, 0 };
    uint8_t zeros[32] = { 0 }, ones[32], up[32], down[32];
    (void)state;
    for (unsigned n = 0; n < 32; n++) {
        ones[n] = 0xff;
        up[n] = (uint8_t)n;
        down[n] = (uint8_t)(31 - n);
    }
    assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aa);
    assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43);
    assert_int_equal(crc32c(0, up, 32), 0x46dd794e);
    assert_int_equal(crc32c(0, down, 32), 0x113fdb5c);
    assert_int_equal(crc32c(0, scsi_read, 48), 0xd9963a56);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(0, "", 0), 0);
    assert_int_equal(crc32c(0x12345678, "", 0), 0x12345678);
}

static void check_update(const char *name, update_function *function)
{
    uint8_t *data = malloc(ROOM + 16);
    uint32_t seed = 3720;
    assert_non_null(data);
    fill_random(data, ROOM + 16, &seed);
    for (unsigned n = 0; n < ROUNDS; n++) {
        size_t at = next_random(&seed) % 16, size = next_random(&seed) % (n % 8 == 0 ? ROOM : 300);
        uint32_t start = next_random(&seed);
        if (~function(~start, data + at, size) != reference(start, data + at, size))
            fail_msg("%s: %zu bytes at %zu from %08x", name, size, at, (unsigned)start);
    }
    free(data);
}

static void test_tables_are_right_at_any_length(void **state)
{
    (void)state;
    check_update("tables", table_update);
}

static void test_hardware_is_right_at_any_length(void **state)
{
    (void)state;
#if defined(HAVE_HARDWARE)
    if (hardware_present()) {
        assert_ptr_equal(update, hardware_update);
        check_update("hardware", hardware_update);
        return;
    }
#endif
    print_message("SKIPPED %s: this processor has no CRC-32C instruction\n", __func__);
    skip();
}

/* Around the joints: the last byte of a word, of a lane, of a round of three lanes, of the shortest that has lanes. */
static void test_every_joint(void **state)
{
    enum { LANE = 8 * 255 };
    static const size_t joints[] = { 8, 96, 768, LANE, 2 * LANE, 3 * LANE, 6 * LANE };
    static uint8_t data[6 * LANE + 16];
    uint32_t seed = 1;
    (void)state;
    fill_random(data, sizeof data, &seed);
    for (size_t n = 0; n < sizeof joints / sizeof joints[0]; n++)
        for (size_t size = joints[n] - 8; size <= joints[n] + 8; size++)
            assert_int_equal(crc32c(7, data, size), reference(7, data, size));
}

static void test_parts_give_the_whole(void **state)
{
    static uint8_t data[5000];
    uint32_t seed = 9;
    (void)state;
    fill_random(data, sizeof data, &seed);
    uint32_t whole = crc32c(0, data, sizeof data);
    for (size_t cut = 0; cut <= sizeof data; cut += 7)
        assert_int_equal(crc32c(crc32c(0, data, cut), data + cut, sizeof data - cut), whole);
}

static void test_zeros_are_as_bytes(void **state)
{
    static const uint8_t zeros[3 * 4 * RUN_WORDS];
    static const size_t joints[] = { 4 * RUN_WORDS, 8 * RUN_WORDS };
    (void)state;
    for (size_t size = 0; size < 100; size++)
        assert_int_equal(~pass_zeros(~0x12345678u, size), reference(0x12345678, zeros, size));
    for (size_t n = 0; n < sizeof joints / sizeof joints[0]; n++)
        for (size_t size = joints[n] - 8; size <= joints[n] + 8; size++)
            assert_int_equal(~pass_zeros(~7u, size), reference(7, zeros, size));
    assert_int_equal(~pass_zeros(~7u, sizeof zeros), reference(7, zeros, sizeof zeros));
}

static void test_both_ways_over_zeros_are_one(void **state)
{
    (void)state;
    for (size_t words = 0; words <= RUN_WORDS; words++)
        assert_int_equal(pass(0x12345678u + (uint32_t)words, words), table_pass(0x12345678u + (uint32_t)words, words));
}

static void test_items_give_the_whole(void **state)
{
    static const size_t sizes[] = { 1, 3, 8, 528, 1800, 4 * RUN_WORDS + 5 };
    static uint8_t data[5 * (4 * RUN_WORDS + 5)];
    uint32_t seed = 4;
    (void)state;
    fill_random(data, sizeof data, &seed);
    for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
        const size_t size = sizes[n];
        struct crc32c_item item;
        uint32_t crc = 0;
        crc32c_item_init(&item, size);
        for (size_t done = 0; done < 5 * size; done += size) {
            crc = crc32c_item_append(&item, crc, crc32c(0, data + done, size));
            assert_int_equal(crc, reference(0, data, done + size));
        }
    }
}

static void test_an_item_within_zeros(void **state)
{
    enum { SIZE = 100 };
    struct crc32c_item item;
    uint8_t data[SIZE];
    uint32_t seed = 5;
    (void)state;
    crc32c_item_init(&item, SIZE);
    fill_random(data, SIZE, &seed);
    for (size_t at = 0; at <= SIZE; at++)
        for (size_t size = 0; size <= SIZE - at; size++) {
            uint8_t whole[SIZE] = { 0 };
            memcpy(whole + at, data + at, size);
            assert_int_equal(crc32c_item_of(&item, at, data + at, size), reference(0, whole, SIZE));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_of_rfc_3720),
        cmocka_unit_test(test_tables_are_right_at_any_length),
        cmocka_unit_test(test_hardware_is_right_at_any_length),
        cmocka_unit_test(test_every_joint),
        cmocka_unit_test(test_parts_give_the_whole),
        cmocka_unit_test(test_zeros_are_as_bytes),
        cmocka_unit_test(test_both_ways_over_zeros_are_one),
        cmocka_unit_test(test_items_give_the_whole),
        cmocka_unit_test(test_an_item_within_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
