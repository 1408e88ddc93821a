/* test_packet_plain.c: the decoder's short way says what the long one says, of plain frames and of all that is a bit off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <pcap/dlt.h>

#include "packet_plain.c"
#include "random_fixture.h"

#define FRAME_MAX 256
#define PAYLOAD 9
#define CUT_OFF 1000 /* bytes that the wire had and the capture has not */

struct frame {
    uint8_t bytes[FRAME_MAX];
    size_t size, ip, tcp, payload; /* where they begin */
};

/* How often the short way was taken, and how often not. */
static unsigned plain, other;

/* --- frames --- */

static void put(struct frame *frame, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0) {
        assert_true(frame->size < sizeof frame->bytes);
        frame->bytes[frame->size++] = (uint8_t)(value >> (8 * bytes));
    }
}

static void put_ip(struct frame *frame, int version, unsigned length)
{
    if (version == 4) {
        put(frame, 0x45100000U | (20 + length), 4);
        put(frame, 0x47114000, 4);
        put(frame, 0x3f06c5c5, 4);
        put(frame, UINT64_C(0xc0000201c6336402), 8);
        return;
    }
    put(frame, 0x60012345, 4);
    put(frame, length, 2);
    put(frame, 0x063f, 2);
    for (unsigned end = 1; end <= 2; end++) {
        put(frame, UINT64_C(0x20010db8000000aa), 8);
        put(frame, UINT64_C(0xbb00) + end, 8);
    }
}

enum options { NONE, TIMED, OF_A_SYN, OPTIONS };

static struct frame build(int version, enum options options)
{
    static const unsigned headers[OPTIONS] = { 20, 32, 40 };
    const unsigned header = headers[options];
    struct frame frame = { .size = 0 };

    put(&frame, 0x020000000001, 6);
    put(&frame, 0x020000000002, 6);
    put(&frame, version == 4 ? 0x0800 : 0x86dd, 2);
    frame.ip = frame.size;
    put_ip(&frame, version, header + PAYLOAD);
    frame.tcp = frame.size;
    put(&frame, 0x30390050, 4);
    put(&frame, 0x01020304, 4);
    put(&frame, 0x11121314, 4);
    put(&frame, header / 4 << 12 | TCP_PSH | TCP_ACK, 2);
    put(&frame, 0x2122, 2);
    put(&frame, 0x5a5a0000, 4);
    if (options == TIMED) {
        put(&frame, 0x0101080a, 4);
        put(&frame, UINT64_C(0xa0a1a2a3b0b1b2b3), 8);
    } else if (options == OF_A_SYN) {
        put(&frame, UINT64_C(0x020405b40402080a), 8);
        put(&frame, UINT64_C(0xa0a1a2a3b0b1b2b3), 8);
        put(&frame, 0x01030307, 4);
    }
    frame.payload = frame.size;
    for (unsigned n = 0; n < PAYLOAD; n++) {
        put(&frame, 'x', 1);
    }
    return frame;
}

static struct frame kind(unsigned n)
{
    return build(n & 1 ? 6 : 4, (enum options)(n / 2));
}

#define KINDS (2 * OPTIONS)

/* --- both ways --- */

static void assert_equal(const struct tcp_segment *a, const struct tcp_segment *b)
{
    assert_true(address_equal(&a->src, &b->src) && address_equal(&a->dst, &b->dst));
    assert_int_equal(a->sport, b->sport);
    assert_int_equal(a->dport, b->dport);
    assert_memory_equal(a->vlan, b->vlan, sizeof a->vlan);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->ack, b->ack);
    assert_int_equal(a->payload_len, b->payload_len);
    assert_int_equal(a->ts_val, b->ts_val);
    assert_int_equal(a->ts_ecr, b->ts_ecr);
    assert_int_equal(a->window, b->window);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->has_timestamps, b->has_timestamps);
    assert_int_equal(a->sack_count, b->sack_count);
    assert_memory_equal(a->sack, b->sack, a->sack_count * sizeof a->sack[0]);
    assert_int_equal(a->identity, b->identity);
    assert_int_equal(a->has_ip_id, b->has_ip_id);
}

