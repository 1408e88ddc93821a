/* config.c: a file's tree -> struct config: sections, keys, and what keys mean to each other. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_keys.h"
#include "config_level.h"
#include "config_report.h"
#include "config_value.h"
#include "fingerprint.h"
#include "yaml_tree.h"

#define MAX_FILE_BYTES (4 * 1024 * 1024)
#define DAY_S 86400

/* The documented exp_ttl was never read by the old program, so its owner has seen expired_ttl at work. */
static void check_expiry(struct config_reader *reader, const struct config_found *found)
{
    const struct yaml_node *documented = config_level_value(&config_level_init, found, "exp_ttl");
    const struct yaml_node *real = config_level_value(&config_level_init, found, "expired_ttl");

    if (documented == NULL || real == NULL || documented->scalar.integer == real->scalar.integer)
        return;
    if (documented->scalar.kind == SCALAR_INT && real->scalar.kind == SCALAR_INT)
        config_remark_key(
            reader->report, CONFIG_WARNING, documented, "exp_ttl",
            "%.20s is not used: 'expired_ttl' on line %d says %.20s, which counts as it did before; remove one of them",
            documented->text, real->line, real->text);
}

static uint32_t rounded_up(double seconds)
{
    const uint32_t whole = (uint32_t)seconds;

    return whole < seconds ? whole + 1 : whole;
}

/* The Agent's own key, in init_config or an instance: seconds between two runs of its check at least. Whatever is no number is
 * not ours to refuse. */
static void read_check_interval(const struct yaml_node *map, struct config *config)
{
    for (size_t i = 0; i < map->count; i += 2) {
        const struct yaml_node *key = map->items[i], *value = map->items[i + 1];
        double seconds = 0;

        if (key->type != YAML_TREE_SCALAR || strcmp(key->text, "min_collection_interval") != 0)
            continue;
        if (value->type == YAML_TREE_SCALAR && value->scalar.kind == SCALAR_INT)
            seconds = (double)value->scalar.integer;
        else if (value->type == YAML_TREE_SCALAR && value->scalar.kind == SCALAR_FLOAT)
            seconds = value->scalar.real;
        if (seconds > config->check_interval_s) /* not so for a NaN */
            config->check_interval_s = seconds < DAY_S ? rounded_up(seconds) : DAY_S;
    }
}

/* node: the value of the key `init_config`, NULL where there is none. */
static bool is_init(struct config_reader *reader, const struct yaml_node *node)
{
    char shown[CONFIG_SHOWN_MAX];

    if (node != NULL && node->type != YAML_TREE_MAP)
        config_remark_key(reader->report, CONFIG_ERROR, node, "init_config",
                          "%s is not a mapping; write 'key: value' lines below it, indented", config_show(shown, node));
    return node != NULL && node->type == YAML_TREE_MAP;
}

static void read_init(struct config_reader *reader, const struct yaml_node *node, struct config *config)
{
    struct config_found found;

    if (!is_init(reader, node))
        return;
    config_level_read(reader, &config_level_init, node, &found, config);
    read_check_interval(node, config);
    check_expiry(reader, &found);
}

/* One instance of the file and what it says. */
struct source {
    struct config_reader *reader;
    const struct yaml_node *node;
    struct config_found found;
    size_t number; /* from 1 */
};

/* On the instance as a whole. */
static void remark_instance(const struct source *source, enum config_severity severity, const char *text)
{
    config_remark(source->reader->report, severity, source->node, "instance %zu: %s", source->number, text);
}

static const struct yaml_node *given(const struct source *source, const char *name)
{
    return config_level_value(&config_level_instance, &source->found, name);
}

bool config_interface_is_file(const char *interface)
{
    return strcmp(interface, CONFIG_FILE_INTERFACE) == 0;
}

bool config_instance_is_file(const struct config_instance *instance)
{
    return instance->interface != NULL && config_interface_is_file(instance->interface);
}

bool config_instance_names_any(const struct config_instance *instance)
{
    return instance->ips.count + instance->ip_names.count + instance->hosts.count > 0;
}

static void check_capture(const struct source *source, const struct config_instance *instance)
{
    bool file = config_instance_is_file(instance);

    if (given(source, "interface") == NULL)
        remark_instance(source, CONFIG_ERROR, "key 'interface' is missing; write 'interface: eth0', say");
    else if (file && given(source, "pcap") == NULL)
        remark_instance(source, CONFIG_ERROR,
                        "key 'pcap' is missing; with 'interface: file' write 'pcap: /path/of/capture.pcap'");
    else if (!file && instance->interface != NULL && instance->pcap != NULL)
        config_remark_key(source->reader->report, CONFIG_WARNING, given(source, "pcap"), "pcap",
                          "has no effect without 'interface: file'");
}

