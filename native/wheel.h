/* wheel.h: a timing wheel of seconds: what is due is found without a look at what is not.
 *
 * wheel_init() once, wheel_add() at any time, wheel_take() until it gives WHEEL_NONE about once a second. The owner keeps a word
 * for the wheel in each of its records and finds it by the record's index. Nothing is taken off before its time, as that would
 * need a way back from each record: the owner remembers which are on the wheel, adds none twice, and passes over what comes up in
 * vain. What is due further ahead than the wheel reaches comes up early: the owner looks at the record's own time and adds it
 * again. */
#ifndef GO_METRO_WHEEL_H
#define GO_METRO_WHEEL_H

#include <stdint.h>

#define WHEEL_SLOTS 1024U
#define WHEEL_INDEX_BITS 25 /* of the record's word: the wheel's; the others are the owner's own, and stay as they are */
#define WHEEL_INDEX_MASK ((UINT32_C(1) << WHEEL_INDEX_BITS) - 1)
#define WHEEL_NONE WHEEL_INDEX_MASK /* no record: indexes end before it */

struct wheel {
    uint32_t head[WHEEL_SLOTS];
    uint32_t now_s; /* all up to this second has been taken */
    uint32_t *(*word)(void *owner, uint32_t index);
    void *owner;
};

void wheel_init(struct wheel *wheel, uint32_t *(*word)(void *owner, uint32_t index), void *owner);
void wheel_clear(struct wheel *wheel); /* takes all off, at once; the time stays */
/* due_s: in the past counts as the next second. The record must not be on the wheel. */
void wheel_add(struct wheel *wheel, uint32_t index, uint32_t due_s);
/* Takes off one record that is due at now_s, or gives WHEEL_NONE. now_s never goes back. */
uint32_t wheel_take(struct wheel *wheel, uint32_t now_s);
/* What the next wheel_take() most likely gives, for who wants to ask for its memory early. */
static inline uint32_t wheel_peek(const struct wheel *wheel)
{
    return wheel->head[wheel->now_s % WHEEL_SLOTS];
}

#endif
