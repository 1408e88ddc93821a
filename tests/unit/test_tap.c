/* tap.c on the loopback of a network namespace of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/if_packet.h>

#include "clock.h"
#undef fail /* cmocka's; tap.c has a function of that name */
#include "tap.c"
#include "namespace_fixture.h"

static int sender, link_switch; /* opened before the tap gives up the right to it */
static const struct tap_settings settings = { .snaplen = 512, .buffer_bytes = 4 << 20, .buffer_mib = 4 };

static int set_flags(bool up)
{
    struct ifreq request = { .ifr_name = "lo" };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = ioctl(fd, SIOCGIFFLAGS, &request);

    request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
    rc |= ioctl(fd, SIOCSIFFLAGS, &request);
    close(fd);
    return rc;
}

/* Opening a tap gives up the right to set an interface up and down: a child that has never opened one does it. */
static int start_switch(void)
{
    int ends[2];
    bool up;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -1;
    if (fork() != 0) {
        close(ends[1]);
        return ends[0];
    }
    close(ends[0]);
    while (read(ends[1], &up, sizeof up) == sizeof up) {
        int rc = set_flags(up);

        if (write(ends[1], &rc, sizeof rc) != sizeof rc)
            break;
    }
    _exit(0);
}

static void set_up(bool up)
{
    int rc = -1;

    assert_int_equal(write(link_switch, &up, sizeof up), sizeof up);
    assert_int_equal(read(link_switch, &rc, sizeof rc), sizeof rc);
    assert_int_equal(rc, 0);
}

static int open_sender(void)
{
    struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("lo") };
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

    return fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -1 : fd;
}

/* TCP over IPv4, of which nothing but the length matters here. */
static void send_frames(unsigned count, size_t length)
{
    uint8_t frame[1500] = { [12] = 0x08, [14] = 0x45, [17] = 40, [22] = 64, [23] = 6, [26] = 127, [30] = 127, [46] = 0x50 };

    for (unsigned i = 0; i < count; i++)
        assert_int_equal(send(sender, frame, length, 0), (ssize_t)length);
}

static uint64_t received(struct tap *tap)
{
    struct capture_statistics statistics;

    tap_statistics(tap, &statistics);
    return statistics.received;
}

static struct tap *open_tap(void)
{
    struct tap *tap = tap_new("lo", &settings);

    assert_non_null(tap);
    tap_wanted(tap, NULL, NULL);
    assert_true(tap_check(tap, 100));
    assert_int_equal(tap_state(tap), SEG_CAPTURING);
    usleep(2000); /* the first millisecond is not handed over */
    return tap;
}

/* As the helper does it, for so long. */
static void work(struct tap *tap, struct meter *meter, int ms)
{
    const struct tap_sink sink = { .meter = meter, .now_s = 100, .skip = true };
    const uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + (uint64_t)ms * 1000000;
    uint64_t now;

    while ((now = clock_ns(CLOCK_MONOTONIC)) < end_ns) {
        struct pollfd fd = { .fd = tap_fd(tap), .events = POLLIN };

        if (poll(&fd, 1, (int)((end_ns - now) / 1000000 + 1)) > 0)
            assert_false(tap_dispatch(tap, &sink));
    }
}

static struct meter *new_meter(void)
{
    struct meter *meter = meter_new(&(struct meter_options){ .max_flows = 1, .max_peers = 1 });

    assert_non_null(meter);
    return meter;
}

