/* helper_log.c: the running helper's log. */
#include "helper_log.h"

#include "log.h"

void helper_log_open(const char *path, const struct config *config, bool becomes_user)
{
    bool is_file = config == NULL || config->log_to_file;

    if (is_file && becomes_user)
        return;
    log_open(is_file ? path : NULL, config == NULL ? LOG_INFO : config->log_level);
}

void helper_log_reopen(void)
{
    switch (log_reopen()) {
    case LOG_REOPENED:
        log_info("helper_log", "SIGUSR1: the log was opened anew");
        break;
    case LOG_NO_FILE:
        log_info("helper_log", "SIGUSR1: the log is not a file");
        break;
    case LOG_NOT_REOPENED:
        break;
    }
}
