/* test_meter_contest.c: who has a row when there are more peers than rows, and that everything counted stays counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "frame_fixture.h"
#include "interval.h"
#include "meter_state.h"
#include "publication.h"
#include "random_fixture.h"
#include "sent_rows.h"

#define ROUND_S 5
#define IDLE_S 60
#define FOR_EVER_S 1000000
#define LOCAL UINT32_C(0x0a000001)
#define PEER(n) (UINT32_C(0x14000000) + (n))
#define FRAME_SRC 26 /* of an IPv4 address in a frame of Ethernet */
#define FRAME_DST 30

/* --- a meter, and the time --- */

static struct meter *meter;
static struct netset *own;
static int number;
static int64_t now_ns;
static uint16_t next_ip_id;

/* Who gave way, in turn, and the row that counts on. */
static struct departure {
    uint64_t birth, other;
} departures[4];
static size_t departure_count;
static struct sent_rows *sent; /* NULL: nobody sends */
/* All of them since a reader's last copy. */
static struct departure since_copy[4096];
static size_t since_copy_count;

static void note_departure(void *arg, uint64_t birth, uint64_t other_birth)
{
    assert_ptr_equal(arg, departures);
    if (departure_count < sizeof departures / sizeof departures[0])
        departures[departure_count] = (struct departure){ birth, other_birth };
    departure_count++;
    if (since_copy_count < sizeof since_copy / sizeof since_copy[0])
        since_copy[since_copy_count++] = (struct departure){ birth, other_birth };
    if (sent != NULL)
        sent_rows_hand_over(sent, birth, other_birth);
}

static struct meter *make(uint32_t max_peers, uint32_t row_ttl_s, bool keep_rows)
{
    const struct meter_options options = {
        .max_flows = 20000,
        .max_peers = max_peers,
        .idle_ttl_s = IDLE_S,
        .row_ttl_s = row_ttl_s,
        .exp_ttl_s = 60,
        .keep_rows = keep_rows,
        .hash_seed = { 3, 4 },
        .on_departure = note_departure,
        .on_departure_arg = departures,
    };
    struct meter *made = meter_new(&options);

    assert_non_null(made);
    return made;
}

static void set_up_for(uint32_t max_peers, uint32_t row_ttl_s, bool keep_rows)
{
    struct ip_prefix prefix;

    own = netset_new();
    assert_true(own != NULL && prefix_parse("10.0.0.1", &prefix, NULL));
    assert_int_equal(netset_add(own, &prefix, 0), 0);
    meter = make(max_peers, row_ttl_s, keep_rows);
    departure_count = 0;
    number = meter_instance_add(meter, &(struct meter_instance){ .local_own = own });
    now_ns = 1000 * S;
    meter_expire(meter, (uint32_t)(now_ns / S));
}

static void set_up(uint32_t max_peers)
{
    set_up_for(max_peers, IDLE_S, false);
}

static int tear_down(void **state)
{
    (void)state;
    meter_free(meter);
    netset_free(own);
    meter = NULL;
    own = NULL;
    return 0;
}

static void put_address(struct frame *frame, size_t at, uint32_t address)
{
    for (unsigned n = 0; n < 4; n++)
        frame->bytes[at + n] = (uint8_t)(address >> (24 - 8 * n));
}

static void give(struct meter *to, uint64_t instances, const struct shot *shot, uint32_t src, uint32_t dst)
{
    struct frame frame = render(shot);

    put_address(&frame, FRAME_SRC, src);
    put_address(&frame, FRAME_DST, dst);
    const struct captured_frame handed = captured(&frame, shot->length, now_ns);
    meter_frame(to, instances, &handed, (uint32_t)(now_ns / S));
}

/* --- traffic --- */

/* A connection of ours to a peer; all zero but for its ends: not open yet. */
struct talk {
    uint32_t peer;
    uint16_t port; /* ours */
    uint32_t seq, ack;
    bool open;
};

static struct shot shot_of(const struct talk *talk, bool outgoing, uint8_t flags, uint32_t length)
{
    return (struct shot){ .sport = outgoing ? talk->port : 80,
                          .dport = outgoing ? 80 : talk->port,
                          .seq = outgoing ? talk->seq : talk->ack,
                          .ack = outgoing ? talk->ack : talk->seq,
                          .flags = flags,
                          .length = length,
                          .window = 500,
                          .ip_id = ++next_ip_id };
}

static void send_shot(const struct talk *talk, bool outgoing, struct shot shot)
{
    give(meter, UINT64_C(1) << number, &shot, outgoing ? LOCAL : talk->peer, outgoing ? talk->peer : LOCAL);
    now_ns += MS / 100;
}

/* One round trip. */
static void exchange(struct talk *talk)
{
    struct shot shot;

    if (!talk->open) {
        *talk = (struct talk){ .peer = talk->peer, .port = talk->port, .seq = 1000, .open = true };
        shot = shot_of(talk, true, TCP_SYN, 0);
        shot.ack = 0;
        send_shot(talk, true, shot);
        talk->seq++;
        talk->ack = 5000;
        send_shot(talk, false, shot_of(talk, false, TCP_SYN | TCP_ACK, 0));
        talk->ack++;
        return;
    }
    send_shot(talk, true, shot_of(talk, true, TCP_ACK, 100));
    talk->seq += 100;
    send_shot(talk, false, shot_of(talk, false, TCP_ACK, 0));
}

static void exchange_times(struct talk *talk, unsigned times)
{
    while (times-- > 0)
        exchange(talk);
}

static struct talk talk_to(uint32_t n)
{
    return (struct talk){ .peer = PEER(n), .port = 4000 };
}

/* To the end of the round: the meter is asked once a second. */
static void pass_round(void)
{
    const int64_t end_ns = (now_ns / (ROUND_S * S) + 1) * ROUND_S * S;

    for (; now_ns < end_ns; now_ns = (now_ns / S + 1) * S)
        meter_expire(meter, (uint32_t)(now_ns / S));
    meter_expire(meter, (uint32_t)(now_ns / S));
}

/* --- rows --- */

struct wanted {
    uint32_t peer;
    struct meter_row found;
    bool any;
};

static void match(const struct meter_row *row, void *arg)
{
    struct wanted *wanted = arg;
    uint8_t bytes[4];

    for (unsigned n = 0; n < 4; n++)
        bytes[n] = (uint8_t)(wanted->peer >> (24 - 8 * n));
    if (wanted->peer == 0 ? row->other : !row->other && memcmp(row->peer.bytes + ADDRESS_V4_OFFSET, bytes, 4) == 0) {
        assert_false(wanted->any);
        wanted->found = *row;
        wanted->any = true;
    }
}

static struct wanted row_of(uint32_t n)
{
    struct wanted wanted = { .peer = PEER(n) };

