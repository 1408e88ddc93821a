/* stream.c: see stream.h. */
#include "stream.h"

#include <stdint.h>
#include <string.h>

#include "prefetch.h"

#if defined(__x86_64__)
#include <emmintrin.h>

static void stream_line(uint8_t *to, const uint8_t *from)
{
    for (size_t at = 0; at < CACHE_LINE; at += sizeof(__m128i))
        _mm_stream_si128((__m128i *)(void *)(to + at), _mm_loadu_si128((const __m128i *)(const void *)(from + at)));
}

/* What is not a whole line goes the usual way: the first and the last. */
void stream_await(void *to, size_t size)
{
    prefetch_to_write(to);
    prefetch_to_write((uint8_t *)to + size - 1);
}

void stream_copy(void *to, const void *from, size_t size)
{
    const size_t beyond = (uintptr_t)to % CACHE_LINE, head = beyond == 0 ? 0 : CACHE_LINE - beyond;
    uint8_t *at = to;
    const uint8_t *source = from;

    if (size < head + CACHE_LINE) {
        memcpy(to, from, size);
        return;
    }
    memcpy(at, source, head);
    at += head, source += head, size -= head;
    for (; size >= CACHE_LINE; at += CACHE_LINE, source += CACHE_LINE, size -= CACHE_LINE)
        stream_line(at, source);
    memcpy(at, source, size);
}

void stream_finish(void)
{
    _mm_sfence();
}

#else
void stream_await(void *to, size_t size)
{
    for (size_t at = 0; at < size; at += CACHE_LINE)
        prefetch_to_write((uint8_t *)to + at);
}

void stream_copy(void *to, const void *from, size_t size)
{
    memcpy(to, from, size);
}

void stream_finish(void)
{
}
#endif
