/* The programs that filter.c writes, run by a small interpreter here, against a plain predicate on the same frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>

#include "filter.c"
#include "random_fixture.h"

#define ACCEPT 65535u

struct kernel_packet {
    const uint8_t *data;
    size_t length;
    uint16_t protocol; /* skb->protocol */
    uint8_t type;      /* skb->pkt_type */
    bool cut;          /* within the headers: it may pass on what is there */
};

static struct filter_program program;
/* ---- the interpreter: what the kernel does with these instructions; a load beyond the packet ends with 0 ---- */

struct machine {
    uint32_t a, x, memory[BPF_MEMWORDS];
    unsigned stored; /* bits: the kernel takes no program that may load what it has not stored */
};

static void store(struct machine *m, uint32_t at, uint32_t value)
{
    assert_in_range(at, 0, BPF_MEMWORDS - 1);
    m->memory[at] = value;
    m->stored |= 1u << at;
}

static uint32_t recall(const struct machine *m, uint32_t at)
{
    assert_in_range(at, 0, BPF_MEMWORDS - 1);
    assert_true(m->stored >> at & 1);
    return m->memory[at];
}

static void calculate(struct machine *m, const struct sock_filter *in)
{
    switch (in->code) {
    case RSH_K:
        m->a >>= in->k;
        break;
    case AND_K:
        m->a &= in->k;
        break;
    case ADD_K:
        m->a += in->k;
        break;
    default:
        fail_msg("calculation %#x", in->code);
    }
}

static bool load(const struct kernel_packet *p, uint64_t offset, unsigned size, uint32_t *a)
{
    if (offset == (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)) {
        *a = p->protocol;
        return true;
    }
    if (offset == (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)) {
        *a = p->type;
        return true;
    }
    if (offset + size > p->length)
        return false;
    *a = 0;
    for (unsigned i = 0; i < size; i++)
        *a = *a << 8 | p->data[offset + i];
    return true;
}

static bool condition(uint16_t code, uint32_t a, uint32_t k)
{
    switch (BPF_OP(code)) {
    case BPF_JEQ: /* k is X where the code says so */
        return a == k;
    case BPF_JGE:
        return a >= k;
    case BPF_JGT:
        return a > k;
    case BPF_JSET:
        return (a & k) != 0;
    default:
        fail_msg("jump %#x", code);
        return false;
    }
}

static uint32_t run(const struct filter_program *f, const struct kernel_packet *p)
{
    struct machine m = { 0 };

    for (size_t pc = 0;; pc++) {
        assert_true(pc < f->length);
        const struct sock_filter in = f->code[pc];
        unsigned size = BPF_SIZE(in.code) == BPF_W ? 4 : BPF_SIZE(in.code) == BPF_H ? 2 : 1;

        switch (BPF_CLASS(in.code)) {
        case BPF_LD:
            if (BPF_MODE(in.code) == BPF_MEM)
                m.a = recall(&m, in.k);
            else if (!load(p, BPF_MODE(in.code) == BPF_IND ? (uint64_t)m.x + in.k : in.k, size, &m.a))
                return 0;
            break;
        case BPF_LDX:
            assert_int_equal(in.code, LDX_IMM);
            m.x = in.k;
            break;
        case BPF_ST:
            store(&m, in.k, m.a);
            break;
        case BPF_MISC:
            assert_int_equal(in.code, TAX);
            m.x = m.a;
            break;
        case BPF_ALU:
            calculate(&m, &in);
            break;
        case BPF_JMP:
            if (BPF_OP(in.code) == BPF_JA)
                pc += in.k;
            else
                pc += condition(in.code, m.a, BPF_SRC(in.code) == BPF_X ? m.x : in.k) ? in.jt : in.jf;
            break;
        case BPF_RET:
            assert_int_equal(in.code, RET_K);
            return in.k;
        default:
            fail_msg("instruction %#x", in.code);
        }
    }
}