    meter_flush(meter);
    meter_each_row(meter, match, &wanted);
    return wanted;
}

static struct meter_row other_row(void)
{
    struct wanted wanted = { .peer = 0 };

    meter_flush(meter);
    meter_each_row(meter, match, &wanted);
    assert_true(wanted.any);
    return wanted.found;
}

static const struct peer_stats *other(void)
{
    return other_row().stats;
}

static unsigned count_contenders(void)
{
    const struct contenders *contenders = &meter->contest.contenders;
    unsigned count = 0;

    for (uint32_t n = 0; n < contenders->sets * CONTENDER_WAYS; n++)
        count += contenders->of[n].score != 0;
    return count;
}

/* --- who gets a row --- */

static void a_busy_newcomer_takes_the_place_of_an_idle_row(void **state)
{
    struct talk busy = talk_to(1), idle = talk_to(2), newcomer = talk_to(3);

    (void)state;
    set_up(2);
    exchange(&busy);
    exchange_times(&idle, 2);
    exchange(&newcomer);
    const uint64_t busy_birth = row_of(1).found.birth, idle_birth = row_of(2).found.birth;
    for (unsigned round = 0; round < 2; round++) { /* one to know the rows by, one to compare in */
        assert_false(row_of(3).any);
        exchange_times(&busy, 20);
        exchange_times(&newcomer, 40);
        pass_round();
    }
    assert_false(row_of(2).any);
    assert_true(row_of(3).any);
    assert_int_equal(row_of(1).found.birth, busy_birth);
    assert_int_equal(row_of(3).found.first_birth, idle_birth);
    assert_true(row_of(3).found.birth > idle_birth);
    assert_true(row_of(3).found.birth_time_ns > 1000 * S && row_of(3).found.birth_time_ns <= now_ns);
    /* All that was before is in `other`, and nothing of it in the new row. */
    assert_int_equal(row_of(3).found.stats->samples, 0);
    assert_int_equal(row_of(3).found.stats->timed, 0);
    assert_int_equal(other()->samples, 2 + 81);
    assert_int_equal(other()->handshake_samples, 2);
    assert_int_equal(other()->flows, 2);
    assert_int_equal(other()->sum_ns, 0);
    assert_int_equal(meter_counters(meter, number)->open_peers, 2);
    assert_int_equal(meter_counters(meter, number)->refused_peers, 1);
    assert_int_equal(meter_counters(meter, number)->given.samples, 2);
    assert_int_equal(meter_counters(meter, number)->given.handshake_samples, 1);
    assert_int_equal(meter_counters(meter, number)->given.timed, 2);
    assert_int_equal(departure_count, 1);
    assert_int_equal(departures[0].birth, idle_birth);
    assert_int_equal(departures[0].other, other_row().birth);
    /* From here on it is the row of the flow that was there; the other's is in `other`. */
    exchange_times(&newcomer, 5);
    exchange_times(&idle, 7);
    assert_int_equal(row_of(3).found.stats->samples, 5);
    assert_int_equal(row_of(3).found.stats->flows, 0);
    assert_int_equal(other()->samples, 2 + 81 + 7);
}

/* It is counted on where it was counted, and not where the newcomer was. */
static void a_place_passes_to_another_instance(void **state)
{
    struct talk idle = talk_to(1), newcomer = talk_to(2);
    int first;

    (void)state;
    set_up(1);
    exchange(&idle);
    const uint64_t birth = row_of(1).found.birth;
    first = number;
    number = meter_instance_add(meter, &(struct meter_instance){ .local_own = own });
    for (unsigned round = 0; round < 2; round++) {
        exchange_times(&newcomer, 20);
        pass_round();
    }
    assert_true(row_of(2).any && row_of(2).found.instance == number);
    meter_instance_remove(meter, number); /* with its row `other`: the one that is left is the first one's */
    assert_int_equal(other_row().instance, first);
    assert_int_equal(other()->samples, 1);
    assert_int_equal(departure_count, 1);
    assert_int_equal(departures[0].birth, birth);
    assert_int_equal(departures[0].other, other_row().birth);
}

static void what_waits_when_the_row_changes_is_unacked_where_it_was_timed(void **state)
{
    struct talk idle = talk_to(1), newcomer = talk_to(2);

    (void)state;
    set_up(1);
    exchange(&idle);
    send_shot(&idle, true, shot_of(&idle, true, TCP_ACK, 100)); /* nobody answers */
    for (unsigned round = 0; round < 2; round++) {
        exchange_times(&newcomer, 20);
        if (round == 1)
            send_shot(&newcomer, true, shot_of(&newcomer, true, TCP_ACK, 100));
        pass_round();
    }
    newcomer.seq += 100;
    assert_true(row_of(2).any);
    assert_int_equal(other()->skipped[SKIP_UNACKED], 2);
    assert_int_equal(other()->timed, other()->samples + 2);
    assert_int_equal(meter_pending(meter, number), 0);
    send_shot(&newcomer, false, shot_of(&newcomer, false, TCP_ACK, 0)); /* of before its birth */
    assert_int_equal(row_of(2).found.stats->samples, 0);
    send_shot(&newcomer, true, shot_of(&newcomer, true, TCP_ACK, 100));
    newcomer.seq += 100;
    now_ns += 3 * MS;
    send_shot(&newcomer, false, shot_of(&newcomer, false, TCP_ACK, 0));
    assert_int_equal(row_of(2).found.stats->samples, 1);
    assert_int_equal(row_of(2).found.stats->jitter_x16, 0); /* the round trip before it is not this row's */
    exchange_times(&newcomer, 2);
    assert_int_equal(row_of(2).found.stats->samples, 3);
    assert_int_equal(row_of(2).found.stats->timed, 3);
}

/* Its flow holds it, as it would have if it had been opened there. */
static void a_row_that_was_given_stays_as_long_as_its_flows(void **state)
{
    struct talk idle = talk_to(1), newcomer = talk_to(2);
    uint64_t birth = 0;

    (void)state;
    set_up(1);
    exchange(&idle);
    for (unsigned round = 0; round < 3 * IDLE_S / ROUND_S; round++) {
        exchange_times(&newcomer, 20);
        pass_round();
        if (round == 1)
            birth = row_of(2).found.birth;
    }
    assert_true(birth != 0 && row_of(2).any);
    assert_int_equal(row_of(2).found.birth, birth);
    for (unsigned round = 0; round <= 2 * IDLE_S / ROUND_S; round++)
        pass_round();
    assert_false(row_of(2).any);
    assert_int_equal(meter_counters(meter, number)->open_peers, 0);
}

