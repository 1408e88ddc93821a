/* live_sender: frames of many TCP connections at once, at a set rate or as fast as this machine can.
 *
 *     live_sender [--rate N] [--seconds N | --packets N] [--connections N] [--peers N] [--payload BYTES] [--new]
 *                 INTERFACE LOCAL PEER
 *
 * Requests and answers of --connections (1,000), which are opened at the beginning; with --new each ends after one exchange and
 * another takes its place. LOCAL is the client of all, PEER (IPv4) the first of --peers servers. Both sides' frames leave by
 * INTERFACE, the far end of a veth pair, so that a capture at its other end sees what a mirror port would show: frames for
 * another host, which the stack there leaves alone. --rate is in frames a second (0: as fast as possible). Says "ready" once all
 * is prepared. Ends after --seconds (10) or --packets, or at SIGTERM, and prints what it did as JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define BATCH 64
#define PAYLOAD 58 /* of a request and of an answer, so that its frame has 124 bytes */
#define PAYLOAD_MAX 1434
#define SERVER_PORT 443
#define FIRST_PORT 1024
#define PORTS 64000
#define NAP_NS 50000

enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16 };
enum { CLIENT, SERVER };

/* A connection's life, frame by frame. Without --new it asks and answers for ever. */
static const struct step {
    uint8_t from, flags;
    bool has_payload;
} steps[] = {
    { CLIENT, SYN, false },      { SERVER, SYN | ACK, false }, { CLIENT, ACK, false },       { CLIENT, PSH | ACK, true },
    { SERVER, PSH | ACK, true }, { CLIENT, FIN | ACK, false }, { SERVER, FIN | ACK, false }, { CLIENT, ACK, false },
};
enum { STEPS = sizeof steps / sizeof steps[0], STEP_REQUEST = 3, STEP_ANSWER = 4 };

/* Ethernet, IPv4 and TCP with timestamps (two words of padding in front of the option). */
struct headers {
    uint8_t ethernet[14];
    uint8_t version, service;
    uint16_t total, id, fragment;
    uint8_t ttl, protocol;
    uint16_t ip_checksum;
    uint32_t source, destination;
    uint16_t source_port, destination_port;
    uint32_t seq, ack;
    uint8_t data_offset, flags;
    uint16_t window, tcp_checksum,
        urgent; /* the checksum stays 0, as where the device would put it in: nobody here looks at it */
    uint8_t option[4];
    uint32_t ts_val, ts_ecr;
} __attribute__((packed));

_Static_assert(sizeof(struct headers) == 66, "as on the wire");

struct frame {
    struct headers headers;
    uint8_t payload[PAYLOAD_MAX]; /* zeros */
} __attribute__((packed));

static const struct headers template = {
    .ethernet = { 2, 0, 0, 0, 9, 2, 2, 0, 0, 0, 9, 1, ETH_P_IP >> 8, ETH_P_IP & 255 }, /* of nobody who is there */
    .version = 0x45,
    .fragment = 0x40, /* don't fragment, in network order */
    .ttl = 64,
    .protocol = IPPROTO_TCP,
    .data_offset = 8 << 4,
    .window = 0xffff,
    .option = { 1, 1, 8, 10 },
};

struct connection {
    uint32_t address; /* of the server; host order */
    uint16_t port;    /* of the client */
    uint16_t id[2];
    uint32_t seq[2], ts_val[2];
    uint8_t step;
};

