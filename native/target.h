/* target.h: whom an instance wants: its `ips` and `hosts`, their addresses and names as they are known now.
 *
 * targets_new() from the configuration; targets_ask() puts questions to the resolver at start and every resolve_interval;
 * targets_answer() takes an answer in and says whether the whitelist changed; targets_whitelist() makes the set; targets_free().
 * A name that fails keeps its last addresses and is warned of, and so does one that fails for a family that it has addresses of.
 * An address without a name has itself for one: that is not warned of, whatever the cause. */
#ifndef GO_METRO_TARGET_H
#define GO_METRO_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "netset.h"
#include "resolve.h"

#define TARGET_OTHER "other" /* the name of the row of those beyond max_peers: nobody else's */

struct targets;

struct targets *targets_new(const struct config_instance *instance,
                            bool resolve_names); /* NULL: out of memory; keeps no pointer */
void targets_free(struct targets *targets);

/* Takes over what `old` knows of the same hosts and addresses, so that a reload leaves no gap. False: out of memory for some. */
bool targets_inherit(struct targets *targets, const struct targets *old);

/* Asks for what is due at now_s (monotonic seconds): every name, and with resolve_names each single address's name. A name that
 * failed is asked for after 15 s already, and one whose first answer has addresses of one family only, once; the name of an
 * address after 15 s, 30 s and so on up to the interval if nobody could be asked for it. What the resolver's queue refuses is
 * asked for at the next call: call it about once a second. */
void targets_ask(struct targets *targets, struct resolver *resolver, uint32_t now_s, uint32_t interval_s);

/* True: the answer changed an address, so that the whitelist must be made anew. */
bool targets_answer(struct targets *targets, const struct resolve_answer *answer);

/* A fresh set: address or block -> a value that names its target; the caller frees it. The addresses of a host, and of all hosts
 * of the same name (but for case and dots at its end), have one value with METER_SHARED_ROW, the same as long as the host is
 * there, over reloads too. NULL: out of memory. */
struct netset *targets_whitelist(const struct targets *targets);

/* Another whenever an address or a name of a target became another, over targets_inherit() too. */
uint64_t targets_revision(const struct targets *targets);

/* What the tag dst: says for a peer that the whitelist gave `value` for: the host's name, the address's own name if no host and
 * no other address of the instance has the same, or NULL (then the address itself is the name). */
const char *targets_name(const struct targets *targets, uint32_t value);

/* Whether every name and address that is asked for has had an answer, good or bad. */
bool targets_are_answered(const struct targets *targets);
/* How often hosts got the first address of a family (IPv4, IPv6). */
uint64_t targets_found(const struct targets *targets);

/* "" or one line that says which names do not resolve, or have had no answer at now_s for long. */
void targets_warning(const struct targets *targets, uint32_t now_s, char *out, size_t size);
/* "" or one line that says which names have more addresses than are measured. */
void targets_excess(const struct targets *targets, char *out, size_t size);

#endif
