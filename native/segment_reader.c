/* segment_reader.c: see segment_reader.h. Everything that is read is checked before it is used to find the next thing.
 *
 * Which snapshot is believed: the newest whole one. A snapshot with an odd sequence is being written, or its writer died there;
 * then the older one, which is whole, is the answer, at once. An even sequence says "finished": if its CRC fails nevertheless, in
 * all tries, somebody other than the writer changed the file. That is SEGMENT_CORRUPT even when the other snapshot is whole: a
 * damaged head cannot say which of the two is the newer, and to serve the other quietly would hide the damage. A helper that is
 * alive has written over all of it within 32 intervals, so little is lost by saying so. */
#include "segment_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "crc32c.h"
#include "histogram.h"
#include "segment_check.h"
#include "segment_layout.h"

#define READ_TRIES 20
#define PAUSE_STEP_NS 500000L /* try n waits min(n, PAUSE_STEPS) steps before it: 73 ms in all */
#define PAUSE_STEPS 10
#define HISTOGRAMS_A_TIME 32
#define STALE_MIN_NS (10 * UINT64_C(1000000000))
#define STALE_INTERVALS 5
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

#define CURE_RESTART "restart go-metro"
#define CURE_INTRUDER "find out who put it there, remove it and restart go-metro"
#define CURE_VERSIONS "install go-metro and its metro_segment extension in one version and restart both"

static const char *const names[SEGMENT_STATUS_COUNT] = {
#define X(enumerator, name) [enumerator] = name,
    SEGMENT_STATUSES(X)
#undef X
};

static const char *const cures[SEGMENT_STATUS_COUNT] = {
    [SEGMENT_MISSING] = "see /var/log/datadog/go-metro.log and `supervisorctl status`",
    [SEGMENT_NO_SPACE] = "make room there (go-metro goes on by itself), or set another `segment_path`",
    [SEGMENT_UNREADABLE] = "read it as root or as the user that go-metro runs as (dd-agent)",
    [SEGMENT_NOT_REGULAR] = CURE_INTRUDER,
    [SEGMENT_FOREIGN_OWNER] = CURE_INTRUDER ", or set `user` to its owner",
    [SEGMENT_WRITABLE] = "find out who changed it, remove it and restart go-metro",
    [SEGMENT_EMPTY] = "go-metro makes no empty file: remove it and restart go-metro",
    [SEGMENT_TRUNCATED] = CURE_RESTART,
    [SEGMENT_BAD_MAGIC] = "correct `segment_path`, or remove the file and restart go-metro",
    [SEGMENT_OTHER_ABI] = CURE_VERSIONS,
    [SEGMENT_BAD_HEADER] = CURE_RESTART,
    [SEGMENT_BAD_LAYOUT] = CURE_VERSIONS,
    [SEGMENT_UNPUBLISHED] = "wait a few seconds; if it stays so, see /var/log/datadog/go-metro.log",
    [SEGMENT_TORN] = CURE_RESTART " and see /var/log/datadog/go-metro.log",
    [SEGMENT_CORRUPT] = CURE_RESTART "; if it comes again, look for what else writes to it",
    [SEGMENT_NO_MEMORY] = "lower `max_peers` or let this process have more memory",
};

static const char *const states[] = {
    [SEG_STARTING] = "starting", [SEG_CAPTURING] = "capturing", [SEG_DEGRADED] = "degraded",
    [SEG_FAILED] = "failed",     [SEG_STOPPED] = "stopped",
};

/* One call of segment_read(): what it was given and where its result goes. */
struct reading {
    int fd;
    const struct segment_read_options *options;
    struct segment_copy *out;
    char cause[SEG_ERROR_MAX];
};

/* One of the arrays of a snapshot. */
struct part {
    const char *name;
    uint64_t offset; /* in the snapshot */
    uint32_t count, size, crc;
    uint32_t read_crc; /* of what was read */
};

