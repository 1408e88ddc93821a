/* workload: a capture of made-up traffic for measuring what a packet costs.
 *
 *     workload --list
 *     workload PATTERN --out FILE [--packets N] [--flows N] [--peers N] [--seed N] [--v6]
 *
 * --out is a pcap file ("-": standard output) with nanoseconds and at most 128 bytes of each packet. The local host is 10.0.0.1,
 * with --v6 2001:db8::1. The same options give the same file; what is not given is the pattern's own. Says on stderr how many
 * packets, flows and peers there are. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pcap/pcap.h>

#include "traffic.h"
#include "tests/simulator/clockwork.h"

#define EPOCH_NS UINT64_C(1700000000123456789) /* when it all begins */
#define MOST_FLOWS 100000000                   /* what memory and addresses are there for */

struct recording {
    pcap_dumper_t *capture;
    uint64_t packets, last_ns;
};

static void record(void *arg, const uint8_t *frame, size_t captured, size_t length, uint64_t time_ns)
{
    struct recording *recording = arg;
    const uint64_t wall_ns = EPOCH_NS + time_ns;
    const struct pcap_pkthdr header = {
        .ts = { .tv_sec = (time_t)(wall_ns / NS_PER_S), .tv_usec = (suseconds_t)(wall_ns % NS_PER_S) },
        .caplen = (bpf_u_int32)captured,
        .len = (bpf_u_int32)length,
    };

    pcap_dump((u_char *)recording->capture, &header, frame);
    recording->packets++;
    recording->last_ns = time_ns;
}

static int usage(void)
{
    fputs("usage: workload --list\n"
          "       workload PATTERN --out FILE [--packets N] [--flows N] [--peers N] [--seed N] [--v6]\n",
          stderr);
    return 2;
}

static int list(void)
{
    const struct traffic_pattern *pattern;

    for (size_t n = 0; (pattern = traffic_at(n)) != NULL; n++)
        printf("%s\t%s\n", traffic_name(pattern), traffic_about(pattern));
    return 0;
}

static uint64_t parse_number(const char *option, const char *text, uint64_t most)
{
    char *end;
    unsigned long long number;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || number > most) {
        fprintf(stderr, "workload: --%s '%s': a whole number up to %" PRIu64 " is needed\n", option, text, most);
        exit(2);
    }
    return number;
}

static int make(const struct traffic_pattern *pattern, struct traffic_options *options, const char *out)
{
    pcap_t *pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, TRAFFIC_SNAPLEN, PCAP_TSTAMP_PRECISION_NANO);
    struct recording recording = { .capture = pcap == NULL ? NULL : pcap_dump_open(pcap, out) };
    uint32_t flows;

    if (recording.capture == NULL) {
        fprintf(stderr, "workload: %s\n", pcap == NULL ? "out of memory" : pcap_geterr(pcap));
        return 1;
    }
    flows = traffic_play(pattern, options, record, &recording);
    if (pcap_dump_flush(recording.capture) != 0 || ferror(pcap_dump_file(recording.capture))) {
        fprintf(stderr, "workload: %s: %s\n", out, errno != 0 ? strerror(errno) : "cannot be written");
        return 1;
    }
    pcap_dump_close(recording.capture);
    pcap_close(pcap);
    fprintf(stderr, "%s: %" PRIu64 " packets, %" PRIu32 " flows, %" PRIu32 " peers, %.1f s\n", traffic_name(pattern),
            recording.packets, flows, options->peers, (double)recording.last_ns / 1e9);
    return 0;
}

int main(int argc, char **argv)
{
    enum { LIST, OUT, PACKETS, FLOWS, PEERS, SEED, V6 };
    static const struct option names[] = {
        [LIST] = { "list", no_argument, NULL, LIST },
        [OUT] = { "out", required_argument, NULL, OUT },
        [PACKETS] = { "packets", required_argument, NULL, PACKETS },
        [FLOWS] = { "flows", required_argument, NULL, FLOWS },
        [PEERS] = { "peers", required_argument, NULL, PEERS },
        [SEED] = { "seed", required_argument, NULL, SEED },
        [V6] = { "v6", no_argument, NULL, V6 },
        { NULL, 0, NULL, 0 },
    };
    struct traffic_options options = { .seed = 1 };
    const struct traffic_pattern *pattern;
    const char *out = NULL;
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (option) {
        case LIST:
            return list();
        case OUT:
            out = optarg;
            break;
        case PACKETS:
            options.packets = parse_number("packets", optarg, UINT64_MAX);
            break;
        case FLOWS:
            options.flows = (uint32_t)parse_number("flows", optarg, MOST_FLOWS);
            break;
        case PEERS:
            options.peers = (uint32_t)parse_number("peers", optarg, UINT32_C(1) << 23);
            break;
        case SEED:
            options.seed = parse_number("seed", optarg, UINT64_MAX);
            break;
        case V6:
            options.is_v6 = true;
            break;
        default:
            return usage();
        }
    }
    if (out == NULL || optind + 1 != argc)
        return usage();
    pattern = traffic_find(argv[optind]);
    if (pattern == NULL) {
        fprintf(stderr, "workload: no pattern '%s'; --list names them\n", argv[optind]);
        return 2;
    }
    return make(pattern, &options, out);
}
