/* target_answer.c: what is asked of the resolver, and what comes of its answers. */
#include "target_private.h"

#include <stdio.h>
#include <string.h>

#include "log.h"

#define FAILED_AGAIN_S 15     /* what fails is asked for again so soon: resolvers come up after the helper */
#define LONGEST_AGAIN_S 86400 /* the longest interval */

static bool is_due(const struct target *target, uint32_t now_s, uint32_t interval_s)
{
    const uint32_t wait_s = target->again_s != 0 && target->again_s < interval_s ? target->again_s : interval_s;

    return !target->was_asked || now_s - target->asked_s >= wait_s;
}

/* -1: the queue of its kind is full. */
static int ask(const struct target *target, struct resolver *resolver)
{
    if (target->kind == TARGET_ADDRESS)
        return resolver_submit_address(resolver, &target->prefix.base);
    return resolver_submit_name(resolver, target->text, resolve_families(target->addresses, target->address_count));
}

void targets_ask(struct targets *targets, struct resolver *resolver, uint32_t now_s, uint32_t interval_s)
{
    bool is_full[] = { [TARGET_HOST] = false, [TARGET_ADDRESS] = !targets->resolve_names, [TARGET_BLOCK] = true };

    target_find_shared_names(targets);
    for (size_t i = 0; i < targets->count; i++) {
        struct target *target = &targets->items[i];

        if (is_full[target->kind] || !is_due(target, now_s, interval_s))
            continue;
        if (ask(target, resolver) < 0) {
            is_full[target->kind] = true; /* the rest follows when it has been worked off */
            continue;
        }
        if (!target->was_asked)
            target->first_asked_s = now_s;
        target->was_asked = true;
        target->asked_s = now_s;
    }
}

static bool has_addresses(const struct target *target, const struct ip_address *addresses, size_t count)
{
    return target->address_count == count && (count == 0 || memcmp(target->addresses, addresses, count * sizeof *addresses) == 0);
}

/* It is said when it begins, and once more when it is over. */
static void say_left_out(const struct target *target, size_t left_out)
{
    if (target->left_out == 0 && left_out > 0)
        log_warnx("target", "the host '%s' has %zu addresses: %d are measured, the others are not; write them under `ips`",
                  target->text, RESOLVE_MAX_ADDRESSES + left_out, RESOLVE_MAX_ADDRESSES);
    else if (target->left_out > 0 && left_out == 0)
        log_info("target", "all addresses of the host '%s' are measured now", target->text);
}

/* A first answer that knows of one family only is looked at once more soon: the name server may have failed for the other, and
 * nothing that is missed says so. */
static uint32_t ask_again_s(const struct target *target, const struct resolve_outcome *now)
{
    const unsigned families = resolve_families(now->addresses, now->count);

    return now->error != NULL || (target->address_count == 0 && families != (RESOLVE_V4 | RESOLVE_V6)) ? FAILED_AGAIN_S : 0;
}

static bool take_addresses(struct targets *targets, struct target *target, const struct resolve_answer *answer)
{
    struct resolve_outcome now;

    if (!resolve_outcome_of(&now, answer, target->addresses, target->address_count))
        return false;
    if (target->error == NULL && now.error != NULL)
        log_warnx("target", "the host '%s' does not resolve: %s (asking again every %d s)", target->text, now.error,
                  FAILED_AGAIN_S);
    else if (target->error != NULL && now.error == NULL)
        log_info("target", "the host '%s' resolves now", target->text);
    target->error = now.error;
    target->again_s = ask_again_s(target, &now);
    if (now.error == NULL || now.left_out > target->left_out) {
        say_left_out(target, now.left_out);
        target->left_out = now.left_out;
    }
    if (has_addresses(target, now.addresses, now.count))
        return false;
    if (target_set_addresses(targets, target, now.addresses, now.count) == 0)
        return true;
    target->error = "out of memory";
    target->again_s = FAILED_AGAIN_S;
    return false;
}

/* Of addresses there may be thousands, in a reverse zone that never answers: each failure is waited after twice as long. */
static uint32_t ask_name_again_s(const struct target *target, const struct resolve_answer *answer)
{
    if (answer->error == NULL || !answer->is_passing)
        return 0;
    if (target->again_s == 0)
        return FAILED_AGAIN_S;
    return target->again_s < LONGEST_AGAIN_S ? 2 * target->again_s : target->again_s;
}

/* A name that once was good stays: a tag that flaps makes two series of one. */
static void take_name(struct targets *targets, struct target *target, const struct resolve_answer *answer)
{
    target->again_s = ask_name_again_s(target, answer);
    if (answer->error != NULL || answer->name[0] == '\0' || strcmp(target->name, answer->name) == 0)
        return;
    snprintf(target->name, sizeof target->name, "%s", answer->name);
    target->is_name_shared = true; /* until that has been looked at */
    targets->are_names_new = true;
    targets->revision++;
}

bool targets_answer(struct targets *targets, const struct resolve_answer *answer)
{
    char name[RESOLVE_NAME_MAX];
    struct target key = { .kind = answer->kind == RESOLVE_FORWARD ? TARGET_HOST : TARGET_ADDRESS,
                          .text = name,
                          .prefix = { .base = answer->address, .bits = 128 } };
    bool changed = false;

    if (answer->kind == RESOLVE_REVERSE && !targets->resolve_names)
        return false;
    snprintf(name, sizeof name, "%s", answer->name);
    for (size_t place = target_find_first(targets, &key); target_is_like(targets, place, &key); place++) {
        targets->sorted[place]->was_answered = true;
        if (answer->kind == RESOLVE_FORWARD)
            changed |= take_addresses(targets, targets->sorted[place], answer);
        else
            take_name(targets, targets->sorted[place], answer);
    }
    targets->revision += changed;
    return changed;
}