/* ---- the predicate ---- */

static bool wanted(const struct netset *set, const struct ip_address *src, const struct ip_address *dst)
{
    uint32_t value;

    return set == NULL || netset_lookup(set, src, &value) || netset_lookup(set, dst, &value);
}

static bool is_tag(unsigned type)
{
    return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

static unsigned u16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* What is asked of a packet. */
struct sets {
    const struct netset *wanted, *ours;
    bool outgoing;
};

/* Nothing but an ACK of ours to somebody else; ip is the whole of it up to byte 14 of TCP. */
static bool is_our_ack(const struct sets *sets, const struct ip_address *src, const struct ip_address *dst, unsigned tcp_length,
                       const uint8_t *tcp)
{
    if (sets->ours == NULL || !sets->outgoing || !netset_lookup(sets->ours, src, NULL) || netset_lookup(sets->ours, dst, NULL))
        return false;
    return tcp_length == (tcp[12] >> 4) * 4u && (tcp[13] & 0x3f) == 0x10;
}

static bool wants_v4(const struct sets *sets, const uint8_t *ip, size_t n)
{
    struct ip_address src, dst;

    if (n < 10 || ip[9] != 6 || (u16(ip + 6) & 0x1fff) != 0)
        return false;
    if (sets->wanted == NULL && n < 34)
        return true;
    if (n < 20)
        return false;
    src = address_from_v4(ip + 12);
    dst = address_from_v4(ip + 16);
    if (n >= 34 && ip[0] == 0x45 && (ip[6] & 0x20) == 0 && is_our_ack(sets, &src, &dst, u16(ip + 2) - 20, ip + 20))
        return false;
    return wanted(sets->wanted, &src, &dst);
}

static bool wants_v6(const struct sets *sets, const uint8_t *ip, size_t n)
{
    struct ip_address src, dst;

    if (n < 7 || memchr("\x06\x00\x2b\x2c\x33\x3c", ip[6], 6) == NULL)
        return false;
    if (sets->wanted == NULL && n < 54)
        return true;
    if (n < 40)
        return false;
    src = address_from_v6(ip + 8);
    dst = address_from_v6(ip + 24);
    if (n >= 54 && ip[6] == 6 && is_our_ack(sets, &src, &dst, u16(ip + 4), ip + 40))
        return false;
    return wanted(sets->wanted, &src, &dst);
}

static bool wants_type(const struct sets *sets, unsigned type, const uint8_t *ip, size_t n)
{
    return type == 0x800 ? wants_v4(sets, ip, n) : type == 0x86dd ? wants_v6(sets, ip, n) : false;
}

static bool wants_version(const struct sets *sets, const uint8_t *ip, size_t n)
{
    unsigned version = n > 0 ? ip[0] >> 4 : 0;

    return wants_type(sets, version == 4 ? 0x800 : version == 6 ? 0x86dd : 0, ip, n);
}

static bool wants_ethernet(const struct sets *sets, const struct kernel_packet *p)
{
    size_t at = 12;

    for (unsigned tags = 0; tags < 2 && at + 2 <= p->length && is_tag(u16(p->data + at)); tags++)
        at += 4;
    return at + 2 <= p->length && wants_type(sets, u16(p->data + at), p->data + at + 2, p->length - at - 2);
}

static bool wants_cooked(const struct sets *sets, const struct kernel_packet *p)
{
    unsigned inner, version;

    if (!is_tag(p->protocol))
        return wants_type(sets, p->protocol, p->data, p->length);
    if (p->length < 4)
        return false;
    inner = u16(p->data + 2);
    version = p->data[0] >> 4;
    if (inner != 0x800 && inner != 0x86dd)
        return wants_version(sets, p->data, p->length);
    return version == 4 || version == 6 || wants_version(sets, p->data + 4, p->length - 4);
}

static bool wants(enum filter_link link, const struct sets *sets, const struct kernel_packet *p)
{
    switch (link) {
    case FILTER_ETHERNET:
        return wants_ethernet(sets, p);
    case FILTER_RAW:
        return wants_version(sets, p->data, p->length);
    case FILTER_COOKED:
        return wants_cooked(sets, p);
    }
    return false;
}

/* ---- sets and frames ---- */

static void add(struct netset *set, const char *text)
{
    struct ip_prefix prefix;

    assert_true(prefix_parse(text, &prefix, NULL));
    assert_int_equal(netset_add(set, &prefix, 1), 0);
}

/* From a small space, so that prefixes nest, neighbour each other and are met by the frames. */
static void random_address(uint8_t *out, bool v4)
{
    for (unsigned i = 0; i < (v4 ? 4u : 16u); i++)
        out[i] = draw(4) == 0 ? (uint8_t)(draw(2) ? 0xff : draw(256)) : (uint8_t)draw(3);
}

static struct netset *random_set(unsigned count)
{
    struct netset *set = netset_new();
    uint8_t bytes[16];

    assert_non_null(set);
    for (unsigned i = 0; i < count; i++) {
        bool v4 = draw(2) == 0;
        char text[PREFIX_STRLEN], address[ADDRESS_STRLEN];
        unsigned widest = v4 ? 32 : 128, bits = draw(2) ? widest : draw(widest + 1);

        random_address(bytes, v4);
        inet_ntop(v4 ? AF_INET : AF_INET6, bytes, address, sizeof address);
        snprintf(text, sizeof text, "%s/%u", address, bits < 3 && draw(8) ? widest : bits);
        add(set, text);
    }
    return set;
}

/* Pure ACKs, and what differs from one in the length or in a flag. */
static void put_tcp(uint8_t *tcp, uint8_t *length, unsigned counted)
{
    static const uint8_t flags[] = { 0x10, 0x10, 0x10, 0x10, 0x50, 0x11, 0x12, 0x14, 0x18, 0x30, 0x02, 0x04, 0x00, 0x3f };
    unsigned header = 20 + 4 * draw(11), size = counted + header;

    tcp[12] = (uint8_t)(header << 2 | draw(16));
    tcp[13] = flags[draw(sizeof flags)];
    if (draw(3) == 0)
        size = draw(3) == 0 ? 0 : size - 2 + draw(5);
    length[0] = (uint8_t)(size >> 8);
    length[1] = (uint8_t)size;
}

static size_t put_ip(uint8_t *at, bool v4)
{
    static const uint8_t protocols[] = { 6, 6, 6, 6, 6, 6, 6, 6, 17, 1, 0, 43, 44, 51, 60, 58, 59, 4 };
    uint8_t protocol = protocols[draw(sizeof protocols)];

    memset(at, 0, 80);
    at[0] = v4 ? draw(8) == 0 ? 0x46 : 0x45 : 0x60;
    at[v4 ? 9 : 6] = protocol;
    if (v4 && draw(4) == 0)
        at[6 + draw(2)] = (uint8_t)(1u << draw(8));
    random_address(at + (v4 ? 12 : 8), v4);
    random_address(at + (v4 ? 16 : 24), v4);
    put_tcp(at + (v4 ? 20 : 40), at + (v4 ? 2 : 4), v4 ? 20 : 0);
    return v4 ? 60 : 80;
}

static void random_frame(enum filter_link link, struct kernel_packet *p, uint8_t *buffer)
{
    static const uint16_t tags[] = { 0x8100, 0x88a8, 0x9100 }, others[] = { 0x806, 0x8847, 0x8864, 0x88cc };
    bool v4 = draw(2) == 0;
    uint16_t type = draw(10) == 0 ? others[draw(4)] : v4 ? 0x800 : 0x86dd, next = type;
    size_t n = link == FILTER_ETHERNET ? 12 : 0;
    unsigned depth = draw(4);

    memset(buffer, 2, 12);
    p->protocol = type;
    if (link == FILTER_ETHERNET)
        for (unsigned i = 0; i <= depth; i++) {
            next = i == depth ? type : tags[draw(3)];
            buffer[n++] = (uint8_t)(next >> 8);
            buffer[n++] = (uint8_t)next;
            if (i < depth) {
                buffer[n++] = (uint8_t)draw(256);
                buffer[n++] = (uint8_t)draw(256);
            }
        }
    if (link == FILTER_COOKED && depth > 1) {
        p->protocol = tags[draw(3)];
        if (depth == 3) {
            buffer[n++] = (uint8_t)draw(256);
            buffer[n++] = 7;
            buffer[n++] = (uint8_t)(type >> 8);
            buffer[n++] = (uint8_t)type;
        }
    }
    n += put_ip(buffer + n, v4);
    p->data = buffer;
    p->cut = draw(6) == 0;
    p->length = p->cut ? draw((uint32_t)n) : n;
    p->type = (uint8_t)(draw(2) ? PACKET_OUTGOING : draw(5));
}

static int build(enum filter_link link, const struct netset *whitelist, const struct netset *ours, uint32_t accept,
                 const struct sock_filter *user, size_t user_length)
{
    const struct filter_settings settings = {
        .link = link, .whitelist = whitelist, .ours = ours, .accept = accept, .user = user, .user_length = user_length
    };

    return filter_build(&program, &settings);
}

static void check_frames(enum filter_link link, const struct netset *set, const struct netset *ours, unsigned rounds,
                         unsigned *passed)
{
    uint8_t buffer[128];
    struct kernel_packet p;

    for (unsigned i = 0; i < rounds; i++) {
        random_frame(link, &p, buffer);
        const struct sets sets = { set, ours, p.type == PACKET_OUTGOING };
        bool expected = wants(link, &sets, &p);
        uint32_t got = run(&program, &p);

        /* What ends within the headers may pass on what is there; of an outgoing one the search for our ACKs may end there. */
        if (got != (expected ? ACCEPT : 0) && !(p.cut && (got == ACCEPT || (ours != NULL && sets.outgoing))))
            fail_msg("link %d frame %u of seed: expected %d, got %u", (int)link, i, expected, got);
        *passed += expected;
    }
}

static void test_random_sets(void **state)
{
    static const unsigned sizes[] = { 0, 1, 2, 15, 16, 17, 40, 120, 400 };
    unsigned passed = 0, rounds = 0;

    (void)state;
    for (unsigned i = 0; i < 12 * sizeof sizes / sizeof sizes[0]; i++) {
        random_state = 0x9e3779b97f4a7c15u + i;
        struct netset *set = random_set(sizes[i / 12]), *ours = i % 2 ? random_set(1 + i % 12) : NULL;

        for (int link = FILTER_ETHERNET; link <= FILTER_COOKED; link++, rounds++) {
            assert_int_equal(build((enum filter_link)link, set, ours, ACCEPT, NULL, 0), 0);
            assert_true(program.has_whitelist);
            assert_int_equal(program.drops_acks, ours != NULL);
            check_frames((enum filter_link)link, set, ours, 1500, &passed);
        }
        netset_free(set);
        netset_free(ours);
    }
    assert_in_range(passed, rounds * 100, rounds * 1400);
}

/* With and without a set of ours on the same frames: enough of them are pure ACKs. */
static void test_our_acks(void **state)
{
    unsigned passed = 0, all = 0;

    (void)state;
    for (unsigned i = 0; i < 30; i++) {
        random_state = 0xd1342543de82ef95u + i;
        struct netset *ours = random_set(1 + i);

        for (int link = FILTER_ETHERNET; link <= FILTER_COOKED; link++) {
            uint64_t seed = random_state;

            assert_int_equal(build((enum filter_link)link, NULL, ours, ACCEPT, NULL, 0), 0);
            assert_true(program.drops_acks);
            check_frames((enum filter_link)link, NULL, ours, 4000, &passed);
            random_state = seed;
            assert_int_equal(build((enum filter_link)link, NULL, NULL, ACCEPT, NULL, 0), 0);
            check_frames((enum filter_link)link, NULL, NULL, 4000, &all);
        }
        netset_free(ours);
    }
    assert_in_range(all - passed, 1000, all / 4);
}

/* Byte by byte: a pure ACK of ours, and each thing that makes it something else. */
struct ack_case {
    const char *what;
    bool v4;
    uint8_t at, value; /* byte of the frame that is other than in the ACK */
    uint8_t type;
    bool passes;
};

static const struct ack_case ack_cases[] = {
    { "IPv4", true, 0, 2, PACKET_OUTGOING, false },
    { "received: of a mirror, or of who took our address", true, 0, 2, PACKET_HOST, true },
    { "for others", true, 0, 2, PACKET_OTHERHOST, true },
    { "from elsewhere: forwarded", true, 29, 9, PACKET_OUTGOING, true },
    { "to another address of ours: both sides are measured", true, 30, 10, PACKET_OUTGOING, true },
    { "with a byte of data", true, 17, 53, PACKET_OUTGOING, true },
    { "IP length below the headers'", true, 17, 51, PACKET_OUTGOING, true },
    { "IP length 0 and more (TSO)", true, 17, 0, PACKET_OUTGOING, true },
    { "FIN", true, 47, 0x11, PACKET_OUTGOING, true },
    { "SYN", true, 47, 0x12, PACKET_OUTGOING, true },
    { "RST", true, 47, 0x14, PACKET_OUTGOING, true },
    { "PSH", true, 47, 0x18, PACKET_OUTGOING, true },
    { "URG", true, 47, 0x30, PACKET_OUTGOING, true },
    { "no ACK", true, 47, 0, PACKET_OUTGOING, true },
    { "ECE and CWR", true, 47, 0xd0, PACKET_OUTGOING, false },
    { "don't fragment", true, 20, 0x40, PACKET_OUTGOING, false },
    { "more fragments", true, 20, 0x20, PACKET_OUTGOING, true },
    { "the evil bit", true, 20, 0x80, PACKET_OUTGOING, false },
    { "IP options", true, 14, 0x46, PACKET_OUTGOING, true },
    { "IPv6", false, 0, 2, PACKET_OUTGOING, false },
    { "IPv6, received", false, 0, 2, PACKET_HOST, true },
    { "IPv6, from elsewhere", false, 37, 9, PACKET_OUTGOING, true },
    { "IPv6, with data", false, 19, 33, PACKET_OUTGOING, true },
    { "IPv6, FIN", false, 67, 0x11, PACKET_OUTGOING, true },
    { "IPv6, extension header", false, 20, 60, PACKET_OUTGOING, true },
    { "IPv6, jumbo or BIG TCP", false, 19, 0, PACKET_OUTGOING, true },
};

/* Twelve bytes of TCP options; an Ethernet frame may be longer than the packet in it. */
static void put_ack(uint8_t frame[static 100], bool v4)
{
    static const uint8_t ours[16] = { 0xfd, 0, 0, 1 }, theirs[16] = { 0xfd, 0, 0, 2 };
    uint8_t *ip = frame + 14, *tcp = ip + (v4 ? 20 : 40);

    memset(frame, 0, 100);
    memset(frame, 2, 12);
    frame[12] = v4 ? 0x08 : 0x86;
    frame[13] = v4 ? 0x00 : 0xdd;
    ip[0] = v4 ? 0x45 : 0x60;
    ip[v4 ? 3 : 5] = v4 ? 52 : 32;
    ip[v4 ? 9 : 6] = 6;
    memcpy(ip + (v4 ? 12 : 8), v4 ? (const uint8_t[]){ 10, 0, 0, 1 } : ours, v4 ? 4 : 16);
    memcpy(ip + (v4 ? 16 : 24), v4 ? (const uint8_t[]){ 11, 0, 0, 1 } : theirs, v4 ? 4 : 16);
    tcp[12] = 0x80;
    tcp[13] = 0x10;
}

static void test_each_ack(void **state)
{
    struct netset *ours = netset_new();
    uint8_t frame[100];

    (void)state;
    add(ours, "10.0.0.1");
    add(ours, "fd00:1::");
    assert_int_equal(build(FILTER_ETHERNET, NULL, ours, ACCEPT, NULL, 0), 0);
    for (size_t i = 0; i < sizeof ack_cases / sizeof ack_cases[0]; i++) {
        const struct ack_case *c = &ack_cases[i];
        struct kernel_packet p = { frame, sizeof frame, c->v4 ? 0x800 : 0x86dd, c->type, false };

        put_ack(frame, c->v4);
        frame[c->at] = c->value;
        if (run(&program, &p) != (c->passes ? ACCEPT : 0))
            fail_msg("%s", c->what);
    }
    netset_free(ours);
}

static void test_all_peers(void **state)
{
    unsigned passed = 0;

    (void)state;
    random_state = 7;
    for (int link = FILTER_ETHERNET; link <= FILTER_COOKED; link++) {
        assert_int_equal(build((enum filter_link)link, NULL, NULL, ACCEPT, NULL, 0), 0);
        assert_false(program.has_whitelist);
        check_frames((enum filter_link)link, NULL, NULL, 20000, &passed);
    }
    assert_in_range(passed, 10000, 50000);
}

static void test_everything_listed(void **state)
{
    static const char *const all[] = { "::/0", "0.0.0.0/0" };
    unsigned passed = 0;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct netset *set = netset_new();

        add(set, all[i]);
        random_state = 11;
        assert_int_equal(build(FILTER_ETHERNET, set, NULL, ACCEPT, NULL, 0), 0);
        check_frames(FILTER_ETHERNET, set, NULL, 5000, &passed);
        netset_free(set);
    }
    assert_in_range(passed, 1000, 9000);
}

