/* What `go-metro top` shows, at every size of the window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "peer.h"
#include "top_fixture.h"
#include "top_keys.h"
#include "top_view.c"

#define ROWS 40

static struct top_scene before, after, last;
static struct top_model model;
static struct top_status status;
static struct paper paper;

static int begin(void **state)
{
    (void)state;
    top_scene_init(&before, ROWS);
    before.instances[0].received = 1000;
    top_scene_next(&after, &before);
    after.instances[0].received = 3000;
    for (uint32_t n = 1; n < ROWS; n++)
        top_scene_measure(&after, n, n * TOP_MS, n);
    top_model_init(&model);
    status = (struct top_status){ .message = "", .note = "", .earlier = &before.copy, .later = &after.copy, .age_ns = TOP_S / 4 };
    return top_model_take(&model, &before.copy, &after.copy);
}

static int end(void **state)
{
    (void)state;
    top_model_free(&model);
    top_scene_free(&before);
    top_scene_free(&after);
    top_scene_free(&last);
    last = (struct top_scene){ .histograms = NULL };
    return 0;
}

static void draw(unsigned width, unsigned height)
{
    paper_init(&paper, width, height);
    top_view_draw(&paper.canvas, &model, &status);
}

static void expect_line(unsigned row, const char *text)
{
    assert_string_equal(paper_line(&paper, row), text);
}

/* The style of the text's first character. */
static enum canvas_style style_of(const char *text)
{
    const int row = paper_expect(&paper, text);

    for (unsigned column = 0; column < paper.canvas.width; column++) {
        char there[PAPER_WIDTH * 4] = "", *at = there;

        for (unsigned i = column; i < paper.canvas.width; i++)
            at = stpcpy(at, paper.cells[row][i][0] == '\0' ? " " : paper.cells[row][i]);
        if (strncmp(there, text, strlen(text)) == 0)
            return paper.styles[row][column];
    }
    fail_msg("'%s' is not ASCII", text);
    return CANVAS_PLAIN;
}

static void instances_on_one_interface_are_told_apart(void **state)
{
    (void)state;
    strcpy(after.instances[1].interface, "eth0");
    strcpy(after.instances[1].warning, "db.example does not resolve; correct it");
    after.instances[0].refused_peers = 2;
    assert_int_equal(top_model_again(&model), 0);
    draw(80, 24);
    expect_line(1, "eth0#1 0.0 packets/s  eth0#0 2000 packets/s");
    expect_line(2, "eth0#0: 2 flows summed up by max_peers");
    expect_line(3, "eth0#1: db.example does not resolve; correct it");
    assert_true(paper_expect(&paper, "eth0#0  10.0.0.1  peer38 ") > paper_expect(&paper, "eth0#1  10.0.0.1  peer39 "));
    (void)top_keys_press(&model, TOP_KEY_DOWN);
    (void)top_keys_press(&model, TOP_KEY_ENTER);
    draw(80, 24);
    paper_expect(&paper, "10.0.0.1 → peer39 on eth0#1 ");
}

static void the_usual_window(void **state)
{
    (void)state;
    draw(80, 24);
    expect_line(0, "go-metro capturing  age 0.2 s  pid 7  version 1.2.3");
    expect_line(1, "eth0 2000 packets/s  eth1 0.0 packets/s");
    expect_line(2, "1-19 of 40 peers, last 1.0 s, by RTT/s, most first");
    paper_expect(&paper, "IFACE");
    assert_int_equal(strncmp(paper_line(&paper, 4), "eth1   10.0.0.1  peer39", 23), 0);
    expect_line(23, "? help  q quit  <> sort  r reverse  / filter  Enter detail  t totals  p pause");
    assert_int_equal(style_of("capturing"), CANVAS_GOOD);
    assert_int_equal(style_of("IFACE"), CANVAS_KEY); /* its first letter sorts by it */
    assert_int_equal(style_of("FACE"), CANVAS_TITLE);
    assert_int_equal(style_of("    RTT/s"), CANVAS_PLAIN);
    assert_int_equal(style_of("RTT/s  "), CANVAS_SELECTED);
    assert_non_null(strstr(paper_line(&paper, 4), "█"));
}

