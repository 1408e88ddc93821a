/* target.c: whom an instance wants, as addresses and names. */
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"
#include "meter.h"

#define FAILED_AGAIN_S 15     /* what fails is asked for again so soon: resolvers come up after the helper */
#define LONGEST_AGAIN_S 86400 /* the longest interval */
#define PATIENCE_S 15         /* so long an answer may take before its lack is warned of */

enum target_kind { TARGET_HOST, TARGET_ADDRESS, TARGET_BLOCK };

struct target {
    enum target_kind kind;
    char *text;                   /* as the YAML has it */
    struct ip_prefix prefix;      /* TARGET_ADDRESS, TARGET_BLOCK */
    struct ip_address *addresses; /* TARGET_HOST: the last good answer */
    size_t address_count;
    size_t left_out;              /* TARGET_HOST: addresses that it has besides, and that are not measured */
    char name[RESOLVE_NAME_MAX];  /* TARGET_ADDRESS: its reverse name, "" while there is none */
    bool is_name_shared;          /* another row has the same name: it would make one series of two */
    uint32_t id;                  /* TARGET_HOST: its row's: the same over reloads, and for all hosts of the same name */
    bool was_asked, was_answered; /* a good answer or a bad one */
    uint32_t asked_s, first_asked_s;
    uint32_t again_s; /* it is asked for again after so long rather than the interval, as something was missing; 0: nothing was */
    const char *error; /* TARGET_HOST: of the newest answer; NULL: fine */
};

struct targets {
    struct target *items;
    struct target **sorted; /* by kind and what an answer names: 100,000 targets are found without a walk, */
    struct target **by_id;  /* and so they are by their ids */
    size_t count;
    uint64_t found; /* families of hosts, each time they got the first address of one */
    uint32_t next_id;
    uint64_t revision;
    bool resolve_names;
    bool are_names_new; /* is_name_shared is out of date */
};

static size_t name_length(const char *name)
{
    size_t length = strlen(name);

    while (length > 0 && name[length - 1] == '.')
        length--;
    return length;
}

/* As whoever takes the tags does: db.example, DB.example and db.example. are the same name. */
static int compare_names(const char *a, const char *b)
{
    const size_t a_length = name_length(a), b_length = name_length(b);
    const int order = strncasecmp(a, b, a_length < b_length ? a_length : b_length);

    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* Whether a name is the tag of rows that have no name, or of those beyond max_peers: none of its own could be told from them. */
static bool is_reserved(const char *name)
{
    char text[ADDRESS_STRLEN] = "";
    const size_t length = name_length(name);
    struct ip_address address;

    if (compare_names(name, TARGET_OTHER) == 0)
        return true;
    if (length >= sizeof text)
        return false;
    memcpy(text, name, length);
    return address_parse(text, &address);
}

/* Hosts of the same name are beside each other, and yet each can be found: with its dot at the end another may be asked for. */
static int compare(const struct target *a, const struct target *b)
{
    int order;

    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->kind == TARGET_ADDRESS)
        return memcmp(a->prefix.base.bytes, b->prefix.base.bytes, sizeof a->prefix.base.bytes);
    order = compare_names(a->text, b->text);
    return order != 0 ? order : strcmp(a->text, b->text);
}

static int compare_items(const void *a, const void *b)
{
    return compare(*(struct target *const *)a, *(struct target *const *)b);
}

