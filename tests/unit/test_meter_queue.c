/* test_meter_queue.c: frames that wait for others change nothing but the moment: not their order, not their time, not a number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "frame_fixture.h"
#include "meter.h"
#include "meter_state.h"
#include "peer_fixture.h"
#include "random_fixture.h"

#define IDLE_S 300
#define EXP_S 60
#define MANY_FLOWS 20000U
#define BIT(number) (UINT64_C(1) << (number))

static const struct meter_instance both_sides = { .both_sides = true };

static struct meter *meter;
static int number;
static uint16_t next_ip_id;

static struct meter *make(const struct meter_options *options)
{
    struct meter *made = meter_new(options);

    assert_non_null(made);
    return made;
}

static int set_up(void **state)
{
    const struct meter_options options = { .max_flows = MANY_FLOWS,
                                           .max_peers = 1000,
                                           .idle_ttl_s = IDLE_S,
                                           .row_ttl_s = 10 * IDLE_S,
                                           .exp_ttl_s = EXP_S,
                                           .hash_seed = { 1, 2 } };

    (void)state;
    meter = make(&options);
    number = meter_instance_add(meter, &both_sides);
    next_ip_id = 1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    meter_free(meter);
    return 0;
}

/* The frame's bytes are gone when it is taken. */
static void feed_to(struct meter *to, const struct shot *shot, uint64_t instances, int64_t time_ns)
{
    struct frame frame = render(shot);
    const struct captured_frame handed = captured(&frame, shot->length, time_ns);

    meter_frame(to, instances, &handed, (uint32_t)(time_ns / S));
    memset(&frame, 0xee, sizeof frame);
}

static void feed_all(struct shot shot, uint64_t instances, int64_t time_ns)
{
    shot.ip_id = next_ip_id++;
    feed_to(meter, &shot, instances, time_ns);
}

static void feed(struct shot shot, int64_t time_ns)
{
    feed_all(shot, BIT(number), time_ns);
}

static const struct meter_counters *counters(void)
{
    return meter_counters(meter, number);
}

struct wanted_row {
    uint8_t local, peer;
    int instance;
    const struct peer_stats *stats;
};

static void match_row(const struct meter_row *row, void *arg)
{
    struct wanted_row *wanted = arg;

    if (!row->other && row->instance == wanted->instance && row->local.bytes[15] == wanted->local
        && row->peer.bytes[15] == wanted->peer) {
        assert_null(wanted->stats);
        wanted->stats = row->stats;
    }
}

/* Of an instance, as it stands without asking for what waits. */
static const struct peer_stats *stats_in(int instance, uint8_t local, uint8_t peer)
{
    struct wanted_row wanted = { .local = local, .peer = peer, .instance = instance };

    meter_each_row(meter, match_row, &wanted);
    assert_non_null(wanted.stats);
    return wanted.stats;
}

static const struct peer_stats *stats_of(uint8_t local, uint8_t peer)
{
    return stats_in(number, local, peer);
}

static void feed_data(int64_t time_ns)
{
    feed(from_to(1, 2, TCP_ACK, 1001, 6001, 50), time_ns);
}

static void feed_round_trip(int64_t time_ns, int64_t rtt_ns)
{
    feed_data(time_ns);
    feed(from_to(2, 1, TCP_ACK, 6001, 1051, 0), time_ns + rtt_ns);
}

/* --- what takes the frames that wait --- */

static void frames_wait_until_they_are_asked_for(void **state)
{
    (void)state;
    feed_round_trip(S, 7 * MS);
    assert_int_equal(counters()->packets, 0);
    assert_int_equal(meter_row_count(meter), 0);
    meter_flush(meter);
    assert_int_equal(counters()->packets, 2);
    assert_int_equal(counters()->tcp, 2);
    assert_int_equal(stats_of(1, 2)->last_ns, 7 * MS);
    meter_flush(meter);
    assert_int_equal(counters()->packets, 2);
}