/* The bytes are copied to a block of just their size: ASan sees the first one beyond. Whatever was in *out must not show. */
static void compare(const uint8_t *bytes, size_t caplen, size_t wirelen)
{
    uint8_t *frame = malloc(caplen == 0 ? 1 : caplen);
    struct tcp_segment is_plain, either_way, the_long_way;

    assert_non_null(frame);
    memcpy(frame, bytes, caplen);
    memset(&either_way, 0xff, sizeof either_way);
    memset(&the_long_way, 0x00, sizeof the_long_way);
    const enum packet_reason reason = packet_decode_long(DLT_EN10MB, frame, caplen, wirelen, &the_long_way);
    assert_string_equal(packet_reason_name(packet_decode(DLT_EN10MB, frame, caplen, wirelen, &either_way)),
                        packet_reason_name(reason));
    if (reason == PACKET_OK) {
        assert_equal(&either_way, &the_long_way);
    }
    const bool short_way = packet_decode_plain(frame, caplen, &is_plain);
    assert_true(!short_way || reason == PACKET_OK);
    plain += short_way ? 1 : 0;
    other += short_way ? 0 : 1;
    free(frame);
}

static void begin_count(void)
{
    plain = other = 0;
}

static void set16(struct frame *frame, size_t at, unsigned value)
{
    frame->bytes[at] = (uint8_t)(value >> 8);
    frame->bytes[at + 1] = (uint8_t)value;
}

/* --- tests --- */

static void plain_frames_take_the_short_way(void **state)
{
    (void)state;
    for (unsigned n = 0; n < KINDS; n++) {
        const struct frame frame = kind(n);
        begin_count();
        compare(frame.bytes, frame.size, frame.size);
        compare(frame.bytes, frame.payload, frame.size); /* the headers are enough */
        assert_int_equal(plain, 2);
        compare(frame.bytes, frame.payload - 1, frame.size);
        assert_int_equal(plain, 2);
    }
}

/* So do those without data, padded or not. */
static void pure_acks_take_the_short_way(void **state)
{
    (void)state;
    for (unsigned n = 0; n < KINDS; n++) {
        struct frame frame = kind(n);
        const size_t at = frame.ip + (n & 1 ? 4 : 2);
        set16(&frame, at, (unsigned)(frame.bytes[at] << 8 | frame.bytes[at + 1]) - PAYLOAD);
        begin_count();
        compare(frame.bytes, frame.size, frame.size);
        compare(frame.bytes, frame.payload, frame.payload);
        assert_int_equal(plain, 2);
    }
}

static void each_kind_of_ip_id(void **state)
{
    static const unsigned ids[] = { 0, 1, 2, 0x0100, 0x8000, 0xffff };

    (void)state;
    for (size_t n = 0; n < sizeof ids / sizeof ids[0]; n++) {
        struct frame frame = kind(0);
        set16(&frame, frame.ip + 4, ids[n]);
        begin_count();
        compare(frame.bytes, frame.size, frame.size);
        assert_int_equal(plain, 1);
    }
}

static void they_are_read_right(void **state)
{
    (void)state;
    for (unsigned n = 0; n < KINDS; n++) {
        const struct frame frame = kind(n);
        const bool timed = n / 2 != NONE, is_v4 = !(n & 1);
        struct tcp_segment segment;
        char src[ADDRESS_STRLEN], dst[ADDRESS_STRLEN];
        assert_true(packet_decode_plain(frame.bytes, frame.size, &segment));
        assert_string_equal(address_format(src, &segment.src), is_v4 ? "192.0.2.1" : "2001:db8:0:aa::bb01");
        assert_string_equal(address_format(dst, &segment.dst), is_v4 ? "198.51.100.2" : "2001:db8:0:aa::bb02");
        assert_int_equal(segment.sport, 12345);
        assert_int_equal(segment.dport, 80);
        assert_int_equal(segment.seq, 0x01020304);
        assert_int_equal(segment.ack, 0x11121314);
        assert_int_equal(segment.flags, TCP_PSH | TCP_ACK);
        assert_int_equal(segment.window, 0x2122);
        assert_int_equal(segment.payload_len, PAYLOAD);
        assert_int_equal(segment.has_timestamps, timed);
        assert_int_equal(segment.ts_val, timed ? 0xa0a1a2a3 : 0);
        assert_int_equal(segment.ts_ecr, timed ? 0xb0b1b2b3 : 0);
        assert_int_equal(segment.sack_count, 0);
        assert_int_equal(segment.has_ip_id, is_v4);
        assert_int_not_equal(segment.identity, 0);
    }
}

