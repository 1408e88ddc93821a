/* links.c: rtnetlink wakes, getifaddrs() and ioctl() tell. */
#include "links.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGES_MAX 1000 /* in one go; the rest wakes again */
#define LOOPBACK_BITS (96 + 8)
#define HOST_BITS 128

struct links {
    int fd;
};

struct links *links_open(void)
{
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
    struct links *links = malloc(sizeof *links);
    int saved;

    if (links == NULL)
        return NULL;
    links->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (links->fd >= 0 && bind(links->fd, (struct sockaddr *)&address, sizeof address) == 0)
        return links;
    saved = errno;
    links_close(links);
    errno = saved;
    return NULL;
}

void links_close(struct links *links)
{
    if (links == NULL)
        return;
    if (links->fd >= 0)
        close(links->fd);
    free(links);
}

int links_fd(const struct links *links)
{
    return links->fd;
}

/* The text of a message does not matter, so a cut-off one is as good; ENOBUFS: some were lost. */
bool links_dispatch(struct links *links)
{
    bool changed = false;
    char start[sizeof(struct nlmsghdr)];

    for (unsigned i = 0; i < MESSAGES_MAX; i++) {
        if (recv(links->fd, start, sizeof start, 0) >= 0 || errno == ENOBUFS)
            changed = true;
        else if (errno != EINTR)
            break;
    }
    return changed;
}

enum links_state links_state(const char *interface)
{
    enum links_state state = LINKS_ABSENT;
    struct ifreq request;
    int fd;

    if (strcmp(interface, "any") == 0)
        return LINKS_UP;
    /* With a ':' it is an alias of an address, which the kernel would take for the interface that has it. */
    if (interface[0] == '\0' || strlen(interface) >= sizeof request.ifr_name || strchr(interface, ':') != NULL)
        return LINKS_ABSENT;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 && errno == EAFNOSUPPORT)
        fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return LINKS_ABSENT;
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, interface);
    if (ioctl(fd, SIOCGIFFLAGS, &request) == 0)
        state = (request.ifr_flags & IFF_UP) != 0 ? LINKS_UP : LINKS_DOWN;
    close(fd);
    return state;
}

/* ---- addresses ---- */

static unsigned count_bits(const struct sockaddr *netmask)
{
    struct sockaddr_in v4;
    uint32_t mask;
    unsigned bits = 0;

    memcpy(&v4, netmask, sizeof v4);
    for (mask = ntohl(v4.sin_addr.s_addr); mask != 0; mask <<= 1)
        bits++;
    return bits;
}

/* Only IPv4 on a loopback device: there the kernel takes the whole block for its own. */
static unsigned own_bits(const struct ifaddrs *entry)
{
    if ((entry->ifa_flags & IFF_LOOPBACK) != 0 && entry->ifa_addr->sa_family == AF_INET && entry->ifa_netmask != NULL)
        return 96 + count_bits(entry->ifa_netmask);
    return HOST_BITS;
}

static int add_prefix(struct netset *set, struct ip_address address, unsigned bits)
{
    struct ip_prefix prefix = { address, (uint8_t)bits };

    for (unsigned i = bits; i < 128; i++)
        prefix.base.bytes[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
    return netset_add(set, &prefix, 1);
}

static int add_entry(struct netset *set, const struct ifaddrs *entry)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    switch (entry->ifa_addr->sa_family) {
    case AF_INET:
        memcpy(&v4, entry->ifa_addr, sizeof v4);
        return add_prefix(set, address_from_v4((const uint8_t *)&v4.sin_addr), own_bits(entry));
    case AF_INET6:
        memcpy(&v6, entry->ifa_addr, sizeof v6);
        return add_prefix(set, address_from_v6(v6.sin6_addr.s6_addr), HOST_BITS);
    default:
        return 0;
    }
}

/* An IPv4 address may go by a label: "eth0:1" is on eth0. */
static bool is_on(const struct ifaddrs *entry, const char *interface)
{
    size_t n = strlen(interface);

    return strncmp(entry->ifa_name, interface, n) == 0 && (entry->ifa_name[n] == '\0' || entry->ifa_name[n] == ':');
}

/* interface: NULL means all. */
static int add_addresses(struct netset *set, const char *interface)
{
    struct ifaddrs *all;
    int rc = 0, saved;

    if (getifaddrs(&all) < 0)
        return -1;
    for (const struct ifaddrs *entry = all; entry != NULL && rc == 0; entry = entry->ifa_next)
        if (entry->ifa_addr != NULL && (interface == NULL || is_on(entry, interface)))
            rc = add_entry(set, entry);
    saved = errno;
    freeifaddrs(all);
    errno = saved;
    return rc;
}

static struct netset *finish(struct netset *set, int rc)
{
    int saved = errno;

    if (rc == 0)
        return set;
    netset_free(set);
    errno = saved;
    return NULL;
}

struct netset *links_own_addresses(const char *interface)
{
    struct netset *set = netset_new();

    if (set == NULL)
        return NULL;
    return finish(set, strcmp(interface, "any") == 0 ? 0 : add_addresses(set, interface));
}

struct netset *links_host_addresses(void)
{
    static const uint8_t loopback[4] = { 127, 0, 0, 0 };
    struct netset *set = netset_new();
    int rc;

    if (set == NULL)
        return NULL;
    rc = add_prefix(set, address_from_v4(loopback), LOOPBACK_BITS);
    if (rc == 0)
        rc = add_prefix(set, address_from_v6(in6addr_loopback.s6_addr), HOST_BITS);
    if (rc == 0)
        rc = add_addresses(set, NULL);
    return finish(set, rc);
}
