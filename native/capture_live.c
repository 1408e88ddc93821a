/* capture_live.c: libpcap sets up the socket and its ring; the filter is attached by our own setsockopt, so that it is replaced
 * atomically and can never fall back to user space, where libpcap would run it without a word. */
#include "capture.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "capture_private.h"

#define BLOCK_TIMEOUT_MS 100                       /* the kernel hands over a ring block at the latest then */
#define SETTLE_MARGIN_NS (CAPTURE_NS_PER_S / 1000) /* how long a packet may be between its time stamp and the filter */
#define SETTLE_MAX_NS CAPTURE_NS_PER_S
#define SNAPLEN_MAX 262144 /* libpcap's */

/* ---- the filter in the kernel ---- */

static int attach(int fd, struct filter_program *program)
{
    struct sock_fprog fprog = {(unsigned short)program->length, program->code};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof fprog);
}

/* SO_GET_FILTER counts in instructions. */
static bool is_attached(int fd, const struct filter_program *program)
{
    struct sock_filter kernels[FILTER_MAX_INSTRUCTIONS];
    socklen_t count = FILTER_MAX_INSTRUCTIONS;

    return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, kernels, &count) == 0 && count == program->length &&
           memcmp(kernels, program->code, count * sizeof kernels[0]) == 0;
}

static enum capture_result install(struct capture *capture, char message[static CAPTURE_ERROR_MAX])
{
    int fd = pcap_fileno(capture->pcap);

    if (attach(fd, &capture->program) < 0)
        return capture_say(message, CAPTURE_BAD_FILTER, "%s: the kernel does not take the filter of %zu instructions: %s%s",
                           capture->interface, capture->program.length, strerror(errno),
                           errno == ENOMEM ? "; raise sysctl net.core.optmem_max" : "");
    if (!is_attached(fd, &capture->program))
        return capture_say(message, CAPTURE_BAD_FILTER, "%s: the kernel runs another filter than it was given",
                           capture->interface);
    return CAPTURE_OK;
}

/* A whitelist that is too much for the socket's memory (net.core.optmem_max) is left to the helper. */
static enum capture_result build_and_install(struct capture *capture, const struct netset *whitelist,
                                             char message[static CAPTURE_ERROR_MAX])
{
    for (;;) {
        if (filter_build(&capture->program, capture->link, whitelist, capture->snaplen, capture->user, capture->user_length) < 0)
            return capture_say(message, CAPTURE_BAD_FILTER, "%s: the filter cannot be built: %s", capture->interface,
                               errno == EINVAL ? "-f is too long for the kernel; make it shorter" : strerror(errno));
        if (install(capture, message) == CAPTURE_OK)
            return CAPTURE_OK;
        if (!capture->program.has_whitelist)
            return CAPTURE_BAD_FILTER;
        whitelist = NULL;
    }
}

enum capture_result capture_filter(struct capture *capture, const struct netset *whitelist, bool reject,
                                   char message[static CAPTURE_ERROR_MAX])
{
    if (capture->pcap == NULL || !capture->live)
        return capture_say(message, CAPTURE_FAILED, "no live capture is open");
    if (!reject)
        return build_and_install(capture, whitelist, message);
    filter_build_reject(&capture->program);
    return install(capture, message);
}

bool capture_filter_has_whitelist(const struct capture *capture)
{
    return capture->program.has_whitelist;
}

static enum capture_result compile_user(struct capture *capture, const char *expression, char message[static CAPTURE_ERROR_MAX])
{
    struct bpf_program compiled;
    enum capture_result result = CAPTURE_BAD_FILTER;

