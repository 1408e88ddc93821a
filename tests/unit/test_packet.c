/* test_packet.c: frames of every link type and shape, good, cut, hostile, against packet_decode(). */
#include "packet.c"
#include "packet_ip.c"
#include "packet_tcp.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define FRAME_MAX 2048

struct frame {
    int linktype;
    uint8_t bytes[FRAME_MAX];
    size_t length;
    size_t ip, tcp, payload; /* where they begin */
};

/* What a frame is made of. All zero: no tag, no option, no payload. */
struct shape {
    int linktype;
    int version; /* 4 or 6 */
    unsigned tags;
    uint16_t tag_type[3], tci[3];
    size_t ip_option_words;
    const uint8_t *extensions; /* each with its next header filled in, the last leads to TCP */
    size_t extensions_length;
    uint8_t first_extension;
    const uint8_t *options;
    size_t options_length;
    size_t payload, padding;
};

static const uint8_t timestamps[12] = { 1, 1, 8, 10, 0xa0, 0xa1, 0xa2, 0xa3, 0xb0, 0xb1, 0xb2, 0xb3 };
static const struct shape plain4 = {
    .linktype = DLT_EN10MB,
    .version = 4,
    .options = timestamps,
    .options_length = 12,
    .payload = 7,
};
static const struct shape plain6 = {
    .linktype = DLT_EN10MB,
    .version = 6,
    .options = timestamps,
    .options_length = 12,
    .payload = 7,
};

/* Builders */

static void put8(struct frame *f, unsigned value)
{
    assert_true(f->length < FRAME_MAX);
    f->bytes[f->length++] = (uint8_t)value;
}

static void put16(struct frame *f, unsigned value)
{
    put8(f, value >> 8);
    put8(f, value & 0xff);
}

static void put32(struct frame *f, uint32_t value)
{
    put16(f, value >> 16);
    put16(f, value & 0xffff);
}

static void put_bytes(struct frame *f, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put8(f, bytes[i]);
}

static void put_fill(struct frame *f, unsigned value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put8(f, value);
}

static void set16(struct frame *f, size_t at, unsigned value)
{
    f->bytes[at] = (uint8_t)(value >> 8);
    f->bytes[at + 1] = (uint8_t)value;
}

static void put_tags(struct frame *f, const struct shape *s, unsigned ethertype)
{
    for (unsigned i = 0; i < s->tags; i++) {
        put16(f, s->tag_type[i]);
        put16(f, s->tci[i]);
    }
    put16(f, ethertype);
}

static void put_cooked2(struct frame *f, const struct shape *s, unsigned ethertype)
{
    put16(f, s->tags > 0 ? s->tag_type[0] : ethertype);
    put16(f, 0);
    put32(f, 3); /* interface */
    put16(f, 1); /* ARPHRD_ETHER */
    put8(f, 0);
    put8(f, 6);
    put_fill(f, 0xcc, 8);
    for (unsigned i = 0; i < s->tags; i++) {
        put16(f, s->tci[i]);
        put16(f, i + 1 < s->tags ? s->tag_type[i + 1] : ethertype);
    }
}

static void put_link(struct frame *f, const struct shape *s)
{
    unsigned ethertype = s->version == 4 ? 0x0800 : 0x86dd;

    switch (s->linktype) {
    case DLT_EN10MB:
        put_fill(f, 0xee, 12);
        put_tags(f, s, ethertype);
        break;
    case DLT_LINUX_SLL:
        put16(f, 4);
        put16(f, 1); /* ARPHRD_ETHER */
        put16(f, 6);
        put_fill(f, 0xcc, 8);
        put_tags(f, s, ethertype);
        break;
    case DLT_LINUX_SLL2:
        put_cooked2(f, s, ethertype);
        break;
    case DLT_LOOP:
    case DLT_NULL:
        put32(f, s->version == 4 ? 2 : 30);
        break;
    default: /* raw IP */
        break;
    }
}

static void put_ipv4(struct frame *f, const struct shape *s, size_t inner)
{
    put8(f, 0x45 + (unsigned)s->ip_option_words);
    put8(f, 0x10);
    put16(f, (unsigned)(20 + s->ip_option_words * 4 + inner));
    put16(f, 0x4711); /* ID */
    put16(f, 0x4000); /* DF */
    put8(f, 63);
    put8(f, PROTOCOL_TCP);
    put16(f, 0xc5c5);
    put_bytes(f, (const uint8_t[]){ 192, 0, 2, 1, 198, 51, 100, 2 }, 8);
    put_fill(f, 1, s->ip_option_words * 4);
}

static void put_ipv6(struct frame *f, const struct shape *s, size_t inner)
{
    static const uint8_t addresses[32] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1, [16] = 0x20, 0x01, 0x0d, 0xb8, [31] = 2 };

    put32(f, 0x60012345);
    put16(f, (unsigned)(s->extensions_length + inner));
    put8(f, s->extensions_length > 0 ? s->first_extension : PROTOCOL_TCP);
    put8(f, 63);
    put_bytes(f, addresses, sizeof addresses);
    put_bytes(f, s->extensions, s->extensions_length);
}

static struct frame build(const struct shape *s)
{
    struct frame f = { .linktype = s->linktype };
    size_t inner = 20 + s->options_length + s->payload;

    put_link(&f, s);
    f.ip = f.length;
    (s->version == 4 ? put_ipv4 : put_ipv6)(&f, s, inner);
    f.tcp = f.length;
    put16(&f, 12345);
    put16(&f, 80);
    put32(&f, 0x01020304);
    put32(&f, 0x11121314);
    put8(&f, (unsigned)(20 + s->options_length) / 4 << 4);
    put8(&f, TCP_PSH | TCP_ACK);
    put16(&f, 0x2122);
    put32(&f, 0x5a5a0000); /* checksum, urgent pointer */
    put_bytes(&f, s->options, s->options_length);
    f.payload = f.length;
    put_fill(&f, 'x', s->payload);
    put_fill(&f, 0, s->padding);
    return f;
}

static enum packet_reason decode_wire(const struct frame *f, size_t wirelen, struct tcp_segment *out)
{
    return packet_decode(f->linktype, f->bytes, f->length, wirelen, out);
}

static enum packet_reason decode(const struct frame *f, struct tcp_segment *out)
{
    return decode_wire(f, f->length, out);
}

static struct tcp_segment decode_ok(const struct frame *f)
{
    struct tcp_segment s;

    assert_string_equal(packet_reason_name(decode(f, &s)), "ok");
    return s;
}

static void assert_reason(const struct frame *f, enum packet_reason expected)
{
    struct tcp_segment s;

    assert_string_equal(packet_reason_name(decode(f, &s)), packet_reason_name(expected));
}

