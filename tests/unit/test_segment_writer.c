/* test_segment_writer.c: what is stored and in which order, and who may have the path when several want it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* The writer's seam: every store is made word by word, and the one that is counted down to is the last. */
static size_t stores_left = SIZE_MAX, stores;
static jmp_buf stopped;

static void test_stored(void)
{
    stores++;
    if (stores_left != SIZE_MAX && --stores_left == 0)
        longjmp(stopped, 1);
}

static void test_store(void *to, const void *from, size_t size)
{
    for (size_t done = 0; done < size; done += 8) {
        memcpy((char *)to + done, (const char *)from + done, size - done < 8 ? size - done : 8);
        test_stored();
    }
}

static void test_store_zeros(void *to, size_t size)
{
    static const uint64_t zero = 0;
    for (size_t done = 0; done < size; done += sizeof zero)
        test_store((char *)to + done, &zero, size - done < sizeof zero ? size - done : sizeof zero);
}

#define STORE(to, from, size) test_store(to, from, size)
#define STORE_ZEROS(to, size) test_store_zeros(to, size)
#define STORED() test_stored()
#include "segment_writer.c"
#include "tests/unit/segment_fixture.h"

#define STRANGER 12345 /* a uid that nobody has */
#define RACERS 10
#define RACES 30
#define CHAOS 60

static char folder[] = "/tmp/test_segment_writer.XXXXXX";
static char path[64], other[96];
static char message[SEG_ERROR_MAX];
static pid_t holder;

static struct segment_writer_options options_for(uint32_t rows, uint32_t instances)
{
    return (struct segment_writer_options){ path, rows, instances, 1000, "1.2.3", NULL, { 0, 0, 0 } };
}

static enum segment_writer_result try_open(struct segment_writer **writer)
{
    const struct segment_writer_options options = options_for(4, 2);
    return segment_writer_open(&options, writer, message, &holder);
}

static struct segment_writer *open_writer(void)
{
    struct segment_writer *writer;
    if (try_open(&writer) != SEGW_OK)
        fail_msg("%s", message);
    assert_string_equal(message, "");
    return writer;
}

static void assert_refused(enum segment_writer_result expected, const char *part)
{
    struct segment_writer *writer;
    enum segment_writer_result result = try_open(&writer);
    if (result != expected || strstr(message, part) == NULL)
        fail_msg("%d: %s", result, message);
    assert_null(writer);
    assert_non_null(strstr(message, path));
}

static unsigned files_in_folder(void)
{
    DIR *list = opendir(folder);
    unsigned count = 0;
    assert_non_null(list);
    while (readdir(list) != NULL)
        count++;
    closedir(list);
    return count - 2;
}

static struct segment_copy read_back(bool histograms)
{
    const struct segment_read_options options = { .histograms = histograms };
    struct segment_copy copy;
    if (segment_read(path, &options, &copy, message) != SEGMENT_OK)
        fail_msg("%s", message);
    return copy;
}

/* For tests that make files of another user, or become one. */
#define NEEDS_ROOT()                                                \
    do {                                                            \
        if (geteuid() != 0) {                                       \
            print_message("SKIPPED %s: it needs root\n", __func__); \
            skip();                                                 \
        }                                                           \
    } while (0)

static int fresh(void **state)
{
    (void)state;
    stores_left = SIZE_MAX;
    unlink(path);
    unlink(other);
    rmdir(path);
    return files_in_folder() == 0 ? 0 : -1;
}

