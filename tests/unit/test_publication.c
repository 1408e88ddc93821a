/* The meter's rows and the instances' states -> the contents of a snapshot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pcap/dlt.h>

#include "publication.c"

static char *ips[] = { (char *)"192.0.0.0/16" };
static struct ip_prefix prefixes[1];
static const struct config_instance wanted = {
    .interface = (char *)"eth0", .ips = { ips, 1 }, .ip_prefixes = prefixes, .fingerprint = 0x1234
};

static struct config whole;

/* One TCP segment without data in IPv4 in nothing (DLT_RAW). */
static void put_segment(struct meter *meter, int number, const char *src, const char *dst, uint16_t sport, uint16_t dport,
                        uint8_t flags, uint32_t seq, uint32_t ack, int64_t time_ns)
{
    uint8_t frame[40] = { 0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6 };
    struct ip_address from, to;

    assert_true(address_parse(src, &from) && address_parse(dst, &to));
    memcpy(frame + 12, from.bytes + 12, 4);
    memcpy(frame + 16, to.bytes + 12, 4);
    frame[5] = (uint8_t)(seq & 0xff); /* an IP ID of its own for each */
    for (int i = 0; i < 2; i++) {
        frame[20 + i] = (uint8_t)(sport >> (8 - 8 * i));
        frame[22 + i] = (uint8_t)(dport >> (8 - 8 * i));
    }
    for (int i = 0; i < 4; i++) {
        frame[24 + i] = (uint8_t)(seq >> (24 - 8 * i));
        frame[28 + i] = (uint8_t)(ack >> (24 - 8 * i));
    }
    frame[32] = 0x50;
    frame[33] = flags;
    frame[34] = 0xff;
    const struct captured_frame captured = {
        .bytes = frame, .caplen = sizeof frame, .wirelen = sizeof frame, .time_ns = time_ns, .linktype = DLT_RAW
    };
    meter_frame(meter, UINT64_C(1) << number, &captured, (uint32_t)(time_ns / 1000000000));
    meter_flush(meter);
}

struct scene {
    struct meter *meter;
    struct netset *own;
    struct instance instance;
    struct publication *publication;
};

static struct scene set_up(uint32_t max_peers, const char *refusal)
{
    const struct meter_options options = { .max_flows = 1000, .max_peers = max_peers, .idle_ttl_s = 300, .exp_ttl_s = 60 };
    struct scene scene = { .meter = meter_new(&options), .own = netset_new(), .publication = publication_new() };
    struct ip_prefix own;
    struct instance_host host;

    assert_true(prefix_parse(ips[0], &prefixes[0], NULL));
    assert_true(prefix_parse("10.0.0.1", &own, NULL));
    assert_int_equal(netset_add(scene.own, &own, 0), 0);
    host = (struct instance_host){ .own = scene.own };
    assert_int_equal(instance_start(&scene.instance, &whole, &wanted, NULL, refusal, scene.meter, &host), 0);
    return scene;
}

static void tear_down(struct scene *scene)
{
    instance_stop(&scene->instance, scene->meter);
    publication_free(scene->publication);
    meter_free(scene->meter);
    netset_free(scene->own);
}

static void handshake(struct scene *scene, const char *peer, uint16_t port, int64_t at_ns, int64_t rtt_ns)
{
    put_segment(scene->meter, scene->instance.number, "10.0.0.1", peer, port, 80, TCP_SYN, 1000, 0, at_ns);
    put_segment(scene->meter, scene->instance.number, peer, "10.0.0.1", 80, port, TCP_SYN | TCP_ACK, 5000, 1001, at_ns + rtt_ns);
}

