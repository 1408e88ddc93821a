/* hash.h: a seeded hash for tables whose keys come off the wire.
 *
 * Multiply and fold with 128 secret bits: who does not know the seed cannot aim at one bucket. Not for anything cryptographic. */
#ifndef GO_METRO_HASH_H
#define GO_METRO_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The hash of 40 bytes, the size of this project's keys (any alignment). */
#define HASH_KEY_SIZE 40
uint64_t hash_key(const void *key, const uint64_t seed[static 2]);

#endif
