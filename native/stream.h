/* stream.h: memory that is written and not read again soon: past the caches, where the processor can. A cache line that is
 * written whole need not be fetched then, nor does it push out another.
 *
 * stream_await() a while before; stream_copy() any number of times, then stream_finish() before anything that says that the bytes
 * are there. */
#ifndef GO_METRO_STREAM_H
#define GO_METRO_STREAM_H

#include <stddef.h>

/* Asks for what stream_copy() to there would have to wait for. */
void stream_await(void *to, size_t size);
void stream_copy(void *to, const void *from, size_t size);
void stream_finish(void);

#endif
