/* capture.c: life cycle, packets and statistics, whatever the capture reads from. */
#include "capture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "capture_private.h"
#include "clock.h"
#include "prefetch.h"
#include "privilege.h"

#define AHEAD 1024           /* bytes of the ring that are asked for before it is their turn: a few frames */
#define PROGRAM_PATH_MAX 160 /* so that it leaves room for the rest of a message */

enum capture_result capture_say(char message[static CAPTURE_ERROR_MAX], enum capture_result result, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(message, CAPTURE_ERROR_MAX, format, args);
    va_end(args);
    return result;
}

/* libpcap puts the name in front of some of its messages. */
static const char *without_interface(const struct capture *capture, const char *text)
{
    size_t length = strlen(capture->interface);

    return strncmp(text, capture->interface, length) == 0 && strncmp(text + length, ": ", 2) == 0 ? text + length + 2 : text;
}

enum capture_result capture_explain(const struct capture *capture, int status, char message[static CAPTURE_ERROR_MAX])
{
    char path[PROGRAM_PATH_MAX];

    switch (status) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
        return capture_say(message, CAPTURE_NO_INTERFACE, "no such interface; \"ip link\" lists those that are there");
    case PCAP_ERROR_IFACE_NOT_UP:
        return capture_say(message, CAPTURE_DOWN, "the interface is down; ip link set %s up", capture->interface);
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        privilege_program_path(path, sizeof path);
        return capture_say(message, CAPTURE_NO_PERMISSION,
                           "no right to capture: sudo setcap cap_net_raw+ep %s, or start it as root",
                           path[0] != '\0' ? path : "on the program's file");
    default:
        return capture_say(message, CAPTURE_FAILED, "%s",
                           status == PCAP_ERROR ? without_interface(capture, pcap_geterr(capture->pcap))
                                                : pcap_statustostr(status));
    }
}

struct capture *capture_new(void)
{
    return calloc(1, sizeof(struct capture));
}

void capture_free(struct capture *capture)
{
    if (capture == NULL)
        return;
    capture_close(capture);
    free(capture->user.expression);
    free(capture);
}

/* ---- packets ---- */

/* pcapng has 64 bits of seconds. */
static int64_t time_of(const struct timeval *ts)
{
    int64_t ns = ts->tv_usec; /* nanoseconds: that is what the precision was set to */

    if (ts->tv_sec < 0 || ts->tv_sec >= CAPTURE_NO_TIME / CAPTURE_NS_PER_S)
        return CAPTURE_NO_TIME;
    if (ns < 0 || ns >= CAPTURE_NS_PER_S)
        ns = 0;
    return ts->tv_sec * CAPTURE_NS_PER_S + ns;
}

void capture_hand_over(u_char *user, const struct pcap_pkthdr *header, const u_char *frame)
{
    struct capture *capture = (struct capture *)(void *)user;
    int64_t time_ns = time_of(&header->ts);

    if (time_ns == 0 && capture->zero_is_no_time)
        time_ns = CAPTURE_NO_TIME;
    if (capture->settled_at_ns != 0) {
        if (time_ns < capture->settled_at_ns)
            return;
        capture->settled_at_ns = 0;
    }
    capture->total.received++;
    const struct captured_frame handed = {
        .bytes = frame, .caplen = header->caplen, .wirelen = header->len, .time_ns = time_ns, .linktype = capture->linktype
    };
    capture->fn(capture->arg, &handed);
}

static bool ask_interface(const struct capture *capture, unsigned long question, struct ifreq *answer)
{
    memset(answer, 0, sizeof *answer);
    memcpy(answer->ifr_name, capture->interface, sizeof answer->ifr_name);
    return ioctl(pcap_fileno(capture->pcap), question, answer) == 0;
}

bool capture_is_current(const struct capture *capture)
{
    struct ifreq answer;

    if (capture->pcap == NULL || !capture->live || capture->ifindex == 0)
        return true;
    return ask_interface(capture, SIOCGIFINDEX, &answer) && answer.ifr_ifindex == capture->ifindex;
}

bool capture_is_renamed(const struct capture *capture)
{
    char name[IF_NAMESIZE];

    return capture->pcap != NULL && capture->live && capture->ifindex != 0
           && if_indextoname((unsigned)capture->ifindex, name) != NULL && strcmp(name, capture->interface) != 0;
}

