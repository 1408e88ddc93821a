/* test_flow_key.c: which flow a segment is of, and which of its ends sent it, however much the ends have in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "flow.h"

#define ADDRESSES 8U
#define PORTS 2U
#define ENDS (ADDRESSES * PORTS)
#define SCOPES 5U
#define MAX_FLOWS 100000

static const uint64_t seed[2] = { UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210) };

static struct flow_table table;

static int set_up(void **state)
{
    (void)state;
    assert_true(flow_table_init(&table, MAX_FLOWS, 300, 60, seed));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    flow_table_destroy(&table);
    return 0;
}

/* --- ends that differ in a word, a byte, or the port alone --- */

static struct ip_address address_of(uint64_t high, uint64_t low)
{
    struct ip_address address;

    for (unsigned n = 0; n < 8; n++) {
        address.bytes[n] = (uint8_t)(high >> (56 - 8 * n));
        address.bytes[8 + n] = (uint8_t)(low >> (56 - 8 * n));
    }
    return address;
}

static struct ip_address nth_address(unsigned n)
{
    static const uint64_t words[][2] = {
        { UINT64_C(0x20010db800000001), UINT64_C(0x0000000000000001) },
        { UINT64_C(0x20010db800000001), UINT64_C(0x0000000000000002) }, /* the same high word */
        { UINT64_C(0x20010db800000002), UINT64_C(0x0000000000000001) }, /* the same low word */
        { UINT64_C(0x20010db800000002), UINT64_C(0x0000000000000002) },
        { UINT64_C(0x0000000000000001), UINT64_C(0x20010db800000001) }, /* the words in turn */
        { UINT64_C(0x20010db800010001), UINT64_C(0x0000000000000001) }, /* one bit more */
        { 0, UINT64_C(0x0000ffff0a000001) },                            /* IPv4: 10.0.0.1 */
        { 0, UINT64_C(0x0000ffff0a000002) },
    };
    _Static_assert(sizeof words / sizeof words[0] == ADDRESSES, "all of them");

    return address_of(words[n][0], words[n][1]);
}

static uint16_t nth_port(unsigned n)
{
    return n == 0 ? 1 : 0x0100;
}

static struct tcp_segment between(unsigned from, unsigned to)
{
    return (struct tcp_segment){ .src = nth_address(from / PORTS),
                                 .dst = nth_address(to / PORTS),
                                 .sport = nth_port(from % PORTS),
                                 .dport = nth_port(to % PORTS) };
}

static uint32_t nth_scope(unsigned n)
{
    static const struct {
        unsigned instance;
        uint16_t vlan[2];
    } scopes[SCOPES] = { { 0, { 0, 0 } }, { 1, { 0, 0 } }, { 0, { 1, 0 } }, { 0, { 0, 1 } }, { 63, { 0xfff, 0xfff } } };
    const struct tcp_segment segment = { .vlan = { scopes[n].vlan[0], scopes[n].vlan[1] } };

    return flow_scope(&segment, scopes[n].instance);
}

/* --- all flows that there are between them --- */

static struct flow *flows[SCOPES][ENDS][ENDS]; /* [from][to]: the way it was opened */

/* hash: NULL, or one that they all have. */
static void open_all(const uint64_t *hash)
{
    memset(flows, 0, sizeof flows);
    for (unsigned scope = 0; scope < SCOPES; scope++) {
        for (unsigned pair = 0; pair < ENDS * ENDS; pair++) {
            const unsigned from = pair / ENDS, to = pair % ENDS;
            /* Each pair once, from one of its ends or from the other. */
            if (from > to ? (from + to) % 2 == 0 : (from + to) % 2 == 1) {
                continue;
            }
            const struct tcp_segment segment = between(from, to);
            const struct flow_key key = flow_key_of(&segment, nth_scope(scope));
            const uint64_t its_own = flow_hash(&table, &segment, nth_scope(scope));
            flows[scope][from][to] = flow_open(&table, &key, hash == NULL ? its_own : *hash, 0);
            assert_non_null(flows[scope][from][to]);
        }
    }
}

