/* config_list.c: lists of the configuration, item by item.
 *
 * Under `ips` and `hosts` the old program's owners have what it passed over (it logged a name that it could not resolve) or took
 * in its own way; there a bad entry costs itself alone. Under keys that are new it is an error. */
#include "config_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_report.h"
#include "config_syntax.h"

#define EMPTY "is empty; remove its '-'"

struct list {
    struct config_reader *reader;
    const struct config_key *key;
    struct config_instance *instance;
    size_t room; /* for so many items */
};

static struct config_strings *texts_of(const struct list *list)
{
    return (struct config_strings *)(void *)((char *)list->instance + list->key->offset);
}

static bool is_empty(const struct yaml_node *item)
{
    return item->scalar.kind == SCALAR_NULL || item->size == 0;
}

static bool add_text(const struct list *list, struct config_strings *out, const char *text)
{
    if (out->items == NULL)
        out->items = calloc(list->room, sizeof *out->items);
    if (out->items == NULL || (out->items[out->count] = strdup(text)) == NULL) {
        list->reader->no_memory = true;
        return false;
    }
    out->count++;
    return true;
}

static void add_net(const struct list *list, const struct yaml_node *item, const struct ip_prefix *prefix)
{
    struct ip_prefix **prefixes = (struct ip_prefix **)(void *)((char *)list->instance + list->key->prefixes);

    if (*prefixes == NULL)
        *prefixes = calloc(list->room, sizeof **prefixes);
    if (*prefixes == NULL)
        list->reader->no_memory = true;
    else if (add_text(list, texts_of(list), item->text))
        (*prefixes)[texts_of(list)->count - 1] = *prefix;
}

static void remark(const struct list *list, enum config_severity severity, const struct yaml_node *item, const char *problem)
{
    char shown[CONFIG_SHOWN_MAX];

    config_remark_key(list->reader->report, severity, item, list->key->name, "%s %s",
                      is_empty(item) ? "an item" : config_show(shown, item), problem);
}

/* NULL: it is right. reason: what the answer may lie in. */
static const char *problem_of(const struct list *list, const struct yaml_node *item, char reason[static CONFIG_REASON_MAX])
{
    return is_empty(item) ? EMPTY : config_value_text_problem(list->key, item, reason);
}

/* What the old program took as a tag stays one: the Agent submits it as it is, and what cannot stand in a datagram is replaced.
 */
static void take_tag(const struct list *list, const struct yaml_node *item)
{
    char reason[CONFIG_REASON_MAX];
    const char *problem = problem_of(list, item, reason);

    if (problem != NULL)
        remark(list, CONFIG_WARNING, item, problem);
    if (!is_empty(item))
        add_text(list, texts_of(list), item->text);
}

/* An address or a block as it should be. */
static void take_net(const struct list *list, const struct yaml_node *item)
{
    char meant[PREFIX_STRLEN];
    struct ip_prefix prefix;
    bool cleared = false;

    if (!prefix_parse(item->text, &prefix, &cleared))
        return; /* never: its syntax was checked */
    add_net(list, item, &prefix);
    if (cleared)
        config_remark_key(list->reader->report, CONFIG_WARNING, item, list->key->name,
                          "%s has bits set beyond its length; %s is used", item->text, prefix_format(meant, &prefix));
}

static void take_new_net(const struct list *list, const struct yaml_node *item)
{
    char reason[CONFIG_REASON_MAX];
    const char *problem = problem_of(list, item, reason);

    if (problem == NULL)
        take_net(list, item);
    else
        remark(list, CONFIG_ERROR, item, problem);
}

static void leave_out(const struct list *list, const struct yaml_node *item, const char *problem)
{
    struct config_left_out *out = &list->instance->left_out;
    char text[2 * CONFIG_REASON_MAX];

    snprintf(text, sizeof text, "%s (it is left out)", problem);
    remark(list, CONFIG_WARNING, item, text);
    if (out->count++ == 0) {
        out->key = list->key->name;
        out->line = item->line;
        snprintf(out->text, sizeof out->text, "%s", item->scalar.kind == SCALAR_NULL ? "" : item->text);
        snprintf(out->why, sizeof out->why, "%s", problem);
    }
    if (item->scalar.kind == SCALAR_TEXT)
        add_text(list, list->key->type == CONFIG_IPS ? &out->ips : &out->hosts, item->text);
}

