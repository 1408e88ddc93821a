/* crc32c.h: CRC-32C (Castagnoli, RFC 3720 appendix B.4; reflected, initial and final xor 0xffffffff). */
#ifndef GO_METRO_CRC32C_H
#define GO_METRO_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of `size` bytes; crc: 0, or the CRC of what came before, to go on. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

/* For an array whose items are all of one size: the CRC of each can be kept, and that of the whole made from them. */
struct crc32c_item {
    size_t size;
    uint32_t zeros;        /* the CRC of an item of zeros */
    uint32_t over[4][256]; /* what an item of zeros makes of a CRC, a byte of it each */
};

void crc32c_item_init(struct crc32c_item *item, size_t size);

/* The CRC of an item that is zero but for `size` bytes of data from `at` on; the zeros cost next to nothing. */
uint32_t crc32c_item_of(const struct crc32c_item *item, size_t at, const void *data, size_t size);

/* The CRC of an array, from that of the items before the last and that of the last; crc: 0 before the first. */
static inline uint32_t crc32c_item_append(const struct crc32c_item *item, uint32_t crc, uint32_t last)
{
    return item->over[0][crc & 0xff] ^ item->over[1][(crc >> 8) & 0xff] ^ item->over[2][(crc >> 16) & 0xff]
           ^ item->over[3][crc >> 24] ^ last;
}

#endif
