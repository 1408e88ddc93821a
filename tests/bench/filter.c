/* filter.c: what the kernel filter costs a packet, and what it costs to do without. For filter.py, as root, in a network
 * namespace of its own with a veth pair.
 *
 *   filter cost OUT TAP ROUNDS SET 4|6 KIND  the program for SET at TAP: ns a packet, instructions, what it holds
 *   filter deliver OUT ROUNDS SET KIND       what could have been rejected and is let through: ns of the kernel, of the helper
 *   filter interpret SET 4|6 KIND            the same program in libpcap's interpreter: ns
 *   filter fit 4|6                           how many hosts a program holds
 *   filter count INTERFACE                   packets with and without our own ACKs, until standard input ends
 *
 * Frames are sent on OUT in turns with two filters on a packet socket at TAP, A B A B: one that rejects at once, and the one that
 * is measured, built to return 0 wherever it would accept, so that nothing is copied. The difference is what the sending thread
 * took; the other end of a veth pair is served by it as well. Each frame is of another peer, so that branches are not predicted
 * better than they would be. A number is the median of the rounds. */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture.h"
#include "clock.h"
#include "filter.h"
#include "meter.h"
#include "ours.h"

#define FRAMES 4096
#define FRAME_MAX 128
#define BATCH 256
#define COST_TURNS 2     /* of all frames, in one measurement */
#define DELIVER_TURNS 25 /* the same, so many that the helper works by whole blocks of the ring */
#define SNAPLEN 128
#define RING (256u << 20)

static struct frame {
    uint8_t bytes[FRAME_MAX];
    size_t length;
} frames[FRAMES];

static struct filter_program program, reject;

