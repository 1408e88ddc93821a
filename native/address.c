/* address.c: IP addresses and prefixes in one 16-byte form: text, masks, comparison. */
#include "address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

#define V4_BITS 96
#define ALL_BITS 128

struct ip_address address_masked(const struct ip_address *address, unsigned bits)
{
    struct ip_address masked = { { 0 } };
    size_t whole = bits / 8;

    if (bits >= ALL_BITS)
        return *address;
    memcpy(masked.bytes, address->bytes, whole);
    masked.bytes[whole] = (uint8_t)(address->bytes[whole] & ~(0xffu >> bits % 8));
    return masked;
}

const char *address_format(char out[static ADDRESS_STRLEN], const struct ip_address *address)
{
    /* inet_ntop fails only for an unknown family or a short buffer, and here is neither. */
    if (address_is_v4(address))
        (void)inet_ntop(AF_INET, address->bytes + ADDRESS_V4_OFFSET, out, ADDRESS_STRLEN);
    else
        (void)inet_ntop(AF_INET6, address->bytes, out, ADDRESS_STRLEN);
    return out;
}

const char *prefix_format(char out[static PREFIX_STRLEN], const struct ip_prefix *prefix)
{
    unsigned bits = prefix->bits;
    size_t length;

    address_format(out, &prefix->base);
    if (bits >= ALL_BITS)
        return out;
    if (address_is_v4(&prefix->base)) /* then bits >= V4_BITS, or ::ffff would not be in the base */
        bits -= V4_BITS;
    length = strlen(out);
    snprintf(out + length, PREFIX_STRLEN - length, "/%u", bits);
    return out;
}

bool address_parse(const char *text, struct ip_address *out)
{
    uint8_t bytes[16];

    if (inet_pton(AF_INET, text, bytes) == 1)
        *out = address_from_v4(bytes);
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        *out = address_from_v6(bytes);
    else
        return false;
    return true;
}

/* Plain decimal of one to three digits without leading zeros, at most `max`. */
static bool parse_length(const char *text, unsigned max, unsigned *out)
{
    size_t digits = strspn(text, "0123456789");
    unsigned value = 0;

    if (digits == 0 || digits > 3 || text[digits] != '\0' || (digits > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    if (value > max)
        return false;
    *out = value;
    return true;
}

bool prefix_parse(const char *text, struct ip_prefix *out, bool *cleared)
{
    char base_text[ADDRESS_STRLEN];
    size_t base_length = strcspn(text, "/");
    struct ip_address base;
    unsigned bits;
    unsigned offset; /* where the text's own count of bits begins in the 16-byte form */

    if (base_length >= sizeof base_text)
        return false;
    memcpy(base_text, text, base_length);
    base_text[base_length] = '\0';
    if (!address_parse(base_text, &base))
        return false;
    offset = strchr(base_text, ':') == NULL ? V4_BITS : 0;
    bits = ALL_BITS - offset;
    if (text[base_length] == '/' && !parse_length(text + base_length + 1, ALL_BITS - offset, &bits))
        return false;
    out->bits = (uint8_t)(offset + bits);
    out->base = address_masked(&base, out->bits);
    if (cleared != NULL)
        *cleared = !address_equal(&base, &out->base);
    return true;
}

bool prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address)
{
    struct ip_address masked;

    if (address_is_v4(address) != address_is_v4(&prefix->base))
        return false;
    masked = address_masked(address, prefix->bits);
    return address_equal(&masked, &prefix->base);
}
