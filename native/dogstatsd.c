/* dogstatsd.c: lines such as
 *     system.net.tcp.rtt.avg:1.312500|g|#src:10.0.0.1,dst:db1,iface:eth0,role:db
 * in datagrams, a newline between two. */
#include "dogstatsd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

#define FIRST_DATAGRAMS 16
#define VALUE_MAX 64

/* A text that grows in room of a fixed size. What does not fit is counted in `length` all the same. */
struct line {
    char *text;
    size_t room, length;
};

static void put(struct line *line, const char *text, size_t length)
{
    if (length <= line->room && line->length <= line->room - length)
        memcpy(line->text + line->length, text, length);
    line->length += length;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* How many bytes at `text` would be taken for the end of a tag, of the tags or of a line; 0: it is an ordinary character. */
static size_t special_length(const char *text)
{
    static const char *const ends_of_line[] = { "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9" }; /* U+0085, U+2028, U+2029 */
    const unsigned char first = (unsigned char)*text;

    if (first < ' ' || first == 0x7f || strchr("|,#", first) != NULL)
        return 1;
    for (size_t i = 0; i < sizeof ends_of_line / sizeof ends_of_line[0]; i++)
        if (strncmp(text, ends_of_line[i], strlen(ends_of_line[i])) == 0)
            return strlen(ends_of_line[i]);
    return 0;
}

/* True: something was replaced. */
static bool put_tag(struct line *line, const char *text)
{
    bool is_replaced = false;

    while (*text != '\0') {
        const size_t special = special_length(text);

        put(line, special > 0 ? "_" : text, 1);
        text += special > 0 ? special : 1;
        is_replaced |= special > 0;
    }
    return is_replaced;
}

bool dogstatsd_tags(struct dogstatsd_tags *out, const struct config_instance *instance)
{
    struct line line = { out->text, sizeof out->text, 0 };
    bool is_replaced;

    put_text(&line, ",iface:");
    is_replaced = put_tag(&line, instance->interface);
    for (size_t i = 0; i < instance->tags.count && line.length <= sizeof out->text; i++) {
        put_text(&line, ",");
        is_replaced |= put_tag(&line, instance->tags.items[i]);
    }
    out->length = line.length;
    return is_replaced;
}

/* All that comes behind the metric's type, the same for each metric of a row. */
static void put_tags(struct line *line, const struct seg_row *row, const struct dogstatsd_tags *tags)
{
    char address[ADDRESS_STRLEN], port[sizeof ",dst_port:65535"];
    struct ip_address local;

    put_text(line, "|#");
    if (row->local_family != SEG_FAMILY_NONE) {
        local = address_from_v6(row->local);
        put_text(line, "src:");
        put_text(line, address_format(address, &local));
        put_text(line, ",");
    }
    put_text(line, "dst:");
    put_tag(line, row->peer_name);
    put(line, tags->text, tags->length);
    if (row->peer_port != 0) {
        snprintf(port, sizeof port, ",dst_port:%u", row->peer_port);
        put_text(line, port);
    }
}

/* In decimal notation, as not every parser knows another: six places are whole nanoseconds, which all but a mean are; else as
 * many as give the same number again. */
static void format_ms(char out[static VALUE_MAX], double ms)
{
    static const int places[] = { 6, 15, 17, 20, 25 };

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(out, VALUE_MAX, "%.*f", places[i], ms);
        if (strtod(out, NULL) == ms)
            return;
    }
}

static struct dogstatsd_datagram *add_datagram(struct dogstatsd_batch *batch)
{
    const size_t capacity = batch->capacity == 0 ? FIRST_DATAGRAMS : 2 * batch->capacity;
    struct dogstatsd_datagram *datagrams;

    if (batch->count == batch->capacity) {
        datagrams = realloc(batch->datagrams, capacity * sizeof *datagrams);
        if (datagrams == NULL)
            return NULL;
        batch->datagrams = datagrams;
        batch->capacity = capacity;
    }
    batch->datagrams[batch->count].length = 0;
    return &batch->datagrams[batch->count++];
}

static void add_line(struct dogstatsd_batch *batch, const struct line *line)
{
    struct dogstatsd_datagram *last = batch->count == 0 ? NULL : &batch->datagrams[batch->count - 1];

    if (line->length > DOGSTATSD_MAX) {
        batch->too_long++;
        return;
    }
    if (last == NULL || line->length + 1 > DOGSTATSD_MAX - last->length)
        last = add_datagram(batch);
    if (last == NULL) {
        batch->no_memory++;
        return;
    }
    if (last->length > 0)
        last->bytes[last->length++] = '\n';
    memcpy(last->bytes + last->length, line->text, line->length);
    last->length += line->length;
}

static void add_metric(struct dogstatsd_batch *batch, const char *name, const char *value, const char *type,
                       const struct line *tags)
{
    char text[DOGSTATSD_MAX];
    struct line line = { text, sizeof text, 0 };

    put_text(&line, "system.net.tcp.rtt");
    put_text(&line, name);
    put_text(&line, ":");
    put_text(&line, value);
    put_text(&line, type);
    put(&line, tags->text, tags->length);
    add_line(batch, &line);
}

static void add_gauges(struct dogstatsd_batch *batch, const struct interval *interval, const struct line *tags, bool extended)
{
    static const struct {
        const char *name;
        enum interval_measure measure;
        bool is_extended;
    } gauges[] = {
        { "", INTERVAL_last, false },   { ".avg", INTERVAL_avg, false }, { ".jitter", INTERVAL_jitter, false },
        { ".min", INTERVAL_min, true }, { ".max", INTERVAL_max, true },  { ".p50", INTERVAL_p50, true },
        { ".p95", INTERVAL_p95, true }, { ".p99", INTERVAL_p99, true },  { ".handshake", INTERVAL_handshake, true },
    };
    double ms[INTERVAL_MEASURE_COUNT];
    char value[VALUE_MAX];

    interval_measure(interval, ms);
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        if (ms[gauges[i].measure] < 0 || (gauges[i].is_extended && !extended))
            continue;
        format_ms(value, ms[gauges[i].measure]);
        add_metric(batch, gauges[i].name, value, "|g", tags);
    }
}

static void add_count(struct dogstatsd_batch *batch, const char *name, uint64_t count, const struct line *tags)
{
    char value[VALUE_MAX];

    if (count == 0)
        return;
    snprintf(value, sizeof value, "%" PRIu64, count);
    add_metric(batch, name, value, "|c", tags);
}

void dogstatsd_row(struct dogstatsd_batch *batch, const struct interval *interval, const struct dogstatsd_tags *tags,
                   bool extended)
{
    const struct seg_row *now = interval->now, *then = interval_start(interval);
    char text[DOGSTATSD_MAX];
    struct line line = { text, sizeof text, 0 };

    put_tags(&line, now, tags);
    add_gauges(batch, interval, &line, extended);
    if (!extended)
        return;
    add_count(batch, ".samples", now->samples - then->samples, &line);
    add_count(batch, ".retransmits", now->retransmits - then->retransmits, &line);
}

void dogstatsd_clear(struct dogstatsd_batch *batch)
{
    batch->count = batch->too_long = batch->no_memory = 0;
}

void dogstatsd_free(struct dogstatsd_batch *batch)
{
    free(batch->datagrams);
    *batch = (struct dogstatsd_batch){ 0 };
}
