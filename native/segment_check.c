/* segment_check.c: see segment_check.h. */
#include "segment_check.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "crc32c.h"

#define PATH_SHOWN 72 /* bytes of a path that leave room for cause and cure */
#define NS_PER_S UINT64_C(1000000000)
#define FUTURE_MAX_NS NS_PER_S /* a heartbeat may be newer than a reader that looked at the clock a moment ago */

/* A number of the header and what it may be. */
struct field {
    const char *name;
    size_t at;
    uint32_t low, high;
};

#define FIXED(member, value)                                       \
    {                                                              \
#member, offsetof(struct seg_header, member), value, value \
    }
#define RANGE(member, low, high)                                \
    {                                                           \
#member, offsetof(struct seg_header, member), low, high \
    }

static const struct field fields[] = {
    FIXED(header_size, sizeof(struct seg_header)),
    FIXED(snapshot_head_size, sizeof(struct seg_snapshot)),
    FIXED(instance_size, sizeof(struct seg_instance)),
    FIXED(row_size, sizeof(struct seg_row)),
    FIXED(histogram_size, sizeof(struct seg_histogram)),
    FIXED(bucket_count, HISTOGRAM_BUCKETS),
    FIXED(bucket_min_exp, HISTOGRAM_MIN_EXP),
    FIXED(bucket_sub_bits, HISTOGRAM_SUB_BITS),
    RANGE(instance_capacity, 1, SEG_MAX_INSTANCES),
    RANGE(row_capacity, 1, SEG_MAX_ROWS),
};

static bool printable(char c)
{
    return c >= ' ' && c <= '~';
}

static bool text_ok(const char *text, size_t size)
{
    size_t n = 0;
    while (n < size && printable(text[n]))
        n++;
    return n < size && text[n] == '\0';
}

void segment_clean_text(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size - 1);
    for (size_t n = 0; n < length; n++)
        to[n] = printable(from[n]) ? from[n] : '?';
    memset(to + length, 0, size - length);
}

const char *segment_type_name(mode_t mode)
{
    static const struct {
        mode_t type;
        const char *name;
    } types[] = { { S_IFLNK, "a symbolic link" }, { S_IFDIR, "a folder" }, { S_IFIFO, "a FIFO" }, { S_IFSOCK, "a socket" } };
    for (size_t n = 0; n < sizeof types / sizeof types[0]; n++)
        if ((mode & S_IFMT) == types[n].type)
            return types[n].name;
    return "a device";
}

void segment_message(char message[static SEG_ERROR_MAX], const char *path, const char *format, ...)
{
    char text[SEG_ERROR_MAX];
    size_t length = strlen(path), skipped = length > PATH_SHOWN ? length - PATH_SHOWN : 0;
    int used = snprintf(text, sizeof text, "%s%s: ", skipped > 0 ? "..." : "", path + skipped);
    va_list arguments;
    va_start(arguments, format);
    if (used > 0 && (size_t)used < sizeof text)
        vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
    va_end(arguments);
    segment_clean_text(message, SEG_ERROR_MAX, text);
}

enum segment_status segment_fail(char cause[static SEG_ERROR_MAX], enum segment_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cause, SEG_ERROR_MAX, format, arguments);
    va_end(arguments);
    return status;
}

/* Magic and ABI come first: what another ABI's header holds, and how long it is, is not known here. */
enum segment_status segment_check_header(const struct seg_header *header, size_t size, char cause[static SEG_ERROR_MAX])
{
    const size_t magic_size = size < sizeof header->magic ? size : sizeof header->magic;
    if (size == 0)
        return segment_fail(cause, SEGMENT_EMPTY, "is empty");
    if (memcmp(header->magic, SEG_MAGIC, magic_size) != 0)
        return segment_fail(cause, SEGMENT_BAD_MAGIC, "is not a segment of go-metro");
    if (size >= offsetof(struct seg_header, header_size) && header->abi_major != SEG_ABI_MAJOR)
        return segment_fail(cause, SEGMENT_OTHER_ABI, "has ABI %u.%u, this reader understands ABI %d", header->abi_major,
                            header->abi_minor, SEG_ABI_MAJOR);
    if (size < sizeof *header)
        return segment_fail(cause, SEGMENT_TRUNCATED, "has %zu bytes, fewer than its header", size);
    if (header->crc != crc32c(0, header, offsetof(struct seg_header, crc)))
        return segment_fail(cause, SEGMENT_BAD_HEADER, "its header does not match its CRC");
    if (!text_ok(header->boot_id, sizeof header->boot_id) || !text_ok(header->version, sizeof header->version))
        return segment_fail(cause, SEGMENT_BAD_HEADER, "the text in its header is not printable");
    return SEGMENT_OK;
}

static const struct field *first_bad_field(const struct seg_header *header, uint32_t *value)
{
    for (size_t n = 0; n < sizeof fields / sizeof fields[0]; n++) {
        memcpy(value, (const char *)header + fields[n].at, sizeof *value);
        if (*value < fields[n].low || *value > fields[n].high)
            return &fields[n];
    }
    return NULL;
}

