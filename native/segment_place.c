/* segment_place.c: see segment_place.h.
 *
 * Why at most one helper holds the file that the path names, whatever the order in which any number of them run:
 *  1. A new file is locked by its maker before it gets the name, and stays so until its maker ends (F_OFD_SETLK).
 *  2. Where a file has the name, it is replaced by rename(), and only by who has locked that very file and seen, after locking
 *     it, that it still has the name. One alone can have its lock, so from then on nobody else passes this check: the name stays.
 *  3. Where no file has the name, it is given by link(), which fails if there is one by then.
 *  So the name goes from nothing, or from a file whose holder we are, to a file that we hold already. Who meets a locked file is
 *  SEGW_LOCKED; who was overtaken between two steps begins anew, and then meets the winner's file. One always wins: who is
 *  SEGW_LOCKED was stopped by one that is still at work, and the last that is at work has nobody to stop it.
 * Only an operator who removes the file under a running helper can make two of them; segment_writer_in_place() tells the first.
 *
 * Temporary files: a killed helper leaves its own. Who makes a new one removes those of this name and this user that nobody has
 * locked. A file that was just made and is not yet locked can be taken for one of them: its maker then finds it locked or without
 * its name, and begins anew. In a sticky folder such as /dev/shm only their owner can remove or rename these names; O_EXCL and
 * O_NOFOLLOW do the rest. A file of another user is never touched, not even by root: what it holds is not known. */
#include "segment_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "segment_check.h"

#ifndef F_OFD_SETLK /* headers older than the kernel */
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#endif

#define OPEN_SAFELY (O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
#define SEGMENT_MODE 0640
#define TEMPORARY_SUFFIX ".tmp-"
#define FALLOCATE_TRIES 10
#define USER_TEXT 64
#define LOCKS_LINE 256 /* of /proc/locks; they have about 60 characters */

__attribute__((format(printf, 3, 4))) static enum segment_writer_result
refuse(struct segment_place *place, enum segment_writer_result result, const char *format, ...)
{
    char cause[SEG_ERROR_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cause, sizeof cause, format, arguments);
    va_end(arguments);
    segment_message(place->message, place->path, "%s", cause);
    return result;
}

static enum segment_writer_result start_over(struct segment_place *place)
{
    place->again = true;
    return refuse(place, SEGW_FAILED, "other helpers keep replacing it; stop all of them but one");
}

static bool same_file(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

static bool is_at(const char *path, const struct stat *file)
{
    struct stat there;
    return lstat(path, &there) == 0 && same_file(&there, file);
}

/* The whole file for writing. */
static int lock_file(int fd, int command, struct flock *lock)
{
    *lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET }; /* the kernel wants l_pid 0 */
    return fcntl(fd, command, lock);
}

static bool is_busy(int error)
{
    return error == EAGAIN || error == EACCES;
}

uint64_t segment_pid_start_ticks(pid_t pid)
{
    char path[32], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    const char *at = strrchr(text, ')'); /* the program's name may hold anything, but it ends here: field 2 */
    for (unsigned n = 0; n < 20 && at != NULL; n++)
        at = strchr(at + 1, ' ');
    return at != NULL ? strtoull(at + 1, NULL, 10) : 0;
}

