/* test_meter.c: raw frames -> rows and counters, through the whole of the meter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "frame_fixture.h"
#include "meter.h"
#include "peer_fixture.h"
#include "random_fixture.h"

#define IDLE_S 300
#define EXP_S 60
#define MAX_FLOWS 50
#define MAX_PEERS 8
#define BIT(number) (UINT64_C(1) << (number))

/* --- the meter under test --- */

static struct meter *meter;
static int number;
static uint16_t next_ip_id;
static struct meter_sample newest;
static unsigned samples_seen;

static void on_sample(const struct meter_sample *sample, void *arg)
{
    assert_ptr_equal(arg, &newest);
    newest = *sample;
    samples_seen++;
}

static struct meter *make(bool keep_rows, uint32_t max_peers)
{
    const struct meter_options options = {
        .max_flows = MAX_FLOWS,
        .max_peers = max_peers,
        .idle_ttl_s = IDLE_S,
        .exp_ttl_s = EXP_S,
        .keep_rows = keep_rows,
        .hash_seed = { 1, 2 },
        .on_sample = on_sample,
        .on_sample_arg = &newest,
    };
    struct meter *made = meter_new(&options);

    assert_non_null(made);
    return made;
}

static int set_up(void **state)
{
    const struct meter_instance instance = { .both_sides = true };

    (void)state;
    meter = make(false, MAX_PEERS);
    number = meter_instance_add(meter, &instance);
    assert_int_equal(number, 0);
    next_ip_id = 1;
    samples_seen = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    meter_free(meter);
    return 0;
}

static struct netset *set_of(const char *first, const char *second)
{
    const char *const texts[] = { first, second };
    struct netset *set = netset_new();

    assert_non_null(set);
    for (size_t n = 0; n < 2; n++) {
        struct ip_prefix prefix = { .bits = 0 };
        if (texts[n] != NULL) {
            assert_true(prefix_parse(texts[n], &prefix, NULL));
            assert_int_equal(netset_add(set, &prefix, 1), 0);
        }
    }
    return set;
}

static void change(const struct meter_instance *instance)
{
    meter_instance_change(meter, number, instance);
}

static uint64_t sum_of(const uint64_t *values, size_t count)
{
    uint64_t sum = 0;

    for (size_t n = 0; n < count; n++) {
        sum += values[n];
    }
    return sum;
}

/* Rule 7, for each instance and each row. */
struct balance {
    int64_t pending[METER_MAX_INSTANCES];
    uint64_t rows[METER_MAX_INSTANCES], others;
};

static void add_row_to_balance(const struct meter_row *row, void *arg)
{
    struct balance *balance = arg;
    const struct peer_stats *stats = row->stats;
    const int64_t pending = (int64_t)(stats->timed - stats->samples - sum_of(stats->skipped, SKIP_REASON_COUNT));

    assert_true(pending >= 0);
    assert_true(stats->handshake_samples <= stats->samples);
    balance->pending[row->instance] += pending;
    balance->rows[row->instance] += row->other ? 0 : 1;
    balance->others += row->other ? 1 : 0;
}

static void check_balance(void)
{
    struct balance balance = { .others = 0 };
    uint64_t rows = 0;

    meter_flush(meter);
    meter_each_row(meter, add_row_to_balance, &balance);
    for (int n = 0; n < METER_MAX_INSTANCES; n++) {
        const struct meter_counters *counters = meter_counters(meter, n);
        assert_int_equal(counters->packets, counters->tcp + sum_of(counters->ignored, PACKET_REASON_COUNT));
        assert_int_equal(counters->ignored[PACKET_OK], 0);
        assert_int_equal(balance.pending[n], meter_pending(meter, n));
        assert_int_equal(balance.rows[n], counters->open_peers);
        rows += balance.rows[n];
    }
    assert_int_equal(meter_row_count(meter), rows + balance.others);
}

static void check_histogram(const struct meter_row *row, void *arg)
{
    uint64_t counted = 0;

    (void)arg;
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        counted += row->stats->histogram->count[bucket];
    }
    assert_int_equal(counted, row->other ? 0 : row->stats->samples);
}

static void check_histograms(void)
{
    meter_flush(meter);
    meter_each_row(meter, check_histogram, NULL);
}

static void feed(const struct shot *shot, uint64_t instances, int64_t time_ns)
{
    const struct frame frame = render(shot);
    const struct captured_frame handed = captured(&frame, shot->length, time_ns);

    meter_frame(meter, instances, &handed, (uint32_t)(time_ns / S));
}

/* A shot with an IP ID of its own. */
static void play(struct shot shot, int64_t time_ns)
{
    shot.ip_id = next_ip_id++;
    feed(&shot, BIT(number), time_ns);
    check_balance();
}

static void open_connection(uint8_t client, uint8_t server, uint32_t isn, int64_t time_ns)
{
    play(from_to(client, server, TCP_SYN, isn, 0, 0), time_ns);
    play(from_to(server, client, TCP_SYN | TCP_ACK, isn + 5000, isn + 1, 0), time_ns + 10 * MS);
    play(from_to(client, server, TCP_ACK, isn + 1, isn + 5001, 0), time_ns + 11 * MS);
}

struct wanted_row {
    uint8_t local, peer;
    int instance;
    struct meter_row found;
    bool any;
};

static void match_row(const struct meter_row *row, void *arg)
{
    struct wanted_row *wanted = arg;

    if (!row->other && row->instance == wanted->instance && row->local.bytes[15] == wanted->local
        && row->peer.bytes[15] == wanted->peer) {
        assert_false(wanted->any);
        wanted->found = *row;
        wanted->any = true;
    }
}

static struct wanted_row look(uint8_t local, uint8_t peer)
{
    struct wanted_row wanted = { .local = local, .peer = peer, .instance = number };

    meter_each_row(meter, match_row, &wanted);
    return wanted;
}

static const struct peer_stats *stats_of(uint8_t local, uint8_t peer)
{
    const struct wanted_row wanted = look(local, peer);

    assert_true(wanted.any);
    return wanted.found.stats;
}

static const struct meter_counters *counters(void)
{
    return meter_counters(meter, number);
}

/* --- the way through --- */

static void connection_gives_a_row_each_way(void **state)
{
    (void)state;
    open_connection(1, 2, 1000, S);
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), S + 20 * MS);
    play(from_to(2, 1, TCP_ACK, 6001, 1051, 200), S + 25 * MS);
    play(from_to(1, 2, TCP_ACK, 1051, 6201, 0), S + 26 * MS);
    const struct peer_stats *there = stats_of(1, 2);
    const struct peer_stats *back = stats_of(2, 1);
    assert_int_equal(there->samples, 2);
    assert_int_equal(there->handshake_samples, 1);
    assert_int_equal(there->max_ns, 10 * MS);
    assert_int_equal(there->min_ns, 5 * MS);
    assert_int_equal(back->samples, 2);
    assert_int_equal(back->sum_ns, 2 * MS);
    assert_int_equal(there->histogram->count[histogram_bucket(10 * MS)], 1);
    assert_int_equal(there->histogram->count[histogram_bucket(5 * MS)], 1);
    assert_int_equal(back->histogram->count[histogram_bucket(MS)], 2);
    check_histograms();
    assert_int_equal(counters()->packets, 6);
    assert_int_equal(counters()->tcp, 6);
    assert_int_equal(counters()->flows, 1);
    assert_int_equal(counters()->open_flows, 1);
    assert_int_equal(look(1, 2).found.birth_time_ns, S);
    assert_int_equal(look(1, 2).found.last_sample_time_ns, S + 25 * MS);
    assert_int_equal(look(1, 2).found.last_sample_s, 1);
    assert_int_equal(look(1, 2).found.peer_bits, 128);
}

static void ipv6_is_measured_alike(void **state)
{
    struct shot request = from_to(1, 2, TCP_ACK, 1001, 6001, 50);
    struct shot answer = from_to(2, 1, TCP_ACK, 6001, 1051, 0);

    (void)state;
    request.family = V6;
    answer.family = V6;
    play(request, S);
    play(answer, S + 3 * MS);
    assert_int_equal(stats_of(1, 2)->last_ns, 3 * MS);
    const struct meter_row row = look(1, 2).found;
    assert_false(address_is_v4(&row.peer));
}

static void sample_is_handed_over(void **state)
{
    (void)state;
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), S);
    play(from_to(2, 1, TCP_ACK, 6001, 1051, 0), S + 3 * MS);
    assert_int_equal(samples_seen, 1);
    assert_int_equal(newest.time_ns, S + 3 * MS);
    assert_int_equal(newest.rtt_ns, 3 * MS);
    assert_int_equal(newest.end_seq, 1051);
    assert_int_equal(newest.src.bytes[15], 1);
    assert_int_equal(newest.dst.bytes[15], 2);
    assert_int_equal(newest.sport, 100);
    assert_int_equal(newest.dport, 200);
    assert_false(newest.handshake);
}

