/* segment_choice.h: which segment a command of the user's reads, and whose it may be.
 *
 * segment_choice_make(), then segment_choice_read() any number of times, segment_choice_free().
 *
 * The configuration says where the segment is. A helper goes on with the one before when a file is wrong, and started with a
 * wrong one it tells that in the default place: so where there is a mistake both are looked at. */
#ifndef GO_METRO_SEGMENT_CHOICE_H
#define GO_METRO_SEGMENT_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "options.h"
#include "segment_reader.h"

#define SEGMENT_CHOICE_NOTE_MAX 1024

struct segment_choice {
    const struct options *options;
    struct config *config; /* the first path may be its */
    struct segment_choice_place {
        const char *path;
        struct segment_read_options how;
    } places[2];
    size_t count;
    bool is_guess; /* the file does not say where the segment is */
    bool was_read;
    char why[SEGMENT_CHOICE_NOTE_MAX];  /* the configuration cannot be used, as the helper sees it; "": it can */
    char note[SEGMENT_CHOICE_NOTE_MAX]; /* of the last read: a line of printable ASCII that says so, where it was looked instead
                                         * and how to name another place; "": it was looked where the configuration says */
};

/* --segment, else what the helper's configuration says, else the defaults. The options must live as long. */
void segment_choice_make(struct segment_choice *choice, const struct options *options);
void segment_choice_free(struct segment_choice *choice);

/* As segment_read_now(). A configuration that could not be used is looked at again. */
enum segment_status segment_choice_read(struct segment_choice *choice, struct segment_copy *out, struct segment_time *time,
                                        char message[static SEG_ERROR_MAX]);

#endif
