/* capture_file.c: capture files and pipes, through libpcap's savefile side. */
#include "capture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "capture_private.h"

static enum capture_result set_file_filter(struct capture *capture, const char *expression,
                                           char message[static CAPTURE_ERROR_MAX])
{
    struct bpf_program compiled;
    int status;

    if (expression == NULL)
        return CAPTURE_OK;
    if (pcap_compile(capture->pcap, &compiled, expression, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return capture_say(message, CAPTURE_BAD_FILTER, "-f: %s", pcap_geterr(capture->pcap));
    status = pcap_setfilter(capture->pcap, &compiled);
    pcap_freecode(&compiled);
    return status < 0 ? capture_say(message, CAPTURE_BAD_FILTER, "-f: %s", pcap_geterr(capture->pcap)) : CAPTURE_OK;
}

static FILE *open_file(const char *path)
{
    return strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
}

static bool is_empty(FILE *file)
{
    int c = getc(file);

    return c == EOF ? !ferror(file) : ungetc(c, file) == EOF;
}

enum capture_result capture_open_file(struct capture *capture, const char *path, const char *user_filter,
                                      char message[static CAPTURE_ERROR_MAX])
{
    char error[PCAP_ERRBUF_SIZE] = "";
    enum capture_result result = CAPTURE_FAILED;
    FILE *file;

    capture_close(capture);
    capture->live = false;
    file = open_file(path);
    if (file == NULL)
        return capture_say(message, CAPTURE_FAILED, "%s", strerror(errno));
    if (is_empty(file)) {
        capture_say(message, CAPTURE_FAILED, "the file is empty, not even a capture's header is in it");
        goto out;
    }
    capture->pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error);
    if (capture->pcap == NULL) {
        capture_say(message, CAPTURE_FAILED, "not a pcap or pcapng capture: %.200s", error);
        goto out;
    }
    file = NULL; /* the pcap_t's own now */
    capture->linktype = pcap_datalink(capture->pcap);
    result = set_file_filter(capture, user_filter, message);
out:
    if (file != NULL && file != stdin)
        fclose(file);
    if (result != CAPTURE_OK)
        capture_close(capture);
    return result;
}