static void round_trip_from(uint16_t port, uint32_t seq, int64_t time_ns, int64_t rtt_ns)
{
    struct shot request = from_to(1, 2, TCP_ACK, seq, 6001, 50);
    struct shot answer = from_to(2, 1, TCP_ACK, 6001, seq + 50, 0);

    request.sport = port;
    answer.dport = port;
    play(request, time_ns);
    play(answer, time_ns + rtt_ns);
}

/* Two flows of one row, in turn, far from each other. */
static void jitter_is_between_samples_of_a_flow(void **state)
{
    (void)state;
    round_trip_from(1, 1001, S, 5 * MS);
    round_trip_from(2, 1001, 2 * S, 80 * MS);
    round_trip_from(1, 1051, 3 * S, 5 * MS);
    round_trip_from(2, 1051, 4 * S, 80 * MS);
    assert_int_equal(stats_of(1, 2)->samples, 4);
    assert_int_equal(peer_jitter_ns(stats_of(1, 2)), 0);
    round_trip_from(1, 1101, 5 * S, 21 * MS);
    assert_int_equal(peer_jitter_ns(stats_of(1, 2)), MS);
}

static void what_is_not_tcp_is_counted_by_name(void **state)
{
    static const uint8_t arp[64] = { [12] = 0x08, [13] = 0x06 };
    struct captured_frame frame = {
        .bytes = arp, .caplen = sizeof arp, .wirelen = sizeof arp, .time_ns = S, .linktype = DLT_EN10MB
    };

    (void)state;
    meter_frame(meter, BIT(number), &frame, 1);
    frame.caplen = frame.wirelen = 3;
    meter_frame(meter, BIT(number), &frame, 1);
    frame.caplen = frame.wirelen = sizeof arp;
    frame.linktype = -1;
    meter_frame(meter, BIT(number), &frame, 1);
    check_balance();
    assert_int_equal(counters()->ignored[PACKET_NOT_IP], 1);
    assert_int_equal(counters()->ignored[PACKET_TRUNCATED], 1);
    assert_int_equal(counters()->ignored[PACKET_UNKNOWN_LINK], 1);
    assert_int_equal(counters()->packets, 3);
}

/* --- whose side --- */

static void talk(uint8_t a, uint8_t b, int64_t time_ns)
{
    static uint32_t seq = 1;

    seq += 1000;
    play(from_to(a, b, TCP_ACK, seq, seq, 50), time_ns);
    play(from_to(b, a, TCP_ACK, seq, seq + 50, 50), time_ns + MS);
    play(from_to(a, b, TCP_ACK, seq + 50, seq + 50, 0), time_ns + 2 * MS);
}

static void the_interfaces_own_address_comes_first(void **state)
{
    struct netset *own = set_of("10.0.0.1", NULL);
    struct netset *host = set_of("10.0.0.1", "10.0.0.2");
    struct netset *nets = set_of("10.0.0.0/24", NULL);

    (void)state;
    change(&(struct meter_instance){ .local_own = own, .local_host = host, .local_nets = nets });
    talk(1, 2, S); /* both are the host's, one is the interface's */
    assert_true(look(1, 2).any);
    assert_false(look(2, 1).any);
    talk(2, 3, S); /* the host's, then the nets' */
    assert_true(look(2, 3).any);
    assert_false(look(3, 2).any);
    talk(3, 4, S); /* both within local_nets: both are measured */
    assert_true(look(3, 4).any && look(4, 3).any);
    netset_free(own);
    netset_free(host);
    netset_free(nets);
}

static void both_own_addresses_are_measured_both(void **state)
{
    struct netset *own = set_of("10.0.0.1", "10.0.0.2");

    (void)state;
    change(&(struct meter_instance){ .local_own = own });
    talk(1, 2, S);
    assert_true(look(1, 2).any && look(2, 1).any);
    netset_free(own);
}

static void neither_side_is_not_ours(void **state)
{
    struct netset *own = set_of("10.0.0.1", NULL);

    (void)state;
    change(&(struct meter_instance){ .local_own = own });
    talk(3, 4, S);
    assert_int_equal(counters()->ignored[PACKET_NOT_OURS], 3);
    assert_int_equal(counters()->flows, 0);
    netset_free(own);
}

static void whitelist_is_about_the_peer(void **state)
{
    struct netset *own = set_of("10.0.0.1", NULL);
    struct netset *wanted = set_of("10.0.0.2", "10.0.0.1");

    (void)state;
    change(&(struct meter_instance){ .local_own = own, .whitelist = wanted });
    talk(1, 2, S);
    talk(1, 3, S);
    assert_true(look(1, 2).any);
    assert_false(look(1, 3).any); /* our own address is on the list, that does not matter */
    assert_int_equal(counters()->ignored[PACKET_UNWANTED], 3);
    netset_free(own);
    netset_free(wanted);
}

static void each_direction_has_its_own_peer(void **state)
{
    struct netset *wanted = set_of("10.0.0.2", NULL);

    (void)state;
    change(&(struct meter_instance){ .both_sides = true, .whitelist = wanted });
    talk(1, 2, S);
    assert_true(look(1, 2).any);
    assert_false(look(2, 1).any);
    netset_free(wanted);
}

static struct netset *naming(const char *text, uint32_t value)
{
    struct netset *set = netset_new();
    struct ip_prefix prefix;

    assert_non_null(set);
    assert_true(prefix_parse(text, &prefix, NULL));
    assert_int_equal(netset_add(set, &prefix, value), 0);
    return set;
}

static void count_by_name(const struct meter_row *row, void *arg)
{
    uint64_t *samples = arg;

    samples[row->shared & ~METER_SHARED_ROW] += row->stats->samples;
}

/* An address that has another host's name now, or none any more, under a connection that goes on. */
static void a_flow_goes_where_its_peers_name_goes(void **state)
{
    static const uint32_t values[] = { METER_SHARED_ROW | 1, METER_SHARED_ROW | 2, 0, METER_SHARED_ROW | 3 };
    struct netset *own = set_of("10.0.0.1", NULL), *before = NULL;
    uint64_t samples[4] = { 0 };

    (void)state;
    for (uint32_t n = 0; n < 4; n++) {
        struct netset *wanted = naming("10.0.0.2", values[n]);

        change(&(struct meter_instance){ .local_own = own, .whitelist = wanted });
        netset_free(before);
        talk(1, 2, (1 + n) * S);
        before = wanted;
    }
    meter_each_row(meter, count_by_name, samples);
    for (uint32_t n = 0; n < 4; n++) {
        assert_int_equal(samples[n], 1);
    }
    assert_int_equal(counters()->flows, 4);
    change(&(struct meter_instance){ .local_own = own, .whitelist = before }); /* nothing is another: it goes on */
    talk(1, 2, 9 * S);
    assert_int_equal(counters()->flows, 4);
    check_balance();
    netset_free(own);
    netset_free(before);
}

/* The whitelist only says who shares a row: whoever is not in it is measured, too, and what is known goes on. */
static void all_are_measured_and_some_share_a_row(void **state)
{
    struct netset *own = set_of("10.0.0.1", NULL), *named = naming("10.0.0.2", METER_SHARED_ROW | 1), *none = netset_new();
    const struct meter_instance all = { .local_own = own, .whitelist = named, .all_peers = true };
    uint64_t samples[4] = { 0 };

    (void)state;
    assert_non_null(none);
    change(&(struct meter_instance){ .local_own = own, .whitelist = named });
    talk(1, 2, S);
    change(&all);
    talk(1, 2, 2 * S);
    talk(1, 3, 2 * S);
    assert_int_equal(counters()->ignored[PACKET_UNWANTED], 0);
    assert_int_equal(counters()->flows, 2);
    assert_true(look(1, 3).any);
    meter_each_row(meter, count_by_name, samples);
    assert_int_equal(samples[0], 1);
    assert_int_equal(samples[1], 2);
    change(&(struct meter_instance){ .local_own = own, .whitelist = none, .all_peers = true });
    assert_int_equal(counters()->open_flows, 1); /* who has another name is in another row */
    meter_finish(meter, BIT(number));
    change(&all);
    assert_true(look(1, 3).any); /* and without a connection, too */
    change(&(struct meter_instance){ .local_own = own, .whitelist = named });
    assert_int_equal(counters()->open_flows, 0);
    assert_false(look(1, 3).any); /* what is not measured any more is not shown any more */
    check_balance();
    netset_free(own);
    netset_free(named);
    netset_free(none);
}

/* --- flows begin and end --- */

