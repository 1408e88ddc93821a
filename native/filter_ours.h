/* filter_ours.h: our own pure ACKs, which do not leave the kernel. Of use to filter.c only.
 *
 * An instance that measures what we send takes from a segment of ours without data only what that acknowledges, and that stands
 * in every segment of ours with data as well; docs/performance/filter.md has the whole argument. Dropped is what this host sends
 * out (not what a mirror shows of it) from an address of ours to one that is not, when it is nothing but an ACK: no data, no SYN,
 * FIN, RST, PSH or URG. Whether it carries SACK blocks is no matter: they are about what the peer sends, which is not measured.
 * Where both addresses are ours both directions are measured, and all passes. What is not plain (IP options, extension headers,
 * fragments, an IP length of 0) passes. */
#ifndef GO_METRO_FILTER_OURS_H
#define GO_METRO_FILTER_OURS_H

#include <stdbool.h>

#include "filter_tree.h"

/* Written behind the test for TCP: X is the offset of the IP header. A pure ACK of ours ends with `ret #0`, what is not goes on
 * behind it with X as it was. Nothing is written where ours has no address of that family. */
void filter_emit_ours(struct filter_emitter *e, const struct filter_peers *ours, bool v4);

#endif