static void test_new_file(void **state)
{
    static const mode_t masks[] = { 0, 0077, 0777 };
    (void)state;
    for (size_t n = 0; n < sizeof masks / sizeof masks[0]; n++) {
        mode_t before = umask(masks[n]);
        struct segment_writer *writer = open_writer();
        struct stat file;
        umask(before);
        assert_int_equal(stat(path, &file), 0);
        assert_int_equal(file.st_mode, S_IFREG | 0640);
        assert_int_equal(file.st_uid, geteuid());
        assert_int_equal(file.st_size, writer->header.file_size);
        assert_true((uint64_t)file.st_blocks * 512 >= writer->header.file_size);
        assert_int_equal(file.st_nlink, 1);
        assert_int_equal(fcntl(writer->fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(files_in_folder(), 1);
        segment_writer_close(writer);
        assert_int_equal(files_in_folder(), 1);
    }
    segment_writer_close(NULL);
}

static void test_header(void **state)
{
    char boot_id[40];
    struct segment_writer *writer = open_writer();
    (void)state;
    assert_int_equal(segment_writer_publish(writer, &fixture_empty), 0);
    struct segment_copy copy = read_back(true);
    segment_boot_id(boot_id);
    assert_int_equal(strlen(boot_id), 36);
    assert_string_equal(copy.header.boot_id, boot_id);
    assert_string_equal(copy.header.version, "1.2.3");
    assert_int_equal(copy.header.pid, getpid());
    assert_int_not_equal(copy.header.pid_start_ticks, 0);
    assert_int_equal(copy.header.pid_start_ticks, segment_pid_start_ticks(getpid()));
    assert_true(copy.header.start_boottime_ns <= clock_ns(CLOCK_BOOTTIME));
    assert_true(clock_ns(CLOCK_BOOTTIME) - copy.header.start_boottime_ns < 60 * NS_PER_S);
    assert_true(clock_ns(CLOCK_REALTIME) - copy.header.start_realtime_ns < 60 * NS_PER_S);
    assert_int_equal(copy.header.publish_interval_ms, 1000);
    assert_int_equal(copy.header.row_capacity, 4);
    assert_int_equal(copy.header.instance_capacity, 2);
    segment_copy_free(&copy);
    segment_writer_close(writer);
}

static void test_generations_alternate(void **state)
{
    struct segment_writer *writer = open_writer();
    (void)state;
    for (uint64_t generation = 1; generation <= 7; generation++) {
        const uint32_t instances = (uint32_t)generation % 3, rows = instances == 0 ? 0 : (uint32_t)generation % 5;
        struct fixture fixture;
        fixture_init(&fixture, generation, instances, rows);
        fixture.contents.state = generation == 7 ? SEG_STOPPED : SEG_DEGRADED;
        fixture.contents.error = "what to do";
        assert_int_equal(segment_writer_publish(writer, &fixture.contents), 0);
        struct segment_copy copy = read_back(true);
        assert_true(fixture_equals(&fixture, &copy));
        assert_int_equal(copy.snapshot.generation, generation);
        assert_int_equal(copy.snapshot.sequence, generation + generation % 2);
        assert_int_equal(copy.snapshot.state, fixture.contents.state);
        assert_int_equal(copy.snapshot.boottime_ns, FIXTURE_BOOTTIME_NS + generation);
        assert_int_equal(copy.snapshot.realtime_ns, generation + 1);
        assert_string_equal(copy.snapshot.error, "what to do");
        segment_copy_free(&copy);
        fixture_free(&fixture);
    }
    segment_writer_close(writer);
    struct segment_copy last = read_back(false); /* the file outlives its writer */
    assert_int_equal(last.snapshot.state, SEG_STOPPED);
    segment_copy_free(&last);
}

static void test_texts_are_cleaned(void **state)
{
    struct fixture fixture;
    struct segment_writer *writer = open_writer();
    char long_error[400];
    (void)state;
    fixture_init(&fixture, 1, 1, 1);
    memset(long_error, 'x', sizeof long_error - 1);
    long_error[sizeof long_error - 1] = '\0';
    fixture.contents.error = long_error;
    memset(fixture.instances[0].interface, 'i', SEG_INTERFACE_MAX); /* no NUL */
    memcpy(fixture.instances[0].error, "a\0garbage", 9);
    snprintf(fixture.rows[0].peer_name, SEG_NAME_MAX, "caf\xc3\xa9\n\x7f~ ");
    assert_int_equal(segment_writer_publish(writer, &fixture.contents), 0);
    struct segment_copy copy = read_back(true);
    assert_int_equal(strlen(copy.snapshot.error), SEG_ERROR_MAX - 1);
    assert_int_equal(strlen(copy.instances[0].interface), SEG_INTERFACE_MAX - 1);
    assert_memory_equal(copy.instances[0].error, "a\0\0\0\0\0\0\0\0", 9);
    assert_string_equal(copy.rows[0].peer_name, "caf????~ ");
    segment_copy_free(&copy);
    segment_writer_close(writer);
    fixture_free(&fixture);
}

/* Buckets from..to of the row count their own number, and are what its least and most say. */
static void use_buckets(struct fixture *fixture, uint32_t row, uint32_t from, uint32_t to)
{
    memset(&fixture->histograms[row], 0, sizeof fixture->histograms[row]);
    for (uint32_t bucket = from; bucket <= to; bucket++)
        fixture->histograms[row].count[bucket] = bucket + 1;
    fixture->rows[row].min_ns = fixture->rows[row].last_ns = histogram_lower_ns(from);
    fixture->rows[row].max_ns = histogram_upper_ns(to) - 1;
}

static void assert_published(struct segment_writer *writer, const struct fixture *fixture)
{
    assert_int_equal(segment_writer_publish(writer, &fixture->contents), 0);
    struct segment_copy copy = read_back(true); /* its CRCs hold */
    assert_true(fixture_equals(fixture, &copy));
    segment_copy_free(&copy);
}

static void test_used_buckets_are_stored_over_zeros(void **state)
{
    static const uint32_t last = HISTOGRAM_BUCKETS - 1;
    struct fixture full, some, none;
    struct segment_writer *writer = open_writer();
    (void)state;
    fixture_init(&full, 1, 2, 4);
    fixture_init(&some, 2, 2, 4);
    fixture_init(&none, 3, 2, 4);
    for (uint32_t row = 0; row < 4; row++)
        use_buckets(&none, row, 0, 0);
    for (uint32_t n = 0; n < 4; n++) { /* whatever was in the two slots before */
        use_buckets(&some, n % 4, 0, 0);
        use_buckets(&some, (n + 1) % 4, 100 + n, 140);
        use_buckets(&some, (n + 2) % 4, last, last);
        use_buckets(&some, (n + 3) % 4, 7, last);
        assert_published(writer, &some);
        assert_published(writer, &some);
        assert_published(writer, n % 2 == 0 ? &full : &none);
    }
    segment_writer_close(writer);
    fixture_free(&full);
    fixture_free(&some);
    fixture_free(&none);
}

static struct segment_writer *open_for(uint32_t rows)
{
    const struct segment_writer_options options = options_for(rows, 2);
    struct segment_writer *writer;
    assert_int_equal(segment_writer_open(&options, &writer, message, &holder), SEGW_OK);
    return writer;
}

static void test_many_rows(void **state)
{
    enum { ROWS = 60 };
    struct segment_writer *writer = open_for(ROWS);
    struct fixture fixture;
    (void)state;
    for (uint32_t count = ROWS - 20; count <= ROWS; count++) {
        fixture_init(&fixture, count, 2, count);
        assert_published(writer, &fixture);
        fixture_free(&fixture);
    }
    segment_writer_close(writer);
}

/* Words that are stored for a publication. */
static size_t stores_for(struct segment_writer *writer, const struct fixture *fixture)
{
    stores = 0;
    assert_published(writer, fixture);
    return stores;
}

static void test_what_did_not_change_is_not_stored(void **state)
{
    enum { ROWS = 800, CHANGED = WHOLE_EVERY };
    struct segment_writer *writer = open_for(ROWS);
    struct fixture first, next;
    const size_t row = (sizeof(struct seg_row) + sizeof(struct seg_histogram)) / 8;
    const size_t counts = (COUNTS_SIZE + sizeof(struct seg_histogram)) / 8;
    (void)state;
    fixture_init(&first, 1, 2, ROWS);
    fixture_init(&next, 2, 2, ROWS);
    fixture_give_versions(&first, 1);
    fixture_give_versions(&next, 2);
    for (uint32_t n = CHANGED; n < ROWS; n++)
        fixture_keep_place(&next, &first, n);
    const size_t all = stores_for(writer, &first), head = all - ROWS * row;
    assert_true(stores_for(writer, &first) == all); /* the other slot */
    assert_in_range(head, 1, 2 * sizeof(struct seg_instance));
    assert_int_equal(stores_for(writer, &first), head + ROWS / WHOLE_EVERY * row);
    assert_int_equal(stores_for(writer, &next), head + (ROWS - CHANGED) / WHOLE_EVERY * row + CHANGED * row);
    assert_int_equal(stores_for(writer, &next), head + (ROWS - CHANGED) / WHOLE_EVERY * row + CHANGED * row);
    assert_int_equal(stores_for(writer, &next), head + ROWS / WHOLE_EVERY * row);
    for (uint32_t n = 0; n < CHANGED; n++) { /* another name is not another count, and the other way round */
        next.versions[n].name = 3;
        next.rows[n].peer_name[0] = 'q';
    }
    assert_int_equal(stores_for(writer, &next),
                     head + ROWS / WHOLE_EVERY * row + (CHANGED - CHANGED / WHOLE_EVERY) * (row - counts));
    for (uint32_t n = 0; n < CHANGED; n++)
        next.versions[n].counts = next.rows[n].timed = 4;
    stores_for(writer, &next); /* in the other slot the names are new too */
    assert_int_equal(stores_for(writer, &next), head + ROWS / WHOLE_EVERY * row + (CHANGED - CHANGED / WHOLE_EVERY) * counts);
    segment_writer_close(writer);
    fixture_free(&first);
    fixture_free(&next);
}

static void assert_einval(struct segment_writer *writer, const struct segment_contents *contents)
{
    errno = 0;
    assert_int_equal(segment_writer_publish(writer, contents), -1);
    assert_int_equal(errno, EINVAL);
}

/* One number says that nothing of the rows is another: only those whose turn it is are stored, and none else is looked at. */
static void test_rows_that_are_as_they_were_together(void **state)
{
    enum { ROWS = 10 * WHOLE_EVERY, INSTANCES = 2 };
    struct segment_writer *writer = open_for(ROWS);
    const size_t row = (sizeof(struct seg_row) + sizeof(struct seg_histogram)) / 8;
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture, 1, INSTANCES, ROWS);
    fixture_give_versions(&fixture, 1);
    const size_t head = stores_for(writer, &fixture) - ROWS * row;
    fixture.contents.version = 7;
    for (unsigned slot = 0; slot < 2; slot++)
        stores_for(writer, &fixture);
    for (unsigned turn = 0; turn < 2 * WHOLE_EVERY; turn++) {
        fixture.contents.boottime_ns++;
        assert_int_equal(stores_for(writer, &fixture), head + ROWS / WHOLE_EVERY * row);
    }
    fixture.rows[3].timed = fixture.versions[3].counts = 2;
    fixture.contents.version = 8;
    for (unsigned slot = 0; slot < 2; slot++)
        assert_in_range(stores_for(writer, &fixture), head + ROWS / WHOLE_EVERY * row + 1, head + ROWS * row);
    fixture.contents.row_count--; /* the publisher's: for want of room */
    for (unsigned slot = 0; slot < 2; slot++)
        stores_for(writer, &fixture);
    fixture.contents.instance_count--;
    assert_einval(writer, &fixture.contents);
    segment_writer_close(writer);
    fixture_free(&fixture);
}

/* Places are left and taken again, ranges of buckets move, numbers are missing: what is read is always what was published. */
static void test_any_changes(void **state)
{
    enum { ROWS = 20, KEYS = 5, TURNS = 400 };
    static const uint32_t ends[] = { 0, 1, 100, 101, 300, HISTOGRAM_BUCKETS - 1 };
    struct segment_writer *writer = open_for(ROWS);
    struct fixture all[KEYS], now;
    (void)state;
    fixture_init(&now, 0, 2, ROWS);
    for (uint32_t key = 0; key < KEYS; key++) {
        fixture_init(&all[key], key, 2, ROWS);
        fixture_give_versions(&all[key], key + 1);
        for (uint32_t n = 0; n < ROWS; n++)
            use_buckets(&all[key], n, ends[(key + n) % 3], ends[3 + (key * n) % 3]);
    }
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        now.contents.row_count = (turn * 7) % (ROWS + 1);
        now.contents.versions = turn % 31 == 0 ? NULL : now.versions;
        for (uint32_t n = 0; n < ROWS; n++)
            fixture_keep_place(&now, &all[turn * (n + 3) / (n + 7) % KEYS], n);
        assert_published(writer, &now);
    }
    for (uint32_t key = 0; key < KEYS; key++)
        fixture_free(&all[key]);
    fixture_free(&now);
    segment_writer_close(writer);
}

