/* test_roster_end.c: what is in a ring when something ends, on the loopback of a network namespace of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "namespace_fixture.h"
#include "roster_private.h"

#define FRAMES 10000U /* more than two turns' */
#define BEGUN_S 5000U

static int sender; /* opened before the tap gives up the right to it */
static struct roster *roster;

static void set_lo_up(void)
{
    struct ifreq request = { .ifr_name = "lo" };
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
        request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
        (void)ioctl(fd, SIOCSIFFLAGS, &request);
    }
    close(fd);
}

static int open_sender(void)
{
    struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("lo") };
    const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

    return fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -1 : fd;
}

/* Of one connection from 127.0.0.1 to itself. */
static void send_frames(unsigned count)
{
    uint8_t frame[60] = { [12] = 0x08, [14] = 0x45, [17] = 40, [22] = 64, [23] = 6, [26] = 127,
                          [29] = 1,    [30] = 127,  [33] = 1,  [35] = 9,  [37] = 8, [46] = 0x50 };

    for (unsigned i = 0; i < count; i++)
        assert_int_equal(send(sender, frame, sizeof frame, 0), (ssize_t)sizeof frame);
}

static struct config *parse(const char *init, const char *keys)
{
    static struct config_report report;
    struct config *config;
    char text[512];

    snprintf(text, sizeof text,
             "init_config: {max_flows: 1000, max_peers: 100, resolve_names: false, buffer_mib: 16%s}\n"
             "instances: [{interface: lo, ips: [127.0.0.1]%s}]\n",
             init, keys);
    assert_int_equal(config_parse("test", text, strlen(text), &config, &report), CONFIG_OK);
    return config;
}

/* Capturing; the first millisecond is not handed over. */
static void begin(const char *keys)
{
    roster = roster_new(NULL, (const uint64_t[2]){ 1, 2 });
    assert_non_null(roster);
    assert_int_equal(roster_apply(roster, parse("", keys)), 0);
    (void)roster_turn_windows(roster, BEGUN_S);
    roster_check(roster, NULL, NULL, BEGUN_S);
    assert_int_equal(tap_state(roster->taps[0].tap), SEG_CAPTURING);
    usleep(2000);
}

static int tear_down(void **state)
{
    (void)state;
    roster_free(roster);
    roster = NULL;
    return 0;
}

/* As monitor.c does it. */
static void empty_rings(bool skip)
{
    const uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + TAP_LAST_BLOCK_NS;

    do {
        roster_dispatch(roster, NULL, BEGUN_S, skip);
    } while (roster_await(roster, 10) || clock_ns(CLOCK_MONOTONIC) < end_ns);
}

static void drain(void)
{
    empty_rings(false);
    roster_ended(roster);
}

static const struct meter_counters *counters(void)
{
    return meter_counters(roster->meter, roster->instances[0].number);
}

static void expect(uint64_t looked_at, uint64_t too_late)
{
    assert_int_equal(counters()->packets, looked_at + too_late);
    assert_int_equal(counters()->ignored[PACKET_TOO_LATE], too_late);
    assert_int_equal(counters()->tcp, looked_at);
}

static void all_that_was_captured_before_the_end_is_measured(void **state)
{
    (void)state;
    NEED_NAMESPACE();
    begin("");
    send_frames(FRAMES);
    roster_end_all(roster);
    send_frames(10); /* after the end */
    drain();
    expect(FRAMES, 0);
}

/* Frames in a window of 3 s, before a pause of 5 s, whose end is seen then. */
static void end_a_window(uint32_t seen_s)
{
    begin(", sample: true, sample_duration: 3, sample_interval: 5");
    send_frames(FRAMES);
    assert_true(roster_turn_windows(roster, seen_s));
}

static void what_nobody_had_the_time_for_is_counted(void **state)
{
    (void)state;
    NEED_NAMESPACE();
    begin("");
    send_frames(FRAMES);
    roster_end_all(roster);
    send_frames(10);
    roster_dispatch(roster, NULL, BEGUN_S, false);
    const uint64_t looked_at = counters()->packets;
    assert_true(looked_at < FRAMES);
    usleep((useconds_t)(TAP_LAST_BLOCK_NS / 1000));
    roster_ended(roster);
    expect(looked_at, FRAMES - looked_at);
}

static void a_window_has_what_was_captured_in_it(void **state)
{
    (void)state;
    NEED_NAMESPACE();
    end_a_window(BEGUN_S + 3);
    send_frames(10);
    drain();
    expect(FRAMES, 0);
    assert_int_equal(counters()->open_flows, 0);
}

