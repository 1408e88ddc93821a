/* capture.c against real sockets, in a network namespace of the test's own (lo, TUN, TAP), and against written files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pcap/pcap.h>
#include "namespace_fixture.h"
#include "resident_fixture.h"

/* The largest ring that libpcap was asked for. */
static int largest_buffer;

static int noted_buffer_size(pcap_t *pcap, int bytes)
{
    largest_buffer = bytes > largest_buffer ? bytes : largest_buffer;
    return pcap_set_buffer_size(pcap, bytes);
}

#include "capture.c"
#define pcap_set_buffer_size noted_buffer_size
#include "capture_live.c"
#undef pcap_set_buffer_size

/* The file that loses all its bytes when the first of them has been looked at; NULL: none. */
static const char *cut_when_looked_at;

static int noted_ungetc(int byte, FILE *file)
{
    if (cut_when_looked_at != NULL && truncate(cut_when_looked_at, 0) < 0)
        return EOF;
    return ungetc(byte, file);
}

#define ungetc noted_ungetc
#include "capture_file.c"

#include "folder_fixture.h" /* behind the modules, which have a name of their own for what this one calls path */
#undef ungetc
#include "packet.h"

static char message[CAPTURE_ERROR_MAX];

/* ---- what was captured ---- */

struct seen {
    size_t count;
    int linktype;
    size_t caplen, wirelen;
    int64_t time_ns;
    size_t finer_than_us;
    uint8_t frame[256]; /* the last one */
    uint8_t frames[16][128];
    uint8_t numbers[8192]; /* how often each number in a frame's TCP sequence field was seen */
    size_t number_offset;
};

static void on_seen(void *arg, const struct captured_frame *frame)
{
    struct seen *seen = arg;

    if (seen->count < 16)
        memcpy(seen->frames[seen->count], frame->bytes, frame->caplen < 128 ? frame->caplen : 128);
    seen->count++;
    seen->linktype = frame->linktype;
    seen->caplen = frame->caplen;
    seen->wirelen = frame->wirelen;
    seen->time_ns = frame->time_ns;
    seen->finer_than_us += frame->time_ns % 1000 != 0;
    memcpy(seen->frame, frame->bytes, frame->caplen < sizeof seen->frame ? frame->caplen : sizeof seen->frame);
    if (seen->number_offset != 0 && frame->caplen >= seen->number_offset + 4) {
        uint32_t number;

        memcpy(&number, frame->bytes + seen->number_offset, sizeof number);
        seen->numbers[ntohl(number) % sizeof seen->numbers]++;
    }
}

/* Until `want` frames are there; then a moment longer, for what should not come. */
static enum capture_result gather(struct capture *capture, struct seen *seen, size_t want)
{
    enum capture_result result = CAPTURE_OK;
    int64_t end_ns = (int64_t)clock_ns(CLOCK_MONOTONIC) + 3 * CAPTURE_NS_PER_S;

    while (result == CAPTURE_OK && (int64_t)clock_ns(CLOCK_MONOTONIC) < end_ns) {
        struct pollfd pollfd = { capture_fd(capture), POLLIN, 0 };

        if (poll(&pollfd, 1, seen->count >= want ? 150 : 1000) == 0 && seen->count >= want)
            break;
        result = capture_dispatch(capture, 64, on_seen, seen, message);
    }
    return result;
}

/* ---- frames ---- */

struct frame_options {
    bool v4;
    unsigned tags;
    const char *src, *dst;
    uint8_t protocol;
    uint16_t port;
    uint32_t number;
    size_t payload;
    uint8_t flags;
};

/* An Ethernet frame; returns its length. *ip: the offset of the IP header. */
static size_t make_frame(uint8_t *out, const struct frame_options *o, size_t *ip)
{
    size_t at = 12, length = 20 + o->payload;

    memcpy(out, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
    for (unsigned i = 0; i < o->tags; i++, at += 4)
        memcpy(out + at, i + 1 < o->tags ? "\x88\xa8\xa0\x07" : "\x81\x00\xa0\x08", 4);
    out[at] = o->v4 ? 0x08 : 0x86;
    out[at + 1] = o->v4 ? 0x00 : 0xdd;
    at += 2;
    *ip = at;
    memset(out + at, 0, 60 + o->payload);
    if (o->v4) {
        const uint16_t total = (uint16_t)(20 + length);

        out[at] = 0x45;
        out[at + 2] = (uint8_t)(total >> 8);
        out[at + 3] = (uint8_t)total;
        out[at + 8] = 64;
        out[at + 9] = o->protocol;
        assert_int_equal(inet_pton(AF_INET, o->src, out + at + 12), 1);
        assert_int_equal(inet_pton(AF_INET, o->dst, out + at + 16), 1);
        at += 20;
    } else {
        out[at] = 0x60;
        out[at + 4] = (uint8_t)(length >> 8);
        out[at + 5] = (uint8_t)length;
        out[at + 6] = o->protocol;
        out[at + 7] = 64;
        assert_int_equal(inet_pton(AF_INET6, o->src, out + at + 8), 1);
        assert_int_equal(inet_pton(AF_INET6, o->dst, out + at + 24), 1);
        at += 40;
    }
    out[at + 2] = (uint8_t)(o->port >> 8);
    out[at + 3] = (uint8_t)o->port;
    const uint32_t number = htonl(o->number);
    memcpy(out + at + 4, &number, sizeof number);
    out[at + 12] = 0x50;
    out[at + 13] = o->flags;
    return at + length;
}

static const struct frame_options tcp4 = { true, 0, "10.1.0.1", "10.1.0.2", 6, 80, 0, 0, 0 };
static const struct frame_options tcp6 = { false, 0, "2001:db8::1", "2001:db8::2", 6, 80, 0, 0, 0 };

/* ---- devices ---- */

static void set_up(const char *interface, bool up)
{
    struct ifreq request;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, interface);
    assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &request), 0);
    request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
}

