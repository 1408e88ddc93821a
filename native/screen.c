/* screen.c: a picture on a terminal, drawn anew in place. */
#include "screen.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAKE "\033[?1049h\033[?25l\033[H\033[J"
#define GIVE_BACK "\033[0m\033[H\033[J\033[?25h\033[?1049l"
#define HOME "\033[H"
#define ERASE_LINE "\033[K" /* what is right of the cursor */
#define ERASE_BELOW "\033[J"
#define PLAIN "\033[0m"

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        const ssize_t n = write(fd, data, size);

        if (n >= 0) {
            data += n;
            size -= (size_t)n;
        } else if (errno == EAGAIN) { /* somebody else made it non-blocking */
            (void)poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

int screen_open(struct screen *screen, int fd)
{
    struct termios quiet;
    int saved;

    *screen = (struct screen){ .fd = -1 };
    screen->has_modes = tcgetattr(fd, &screen->modes) == 0;
    quiet = screen->modes;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    if (screen->has_modes && tcsetattr(fd, TCSADRAIN, &quiet) < 0)
        return -1;
    screen->fd = fd;
    if (write_all(fd, TAKE, strlen(TAKE)) == 0)
        return 0;
    saved = errno;
    screen_close(screen);
    errno = saved;
    return -1;
}

/* The bytes of an SGR sequence at `at`; 0: there is none. */
static size_t sequence_length(const char *at)
{
    size_t length;

    if (at[0] != '\033' || at[1] != '[')
        return 0;
    length = 2 + strspn(at + 2, "0123456789;");
    return at[length] == 'm' ? length + 1 : 0;
}

static bool begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

/* The bytes of the line that fit; *columns: how many they take. */
static size_t fitting_length(const char *line, size_t length, unsigned width, unsigned *columns)
{
    size_t at = 0;

    *columns = 0;
    while (at < length) {
        const size_t sequence = sequence_length(line + at);

        if (sequence > 0) {
            at += sequence;
            continue;
        }
        if (begins_character(line[at]) && ++*columns > width) {
            *columns = width;
            break;
        }
        at++;
    }
    return at;
}

/* Behind a line that fills the width the cursor still stands on its last character: erasing would take that. */
static void put_line(FILE *out, const char *line, size_t length, unsigned width)
{
    unsigned columns;
    const size_t fitting = fitting_length(line, length, width, &columns);

    fwrite(line, 1, fitting, out);
    if (fitting < length)
        fputs(PLAIN, out); /* the sequence that ends a colour may be among what was cut */
    if (columns < width)
        fputs(ERASE_LINE, out);
}

int screen_draw(const struct screen *screen, const struct terminal *terminal, const char *text)
{
    char *picture = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&picture, &size);
    unsigned row = 0;
    int rc = -1;

    if (out == NULL)
        return -1;
    fputs(HOME, out);
    for (; row < terminal->height && *text != '\0'; row++) {
        const size_t length = strcspn(text, "\n");

        if (row > 0)
            fputs("\r\n", out);
        put_line(out, text, length, terminal->width);
        text += length + (text[length] == '\n' ? 1 : 0);
    }
    if (row < terminal->height)
        fputs(row > 0 ? "\r\n" ERASE_BELOW : ERASE_BELOW, out);
    if (fclose(out) == 0)
        rc = write_all(screen->fd, picture, size);
    free(picture);
    return rc;
}

void screen_close(struct screen *screen)
{
    if (screen->fd < 0)
        return;
    (void)write_all(screen->fd, GIVE_BACK, strlen(GIVE_BACK));
    if (screen->has_modes)
        (void)tcsetattr(screen->fd, TCSAFLUSH, &screen->modes); /* what was typed meanwhile is not for the shell */
    screen->fd = -1;
}
