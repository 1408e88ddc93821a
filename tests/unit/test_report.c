/* Rows -> JSON lines, Prometheus text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report.c"

static char *printed;
static size_t printed_size;

static FILE *start(void)
{
    return open_memstream(&printed, &printed_size);
}

static void expect(FILE *stream, const char *text)
{
    fclose(stream);
    assert_string_equal(printed, text);
    free(printed);
}

static struct histogram one_sample;

static struct report_row example(void)
{
    struct report_row row = { .src = "10.0.0.1",
                              .dst = "10.0.0.2",
                              .flows = 3,
                              .samples = 2,
                              .handshake_samples = 1,
                              .retransmits = 4,
                              .timed = 7,
                              .skipped = { 1, 0, 2 },
                              .last_ns = 1500000,
                              .avg_ns = 1250001,
                              .jitter_ns = 31250,
                              .min_ns = 1000000,
                              .max_ns = 1500000,
                              .sum_ns = 2500000,
                              .histogram = &one_sample };

    memset(&one_sample, 0, sizeof one_sample);
    histogram_add(&one_sample, 1000000);
    histogram_add(&one_sample, 1500000);
    return row;
}

static void a_peer_row_is_one_json_object(void **state)
{
    struct report_row row = example();
    FILE *stream = start();
    char *quantile;

    (void)state;
    row.interface = "eth0";
    row.dst_port = 443;
    report_json_peer(stream, &row);
    fclose(stream);
    assert_non_null(strstr(
        printed, "{\"type\":\"peer\",\"iface\":\"eth0\",\"src\":\"10.0.0.1\",\"dst\":\"10.0.0.2\",\"dst_port\":443,\"flows\":3,"
                 "\"samples\":2,\"handshake_samples\":1,\"rtt_ms\":{\"last\":1.500000,\"avg\":1.250001,"
                 "\"jitter\":0.031250,\"min\":1.000000,\"mean\":1.250000,\"p50\":1.0"));
    quantile = strstr(printed, "\"p99\":");
    assert_non_null(quantile);
    assert_true(strtod(quantile + 6, NULL) <= 1.5); /* never above the exact maximum */
    assert_non_null(strstr(printed, "\"max\":1.500000},\"retransmits\":4,\"timed\":7,\"skipped\":{\"covered\":1,\"inexact\":0,"
                                    "\"retransmitted\":2,\"ambiguous\":0,\"unacked\":0,\"overflow\":0,\"clock\":0}}\n"));
    free(printed);
}

static void without_a_sample_no_value_is_invented(void **state)
{
    struct report_row row = { .src = "10.0.0.1", .dst = "10.0.0.2", .flows = 1, .timed = 1, .skipped = { [SKIP_UNACKED] = 1 } };
    FILE *stream = start();

    (void)state;
    report_json_peer(stream, &row);
    expect(stream,
           "{\"type\":\"peer\",\"src\":\"10.0.0.1\",\"dst\":\"10.0.0.2\",\"flows\":1,\"samples\":0,\"handshake_samples\":0,"
           "\"rtt_ms\":{\"last\":null,\"avg\":null,\"jitter\":null,\"min\":null,\"mean\":null,\"p50\":null,\"p95\":null,"
           "\"p99\":null,\"max\":null},\"retransmits\":0,\"timed\":1,\"skipped\":{\"covered\":0,\"inexact\":0,"
           "\"retransmitted\":0,\"ambiguous\":0,\"unacked\":1,\"overflow\":0,\"clock\":0}}\n");
}

static void a_row_of_counts_has_no_times(void **state)
{
    struct report_row row = { .src = "", .dst = "other", .counts_only = true, .flows = 2, .samples = 9, .timed = 9 };
    FILE *stream = start();

    (void)state;
    row.interface = "eth0";
    report_json_peer(stream, &row);
    report_prometheus(stream, &row, 1);
    fclose(stream);
    assert_non_null(strstr(printed, "\"samples\":9,\"handshake_samples\":0,\"rtt_ms\":{\"last\":null,\"avg\":null"));
    assert_null(strstr(printed, "go_metro_rtt_last_seconds{"));
    /* A sum of 0 beside a count would be a mean of 0. */
    assert_null(strstr(printed, "go_metro_rtt_seconds_count{"));
    assert_null(strstr(printed, "go_metro_rtt_seconds_sum{"));
    assert_non_null(strstr(printed, "go_metro_round_trips_total{iface=\"eth0\",src=\"\",dst=\"other\"} 9\n"));
    free(printed);
}

