/* test_segment_place.c: at each system call of one helper that starts, another one comes in between and does all of its own. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Called before each system call that looks at or changes a name or a lock. */
static void step(void);

#define lstat(...) (step(), lstat(__VA_ARGS__))
#define open(...) (step(), open(__VA_ARGS__))
#define openat(...) (step(), openat(__VA_ARGS__))
#define fcntl(...) (step(), fcntl(__VA_ARGS__))
#define fstatat(...) (step(), fstatat(__VA_ARGS__))
#define rename(...) (step(), rename(__VA_ARGS__))
#define link(...) (step(), link(__VA_ARGS__))
#define unlink(...) (step(), unlink(__VA_ARGS__))
#define unlinkat(...) (step(), unlinkat(__VA_ARGS__))
#include "segment_place.c"
#undef lstat
#undef open
#undef openat
#undef fcntl
#undef fstatat
#undef rename
#undef link
#undef unlink
#undef unlinkat

#define MANY_STEPS 200 /* more than a start can have */

static char folder[] = "/tmp/test_segment_place.XXXXXX";
static char path[64], stale[96];
static char message[SEG_ERROR_MAX], rival_message[SEG_ERROR_MAX];
static unsigned steps, rival_at; /* 0: never */
static void (*intrude)(void);
static struct segment_writer *rival;
static enum segment_writer_result rival_result;

static void step(void)
{
    if (rival_at == 0 || ++steps != rival_at)
        return;
    rival_at = 0; /* the rival's own calls are not counted */
    intrude();
}

static enum segment_writer_result open_one(struct segment_writer **writer, char text[static SEG_ERROR_MAX])
{
    const struct segment_writer_options options = { path, 1, 1, 1000, "1", NULL, { 0, 0, 0 } };
    pid_t holder;
    return segment_writer_open(&options, writer, text, &holder);
}

static void rival_opens(void)
{
    rival_result = open_one(&rival, rival_message);
}

