/* wheel.h: a timing wheel of seconds: what is due is found without a look at what is not.
 *
 * wheel_init() once, wheel_add() at any time, wheel_take() until it gives WHEEL_NONE about once a second. The owner keeps a word
 * for the wheel in each of its records, at first 0, and finds it by the record's index. Nothing is taken off before its time, as
 * that would need a way back from each record: the owner passes over what comes up in vain. A record that is used for something
 * else keeps the wheel's bits, may still be there, and comes up early. So does what is due further ahead than the wheel reaches:
 * the owner looks at the record's own time and adds it again. */
#ifndef GO_METRO_WHEEL_H
#define GO_METRO_WHEEL_H

#include <stdint.h>

#define WHEEL_SLOTS 1024U
#define WHEEL_INDEX_BITS 25
#define WHEEL_INDEX_MASK ((UINT32_C(1) << WHEEL_INDEX_BITS) - 1)
#define WHEEL_ON (WHEEL_INDEX_MASK + 1)   /* the record is on the wheel */
#define WHEEL_BITS (WHEEL_INDEX_BITS + 1) /* of the record's word: the wheel's; the others are the owner's own, and stay */
#define WHEEL_MASK (WHEEL_INDEX_MASK | WHEEL_ON)
#define WHEEL_NONE WHEEL_INDEX_MASK /* no record: indexes end before it */

struct wheel {
    uint32_t head[WHEEL_SLOTS];
    uint32_t now_s; /* all up to this second has been taken */
    uint32_t *(*word)(void *owner, uint32_t index);
    void *owner;
};

void wheel_init(struct wheel *wheel, uint32_t *(*word)(void *owner, uint32_t index), void *owner);
/* Takes all off, at once; the time stays. The records' words are not looked at: they begin with 0 again. */
void wheel_clear(struct wheel *wheel);
/* due_s: in the past counts as the next second. What is on the wheel stays where it is: it must not be due later than that. */
void wheel_add(struct wheel *wheel, uint32_t index, uint32_t due_s);
/* Takes off one record that is due at now_s, or gives WHEEL_NONE. now_s never goes back. */
uint32_t wheel_take(struct wheel *wheel, uint32_t now_s);
/* What the next wheel_take() most likely gives, for who wants to ask for its memory early. */
static inline uint32_t wheel_peek(const struct wheel *wheel)
{
    return wheel->head[wheel->now_s % WHEEL_SLOTS];
}

#endif