static void text_is_escaped(void **state)
{
    FILE *stream = start();

    (void)state;
    report_json_string(stream, "a\"b\\c\n\x7f\xc3");
    expect(stream, "\"a\\\"b\\\\c\\u000a\\u007f\\u00c3\"");
}

static void the_total_names_only_reasons_that_count(void **state)
{
    struct report_total total = {
        .packets = 10, .tcp = 7, .flows = 2, .timed = 5, .samples = 5, .ignored = { [PACKET_NOT_TCP] = 2, [PACKET_FRAGMENT] = 1 }
    };
    FILE *stream = start();

    (void)state;
    report_json_total(stream, &total);
    expect(stream,
           "{\"type\":\"total\",\"packets\":10,\"tcp\":7,\"flows\":2,\"timed\":5,\"samples\":5,\"skipped\":{\"covered\":0,"
           "\"inexact\":0,\"retransmitted\":0,\"ambiguous\":0,\"unacked\":0,\"overflow\":0,\"clock\":0},"
           "\"ignored\":{\"fragment\":1,\"not_tcp\":2}}\n");
}

static void prometheus_uses_seconds_and_leaves_out_what_is_not_known(void **state)
{
    struct report_row rows[2] = { example(), { .src = "10.0.0.1", .dst = "quiet" } };
    FILE *stream = start();

    (void)state;
    rows[0].interface = rows[1].interface = "eth0";
    report_prometheus(stream, rows, 2);
    fclose(stream);
    assert_non_null(strstr(printed,
                           "# TYPE go_metro_rtt_smoothed_seconds gauge\n"
                           "go_metro_rtt_smoothed_seconds{iface=\"eth0\",src=\"10.0.0.1\",dst=\"10.0.0.2\"} 0.001250001\n#"));
    assert_non_null(strstr(printed, "go_metro_rtt_seconds_count{iface=\"eth0\",src=\"10.0.0.1\",dst=\"quiet\"} 0\n"));
    assert_null(strstr(printed, "go_metro_rtt_min_seconds{iface=\"eth0\",src=\"10.0.0.1\",dst=\"quiet\"}"));
    assert_non_null(strstr(printed, "# TYPE go_metro_rtt_seconds summary\n"
                                    "go_metro_rtt_seconds_sum{iface=\"eth0\",src=\"10.0.0.1\",dst=\"10.0.0.2\"} 0.002500000\n"
                                    "go_metro_rtt_seconds_count{iface=\"eth0\",src=\"10.0.0.1\",dst=\"10.0.0.2\"} 2\n"
                                    "go_metro_rtt_seconds_sum{iface=\"eth0\",src=\"10.0.0.1\",dst=\"quiet\"} 0.000000000\n"));
    assert_non_null(strstr(printed, "# TYPE go_metro_round_trips_total counter\n"
                                    "go_metro_round_trips_total{iface=\"eth0\",src=\"10.0.0.1\",dst=\"10.0.0.2\"} 2\n"
                                    "go_metro_round_trips_total{iface=\"eth0\",src=\"10.0.0.1\",dst=\"quiet\"} 0\n"));
    free(printed);
}

/* As exposition format 0.0.4 has it, which is not JSON's way. */
static void prometheus_labels_are_escaped(void **state)
{
    FILE *stream = start();

    (void)state;
    report_prometheus_label(stream, "{", "iface", "a\"b\\c\nd\te");
    report_prometheus_label(stream, ",", "dst", "");
    expect(stream, "{iface=\"a\\\"b\\\\c\\nd\te\",dst=\"\"");
}

static bool is_in_order(const char *first, const char *second)
{
    const char *at = strstr(printed, first);

    return at != NULL && strstr(at, second) != NULL;
}