    capture->user_length = 0;
    if (expression == NULL)
        return CAPTURE_OK;
    if (pcap_compile(capture->pcap, &compiled, expression, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return capture_say(message, CAPTURE_BAD_FILTER, "-f: %s", pcap_geterr(capture->pcap));
    if (compiled.bf_len > FILTER_MAX_INSTRUCTIONS) {
        capture_say(message, result, "-f: %u instructions; the kernel takes %d: make it shorter", compiled.bf_len,
                    FILTER_MAX_INSTRUCTIONS);
        goto out;
    }
    for (size_t i = 0; i < compiled.bf_len; i++) {
        const struct bpf_insn *in = &compiled.bf_insns[i];

        capture->user[i] = (struct sock_filter){in->code, in->jt, in->jf, in->k};
    }
    if (capture->link == FILTER_COOKED && filter_rebase_cooked(capture->user, compiled.bf_len) < 0) {
        capture_say(message, result, "-f: it tests a link-layer field that \"%s\" does not have; name an interface instead",
                    capture->interface);
        goto out;
    }
    capture->user_length = compiled.bf_len;
    result = CAPTURE_OK;
out:
    pcap_freecode(&compiled);
    return result;
}

/* ---- opening an interface ---- */

static int set_options(pcap_t *pcap, const struct capture_live_options *options, uint32_t snaplen)
{
    int buffer = options->buffer_bytes > INT32_MAX ? INT32_MAX : (int)options->buffer_bytes;
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
    } links[] = {{DLT_EN10MB, FILTER_ETHERNET}, {DLT_RAW, FILTER_RAW}, {DLT_LINUX_SLL, FILTER_COOKED}};

    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        if (links[i].linktype == linktype) {
            *out = links[i].link;
            return true;
        }
    }
    return false;
}

static enum capture_result activate(struct capture *capture, const struct capture_live_options *options,
                                    char message[static CAPTURE_ERROR_MAX])
{
    char error[PCAP_ERRBUF_SIZE] = "";
    const char *name;
    int status;

    capture->pcap = pcap_create(options->interface, error);
    if (capture->pcap == NULL)
        return capture_say(message, CAPTURE_FAILED, "%s: %s", capture->interface, error);
    status = set_options(capture->pcap, options, capture->snaplen);
    if (status == 0)
        status = pcap_activate(capture->pcap);
    if (status < 0) /* above 0 it is a warning, such as "any" not being promiscuous */
        return capture_explain(capture, status, message);
    if (pcap_setnonblock(capture->pcap, 1, error) < 0)
        return capture_say(message, CAPTURE_FAILED, "%s: %s", capture->interface, error);
    capture->linktype = pcap_datalink(capture->pcap);
    name = pcap_datalink_val_to_name(capture->linktype);
    if (!find_link(capture->linktype, &capture->link))
        return capture_say(message, options->user_filter != NULL ? CAPTURE_BAD_FILTER : CAPTURE_FAILED,
                           "%s: link type %s (%d) is not measured; use an Ethernet or IP interface", capture->interface,
                           name != NULL ? name : "unknown", capture->linktype);
    return CAPTURE_OK;
}

/* Until here the ring took everything; those packets are recognised by their time. */
static void start_settling(struct capture *capture)
{
    capture->settled_at_ns = capture_now_ns(CLOCK_REALTIME) + SETTLE_MARGIN_NS;
    capture->settle_until_ns = capture_now_ns(CLOCK_MONOTONIC) + SETTLE_MAX_NS;
}

enum capture_result capture_open_live(struct capture *capture, const struct capture_live_options *options,
                                      char message[static CAPTURE_ERROR_MAX])
{
    enum capture_result result;

    capture_close(capture);
    capture->live = true;
    capture->snaplen = options->snaplen == 0 || options->snaplen > SNAPLEN_MAX ? SNAPLEN_MAX : options->snaplen;
    if (options->interface[0] == '\0' || strlen(options->interface) >= sizeof capture->interface)
        return capture_say(message, CAPTURE_NO_INTERFACE, "%.64s: no such interface; a name has 1 to %d characters",
                           options->interface, IFNAMSIZ - 1);
    strcpy(capture->interface, options->interface);
    capture->ifindex = strcmp(capture->interface, "any") == 0 ? 0 : (int)if_nametoindex(capture->interface);
    result = activate(capture, options, message);
    if (result == CAPTURE_OK)
        result = compile_user(capture, options->user_filter, message);
    if (result == CAPTURE_OK)
        result = build_and_install(capture, options->whitelist, message);
    if (result == CAPTURE_OK)
        start_settling(capture);
    else
        capture_close(capture);
    return result;
}
