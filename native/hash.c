/* hash.c: see hash.h. */
#include "hash.h"

#include <string.h>

__extension__ typedef unsigned __int128 wide;

/* Both halves of the product take part: the low one alone would leave the operands' high bits out of the low bits. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    const wide product = (wide)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

/* The first outputs of splitmix64 from 0, made odd. Without them a seed of zeros would leave operands of 0, as the first words of
 * every IPv4 address are, and each product with such a one is 0. */
#define MIX_0 UINT64_C(0xe220a8397b1dcdaf)
#define MIX_1 UINT64_C(0x6e789e6aa1b965f5)
#define MIX_2 UINT64_C(0x06c45d188009454f)
#define MIX_3 UINT64_C(0xf88bb8a8724c81ed)
#define MIX_4 UINT64_C(0x1b39896a51a8749b)

uint64_t hash_key(const void *key, const uint64_t seed[static 2])
{
    uint64_t word[HASH_KEY_SIZE / sizeof(uint64_t)];

    memcpy(word, key, sizeof word);
    const uint64_t first = fold(word[0] ^ seed[0] ^ MIX_0, word[1] ^ seed[1] ^ MIX_1);
    const uint64_t second = fold(word[2] ^ rotate(seed[1], 23) ^ MIX_2, word[3] ^ rotate(seed[0], 41) ^ MIX_3);
    const uint64_t all = fold(first ^ word[4] ^ seed[1] ^ MIX_4, rotate(second, 32) ^ seed[0]);

    /* One more round with a fixed odd constant spreads what few bits a short key changed. */
    return fold(all ^ seed[0], UINT64_C(0x9e3779b97f4a7c15));
}
