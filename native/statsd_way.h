/* statsd_way.h: the way to dogstatsd: datagrams that wait, go out in steps that a listener's buffer holds, and are lost.
 *
 * statsd_way_init(); statsd_way_lead() to each place, statsd_way_answer() for each answer of the resolver; once a second
 * statsd_way_end(), statsd_way_keep_unsent(), then what is to be sent is added to way->batch, and statsd_way_begin();
 * way->pace_fd is polled, and statsd_way_step() called when it is readable; statsd_way_close() when there will be nothing more
 * for long; statsd_way_destroy(). Nothing here waits but statsd_way_send_whole(). */
#ifndef GO_METRO_STATSD_WAY_H
#define GO_METRO_STATSD_WAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dogstatsd.h"
#include "resolve.h"
#include "statsd_host.h"
#include "statsd_losses.h"
#include "udp_sender.h"

#define STATSD_ROUND_S 30

struct statsd_way {
    uint16_t port;
    struct statsd_host host;
    struct udp_sender sender;
    struct dogstatsd_batch batch;
    size_t next, step;   /* of the batch: the first that is not sent; how many at once */
    int pace_fd;         /* -1: all at once */
    uint64_t sent, lost; /* at the last end of a second */
    size_t settling;     /* of the batch: those that have a round to go out in */
    uint32_t settling_s; /* when that began */
    bool is_awaiting;    /* the first answer to the question where the present place is */
    bool is_elsewhere;   /* nobody took what was sent to the present address */
    struct statsd_losses losses;
};

void statsd_way_init(struct statsd_way *way);
void statsd_way_destroy(struct statsd_way *way);

/* To that place from now on. What is not out yet goes there too: where it should have gone may be the very thing that was wrong.
 * is_known: a name that is the same need not be asked for anew. */
void statsd_way_lead(struct statsd_way *way, const char *host, uint16_t port, bool is_known);
void statsd_way_answer(struct statsd_way *way, const struct resolve_answer *answer);

/* Sends the batch: in the steps of a second, or, while it settles, in those of the seconds that are left of its round. */
void statsd_way_begin(struct statsd_way *way, uint32_t now_s);
void statsd_way_step(struct statsd_way *way);
/* What is in the batch is more than a second's share: it, and what comes behind it, has a round to go out in. */
void statsd_way_settle(struct statsd_way *way, uint32_t now_s);
/* A second is over: what became of it. */
void statsd_way_end(struct statsd_way *way, uint32_t now_s);
/* Empties the batch, but for what still waits for its turn. */
void statsd_way_keep_unsent(struct statsd_way *way);
/* Sends the batch, behind what was sent just before, now: it takes 2 s at most, and pauses only for a listener that may be there.
 */
void statsd_way_send_whole(struct statsd_way *way, uint32_t now_s);
/* Forgets what is left, and says what was lost. */
void statsd_way_close(struct statsd_way *way);

#endif