static void a_reset_opens_no_flow(void **state)
{
    (void)state;
    play(from_to(1, 2, TCP_RST, 1, 0, 0), S);
    play(from_to(1, 2, TCP_RST | TCP_ACK, 1, 1, 0), S);
    assert_int_equal(counters()->ignored[PACKET_NO_FLOW], 2);
    assert_int_equal(counters()->refused_flows, 0);
    assert_int_equal(counters()->flows, 0);
}

static void over_max_flows_is_counted(void **state)
{
    (void)state;
    for (uint16_t port = 1; port <= MAX_FLOWS + 3; port++) {
        struct shot shot = from_to(1, 2, TCP_SYN, 1000, 0, 0);
        shot.sport = port;
        play(shot, S);
    }
    assert_int_equal(counters()->refused_flows, 3);
    assert_int_equal(counters()->ignored[PACKET_FLOW_LIMIT], 3);
    assert_int_equal(counters()->open_flows, MAX_FLOWS);
    assert_int_equal(stats_of(1, 2)->flows, MAX_FLOWS);
    meter_expire(meter, 1 + IDLE_S);
    play(from_to(1, 2, TCP_SYN, 1000, 0, 0), (1 + IDLE_S) * S);
    assert_int_equal(counters()->refused_flows, 3);
}

static void play_on_all_flows(uint8_t flags, int64_t time_ns)
{
    for (uint16_t port = 1; port <= MAX_FLOWS; port++) {
        struct shot shot = from_to(1, 2, flags, 1000, 0, 0);
        shot.sport = port;
        play(shot, time_ns);
    }
}

static void at_max_flows_one_that_ended_gives_way(void **state)
{
    const struct shot data = from_to(1, 2, TCP_ACK, 1001, 6001, 50);

    (void)state;
    play_on_all_flows(TCP_SYN, S);
    play(data, 2 * S);
    assert_int_equal(counters()->refused_flows, 1); /* none ended */
    play_on_all_flows(TCP_RST, 2 * S);
    play(data, 2 * S);
    assert_int_equal(counters()->refused_flows, 2); /* their last packets are of this second */
    play(data, 3 * S);
    play(from_to(2, 1, TCP_ACK, 6001, 1051, 0), 3 * S + 4 * MS);
    assert_int_equal(counters()->refused_flows, 2);
    assert_int_equal(counters()->flows, MAX_FLOWS + 1);
    assert_int_equal(counters()->open_flows, MAX_FLOWS);
    assert_int_equal(stats_of(1, 2)->last_ns, 4 * MS);
}

static void another_isn_is_a_new_flow(void **state)
{
    (void)state;
    open_connection(1, 2, 1000, S);
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), 2 * S);
    play(from_to(1, 2, TCP_SYN, 90000, 0, 0), 3 * S);
    assert_int_equal(counters()->flows, 2);
    assert_int_equal(counters()->open_flows, 1);
    assert_int_equal(stats_of(1, 2)->flows, 2);
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_UNACKED], 1);
    play(from_to(2, 1, TCP_SYN | TCP_ACK, 50000, 90001, 0), 3 * S + 4 * MS);
    assert_int_equal(stats_of(1, 2)->last_ns, 4 * MS);
    assert_int_equal(counters()->flows, 2);
    assert_int_equal(stats_of(1, 2)->retransmits, 0);
}

static void the_same_isn_is_a_retransmission(void **state)
{
    (void)state;
    play(from_to(1, 2, TCP_SYN, 1000, 0, 0), S);
    play(from_to(1, 2, TCP_SYN, 1000, 0, 0), 2 * S);
    play(from_to(2, 1, TCP_SYN | TCP_ACK, 6000, 1001, 0), 2 * S + MS);
    assert_int_equal(counters()->flows, 1);
    assert_int_equal(stats_of(1, 2)->retransmits, 1);
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_RETRANSMITTED], 1);
    assert_int_equal(stats_of(1, 2)->samples, 0);
}

static void a_syn_on_a_flow_picked_up_in_the_middle(void **state)
{
    (void)state;
    play(from_to(1, 2, TCP_ACK, 4000000000U, 6001, 50), S);
    play(from_to(1, 2, TCP_SYN, 1000, 0, 0), 2 * S);
    play(from_to(2, 1, TCP_SYN | TCP_ACK, 6000, 1001, 0), 2 * S + MS);
    assert_int_equal(counters()->flows, 2);
    assert_int_equal(stats_of(1, 2)->handshake_samples, 1);
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_UNACKED], 1);
}

static void a_peers_late_ack_before_our_syn_does_not_spoil_it(void **state)
{
    (void)state;
    play(from_to(2, 1, TCP_ACK, 777, 5000, 0), S);
    play(from_to(1, 2, TCP_SYN, 1000, 0, 0), 2 * S);
    play(from_to(2, 1, TCP_SYN | TCP_ACK, 6000, 1001, 0), 2 * S + MS);
    assert_int_equal(stats_of(1, 2)->handshake_samples, 1);
}

static void another_answer_to_the_same_syn_is_no_new_flow(void **state)
{
    (void)state;
    play(from_to(1, 2, TCP_SYN, 1000, 0, 0), S);
    play(from_to(2, 1, TCP_SYN | TCP_ACK, 6000, 1001, 0), S + MS);
    play(from_to(2, 1, TCP_SYN | TCP_ACK, 7000, 1001, 0), S + 2 * MS);
    play(from_to(1, 2, TCP_ACK, 1001, 7001, 0), S + 3 * MS);
    assert_int_equal(counters()->flows, 1);
    assert_int_equal(stats_of(1, 2)->samples, 1);
    assert_int_equal(stats_of(2, 1)->samples, 1);
    assert_int_equal(stats_of(2, 1)->last_ns, MS);
    assert_int_equal(stats_of(2, 1)->skipped[SKIP_UNACKED], 1);
}

/* Forged, or older than what it meets: our side goes on, and what it sends again was sent before. */
static void a_peers_syn_that_is_not_accepted_changes_nothing(void **state)
{
    (void)state;
    open_connection(1, 2, 1000, S);
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), 2 * S);
    play(from_to(2, 1, TCP_SYN, 77, 0, 0), 2 * S + MS);
    play(from_to(1, 2, TCP_ACK, 1051, 6001, 0), 2 * S + MS); /* the challenge ACK */
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), 2 * S + 206 * MS);
    play(from_to(2, 1, TCP_ACK, 6001, 1051, 0), 2 * S + 210 * MS);
    assert_int_equal(stats_of(1, 2)->samples, 1);
    assert_int_equal(stats_of(1, 2)->retransmits, 1);
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_RETRANSMITTED], 1);
}

static void a_peers_syn_that_is_accepted_begins_anew(void **state)
{
    (void)state;
    for (int with_syn_ack = 0; with_syn_ack < 2; with_syn_ack++) {
        const uint32_t isn = 1000 - 500 * (uint32_t)with_syn_ack; /* below the one before: no new data to the old flow */
        const int64_t now = (1 + 10 * with_syn_ack) * S;
        open_connection(2, 1, 90000 * (1 + (uint32_t)with_syn_ack), now);
        play(from_to(1, 2, TCP_ACK, 20000, 0, 50), now + S);
        play(from_to(2, 1, TCP_SYN, 70000, 0, 0), now + 2 * S);
        if (with_syn_ack == 1) {
            play(from_to(1, 2, TCP_SYN | TCP_ACK, isn, 70001, 0), now + 2 * S);
            play(from_to(2, 1, TCP_ACK, 70001, isn + 1, 0), now + 2 * S + 3 * MS);
            assert_int_equal(stats_of(1, 2)->last_ns, 3 * MS);
        }
        const uint64_t before = stats_of(1, 2)->retransmits;
        play(from_to(1, 2, TCP_ACK, isn + 1, 70001, 50), now + 3 * S);
        play(from_to(2, 1, TCP_ACK, 70001, isn + 51, 0), now + 3 * S + 7 * MS);
        assert_int_equal(stats_of(1, 2)->last_ns, 7 * MS);
        assert_int_equal(stats_of(1, 2)->retransmits, before);
    }
    assert_int_equal(counters()->flows, 4);
}

static void simultaneous_open(void **state)
{
    (void)state;
    play(from_to(1, 2, TCP_SYN, 1000, 0, 0), S);
    play(from_to(2, 1, TCP_SYN, 6000, 0, 0), S + MS);
    play(from_to(1, 2, TCP_SYN | TCP_ACK, 1000, 6001, 0), S + 2 * MS);
    play(from_to(2, 1, TCP_SYN | TCP_ACK, 6000, 1001, 0), S + 3 * MS);
    assert_int_equal(counters()->flows, 1);
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 10), S + 10 * MS);
    play(from_to(2, 1, TCP_ACK, 6001, 1011, 0), S + 15 * MS);
    assert_int_equal(stats_of(1, 2)->last_ns, 5 * MS);
    assert_int_equal(stats_of(1, 2)->samples, 1);
}

