/* packet_cursor.h: how the decoder's layers reach a frame's bytes, and how they call each other: packet.c (link layer) ->
 * packet_ip.c -> packet_tcp.c. For these three alone. */
#ifndef GO_METRO_PACKET_CURSOR_H
#define GO_METRO_PACKET_CURSOR_H

#include <stddef.h>
#include <stdint.h>

#include "packet.h"

#define MAX_EXTENSIONS 8                 /* IPv6 extension headers in one packet; RFC 8200 section 4.1 lists seven */
#define MAX_DATAGRAM (UINT32_C(1) << 30) /* no TCP window is larger (RFC 7323 section 2.3) */

/* The one way to the frame's bytes. wire counts the bytes that were there on the wire: at first by pcap, from the IP header on by
 * its length field. Never fewer than were captured: wire >= end - at. */
struct cursor {
    const uint8_t *at, *end;
    size_t wire;
};

/* The next `n` bytes, or NULL, with the cursor where it was, when fewer were captured. */
static inline const uint8_t *take(struct cursor *c, size_t n)
{
    const uint8_t *at = c->at;

    if ((size_t)(c->end - at) < n)
        return NULL;
    c->at += n;
    c->wire -= n;
    return at;
}

/* Why a take() of `n` bytes failed: they lie beyond the datagram, which is `bad`, or only beyond the capture. */
static inline enum packet_reason missing(const struct cursor *c, size_t n, enum packet_reason bad)
{
    return c->wire < n ? bad : PACKET_TRUNCATED;
}

/* By a header's own length field only `left` more bytes belong to it: what follows is padding. */
static inline void narrow(struct cursor *c, size_t left)
{
    c->wire = left;
    if ((size_t)(c->end - c->at) > left)
        c->end = c->at + left;
}

static inline uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Each takes the rest of the frame from its own header on and fills its part of *out, or says why not. The network layer leaves
 * the IP ID in out->identity, and in has_ip_id whether there is one; TCP makes the hash of it. */
enum packet_reason packet_decode_tcp(struct cursor *c, struct tcp_segment *out);
enum packet_reason packet_decode_ipv4(struct cursor *c, struct tcp_segment *out);
enum packet_reason packet_decode_ipv6(struct cursor *c, struct tcp_segment *out);

#endif
