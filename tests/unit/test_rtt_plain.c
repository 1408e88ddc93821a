/* test_rtt_plain.c: the matcher's short way does what the rules do, to the bit: two worlds see the same connection, one asks the
 * short way first as meter_flow.c does, the other never. After each segment they must be equal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "rtt_plain.h"
#include "random_fixture.h"

#define MS INT64_C(1000000)
#define S (1000 * MS)
#define MSS 1460
#define RUNS 3000U
#define STEPS 200U

/* --- two worlds --- */

struct counts {
    uint64_t timed, retransmits, holes, samples;
    uint64_t skipped[SKIP_REASON_COUNT];
    struct rtt_sample newest;
};

struct world {
    bool is_plain; /* it asks the short way first */
    struct pending_pool pool;
    struct rtt_half half[2];
    struct counts counts[2];
};

/* What became of the segments that the short way was asked about. */
static struct {
    unsigned sent, sent_otherwise, acked, acked_otherwise, sampled, several, unreached;
} ways;

static struct world plain, general;
static unsigned run, step;

#define HOLDS(condition)                                                \
    do {                                                                \
        if (!(condition)) {                                             \
            fail_msg("run %u, step %u: not %s", run, step, #condition); \
        }                                                               \
    } while (0)

static void begin_worlds(uint32_t limit)
{
    plain = (struct world){ .is_plain = true };
    general = (struct world){ .is_plain = false };
    assert_true(pending_pool_init(&plain.pool, limit));
    assert_true(pending_pool_init(&general.pool, limit));
}

static void count_sample(struct counts *counts, const struct rtt_sample *sample)
{
    counts->samples++;
    counts->newest = *sample;
}

static void count(struct counts *counts, const struct rtt_outcome *outcome)
{
    counts->timed += outcome->timed;
    counts->retransmits += outcome->retransmits;
    counts->holes += outcome->hole ? 1 : 0;
    for (unsigned reason = 0; reason < SKIP_REASON_COUNT; reason++) {
        counts->skipped[reason] += outcome->skipped[reason];
        HOLDS((outcome->reasons >> reason & 1) == (outcome->skipped[reason] > 0));
    }
    if (outcome->has_sample) {
        count_sample(counts, &outcome->sample);
    }
}

/* --- one segment, as meter_flow.c takes it --- */

static void send_by_the_rules(struct world *world, unsigned side, const struct tcp_segment *segment, int64_t time_ns)
{
    struct rtt_outcome outcome = { 0 };

    rtt_sent(&world->half[side], &world->pool, segment, time_ns, &outcome);
    count(&world->counts[side], &outcome);
}

/* Who says false has changed nothing. */
static void assert_untouched(const struct rtt_half *half, const struct rtt_half *half_before, const struct pending_pool *pool,
                             const struct pending_pool *pool_before)
{
    HOLDS(memcmp(half, half_before, sizeof *half) == 0);
    HOLDS(pool->unused == pool_before->unused && pool->high == pool_before->high);
}

static void send(struct world *world, unsigned side, const struct tcp_segment *segment, int64_t time_ns)
{
    struct rtt_half *half = &world->half[side];

    HOLDS(!rtt_sends_new(half, segment) || rtt_find_copied(half, &world->pool, segment) == NULL);
    rtt_note(half, segment);
    if (!world->is_plain) {
        send_by_the_rules(world, side, segment, time_ns);
        return;
    }
    if (rtt_sends_nothing(half, segment)) {
        return;
    }
    const struct rtt_half half_before = *half;
    const struct pending_pool pool_before = world->pool;
    if (rtt_sent_plain(half, &world->pool, segment, time_ns)) {
        world->counts[side].timed++;
        ways.sent++;
        return;
    }
    assert_untouched(half, &half_before, &world->pool, &pool_before);
    ways.sent_otherwise++;
    send_by_the_rules(world, side, segment, time_ns);
}

static void acknowledge_by_the_rules(struct world *world, unsigned side, const struct tcp_segment *segment, int64_t time_ns)
{
    const bool probe = rtt_is_probe(&world->half[side], segment);
    struct rtt_outcome outcome = { 0 };

    rtt_acked(&world->half[1 - side], &world->pool, segment, probe, time_ns, &outcome);
    count(&world->counts[1 - side], &outcome);
}

static void acknowledge_plainly(struct counts *counts, const struct rtt_plain *found)
{
    ways.acked++;
    if (found->covered > 0) {
        ways.sampled++;
        ways.several += found->covered > 1 ? 1 : 0;
        counts->skipped[SKIP_COVERED] += found->covered - 1;
        count_sample(counts, &found->sample);
    }
}

/* A segment of that side acknowledges what the other one has sent. */
static void acknowledge(struct world *world, unsigned side, const struct tcp_segment *segment, int64_t time_ns)
{
    struct rtt_half *half = &world->half[1 - side];
    const struct rtt_half half_before = *half;
    const struct pending_pool pool_before = world->pool;
    struct rtt_plain found;

    if (world->is_plain && rtt_acked_plain(half, &world->pool, segment, time_ns, &found)) {
        acknowledge_plainly(&world->counts[1 - side], &found);
        return;
    }
    assert_untouched(half, &half_before, &world->pool, &pool_before);
    ways.acked_otherwise += world->is_plain ? 1 : 0;
    acknowledge_by_the_rules(world, side, segment, time_ns);
}

/* --- what must be equal --- */

static void compare_entries(const struct pending *a, const struct pending *b)
{
    HOLDS(a->start == b->start && a->end == b->end && a->time_ns == b->time_ns);
    HOLDS(a->ts_val == b->ts_val && a->again_ts_val == b->again_ts_val);
    HOLDS(a->again_low == b->again_low && a->again_high == b->again_high);
    HOLDS(a->is_syn == b->is_syn && a->has_ts == b->has_ts);
    HOLDS(a->retransmitted == b->retransmitted && a->has_again == b->has_again);
}

static void compare_lists(const struct pending_list *a, const struct pending_list *b)
{
    HOLDS(a->count == b->count && a->note == b->note);
    if (a->count == 0) {
        return;
    }
    const struct pending *one = pending_head(a, &plain.pool), *other = pending_head(b, &general.pool);
    for (uint32_t n = 0; n < a->count; n++) {
        compare_entries(one, other);
        HOLDS((one == pending_at(&plain.pool, a->tail)) == (n + 1U == a->count));
        one = pending_at(&plain.pool, (uint32_t)one->next);
        other = pending_at(&general.pool, (uint32_t)other->next);
    }
}

static void compare_halves(const struct rtt_half *a, const struct rtt_half *b)
{
    HOLDS(a->next == b->next && a->una == b->una && a->isn == b->isn);
    HOLDS(a->ambiguous_end == b->ambiguous_end && a->trusted_from == b->trusted_from);
    HOLDS(a->previous_low == b->previous_low && a->previous_high == b->previous_high);
    HOLDS(a->window == b->window && a->flags == b->flags);
    compare_lists(&a->waiting, &b->waiting);
}

static void compare_counts(const struct counts *a, const struct counts *b)
{
    HOLDS(a->timed == b->timed && a->retransmits == b->retransmits && a->holes == b->holes && a->samples == b->samples);
    HOLDS(memcmp(a->skipped, b->skipped, sizeof a->skipped) == 0);
    HOLDS(a->newest.rtt_ns == b->newest.rtt_ns && a->newest.previous_ns == b->newest.previous_ns);
    HOLDS(a->newest.end_seq == b->newest.end_seq && a->newest.handshake == b->newest.handshake);
}

/* What the short way need not look at: it is asked only where nothing is ambiguous, and all is trusted. */
static void check_marks(const struct rtt_half *half)
{
    HOLDS(half->waiting.note == 0 || seq_before(half->una, half->ambiguous_end));
    HOLDS(!(half->flags & RTT_UNREACHED) || seq_before(half->una, half->trusted_from));
}

static void compare_worlds(void)
{
    for (unsigned side = 0; side < 2; side++) {
        check_marks(&general.half[side]);
        ways.unreached += general.half[side].flags & RTT_UNREACHED ? 1 : 0;
        compare_halves(&plain.half[side], &general.half[side]);
        compare_counts(&plain.counts[side], &general.counts[side]);
    }
}

static void check_balance(const struct world *world, unsigned side)
{
    const struct counts *counts = &world->counts[side];
    uint64_t accounted = counts->samples + world->half[side].waiting.count;

    for (unsigned reason = 0; reason < SKIP_REASON_COUNT; reason++) {
        accounted += counts->skipped[reason];
    }
    HOLDS(counts->timed == accounted);
}

/* Each entry that was in use once waits in a list or has been given back, and that once. */
static void check_pool(const struct world *world)
{
    uint32_t unused = 0;

    for (uint32_t index = world->pool.unused; index != PENDING_NONE; index = (uint32_t)pending_at(&world->pool, index)->next) {
        HOLDS(index <= world->pool.high && unused <= world->pool.high);
        unused++;
    }
    HOLDS(unused + world->half[0].waiting.count + world->half[1].waiting.count == world->pool.high);
}

static void end_worlds(void)
{
    for (unsigned side = 0; side < 2; side++) {
        check_balance(&plain, side);
        check_balance(&general, side);
    }
    check_pool(&plain);
    check_pool(&general);
    HOLDS(plain.pool.high == general.pool.high);
    pending_pool_destroy(&plain.pool);
    pending_pool_destroy(&general.pool);
}

static void give(unsigned side, const struct tcp_segment *segment, int64_t time_ns)
{
    acknowledge(&plain, side, segment, time_ns);
    send(&plain, side, segment, time_ns);
    acknowledge(&general, side, segment, time_ns);
    send(&general, side, segment, time_ns);
}

/* --- a connection, well behaved but for what is thrown in --- */

struct talk {
    uint32_t next[2];  /* sequence numbers */
    uint32_t acked[2]; /* the newest ACK of what that side sent */
    uint32_t ts[2];    /* the newest TSval of that side */
    uint16_t window;
    bool has_timestamps;
    int64_t time_ns;
    unsigned mess;     /* of a hundred segments so many are odd */
    unsigned patience; /* of so many segments one says something new of the other side */
    unsigned steps;
};

static struct talk new_talk(void)
{
    static const unsigned messes[] = { 0, 2, 10, 50 };
    struct talk talk = { .window = 500, .has_timestamps = draw(2) == 0, .time_ns = S, .mess = messes[draw(4)] };

    talk.patience = draw(100) == 0 ? 1000 : 1; /* then more wait than a retransmission is looked for among */
    talk.steps = talk.patience > 1 ? 3000 : STEPS;
    for (unsigned side = 0; side < 2; side++) {
        talk.next[side] = draw(2) == 0 ? 0U - draw(20000) : draw(UINT32_MAX); /* many come round to 0 */
        talk.ts[side] = draw(4) == 0 ? 0U - draw(100) : 1 + draw(1000);
    }
    return talk;
}

/* Some entry of those that wait of that side; false: there is none. */
static bool any_pending(unsigned side, struct pending *out)
{
    const struct pending_list *list = &general.half[side].waiting;

    if (list->count == 0) {
        return false;
    }
    const struct pending *entry = pending_head(list, &general.pool);
    for (uint32_t left = draw(list->count); left > 0; left--) {
        entry = pending_at(&general.pool, (uint32_t)entry->next);
    }
    *out = *entry;
    return true;
}

static uint32_t some_ack(const struct talk *talk, unsigned acked_side)
{
    struct pending entry;

    if (draw(talk->patience) != 0) {
        return talk->acked[acked_side];
    }
    switch (draw(4)) {
    case 0:
        return talk->acked[acked_side];
    case 1:
        return talk->next[acked_side];
    default:
        return any_pending(acked_side, &entry) ? entry.end : talk->next[acked_side];
    }
}

static struct tcp_segment plain_segment(struct talk *talk, unsigned side)
{
    struct tcp_segment segment = { .flags = TCP_ACK, .seq = talk->next[side], .window = talk->window };

    segment.ack = some_ack(talk, 1 - side);
    segment.payload_len = draw(2) == 0 ? 0 : draw(8) == 0 ? 1 + draw(30000) : 1 + draw(MSS);
    segment.identity = 1 + draw(1U << 30);
    if (talk->has_timestamps) {
        talk->ts[side] += draw(3);
        segment.has_timestamps = true;
        segment.ts_val = talk->ts[side];
        segment.ts_ecr = talk->ts[1 - side];
    }
    return segment;
}

static void add_sack(struct tcp_segment *segment)
{
    segment->sack_count = (uint8_t)(1 + draw(PACKET_MAX_SACK));
    for (unsigned n = 0; n < segment->sack_count; n++) {
        segment->sack[n].left = segment->ack + draw(8000) - 2000;
        segment->sack[n].right = segment->sack[n].left + draw(4000) - 100;
    }
}

static void send_again(struct tcp_segment *segment, unsigned side)
{
    struct pending entry;

    if (any_pending(side, &entry)) {
        segment->seq = entry.start + (draw(3) == 0 ? draw(200) : 0);
        segment->payload_len = entry.end - entry.start + (draw(3) == 0 ? draw(3000) : 0);
    }
}

static void set_odd_flags(struct tcp_segment *segment, const struct rtt_half *half)
{
    static const uint8_t flags[] = { TCP_SYN, TCP_SYN | TCP_ACK, TCP_FIN | TCP_ACK, TCP_FIN, 0, 0x3f };

    segment->flags = flags[draw(sizeof flags)];
    if ((segment->flags & TCP_SYN) && draw(2) == 0) {
        segment->seq = half->isn;
    }
    segment->payload_len = draw(2) == 0 ? 0 : segment->payload_len;
}

static void set_odd_timestamps(struct tcp_segment *segment)
{
    const uint32_t late = draw(2000);

    segment->has_timestamps = draw(4) != 0;
    segment->ts_ecr = segment->has_timestamps && draw(3) != 0 ? segment->ts_ecr - late : 0;
    segment->ts_val = segment->has_timestamps ? segment->ts_val - draw(3) : 0;
}

static void set_odd_length(struct tcp_segment *segment)
{
    static const uint32_t lengths[] = {
        0, 1, 1, MSS + 1, RTT_MAX_DISTANCE - 1, RTT_MAX_DISTANCE, RTT_MAX_DISTANCE + 1, UINT32_MAX
    };

    segment->payload_len = lengths[draw(sizeof lengths / sizeof lengths[0])];
}

static void pass_odd_time(struct talk *talk)
{
    static const int64_t steps[] = { -MS, -S, -130 * S, 119 * S, 121 * S, 0, 1100 * S };

    talk->time_ns += steps[draw(sizeof steps / sizeof steps[0])];
}

/* Something that is not in order. */
static void make_odd(struct tcp_segment *segment, struct talk *talk, unsigned side)
{
    const struct rtt_half *half = &general.half[side];

    switch (draw(15)) {
    case 0:
    case 1:
        send_again(segment, side);
        break;
    case 2:
        segment->seq += draw(3000); /* the one before escaped us */
        break;
    case 3:
        segment->seq -= draw(5000);
        break;
    case 4:
        segment->ack += draw(4) - 2; /* between ends */
        break;
    case 5:
        segment->ack = talk->next[1 - side] + draw(draw(2) == 0 ? 300000 : 3000);
        break;
    case 6:
        segment->ack = talk->acked[1 - side] - draw(3000);
        break;
    case 7:
        add_sack(segment);
        break;
    case 8:
        talk->window = segment->window = draw(3) == 0 ? 0 : (uint16_t)(500 + draw(2));
        break;
    case 9:
        set_odd_flags(segment, half);
        break;
    case 10:
        pass_odd_time(talk);
        break;
    case 11:
        segment->seq = half->una - 1; /* a keep-alive */
        segment->payload_len = draw(2);
        break;
    case 12:
        *(draw(2) == 0 ? &segment->seq : &segment->ack) = draw(UINT32_MAX) ^ (uint32_t)draw(2) << 31;
        break;
    case 13:
        set_odd_timestamps(segment);
        break;
    default:
        set_odd_length(segment);
        break;
    }
}

static void note(struct talk *talk, unsigned side, const struct tcp_segment *segment)
{
    const uint32_t end = segment->seq + segment->payload_len + (segment->flags & TCP_SYN ? 1 : 0)
                         + (segment->flags & TCP_FIN ? 1 : 0);

    if (seq_before(talk->next[side], end) && end - talk->next[side] < 100000) {
        talk->next[side] = end;
    }
    if ((segment->flags & TCP_ACK) && seq_before(talk->acked[1 - side], segment->ack)
        && !seq_before(talk->next[1 - side], segment->ack)) {
        talk->acked[1 - side] = segment->ack;
    }
}

/* What the meter does with a half besides. */
static void happen(struct world *world, unsigned what, unsigned side, const struct tcp_segment *segment, int64_t time_ns)
{
    struct rtt_outcome outcome = { 0 };

    if (what == 0) {
        rtt_restart(&world->half[side], &world->pool, &outcome);
    } else if (what == 1) {
        rtt_drop(&world->half[side], &world->pool, SKIP_CLOCK, &outcome);
    } else {
        rtt_refused(&world->half[side], &world->pool, segment, time_ns, &outcome);
    }
    count(&world->counts[side], &outcome);
}

static void take_step(struct talk *talk)
{
    const unsigned side = draw(3) == 0 ? 1 : 0;
    struct tcp_segment segment = plain_segment(talk, side);

    talk->time_ns += draw(3) * MS;
    if (draw(100) < talk->mess) {
        make_odd(&segment, talk, side);
    }
    if (draw(2000) < talk->mess) {
        const unsigned what = draw(3);
        happen(&plain, what, side, &segment, talk->time_ns);
        happen(&general, what, side, &segment, talk->time_ns);
    }
    give(side, &segment, talk->time_ns);
    note(talk, side, &segment);
    compare_worlds();
}

static void shake_hands(struct talk *talk)
{
    struct tcp_segment syn = plain_segment(talk, 0);

    syn.flags = TCP_SYN;
    syn.payload_len = draw(5) == 0 ? draw(100) : 0;
    give(0, &syn, talk->time_ns);
    note(talk, 0, &syn);
    struct tcp_segment answer = plain_segment(talk, 1);
    answer.flags = TCP_SYN | TCP_ACK;
    answer.ack = syn.seq + 1;
    answer.payload_len = 0;
    give(1, &answer, talk->time_ns + MS);
    note(talk, 1, &answer);
    compare_worlds();
}

static void many_connections(uint32_t limit_below)
{
    for (run = 0; run < RUNS; run++) {
        random_state = UINT64_C(0x9e3779b97f4a7c15) * (run + 1);
        struct talk talk = new_talk();
        step = 0;
        begin_worlds(1 + draw(limit_below));
        talk.acked[0] = talk.next[0];
        talk.acked[1] = talk.next[1];
        if (draw(2) == 0) {
            shake_hands(&talk);
        }
        for (step = 1; step <= talk.steps; step++) {
            take_step(&talk);
        }
        end_worlds();
    }
}

/* --- tests --- */

static int set_up(void **state)
{
    (void)state;
    memset(&ways, 0, sizeof ways);
    run = step = 0;
    return 0;
}

static void both_ways_are_one(void **state)
{
    (void)state;
    many_connections(100000);
    const unsigned sent = ways.sent + ways.sent_otherwise, acked = ways.acked + ways.acked_otherwise;
    assert_true(ways.sent > sent / 2 && ways.sent_otherwise > sent / 20);
    assert_true(ways.acked > acked / 2 && ways.acked_otherwise > acked / 20);
    assert_true(ways.sampled > 20000 && ways.several > 5000 && ways.unreached > 1000);
}

static void with_a_pool_that_runs_out(void **state)
{
    (void)state;
    many_connections(8);
    assert_true(ways.sent > 20000 && ways.sent_otherwise > 20000);
    assert_true(ways.acked > 20000 && ways.acked_otherwise > 20000);
    assert_true(ways.sampled > 20000);
}

static struct tcp_segment data(uint32_t seq, uint32_t length)
{
    return (struct tcp_segment){ .flags = TCP_ACK, .seq = seq, .ack = 1, .payload_len = length, .window = 500 };
}

static struct tcp_segment answer(uint32_t ack)
{
    return (struct tcp_segment){ .flags = TCP_ACK, .seq = 1, .ack = ack, .window = 500 };
}

static void give_data(uint32_t seq, uint32_t length, int64_t time_ns)
{
    const struct tcp_segment segment = data(seq, length);

    give(0, &segment, time_ns);
}

static void give_answer(uint32_t ack, int64_t time_ns)
{
    const struct tcp_segment segment = answer(ack);

    give(1, &segment, time_ns);
}

static void at_the_bound_of_a_half(void **state)
{
    uint32_t seq = 0U - 10 * RTT_MAX_PENDING / 2;

    (void)state;
    begin_worlds(PENDING_MAX);
    for (step = 0; step < RTT_MAX_PENDING; step++, seq += 10) {
        give_data(seq, 10, step * MS);
    }
    compare_worlds();
    assert_int_equal(ways.sent, RTT_MAX_PENDING - 1); /* the first one began the half */
    assert_int_equal(plain.half[0].waiting.count, RTT_MAX_PENDING);
    for (; step < RTT_MAX_PENDING + 5; step++, seq += 10) {
        give_data(seq, 10, step * MS);
        compare_worlds();
    }
    assert_int_equal(ways.sent, RTT_MAX_PENDING - 1);
    assert_int_equal(plain.counts[0].skipped[SKIP_OVERFLOW], 5);
    give_data(seq, 10, 121 * S); /* some give no sample any more, and make room */
    compare_worlds();
    assert_true(plain.counts[0].skipped[SKIP_CLOCK] > 900);
    give_answer(seq - 60, 121 * S + MS);
    compare_worlds();
    give_data(seq + 10, 10, 121 * S + 2 * MS);
    give_answer(seq + 20, 121 * S + 3 * MS);
    compare_worlds();
    assert_int_equal(plain.half[0].waiting.count, 0);
    end_worlds();
}

/* One entry below the bound is not yet at it. */
static void just_below_the_bound_of_a_half(void **state)
{
    uint32_t seq = 1000;

    (void)state;
    begin_worlds(PENDING_MAX);
    for (step = 0; step < RTT_MAX_PENDING - 1; step++, seq += 10) {
        give_data(seq, 10, step);
    }
    const unsigned before = ways.sent;
    give_data(seq, 10, step);
    assert_int_equal(ways.sent, before + 1);
    compare_worlds();
    assert_int_equal(plain.counts[0].skipped[SKIP_OVERFLOW], 0);
    end_worlds();
}

/* A half with data under way, whose left edge is the peer's word. */
static void begin_under_way(uint32_t seq)
{
    begin_worlds(100);
    give_data(seq - 10, 10, 0);
    give_answer(seq, MS);
    compare_worlds();
    memset(&ways, 0, sizeof ways);
}

static void new_data_and_its_ack_are_plain(void **state)
{
    (void)state;
    begin_under_way(1000);
    give_data(1000, 100, S);
    give_data(1100, 100, S);
    give_answer(1200, S + 7 * MS);
    give_answer(1200, S + 8 * MS); /* says nothing new */
    compare_worlds();
    assert_int_equal(ways.sent, 2);
    assert_int_equal(ways.sampled, 1);
    assert_int_equal(ways.several, 1);
    assert_int_equal(plain.counts[0].newest.rtt_ns, 7 * MS);
    assert_int_equal(plain.counts[0].newest.previous_ns, MS);
    assert_int_equal(plain.counts[0].newest.end_seq, 1200);
    assert_int_equal(plain.counts[0].skipped[SKIP_COVERED], 1);
    assert_int_equal(ways.sent_otherwise, 0);
    end_worlds();
}

/* The longest round trip, the shortest, and beyond both. */
static void the_bounds_of_time(void **state)
{
    static const struct {
        int64_t rtt_ns;
        bool is_plain;
    } cases[] = { { 0, true }, { 1, true }, { RTT_MAX_NS, true }, { RTT_MAX_NS + 1, false }, { -1, false } };

    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        begin_under_way(1000);
        give_data(1000, 100, S);
        give_answer(1100, S + cases[n].rtt_ns);
        compare_worlds();
        assert_int_equal(ways.sampled, cases[n].is_plain ? 1 : 0);
        assert_int_equal(plain.counts[0].skipped[SKIP_CLOCK], cases[n].is_plain ? 0 : 1);
        end_worlds();
    }
}

