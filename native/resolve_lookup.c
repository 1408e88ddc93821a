/* resolve_lookup.c: one question to the C library -> its answer, checked. */
#include "resolve_private.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sockaddr.h"

#define FOUND_MAX 2 /* lists of addresses: of the first question, and of the family that it had none of */

static const struct family {
    unsigned bit;
    int number;
    const char *error;
} families[] = {
    { RESOLVE_V4, AF_INET, "its IPv4 addresses cannot be looked up now, the last ones stay" },
    { RESOLVE_V6, AF_INET6, "its IPv6 addresses cannot be looked up now, the last ones stay" },
};

/* Whether there certainly is nothing of that name; else nobody could be asked. What DNS said goes before the status, which is
 * that of the last service in nsswitch.conf: one that comes after DNS knows nothing and says so. */
static bool is_nothing(int status)
{
    if (_res.res_h_errno != NETDB_SUCCESS)
        return _res.res_h_errno == HOST_NOT_FOUND || _res.res_h_errno == NO_DATA;
    return status == EAI_NONAME || status == EAI_NODATA || status == EAI_ADDRFAMILY;
}

static int look_up(const char *name, int family, resolve_name_fn lookup_name, struct addrinfo **found)
{
    const struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_family = family, .ai_socktype = SOCK_STREAM };

    _res.res_h_errno = NETDB_SUCCESS;
    return lookup_name(name, NULL, &hints, found);
}

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

static size_t count_found(struct addrinfo *const found[static FOUND_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < FOUND_MAX; i++)
        for (const struct addrinfo *one = found[i]; one != NULL; one = one->ai_next)
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
static void keep_addresses(struct resolve_answer *answer, struct addrinfo *const found[static FOUND_MAX])
{
    answer->addresses = calloc(count_found(found) + 1, sizeof *answer->addresses);
    if (answer->addresses == NULL) {
        answer->error = gai_strerror(EAI_MEMORY);
        return;
    }
    for (size_t i = 0; i < FOUND_MAX; i++)
        for (const struct addrinfo *one = found[i]; one != NULL; one = one->ai_next)
            if (address_of(one, &answer->addresses[answer->count]))
                answer->count++;
    answer->count = sort_addresses(answer->addresses, answer->count);
    if (answer->count > RESOLVE_MAX_ADDRESSES) {
        answer->left_out = answer->count - RESOLVE_MAX_ADDRESSES;
        answer->count = RESOLVE_MAX_ADDRESSES;
    }
    if (answer->count == 0)
        answer->error = gai_strerror(EAI_NONAME);
}

static bool has_family(const struct addrinfo *found, int family)
{
    while (found != NULL && found->ai_family != family)
        found = found->ai_next;
    return found != NULL;
}

/* The name that was found, and a dot: by a shorter one another domain of the search list would be asked, which is another host.
 */
static void fill_name(char out[static NI_MAXHOST + 1], const struct resolve_answer *answer, const struct addrinfo *found)
{
    const char *name = found->ai_canonname;

    if (name == NULL || name[0] == '\0' || strlen(name) >= NI_MAXHOST)
        snprintf(out, NI_MAXHOST + 1, "%s", answer->name);
    else
        snprintf(out, NI_MAXHOST + 1, "%s%s", name, name[strlen(name) - 1] == '.' ? "" : ".");
}

/* NULL: there are addresses of each family that the asker knows of. */
static const struct family *missing_family(const struct resolve_answer *answer, const struct addrinfo *found)
{
    for (size_t i = 0; found != NULL && i < sizeof families / sizeof families[0]; i++)
        if ((answer->known & families[i].bit) != 0 && !has_family(found, families[i].number))
            return &families[i];
    return NULL;
}

/* The C library gives the addresses of one family when the name server fails for the other, as if there were no more. Who knows
 * of none of the other is spared the question: of a name in /etc/hosts DNS would be asked, which may hang. */
static void ask_for_missing(struct resolve_answer *answer, resolve_name_fn lookup_name, struct addrinfo *found[static FOUND_MAX])
{
    const struct family *family = missing_family(answer, found[0]);
    char name[NI_MAXHOST + 1];
    int status;

    if (family == NULL)
        return;
    fill_name(name, answer, found[0]);
    status = look_up(name, family->number, lookup_name, &found[1]);
    if (status == 0 || is_nothing(status))
        return;
    answer->failed = family->bit;
    answer->error = family->error;
}

void resolve_forward(struct resolve_answer *answer, resolve_name_fn lookup_name)
{
    struct addrinfo *found[FOUND_MAX] = { NULL, NULL };
    const int status = look_up(answer->name, AF_UNSPEC, lookup_name, &found[0]);

    if (status != 0) {
        answer->error = gai_strerror(status);
        return;
    }
    ask_for_missing(answer, lookup_name, found);
    keep_addresses(answer, found);
    for (size_t i = 0; i < FOUND_MAX; i++)
        if (found[i] != NULL)
            freeaddrinfo(found[i]);
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
    int status;
    size_t n;

    _res.res_h_errno = NETDB_SUCCESS;
    status = lookup_address((struct sockaddr *)&storage, length, name, sizeof name, NULL, 0, NI_NAMEREQD);
    if (status != 0) {
        answer->is_passing = !is_nothing(status);
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
