/* top_header.c: how the helper and its instances are, and what is wrong and how to mend it. */
#include "top_view_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG "/var/log/datadog/go-metro.log"
#define RESTART "restart the Agent, which starts it (service datadog-agent restart)"
#define NS_PER_S UINT64_C(1000000000)

/* ---- the helper ---- */

static bool is_of_another_boot(const struct top_status *status)
{
    return status->age_ns == UINT64_MAX;
}

static const char *state_of(const struct top_status *status)
{
    if (status->later == NULL)
        return segment_status_name(status->result);
    if (is_of_another_boot(status))
        return "not running";
    return segment_is_stale(status->later, status->age_ns) ? "stale" : segment_state_name(status->later->snapshot.state);
}

bool top_header_is_live(const struct top_status *status)
{
    return status->later != NULL && !is_of_another_boot(status) && !segment_is_stale(status->later, status->age_ns)
           && status->later->snapshot.state != SEG_STOPPED;
}

static enum canvas_style style_of(const char *state)
{
    static const struct {
        const char *state;
        enum canvas_style style;
    } styles[] = { { "capturing", CANVAS_GOOD }, { "starting", CANVAS_WARNING }, { "degraded", CANVAS_WARNING } };

    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++)
        if (strcmp(styles[i].state, state) == 0)
            return styles[i].style;
    return CANVAS_BAD;
}

static unsigned put_age(const struct canvas *canvas, unsigned column, uint64_t age_ns)
{
    if (age_ns < 100 * NS_PER_S)
        return canvas_print(canvas, 0, column, canvas->width, CANVAS_PLAIN, "  age %.1f s", (double)age_ns / (double)NS_PER_S);
    return canvas_print(canvas, 0, column, canvas->width, CANVAS_PLAIN, "  age %" PRIu64 ":%02" PRIu64 ":%02" PRIu64,
                        age_ns / NS_PER_S / 3600, age_ns / NS_PER_S / 60 % 60, age_ns / NS_PER_S % 60);
}

static void put_helper(const struct canvas *canvas, const struct top_status *status)
{
    const char *state = state_of(status);
    unsigned column = canvas_text(canvas, 0, 0, canvas->width, CANVAS_BOLD, "go-metro ");

    column = canvas_text(canvas, 0, column, canvas->width, style_of(state), state);
    if (status->later == NULL)
        return;
    if (!is_of_another_boot(status))
        column = put_age(canvas, column, status->age_ns);
    canvas_print(canvas, 0, column, canvas->width, CANVAS_PLAIN, "  pid %" PRIu32 "  version %s", status->later->header.pid,
                 status->later->header.version);
}

/* ---- its instances ---- */

static uint64_t lost_by(const struct seg_instance *instance)
{
    return instance->dropped_kernel + instance->dropped_interface;
}

/* A capture file that was read to its end: what its `error` says is how much that was. */
static bool is_at_its_end(const struct seg_instance *instance)
{
    return instance->state == SEG_STOPPED;
}

static bool has_error(const struct seg_instance *instance)
{
    return !is_at_its_end(instance) && (instance->state != SEG_CAPTURING || instance->error[0] != '\0');
}

static bool is_in_trouble(const struct seg_instance *instance)
{
    return has_error(instance) || instance->warning[0] != '\0' || lost_by(instance) > 0;
}

/* Nothing that is counted goes back: a file that was replaced, or a capture that was opened anew, is counted from 0. */
static bool begins_anew(const struct seg_instance *then, const struct seg_instance *now)
{
    return now->received < then->received || now->tcp < then->tcp || now->flows < then->flows;
}

/* The same instance in the earlier copy; NULL: it was not there, or its counters began anew since. */
static const struct seg_instance *instance_then(const struct top_status *status, uint32_t n)
{
    const struct segment_copy *earlier = status->earlier;
    const struct seg_instance *now = &status->later->instances[n], *then;

    if (earlier == NULL || n >= earlier->snapshot.instance_count)
        return NULL;
    then = &earlier->instances[n];
    return then->fingerprint != now->fingerprint || begins_anew(then, now) ? NULL : then;
}

