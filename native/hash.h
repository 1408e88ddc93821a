/* hash.h: a seeded hash for tables whose keys come off the wire.
 *
 * Multiply and fold with 128 secret bits: who does not know the seed cannot aim at one bucket. Not for anything cryptographic. */
#ifndef GO_METRO_HASH_H
#define GO_METRO_HASH_H

#include <stdint.h>
#include <string.h>

#define HASH_KEY_SIZE 40

__extension__ typedef unsigned __int128 hash_wide;

/* Both halves of the product take part: the low one alone would leave the operands' high bits out of the low bits. */
static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
    const hash_wide product = (hash_wide)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

/* The first outputs of splitmix64 from 0, made odd. Without them a seed of zeros would leave operands of 0, as the first words of
 * every IPv4 address are, and each product with such a one is 0. */
#define HASH_MIX_0 UINT64_C(0xe220a8397b1dcdaf)
#define HASH_MIX_1 UINT64_C(0x6e789e6aa1b965f5)
#define HASH_MIX_2 UINT64_C(0x06c45d188009454f)
#define HASH_MIX_3 UINT64_C(0xf88bb8a8724c81ed)
#define HASH_MIX_4 UINT64_C(0x1b39896a51a8749b)

/* The hash of 40 bytes, the size of this project's keys (any alignment). In the header, as every packet calls it. */
static inline uint64_t hash_key(const void *key, const uint64_t seed[static 2])
{
    uint64_t word[HASH_KEY_SIZE / sizeof(uint64_t)];

    memcpy(word, key, sizeof word);
    const uint64_t first = hash_fold(word[0] ^ seed[0] ^ HASH_MIX_0, word[1] ^ seed[1] ^ HASH_MIX_1);
    const uint64_t second = hash_fold(word[2] ^ hash_rotate(seed[1], 23) ^ HASH_MIX_2,
                                      word[3] ^ hash_rotate(seed[0], 41) ^ HASH_MIX_3);
    const uint64_t all = hash_fold(first ^ word[4] ^ seed[1] ^ HASH_MIX_4, hash_rotate(second, 32) ^ seed[0]);

    /* One more round with a fixed odd constant spreads what few bits a short key changed. */
    return hash_fold(all ^ seed[0], UINT64_C(0x9e3779b97f4a7c15));
}

#endif