/* TUN or TAP; it lives as long as the descriptor. -1: the kernel has none. */
static int open_tunnel(const char *name, int kind)
{
    struct ifreq request;
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return -1;
    memset(&request, 0, sizeof request);
    strcpy(request.ifr_name, name);
    request.ifr_flags = (short)(kind | IFF_NO_PI);
    assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
    set_up(name, true);
    return fd;
}

#define NEED_TUNNEL(fd)                                               \
    do {                                                              \
        if ((fd) < 0) {                                               \
            print_message("SKIPPED %s: no /dev/net/tun\n", __func__); \
            skip();                                                   \
        }                                                             \
    } while (0)

/* Sends whole frames out of an interface. */
static int open_sender(const char *interface)
{
    struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface) };
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void send_frame(int fd, const struct frame_options *options)
{
    uint8_t frame[2048];
    size_t ip, length = make_frame(frame, options, &ip);

    assert_int_equal(send(fd, frame, length, 0), (ssize_t)length);
}

static struct netset *set_of(const char *const *texts)
{
    struct netset *set = netset_new();
    struct ip_prefix prefix;

    for (; *texts != NULL; texts++) {
        assert_true(prefix_parse(*texts, &prefix, NULL));
        assert_int_equal(netset_add(set, &prefix, 1), 0);
    }
    return set;
}

/* Opens, and waits out the time in which packets are taken for older than the filter. */
static struct capture *open_live(const char *interface, const char *user_filter, const struct netset *whitelist)
{
    struct capture_live_options options = { interface, 128, 4 << 20, false, user_filter, whitelist, NULL };
    struct capture *capture = capture_new();

    assert_non_null(capture);
    if (capture_open_live(capture, &options, message) != CAPTURE_OK)
        fail_msg("%s", message);
    assert_true(capture_fd(capture) >= 0);
    usleep(2000);
    return capture;
}

/* ---- live ---- */

static void test_loopback(void **state)
{
    struct frame_options udp4 = tcp4, big = tcp6;
    struct capture_statistics statistics;
    struct capture *capture;
    struct seen seen = { 0 };
    int fd;

    (void)state;
    NEED_NAMESPACE();
    udp4.protocol = 17;
    big.payload = 700;
    fd = open_sender("lo");
    capture = open_live("lo", NULL, NULL);
    send_frame(fd, &udp4);
    send_frame(fd, &tcp4);
    send_frame(fd, &tcp6);
    send_frame(fd, &big);
    assert_int_equal(gather(capture, &seen, 3), CAPTURE_OK);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.linktype, DLT_EN10MB);
    assert_int_equal(seen.caplen, 128);
    assert_int_equal(seen.wirelen, 14 + 40 + 20 + 700);
    assert_true(llabs((int64_t)clock_ns(CLOCK_REALTIME) - seen.time_ns) < 5 * CAPTURE_NS_PER_S);
    capture_statistics(capture, &statistics);
    assert_int_equal(statistics.received, 3);
    assert_int_equal(statistics.dropped_kernel, 0);
    capture_free(capture);
    close(fd);
}

/* libpcap would as well take an older ring, and microseconds where nobody asks for more. */
static void test_ring_version_and_nanoseconds(void **state)
{
    struct capture *capture;
    struct seen seen = { 0 };
    int fd, version = -1;
    socklen_t size = sizeof version;

    (void)state;
    NEED_NAMESPACE();
    fd = open_sender("lo");
    capture = open_live("lo", NULL, NULL);
    assert_int_equal(getsockopt(capture_fd(capture), SOL_PACKET, PACKET_VERSION, &version, &size), 0);
    assert_int_equal(version, TPACKET_V3);
    for (unsigned i = 0; i < 10; i++)
        send_frame(fd, &tcp4);
    assert_int_equal(gather(capture, &seen, 10), CAPTURE_OK);
    assert_int_equal(seen.count, 10);
    assert_true(seen.finer_than_us > 0); /* all of ten would be whole microseconds once in 10^30 times */
    capture_free(capture);
    close(fd);
}

static void test_budget(void **state)
{
    struct capture *capture;
    struct seen seen = { 0 };
    int fd;

    (void)state;
    NEED_NAMESPACE();
    fd = open_sender("lo");
    capture = open_live("lo", NULL, NULL);
    for (unsigned i = 0; i < 20; i++)
        send_frame(fd, &tcp4);
    while (seen.count == 0)
        assert_int_equal(capture_dispatch(capture, 7, on_seen, &seen, message), CAPTURE_OK);
    assert_in_range(seen.count, 1, 7);
    while (seen.count < 20) {
        struct pollfd pollfd = { capture_fd(capture), POLLIN, 0 };

        assert_int_equal(poll(&pollfd, 1, 1000), 1); /* the rest of a block that was begun still wakes */
        assert_int_equal(capture_dispatch(capture, 7, on_seen, &seen, message), CAPTURE_OK);
    }
    assert_int_equal(seen.count, 20);
    capture_free(capture);
    close(fd);
}

static void test_whitelist(void **state)
{
    static const char *const wanted[] = { "10.2.0.0/16", "2001:db8:2::7", NULL };
    struct frame_options from4 = tcp4, to6 = tcp6;
    struct netset *set;
    struct capture *capture;
    struct seen seen = { 0 };
    int fd;

    (void)state;
    NEED_NAMESPACE();
    set = set_of(wanted);
    from4.src = "10.2.3.4";
    to6.dst = "2001:db8:2::7";
    fd = open_sender("lo");
    capture = open_live("lo", NULL, set);
    assert_true(capture_filter_has_whitelist(capture));
    send_frame(fd, &tcp4);
    send_frame(fd, &tcp6);
    send_frame(fd, &from4);
    send_frame(fd, &to6);
    assert_int_equal(gather(capture, &seen, 2), CAPTURE_OK);
    assert_int_equal(seen.count, 2);
    assert_int_equal(capture_filter(capture, NULL, NULL, true, message), CAPTURE_OK);
    send_frame(fd, &from4);
    assert_int_equal(gather(capture, &seen, 2), CAPTURE_OK);
    assert_int_equal(seen.count, 2);
    assert_int_equal(capture_filter(capture, NULL, NULL, false, message), CAPTURE_OK);
    assert_false(capture_filter_has_whitelist(capture));
    send_frame(fd, &tcp4);
    assert_int_equal(gather(capture, &seen, 3), CAPTURE_OK);
    assert_int_equal(seen.count, 3);
    capture_free(capture);
    netset_free(set);
    close(fd);
}