static struct netset *hosts(unsigned count, bool v4)
{
    struct netset *set = netset_new();
    char text[PREFIX_STRLEN];

    for (unsigned i = 0; i < count; i++) {
        if (v4)
            snprintf(text, sizeof text, "10.%u.%u.%u", i * 7 % 251, i / 250 % 250, i % 250);
        else
            snprintf(text, sizeof text, "2001:db8:%x::%x", i * 7919 % 65521, i + 1);
        add(set, text);
    }
    return set;
}

/* Sizes that people have must fit; what does not fit passes all TCP and says so. */
static void test_capacity(void **state)
{
    static const struct {
        unsigned count;
        bool v4, fits;
    } cases[] = {
        { 1000, true, true },   { 1600, true, true }, { 3000, true, false },
        { 20000, true, false }, { 180, false, true }, { 2000, false, false },
    };
    unsigned passed = 0;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct netset *set = hosts(cases[i].count, cases[i].v4);

        assert_int_equal(build(FILTER_ETHERNET, set, NULL, ACCEPT, NULL, 0), 0);
        assert_int_equal(program.has_whitelist, cases[i].fits);
        assert_in_range(program.length, 1, FILTER_MAX_INSTRUCTIONS);
        random_state = 3;
        check_frames(FILTER_ETHERNET, cases[i].fits ? set : NULL, NULL, 3000, &passed);
        netset_free(set);
    }
}

