/* verdict.c: the helper's own state and error text. */
#include "verdict.h"

#include <stdio.h>
#include <string.h>

void verdict_add_cause(char text[static SEG_ERROR_MAX], const char *cause)
{
    size_t length = strlen(text);

    snprintf(text + length, SEG_ERROR_MAX - length, "%s%s", length > 0 && *cause != '\0' ? "; also: " : "", cause);
}

void verdict_make(struct verdict *out, const struct verdict_causes *causes)
{
    *out = (struct verdict){ .error = "" };
    if (causes->is_stopping) {
        out->state = SEG_STOPPED;
        verdict_add_cause(out->error, "stopped on request");
        return;
    }
    if (*causes->privilege != '\0' || !causes->is_configured || !causes->is_measuring)
        out->state = SEG_FAILED;
    else if (*causes->configuration != '\0' || *causes->memory != '\0' || *causes->sending != '\0')
        out->state = SEG_DEGRADED;
    verdict_add_cause(out->error, causes->configuration);
    verdict_add_cause(out->error, causes->privilege);
    verdict_add_cause(out->error, causes->memory);
    verdict_add_cause(out->error, causes->sending);
}

/* Whatever else is wrong, readers must know that they do not see all; but who is stopped has nothing to mend. */
void verdict_with_loss(struct verdict *verdict, const char *loss)
{
    if (*loss == '\0' || verdict->state == SEG_STOPPED)
        return;
    if (verdict->state < SEG_DEGRADED)
        verdict->state = SEG_DEGRADED;
    verdict_add_cause(verdict->error, loss);
}

/* A failure of the helper itself explains its instances'. */
enum seg_state verdict_with_instances(struct verdict *verdict, enum seg_state instances, const char *error)
{
    if (verdict->state >= SEG_FAILED)
        return verdict->state;
    if (verdict->state == 0 || instances == SEG_FAILED) {
        verdict->state = instances;
        verdict_add_cause(verdict->error, error == NULL ? "" : error);
    }
    return verdict->state;
}
