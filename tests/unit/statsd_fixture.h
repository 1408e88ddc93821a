/* statsd_fixture.h: a UDP listener on the loopback. */
#ifndef STATSD_FIXTURE_H
#define STATSD_FIXTURE_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sockaddr.h"

/* *port: where it is, which is `wanted` unless that is 0. -1: not to be had. It does not wait. */
static inline int listen_at(const char *place, uint16_t wanted, uint16_t *port)
{
    struct ip_address address;
    struct sockaddr_storage storage;
    socklen_t length;
    int fd;

    *port = wanted;
    if (!address_parse(place, &address))
        return -1;
    length = sockaddr_fill(&storage, &address, wanted);
    fd = socket(storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&storage, length) < 0
        || getsockname(fd, (struct sockaddr *)&storage, &length) < 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(storage.ss_family == AF_INET ? ((struct sockaddr_in *)&storage)->sin_port
                                               : ((struct sockaddr_in6 *)&storage)->sin6_port);
    return fd;
}

#endif
