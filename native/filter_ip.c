/* filter_ip.c: IPv4 and IPv6: TCP, our own pure ACKs, and who is wanted.
 *
 * Our own pure ACKs do not leave the kernel. An instance that measures what we send takes from a segment of ours without data
 * only what that acknowledges, and that stands in every segment of ours with data as well (docs/filter.md has the
 * whole argument). Dropped is what this host sends out, not what a mirror shows of it, from an address of ours to one that is
 * not, when it is nothing but an ACK: no data, no SYN, FIN, RST, PSH or URG. SACK blocks are no matter: they are about what the
 * peer sends, which is not measured. Where both addresses are ours both directions are measured, and all passes. What is not
 * plain (IP options, extension headers, fragments, an IP length of 0) passes. */
#include "filter_ip.h"

#include <linux/if_packet.h>
#include <netinet/in.h>

#include "packet.h"

#define ALL_FLAGS (TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK | TCP_URG)
#define LENGTH_SLOT 8 /* behind the addresses */

/* Offsets from the IP header. */
static const struct layout {
    uint32_t addresses, words; /* the source's first; of each */
    uint32_t length;           /* the IP header's own length field, and */
    uint32_t counted;          /* how much of the IP header that counts */
    uint32_t tcp;              /* where TCP begins if nothing is in between */
} layouts[2] = {
    { .addresses = 8, .words = 4, .length = 4, .counted = 0, .tcp = 40 },
    { .addresses = 12, .words = 1, .length = 2, .counted = 20, .tcp = 20 },
};

static void emit_load(struct filter_emitter *e, const struct filter_place *place, uint16_t size, uint32_t at)
{
    const uint16_t mode = place->by_x ? BPF_IND : BPF_ABS;

    filter_emit(e, (uint16_t)(BPF_LD | size | mode), 0, 0, at + (place->by_x ? 0 : place->offset));
}

/* Both into the scratch memory, the source from slot 0 on. */
static void emit_addresses(struct filter_emitter *e, const struct layout *layout, const struct filter_place *place)
{
    for (uint32_t word = 0; word < 2 * layout->words; word++) {
        emit_load(e, place, BPF_W, layout->addresses + 4 * word);
        filter_emit(e, ST, 0, 0, word);
    }
}

/* ---- the heads ---- */

static void emit_is_tcp_v4(struct filter_emitter *e, const struct filter_place *place)
{
    emit_load(e, place, BPF_B, 9);
    filter_emit(e, JEQ_K, 1, 0, IPPROTO_TCP);
    filter_emit(e, RET_K, 0, 0, 0);
    emit_load(e, place, BPF_H, 6);
    filter_emit(e, JSET_K, 0, 1, 0x1fff); /* a fragment that is not the first */
    filter_emit(e, RET_K, 0, 0, 0);
}

static void emit_is_tcp_v6(struct filter_emitter *e, const struct filter_place *place)
{
    static const uint32_t next_headers[] = { IPPROTO_TCP,      IPPROTO_HOPOPTS, IPPROTO_ROUTING,
                                             IPPROTO_FRAGMENT, IPPROTO_AH,      IPPROTO_DSTOPTS };
    const uint8_t n = sizeof next_headers / sizeof next_headers[0];

    emit_load(e, place, BPF_B, 6);
    for (uint8_t i = 0; i < n; i++)
        filter_emit(e, JEQ_K, (uint8_t)(n - i), 0, next_headers[i]);
    filter_emit(e, RET_K, 0, 0, 0);
}

static void emit_unless(struct filter_emitter *e, uint32_t k)
{
    filter_emit(e, JEQ_K, 1, 0, k);
    filter_emit(e, JA, 0, 0, UNPATCHED_PEERS);
}

/* IPv4 without options, and no first fragment of several; IPv6 without extension headers. */
static void emit_is_plain(struct filter_emitter *e, bool v4, const struct filter_place *place)
{
    emit_load(e, place, BPF_B, v4 ? 0 : 6);
    emit_unless(e, v4 ? 0x45 : IPPROTO_TCP);
    if (!v4)
        return;
    emit_load(e, place, BPF_H, 6);
    filter_emit(e, AND_K, 0, 0, 0x2000);
    emit_unless(e, 0);
}