/* Who has got a row while a flow of his is in `other` still does not lose it in the round that brings that flow home. */
static void a_flow_comes_home_to_a_row_that_is_idle(void **state)
{
    struct talk first = talk_to(1), early = talk_to(2), late = talk_to(2), busy = talk_to(3);

    (void)state;
    set_up(1);
    late.port = 4001;
    exchange(&first);
    exchange(&early);
    for (unsigned round = 0; round < IDLE_S / ROUND_S; round++) {
        send_shot(&early, true, shot_of(&early, true, TCP_ACK, 0)); /* it lives */
        pass_round();
    }
    assert_int_equal(meter_counters(meter, number)->open_peers, 0);
    exchange(&late);
    exchange_times(&busy, 20);
    pass_round();
    const uint64_t birth = row_of(2).found.birth;
    exchange(&early);
    exchange_times(&busy, 20);
    pass_round();
    assert_int_equal(row_of(2).found.birth, birth);
    exchange_times(&early, 5);
    assert_int_equal(row_of(2).found.stats->samples, 1 + 5);
}

static void who_is_not_wanted_any_more_gets_no_row(void **state)
{
    struct talk idle = talk_to(1), newcomer = talk_to(2);
    struct netset *wanted = netset_new();
    struct ip_prefix prefix;

    (void)state;
    set_up(1);
    assert_true(wanted != NULL && prefix_parse("20.0.0.1", &prefix, NULL) && netset_add(wanted, &prefix, 1) == 0);
    exchange(&idle);
    exchange_times(&newcomer, 20);
    pass_round();
    exchange_times(&newcomer, 20);
    meter_instance_change(meter, number, &(struct meter_instance){ .local_own = own, .whitelist = wanted });
    pass_round();
    assert_true(row_of(1).any && !row_of(2).any);
    netset_free(wanted);
}

static bool is_known(uint32_t value, const void *arg)
{
    return value == *(const uint32_t *)arg;
}

static struct netset *naming_one(const char *address, uint32_t value)
{
    struct netset *set = netset_new();
    struct ip_prefix prefix;

    assert_true(set != NULL && prefix_parse(address, &prefix, NULL) && netset_add(set, &prefix, value) == 0);
    return set;
}

/* It is not shown any more, so it must not come back as one of the others when it gives way. */
static void a_host_that_was_dropped_is_none_of_the_others(void **state)
{
    const uint32_t dropped = METER_SHARED_ROW | 1, kept = METER_SHARED_ROW | 2;
    struct netset *before, *after;
    struct talk gone = talk_to(1), newcomer = talk_to(2);

    (void)state;
    set_up(1);
    before = naming_one("20.0.0.1", dropped);
    after = naming_one("20.0.0.2", kept);
    meter_instance_change(meter, number, &(struct meter_instance){ .local_own = own, .whitelist = before });
    exchange_times(&gone, 10);
    meter_flush(meter);
    assert_int_equal(meter_row_count(meter), 1);
    meter_forget_shared(meter, number, is_known, &dropped);
    assert_int_equal(meter_row_count(meter), 1);
    meter_instance_change(meter, number, &(struct meter_instance){ .local_own = own, .whitelist = after });
    meter_forget_shared(meter, number, is_known, &kept);
    for (unsigned round = 0; round < 8; round++) {
        exchange_times(&newcomer, 20);
        pass_round();
    }
    assert_int_equal(departure_count, 0);
    assert_int_equal(meter_row_count(meter), 1); /* there is no row `other` */
    assert_int_equal(meter_counters(meter, number)->open_peers, 1);
    netset_free(before);
    netset_free(after);
}

/* Addresses are read anew whenever any interface changes, and names resolved again and again. */
static void sets_that_hold_the_same_change_nothing(void **state)
{
    struct talk idle = talk_to(1), newcomer = talk_to(2);
    struct netset *before = netset_new(), *again;
    struct ip_prefix prefix;

    (void)state;
    set_up(1);
    assert_true(before != NULL && prefix_parse("20.0.0.0/24", &prefix, NULL) && netset_add(before, &prefix, 1) == 0);
    meter_instance_change(meter, number, &(struct meter_instance){ .local_own = own, .whitelist = before });
    exchange(&idle);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned times = 0; times < 5; times++) {
            exchange_times(&newcomer, 4);
            meter_flush(meter);
            const uint64_t changes = meter_changes(meter);
            assert_true((again = netset_new()) != NULL && netset_add(again, &prefix, 1) == 0);
            meter_instance_change(meter, number, &(struct meter_instance){ .local_own = own, .whitelist = again });
            assert_int_equal(meter_changes(meter), changes);
            netset_free(before);
            before = again;
        }
        pass_round();
    }
    assert_true(row_of(2).any && !row_of(1).any);
    netset_free(before);
}

/* The addresses of a host come and go, and those of names: who is wanted as before does not begin anew for that. */
static void sets_that_change_keep_who_is_still_wanted(void **state)
{
    static const char *const others[] = { "198.51.100.1", "198.51.100.2" };
    struct talk idle = talk_to(1), newcomer = talk_to(2);
    struct netset *whitelists[2], *hosts[2];
    struct ip_prefix all;

    (void)state;
    set_up(1);
    assert_true(prefix_parse("20.0.0.0/24", &all, NULL));
    for (unsigned n = 0; n < 2; n++) {
        whitelists[n] = naming_one(others[n], METER_SHARED_ROW | 1);
        assert_int_equal(netset_add(whitelists[n], &all, 1), 0);
        hosts[n] = naming_one(others[n], 0);
    }
    exchange(&idle);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned n = 0; n < 4; n++) {
            exchange_times(&newcomer, 5);
            meter_instance_change(
                meter, number,
                &(struct meter_instance){ .local_own = own, .local_host = hosts[n % 2], .whitelist = whitelists[n / 2] });
        }
        pass_round();
    }
    assert_true(row_of(2).any && !row_of(1).any);
    meter_instance_change(meter, number, &(struct meter_instance){ .local_own = own });
    for (unsigned n = 0; n < 2; n++) {
        netset_free(whitelists[n]);
        netset_free(hosts[n]);
    }
}

/* Whose local address is not ours any more, and who is in another row by now. */
static void sets_that_change_drop_who_can_have_no_row(void **state)
{
    struct netset *host = naming_one("20.0.0.2", METER_SHARED_ROW | 1), *none = netset_new();
    const struct meter_instance changes[] = {
        { .local_own = none },
        { .local_own = own, .whitelist = host },
        { .local_own = own, .group = METER_GROUP_SUBNET, .subnet_bits_v4 = 24, .subnet_bits_v6 = 48 },
    };

    (void)state;
    assert_non_null(none);
    for (size_t n = 0; n < sizeof changes / sizeof changes[0]; n++) {
        struct talk idle = talk_to(1), newcomer = talk_to(2);

        set_up(1);
        exchange(&idle);
        exchange_times(&newcomer, 20);
        pass_round();
        exchange_times(&newcomer, 20);
        meter_flush(meter);
        assert_int_equal(count_contenders(), 1);
        meter_instance_change(meter, number, &changes[n]);
        assert_int_equal(count_contenders(), 0);
        tear_down(NULL);
    }
    netset_free(host);
    netset_free(none);
    set_up(1);
}

