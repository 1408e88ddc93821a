/* fuzz_segment.c: any bytes as a segment file, as they are and with their CRCs made right, so that what is behind is reached.
 *
 * Whatever is accepted must hold what the reader's header promises; every byte of it is looked at, so that a sanitizer sees a
 * copy that is too short. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int no_pause(const struct timespec *time, struct timespec *left)
{
    (void)time;
    (void)left;
    return 0;
}

#define nanosleep no_pause /* the reader waits for a writer that is not there */
#include "segment_reader.c"
#undef nanosleep
#include "tests/unit/segment_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds)
        abort();
}

static void check_texts(const struct segment_copy *copy)
{
    demand(strlen(copy->header.version) < SEG_VERSION_MAX && strlen(copy->snapshot.error) < SEG_ERROR_MAX);
    for (uint32_t n = 0; n < copy->snapshot.instance_count; n++)
        demand(strlen(copy->instances[n].interface) < SEG_INTERFACE_MAX && strlen(copy->instances[n].error) < SEG_ERROR_MAX
               && strcmp(segment_state_name(copy->instances[n].state), "unknown") != 0);
    for (uint32_t n = 0; n < copy->snapshot.row_count; n++)
        demand(strlen(copy->rows[n].peer_name) < SEG_NAME_MAX && copy->rows[n].instance < copy->snapshot.instance_count
               && copy->rows[n].last_ns <= SEG_RTT_MAX_NS);
}

/* What is in use begins and ends with a count, and can be written out. */
static void check_buckets(const struct segment_copy *copy)
{
    struct histogram histogram;
    for (uint32_t n = 0; copy->buckets != NULL && n < copy->snapshot.row_count; n++) {
        const struct buckets *buckets = &copy->buckets[n];
        demand(buckets->count != NULL && buckets->first <= buckets->end && buckets->end <= HISTOGRAM_BUCKETS);
        demand(buckets->first == buckets->end
               || (buckets->count[0] != 0 && buckets->count[buckets->end - buckets->first - 1] != 0));
        buckets_expand(buckets, &histogram);
    }
}

static void check_copy(const struct segment_copy *copy)
{
    const struct seg_snapshot *head = &copy->snapshot;
    char cause[SEG_ERROR_MAX];
    uint64_t age_ns;
    demand(head->instance_count <= SEG_MAX_INSTANCES && head->row_count <= copy->header.row_capacity && head->sequence % 2 == 0);
    check_texts(copy);
    demand(crc32c(0, copy->instances, head->instance_count * sizeof *copy->instances) == head->instances_crc);
    demand(crc32c(0, copy->rows, head->row_count * sizeof *copy->rows) == head->rows_crc);
    check_buckets(copy);
    demand(head->boottime_ns >= copy->header.start_boottime_ns && copy->header.publish_interval_ms > 0);
    if (segment_check_age(copy, 1, copy->header.boot_id, &age_ns, cause) == SEGMENT_OK)
        segment_is_stale(copy, age_ns);
}

static void read_as(int fd, bool histograms)
{
    const struct segment_read_options options = { .histograms = histograms, .any_owner = true };
    struct segment_copy copy;
    char message[SEG_ERROR_MAX];
    enum segment_status status = segment_read_fd(fd, "input", &options, &copy, message);
    demand((status == SEGMENT_OK) == (message[0] == '\0') && strlen(message) < sizeof message);
    demand(strcmp(segment_status_name(status), "unknown") != 0);
    if (status == SEGMENT_OK)
        check_copy(&copy);
    else
        demand(copy.rows == NULL && copy.instances == NULL && copy.buckets == NULL);
    segment_copy_free(&copy);
}

static void read_bytes(int fd, const uint8_t *data, size_t size)
{
    demand(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
    read_as(fd, false);
    read_as(fd, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("segment", MFD_CLOEXEC);
    uint8_t *sealed = malloc(size + 1);
    demand(fd >= 0 && sealed != NULL);
    if (size > 0)
        memcpy(sealed, data, size);
    read_bytes(fd, sealed, size);
    fixture_seal(sealed, size);
    read_bytes(fd, sealed, size);
    if (size >= sizeof(struct seg_header)) { /* a file of any length, as a header that knows it would have it */
        const uint64_t file_size = size;
        memcpy(sealed + offsetof(struct seg_header, file_size), &file_size, sizeof file_size);
        fixture_seal_header(sealed, size);
        read_bytes(fd, sealed, size);
    }
    free(sealed);
    return 0;
}
