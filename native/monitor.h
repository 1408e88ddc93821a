/* monitor.h: the helper in the foreground: one process, one event loop, from start-up to last words. */
#ifndef GO_METRO_MONITOR_H
#define GO_METRO_MONITOR_H

#include "options.h"

/* Runs until SIGTERM or SIGINT. argv is for executing the program anew once its file has the capability. The exit status: 0
 * stopped on request, or there is no configuration; 1 it could not start. What the owner can mend while it runs does not end it.
 */
int monitor_run(const struct options *options, char *const argv[]);

#endif
