/* test_segment_reader.c: a good segment, and each way in which one can be bad. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"

/* What the reader asks of the system goes through these: nobody waits, and a test can do something at the n-th call. */
static int64_t paused_ns;
static unsigned pauses, preads, mallocs;
static void (*at_pause)(unsigned count);
static void (*at_open)(void);
static ssize_t (*at_pread)(unsigned count, int fd, void *to, size_t size, off_t offset);
static unsigned malloc_fails_at;
static uint64_t now_ns;
static struct statvfs disk; /* what the file system says it has, while it has blocks */
static char asked[PATH_MAX];

static int test_nanosleep(const struct timespec *time, struct timespec *left)
{
    (void)left;
    paused_ns += time->tv_sec * INT64_C(1000000000) + time->tv_nsec;
    pauses++;
    if (at_pause != NULL)
        at_pause(pauses);
    return 0;
}

static ssize_t test_pread(int fd, void *to, size_t size, off_t offset)
{
    preads++;
    return at_pread != NULL ? at_pread(preads, fd, to, size, offset) : pread(fd, to, size, offset);
}

static void *test_allocate(size_t size)
{
    return ++mallocs == malloc_fails_at ? NULL : malloc(size);
}

static int test_statvfs(const char *folder, struct statvfs *out)
{
    snprintf(asked, sizeof asked, "%s", folder);
    if (statvfs(folder, out) < 0)
        return -1;
    if (disk.f_frsize > 0)
        *out = disk;
    return 0;
}

static void before_open(void)
{
    if (at_open != NULL)
        at_open();
}

#define nanosleep test_nanosleep
#define open(...) (before_open(), open(__VA_ARGS__))
#define pread test_pread
#define malloc test_allocate
#define clock_ns(clock) now_ns
#define statvfs(folder, out) test_statvfs(folder, out)
#include "segment_reader.c"
#undef nanosleep
#undef open
#undef pread
#undef malloc
#undef clock_ns
#undef statvfs
#include "tests/unit/segment_fixture.h"

#define STRANGER 12345
#define ROWS 2
#define INSTANCES 2

static char folder[] = "/tmp/test_segment_reader.XXXXXX";
static char path[64], other[64];
static char message[SEG_ERROR_MAX];
static struct fixture fixtures[2]; /* generations 1 and 2 */
static uint8_t *good, *bytes;      /* a whole segment, and one to be spoilt */
static size_t size;
static struct seg_header header; /* of the good one */
static struct segment_read_options options;
static struct segment_copy copy;

static void save(const uint8_t *data, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, length), length);
    assert_int_equal(close(fd), 0);
}

static enum segment_status read_now(void)
{
    paused_ns = 0;
    pauses = preads = mallocs = 0;
    memset(&copy, 0x55, sizeof copy); /* what was there before is never looked at */
    return segment_read(path, &options, &copy, message);
}

/* Nothing is given with an error; every message names the path and says something after the cause. */
static void assert_empty(enum segment_status status)
{
    static const struct segment_copy nothing;
    assert_memory_equal(&copy, &nothing, sizeof copy);
    assert_int_equal(strncmp(message, path, strlen(path)), 0);
    assert_non_null(strstr(message, "; "));
    assert_true(strlen(message) + strlen(cures[status]) > strlen(cures[status]) + strlen(path));
    assert_true(paused_ns < INT64_C(100000000));
}

static void assert_status(const char *what, enum segment_status expected)
{
    enum segment_status status = read_now();
    if (status != expected)
        fail_msg("%s: %s, not %s: %s", what, segment_status_name(status), segment_status_name(expected), message);
    if (status == SEGMENT_OK)
        assert_string_equal(message, "");
    else
        assert_empty(status);
    segment_copy_free(&copy);
}

static void assert_message(const char *text)
{
    char expected[SEG_ERROR_MAX];
    snprintf(expected, sizeof expected, "%s: %s", path, text);
    assert_string_equal(message, expected);
}

static void assert_generation(unsigned generation)
{
    enum segment_status status = read_now();
    if (status != SEGMENT_OK)
        fail_msg("%s", message);
    assert_int_equal(copy.snapshot.generation, generation);
    assert_true(fixture_equals(&fixtures[generation - 1], &copy));
    assert_true((copy.buckets != NULL) == options.histograms);
    segment_copy_free(&copy);
}

static uint64_t *sequence_of(unsigned slot)
{
    return (uint64_t *)(void *)(bytes + header.snapshot_offset[slot]);
}

static int fresh(void **state)
{
    (void)state;
    at_pause = NULL;
    at_open = NULL;
    at_pread = NULL;
    malloc_fails_at = 0;
    disk = (struct statvfs){ .f_frsize = 0 };
    options = (struct segment_read_options){ .histograms = true };
    if (unlink(path) < 0)
        rmdir(path);
    unlink(other);
    memcpy(bytes, good, size);
    save(good, size);
    return chmod(path, 0640);
}

static void test_good(void **state)
{
    (void)state;
    assert_generation(2);
    assert_int_equal(pauses, 0);
    options.histograms = false;
    unsigned with = preads;
    assert_generation(2);
    assert_int_equal(preads, with - 1);
}

static void test_the_callers_descriptor(void **state)
{
    (void)state;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(lseek(fd, 100, SEEK_SET), 100);
    assert_int_equal(segment_read_fd(fd, "a name", &options, &copy, message), SEGMENT_OK);
    segment_copy_free(&copy);
    segment_copy_free(&copy);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 100);
    close(fd);
    assert_int_equal(segment_read_fd(fd, "a name", &options, &copy, message), SEGMENT_UNREADABLE);
    assert_int_equal(strncmp(message, "a name: ", 8), 0);
}

