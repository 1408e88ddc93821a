/* least.c: see least.h. */
#include "least.h"

#include <stdlib.h>

void least_begin(struct least *least, size_t wanted)
{
    least->wanted = wanted < LEAST_MAX ? wanted : LEAST_MAX;
    least->count = 0;
}

static void sift_down(struct least *least, size_t at)
{
    struct least_item *heap = least->item;
    const struct least_item sifted = heap[at];
    size_t child;

    while ((child = 2 * at + 1) < least->count) {
        if (child + 1 < least->count && heap[child + 1].score > heap[child].score) {
            child++;
        }
        if (heap[child].score <= sifted.score) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = sifted;
}

void least_note(struct least *least, uint32_t score, uint32_t index)
{
    const struct least_item item = { score, index };

    if (least->count < least->wanted) {
        least->item[least->count++] = item;
        for (size_t at = least->count == least->wanted ? least->count / 2 : 0; at-- > 0;) {
            sift_down(least, at); /* it is full: from here on a heap */
        }
    } else if (least->count > 0 && score < least->item[0].score) {
        least->item[0] = item;
        sift_down(least, 0);
    }
}

static int compare(const void *a, const void *b)
{
    const struct least_item *one = a, *other = b;

    return one->score != other->score ? (one->score > other->score) - (one->score < other->score)
                                      : (one->index > other->index) - (one->index < other->index);
}

void least_sort(struct least *least)
{
    qsort(least->item, least->count, sizeof least->item[0], compare);
}