/* Whether [offset, offset + size) is aligned and between from and end; no sum is made that could wrap. */
static bool fits(uint64_t offset, uint64_t size, uint64_t from, uint64_t end)
{
    return offset % 8 == 0 && offset >= from && offset <= end && size <= end - offset;
}

static bool offsets_ok(const struct seg_header *header)
{
    const uint64_t instances = header->instance_capacity * (uint64_t)sizeof(struct seg_instance);
    const uint64_t rows = header->row_capacity * (uint64_t)sizeof(struct seg_row);
    const uint64_t histograms = header->row_capacity * (uint64_t)sizeof(struct seg_histogram);
    const uint64_t end = header->snapshot_size;
    /* In this order: a line may add what the line before it has bounded by the file's size. */
    return fits(header->snapshot_offset[0], end, sizeof *header, header->file_size)
           && fits(header->snapshot_offset[1], end, header->snapshot_offset[0] + end, header->file_size)
           && fits(header->instances_offset, instances, sizeof(struct seg_snapshot), end)
           && fits(header->rows_offset, rows, header->instances_offset + instances, end)
           && fits(header->histograms_offset, histograms, header->rows_offset + rows, end);
}

enum segment_status segment_check_layout(const struct seg_header *header, uint64_t file_size, char cause[static SEG_ERROR_MAX])
{
    uint32_t value;
    const struct field *bad = first_bad_field(header, &value);
    if (bad != NULL)
        return segment_fail(cause, SEGMENT_BAD_LAYOUT, "its header is impossible: %s is %u", bad->name, value);
    if (file_size < header->file_size)
        return segment_fail(cause, SEGMENT_TRUNCATED, "has %llu of the %llu bytes that its header says",
                            (unsigned long long)file_size, (unsigned long long)header->file_size);
    if (file_size > header->file_size)
        return segment_fail(cause, SEGMENT_BAD_LAYOUT, "has %llu bytes, its header says %llu", (unsigned long long)file_size,
                            (unsigned long long)header->file_size);
    if (!offsets_ok(header))
        return segment_fail(cause, SEGMENT_BAD_LAYOUT, "its header is impossible: its parts do not fit into the file");
    if (header->publish_interval_ms < SEG_INTERVAL_MIN_MS || header->publish_interval_ms > SEG_INTERVAL_MAX_MS)
        return segment_fail(cause, SEGMENT_CORRUPT, "its header says that it is published every %u ms, which cannot be",
                            header->publish_interval_ms);
    return SEGMENT_OK;
}

enum segment_head_state segment_head_state(const struct seg_snapshot *head, unsigned slot)
{
    const size_t from = offsetof(struct seg_snapshot, generation);
    if (head->sequence == 0)
        return SEGMENT_HEAD_NEVER;
    if (head->sequence % 2 != 0)
        return SEGMENT_HEAD_BUSY;
    if (head->crc != crc32c(0, &head->generation, offsetof(struct seg_snapshot, crc) - from))
        return SEGMENT_HEAD_DAMAGED;
    return head->generation % 2 == slot ? SEGMENT_HEAD_WHOLE : SEGMENT_HEAD_DAMAGED;
}

static bool state_ok(uint32_t state)
{
    return state >= SEG_STARTING && state <= SEG_STOPPED;
}

enum segment_status segment_check_head(const struct seg_header *header, const struct seg_snapshot *head,
                                       char cause[static SEG_ERROR_MAX])
{
    if (head->instance_count > header->instance_capacity || head->row_count > header->row_capacity)
        return segment_fail(cause, SEGMENT_CORRUPT, "a snapshot has %u instances and %u rows, there is room for %u and %u",
                            head->instance_count, head->row_count, header->instance_capacity, header->row_capacity);
    if (!state_ok(head->state))
        return segment_fail(cause, SEGMENT_CORRUPT, "a snapshot has the unknown state %u", head->state);
    if (!text_ok(head->error, sizeof head->error))
        return segment_fail(cause, SEGMENT_CORRUPT, "the error text of a snapshot is not printable");
    if (head->boottime_ns < header->start_boottime_ns)
        return segment_fail(cause, SEGMENT_CORRUPT, "a snapshot is older than the start of the go-metro that published it");
    return SEGMENT_OK;
}

/* Printable names, and none after the first that is empty. */
static bool reasons_ok(const struct seg_reason reasons[static SEG_REASONS])
{
    bool ended = false, ok = true;
    for (unsigned n = 0; n < SEG_REASONS; n++) {
        bool unused = reasons[n].name[0] == '\0';
        ok = ok && text_ok(reasons[n].name, sizeof reasons[n].name) && (unused || !ended);
        ended = ended || unused;
    }
    return ok;
}