static void find_each(const uint64_t *hash)
{
    for (unsigned scope = 0; scope < SCOPES; scope++) {
        for (unsigned pair = 0; pair < ENDS * ENDS; pair++) {
            const unsigned from = pair / ENDS, to = pair % ENDS;
            const struct tcp_segment segment = between(from, to);
            const uint64_t its_own = flow_hash(&table, &segment, nth_scope(scope));
            struct flow *there = flows[scope][from][to];
            unsigned side = 2;
            struct flow *found = flow_find(&table, &segment, nth_scope(scope), hash == NULL ? its_own : *hash, &side);
            assert_ptr_equal(found, there != NULL ? there : flows[scope][to][from]);
            assert_int_equal(side, there != NULL ? 0 : 1);
        }
    }
}

static void each_pair_is_a_flow_of_its_own(void **state)
{
    (void)state;
    open_all(NULL);
    assert_int_equal(table.open, SCOPES * ENDS * (ENDS + 1) / 2);
    find_each(NULL);
}

/* Were all hashes one: the keys alone tell them apart. */
static void flows_of_one_hash_are_told_apart(void **state)
{
    const uint64_t hash = UINT64_C(0x123456789abcdef0);
    struct tcp_segment stranger = between(0, 1);
    unsigned side;

    (void)state;
    open_all(&hash);
    find_each(&hash);
    stranger.dport = 9;
    assert_null(flow_find(&table, &stranger, nth_scope(0), hash, &side));
}

/* One place and another tag; and the place behind. */
static void what_a_hash_has_in_common_does_not_matter(void **state)
{
    static const uint64_t hashes[] = { UINT64_C(0x5500000800000000), UINT64_C(0x5500010800000000), UINT64_C(0x5600000800000000) };
    const struct tcp_segment segment = between(0, 3);
    unsigned side;

    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        const struct flow_key key = flow_key_of(&segment, n);
        assert_null(flow_find(&table, &segment, n, hashes[n], &side));
        struct flow *flow = flow_open(&table, &key, hashes[n], 0);
        assert_ptr_equal(flow_find(&table, &segment, n, hashes[n], &side), flow);
        assert_null(flow_find(&table, &segment, n, hashes[(n + 1) % 3], &side));
    }
}

static void each_segment_is_owned_by_one_flow(void **state)
{
    (void)state;
    open_all(NULL);
    for (unsigned from = 0; from < ENDS; from++) {
        for (unsigned to = 0; to < ENDS; to++) {
            for (unsigned scope = 0; scope < SCOPES; scope++) {
                const struct tcp_segment segment = between(from, to);
                unsigned owners = 0;
                for (uint32_t index = 0; index < table.high; index++) {
                    unsigned side;
                    owners += flow_owns(flow_at(&table, index), &segment, nth_scope(scope), &side) ? 1 : 0;
                }
                assert_int_equal(owners, 1);
            }
        }
    }
}

/* Each bit of the addresses, ports and of the scope counts, at either end and from either end. */
static void each_bit_of_the_key_counts(void **state)
{
    const struct tcp_segment there = between(2, 5);
    const struct flow_key key = flow_key_of(&there, nth_scope(2));
    const struct flow flow = { .key = key };
    unsigned side;

    (void)state;
    for (unsigned way = 0; way < 2; way++) {
        const struct tcp_segment base = way == 0 ? there : between(5, 2);
        assert_true(flow_owns(&flow, &base, key.scope, &side));
        assert_int_equal(side, way);
        for (unsigned bit = 0; bit < 128; bit++) {
            struct tcp_segment other[2] = { base, base };
            other[0].src.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            other[1].dst.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_false(flow_owns(&flow, &other[0], key.scope, &side));
            assert_false(flow_owns(&flow, &other[1], key.scope, &side));
        }
        for (unsigned bit = 0; bit < 16; bit++) {
            struct tcp_segment other[2] = { base, base };
            other[0].sport ^= (uint16_t)(1U << bit);
            other[1].dport ^= (uint16_t)(1U << bit);
            assert_false(flow_owns(&flow, &other[0], key.scope, &side));
            assert_false(flow_owns(&flow, &other[1], key.scope, &side));
        }
        for (unsigned bit = 0; bit < 32; bit++) {
            assert_false(flow_owns(&flow, &base, key.scope ^ 1U << bit, &side));
        }
    }
}

