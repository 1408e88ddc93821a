/* dogstatsd.c: rows become lines, and lines datagrams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool no_memory;

static void *test_realloc_or_not(void *memory, size_t size)
{
    return no_memory ? NULL : realloc(memory, size);
}

#define realloc(memory, size) test_realloc_or_not(memory, size)
#include "dogstatsd.c"
#undef realloc

#include "random_fixture.h"

#define MS UINT64_C(1000000)

/* A row of 10.0.0.1 and "db1" with these round trips, and its histogram. */
struct scene {
    struct seg_row row;
    struct histogram histogram;
    struct interval interval;
    struct dogstatsd_batch batch;
    struct dogstatsd_tags tags;
};

static void add_sample(struct scene *scene, uint64_t ns)
{
    struct seg_row *row = &scene->row;

    row->min_ns = row->samples == 0 || ns < row->min_ns ? ns : row->min_ns;
    row->max_ns = ns > row->max_ns ? ns : row->max_ns;
    row->last_ns = row->srtt_ns = ns;
    row->sum_ns += ns;
    row->samples++;
    scene->histogram.count[histogram_bucket(ns)]++;
    scene->interval.now_buckets = buckets_of(scene->histogram.count);
}

static void set_up(struct scene *scene)
{
    static char *tags[] = { (char *)"role:db", (char *)"blue" };
    static const struct config_instance instance = { .interface = (char *)"eth0", .tags = { tags, 2 } };

    memset(scene, 0, sizeof *scene);
    scene->row = (struct seg_row){
        .local = { [10] = 0xff, 0xff, 10, 0, 0, 1 }, .local_family = SEG_FAMILY_V4, .peer_name = "db1", .birth = 1
    };
    scene->interval.now = &scene->row;
    assert_false(dogstatsd_tags(&scene->tags, &instance));
}

/* The datagrams one behind the other, a bar line of '=' between two. */
static char *all(const struct dogstatsd_batch *batch)
{
    static char text[1 << 20];
    size_t used = 0;

    for (size_t i = 0; i < batch->count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", i == 0 ? "" : "\n=\n",
                                 (int)batch->datagrams[i].length, batch->datagrams[i].bytes);
        assert_true(batch->datagrams[i].length <= DOGSTATSD_MAX);
    }
    text[used] = '\0';
    return text;
}

#define TAGS "|#src:10.0.0.1,dst:db1,iface:eth0,role:db,blue"

static void the_three_gauges(void **state)
{
    struct scene scene;

    (void)state;
    set_up(&scene);
    add_sample(&scene, 2 * MS + 1);
    scene.row.jitter_ns = 7;
    dogstatsd_row(&scene.batch, &scene.interval, &scene.tags, false);
    assert_string_equal(all(&scene.batch), "system.net.tcp.rtt:2.000001|g" TAGS "\nsystem.net.tcp.rtt.avg:2.000001|g" TAGS
                                           "\nsystem.net.tcp.rtt.jitter:0.000007|g" TAGS);
    assert_int_equal(scene.batch.count, 1);
    dogstatsd_free(&scene.batch);
}

static void the_extended_ones_are_of_the_interval(void **state)
{
    struct seg_row then;
    uint32_t counts[HISTOGRAM_BUCKETS];
    struct scene scene;

    (void)state;
    set_up(&scene);
    add_sample(&scene, 900 * MS);
    scene.row.retransmits = 3;
    then = scene.row;
    memcpy(counts, scene.histogram.count, sizeof counts);
    scene.interval.then = &then;
    scene.interval.then_buckets = buckets_of(counts);
    add_sample(&scene, 4 * MS);
    add_sample(&scene, 4 * MS);
    scene.row.retransmits += 2;
    scene.row.handshake_samples++;
    scene.row.handshake_sum_ns += 4 * MS;
    dogstatsd_row(&scene.batch, &scene.interval, &scene.tags, true);
    assert_non_null(strstr(all(&scene.batch), "system.net.tcp.rtt.samples:2|c" TAGS));
    assert_non_null(strstr(all(&scene.batch), "system.net.tcp.rtt.retransmits:2|c" TAGS));
    assert_non_null(strstr(all(&scene.batch), "system.net.tcp.rtt.handshake:4.000000|g" TAGS));
    assert_non_null(strstr(all(&scene.batch), "system.net.tcp.rtt.p99:4."));
    assert_non_null(strstr(all(&scene.batch), "system.net.tcp.rtt.max:4."));
    assert_null(strstr(all(&scene.batch), "900"));
    dogstatsd_free(&scene.batch);
}

