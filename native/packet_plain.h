/* packet_plain.h: the short way for the frames that nearly all are. */
#ifndef GO_METRO_PACKET_PLAIN_H
#define GO_METRO_PACKET_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet.h"

/* An Ethernet frame -> *out: what packet_decode_long() would give. False: it is not plain, and *out is undefined. */
bool packet_decode_plain(const uint8_t *frame, size_t caplen, struct tcp_segment *out);

#endif
