/* log.c: the line's format, rotation, escaping, and what may stand in the log's way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "log.c"

static char folder[] = "/tmp/go-metro-test-log-XXXXXX";
static char path[64], target[64];
static char content[2 * ROTATE_BYTES];

static size_t read_file(const char *name)
{
    FILE *file = fopen(name, "rb");
    size_t n;

    content[0] = '\0';
    if (file == NULL)
        return 0;
    n = fread(content, 1, sizeof content - 1, file);
    content[n] = '\0';
    fclose(file);
    return n;
}

static bool matches(const char *text, const char *pattern)
{
    regex_t regex;
    bool found;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

static unsigned count_lines(const char *text)
{
    unsigned lines = 0;

    for (; (text = strchr(text, '\n')) != NULL; text++)
        lines++;
    return lines;
}

static int clean(void **state)
{
    char name[80];

    (void)state;
    log_close();
    unlink(path);
    unlink(target);
    for (int i = 0; i <= KEPT + 1; i++) {
        snprintf(name, sizeof name, "%s.%d", path, i);
        unlink(name);
    }
    return 0;
}

static void test_format(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "Abc-3", 1), 0);
    assert_int_equal(log_open(path, LOG_DEBUG), 0);
    log_info("capture", "eth0: %s", "capturing");
    errno = ENOENT;
    log_warn("log", "x");
    assert_int_equal(errno, ENOENT);
    log_warnx("log", "plain");
    log_debug("a", "b");
    log_errorx("a", "b");
    log_critical("a", "b");
    read_file(path);
    assert_true(matches(content, "^20[0-9]{2}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9] ABC "
                                 "\\| INFO \\| \\(capture\\) \\|  eth0: capturing\n"));
    assert_non_null(strstr(content, " | WARN | (log) |  x: No such file or directory\n"));
    assert_non_null(strstr(content, " | WARN | (log) |  plain\n"));
    assert_non_null(strstr(content, " | DEBUG | (a) |  b\n"));
    assert_non_null(strstr(content, " | ERROR | (a) |  b\n"));
    assert_non_null(strstr(content, " | CRITICAL | (a) |  b\n"));
    assert_int_equal(count_lines(content), 6);
    unsetenv("TZ");
}

static void test_levels(void **state)
{
    static const struct {
        const char *word;
        enum log_level level;
    } words[] = {
        { "trace", LOG_TRACE }, { "Debug", LOG_DEBUG },       { "INFO", LOG_INFO },
        { "warn", LOG_WARN },   { "WARNING", LOG_WARN },      { "error", LOG_ERROR },
        { "err", LOG_ERROR },   { "critical", LOG_CRITICAL }, { "CRIT", LOG_CRITICAL },
    };
    enum log_level level;

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_true(log_level_parse(words[i].word, &level));
        assert_int_equal(level, words[i].level);
    }
    assert_false(log_level_parse("loud", &level));
    assert_false(log_level_parse("", &level));
    assert_false(log_level_parse("info ", &level));
    assert_int_equal(log_open(path, LOG_ERROR), 0);
    log_warnx("a", "not this");
    log_errorx("a", "but this");
    read_file(path);
    assert_null(strstr(content, "not this"));
    assert_non_null(strstr(content, "but this"));
}

static void test_escaping(void **state)
{
    char longest[5000];

    (void)state;
    assert_int_equal(log_open(path, LOG_INFO), 0);
    log_info("a", "%s", "one\n2026-01-01 00:00:00 UTC | INFO | (a) |  forged\x1b[2J\t\xc3\xa9\x7f");
    read_file(path);
    assert_int_equal(count_lines(content), 1);
    assert_non_null(strstr(content, "one\\x0a2026"));
    assert_non_null(strstr(content, "forged\\x1b[2J\\x09\\xc3\\xa9\\x7f\n"));
    memset(longest, '\x01', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    log_info("a", "%s", longest);
    read_file(path);
    assert_int_equal(count_lines(content), 2);
    assert_in_range(strlen(content), LINE_MAX_BYTES, LINE_MAX_BYTES + 200);
}

static void test_rotation(void **state)
{
    char name[80], text[901];
    struct stat st;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(log_open(path, LOG_INFO), 0);
    for (unsigned i = 0; i < 100000 / 950 * 9; i++)
        log_info("a", "%u %s", i, text);
    for (int i = 1; i <= 5; i++) {
        snprintf(name, sizeof name, "%s.%d", path, i);
        assert_int_equal(stat(name, &st), 0);
        assert_in_range(st.st_size, ROTATE_BYTES - 1000, ROTATE_BYTES);
        assert_int_equal(st.st_mode & 0137, 0);
    }
    snprintf(name, sizeof name, "%s.%d", path, 6);
    assert_int_equal(stat(name, &st), -1);
    read_file(path);
    assert_true(matches(content, " 944 x+\n$")); /* the newest line is in the newest file */
    snprintf(name, sizeof name, "%s.1", path);
    read_file(name);
    assert_true(matches(content, "^[^\n]* [0-9]+ x+\n"));
    assert_true(matches(content, " [0-9]+ x+\n$"));
}

static void test_reopen(void **state)
{
    (void)state;
    assert_int_equal(log_open(path, LOG_INFO), 0);
    log_info("a", "first");
    assert_int_equal(rename(path, target), 0);
    log_info("a", "second");
    assert_int_equal(log_reopen(), LOG_REOPENED);
    log_info("a", "third");
    read_file(target);
    assert_non_null(strstr(content, "first"));
    assert_non_null(strstr(content, "second"));
    read_file(path);
    assert_null(strstr(content, "second"));
    assert_non_null(strstr(content, "third"));
}

