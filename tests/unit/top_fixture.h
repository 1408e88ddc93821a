/* top_fixture.h: copies of a segment for `go-metro top`, without a segment; and a canvas that is read. */
#ifndef GO_METRO_TOP_FIXTURE_H
#define GO_METRO_TOP_FIXTURE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "canvas.h"
#include "segment_reader.h"

#define TOP_INSTANCES 3
#define TOP_MS UINT64_C(1000000)
#define TOP_S UINT64_C(1000000000)

/* Row n is of instance n % 2 and its peer is "peerN"; nothing was measured. */
struct top_scene {
    struct segment_copy copy;
    struct seg_instance instances[TOP_INSTANCES];
    struct histogram *histograms;
};

/* The buckets' counts are the scene's own. */
static inline void top_scene_settle(struct top_scene *scene)
{
    scene->copy.instances = scene->instances;
    for (uint32_t n = 0; n < scene->copy.snapshot.row_count; n++)
        scene->copy.buckets[n] = (struct buckets){ scene->histograms[n].count, 0, HISTOGRAM_BUCKETS };
}

static inline void top_scene_allocate(struct top_scene *scene, uint32_t rows)
{
    scene->copy.rows = calloc(rows + 1, sizeof *scene->copy.rows);
    scene->copy.buckets = calloc(rows + 1, sizeof *scene->copy.buckets);
    scene->histograms = calloc(rows + 1, sizeof *scene->histograms);
    if (scene->copy.rows == NULL || scene->copy.buckets == NULL || scene->histograms == NULL)
        abort();
    scene->copy.snapshot.row_count = rows;
}

static inline void top_scene_init(struct top_scene *scene, uint32_t rows)
{
    memset(scene, 0, sizeof *scene);
    top_scene_allocate(scene, rows);
    scene->copy.header = (struct seg_header){
        .pid = 7, .pid_start_ticks = 11, .start_boottime_ns = 13, .publish_interval_ms = 1000, .version = "1.2.3"
    };
    scene->copy.snapshot.state = SEG_CAPTURING;
    scene->copy.snapshot.instance_count = 2;
    scene->copy.snapshot.boottime_ns = 1000 * TOP_S;
    scene->copy.snapshot.realtime_ns = 2000 * TOP_S;
    for (uint32_t n = 0; n < TOP_INSTANCES; n++) {
        scene->instances[n] = (struct seg_instance){ .fingerprint = 100 + n, .state = SEG_CAPTURING };
        snprintf(scene->instances[n].interface, SEG_INTERFACE_MAX, "eth%u", n);
    }
    for (uint32_t n = 0; n < rows; n++) {
        struct seg_row *row = &scene->copy.rows[n];

        *row = (struct seg_row){ .instance = n % 2,
                                 .local_family = SEG_FAMILY_V4,
                                 .peer_family = SEG_FAMILY_V4,
                                 .peer_bits = 128,
                                 .local = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1 },
                                 .birth = n + 1,
                                 .birth_realtime_ns = 1990 * TOP_S };
        snprintf(row->peer_name, sizeof row->peer_name, "peer%u", n);
    }
    top_scene_settle(scene);
}

/* What is published a second later, if nothing happens. */
static inline void top_scene_next(struct top_scene *to, const struct top_scene *from)
{
    const uint32_t rows = from->copy.snapshot.row_count;

    *to = *from;
    top_scene_allocate(to, rows);
    memcpy(to->copy.rows, from->copy.rows, rows * sizeof *to->copy.rows);
    memcpy(to->histograms, from->histograms, rows * sizeof *to->histograms);
    to->copy.snapshot.generation++;
    to->copy.snapshot.boottime_ns += TOP_S;
    to->copy.snapshot.realtime_ns += TOP_S;
    top_scene_settle(to);
}

static inline void top_scene_free(struct top_scene *scene)
{
    free(scene->copy.rows);
    free(scene->copy.buckets);
    free(scene->histograms);
}

/* Round trips, as the helper counts them. */
static inline void top_scene_measure(struct top_scene *scene, uint32_t place, uint64_t ns, unsigned count)
{
    struct seg_row *row = &scene->copy.rows[place];

    row->min_ns = row->samples == 0 || ns < row->min_ns ? ns : row->min_ns;
    row->max_ns = ns > row->max_ns ? ns : row->max_ns;
    row->last_ns = row->srtt_ns = ns;
    row->sum_ns += ns * count;
    row->samples += count;
    row->timed += count;
    scene->histograms[place].count[histogram_bucket(ns)] += count;
}

/* ---- paper ---- */

#define PAPER_WIDTH 400
#define PAPER_HEIGHT 100

struct paper {
    char cells[PAPER_HEIGHT][PAPER_WIDTH][8]; /* a character each, "" is a blank */
    enum canvas_style styles[PAPER_HEIGHT][PAPER_WIDTH];
    struct canvas canvas;
};

/* Whatever is drawn outside of the screen, and is no printable character, is a failure. */
static inline void paper_put(void *arg, unsigned row, unsigned column, enum canvas_style style, const char *text, size_t bytes)
{
    struct paper *paper = arg;

    while (bytes > 0) {
        size_t length = 1;

        while (length < bytes && ((unsigned char)text[length] & 0xc0) == 0x80)
            length++;
        assert_true(row < paper->canvas.height && column < paper->canvas.width && length < sizeof paper->cells[0][0]);
        assert_true((length > 1 && paper->canvas.is_utf8) || (text[0] >= ' ' && text[0] <= '~'));
        memcpy(paper->cells[row][column], text, length);
        paper->cells[row][column][length] = '\0';
        paper->styles[row][column++] = style;
        text += length;
        bytes -= length;
    }
}

static inline void paper_init(struct paper *paper, unsigned width, unsigned height)
{
    memset(paper, 0, sizeof *paper);
    paper->canvas = (struct canvas){ .width = width, .height = height, .is_utf8 = true, .put = paper_put, .arg = paper };
}

/* A line without the blanks at its end; in memory that the next call uses again. */
static inline const char *paper_line(const struct paper *paper, unsigned row)
{
    static char text[PAPER_WIDTH * 4 + 1];
    char *at = text, *end = text;

    for (unsigned column = 0; column < paper->canvas.width; column++) {
        const char *cell = paper->cells[row][column];

        at = stpcpy(at, cell[0] == '\0' ? " " : cell);
        if (at[-1] != ' ')
            end = at;
    }
    *end = '\0';
    return text;
}

/* The first line that contains the text; -1: there is none. */
static inline int paper_find(const struct paper *paper, const char *text)
{
    for (unsigned row = 0; row < paper->canvas.height; row++)
        if (strstr(paper_line(paper, row), text) != NULL)
            return (int)row;
    return -1;
}

static inline void paper_print(const struct paper *paper)
{
    for (unsigned row = 0; row < paper->canvas.height; row++)
        print_message("|%s\n", paper_line(paper, row));
}

static inline int paper_expect(const struct paper *paper, const char *text)
{
    const int row = paper_find(paper, text);

    if (row < 0) {
        paper_print(paper);
        fail_msg("no '%s'", text);
    }
    return row;
}

#endif
