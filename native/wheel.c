/* wheel.c: see wheel.h. */
#include "wheel.h"

#define FIRST 0x80000000U /* in prev: this is the first of slot prev & ~FIRST */

void wheel_clear(struct wheel *wheel)
{
    for (uint32_t slot = 0; slot < WHEEL_SLOTS; slot++) {
        wheel->head[slot] = WHEEL_NONE;
    }
}

void wheel_init(struct wheel *wheel, struct wheel_link *(*link)(void *owner, uint32_t index), void *owner)
{
    wheel_clear(wheel);
    wheel->now_s = 0;
    wheel->link = link;
    wheel->owner = owner;
}

void wheel_add(struct wheel *wheel, uint32_t index, uint32_t due_s)
{
    const uint32_t ahead = due_s <= wheel->now_s ? 1 : due_s - wheel->now_s;
    const uint32_t slot = (wheel->now_s + (ahead < WHEEL_SLOTS ? ahead : WHEEL_SLOTS - 1)) % WHEEL_SLOTS;
    struct wheel_link *link = wheel->link(wheel->owner, index);

    link->next = wheel->head[slot];
    link->prev = FIRST | slot;
    if (link->next != WHEEL_NONE) {
        wheel->link(wheel->owner, link->next)->prev = index;
    }
    wheel->head[slot] = index;
}

void wheel_remove(struct wheel *wheel, uint32_t index)
{
    const struct wheel_link *link = wheel->link(wheel->owner, index);

    if (link->prev & FIRST) {
        wheel->head[link->prev & ~FIRST] = link->next;
    } else {
        wheel->link(wheel->owner, link->prev)->next = link->next;
    }
    if (link->next != WHEEL_NONE) {
        wheel->link(wheel->owner, link->next)->prev = link->prev;
    }
}

uint32_t wheel_take(struct wheel *wheel, uint32_t now_s)
{
    if (now_s > wheel->now_s && now_s - wheel->now_s > WHEEL_SLOTS) {
        wheel->now_s = now_s - WHEEL_SLOTS; /* one turn sees every slot, however long the pause was */
    }
    for (;;) {
        const uint32_t index = wheel->head[wheel->now_s % WHEEL_SLOTS];
        if (index != WHEEL_NONE) {
            wheel_remove(wheel, index);
            return index;
        }
        if (wheel->now_s >= now_s) {
            return WHEEL_NONE;
        }
        wheel->now_s++;
    }
}
