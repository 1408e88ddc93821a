/* log.c: one write() a line, under one lock, to a file that rotates, to stdout or to stderr. */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROTATE_BYTES 100000
#define KEPT 5
#define LINE_MAX_BYTES 2048
#define TEXT_MAX_BYTES 1024 /* before it is escaped */

static struct {
    pthread_mutex_t lock;
    enum log_level level;
    int fd;              /* STDOUT_FILENO and STDERR_FILENO are not ours to close */
    char path[PATH_MAX]; /* also when it could not be opened; "": the log is no file */
    uint64_t lost;       /* lines that could not be written */
    int lost_errno;
    bool torn; /* the last write ended within a line */
} sink = { .lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_WARN, .fd = STDERR_FILENO };

static const char *const level_names[] = { "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL" };

static const struct level_word {
    const char *word;
    enum log_level level;
} level_words[] = {
    { "trace", LOG_TRACE }, { "debug", LOG_DEBUG },       { "info", LOG_INFO },
    { "warn", LOG_WARN },   { "warning", LOG_WARN },      { "error", LOG_ERROR },
    { "err", LOG_ERROR },   { "critical", LOG_CRITICAL }, { "crit", LOG_CRITICAL },
};

bool log_level_parse(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < sizeof level_words / sizeof level_words[0]; i++) {
        if (strcasecmp(name, level_words[i].word) == 0) {
            *out = level_words[i].level;
            return true;
        }
    }
    return false;
}

/* ---- a line ---- */

/* Appends what fits and says how long the line is then. */
static size_t append_text(char *line, size_t at, size_t size, const char *text)
{
    size_t n = strlen(text);

    if (n > size - at)
        n = size - at;
    memcpy(line + at, text, n);
    return at + n;
}

/* What is not printable ASCII becomes \xNN: a line in the log is one event, whoever chose the words. */
static size_t append_escaped(char *line, size_t at, size_t size, const char *text)
{
    static const char digits[] = "0123456789abcdef";

    for (; *text != '\0' && size - at >= 4; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= 0x20 && c < 0x7f) {
            line[at++] = (char)c;
            continue;
        }
        line[at++] = '\\';
        line[at++] = 'x';
        line[at++] = digits[c >> 4];
        line[at++] = digits[c & 15];
    }
    return at;
}

static size_t append_time(char *line, size_t at, size_t size)
{
    time_t now = time(NULL);
    char text[64];
    struct tm tm;

    if (localtime_r(&now, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %Z", &tm) == 0)
        strcpy(text, "0000-00-00 00:00:00 UTC");
    for (char *c = text; *c != '\0'; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    return append_escaped(line, at, size, text);
}

static size_t format_line(char line[static LINE_MAX_BYTES], enum log_level level, const char *module, const char *text)
{
    const size_t size = LINE_MAX_BYTES - 1; /* room for the newline */
    size_t at = append_time(line, 0, size);

    at = append_text(line, at, size, " | ");
    at = append_text(line, at, size, level_names[level]);
    at = append_text(line, at, size, " | (");
    at = append_escaped(line, at, size, module);
    at = append_text(line, at, size, ") |  ");
    at = append_escaped(line, at, size, text);
    line[at++] = '\n';
    return at;
}

/* ---- the file ---- */

/* O_NONBLOCK: a FIFO in the place of the file must not hang the helper; no device, no FIFO is then written to. */
static int open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0640);
    struct stat st;
    int saved;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0) {
        if (S_ISREG(st.st_mode))
            return fd;
        errno = EINVAL;
    }
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static void set_fd(int fd)
{
    if (sink.fd > STDERR_FILENO)
        close(sink.fd);
    sink.fd = fd;
    sink.torn = false;
}

/* Where a rename or the new file fails, the old one is written on; the next line tries again. */
static void rotate(void)
{
    char from[PATH_MAX + 16], to[PATH_MAX + 16];
    int fd;

    for (int i = KEPT - 1; i >= 0; i--) {
        snprintf(to, sizeof to, "%s.%d", sink.path, i + 1);
        if (i > 0)
            snprintf(from, sizeof from, "%s.%d", sink.path, i);
        else
            snprintf(from, sizeof from, "%s", sink.path);
        if (rename(from, to) < 0 && i == 0 && errno != ENOENT)
            return;
    }
    fd = open_file(sink.path);
    if (fd >= 0)
        set_fd(fd);
}

static void rotate_if_due(size_t length)
{
    struct stat st;

    if (sink.fd > STDERR_FILENO && fstat(sink.fd, &st) == 0 && st.st_size > 0 && (uint64_t)st.st_size + length > ROTATE_BYTES)
        rotate();
}

static int write_once(const char *data, size_t length)
{
    ssize_t n;

    do
        n = write(sink.fd, data, length);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)length)
        return 0;
    if (n > 0)
        sink.torn = true;
    if (n >= 0)
        errno = ENOSPC;
    return -1;
}