/* Equal labels make a scrape invalid as a whole. */
static void prometheus_has_no_two_series_of_the_same_labels(void **state)
{
    struct report_row rows[6] = { example(), example(), example(), example(), example(), example() };
    FILE *stream = start();

    (void)state;
    for (size_t i = 0; i < 6; i++)
        rows[i].interface = "eth0";
    rows[0].dst_port = 443;
    rows[1].last_ns = rows[1].max_ns = 7000000;
    rows[1].samples = 0;
    rows[3].samples = 5; /* most, so its last is the last */
    rows[3].last_ns = 1200000;
    rows[3].min_ns = 1100000;
    rows[4].samples = 4;
    rows[4].max_ns = 2000000;
    rows[5].interface = "eth1";
    report_prometheus(stream, rows, 6);
    fclose(stream);
    for (char *line = strtok(printed, "\n"), *before = NULL; line != NULL; before = line, line = strtok(NULL, "\n")) {
        const size_t labels = strcspn(line, "}");

        if (before != NULL && *line != '#' && strncmp(line, before, labels + 1) == 0)
            fail_msg("twice: %s", line);
    }
    free(printed);
    stream = start();
    report_prometheus(stream, rows, 3); /* merged in place: another time nothing changes */
    fclose(stream);
    assert_true(is_in_order("go_metro_rtt_seconds_count{iface=\"eth0\",src=\"10.0.0.1\",dst=\"10.0.0.2\"} 11\n",
                            "go_metro_rtt_seconds_count{iface=\"eth0\",src=\"10.0.0.1\",dst=\"10.0.0.2\",dst_port=\"443\"} 2\n"));
    assert_non_null(strstr(printed, "go_metro_flows_total{iface=\"eth0\",src=\"10.0.0.1\",dst=\"10.0.0.2\"} 12\n"));
    assert_non_null(strstr(printed, "go_metro_rtt_last_seconds{iface=\"eth0\",src=\"10.0.0.1\",dst=\"10.0.0.2\"} 0.001200000\n"));
    assert_non_null(strstr(printed, "go_metro_rtt_min_seconds{iface=\"eth0\",src=\"10.0.0.1\",dst=\"10.0.0.2\"} 0.001000000\n"));
    assert_non_null(strstr(printed, "go_metro_rtt_max_seconds{iface=\"eth0\",src=\"10.0.0.1\",dst=\"10.0.0.2\"} 0.002000000\n"));
    assert_non_null(strstr(printed, "go_metro_rtt_seconds_count{iface=\"eth1\",src=\"10.0.0.1\",dst=\"10.0.0.2\"} 2\n"));
    free(printed);
}

/* What two instances on one interface both want both count, and when one of them goes the other's series goes on: as one series
 * it would fall, which rate() takes for a new beginning. */
static void prometheus_keeps_instances_apart(void **state)
{
    struct report_row rows[3] = { example(), example(), example() };
    FILE *stream = start();

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        rows[i].interface = "eth0";
        rows[i].has_instance = true;
        rows[i].instance = i == 0 ? 10 : 2;
    }
    rows[1].samples = 7;
    rows[2].dst_port = 443;
    report_prometheus(stream, rows, 3);
    fclose(stream);
    assert_non_null(strstr(
        printed, "# TYPE go_metro_round_trips_total counter\n"
                 "go_metro_round_trips_total{iface=\"eth0\",index=\"2\",src=\"10.0.0.1\",dst=\"10.0.0.2\"} 7\n"
                 "go_metro_round_trips_total{iface=\"eth0\",index=\"2\",src=\"10.0.0.1\",dst=\"10.0.0.2\",dst_port=\"443\"} 2\n"
                 "go_metro_round_trips_total{iface=\"eth0\",index=\"10\",src=\"10.0.0.1\",dst=\"10.0.0.2\"} 2\n#"));
    free(printed);
}

static void a_peer_row_says_whose_it_is(void **state)
{
    struct report_row row = example();
    FILE *stream = start();

    (void)state;
    row.interface = "eth0";
    row.has_instance = true;
    report_json_peer(stream, &row);
    fclose(stream);
    assert_non_null(strstr(printed, "{\"type\":\"peer\",\"iface\":\"eth0\",\"instance\":0,\"src\":\"10.0.0.1\","));
    free(printed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_row_is_one_json_object),
        cmocka_unit_test(without_a_sample_no_value_is_invented),
        cmocka_unit_test(a_row_of_counts_has_no_times),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(the_total_names_only_reasons_that_count),
        cmocka_unit_test(prometheus_uses_seconds_and_leaves_out_what_is_not_known),
        cmocka_unit_test(prometheus_labels_are_escaped),
        cmocka_unit_test(prometheus_has_no_two_series_of_the_same_labels),
        cmocka_unit_test(prometheus_keeps_instances_apart),
        cmocka_unit_test(a_peer_row_says_whose_it_is),
    };

    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
