/* yaml_scalar.h: what a scalar's text means in YAML 1.1, as PyYAML's SafeLoader takes it. Pure.
 *
 * yaml_scalar_resolve() for a plain scalar, yaml_scalar_construct() for one with an explicit tag (!!int "5"). The patterns are
 * those of PyYAML 5 and 6 (yaml/resolver.py, Resolver.add_implicit_resolver). */
#ifndef GO_METRO_YAML_SCALAR_H
#define GO_METRO_YAML_SCALAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum yaml_scalar_kind {
    SCALAR_NULL,
    SCALAR_BOOL,
    SCALAR_INT,
    SCALAR_FLOAT,
    SCALAR_TEXT,
    SCALAR_TIME,      /* a date or a date with a time */
    SCALAR_MERGE,     /* <<, which is a merge only as a key */
    SCALAR_VALUE,     /* =, which PyYAML takes only as a key, and then as text */
    SCALAR_UNREADABLE /* it matches a pattern, and PyYAML then fails on it: 2001-13-01, 0x_ */
};

struct yaml_scalar {
    enum yaml_scalar_kind kind;
    bool boolean;     /* SCALAR_BOOL */
    bool sexagesimal; /* a number in base 60, such as 1:30 */
    bool octal;       /* an integer in base 8, such as 0300 */
    bool beyond;      /* the integer does not fit: `integer` is the nearest that does */
    int64_t integer;  /* SCALAR_INT */
    double real;      /* SCALAR_FLOAT; NaN also for a text of more than YAML_SCALAR_MAX_REAL bytes */
};

#define YAML_SCALAR_MAX_REAL 127

/* text: `size` bytes with a NUL behind them. */
struct yaml_scalar yaml_scalar_resolve(const char *text, size_t size);

/* The same under an explicit tag; tag: its full form ("tag:yaml.org,2002:int"). False: not one of str, int, float, bool, null,
 * timestamp. A text that the tag does not fit is SCALAR_UNREADABLE. */
bool yaml_scalar_construct(const char *tag, const char *text, size_t size, struct yaml_scalar *out);

/* For messages: "a number", "text" ... */
const char *yaml_scalar_kind_name(enum yaml_scalar_kind kind);

#endif