static void without_a_round_trip_there_is_no_gauge(void **state)
{
    struct scene scene;

    (void)state;
    set_up(&scene);
    dogstatsd_row(&scene.batch, &scene.interval, &scene.tags, true);
    assert_int_equal(scene.batch.count, 0);
    scene.row.retransmits = 1;
    dogstatsd_row(&scene.batch, &scene.interval, &scene.tags, false);
    assert_int_equal(scene.batch.count, 0);
    dogstatsd_row(&scene.batch, &scene.interval, &scene.tags, true);
    assert_string_equal(all(&scene.batch), "system.net.tcp.rtt.retransmits:1|c" TAGS);
    dogstatsd_free(&scene.batch);
}

static void the_row_other_has_counts_and_no_source(void **state)
{
    struct scene scene;

    (void)state;
    set_up(&scene);
    add_sample(&scene, MS);
    scene.row.flags = SEG_ROW_OTHER;
    scene.row.local_family = SEG_FAMILY_NONE;
    strcpy(scene.row.peer_name, "other");
    dogstatsd_row(&scene.batch, &scene.interval, &scene.tags, true);
    assert_string_equal(all(&scene.batch), "system.net.tcp.rtt.samples:1|c|#dst:other,iface:eth0,role:db,blue");
    dogstatsd_free(&scene.batch);
}

static void a_port_is_a_tag(void **state)
{
    struct scene scene;

    (void)state;
    set_up(&scene);
    add_sample(&scene, MS);
    scene.row.peer_port = 65535;
    dogstatsd_row(&scene.batch, &scene.interval, &scene.tags, false);
    assert_non_null(strstr(all(&scene.batch), "system.net.tcp.rtt:1.000000|g" TAGS ",dst_port:65535\n"));
    dogstatsd_free(&scene.batch);
}

static void nothing_in_a_tag_ends_it(void **state)
{
    static char *tags[] = { (char *)"a|b,c#d", (char *)"e\nf\rg\x7f", (char *)"h\xc2\x85i\xe2\x80\xa8j\xe2\x80\xa9k",
                            (char *)"l\xc3\xa9m:n/o @p" };
    static const struct config_instance instance = { .interface = (char *)"et|h", .tags = { tags, 4 } };
    struct dogstatsd_tags out;

    (void)state;
    assert_true(dogstatsd_tags(&out, &instance));
    assert_int_equal(out.length, strlen(",iface:et_h,a_b_c_d,e_f_g_,h_i_j_k,l\xc3\xa9m:n/o @p"));
    assert_memory_equal(out.text, ",iface:et_h,a_b_c_d,e_f_g_,h_i_j_k,l\xc3\xa9m:n/o @p", out.length);
}

static void nothing_in_a_name_ends_it(void **state)
{
    struct scene scene;

    (void)state;
    set_up(&scene);
    add_sample(&scene, MS);
    strcpy(scene.row.peer_name, "x|c\ny,z#");
    dogstatsd_row(&scene.batch, &scene.interval, &scene.tags, false);
    assert_non_null(strstr(all(&scene.batch), "rtt:1.000000|g|#src:10.0.0.1,dst:x_c_y_z_,iface:eth0,role:db,blue\nsystem"));
    dogstatsd_free(&scene.batch);
}

/* Tags of that length in all, and the datagrams of a row with them. */
static size_t datagrams_with_tags_of(size_t length, size_t *too_long)
{
    char tag[2048];
    char *tags[] = { tag };
    const struct config_instance instance = { .interface = (char *)"e", .tags = { tags, 1 } };
    struct scene scene;
    size_t count;

    set_up(&scene);
    add_sample(&scene, MS);
    memset(tag, 'x', length);
    tag[length] = '\0';
    dogstatsd_tags(&scene.tags, &instance);
    dogstatsd_row(&scene.batch, &scene.interval, &scene.tags, false);
    count = scene.batch.count;
    for (size_t i = 0; i < count; i++)
        assert_true(scene.batch.datagrams[i].length <= DOGSTATSD_MAX);
    *too_long = scene.batch.too_long;
    dogstatsd_free(&scene.batch);
    return count;
}

