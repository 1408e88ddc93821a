/* fingerprint.h: what an instance captures and how it groups, as one number that helper and check compute alike.
 *
 * CRC-32C of this canonical text, in UTF-8, each line ended by '\n', in this order:
 *     go-metro fingerprint 1
 *     interface=NAME
 *     pcap=PATH                  (empty when there is none)
 *     ip=TEXT                    one line for each text in `ips`, address or not, as written in the YAML
 *                                (no numbers, dates ...), sorted by bytes, doubles once
 *     host=TEXT                  of `hosts`, likewise
 *     local_net=TEXT             of `local_nets`, likewise
 *     all_peers=0|1
 *     promiscuous=0|1
 *     group_by=peer|peer_port|subnet
 *     subnet_v4=BITS             (this and the next only with group_by=subnet)
 *     subnet_v6=BITS
 *     sample=0|1
 *     sample_duration=SECONDS    (0 unless sample)
 *     sample_interval=SECONDS    (0 unless sample)
 * Tags are not in it: they are the check's alone. */
#ifndef GO_METRO_FINGERPRINT_H
#define GO_METRO_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"

uint32_t fingerprint_instance(const struct config_instance *instance); /* 0 and errno ENOMEM: out of memory */

/* Likewise, of what alone is asked of the meter: whom it measures, who is ours, and what is one row. Where the packets come from
 * and when is not in it. The helper's alone. */
uint32_t fingerprint_asked(const struct config_instance *instance);

/* The canonical text of the first, for tests and messages. 0: *out (NUL behind its *size bytes) is the caller's to free(); -1:
 * errno ENOMEM, *out is NULL. */
int fingerprint_text(const struct config_instance *instance, char **out, size_t *size);

#endif
