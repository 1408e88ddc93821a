/* statsd.h: `submit_via: dogstatsd`: what rows measured goes to dogstatsd, each row every 30 s, spread over them.
 *
 * statsd_new(); statsd_aim() with each configuration in force; about once a second statsd_ask(), and statsd_tick() with what was
 * published; statsd_answer() for each answer of the resolver; statsd_fd() is polled, and statsd_step() called when it is
 * readable; statsd_departed() when the meter says so; statsd_settle() before another configuration; statsd_finish() at the end;
 * statsd_free(). While another way of submitting is in force all of them do nothing, but for what is still on its way out.
 *
 * Nothing here waits. A datagram that cannot be sent is lost, counted, and spoken of once for each cause and once when that is
 * over; what is due later is sent later. */
#ifndef GO_METRO_STATSD_H
#define GO_METRO_STATSD_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "instance.h"
#include "resolve.h"
#include "segment_writer.h"

struct statsd;

struct statsd *statsd_new(void); /* NULL: out of memory */
void statsd_free(struct statsd *statsd);

/* Keeps no pointer. What was counted before it was switched on is not sent, nor what is counted after it was switched off. What
 * was counted for another place goes to the new one: the old one may be what was wrong. */
void statsd_aim(struct statsd *statsd, const struct config *config);

/* resolver: NULL while there is none. */
void statsd_ask(struct statsd *statsd, struct resolver *resolver, uint32_t now_s);
void statsd_answer(struct statsd *statsd, const struct resolve_answer *answer);

/* Sends what is due of the rows; instances: those that they are of. now_s: monotonic seconds. */
void statsd_tick(struct statsd *statsd, const struct segment_contents *contents, const struct instance *instances,
                 uint32_t now_s);

/* Whether it will send under that configuration all that it sends now. */
bool statsd_goes_on(const struct statsd *statsd, const struct config *config);

/* Sends what the rows have counted so far, as rows, their tags, or what is sent of them are others from here on. It goes out in
 * steps, whatever configuration follows. */
void statsd_settle(struct statsd *statsd, const struct segment_contents *contents, const struct instance *instances);

/* The row of that birth gave way to another, and is counted in the row `other` of that birth from here on (meter.h): what was
 * sent of it is not sent again. statsd: a struct statsd. Before statsd_tick() with contents that show it. */
void statsd_departed(void *statsd, uint64_t birth, uint64_t other);

/* Readable while something waits for its turn, so that a listener's buffer is not overrun; -1: never. */
int statsd_fd(const struct statsd *statsd);
void statsd_step(struct statsd *statsd);

/* Sends all that was counted since it was sent last. It takes 4 s at most. */
void statsd_finish(struct statsd *statsd, const struct segment_contents *contents, const struct instance *instances);

/* "" or what does not reach dogstatsd and what to do. Good until the next call. */
const char *statsd_trouble(struct statsd *statsd);

#endif
