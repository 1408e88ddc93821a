/* netset.c: prefixes -> values: one open-addressing table, and for each family the list of lengths that occur. Of a few prefixes
 * there is a list besides, longest first, which is gone through in less time than a hash takes. */
#include "netset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define FIRST_CAPACITY 16u /* slots; a power of two, as all capacities */
#define MAX_BITS 128
#define HASH_KEYS 6
#define FEW 8U

/* One byte longer than an address, but compared and hashed as whole words. */
struct key {
    uint64_t words[2]; /* the masked address, in memory order */
    uint32_t bits;
};

struct slot {
    struct key key;
    uint32_t value;
    bool used;
};

struct length {
    uint64_t mask[2]; /* in memory order */
    uint32_t bits;
};

/* One of a few prefixes. */
struct entry {
    uint64_t base[2], mask[2]; /* in memory order */
    uint32_t bits, value;
    bool is_v4;
};

/* The prefix lengths of one family, longest first. */
struct lengths {
    struct length items[MAX_BITS + 1];
    size_t count;
};

struct netset {
    uint64_t hash_keys[HASH_KEYS];
    struct lengths families[2]; /* index: address_is_v4() */
    struct slot *slots;
    size_t capacity, count; /* at most half of the slots are in use */
    struct entry few[FEW];  /* all of them, as long as they are so few; longest first */
};

/* A bijection that lets every bit count in every bit; it and the generator: Steele, Lea, Flood, "Fast splittable pseudorandom
 * number generators" (2014). */
static uint64_t mix64(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t splitmix64(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return mix64(*state);
}

/* random: 16 bytes, or NULL when there are none. */
static void seed(struct netset *set, const void *random)
{
    uint64_t halves[2] = { 0, 1 }; /* unequal, or else the two streams would cancel out */

    if (random != NULL)
        memcpy(halves, random, sizeof halves);
    for (size_t i = 0; i < HASH_KEYS; i++)
        set->hash_keys[i] = splitmix64(&halves[0]) ^ splitmix64(&halves[1]);
}

/* Multilinear hashing (Lemire and Kaser, "Strongly universal string hashing is fast", 2014): two keys have the same sum with a
 * chance of 2^-33 at most for whoever does not know the set's own keys. Mixed, since the sums of neighbours are evenly spaced. */
static size_t hash(const struct netset *set, const struct key *key)
{
    const uint64_t *m = set->hash_keys;
    uint64_t sum = m[0] + m[1] * key->bits;

    sum += m[2] * (uint32_t)key->words[0] + m[3] * (key->words[0] >> 32);
    sum += m[4] * (uint32_t)key->words[1] + m[5] * (key->words[1] >> 32);
    return (size_t)mix64(sum);
}

static bool key_equal(const struct key *a, const struct key *b)
{
    return a->words[0] == b->words[0] && a->words[1] == b->words[1] && a->bits == b->bits;
}

/* The slot that holds the key or else the free one where it belongs; there always is one, as half of the slots are free. */
static struct slot *find(const struct netset *set, const struct key *key)
{
    size_t mask = set->capacity - 1;
    size_t at = hash(set, key) & mask;

    while (set->slots[at].used && !key_equal(&set->slots[at].key, key))
        at = (at + 1) & mask;
    return &set->slots[at];
}

static int grow(struct netset *set)
{
    struct netset bigger = *set;

    bigger.capacity = set->capacity * 2; /* no wrap: a slot is larger than two bytes, and the slots are in memory */
    bigger.slots = calloc(bigger.capacity, sizeof *bigger.slots);
    if (bigger.slots == NULL)
        return -1;
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->slots[i].used)
            *find(&bigger, &set->slots[i].key) = set->slots[i];
    }
    free(set->slots);
    set->slots = bigger.slots;
    set->capacity = bigger.capacity;
    return 0;
}

static const struct ip_address all_ones = { { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 } };

static void lengths_insert(struct lengths *lengths, uint32_t bits)
{
    struct ip_address mask = address_masked(&all_ones, bits);
    size_t at = 0;

    while (at < lengths->count && lengths->items[at].bits > bits)
        at++;
    if (at < lengths->count && lengths->items[at].bits == bits)
        return;
    memmove(&lengths->items[at + 1], &lengths->items[at], (lengths->count - at) * sizeof lengths->items[0]);
    memcpy(lengths->items[at].mask, mask.bytes, sizeof mask.bytes);
    lengths->items[at].bits = bits;
    lengths->count++;
}

