/* wheel.h: a timing wheel of seconds: what is due is found without a look at what is not.
 *
 * wheel_init() once, wheel_add() and wheel_remove() at any time, wheel_take() until it gives WHEEL_NONE about once a second. The
 * owner keeps a struct wheel_link in each of its records and finds it by the record's index. What is due further ahead than the
 * wheel reaches comes up early: the owner looks at the record's own time and adds it again. */
#ifndef GO_METRO_WHEEL_H
#define GO_METRO_WHEEL_H

#include <stdint.h>

#define WHEEL_SLOTS 1024U
#define WHEEL_NONE UINT32_MAX
#define WHEEL_MAX_INDEX 0x7fffffffU

struct wheel_link {
    uint32_t next;
    uint32_t prev; /* or the slot, with the top bit set, for the first of a list */
};

struct wheel {
    uint32_t head[WHEEL_SLOTS];
    uint32_t now_s; /* all up to this second has been taken */
    struct wheel_link *(*link)(void *owner, uint32_t index);
    void *owner;
};

void wheel_init(struct wheel *wheel, struct wheel_link *(*link)(void *owner, uint32_t index), void *owner);
void wheel_clear(struct wheel *wheel); /* takes all off, at once; the time stays */
/* due_s: in the past counts as the next second. The record must not be on the wheel. */
void wheel_add(struct wheel *wheel, uint32_t index, uint32_t due_s);
void wheel_remove(struct wheel *wheel, uint32_t index);
/* Takes off one record that is due at now_s, or gives WHEEL_NONE. now_s never goes back. */
uint32_t wheel_take(struct wheel *wheel, uint32_t now_s);
/* What the next wheel_take() most likely gives, for who wants to ask for its memory early. */
static inline uint32_t wheel_peek(const struct wheel *wheel)
{
    return wheel->head[wheel->now_s % WHEEL_SLOTS];
}

#endif
