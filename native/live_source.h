/* live_source.h: one interface at work for `go-metro live`: its capture, the meter, and which addresses are ours.
 *
 * live_source_new(); live_source_check() at once, about once a second and when links.h says that something changed;
 * live_source_take() after each poll(2) of live_source_fd(); live_source_finish() at the end; live_source_free(). */
#ifndef GO_METRO_LIVE_SOURCE_H
#define GO_METRO_LIVE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "capture.h"
#include "meter.h"
#include "netset.h"

struct live_source_options {
    const char *interface;
    const char *filter;         /* -f, or NULL */
    const struct netset *local; /* what is ours; NULL: the interface's and the namespace's addresses, as they change */
    void (*on_sample)(const struct meter_sample *sample, void *arg); /* NULL: none */
};

struct live_source;

/* The strings and the set must outlive it. NULL with errno. */
struct live_source *live_source_new(const struct live_source_options *options);
void live_source_free(struct live_source *source); /* NULL is fine */

/* Opens what is closed and can be opened, closes what is gone, and looks at the addresses again when links_changed. */
void live_source_check(struct live_source *source, bool links_changed);

int live_source_fd(const struct live_source *source); /* -1 while nothing is captured */
/* Takes the frames, if some are ready. Around a step of the wall clock they are counted and not measured. */
void live_source_take(struct live_source *source, bool is_ready);
/* What the kernel still holds back, too; then whatever is in flight is unacked. */
void live_source_finish(struct live_source *source);

/* Why nothing is captured now; "": it is. */
const char *live_source_trouble(const struct live_source *source);
const struct meter *live_source_meter(const struct live_source *source);
int live_source_number(const struct live_source *source); /* the meter's instance */
void live_source_statistics(struct live_source *source, struct capture_statistics *out);
uint32_t live_source_clock_steps(const struct live_source *source); /* so far */
uint32_t live_source_now_s(void);                                   /* the meter's time */

#endif
