/* meter_contest.c: see meter_state.h. Who has a row of his own when there are more peers than rows.
 *
 * Whoever comes first gets a row, and keeps it as long as he uses it. Beyond max_peers a flow is counted in its instance's row
 * `other`; the round trips of those flows say who there would be worth a row (contenders.h). Every ROUND_S, as long as there
 * are such, the rows are weighed by the same measure, and the best of those without take the places of the least of those with:
 * only who was active in two rounds running, and has twice as much, so that rows are not handed to and fro. Round trips count
 * and not packets, as a row is there to tell of them, and as nobody can have them under an address that is not his.
 *
 * An instance takes part in a round when it has been measured for ROUND_S since the last one in which it did. Between two
 * windows, or while its interface is away, it has no traffic, and that says nothing about who would have: its rows stay as they
 * are, and its contenders do not age, though others may take their counters. What is held against each other was measured side by
 * side, if not for equally long: a round of who is measured in windows ends with one of the others, and so may be longer than
 * theirs, and a score is of round trips in so many seconds (contenders.h). A row of an interface that does not come back leaves
 * as any idle one does, by its time to live.
 *
 * A row that gives way is added to `other`, so that no total over all rows ever goes back. The flows of both go where they belong
 * in one pass over all flows. What was waiting for its ACK there becomes `unacked`: so each row adds up for itself, and none
 * begins with a round trip of before its birth. */
#include "meter_state.h"

#include <stdlib.h>

#define ROUND_S 5U
#define ROUND_MOST_S (2 * ROUND_S) /* what is more is a time in which nobody looked, and that is no reason to forget what was */
#define CHANGES_LEAST 64U          /* so many rows may change hands in one round, or one of so many, which are more */
#define CHANGES_SHARE 16U
#define FEWEST 8U /* round trips that have to be seen of who is to take another's place */
#define TIMES 2U  /* and so often what that one has */

#define ROWS_AHEAD 8U
#define FLOWS_AHEAD 16U

/* A newcomer and his row. */
struct change {
    struct contender *newcomer;
    uint32_t row;
    uint32_t flows; /* of his, that were in `other` */
    bool is_taken;  /* the row is another's until all flows have moved */
};

struct round {
    struct meter *meter;
    struct change changes[LEAST_MAX];
    size_t count;
    struct least best, rows;
    uint64_t due; /* the instances that take part, as bits */
};

bool meter_contest_init(struct meter *meter)
{
    struct contest *contest = &meter->contest;
    const bool contenders = contenders_init(&contest->contenders, meter->peers.limit, meter->options.hash_seed);

    contest->measured = UINT64_MAX;
    contest->leaving = calloc(meter->peers.limit / 64 + 1, sizeof *contest->leaving);
    if (meter->options.keep_rows) {
        contenders_rest(&contest->contenders); /* nobody gives way */
    }
    return contenders && contest->leaving != NULL;
}

void meter_contest_destroy(struct meter *meter)
{
    contenders_destroy(&meter->contest.contenders);
    free(meter->contest.leaving);
    meter->contest.leaving = NULL;
}

void meter_contest_note(struct meter *meter, const struct flow *flow, unsigned side, int64_t time_ns)
{
    const struct peer_key key = meter_row_key(meter, flow_instance(flow), &flow->key, side);

    meter->contest.pressing |= UINT64_C(1) << key.instance;
    contenders_note(&meter->contest.contenders, &key, peer_key_hash(&meter->peers, &key), time_ns);
}

static void forget_contenders(struct meter *meter, int number, bool (*stays)(const struct peer_key *key, void *arg), void *arg)
{
    const struct contest *contest = &meter->contest;

    if (contest->contenders.noted > 0 || contest->is_any_left) { /* else their memory was never touched */
        contenders_forget_of(&meter->contest.contenders, UINT64_C(1) << number, stays, arg);
    }
}

void meter_contest_restart(struct meter *meter, int number)
{
    forget_contenders(meter, number, NULL, NULL);
}

static bool may_have_row(const struct peer_key *key, void *meter)
{
    return meter_may_have_row(meter, key);
}