/* Each SYN is the other's first answer: the SYN|ACK that follows sends the SYN again. */
static void simultaneous_open_of_the_next_connection(void **state)
{
    (void)state;
    open_connection(1, 2, 1000, S);
    play(from_to(1, 2, TCP_SYN, 21000, 0, 0), 2 * S);
    play(from_to(2, 1, TCP_SYN, 26000, 0, 0), 2 * S + MS);
    play(from_to(1, 2, TCP_SYN | TCP_ACK, 21000, 26001, 0), 2 * S + 2 * MS);
    play(from_to(2, 1, TCP_SYN | TCP_ACK, 26000, 21001, 0), 2 * S + 3 * MS);
    assert_int_equal(stats_of(1, 2)->samples, 1);
    assert_int_equal(stats_of(1, 2)->retransmits, 1);
}

static void the_next_connection_lives_as_long_as_the_first(void **state)
{
    (void)state;
    open_connection(1, 2, 1000, S);
    play(from_to(2, 1, TCP_RST, 6001, 0, 0), S + 20 * MS);
    open_connection(1, 2, 21000, 2 * S);
    meter_expire(meter, 2 + IDLE_S - 1);
    assert_int_equal(counters()->open_flows, 1);
    meter_expire(meter, 2 + IDLE_S);
    assert_int_equal(counters()->open_flows, 0);
}

static void a_refused_connection_is_a_handshake(void **state)
{
    (void)state;
    play(from_to(1, 2, TCP_SYN, 1000, 0, 0), S);
    play(from_to(2, 1, TCP_RST | TCP_ACK, 0, 1001, 0), S + 2 * MS);
    assert_int_equal(stats_of(1, 2)->handshake_samples, 1);
    assert_int_equal(stats_of(1, 2)->last_ns, 2 * MS);
    assert_int_equal(meter_pending(meter, number), 0);
    meter_expire(meter, 1 + EXP_S - 1);
    assert_int_equal(counters()->open_flows, 1);
    meter_expire(meter, 1 + EXP_S);
    assert_int_equal(counters()->open_flows, 0);
}

static void a_reset_ends_what_is_pending(void **state)
{
    (void)state;
    open_connection(1, 2, 1000, S);
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), S + 20 * MS);
    assert_int_equal(meter_pending(meter, number), 1);
    play(from_to(2, 1, TCP_RST | TCP_ACK, 6001, 1051, 0), S + 25 * MS); /* not a round trip: data was not what it answers */
    assert_int_equal(meter_pending(meter, number), 0);
    assert_int_equal(stats_of(1, 2)->samples, 1);
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_UNACKED], 1);
}

static void a_reset_outside_the_window_changes_nothing(void **state)
{
    (void)state;
    open_connection(1, 2, 1000, S);
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), S + 20 * MS);
    play(from_to(2, 1, TCP_RST, 6000, 0, 0), S + 21 * MS);
    play(from_to(2, 1, TCP_RST, 3000000000U, 0, 0), S + 22 * MS);
    play(from_to(2, 1, TCP_ACK, 6001, 1051, 0), S + 25 * MS);
    assert_int_equal(stats_of(1, 2)->last_ns, 5 * MS);
    play(from_to(1, 2, TCP_ACK, 1051, 6001, 50), S + 30 * MS);
    play(from_to(2, 1, TCP_RST, 6001, 0, 0), S + 31 * MS);
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_UNACKED], 1);
}

/* Our own pure ACKs stay in the kernel: after so long a download nothing says where the peer's sequence is but its segments. */
static void download_without_our_acks(struct netset *ours)
{
    const struct meter_instance instance = { .local_own = ours };

    change(&instance);
    play(from_to(1, 2, TCP_SYN, 1000, 0, 0), S);
    play(from_to(2, 1, TCP_SYN | TCP_ACK, 6000, 1001, 0), S + 10 * MS);
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), S + 11 * MS);
    for (uint32_t n = 0; n < 12; n++) {
        play(from_to(2, 1, TCP_ACK, 6001 + (n << 28), 1051, 20), (2 + n) * S);
    }
}

static void a_reset_behind_a_long_download_is_believed(void **state)
{
    struct netset *ours = set_of("10.0.0.1", NULL);

    (void)state;
    download_without_our_acks(ours);
    play(from_to(2, 1, TCP_RST, 6021 + (6U << 28), 0, 0), 14 * S);
    meter_expire(meter, 14 + EXP_S);
    assert_int_equal(counters()->open_flows, 1);
    play(from_to(2, 1, TCP_RST, 6021 + (11U << 28), 0, 0), (14 + EXP_S) * S);
    meter_expire(meter, 14 + 2 * EXP_S);
    assert_int_equal(counters()->open_flows, 0);
    netset_free(ours);
}

static void a_probe_behind_a_long_download_is_no_duplicate_ack(void **state)
{
    struct netset *ours = set_of("10.0.0.1", NULL);
    const uint32_t next = 6021 + (11U << 28);

    (void)state;
    download_without_our_acks(ours);
    play(from_to(1, 2, TCP_ACK, 1051, next, 50), 20 * S);
    play(from_to(1, 2, TCP_ACK, 1101, next, 50), 20 * S);
    play(from_to(2, 1, TCP_ACK, next - 1, 1051, 0), 20 * S + 5 * MS);
    play(from_to(2, 1, TCP_ACK, next, 1151, 0), 20 * S + 30 * MS);
    assert_int_equal(stats_of(1, 2)->last_ns, 30 * MS);
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_AMBIGUOUS], 0);
    netset_free(ours);
}

static void fin_from_both_sides_ends_a_flow(void **state)
{
    (void)state;
    open_connection(1, 2, 1000, S);
    play(from_to(1, 2, TCP_FIN | TCP_ACK, 1001, 6001, 0), 2 * S);
    meter_expire(meter, 2 + EXP_S + 1); /* half closed is not ended */
    assert_int_equal(counters()->open_flows, 1);
    play(from_to(2, 1, TCP_FIN | TCP_ACK, 6001, 1002, 0), 70 * S);
    play(from_to(1, 2, TCP_ACK, 1002, 6002, 0), 70 * S);
    meter_expire(meter, 70 + EXP_S - 1);
    assert_int_equal(counters()->open_flows, 1);
    meter_expire(meter, 70 + EXP_S);
    assert_int_equal(counters()->open_flows, 0);
}

static void an_idle_flow_leaves(void **state)
{
    (void)state;
    open_connection(1, 2, 1000, S);
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), 100 * S);
    meter_expire(meter, 100 + IDLE_S - 1);
    assert_int_equal(counters()->open_flows, 1);
    meter_expire(meter, 100 + IDLE_S);
    check_balance();
    assert_int_equal(counters()->open_flows, 0);
}

static void a_frame_alone_moves_the_time(void **state)
{
    (void)state;
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), S);
    play(from_to(2, 1, TCP_ACK, 6001, 1051, 0), (IDLE_S + 5) * S); /* of a flow that is new by now */
    assert_int_equal(counters()->flows, 2);
    assert_int_equal(samples_seen, 0);
}

/* --- rows --- */

static void an_idle_row_leaves_and_is_born_anew(void **state)
{
    (void)state;
    open_connection(1, 2, 1000, S);
    open_connection(1, 3, 1000, S);
    const uint64_t birth = look(1, 2).found.birth;
    const uint64_t other_birth = look(1, 3).found.birth;
    assert_int_not_equal(birth, other_birth);
    play(from_to(1, 3, TCP_ACK, 1001, 6001, 0), 200 * S);
    meter_expire(meter, 1 + IDLE_S); /* the flow goes, and the row has been idle as long */
    assert_false(look(1, 2).any);
    assert_true(look(1, 3).any);
    check_balance();
    open_connection(1, 2, 1000, (2 + IDLE_S) * S);
    assert_true(look(1, 2).found.birth > other_birth);
    assert_int_equal(stats_of(1, 2)->samples, 1);
    assert_int_equal(look(1, 3).found.birth, other_birth);
}

/* Flows obey idle_ttl; what they measured waits for who reads it. */
static void a_row_outlives_its_idle_flows(void **state)
{
    const struct meter_instance instance = { .both_sides = true };
    const struct meter_options options = {
        .max_flows = MAX_FLOWS, .max_peers = MAX_PEERS, .idle_ttl_s = 5, .row_ttl_s = 60, .exp_ttl_s = EXP_S
    };

    (void)state;
    meter_free(meter);
    meter = meter_new(&options);
    assert_non_null(meter);
    number = meter_instance_add(meter, &instance);
    open_connection(1, 2, 1000, 1 * S);
    meter_expire(meter, 1 + 5);
    assert_int_equal(counters()->open_flows, 0);
    meter_expire(meter, 1 + 59);
    assert_int_equal(stats_of(1, 2)->samples, 1);
    meter_expire(meter, 1 + 60);
    assert_int_equal(meter_row_count(meter), 0);
}

