/* replay.c: the capture file of one instance. */
#include "replay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "capture.h"
#include "clock.h"
#include "file_stamp.h"
#include "file_time.h"
#include "log.h"
#include "segment_check.h"

/* Between two looks at the clock; the largest frames are a quarter of a MiB, and may come off a disk. */
#define FRAMES_A_LOOK 128U
#define CAUSE_MOST 100 /* bytes of it, which leave a long path room for what to do */
#define REST_S 2U      /* a file that changes may still be being written, or copied there */
#define PATIENCE_S 30U /* so long names may take; a resolver that hangs does not hold up the file for ever */
#define NS_PER_S INT64_C(1000000000)
#define THIS (UINT64_C(1) << REPLAY_NUMBER) /* the instance, to the meter */

struct replay {
    char *path;
    const char *user_filter;
    struct capture *capture;
    struct meter *meter;
    bool is_reading;
    bool is_waiting;          /* for who is wanted, */
    uint32_t waiting_s;       /* since then */
    bool was_tried;           /* the first time needs no rest */
    bool is_partial;          /* more is known by now of who is wanted than when it was opened */
    bool is_forgotten;        /* what was measured of it is not what is wanted now */
    struct file_stamp opened; /* as it was when it was opened last; all zero: it was not, or is to be opened again */
    struct file_stamp looked; /* at the last look, and */
    uint32_t looked_s;        /* since when it has been so */
    struct file_time time;
    int64_t last_ns; /* capture time of the newest frame that has one */
    uint64_t frames;
    struct replay_times times;
    uint64_t revision;
    enum seg_state state;
    char text[SEG_ERROR_MAX];
    char warning[SEG_ERROR_MAX];
};

struct replay *replay_new(const char *path, const char *user_filter, const struct meter_options *options)
{
    struct replay *replay = calloc(1, sizeof *replay);

    if (replay == NULL)
        return NULL;
    replay->path = strdup(path);
    replay->user_filter = user_filter;
    replay->capture = capture_new();
    replay->meter = meter_new(options);
    replay->state = SEG_STARTING;
    if (replay->path != NULL && replay->capture != NULL && replay->meter != NULL)
        return replay;
    replay_free(replay);
    return NULL;
}

void replay_free(struct replay *replay)
{
    if (replay == NULL)
        return;
    capture_free(replay->capture);
    meter_free(replay->meter);
    free(replay->path);
    free(replay);
}

struct meter *replay_meter(const struct replay *replay)
{
    return replay->meter;
}

bool replay_is_reading(const struct replay *replay)
{
    return replay->is_reading;
}

enum seg_state replay_state(const struct replay *replay)
{
    return replay->state;
}

const char *replay_text(const struct replay *replay)
{
    return replay->text;
}

const char *replay_warning(const struct replay *replay)
{
    return replay->warning;
}

struct replay_times replay_times(const struct replay *replay)
{
    return replay->times;
}

uint64_t replay_revision(const struct replay *replay)
{
    return replay->revision;
}

/* ---- opening ---- */

/* The same trouble is logged once, when it begins. */
static void fail(struct replay *replay, const char *cause)
{
    char text[SEG_ERROR_MAX];

    segment_message(text, replay->path, "%s", cause);
    if (replay->state != SEG_FAILED || strcmp(replay->text, text) != 0)
        log_errorx("replay", "%s", text);
    replay->state = SEG_FAILED;
    memcpy(replay->text, text, sizeof text);
}

static void fail_open(struct replay *replay, int error)
{
    char cause[SEG_ERROR_MAX];

    switch (error) {
    case ENOENT:
    case ENOTDIR:
        fail(replay,
             replay->is_forgotten
                 ? "it is gone, and what is asked of it has changed since it was read; put it there again (waiting for it)"
                 : "no such file; put the capture there or correct `pcap` (waiting for it)");
        return;
    case EACCES:
    case EPERM:
        fail(replay, "go-metro may not read it; make it readable for the user that go-metro runs as, and its folders passable "
                     "(trying again)");
        return;
    default:
        snprintf(cause, sizeof cause, "%.*s; see to the file, or correct `pcap` (trying again)", CAUSE_MOST, strerror(error));
        fail(replay, cause);
    }
}

