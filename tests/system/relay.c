/* relay: a delay line between two Ethernet interfaces, for tests on kernels without netem.
 *
 *     relay [--delay TIME] [--there TIME] [--back TIME] [--jitter TIME] [--loss PERCENT] [--seed N] [--log FILE] NEAR FAR
 *     relay --no-offload INTERFACE...
 *
 * Forwards every frame of NEAR to FAR and back, TIME later ("20ms", "500us"); --delay is the added round trip, half of it each
 * way. --jitter: up to so much more each way, evenly spread, and in order; --loss: so many of the TCP segments that carry data
 * get lost, each way; --seed makes both repeatable as far as the traffic is. NEAR and FAR are this namespace's ends of two veth
 * pairs, which it needs for itself alone. Says "ready" on stdout when it forwards; SIGTERM or SIGINT ends it. The log has a line
 * per forwarded TCP packet: when it came and when it left (CLOCK_REALTIME, ns), and what it was. --no-offload switches TSO, GSO,
 * GRO and transmit checksums off, and does nothing else: it is for the other ends of the pairs, so that frames are what a wire
 * would carry. A frame with a wrong checksum is not forwarded. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_FRAMES 8192 /* a power of two; at 20 ms enough for 400,000 frames a second */
#define FRAME_MAX 2048
#define SPIN_NS 60000        /* a timer is late by about this much at the worst */
#define FLUSH_GAP_NS 1000000 /* writing the log takes far less */
#define LOG_BUFFER (1 << 20)
#define NS_PER_S 1000000000ull

struct tcp_summary {
    int family; /* 0: not TCP */
    uint8_t source[16], destination[16];
    uint16_t source_port, destination_port;
    uint32_t seq, ack, payload;
    uint8_t flags;
};

struct frame {
    uint64_t in_realtime_ns, due_ns; /* due: CLOCK_MONOTONIC */
    size_t length;
    struct tcp_summary tcp;
    uint8_t bytes[FRAME_MAX];
};

