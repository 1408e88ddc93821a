/* local_nets.h: --local of the command line -> the addresses that are ours. */
#ifndef GO_METRO_LOCAL_NETS_H
#define GO_METRO_LOCAL_NETS_H

#include "netset.h"
#include "options.h"

/* 0: *out is the caller's, NULL without any --local. Else *out is NULL, a line on stderr says why, and this is the exit status.
 */
int local_nets_make(const struct options *options, struct netset **out);

#endif