/* Everything but VLAN IDs and identity. */
static void assert_same_tcp(const struct tcp_segment *a, const struct tcp_segment *b)
{
    assert_true(address_equal(&a->src, &b->src) && address_equal(&a->dst, &b->dst));
    assert_int_equal(a->sport, b->sport);
    assert_int_equal(a->dport, b->dport);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->ack, b->ack);
    assert_int_equal(a->payload_len, b->payload_len);
    assert_int_equal(a->has_timestamps, b->has_timestamps);
    assert_int_equal(a->ts_val, b->ts_val);
    assert_int_equal(a->ts_ecr, b->ts_ecr);
    assert_int_equal(a->window, b->window);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->sack_count, b->sack_count);
    assert_memory_equal(a->sack, b->sack, a->sack_count * sizeof a->sack[0]);
}

static void assert_plain(const struct tcp_segment *s, int version)
{
    char src[ADDRESS_STRLEN], dst[ADDRESS_STRLEN];

    assert_string_equal(address_format(src, &s->src), version == 4 ? "192.0.2.1" : "2001:db8::1");
    assert_string_equal(address_format(dst, &s->dst), version == 4 ? "198.51.100.2" : "2001:db8::2");
    assert_int_equal(s->sport, 12345);
    assert_int_equal(s->dport, 80);
    assert_int_equal(s->seq, 0x01020304);
    assert_int_equal(s->ack, 0x11121314);
    assert_int_equal(s->flags, TCP_PSH | TCP_ACK);
    assert_int_equal(s->window, 0x2122);
    assert_int_equal(s->payload_len, 7);
    assert_true(s->has_timestamps);
    assert_int_equal(s->ts_val, 0xa0a1a2a3);
    assert_int_equal(s->ts_ecr, 0xb0b1b2b3);
    assert_int_equal(s->sack_count, 0);
}

/* Link layer */

static void every_link_type(void **state)
{
    static const int linktypes[] = { DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, 12, 101, DLT_NULL, DLT_LOOP };

    (void)state;
    for (size_t i = 0; i < COUNT(linktypes); i++) {
        for (int version = 4; version <= 6; version += 2) {
            struct shape shape = version == 4 ? plain4 : plain6;
            struct frame f;
            struct tcp_segment s;

            shape.linktype = linktypes[i];
            f = build(&shape);
            s = decode_ok(&f);
            assert_plain(&s, version);
            assert_int_equal(s.vlan[0] | s.vlan[1], 0);
            assert_true(packet_link_is_known(linktypes[i]));
        }
    }
}

static void raw_ip_of_one_version(void **state)
{
    struct frame f4 = build(&plain4), f6 = build(&plain6);
    struct tcp_segment s;

    (void)state;
    assert_int_equal(packet_decode(DLT_IPV4, f4.bytes + f4.ip, f4.length - f4.ip, f4.length - f4.ip, &s), PACKET_OK);
    assert_plain(&s, 4);
    assert_int_equal(packet_decode(DLT_IPV6, f6.bytes + f6.ip, f6.length - f6.ip, f6.length - f6.ip, &s), PACKET_OK);
    assert_plain(&s, 6);
    assert_int_equal(packet_decode(DLT_IPV4, f6.bytes + f6.ip, f6.length - f6.ip, f6.length - f6.ip, &s), PACKET_BAD_IP);
    assert_int_equal(packet_decode(DLT_IPV6, f4.bytes + f4.ip, f4.length - f4.ip, f4.length - f4.ip, &s), PACKET_BAD_IP);
    f4.bytes[f4.ip] = 0x55;
    assert_int_equal(packet_decode(DLT_RAW, f4.bytes + f4.ip, f4.length - f4.ip, f4.length - f4.ip, &s), PACKET_BAD_IP);
}

static void null_and_loop_families(void **state)
{
    static const struct {
        int linktype, version;
        uint8_t family[4];
        enum packet_reason reason;
    } cases[] = {
        { DLT_NULL, 4, { 0, 0, 0, 2 }, PACKET_OK },      { DLT_NULL, 4, { 2, 0, 0, 0 }, PACKET_OK },
        { DLT_NULL, 6, { 0, 0, 0, 24 }, PACKET_OK },     { DLT_NULL, 6, { 24, 0, 0, 0 }, PACKET_OK },
        { DLT_NULL, 6, { 0, 0, 0, 28 }, PACKET_OK },     { DLT_NULL, 6, { 28, 0, 0, 0 }, PACKET_OK },
        { DLT_NULL, 6, { 0, 0, 0, 30 }, PACKET_OK },     { DLT_NULL, 6, { 30, 0, 0, 0 }, PACKET_OK },
        { DLT_NULL, 4, { 0, 0, 0, 7 }, PACKET_NOT_IP },  { DLT_NULL, 4, { 0, 2, 0, 0 }, PACKET_NOT_IP },
        { DLT_NULL, 4, { 0, 0, 0, 30 }, PACKET_BAD_IP }, { DLT_LOOP, 4, { 0, 0, 0, 2 }, PACKET_OK },
        { DLT_LOOP, 6, { 0, 0, 0, 24 }, PACKET_OK },     { DLT_LOOP, 6, { 0, 0, 0, 28 }, PACKET_OK },
        { DLT_LOOP, 4, { 2, 0, 0, 0 }, PACKET_NOT_IP },  { DLT_LOOP, 6, { 0, 0, 0, 2 }, PACKET_BAD_IP },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct shape shape = cases[i].version == 4 ? plain4 : plain6;
        struct frame f;

        shape.linktype = cases[i].linktype;
        f = build(&shape);
        memcpy(f.bytes, cases[i].family, 4);
        assert_reason(&f, cases[i].reason);
    }
}

static void cooked_devices(void **state)
{
    static const unsigned foreign[] = { 770, 803, 824 };
    struct shape shape = plain4;

    (void)state;
    for (size_t i = 0; i < COUNT(foreign); i++) {
        struct frame f;

        shape.linktype = DLT_LINUX_SLL;
        f = build(&shape);
        set16(&f, 2, foreign[i]);
        assert_reason(&f, PACKET_NOT_IP);
        shape.linktype = DLT_LINUX_SLL2;
        f = build(&shape);
        set16(&f, 8, foreign[i]);
        assert_reason(&f, PACKET_NOT_IP);
    }
}

static void vlan_tags(void **state)
{
    static const int linktypes[] = { DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2 };
    static const struct {
        unsigned tags;
        uint16_t type[3], tci[3], vlan[2];
        enum packet_reason reason;
    } cases[] = {
        { 1, { 0x8100 }, { 0x0064 }, { 100, 0 }, PACKET_OK },
        { 1, { 0x88a8 }, { 0xffff }, { 4095, 0 }, PACKET_OK }, /* priority and DEI are no part of the ID */
        { 1, { 0x9100 }, { 0xe001 }, { 1, 0 }, PACKET_OK },
        { 1, { 0x8100 }, { 0xa000 }, { 0, 0 }, PACKET_OK }, /* priority tag */
        { 2, { 0x88a8, 0x8100 }, { 7, 0x6008 }, { 7, 8 }, PACKET_OK },
        { 2, { 0x8100, 0x8100 }, { 0x2000, 9 }, { 0, 9 }, PACKET_OK },
        { 3, { 0x88a8, 0x8100, 0x8100 }, { 1, 2, 3 }, { 0, 0 }, PACKET_VLAN_DEPTH },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases) * COUNT(linktypes); i++) {
        size_t n = i / COUNT(linktypes);
        struct shape shape = plain4;
        struct frame f;
        struct tcp_segment s;

        shape.linktype = linktypes[i % COUNT(linktypes)];
        shape.tags = cases[n].tags;
        memcpy(shape.tag_type, cases[n].type, sizeof shape.tag_type);
        memcpy(shape.tci, cases[n].tci, sizeof shape.tci);
        f = build(&shape);
        assert_int_equal(decode(&f, &s), cases[n].reason);
        if (cases[n].reason != PACKET_OK)
            continue;
        assert_plain(&s, 4);
        assert_memory_equal(s.vlan, cases[n].vlan, sizeof s.vlan);
    }
}

