/* file_stamp.c: see file_stamp.h. */
#include "file_stamp.h"

struct file_stamp file_stamp_of(const struct stat *status)
{
    return (struct file_stamp){
        .device = status->st_dev, .inode = status->st_ino, .size = status->st_size, .modified = status->st_mtim
    };
}

struct file_stamp file_stamp_look(const char *path)
{
    struct stat status;

    return stat(path, &status) < 0 ? (struct file_stamp){ 0 } : file_stamp_of(&status);
}

bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size && a->modified.tv_sec == b->modified.tv_sec
           && a->modified.tv_nsec == b->modified.tv_nsec;
}
