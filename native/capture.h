/* capture.h: the only owner of a pcap_t; live interfaces and files alike.
 *
 * capture_new(), then capture_open_live() or capture_open_file(); capture_fd() is polled; capture_dispatch() when it is readable
 * (a file: until CAPTURE_END); capture_filter() at any time; capture_close() and capture_free(). Live: TPACKET_V3,
 * nanosecond time stamps, no immediate mode, non-blocking. */
#ifndef GO_METRO_CAPTURE_H
#define GO_METRO_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter.h"
#include "frame.h"

#define CAPTURE_ERROR_MAX 256

/* The time of a frame that has none (pcapng's simple packets), or whose time stamp is before 1970 or behind the year 2115, as
 * only a file can have it: above every other, and the difference of any two times fits into an int64_t. Nothing can be measured
 * with such a frame. */
#define CAPTURE_NO_TIME (INT64_C(1) << 62)

struct capture;

enum capture_result {
    CAPTURE_OK,
    CAPTURE_END,           /* the file is at its end */
    CAPTURE_CUT,           /* the file is cut off in a record: what was whole has been handed over */
    CAPTURE_NO_INTERFACE,  /* no such interface */
    CAPTURE_DOWN,          /* it is down or went away */
    CAPTURE_NO_PERMISSION, /* CAP_NET_RAW */
    CAPTURE_BAD_FILTER,    /* -f does not compile, or the kernel would not take the filter */
    /* What to do about these depends on who reads the file, and is his to say. */
    CAPTURE_COMPRESSED, /* the file is */
    CAPTURE_MIXED, /* it goes on with another link type or snapshot length, where libpcap does not; what stood before was handed
                      over */
    CAPTURE_FAILED
};

struct capture_live_options {
    const char *interface;
    uint32_t snaplen;
    uint32_t buffer_bytes;
    bool promiscuous;
    const char *user_filter;        /* -f, or NULL */
    const struct netset *whitelist; /* NULL: all peers */
    const struct netset *ours;      /* whose pure ACKs may stay in the kernel (struct filter_settings); NULL: nobody's */
};

/* Its time is 0 or more, or CAPTURE_NO_TIME. Its bytes are there until the function returns. */
typedef void (*capture_frame_fn)(void *arg, const struct captured_frame *frame);

struct capture *capture_new(void); /* NULL: out of memory */
void capture_free(struct capture *capture);

/* Opens with the kernel filter in place: a packet that came before it is not handed over (nor one of the first millisecond).
 * Needs CAP_NET_RAW effective. CAPTURE_OK: message is "", or says that the ring is small and what to do. Otherwise it says cause
 * and cure, without the interface's name in front, which is the caller's to add. user_filter is compiled once for a link type,
 * and what may not do with it is tried with the least ring before the whole one is made. Link types: Ethernet, raw IP, Linux
 * cooked ("any"); for others CAPTURE_FAILED (with a user_filter CAPTURE_BAD_FILTER). A whitelist that the kernel cannot take is
 * left to the caller (capture_filter_has_whitelist()), and so are our own ACKs. snaplen 0: whole packets. buffer_bytes 0:
 * libpcap's default. */
enum capture_result capture_open_live(struct capture *capture, const struct capture_live_options *options,
                                      char message[static CAPTURE_ERROR_MAX]);
/* path "-": standard input. pcap and pcapng, micro- and nanoseconds, either byte order. user_filter: NULL or a pcap expression.
 * The message does not name the path. With a budget capture_dispatch() comes back after so many frames, be they passed by
 * user_filter or not. */
enum capture_result capture_open_file(struct capture *capture, const char *path, const char *user_filter,
                                      char message[static CAPTURE_ERROR_MAX]);
/* The same of what is open for reading already, and is the capture's from then on, also when this fails. */
enum capture_result capture_open_fd(struct capture *capture, int fd, const char *user_filter,
                                    char message[static CAPTURE_ERROR_MAX]);
/* How many bytes of the open file were read, and of how many. False: that is not known (a pipe, a live capture, closed). */
bool capture_file_progress(const struct capture *capture, uint64_t *done, uint64_t *size);
/* Replaces the kernel filter in place, without a gap (SO_ATTACH_FILTER swaps atomically), where it is another one. whitelist and
 * ours as above; reject: nothing passes. When it fails the old filter is still at work. */
enum capture_result capture_filter(struct capture *capture, const struct netset *whitelist, const struct netset *ours,
                                   bool reject, char message[static CAPTURE_ERROR_MAX]);
int capture_fd(const struct capture *capture); /* -1 when closed, and for a file */

/* Hands over what is there, at most `budget` packets (0: all that is ready). What is not CAPTURE_OK has closed the capture, but
 * for CAPTURE_DOWN: packets from before may still come, until the caller closes it. A live one may be opened again. */
enum capture_result capture_dispatch(struct capture *capture, unsigned budget, capture_frame_fn fn, void *arg,
                                     char message[static CAPTURE_ERROR_MAX]);

struct capture_statistics {
    /* Since capture_new(), over every reopening. received: handed over. dropped_interface: only known when promiscuous. */
    uint64_t received, dropped_kernel, dropped_interface;
};
void capture_statistics(struct capture *capture, struct capture_statistics *out);
/* Whether the kernel's filter holds the whitelist; false when there is none, or it is too long for the kernel. */
bool capture_filter_has_whitelist(const struct capture *capture);
/* Whether our own pure ACKs stay in the kernel. */
bool capture_filter_drops_acks(const struct capture *capture);
/* The real size of the open live capture's ring; 0 when it is closed, a file, or not known (no /proc). */
size_t capture_ring_bytes(const struct capture *capture);
/* Whether the interface's name still stands for the interface that the open live capture is bound to (an interface that was made
 * anew under the same name is another one). Always true for "any", a file, and when closed. */
bool capture_is_current(const struct capture *capture);
/* Whether the interface that the open live capture is bound to is there by another name: packets go on coming from it. */
bool capture_is_renamed(const struct capture *capture);
void capture_close(struct capture *capture);

#endif
