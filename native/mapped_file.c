/* mapped_file.c: see mapped_file.h. */
#include "mapped_file.h"

#include <inttypes.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0: what has no size, as a pipe. */
static int64_t size_now(FILE *stream)
{
    struct stat status;

    return fstat(fileno(stream), &status) == 0 ? status.st_size : 0;
}

static FILE *take(struct mapped_file *file, FILE *stream)
{
    memset(file, 0, sizeof *file);
    file->stream = stream;
    if (stream != NULL) {
        file->size = size_now(stream);
        (void)__fsetlocking(stream, FSETLOCKING_BYCALLER);
    }
    return stream;
}

/* m: mapped, where it can be. */
FILE *mapped_file_open(struct mapped_file *file, const char *path)
{
    return take(file, fopen(path, "rbme"));
}

FILE *mapped_file_adopt(struct mapped_file *file, int fd)
{
    return take(file, fdopen(fd, "rbm"));
}

bool mapped_file_is_shorter(const struct mapped_file *file)
{
    return file->stream != NULL && size_now(file->stream) < file->size;
}

/* A line of /proc/self/maps: whether it is a mapping as stdio makes it, that reaches as far. */
static bool is_ours(const char *line, size_t at, uintptr_t *from, uintptr_t *to)
{
    uint64_t offset;

    return strstr(line, " r--s 00000000 ") != NULL
           && sscanf(line, "%" SCNxPTR "-%" SCNxPTR " r--s %" SCNx64, from, to, &offset) == 3 && offset == 0 && *to - *from >= at;
}

/* stdio does not say where it is, and the name and number that are there are not on all file systems those that fstat() knows. So
 * the range is released in each mapping of that kind: what is shared and only read loses nothing by that, it comes back when it
 * is read. Looked for each time, as another file's may be gone since, and somebody else's memory in its place. */
static void release_range(struct mapped_file *file, size_t at)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    uintptr_t from, to;
    char *line = NULL;
    size_t size = 0;

    file->mapping = NULL; /* then it is only more memory */
    while (maps != NULL && getline(&line, &size, maps) > 0) {
        if (is_ours(line, at, &from, &to)) {
            file->mapping = (char *)from;
            (void)madvise(file->mapping + file->released, at - file->released, MADV_DONTNEED);
        }
    }
    free(line);
    if (maps != NULL)
        fclose(maps);
}

void mapped_file_release(struct mapped_file *file)
{
    const off_t told = file->stream == NULL ? -1 : ftello(file->stream);
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), at = told < 0 ? 0 : (size_t)told / page * page;

    if (at < file->released + MAPPED_FILE_WINDOW)
        return;
    release_range(file, at);
    file->released = at;
}