static void die(const char *what)
{
    fprintf(stderr, "filter: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *need(void *memory)
{
    if (memory == NULL)
        die("memory");
    return memory;
}

/* ---- sets ---- */

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint32_t random32(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32);
}

/* A peer's address: of 10/8, or of 2001:db8::/32. */
static struct ip_address random_peer(bool v4)
{
    uint8_t bytes[16] = { 0x20, 0x01, 0x0d, 0xb8 };
    uint32_t r = random32();

    if (v4)
        return address_from_v4((const uint8_t[]){ 10, (uint8_t)(r >> 8), (uint8_t)(r >> 16), (uint8_t)(r >> 24) });
    for (size_t i = 4; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(random32() >> 24);
    return address_from_v6(bytes);
}

static const uint8_t our_v4[4] = { 192, 0, 2, 1 }, our_v6[16] = { 0xfd, [15] = 1 };

static void add(struct netset *set, struct ip_address base, unsigned bits)
{
    const struct ip_prefix prefix = { base, (uint8_t)bits };

    if (netset_add(set, &prefix, 0) < 0)
        die("netset_add");
}

/* What a host has: an address of each family. */
static struct netset *make_ours(void)
{
    struct netset *own = need(netset_new()), *ours;

    add(own, address_from_v4(our_v4), 128);
    add(own, address_from_v6(our_v6), 128);
    ours = need(ours_make(own, own));
    netset_free(own);
    return ours;
}

/* SET is "all", or parts with commas: 4:HOSTS, 6:HOSTS, 4/BITS:BLOCKS, 6/BITS:BLOCKS. "all" is NULL. */
static struct netset *make_set(const char *text)
{
    struct netset *set;

    if (strcmp(text, "all") == 0)
        return NULL;
    set = need(netset_new());
    for (int used = 0; *text != '\0'; text += used + (text[used] == ',')) {
        unsigned version, bits = 0, count;

        if (sscanf(text, "%u:%u%n", &version, &count, &used) != 2
            && sscanf(text, "%u/%u:%u%n", &version, &bits, &count, &used) != 3) {
            errno = EINVAL;
            die(text);
        }
        bits = bits == 0 ? 128 : version == 4 ? bits + 96 : bits;
        for (unsigned i = 0; i < count; i++)
            add(set, random_peer(version == 4), bits);
    }
    return set;
}

struct choice {
    struct ip_address *list;
    size_t count;
    bool v4;
};

static void collect(const struct ip_prefix *prefix, uint32_t value, void *arg)
{
    struct choice *choice = arg;

    (void)value;
    if (address_is_v4(&prefix->base) == choice->v4)
        choice->list[choice->count++] = prefix->base;
}

/* ---- frames ---- */

static const struct kind {
    const char *name;
    bool wanted;
    uint8_t protocol, flags;
    unsigned payload;
} kinds[] = {
    { "wanted", true, IPPROTO_TCP, 0x18, 20 },
    { "ack", true, IPPROTO_TCP, 0x10, 0 },
    { "unwanted", false, IPPROTO_TCP, 0x18, 20 },
    { "udp", true, IPPROTO_UDP, 0, 20 },
};

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    errno = EINVAL;
    die(name);
    return NULL;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* From us to the peer, with twelve bytes of TCP options. */
static void make_frame(struct frame *f, const struct ip_address *peer, const struct kind *kind)
{
    const bool v4 = address_is_v4(peer);
    const size_t size = v4 ? 4 : 16;
    uint8_t *ip = f->bytes + 14, *addresses = ip + (v4 ? 12 : 8), *tcp = ip + (v4 ? 20 : 40);

    memset(f, 0, sizeof *f);
    memset(f->bytes, 2, 12);
    put16(f->bytes + 12, v4 ? ETH_P_IP : ETH_P_IPV6);
    ip[0] = v4 ? 0x45 : 0x60;
    put16(ip + (v4 ? 2 : 4), (v4 ? 20u : 0u) + 32 + kind->payload);
    ip[v4 ? 9 : 6] = kind->protocol;
    memcpy(addresses, v4 ? our_v4 : our_v6, size);
    memcpy(addresses + size, peer->bytes + 16 - size, size);
    put16(tcp, 1024 + random32() % 60000);
    put16(tcp + 2, 443);
    put16(tcp + 4, random32() & 0xffff);
    tcp[12] = 0x80;
    tcp[13] = kind->flags;
    memset(tcp + 20, 1, 12);
    f->length = (size_t)(tcp - f->bytes) + 32 + kind->payload;
}

static void make_frames(const struct netset *set, bool v4, const struct kind *kind)
{
    struct choice choice = { .v4 = v4 };

    if (set != NULL && kind->wanted) {
        choice.list = need(calloc(netset_count(set), sizeof *choice.list));
        netset_each(set, collect, &choice);
    }
    for (size_t i = 0; i < FRAMES; i++) {
        struct ip_address peer = choice.count > 0 ? choice.list[random32() % choice.count] : random_peer(v4);

        while (!kind->wanted && set != NULL && netset_lookup(set, &peer, NULL))
            peer = random_peer(v4);
        make_frame(&frames[i], &peer, kind);
    }
    free(choice.list);
}

/* ---- sending ---- */

static int open_socket(const char *interface, int protocol)
{
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll address = { .sll_family = AF_PACKET,
                                   .sll_protocol = htons((uint16_t)protocol),
                                   .sll_ifindex = (int)if_nametoindex(interface) };

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die(interface);
    return fd;
}

static void attach(int fd, const struct filter_program *filter)
{
    const struct sock_fprog fprog = { (unsigned short)filter->length, (struct sock_filter *)filter->code };

    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof fprog) < 0)
        die("SO_ATTACH_FILTER");
}