/* The kernel has things of its own to say on a new interface. */
static size_t count_own(const struct seen *seen)
{
    size_t count = 0;

    for (size_t i = 0; i < seen->count && i < 16; i++)
        count += memcmp(seen->frames[i] + 6, "\x02\0\0\0\0\x01", 6) == 0;
    return count;
}

/* What leaves by an interface from an address of ours and is nothing but an ACK does not come up, and that can be changed. */
static void test_our_acks(void **state)
{
    static const char *const list[] = { "10.1.0.1", "2001:db8::1", NULL };
    struct frame_options back4 = tcp4, ack4 = tcp4, ack6 = tcp6, fin4 = tcp4, data4 = tcp4, tagged6 = tcp6;
    struct capture *capture;
    struct seen seen = { 0 };
    struct netset *ours;
    int tunnel, fd;

    (void)state;
    NEED_NAMESPACE();
    tunnel = open_tunnel("gmtap0", IFF_TAP);
    NEED_TUNNEL(tunnel);
    ours = set_of(list);
    back4.src = tcp4.dst;
    back4.dst = tcp4.src;
    data4.payload = 1;
    fin4.flags = 0x11;
    tagged6.tags = 1;
    back4.flags = ack4.flags = ack6.flags = data4.flags = tagged6.flags = 0x10;
    fd = open_sender("gmtap0");
    capture = open_live("gmtap0", NULL, NULL);
    assert_int_equal(capture_filter(capture, NULL, ours, false, message), CAPTURE_OK);
    assert_true(capture_filter_drops_acks(capture));
    send_frame(fd, &ack4);
    send_frame(fd, &ack6);
    send_frame(fd, &tagged6);
    send_frame(fd, &back4);
    send_frame(fd, &fin4);
    send_frame(fd, &data4);
    assert_int_equal(gather(capture, &seen, 3), CAPTURE_OK);
    assert_int_equal(count_own(&seen), 3);
    assert_int_equal(capture_filter(capture, NULL, NULL, false, message), CAPTURE_OK);
    assert_false(capture_filter_drops_acks(capture));
    send_frame(fd, &ack4);
    send_frame(fd, &ack6);
    assert_int_equal(gather(capture, &seen, 5), CAPTURE_OK);
    assert_int_equal(count_own(&seen), 5);
    capture_free(capture);
    netset_free(ours);
    close(fd);
    close(tunnel);
}

static bool set_filter_memory(const char *bytes)
{
    int fd = open("/proc/sys/net/core/optmem_max", O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, bytes, strlen(bytes)) == (ssize_t)strlen(bytes);

    if (fd >= 0)
        close(fd);
    return done;
}

/* Older kernels have a sixth of today's memory for filters, and it may be less: what does not fit into it is left out. */
static void test_less_filter_memory(void **state)
{
    static const char *const list[] = { "10.1.0.1", NULL };
    static const struct {
        const char *bytes;
        bool has_whitelist, drops_acks;
    } cases[] = { { "131072", true, true }, { "16000", false, true }, { "2000", false, false } };
    struct netset *many = netset_new(), *ours;
    struct capture *capture;
    struct ip_prefix prefix;
    char text[PREFIX_STRLEN];

    (void)state;
    NEED_NAMESPACE();
    if (!set_filter_memory(cases[0].bytes)) {
        print_message("SKIPPED %s: net.core.optmem_max is not of a namespace\n", __func__);
        skip();
    }
    ours = set_of(list);
    for (unsigned i = 0; i < 1200; i++) {
        snprintf(text, sizeof text, "10.2.%u.%u", i / 250, i % 250);
        assert_true(prefix_parse(text, &prefix, NULL));
        assert_int_equal(netset_add(many, &prefix, 1), 0);
    }
    capture = open_live("lo", NULL, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(capture_filter(capture, NULL, NULL, true, message), CAPTURE_OK); /* gives its memory back */
        assert_true(set_filter_memory(cases[i].bytes));
        enum capture_result result = capture_filter(capture, many, ours, false, message);
        assert_true(set_filter_memory(cases[0].bytes));
        if (result != CAPTURE_OK)
            fail_msg("%s bytes: %s", cases[i].bytes, message);
        assert_int_equal(capture_filter_has_whitelist(capture), cases[i].has_whitelist);
        assert_int_equal(capture_filter_drops_acks(capture), cases[i].drops_acks);
    }
    capture_free(capture);
    netset_free(many);
    netset_free(ours);
}

/* The filter is replaced again and again while numbered frames run: each is seen, once. */
static void test_replaced_without_gap(void **state)
{
    static const char *const first[] = { "10.1.0.2", NULL }, *const second[] = { "10.1.0.0/24", "192.0.2.1", NULL };
    struct netset *sets[] = { NULL, NULL, NULL };
    struct frame_options numbered = tcp4;
    struct seen seen = { .number_offset = 14 + 20 + 4 };
    struct capture *capture;
    pid_t sender;
    int fd, status;

    (void)state;
    NEED_NAMESPACE();
    sets[0] = set_of(first);
    sets[1] = set_of(second);
    fd = open_sender("lo");
    capture = open_live("lo", NULL, sets[0]);
    sender = fork();
    if (sender == 0) {
        for (numbered.number = 0; numbered.number < sizeof seen.numbers; numbered.number++) {
            send_frame(fd, &numbered);
            if (numbered.number % 32 == 0)
                usleep(1000);
        }
        _exit(0);
    }
    for (unsigned i = 0; waitpid(sender, &status, WNOHANG) == 0; i++) {
        assert_int_equal(capture_filter(capture, sets[i % 3], NULL, false, message), CAPTURE_OK);
        assert_int_equal(capture_dispatch(capture, 256, on_seen, &seen, message), CAPTURE_OK);
    }
    assert_int_equal(gather(capture, &seen, sizeof seen.numbers), CAPTURE_OK);
    for (size_t i = 0; i < sizeof seen.numbers; i++)
        if (seen.numbers[i] != 1)
            fail_msg("frame %zu was seen %u times", i, seen.numbers[i]);
    capture_free(capture);
    netset_free(sets[0]);
    netset_free(sets[1]);
    close(fd);
}

