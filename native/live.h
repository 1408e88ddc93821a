/* live.h: `go-metro live`: round trips of an interface, now. */
#ifndef GO_METRO_LIVE_H
#define GO_METRO_LIVE_H

#include "options.h"

/* Until SIGINT, SIGTERM, SIGHUP or SIGQUIT, then a last look. Every second: the table, on a terminal in place; with json the rows
 * of that second that have news, and at the end the total; with samples a line a round trip. The exit status: 0; 1 with a line on
 * stderr: no such interface, no right to capture, a bad -f, output that cannot be written; 2 a --local that is none.
 *
 * Root becomes dd-agent, or nobody where there is none, or else stays uid 0; whoever it is keeps CAP_NET_RAW alone, permitted and
 * effective only while the capture is opened. An interface that goes down or away is waited for. It is promiscuous, as a mirror
 * port needs it. */
int live_run(const struct options *options);

#endif