/* Looked at later on; the next window has nothing of it. */
static void what_a_window_had_no_time_for_is_counted(void **state)
{
    (void)state;
    NEED_NAMESPACE();
    end_a_window(BEGUN_S + 3);
    send_frames(10);
    roster_ended(roster);
    usleep((useconds_t)(TAP_LAST_BLOCK_NS / 1000));
    while (roster_await(roster, 0) || counters()->packets < FRAMES)
        roster_dispatch(roster, NULL, BEGUN_S, false);
    expect(0, FRAMES);
}

/* Found there while the next window is open already. */
static void what_a_window_had_no_time_for_is_counted_in_the_next_one(void **state)
{
    (void)state;
    NEED_NAMESPACE();
    end_a_window(BEGUN_S + 3);
    send_frames(10);
    roster_ended(roster);
    assert_false(roster_turn_windows(roster, BEGUN_S + 8));
    usleep(2000);
    send_frames(5);
    empty_rings(false);
    expect(5, FRAMES);
}

/* Stopped (SIGSTOP, say) over the whole of a pause: what was captured until somebody looked is of the window that was open. */
static void a_window_whose_pause_was_slept_through_has_what_was_captured_until_then(void **state)
{
    (void)state;
    NEED_NAMESPACE();
    end_a_window(BEGUN_S + 8);
    send_frames(10);
    drain();
    expect(FRAMES, 0);
    assert_int_equal(counters()->open_flows, 0);
    assert_false(roster_turn_windows(roster, BEGUN_S + 9));
    usleep(2000);
    send_frames(5);
    empty_rings(false);
    expect(FRAMES + 5, 0);
    assert_int_equal(counters()->open_flows, 1);
}

static void what_a_window_had_no_time_for_is_counted_when_all_ends(void **state)
{
    (void)state;
    NEED_NAMESPACE();
    end_a_window(BEGUN_S + 3);
    roster_ended(roster);
    roster_end_all(roster);
    usleep((useconds_t)(TAP_LAST_BLOCK_NS / 1000));
    roster_ended(roster);
    expect(0, FRAMES);
}

static void a_capture_that_another_one_follows_is_emptied_first(void **state)
{
    struct config *same, *other, *anew;

    (void)state;
    NEED_NAMESPACE();
    begin("");
    same = parse("", ", tags: [a:b]");
    other = parse(", snaplen: 192", "");
    anew = parse(", idle_ttl: 77, snaplen: 192", "");
    assert_false(roster_end_changed(roster, same));
    assert_false(roster_end_changed(roster, anew)); /* its counters go as well */
    send_frames(FRAMES);
    assert_true(roster_end_changed(roster, other));
    drain();
    expect(FRAMES, 0);
    assert_int_equal(roster_apply(roster, other), 0);
    roster_check(roster, NULL, NULL, BEGUN_S + 1);
    usleep(2000);
    send_frames(5);
    usleep((useconds_t)(TAP_LAST_BLOCK_NS / 1000));
    roster_dispatch(roster, NULL, BEGUN_S + 1, false);
    expect(FRAMES + 5, 0);
    config_free(same);
    config_free(anew);
}

/* --- several of one interface --- */

#define WANTED "interface: lo, ips: [127.0.0.1]"
#define ALWAYS "{" WANTED "}"
#define BEGINS_AT_8 "{" WANTED ", sample: true, sample_duration: 3, sample_interval: 5}"
#define BEGINS_AT_9 "{" WANTED ", sample: true, sample_duration: 3, sample_interval: 6}"

static struct config *parse_all(const char *instances)
{
    static struct config_report report;
    struct config *config;
    char text[1024];

    snprintf(text, sizeof text,
             "init_config: {max_flows: 1000, max_peers: 100, resolve_names: false, buffer_mib: 16}\ninstances: [%s]\n",
             instances);
    assert_int_equal(config_parse("test", text, strlen(text), &config, &report), CONFIG_OK);
    return config;
}

static void begin_all(const char *instances)
{
    begin("");
    assert_int_equal(roster_apply(roster, parse_all(instances)), 0);
    (void)roster_turn_windows(roster, BEGUN_S);
    usleep(2000);
}

static const struct meter_counters *counters_of(size_t instance)
{
    return meter_counters(roster->meter, roster->instances[instance].number);
}

/* Until the first of them, which is always open, has had so many. */
static void dispatch_until(uint64_t packets)
{
    for (unsigned turn = 0; turn < 100 && counters_of(0)->packets < packets; turn++) {
        usleep(10000);
        roster_dispatch(roster, NULL, BEGUN_S, false);
    }
    assert_int_equal(counters_of(0)->packets, packets);
    assert_int_equal(counters_of(0)->tcp, packets);
}

