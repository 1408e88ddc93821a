/* The command line: Go's flag syntax, commands, wrong usage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "options.c"

#define ARGS(...) ((char *const[]){ (char *)"go-metro", __VA_ARGS__, NULL })

static int parse(char *const argv[], struct options *out, char message[static 256])
{
    int argc = 0;

    while (argv[argc] != NULL)
        argc++;
    message[0] = '\0';
    return options_parse(argc, argv, out, message);
}

static void go_flag_syntax(void **state)
{
    struct options options;
    char message[256];

    (void)state;
    assert_int_equal(parse(ARGS("-cfg=/a b"), &options, message), 0);
    assert_int_equal(options.command, COMMAND_RUN);
    assert_string_equal(options.cfg, "/a b");
    assert_int_equal(parse(ARGS("-cfg", "/b"), &options, message), 0);
    assert_string_equal(options.cfg, "/b");
    assert_int_equal(parse(ARGS("--cfg=/c", "--log", "/l", "-f=port 80"), &options, message), 0);
    assert_string_equal(options.cfg, "/c");
    assert_string_equal(options.log, "/l");
    assert_string_equal(options.filter, "port 80");
    assert_int_equal(parse(ARGS("-cfg=a=b"), &options, message), 0);
    assert_string_equal(options.cfg, "a=b");
}

static void defaults(void **state)
{
    struct options options;
    char message[256];
    char *argv[] = { (char *)"go-metro", NULL };

    (void)state;
    assert_int_equal(options_parse(1, argv, &options, message), 0);
    assert_int_equal(options.command, COMMAND_RUN);
    assert_string_equal(options.cfg, "/etc/dd-agent/conf.d/go-metro.yaml");
    assert_string_equal(options.log, "/var/log/datadog/go-metro.log");
    assert_null(options.filter);
    assert_false(options.soften_given);
    assert_int_equal(options.file_count, 0);
}

/* Whatever Go's flag package takes for a boolean. That -st was given is what counts: it has no effect, and that is said. */
static void booleans(void **state)
{
    static const char *const good[] = { "-st",      "--st",  "-st=1", "-st=t", "-st=T",     "-st=true",  "-st=True",
                                        "-st=TRUE", "-st=0", "-st=f", "-st=F", "-st=false", "-st=False", "--st=FALSE" };
    static const char *const bad[] = { "-st=no", "-st=", "-st=yes", "-st=2", "-st=tRUE", "-st=true " };
    struct options options;
    char message[256];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(parse(ARGS((char *)good[i]), &options, message), 0);
        assert_true(options.soften_given);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(parse(ARGS((char *)bad[i]), &options, message), -1);
    assert_int_equal(parse(ARGS("status", "--json=true"), &options, message), 0);
    assert_true(options.json);
    assert_int_equal(parse(ARGS("status", "--json=false"), &options, message), 0);
    assert_false(options.json);
}