/* A host goes on as a contender with whatever addresses it has, and no longer than it is named. */
static void a_host_is_a_contender_as_long_as_it_is_named(void **state)
{
    const uint32_t first = METER_SHARED_ROW | 1;
    struct talk idle = talk_to(1), newcomer = talk_to(2);
    struct netset *both = naming_one("20.0.0.1", first), *one = naming_one("20.0.0.1", first);
    struct ip_prefix prefix;

    (void)state;
    set_up(1);
    assert_true(prefix_parse("20.0.0.2", &prefix, NULL) && netset_add(both, &prefix, METER_SHARED_ROW | 2) == 0);
    meter_instance_change(meter, number, &(struct meter_instance){ .local_own = own, .whitelist = both });
    exchange(&idle);
    exchange_times(&newcomer, 20);
    meter_flush(meter);
    assert_int_equal(count_contenders(), 1);
    meter_instance_change(meter, number, &(struct meter_instance){ .local_own = own, .whitelist = one });
    assert_int_equal(count_contenders(), 1);
    meter_forget_shared(meter, number, is_known, &first);
    assert_int_equal(count_contenders(), 0);
    netset_free(both);
    netset_free(one);
}

static void what_another_instance_wants_changes_nothing(void **state)
{
    struct talk idle = talk_to(1), newcomer = talk_to(2);
    struct netset *none = netset_new();

    (void)state;
    set_up(1);
    const int other_one = meter_instance_add(meter, &(struct meter_instance){ .local_own = own });
    exchange(&idle);
    for (unsigned round = 0; round < 2; round++) {
        exchange_times(&newcomer, 20);
        meter_instance_change(meter, other_one, &(struct meter_instance){ .local_own = round == 0 ? none : own });
        pass_round();
    }
    assert_true(row_of(2).any && !row_of(1).any);
    meter_instance_change(meter, other_one, &(struct meter_instance){ .both_sides = true });
    netset_free(none);
}

/* Twice as much is needed: otherwise who is there stays. */
static void rows_are_not_handed_to_and_fro(void **state)
{
    struct talk talks[4] = { talk_to(1), talk_to(2), talk_to(3), talk_to(4) };
    uint64_t births[2];

    (void)state;
    set_up(2);
    for (unsigned n = 0; n < 4; n++)
        exchange_times(&talks[n], 10);
    births[0] = row_of(1).found.birth;
    births[1] = row_of(2).found.birth;
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned n = 0; n < 4; n++)
            exchange_times(&talks[n], n < 2 ? 20 : 35 + round % 4);
        pass_round();
    }
    assert_int_equal(row_of(1).found.birth, births[0]);
    assert_int_equal(row_of(2).found.birth, births[1]);
}

static void one_burst_is_not_enough(void **state)
{
    struct talk idle = talk_to(1), burst = talk_to(2), drip = talk_to(3);

    (void)state;
    set_up(1);
    exchange(&idle);
    for (unsigned round = 0; round < 9; round++) {
        if (round == 4)
            exchange_times(&burst, 1000);
        exchange(&drip);
        pass_round();
    }
    assert_true(row_of(1).any);
}

/* However many come with a little each: a peer with steady traffic, were it one round trip a round, stays. */
static void many_addresses_push_nobody_out(void **state)
{
    struct talk steady = talk_to(0);
    uint32_t visitor = 1;

    (void)state;
    set_up(4);
    exchange(&steady);
    const uint64_t birth = row_of(0).found.birth;
    for (unsigned round = 0; round < 60; round++) {
        exchange(&steady);
        for (unsigned n = 0; n < 300; n++) {
            struct talk talk = talk_to(visitor++);
            exchange_times(&talk, 3);
        }
        pass_round();
        assert_int_equal(row_of(0).found.birth, birth);
    }
    assert_int_equal(row_of(0).found.stats->samples, 61);
}

/* And whoever has most among very many is found. */
static void the_busiest_of_many_get_the_rows(void **state)
{
    struct talk busy[4] = { talk_to(70001), talk_to(70002), talk_to(70003), talk_to(70004) };

    (void)state;
    set_up(8);
    for (uint32_t n = 0; n < 8; n++) {
        struct talk talk = talk_to(1 + n);
        talk.port = 3999;
        exchange(&talk);
    }
    for (uint32_t round = 0; round < 6; round++) {
        for (uint32_t n = 0; n < 2000; n++) {
            struct talk talk = talk_to(1 + n);
            talk.port = (uint16_t)(4000 + round);
            exchange_times(&talk, 2);
            exchange(&busy[n % 4]);
        }
        pass_round();
    }
    for (uint32_t n = 0; n < 4; n++)
        assert_true(row_of(70001 + n).any);
}

/* So little that it pushes nobody out. */
static void a_flow_that_began_without_a_row_gets_one_when_there_is_room(void **state)
{
    struct talk first = talk_to(1), second = talk_to(2);
    const uint64_t rounds = IDLE_S / ROUND_S;

    (void)state;
    set_up(1);
    exchange(&first);
    for (uint64_t round = 0; round < rounds; round++) {
        exchange(&second);
        assert_true(row_of(1).any);
        pass_round();
    }
    assert_false(row_of(1).any);
    assert_true(row_of(2).any);
    assert_int_equal(row_of(2).found.first_birth, row_of(2).found.birth); /* nobody made room for it */
    exchange(&second);
    assert_int_equal(row_of(2).found.stats->samples, 1);
    assert_int_equal(other()->samples, rounds);
    assert_int_equal(departure_count, 0);
}

static void kept_rows_give_way_to_nobody(void **state)
{
    struct talk idle = talk_to(1), newcomer = talk_to(2);

    (void)state;
    set_up_for(1, IDLE_S, true);
    exchange(&idle);
    for (unsigned round = 0; round < 10; round++) {
        exchange_times(&newcomer, 100);
        pass_round();
    }
    assert_true(row_of(1).any);
    assert_int_equal(other()->samples, 1000);
}

/* Where there are more round trips than are looked at one by one, chance makes no difference of this size. */
static void a_share_of_the_round_trips_tells_as_much(void **state)
{
    struct talk heavy = talk_to(1), light = talk_to(2), idle = talk_to(3);

    (void)state;
    set_up(1);
    exchange(&idle);
    for (unsigned round = 0; round < 5; round++) {
        exchange_times(&light, 3000);
        exchange_times(&heavy, 40000);
        pass_round();
    }
    assert_true(row_of(1).any);
    assert_int_equal(meter_counters(meter, number)->open_peers, 1);
}

