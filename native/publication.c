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
    out->birth_realtime_ns = (uint64_t)row->birth_time_ns;
    out->last_sample_boottime_ns = row->last_sample_time_ns == 0 ? 0 : (uint64_t)row->last_sample_s * 1000000000u;
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
        if (publication->sources[i].number == number) {
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

/* All but the name. True: something is another now; a histogram changes with its row's counts alone. */
static bool fill_counts(struct seg_row *out, const struct meter_row *row, size_t index, uint32_t now_s)
{
    const size_t size = offsetof(struct seg_row, peer_name);
    struct seg_row next;

    memset(&next, 0, size);
    fill_identity(&next, row, index);
    fill_statistics(&next, row->stats, now_s);
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
    if (fill_counts(&publication->rows[at], row, index, (uint32_t)(publication->time->boottime_ns / 1000000000u))
        || publication->histograms[at] != histogram)
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
        return; /* of a host that the configuration does not name any more; it leaves when it is idle */
    fill_row(publication, publication->count, row, index, name);
    publication->known[publication->count++] = now;
}

static void fill_basis(struct basis *out, const struct publication *publication, const struct meter *meter)
{
    memset(out, 0, sizeof *out);
    out->meter = meter;
    out->births = meter == NULL ? 0 : meter_births(meter);
    out->changes = meter == NULL ? 0 : meter_changes(meter);
    out->window = publication->time->boottime_ns / 1000000000u / PEER_WINDOW_SLOT_S;
    out->source_count = publication->source_count;
    for (size_t i = 0; i < publication->source_count; i++) {
        out->sources[i].number = publication->sources[i].number;
        out->sources[i].revision = instance_revision(&publication->sources[i]);
    }
}

/* What the places from this one on held. */
static void forget(struct publication *publication, size_t from)
{
    for (size_t at = from; at < publication->capacity && publication->known[at].birth != 0; at++)
        publication->known[at].birth = 0;
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
    if (meter != NULL)
        meter_each_row(meter, add_row, publication);
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
    fill_ignored(out, counters);
}

static void fill_instance(struct seg_instance *out, struct instance *source, const struct meter *meter, uint32_t now_s)
{
    struct capture_statistics statistics;

    memset(out, 0, sizeof *out);
    out->fingerprint = source->config->fingerprint;
    snprintf(out->interface, sizeof out->interface, "%s", source->config->interface);
    if (source->number >= 0)
        fill_counters(out, meter, source->number);
    instance_warning(source, now_s, out->warning);
    if (source->tap == NULL) {
        out->state = SEG_FAILED;
        snprintf(out->error, sizeof out->error, "%s", source->refusal == NULL ? "" : source->refusal);
        return;
    }
    out->state = (uint32_t)tap_state(source->tap);
    snprintf(out->error, sizeof out->error, "%s", tap_error(source->tap));
    tap_statistics(source->tap, &statistics);
    out->dropped_kernel = statistics.dropped_kernel;
    out->dropped_interface = statistics.dropped_interface;
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
    size_t capturing = 0, failed = 0;

    for (size_t i = 0; i < count; i++) {
        capturing += instances[i].state == SEG_CAPTURING;
        failed += instances[i].state == SEG_FAILED;
    }
    if (failed == count)
        return SEG_FAILED;
    if (failed > 0)
        return SEG_DEGRADED;
    return capturing == count ? SEG_CAPTURING : SEG_STARTING;
}
