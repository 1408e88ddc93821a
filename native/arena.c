/* arena.c: see arena.h. */
#include "arena.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define FIRST_STEPS ((size_t)128 << 10) /* bytes: up to the first huge page memory comes in such small steps */

bool arena_init(struct arena *arena, size_t record, size_t most)
{
    memset(arena, 0, sizeof *arena);
    arena->record = record;
    if (most > (SIZE_MAX - 2 * ARENA_STEP) / record) {
        return false;
    }
    const size_t size = record * most + 2 * ARENA_STEP; /* the rest of a step, and what is lost for the boundary */
    void *mapped = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
        return false;
    }
    const size_t beyond = (uintptr_t)mapped % ARENA_STEP;
    arena->mapped = mapped;
    arena->reserved = size;
    arena->records = (char *)mapped + (beyond == 0 ? 0 : ARENA_STEP - beyond);
    return true;
}

void arena_destroy(struct arena *arena)
{
    if (arena->mapped != NULL) {
        munmap(arena->mapped, arena->reserved);
    }
    memset(arena, 0, sizeof *arena);
}

static size_t round_up(size_t bytes, size_t step)
{
    return (bytes + step - 1) / step * step;
}

bool arena_grow(struct arena *arena, size_t bytes)
{
    const size_t wanted = round_up(bytes, bytes <= ARENA_STEP ? FIRST_STEPS : ARENA_STEP);
    char *from = (char *)arena->records + arena->backed;

    if (mprotect(from, wanted - arena->backed, PROT_READ | PROT_WRITE) < 0) {
        return false;
    }
    if (wanted > ARENA_STEP) {
        (void)madvise(from, wanted - arena->backed, MADV_HUGEPAGE); /* where the kernel has none the records are the same */
    }
    arena->backed = wanted;
    return true;
}
