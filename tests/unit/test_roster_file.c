/* test_roster_file.c: a capture file over changes of the configuration: what is measured of it, and what is said of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "roster_private.h"
#define FOLDER_FILE "capture.pcap"
#include "folder_fixture.h"
#include "pcap_fixture.h"

#define BEGIN_NS (INT64_C(1375358401) * PCAP_NS_PER_S)
#define LOCAL "local_nets: [10.0.0.1]"
#define TWO_PEERS "ips: [192.0.2.1, 192.0.2.2]"

static const struct pcap_end near_end = { "10.0.0.1", 4000 };
static struct roster *roster;
static uint32_t now_s;

/* --- the file --- */

static void write_capture(void)
{
    FILE *file = pcap_begin(path);

    assert_non_null(file);
    for (unsigned i = 1; i <= 3; i++) {
        char peer[16];

        snprintf(peer, sizeof peer, "192.0.2.%u", i);
        pcap_put_handshake(file, near_end, (struct pcap_end){ peer, 80 }, BEGIN_NS + i * 1000000, 2000000);
    }
    assert_int_equal(fclose(file), 0);
}

/* --- the roster --- */

/* Instances of the file, each by its keys; NULL: there is no second one. */
static void apply(const char *init, const char *keys, const char *second)
{
    static struct config_report report;
    char text[1024];
    struct config *config;
    int length = snprintf(text, sizeof text,
                          "init_config: {max_flows: 1000, resolve_names: false%s}\ninstances:\n"
                          "  - {interface: file, pcap: %s, %s}\n",
                          init, path, keys);

    if (second != NULL)
        snprintf(text + length, sizeof text - (size_t)length, "  - {interface: file, pcap: %s, %s}\n", path, second);
    assert_int_equal(config_parse("test", text, strlen(text), &config, &report), CONFIG_OK);
    assert_int_equal(roster_apply(roster, config), 0);
}

static const struct replay *replay_of(size_t instance)
{
    return roster->instances[instance].replay;
}

/* Seconds pass, and whatever is there is read to its end. */
static void pass(unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        roster_check(roster, NULL, NULL, ++now_s);
        for (size_t n = 0; n < roster->count; n++)
            while (replay_is_reading(replay_of(n)))
                roster_dispatch(roster, NULL, now_s, false);
    }
}

struct sums {
    uint64_t rows, first_birth;
};

static void add_row(const struct meter_row *row, void *arg)
{
    struct sums *sums = arg;

    if (sums->rows++ == 0)
        sums->first_birth = row->birth;
}

static struct sums rows_of(size_t instance)
{
    struct sums sums = { 0, 0 };

    meter_each_row(replay_meter(replay_of(instance)), add_row, &sums);
    return sums;
}

static int set_up(void **state)
{
    (void)state;
    now_s = 1000;
    roster = roster_new(NULL, (const uint64_t[2]){ 1, 2 });
    return roster == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    roster_free(roster);
    unlink(path);
    return 0;
}

/* --- what changes, and the file is gone --- */

#define BEFORE LOCAL ", " TWO_PEERS

static void read_and_remove(void)
{
    write_capture();
    apply("", BEFORE, NULL);
    pass(1);
    assert_int_equal(replay_state(replay_of(0)), SEG_STOPPED);
    assert_int_equal(rows_of(0).rows, 2);
    assert_int_equal(unlink(path), 0);
}

/* It is gone, and its rows are those of before. */
static void expect_read_once(const struct sums *before)
{
    pass(3);
    assert_int_equal(replay_state(replay_of(0)), SEG_STOPPED);
    assert_int_equal(rows_of(0).rows, before->rows);
    assert_int_equal(rows_of(0).first_birth, before->first_birth);
}

static void keys_that_mean_nothing_to_a_file_leave_its_rows(void **state)
{
    static const char *const keys[] = {
        BEFORE ", promiscuous: true",
        BEFORE ", sample: true, sample_duration: 3, sample_interval: 5",
        BEFORE ", sample: true, sample_duration: 7, sample_interval: 5, tags: [a]",
        LOCAL ", ips: [192.0.2.2, 192.0.2.1, 192.0.2.2]",
        BEFORE ", subnet_v4: 20",
    };
    struct sums before;

    (void)state;
    read_and_remove();
    before = rows_of(0);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        apply("", keys[i], NULL);
        expect_read_once(&before);
    }
}

/* It is about how long rows of interfaces stay without traffic. */
static void nor_does_the_time_between_two_runs_of_the_check(void **state)
{
    struct sums before;

    (void)state;
    read_and_remove();
    before = rows_of(0);
    apply("", BEFORE ", min_collection_interval: 300", NULL);
    expect_read_once(&before);
}

static void which_addresses_are_listed_means_nothing_where_all_are_wanted(void **state)
{
    struct sums before;

    (void)state;
    write_capture();
    apply("", LOCAL ", all_peers: true", NULL);
    pass(1);
    before = rows_of(0);
    assert_int_equal(before.rows, 3);
    assert_int_equal(unlink(path), 0);
    apply("", LOCAL ", all_peers: true, ips: [192.0.2.1]", NULL);
    expect_read_once(&before);
}

static void answer_with(const char *address, const char *error)
{
    struct ip_address found;
    struct resolve_answer answer = { .kind = RESOLVE_FORWARD,
                                     .name = "db.example",
                                     .known = RESOLVE_V4 | RESOLVE_V6,
                                     .addresses = &found,
                                     .count = error == NULL,
                                     .error = error };

    assert_true(address_parse(address, &found));
    roster_answer(roster, &answer);
    roster->follow_from_ns = 0;
    roster_follow(roster);
}

