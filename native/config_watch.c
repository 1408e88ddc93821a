/* config_watch.c: the configuration file over the helper's life. */
#include "config_watch.h"

#include <stdio.h>
#include <string.h>

#include "log.h"

#define REST_S 2 /* as of a capture file: replay.c */

void config_watch_init(struct config_watch *watch, const char *path)
{
    *watch = (struct config_watch){ .path = path };
}

static struct stat look(const char *path)
{
    struct stat now;

    if (stat(path, &now) < 0)
        memset(&now, 0, sizeof now);
    return now;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size && a->st_mode == b->st_mode
           && same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

bool config_watch_changed(struct config_watch *watch, uint32_t now_s)
{
    const struct stat now = look(watch->path);

    if (!is_same(&now, &watch->looked)) {
        watch->looked = now;
        watch->looked_s = now_s;
    }
    return !is_same(&now, &watch->seen) && now_s - watch->looked_s >= REST_S;
}

static void log_remark(const char *path, const struct config_remark *remark)
{
    static void (*const by_severity[])(const char *, const char *, ...) = {
        [CONFIG_NOTE] = log_info,
        [CONFIG_WARNING] = log_warnx,
        [CONFIG_ERROR] = log_errorx,
    };

    if (remark->line > 0)
        by_severity[remark->severity]("config", "%s:%d:%d: %s", path, remark->line, remark->column, remark->text);
    else
        by_severity[remark->severity]("config", "%s: %s", path, remark->text);
}

void config_watch_log(const struct config_watch *watch)
{
    for (size_t i = 0; i < watch->report.count; i++)
        log_remark(watch->path, &watch->report.remarks[i]);
}

/* The end of the path is what an operator needs; the whole of it may be longer than a message. */
static void keep_first_error(struct config_watch *watch)
{
    const char *slash = strrchr(watch->path, '/');
    const char *name = slash == NULL ? watch->path : slash + 1;

    watch->error[0] = '\0';
    for (size_t i = 0; i < watch->report.count && watch->error[0] == '\0'; i++) {
        const struct config_remark *remark = &watch->report.remarks[i];

        if (remark->severity == CONFIG_ERROR && remark->line > 0)
            snprintf(watch->error, sizeof watch->error, "%.60s:%d:%d: %.160s", name, remark->line, remark->column, remark->text);
        else if (remark->severity == CONFIG_ERROR)
            snprintf(watch->error, sizeof watch->error, "%.60s: %.190s", name, remark->text);
    }
}

enum config_result config_watch_load(struct config_watch *watch, struct config **out)
{
    enum config_result result;

    memset(&watch->report, 0, sizeof watch->report);
    watch->seen = look(watch->path); /* before reading: a change meanwhile is read again */
    result = config_load(watch->path, out, &watch->report);
    keep_first_error(watch);
    return result;
}
