/* renewal.c: executing the program's file anew, once for each change of it. */
#include "renewal.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "privilege.h"

#define STATE_MAX 96

/* What changes with every setcap and every replacement. "" when there is no such file. */
static void file_state(char out[static STATE_MAX])
{
    char path[PATH_MAX];
    struct stat file;

    out[0] = '\0';
    privilege_program_path(path, sizeof path);
    if (stat(path, &file) == 0)
        snprintf(out, STATE_MAX, "%" PRIuMAX ":%" PRIuMAX ":%" PRIdMAX ".%09ld", (uintmax_t)file.st_dev, (uintmax_t)file.st_ino,
                 (intmax_t)file.st_ctim.tv_sec, file.st_ctim.tv_nsec);
}

static bool was_tried(const char *state)
{
    const char *tried = getenv(RENEWAL_VARIABLE);

    return tried != NULL && strcmp(tried, state) == 0;
}

/* The state is read before the capability: what changes in between is another state, and tried later. */
bool renewal_is_due(void)
{
    char state[STATE_MAX];

    file_state(state);
    return state[0] != '\0' && !was_tried(state) && privilege_file_is_capable();
}

bool renewal_was_in_vain(void)
{
    char state[STATE_MAX];

    file_state(state);
    return was_tried(state) && privilege_file_is_capable();
}

/* Without the memory for the variable there would be no end to it. */
void renewal_execute(char *const argv[])
{
    char path[PATH_MAX], state[STATE_MAX];

    file_state(state);
    privilege_program_path(path, sizeof path);
    if (setenv(RENEWAL_VARIABLE, state, 1) == 0)
        execv(path, argv);
}