static void test_missing(void **state)
{
    (void)state;
    unlink(path);
    assert_status("no file", SEGMENT_MISSING);
    assert_message("no segment: go-metro is not running, was never started or cannot make one; "
                   "see /var/log/datadog/go-metro.log and `supervisorctl status`");
    assert_int_equal(strncmp(asked, folder, strlen(folder)), 0);
    assert_string_equal(asked + strlen(folder), "/");
    for (size_t n = 0; n < 2; n++) {
        static const char *const nowhere[] = { "/dev/null/segment", "/no/such/folder/segment" };
        assert_int_equal(segment_read(nowhere[n], &options, &copy, message), SEGMENT_MISSING);
        assert_non_null(strstr(message, "no segment, and no folder for one: correct `segment_path`; "));
    }
    assert_int_equal(segment_read("no-segment-here", &options, &copy, message), SEGMENT_MISSING);
    assert_string_equal(asked, ".");
}

/* The least that a helper needs, and what there is. */
static void test_no_space(void **state)
{
    const uint64_t blocks = (segment_first_size() + 4095) / 4096;
    (void)state;
    assert_true(segment_first_size() % 4096 != 0);
    unlink(path);
    disk = (struct statvfs){ .f_frsize = 4096, .f_bsize = 1, .f_blocks = 100000, .f_bfree = 100000, .f_bavail = blocks };
    assert_status("enough", SEGMENT_MISSING);
    disk.f_bavail--;
    assert_status("a block too few", SEGMENT_NO_SPACE);
    assert_message("no segment, and no room for one: go-metro needs 1416256 bytes there, 1413120 are free; make room there "
                   "(go-metro goes on by itself), or set another `segment_path`");
    disk.f_bavail = 0;
    assert_status("full", SEGMENT_NO_SPACE);
    disk.f_blocks = 0;
    assert_status("a file system without a limit", SEGMENT_MISSING);
    disk.f_blocks = disk.f_bavail = 100000;
    disk.f_files = 10;
    assert_status("no inode", SEGMENT_NO_SPACE);
    assert_non_null(strstr(message, "no room for one: no inode is free there; make room"));
    disk.f_favail = 1;
    assert_status("the last inode", SEGMENT_MISSING);
    disk.f_bavail = 0;
    save(good, size);
    assert_generation(2); /* who has a segment needs no room for one */
}

static void make_fifo(void)
{
    assert_int_equal(mkfifo(path, 0640), 0);
}

static void make_folder(void)
{
    assert_int_equal(mkdir(path, 0750), 0);
}

static void make_symlink(void)
{
    int fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    assert_int_equal(write(fd, good, size), size);
    close(fd);
    assert_int_equal(symlink(other, path), 0);
}

static void make_socket(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void assert_not_regular(const char *kind)
{
    for (unsigned any = 0; any < 2; any++) {
        options.any_owner = any == 1;
        assert_status(kind, SEGMENT_NOT_REGULAR);
        assert_non_null(strstr(message, kind));
    }
}

static void test_not_regular(void **state)
{
    static const struct {
        void (*make)(void);
        const char *name;
    } kinds[] = {
        { make_fifo, "a FIFO" },
        { make_folder, "a folder" },
        { make_symlink, "a symbolic link" },
        { make_socket, "a socket" },
    };
    for (size_t n = 0; n < sizeof kinds / sizeof kinds[0]; n++) {
        unlink(path);
        kinds[n].make();
        assert_not_regular(kinds[n].name);
        fresh(state);
    }
}

static void test_device(void **state)
{
    (void)state;
    unlink(path);
    if (mknod(path, S_IFCHR | 0640, makedev(1, 5)) < 0) {
        print_message("SKIPPED %s: no right to make a device\n", __func__);
        skip();
    }
    assert_not_regular("a device");
}

static void swap_for_symlink(void)
{
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
}

static void swap_for_fifo(void)
{
    unlink(path);
    make_fifo();
}

static void remove_it(void)
{
    unlink(path);
}

/* Between lstat() and open(): a link is not followed, a FIFO does not block. */
static void test_swapped_before_open(void **state)
{
    at_open = swap_for_symlink;
    assert_status("a link to the same file", SEGMENT_NOT_REGULAR);
    fresh(state);
    at_open = swap_for_fifo;
    assert_status("a FIFO", SEGMENT_NOT_REGULAR);
    fresh(state);
    at_open = remove_it;
    assert_status("gone", SEGMENT_MISSING);
}

/* The descriptor itself is looked at again: a path may have changed since lstat(). */
static void test_a_descriptor_that_is_no_file(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(segment_read_fd(ends[0], path, &options, &copy, message), SEGMENT_NOT_REGULAR);
    close(ends[0]);
    close(ends[1]);
}

static void test_owner(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("SKIPPED %s: another owner needs root\n", __func__);
        skip();
    }
    assert_int_equal(chown(path, STRANGER, STRANGER), 0);
    assert_status("foreign", SEGMENT_FOREIGN_OWNER);
    assert_non_null(strstr(message, "uid 12345"));
    options.has_owner = true;
    options.owner = STRANGER + 1;
    assert_status("another one is allowed", SEGMENT_FOREIGN_OWNER);
    options.owner = STRANGER;
    assert_generation(2);
    options.has_owner = false;
    assert_status("owner without has_owner", SEGMENT_FOREIGN_OWNER);
    options.any_owner = true;
    assert_generation(2);
}

static void test_mode(void **state)
{
    static const mode_t writable[] = { 0660, 0602, 0666, 0777 };
    (void)state;
    for (size_t n = 0; n < sizeof writable / sizeof writable[0]; n++) {
        assert_int_equal(chmod(path, writable[n]), 0);
        assert_status("writable", SEGMENT_WRITABLE);
    }
    options.any_owner = true;
    assert_generation(2);
    options.any_owner = false;
    assert_int_equal(chmod(path, 0644), 0);
    assert_generation(2);
}