static enum segment_status fail_open(struct reading *reading, int error)
{
    if (error == ENOENT || error == ENOTDIR)
        return segment_fail(reading->cause, SEGMENT_MISSING,
                            "no segment: go-metro is not running, was never started or cannot make one");
    if (error == ELOOP || error == ENXIO)
        return segment_fail(reading->cause, SEGMENT_NOT_REGULAR, "is not a regular file");
    return segment_fail(reading->cause, SEGMENT_UNREADABLE, "uid %u cannot read it: %s", (unsigned)geteuid(), strerror(error));
}

/* The path up to its last slash. */
static void folder_of(const char *path, char folder[static PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    if (length >= PATH_MAX)
        length = 0; /* lstat() has refused it */
    memcpy(folder, length > 0 ? path : ".", length > 0 ? length : 1);
    folder[length > 0 ? length : 1] = '\0';
}

/* There is none. Where a file system is full no helper can make one to tell that in, so it is told here. */
static enum segment_status fail_absent(struct reading *reading, const char *path)
{
    char folder[PATH_MAX];
    struct statvfs room;
    const uint64_t needed = segment_first_size();
    folder_of(path, folder);
    if (statvfs(folder, &room) < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? segment_fail(reading->cause, SEGMENT_MISSING, "no segment, and no folder for one: correct `segment_path`")
                   : fail_open(reading, ENOENT);
    const uint64_t free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
    if (room.f_blocks > 0 && free_bytes < needed) /* 0 blocks: a file system without a limit */
        return segment_fail(reading->cause, SEGMENT_NO_SPACE,
                            "no segment, and no room for one: go-metro needs %llu bytes there, %llu are free",
                            (unsigned long long)needed, (unsigned long long)free_bytes);
    if (room.f_files > 0 && room.f_favail == 0)
        return segment_fail(reading->cause, SEGMENT_NO_SPACE, "no segment, and no room for one: no inode is free there");
    return fail_open(reading, ENOENT);
}

static enum segment_status check_type(struct reading *reading, const struct stat *file)
{
    if (S_ISREG(file->st_mode))
        return SEGMENT_OK;
    return segment_fail(reading->cause, SEGMENT_NOT_REGULAR, "is %s, not a regular file", segment_type_name(file->st_mode));
}

static enum segment_status check_owner(struct reading *reading, const struct stat *file)
{
    const struct segment_read_options *options = reading->options;
    if (options->any_owner)
        return SEGMENT_OK;
    if (file->st_uid != 0 && file->st_uid != geteuid() && !(options->has_owner && file->st_uid == options->owner))
        return segment_fail(reading->cause, SEGMENT_FOREIGN_OWNER,
                            "belongs to uid %u, who is not root, not the reader and not go-metro's user", (unsigned)file->st_uid);
    if ((file->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return segment_fail(reading->cause, SEGMENT_WRITABLE, "others than its owner may write to it (mode %04o, not 0640)",
                            (unsigned)file->st_mode & 07777);
    return SEGMENT_OK;
}

/* All of `size` bytes, or a status: a file that ends early has been cut off since its size was looked at. */
static enum segment_status read_at(struct reading *reading, void *to, size_t size, uint64_t offset)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(reading->fd, (char *)to + done, size - done, (off_t)(offset + done));
        if (got == 0)
            return segment_fail(reading->cause, SEGMENT_TRUNCATED, "became shorter while it was read");
        if (got < 0 && errno != EINTR)
            return segment_fail(reading->cause, SEGMENT_UNREADABLE, "reading it failed: %s", strerror(errno));
        done += got > 0 ? (size_t)got : 0;
    }
    return SEGMENT_OK;
}

static enum segment_status read_part(struct reading *reading, uint64_t base, struct part *part, void **out)
{
    const size_t bytes = (size_t)part->count * part->size;
    *out = malloc(bytes > 0 ? bytes : 1);
    if (*out == NULL)
        return segment_fail(reading->cause, SEGMENT_NO_MEMORY, "no memory for %zu bytes of %s", bytes, part->name);
    enum segment_status status = read_at(reading, *out, bytes, base + part->offset);
    if (status == SEGMENT_OK)
        part->read_crc = crc32c(0, *out, bytes);
    return status;
}

/* What honest rows say of their histograms, and no more than these can have. */
static size_t expected_counts(const struct seg_row *rows, uint32_t count)
{
    size_t sum = 0;
    for (uint32_t n = 0; n < count; n++)
        if (rows[n].max_ns > 0 && rows[n].max_ns >= rows[n].min_ns)
            sum += histogram_bucket(rows[n].max_ns) - histogram_bucket(rows[n].min_ns) + 1;
    return sum;
}

/* A few at a time, from which what is in use is kept: most buckets are empty, and to give all of them memory would be most of the
 * time. */
static enum segment_status read_histograms(struct reading *reading, uint64_t base, struct part *part, const struct seg_row *rows,
                                           struct bucket_store *store)
{
    struct seg_histogram some[HISTOGRAMS_A_TIME];
    struct buckets *all = malloc(((size_t)part->count + 1) * sizeof *all);
    enum segment_status status = SEGMENT_OK;
    bool has_memory = all != NULL && buckets_reserve(store, expected_counts(rows, part->count));
    reading->out->buckets = all;
    for (uint32_t done = 0; done < part->count && has_memory && status == SEGMENT_OK;) {
        const uint32_t left = part->count - done, count = left < HISTOGRAMS_A_TIME ? left : HISTOGRAMS_A_TIME;
        status = read_at(reading, some, count * sizeof *some, base + part->offset + done * sizeof *some);
        if (status == SEGMENT_OK)
            part->read_crc = crc32c(part->read_crc, some, count * sizeof *some);
        for (uint32_t n = 0; n < count && has_memory && status == SEGMENT_OK; n++, done++)
            has_memory = buckets_keep(store, some[n].count, &all[done]);
    }
    reading->out->counts = store->counts;
    if (!has_memory)
        return segment_fail(reading->cause, SEGMENT_NO_MEMORY, "no memory for %u %s", part->count, part->name);
    if (status == SEGMENT_OK)
        buckets_kept(store, all, part->count);
    return status;
}

static enum segment_status check_crc(struct reading *reading, const struct part *part)
{
    if (part->read_crc == part->crc)
        return SEGMENT_OK;
    return segment_fail(reading->cause, SEGMENT_CORRUPT, "the %s of a snapshot do not match their CRC", part->name);
}

/* The writer may have come round to this snapshot while it was copied. */
static enum segment_status check_still(struct reading *reading, uint64_t base, uint64_t sequence)
{
    uint64_t now = 0;
    __atomic_thread_fence(__ATOMIC_ACQUIRE); /* what was copied was read before this */
    enum segment_status status = read_at(reading, &now, sizeof now, base + offsetof(struct seg_snapshot, sequence));
    if (status == SEGMENT_OK && now != sequence)
        return segment_fail(reading->cause, SEGMENT_TORN, "it changes faster than it can be read");
    return status;
}

static enum segment_status read_head(struct reading *reading, unsigned slot, struct seg_snapshot *head,
                                     enum segment_head_state *state)
{
    const uint64_t base = reading->out->header.snapshot_offset[slot];
    enum segment_status status = read_at(reading, head, sizeof *head, base);
    if (status != SEGMENT_OK)
        return status;
    *state = segment_head_state(head, slot);
    if (*state != SEGMENT_HEAD_DAMAGED)
        return SEGMENT_OK;
    status = check_still(reading, base, head->sequence);
    return status == SEGMENT_OK
               ? segment_fail(reading->cause, SEGMENT_CORRUPT, "the head of a snapshot does not match its CRC or its place")
               : status;
}

static enum segment_status copy_snapshot(struct reading *reading, unsigned slot, const struct seg_snapshot *head)
{
    struct segment_copy *out = reading->out;
    const struct seg_header *header = &out->header;
    const uint64_t base = header->snapshot_offset[slot];
    struct part parts[] = {
        { "instances", header->instances_offset, head->instance_count, sizeof(struct seg_instance), head->instances_crc, 0 },
        { "rows", header->rows_offset, head->row_count, sizeof(struct seg_row), head->rows_crc, 0 },
        { "histograms", header->histograms_offset, head->row_count, sizeof(struct seg_histogram), head->histograms_crc, 0 },
    };
    const unsigned count = reading->options->histograms ? 3 : 2;
    struct bucket_store store = { NULL, 0, 0 };
    void *data[2] = { NULL, NULL };
    enum segment_status status = segment_check_head(header, head, reading->cause);
    for (unsigned n = 0; n < 2 && status == SEGMENT_OK; n++)
        status = read_part(reading, base, &parts[n], &data[n]);
    if (status == SEGMENT_OK && count == 3)
        status = read_histograms(reading, base, &parts[2], data[1], &store);
    if (status == SEGMENT_OK)
        status = check_still(reading, base, head->sequence);
    for (unsigned n = 0; n < count && status == SEGMENT_OK; n++)
        status = check_crc(reading, &parts[n]);
    out->snapshot = *head;
    out->instances = data[0];
    out->rows = data[1];
    return status == SEGMENT_OK ? segment_check_contents(out, reading->cause) : status;
}

static enum segment_status fail_unwhole(struct reading *reading, const enum segment_head_state state[static 2])
{
    if (state[0] != SEGMENT_HEAD_NEVER && state[1] != SEGMENT_HEAD_NEVER)
        return segment_fail(reading->cause, SEGMENT_TORN, "both snapshots are half written");
    return segment_fail(reading->cause, SEGMENT_UNPUBLISHED, "go-metro (pid %u) has made it and published nothing yet",
                        reading->out->header.pid);
}

static enum segment_status try_once(struct reading *reading)
{
    struct seg_snapshot head[2];
    enum segment_head_state state[2];
    enum segment_status status = SEGMENT_OK;
    for (unsigned slot = 0; slot < 2 && status == SEGMENT_OK; slot++)
        status = read_head(reading, slot, &head[slot], &state[slot]);
    if (status != SEGMENT_OK)
        return status;
    if (state[0] != SEGMENT_HEAD_WHOLE && state[1] != SEGMENT_HEAD_WHOLE)
        return fail_unwhole(reading, state);
    unsigned newest = state[0] == SEGMENT_HEAD_WHOLE ? 0 : 1;
    if (state[0] == state[1] && head[1].generation > head[0].generation)
        newest = 1;
    return copy_snapshot(reading, newest, &head[newest]);
}

static void free_arrays(struct segment_copy *copy)
{
    free(copy->instances);
    free(copy->rows);
    free(copy->buckets);
    free(copy->counts);
    copy->instances = NULL;
    copy->rows = NULL;
    copy->buckets = NULL;
    copy->counts = NULL;
}

/* What a writer at work can look like for a moment. */
static bool may_pass(enum segment_status status)
{
    return status == SEGMENT_UNPUBLISHED || status == SEGMENT_TORN || status == SEGMENT_CORRUPT;
}

static void pause_before(unsigned try)
{
    struct timespec time = {.tv_nsec = PAUSE_STEP_NS * (try < PAUSE_STEPS ? try : PAUSE_STEPS) };
    nanosleep(&time, NULL); /* cut short by a signal: one try comes sooner */
}

static enum segment_status read_snapshot(struct reading *reading)
{
    enum segment_status status = try_once(reading);
    for (unsigned try = 1; try < READ_TRIES && may_pass(status); try++) {
        free_arrays(reading->out);
        pause_before(try);
        status = try_once(reading);
    }
    return status;
}

static enum segment_status read_header(struct reading *reading, uint64_t file_size)
{
    struct seg_header *header = &reading->out->header;
    const size_t size = file_size < sizeof *header ? (size_t)file_size : sizeof *header;
    enum segment_status status = read_at(reading, header, size, 0);
    if (status == SEGMENT_OK)
        status = segment_check_header(header, size, reading->cause);
    return status == SEGMENT_OK ? segment_check_layout(header, file_size, reading->cause) : status;
}

static enum segment_status read_file(struct reading *reading)
{
    struct stat file;
    if (fstat(reading->fd, &file) < 0)
        return fail_open(reading, errno);
    enum segment_status status = check_type(reading, &file);
    if (status == SEGMENT_OK)
        status = check_owner(reading, &file);
    if (status == SEGMENT_OK)
        status = read_header(reading, (uint64_t)file.st_size);
    return status == SEGMENT_OK ? read_snapshot(reading) : status;
}

/* The type is looked at before open(), too: to open a device can set it off. */
static enum segment_status read_path(struct reading *reading, const char *path)
{
    struct stat file;
    if (lstat(path, &file) < 0)
        return errno == ENOENT || errno == ENOTDIR ? fail_absent(reading, path) : fail_open(reading, errno);
    enum segment_status status = check_type(reading, &file);
    if (status != SEGMENT_OK)
        return status;
    reading->fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (reading->fd < 0)
        return fail_open(reading, errno);
    status = read_file(reading);
    close(reading->fd);
    return status;
}

/* The one place where the result becomes the caller's, or nothing. */
static enum segment_status finish(struct reading *reading, enum segment_status status, const char *path,
                                  char message[static SEG_ERROR_MAX])
{
    if (status == SEGMENT_OK) {
        memset(message, 0, SEG_ERROR_MAX);
        return status;
    }
    segment_copy_free(reading->out);
    segment_message(message, path, "%s; %s", reading->cause, cures[status]);
    return status;
}

enum segment_status segment_read_fd(int fd, const char *path, const struct segment_read_options *options,
                                    struct segment_copy *out, char message[static SEG_ERROR_MAX])
{
    struct reading reading = { .fd = fd, .options = options, .out = out };
    memset(out, 0, sizeof *out);
    return finish(&reading, read_file(&reading), path, message);
}

enum segment_status segment_read(const char *path, const struct segment_read_options *options, struct segment_copy *out,
                                 char message[static SEG_ERROR_MAX])
{
    struct reading reading = { .fd = -1, .options = options, .out = out };
    memset(out, 0, sizeof *out);
    return finish(&reading, read_path(&reading, path), path, message);
}

enum segment_status segment_read_now(const char *path, const struct segment_read_options *options, struct segment_copy *out,
                                     struct segment_time *time, char message[static SEG_ERROR_MAX])
{
    struct reading reading = { .fd = -1, .options = options, .out = out };
    char boot_id[40];
    memset(out, 0, sizeof *out);
    enum segment_status status = read_path(&reading, path);
    segment_boot_id(boot_id);
    time->read_ns = clock_ns(CLOCK_BOOTTIME);
    if (status == SEGMENT_OK)
        status = segment_check_age(out, time->read_ns, boot_id, &time->age_ns, reading.cause);
    return finish(&reading, status, path, message);
}

void segment_copy_free(struct segment_copy *copy)
{
    free_arrays(copy);
    memset(copy, 0, sizeof *copy);
}

const char *segment_status_name(enum segment_status status)
{
    return (unsigned)status < SEGMENT_STATUS_COUNT ? names[status] : "unknown";
}

const char *segment_state_name(uint32_t state)
{
    const char *name = state < sizeof states / sizeof states[0] ? states[state] : NULL;
    return name != NULL ? name : "unknown";
}

const char *segment_sampling_name(uint32_t sampling)
{
    return sampling == SEG_SAMPLING_OPEN ? "open" : sampling == SEG_SAMPLING_CLOSED ? "closed" : NULL;
}

uint64_t segment_sampling_left_s(const struct seg_instance *instance, uint64_t then_ns)
{
    const uint64_t turn_ns = instance->sample_turn_boottime_ns;

    return turn_ns <= then_ns ? 0 : (turn_ns - then_ns - 1) / NS_PER_S + 1;
}

void segment_boot_id(char out[static 40])
{
    memset(out, 0, 40);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t got = read(fd, out, 39);
    out[got > 0 ? strcspn(out, "\n") : 0] = '\0';
    close(fd);
}

bool segment_is_stale(const struct segment_copy *copy, uint64_t age_ns)
{
    const uint64_t intervals_ns = STALE_INTERVALS * NS_PER_MS * copy->header.publish_interval_ms;
    return copy->snapshot.state != SEG_STOPPED && age_ns > (intervals_ns > STALE_MIN_NS ? intervals_ns : STALE_MIN_NS);
}
