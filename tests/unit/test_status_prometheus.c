/* The helper, its captures and the row `other` as Prometheus text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "status_prometheus.c"

static struct seg_instance instances[4];
static struct segment_copy copy;
static char *printed;

static int begin(void **state)
{
    (void)state;
    memset(instances, 0, sizeof instances);
    memset(&copy, 0, sizeof copy);
    copy.instances = instances;
    return 0;
}

static int let_go(void **state)
{
    (void)state;
    free(printed);
    printed = NULL;
    return 0;
}

static struct seg_instance *add(const char *interface, uint32_t seg_state)
{
    struct seg_instance *instance = &instances[copy.snapshot.instance_count++];

    snprintf(instance->interface, sizeof instance->interface, "%s", interface);
    instance->state = seg_state;
    return instance;
}

static void print(const char *state)
{
    size_t size;
    FILE *stream = open_memstream(&printed, &size);

    status_prometheus(stream, &copy, state);
    fclose(stream);
}

static void expect(const char *line)
{
    if (strstr(printed, line) == NULL)
        fail_msg("not there: %s", line);
}

/* ---- whether it measures ---- */

/* A file may wait for a name that does not resolve, and an interface for its device: what others measure is there. */
static void one_that_measures_is_enough(void **state)
{
    (void)state;
    add("eth0", SEG_STARTING);
    assert_false(status_is_measuring(&copy, "starting"));
    add("eth1", SEG_FAILED);
    assert_false(status_is_measuring(&copy, "degraded"));
    add("eth2", SEG_CAPTURING);
    assert_true(status_is_measuring(&copy, "degraded"));
    assert_true(status_is_measuring(&copy, "starting"));
    print("starting");
    expect("\ngo_metro_up 1\n");
    instances[2].state = SEG_STOPPED; /* a file that was read to its end: its rows stay */
    assert_true(status_is_measuring(&copy, "capturing"));
}

static void what_is_not_of_now_is_not_measured(void **state)
{
    static const char *const states[] = { "stale", "stopped", "failed" };

    (void)state;
    add("eth0", SEG_CAPTURING);
    for (size_t n = 0; n < sizeof states / sizeof states[0]; n++) {
        assert_false(status_is_measuring(&copy, states[n]));
        print(states[n]);
        expect("\ngo_metro_up 0\n");
        let_go(NULL);
    }
}

/* Files need no right to capture, an interface does: what the file gave is there, and nothing of the interface. */
static void rows_are_of_instances_that_did_not_fail(void **state)
{
    static const char *const running[] = { "starting", "capturing", "degraded" };
    static const char *const others[] = { "failed", "stopped", "stale" };
    const struct seg_instance failed = { .state = SEG_FAILED }, starting = { .state = SEG_STARTING },
                              capturing = { .state = SEG_CAPTURING }, read = { .state = SEG_STOPPED };

    (void)state;
    for (size_t n = 0; n < sizeof running / sizeof running[0]; n++) {
        assert_false(status_has_rows(&failed, running[n]));
        assert_true(status_has_rows(&starting, running[n]));
        assert_true(status_has_rows(&capturing, running[n]));
        assert_true(status_has_rows(&read, running[n]));
        assert_false(status_has_rows(&capturing, others[n]));
        assert_false(status_has_rows(&read, others[n]));
    }
}

static void each_instance_has_its_state(void **state)
{
    (void)state;
    add("file", SEG_STOPPED);
    add("file", SEG_FAILED);
    add("lo", SEG_CAPTURING);
    add("lo", SEG_STARTING);
    print("degraded");
    expect("go_metro_instance_state{iface=\"file\",index=\"0\",state=\"starting\"} 0\n"
           "go_metro_instance_state{iface=\"file\",index=\"0\",state=\"capturing\"} 0\n"
           "go_metro_instance_state{iface=\"file\",index=\"0\",state=\"failed\"} 0\n"
           "go_metro_instance_state{iface=\"file\",index=\"0\",state=\"stopped\"} 1\n");
    expect("go_metro_instance_state{iface=\"file\",index=\"1\",state=\"failed\"} 1\n");
    expect("go_metro_instance_state{iface=\"lo\",index=\"2\",state=\"capturing\"} 1\n");
    expect("go_metro_instance_state{iface=\"lo\",index=\"3\",state=\"starting\"} 1\n");
    let_go(NULL);
    print("stopped");
    assert_null(strstr(printed, "go_metro_instance_state{"));
}