/* How much data a segment may have, and how much may be outstanding. */
static void the_bounds_of_distance(void **state)
{
    static const struct {
        uint32_t length;
        bool is_plain;
    } cases[] = { { 1, true }, { RTT_MAX_DISTANCE, true }, { RTT_MAX_DISTANCE + 1, false }, { UINT32_MAX, false } };

    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        begin_under_way(0U - 5);
        give_data(0U - 5, cases[n].length, S);
        compare_worlds();
        assert_int_equal(ways.sent, cases[n].is_plain ? 1 : 0);
        give_answer(cases[n].length - 5, S + MS);
        compare_worlds();
        assert_int_equal(ways.sampled, cases[n].is_plain ? 1 : 0);
        end_worlds();
    }
}

/* An echo of what was sent before the capture began is for the rules; nothing else about time stamps is. */
static void the_echo_says_what_is_of_before(void **state)
{
    static const struct {
        bool has_ts, answer_has_ts, is_plain;
        uint32_t ts_ecr;
    } cases[] = {
        { true, true, true, 50 },
        { true, true, true, 51 },
        { true, true, false, 49 },
        { true, true, false, 1 },
        { true, true, true, 0 },
        { true, false, true, 0 },
        { false, true, true, 1 },
        { false, true, true, 50 },
        { false, false, true, 0 },
        { true, true, false, 51U + (1U << 31) },
        { false, true, true, 1U + (1U << 31) },
    };

    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct tcp_segment sent = data(1000, 100), acked = answer(1100);
        sent.has_timestamps = cases[n].has_ts;
        sent.ts_val = cases[n].has_ts ? 50 : 0;
        acked.has_timestamps = cases[n].answer_has_ts;
        acked.ts_ecr = cases[n].ts_ecr;
        begin_under_way(1000);
        give(0, &sent, S);
        give(1, &acked, S + MS);
        compare_worlds();
        assert_int_equal(ways.sampled, cases[n].is_plain ? 1 : 0);
        assert_int_equal(plain.counts[0].samples, cases[n].is_plain ? 2 : 1);
        end_worlds();
    }
}