static void a_full_queue_is_taken(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 3 * METER_QUEUE; n++) {
        feed(from_to(1, 2, TCP_ACK, 1001 + 50 * n, 6001, 50), S + n * MS);
        assert_int_equal(counters()->packets, (n + 1) / METER_QUEUE * METER_QUEUE);
    }
    assert_int_equal(meter_pending(meter, number), 3 * METER_QUEUE);
}

static void expiry_takes_them_at_their_own_time(void **state)
{
    (void)state;
    feed_round_trip(S, 7 * MS);
    meter_expire(meter, 1 + IDLE_S - 1);
    assert_int_equal(counters()->packets, 2);
    assert_int_equal(counters()->open_flows, 1);
    assert_int_equal(stats_of(1, 2)->samples, 1);
    meter_expire(meter, 1 + IDLE_S); /* from when they came, not from when they were taken */
    assert_int_equal(counters()->open_flows, 0);
}

static void a_later_frame_takes_them_at_their_own_time(void **state)
{
    (void)state;
    feed_data(S);
    feed(from_to(2, 1, TCP_ACK, 6001, 1051, 0), (1 + IDLE_S) * S); /* of a flow that is new by now */
    assert_int_equal(counters()->packets, 1);
    meter_flush(meter);
    assert_int_equal(counters()->flows, 2);
    assert_int_equal(counters()->open_flows, 1);
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_UNACKED], 1);
    assert_int_equal(stats_of(1, 2)->samples, 0);
}

static void the_end_of_a_capture_takes_them(void **state)
{
    (void)state;
    feed_round_trip(S, 7 * MS);
    feed(from_to(1, 2, TCP_ACK, 1051, 6001, 50), S + 8 * MS);
    meter_finish(meter, BIT(number));
    assert_int_equal(counters()->packets, 3);
    assert_int_equal(counters()->open_flows, 0);
    assert_int_equal(meter_pending(meter, number), 0);
    assert_int_equal(stats_of(1, 2)->samples, 1);
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_UNACKED], 1);
    meter_flush(meter);
    assert_int_equal(counters()->flows, 1);
}

static void a_clock_step_takes_them(void **state)
{
    (void)state;
    feed_data(S);
    meter_clock_step(meter);
    assert_int_equal(stats_of(1, 2)->skipped[SKIP_CLOCK], 1);
    feed(from_to(2, 1, TCP_ACK, 6001, 1051, 0), S + 7 * MS);
    meter_flush(meter);
    assert_int_equal(stats_of(1, 2)->samples, 0);
}

static struct netset *set_of(const char *text)
{
    struct netset *set = netset_new();
    struct ip_prefix prefix = { .bits = 0 };

    assert_non_null(set);
    assert_true(prefix_parse(text, &prefix, NULL));
    assert_int_equal(netset_add(set, &prefix, 1), 0);
    return set;
}

/* They came when everybody was wanted. */
static void a_change_takes_them_first(void **state)
{
    struct netset *wanted = set_of("10.0.0.9");

    (void)state;
    feed_round_trip(S, 7 * MS);
    meter_instance_change(meter, number, &(struct meter_instance){ .both_sides = true, .whitelist = wanted });
    assert_int_equal(counters()->tcp, 2);
    assert_int_equal(counters()->flows, 1);
    assert_int_equal(counters()->ignored[PACKET_UNWANTED], 0);
    assert_int_equal(counters()->open_flows, 0);
    feed_data(2 * S);
    meter_flush(meter);
    assert_int_equal(counters()->ignored[PACKET_UNWANTED], 1);
    netset_free(wanted);
}

static void removing_an_instance_takes_them_first(void **state)
{
    const int other = meter_instance_add(meter, &both_sides);
    const struct shot data = from_to(1, 2, TCP_ACK, 1001, 6001, 50);

    (void)state;
    feed_all(data, BIT(number) | BIT(other), S);
    feed_all(data, BIT(other), S + 300 * MS);
    meter_instance_remove(meter, other);
    assert_int_equal(counters()->packets, 1);
    assert_int_equal(meter_pending(meter, number), 1);
    assert_int_equal(meter_counters(meter, other)->packets, 0);
    assert_int_equal(meter_instance_add(meter, &both_sides), other);
    meter_flush(meter);
    assert_int_equal(meter_counters(meter, other)->packets, 0); /* nothing of before is left */
    assert_int_equal(meter_row_count(meter), 2);
}

