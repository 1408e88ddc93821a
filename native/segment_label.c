/* segment_label.c: see segment_label.h. */
#include "segment_label.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_alone(const struct segment_copy *copy, uint32_t index)
{
    for (uint32_t i = 0; i < copy->snapshot.instance_count; i++)
        if (i != index && strcmp(copy->instances[i].interface, copy->instances[index].interface) == 0)
            return false;
    return true;
}

const char *segment_label(char out[static SEGMENT_LABEL_STRLEN], const struct segment_copy *copy, uint32_t index)
{
    const char *interface = copy->instances[index].interface;

    if (is_alone(copy, index))
        snprintf(out, SEGMENT_LABEL_STRLEN, "%s", interface);
    else
        snprintf(out, SEGMENT_LABEL_STRLEN, "%s#%" PRIu32, interface, index);
    return out;
}