static bool write_line(const char *line, size_t length)
{
    rotate_if_due(length);
    if (sink.torn && write_once("\n", 1) < 0)
        return false;
    sink.torn = false;
    return write_once(line, length) == 0;
}

static bool write_lost(void)
{
    char line[LINE_MAX_BYTES], text[128];

    snprintf(text, sizeof text, "%llu lines were lost: %s", (unsigned long long)sink.lost, strerror(sink.lost_errno));
    return write_line(line, format_line(line, LOG_WARN, "log", text));
}

static void emit(enum log_level level, const char *module, const char *text)
{
    char line[LINE_MAX_BYTES];
    size_t length;

    if (level < sink.level)
        return;
    if (sink.lost > 0 && write_lost())
        sink.lost = 0;
    length = format_line(line, level, module, text);
    if (sink.lost == 0 && write_line(line, length))
        return;
    sink.lost++;
    sink.lost_errno = errno;
}

/* ---- public ---- */

/* Keeps the path, so that log_reopen() can try it again. 0 or -1 with errno. */
static int use_path(const char *path)
{
    int fd;

    if (strlen(path) >= sizeof sink.path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(sink.path, path);
    fd = open_file(path);
    if (fd < 0)
        return -1;
    set_fd(fd);
    return 0;
}

static void say_why_not(const char *path, const char *cure)
{
    char text[TEXT_MAX_BYTES];

    snprintf(text, sizeof text, "%.600s: %s; %s", path, errno == EINVAL ? "not a regular file" : strerror(errno), cure);
    emit(LOG_ERROR, "log", text);
}

int log_open(const char *path, enum log_level level)
{
    int rc = 0;

    pthread_mutex_lock(&sink.lock);
    sink.level = level;
    sink.path[0] = '\0';
    if (path == NULL) {
        set_fd(STDOUT_FILENO);
    } else if (use_path(path) < 0) {
        int saved = errno;

        set_fd(STDERR_FILENO);
        errno = saved;
        say_why_not(path, "the log goes to stderr");
        rc = -1;
    }
    pthread_mutex_unlock(&sink.lock);
    return rc;
}

enum log_reopened log_reopen(void)
{
    enum log_reopened result = LOG_NO_FILE;
    int fd;

    pthread_mutex_lock(&sink.lock);
    if (sink.path[0] != '\0') {
        fd = open_file(sink.path);
        result = fd >= 0 ? LOG_REOPENED : LOG_NOT_REOPENED;
        if (fd >= 0)
            set_fd(fd);
        else
            say_why_not(sink.path, sink.fd > STDERR_FILENO ? "the old file is written on" : "the log goes to stderr");
    }
    pthread_mutex_unlock(&sink.lock);
    return result;
}

void log_close(void)
{
    pthread_mutex_lock(&sink.lock);
    set_fd(STDERR_FILENO);
    sink.level = LOG_WARN;
    sink.path[0] = '\0';
    sink.lost = 0;
    pthread_mutex_unlock(&sink.lock);
}

/* error: 0, or the errno to add. */
static void log_line(enum log_level level, const char *module, int error, const char *format, va_list args)
{
    char text[TEXT_MAX_BYTES];
    size_t length;

    vsnprintf(text, sizeof text, format, args);
    length = strlen(text);
    if (error != 0)
        snprintf(text + length, sizeof text - length, ": %s", strerror(error));
    pthread_mutex_lock(&sink.lock);
    emit(level, module, text);
    pthread_mutex_unlock(&sink.lock);
}

#define LOG_FUNCTION(name, level, error)                   \
    void name(const char *module, const char *format, ...) \
    {                                                      \
        int saved = errno;                                 \
        va_list args;                                      \
                                                           \
        va_start(args, format);                            \
        log_line(level, module, error, format, args);      \
        va_end(args);                                      \
        errno = saved;                                     \
    }

LOG_FUNCTION(log_debug, LOG_DEBUG, 0)
LOG_FUNCTION(log_info, LOG_INFO, 0)
LOG_FUNCTION(log_warn, LOG_WARN, saved)
LOG_FUNCTION(log_warnx, LOG_WARN, 0)
LOG_FUNCTION(log_errorx, LOG_ERROR, 0)
LOG_FUNCTION(log_critical, LOG_CRITICAL, 0)