static enum segment_status check_instance(const struct seg_instance *instance, uint32_t index, char cause[static SEG_ERROR_MAX])
{
    if (!state_ok(instance->state))
        return segment_fail(cause, SEGMENT_CORRUPT, "instance %u has the unknown state %u", index, instance->state);
    if (!text_ok(instance->interface, sizeof instance->interface) || !text_ok(instance->error, sizeof instance->error)
        || !text_ok(instance->warning, sizeof instance->warning))
        return segment_fail(cause, SEGMENT_CORRUPT, "a text of instance %u is not printable", index);
    if (!reasons_ok(instance->ignored))
        return segment_fail(cause, SEGMENT_CORRUPT, "the reasons of instance %u are not a list of names", index);
    if (instance->sampling > SEG_SAMPLING_CLOSED)
        return segment_fail(cause, SEGMENT_CORRUPT, "instance %u is in the unknown kind of window %u", index, instance->sampling);
    return SEGMENT_OK;
}

static bool family_ok(uint8_t family)
{
    return family == SEG_FAMILY_NONE || family == SEG_FAMILY_V4 || family == SEG_FAMILY_V6;
}

bool segment_round_trips_ok(const struct seg_row *row)
{
    return row->min_ns <= row->last_ns && row->last_ns <= row->max_ns && row->max_ns <= SEG_RTT_MAX_NS
           && row->srtt_ns <= SEG_RTT_MAX_NS && row->jitter_ns <= SEG_RTT_MAX_NS && row->window_min_ns <= SEG_RTT_MAX_NS;
}

static enum segment_status check_row(const struct seg_row *row, uint32_t index, const struct seg_snapshot *head,
                                     char cause[static SEG_ERROR_MAX])
{
    if (row->instance >= head->instance_count)
        return segment_fail(cause, SEGMENT_CORRUPT, "row %u belongs to instance %u of %u", index, row->instance,
                            head->instance_count);
    if (!family_ok(row->local_family) || !family_ok(row->peer_family) || row->peer_bits > 128)
        return segment_fail(cause, SEGMENT_CORRUPT, "an address of row %u is impossible", index);
    if (!text_ok(row->peer_name, sizeof row->peer_name))
        return segment_fail(cause, SEGMENT_CORRUPT, "the peer's name in row %u is not printable", index);
    if (row->first_birth > row->birth)
        return segment_fail(cause, SEGMENT_CORRUPT, "row %u was there before it was born", index);
    if (row->last_sample_boottime_ns > head->boottime_ns)
        return segment_fail(cause, SEGMENT_CORRUPT, "row %u has a round trip that is newer than its snapshot", index);
    if (!segment_round_trips_ok(row))
        return segment_fail(cause, SEGMENT_CORRUPT, "a round trip of row %u is impossible", index);
    return SEGMENT_OK;
}

_Static_assert(SEG_MAX_INSTANCES == 64, "a bit each");

/* `seen`: instances that have a row `other` already, as bits. A reader may take it that there are no more of these than
 * instances. */
static enum segment_status check_other(const struct seg_row *row, uint32_t index, uint64_t *seen,
                                       char cause[static SEG_ERROR_MAX])
{
    const uint64_t bit = UINT64_C(1) << row->instance;
    if ((row->flags & SEG_ROW_OTHER) == 0)
        return SEGMENT_OK;
    if ((*seen & bit) != 0)
        return segment_fail(cause, SEGMENT_CORRUPT, "row %u is a second row of all other peers of instance %u", index,
                            row->instance);
    *seen |= bit;
    return SEGMENT_OK;
}

enum segment_status segment_check_contents(const struct segment_copy *copy, char cause[static SEG_ERROR_MAX])
{
    enum segment_status status = SEGMENT_OK;
    uint64_t others = 0;
    for (uint32_t n = 0; n < copy->snapshot.instance_count && status == SEGMENT_OK; n++)
        status = check_instance(&copy->instances[n], n, cause);
    for (uint32_t n = 0; n < copy->snapshot.row_count && status == SEGMENT_OK; n++) {
        status = check_row(&copy->rows[n], n, &copy->snapshot, cause);
        if (status == SEGMENT_OK)
            status = check_other(&copy->rows[n], n, &others, cause);
    }
    return status;
}

enum segment_status segment_check_age(const struct segment_copy *copy, uint64_t boottime_ns, const char *boot_id,
                                      uint64_t *age_ns, char cause[static SEG_ERROR_MAX])
{
    const uint64_t then_ns = copy->snapshot.boottime_ns;
    *age_ns = UINT64_MAX;
    if (strcmp(copy->header.boot_id, boot_id) != 0)
        return SEGMENT_OK;
    *age_ns = boottime_ns > then_ns ? boottime_ns - then_ns : 0;
    if (then_ns > boottime_ns && then_ns - boottime_ns > FUTURE_MAX_NS)
        return segment_fail(cause, SEGMENT_CORRUPT, "its heartbeat is %llu s in the future",
                            (unsigned long long)((then_ns - boottime_ns) / NS_PER_S));
    return SEGMENT_OK;
}