/* An instance that is not there yet does not get what waits. */
static void a_new_instance_sees_what_comes_after(void **state)
{
    (void)state;
    feed_all(from_to(1, 2, TCP_ACK, 1001, 6001, 50), BIT(0) | BIT(1), S);
    assert_int_equal(meter_instance_add(meter, &both_sides), 1);
    feed_all(from_to(1, 2, TCP_ACK, 1051, 6001, 50), BIT(0) | BIT(1), S);
    meter_flush(meter);
    assert_int_equal(meter_counters(meter, 0)->packets, 2);
    assert_int_equal(meter_counters(meter, 1)->packets, 1);
}

static void what_is_ignored_leaves_no_place_used(void **state)
{
    static const uint8_t arp[64] = { [12] = 0x08, [13] = 0x06 };
    const struct captured_frame frame = { .bytes = arp, .caplen = sizeof arp, .wirelen = sizeof arp, .linktype = DLT_EN10MB };

    (void)state;
    feed_data(0);
    meter_frame(meter, BIT(number), &frame, 0);
    meter_ignore(meter, BIT(number), PACKET_CLOCK_STEP);
    feed(from_to(2, 1, TCP_ACK, 6001, 1051, 0), 7 * MS);
    meter_flush(meter);
    assert_int_equal(counters()->packets, 4);
    assert_int_equal(counters()->tcp, 2);
    assert_int_equal(counters()->ignored[PACKET_NOT_IP], 1);
    assert_int_equal(counters()->ignored[PACKET_CLOCK_STEP], 1);
    assert_int_equal(stats_of(1, 2)->last_ns, 7 * MS);
}

static void frames_for_nobody_leave_no_place_used(void **state)
{
    const struct shot data = from_to(1, 2, TCP_ACK, 1001, 6001, 50);

    (void)state;
    for (unsigned n = 0; n < 2 * METER_QUEUE; n++) {
        feed_all(data, 0, S);
        feed_all(data, BIT(17) | BIT(63), S); /* no such instances */
    }
    feed_data(S);
    meter_flush(meter);
    assert_int_equal(counters()->packets, 1);
    assert_int_equal(meter_row_count(meter), 2);
}

/* --- several instances on one frame --- */

/* Their segments lie behind one another, around the queue's end too. Each row must be of the hosts that talked. */
static void check_instances(uint64_t instances, unsigned wait_before)
{
    for (unsigned n = 0; n < wait_before; n++) {
        feed_all(from_to(3, 4, TCP_ACK, 1001 + 50 * n, 6001, 50), BIT(0), S);
    }
    feed_all(from_to(1, 2, TCP_ACK, 1001, 6001, 50), instances, S + MS);
    feed_all(from_to(2, 1, TCP_ACK, 6001, 1051, 0), instances, S + 8 * MS);
    meter_flush(meter);
    for (int n = 0; n < METER_MAX_INSTANCES; n++) {
        const bool any = instances >> n & 1;
        assert_int_equal(meter_counters(meter, n)->packets, (any ? 2 : 0) + (n == 0 ? wait_before : 0));
        assert_int_equal(meter_pending(meter, n), n == 0 ? wait_before : 0);
        assert_int_equal(meter_counters(meter, n)->flows, (any ? 1 : 0) + (n == 0 && wait_before > 0 ? 1 : 0));
        if (any) {
            assert_int_equal(stats_in(n, 1, 2)->last_ns, 7 * MS);
            assert_int_equal(stats_in(n, 1, 2)->timed, 1);
        }
    }
}

