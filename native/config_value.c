/* config_value.c: one reader for each type of key, in one table. */
#include "config_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_report.h"

#define RIGHT_MAX 128

typedef void (*read_fn)(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *field);

static void *field_of(const struct config_key *key, void *base)
{
    return (char *)base + key->offset;
}

static bool is_kind(const struct yaml_node *node, enum yaml_scalar_kind kind)
{
    return node->type == YAML_TREE_SCALAR && node->scalar.kind == kind;
}

static bool has_nul(const struct yaml_node *node)
{
    return strlen(node->text) != node->size;
}

/* "write one of a, b, c" */
static const char *right_word(char out[static RIGHT_MAX], const char *const *words)
{
    int used = snprintf(out, RIGHT_MAX, "write one of");

    for (; *words != NULL; words++)
        used += snprintf(out + used, RIGHT_MAX - (size_t)used, " %s%s", *words, words[1] != NULL ? "," : "");
    return out;
}

static const char *right_number(char out[static RIGHT_MAX], const struct config_key *key)
{
    snprintf(out, RIGHT_MAX, "write %s%s from %u to %u", key->unit != NULL ? "whole " : "a number",
             key->unit != NULL ? key->unit : "", key->minimum, key->maximum);
    return out;
}

/* A value that quotes (or a tag) made text and that would have been right without them. */
static bool remark_quotes(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node,
                          enum yaml_scalar_kind wanted)
{
    if (!is_kind(node, SCALAR_TEXT) || yaml_scalar_resolve(node->text, node->size).kind != wanted)
        return false;
    config_remark_key(reader->report, CONFIG_ERROR, node, key->name, "'%.40s' is text because of its %s; write %.40s without %s",
                      node->text, node->quoted ? "quotes" : "tag", node->text, node->quoted ? "quotes" : "a tag");
    return true;
}

/* The integer that a node stands for. A number with a fraction of nothing (300.0) served the old program. */
static bool take_integer(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, int64_t *out)
{
    char right[RIGHT_MAX], shown[CONFIG_SHOWN_MAX];

    *out = node->scalar.integer;
    if (is_kind(node, SCALAR_INT))
        return true;
    if (is_kind(node, SCALAR_FLOAT) && node->scalar.real >= 0 && node->scalar.real <= UINT32_MAX) {
        *out = (int64_t)node->scalar.real;
        if ((double)*out >= node->scalar.real) {
            config_remark_key(reader->report, CONFIG_WARNING, node, key->name, "%s has a fraction; write %lld",
                              config_show(shown, node), (long long)*out);
            return true;
        }
    }
    if (!remark_quotes(reader, key, node, SCALAR_INT))
        config_remark_key(reader->report, CONFIG_ERROR, node, key->name, "%s is not a %snumber; %s", config_show(shown, node),
                          is_kind(node, SCALAR_FLOAT) ? "whole " : "", right_number(right, key));
    return false;
}

static bool take_number(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, uint32_t *out)
{
    char right[RIGHT_MAX], shown[CONFIG_SHOWN_MAX];
    int64_t number;

    if (!take_integer(reader, key, node, &number))
        return false;
    if (number < (key->raised ? 0 : (int64_t)key->minimum) || number > (int64_t)key->maximum) {
        config_remark_key(reader->report, CONFIG_ERROR, node, key->name, "%s is out of range; %s", config_show(shown, node),
                          right_number(right, key));
        return false;
    }
    if (node->scalar.octal || node->scalar.sexagesimal)
        config_remark_key(reader->report, CONFIG_NOTE, node, key->name, "%s is a number in base %d and means %lld",
                          config_show(shown, node), node->scalar.octal ? 8 : 60, (long long)number);
    *out = (uint32_t)number;
    if (*out < key->minimum) {
        config_remark_key(reader->report, CONFIG_NOTE, node, key->name, "%u is too small; %u is used", *out, key->minimum);
        *out = key->minimum;
    }
    return true;
}

static void read_uint32(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *field)
{
    take_number(reader, key, node, field);
}

static void read_uint16(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *field)
{
    uint32_t number;

    if (take_number(reader, key, node, &number))
        *(uint16_t *)field = (uint16_t)number;
}

