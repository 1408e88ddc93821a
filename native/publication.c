/* publication.c: the meter's rows and the instances' states -> the contents of a snapshot. */
#include "publication.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_A_STEP 256

/* By what a row that was published is known to be as it was. */
struct known_row {
    uint64_t birth; /* 0: not known */
    uint64_t activity;
};

/* The same for an instance. */
struct known_instance {
    int64_t number;
    uint64_t revision;
};

/* What all rows follow from, but for time within a slot of the windowed minimum. Without padding: it is compared as bytes. */
struct basis {
    const struct meter *meter;
    uint64_t births, changes;
    uint64_t window; /* number of the slot */
    uint64_t source_count;
    struct known_instance sources[SEG_MAX_INSTANCES];
};

struct publication {
    struct seg_instance instances[SEG_MAX_INSTANCES];
    /* Kept for the next call, as are the numbers of versions given out. */
    struct seg_row *rows;
    const struct histogram **histograms; /* the meter's */
    struct segment_version *versions;
    struct known_row *known;
    bool *shows_address; /* [n]: rows[n].peer_name is the text of its own peer and peer_bits */
    uint64_t version, rows_version;
    struct basis basis;                    /* of the rows */
    bool are_sources_same, is_window_same; /* as the last time */
    size_t capacity, count, missing;
    /* for the row callback */
    const struct instance *sources;
    size_t source_count;
    const struct replay *replay; /* whose rows they are; NULL: the interfaces' */
    const struct publication_time *time;
};

_Static_assert(sizeof(struct basis) == 40 + SEG_MAX_INSTANCES * sizeof(struct known_instance), "no padding");
_Static_assert(SKIP_REASON_COUNT <= SEG_SKIPS, "every skip counter has its place in a row");
_Static_assert(PACKET_REASON_COUNT - 1 <= SEG_REASONS, "every reason has its place in an instance");
_Static_assert(METER_MAX_INSTANCES <= SEG_MAX_INSTANCES, "every instance can be published");

struct publication *publication_new(void)
{
    return calloc(1, sizeof(struct publication));
}

void publication_free(struct publication *publication)
{
    if (publication == NULL)
        return;
    free(publication->rows);
    free(publication->histograms);
    free(publication->versions);
    free(publication->known);
    free(publication->shows_address);
    free(publication);
}

static int make_room(struct publication *publication)
{
    const size_t had = publication->capacity, capacity = had + had / 2 + ROWS_A_STEP;
    const struct histogram **histograms;
    struct seg_row *rows;
    struct segment_version *versions;
    struct known_row *known;
    bool *shows_address;

    if (publication->count < had)
        return 0;
    if ((rows = realloc(publication->rows, capacity * sizeof *rows)) != NULL)
        publication->rows = rows;
    if ((histograms = realloc(publication->histograms, capacity * sizeof *histograms)) != NULL)
        publication->histograms = histograms;
    if ((versions = realloc(publication->versions, capacity * sizeof *versions)) != NULL)
        publication->versions = versions;
    if ((known = realloc(publication->known, capacity * sizeof *known)) != NULL)
        publication->known = known;
    if ((shows_address = realloc(publication->shows_address, capacity * sizeof *shows_address)) != NULL)
        publication->shows_address = shows_address;
    if (rows == NULL || histograms == NULL || versions == NULL || known == NULL || shows_address == NULL)
        return -1;
    memset(rows + had, 0, (capacity - had) * sizeof *rows);
    memset(histograms + had, 0, (capacity - had) * sizeof *histograms);
    memset(versions + had, 0, (capacity - had) * sizeof *versions);
    memset(known + had, 0, (capacity - had) * sizeof *known);
    memset(shows_address + had, 0, (capacity - had) * sizeof *shows_address);
    publication->capacity = capacity;
    return 0;
}

static uint8_t family(const struct meter_row *row, const struct ip_address *address)
{
    if (row->other || (row->shared != 0 && address == &row->peer))
        return SEG_FAMILY_NONE;
    return address_is_v4(address) ? SEG_FAMILY_V4 : SEG_FAMILY_V6;
}

