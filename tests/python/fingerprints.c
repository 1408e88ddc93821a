/* fingerprints FILE: what the helper makes of each instance of a go-metro.yaml: its canonical text, then "= " and its
 * fingerprint. tests/python holds the check against it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "fingerprint.h"

static int print_instance(const struct config_instance *instance)
{
    char *text;
    size_t size;

    if (fingerprint_text(instance, &text, &size) < 0)
        return -1;
    fwrite(text, 1, size, stdout);
    free(text);
    printf("= %08" PRIx32 "\n", instance->fingerprint);
    return 0;
}

int main(int argc, char *argv[])
{
    static struct config_report report;
    struct config *config = NULL;
    int rc = 0;

    if (argc != 2) {
        fputs("usage: fingerprints FILE\n", stderr);
        return 2;
    }
    if (config_load(argv[1], &config, &report) != CONFIG_OK) {
        config_report_print(&report, argv[1], stderr);
        return 1;
    }
    for (size_t i = 0; rc == 0 && i < config->instance_count; i++)
        rc = print_instance(&config->instances[i]);
    config_free(config);
    return rc == 0 && fflush(stdout) == 0 ? 0 : 1;
}
