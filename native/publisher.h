/* publisher.h: the way from the roster to the segment: opens the writer when it can, publishes, keeps last words, says what is in
 * the way (another helper, a planted path, a full /dev/shm) once and tries again.
 *
 * publisher_new(); publisher_aim() when the configuration named a path; publisher_publish() about once a second;
 * publisher_close() at the end or before the path or the user changes; publisher_free(). */
#ifndef GO_METRO_PUBLISHER_H
#define GO_METRO_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "roster.h"
#include "segment.h"
#include "segment_writer.h"
#include "verdict.h"

#define PUBLISHER_INTERVAL_MS 1000

struct publisher;

struct publisher *publisher_new(void); /* NULL: out of memory */
void publisher_free(struct publisher *publisher);

/* Where to publish and for how many rows at most; user: as whom a helper runs here. Another path than before: the old segment is
 * closed, and its last words say where the new one is. With the same path it stays as it is, and grows later. */
void publisher_aim(struct publisher *publisher, const char *path, const char *user, uint32_t max_peers);

/* Opens the segment if it is not open or no longer in its place; where that fails the log says why, once for each cause. False:
 * another helper has it, and measures. Whatever else is in the way stops nobody who measures: what is sent to dogstatsd needs no
 * segment. */
bool publisher_claim(struct publisher *publisher);

/* "" or why there is no segment. */
const char *publisher_trouble(const struct publisher *publisher);

/* One snapshot; `verdict` is what is wrong with the helper itself. Without a writer it is made and goes nowhere. */
void publisher_publish(struct publisher *publisher, struct roster *roster, const struct verdict *verdict);

/* What was published last, also of rows that the segment had no room for. The rows' histograms are the meter's own: good until
 * that takes a frame or the roster changes. */
const struct segment_contents *publisher_contents(const struct publisher *publisher);

/* Unlocks the segment; the file and its last words stay, unless `remove` (a file that the next owner could not replace). */
void publisher_close(struct publisher *publisher, bool remove);

#endif
