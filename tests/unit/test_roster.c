/* test_roster.c: what the roster does with a tap that opens, is lost and opens again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter.h"

static bool is_memory_out;

static struct meter *meter_new_or_not(const struct meter_options *options)
{
    return is_memory_out ? NULL : meter_new(options);
}

#define meter_new meter_new_or_not
#include "roster_apply.c"
#undef meter_new

#include "frame_fixture.h"
#include "meter_state.h"
#include "roster_private.h"
#include "tap_fixture.h"

#define NOW_S 5000U
#define TURN_S 6U /* the window of `sampling` and its pause */

/* --- the roster --- */

static struct roster *roster;

static int apply_bounded(const char *instance, unsigned max_flows)
{
    static struct config_report report;
    char text[512];
    struct config *config;

    snprintf(text, sizeof text, "init_config: {max_flows: %u}\ninstances:\n  - {%s}\n", max_flows, instance);
    assert_int_equal(config_parse("test", text, strlen(text), &config, &report), CONFIG_OK);
    return roster_apply(roster, config);
}

static void apply(const char *instance)
{
    assert_int_equal(apply_bounded(instance, 1000), 0);
}

static void check(enum fate fate)
{
    next.check = fate;
    roster_check(roster, NULL, NULL, NOW_S);
}

/* As if it had been long ago that anything was followed. */
static void follow(void)
{
    roster->follow_from_ns = 0;
    roster_follow(roster);
}

static uint64_t bit(void)
{
    return UINT64_C(1) << roster->instances[0].number;
}

static const struct meter_counters *counters(void)
{
    return meter_counters(roster->meter, roster->instances[0].number);
}

/* A segment of ours that waits for its ACK. */
static void send_segment(void)
{
    const struct shot shot = from_to(1, 2, TCP_ACK, 1000, 6000, 50);
    const struct frame frame = render(&shot);
    const struct captured_frame handed = captured(&frame, shot.length, S);

    meter_frame(roster->meter, bit(), &handed, NOW_S);
    meter_flush(roster->meter);
    assert_int_equal(counters()->open_flows, 1);
    assert_int_equal(meter_pending(roster->meter, roster->instances[0].number), 1);
}

static bool goes_on(void)
{
    const uint64_t pending = meter_pending(roster->meter, roster->instances[0].number);

    assert_int_equal(counters()->open_flows, pending);
    assert_int_equal(meter_row_count(roster->meter), 1);
    return pending == 1;
}

#define SELECTED "interface: lo, all_peers: true, promiscuous: true, local_nets: [10.0.0.1]"

static void set_up(void)
{
    memset(&next, 0, sizeof next);
    roster = roster_new(NULL, (const uint64_t[2]){ 1, 2 });
    assert_non_null(roster);
    apply(SELECTED);
    check(OPENS);
    send_segment();
}

static int tear_down(void **state)
{
    (void)state;
    roster_free(roster);
    roster = NULL;
    return 0;
}

static void what_is_in_flight_goes_on_as_long_as_the_capture(void **state)
{
    (void)state;
    set_up();
    check(STAYS);
    roster_links_changed(roster);
    follow();
    assert_true(goes_on());
}

static void it_ends_with_the_capture(void **state)
{
    (void)state;
    set_up();
    check(CLOSES);
    assert_false(goes_on());
}

/* An interface that was removed and made anew between two looks has another device behind it. */
static void it_ends_where_another_capture_follows_at_once(void **state)
{
    struct netset *own;

    (void)state;
    set_up();
    own = roster->taps[0].own;
    check(IS_ANOTHER);
    assert_int_equal(next.opened, 2);
    assert_false(goes_on());
    assert_ptr_not_equal(roster->taps[0].own, own); /* the addresses were read anew */
    send_segment();
    assert_true(goes_on());
}

static void it_ends_where_the_filter_cannot_follow(void **state)
{
    (void)state;
    set_up();
    next.filter_fails = true;
    roster_links_changed(roster);
    follow();
    assert_int_equal(tap_fd(roster->taps[0].tap), -1);
    assert_false(goes_on());
}

static void it_ends_where_a_capture_that_ends_is_lost(void **state)
{
    (void)state;
    set_up();
    next.filter_fails = true;
    roster_end_all(roster);
    assert_int_equal(tap_fd(roster->taps[0].tap), -1);
    assert_false(goes_on());
}

static void it_ends_where_the_filter_cannot_follow_another_configuration(void **state)
{
    (void)state;
    set_up();
    next.filter_fails = true;
    apply(SELECTED ", tags: [a]");
    assert_false(goes_on());
}

/* --- what the meter is told of who is measured --- */

static uint64_t measured(void)
{
    check(STAYS);
    return roster->meter->contest.measured;
}

