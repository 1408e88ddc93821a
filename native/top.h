/* top.h: `go-metro top`: the segment, live on a terminal. */
#ifndef GO_METRO_TOP_H
#define GO_METRO_TOP_H

#include "options.h"

/* Which segment: as status.h has it. Until q or ^C. The exit status: 0; 1 it is no terminal, or one that cannot be drawn on, or
 * memory is short (a line on stderr says so). A helper that is away is no failure: it is waited for. */
int top_run(const struct options *options);

#endif
