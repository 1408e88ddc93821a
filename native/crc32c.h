/* crc32c.h: CRC-32C (Castagnoli, RFC 3720 appendix B.4; reflected, initial and final xor 0xffffffff). */
#ifndef GO_METRO_CRC32C_H
#define GO_METRO_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of `size` bytes; crc: 0, or the CRC of what came before, to go on. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

/* What crc32c() gives for `size` zero bytes more, at a cost that does not depend on the size up to some thousands. */
uint32_t crc32c_zeros(uint32_t crc, size_t size);

#endif
