/* statsd_losses.h: what does not reach dogstatsd: each cause is logged when it begins, and the way when it is free again.
 *
 * statsd_losses_start() with each place; statsd_losses_begin() for a cause, as often as it is met; statsd_losses_judge() once a
 * second; statsd_losses_end() for a cause that is over; statsd_losses_total() when there will be no more. */
#ifndef GO_METRO_STATSD_LOSSES_H
#define GO_METRO_STATSD_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

#include "resolve.h"
#include "segment.h"

/* LOSS_NAME to LOSS_WAY are the way's: they are over together. */
enum statsd_loss { LOSS_NAME, LOSS_AWAY, LOSS_FULL, LOSS_WAY, LOSS_MEMORY, LOSS_TOO_LONG, LOSS_KINDS };

struct statsd_losses {
    char place[RESOLVE_NAME_MAX + sizeof "[]:65535"]; /* for messages */
    struct {
        bool is_on;
        char cause[80];
    } of[LOSS_KINDS];
    uint64_t datagrams; /* lost since all was well */
    uint64_t too_long;  /* metrics */
    bool is_trying;     /* something was sent since the last loss: */
    uint32_t trying_s;  /* first then */
    char text[SEG_ERROR_MAX];
};

/* Nothing is lost yet. */
void statsd_losses_start(struct statsd_losses *losses, const char *host, uint16_t port);

void statsd_losses_begin(struct statsd_losses *losses, enum statsd_loss kind, const char *cause);
void statsd_losses_end(struct statsd_losses *losses, enum statsd_loss kind);
bool statsd_losses_is_on_the_way(const struct statsd_losses *losses);

/* How many datagrams were sent in this second, and how many are known to be lost. */
void statsd_losses_judge(struct statsd_losses *losses, uint64_t sent, uint64_t lost, uint32_t now_s);

/* Logs what was lost and not spoken of. */
void statsd_losses_total(struct statsd_losses *losses);

/* "" or all that is on. Good until the next call. */
const char *statsd_losses_text(struct statsd_losses *losses);

#endif
