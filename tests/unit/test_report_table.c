/* Rows -> the table for people, on paper and on terminals of any width. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report_table.c"

#define MS UINT64_C(1000000)
#define LINES 64

static const struct terminal paper;
static char *printed;
static struct histogram histograms[4];

/* A row with samples of these times. */
static struct report_row row_of(size_t number, const char *src, const char *dst, const uint64_t *ns, size_t count)
{
    struct report_row row = { .src = src, .dst = dst, .samples = count, .min_ns = UINT64_MAX, .histogram = &histograms[number] };

    memset(&histograms[number], 0, sizeof histograms[number]);
    for (size_t i = 0; i < count; i++) {
        histogram_add(&histograms[number], ns[i]);
        row.sum_ns += ns[i];
        row.min_ns = ns[i] < row.min_ns ? ns[i] : row.min_ns;
        row.max_ns = ns[i] > row.max_ns ? ns[i] : row.max_ns;
        row.last_ns = row.avg_ns = ns[i];
    }
    return row;
}

static struct report_row example(void)
{
    return row_of(0, "10.0.0.1", "10.0.0.2", (const uint64_t[]){ MS, 1500000 }, 2);
}

static struct terminal window(unsigned width, bool is_utf8)
{
    return (struct terminal){ .width = width, .height = 24, .is_utf8 = is_utf8 };
}

/* The lines of the table, in `printed` until the test ends. */
static size_t table(struct report_row *rows, size_t count, const struct terminal *terminal, size_t max_lines, char *lines[LINES])
{
    size_t size, n = 0;
    FILE *stream = open_memstream(&printed, &size);

    report_table(stream, rows, count, terminal, max_lines);
    fclose(stream);
    for (char *line = strtok(printed, "\n"); line != NULL && n < LINES; line = strtok(NULL, "\n"))
        lines[n++] = line;
    return n;
}

static int let_go(void **state)
{
    (void)state;
    free(printed);
    printed = NULL;
    return 0;
}

/* In characters. */
static size_t width_of(const char *line)
{
    size_t width = 0;

    for (; *line != '\0'; line++)
        width += ((unsigned char)*line & 0xc0) != 0x80;
    return width;
}

static size_t place_of(const char *line, const char *what)
{
    const char *at = strstr(line, what);

    assert_non_null(at);
    return (size_t)(at - line);
}

static void on_paper_every_column_is_there_and_nothing_is_drawn(void **state)
{
    struct report_row row = example();
    char *lines[LINES];

    (void)state;
    row.jitter_ns = 31250;
    row.retransmits = 4;
    assert_int_equal(table(&row, 1, &paper, 0, lines), 2);
    assert_string_equal(lines[0],
                        "SRC       DST       SAMPLES      AVG   JITTER      MIN      P50      P95      P99      MAX  RETX");
    assert_string_equal(lines[1],
                        "10.0.0.1  10.0.0.2        2  1.50 ms  31.2 us  1.00 ms  1.00 ms  1.47 ms  1.47 ms  1.50 ms     4");
}

static void it_is_sorted_by_samples(void **state)
{
    struct report_row rows[3] = { example(), example(), example() };
    char *lines[LINES];

    (void)state;
    rows[0].dst = "few";
    rows[0].samples = 1;
    rows[1].dst = "many";
    rows[2].dst = "many as well";
    assert_int_equal(table(rows, 3, &paper, 0, lines), 4);
    assert_non_null(strstr(lines[1], "many  "));
    assert_non_null(strstr(lines[2], "many as well"));
    assert_non_null(strstr(lines[3], "few"));
}

