/* packet.c: the bytes of one frame -> struct tcp_segment: the link layer and VLAN tags; packet_ip.c and packet_tcp.c go on. */
#include "packet.h"

#include <string.h>
#include <pcap/pcap.h>

#include "packet_cursor.h"
#include "packet_plain.h"

#ifndef DLT_LINUX_SLL2 /* libpcap before 1.9.1 */
#define DLT_LINUX_SLL2 276
#endif
#define LINKTYPE_RAW 101 /* raw IP as files name it; DLT_RAW is the systems' own number */

static enum packet_reason decode_ip(struct cursor *c, struct tcp_segment *out)
{
    if (c->at == c->end)
        return PACKET_TRUNCATED;
    return *c->at >> 4 == 6 ? packet_decode_ipv6(c, out) : packet_decode_ipv4(c, out);
}

static const struct ethertype {
    uint16_t type;
    enum packet_reason reason; /* where there is nothing to decode */
    enum packet_reason (*decode)(struct cursor *c, struct tcp_segment *out);
} ethertypes[] = {
    { 0x0800, PACKET_OK, packet_decode_ipv4 },
    { 0x86dd, PACKET_OK, packet_decode_ipv6 },
    { 0x8847, PACKET_MPLS, NULL },
    { 0x8848, PACKET_MPLS, NULL },
    { 0x8863, PACKET_PPPOE, NULL },
    { 0x8864, PACKET_PPPOE, NULL },
    { 0x6558, PACKET_TUNNEL, NULL }, /* Ethernet in GRE, as cooked captures name it */
    { 0x88e5, PACKET_TUNNEL, NULL }, /* MACsec */
    { 0x88e7, PACKET_TUNNEL, NULL }, /* 802.1ah, MAC in MAC */
    { 0x894f, PACKET_TUNNEL, NULL }, /* NSH, RFC 8300 */
};