/* ---- captures ---- */

/* It would be 0 for ever, and an alert with it. */
static void a_file_that_was_read_to_its_end_is_not_down(void **state)
{
    (void)state;
    add("eth0", SEG_FAILED);
    add("file", SEG_STOPPED)->received = 7;
    add("lo", SEG_CAPTURING);
    print("degraded");
    assert_null(strstr(printed, "go_metro_capture_up{iface=\"file\"}"));
    expect("go_metro_capture_up{iface=\"eth0\"} 0\n");
    expect("go_metro_capture_up{iface=\"lo\"} 1\n");
    expect("go_metro_packets_total{iface=\"file\"} 7\n");
}

/* Instances on an interface are given the same packets, files are not. */
static void packets_of_files_are_added_up(void **state)
{
    (void)state;
    add("file", SEG_STOPPED)->received = 7;
    add("eth0", SEG_CAPTURING)->received = 100;
    add("file", SEG_CAPTURING)->received = 5;
    add("eth0", SEG_CAPTURING)->received = 90;
    instances[1].dropped_kernel = instances[3].dropped_kernel = 3;
    print("capturing");
    expect("go_metro_packets_total{iface=\"file\"} 12\ngo_metro_packets_total{iface=\"eth0\"} 100\n#");
    expect("go_metro_ring_dropped_packets_total{iface=\"eth0\"} 3\n");
    expect("go_metro_capture_up{iface=\"eth0\"} 1\n#");
}

/* A sum over instances would fall when one of them goes, and count twice what both want. */
static void what_each_counts_of_its_own_has_its_index(void **state)
{
    (void)state;
    add("eth0", SEG_CAPTURING)->refused_flows = 7;
    add("file", SEG_STOPPED)->refused_peers = 5;
    add("eth0", SEG_FAILED)->refused_flows = 2;
    instances[0].open_flows = 3;
    print("degraded");
    expect("go_metro_refused_packets_total{iface=\"eth0\",index=\"0\"} 7\n"
           "go_metro_refused_packets_total{iface=\"file\",index=\"1\"} 0\n"
           "go_metro_refused_packets_total{iface=\"eth0\",index=\"2\"} 2\n#");
    expect("go_metro_other_flows_total{iface=\"file\",index=\"1\"} 5\n");
    expect("go_metro_open_flows{iface=\"eth0\",index=\"0\"} 3\n");
}

/* ---- the row of all others ---- */

static void a_row_of_others_says_what_it_counted_itself(void **state)
{
    const struct seg_instance instance = {
        .refused_peers = 3, .given_timed = 10, .given_samples = 20, .given_handshake_samples = 30, .given_retransmits = 40
    };
    struct report_row other = {
        .counts_only = true, .flows = 9, .timed = 11, .samples = 22, .handshake_samples = 33, .retransmits = 44
    };
    struct report_row row = other;

    (void)state;
    row.counts_only = false;
    status_prometheus_own(&other, &instance);
    assert_int_equal(other.flows, 3);
    assert_int_equal(other.timed, 1);
    assert_int_equal(other.samples, 2);
    assert_int_equal(other.handshake_samples, 3);
    assert_int_equal(other.retransmits, 4);
    status_prometheus_own(&row, &instance);
    assert_int_equal(row.flows, 9);
    assert_int_equal(row.samples, 22);
}

static void a_segment_that_says_what_cannot_be_makes_no_huge_number(void **state)
{
    const struct seg_instance instance = { .given_samples = UINT64_MAX };
    struct report_row other = { .counts_only = true, .samples = 22 };

    (void)state;
    status_prometheus_own(&other, &instance);
    assert_int_equal(other.samples, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, let_go)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_that_measures_is_enough),
        CASE(what_is_not_of_now_is_not_measured),
        CASE(rows_are_of_instances_that_did_not_fail),
        CASE(each_instance_has_its_state),
        CASE(a_file_that_was_read_to_its_end_is_not_down),
        CASE(packets_of_files_are_added_up),
        CASE(what_each_counts_of_its_own_has_its_index),
        cmocka_unit_test(a_row_of_others_says_what_it_counted_itself),
        cmocka_unit_test(a_segment_that_says_what_cannot_be_makes_no_huge_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