void meter_contest_follow(struct meter *meter, int number)
{
    forget_contenders(meter, number, may_have_row, meter);
}

/* Who knows the shared rows. */
struct known {
    bool (*is_known)(uint32_t value, const void *arg);
    const void *arg;
};

static bool is_still_named(const struct peer_key *key, void *arg)
{
    const struct known *known = arg;
    const uint32_t value = meter_shared_value(key);

    return value == 0 || known->is_known(value, known->arg);
}

void meter_contest_forget_shared(struct meter *meter, int number, bool (*is_known)(uint32_t value, const void *arg),
                                 const void *arg)
{
    struct known known = { is_known, arg };

    forget_contenders(meter, number, is_still_named, &known);
}

/* --- who gets a row --- */

_Static_assert(LEAST_MAX < UINT16_MAX, "a tag holds it");

static void add_change(struct round *round, struct contender *newcomer, uint32_t row, bool is_taken)
{
    round->changes[round->count++] = (struct change){ .newcomer = newcomer, .row = row, .is_taken = is_taken };
    newcomer->tag = (uint16_t)round->count;
}

/* Who has a row by now, or can have a free one. It holds one flow more until the round is over, and is not weighed. */
static bool give_free_row(struct round *round, struct contender *newcomer)
{
    struct meter *meter = round->meter;
    bool born;
    const uint32_t row = peer_row_take(&meter->peers, &newcomer->key, newcomer->hash, newcomer->time_ns, &born);

    if (row == PEER_ROW_NONE) {
        return false;
    }
    meter->instances[newcomer->key.instance]->counters.open_peers += born ? 1 : 0;
    peer_row_at(&meter->peers, row)->is_weighed = false;
    add_change(round, newcomer, row, false);
    return true;
}

/* --- who has least --- */

static void await_row(const struct meter *meter, uint32_t index)
{
    const struct peer_row *row = peer_row_at(&meter->peers, index);

    __builtin_prefetch(&row->stats.samples);
    __builtin_prefetch(&row->score, 1);
}

/* Of the instance's round that is over. */
static uint32_t length_of(const struct metered *metered)
{
    return metered->measured_s < ROUND_MOST_S ? metered->measured_s : ROUND_MOST_S;
}

/* After a pause, in which nobody wanted a row and none was weighed, it counts as if the traffic had been even. */
static void weigh_row(struct peer_row *row, const struct metered *metered)
{
    const uint64_t more = row->stats.samples - row->samples_known;
    const uint32_t length_s = length_of(metered);

    row->score = metered->is_weighing ? score_add(score_age(row->score, length_s), more)
                                      : score_of_steady(more, (uint64_t)metered->unweighed_s + length_s);
    row->samples_known = row->stats.samples;
    row->is_weighed = true;
}

/* All rows of those that take part; the `wanted` least of those that were there the last time too are noted. */
static void weigh_rows(struct round *round, size_t wanted)
{
    struct meter *meter = round->meter;

    least_begin(&round->rows, wanted);
    for (uint32_t index = 0; index < meter->peers.high; index++) {
        struct peer_row *row = peer_row_at(&meter->peers, index);
        if (index + ROWS_AHEAD < meter->peers.high) {
            await_row(meter, index + ROWS_AHEAD);
        }
        if (row->birth != 0 && (round->due >> row->key.instance & 1)) {
            const bool was_there = row->is_weighed;
            weigh_row(row, meter->instances[row->key.instance]);
            if (was_there) {
                least_note(&round->rows, row->score, index);
            }
        }
    }
}

/* --- who gives way --- */

/* weight: how many round trips one that was seen stands for. */
static bool outdoes(const struct contender *newcomer, uint32_t score, uint32_t weight)
{
    return newcomer->is_steady && newcomer->score >= SCORE_UNIT * FEWEST * weight && newcomer->score >= (uint64_t)TIMES * score;
}

static void mark_leaving(struct meter *meter, uint32_t row)
{
    meter->contest.leaving[row / 64] ^= UINT64_C(1) << row % 64;
}