/* --- instances that are not measured all the time --- */

static int at_times; /* the instance beside `number` */

static void set_up_two(uint32_t max_peers)
{
    set_up(max_peers);
    at_times = meter_instance_add(meter, &(struct meter_instance){ .local_own = own });
    assert_int_equal(at_times, 1);
}

static void exchange_at_times(struct talk *talk, unsigned times)
{
    const int always = number;

    number = at_times;
    exchange_times(talk, times);
    number = always;
}

static void measure(bool is_open)
{
    meter_measured(meter, UINT64_C(1) << number | (is_open ? UINT64_C(1) << at_times : 0));
}

/* It has no traffic as nobody looks, and that is no reason to lose its row. */
static void a_row_waits_for_the_next_window(void **state)
{
    struct talk steady = talk_to(1), busy[3] = { talk_to(2), talk_to(3), talk_to(4) };

    (void)state;
    set_up_two(2);
    exchange_at_times(&steady, 1);
    exchange(&busy[0]);
    const uint64_t birth = row_of(1).found.birth;
    for (unsigned round = 0; round < 60; round++) {
        const bool is_open = round / 6 % 2 == 0;

        for (unsigned n = 0; n < 3; n++)
            exchange_times(&busy[n], 20);
        if (is_open)
            exchange_at_times(&steady, 20);
        pass_round();
        assert_true(row_of(1).any);
        assert_int_equal(row_of(1).found.birth, birth);
        if (round % 6 == 5)
            measure(!is_open);
    }
    assert_int_equal(row_of(1).found.stats->samples, 1 + 5 * 6 * 20);
}

/* Nor does a contender win or lose anything meanwhile. */
static void a_contender_waits_for_the_next_window(void **state)
{
    struct talk idle = talk_to(1), newcomer = talk_to(2);

    (void)state;
    set_up_two(1);
    exchange(&idle);
    exchange_at_times(&newcomer, 20);
    pass_round();
    exchange_at_times(&newcomer, 20);
    measure(false);
    for (unsigned round = 0; round < IDLE_S / ROUND_S - 2; round++) {
        pass_round();
        assert_true(row_of(1).any && !row_of(2).any);
        exchange(&idle);
    }
    measure(true);
    exchange_at_times(&newcomer, 20);
    exchange(&idle);
    pass_round();
    assert_true(row_of(2).any && !row_of(1).any);
}

/* Two seconds in five, and never when a round ends: its seconds count, not the clock's. */
static void windows_shorter_than_a_round_count_together(void **state)
{
    struct talk idle = talk_to(1), newcomer = talk_to(2);
    unsigned seconds = 0;

    (void)state;
    set_up_two(1);
    exchange_at_times(&idle, 1);
    for (; seconds < 50 && !row_of(2).any; seconds++) {
        const bool is_open = seconds % 5 == 1 || seconds % 5 == 2;

        measure(is_open);
        if (is_open)
            exchange_at_times(&newcomer, 20);
        now_ns = (now_ns / S + 1) * S;
        meter_expire(meter, (uint32_t)(now_ns / S));
    }
    assert_true(row_of(2).any && !row_of(1).any);
    assert_int_equal(seconds, 30); /* three windows are one round of its own, and it takes two */
}

static void say_for(unsigned seconds, struct talk *always, unsigned a_second, struct talk *in_windows, unsigned a_measured_second)
{
    for (; seconds > 0; seconds--) {
        const bool is_open = now_ns / S % 10 != 0;

        measure(is_open);
        exchange_times(always, a_second);
        if (is_open)
            exchange_at_times(in_windows, a_measured_second);
        now_ns = (now_ns / S + 1) * S;
        meter_expire(meter, (uint32_t)(now_ns / S));
    }
}

/* Nine seconds in ten: each of its rounds ends four seconds late. Who has twice as much in a second takes the place, and nobody
 * else does. */
static void a_long_round_counts_for_no_more(void **state)
{
    struct talk steady = talk_to(1), rare = talk_to(2);

    (void)state;
    set_up_two(1);
    exchange(&steady);
    say_for(600, &steady, 10, &rare, 18);
    assert_true(row_of(1).any && !row_of(2).any);
    say_for(600, &steady, 10, &rare, 22);
    assert_true(row_of(2).any && !row_of(1).any);
    say_for(600, &steady, 18, &rare, 10);
    assert_true(row_of(2).any && !row_of(1).any);
    say_for(600, &steady, 22, &rare, 10);
    assert_true(row_of(1).any && !row_of(2).any);
}

/* The machine slept, or the program was stopped: a round may be longer than a score lasts. */
static void after_a_long_sleep_rounds_go_on(void **state)
{
    struct talk steady = talk_to(1), rare = talk_to(2), newcomer = talk_to(3);

    (void)state;
    set_up_two(1);
    exchange(&steady);
    say_for(102, &steady, 10, &rare, 1);
    now_ns += (IDLE_S - 10) * S;
    say_for(60, &steady, 10, &rare, 1);
    assert_true(row_of(1).any);
    for (unsigned seconds = 0; seconds < 60; seconds++) {
        exchange_times(&newcomer, 30);
        say_for(1, &steady, 10, &rare, 1);
    }
    assert_true(row_of(3).any && !row_of(1).any);
}

/* An interface that does not come back keeps no row for longer than an idle peer would. */
static void rows_of_an_interface_that_is_away_leave_when_their_time_is_over(void **state)
{
    struct talk gone = talk_to(1), newcomer = talk_to(2);
    const int64_t begin_ns = (set_up_two(1), now_ns);

    (void)state;
    exchange_at_times(&gone, 20);
    measure(false);
    meter_finish(meter, UINT64_C(1) << at_times);
    for (unsigned round = 0; round < IDLE_S / ROUND_S; round++) {
        assert_true(row_of(1).any && !row_of(2).any);
        exchange_times(&newcomer, 20);
        pass_round();
    }
    assert_true(!row_of(1).any && row_of(2).any);
    assert_int_equal((now_ns - begin_ns) / S, IDLE_S);
    assert_int_equal(meter_counters(meter, at_times)->open_peers, 0);
}

/* --- everything stays counted --- */

#define TALKS 400
#define COUNTERS (5 + SKIP_REASON_COUNT)

struct totals {
    uint64_t counter[2][COUNTERS]; /* by instance; [0] timed, [1] flows, [2] retransmits, [3] samples, [4] handshake samples */
};

