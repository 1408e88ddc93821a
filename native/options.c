/* options.c: the command line, in Go's flag syntax. */
#include "options.h"

#include <string.h>

#include "config.h"

#define DEFAULT_LOG "/var/log/datadog/go-metro.log"

enum {
    FOR_RUN = 1 << COMMAND_RUN,
    FOR_READ = 1 << COMMAND_READ,
    FOR_LIVE = 1 << COMMAND_LIVE,
    FOR_STATUS = 1 << COMMAND_STATUS,
    FOR_TOP = 1 << COMMAND_TOP,
    FOR_CHECK = 1 << COMMAND_CHECK_CONFIG
};

static const struct {
    const char *name;
    enum command command;
    bool operands;
} commands[] = {
    { "read", COMMAND_READ, true },
    { "live", COMMAND_LIVE, false },
    { "status", COMMAND_STATUS, false },
    { "top", COMMAND_TOP, false },
    { "check-config", COMMAND_CHECK_CONFIG, false },
    { "version", COMMAND_VERSION, false },
    { "help", COMMAND_HELP, false },
};

enum flag_type {
    FLAG_TEXT,
    FLAG_ONCE, /* a text that must not be given twice */
    FLAG_BOOL,
    FLAG_GIVEN, /* a boolean whose value is nothing to us */
    FLAG_LOCAL
};

static const struct flag {
    const char *name;
    unsigned commands; /* FOR_ bits */
    enum flag_type type;
    size_t offset; /* of its field in struct options */
} flags[] = {
    { "cfg", FOR_RUN | FOR_STATUS | FOR_TOP | FOR_CHECK, FLAG_TEXT, offsetof(struct options, cfg) },
    { "log", FOR_RUN, FLAG_TEXT, offsetof(struct options, log) },
    { "f", FOR_RUN | FOR_READ | FOR_LIVE, FLAG_TEXT, offsetof(struct options, filter) },
    { "i", FOR_LIVE, FLAG_ONCE, offsetof(struct options, interface) },
    { "st", FOR_RUN, FLAG_GIVEN, offsetof(struct options, soften_given) },
    { "json", FOR_READ | FOR_LIVE | FOR_STATUS, FLAG_BOOL, offsetof(struct options, json) },
    { "samples", FOR_READ | FOR_LIVE, FLAG_BOOL, offsetof(struct options, samples) },
    { "prometheus", FOR_STATUS, FLAG_BOOL, offsetof(struct options, prometheus) },
    { "segment", FOR_STATUS | FOR_TOP, FLAG_TEXT, offsetof(struct options, segment) },
    { "local", FOR_READ | FOR_LIVE, FLAG_LOCAL, 0 },
};

void options_usage(FILE *stream)
{
    fputs("usage: go-metro [-cfg FILE] [-log FILE] [-f BPF] [-st]\n"
          "           measure in the foreground, as supervisord wants it\n"
          "       go-metro read [--local NET]... [-f BPF] [--json|--samples] FILE...\n"
          "           round trips of pcap or pcapng files (\"-\": standard input)\n"
          "       go-metro live -i IFACE [-f BPF] [--local NET]... [--json|--samples]\n"
          "           the same from an interface, anew every second, until ^C; needs no configuration\n"
          "       go-metro status [-cfg FILE] [--json|--prometheus] [--segment FILE]\n"
          "           what a running go-metro says now\n"
          "       go-metro top [-cfg FILE] [--segment FILE]\n"
          "           the same, live on a terminal; ? shows the keys, q ends it\n"
          "       go-metro check-config [-cfg FILE]\n"
          "           say what is wrong with a configuration, with line and column\n"
          "       go-metro version\n"
          "\n"
          "-cfg FILE    configuration, default " CONFIG_DEFAULT_PATH "\n"
          "-log FILE    log, default " DEFAULT_LOG "\n"
          "-f BPF       a pcap filter expression, in addition to the whitelist\n"
          "-st          accepted as before: the average is always the smoothed one of RFC 6298\n"
          "-i IFACE     the interface; \"any\": all of them\n"
          "--local NET  an address or CIDR block that is ours; without it `read` measures both directions,\n"
          "             and to `live` this host's own addresses are ours\n"
          "--json       an object a line: a row a peer (`live`: those of the last second that have news)\n"
          "--samples    an object a line: a round trip each, as it happens\n"
          "\n"
          "Exit status: 0 done, 1 it failed, 2 wrong usage. Of `status`: 0 the segment was read, whatever it\n"
          "says, 1 it could not be read, 3 the output is not whole.\n",
          stream);
}

static const struct flag *find_flag(enum command command, const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if ((flags[i].commands & (1u << command)) != 0 && strlen(flags[i].name) == length
            && memcmp(flags[i].name, name, length) == 0)
            return &flags[i];
    return NULL;
}

