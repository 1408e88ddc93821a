/* roster_apply.c: from one configuration to the next: what is the same in both keeps its capture, flows and rows. */
#include "roster_private.h"

#include <string.h>

#include "links.h"
#include "log.h"

#define ROW_TTL_MIN_S 60
#define BIRTHS_BITS 40 /* so many rows no meter lives to see */

/* A row holds what the check has not seen yet, so it must still be there when that comes next: twice the longest time between two
 * runs, because one may be late or left out, and never less than four of the Agent's usual 15 s. `idle_ttl` may be less, as it
 * was for the old program, which sent by itself; it is about flows. More than that would fill max_peers with who is gone. */
static uint32_t row_ttl_of(const struct config *config)
{
    return config->check_interval_s > ROW_TTL_MIN_S / 2 ? 2 * config->check_interval_s : ROW_TTL_MIN_S;
}

/* Whether a file's meter must be made anew for the new settings: its bounds are fixed for its life. Its rows stay as long. */
static bool bounds_differ(const struct config *a, const struct config *b)
{
    return a->max_flows != b->max_flows || a->max_peers != b->max_peers || a->idle_ttl_s != b->idle_ttl_s
           || a->exp_ttl_s != b->exp_ttl_s;
}

/* The same of the interfaces' meter. */
static bool meter_differs(const struct config *a, const struct config *b)
{
    return bounds_differ(a, b) || row_ttl_of(a) != row_ttl_of(b);
}

bool roster_is_meter_kept(const struct roster *roster, const struct config *config)
{
    return roster->meter != NULL && !meter_differs(roster->config, config);
}