static void add_row(const struct meter_row *row, void *arg)
{
    uint64_t *counter = ((struct totals *)arg)->counter[row->instance];
    const struct peer_stats *stats = row->stats;
    uint64_t accounted = stats->samples;

    counter[0] += stats->timed;
    counter[1] += stats->flows;
    counter[2] += stats->retransmits;
    counter[3] += stats->samples;
    counter[4] += stats->handshake_samples;
    for (unsigned reason = 0; reason < SKIP_REASON_COUNT; reason++) {
        counter[5 + reason] += stats->skipped[reason];
        accounted += stats->skipped[reason];
    }
    assert_true(accounted <= stats->timed); /* each row for itself */
}

static struct totals totals_of(struct meter *of)
{
    struct totals totals = { { { 0 } } };

    meter_flush(of);
    meter_each_row(of, add_row, &totals);
    return totals;
}

/* What a reader has of a moment. */
struct copy {
    struct segment_copy copy;
    struct seg_row rows[64];
    struct seg_instance instances[2];
};

static void take_copy(struct copy *out, struct publication *publication, struct instance instances[2])
{
    const struct publication_time time = { (uint64_t)now_ns, (uint64_t)now_ns };
    struct segment_contents contents;

    meter_flush(meter);
    assert_int_equal(publication_build(publication, meter, instances, 2, &time, &contents), 0);
    assert_true(contents.row_count <= 64);
    memset(out, 0, sizeof *out);
    for (uint32_t n = 0; n < contents.row_count; n++)
        out->rows[n] = contents.rows[n];
    memcpy(out->instances, contents.instances, sizeof out->instances);
    out->copy.rows = out->rows;
    out->copy.instances = out->instances;
    out->copy.snapshot.row_count = contents.row_count;
    out->copy.snapshot.instance_count = 2;
}

/* The sum over the rows of what each says of the interval. */
static struct totals totals_between(const struct copy *then, const struct copy *now)
{
    struct totals totals = { { { 0 } } };
    struct interval_index index;

    interval_index_init(&index, &then->copy, &now->copy);
    for (uint32_t place = 0; place < now->copy.snapshot.row_count; place++) {
        struct interval interval;
        assert_int_equal(interval_find(&index, &now->copy, place, &interval), 0);
        const struct seg_row *row = interval.now, *start = interval_start(&interval);
        uint64_t *counter = totals.counter[row->instance];

        counter[0] += row->timed - start->timed;
        counter[1] += row->flows - start->flows;
        counter[2] += row->retransmits - start->retransmits;
        counter[3] += row->samples - start->samples;
        counter[4] += row->handshake_samples - start->handshake_samples;
        for (unsigned reason = 0; reason < SKIP_REASON_COUNT; reason++) {
            assert_true(row->skipped[reason] >= start->skipped[reason]);
            counter[5 + reason] += row->skipped[reason] - start->skipped[reason];
        }
        assert_true(row->timed >= start->timed && row->flows >= start->flows && row->samples >= start->samples);
    }
    interval_index_free(&index);
    return totals;
}

#define SERIES 5 /* counters of struct totals that a row has as series of its own */

/* What is published of a row by itself: of `other` what it counted, without what it was given. */
static void own_counts(const struct copy *copy, const struct seg_row *row, uint64_t counter[static SERIES])
{
    const struct seg_instance *instance = &copy->instances[row->instance];
    const uint64_t all[SERIES] = { row->timed, row->flows, row->retransmits, row->samples, row->handshake_samples };
    const uint64_t given[SERIES] = { instance->given_timed, row->flows - instance->refused_peers, instance->given_retransmits,
                                     instance->given_samples, instance->given_handshake_samples };

    for (unsigned n = 0; n < SERIES; n++) {
        counter[n] = all[n];
        if (row->flags & SEG_ROW_OTHER) {
            assert_true(given[n] <= all[n]);
            counter[n] -= given[n];
        }
    }
}

static const struct seg_row *row_born(const struct copy *copy, uint64_t birth)
{
    for (uint32_t n = 0; n < copy->copy.snapshot.row_count; n++)
        if (copy->rows[n].birth == birth)
            return &copy->rows[n];
    return NULL;
}

/* Who takes each row for a series of its own, and adds up by how much they grew, has counted nothing twice. What a row that left
 * had counted since `then` is all that may be missing. */
static void check_series(const struct copy *then, const struct copy *now, const struct totals *between)
{
    struct totals grown = { { { 0 } } };

    for (uint32_t place = 0; place < now->copy.snapshot.row_count; place++) {
        const struct seg_row *row = &now->rows[place], *was = row_born(then, row->birth);
        uint64_t before[SERIES] = { 0 }, after[SERIES];

        own_counts(now, row, after);
        if (was != NULL)
            own_counts(then, was, before);
        for (unsigned n = 0; n < SERIES; n++) {
            assert_true(after[n] >= before[n]);
            grown.counter[row->instance][n] += after[n] - before[n];
        }
    }
    for (unsigned instance = 0; instance < 2; instance++)
        for (unsigned n = 0; n < SERIES; n++)
            assert_true(grown.counter[instance][n] <= between->counter[instance][n]);
}

/* What a sender has given of them, who looks at each row now and then only; all: at every row. */
static void send_some(struct totals *given, const struct copy *copy, bool all)
{
    static struct sent_interval taken;

    for (uint32_t place = 0; place < copy->copy.snapshot.row_count; place++) {
        const struct seg_row *row = &copy->rows[place];
        uint64_t *counter = given->counter[row->instance];

        if ((!all && draw(4) != 0) || sent_rows_take(sent, row, NULL, &taken) != SENT_NEWS)
            continue;
        counter[2] += row->retransmits - interval_start(&taken.interval)->retransmits;
        counter[3] += row->samples - interval_start(&taken.interval)->samples;
    }
}

static void check_totals(const struct totals *before, const struct totals *now, struct meter *reference)
{
    const struct totals wanted = totals_of(reference);

    for (unsigned n = 0; n < 2; n++) {
        uint64_t accounted = 0;

        for (unsigned counter = 0; counter < COUNTERS; counter++)
            assert_true(now->counter[n][counter] >= before->counter[n][counter]);
        for (unsigned counter = 0; counter < 3; counter++)
            assert_int_equal(now->counter[n][counter], wanted.counter[n][counter]);
        for (unsigned reason = 0; reason < SKIP_REASON_COUNT; reason++)
            accounted += now->counter[n][5 + reason];
        assert_int_equal(now->counter[n][0], now->counter[n][3] + accounted + meter_pending(meter, (int)n));
    }
}

