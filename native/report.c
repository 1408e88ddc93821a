/* report.c: rows -> JSON lines, a table for people. */
#include "report.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "segment.h"

void report_json_string(FILE *stream, const char *text)
{
    putc('"', stream);
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(stream, "\\%c", *c);
        else if (*c < 0x20 || *c > 0x7e)
            fprintf(stream, "\\u%04x", *c);
        else
            putc(*c, stream);
    }
    putc('"', stream);
}

uint64_t report_quantile_ns(const struct report_row *row, double q)
{
    uint64_t ns;

    if (row->histogram == NULL || row->samples == 0)
        return 0;
    ns = histogram_quantile_ns(row->histogram, NULL, q);
    if (ns < row->min_ns)
        ns = row->min_ns;
    return ns > row->max_ns ? row->max_ns : ns;
}

bool report_has_times(const struct report_row *row)
{
    return row->samples > 0 && !row->counts_only;
}

static uint64_t mean_ns(const struct report_row *row)
{
    return row->samples == 0 ? 0 : row->sum_ns / row->samples;
}

/* The times of a row by their public names, in the order in which they are printed. */
#define TIME_COUNT 9

struct row_time {
    const char *name;
    uint64_t ns;
};

static void row_times(const struct report_row *row, struct row_time out[static TIME_COUNT])
{
    const struct row_time times[TIME_COUNT] = {
        { "last", row->last_ns },
        { "avg", row->avg_ns },
        { "jitter", row->jitter_ns },
        { "min", row->min_ns },
        { "mean", mean_ns(row) },
        { "p50", report_quantile_ns(row, 0.50) },
        { "p95", report_quantile_ns(row, 0.95) },
        { "p99", report_quantile_ns(row, 0.99) },
        { "max", row->max_ns },
    };

    memcpy(out, times, sizeof times);
}

/* ns as a decimal number of ms with all its digits, exact (a double is not needed, nor a locale's comma wanted). */
static void print_ms(FILE *stream, uint64_t ns)
{
    fprintf(stream, "%" PRIu64 ".%06" PRIu64, ns / 1000000, ns % 1000000);
}

