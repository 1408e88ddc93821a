/* helper_log.h: the running helper's log: where it goes.
 *
 * helper_log_open() when the rights are settled, again with each configuration; helper_log_reopen() on SIGUSR1. */
#ifndef GO_METRO_HELPER_LOG_H
#define GO_METRO_HELPER_LOG_H

#include <stdbool.h>

#include "config.h"

/* path: -log. config: NULL while there is none (then the file, level info). becomes_user: the process is root and will be another
 * user: until then no file is opened, because that user could not open it anew or rotate it, and lines go where they went
 * (stderr). */
void helper_log_open(const char *path, const struct config *config, bool becomes_user);

/* log_reopen(), and says what came of it. */
void helper_log_reopen(void);

#endif
