/* instance.h: one instance of the YAML at work: whom it wants, where it captures, its number in the meter.
 *
 * instance_start(); instance_answer() for each answer of the resolver, and instance_follow() once behind as many as there are;
 * instance_refresh() when addresses changed; instance_stop(). The tap, the replay and the meter are the monitor's. */
#ifndef GO_METRO_INSTANCE_H
#define GO_METRO_INSTANCE_H

#include <stdbool.h>

#include "config.h"
#include "meter.h"
#include "netset.h"
#include "replay.h"
#include "segment.h"
#include "tap.h"
#include "target.h"
#include "window.h"

struct instance {
    const struct config *whole;           /* outlives the instance, and so does */
    const struct config_instance *config; /* its own part */
    struct targets *targets;
    struct netset *whitelist;  /* whom the targets want, or only name (`all_peers`); NULL: they change nothing */
    bool is_behind;            /* an answer made the whitelist another one, and it was not made anew yet */
    bool is_found;             /* in one of them a host got its first addresses, or its first ones of a family */
    uint64_t follows;          /* how often it was made anew */
    struct netset *local_nets; /* NULL: none */
    struct tap *tap;           /* NULL: none, as for a file */
    struct replay *replay;     /* of a file; NULL: none */
    int number;                /* the meter's; -1: none */
    struct window window;      /* when it is measured; whoever looks at it is the roster */
};

/* What the meter knows of the host besides the instance's own sets; see meter.h. */
struct instance_host {
    const struct netset *own;  /* of the interface */
    const struct netset *host; /* of the namespace */
};

/* Fills *out and enters it into the meter, which is the replay's where there is one. 0; -1: out of memory or of numbers (*out is
 * empty). */
int instance_start(struct instance *out, const struct config *whole, const struct config_instance *config, struct tap *tap,
                   struct replay *replay, struct meter *meter, const struct instance_host *host);
/* Ends it: its flows and rows go. */
void instance_stop(struct instance *instance, struct meter *meter);
/* The same instance by another configuration (another whitelist, other tags): flows that are still wanted stay, and so does what
 * is known of its names; its windows go on where they are the same. The grouping must be the same. 0; -1: out of memory (the
 * instance is as before). */
int instance_change(struct instance *instance, const struct config *whole, const struct config_instance *config,
                    struct meter *meter, const struct instance_host *host);
/* Whether its names mean anything: in the rows of subnets, where all are wanted, they do not. */
bool instance_asks(const struct instance *instance);
/* Whether each of its names has had an answer, good or bad, and what came is in force. */
bool instance_is_resolved(const struct instance *instance);
/* Tells the meter of the sets as they are now (addresses that changed). */
void instance_refresh(const struct instance *instance, struct meter *meter, const struct instance_host *host);

/* Takes in an answer: cheap, however many targets and flows there are. True: the whitelist is another one, for
 * instance_follow() to make. */
bool instance_answer(struct instance *instance, const struct resolve_answer *answer);
/* Puts in force what answers changed; as long as a walk over all targets, flows and rows. True: the whitelist is another one (the
 * meter knows it already), so the tap's filter must follow. */
bool instance_follow(struct instance *instance, struct meter *meter, const struct instance_host *host);

/* "" or what its owner should know although it measures: names that do not resolve, entries that are none. */
void instance_warning(const struct instance *instance, uint32_t now_s, char out[static SEG_ERROR_MAX]);

/* As long as it is the same, so is what instance_peer_name() says of a row. */
uint64_t instance_revision(const struct instance *instance);

/* What the tag dst: says of a row: a configured or resolved name; NULL: the address or block itself. */
const char *instance_peer_name(const struct instance *instance, const struct meter_row *row);

#endif