/* Runs fn in a child with its standard streams in files; returns what went to stderr in `content`. */
static void in_child(void (*fn)(void))
{
    int status;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        if (freopen(target, "w", stderr) != NULL)
            fn();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    read_file(target);
}

/* A file that could not be opened at first is there after the folder came and log_reopen(). */
static void open_too_early(void)
{
    char early[96];

    snprintf(early, sizeof early, "%s.d/log", path);
    if (log_open(early, LOG_INFO) != -1 || log_reopen() != LOG_NOT_REOPENED)
        log_warnx("a", "there was no failure");
    snprintf(early, sizeof early, "%s.d", path);
    if (mkdir(early, 0700) < 0 || log_reopen() != LOG_REOPENED)
        log_warnx("a", "not mended");
    log_info("a", "in the file");
    if (log_open(NULL, LOG_INFO) < 0 || log_reopen() != LOG_NO_FILE)
        log_warnx("a", "there was a file");
}

static void test_reopen_what_could_not_be_opened(void **state)
{
    char late[96];

    (void)state;
    in_child(open_too_early);
    assert_int_equal(count_lines(content), 2);
    assert_true(matches(content, "No such file or directory; the log goes to stderr\n.*; the log goes to stderr\n$"));
    snprintf(late, sizeof late, "%s.d/log", path);
    read_file(late);
    unlink(late);
    snprintf(late, sizeof late, "%s.d", path);
    rmdir(late);
    assert_int_equal(count_lines(content), 1);
    assert_true(matches(content, "in the file\n$"));
}

/* Nothing that is planted at the path is followed, or hangs; the lines go on in the file that is open. */
static void test_planted(void **state)
{
    int reader;

    (void)state;
    assert_int_equal(log_open(path, LOG_INFO), 0);
    assert_int_equal(rename(path, target), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    log_reopen();
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    log_reopen();
    reader = open(path, O_RDONLY | O_NONBLOCK); /* with a reader the FIFO opens: it must be refused all the same */
    assert_true(reader >= 0);
    log_reopen();
    close(reader);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    log_reopen();
    assert_int_equal(rmdir(path), 0);
    log_info("a", "still here");
    read_file(target);
    assert_non_null(strstr(content, "Too many levels of symbolic links; the old file is written on"));
    assert_non_null(strstr(content, "No such device or address; the old"));
    assert_non_null(strstr(content, "not a regular file; the old"));
    assert_non_null(strstr(content, "Is a directory; the old"));
    assert_non_null(strstr(content, "still here"));
}

static void open_nowhere(void)
{
    log_info("a", "too early");
    log_warnx("a", "before opening");
    if (log_open("/nonexistent/go-metro.log", LOG_INFO) == -1)
        log_info("a", "goes on");
    log_close();
    log_info("a", "too late");
}

static void test_stderr(void **state)
{
    (void)state;
    in_child(open_nowhere);
    assert_int_equal(count_lines(content), 3);
    assert_true(matches(content, "before opening\n.*/nonexistent/go-metro.log: No such file or directory; "
                                 "the log goes to stderr\n"
                                 ".*goes on\n"));
}

/* A limit on the file's size stands for a full disk; the second line fits only in part. */
static void fill_up(void)
{
    struct rlimit limit = { 400, RLIM_INFINITY };

    signal(SIGXFSZ, SIG_IGN);
    if (log_open(path, LOG_INFO) < 0 || setrlimit(RLIMIT_FSIZE, &limit) < 0)
        return;
    for (unsigned i = 0; i < 10; i++)
        log_info("a", "%u %060u", i, 0);
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    log_info("a", "room again");
}

static void test_full_disk(void **state)
{
    (void)state;
    in_child(fill_up);
    read_file(path);
    assert_true(matches(content, " 0 0{60}\n"));
    assert_true(matches(content, "\n[-0-9]+ [:0-9]+ [^ ]+ \\| WARN \\| \\(log\\) \\|  "
                                 "[1-9] lines were lost: [^\n]*\n[^\n]*room again\n$"));
}

static void *write_many(void *arg)
{
    for (unsigned i = 0; i < 200; i++)
        log_info(arg, "%0100u", i);
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t threads[4];

    (void)state;
    assert_int_equal(log_open(path, LOG_INFO), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, (void *)(uintptr_t) "t"), 0);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    unsigned lines = 0;
    for (int i = 0; i <= 1; i++) {
        char name[80];

        snprintf(name, sizeof name, i == 0 ? "%s" : "%s.%d", path, i);
        read_file(name);
        for (char *line = content, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++) {
            *end = '\0';
            assert_true(matches(line, "^[-0-9]+ [:0-9]+ [A-Z0-9+-]+ \\| INFO \\| \\(t\\) \\|  [0-9]{100}$"));
        }
    }
    assert_int_equal(lines, 800);
}

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/log", folder);
    snprintf(target, sizeof target, "%s/target", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_format, clean),   cmocka_unit_test_teardown(test_levels, clean),
        cmocka_unit_test_teardown(test_escaping, clean), cmocka_unit_test_teardown(test_rotation, clean),
        cmocka_unit_test_teardown(test_reopen, clean),   cmocka_unit_test_teardown(test_planted, clean),
        cmocka_unit_test_teardown(test_stderr, clean),   cmocka_unit_test_teardown(test_full_disk, clean),
        cmocka_unit_test_teardown(test_threads, clean),  cmocka_unit_test_teardown(test_reopen_what_could_not_be_opened, clean),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