/* What a cooked socket hands over of a packet that came in with two tags: the type behind both, then the inner tag all the same.
 */
static void hidden_tags(void **state)
{
    static const int linktypes[] = { DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_EN10MB };
    static const struct {
        int version;
        uint16_t tci, type;
        enum packet_reason reason;
    } cases[] = {
        { 4, 0x0008, 0x0800, PACKET_OK },         { 4, 0xefff, 0x0800, PACKET_OK },
        { 4, 0x6008, 0x0800, PACKET_OK },         { 4, 0x4008, 0x0800, PACKET_BAD_IP }, /* its priority looks like IPv4 */
        { 4, 0x4fff, 0x0800, PACKET_FRAGMENT },                                         /* with a header length too */
        { 4, 0x0008, 0x8100, PACKET_VLAN_DEPTH }, { 4, 0x0008, 0x0806, PACKET_BAD_IP },
        { 4, 0x0008, 0x86dd, PACKET_BAD_IP },     { 6, 0x0008, 0x86dd, PACKET_OK },
        { 6, 0x4008, 0x86dd, PACKET_OK },         { 6, 0x6008, 0x86dd, PACKET_NOT_TCP }, /* looks like IPv6 */
        { 6, 0x0008, 0x88a8, PACKET_VLAN_DEPTH },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases) * COUNT(linktypes); i++) {
        const size_t n = i / COUNT(linktypes);
        struct shape shape = cases[n].version == 4 ? plain4 : plain6;
        struct frame f;
        struct tcp_segment s;

        shape.linktype = linktypes[i % COUNT(linktypes)];
        shape.tags = 1;
        shape.tag_type[0] = 0x88a8;
        shape.tci[0] = 7;
        f = build(&shape);
        memmove(f.bytes + f.ip + 4, f.bytes + f.ip, f.length - f.ip);
        f.length += 4;
        set16(&f, f.ip, cases[n].tci);
        set16(&f, f.ip + 2, cases[n].type);
        if (shape.linktype == DLT_EN10MB) {
            assert_int_not_equal(decode(&f, &s), PACKET_OK);
            continue;
        }
        assert_int_equal(decode(&f, &s), cases[n].reason);
        if (cases[n].reason != PACKET_OK)
            continue;
        assert_plain(&s, cases[n].version);
        assert_int_equal(s.vlan[0], 7);
        assert_int_equal(s.vlan[1], 0); /* as of the packets that go out */
    }
}

static void ethertypes_by_name(void **state)
{
    static const struct {
        unsigned type;
        enum packet_reason reason;
    } cases[] = {
        { 0x0806, PACKET_NOT_IP }, { 0x88cc, PACKET_NOT_IP }, { 0x0040, PACKET_NOT_IP }, { 0x8847, PACKET_MPLS },
        { 0x8848, PACKET_MPLS },   { 0x8863, PACKET_PPPOE },  { 0x8864, PACKET_PPPOE },  { 0x6558, PACKET_TUNNEL },
        { 0x88e5, PACKET_TUNNEL }, { 0x88e7, PACKET_TUNNEL }, { 0x894f, PACKET_TUNNEL }, { 0x86dd, PACKET_BAD_IP },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct frame f = build(&plain4);

        set16(&f, 12, cases[i].type);
        assert_reason(&f, cases[i].reason);
    }
}

static void unknown_links(void **state)
{
    static const int linktypes[] = { DLT_IEEE802_11, DLT_IEEE802_11_RADIO, DLT_USB_LINUX, 14, 147, -1, 0x7fffffff };
    struct frame f = build(&plain4);

    (void)state;
    for (size_t i = 0; i < COUNT(linktypes); i++) {
        f.linktype = linktypes[i];
        assert_reason(&f, PACKET_UNKNOWN_LINK);
        assert_false(packet_link_is_known(linktypes[i]));
    }
}

static void ppp_by_name(void **state)
{
    static const int linktypes[] = { DLT_PPP, DLT_PPP_SERIAL, DLT_PPP_ETHER, DLT_PPP_PPPD };
    struct frame f = build(&plain4);

    (void)state;
    for (size_t i = 0; i < COUNT(linktypes); i++) {
        f.linktype = linktypes[i];
        assert_reason(&f, PACKET_PPP);
        assert_true(packet_link_is_known(linktypes[i]));
    }
}

/* Network layer */

static void protocols_by_name(void **state)
{
    static const struct {
        uint8_t protocol;
        enum packet_reason v4, v6;
    } cases[] = {
        { 1, PACKET_ICMP, PACKET_ICMP },
        { 58, PACKET_ICMP, PACKET_ICMP },
        { 17, PACKET_NOT_TCP, PACKET_NOT_TCP },
        { 2, PACKET_NOT_TCP, PACKET_NOT_TCP },
        { 132, PACKET_NOT_TCP, PACKET_NOT_TCP },
        { 59, PACKET_NOT_TCP, PACKET_NOT_TCP },
        { 4, PACKET_TUNNEL, PACKET_TUNNEL },
        { 41, PACKET_TUNNEL, PACKET_TUNNEL },
        { 47, PACKET_TUNNEL, PACKET_TUNNEL },
        { 50, PACKET_TUNNEL, PACKET_TUNNEL },
        { 55, PACKET_TUNNEL, PACKET_TUNNEL },
        { 94, PACKET_TUNNEL, PACKET_TUNNEL },
        { 97, PACKET_TUNNEL, PACKET_TUNNEL },
        { 98, PACKET_TUNNEL, PACKET_TUNNEL },
        { 108, PACKET_TUNNEL, PACKET_TUNNEL },
        { 115, PACKET_TUNNEL, PACKET_TUNNEL },
        { 137, PACKET_MPLS, PACKET_MPLS },
        { 143, PACKET_TUNNEL, PACKET_TUNNEL },
        { 135, PACKET_NOT_TCP, PACKET_EXTENSIONS },
        { 139, PACKET_NOT_TCP, PACKET_EXTENSIONS },
        { 140, PACKET_NOT_TCP, PACKET_EXTENSIONS },
        { 0, PACKET_NOT_TCP, PACKET_BAD_IP },
        { 51, PACKET_TUNNEL, PACKET_BAD_IP },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct frame f4 = build(&plain4), f6 = build(&plain6);

        f4.bytes[f4.ip + 9] = cases[i].protocol;
        assert_reason(&f4, cases[i].v4);
        f6.bytes[f6.ip + 6] = cases[i].protocol;
        f6.bytes[f6.tcp + 1] = cases[i].protocol == 0 || cases[i].protocol == 51 ? 200 : 1; /* extension length */
        assert_reason(&f6, cases[i].v6);
    }
}

