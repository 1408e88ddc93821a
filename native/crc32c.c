/* crc32c.c: eight bytes a step; by the processor's CRC instruction where it has one, else by tables.
 *
 * The register is the CRC without its initial and final xor. It is linear: what a block makes of a register is the xor of what
 * zeros of the block's length make of the register and of what the block makes of 0. So three lanes can be computed side by side,
 * which hides the instruction's latency of three cycles, and joined by `over_zeros`. For the same reason many zeros cost one
 * multiplication, modulo the polynomial, by a power of x. */
#include "crc32c.h"

#include <stdbool.h>
#include <string.h>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#define POLYNOMIAL 0x82f63b78u /* 0x1edc6f41, reflected */
#define LANE 256u              /* bytes a lane takes in one round of three */
#define LANE_WORDS (LANE / 8)
#define RUN_WORDS 1023u /* of four bytes: zeros that are taken in one step */

_Static_assert(LANE / 4 <= RUN_WORDS, "a lane is one step over zeros");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "eight bytes are taken as one little-endian word");

typedef uint32_t update_function(uint32_t reg, const uint8_t *data, size_t size);

static uint32_t by_byte[8][256];    /* [n][b]: the register after byte b and n zero bytes */
static uint32_t over_zeros[4][256]; /* [n][b]: the register after LANE zero bytes, from one whose byte n is b */
static uint32_t run[RUN_WORDS + 1]; /* [n]: what n words of zeros multiply the register by */

static uint64_t load8(const uint8_t *data)
{
    uint64_t word;
    memcpy(&word, data, sizeof word);
    return word;
}

static uint32_t table_byte(uint32_t reg, uint8_t byte)
{
    return by_byte[0][(reg ^ byte) & 0xff] ^ (reg >> 8);
}

static uint32_t table_update(uint32_t reg, const uint8_t *data, size_t size)
{
    for (; size >= 8; data += 8, size -= 8) {
        uint64_t word = load8(data) ^ reg;
        reg = 0;
        for (unsigned n = 0; n < 8; n++)
            reg ^= by_byte[7 - n][(word >> (8 * n)) & 0xff];
    }
    for (; size > 0; size--)
        reg = table_byte(reg, *data++);
    return reg;
}

#if defined(__x86_64__)
#define HAVE_HARDWARE 1
#define HARDWARE __attribute__((target("sse4.2")))

static bool hardware_present(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2");
}

HARDWARE static inline uint32_t hardware_word(uint32_t reg, uint64_t word)
{
    return (uint32_t)__builtin_ia32_crc32di(reg, word);
}

HARDWARE static inline uint32_t hardware_byte(uint32_t reg, uint8_t byte)
{
    return __builtin_ia32_crc32qi(reg, byte);
}

#elif defined(__aarch64__)
#define HAVE_HARDWARE 1
#define HARDWARE /* the assembler is told, as compilers disagree on the name of the target */

static bool hardware_present(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}

static inline uint32_t hardware_word(uint32_t reg, uint64_t word)
{
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(reg) : "r"(word));
    return reg;
}

static inline uint32_t hardware_byte(uint32_t reg, uint8_t byte)
{
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(reg) : "r"((uint32_t)byte));
    return reg;
}
#endif

#if defined(HAVE_HARDWARE)
static uint32_t pass_lane(uint32_t reg)
{
    return over_zeros[0][reg & 0xff] ^ over_zeros[1][(reg >> 8) & 0xff] ^ over_zeros[2][(reg >> 16) & 0xff]
           ^ over_zeros[3][reg >> 24];
}

HARDWARE static uint32_t hardware_lanes(uint32_t reg, const uint8_t *data)
{
    uint32_t second = 0, third = 0;
    for (unsigned n = 0; n < LANE_WORDS; n++, data += 8) {
        reg = hardware_word(reg, load8(data));
        second = hardware_word(second, load8(data + LANE));
        third = hardware_word(third, load8(data + 2 * LANE));
    }
    return pass_lane(pass_lane(reg) ^ second) ^ third;
}

