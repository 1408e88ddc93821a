/* crc32c.c: eight bytes a step; by the processor's CRC instruction where it has one, else by tables.
 *
 * The register is the CRC without its initial and final xor. It is linear: what a block makes of a register is the xor of what
 * zeros of the block's length make of the register and of what the block makes of 0. So three lanes can be computed side by side,
 * which hides the instruction's latency of three cycles, and joined. Many zeros cost one multiplication, modulo the polynomial,
 * by a power of x; x86 has an instruction for that as well, so that lanes pay for short data too. */
#include "crc32c.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__)
#include <wmmintrin.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#define POLYNOMIAL 0x82f63b78u /* 0x1edc6f41, reflected */
#define RUN_WORDS 1023u        /* of four bytes: zeros that are taken in one step */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "eight bytes are taken as one little-endian word");

typedef uint32_t update_function(uint32_t reg, const uint8_t *data, size_t size);
typedef uint32_t pass_function(uint32_t reg, size_t words);

static uint32_t by_byte[8][256];    /* [n][b]: the register after byte b and n zero bytes */
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

static uint32_t table_pass(uint32_t reg, size_t words)
{
    return multiply(reg, run[words]);
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

#if defined(__x86_64__)
#define HAVE_HARDWARE 1
#define HARDWARE __attribute__((target("sse4.2,pclmul")))
#define LANES_LEAST 96u /* bytes: less is done before lanes would be joined */
#define LANE_MOST (RUN_WORDS / 4)

/* What a product by carry-less multiplication, taken as eight bytes by the CRC instruction, is multiplied by too much: x^33. */
#define EXCESS 33

static uint32_t hardware_run[RUN_WORDS + 1]; /* run[], divided by x^EXCESS */

static bool hardware_present(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

static uint32_t divide_by_x(uint32_t reg)
{
    return (reg >> 31) != 0 ? (reg ^ POLYNOMIAL) << 1 | 1 : reg << 1;
}

static void hardware_prepare(void)
{
    uint32_t factor = UINT32_C(1) << 31;
    for (unsigned n = 0; n < EXCESS; n++)
        factor = divide_by_x(factor);
    for (unsigned n = 0; n <= RUN_WORDS; n++)
        hardware_run[n] = multiply(run[n], factor);
}

HARDWARE static inline uint32_t hardware_word(uint32_t reg, uint64_t word)
{
    return (uint32_t)__builtin_ia32_crc32di(reg, word);
}

HARDWARE static inline uint32_t hardware_byte(uint32_t reg, uint8_t byte)
{
    return __builtin_ia32_crc32qi(reg, byte);
}

HARDWARE static inline uint32_t hardware_pass(uint32_t reg, size_t words)
{
    const __m128i a = _mm_cvtsi32_si128((int)reg), b = _mm_cvtsi32_si128((int)hardware_run[words]);
    return hardware_word(0, (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(a, b, 0)));
}

static inline size_t lane_words(size_t size)
{
    const size_t words = size / 24;
    return size < LANES_LEAST ? 0 : words < LANE_MOST ? words : LANE_MOST;
}

HARDWARE static inline uint32_t pass_lane(uint32_t reg, size_t words)
{
    return hardware_pass(reg, 2 * words);
}

#elif defined(__aarch64__)
#define HAVE_HARDWARE 1
#define HARDWARE /* the assembler is told, as compilers disagree on the name of the target */
#define LANE_MOST 32u

static uint32_t over_zeros[4][256]; /* [n][b]: the register after LANE_MOST words of zeros, from one whose byte n is b */

static bool hardware_present(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}

static void hardware_prepare(void)
{
    fill_products(over_zeros, run[2 * LANE_MOST]);
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

static uint32_t hardware_pass(uint32_t reg, size_t words)
{
    return table_pass(reg, words);
}

static size_t lane_words(size_t size)
{
    return size < 24 * LANE_MOST ? 0 : LANE_MOST;
}

static uint32_t pass_lane(uint32_t reg, size_t words)
{
    (void)words; /* LANE_MOST */
    return over_zeros[0][reg & 0xff] ^ over_zeros[1][(reg >> 8) & 0xff] ^ over_zeros[2][(reg >> 16) & 0xff]
           ^ over_zeros[3][reg >> 24];
}
#endif

#if defined(HAVE_HARDWARE)
/* Three lanes of so many words of eight bytes. */
HARDWARE static inline uint32_t hardware_lanes(uint32_t reg, const uint8_t *data, size_t words)
{
    const uint8_t *const end = data + 8 * words;
    uint32_t second = 0, third = 0;
    for (; data < end; data += 8) {
        reg = hardware_word(reg, load8(data));
        second = hardware_word(second, load8(data + 8 * words));
        third = hardware_word(third, load8(data + 16 * words));
    }
    return pass_lane(pass_lane(reg, words) ^ second, words) ^ third;
}

HARDWARE static uint32_t hardware_update(uint32_t reg, const uint8_t *data, size_t size)
{
    for (size_t words; (words = lane_words(size)) > 0; data += 24 * words, size -= 24 * words)
        reg = hardware_lanes(reg, data, words);
    for (; size >= 8; data += 8, size -= 8)
        reg = hardware_word(reg, load8(data));
    for (; size > 0; size--)
        reg = hardware_byte(reg, *data++);
    return reg;
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

static update_function *update = table_update;
static pass_function *pass = table_pass;

/* What so many zero bytes make of a register. */
static uint32_t pass_zeros(uint32_t reg, size_t size)
{
    for (; size % 4 != 0; size--)
        reg = table_byte(reg, 0);
    for (size_t words = size / 4, step; words > 0; words -= step) {
        step = words < RUN_WORDS ? words : RUN_WORDS;
        reg = pass(reg, step);
    }
    return reg;
}

/* Before main(), or when the extension is loaded: so no caller needs a lock. */
__attribute__((constructor)) static void crc32c_prepare(void)
{
    fill_by_byte();
    fill_run();
#if defined(HAVE_HARDWARE)
    if (!hardware_present())
        return;
    hardware_prepare();
    update = hardware_update;
    pass = hardware_pass;
#endif
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