static void send_all(int fd)
{
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];

    memset(messages, 0, sizeof messages);
    for (size_t at = 0; at < FRAMES; at += BATCH) {
        for (size_t i = 0; i < BATCH; i++) {
            vectors[i] = (struct iovec){ frames[at + i].bytes, frames[at + i].length };
            messages[i].msg_hdr.msg_iov = &vectors[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        for (int sent = 0; sent < BATCH;) {
            const int n = sendmmsg(fd, messages + sent, BATCH - (unsigned)sent, 0);

            if (n < 0 && errno != ENOBUFS)
                die("sendmmsg");
            sent += n > 0 ? n : 0;
        }
    }
}

/* ns a frame of this thread's time. */
static double timed_send(int fd, unsigned turns)
{
    const uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);

    for (unsigned i = 0; i < turns; i++)
        send_all(fd);
    return (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - start) / FRAMES / turns;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

static unsigned number(const char *text)
{
    return (unsigned)strtoul(text, NULL, 10);
}

/* ---- what the filter costs ---- */

static void build(struct filter_program *out, const struct netset *set, const struct netset *ours, uint32_t accept)
{
    const struct filter_settings settings = { .link = FILTER_ETHERNET, .whitelist = set, .ours = ours, .accept = accept };

    if (filter_build(out, &settings) < 0)
        die("filter_build");
}

static void cost(char **argv)
{
    const unsigned rounds = number(argv[2]);
    const int out = open_socket(argv[0], 0), tap = open_socket(argv[1], ETH_P_ALL);
    const struct netset *set = make_set(argv[3]);
    double *differences = need(calloc(rounds, sizeof *differences)), base;

    make_frames(set, argv[4][0] == '4', find_kind(argv[5]));
    build(&program, set, make_ours(), 0);
    for (unsigned i = 0; i < rounds; i++) {
        attach(tap, &reject);
        timed_send(out, 1);
        base = timed_send(out, COST_TURNS);
        attach(tap, &program);
        timed_send(out, 1);
        differences[i] = timed_send(out, COST_TURNS) - base;
    }
    printf("%.1f %zu %d %d\n", median(differences, rounds), program.length, program.has_whitelist, program.drops_acks);
}

/* Without our own ACKs: libpcap's interpreter does not know a packet's direction. */
static void interpret(char **argv)
{
    const struct netset *set = make_set(argv[0]);
    double times[99];
    const size_t rounds = sizeof times / sizeof times[0];
    volatile unsigned passed = 0;

    make_frames(set, argv[1][0] == '4', find_kind(argv[2]));
    build(&program, set, NULL, SNAPLEN);
    for (size_t n = 0; n < rounds; n++) {
        const uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);

        for (size_t i = 0; i < FRAMES; i++) {
            const unsigned length = (unsigned)frames[i].length;

            passed += bpf_filter((struct bpf_insn *)program.code, frames[i].bytes, length, length);
        }
        times[n] = (double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - start) / FRAMES;
    }
    (void)passed;
    printf("%.1f\n", median(times, rounds));
}

static void fit(const char *version)
{
    unsigned fits = 0, most = 8192;
    char text[32];

    while (most - fits > 1) {
        const unsigned middle = (fits + most) / 2;
        struct netset *set;

        snprintf(text, sizeof text, "%s:%u", version, middle);
        set = make_set(text);
        build(&program, set, NULL, SNAPLEN);
        *(program.has_whitelist ? &fits : &most) = middle;
        netset_free(set);
    }
    printf("%u\n", fits);
}

/* ---- what it costs to do without ---- */

/* The helper's loop, in a thread of its own. */
static struct receiver {
    struct capture *capture;
    struct meter *meter;
    uint64_t received;
    uint32_t now_s;
    bool stop;
} receiver;

static char message[CAPTURE_ERROR_MAX];

static void need_ok(enum capture_result result)
{
    if (result == CAPTURE_OK)
        return;
    fprintf(stderr, "filter: %s\n", message);
    exit(1);
}

static void on_frame(void *arg, const struct captured_frame *frame)
{
    struct receiver *r = arg;

    meter_frame(r->meter, 1, frame, r->now_s);
    __atomic_store_n(&r->received, r->received + 1, __ATOMIC_RELAXED);
}

static void *receive(void *arg)
{
    struct receiver *r = arg;

    while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
        struct pollfd ready = { .fd = capture_fd(r->capture), .events = POLLIN };

        poll(&ready, 1, 100);
        r->now_s = (uint32_t)(clock_ns(CLOCK_MONOTONIC) / 1000000000);
        need_ok(capture_dispatch(r->capture, FRAMES, on_frame, r, message));
        meter_flush(r->meter);
    }
    return NULL;
}

static void wait_for_the_rest(void)
{
    uint64_t before;

    do {
        before = __atomic_load_n(&receiver.received, __ATOMIC_RELAXED);
        usleep(250000);
    } while (before != __atomic_load_n(&receiver.received, __ATOMIC_RELAXED));
}

/* ns a frame of both sides, with the filter that is there. */
struct spent {
    double sender, receiver;
};