/* What does not fit goes: our ACKs first, then the whitelist instead, then both. */
static void test_priority(void **state)
{
    static const struct {
        unsigned wanted, ours, user;
        bool has_whitelist, drops_acks;
    } cases[] = {
        { 1000, 10, 1, true, true },     { 1600, 100, 1, true, false },   { 3000, 10, 1, false, true },
        { 3000, 3000, 1, false, false }, { 1000, 10, 3500, false, true }, { 1000, 100, 4000, false, false },
    };
    static struct sock_filter user[4000];

    (void)state;
    for (size_t i = 0; i < 4000; i++)
        user[i] = (struct sock_filter){ RET_K, 0, 0, 1 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct netset *wanted = hosts(cases[i].wanted, true), *ours = hosts(cases[i].ours, true);

        assert_int_equal(build(FILTER_ETHERNET, wanted, ours, ACCEPT, user, cases[i].user), 0);
        assert_int_equal(program.has_whitelist, cases[i].has_whitelist);
        assert_int_equal(program.drops_acks, cases[i].drops_acks);
        assert_in_range(program.length, 1, FILTER_MAX_INSTRUCTIONS);
        netset_free(wanted);
        netset_free(ours);
    }
}

/* Each listed host is met as source and as destination, its neighbours are not. */
static void test_each_host(void **state)
{
    struct netset *set = hosts(1500, true);
    uint8_t frame[54] = { [12] = 8, [14] = 0x45, [23] = 6 };
    struct kernel_packet p = { frame, sizeof frame, 0x800, 0, false };

    (void)state;
    assert_int_equal(build(FILTER_ETHERNET, set, NULL, ACCEPT, NULL, 0), 0);
    for (unsigned i = 0; i < 1500; i++)
        for (unsigned side = 0; side < 2; side++) {
            const uint8_t address[4] = { 10, (uint8_t)(i * 7 % 251), (uint8_t)(i / 250 % 250), (uint8_t)(i % 250) };

            memset(frame + 26, 0xee, 8);
            assert_int_equal(run(&program, &p), 0);
            memcpy(frame + 26 + 4 * side, address, 4);
            assert_int_equal(run(&program, &p), ACCEPT);
            frame[26 + 4 * side + 3] = 251;
            assert_int_equal(run(&program, &p), 0);
        }
    netset_free(set);
}

