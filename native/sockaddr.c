/* sockaddr.c: see sockaddr.h. */
#include "sockaddr.h"

#include <netinet/in.h>
#include <string.h>

socklen_t sockaddr_fill(struct sockaddr_storage *out, const struct ip_address *address, uint16_t port)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

    if (address_is_v4(address)) {
        memcpy(&v4.sin_addr, address->bytes + ADDRESS_V4_OFFSET, sizeof v4.sin_addr);
        memcpy(out, &v4, sizeof v4);
        return sizeof v4;
    }
    memcpy(&v6.sin6_addr, address->bytes, sizeof v6.sin6_addr);
    memcpy(out, &v6, sizeof v6);
    return sizeof v6;
}
