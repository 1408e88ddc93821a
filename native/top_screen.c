/* top_screen.c: a terminal that `go-metro top` has for itself, by curses. */
#include "top_screen.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "terminal.h"
#include "top_keys.h"

#define ESCAPE 27
#define ESCAPE_DELAY_MS 25 /* so soon after Escape the rest of a key's sequence is there */

static struct {
    SCREEN *screen; /* NULL: not open */
    bool is_utf8;
    attr_t attributes[CANVAS_STYLES];
} screen;

/* ---- what it can do ---- */

/* The words of the environment say what the terminal is (terminal.h), also where that locale is not installed. */
static bool choose_locale(const struct terminal *terminal)
{
    (void)setlocale(LC_CTYPE, "");
    if (terminal->is_utf8 && strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    return terminal->is_utf8 && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* Without colours bold, dim and reverse have to do, as far as the terminal has them. */
static void choose_attributes(bool has_colour)
{
    static const struct {
        enum canvas_style style;
        attr_t attributes;
        short colour; /* 0: its own */
    } styles[] = {
        { CANVAS_PLAIN, A_NORMAL, 0 },
        { CANVAS_BOLD, A_BOLD, 0 },
        { CANVAS_DIM, A_DIM, 0 },
        { CANVAS_TITLE, A_BOLD, 0 },
        { CANVAS_KEY, A_BOLD | A_UNDERLINE, 0 },
        { CANVAS_SELECTED, A_REVERSE, 0 },
        { CANVAS_GOOD, A_BOLD, COLOR_GREEN },
        { CANVAS_WARNING, A_BOLD, COLOR_YELLOW },
        { CANVAS_BAD, A_BOLD, COLOR_RED },
    };
    const bool is_coloured = has_colour && has_colors() && start_color() == OK;

    if (is_coloured)
        use_default_colors();
    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
        screen.attributes[styles[i].style] = styles[i].attributes;
        if (is_coloured && styles[i].colour != 0 && init_pair((short)(i + 1), styles[i].colour, -1) == OK)
            screen.attributes[styles[i].style] |= (attr_t)COLOR_PAIR((int)i + 1);
    }
}

static void choose_modes(void)
{
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    intrflush(stdscr, FALSE);
    set_escdelay(ESCAPE_DELAY_MS);
    (void)curs_set(0); /* where it can be hidden */
}

int top_screen_open(const char **why)
{
    struct terminal terminal;

    *why = "standard input and output must be a terminal";
    if (!isatty(STDIN_FILENO) || !terminal_look(&terminal, STDOUT_FILENO))
        return -1;
    *why = "this terminal cannot be drawn on: TERM does not say what it is, or names one that this machine does not know";
    if (!terminal.can_draw)
        return -1;
    screen.is_utf8 = choose_locale(&terminal);
    screen.screen = newterm(NULL, stdout, stdin);
    if (screen.screen == NULL)
        return -1;
    if (tigetstr("cup") == NULL) { /* it has no way to move the cursor */
        top_screen_close();
        return -1;
    }
    choose_attributes(terminal.has_colour);
    choose_modes();
    return 0;
}

void top_screen_close(void)
{
    if (screen.screen == NULL)
        return;
    endwin();
    delscreen(screen.screen);
    screen.screen = NULL;
}

void top_screen_leave(void)
{
    endwin();
}

void top_screen_return(void)
{
    reset_prog_mode();
    clearok(curscr, TRUE);
}

/* ---- drawing ---- */

static void put(void *arg, unsigned row, unsigned column, enum canvas_style style, const char *text, size_t bytes)
{
    (void)arg;
    attrset((int)screen.attributes[style]);
    (void)mvaddnstr((int)row, (int)column, text, (int)bytes); /* an error behind the last cell of all means nothing */
}

void top_screen_draw(void (*draw)(const struct canvas *canvas, void *arg), void *arg)
{
    struct canvas canvas = { .is_utf8 = screen.is_utf8, .put = put };
    struct terminal terminal;

    if (terminal_look(&terminal, STDOUT_FILENO) && is_term_resized((int)terminal.height, (int)terminal.width))
        (void)resizeterm((int)terminal.height, (int)terminal.width);
    canvas.height = (unsigned)getmaxy(stdscr);
    canvas.width = (unsigned)getmaxx(stdscr);
    erase();
    draw(&canvas, arg);
    (void)refresh();
}

/* ---- keys ---- */

int top_screen_key(void)
{
    static const struct {
        int code;
        enum top_key key;
    } keys[] = {
        { KEY_UP, TOP_KEY_UP },
        { KEY_DOWN, TOP_KEY_DOWN },
        { KEY_LEFT, TOP_KEY_LEFT },
        { KEY_RIGHT, TOP_KEY_RIGHT },
        { KEY_PPAGE, TOP_KEY_PAGE_UP },
        { KEY_NPAGE, TOP_KEY_PAGE_DOWN },
        { KEY_HOME, TOP_KEY_HOME },
        { KEY_END, TOP_KEY_END },
        { KEY_ENTER, TOP_KEY_ENTER },
        { '\r', TOP_KEY_ENTER },
        { '\n', TOP_KEY_ENTER },
        { ESCAPE, TOP_KEY_ESCAPE },
        { KEY_BACKSPACE, TOP_KEY_BACKSPACE },
        { '\b', TOP_KEY_BACKSPACE },
        { 127, TOP_KEY_BACKSPACE },
    };
    const int code = getch();

    if (code == ERR)
        return TOP_SCREEN_NONE;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (keys[i].code == code)
            return (int)keys[i].key;
    return code >= ' ' && code <= '~' ? code : TOP_KEY_OTHER;
}
