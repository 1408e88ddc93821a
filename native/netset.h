/* netset.h: a set of addresses and CIDR blocks with longest match: whitelists, local networks, this host's own addresses.
 *
 * netset_new(), netset_add() ..., netset_lookup() per packet, netset_free(). A lookup costs one hash probe for each prefix
 * length that occurs in the address's family, longest first; 10,000 entries are nothing special. The hash is seeded from the
 * process's random bytes, because addresses in packets are hostile. The families never mix: ::/0 matches no IPv4 address. */
#ifndef GO_METRO_NETSET_H
#define GO_METRO_NETSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

struct netset;

struct netset *netset_new(void);      /* NULL: out of memory */
void netset_free(struct netset *set); /* NULL is fine */
/* Adds, or replaces the value of an equal prefix; value is the caller's. 0, or -1 with errno ENOMEM, or EINVAL (bits > 128);
 * the set is then as before. Bits beyond the prefix's length are ignored. */
int netset_add(struct netset *set, const struct ip_prefix *prefix, uint32_t value);
/* The value of the longest prefix that contains the address -> *value (may be NULL). False, with *value untouched: none does. */
bool netset_lookup(const struct netset *set, const struct ip_address *address, uint32_t *value);
size_t netset_count(const struct netset *set);
/* Whether both hold the same prefixes with the same values; NULL is like NULL alone. */
bool netset_equal(const struct netset *a, const struct netset *b);
/* Calls fn for each entry, in no order. */
void netset_each(const struct netset *set, void (*fn)(const struct ip_prefix *prefix, uint32_t value, void *arg), void *arg);

#endif
