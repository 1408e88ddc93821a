/* live_reader: what capturing costs at least: libpcap, and a look at the first 64 bytes of each packet.
 *
 *     live_reader [--buffer MIB] [--snaplen BYTES] INTERFACE
 *
 * Says "ready" when it captures. SIGTERM ends it; prints what it saw as JSON. */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pcap/pcap.h>

#define BLOCK_TIMEOUT_MS 100 /* as the helper */
#define SNAPLEN 256          /* as much of a packet as the helper captures */

struct seen {
    uint64_t packets, sum;
};

static pcap_t *pcap;

static void on_signal(int number)
{
    (void)number;
    pcap_breakloop(pcap);
}

static void on_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *frame)
{
    struct seen *seen = (struct seen *)(void *)user;
    uint64_t words[8] = { 0 };

    memcpy(words, frame, header->caplen < sizeof words ? header->caplen : sizeof words);
    for (int i = 0; i < 8; i++)
        seen->sum += words[i];
    seen->packets++;
}

static int usage(void)
{
    fputs("usage: live_reader [--buffer MIB] [--snaplen BYTES] INTERFACE\n", stderr);
    return 2;
}

/* The kernel cuts packets off only where a filter tells it to, be it one that lets all through; a super-segment would be copied
 * whole. tcpdump has one always, too. */
static int cut_off(void)
{
    struct bpf_program all;
    int status;

    if (pcap_compile(pcap, &all, "", 1, PCAP_NETMASK_UNKNOWN) < 0)
        return -1;
    status = pcap_setfilter(pcap, &all);
    pcap_freecode(&all);
    return status;
}

static int open_capture(const char *interface, int buffer_mib, int snaplen)
{
    char error[PCAP_ERRBUF_SIZE] = "";

    pcap = pcap_create(interface, error);
    if (pcap == NULL) {
        fprintf(stderr, "live_reader: %s\n", error);
        return -1;
    }
    if (pcap_set_snaplen(pcap, snaplen) != 0 || pcap_set_timeout(pcap, BLOCK_TIMEOUT_MS) != 0
        || pcap_set_buffer_size(pcap, buffer_mib << 20) != 0 || pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO) != 0
        || pcap_activate(pcap) < 0 || cut_off() < 0) {
        fprintf(stderr, "live_reader: %s: %s\n", interface, pcap_geterr(pcap));
        pcap_close(pcap);
        return -1;
    }
    return 0;
}

static int work(void)
{
    struct sigaction action = { .sa_handler = on_signal };
    struct seen seen = { 0 };
    struct pcap_stat drops = { 0 };

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    puts("ready");
    fflush(stdout);
    if (pcap_loop(pcap, -1, on_packet, (u_char *)&seen) == PCAP_ERROR || pcap_stats(pcap, &drops) != 0) {
        fprintf(stderr, "live_reader: %s\n", pcap_geterr(pcap));
        return 1;
    }
    printf("{\"packets\": %" PRIu64 ", \"dropped\": %u, \"sum\": %" PRIu64 "}\n", seen.packets, drops.ps_drop, seen.sum);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "buffer", required_argument, NULL, 'b' },
        { "snaplen", required_argument, NULL, 's' },
        { NULL, 0, NULL, 0 },
    };
    int option, buffer_mib = 64, snaplen = SNAPLEN, status;

    while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0)
        switch (option) {
        case 'b':
            buffer_mib = atoi(optarg);
            break;
        case 's':
            snaplen = atoi(optarg);
            break;
        default:
            return usage();
        }
    if (argc - optind != 1 || buffer_mib < 1 || buffer_mib > 2047 || snaplen < 64)
        return usage();
    if (open_capture(argv[optind], buffer_mib, snaplen) < 0)
        return 1;
    status = work();
    pcap_close(pcap);
    return status;
}
