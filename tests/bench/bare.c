/* bare: what reading a capture costs at least: libpcap's loop, and nothing is done with a packet.
 *
 *     bare FILE
 *
 * Prints how many packets there were. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <pcap/pcap.h>

static void on_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *frame)
{
    uint64_t *packets = (uint64_t *)(void *)user;

    (void)header;
    (void)frame;
    (*packets)++;
}

int main(int argc, char **argv)
{
    char error[PCAP_ERRBUF_SIZE] = "";
    uint64_t packets = 0;
    pcap_t *pcap;
    int status;

    if (argc != 2) {
        fputs("usage: bare FILE\n", stderr);
        return 2;
    }
    pcap = pcap_open_offline_with_tstamp_precision(argv[1], PCAP_TSTAMP_PRECISION_NANO, error);
    if (pcap == NULL) {
        fprintf(stderr, "bare: %s\n", error);
        return 1;
    }
    status = pcap_loop(pcap, -1, on_packet, (u_char *)&packets);
    if (status != 0)
        fprintf(stderr, "bare: %s: %s\n", argv[1], pcap_geterr(pcap));
    pcap_close(pcap);
    printf("%" PRIu64 "\n", packets);
    return status == 0 ? 0 : 1;
}
