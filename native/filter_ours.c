/* filter_ours.c: see filter_ours.h. */
#include "filter_ours.h"

#include <linux/if_packet.h>
#include <netinet/in.h>

#include "packet.h"

#define ALL_FLAGS (TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK | TCP_URG)

/* Offsets from the IP header. */
static const struct layout {
    uint32_t source, destination;
    uint32_t length;  /* the IP header's own length field, and */
    uint32_t counted; /* how much of the IP header that counts */
    uint32_t tcp;     /* where TCP begins if nothing is in between */
} layouts[2] = {
    { .source = 8, .destination = 24, .length = 4, .counted = 0, .tcp = 40 },
    { .source = 12, .destination = 16, .length = 2, .counted = 20, .tcp = 20 },
};

/* Where A is not k, on to what is emitted behind all of this. */
static void emit_unless(struct filter_emitter *e, uint32_t k)
{
    filter_emit(e, JEQ_K, 1, 0, k);
    filter_emit(e, JA, 0, 0, UNPATCHED);
}

/* IPv4 without options and fragments, IPv6 without extension headers. */
static void emit_plain(struct filter_emitter *e, bool v4)
{
    filter_emit(e, LD_B_IND, 0, 0, v4 ? 0 : 6);
    emit_unless(e, v4 ? 0x45 : IPPROTO_TCP);
    if (!v4)
        return;
    filter_emit(e, LD_H_IND, 0, 0, 6);
    filter_emit(e, AND_K, 0, 0, 0x3fff); /* but for "don't fragment" */
    emit_unless(e, 0);
}

/* The IP length is that of the headers. X gives way to the one and comes back from M[0] on both ways. */
static void emit_empty(struct filter_emitter *e, const struct layout *layout)
{
    filter_emit(e, STX, 0, 0, 0);
    filter_emit(e, LD_B_IND, 0, 0, layout->tcp + 12);
    filter_emit(e, AND_K, 0, 0, 0xf0);
    filter_emit(e, RSH_K, 0, 0, 2);
    filter_emit(e, ADD_K, 0, 0, layout->counted);
    filter_emit(e, ST, 0, 0, 1);
    filter_emit(e, LD_H_IND, 0, 0, layout->length);
    filter_emit(e, LDX_MEM, 0, 0, 1);
    filter_emit(e, JEQ_X, 2, 0, 0);
    filter_emit(e, LDX_MEM, 0, 0, 0);
    filter_emit(e, JA, 0, 0, UNPATCHED);
    filter_emit(e, LDX_MEM, 0, 0, 0);
}

void filter_emit_ours(struct filter_emitter *e, const struct filter_peers *ours, bool v4)
{
    static const struct sock_filter found = { JA, 0, 0, UNPATCHED_FOUND };
    const struct layout *layout = &layouts[v4];
    size_t start = e->length, destination;

    if (ours->count[v4] == 0)
        return;
    filter_emit(e, LD_W_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE));
    emit_unless(e, PACKET_OUTGOING);
    emit_plain(e, v4);
    filter_emit(e, LD_B_IND, 0, 0, layout->tcp + 13);
    filter_emit(e, AND_K, 0, 0, ALL_FLAGS);
    emit_unless(e, TCP_ACK);
    emit_empty(e, layout);
    filter_emit_tree(e, ours, v4, layout->source, found);
    filter_patch_all(e, start, UNPATCHED_FOUND);
    destination = e->length;
    filter_emit_tree(e, ours, v4, layout->destination, found);
    filter_patch_all(e, destination, UNPATCHED);
    filter_emit(e, RET_K, 0, 0, 0);
    filter_patch_all(e, start, UNPATCHED);
    filter_patch_all(e, start, UNPATCHED_FOUND);
}
