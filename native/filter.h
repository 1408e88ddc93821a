/* filter.h: a whitelist -> a classic BPF program for the kernel. Pure.
 *
 * Written here rather than compiled by pcap_compile, which takes 0.4 s for 200 hosts and 7 s for 500. The program lets through
 * what the helper could use: TCP (first fragments only, IPv6 with extension headers) from or to a wanted peer, without our own
 * pure ACKs (filter_ip.c); the helper then matches exactly. Up to two VLAN tags may still be in the frame, one more may have
 * been taken off by the kernel.
 *
 * Where the network layer begins is read from the frame itself wherever a link header is there. skb->protocol with SKF_NET_OFF is
 * no substitute: for a frame with a tag the network header is sometimes the tag and sometimes the packet behind it (received QinQ
 * against a sender without VLAN offload), and older kernels refuse such loads beyond the linear part of the packet. */
#ifndef GO_METRO_FILTER_H
#define GO_METRO_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/filter.h>

#include "netset.h"

/* BPF_MAXINSNS, and where a whitelist changes over from the kernel to the helper. In the kernel it is a search tree, which costs
 * each packet 20 ns for 16 hosts, 40 for 200, 80 for 1,000 and for as many as fit. A TCP packet that is not wanted costs over 400
 * ns when it is let through to the ring and to the hash in the helper. So the tree is the cheaper way from a share of a fifth
 * that is not wanted, however long it is; at its worst it loses 80 ns a packet, and doing without loses 400. There is no length
 * below the kernel's own limit from which the hash would be the better choice (`make bench-filter`, docs/filter.md).
 */
#define FILTER_MAX_INSTRUCTIONS 4096

/* What a kernel filter sees at offset 0 of the capture's socket. */
enum filter_link {
    FILTER_ETHERNET, /* an Ethernet header (DLT_EN10MB) */
    FILTER_RAW,      /* the IP header (DLT_RAW) */
    FILTER_COOKED    /* the network layer of whatever skb->protocol says (a SOCK_DGRAM socket: DLT_LINUX_SLL) */
};

struct filter_settings {
    enum filter_link link;
    const struct netset *whitelist; /* peers; NULL: all */
    /* Addresses that make a connection with any other address one whose only side that is measured is theirs: pure ACKs that are
     * sent out from there to elsewhere do not pass. NULL: none are known, all pass. */
    const struct netset *ours;
    uint32_t accept; /* what the program returns for a packet that passes (the snaplen) */
    /* A program that pcap_compile made of -f for the capture's link type, run first (NULL, 0: none); its link offsets must be
     * what a kernel filter sees on that socket. Its `ret #0` stays, each other `ret #k` becomes a jump behind it. */
    const struct sock_filter *user;
    size_t user_length;
};

struct filter_program {
    struct sock_filter code[FILTER_MAX_INSTRUCTIONS];
    size_t length;
    bool has_whitelist; /* false: none, or too long for the kernel: every TCP packet passes and the helper chooses */
    bool drops_acks;    /* our own pure ACKs; false: ours is NULL, or there is no room for it */
};

/* 0; -1: the user's program is too long or malformed (EINVAL), or out of memory (ENOMEM). What does not fit goes: first `ours`,
 * then the whitelist, then both. */
int filter_build(struct filter_program *out, const struct filter_settings *settings);
/* Rejects everything. */
void filter_build_reject(struct filter_program *out);

/* Rewrites a program that was compiled for DLT_LINUX_SLL to what a kernel filter sees on the cooked socket: the 16-byte header is
 * not there, its packet type, ARPHRD_ type and protocol come from the kernel. 0; -1 (EINVAL): it reads another field of that
 * header, which the kernel cannot give. (`len` then counts without the header's 16 bytes.) */
int filter_rebase_cooked(struct sock_filter *code, size_t length);

#endif
