/* instance.c: one instance of the YAML at work. */
#include "instance.h"

#include <stdio.h>
#include <string.h>

#include "log.h"
#include "verdict.h"

static struct meter_instance describe(const struct instance *instance, const struct instance_host *host)
{
    return (struct meter_instance){
        .whitelist = instance->whitelist,
        .all_peers = instance->config->all_peers,
        .local_own = host->own,
        .local_host = host->host,
        .local_nets = instance->local_nets,
        .both_sides = instance->replay != NULL && instance->local_nets == NULL, /* as `go-metro read` without --local */
        .group = instance->config->group_by,
        .subnet_bits_v4 = (uint8_t)instance->config->subnet_v4,
        .subnet_bits_v6 = (uint8_t)instance->config->subnet_v6,
        .pause_s = instance->window.pause_s,
    };
}

static struct netset *make_local_nets(const struct config_instance *config)
{
    struct netset *set = netset_new();

    for (size_t i = 0; set != NULL && i < config->local_nets.count; i++)
        if (netset_add(set, &config->local_net_prefixes[i], 0) < 0) {
            netset_free(set);
            return NULL;
        }
    return set;
}

/* Where everyone is wanted the targets only give names; a subnet has none, and without targets nothing is to be looked up. */
static bool needs_whitelist(const struct config_instance *config)
{
    return !config->all_peers
           || (config->group_by != METER_GROUP_SUBNET && config->ips.count + config->ip_names.count + config->hosts.count > 0);
}

/* Everything but the meter's number. old: what is known of the names already, or NULL. */
static int fill(struct instance *out, const struct targets *old)
{
    const struct config_instance *config = out->config;

    out->targets = targets_new(config, out->whole->resolve_names);
    if (out->targets == NULL || (old != NULL && !targets_inherit(out->targets, old)))
        return -1;
    if (needs_whitelist(config) && (out->whitelist = targets_whitelist(out->targets)) == NULL)
        return -1;
    if (config->local_nets.count > 0 && (out->local_nets = make_local_nets(config)) == NULL)
        return -1;
    return 0;
}

/* A file is read whole, as it was by the old program. */
static struct window window_of(const struct config_instance *config)
{
    return window_make(config->sample && !config_instance_is_file(config), config->sample_duration_s, config->sample_interval_s);
}

static void release(struct instance *instance)
{
    targets_free(instance->targets);
    netset_free(instance->whitelist);
    netset_free(instance->local_nets);
    *instance = (struct instance){ .number = -1 };
}

int instance_start(struct instance *out, const struct config *whole, const struct config_instance *config, struct tap *tap,
                   struct replay *replay, struct meter *meter, const struct instance_host *host)
{
    struct meter_instance description;

    *out = (struct instance){
        .whole = whole, .config = config, .tap = tap, .replay = replay, .number = -1, .window = window_of(config)
    };
    if (fill(out, NULL) < 0)
        goto fail;
    description = describe(out, host);
    out->number = meter_instance_add(meter, &description);
    if (out->number < 0)
        goto fail;
    return 0;
fail:
    release(out);
    return -1;
}

static bool is_named(uint32_t value, const void *targets)
{
    return targets_name(targets, value) != NULL;
}

int instance_change(struct instance *instance, const struct config *whole, const struct config_instance *config,
                    struct meter *meter, const struct instance_host *host)
{
    struct instance old = *instance;
    struct instance changed = {
        .whole = whole, .config = config, .tap = old.tap, .replay = old.replay, .number = old.number, .window = window_of(config)
    };

    changed.is_behind = old.is_behind;
    changed.is_found = old.is_found;
    changed.follows = old.follows;
    if (window_is_alike(&old.window, &changed.window))
        changed.window = old.window;
    if (fill(&changed, old.targets) < 0) {
        release(&changed);
        return -1;
    }
    *instance = changed;
    instance_refresh(instance, meter, host); /* the meter lets go of the old sets here */
    /* Nobody is shown the rows of a host that is not named any more; as one gives way they would be among the others all the
     * same. */
    meter_forget_shared(meter, instance->number, is_named, instance->targets);
    release(&old);
    return 0;
}