static void each_instance_gets_its_own(void **state)
{
    static const uint64_t sets[] = {
        BIT(0) | BIT(1), BIT(63), BIT(1) | BIT(2) | BIT(63), UINT64_MAX >> 33, UINT64_MAX >> 32, UINT64_MAX >> 31, UINT64_MAX,
    };

    for (size_t n = 0; n < sizeof sets / sizeof sets[0]; n++) {
        for (unsigned wait_before = 0; wait_before < METER_QUEUE; wait_before++) {
            tear_down(state);
            set_up(state);
            for (int k = 1; k < METER_MAX_INSTANCES; k++) {
                assert_int_equal(meter_instance_add(meter, &both_sides), k);
            }
            check_instances(sets[n], wait_before);
        }
    }
}

/* Some of the instances are not there: the others' segments are whole. */
static void gaps_among_the_instances(void **state)
{
    for (unsigned wait_before = 0; wait_before < METER_QUEUE; wait_before++) {
        tear_down(state);
        set_up(state);
        for (int k = 1; k < METER_MAX_INSTANCES; k++) {
            assert_int_equal(meter_instance_add(meter, &both_sides), k);
        }
        for (int k = 0; k < METER_MAX_INSTANCES; k += 3) {
            meter_instance_remove(meter, k);
        }
        for (unsigned n = 0; n < wait_before; n++) {
            feed_all(from_to(3, 4, TCP_ACK, 1001 + 50 * n, 6001, 50), BIT(1), S);
        }
        feed_all(from_to(1, 2, TCP_ACK, 1001, 6001, 50), UINT64_MAX, S);
        meter_flush(meter);
        for (int k = 0; k < METER_MAX_INSTANCES; k++) {
            const uint64_t own = k % 3 == 0 ? 0 : 1;
            assert_int_equal(meter_counters(meter, k)->packets, own + (k == 1 ? wait_before : 0));
            assert_true(own == 0 || stats_in(k, 1, 2)->timed == 1);
        }
    }
}

/* --- many flows --- */

#define HOSTS 40U
#define TALKS 3000U
#define EVENTS 60000U

struct log {
    struct meter_sample *samples;
    size_t count;
};

static void keep_sample(const struct meter_sample *sample, void *arg)
{
    struct log *log = arg;

    assert_true(log->count < EVENTS * 2);
    log->samples[log->count++] = *sample;
}

struct talk {
    uint32_t next[2];
    bool has_begun;
};

static struct talk talks[TALKS];

static struct shot shot_of(uint32_t n, unsigned side)
{
    const uint8_t host[2] = { (uint8_t)(1 + n % HOSTS), (uint8_t)(100 + n / HOSTS % HOSTS) };
    const uint16_t port[2] = { (uint16_t)(1000 + n), 80 };
    struct shot shot = from_to(host[side], host[1 - side], TCP_ACK, talks[n].next[side], talks[n].next[1 - side], 0);

    shot.family = n % 5 == 0 ? V6 : V4;
    shot.sport = port[side];
    shot.dport = port[1 - side];
    shot.vlan[0] = n % 7 == 0 ? 7 : 0;
    return shot;
}

/* Mostly data and its ACK; SYN and its answer, FIN, RST, something sent again, a hole. */
static struct shot any_shot(uint32_t n)
{
    const unsigned side = draw(2);
    struct talk *talk = &talks[n];

    if (!talk->has_begun || draw(40) == 0) {
        *talk = (struct talk){ .next = { draw(UINT32_MAX), draw(UINT32_MAX) }, .has_begun = true };
        struct shot syn = shot_of(n, side);
        syn.flags = TCP_SYN;
        talk->next[side]++;
        return syn;
    }
    struct shot shot = shot_of(n, side);
    const uint32_t what = draw(60);
    shot.length = draw(2) == 0 ? 0 : 1 + draw(1400);
    shot.flags = what == 0 ? TCP_RST : what == 1 ? TCP_FIN | TCP_ACK : what == 2 ? TCP_SYN | TCP_ACK : TCP_ACK;
    shot.seq -= what == 3 ? draw(1000) : 0;
    shot.ack -= what == 4 ? draw(1000) : 0;
    shot.sack[1] = what == 5 ? shot.ack + 1000 : 0;
    shot.sack[0] = shot.sack[1] - 500;
    talk->next[side] += what == 3 ? 0 : shot.length + (what == 1 ? 1 : 0);
    return shot;
}

