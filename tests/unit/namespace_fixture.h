/* namespace_fixture.h: tests that need a network namespace of their own. The test program sets have_namespace once it has one.
 * After cmocka.h. */
#ifndef NAMESPACE_FIXTURE_H
#define NAMESPACE_FIXTURE_H

#include <stdbool.h>

#define NEED_NAMESPACE()                                                                   \
    do {                                                                                   \
        if (!have_namespace) {                                                             \
            print_message("SKIPPED %s: no right to make a network namespace\n", __func__); \
            skip();                                                                        \
        }                                                                                  \
    } while (0)

static bool have_namespace;

#endif
