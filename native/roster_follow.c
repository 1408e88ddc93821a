/* roster_follow.c: what is measured follows the host's addresses and the answers of the resolver. */
#include "roster_private.h"

#include "clock.h"
#include "links.h"
#include "log.h"

#define FOLLOW_SHARE 16 /* that part of the time at most goes into it */

void roster_refresh_own(struct roster *roster, struct shared_tap *shared)
{
    struct netset *old = shared->own, *own = links_own_addresses(tap_interface(shared->tap));

    if (own == NULL) {
        log_warn("roster_follow", "%s: its addresses cannot be read", tap_interface(shared->tap));
        return;
    }
    shared->own = own;
    for (size_t i = 0; i < roster->count; i++)
        if (roster->instances[i].tap == shared->tap) {
            struct instance_host host = { .own = own, .host = roster->host };

            instance_refresh(&roster->instances[i], roster->meter, &host);
        }
    netset_free(old);
    roster_refilter(roster, shared);
}

void roster_refresh_host(struct roster *roster)
{
    struct netset *old = roster->host, *host = links_host_addresses();

    if (host == NULL) {
        log_warn("roster_follow", "this host's addresses cannot be read");
        return;
    }
    roster->host = host;
    for (size_t i = 0; i < roster->count; i++) {
        struct instance_host sets = roster_host(roster, roster->instances[i].tap);

        if (roster->instances[i].replay == NULL)
            instance_refresh(&roster->instances[i], roster->meter, &sets);
    }
    netset_free(old);
}

/* ---- what came ---- */

void roster_links_changed(struct roster *roster)
{
    if (roster->meter != NULL)
        roster->are_links_new = roster->is_behind = true;
}

void roster_answer(struct roster *roster, const struct resolve_answer *answer)
{
    for (size_t i = 0; i < roster->count; i++)
        roster->is_behind |= instance_answer(&roster->instances[i], answer);
}

/* ---- what follows ---- */

static void follow_links(struct roster *roster)
{
    roster_refresh_host(roster);
    for (size_t i = 0; i < roster->tap_count; i++)
        roster_refresh_own(roster, &roster->taps[i]);
}

static void follow_answers(struct roster *roster)
{
    uint64_t followed = 0; /* the meter's bits */

    for (size_t i = 0; i < roster->count; i++) {
        struct instance *instance = &roster->instances[i];
        struct instance_host host = roster_host(roster, instance->tap);

        if (instance_follow(instance, roster_meter_of(roster, instance), &host) && instance->replay == NULL)
            followed |= UINT64_C(1) << instance->number;
    }
    for (size_t i = 0; i < roster->tap_count; i++)
        if ((roster->taps[i].instances & followed) != 0)
            roster_refilter(roster, &roster->taps[i]);
}

bool roster_follow(struct roster *roster)
{
    const bool are_links_new = roster->are_links_new;
    uint64_t begun_ns, ended_ns;

    if (!roster->is_behind || (begun_ns = clock_ns(CLOCK_MONOTONIC)) < roster->follow_from_ns)
        return false;
    if (are_links_new && roster->meter != NULL)
        follow_links(roster);
    follow_answers(roster);
    ended_ns = clock_ns(CLOCK_MONOTONIC);
    roster->are_links_new = roster->is_behind = false;
    roster->follow_from_ns = ended_ns + FOLLOW_SHARE * (ended_ns - begun_ns);
    return are_links_new;
}

int roster_until_followed_ms(const struct roster *roster)
{
    uint64_t now_ns;

    if (!roster->is_behind)
        return -1;
    now_ns = clock_ns(CLOCK_MONOTONIC);
    return now_ns >= roster->follow_from_ns ? 0 : (int)((roster->follow_from_ns - now_ns) / 1000000) + 1;
}
