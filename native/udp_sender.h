/* udp_sender.h: datagrams to one address, without ever waiting, and what became of them.
 *
 * A sender with fd -1; udp_sender_aim(); udp_sender_send() for each datagram; udp_sender_look() a while after the last one;
 * udp_sender_close(). */
#ifndef GO_METRO_UDP_SENDER_H
#define GO_METRO_UDP_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

struct udp_sender {
    int fd;        /* -1: none */
    uint64_t sent; /* datagrams that the kernel took */
    uint64_t lost; /* of which a host on the way said that they did not arrive, or that the kernel refused */
    void (*on_loss)(int error, void *arg); /* each time `lost` grows; may be NULL */
    void *arg;
};

/* From now on to that address. 0, or -1 with errno: nothing can be sent. The counters go on. */
int udp_sender_aim(struct udp_sender *sender, const struct ip_address *address, uint16_t port);

/* False: it was not taken, as there is no room now (EAGAIN, ENOBUFS): the same may be tried again, and is not counted. */
bool udp_sender_send(struct udp_sender *sender, const char *bytes, size_t length);

/* Counts what was reported since. */
void udp_sender_look(struct udp_sender *sender);
void udp_sender_close(struct udp_sender *sender);

#endif