static void a_row_outlives_its_ended_flows(void **state)
{
    (void)state;
    play(from_to(1, 2, TCP_SYN, 1000, 0, 0), S);
    play(from_to(2, 1, TCP_RST | TCP_ACK, 0, 1001, 0), S + 2 * MS);
    meter_expire(meter, 1 + EXP_S);
    assert_int_equal(counters()->open_flows, 0);
    meter_expire(meter, 1 + IDLE_S - 1);
    assert_true(look(1, 2).any);
    meter_expire(meter, 1 + IDLE_S);
    assert_false(look(1, 2).any);
}

static void kept_rows_never_leave(void **state)
{
    const struct meter_instance instance = { .both_sides = true };

    (void)state;
    meter_free(meter);
    meter = make(true, MAX_PEERS);
    number = meter_instance_add(meter, &instance);
    open_connection(1, 2, 1000, S);
    meter_expire(meter, 1000000);
    assert_true(look(1, 2).any);
    assert_int_equal(counters()->open_flows, 0);
}

struct places {
    uint64_t births[16];
    size_t count;
};

static void note_place(const struct meter_row *row, void *arg)
{
    struct places *places = arg;

    places->births[places->count++] = row->birth;
}

static void a_row_keeps_its_place(void **state)
{
    struct places before = { .count = 0 };
    struct places after = { .count = 0 };

    (void)state;
    open_connection(1, 2, 1000, S);
    open_connection(1, 3, 1000, 100 * S);
    open_connection(1, 4, 1000, 100 * S);
    meter_each_row(meter, note_place, &before);
    meter_expire(meter, 1 + IDLE_S);
    open_connection(1, 5, 1000, (2 + IDLE_S) * S);
    meter_each_row(meter, note_place, &after);
    assert_int_equal(before.count, 6);
    assert_int_equal(after.count, 6);
    for (size_t n = 2; n < 6; n++) {
        assert_int_equal(before.births[n], after.births[n]);
    }
}

static void find_other(const struct meter_row *row, void *arg)
{
    if (row->other) {
        *(struct meter_row *)arg = *row;
    }
}

static void over_max_peers_is_counted_in_other(void **state)
{
    struct meter_row other = { .other = false };

    (void)state;
    for (uint8_t peer = 2; peer < 2 + MAX_PEERS / 2; peer++) {
        open_connection(1, peer, 1000, S);
    }
    assert_int_equal(counters()->open_peers, MAX_PEERS);
    assert_int_equal(meter_row_count(meter), MAX_PEERS);
    open_connection(1, 100, 1000, S);
    play(from_to(1, 100, TCP_ACK, 1001, 6001, 50), 2 * S);
    meter_each_row(meter, find_other, &other);
    assert_true(other.other);
    assert_int_equal(other.instance, number);
    assert_int_equal(other.stats->flows, 2); /* one for each direction */
    assert_int_equal(other.stats->timed, 3);
    assert_int_equal(other.stats->samples, 2);
    assert_int_equal(other.stats->handshake_samples, 2);
    assert_int_equal(other.stats->sum_ns, 0);
    assert_int_equal(other.stats->srtt_x8, 0);
    play(from_to(100, 1, TCP_ACK, 6001, 1051, 0), 2 * S + MS);
    meter_each_row(meter, find_other, &other);
    assert_int_equal(other.stats->samples, 3);
    assert_int_equal(other.stats->handshake_samples, 2);
    check_histograms();
    assert_int_equal(counters()->refused_peers, 2);
    assert_int_equal(meter_row_count(meter), MAX_PEERS + 1);
    open_connection(1, 2, 99000, 3 * S); /* a known one has its row */
    assert_int_equal(counters()->refused_peers, 2);
    meter_expire(meter, 3 + IDLE_S);
    check_balance();
    open_connection(1, 100, 5000, (4 + IDLE_S) * S);
    assert_true(look(1, 100).any);
}

static void rows_by_peer_port(void **state)
{
    struct shot second = from_to(1, 2, TCP_SYN, 1000, 0, 0);

    (void)state;
    change(&(struct meter_instance){ .both_sides = true, .group = METER_GROUP_PEER_PORT });
    open_connection(1, 2, 1000, S);
    assert_int_equal(look(1, 2).found.peer_port, 200);
    assert_int_equal(look(2, 1).found.peer_port, 100);
    second.dport = 443;
    play(second, S);
    assert_int_equal(counters()->open_peers, 3);
}

static void rows_by_subnet(void **state)
{
    struct netset *own = set_of("10.0.0.1", "2001:db8::1");
    struct shot six = from_to(1, 0x77, TCP_SYN, 1000, 0, 0);

    (void)state;
    change(
        &(struct meter_instance){ .local_own = own, .group = METER_GROUP_SUBNET, .subnet_bits_v4 = 28, .subnet_bits_v6 = 124 });
    open_connection(1, 17, 1000, S);
    open_connection(1, 30, 1000, S);
    open_connection(1, 33, 1000, S);
    assert_int_equal(stats_of(1, 16)->flows, 2);
    assert_int_equal(look(1, 16).found.peer_bits, 96 + 28);
    assert_int_equal(stats_of(1, 32)->flows, 1);
    six.family = V6;
    play(six, S);
    assert_int_equal(look(1, 0x70).found.peer_bits, 124);
    netset_free(own);
}

/* --- copies, VLANs, instances --- */

static void a_packet_captured_twice_is_ignored(void **state)
{
    struct shot data = from_to(1, 2, TCP_ACK, 1001, 6001, 50);
    struct shot answer = from_to(2, 1, TCP_ACK, 6001, 1051, 0);

    (void)state;
    open_connection(1, 2, 1000, S);
    data.ip_id = 4000;
    answer.ip_id = 4001;
    feed(&data, BIT(number), 2 * S);
    feed(&data, BIT(number), 2 * S + MS / 10);
    feed(&answer, BIT(number), 2 * S + 5 * MS);
    feed(&answer, BIT(number), 2 * S + 5 * MS + MS / 10);
    check_balance();
    assert_int_equal(counters()->ignored[PACKET_DUPLICATE], 2);
    assert_int_equal(stats_of(1, 2)->retransmits, 0);
    assert_int_equal(stats_of(1, 2)->samples, 2);
    assert_int_equal(stats_of(1, 2)->last_ns, 5 * MS);
}

/* A bond and its slave, with a queue between them. */
static void copies_that_come_a_burst_later_are_ignored(void **state)
{
    struct shot data = from_to(1, 2, TCP_ACK, 1001, 6001, 50);

    (void)state;
    open_connection(1, 2, 1000, S);
    for (unsigned n = 0; n < 128; n++) {
        data.seq = 1001 + 50 * (n % 64);
        data.ip_id = (uint16_t)(4000 + n % 64);
        feed(&data, BIT(number), 2 * S + n * MS / 50);
    }
    check_balance();
    assert_int_equal(counters()->ignored[PACKET_DUPLICATE], 64);
    assert_int_equal(stats_of(1, 2)->retransmits, 0);
    play(from_to(2, 1, TCP_ACK, 6001, 1001 + 50 * 64, 0), 2 * S + 20 * MS);
    assert_int_equal(stats_of(1, 2)->last_ns, 20 * MS - 63 * MS / 50);
}

static void a_constant_ip_id_hides_no_retransmission(void **state)
{
    struct shot data = from_to(1, 2, TCP_ACK, 1001, 6001, 50);

    (void)state;
    open_connection(1, 2, 1000, S);
    data.ip_id = 7;
    feed(&data, BIT(number), 2 * S);
    feed(&data, BIT(number), 2 * S + 300 * MS);
    play(from_to(2, 1, TCP_ACK, 6001, 1051, 0), 2 * S + 302 * MS);
    assert_int_equal(stats_of(1, 2)->retransmits, 1);
    assert_int_equal(stats_of(1, 2)->samples, 1);
}

