/* main.c: subcommands. Knows nothing of packets or YAML. */
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "live.h"
#include "monitor.h"
#include "options.h"
#include "read.h"
#include "status.h"
#include "top.h"
#include "version.h"

static int check_config(const struct options *options)
{
    struct config_report *report = calloc(1, sizeof *report);
    struct config *config = NULL;
    enum config_result result;

    if (report == NULL) {
        fputs("go-metro: out of memory\n", stderr);
        return 1;
    }
    result = config_load(options->cfg, &config, report);
    config_report_print(report, options->cfg, result == CONFIG_OK ? stdout : stderr);
    if (result == CONFIG_OK)
        printf("%s: right, %zu instance%s\n", options->cfg, config->instance_count, config->instance_count == 1 ? "" : "s");
    config_free(config);
    free(report);
    return result == CONFIG_OK ? 0 : 1;
}

int main(int argc, char *argv[])
{
    struct options options;
    char message[256];

    if (options_parse(argc, argv, &options, message) < 0) {
        fprintf(stderr, "go-metro: %s\n", message);
        return 2;
    }
    switch (options.command) {
    case COMMAND_RUN:
        return monitor_run(&options, argv);
    case COMMAND_READ:
        return read_run(&options);
    case COMMAND_LIVE:
        return live_run(&options);
    case COMMAND_STATUS:
        return status_run(&options);
    case COMMAND_TOP:
        return top_run(&options);
    case COMMAND_CHECK_CONFIG:
        return check_config(&options);
    case COMMAND_VERSION:
        puts("go-metro " GO_METRO_VERSION);
        return 0;
    case COMMAND_HELP:
        options_usage(stdout);
        return 0;
    }
    return 2;
}
