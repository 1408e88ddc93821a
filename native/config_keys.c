/* config_keys.c: the table of keys, and what finds a key in it. */
#include "config_keys.h"

#include <string.h>

#include "config_syntax.h"
#include "segment.h"

#define INIT(field) offsetof(struct config, field)
#define INSTANCE(field) offsetof(struct config_instance, field)
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define DAY_S 86400
#define WEEK_S (7 * DAY_S)
#define MAX_NAME 32 /* longer keys are not compared */

static const char *const submit_words[] = { [CONFIG_SUBMIT_CHECK] = "check", [CONFIG_SUBMIT_DOGSTATSD] = "dogstatsd", NULL };
static const char *const group_words[] = {
    [METER_GROUP_PEER] = "peer", [METER_GROUP_PEER_PORT] = "peer_port", [METER_GROUP_SUBNET] = "subnet", NULL
};

static const struct config_key top_keys[] = {
    { .name = "init_config", .type = CONFIG_SECTION },
    { .name = "instances", .type = CONFIG_SECTION },
};

static const char *without_dogstatsd(const void *base, const struct yaml_node *value)
{
    const struct config *config = base;

    (void)value;
    return config->submit_via == CONFIG_SUBMIT_DOGSTATSD ? "" : " (it has no effect without 'submit_via: dogstatsd')";
}

/* Both readers of the file know the path as part of what is measured; a path of nothing is none to both. */
static const char *without_file(const void *base, const struct yaml_node *value)
{
    return value->size > 0 || config_instance_is_file(base) ? "" : " (it has no effect without 'interface: file')";
}

/* The old program left out whatever interface it did not find, and measured on the others. */
static const char *without_interface(const void *base, const struct yaml_node *value)
{
    (void)base;
    return value->scalar.kind == SCALAR_TEXT && strlen(value->text) == value->size && config_syntax_can_be_asked_for(value->text)
               ? " (there is none of that name, and this instance is not measured)"
               : "";
}

static const char *never_read(const void *base, const struct yaml_node *value)
{
    (void)base;
    (void)value;
    return " (it is passed over: the old program never read this key)";
}

static const struct config_key init_keys[] = {
    /* Before those that have no effect without it. */
    { .name = "submit_via", .type = CONFIG_WORD, .offset = INIT(submit_via), .words = submit_words },
    /* 262144: libpcap's largest. */
    { .name = "snaplen",
      .type = CONFIG_UINT32,
      .offset = INIT(snaplen),
      .minimum = CONFIG_MIN_SNAPLEN,
      .maximum = 262144,
      .bend = CONFIG_BENT,
      .fallback = 512,
      .unit = "bytes" },
    { .name = "idle_ttl",
      .type = CONFIG_UINT32,
      .offset = INIT(idle_ttl_s),
      .minimum = 1,
      .maximum = DAY_S,
      .bend = CONFIG_BENT,
      .fallback = 300,
      .unit = "seconds" },
    { .name = "exp_ttl",
      .type = CONFIG_UINT32,
      .offset = INIT(exp_ttl_s),
      .maximum = DAY_S,
      .bend = CONFIG_BENT,
      .fallback = 60,
      .unit = "seconds",
      .idle = never_read },
    /* What the old program really read; behind exp_ttl, so that it wins where both are given. */
    { .name = "expired_ttl",
      .type = CONFIG_UINT32,
      .offset = INIT(exp_ttl_s),
      .maximum = DAY_S,
      .bend = CONFIG_BENT,
      .fallback = 60,
      .unit = "seconds" },
    { .name = "statsd_ip",
      .type = CONFIG_TEXT,
      .offset = INIT(statsd_ip),
      .fallback_text = "127.0.0.1",
      .check = config_syntax_host,
      .idle = without_dogstatsd },
    { .name = "statsd_port",
      .type = CONFIG_UINT16,
      .offset = INIT(statsd_port),
      .minimum = 1,
      .maximum = 65535,
      .fallback = 8125,
      .idle = without_dogstatsd },
    { .name = "log_to_file", .type = CONFIG_BOOL, .offset = INIT(log_to_file), .fallback = true, .old_words = true },
    { .name = "log_level", .type = CONFIG_LEVEL, .offset = INIT(log_level), .fallback = LOG_INFO },
    { .name = "segment_path",
      .type = CONFIG_TEXT,
      .offset = INIT(segment_path),
      .fallback_text = SEG_DEFAULT_PATH,
      .check = config_syntax_segment },
    { .name = "user",
      .type = CONFIG_TEXT,
      .offset = INIT(user),
      .fallback_text = CONFIG_DEFAULT_USER,
      .check = config_syntax_user },
    { .name = "extended_metrics", .type = CONFIG_BOOL, .offset = INIT(extended_metrics) },
    { .name = "max_flows",
      .type = CONFIG_UINT32,
      .offset = INIT(max_flows),
      .minimum = 1,
      .maximum = 10000000,
      .fallback = 200000,
      .unit = "flows" },
    /* With a row `other` for each instance this stays below SEG_MAX_ROWS. */
    { .name = "max_peers",
      .type = CONFIG_UINT32,
      .offset = INIT(max_peers),
      .minimum = 1,
      .maximum = 1000000,
      .fallback = 10000,
      .unit = "peers" },
    { .name = "buffer_mib",
      .type = CONFIG_UINT32,
      .offset = INIT(buffer_mib),
      .minimum = 1,
      .maximum = 2048,
      .fallback = 64,
      .unit = "MiB" },
    { .name = "resolve_interval",
      .type = CONFIG_UINT32,
      .offset = INIT(resolve_interval_s),
      .minimum = 1,
      .maximum = DAY_S,
      .fallback = 300,
      .unit = "seconds" },
    { .name = "resolve_names", .type = CONFIG_BOOL, .offset = INIT(resolve_names), .fallback = true },
};

