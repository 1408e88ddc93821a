/* config_watch.h: the configuration file over the helper's life: read at start, again on SIGHUP and when it changed.
 *
 * config_watch_load() at start and whenever config_watch_changed(), asked about once a second, or SIGHUP says so;
 * config_watch_log() once after each, when the log is open. */
#ifndef GO_METRO_CONFIG_WATCH_H
#define GO_METRO_CONFIG_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "config.h"

#define CONFIG_WATCH_ERROR_MAX 256

struct config_watch {
    const char *path;   /* the caller's */
    struct stat seen;   /* as it was when it was last read; all zero: it was not there */
    struct stat looked; /* as it was at the last look, and since when; likewise */
    uint32_t looked_s;
    struct config_report report;        /* of the last reading */
    char error[CONFIG_WATCH_ERROR_MAX]; /* "" or the first error of the last reading, with its place and what to do */
};

void config_watch_init(struct config_watch *watch, const char *path);

/* Reads it. As config_load(); watch->report and watch->error follow. */
enum config_result config_watch_load(struct config_watch *watch, struct config **out);

/* Every remark of the last reading, to the log. */
void config_watch_log(const struct config_watch *watch);

/* Whether the file is another than at the last reading (replaced, rewritten, removed, appeared) and has rested: who writes it in
 * pieces is not done yet, and the first of them may be a right one. now_s: monotonic seconds. */
bool config_watch_changed(struct config_watch *watch, uint32_t now_s);

#endif