struct sender {
    uint64_t rate, packets;
    uint64_t seconds;
    uint32_t count, peers;
    uint32_t payload;
    bool is_new;
    uint32_t local, first_peer; /* host order */
    int fd;
    struct connection *connections;
    uint32_t turn;
    uint64_t opened, sent;
    struct frame frames[BATCH];
    struct iovec pieces[BATCH];
    struct mmsghdr messages[BATCH];
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

static void fail(const char *what)
{
    fprintf(stderr, "live_sender: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- frames ---- */

/* Ports come again after PORTS connections to the same server, sequence numbers are others then. */
static void open_connection(struct sender *sender, struct connection *connection)
{
    const uint64_t number = sender->opened++;

    *connection = (struct connection){
        .address = sender->first_peer + (uint32_t)(number % sender->peers),
        .port = (uint16_t)(FIRST_PORT + number / sender->peers % PORTS),
        .id = { (uint16_t)number, (uint16_t)(number >> 3) },
        .seq = { (uint32_t)number * UINT32_C(2654435761), (uint32_t)number * UINT32_C(2246822519) },
    };
}

static uint16_t ip_checksum(const struct headers *headers)
{
    uint16_t words[10];
    uint32_t sum = 0;

    memcpy(words, &headers->version, sizeof words);
    for (int i = 0; i < 10; i++)
        sum += words[i];
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

/* The headers of a connection's next frame; returns how much payload follows them. */
static uint32_t write_headers(const struct sender *sender, struct connection *connection, uint32_t now_ms, struct headers *out)
{
    const struct step *step = &steps[connection->step];
    const unsigned from = step->from, to = 1 - from;
    const uint32_t address[] = { sender->local, connection->address }, payload = step->has_payload ? sender->payload : 0;
    const uint16_t port[] = { connection->port, SERVER_PORT };

    *out = template;
    out->total = htons((uint16_t)(sizeof *out - sizeof out->ethernet + payload));
    out->id = htons(connection->id[from]++);
    out->source = htonl(address[from]);
    out->destination = htonl(address[to]);
    out->ip_checksum = ip_checksum(out);
    out->source_port = htons(port[from]);
    out->destination_port = htons(port[to]);
    out->seq = htonl(connection->seq[from]);
    out->ack = step->flags & ACK ? htonl(connection->seq[to]) : 0;
    out->flags = step->flags;
    out->ts_val = htonl(now_ms);
    out->ts_ecr = step->flags & ACK ? htonl(connection->ts_val[to]) : 0;
    connection->ts_val[from] = now_ms;
    connection->seq[from] += payload + (step->flags & (SYN | FIN) ? 1u : 0);
    return payload;
}

static void advance(struct sender *sender, struct connection *connection)
{
    connection->step++;
    if (!sender->is_new && connection->step > STEP_ANSWER)
        connection->step = STEP_REQUEST;
    else if (connection->step == STEPS)
        open_connection(sender, connection);
}

static void prepare_batch(struct sender *sender, unsigned count)
{
    const uint32_t now_ms = (uint32_t)(now_ns(CLOCK_MONOTONIC) / NS_PER_MS);

    for (unsigned i = 0; i < count; i++) {
        struct connection *connection = &sender->connections[sender->turn];

        sender->pieces[i].iov_len = sizeof(struct headers)
                                    + write_headers(sender, connection, now_ms, &sender->frames[i].headers);
        advance(sender, connection);
        sender->turn = sender->turn + 1 == sender->count ? 0 : sender->turn + 1;
    }
}

/* ---- sending ---- */

static void send_batch(struct sender *sender, unsigned count)
{
    unsigned done = 0;

    while (done < count) {
        const int n = sendmmsg(sender->fd, sender->messages + done, count - done, 0);

        if (n < 0 && errno != ENOBUFS && errno != EINTR)
            fail("sending");
        done += n > 0 ? (unsigned)n : 0;
    }
    sender->sent += count;
}

/* How many frames are due, at most a batch. */
static unsigned due(const struct sender *sender, uint64_t elapsed_ns)
{
    uint64_t wanted = BATCH;

    if (sender->rate != 0) {
        const uint64_t by_now = elapsed_ns / NS_PER_S * sender->rate + elapsed_ns % NS_PER_S * sender->rate / NS_PER_S;

        wanted = by_now > sender->sent ? by_now - sender->sent : 0;
    }
    if (sender->packets != 0 && wanted > sender->packets - sender->sent)
        wanted = sender->packets - sender->sent;
    return wanted < BATCH ? (unsigned)wanted : BATCH;
}

static bool is_done(const struct sender *sender, uint64_t elapsed_ns)
{
    return stop || (sender->packets != 0 ? sender->sent >= sender->packets : elapsed_ns >= sender->seconds * NS_PER_S);
}

static void work(struct sender *sender)
{
    const uint64_t begin_ns = now_ns(CLOCK_MONOTONIC), begin_cpu_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t elapsed_ns = 0;

    while (!is_done(sender, elapsed_ns)) {
        const unsigned count = due(sender, elapsed_ns);

        if (count == 0)
            nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
        prepare_batch(sender, count);
        send_batch(sender, count);
        elapsed_ns = now_ns(CLOCK_MONOTONIC) - begin_ns;
    }
    printf("{\"packets\": %" PRIu64 ", \"connections\": %" PRIu64 ", \"elapsed_ns\": %" PRIu64 ", \"cpu_ns\": %" PRIu64 "}\n",
           sender->sent, sender->opened, elapsed_ns, now_ns(CLOCK_PROCESS_CPUTIME_ID) - begin_cpu_ns);
}

/* No protocol: it only sends. Past the queueing discipline, which would show each frame to captures on this side too. */
static int open_socket(const char *interface)
{
    const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface) };

    if (fd < 0)
        fail("a packet socket");
    if (address.sll_ifindex == 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail(interface);
    if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one) < 0)
        fail("PACKET_QDISC_BYPASS");
    return fd;
}

static void prepare(struct sender *sender, const char *interface)
{
    struct sigaction action = { .sa_handler = on_signal };

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sender->fd = open_socket(interface);
    sender->connections = calloc(sender->count, sizeof *sender->connections);
    if (sender->connections == NULL)
        fail("connections");
    for (uint32_t i = 0; i < sender->count; i++)
        open_connection(sender, &sender->connections[i]);
    for (unsigned i = 0; i < BATCH; i++) {
        sender->pieces[i].iov_base = &sender->frames[i];
        sender->messages[i].msg_hdr = (struct msghdr){ .msg_iov = &sender->pieces[i], .msg_iovlen = 1 };
    }
}

/* ---- the command line ---- */

static void usage(void)
{
    fputs(
        "usage: live_sender [--rate N] [--seconds N | --packets N] [--connections N] [--peers N] [--new] INTERFACE LOCAL PEER\n",
        stderr);
    exit(2);
}

static uint64_t parse_number(const char *text, uint64_t least, uint64_t most)
{
    char *end;
    unsigned long long number;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || number < least || number > most)
        usage();
    return number;
}