void instance_stop(struct instance *instance, struct meter *meter)
{
    if (instance->number >= 0)
        meter_instance_remove(meter, instance->number);
    release(instance);
}

void instance_refresh(const struct instance *instance, struct meter *meter, const struct instance_host *host)
{
    struct meter_instance description = describe(instance, host);

    meter_instance_change(meter, instance->number, &description);
}

bool instance_answer(struct instance *instance, const struct resolve_answer *answer)
{
    const uint64_t found = targets_found(instance->targets);

    if (!targets_answer(instance->targets, answer) || instance->whitelist == NULL)
        return false;
    instance->is_behind = true;
    instance->is_found |= targets_found(instance->targets) > found;
    return true;
}

bool instance_follow(struct instance *instance, struct meter *meter, const struct instance_host *host)
{
    struct netset *old = instance->whitelist, *set;

    if (!instance->is_behind)
        return false;
    instance->is_behind = false;
    instance->follows++;
    /* Whose name could not be resolved before, or not for both families, was passed over in a file. */
    if (instance->replay != NULL && instance->is_found)
        replay_repeat(instance->replay);
    instance->is_found = false;
    set = targets_whitelist(instance->targets);
    if (set == NULL) {
        log_errorx("instance", "%s: out of memory for the whitelist; the old one stays", instance->config->interface);
        return false;
    }
    instance->whitelist = set;
    instance_refresh(instance, meter, host); /* the meter lets go of the old set here */
    netset_free(old);
    return true;
}

bool instance_asks(const struct instance *instance)
{
    return instance->whitelist != NULL;
}

/* "" or which entries of its lists are no peers. All of it has room, whatever is shown. */
static void warn_of_left_out(const struct config_instance *config, char out[static SEG_ERROR_MAX])
{
    const struct config_left_out *left_out = &config->left_out;
    const char *alone = config->all_peers || config_instance_names_any(config) ? "" : "nobody is measured: ";

    if (left_out->count == 0)
        out[0] = '\0';
    else if (left_out->count == 1)
        snprintf(out, SEG_ERROR_MAX, "%s'%.28s' in `%s` (line %d) is left out: it %.110s", alone, left_out->text, left_out->key,
                 left_out->line, left_out->why);
    else
        snprintf(out, SEG_ERROR_MAX, "%s%u entries of `ips` and `hosts` are left out, '%.28s' in line %d the first: it %.110s",
                 alone, (unsigned)left_out->count, left_out->text, left_out->line, left_out->why);
}

void instance_warning(const struct instance *instance, uint32_t now_s, char out[static SEG_ERROR_MAX])
{
    char more[SEG_ERROR_MAX];

    if (instance_asks(instance))
        targets_warning(instance->targets, now_s, out, SEG_ERROR_MAX);
    else
        out[0] = '\0';
    warn_of_left_out(instance->config, more);
    verdict_add_cause(out, more);
    targets_excess(instance->targets, more, sizeof more);
    verdict_add_cause(out, more);
    if (instance->replay != NULL)
        verdict_add_cause(out, replay_warning(instance->replay));
}

bool instance_is_resolved(const struct instance *instance)
{
    return !instance->is_behind && (!instance_asks(instance) || targets_are_answered(instance->targets));
}

uint64_t instance_revision(const struct instance *instance)
{
    return targets_revision(instance->targets) + instance->follows
           + (instance->replay == NULL ? 0 : replay_revision(instance->replay));
}

const char *instance_peer_name(const struct instance *instance, const struct meter_row *row)
{
    uint32_t value;

    if (row->other)
        return TARGET_OTHER;
    if (row->shared != 0)
        return targets_name(instance->targets, row->shared);
    if (instance->config->group_by == METER_GROUP_SUBNET)
        return NULL; /* a block of one address is no peer: a name has several */
    if (row->peer_bits != 128 || instance->whitelist == NULL || !netset_lookup(instance->whitelist, &row->peer, &value))
        return NULL;
    /* An address that has become a host's has two rows for a while: what it counted before stays its own. */
    return (value & METER_SHARED_ROW) != 0 ? NULL : targets_name(instance->targets, value);
}
