/* target.c: whom an instance wants, as addresses and names. */
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum target_kind { TARGET_HOST, TARGET_ADDRESS, TARGET_BLOCK };

struct target {
    enum target_kind kind;
    char *text;                   /* as the YAML has it */
    struct ip_prefix prefix;      /* TARGET_ADDRESS, TARGET_BLOCK */
    struct ip_address *addresses; /* TARGET_HOST: the last good answer */
    size_t address_count;
    char name[RESOLVE_NAME_MAX];  /* TARGET_ADDRESS: its reverse name, "" while there is none */
    const char *error;            /* of the newest answer; NULL: fine */
};

struct targets {
    struct target *items;
    size_t count;
    bool resolve_names;
    uint32_t next_ask_s; /* 0: at once */
};

/* A single address is asked for by its name; a block is not. Names under `hosts` that are addresses need no resolver. */
static int fill_target(struct target *target, enum target_kind kind, const char *text, const struct ip_prefix *prefix)
{
    target->kind = kind;
    if (prefix != NULL) {
        target->prefix = *prefix;
        target->kind = prefix->bits == 128 ? TARGET_ADDRESS : TARGET_BLOCK;
    }
    target->text = strdup(text);
    return target->text == NULL ? -1 : 0;
}

struct targets *targets_new(const struct config_instance *instance, bool resolve_names)
{
    struct targets *targets = calloc(1, sizeof *targets);
    struct ip_prefix prefix;

    if (targets == NULL)
        return NULL;
    targets->resolve_names = resolve_names;
    targets->items = calloc(instance->ips.count + instance->hosts.count + 1, sizeof *targets->items);
    if (targets->items == NULL)
        goto fail;
    for (size_t i = 0; i < instance->ips.count; i++)
        if (fill_target(&targets->items[targets->count++], TARGET_BLOCK, instance->ips.items[i], &instance->ip_prefixes[i]) < 0)
            goto fail;
    for (size_t i = 0; i < instance->hosts.count; i++) {
        bool literal = prefix_parse(instance->hosts.items[i], &prefix, NULL) && prefix.bits == 128;

        if (fill_target(&targets->items[targets->count++], TARGET_HOST, instance->hosts.items[i], literal ? &prefix : NULL) < 0)
            goto fail;
    }
    return targets;
fail:
    targets_free(targets);
    return NULL;
}

void targets_free(struct targets *targets)
{
    if (targets == NULL)
        return;
    for (size_t i = 0; i < targets->count; i++) {
        free(targets->items[i].text);
        free(targets->items[i].addresses);
    }
    free(targets->items);
    free(targets);
}

void targets_ask(struct targets *targets, struct resolver *resolver, uint32_t now_s, uint32_t interval_s)
{
    if (targets->next_ask_s != 0 && (int32_t)(now_s - targets->next_ask_s) < 0)
        return;
    targets->next_ask_s = now_s + interval_s;
    for (size_t i = 0; i < targets->count; i++) {
        const struct target *target = &targets->items[i];
        int rc = 0;

        if (target->kind == TARGET_HOST)
            rc = resolver_submit_name(resolver, target->text);
        else if (target->kind == TARGET_ADDRESS && targets->resolve_names)
            rc = resolver_submit_address(resolver, &target->prefix.base);
        if (rc < 0)
            targets->next_ask_s = now_s + 1; /* the queue is full: the rest follows when it has been worked off */
    }
}

static bool has_addresses(const struct target *target, const struct ip_address *addresses, size_t count)
{
    return target->address_count == count && (count == 0 || memcmp(target->addresses, addresses, count * sizeof *addresses) == 0);
}

static int set_addresses(struct target *target, const struct ip_address *addresses, size_t count)
{
    struct ip_address *copy = malloc((count > 0 ? count : 1) * sizeof *copy);

    if (copy == NULL)
        return -1;
    if (count > 0)
        memcpy(copy, addresses, count * sizeof *copy);
    free(target->addresses);
    target->addresses = copy;
    target->address_count = count;
    return 0;
}