static const struct config_key instance_keys[] = {
    { .name = "interface",
      .type = CONFIG_TEXT,
      .offset = INSTANCE(interface),
      .check = config_syntax_interface,
      .idle = without_interface,
      .is_kept = true },
    { .name = "tags", .type = CONFIG_TAGS, .offset = INSTANCE(tags), .check = config_syntax_tag },
    { .name = "ips", .type = CONFIG_IPS, .offset = INSTANCE(ips), .prefixes = INSTANCE(ip_prefixes), .check = config_syntax_net },
    { .name = "hosts", .type = CONFIG_HOSTS, .offset = INSTANCE(hosts), .check = config_syntax_host },
    { .name = "pcap", .type = CONFIG_TEXT, .offset = INSTANCE(pcap), .check = config_syntax_path, .idle = without_file },
    { .name = "sample", .type = CONFIG_BOOL, .offset = INSTANCE(sample), .old_words = true },
    { .name = "sample_duration",
      .type = CONFIG_UINT32,
      .offset = INSTANCE(sample_duration_s),
      .maximum = WEEK_S,
      .bend = CONFIG_BENT_LOUDLY,
      .unit = "seconds" },
    { .name = "sample_interval",
      .type = CONFIG_UINT32,
      .offset = INSTANCE(sample_interval_s),
      .maximum = WEEK_S,
      .bend = CONFIG_BENT_LOUDLY,
      .unit = "seconds" },
    { .name = "all_peers", .type = CONFIG_BOOL, .offset = INSTANCE(all_peers) },
    { .name = "local_nets",
      .type = CONFIG_NETS,
      .offset = INSTANCE(local_nets),
      .prefixes = INSTANCE(local_net_prefixes),
      .check = config_syntax_net },
    { .name = "promiscuous", .type = CONFIG_BOOL, .offset = INSTANCE(promiscuous) },
    { .name = "group_by", .type = CONFIG_WORD, .offset = INSTANCE(group_by), .words = group_words },
    /* The fallbacks: what one site or one customer's network usually has. */
    { .name = "subnet_v4",
      .type = CONFIG_UINT32,
      .offset = INSTANCE(subnet_v4),
      .minimum = 1,
      .maximum = 32,
      .fallback = 24,
      .unit = "bits" },
    { .name = "subnet_v6",
      .type = CONFIG_UINT32,
      .offset = INSTANCE(subnet_v6),
      .minimum = 1,
      .maximum = 128,
      .fallback = 48,
      .unit = "bits" },
};

_Static_assert(COUNT(init_keys) <= CONFIG_MAX_KEYS && COUNT(instance_keys) <= CONFIG_MAX_KEYS, "raise CONFIG_MAX_KEYS");

/* Agent v5 (config.py, checks/__init__.py) and, below it, v6 and v7 (datadog_checks.base). */
static const char *const top_agent_keys[] = { "ad_identifiers",
                                              "docker_images",
                                              "logs",
                                              "jmx_metrics",
                                              "advanced_ad_identifiers",
                                              "cluster_check",
                                              "ignore_autodiscovery_tags",
                                              NULL };
static const char *const init_agent_keys[] = {
    "min_collection_interval", "pythonpath", "use_agent_proxy", "proxy", "skip_proxy", "service", "loader", "timeout", NULL
};
static const char *const instance_agent_keys[] = { "min_collection_interval",
                                                   "name",
                                                   "no_proxy",
                                                   "skip_proxy",
                                                   "service",
                                                   "empty_default_hostname",
                                                   "metric_patterns",
                                                   "loader",
                                                   "disable_generic_tags",
                                                   "no_index",
                                                   NULL };

const struct config_level config_level_top = { "the file's top level", top_keys, COUNT(top_keys), top_agent_keys };
const struct config_level config_level_init = { "init_config", init_keys, COUNT(init_keys), init_agent_keys };
const struct config_level config_level_instance = { "an instance", instance_keys, COUNT(instance_keys), instance_agent_keys };

int config_key_find(const struct config_level *level, const char *name)
{
    for (size_t i = 0; i < level->count; i++)
        if (strcmp(level->keys[i].name, name) == 0)
            return (int)i;
    return -1;
}

bool config_key_is_agents(const struct config_level *level, const char *name)
{
    for (const char *const *key = level->agent_keys; *key != NULL; key++)
        if (strcmp(*key, name) == 0)
            return true;
    return false;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap neighbours) from a to b, both of at most MAX_NAME bytes: optimal string alignment. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][MAX_NAME + 1];
    unsigned *before = rows[0], *previous = rows[1], *current = rows[2];
    size_t length = strlen(b);

    for (size_t j = 0; j <= length; j++)
        current[j] = before[j] = (unsigned)j;
    for (size_t i = 1; i <= strlen(a); i++) {
        unsigned *spare = before;

        before = previous;
        previous = current;
        current = spare;
        current[0] = (unsigned)i;
        for (size_t j = 1; j <= length; j++) {
            current[j] = smaller(smaller(previous[j], current[j - 1]) + 1, previous[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                current[j] = smaller(current[j], before[j - 2] + 1);
        }
    }
    return current[length];
}

const char *config_key_suggest(const struct config_level *level, const char *name)
{
    const char *closest = NULL;
    unsigned least = 3;

    if (strlen(name) > MAX_NAME)
        return NULL;
    for (size_t i = 0; i < level->count; i++) {
        unsigned edits = distance(name, level->keys[i].name);

        /* Two letters of a word of four is another word. */
        if (edits < least && edits * 3 <= strlen(level->keys[i].name)) {
            least = edits;
            closest = level->keys[i].name;
        }
    }
    return closest;
}