static void ports_are_shown_where_there_are_any(void **state)
{
    struct report_row rows[3] = { example(), example(), example() };
    char *lines[LINES];

    (void)state;
    rows[0].dst_port = 443;
    rows[1].dst = "2001:db8::1";
    rows[1].dst_port = 65535;
    rows[2].dst = "other";
    assert_int_equal(table(rows, 3, &paper, 0, lines), 4);
    assert_non_null(strstr(lines[1], "10.0.0.1  10.0.0.2:443               2  "));
    assert_non_null(strstr(lines[2], "10.0.0.1  [2001:db8::1]:65535        2  "));
    assert_non_null(strstr(lines[3], "10.0.0.1  other                      2  "));
}

static void an_empty_table_says_so(void **state)
{
    char *lines[LINES];

    (void)state;
    assert_int_equal(table(NULL, 0, &paper, 0, lines), 1);
    assert_string_equal(lines[0], "No round trip was seen.");
}

static void what_is_not_known_is_not_said(void **state)
{
    struct report_row rows[2] = { { .src = "10.0.0.1", .dst = "quiet" },
                                  { .src = "", .dst = "other", .counts_only = true, .samples = 9 } };
    const struct terminal terminal = window(80, true);
    char *lines[LINES];

    (void)state;
    assert_int_equal(table(rows, 2, &paper, 0, lines), 3);
    assert_string_equal(lines[1],
                        "          other        9     -        -        -        -        -        -        -        0");
    assert_null(strstr(lines[2], "0.00"));
    free(printed);
    assert_int_equal(table(rows, 2, &terminal, 0, lines), 3); /* nor is there a scale without a time */
    assert_null(strstr(lines[0], "HISTOGRAM"));
}

/* Digits under digits, whatever the unit. */
static void numbers_line_up(void **state)
{
    struct report_row rows[4] = { row_of(0, "a", "b", (const uint64_t[]){ 312000 }, 1),
                                  row_of(1, "a", "c", (const uint64_t[]){ 4830000 }, 1),
                                  row_of(2, "a", "d", (const uint64_t[]){ 1200 * MS }, 1),
                                  { .src = "a", .dst = "e" } };
    char *lines[LINES];

    (void)state;
    table(rows, 4, &paper, 0, lines);
    assert_int_equal(place_of(lines[1], "312 us") + 3, place_of(lines[2], "4.83 ms") + 4);
    assert_int_equal(place_of(lines[2], "4.83 ms"), place_of(lines[3], "1.20 s"));
    assert_int_equal(place_of(lines[4], "-"), place_of(lines[3], "1.20 s") + 3); /* under the last digit */
    assert_int_equal(width_of(lines[1]), width_of(lines[3]));
}

#define LONG_A "2001:db8:85a3:1234:ac10:8a2e:370:7334"
#define LONG_B "2a02:26f0:1700:5a3:abcd:1234:5678:9abc"

/* As an address cut in the middle to `width`. */
static bool has_cut(const char *line, const char *address, size_t width)
{
    char text[64];
    const size_t tail = (width - 1) / 2;

    snprintf(text, sizeof text, "%.*s…%s", (int)(width - 1 - tail), address, address + strlen(address) - tail);
    return strstr(line, text) != NULL;
}

static void it_fits_any_window(void **state)
{
    static const char *const peers[] = { "10.1.2.3", "192.168.100.116", LONG_A, LONG_B };
    char *lines[LINES];

    (void)state;
    for (unsigned width = 40; width <= 260; width++)
        for (size_t n = 0; n < sizeof peers / sizeof peers[0]; n++) {
            struct report_row rows[2] = { row_of(0, LONG_A, peers[n], (const uint64_t[]){ 20000, 70 * MS, 99 * MS }, 3),
                                          row_of(1, "10.0.0.1", "10.0.0.2", (const uint64_t[]){ 80 * MS }, 1) };
            const struct terminal terminal = window(width, n % 2 == 0);
            size_t count = table(rows, 2, &terminal, 0, lines);

            for (size_t i = 0; i < count && i < 3; i++)
                assert_in_range(width_of(lines[i]), 1, width);
            free(printed);
        }
    printed = NULL;
}