struct direction {
    const char *name;
    int in, out; /* packet sockets */
    uint64_t delay_ns, jitter_ns;
    uint32_t loss; /* parts in a million */
    uint64_t random;
    uint64_t forwarded, queue_full, bad_checksum, too_long, not_sent, lost;
    unsigned head, tail; /* frames between them wait; both only grow */
    struct frame *queue;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* One's complement sum of RFC 1071, on top of `sum`. */
static uint32_t checksum_add(uint32_t sum, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += get16(bytes + i);
    if (length % 2 != 0)
        sum += (uint32_t)bytes[length - 1] << 8;
    return sum;
}

static bool checksum_is_right(uint32_t sum)
{
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

/* The TCP header and its payload, `length` bytes; false when its checksum is wrong. */
static bool parse_tcp(struct tcp_summary *tcp, const uint8_t *bytes, size_t length)
{
    size_t address_length = tcp->family == AF_INET ? 4 : 16;
    uint32_t sum = IPPROTO_TCP + (uint32_t)length;
    size_t header;

    sum = checksum_add(sum, tcp->source, address_length);
    sum = checksum_add(sum, tcp->destination, address_length);
    header = length < 20 ? 0 : (size_t)(bytes[12] >> 4) * 4;
    if (header < 20 || header > length || !checksum_is_right(checksum_add(sum, bytes, length)))
        return false;
    tcp->source_port = get16(bytes);
    tcp->destination_port = get16(bytes + 2);
    tcp->seq = get32(bytes + 4);
    tcp->ack = get32(bytes + 8);
    tcp->flags = bytes[13];
    tcp->payload = (uint32_t)(length - header);
    return true;
}

static bool parse_ipv4(struct tcp_summary *tcp, const uint8_t *bytes, size_t length)
{
    size_t header = length < 20 ? 0 : (size_t)(bytes[0] & 15) * 4;
    size_t total = length < 20 ? 0 : get16(bytes + 2);

    if (header < 20 || total < header || total > length || !checksum_is_right(checksum_add(0, bytes, header)))
        return false;
    if (bytes[9] != IPPROTO_TCP || (get16(bytes + 6) & 0x3fff) != 0)
        return true;
    tcp->family = AF_INET;
    memcpy(tcp->source, bytes + 12, 4);
    memcpy(tcp->destination, bytes + 16, 4);
    return parse_tcp(tcp, bytes + header, total - header);
}

static bool parse_ipv6(struct tcp_summary *tcp, const uint8_t *bytes, size_t length)
{
    size_t payload = length < 40 ? 0 : get16(bytes + 4);

    if (length < 40 || payload > length - 40)
        return false;
    if (bytes[6] != IPPROTO_TCP)
        return true;
    tcp->family = AF_INET6;
    memcpy(tcp->source, bytes + 8, 16);
    memcpy(tcp->destination, bytes + 24, 16);
    return parse_tcp(tcp, bytes + 40, payload);
}

/* False: damaged, not to be forwarded. What is neither IPv4 nor IPv6 passes as it is. */
static bool parse_frame(struct frame *frame)
{
    size_t at = ETH_HLEN;
    uint16_t type;

    memset(&frame->tcp, 0, sizeof frame->tcp);
    if (frame->length < ETH_HLEN)
        return false;
    type = get16(frame->bytes + 12);
    while ((type == ETH_P_8021Q || type == ETH_P_8021AD) && frame->length >= at + 4) {
        type = get16(frame->bytes + at + 2);
        at += 4;
    }
    if (type == ETH_P_IP)
        return parse_ipv4(&frame->tcp, frame->bytes + at, frame->length - at);
    if (type == ETH_P_IPV6)
        return parse_ipv6(&frame->tcp, frame->bytes + at, frame->length - at);
    return true;
}

static void no_offload(const char *interface)
{
    static const uint32_t commands[] = { ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO, ETHTOOL_STXCSUM };
    struct ifreq request;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memset(&request, 0, sizeof request);
    if (fd < 0 || strlen(interface) >= IFNAMSIZ)
        die(interface);
    memcpy(request.ifr_name, interface, strlen(interface) + 1);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct ethtool_value value = { .cmd = commands[i], .data = 0 };

        request.ifr_data = (void *)&value;
        if (ioctl(fd, SIOCETHTOOL, &request) < 0)
            die(interface);
    }
    close(fd);
}

static int open_interface(const char *interface)
{
    const int one = 1, buffer = 16 << 20;
    struct sockaddr_ll address;
    struct packet_mreq promiscuous;
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memset(&address, 0, sizeof address);
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = (int)if_nametoindex(interface);
    memset(&promiscuous, 0, sizeof promiscuous);
    promiscuous.mr_ifindex = address.sll_ifindex;
    promiscuous.mr_type = PACKET_MR_PROMISC;
    if (fd < 0 || address.sll_ifindex == 0 || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) < 0
        || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) < 0
        || setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) < 0
        || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        die(interface);
    /* Without CAP_NET_ADMIN the default stays, which only bounds what may burst. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    return fd;
}

/* When the kernel received it; the time of reading it is later by a wake-up. */
static uint64_t arrival_ns(struct msghdr *message, uint64_t realtime_ns)
{
    for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL; control = CMSG_NXTHDR(message, control)) {
        struct timespec stamp;

        if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
        return (uint64_t)stamp.tv_sec * NS_PER_S + (uint64_t)stamp.tv_nsec;
    }
    return realtime_ns;
}

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. */
static uint64_t next_random(struct direction *direction)
{
    uint64_t z = direction->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static bool is_lost(struct direction *direction, const struct frame *frame)
{
    return direction->loss > 0 && frame->tcp.family != 0 && frame->tcp.payload > 0
           && next_random(direction) % 1000000 < direction->loss;
}

/* When a frame leaves that came at came_ns: never before the one ahead of it. */
static uint64_t due_ns(struct direction *direction, uint64_t came_ns)
{
    const bool is_alone = direction->head == direction->tail;
    const uint64_t ahead_ns = is_alone ? 0 : direction->queue[(direction->tail - 1) % QUEUE_FRAMES].due_ns;
    uint64_t due = came_ns + direction->delay_ns;

    if (direction->jitter_ns > 0)
        due += next_random(direction) % direction->jitter_ns;
    return due > ahead_ns ? due : ahead_ns;
}

/* Receives one frame into its queue; false when none waits. */
static bool receive_one(struct direction *direction)
{
    static struct frame overflow;
    bool full = direction->tail - direction->head == QUEUE_FRAMES;
    struct frame *frame = full ? &overflow : &direction->queue[direction->tail % QUEUE_FRAMES];
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct iovec vector = { .iov_base = frame->bytes, .iov_len = sizeof frame->bytes };
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
    };
    ssize_t length = recvmsg(direction->in, &message, MSG_TRUNC);
    uint64_t realtime_ns, age_ns;

    if (length < 0)
        return false;
    realtime_ns = now_ns(CLOCK_REALTIME);
    frame->in_realtime_ns = arrival_ns(&message, realtime_ns);
    age_ns = realtime_ns > frame->in_realtime_ns ? realtime_ns - frame->in_realtime_ns : 0;
    frame->due_ns = due_ns(direction, now_ns(CLOCK_MONOTONIC) - age_ns);
    frame->length = (size_t)length;
    if ((size_t)length > FRAME_MAX)
        direction->too_long++;
    else if (!parse_frame(frame))
        direction->bad_checksum++;
    else if (is_lost(direction, frame))
        direction->lost++;
    else if (full)
        direction->queue_full++;
    else
        direction->tail++;
    return true;
}