static bool are_alike(const struct config_strings *a, const struct config_strings *b)
{
    for (size_t i = 0; i < a->count && a->count == b->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return a->count == b->count;
}

bool roster_goes_on(const struct roster *roster, const struct config *config)
{
    if (!roster_is_meter_kept(roster, config) || roster->count != config->instance_count)
        return false;
    for (size_t i = 0; i < roster->count; i++) {
        const struct config_instance *before = roster->instances[i].config, *after = &config->instances[i];

        if (before->fingerprint != after->fingerprint || !are_alike(&before->tags, &after->tags))
            return false;
    }
    return true;
}

static struct meter_options meter_options_of(const struct roster *roster, const struct config *config)
{
    return (struct meter_options){
        .max_flows = config->max_flows,
        .max_peers = config->max_peers,
        .idle_ttl_s = config->idle_ttl_s,
        .row_ttl_s = row_ttl_of(config),
        .exp_ttl_s = config->exp_ttl_s == 0 ? config->idle_ttl_s : config->exp_ttl_s,
        .hash_seed = { roster->hash_seed[0], roster->hash_seed[1] },
        .on_departure = roster->on_departure,
        .on_departure_arg = roster->on_departure_arg,
    };
}

static int ensure_meter(struct roster *roster, const struct config *config)
{
    struct meter_options options = meter_options_of(roster, config);

    if (roster_is_meter_kept(roster, config))
        return 0;
    if (roster->meter != NULL) {
        log_info("roster",
                 "flows and rows begin anew: max_flows, max_peers, idle_ttl, exp_ttl or min_collection_interval changed");
        roster->births = meter_births(roster->meter);
    }
    roster_stop(roster, roster->config != NULL && !bounds_differ(roster->config, config));
    meter_free(roster->meter);
    options.births = roster->births; /* also where there was no memory for a meter in between */
    roster->meter = meter_new(&options);
    return roster->meter == NULL ? -1 : 0;
}

/* Its rows are of the file, and stay as long as that does. Their births are none of another meter's. */
static struct replay *new_replay(struct roster *roster, const struct config *config, const struct config_instance *instance)
{
    struct meter_options options = meter_options_of(roster, config);

    options.keep_rows = true;
    options.births = ++roster->replays << BIRTHS_BITS;
    return replay_new(instance->pcap, roster->user_filter, &options);
}

static size_t count_files(const struct config *config)
{
    size_t count = 0;

    for (size_t i = 0; i < config->instance_count; i++)
        count += config_instance_is_file(&config->instances[i]);
    return count;
}

uint32_t roster_max_peers(const struct config *config)
{
    const uint64_t most = config->max_peers * (1 + (uint64_t)count_files(config));

    return most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
}

static size_t count_interfaces(const struct config *config)
{
    size_t count = 0;

    for (size_t i = 0; i < config->instance_count; i++) {
        size_t j = 0;

        while (j < i && strcmp(config->instances[i].interface, config->instances[j].interface) != 0)
            j++;
        count += j == i && !config_instance_is_file(&config->instances[i]);
    }
    return count;
}

bool roster_captures(const struct config *config)
{
    return count_files(config) < config->instance_count;
}

struct tap_settings roster_tap_settings(const struct roster *roster, const struct config *config, const char *interface)
{
    size_t interfaces = count_interfaces(config);
    struct tap_settings settings = {
        .snaplen = config->snaplen,
        .buffer_mib = config->buffer_mib,
        .buffer_bytes = (uint32_t)(((uint64_t)config->buffer_mib << 20) / (interfaces > 0 ? interfaces : 1)),
        .user_filter = roster->user_filter,
    };

    for (size_t i = 0; i < config->instance_count; i++)
        settings.promiscuous |= config->instances[i].promiscuous && strcmp(config->instances[i].interface, interface) == 0;
    return settings;
}

/* The tap of an interface, the one that is there or a new one. NULL: out of memory. */
static struct tap *tap_for(struct roster *roster, const struct config *config, const char *interface)
{
    struct tap_settings settings = roster_tap_settings(roster, config, interface);
    struct shared_tap *next = &roster->taps[roster->tap_count];

    for (size_t i = 0; i < roster->tap_count; i++)
        if (strcmp(tap_interface(roster->taps[i].tap), interface) == 0)
            return roster->taps[i].tap;
    if (roster->tap_count == sizeof roster->taps / sizeof roster->taps[0])
        return NULL;
    *next = (struct shared_tap){ .tap = tap_new(interface, &settings), .own = links_own_addresses(interface) };
    if (next->tap == NULL) {
        roster_free_tap(next);
        return NULL;
    }
    roster->tap_count++;
    return next->tap;
}

static bool are_grouped_alike(const struct config_instance *a, const struct config_instance *b)
{
    return a->group_by == b->group_by
           && (a->group_by != METER_GROUP_SUBNET || (a->subnet_v4 == b->subnet_v4 && a->subnet_v6 == b->subnet_v6));
}

/* Whether an old instance can go on as this one: a capture of the same interface or file, grouped alike. */
static bool is_successor(const struct instance *old, const struct config_instance *instance)
{
    return old->config != NULL && are_grouped_alike(old->config, instance)
           && strcmp(old->config->interface, instance->interface) == 0
           && (old->replay == NULL || strcmp(old->config->pcap, instance->pcap) == 0);
}

/* What two of them have in common, the most first. */
static bool has_same_fingerprint(const struct config_instance *a, const struct config_instance *b)
{
    return a->fingerprint == b->fingerprint;
}

static bool asks_the_same(const struct config_instance *a, const struct config_instance *b)
{
    return a->asked == b->asked;
}

static bool has_enough_in_common(const struct config_instance *a, const struct config_instance *b)
{
    (void)a;
    (void)b;
    return true;
}

static bool (*const likenesses[])(const struct config_instance *a, const struct config_instance *b) = {
    has_same_fingerprint,
    asks_the_same,
    has_enough_in_common,
};

/* Takes out of `old` those that the new ones go on from: first all that have the same fingerprint, so that no instance gets the
 * rows of another that is still there, then who asks for the same, then what is alike in interface and grouping. kept[i].number
 * < 0: instance i is new. */
static void match_instances(struct instance old[], size_t old_count, const struct config *config, struct instance kept[])
{
    for (size_t i = 0; i < config->instance_count; i++)
        kept[i] = (struct instance){ .number = -1 };
    for (size_t n = 0; n < sizeof likenesses / sizeof likenesses[0]; n++)
        for (size_t i = 0; i < config->instance_count; i++)
            for (size_t j = 0; j < old_count && kept[i].config == NULL; j++) {
                if (!is_successor(&old[j], &config->instances[i]) || !likenesses[n](old[j].config, &config->instances[i]))
                    continue;
                kept[i] = old[j];
                old[j] = (struct instance){ .number = -1 };
            }
}

static int start_one(struct roster *roster, const struct config *config, const struct config_instance *instance)
{
    const bool is_file = config_instance_is_file(instance);
    struct replay *replay = is_file ? new_replay(roster, config, instance) : NULL;
    struct tap *tap = is_file ? NULL : tap_for(roster, config, instance->interface);
    struct meter *meter = replay == NULL ? roster->meter : replay_meter(replay);
    struct instance_host host = roster_host(roster, tap);

    if (replay == NULL && tap == NULL)
        return -1;
    if (instance_start(&roster->instances[roster->count], config, instance, tap, replay, meter, &host) < 0) {
        replay_free(replay);
        return -1;
    }
    roster->count++;
    return 0;
}

/* A file is measured anew where something else is asked of it: what was passed over does not come again, and what was measured
 * is not what is asked for now. The other keys of an instance mean nothing to a file. */
static int go_on(struct roster *roster, const struct config *config, const struct config_instance *instance,
                 struct instance *kept)
{
    const bool is_other = !asks_the_same(kept->config, instance);
    struct meter *meter = kept->replay == NULL ? roster->meter : replay_meter(kept->replay);
    struct instance_host host = roster_host(roster, kept->tap);

    if (instance_change(kept, config, instance, meter, &host) < 0) {
        roster_end_instance(roster, kept);
        return -1;
    }
    if (kept->replay != NULL && is_other)
        replay_restart(kept->replay);
    roster->instances[roster->count++] = *kept;
    return 0;
}

/* Those that go on keep their numbers; what is gone leaves before what is new comes, so that 64 can follow 64. */
static int replace_instances(struct roster *roster, const struct config *config)
{
    struct instance old[ROSTER_MAX], kept[ROSTER_MAX];
    size_t old_count = roster->count;
    int rc = 0;

    memcpy(old, roster->instances, sizeof old);
    match_instances(old, old_count, config, kept);
    for (size_t i = 0; i < old_count; i++)
        if (old[i].config != NULL)
            roster_end_instance(roster, &old[i]);
    roster->count = 0;
    for (size_t i = 0; i < config->instance_count; i++)
        rc |= kept[i].config == NULL ? start_one(roster, config, &config->instances[i])
                                     : go_on(roster, config, &config->instances[i], &kept[i]);
    return rc;
}

static uint64_t sharers(const struct roster *roster, const struct tap *tap)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < roster->count; i++)
        if (roster->instances[i].tap == tap)
            bits |= UINT64_C(1) << roster->instances[i].number;
    return bits;
}

