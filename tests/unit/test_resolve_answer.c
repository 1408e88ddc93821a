/* resolve_answer.c: what was known, and an answer -> what is known then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "resolve.h"

#define BOTH (RESOLVE_V4 | RESOLVE_V6)

static const char trouble[] = "one family cannot be looked up";

/* "::1 192.0.2.1" -> addresses; how many. */
static size_t parse(const char *text, struct ip_address *out)
{
    char one[ADDRESS_STRLEN];
    size_t count = 0;

    while (*text != '\0') {
        const size_t n = strcspn(text, " ");

        assert_true(n < sizeof one);
        memcpy(one, text, n);
        one[n] = '\0';
        assert_true(address_parse(one, &out[count++]));
        text += n + (text[n] == ' ');
    }
    return count;
}

static void assert_addresses(const struct resolve_outcome *outcome, const char *text)
{
    struct ip_address expected[8];

    assert_int_equal(outcome->count, parse(text, expected));
    assert_memory_equal(outcome->addresses, expected, outcome->count * sizeof expected[0]);
}

static void an_answer_and_what_was_known(void **state)
{
    static const struct {
        const char *had, *answer;
        unsigned known, failed;
        const char *error; /* the answer's */
        const char *then;  /* NULL: not for this one */
        bool is_said;      /* the error is this one's too */
    } cases[] = {
        { "", "192.0.2.1 2001:db8::1", 0, 0, NULL, "192.0.2.1 2001:db8::1", false },
        { "192.0.2.9", "192.0.2.1 2001:db8::1", RESOLVE_V4, 0, NULL, "192.0.2.1 2001:db8::1", false },
        /* The name fails. */
        { "", "", 0, 0, trouble, "", true },
        { "::1 192.0.2.1 2001:db8::1", "", BOTH, 0, trouble, "::1 192.0.2.1 2001:db8::1", true },
        { "192.0.2.1 2001:db8::1", "", 0, 0, trouble, "192.0.2.1 2001:db8::1", true },
        /* A family fails: addresses of IPv6 are before those of IPv4, and after them. */
        { "192.0.2.1 2001:db8::1", "2001:db8::2", BOTH, RESOLVE_V4, trouble, "192.0.2.1 2001:db8::2", true },
        { "::1 192.0.2.1 2001:db8::1", "192.0.2.2", BOTH, RESOLVE_V6, trouble, "::1 192.0.2.2 2001:db8::1", true },
        { "192.0.2.1", "::1 2001:db8::1", BOTH, RESOLVE_V4, trouble, "::1 192.0.2.1 2001:db8::1", true },
        /* It fails for somebody who knows of it; this one does not. */
        { "2001:db8::1", "2001:db8::2", BOTH, RESOLVE_V4, trouble, "2001:db8::2", false },
        { "", "2001:db8::2", RESOLVE_V4, RESOLVE_V4, trouble, "2001:db8::2", false },
        /* A family is gone: for whoever asked for it. */
        { "192.0.2.1 2001:db8::1", "2001:db8::1", BOTH, 0, NULL, "2001:db8::1", false },
        { "192.0.2.1 2001:db8::1", "2001:db8::1", RESOLVE_V4, 0, NULL, "2001:db8::1", false },
        { "192.0.2.1 2001:db8::1", "2001:db8::1", RESOLVE_V6, 0, NULL, NULL, false },
        { "192.0.2.1", "2001:db8::1", 0, 0, NULL, NULL, false },
        { "192.0.2.1 2001:db8::1", "192.0.2.1", RESOLVE_V4, 0, NULL, NULL, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ip_address had[8], found[8];
        struct resolve_answer answer = { .known = cases[i].known, .failed = cases[i].failed, .error = cases[i].error };
        struct resolve_outcome outcome = { .count = 7, .left_out = 7, .error = "old" };
        const size_t had_count = parse(cases[i].had, had);

        answer.addresses = found;
        answer.count = parse(cases[i].answer, found);
        assert_int_equal(resolve_outcome_of(&outcome, &answer, had, had_count), cases[i].then != NULL);
        if (cases[i].then == NULL)
            continue;
        assert_addresses(&outcome, cases[i].then);
        assert_int_equal(outcome.left_out, 0);
        assert_ptr_equal(outcome.error, cases[i].is_said ? trouble : NULL);
    }
}

static void fill(struct ip_address *addresses, size_t count, const char *first)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(address_parse(first, &addresses[i]));
        addresses[i].bytes[15] = (uint8_t)i;
    }
}

/* What stays and what is new together are no more than are measured: the first of the order, which are the same each time. */
static void the_bound_is_of_both_together(void **state)
{
    struct ip_address v4[200], v6[200];
    struct resolve_answer answer = { .addresses = v6, .count = 200, .left_out = 5, .known = BOTH, .failed = RESOLVE_V4 };
    struct resolve_outcome outcome;

    (void)state;
    fill(v4, 200, "192.0.2.0");
    fill(v6, 200, "2001:db8::");
    assert_true(resolve_outcome_of(&outcome, &answer, v4, 200));
    assert_int_equal(outcome.count, RESOLVE_MAX_ADDRESSES);
    assert_int_equal(outcome.left_out, 400 - RESOLVE_MAX_ADDRESSES + 5);
    assert_memory_equal(outcome.addresses, v4, sizeof v4);
    assert_memory_equal(&outcome.addresses[200], v6, (RESOLVE_MAX_ADDRESSES - 200) * sizeof v6[0]);
}

static void families_of_addresses(void **state)
{
    struct ip_address addresses[2];

    (void)state;
    assert_int_equal(resolve_families(NULL, 0), 0);
    assert_int_equal(resolve_families(addresses, parse("192.0.2.1", addresses)), RESOLVE_V4);
    assert_int_equal(resolve_families(addresses, parse("::1 2001:db8::1", addresses)), RESOLVE_V6);
    assert_int_equal(resolve_families(addresses, parse("::1 192.0.2.1", addresses)), BOTH);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_and_what_was_known),
        cmocka_unit_test(the_bound_is_of_both_together),
        cmocka_unit_test(families_of_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
