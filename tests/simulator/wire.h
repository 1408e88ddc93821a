/* wire.h: a simulated packet -> the frame that a capture would hold. Pure. */
#ifndef SIMULATOR_WIRE_H
#define SIMULATOR_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "tcp.h"

#define WIRE_FRAME_MAX 160 /* headers with all options, and the first bytes of the payload */
#define WIRE_WINDOW_SHIFT 7

/* Ethernet, IPv4 or IPv6, TCP; *wire_length is what a wire would have carried. Returns how many bytes of it are in `frame`. The
 * payload is zeros; the TCP checksum is 0, as a capture of what is sent with checksum offload has it. */
size_t wire_frame(uint8_t frame[static WIRE_FRAME_MAX], const struct tcp_packet *packet, size_t *wire_length);

/* The sequence number of a stream offset of that side. */
uint32_t wire_seq(const struct tcp_flow *flow, unsigned side, uint64_t offset);

#endif