static bool is_empty_list(const struct yaml_node *value)
{
    return value == NULL || (value->type == YAML_TREE_LIST && value->count == 0);
}

static bool is_false(const struct yaml_node *value)
{
    return value->type == YAML_TREE_SCALAR && value->scalar.kind == SCALAR_BOOL && !value->scalar.boolean;
}

static void check_whitelist(const struct source *source, const struct config_instance *instance)
{
    bool none = is_empty_list(given(source, "ips")) && is_empty_list(given(source, "hosts"));

    /* Where `all_peers` is given and wrong, that has been said, and is what must be mended. */
    if (none && !instance->all_peers && (given(source, "all_peers") == NULL || is_false(given(source, "all_peers"))))
        remark_instance(source, CONFIG_ERROR,
                        "no peers; list addresses under 'ips' or names under 'hosts', or write 'all_peers: true'");
    else if (!none && instance->all_peers)
        config_remark_key(source->reader->report, CONFIG_NOTE, given(source, "all_peers"), "all_peers",
                          "every peer is measured, in 'ips' and 'hosts' or not; the lists only give names");
    else if (instance->left_out.count > 0 && !config_instance_names_any(instance))
        remark_instance(source, CONFIG_WARNING, "nothing of its 'ips' and 'hosts' is left, and nothing is measured; mend them");
}

/* A number that came to so many seconds. */
static bool is_nothing(const struct yaml_node *value, uint32_t seconds)
{
    return seconds == 0 && value->type == YAML_TREE_SCALAR
           && (value->scalar.kind == SCALAR_INT || value->scalar.kind == SCALAR_FLOAT);
}

/* Why the instance's windows come to nothing, and what that is; NULL: they are windows with pauses between them. */
static const char *no_windows(const struct source *source, const struct config_instance *instance, enum config_severity *severity)
{
    const struct yaml_node *duration = given(source, "sample_duration"), *pause = given(source, "sample_interval");

    *severity = CONFIG_WARNING;
    if (config_instance_is_file(instance))
        return "has no effect with 'interface: file': a file is read whole";
    if (duration == NULL)
        return "without 'sample_duration' there is no window, and it is measured all the time (the old program measured nothing "
               "then); write the seconds of each window, or remove it";
    if (is_nothing(duration, instance->sample_duration_s))
        return "a window of 0 seconds is none, and it is measured all the time (the old program measured nothing then); write a "
               "'sample_duration' of 1 to 604800 seconds, or remove it";
    *severity = CONFIG_NOTE;
    return pause == NULL || is_nothing(pause, instance->sample_interval_s)
               ? "without a pause between the windows ('sample_interval') it is measured all the time"
               : NULL;
}

/* See window.h. The name sample_interval does not say that it is the pause: where that matters most, the sum is shown. */
static void check_windows(const struct source *source, const struct config_instance *instance)
{
    enum config_severity severity;
    const char *text = no_windows(source, instance, &severity);

    if (text != NULL)
        config_remark_key(source->reader->report, severity, given(source, "sample"), "sample", "%s", text);
    else if (instance->sample_duration_s >= instance->sample_interval_s && instance->sample_interval_s > 0)
        config_remark_key(source->reader->report, CONFIG_NOTE, given(source, "sample_interval"), "sample_interval",
                          "is the pause from one window to the next, as it always was: %u of every %u s are measured",
                          instance->sample_duration_s, instance->sample_duration_s + instance->sample_interval_s);
}

static void check_sampling(const struct source *source, const struct config_instance *instance)
{
    static const char *const keys[] = { "sample_duration", "sample_interval" };

    if (instance->sample) {
        check_windows(source, instance);
        return;
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (given(source, keys[i]) != NULL)
            config_remark_key(source->reader->report, CONFIG_NOTE, given(source, keys[i]), keys[i],
                              "has no effect without 'sample: true'");
}

static void check_grouping(const struct source *source, const struct config_instance *instance)
{
    static const char *const keys[] = { "subnet_v4", "subnet_v6" };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && instance->group_by != METER_GROUP_SUBNET; i++)
        if (given(source, keys[i]) != NULL)
            config_remark_key(source->reader->report, CONFIG_NOTE, given(source, keys[i]), keys[i],
                              "has no effect without 'group_by: subnet'");
}

static void read_instance(struct source *source, struct config_instance *instance)
{
    instance->line = source->node->line;
    config_value_defaults(source->reader, &config_level_instance, instance);
    if (source->node->type != YAML_TREE_MAP) {
        remark_instance(source, CONFIG_ERROR, "not a mapping; write '- interface: eth0', say");
        return;
    }
    config_level_read(source->reader, &config_level_instance, source->node, &source->found, instance);
    check_capture(source, instance);
    check_whitelist(source, instance);
    check_sampling(source, instance);
    check_grouping(source, instance);
}