/* As a user who may see the folder and not read the file. */
static int read_as_stranger(void)
{
    if (setgroups(0, NULL) < 0 || setgid(STRANGER) < 0 || setuid(STRANGER) < 0) /* sudo's root is in root's group */
        return 2;
    if (read_now() != SEGMENT_UNREADABLE || strstr(message, "uid 12345 cannot read it: Permission denied") == NULL)
        return 1;
    return segment_read("/root/no/segment", &options, &copy, message) == SEGMENT_MISSING ? 1 : 0;
}

static void test_unreadable(void **state)
{
    int status;
    (void)state;
    if (geteuid() != 0) {
        print_message("SKIPPED %s: to become another user needs root\n", __func__);
        skip();
    }
    assert_int_equal(chmod(folder, 0755), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(read_as_stranger());
    waitpid(child, &status, 0);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_int_equal(status, 0);
}

static void test_empty(void **state)
{
    (void)state;
    save(good, 0);
    assert_status("empty", SEGMENT_EMPTY);
}

static void test_every_length(void **state)
{
    (void)state;
    for (size_t length = 1; length < size; length += length < sizeof header + 16 ? 1 : 61) {
        save(good, length);
        assert_status("cut off", SEGMENT_TRUNCATED);
    }
    const uint64_t ends[] = { header.instances_offset, header.rows_offset, header.histograms_offset, header.snapshot_size };
    for (size_t n = 0; n < 8; n++)
        for (unsigned near = 0; near < 3; near++) {
            uint64_t length = header.snapshot_offset[n / 4] + ends[n % 4] + near - 1;
            if (length >= size)
                continue;
            save(good, (size_t)length);
            assert_status("cut off at the end of a part", SEGMENT_TRUNCATED);
        }
    save(good, size - 1);
    assert_status("cut off by one", SEGMENT_TRUNCATED);
    memset(bytes, 0, size);
    memcpy(bytes, "GoMetra", 8);
    for (size_t length = 7; length < 300; length++) {
        save(bytes, length);
        assert_status("other magic", SEGMENT_BAD_MAGIC);
    }
}

static void test_longer_than_it_says(void **state)
{
    uint8_t *longer = calloc(1, size + 8);
    (void)state;
    assert_non_null(longer);
    memcpy(longer, good, size);
    save(longer, size + 8);
    assert_status("longer", SEGMENT_BAD_LAYOUT);
    free(longer);
}

static void test_other_abi(void **state)
{
    struct seg_header *spoilt = (struct seg_header *)(void *)bytes;
    (void)state;
    spoilt->abi_major = 2;
    save(bytes, size);
    assert_status("its CRC may be elsewhere", SEGMENT_OTHER_ABI);
    assert_message("has ABI 2.1, this reader understands ABI 1; "
                   "install go-metro and its metro_segment extension in one version and restart both");
    save(bytes, 100);
    assert_status("its header may be shorter", SEGMENT_OTHER_ABI);
    spoilt->abi_major = SEG_ABI_MAJOR;
    spoilt->abi_minor = SEG_ABI_MINOR + 7;
    memset(spoilt->reserved, 0xff, sizeof spoilt->reserved); /* fields that a later minor uses */
    fixture_seal_header(bytes, size);
    save(bytes, size);
    assert_generation(2);
}

enum place { IN_HEADER, IN_OLDER, IN_NEWER, IN_INSTANCE, IN_ROW, PLACES };

/* A field, what is put there, and what comes of it when all CRCs are made right again. */
struct spoiler {
    const char *name;
    enum place place;
    size_t at, size;
    uint64_t value;
    enum segment_status sealed;
};

#define SPOIL(place, type, field, value, sealed)                                                                      \
    {                                                                                                                 \
#field " = " #value, place, offsetof(struct type, field), sizeof(((struct type *)NULL)->field), value, sealed \
    }
#define SPOIL_AT(place, type, field, index, value, sealed)                                               \
    {                                                                                                    \
#field "[" #index "] = " #value, place, offsetof(struct type, field) + (index), 1, value, sealed \
    }
#define HEADER(field, value, sealed) SPOIL(IN_HEADER, seg_header, field, value, sealed)
#define NEWER(field, value, sealed) SPOIL(IN_NEWER, seg_snapshot, field, value, sealed)

static const struct spoiler spoilers[] = {
    HEADER(header_size, 271, SEGMENT_BAD_LAYOUT),
    HEADER(header_size, UINT32_MAX, SEGMENT_BAD_LAYOUT),
    HEADER(file_size, 0, SEGMENT_BAD_LAYOUT),
    HEADER(file_size, UINT64_MAX, SEGMENT_TRUNCATED),
    HEADER(snapshot_head_size, 375, SEGMENT_BAD_LAYOUT),
    HEADER(instance_size, 0, SEGMENT_BAD_LAYOUT),
    HEADER(row_size, 0, SEGMENT_BAD_LAYOUT),
    HEADER(row_size, UINT32_MAX, SEGMENT_BAD_LAYOUT),
    HEADER(histogram_size, 1799, SEGMENT_BAD_LAYOUT),
    HEADER(instance_capacity, 0, SEGMENT_BAD_LAYOUT),
    HEADER(instance_capacity, SEG_MAX_INSTANCES, SEGMENT_BAD_LAYOUT),
    HEADER(instance_capacity, SEG_MAX_INSTANCES + 1, SEGMENT_BAD_LAYOUT),
    HEADER(row_capacity, 0, SEGMENT_BAD_LAYOUT),
    HEADER(row_capacity, ROWS + 2, SEGMENT_BAD_LAYOUT),
    HEADER(row_capacity, SEG_MAX_ROWS, SEGMENT_BAD_LAYOUT),
    HEADER(row_capacity, UINT32_MAX, SEGMENT_BAD_LAYOUT),
    HEADER(bucket_count, 450, SEGMENT_BAD_LAYOUT),
    HEADER(bucket_min_exp, 8, SEGMENT_BAD_LAYOUT),
    HEADER(bucket_sub_bits, 5, SEGMENT_BAD_LAYOUT),
    HEADER(publish_interval_ms, 0, SEGMENT_CORRUPT),
    HEADER(publish_interval_ms, SEG_INTERVAL_MIN_MS - 1, SEGMENT_CORRUPT),
    HEADER(publish_interval_ms, SEG_INTERVAL_MIN_MS, SEGMENT_OK),
    HEADER(publish_interval_ms, SEG_INTERVAL_MAX_MS, SEGMENT_OK),
    HEADER(publish_interval_ms, SEG_INTERVAL_MAX_MS + 1, SEGMENT_CORRUPT),
    HEADER(publish_interval_ms, UINT32_MAX, SEGMENT_CORRUPT),
    HEADER(start_boottime_ns, FIXTURE_BOOTTIME_NS + 2, SEGMENT_OK),
    HEADER(start_boottime_ns, FIXTURE_BOOTTIME_NS + 3, SEGMENT_CORRUPT), /* later than it published */
    HEADER(start_boottime_ns, UINT64_MAX, SEGMENT_CORRUPT),
    HEADER(snapshot_offset[0], 0, SEGMENT_BAD_LAYOUT),
    HEADER(snapshot_offset[0], 273, SEGMENT_BAD_LAYOUT),
    HEADER(snapshot_offset[0], UINT64_MAX - 7, SEGMENT_BAD_LAYOUT),
    HEADER(snapshot_offset[0], UINT64_MAX, SEGMENT_BAD_LAYOUT),
    HEADER(snapshot_offset[1], 320, SEGMENT_BAD_LAYOUT),
    HEADER(snapshot_offset[1], UINT64_MAX - 7, SEGMENT_BAD_LAYOUT),
    HEADER(snapshot_size, 0, SEGMENT_BAD_LAYOUT),
    HEADER(snapshot_size, 376, SEGMENT_BAD_LAYOUT),
    HEADER(snapshot_size, UINT64_MAX, SEGMENT_BAD_LAYOUT),
    HEADER(snapshot_size, UINT64_MAX - 319, SEGMENT_BAD_LAYOUT),
    HEADER(instances_offset, 0, SEGMENT_BAD_LAYOUT),
    HEADER(instances_offset, UINT64_MAX - 7, SEGMENT_BAD_LAYOUT),
    HEADER(rows_offset, 376, SEGMENT_BAD_LAYOUT),
    HEADER(rows_offset, UINT64_MAX - 7, SEGMENT_BAD_LAYOUT),
    HEADER(histograms_offset, 384, SEGMENT_BAD_LAYOUT),
    HEADER(histograms_offset, UINT64_MAX - 7, SEGMENT_BAD_LAYOUT),
    SPOIL_AT(IN_HEADER, seg_header, boot_id, 0, 0x1f, SEGMENT_BAD_HEADER),
    SPOIL_AT(IN_HEADER, seg_header, version, 0, 0x80, SEGMENT_BAD_HEADER),
    HEADER(pid, 0, SEGMENT_OK),
    NEWER(generation, 3, SEGMENT_CORRUPT),  /* belongs to the other place */
    NEWER(boottime_ns, 0, SEGMENT_CORRUPT), /* before it was started; for the future see test_now() */
    NEWER(state, 0, SEGMENT_CORRUPT),
    NEWER(state, SEG_STOPPED + 1, SEGMENT_CORRUPT),
    NEWER(instance_count, 0, SEGMENT_CORRUPT), /* rows without an instance */
    NEWER(instance_count, INSTANCES + 1, SEGMENT_CORRUPT),
    NEWER(instance_count, UINT32_MAX, SEGMENT_CORRUPT),
    NEWER(row_count, ROWS - 1, SEGMENT_OK),
    NEWER(row_count, ROWS + 2, SEGMENT_CORRUPT),
    NEWER(row_count, UINT32_MAX, SEGMENT_CORRUPT),
    SPOIL_AT(IN_NEWER, seg_snapshot, error, 0, '\n', SEGMENT_CORRUPT),
    SPOIL_AT(IN_INSTANCE, seg_instance, state, 0, 0, SEGMENT_CORRUPT),
    SPOIL_AT(IN_INSTANCE, seg_instance, state, 3, 1, SEGMENT_CORRUPT),
    SPOIL_AT(IN_INSTANCE, seg_instance, interface, 0, 0x7f, SEGMENT_CORRUPT),
    SPOIL_AT(IN_INSTANCE, seg_instance, error, 0, 0xff, SEGMENT_CORRUPT),
    SPOIL_AT(IN_INSTANCE, seg_instance, warning, 1, '\t', SEGMENT_CORRUPT),
    SPOIL_AT(IN_INSTANCE, seg_instance, ignored, 2, 0x1b, SEGMENT_CORRUPT),
    SPOIL_AT(IN_INSTANCE, seg_instance, ignored, 2 * sizeof(struct seg_reason), 'x', SEGMENT_CORRUPT), /* after an empty one */
    SPOIL_AT(IN_INSTANCE, seg_instance, received, 0, 0xff, SEGMENT_OK),
    SPOIL(IN_INSTANCE, seg_instance, sampling, SEG_SAMPLING_CLOSED, SEGMENT_OK),
    SPOIL(IN_INSTANCE, seg_instance, sampling, SEG_SAMPLING_CLOSED + 1, SEGMENT_CORRUPT),
    SPOIL(IN_INSTANCE, seg_instance, sampling, UINT32_MAX, SEGMENT_CORRUPT),
    SPOIL(IN_INSTANCE, seg_instance, sample_open_s, UINT64_MAX, SEGMENT_OK),
    SPOIL(IN_INSTANCE, seg_instance, sample_closed_s, UINT64_MAX, SEGMENT_OK),
    SPOIL(IN_INSTANCE, seg_instance, sample_turn_boottime_ns, UINT64_MAX, SEGMENT_OK),
    SPOIL_AT(IN_INSTANCE, seg_instance, reserved, 3, 0xff, SEGMENT_OK), /* a later minor may have more */
    SPOIL(IN_INSTANCE, seg_instance, given_timed, UINT64_MAX, SEGMENT_OK),
    SPOIL(IN_INSTANCE, seg_instance, given_samples, UINT64_MAX, SEGMENT_OK),
    SPOIL(IN_INSTANCE, seg_instance, given_handshake_samples, UINT64_MAX, SEGMENT_OK),
    SPOIL(IN_INSTANCE, seg_instance, given_retransmits, UINT64_MAX, SEGMENT_OK),
    SPOIL(IN_ROW, seg_row, instance, INSTANCES, SEGMENT_CORRUPT),
    SPOIL(IN_ROW, seg_row, instance, UINT32_MAX, SEGMENT_CORRUPT),
    SPOIL(IN_ROW, seg_row, flags, UINT32_MAX, SEGMENT_OK), /* a later minor may have more */
    SPOIL(IN_ROW, seg_row, local_family, 5, SEGMENT_CORRUPT),
    SPOIL(IN_ROW, seg_row, peer_family, 255, SEGMENT_CORRUPT),
    SPOIL(IN_ROW, seg_row, peer_bits, 129, SEGMENT_CORRUPT),
    SPOIL_AT(IN_ROW, seg_row, peer_name, 3, 1, SEGMENT_CORRUPT),
    SPOIL(IN_ROW, seg_row, last_sample_boottime_ns, FIXTURE_BOOTTIME_NS + 2, SEGMENT_OK),
    SPOIL(IN_ROW, seg_row, last_sample_boottime_ns, FIXTURE_BOOTTIME_NS + 3, SEGMENT_CORRUPT), /* after it was published */
    SPOIL(IN_ROW, seg_row, last_sample_boottime_ns, UINT64_MAX, SEGMENT_CORRUPT),
    SPOIL(IN_ROW, seg_row, first_birth, UINT64_MAX, SEGMENT_CORRUPT),
    SPOIL(IN_ROW, seg_row, last_ns, SEG_RTT_MAX_NS, SEGMENT_OK),
    SPOIL(IN_ROW, seg_row, last_ns, SEG_RTT_MAX_NS + 1, SEGMENT_CORRUPT),
    SPOIL(IN_ROW, seg_row, min_ns, 1, SEGMENT_CORRUPT), /* more than the newest */
    SPOIL(IN_ROW, seg_row, max_ns, SEG_RTT_MAX_NS + 1, SEGMENT_CORRUPT),
    SPOIL(IN_ROW, seg_row, srtt_ns, SEG_RTT_MAX_NS, SEGMENT_OK),
    SPOIL(IN_ROW, seg_row, srtt_ns, UINT64_MAX, SEGMENT_CORRUPT),
    SPOIL(IN_ROW, seg_row, jitter_ns, UINT64_MAX, SEGMENT_CORRUPT),
    SPOIL(IN_ROW, seg_row, window_min_ns, UINT64_MAX, SEGMENT_CORRUPT),
    SPOIL(IN_ROW, seg_row, samples, UINT64_MAX, SEGMENT_OK),
    SPOIL(IN_OLDER, seg_snapshot, state, 0, SEGMENT_OK), /* it is not the one that is used */
};

static void spoil(const struct spoiler *spoiler)
{
    const uint64_t newer = header.snapshot_offset[0];
    const uint64_t base[PLACES] = { 0, header.snapshot_offset[1], newer, newer + header.instances_offset,
                                    newer + header.rows_offset + sizeof(struct seg_row) };
    memcpy(bytes + base[spoiler->place] + spoiler->at, &spoiler->value, spoiler->size);
}

static void test_each_field_spoilt(void **state)
{
    for (size_t n = 0; n < sizeof spoilers / sizeof spoilers[0]; n++) {
        const struct spoiler *spoiler = &spoilers[n];
        fresh(state);
        spoil(spoiler);
        save(bytes, size);
        assert_status(spoiler->name, spoiler->place == IN_HEADER ? SEGMENT_BAD_HEADER : SEGMENT_CORRUPT);
        fixture_seal(bytes, size);
        save(bytes, size);
        assert_status(spoiler->name, spoiler->sealed);
    }
    print_message("%zu spoilt fields, each with its CRC wrong and right\n", sizeof spoilers / sizeof spoilers[0]);
}

/* A text that fills its field and has no end. */
static void test_texts_without_an_end(void **state)
{
    static const struct {
        enum place place;
        size_t at, size;
        enum segment_status expected;
    } texts[] = {
        { IN_HEADER, offsetof(struct seg_header, boot_id), 40, SEGMENT_BAD_HEADER },
        { IN_HEADER, offsetof(struct seg_header, version), SEG_VERSION_MAX, SEGMENT_BAD_HEADER },
        { IN_NEWER, offsetof(struct seg_snapshot, error), SEG_ERROR_MAX, SEGMENT_CORRUPT },
        { IN_INSTANCE, offsetof(struct seg_instance, interface), SEG_INTERFACE_MAX, SEGMENT_CORRUPT },
        { IN_INSTANCE, offsetof(struct seg_instance, error), SEG_ERROR_MAX, SEGMENT_CORRUPT },
        { IN_INSTANCE, offsetof(struct seg_instance, warning), SEG_ERROR_MAX, SEGMENT_CORRUPT },
        { IN_INSTANCE, offsetof(struct seg_instance, ignored), SEG_REASON_MAX, SEGMENT_CORRUPT },
        { IN_ROW, offsetof(struct seg_row, peer_name), SEG_NAME_MAX, SEGMENT_CORRUPT },
    };
    for (size_t n = 0; n < sizeof texts / sizeof texts[0]; n++) {
        fresh(state);
        for (size_t at = 0; at < texts[n].size; at++)
            spoil(&(struct spoiler){ "text", texts[n].place, texts[n].at + at, 1, 'x', SEGMENT_OK });
        fixture_seal(bytes, size);
        save(bytes, size);
        assert_status("a text without an end", texts[n].expected);
    }
}

static enum segment_status status_of_header_byte(size_t at)
{
    if (at < offsetof(struct seg_header, abi_major))
        return SEGMENT_BAD_MAGIC;
    return at < offsetof(struct seg_header, abi_minor) ? SEGMENT_OTHER_ABI : SEGMENT_BAD_HEADER;
}

static void test_each_byte_of_the_header_spoilt(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof header; at++) {
        bytes[at] ^= 0x10;
        save(bytes, size);
        assert_status("a byte of the header", status_of_header_byte(at));
        bytes[at] ^= 0x10;
    }
}

