/* terminal.c: what the terminal behind a descriptor can show. */
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_WIDTH 80
#define DEFAULT_HEIGHT 24

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value == NULL ? "" : value;
}

/* The words alone: ssh passes on LANG of a locale that a small machine has not installed, and its terminal is UTF-8 all the
 * same. */
static bool is_utf8(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    const char *locale = "";

    for (size_t i = 0; *locale == '\0' && i < sizeof names / sizeof names[0]; i++)
        locale = variable(names[i]);
    return strcasestr(locale, "utf-8") != NULL || strcasestr(locale, "utf8") != NULL;
}

bool terminal_look(struct terminal *out, int fd)
{
    const char *type = variable("TERM");
    struct winsize size = { 0 };

    *out = (struct terminal){ 0 };
    if (!isatty(fd))
        return false;
    (void)ioctl(fd, TIOCGWINSZ, &size);
    out->width = size.ws_col != 0 ? size.ws_col : DEFAULT_WIDTH;
    out->height = size.ws_row != 0 ? size.ws_row : DEFAULT_HEIGHT;
    out->is_utf8 = is_utf8();
    out->can_draw = *type != '\0' && strcmp(type, "dumb") != 0;
    out->has_colour = out->can_draw && *variable("NO_COLOR") == '\0';
    return true;
}