/* node: the value of the key `instances`, NULL where there is none; key: NULL where there is not even that. */
static bool is_instance_list(struct config_reader *reader, const struct yaml_node *key, const struct yaml_node *node)
{
    char shown[CONFIG_SHOWN_MAX];

    if (node == NULL || (node->type == YAML_TREE_LIST && node->count == 0))
        config_remark(reader->report, CONFIG_ERROR, node != NULL ? node : key,
                      "key 'instances': no instance; write '- interface: eth0' below 'instances:'");
    else if (node->type != YAML_TREE_LIST)
        config_remark_key(reader->report, CONFIG_ERROR, node, "instances",
                          "%s is not a list; begin each instance with '- ', as in '- interface: eth0'", config_show(shown, node));
    else if (node->count > METER_MAX_INSTANCES)
        config_remark_key(reader->report, CONFIG_ERROR, node->items[METER_MAX_INSTANCES], "instances",
                          "%zu instances; at most %d are possible", node->count, METER_MAX_INSTANCES);
    else
        return true;
    return false;
}

static void read_instances(struct config_reader *reader, const struct config_found *found, struct config *config)
{
    const struct yaml_node *key = found->key[config_key_find(&config_level_top, "instances")];
    const struct yaml_node *node = config_level_value(&config_level_top, found, "instances");

    if (!is_instance_list(reader, key, node))
        return;
    config->instances = calloc(node->count, sizeof *config->instances);
    if (config->instances == NULL) {
        reader->no_memory = true;
        return;
    }
    config->instance_count = node->count;
    for (size_t i = 0; i < node->count; i++) {
        struct source source = { .reader = reader, .node = node->items[i], .number = i + 1 };

        read_instance(&source, &config->instances[i]);
        if (source.node->type == YAML_TREE_MAP)
            read_check_interval(source.node, config);
    }
}

/* The check tells instances apart by their fingerprints. */
static void compare_fingerprints(struct config_reader *reader, const struct yaml_node *list, struct config *config)
{
    for (size_t i = 0; i < config->instance_count; i++) {
        errno = 0;
        config->instances[i].fingerprint = fingerprint_instance(&config->instances[i]);
        config->instances[i].asked = fingerprint_asked(&config->instances[i]);
        if (errno == ENOMEM && (config->instances[i].fingerprint == 0 || config->instances[i].asked == 0))
            reader->no_memory = true;
        for (size_t j = 0; j < i; j++)
            if (config->instances[j].fingerprint == config->instances[i].fingerprint) {
                config_remark(reader->report, CONFIG_WARNING, list->items[i],
                              "instance %zu: measures the same as instance %zu on line %d; both give the same values: remove one",
                              i + 1, j + 1, config->instances[j].line);
                break;
            }
    }
}

static bool is_root(struct config_reader *reader, const struct yaml_node *root)
{
    char shown[CONFIG_SHOWN_MAX];

    if (root == NULL || (root->type == YAML_TREE_SCALAR && root->scalar.kind == SCALAR_NULL))
        config_remark(reader->report, CONFIG_ERROR, NULL, "the file is empty; write 'init_config:' and 'instances:'");
    else if (root->type != YAML_TREE_MAP)
        config_remark(reader->report, CONFIG_ERROR, root,
                      "%s is not a mapping; begin the file with 'init_config:' and 'instances:'", config_show(shown, root));
    return root != NULL && root->type == YAML_TREE_MAP;
}

typedef void (*read_fn)(struct config_reader *reader, const struct yaml_node *root, struct config *config);

static void read_root(struct config_reader *reader, const struct yaml_node *root, struct config *config)
{
    struct config_found found;

    config_value_defaults(reader, &config_level_init, config);
    if (!is_root(reader, root))
        return;
    config_level_read(reader, &config_level_top, root, &found, config);
    if (found.key[config_key_find(&config_level_top, "init_config")] == NULL)
        config_remark(reader->report, CONFIG_WARNING, NULL,
                      "key 'init_config' is missing; the Agent refuses a file without it: write 'init_config:'");
    read_init(reader, config_level_value(&config_level_top, &found, "init_config"), config);
    read_instances(reader, &found, config);
    if (reader->report->errors == 0 && !reader->no_memory)
        compare_fingerprints(reader, config_level_value(&config_level_top, &found, "instances"), config);
}

/* A key that is wrong leaves its error in the report, and it is not known what was meant. */
static void read_place(struct config_reader *reader, const struct yaml_node *root, struct config *config)
{
    static const char *const names[] = { "segment_path", "user" };
    const struct yaml_node *init;
    struct config_found found;

    config_value_defaults(reader, &config_level_init, config);
    if (!is_root(reader, root))
        return;
    config_level_find(reader, &config_level_top, root, &found);
    init = config_level_value(&config_level_top, &found, "init_config");
    if (!is_init(reader, init))
        return;
    config_level_find(reader, &config_level_init, init, &found);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const int key = config_key_find(&config_level_init, names[i]);

        if (found.value[key] != NULL)
            config_value_read(reader, &config_level_init.keys[key], found.value[key], config);
    }
}

