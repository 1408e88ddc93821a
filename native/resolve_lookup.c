/* resolve_lookup.c: one question to the C library -> its answer, checked. */
#include "resolve_private.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "sockaddr.h"

static bool address_of(const struct addrinfo *found, struct ip_address *out)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (found->ai_family == AF_INET && found->ai_addrlen >= sizeof v4) {
        memcpy(&v4, found->ai_addr, sizeof v4);
        *out = address_from_v4((const uint8_t *)&v4.sin_addr);
        return true;
    }
    if (found->ai_family == AF_INET6 && found->ai_addrlen >= sizeof v6) {
        memcpy(&v6, found->ai_addr, sizeof v6);
        *out = address_from_v6(v6.sin6_addr.s6_addr);
        return true;
    }
    return false;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct ip_address));
}

static size_t count_found(const struct addrinfo *found)
{
    size_t count = 0;

    for (; found != NULL; found = found->ai_next)
        count++;
    return count;
}

/* Each once, in an order of their own: servers deal them out in another one each time, which is no change. */
static size_t sort_addresses(struct ip_address *addresses, size_t count)
{
    size_t kept = 0;

    qsort(addresses, count, sizeof *addresses, by_bytes);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !address_equal(&addresses[kept - 1], &addresses[i]))
            addresses[kept++] = addresses[i];
    return kept;
}

/* Of too many the first of that order, which are the same each time. */
static void keep_addresses(struct resolve_answer *answer, const struct addrinfo *found)
{
    answer->addresses = calloc(count_found(found) + 1, sizeof *answer->addresses);
    if (answer->addresses == NULL) {
        answer->error = gai_strerror(EAI_MEMORY);
        return;
    }
    for (; found != NULL; found = found->ai_next)
        if (address_of(found, &answer->addresses[answer->count]))
            answer->count++;
    answer->count = sort_addresses(answer->addresses, answer->count);
    if (answer->count > RESOLVE_MAX_ADDRESSES) {
        answer->left_out = answer->count - RESOLVE_MAX_ADDRESSES;
        answer->count = RESOLVE_MAX_ADDRESSES;
    }
    if (answer->count == 0)
        answer->error = gai_strerror(EAI_NONAME);
}

void resolve_forward(struct resolve_answer *answer, resolve_name_fn lookup_name)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found = NULL;
    int status = lookup_name(answer->name, NULL, &hints, &found);

    if (status != 0) {
        answer->error = gai_strerror(status);
        return;
    }
    keep_addresses(answer, found);
    if (found != NULL)
        freeaddrinfo(found);
}

/* A name from the network ends up in tags, logs and terminals. */
static bool is_host_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    return name[0] != '\0' && name[strspn(name, allowed)] == '\0';
}

void resolve_reverse(struct resolve_answer *answer, resolve_address_fn lookup_address)
{
    struct sockaddr_storage storage;
    socklen_t length = sockaddr_fill(&storage, &answer->address, 0);
    char name[NI_MAXHOST] = "";
    int status = lookup_address((struct sockaddr *)&storage, length, name, sizeof name, NULL, 0, NI_NAMEREQD);
    size_t n;

    if (status != 0) {
        answer->error = gai_strerror(status);
        return;
    }
    n = strnlen(name, sizeof name - 1);
    if (n > 0 && name[n - 1] == '.')
        n--;
    name[n] = '\0';
    if (n < sizeof answer->name && is_host_name(name))
        memcpy(answer->name, name, n + 1);
    else
        answer->error = "the answer is not a host name";
}
