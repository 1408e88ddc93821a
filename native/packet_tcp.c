/* packet_tcp.c: a TCP header and its options -> struct tcp_segment. */
#include <string.h>

#include "packet_cursor.h"

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

#define TCP_HEADER 20
#define TCP_OPTIONS_MAX 40
#define NOP_NOP_TIMESTAMPS UINT32_C(0x0101080a) /* RFC 7323 appendix A: what nearly every stack sends */
#define ALIGNED_TIMESTAMPS 12

enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_SACK = 5, OPTION_TIMESTAMPS = 8 };

static void read_timestamps(struct tcp_segment *out, const uint8_t *option)
{
    out->has_timestamps = true;
    out->ts_val = be32(option + 2);
    out->ts_ecr = be32(option + 6);
}

static void read_sack(struct tcp_segment *out, const uint8_t *option, size_t length)
{
    size_t count = (length - 2) / 8;

    if (count == 0 || count > PACKET_MAX_SACK || length != 2 + count * 8)
        return;
    for (size_t i = 0; i < count; i++) {
        out->sack[i].left = be32(option + 2 + i * 8);
        out->sack[i].right = be32(option + 6 + i * 8);
    }
    out->sack_count = (uint8_t)count;
}

static void walk_options(struct tcp_segment *out, const uint8_t *option, size_t left)
{
    size_t length;

    for (; left > 0 && *option != OPTION_END; option += length, left -= length) {
        length = 1;
        if (*option == OPTION_NOP)
            continue;
        if (left < 2 || option[1] < 2 || option[1] > left)
            return;
        length = option[1];
        if (*option == OPTION_TIMESTAMPS && length == 10)
            read_timestamps(out, option);
        else if (*option == OPTION_SACK)
            read_sack(out, option, length);
    }
}

/* Multilinear, as the products do not wait for each other. The keys are the first outputs of splitmix64 from 0, made odd; they
 * are no secret, as nobody gains from a collision but the peer whose own segment it hides. */
static const uint64_t identity_keys[] = {
    UINT64_C(0xe220a8397b1dcdaf), UINT64_C(0x6e789e6aa1b965f5), UINT64_C(0x06c45d188009454f), UINT64_C(0xf88bb8a8724c81ed),
    UINT64_C(0x1b39896a51a8749b), UINT64_C(0x53cb9f0c747ea2eb), UINT64_C(0x2c829abe1f4532e1), UINT64_C(0xc584133ac916ab3d),
    UINT64_C(0x3ee5789041c98ac3), UINT64_C(0xf3b8488c368cb0a7), UINT64_C(0x657eecdd3cb13d09), UINT64_C(0xc2d326e0055bdef7),
    UINT64_C(0x8621a03fe0bbdb7b),
};
_Static_assert(sizeof identity_keys / sizeof identity_keys[0] == 8 + TCP_OPTIONS_MAX / 8, "a key for each word");

/* out->identity holds the IP ID. The TCP header goes in whole, but for its checksum. */
static uint32_t identity_hash(const struct tcp_segment *out, const uint8_t *tcp, const uint8_t *options, size_t options_length)
{
    const uint64_t *k = identity_keys;
    uint64_t sum = 0;

    sum += k[0] * word64(out->src.bytes) + k[1] * word64(out->src.bytes + 8);
    sum += k[2] * word64(out->dst.bytes) + k[3] * word64(out->dst.bytes + 8);
    sum += k[4] * word64(tcp) + k[5] * word64(tcp + 8) + k[6] * be16(tcp + 18);
    sum += k[7] * ((uint64_t)out->identity << 32 | out->payload_len);
    for (k += 8; options_length >= 8; k++, options += 8, options_length -= 8)
        sum += *k * word64(options);
    if (options_length > 0)
        sum += *k * word32(options);
    return (uint32_t)(sum >> 32);
}

enum packet_reason packet_decode_tcp(struct cursor *c, struct tcp_segment *out)
{
    const uint8_t *tcp = take(c, TCP_HEADER);
    const uint8_t *options;
    size_t header, options_length, plain = 0;

    if (tcp == NULL)
        return missing(c, TCP_HEADER, PACKET_BAD_TCP);
    header = (size_t)(tcp[12] >> 4) * 4;
    if (header < TCP_HEADER)
        return PACKET_BAD_TCP;
    options_length = header - TCP_HEADER;
    if ((options = take(c, options_length)) == NULL)
        return missing(c, options_length, PACKET_BAD_TCP);
    out->sport = be16(tcp);
    out->dport = be16(tcp + 2);
    out->seq = be32(tcp + 4);
    out->ack = be32(tcp + 8);
    out->flags = tcp[13] & 0x3f;
    out->window = be16(tcp + 14);
    out->payload_len = (uint32_t)c->wire;
    out->has_timestamps = false;
    out->ts_val = out->ts_ecr = 0;
    out->sack_count = 0;
    if (options_length >= ALIGNED_TIMESTAMPS && be32(options) == NOP_NOP_TIMESTAMPS) {
        read_timestamps(out, options + 2);
        plain = ALIGNED_TIMESTAMPS;
    }
    walk_options(out, options + plain, options_length - plain);
    out->identity = identity_hash(out, tcp, options, options_length);
    return PACKET_OK;
}
