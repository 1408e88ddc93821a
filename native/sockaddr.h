/* sockaddr.h: an address and a port as the kernel and the C library want them. Pure. */
#ifndef GO_METRO_SOCKADDR_H
#define GO_METRO_SOCKADDR_H

#include <stdint.h>
#include <sys/socket.h>

#include "address.h"

/* Its length, as connect() and others want it beside it. */
socklen_t sockaddr_fill(struct sockaddr_storage *out, const struct ip_address *address, uint16_t port);

#endif