static bool is_leaving(const struct meter *meter, uint32_t row)
{
    return meter->contest.leaving[row / 64] >> row % 64 & 1;
}

/* The best of the newcomers against the least of the rows, and so on. */
static void give_places(struct round *round, size_t newcomers)
{
    struct meter *meter = round->meter;
    size_t place = 0;

    least_sort(&round->rows);
    for (size_t n = 0; n < newcomers && place < round->rows.count; n++) {
        struct contender *newcomer = &meter->contest.contenders.of[round->best.item[n].index];
        const struct least_item *row = &round->rows.item[place];
        if (outdoes(newcomer, row->score, meter->contest.contenders.weight)) {
            add_change(round, newcomer, row->index, true);
            mark_leaving(meter, row->index);
            place++;
        }
    }
}

/* --- the flows move --- */

/* Where a flow that is in `other` goes. NULL: it stays. */
static struct change *change_of(struct round *round, const struct flow *flow, unsigned side)
{
    struct meter *meter = round->meter;
    const struct peer_key key = meter_row_key(meter, flow_instance(flow), &flow->key, side);
    const struct contender *found = contenders_find(&meter->contest.contenders, &key, peer_key_hash(&meter->peers, &key));

    return found == NULL || found->tag == 0 ? NULL : &round->changes[found->tag - 1];
}

static void move_side(struct round *round, struct flow *flow, unsigned side)
{
    uint32_t to = ROW_OTHER;

    if (flow->side[side].row == ROW_OTHER) {
        struct change *change = change_of(round, flow, side);
        if (change == NULL) {
            return;
        }
        change->flows++;
        to = change->row;
    } else if (!is_leaving(round->meter, flow->side[side].row)) {
        return;
    }
    meter_drop_pending_of(round->meter, flow, side, SKIP_UNACKED);
    rtt_forget_previous(&flow->half[side]);
    flow->side[side].row = FLOW_ROW_MASK & to;
}

/* Each side of each flow once: from then on a row's number may mean the one that follows it. */
static void move_flows(struct round *round)
{
    const struct flow_table *flows = &round->meter->flows;

    for (uint32_t index = 0; index < flows->high; index++) {
        struct flow *flow = flow_at(flows, index);
        if (index + FLOWS_AHEAD < flows->high) {
            __builtin_prefetch(flow + FLOWS_AHEAD);
        }
        for (unsigned side = 0; side < 2 && (flow->state & FLOW_OPEN); side++) {
            if (meter_is_measured(flow, side)) {
                move_side(round, flow, side);
            }
        }
    }
}

/* --- the rows change hands --- */

static void take_place(struct meter *meter, const struct change *change)
{
    const struct contender *newcomer = change->newcomer;
    const struct peer_row *row = peer_row_at(&meter->peers, change->row);
    struct metered *loser = meter->instances[row->key.instance];

    mark_leaving(meter, change->row); /* no more */
    meter_account_departure(loser, &row->stats);
    if (meter->options.on_departure != NULL) {
        meter->options.on_departure(meter->options.on_departure_arg, row->birth, loser->other.birth);
    }
    loser->counters.open_peers--;
    meter->instances[newcomer->key.instance]->counters.open_peers++;
    peer_row_replace(&meter->peers, change->row, &newcomer->key, newcomer->hash, newcomer->time_ns);
}

static void settle(struct meter *meter, const struct change *change)
{
    if (change->is_taken) {
        take_place(meter, change);
    }
    struct peer_row *row = peer_row_at(&meter->peers, change->row);
    row->open_flows += change->flows;
    row->is_weighed = true;
    if (row->score < change->newcomer->score) {
        row->score = change->newcomer->score;
    }
    peer_row_release(&meter->peers, change->row, meter->now_s); /* the flow that it was held by */
    contenders_forget(change->newcomer);
}

/* --- rounds --- */

static uint64_t round_trips_of_others(const struct meter *meter)
{
    uint64_t sum = 0;

    for (int number = 0; number < METER_MAX_INSTANCES; number++) {
        sum += meter->instances[number] == NULL ? 0 : meter->instances[number]->other.stats.samples;
    }
    return sum;
}

