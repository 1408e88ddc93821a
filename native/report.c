/* report.c: rows -> JSON lines; what the forms of a report share. */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#include "buckets.h"
#include "report_private.h"

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

/* The buckets are trimmed and added up once for all quantiles of a row. */
void report_quantiles_ns(const struct report_row *row, const double *q, uint64_t *ns, size_t count)
{
    const bool is_known = row->histogram != NULL && row->samples > 0;
    const struct buckets buckets = is_known ? buckets_of(row->histogram->count) : (struct buckets){ 0 };
    const uint64_t total = buckets_total(&buckets);

    for (size_t n = 0; n < count; n++) {
        ns[n] = total == 0 ? 0 : buckets_quantile_ns(&buckets, total, q[n]);
        if (is_known && ns[n] < row->min_ns)
            ns[n] = row->min_ns;
        if (ns[n] > row->max_ns)
            ns[n] = row->max_ns;
    }
}

bool report_has_times(const struct report_row *row)
{
    return row->samples > 0 && !row->counts_only;
}

static uint64_t mean_ns(const struct report_row *row)
{
    return row->samples == 0 ? 0 : row->sum_ns / row->samples;
}

void report_times(const struct report_row *row, uint64_t ns[static REPORT_TIME_COUNT])
{
    static const double quantiles[] = { 0.50, 0.95, 0.99 };
    uint64_t found[sizeof quantiles / sizeof quantiles[0]];

    report_quantiles_ns(row, quantiles, found, sizeof quantiles / sizeof quantiles[0]);
    const uint64_t times[REPORT_TIME_COUNT] = {
        [REPORT_LAST] = row->last_ns, [REPORT_AVG] = row->avg_ns,   [REPORT_JITTER] = row->jitter_ns,
        [REPORT_MIN] = row->min_ns,   [REPORT_MEAN] = mean_ns(row), [REPORT_P50] = found[0],
        [REPORT_P95] = found[1],      [REPORT_P99] = found[2],      [REPORT_MAX] = row->max_ns,
    };

    memcpy(ns, times, sizeof times);
}

/* ns as a decimal number of ms with all its digits, exact (a double is not needed, nor a locale's comma wanted). is_known: else
 * it is null. */
static void print_time(FILE *stream, const char *comma, const char *name, bool is_known, uint64_t ns)
{
    if (is_known)
        fprintf(stream, "%s\"%s\":%" PRIu64 ".%06" PRIu64, comma, name, ns / 1000000, ns % 1000000);
    else
        fprintf(stream, "%s\"%s\":null", comma, name);
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
    static const char *const names[REPORT_TIME_COUNT] = {
#define X(enumerator, name) name,
        REPORT_TIMES(X)
#undef X
    };
    uint64_t times[REPORT_TIME_COUNT];

    fputs("{\"type\":\"peer\"", stream);
    if (row->interface != NULL) {
        fputs(",\"iface\":", stream);
        report_json_string(stream, row->interface);
    }
    if (row->has_instance)
        fprintf(stream, ",\"instance\":%" PRIu32, row->instance);
    fputs(",\"src\":", stream);
    report_json_string(stream, row->src);
    fputs(",\"dst\":", stream);
    report_json_string(stream, row->dst);
    if (row->dst_port != 0)
        fprintf(stream, ",\"dst_port\":%u", row->dst_port);
    fprintf(stream, ",\"flows\":%" PRIu64 ",\"samples\":%" PRIu64 ",\"handshake_samples\":%" PRIu64 ",\"rtt_ms\":{", row->flows,
            row->samples, row->handshake_samples);
    report_times(row, times);
    for (int i = 0; i < REPORT_TIME_COUNT; i++)
        print_time(stream, i > 0 ? "," : "", names[i], report_has_times(row), times[i]);
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