/* A packet of either side, of the connection or a little beside it. */
static void random_shot(struct talk *talk, struct meter *reference)
{
    const bool outgoing = draw(2) == 0;
    const uint8_t flags = draw(20) == 0 ? TCP_SYN : draw(40) == 0 ? TCP_FIN | TCP_ACK : TCP_ACK;
    const uint32_t length = draw(3) == 0 ? 0 : 10 * draw(30);
    struct shot shot = shot_of(talk, outgoing, flags, length);
    const uint64_t instances = draw(10) == 0 ? 1 + draw(2) : 3;

    shot.seq -= draw(10) == 0 ? 50 : 0;
    give(meter, instances, &shot, outgoing ? LOCAL : talk->peer, outgoing ? talk->peer : LOCAL);
    give(reference, instances, &shot, outgoing ? LOCAL : talk->peer, outgoing ? talk->peer : LOCAL);
    if (outgoing)
        talk->seq += length + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
    else
        talk->ack += length + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
    now_ns += draw(4) * MS;
}

/* Who is busy changes all the time. */
static struct talk *some_talk(struct talk talks[static TALKS])
{
    const uint32_t busy = (uint32_t)(now_ns / (20 * S)) * 7;

    return &talks[draw(3) == 0 ? draw(TALKS) : (busy + draw(12)) % TALKS];
}

static void totals_add_up_whoever_has_a_row(void **state)
{
    static const struct config whole;
    static const struct config_instance configs[2] = { { .interface = (char *)"eth0", .fingerprint = 1, .all_peers = true },
                                                       { .interface = (char *)"eth0", .fingerprint = 2, .all_peers = true } };
    struct publication *publication = publication_new();
    struct instance instances[2];
    struct talk talks[TALKS];
    struct meter *reference;
    static struct copy then, now;
    struct totals before, after, reader_before;
    struct totals given = { { { 0 } } };
    uint64_t departed = 0;

    (void)state;
    sent = sent_rows_new();
    assert_non_null(sent);
    random_state = 20260611;
    set_up_for(12, FOR_EVER_S, false); /* a row that expires takes its counts with it */
    meter_instance_remove(meter, number);
    const struct instance_host host = { .own = own };
    for (unsigned n = 0; n < 2; n++) {
        assert_int_equal(instance_start(&instances[n], &whole, &configs[n], NULL, NULL, meter, &host), 0);
        assert_int_equal(instances[n].number, n);
    }
    reference = make(100000, FOR_EVER_S, false);
    assert_int_equal(meter_instance_add(reference, &(struct meter_instance){ .local_own = own }), 0);
    assert_int_equal(meter_instance_add(reference, &(struct meter_instance){ .local_own = own }), 1);
    for (uint32_t n = 0; n < TALKS; n++)
        talks[n] = (struct talk){ .peer = PEER(n / 2), .port = (uint16_t)(4000 + n), .seq = draw_word() & UINT32_MAX };
    before = reader_before = totals_of(meter);
    take_copy(&then, publication, instances);
    for (unsigned step = 0; step < 3000; step++) {
        for (unsigned n = 0; n < 100; n++)
            random_shot(some_talk(talks), reference);
        after = totals_of(meter);
        check_totals(&before, &after, reference);
        before = after;
        if (draw(8) != 0)
            continue;
        meter_measured(meter, draw(4)); /* frames come all the same: whoever is wrong about it, nothing is lost */
        take_copy(&now, publication, instances);
        send_some(&given, &now, false);
        const struct totals between = totals_between(&then, &now);
        check_series(&then, &now, &between);
        for (unsigned n = 0; n < 2; n++)
            for (unsigned counter = 0; counter < COUNTERS; counter++)
                assert_int_equal(between.counter[n][counter], after.counter[n][counter] - reader_before.counter[n][counter]);
        for (uint32_t place = 0; place < now.copy.snapshot.row_count; place++)
            departed += now.rows[place].first_birth != now.rows[place].birth;
        then = now;
        then.copy.rows = then.rows;
        then.copy.instances = then.instances;
        reader_before = after;
    }
    assert_true(departed > 0);
    take_copy(&now, publication, instances);
    send_some(&given, &now, true);
    after = totals_of(meter);
    for (unsigned n = 0; n < 2; n++)
        for (unsigned counter = 2; counter < 4; counter++)
            assert_int_equal(given.counter[n][counter], after.counter[n][counter]);
    sent_rows_free(sent);
    sent = NULL;
    meter_free(reference);
    for (unsigned n = 0; n < 2; n++)
        instance_stop(&instances[n], meter);
    publication_free(publication);
}

/* --- what a reader is told of `other`, whoever is gone --- */

static void counts_of(const struct seg_row *row, uint64_t counter[static COUNTERS])
{
    const uint64_t first[SERIES] = { row->timed, row->flows, row->retransmits, row->samples, row->handshake_samples };

    memcpy(counter, first, sizeof first);
    memcpy(counter + SERIES, row->skipped, SKIP_REASON_COUNT * sizeof *counter);
}

/* What the row `other` counted since, without what rows that gave way had counted by then. */
static void true_counts(const struct copy *then, const struct seg_row *other, uint64_t counter[static COUNTERS])
{
    const struct seg_row *was = row_born(then, other->birth);
    uint64_t had[COUNTERS] = { 0 };

    counts_of(other, counter);
    if (was != NULL)
        counts_of(was, had);
    for (size_t n = 0; n < COUNTERS; n++)
        counter[n] -= had[n];
    assert_true(since_copy_count < sizeof since_copy / sizeof since_copy[0]);
    for (size_t at = 0; at < since_copy_count; at++) {
        const struct seg_row *row = since_copy[at].other != other->birth ? NULL : row_born(then, since_copy[at].birth);

        if (row == NULL)
            continue;
        counts_of(row, had);
        for (size_t n = 0; n < COUNTERS; n++)
            counter[n] -= had[n];
    }
}

/* Whether each row that is gone is known to have given way, by who has its place. */
static bool is_each_named(const struct copy *then, const struct copy *now, uint64_t *hidden)
{
    bool is_each = true;

    for (uint32_t n = 0; n < then->copy.snapshot.row_count; n++) {
        const struct seg_row *row = &then->rows[n];
        bool is_named = (row->flags & SEG_ROW_OTHER) != 0;

        for (uint32_t at = 0; at < now->copy.snapshot.row_count && !is_named; at++)
            is_named = now->rows[at].first_birth == row->first_birth;
        for (size_t at = 0; at < since_copy_count && !is_named; at++)
            *hidden += since_copy[at].birth == row->birth;
        is_each &= is_named;
    }
    return is_each;
}

static size_t given_since(const struct seg_row *other)
{
    size_t count = 0;

    for (size_t n = 0; n < since_copy_count; n++)
        count += since_copy[n].other == other->birth;
    return count;
}

struct outcome {
    uint64_t hidden, exact, all; /* rows that gave way unnamed; intervals with something given */
};