/* y and n, which are booleans by YAML 1.1 and were to the old program, but are text to PyYAML. */
static bool is_old_word(const struct config_key *key, const struct yaml_node *node)
{
    return key->old_words && is_kind(node, SCALAR_TEXT) && !node->quoted && node->size == 1
           && strchr("yYnN", *node->text) != NULL;
}

static void read_bool(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *field)
{
    char shown[CONFIG_SHOWN_MAX];
    bool *out = field;

    if (is_kind(node, SCALAR_BOOL)) {
        *out = node->scalar.boolean;
    } else if (is_old_word(key, node)) {
        *out = *node->text == 'y' || *node->text == 'Y';
        config_remark_key(reader->report, CONFIG_WARNING, node, key->name, "%s is text to the Agent; write %s", node->text,
                          *out ? "true" : "false");
    } else if (!remark_quotes(reader, key, node, SCALAR_BOOL)) {
        config_remark_key(reader->report, CONFIG_ERROR, node, key->name, "%s is not a boolean; write true or false",
                          config_show(shown, node));
    }
}

static void read_word(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *field)
{
    char right[RIGHT_MAX], shown[CONFIG_SHOWN_MAX];
    int *out = field;

    for (int i = 0; is_kind(node, SCALAR_TEXT) && key->words[i] != NULL; i++)
        if (strcmp(node->text, key->words[i]) == 0 && !has_nul(node)) {
            *out = i;
            return;
        }
    config_remark_key(reader->report, CONFIG_ERROR, node, key->name, "%s is not known; %s", config_show(shown, node),
                      right_word(right, key->words));
}

/* With a word that is no level the old program went on at `warning`. */
static void read_level(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *field)
{
    const bool is_scalar = node->type == YAML_TREE_SCALAR;
    char shown[CONFIG_SHOWN_MAX];
    enum log_level *out = field;

    if (is_scalar && !has_nul(node) && log_level_parse(node->text, out))
        return;
    config_remark_key(reader->report, is_scalar ? CONFIG_WARNING : CONFIG_ERROR, node, key->name,
                      "%s is not a level; %swrite one of trace, debug, info, warning, error, critical", config_show(shown, node),
                      is_scalar ? "warning is used; " : "");
    *out = LOG_WARN;
}

/* Why a scalar cannot be what the key asks for, text behind the scalar itself; NULL: it can. Its kind comes last: a text that
 * would not do in quotes either is not worth quotes. */
static const char *text_problem(const struct config_key *key, const struct yaml_node *node, char out[static RIGHT_MAX])
{
    const char *reason;

    if (has_nul(node))
        return "has a NUL character in it; remove it";
    reason = key->check(node->text);
    if (reason != NULL || node->scalar.kind == SCALAR_TEXT)
        return reason;
    snprintf(out, RIGHT_MAX, "is %s to YAML 1.1%s; put it in quotes: '%.45s'", yaml_scalar_kind_name(node->scalar.kind),
             node->scalar.sexagesimal ? " (in base 60)" : "", node->text);
    return out;
}

static void read_text(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *field)
{
    char shown[CONFIG_SHOWN_MAX], reason[RIGHT_MAX];
    char **out = field;
    const char *problem = node->type == YAML_TREE_SCALAR ? text_problem(key, node, reason) : "is not a text; write one text";

    if (problem != NULL) {
        config_remark_key(reader->report, CONFIG_ERROR, node, key->name, "%s %s", config_show(shown, node), problem);
        return;
    }
    free(*out);
    *out = strdup(node->text);
    if (*out == NULL)
        reader->no_memory = true;
}