static void what_is_captured_is_measured(void **state)
{
    (void)state;
    set_up();
    assert_int_equal(measured(), bit());
    check(CLOSES);
    assert_int_equal(measured(), 0);
    check(OPENS);
    assert_int_equal(measured(), bit());
    roster_close(roster); /* there is another helper, and no check until that is gone */
    assert_int_equal(roster->meter->contest.measured, 0);
}

static void only_in_its_windows(void **state)
{
    (void)state;
    set_up();
    apply(SELECTED ", sample: true, sample_duration: 6, sample_interval: 6");
    for (uint32_t now_s = 0; now_s < 4 * TURN_S; now_s++) {
        roster_turn_windows(roster, NOW_S + now_s);
        assert_int_equal(measured(), now_s / TURN_S % 2 == 0 ? bit() : 0);
    }
}

/* --- hosts --- */

static void answer(const char *name, const char *address)
{
    struct ip_address found;
    struct resolve_answer answer = { .kind = RESOLVE_FORWARD, .addresses = &found, .count = 1 };

    assert_true(address_parse(address, &found));
    snprintf(answer.name, sizeof answer.name, "%s", name);
    roster_answer(roster, &answer);
}

#define NAMED(hosts) "interface: lo, local_nets: [10.0.0.1], hosts: [" hosts "]"

/* Nobody is shown the row of a host that is not named any more. */
static void the_row_of_a_host_leaves_with_its_name(void **state)
{
    (void)state;
    memset(&next, 0, sizeof next);
    roster = roster_new(NULL, (const uint64_t[2]){ 1, 2 });
    assert_non_null(roster);
    apply(NAMED("one.example, two.example"));
    check(OPENS);
    answer("one.example", "10.0.0.2");
    answer("two.example", "10.0.0.3");
    follow();
    send_segment();
    apply(NAMED("one.example"));
    assert_true(goes_on());
    apply(NAMED("three.example, one.example"));
    assert_true(goes_on());
    answer("one.example", "10.0.0.9"); /* it has another address now, and its row stays */
    follow();
    assert_int_equal(meter_row_count(roster->meter), 1);
    apply(NAMED("three.example"));
    assert_int_equal(meter_row_count(roster->meter), 0);
}

static int wait_ms(void)
{
    struct pollfd fds[ROSTER_MAX];
    int timeout_ms;

    roster_poll(roster, fds, &timeout_ms);
    return timeout_ms;
}

static size_t wanted_count(void)
{
    return netset_count(roster->taps[0].tap->wanted);
}

/* However many there are, whitelist and filter are made anew once behind them, and then not for a while. */
static void answers_are_followed_together(void **state)
{
    (void)state;
    memset(&next, 0, sizeof next);
    roster = roster_new(NULL, (const uint64_t[2]){ 1, 2 });
    assert_non_null(roster);
    apply(NAMED("one.example, two.example, three.example"));
    check(OPENS);
    next.filtered = 0;
    assert_int_equal(wait_ms(), -1);
    answer("one.example", "10.0.0.2");
    answer("two.example", "10.0.0.3");
    assert_int_equal(next.filtered, 0);
    assert_int_equal(wait_ms(), 0);
    roster_follow(roster);
    assert_int_equal(next.filtered, 1);
    assert_int_equal(wanted_count(), 2);
    assert_int_equal(wait_ms(), -1);
    answer("one.example", "10.0.0.2"); /* as before */
    assert_int_equal(wait_ms(), -1);
    answer("three.example", "10.0.0.4");
    roster->follow_from_ns = UINT64_MAX / 2; /* it took very long the last time */
    assert_true(wait_ms() > 0);
    roster_follow(roster);
    assert_int_equal(next.filtered, 1);
    follow();
    assert_int_equal(next.filtered, 2);
    assert_int_equal(wanted_count(), 3);
}

/* A host on which interfaces come and go has hundreds of messages at once. */
static void so_are_messages_of_links(void **state)
{
    (void)state;
    set_up();
    next.filtered = 0;
    for (unsigned n = 0; n < 100; n++)
        roster_links_changed(roster);
    assert_int_equal(next.filtered, 0);
    assert_int_equal(wait_ms(), 0);
    follow();
    assert_int_equal(next.filtered, 1);
    assert_int_equal(wait_ms(), -1);
}

/* Where all are wanted the kernel lets all through, whatever is known of names; in a subnet's row nobody has one. */
static void names_are_no_filter_where_all_are_wanted(void **state)
{
    (void)state;
    memset(&next, 0, sizeof next);
    roster = roster_new(NULL, (const uint64_t[2]){ 1, 2 });
    assert_non_null(roster);
    apply(NAMED("one.example") ", all_peers: true");
    check(OPENS);
    assert_null(roster->taps[0].tap->wanted);
    answer("one.example", "10.0.0.2");
    follow();
    assert_null(roster->taps[0].tap->wanted);
    assert_int_equal(netset_count(roster->instances[0].whitelist), 1);
    send_segment();
    apply(NAMED("one.example")); /* who is wanted still goes on */
    assert_int_equal(wanted_count(), 1);
    assert_true(goes_on());
    apply(NAMED("one.example") ", all_peers: true, ips: [192.0.2.0/24]");
    assert_null(roster->taps[0].tap->wanted);
    assert_true(goes_on());
    apply(NAMED("one.example") ", all_peers: true, group_by: subnet");
    assert_null(roster->taps[0].tap->wanted);
    answer("one.example", "10.0.0.3");
    assert_int_equal(wait_ms(), -1);
}