/* Over IPv6 nothing but a TSval could tell them apart, and it has not ticked. */
static void duplicate_acks_within_a_tick_are_no_copies(void **state)
{
    struct shot first = from_to(1, 2, TCP_ACK, 1001, 6001, 50);
    struct shot second = from_to(1, 2, TCP_ACK, 1051, 6001, 50);
    struct shot again = from_to(2, 1, TCP_ACK, 6001, 1001, 0);
    struct shot both = from_to(2, 1, TCP_ACK, 6001, 1101, 0);

    (void)state;
    first.family = second.family = again.family = both.family = V6;
    again.ts_val = both.ts_val = 9;
    first.ts_val = second.ts_val = 8;
    play(again, S);
    play(first, S + MS / 10);
    play(second, S + MS / 5);
    play(again, S + MS / 2);
    play(both, S + 30 * MS);
    assert_int_equal(counters()->ignored[PACKET_DUPLICATE], 0);
    assert_int_equal(stats_of(1, 2)->samples, 0);
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_AMBIGUOUS], 2);
}

/* The hole was seen, so the same bytes in the same tick are a retransmission. */
static void a_fast_retransmission_within_a_tick_is_no_copy(void **state)
{
    struct shot first = from_to(1, 2, TCP_ACK, 1001, 6001, 50);
    struct shot early = from_to(2, 1, TCP_ACK, 6001, 1001, 0);

    (void)state;
    first.family = early.family = V6;
    first.ts_val = 8;
    early.ts_val = 9;
    play(early, S);
    play(first, S);
    early.sack[0] = 1051;
    early.sack[1] = 1101;
    play(early, S + MS / 4);
    play(first, S + MS / 2);
    assert_int_equal(counters()->ignored[PACKET_DUPLICATE], 0);
    assert_int_equal(stats_of(1, 2)->retransmits, 1);
}

/* What was sent before as many signs of a hole as there are epochs is no copy of what is sent again: the segment of then waits,
 * and gives no sample. What is sent again has copies of its own. The host sends one IP ID in all packets. */
static void a_retransmission_after_any_number_of_duplicate_acks_is_no_copy(void **state)
{
    static const unsigned counts[] = { 1, 255, 256, 257, 512 };
    const size_t all = sizeof counts / sizeof counts[0];

    (void)state;
    for (unsigned n = 0; n < all; n++) {
        struct shot data = from_to(1, 2, TCP_ACK, 1001, 6001, 50), ack = from_to(2, 1, TCP_ACK, 6001, 1001, 0);
        data.sport = ack.dport = (uint16_t)(100 + n);
        data.ip_id = 77;
        play(ack, S);
        feed(&data, BIT(number), S);
        for (unsigned acks = 0; acks < counts[n]; acks++) {
            play(ack, S + MS);
        }
        feed(&data, BIT(number), S + 95 * MS);
        feed(&data, BIT(number), S + 101 * MS);
        ack.ack = 1051;
        play(ack, S + 110 * MS);
        assert_int_equal(stats_of(1, 2)->retransmits, n + 1);
        assert_int_equal(stats_of(1, 2)->samples, 0);
        assert_int_equal(counters()->ignored[PACKET_DUPLICATE], n + 1);
    }
}

/* The end of one instance's capture ends nothing of another's. */
static void what_another_has_captured_has_its_copies_still(void **state)
{
    const int other = meter_instance_add(meter, &(struct meter_instance){ .both_sides = true });
    struct shot syn = from_to(1, 2, TCP_SYN, 1000, 0, 0);

    (void)state;
    syn.ip_id = 77;
    feed(&syn, BIT(number), S);
    meter_finish(meter, BIT(other));
    feed(&syn, BIT(number), S + MS / 100);
    play(from_to(2, 1, TCP_SYN | TCP_ACK, 6000, 1001, 0), S + 10 * MS);
    assert_int_equal(counters()->ignored[PACKET_DUPLICATE], 1);
    assert_int_equal(stats_of(1, 2)->retransmits, 0);
    assert_int_equal(stats_of(1, 2)->samples, 1);
}

/* Our side alone is measured, and the peer's numbers are followed nevertheless. A hole would show in the older segment. */
static void a_peers_keep_alive_is_no_duplicate_ack(void **state)
{
    struct netset *own = set_of("10.0.0.1", NULL);

    (void)state;
    change(&(struct meter_instance){ .local_own = own });
    open_connection(1, 2, 1000, S);
    play(from_to(2, 1, TCP_ACK, 6001, 1001, 0), S + 12 * MS);
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), 2 * S);
    play(from_to(1, 2, TCP_ACK, 1051, 6001, 50), 2 * S);
    play(from_to(2, 1, TCP_ACK, 6000, 1001, 0), 2 * S + MS);
    play(from_to(2, 1, TCP_ACK, 6001, 1101, 0), 2 * S + 5 * MS);
    assert_false(look(2, 1).any);
    assert_int_equal(stats_of(1, 2)->last_ns, 5 * MS);
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_COVERED], 1);
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_AMBIGUOUS], 0);
    netset_free(own);
}

static void vlans_are_flows_of_their_own(void **state)
{
    struct shot tagged = from_to(1, 2, TCP_ACK, 1001, 6001, 50);

    (void)state;
    play(tagged, S);
    tagged.vlan[0] = 0x2007; /* priority bits are no part of the ID */
    play(tagged, S);
    tagged.vlan[0] = 7;
    play(tagged, S);
    tagged.vlan[1] = 8;
    play(tagged, S);
    assert_int_equal(counters()->flows, 3);
    assert_int_equal(stats_of(1, 2)->flows, 3);
    assert_int_equal(stats_of(1, 2)->retransmits, 1);
}

static void instances_do_not_mix(void **state)
{
    struct netset *own = set_of("10.0.0.1", NULL);
    const struct meter_instance second = { .local_own = own };
    const struct shot data = from_to(1, 2, TCP_ACK, 1001, 6001, 50);
    const int other = meter_instance_add(meter, &second);

    (void)state;
    assert_int_equal(other, 1);
    feed(&data, BIT(0) | BIT(1) | BIT(17), S);
    check_balance();
    assert_int_equal(meter_counters(meter, 0)->open_peers, 2);
    assert_int_equal(meter_counters(meter, 1)->open_peers, 1);
    assert_int_equal(meter_counters(meter, 17)->packets, 0);
    assert_int_equal(meter_pending(meter, 1), 1);
    meter_finish(meter, BIT(1));
    check_balance();
    assert_int_equal(meter_pending(meter, 0), 1);
    assert_int_equal(meter_pending(meter, 1), 0);
    meter_instance_remove(meter, 1);
    check_balance();
    assert_int_equal(meter_row_count(meter), 2);
    feed(&data, BIT(1), S);
    assert_int_equal(meter_counters(meter, 1)->packets, 0);
    assert_int_equal(meter_instance_add(meter, &second), 1);
    assert_int_equal(meter_counters(meter, -1)->packets, 0);
    assert_int_equal(meter_pending(meter, METER_MAX_INSTANCES), 0);
    netset_free(own);
}

/* From its beginning: rows that are others, counters at 0; whoever else is there keeps all of his. */
static void an_instance_is_cleared(void **state)
{
    const struct meter_instance both = { .both_sides = true };
    uint64_t births;

    (void)state;
    assert_int_equal(meter_instance_add(meter, &both), 1);
    open_connection(1, 2, 1000, S);
    number = 1;
    open_connection(1, 2, 1000, S);
    births = meter_births(meter);
    meter_instance_clear(meter, 1);
    check_balance();
    assert_int_equal(meter_row_count(meter), 2); /* the other instance's */
    assert_int_equal(meter_counters(meter, 1)->packets, 0);
    assert_int_equal(meter_counters(meter, 1)->open_peers, 0);
    assert_int_equal(meter_pending(meter, 1), 0);
    assert_int_not_equal(meter_counters(meter, 0)->packets, 0);
    open_connection(1, 2, 1000, 2 * S);
    check_balance();
    assert_int_equal(stats_of(1, 2)->samples, 1);
    assert_true(meter_births(meter) > births);
    meter_instance_clear(meter, 2); /* there is none */
    number = 0;
}

static void there_are_64_instances(void **state)
{
    const struct meter_instance instance = { .both_sides = true };

    (void)state;
    for (int n = 1; n < METER_MAX_INSTANCES; n++) {
        assert_int_equal(meter_instance_add(meter, &instance), n);
    }
    assert_int_equal(meter_instance_add(meter, &instance), -1);
    number = METER_MAX_INSTANCES - 1;
    open_connection(1, 2, 1000, S);
    assert_int_equal(stats_of(1, 2)->samples, 1);
}

static void a_change_ends_only_what_is_no_longer_wanted(void **state)
{
    struct netset *wanted = set_of("10.0.0.2", "10.0.0.1");

    (void)state;
    open_connection(1, 2, 1000, S);
    open_connection(1, 3, 1000, S);
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), 2 * S);
    play(from_to(1, 3, TCP_ACK, 1001, 6001, 50), 2 * S);
    change(&(struct meter_instance){ .both_sides = true, .whitelist = wanted });
    check_balance();
    assert_int_equal(counters()->open_flows, 1);
    assert_false(look(1, 3).any); /* what is not measured any more is not shown any more */
    play(from_to(2, 1, TCP_ACK, 6001, 1051, 0), 2 * S + 5 * MS);
    assert_int_equal(stats_of(1, 2)->last_ns, 5 * MS);
    change(&(struct meter_instance){ .both_sides = true, .whitelist = wanted, .group = METER_GROUP_PEER_PORT });
    assert_int_equal(counters()->open_flows, 0);
    netset_free(wanted);
}