static void quoted_tcp_is_not_tcp(void **state)
{
    struct shape outer = plain4;
    struct frame inner = build(&plain4), f;

    (void)state;
    outer.payload = 0;
    f = build(&outer);
    f.length = f.tcp;
    f.bytes[f.ip + 9] = 1;
    put_bytes(&f, (const uint8_t[]){ 3, 1, 0, 0, 0, 0, 0, 0 }, 8); /* destination unreachable */
    put_bytes(&f, inner.bytes + inner.ip, inner.length - inner.ip);
    set16(&f, f.ip + 2, (unsigned)(f.length - f.ip));
    assert_reason(&f, PACKET_ICMP);
}

/* Puts `value` at offset `at` of the IP header and says what comes of it. */
static void bad_ip_headers(void **state)
{
    static const struct {
        int version;
        size_t at;
        uint8_t value[2];
        enum packet_reason reason;
    } cases[] = {
        { 4, 0, { 0x44, 0x10 }, PACKET_BAD_IP }, /* header shorter than 20 */
        { 4, 0, { 0x40, 0x10 }, PACKET_BAD_IP },
        { 4, 0, { 0x65, 0x10 }, PACKET_BAD_IP }, /* version */
        { 4, 0, { 0x4f, 0x10 }, PACKET_BAD_IP }, /* header longer than the datagram */
        { 4, 2, { 0, 19 }, PACKET_BAD_IP },      /* total shorter than the header */
        { 4, 2, { 0, 20 }, PACKET_BAD_TCP },     /* no room for TCP */
        { 4, 2, { 0, 39 }, PACKET_BAD_TCP },
        { 4, 2, { 0, 40 }, PACKET_BAD_TCP }, /* none for its options */
        { 4, 2, { 0, 51 }, PACKET_BAD_TCP },
        { 4, 2, { 0, 52 }, PACKET_OK },
        { 4, 2, { 0xff, 0xff }, PACKET_OK }, /* the capture may be short of the datagram */
        { 6, 0, { 0x50, 0 }, PACKET_BAD_IP },
        { 6, 4, { 0, 1 }, PACKET_BAD_TCP },
        { 6, 4, { 0, 19 }, PACKET_BAD_TCP },
        { 6, 4, { 0, 31 }, PACKET_BAD_TCP },
        { 6, 4, { 0, 32 }, PACKET_OK },
        { 6, 5, { 7, PROTOCOL_DESTINATION }, PACKET_BAD_IP }, /* seven bytes are no extension header */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct frame f = build(cases[i].version == 4 ? &plain4 : &plain6);

        memcpy(f.bytes + f.ip + cases[i].at, cases[i].value, 2);
        assert_reason(&f, cases[i].reason);
    }
}

static void mapped_addresses_are_refused(void **state)
{
    static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
    struct frame f = build(&plain6);

    (void)state;
    memcpy(f.bytes + f.ip + 8, mapped, 16);
    assert_reason(&f, PACKET_MAPPED);
    f = build(&plain6);
    memcpy(f.bytes + f.ip + 24, mapped, 16);
    assert_reason(&f, PACKET_MAPPED);
}

static void ipv4_fragments(void **state)
{
    struct frame f = build(&plain4);
    struct tcp_segment s;

    (void)state;
    set16(&f, f.ip + 6, 0x2000); /* more follow */
    s = decode_ok(&f);
    assert_plain(&s, 4);
    set16(&f, f.ip + 6, 0x2001);
    assert_reason(&f, PACKET_FRAGMENT);
    set16(&f, f.ip + 6, 0x1000);
    assert_reason(&f, PACKET_FRAGMENT);
    set16(&f, f.ip + 6, 0x2000);
    set16(&f, f.ip + 2, 20 + 8); /* a first fragment that holds eight bytes of TCP */
    assert_reason(&f, PACKET_BAD_TCP);
}

static const uint8_t hop_by_hop[8] = { 6, 0, 1, 4, 0, 0, 0, 0 };
static const uint8_t routing[24] = { 6, 2, 4, 0 };
static const uint8_t fragment[8] = { 6, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef };
static const uint8_t destination[16] = { 6, 1, 1, 12 };
static const uint8_t authentication[24] = { 6, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1 };

static void extension_headers(void **state)
{
    static const struct {
        uint8_t protocol;
        const uint8_t *bytes;
        size_t length, at; /* at: byte to change, to `value` */
        uint8_t value;
        enum packet_reason reason;
    } cases[] = {
        { PROTOCOL_HOP_BY_HOP, hop_by_hop, sizeof hop_by_hop, 0, 6, PACKET_OK },
        { PROTOCOL_ROUTING, routing, sizeof routing, 0, 6, PACKET_OK },
        { PROTOCOL_ROUTING, routing, sizeof routing, 3, 1, PACKET_EXTENSIONS }, /* segments left */
        { PROTOCOL_FRAGMENT, fragment, sizeof fragment, 0, 6, PACKET_OK },
        { PROTOCOL_FRAGMENT, fragment, sizeof fragment, 3, 1, PACKET_OK }, /* first, more follow */
        { PROTOCOL_FRAGMENT, fragment, sizeof fragment, 3, 8, PACKET_FRAGMENT },
        { PROTOCOL_FRAGMENT, fragment, sizeof fragment, 1, 255, PACKET_OK }, /* reserved there, no length */
        { PROTOCOL_DESTINATION, destination, sizeof destination, 0, 6, PACKET_OK },
        { PROTOCOL_DESTINATION, destination, sizeof destination, 0, 58, PACKET_ICMP },
        { PROTOCOL_DESTINATION, destination, sizeof destination, 0, 50, PACKET_TUNNEL },
        { PROTOCOL_DESTINATION, destination, sizeof destination, 0, 17, PACKET_NOT_TCP },
        { PROTOCOL_DESTINATION, destination, sizeof destination, 1, 9, PACKET_BAD_IP }, /* beyond the datagram */
        { PROTOCOL_AH, authentication, sizeof authentication, 0, 6, PACKET_OK },
        { PROTOCOL_AH, authentication, sizeof authentication, 1, 255, PACKET_BAD_IP },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct shape shape = plain6;
        uint8_t bytes[32];
        struct frame f;
        struct tcp_segment s;

        memcpy(bytes, cases[i].bytes, cases[i].length);
        bytes[cases[i].at] = cases[i].value;
        shape.first_extension = cases[i].protocol;
        shape.extensions = bytes;
        shape.extensions_length = cases[i].length;
        f = build(&shape);
        assert_int_equal(decode(&f, &s), cases[i].reason);
        if (cases[i].reason == PACKET_OK)
            assert_plain(&s, 6);
    }
}

