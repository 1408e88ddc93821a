/* Whose pure ACKs may stay in the kernel, held against the rule by which the meter decides what it measures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "ours.c"
#include "sides.h"
#include "random_fixture.h"

/* Of so few that sets overlap. */
static struct ip_address random_address(void)
{
    const uint8_t v4[4] = { 10, 0, 0, (uint8_t)draw(12) }, v6[16] = { 0xfd, [15] = (uint8_t)draw(12) };

    return draw(2) ? address_from_v4(v4) : address_from_v6(v6);
}

/* NULL one time in five. */
static struct netset *random_set(unsigned most)
{
    struct netset *set = draw(5) ? netset_new() : NULL;

    for (unsigned i = draw(most + 1); set != NULL && i > 0; i--) {
        const struct ip_prefix prefix = { random_address(), (uint8_t)(draw(4) ? 128 : 125) };

        assert_int_equal(netset_add(set, &prefix, 0), 0);
    }
    return set;
}

static struct netset *many(unsigned count)
{
    struct netset *set = netset_new();

    for (unsigned i = 0; i < count; i++) {
        const uint8_t bytes[4] = { 172, 16, (uint8_t)(i >> 8), (uint8_t)i };
        const struct ip_prefix prefix = { address_from_v4(bytes), 128 };

        assert_int_equal(netset_add(set, &prefix, 0), 0);
    }
    return set;
}

static bool holds(const struct netset *set, const struct ip_address *address)
{
    return set != NULL && netset_lookup(set, address, NULL);
}

/* Where the sender is ours and the receiver is not, the sender's is the only side that is measured, whatever else an instance
 * asks for. */
static void test_only_one_side_is_measured(void **state)
{
    unsigned found = 0;

    (void)state;
    random_state = 0x2545f4914f6cdd1du;
    for (unsigned i = 0; i < 4000; i++) {
        struct netset *own = random_set(4), *host = draw(40) ? random_set(8) : many(HOST_MAX + 1);
        struct netset *nets = random_set(6), *ours = ours_make(own, host);
        const struct meter_instance instance = { .local_own = own, .local_host = host, .local_nets = nets };

        for (unsigned n = 0; n < 30; n++) {
            const struct ip_address pair[2] = { random_address(), random_address() };
            enum packet_reason reason;

            if (!holds(ours, &pair[0]) || holds(ours, &pair[1]))
                continue;
            found++;
            assert_int_equal(sides_measured(&instance, pair, &reason), 1);
        }
        netset_free(own);
        netset_free(host);
        netset_free(nets);
        netset_free(ours);
    }
    assert_in_range(found, 5000, 120000);
}

static void test_sizes(void **state)
{
    static const struct {
        unsigned own, host, ours; /* own: addresses that the host's set has too */
    } cases[] = {
        { 0, 0, 0 }, { 1, 3, 3 }, { 2, HOST_MAX, HOST_MAX }, { 2, HOST_MAX + 1, 2 }, { 0, HOST_MAX + 1, HOST_MAX + 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct netset *own = many(cases[i].own), *host = many(cases[i].host), *ours = ours_make(own, host);

        assert_int_equal(count(ours), cases[i].ours);
        assert_int_equal(ours == NULL, cases[i].ours == 0);
        netset_free(own);
        netset_free(host);
        netset_free(ours);
    }
    assert_null(ours_make(NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_only_one_side_is_measured), cmocka_unit_test(test_sizes) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