static size_t most_changes(const struct meter *meter)
{
    const uint32_t share = meter->peers.limit / CHANGES_SHARE;

    return share < CHANGES_LEAST ? CHANGES_LEAST : share < LEAST_MAX ? share : LEAST_MAX;
}

/* Gives those who need nobody's place what they need. Returns how many are left, in the front of round->best. */
static size_t give_free_rows(struct round *round)
{
    struct contender *of = round->meter->contest.contenders.of;
    size_t left = 0;

    for (size_t n = 0; n < round->best.count; n++) {
        if (!give_free_row(round, &of[round->best.item[n].index])) {
            round->best.item[left++] = round->best.item[n];
        }
    }
    return left;
}

/* After a pause nobody gives way, as nobody is steady: how much the rows have now is known when the next round is over. */
static void hold_round(struct meter *meter, uint64_t due)
{
    struct round round = { .meter = meter, .due = due };

    contenders_best(&meter->contest.contenders, due, most_changes(meter), &round.best);
    const size_t newcomers = give_free_rows(&round);
    weigh_rows(&round, newcomers);
    give_places(&round, newcomers);
    if (round.count > 0) {
        meter->changes++;
        move_flows(&round);
    }
    for (size_t n = 0; n < round.count; n++) {
        settle(meter, &round.changes[n]);
    }
}

/* The round is over. An instance may have taken its round trips with it. */
static void age_contenders(struct meter *meter, uint64_t due)
{
    struct contest *contest = &meter->contest;
    const uint64_t now = round_trips_of_others(meter), then = contest->round_trips;
    uint32_t seconds[METER_MAX_INSTANCES] = { 0 };

    for (uint64_t left = due; left != 0; left &= left - 1) {
        seconds[__builtin_ctzll(left)] = length_of(meter->instances[__builtin_ctzll(left)]);
    }
    contest->is_any_left = contenders_age(&contest->contenders, seconds, now < then ? 0 : now - then);
}

/* The seconds up to now were those of what was measured in them. */
static void count_measured(struct meter *meter)
{
    struct contest *contest = &meter->contest;
    const uint32_t more_s = contest->counted_s == 0 ? 0 : meter->now_s - contest->counted_s;

    for (int number = 0; number < METER_MAX_INSTANCES; number++) {
        if (meter->instances[number] != NULL && (contest->measured >> number & 1)) {
            meter->instances[number]->measured_s += more_s;
        }
    }
    contest->counted_s = meter->now_s;
}

static uint64_t who_is_due(const struct meter *meter)
{
    uint64_t due = 0;

    for (int number = 0; number < METER_MAX_INSTANCES; number++) {
        if (meter->instances[number] != NULL && meter->instances[number]->measured_s >= ROUND_S) {
            due |= UINT64_C(1) << number;
        }
    }
    return due;
}

static void end_rounds(struct meter *meter, uint64_t due, bool is_pressed)
{
    for (; due != 0; due &= due - 1) {
        struct metered *metered = meter->instances[__builtin_ctzll(due)];
        metered->unweighed_s = is_pressed ? 0 : metered->unweighed_s + length_of(metered);
        metered->measured_s = 0;
        metered->is_weighing = is_pressed;
    }
}

void meter_measured(struct meter *meter, uint64_t instances)
{
    meter->contest.measured = instances;
}

void meter_contest(struct meter *meter)
{
    struct contest *contest = &meter->contest;

    if (meter->options.keep_rows) {
        return;
    }
    count_measured(meter);
    if (meter->now_s - contest->round_s < ROUND_S) {
        return;
    }
    const uint64_t due = who_is_due(meter);
    const bool is_pressed = (contest->pressing & due) != 0;

    if (is_pressed) {
        hold_round(meter, due);
    }
    if (contest->contenders.noted > 0 || contest->is_any_left) {
        age_contenders(meter, due);
    }
    end_rounds(meter, due, is_pressed);
    contest->pressing &= ~due;
    contest->round_trips = round_trips_of_others(meter);
    contest->round_s = meter->now_s;
}