/* Whether an item of a list can be taken; says why not. What the old program took as a tag stays one. */
static bool check_item(struct config_reader *reader, const struct config_key *key, const struct yaml_node *item)
{
    char shown[CONFIG_SHOWN_MAX], reason[RIGHT_MAX];
    bool tag = key->type == CONFIG_TAGS;
    const char *problem;

    if (item->type != YAML_TREE_SCALAR) {
        config_remark_key(reader->report, CONFIG_ERROR, item, key->name, "%s is not a text; write one text behind each '-'%s",
                          config_show(shown, item), tag && item->type == YAML_TREE_MAP ? ", a tag without a blank: role:db" : "");
        return false;
    }
    if (item->scalar.kind == SCALAR_NULL || item->size == 0) {
        config_remark_key(reader->report, tag ? CONFIG_WARNING : CONFIG_ERROR, item, key->name,
                          "an item is empty; remove its '-'");
        return false;
    }
    problem = text_problem(key, item, reason);
    if (problem == NULL)
        return true;
    tag = tag && problem == reason;
    config_remark_key(reader->report, tag ? CONFIG_WARNING : CONFIG_ERROR, item, key->name, "%s %s", config_show(shown, item),
                      problem);
    return tag;
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

static void read_list(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *field)
{
    struct config_strings *out = field;

    if (!is_list(reader, key, node) || node->count == 0 || !count_entries(reader, key, node))
        return;
    out->items = calloc(node->count, sizeof *out->items);
    if (out->items == NULL) {
        reader->no_memory = true;
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (!check_item(reader, key, node->items[i]))
            continue;
        out->items[out->count] = strdup(node->items[i]->text);
        if (out->items[out->count] == NULL) {
            reader->no_memory = true;
            return;
        }
        out->count++;
    }
}

/* The prefixes of a list whose every item has passed config_syntax_net(). */
static void fill_prefixes(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node,
                          const struct config_strings *texts, struct ip_prefix *out)
{
    char meant[PREFIX_STRLEN];

    for (size_t i = 0; i < texts->count; i++) {
        bool cleared = false;

        if (prefix_parse(texts->items[i], &out[i], &cleared) && cleared)
            config_remark_key(reader->report, CONFIG_WARNING, node->items[i], key->name,
                              "%s has bits set beyond its length; %s is used", texts->items[i], prefix_format(meant, &out[i]));
    }
}

static void read_nets(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *field)
{
    struct config_strings *texts = field;
    struct ip_prefix **prefixes = (struct ip_prefix **)(void *)((char *)field - key->offset + key->prefixes);

    read_list(reader, key, node, field);
    if (texts->count == 0 || texts->count != node->count)
        return; /* nothing, or an item was refused and so the file is */
    *prefixes = calloc(texts->count, sizeof **prefixes);
    if (*prefixes == NULL)
        reader->no_memory = true;
    else
        fill_prefixes(reader, key, node, texts, *prefixes);
}

static const read_fn readers[] = {
    [CONFIG_UINT32] = read_uint32, [CONFIG_UINT16] = read_uint16, [CONFIG_BOOL] = read_bool,
    [CONFIG_WORD] = read_word,     [CONFIG_LEVEL] = read_level,   [CONFIG_TEXT] = read_text,
    [CONFIG_TAGS] = read_list,     [CONFIG_HOSTS] = read_list,    [CONFIG_NETS] = read_nets,
};

/* Lists may be empty in every way; of the rest only a key with a default has something to fall back on. */
static bool says_default(const struct config_key *key)
{
    return key->type < CONFIG_TEXT || key->fallback_text != NULL;
}

void config_value_read(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *base)
{
    if (!is_kind(node, SCALAR_NULL))
        readers[key->type](reader, key, node, field_of(key, base));
    else if (says_default(key))
        config_remark_key(reader->report, CONFIG_NOTE, node, key->name, "has no value; its default is used");
}

static void set_default(struct config_reader *reader, const struct config_key *key, void *field)
{
    switch (key->type) {
    case CONFIG_UINT32:
        *(uint32_t *)field = key->fallback;
        break;
    case CONFIG_UINT16:
        *(uint16_t *)field = (uint16_t)key->fallback;
        break;
    case CONFIG_BOOL:
        *(bool *)field = key->fallback != 0;
        break;
    case CONFIG_WORD:
    case CONFIG_LEVEL:
        *(int *)field = (int)key->fallback;
        break;
    case CONFIG_TEXT:
        if (key->fallback_text != NULL && (*(char **)field = strdup(key->fallback_text)) == NULL)
            reader->no_memory = true;
        break;
    default: /* lists begin empty */
        break;
    }
}

void config_value_defaults(struct config_reader *reader, const struct config_level *level, void *base)
{
    for (size_t i = 0; i < level->count; i++)
        set_default(reader, &level->keys[i], field_of(&level->keys[i], base));
}
