/* progress.c: one line of a terminal that says how far something is. */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "terminal.h"

#define INTERVAL_NS UINT64_C(100000000)
#define LINE_MOST 160   /* characters */
#define LINE_STRLEN 512 /* before it is cut to the terminal */
#define BAR_MOST 50
#define BAR_LEAST 10
#define MIB (UINT64_C(1) << 20)
#define ERASE_LINE "\r\033[K"

struct moment {
    uint64_t done, size; /* done <= size */
    uint64_t elapsed_ns;
};

void progress_start(struct progress *progress, int fd, const char *name, uint64_t size)
{
    struct terminal terminal;
    const bool is_shown = size >= PROGRESS_LEAST_BYTES && terminal_look(&terminal, fd) && terminal.can_draw;

    *progress = (struct progress){
        .fd = is_shown ? fd : -1, .name = name, .size = size, .started_ns = is_shown ? clock_ns(CLOCK_MONOTONIC) : 0
    };
}

/* "3 s left", by the pace so far. */
static void format_left(char out[static 32], const struct moment *moment)
{
    const double left_s = moment->done == 0
                              ? 0
                              : (double)moment->elapsed_ns / 1e9 * (double)(moment->size - moment->done) / (double)moment->done;

    if (left_s < 100)
        snprintf(out, 32, "%.0f s left", left_s);
    else
        snprintf(out, 32, "%.0f min left", left_s / 60 < 1e6 ? left_s / 60 : 1e6);
}

/* The end of the name; a file's name may hold whatever would change the terminal. */
static void format_name(char *out, size_t width, const char *name)
{
    const size_t length = strlen(name);

    snprintf(out, width + 1, "%s", length > width ? name + length - width : name);
    for (; *out != '\0'; out++)
        if (*out < 0x20 || *out > 0x7e)
            *out = '?';
}

/* "NAME  43 % [####      ] 512 of 1190 MiB, 3 s left", or less where the terminal has not room for that. One column stays free: a
 * line that is full would begin another one. */
static void format_line(char out[static LINE_STRLEN], const struct progress *progress, const struct moment *moment,
                        unsigned width)
{
    const size_t room = (width < LINE_MOST ? width : LINE_MOST) - 1, length = strlen(progress->name);
    const size_t name_width = length < room / 3 ? length : room / 3;
    const unsigned percent = (unsigned)((double)moment->done * 100 / (double)moment->size);
    char name[LINE_MOST], tail[96], left[32], bar[BAR_MOST + 1];
    size_t used, cells;

    format_name(name, name_width, progress->name);
    format_left(left, moment);
    snprintf(tail, sizeof tail, "%" PRIu64 " of %" PRIu64 " MiB, %s", moment->done / MIB, moment->size / MIB, left);
    used = name_width + strlen("  100 % [] ") + strlen(tail);
    cells = used < room ? room - used : 0;
    if (cells > BAR_MOST)
        cells = BAR_MOST;
    if (cells < BAR_LEAST) {
        snprintf(out, LINE_STRLEN, "%s  %3u %%", name, percent);
    } else {
        memset(bar, ' ', cells);
        memset(bar, '#', percent * cells / 100);
        bar[cells] = '\0';
        snprintf(out, LINE_STRLEN, "%s  %3u %% [%s] %s", name, percent, bar, tail);
    }
    out[room] = '\0';
}

/* A line that could not be written is not missed. */
static void put(const struct progress *progress, const char *text)
{
    char whole[LINE_STRLEN + sizeof ERASE_LINE];
    const int length = snprintf(whole, sizeof whole, ERASE_LINE "%s", text);

    if (write(progress->fd, whole, (size_t)length) < 0)
        return;
}

void progress_show(struct progress *progress, uint64_t done)
{
    const uint64_t now_ns = progress->fd < 0 ? 0 : clock_ns(CLOCK_MONOTONIC);
    const struct moment moment = { done < progress->size ? done : progress->size, progress->size, now_ns - progress->started_ns };
    struct terminal terminal;
    char line[LINE_STRLEN];

    if (progress->fd < 0 || (progress->is_drawn && now_ns - progress->drawn_ns < INTERVAL_NS)
        || !terminal_look(&terminal, progress->fd))
        return;
    format_line(line, progress, &moment, terminal.width);
    put(progress, line);
    progress->is_drawn = true;
    progress->drawn_ns = now_ns;
}

void progress_clear(struct progress *progress)
{
    if (progress->fd >= 0 && progress->is_drawn)
        put(progress, "");
    progress->is_drawn = false;
}
