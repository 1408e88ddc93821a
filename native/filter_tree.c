/* filter_tree.c: about 1.2 instructions for an IPv4 host and side, of which a packet meets the tree's depth and one row. */
#include "filter_tree.h"

#include <stdlib.h>
#include <string.h>

#include "filter.h"

#define LEAF_GROUPS 96 /* so many within reach of a conditional jump: there a split takes one instruction, above two */
#define ROW_GROUPS 8   /* so many compares in a row before the search splits in two */

/* ---- writing instructions ---- */

size_t filter_emit(struct filter_emitter *e, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    size_t at = e->length;

    if (at >= FILTER_MAX_INSTRUCTIONS) {
        e->full = true;
        return 0;
    }
    e->code[at] = (struct sock_filter){ code, jt, jf, k };
    e->length++;
    return at;
}

void filter_patch(struct filter_emitter *e, size_t jump)
{
    if (!e->full)
        e->code[jump].k = (uint32_t)(e->length - jump - 1);
}

void filter_patch_all(struct filter_emitter *e, size_t from, uint32_t kind)
{
    for (size_t i = from; i < e->length; i++)
        if (e->code[i].code == JA && e->code[i].k == kind)
            filter_patch(e, i);
}

/* ---- a set as sorted lists ---- */

static int compare_prefixes(const void *a, const void *b)
{
    const struct ip_prefix *x = a, *y = b;
    int order = memcmp(x->base.bytes, y->base.bytes, sizeof x->base.bytes);

    return order != 0 ? order : (int)x->bits - (int)y->bits;
}

static void collect(const struct ip_prefix *prefix, uint32_t value, void *arg)
{
    struct filter_peers *peers = arg;
    bool v4 = address_is_v4(&prefix->base);

    (void)value;
    peers->list[v4][peers->count[v4]++] = *prefix;
}

/* Sorted, and without what another entry contains. */
static size_t sort_and_thin(struct ip_prefix *list, size_t count)
{
    size_t kept = 0;

    qsort(list, count, sizeof *list, compare_prefixes);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || list[kept - 1].bits > list[i].bits || !prefix_contains(&list[kept - 1], &list[i].base))
            list[kept++] = list[i];
    return kept;
}

int filter_peers_load(struct filter_peers *peers, const struct netset *set)
{
    size_t capacity;

    memset(peers, 0, sizeof *peers);
    if (set == NULL)
        return 0;
    capacity = netset_count(set);
    peers->list[0] = calloc(2 * capacity + 1, sizeof *peers->list[0]);
    if (peers->list[0] == NULL)
        return -1;
    peers->list[1] = peers->list[0] + capacity;
    peers->listed = true;
    netset_each(set, collect, peers);
    for (int v4 = 0; v4 < 2; v4++)
        peers->count[v4] = sort_and_thin(peers->list[v4], peers->count[v4]);
    return 0;
}

void filter_peers_free(struct filter_peers *peers)
{
    free(peers->list[0]);
    memset(peers, 0, sizeof *peers);
}

/* ---- the set: a search tree over 32-bit words ---- */

/* An IPv4 prefix lives in the last word of the 16-byte form; IPv6 uses all four. A group is what prefixes that are sorted and
 * free of nesting have in common at one word: either one prefix that ends here (a range of values), or several that go on with
 * one value. */
struct group {
    uint32_t low, high;
    bool ends;
    size_t count;
};

struct tree {
    struct filter_emitter *e;
    uint32_t slot; /* of the address */
    unsigned first_word;
    struct sock_filter found;
};

