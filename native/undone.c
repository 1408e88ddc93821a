/* undone.c: see undone.h. */
#include "undone.h"

#include <string.h>

const char *undone_file(const struct config_instance *instance)
{
    return strcmp(instance->interface, CONFIG_FILE_INTERFACE) == 0
               ? "interface: file is not measured by the running helper in this version; use `go-metro read` on the capture"
               : NULL;
}