/* As the old program's users wrote them: in start scripts, in a supervisor's file, by hand. */
static void the_old_flags_in_every_spelling(void **state)
{
    static const struct {
        char *argv[8];
        const char *cfg, *log, *filter;
        bool soften_given;
    } cases[] = {
        { { (char *)"go-metro", (char *)"-cfg=/etc/dd-agent/conf.d/go-metro.yaml" },
          "/etc/dd-agent/conf.d/go-metro.yaml",
          DEFAULT_LOG,
          NULL,
          false },
        { { (char *)"go-metro", (char *)"--cfg", (char *)"a", (char *)"-log", (char *)"b", (char *)"--f", (char *)"tcp" },
          "a",
          "b",
          "tcp",
          false },
        { { (char *)"go-metro", (char *)"-st", (char *)"-cfg", (char *)"a", (char *)"--log=b" }, "a", "b", NULL, true },
        { { (char *)"go-metro", (char *)"-f=tcp port 80 or tcp port 443", (char *)"-st=false" },
          CONFIG_DEFAULT_PATH,
          DEFAULT_LOG,
          "tcp port 80 or tcp port 443",
          true },
        /* The last one counts; a value may look like a flag; "--" ends them; an empty value is one. */
        { { (char *)"go-metro", (char *)"-cfg=a", (char *)"-cfg", (char *)"b" }, "b", DEFAULT_LOG, NULL, false },
        { { (char *)"go-metro", (char *)"-log", (char *)"-cfg" }, CONFIG_DEFAULT_PATH, "-cfg", NULL, false },
        { { (char *)"go-metro", (char *)"-log=", (char *)"--" }, CONFIG_DEFAULT_PATH, "", NULL, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct options options;
        char message[256];

        assert_int_equal(parse(cases[i].argv, &options, message), 0);
        assert_int_equal(options.command, COMMAND_RUN);
        assert_string_equal(options.cfg, cases[i].cfg);
        assert_string_equal(options.log, cases[i].log);
        assert_true(cases[i].filter == NULL ? options.filter == NULL : strcmp(options.filter, cases[i].filter) == 0);
        assert_int_equal(options.soften_given, cases[i].soften_given);
    }
}

static void a_bool_takes_no_separate_value(void **state)
{
    struct options options;
    char message[256];

    (void)state;
    assert_int_equal(parse(ARGS("-st", "false"), &options, message), -1); /* as Go: "false" is an operand then */
}

static void read_takes_files_and_locals(void **state)
{
    struct options options;
    char message[256];

    (void)state;
    assert_int_equal(
        parse(ARGS("read", "--local", "10.0.0.0/8", "--local=::1", "--json", "a.pcap", "-", "--odd"), &options, message), 0);
    assert_int_equal(options.command, COMMAND_READ);
    assert_true(options.json);
    assert_int_equal(options.local_count, 2);
    assert_string_equal(options.local[1], "::1");
    assert_int_equal(options.file_count, 3); /* Go stops at the first operand */
    assert_string_equal(options.files[0], "a.pcap");
    assert_string_equal(options.files[1], "-");
    assert_int_equal(parse(ARGS("read", "--", "-x.pcap"), &options, message), 0);
    assert_string_equal(options.files[0], "-x.pcap");
}

static void live_takes_an_interface(void **state)
{
    struct options options;
    char message[256];

    (void)state;
    assert_int_equal(
        parse(ARGS("live", "-i", "eth0", "-f=port 80", "--local=::1", "--local", "10.0.0.0/8", "--samples"), &options, message),
        0);
    assert_int_equal(options.command, COMMAND_LIVE);
    assert_string_equal(options.interface, "eth0");
    assert_string_equal(options.filter, "port 80");
    assert_int_equal(options.local_count, 2);
    assert_true(options.samples && !options.json);
    assert_int_equal(parse(ARGS("live", "--i=any", "--json"), &options, message), 0);
    assert_string_equal(options.interface, "any");
    assert_true(options.json);
}

static void top_takes_a_segment(void **state)
{
    struct options options;
    char message[256];

    (void)state;
    assert_int_equal(parse(ARGS("top"), &options, message), 0);
    assert_int_equal(options.command, COMMAND_TOP);
    assert_null(options.segment);
    assert_int_equal(parse(ARGS("top", "--segment", "/s", "-cfg=/c"), &options, message), 0);
    assert_string_equal(options.segment, "/s");
    assert_string_equal(options.cfg, "/c");
    assert_int_equal(parse(ARGS("top", "--json"), &options, message), -1);
    assert_int_equal(parse(ARGS("top", "x"), &options, message), -1);
}

static void the_usage_names_every_command_and_flag(void **state)
{
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    (void)state;
    options_usage(stream);
    fclose(stream);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char name[64];

        snprintf(name, sizeof name, " go-metro %s", commands[i].name);
        assert_true(commands[i].command == COMMAND_HELP || strstr(text, name) != NULL);
    }
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        char name[64];

        snprintf(name, sizeof name, "-%s", flags[i].name);
        assert_non_null(strstr(text, name));
    }
    assert_non_null(strstr(text, "3 the output is not whole")); /* of status alone */
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 100);
    free(text);
}