static void a_row_carries_its_identity_and_its_statistics(void **state)
{
    static const struct seg_row zero;
    struct scene scene = set_up(10, NULL);
    struct publication_time time = { UINT64_C(20000000000), UINT64_C(1700000000000000000) };
    struct segment_contents contents;

    (void)state;
    handshake(&scene, "192.0.2.7", 4000, 15000000000, 2500000);
    assert_int_equal(publication_build(scene.publication, scene.meter, &scene.instance, 1, &time, &contents), 0);
    assert_int_equal(contents.instance_count, 1);
    assert_int_equal(contents.instances[0].fingerprint, 0x1234);
    assert_string_equal(contents.instances[0].interface, "eth0");
    assert_int_equal(contents.instances[0].received, 2);
    assert_int_equal(contents.instances[0].tcp, 2);
    assert_int_equal(contents.row_count, 1);
    assert_string_equal(contents.rows[0].peer_name, "192.0.2.7");
    assert_int_equal(contents.rows[0].peer_family, SEG_FAMILY_V4);
    assert_int_equal(contents.rows[0].samples, 1);
    assert_int_equal(contents.rows[0].handshake_samples, 1);
    assert_int_equal(contents.rows[0].last_ns, 2500000);
    assert_int_equal(contents.rows[0].srtt_ns, 2500000);
    assert_int_equal(contents.rows[0].window_min_ns, 2500000);
    assert_int_equal(contents.rows[0].last_sample_boottime_ns, UINT64_C(15000000000));
    assert_int_equal(contents.histograms[0]->count[histogram_bucket(2500000)], 1);
    assert_memory_equal(contents.rows[0].reserved, zero.reserved, sizeof zero.reserved);
    for (size_t i = SKIP_REASON_COUNT; i < SEG_SKIPS; i++)
        assert_int_equal(contents.rows[0].skipped[i], 0);
    tear_down(&scene);
}

static void what_is_ignored_is_named(void **state)
{
    struct scene scene = set_up(10, NULL);
    struct publication_time time = { 1, 1 };
    struct segment_contents contents;

    (void)state;
    handshake(&scene, "198.51.100.1", 4000, 15000000000, 1000); /* not in the whitelist */
    publication_build(scene.publication, scene.meter, &scene.instance, 1, &time, &contents);
    assert_int_equal(contents.row_count, 0);
    assert_int_equal(contents.instances[0].received, 2);
    assert_int_equal(contents.instances[0].tcp, 0);
    assert_string_equal(contents.instances[0].ignored[0].name, "unwanted");
    assert_int_equal(contents.instances[0].ignored[0].count, 2);
    assert_string_equal(contents.instances[0].ignored[1].name, "");
    tear_down(&scene);
}

static void what_is_over_max_peers_is_one_row_of_counts(void **state)
{
    struct scene scene = set_up(1, NULL);
    struct publication_time time = { 1, 1 };
    struct segment_contents contents;

    (void)state;
    handshake(&scene, "192.0.2.7", 4000, 15000000000, 2500000);
    handshake(&scene, "192.0.2.8", 4001, 15000000000, 2500000);
    publication_build(scene.publication, scene.meter, &scene.instance, 1, &time, &contents);
    assert_int_equal(contents.row_count, 2);
    assert_int_equal(contents.rows[1].flags, SEG_ROW_OTHER);
    assert_string_equal(contents.rows[1].peer_name, "other");
    assert_int_equal(contents.rows[1].local_family, SEG_FAMILY_NONE);
    assert_int_equal(contents.rows[1].timed, 1);
    assert_int_equal(contents.instances[0].refused_peers, 1);
    tear_down(&scene);
}

static void assert_named(struct publication *publication, struct scene *scene, const char *name)
{
    struct publication_time time = { 1, 1 };
    struct segment_contents contents;

    assert_int_equal(publication_build(publication, scene->meter, &scene->instance, 1, &time, &contents), 0);
    assert_int_equal(contents.row_count, 1);
    assert_string_equal(contents.rows[0].peer_name, name);
}