/* Bytes of the file that nobody would store again, as nothing changes. */
static void test_a_spoilt_file_heals(void **state)
{
    enum { ROWS = 2 * WHOLE_EVERY };
    struct segment_writer *writer = open_for(ROWS);
    struct segment_copy copy;
    struct fixture fixture;
    (void)state;
    fixture_init(&fixture, 1, 2, ROWS);
    for (uint32_t n = 0; n < ROWS; n++)
        use_buckets(&fixture, n, 200, 210);
    fixture_give_versions(&fixture, 1);
    assert_published(writer, &fixture);
    assert_published(writer, &fixture);
    for (unsigned slot = 0; slot < 2; slot++)
        memset(writer->map + writer->header.snapshot_offset[slot] + writer->header.rows_offset, 0xff,
               (size_t)(writer->header.snapshot_size - writer->header.rows_offset));
    const struct segment_read_options all = { .histograms = true };
    assert_int_equal(segment_read(path, &all, &copy, message), SEGMENT_CORRUPT);
    for (unsigned n = 0; n < 2 * WHOLE_EVERY; n++)
        assert_int_equal(segment_writer_publish(writer, &fixture.contents), 0);
    assert_published(writer, &fixture);
    segment_writer_close(writer);
    fixture_free(&fixture);
}

