/* packet.h: the bytes of one frame -> struct tcp_segment. Pure: no I/O, no allocation, no clock, no globals.
 *
 * Lengths come from the IP header, never from what was captured; each layer narrows the end to min(captured, its own length
 * field); whatever is not a TCP segment that can be timed comes back as a named reason, to be counted by it. */
#ifndef GO_METRO_PACKET_H
#define GO_METRO_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

enum tcp_flag { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08, TCP_ACK = 0x10, TCP_URG = 0x20 };

#define PACKET_MAX_SACK 4 /* RFC 2018: what fits in 40 bytes of options */
#define PACKET_MAX_VLAN 2

struct sack_block {
    uint32_t left, right;
};

struct tcp_segment {
    struct ip_address src, dst;
    uint16_t sport, dport;
    uint16_t vlan[PACKET_MAX_VLAN]; /* 12-bit VLAN IDs, outer first; 0: none (or priority tag) */
    uint32_t seq, ack;              /* ack means something only under TCP_ACK */
    uint32_t payload_len;           /* bytes of data, by the IP header (the wire length where that says 0: TSO, BIG TCP) */
    uint32_t ts_val, ts_ecr;        /* RFC 7323, if has_timestamps */
    uint16_t window;                /* as on the wire, not scaled */
    uint8_t flags;                  /* enum tcp_flag */
    bool has_timestamps;
    uint8_t sack_count;
    struct sack_block sack[PACKET_MAX_SACK]; /* sack_count of them; the rest is undefined */
    uint32_t
        identity;   /* hash of what stays the same when the same packet is captured twice, and nothing else of that side of its
                       flow: IP ID, length, TCP header but for the ports and the checksum (offload fills it in late); never 0 */
    bool has_ip_id; /* there is an IP ID (not 0) in it, so that a retransmission would differ */
};

/* Why a frame is not a TCP segment to be timed: X(enumerator, name). The names are public: read --json prints them. The
 * reasons after PACKET_DUPLICATE are found above the decoder (meter_flow.c); they are here so that one table names them all. */
#define PACKET_REASONS(X)                                                                                                \
    X(PACKET_OK, "ok")                                                                                                   \
    X(PACKET_TRUNCATED, "truncated")            /* the capture ends within the headers */                                \
    X(PACKET_UNKNOWN_LINK, "unknown_link_type") /* a link layer that is not decoded */                                   \
    X(PACKET_NOT_IP, "not_ip")                  /* ARP, LLDP, ... */                                                     \
    X(PACKET_MPLS, "mpls")                                                                                               \
    X(PACKET_PPP, "ppp") /* as a link layer of its own */                                                                \
    X(PACKET_PPPOE, "pppoe")                                                                                             \
    X(PACKET_VLAN_DEPTH, "vlan_depth") /* more than two VLAN tags */                                                     \
    X(PACKET_BAD_IP, "bad_ip_header")                                                                                    \
    X(PACKET_BAD_TCP, "bad_tcp_header")                                                                                  \
    X(PACKET_FRAGMENT, "fragment")          /* not the first */                                                          \
    X(PACKET_NOT_TCP, "not_tcp")            /* UDP and whatever has no name of its own below */                          \
    X(PACKET_ICMP, "icmp")                  /* the TCP header it may quote is not TCP */                                 \
    X(PACKET_TUNNEL, "tunnel")              /* IP in IP, GRE, ESP, ...: never guessed */                                 \
    X(PACKET_EXTENSIONS, "ipv6_extensions") /* a chain that is too long or not known */                                  \
    X(PACKET_MAPPED, "ipv4_mapped")         /* ::ffff:0:0/96 on the wire */                                              \
    X(PACKET_DUPLICATE, "duplicate")        /* the same packet captured again */                                         \
    X(PACKET_UNWANTED, "unwanted")          /* TCP of a peer that the instance does not ask for */                       \
    X(PACKET_NOT_OURS, "not_ours")          /* neither side is this host's */                                            \
    X(PACKET_CLOCK_STEP, "clock_step")      /* its time stamp is none, or of which side of a clock step is not known */  \
    X(PACKET_TOO_LATE, "too_late")          /* captured before an end, and there was no time to look at it after that */ \
    X(PACKET_NO_FLOW, "no_flow")            /* of no flow that is known, and none that opens one: a stray RST */         \
    X(PACKET_FLOW_LIMIT, "max_flows")       /* it would open a flow, but there are max_flows */

enum packet_reason {
#define X(enumerator, name) enumerator,
    PACKET_REASONS(X)
#undef X
        PACKET_REASON_COUNT
};

const char *packet_reason_name(enum packet_reason reason); /* "unknown" for a value out of range */

/* frame, caplen: the captured bytes. wirelen: the length on the wire as pcap has it (>= caplen; only used where the IP length
 * is 0). linktype: a pcap DLT_ value. PACKET_OK: *out is filled. Otherwise *out is undefined and the reason is returned.
 *
 * Links: Ethernet (802.3 frames with LLC are PACKET_NOT_IP), Linux cooked v1 and v2, raw IP, null/loop; each VLAN tag, a priority
 * tag too, takes one place in vlan[]. A first fragment counts with the payload that it carries itself. An IPv6 routing header
 * with segments left is PACKET_EXTENSIONS: the destination in the IPv6 header is not yet the peer. TCP options: the whole header
 * must have been captured, or else it is PACKET_TRUNCATED, since a segment without its timestamps would be timed wrongly. An
 * option that is malformed ends the walk and what came before it counts, as the receiver's own TCP does it; the segment is no
 * PACKET_BAD_TCP for that. Of an option that comes twice the last counts. */
enum packet_reason packet_decode(int linktype, const uint8_t *frame, size_t caplen, size_t wirelen, struct tcp_segment *out);

/* The same without the short way for the frames that nearly all are (packet_plain.h), for who compares the two. */
enum packet_reason packet_decode_long(int linktype, const uint8_t *frame, size_t caplen, size_t wirelen, struct tcp_segment *out);

/* Whether packet_decode knows that link type. */
bool packet_link_is_known(int linktype);

#endif
