/* The capture file of one instance: read in slices, to its end, and anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>
#include <utime.h>

#undef fail /* cmocka's; replay.c has a function of that name */
#include "replay.c"
#define FOLDER_FILE "capture.pcap"
#include "folder_fixture.h"
#include "pcap_fixture.h"

#define BEGIN_NS (INT64_C(1375358401) * PCAP_NS_PER_S) /* 2013-08-01 12:00:01 UTC */
#define RTT_NS INT64_C(2500000)
#define ALL UINT64_C(60000000000) /* longer than any test reads */

static const struct pcap_end near_end = { "10.0.0.1", 4000 };
static struct replay *replay;
static uint32_t now_s;

static void write_capture(const char *name, unsigned handshakes, int64_t apart_ns)
{
    FILE *file = pcap_begin(name);

    assert_non_null(file);
    for (unsigned i = 0; i < handshakes; i++) {
        char peer[16];

        snprintf(peer, sizeof peer, "192.0.2.%u", i % 250 + 1);
        pcap_put_handshake(file, near_end, (struct pcap_end){ peer, (uint16_t)(80 + i / 250) }, BEGIN_NS + i * apart_ns, RTT_NS);
    }
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    const struct meter_options options = { .max_flows = 100000,
                                           .max_peers = 1000,
                                           .idle_ttl_s = 300,
                                           .row_ttl_s = 300,
                                           .exp_ttl_s = 60,
                                           .keep_rows = true,
                                           .births = UINT64_C(1) << 40 };
    const struct meter_instance all = { .both_sides = true };

    (void)state;
    now_s = 1000;
    replay = replay_new(path, NULL, &options);
    return replay != NULL && meter_instance_add(replay_meter(replay), &all) == REPLAY_NUMBER ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    replay_free(replay);
    if (unlink(path) < 0)
        rmdir(path);
    return 0;
}

/* Seconds pass; each has its look. */
static void pass(unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        replay_check(replay, now_s, true);
        now_s++;
    }
}

struct sums {
    uint64_t rows, samples, last_birth;
    int64_t first_born_ns;
};

static void add_row(const struct meter_row *row, void *arg)
{
    struct sums *sums = arg;

    sums->rows++;
    sums->samples += row->stats->samples;
    sums->last_birth = row->birth;
    if (sums->rows == 1)
        sums->first_born_ns = row->birth_time_ns;
}

static struct sums sum_up(void)
{
    struct sums sums = { 0 };

    meter_each_row(replay_meter(replay), add_row, &sums);
    return sums;
}

static void assert_text(const char *begin, const char *rest)
{
    char whole[SEG_ERROR_MAX];

    snprintf(whole, sizeof whole, "%s: %s%s", path, begin, rest);
    assert_string_equal(replay_text(replay), whole);
}

static void test_read_to_its_end(void **state)
{
    (void)state;
    write_capture(path, 3, PCAP_NS_PER_S);
    assert_int_equal(replay_state(replay), SEG_STARTING);
    pass(1);
    assert_true(replay_is_reading(replay));
    assert_int_equal(replay_state(replay), SEG_CAPTURING);
    replay_read(replay, ALL);
    assert_false(replay_is_reading(replay));
    assert_int_equal(replay_state(replay), SEG_STOPPED);
    assert_text("read to its end: 6 packets of 2013-08-01 12:00:01 to 2013-08-01 12:00:03 UTC", "");
    assert_string_equal(replay_warning(replay), "");
    assert_int_equal(sum_up().rows, 6); /* two directions each, by the handshake */
    assert_int_equal(sum_up().samples, 3);
    assert_int_equal(sum_up().first_born_ns, BEGIN_NS);
    assert_int_equal(meter_counters(replay_meter(replay), REPLAY_NUMBER)->open_flows, 0);
    assert_int_equal(replay_times(replay).now_s, 3); /* the file's seconds, behind the meter's first */
    /* It is read once. */
    pass(20);
    assert_false(replay_is_reading(replay));
    assert_int_equal(sum_up().samples, 3);
}

/* However long it is by its own time: rows stay, flows leave as they would have done live. */
static void test_rows_outlive_the_files_time(void **state)
{
    (void)state;
    write_capture(path, 200, 3600 * PCAP_NS_PER_S);
    pass(1);
    replay_read(replay, ALL);
    assert_int_equal(sum_up().samples, 200);
    meter_expire(replay_meter(replay), UINT32_MAX);
    assert_int_equal(sum_up().samples, 200);
}

