/* resolve_answer.c: what an answer leaves of what was known before. */
#include "resolve.h"

#include <string.h>

#define ALL_FAMILIES (RESOLVE_V4 | RESOLVE_V6)

static unsigned family_of(const struct ip_address *address)
{
    return address_is_v4(address) ? RESOLVE_V4 : RESOLVE_V6;
}

unsigned resolve_families(const struct ip_address *addresses, size_t count)
{
    unsigned families = 0;

    for (size_t i = 0; i < count; i++)
        families |= family_of(&addresses[i]);
    return families;
}

static void add(struct resolve_outcome *out, const struct ip_address *address)
{
    if (out->count < RESOLVE_MAX_ADDRESSES)
        out->addresses[out->count++] = *address;
    else
        out->left_out++;
}

/* In the order that both have. */
static void merge(struct resolve_outcome *out, const struct resolve_answer *answer, const struct ip_address *had,
                  size_t had_count, unsigned kept)
{
    size_t i = 0;

    for (size_t old = 0; old < had_count; old++) {
        if ((family_of(&had[old]) & kept) == 0)
            continue;
        while (i < answer->count && memcmp(&answer->addresses[i], &had[old], sizeof had[old]) < 0)
            add(out, &answer->addresses[i++]);
        add(out, &had[old]);
    }
    while (i < answer->count)
        add(out, &answer->addresses[i++]);
}

bool resolve_outcome_of(struct resolve_outcome *out, const struct resolve_answer *answer, const struct ip_address *had,
                        size_t had_count)
{
    const unsigned had_families = resolve_families(had, had_count);
    const unsigned kept = answer->count == 0 ? ALL_FAMILIES : answer->failed;
    const unsigned told = resolve_families(answer->addresses, answer->count) | answer->known | kept;

    if ((had_families & ~told) != 0)
        return false;
    out->count = 0;
    out->left_out = answer->left_out;
    out->error = answer->count == 0 || (had_families & kept) != 0 ? answer->error : NULL;
    merge(out, answer, had, had_count, kept);
    return true;
}