static void fail_type(struct replay *replay, mode_t mode)
{
    char cause[SEG_ERROR_MAX];

    snprintf(cause, sizeof cause, "%s, not a capture file; write the capture to a file, or correct `pcap`",
             segment_type_name(mode));
    fail(replay, cause);
}

/* A FIFO is not opened at all, as its writer would notice; nor is anything waited for that took the file's place meanwhile. */
static int open_regular(struct replay *replay, struct stat *status)
{
    int fd;

    if (stat(replay->path, status) == 0 && !S_ISREG(status->st_mode)) {
        fail_type(replay, status->st_mode);
        return -1;
    }
    fd = open(replay->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0 && fstat(fd, status) == 0 && S_ISREG(status->st_mode))
        return fd;
    if (fd < 0)
        fail_open(replay, errno);
    else
        close(fd); /* it is another by now; the next look tells */
    return -1;
}

/* What was measured of the file before goes; the meter's time goes on. */
static void begin(struct replay *replay)
{
    meter_instance_clear(replay->meter, REPLAY_NUMBER);
    replay->time = (struct file_time){ .base_s = replay->time.now_s < UINT32_MAX ? replay->time.now_s + 1 : UINT32_MAX };
    replay->time.now_s = replay->time.base_s;
    replay->frames = 0;
    replay->times = (struct replay_times){ clock_ns(CLOCK_REALTIME), clock_ns(CLOCK_BOOTTIME), replay->time.now_s };
    replay->is_reading = true;
    replay->is_partial = replay->is_forgotten = false;
    replay->state = SEG_CAPTURING;
    replay->text[0] = replay->warning[0] = '\0';
    replay->revision++;
    log_info("replay", "%s: reading", replay->path);
}

/* What to do, and when it is tried again. */
static const char *advice_on(enum capture_result result)
{
    switch (result) {
    case CAPTURE_BAD_FILTER:
        return "; correct it where go-metro is started"; /* the file is not in the way */
    case CAPTURE_COMPRESSED:
        return "; unpack it (gunzip), or correct `pcap` (looking again when it changes)";
    default:
        return "; put a whole capture there, or correct `pcap` (looking again when it changes)";
    }
}

static void try_open(struct replay *replay)
{
    char message[CAPTURE_ERROR_MAX], cause[SEG_ERROR_MAX];
    enum capture_result result;
    struct stat status;
    int fd = open_regular(replay, &status);

    replay->was_tried = true;
    if (fd < 0)
        return;
    replay->opened = file_stamp_of(&status);
    result = capture_open_fd(replay->capture, fd, replay->user_filter, message);
    if (result == CAPTURE_OK) {
        begin(replay);
        return;
    }
    snprintf(cause, sizeof cause, "%.*s%s", CAUSE_MOST, message, advice_on(result));
    fail(replay, cause);
}

static bool must_wait(struct replay *replay, uint32_t now_s, bool is_ready)
{
    if (!replay->is_waiting)
        replay->waiting_s = now_s;
    replay->is_waiting = !is_ready;
    return !is_ready && now_s - replay->waiting_s < PATIENCE_S;
}

/* Ends what is being read of it, to be opened at once. */
static void begin_again(struct replay *replay)
{
    capture_close(replay->capture);
    replay->is_reading = false;
    replay->is_partial = false;
    replay->was_tried = false;
    replay->opened = (struct file_stamp){ 0 };
}

static void say_gone(struct replay *replay)
{
    if (replay->warning[0] != '\0')
        return; /* that it was cut off has the same cure */
    segment_message(replay->warning, replay->path, "%s",
                    "names were resolved after it was read, and it is gone; put it there again to measure them");
    log_warnx("replay", "%s", replay->warning);
}

/* Another file in its place is read in time as any other. */
static void complete(struct replay *replay, const struct file_stamp *now, bool is_absent)
{
    if (is_absent)
        say_gone(replay);
    else if (file_stamp_equal(now, &replay->opened))
        begin_again(replay);
}

