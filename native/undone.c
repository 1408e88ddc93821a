/* undone.c: see undone.h. */
#include "undone.h"

#include <string.h>

const char *undone_sending(const struct config *config)
{
    return config->submit_via == CONFIG_SUBMIT_DOGSTATSD ? "submit_via: dogstatsd is not done by this version: the Agent's check "
                                                           "submits, and where that does not run nobody "
                                                           "does; set submit_via: check"
                                                         : NULL;
}

const char *undone_file(const struct config_instance *instance)
{
    return strcmp(instance->interface, CONFIG_FILE_INTERFACE) == 0
               ? "interface: file is not measured by the running helper in this version; use `go-metro read` on the capture"
               : NULL;
}