static void test_in_slices(void **state)
{
    unsigned slices = 0;

    (void)state;
    write_capture(path, 5000, 1000);
    pass(1);
    for (; replay_is_reading(replay); slices++) {
        const uint64_t before = meter_counters(replay_meter(replay), REPLAY_NUMBER)->packets;

        replay_read(replay, 1);
        assert_in_range(meter_counters(replay_meter(replay), REPLAY_NUMBER)->packets - before, 0, FRAMES_A_LOOK);
        pass(1); /* a look does not disturb it */
    }
    assert_in_range(slices, 10000 / FRAMES_A_LOOK, 10000 / FRAMES_A_LOOK + 2);
    assert_int_equal(sum_up().samples, 5000);
    replay_read(replay, ALL); /* there is nothing more */
    assert_int_equal(sum_up().samples, 5000);
}

static void test_waits_for_the_file(void **state)
{
    (void)state;
    pass(3);
    assert_int_equal(replay_state(replay), SEG_FAILED);
    assert_text("no such file; put the capture there or correct `pcap`", " (waiting for it)");
    write_capture(path, 1, 0);
    pass(1);
    assert_false(replay_is_reading(replay)); /* it may still be being written */
    pass(REST_S);
    assert_true(replay_is_reading(replay));
    replay_read(replay, ALL);
    assert_int_equal(replay_state(replay), SEG_STOPPED);
    assert_int_equal(sum_up().samples, 1);
}

static void test_another_file_is_read_anew(void **state)
{
    char other[sizeof path + 8];
    struct sums before, after;

    (void)state;
    snprintf(other, sizeof other, "%s.new", path);
    write_capture(path, 3, 1000);
    pass(1);
    replay_read(replay, ALL);
    before = sum_up();
    write_capture(other, 2, PCAP_NS_PER_S);
    assert_int_equal(rename(other, path), 0);
    pass(1);
    assert_false(replay_is_reading(replay));
    assert_int_equal(sum_up().samples, 3); /* as long as there is nothing better */
    pass(REST_S);
    assert_true(replay_is_reading(replay));
    assert_int_equal(sum_up().rows, 0);
    assert_int_equal(meter_counters(replay_meter(replay), REPLAY_NUMBER)->packets, 0);
    replay_read(replay, ALL);
    after = sum_up();
    assert_int_equal(after.samples, 2);
    assert_in_range(after.last_birth, before.last_birth + 1, UINT64_MAX); /* other rows, to whoever takes differences */
    assert_int_equal(meter_counters(replay_meter(replay), REPLAY_NUMBER)->packets, 4);
    assert_text("read to its end: 4 packets of 2013-08-01 12:00:01 to 2013-08-01 12:00:02 UTC", "");
}

/* One that is written to all the time is not begun again and again. */
static void test_a_file_that_grows_rests_first(void **state)
{
    (void)state;
    write_capture(path, 1, 1000);
    pass(1);
    replay_read(replay, ALL);
    for (unsigned n = 2; n < 20; n++) {
        write_capture(path, n, 1000);
        pass(1);
        assert_false(replay_is_reading(replay));
    }
    pass(REST_S);
    assert_true(replay_is_reading(replay));
    replay_read(replay, ALL);
    assert_int_equal(sum_up().samples, 19);
}

static void test_touched_and_removed(void **state)
{
    (void)state;
    write_capture(path, 1, 1000);
    pass(1);
    replay_read(replay, ALL);
    assert_int_equal(chmod(path, 0600), 0); /* no other file */
    pass(5);
    assert_false(replay_is_reading(replay));
    assert_int_equal(unlink(path), 0);
    pass(5);
    assert_int_equal(replay_state(replay), SEG_STOPPED); /* it was read, and that holds */
    assert_int_equal(sum_up().samples, 1);
    write_capture(path, 1, 1000);
    assert_int_equal(utime(path, &(struct utimbuf){ 1, 1 }), 0);
    pass(REST_S + 1);
    assert_true(replay_is_reading(replay));
}

static void test_cut_off(void **state)
{
    (void)state;
    write_capture(path, 3, 1000);
    assert_int_equal(truncate(path, 24 + 5 * PCAP_RECORD + 20), 0);
    pass(1);
    replay_read(replay, ALL);
    assert_int_equal(replay_state(replay), SEG_STOPPED);
    assert_int_equal(sum_up().samples, 2);
    assert_non_null(strstr(replay_warning(replay), "cut off"));
    assert_non_null(strstr(replay_warning(replay), "put the whole capture there"));
    write_capture(path, 3, 1000);
    pass(REST_S + 1);
    assert_string_equal(replay_warning(replay), "");
    replay_read(replay, ALL);
    assert_int_equal(sum_up().samples, 3);
    assert_string_equal(replay_warning(replay), "");
}