static void test_what_readers_would_refuse_is_not_stored(void **state)
{
    struct fixture fixture;
    struct segment_writer *writer = open_writer();
    (void)state;
    fixture_init(&fixture, 1, 3, 5);
    struct segment_contents good = fixture.contents, bad;
    good.instance_count = 2;
    good.row_count = 4;
    fixture.rows[2].instance = 0; /* was the third instance */
    assert_int_equal(segment_writer_publish(writer, &good), 0);
    bad = good;
    bad.row_count = 5;
    assert_einval(writer, &bad);
    bad = good;
    bad.instance_count = 3;
    assert_einval(writer, &bad);
    bad = good;
    bad.state = 0;
    assert_einval(writer, &bad);
    bad.state = SEG_STOPPED + 1;
    assert_einval(writer, &bad);
    fixture.instances[1].state = 9;
    assert_einval(writer, &good);
    fixture.instances[1].state = SEG_FAILED;
    fixture.rows[3].instance = 2;
    assert_einval(writer, &good);
    fixture.rows[3].instance = 1;
    fixture.rows[3].min_ns = 8;
    fixture.rows[3].max_ns = 7;
    assert_einval(writer, &good);
    fixture.rows[3].last_ns = 8;
    fixture.rows[3].max_ns = SEG_RTT_MAX_NS + 1;
    assert_einval(writer, &good);
    fixture.rows[3].max_ns = 8;
    fixture.rows[3].last_sample_boottime_ns = good.boottime_ns + 1;
    assert_einval(writer, &good);
    fixture.rows[3].last_sample_boottime_ns = good.boottime_ns;
    bad = good;
    bad.boottime_ns = writer->header.start_boottime_ns - 1;
    bad.row_count = 0;
    assert_einval(writer, &bad);
    struct segment_copy copy = read_back(true);
    assert_int_equal(copy.snapshot.generation, 1);
    segment_copy_free(&copy);
    segment_writer_close(writer);
    fixture_free(&fixture);
}

/* Publishes and stops after `last` words. False: it ended before that. */
static bool publish_stopped(struct segment_writer *writer, const struct segment_contents *contents, size_t last)
{
    volatile bool was_stopped = false;
    stores_left = last;
    if (setjmp(stopped) == 0)
        segment_writer_publish(writer, contents);
    else
        was_stopped = true;
    stores_left = SIZE_MAX;
    return was_stopped;
}