/* One byte of every word that the CRCs of the newer snapshot cover. */
static void test_each_word_of_a_snapshot_spoilt(void **state)
{
    const struct {
        uint64_t offset, size;
    } parts[] = { { 8, sizeof(struct seg_snapshot) - 8 },
                  { header.instances_offset, INSTANCES * sizeof(struct seg_instance) },
                  { header.rows_offset, ROWS * sizeof(struct seg_row) },
                  { header.histograms_offset, ROWS * sizeof(struct seg_histogram) } };
    (void)state;
    for (unsigned part = 0; part < 4; part++)
        for (uint64_t at = parts[part].offset; at < parts[part].offset + parts[part].size; at += 8) {
            uint8_t *byte = &bytes[header.snapshot_offset[0] + at + at / 8 % 8];
            *byte ^= 0x40;
            save(bytes, size);
            assert_status("a word of the snapshot", SEGMENT_CORRUPT);
            options.histograms = false;
            assert_status("without histograms", part == 3 ? SEGMENT_OK : SEGMENT_CORRUPT);
            options.histograms = true;
            *byte ^= 0x40;
        }
}

static void test_which_snapshot(void **state)
{
    (void)state;
    *sequence_of(0) = 3;
    save(bytes, size);
    assert_generation(1); /* the newer is being written: the older, at once */
    assert_int_equal(pauses, 0);
    *sequence_of(0) = 2;
    *sequence_of(1) = 3;
    save(bytes, size);
    assert_generation(2);
    *sequence_of(0) = 0;
    *sequence_of(1) = 2;
    save(bytes, size);
    assert_generation(1); /* as after the first generation */
    *sequence_of(0) = 3;
    *sequence_of(1) = 3;
    save(bytes, size);
    assert_status("both odd", SEGMENT_TORN);
    assert_int_equal(pauses, READ_TRIES - 1);
    *sequence_of(0) = 0;
    *sequence_of(1) = 0;
    save(bytes, size);
    assert_status("never published", SEGMENT_UNPUBLISHED);
    *sequence_of(1) = 1;
    save(bytes, size);
    assert_status("the first is half written", SEGMENT_UNPUBLISHED);
}

