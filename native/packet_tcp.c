/* packet_tcp.c: a TCP header and its options -> struct tcp_segment. */
#include "packet_header.h"

enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_SACK = 5, OPTION_TIMESTAMPS = 8 };

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
    read_fixed(out, tcp, (uint32_t)c->wire);
    read_no_timestamps(out);
    if (options_length >= ALIGNED_TIMESTAMPS && be32(options) == NOP_NOP_TIMESTAMPS) {
        read_timestamps(out, options + 2);
        plain = ALIGNED_TIMESTAMPS;
    }
    walk_options(out, options + plain, options_length - plain);
    out->identity = identity_hash(out->identity, out->payload_len, tcp, options, options_length); /* it held the IP ID */
    return PACKET_OK;
}