static void the_interface_comes_first_where_there_is_one(void **state)
{
    struct report_row row = row_of(0, LONG_A, LONG_B, (const uint64_t[]){ 70 * MS }, 1);
    const struct terminal terminal = window(80, true);
    char *lines[LINES];

    (void)state;
    row.interface = "enp0s31f6";
    row.dst_port = 443;
    table(&row, 1, &terminal, 0, lines);
    assert_int_equal(strncmp(lines[0], "IFACE      SRC", 14), 0);
    assert_int_equal(strncmp(lines[1], "enp0s31f6  2001:db", 18), 0);
    assert_non_null(strstr(lines[1], "]:443"));
    assert_in_range(width_of(lines[1]), 60, 80);
}

static void what_matters_least_goes_first(void **state)
{
    static const struct {
        unsigned width;
        const char *titles; /* of the columns of numbers */
    } cases[] = {
        { 60, "SAMPLES AVG MIN P95" },
        { 80, "SAMPLES AVG MIN P95 MAX" },
        { 100, "SAMPLES AVG MIN P50 P95 MAX RETX" },
        { 200, "SAMPLES AVG JITTER MIN P50 P95 P99 MAX RETX" },
    };
    char *lines[LINES];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct report_row row = example();
        const struct terminal terminal = window(cases[i].width, true);
        char titles[128] = "";

        table(&row, 1, &terminal, 0, lines);
        for (char *word = strtok(strstr(lines[0], "SAMPLES"), " "); word != NULL && *word > '9'; word = strtok(NULL, " "))
            strcat(strcat(titles, *titles == '\0' ? "" : " "), word);
        assert_string_equal(titles, cases[i].titles);
        free(printed);
    }
    printed = NULL;
}

static void long_addresses_do_not_wreck_80_columns(void **state)
{
    struct report_row row = row_of(0, LONG_A, LONG_B, (const uint64_t[]){ 70 * MS, 71 * MS }, 2);
    const struct terminal terminal = window(80, true);
    char *lines[LINES];

    (void)state;
    table(&row, 1, &terminal, 0, lines);
    assert_true(has_cut(lines[1], LONG_A, 15) && has_cut(lines[1], LONG_B, 15));
    assert_non_null(strstr(lines[1], "70.0 ms")); /* MIN */
    assert_non_null(strstr(lines[1], "█"));
    assert_non_null(strstr(lines[0], "50ms 100ms"));
}

static void histograms_share_their_scale(void **state)
{
    struct report_row rows[3] = { row_of(0, "a", "slow", (const uint64_t[]){ 99 * MS, 99 * MS, 99 * MS }, 3),
                                  row_of(1, "a", "fast", (const uint64_t[]){ 110000, 110000 }, 2),
                                  row_of(2, "a", "both", (const uint64_t[]){ 110000 }, 1) };
    const struct terminal terminal = window(100, true), plain = window(100, false);
    char *lines[LINES];

    (void)state;
    histogram_add(&histograms[2], 99 * MS);
    rows[2].max_ns = 99 * MS;
    rows[2].samples = 2;
    assert_int_equal(table(rows, 3, &terminal, 0, lines), 5);
    assert_non_null(strstr(lines[4], "log scale, 100us to 100ms in every row"));
    assert_int_equal(place_of(lines[0], "100us"), place_of(lines[3], "█")); /* fast, at the left end */
    assert_int_equal(width_of(lines[0]), width_of(lines[1]));               /* slow, at the right end */
    assert_int_equal(place_of(lines[2], "█"), place_of(lines[0], "100us")); /* both */
    assert_int_equal(width_of(lines[2]), width_of(lines[1]));
    free(printed);
    table(rows, 3, &plain, 0, lines);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(width_of(lines[i]), strlen(lines[i]));
    assert_int_equal(place_of(lines[0], "100us"), place_of(lines[3], "@"));
}

