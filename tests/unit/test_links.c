/* links.c in a network namespace of the test's own: loopback and TUN devices come, go and change their addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>

#include "links.c"
#include "namespace_fixture.h"

#define NEED_TUNNEL(fd)                                               \
    do {                                                              \
        if ((fd) < 0) {                                               \
            print_message("SKIPPED %s: no /dev/net/tun\n", __func__); \
            skip();                                                   \
        }                                                             \
    } while (0)

static void set_up(const char *interface, bool up)
{
    struct ifreq request;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, interface);
    assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &request), 0);
    request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
}

static int open_tunnel(const char *name)
{
    struct ifreq request;
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return -1;
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, name);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
    return fd;
}

/* label: the interface's name, or name:label. */
static void set_v4(const char *label, const char *text)
{
    struct ifreq request;
    struct sockaddr_in address = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, label);
    assert_int_equal(inet_pton(AF_INET, text, &address.sin_addr), 1);
    memcpy(&request.ifr_addr, &address, sizeof address);
    assert_int_equal(ioctl(fd, SIOCSIFADDR, &request), 0);
    close(fd);
}

static bool holds(const struct netset *set, const char *text)
{
    struct ip_address address;
    uint32_t value;

    assert_non_null(set);
    assert_true(address_parse(text, &address));
    return netset_lookup(set, &address, &value);
}

static bool wakes(struct links *links)
{
    struct pollfd pollfd = { links_fd(links), POLLIN, 0 };

    return poll(&pollfd, 1, 1000) == 1;
}

static void test_states(void **state)
{
    int tun;

    (void)state;
    assert_int_equal(links_state("any"), LINKS_UP);
    assert_int_equal(links_state("nosuch0"), LINKS_ABSENT);
    assert_int_equal(links_state(""), LINKS_ABSENT);
    assert_int_equal(links_state("a-name-that-is-too-long"), LINKS_ABSENT);
    NEED_NAMESPACE();
    assert_int_equal(links_state("lo"), LINKS_UP);
    tun = open_tunnel("tun7");
    NEED_TUNNEL(tun);
    assert_int_equal(links_state("tun7"), LINKS_DOWN);
    set_up("tun7", true);
    assert_int_equal(links_state("tun7"), LINKS_UP);
    close(tun);
    assert_int_equal(links_state("tun7"), LINKS_ABSENT);
}

static void test_wakes(void **state)
{
    struct links *links = links_open();
    int tun;

    (void)state;
    assert_non_null(links);
    links_dispatch(links);
    assert_false(links_dispatch(links));
    if (!have_namespace)
        links_close(links);
    NEED_NAMESPACE();
    tun = open_tunnel("tun8");
    if (tun < 0)
        links_close(links);
    NEED_TUNNEL(tun);
    assert_true(wakes(links));
    assert_true(links_dispatch(links));
    set_v4("tun8", "10.7.0.1");
    assert_true(wakes(links));
    assert_true(links_dispatch(links));
    while (links_dispatch(links))
        ;
    close(tun);
    assert_true(wakes(links));
    assert_true(links_dispatch(links));
    links_close(links);
    links_close(NULL);
}

/* So many changes that the socket cannot hold their messages: still a change, and then it is quiet again. */
static void test_lost_messages(void **state)
{
    struct links *links;
    int small = 1, tun;

    (void)state;
    NEED_NAMESPACE();
    tun = open_tunnel("tun9");
    NEED_TUNNEL(tun);
    links = links_open();
    assert_non_null(links);
    assert_int_equal(setsockopt(links_fd(links), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    for (unsigned i = 0; i < 20; i++)
        set_up("tun9", i % 2 == 0);
    assert_true(links_dispatch(links));
    while (links_dispatch(links))
        ;
    links_close(links);
    close(tun);
}

static void test_addresses(void **state)
{
    struct netset *own, *host;
    int tun;

    (void)state;
    NEED_NAMESPACE();
    tun = open_tunnel("tun6");
    NEED_TUNNEL(tun);
    set_v4("tun6", "10.7.0.1");
    set_v4("tun6:1", "10.8.0.1");
    set_up("tun6", true); /* gives it a link-local IPv6 address, too */
    own = links_own_addresses("tun6");
    assert_true(holds(own, "10.7.0.1"));
    assert_true(holds(own, "10.8.0.1"));
    assert_false(holds(own, "10.7.0.2"));
    assert_false(holds(own, "127.0.0.1"));
    netset_free(own);
    own = links_own_addresses("tun");
    assert_int_equal(netset_count(own), 0);
    netset_free(own);
    own = links_own_addresses("any");
    assert_int_equal(netset_count(own), 0);
    netset_free(own);
    own = links_own_addresses("lo");
    assert_true(holds(own, "127.0.0.1"));
    assert_true(holds(own, "127.0.0.53")); /* the kernel answers for the whole block */
    assert_false(holds(own, "128.0.0.1"));
    assert_false(holds(own, "10.7.0.1"));
    netset_free(own);
    host = links_host_addresses();
    assert_true(holds(host, "127.1.2.3"));
    assert_true(holds(host, "::1"));
    assert_true(holds(host, "10.7.0.1"));
    assert_true(holds(host, "10.8.0.1"));
    assert_false(holds(host, "10.7.0.2"));
    netset_free(host);
    close(tun);
    host = links_host_addresses();
    assert_false(holds(host, "10.7.0.1"));
    netset_free(host);
}

static void test_count_bits(void **state)
{
    static const struct {
        const char *mask;
        unsigned bits;
    } cases[] = {
        { "0.0.0.0", 0 },
        { "255.0.0.0", 8 },
        { "255.255.255.254", 31 },
        { "255.255.255.255", 32 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sockaddr_in mask = { .sin_family = AF_INET };

        assert_int_equal(inet_pton(AF_INET, cases[i].mask, &mask.sin_addr), 1);
        assert_int_equal(count_bits((struct sockaddr *)&mask), cases[i].bits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),    cmocka_unit_test(test_wakes),      cmocka_unit_test(test_lost_messages),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_count_bits),
    };

    have_namespace = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    if (have_namespace)
        set_up("lo", true);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