/* `count` destination options headers in a row. */
static struct frame build_chain(size_t count)
{
    uint8_t bytes[16 * 8] = { 0 };
    struct shape shape = plain6;

    for (size_t i = 0; i < count; i++)
        bytes[i * 8] = i + 1 < count ? PROTOCOL_DESTINATION : PROTOCOL_TCP;
    shape.first_extension = PROTOCOL_DESTINATION;
    shape.extensions = bytes;
    shape.extensions_length = count * 8;
    return build(&shape);
}

static void extension_chain_is_bounded(void **state)
{
    (void)state;
    for (size_t count = 1; count <= 16; count++) {
        struct frame f = build_chain(count);

        assert_reason(&f, count <= MAX_EXTENSIONS ? PACKET_OK : PACKET_EXTENSIONS);
    }
}

static void hop_by_hop_comes_first_or_not_at_all(void **state)
{
    struct frame f = build_chain(3);

    (void)state;
    f.bytes[f.ip + 40] = PROTOCOL_HOP_BY_HOP;
    assert_reason(&f, PACKET_EXTENSIONS);
    f = build_chain(3);
    f.bytes[f.ip + 6] = PROTOCOL_HOP_BY_HOP;
    assert_reason(&f, PACKET_OK);
}

static void padding_is_not_payload(void **state)
{
    for (int version = 4; version <= 6; version += 2) {
        struct shape shape = version == 4 ? plain4 : plain6;
        struct frame f;

        (void)state;
        shape.payload = 0;
        shape.padding = 18;
        f = build(&shape);
        assert_int_equal(decode_ok(&f).payload_len, 0);
        f.bytes[f.tcp + 12] = 0x90; /* options that would reach into the padding */
        assert_reason(&f, PACKET_BAD_TCP);
    }
}

static void payload_beyond_the_capture(void **state)
{
    struct frame f = build(&plain4);
    struct tcp_segment s;

    (void)state;
    set16(&f, f.ip + 2, 20 + 32 + 1448);
    f.length = f.payload;
    assert_int_equal(decode_wire(&f, 14 + 1500, &s), PACKET_OK);
    assert_int_equal(s.payload_len, 1448);
    /* The IP header is believed, whatever pcap says of the wire. */
    assert_int_equal(decode_wire(&f, f.length, &s), PACKET_OK);
    assert_int_equal(s.payload_len, 1448);
    assert_int_equal(decode_wire(&f, 0, &s), PACKET_OK);
    assert_int_equal(s.payload_len, 1448);
}

static void ip_length_zero_is_the_wire(void **state)
{
    struct frame f4 = build(&plain4), f6 = build(&plain6);
    struct tcp_segment s;

    (void)state;
    set16(&f4, f4.ip + 2, 0);
    assert_int_equal(decode_wire(&f4, f4.payload + 180000, &s), PACKET_OK);
    assert_int_equal(s.payload_len, 180000);
    set16(&f6, f6.ip + 4, 0);
    assert_int_equal(decode_wire(&f6, f6.payload + 180000, &s), PACKET_OK);
    assert_int_equal(s.payload_len, 180000);
    assert_int_equal(decode_wire(&f4, 0, &s), PACKET_OK); /* less than was captured cannot be */
    assert_int_equal(s.payload_len, 7);
    assert_int_equal(decode_wire(&f4, MAX_DATAGRAM + f4.tcp, &s), PACKET_OK);
    assert_int_equal(s.payload_len, MAX_DATAGRAM - 32);
    assert_int_equal(decode_wire(&f4, MAX_DATAGRAM + f4.tcp + 1, &s), PACKET_BAD_IP);
    assert_int_equal(decode_wire(&f6, SIZE_MAX, &s), PACKET_BAD_IP);
}

/* A Jumbo Payload option in a hop-by-hop header, with an IPv6 payload length of 0 unless `also_short`. */
static enum packet_reason decode_jumbo(uint32_t jumbo, bool also_short, size_t wirelen, struct tcp_segment *out)
{
    uint8_t bytes[8] = { 6, 0, 194, 4, (uint8_t)(jumbo >> 24), (uint8_t)(jumbo >> 16), (uint8_t)(jumbo >> 8), (uint8_t)jumbo };
    struct shape shape = plain6;
    struct frame f;

    shape.first_extension = PROTOCOL_HOP_BY_HOP;
    shape.extensions = bytes;
    shape.extensions_length = sizeof bytes;
    f = build(&shape);
    if (!also_short)
        set16(&f, f.ip + 4, 0);
    return decode_wire(&f, wirelen, out);
}

static void jumbo_payload_gives_the_length(void **state)
{
    struct tcp_segment s;

    (void)state;
    assert_int_equal(decode_jumbo(8 + 32 + 190000, false, 200, &s), PACKET_OK);
    assert_int_equal(s.payload_len, 190000);
    assert_int_equal(decode_jumbo(8 + 32, false, 200000, &s), PACKET_OK);
    assert_int_equal(s.payload_len, 0);
    assert_int_equal(decode_jumbo(8 + 31, false, 200000, &s), PACKET_BAD_TCP);
    assert_int_equal(decode_jumbo(7, false, 200000, &s), PACKET_BAD_IP);
    assert_int_equal(decode_jumbo(0xffffffff, false, 200, &s), PACKET_BAD_IP);
    assert_int_equal(decode_jumbo(190000, true, 200, &s), PACKET_OK); /* a length of its own wins */
    assert_int_equal(s.payload_len, 7);
    assert_int_equal(decode_jumbo(0, false, 14 + 40 + 8 + 32 + 70000, &s), PACKET_OK); /* no length at all */
    assert_int_equal(s.payload_len, 70000);
}

static void malformed_hop_by_hop(void **state)
{
    static const struct {
        uint8_t bytes[8];
        enum packet_reason reason;
    } cases[] = {
        { { 6, 0, 0, 0, 0, 0, 0, 0 }, PACKET_OK },       /* Pad1 */
        { { 6, 0, 1, 4, 0, 0, 0, 0 }, PACKET_OK },       /* PadN */
        { { 6, 0, 1, 5, 0, 0, 0, 0 }, PACKET_BAD_IP },   /* beyond the header */
        { { 6, 0, 0, 0, 0, 0, 0, 194 }, PACKET_BAD_IP }, /* cut before its length */
        { { 6, 0, 194, 3, 0, 9, 9, 0 }, PACKET_OK },     /* not a jumbo option's length: passed over */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct shape shape = plain6;
        struct frame f;

        shape.first_extension = PROTOCOL_HOP_BY_HOP;
        shape.extensions = cases[i].bytes;
        shape.extensions_length = 8;
        f = build(&shape);
        set16(&f, f.ip + 4, 0);
        assert_reason(&f, cases[i].reason);
        if (cases[i].reason == PACKET_OK)
            assert_int_equal(decode_ok(&f).payload_len, 7);
    }
}