static void test_user_filter(void **state)
{
    static const char *const wanted[] = { "10.1.0.2", NULL };
    static const char *const interfaces[] = { "lo", "any" };
    struct frame_options other_port = tcp4, other_host = tcp4;
    struct netset *set;
    int fd;

    (void)state;
    NEED_NAMESPACE();
    set = set_of(wanted);
    other_port.port = 81;
    other_host.dst = "10.1.0.3";
    fd = open_sender("lo");
    for (size_t i = 0; i < 2; i++) {
        struct capture *capture = open_live(interfaces[i], "tcp dst port 80", set);
        struct seen seen = { 0 };

        send_frame(fd, &other_port);
        send_frame(fd, &other_host);
        send_frame(fd, &tcp4);
        assert_int_equal(gather(capture, &seen, 1), CAPTURE_OK);
        assert_int_equal(seen.count, 1);
        assert_int_equal(seen.linktype, i == 0 ? DLT_EN10MB : DLT_LINUX_SLL);
        capture_free(capture);
    }
    netset_free(set);
    close(fd);
}

static void test_bad_user_filter(void **state)
{
    static const struct {
        const char *interface, *filter, *says;
    } cases[] = {
        { "lo", "tcp port", "-f: " },
        { "lo", "no such thing", "-f: " },
        { "any", "link[6] = 2", "name an interface" },
    };
    struct capture *capture;

    (void)state;
    NEED_NAMESPACE();
    capture = capture_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct capture_live_options options = { cases[i].interface, 128, 0, false, cases[i].filter, NULL, NULL };

        assert_int_equal(capture_open_live(capture, &options, message), CAPTURE_BAD_FILTER);
        assert_non_null(strstr(message, cases[i].says));
        assert_int_equal(capture_fd(capture), -1);
    }
    capture_free(capture);
}

/* A filter that will not do costs neither the whole ring nor another compilation at each attempt. */
static void test_bad_user_filter_is_cheap(void **state)
{
    struct capture_live_options options = { "lo", 128, 256 << 20, false, "tcp port", NULL, NULL };
    char first[CAPTURE_ERROR_MAX];
    struct capture *capture;

    (void)state;
    NEED_NAMESPACE();
    capture = capture_new();
    largest_buffer = 0;
    assert_int_equal(capture_open_live(capture, &options, message), CAPTURE_BAD_FILTER);
    memcpy(first, message, sizeof first);
    strcpy(capture->user.message, "as before");
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(capture_open_live(capture, &options, message), CAPTURE_BAD_FILTER);
        assert_string_equal(message, "as before");
        assert_null(capture->pcap);
    }
    assert_in_range(largest_buffer, 1, 4096);
    assert_true(strncmp(first, "-f: ", 4) == 0);
    assert_true(capture->is_doubtful);
    options.user_filter = "tcp port 80";
    options.buffer_bytes = 4 << 20;
    assert_int_equal(capture_open_live(capture, &options, message), CAPTURE_OK);
    assert_string_equal(message, "");
    assert_false(capture->is_doubtful);
    options.interface = "any"; /* compiled anew for another link type */
    assert_int_equal(capture_open_live(capture, &options, message), CAPTURE_OK);
    assert_int_equal(capture->user.linktype, DLT_LINUX_SLL);
    capture_free(capture);
}

static void test_ring(void **state)
{
    struct capture_live_options options = { "lo", 128, 4 << 20, false, NULL, NULL, NULL };
    struct capture *capture;

    (void)state;
    NEED_NAMESPACE();
    capture = capture_new();
    assert_int_equal(capture_ring_bytes(capture), 0);
    assert_int_equal(capture_open_live(capture, &options, message), CAPTURE_OK);
    assert_in_range(capture_ring_bytes(capture), 4 << 20, 5 << 20);
    assert_string_equal(message, "");
    options.buffer_bytes = 512 << 10;
    assert_int_equal(capture_open_live(capture, &options, message), CAPTURE_OK);
    assert_int_equal(capture_ring_bytes(capture), 512 << 10);
    assert_non_null(strstr(message, "a ring of 512 KiB"));
    assert_non_null(strstr(message, "raise buffer_mib"));
    capture_close(capture);
    assert_int_equal(capture_ring_bytes(capture), 0);
    judge_ring(3 << 20, 64 << 20, message);
    assert_non_null(strstr(message, "a ring of 3072 KiB: the kernel has not the memory for 65536 KiB"));
    judge_ring(0, 64 << 20, message);
    assert_string_equal(message, "");
    capture_free(capture);
}

/* Frames that come in (written to the device) and go out (a packet socket), with no, one and two tags, by either family; each
 * after one that nobody wants. */
