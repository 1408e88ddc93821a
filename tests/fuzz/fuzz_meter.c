/* fuzz_meter.c: libFuzzer target for the way from frames to rows: whatever comes, the counters add up (design, rule 7).
 *
 * Input: records of a byte that chooses what happens and the bytes that it needs (zeros beyond the end): a segment that is shaped
 * after what was sent before, so that flows come about; a frame as it is; the last frame once more; time. After each,
 * packets == tcp + ignored and timed == samples + skipped + pending. A second meter, in which frames wait as long as they may,
 * has the same rows and counters at the end. In a third one rows make room for busier peers: there no total goes back, and each
 * row adds up by itself. tests/fuzz/make_corpus_meter.py writes the seeds. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <pcap/dlt.h>

#include "histogram.h"
#include "meter.h"
#include "tests/unit/peer_fixture.h"

#define FLOWS 8
#define FRAME_MAX 256
#define MAX_PEERS 5
#define MAX_ROWS (MAX_PEERS + 2) /* and an `other` of each instance */

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* --- input --- */

struct input {
    const uint8_t *at;
    size_t left;
};

static uint32_t take(struct input *input, unsigned bytes)
{
    uint32_t value = 0;

    for (; bytes > 0; bytes--) {
        value = value << 8 | (input->left > 0 ? *input->at : 0);
        input->at += input->left > 0 ? 1 : 0;
        input->left -= input->left > 0 ? 1 : 0;
    }
    return value;
}

/* Small differences are likelier than large ones. */
static uint32_t take_offset(struct input *input)
{
    const uint8_t how = (uint8_t)take(input, 1);

    if (how < 128)
        return 0;
    return how < 250 ? (uint32_t)(int32_t)(int16_t)take(input, 2) : take(input, 4);
}

/* --- frames --- */

struct frame {
    uint8_t bytes[FRAME_MAX];
    size_t size, wirelen;
    int linktype;
};

static void put(struct frame *frame, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0)
        frame->bytes[frame->size++] = (uint8_t)(value >> (8 * bytes));
}

/* Over the rows of an instance. */
struct sums {
    uint64_t accounted[2], timed[2], flows[2], retransmits[2], samples[2];
};

struct session {
    struct meter *meter;     /* takes each frame at once */
    struct meter *patient;   /* lets them wait */
    struct meter *contested; /* has rows that make room */
    struct sums contested_before;
    struct frame frame;
    int64_t time_ns;
    uint32_t now_s;
    uint32_t next[FLOWS][2]; /* sequence numbers */
    uint16_t ip_id;
};

static void put_network(struct session *session, unsigned flow, unsigned side, uint32_t length)
{
    struct frame *frame = &session->frame;

    put(frame, 0, 8);
    put(frame, 0, 4);
    if (flow & 1) {
        put(frame, 0x86dd60000000, 6);
        put(frame, length, 2);
        put(frame, 6 << 8 | 64, 2);
        for (unsigned n = 0; n < 2; n++) {
            put(frame, UINT64_C(0x20010db800000000), 8);
            put(frame, (side ^ n) + (flow & 6), 8);
        }
        return;
    }
    put(frame, 0x08004500, 4);
    put(frame, length + 20, 2);
    put(frame, session->ip_id, 2);
    put(frame, 0x40004006, 4);
    put(frame, 0, 2);
    put(frame, 0x0a000000 | (side + (flow & 6)), 4);
    put(frame, 0x0a000000 | ((side ^ 1) + (flow & 6)), 4);
}

static void put_options(struct frame *frame, struct input *input, unsigned sacks, uint32_t acked)
{
    put(frame, 0x0101080a, 4);
    put(frame, take(input, 1), 4);
    put(frame, take(input, 1), 4);
    if (sacks == 0)
        return;
    put(frame, 0x01010500 | (2 + 8 * sacks), 4);
    while (sacks-- > 0) {
        const uint32_t left = acked + take_offset(input);
        put(frame, left, 4);
        put(frame, left + take(input, 1) * 16, 4);
    }
}