/* TCP */

static void tcp_data_offset(void **state)
{
    (void)state;
    for (unsigned words = 0; words < 16; words++) {
        struct shape shape = plain4;
        struct frame f;

        shape.options_length = 0;
        shape.payload = 16;
        f = build(&shape);
        f.bytes[f.tcp + 12] = (uint8_t)(words << 4);
        assert_reason(&f, words >= 5 && words <= 9 ? PACKET_OK : PACKET_BAD_TCP);
        if (words >= 5 && words <= 9)
            assert_int_equal(decode_ok(&f).payload_len, 16 - (words - 5) * 4);
    }
}

static void tcp_flags(void **state)
{
    (void)state;
    for (unsigned flags = 0; flags < 256; flags++) {
        struct frame f = build(&plain4);

        f.bytes[f.tcp + 13] = (uint8_t)flags;
        assert_int_equal(decode_ok(&f).flags, flags & 0x3f); /* ECE and CWR do not show */
    }
}

#define TS 8, 10, 0, 0, 0, 1, 0, 0, 0, 2
#define B(n) 0, 0, 0, n, 0, 0, 1, n

static void tcp_options(void **state)
{
    static const struct {
        uint8_t bytes[40];
        size_t length;
        uint32_t ts_val; /* 0: none */
        uint8_t sack_count;
    } cases[] = {
        { { 0 }, 0, 0, 0 },
        { { 1, 1, 1, 1 }, 4, 0, 0 },
        { { 1, 1, 8, 10 }, 4, 0, 0 }, /* what follows is payload */
        { { 1, 1, TS }, 12, 1, 0 },
        { { TS, 1, 1 }, 12, 1, 0 },
        { { 1, TS, 0 }, 12, 1, 0 },
        { { 2, 4, 5, 180, 4, 2, TS, 1, 3, 3, 7 }, 20, 1, 0 }, /* a SYN */
        { { 1, 1, TS, 1, 1, 5, 10, B(9) }, 24, 1, 1 },
        { { 1, 1, TS, 1, 1, 5, 26, B(9), B(8), B(7) }, 40, 1, 3 },
        { { 1, 1, 5, 34, B(9), B(8), B(7), B(6) }, 36, 0, 4 },
        { { 5, 10, B(1), TS, 1, 1, 1, 1 }, 24, 1, 1 },
        { { 0, 2, TS }, 12, 0, 0 }, /* after the end */
        { { 1, 1, TS, 0, 5, 10, B(9), 0 }, 24, 1, 0 },
        { { 8, 9, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1 }, 12, 0, 0 }, /* lengths that are not those of the option */
        { { 8, 11, 0, 0, 0, 1, 0, 0, 0, 2, 9, 1 }, 12, 0, 0 },
        { { 5, 2, 1, 1, TS, 1, 1 }, 16, 1, 0 },
        { { 5, 9, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1 }, 12, 0, 0 },
        { { 5, 11, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1 }, 12, 0, 0 },
        { { 5, 38 }, 40, 0, 0 },
        { { 5, 10, B(1), 5, 2 }, 12, 0, 1 },
        { { 8, 0, TS, 1, 1, 1, 1 }, 16, 0, 0 }, /* what cannot be passed ends the walk */
        { { 254, 1, TS, 1, 1, 1, 1 }, 16, 0, 0 },
        { { 1, 1, TS, 5, 10, 0, 0 }, 16, 1, 0 }, /* beyond the header */
        { { 1, 1, TS, 1, 1, 1, 8 }, 16, 1, 0 },  /* the length itself is beyond */
        { { 1, 1, TS, 253, 0, 5, 10, B(1), 0, 0 }, 24, 1, 0 },
        { { 1, 1, 8, 10, 0, 0, 0, 3, 0, 0, 0, 4, TS, 1, 1 }, 24, 1, 0 },  /* the last of two counts */
        { { 30, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, TS }, 24, 1, 0 }, /* MPTCP, passed over */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct shape shape = plain4;
        struct frame f;
        struct tcp_segment s;

        shape.options = cases[i].bytes;
        shape.options_length = cases[i].length;
        f = build(&shape);
        s = decode_ok(&f);
        assert_int_equal(s.payload_len, 7);
        assert_int_equal(s.has_timestamps, cases[i].ts_val != 0);
        assert_int_equal(s.ts_val, cases[i].ts_val);
        assert_int_equal(s.ts_ecr, cases[i].ts_val * 2);
        assert_int_equal(s.sack_count, cases[i].sack_count);
        for (uint8_t n = 0; n < s.sack_count; n++)
            assert_int_equal(s.sack[n].right, s.sack[n].left + 0x100);
        if (s.sack_count > 1)
            assert_int_equal(s.sack[1].left, 8);
    }
}

/* Every kind with every length, at the end of the longest header. */
static void every_option(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 65536; i++) {
        uint8_t kind = (uint8_t)(i >> 8), length = (uint8_t)i;
        uint8_t bytes[40] = { kind, length };
        bool is_sack = kind == OPTION_SACK && (length == 10 || length == 18 || length == 26 || length == 34);
        struct tcp_segment s = { .sack_count = 0 };

        walk_options(&s, bytes, sizeof bytes);
        assert_int_equal(s.has_timestamps, kind == OPTION_TIMESTAMPS && length == 10);
        assert_int_equal(s.sack_count, is_sack ? length / 8 : 0);
    }
}

/* 40 bytes of options cannot hold five blocks, and the array could not either. */
static void more_sack_than_there_is_room(void **state)
{
    static const uint8_t option[42] = { OPTION_SACK, 42 };
    struct tcp_segment s = { .sack_count = 0 };

    (void)state;
    read_sack(&s, option, sizeof option);
    assert_int_equal(s.sack_count, 0);
}

/* Captures that end anywhere */

struct guard {
    uint8_t *end; /* the page behind is unreadable */
    uint8_t *mapping;
    size_t page;
};

static struct guard guard_open(void)
{
    struct guard g;

    g.page = (size_t)sysconf(_SC_PAGESIZE);
    assert_true(FRAME_MAX <= g.page);
    g.mapping = mmap(NULL, 2 * g.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.mapping != MAP_FAILED);
    g.end = g.mapping + g.page;
    assert_int_equal(mprotect(g.end, g.page, PROT_NONE), 0);
    return g;
}

static void guard_close(struct guard *g)
{
    assert_int_equal(munmap(g->mapping, 2 * g->page), 0);
}

/* An option without its length, in the last byte that may be read. */
static void option_at_the_very_end(void **state)
{
    static const uint8_t options[4] = { 1, 1, 1, OPTION_TIMESTAMPS };
    struct guard g = guard_open();
    struct shape shape = plain4;
    struct frame f;
    struct tcp_segment s;

    (void)state;
    shape.options = options;
    shape.options_length = sizeof options;
    shape.payload = 0;
    f = build(&shape);
    memcpy(g.end - f.length, f.bytes, f.length);
    assert_int_equal(packet_decode(DLT_EN10MB, g.end - f.length, f.length, f.length, &s), PACKET_OK);
    assert_false(s.has_timestamps);
    guard_close(&g);
}

