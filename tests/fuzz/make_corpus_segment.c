/* make_corpus_segment.c: writes the seeds of fuzz_segment into the folder that is its argument; the same bytes each time.
 *
 * Capacities are tiny, so that a seed has some 10 KB; what the writer takes from the clock and the process is made constant. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/segment_fixture.h"

struct seed {
    const char *name;
    uint32_t rows, instances; /* in each snapshot */
    unsigned generations;
    void (*spoil)(uint8_t *bytes, size_t *size, const struct seg_header *header);
};

static void seal(uint8_t *bytes, size_t *size, const struct seg_header *header)
{
    (void)header;
    fixture_seal(bytes, *size);
}

static void make_newer_odd(uint8_t *bytes, size_t *size, const struct seg_header *header)
{
    (void)size;
    bytes[header->snapshot_offset[0]] = 3;
}

static void make_both_odd(uint8_t *bytes, size_t *size, const struct seg_header *header)
{
    make_newer_odd(bytes, size, header);
    bytes[header->snapshot_offset[1]] = 3;
}

static void cut_header(uint8_t *bytes, size_t *size, const struct seg_header *header)
{
    (void)bytes;
    (void)header;
    *size = 200;
}

static void cut_snapshot(uint8_t *bytes, size_t *size, const struct seg_header *header)
{
    (void)bytes;
    *size = (size_t)(header->snapshot_offset[1] + header->rows_offset);
}

static void set_other_abi(uint8_t *bytes, size_t *size, const struct seg_header *header)
{
    (void)size;
    (void)header;
    bytes[offsetof(struct seg_header, abi_major)] = 2;
}

static void spoil_header(uint8_t *bytes, size_t *size, const struct seg_header *header)
{
    (void)size;
    (void)header;
    bytes[offsetof(struct seg_header, version)] ^= 1;
}

static void spoil_rows(uint8_t *bytes, size_t *size, const struct seg_header *header)
{
    (void)size;
    bytes[header->snapshot_offset[0] + header->rows_offset + 100] ^= 1;
}

static void claim_many_rows(uint8_t *bytes, size_t *size, const struct seg_header *header)
{
    memset(bytes + header->snapshot_offset[0] + offsetof(struct seg_snapshot, row_count), 0xff, 4);
    seal(bytes, size, header);
}

static const struct seed seeds[] = {
    { "whole", 1, 1, 2, NULL },
    { "whole_no_rows", 0, 1, 3, NULL },
    { "whole_empty", 0, 0, 1, NULL },
    { "unpublished", 0, 0, 0, NULL },
    { "newer_odd", 1, 1, 2, make_newer_odd },
    { "both_odd", 1, 1, 2, make_both_odd },
    { "cut_header", 1, 1, 2, cut_header },
    { "cut_snapshot", 1, 1, 2, cut_snapshot },
    { "other_abi", 1, 1, 2, set_other_abi },
    { "bad_header", 1, 1, 2, spoil_header },
    { "bad_rows", 1, 1, 2, spoil_rows },
    { "many_rows", 1, 1, 2, claim_many_rows },
};

static int publish_seed(const char *path, const struct seed *seed)
{
    const struct segment_writer_options options = { path, 1, 1, 1000, "1.0.0", NULL, { 0, 0, 0 } };
    struct segment_writer *writer;
    char message[SEG_ERROR_MAX];
    pid_t holder;
    if (segment_writer_open(&options, &writer, message, &holder) != SEGW_OK) {
        fprintf(stderr, "make_corpus_segment: %s\n", message);
        return -1;
    }
    int failed = 0;
    for (unsigned generation = 1; generation <= seed->generations && failed == 0; generation++) {
        struct fixture fixture;
        fixture_init(&fixture, generation, seed->instances, seed->rows);
        failed = segment_writer_publish(writer, &fixture.contents);
        fixture_free(&fixture);
    }
    segment_writer_close(writer);
    return failed;
}

static void make_constant(uint8_t *bytes, size_t size, struct seg_header *header)
{
    memcpy(header, bytes, sizeof *header);
    header->pid = 1;
    header->pid_start_ticks = 1;
    header->start_boottime_ns = 1;
    header->start_realtime_ns = 1;
    memset(header->boot_id, 0, sizeof header->boot_id);
    memcpy(header->boot_id, "00000000-0000-4000-8000-000000000000", 36);
    memcpy(bytes, header, sizeof *header);
    fixture_seal_header(bytes, size);
}

static int rewrite(const char *path, const struct seed *seed)
{
    static uint8_t bytes[65536];
    struct seg_header header;
    FILE *file = fopen(path, "r+");
    if (file == NULL)
        return -1;
    size_t size = fread(bytes, 1, sizeof bytes, file);
    make_constant(bytes, size, &header);
    if (seed->spoil != NULL)
        seed->spoil(bytes, &size, &header);
    rewind(file);
    int failed = fwrite(bytes, 1, size, file) != size || fflush(file) != 0 || ftruncate(fileno(file), (off_t)size) < 0;
    return fclose(file) != 0 || failed ? -1 : 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_corpus_segment FOLDER\n");
        return 2;
    }
    for (size_t n = 0; n < sizeof seeds / sizeof seeds[0]; n++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], seeds[n].name);
        if (publish_seed(path, &seeds[n]) < 0 || rewrite(path, &seeds[n]) < 0) {
            fprintf(stderr, "make_corpus_segment: %s: %s\n", path, strerror(errno));
            return 1;
        }
    }
    return 0;
}
