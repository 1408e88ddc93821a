/* packet_ip.c: an IPv4 header, or an IPv6 header and its extension headers -> addresses, payload length, what follows. */
#include "packet_cursor.h"

enum {
    PROTOCOL_HOP_BY_HOP = 0,
    PROTOCOL_TCP = 6,
    PROTOCOL_ROUTING = 43,
    PROTOCOL_FRAGMENT = 44,
    PROTOCOL_AH = 51,
    PROTOCOL_DESTINATION = 60,
};

static const struct named_protocol {
    uint8_t protocol;
    enum packet_reason reason;
} named_protocols[] = {
    { 1, PACKET_ICMP },
    { 58, PACKET_ICMP },
    { 4, PACKET_TUNNEL },           /* IPv4 in IP */
    { 41, PACKET_TUNNEL },          /* IPv6 in IP */
    { 47, PACKET_TUNNEL },          /* GRE */
    { 50, PACKET_TUNNEL },          /* ESP */
    { PROTOCOL_AH, PACKET_TUNNEL }, /* under IPv4; an extension header under IPv6 */
    { 55, PACKET_TUNNEL },          /* minimal encapsulation, RFC 2004 */
    { 94, PACKET_TUNNEL },          /* IPIP of the old kind */
    { 97, PACKET_TUNNEL },          /* EtherIP */
    { 98, PACKET_TUNNEL },          /* ENCAP, RFC 1241 */
    { 108, PACKET_TUNNEL },         /* IPComp */
    { 115, PACKET_TUNNEL },         /* L2TPv3 */
    { 137, PACKET_MPLS },           /* MPLS in IP */
    { 143, PACKET_TUNNEL },         /* Ethernet in SRv6 */
};

static enum packet_reason decode_protocol(struct cursor *c, struct tcp_segment *out, uint8_t protocol)
{
    if (protocol == PROTOCOL_TCP)
        return c->wire > MAX_DATAGRAM ? PACKET_BAD_IP : packet_decode_tcp(c, out);
    for (size_t i = 0; i < sizeof named_protocols / sizeof named_protocols[0]; i++) {
        if (named_protocols[i].protocol == protocol)
            return named_protocols[i].reason;
    }
    return PACKET_NOT_TCP;
}

enum packet_reason packet_decode_ipv4(struct cursor *c, struct tcp_segment *out)
{
    const size_t fixed = 20;
    size_t whole = c->wire; /* of the datagram: what the wire carried, unless the header says it */
    const uint8_t *ip = take(c, fixed);
    size_t header;

    if (ip == NULL)
        return PACKET_TRUNCATED;
    header = (size_t)(ip[0] & 0x0f) * 4;
    if (be16(ip + 2) != 0)
        whole = be16(ip + 2);
    if (ip[0] >> 4 != 4 || header < fixed || whole < header)
        return PACKET_BAD_IP;
    if (take(c, header - fixed) == NULL)
        return PACKET_TRUNCATED;
    narrow(c, whole - header);
    if ((be16(ip + 6) & 0x1fff) != 0)
        return PACKET_FRAGMENT;
    out->src = address_from_v4(ip + 12);
    out->dst = address_from_v4(ip + 16);
    out->identity = be16(ip + 4);
    out->has_ip_id = out->identity != 0;
    return decode_protocol(c, out, ip[9]);
}

/* Where the walk along IPv6's extension headers is. */
struct chain {
    struct cursor *c;
    struct tcp_segment *out;
    const uint8_t *header; /* of `length` bytes, taken already */
    size_t length;
    uint8_t next;    /* the header that follows */
    unsigned passed; /* headers before this one */
    bool no_length;  /* the IPv6 header says 0: a jumbogram, or BIG TCP that has left its option out */
};

/* RFC 2675: the Jumbo Payload option (194) counts from the end of the IPv6 header. False: an option is malformed. */
static bool jumbo_payload(const uint8_t *option, size_t left, uint32_t *out)
{
    size_t length;

    for (; left > 0; option += length, left -= length) {
        length = 1;
        if (*option == 0) /* Pad1 */
            continue;
        if (left < 2 || (size_t)option[1] + 2 > left)
            return false;
        length = (size_t)option[1] + 2;
        if (*option == 194 && length == 6)
            *out = be32(option + 2);
    }
    return true;
}

