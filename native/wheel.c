/* wheel.c: see wheel.h. */
#include "wheel.h"

void wheel_clear(struct wheel *wheel)
{
    for (uint32_t slot = 0; slot < WHEEL_SLOTS; slot++) {
        wheel->head[slot] = WHEEL_NONE;
    }
}

void wheel_init(struct wheel *wheel, uint32_t *(*word)(void *owner, uint32_t index), void *owner)
{
    wheel_clear(wheel);
    wheel->now_s = 0;
    wheel->word = word;
    wheel->owner = owner;
}

void wheel_add(struct wheel *wheel, uint32_t index, uint32_t due_s)
{
    const uint32_t ahead = due_s <= wheel->now_s ? 1 : due_s - wheel->now_s;
    uint32_t *head = &wheel->head[(wheel->now_s + (ahead < WHEEL_SLOTS ? ahead : WHEEL_SLOTS - 1)) % WHEEL_SLOTS];
    uint32_t *word = wheel->word(wheel->owner, index);

    if (*word & WHEEL_ON) {
        return;
    }
    *word = (*word & ~WHEEL_INDEX_MASK) | WHEEL_ON | *head;
    *head = index;
}

uint32_t wheel_take(struct wheel *wheel, uint32_t now_s)
{
    if (now_s > wheel->now_s && now_s - wheel->now_s > WHEEL_SLOTS) {
        wheel->now_s = now_s - WHEEL_SLOTS; /* one turn sees every slot, however long the pause was */
    }
    for (;;) {
        uint32_t *head = &wheel->head[wheel->now_s % WHEEL_SLOTS];
        const uint32_t index = *head;
        if (index != WHEEL_NONE) {
            uint32_t *word = wheel->word(wheel->owner, index);
            *head = *word & WHEEL_INDEX_MASK;
            *word &= ~WHEEL_ON;
            return index;
        }
        if (wheel->now_s >= now_s) {
            return WHEEL_NONE;
        }
        wheel->now_s++;
    }
}