/* It becomes shorter while it is read: what is mapped is told by a signal. */
static void test_cut_off_while_it_is_read(void **state)
{
    (void)state;
    write_capture(path, 5000, 1000);
    pass(1);
    replay_read(replay, 1);
    assert_int_equal(truncate(path, 24 + 300 * PCAP_RECORD), 0);
    replay_read(replay, ALL);
    assert_int_equal(replay_state(replay), SEG_STOPPED);
    assert_non_null(strstr(replay_warning(replay), "cut off"));
    assert_in_range(sum_up().samples, 1, 400);
    pass(REST_S + 1);
    assert_true(replay_is_reading(replay)); /* what is there now is another file */
}

static void write_text(const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void test_what_is_no_capture(void **state)
{
    static const struct {
        const char *content, *said;
    } cases[] = { { "", "the file is empty, not even a capture's header is in it; put a whole capture there, or correct `pcap`" },
                  { "This is no capture at all, but a text.", "not a pcap or pcapng capture: unknown file format; put a whole" },
                  { "\x1f\x8b and so on", "the file is compressed; unpack it (gunzip), or correct `pcap` (looking" } };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_text(cases[i].content);
        pass(i == 0 ? 1 : REST_S + 1);
        assert_int_equal(replay_state(replay), SEG_FAILED);
        assert_non_null(strstr(replay_text(replay), cases[i].said));
        assert_non_null(strstr(replay_text(replay), "(looking again when it changes)"));
    }
    write_capture(path, 1, 1000);
    pass(REST_S + 1);
    replay_read(replay, ALL);
    assert_int_equal(replay_state(replay), SEG_STOPPED);
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* pcapng, of which only the first interface can be read. */
static void write_mixed(void)
{
    static const uint32_t blocks[] = { 0x0a0d0d0a, 28,    0x1a2b3c4d, 1, UINT32_MAX, UINT32_MAX,       28,    1, 20,
                                       DLT_EN10MB, 65535, 20,         1, 20,         101 /* raw IP */, 65535, 20 };
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(blocks, sizeof blocks, 1, file), 1);
    assert_int_equal(fclose(file), 0);
}

static void test_another_link_type(void **state)
{
    (void)state;
    write_mixed();
    pass(1);
    replay_read(replay, ALL);
    assert_int_equal(replay_state(replay), SEG_STOPPED);
    assert_non_null(
        strstr(replay_warning(replay), "an interface has a type 101 different from the type of the first interface; "));
    assert_true(ends_with(replay_warning(replay), "; what stands before is measured; put one capture an interface there"));
}

/* However long the path is, and whatever libpcap says. */
static void test_what_to_do_is_never_cut_off(void **state)
{
    char whole[512], slashes[200];

    (void)state;
    memset(slashes, '/', sizeof slashes - 1);
    slashes[sizeof slashes - 1] = '\0';
    snprintf(whole, sizeof whole, "%s%s%s", folder, slashes, strrchr(path, '/') + 1);
    free(replay->path);
    replay->path = strdup(whole);
    write_text("\xd4\xc3\xb2\xa1\x02"); /* half a header */
    pass(1);
    assert_non_null(strstr(replay_text(replay), "not a pcap or pcapng capture: "));
    assert_true(ends_with(replay_text(replay), "; put a whole capture there, or correct `pcap` (looking again when it changes)"));
    write_mixed();
    pass(REST_S + 1);
    replay_read(replay, ALL);
    assert_true(ends_with(replay_warning(replay), "; what stands before is measured; put one capture an interface there"));
}

/* A FIFO that nobody writes to must not hold up anything, and one with a writer is left alone. */
static void test_what_is_no_file(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(10);
    pass(3);
    alarm(0);
    assert_int_equal(replay_state(replay), SEG_FAILED);
    assert_text("a FIFO, not a capture file; write the capture to a file, or correct `pcap`", "");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    pass(REST_S + 1);
    assert_text("a folder, not a capture file; write the capture to a file, or correct `pcap`", "");
    assert_int_equal(rmdir(path), 0);
    write_capture(path, 1, 1000);
    pass(REST_S + 1);
    assert_true(replay_is_reading(replay));
}

