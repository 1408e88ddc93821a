/* udp_sender.c on the loopback: what is lost is counted once, and nothing is waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

static int send_error; /* 0: the kernel's own */

static ssize_t test_send(int fd, const void *bytes, size_t length, int flags)
{
    if (send_error == 0)
        return send(fd, bytes, length, flags);
    errno = send_error;
    return -1;
}

#define send(fd, bytes, length, flags) test_send(fd, bytes, length, flags)
#include "udp_sender.c"
#undef send

#include <netinet/in.h>

#include "statsd_fixture.h"

static int last_error;

static void on_loss(int error, void *arg)
{
    last_error = error;
    ++*(int *)arg;
}

static void an_address_of_either_family_is_reached(void **state)
{
    static const char *const places[] = { "127.0.0.1", "::1" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct udp_sender sender = { .fd = -1 };
        struct ip_address address;
        uint16_t port;
        char text[16];
        const int listener = listen_at(places[i], 0, &port);

        if (listener < 0)
            continue; /* no IPv6 here */
        assert_true(address_parse(places[i], &address));
        assert_int_equal(udp_sender_aim(&sender, &address, port), 0);
        assert_true(udp_sender_send(&sender, "hello", 5));
        assert_int_equal(recv(listener, text, sizeof text, 0), 5);
        udp_sender_look(&sender);
        assert_int_equal(sender.sent, 1);
        assert_int_equal(sender.lost, 0);
        close(listener);
        udp_sender_close(&sender);
    }
}

static void where_nobody_listens_each_datagram_is_lost_once(void **state)
{
    struct ip_address address;
    int losses = 0;
    struct udp_sender sender = { .fd = -1, .on_loss = on_loss, .arg = &losses };
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);

    (void)state;
    close(listener);
    assert_true(address_parse("127.0.0.1", &address));
    assert_int_equal(udp_sender_aim(&sender, &address, port), 0);
    for (int i = 0; i < 10; i++)
        assert_true(udp_sender_send(&sender, "hello", 5));
    udp_sender_look(&sender);
    udp_sender_look(&sender);
    assert_int_equal(sender.sent, 10); /* each was tried, whatever became of the one before */
    assert_int_equal(sender.lost, 10);
    assert_int_equal(losses, 10);
    assert_int_equal(last_error, ECONNREFUSED);
    udp_sender_close(&sender);
}

static void what_is_full_may_be_tried_again(void **state)
{
    static const int full[] = { EAGAIN, ENOBUFS };
    struct ip_address address;
    struct udp_sender sender = { .fd = -1 };
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);

    (void)state;
    assert_true(address_parse("127.0.0.1", &address));
    assert_int_equal(udp_sender_aim(&sender, &address, port), 0);
    assert_true(udp_sender_send(&sender, "hello", 5));
    for (int i = 0; i < 2; i++) {
        send_error = full[i];
        assert_false(udp_sender_send(&sender, "hello", 5));
    }
    send_error = 0;
    assert_true(udp_sender_send(&sender, "hello", 5));
    assert_int_equal(sender.sent, 2);
    assert_int_equal(sender.lost, 0);
    close(listener);
    udp_sender_close(&sender);
}

static void what_is_refused_at_once_is_lost(void **state)
{
    struct ip_address address;
    int losses = 0;
    struct udp_sender sender = { .fd = -1, .on_loss = on_loss, .arg = &losses };

    (void)state;
    assert_true(address_parse("127.0.0.1", &address));
    assert_int_equal(udp_sender_aim(&sender, &address, 9), 0);
    send_error = EHOSTUNREACH;
    assert_true(udp_sender_send(&sender, "hello", 5));
    send_error = 0;
    assert_int_equal(sender.lost, 1);
    assert_int_equal(last_error, EHOSTUNREACH);
    udp_sender_close(&sender);
}

static void what_cannot_be_aimed_at_is_an_error(void **state)
{
    struct ip_address address;
    struct udp_sender sender = { .fd = -1 };

    (void)state;
    assert_true(address_parse("255.255.255.255", &address));
    assert_int_equal(udp_sender_aim(&sender, &address, 9), -1);
    assert_int_equal(sender.fd, -1);
    udp_sender_look(&sender);
    assert_int_equal(sender.lost, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_of_either_family_is_reached),
        cmocka_unit_test(where_nobody_listens_each_datagram_is_lost_once),
        cmocka_unit_test(what_is_full_may_be_tried_again),
        cmocka_unit_test(what_is_refused_at_once_is_lost),
        cmocka_unit_test(what_cannot_be_aimed_at_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