/* How many frames may wait for how long. */
enum patience { NONE_WAITS, ALL_WAIT, SOME_WAIT };

static void play(struct meter *to, enum patience patience, uint32_t talk_count)
{
    const uint64_t sets[] = { 1, 3, 3, 2 };
    uint64_t flushes = 4711;
    int64_t time_ns = S;

    random_state = 20260101;
    memset(talks, 0, sizeof talks);
    for (uint32_t n = 0; n < EVENTS; n++) {
        struct shot shot = any_shot(draw(3) == 0 ? draw(16) : draw(talk_count)); /* some talk more than others */
        const uint64_t instances = sets[draw(4)];
        shot.ip_id = (uint16_t)(1 + draw(60000));
        time_ns += draw(300) == 0 ? S : draw(100000);
        feed_to(to, &shot, instances, time_ns);
        if (draw(30) == 0) {
            feed_to(to, &shot, instances, time_ns + draw(100000)); /* captured twice */
        }
        flushes = flushes * UINT64_C(6364136223846793005) + 1;
        if (patience == NONE_WAITS || (patience == SOME_WAIT && (flushes >> 33) % 11 == 0)) {
            meter_flush(to);
        }
    }
    meter_flush(to);
}

struct table {
    struct kept_stats *stats;
    struct meter_row *rows;
    size_t count;
};

static void keep_row(const struct meter_row *row, void *arg)
{
    struct table *table = arg;

    table->rows[table->count] = *row;
    table->rows[table->count].stats = NULL;
    keep_stats(&table->stats[table->count++], row->stats);
}

static struct table table_of(const struct meter *of)
{
    const size_t most = meter_row_count(of);
    struct table table = { calloc(most, sizeof *table.stats), calloc(most, sizeof *table.rows), 0 };

    assert_non_null(table.stats);
    assert_non_null(table.rows);
    meter_each_row(of, keep_row, &table);
    assert_int_equal(table.count, most);
    return table;
}

static void free_table(struct table *table)
{
    free(table->stats);
    free(table->rows);
}

static void compare_rows(const struct meter *a, const struct meter *b)
{
    struct table one = table_of(a), other = table_of(b);

    assert_int_equal(one.count, other.count);
    for (size_t n = 0; n < one.count; n++) {
        assert_int_equal(one.rows[n].instance, other.rows[n].instance);
        assert_int_equal(one.rows[n].other, other.rows[n].other);
        assert_true(address_equal(&one.rows[n].local, &other.rows[n].local));
        assert_true(address_equal(&one.rows[n].peer, &other.rows[n].peer));
        assert_int_equal(one.rows[n].birth, other.rows[n].birth);
        assert_int_equal(one.rows[n].birth_time_ns, other.rows[n].birth_time_ns);
        assert_int_equal(one.rows[n].last_sample_time_ns, other.rows[n].last_sample_time_ns);
        assert_int_equal(one.rows[n].last_sample_s, other.rows[n].last_sample_s);
        assert_memory_equal(&one.stats[n], &other.stats[n], sizeof one.stats[n]);
    }
    free_table(&one);
    free_table(&other);
}

static void compare_samples(const struct log *one, const struct log *other)
{
    assert_int_equal(one->count, other->count);
    for (size_t n = 0; n < one->count; n++) {
        const struct meter_sample *a = &one->samples[n], *b = &other->samples[n];
        assert_int_equal(a->time_ns, b->time_ns);
        assert_int_equal(a->rtt_ns, b->rtt_ns);
        assert_int_equal(a->end_seq, b->end_seq);
        assert_int_equal(a->sport, b->sport);
        assert_int_equal(a->dport, b->dport);
        assert_int_equal(a->handshake, b->handshake);
        assert_true(address_equal(&a->src, &b->src) && address_equal(&a->dst, &b->dst));
    }
}

