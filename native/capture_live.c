/* capture_live.c: libpcap sets up the socket and its ring; the filter is attached by our own setsockopt, so that it is replaced
 * atomically and can never fall back to user space, where libpcap would run it without a word. */
#include "capture.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "capture_private.h"
#include "clock.h"

#define BLOCK_TIMEOUT_MS 100                       /* the kernel hands over a ring block at the latest then */
#define SETTLE_MARGIN_NS (CAPTURE_NS_PER_S / 1000) /* how long a packet may be between its time stamp and the filter */
#define SETTLE_MAX_NS CAPTURE_NS_PER_S
#define SNAPLEN_MAX 262144                /* libpcap's */
#define RING_LEAST 1                      /* byte: libpcap rounds it up to a block */
#define RING_SENSIBLE (UINT32_C(2) << 20) /* bytes: libpcap's default */

/* ---- the filter in the kernel ---- */

static int attach(int fd, struct filter_program *program)
{
    struct sock_fprog fprog = { (unsigned short)program->length, program->code };

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof fprog);
}

/* SO_GET_FILTER counts in instructions. */
static bool is_attached(int fd, const struct filter_program *program)
{
    struct sock_filter kernels[FILTER_MAX_INSTRUCTIONS];
    socklen_t count = FILTER_MAX_INSTRUCTIONS;

    return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, kernels, &count) == 0 && count == program->length
           && memcmp(kernels, program->code, count * sizeof kernels[0]) == 0;
}

static enum capture_result install(struct capture *capture, char message[static CAPTURE_ERROR_MAX])
{
    int fd = pcap_fileno(capture->pcap);

    if (is_attached(fd, &capture->program))
        return CAPTURE_OK;
    if (attach(fd, &capture->program) < 0)
        return capture_say(message, CAPTURE_BAD_FILTER, "the kernel does not take the filter of %zu instructions: %s%s",
                           capture->program.length, strerror(errno), errno == ENOMEM ? "; raise sysctl net.core.optmem_max" : "");
    if (!is_attached(fd, &capture->program))
        return capture_say(message, CAPTURE_BAD_FILTER, "the kernel runs another filter than it was given");
    return CAPTURE_OK;
}

/* What is too much for the socket's memory (net.core.optmem_max) goes as what is too long does: first our own ACKs, then the
 * whitelist instead, then both. */
static bool ask_for_less(struct filter_settings *settings, const struct filter_program *refused, const struct netset *ours)
{
    if (!refused->has_whitelist && !refused->drops_acks)
        return false;
    if (refused->has_whitelist && refused->drops_acks) {
        settings->ours = NULL;
    } else if (refused->has_whitelist) {
        settings->whitelist = NULL;
        settings->ours = ours;
    } else {
        settings->whitelist = NULL;
        settings->ours = NULL;
    }
    return true;
}

static enum capture_result build_and_install(struct capture *capture, const struct netset *whitelist, const struct netset *ours,
                                             char message[static CAPTURE_ERROR_MAX])
{
    struct filter_settings settings = {
        .link = capture->link,
        .whitelist = whitelist,
        .ours = ours,
        .accept = capture->snaplen,
        .user = capture->user.code,
        .user_length = capture->user.length,
    };

    do {
        if (filter_build(&capture->program, &settings) < 0)
            return capture_say(message, CAPTURE_BAD_FILTER, "the filter cannot be built: %s",
                               errno == EINVAL ? "-f is too long for the kernel; make it shorter" : strerror(errno));
        if (install(capture, message) == CAPTURE_OK)
            return CAPTURE_OK;
    } while (ask_for_less(&settings, &capture->program, ours));
    return CAPTURE_BAD_FILTER;
}

enum capture_result capture_filter(struct capture *capture, const struct netset *whitelist, const struct netset *ours,
                                   bool reject, char message[static CAPTURE_ERROR_MAX])
{
    if (capture->pcap == NULL || !capture->live)
        return capture_say(message, CAPTURE_FAILED, "no live capture is open");
    if (!reject)
        return build_and_install(capture, whitelist, ours, message);
    filter_build_reject(&capture->program);
    return install(capture, message);
}

bool capture_filter_has_whitelist(const struct capture *capture)
{
    return capture->program.has_whitelist;
}

bool capture_filter_drops_acks(const struct capture *capture)
{
    return capture->program.drops_acks;
}

