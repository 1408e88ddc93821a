/* The meter's rows and the instances' states -> the contents of a snapshot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pcap/dlt.h>

#include "clock.h"
#include "publication.c"
#define FOLDER_FILE "capture.pcap"
#include "tests/unit/folder_fixture.h"
#include "tests/unit/pcap_fixture.h"
#include "tests/unit/random_fixture.h"

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
    struct ip_address address;
    uint8_t frame[PCAP_FRAME];

    assert_true(address_parse(src, &address) && address_parse(dst, &address));
    pcap_frame(frame, (struct pcap_end){ src, sport }, (struct pcap_end){ dst, dport }, flags, seq, ack);
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

static struct scene set_up(uint32_t max_peers)
{
    const struct meter_options options = {
        .max_flows = 1000, .max_peers = max_peers, .idle_ttl_s = 300, .row_ttl_s = 600, .exp_ttl_s = 60
    };
    struct scene scene = { .meter = meter_new(&options), .own = netset_new(), .publication = publication_new() };
    struct ip_prefix own;
    struct instance_host host;

    assert_true(prefix_parse(ips[0], &prefixes[0], NULL));
    assert_true(prefix_parse("10.0.0.1", &own, NULL));
    assert_int_equal(netset_add(scene.own, &own, 0), 0);
    host = (struct instance_host){ .own = scene.own };
    assert_int_equal(instance_start(&scene.instance, &whole, &wanted, NULL, NULL, scene.meter, &host), 0);
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
    struct scene scene = set_up(10);
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

/* True: the whitelist is another one. */
static bool take_answer(struct scene *scene, const struct resolve_answer *answer)
{
    const struct instance_host host = { .own = scene->own };

    return instance_answer(&scene->instance, answer) && instance_follow(&scene->instance, scene->meter, &host);
}