/* is_new: it was not there. */
static void few_put(struct netset *set, const struct ip_address *base, uint32_t bits, uint32_t value, bool is_new)
{
    const struct ip_address mask = address_masked(&all_ones, bits);
    const size_t known = set->count - (is_new ? 1 : 0);
    struct entry entry = { .bits = bits, .value = value, .is_v4 = address_is_v4(base) };
    size_t at = 0;

    memcpy(entry.base, base->bytes, sizeof entry.base);
    memcpy(entry.mask, mask.bytes, sizeof entry.mask);
    while (at < known
           && (set->few[at].bits > bits
               || (set->few[at].bits == bits && memcmp(set->few[at].base, entry.base, sizeof entry.base) != 0)))
        at++;
    if (is_new)
        memmove(&set->few[at + 1], &set->few[at], (known - at) * sizeof set->few[0]);
    set->few[at] = entry;
}

struct netset *netset_new(void)
{
    struct netset *set = calloc(1, sizeof *set);

    if (set == NULL)
        return NULL;
    set->capacity = FIRST_CAPACITY;
    set->slots = calloc(set->capacity, sizeof *set->slots);
    if (set->slots == NULL) {
        free(set);
        return NULL;
    }
    /* The kernel's 16 random bytes for this process: on every kernel, and without a system call that may block. */
    seed(set, (const void *)getauxval(AT_RANDOM));
    return set;
}

void netset_free(struct netset *set)
{
    if (set == NULL)
        return;
    free(set->slots);
    free(set);
}

int netset_add(struct netset *set, const struct ip_prefix *prefix, uint32_t value)
{
    struct ip_address base = address_masked(&prefix->base, prefix->bits);
    struct key key = { .bits = prefix->bits };
    struct slot *slot;

    if (prefix->bits > MAX_BITS) {
        errno = EINVAL;
        return -1;
    }
    memcpy(key.words, base.bytes, sizeof key.words);
    slot = find(set, &key);
    const bool is_new = !slot->used;
    if (is_new) {
        if (set->count >= set->capacity / 2) {
            if (grow(set) < 0)
                return -1;
            slot = find(set, &key);
        }
        lengths_insert(&set->families[address_is_v4(&base)], key.bits);
        set->count++;
    }
    *slot = (struct slot){ .key = key, .value = value, .used = true };
    if (set->count <= FEW)
        few_put(set, &base, prefix->bits, value, is_new);
    return 0;
}

static bool lookup_few(const struct netset *set, const uint64_t words[static 2], bool is_v4, uint32_t *value)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct entry *entry = &set->few[i];

        if ((((words[0] & entry->mask[0]) ^ entry->base[0]) | ((words[1] & entry->mask[1]) ^ entry->base[1])) == 0
            && entry->is_v4 == is_v4) {
            if (value != NULL)
                *value = entry->value;
            return true;
        }
    }
    return false;
}

bool netset_lookup(const struct netset *set, const struct ip_address *address, uint32_t *value)
{
    const bool is_v4 = address_is_v4(address);
    const struct lengths *lengths = &set->families[is_v4];
    uint64_t words[2];

    memcpy(words, address->bytes, sizeof words);
    if (set->count <= FEW)
        return lookup_few(set, words, is_v4, value);
    for (size_t i = 0; i < lengths->count; i++) {
        const struct length *length = &lengths->items[i];
        const struct key key = { { words[0] & length->mask[0], words[1] & length->mask[1] }, length->bits };
        const struct slot *slot = find(set, &key);

        if (slot->used) {
            if (value != NULL)
                *value = slot->value;
            return true;
        }
    }
    return false;
}

size_t netset_count(const struct netset *set)
{
    return set->count;
}

bool netset_equal(const struct netset *a, const struct netset *b)
{
    if (a == b)
        return true;
    if (a == NULL || b == NULL || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->capacity; i++) {
        const struct slot *slot = &a->slots[i], *other = slot->used ? find(b, &slot->key) : NULL;

        if (slot->used && (!other->used || other->value != slot->value))
            return false;
    }
    return true;
}

void netset_each(const struct netset *set, void (*fn)(const struct ip_prefix *prefix, uint32_t value, void *arg), void *arg)
{
    for (size_t i = 0; i < set->capacity; i++) {
        const struct slot *slot = &set->slots[i];
        struct ip_prefix prefix;

        if (!slot->used)
            continue;
        memcpy(prefix.base.bytes, slot->key.words, sizeof prefix.base.bytes);
        prefix.bits = (uint8_t)slot->key.bits;
        fn(&prefix, slot->value, arg);
    }
}
