/* row_index.c: see row_index.h. */
#include "row_index.h"

#include <stdlib.h>

static int sort(struct row_index *index)
{
    const uint32_t count = index->copy->snapshot.row_count;

    index->sorted = malloc(count * sizeof *index->sorted);
    if (index->sorted == NULL)
        return -1;
    for (uint32_t i = 0; i < count; i++)
        index->sorted[i] = &index->copy->rows[i];
    qsort(index->sorted, count, sizeof *index->sorted, index->compare);
    return 0;
}

int row_index_find(struct row_index *index, const struct seg_row *row, uint32_t place, const struct seg_row **out)
{
    const uint32_t count = index->copy == NULL ? 0 : index->copy->snapshot.row_count;
    const struct seg_row *same_place, **found;

    *out = NULL;
    if (place < count) {
        same_place = &index->copy->rows[place];
        if (index->compare(&same_place, &row) == 0) {
            *out = same_place;
            return 0;
        }
    }
    if (count == 0)
        return 0;
    if (index->sorted == NULL && sort(index) < 0)
        return -1;
    found = bsearch(&row, index->sorted, count, sizeof *index->sorted, index->compare);
    if (found != NULL)
        *out = *found;
    return 0;
}

void row_index_free(struct row_index *index)
{
    free(index->sorted);
    index->sorted = NULL;
}
