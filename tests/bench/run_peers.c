/* run_peers.c: a helper without a network: traffic of many peers goes through the meter and is published, on command.
 *
 *     run_peers SEGMENT FINGERPRINT PEERS OCTAVES
 *
 * Makes a segment with room for so many and says "OPEN_NS": what that took. Then for each line "N" on standard input the next N
 * peers have traffic (each ten round trips, over so many octaves: so wide becomes the part of its histogram that is in use), and
 * the rows are published as the helper does it. The answer is a line "BUILD_NS STORE_NS": what each half of that took. */
#include <inttypes.h>
#include <pcap/dlt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "meter.h"
#include "packet.h"
#include "publication.h"
#include "segment_writer.h"

#define NS_PER_S UINT64_C(1000000000)
#define FRAME_SIZE 40 /* of which the IP header says that 100 bytes of data follow */
#define DATA_SIZE 100
#define ROUND_TRIPS 10 /* of a peer, each time */
#define LEAST_RTT_NS UINT64_C(100000)
#define MOST_OCTAVES 20   /* what is longer is no round trip */
#define LONG_AGO_S 864000 /* the first packet: the frames' time passes faster than ours */
#define TTL_S 86400

struct scene {
    struct meter *meter;
    struct instance instance;
    struct publication *publication;
    struct segment_writer *writer;
    uint32_t fingerprint, peers, octaves;
    uint32_t next; /* peer */
    uint64_t random;
    uint64_t time_ns; /* of capture */
    uint32_t *seq;    /* [peer]: the next of its one flow */
    uint16_t ip_id;
};