static void shape_segment(struct session *session, struct input *input)
{
    const unsigned who = take(input, 1), flow = who >> 1 & (FLOWS - 1), side = who & 1;
    const uint32_t length = take(input, 1) * 8, flags = take(input, 1), form = take(input, 1);
    const unsigned sacks = form & 3, options = form & 4 ? 12 + (sacks > 0 ? 4 + 8 * sacks : 0) : 0;
    uint32_t *next = session->next[flow];
    const uint32_t seq = next[side] + take_offset(input), ack = next[1 - side] + take_offset(input);
    struct frame *frame = &session->frame;

    frame->size = 0;
    frame->linktype = DLT_EN10MB;
    session->ip_id = (uint16_t)(session->ip_id + (form & 8 ? 0 : 1));
    put_network(session, flow, side, 20 + options + length);
    put(frame, 1000U + side, 2);
    put(frame, 1000U + (side ^ 1), 2);
    put(frame, seq, 4);
    put(frame, ack, 4);
    put(frame, (20 + options) / 4 << 12 | (flags & 0x3f), 2);
    put(frame, form & 16 ? take(input, 2) : 500, 2);
    put(frame, 0, 4);
    if (options > 0)
        put_options(frame, input, sacks, ack);
    frame->wirelen = frame->size + length;
    next[side] = seq + length + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0);
}

static void take_raw(struct session *session, struct input *input)
{
    static const int linktypes[] = { DLT_EN10MB, DLT_LINUX_SLL, DLT_RAW, DLT_NULL, DLT_LOOP };
    struct frame *frame = &session->frame;

    frame->linktype = linktypes[take(input, 1) % (sizeof linktypes / sizeof linktypes[0])];
    frame->size = take(input, 1);
    for (size_t n = 0; n < frame->size; n++)
        frame->bytes[n] = (uint8_t)take(input, 1);
    frame->wirelen = frame->size + take(input, 1) * 16;
}

static void give_frame(struct session *session)
{
    const struct captured_frame frame = { .bytes = session->frame.bytes,
                                          .caplen = session->frame.size,
                                          .wirelen = session->frame.wirelen,
                                          .time_ns = session->time_ns,
                                          .linktype = session->frame.linktype };

    meter_frame(session->meter, 3, &frame, session->now_s);
    meter_frame(session->patient, 3, &frame, session->now_s);
    meter_frame(session->contested, 3, &frame, session->now_s);
}

static void finish(struct session *session, uint64_t instances)
{
    meter_finish(session->meter, instances);
    meter_finish(session->patient, instances);
    meter_finish(session->contested, instances);
}

static void pass_time(struct session *session, struct input *input)
{
    uint32_t ends;

    switch (take(input, 1) % 5) {
    case 0:
        session->now_s += take(input, 1);
        meter_expire(session->meter, session->now_s);
        meter_expire(session->patient, session->now_s);
        meter_expire(session->contested, session->now_s);
        return;
    case 1:
        meter_clock_step(session->meter);
        meter_clock_step(session->patient);
        meter_clock_step(session->contested);
        return;
    case 2:
        ends = take(input, 1);
        meter_measured(session->contested, ~(ends >> 2));
        finish(session, ends & 3);
        return;
    case 3:
        session->time_ns = (int64_t)take(input, 4) << 30;
        return;
    default:
        session->time_ns += (int64_t)take(input, 3) * 1000000;
    }
}

/* --- what must hold --- */

static void add_row(const struct meter_row *row, void *arg)
{
    struct sums *sums = arg;
    const struct peer_stats *stats = row->stats;
    uint64_t counted = 0, accounted = stats->samples;

    for (unsigned reason = 0; reason < SKIP_REASON_COUNT; reason++)
        accounted += stats->skipped[reason];
    require(accounted <= stats->timed);
    sums->accounted[row->instance] += accounted;
    sums->timed[row->instance] += stats->timed;
    sums->flows[row->instance] += stats->flows;
    sums->retransmits[row->instance] += stats->retransmits;
    sums->samples[row->instance] += stats->samples;
    require(stats->handshake_samples <= stats->samples);
    if (row->other)
        return;
    for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++)
        counted += stats->histogram->count[bucket];
    require(counted == stats->samples);
    require(stats->min_ns <= stats->max_ns && stats->max_ns <= UINT64_C(120000000000));
    require(stats->samples == 0 || (stats->last_ns >= stats->min_ns && stats->last_ns <= stats->max_ns));
    require(stats->samples == 0 || (peer_srtt_ns(stats) >= stats->min_ns && peer_srtt_ns(stats) <= stats->max_ns));
    require(stats->sum_ns >= stats->samples * stats->min_ns && stats->sum_ns <= stats->samples * stats->max_ns);
}

static struct sums check(struct meter *meter)
{
    struct sums sums = { { 0 }, { 0 }, { 0 }, { 0 }, { 0 } };

