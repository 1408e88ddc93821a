/* roster.h: what is measured: the configuration in force, its instances, the taps that they share, and the meter; and the files
 * of instances that have one, each with a meter of its own.
 *
 * roster_new(); roster_apply() with each good configuration; roster_turn_windows() and roster_check() about once a second and
 * roster_links_changed() when links.h says so; roster_answer() for each answer of the resolver; roster_poll() and
 * roster_dispatch() around poll(2), and roster_follow() behind them; roster_free().
 *
 * What ends (a window, a capture that another one is to follow, the program) ends in the kernel first: when
 * roster_turn_windows(), roster_end_changed() or roster_end_all() have said so, what was captured until then is dispatched as
 * long as roster_await() says that there is more, and as there is time for it; then roster_ended(). */
#ifndef GO_METRO_ROSTER_H
#define GO_METRO_ROSTER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "instance.h"
#include "meter.h"
#include "resolve.h"
#include "tap.h"

#define ROSTER_MAX METER_MAX_INSTANCES

struct roster;

/* user_filter: -f or NULL, outlives the roster. hash_seed: from the kernel's random source. NULL: out of memory. */
struct roster *roster_new(const char *user_filter, const uint64_t hash_seed[static 2]);
void roster_free(struct roster *roster);

/* Who is told of each row that gives way to another (meter.h). Before the first roster_apply(). */
void roster_on_departure(struct roster *roster, void (*fn)(void *arg, uint64_t birth, uint64_t other_birth), void *arg);

/* Takes the configuration (and frees it in time). What is the same in both keeps its capture, flows and rows. 0; -1: out of
 * memory (logged; what could not be started is missing). */
int roster_apply(struct roster *roster, struct config *config);

/* Whether that configuration leaves each row as it is, and the tags of each instance. */
bool roster_goes_on(const struct roster *roster, const struct config *config);

const struct config *roster_config(const struct roster *roster); /* NULL before the first */
const struct meter *roster_meter(const struct roster *roster);   /* of the interfaces; NULL before the first */
/* How many rows there may be under that configuration, but for those of what is over max_peers: each file has that many too. */
uint32_t roster_max_peers(const struct config *config);
/* Whether anything is captured under that configuration, or it has files alone. */
bool roster_captures(const struct config *config);
struct instance *roster_instances(struct roster *roster, size_t *count);

/* Opens and closes what is measured in windows (window.h), by CLOCK_BOOTTIME seconds; also while nothing can be captured. True:
 * some end. */
bool roster_turn_windows(struct roster *roster, uint32_t now_s);
/* The captures that this configuration would have closed and opened anew. True: there are such. */
bool roster_end_changed(struct roster *roster, const struct config *config);
/* All captures. */
void roster_end_all(struct roster *roster);
/* Waits until there is more in the rings of what ends, for so long at most, and whether there is. */
bool roster_await(const struct roster *roster, int timeout_ms);
/* Of windows: what is in flight gives no round trip any more, and the flows are forgotten. What is still in the rings, or in
 * those of windows is found there later on, is counted as ignored (`too_late`). */
void roster_ended(struct roster *roster);

/* now_s: monotonic seconds. Opens and closes taps and files, asks names that are due, lets flows expire. forbidden: NULL, or why
 * no tap may be opened: each says so, and the files are read all the same. */
void roster_check(struct roster *roster, struct resolver *resolver, const char *forbidden, uint32_t now_s);
/* Addresses may be others; they are read with roster_follow(). */
void roster_links_changed(struct roster *roster);
/* Takes in an answer, which comes into force with roster_follow(). */
void roster_answer(struct roster *roster, const struct resolve_answer *answer);
/* Sets and filters follow what came of both: at once; but that it costs at most a sixteenth of the time while more and more
 * comes, not before sixteen times as long has passed as it took the last time. True: messages of links were followed, and
 * captures may have to be opened or closed (roster_check()). */
bool roster_follow(struct roster *roster);
void roster_clock_step(struct roster *roster);

/* One entry a tap (fd -1 while it is closed or left alone); the number of them. *timeout_ms: for how long poll(2) may wait, as
 * one is left alone or nothing is followed until then; -1: for ever; 0: not at all, as there is a file to be read. */
size_t roster_poll(const struct roster *roster, struct pollfd out[static ROSTER_MAX], int *timeout_ms);
/* Dispatches what poll() found, or everything when polled is NULL, and reads a file on for a moment. skip: frames of interfaces
 * are counted as ignored (`clock_step`) and not measured. */
void roster_dispatch(struct roster *roster, const struct pollfd *polled, uint32_t now_s, bool skip);

/* After a gap: everything in flight becomes unacked and flows are forgotten; rows stay. */
void roster_finish(struct roster *roster);
/* Closes every capture, for roster_check() to open anew. */
void roster_close(struct roster *roster);

#endif
