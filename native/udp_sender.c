/* udp_sender.c: a connected socket, because only that is told of ICMP errors; and with a queue of them, because else it is told
 * of the last one alone, and of a host that is not there not at all. */
#include "udp_sender.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <linux/errqueue.h>

#include "sockaddr.h"

#define REPORTS_AT_ONCE 4096 /* more than the queue holds */

static int connect_to(int fd, const struct ip_address *address, uint16_t port)
{
    const int yes = 1;
    struct sockaddr_storage storage;
    const socklen_t length = sockaddr_fill(&storage, address, port);
    const bool v4 = storage.ss_family == AF_INET;

    if (setsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &yes, sizeof yes) < 0)
        return -1;
    return connect(fd, (const struct sockaddr *)&storage, length);
}

int udp_sender_aim(struct udp_sender *sender, const struct ip_address *address, uint16_t port)
{
    int error;

    udp_sender_close(sender);
    sender->fd = socket(address_is_v4(address) ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (sender->fd < 0)
        return -1;
    if (connect_to(sender->fd, address, port) == 0)
        return 0;
    error = errno;
    udp_sender_close(sender);
    errno = error;
    return -1;
}

static void count_loss(struct udp_sender *sender, int error)
{
    sender->lost++;
    if (sender->on_loss != NULL)
        sender->on_loss(error, sender->arg);
}

/* The error that a message of the queue is about; 0: none that came by ICMP. */
static int error_of(struct msghdr *message)
{
    struct sock_extended_err report;

    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL; head = CMSG_NXTHDR(message, head)) {
        if (!(head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_RECVERR)
            && !(head->cmsg_level == IPPROTO_IPV6 && head->cmsg_type == IPV6_RECVERR))
            continue;
        memcpy(&report, CMSG_DATA(head), sizeof report);
        if (report.ee_origin == SO_EE_ORIGIN_ICMP || report.ee_origin == SO_EE_ORIGIN_ICMP6)
            return (int)report.ee_errno;
    }
    return 0;
}

/* Whether there was any report of a datagram that did not arrive. With the last one the socket's own error is gone as well. */
static bool take_reports(struct udp_sender *sender)
{
    bool is_any = false;

    for (int i = 0; i < REPORTS_AT_ONCE; i++) {
        union {
            struct cmsghdr aligned;
            char bytes[512];
        } control;
        struct msghdr message = { .msg_control = &control, .msg_controllen = sizeof control };
        int error;

        if (recvmsg(sender->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            break;
        error = error_of(&message);
        if (error != 0)
            count_loss(sender, error);
        is_any |= error != 0;
    }
    return is_any;
}

/* 0 or the error. */
static int try_to_send(const struct udp_sender *sender, const char *bytes, size_t length)
{
    return send(sender->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

static bool is_full(int error)
{
    return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

bool udp_sender_send(struct udp_sender *sender, const char *bytes, size_t length)
{
    int error = try_to_send(sender, bytes, length);

    if (error != 0 && !is_full(error) && take_reports(sender))
        error = try_to_send(sender, bytes, length); /* it was that of an earlier one */
    if (is_full(error))
        return false;
    if (error == 0)
        sender->sent++;
    else
        count_loss(sender, error);
    return true;
}

void udp_sender_look(struct udp_sender *sender)
{
    int error = 0;
    socklen_t length = sizeof error;

    if (sender->fd < 0)
        return;
    (void)take_reports(sender);
    if (getsockopt(sender->fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error != 0)
        count_loss(sender, error); /* for which the queue had no room */
}

void udp_sender_close(struct udp_sender *sender)
{
    if (sender->fd >= 0)
        close(sender->fd);
    sender->fd = -1;
}
