/* fuzz_packet.c: libFuzzer target for packet_decode(), with and without its short way.
 *
 * Input: one byte chooses the link type, one says how much longer the wire was than the capture (units of 256 bytes), the rest
 * is the frame. tests/fuzz/make_corpus_packet.py writes the seeds. */
#include "packet.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* DLT_EN10MB, _LINUX_SLL, _LINUX_SLL2, _RAW, LINKTYPE_RAW, DLT_IPV4, _IPV6, _NULL, _LOOP, and one that nobody assigned. */
static const int linktypes[] = { 1, 113, 276, 12, 101, 228, 229, 0, 108, 147 };

static void require(int holds)
{
    if (!holds)
        abort();
}

static void check_segment(const struct tcp_segment *s, size_t wirelen)
{
    require(s->vlan[0] <= 4095 && s->vlan[1] <= 4095);
    require(s->sack_count <= PACKET_MAX_SACK);
    require(s->flags <= 0x3f);
    require(s->payload_len <= UINT32_C(1) << 30);
    require(s->payload_len <= 65535 || s->payload_len <= wirelen || !address_is_v4(&s->src));
    require(s->has_timestamps || (s->ts_val == 0 && s->ts_ecr == 0));
    require(address_is_v4(&s->src) == address_is_v4(&s->dst));
    require(s->identity != 0);
}

static void check_equal(const struct tcp_segment *a, const struct tcp_segment *b)
{
    require(address_equal(&a->src, &b->src) && address_equal(&a->dst, &b->dst));
    require(a->sport == b->sport && a->dport == b->dport && a->seq == b->seq && a->ack == b->ack);
    require(a->vlan[0] == b->vlan[0] && a->vlan[1] == b->vlan[1] && a->payload_len == b->payload_len);
    require(a->has_timestamps == b->has_timestamps && a->ts_val == b->ts_val && a->ts_ecr == b->ts_ecr);
    require(a->window == b->window && a->flags == b->flags && a->sack_count == b->sack_count);
    require(memcmp(a->sack, b->sack, a->sack_count * sizeof a->sack[0]) == 0);
    require(a->identity == b->identity && a->has_ip_id == b->has_ip_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tcp_segment first, again, the_long_way;
    enum packet_reason reason;
    size_t length, wirelen;
    uint8_t *frame; /* a block of exactly the frame's size, so that ASan sees the first byte too many */
    int linktype;

    if (size < 2)
        return 0;
    linktype = linktypes[data[0] % (sizeof linktypes / sizeof linktypes[0])];
    length = size - 2;
    wirelen = length + (size_t)data[1] * 256;
    frame = malloc(length);
    require(frame != NULL || length == 0);
    if (frame == NULL)
        return 0;
    memcpy(frame, data + 2, length);
    memset(&first, 0x00, sizeof first);
    memset(&again, 0xff, sizeof again); /* whatever was there before must not show */
    reason = packet_decode(linktype, frame, length, wirelen, &first);
    require(reason < PACKET_DUPLICATE);
    require((reason == PACKET_UNKNOWN_LINK) == !packet_link_is_known(linktype));
    require(packet_decode(linktype, data + 2, length, wirelen, &again) == reason);
    memset(&the_long_way, 0xff, sizeof the_long_way);
    require(packet_decode_long(linktype, frame, length, wirelen, &the_long_way) == reason);
    if (reason == PACKET_OK) {
        check_segment(&first, wirelen);
        check_equal(&first, &again);
        check_equal(&first, &the_long_way);
    }
    free(frame);
    return 0;
}