static void check_other(const struct copy *then, const struct copy *now, const struct seg_row *other, bool is_sure,
                        struct outcome *outcome)
{
    struct interval_index index;
    struct interval interval;
    uint64_t truth[COUNTERS], shown[COUNTERS], start[COUNTERS], counted[SERIES], counted_then[SERIES] = { 0 };
    const struct seg_row *was = row_born(then, other->birth);
    bool is_exact = true;

    interval_index_init(&index, &then->copy, &now->copy);
    assert_int_equal(interval_find(&index, &now->copy, (uint32_t)(other - now->rows), &interval), 0);
    counts_of(interval.now, shown);
    counts_of(interval_start(&interval), start);
    interval_index_free(&index);
    true_counts(then, other, truth);
    own_counts(now, other, counted);
    if (was != NULL)
        own_counts(then, was, counted_then);
    for (size_t n = 0; n < COUNTERS; n++) {
        shown[n] -= start[n];
        assert_true(shown[n] <= truth[n]);
        if (n < SERIES)
            assert_true(shown[n] >= counted[n] - counted_then[n]);
        is_exact &= shown[n] == truth[n];
    }
    assert_true(is_exact || !is_sure);
    if (given_since(other) > 0) {
        outcome->exact += is_exact;
        outcome->all++;
    }
}

static void check_others(const struct copy *then, const struct copy *now, struct outcome *outcome)
{
    const bool is_sure = is_each_named(then, now, &outcome->hidden);

    for (uint32_t n = 0; n < now->copy.snapshot.row_count; n++)
        if ((now->rows[n].flags & SEG_ROW_OTHER) != 0)
            check_other(then, now, &now->rows[n], is_sure, outcome);
}

/* A few are busy, for a while, and some of those before them not quite idle. */
static struct talk *another_talk(struct talk talks[static TALKS])
{
    const uint32_t busy = (uint32_t)(now_ns / (12 * S)) * 6;

    return &talks[(busy + (draw(8) == 0 ? TALKS - draw(30) : draw(6))) % TALKS];
}

/* Rows expire, an instance goes and one like it comes, peers are not wanted for a moment: in the same interval in which rows give
 * way, and so that who took a place may be gone again. */
static void a_reader_is_never_told_a_life_for_growth(void **state)
{
    static const struct config whole;
    static const struct config_instance configs[2] = { { .interface = (char *)"eth0", .fingerprint = 1, .all_peers = true },
                                                       { .interface = (char *)"eth0", .fingerprint = 2, .all_peers = true } };
    const struct instance_host host = { .own = (set_up_for(12, IDLE_S, false), own) };
    struct publication *publication = publication_new();
    struct meter *reference = make(100000, IDLE_S, false);
    struct netset *some = netset_new();
    struct ip_prefix prefix;
    struct instance instances[2];
    static struct talk talks[TALKS];
    static struct copy then, now;
    struct outcome outcome = { 0 };

    (void)state;
    random_state = 20261127;
    assert_true(prefix_parse("20.0.0.0/25", &prefix, NULL));
    assert_int_equal(netset_add(some, &prefix, 0), 0);
    meter_instance_remove(meter, number);
    for (unsigned n = 0; n < 2; n++)
        assert_int_equal(instance_start(&instances[n], &whole, &configs[n], NULL, NULL, meter, &host), 0);
    for (uint32_t n = 0; n < TALKS; n++)
        talks[n] = (struct talk){ .peer = PEER(n / 2), .port = (uint16_t)(4000 + n), .seq = draw_word() & UINT32_MAX };
    take_copy(&then, publication, instances);
    since_copy_count = 0;
    for (unsigned step = 0; step < 20000; step++) {
        struct instance *changed = &instances[draw(2)];
        const size_t before = since_copy_count;

        for (unsigned n = 0; n < 100; n++)
            random_shot(another_talk(talks), reference);
        meter_expire(meter, (uint32_t)(now_ns / S));
        const bool is_time = since_copy_count > before; /* for those that came just now */
        if (draw(is_time ? 6 : 100) == 0) {
            instance_stop(changed, meter);
            assert_int_equal(instance_start(changed, &whole, &configs[changed - instances], NULL, NULL, meter, &host), 0);
        }
        if (draw(is_time ? 2 : 40) == 0) {
            const struct meter_instance none = { .local_own = own, .whitelist = some }, all = { .local_own = own };
            meter_instance_change(meter, changed->number, &none);
            meter_instance_change(meter, changed->number, &all);
        }
        if (draw(40) != 0)
            continue;
        take_copy(&now, publication, instances);
        check_others(&then, &now, &outcome);
        since_copy_count = 0;
        then = now;
        then.copy.rows = then.rows;
        then.copy.instances = then.instances;
    }
    assert_true(outcome.hidden > 50);
    assert_true(outcome.exact > outcome.all / 4 * 3 && outcome.exact < outcome.all);
    meter_free(reference);
    for (unsigned n = 0; n < 2; n++)
        instance_stop(&instances[n], meter);
    netset_free(some);
    publication_free(publication);
}

#define CASE(test) cmocka_unit_test_teardown(test, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_busy_newcomer_takes_the_place_of_an_idle_row),
        CASE(a_place_passes_to_another_instance),
        CASE(what_waits_when_the_row_changes_is_unacked_where_it_was_timed),
        CASE(a_row_that_was_given_stays_as_long_as_its_flows),
        CASE(a_flow_comes_home_to_a_row_that_is_idle),
        CASE(who_is_not_wanted_any_more_gets_no_row),
        CASE(a_host_that_was_dropped_is_none_of_the_others),
        CASE(sets_that_hold_the_same_change_nothing),
        CASE(sets_that_change_keep_who_is_still_wanted),
        CASE(sets_that_change_drop_who_can_have_no_row),
        CASE(a_host_is_a_contender_as_long_as_it_is_named),
        CASE(what_another_instance_wants_changes_nothing),
        CASE(rows_are_not_handed_to_and_fro),
        CASE(one_burst_is_not_enough),
        CASE(many_addresses_push_nobody_out),
        CASE(the_busiest_of_many_get_the_rows),
        CASE(a_flow_that_began_without_a_row_gets_one_when_there_is_room),
        CASE(kept_rows_give_way_to_nobody),
        CASE(a_share_of_the_round_trips_tells_as_much),
        CASE(a_row_waits_for_the_next_window),
        CASE(a_contender_waits_for_the_next_window),
        CASE(windows_shorter_than_a_round_count_together),
        CASE(a_long_round_counts_for_no_more),
        CASE(after_a_long_sleep_rounds_go_on),
        CASE(rows_of_an_interface_that_is_away_leave_when_their_time_is_over),
        CASE(totals_add_up_whoever_has_a_row),
        CASE(a_reader_is_never_told_a_life_for_growth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