static void a_clock_step_ends_what_is_pending(void **state)
{
    (void)state;
    open_connection(1, 2, 1000, S);
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), 2 * S);
    meter_clock_step(meter);
    check_balance();
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_CLOCK], 1);
    play(from_to(2, 1, TCP_ACK, 6001, 1051, 0), 2 * S + 5 * MS);
    assert_int_equal(stats_of(1, 2)->samples, 1);
    play(from_to(1, 2, TCP_ACK, 1051, 6001, 50), 3 * S); /* the flow goes on */
    play(from_to(2, 1, TCP_ACK, 6001, 1101, 0), 3 * S + 5 * MS);
    assert_int_equal(stats_of(1, 2)->last_ns, 5 * MS);
    assert_int_equal(counters()->flows, 1);
}

static void the_end_of_a_capture_keeps_rows(void **state)
{
    (void)state;
    open_connection(1, 2, 1000, S);
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), 2 * S);
    meter_finish(meter, BIT(number));
    check_balance();
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_UNACKED], 1);
    assert_int_equal(meter_pending(meter, number), 0);
    assert_int_equal(counters()->open_flows, 0);
    play(from_to(2, 1, TCP_ACK, 6001, 1051, 0), 2 * S + 5 * MS);
    assert_int_equal(counters()->flows, 2);
    assert_int_equal(stats_of(1, 2)->samples, 1);
}

/* What was sent before a pause and what happens after it have nothing to do with each other: no round trip over the pause, and
 * what comes again after it is not called sent again. */
static void after_a_pause_a_flow_is_picked_up_in_the_middle(void **state)
{
    (void)state;
    open_connection(1, 2, 1000, S);
    play(from_to(1, 2, TCP_ACK, 1001, 6001, 50), 2 * S);
    play(from_to(1, 2, TCP_ACK, 1051, 6001, 50), 2 * S + MS);
    meter_finish(meter, BIT(number));
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_UNACKED], 2);
    assert_int_equal(meter_pending(meter, number), 0);
    play(from_to(2, 1, TCP_ACK, 6001, 1051, 0), 60 * S);           /* of what was sent before */
    play(from_to(1, 2, TCP_ACK, 1051, 6001, 50), 60 * S + 5 * MS); /* sent before as well */
    play(from_to(2, 1, TCP_ACK, 6001, 1101, 0), 60 * S + 8 * MS);
    assert_int_equal(stats_of(1, 2)->samples, 2); /* the handshake's and this one's */
    assert_int_equal(stats_of(1, 2)->last_ns, 3 * MS);
    assert_int_equal(stats_of(1, 2)->max_ns, 10 * MS);
    assert_int_equal(stats_of(1, 2)->retransmits, 0);
    assert_int_equal(counters()->flows, 2);
    check_histograms();
}

/* Only what is asked for: the other instance's flows and what is in flight there go on. */
static void the_pause_of_one_is_not_the_others(void **state)
{
    const struct meter_instance instance = { .both_sides = true };
    const int other = meter_instance_add(meter, &instance);
    struct shot data = from_to(1, 2, TCP_ACK, 1001, 6001, 50), answer = from_to(2, 1, TCP_ACK, 6001, 1051, 0);

    (void)state;
    data.ip_id = 1;
    answer.ip_id = 2;
    feed(&data, BIT(number) | BIT(other), S);
    meter_finish(meter, BIT(number));
    feed(&answer, BIT(other), S + 5 * MS);
    check_balance();
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_UNACKED], 1);
    assert_int_equal(stats_of(1, 2)->samples, 0);
    assert_int_equal(counters()->packets, 1);
    number = other;
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_UNACKED], 0);
    assert_int_equal(stats_of(1, 2)->samples, 1);
    assert_int_equal(counters()->packets, 2);
}

/* Else a long pause would take them away, and each window begin with none. */
static void rows_outlive_the_pauses(void **state)
{
    const struct meter_instance always = { .both_sides = true }, at_times = { .both_sides = true, .pause_s = 5000 };

    (void)state;
    meter_instance_change(meter, number, &at_times);
    assert_int_equal(meter_instance_add(meter, &always), 1);
    open_connection(1, 2, 1000, S);
    number = 1;
    open_connection(1, 2, 1000, S);
    meter_finish(meter, BIT(0) | BIT(1));
    for (uint32_t now_s = 1; now_s < 1 + IDLE_S; now_s++) {
        meter_expire(meter, now_s);
        assert_int_equal(meter_row_count(meter), 4);
    }
    for (uint32_t now_s = 1 + IDLE_S; now_s < 1 + IDLE_S + 5000; now_s++) {
        meter_expire(meter, now_s);
        assert_int_equal(meter_row_count(meter), 2);
    }
    number = 0;
    assert_int_equal(stats_of(1, 2)->samples, 1);
    meter_expire(meter, 1 + IDLE_S + 5000);
    assert_int_equal(meter_row_count(meter), 0);
    check_balance();
}

/* --- properties --- */

#define SHOTS 4000

/* Both ends of a connection between hosts 1 and 2, with loss, repetition and holes as they come. */
static void make_traffic(struct shot shots[static SHOTS], int64_t times[static SHOTS])
{
    uint32_t next[2] = { 1000, 800000 };
    uint32_t acked[2] = { 1000, 800000 };
    int64_t time_ns = S;

    random_state = 4711;
    for (size_t n = 0; n < SHOTS; n++) {
        const unsigned side = draw(2);
        struct shot *shot = &shots[n];
        *shot = side == 0 ? from_to(1, 2, TCP_ACK, 0, 0, 0) : from_to(2, 1, TCP_ACK, 0, 0, 0);
        shot->length = draw(3) == 0 ? 0 : 1 + draw(1400);
        shot->seq = draw(15) == 0 ? next[side] - draw(1500) : next[side];
        const uint32_t waiting = next[1 - side] - acked[1 - side];
        acked[1 - side] += draw(4) == 0 ? 0 : draw(3) == 0 ? draw(waiting + 1) : waiting;
        shot->ack = acked[1 - side];
        shot->window = (uint16_t)(500 + draw(2));
        shot->ip_id = (uint16_t)(n + 1);
        shot->ts_val = draw(2) == 0 ? 0 : (uint32_t)(time_ns / MS);
        shot->ts_ecr = (uint32_t)(time_ns / MS) - draw(3);
        if (draw(20) == 0) {
            shot->sack[0] = shot->ack + draw(3000);
            shot->sack[1] = shot->sack[0] + 1 + draw(1000);
        }
        if (shot->seq + shot->length - next[side] < UINT32_MAX / 2) {
            next[side] = shot->seq + shot->length;
        }
        time_ns += draw(5) * MS;
        times[n] = time_ns;
    }
}

struct variant {
    uint32_t shift[2]; /* added to the sequence numbers of hosts 1 and 2 */
    uint16_t vlan[2];
    bool crowd; /* other flows in between */
};

static void play_traffic(const struct variant *variant, struct kept_stats out[static 2])
{
    static struct shot shots[SHOTS];
    static int64_t times[SHOTS];

    make_traffic(shots, times);
    for (size_t n = 0; n < SHOTS; n++) {
        struct shot shot = shots[n];
        const unsigned side = shot.from - 1U;
        shot.seq += variant->shift[side];
        shot.ack += variant->shift[1 - side];
        shot.sack[0] += shot.sack[1] != 0 ? variant->shift[1 - side] : 0;
        shot.sack[1] += shot.sack[1] != 0 ? variant->shift[1 - side] : 0;
        memcpy(shot.vlan, variant->vlan, sizeof shot.vlan);
        feed(&shot, BIT(number), times[n]);
        for (uint32_t k = 0; variant->crowd && k < 3; k++) {
            struct shot stranger = from_to((uint8_t)(3 + draw(2)), 5, TCP_ACK, draw(5000), draw(5000), draw(100));
            stranger.sport = (uint16_t)(1 + draw(10));
            feed(&stranger, BIT(number), times[n]);
        }
    }
    check_balance();
    keep_stats(&out[0], stats_of(1, 2));
    keep_stats(&out[1], stats_of(2, 1));
}

