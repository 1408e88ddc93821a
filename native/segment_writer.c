/* segment_writer.c: see segment_writer.h; how the file gets its name is in segment_place.c.
 *
 * A generation is stored in this order: the sequence becomes odd; instances, rows, histograms; the rest of the head with the
 * CRCs; the sequence becomes even. The other snapshot is not touched. So wherever the process ends, one of two things is in the
 * file: an odd sequence, which no reader looks behind, or a whole generation. All is stored by STORE, STORE_ZEROS and
 * store_sequence(). */
#include "segment_writer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "crc32c.h"
#include "prefetch.h"
#include "segment_check.h"
#include "segment_layout.h"
#include "segment_place.h"
#include "stream.h"

#ifndef STORE /* the unit test stops inside and after each of them */
#define STORE(to, from, size) stream_copy(to, from, size)
#define STORE_ZEROS(to, size) memset(to, 0, size)
#define STORED() ((void)0)
#endif

#define OPEN_ATTEMPTS 100 /* each but the last was overtaken by another helper */
#define OPEN_PAUSE_NS 1000000L
#define WHOLE_EVERY 16 /* of how many times that a slot is written each row is stored whole once, changed or not */
#define FETCH_AHEAD 4  /* rows */
#define COUNTS_SIZE offsetof(struct seg_row, peer_name) /* of a row; the rest of it hardly ever changes */
#define BEHIND_NAME (sizeof(struct seg_row) - offsetof(struct seg_row, first_birth))
#define HISTOGRAM_WORDS (sizeof(struct seg_histogram) / sizeof(uint32_t))
#define NS_PER_S UINT64_C(1000000000)

/* The words of a histogram that are not zero are from `from` up to before `end`. */
struct words {
    uint32_t from, end;
};

/* What a slot holds in one of its places for rows. */
struct stored {
    struct segment_version version; /* 0: not known */
    uint32_t counts_crc, name_crc, histogram_crc;
    struct words used;
};

/* What the rows of a slot are all together. */
struct all_stored {
    uint64_t version; /* 0: not known */
    uint64_t boottime_ns;
    uint32_t instance_count, row_count, rows_crc, histograms_crc;
};

struct slot {
    struct stored *stored;
    struct all_stored *all;
    uint8_t *rows, *histograms; /* in the mapping */
    uint64_t turn;              /* how many times it was written before, by this helper */
};

struct segment_writer {
    char *path;
    int fd; /* holds the lock */
    struct stat file;
    /* Our own: what is in the mapping is not read back. */
    struct seg_header header;
    struct stored *stored[2];
    struct all_stored all[2];
    struct crc32c_item counts, name, histogram;
    uint8_t *map;
    uint64_t generation, sequence[2];
};

static void fill_header(struct seg_header *header, const struct segment_writer_options *options)
{
    memcpy(header->magic, SEG_MAGIC, sizeof header->magic);
    header->abi_major = SEG_ABI_MAJOR;
    header->abi_minor = SEG_ABI_MINOR;
    segment_layout(header, options->instance_capacity, options->row_capacity);
    header->publish_interval_ms = options->publish_interval_ms;
    header->pid = (uint32_t)getpid();
    header->pid_start_ticks = segment_pid_start_ticks(getpid());
    header->start_boottime_ns = options->identity.start_boottime_ns;
    header->start_realtime_ns = options->identity.start_realtime_ns;
    if (header->start_boottime_ns == 0) {
        header->start_boottime_ns = clock_ns(CLOCK_BOOTTIME);
        header->start_realtime_ns = clock_ns(CLOCK_REALTIME);
    }
    segment_boot_id(header->boot_id);
    segment_clean_text(header->version, sizeof header->version, options->version);
    header->crc = crc32c(0, header, offsetof(struct seg_header, crc));
}

static bool options_ok(const struct segment_writer_options *options)
{
    return options->row_capacity >= 1 && options->row_capacity <= SEG_MAX_ROWS && options->instance_capacity >= 1
           && options->instance_capacity <= SEG_MAX_INSTANCES && options->publish_interval_ms >= SEG_INTERVAL_MIN_MS
           && options->publish_interval_ms <= SEG_INTERVAL_MAX_MS;
}