/* The place in `sorted` of the first target that is like `key`; `count` when none is. */
static size_t find_first(const struct targets *targets, const struct target *key)
{
    size_t low = 0, high = targets->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(targets->sorted[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < targets->count && compare(targets->sorted[low], key) == 0 ? low : targets->count;
}

/* Of one id what stands first in the YAML is the first. */
static int compare_ids(const void *a, const void *b)
{
    const struct target *one = *(struct target *const *)a, *two = *(struct target *const *)b;

    return one->id != two->id ? (one->id > two->id) - (one->id < two->id) : (one > two) - (one < two);
}

static bool is_same_host(const struct target *a, const struct target *b)
{
    return a->kind == TARGET_HOST && b->kind == TARGET_HOST && compare_names(a->text, b->text) == 0;
}

/* Hosts of the same name are one row: the oldest id is that of all. */
static void join_hosts(struct targets *targets)
{
    struct target **const sorted = targets->sorted;

    for (size_t first = 0, end; first < targets->count; first = end) {
        uint32_t id = sorted[first]->id;

        for (end = first + 1; end < targets->count && is_same_host(sorted[first], sorted[end]); end++)
            id = sorted[end]->id < id ? sorted[end]->id : id;
        for (size_t i = first; i < end; i++)
            sorted[i]->id = id;
    }
    qsort(targets->by_id, targets->count, sizeof *targets->by_id, compare_ids);
}

static bool is_like(const struct targets *targets, size_t place, const struct target *key)
{
    return place < targets->count && compare(targets->sorted[place], key) == 0;
}

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

/* The addresses of one name are one row: two rows with the same tags would overwrite each other's gauges. Those of a host whose
 * name can be nobody's tag are a row each. */
static uint32_t whitelist_value(const struct targets *targets, size_t index)
{
    const struct target *target = &targets->items[index];

    return target->kind == TARGET_HOST && !is_reserved(target->text) ? METER_SHARED_ROW | target->id : (uint32_t)index;
}

static int fill_all(struct targets *targets, const struct config_instance *instance)
{
    struct ip_prefix prefix;

    for (size_t i = 0; i < instance->ips.count; i++)
        if (fill_target(&targets->items[targets->count++], TARGET_BLOCK, instance->ips.items[i], &instance->ip_prefixes[i]) < 0)
            return -1;
    for (size_t i = 0; i < instance->ip_names.count; i++)
        if (fill_target(&targets->items[targets->count++], TARGET_HOST, instance->ip_names.items[i], NULL) < 0)
            return -1;
    for (size_t i = 0; i < instance->hosts.count; i++) {
        bool literal = prefix_parse(instance->hosts.items[i], &prefix, NULL) && prefix.bits == 128;

        if (fill_target(&targets->items[targets->count++], TARGET_HOST, instance->hosts.items[i], literal ? &prefix : NULL) < 0)
            return -1;
    }
    for (size_t i = 0; i < targets->count; i++) {
        targets->sorted[i] = targets->by_id[i] = &targets->items[i];
        targets->items[i].id = targets->next_id++;
    }
    qsort(targets->sorted, targets->count, sizeof *targets->sorted, compare_items);
    join_hosts(targets);
    return 0;
}

struct targets *targets_new(const struct config_instance *instance, bool resolve_names)
{
    struct targets *targets = calloc(1, sizeof *targets);
    size_t most = instance->ips.count + instance->ip_names.count + instance->hosts.count + 1;

    if (targets == NULL)
        return NULL;
    targets->resolve_names = resolve_names;
    targets->items = calloc(most, sizeof *targets->items);
    targets->sorted = calloc(most, sizeof *targets->sorted);
    targets->by_id = calloc(most, sizeof *targets->by_id);
    if (targets->items == NULL || targets->sorted == NULL || targets->by_id == NULL || fill_all(targets, instance) < 0) {
        targets_free(targets);
        return NULL;
    }
    return targets;
}

void targets_free(struct targets *targets)
{
    if (targets == NULL)
        return;
    for (size_t i = 0; targets->items != NULL && i < targets->count; i++) {
        free(targets->items[i].text);
        free(targets->items[i].addresses);
    }
    free(targets->items);
    free(targets->sorted);
    free(targets->by_id);
    free(targets);
}

static bool is_due(const struct target *target, uint32_t now_s, uint32_t interval_s)
{
    const uint32_t wait_s = target->again_s != 0 && target->again_s < interval_s ? target->again_s : interval_s;

    return !target->was_asked || now_s - target->asked_s >= wait_s;
}

/* What a row of the target's would be called; "": it has no name. */
static const char *name_of_row(const struct target *target)
{
    return target->kind == TARGET_HOST ? target->text : target->name;
}

static int by_name(const void *a, const void *b)
{
    const struct target *left = *(struct target *const *)a, *right = *(struct target *const *)b;
    int order = compare_names(name_of_row(left), name_of_row(right));

    if (order == 0)
        order = (left->kind > right->kind) - (left->kind < right->kind); /* hosts come first */
    return order != 0 ? order : memcmp(left->prefix.base.bytes, right->prefix.base.bytes, sizeof left->prefix.base.bytes);
}

/* Of targets of one name, from the first to the last as by_name() has them: whether it names more than one row. */
static bool is_shared(const struct target *first, const struct target *last)
{
    return first->kind == TARGET_HOST || is_reserved(first->name) || !address_equal(&first->prefix.base, &last->prefix.base);
}

/* Marks the reverse names that several addresses have, or an address and a host. Out of memory leaves the marks as they were, for
 * the next time. */
static void find_shared_names(struct targets *targets)
{
    struct target **order;

    if (!targets->are_names_new || (order = malloc((targets->count + 1) * sizeof *order)) == NULL)
        return;
    memcpy(order, targets->sorted, targets->count * sizeof *order);
    qsort(order, targets->count, sizeof *order, by_name);
    for (size_t first = 0, end; first < targets->count; first = end) {
        const char *name = name_of_row(order[first]);

        for (end = first + 1; end < targets->count && compare_names(name, name_of_row(order[end])) == 0; end++)
            continue;
        for (size_t i = first; i < end; i++)
            order[i]->is_name_shared = is_shared(order[first], order[end - 1]);
    }
    free(order);
    targets->are_names_new = false;
    targets->revision++;
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

    find_shared_names(targets);
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

static int set_addresses(struct targets *targets, struct target *target, const struct ip_address *addresses, size_t count)
{
    struct ip_address *copy = malloc((count > 0 ? count : 1) * sizeof *copy);

    if (copy == NULL)
        return -1;
    if (count > 0)
        memcpy(copy, addresses, count * sizeof *copy);
    targets->found += (unsigned)__builtin_popcount(resolve_families(addresses, count)
                                                   & ~resolve_families(target->addresses, target->address_count));
    free(target->addresses);
    target->addresses = copy;
    target->address_count = count;
    return 0;
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
    if (set_addresses(targets, target, now.addresses, now.count) == 0)
        return true;
    target->error = "out of memory";
    target->again_s = FAILED_AGAIN_S;
    return false;
}

static bool is_asked_for(const struct targets *targets, const struct target *target)
{
    return target->kind == TARGET_HOST || (target->kind == TARGET_ADDRESS && targets->resolve_names);
}

bool targets_inherit(struct targets *targets, const struct targets *old)
{
    bool complete = true;

    targets->next_id = old->next_id;
    targets->revision = old->revision + 1;
    for (size_t i = 0; i < targets->count; i++) {
        struct target *target = &targets->items[i];
        size_t place = find_first(old, target);
        const struct target *same = place < old->count ? old->sorted[place] : NULL;

        target->id = same == NULL ? targets->next_id++ : same->id;
        /* What nobody asks for now is asked for at once when it is wanted again. */
        if (same == NULL || !is_asked_for(targets, target))
            continue;
        snprintf(target->name, sizeof target->name, "%s", same->name);
        target->is_name_shared = true; /* until that has been looked at */
        target->was_asked = same->was_asked;
        target->asked_s = same->asked_s;
        target->first_asked_s = same->first_asked_s;
        target->again_s = same->again_s;
        target->was_answered = same->was_answered;
        target->error = same->error;
        target->left_out = same->left_out;
        if (set_addresses(targets, target, same->addresses, same->address_count) < 0)
            complete = false;
    }
    join_hosts(targets);
    targets->are_names_new = true;
    find_shared_names(targets);
    return complete;
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
    for (size_t place = find_first(targets, &key); is_like(targets, place, &key); place++) {
        targets->sorted[place]->was_answered = true;
        if (answer->kind == RESOLVE_FORWARD)
            changed |= take_addresses(targets, targets->sorted[place], answer);
        else
            take_name(targets, targets->sorted[place], answer);
    }
    targets->revision += changed;
    return changed;
}

static int add_addresses(struct netset *set, const struct target *target, uint32_t value)
{
    struct ip_prefix prefix = { .bits = 128 };

    for (size_t i = 0; i < target->address_count; i++) {
        prefix.base = target->addresses[i];
        if (netset_add(set, &prefix, value) < 0)
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
        uint32_t value = whitelist_value(targets, i);
        int rc = target->kind == TARGET_HOST ? add_addresses(set, target, value) : netset_add(set, &target->prefix, value);

        if (rc < 0) {
            netset_free(set);
            return NULL;
        }
    }
    return set;
}

uint64_t targets_revision(const struct targets *targets)
{
    return targets->revision;
}

/* Of hosts of the same name the text of the first in the YAML. */
static const char *host_name(const struct targets *targets, uint32_t id)
{
    size_t low = 0, high = targets->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (targets->by_id[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == targets->count || targets->by_id[low]->id != id || targets->by_id[low]->kind != TARGET_HOST)
        return NULL;
    return targets->by_id[low]->text;
}

const char *targets_name(const struct targets *targets, uint32_t value)
{
    const struct target *target;

    if ((value & METER_SHARED_ROW) != 0)
        return host_name(targets, value & ~METER_SHARED_ROW);
    if (value >= targets->count)
        return NULL;
    target = &targets->items[value];
    return target->kind == TARGET_ADDRESS && target->name[0] != '\0' && !target->is_name_shared ? target->name : NULL;
}

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

bool targets_are_answered(const struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++)
        if (is_asked_for(targets, &targets->items[i]) && !targets->items[i].was_answered)
            return false;
    return true;
}

uint64_t targets_found(const struct targets *targets)
{
    return targets->found;
}