static struct log new_log(void)
{
    struct log log = { calloc(EVENTS * 2, sizeof *log.samples), 0 };

    assert_non_null(log.samples);
    return log;
}

static struct meter *play_through(enum patience patience, uint32_t talk_count, uint32_t max_flows, struct log *log,
                                  const struct netset *own)
{
    const struct meter_options options = { .max_flows = max_flows,
                                           .max_peers = 3000,
                                           .idle_ttl_s = 100,
                                           .exp_ttl_s = 20,
                                           .hash_seed = { 1, 2 },
                                           .on_sample = keep_sample,
                                           .on_sample_arg = log };
    struct meter *made = make(&options);

    assert_int_equal(meter_instance_add(made, &both_sides), 0);
    assert_int_equal(meter_instance_add(made, &(struct meter_instance){ .local_own = own }), 1);
    play(made, patience, talk_count);
    return made;
}

/* Each flow is where its hash says, so that nobody walks past others to find it. */
static void check_places(const struct meter *of)
{
    for (uint32_t index = 0; index < of->flows.high; index++) {
        const struct flow *flow = flow_at(&of->flows, index);
        const struct flow_key *key = &flow->key;
        const struct tcp_segment segment = {
            .src = key->address[0], .dst = key->address[1], .sport = key->port[0], .dport = key->port[1]
        };
        unsigned side;
        if (flow->state & FLOW_OPEN) {
            const uint64_t hash = flow_hash(&of->flows, &segment, key->scope);
            assert_ptr_equal(flow_find(&of->flows, &segment, key->scope, hash, &side), flow);
        }
    }
}

static void compare_patience(uint32_t talk_count, uint32_t max_flows)
{
    struct netset *own = set_of("10.0.0.0/27");
    struct log none = new_log();
    struct meter *at_once = play_through(NONE_WAITS, talk_count, max_flows, &none, own);

    assert_true(none.count > 4000);
    for (unsigned patience = ALL_WAIT; patience <= SOME_WAIT; patience++) {
        struct log log = new_log();
        struct meter *later = play_through((enum patience)patience, talk_count, max_flows, &log, own);
        compare_samples(&none, &log);
        compare_rows(at_once, later);
        check_places(later);
        for (int n = 0; n < 2; n++) {
            assert_memory_equal(meter_counters(at_once, n), meter_counters(later, n), sizeof(struct meter_counters));
            assert_int_equal(meter_pending(at_once, n), meter_pending(later, n));
        }
        assert_int_equal(at_once->flows.open, later->flows.open);
        meter_free(later);
        free(log.samples);
    }
    assert_int_equal(at_once->flows.open > METER_FEW_FLOWS, talk_count > METER_FEW_FLOWS && max_flows > METER_FEW_FLOWS);
    meter_free(at_once);
    free(none.samples);
    netset_free(own);
}

static void many_flows_give_the_same_numbers(void **state)
{
    (void)state;
    compare_patience(TALKS, MANY_FLOWS);
}

static void few_flows_give_the_same_numbers(void **state)
{
    (void)state;
    compare_patience(30, MANY_FLOWS);
}

static void flows_at_their_limit_give_the_same_numbers(void **state)
{
    (void)state;
    compare_patience(TALKS, METER_FEW_FLOWS + 100);
}

/* So many that what is needed is asked for early, a link of the chain at a time. */
static void open_many_flows(void)
{
    for (uint32_t n = 0; n <= METER_FEW_FLOWS; n++) {
        struct shot shot = from_to(9, 10, TCP_ACK, 1, 1, 0);
        shot.sport = (uint16_t)(1 + n);
        feed(shot, 0);
    }
    meter_flush(meter);
    assert_true(meter->flows.open > METER_FEW_FLOWS);
}

