/* resolve_queue.c: questions of a kind in the order they came, so that none is asked twice. */
#include "resolve_private.h"

#include <stdlib.h>
#include <string.h>

void resolve_list_append(struct resolve_list *list, struct resolve_item *item)
{
    item->next = NULL;
    *list->tail = item;
    list->tail = &item->next;
}

struct resolve_item *resolve_list_take(struct resolve_list *list)
{
    struct resolve_item *item = list->head;

    if (item == NULL)
        return NULL;
    list->head = item->next;
    if (list->head == NULL)
        list->tail = &list->head;
    return item;
}

void resolve_list_free(struct resolve_list *list)
{
    struct resolve_item *item;

    while ((item = resolve_list_take(list)) != NULL) {
        resolver_answer_free(&item->answer);
        free(item);
    }
}

/* FNV-1a; the questions come from the owner's configuration and from peers that the meter has already bounded. */
size_t resolve_bucket_of(const struct resolve_answer *question)
{
    const char *bytes = question->kind == RESOLVE_FORWARD ? question->name : (const char *)question->address.bytes;
    size_t n = question->kind == RESOLVE_FORWARD ? strlen(bytes) : sizeof question->address.bytes;
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 16777619u;
    return hash % RESOLVE_BUCKETS;
}

static bool same_question(const struct resolve_answer *a, const struct resolve_answer *b)
{
    if (a->kind != b->kind || a->known != b->known)
        return false;
    return a->kind == RESOLVE_FORWARD ? strcmp(a->name, b->name) == 0 : address_equal(&a->address, &b->address);
}

void resolve_queue_init(struct resolve_queue *queue)
{
    for (size_t kind = 0; kind < RESOLVE_KINDS; kind++)
        queue->lists[kind].tail = &queue->lists[kind].head;
}

void resolve_queue_free(struct resolve_queue *queue)
{
    for (size_t kind = 0; kind < RESOLVE_KINDS; kind++)
        resolve_list_free(&queue->lists[kind]);
}

bool resolve_queue_has(const struct resolve_queue *queue, const struct resolve_item *item)
{
    const struct resolve_item *other = queue->buckets[item->bucket];

    while (other != NULL && !same_question(&other->answer, &item->answer))
        other = other->sibling;
    return other != NULL;
}

static void unhash(struct resolve_queue *queue, const struct resolve_item *item)
{
    struct resolve_item **link = &queue->buckets[item->bucket];

    while (*link != item)
        link = &(*link)->sibling;
    *link = item->sibling;
}

void resolve_queue_append(struct resolve_queue *queue, struct resolve_item *item)
{
    item->sibling = queue->buckets[item->bucket];
    queue->buckets[item->bucket] = item;
    resolve_list_append(&queue->lists[item->answer.kind], item);
}

/* Each kind leaves a thread to the other: the reverse zone of private addresses often hangs, and there may be thousands of them.
 */
struct resolve_item *resolve_queue_take(struct resolve_queue *queue)
{
    struct resolve_item *item = NULL;

    for (size_t kind = 0; item == NULL && kind < RESOLVE_KINDS; kind++) {
        if (queue->taken[kind] < RESOLVE_SIDE_BY_SIDE)
            item = resolve_list_take(&queue->lists[kind]);
        queue->taken[kind] += item != NULL;
    }
    return item;
}

void resolve_queue_finish(struct resolve_queue *queue, const struct resolve_item *item)
{
    unhash(queue, item);
    queue->taken[item->answer.kind]--;
}
