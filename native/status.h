/* status.h: `go-metro status`: what the segment says now, for people, as JSON lines, or as Prometheus text. */
#ifndef GO_METRO_STATUS_H
#define GO_METRO_STATUS_H

#include "options.h"

/* Which segment: --segment, else the one that the configuration (-cfg) names, else the default one; a configuration that is
 * absent, wrong or not for the caller to read counts as none. Prints to stdout. The exit status: 0 the segment could be read,
 * whatever it says; 1 it could not: why goes to stdout with --json, else to stderr, and with --prometheus stdout says that the
 * helper is not up; 3 what was printed is not whole, as it could not be written or there was no memory for it. stdout is closed.
 */
int status_run(const struct options *options);

#endif
