/* report.h: rows -> JSON lines, a table for people, Prometheus text. One form of row for `read`, `live` and `status`. */
#ifndef GO_METRO_REPORT_H
#define GO_METRO_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "histogram.h"
#include "meter.h"
#include "peer.h"
#include "terminal.h"

struct report_row {
    const char *interface; /* NULL: none (a capture file) */
    bool has_instance;     /* else there is one, which has no number */
    uint32_t instance;     /* its place in the configuration, from 0: several may be on one interface */
    const char *src, *dst; /* what the tags say; "other" rows have an empty src */
    uint16_t dst_port;     /* 0: all */
    bool counts_only;      /* the row `other`: no time means anything */
    bool is_idle;          /* nothing new for a while: dim where the terminal has colours */
    uint64_t flows, samples, handshake_samples, retransmits, timed;
    uint64_t skipped[SKIP_REASON_COUNT];
    uint64_t last_ns, avg_ns, jitter_ns, min_ns, max_ns, sum_ns;
    const struct histogram *histogram; /* NULL: no percentiles */
};

/* The whole of a capture, the last line of `read --json`. */
struct report_total {
    uint64_t packets, tcp, flows, timed, samples;
    uint64_t skipped[SKIP_REASON_COUNT];
    uint64_t ignored[PACKET_REASON_COUNT];
};

/* The text as a JSON string with its quotes; bytes that are not printable ASCII are escaped. */
void report_json_string(FILE *stream, const char *text);

void report_json_peer(FILE *stream, const struct report_row *row);
void report_json_total(FILE *stream, const struct report_total *total);
void report_json_sample(FILE *stream, const struct meter_sample *sample);

/* A table sorted by samples, most first; times in one unit a cell (us, ms, s). Where a row has a port DST is PEER:PORT, with
 * brackets round an IPv6 address. On a terminal it is fitted to the width: histograms take what room is left, and where there is
 * too little the columns that matter least go and the addresses are cut in the middle. max_lines: rows that are too much are
 * counted in the last line; 0: no bound. `rows` is put in order. */
void report_table(FILE *stream, struct report_row *rows, size_t count, const struct terminal *terminal, size_t max_lines);
/* Lines of text: what was seen, what gave no round trip, what was ignored. */
void report_table_total(FILE *stream, const struct report_total *total);

/* Prometheus text format 0.0.4: base units (seconds), counters end in _total, what is summed and counted is a summary. No two
 * series have the same labels: rows of one instance that are alike in src, dst and port (a host of `hosts` and an address of
 * `ips` that has its name) become one: the counters are summed; the least minimum, the greatest maximum; last, smoothed and
 * jitter of the row with most samples. Those of two instances stay apart, on one interface too: what both want both have
 * counted, and one of them may leave without the other. `rows` is put in order and merged in place. */
void report_prometheus(FILE *stream, struct report_row *rows, size_t count);
/* Its parts, for what is no row: the two lines in front of a name's values; LEAD NAME="VALUE", with backslash, quote and newline
 * escaped; a time as the end of its line. */
void report_prometheus_head(FILE *stream, const char *name, const char *type, const char *help);
void report_prometheus_label(FILE *stream, const char *lead, const char *name, const char *value);
void report_prometheus_seconds(FILE *stream, uint64_t ns);

/* Whether the times of a row mean anything. */
bool report_has_times(const struct report_row *row);

/* The q[n]-quantiles of a row -> ns[n], `count` of them, never outside [min, max]; 0 without a sample or histogram. */
void report_quantiles_ns(const struct report_row *row, const double *q, uint64_t *ns, size_t count);

#endif