static void print_skipped(FILE *stream, const uint64_t skipped[static SKIP_REASON_COUNT])
{
    fputs("\"skipped\":{", stream);
    for (int i = 0; i < SKIP_REASON_COUNT; i++)
        fprintf(stream, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", skip_reason_name((enum skip_reason)i), skipped[i]);
    putc('}', stream);
}

void report_json_peer(FILE *stream, const struct report_row *row)
{
    struct row_time times[TIME_COUNT];

    fputs("{\"type\":\"peer\"", stream);
    if (row->interface != NULL) {
        fputs(",\"iface\":", stream);
        report_json_string(stream, row->interface);
    }
    fputs(",\"src\":", stream);
    report_json_string(stream, row->src);
    fputs(",\"dst\":", stream);
    report_json_string(stream, row->dst);
    if (row->dst_port != 0)
        fprintf(stream, ",\"dst_port\":%u", row->dst_port);
    fprintf(stream, ",\"flows\":%" PRIu64 ",\"samples\":%" PRIu64 ",\"handshake_samples\":%" PRIu64 ",\"rtt_ms\":{", row->flows,
            row->samples, row->handshake_samples);
    row_times(row, times);
    for (int i = 0; i < TIME_COUNT; i++) {
        fprintf(stream, "%s\"%s\":", i > 0 ? "," : "", times[i].name);
        if (!report_has_times(row))
            fputs("null", stream);
        else
            print_ms(stream, times[i].ns);
    }
    fprintf(stream, "},\"retransmits\":%" PRIu64 ",\"timed\":%" PRIu64 ",", row->retransmits, row->timed);
    print_skipped(stream, row->skipped);
    fputs("}\n", stream);
}

void report_json_total(FILE *stream, const struct report_total *total)
{
    const char *comma = "";

    fprintf(stream,
            "{\"type\":\"total\",\"packets\":%" PRIu64 ",\"tcp\":%" PRIu64 ",\"flows\":%" PRIu64 ",\"timed\":%" PRIu64
            ",\"samples\":%" PRIu64 ",",
            total->packets, total->tcp, total->flows, total->timed, total->samples);
    print_skipped(stream, total->skipped);
    fputs(",\"ignored\":{", stream);
    for (int i = PACKET_OK + 1; i < PACKET_REASON_COUNT; i++) {
        if (total->ignored[i] == 0)
            continue;
        fprintf(stream, "%s\"%s\":%" PRIu64, comma, packet_reason_name((enum packet_reason)i), total->ignored[i]);
        comma = ",";
    }
    fputs("}}\n", stream);
}

void report_json_sample(FILE *stream, const struct meter_sample *sample)
{
    char src[ADDRESS_STRLEN], dst[ADDRESS_STRLEN];

    fprintf(stream,
            "{\"type\":\"sample\",\"time_ns\":%" PRId64
            ",\"src\":\"%s\",\"sport\":%u,\"dst\":\"%s\",\"dport\":%u,\"end_seq\":%" PRIu32 ",\"rtt_ns\":%" PRIu64
            ",\"kind\":\"%s\"}\n",
            sample->time_ns, address_format(src, &sample->src), sample->sport, address_format(dst, &sample->dst), sample->dport,
            sample->end_seq, sample->rtt_ns, sample->handshake ? "syn" : "data");
}

/* ns in the unit that leaves three significant digits: "312 us", "4.83 ms", "1.20 s". */
static const char *format_time(char out[static 16], uint64_t ns)
{
    static const struct {
        uint64_t below_ns;
        double divisor;
        const char *unit;
    } units[] = { { 1000000, 1e3, "us" }, { 1000000000, 1e6, "ms" }, { UINT64_MAX, 1e9, "s" } };
    size_t i = 0;
    double value;

    while (ns >= units[i].below_ns && i + 1 < sizeof units / sizeof units[0])
        i++;
    value = (double)ns / units[i].divisor;
    snprintf(out, 16, "%.*f %s", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value, units[i].unit);
    return out;
}

static int by_samples(const void *a, const void *b)
{
    const struct report_row *left = a, *right = b;

    if (left->samples != right->samples)
        return left->samples < right->samples ? 1 : -1;
    return strcmp(left->dst, right->dst);
}

#define DST_STRLEN (SEG_NAME_MAX + sizeof "[]:65535")

static const char *format_dst(char out[static DST_STRLEN], const struct report_row *row)
{
    const bool is_ipv6 = strchr(row->dst, ':') != NULL;

    if (row->dst_port == 0)
        return row->dst;
    snprintf(out, DST_STRLEN, is_ipv6 ? "[%s]:%u" : "%s:%u", row->dst, row->dst_port);
    return out;
}

static const char *cell_interface(char out[static DST_STRLEN], const struct report_row *row)
{
    (void)out;
    return row->interface == NULL ? "" : row->interface;
}

static const char *cell_src(char out[static DST_STRLEN], const struct report_row *row)
{
    (void)out;
    return row->src;
}

static int column_width(const struct report_row *rows, size_t count, const char *title,
                        const char *(*cell)(char out[static DST_STRLEN], const struct report_row *row))
{
    size_t width = strlen(title);
    char text[DST_STRLEN];

    for (size_t i = 0; i < count; i++) {
        const size_t length = strlen(cell(text, &rows[i]));

        if (length > width)
            width = length;
    }
    return width > 48 ? 48 : (int)width;
}

static void table_row(FILE *stream, const struct report_row *row, int iface_width, int src_width, int dst_width)
{
    static const double quantiles[] = { 0.50, 0.95, 0.99 };
    const uint64_t before[] = { row->avg_ns, row->jitter_ns, row->min_ns };
    char cell[16], dst[DST_STRLEN];

    if (iface_width > 0)
        fprintf(stream, "%-*s  ", iface_width, row->interface);
    fprintf(stream, "%-*s  %-*s  %8" PRIu64, src_width, row->src, dst_width, format_dst(dst, row), row->samples);
    for (size_t i = 0; i < 3; i++)
        fprintf(stream, "  %8s", !report_has_times(row) ? "-" : format_time(cell, before[i]));
    for (size_t i = 0; i < 3; i++)
        fprintf(stream, "  %8s", !report_has_times(row) ? "-" : format_time(cell, report_quantile_ns(row, quantiles[i])));
    fprintf(stream, "  %8s  %6" PRIu64 "\n", !report_has_times(row) ? "-" : format_time(cell, row->max_ns), row->retransmits);
}

void report_table(FILE *stream, struct report_row *rows, size_t count)
{
    bool with_interface = count > 0 && rows[0].interface != NULL;
    int iface_width = with_interface ? column_width(rows, count, "IFACE", cell_interface) : 0;
    int src_width = column_width(rows, count, "SRC", cell_src);
    int dst_width = column_width(rows, count, "DST", format_dst);

    if (count == 0) {
        fputs("No round trip was seen.\n", stream);
        return;
    }
    qsort(rows, count, sizeof *rows, by_samples);
    if (with_interface)
        fprintf(stream, "%-*s  ", iface_width, "IFACE");
    fprintf(stream, "%-*s  %-*s  %8s  %8s  %8s  %8s  %8s  %8s  %8s  %8s  %6s\n", src_width, "SRC", dst_width, "DST", "SAMPLES",
            "AVG", "JITTER", "MIN", "P50", "P95", "P99", "MAX", "RETX");
    for (size_t i = 0; i < count; i++)
        table_row(stream, &rows[i], iface_width, src_width, dst_width);
}

void report_table_total(FILE *stream, const struct report_total *total)
{
    const char *comma = "";

    fprintf(stream,
            "\n%" PRIu64 " packets, %" PRIu64 " TCP, %" PRIu64 " flows; %" PRIu64 " segments timed, %" PRIu64 " round trips\n",
            total->packets, total->tcp, total->flows, total->timed, total->samples);
    for (int i = 0; i < SKIP_REASON_COUNT; i++) {
        if (total->skipped[i] == 0)
            continue;
        fprintf(stream, "%s%" PRIu64 " %s", *comma == '\0' ? "no round trip: " : comma, total->skipped[i],
                skip_reason_name((enum skip_reason)i));
        comma = ", ";
    }
    if (*comma != '\0')
        putc('\n', stream);
    comma = "";
    for (int i = PACKET_OK + 1; i < PACKET_REASON_COUNT; i++) {
        if (total->ignored[i] == 0)
            continue;
        fprintf(stream, "%s%" PRIu64 " %s", *comma == '\0' ? "ignored: " : comma, total->ignored[i],
                packet_reason_name((enum packet_reason)i));
        comma = ", ";
    }
    if (*comma != '\0')
        putc('\n', stream);
}
