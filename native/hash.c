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

uint64_t hash_key(const void *key, const uint64_t seed[static 2])
{
    uint64_t word[HASH_KEY_SIZE / sizeof(uint64_t)];

    memcpy(word, key, sizeof word);
    const uint64_t first = fold(word[0] ^ seed[0], word[1] ^ seed[1]);
    const uint64_t second = fold(word[2] ^ rotate(seed[1], 23), word[3] ^ rotate(seed[0], 41));
    const uint64_t all = fold(first ^ word[4] ^ seed[1], rotate(second, 32) ^ seed[0]);

    /* One more round with a fixed odd constant spreads what few bits a short key changed. */
    return fold(all ^ seed[0], UINT64_C(0x9e3779b97f4a7c15));
}