static void print_packets(char *out, size_t size, const struct top_status *status, uint32_t n)
{
    const struct seg_instance *now = &status->later->instances[n], *then = instance_then(status, n);
    const double seconds = top_seconds_between(status->earlier, status->later);
    char number[CELLS_NUMBER_STRLEN];

    if (then != NULL && seconds > 0)
        snprintf(out, size, " %s packets/s", cells_rate(number, (double)(now->received - then->received) / seconds));
    else
        snprintf(out, size, " %s packets", cells_count(number, now->received));
}

struct piece {
    enum canvas_style style;
    char text[96];
};

enum pieces { PIECE_NAME, PIECE_STATE, PIECE_WINDOW, PIECE_LEFT, PIECE_PACKETS, PIECE_LOST, PIECE_WINDOWS, PIECES };

/* Between two windows the kernel lets nothing pass: that no packet comes says nothing of the interface. */
static void describe_windows(struct piece pieces[static PIECES], const struct top_status *status, uint32_t n)
{
    const struct seg_instance *instance = &status->later->instances[n];
    const bool is_closed = instance->sampling == SEG_SAMPLING_CLOSED;

    if (instance->sampling == SEG_SAMPLING_NONE)
        return;
    snprintf(pieces[PIECE_WINDOWS].text, sizeof pieces->text, " (%" PRIu64 " s in windows, %" PRIu64 " s between)",
             instance->sample_open_s, instance->sample_closed_s);
    if (instance->state != SEG_CAPTURING || !top_header_is_live(status))
        return;
    snprintf(pieces[PIECE_WINDOW].text, sizeof pieces->text, is_closed ? " between windows" : " in a window");
    snprintf(pieces[PIECE_LEFT].text, sizeof pieces->text, ", %" PRIu64 " s left",
             segment_sampling_left_s(instance, status->later->snapshot.boottime_ns + status->age_ns));
    pieces[PIECE_WINDOW].style = is_closed ? CANVAS_BOLD : CANVAS_PLAIN;
    if (is_closed)
        pieces[PIECE_PACKETS].text[0] = '\0';
}

/* "eth0", " degraded", " in a window, 7 s left", " 12.0 packets/s", " lost 3", " (10 s in windows, 20 s between)" */
static void describe_instance(struct piece pieces[static PIECES], const struct top_status *status, uint32_t n)
{
    const struct seg_instance *instance = &status->later->instances[n];
    const char *state = segment_state_name(instance->state);
    char number[CELLS_NUMBER_STRLEN], label[SEGMENT_LABEL_STRLEN];

    memset(pieces, 0, PIECES * sizeof *pieces);
    snprintf(pieces[PIECE_NAME].text, sizeof pieces->text, "%s", segment_label(label, status->later, n));
    if (instance->state != SEG_CAPTURING) {
        pieces[PIECE_STATE].style = is_at_its_end(instance) ? CANVAS_PLAIN : style_of(state);
        snprintf(pieces[PIECE_STATE].text, sizeof pieces->text, " %s", state);
    }
    print_packets(pieces[PIECE_PACKETS].text, sizeof pieces->text, status, n);
    if (lost_by(instance) > 0) {
        pieces[PIECE_LOST].style = CANVAS_WARNING;
        snprintf(pieces[PIECE_LOST].text, sizeof pieces->text, " lost %s", cells_count(number, lost_by(instance)));
    }
    describe_windows(pieces, status, n);
}

/* count: of its pieces. */
static unsigned width_of(const struct piece pieces[static PIECES], size_t count)
{
    unsigned width = 0;

    for (size_t i = 0; i < count; i++)
        width += canvas_columns(pieces[i].text);
    return width;
}

/* Whether there is room for so many pieces of each instance. */
static bool is_room_for(const struct canvas *canvas, const struct top_status *status, size_t count)
{
    struct piece pieces[PIECES];
    unsigned width = 0;

    for (uint32_t n = 0; n < status->later->snapshot.instance_count; n++) {
        describe_instance(pieces, status, n);
        width += (n > 0 ? TOP_GAP : 0) + width_of(pieces, count);
    }
    return width <= canvas->width;
}

