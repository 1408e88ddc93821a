/* config_value.c: one reader for each type of key, in one table. */
#include "config_value.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_list.h"
#include "config_report.h"

typedef void (*read_fn)(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *field);

static void *field_of(const struct config_key *key, void *base)
{
    return (char *)base + key->offset;
}

#define MAX_REAL 9.0e15 /* what is less is an integer of 64 bits, and as exact */

static bool is_kind(const struct yaml_node *node, enum yaml_scalar_kind kind)
{
    return node->type == YAML_TREE_SCALAR && node->scalar.kind == kind;
}

static bool has_nul(const struct yaml_node *node)
{
    return strlen(node->text) != node->size;
}

/* "write one of a, b, c" */
static const char *right_word(char out[static CONFIG_REASON_MAX], const char *const *words)
{
    int used = snprintf(out, CONFIG_REASON_MAX, "write one of");

    for (; *words != NULL; words++)
        used += snprintf(out + used, CONFIG_REASON_MAX - (size_t)used, " %s%s", *words, words[1] != NULL ? "," : "");
    return out;
}

static const char *right_number(char out[static CONFIG_REASON_MAX], const struct config_key *key)
{
    snprintf(out, CONFIG_REASON_MAX, "write %s%s from %u to %u", key->unit != NULL ? "whole " : "a number",
             key->unit != NULL ? key->unit : "", key->minimum, key->maximum);
    return out;
}