/* Damage is told, even where the other snapshot is whole: see the head of segment_reader.c. */
static void test_damage_is_not_papered_over(void **state)
{
    for (unsigned slot = 0; slot < 2; slot++) {
        fresh(state);
        bytes[header.snapshot_offset[slot] + offsetof(struct seg_snapshot, crc)] ^= 1;
        save(bytes, size);
        assert_status("the head of one", SEGMENT_CORRUPT);
    }
    fresh(state);
    bytes[header.snapshot_offset[1] + header.rows_offset] ^= 1;
    save(bytes, size);
    assert_generation(2); /* the older one's rows are not read */
}

static void publish_at_third_pause(unsigned count)
{
    if (count == 3)
        save(good, size);
}

static void test_waits_for_the_writer(void **state)
{
    (void)state;
    *sequence_of(0) = 3;
    *sequence_of(1) = 3;
    save(bytes, size);
    at_pause = publish_at_third_pause;
    assert_generation(2);
    assert_int_equal(pauses, 3);
}

/* Preads in order: header, two heads, instances, rows, histograms, the sequence again. */
static ssize_t write_after_rows(unsigned count, int fd, void *to, size_t length, off_t offset)
{
    if (count == 5) { /* comes round to the snapshot that is being copied */
        *sequence_of(0) = 3;
        memset(bytes + header.snapshot_offset[0] + header.rows_offset, 0xee, 8);
        save(bytes, size);
    }
    return pread(fd, to, length, offset);
}