static void test_tags(void **state)
{
    static const char *const wanted[] = { "10.1.0.2", "2001:db8::2", NULL };
    static const char *const interfaces[] = { "tap0", "any" };
    struct netset *set;
    int tap, sender;

    (void)state;
    NEED_NAMESPACE();
    tap = open_tunnel("tap0", IFF_TAP);
    NEED_TUNNEL(tap);
    set = set_of(wanted);
    sender = open_sender("tap0");
    for (size_t i = 0; i < 2; i++) {
        struct capture *capture = open_live(interfaces[i], NULL, set);
        uint8_t frames[12][128], unwanted[128];
        size_t ip, lengths[12];
        struct seen seen = { 0 };

        for (unsigned n = 0; n < 12; n++) {
            struct frame_options options = n % 2 == 0 ? tcp4 : tcp6, other = options;
            int fd = n < 6 ? tap : sender;

            options.tags = other.tags = n / 2 % 3;
            other.dst = other.src;
            lengths[n] = make_frame(frames[n], &options, &ip);
            assert_int_equal(make_frame(unwanted, &other, &ip), lengths[n]);
            assert_int_equal(write(fd, unwanted, lengths[n]), (ssize_t)lengths[n]);
            assert_int_equal(write(fd, frames[n], lengths[n]), (ssize_t)lengths[n]);
        }
        assert_int_equal(gather(capture, &seen, 12), CAPTURE_OK);
        assert_int_equal(seen.count, 12);
        for (unsigned n = 0; n < 12 && i == 0; n++)
            assert_memory_equal(seen.frames[n], frames[n], lengths[n]); /* with the tag that the kernel took off */
        for (unsigned n = 0; n < 12; n++) {                             /* whatever a cooked socket makes of the second one */
            struct tcp_segment segment;

            assert_int_equal(packet_decode(seen.linktype, seen.frames[n], 128, 128, &segment), PACKET_OK);
            assert_int_equal(segment.dport, 80);
        }
        capture_free(capture);
    }
    close(sender);
    close(tap);
    netset_free(set);
}

static void test_raw_ip(void **state)
{
    static const char *const wanted[] = { "10.1.0.2", "2001:db8::2", NULL };
    struct netset *set;
    struct frame_options other = tcp4;
    struct capture *capture;
    struct seen seen = { 0 };
    uint8_t frame[256];
    size_t ip, length;
    int tun;

    (void)state;
    NEED_NAMESPACE();
    tun = open_tunnel("tun0", IFF_TUN);
    NEED_TUNNEL(tun);
    set = set_of(wanted);
    other.dst = "10.1.0.9";
    capture = open_live("tun0", "tcp port 80", set);
    length = make_frame(frame, &other, &ip);
    assert_true(write(tun, frame + ip, length - ip) > 0);
    length = make_frame(frame, &tcp4, &ip);
    assert_true(write(tun, frame + ip, length - ip) > 0);
    length = make_frame(frame, &tcp6, &ip);
    assert_true(write(tun, frame + ip, length - ip) > 0);
    assert_int_equal(gather(capture, &seen, 2), CAPTURE_OK);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.linktype, DLT_RAW);
    assert_memory_equal(seen.frame, frame + ip, length - ip);
    capture_free(capture);
    netset_free(set);
    close(tun);
}

static void test_goes_and_comes_back(void **state)
{
    struct capture_live_options options = { "tun1", 128, 1 << 20, false, NULL, NULL, NULL };
    struct capture_statistics statistics;
    struct capture *capture;
    uint8_t frame[256];
    size_t ip, length = make_frame(frame, &tcp4, &ip);
    int tun;

    (void)state;
    NEED_NAMESPACE();
    tun = open_tunnel("tun1", IFF_TUN);
    NEED_TUNNEL(tun);
    capture = open_live("tun1", NULL, NULL);
    for (unsigned round = 1; round <= 3; round++) {
        struct seen seen = { 0 };

        assert_true(write(tun, frame + ip, length - ip) > 0);
        assert_int_equal(gather(capture, &seen, 1), CAPTURE_OK);
        assert_int_equal(seen.count, 1);
        if (round % 2 == 0)
            close(tun);
        else
            set_up("tun1", false);
        assert_int_equal(gather(capture, &seen, 2), CAPTURE_DOWN);
        assert_null(strstr(message, "tun1: ")); /* that is the caller's to add */
        assert_non_null(strstr(message, round % 2 == 0 ? "went away" : "is down"));
        assert_true(capture_fd(capture) >= 0); /* for what may still come */
        assert_int_equal(capture_open_live(capture, &options, message), round % 2 == 0 ? CAPTURE_NO_INTERFACE : CAPTURE_DOWN);
        if (round % 2 == 0)
            tun = open_tunnel("tun1", IFF_TUN);
        else
            set_up("tun1", true);
        assert_int_equal(capture_open_live(capture, &options, message), CAPTURE_OK);
        usleep(2000);
        capture_statistics(capture, &statistics);
        assert_int_equal(statistics.received, round);
    }
    capture_free(capture);
    close(tun);
}

/* Gone and back under the same name before anybody looked: it is another interface. */
static void test_replaced_interface(void **state)
{
    struct capture *capture;
    struct seen seen = { 0 };
    int tun;

    (void)state;
    NEED_NAMESPACE();
    tun = open_tunnel("tun2", IFF_TUN);
    NEED_TUNNEL(tun);
    capture = open_live("tun2", NULL, NULL);
    assert_true(capture_is_current(capture));
    close(tun);
    assert_false(capture_is_current(capture));
    tun = open_tunnel("tun2", IFF_TUN);
    assert_false(capture_is_current(capture));
    assert_int_equal(gather(capture, &seen, 1), CAPTURE_DOWN);
    capture_close(capture);
    assert_true(capture_is_current(capture));
    capture_free(capture);
    capture = open_live("any", NULL, NULL);
    assert_true(capture_is_current(capture));
    capture_free(capture);
    close(tun);
}

static void test_kernel_drops(void **state)
{
    struct capture_live_options options = { "lo", 2000, 512 << 10, false, NULL, NULL, NULL };
    struct capture_statistics statistics;
    struct frame_options big = tcp4;
    struct capture *capture;
    int fd;

    (void)state;
    NEED_NAMESPACE();
    capture = capture_new();
    big.payload = 1400;
    fd = open_sender("lo");
    assert_int_equal(capture_open_live(capture, &options, message), CAPTURE_OK);
    for (unsigned i = 0; i < 2000; i++)
        send_frame(fd, &big);
    capture_close(capture);
    capture_statistics(capture, &statistics);
    assert_in_range(statistics.dropped_kernel, 100, 4000);
    const uint64_t before = statistics.dropped_kernel;
    assert_int_equal(capture_open_live(capture, &options, message), CAPTURE_OK);
    capture_statistics(capture, &statistics);
    assert_int_equal(statistics.dropped_kernel, before);
    capture_free(capture);
    close(fd);
}