static void wrong_usage_says_what(void **state)
{
    static const struct {
        char *argv[5];
        const char *message;
    } cases[] = {
        { { (char *)"go-metro", (char *)"reed" }, "unknown command 'reed'; see 'go-metro help'" },
        { { (char *)"go-metro", (char *)"-x" }, "unknown flag '-x'; see 'go-metro help'" },
        { { (char *)"go-metro", (char *)"---cfg=x" }, "unknown flag '---cfg=x'; see 'go-metro help'" },
        { { (char *)"go-metro", (char *)"-cfg=x", (char *)"y" }, "there is an argument too many; see 'go-metro help'" },
        { { (char *)"go-metro", (char *)"-cfg" }, "-cfg needs a value" },
        { { (char *)"go-metro", (char *)"status", (char *)"-log=x" }, "unknown flag '-log=x'; see 'go-metro help'" },
        { { (char *)"go-metro", (char *)"read" }, "read: name at least one capture file, or - for standard input" },
        { { (char *)"go-metro", (char *)"live" }, "live: -i names the interface; \"any\" is all of them" },
        { { (char *)"go-metro", (char *)"live", (char *)"-i=a", (char *)"-i=b" }, "-i: only once" },
        { { (char *)"go-metro", (char *)"live", (char *)"-i=a", (char *)"b" },
          "there is an argument too many; see 'go-metro help'" },
        { { (char *)"go-metro", (char *)"live", (char *)"-i=a", (char *)"-cfg=b" },
          "unknown flag '-cfg=b'; see 'go-metro help'" },
        { { (char *)"go-metro", (char *)"read", (char *)"-i=a" }, "unknown flag '-i=a'; see 'go-metro help'" },
        { { (char *)"go-metro", (char *)"status", (char *)"x" }, "there is an argument too many; see 'go-metro help'" },
        { { (char *)"go-metro", (char *)"status", (char *)"--json", (char *)"--prometheus" }, "choose one form of output" },
        { { (char *)"go-metro", (char *)"-st=maybe" }, "-st: 'maybe' is neither true nor false" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct options options;
        char message[256];

        assert_int_equal(parse(cases[i].argv, &options, message), -1);
        assert_string_equal(message, cases[i].message);
    }
}

static void too_many_locals_are_refused(void **state)
{
    char *argv[OPTIONS_MAX_LOCAL + 5] = { (char *)"go-metro", (char *)"read" };
    struct options options;
    char message[256];

    (void)state;
    for (int i = 0; i <= OPTIONS_MAX_LOCAL; i++)
        argv[2 + i] = (char *)"--local=::1";
    argv[3 + OPTIONS_MAX_LOCAL] = (char *)"f";
    assert_int_equal(parse(argv, &options, message), -1);
    assert_non_null(strstr(message, "at most 64 times"));
}

static void help_and_version(void **state)
{
    struct options options;
    char message[256];

    (void)state;
    static const char *const spellings[] = { "-h", "--h", "-help", "--help" };
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        assert_int_equal(parse(ARGS((char *)spellings[i]), &options, message), 0);
        assert_int_equal(options.command, COMMAND_HELP);
    }
    assert_int_equal(parse(ARGS("status", "--help"), &options, message), 0);
    assert_int_equal(options.command, COMMAND_HELP);
    assert_int_equal(parse(ARGS("version"), &options, message), 0);
    assert_int_equal(options.command, COMMAND_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(go_flag_syntax),
        cmocka_unit_test(defaults),
        cmocka_unit_test(booleans),
        cmocka_unit_test(the_old_flags_in_every_spelling),
        cmocka_unit_test(a_bool_takes_no_separate_value),
        cmocka_unit_test(read_takes_files_and_locals),
        cmocka_unit_test(live_takes_an_interface),
        cmocka_unit_test(top_takes_a_segment),
        cmocka_unit_test(the_usage_names_every_command_and_flag),
        cmocka_unit_test(wrong_usage_says_what),
        cmocka_unit_test(too_many_locals_are_refused),
        cmocka_unit_test(help_and_version),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