/* While the ring holds all of it: each has what was captured since its own window began. */
static void a_window_that_begins_takes_nothing_from_one_that_has_just_begun(void **state)
{
    (void)state;
    NEED_NAMESPACE();
    begin_all(ALWAYS ", " BEGINS_AT_8 ", " BEGINS_AT_9);
    assert_true(roster_turn_windows(roster, BEGUN_S + 3));
    drain();
    send_frames(10);
    assert_false(roster_turn_windows(roster, BEGUN_S + 8));
    usleep(2000);
    send_frames(5);
    assert_false(roster_turn_windows(roster, BEGUN_S + 9));
    usleep(2000);
    send_frames(3);
    dispatch_until(18);
    assert_int_equal(counters_of(1)->packets, 8);
    assert_int_equal(counters_of(2)->packets, 3);
}

/* Each frame that nobody had the time for is counted, for whom it was. */
static void a_window_that_ends_takes_nothing_from_one_that_has_just_ended(void **state)
{
    (void)state;
    NEED_NAMESPACE();
    begin_all(ALWAYS ", {" WANTED ", sample: true, sample_duration: 3, sample_interval: 50}, {" WANTED
                     ", sample: true, sample_duration: 4, sample_interval: 50}");
    send_frames(10);
    assert_true(roster_turn_windows(roster, BEGUN_S + 3));
    roster_ended(roster);
    send_frames(5);
    assert_true(roster_turn_windows(roster, BEGUN_S + 4));
    roster_ended(roster);
    send_frames(3);
    dispatch_until(18);
    assert_int_equal(counters_of(1)->packets, 10);
    assert_int_equal(counters_of(1)->ignored[PACKET_TOO_LATE], 10);
    assert_int_equal(counters_of(2)->packets, 15);
    assert_int_equal(counters_of(2)->ignored[PACKET_TOO_LATE], 15);
}

/* --- the wall clock is set while a ring is emptied --- */

/* The others' windows go on: what there was no time for is looked at later on, as if nothing had ended. */
static void a_clock_step_ends_a_window_and_nothing_else(void **state)
{
    (void)state;
    NEED_NAMESPACE();
    begin_all(ALWAYS ", {" WANTED ", sample: true, sample_duration: 3, sample_interval: 50}");
    send_frames(10);
    dispatch_until(10);
    assert_int_equal(counters_of(1)->open_flows, 1);
    assert_true(roster_turn_windows(roster, BEGUN_S + 3));
    roster_clock_step(roster);
    send_frames(5);
    usleep((useconds_t)(TAP_LAST_BLOCK_NS / 1000));
    roster_ended(roster);
    assert_int_equal(counters_of(1)->open_flows, 0); /* nothing is known of the pause */
    assert_int_equal(counters_of(0)->open_flows, 1);
    dispatch_until(15);
    assert_int_equal(counters_of(0)->ignored[PACKET_TOO_LATE], 0);
    assert_int_equal(counters_of(1)->packets, 10);
}

/* Which clock a frame was stamped by cannot be told, but whose it was. */
static void what_is_skipped_of_a_window_that_ends_is_counted(void **state)
{
    (void)state;
    NEED_NAMESPACE();
    end_a_window(BEGUN_S + 3);
    roster_clock_step(roster);
    empty_rings(true);
    roster_ended(roster);
    assert_int_equal(counters()->packets, FRAMES);
    assert_int_equal(counters()->ignored[PACKET_CLOCK_STEP], FRAMES);
}

/* It has the same number, and nothing of what was captured before it was there. */
static void one_that_takes_anothers_place_begins_then(void **state)
{
    int number;

    (void)state;
    NEED_NAMESPACE();
    begin_all(ALWAYS ", {" WANTED ", tags: [a]}");
    number = roster->instances[1].number;
    send_frames(10);
    assert_int_equal(roster_apply(roster, parse_all(ALWAYS ", {" WANTED ", group_by: peer_port}")), 0);
    assert_int_equal(roster->instances[1].number, number);
    usleep(2000);
    send_frames(5);
    dispatch_until(15);
    assert_int_equal(counters_of(1)->packets, 5);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(all_that_was_captured_before_the_end_is_measured),
        CASE(what_nobody_had_the_time_for_is_counted),
        CASE(a_window_has_what_was_captured_in_it),
        CASE(what_a_window_had_no_time_for_is_counted),
        CASE(what_a_window_had_no_time_for_is_counted_in_the_next_one),
        CASE(a_window_whose_pause_was_slept_through_has_what_was_captured_until_then),
        CASE(what_a_window_had_no_time_for_is_counted_when_all_ends),
        CASE(a_capture_that_another_one_follows_is_emptied_first),
        CASE(a_window_that_begins_takes_nothing_from_one_that_has_just_begun),
        CASE(a_window_that_ends_takes_nothing_from_one_that_has_just_ended),
        CASE(a_clock_step_ends_a_window_and_nothing_else),
        CASE(what_is_skipped_of_a_window_that_ends_is_counted),
        CASE(one_that_takes_anothers_place_begins_then),
    };

    have_namespace = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    if (have_namespace) {
        set_lo_up();
        sender = open_sender();
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
