/* test_segment_torn.c: a writer that publishes back to back is killed at random, again and again; what it leaves is whole. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/segment_fixture.h"

#define KILLS 500
#define ODD_AT_LEAST 100
#define INSTANCES 2
#define ROWS 48
#define KEYS 16 /* generation g holds fixture g % KEYS, so that the writer spends its time on storing */
#define DELAY_MAX_NS 400000

static struct fixture fixtures[KEYS];
static char folder[] = "/tmp/test_segment_torn.XXXXXX";
static char path[64];

struct counts {
    unsigned odd, live_whole, live_torn;
    uint64_t published;
};

static uint32_t next_random(void)
{
    static uint32_t state = 20260101;
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

__attribute__((noreturn)) static void publish_for_ever(int ready)
{
    const struct segment_writer_options options = { path, ROWS, INSTANCES, 1000, "torn", NULL, { 0, 0, 0 } };
    struct segment_writer *writer;
    char message[SEG_ERROR_MAX];
    pid_t holder;
    if (segment_writer_open(&options, &writer, message, &holder) != SEGW_OK)
        _exit(1);
    for (uint64_t generation = 1;; generation++) {
        struct segment_contents contents = fixtures[generation % KEYS].contents;
        contents.boottime_ns = FIXTURE_BOOTTIME_NS + generation;
        if (segment_writer_publish(writer, &contents) < 0 || (generation == 1 && write(ready, "", 1) != 1))
            _exit(1);
    }
}

static pid_t start_writer(void)
{
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        publish_for_ever(ends[1]);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    close(ends[0]);
    return child;
}

static void check_whole(const struct segment_copy *copy)
{
    assert_int_equal(copy->snapshot.boottime_ns, FIXTURE_BOOTTIME_NS + copy->snapshot.generation);
    assert_true(fixture_equals(&fixtures[copy->snapshot.generation % KEYS], copy));
}

static enum segment_status read_once(bool histograms, uint64_t *generation, char message[static SEG_ERROR_MAX])
{
    const struct segment_read_options options = { .histograms = histograms };
    struct segment_copy copy;
    enum segment_status status = segment_read(path, &options, &copy, message);
    if (status == SEGMENT_OK)
        check_whole(&copy);
    *generation = copy.snapshot.generation;
    segment_copy_free(&copy);
    return status;
}

/* While the writer runs without a pause a read may find no moment of rest, but it never finds damage. */
static void read_live(struct counts *counts)
{
    char message[SEG_ERROR_MAX];
    uint64_t generation;
    enum segment_status status = read_once(true, &generation, message);
    if (status != SEGMENT_OK && status != SEGMENT_TORN)
        fail_msg("%s", message);
    counts->live_whole += status == SEGMENT_OK;
    counts->live_torn += status == SEGMENT_TORN;
}

static bool left_odd(void)
{
    struct seg_header header;
    uint64_t sequence[2];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, &header, sizeof header, 0), sizeof header);
    for (unsigned slot = 0; slot < 2; slot++)
        assert_int_equal(pread(fd, &sequence[slot], sizeof sequence[slot], (off_t)header.snapshot_offset[slot]),
                         sizeof sequence[slot]);
    close(fd);
    assert_false(sequence[0] % 2 == 1 && sequence[1] % 2 == 1);
    return sequence[0] % 2 == 1 || sequence[1] % 2 == 1;
}

static void kill_once(unsigned n, struct counts *counts)
{
    char message[SEG_ERROR_MAX];
    uint64_t generation;
    int status;
    pid_t child = start_writer();
    if (n % 10 == 0)
        read_live(counts);
    nanosleep(&(struct timespec){ .tv_nsec = next_random() % DELAY_MAX_NS }, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    counts->odd += left_odd();
    for (unsigned histograms = 0; histograms < 2; histograms++)
        if (read_once(histograms == 1, &generation, message) != SEGMENT_OK)
            fail_msg("kill %u: %s", n, message);
    counts->published += generation;
}

static void test_a_killed_writer_leaves_a_whole_snapshot(void **state)
{
    struct counts counts = { 0 };
    (void)state;
    for (unsigned n = 0; n < KILLS; n++)
        kill_once(n, &counts);
    print_message("torn: %d kills, %u left an odd sequence, %llu generations, every read whole; "
                  "while it wrote: %u reads whole, %u torn\n",
                  KILLS, counts.odd, (unsigned long long)counts.published, counts.live_whole, counts.live_torn);
    assert_true(counts.odd >= ODD_AT_LEAST);
    assert_true(counts.live_whole > 0);
}

static int set_up(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < KEYS; n++) {
        fixture_init(&fixtures[n], n, INSTANCES, ROWS);
        fixture_give_versions(&fixtures[n], n + 1);
        for (uint32_t row = 0; row < ROWS; row += 3) /* of what does not change not all is stored */
            fixture_keep_place(&fixtures[n], &fixtures[n / 4 * 4], row);
    }
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/segment", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned n = 0; n < KEYS; n++)
        fixture_free(&fixtures[n]);
    unlink(path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_a_killed_writer_leaves_a_whole_snapshot) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