static void remove_tap(struct roster *roster, size_t index)
{
    roster_free_tap(&roster->taps[index]);
    roster->taps[index] = roster->taps[--roster->tap_count];
    roster->taps[roster->tap_count] = (struct shared_tap){ 0 };
}

/* Taps that nobody shares any more go; the others learn who shares them, their settings and what is wanted. */
static void settle_taps(struct roster *roster)
{
    for (size_t t = roster->tap_count; t-- > 0;) {
        struct shared_tap *shared = &roster->taps[t];
        struct tap_settings settings = roster_tap_settings(roster, roster->config, tap_interface(shared->tap));

        shared->instances = sharers(roster, shared->tap);
        if (shared->instances == 0) {
            remove_tap(roster, t);
            continue;
        }
        if (tap_configure(shared->tap, &settings))
            meter_finish(roster->meter, shared->instances);
        shared->ended.instances = 0; /* the numbers may be others' by now */
        roster_refilter(roster, shared);
    }
}

/* The windows of those that are there, by what they belong to. */
struct phases {
    size_t count;
    struct phase {
        uint32_t fingerprint;
        struct window window;
    } items[ROSTER_MAX];
};

static void note_phases(const struct roster *roster, struct phases *out)
{
    out->count = roster->count;
    for (size_t i = 0; i < roster->count; i++)
        out->items[i] = (struct phase){ roster->instances[i].config->fingerprint, roster->instances[i].window };
}

/* Where everything begins anew because the meter does, the windows go on all the same. */
static void keep_phases(struct roster *roster, const struct phases *phases)
{
    for (size_t i = 0; i < roster->count; i++) {
        struct instance *instance = &roster->instances[i];

        for (size_t j = 0; j < phases->count && !instance->window.is_begun; j++)
            if (phases->items[j].fingerprint == instance->config->fingerprint)
                instance->window = phases->items[j].window;
    }
}

/* The files that were read, by their paths, which are the old configuration's. */
struct read_files {
    size_t count;
    const char *paths[ROSTER_MAX];
};

static void note_files(const struct roster *roster, struct read_files *out)
{
    out->count = 0;
    for (size_t i = 0; i < roster->count; i++)
        if (roster->instances[i].replay != NULL && replay_was_read(roster->instances[i].replay))
            out->paths[out->count++] = roster->instances[i].config->pcap;
}

/* Where a replay is made anew, it is not new to it that the file was there. */
static void remember_files(const struct roster *roster, const struct read_files *files)
{
    for (size_t i = 0; i < roster->count; i++) {
        const struct instance *instance = &roster->instances[i];

        for (size_t j = 0; j < files->count && instance->replay != NULL && !replay_was_read(instance->replay); j++)
            if (strcmp(files->paths[j], instance->config->pcap) == 0)
                replay_follow(instance->replay);
    }
}

int roster_apply(struct roster *roster, struct config *config)
{
    struct config *old = roster->config;
    struct read_files files;
    struct phases phases;
    int rc;

    note_files(roster, &files);
    note_phases(roster, &phases);
    if (ensure_meter(roster, config) < 0) {
        log_critical("roster", "out of memory for max_flows=%u and max_peers=%u; make them smaller", config->max_flows,
                     config->max_peers);
        roster_stop(roster, false);
        roster->config = config;
        config_free(old);
        return -1;
    }
    if (roster->host == NULL)
        roster_refresh_host(roster);
    rc = replace_instances(roster, config);
    keep_phases(roster, &phases);
    remember_files(roster, &files);
    roster->config = config;
    config_free(old);
    settle_taps(roster);
    if (rc < 0)
        log_critical("roster", "out of memory: not every instance could be started");
    return rc;
}
