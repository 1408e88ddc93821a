/* yaml_problem.c: libyaml's own words name tokens; these name what stands in the file and how to mend it. */
#include "yaml_problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* First match wins. `context` NULL: any. */
static const struct {
    const char *problem, *context, *text;
} cures[] = {
    { "found unexpected end of stream", "quoted scalar", "a quote that is opened here is never closed" },
    { "found unexpected document indicator", "quoted scalar", "a quote that is opened here is never closed" },
    { "mapping values are not allowed", NULL,
      "a ':' is not expected here; end the key above with ':', indent both lines alike, or put a value with ': ' in quotes" },
    { "did not find expected ',' or ']'", NULL, "a list in [ ] that begins above or here lacks a ',' or its ']'" },
    { "did not find expected ',' or '}'", NULL, "a mapping in { } that begins above or here lacks a ',' or its '}'" },
    { "could not find expected ':'", NULL, "a ':' and a blank are missing after the key on this line or the one above" },
    { "did not find expected key", NULL, "this line is not indented like its neighbours, or a '-' or a ':' is missing" },
    { "did not find expected '-' indicator", NULL,
      "this line stands in a list; begin it with '- ' or indent it like its neighbours" },
    { "block sequence entries are not allowed", NULL,
      "a '-' is not expected here; begin the list on a line of its own below its key" },
    { "block mapping", NULL, "this line is not indented like its neighbours" },
    { "found unknown escape character", NULL, "a '\\' in double quotes begins an escape; use single quotes for plain text" },
    { "did not find expected hexdecimal number", NULL,
      "a '\\' in double quotes begins an escape; use single quotes for plain text" },
    { "found undefined alias", NULL,
      "an alias (*name) has no anchor (&name) above it; put a text that begins with '*' in quotes" },
    { "found undefined tag handle", NULL, "a text that begins with '!' must be in quotes" },
    { "found duplicate anchor", NULL, "this anchor (&name) is used twice; give each its own name" },
    { "did not find expected <document start>", NULL,
      "one value ends above this line, and another cannot follow; write 'key: value' lines" },
    { "did not find expected alphabetic or numeric character", NULL, "a text that begins with '*' or '&' must be in quotes" },
    { "did not find expected node content", NULL, "a value is missing here" },
    { "found incompatible YAML document", NULL, "this version of YAML is not known; remove the %YAML line" },
};

bool yaml_problem_set(struct yaml_problem *problem, int line, int column, const char *format, ...)
{
    va_list arguments;

    problem->line = line;
    problem->column = column;
    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    return false;
}

bool yaml_problem_memory(struct yaml_problem *problem)
{
    return yaml_problem_set(problem, 0, 0, "out of memory");
}

/* Start of line number `line` (from 0). */
static const char *line_start(const char *text, const char *end, size_t line)
{
    const char *next;

    for (; line > 0 && (next = memchr(text, '\n', (size_t)(end - text))) != NULL; line--)
        text = next + 1;
    return text;
}

/* Line and column of a byte, from 1; columns count characters. */
static void place_of_offset(const char *text, size_t offset, struct yaml_problem *problem)
{
    problem->line = 1;
    problem->column = 1;
    for (size_t i = 0; i < offset; i++)
        if (text[i] == '\n') {
            problem->line++;
            problem->column = 1;
        } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
            problem->column++;
        }
}

/* The file's bytes are no text. libyaml gives an offset here, not a mark. */
static void describe_reader(const yaml_parser_t *parser, const char *text, size_t size, struct yaml_problem *problem)
{
    const char *what = "a byte that is not UTF-8";
    size_t offset = parser->problem_offset < size ? parser->problem_offset : size;
    size_t bom = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

    if (strstr(parser->problem, "control") != NULL)
        what = "a control character";
    if (offset >= bom)
        place_of_offset(text + bom, offset - bom, problem);
    snprintf(problem->text, sizeof problem->text, "%s (0x%02x) is not allowed; save the file as plain UTF-8 text", what,
             parser->problem_value < 0 ? 0U : (unsigned)parser->problem_value);
}

/* Column (from 1) of a tab among the blanks that indent the line; 0: none. */
static int indenting_tab(const char *line, const char *end)
{
    const char *at = line;

    while (at < end && *at == ' ')
        at++;
    return at < end && *at == '\t' ? (int)(at - line) + 1 : 0;
}

static const char *unexpected_start(const char *line, const char *end, size_t column, char out[static 96])
{
    size_t left = (size_t)(end - line);

    if (column >= left)
        return NULL;
    if (line[column] == '\t')
        return "a tab is not allowed here; write blanks";
    snprintf(out, 96, "a text that begins with '%c' must be in quotes", line[column]);
    return out;
}

/* NULL: libyaml's own words must do. */
static const char *cure_for(const char *what, const char *context)
{
    for (size_t i = 0; i < sizeof cures / sizeof *cures; i++)
        if (strstr(what, cures[i].problem) != NULL && (cures[i].context == NULL || strstr(context, cures[i].context) != NULL))
            return cures[i].text;
    return NULL;
}

/* Whether the context's place (where the construct began) tells more than where the parser stopped. */
static bool context_is_place(const char *what, const char *context)
{
    return strstr(context, "quoted scalar") != NULL
           && (strstr(what, "end of stream") != NULL || strstr(what, "document") != NULL);
}

void yaml_problem_describe(const yaml_parser_t *parser, const char *text, size_t size, struct yaml_problem *problem)
{
    const char *what = parser->problem != NULL ? parser->problem : "not readable as YAML";
    const char *context = parser->context != NULL ? parser->context : "";
    const yaml_mark_t *mark = context_is_place(what, context) ? &parser->context_mark : &parser->problem_mark;
    const char *end = text + size;
    const char *line = line_start(text, end, mark->line);
    char words[96];
    const char *cure;
    int tab;

    *problem = (struct yaml_problem){ 0 };
    if (parser->error == YAML_MEMORY_ERROR) {
        yaml_problem_memory(problem);
        return;
    }
    if (parser->error == YAML_READER_ERROR) {
        describe_reader(parser, text, size, problem);
        return;
    }
    problem->line = (int)mark->line + 1;
    problem->column = (int)mark->column + 1;
    tab = indenting_tab(line, end);
    if (tab > 0) {
        problem->column = tab;
        cure = "a tab indents this line; YAML allows only blanks there";
    } else if (strstr(what, "cannot start any token") != NULL) {
        cure = unexpected_start(line, end, mark->column, words);
    } else {
        cure = cure_for(what, context);
    }
    snprintf(problem->text, sizeof problem->text, "%s%s%s", cure != NULL ? cure : context, cure == NULL && *context ? ": " : "",
             cure != NULL ? "" : what);
}
