/* options.h: the command line, in Go's flag syntax (-name=value, -name value, --name alike), because Agent v5's stock
 * supervisor.conf starts the helper with it. One table of commands, one of flags. */
#ifndef GO_METRO_OPTIONS_H
#define GO_METRO_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum command {
    COMMAND_RUN,
    COMMAND_READ,
    COMMAND_LIVE,
    COMMAND_STATUS,
    COMMAND_TOP,
    COMMAND_CHECK_CONFIG,
    COMMAND_VERSION,
    COMMAND_HELP
};

#define OPTIONS_MAX_LOCAL 64

struct options {
    enum command command;
    const char *cfg;       /* -cfg */
    const char *log;       /* -log */
    const char *filter;    /* -f, NULL: none */
    const char *interface; /* -i */
    bool soften_given;     /* -st was given, with whatever value: accepted for the old program's sake */
    bool json, samples, prometheus;
    const char *segment;                  /* --segment, NULL: the default path */
    const char *local[OPTIONS_MAX_LOCAL]; /* --local */
    size_t local_count;
    const char *const *files; /* the operands: argv's own strings */
    size_t file_count;
};

/* argv as main() gets it; the strings stay the caller's. 0: *out is filled. -1: message says what is wrong (wrong usage). */
int options_parse(int argc, char *const argv[], struct options *out, char message[static 256]);
void options_usage(FILE *stream);

#endif
