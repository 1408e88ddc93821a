/* folder_fixture.h: a folder of the test program's own, and the name of one file in it. */
#ifndef GO_METRO_FOLDER_FIXTURE_H
#define GO_METRO_FOLDER_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef FOLDER_FILE
#define FOLDER_FILE "file"
#endif

static char folder[] = "/tmp/go-metro-test-XXXXXX";
static char path[64]; /* of the file, which is not made */

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/" FOLDER_FILE, folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

#endif
