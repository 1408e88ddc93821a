/* statsd_host.c: see statsd_host.h. */
#include "statsd_host.h"

#include <stdio.h>
#include <string.h>

#define FAILED_AGAIN_S 15

void statsd_host_set(struct statsd_host *host, const char *name)
{
    *host = (struct statsd_host){ .is_name = true };
    snprintf(host->name, sizeof host->name, "%s", name);
    if (address_parse(name, &host->addresses[0])) {
        host->is_name = false;
        host->count = 1;
    }
}

void statsd_host_ask(struct statsd_host *host, struct resolver *resolver, uint32_t now_s, uint32_t interval_s)
{
    const uint32_t wait_s = host->error != NULL && interval_s > FAILED_AGAIN_S ? FAILED_AGAIN_S : interval_s;

    if (!host->is_name || (host->was_asked && now_s - host->asked_s < wait_s)
        || resolver_submit_name(resolver, host->name, resolve_families(host->addresses, host->count)) < 0)
        return;
    host->was_asked = true;
    host->asked_s = now_s;
}

bool statsd_host_answer(struct statsd_host *host, const struct resolve_answer *answer)
{
    struct ip_address before = host->addresses[host->present];
    const bool had_one = host->count > 0;
    struct resolve_outcome now;

    if (!host->is_name || answer->kind != RESOLVE_FORWARD || strcmp(answer->name, host->name) != 0
        || !resolve_outcome_of(&now, answer, host->addresses, host->count))
        return false;
    host->error = now.error;
    if (now.count == 0)
        return false;
    host->count = now.count < STATSD_HOST_ADDRESSES ? now.count : STATSD_HOST_ADDRESSES;
    memcpy(host->addresses, now.addresses, host->count * sizeof *host->addresses);
    host->present = 0;
    for (size_t i = 0; had_one && i < host->count; i++)
        if (address_equal(&host->addresses[i], &before))
            host->present = i;
    return !had_one || !address_equal(&host->addresses[host->present], &before);
}

const struct ip_address *statsd_host_address(const struct statsd_host *host)
{
    return host->count == 0 ? NULL : &host->addresses[host->present];
}

bool statsd_host_next(struct statsd_host *host)
{
    if (host->count < 2)
        return false;
    host->present = (host->present + 1) % host->count;
    return true;
}
