/* fixed_seed: a library to be preloaded, with which a program's hash tables have the same seed in every run: what getrandom()
 * gives, and the 16 bytes that the kernel gives a process (AT_RANDOM), are always these. A count of instructions is the same only
 * then, as the seed decides which keys meet in a table. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/types.h>

static const uint8_t seed[16] = {
    0x6d, 0x0a, 0xc3, 0x58, 0xf1, 0x97, 0x2e, 0xb4, 0x45, 0xd9, 0x70, 0x1b, 0x8e, 0x23, 0xfc, 0xa6
};

ssize_t getrandom(void *buffer, size_t length, unsigned int flags)
{
    uint8_t *bytes = buffer;

    (void)flags;
    for (size_t i = 0; i < length; i++)
        bytes[i] = seed[i % sizeof seed];
    return (ssize_t)length;
}

unsigned long getauxval(unsigned long type)
{
    unsigned long (*next)(unsigned long type);

    if (type == AT_RANDOM)
        return (unsigned long)(uintptr_t)seed;
    *(void **)&next = dlsym(RTLD_NEXT, "getauxval"); /* the cast of POSIX's own example: ISO C has no other way */
    return next == NULL ? 0 : next(type);
}