static enum capture_result compile_expression(struct capture *capture, const char *expression,
                                              char message[static CAPTURE_ERROR_MAX])
{
    struct bpf_program compiled;
    enum capture_result result = CAPTURE_BAD_FILTER;

    if (pcap_compile(capture->pcap, &compiled, expression, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return capture_say(message, CAPTURE_BAD_FILTER, "-f: %s", pcap_geterr(capture->pcap));
    if (compiled.bf_len > FILTER_MAX_INSTRUCTIONS) {
        capture_say(message, result, "-f: %u instructions; the kernel takes %d: make it shorter", compiled.bf_len,
                    FILTER_MAX_INSTRUCTIONS);
        goto out;
    }
    for (size_t i = 0; i < compiled.bf_len; i++) {
        const struct bpf_insn *in = &compiled.bf_insns[i];

        capture->user.code[i] = (struct sock_filter){ in->code, in->jt, in->jf, in->k };
    }
    if (capture->link == FILTER_COOKED && filter_rebase_cooked(capture->user.code, compiled.bf_len) < 0) {
        capture_say(message, result, "-f: it tests a link-layer field that \"any\" does not have; name an interface instead");
        goto out;
    }
    capture->user.length = compiled.bf_len;
    result = CAPTURE_OK;
out:
    pcap_freecode(&compiled);
    return result;
}

static bool is_compiled(const struct capture_user_filter *user, const char *expression)
{
    return user->expression != NULL && strcmp(user->expression, expression) == 0;
}

static enum capture_result use_expression(struct capture *capture, const char *expression, char message[static CAPTURE_ERROR_MAX])
{
    struct capture_user_filter *user = &capture->user;

    if (expression == NULL) {
        user->length = 0;
        free(user->expression);
        user->expression = NULL;
        return CAPTURE_OK;
    }
    if (!is_compiled(user, expression) || user->linktype != capture->linktype) {
        user->length = 0;
        free(user->expression);
        user->expression = strdup(expression); /* without the memory it is compiled again next time */
        user->linktype = capture->linktype;
        user->result = compile_expression(capture, expression, user->message);
    }
    return user->result == CAPTURE_OK ? CAPTURE_OK : capture_say(message, user->result, "%s", user->message);
}

/* ---- the ring ---- */

/* libpcap keeps the size to itself and takes a smaller ring where the kernel has not the memory; its mapping bears the socket's
 * inode. */
static size_t find_ring(int fd)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    struct stat status;
    size_t size = 0;

    if (maps == NULL || fstat(fd, &status) < 0)
        goto out;
    while (size == 0 && fgets(line, sizeof line, maps) != NULL) {
        uintptr_t start, end;
        uintmax_t inode;

        if (strstr(line, "socket:") != NULL
            && sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %" SCNuMAX, &start, &end, &inode) == 3
            && inode == status.st_ino)
            size = end - start;
    }
out:
    if (maps != NULL)
        fclose(maps);
    return size;
}

size_t capture_ring_bytes(const struct capture *capture)
{
    return capture->ring_bytes;
}

/* size 0: not known. */
static void judge_ring(size_t size, size_t wanted, char message[static CAPTURE_ERROR_MAX])
{
    message[0] = '\0';
    if (size != 0 && size < wanted)
        capture_say(message, CAPTURE_OK,
                    "a ring of %zu KiB: the kernel has not the memory for %zu KiB; lower buffer_mib or free memory", size / 1024,
                    wanted / 1024);
    else if (wanted < RING_SENSIBLE)
        capture_say(message, CAPTURE_OK, "a ring of %zu KiB, a burst may be lost; raise buffer_mib, which all interfaces share",
                    (size != 0 ? size : wanted) / 1024);
}

/* ---- opening an interface ---- */

static int set_options(pcap_t *pcap, const struct capture_live_options *options, uint32_t buffer_bytes, uint32_t snaplen)
{
    int buffer = buffer_bytes > INT32_MAX ? INT32_MAX : (int)buffer_bytes;
    int status = pcap_set_snaplen(pcap, (int)snaplen);

    if (status == 0)
        status = pcap_set_promisc(pcap, options->promiscuous);
    if (status == 0)
        status = pcap_set_timeout(pcap, BLOCK_TIMEOUT_MS);
    if (status == 0 && buffer > 0)
        status = pcap_set_buffer_size(pcap, buffer);
    if (status == 0)
        status = pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
    return status;
}

static bool find_link(int linktype, enum filter_link *out)
{
    static const struct link {
        int linktype;
        enum filter_link link;
    } links[] = { { DLT_EN10MB, FILTER_ETHERNET }, { DLT_RAW, FILTER_RAW }, { DLT_LINUX_SLL, FILTER_COOKED } };

    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        if (links[i].linktype == linktype) {
            *out = links[i].link;
            return true;
        }
    }
    return false;
}