static inline bool is_vlan_tag(uint16_t type)
{
    return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/* *type: the type in front of c; afterwards the one behind the tags. */
static enum packet_reason take_tags(struct cursor *c, struct tcp_segment *out, uint16_t *type)
{
    for (unsigned tags = 0; is_vlan_tag(*type); tags++) {
        const uint8_t *tag;

        if (tags == PACKET_MAX_VLAN)
            return PACKET_VLAN_DEPTH;
        if ((tag = take(c, 4)) == NULL)
            return PACKET_TRUNCATED;
        out->vlan[tags] = be16(tag) & 0x0fff;
        *type = be16(tag + 2);
    }
    return PACKET_OK;
}

static enum packet_reason decode_network(struct cursor *c, struct tcp_segment *out, uint16_t type)
{
    for (size_t i = 0; i < sizeof ethertypes / sizeof ethertypes[0]; i++) {
        if (ethertypes[i].type == type)
            return ethertypes[i].decode != NULL ? ethertypes[i].decode(c, out) : ethertypes[i].reason;
    }
    return PACKET_NOT_IP;
}

static enum packet_reason decode_ethertype(struct cursor *c, struct tcp_segment *out, uint16_t type)
{
    const enum packet_reason reason = take_tags(c, out, &type);

    return reason == PACKET_OK ? decode_network(c, out, type) : reason;
}

static enum packet_reason decode_ethernet(struct cursor *c, struct tcp_segment *out)
{
    const uint8_t *header = take(c, 14);

    return header == NULL ? PACKET_TRUNCATED : decode_ethertype(c, out, be16(header + 12));
}

/* Of these devices (ARPHRD_) the protocol field is no EtherType: Frame Relay, radiotap, netlink. */
static bool is_ethertype_device(uint16_t device)
{
    return device != 770 && device != 803 && device != 824;
}

/* From 6.11 on Linux names the innermost protocol to a cooked socket, although of a packet that came in with two tags the inner
 * one is still there (the kernel takes off the outer one alone): its VLAN ID and the type, then the packet. Such a tag is told by
 * the version, which in an IP packet is always the protocol's. Where its priority bits look like that version it is not told, and
 * the packet is counted as what it seems to be (a bad IP header, a fragment, ...). The VLAN ID is not kept: of packets that go
 * out the kernel hides the inner tag, and both ways have to be one flow. */
static enum packet_reason take_hidden_tag(struct cursor *c, uint16_t type)
{
    const unsigned version = type == 0x0800 ? 4 : 6;

    if ((type != 0x0800 && type != 0x86dd) || c->end - c->at < 5 || c->at[0] >> 4 == version)
        return PACKET_OK;
    if (is_vlan_tag(be16(c->at + 2)))
        return PACKET_VLAN_DEPTH;
    if (be16(c->at + 2) == type && c->at[4] >> 4 == version)
        take(c, 4);
    return PACKET_OK;
}

static enum packet_reason decode_cooked_type(struct cursor *c, struct tcp_segment *out, uint16_t type)
{
    enum packet_reason reason = take_tags(c, out, &type);

    if (reason == PACKET_OK)
        reason = take_hidden_tag(c, type);
    return reason == PACKET_OK ? decode_network(c, out, type) : reason;
}

static enum packet_reason decode_cooked(struct cursor *c, struct tcp_segment *out)
{
    const uint8_t *header = take(c, 16);

    if (header == NULL)
        return PACKET_TRUNCATED;
    return is_ethertype_device(be16(header + 2)) ? decode_cooked_type(c, out, be16(header + 14)) : PACKET_NOT_IP;
}

static enum packet_reason decode_cooked2(struct cursor *c, struct tcp_segment *out)
{
    const uint8_t *header = take(c, 20);

    if (header == NULL)
        return PACKET_TRUNCATED;
    return is_ethertype_device(be16(header + 8)) ? decode_cooked_type(c, out, be16(header)) : PACKET_NOT_IP;
}

static enum packet_reason decode_family(struct cursor *c, struct tcp_segment *out, uint32_t family)
{
    switch (family) {
    case 2: /* AF_INET everywhere */
        return packet_decode_ipv4(c, out);
    case 24: /* AF_INET6 of NetBSD and OpenBSD */
    case 28: /* of FreeBSD */
    case 30: /* of Darwin */
        return packet_decode_ipv6(c, out);
    default:
        return PACKET_NOT_IP;
    }
}

static enum packet_reason decode_loop(struct cursor *c, struct tcp_segment *out)
{
    const uint8_t *header = take(c, 4);

    return header == NULL ? PACKET_TRUNCATED : decode_family(c, out, be32(header));
}

/* The byte order is that of the host that captured; all families are small numbers, so one of the orders is out of range. */
static enum packet_reason decode_null(struct cursor *c, struct tcp_segment *out)
{
    const uint8_t *header = take(c, 4);
    uint32_t family;

    if (header == NULL)
        return PACKET_TRUNCATED;
    family = be32(header);
    return decode_family(c, out, family > 0xffff ? __builtin_bswap32(family) : family);
}

static enum packet_reason refuse_ppp(struct cursor *c, struct tcp_segment *out)
{
    (void)c;
    (void)out;
    return PACKET_PPP;
}

static const struct link {
    int linktype;
    enum packet_reason (*decode)(struct cursor *c, struct tcp_segment *out);
} links[] = {
    { DLT_EN10MB, decode_ethernet },  { DLT_LINUX_SLL, decode_cooked }, { DLT_LINUX_SLL2, decode_cooked2 },
    { DLT_RAW, decode_ip },           { LINKTYPE_RAW, decode_ip },      { DLT_IPV4, packet_decode_ipv4 },
    { DLT_IPV6, packet_decode_ipv6 }, { DLT_NULL, decode_null },        { DLT_LOOP, decode_loop },
    { DLT_PPP, refuse_ppp },          { DLT_PPP_SERIAL, refuse_ppp },   { DLT_PPP_ETHER, refuse_ppp },
    { DLT_PPP_PPPD, refuse_ppp },
};

static const struct link *find_link(int linktype)
{
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        if (links[i].linktype == linktype)
            return &links[i];
    }
    return NULL;
}

bool packet_link_is_known(int linktype)
{
    return find_link(linktype) != NULL;
}

enum packet_reason packet_decode_long(int linktype, const uint8_t *frame, size_t caplen, size_t wirelen, struct tcp_segment *out)
{
    const struct link *link = find_link(linktype);
    struct cursor cursor = { frame, frame + caplen, wirelen > caplen ? wirelen : caplen };

    if (link == NULL)
        return PACKET_UNKNOWN_LINK;
    memset(out->vlan, 0, sizeof out->vlan);
    return link->decode(&cursor, out);
}

enum packet_reason packet_decode(int linktype, const uint8_t *frame, size_t caplen, size_t wirelen, struct tcp_segment *out)
{
    return linktype == DLT_EN10MB && packet_decode_plain(frame, caplen, out)
               ? PACKET_OK
               : packet_decode_long(linktype, frame, caplen, wirelen, out);
}

const char *packet_reason_name(enum packet_reason reason)
{
    static const char *const names[] = {
#define X(enumerator, name) name,
        PACKET_REASONS(X)
#undef X
    };

    return (unsigned)reason < PACKET_REASON_COUNT ? names[reason] : "unknown";
}
