/* test_netset.c: longest match against a plain list, replacement, growth, lack of memory. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static size_t allocations_left = SIZE_MAX;

static void *counted_calloc(size_t count, size_t size)
{
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return calloc(count, size);
}

#define calloc counted_calloc
#include "netset.c"
#undef calloc

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct ip_prefix prefix(const char *text)
{
    struct ip_prefix parsed;

    assert_true(prefix_parse(text, &parsed, NULL));
    return parsed;
}

static void add(struct netset *set, const char *text, uint32_t value)
{
    struct ip_prefix p = prefix(text);

    assert_int_equal(netset_add(set, &p, value), 0);
}

/* The value for an address; 0 when there is none (the tests add no 0). */
static uint32_t lookup(const struct netset *set, const char *text)
{
    struct ip_prefix p = prefix(text);
    uint32_t value = 0;
    bool found = netset_lookup(set, &p.base, &value);

    assert_int_equal(found, value != 0);
    assert_int_equal(netset_lookup(set, &p.base, NULL), found);
    return value;
}

static struct netset *new_set(void)
{
    struct netset *set = netset_new();

    assert_non_null(set);
    return set;
}

static void nothing_in_it(void **state)
{
    struct netset *set = new_set();

    (void)state;
    assert_int_equal(netset_count(set), 0);
    assert_int_equal(lookup(set, "192.0.2.1"), 0);
    assert_int_equal(lookup(set, "::"), 0);
    netset_free(set);
    netset_free(NULL);
}

static void longest_match(void **state)
{
    struct netset *set = new_set();

    (void)state;
    add(set, "10.1.0.0/16", 16);
    add(set, "10.1.2.3", 32);
    add(set, "0.0.0.0/0", 1);
    add(set, "10.0.0.0/8", 8);
    add(set, "2001:db8::/32", 132);
    add(set, "2001:db8::1", 228);
    assert_int_equal(lookup(set, "10.1.2.3"), 32);
    assert_int_equal(lookup(set, "10.1.2.4"), 16);
    assert_int_equal(lookup(set, "10.2.0.0"), 8);
    assert_int_equal(lookup(set, "11.0.0.0"), 1);
    assert_int_equal(lookup(set, "2001:db8::1"), 228);
    assert_int_equal(lookup(set, "2001:db8::2"), 132);
    assert_int_equal(lookup(set, "2001:db9::1"), 0);
    assert_int_equal(netset_count(set), 6);
    netset_free(set);
}

static void families_do_not_mix(void **state)
{
    struct netset *set = new_set();

    (void)state;
    add(set, "::/0", 6);
    assert_int_equal(lookup(set, "192.0.2.1"), 0);
    assert_int_equal(lookup(set, "2001:db8::1"), 6);
    add(set, "0.0.0.0/0", 4);
    assert_int_equal(lookup(set, "192.0.2.1"), 4);
    assert_int_equal(lookup(set, "2001:db8::1"), 6);
    netset_free(set);
}

static void equal_prefix_replaces(void **state)
{
    struct netset *set = new_set();
    struct ip_prefix dirty = prefix("10.1.0.0/16");

    (void)state;
    add(set, "10.1.0.0/16", 1);
    add(set, "10.1.0.0/16", 2);
    assert_int_equal(netset_count(set), 1);
    assert_int_equal(lookup(set, "10.1.2.3"), 2);
    dirty.base.bytes[15] = 9; /* bits beyond the length do not make another prefix */
    assert_int_equal(netset_add(set, &dirty, 3), 0);
    assert_int_equal(netset_count(set), 1);
    assert_int_equal(lookup(set, "10.1.2.3"), 3);
    add(set, "10.1.0.0/17", 4); /* same base, other length */
    assert_int_equal(netset_count(set), 2);
    assert_int_equal(lookup(set, "10.1.0.1"), 4);
    assert_int_equal(lookup(set, "10.1.128.1"), 3);
    netset_free(set);
}

