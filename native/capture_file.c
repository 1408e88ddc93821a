/* capture_file.c: capture files and pipes, through libpcap's savefile side. */
#include "capture.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture_private.h"

#define FIRST_OF_GZIP 0x1f /* no form of pcap begins with it */
#define MAJOR_OF_PCAPNG 1  /* pcap's is 2 */

/* The filter is run by us and not by libpcap, which would come back only after so many frames that pass it. */
static enum capture_result set_file_filter(struct capture *capture, const char *expression,
                                           char message[static CAPTURE_ERROR_MAX])
{
    if (expression != NULL && pcap_compile(capture->pcap, &capture->file_filter, expression, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return capture_say(message, CAPTURE_BAD_FILTER, "-f: %s", pcap_geterr(capture->pcap));
    return CAPTURE_OK;
}

/* The rest of the last page of a file that became shorter reads as zeros, which look like frames with nothing in them. */
static bool is_no_frame(const struct capture *capture, const struct pcap_pkthdr *header)
{
    return header->caplen == 0 && mapped_file_is_shorter(&capture->mapped);
}

static void on_frame(u_char *user, const struct pcap_pkthdr *header, const u_char *frame)
{
    const struct capture *capture = (const struct capture *)(const void *)user;

    if (is_no_frame(capture, header))
        return;
    if (capture->file_filter.bf_insns == NULL || pcap_offline_filter(&capture->file_filter, header, frame) != 0)
        capture_hand_over(user, header, frame);
}

static FILE *open_file(struct capture *capture, const char *path)
{
    return strcmp(path, "-") == 0 ? stdin : mapped_file_open(&capture->mapped, path);
}

/* ---- steps: what reads bytes of a file ---- */

/* One step, and what it needs. */
struct step {
    enum capture_result (*take)(struct capture *capture, const struct step *step, char message[static CAPTURE_ERROR_MAX]);
    FILE *file; /* to open */
    int count;  /* of frames to hand over */
};

/* A mapped file that becomes shorter, or whose disk fails, is told by a signal instead of an error. It comes while libpcap or the
 * C library copies from it, never while we have a record: so nothing of ours is left half done. */
static sigjmp_buf when_gone;

static void on_bus_error(int number)
{
    (void)number;
    siglongjmp(when_gone, 1);
}

static enum capture_result take_until_gone(struct capture *capture, const struct step *step,
                                           char message[static CAPTURE_ERROR_MAX])
{
    if (sigsetjmp(when_gone, 1) != 0)
        return capture_say(message, CAPTURE_CUT,
                           "the capture is cut off: the file became shorter, or its disk failed, while it was read");
    return step->take(capture, step, message);
}

static enum capture_result take_step(struct capture *capture, const struct step *step, char message[static CAPTURE_ERROR_MAX])
{
    const struct sigaction ours = { .sa_handler = on_bus_error };
    struct sigaction before;
    enum capture_result result;

    sigaction(SIGBUS, &ours, &before);
    result = take_until_gone(capture, step, message);
    sigaction(SIGBUS, &before, NULL);
    return result;
}

/* ---- opening ---- */

/* What is wrong with a file before libpcap reads it. */
static enum capture_result find_problem(FILE *file, char message[static CAPTURE_ERROR_MAX])
{
    const int first = getc(file);

    if (first == EOF)
        return capture_say(message, CAPTURE_FAILED, "%s",
                           ferror(file) ? strerror(errno) : "the file is empty, not even a capture's header is in it");
    if (first == FIRST_OF_GZIP)
        return capture_say(message, CAPTURE_COMPRESSED, "the file is compressed");
    return ungetc(first, file) == EOF ? capture_say(message, CAPTURE_FAILED, "the file cannot be read") : CAPTURE_OK;
}

static enum capture_result take_header(struct capture *capture, const struct step *step, char message[static CAPTURE_ERROR_MAX])
{
    char error[PCAP_ERRBUF_SIZE] = "";
    const enum capture_result problem = find_problem(step->file, message);

    if (problem != CAPTURE_OK)
        return problem;
    capture->pcap = pcap_fopen_offline_with_tstamp_precision(step->file, PCAP_TSTAMP_PRECISION_NANO, error);
    if (capture->pcap == NULL)
        return capture_say(message, CAPTURE_FAILED, "not a pcap or pcapng capture: %.200s", error);
    return CAPTURE_OK;
}

static void begin_file(struct capture *capture)
{
    capture_close(capture);
    capture->live = false;
    memset(&capture->mapped, 0, sizeof capture->mapped);
}

/* file: NULL with errno where it could not be opened. */
static enum capture_result open_stream(struct capture *capture, FILE *file, const char *user_filter,
                                       char message[static CAPTURE_ERROR_MAX])
{
    const struct step step = { .take = take_header, .file = file };
    enum capture_result result;

    if (file == NULL)
        return capture_say(message, CAPTURE_FAILED, "%s", strerror(errno));
    result = take_step(capture, &step, message);
    if (result != CAPTURE_OK) {
        if (step.file != stdin)
            fclose(step.file);
        return result;
    }
    capture->linktype = pcap_datalink(capture->pcap); /* the file is the pcap_t's own now */
    capture->zero_is_no_time = pcap_major_version(capture->pcap) == MAJOR_OF_PCAPNG;
    result = set_file_filter(capture, user_filter, message);
    if (result != CAPTURE_OK)
        capture_close(capture);
    return result;
}

enum capture_result capture_open_file(struct capture *capture, const char *path, const char *user_filter,
                                      char message[static CAPTURE_ERROR_MAX])
{
    begin_file(capture);
    return open_stream(capture, open_file(capture, path), user_filter, message);
}

enum capture_result capture_open_fd(struct capture *capture, int fd, const char *user_filter,
                                    char message[static CAPTURE_ERROR_MAX])
{
    FILE *file;
    int saved;

    begin_file(capture);
    file = mapped_file_adopt(&capture->mapped, fd);
    if (file == NULL) {
        saved = errno;
        close(fd);
        errno = saved;
    }
    return open_stream(capture, file, user_filter, message);
}

/* ---- frames ---- */

static enum capture_result explain_file(const struct capture *capture, char message[static CAPTURE_ERROR_MAX])
{
    const char *error = pcap_geterr(capture->pcap);

    if (feof(pcap_file(capture->pcap)))
        return capture_say(message, CAPTURE_CUT, "the capture is cut off: %s", error);
    if (strstr(error, " different from the ") != NULL)
        return capture_say(message, CAPTURE_MIXED, "%s", error);
    return capture_say(message, CAPTURE_FAILED, "the capture is broken: %s", error);
}

static enum capture_result take_frames(struct capture *capture, const struct step *step, char message[static CAPTURE_ERROR_MAX])
{
    const int status = pcap_dispatch(capture->pcap, step->count, on_frame, (u_char *)capture);

    if (status > 0)
        return CAPTURE_OK;
    return status == 0 ? CAPTURE_END : explain_file(capture, message);
}

enum capture_result capture_file_dispatch(struct capture *capture, int count, char message[static CAPTURE_ERROR_MAX])
{
    const struct step step = { .take = take_frames, .count = count };
    const enum capture_result result = take_step(capture, &step, message);

    if (result == CAPTURE_OK)
        mapped_file_release(&capture->mapped);
    return result;
}

bool capture_file_progress(const struct capture *capture, uint64_t *done, uint64_t *size)
{
    struct stat status;
    off_t at;

    if (capture->pcap == NULL || capture->live || fstat(fileno(pcap_file(capture->pcap)), &status) < 0
        || !S_ISREG(status.st_mode))
        return false;
    at = ftello(pcap_file(capture->pcap));
    if (at < 0)
        return false;
    *done = (uint64_t)at;
    *size = (uint64_t)status.st_size;
    return true;
}
