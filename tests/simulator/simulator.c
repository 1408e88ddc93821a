/* simulator: TCP connections whose round trips are known, as a capture beside one of the hosts.
 *
 *     simulator --list
 *     simulator SCENARIO --out FILE [--truth FILE] [--seed N] [--flows N] [--micro]
 *
 * Both ends of each connection and the paths between them are simulated in virtual time; the same seed gives the same files.
 * --out is a pcap file, nanoseconds unless --micro; truth.h says what a line of --truth is. Says on stderr how many packets and
 * connections there were. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <pcap/pcap.h>

#include "scenarios.h"
#include "truth.h"
#include "wire.h"

#define EPOCH_NS UINT64_C(1700000000123456789) /* when it all begins */

struct recording {
    pcap_dumper_t *capture;
    FILE *truth;
    bool micro;
    uint64_t packets;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void record(void *arg, const struct tcp_packet *packet, uint64_t now_ns)
{
    struct recording *recording = arg;
    const uint64_t time_ns = EPOCH_NS + now_ns, fraction_ns = time_ns % NS_PER_S;
    uint8_t frame[WIRE_FRAME_MAX];
    size_t length;
    struct pcap_pkthdr header = { .caplen = (bpf_u_int32)wire_frame(frame, packet, &length) };

    header.len = (bpf_u_int32)length;
    header.ts.tv_sec = (time_t)(time_ns / NS_PER_S);
    header.ts.tv_usec = (suseconds_t)(recording->micro ? fraction_ns / NS_PER_US : fraction_ns);
    pcap_dump((u_char *)recording->capture, &header, frame);
    recording->packets++;
    if (recording->truth != NULL && packet->from == 1)
        truth_note(recording->truth, packet, now_ns, EPOCH_NS);
}

static int usage(void)
{
    fputs("usage: simulator --list\n"
          "       simulator SCENARIO --out FILE [--truth FILE] [--seed N] [--flows N] [--micro]\n",
          stderr);
    return 2;
}

static int list(void)
{
    const struct scenario *scenario;

    for (size_t n = 0; (scenario = scenario_at(n)) != NULL; n++)
        printf("%s\t%s\n", scenario->name, scenario->about);
    return 0;
}

static int simulate(const struct scenario *scenario, const char *out, const char *truth, uint64_t seed, uint32_t flows,
                    bool micro)
{
    const u_int precision = micro ? PCAP_TSTAMP_PRECISION_MICRO : PCAP_TSTAMP_PRECISION_NANO;
    pcap_t *pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, 65535, precision);
    struct recording recording = { .capture = pcap == NULL ? NULL : pcap_dump_open(pcap, out), .micro = micro };
    struct tcp_world world = { .tap = record, .tap_arg = &recording };
    struct path *paths;

    if (recording.capture == NULL)
        die(out);
    if (truth != NULL && (recording.truth = fopen(truth, "we")) == NULL)
        die(truth);
    clockwork_init(&world.clock, seed);
    paths = scenario_play(scenario, flows, &world);
    clockwork_run(&world.clock);
    clockwork_free(&world.clock);
    free(paths);
    if (pcap_dump_flush(recording.capture) != 0 || ferror(pcap_dump_file(recording.capture)))
        die(out);
    pcap_dump_close(recording.capture);
    pcap_close(pcap);
    if (recording.truth != NULL && fclose(recording.truth) != 0)
        die(truth);
    fprintf(stderr, "%s: %" PRIu64 " packets, %" PRIu64 " connections, %" PRIu64 " given up, %.1f s\n", scenario->name,
            recording.packets, world.opened, world.given_up, (double)world.clock.now_ns / 1e9);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "list", no_argument, NULL, 'l' },
        { "out", required_argument, NULL, 'o' },
        { "truth", required_argument, NULL, 't' },
        { "seed", required_argument, NULL, 's' },
        { "flows", required_argument, NULL, 'f' },
        { "micro", no_argument, NULL, 'm' },
        { NULL, 0, NULL, 0 },
    };
    const char *out = NULL, *truth = NULL;
    const struct scenario *scenario;
    uint64_t seed = 1;
    uint32_t flows = 0;
    bool micro = false;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'l':
            return list();
        case 'o':
            out = optarg;
            break;
        case 't':
            truth = optarg;
            break;
        case 's':
            seed = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            flows = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'm':
            micro = true;
            break;
        default:
            return usage();
        }
    }
    if (out == NULL || optind + 1 != argc)
        return usage();
    scenario = scenario_find(argv[optind]);
    if (scenario == NULL) {
        fprintf(stderr, "simulator: no scenario '%s'; --list names them\n", argv[optind]);
        return 2;
    }
    return simulate(scenario, out, truth, seed, flows, micro);
}