static double processor_s(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
           + 1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* In whole blocks, and in the one that the kernel is about to fill. */
static void test_what_came_before_the_interface_went_down(void **state)
{
    struct meter *meter;
    struct tap *tap;
    double busy_s;

    (void)state;
    NEED_NAMESPACE();
    meter = new_meter();
    tap = open_tap();
    send_frames(6000, 200);
    set_up(false);
    assert_false(tap_check(tap, 100));
    assert_int_equal(tap_state(tap), SEG_FAILED);
    assert_non_null(strstr(tap_error(tap), "is down"));
    busy_s = processor_s();
    work(tap, meter, 500);
    assert_true(processor_s() - busy_s < 0.2); /* it does not spin */
    assert_int_equal(received(tap), 6000);
    assert_true(tap_check(tap, 101));
    assert_int_equal(tap_fd(tap), -1);
    assert_int_equal(received(tap), 6000);
    assert_false(tap_check(tap, 102));
    set_up(true);
    assert_true(tap_check(tap, 103));
    assert_int_equal(tap_state(tap), SEG_CAPTURING);
    tap_free(tap);
    meter_free(meter);
}

static void test_what_is_not_taken_yet_is_not_closed(void **state)
{
    struct meter *meter;
    struct tap *tap;

    (void)state;
    NEED_NAMESPACE();
    meter = new_meter();
    tap = open_tap();
    send_frames(3000, 200);
    set_up(false);
    assert_false(tap_check(tap, 100));
    usleep(300000);
    assert_false(tap_check(tap, 101));
    work(tap, meter, 100);
    assert_int_equal(received(tap), 3000);
    assert_true(tap_check(tap, 102));
    set_up(true);
    tap_free(tap);
    meter_free(meter);
}

static void test_down_and_up_again(void **state)
{
    struct meter *meter;
    struct tap *tap;

    (void)state;
    NEED_NAMESPACE();
    meter = new_meter();
    tap = open_tap();
    for (unsigned round = 1; round <= 2; round++) {
        send_frames(10, 200);
        set_up(false);
        assert_false(tap_check(tap, 100));
        assert_int_equal(tap_state(tap), SEG_FAILED);
        set_up(true);
        assert_false(tap_check(tap, 100));
        assert_int_equal(tap_state(tap), SEG_CAPTURING);
        assert_string_equal(tap_error(tap), "");
        send_frames(10, 200);
        work(tap, meter, 300);
        assert_int_equal(received(tap), 20 * round);
    }
    tap_free(tap);
    meter_free(meter);
}

/* A millisecond for each of the ring's MiB; not where frames are left in it. */
static void test_a_ring_that_was_emptied_is_left_alone(void **state)
{
    const int mib = (int)(settings.buffer_bytes >> 20);
    struct meter *meter;
    struct tap *tap;
    struct pollfd fd;
    uint64_t begin_ns;

    (void)state;
    NEED_NAMESPACE();
    meter = new_meter();
    tap = open_tap();
    assert_int_equal(tap_rest_ms(tap), 0);
    send_frames(FRAMES_A_TURN + 1, 60);
    fd = (struct pollfd){ .fd = tap_fd(tap), .events = POLLIN };
    assert_int_equal(poll(&fd, 1, 1000), 1);
    while (received(tap) < FRAMES_A_TURN + 1) {
        const struct tap_sink sink = { .meter = meter, .now_s = 100, .skip = true };
        const uint64_t before = received(tap);

        assert_int_equal(tap_rest_ms(tap), 0);
        begin_ns = clock_ns(CLOCK_MONOTONIC);
        assert_false(tap_dispatch(tap, &sink));
        if (received(tap) == before || received(tap) - before == FRAMES_A_TURN)
            continue;
        assert_in_range(tap_rest_ms(tap) + (unsigned)((clock_ns(CLOCK_MONOTONIC) - begin_ns) / NS_PER_MS), mib - 1, UINT32_MAX);
        assert_in_range(tap_rest_ms(tap), 0, mib);
        while (tap_rest_ms(tap) > 0)
            usleep(1000);
        assert_in_range(clock_ns(CLOCK_MONOTONIC) - begin_ns, (unsigned)mib * NS_PER_MS, UINT64_MAX);
    }
    tap_free(tap);
    meter_free(meter);
}

static size_t captured_of_ten(struct tap *tap, struct meter *meter)
{
    const uint64_t before = received(tap);

    send_frames(10, 200);
    work(tap, meter, 200);
    return (size_t)(received(tap) - before);
}

/* The capture stays open, and the kernel keeps back everything; also over a reopening. */
static void test_rejecting(void **state)
{
    struct meter *meter;
    struct tap *tap;

    (void)state;
    NEED_NAMESPACE();
    meter = new_meter();
    tap = open_tap();
    assert_int_equal(captured_of_ten(tap, meter), 10);
    tap_reject(tap);
    assert_int_equal(tap_state(tap), SEG_CAPTURING);
    assert_int_equal(captured_of_ten(tap, meter), 0);
    tap_close(tap);
    assert_true(tap_check(tap, 100));
    assert_int_equal(tap_state(tap), SEG_CAPTURING);
    usleep(2000);
    assert_int_equal(captured_of_ten(tap, meter), 0);
    tap_wanted(tap, NULL, NULL);
    assert_int_equal(captured_of_ten(tap, meter), 10);
    tap_free(tap);
    meter_free(meter);
}

static void test_a_tap_may_begin_with_rejecting(void **state)
{
    struct meter *meter;
    struct tap *tap;

    (void)state;
    NEED_NAMESPACE();
    meter = new_meter();
    tap = tap_new("lo", &settings);
    assert_non_null(tap);
    tap_reject(tap);
    assert_true(tap_check(tap, 100));
    usleep(2000);
    assert_int_equal(captured_of_ten(tap, meter), 0);
    tap_wanted(tap, NULL, NULL);
    assert_int_equal(captured_of_ten(tap, meter), 10);
    tap_free(tap);
    meter_free(meter);
}

/* What the ring holds from before is not for an instance that has just begun again, and is for the others. */
static void test_old_frames_are_not_for_who_is_fresh(void **state)
{
    struct meter *meter;
    struct tap *tap;
    struct since begun = { 0 };
    struct tap_sink sink = { .instances = 3, .now_s = 100, .fresh = 2, .fresh_from = &begun };

    (void)state;
    NEED_NAMESPACE();
    meter = new_meter();
    assert_int_equal(meter_instance_add(meter, &(struct meter_instance){ .both_sides = true }), 0);
    assert_int_equal(meter_instance_add(meter, &(struct meter_instance){ .both_sides = true }), 1);
    tap = open_tap();
    sink.meter = meter;
    send_frames(10, 200);
    since_note(&begun, 2, (int64_t)clock_ns(CLOCK_REALTIME));
    send_frames(5, 200);
    for (int i = 0; i < 50 && received(tap) < 15; i++) {
        usleep(10000);
        assert_false(tap_dispatch(tap, &sink));
    }
    assert_int_equal(received(tap), 15);
    assert_int_equal(meter_counters(meter, 0)->packets, 15);
    assert_int_equal(meter_counters(meter, 1)->packets, 5);
    tap_free(tap);
    meter_free(meter);
}

/* What the ring holds from before is for who has ended still, and later on is only counted. */
static void test_old_frames_are_for_who_has_ended(void **state)
{
    struct meter *meter;
    struct tap *tap;

    (void)state;
    NEED_NAMESPACE();
    for (int is_late = 0; is_late < 2; is_late++) {
        struct since over = { 0 };
        struct tap_sink sink = { .instances = 1, .now_s = 100, .ended = 2, .late = is_late ? 2 : 0, .ended_at = &over };

        sink.meter = meter = new_meter();
        assert_int_equal(meter_instance_add(meter, &(struct meter_instance){ .both_sides = true }), 0);
        assert_int_equal(meter_instance_add(meter, &(struct meter_instance){ .both_sides = true }), 1);
        tap = open_tap();
        send_frames(10, 200);
        since_note(&over, 2, (int64_t)clock_ns(CLOCK_REALTIME));
        send_frames(5, 200);
        for (int i = 0; i < 50 && received(tap) < 15; i++) {
            usleep(10000);
            assert_false(tap_dispatch(tap, &sink));
        }
        assert_int_equal(meter_counters(meter, 0)->packets, 15);
        assert_int_equal(meter_counters(meter, 0)->ignored[PACKET_TOO_LATE], 0);
        assert_int_equal(meter_counters(meter, 1)->packets, 10);
        assert_int_equal(meter_counters(meter, 1)->ignored[PACKET_TOO_LATE], is_late ? 10 : 0);
        tap_free(tap);
        meter_free(meter);
    }
}

static size_t seen_caplen;

static void note_caplen(void *arg, const struct captured_frame *frame)
{
    (void)arg;
    seen_caplen = frame->caplen;
    assert_int_equal(frame->wirelen, 1400);
}

static void test_no_more_than_the_headers(void **state)
{
    char message[CAPTURE_ERROR_MAX];
    struct tap_settings other = settings;
    struct tap *tap;

    (void)state;
    NEED_NAMESPACE();
    tap = open_tap();
    send_frames(1, 1400);
    for (int i = 0; i < 50 && seen_caplen == 0; i++) {
        usleep(10000);
        assert_int_equal(capture_dispatch(tap->capture, 0, note_caplen, NULL, message), CAPTURE_OK);
    }
    assert_int_equal(seen_caplen, SNAPLEN_MOST);
    other.snaplen = 1000;
    assert_false(tap_configure(tap, &other)); /* no difference, no gap */
    other.snaplen = 192;
    assert_true(tap_configure(tap, &other));
    tap_free(tap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_came_before_the_interface_went_down),
        cmocka_unit_test(test_what_is_not_taken_yet_is_not_closed),
        cmocka_unit_test(test_down_and_up_again),
        cmocka_unit_test(test_a_ring_that_was_emptied_is_left_alone),
        cmocka_unit_test(test_rejecting),
        cmocka_unit_test(test_a_tap_may_begin_with_rejecting),
        cmocka_unit_test(test_old_frames_are_not_for_who_is_fresh),
        cmocka_unit_test(test_old_frames_are_for_who_has_ended),
        cmocka_unit_test(test_no_more_than_the_headers),
    };

    have_namespace = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    if (have_namespace) {
        link_switch = start_switch();
        set_flags(true);
        sender = open_sender();
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