static void a_name_comes_and_goes(void **state)
{
    static char *hosts[] = { (char *)"db.example" };
    static const struct config_instance named = {
        .interface = (char *)"eth0", .ips = { ips, 1 }, .hosts = { hosts, 1 }, .ip_prefixes = prefixes
    };
    struct scene scene = set_up(10, NULL);
    const struct instance_host host = { .own = scene.own };
    struct resolve_answer answer = { .kind = RESOLVE_FORWARD, .name = "db.example", .count = 1 };
    struct ip_address address;

    (void)state;
    assert_true(address_parse("192.0.2.7", &address));
    answer.addresses = &address;
    handshake(&scene, "192.0.2.7", 4000, 15000000000, 2500000);
    assert_named(scene.publication, &scene, "192.0.2.7");
    assert_named(scene.publication, &scene, "192.0.2.7");
    assert_int_equal(instance_change(&scene.instance, &whole, &named, scene.meter, &host), 0);
    assert_true(instance_answer(&scene.instance, &answer, scene.meter, &host));
    assert_named(scene.publication, &scene, "db.example");
    assert_named(scene.publication, &scene, "db.example");
    assert_int_equal(instance_change(&scene.instance, &whole, &wanted, scene.meter, &host), 0);
    assert_named(scene.publication, &scene, "192.0.2.7");
    tear_down(&scene);
}

/* Publishes a row and says what of it is new. */
static void assert_versions(struct publication *publication, struct scene *scene, bool new_name, bool new_counts)
{
    static struct segment_version before;
    struct publication_time time = { UINT64_C(20000000000), 1 };
    struct segment_contents contents;

    publication_build(publication, scene->meter, &scene->instance, 1, &time, &contents);
    assert_int_equal(contents.row_count, 1);
    assert_true(contents.versions[0].name > 0 && contents.versions[0].counts > 0);
    assert_int_equal(contents.versions[0].name > before.name, new_name);
    assert_int_equal(contents.versions[0].counts > before.counts, new_counts);
    before = contents.versions[0];
}

static void versions_say_what_changed(void **state)
{
    static char *hosts[] = { (char *)"db.example" };
    static const struct config_instance named = {
        .interface = (char *)"eth0", .ips = { ips, 1 }, .hosts = { hosts, 1 }, .ip_prefixes = prefixes
    };
    struct scene scene = set_up(10, NULL), second = set_up(10, NULL);
    const struct instance_host host = { .own = scene.own };
    struct resolve_answer answer = { .kind = RESOLVE_FORWARD, .name = "db.example", .count = 1 };
    struct ip_address address;

    (void)state;
    assert_true(address_parse("192.0.2.7", &address));
    answer.addresses = &address;
    handshake(&scene, "192.0.2.7", 4000, 15000000000, 2500000);
    handshake(&second, "192.0.2.7", 4000, 15000000000, 2600000);
    assert_versions(scene.publication, &scene, true, true);
    assert_versions(scene.publication, &scene, false, false);
    put_segment(scene.meter, scene.instance.number, "10.0.0.1", "192.0.2.7", 4001, 80, TCP_SYN, 1, 0, 15000000000);
    assert_versions(scene.publication, &scene, false, true); /* timed, and no sample yet */
    assert_versions(scene.publication, &scene, false, false);
    handshake(&scene, "192.0.2.7", 4002, 15000000000, 2500000);
    assert_versions(scene.publication, &scene, false, true);
    assert_versions(scene.publication, &scene, false, false);
    assert_int_equal(instance_change(&scene.instance, &whole, &named, scene.meter, &host), 0);
    assert_true(instance_answer(&scene.instance, &answer, scene.meter, &host));
    assert_versions(scene.publication, &scene, true, false);
    assert_versions(scene.publication, &scene, false, false);
    assert_versions(scene.publication, &second, true, true); /* another meter, another histogram */
    assert_versions(scene.publication, &second, false, false);
    tear_down(&scene);
    tear_down(&second);
}

