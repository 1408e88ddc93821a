/* target_warning.c: what an instance's owner is told of its hosts. */
#include "target_private.h"

#include <stdio.h>

#define PATIENCE_S 15 /* so long an answer may take before its lack is warned of */

/* Why a target's addresses are not known, or may be old; NULL: all is well, or it has only just been asked for. Whoever is not
 * asked for at all waits behind thousands of others, or the resolver's threads could not be started. */
static const char *trouble_of(const struct target *target, uint32_t now_s)
{
    if (target->kind != TARGET_HOST || target->error != NULL || target->was_answered)
        return target->kind == TARGET_HOST ? target->error : NULL;
    if (!target->was_asked)
        return "not asked for yet";
    return now_s - target->first_asked_s >= PATIENCE_S ? "no answer yet" : NULL;
}

void targets_warning(const struct targets *targets, uint32_t now_s, char *out, size_t size)
{
    size_t failed = 0;
    const struct target *first = NULL;
    const char *reason = NULL;

    for (size_t i = 0; i < targets->count; i++) {
        const char *trouble = trouble_of(&targets->items[i], now_s);

        if (trouble != NULL && failed++ == 0) {
            first = &targets->items[i];
            reason = trouble;
        }
    }
    if (first == NULL)
        out[0] = '\0';
    else if (failed == 1)
        snprintf(out, size, "the host '%.100s' does not resolve (%s); correct `hosts` or the resolver", first->text, reason);
    else
        snprintf(out, size, "%zu hosts do not resolve, '%.100s' the first (%s); correct `hosts` or the resolver", failed,
                 first->text, reason);
}

void targets_excess(const struct targets *targets, char *out, size_t size)
{
    const struct target *first = NULL;
    size_t hosts = 0;

    for (size_t i = 0; i < targets->count; i++)
        if (targets->items[i].left_out > 0 && hosts++ == 0)
            first = &targets->items[i];
    if (first == NULL)
        out[0] = '\0';
    else if (hosts == 1)
        snprintf(out, size, "the host '%.100s' has %zu addresses, of which %d are measured; write the others under `ips`",
                 first->text, RESOLVE_MAX_ADDRESSES + first->left_out, RESOLVE_MAX_ADDRESSES);
    else
        snprintf(out, size,
                 "%zu hosts have more than %d addresses, of which so many are measured, '%.100s' the first; write the "
                 "others under `ips`",
                 hosts, RESOLVE_MAX_ADDRESSES, first->text);
}
