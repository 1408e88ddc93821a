/* filter_ip.h: the part of a program that begins at the IP header. Of use to filter.c only.
 *
 * filter_emit_head() for each place where the header of a family may begin, then filter_emit_searches() once: the searches are
 * long and there is one of them for all places. What they search for lies in the scratch memory by then. Loads are from a fixed
 * offset where that can be: the kernel's JIT compiles them in place, but a load by X (BPF_IND) is a call, and takes 10 ns. */
#ifndef GO_METRO_FILTER_IP_H
#define GO_METRO_FILTER_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter_tree.h"

/* What the program is made of. */
struct filter_parts {
    struct filter_peers peers, ours;
    uint32_t accept;
};

/* Where the IP header begins. */
struct filter_place {
    bool by_x; /* at X; else at: */
    uint32_t offset;
};

/* TCP (or an IPv6 extension header, behind which it may be), and no fragment but the first, or else `ret #0`. Goes on with the
 * searches. */
void filter_emit_head(struct filter_emitter *e, const struct filter_parts *parts, bool v4, const struct filter_place *place);
/* Behind the heads of one family, which begin at `heads`. */
void filter_emit_searches(struct filter_emitter *e, const struct filter_parts *parts, bool v4, size_t heads);

#endif
