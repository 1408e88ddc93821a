/* segment_place.h: how a new file gets the segment's name, so that one helper at a time has it. Part of segment_writer.
 *
 * segment_place_claim(), segment_place_create(), then the caller fills the file, then segment_place_name(); whatever came of it,
 * segment_place_finish() at the end. When one of them fails with `again` set, another helper was faster at that instant:
 * finish, and begin anew. */
#ifndef GO_METRO_SEGMENT_PLACE_H
#define GO_METRO_SEGMENT_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "segment_writer.h"

struct segment_place {
    const char *path;
    char *message; /* SEG_ERROR_MAX bytes of the caller's */
    int own_fd;    /* what is at the path is ours already and locked through this; -1: it is not */
    pid_t holder;  /* with SEGW_LOCKED: its pid, 0 when it is not known */
    bool again;
    int old_fd; /* what is at the path, locked by us; -1: nothing is there */
    struct stat old;
    int fd; /* the new file, locked by us; the caller may take it (and sets -1) once it is named */
    struct stat file;
    char *temporary; /* its name while it is not named; NULL: none */
};

#define SEGMENT_PLACE(path_, message_)                                               \
    {                                                                                \
        .path = (path_), .message = (message_), .own_fd = -1, .old_fd = -1, .fd = -1 \
    }

/* Locks what is at the path. SEGW_LOCKED, SEGW_FOREIGN, SEGW_NOT_REGULAR, SEGW_FAILED: it is not ours to replace. */
enum segment_writer_result segment_place_claim(struct segment_place *place);

/* Removes temporary files that a killed helper left; makes one of `size` bytes, all of them allocated, and locks it. */
enum segment_writer_result segment_place_create(struct segment_place *place, uint64_t size);

/* Gives the file its name, in place of the one that was claimed. */
enum segment_writer_result segment_place_name(struct segment_place *place);

/* Closes and removes what is left over. */
void segment_place_finish(struct segment_place *place);

/* Whether a file of that owner is at the path and somebody has locked it; it need not be open to us. False also when that cannot
 * be told, as on file systems for which stat() names another device than /proc/locks (btrfs, overlayfs). */
bool segment_place_is_held(const char *path, uid_t owner);

/* Field 22 of /proc/PID/stat: when the process started, in clock ticks since boot. 0: there is none. */
uint64_t segment_pid_start_ticks(pid_t pid);

#endif