/* The interface that the socket is bound to, whatever its name stands for by now. 0: to all. */
static int bound_index(int fd)
{
    struct sockaddr_ll address = { .sll_family = AF_PACKET };
    socklen_t length = sizeof address;

    return getsockname(fd, (struct sockaddr *)&address, &length) == 0 ? address.sll_ifindex : 0;
}

static enum capture_result activate(struct capture *capture, const struct capture_live_options *options, uint32_t buffer_bytes,
                                    char message[static CAPTURE_ERROR_MAX])
{
    char error[PCAP_ERRBUF_SIZE] = "";
    const char *name;
    int status;

    capture->pcap = pcap_create(options->interface, error);
    if (capture->pcap == NULL)
        return capture_say(message, CAPTURE_FAILED, "%s", error);
    status = set_options(capture->pcap, options, buffer_bytes, capture->snaplen);
    if (status == 0)
        status = pcap_activate(capture->pcap);
    if (status < 0) /* above 0 it is a warning, such as "any" not being promiscuous */
        return capture_explain(capture, status, message);
    if (pcap_setnonblock(capture->pcap, 1, error) < 0)
        return capture_say(message, CAPTURE_FAILED, "%s", error);
    capture->is_doubtful = true;
    capture->ifindex = bound_index(pcap_fileno(capture->pcap));
    capture->linktype = pcap_datalink(capture->pcap);
    name = pcap_datalink_val_to_name(capture->linktype);
    if (!find_link(capture->linktype, &capture->link))
        return capture_say(message, options->user_filter != NULL ? CAPTURE_BAD_FILTER : CAPTURE_FAILED,
                           "link type %s (%d) is not measured; use an Ethernet or IP interface", name != NULL ? name : "unknown",
                           capture->linktype);
    return CAPTURE_OK;
}

/* Until here the ring took everything; those packets are recognised by their time. */
static void start_settling(struct capture *capture)
{
    capture->settled_at_ns = (int64_t)clock_ns(CLOCK_REALTIME) + SETTLE_MARGIN_NS;
    capture->settle_until_ns = (int64_t)clock_ns(CLOCK_MONOTONIC) + SETTLE_MAX_NS;
}

/* Of an opening that came to nothing or was only a rehearsal no packet counts, nor a lost one. */
static void discard(struct capture *capture)
{
    if (capture->pcap != NULL)
        pcap_close(capture->pcap);
    capture->pcap = NULL;
    capture->program.has_whitelist = false;
    capture->program.drops_acks = false;
}

static enum capture_result open_with_ring(struct capture *capture, const struct capture_live_options *options,
                                          uint32_t buffer_bytes, char message[static CAPTURE_ERROR_MAX])
{
    enum capture_result result = activate(capture, options, buffer_bytes, message);

    if (result == CAPTURE_OK)
        result = use_expression(capture, options->user_filter, message);
    if (result == CAPTURE_OK)
        result = build_and_install(capture, options->whitelist, options->ours, message);
    if (result != CAPTURE_OK)
        discard(capture);
    return result;
}

/* libpcap makes the ring before the link type is known and a filter can be compiled for it. What may well fail behind that is
 * tried with the least ring first: it is tried again and again, and the whole ring may be much memory to set up and to free. */
static enum capture_result rehearse(struct capture *capture, const struct capture_live_options *options,
                                    char message[static CAPTURE_ERROR_MAX])
{
    enum capture_result result;

    if (!capture->is_doubtful && (options->user_filter == NULL || is_compiled(&capture->user, options->user_filter)))
        return CAPTURE_OK;
    result = open_with_ring(capture, options, RING_LEAST, message);
    discard(capture);
    return result;
}

enum capture_result capture_open_live(struct capture *capture, const struct capture_live_options *options,
                                      char message[static CAPTURE_ERROR_MAX])
{
    enum capture_result result;

    capture_close(capture);
    capture->live = true;
    capture->snaplen = options->snaplen == 0 || options->snaplen > SNAPLEN_MAX ? SNAPLEN_MAX : options->snaplen;
    if (options->interface[0] == '\0' || strlen(options->interface) >= sizeof capture->interface)
        return capture_say(message, CAPTURE_NO_INTERFACE, "no such interface; a name has 1 to %d characters", IFNAMSIZ - 1);
    strcpy(capture->interface, options->interface);
    result = rehearse(capture, options, message);
    if (result == CAPTURE_OK)
        result = open_with_ring(capture, options, options->buffer_bytes, message);
    if (result != CAPTURE_OK)
        return result;
    start_settling(capture);
    capture->is_doubtful = false;
    capture->ring_bytes = find_ring(pcap_fileno(capture->pcap));
    judge_ring(capture->ring_bytes, options->buffer_bytes != 0 ? options->buffer_bytes : RING_SENSIBLE, message);
    return CAPTURE_OK;
}