static void what_is_longer_than_a_datagram_is_counted_and_not_cut(void **state)
{
    const size_t others = strlen("system.net.tcp.rtt:1.000000|g|#src:10.0.0.1,dst:db1,iface:e,");
    size_t too_long;

    (void)state;
    assert_int_equal(datagrams_with_tags_of(100, &too_long), 1);
    assert_int_equal(too_long, 0);
    assert_int_equal(datagrams_with_tags_of(DOGSTATSD_MAX - others - 7, &too_long), 3); /* .jitter fits exactly */
    assert_int_equal(too_long, 0);
    assert_int_equal(datagrams_with_tags_of(DOGSTATSD_MAX - others - 6, &too_long), 2);
    assert_int_equal(too_long, 1);
    assert_int_equal(datagrams_with_tags_of(DOGSTATSD_MAX - others, &too_long), 1); /* the shortest name fits exactly */
    assert_int_equal(too_long, 2);
    assert_int_equal(datagrams_with_tags_of(DOGSTATSD_MAX - others + 1, &too_long), 0);
    assert_int_equal(too_long, 3);
    assert_int_equal(datagrams_with_tags_of(2000, &too_long), 0);
    assert_int_equal(too_long, 3);
}

static void datagrams_are_filled(void **state)
{
    struct scene scene;
    const size_t rows = 1000;
    size_t lines = 0;

    (void)state;
    set_up(&scene);
    add_sample(&scene, MS);
    for (size_t i = 0; i < rows; i++)
        dogstatsd_row(&scene.batch, &scene.interval, &scene.tags, false);
    for (size_t i = 0; i < scene.batch.count; i++) {
        const struct dogstatsd_datagram *datagram = &scene.batch.datagrams[i];

        assert_in_range(datagram->length, i + 1 < scene.batch.count ? DOGSTATSD_MAX - 100 : 1, DOGSTATSD_MAX);
        assert_int_not_equal(datagram->bytes[datagram->length - 1], '\n');
        assert_memory_equal(datagram->bytes, "system.net.tcp.rtt", 18);
        lines++;
        for (size_t at = 0; at < datagram->length; at++)
            lines += datagram->bytes[at] == '\n';
    }
    assert_int_equal(lines, 3 * rows);
    dogstatsd_clear(&scene.batch);
    assert_int_equal(scene.batch.count, 0);
    dogstatsd_free(&scene.batch);
}

static void without_memory_metrics_are_left_out_and_counted(void **state)
{
    struct scene scene;

    (void)state;
    set_up(&scene);
    add_sample(&scene, MS);
    no_memory = true;
    dogstatsd_row(&scene.batch, &scene.interval, &scene.tags, false);
    no_memory = false;
    assert_int_equal(scene.batch.no_memory, 3);
    assert_int_equal(scene.batch.count, 0);
    dogstatsd_clear(&scene.batch);
    dogstatsd_row(&scene.batch, &scene.interval, &scene.tags, false);
    assert_int_equal(scene.batch.no_memory, 0);
    assert_int_equal(scene.batch.count, 1);
    dogstatsd_free(&scene.batch);
}

/* What the check submits is the number itself. */
static void a_value_comes_back_as_it_was(void **state)
{
    static const double few[] = { 0, 1, 0.000001, 137438.953471, 1.0 / 3, 100.0 / 7, 0.001 / 3, 1e-5 / 3 };
    char text[VALUE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof few / sizeof few[0]; i++) {
        format_ms(text, few[i]);
        assert_true(strtod(text, NULL) == few[i]);
    }
    for (int i = 0; i < 100000; i++) {
        const uint64_t ns = draw_word() % SEG_RTT_MAX_NS;
        const double ms = (double)ns / 1e6, mean = ms / (double)(1 + draw(1000));

        format_ms(text, ms);
        assert_true(strtod(text, NULL) == ms);
        assert_int_equal(strlen(strchr(text, '.')), 7);
        format_ms(text, mean);
        assert_true(strtod(text, NULL) == mean);
        assert_null(strpbrk(text, "eE+-"));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_gauges),
        cmocka_unit_test(the_extended_ones_are_of_the_interval),
        cmocka_unit_test(without_a_round_trip_there_is_no_gauge),
        cmocka_unit_test(the_row_other_has_counts_and_no_source),
        cmocka_unit_test(a_port_is_a_tag),
        cmocka_unit_test(nothing_in_a_tag_ends_it),
        cmocka_unit_test(nothing_in_a_name_ends_it),
        cmocka_unit_test(what_is_longer_than_a_datagram_is_counted_and_not_cut),
        cmocka_unit_test(datagrams_are_filled),
        cmocka_unit_test(without_memory_metrics_are_left_out_and_counted),
        cmocka_unit_test(a_value_comes_back_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