static void test_changed_while_copied(void **state)
{
    (void)state;
    at_pread = write_after_rows;
    assert_generation(1);
    assert_int_equal(pauses, 1);
}

static ssize_t always_another_sequence(unsigned count, int fd, void *to, size_t length, off_t offset)
{
    ssize_t got = pread(fd, to, length, offset);
    if (length == sizeof(uint64_t))
        *(uint64_t *)to += 2 * count;
    return got;
}

static void test_never_stands_still(void **state)
{
    (void)state;
    at_pread = always_another_sequence;
    assert_status("too fast", SEGMENT_TORN);
    assert_int_equal(pauses, READ_TRIES - 1);
}

static ssize_t shrink_at_fourth(unsigned count, int fd, void *to, size_t length, off_t offset)
{
    if (count == 4)
        assert_int_equal(truncate(path, 400), 0);
    return pread(fd, to, length, offset);
}

static ssize_t io_error_at_fifth(unsigned count, int fd, void *to, size_t length, off_t offset)
{
    errno = EIO;
    return count == 5 ? -1 : pread(fd, to, length, offset);
}

static ssize_t piecemeal(unsigned count, int fd, void *to, size_t length, off_t offset)
{
    errno = EINTR;
    return count % 3 == 0 ? -1 : pread(fd, to, length < 100 ? length : 100, offset);
}

