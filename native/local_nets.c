/* local_nets.c: --local of the command line. */
#include "local_nets.h"

#include <stdio.h>

static int fail(struct netset **set, int status, const char *text, const char *what)
{
    netset_free(*set);
    *set = NULL;
    if (text != NULL)
        fprintf(stderr, "go-metro: --local %s: %s\n", text, what);
    else
        fprintf(stderr, "go-metro: %s\n", what);
    return status;
}

int local_nets_make(const struct options *options, struct netset **out)
{
    struct ip_prefix prefix;

    *out = NULL;
    if (options->local_count == 0)
        return 0;
    *out = netset_new();
    if (*out == NULL)
        return fail(out, 1, NULL, "out of memory");
    for (size_t i = 0; i < options->local_count; i++) {
        if (!prefix_parse(options->local[i], &prefix, NULL))
            return fail(out, 2, options->local[i], "not an address or CIDR block");
        if (netset_add(*out, &prefix, 0) < 0)
            return fail(out, 1, NULL, "out of memory");
    }
    return 0;
}
