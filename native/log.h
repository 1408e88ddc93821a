/* log.h: the helper's log, one line an event in the old program's format:
 *     2026-11-22 12:00:00 UTC | INFO | (capture) |  eth0: capturing
 * (time in local time with the zone's name in capitals; seelog's levels TRACE DEBUG INFO WARN ERROR CRITICAL).
 *
 * log_open() once, log_*() anywhere on the main thread or a worker, log_reopen() on SIGUSR1, log_close() at exit. Before
 * log_open() lines of WARN and above go to stderr. Nothing is logged per packet. */
#ifndef GO_METRO_LOG_H
#define GO_METRO_LOG_H

#include <stdbool.h>

enum log_level { LOG_TRACE, LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_CRITICAL };

/* path: the file (O_APPEND|O_NOFOLLOW|O_CLOEXEC, 0640, rotated at 100,000 bytes, 5 old ones kept as path.1 (newest) ... path.5),
 * or NULL: stdout. 0; or -1 when the file cannot be opened: then lines go to stderr, the first says why. May be called again with
 * another path or level. */
int log_open(const char *path, enum log_level level);
/* Opens the path of log_open() anew, also when that could not be opened then. */
enum log_reopened {
    LOG_REOPENED,
    LOG_NO_FILE,     /* the log is not a file: nothing to do */
    LOG_NOT_REOPENED /* a line in the log says why; it goes on where it was */
};
enum log_reopened log_reopen(void);
void log_close(void);
/* Every level name of the old program, any case: trace debug info warn warning error err critical crit. False: none of them. */
bool log_level_parse(const char *name, enum log_level *out);

/* module: the source file's name without its ending. _warn adds ": strerror(errno)"; _warnx and the others do not. */
void log_debug(const char *module, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *module, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const char *module, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_warnx(const char *module, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_errorx(const char *module, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_critical(const char *module, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
