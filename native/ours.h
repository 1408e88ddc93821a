/* ours.h: whose pure ACKs need not leave the kernel. */
#ifndef GO_METRO_OURS_H
#define GO_METRO_OURS_H

#include "netset.h"

/* Addresses that make a connection with any address that is not among them one whose only measured side is theirs, by the
 * rules of sides.h, whatever the instance's local_nets say. own: the captured interface's, host: the namespace's; as the meter
 * has them; NULL: none. The caller frees the set; NULL: none is known for that, or out of memory (all pure ACKs pass). */
struct netset *ours_make(const struct netset *own, const struct netset *host);

#endif