/* Publishes `before` generations, then stops the next one after every single store: the one before it must be read. */
static size_t stop_after_each_store(unsigned before, size_t step)
{
    const struct segment_writer_options options = options_for(2, 1);
    struct segment_writer *writer, saved;
    struct stored stored[2][2];
    struct fixture fixtures[4];
    size_t last = 1;
    assert_int_equal(segment_writer_open(&options, &writer, message, &holder), SEGW_OK);
    for (unsigned n = 0; n <= before; n++) {
        fixture_init(&fixtures[n], n + 1, 1, 2);
        fixture_give_versions(&fixtures[n], n + 1);
        if (n >= 2)
            fixture_keep_place(&fixtures[n], &fixtures[n - 2], 1);
    }
    for (unsigned n = 0; n < before; n++)
        assert_int_equal(segment_writer_publish(writer, &fixtures[n].contents), 0);
    const size_t size = (size_t)writer->header.file_size;
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    memcpy(bytes, writer->map, size);
    saved = *writer;
    for (unsigned slot = 0; slot < 2; slot++)
        memcpy(stored[slot], writer->stored[slot], sizeof stored[slot]);
    for (; publish_stopped(writer, &fixtures[before].contents, last); last += step) {
        const struct segment_read_options all = { .histograms = true };
        struct segment_copy copy;
        enum segment_status status = segment_read(path, &all, &copy, message);
        const uint64_t sequence = *(const uint64_t *)(const void *)(writer->map + saved.header.snapshot_offset[(before + 1) % 2]);
        const unsigned expected = sequence == saved.sequence[(before + 1) % 2] + 2 ? before + 1 : before;
        if (expected == 0 ? status != SEGMENT_UNPUBLISHED : status != SEGMENT_OK)
            fail_msg("after store %zu: %s", last, message);
        if (status == SEGMENT_OK && (copy.snapshot.generation != expected || !fixture_equals(&fixtures[expected - 1], &copy)))
            fail_msg("after store %zu: generation %llu", last, (unsigned long long)copy.snapshot.generation);
        segment_copy_free(&copy);
        memcpy(writer->map, bytes, size);
        *writer = saved;
        for (unsigned slot = 0; slot < 2; slot++)
            memcpy(writer->stored[slot], stored[slot], sizeof stored[slot]);
    }
    free(bytes);
    for (unsigned n = 0; n <= before; n++)
        fixture_free(&fixtures[n]);
    segment_writer_close(writer);
    return last - 1;
}

static void test_stopped_after_each_store(void **state)
{
    (void)state;
    const size_t all = stop_after_each_store(1, 1), some = stop_after_each_store(2, 1); /* one place is as it was */
    print_message("stopped after each of %zu and %zu stores\n", all, some);
    assert_int_equal(all - some, (sizeof(struct seg_row) + sizeof(struct seg_histogram)) / 8);
    assert_true(some > sizeof(struct seg_snapshot) / 8 + sizeof(struct seg_histogram) / 8);
    assert_int_equal(stop_after_each_store(3, 1), some);
}

static void test_stopped_in_the_first_generation(void **state)
{
    (void)state;
    stop_after_each_store(0, 120); /* each read waits for the writer in vain */
}

static void test_another_helper_has_it(void **state)
{
    int ready[2];
    char byte, text[32];
    (void)state;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        open_writer();
        _exit(write(ready[1], "", 1) == 1 && pause() < 0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    snprintf(text, sizeof text, "pid %d", child);
    assert_refused(SEGW_LOCKED, text);
    assert_int_equal(holder, child);
    assert_int_equal(files_in_folder(), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    segment_writer_close(open_writer()); /* the lock died with it */
    close(ready[0]);
    close(ready[1]);
}

static void test_the_same_process_is_no_exception(void **state)
{
    struct segment_writer *writer = open_writer();
    (void)state;
    assert_refused(SEGW_LOCKED, "pid ");
    assert_int_equal(holder, getpid());
    segment_writer_close(writer);
}

/* The file of a dead helper, locked by one that is about to replace it: the dead one's pid is not told. */
static void test_the_holder_is_not_the_one_in_the_header(void **state)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    struct seg_header header;
    (void)state;
    segment_writer_close(open_writer());
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    assert_int_equal(pread(fd, &header, sizeof header, 0), sizeof header);
    header.pid_start_ticks++;
    header.crc = crc32c(0, &header, offsetof(struct seg_header, crc));
    assert_int_equal(pwrite(fd, &header, sizeof header, 0), sizeof header);
    assert_refused(SEGW_LOCKED, "not known");
    assert_int_equal(holder, 0);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_refused(SEGW_LOCKED, "not known");
    close(fd);
    segment_writer_close(open_writer());
}

static void test_old_readers_keep_what_they_opened(void **state)
{
    const struct segment_read_options options = { .histograms = true };
    struct segment_copy copy;
    struct fixture fixture;
    struct segment_writer *writer = open_writer();
    (void)state;
    fixture_init(&fixture, 5, 1, 3);
    assert_int_equal(segment_writer_publish(writer, &fixture.contents), 0);
    segment_writer_close(writer);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    writer = open_writer();
    assert_int_equal(segment_read_fd(fd, path, &options, &copy, message), SEGMENT_OK);
    assert_true(fixture_equals(&fixture, &copy));
    segment_copy_free(&copy);
    assert_int_equal(segment_read(path, &options, &copy, message), SEGMENT_UNPUBLISHED);
    close(fd);
    segment_writer_close(writer);
    fixture_free(&fixture);
}

static void test_going_on_in_a_larger_file(void **state)
{
    (void)state;
    struct segment_writer *writer = open_writer(), *larger = NULL;
    struct segment_writer_options options = options_for(40, 2);
    struct fixture fixture;
    const struct seg_header before = writer->header;

    for (unsigned n = 0; n < 3; n++)
        assert_int_equal(segment_writer_publish(writer, &fixture_empty), 0);
    options.replaces = writer;
    options.identity = segment_writer_identity(writer);
    assert_int_equal(segment_writer_open(&options, &larger, message, &holder), SEGW_OK);
    assert_int_equal(segment_writer_in_place(writer), 0);
    segment_writer_close(writer);
    assert_int_equal(segment_writer_in_place(larger), 1);
    assert_int_equal(segment_writer_row_capacity(larger), 40);
    assert_int_equal(larger->header.start_boottime_ns, before.start_boottime_ns); /* readers take it for the same helper */
    assert_int_equal(larger->header.start_realtime_ns, before.start_realtime_ns);
    assert_refused(SEGW_LOCKED, "another go-metro"); /* the lock passed on */
    fixture_init(&fixture, 5, 2, 40);
    assert_int_equal(segment_writer_publish(larger, &fixture.contents), 0);
    struct segment_copy copy = read_back(true);
    assert_int_equal(copy.snapshot.row_count, 40);
    assert_int_equal(copy.snapshot.generation, 4); /* and for a later snapshot of it */
    segment_copy_free(&copy);
    fixture_free(&fixture);
    segment_writer_close(larger);
}

static void test_in_place(void **state)
{
    struct segment_writer *writer = open_writer();
    (void)state;
    assert_int_equal(segment_writer_in_place(writer), 1);
    unlink(path);
    assert_int_equal(segment_writer_in_place(writer), 0);
    struct segment_writer *second = open_writer();
    assert_int_equal(segment_writer_in_place(writer), 0);
    assert_int_equal(segment_writer_in_place(second), 1);
    segment_writer_close(writer);
    assert_refused(SEGW_LOCKED, "pid "); /* the first one's end has not freed the second one's file */
    segment_writer_close(second);
}

static void test_foreign_owner(void **state)
{
    struct stat file;
    (void)state;
    NEEDS_ROOT();
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    assert_int_equal(write(fd, "theirs", 6), 6);
    assert_int_equal(fchown(fd, STRANGER, STRANGER), 0);
    close(fd);
    assert_refused(SEGW_FOREIGN, "uid 12345");
    assert_non_null(strstr(message, "root (uid 0)"));
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_size, 6);
    assert_int_equal(files_in_folder(), 1);
}