static void test_trouble_while_reading(void **state)
{
    at_pread = shrink_at_fourth;
    assert_status("shrinks", SEGMENT_TRUNCATED);
    fresh(state);
    at_pread = io_error_at_fifth;
    assert_status("EIO", SEGMENT_UNREADABLE);
    assert_non_null(strstr(message, "Input/output error"));
    at_pread = piecemeal;
    assert_generation(2);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (malloc_fails_at = 1; malloc_fails_at <= 3; malloc_fails_at++)
        assert_status("no memory", SEGMENT_NO_MEMORY);
    assert_non_null(strstr(message, "histograms"));
}

static void test_long_and_strange_paths(void **state)
{
    char strange[300];
    (void)state;
    memset(strange, 'a', sizeof strange);
    memcpy(strange, "/tmp/\xc3\xa9\n", 8);
    strange[200] = '\0';
    assert_int_equal(segment_read(strange, &options, &copy, message), SEGMENT_MISSING);
    assert_int_equal(strncmp(message, "...aaa", 6), 0);
    assert_non_null(strstr(message, "supervisorctl"));
    strange[20] = '\0';
    assert_int_equal(segment_read(strange, &options, &copy, message), SEGMENT_MISSING);
    assert_int_equal(strncmp(message, "/tmp/???", 8), 0);
    strange[20] = strange[200] = 'a';
    strange[299] = '\0';
    assert_int_equal(segment_read(strange, &options, &copy, message), SEGMENT_UNREADABLE);
}

static void test_every_message_has_room(void **state)
{
    char longest[SEG_ERROR_MAX];
    (void)state;
    for (int status = SEGMENT_OK + 1; status < SEGMENT_STATUS_COUNT; status++) {
        assert_non_null(names[status]);
        assert_non_null(cures[status]);
        assert_true(strlen(cures[status]) + 75 + 90 < sizeof longest); /* path and cause */
    }
}

static void test_age(void **state)
{
    static const struct {
        uint64_t then_ns, now_ns;
        const char *boot_id;
        enum segment_status expected;
        uint64_t age_ns;
    } cases[] = {
        { 5000, 5000, "this boot", SEGMENT_OK, 0 },
        { 5000, 7500, "this boot", SEGMENT_OK, 2500 },
        { 0, UINT64_MAX, "this boot", SEGMENT_OK, UINT64_MAX },
        { 5000, 4000, "this boot", SEGMENT_OK, 0 }, /* the reader was held up between its clock and its look at it */
        { UINT64_C(1000005000), 5000, "this boot", SEGMENT_OK, 0 },
        { UINT64_C(1000005001), 5000, "this boot", SEGMENT_CORRUPT, 0 },
        { UINT64_MAX, 5000, "this boot", SEGMENT_CORRUPT, 0 },
        { 5000, 7500, "another", SEGMENT_OK, UINT64_MAX },
        { 5000, 7500, "", SEGMENT_OK, UINT64_MAX },
        { UINT64_MAX, 7500, "another", SEGMENT_OK, UINT64_MAX },
    };
    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct segment_copy one = { .header.boot_id = "this boot", .snapshot.boottime_ns = cases[n].then_ns };
        uint64_t age_ns = 77;
        char cause[SEG_ERROR_MAX];
        assert_int_equal(segment_check_age(&one, cases[n].now_ns, cases[n].boot_id, &age_ns, cause), cases[n].expected);
        assert_true(age_ns == cases[n].age_ns);
    }
}

/* segment_read_now() has the clock that segment_read() has not. */
static void test_now(void **state)
{
    const uint64_t newest = FIXTURE_BOOTTIME_NS + 2;
    struct segment_time times;
    (void)state;
    now_ns = newest + 1500;
    assert_int_equal(segment_read_now(path, &options, &copy, &times, message), SEGMENT_OK);
    assert_int_equal(copy.snapshot.generation, 2);
    assert_int_equal(times.read_ns, newest + 1500);
    assert_int_equal(times.age_ns, 1500);
    segment_copy_free(&copy);
    now_ns = newest - UINT64_C(7000000000);
    assert_int_equal(segment_read_now(path, &options, &copy, &times, message), SEGMENT_CORRUPT);
    assert_empty(SEGMENT_CORRUPT);
    assert_message("its heartbeat is 7 s in the future; restart go-metro; if it comes again, look for what else writes to it");
    unlink(path);
    assert_int_equal(segment_read_now(path, &options, &copy, &times, message), SEGMENT_MISSING);
    assert_empty(SEGMENT_MISSING);
}

static void test_stale(void **state)
{
    static const struct {
        uint32_t state, interval_ms;
        uint64_t age_ns;
        bool stale;
    } cases[] = {
        { SEG_CAPTURING, 1000, UINT64_C(10000000000), false },
        { SEG_CAPTURING, 1000, UINT64_C(10000000001), true },
        { SEG_STARTING, 1000, UINT64_C(10000000001), true },
        { SEG_DEGRADED, 1000, UINT64_C(10000000001), true },
        { SEG_CAPTURING, 3000, UINT64_C(15000000000), false },
        { SEG_CAPTURING, 3000, UINT64_C(15000000001), true },
        { SEG_FAILED, 1000, UINT64_C(10000000000), false },
        { SEG_FAILED, 1000, UINT64_C(10000000001), true },
        { SEG_STOPPED, 1000, UINT64_C(10000000001), false },
        { SEG_STOPPED, 1000, UINT64_MAX, false },
        { SEG_CAPTURING, SEG_INTERVAL_MAX_MS, UINT64_C(300000000000), false },
        { SEG_CAPTURING, SEG_INTERVAL_MAX_MS, UINT64_C(300000000001), true },
        { SEG_CAPTURING, 1000, UINT64_MAX, true },
    };
    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct segment_copy one = { .header.publish_interval_ms = cases[n].interval_ms, .snapshot.state = cases[n].state };
        assert_int_equal(segment_is_stale(&one, cases[n].age_ns), cases[n].stale);
    }
}

