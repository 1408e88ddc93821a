/* yaml_scalar.c: the patterns by which PyYAML's SafeLoader tells numbers, booleans, nulls and dates from text.
 *
 * Each match_*() walks a NUL-terminated text; resolve() then asks that the walk ended at the text's real end, so that a NUL
 * inside it makes it plain text, as it does for PyYAML. */
#include "yaml_scalar.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "yaml_time.h"

#define DIGITS "0123456789"
#define TAG_PREFIX "tag:yaml.org,2002:"

static const char *skip_sign(const char *at)
{
    return *at == '-' || *at == '+' ? at + 1 : at;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* (:[0-5]?[0-9])+ ; `at` itself when there is none. */
static const char *skip_sixtieths(const char *at)
{
    while (at[0] == ':' && is_digit(at[1]))
        at += at[1] <= '5' && is_digit(at[2]) ? 3 : 2;
    return at;
}

/* ([eE][-+][0-9]+)? : an exponent without a sign is none. */
static const char *skip_exponent(const char *at)
{
    if ((*at != 'e' && *at != 'E') || (at[1] != '-' && at[1] != '+') || !is_digit(at[2]))
        return at;
    return at + 2 + strspn(at + 2, DIGITS);
}

static bool is_word(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/* Each gives the end of its match, NULL when there is none. */
static const char *match_float(const char *text, struct yaml_scalar *out)
{
    static const char *const infinities[] = { ".inf", ".Inf", ".INF", NULL };
    static const char *const nans[] = { ".nan", ".NaN", ".NAN", NULL };
    const char *at = skip_sign(text);
    const char *sixtieths;

    if (is_word(at, infinities) || is_word(text, nans))
        return text + strlen(text);
    if (text[0] == '.' && is_digit(text[1]))
        return skip_exponent(text + 1 + strspn(text + 1, DIGITS "_"));
    if (!is_digit(*at))
        return NULL;
    at += strspn(at, DIGITS "_");
    sixtieths = skip_sixtieths(at);
    if (*sixtieths != '.')
        return NULL;
    out->sexagesimal = sixtieths != at;
    at = sixtieths + 1;
    at += strspn(at, DIGITS "_");
    return out->sexagesimal ? at : skip_exponent(at);
}

static const char *match_int(const char *text, struct yaml_scalar *out)
{
    const char *at = skip_sign(text);
    const char *sixtieths;
    size_t digits;

    if (at[0] == '0') {
        if (at[1] == 'b')
            return (digits = strspn(at + 2, "01_")) > 0 ? at + 2 + digits : NULL;
        if (at[1] == 'x')
            return (digits = strspn(at + 2, DIGITS "abcdefABCDEF_")) > 0 ? at + 2 + digits : NULL;
        digits = strspn(at + 1, "01234567_");
        out->octal = digits > 0;
        return at + 1 + digits;
    }
    if (!is_digit(*at))
        return NULL;
    at += strspn(at, DIGITS "_");
    sixtieths = skip_sixtieths(at);
    out->sexagesimal = sixtieths != at;
    return sixtieths;
}

static int digit_value(char c)
{
    if (is_digit(c))
        return c - '0';
    return (c | 0x20) - 'a' + 10;
}

/* Digits of one base up to ':' or the end, underscores left out; false: there is no digit at all. */
static bool sum_digits(const char **at, unsigned base, uint64_t *out, bool *beyond)
{
    bool any = false;

    for (*out = 0; **at != '\0' && **at != ':'; (*at)++) {
        if (**at == '_')
            continue;
        any = true;
        if (__builtin_mul_overflow(*out, (uint64_t)base, out) || __builtin_add_overflow(*out, (uint64_t)digit_value(**at), out))
            *beyond = true;
    }
    return any;
}

static bool sum_integer(const char *text, bool octal, uint64_t *sum, bool *beyond)
{
    uint64_t part;
    unsigned base = octal ? 8 : 10;

    if (text[0] == '0' && (text[1] == 'b' || text[1] == 'x')) {
        base = text[1] == 'b' ? 2 : 16;
        text += 2;
    }
    if (!sum_digits(&text, base, sum, beyond))
        return false;
    while (*text == ':') {
        text++;
        sum_digits(&text, 10, &part, beyond);
        if (__builtin_mul_overflow(*sum, (uint64_t)60, sum) || __builtin_add_overflow(*sum, part, sum))
            *beyond = true;
    }
    return true;
}

/* The value of what match_int() matched. False: PyYAML fails on it (0x_). */
static bool read_integer(const char *text, struct yaml_scalar *out)
{
    bool negative = *text == '-';
    uint64_t sum;

    if (!sum_integer(skip_sign(text), out->octal, &sum, &out->beyond))
        return false;
    if (out->beyond || sum > (uint64_t)INT64_MAX + negative) {
        out->beyond = true;
        out->integer = negative ? INT64_MIN : INT64_MAX;
    } else {
        out->integer = (int64_t)(negative ? 0 - sum : sum);
    }
    return true;
}

/* The value of what match_float() matched (or match_int(), under !!float). */
static double read_real(const char *text)
{
    char digits[YAML_SCALAR_MAX_REAL + 1];
    double sum = 0;
    size_t n = 0;
    bool negative = *text == '-';

    for (const char *at = skip_sign(text); *at != '\0'; at++) {
        if (*at == '_')
            continue;
        if (n == YAML_SCALAR_MAX_REAL)
            return NAN;
        digits[n++] = *at;
    }
    digits[n] = '\0';
    if (digits[0] == '.' && !is_digit(digits[1]))
        sum = (digits[1] | 0x20) == 'i' ? INFINITY : NAN;
    else
        for (char *part = digits; part != NULL; part = strchr(part, ':')) {
            part += *part == ':';
            sum = sum * 60 + strtod(part, NULL);
        }
    return negative ? -sum : sum;
}

static bool resolve_word(const char *text, struct yaml_scalar *out)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
    static const char *const yes[] = { "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL };
    static const char *const no[] = { "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL };

    out->boolean = is_word(text, yes);
    if (is_word(text, nulls))
        out->kind = SCALAR_NULL;
    else if (out->boolean || is_word(text, no))
        out->kind = SCALAR_BOOL;
    else if (strcmp(text, "<<") == 0)
        out->kind = SCALAR_MERGE;
    else if (strcmp(text, "=") == 0)
        out->kind = SCALAR_VALUE;
    return out->kind != SCALAR_TEXT;
}

struct yaml_scalar yaml_scalar_resolve(const char *text, size_t size)
{
    const struct yaml_scalar plain = { .kind = SCALAR_TEXT };
    struct yaml_scalar out = plain;
    const char *end = text + size;
    const char *date_end;
    bool exists;

    if (strlen(text) != size || resolve_word(text, &out))
        return out;
    if (match_float(text, &out) == end) {
        out.kind = SCALAR_FLOAT;
        out.real = read_real(text);
        return out;
    }
    out = plain;
    if (match_int(text, &out) == end) {
        out.kind = read_integer(text, &out) ? SCALAR_INT : SCALAR_UNREADABLE;
        return out;
    }
    out = plain;
    date_end = yaml_time_match(text, &exists);
    if (date_end == end)
        out.kind = exists ? SCALAR_TIME : SCALAR_UNREADABLE;
    return out;
}

static bool construct_bool(const char *text, struct yaml_scalar *out)
{
    static const char *const words[] = { "no", "yes", "false", "true", "off", "on" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0) {
            out->boolean = i % 2 == 1;
            return true;
        }
    return false;
}

bool yaml_scalar_construct(const char *tag, const char *text, size_t size, struct yaml_scalar *out)
{
    static const struct {
        const char *name;
        enum yaml_scalar_kind kind;
    } tags[] = { { "str", SCALAR_TEXT },  { "int", SCALAR_INT },   { "float", SCALAR_FLOAT },
                 { "bool", SCALAR_BOOL }, { "null", SCALAR_NULL }, { "timestamp", SCALAR_TIME } };
    struct yaml_scalar plain = yaml_scalar_resolve(text, size);
    size_t i = 0;

    if (strncmp(tag, TAG_PREFIX, strlen(TAG_PREFIX)) != 0)
        return false;
    while (i < sizeof tags / sizeof *tags && strcmp(tag + strlen(TAG_PREFIX), tags[i].name) != 0)
        i++;
    if (i == sizeof tags / sizeof *tags)
        return false;
    *out = (struct yaml_scalar){ .kind = tags[i].kind };
    if (tags[i].kind == SCALAR_TEXT || tags[i].kind == SCALAR_NULL)
        return true;
    if (tags[i].kind == SCALAR_BOOL && strlen(text) == size && construct_bool(text, out))
        return true;
    if (tags[i].kind == SCALAR_FLOAT && plain.kind == SCALAR_INT && !plain.octal && strpbrk(text, "xb") == NULL) {
        out->real = read_real(text);
        return true;
    }
    *out = plain;
    if (plain.kind != tags[i].kind)
        out->kind = SCALAR_UNREADABLE;
    return true;
}

const char *yaml_scalar_kind_name(enum yaml_scalar_kind kind)
{
    static const char *const names[] = {
        [SCALAR_NULL] = "nothing",   [SCALAR_BOOL] = "a boolean", [SCALAR_INT] = "a number",
        [SCALAR_FLOAT] = "a number", [SCALAR_TEXT] = "text",      [SCALAR_TIME] = "a date",
        [SCALAR_MERGE] = "a merge",  [SCALAR_VALUE] = "a value",  [SCALAR_UNREADABLE] = "unreadable",
    };

    return names[kind];
}
