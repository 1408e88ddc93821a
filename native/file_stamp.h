/* file_stamp.h: whether the file of a path is still the one that it was: what tells a file that was replaced or written to.
 *
 * file_stamp_look() at a path, or file_stamp_of() what fstat() said; file_stamp_equal() of two. */
#ifndef GO_METRO_FILE_STAMP_H
#define GO_METRO_FILE_STAMP_H

#include <stdbool.h>
#include <sys/stat.h>

/* All zero: there is no file, or it cannot be looked at. */
struct file_stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
};

struct file_stamp file_stamp_look(const char *path);
struct file_stamp file_stamp_of(const struct stat *status);
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);

#endif
