/* test_address.c: text <-> addresses and prefixes, masks, containment. */
#include "address.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct ip_address address(const char *text)
{
    struct ip_address parsed;

    assert_true(address_parse(text, &parsed));
    return parsed;
}

static struct ip_prefix prefix(const char *text)
{
    struct ip_prefix parsed;

    assert_true(prefix_parse(text, &parsed, NULL));
    return parsed;
}

static void forms(void **state)
{
    static const uint8_t v4[4] = { 192, 0, 2, 1 };
    static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
    static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
    struct ip_address a = address_from_v4(v4), b = address_from_v6(v6);

    (void)state;
    assert_memory_equal(a.bytes, mapped, 16);
    assert_memory_equal(b.bytes, v6, 16);
    assert_true(address_is_v4(&a));
    assert_false(address_is_v4(&b));
    assert_true(address_equal(&a, &a));
    for (size_t i = 0; i < 16; i++) {
        struct ip_address other = a;

        other.bytes[i] ^= 1;
        assert_false(address_equal(&a, &other));
        assert_int_equal(address_is_v4(&other), i >= 12);
    }
}

static void text_of_addresses(void **state)
{
    static const struct {
        const char *text, *canonical; /* NULL: refused */
    } cases[] = {
        { "192.0.2.1", "192.0.2.1" },
        { "0.0.0.0", "0.0.0.0" },
        { "255.255.255.255", "255.255.255.255" },
        { "::", "::" },
        { "::1", "::1" },
        { "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
        { "2001:0db8::0001", "2001:db8::1" },
        { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
        { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
        { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
        { "::ffff:192.0.2.1", "192.0.2.1" },
        { "::ffff:c000:201", "192.0.2.1" },
        { "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
        { "", NULL },
        { "192.0.2", NULL },
        { "192.0.2.1.", NULL },
        { "192.0.2.256", NULL },
        { "192.0.2.01", NULL },
        { " 192.0.2.1", NULL },
        { "192.0.2.1 ", NULL },
        { "192.0.2.1:80", NULL },
        { "0x7f.1", NULL },
        { "3221225985", NULL },
        { "fe80::1%eth0", NULL },
        { "[::1]", NULL },
        { "1::2::3", NULL },
        { ":::", NULL },
        { "12345::", NULL },
        { "1:2:3:4:5:6:7", NULL },
        { "1:2:3:4:5:6:7:8:9", NULL },
        { "localhost", NULL },
        { "10.0.0.0/8", NULL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ip_address untouched = { { 0xa5 } }, parsed = untouched;
        char text[ADDRESS_STRLEN];

        assert_int_equal(address_parse(cases[i].text, &parsed), cases[i].canonical != NULL);
        if (cases[i].canonical == NULL)
            assert_true(address_equal(&parsed, &untouched));
        else
            assert_string_equal(address_format(text, &parsed), cases[i].canonical);
    }
}

static void text_of_prefixes(void **state)
{
    static const struct {
        const char *text, *canonical; /* NULL: refused */
        unsigned bits;
        bool cleared;
    } cases[] = {
        { "10.0.0.0/8", "10.0.0.0/8", 104, false },
        { "10.1.2.3/8", "10.0.0.0/8", 104, true },
        { "192.0.2.1", "192.0.2.1", 128, false },
        { "192.0.2.1/32", "192.0.2.1", 128, false },
        { "192.0.2.129/25", "192.0.2.128/25", 121, true },
        { "192.0.2.129/31", "192.0.2.128/31", 127, true },
        { "0.0.0.0/0", "0.0.0.0/0", 96, false },
        { "255.255.255.255/0", "0.0.0.0/0", 96, true },
        { "2001:db8::/32", "2001:db8::/32", 32, false },
        { "2001:db8::1/32", "2001:db8::/32", 32, true },
        { "2001:db8::1", "2001:db8::1", 128, false },
        { "::/0", "::/0", 0, false },
        { "::1/128", "::1", 128, false },
        { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127", 127, true },
        { "::ffff:10.0.0.0/104", "10.0.0.0/8", 104, false },
        { "::ffff:0:0/96", "0.0.0.0/0", 96, false },
        { "10.0.0.0/33", NULL, 0, false },
        { "10.0.0.0/128", NULL, 0, false },
        { "::/129", NULL, 0, false },
        { "::/1000", NULL, 0, false },
        { "::/4294967296", NULL, 0, false },
        { "10.0.0.0/", NULL, 0, false },
        { "10.0.0.0/08", NULL, 0, false },
        { "10.0.0.0/00", NULL, 0, false },
        { "10.0.0.0/+8", NULL, 0, false },
        { "10.0.0.0/-1", NULL, 0, false },
        { "10.0.0.0/8 ", NULL, 0, false },
        { "10.0.0.0/ 8", NULL, 0, false },
        { "10.0.0.0/8/8", NULL, 0, false },
        { "10.0.0.0/0x8", NULL, 0, false },
        { "10.0.0.0/255.0.0.0", NULL, 0, false },
        { "10/8", NULL, 0, false },
        { "/8", NULL, 0, false },
        { "", NULL, 0, false },
        { "fe80::1%eth0/64", NULL, 0, false },
        { "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255x/8", NULL, 0, false },
        { "0000000000000000000000000000000000000000000000000000000000000000000000/8", NULL, 0, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ip_prefix parsed = { .bits = 77 };
        bool cleared = true;
        char text[PREFIX_STRLEN];

        assert_int_equal(prefix_parse(cases[i].text, &parsed, &cleared), cases[i].canonical != NULL);
        if (cases[i].canonical == NULL) {
            assert_true(cleared && parsed.bits == 77);
            continue;
        }
        assert_int_equal(parsed.bits, cases[i].bits);
        assert_int_equal(cleared, cases[i].cleared);
        assert_string_equal(prefix_format(text, &parsed), cases[i].canonical);
    }
}

static void longest_text_fits(void **state)
{
    struct ip_prefix longest = prefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127");
    char text[PREFIX_STRLEN];

    (void)state;
    assert_int_equal(strlen(prefix_format(text, &longest)), 43);
}

/* Each length against a mask made bit by bit. */
static void masks(void **state)
{
    struct ip_address ones = address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");

    (void)state;
    for (unsigned bits = 0; bits <= 130; bits++) {
        struct ip_address masked = address_masked(&ones, bits);

        for (unsigned i = 0; i < 128; i++)
            assert_int_equal(masked.bytes[i / 8] >> (7 - i % 8) & 1, i < bits);
    }
}

static void containment(void **state)
{
    static const struct {
        const char *prefix, *address;
        bool contains;
    } cases[] = {
        { "10.0.0.0/8", "10.255.255.255", true },
        { "10.0.0.0/8", "11.0.0.0", false },
        { "192.0.2.128/25", "192.0.2.128", true },
        { "192.0.2.128/25", "192.0.2.127", false },
        { "192.0.2.1", "192.0.2.1", true },
        { "192.0.2.1", "192.0.2.0", false },
        { "0.0.0.0/0", "203.0.113.7", true },
        { "0.0.0.0/0", "::1", false },
        { "0.0.0.0/0", "2001:db8::1", false },
        { "2001:db8::/33", "2001:db8:7fff::1", true },
        { "2001:db8::/33", "2001:db8:8000::1", false },
        { "::/0", "2001:db8::1", true },
        { "::/0", "192.0.2.1", false },
        { "::/64", "192.0.2.1", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ip_prefix p = prefix(cases[i].prefix);
        struct ip_address a = address(cases[i].address);

        assert_int_equal(prefix_contains(&p, &a), cases[i].contains);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(text_of_addresses),
        cmocka_unit_test(text_of_prefixes),
        cmocka_unit_test(longest_text_fits),
        cmocka_unit_test(masks),
        cmocka_unit_test(containment),
    };

    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