static void log_frame(FILE *log, const struct direction *direction, const struct frame *frame, uint64_t out_realtime_ns)
{
    const struct tcp_summary *tcp = &frame->tcp;
    char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];

    inet_ntop(tcp->family, tcp->source, source, sizeof source);
    inet_ntop(tcp->family, tcp->destination, destination, sizeof destination);
    fprintf(log, "%" PRIu64 ",%" PRIu64 ",%s,%s,%u,%s,%u,%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%u\n", frame->in_realtime_ns,
            out_realtime_ns, direction->name, source, tcp->source_port, destination, tcp->destination_port, tcp->seq, tcp->ack,
            tcp->payload, tcp->flags);
}

/* Sends the frame that is due first, if it is due. */
static bool send_one(struct direction *direction, FILE *log)
{
    struct frame *frame = &direction->queue[direction->head % QUEUE_FRAMES];
    uint64_t out_realtime_ns;

    if (direction->head == direction->tail || now_ns(CLOCK_MONOTONIC) < frame->due_ns)
        return false;
    out_realtime_ns = now_ns(CLOCK_REALTIME);
    if (send(direction->out, frame->bytes, frame->length, 0) == (ssize_t)frame->length)
        direction->forwarded++;
    else
        direction->not_sent++;
    if (log != NULL && frame->tcp.family != 0)
        log_frame(log, direction, frame, out_realtime_ns);
    direction->head++;
    return true;
}

static uint64_t next_due_ns(const struct direction directions[static 2])
{
    uint64_t due = UINT64_MAX;

    for (int i = 0; i < 2; i++) {
        const struct direction *direction = &directions[i];

        if (direction->head != direction->tail && direction->queue[direction->head % QUEUE_FRAMES].due_ns < due)
            due = direction->queue[direction->head % QUEUE_FRAMES].due_ns;
    }
    return due;
}

/* Sleeps until a frame comes or one is nearly due. The last stretch is not slept: a timer's lateness would be added to the delay.
 */
static void wait_for_work(const struct direction directions[static 2], const sigset_t *signals)
{
    struct pollfd fds[2] = { { .fd = directions[0].in, .events = POLLIN }, { .fd = directions[1].in, .events = POLLIN } };
    uint64_t due = next_due_ns(directions), now = now_ns(CLOCK_MONOTONIC);
    uint64_t sleep_ns = due > now + SPIN_NS ? due - now - SPIN_NS : 0;
    struct timespec timeout = { .tv_sec = (time_t)(sleep_ns / NS_PER_S), .tv_nsec = (long)(sleep_ns % NS_PER_S) };

    (void)ppoll(fds, 2, due == UINT64_MAX ? NULL : &timeout, signals);
}

static void relay_run(struct direction directions[static 2], FILE *log, const sigset_t *signals)
{
    while (!stop) {
        bool busy = false;

        for (int i = 0; i < 2; i++)
            busy |= receive_one(&directions[i]);
        for (int i = 0; i < 2; i++)
            busy |= send_one(&directions[i], log);
        if (busy)
            continue;
        /* After each burst the log is written, where it delays no frame, so that a reader need not wait for our end. */
        if (log != NULL && next_due_ns(directions) > now_ns(CLOCK_MONOTONIC) + FLUSH_GAP_NS)
            fflush(log);
        wait_for_work(directions, signals);
    }
}

static void report(const struct direction *direction)
{
    fprintf(stderr,
            "relay: %s: forwarded %" PRIu64 ", queue_full %" PRIu64 ", bad_checksum %" PRIu64 ", too_long %" PRIu64
            ", not_sent %" PRIu64 ", lost %" PRIu64 "\n",
            direction->name, direction->forwarded, direction->queue_full, direction->bad_checksum, direction->too_long,
            direction->not_sent, direction->lost);
}