void replay_check(struct replay *replay, uint32_t now_s, bool is_ready)
{
    const struct file_stamp none = { 0 }, now = file_stamp_look(replay->path);
    const bool is_absent = file_stamp_equal(&now, &none);

    if (!file_stamp_equal(&now, &replay->looked)) {
        replay->looked = now;
        replay->looked_s = now_s;
    }
    if (must_wait(replay, now_s, is_ready))
        return;
    if (replay->is_partial)
        complete(replay, &now, is_absent);
    if (replay->is_reading)
        return;
    if (is_absent ? replay->state == SEG_STOPPED : file_stamp_equal(&now, &replay->opened))
        return; /* what was read may be removed */
    if (is_absent || !replay->was_tried || now_s - replay->looked_s >= REST_S)
        try_open(replay);
}

bool replay_was_read(const struct replay *replay)
{
    return replay->is_forgotten || replay->times.begun_realtime_ns != 0;
}

void replay_follow(struct replay *replay)
{
    replay->is_forgotten = replay->times.begun_realtime_ns == 0;
}

void replay_restart(struct replay *replay)
{
    replay->is_forgotten = replay_was_read(replay);
    begin_again(replay);
    meter_instance_clear(replay->meter, REPLAY_NUMBER);
    replay->state = SEG_STARTING;
    replay->text[0] = replay->warning[0] = '\0';
    replay->revision++;
}

/* What is not open yet, or could not be, will be read for all of them. */
void replay_repeat(struct replay *replay)
{
    replay->is_partial = replay->state == SEG_CAPTURING || replay->state == SEG_STOPPED;
}

/* ---- reading ---- */

static void on_frame(void *arg, const struct captured_frame *frame)
{
    struct replay *replay = arg;

    replay->frames++;
    if (file_time_is_turn(&replay->time, frame->time_ns)) {
        if (frame->time_ns == CAPTURE_NO_TIME) {
            meter_ignore(replay->meter, THIS, PACKET_CLOCK_STEP);
            return;
        }
        (void)file_time_turn(&replay->time, frame->time_ns);
    }
    replay->last_ns = frame->time_ns;
    meter_frame(replay->meter, THIS, frame, replay->time.now_s);
}

static void format_time(char out[static 32], int64_t time_ns)
{
    const time_t seconds = (time_t)(time_ns / NS_PER_S);
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        snprintf(out, 32, "?");
}

static void say_end(struct replay *replay)
{
    char first[32], last[32];

    if (replay->time.has_time) {
        format_time(first, replay->time.start_ns);
        format_time(last, replay->last_ns);
        segment_message(replay->text, replay->path, "read to its end: %" PRIu64 " packets of %s to %s UTC", replay->frames, first,
                        last);
    } else {
        segment_message(replay->text, replay->path, "read to its end: %" PRIu64 " packets, none with a time", replay->frames);
    }
    log_info("replay", "%s", replay->text);
}

static void end(struct replay *replay, enum capture_result result, const char *message)
{
    meter_finish(replay->meter, THIS);
    replay->is_reading = false;
    replay->state = SEG_STOPPED;
    replay->revision++;
    say_end(replay);
    if (result == CAPTURE_END)
        return;
    segment_message(replay->warning, replay->path, "%.*s; what stands before is measured; %s", CAUSE_MOST, message,
                    result == CAPTURE_MIXED ? "put one capture an interface there" : "put the whole capture there");
    log_warnx("replay", "%s", replay->warning);
}

void replay_read(struct replay *replay, uint64_t most_ns)
{
    const uint64_t until_ns = clock_ns(CLOCK_MONOTONIC) + most_ns;
    char message[CAPTURE_ERROR_MAX];
    enum capture_result result;

    if (!replay->is_reading)
        return;
    do
        result = capture_dispatch(replay->capture, FRAMES_A_LOOK, on_frame, replay, message);
    while (result == CAPTURE_OK && clock_ns(CLOCK_MONOTONIC) < until_ns);
    meter_flush(replay->meter);
    replay->times.read_boottime_ns = clock_ns(CLOCK_BOOTTIME);
    replay->times.now_s = replay->time.now_s;
    if (result != CAPTURE_OK)
        end(replay, result, message);
}