/* Rows of a file say when they were read, not when its packets were captured: a reader that asks what is new gets them once. */
static void fill_times(struct seg_row *out, const struct meter_row *row, const struct replay *replay)
{
    const struct replay_times times = replay == NULL ? (struct replay_times){ 0 } : replay_times(replay);

    out->birth_realtime_ns = replay == NULL ? (uint64_t)row->birth_time_ns : times.begun_realtime_ns;
    if (row->last_sample_time_ns != 0)
        out->last_sample_boottime_ns = replay == NULL ? (uint64_t)row->last_sample_s * 1000000000u : times.read_boottime_ns;
}

static void fill_identity(struct seg_row *out, const struct meter_row *row, size_t index)
{
    out->instance = (uint32_t)index;
    out->flags = row->other ? SEG_ROW_OTHER : 0;
    memcpy(out->local, row->local.bytes, sizeof out->local);
    memcpy(out->peer, row->peer.bytes, sizeof out->peer);
    if (row->shared != 0)
        memset(out->peer, 0, sizeof out->peer);
    out->local_family = family(row, &row->local);
    out->peer_family = family(row, &row->peer);
    out->peer_bits = row->other ? 0 : row->peer_bits;
    out->peer_port = row->peer_port;
    out->birth = row->birth;
}

static void fill_statistics(struct seg_row *out, const struct peer_stats *stats, uint32_t now_s)
{
    out->flows = stats->flows;
    out->timed = stats->timed;
    out->samples = stats->samples;
    out->handshake_samples = stats->handshake_samples;
    out->retransmits = stats->retransmits;
    memcpy(out->skipped, stats->skipped, sizeof stats->skipped);
    out->sum_ns = stats->sum_ns;
    out->handshake_sum_ns = stats->handshake_sum_ns;
    out->last_ns = stats->last_ns;
    out->min_ns = stats->min_ns;
    out->max_ns = stats->max_ns;
    out->srtt_ns = peer_srtt_ns(stats);
    out->jitter_ns = peer_jitter_ns(stats);
    out->window_min_ns = peer_window_min_ns(stats, now_s);
}

static const struct instance *find_source(const struct publication *publication, int number, size_t *index)
{
    for (size_t i = 0; i < publication->source_count; i++)
        if (publication->sources[i].number == number && publication->sources[i].replay == publication->replay) {
            *index = i;
            return &publication->sources[i];
        }
    return NULL;
}

/* Before the rest of the row is brought up to date: a row keeps its place as a rule, and then its name is there already. True: it
 * is another now. */
static bool fill_name(struct seg_row *out, const char *name, const struct meter_row *row, bool *shows_address)
{
    const struct ip_prefix prefix = { row->peer, row->peer_bits };
    char text[PREFIX_STRLEN];
    bool is_there;

    if (name == NULL)
        is_there = *shows_address && memcmp(out->peer, row->peer.bytes, sizeof out->peer) == 0
                   && out->peer_bits == row->peer_bits;
    else
        is_there = !*shows_address && strncmp(out->peer_name, name, sizeof out->peer_name - 1) == 0;
    if (is_there)
        return false;
    *shows_address = name == NULL;
    snprintf(out->peer_name, sizeof out->peer_name, "%s", name == NULL ? prefix_format(text, &prefix) : name);
    return true;
}

/* The seconds of the meter that the rows are of. */
static uint32_t meter_now_s(const struct publication *publication)
{
    return publication->replay == NULL ? (uint32_t)(publication->time->boottime_ns / 1000000000u)
                                       : replay_times(publication->replay).now_s;
}

/* All but the name. True: something is another now; a histogram changes with its row's counts alone. */
static bool fill_counts(const struct publication *publication, struct seg_row *out, const struct meter_row *row, size_t index)
{
    const size_t size = offsetof(struct seg_row, peer_name);
    struct seg_row next;

    memset(&next, 0, size);
    fill_identity(&next, row, index);
    fill_times(&next, row, publication->replay);
    fill_statistics(&next, row->stats, meter_now_s(publication));
    if (memcmp(out, &next, size) == 0)
        return false;
    memcpy(out, &next, size);
    return true;
}