/* Gone, another one of the same name, or down? libpcap itself keeps quiet about an interface that is only down. */
static enum capture_result check_interface(const struct capture *capture, char message[static CAPTURE_ERROR_MAX])
{
    struct ifreq answer;

    if (capture->ifindex == 0)
        return CAPTURE_OK;
    if (!capture_is_current(capture))
        return capture_say(message, CAPTURE_DOWN, "the interface went away");
    if (ask_interface(capture, SIOCGIFFLAGS, &answer) && (answer.ifr_flags & IFF_UP) == 0)
        return capture_explain(capture, PCAP_ERROR_IFACE_NOT_UP, message);
    return CAPTURE_OK;
}

/* What lies behind a frame in the ring was written by another processor and is in no cache of this one; it is asked for while
 * there is something else to do. Frames follow each other without gaps, but not evenly: all lines are, in order. */
static void await_next(struct capture *capture, const u_char *frame)
{
    const uintptr_t from = (uintptr_t)frame, until = from + AHEAD;

    if (capture->awaited - from > AHEAD) /* another block, also where it lies before this one */
        capture->awaited = from + CACHE_LINE;
    for (; capture->awaited < until; capture->awaited += CACHE_LINE)
        prefetch((const void *)capture->awaited);
}

static void hand_over_live(u_char *user, const struct pcap_pkthdr *header, const u_char *frame)
{
    await_next((struct capture *)(void *)user, frame);
    capture_hand_over(user, header, frame);
}

static enum capture_result dispatch_live(struct capture *capture, int count, char message[static CAPTURE_ERROR_MAX])
{
    enum capture_result result = CAPTURE_OK;
    int status;

    if (capture->settled_at_ns != 0 && (int64_t)clock_ns(CLOCK_MONOTONIC) > capture->settle_until_ns)
        capture->settled_at_ns = 0;
    status = pcap_dispatch(capture->pcap, count, hand_over_live, (u_char *)capture);
    if (status <= 0)
        result = check_interface(capture, message);
    if (status < 0 && result == CAPTURE_OK)
        result = capture_explain(capture, status, message);
    return result;
}

enum capture_result capture_dispatch(struct capture *capture, unsigned budget, capture_frame_fn fn, void *arg,
                                     char message[static CAPTURE_ERROR_MAX])
{
    int count = budget == 0 ? -1 : budget > INT32_MAX ? INT32_MAX : (int)budget;
    enum capture_result result;

    if (capture->pcap == NULL)
        return capture_say(message, CAPTURE_FAILED, "no capture is open");
    capture->fn = fn;
    capture->arg = arg;
    result = capture->live ? dispatch_live(capture, count, message) : capture_file_dispatch(capture, count, message);
    if (result != CAPTURE_OK && result != CAPTURE_DOWN)
        capture_close(capture);
    return result;
}

/* -1 for a file as well: it is read, not polled. */
int capture_fd(const struct capture *capture)
{
    return capture->pcap != NULL && capture->live ? pcap_get_selectable_fd(capture->pcap) : -1;
}

static void update_statistics(struct capture *capture)
{
    struct pcap_stat now;

    if (capture->pcap == NULL || !capture->live || pcap_stats(capture->pcap, &now) < 0)
        return;
    capture->total.dropped_kernel += (uint32_t)(now.ps_drop - capture->last.ps_drop);
    capture->total.dropped_interface += (uint32_t)(now.ps_ifdrop - capture->last.ps_ifdrop);
    capture->last = now;
}

void capture_statistics(struct capture *capture, struct capture_statistics *out)
{
    update_statistics(capture);
    *out = capture->total;
}

void capture_close(struct capture *capture)
{
    if (capture->pcap == NULL)
        return;
    update_statistics(capture);
    pcap_close(capture->pcap);
    capture->pcap = NULL;
    pcap_freecode(&capture->file_filter);
    capture->zero_is_no_time = false;
    capture->settled_at_ns = 0;
    capture->program.has_whitelist = false;
    capture->program.drops_acks = false;
    capture->ring_bytes = 0;
    memset(&capture->last, 0, sizeof capture->last);
}