/* Reads the tree; the caller decides by the report what becomes of *config. */
static void read_tree(struct config_reader *reader, const char *text, size_t size, read_fn read_what, struct config *config)
{
    struct yaml_problem problem;
    struct yaml_tree *tree = yaml_tree_parse(text, size, &problem);

    if (tree != NULL) {
        read_what(reader, yaml_tree_root(tree), config);
    } else {
        const struct yaml_node at = { .line = problem.line, .column = problem.column };

        config_remark(reader->report, CONFIG_ERROR, &at, "%s", problem.text);
    }
    yaml_tree_free(tree);
}

static enum config_result parse_by(const char *path, const char *text, size_t size, read_fn read_what, struct config **out,
                                   struct config_report *report)
{
    struct config_reader reader = { .report = report };
    struct config *config = calloc(1, sizeof *config);
    enum config_result result = CONFIG_INVALID;

    *out = NULL;
    memset(report, 0, sizeof *report);
    if (config != NULL)
        config->path = strdup(path);
    if (config == NULL || config->path == NULL)
        reader.no_memory = true;
    else if (size > MAX_FILE_BYTES)
        config_remark(report, CONFIG_ERROR, NULL, "the file is larger than %d bytes; shorten its lists", MAX_FILE_BYTES);
    else
        read_tree(&reader, text, size, read_what, config);
    config_report_sort(report);
    if (reader.no_memory) {
        config_remark(report, CONFIG_ERROR, NULL, "out of memory while reading the file");
        result = CONFIG_UNREADABLE;
    } else if (report->errors == 0) {
        *out = config;
        return CONFIG_OK;
    }
    config_free(config);
    return result;
}

enum config_result config_parse(const char *path, const char *text, size_t size, struct config **out,
                                struct config_report *report)
{
    return parse_by(path, text, size, read_root, out, report);
}

/* The whole file, at most one byte more than MAX_FILE_BYTES, into *text. -1 with errno. */
static ssize_t read_file(int fd, char **text)
{
    size_t size = 0;
    ssize_t got;

    *text = malloc(MAX_FILE_BYTES + 1);
    if (*text == NULL)
        return -1;
    do {
        got = read(fd, *text + size, MAX_FILE_BYTES + 1 - size);
        if (got < 0 && errno != EINTR)
            return -1;
        size += got > 0 ? (size_t)got : 0;
    } while (got != 0 && size <= MAX_FILE_BYTES);
    return (ssize_t)size;
}

static enum config_result load_by(const char *path, read_fn read_what, struct config **out, struct config_report *report)
{
    enum config_result result = CONFIG_UNREADABLE;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const char *reason = "make it readable for the helper's user";
    char *text = NULL;
    ssize_t size = -1;
    struct stat status;

    *out = NULL;
    memset(report, 0, sizeof *report);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        result = CONFIG_ABSENT;
    else if (fd >= 0 && fstat(fd, &status) == 0 && !S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
        reason = "it must be a regular file";
    } else if (fd >= 0)
        size = read_file(fd, &text);
    if (size >= 0)
        result = parse_by(path, text, (size_t)size, read_what, out, report);
    else if (result == CONFIG_ABSENT)
        config_remark(report, CONFIG_ERROR, NULL, "no such file; copy go-metro.yaml.example to it");
    else
        config_remark(report, CONFIG_ERROR, NULL, "cannot be read: %s; %s", strerror(errno), reason);
    free(text);
    if (fd >= 0)
        close(fd);
    return result;
}

enum config_result config_load(const char *path, struct config **out, struct config_report *report)
{
    return load_by(path, read_root, out, report);
}

enum config_result config_load_place(const char *path, struct config **out, struct config_report *report)
{
    return load_by(path, read_place, out, report);
}

static void free_strings(struct config_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
}

static void free_instance(struct config_instance *instance)
{
    free(instance->interface);
    free(instance->pcap);
    free_strings(&instance->tags);
    free_strings(&instance->ips);
    free_strings(&instance->ip_names);
    free_strings(&instance->hosts);
    free_strings(&instance->left_out.ips);
    free_strings(&instance->left_out.hosts);
    free_strings(&instance->local_nets);
    free(instance->ip_prefixes);
    free(instance->local_net_prefixes);
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->instance_count; i++)
        free_instance(&config->instances[i]);
    free(config->instances);
    free(config->path);
    free(config->statsd_ip);
    free(config->segment_path);
    free(config->user);
    free(config);
}
