/* test_stream.c: whatever stands where, those bytes are copied and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stream.c"

enum { ROOM = 6 * CACHE_LINE, MOST = 4 * CACHE_LINE };

static void copies_to_any_place_in_any_size(void **state)
{
    static uint8_t from[ROOM], to[ROOM], expected[ROOM];

    (void)state;
    for (size_t n = 0; n < ROOM; n++)
        from[n] = (uint8_t)(n * 7 + 1);
    for (size_t at = 0; at < CACHE_LINE; at++)
        for (size_t size = 0; size <= MOST; size++) {
            const size_t source = (at * 3 + size) % CACHE_LINE;

            memset(to, 0, sizeof to);
            memset(expected, 0, sizeof expected);
            memcpy(expected + at, from + source, size);
            stream_await(to + at, size);
            stream_copy(to + at, from + source, size);
            stream_finish();
            assert_memory_equal(to, expected, sizeof to);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_to_any_place_in_any_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