static void what_is_ignored_is_named(void **state)
{
    struct scene scene = set_up(10);
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
    struct scene scene = set_up(1);
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

/* 192.0.2.7 is asked for by itself, and has a name. */
static void name_the_address(struct scene *scene)
{
    static char *alone[] = { (char *)"192.0.2.7" };
    static struct ip_prefix prefix;
    static const struct config naming = { .resolve_names = true };
    static const struct config_instance named = { .interface = (char *)"eth0", .ips = { alone, 1 }, .ip_prefixes = &prefix };
    const struct instance_host host = { .own = scene->own };
    struct resolve_answer answer = { .kind = RESOLVE_REVERSE, .name = "web.example" };

    assert_true(prefix_parse(alone[0], &prefix, NULL));
    answer.address = prefix.base;
    assert_int_equal(instance_change(&scene->instance, &naming, &named, scene->meter, &host), 0);
    assert_false(take_answer(scene, &answer));
    assert_int_equal(instance_change(&scene->instance, &naming, &named, scene->meter, &host), 0); /* nobody else has the name */
}

static void a_name_comes_and_goes(void **state)
{
    struct scene scene = set_up(10);
    const struct instance_host host = { .own = scene.own };

    (void)state;
    handshake(&scene, "192.0.2.7", 4000, 15000000000, 2500000);
    assert_named(scene.publication, &scene, "192.0.2.7");
    assert_named(scene.publication, &scene, "192.0.2.7");
    name_the_address(&scene);
    assert_named(scene.publication, &scene, "web.example");
    assert_named(scene.publication, &scene, "web.example");
    assert_int_equal(instance_change(&scene.instance, &whole, &wanted, scene.meter, &host), 0);
    assert_named(scene.publication, &scene, "192.0.2.7");
    tear_down(&scene);
}

static void assert_names(struct scene *scene, const char *const *names, size_t count)
{
    struct publication_time time = { 1, 1 };
    struct segment_contents contents;

    assert_int_equal(publication_build(scene->publication, scene->meter, &scene->instance, 1, &time, &contents), 0);
    assert_int_equal(contents.row_count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(contents.rows[i].peer_name, names[i]);
}

/* Two rows of the same tags would overwrite each other: what an address counted before it became a host's stays the address's. */
static void an_address_that_becomes_a_hosts_leaves_its_row(void **state)
{
    static char *hosts[] = { (char *)"db.example" };
    static const struct config_instance named = {
        .interface = (char *)"eth0", .ips = { ips, 1 }, .hosts = { hosts, 1 }, .ip_prefixes = prefixes
    };
    static const char *const both[] = { "192.0.2.7", "db.example" };
    struct scene scene = set_up(10);
    const struct instance_host host = { .own = scene.own };
    struct resolve_answer answer = { .kind = RESOLVE_FORWARD, .name = "db.example", .count = 1 };
    struct ip_address address;

    (void)state;
    assert_true(address_parse("192.0.2.7", &address));
    answer.addresses = &address;
    handshake(&scene, "192.0.2.7", 4000, 15000000000, 2500000);
    assert_named(scene.publication, &scene, "192.0.2.7");
    assert_int_equal(instance_change(&scene.instance, &whole, &named, scene.meter, &host), 0);
    assert_true(take_answer(&scene, &answer));
    assert_named(scene.publication, &scene, "192.0.2.7");
    handshake(&scene, "192.0.2.7", 4001, 16000000000, 2500000);
    assert_names(&scene, both, 2);
    assert_int_equal(instance_change(&scene.instance, &whole, &wanted, scene.meter, &host), 0);
    assert_named(scene.publication, &scene, "192.0.2.7");
    tear_down(&scene);
}

/* Whoever is listed has a name where all are measured, too. */
static void names_are_shown_where_all_are_wanted(void **state)
{
    static char *hosts[] = { (char *)"db.example" }, *alone[] = { (char *)"198.51.100.9" };
    static struct ip_prefix prefix;
    static const char *const names[] = { "db.example", "web.example", "203.0.113.1" };
    static const struct config naming = { .resolve_names = true };
    static const struct config_instance all = {
        .interface = (char *)"eth0", .ips = { alone, 1 }, .ip_prefixes = &prefix, .hosts = { hosts, 1 }, .all_peers = true
    };
    struct scene scene = set_up(10);
    const struct instance_host host = { .own = scene.own };
    struct ip_address addresses[2];
    struct resolve_answer forward = { .kind = RESOLVE_FORWARD, .name = "db.example", .addresses = addresses, .count = 2 };
    struct resolve_answer reverse = { .kind = RESOLVE_REVERSE, .name = "web.example" };

    (void)state;
    assert_true(prefix_parse(alone[0], &prefix, NULL));
    reverse.address = prefix.base;
    assert_true(address_parse("192.0.2.7", &addresses[0]) && address_parse("192.0.2.8", &addresses[1]));
    assert_int_equal(instance_change(&scene.instance, &naming, &all, scene.meter, &host), 0);
    assert_true(take_answer(&scene, &forward));
    assert_false(take_answer(&scene, &reverse));
    assert_int_equal(instance_change(&scene.instance, &naming, &all, scene.meter, &host), 0);
    handshake(&scene, "192.0.2.7", 4000, 15000000000, 2500000);
    handshake(&scene, "192.0.2.8", 4001, 15000000000, 2500000);
    assert_named(scene.publication, &scene, "db.example");
    handshake(&scene, alone[0], 4002, 15000000000, 2500000);
    handshake(&scene, "203.0.113.1", 4003, 15000000000, 2500000);
    assert_names(&scene, names, 3);
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
    struct scene scene = set_up(10), second = set_up(10);

    (void)state;
    handshake(&scene, "192.0.2.7", 4000, 15000000000, 2500000);
    handshake(&second, "192.0.2.7", 4000, 15000000000, 2600000);
    assert_versions(scene.publication, &scene, true, true);
    assert_versions(scene.publication, &scene, false, false);
    put_segment(scene.meter, scene.instance.number, "10.0.0.1", "192.0.2.7", 4001, 80, TCP_SYN, 1, 0, 15000000000);
    assert_versions(scene.publication, &scene, false, true); /* timed, and no sample yet */
    assert_versions(scene.publication, &scene, false, false);
    put_segment(scene.meter, scene.instance.number, "192.0.2.7", "10.0.0.1", 80, 4001, TCP_SYN | TCP_ACK, 5000, 2, 15002500000);
    assert_versions(scene.publication, &scene, false, true);
    assert_versions(scene.publication, &scene, false, false); /* nothing waits, which a flow that leaves would take along */
    name_the_address(&scene);
    assert_versions(scene.publication, &scene, true, false);
    assert_versions(scene.publication, &scene, false, false);
    assert_versions(scene.publication, &second, true, true); /* another meter, another histogram */
    assert_versions(scene.publication, &second, false, false);
    tear_down(&scene);
    tear_down(&second);
}

/* The number of all rows together, at a time. */
static uint64_t rows_version_at(struct scene *scene, uint64_t time_s)
{
    const struct publication_time time = { time_s * UINT64_C(1000000000), 1 };
    struct segment_contents contents;

    assert_int_equal(publication_build(scene->publication, scene->meter, &scene->instance, 1, &time, &contents), 0);
    return contents.version;
}

static void one_number_says_that_no_row_changed(void **state)
{
    enum { NOW_S = 20, LATER_S = 200, LAST_S = 2 * PEER_WINDOW_SLOTS * PEER_WINDOW_SLOT_S };
    struct scene scene = set_up(10);
    const struct instance_host host = { .own = scene.own };
    uint64_t before;

    (void)state;
    rows_version_at(&scene, NOW_S);
    handshake(&scene, "192.0.2.7", 4000, 15000000000, 2500000);
    before = rows_version_at(&scene, NOW_S);
    assert_true(before != 0);
    assert_int_equal(rows_version_at(&scene, NOW_S + 1), before);
    handshake(&scene, "198.51.100.1", 4000, 16000000000, 1000); /* a packet, but nobody's row */
    assert_int_equal(rows_version_at(&scene, NOW_S), before);
    put_segment(scene.meter, scene.instance.number, "10.0.0.1", "192.0.2.7", 4001, 80, TCP_SYN, 1, 0, 17000000000);
    assert_true(rows_version_at(&scene, NOW_S) > before);
    before = rows_version_at(&scene, NOW_S);
    meter_clock_step(scene.meter); /* without a packet: what was pending was skipped */
    assert_true(rows_version_at(&scene, NOW_S) > before);
    before = rows_version_at(&scene, NOW_S);
    assert_int_equal(instance_change(&scene.instance, &whole, &wanted, scene.meter, &host), 0); /* the same */
    assert_int_equal(rows_version_at(&scene, LATER_S), before);
    assert_true(rows_version_at(&scene, LAST_S) > before); /* the windowed minimum is over */
    before = rows_version_at(&scene, LAST_S);
    meter_expire(scene.meter, 10 * LAST_S);
    meter_expire(scene.meter, 20 * LAST_S);
    assert_int_equal(meter_row_count(scene.meter), 0);
    assert_true(rows_version_at(&scene, LAST_S) > before);
    tear_down(&scene);
}

/* What a place held must not be taken for what it holds when the same row comes back to it. */
static void a_place_that_was_left_is_not_known(void **state)
{
    static const char *const peers[] = { "192.0.2.7", "192.0.2.8", "192.0.2.9" };
    struct scene scene = set_up(10);
    const struct publication_time time = { UINT64_C(20000000000), 1 };
    struct segment_contents contents;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        handshake(&scene, peers[i], (uint16_t)(4000 + i), 15000000000, 2500000);
    publication_build(scene.publication, scene.meter, &scene.instance, 1, &time, &contents);
    assert_int_equal(scene.publication->known[2].birth, contents.rows[2].birth);
    meter_instance_remove(scene.meter, scene.instance.number);
    publication_build(scene.publication, scene.meter, &scene.instance, 1, &time, &contents);
    assert_int_equal(contents.row_count, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(scene.publication->known[i].birth, 0);
    scene.instance.number = -1;
    tear_down(&scene);
}

/* Publishes what `kept` knows from before, and the same by one that knows nothing. */
static void assert_as_new(struct scene *scene, uint64_t time_s)
{
    const struct publication_time time = { time_s * UINT64_C(1000000000), 1 };
    struct publication *fresh = publication_new();
    struct segment_contents kept, new;

    assert_int_equal(publication_build(scene->publication, scene->meter, &scene->instance, 1, &time, &kept), 0);
    assert_int_equal(publication_build(fresh, scene->meter, &scene->instance, 1, &time, &new), 0);
    assert_int_equal(kept.row_count, new.row_count);
    for (uint32_t n = 0; n < new.row_count; n++) {
        assert_memory_equal(&kept.rows[n], &new.rows[n], offsetof(struct seg_row, peer_name));
        assert_string_equal(kept.rows[n].peer_name, new.rows[n].peer_name);
        assert_ptr_equal(kept.histograms[n], new.histograms[n]);
    }
    publication_free(fresh);
}

/* Rows come, go and change, names too, in any order: what is skipped is what would be the same. */
static void what_is_skipped_would_be_the_same(void **state)
{
    enum { TURNS = 20000, PEERS = 12 };
    static char *singles[] = { (char *)"192.0.2.1", (char *)"192.0.2.2", (char *)"192.0.0.0/16" };
    static char *hosts[] = { (char *)"db.example" };
    static struct ip_prefix prefixes_of_singles[3];
    static const struct config naming = { .resolve_names = true };
    static const struct config_instance named = {
        .interface = (char *)"eth0", .ips = { singles, 3 }, .hosts = { hosts, 1 }, .ip_prefixes = prefixes_of_singles
    };
    struct scene scene = set_up(10); /* fewer than there are peers: a row `other` */
    const struct instance_host host = { .own = scene.own };
    struct resolve_answer answers[2] = { { .kind = RESOLVE_FORWARD, .name = "db.example" }, { .kind = RESOLVE_REVERSE } };
    struct ip_address address;
    uint64_t now_s = 15, published_s = now_s;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_true(prefix_parse(singles[i], &prefixes_of_singles[i], NULL));
    for (unsigned turn = 0; turn < TURNS; turn++) {
        char peer[32];

        snprintf(peer, sizeof peer, "192.0.2.%u", 1 + draw(PEERS));
        assert_true(address_parse(peer, &address));
        switch (draw(8)) {
        case 0:
            handshake(&scene, peer, (uint16_t)(1024 + turn % 60000), (int64_t)now_s * 1000000000, 1000 * (1 + (int64_t)draw(9)));
            break;
        case 1:
            put_segment(scene.meter, scene.instance.number, "10.0.0.1", peer, (uint16_t)(1024 + draw(9)), 80, TCP_SYN, turn, 0,
                        (int64_t)now_s * 1000000000);
            break;
        case 2:
            now_s += draw(20) == 0 ? 700 : draw(40);
            meter_expire(scene.meter, (uint32_t)now_s);
            break;
        case 3:
            if (draw(10) == 0)
                meter_clock_step(scene.meter);
            break;
        case 4:
            answers[0].addresses = &address;
            answers[0].count = draw(2);
            take_answer(&scene, &answers[0]);
            break;
        case 5:
            answers[1].address = address;
            snprintf(answers[1].name, sizeof answers[1].name, "name%u.example", draw(3));
            take_answer(&scene, &answers[1]);
            break;
        case 6:
            if (draw(4) == 0)
                assert_int_equal(instance_change(&scene.instance, &naming, draw(2) ? &named : &wanted, scene.meter, &host), 0);
            break;
        default:
            if (draw(30) == 0) {
                instance_stop(&scene.instance, scene.meter);
                assert_int_equal(instance_start(&scene.instance, &naming, &named, NULL, NULL, scene.meter, &host), 0);
            }
        }
        if (draw(16) == 0)
            published_s = now_s; /* else nothing is new by the time alone */
        if (draw(3) > 0)
            assert_as_new(&scene, published_s);
    }
    tear_down(&scene);
}

/* As after a reload that makes the meter anew: places and births begin again. */
static void a_row_never_has_the_name_of_the_one_before_it(void **state)
{
    struct scene first = set_up(10), second = set_up(10), other = set_up(0);

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
    struct scene scene = set_up(2000);
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
    struct scene scene = set_up(10);
    struct instance_host host = { .own = scene.own };
    struct publication_time time = { 1, 1 };
    struct segment_contents contents;
    struct ip_address addresses[2];
    struct resolve_answer answer = { .kind = RESOLVE_FORWARD, .name = "db.example", .addresses = addresses, .count = 2 };

    (void)state;
    instance_stop(&scene.instance, scene.meter);
    assert_int_equal(instance_start(&scene.instance, &whole, &named, NULL, NULL, scene.meter, &host), 0);
    assert_true(address_parse("192.0.2.7", &addresses[0]) && address_parse("192.0.2.8", &addresses[1]));
    assert_true(take_answer(&scene, &answer));
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

static void expect_sampling(const struct scene *scene, uint32_t sampling, uint64_t open_s, uint64_t closed_s, uint64_t turn_s)
{
    struct publication_time time = { 1, 1 };
    struct segment_contents contents;
    struct instance instance = scene->instance;

    publication_build(scene->publication, scene->meter, &instance, 1, &time, &contents);
    assert_int_equal(contents.instances[0].sampling, sampling);
    assert_int_equal(contents.instances[0].sample_open_s, open_s);
    assert_int_equal(contents.instances[0].sample_closed_s, closed_s);
    assert_int_equal(contents.instances[0].sample_turn_boottime_ns, turn_s * 1000000000u);
}

/* Another whitelist, other tags: the windows go on. Other windows begin anew, and so do their sums. */
static void windows_are_published_and_go_on_over_a_change(void **state)
{
    static const struct config_instance sampled = { .interface = (char *)"eth0",
                                                    .ips = { ips, 1 },
                                                    .ip_prefixes = prefixes,
                                                    .sample = true,
                                                    .sample_duration_s = 30,
                                                    .sample_interval_s = 270 };
    struct config_instance changed = sampled;
    struct scene scene = set_up(10);
    struct instance *instance = &scene.instance;
    struct instance_host host = { .own = scene.own };

    (void)state;
    expect_sampling(&scene, SEG_SAMPLING_NONE, 0, 0, 0);
    assert_int_equal(instance_change(instance, &whole, &sampled, scene.meter, &host), 0);
    assert_int_equal(window_look(&instance->window, 1000), WINDOW_SAME);
    expect_sampling(&scene, SEG_SAMPLING_OPEN, 0, 0, 1030);
    assert_int_equal(window_look(&instance->window, 1030), WINDOW_CLOSED);
    assert_int_equal(window_look(&instance->window, 1040), WINDOW_SAME);
    expect_sampling(&scene, SEG_SAMPLING_CLOSED, 30, 10, 1300);
    changed.ips.count = 0;
    changed.all_peers = true;
    assert_int_equal(instance_change(instance, &whole, &changed, scene.meter, &host), 0);
    expect_sampling(&scene, SEG_SAMPLING_CLOSED, 30, 10, 1300);
    changed.sample_interval_s = 271;
    assert_int_equal(instance_change(instance, &whole, &changed, scene.meter, &host), 0);
    assert_int_equal(window_look(&instance->window, 1041), WINDOW_SAME);
    expect_sampling(&scene, SEG_SAMPLING_OPEN, 0, 0, 1071);
    changed.sample = false;
    assert_int_equal(instance_change(instance, &whole, &changed, scene.meter, &host), 0);
    expect_sampling(&scene, SEG_SAMPLING_NONE, 0, 0, 0);
    changed = sampled;
    changed.interface = (char *)CONFIG_FILE_INTERFACE; /* is read whole */
    assert_int_equal(instance_change(instance, &whole, &changed, scene.meter, &host), 0);
    expect_sampling(&scene, SEG_SAMPLING_NONE, 0, 0, 0);
    tear_down(&scene);
}

/* A file's meter counts from the same number, and in seconds of its own: rows of either keep to themselves. */
static void rows_of_a_file_stand_behind_those_of_interfaces(void **state)
{
    static const struct config_instance of_file = {
        .interface = (char *)"file", .pcap = path, .ips = { ips, 1 }, .ip_prefixes = prefixes, .fingerprint = 0x5678
    };
    const struct meter_options options = {
        .max_flows = 10, .max_peers = 10, .idle_ttl_s = 300, .keep_rows = true, .births = UINT64_C(1) << 40
    };
    const struct publication_time before = { clock_ns(CLOCK_BOOTTIME), clock_ns(CLOCK_REALTIME) };
    struct publication_time time;
    struct scene scene = set_up(10);
    struct replay *replay = replay_new(path, NULL, &options);
    struct instance instances[2] = { scene.instance };
    struct segment_contents contents;
    FILE *file = pcap_begin(path);

    (void)state;
    assert_true(file != NULL && replay != NULL);
    pcap_put_handshake(file, (struct pcap_end){ "10.0.0.1", 4000 }, (struct pcap_end){ "192.0.2.9", 80 }, PCAP_NS_PER_S, 7000000);
    fclose(file);
    assert_int_equal(
        instance_start(&instances[1], &whole, &of_file, NULL, replay, replay_meter(replay), &(struct instance_host){ 0 }), 0);
    assert_int_equal(instances[0].number, instances[1].number);
    handshake(&scene, "192.0.2.7", 4000, 15000000000, 2500000);
    replay_check(replay, 1, true);
    replay_read(replay, UINT64_C(60000000000));
    time = (struct publication_time){ clock_ns(CLOCK_BOOTTIME), clock_ns(CLOCK_REALTIME) };
    for (int times = 0; times < 2; times++) {
        assert_int_equal(publication_build(scene.publication, scene.meter, instances, 2, &time, &contents), 0);
        assert_int_equal(contents.row_count, 2);
        for (uint32_t i = 0; i < 2; i++)
            assert_int_equal(contents.rows[i].instance, i);
        assert_string_equal(contents.rows[0].peer_name, "192.0.2.7");
        assert_int_equal(contents.rows[0].last_ns, 2500000);
        assert_string_equal(contents.rows[1].peer_name, "192.0.2.9");
        assert_int_equal(contents.rows[1].last_ns, 7000000);
        assert_int_equal(contents.rows[1].window_min_ns, 7000000);
        /* Its packets are of 1970, and known since just now. */
        assert_in_range(contents.rows[1].last_sample_boottime_ns, before.boottime_ns, time.boottime_ns);
        assert_in_range(contents.rows[1].birth_realtime_ns, before.realtime_ns, time.realtime_ns);
        assert_int_equal(contents.instances[0].received, 2);
        assert_int_equal(contents.instances[1].received, 2);
        assert_int_equal(contents.instances[1].state, SEG_STOPPED);
        assert_non_null(strstr(contents.instances[1].error, "read to its end"));
    }
    instance_stop(&instances[1], replay_meter(replay));
    replay_free(replay);
    assert_int_equal(publication_build(scene.publication, scene.meter, instances, 1, &time, &contents), 0);
    assert_int_equal(contents.row_count, 1);
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
        { { SEG_FAILED, SEG_FAILED }, 2, SEG_FAILED },          { { SEG_STARTING, SEG_CAPTURING }, 2, SEG_CAPTURING },
        { { SEG_STARTING, SEG_FAILED }, 2, SEG_DEGRADED },      { { 0, 0 }, 0, SEG_FAILED },
        { { SEG_STOPPED, SEG_CAPTURING }, 2, SEG_CAPTURING },   { { SEG_STOPPED, SEG_STOPPED }, 2, SEG_CAPTURING },
        { { SEG_STOPPED, SEG_FAILED }, 2, SEG_DEGRADED },       { { SEG_STARTING, SEG_STARTING }, 2, SEG_STARTING },
        { { SEG_STOPPED, SEG_STARTING }, 2, SEG_CAPTURING },
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
        cmocka_unit_test(an_address_that_becomes_a_hosts_leaves_its_row),
        cmocka_unit_test(names_are_shown_where_all_are_wanted),
        cmocka_unit_test(versions_say_what_changed),
        cmocka_unit_test(one_number_says_that_no_row_changed),
        cmocka_unit_test(a_place_that_was_left_is_not_known),
        cmocka_unit_test(what_is_skipped_would_be_the_same),
        cmocka_unit_test(a_row_never_has_the_name_of_the_one_before_it),
        cmocka_unit_test(a_block_is_not_its_first_address),
        cmocka_unit_test(more_rows_than_a_step_keep_their_histograms),
        cmocka_unit_test(the_addresses_of_a_name_are_one_row),
        cmocka_unit_test(windows_are_published_and_go_on_over_a_change),
        cmocka_unit_test(rows_of_a_file_stand_behind_those_of_interfaces),
        cmocka_unit_test(the_state_of_all_follows_from_the_states_of_each),
    };

    return cmocka_run_group_tests_name("publication", tests, make_folder, remove_folder);
}