static void bad_length_is_refused(void **state)
{
    struct netset *set = new_set();
    struct ip_prefix p = { .bits = 129 };

    (void)state;
    errno = 0;
    assert_int_equal(netset_add(set, &p, 1), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(netset_count(set), 0);
    netset_free(set);
}

static void every_length(void **state)
{
    struct netset *set = new_set();
    struct ip_prefix ones = prefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");

    (void)state;
    for (unsigned i = 0; i <= 128; i++) {
        struct ip_prefix p = { .bits = (uint8_t)(i * 71 % 129) }; /* in mixed order */

        p.base = address_masked(&ones.base, p.bits);
        assert_int_equal(netset_add(set, &p, p.bits + 1u), 0);
    }
    for (unsigned bits = 0; bits < 128; bits++) {
        struct ip_address a = ones.base;
        uint32_t value = 0;

        a.bytes[bits / 8] = (uint8_t)(a.bytes[bits / 8] ^ 0x80 >> bits % 8);
        assert_true(netset_lookup(set, &a, &value));
        assert_int_equal(value, bits + 1);
    }
    netset_free(set);
}

static uint32_t random_next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

/* Few distinct bytes, so that prefixes overlap and repeat. */
static struct ip_address random_address(uint64_t *random)
{
    static const uint8_t few[] = { 0, 1, 0x80, 0xff };
    bool v4 = random_next(random) % 2;
    uint8_t bytes[16];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = few[random_next(random) % 4];
    return v4 ? address_from_v4(bytes) : address_from_v6(bytes);
}

static struct ip_prefix random_prefix(uint64_t *random)
{
    struct ip_prefix p = { .base = random_address(random) };

    p.bits = (uint8_t)(address_is_v4(&p.base) ? 96 + random_next(random) % 33 : random_next(random) % 129);
    p.base = address_masked(&p.base, p.bits);
    return p;
}

static uint32_t plain_lookup(const struct ip_prefix *list, const uint32_t *values, size_t count, const struct ip_address *a)
{
    int longest = -1;
    uint32_t value = 0;

    for (size_t i = 0; i < count; i++) {
        if (list[i].bits >= longest && prefix_contains(&list[i], a)) {
            longest = list[i].bits;
            value = values[i];
        }
    }
    return value;
}

static void same_as_a_plain_list(void **state)
{
    static const size_t counts[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 600, 600, 600, 600, 10000 };
    static struct ip_prefix list[10000];
    static uint32_t values[COUNT(list)];
    uint64_t random = 42;

    (void)state;
    for (size_t round = 0; round < COUNT(counts); round++) {
        const size_t count = counts[round];
        struct netset *set = new_set();

        for (size_t i = 0; i < count; i++) {
            list[i] = random_prefix(&random);
            values[i] = (uint32_t)i + 1;
            assert_int_equal(netset_add(set, &list[i], values[i]), 0);
        }
        for (int i = 0; i < 2000; i++) {
            struct ip_address a = i % 2 ? random_address(&random) : list[random_next(&random) % count].base;
            uint32_t value = 0;

            netset_lookup(set, &a, &value);
            assert_int_equal(value, plain_lookup(list, values, count, &a));
        }
        netset_free(set);
    }
}

static void tick(const struct ip_prefix *p, uint32_t value, void *arg)
{
    uint8_t *seen = arg;

    assert_int_equal(p->bits, 128);
    assert_int_equal(p->base.bytes[13] << 16 | p->base.bytes[14] << 8 | p->base.bytes[15], value);
    seen[value]++;
}

static void many_entries(void **state)
{
    static uint8_t seen[10000];
    struct netset *set = new_set();

    (void)state;
    for (uint32_t i = 0; i < COUNT(seen); i++) {
        struct ip_prefix p = { address_from_v4((uint8_t[]){ 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i }), 128 };

        assert_int_equal(netset_add(set, &p, i), 0);
    }
    assert_int_equal(netset_count(set), COUNT(seen));
    assert_true(set->capacity >= 2 * set->count);
    netset_each(set, tick, seen);
    for (uint32_t i = 0; i < COUNT(seen); i++) {
        struct ip_address a = address_from_v4((uint8_t[]){ 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i });
        uint32_t value = UINT32_MAX;

        assert_int_equal(seen[i], 1);
        assert_true(netset_lookup(set, &a, &value));
        assert_int_equal(value, i);
    }
    assert_int_equal(lookup(set, "11.0.0.1"), 0);
    netset_free(set);
}

static size_t longest_run(const struct netset *set)
{
    size_t run = 0, longest = 0;

    for (size_t i = 0; i < set->capacity; i++) {
        run = set->slots[i].used ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

/* Neighbouring addresses must not crowd together, whatever the seed is: it is set to weak and to random values here. */
static void entries_spread(void **state)
{
    (void)state;
    for (uint64_t seed_value = 0; seed_value < 20; seed_value++) {
        struct netset *set = new_set();
        uint64_t random = seed_value;

        for (size_t i = 0; i < HASH_KEYS; i++)
            set->hash_keys[i] = seed_value < 3 ? seed_value * 2 + 1 : splitmix64(&random);
        for (uint32_t i = 0; i < 8192; i++) {
            struct ip_prefix p = { address_from_v4((uint8_t[]){ 10, 0, (uint8_t)(i >> 8), (uint8_t)i }), 128 };

            assert_int_equal(netset_add(set, &p, i), 0);
        }
        assert_true(longest_run(set) < 200);
        netset_free(set);
    }
}

static void equal_is_what_holds_the_same(void **state)
{
    struct netset *one = new_set(), *two = new_set();

    (void)state;
    assert_true(netset_equal(NULL, NULL) && netset_equal(one, one) && netset_equal(one, two));
    assert_true(!netset_equal(one, NULL) && !netset_equal(NULL, one));
    for (unsigned n = 0; n < 100; n++) { /* in another order, and with another history */
        char text[32];

        snprintf(text, sizeof text, "10.0.0.%u", n);
        add(one, text, 1 + n);
        snprintf(text, sizeof text, "10.0.0.%u", 99 - n);
        add(two, text, 0);
        assert_false(netset_equal(one, two));
        add(two, text, 100 - n);
    }
    assert_true(netset_equal(one, two) && netset_equal(two, one));
    add(two, "10.0.0.7", 9);
    assert_true(!netset_equal(one, two) && !netset_equal(two, one));
    add(two, "10.0.0.7", 8);
    add(one, "10.0.0.0/24", 1);
    assert_true(!netset_equal(one, two) && !netset_equal(two, one));
    add(two, "10.0.1.0/24", 1);
    assert_true(!netset_equal(one, two) && !netset_equal(two, one));
    netset_free(one);
    netset_free(two);
}

static void sets_are_seeded(void **state)
{
    struct netset *set = new_set(), *unseeded = new_set();

    (void)state;
    seed(unseeded, NULL);
    for (size_t i = 0; i < HASH_KEYS; i++) {
        assert_true(unseeded->hash_keys[i] != 0);
        assert_true(set->hash_keys[i] != 0 && set->hash_keys[i] != unseeded->hash_keys[i]);
    }
    netset_free(unseeded);
    netset_free(set);
}

static void lack_of_memory(void **state)
{
    struct netset *set;
    uint32_t added = 0;

    (void)state;
    for (allocations_left = 0; allocations_left < 2;) {
        size_t budget = allocations_left;

        assert_null(netset_new());
        allocations_left = budget + 1;
    }
    set = new_set();
    for (allocations_left = 0; added < 1000; added++) {
        struct ip_prefix p = { address_from_v4((uint8_t[]){ 10, 0, (uint8_t)(added >> 8), (uint8_t)added }), 128 };

        if (netset_add(set, &p, added) < 0)
            break;
    }
    assert_int_equal(added, FIRST_CAPACITY / 2);
    assert_int_equal(netset_count(set), added);
    add(set, "10.0.0.0", 77); /* replacing needs no memory */
    assert_int_equal(lookup(set, "10.0.0.0"), 77);
    assert_int_equal(lookup(set, "10.0.0.7"), 7);
    assert_int_equal(lookup(set, "10.0.0.8"), 0);
    allocations_left = SIZE_MAX;
    add(set, "10.0.0.8", 8);
    assert_int_equal(lookup(set, "10.0.0.8"), 8);
    netset_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_in_it),         cmocka_unit_test(longest_match),
        cmocka_unit_test(families_do_not_mix),   cmocka_unit_test(equal_prefix_replaces),
        cmocka_unit_test(bad_length_is_refused), cmocka_unit_test(every_length),
        cmocka_unit_test(same_as_a_plain_list),  cmocka_unit_test(many_entries),
        cmocka_unit_test(entries_spread),        cmocka_unit_test(sets_are_seeded),
        cmocka_unit_test(lack_of_memory),        cmocka_unit_test(equal_is_what_holds_the_same),
    };

    return cmocka_run_group_tests_name("netset", tests, NULL, NULL);
}