static void test_what_may_not_be_read(void **state)
{
    (void)state;
    write_capture(path, 1, 1000);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(chmod(path, 0), 0);
    if (geteuid() == 0 && (setegid(1) < 0 || seteuid(1) < 0))
        skip();
    pass(3);
    assert_int_equal(replay_state(replay), SEG_FAILED);
    assert_non_null(strstr(replay_text(replay), "go-metro may not read it; make it readable"));
    if (getuid() == 0)
        assert_true(seteuid(0) == 0 && setegid(0) == 0);
    assert_int_equal(chmod(path, 0644), 0);
    pass(1); /* that is no other file, and need not rest */
    assert_true(replay_is_reading(replay));
}

static void test_waits_for_names_and_not_for_ever(void **state)
{
    (void)state;
    write_capture(path, 1, 1000);
    for (unsigned i = 0; i < PATIENCE_S; i++)
        replay_check(replay, now_s + i, false);
    assert_int_equal(replay_state(replay), SEG_STARTING);
    replay_check(replay, now_s + PATIENCE_S, false);
    assert_true(replay_is_reading(replay));
    replay_restart(replay);
    assert_int_equal(replay_state(replay), SEG_STARTING);
    replay_check(replay, now_s + PATIENCE_S + 1, true);
    assert_true(replay_is_reading(replay));
}

static void test_restarted_while_it_is_read(void **state)
{
    (void)state;
    write_capture(path, 5000, 1000);
    pass(1);
    replay_read(replay, 1);
    replay_restart(replay);
    assert_false(replay_is_reading(replay));
    pass(1); /* at once: it is the same file */
    replay_read(replay, ALL);
    assert_int_equal(sum_up().samples, 5000);
}

/* What was measured is for others than those who are wanted now. */
static void test_other_peers_are_wanted_and_it_is_gone(void **state)
{
    uint64_t revision;

    (void)state;
    write_capture(path, 3, 1000);
    pass(1);
    replay_read(replay, ALL);
    assert_int_equal(sum_up().samples, 3);
    assert_int_equal(unlink(path), 0);
    revision = replay_revision(replay);
    replay_restart(replay);
    assert_int_equal(sum_up().rows, 0);
    assert_int_equal(meter_counters(replay_meter(replay), REPLAY_NUMBER)->packets, 0);
    assert_int_not_equal(replay_revision(replay), revision);
    pass(5);
    assert_int_equal(replay_state(replay), SEG_FAILED);
    assert_text("it is gone, and what is asked of it has changed since it was read; put it there again", " (waiting for it)");
    write_capture(path, 2, 1000);
    pass(REST_S + 1);
    replay_read(replay, ALL);
    assert_int_equal(replay_state(replay), SEG_STOPPED);
    assert_int_equal(sum_up().samples, 2);
}

/* Where it was never there nothing was forgotten. */
static void test_other_peers_are_wanted_and_it_never_was(void **state)
{
    (void)state;
    pass(1);
    replay_restart(replay);
    pass(1);
    assert_text("no such file; put the capture there or correct `pcap`", " (waiting for it)");
}

/* Made anew for another meter, and asked for something else once more. */
static void test_it_follows_one_that_was_read(void **state)
{
    (void)state;
    assert_false(replay_was_read(replay));
    replay_follow(replay);
    assert_true(replay_was_read(replay));
    replay_restart(replay);
    assert_true(replay_was_read(replay));
    pass(1);
    assert_text("it is gone, and what is asked of it has changed since it was read; put it there again", " (waiting for it)");
    write_capture(path, 2, 1000);
    pass(REST_S + 1);
    replay_read(replay, ALL);
    assert_int_equal(replay_state(replay), SEG_STOPPED);
    assert_true(replay_was_read(replay));
}

static void test_more_is_known(void **state)
{
    (void)state;
    write_capture(path, 3, 1000);
    replay_repeat(replay); /* it will be read for all of them */
    pass(1);
    replay_read(replay, ALL);
    pass(5);
    assert_int_equal(replay_state(replay), SEG_STOPPED);
    replay_repeat(replay);
    assert_int_equal(sum_up().samples, 3); /* as long as there is nothing better */
    pass(1);
    assert_true(replay_is_reading(replay));
    replay_read(replay, ALL);
    assert_int_equal(sum_up().samples, 3);
    pass(5);
    assert_false(replay_is_reading(replay)); /* once */
}