static void nothing_is_ever_outside_of_the_window(void **state)
{
    static const unsigned sizes[][2] = { { 1, 1 },   { 2, 3 },   { 10, 2 },   { 20, 5 },  { 40, 10 },
                                         { 76, 12 }, { 80, 24 }, { 200, 50 }, { 30, 90 }, { 300, 8 } };
    static const struct top_status none = { .result = SEGMENT_MISSING,
                                            .message = "there is no such file; do something about it",
                                            .note = "" };

    (void)state;
    snprintf(after.copy.snapshot.error, SEG_ERROR_MAX, "%0200d", 0);
    memset(after.copy.rows[39].peer_name, '%', SEG_NAME_MAX - 1);
    memset(after.instances[1].interface, '\\', SEG_INTERFACE_MAX - 1);
    assert_int_equal(top_model_again(&model), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (unsigned switches = 0; switches < 64; switches++) {
            model.shows_help = (switches & 1) != 0;
            model.shows_detail = (switches & 2) != 0;
            model.has_selection = (switches & 4) != 0;
            model.shows_totals = (switches & 8) != 0;
            model.is_typing = (switches & 16) != 0;
            model.is_paused = (switches & 32) != 0;
            paper_init(&paper, sizes[i][0], sizes[i][1]);
            paper.canvas.is_utf8 = (switches & 1) == 0;
            top_view_draw(&paper.canvas, &model, switches == 33 ? &none : &status);
        }
}

static void a_wide_window_has_every_column(void **state)
{
    (void)state;
    draw(200, 50);
    for (size_t i = 0; i < TOP_SORTABLE; i++)
        assert_non_null(strstr(paper_line(&paper, 3), top_columns[i].title));
    expect_line(2, "40 peers, last 1.0 s, by RTT/s, most first");
    paper_expect(&paper, "peer0");
}

static void a_low_window_shows_what_it_can(void **state)
{
    (void)state;
    draw(40, 10);
    paper_expect(&paper, "1-5 of 40 peers");
    paper_expect(&paper, "peer39");
    assert_int_equal(paper_find(&paper, "peer34"), -1);
    assert_int_equal(strncmp(paper_line(&paper, 9), "? help  q quit", 14), 0);
    draw(80, 5); /* the titles, and no row */
    expect_line(2, "40 peers, last 1.0 s, by RTT/s, most first");
    draw(80, 6);
    expect_line(2, "1-1 of 40 peers, last 1.0 s, by RTT/s, most first");
}

static void ascii_where_there_is_no_utf8(void **state)
{
    (void)state;
    top_model_move(&model, 1);
    model.shows_detail = true;
    paper_init(&paper, 80, 24);
    paper.canvas.is_utf8 = false; /* the paper refuses anything else then */
    top_view_draw(&paper.canvas, &model, &status);
    paper_expect(&paper, "10.0.0.1 -> peer39 on eth1");
    paper_expect(&paper, "@");
}

static void what_is_selected_and_what_is_idle(void **state)
{
    (void)state;
    top_model_move(&model, 1);
    top_model_move(&model, 1);
    draw(200, 50);
    assert_int_equal(style_of("peer38"), CANVAS_SELECTED);
    assert_int_equal(paper.styles[paper_find(&paper, "peer38")][199], CANVAS_SELECTED);
    assert_int_equal(style_of("peer39"), CANVAS_PLAIN);
    model.sort = TOP_COLUMN_DST;
    top_model_arrange(&model);
    draw(200, 50);
    assert_int_equal(style_of("peer38"), CANVAS_SELECTED);
    assert_int_equal(style_of("peer0 "), CANVAS_DIM);
}

static void the_listing_says_what_is_shown(void **state)
{
    (void)state;
    strcpy(model.filter, "eth1");
    model.hides_idle = model.is_paused = model.is_reversed = model.shows_totals = true;
    model.sort = TOP_COLUMN_DST;
    assert_int_equal(top_model_again(&model), 0);
    draw(100, 50);
    paper_expect(&paper, "20 peers, since birth, by DST, Z to A, only /eth1, idle hidden");
    paper_expect(&paper, " PAUSED");
    strcpy(model.filter, "nothing");
    top_model_arrange(&model);
    draw(80, 24);
    paper_expect(&paper, "is shown with this filter; Esc clears it, then i shows");
    model.is_typing = true;
    draw(80, 24);
    assert_int_equal(strncmp(paper_line(&paper, 23), "/nothing ", 9), 0);
}

static void why_no_peer_is_shown(void **state)
{
    (void)state;
    strcpy(model.filter, "nothing");
    model.hides_idle = false;
    top_model_arrange(&model);
    draw(80, 24);
    expect_line(4, "No peer is shown with this filter; Esc clears it.");
    model.hides_idle = true;
    top_model_arrange(&model);
    draw(100, 24);
    expect_line(4, "No peer that is not idle is shown with this filter; Esc clears it, then i shows idle ones.");
    model.filter[0] = '\0';
    top_scene_next(&last, &after); /* nothing happens */
    assert_int_equal(top_model_take(&model, &after.copy, &last.copy), 0);
    draw(40, 10); /* whole there too */
    expect_line(4, "No peer but idle ones, which are hidden;");
    expect_line(5, "i shows them.");
    assert_int_equal(paper_find(&paper, "filter;"), -1);
}

static void one_peer(void **state)
{
    (void)state;
    after.copy.snapshot.row_count = 1;
    assert_int_equal(top_model_again(&model), 0);
    draw(80, 24);
    paper_expect(&paper, "1 peer, ");
    after.copy.snapshot.row_count = 0;
    assert_int_equal(top_model_again(&model), 0);
    draw(80, 24);
    paper_expect(&paper, "0 peers, ");
    paper_expect(&paper, "No peer has been measured yet.");
}

/* ---- the header ---- */

static void expect_problem(const char *state, enum canvas_style style, const char *problem)
{
    draw(200, 30);
    assert_int_equal(strncmp(paper_line(&paper, 0), "go-metro ", 9), 0);
    assert_int_equal(strncmp(paper_line(&paper, 0) + 9, state, strlen(state)), 0);
    assert_int_equal(paper.styles[0][9], style);
    assert_int_equal(style_of(problem), style == CANVAS_BAD ? CANVAS_BAD : CANVAS_WARNING);
}

static void each_state_has_its_cure(void **state)
{
    (void)state;
    after.copy.snapshot.state = SEG_DEGRADED;
    strcpy(after.copy.snapshot.error, "eth1 is down; bring it up");
    expect_problem("degraded", CANVAS_WARNING, "eth1 is down; bring it up");
    after.copy.snapshot.state = SEG_FAILED;
    expect_problem("failed", CANVAS_BAD, "eth1 is down; bring it up");
    assert_int_equal(style_of("peer39"), CANVAS_PLAIN);
    status.age_ns = 11 * TOP_S;
    expect_problem("stale", CANVAS_BAD,
                   "It has published nothing for 11 s: see /var/log/datadog/go-metro.log and restart the Agent");
    after.copy.snapshot.state = SEG_STOPPED;
    status.age_ns = 3723 * TOP_S;
    expect_problem("stopped", CANVAS_BAD, "It was stopped 3723 s ago: eth1 is down; bring it up: restart the Agent");
    paper_expect(&paper, "age 1:02:03");
    assert_int_equal(style_of("peer39"), CANVAS_DIM);
    status.age_ns = UINT64_MAX;
    expect_problem("not running", CANVAS_BAD, "It has not run since this host was booted");
    status = (struct top_status){
        .result = SEGMENT_MISSING, .message = "/dev/shm/go-metro: there is none; start it", .note = "", .age_ns = UINT64_MAX
    };
    top_model_forget(&model);
    expect_problem("missing", CANVAS_BAD, "/dev/shm/go-metro: there is none; start it");
    assert_int_equal(paper_find(&paper, "peer"), 2); /* 0 of them */
}

static void where_it_was_looked_is_said_first(void **state)
{
    (void)state;
    after.copy.snapshot.state = SEG_DEGRADED;
    snprintf(after.copy.snapshot.error, SEG_ERROR_MAX, "eth1 is down");
    status.note = "the configuration cannot be used: it is empty";
    expect_problem("degraded", CANVAS_WARNING, status.note);
    expect_line(2, status.note);
    expect_line(3, "eth1 is down");
}

static void instances_in_trouble_come_first(void **state)
{
    (void)state;
    after.instances[1].dropped_kernel = 2;
    after.instances[1].dropped_interface = 3;
    draw(80, 24);
    expect_line(1, "eth1 0.0 packets/s lost 5  eth0 2000 packets/s");
    assert_int_equal(style_of("lost 5"), CANVAS_WARNING);
    draw(40, 24);
    expect_line(1, "eth1 0.0 packets/s lost 5  +1 more");
    after.instances[1].state = SEG_FAILED;
    strcpy(after.instances[1].error, "no such interface");
    strcpy(after.instances[0].warning, "a name does not resolve");
    after.instances[0].refused_peers = 4;
    draw(80, 24);
    assert_int_equal(style_of("failed"), CANVAS_BAD);
    paper_expect(&paper, "eth1: no such interface");
    paper_expect(&paper, "eth0: a name does not resolve");
    paper_expect(&paper, "eth0: 4 flows summed up by max_peers");
    assert_int_equal(paper_find(&paper, "max_flows"), -1);
    after.instances[0].refused_flows = 1;
    draw(80, 24);
    paper_expect(&paper, "eth0: 1 packet turned away by max_flows, 4 flows summed up by max_peers");
    after.instances[0].refused_flows = 0;
    strcpy(after.copy.snapshot.error, "eth1: no such interface"); /* is not said twice */
    draw(80, 24);
    assert_int_equal(paper_find(&paper, "no such interface"), 2);
    expect_line(3, "eth0: a name does not resolve");
}

static void a_file_that_was_read_is_no_trouble(void **state)
{
    (void)state;
    after.instances[0].state = SEG_STOPPED;
    strcpy(after.instances[0].interface, "file");
    strcpy(after.instances[0].error, "/x.pcap: read to its end: 3000 packets, none with a time");
    strcpy(after.instances[1].warning, "a name does not resolve");
    draw(80, 24);
    expect_line(1, "eth1 0.0 packets/s  file stopped 2000 packets/s"); /* what has a warning comes first */
    expect_line(2, "eth1: a name does not resolve");
    expect_line(3, "file: /x.pcap: read to its end: 3000 packets, none with a time");
    assert_int_equal(style_of("stopped"), CANVAS_PLAIN);
    assert_int_equal(style_of("eth1: a name"), CANVAS_WARNING);
    assert_int_equal(style_of("file: /x.pcap"), CANVAS_DIM);
    memset(after.instances[1].warning, 'x', SEG_ERROR_MAX - 1); /* needs all the room that there is */
    draw(40, 12);
    assert_int_equal(paper_find(&paper, "/x.pcap"), -1);
    after.instances[1].warning[0] = '\0';
    memset(after.instances[0].error, 'y', SEG_ERROR_MAX - 1);
    draw(80, 40); /* two lines, not four: the table is for rows */
    assert_int_equal(paper_find(&paper, "40 peers"), 4);
    strcpy(after.instances[0].warning, "it is cut off");
    draw(80, 24);
    assert_int_equal(strncmp(paper_line(&paper, 1), "file stopped", 12), 0);
    expect_line(2, "file: it is cut off");
    assert_int_equal(style_of("file: it is cut off"), CANVAS_WARNING);
}

static void an_instance_that_begins_anew_has_no_rate(void **state)
{
    (void)state;
    after.instances[0].received = 999; /* it was 1000 */
    draw(80, 24);
    expect_line(1, "eth0 999 packets  eth1 0.0 packets/s");
    after.instances[0].received = 1500; /* more than before, but not of the same capture */
    before.instances[0].flows = 4;
    draw(80, 24);
    expect_line(1, "eth0 1500 packets  eth1 0.0 packets/s");
    after.instances[0].flows = 4;
    draw(80, 24);
    expect_line(1, "eth0 500 packets/s  eth1 0.0 packets/s");
}

/* A pause is no dead interface. */
static void in_a_window_or_between_two(void **state)
{
    struct seg_instance *eth0 = &after.instances[0];

    (void)state;
    eth0->sampling = SEG_SAMPLING_OPEN;
    eth0->sample_open_s = 40;
    eth0->sample_closed_s = 90;
    eth0->sample_turn_boottime_ns = after.copy.snapshot.boottime_ns + 7 * TOP_S;
    draw(80, 24);
    expect_line(1, "eth0 in a window, 7 s left 2000 packets/s  eth1 0.0 packets/s");
    draw(140, 24);
    expect_line(1, "eth0 in a window, 7 s left 2000 packets/s (40 s in windows, 90 s between)  eth1 0.0 packets/s");
    eth0->sampling = SEG_SAMPLING_CLOSED;
    draw(55, 24);
    expect_line(1, "eth0 between windows, 7 s left  eth1 0.0 packets/s");
    draw(120, 24);
    expect_line(1, "eth0 between windows, 7 s left (40 s in windows, 90 s between)  eth1 0.0 packets/s");
    assert_int_equal(style_of("between windows"), CANVAS_BOLD);
    eth0->dropped_kernel = 3;
    status.age_ns = 3 * TOP_S / 2; /* it counts on between two publications */
    draw(120, 24);
    expect_line(1, "eth0 between windows, 6 s left lost 3 (40 s in windows, 90 s between)  eth1 0.0 packets/s");
    draw(40, 10);
    expect_line(1, "eth0 between windows, 6 s left  +1 more"); /* nothing is cut */
    strcpy(eth0->interface, "enx001122334455");                /* the longest */
    draw(40, 10);
    expect_line(1, "enx001122334455 between windows  +1 more");
    strcpy(eth0->interface, "eth0");
    after.copy.snapshot.instance_count = before.copy.snapshot.instance_count = 1;
    draw(33, 10);
    expect_line(1, "eth0 between windows, 6 s left");
    after.copy.snapshot.instance_count = before.copy.snapshot.instance_count = 2;
    status.age_ns = 30 * TOP_S; /* what a stale helper said is not so now */
    draw(120, 24);
    assert_int_equal(paper_find(&paper, "left"), -1);
    status.age_ns = 0;
    eth0->state = SEG_FAILED;
    draw(120, 24);
    expect_line(1, "eth0 failed 2000 packets/s lost 3 (40 s in windows, 90 s between)  eth1 0.0 packets/s");
}

static void long_texts_are_wrapped_at_words(void **state)
{
    (void)state;
    strcpy(after.copy.snapshot.error, "one two three four five six seven");
    draw(10, 24);
    expect_line(2, "one two");
    expect_line(3, "three four");
    expect_line(4, "five six");
    expect_line(5, "seven");
    strcpy(after.copy.snapshot.error, "abcdefghijklmnop qrs");
    draw(10, 24);
    expect_line(2, "abcdefghij");
    expect_line(3, "klmnop qrs");
    memset(after.copy.snapshot.error, 'x', 100);
    draw(10, 7); /* there is room for two lines */
    expect_line(3, "xxxxxxx...");
}

/* ---- the detail ---- */

/* Of the first peer, between `after` and `last`. */
static void open_detail(void)
{
    assert_int_equal(top_model_take(&model, &after.copy, &last.copy), 0);
    status.earlier = &after.copy;
    status.later = &last.copy;
    top_model_move(&model, 1);
    model.shows_detail = true;
}

static void the_interval_beside_the_whole_life(void **state)
{
    (void)state;
    top_scene_next(&last, &after);
    top_scene_measure(&last, 39, 5 * TOP_MS, 7);
    last.copy.rows[39].retransmits = 2;
    last.copy.rows[39].skipped[SKIP_COVERED] = 3;
    open_detail();
    draw(80, 24);
    paper_expect(&paper, "── 10.0.0.1 → peer39 on eth1 ──");
    paper_expect(&paper, "of the last 1.0 s                        since birth, 0:00:12 ago");
    paper_expect(&paper, "7 round trips, 0 new flows, 2 retx       46 round trips, 0 flows, 2 retx");
    paper_expect(&paper, "skipped: 3 covered                       skipped: 3 covered");
    paper_expect(&paper, "p50  5.11 ms p99  5.22 ms   min  5.00 ms p50  38.6 ms p99  39.0 ms");
    paper_expect(&paper, "1-9 of 40 peers");
    draw(200, 60);
    paper_expect(&paper, "p99  39.0 ms");
    draw(60, 24); /* there is room for one of them */
    assert_int_equal(paper_find(&paper, "since birth, 0"), -1);
    paper_expect(&paper, "of the last 1.0 s");
    assert_int_equal(top_keys_press(&model, 't'), TOP_GO_ON);
    draw(60, 24);
    paper_expect(&paper, "since birth, 0:00:12 ago");
    draw(40, 10); /* in place of the table */
    paper_expect(&paper, "46 round trips");
    assert_int_equal(paper_find(&paper, "40 peers"), -1);
}

/* What has no room goes to the next line; no number is ever cut. */
static void handshakes_and_great_counts_are_whole(void **state)
{
    struct seg_row *row;

    (void)state;
    top_scene_next(&last, &after);
    row = &last.copy.rows[39];
    top_scene_measure(&last, 39, 5 * TOP_MS, 7);
    row->handshake_samples = 2;
    row->handshake_sum_ns = 10 * TOP_MS;
    open_detail();
    draw(80, 24);
    paper_expect(&paper, "7 round trips, 0 new flows, 0 retx,      46 round trips, 0 flows, 0 retx,");
    paper_expect(&paper, "handshakes 5.00 ms                       handshakes 5.00 ms");
    paper_expect(&paper, "skipped: none");
    row->samples = row->flows = row->retransmits = 8999999;
    row->skipped[SKIP_COVERED] = row->skipped[SKIP_INEXACT] = row->skipped[SKIP_UNACKED] = 8999999;
    draw(80, 24);
    paper_expect(&paper, "8999960 round trips, 8999999 new flows,  8999999 round trips, 8999999 flows,");
    paper_expect(&paper, "8999999 retx, handshakes 5.00 ms         8999999 retx, handshakes 5.00 ms");
    paper_expect(&paper, "skipped: 8999999 covered ...             skipped: 8999999 covered ...");
    draw(200, 50);
    paper_expect(&paper, "8999999 round trips, 8999999 flows, 8999999 retx, handshakes 5.00 ms");
    paper_expect(&paper, "skipped: 8999999 covered, 8999999 inexact, 8999999 unacked");
    draw(40, 10);
    paper_expect(&paper, "last 5.00 ms  smoothed 5.00 ms ...");
    paper_expect(&paper, "8999999 retx, handshakes 5.00 ms");
    paper_expect(&paper, "mean");
    draw(40, 9); /* the quantiles matter more than the second line of counts */
    paper_expect(&paper, "mean");
    paper_expect(&paper, "8999960 round trips, 8999999 new flows");
}

static void a_peer_that_was_never_measured(void **state)
{
    (void)state;
    model.shows_detail = true;
    top_model_move(&model, 1);
    top_model_move(&model, 1000);
    assert_int_equal(top_model_take(&model, NULL, &after.copy), 0);
    status.earlier = NULL;
    draw(80, 24);
    paper_expect(&paper, "of an interval: not yet");
    paper_expect(&paper, "0 round trips, 0 flows, 0 retx");
    paper_expect(&paper, "skipped: none");
}

static void the_help_names_every_key_and_column(void **state)
{
    (void)state;
    model.shows_help = true;
    draw(80, 24);
    for (size_t i = 0; i < TOP_COLUMNS; i++)
        paper_expect(&paper, top_columns[i].what);
    paper_expect(&paper, "PgDn");
    paper_expect(&paper, "any key goes back");
    draw(50, 40);
    for (size_t i = 0; i < TOP_COLUMNS; i++)
        paper_expect(&paper, top_columns[i].title);
    assert_int_equal(top_keys_press(&model, TOP_KEY_DOWN), TOP_GO_ON); /* any key */
    assert_false(model.shows_help);
}

/* Every line of it, whole. */
static void a_low_window_has_all_of_the_help(void **state)
{
    static const char *const texts[] = {
        "select a peer", "all of the selected peer", "sort by the next column", "since birth, or interval", "this help", "quit"
    };
    const int down[] = { TOP_KEY_DOWN, TOP_KEY_PAGE_DOWN, TOP_KEY_END };
    bool is_seen[TOP_COLUMNS] = { false }, is_text_seen[sizeof texts / sizeof texts[0]] = { false };

    (void)state;
    assert_int_equal(top_keys_press(&model, 'h'), TOP_GO_ON);
    for (unsigned step = 0; step < 40; step++) {
        draw(40, 10);
        expect_line(9, " Up Down: more, any other key: back");
        for (size_t i = 0; i < TOP_COLUMNS; i++)
            is_seen[i] |= paper_find(&paper, top_columns[i].what) >= 0;
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
            is_text_seen[i] |= paper_find(&paper, texts[i]) >= 0;
        assert_int_equal(top_keys_press(&model, TOP_KEY_DOWN), TOP_GO_ON);
        assert_true(model.shows_help);
    }
    for (size_t i = 0; i < TOP_COLUMNS; i++)
        assert_true(is_seen[i]);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_true(is_text_seen[i]);
    paper_expect(&paper, "HISTOGRAM"); /* the last of all, and nothing below */
    assert_int_equal(paper_find(&paper, "HISTOGRAM"), 8);
    for (size_t i = 0; i < sizeof down / sizeof down[0]; i++) {
        (void)top_keys_press(&model, TOP_KEY_HOME);
        draw(40, 10);
        paper_expect(&paper, "go-metro top");
        (void)top_keys_press(&model, down[i]);
        draw(40, 10);
        assert_int_equal(paper_find(&paper, "go-metro top"), -1);
    }
    (void)top_keys_press(&model, TOP_KEY_PAGE_UP);
    draw(40, 10);
    assert_int_equal(paper_find(&paper, "HISTOGRAM"), -1);
    draw(80, 24); /* the window grew: all of it is there */
    paper_expect(&paper, "any key goes back");
    paper_expect(&paper, "go-metro top");
    (void)top_keys_press(&model, 'q');
    assert_false(model.shows_help);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_usual_window),
        TEST(instances_on_one_interface_are_told_apart),
        TEST(nothing_is_ever_outside_of_the_window),
        TEST(a_wide_window_has_every_column),
        TEST(a_low_window_shows_what_it_can),
        TEST(ascii_where_there_is_no_utf8),
        TEST(what_is_selected_and_what_is_idle),
        TEST(the_listing_says_what_is_shown),
        TEST(why_no_peer_is_shown),
        TEST(one_peer),
        TEST(each_state_has_its_cure),
        TEST(where_it_was_looked_is_said_first),
        TEST(instances_in_trouble_come_first),
        TEST(a_file_that_was_read_is_no_trouble),
        TEST(an_instance_that_begins_anew_has_no_rate),
        TEST(in_a_window_or_between_two),
        TEST(long_texts_are_wrapped_at_words),
        TEST(the_interval_beside_the_whole_life),
        TEST(handshakes_and_great_counts_are_whole),
        TEST(a_peer_that_was_never_measured),
        TEST(the_help_names_every_key_and_column),
        TEST(a_low_window_has_all_of_the_help),
    };

    return cmocka_run_group_tests_name("top_view", tests, NULL, NULL);
}
