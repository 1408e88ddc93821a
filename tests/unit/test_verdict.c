/* verdict.c: the worst state, and every cause. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "verdict.c"

#define MISTAKE "go-metro.yaml:6:5: key 'group_by': wrong"
#define NO_RIGHT "no right to capture: sudo setcap"
#define NO_MEMORY "out of memory for max_flows=1"
#define NOT_SENT "dogstatsd at 127.0.0.1:8125 is not there"

static const struct verdict_causes fine = {
    .is_configured = true, .is_measuring = true, .configuration = "", .privilege = "", .memory = "", .sending = ""
};

static void check(struct verdict_causes causes, enum seg_state instances, const char *instance_error, enum seg_state state,
                  const char *error)
{
    struct verdict verdict;

    verdict_make(&verdict, &causes);
    assert_int_equal(verdict_with_instances(&verdict, instances, instance_error), state);
    assert_int_equal(verdict.state, state);
    assert_string_equal(verdict.error, error);
}

static void test_as_the_instances(void **state)
{
    (void)state;
    check(fine, SEG_CAPTURING, "", SEG_CAPTURING, "");
    check(fine, SEG_STARTING, NULL, SEG_STARTING, "");
    check(fine, SEG_DEGRADED, "no eth7", SEG_DEGRADED, "no eth7");
    check(fine, SEG_FAILED, "no eth7", SEG_FAILED, "no eth7");
}

static void test_a_wrong_configuration(void **state)
{
    struct verdict_causes causes = fine;

    (void)state;
    causes.configuration = MISTAKE;
    check(causes, SEG_CAPTURING, "", SEG_DEGRADED, MISTAKE);
    check(causes, SEG_DEGRADED, "no eth7", SEG_DEGRADED, MISTAKE);
    check(causes, SEG_FAILED, "no eth7", SEG_FAILED, MISTAKE "; also: no eth7");
    check(causes, SEG_FAILED, "", SEG_FAILED, MISTAKE);
    causes.is_configured = causes.is_measuring = false;
    check(causes, SEG_FAILED, "", SEG_FAILED, MISTAKE);
    causes.privilege = NO_RIGHT;
    check(causes, SEG_FAILED, "", SEG_FAILED, MISTAKE "; also: " NO_RIGHT);
}

static void test_what_is_not_sent(void **state)
{
    struct verdict_causes causes = fine;

    (void)state;
    causes.sending = NOT_SENT;
    check(causes, SEG_CAPTURING, "", SEG_DEGRADED, NOT_SENT);
    check(causes, SEG_FAILED, "no eth7", SEG_FAILED, NOT_SENT "; also: no eth7");
    causes.memory = NO_MEMORY;
    check(causes, SEG_CAPTURING, "", SEG_DEGRADED, NO_MEMORY "; also: " NOT_SENT);
    causes.is_stopping = true;
    check(causes, SEG_CAPTURING, "", SEG_STOPPED, "stopped on request");
}

static void test_no_right_and_no_memory(void **state)
{
    struct verdict_causes causes = fine;

    (void)state;
    causes.memory = NO_MEMORY;
    check(causes, SEG_CAPTURING, "", SEG_DEGRADED, NO_MEMORY);
    causes.is_measuring = false;
    check(causes, SEG_FAILED, "", SEG_FAILED, NO_MEMORY);
    causes.privilege = NO_RIGHT;
    check(causes, SEG_STARTING, "starting", SEG_FAILED, NO_RIGHT "; also: " NO_MEMORY);
    causes.is_stopping = true;
    check(causes, SEG_CAPTURING, "", SEG_STOPPED, "stopped on request");
}

static void test_what_is_not_published(void **state)
{
    static const enum seg_state states[][2] = { { SEG_STARTING, SEG_DEGRADED },
                                                { SEG_CAPTURING, SEG_DEGRADED },
                                                { SEG_DEGRADED, SEG_DEGRADED },
                                                { SEG_FAILED, SEG_FAILED } };
    struct verdict_causes causes = fine;
    struct verdict verdict;

    (void)state;
    for (size_t n = 0; n < sizeof states / sizeof states[0]; n++)
        for (int is_lossy = 0; is_lossy < 2; is_lossy++) {
            const char *loss = is_lossy ? "5 of 9 rows are not published" : "";

            verdict_make(&verdict, &causes);
            verdict_with_instances(&verdict, states[n][0], "");
            verdict_with_loss(&verdict, loss);
            assert_int_equal(verdict.state, states[n][is_lossy]);
            assert_string_equal(verdict.error, loss);
        }
    causes.configuration = MISTAKE;
    verdict_make(&verdict, &causes);
    verdict_with_instances(&verdict, SEG_CAPTURING, "");
    verdict_with_loss(&verdict, "5 of 9");
    assert_string_equal(verdict.error, MISTAKE "; also: 5 of 9");
    causes.is_stopping = true;
    verdict_make(&verdict, &causes);
    verdict_with_instances(&verdict, SEG_CAPTURING, "");
    verdict_with_loss(&verdict, "5 of 9");
    assert_int_equal(verdict.state, SEG_STOPPED);
    assert_string_equal(verdict.error, "stopped on request");
}

static void test_too_long(void **state)
{
    char cause[SEG_ERROR_MAX];
    struct verdict_causes causes = fine;
    struct verdict verdict;

    (void)state;
    for (size_t n = 0; n < sizeof cause; n++) {
        memset(cause, 'x', n);
        cause[n] = '\0';
        causes.configuration = causes.privilege = causes.memory = cause;
        verdict_make(&verdict, &causes);
        assert_int_equal(strncmp(verdict.error, cause, n), 0);
        assert_true(strlen(verdict.error) < sizeof verdict.error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_instances),      cmocka_unit_test(test_a_wrong_configuration),
        cmocka_unit_test(test_what_is_not_sent),      cmocka_unit_test(test_no_right_and_no_memory),
        cmocka_unit_test(test_what_is_not_published), cmocka_unit_test(test_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