static void test_no_interface(void **state)
{
    static const char *const names[] = { "nosuch0", "", "a-name-that-is-too-long" };
    struct capture *capture;

    (void)state;
    NEED_NAMESPACE();
    capture = capture_new();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct capture_live_options options = { names[i], 128, 0, false, NULL, NULL, NULL };

        assert_int_equal(capture_open_live(capture, &options, message), CAPTURE_NO_INTERFACE);
        assert_non_null(strstr(message, "no such interface"));
    }
    assert_int_equal(capture_filter(capture, NULL, NULL, false, message), CAPTURE_FAILED);
    assert_int_equal(capture_dispatch(capture, 0, on_seen, NULL, message), CAPTURE_FAILED);
    capture_free(capture);
}

static void test_no_permission(void **state)
{
    struct capture_live_options options = { "lo", 128, 0, false, NULL, NULL, NULL };
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        struct capture *capture = capture_new();
        bool ok = privilege_drop_thread() == 0 && capture_open_live(capture, &options, message) == CAPTURE_NO_PERMISSION
                  && strstr(message, "sudo setcap cap_net_raw+ep ") != NULL;

        capture_free(capture);
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- without a socket ---- */

static void test_older_than_the_filter(void **state)
{
    struct seen seen = { 0 };
    struct capture capture = { .live = true, .fn = on_seen, .arg = &seen };
    struct pcap_pkthdr header = { .ts = { 100, 999 }, .caplen = 1, .len = 1 };

    (void)state;
    capture.settled_at_ns = 100 * CAPTURE_NS_PER_S + 1000;
    capture_hand_over((u_char *)&capture, &header, (const u_char *)"x");
    assert_int_equal(seen.count, 0);
    header.ts.tv_usec = 1000;
    capture_hand_over((u_char *)&capture, &header, (const u_char *)"x");
    header.ts.tv_usec = 500; /* from another CPU's queue, but behind the filter */
    capture_hand_over((u_char *)&capture, &header, (const u_char *)"x");
    assert_int_equal(seen.count, 2);
    assert_int_equal(capture.total.received, 2);
}

static void test_time_of(void **state)
{
    static const struct {
        int64_t s, ns, expected;
    } cases[] = {
        { 0, 0, 0 },
        { 1, 999999999, 1999999999 },
        { 4294967295, 5, 4294967295000000005 },
        { INT64_MAX, 0, CAPTURE_NO_TIME },
        { INT64_MIN, 0, CAPTURE_NO_TIME },
        { -1, 0, CAPTURE_NO_TIME },
        { 4611686017, 999999999, 4611686017999999999 },
        { 4611686018, 0, CAPTURE_NO_TIME },
        { INT64_MAX / 1000000000, 999999999, CAPTURE_NO_TIME },
        { 7, 1000000000, 7000000000 },
        { 7, -1, 7000000000 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct timeval ts = { (time_t)cases[i].s, (suseconds_t)cases[i].ns };

        assert_int_equal(time_of(&ts), cases[i].expected);
    }
}

/* ---- files ---- */

static void write_file(const void *data, size_t length)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void put(uint8_t *out, size_t *at, uint64_t value, unsigned size, bool big)
{
    for (unsigned i = 0; i < size; i++)
        out[*at + i] = (uint8_t)(value >> 8 * (big ? size - 1 - i : i));
    *at += size;
}

/* A classic capture: two TCP frames to ports 80 and 81, at 1000.000000005 and 1001.000000005 (or microseconds). */
static size_t make_pcap(uint8_t *out, bool big, bool nano)
{
    struct frame_options options = tcp4;
    size_t at = 0, ip, length;
    uint8_t frame[256];

    put(out, &at, nano ? 0xa1b23c4d : 0xa1b2c3d4, 4, big);
    put(out, &at, 2, 2, big);
    put(out, &at, 4, 2, big);
    put(out, &at, 0, 8, big);
    put(out, &at, 65535, 4, big);
    put(out, &at, DLT_EN10MB, 4, big);
    for (unsigned i = 0; i < 2; i++) {
        options.port = (uint16_t)(80 + i);
        length = make_frame(frame, &options, &ip);
        put(out, &at, 1000 + i, 4, big);
        put(out, &at, 5, 4, big);
        put(out, &at, length, 4, big);
        put(out, &at, length + 7, 4, big);
        memcpy(out + at, frame, length);
        at += length;
    }
    return at;
}

static void put_interface(uint8_t *out, size_t *at, unsigned linktype)
{
    put(out, at, 1, 4, false);
    put(out, at, 32, 4, false);
    put(out, at, linktype, 2, false);
    put(out, at, 0, 2, false);
    put(out, at, 65535, 4, false);
    put(out, at, 9 | 1 << 16, 4, false); /* if_tsresol: 10^-9 */
    put(out, at, 9, 4, false);
    put(out, at, 0, 4, false);
    put(out, at, 32, 4, false);
}

static size_t make_pcapng(uint8_t *out, bool second_linktype)
{
    uint8_t frame[256];
    size_t at = 0, ip, length = make_frame(frame, &tcp4, &ip), padded = (length + 3) / 4 * 4;
    const uint64_t time = UINT64_C(1000000000005);

    put(out, &at, 0x0a0d0d0a, 4, false);
    put(out, &at, 28, 4, false);
    put(out, &at, 0x1a2b3c4d, 4, false);
    put(out, &at, 1, 4, false);
    put(out, &at, UINT64_MAX, 8, false);
    put(out, &at, 28, 4, false);
    put_interface(out, &at, DLT_EN10MB);
    put(out, &at, 6, 4, false);
    put(out, &at, 32 + padded, 4, false);
    put(out, &at, 0, 4, false);
    put(out, &at, time >> 32, 4, false);
    put(out, &at, time, 4, false);
    put(out, &at, length, 4, false);
    put(out, &at, length, 4, false);
    memset(out + at, 0, padded);
    memcpy(out + at, frame, length);
    at += padded;
    put(out, &at, 32 + padded, 4, false);
    if (second_linktype)
        put_interface(out, &at, 101);
    return at;
}

static enum capture_result read_all(const char *name, const char *user_filter, struct seen *seen)
{
    struct capture *capture = capture_new();
    enum capture_result result = capture_open_file(capture, name, user_filter, message);

    while (result == CAPTURE_OK)
        result = capture_dispatch(capture, 1, on_seen, seen, message);
    assert_int_equal(capture_fd(capture), -1);
    capture_free(capture);
    return result;
}

static void test_classic_files(void **state)
{
    uint8_t data[1024];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool big = i % 2 == 1, nano = i / 2 == 1;
        struct seen seen = { 0 }, filtered = { 0 };

        write_file(data, make_pcap(data, big, nano));
        assert_int_equal(read_all(path, NULL, &seen), CAPTURE_END);
        assert_int_equal(seen.count, 2);
        assert_int_equal(seen.time_ns, 1001 * CAPTURE_NS_PER_S + (nano ? 5 : 5000));
        assert_int_equal(seen.caplen, 54);
        assert_int_equal(seen.wirelen, 61);
        assert_int_equal(seen.linktype, DLT_EN10MB);
        assert_int_equal(read_all(path, "tcp dst port 80", &filtered), CAPTURE_END);
        assert_int_equal(filtered.count, 1);
        assert_int_equal(filtered.time_ns, 1000 * CAPTURE_NS_PER_S + (nano ? 5 : 5000));
        assert_int_equal(read_all(path, "tcp dst port", &filtered), CAPTURE_BAD_FILTER);
        assert_non_null(strstr(message, "-f: "));
    }
}

/* Cut at every byte: within the header it is no capture, behind each whole record there is nothing missing. */
static void test_cut_files(void **state)
{
    uint8_t data[1024];
    size_t length = make_pcap(data, false, false), first = 24 + 16 + 54;

    (void)state;
    for (size_t n = 0; n <= length; n++) {
        bool whole = n == 24 || n == first || n == length;
        struct seen seen = { 0 };
        enum capture_result result;

        write_file(data, n);
        result = read_all(path, NULL, &seen);
        if (result != (n < 24 ? CAPTURE_FAILED : whole ? CAPTURE_END : CAPTURE_CUT))
            fail_msg("cut at %zu: result %d, %s", n, (int)result, message);
        assert_int_equal(seen.count, (n >= first) + (n >= length));
    }
}

static void test_pcapng(void **state)
{
    struct seen seen = { 0 }, mixed = { 0 };
    uint8_t data[1024];
    size_t length = make_pcapng(data, false);

    (void)state;
    write_file(data, length);
    assert_int_equal(read_all(path, NULL, &seen), CAPTURE_END);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.time_ns, INT64_C(1000000000005));
    write_file(data, length - 5);
    assert_int_equal(read_all(path, NULL, &seen), CAPTURE_CUT);
    write_file(data, make_pcapng(data, true));
    assert_int_equal(read_all(path, NULL, &mixed), CAPTURE_MIXED);
    assert_int_equal(mixed.count, 1);
    assert_non_null(strstr(message, "type 101"));
    assert_null(strstr(message, "split")); /* how depends on who reads it */
}