/* Go's strconv.ParseBool. */
static int parse_bool(const char *text, bool *out)
{
    static const char *const words[2][6] = { { "0", "f", "F", "false", "False", "FALSE" },
                                             { "1", "t", "T", "true", "True", "TRUE" } };

    for (size_t value = 0; value < 2; value++)
        for (size_t i = 0; i < sizeof words[0] / sizeof words[0][0]; i++)
            if (strcmp(text, words[value][i]) == 0) {
                *out = value == 1;
                return 0;
            }
    return -1;
}

static int set_flag(const struct flag *flag, const char *value, struct options *out, char message[static 256])
{
    void *field = (char *)out + flag->offset;

    switch (flag->type) {
    case FLAG_ONCE:
        if (*(const char **)field != NULL) {
            snprintf(message, 256, "-%s: only once", flag->name);
            return -1;
        }
        *(const char **)field = value;
        return 0;
    case FLAG_TEXT:
        *(const char **)field = value;
        return 0;
    case FLAG_BOOL:
    case FLAG_GIVEN:
        if (parse_bool(value, field) < 0) {
            snprintf(message, 256, "-%s: '%.100s' is neither true nor false", flag->name, value);
            return -1;
        }
        if (flag->type == FLAG_GIVEN)
            *(bool *)field = true;
        return 0;
    case FLAG_LOCAL:
        if (out->local_count == OPTIONS_MAX_LOCAL) {
            snprintf(message, 256, "-%s: at most %d times", flag->name, OPTIONS_MAX_LOCAL);
            return -1;
        }
        out->local[out->local_count++] = value;
        return 0;
    }
    return -1;
}

/* One flag at argv[*at]; *at moves on to the last argument that belongs to it. */
static int take_flag(int argc, char *const argv[], int *at, struct options *out, char message[static 256])
{
    const char *name = argv[*at] + (argv[*at][1] == '-' ? 2 : 1);
    size_t length = strcspn(name, "=");
    const char *value = name[length] == '=' ? name + length + 1 : NULL;
    const struct flag *flag = find_flag(out->command, name, length);

    if (flag == NULL) {
        snprintf(message, 256, "unknown flag '%.100s'; see 'go-metro help'", argv[*at]);
        return -1;
    }
    if (value == NULL && (flag->type == FLAG_BOOL || flag->type == FLAG_GIVEN))
        value = "true";
    if (value == NULL) {
        if (*at + 1 >= argc) {
            snprintf(message, 256, "-%s needs a value", flag->name);
            return -1;
        }
        value = argv[++*at];
    }
    return set_flag(flag, value, out, message);
}

static int take_command(const char *word, struct options *out, bool *operands, char message[static 256])
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, word) == 0) {
            out->command = commands[i].command;
            *operands = commands[i].operands;
            return 0;
        }
    snprintf(message, 256, "unknown command '%.100s'; see 'go-metro help'", word);
    return -1;
}

static bool is_help(const char *arg)
{
    const char *name = arg + (arg[1] == '-' ? 2 : 1);

    return strcmp(name, "h") == 0 || strcmp(name, "help") == 0;
}

/* What cannot be said flag by flag. */
static int check_together(const struct options *out, bool operands, char message[static 256])
{
    const char *problem = NULL;

    if (out->command == COMMAND_READ && out->file_count == 0)
        problem = "read: name at least one capture file, or - for standard input";
    else if (out->command == COMMAND_LIVE && out->interface == NULL)
        problem = "live: -i names the interface; \"any\" is all of them";
    else if (!operands && out->file_count > 0)
        problem = "there is an argument too many; see 'go-metro help'";
    else if (out->json && (out->samples || out->prometheus))
        problem = "choose one form of output";
    if (problem == NULL)
        return 0;
    snprintf(message, 256, "%s", problem);
    return -1;
}

int options_parse(int argc, char *const argv[], struct options *out, char message[static 256])
{
    bool operands = false;
    int at = 1;

    *out = (struct options){ .command = COMMAND_RUN, .cfg = CONFIG_DEFAULT_PATH, .log = DEFAULT_LOG };
    if (argc > 1 && argv[1][0] != '-') {
        if (take_command(argv[1], out, &operands, message) < 0)
            return -1;
        at = 2;
    }
    for (; at < argc && argv[at][0] == '-' && argv[at][1] != '\0'; at++) {
        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        if (is_help(argv[at])) {
            out->command = COMMAND_HELP;
            return 0;
        }
        if (take_flag(argc, argv, &at, out, message) < 0)
            return -1;
    }
    out->files = (const char *const *)&argv[at < argc ? at : argc];
    out->file_count = (size_t)(argc - (at < argc ? at : argc));
    return check_together(out, operands, message);
}