static void test_more_is_known_and_it_is_gone(void **state)
{
    char away[sizeof path + 8];

    (void)state;
    snprintf(away, sizeof away, "%s.away", path);
    write_capture(path, 3, 1000);
    pass(1);
    replay_read(replay, ALL);
    assert_int_equal(rename(path, away), 0);
    pass(5);
    assert_string_equal(replay_warning(replay), ""); /* what was read may go */
    replay_repeat(replay);
    pass(5);
    assert_int_equal(replay_state(replay), SEG_STOPPED);
    assert_int_equal(sum_up().samples, 3);
    assert_non_null(strstr(replay_warning(replay), "names were resolved after it was read, and it is gone; put it there again"));
    assert_int_equal(rename(away, path), 0);
    pass(1);
    assert_true(replay_is_reading(replay));
    replay_read(replay, ALL);
    assert_string_equal(replay_warning(replay), "");
    assert_int_equal(sum_up().samples, 3);
}

/* What is open is read to its end, and is all that there will be. */
static void test_more_is_known_while_it_is_read_and_gone(void **state)
{
    (void)state;
    write_capture(path, 5000, 1000);
    pass(1);
    replay_read(replay, 1);
    assert_int_equal(unlink(path), 0);
    replay_repeat(replay);
    pass(1);
    assert_true(replay_is_reading(replay));
    replay_read(replay, ALL);
    assert_int_equal(sum_up().samples, 5000);
    assert_non_null(strstr(replay_warning(replay), "it is gone"));
    write_capture(path, 2, 1000);
    pass(1);
    assert_false(replay_is_reading(replay)); /* another, which rests first */
    pass(REST_S);
    replay_read(replay, ALL);
    assert_int_equal(sum_up().samples, 2);
    assert_string_equal(replay_warning(replay), "");
}

static void test_a_filter_holds(void **state)
{
    const struct meter_options options = { .max_flows = 10, .max_peers = 10, .idle_ttl_s = 300 };
    const struct meter_instance all = { .both_sides = true };
    static const char *const filters[] = { "tcp port 80", "tcp and and" };

    (void)state;
    write_capture(path, 251, 1000); /* the last one is to another port */
    for (size_t i = 0; i < 2; i++) {
        replay_free(replay);
        replay = replay_new(path, filters[i], &options);
        assert_non_null(replay);
        assert_int_equal(meter_instance_add(replay_meter(replay), &all), REPLAY_NUMBER);
        pass(1);
        replay_read(replay, ALL);
        if (i == 0) {
            assert_int_equal(meter_counters(replay_meter(replay), REPLAY_NUMBER)->packets, 500);
        } else {
            assert_non_null(strstr(replay_text(replay), "-f: "));
            assert_true(ends_with(replay_text(replay), "; correct it where go-metro is started"));
        }
    }
}

static void test_a_long_path_leaves_room_for_the_cause(void **state)
{
    char longest[1000];
    const struct meter_options options = { .max_flows = 10, .max_peers = 10, .idle_ttl_s = 300 };

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    for (size_t i = 0; i < sizeof longest - 1; i += 100)
        longest[i] = '/';
    longest[sizeof longest - 1] = '\0';
    replay_free(replay);
    replay = replay_new(longest, NULL, &options);
    assert_non_null(replay);
    pass(1);
    assert_memory_equal(replay_text(replay), "...", 3);
    assert_non_null(strstr(replay_text(replay), "(waiting for it)"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_read_to_its_end),
        TEST(test_rows_outlive_the_files_time),
        TEST(test_in_slices),
        TEST(test_waits_for_the_file),
        TEST(test_another_file_is_read_anew),
        TEST(test_a_file_that_grows_rests_first),
        TEST(test_touched_and_removed),
        TEST(test_cut_off),
        TEST(test_cut_off_while_it_is_read),
        TEST(test_what_is_no_capture),
        TEST(test_another_link_type),
        TEST(test_what_to_do_is_never_cut_off),
        TEST(test_what_is_no_file),
        TEST(test_what_may_not_be_read),
        TEST(test_waits_for_names_and_not_for_ever),
        TEST(test_restarted_while_it_is_read),
        TEST(test_other_peers_are_wanted_and_it_is_gone),
        TEST(test_other_peers_are_wanted_and_it_never_was),
        TEST(test_it_follows_one_that_was_read),
        TEST(test_more_is_known),
        TEST(test_more_is_known_and_it_is_gone),
        TEST(test_more_is_known_while_it_is_read_and_gone),
        TEST(test_a_filter_holds),
        TEST(test_a_long_path_leaves_room_for_the_cause),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