/* A simple packet has no time; libpcap says 0, and the round trip between two of them would be 0 as well. */
static void test_frames_without_a_time(void **state)
{
    struct seen seen = { 0 };
    uint8_t data[1024], frame[256];
    size_t at = make_pcapng(data, false), ip, length = make_frame(frame, &tcp4, &ip), padded = (length + 3) / 4 * 4;

    (void)state;
    put(data, &at, 3, 4, false);
    put(data, &at, 16 + padded, 4, false);
    put(data, &at, length, 4, false);
    memset(data + at, 0, padded);
    memcpy(data + at, frame, length);
    at += padded;
    put(data, &at, 16 + padded, 4, false);
    write_file(data, at);
    assert_int_equal(read_all(path, NULL, &seen), CAPTURE_END);
    assert_int_equal(seen.count, 2);
    assert_true(seen.time_ns == CAPTURE_NO_TIME);
    at = make_pcap(data, false, false);
    memset(data + 24, 0, 8);
    write_file(data, 24 + 16 + 54);
    assert_int_equal(read_all(path, NULL, &seen), CAPTURE_END);
    assert_int_equal(seen.time_ns, 0); /* 1970 is a time in a format in which every packet has one */
}

/* It is mapped: what is gone then shows as a signal, which ends the file and nothing else. The rest of the page that is left is
 * zeros, which are no frames. */
static void test_becomes_shorter(void **state)
{
    enum { HEADER = 24, TIMES = 1000 };
    static uint8_t data[HEADER + TIMES * 256];
    struct capture *capture = capture_new();
    struct seen seen = { 0 };
    struct sigaction before, after;
    enum capture_result result = CAPTURE_OK;
    const size_t two = make_pcap(data, false, false) - HEADER;

    (void)state;
    for (size_t n = 1; n < TIMES; n++)
        memcpy(data + HEADER + n * two, data + HEADER, two);
    write_file(data, HEADER + TIMES * two);
    sigaction(SIGBUS, NULL, &before);
    assert_int_equal(capture_open_file(capture, path, NULL, message), CAPTURE_OK);
    assert_int_equal(capture_dispatch(capture, 10, on_seen, &seen, message), CAPTURE_OK);
    assert_int_equal(truncate(path, HEADER + 20 * (off_t)two), 0);
    while (result == CAPTURE_OK)
        result = capture_dispatch(capture, 10, on_seen, &seen, message);
    assert_int_equal(result, CAPTURE_CUT);
    assert_non_null(strstr(message, "cut off"));
    assert_int_equal(seen.count, 40);
    assert_int_equal(seen.caplen, 54);
    sigaction(SIGBUS, NULL, &after);
    assert_ptr_equal(before.sa_handler, after.sa_handler);
    write_file(data, HEADER + two);
    assert_int_equal(read_all(path, NULL, &seen), CAPTURE_END);
    capture_free(capture);
}