static uint32_t word_of(const struct ip_prefix *prefix, unsigned word)
{
    const uint8_t *b = prefix->base.bytes + 4 * word;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static struct group group_at(const struct ip_prefix *list, size_t count, unsigned word)
{
    unsigned bits = list->bits > 32 * word ? list->bits - 32 * word : 0;
    uint32_t low = word_of(list, word);
    struct group group = { low, low, bits <= 32, 1 };

    if (bits < 32)
        group.high = low | UINT32_MAX >> bits;
    if (group.ends)
        return group;
    while (group.count < count && word_of(list + group.count, word) == low)
        group.count++;
    return group;
}

static size_t count_groups(const struct ip_prefix *list, size_t count, unsigned word)
{
    size_t groups = 0;

    for (size_t i = 0; i < count; i += group_at(list + i, count - i, word).count)
        groups++;
    return groups;
}

/* The index of the prefix with which group number `nth` begins. */
static size_t group_start(const struct ip_prefix *list, size_t count, unsigned word, size_t nth)
{
    size_t i = 0;

    while (nth-- > 0)
        i += group_at(list + i, count - i, word).count;
    return i;
}

static void emit_word(struct tree *tree, const struct ip_prefix *list, size_t count, unsigned word);

/* One leg of a conditional jump that waits for its target. */
struct leg {
    size_t at;
    bool is_true;
};

/* Near enough everywhere for the 8 bits of a conditional jump. */
struct leaf {
    struct filter_emitter *e;
    struct group groups[LEAF_GROUPS];
    size_t count;
    size_t to_subtree[LEAF_GROUPS]; /* of a group that goes on with the next word */
    struct leg to_found[LEAF_GROUPS], to_miss[2 * LEAF_GROUPS];
    size_t found, misses;
};

static void patch_legs(struct filter_emitter *e, const struct leg *legs, size_t count)
{
    for (size_t i = 0; i < count && !e->full; i++) {
        struct sock_filter *jump = &e->code[legs[i].at];

        *(legs[i].is_true ? &jump->jt : &jump->jf) = (uint8_t)(e->length - legs[i].at - 1);
    }
}

/* What is not this group goes on behind it, or, where it is the last of its row, misses. */
static void emit_group(struct leaf *leaf, size_t n, bool is_last)
{
    struct filter_emitter *e = leaf->e;
    const struct group *group = &leaf->groups[n];
    size_t compare;

    if (!group->ends) {
        compare = filter_emit(e, JEQ_K, 0, 1, group->low);
        leaf->to_subtree[n] = filter_emit(e, JA, 0, 0, UNPATCHED);
    } else if (group->low == group->high) {
        compare = filter_emit(e, JEQ_K, 0, 0, group->low);
        leaf->to_found[leaf->found++] = (struct leg){ compare, true };
    } else {
        size_t above;

        compare = filter_emit(e, JGE_K, 0, 1, group->low);
        above = filter_emit(e, JGT_K, 0, 0, group->high);
        leaf->to_found[leaf->found++] = (struct leg){ above, false };
        if (is_last)
            leaf->to_miss[leaf->misses++] = (struct leg){ above, true };
    }
    if (is_last)
        leaf->to_miss[leaf->misses++] = (struct leg){ compare, false };
}

static void emit_groups(struct leaf *leaf, size_t first, size_t end)
{
    size_t middle = first + (end - first) / 2;
    struct leg to_right;

    if (end - first <= ROW_GROUPS) {
        for (size_t i = first; i < end; i++)
            emit_group(leaf, i, i + 1 == end);
        return;
    }
    to_right = (struct leg){ filter_emit(leaf->e, JGE_K, 0, 0, leaf->groups[middle].low), true };
    emit_groups(leaf, first, middle);
    patch_legs(leaf->e, &to_right, 1);
    emit_groups(leaf, middle, end);
}

static void emit_leaf(struct tree *tree, const struct ip_prefix *list, size_t count, unsigned word)
{
    struct filter_emitter *e = tree->e;
    struct leaf leaf = { .e = e };

    for (size_t at = 0; at < count; at += leaf.groups[leaf.count++].count)
        leaf.groups[leaf.count] = group_at(list + at, count - at, word);
    emit_groups(&leaf, 0, leaf.count);
    patch_legs(e, leaf.to_miss, leaf.misses);
    filter_emit(e, JA, 0, 0, UNPATCHED); /* not found: the caller's filter_patch_all() */
    patch_legs(e, leaf.to_found, leaf.found);
    if (leaf.found > 0)
        filter_emit(e, tree->found.code, 0, 0, tree->found.k);
    for (size_t i = 0, at = 0; i < leaf.count && !e->full; at += leaf.groups[i++].count) {
        if (leaf.groups[i].ends)
            continue;
        filter_patch(e, leaf.to_subtree[i]);
        emit_word(tree, list + at, leaf.groups[i].count, word + 1);
    }
}

static void emit_search(struct tree *tree, const struct ip_prefix *list, size_t count, unsigned word)
{
    size_t groups = count_groups(list, count, word), middle, right;

    if (tree->e->full)
        return;
    if (groups <= LEAF_GROUPS) {
        emit_leaf(tree, list, count, word);
        return;
    }
    middle = group_start(list, count, word, groups / 2);
    filter_emit(tree->e, JGE_K, 0, 1, word_of(list + middle, word));
    right = filter_emit(tree->e, JA, 0, 0, UNPATCHED);
    emit_search(tree, list, middle, word);
    filter_patch(tree->e, right);
    emit_search(tree, list + middle, count - middle, word);
}

static void emit_word(struct tree *tree, const struct ip_prefix *list, size_t count, unsigned word)
{
    filter_emit(tree->e, LD_MEM, 0, 0, tree->slot + word - tree->first_word);
    emit_search(tree, list, count, word);
}

void filter_emit_tree(struct filter_emitter *e, const struct filter_peers *peers, bool v4, uint32_t slot,
                      struct sock_filter found)
{
    struct tree tree = { e, slot, v4 ? 3 : 0, found };

    if (peers->count[v4] > 0)
        emit_word(&tree, peers->list[v4], peers->count[v4], tree.first_word);
}
