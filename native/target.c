/* target.c: whom an instance wants, as addresses and names. */
#include "target_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "meter.h"

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

/* The place of the first target that does not stand before `key` in that order; `count` when there is none. */
static size_t find_place(const struct targets *targets, struct target *const *ordered, const struct target *key,
                         int (*order)(const struct target *a, const struct target *b))
{
    size_t low = 0, high = targets->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (order(ordered[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool target_is_like(const struct targets *targets, size_t place, const struct target *key)
{
    return place < targets->count && compare(targets->sorted[place], key) == 0;
}

size_t target_find_first(const struct targets *targets, const struct target *key)
{
    const size_t place = find_place(targets, targets->sorted, key, compare);

    return target_is_like(targets, place, key) ? place : targets->count;
}

static int compare_id_alone(const struct target *a, const struct target *b)
{
    return (a->id > b->id) - (a->id < b->id);
}

/* Of one id what stands first in the YAML is the first. */
static int compare_ids(const void *a, const void *b)
{
    const struct target *one = *(struct target *const *)a, *two = *(struct target *const *)b;

    const int order = compare_id_alone(one, two);

    return order != 0 ? order : (one > two) - (one < two);
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

void target_find_shared_names(struct targets *targets)
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

int target_set_addresses(struct targets *targets, struct target *target, const struct ip_address *addresses, size_t count)
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

bool target_is_asked_for(const struct targets *targets, const struct target *target)
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
        size_t place = target_find_first(old, target);
        const struct target *same = place < old->count ? old->sorted[place] : NULL;

        target->id = same == NULL ? targets->next_id++ : same->id;
        /* What nobody asks for now is asked for at once when it is wanted again. */
        if (same == NULL || !target_is_asked_for(targets, target))
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
        if (target_set_addresses(targets, target, same->addresses, same->address_count) < 0)
            complete = false;
    }
    join_hosts(targets);
    targets->are_names_new = true;
    target_find_shared_names(targets);
    return complete;
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
    const struct target key = { .id = id };
    const size_t place = find_place(targets, targets->by_id, &key, compare_id_alone);
    const struct target *found = place < targets->count ? targets->by_id[place] : NULL;

    return found != NULL && found->id == id && found->kind == TARGET_HOST ? found->text : NULL;
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

bool targets_are_answered(const struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++)
        if (target_is_asked_for(targets, &targets->items[i]) && !targets->items[i].was_answered)
            return false;
    return true;
}

uint64_t targets_found(const struct targets *targets)
{
    return targets->found;
}