static void what_does_not_fit_into_the_window_is_counted(void **state)
{
    struct report_row rows[20];
    const struct terminal terminal = window(100, true);
    char *lines[LINES];

    (void)state;
    for (size_t max_lines = 3; max_lines <= 22; max_lines++) {
        for (size_t i = 0; i < 20; i++)
            rows[i] = example();
        assert_int_equal(table(rows, 20, &terminal, max_lines, lines), max_lines);
        if (max_lines < 22) {
            char text[64];

            snprintf(text, sizeof text, "(%zu more rows: the window is too low)", 20 - (max_lines - 3));
            assert_string_equal(lines[max_lines - 2], text);
        }
        free(printed);
    }
    assert_int_equal(table(rows, 20, &terminal, 1, lines), 3); /* less than what is around the rows */
}

static void colour_is_for_terminals_that_have_it(void **state)
{
    struct report_row rows[2] = { example(), example() };
    struct terminal terminal = window(100, true);
    char *lines[LINES];

    (void)state;
    rows[0].samples = 1;
    rows[0].is_idle = true;
    table(rows, 2, &terminal, 0, lines);
    for (size_t i = 0; i < 4; i++)
        assert_null(strchr(lines[i], '\033'));
    free(printed);
    terminal.has_colour = true;
    rows[0].is_idle = false;
    rows[1].is_idle = true;
    table(rows, 2, &terminal, 0, lines);
    assert_int_equal(strncmp(lines[0], "\033[1mSRC", 7), 0);
    assert_null(strchr(lines[1], '\033'));
    assert_int_equal(strncmp(lines[2], "\033[2m10.", 7), 0);
    assert_string_equal(lines[2] + strlen(lines[2]) - 4, "\033[0m");
}

static void totals(void **state)
{
    struct report_total total = { .packets = 1, .tcp = 1, .flows = 1, .timed = 1, .samples = 1 };
    size_t size;
    FILE *stream = open_memstream(&printed, &size);

    (void)state;
    report_table_total(stream, &total);
    total = (struct report_total){ .packets = 10,
                                   .tcp = 7,
                                   .flows = 2,
                                   .timed = 5,
                                   .samples = 2,
                                   .skipped = { [SKIP_COVERED] = 2, [SKIP_CLOCK] = 1 },
                                   .ignored = { [PACKET_NOT_TCP] = 2, [PACKET_FRAGMENT] = 1 } };
    report_table_total(stream, &total);
    fclose(stream);
    assert_string_equal(printed, "1 packet, 1 TCP, 1 flow; 1 segment timed, 1 round trip\n"
                                 "10 packets, 7 TCP, 2 flows; 5 segments timed, 2 round trips\n"
                                 "no round trip: 2 covered, 1 clock\n"
                                 "ignored: 1 fragment, 2 not_tcp\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(on_paper_every_column_is_there_and_nothing_is_drawn, let_go),
        cmocka_unit_test_teardown(it_is_sorted_by_samples, let_go),
        cmocka_unit_test_teardown(ports_are_shown_where_there_are_any, let_go),
        cmocka_unit_test_teardown(an_empty_table_says_so, let_go),
        cmocka_unit_test_teardown(what_is_not_known_is_not_said, let_go),
        cmocka_unit_test_teardown(numbers_line_up, let_go),
        cmocka_unit_test_teardown(it_fits_any_window, let_go),
        cmocka_unit_test_teardown(the_interface_comes_first_where_there_is_one, let_go),
        cmocka_unit_test_teardown(what_matters_least_goes_first, let_go),
        cmocka_unit_test_teardown(long_addresses_do_not_wreck_80_columns, let_go),
        cmocka_unit_test_teardown(histograms_share_their_scale, let_go),
        cmocka_unit_test_teardown(what_does_not_fit_into_the_window_is_counted, let_go),
        cmocka_unit_test_teardown(colour_is_for_terminals_that_have_it, let_go),
        cmocka_unit_test_teardown(totals, let_go),
    };

    return cmocka_run_group_tests_name("report_table", tests, NULL, NULL);
}
