/* sides.h: which side of a connection is ours, and whether the instance asks for the other. Pure. */
#ifndef GO_METRO_SIDES_H
#define GO_METRO_SIDES_H

#include "address.h"
#include "meter.h"
#include "packet.h"

/* The sides (bit n: address[n]) whose round trips are measured. Ours is who has an address of the captured interface, then of
 * the namespace, then of local_nets; both equal: both sides. A side counts only if its peer is wanted. 0: none, and *reason
 * says why. */
unsigned sides_measured(const struct meter_instance *instance, const struct ip_address address[static 2],
                        enum packet_reason *reason);

/* Whether an address can be ours at all. */
bool sides_is_ours(const struct meter_instance *instance, const struct ip_address *address);

#endif
