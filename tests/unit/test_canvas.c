/* A screen of characters: nothing is ever put outside of it, or in the middle of a character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "canvas.c"
#include "top_fixture.h"

static struct paper paper;

static void text_is_cut_where_it_must_end(void **state)
{
    (void)state;
    paper_init(&paper, 10, 2);
    assert_int_equal(canvas_text(&paper.canvas, 0, 0, 5, CANVAS_PLAIN, "abcdefgh"), 5);
    assert_string_equal(paper_line(&paper, 0), "abcde");
    assert_int_equal(canvas_text(&paper.canvas, 1, 8, 99, CANVAS_PLAIN, "…→x"), 10);
    assert_string_equal(paper_line(&paper, 1), "        …→");
    assert_int_equal(canvas_text(&paper.canvas, 2, 0, 10, CANVAS_PLAIN, "below"), 5); /* is not put */
    assert_int_equal(canvas_text(&paper.canvas, 0, 12, 10, CANVAS_PLAIN, "right"), 12);
    assert_int_equal(canvas_text(&paper.canvas, 0, 5, 10, CANVAS_PLAIN, ""), 5);
    assert_string_equal(paper_line(&paper, 0), "abcde");
}

static void printed(void **state)
{
    unsigned column;

    (void)state;
    paper_init(&paper, 10, 2);
    column = canvas_print(&paper.canvas, 0, 0, 10, CANVAS_BOLD, "%s=%d", "%s", 7);
    assert_int_equal(canvas_text(&paper.canvas, 0, column, 10, CANVAS_PLAIN, "%d"), 6);
    assert_string_equal(paper_line(&paper, 0), "%s=7%d");
    assert_int_equal(paper.styles[0][3], CANVAS_BOLD);
    assert_int_equal(paper.styles[0][4], CANVAS_PLAIN);
}

static void at_the_right(void **state)
{
    (void)state;
    paper_init(&paper, 10, 2);
    canvas_right(&paper.canvas, 0, 2, 9, CANVAS_PLAIN, "▁▂");
    assert_string_equal(paper_line(&paper, 0), "       ▁▂");
    canvas_right(&paper.canvas, 1, 2, 5, CANVAS_PLAIN, "12345");
    assert_string_equal(paper_line(&paper, 1), "  123");
    canvas_fill(&paper.canvas, 1, CANVAS_SELECTED);
    assert_string_equal(paper_line(&paper, 1), "");
    assert_int_equal(paper.styles[1][9], CANVAS_SELECTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_cut_where_it_must_end),
        cmocka_unit_test(printed),
        cmocka_unit_test(at_the_right),
    };

    return cmocka_run_group_tests_name("canvas", tests, NULL, NULL);
}