/* Every prefix of a good frame is cut short until the TCP header is whole, and from there on says all that the frame does. */
static void check_good_prefixes(const struct guard *g, const struct frame *f)
{
    struct tcp_segment whole = decode_ok(f);

    for (size_t n = 0; n <= f->length; n++) {
        struct tcp_segment s;
        enum packet_reason reason;

        memcpy(g->end - n, f->bytes, n);
        reason = packet_decode(f->linktype, g->end - n, n, f->length, &s);
        assert_string_equal(packet_reason_name(reason), n < f->payload ? "truncated" : "ok");
        if (reason != PACKET_OK)
            continue;
        assert_same_tcp(&s, &whole);
        assert_memory_equal(s.vlan, whole.vlan, sizeof s.vlan);
        assert_int_equal(s.identity, whole.identity);
        assert_int_equal(s.has_ip_id, whole.has_ip_id);
    }
}

static void every_prefix(void **state)
{
    static const int linktypes[] = { DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, DLT_NULL, DLT_LOOP };
    static const uint8_t sack[40] = { 1, 1, TS, 1, 1, 5, 26, B(1), B(2), B(3) };
    static const uint8_t chain[56] = {
        43, 0, 1, 4, 0, 0, 0, 0, /* hop-by-hop, then routing, destination options, fragment, AH */
        60, 0, 0, 0, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 51, 0, 0, 0, 1, 2, 3, 4, 6, 4, 0, 0, 0, 0, 1, 0,
    };
    struct guard g = guard_open();

    (void)state;
    for (size_t i = 0; i < COUNT(linktypes) * 8; i++) {
        struct shape shape = i & 1 ? plain6 : plain4;
        struct frame f;

        shape.linktype = linktypes[i / 8];
        shape.payload = i & 4 ? 0 : 7;
        shape.padding = i & 4 ? 0 : 5;
        if (i & 2) {
            shape.tags = 2;
            shape.tag_type[0] = 0x88a8;
            shape.tag_type[1] = 0x8100;
            shape.tci[0] = 5;
            shape.tci[1] = 6;
            shape.ip_option_words = 10;
            shape.first_extension = PROTOCOL_HOP_BY_HOP;
            shape.extensions = chain;
            shape.extensions_length = i & 1 ? sizeof chain : 0;
        }
        if (i & 4) {
            shape.options = sack;
            shape.options_length = sizeof sack;
        }
        f = build(&shape);
        check_good_prefixes(&g, &f);
    }
    guard_close(&g);
}

/* A frame that is refused: each prefix is cut short, or refused for the same reason. */
static void every_prefix_of_refused_frames(void **state)
{
    static const struct {
        int version;
        size_t at; /* in the IP header */
        uint8_t value;
        enum packet_reason reason;
    } cases[] = {
        { 4, 9, 17, PACKET_NOT_TCP },  { 4, 9, 1, PACKET_ICMP },   { 4, 9, 47, PACKET_TUNNEL },      { 4, 7, 9, PACKET_FRAGMENT },
        { 4, 0, 0x42, PACKET_BAD_IP }, { 6, 6, 4, PACKET_TUNNEL }, { 6, 6, 135, PACKET_EXTENSIONS }, { 6, 6, 58, PACKET_ICMP },
    };
    struct guard g = guard_open();

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct frame f = build(cases[i].version == 4 ? &plain4 : &plain6);
        bool refused = false;

        f.bytes[f.ip + cases[i].at] = cases[i].value;
        f.bytes[f.tcp + 1] = 1;
        for (size_t n = 0; n <= f.length; n++) {
            struct tcp_segment s;
            enum packet_reason reason;

            memcpy(g.end - n, f.bytes, n);
            reason = packet_decode(DLT_EN10MB, g.end - n, n, f.length, &s);
            refused = refused || reason == cases[i].reason;
            assert_int_equal(reason, refused ? cases[i].reason : PACKET_TRUNCATED);
        }
        assert_true(refused);
    }
    guard_close(&g);
}

/* Properties */

static uint32_t random_below(uint64_t *state, uint32_t bound)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*state >> 33) % bound);
}

static size_t random_chain(uint64_t *random, uint8_t *first, uint8_t bytes[static 256])
{
    static const uint8_t kinds[] = { PROTOCOL_DESTINATION, PROTOCOL_AH, PROTOCOL_ROUTING, PROTOCOL_FRAGMENT };
    size_t count = random_below(random, MAX_EXTENSIONS + 1), length = 0;
    uint8_t *next = first;

    for (size_t i = 0; i < count; i++) {
        uint8_t kind = i == 0 && random_below(random, 2) ? PROTOCOL_HOP_BY_HOP : kinds[random_below(random, COUNT(kinds))];
        uint8_t units = (uint8_t)random_below(random, 4);

        *next = kind;
        next = bytes + length;
        memset(bytes + length, 0, 32);
        bytes[length + 1] = units;
        length += kind == PROTOCOL_FRAGMENT ? 8 : 8 + units * (kind == PROTOCOL_AH ? 4u : 8u);
    }
    *next = PROTOCOL_TCP;
    return length;
}

static void wrapping_changes_nothing(void **state)
{
    static const uint16_t types[] = { 0x8100, 0x88a8, 0x9100 };
    struct frame base4 = build(&plain4), base6 = build(&plain6);
    struct tcp_segment expected[2] = { decode_ok(&base4), decode_ok(&base6) };
    uint64_t random = 20240229;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct shape shape = round & 1 ? plain6 : plain4;
        uint8_t chain[256 + 32];
        struct frame f;
        struct tcp_segment s;

        shape.tags = random_below(&random, 3);
        for (unsigned i = 0; i < 2; i++) {
            shape.tag_type[i] = types[random_below(&random, 3)];
            shape.tci[i] = (uint16_t)random_below(&random, 65536);
        }
        shape.ip_option_words = random_below(&random, 11);
        shape.padding = random_below(&random, 19);
        shape.extensions = chain;
        if (round & 1)
            shape.extensions_length = random_chain(&random, &shape.first_extension, chain);
        f = build(&shape);
        s = decode_ok(&f);
        assert_same_tcp(&s, &expected[round & 1]);
        for (unsigned i = 0; i < 2; i++)
            assert_int_equal(s.vlan[i], i < shape.tags ? shape.tci[i] & 0xfff : 0);
    }
}

/* Identity */

enum identity_effect { SAME, OTHER, SKIP };

static enum identity_effect effect_in_ipv4(size_t at)
{
    if (at == 1 || at == 8 || at == 10 || at == 11 || (at >= 12 && at < 20)) /* DSCP and ECN, TTL, checksum, addresses */
        return SAME;
    return at == 4 || at == 5 ? OTHER : SKIP;
}