static struct spent timed_turn(int out, unsigned turns, uint64_t expected)
{
    struct spent spent;
    pthread_t thread;
    clockid_t clock;

    receiver.received = 0;
    receiver.stop = false;
    if (pthread_create(&thread, NULL, receive, &receiver) != 0)
        die("pthread_create");
    spent.sender = timed_send(out, turns);
    wait_for_the_rest();
    pthread_getcpuclockid(thread, &clock);
    spent.receiver = (double)clock_ns(clock) / FRAMES / turns;
    __atomic_store_n(&receiver.stop, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    if (receiver.received != expected * turns * FRAMES)
        fprintf(stderr, "filter: %llu frames came up of %u sent\n", (unsigned long long)receiver.received, turns * FRAMES);
    return spent;
}

static void open_receiver(const char *interface, const struct netset *set, const struct netset *ours)
{
    const struct capture_live_options options = { .interface = interface, .snaplen = SNAPLEN, .buffer_bytes = RING };
    const struct meter_options meter = {
        .max_flows = 200000, .max_peers = 20000, .idle_ttl_s = 300, .row_ttl_s = 300, .exp_ttl_s = 60, .hash_seed = { 1, 2 }
    };
    const struct meter_instance instance = { .whitelist = set, .local_own = ours };

    receiver.capture = need(capture_new());
    receiver.meter = need(meter_new(&meter));
    if (meter_instance_add(receiver.meter, &instance) != 0)
        die("meter_instance_add");
    need_ok(capture_open_live(receiver.capture, &options, message));
    usleep(5000); /* frames of the first moment are taken for older than the filter */
}

static void deliver(char **argv)
{
    const unsigned rounds = number(argv[1]);
    const int out = open_socket(argv[0], 0);
    const struct kind *kind = find_kind(argv[3]);
    const struct netset *set = make_set(argv[2]), *ours = make_ours();
    double *kernel = need(calloc(rounds, sizeof *kernel)), *helper = need(calloc(rounds, sizeof *helper));

    make_frames(set, true, kind);
    open_receiver(argv[0], set, ours);
    for (unsigned i = 0; i < rounds + 1; i++) { /* the first is to warm up */
        const unsigned at = i > 0 ? i - 1 : 0;
        struct spent none, delivered;

        need_ok(capture_filter(receiver.capture, NULL, NULL, true, message));
        none = timed_turn(out, DELIVER_TURNS, 0);
        need_ok(capture_filter(receiver.capture, NULL, NULL, false, message));
        delivered = timed_turn(out, DELIVER_TURNS, 1);
        kernel[at] = delivered.sender - none.sender;
        helper[at] = delivered.receiver - none.receiver;
    }
    printf("%.1f %.1f\n", median(kernel, rounds), median(helper, rounds));
}

/* ---- how many of them there are ---- */

static unsigned packets_of(int fd)
{
    struct tpacket_stats statistics;
    socklen_t size = sizeof statistics;

    if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) < 0)
        die("PACKET_STATISTICS");
    return statistics.tp_packets;
}

/* What is not read counts as well. */
static void count(const char *interface)
{
    const struct netset *ours = make_ours();
    const int all = open_socket(interface, ETH_P_ALL), some = open_socket(interface, ETH_P_ALL);
    char byte;

    build(&program, NULL, NULL, SNAPLEN);
    attach(all, &program);
    build(&program, NULL, ours, SNAPLEN);
    attach(some, &program);
    packets_of(all);
    packets_of(some);
    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    printf("%u %u\n", packets_of(all), packets_of(some));
}

int main(int argc, char **argv)
{
    filter_build_reject(&reject);
    if (argc == 8 && strcmp(argv[1], "cost") == 0)
        cost(argv + 2);
    else if (argc == 6 && strcmp(argv[1], "deliver") == 0)
        deliver(argv + 2);
    else if (argc == 5 && strcmp(argv[1], "interpret") == 0)
        interpret(argv + 2);
    else if (argc == 3 && strcmp(argv[1], "fit") == 0)
        fit(argv[2]);
    else if (argc == 3 && strcmp(argv[1], "count") == 0)
        count(argv[2]);
    else {
        fputs("usage: see the comment on top of tests/bench/filter.c\n", stderr);
        return 2;
    }
    return 0;
}
