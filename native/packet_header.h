/* packet_header.h: a TCP header's fields -> struct tcp_segment, for both ways to it: packet_plain.c and packet_tcp.c. For these
 * two alone. */
#ifndef GO_METRO_PACKET_HEADER_H
#define GO_METRO_PACKET_HEADER_H

#include <string.h>

#include "packet_cursor.h"

#define TCP_HEADER 20
#define TCP_OPTIONS_MAX 40
#define NOP_NOP_TIMESTAMPS UINT32_C(0x0101080a) /* RFC 7323 appendix A: what nearly every stack sends */
#define ALIGNED_TIMESTAMPS 12

static inline uint32_t word32(const uint8_t *p)
{
    uint32_t word;

    memcpy(&word, p, sizeof word);
    return word;
}

static inline uint64_t word64(const uint8_t *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof word);
    return word;
}

/* option: where its kind stands. */
static inline void read_timestamps(struct tcp_segment *out, const uint8_t *option)
{
    out->has_timestamps = true;
    out->ts_val = be32(option + 2);
    out->ts_ecr = be32(option + 6);
}

static inline void read_no_timestamps(struct tcp_segment *out)
{
    out->has_timestamps = false;
    out->ts_val = out->ts_ecr = 0;
}

/* All but the options. */
static inline void read_fixed(struct tcp_segment *out, const uint8_t *tcp, uint32_t payload_len)
{
    out->sport = be16(tcp);
    out->dport = be16(tcp + 2);
    out->seq = be32(tcp + 4);
    out->ack = be32(tcp + 8);
    out->flags = tcp[13] & 0x3f;
    out->window = be16(tcp + 14);
    out->payload_len = payload_len;
    out->sack_count = 0;
}

/* Multilinear, as the products do not wait for each other. The keys are the first outputs of splitmix64 from 0, made odd; they
 * are no secret, as nobody gains from a collision but the peer whose own segment it hides. The TCP header goes in whole, but for
 * the checksum, and for the ports, as identities are compared within a flow. */
static inline uint32_t identity_hash(uint32_t ip_id, uint32_t payload_len, const uint8_t *tcp, const uint8_t *options,
                                     size_t options_length)
{
    static const uint64_t keys[] = {
        UINT64_C(0xe220a8397b1dcdaf), UINT64_C(0x6e789e6aa1b965f5), UINT64_C(0x06c45d188009454f), UINT64_C(0xf88bb8a8724c81ed),
        UINT64_C(0x1b39896a51a8749b), UINT64_C(0x53cb9f0c747ea2eb), UINT64_C(0x2c829abe1f4532e1), UINT64_C(0xc584133ac916ab3d),
    };
    _Static_assert(sizeof keys / sizeof keys[0] == 3 + TCP_OPTIONS_MAX / 8, "a key for each word");
    static const uint8_t all_but_the_checksum[8] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0xff, 0xff };
    const uint64_t *k = keys;
    uint64_t sum = k[0] * ((uint64_t)ip_id << 32 | payload_len);

    sum += k[1] * word64(tcp + 4) + k[2] * (word64(tcp + 12) & word64(all_but_the_checksum));
    for (k += 3; options_length >= 8; k++, options += 8, options_length -= 8)
        sum += *k * word64(options);
    if (options_length > 0)
        sum += *k * word32(options);
    return (uint32_t)(sum >> 32) | 1; /* 0 says "none" */
}

#endif
