/* mapped_file.h: a file to be read once, mapped, of which no more than a window stays with the process.
 *
 * mapped_file_open() or mapped_file_adopt() gives a FILE like any other, whose owner closes it; now and then, while it is read,
 * mapped_file_release().
 * The C library maps a regular file instead of copying it, which saves a third of what reading a capture costs;
 * but then what was read is memory of the process, as long as nobody says that it is not wanted any more. An own FILE that maps a
 * window at a time (fopencookie()) costs 5 ns a packet more: its fread() copies a record's header byte by byte.
 * stdio takes no lock of it (two for each packet, 5 % of what reading takes): one thread at a time may use it. */
#ifndef GO_METRO_MAPPED_FILE_H
#define GO_METRO_MAPPED_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* All zero: of no file; it is asked and told in vain. */
struct mapped_file {
    FILE *stream;
    char *mapping;   /* where the last release found one; it may be gone */
    size_t released; /* bytes, from its beginning on */
    int64_t size;    /* of the file when it was opened; 0: none is known (a pipe) */
};

#define MAPPED_FILE_WINDOW ((size_t)8 << 20) /* bytes */

/* NULL: it cannot be opened (errno), and *file is of no file. */
FILE *mapped_file_open(struct mapped_file *file, const char *path);
/* The same of what is open for reading already; the FILE owns it then. NULL: out of memory, and fd is still the caller's. */
FILE *mapped_file_adopt(struct mapped_file *file, int fd);
/* Whether it has become shorter than it was. What was behind the new end in its last page is read as zeros. Not inlined, as what
 * it needs of the stack would be made for each frame that is not asked about. */
__attribute__((noinline)) bool mapped_file_is_shorter(const struct mapped_file *file);
/* Gives back what was read, once that is a window. The FILE must be open (or of no file), and nobody hold on to what it gave. */
void mapped_file_release(struct mapped_file *file);

#endif