static void test_reject(void **state)
{
    uint8_t frame[54] = { [12] = 8, [14] = 0x45, [23] = 6 };
    struct kernel_packet p = { frame, sizeof frame, 0x800, 0, false };

    (void)state;
    filter_build_reject(&program);
    assert_int_equal(program.length, 1);
    assert_int_equal(run(&program, &p), 0);
}

static const struct sock_filter port_80[] = {
    /* "tcp dst port 80" of IPv4, without options */
    { LD_H_ABS, 0, 0, 12 },  { JEQ_K, 0, 4, 0x800 }, { LD_H_ABS, 0, 0, 36 }, { JEQ_K, 0, 1, 80 },
    { RET_K, 0, 0, 262144 }, { RET_K, 0, 0, 0 },     { RET_K, 0, 0, 0 },
};

static void test_user_program(void **state)
{
    uint8_t frame[54] = { [12] = 8, [14] = 0x45, [23] = 6, [26] = 10, [30] = 192 };
    struct kernel_packet p = { frame, sizeof frame, 0x800, 0, false };
    struct netset *set = netset_new();
    static const struct {
        uint8_t first, port, protocol;
        bool passes;
    } cases[] = {
        { 10, 80, 6, true },
        { 10, 81, 6, false },
        { 11, 80, 6, false },
        { 10, 80, 17, false },
    };

    (void)state;
    add(set, "10.0.0.0/8");
    assert_int_equal(build(FILTER_ETHERNET, set, NULL, 96, port_80, 7), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        frame[26] = cases[i].first;
        frame[37] = cases[i].port;
        frame[23] = cases[i].protocol;
        assert_int_equal(run(&program, &p), cases[i].passes ? 96 : 0);
    }
    netset_free(set);
}

