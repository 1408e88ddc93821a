/* config_report.c: remarks on a configuration: collected, made printable, printed. */
#include "config_report.h"

#include <stdarg.h>
#include <string.h>

/* The entry that the next remark fills; NULL: none is left for this severity. */
static struct config_remark *next_remark(struct config_report *report, enum config_severity severity)
{
    struct config_remark *more = &report->remarks[CONFIG_MAX_REMARKS];

    if (report->count < CONFIG_MAX_REMARKS)
        return &report->remarks[report->count++];
    report->count = CONFIG_MAX_REMARKS + 1;
    *more = (struct config_remark){ .severity = CONFIG_NOTE, .text = "there is more to say; mend what is above first" };
    for (size_t i = CONFIG_MAX_REMARKS; severity == CONFIG_ERROR && i-- > 0;)
        if (report->remarks[i].severity != CONFIG_ERROR)
            return &report->remarks[i];
    return NULL;
}

/* Other bytes than printable ASCII as \xNN. */
static void make_printable(char *out, size_t size, const char *text)
{
    size_t used = 0;

    for (; *text != '\0' && used + 5 < size; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte >= 0x20 && byte < 0x7F)
            out[used++] = (char)byte;
        else
            used += (size_t)snprintf(out + used, size - used, "\\x%02x", byte);
    }
    out[used] = '\0';
}

static void remark_v(struct config_report *report, enum config_severity severity, const struct yaml_node *at, const char *key,
                     const char *format, va_list arguments)
{
    struct config_remark *remark = next_remark(report, severity);
    char text[sizeof remark->text];
    size_t used = 0;

    report->errors += severity == CONFIG_ERROR;
    report->warnings += severity == CONFIG_WARNING;
    if (remark == NULL)
        return;
    if (key != NULL)
        used = (size_t)snprintf(text, sizeof text, "key '%.64s': ", key);
    vsnprintf(text + used, sizeof text - used, format, arguments);
    *remark = (struct config_remark){ .severity = severity };
    if (at != NULL) {
        remark->line = at->line;
        remark->column = at->column;
    }
    make_printable(remark->text, sizeof remark->text, text);
}

void config_remark(struct config_report *report, enum config_severity severity, const struct yaml_node *at, const char *format,
                   ...)
{
    va_list arguments;

    va_start(arguments, format);
    remark_v(report, severity, at, NULL, format, arguments);
    va_end(arguments);
}

void config_remark_key(struct config_report *report, enum config_severity severity, const struct yaml_node *at, const char *key,
                       const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    remark_v(report, severity, at, key, format, arguments);
    va_end(arguments);
}

const char *config_show(char out[static CONFIG_SHOWN_MAX], const struct yaml_node *node)
{
    const char *text = node->text;

    if (node->type != YAML_TREE_SCALAR)
        text = node->type == YAML_TREE_LIST ? "a list" : "a mapping";
    else if (node->size == 0)
        text = node->quoted ? "an empty text" : "nothing";
    if (snprintf(out, CONFIG_SHOWN_MAX, "%s", text) >= CONFIG_SHOWN_MAX)
        memcpy(out + CONFIG_SHOWN_MAX - 4, "...", 4);
    return out;
}

static bool is_after(const struct config_remark *a, const struct config_remark *b)
{
    return a->line > b->line || (a->line == b->line && a->column > b->column);
}

void config_report_sort(struct config_report *report)
{
    size_t count = report->count < CONFIG_MAX_REMARKS ? report->count : CONFIG_MAX_REMARKS;

    for (size_t i = 1; i < count; i++) {
        struct config_remark remark = report->remarks[i];
        size_t to = i;

        for (; to > 0 && is_after(&report->remarks[to - 1], &remark); to--)
            report->remarks[to] = report->remarks[to - 1];
        report->remarks[to] = remark;
    }
}

void config_report_print(const struct config_report *report, const char *path, FILE *stream)
{
    static const char *const severities[] = { [CONFIG_NOTE] = "note", [CONFIG_WARNING] = "warning", [CONFIG_ERROR] = "error" };

    for (size_t i = 0; i < report->count; i++) {
        const struct config_remark *remark = &report->remarks[i];

        fprintf(stream, "%s:", path);
        if (remark->line > 0)
            fprintf(stream, "%d:%d:", remark->line, remark->column);
        fprintf(stream, " %s: %s\n", severities[remark->severity], remark->text);
    }
}