/* The row at a place, in all its parts. Each that is another gets the version of this publication. */
static void fill_row(struct publication *publication, size_t at, const struct meter_row *row, size_t index, const char *name)
{
    const struct histogram *histogram = row->stats->histogram;
    struct segment_version *version = &publication->versions[at];

    if (fill_name(&publication->rows[at], name, row, &publication->shows_address[at])
        || publication->rows[at].first_birth != row->first_birth)
        version->name = publication->version;
    publication->rows[at].first_birth = row->first_birth;
    if (fill_counts(publication, &publication->rows[at], row, index) || publication->histograms[at] != histogram)
        version->counts = publication->version;
    publication->histograms[at] = histogram;
    if (version->name == publication->version || version->counts == publication->version)
        publication->rows_version = publication->version;
}

/* Most rows of a second are those of the one before it: two numbers say so, and no more of them is looked at. */
static bool is_known(const struct publication *publication, const struct known_row *now)
{
    const struct known_row *known = &publication->known[publication->count];

    return publication->are_sources_same && publication->is_window_same && publication->count < publication->capacity
           && known->birth == now->birth && known->activity == now->activity;
}

static void add_row(const struct meter_row *row, void *arg)
{
    struct publication *publication = arg;
    const struct known_row now = { row->birth, peer_activity(row->stats) };
    const struct instance *source;
    const char *name;
    size_t index = 0;

    if (is_known(publication, &now)) {
        publication->count++;
        return;
    }
    source = find_source(publication, row->instance, &index);
    if (source == NULL || make_room(publication) < 0) {
        publication->missing++;
        return;
    }
    name = instance_peer_name(source, row);
    if (row->shared != 0 && name == NULL)
        return; /* of a host that the configuration does not name any more */
    fill_row(publication, publication->count, row, index, name);
    publication->known[publication->count++] = now;
}

/* A meter's rows are not all that there are: those of files have their own. */
static void add_basis(struct basis *out, const struct meter *meter)
{
    out->births += meter == NULL ? 0 : meter_births(meter);
    out->changes += meter == NULL ? 0 : meter_changes(meter);
}

static void fill_basis(struct basis *out, const struct publication *publication, const struct meter *meter)
{
    memset(out, 0, sizeof *out);
    out->meter = meter;
    add_basis(out, meter);
    out->window = publication->time->boottime_ns / 1000000000u / PEER_WINDOW_SLOT_S;
    out->source_count = publication->source_count;
    for (size_t i = 0; i < publication->source_count; i++) {
        out->sources[i].number = publication->sources[i].number;
        out->sources[i].revision = instance_revision(&publication->sources[i]);
        if (publication->sources[i].replay != NULL)
            add_basis(out, replay_meter(publication->sources[i].replay));
    }
}

/* What the places from this one on held. */
static void forget(struct publication *publication, size_t from)
{
    for (size_t at = from; at < publication->capacity && publication->known[at].birth != 0; at++)
        publication->known[at].birth = 0;
}

static void add_rows(struct publication *publication, const struct meter *meter)
{
    publication->replay = NULL;
    if (meter != NULL)
        meter_each_row(meter, add_row, publication);
    for (size_t i = 0; i < publication->source_count; i++) {
        publication->replay = publication->sources[i].replay;
        if (publication->replay != NULL)
            meter_each_row(replay_meter(publication->replay), add_row, publication);
    }
}

static void build_rows(struct publication *publication, const struct meter *meter)
{
    const struct basis *before = &publication->basis;
    const size_t count_before = publication->count;
    struct basis now;

    fill_basis(&now, publication, meter);
    if (publication->missing == 0 && publication->rows_version != 0 && memcmp(&now, before, sizeof now) == 0)
        return;
    if (now.meter != before->meter || now.births < before->births)
        forget(publication, 0); /* births may come again */
    publication->are_sources_same = now.source_count == before->source_count
                                    && memcmp(now.sources, before->sources, sizeof now.sources) == 0;
    publication->is_window_same = now.window == before->window;
    publication->basis = now;
    publication->count = 0;
    publication->missing = 0;
    add_rows(publication, meter);
    if (publication->count != count_before)
        publication->rows_version = publication->version;
    forget(publication, publication->count);
}