static void each_flipped_bit(void **state)
{
    (void)state;
    for (unsigned n = 0; n < KINDS; n++) {
        struct frame frame = kind(n);
        begin_count();
        for (size_t bit = 0; bit < frame.size * 8; bit++) {
            frame.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            compare(frame.bytes, frame.size, frame.size);
            compare(frame.bytes, frame.payload, frame.size);
            compare(frame.bytes, frame.payload - 1, frame.size);
            compare(frame.bytes, frame.size, frame.size + CUT_OFF);
            frame.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        assert_true(plain > 500 && other > 100);
    }
}

static void each_pair_of_flipped_header_bits(void **state)
{
    (void)state;
    for (unsigned n = 0; n < KINDS; n++) {
        struct frame frame = kind(n);
        begin_count();
        for (size_t first = 12 * 8; first < frame.payload * 8; first++) {
            frame.bytes[first / 8] ^= (uint8_t)(1U << first % 8);
            for (size_t second = 12 * 8; second < first; second += 3) {
                frame.bytes[second / 8] ^= (uint8_t)(1U << second % 8);
                compare(frame.bytes, frame.size, frame.size);
                frame.bytes[second / 8] ^= (uint8_t)(1U << second % 8);
            }
            frame.bytes[first / 8] ^= (uint8_t)(1U << first % 8);
        }
        assert_true(plain > 1000 && other > 1000);
    }
}

static void each_length_of_capture_and_wire(void **state)
{
    (void)state;
    for (unsigned n = 0; n < KINDS; n++) {
        struct frame frame = kind(n);
        begin_count();
        put(&frame, 0, 6); /* padding */
        for (size_t caplen = 0; caplen <= frame.size; caplen++) {
            const size_t wirelens[] = { 0, caplen, caplen + 1, frame.size, frame.size + CUT_OFF, (size_t)1 << 31 };
            for (size_t w = 0; w < sizeof wirelens / sizeof wirelens[0]; w++) {
                compare(frame.bytes, caplen, wirelens[w]);
            }
        }
        assert_true(plain >= 6 * (PAYLOAD + 6) && other > 300);
    }
}

/* What the IP header says its length is, from nothing to more than there is, over captures that end where they like. */
static void each_length_by_the_ip_header(void **state)
{
    static const unsigned long_ones[] = { 1500, 9000, 0x7fff, 0x8000, 0xfffe, 0xffff };

    (void)state;
    for (unsigned n = 0; n < KINDS; n++) {
        struct frame frame = kind(n);
        const size_t at = frame.ip + (n & 1 ? 4 : 2);
        begin_count();
        for (unsigned length = 0; length <= 128 + sizeof long_ones / sizeof long_ones[0]; length++) {
            set16(&frame, at, length <= 128 ? length : long_ones[length - 129]);
            for (size_t caplen = frame.tcp; caplen <= frame.size; caplen++) {
                compare(frame.bytes, caplen, caplen);
                compare(frame.bytes, caplen, frame.size);
                compare(frame.bytes, caplen, frame.size + CUT_OFF);
            }
        }
        assert_true(plain > 1000 && other > 1000);
    }
}

/* Each of these is close to plain. What the short way must refuse says so; the rest may go either way. */
static void what_is_not_plain_goes_the_long_way(void **state)
{
    static const struct {
        unsigned kind;
        enum { FRAME, IP, TCP } from;
        size_t at;
        uint8_t value;
    } cases[] = {
        { 0, FRAME, 12, 0x81 }, /* a tag: 0x8100 */
        { 0, FRAME, 12, 0x86 }, /* no IP at all: 0x8600 */
        { 0, FRAME, 13, 0x06 }, /* ARP */
        { 0, IP, 0, 0x46 },     /* options */
        { 0, IP, 0, 0x55 },     /* another version */
        { 0, IP, 0, 0x44 },     /* a header that is too short */
        { 0, IP, 7, 0x01 },     /* a later fragment */
        { 0, IP, 6, 0x10 },     /* one as well */
        { 0, IP, 9, 17 },       /* UDP */
        { 1, IP, 0, 0x40 },     /* IPv4 under IPv6's type */
        { 1, IP, 6, 0 },        /* an extension header */
        { 1, IP, 6, 17 },       /* UDP */
        { 0, TCP, 12, 0x60 },   /* four bytes of options */
        { 0, TCP, 12, 0x40 },   /* a header that is too short */
        { 2, TCP, 12, 0x70 },   /* eight bytes of options */
        { 2, TCP, 12, 0x90 },   /* sixteen */
        { 2, TCP, 20, 0x03 },   /* another option instead of the padding */
        { 2, TCP, 22, 0x05 },   /* SACK */
        { 2, TCP, 23, 0x09 },   /* a length that is wrong */
        { 4, TCP, 12, 0xb0 },   /* four bytes more of options */
        { 4, TCP, 20, 0x03 },   /* no MSS */
        { 4, TCP, 21, 0x05 },   /* a length that is wrong */
        { 4, TCP, 24, 0x05 },   /* SACK, with nothing in it */
        { 4, TCP, 25, 0x03 },   /* SACK permitted, too long */
        { 4, TCP, 26, 0x01 },   /* a NOP instead of the time stamps */
        { 4, TCP, 27, 0x0b },   /* time stamps that are too long */
        { 4, TCP, 36, 0x00 },   /* the end instead of a NOP */
        { 4, TCP, 37, 0x05 },   /* SACK instead of the window scale */
        { 4, TCP, 38, 0x02 },   /* a window scale that is too short */
    };

    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct frame frame = kind(cases[n].kind);
        const size_t begin = cases[n].from == FRAME ? 0 : cases[n].from == IP ? frame.ip : frame.tcp;
        frame.bytes[begin + cases[n].at] = cases[n].value;
        begin_count();
        compare(frame.bytes, frame.size, frame.size);
        assert_int_equal(other, 1);
    }
}

