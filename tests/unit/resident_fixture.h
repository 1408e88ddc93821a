/* resident_fixture.h: what the kernel says is resident of this process. */
#ifndef GO_METRO_RESIDENT_FIXTURE_H
#define GO_METRO_RESIDENT_FIXTURE_H

#include <stddef.h>
#include <stdio.h>

/* Bytes of mapped files. */
static inline size_t resident_of_files(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    size_t kib = 0;
    char line[256];

    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL && sscanf(line, "RssFile: %zu", &kib) != 1)
        ;
    fclose(file);
    return kib << 10;
}

#endif