static uint32_t parse_address(const char *text)
{
    struct in_addr address;

    if (inet_pton(AF_INET, text, &address) != 1)
        usage();
    return ntohl(address.s_addr);
}

static void parse(struct sender *sender, int argc, char **argv)
{
    static const struct option options[] = {
        { "rate", required_argument, NULL, 'r' },    { "seconds", required_argument, NULL, 's' },
        { "packets", required_argument, NULL, 'n' }, { "connections", required_argument, NULL, 'c' },
        { "peers", required_argument, NULL, 'p' },   { "payload", required_argument, NULL, 'b' },
        { "new", no_argument, NULL, 'N' },           { NULL, 0, NULL, 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
        switch (option) {
        case 'r':
            sender->rate = parse_number(optarg, 0, 100000000);
            break;
        case 's':
            sender->seconds = parse_number(optarg, 1, 86400);
            break;
        case 'n':
            sender->packets = parse_number(optarg, 1, INT64_MAX);
            break;
        case 'c':
            sender->count = (uint32_t)parse_number(optarg, 1, 10000000);
            break;
        case 'p':
            sender->peers = (uint32_t)parse_number(optarg, 1, 1000000);
            break;
        case 'b':
            sender->payload = (uint32_t)parse_number(optarg, 1, PAYLOAD_MAX);
            break;
        case 'N':
            sender->is_new = true;
            break;
        default:
            usage();
        }
    if (argc - optind != 3)
        usage();
    sender->local = parse_address(argv[optind + 1]);
    sender->first_peer = parse_address(argv[optind + 2]);
}

int main(int argc, char **argv)
{
    static struct sender sender = { .seconds = 10, .count = 1000, .peers = 100, .payload = PAYLOAD };

    parse(&sender, argc, argv);
    prepare(&sender, argv[optind]);
    puts("ready");
    fflush(stdout);
    work(&sender);
    return 0;
}