static void fill_ignored(struct seg_instance *out, const struct meter_counters *counters)
{
    struct seg_reason *reason = out->ignored;

    for (int i = PACKET_OK + 1; i < PACKET_REASON_COUNT; i++) {
        if (counters->ignored[i] == 0)
            continue;
        snprintf(reason->name, sizeof reason->name, "%s", packet_reason_name((enum packet_reason)i));
        reason->count = counters->ignored[i];
        reason++;
    }
}

static void fill_counters(struct seg_instance *out, const struct meter *meter, int number)
{
    const struct meter_counters *counters = meter_counters(meter, number);

    out->received = counters->packets;
    out->tcp = counters->tcp;
    out->flows = counters->flows;
    out->open_flows = counters->open_flows;
    out->refused_flows = counters->refused_flows;
    out->refused_peers = counters->refused_peers;
    out->pending = meter_pending(meter, number);
    out->given_timed = counters->given.timed;
    out->given_samples = counters->given.samples;
    out->given_handshake_samples = counters->given.handshake_samples;
    out->given_retransmits = counters->given.retransmits;
    fill_ignored(out, counters);
}

static void fill_sampling(struct seg_instance *out, const struct window *window)
{
    if (!window_is_sampling(window))
        return;
    out->sampling = window->is_open ? SEG_SAMPLING_OPEN : SEG_SAMPLING_CLOSED;
    out->sample_open_s = window->open_s;
    out->sample_closed_s = window->closed_s;
    out->sample_turn_boottime_ns = window_turn_s(window) * 1000000000u;
}

static void fill_file(struct seg_instance *out, const struct replay *replay)
{
    out->state = (uint32_t)replay_state(replay);
    snprintf(out->error, sizeof out->error, "%s", replay_text(replay));
}

static void fill_capture(struct seg_instance *out, struct tap *tap)
{
    struct capture_statistics statistics;

    out->state = (uint32_t)tap_state(tap);
    snprintf(out->error, sizeof out->error, "%s", tap_error(tap));
    tap_statistics(tap, &statistics);
    out->dropped_kernel = statistics.dropped_kernel;
    out->dropped_interface = statistics.dropped_interface;
}

static void fill_instance(struct seg_instance *out, struct instance *source, const struct meter *meter, uint32_t now_s)
{
    memset(out, 0, sizeof *out);
    out->fingerprint = source->config->fingerprint;
    out->state = SEG_STARTING;
    snprintf(out->interface, sizeof out->interface, "%s", source->config->interface);
    if (source->number >= 0)
        fill_counters(out, source->replay == NULL ? meter : replay_meter(source->replay), source->number);
    instance_warning(source, now_s, out->warning);
    fill_sampling(out, &source->window);
    if (source->replay != NULL)
        fill_file(out, source->replay);
    else if (source->tap != NULL)
        fill_capture(out, source->tap);
}

size_t publication_build(struct publication *publication, const struct meter *meter, struct instance *instances, size_t count,
                         const struct publication_time *time, struct segment_contents *out)
{
    const uint32_t now_s = (uint32_t)(time->boottime_ns / 1000000000u);

    publication->sources = instances;
    publication->source_count = count;
    publication->time = time;
    publication->version++;
    for (size_t i = 0; i < count; i++)
        fill_instance(&publication->instances[i], &instances[i], meter, now_s);
    build_rows(publication, meter);
    *out = (struct segment_contents){
        .boottime_ns = time->boottime_ns,
        .realtime_ns = time->realtime_ns,
        .instances = publication->instances,
        .instance_count = (uint32_t)count,
        .rows = publication->rows,
        .histograms = publication->histograms,
        .versions = publication->versions,
        .row_count = (uint32_t)publication->count,
        .version = publication->rows_version,
    };
    return publication->missing;
}

enum seg_state publication_overall_state(const struct seg_instance *instances, size_t count)
{
    size_t measuring = 0, failed = 0;

    for (size_t i = 0; i < count; i++) {
        measuring += instances[i].state == SEG_CAPTURING || instances[i].state == SEG_STOPPED;
        failed += instances[i].state == SEG_FAILED;
    }
    if (failed == count)
        return SEG_FAILED;
    if (failed > 0)
        return SEG_DEGRADED;
    return measuring > 0 ? SEG_CAPTURING : SEG_STARTING;
}
