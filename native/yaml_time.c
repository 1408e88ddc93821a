/* yaml_time.c: 2001-12-14 and 2001-12-14t21:59:43.10-05:00. */
#include "yaml_time.h"

#include <string.h>

#define DIGITS "0123456789"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes between `least` and `most` digits into *out. */
static bool take_number(const char **at, int least, int most, int *out)
{
    int n = 0;

    for (*out = 0; n < most && is_digit(**at); n++)
        *out = *out * 10 + *(*at)++ - '0';
    return n >= least;
}

static bool take_char(const char **at, const char *set)
{
    if (**at == '\0' || strchr(set, **at) == NULL)
        return false;
    (*at)++;
    return true;
}

struct moment {
    int year, month, day, hour, minute, second;
    bool padded; /* two digits for month and day, as a date without a time must have */
};

/* [0-9]{4}-[0-9][0-9]?-[0-9][0-9]? */
static bool take_date(const char **at, const char *text, struct moment *out)
{
    if (!take_number(at, 4, 4, &out->year) || !take_char(at, "-"))
        return false;
    if (!take_number(at, 1, 2, &out->month) || !take_char(at, "-") || !take_number(at, 1, 2, &out->day))
        return false;
    out->padded = *at - text == 10;
    return true;
}

/* ([ \t]*(Z|[-+][0-9][0-9]?(:[0-9][0-9])?))? ; its blanks belong to it, so without a zone nothing is taken. */
static const char *skip_zone(const char *at)
{
    const char *start = at;
    int number;

    at += strspn(at, " \t");
    if (*at == 'Z')
        return at + 1;
    if (!take_char(&at, "-+") || !take_number(&at, 1, 2, &number))
        return start;
    if (at[0] == ':' && is_digit(at[1]) && is_digit(at[2]))
        at += 3;
    return at;
}

static const char *match_moment(const char *text, struct moment *out)
{
    const char *at = text;

    *out = (struct moment){ 0 };
    if (!take_date(&at, text, out))
        return NULL;
    if (*at == '\0')
        return out->padded ? at : NULL;
    if (*at == 'T' || *at == 't')
        at++;
    else if (strspn(at, " \t") > 0)
        at += strspn(at, " \t");
    else
        return NULL;
    if (!take_number(&at, 1, 2, &out->hour) || !take_char(&at, ":") || !take_number(&at, 2, 2, &out->minute)
        || !take_char(&at, ":") || !take_number(&at, 2, 2, &out->second))
        return NULL;
    if (*at == '.')
        at += 1 + strspn(at + 1, DIGITS);
    return skip_zone(at);
}

/* What Python's datetime accepts. */
static bool moment_exists(const struct moment *moment)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (moment->year % 4 == 0 && moment->year % 100 != 0) || moment->year % 400 == 0;

    if (moment->year < 1 || moment->month < 1 || moment->month > 12 || moment->day < 1)
        return false;
    if (moment->day > days[moment->month - 1] + (leap && moment->month == 2))
        return false;
    return moment->hour < 24 && moment->minute < 60 && moment->second < 60;
}

const char *yaml_time_match(const char *text, bool *exists)
{
    struct moment moment;
    const char *end = match_moment(text, &moment);

    *exists = end != NULL && moment_exists(&moment);
    return end;
}