/* Where the instances stand. */
struct place {
    unsigned column, end;
    size_t pieces; /* of each */
};

/* False: there is no room for it. The first is there anyway, without the pieces that would be cut. */
static bool put_instance(const struct canvas *canvas, const struct top_status *status, uint32_t n, struct place *place)
{
    const unsigned gap = place->column > 0 ? TOP_GAP : 0;
    struct piece pieces[PIECES];

    describe_instance(pieces, status, n);
    if (place->column > 0 && place->column + gap + width_of(pieces, place->pieces) > place->end)
        return false;
    place->column += gap;
    for (size_t i = 0; i < place->pieces; i++)
        if (i == PIECE_NAME || place->column + canvas_columns(pieces[i].text) <= place->end)
            place->column = canvas_text(canvas, 1, place->column, place->end, pieces[i].style, pieces[i].text);
    return true;
}

/* Of "  +7 more", or "  +63 more". */
static unsigned more_width(uint32_t count)
{
    return count > 10 ? 10 : 9;
}

/* Those in trouble come first: there may be no room for all. */
static void put_instances(const struct canvas *canvas, const struct top_status *status)
{
    const uint32_t count = status->later->snapshot.instance_count;
    struct place place = { .end = canvas->width, .pieces = is_room_for(canvas, status, PIECES) ? PIECES : PIECE_WINDOWS };
    unsigned put = 0;
    bool fits = true;

    if (count > 1 && canvas->width > more_width(count) && !is_room_for(canvas, status, place.pieces))
        place.end -= more_width(count);
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t n = 0; n < count && fits; n++)
            if (is_in_trouble(&status->later->instances[n]) == (pass == 0)) {
                fits = put_instance(canvas, status, n, &place);
                put += fits;
            }
    if (put < count)
        canvas_print(canvas, 1, place.column, canvas->width, CANVAS_PLAIN, "  +%u more", count - put);
}

/* ---- what is wrong ---- */

static void print_problem_of_helper(FILE *out, const struct top_status *status)
{
    const struct seg_snapshot *snapshot = status->later == NULL ? NULL : &status->later->snapshot;
    const uint64_t age_s = status->age_ns / NS_PER_S;

    if (snapshot == NULL)
        fprintf(out, "%s\n", status->message);
    else if (is_of_another_boot(status))
        fprintf(out, "It has not run since this host was booted: see " LOG " and " RESTART ".\n");
    else if (segment_is_stale(status->later, status->age_ns))
        fprintf(out, "It has published nothing for %" PRIu64 " s: see " LOG " and " RESTART ".\n", age_s);
    else if (snapshot->state == SEG_STOPPED)
        fprintf(out, "It was stopped %" PRIu64 " s ago%s%s: " RESTART ".\n", age_s, snapshot->error[0] != '\0' ? ": " : "",
                snapshot->error);
    else if (snapshot->error[0] != '\0')
        fprintf(out, "%s\n", snapshot->error);
}

/* "1 packet turned away by max_flows, 12 flows summed up by max_peers", of which there is what is above 0. */
static void print_bounds(FILE *out, const struct seg_instance *instance, const char *label)
{
    const struct {
        uint64_t count;
        const char *what, *how;
    } bounds[] = { { instance->refused_flows, "packet", "turned away by max_flows" },
                   { instance->refused_peers, "flow", "summed up by max_peers" } };
    const char *before = label, *between = ": ";

    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        if (bounds[i].count == 0)
            continue;
        fprintf(out, "%s%s%" PRIu64 " %s%s %s", before, between, bounds[i].count, bounds[i].what, bounds[i].count == 1 ? "" : "s",
                bounds[i].how);
        before = "";
        between = ", ";
    }
    if (*between == ',')
        fputc('\n', out);
}