static void mapped_addresses_go_the_long_way(void **state)
{
    static const uint8_t mapped[12] = { [10] = 0xff, 0xff };

    (void)state;
    begin_count();
    for (size_t end = 0; end < 2; end++) {
        struct frame frame = kind(1);
        struct tcp_segment segment;
        memcpy(frame.bytes + frame.ip + 8 + end * 16, mapped, sizeof mapped);
        compare(frame.bytes, frame.size, frame.size);
        assert_int_equal(packet_decode(DLT_EN10MB, frame.bytes, frame.size, frame.size, &segment), PACKET_MAPPED);
    }
    assert_int_equal(plain, 0);
}

static void other_links_do_not_take_it(void **state)
{
    const struct frame frame = kind(0);
    struct tcp_segment segment;

    (void)state;
    assert_int_equal(packet_decode(DLT_RAW, frame.bytes, frame.size, frame.size, &segment), PACKET_BAD_IP);
    assert_int_equal(packet_decode(-1, frame.bytes, frame.size, frame.size, &segment), PACKET_UNKNOWN_LINK);
}

/* Values that mean something where they are put; 0xff and 0 are in it for the lengths. */
static void spoil(struct frame *frame)
{
    static const uint8_t values[] = { 0, 1, 5, 6, 8, 10, 0x08, 0x45, 0x50, 0x60, 0x80, 0x81, 0x86, 0xdd, 0xff };

    for (uint32_t left = draw(4); left > 0; left--) {
        frame->bytes[12 + draw((uint32_t)frame->payload - 12)] = values[draw(sizeof values)];
    }
    if (draw(4) == 0) {
        frame->bytes[12 + draw((uint32_t)frame->payload - 12)] = (uint8_t)draw(256);
    }
}

static void anything_else(void **state)
{
    (void)state;
    begin_count();
    for (unsigned n = 0; n < 200000; n++) {
        struct frame frame = kind(n % KINDS);
        spoil(&frame);
        const size_t caplen = draw(3) == 0 ? draw((uint32_t)frame.size + 1) : frame.size;
        compare(frame.bytes, caplen, draw(3) == 0 ? caplen + draw(3000) : caplen);
    }
    assert_true(plain > 20000 && other > 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_frames_take_the_short_way),
        cmocka_unit_test(pure_acks_take_the_short_way),
        cmocka_unit_test(each_kind_of_ip_id),
        cmocka_unit_test(they_are_read_right),
        cmocka_unit_test(each_flipped_bit),
        cmocka_unit_test(each_pair_of_flipped_header_bits),
        cmocka_unit_test(each_length_of_capture_and_wire),
        cmocka_unit_test(each_length_by_the_ip_header),
        cmocka_unit_test(what_is_not_plain_goes_the_long_way),
        cmocka_unit_test(mapped_addresses_go_the_long_way),
        cmocka_unit_test(other_links_do_not_take_it),
        cmocka_unit_test(anything_else),
    };

    return cmocka_run_group_tests_name("packet_plain", tests, NULL, NULL);
}