static struct segment_writer *new_writer(const struct segment_writer_options *options)
{
    struct segment_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return NULL;
    writer->fd = -1;
    writer->map = MAP_FAILED;
    writer->path = strdup(options->path);
    for (unsigned slot = 0; slot < 2; slot++)
        writer->stored[slot] = calloc(options->row_capacity, sizeof *writer->stored[slot]);
    if (writer->path == NULL || writer->stored[0] == NULL || writer->stored[1] == NULL) {
        segment_writer_close(writer);
        return NULL;
    }
    fill_header(&writer->header, options);
    crc32c_item_init(&writer->counts, COUNTS_SIZE);
    crc32c_item_init(&writer->name, sizeof(struct seg_row) - COUNTS_SIZE);
    crc32c_item_init(&writer->histogram, sizeof(struct seg_histogram));
    writer->generation = options->identity.generation;
    return writer;
}

/* MAP_POPULATE: the page faults happen now and not while a snapshot is half written. */
static int map_file(struct segment_writer *writer, int fd)
{
    if (writer->header.file_size > SIZE_MAX / 2) {
        errno = ENOMEM;
        return -1;
    }
    writer->map = mmap(NULL, (size_t)writer->header.file_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (writer->map == MAP_FAILED)
        return -1;
    memcpy(writer->map, &writer->header, sizeof writer->header);
    return 0;
}

static void unmap_file(struct segment_writer *writer)
{
    if (writer->map != MAP_FAILED)
        munmap(writer->map, (size_t)writer->header.file_size);
    writer->map = MAP_FAILED;
}

static enum segment_writer_result attempt(struct segment_writer *writer, struct segment_place *place)
{
    enum segment_writer_result result = segment_place_claim(place);
    if (result == SEGW_OK)
        result = segment_place_create(place, writer->header.file_size);
    if (result == SEGW_OK && map_file(writer, place->fd) < 0) {
        segment_message(place->message, place->path, "cannot be mapped: %s; let go-metro have more memory", strerror(errno));
        result = SEGW_FAILED;
    }
    if (result == SEGW_OK)
        result = segment_place_name(place);
    if (result == SEGW_OK) {
        writer->fd = place->fd;
        writer->file = place->file;
        place->fd = -1;
    } else {
        unmap_file(writer);
    }
    return result;
}

static enum segment_writer_result attempt_all(struct segment_writer *writer, int own_fd, char message[static SEG_ERROR_MAX],
                                              pid_t *holder)
{
    const struct timespec pause = { .tv_nsec = OPEN_PAUSE_NS };
    enum segment_writer_result result = SEGW_FAILED;
    bool again = true;
    for (unsigned n = 0; n < OPEN_ATTEMPTS && again; n++) {
        struct segment_place place = SEGMENT_PLACE(writer->path, message);
        place.own_fd = own_fd;
        if (n > 0)
            nanosleep(&pause, NULL);
        result = attempt(writer, &place);
        again = place.again;
        *holder = place.holder;
        segment_place_finish(&place);
    }
    return result;
}

enum segment_writer_result segment_writer_open(const struct segment_writer_options *options, struct segment_writer **out,
                                               char message[static SEG_ERROR_MAX], pid_t *holder)
{
    *out = NULL;
    *holder = 0;
    memset(message, 0, SEG_ERROR_MAX);
    if (!options_ok(options)) {
        segment_message(message, options->path,
                        "room for %u rows and %u instances, published every %u ms, is not possible: set `max_peers` lower",
                        options->row_capacity, options->instance_capacity, options->publish_interval_ms);
        return SEGW_FAILED;
    }
    struct segment_writer *writer = new_writer(options);
    if (writer == NULL) {
        segment_message(message, options->path, "%s", strerror(ENOMEM));
        return SEGW_FAILED;
    }
    const int own_fd = options->replaces != NULL ? options->replaces->fd : -1;
    enum segment_writer_result result = attempt_all(writer, own_fd, message, holder);
    if (result == SEGW_OK) {
        memset(message, 0, SEG_ERROR_MAX); /* what an earlier attempt said */
        *out = writer;
    } else {
        segment_writer_close(writer);
    }
    return result;
}

static bool state_ok(uint32_t state)
{
    return state >= SEG_STARTING && state <= SEG_STOPPED;
}

static bool row_ok(const struct seg_row *row, const struct segment_contents *contents)
{
    return row->instance < contents->instance_count && segment_round_trips_ok(row)
           && row->last_sample_boottime_ns <= contents->boottime_ns;
}

/* Whether nothing of the rows has to be looked at: they are as they were, and within bounds that are no closer than they were. */
static bool has_all(const struct slot *slot, const struct segment_contents *contents)
{
    return contents->version != 0 && slot->all->version == contents->version && slot->all->row_count == contents->row_count
           && contents->instance_count >= slot->all->instance_count && contents->boottime_ns >= slot->all->boottime_ns;
}

static bool rows_ok(const struct segment_contents *contents)
{
    bool ok = true;
    for (uint32_t n = 0; n < contents->row_count; n++)
        ok = ok && row_ok(&contents->rows[n], contents);
    return ok;
}

static bool instances_ok(const struct segment_contents *contents)
{
    bool ok = true;
    for (uint32_t n = 0; n < contents->instance_count; n++)
        ok = ok && state_ok(contents->instances[n].state);
    return ok;
}

/* What every reader would refuse, or what is no range of buckets, is refused here, before anything is stored. */
static bool contents_ok(const struct segment_writer *writer, const struct slot *slot, const struct segment_contents *contents)
{
    return contents->instance_count <= writer->header.instance_capacity && contents->row_count <= writer->header.row_capacity
           && state_ok(contents->state) && contents->boottime_ns >= writer->header.start_boottime_ns && instances_ok(contents)
           && (has_all(slot, contents) || rows_ok(contents));
}

static void store_sequence(uint8_t *base, uint64_t sequence)
{
    __atomic_store_n((uint64_t *)(void *)(base + offsetof(struct seg_snapshot, sequence)), sequence, __ATOMIC_RELEASE);
    STORED();
}

static uint32_t store_instances(uint8_t *to, const struct segment_contents *contents)
{
    uint32_t crc = 0;
    for (uint32_t n = 0; n < contents->instance_count; n++, to += sizeof(struct seg_instance)) {
        struct seg_instance clean = contents->instances[n];
        segment_clean_text(clean.interface, sizeof clean.interface, clean.interface);
        segment_clean_text(clean.error, sizeof clean.error, clean.error);
        segment_clean_text(clean.warning, sizeof clean.warning, clean.warning);
        for (unsigned reason = 0; reason < SEG_REASONS; reason++)
            segment_clean_text(clean.ignored[reason].name, SEG_REASON_MAX, clean.ignored[reason].name);
        crc = crc32c(crc, &clean, sizeof clean);
        STORE(to, &clean, sizeof clean);
    }
    return crc;
}

static void store_counts(uint8_t *to, const struct seg_row *row, struct stored *stored)
{
    stored->counts_crc = crc32c(0, row, COUNTS_SIZE);
    STORE(to, row, COUNTS_SIZE);
}

static void store_name(uint8_t *to, const struct seg_row *row, struct stored *stored)
{
    const uint8_t *behind = (const uint8_t *)row + offsetof(struct seg_row, first_birth);
    char name[SEG_NAME_MAX];
    segment_clean_text(name, sizeof name, row->peer_name);
    stored->name_crc = crc32c(crc32c(0, name, sizeof name), behind, BEHIND_NAME);
    STORE(to + offsetof(struct seg_row, peer_name), name, sizeof name);
    STORE(to + offsetof(struct seg_row, first_birth), behind, BEHIND_NAME);
}

static void store_zero_words(uint8_t *to, uint32_t from, uint32_t end)
{
    STORE_ZEROS(to + from * sizeof(uint32_t), (end - from) * sizeof(uint32_t));
}

/* Where the words of `was` are not among `now`. */
static void store_zeros_around(uint8_t *to, struct words was, struct words now)
{
    if (was.from < now.from)
        store_zero_words(to, was.from, was.end < now.from ? was.end : now.from);
    if (was.end > now.end)
        store_zero_words(to, was.from > now.end ? was.from : now.end, was.end);
}

static uint8_t *place_of_histogram(const struct slot *slot, uint32_t place)
{
    return slot->histograms + place * sizeof(struct seg_histogram);
}

static struct words used_words(const struct seg_row *row)
{
    return (struct words){ histogram_bucket(row->min_ns), histogram_bucket(row->max_ns) + 1 };
}

/* Round trips to one peer are much alike: few buckets are in use. Only they are read, and stored between zeros. */
static void store_histogram(const struct segment_writer *writer, uint8_t *to, const struct seg_row *row,
                            const struct histogram *histogram, struct stored *stored)
{
    const struct words now = used_words(row);
    const size_t before = now.from * sizeof(uint32_t), size = (now.end - now.from) * sizeof(uint32_t);
    stored->histogram_crc = crc32c_item_of(&writer->histogram, before, &histogram->count[now.from], size);
    store_zeros_around(to, stored->used, now);
    STORE(to + before, &histogram->count[now.from], size);
    stored->used = now;
}

/* Each row is stored whole in its turn, zeros and all: whatever others did to the file, it is right again before long. */
static bool is_whole(const struct slot *slot, const struct segment_contents *contents, uint32_t place)
{
    return contents->versions == NULL || (place + slot->turn) % WHOLE_EVERY == 0;
}

static bool has_counts(const struct slot *slot, const struct segment_contents *contents, uint32_t place)
{
    return !is_whole(slot, contents, place) && slot->stored[place].version.counts == contents->versions[place].counts;
}

static void fetch_row(const struct slot *slot, const struct segment_contents *contents, uint32_t place)
{
    if (place < contents->row_count && !has_counts(slot, contents, place))
        prefetch_range(&contents->rows[place], COUNTS_SIZE);
}

/* Histograms lie far apart in memory, each beside its own row of the meter, and far from where they go. To wait for them one by
 * one would be most of the work. Which part of one is in use its row says, which so has to be fetched before. */
static void fetch_histogram(const struct slot *slot, const struct segment_contents *contents, uint32_t place)
{
    if (place >= contents->row_count || has_counts(slot, contents, place))
        return;
    const struct words used = used_words(&contents->rows[place]);
    const size_t before = used.from * sizeof(uint32_t), size = (used.end - used.from) * sizeof(uint32_t);
    prefetch_range(&contents->histograms[place]->count[used.from], size);
    stream_await(slot->rows + place * sizeof(struct seg_row), COUNTS_SIZE);
    stream_await(place_of_histogram(slot, place) + before, size);
}

/* What the slot has already stays as it is. */
static void store_place(const struct segment_writer *writer, const struct slot *slot, const struct segment_contents *contents,
                        uint32_t place)
{
    const struct segment_version none = { 0, 0 }, version = contents->versions != NULL ? contents->versions[place] : none;
    const struct seg_row *row = &contents->rows[place];
    struct stored *stored = &slot->stored[place];
    uint8_t *to = slot->rows + place * sizeof *row;
    const bool whole = is_whole(slot, contents, place);
    if (whole)
        stored->used = (struct words){ 0, HISTOGRAM_WORDS };
    if (whole || stored->version.name != version.name)
        store_name(to, row, stored);
    if (!has_counts(slot, contents, place)) {
        store_counts(to, row, stored);
        store_histogram(writer, place_of_histogram(slot, place), row, contents->histograms[place], stored);
    }
    stored->version = version;
}

static void store_changed_rows(const struct segment_writer *writer, const struct slot *slot,
                               const struct segment_contents *contents)
{
    uint32_t rows_crc = 0, histograms_crc = 0;
    for (uint32_t n = 0; n < contents->row_count; n++) {
        fetch_row(slot, contents, n + 2 * FETCH_AHEAD);
        fetch_histogram(slot, contents, n + FETCH_AHEAD);
        store_place(writer, slot, contents, n);
        rows_crc = crc32c_item_append(&writer->counts, rows_crc, slot->stored[n].counts_crc);
        rows_crc = crc32c_item_append(&writer->name, rows_crc, slot->stored[n].name_crc);
        histograms_crc = crc32c_item_append(&writer->histogram, histograms_crc, slot->stored[n].histogram_crc);
    }
    *slot->all = (struct all_stored){ .version = contents->version,
                                      .boottime_ns = contents->boottime_ns,
                                      .instance_count = contents->instance_count,
                                      .row_count = contents->row_count,
                                      .rows_crc = rows_crc,
                                      .histograms_crc = histograms_crc };
}

/* Only those whose turn it is to be stored whole. */
static void store_rows_in_turn(const struct segment_writer *writer, const struct slot *slot,
                               const struct segment_contents *contents)
{
    for (uint32_t n = (uint32_t)(-slot->turn % WHOLE_EVERY); n < contents->row_count; n += WHOLE_EVERY) {
        fetch_row(slot, contents, n + 2 * WHOLE_EVERY);
        fetch_histogram(slot, contents, n + WHOLE_EVERY);
        store_place(writer, slot, contents, n);
    }
}

static void store_rows(const struct segment_writer *writer, const struct slot *slot, const struct segment_contents *contents)
{
    if (has_all(slot, contents))
        store_rows_in_turn(writer, slot, contents);
    else
        store_changed_rows(writer, slot, contents);
}

static void store_head(uint8_t *base, struct seg_snapshot *head, const struct segment_contents *contents)
{
    const size_t from = offsetof(struct seg_snapshot, generation); /* the sequence before it has its own store */
    head->boottime_ns = contents->boottime_ns;
    head->realtime_ns = contents->realtime_ns;
    head->state = contents->state;
    head->instance_count = contents->instance_count;
    head->row_count = contents->row_count;
    segment_clean_text(head->error, sizeof head->error, contents->error != NULL ? contents->error : "");
    head->crc = crc32c(0, &head->generation, offsetof(struct seg_snapshot, crc) - from);
    STORE(base + from, &head->generation, sizeof *head - from);
}

int segment_writer_publish(struct segment_writer *writer, const struct segment_contents *contents)
{
    struct seg_snapshot head = { .generation = writer->generation + 1 };
    const unsigned number = head.generation % 2;
    uint8_t *base = writer->map + writer->header.snapshot_offset[number];
    const struct slot slot = { .stored = writer->stored[number],
                               .all = &writer->all[number],
                               .rows = base + writer->header.rows_offset,
                               .histograms = base + writer->header.histograms_offset,
                               .turn = head.generation / 2 };
    if (!contents_ok(writer, &slot, contents)) {
        errno = EINVAL;
        return -1;
    }
    store_sequence(base, writer->sequence[number] + 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* odd before anything else is seen to change */
    head.instances_crc = store_instances(base + writer->header.instances_offset, contents);
    store_rows(writer, &slot, contents);
    head.rows_crc = slot.all->rows_crc;
    head.histograms_crc = slot.all->histograms_crc;
    store_head(base, &head, contents);
    stream_finish();
    store_sequence(base, writer->sequence[number] + 2); /* a release store: even after everything else */
    writer->sequence[number] += 2;
    writer->generation = head.generation;
    return 0;
}

struct segment_identity segment_writer_identity(const struct segment_writer *writer)
{
    return (struct segment_identity){ .start_boottime_ns = writer->header.start_boottime_ns,
                                      .start_realtime_ns = writer->header.start_realtime_ns,
                                      .generation = writer->generation };
}

uint32_t segment_writer_row_capacity(const struct segment_writer *writer)
{
    return writer->header.row_capacity;
}

int segment_writer_in_place(const struct segment_writer *writer)
{
    struct stat there;
    if (lstat(writer->path, &there) < 0)
        return errno == ENOENT ? 0 : -1;
    return there.st_dev == writer->file.st_dev && there.st_ino == writer->file.st_ino;
}

void segment_writer_close(struct segment_writer *writer)
{
    if (writer == NULL)
        return;
    unmap_file(writer);
    if (writer->fd >= 0)
        close(writer->fd);
    for (unsigned slot = 0; slot < 2; slot++)
        free(writer->stored[slot]);
    free(writer->path);
    free(writer);
}