/* The IP length is that of the headers. After that X is something else. */
static void emit_is_empty(struct filter_emitter *e, const struct layout *layout, const struct filter_place *place)
{
    emit_load(e, place, BPF_H, layout->length);
    filter_emit(e, ST, 0, 0, LENGTH_SLOT);
    emit_load(e, place, BPF_B, layout->tcp + 12);
    filter_emit(e, AND_K, 0, 0, 0xf0);
    filter_emit(e, RSH_K, 0, 0, 2);
    filter_emit(e, ADD_K, 0, 0, layout->counted);
    filter_emit(e, TAX, 0, 0, 0);
    filter_emit(e, LD_MEM, 0, 0, LENGTH_SLOT);
    filter_emit(e, JEQ_X, 1, 0, 0);
    filter_emit(e, JA, 0, 0, UNPATCHED_PEERS);
}

/* The flags are what most packets of ours fail by. */
static void emit_is_sent_ack(struct filter_emitter *e, bool v4, const struct filter_place *place, bool has_addresses)
{
    const struct layout *layout = &layouts[v4];

    filter_emit(e, LD_W_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
    emit_unless(e, PACKET_OUTGOING);
    emit_load(e, place, BPF_B, layout->tcp + 13);
    filter_emit(e, AND_K, 0, 0, ALL_FLAGS);
    emit_unless(e, TCP_ACK);
    emit_is_plain(e, v4, place);
    if (!has_addresses)
        emit_addresses(e, layout, place);
    emit_is_empty(e, layout, place);
    filter_emit(e, JA, 0, 0, UNPATCHED_OURS);
}

void filter_emit_head(struct filter_emitter *e, const struct filter_parts *parts, bool v4, const struct filter_place *place)
{
    if (v4)
        emit_is_tcp_v4(e, place);
    else
        emit_is_tcp_v6(e, place);
    if (parts->peers.listed)
        emit_addresses(e, &layouts[v4], place);
    if (parts->ours.count[v4] > 0)
        emit_is_sent_ack(e, v4, place, parts->peers.listed);
    else
        filter_emit(e, JA, 0, 0, UNPATCHED_PEERS);
}

/* ---- the searches ---- */

/* From an address of ours to one that is not. */
static void emit_ours(struct filter_emitter *e, const struct filter_peers *ours, bool v4)
{
    static const struct sock_filter found = { JA, 0, 0, UNPATCHED_FOUND };
    size_t start = e->length, destination;

    filter_emit_tree(e, ours, v4, 0, found);
    filter_patch_all(e, start, UNPATCHED_FOUND);
    destination = e->length;
    filter_emit_tree(e, ours, v4, layouts[v4].words, found);
    filter_patch_all(e, destination, UNPATCHED);
    filter_emit(e, RET_K, 0, 0, 0);
    filter_patch_all(e, start, UNPATCHED);
    filter_patch_all(e, start, UNPATCHED_FOUND);
}

static void emit_peers(struct filter_emitter *e, const struct filter_parts *parts, bool v4)
{
    const struct sock_filter accept = { RET_K, 0, 0, parts->accept };
    size_t start = e->length;

    if (!parts->peers.listed) {
        filter_emit(e, accept.code, 0, 0, accept.k);
        return;
    }
    filter_emit_tree(e, &parts->peers, v4, 0, accept);
    filter_patch_all(e, start, UNPATCHED);
    start = e->length;
    filter_emit_tree(e, &parts->peers, v4, layouts[v4].words, accept);
    filter_patch_all(e, start, UNPATCHED);
    filter_emit(e, RET_K, 0, 0, 0);
}

void filter_emit_searches(struct filter_emitter *e, const struct filter_parts *parts, bool v4, size_t heads)
{
    filter_patch_all(e, heads, UNPATCHED_OURS);
    if (parts->ours.count[v4] > 0)
        emit_ours(e, &parts->ours, v4);
    filter_patch_all(e, heads, UNPATCHED_PEERS);
    emit_peers(e, parts, v4);
}