/* The first segment opens it, and the others that wait beside it find it. */
static void a_flow_that_begins_in_the_queue(void **state)
{
    (void)state;
    open_many_flows();
    const uint64_t before = counters()->flows;
    feed(from_to(1, 2, TCP_SYN, 1000, 0, 0), MS);
    feed(from_to(2, 1, TCP_SYN | TCP_ACK, 6000, 1001, 0), 11 * MS);
    feed(from_to(1, 2, TCP_ACK, 1001, 6001, 0), 12 * MS);
    feed(from_to(1, 2, TCP_ACK, 1001, 6001, 50), 13 * MS);
    feed(from_to(2, 1, TCP_ACK, 6001, 1051, 0), 20 * MS);
    assert_int_equal(counters()->flows, before);
    meter_flush(meter);
    assert_int_equal(counters()->flows, before + 1);
    assert_int_equal(stats_of(1, 2)->samples, 2);
    assert_int_equal(stats_of(1, 2)->max_ns, 10 * MS);
    assert_int_equal(stats_of(1, 2)->min_ns, 7 * MS);
    assert_int_equal(stats_of(2, 1)->samples, 1);
    assert_int_equal(stats_of(2, 1)->last_ns, MS);
}

/* One ends and its tuple begins anew, all within a queue. */
static void a_flow_that_ends_and_begins_in_the_queue(void **state)
{
    (void)state;
    open_many_flows();
    feed(from_to(1, 2, TCP_SYN, 1000, 0, 0), MS);
    feed(from_to(2, 1, TCP_RST | TCP_ACK, 0, 1001, 0), 4 * MS);
    feed(from_to(1, 2, TCP_SYN, 50000, 0, 0), 10 * MS);
    feed(from_to(2, 1, TCP_SYN | TCP_ACK, 6000, 50001, 0), 15 * MS);
    meter_flush(meter);
    assert_int_equal(stats_of(1, 2)->flows, 2);
    assert_int_equal(stats_of(1, 2)->handshake_samples, 2);
    assert_int_equal(stats_of(1, 2)->last_ns, 5 * MS);
}

/* Found early and taken late: nothing that waits may have become another flow's record meanwhile. */
static void flows_leave_between_two_queues(void **state)
{
    (void)state;
    open_many_flows();
    feed_data(0);
    meter_flush(meter);
    feed(from_to(1, 2, TCP_ACK, 1051, 6001, 50), MS); /* known to the queue before its turn */
    meter_flush(meter);
    feed(from_to(2, 1, TCP_ACK, 6001, 1051, 0), (IDLE_S + 1) * S);
    meter_flush(meter);
    assert_int_equal(counters()->open_flows, 1);
    assert_int_equal(stats_of(1, 2)->samples, 0);
    open_many_flows();
    feed(from_to(1, 2, TCP_ACK, 1051, 6001, 50), (IDLE_S + 2) * S);
    feed(from_to(2, 1, TCP_ACK, 6001, 1101, 0), (IDLE_S + 2) * S + 3 * MS);
    meter_flush(meter);
    assert_int_equal(stats_of(1, 2)->last_ns, 3 * MS);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(frames_wait_until_they_are_asked_for),
        CASE(a_full_queue_is_taken),
        CASE(expiry_takes_them_at_their_own_time),
        CASE(a_later_frame_takes_them_at_their_own_time),
        CASE(the_end_of_a_capture_takes_them),
        CASE(a_clock_step_takes_them),
        CASE(a_change_takes_them_first),
        CASE(removing_an_instance_takes_them_first),
        CASE(a_new_instance_sees_what_comes_after),
        CASE(what_is_ignored_leaves_no_place_used),
        CASE(frames_for_nobody_leave_no_place_used),
        CASE(each_instance_gets_its_own),
        CASE(gaps_among_the_instances),
        CASE(many_flows_give_the_same_numbers),
        CASE(few_flows_give_the_same_numbers),
        CASE(flows_at_their_limit_give_the_same_numbers),
        CASE(a_flow_that_begins_in_the_queue),
        CASE(a_flow_that_ends_and_begins_in_the_queue),
        CASE(flows_leave_between_two_queues),
    };

    return cmocka_run_group_tests_name("meter_queue", tests, NULL, NULL);
}