static void rival_opens_and_dies(void)
{
    rival_opens();
    segment_writer_close(rival);
    rival = NULL;
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

static void nothing_there(void)
{
    unlink(path);
}

static void dead_file_there(void)
{
    struct segment_writer *writer;
    assert_int_equal(open_one(&writer, message), SEGW_OK);
    segment_writer_close(writer);
}

static void abandoned_file_there(void)
{
    unlink(path);
    assert_int_equal(close(open(stale, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
}

static void dead_file_with_two_names(void)
{
    dead_file_there();
    assert_int_equal(link(path, stale), 0);
}

/* One start with the intruder at the n-th call. False: it has fewer calls. */
static bool start_with_intruder(void (*before)(void), void (*intruder)(void), unsigned n, struct segment_writer **writer,
                                enum segment_writer_result *result)
{
    before();
    rival = NULL;
    rival_result = SEGW_FAILED;
    intrude = intruder;
    steps = 0;
    rival_at = n;
    *result = open_one(writer, message);
    bool reached = rival_at == 0;
    rival_at = 0;
    return reached;
}

static void (*const beginnings[])(void) = { nothing_there, dead_file_there, abandoned_file_there, dead_file_with_two_names };
#define BEGINNINGS (sizeof beginnings / sizeof beginnings[0])

static unsigned run_all(void (*before)(void), void (*intruder)(void), void (*check)(unsigned, enum segment_writer_result))
{
    struct segment_writer *writer;
    enum segment_writer_result result;
    unsigned n = 1;
    for (; start_with_intruder(before, intruder, n, &writer, &result); n++) {
        assert_true(n < MANY_STEPS);
        check(n, result);
        struct segment_writer *holder = result == SEGW_OK ? writer : rival;
        if (holder != NULL)
            assert_int_equal(segment_writer_in_place(holder), 1);
        segment_writer_close(writer);
        segment_writer_close(rival);
        rival = NULL;
        dead_file_there(); /* the next one has it, and leaves nothing else */
        assert_int_equal(files_in_folder(), 1);
    }
    assert_int_equal(result, SEGW_OK);
    segment_writer_close(writer);
    return n - 1;
}

static void check_exactly_one(unsigned n, enum segment_writer_result result)
{
    const bool first = result == SEGW_OK && rival_result == SEGW_LOCKED;
    const bool second = result == SEGW_LOCKED && rival_result == SEGW_OK;
    if (!first && !second)
        fail_msg("at step %u: %d (%s) and %d (%s)", n, result, message, rival_result, rival_message);
}

static void test_exactly_one_has_it(void **state)
{
    unsigned all = 0;
    (void)state;
    for (size_t n = 0; n < BEGINNINGS; n++)
        all += run_all(beginnings[n], rival_opens, check_exactly_one);
    print_message("%u places for the other one to come in\n", all);
    assert_true(all > 40);
}

/* The other one may be refused while we hold the old file; we are not, as it is gone again. */
static void check_we_have_it(unsigned n, enum segment_writer_result result)
{
    if (result != SEGW_OK)
        fail_msg("at step %u: %d (%s)", n, result, message);
}

static void test_who_came_and_died_is_no_hindrance(void **state)
{
    (void)state;
    for (size_t n = 0; n < BEGINNINGS; n++)
        run_all(beginnings[n], rival_opens_and_dies, check_we_have_it);
}

static void plant_symlink(void)
{
    unlink(path);
    assert_int_equal(symlink(stale, path), 0);
}

static void plant_folder(void)
{
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void plant_fifo(void)
{
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
}

/* Planted while we are at work: refused, or replaced as a name, but never followed and never taken for ours. */
static void test_planted_in_between(void **state)
{
    static void (*const plants[])(void) = { plant_symlink, plant_folder, plant_fifo };
    (void)state;
    for (size_t n = 0; n < 3 * BEGINNINGS; n++)
        for (unsigned at = 1; at < MANY_STEPS; at++) {
            struct segment_writer *writer;
            enum segment_writer_result result;
            struct stat file;
            bool reached = start_with_intruder(beginnings[n % BEGINNINGS], plants[n / BEGINNINGS], at, &writer, &result);
            unlink(stale);
            if (result == SEGW_OK && segment_writer_in_place(writer) == 1)
                assert_true(lstat(path, &file) == 0 && S_ISREG(file.st_mode));
            else if (result != SEGW_OK)
                assert_true(result == SEGW_NOT_REGULAR || result == SEGW_FAILED);
            segment_writer_close(writer);
            if (unlink(path) < 0)
                rmdir(path);
            assert_int_equal(files_in_folder(), 0);
            if (!reached)
                break;
        }
}

static void swap_for_symlink_to_our_own(void)
{
    assert_int_equal(rename(path, stale), 0);
    assert_int_equal(symlink(stale, path), 0);
}

/* The same file behind a symlink: only O_NOFOLLOW tells. */
static void test_a_link_to_the_same_file_is_not_followed(void **state)
{
    struct segment_place place = SEGMENT_PLACE(path, message);
    (void)state;
    dead_file_there();
    intrude = swap_for_symlink_to_our_own;
    steps = 0;
    rival_at = 2; /* lstat() has seen the file, open() comes */
    assert_int_equal(segment_place_claim(&place), SEGW_FAILED);
    assert_true(place.again);
    assert_int_equal(place.old_fd, -1);
    segment_place_finish(&place);
    assert_int_equal(unlink(stale), 0);
}

static void test_temporary_names(void **state)
{
    (void)state;
    assert_true(is_temporary("go-metro.tmp-1a-2-ff", "go-metro"));
    assert_false(is_temporary("go-metro.tmp-", "go-metro"));
    assert_false(is_temporary("go-metro", "go-metro"));
    assert_false(is_temporary("go-metro.tmp-1a-2-fg", "go-metro"));
    assert_false(is_temporary("go-metro.tmp-1a/", "go-metro"));
    assert_false(is_temporary("go-metro2.tmp-1a-2-ff", "go-metro"));
    assert_false(is_temporary("xgo-metro.tmp-1a-2-ff", "go-metro"));
}

static void test_start_ticks(void **state)
{
    (void)state;
    assert_true(segment_pid_start_ticks(getpid()) >= segment_pid_start_ticks(getppid()));
    assert_int_not_equal(segment_pid_start_ticks(getpid()), 0);
    assert_int_equal(segment_pid_start_ticks(-1), 0);
}

static int fresh(void **state)
{
    (void)state;
    rival_at = 0;
    unlink(path);
    unlink(stale);
    return files_in_folder() == 0 ? 0 : -1;
}

/* Of that owner's file, and as long as somebody has it. */
static void test_who_holds_it(void **state)
{
    struct segment_writer *writer;
    (void)state;
    assert_false(segment_place_is_held(path, geteuid()));
    assert_int_equal(open_one(&writer, message), SEGW_OK);
    assert_true(segment_place_is_held(path, geteuid()));
    assert_false(segment_place_is_held(path, geteuid() + 1));
    assert_int_equal(symlink(path, stale), 0);
    assert_false(segment_place_is_held(stale, geteuid()));
    segment_writer_close(writer);
    assert_false(segment_place_is_held(path, geteuid()));
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/segment", folder);
    snprintf(stale, sizeof stale, "%s.tmp-1-2-3", path);
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
        cmocka_unit_test_setup(test_exactly_one_has_it, fresh),
        cmocka_unit_test_setup(test_who_came_and_died_is_no_hindrance, fresh),
        cmocka_unit_test_setup(test_planted_in_between, fresh),
        cmocka_unit_test_setup(test_a_link_to_the_same_file_is_not_followed, fresh),
        cmocka_unit_test_setup(test_temporary_names, fresh),
        cmocka_unit_test_setup(test_start_ticks, fresh),
        cmocka_unit_test_setup(test_who_holds_it, fresh),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
