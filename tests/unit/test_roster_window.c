/* test_roster_window.c: who of several instances is open when, over changes of the configuration; nothing is captured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "roster_private.h"

#define BEGUN_S 5000U

static struct roster *roster;

static struct config *parse(const char *init, const char *instances)
{
    static struct config_report report;
    char text[1024];
    struct config *config;

    snprintf(text, sizeof text, "init_config: {max_flows: 1000, resolve_names: false%s}\ninstances:\n%s", init, instances);
    assert_int_equal(config_parse("test", text, strlen(text), &config, &report), CONFIG_OK);
    return config;
}

static void apply(const char *init, const char *instances)
{
    assert_int_equal(roster_apply(roster, parse(init, instances)), 0);
}

static int set_up(void **state)
{
    (void)state;
    roster = roster_new(NULL, (const uint64_t[2]){ 1, 2 });
    return roster == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    roster_free(roster);
    return 0;
}

static uint64_t bit(size_t instance)
{
    return UINT64_C(1) << roster->instances[instance].number;
}

/* After so many seconds: the open ones of the only tap. */
static void expect(uint32_t after_s, uint64_t open)
{
    const uint64_t before = roster->taps[0].open;
    const bool ends = roster_turn_windows(roster, BEGUN_S + after_s);
    struct tap_sink sink;

    assert_int_equal(roster->tap_count, 1);
    assert_int_equal(roster->taps[0].open, open);
    assert_int_equal(ends, (before & ~open) != 0);
    assert_int_equal(roster->taps[0].ending, ends ? ENDING_WINDOWS : ENDING_NOTHING);
    sink = roster_sink(roster, &roster->taps[0], 0, false);
    if (ends) { /* they get what was captured before, until they have had their time */
        assert_int_equal(sink.ended & ~sink.late, before & ~open);
        assert_int_equal(since_later(sink.ended_at, 0), sink.ended_at->instances);
        roster_ended(roster);
        sink = roster_sink(roster, &roster->taps[0], 0, false);
    }
    assert_int_equal(sink.ended & ~sink.late, 0);
    assert_int_equal(sink.instances, open);
    assert_int_equal(roster->taps[0].ending, ENDING_NOTHING);
    assert_int_equal(roster->taps[0].ending_windows, 0);
}

#define ONE "  - {interface: lo, ips: [127.0.0.1], sample: true, sample_duration: 3, sample_interval: 5}\n"
#define TWO "  - {interface: lo, ips: [127.0.0.2], sample: true, sample_duration: 4, sample_interval: 2}\n"
#define ALWAYS "  - {interface: lo, ips: [127.0.0.3]}\n"

static void each_has_its_own_windows(void **state)
{
    (void)state;
    apply("", ONE TWO);
    assert_int_equal(roster->taps[0].open, bit(0) | bit(1));
    for (uint32_t after_s = 0; after_s < 24; after_s++)
        expect(after_s, (after_s % 8 < 3 ? bit(0) : 0) | (after_s % 6 < 4 ? bit(1) : 0));
    assert_int_equal(roster->instances[0].window.open_s, 9);
    assert_int_equal(roster->instances[1].window.closed_s, 7);
}

static void who_is_always_open_is_not_touched(void **state)
{
    (void)state;
    apply("", ONE ALWAYS);
    for (uint32_t after_s = 0; after_s < 24; after_s++)
        expect(after_s, (after_s % 8 < 3 ? bit(0) : 0) | bit(1));
}

static void an_unchanged_one_keeps_its_phase(void **state)
{
    static const struct {
        const char *init, *instances;
    } changes[] = {
        { "", ONE },                      /* SIGHUP alone */
        { ", resolve_interval: 7", ONE }, /* what has nothing to do with it */
        { ", max_peers: 77", ONE },       /* flows and rows begin anew */
        { ", max_peers: 77", "  - {interface: lo, ips: [127.0.0.9], sample: true, sample_duration: 3, sample_interval: 5}\n" },
    };

    (void)state;
    apply("", ONE);
    expect(0, bit(0));
    expect(3, 0);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        apply(changes[i].init, changes[i].instances);
        assert_int_equal(roster->taps[0].open, 0); /* at once, not only after the next second */
        expect(4, 0);
    }
    expect(7, 0);
    expect(8, bit(0));
    assert_int_equal(roster->instances[0].window.open_s, 3);
    assert_int_equal(roster->instances[0].window.closed_s, 5);
}

static void a_changed_one_begins_anew(void **state)
{
    (void)state;
    apply("", ONE);
    expect(0, bit(0));
    expect(3, 0);
    apply("", "  - {interface: lo, ips: [127.0.0.1], sample: true, sample_duration: 2, sample_interval: 5}\n");
    assert_int_equal(roster->taps[0].open, bit(0));
    expect(4, bit(0));
    expect(6, 0);
    assert_int_equal(roster->instances[0].window.open_s, 2);
    apply("", "  - {interface: lo, ips: [127.0.0.1]}\n");
    for (uint32_t after_s = 7; after_s < 30; after_s++)
        expect(after_s, bit(0));
}

static void one_that_is_new_begins_beside_the_other(void **state)
{
    (void)state;
    apply("", ONE);
    expect(0, bit(0));
    expect(3, 0);
    apply("", TWO ONE);
    assert_int_equal(roster->taps[0].open, bit(0));
    expect(4, bit(0));
    expect(8, bit(1)); /* the new one's ended after 4 s, the other's begins where it would have */
    expect(9, bit(1));
    expect(10, bit(0) | bit(1));
    expect(11, bit(0));
}

/* What was open twice with a pause between is two windows, though nothing was seen of the pause: the first ends now. */
static void a_pause_that_was_slept_through(void **state)
{
    (void)state;
    apply("", ONE);
    expect(0, bit(0));
    expect(8001, 0);
    expect(8002, bit(0));
    assert_int_equal(roster->instances[0].window.open_s, 8001);
    assert_int_equal(roster->instances[0].window.closed_s, 1);
    expect(8003, 0);
}

static void without_a_configuration_nothing_turns(void **state)
{
    (void)state;
    assert_false(roster_turn_windows(roster, BEGUN_S));
    roster_end_all(roster);
    assert_false(roster_await(roster, 0));
    roster_ended(roster);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(each_has_its_own_windows),
        CASE(who_is_always_open_is_not_touched),
        CASE(an_unchanged_one_keeps_its_phase),
        CASE(a_changed_one_begins_anew),
        CASE(one_that_is_new_begins_beside_the_other),
        CASE(a_pause_that_was_slept_through),
        CASE(without_a_configuration_nothing_turns),
    };

    return cmocka_run_group_tests_name("roster_window", tests, NULL, NULL);
}