static void test_names(void **state)
{
    static const char *const expected[] = { "unknown", "starting", "capturing", "degraded", "failed", "stopped", "unknown" };
    (void)state;
    for (uint32_t n = 0; n < 7; n++)
        assert_string_equal(segment_state_name(n), expected[n]);
    assert_string_equal(segment_state_name(UINT32_MAX), "unknown");
    assert_string_equal(segment_status_name(SEGMENT_OK), "ok");
    assert_string_equal(segment_status_name(SEGMENT_WRITABLE), "writable_by_others");
    assert_string_equal(segment_status_name(SEGMENT_STATUS_COUNT), "unknown");
}

static void test_what_is_left_of_a_window(void **state)
{
    static const struct {
        uint64_t turn_ns, then_ns, left_s;
    } cases[] = {
        { 0, 0, 0 },
        { 0, 1, 0 },
        { 1, 0, 1 },
        { UINT64_C(5000000000), UINT64_C(3000000000), 2 },
        { UINT64_C(5000000000), UINT64_C(2999999999), 3 },
        { UINT64_C(5000000000), UINT64_C(4999999999), 1 },
        { UINT64_C(5000000000), UINT64_C(5000000000), 0 },
        { UINT64_C(5000000000), UINT64_MAX, 0 },
        { UINT64_MAX, 0, UINT64_C(18446744074) },
    };
    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        const struct seg_instance instance = { .sample_turn_boottime_ns = cases[n].turn_ns };
        assert_int_equal(segment_sampling_left_s(&instance, cases[n].then_ns), cases[n].left_s);
    }
    assert_null(segment_sampling_name(SEG_SAMPLING_NONE));
    assert_string_equal(segment_sampling_name(SEG_SAMPLING_OPEN), "open");
    assert_string_equal(segment_sampling_name(SEG_SAMPLING_CLOSED), "closed");
    assert_null(segment_sampling_name(UINT32_MAX));
}

/* Two generations, the newer one in snapshot 0. */
static void make_good(void)
{
    const struct segment_writer_options made = { path, ROWS + 1, INSTANCES, 1000, "1.2.3", NULL, { 0, 0, 0 } };
    struct segment_writer *writer;
    pid_t holder;
    assert_int_equal(segment_writer_open(&made, &writer, message, &holder), SEGW_OK);
    for (unsigned n = 0; n < 2; n++) {
        fixture_init(&fixtures[n], n + 1, INSTANCES, ROWS);
        assert_int_equal(segment_writer_publish(writer, &fixtures[n].contents), 0);
    }
    segment_writer_close(writer);
}

static int set_up(void **state)
{
    struct stat file;
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/segment", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    make_good();
    assert_int_equal(stat(path, &file), 0);
    size = (size_t)file.st_size;
    good = malloc(size);
    bytes = malloc(size);
    assert_true(good != NULL && bytes != NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, good, size, 0), size);
    close(fd);
    memcpy(&header, good, sizeof header);
    return 0;
}

static int tear_down(void **state)
{
    fresh(state);
    for (unsigned n = 0; n < 2; n++)
        fixture_free(&fixtures[n]);
    free(good);
    free(bytes);
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_good, fresh),
        cmocka_unit_test_setup(test_the_callers_descriptor, fresh),
        cmocka_unit_test_setup(test_missing, fresh),
        cmocka_unit_test_setup(test_no_space, fresh),
        cmocka_unit_test_setup(test_not_regular, fresh),
        cmocka_unit_test_setup(test_device, fresh),
        cmocka_unit_test_setup(test_swapped_before_open, fresh),
        cmocka_unit_test_setup(test_a_descriptor_that_is_no_file, fresh),
        cmocka_unit_test_setup(test_owner, fresh),
        cmocka_unit_test_setup(test_mode, fresh),
        cmocka_unit_test_setup(test_unreadable, fresh),
        cmocka_unit_test_setup(test_empty, fresh),
        cmocka_unit_test_setup(test_every_length, fresh),
        cmocka_unit_test_setup(test_longer_than_it_says, fresh),
        cmocka_unit_test_setup(test_other_abi, fresh),
        cmocka_unit_test_setup(test_each_field_spoilt, fresh),
        cmocka_unit_test_setup(test_texts_without_an_end, fresh),
        cmocka_unit_test_setup(test_each_byte_of_the_header_spoilt, fresh),
        cmocka_unit_test_setup(test_each_word_of_a_snapshot_spoilt, fresh),
        cmocka_unit_test_setup(test_which_snapshot, fresh),
        cmocka_unit_test_setup(test_damage_is_not_papered_over, fresh),
        cmocka_unit_test_setup(test_waits_for_the_writer, fresh),
        cmocka_unit_test_setup(test_changed_while_copied, fresh),
        cmocka_unit_test_setup(test_never_stands_still, fresh),
        cmocka_unit_test_setup(test_trouble_while_reading, fresh),
        cmocka_unit_test_setup(test_no_memory, fresh),
        cmocka_unit_test_setup(test_long_and_strange_paths, fresh),
        cmocka_unit_test_setup(test_every_message_has_room, fresh),
        cmocka_unit_test_setup(test_age, fresh),
        cmocka_unit_test_setup(test_now, fresh),
        cmocka_unit_test_setup(test_stale, fresh),
        cmocka_unit_test_setup(test_names, fresh),
        cmocka_unit_test_setup(test_what_is_left_of_a_window, fresh),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
