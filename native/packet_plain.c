/* packet_plain.c: the frame that nearly every frame is: Ethernet without tags, an IP header without options or extension headers,
 * a TCP header without options, with time stamps alone, or with what a SYN has. One look at the lengths, and nothing that depends
 * on the packet but that. All else goes the long way, which would give the same here too. */
#include "packet_header.h"
#include "packet_plain.h"

#define ETHERNET 14
#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define VERSION_AND_LENGTH_V4 0x45
#define PROTOCOL_TCP 6
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

/* What Linux and most others have in a SYN: MSS, SACK permitted, time stamps, NOP, window scale (RFC 9293, 2018, 7323). */
#define SYN_OPTIONS 20
#define SYN_TIMESTAMPS 6 /* where they stand */
#define SYN_FIRST UINT64_C(0x020400000402080a)
#define SYN_FIRST_MASK UINT64_C(0xffff0000ffffffff) /* all but the MSS */
#define SYN_LAST UINT32_C(0x01030300)
#define SYN_LAST_MASK UINT32_C(0xffffff00) /* all but the shift */

/* A header with so many bytes of options; called with a constant. */
static inline void fill(struct tcp_segment *out, const uint8_t *tcp, size_t options, size_t datagram, uint32_t ip_id)
{
    const uint32_t payload_len = (uint32_t)(datagram - TCP_HEADER - options);

    memset(out->vlan, 0, sizeof out->vlan);
    read_fixed(out, tcp, payload_len);
    out->identity = identity_hash(ip_id, payload_len, tcp, tcp + TCP_HEADER, options);
}

/* options: SYN_OPTIONS bytes. */
static inline bool are_of_a_syn(const uint8_t *options)
{
    const uint64_t first = (uint64_t)be32(options) << 32 | be32(options + 4);

    return (first & SYN_FIRST_MASK) == SYN_FIRST && (be32(options + SYN_OPTIONS - 4) & SYN_LAST_MASK) == SYN_LAST;
}

/* As decode_tcp(), which it is apart from as it is for two segments of a connection. */
static __attribute__((noinline)) bool decode_syn(const uint8_t *tcp, size_t captured, size_t datagram, uint32_t ip_id,
                                                 struct tcp_segment *out)
{
    const size_t header = TCP_HEADER + SYN_OPTIONS;

    if (tcp[12] >> 4 != header / 4 || captured < header || datagram < header || !are_of_a_syn(tcp + TCP_HEADER))
        return false;
    read_timestamps(out, tcp + TCP_HEADER + SYN_TIMESTAMPS);
    fill(out, tcp, SYN_OPTIONS, datagram, ip_id);
    return true;
}

/* tcp: TCP_HEADER bytes of it and `captured` in all; datagram: what there is of it and of data by the IP header. False: not
 * plain. */
static inline bool decode_tcp(const uint8_t *tcp, size_t captured, size_t datagram, uint32_t ip_id, struct tcp_segment *out)
{
    const size_t timed = TCP_HEADER + ALIGNED_TIMESTAMPS;

    if (tcp[12] >> 4 == timed / 4 && captured >= timed && datagram >= timed && be32(tcp + TCP_HEADER) == NOP_NOP_TIMESTAMPS) {
        read_timestamps(out, tcp + TCP_HEADER + 2);
        fill(out, tcp, ALIGNED_TIMESTAMPS, datagram, ip_id);
        return true;
    }
    if (tcp[12] >> 4 == TCP_HEADER / 4 && datagram >= TCP_HEADER) {
        read_no_timestamps(out);
        fill(out, tcp, 0, datagram, ip_id);
        return true;
    }
    return decode_syn(tcp, captured, datagram, ip_id, out);
}

static inline bool decode_ipv4(const uint8_t *ip, size_t captured, struct tcp_segment *out)
{
    const size_t whole = be16(ip + 2);
    const uint32_t id = be16(ip + 4);

    if (captured < IPV4_HEADER + TCP_HEADER || ip[0] != VERSION_AND_LENGTH_V4 || (be16(ip + 6) & 0x1fff) != 0
        || ip[9] != PROTOCOL_TCP || whole < IPV4_HEADER
        || !decode_tcp(ip + IPV4_HEADER, captured - IPV4_HEADER, whole - IPV4_HEADER, id, out))
        return false;
    out->src = address_from_v4(ip + 12);
    out->dst = address_from_v4(ip + 16);
    out->has_ip_id = id != 0;
    return true;
}

static inline bool decode_ipv6(const uint8_t *ip, size_t captured, struct tcp_segment *out)
{
    if (captured < IPV6_HEADER + TCP_HEADER || ip[0] >> 4 != 6 || ip[6] != PROTOCOL_TCP
        || !decode_tcp(ip + IPV6_HEADER, captured - IPV6_HEADER, be16(ip + 4), 0, out))
        return false;
    out->src = address_from_v6(ip + 8);
    out->dst = address_from_v6(ip + 24);
    out->has_ip_id = false;
    return !address_is_v4(&out->src) && !address_is_v4(&out->dst);
}

bool packet_decode_plain(const uint8_t *frame, size_t caplen, struct tcp_segment *out)
{
    if (caplen < ETHERNET + IPV4_HEADER + TCP_HEADER)
        return false;
    switch (be16(frame + 12)) {
    case ETHERTYPE_IPV4:
        return decode_ipv4(frame + ETHERNET, caplen - ETHERNET, out);
    case ETHERTYPE_IPV6:
        return decode_ipv6(frame + ETHERNET, caplen - ETHERNET, out);
    default:
        return false;
    }
}
