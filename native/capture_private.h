/* capture_private.h: shared by capture.c (life cycle, packets), capture_live.c (interfaces, kernel filter) and capture_file.c. */
#ifndef GO_METRO_CAPTURE_PRIVATE_H
#define GO_METRO_CAPTURE_PRIVATE_H

#include "capture.h"
#include "mapped_file.h"

#include <linux/filter.h>
#include <net/if.h>
#include <pcap/pcap.h>

/* -f as it was compiled last: the same one on the same link type is not compiled again, whether it was good or bad. */
struct capture_user_filter {
    char *expression; /* NULL: none so far */
    int linktype;
    enum capture_result result;
    char message[CAPTURE_ERROR_MAX]; /* when it is not CAPTURE_OK */
    struct sock_filter code[FILTER_MAX_INSTRUCTIONS];
    size_t length;
};

struct capture {
    pcap_t *pcap;
    bool live;
    int linktype;
    char interface[IFNAMSIZ];
    int ifindex; /* 0: "any" */
    uint32_t snaplen;
    enum filter_link link;
    size_t ring_bytes; /* 0: not known */
    bool is_doubtful;  /* the last opening failed when the ring was there */
    struct capture_user_filter user;
    struct filter_program program;
    struct bpf_program file_filter; /* -f on a file; bf_insns NULL: none */
    struct mapped_file mapped;      /* what the pcap_t reads; of no file: a live capture, standard input */
    bool zero_is_no_time;           /* the file is pcapng, whose simple packets have no time: libpcap gives 0 for it */
    int64_t settled_at_ns;          /* CLOCK_REALTIME: older packets came before the filter; 0: that is over */
    int64_t settle_until_ns;        /* CLOCK_MONOTONIC: however the wall clock is set meanwhile */
    struct capture_statistics total;
    struct pcap_stat last; /* of this pcap_t, whose 32-bit counters wrap */
    uintptr_t awaited;     /* until where the ring's memory was asked for */
    capture_frame_fn fn;   /* during capture_dispatch() */
    void *arg;
};

#define CAPTURE_NS_PER_S INT64_C(1000000000)

/* Writes the message and returns the result. */
enum capture_result capture_say(char message[static CAPTURE_ERROR_MAX], enum capture_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* libpcap's status -> ours, and what the owner can do about it. */
enum capture_result capture_explain(const struct capture *capture, int status, char message[static CAPTURE_ERROR_MAX]);

/* One frame, to whom capture_dispatch() was told. A pcap_handler; user: the capture. */
void capture_hand_over(u_char *user, const struct pcap_pkthdr *header, const u_char *frame);
/* capture_dispatch() for a file. */
enum capture_result capture_file_dispatch(struct capture *capture, int count, char message[static CAPTURE_ERROR_MAX]);

#endif
