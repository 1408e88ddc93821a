/* publication.h: the meter's rows and the instances' states -> the contents of a snapshot.
 *
 * publication_new() once; publication_build() about once a second; publication_free(). Memory is taken in steps as
 * rows appear, never for a packet. */
#ifndef GO_METRO_PUBLICATION_H
#define GO_METRO_PUBLICATION_H

#include <stddef.h>
#include <stdint.h>

#include "instance.h"
#include "meter.h"
#include "segment_writer.h"

/* The moment of publishing, by both clocks. */
struct publication_time {
    uint64_t boottime_ns;
    uint64_t realtime_ns;
};

struct publication;

struct publication *publication_new(void); /* NULL: out of memory */
void publication_free(struct publication *publication);

/* meter: the interfaces'; instances of a file have their own. Fills *out; its arrays are the publication's until the next call,
 * the histograms are the meter's own: publish it before the meter takes a frame. state and error are the helper's own. Rows that
 * no memory could be had for are missing: the number of them is returned (0: all are there). */
size_t publication_build(struct publication *publication, const struct meter *meter, struct instance *instances, size_t count,
                         const struct publication_time *time, struct segment_contents *out);

/* The state of all from the states of each: capturing (one does, or is a file that was read to its end, and none fails; others
 * may still be starting, and hide nothing of it), starting (none does yet), degraded (some fail) or failed (all do). */
enum seg_state publication_overall_state(const struct seg_instance *instances, size_t count);

#endif
