/* fuzz_config.c: any bytes as go-metro.yaml. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken is whole; what is refused says why; every remark is printable. */
static void check(const struct config *config, enum config_result result, const struct config_report *report)
{
    if ((result == CONFIG_OK) != (config != NULL) || (result == CONFIG_OK) != (report->errors == 0))
        abort();
    if (report->count > CONFIG_MAX_REMARKS + 1)
        abort();
    for (size_t i = 0; i < report->count; i++)
        for (const char *at = report->remarks[i].text; *at != '\0'; at++)
            if (*at < 0x20 || *at > 0x7E)
                abort();
    for (size_t i = 0; config != NULL && i < config->instance_count; i++) {
        const struct config_instance *instance = &config->instances[i];

        if (instance->interface == NULL || strlen(instance->interface) >= SEG_INTERFACE_MAX
            || (instance->ips.count > 0 && instance->ip_prefixes == NULL))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config_report report;
    struct config *config;
    enum config_result result = config_parse("fuzz", (const char *)data, size, &config, &report);

    check(config, result, &report);
    config_free(config);
    return 0;
}