static void test_user_program_malformed(void **state)
{
    static const struct {
        struct sock_filter code[2];
        size_t length;
    } cases[] = {
        { { { LD_H_ABS, 0, 0, 12 } }, 1 },                 /* does not end with ret */
        { { { JEQ_K, 1, 0, 0 }, { RET_K, 0, 0, 1 } }, 2 }, /* true leaves the program */
        { { { JEQ_K, 0, 1, 0 }, { RET_K, 0, 0, 1 } }, 2 }, /* false leaves it */
        { { { JA, 0, 0, 1 }, { RET_K, 0, 0, 1 } }, 2 },    /* always leaves it */
        { { { JA, 0, 0, UINT32_MAX }, { RET_K, 0, 0, 1 } }, 2 },
        { { { BPF_RET | BPF_A, 0, 0, 0 }, { RET_K, 0, 0, 1 } }, 2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        errno = 0;
        assert_int_equal(build(FILTER_RAW, NULL, NULL, 96, cases[i].code, cases[i].length), -1);
        assert_int_equal(errno, EINVAL);
    }
}

static void test_user_program_length(void **state)
{
    static struct sock_filter longest[FILTER_MAX_INSTRUCTIONS + 1];
    struct netset *set = hosts(1000, true);

    (void)state;
    for (size_t i = 0; i <= FILTER_MAX_INSTRUCTIONS; i++)
        longest[i] = (struct sock_filter){ RET_K, 0, 0, 1 };
    assert_int_equal(build(FILTER_RAW, NULL, NULL, 96, longest, 4000), 0);
    assert_int_equal(build(FILTER_RAW, set, NULL, 96, longest, 3500), 0);
    assert_false(program.has_whitelist); /* the user's own filter stays, the whitelist goes */
    assert_int_equal(build(FILTER_RAW, NULL, NULL, 96, longest, FILTER_MAX_INSTRUCTIONS), -1);
    assert_int_equal(build(FILTER_RAW, NULL, NULL, 96, longest, FILTER_MAX_INSTRUCTIONS + 1), -1);
    netset_free(set);
}

static void test_rebase_cooked(void **state)
{
    struct sock_filter code[] = {
        { LD_H_ABS, 0, 0, 14 },
        { LD_H_ABS, 0, 0, 0 },
        { LD_H_ABS, 0, 0, 2 },
        { LD_B_ABS, 0, 0, 25 },
        { BPF_LDX | BPF_B | BPF_MSH, 0, 0, 16 },
        { BPF_LD | BPF_H | BPF_IND, 0, 0, 18 },
        { LD_B_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG) },
        { JEQ_K, 0, 0, 16 },
        { LDX_IMM, 0, 0, 16 },
        { RET_K, 0, 0, 16 },
    };
    static const uint32_t expected[] = {
        (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL),
        (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE),
        (uint32_t)(SKF_AD_OFF + SKF_AD_HATYPE),
        9,
        0,
        2,
        (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG),
        16,
        16,
        16,
    };
    struct sock_filter address[] = { { LD_W_ABS, 0, 0, 6 }, { RET_K, 0, 0, 1 } };
    struct sock_filter half[] = { { LD_B_ABS, 0, 0, 15 }, { RET_K, 0, 0, 1 } };

    (void)state;
    assert_int_equal(filter_rebase_cooked(code, sizeof code / sizeof code[0]), 0);
    for (size_t i = 0; i < sizeof code / sizeof code[0]; i++)
        assert_int_equal(code[i].k, expected[i]);
    assert_int_equal(filter_rebase_cooked(address, 2), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(filter_rebase_cooked(half, 2), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_sets),
        cmocka_unit_test(test_our_acks),
        cmocka_unit_test(test_each_ack),
        cmocka_unit_test(test_priority),
        cmocka_unit_test(test_all_peers),
        cmocka_unit_test(test_everything_listed),
        cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_each_host),
        cmocka_unit_test(test_reject),
        cmocka_unit_test(test_user_program),
        cmocka_unit_test(test_user_program_malformed),
        cmocka_unit_test(test_user_program_length),
        cmocka_unit_test(test_rebase_cooked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