/* As after a reload that makes the meter anew: places and births begin again. */
static void a_row_never_has_the_name_of_the_one_before_it(void **state)
{
    struct scene first = set_up(10, NULL), second = set_up(10, NULL), other = set_up(0, NULL);

    (void)state;
    handshake(&first, "192.0.2.7", 4000, 15000000000, 2500000);
    handshake(&second, "192.0.2.70", 4000, 15000000000, 2500000);
    handshake(&other, "192.0.2.7", 4000, 15000000000, 2500000);
    assert_named(first.publication, &first, "192.0.2.7");
    assert_named(first.publication, &second, "192.0.2.70");
    assert_named(first.publication, &first, "192.0.2.7");
    assert_named(first.publication, &other, "other");
    assert_named(first.publication, &first, "192.0.2.7");
    tear_down(&first);
    tear_down(&second);
    tear_down(&other);
}

static void a_block_is_not_its_first_address(void **state)
{
    struct meter_row row = { .peer_bits = 120 };
    struct seg_row out = { .instance = 0 };
    bool shows_address = false;

    (void)state;
    assert_true(address_parse("192.0.2.0", &row.peer));
    fill_name(&out, NULL, &row, &shows_address);
    fill_identity(&out, &row, 0);
    assert_string_equal(out.peer_name, "192.0.2.0/24");
    row.peer_bits = 128;
    fill_name(&out, NULL, &row, &shows_address);
    assert_string_equal(out.peer_name, "192.0.2.0");
}

static void more_rows_than_a_step_keep_their_histograms(void **state)
{
    struct scene scene = set_up(2000, NULL);
    struct publication_time time = { 1, 1 };
    struct segment_contents contents;
    enum { ROWS = 2 * ROWS_A_STEP };

    (void)state;
    for (unsigned i = 0; i < ROWS; i++) {
        char peer[32];

        snprintf(peer, sizeof peer, "192.0.%u.%u", 2 + i / 250, i % 250 + 1);
        handshake(&scene, peer, (uint16_t)(4000 + i), 15000000000, 1000 * (int64_t)(i + 1));
    }
    assert_int_equal(publication_build(scene.publication, scene.meter, &scene.instance, 1, &time, &contents), 0);
    assert_int_equal(contents.row_count, ROWS);
    for (unsigned i = 0; i < ROWS; i++)
        assert_int_equal(contents.histograms[i]->count[histogram_bucket(contents.rows[i].last_ns)], 1);
    tear_down(&scene);
}

static void the_addresses_of_a_name_are_one_row(void **state)
{
    static char *hosts[] = { (char *)"db.example" };
    static const struct config_instance named = { .interface = (char *)"eth0", .hosts = { hosts, 1 } };
    struct scene scene = set_up(10, NULL);
    struct instance_host host = { .own = scene.own };
    struct publication_time time = { 1, 1 };
    struct segment_contents contents;
    struct ip_address addresses[2];
    struct resolve_answer answer = { .kind = RESOLVE_FORWARD, .name = "db.example", .addresses = addresses, .count = 2 };

    (void)state;
    instance_stop(&scene.instance, scene.meter);
    assert_int_equal(instance_start(&scene.instance, &whole, &named, NULL, NULL, scene.meter, &host), 0);
    assert_true(address_parse("192.0.2.7", &addresses[0]) && address_parse("192.0.2.8", &addresses[1]));
    assert_true(instance_answer(&scene.instance, &answer, scene.meter, &host));
    handshake(&scene, "192.0.2.7", 4000, 15000000000, 2000000);
    handshake(&scene, "192.0.2.8", 4001, 15000000000, 4000000);
    publication_build(scene.publication, scene.meter, &scene.instance, 1, &time, &contents);
    assert_int_equal(contents.row_count, 1); /* two with the same tags would overwrite each other's gauges */
    assert_string_equal(contents.rows[0].peer_name, "db.example");
    assert_int_equal(contents.rows[0].samples, 2);
    assert_int_equal(contents.rows[0].peer_family, SEG_FAMILY_NONE);
    assert_int_equal(contents.rows[0].local_family, SEG_FAMILY_V4);
    /* A reload that puts another name in front keeps the row and its name. */
    static char *more[] = { (char *)"a.example", (char *)"db.example" };
    static const struct config_instance reloaded = { .interface = (char *)"eth0", .hosts = { more, 2 } };
    assert_int_equal(instance_change(&scene.instance, &whole, &reloaded, scene.meter, &host), 0);
    handshake(&scene, "192.0.2.8", 4002, 15000000000, 4000000);
    publication_build(scene.publication, scene.meter, &scene.instance, 1, &time, &contents);
    assert_int_equal(contents.row_count, 1);
    assert_string_equal(contents.rows[0].peer_name, "db.example");
    assert_int_equal(contents.rows[0].samples, 3);
    tear_down(&scene);
}