static uint64_t next_random(struct scene *scene)
{
    scene->random = scene->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return scene->random >> 33;
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

struct half {
    uint32_t address;
    uint16_t port;
    uint32_t seq;
};

/* IPv4 in nothing (DLT_RAW). */
static void send_segment(struct scene *scene, const struct half *from, const struct half *to, uint8_t flags, size_t data,
                         uint64_t time_ns)
{
    uint8_t bytes[FRAME_SIZE] = { 0x45, [6] = 0x40, [8] = 64, [9] = 6, [32] = 0x50, [34] = 0xff };

    put16(bytes + 2, (uint32_t)(sizeof bytes + data));
    put16(bytes + 4, ++scene->ip_id);
    put32(bytes + 12, from->address);
    put32(bytes + 16, to->address);
    put16(bytes + 20, from->port);
    put16(bytes + 22, to->port);
    put32(bytes + 24, from->seq);
    put32(bytes + 28, flags == TCP_SYN ? 0 : to->seq);
    bytes[33] = flags;
    const struct captured_frame frame = {
        .bytes = bytes, .caplen = sizeof bytes, .wirelen = sizeof bytes + data, .time_ns = (int64_t)time_ns, .linktype = DLT_RAW
    };
    meter_frame(scene->meter, UINT64_C(1) << scene->instance.number, &frame, (uint32_t)(clock_ns(CLOCK_BOOTTIME) / NS_PER_S));
    meter_flush(scene->meter);
}

/* LEAST_RTT_NS times 2^octaves at most; small ones are more likely. */
static uint64_t some_rtt_ns(struct scene *scene)
{
    const uint64_t octave = next_random(scene) % scene->octaves;

    return (LEAST_RTT_NS << octave) + next_random(scene) % (LEAST_RTT_NS << octave);
}

static void exchange(struct scene *scene, uint32_t peer, uint64_t rtt_ns)
{
    const bool opens = scene->seq[peer] == 0;
    struct half ours = { 0x0a000001, (uint16_t)(1024 + peer % 60000), scene->seq[peer] };
    struct half theirs = { 0xac100000 + peer, 80, opens ? 0 : 1 };

    send_segment(scene, &ours, &theirs, opens ? TCP_SYN : TCP_ACK, opens ? 0 : DATA_SIZE, scene->time_ns);
    ours.seq += opens ? 1 : DATA_SIZE;
    send_segment(scene, &theirs, &ours, opens ? TCP_SYN | TCP_ACK : TCP_ACK, 0, scene->time_ns + rtt_ns);
    scene->seq[peer] = ours.seq;
    scene->time_ns += 1000;
}

static void traffic(struct scene *scene, uint32_t peers)
{
    for (uint32_t round = 0; round < ROUND_TRIPS; round++) {
        for (uint32_t n = 0; n < peers; n++)
            exchange(scene, (scene->next + n) % scene->peers, some_rtt_ns(scene));
        scene->time_ns += LEAST_RTT_NS << scene->octaves;
    }
    scene->next = (scene->next + peers) % scene->peers;
}

static int open_writer(struct scene *scene, const char *path)
{
    const struct segment_writer_options options = { .path = path,
                                                    .row_capacity = scene->peers,
                                                    .instance_capacity = SEG_MAX_INSTANCES,
                                                    .publish_interval_ms = 1000,
                                                    .version = "bench" };
    const uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
    char message[SEG_ERROR_MAX];
    pid_t holder;

    if (segment_writer_open(&options, &scene->writer, message, &holder) == SEGW_OK) {
        printf("%" PRIu64 "\n", clock_ns(CLOCK_MONOTONIC) - start_ns);
        return fflush(stdout);
    }
    fprintf(stderr, "run_peers: %s\n", message);
    return -1;
}

static int publish(struct scene *scene)
{
    const struct publication_time time = { clock_ns(CLOCK_BOOTTIME), clock_ns(CLOCK_REALTIME) };
    const uint64_t start_ns = clock_ns(CLOCK_MONOTONIC);
    struct segment_contents contents;
    struct seg_instance instance;
    uint64_t built_ns;

    if (publication_build(scene->publication, scene->meter, &scene->instance, 1, &time, &contents) > 0)
        return -1;
    instance = contents.instances[0];
    instance.state = SEG_CAPTURING; /* as if it had an interface */
    contents.instances = &instance;
    contents.state = SEG_CAPTURING;
    built_ns = clock_ns(CLOCK_MONOTONIC);
    if (segment_writer_publish(scene->writer, &contents) < 0)
        return -1;
    printf("%" PRIu64 " %" PRIu64 "\n", built_ns - start_ns, clock_ns(CLOCK_MONOTONIC) - built_ns);
    return fflush(stdout);
}

static int serve(struct scene *scene)
{
    char line[32];

    while (fgets(line, sizeof line, stdin) != NULL) {
        const unsigned long peers = strtoul(line, NULL, 10);

        traffic(scene, peers < scene->peers ? (uint32_t)peers : scene->peers);
        if (publish(scene) < 0) {
            perror("run_peers: publishing");
            return 1;
        }
    }
    return 0;
}

/* Counted numbers that cannot be: 0. */
static uint32_t number(const char *text, uint32_t most)
{
    const unsigned long value = strtoul(text, NULL, 10);

    return value > most ? 0 : (uint32_t)value;
}

static int set_up(struct scene *scene, struct netset *own)
{
    static const struct config whole;
    static struct config_instance wanted = { .interface = (char *)"bench", .all_peers = true };
    const struct meter_options options = {
        .max_flows = scene->peers, .max_peers = scene->peers, .idle_ttl_s = TTL_S, .row_ttl_s = TTL_S, .exp_ttl_s = TTL_S
    };
    const struct instance_host host = { .own = own };
    struct ip_prefix ours;

    wanted.fingerprint = scene->fingerprint;
    scene->time_ns = clock_ns(CLOCK_REALTIME) - LONG_AGO_S * NS_PER_S;
    scene->seq = calloc(scene->peers, sizeof *scene->seq);
    scene->meter = meter_new(&options);
    scene->publication = publication_new();
    if (scene->seq == NULL || scene->meter == NULL || scene->publication == NULL || own == NULL)
        return -1;
    return prefix_parse("10.0.0.1", &ours, NULL) && netset_add(own, &ours, 0) == 0
               ? instance_start(&scene->instance, &whole, &wanted, NULL, NULL, scene->meter, &host)
               : -1;
}

int main(int argc, char *argv[])
{
    struct scene scene = { .random = 1 };
    struct netset *own = netset_new();
    int status = 1;

    if (argc == 5) {
        scene.fingerprint = number(argv[2], UINT32_MAX);
        scene.peers = number(argv[3], SEG_MAX_ROWS);
        scene.octaves = number(argv[4], MOST_OCTAVES);
    }
    if (scene.peers == 0 || scene.octaves == 0) {
        fprintf(stderr, "usage: run_peers SEGMENT FINGERPRINT PEERS OCTAVES (1 to %d)\n", MOST_OCTAVES);
        return 2;
    }
    if (set_up(&scene, own) < 0)
        fputs("run_peers: out of memory\n", stderr);
    else if (open_writer(&scene, argv[1]) == 0)
        status = serve(&scene);
    segment_writer_close(scene.writer);
    if (scene.meter != NULL)
        instance_stop(&scene.instance, scene.meter);
    publication_free(scene.publication);
    meter_free(scene.meter);
    netset_free(own);
    free(scene.seq);
    return status;
}