static void print_problems_of_instance(FILE *out, const struct top_status *status, uint32_t n)
{
    const struct seg_instance *instance = &status->later->instances[n];
    const char *said = status->later->snapshot.error;
    char label[SEGMENT_LABEL_STRLEN];

    segment_label(label, status->later, n);
    if (has_error(instance) && instance->error[0] != '\0' && strstr(said, instance->error) == NULL)
        fprintf(out, "%s: %s\n", label, instance->error);
    if (instance->warning[0] != '\0' && strstr(said, instance->warning) == NULL)
        fprintf(out, "%s: %s\n", label, instance->warning);
    print_bounds(out, instance, label);
}

static void print_problems(FILE *out, const struct top_status *status)
{
    if (status->note[0] != '\0')
        fprintf(out, "%s\n", status->note);
    print_problem_of_helper(out, status);
    for (uint32_t n = 0; status->later != NULL && n < status->later->snapshot.instance_count; n++)
        print_problems_of_instance(out, status, n);
}

/* What there is nothing to mend about. */
static void print_notes(FILE *out, const struct top_status *status)
{
    for (uint32_t n = 0; status->later != NULL && n < status->later->snapshot.instance_count; n++) {
        const struct seg_instance *instance = &status->later->instances[n];
        char label[SEGMENT_LABEL_STRLEN];

        if (is_at_its_end(instance) && instance->error[0] != '\0')
            fprintf(out, "%s: %s\n", segment_label(label, status->later, n), instance->error);
    }
}

/* A line for each; NULL: out of memory. The caller's. */
static char *describe(void (*print)(FILE *out, const struct top_status *status), const struct top_status *status)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    print(out, status);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* ---- lines ---- */

/* The bytes of the line that fit, cut behind a word where there is one. */
static size_t wrapped_length(const char *text, unsigned width)
{
    const size_t length = strcspn(text, "\n");
    size_t cut = width;

    if (length <= width)
        return length;
    while (cut > 0 && text[cut] != ' ')
        cut--;
    return cut > 0 ? cut : width;
}

unsigned top_view_wrap(const struct canvas *canvas, unsigned row, unsigned end, enum canvas_style style, const char *text)
{
    while (*text != '\0' && row < end) {
        const size_t length = wrapped_length(text, canvas->width);
        const unsigned column = canvas_print(canvas, row++, 0, canvas->width, style, "%.*s", (int)length, text);

        text += length;
        text += *text == '\n' || *text == ' ' ? 1 : 0; /* not of a word that is longer than the line */
        if (*text != '\0' && row == end)
            canvas_text(canvas, row - 1, column + 3 < canvas->width ? column : canvas->width - 3, canvas->width, style, "...");
    }
    return row;
}

static unsigned put_texts(const struct canvas *canvas, unsigned row, unsigned end, enum canvas_style style,
                          void (*print)(FILE *out, const struct top_status *status), const struct top_status *status)
{
    char *texts = describe(print, status);

    if (texts != NULL)
        row = top_view_wrap(canvas, row, end, style, texts);
    free(texts);
    return row;
}

#define NOTE_LINES 2 /* beside rows: they stay for as long as the helper runs */

unsigned top_header_draw(const struct canvas *canvas, const struct top_model *model, const struct top_status *status)
{
    const enum canvas_style style = style_of(state_of(status)) == CANVAS_BAD ? CANVAS_BAD : CANVAS_WARNING;
    const bool has_rows = model->all.count > 0;
    unsigned row = 1, end;

    put_helper(canvas, status);
    if (status->later != NULL && status->later->snapshot.instance_count > 0) {
        put_instances(canvas, status);
        row++;
    }
    end = has_rows && row + 1 + canvas->height / 6 < canvas->height ? row + 1 + canvas->height / 6 : canvas->height;
    row = put_texts(canvas, row, end, style, print_problems, status);
    if (has_rows && row + NOTE_LINES < end)
        end = row + NOTE_LINES;
    return put_texts(canvas, row, end, CANVAS_DIM, print_notes, status);
}