/* Of a value that cannot be taken. */
__attribute__((format(printf, 4, 5))) static void remark_wrong(struct config_reader *reader, const struct config_key *key,
                                                               const struct yaml_node *node, const char *format, ...)
{
    const enum config_severity severity = *reader->idle == '\0' ? CONFIG_ERROR : CONFIG_WARNING;
    char text[2 * CONFIG_REASON_MAX + CONFIG_SHOWN_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    config_remark_key(reader->report, severity, node, key->name, "%s%s", text, reader->idle);
}

/* A value that quotes (or a tag) made text and that would have been right without them. */
static bool remark_quotes(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node,
                          enum yaml_scalar_kind wanted)
{
    if (!is_kind(node, SCALAR_TEXT) || yaml_scalar_resolve(node->text, node->size).kind != wanted)
        return false;
    remark_wrong(reader, key, node, "'%.40s' is text because of its %s; write %.40s without %s", node->text,
                 node->quoted ? "quotes" : "tag", node->text, node->quoted ? "quotes" : "a tag");
    return true;
}

static enum config_severity bent_severity(const struct config_key *key)
{
    return key->bend == CONFIG_BENT_LOUDLY ? CONFIG_WARNING : CONFIG_NOTE;
}

/* Whether the number is more than that by a fraction, or less. */
static bool is_cut(const struct yaml_node *node, int64_t number)
{
    return is_kind(node, SCALAR_FLOAT) && (node->scalar.real < (double)number || node->scalar.real > (double)number);
}

/* A number with a fraction of nothing (300.0) served the old program, and of another it took what is before the point. */
static bool take_float(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, int64_t *out)
{
    const double real = node->scalar.real;
    char shown[CONFIG_SHOWN_MAX];

    if (!(real >= (key->bend == CONFIG_REFUSED ? 0 : -MAX_REAL) && real <= MAX_REAL)) /* a NaN is not */
        return false;
    *out = (int64_t)real;
    if (!is_cut(node, *out))
        config_remark_key(reader->report, CONFIG_WARNING, node, key->name, "%s has a fraction; write %lld",
                          config_show(shown, node), (long long)*out);
    return !is_cut(node, *out) || key->bend != CONFIG_REFUSED;
}

/* The integer that a node stands for. */
static bool take_integer(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, int64_t *out)
{
    char right[CONFIG_REASON_MAX], shown[CONFIG_SHOWN_MAX];

    *out = node->scalar.integer;
    if (is_kind(node, SCALAR_INT) || (is_kind(node, SCALAR_FLOAT) && take_float(reader, key, node, out)))
        return true;
    if (!remark_quotes(reader, key, node, SCALAR_INT))
        remark_wrong(reader, key, node, "%s is not a %snumber; %s", config_show(shown, node),
                     is_kind(node, SCALAR_FLOAT) ? "whole " : "", right_number(right, key));
    return false;
}

static int64_t within_bounds(const struct config_key *key, int64_t number)
{
    if (number < (int64_t)key->minimum)
        return key->minimum;
    return number > (int64_t)key->maximum ? key->maximum : number;
}

static bool take_number(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, uint32_t *out)
{
    char right[CONFIG_REASON_MAX], shown[CONFIG_SHOWN_MAX];
    int64_t number, taken;

    if (!take_integer(reader, key, node, &number))
        return false;
    taken = within_bounds(key, number);
    if (taken != number && key->bend == CONFIG_REFUSED) {
        remark_wrong(reader, key, node, "%s is out of range; %s", config_show(shown, node), right_number(right, key));
        return false;
    }
    if (node->scalar.octal || node->scalar.sexagesimal)
        config_remark_key(reader->report, CONFIG_NOTE, node, key->name, "%s is a number in base %d and means %lld",
                          config_show(shown, node), node->scalar.octal ? 8 : 60, (long long)number);
    if (taken != number)
        config_remark_key(reader->report, bent_severity(key), node, key->name, "%s is too %s; %lld is used",
                          config_show(shown, node), number < taken ? "small" : "large", (long long)taken);
    else if (is_cut(node, number))
        config_remark_key(reader->report, bent_severity(key), node, key->name, "%s has a fraction; %lld is used",
                          config_show(shown, node), (long long)number);
    *out = (uint32_t)taken;
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
    char right[CONFIG_REASON_MAX], shown[CONFIG_SHOWN_MAX];
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

/* The kind comes last: a text that would not do in quotes either is not worth quotes. */
const char *config_value_text_problem(const struct config_key *key, const struct yaml_node *node,
                                      char out[static CONFIG_REASON_MAX])
{
    const char *reason;

    if (has_nul(node))
        return "has a NUL character in it; remove it";
    reason = key->check(node->text);
    if (reason != NULL || node->scalar.kind == SCALAR_TEXT)
        return reason;
    snprintf(out, CONFIG_REASON_MAX, "is %s to YAML 1.1%s; put it in quotes: '%.45s'", yaml_scalar_kind_name(node->scalar.kind),
             node->scalar.sexagesimal ? " (in base 60)" : "", node->text);
    return out;
}

static void read_text(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *field)
{
    char shown[CONFIG_SHOWN_MAX], reason[CONFIG_REASON_MAX];
    char **out = field;
    const char *problem = node->type == YAML_TREE_SCALAR ? config_value_text_problem(key, node, reason)
                                                         : "is not a text; write one text";

    if (problem != NULL) {
        remark_wrong(reader, key, node, "%s %s", config_show(shown, node), problem);
        if (*reader->idle == '\0' || !key->is_kept)
            return;
    }
    free(*out);
    *out = strdup(node->text);
    if (*out == NULL)
        reader->no_memory = true;
}

static void read_list(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *field)
{
    config_list_read(reader, key, node, (struct config_instance *)(void *)((char *)field - key->offset));
}

static const read_fn readers[] = {
    [CONFIG_UINT32] = read_uint32, [CONFIG_UINT16] = read_uint16, [CONFIG_BOOL] = read_bool, [CONFIG_WORD] = read_word,
    [CONFIG_LEVEL] = read_level,   [CONFIG_TEXT] = read_text,     [CONFIG_TAGS] = read_list, [CONFIG_HOSTS] = read_list,
    [CONFIG_IPS] = read_list,      [CONFIG_NETS] = read_list,
};

/* Lists may be empty in every way; of the rest only a key with a default has something to fall back on. */
static bool says_default(const struct config_key *key)
{
    return key->type < CONFIG_TEXT || key->fallback_text != NULL;
}

void config_value_read(struct config_reader *reader, const struct config_key *key, const struct yaml_node *node, void *base)
{
    reader->idle = key->idle != NULL && node->type == YAML_TREE_SCALAR ? key->idle(base, node) : "";
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
