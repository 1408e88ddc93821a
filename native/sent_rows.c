/* sent_rows.c: a table of the rows by their births, which no other row of this process has. */
#include "sent_rows.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define FIRST_SLOTS 64    /* a power of two */
#define SWEEPS_SURVIVED 2 /* without having been looked at */

/* As much of a row and its histogram as an interval needs of its beginning. */
struct sent_row {
    uint64_t birth; /* 0: the slot is empty */
    uint64_t samples, handshake_samples, retransmits;
    uint64_t sum_ns, handshake_sum_ns;
    uint32_t *counts;          /* of the buckets from `first` to before `end`; NULL: the histogram is not known */
    uint32_t first, end, room; /* room: of counts */
    uint32_t unseen;           /* sweeps since it was looked at */
};

struct sent_rows {
    struct sent_row *slots; /* open addressing, at most half of them used */
    size_t size, used;
};

struct sent_rows *sent_rows_new(void)
{
    struct sent_rows *rows = calloc(1, sizeof *rows);

    if (rows == NULL)
        return NULL;
    rows->size = FIRST_SLOTS;
    rows->slots = calloc(rows->size, sizeof *rows->slots);
    if (rows->slots == NULL) {
        free(rows);
        return NULL;
    }
    return rows;
}

void sent_rows_clear(struct sent_rows *rows)
{
    for (size_t i = 0; i < rows->size; i++)
        free(rows->slots[i].counts);
    memset(rows->slots, 0, rows->size * sizeof *rows->slots);
    rows->used = 0;
}

void sent_rows_free(struct sent_rows *rows)
{
    if (rows == NULL)
        return;
    sent_rows_clear(rows);
    free(rows->slots);
    free(rows);
}

static size_t home_of(uint64_t birth, size_t size)
{
    return hash_fold(birth, HASH_MIX_0) & (size - 1);
}

/* Its slot, or the empty one where it belongs. */
static struct sent_row *find(struct sent_row *slots, size_t size, uint64_t birth)
{
    size_t at = home_of(birth, size);

    while (slots[at].birth != 0 && slots[at].birth != birth)
        at = (at + 1) & (size - 1);
    return &slots[at];
}

/* Moves what is to be kept into a table of that size. -1: out of memory, and all is as it was. */
static int rebuild(struct sent_rows *rows, size_t size, uint32_t most_unseen)
{
    struct sent_row *slots = calloc(size, sizeof *slots);

    if (slots == NULL)
        return -1;
    rows->used = 0;
    for (size_t i = 0; i < rows->size; i++) {
        struct sent_row *row = &rows->slots[i];

        if (row->birth == 0)
            continue;
        if (row->unseen > most_unseen) {
            free(row->counts);
            continue;
        }
        *find(slots, size, row->birth) = *row;
        rows->used++;
    }
    free(rows->slots);
    rows->slots = slots;
    rows->size = size;
    return 0;
}

void sent_rows_sweep(struct sent_rows *rows)
{
    size_t stay = 0, size = FIRST_SLOTS;

    for (size_t i = 0; i < rows->size; i++)
        if (rows->slots[i].birth != 0)
            stay += ++rows->slots[i].unseen <= SWEEPS_SURVIVED;
    while (size / 2 <= stay)
        size *= 2;
    if (stay < rows->used)
        (void)rebuild(rows, size, SWEEPS_SURVIVED); /* without the memory for it: at the next sweep */
}

static void fill_then(struct sent_interval *out, const struct sent_row *sent)
{
    memset(&out->then, 0, sizeof out->then);
    out->then.samples = sent->samples;
    out->then.handshake_samples = sent->handshake_samples;
    out->then.retransmits = sent->retransmits;
    out->then.sum_ns = sent->sum_ns;
    out->then.handshake_sum_ns = sent->handshake_sum_ns;
    out->interval.then = &out->then;
    if (sent->counts == NULL)
        return;
    memcpy(out->counts, sent->counts, (sent->end - sent->first) * sizeof *out->counts);
    out->interval.then_buckets = (struct buckets){ out->counts, sent->first, sent->end };
}

/* So that even an empty histogram is a known one, there is room for one more count. */
static bool reserve(struct sent_row *sent, uint32_t count)
{
    uint32_t *counts;

    if (sent->counts != NULL && count < sent->room)
        return true;
    counts = realloc(sent->counts, (count + 1) * sizeof *counts);
    if (counts == NULL)
        return false;
    sent->counts = counts;
    sent->room = count + 1;
    return true;
}

static void remember_histogram(struct sent_row *sent, const struct buckets *now)
{
    if (now->count == NULL || !reserve(sent, now->end - now->first)) {
        free(sent->counts);
        sent->counts = NULL;
        return;
    }
    memcpy(sent->counts, now->count, (now->end - now->first) * sizeof *now->count);
    sent->first = now->first;
    sent->end = now->end;
}

static void remember(struct sent_row *sent, const struct seg_row *row, const struct buckets *now)
{
    sent->birth = row->birth;
    sent->unseen = 0;
    sent->samples = row->samples;
    sent->handshake_samples = row->handshake_samples;
    sent->retransmits = row->retransmits;
    sent->sum_ns = row->sum_ns;
    sent->handshake_sum_ns = row->handshake_sum_ns;
    remember_histogram(sent, now);
}

/* Closes the gap at `hole`: each later slot of the run that may stand there moves up. */
static void close_gap(struct sent_rows *rows, size_t hole)
{
    const size_t mask = rows->size - 1;

    for (size_t at = (hole + 1) & mask; rows->slots[at].birth != 0; at = (at + 1) & mask) {
        const size_t from_home = (at - home_of(rows->slots[at].birth, rows->size)) & mask;

        if (from_home >= ((at - hole) & mask)) {
            rows->slots[hole] = rows->slots[at];
            hole = at;
        }
    }
    rows->slots[hole] = (struct sent_row){ 0 };
}

/* The one leaves its slot before the other may need one. Of a row `other` there are counts only. */
void sent_rows_hand_over(struct sent_rows *rows, uint64_t from, uint64_t into)
{
    struct sent_row *gone = find(rows->slots, rows->size, from), *heir;
    const struct sent_row taken = *gone;

    if (taken.birth == 0)
        return;
    free(taken.counts);
    close_gap(rows, (size_t)(gone - rows->slots));
    heir = find(rows->slots, rows->size, into);
    rows->used -= heir->birth != 0;
    heir->birth = into;
    heir->samples += taken.samples;
    heir->handshake_samples += taken.handshake_samples;
    heir->retransmits += taken.retransmits;
}

enum sent_result sent_rows_take(struct sent_rows *rows, const struct seg_row *row, const struct histogram *histogram,
                                struct sent_interval *out)
{
    struct sent_row *sent = find(rows->slots, rows->size, row->birth);
    const bool is_known = sent->birth != 0;

    sent->unseen = 0;
    if (row->samples == sent->samples && row->retransmits == sent->retransmits)
        return SENT_NO_NEWS;
    if (!is_known && rows->used >= rows->size / 2) {
        if (rebuild(rows, 2 * rows->size, UINT32_MAX) < 0)
            return SENT_NO_MEMORY;
        sent = find(rows->slots, rows->size, row->birth);
    }
    out->interval = (struct interval){ .now = row };
    if (histogram != NULL)
        out->interval.now_buckets = buckets_of(histogram->count);
    if (is_known)
        fill_then(out, sent);
    remember(sent, row, &out->interval.now_buckets);
    rows->used += !is_known;
    return SENT_NEWS;
}
