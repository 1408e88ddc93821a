/* segment_choice.h: which segment a command of the user's reads, and whose it may be.
 *
 * segment_choice_make(), then segment_read_now() with its path and options any number of times, segment_choice_free(). */
#ifndef GO_METRO_SEGMENT_CHOICE_H
#define GO_METRO_SEGMENT_CHOICE_H

#include "config.h"
#include "options.h"
#include "segment_reader.h"

struct segment_choice {
    const char *path;
    struct segment_read_options how;
    struct config *config; /* the path may be its */
};

/* --segment, else what the helper's configuration says, else the defaults. The options must live as long. */
void segment_choice_make(struct segment_choice *choice, const struct options *options);
void segment_choice_free(struct segment_choice *choice);

#endif