static void take_host(const struct list *list, const struct yaml_node *item)
{
    char reason[CONFIG_REASON_MAX];
    const char *problem = problem_of(list, item, reason);

    if (problem == NULL)
        add_text(list, texts_of(list), item->text);
    else
        leave_out(list, item, problem);
}

/* What libpcap made of a text behind "host", which is what the old program did with each; false: nothing. */
static bool take_as_libpcap(const struct list *list, const struct yaml_node *item)
{
    struct config_report *report = list->reader->report;
    char meant[PREFIX_STRLEN];
    struct ip_prefix prefix;

    if (item->scalar.kind != SCALAR_TEXT)
        return false;
    if (config_syntax_old_net(item->text, &prefix)) {
        add_net(list, item, &prefix);
        config_remark_key(report, CONFIG_WARNING, item, list->key->name, "%s is taken for %s, as it was; write that", item->text,
                          prefix_format(meant, &prefix));
        return true;
    }
    if (config_syntax_host(item->text) != NULL)
        return false;
    add_text(list, &list->instance->ip_names, item->text);
    remark(list, CONFIG_WARNING, item, "is a host name, and measured as one; write it under 'hosts'");
    return true;
}

static void take_ip(const struct list *list, const struct yaml_node *item)
{
    char reason[CONFIG_REASON_MAX];
    const char *problem = problem_of(list, item, reason);

    if (problem == NULL)
        take_net(list, item);
    else if (!take_as_libpcap(list, item))
        leave_out(list, item, problem);
}

static void (*const takers[])(const struct list *list, const struct yaml_node *item) = {
    [CONFIG_TAGS] = take_tag,
    [CONFIG_HOSTS] = take_host,
    [CONFIG_IPS] = take_ip,
    [CONFIG_NETS] = take_new_net,
};

static void read_item(const struct list *list, const struct yaml_node *item)
{
    const bool is_tag = list->key->type == CONFIG_TAGS;
    char shown[CONFIG_SHOWN_MAX];

    if (item->type != YAML_TREE_SCALAR)
        config_remark_key(list->reader->report, CONFIG_ERROR, item, list->key->name,
                          "%s is not a text; write one text behind each '-'%s", config_show(shown, item),
                          is_tag && item->type == YAML_TREE_MAP ? ", a tag without a blank: role:db" : "");
    else if (strlen(item->text) != item->size)
        remark(list, CONFIG_ERROR, item, "has a NUL character in it; remove it");
    else
        takers[list->key->type](list, item);
}

static bool is_list(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node)
{
    char shown[CONFIG_SHOWN_MAX];

    if (node->type == YAML_TREE_SCALAR)
        config_remark_key(reader->report, CONFIG_ERROR, node, key->name,
                          "%s is not a list; write it on a line of its own below the key, behind '- '", config_show(shown, node));
    else if (node->type == YAML_TREE_MAP)
        config_remark_key(reader->report, CONFIG_ERROR, node, key->name, "a mapping is not a list; begin each line with '- '");
    return node->type == YAML_TREE_LIST;
}

static bool count_entries(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node)
{
    if (node->count <= CONFIG_MAX_ENTRIES - reader->entries) {
        reader->entries += node->count;
        return true;
    }
    config_remark_key(reader->report, CONFIG_ERROR, node, key->name,
                      "the lists of the file have more than %d entries in all; write CIDR blocks instead of single addresses",
                      CONFIG_MAX_ENTRIES);
    return false;
}

void config_list_read(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node,
                      struct config_instance *instance)
{
    const struct list list = { .reader = reader, .key = key, .instance = instance, .room = node->count };

    if (!is_list(reader, key, node) || !count_entries(reader, key, node))
        return;
    for (size_t i = 0; i < node->count && !reader->no_memory; i++)
        read_item(&list, node->items[i]);
}