static void test_root_is_foreign_to_others(void **state)
{
    int status;
    (void)state;
    NEEDS_ROOT();
    segment_writer_close(open_writer());
    assert_int_equal(chmod(folder, 01777), 0);
    pid_t child = fork();
    if (child == 0) {
        struct segment_writer *writer;
        if (setuid(STRANGER) < 0)
            _exit(2);
        _exit(try_open(&writer) == SEGW_FOREIGN && strstr(message, "root (uid 0)") != NULL ? 0 : 1);
    }
    waitpid(child, &status, 0);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_int_equal(status, 0);
}

static void make_symlink(void)
{
    assert_int_equal(close(open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
    assert_int_equal(symlink(other, path), 0);
}

static void make_fifo(void)
{
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void make_folder(void)
{
    assert_int_equal(mkdir(path, 0700), 0);
}

static void make_socket(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void assert_left_alone(const char *kind)
{
    struct stat before, after;
    assert_int_equal(lstat(path, &before), 0);
    assert_refused(SEGW_NOT_REGULAR, kind);
    assert_int_equal(lstat(path, &after), 0);
    assert_true(before.st_ino == after.st_ino);
    if (lstat(other, &after) == 0)
        assert_int_equal(after.st_size, 0);
}

static void test_not_regular(void **state)
{
    static const struct {
        void (*make)(void);
        const char *name;
    } kinds[] = {
        { make_symlink, "a symbolic link" },
        { make_fifo, "a FIFO" },
        { make_folder, "a folder" },
        { make_socket, "a socket" },
    };
    for (size_t n = 0; n < sizeof kinds / sizeof kinds[0]; n++) {
        kinds[n].make();
        assert_left_alone(kinds[n].name);
        fresh(state);
    }
}

static void test_device(void **state)
{
    (void)state;
    if (mknod(path, S_IFCHR | 0600, makedev(1, 3)) < 0) {
        print_message("SKIPPED %s: no right to make a device\n", __func__);
        skip();
    }
    assert_left_alone("a device");
}

static void test_no_folder(void **state)
{
    const struct segment_writer_options options = { "/nonexistent/segment", 1, 1, 1000, "", NULL, { 0, 0, 0 } };
    struct segment_writer *writer;
    (void)state;
    assert_int_equal(segment_writer_open(&options, &writer, message, &holder), SEGW_FAILED);
    assert_string_equal(message, "/nonexistent/segment: no file can be made in its folder: No such file or directory; "
                                 "mend the folder or set `segment_path`");
}

static void test_capacities(void **state)
{
    static const uint32_t bad[][2] = { { 0, 1 }, { 1, 0 }, { SEG_MAX_ROWS + 1, 1 }, { 1, SEG_MAX_INSTANCES + 1 } };
    (void)state;
    for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++) {
        const struct segment_writer_options options = options_for(bad[n][0], bad[n][1]);
        struct segment_writer *writer;
        assert_int_equal(segment_writer_open(&options, &writer, message, &holder), SEGW_FAILED);
        assert_non_null(strstr(message, "max_peers"));
    }
    assert_int_equal(files_in_folder(), 0);
}

static void test_intervals(void **state)
{
    static const uint32_t bad_ms[] = { 0, SEG_INTERVAL_MIN_MS - 1, SEG_INTERVAL_MAX_MS + 1, UINT32_MAX };
    (void)state;
    for (size_t n = 0; n < sizeof bad_ms / sizeof bad_ms[0]; n++) {
        struct segment_writer_options options = options_for(1, 1);
        struct segment_writer *writer;
        options.publish_interval_ms = bad_ms[n];
        assert_int_equal(segment_writer_open(&options, &writer, message, &holder), SEGW_FAILED);
    }
    assert_int_equal(files_in_folder(), 0);
}

static void test_file_size_limit(void **state)
{
    struct rlimit before, small;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_refused(SEGW_NO_SPACE, "`ulimit -f` allows 4096: raise it");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(files_in_folder(), 0);
}

/* In a mount namespace of its own, on a tmpfs of 64 KiB. */
static int open_in_small_tmpfs(void)
{
    const struct segment_writer_options options = options_for(1000, 2);
    struct segment_writer *writer;
    char needed[32];
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0
        || mount("none", folder, "tmpfs", 0, "size=64k") < 0)
        return 2;
    enum segment_writer_result result = segment_writer_open(&options, &writer, message, &holder);
    struct seg_header header = { 0 };
    segment_layout(&header, options.instance_capacity, options.row_capacity);
    snprintf(needed, sizeof needed, " %llu bytes", (unsigned long long)header.file_size);
    bool told = strstr(message, needed) != NULL && strstr(message, " 65536 are free: make room") != NULL;
    return result == SEGW_NO_SPACE && told && files_in_folder() == 0 ? 0 : 1;
}

static void test_no_space(void **state)
{
    int status;
    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(open_in_small_tmpfs());
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2) {
        print_message("SKIPPED %s: a full file system needs a mount namespace\n", __func__);
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void make_beside(const char *suffix, char name[static 96])
{
    snprintf(name, 96, "%s%s", path, suffix);
    assert_int_equal(close(open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
}

static void test_abandoned_files_are_swept(void **state)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    char stale[96], live[96], similar[96];
    (void)state;
    make_beside(".tmp-12-ab-34", stale);
    make_beside(".tmp-13-ab-34", live);
    make_beside(".tmp-not ours", similar);
    int fd = open(live, O_RDWR | O_CLOEXEC);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    segment_writer_close(open_writer());
    assert_int_equal(access(stale, F_OK), -1);
    assert_int_equal(access(live, F_OK), 0);
    assert_int_equal(access(similar, F_OK), 0);
    assert_int_equal(link(path, stale), 0); /* killed between link() and unlink() */
    close(fd);
    segment_writer_close(open_writer());
    assert_int_equal(access(stale, F_OK), -1);
    assert_int_equal(access(live, F_OK), -1);
    unlink(similar);
}

static void test_other_users_files_are_not_swept(void **state)
{
    char name[96], target[96];
    (void)state;
    make_beside(".tmp-aa-bb-cc", target);
    if (geteuid() == 0)
        assert_int_equal(chown(target, STRANGER, STRANGER), 0);
    snprintf(name, sizeof name, "%s.tmp-1-2-3", path);
    assert_int_equal(symlink(target, name), 0);
    segment_writer_close(open_writer());
    assert_int_equal(unlink(name), 0);
    assert_int_equal(unlink(target), geteuid() == 0 ? 0 : -1);
}

/* What the racers tell and are told, in shared memory. */
struct race {
    int result[RACERS];
    pid_t holder[RACERS];
    pid_t pid[RACERS];
};

__attribute__((noreturn)) static void run_racer(struct race *race, unsigned n, int start, int end)
{
    struct segment_writer *writer;
    char byte;
    if (read(start, &byte, 1) != 0) /* all begin when the parent closes its end */
        _exit(1);
    enum segment_writer_result result = try_open(&writer);
    if (result == SEGW_OK && segment_writer_publish(writer, &fixture_empty) < 0)
        _exit(1);
    race->holder[n] = holder;
    __atomic_store_n(&race->result[n], (int)result + 1, __ATOMIC_RELEASE);
    _exit(read(end, &byte, 1) == 0 ? 0 : 1);
}

static void start_racers(struct race *race, int start[2], int end[2])
{
    memset(race, 0, sizeof *race);
    assert_int_equal(pipe(start), 0);
    assert_int_equal(pipe(end), 0);
    for (unsigned n = 0; n < RACERS; n++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(start[1]);
            close(end[1]);
            run_racer(race, n, start[0], end[0]);
        }
        race->pid[n] = child; /* by the parent only: the memory is shared */
    }
    close(start[1]);
}

static void finish_racers(struct race *race, const int start[2], const int end[2])
{
    close(end[1]);
    for (unsigned n = 0; n < RACERS; n++)
        if (race->pid[n] > 0)
            waitpid(race->pid[n], NULL, 0);
    close(start[0]);
    close(end[0]);
}

static void wait_ms(unsigned ms)
{
    nanosleep(&(struct timespec){ .tv_nsec = 1000000L * ms }, NULL);
}

static void await_results(struct race *race)
{
    for (unsigned n = 0; n < RACERS; n++)
        for (unsigned waited = 0; __atomic_load_n(&race->result[n], __ATOMIC_ACQUIRE) == 0; waited++) {
            assert_true(waited < 20000);
            wait_ms(1);
        }
}

static struct race *new_race(void)
{
    struct race *race = mmap(NULL, sizeof *race, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(race != MAP_FAILED);
    return race;
}

static unsigned count_result(const struct race *race, enum segment_writer_result result, unsigned *which)
{
    unsigned count = 0;
    for (unsigned n = 0; n < RACERS; n++)
        if (race->result[n] == (int)result + 1) {
            *which = n;
            count++;
        }
    return count;
}

/* Kinds of start: nothing there; a dead helper's file; that and what killed ones left. */
static void race_once(struct race *race, unsigned kind)
{
    int start[2], end[2];
    unsigned winner = 0, loser = 0;
    char name[96];
    if (kind == 0)
        unlink(path);
    if (kind == 2)
        for (unsigned n = 0; n < 5; n++) {
            snprintf(name, sizeof name, ".tmp-1-2-%u", n);
            make_beside(name, other);
        }
    start_racers(race, start, end);
    await_results(race);
    assert_int_equal(count_result(race, SEGW_OK, &winner), 1);
    assert_int_equal(count_result(race, SEGW_LOCKED, &loser), RACERS - 1);
    for (unsigned n = 0; n < RACERS; n++)
        assert_true(race->holder[n] == 0 || race->holder[n] == race->pid[winner]);
    assert_int_equal(files_in_folder(), 1);
    struct segment_copy copy = read_back(false);
    assert_int_equal(copy.header.pid, race->pid[winner]);
    segment_copy_free(&copy);
    assert_refused(SEGW_LOCKED, "pid ");
    finish_racers(race, start, end);
}

static void test_of_many_exactly_one_wins(void **state)
{
    struct race *race = new_race();
    (void)state;
    for (unsigned n = 0; n < RACES; n++)
        race_once(race, n % 3);
    print_message("%d races of %d: one winner each\n", RACES, RACERS);
    munmap(race, sizeof *race);
}

/* As before, but half of them are killed at some instant of it. */
static void test_killed_while_opening(void **state)
{
    struct race *race = new_race();
    (void)state;
    for (unsigned n = 0; n < CHAOS; n++) {
        int start[2], end[2];
        unsigned winner = 0;
        if (n % 3 == 0)
            unlink(path);
        start_racers(race, start, end);
        for (volatile unsigned spin = 0; spin < (n % 20) * 5000; spin++)
            ;
        for (unsigned k = 0; k < RACERS; k += 2) {
            assert_true(race->pid[k] > 0);
            kill(race->pid[k], SIGKILL);
            waitpid(race->pid[k], NULL, 0);
            race->pid[k] = -1;
            race->result[k] = race->result[k] == 0 ? (int)SEGW_FAILED + 1 : race->result[k];
        }
        await_results(race);
        assert_true(count_result(race, SEGW_OK, &winner) <= 2); /* one of the killed may have been first */
        unsigned alive = 0;
        for (unsigned k = 1; k < RACERS; k += 2)
            alive += race->result[k] == (int)SEGW_OK + 1;
        assert_true(alive <= 1);
        if (alive == 1)
            assert_refused(SEGW_LOCKED, "pid ");
        finish_racers(race, start, end);
        segment_writer_close(open_writer());
        assert_int_equal(files_in_folder(), 1);
    }
    munmap(race, sizeof *race);
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/segment", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    return 0;
}

static int tear_down(void **state)
{
    fresh(state);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_new_file, fresh),
        cmocka_unit_test_setup(test_header, fresh),
        cmocka_unit_test_setup(test_generations_alternate, fresh),
        cmocka_unit_test_setup(test_texts_are_cleaned, fresh),
        cmocka_unit_test_setup(test_used_buckets_are_stored_over_zeros, fresh),
        cmocka_unit_test_setup(test_many_rows, fresh),
        cmocka_unit_test_setup(test_what_did_not_change_is_not_stored, fresh),
        cmocka_unit_test_setup(test_rows_that_are_as_they_were_together, fresh),
        cmocka_unit_test_setup(test_any_changes, fresh),
        cmocka_unit_test_setup(test_a_spoilt_file_heals, fresh),
        cmocka_unit_test_setup(test_what_readers_would_refuse_is_not_stored, fresh),
        cmocka_unit_test_setup(test_stopped_after_each_store, fresh),
        cmocka_unit_test_setup(test_stopped_in_the_first_generation, fresh),
        cmocka_unit_test_setup(test_another_helper_has_it, fresh),
        cmocka_unit_test_setup(test_the_same_process_is_no_exception, fresh),
        cmocka_unit_test_setup(test_the_holder_is_not_the_one_in_the_header, fresh),
        cmocka_unit_test_setup(test_old_readers_keep_what_they_opened, fresh),
        cmocka_unit_test_setup(test_in_place, fresh),
        cmocka_unit_test_setup(test_going_on_in_a_larger_file, fresh),
        cmocka_unit_test_setup(test_foreign_owner, fresh),
        cmocka_unit_test_setup(test_root_is_foreign_to_others, fresh),
        cmocka_unit_test_setup(test_not_regular, fresh),
        cmocka_unit_test_setup(test_device, fresh),
        cmocka_unit_test_setup(test_no_folder, fresh),
        cmocka_unit_test_setup(test_capacities, fresh),
        cmocka_unit_test_setup(test_intervals, fresh),
        cmocka_unit_test_setup(test_file_size_limit, fresh),
        cmocka_unit_test_setup(test_no_space, fresh),
        cmocka_unit_test_setup(test_abandoned_files_are_swept, fresh),
        cmocka_unit_test_setup(test_other_users_files_are_not_swept, fresh),
        cmocka_unit_test_setup(test_of_many_exactly_one_wins, fresh),
        cmocka_unit_test_setup(test_killed_while_opening, fresh),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