static void what_does_not_matter_changes_no_number(void **state)
{
    static const struct variant variants[] = {
        { .shift = { 0xfffffc18U, 0 } },
        { .shift = { 0x7ffff000U, 0xfff00000U } },
        { .vlan = { 100, 0 } },
        { .vlan = { 100, 200 } },
        { .crowd = true },
    };
    static struct kept_stats plain[2], other[2];

    play_traffic(&(struct variant){ .crowd = false }, plain);
    assert_true(plain[0].stats.samples > 200 && plain[1].stats.samples > 200);
    for (size_t n = 0; n < SKIP_REASON_COUNT; n++) {
        assert_true(n == SKIP_OVERFLOW || n == SKIP_CLOCK || n == SKIP_UNACKED || plain[0].stats.skipped[n] > 10);
    }
    for (size_t n = 0; n < sizeof variants / sizeof variants[0]; n++) {
        tear_down(state);
        set_up(state);
        play_traffic(&variants[n], other);
        assert_memory_equal(plain, other, sizeof plain);
    }
}

/* Anything at all: the counters add up after each frame, whatever was said before. */
static void spoil(struct frame *frame)
{
    if (draw(6) == 0) {
        frame->bytes[draw((uint32_t)frame->size)] = (uint8_t)draw(256);
    }
    if (draw(30) == 0) {
        frame->size = draw((uint32_t)frame->size + 1);
    }
}

static struct shot any_shot(uint32_t base)
{
    static const uint8_t all_flags[] = {
        TCP_ACK,           TCP_ACK, TCP_ACK, TCP_ACK | TCP_PSH, TCP_SYN, TCP_SYN | TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST,
        TCP_RST | TCP_ACK, 0,       0xff
    };
    struct shot shot = from_to((uint8_t)(1 + draw(3)), (uint8_t)(1 + draw(3)), TCP_ACK, base + draw(4) * 10, base + draw(6) * 10,
                               draw(3) == 0 ? 0 : draw(3) * 10);

    shot.family = draw(8) == 0 ? V6 : V4;
    shot.flags = all_flags[draw(draw(20) == 0 ? sizeof all_flags : 4)];
    shot.sport = (uint16_t)(shot.sport + (draw(20) == 0 ? draw(3) : 0));
    shot.dport = (uint16_t)(shot.dport + (draw(20) == 0 ? draw(3) : 0));
    shot.vlan[0] = (uint16_t)(draw(10) == 0 ? draw(4) : 0);
    shot.ip_id = (uint16_t)draw(1000);
    shot.ts_val = draw(4);
    shot.ts_ecr = draw(4);
    shot.sack[1] = draw(20) == 0 ? base + draw(200) : 0;
    shot.sack[0] = shot.sack[1] - 10;
    if (draw(200) == 0) {
        shot.seq = draw(UINT32_MAX);
    }
    return shot;
}

static void something_else(uint32_t *now_s, const struct meter_instance specs[static 3])
{
    switch (draw(8)) {
    case 0:
        *now_s += draw(400);
        meter_expire(meter, *now_s);
        break;
    case 1:
        meter_clock_step(meter);
        break;
    case 2:
        meter_finish(meter, draw(4));
        break;
    case 3:
        meter_instance_remove(meter, (int)draw(3));
        break;
    case 4:
        meter_instance_add(meter, &specs[draw(3)]);
        break;
    case 6:
        meter_instance_clear(meter, (int)draw(3));
        break;
    case 5:
        meter_instance_change(meter, (int)draw(3), &specs[draw(3)]);
        break;
    default:
        *now_s += draw(3);
        break;
    }
}

/* patience: of so many frames one is not left to wait for others. */
static void play_anything(uint32_t patience)
{
    struct netset *own = set_of("10.0.0.1", "2001:db8::2");
    struct netset *wanted = set_of("10.0.0.0/30", "2001:db8::/64");
    const struct meter_instance specs[3] = {
        { .both_sides = true },
        { .local_own = own, .local_nets = wanted, .group = METER_GROUP_PEER_PORT },
        { .both_sides = true, .whitelist = wanted, .group = METER_GROUP_SUBNET, .subnet_bits_v4 = 31, .subnet_bits_v6 = 127 },
    };
    uint32_t now_s = 1;

    random_state = 20151019;
    for (uint32_t n = 0; n < 60000; n++) {
        const struct shot shot = any_shot(1000 + n / 30 * 10);
        struct frame frame = render(&shot);
        const int64_t time_ns = draw(100) == 0 ? (int64_t)((uint64_t)draw(UINT32_MAX) << 32 | draw(UINT32_MAX)) : n * MS;
        spoil(&frame);
        const struct captured_frame handed = captured(&frame, shot.length, time_ns);
        meter_frame(meter, draw(16), &handed, now_s);
        if (draw(400) == 0) {
            something_else(&now_s, specs);
        }
        if (draw(patience) == 0) {
            check_balance();
        }
        if (draw(1000) == 0) {
            check_histograms();
        }
    }
    check_balance();
    check_histograms();
    assert_true(samples_seen > 200);
    netset_free(own);
    netset_free(wanted);
}

static void counters_add_up_for_any_input(void **state)
{
    (void)state;
    play_anything(1);
}

static void counters_add_up_where_frames_wait(void **state)
{
    (void)state;
    play_anything(50);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(connection_gives_a_row_each_way),
        CASE(ipv6_is_measured_alike),
        CASE(sample_is_handed_over),
        CASE(jitter_is_between_samples_of_a_flow),
        CASE(what_is_not_tcp_is_counted_by_name),
        CASE(the_interfaces_own_address_comes_first),
        CASE(both_own_addresses_are_measured_both),
        CASE(neither_side_is_not_ours),
        CASE(whitelist_is_about_the_peer),
        CASE(each_direction_has_its_own_peer),
        CASE(a_flow_goes_where_its_peers_name_goes),
        CASE(all_are_measured_and_some_share_a_row),
        CASE(a_reset_opens_no_flow),
        CASE(over_max_flows_is_counted),
        CASE(at_max_flows_one_that_ended_gives_way),
        CASE(another_isn_is_a_new_flow),
        CASE(the_same_isn_is_a_retransmission),
        CASE(a_syn_on_a_flow_picked_up_in_the_middle),
        CASE(a_peers_late_ack_before_our_syn_does_not_spoil_it),
        CASE(another_answer_to_the_same_syn_is_no_new_flow),
        CASE(a_peers_syn_that_is_not_accepted_changes_nothing),
        CASE(a_peers_syn_that_is_accepted_begins_anew),
        CASE(simultaneous_open),
        CASE(simultaneous_open_of_the_next_connection),
        CASE(the_next_connection_lives_as_long_as_the_first),
        CASE(a_refused_connection_is_a_handshake),
        CASE(a_reset_ends_what_is_pending),
        CASE(a_reset_outside_the_window_changes_nothing),
        CASE(a_reset_behind_a_long_download_is_believed),
        CASE(a_probe_behind_a_long_download_is_no_duplicate_ack),
        CASE(fin_from_both_sides_ends_a_flow),
        CASE(an_idle_flow_leaves),
        CASE(a_frame_alone_moves_the_time),
        CASE(an_idle_row_leaves_and_is_born_anew),
        CASE(a_row_outlives_its_idle_flows),
        CASE(a_row_outlives_its_ended_flows),
        CASE(kept_rows_never_leave),
        CASE(a_row_keeps_its_place),
        CASE(over_max_peers_is_counted_in_other),
        CASE(rows_by_peer_port),
        CASE(rows_by_subnet),
        CASE(a_packet_captured_twice_is_ignored),
        CASE(copies_that_come_a_burst_later_are_ignored),
        CASE(a_constant_ip_id_hides_no_retransmission),
        CASE(duplicate_acks_within_a_tick_are_no_copies),
        CASE(a_fast_retransmission_within_a_tick_is_no_copy),
        CASE(a_retransmission_after_any_number_of_duplicate_acks_is_no_copy),
        CASE(what_another_has_captured_has_its_copies_still),
        CASE(a_peers_keep_alive_is_no_duplicate_ack),
        CASE(vlans_are_flows_of_their_own),
        CASE(instances_do_not_mix),
        CASE(an_instance_is_cleared),
        CASE(there_are_64_instances),
        CASE(a_change_ends_only_what_is_no_longer_wanted),
        CASE(a_clock_step_ends_what_is_pending),
        CASE(the_end_of_a_capture_keeps_rows),
        CASE(after_a_pause_a_flow_is_picked_up_in_the_middle),
        CASE(the_pause_of_one_is_not_the_others),
        CASE(rows_outlive_the_pauses),
        CASE(what_does_not_matter_changes_no_number),
        CASE(counters_add_up_for_any_input),
        CASE(counters_add_up_where_frames_wait),
    };

    return cmocka_run_group_tests_name("meter", tests, NULL, NULL);
}