    meter_flush(meter);
    meter_each_row(meter, add_row, &sums);
    for (int number = 0; number < 2; number++) {
        const struct meter_counters *counters = meter_counters(meter, number);
        uint64_t ignored = 0;
        for (unsigned reason = 0; reason < PACKET_REASON_COUNT; reason++)
            ignored += counters->ignored[reason];
        require(counters->packets == counters->tcp + ignored);
        require(sums.timed[number] == sums.accounted[number] + meter_pending(meter, number));
    }
    return sums;
}

/* The same packets are timed, whoever has a row. */
static void check_contested(struct session *session, const struct sums *wanted)
{
    const struct sums before = session->contested_before, now = check(session->contested);

    for (unsigned n = 0; n < 2; n++) {
        require(now.timed[n] == wanted->timed[n] && now.flows[n] == wanted->flows[n]);
        require(now.retransmits[n] == wanted->retransmits[n]);
        require(now.samples[n] >= before.samples[n] && now.accounted[n] >= before.accounted[n]);
    }
    session->contested_before = now;
}

struct rows {
    struct meter_row rows[MAX_ROWS];
    size_t count;
};

static void keep_row(const struct meter_row *row, void *arg)
{
    struct rows *rows = arg;

    require(rows->count < MAX_ROWS);
    rows->rows[rows->count++] = *row;
}

static void compare_rows(const struct meter_row *a, const struct meter_row *b)
{
    struct kept_stats one, other;

    keep_stats(&one, a->stats);
    keep_stats(&other, b->stats);
    require(a->instance == b->instance && a->other == b->other && a->peer_port == b->peer_port && a->birth == b->birth);
    require(address_equal(&a->local, &b->local) && address_equal(&a->peer, &b->peer));
    require(a->birth_time_ns == b->birth_time_ns && a->last_sample_time_ns == b->last_sample_time_ns);
    require(a->last_sample_s == b->last_sample_s);
    require(memcmp(&one, &other, sizeof one) == 0);
}

static void compare(const struct meter *meter, const struct meter *patient)
{
    struct rows rows = { .count = 0 }, others = { .count = 0 };

    meter_each_row(meter, keep_row, &rows);
    meter_each_row(patient, keep_row, &others);
    require(rows.count == others.count);
    for (size_t n = 0; n < rows.count; n++)
        compare_rows(&rows.rows[n], &others.rows[n]);
    for (int number = 0; number < 2; number++)
        require(memcmp(meter_counters(meter, number), meter_counters(patient, number), sizeof(struct meter_counters)) == 0);
}

static void add_instances(struct meter *meter)
{
    const struct meter_instance both = { .both_sides = true }, ports = { .both_sides = true, .group = METER_GROUP_PEER_PORT };

    require(meter != NULL && meter_instance_add(meter, &both) == 0 && meter_instance_add(meter, &ports) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Rows stay, so that what they have counted can be added up. */
    const struct meter_options options = {
        .max_flows = 6, .max_peers = MAX_PEERS, .idle_ttl_s = 300, .exp_ttl_s = 60, .keep_rows = true
    };
    struct meter_options contested = options;
    struct input input = { data, size };
    struct session session = { .meter = meter_new(&options), .patient = meter_new(&options) };
    struct sums sums;

    contested.keep_rows = false;
    contested.row_ttl_s = UINT32_MAX / 2; /* an idle row would take its counts with it */
    session.contested = meter_new(&contested);
    add_instances(session.meter);
    add_instances(session.patient);
    add_instances(session.contested);
    while (input.left > 0) {
        const uint32_t op = take(&input, 1);
        session.time_ns += (int64_t)(op >> 3) * 100000;
        switch (op & 7) {
        case 5:
            take_raw(&session, &input);
            give_frame(&session);
            break;
        case 6:
            give_frame(&session); /* of the last one a copy */
            break;
        case 7:
            pass_time(&session, &input);
            break;
        default:
            shape_segment(&session, &input);
            give_frame(&session);
        }
        sums = check(session.meter);
        check_contested(&session, &sums);
    }
    finish(&session, 3);
    sums = check(session.meter);
    check_contested(&session, &sums);
    compare(session.meter, session.patient);
    require(meter_pending(session.meter, 0) == 0 && meter_pending(session.meter, 1) == 0);
    meter_free(session.meter);
    meter_free(session.patient);
    meter_free(session.contested);
    return 0;
}
