/* random_fixture.h: numbers that are the same in each run (xorshift64). A test sets random_state, to anything but 0, where it
 * wants a sequence of its own. */
#ifndef RANDOM_FIXTURE_H
#define RANDOM_FIXTURE_H

#include <stdint.h>

static uint64_t random_state = 88172645463325252;

static inline uint64_t draw_word(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* 0..below-1 */
static inline uint32_t draw(uint32_t below)
{
    return (uint32_t)(draw_word() >> 33) % below;
}

#endif