/* An open file's lock has no pid. Its header has one; it is believed if that process is the one that wrote it. */
static pid_t holder_of(int fd)
{
    struct seg_header header;
    struct flock lock;
    char cause[SEG_ERROR_MAX];
    if (lock_file(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
        return lock.l_pid; /* a classic lock: of something else than a helper */
    if (pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header)
        return 0;
    if (segment_check_header(&header, sizeof header, cause) != SEGMENT_OK || header.pid == 0 || header.pid > INT32_MAX)
        return 0;
    const pid_t pid = (pid_t)header.pid;
    return segment_pid_start_ticks(pid) == header.pid_start_ticks ? pid : 0;
}

static enum segment_writer_result fail_locked(struct segment_place *place)
{
    place->holder = holder_of(place->old_fd);
    if (place->holder == 0)
        return refuse(place, SEGW_LOCKED,
                      "another go-metro has it (pid not known, it may be just starting); stop one of the two");
    return refuse(place, SEGW_LOCKED, "another go-metro, pid %ld, has it; stop one of the two, or set another `segment_path`",
                  (long)place->holder);
}

/* By the kernel's list of all locks, which shows each file's place and number to everybody. */
bool segment_place_is_held(const char *path, uid_t owner)
{
    char line[LOCKS_LINE], wanted[64];
    struct stat file;
    bool is_held = false;
    FILE *locks;

    if (lstat(path, &file) < 0 || !S_ISREG(file.st_mode) || file.st_uid != owner)
        return false;
    snprintf(wanted, sizeof wanted, " %02x:%02x:%llu ", major(file.st_dev), minor(file.st_dev), (unsigned long long)file.st_ino);
    locks = fopen("/proc/locks", "re");
    while (locks != NULL && !is_held && fgets(line, sizeof line, locks) != NULL)
        is_held = strstr(line, wanted) != NULL;
    if (locks != NULL)
        fclose(locks);
    return is_held;
}

/* "NAME (uid N)", or "uid N". */
static const char *user_text(uid_t uid, char out[static USER_TEXT])
{
    struct passwd entry, *found = NULL;
    char buffer[1024];
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
        snprintf(out, USER_TEXT, "%.32s (uid %u)", entry.pw_name, (unsigned)uid);
    else
        snprintf(out, USER_TEXT, "uid %u", (unsigned)uid);
    return out;
}

/* Whether what is there may be replaced by us at all. */
static enum segment_writer_result judge(struct segment_place *place)
{
    char owner[USER_TEXT], self[USER_TEXT];
    if (!S_ISREG(place->old.st_mode))
        return refuse(place, SEGW_NOT_REGULAR, "is %s of %s; remove it: go-metro makes a file there",
                      segment_type_name(place->old.st_mode), user_text(place->old.st_uid, owner));
    if (place->old.st_uid != geteuid())
        return refuse(place, SEGW_FOREIGN, "belongs to %s, go-metro runs as %s; its owner or root must remove it",
                      user_text(place->old.st_uid, owner), user_text(geteuid(), self));
    return SEGW_OK;
}

enum segment_writer_result segment_place_claim(struct segment_place *place)
{
    struct stat opened;
    struct flock lock;
    if (lstat(place->path, &place->old) < 0)
        return errno == ENOENT ? SEGW_OK : refuse(place, SEGW_FAILED, "%s", strerror(errno));
    enum segment_writer_result result = judge(place); /* before open(): to open a device can set it off */
    if (result != SEGW_OK)
        return result;
    /* A second descriptor of the same open file has the same lock, so that our own file does not stand in our way. */
    place->old_fd = place->own_fd >= 0 ? fcntl(place->own_fd, F_DUPFD_CLOEXEC, 0) : open(place->path, OPEN_SAFELY);
    if (place->old_fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO))
        return start_over(place);
    if (place->old_fd < 0)
        return refuse(place, SEGW_FAILED, "cannot be opened, although it is ours: %s; remove it", strerror(errno));
    if (fstat(place->old_fd, &opened) < 0 || !same_file(&opened, &place->old))
        return start_over(place);
    if (lock_file(place->old_fd, F_OFD_SETLK, &lock) < 0)
        return is_busy(errno) ? fail_locked(place) : refuse(place, SEGW_FAILED, "cannot be locked: %s", strerror(errno));
    return is_at(place->path, &place->old) ? SEGW_OK : start_over(place);
}

static bool is_temporary(const char *name, const char *base)
{
    const size_t length = strlen(base), suffix = strlen(TEMPORARY_SUFFIX);
    if (strncmp(name, base, length) != 0 || strncmp(name + length, TEMPORARY_SUFFIX, suffix) != 0)
        return false;
    const char *rest = name + length + suffix;
    return *rest != '\0' && rest[strspn(rest, "0123456789abcdef-")] == '\0';
}

static void sweep_one(const struct segment_place *place, int folder, const char *name)
{
    struct stat file, again;
    struct flock lock;
    if (fstatat(folder, name, &file, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(file.st_mode) || file.st_uid != geteuid())
        return;
    /* Its maker may have been killed between link() and unlink(): then this is a second name of what we have locked. */
    bool abandoned = place->old_fd >= 0 && same_file(&file, &place->old);
    int fd = abandoned ? -1 : openat(folder, name, OPEN_SAFELY);
    if (fd >= 0)
        abandoned = fstat(fd, &again) == 0 && same_file(&again, &file) && lock_file(fd, F_OFD_SETLK, &lock) == 0
                    && fstatat(folder, name, &again, AT_SYMLINK_NOFOLLOW) == 0 && same_file(&again, &file);
    if (abandoned)
        unlinkat(folder, name, 0);
    if (fd >= 0)
        close(fd);
}

/* What cannot be swept is left: it costs space and does no harm. */
static void sweep(const struct segment_place *place)
{
    const char *slash = strrchr(place->path, '/');
    const size_t length = slash == NULL ? 0 : (size_t)(slash - place->path) + 1;
    char *name = length == 0 ? strdup(".") : strndup(place->path, length);
    DIR *folder = name != NULL ? opendir(name) : NULL;
    const struct dirent *entry;
    free(name);
    if (folder == NULL)
        return;
    while ((entry = readdir(folder)) != NULL)
        if (is_temporary(entry->d_name, place->path + length))
            sweep_one(place, dirfd(folder), entry->d_name);
    closedir(folder);
}

/* UINT64_MAX: nobody knows, or there is no limit. */
static uint64_t free_bytes(const struct segment_place *place)
{
    struct statvfs room;
    if (fstatvfs(place->fd, &room) < 0 || room.f_blocks == 0)
        return UINT64_MAX;
    return (uint64_t)room.f_bavail * room.f_frsize;
}

static enum segment_writer_result fail_space(struct segment_place *place, uint64_t size)
{
    const unsigned long long needed = size, available = free_bytes(place);
    if (available >= needed) /* a quota, or it was taken and given back meanwhile */
        return refuse(place, SEGW_NO_SPACE,
                      "there is no room for the %llu bytes that are needed: make room, or set another `segment_path`", needed);
    return refuse(place, SEGW_NO_SPACE, "%llu bytes are needed, %llu are free: make room, or set another `segment_path`", needed,
                  available);
}

/* All of it now: a page that is missing later would be a SIGBUS. Not even tried where it cannot succeed, because the file system
 * would be full for a moment each second, and others write to it too. */
static enum segment_writer_result allocate(struct segment_place *place, uint64_t size)
{
    struct rlimit limit;
    int error = EINTR;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur)
        return refuse(place, SEGW_NO_SPACE, "%llu bytes are needed, `ulimit -f` allows %llu: raise it", (unsigned long long)size,
                      (unsigned long long)limit.rlim_cur); /* beyond it is SIGXFSZ */
    if (free_bytes(place) < size)
        return fail_space(place, size);
    for (unsigned n = 0; n < FALLOCATE_TRIES && error == EINTR; n++)
        error = posix_fallocate(place->fd, 0, (off_t)size);
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        return fail_space(place, size);
    if (error != 0)
        return refuse(place, SEGW_FAILED, "%llu bytes cannot be had: %s", (unsigned long long)size, strerror(error));
    return SEGW_OK;
}

static enum segment_writer_result fail_create(struct segment_place *place, int error, uint64_t size)
{
    if (error == EEXIST)
        return start_over(place);
    if (error == ENOSPC || error == EDQUOT)
        return refuse(place, SEGW_NO_SPACE, "a new file of %llu bytes is needed, there is no room for one: make room",
                      (unsigned long long)size);
    return refuse(place, SEGW_FAILED, "no file can be made in its folder: %s; mend the folder or set `segment_path`",
                  strerror(error));
}

enum segment_writer_result segment_place_create(struct segment_place *place, uint64_t size)
{
    struct timespec now;
    struct flock lock;
    sweep(place);
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (asprintf(&place->temporary, "%s" TEMPORARY_SUFFIX "%lx-%llx-%lx", place->path, (unsigned long)getpid(),
                 (unsigned long long)now.tv_sec, (unsigned long)now.tv_nsec)
        < 0) {
        place->temporary = NULL;
        return refuse(place, SEGW_FAILED, "%s", strerror(ENOMEM));
    }
    place->fd = open(place->temporary, O_CREAT | O_EXCL | OPEN_SAFELY, S_IRUSR | S_IWUSR);
    if (place->fd < 0)
        return fail_create(place, errno, size);
    if (fstat(place->fd, &place->file) < 0)
        return refuse(place, SEGW_FAILED, "%s", strerror(errno));
    if (lock_file(place->fd, F_OFD_SETLK, &lock) < 0)
        return is_busy(errno) ? start_over(place) : refuse(place, SEGW_FAILED, "cannot be locked: %s", strerror(errno));
    if (!is_at(place->temporary, &place->file))
        return start_over(place);
    if (fchmod(place->fd, SEGMENT_MODE) < 0) /* open()'s mode is subject to the umask */
        return refuse(place, SEGW_FAILED, "its mode cannot be set: %s", strerror(errno));
    return allocate(place, size);
}

enum segment_writer_result segment_place_name(struct segment_place *place)
{
    int failed = place->old_fd >= 0 ? rename(place->temporary, place->path) : link(place->temporary, place->path);
    if (failed && errno == EEXIST)
        return start_over(place);
    if (failed)
        return refuse(place, SEGW_FAILED, "cannot get its name: %s; remove what is there or set `segment_path`", strerror(errno));
    return is_at(place->path, &place->file) ? SEGW_OK : start_over(place);
}

void segment_place_finish(struct segment_place *place)
{
    if (place->temporary != NULL && is_at(place->temporary, &place->file))
        unlink(place->temporary); /* after rename() it is gone, after link() it is the second name */
    if (place->fd >= 0)
        close(place->fd);
    if (place->old_fd >= 0)
        close(place->old_fd);
    free(place->temporary);
}