static uint64_t parse_time_ns(const char *text)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 } };
    char *unit;
    double value = strtod(text, &unit);

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (unit != text && strcmp(unit, units[i].unit) == 0 && value >= 0 && value * units[i].ns <= 10e9)
            return (uint64_t)(value * units[i].ns);
    fprintf(stderr, "relay: not a time up to 10 s (20ms, 500us): %s\n", text);
    exit(2);
}

/* In parts in a million. */
static uint32_t parse_percent(const char *text)
{
    char *rest;
    double value = strtod(text, &rest);

    if (rest != text && *rest == '\0' && value >= 0 && value <= 100)
        return (uint32_t)(value * 10000);
    fprintf(stderr, "relay: not a percentage from 0 to 100: %s\n", text);
    exit(2);
}

/* A higher priority and locked memory make the delay steadier; without the right to them it only jitters more. */
static void be_steady(void)
{
    const struct sched_param priority = { .sched_priority = 1 };

    (void)sched_setscheduler(0, SCHED_FIFO, &priority);
    (void)mlockall(MCL_CURRENT | MCL_FUTURE);
    (void)prctl(PR_SET_TIMERSLACK, 1ul);
}

static void block_signals(sigset_t *while_waiting)
{
    struct sigaction action;
    sigset_t blocked;

    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, while_waiting);
    sigdelset(while_waiting, SIGTERM);
    sigdelset(while_waiting, SIGINT);
}

static void usage(void)
{
    fputs("usage: relay [--delay TIME] [--there TIME] [--back TIME] [--jitter TIME] [--loss PERCENT] [--seed N] [--log FILE] "
          "NEAR FAR\n"
          "       relay --no-offload INTERFACE...\n",
          stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "delay", required_argument, NULL, 'd' },
        { "there", required_argument, NULL, 't' },
        { "back", required_argument, NULL, 'b' },
        { "jitter", required_argument, NULL, 'j' },
        { "loss", required_argument, NULL, 'p' },
        { "seed", required_argument, NULL, 's' },
        { "log", required_argument, NULL, 'l' },
        { "no-offload", no_argument, NULL, 'n' },
        { NULL, 0, NULL, 0 },
    };
    struct direction directions[2] = { { .name = "there", .random = 1 }, { .name = "back", .random = 2 } };
    const char *log_path = NULL;
    FILE *log = NULL;
    sigset_t signals;
    bool only_offload = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            directions[0].delay_ns = directions[1].delay_ns = parse_time_ns(optarg) / 2;
            break;
        case 't':
            directions[0].delay_ns = parse_time_ns(optarg);
            break;
        case 'b':
            directions[1].delay_ns = parse_time_ns(optarg);
            break;
        case 'j':
            directions[0].jitter_ns = directions[1].jitter_ns = parse_time_ns(optarg);
            break;
        case 'p':
            directions[0].loss = directions[1].loss = parse_percent(optarg);
            break;
        case 's':
            directions[0].random = strtoull(optarg, NULL, 10);
            directions[1].random = ~directions[0].random;
            break;
        case 'l':
            log_path = optarg;
            break;
        case 'n':
            only_offload = true;
            break;
        default:
            usage();
        }
    }
    if (argc == optind || (!only_offload && argc != optind + 2))
        usage();
    for (int i = optind; i < argc; i++)
        no_offload(argv[i]);
    if (only_offload)
        return 0;

    block_signals(&signals);
    directions[0].in = directions[1].out = open_interface(argv[optind]);
    directions[1].in = directions[0].out = open_interface(argv[optind + 1]);
    for (int i = 0; i < 2; i++)
        if ((directions[i].queue = calloc(QUEUE_FRAMES, sizeof *directions[i].queue)) == NULL)
            die("queue");
    if (log_path != NULL && ((log = fopen(log_path, "we")) == NULL || setvbuf(log, NULL, _IOFBF, LOG_BUFFER) != 0))
        die(log_path);
    be_steady();
    puts("ready");
    fflush(stdout);
    relay_run(directions, log, &signals);
    for (int i = 0; i < 2; i++) {
        report(&directions[i]);
        free(directions[i].queue);
    }
    if (log != NULL && fclose(log) != 0)
        die(log_path);
    return 0;
}