/* The header is read from the mapping as well. */
static void test_becomes_shorter_at_once(void **state)
{
    struct capture *capture = capture_new();
    struct seen seen = { 0 };
    struct sigaction before, after;
    uint8_t data[1024];
    const size_t length = make_pcap(data, false, false);

    (void)state;
    write_file(data, length);
    sigaction(SIGBUS, NULL, &before);
    cut_when_looked_at = path;
    assert_int_equal(capture_open_file(capture, path, NULL, message), CAPTURE_CUT);
    cut_when_looked_at = NULL;
    assert_non_null(strstr(message, "cut off"));
    sigaction(SIGBUS, NULL, &after);
    assert_ptr_equal(before.sa_handler, after.sa_handler);
    write_file(data, length);
    assert_int_equal(read_all(path, NULL, &seen), CAPTURE_END);
    capture_free(capture);
}

/* Also when no frame passes the filter. */
static void test_memory(void **state)
{
    enum { FRAMES = 500, FRAME = 60000, MIB = 1 << 20 };
    const char *const filters[] = { NULL, "udp" };
    static uint8_t data[24 + FRAMES * (16 + FRAME)];
    size_t at = 0;

    (void)state;
    put(data, &at, 0xa1b23c4d, 4, false);
    put(data, &at, 2, 2, false);
    put(data, &at, 4, 2, false);
    put(data, &at, 0, 8, false);
    put(data, &at, 65535, 4, false);
    put(data, &at, DLT_EN10MB, 4, false);
    for (unsigned i = 0; i < FRAMES; i++) {
        put(data, &at, 1000, 4, false);
        put(data, &at, i, 4, false);
        put(data, &at, FRAME, 4, false);
        put(data, &at, FRAME, 4, false);
        at += FRAME;
    }
    write_file(data, at);
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        const size_t before = resident_of_files();
        struct capture *capture = capture_new();
        struct seen seen = { 0 };
        size_t most = 0;

        assert_int_equal(capture_open_file(capture, path, filters[i], message), CAPTURE_OK);
        while (capture_dispatch(capture, 10, on_seen, &seen, message) == CAPTURE_OK)
            most = resident_of_files() > most ? resident_of_files() : most;
        assert_int_equal(seen.count, i == 0 ? FRAMES : 0);
        assert_in_range(most, 1, before + 8 * MIB);
        capture_free(capture);
    }
}

/* Also when no frame passes the filter. */
static void test_progress(void **state)
{
    struct capture *capture = capture_new();
    struct seen seen = { 0 };
    uint64_t done = 0, size = 0;
    uint8_t data[1024];
    const size_t length = make_pcap(data, false, false);

    (void)state;
    write_file(data, length);
    assert_false(capture_file_progress(capture, &done, &size));
    assert_int_equal(capture_open_file(capture, path, "udp", message), CAPTURE_OK);
    for (size_t n = 1; n <= 2; n++) {
        assert_int_equal(capture_dispatch(capture, 1, on_seen, &seen, message), CAPTURE_OK);
        assert_true(capture_file_progress(capture, &done, &size));
        assert_int_equal(done, 24 + n * (16 + 54));
        assert_int_equal(size, length);
    }
    assert_int_equal(capture_dispatch(capture, 1, on_seen, &seen, message), CAPTURE_END);
    assert_int_equal(seen.count, 0);
    assert_false(capture_file_progress(capture, &done, &size));
    capture_free(capture);
}

static void test_not_a_capture(void **state)
{
    static const struct {
        const char *text, *says;
        enum capture_result result;
    } cases[] = {
        { "", "empty", CAPTURE_FAILED },
        { "#!/bin/sh\necho this is not a capture at all\n", "not a pcap", CAPTURE_FAILED },
        { "\xd4\xc3\xb2\xa1", "not a pcap", CAPTURE_FAILED },
        { "\x1f\x8b\x08", "the file is compressed", CAPTURE_COMPRESSED },
    };
    struct seen seen = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(cases[i].text, strlen(cases[i].text));
        assert_int_equal(read_all(path, NULL, &seen), cases[i].result);
        assert_non_null(strstr(message, cases[i].says));
        assert_null(strstr(message, "go-metro read")); /* the cure of one who reads it is none of another's */
    }
    assert_int_equal(read_all(folder, NULL, &seen), CAPTURE_FAILED);
    assert_non_null(strstr(message, "directory"));
    assert_int_equal(read_all("/nonexistent/x.pcap", NULL, &seen), CAPTURE_FAILED);
    assert_non_null(strstr(message, "No such file"));
}

static void test_standard_input(void **state)
{
    struct seen seen = { 0 };
    uint8_t data[1024];

    (void)state;
    write_file(data, make_pcap(data, false, true));
    assert_non_null(freopen(path, "rb", stdin));
    assert_int_equal(read_all("-", NULL, &seen), CAPTURE_END);
    assert_int_equal(seen.count, 2);
    assert_int_equal(fcntl(0, F_GETFD) >= 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_ring_version_and_nanoseconds),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_whitelist),
        cmocka_unit_test(test_our_acks),
        cmocka_unit_test(test_less_filter_memory),
        cmocka_unit_test(test_replaced_without_gap),
        cmocka_unit_test(test_user_filter),
        cmocka_unit_test(test_bad_user_filter),
        cmocka_unit_test(test_bad_user_filter_is_cheap),
        cmocka_unit_test(test_ring),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_raw_ip),
        cmocka_unit_test(test_goes_and_comes_back),
        cmocka_unit_test(test_replaced_interface),
        cmocka_unit_test(test_kernel_drops),
        cmocka_unit_test(test_no_interface),
        cmocka_unit_test(test_no_permission),
        cmocka_unit_test(test_older_than_the_filter),
        cmocka_unit_test(test_time_of),
        cmocka_unit_test(test_classic_files),
        cmocka_unit_test(test_cut_files),
        cmocka_unit_test(test_pcapng),
        cmocka_unit_test(test_frames_without_a_time),
        cmocka_unit_test(test_becomes_shorter),
        cmocka_unit_test(test_becomes_shorter_at_once),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_not_a_capture),
        cmocka_unit_test(test_standard_input),
    };

    have_namespace = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    if (have_namespace)
        set_up("lo", true);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