/* So few instructions a word that the processor is at the next item before it has the result of this one. */
HARDWARE static inline uint32_t hardware_words(uint32_t reg, const uint8_t *data)
{
    reg = hardware_word(reg, load8(data));
    reg = hardware_word(reg, load8(data + 8));
    reg = hardware_word(reg, load8(data + 16));
    return hardware_word(reg, load8(data + 24));
}

HARDWARE static uint32_t hardware_update(uint32_t reg, const uint8_t *data, size_t size)
{
    for (; size >= 3 * LANE; data += 3 * LANE, size -= 3 * LANE)
        reg = hardware_lanes(reg, data);
    for (; size >= 32; data += 32, size -= 32)
        reg = hardware_words(reg, data);
    for (; size >= 8; data += 8, size -= 8)
        reg = hardware_word(reg, load8(data));
    for (; size > 0; size--)
        reg = hardware_byte(reg, *data++);
    return reg;
}

static update_function *best_update(void)
{
    return hardware_present() ? hardware_update : table_update;
}
#else
static update_function *best_update(void)
{
    return table_update;
}
#endif

static void fill_by_byte(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t reg = byte;
        for (unsigned bit = 0; bit < 8; bit++)
            reg = (reg >> 1) ^ ((reg & 1) != 0 ? POLYNOMIAL : 0);
        by_byte[0][byte] = reg;
    }
    for (unsigned n = 1; n < 8; n++)
        for (unsigned byte = 0; byte < 256; byte++)
            by_byte[n][byte] = table_byte(by_byte[n - 1][byte], 0);
}

/* The product of two registers taken as polynomials (the highest bit is x^0). */
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (; a != 0; a <<= 1) {
        product ^= b & -(a >> 31);
        b = (b >> 1) ^ (POLYNOMIAL & -(b & 1));
    }
    return product;
}

static void fill_run(void)
{
    uint32_t reg = UINT32_C(1) << 31;
    for (unsigned n = 0; n <= RUN_WORDS; n++) {
        run[n] = reg;
        for (unsigned byte = 0; byte < 4; byte++)
            reg = table_byte(reg, 0);
    }
}

/* [n][b]: the product of a register whose byte n is b, and no other is set. */
static void fill_products(uint32_t products[static 4][256], uint32_t factor)
{
    for (unsigned n = 0; n < 4; n++)
        for (uint32_t value = 0; value < 256; value++)
            products[n][value] = multiply(value << (8 * n), factor);
}

/* What so many zero bytes make of a register. */
static uint32_t pass_zeros(uint32_t reg, size_t size)
{
    for (; size % 4 != 0; size--)
        reg = table_byte(reg, 0);
    for (size_t words = size / 4, step; words > 0; words -= step) {
        step = words < RUN_WORDS ? words : RUN_WORDS;
        reg = multiply(reg, run[step]);
    }
    return reg;
}

static update_function *update = table_update;

/* Before main(), or when the extension is loaded: so no caller needs a lock. */
__attribute__((constructor)) static void crc32c_prepare(void)
{
    fill_by_byte();
    fill_run();
    fill_products(over_zeros, run[LANE / 4]);
    update = best_update();
}

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
    return ~update(~crc, data, size);
}

void crc32c_item_init(struct crc32c_item *item, size_t size)
{
    item->size = size;
    item->zeros = ~pass_zeros(~UINT32_C(0), size);
    fill_products(item->over, pass_zeros(UINT32_C(1) << 31, size));
}

/* From a register of 0, which zeros before the data leave as it is; what the initial one would have become is known. */
uint32_t crc32c_item_of(const struct crc32c_item *item, size_t at, const void *data, size_t size)
{
    return pass_zeros(update(0, data, size), item->size - at - size) ^ item->zeros;
}