static void scope_is_instance_and_vlan_ids(void **state)
{
    const struct tcp_segment segment = { .vlan = { 0xf123, 0xf456 } }; /* more than 12 bits are no ID */
    const struct flow flow = { .key = { .scope = flow_scope(&segment, 63) } };

    (void)state;
    assert_int_equal(flow_scope(&segment, 63), 0x3f123456);
    assert_int_equal(flow_instance(&flow), 63);
}

/* --- the hash --- */

static int by_value(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

static void assert_all_differ(uint64_t *hashes, size_t count)
{
    qsort(hashes, count, sizeof hashes[0], by_value);
    for (size_t n = 1; n < count; n++) {
        assert_int_not_equal(hashes[n - 1], hashes[n]);
    }
}

static void hash_is_the_same_both_ways(void **state)
{
    static uint64_t hashes[SCOPES * ENDS * (ENDS + 1) / 2];
    size_t count = 0;

    (void)state;
    for (unsigned scope = 0; scope < SCOPES; scope++) {
        for (unsigned from = 0; from < ENDS; from++) {
            for (unsigned to = 0; to <= from; to++) {
                const struct tcp_segment there = between(from, to), back = between(to, from);
                const uint64_t hash = flow_hash(&table, &there, nth_scope(scope));
                assert_int_equal(hash, flow_hash(&table, &back, nth_scope(scope)));
                hashes[count++] = hash;
            }
        }
    }
    assert_int_equal(count, sizeof hashes / sizeof hashes[0]);
    assert_all_differ(hashes, count); /* so A:1-B:2 is not where A:2-B:1 is */
}

/* Who may choose both address and port of his end could undo in one what he does in the other: they must not simply be added up,
 * or all his flows had one hash. Each two bytes of the address against the port, in either byte order. */
static void hash_cannot_be_aimed_by_port_and_address(void **state)
{
    static uint64_t hashes[65536];
    const size_t count = sizeof hashes / sizeof hashes[0];

    (void)state;
    for (unsigned place = 0; place < 16; place++) {
        struct tcp_segment segment = between(0, 2);
        uint8_t *bytes = segment.src.bytes + place / 2 * 2;
        for (size_t n = 0; n < count; n++) {
            bytes[0] = (uint8_t)(n >> 8);
            bytes[1] = (uint8_t)n;
            segment.sport = place % 2 == 0 ? (uint16_t)n : __builtin_bswap16((uint16_t)n);
            hashes[n] = flow_hash(&table, &segment, 0);
        }
        assert_all_differ(hashes, count);
    }
}

static void the_seed_is_the_tables_own(void **state)
{
    const uint64_t others[2][2] = { { seed[0] + 1, seed[1] }, { seed[0], seed[1] + 1 } };
    const struct tcp_segment segment = between(0, 3);

    (void)state;
    for (size_t n = 0; n < 2; n++) {
        struct flow_table other;
        assert_true(flow_table_init(&other, MAX_FLOWS, 300, 60, others[n]));
        assert_int_not_equal(flow_hash(&other, &segment, 0), flow_hash(&table, &segment, 0));
        flow_table_destroy(&other);
        assert_null(other.records.records); /* no leak detector sees them */
        assert_null(other.slots.memory.records);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_pair_is_a_flow_of_its_own),
        CASE(flows_of_one_hash_are_told_apart),
        CASE(what_a_hash_has_in_common_does_not_matter),
        CASE(each_segment_is_owned_by_one_flow),
        CASE(each_bit_of_the_key_counts),
        CASE(scope_is_instance_and_vlan_ids),
        CASE(hash_is_the_same_both_ways),
        CASE(the_seed_is_the_tables_own),
        CASE(hash_cannot_be_aimed_by_port_and_address),
    };

    return cmocka_run_group_tests_name("flow_key", tests, NULL, NULL);
}