/* Where all has been captured from the beginning, an echo may say what it likes. */
static void from_its_syn_on_the_echo_need_not_be_asked(void **state)
{
    struct tcp_segment syn = data(1000, 0), sent = data(1001, 100), acked = answer(1101);

    (void)state;
    begin_worlds(100);
    syn.flags = TCP_SYN;
    give(0, &syn, 0);
    give_answer(1001, MS);
    sent.has_timestamps = acked.has_timestamps = true;
    sent.ts_val = 50;
    acked.ts_ecr = 7;
    give(0, &sent, S);
    give(1, &acked, S + MS);
    compare_worlds();
    assert_int_equal(ways.sampled, 1);
    assert_int_equal(plain.counts[0].newest.handshake, false);
    assert_int_equal(plain.counts[0].samples, 2);
    end_worlds();
}

static void the_last_answer_may_be_a_duplicate_ack(void **state)
{
    (void)state;
    begin_under_way(1000);
    give_data(1000, 100, S);
    const unsigned before = ways.acked;
    give_answer(1000, S + MS);
    assert_int_equal(ways.acked, before);
    compare_worlds();
    assert_int_equal(plain.counts[0].holes, 1);
    give_data(1100, 100, S + 2 * MS);
    give_answer(1200, S + 5 * MS);
    compare_worlds();
    assert_int_equal(ways.sampled, 0);
    end_worlds();
}

#define CASE(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(both_ways_are_one),
        CASE(with_a_pool_that_runs_out),
        CASE(at_the_bound_of_a_half),
        CASE(just_below_the_bound_of_a_half),
        CASE(new_data_and_its_ack_are_plain),
        CASE(the_bounds_of_time),
        CASE(the_bounds_of_distance),
        CASE(the_echo_says_what_is_of_before),
        CASE(from_its_syn_on_the_echo_need_not_be_asked),
        CASE(the_last_answer_may_be_a_duplicate_ack),
    };

    return cmocka_run_group_tests_name("rtt_plain", tests, NULL, NULL);
}
