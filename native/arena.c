/* arena.c: see arena.h. */
#include "arena.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* linux/mman.h; glibc 2.36 does not know it yet */
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* the same; kernels before 5.14 refuse it */
#endif

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

/* From the second step on, and what is as large at once. What came in small steps is made one huge page then, by those kernels
 * that do so when asked (from 6.1 on); where there are none the records are the same. */
static void use_huge_pages(const struct arena *arena, size_t wanted)
{
    if (wanted < ARENA_STEP || (wanted == ARENA_STEP && arena->backed != 0)) {
        return;
    }
    (void)madvise(arena->records, wanted, MADV_HUGEPAGE);
    if (arena->backed != 0 && arena->backed <= ARENA_STEP) {
        (void)madvise(arena->records, ARENA_STEP, MADV_COLLAPSE);
    }
}

/* Small steps but the first come with their pages: all are used soon, and one call takes less than as many faults. */
bool arena_grow(struct arena *arena, size_t bytes)
{
    const size_t wanted = round_up(bytes, bytes <= ARENA_STEP ? FIRST_STEPS : ARENA_STEP);
    char *from = (char *)arena->records + arena->backed;

    if (mprotect(from, wanted - arena->backed, PROT_READ | PROT_WRITE) < 0) {
        return false;
    }
    use_huge_pages(arena, wanted);
    if (arena->backed != 0 && wanted <= ARENA_STEP) {
        (void)madvise(from, wanted - arena->backed, MADV_POPULATE_WRITE);
    }
    arena->backed = wanted;
    return true;
}