/* In a subnet's row nobody has a name, so nobody is asked for it, waited for or warned of. */
static void names_that_mean_nothing_are_no_trouble(void **state)
{
    char warning[SEG_ERROR_MAX];

    (void)state;
    memset(&next, 0, sizeof next);
    roster = roster_new(NULL, (const uint64_t[2]){ 1, 2 });
    assert_non_null(roster);
    apply(NAMED("one.example"));
    instance_warning(&roster->instances[0], NOW_S, warning);
    assert_non_null(strstr(warning, "one.example"));
    assert_true(instance_asks(&roster->instances[0]) && !instance_is_resolved(&roster->instances[0]));
    apply(NAMED("one.example") ", all_peers: true, group_by: subnet");
    instance_warning(&roster->instances[0], NOW_S, warning);
    assert_string_equal(warning, "");
    assert_true(!instance_asks(&roster->instances[0]) && instance_is_resolved(&roster->instances[0]));
}

/* Libpcap resolved it there. */
static void a_name_under_ips_is_one_where_all_are_wanted_too(void **state)
{
    uint64_t revision;

    (void)state;
    memset(&next, 0, sizeof next);
    roster = roster_new(NULL, (const uint64_t[2]){ 1, 2 });
    assert_non_null(roster);
    apply("interface: lo, all_peers: true, ips: [one.example]");
    answer("one.example", "10.0.0.2");
    revision = instance_revision(&roster->instances[0]);
    follow();
    assert_int_equal(netset_count(roster->instances[0].whitelist), 1);
    assert_int_not_equal(instance_revision(&roster->instances[0]), revision); /* names may be others now */
}

/* Who reads the configuration anew meanwhile has them too. */
static void answers_outlive_another_configuration(void **state)
{
    (void)state;
    memset(&next, 0, sizeof next);
    roster = roster_new(NULL, (const uint64_t[2]){ 1, 2 });
    assert_non_null(roster);
    apply(NAMED("one.example"));
    check(OPENS);
    answer("one.example", "10.0.0.2");
    apply(NAMED("one.example") ", tags: [a]");
    assert_int_equal(wanted_count(), 1);
    follow();
    assert_int_equal(wanted_count(), 1);
}

/* --- meters that follow one another --- */

static void note_birth(const struct meter_row *row, void *arg)
{
    *(uint64_t *)arg = row->birth;
}

static uint64_t birth_of_row(void)
{
    uint64_t birth = 0;

    check(OPENS);
    send_segment();
    assert_int_equal(meter_row_count(roster->meter), 1);
    meter_each_row(roster->meter, note_birth, &birth);
    return birth;
}

/* Who has seen one row does not take another for it. */
static void no_row_has_the_birth_of_one_before_it(void **state)
{
    uint64_t birth, births;

    (void)state;
    set_up();
    births = meter_births(roster->meter);
    for (unsigned max_flows = 2000; max_flows < 6000; max_flows += 1000) {
        is_memory_out = max_flows % 2000 != 0; /* now and then there is no meter */
        assert_int_equal(apply_bounded(SELECTED, max_flows), is_memory_out ? -1 : 0);
        if (is_memory_out)
            continue;
        birth = birth_of_row();
        assert_true(birth > births);
        births = meter_births(roster->meter);
    }
    is_memory_out = false;
    apply(SELECTED);
    assert_true(birth_of_row() > births);
}

#define CASE(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_in_flight_goes_on_as_long_as_the_capture),
        CASE(it_ends_with_the_capture),
        CASE(it_ends_where_another_capture_follows_at_once),
        CASE(it_ends_where_the_filter_cannot_follow),
        CASE(it_ends_where_a_capture_that_ends_is_lost),
        CASE(it_ends_where_the_filter_cannot_follow_another_configuration),
        CASE(what_is_captured_is_measured),
        CASE(only_in_its_windows),
        CASE(the_row_of_a_host_leaves_with_its_name),
        CASE(answers_are_followed_together),
        CASE(so_are_messages_of_links),
        CASE(names_are_no_filter_where_all_are_wanted),
        CASE(names_that_mean_nothing_are_no_trouble),
        CASE(a_name_under_ips_is_one_where_all_are_wanted_too),
        CASE(answers_outlive_another_configuration),
        CASE(no_row_has_the_birth_of_one_before_it),
    };

    return cmocka_run_group_tests_name("roster", tests, NULL, NULL);
}