static void an_instance_that_is_refused_says_why(void **state)
{
    struct scene scene = set_up(10, "not in this version");
    struct publication_time time = { 1, 1 };
    struct segment_contents contents;

    (void)state;
    publication_build(scene.publication, scene.meter, &scene.instance, 1, &time, &contents);
    assert_int_equal(contents.instances[0].state, SEG_FAILED);
    assert_string_equal(contents.instances[0].error, "not in this version");
    tear_down(&scene);
}

static void what_is_asked_for_and_not_done_is_a_warning(void **state)
{
    static const struct config_instance sampled = {
        .interface = (char *)"eth0", .ips = { ips, 1 }, .ip_prefixes = prefixes, .sample = true
    };
    static const struct config sending = { .submit_via = CONFIG_SUBMIT_DOGSTATSD };
    struct scene scene = set_up(10, NULL);
    struct publication_time time = { 1, 1 };
    struct segment_contents contents;
    struct instance_host host = { .own = scene.own };

    (void)state;
    publication_build(scene.publication, scene.meter, &scene.instance, 1, &time, &contents);
    assert_string_equal(contents.instances[0].warning, "");
    assert_int_equal(instance_change(&scene.instance, &sending, &sampled, scene.meter, &host), 0);
    publication_build(scene.publication, scene.meter, &scene.instance, 1, &time, &contents);
    assert_string_equal(contents.instances[0].warning,
                        "sample: true is not done by this version: it measures all the time; remove `sample`; also: submit_via: "
                        "dogstatsd is not done by this version: the Agent's check submits, and where that does not run nobody "
                        "does; set submit_via: check");
    tear_down(&scene);
}

static void the_state_of_all_follows_from_the_states_of_each(void **state)
{
    static const struct {
        uint32_t states[2];
        size_t count;
        enum seg_state all;
    } cases[] = {
        { { SEG_CAPTURING, SEG_CAPTURING }, 2, SEG_CAPTURING }, { { SEG_CAPTURING, SEG_FAILED }, 2, SEG_DEGRADED },
        { { SEG_FAILED, SEG_FAILED }, 2, SEG_FAILED },          { { SEG_STARTING, SEG_CAPTURING }, 2, SEG_STARTING },
        { { SEG_STARTING, SEG_FAILED }, 2, SEG_DEGRADED },      { { 0, 0 }, 0, SEG_FAILED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct seg_instance instances[2];

        memset(instances, 0, sizeof instances);
        for (size_t j = 0; j < cases[i].count; j++)
            instances[j].state = cases[i].states[j];
        assert_int_equal(publication_overall_state(instances, cases[i].count), cases[i].all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_carries_its_identity_and_its_statistics),
        cmocka_unit_test(what_is_ignored_is_named),
        cmocka_unit_test(what_is_over_max_peers_is_one_row_of_counts),
        cmocka_unit_test(a_name_comes_and_goes),
        cmocka_unit_test(versions_say_what_changed),
        cmocka_unit_test(a_row_never_has_the_name_of_the_one_before_it),
        cmocka_unit_test(a_block_is_not_its_first_address),
        cmocka_unit_test(more_rows_than_a_step_keep_their_histograms),
        cmocka_unit_test(the_addresses_of_a_name_are_one_row),
        cmocka_unit_test(an_instance_that_is_refused_says_why),
        cmocka_unit_test(what_is_asked_for_and_not_done_is_a_warning),
        cmocka_unit_test(the_state_of_all_follows_from_the_states_of_each),
    };

    return cmocka_run_group_tests_name("publication", tests, NULL, NULL);
}
