/* statsd_host.c: an address, or a name that is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "statsd_host.h"

static int asked;
static unsigned asked_known;
static int refuse;

static int test_submit(struct resolver *resolver, const char *name, unsigned known)
{
    (void)resolver;
    assert_string_equal(name, "statsd.example");
    asked += !refuse;
    asked_known = known;
    return refuse ? -1 : 0;
}

#define resolver_submit_name test_submit
#include "statsd_host.c"

static struct ip_address addresses[20];

static struct resolve_answer answer_of(const char *first, size_t count)
{
    struct resolve_answer answer = { .kind = RESOLVE_FORWARD,
                                     .name = "statsd.example",
                                     .known = RESOLVE_V4 | RESOLVE_V6,
                                     .addresses = addresses,
                                     .count = count };

    for (size_t i = 0; i < count; i++)
        addresses[i] = address_from_v4((const uint8_t[]){ 192, 0, 2, (uint8_t)i });
    if (count > 0)
        assert_true(address_parse(first, &addresses[0]));
    return answer;
}

static void assert_address(const struct statsd_host *host, const char *text)
{
    char present[ADDRESS_STRLEN];

    assert_non_null(statsd_host_address(host));
    assert_string_equal(address_format(present, statsd_host_address(host)), text);
}

static void an_address_is_never_asked_for(void **state)
{
    static const char *const names[] = { "127.0.0.1", "::1", "2001:db8::1" };
    struct resolve_answer answer = answer_of("192.0.2.1", 1);
    struct statsd_host host;

    (void)state;
    asked = 0;
    for (size_t i = 0; i < 3; i++) {
        statsd_host_set(&host, names[i]);
        statsd_host_ask(&host, NULL, 1, 300);
        assert_false(statsd_host_answer(&host, &answer));
        assert_address(&host, names[i]);
        assert_false(statsd_host_next(&host));
    }
    assert_int_equal(asked, 0);
}

static void a_name_is_asked_for_again(void **state)
{
    struct resolve_answer answer = answer_of("192.0.2.1", 1), failure = answer_of("", 0), other = answer_of("192.0.2.1", 1);
    struct statsd_host host;

    (void)state;
    asked = 0;
    failure.error = "Name or service not known";
    strcpy(other.name, "other.example");
    statsd_host_set(&host, "statsd.example");
    assert_null(statsd_host_address(&host));
    refuse = 1;
    statsd_host_ask(&host, NULL, 1000, 300);
    refuse = 0;
    statsd_host_ask(&host, NULL, 1001, 300);
    statsd_host_ask(&host, NULL, 1002, 300);
    assert_int_equal(asked, 1);
    assert_false(statsd_host_answer(&host, &failure));
    assert_string_equal(host.error, failure.error);
    statsd_host_ask(&host, NULL, 1015, 300);
    assert_int_equal(asked, 1);
    statsd_host_ask(&host, NULL, 1016, 300);
    assert_int_equal(asked, 2);
    assert_false(statsd_host_answer(&host, &other));
    answer = answer_of("192.0.2.77", 1);
    assert_true(statsd_host_answer(&host, &answer));
    assert_null(host.error);
    assert_address(&host, "192.0.2.77");
    statsd_host_ask(&host, NULL, 1315, 300);
    assert_int_equal(asked, 2);
    statsd_host_ask(&host, NULL, 1316, 300);
    assert_int_equal(asked, 3);
    assert_false(statsd_host_answer(&host, &failure));
    assert_address(&host, "192.0.2.77");
}

static void the_present_address_stays_while_the_name_has_it(void **state)
{
    struct resolve_answer answer = answer_of("::1", 3);
    struct statsd_host host;

    (void)state;
    statsd_host_set(&host, "statsd.example");
    assert_true(statsd_host_answer(&host, &answer));
    assert_address(&host, "::1");
    assert_true(statsd_host_next(&host));
    assert_address(&host, "192.0.2.1");
    answer = answer_of("127.0.0.1", 2);
    assert_false(statsd_host_answer(&host, &answer));
    assert_address(&host, "192.0.2.1");
    answer = answer_of("127.0.0.1", 1);
    assert_true(statsd_host_answer(&host, &answer));
    assert_address(&host, "127.0.0.1");
    answer = answer_of("127.0.0.1", 20);
    assert_false(statsd_host_answer(&host, &answer));
    for (int i = 0; i < STATSD_HOST_ADDRESSES; i++)
        assert_true(statsd_host_next(&host));
    assert_address(&host, "127.0.0.1");
}

/* The name server fails for the family of the present address: that stays where it is, and is asked for again soon. */
static void a_family_that_fails_keeps_its_addresses(void **state)
{
    struct resolve_answer answer = answer_of("::1", 1);
    struct statsd_host host;

    (void)state;
    asked = 0;
    statsd_host_set(&host, "statsd.example");
    answer.count = 2; /* ::1 and 192.0.2.1 */
    addresses[1] = address_from_v4((const uint8_t[]){ 192, 0, 2, 1 });
    statsd_host_ask(&host, NULL, 1000, 300);
    assert_int_equal(asked_known, 0);
    assert_true(statsd_host_answer(&host, &answer));
    assert_true(statsd_host_next(&host));
    assert_address(&host, "192.0.2.1");
    statsd_host_ask(&host, NULL, 1300, 300);
    assert_int_equal(asked_known, RESOLVE_V4 | RESOLVE_V6);
    answer.count = 1;
    answer.known = 0;
    assert_false(statsd_host_answer(&host, &answer)); /* somebody else's, who did not ask for IPv4 */
    assert_address(&host, "192.0.2.1");
    answer.known = RESOLVE_V4 | RESOLVE_V6;
    answer.failed = RESOLVE_V4;
    answer.error = "its IPv4 addresses cannot be looked up now";
    assert_false(statsd_host_answer(&host, &answer));
    assert_address(&host, "192.0.2.1");
    statsd_host_ask(&host, NULL, 1315, 300);
    assert_int_equal(asked, 3);
    answer.failed = 0;
    answer.error = NULL;
    assert_true(statsd_host_answer(&host, &answer));
    assert_address(&host, "::1");
    assert_null(host.error);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_never_asked_for),
        cmocka_unit_test(a_name_is_asked_for_again),
        cmocka_unit_test(the_present_address_stays_while_the_name_has_it),
        cmocka_unit_test(a_family_that_fails_keeps_its_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
