/* verdict.h: the helper's own state and error text from all that is wrong at once, the worst state and the first cause first.
 * Pure. */
#ifndef GO_METRO_VERDICT_H
#define GO_METRO_VERDICT_H

#include <stdbool.h>

#include "segment.h"

/* Each text "" or what is wrong and what to do. */
struct verdict_causes {
    bool is_stopping;
    bool is_configured;        /* a configuration is in force, be it an older one */
    bool is_measuring;         /* there was memory for the meter */
    const char *configuration; /* what is wrong with the file */
    const char *privilege;     /* why nothing may be measured */
    const char *memory;        /* why not all of it, or nothing, is measured */
    const char *sending;       /* what does not get to where the helper itself sends it */
};

/* Adds a cause ("": none) behind those that are there; what does not fit is cut off. The check takes them apart again. */
void verdict_add_cause(char text[static SEG_ERROR_MAX], const char *cause);

struct verdict {
    enum seg_state state; /* 0: as the instances are; SEG_DEGRADED: that or worse */
    char error[SEG_ERROR_MAX];
};

void verdict_make(struct verdict *out, const struct verdict_causes *causes);

/* The state of all when the instances are in `instances`, and what is said of them (NULL or "": nothing) is added to the error.
 */
enum seg_state verdict_with_instances(struct verdict *verdict, enum seg_state instances, const char *error);

/* After that: what is measured and does not reach the readers, and what to do; "": nothing. */
void verdict_with_loss(struct verdict *verdict, const char *loss);

#endif
