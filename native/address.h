/* address.h: IP addresses and prefixes, both families in one 16-byte form.
 *
 * An IPv4 address is held as ::ffff:a.b.c.d, so that one hash and one compare serve both families. An IPv6 packet that
 * carries such an address on the wire is refused by packet.c, so the two never mix. */
#ifndef GO_METRO_ADDRESS_H
#define GO_METRO_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ADDRESS_STRLEN 46 /* INET6_ADDRSTRLEN, with the final NUL */
#define PREFIX_STRLEN (ADDRESS_STRLEN + 4)

struct ip_address {
    uint8_t bytes[16];
};

struct ip_prefix {
    struct ip_address base; /* bits beyond `bits` are zero */
    uint8_t bits;           /* of the 16-byte form: 0..128, an IPv4 /n is 96 + n */
};

#define ADDRESS_V4_OFFSET 12 /* of the four bytes of an IPv4 address in the 16-byte form */

/* Those that each packet calls are here, and go by words: a load waits where it takes together what several stores have written.
 */
static inline uint64_t address_word(const struct ip_address *address, unsigned n)
{
    uint64_t word;

    memcpy(&word, address->bytes + n * sizeof word, sizeof word);
    return word;
}

static inline struct ip_address address_from_v4(const uint8_t bytes[static 4])
{
    const uint8_t marked[sizeof(uint64_t)] = { 0, 0, 0xff, 0xff, bytes[0], bytes[1], bytes[2], bytes[3] };
    struct ip_address address = { { 0 } };
    uint64_t word;

    memcpy(&word, marked, sizeof word);
    memcpy(address.bytes + sizeof word, &word, sizeof word);
    return address;
}

static inline struct ip_address address_from_v6(const uint8_t bytes[static 16])
{
    struct ip_address address;

    memcpy(address.bytes, bytes, sizeof address.bytes);
    return address;
}

static inline bool address_is_v4(const struct ip_address *address)
{
    static const uint8_t marked[4] = { 0, 0, 0xff, 0xff };

    return address_word(address, 0) == 0 && memcmp(address->bytes + 8, marked, sizeof marked) == 0;
}

/* Bits that differ, of both words together; 0: the same address. */
static inline uint64_t address_differs(const struct ip_address *a, const struct ip_address *b)
{
    return (address_word(a, 0) ^ address_word(b, 0)) | (address_word(a, 1) ^ address_word(b, 1));
}

static inline bool address_equal(const struct ip_address *a, const struct ip_address *b)
{
    return address_differs(a, b) == 0;
}

/* The first `bits` bits of the 16-byte form (0..128; more is 128), the rest zero. */
struct ip_address address_masked(const struct ip_address *address, unsigned bits);

/* Canonical text (inet_ntop's: RFC 5952). Returns `out`. */
const char *address_format(char out[static ADDRESS_STRLEN], const struct ip_address *address);
/* "192.0.2.0/24"; a prefix of full length is written as the bare address. Returns `out`. */
const char *prefix_format(char out[static PREFIX_STRLEN], const struct ip_prefix *prefix);

/* Text of one address ("192.0.2.1", "2001:db8::1"; no zone, no port) -> *out. False, with *out untouched, if it is none.
 * "::ffff:192.0.2.1" is the IPv4 address. */
bool address_parse(const char *text, struct ip_address *out);

/* Text of an address or a CIDR block -> *out, bits beyond the length cleared; *cleared (may be NULL) says if any was set.
 * A bare address is a prefix of full length. The length is plain decimal without leading zeros; no netmask. False, with *out
 * and *cleared untouched, if it is neither. */
bool prefix_parse(const char *text, struct ip_prefix *out, bool *cleared);
/* The families never mix: ::/0 contains no IPv4 address. */
bool prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address);

#endif