static bool take_addresses(struct target *target, const struct resolve_answer *answer)
{
    target->error = answer->error;
    if (answer->error != NULL || has_addresses(target, answer->addresses, answer->count))
        return false;
    if (set_addresses(target, answer->addresses, answer->count) == 0)
        return true;
    target->error = "out of memory";
    return false;
}

static const struct target *find_same(const struct targets *targets, const struct target *wanted)
{
    for (size_t i = 0; i < targets->count; i++)
        if (targets->items[i].kind == wanted->kind && strcmp(targets->items[i].text, wanted->text) == 0)
            return &targets->items[i];
    return NULL;
}

bool targets_inherit(struct targets *targets, const struct targets *old)
{
    bool complete = true;

    for (size_t i = 0; i < targets->count; i++) {
        struct target *target = &targets->items[i];
        const struct target *same = find_same(old, target);

        if (same == NULL)
            continue;
        snprintf(target->name, sizeof target->name, "%s", targets->resolve_names ? same->name : "");
        target->error = same->error;
        if (set_addresses(target, same->addresses, same->address_count) < 0)
            complete = false;
    }
    return complete;
}

/* A name that once was good stays: a tag that flaps makes two series of one. */
static void take_name(struct target *target, const struct resolve_answer *answer)
{
    if (answer->error == NULL && answer->name[0] != '\0')
        snprintf(target->name, sizeof target->name, "%s", answer->name);
}

bool targets_answer(struct targets *targets, const struct resolve_answer *answer)
{
    bool changed = false;

    for (size_t i = 0; i < targets->count; i++) {
        struct target *target = &targets->items[i];

        if (answer->kind == RESOLVE_FORWARD && target->kind == TARGET_HOST && strcmp(target->text, answer->name) == 0)
            changed |= take_addresses(target, answer);
        else if (answer->kind == RESOLVE_REVERSE && target->kind == TARGET_ADDRESS && targets->resolve_names
                 && address_equal(&target->prefix.base, &answer->address))
            take_name(target, answer);
    }
    return changed;
}

static int add_addresses(struct netset *set, const struct target *target, uint32_t index)
{
    struct ip_prefix prefix = { .bits = 128 };

    for (size_t i = 0; i < target->address_count; i++) {
        prefix.base = target->addresses[i];
        if (netset_add(set, &prefix, index) < 0)
            return -1;
    }
    return 0;
}

struct netset *targets_whitelist(const struct targets *targets)
{
    struct netset *set = netset_new();

    /* From the last to the first: what stands first in the YAML gives an address that two targets share its name. */
    for (size_t i = targets->count; set != NULL && i-- > 0;) {
        const struct target *target = &targets->items[i];
        int rc = target->kind == TARGET_HOST ? add_addresses(set, target, (uint32_t)i)
                                             : netset_add(set, &target->prefix, (uint32_t)i);

        if (rc < 0) {
            netset_free(set);
            return NULL;
        }
    }
    return set;
}

const char *targets_name(const struct targets *targets, uint32_t index)
{
    const struct target *target;

    if (index >= targets->count)
        return NULL;
    target = &targets->items[index];
    if (target->kind == TARGET_HOST)
        return target->text;
    return target->kind == TARGET_ADDRESS && target->name[0] != '\0' ? target->name : NULL;
}

void targets_warning(const struct targets *targets, char *out, size_t size)
{
    size_t failed = 0;
    const struct target *first = NULL;

    for (size_t i = 0; i < targets->count; i++)
        if (targets->items[i].kind == TARGET_HOST && targets->items[i].error != NULL) {
            if (first == NULL)
                first = &targets->items[i];
            failed++;
        }
    if (first == NULL)
        out[0] = '\0';
    else if (failed == 1)
        snprintf(out, size, "the host '%.100s' does not resolve (%s); correct `hosts` or the resolver", first->text, first->error);
    else
        snprintf(out, size, "%zu hosts do not resolve, '%.100s' the first (%s); correct `hosts` or the resolver", failed, first->text,
                 first->error);
}
