/* departed.h: what a row `other` was given between two copies of the segment by rows that made room, and did not count itself.
 *
 * A row that made room is added to the `other` of its instance. What it had counted by the earlier copy is nothing new; what it
 * counted from then until it left is, as is all of a row that came and left in between. So an interval of `other` begins with
 * what it had then itself, and with what each row had then that has made room since.
 *
 * Two things tell of those rows. Who has the place of one now (first_birth) names it: that is exact. And all that `other` was
 * given in the interval is known: round trips, handshakes, retransmissions and timed segments by the instance's `given_*`, flows
 * as those that are not among its refused_peers, and of the skip counters their sum, as nothing is pending of a row that leaves.
 * Where nothing was given, no row made room.
 *
 * Who took a place may be gone as well: removed with its instance, by a new configuration, or as it was idle. Then nothing tells
 * whether the row before it made room or was idle itself, and nothing of it is in `other`. Only one can have made room that had
 * by the earlier copy no more of any counter than is left of what was given, the rows taken off that are named. What such rows
 * had then, all together but no more than is left, is taken for old. So
 *
 *  - where each row that is gone is named, or had too much, all is exact;
 *  - else an interval may say too little, at most by what the rows that made room counted in it before they left;
 *  - it never says less than `other` counted itself, and never more than was counted in the interval.
 *
 * A skip counter is never too much either. But where not all is exact it may be less than `other` counted itself: by as much as
 * it was given in all of them together.
 *
 * A helper of ABI 1.0 names nobody and says nothing of what was given: all growth of its `other` counts.
 *
 * All zero bytes at first; departed_add() for each row `other` of the later copy; departed_free(). Pure. */
#ifndef GO_METRO_DEPARTED_H
#define GO_METRO_DEPARTED_H

#include <stdbool.h>

#include "segment.h"
#include "segment_reader.h"

struct departed {
    bool is_known;
    struct seg_row *starts; /* by the later copy's instances; NULL: no row made room */
};

/* *then: the row `other` in the earlier copy, NULL if it was not there; becomes the counters that the interval begins with. Both
 * copies are of one helper process, and always the same. 0; -1: out of memory. */
int departed_add(struct departed *departed, const struct segment_copy *earlier, const struct segment_copy *later,
                 const struct seg_row *other, const struct seg_row **then);
void departed_free(struct departed *departed);

#endif