/* As where the name server fails for one family at first. */
static void a_family_that_is_found_late_reads_it_anew(void **state)
{
    (void)state;
    write_capture();
    apply("", LOCAL ", hosts: [db.example]", NULL);
    answer_with("2001:db8::1", NULL);
    pass(1);
    assert_int_equal(rows_of(0).rows, 0);
    answer_with("192.0.2.2", NULL);
    pass(1);
    assert_int_equal(rows_of(0).rows, 1);
}

static void look_for_shared(const struct meter_row *row, void *arg)
{
    *(unsigned *)arg += row->shared != 0;
}

/* Its addresses were measured, but not as one row. */
static void a_name_that_is_found_late_reads_it_anew_where_all_are_wanted_too(void **state)
{
    unsigned shared = 0;

    (void)state;
    write_capture();
    apply("", LOCAL ", all_peers: true, hosts: [db.example]", NULL);
    answer_with("192.0.2.2", "no such name");
    pass(1);
    assert_int_equal(rows_of(0).rows, 3);
    answer_with("192.0.2.2", NULL);
    pass(1);
    assert_int_equal(replay_state(replay_of(0)), SEG_STOPPED);
    assert_int_equal(rows_of(0).rows, 3);
    meter_each_row(replay_meter(replay_of(0)), look_for_shared, &shared);
    assert_int_equal(shared, 1);
}

/* Two of one file change places, and each in a key that means nothing to it. */
static void each_keeps_its_own_rows(void **state)
{
    uint64_t first, second;

    (void)state;
    write_capture();
    apply("", LOCAL ", ips: [192.0.2.1]", BEFORE);
    pass(1);
    first = rows_of(0).first_birth;
    second = rows_of(1).first_birth;
    assert_int_equal(unlink(path), 0);
    apply("", BEFORE ", promiscuous: true", LOCAL ", ips: [192.0.2.1], promiscuous: true");
    pass(1);
    assert_int_equal(rows_of(0).rows, 2);
    assert_int_equal(rows_of(0).first_birth, second);
    assert_int_equal(rows_of(1).rows, 1);
    assert_int_equal(rows_of(1).first_birth, first);
}

static void expect_gone(void)
{
    pass(1);
    assert_int_equal(replay_state(replay_of(0)), SEG_FAILED);
    assert_non_null(strstr(replay_text(replay_of(0)),
                           "it is gone, and what is asked of it has changed since it was read; put it there again"));
    assert_int_equal(rows_of(0).rows, 0);
}

static void where_something_else_is_asked_it_is_said_to_be_gone(void **state)
{
    static const struct {
        const char *init, *keys;
    } changes[] = {
        { "", LOCAL ", ips: [192.0.2.1]" },
        { "", LOCAL ", " TWO_PEERS ", hosts: [192.0.2.3]" },
        { "", LOCAL ", all_peers: true" },
        { "", LOCAL ", all_peers: true, hosts: [192.0.2.3]" },
        { "", TWO_PEERS ", local_nets: [10.0.0.2]" },
        { "", TWO_PEERS },
        { "", BEFORE ", group_by: peer_port" },
        { "", BEFORE ", group_by: subnet" },
        { "", BEFORE ", group_by: subnet, subnet_v4: 20" },
        { ", max_peers: 77", BEFORE },
        { ", max_peers: 77, idle_ttl: 70", BEFORE },
        { ", max_peers: 77, exp_ttl: 70", BEFORE },
    };

    (void)state;
    read_and_remove();
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) { /* and after one of the others, too */
        apply(changes[i].init, changes[i].keys, NULL);
        expect_gone();
    }
    write_capture();
    pass(4);
    assert_int_equal(replay_state(replay_of(0)), SEG_STOPPED);
    assert_int_equal(rows_of(0).rows, 2);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) { /* while it is there it is read */
        const uint64_t birth = rows_of(0).first_birth;

        apply(changes[i].init, changes[i].keys, NULL);
        pass(1);
        assert_int_equal(replay_state(replay_of(0)), SEG_STOPPED);
        assert_int_not_equal(rows_of(0).first_birth, birth);
    }
}

static void one_that_never_was_is_not_said_to_be_gone(void **state)
{
    (void)state;
    apply("", BEFORE, NULL);
    pass(1);
    apply(", max_peers: 77", BEFORE, NULL);
    pass(1);
    apply("", BEFORE ", group_by: subnet", NULL);
    pass(1);
    assert_int_equal(replay_state(replay_of(0)), SEG_FAILED);
    assert_non_null(strstr(replay_text(replay_of(0)), "no such file; put the capture there or correct `pcap`"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(keys_that_mean_nothing_to_a_file_leave_its_rows),
        CASE(nor_does_the_time_between_two_runs_of_the_check),
        CASE(which_addresses_are_listed_means_nothing_where_all_are_wanted),
        CASE(a_name_that_is_found_late_reads_it_anew_where_all_are_wanted_too),
        CASE(a_family_that_is_found_late_reads_it_anew),
        CASE(each_keeps_its_own_rows),
        CASE(where_something_else_is_asked_it_is_said_to_be_gone),
        CASE(one_that_never_was_is_not_said_to_be_gone),
    };

    return cmocka_run_group_tests_name("roster_file", tests, make_folder, remove_folder);
}