static enum packet_reason pass_hop_by_hop(struct chain *chain)
{
    uint32_t jumbo = 0;

    if (chain->passed > 0) /* RFC 8200 section 4.1: only as the first */
        return PACKET_EXTENSIONS;
    if (!chain->no_length)
        return PACKET_OK;
    if (!jumbo_payload(chain->header + 2, chain->length - 2, &jumbo) || (jumbo != 0 && jumbo < chain->length))
        return PACKET_BAD_IP;
    if (jumbo != 0)
        narrow(chain->c, jumbo - chain->length);
    return PACKET_OK;
}

static enum packet_reason pass_routing(struct chain *chain)
{
    return chain->header[3] == 0 ? PACKET_OK : PACKET_EXTENSIONS; /* segments left */
}

static enum packet_reason pass_fragment(struct chain *chain)
{
    chain->out->identity = be32(chain->header + 4);
    chain->out->has_ip_id = true;
    return be16(chain->header + 2) >> 3 == 0 ? PACKET_OK : PACKET_FRAGMENT;
}

static enum packet_reason pass_plain(struct chain *chain)
{
    (void)chain;
    return PACKET_OK;
}

static enum packet_reason refuse(struct chain *chain)
{
    (void)chain;
    return PACKET_EXTENSIONS;
}

/* Each begins with next header and length: 8 bytes and `unit` more for each count of the length. */
static const struct extension {
    uint8_t protocol, unit;
    enum packet_reason (*pass)(struct chain *chain);
} extensions[] = {
    { PROTOCOL_HOP_BY_HOP, 8, pass_hop_by_hop },
    { PROTOCOL_ROUTING, 8, pass_routing },
    { PROTOCOL_FRAGMENT, 0, pass_fragment },
    { PROTOCOL_DESTINATION, 8, pass_plain },
    { PROTOCOL_AH, 4, pass_plain },
    { 135, 8, refuse }, /* Mobility */
    { 139, 8, refuse }, /* HIP */
    { 140, 8, refuse }, /* Shim6 */
};

static const struct extension *find_extension(uint8_t protocol)
{
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        if (extensions[i].protocol == protocol)
            return &extensions[i];
    }
    return NULL;
}

static enum packet_reason pass_extension(struct chain *chain, const struct extension *extension)
{
    size_t rest;

    if ((chain->header = take(chain->c, 8)) == NULL)
        return missing(chain->c, 8, PACKET_BAD_IP);
    rest = (size_t)chain->header[1] * extension->unit;
    if (take(chain->c, rest) == NULL)
        return missing(chain->c, rest, PACKET_BAD_IP);
    chain->length = 8 + rest;
    chain->next = chain->header[0];
    return extension->pass(chain);
}

/* Passes the extension headers, at most MAX_EXTENSIONS; `next` is the first. */
static enum packet_reason decode_chain(struct cursor *c, struct tcp_segment *out, uint8_t next, bool no_length)
{
    struct chain chain = { .c = c, .out = out, .next = next, .no_length = no_length };
    const struct extension *extension;

    while ((extension = find_extension(chain.next)) != NULL) {
        enum packet_reason reason = chain.passed == MAX_EXTENSIONS ? PACKET_EXTENSIONS : pass_extension(&chain, extension);

        if (reason != PACKET_OK)
            return reason;
        chain.passed++;
    }
    return decode_protocol(c, out, chain.next);
}

enum packet_reason packet_decode_ipv6(struct cursor *c, struct tcp_segment *out)
{
    const uint8_t *ip = take(c, 40);
    uint16_t length;

    if (ip == NULL)
        return PACKET_TRUNCATED;
    if (ip[0] >> 4 != 6)
        return PACKET_BAD_IP;
    out->src = address_from_v6(ip + 8);
    out->dst = address_from_v6(ip + 24);
    if (address_is_v4(&out->src) || address_is_v4(&out->dst))
        return PACKET_MAPPED;
    out->identity = 0;
    out->has_ip_id = false;
    length = be16(ip + 4);
    if (length != 0)
        narrow(c, length);
    return ip[6] == PROTOCOL_TCP ? decode_protocol(c, out, ip[6]) : decode_chain(c, out, ip[6], length == 0);
}