static enum identity_effect effect_in_ipv6(size_t at)
{
    return at == 0 || at == 4 || at == 5 || at == 6 ? SKIP : SAME; /* traffic class, flow label, hop limit, addresses */
}

static enum identity_effect effect_in_tcp(size_t at)
{
    if (at < 4 || at == 16 || at == 17) /* ports: identities are compared within a flow; checksum: offload fills it in late */
        return SAME;
    return at == 12 ? SKIP : OTHER;
}

static enum identity_effect effect_of_byte(const struct frame *f, int version, size_t at)
{
    if (at < f->ip)
        return at < 12 ? SAME : SKIP;
    if (at < f->tcp)
        return version == 4 ? effect_in_ipv4(at - f->ip) : effect_in_ipv6(at - f->ip);
    return at < f->payload ? effect_in_tcp(at - f->tcp) : SAME;
}

/* Each single bit of a frame either belongs to the identity or does not. */
static void identity_bits(void **state)
{
    static const uint8_t options[40] = { 30, 40 };

    (void)state;
    for (int version = 4; version <= 6; version += 2) {
        struct shape shape = version == 4 ? plain4 : plain6;
        struct frame f;
        uint32_t identity;

        shape.options = options;
        shape.options_length = sizeof options;
        f = build(&shape);
        identity = decode_ok(&f).identity;
        assert_int_not_equal(identity, 0);
        for (size_t bit = 0; bit < f.length * 8; bit++) {
            enum identity_effect effect = effect_of_byte(&f, version, bit / 8);

            if (effect == SKIP)
                continue;
            f.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(decode_ok(&f).identity == identity, effect == SAME);
            f.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void identity_over_links_and_tags(void **state)
{
    static const int linktypes[] = { DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW };
    struct frame f = build(&plain4);
    uint32_t identity = decode_ok(&f).identity;

    (void)state;
    for (size_t i = 0; i < COUNT(linktypes); i++) {
        struct shape shape = plain4;

        shape.linktype = linktypes[i];
        shape.tags = i < 3 ? 1 : 0;
        shape.tag_type[0] = 0x8100;
        shape.tci[0] = (uint16_t)(100 + i);
        f = build(&shape);
        assert_int_equal(decode_ok(&f).identity, identity);
    }
}

static void identity_of_lengths(void **state)
{
    uint32_t seen[200];

    (void)state;
    for (size_t i = 0; i < COUNT(seen); i++) {
        struct shape shape = plain4;
        struct frame f;

        shape.payload = i;
        f = build(&shape);
        seen[i] = decode_ok(&f).identity;
        for (size_t n = 0; n < i; n++)
            assert_int_not_equal(seen[n], seen[i]);
    }
}

static void ip_id_is_there_when_it_says_so(void **state)
{
    static const struct {
        int version;
        unsigned id;
        bool has_timestamps, has_fragment, has_ip_id;
    } cases[] = {
        { 4, 1, false, false, true },      { 4, 0, false, false, false }, { 4, 0, true, false, false },
        { 4, 0x0100, false, false, true }, { 6, 0, false, false, false }, { 6, 0, true, false, false },
        { 6, 0, false, true, true },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct shape shape = cases[i].version == 4 ? plain4 : plain6;
        struct frame f;

        shape.options_length = cases[i].has_timestamps ? 12 : 0;
        shape.first_extension = PROTOCOL_FRAGMENT;
        shape.extensions = fragment;
        shape.extensions_length = cases[i].has_fragment ? sizeof fragment : 0;
        f = build(&shape);
        if (cases[i].version == 4)
            set16(&f, f.ip + 4, cases[i].id);
        assert_int_equal(decode_ok(&f).has_ip_id, cases[i].has_ip_id);
    }
}

static void identity_of_ipv6_fragment(void **state)
{
    struct shape shape = plain6;
    struct frame f;
    uint32_t identity;

    (void)state;
    shape.first_extension = PROTOCOL_FRAGMENT;
    shape.extensions = fragment;
    shape.extensions_length = sizeof fragment;
    f = build(&shape);
    identity = decode_ok(&f).identity;
    f.bytes[f.ip + 40 + 7] ^= 1;
    assert_int_not_equal(decode_ok(&f).identity, identity);
}

static void reason_names(void **state)
{
    (void)state;
    assert_string_equal(packet_reason_name(PACKET_OK), "ok");
    assert_string_equal(packet_reason_name(PACKET_NO_FLOW), "no_flow");
    assert_string_equal(packet_reason_name(PACKET_FLOW_LIMIT), "max_flows");
    assert_string_equal(packet_reason_name(PACKET_REASON_COUNT), "unknown");
    assert_string_equal(packet_reason_name((enum packet_reason) - 1), "unknown");
    for (int i = 0; i < PACKET_REASON_COUNT; i++) {
        for (int n = 0; n < i; n++)
            assert_string_not_equal(packet_reason_name((enum packet_reason)i), packet_reason_name((enum packet_reason)n));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_link_type),
        cmocka_unit_test(raw_ip_of_one_version),
        cmocka_unit_test(null_and_loop_families),
        cmocka_unit_test(cooked_devices),
        cmocka_unit_test(vlan_tags),
        cmocka_unit_test(hidden_tags),
        cmocka_unit_test(ethertypes_by_name),
        cmocka_unit_test(unknown_links),
        cmocka_unit_test(ppp_by_name),
        cmocka_unit_test(protocols_by_name),
        cmocka_unit_test(quoted_tcp_is_not_tcp),
        cmocka_unit_test(bad_ip_headers),
        cmocka_unit_test(mapped_addresses_are_refused),
        cmocka_unit_test(ipv4_fragments),
        cmocka_unit_test(extension_headers),
        cmocka_unit_test(extension_chain_is_bounded),
        cmocka_unit_test(hop_by_hop_comes_first_or_not_at_all),
        cmocka_unit_test(padding_is_not_payload),
        cmocka_unit_test(payload_beyond_the_capture),
        cmocka_unit_test(ip_length_zero_is_the_wire),
        cmocka_unit_test(jumbo_payload_gives_the_length),
        cmocka_unit_test(malformed_hop_by_hop),
        cmocka_unit_test(tcp_data_offset),
        cmocka_unit_test(tcp_flags),
        cmocka_unit_test(tcp_options),
        cmocka_unit_test(every_option),
        cmocka_unit_test(more_sack_than_there_is_room),
        cmocka_unit_test(option_at_the_very_end),
        cmocka_unit_test(every_prefix),
        cmocka_unit_test(every_prefix_of_refused_frames),
        cmocka_unit_test(wrapping_changes_nothing),
        cmocka_unit_test(identity_bits),
        cmocka_unit_test(identity_over_links_and_tags),
        cmocka_unit_test(identity_of_lengths),
        cmocka_unit_test(ip_id_is_there_when_it_says_so),
        cmocka_unit_test(identity_of_ipv6_fragment),
        cmocka_unit_test(reason_names),
    };

    return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
