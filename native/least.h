/* least.h: the few least of many, found in one pass.
 *
 * least_begin(); least_note() for each; least_sort(), and then item[0] is the least. A heap with the greatest on top. */
#ifndef GO_METRO_LEAST_H
#define GO_METRO_LEAST_H

#include <stddef.h>
#include <stdint.h>

#define LEAST_MAX 1024U

struct least_item {
    uint32_t score, index;
};

struct least {
    size_t wanted, count;
    struct least_item item[LEAST_MAX];
};

/* wanted: at most LEAST_MAX. */
void least_begin(struct least *least, size_t wanted);
void least_note(struct least *least, uint32_t score, uint32_t index);
void least_sort(struct least *least);

#endif
