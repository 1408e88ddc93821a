/* prefetch.h: asks for memory that is needed soon. Of a function that does nothing else GCC drops the calls, as C knows of no
 * effect of it; the empty assembly, which gives no instruction, keeps them. */
#ifndef GO_METRO_PREFETCH_H
#define GO_METRO_PREFETCH_H

#include <stddef.h>

#define CACHE_LINE 64

static inline void prefetch(const void *at)
{
    __builtin_prefetch(at);
    __asm__ volatile("" : : "r"(at));
}

static inline void prefetch_to_write(const void *at)
{
    __builtin_prefetch(at, 1);
    __asm__ volatile("" : : "r"(at));
}

/* All lines of a range. */
static inline void prefetch_range(const void *from, size_t size)
{
    for (size_t at = 0; at < size; at += CACHE_LINE)
        prefetch((const char *)from + at);
}

#endif
