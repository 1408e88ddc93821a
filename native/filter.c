/* filter.c: the user's filter, the link layer, and what of the rest fits. */
#include "filter.h"

#include <errno.h>
#include <linux/if_ether.h>

#include "filter_ip.h"
#include "filter_tree.h"

#define ETHERTYPE_QINQ_OLD 0x9100
#define SLL_HEADER 16

/* ---- from the link layer to IP ---- */

/* Targets common to the prologues, in place of a jump's distance; distances in the tables are smaller. Where the IP header does
 * not begin at the link's usual place, X is its offset (_BY_X). */
enum { TO_REJECT = 0xf0, TO_ACCEPT, TO_V6, TO_V4, TO_V6_BY_X, TO_V4_BY_X, TO_END };

static const struct sock_filter ethernet_prologue[] = {
    { LD_H_ABS, 0, 0, 12 },
    { JEQ_K, TO_V4, 0, ETH_P_IP },
    { JEQ_K, TO_V6, 0, ETH_P_IPV6 },
    { JEQ_K, 2, 0, ETH_P_8021Q },
    { JEQ_K, 1, 0, ETH_P_8021AD },
    { JEQ_K, 0, TO_REJECT, ETHERTYPE_QINQ_OLD },
    { LDX_IMM, 0, 0, 18 },
    { LD_H_ABS, 0, 0, 16 },
    { JEQ_K, TO_V4_BY_X, 0, ETH_P_IP },
    { JEQ_K, TO_V6_BY_X, 0, ETH_P_IPV6 },
    { JEQ_K, 2, 0, ETH_P_8021Q },
    { JEQ_K, 1, 0, ETH_P_8021AD },
    { JEQ_K, 0, TO_REJECT, ETHERTYPE_QINQ_OLD },
    { LDX_IMM, 0, 0, 22 },
    { LD_H_ABS, 0, 0, 20 },
    { JEQ_K, TO_V4_BY_X, 0, ETH_P_IP },
    { JEQ_K, TO_V6_BY_X, TO_REJECT, ETH_P_IPV6 },
};

static const struct sock_filter raw_prologue[] = {
    { LD_B_ABS, 0, 0, 0 },
    { RSH_K, 0, 0, 4 },
    { JEQ_K, TO_V4, 0, 4 },
    { JEQ_K, TO_V6, TO_REJECT, 6 },
};

/* Where skb->protocol is a tag, offset 0 is either that tag's second half or the packet behind it. An inner type at 2 says the
 * former, unless there is an IP version at 0 as well: then either may be true and it passes. */
static const struct sock_filter cooked_prologue[] = {
    { LD_W_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL) },
    { JEQ_K, TO_V4, 0, ETH_P_IP },
    { JEQ_K, TO_V6, 0, ETH_P_IPV6 },
    { JEQ_K, 2, 0, ETH_P_8021Q },
    { JEQ_K, 1, 0, ETH_P_8021AD },
    { JEQ_K, 0, TO_REJECT, ETHERTYPE_QINQ_OLD },
    { LD_H_ABS, 0, 0, 2 },
    { JEQ_K, 2, 0, ETH_P_IP },
    { JEQ_K, 1, 0, ETH_P_IPV6 },
    { JA, 0, 0, 9 }, /* no inner type: to the last load of byte 0 */
    { LD_B_ABS, 0, 0, 0 },
    { RSH_K, 0, 0, 4 },
    { JEQ_K, TO_ACCEPT, 0, 4 },
    { JEQ_K, TO_ACCEPT, 0, 6 },
    { LDX_IMM, 0, 0, 4 },
    { LD_B_ABS, 0, 0, 4 },
    { RSH_K, 0, 0, 4 },
    { JEQ_K, TO_V4_BY_X, 0, 4 },
    { JEQ_K, TO_V6_BY_X, TO_REJECT, 6 },
    { LD_B_ABS, 0, 0, 0 },
    { RSH_K, 0, 0, 4 },
    { JEQ_K, TO_V4, 0, 4 },
    { JEQ_K, TO_V6, TO_REJECT, 6 },
};

static const struct prologue {
    const struct sock_filter *code;
    size_t length;
    uint32_t ip; /* offset of the IP header, but for tags */
} prologues[] = {
    [FILTER_ETHERNET] = { ethernet_prologue, sizeof ethernet_prologue / sizeof ethernet_prologue[0], 14 },
    [FILTER_RAW] = { raw_prologue, sizeof raw_prologue / sizeof raw_prologue[0], 0 },
    [FILTER_COOKED] = { cooked_prologue, sizeof cooked_prologue / sizeof cooked_prologue[0], 0 },
};

/* Behind the prologue stands an instruction for each target, in their order. */
static uint8_t resolve_target(uint8_t target, size_t index, size_t length)
{
    if (target < TO_REJECT)
        return target;
    return (uint8_t)(length + (target - TO_REJECT) - index - 1);
}

static void emit_prologue(struct filter_emitter *e, const struct prologue *p, uint32_t accept, size_t jumps[static TO_END])
{
    for (size_t i = 0; i < p->length; i++) {
        const struct sock_filter in = p->code[i];

        filter_emit(e, in.code, resolve_target(in.jt, i, p->length), resolve_target(in.jf, i, p->length), in.k);
    }
    filter_emit(e, RET_K, 0, 0, 0);
    filter_emit(e, RET_K, 0, 0, accept);
    for (unsigned target = TO_V6; target < TO_END; target++)
        jumps[target] = filter_emit(e, JA, 0, 0, UNPATCHED);
}

/* One family, from both places where its header may be. */
static void emit_family(struct filter_emitter *e, const struct filter_parts *parts, bool v4, uint32_t ip, size_t jump,
                        size_t jump_by_x)
{
    const struct filter_place usual = { .offset = ip }, by_x = { .by_x = true };
    size_t start = e->length;

    filter_patch(e, jump_by_x);
    filter_emit_head(e, parts, v4, &by_x);
    filter_patch(e, jump);
    filter_emit_head(e, parts, v4, &usual);
    filter_emit_searches(e, parts, v4, start);
}

/* ---- the user's program ---- */

static bool jumps_inside(const struct sock_filter *code, size_t length, size_t at)
{
    size_t room = length - at - 1;

    if (BPF_CLASS(code[at].code) != BPF_JMP)
        return true;
    if (BPF_OP(code[at].code) == BPF_JA)
        return code[at].k < room;
    return code[at].jt < room && code[at].jf < room;
}

static int emit_user(struct filter_emitter *e, const struct sock_filter *user, size_t length)
{
    if (length == 0)
        return 0;
    if (length > FILTER_MAX_INSTRUCTIONS || user[length - 1].code != RET_K)
        return -1;
    for (size_t i = 0; i < length; i++) {
        struct sock_filter in = user[i];

        if (!jumps_inside(user, length, i) || (BPF_CLASS(in.code) == BPF_RET && in.code != RET_K))
            return -1;
        if (in.code == RET_K && in.k != 0)
            in = (struct sock_filter){ JA, 0, 0, (uint32_t)(length - i - 1) };
        filter_emit(e, in.code, in.jt, in.jf, in.k);
    }
    return 0;
}

/* ---- the whole ---- */

static bool build_once(struct filter_program *out, size_t from, enum filter_link link, const struct filter_parts *parts)
{
    struct filter_emitter e = { out->code, from, false };
    const struct prologue *p = &prologues[link];
    size_t jumps[TO_END];

    emit_prologue(&e, p, parts->accept, jumps);
    emit_family(&e, parts, true, p->ip, jumps[TO_V4], jumps[TO_V4_BY_X]);
    emit_family(&e, parts, false, p->ip, jumps[TO_V6], jumps[TO_V6_BY_X]);
    out->length = e.length;
    out->has_whitelist = parts->peers.listed;
    out->drops_acks = parts->ours.count[0] + parts->ours.count[1] > 0;
    return !e.full;
}

/* A packet that is not wanted is mostly one of many, so the whitelist stays longest. */
static bool build_what_fits(struct filter_program *out, size_t from, enum filter_link link, const struct filter_parts *parts)
{
    static const struct {
        bool peers, ours;
    } attempts[] = { { true, true }, { true, false }, { false, true }, { false, false } };

    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        struct filter_parts some = { .accept = parts->accept };

        if (attempts[i].peers)
            some.peers = parts->peers;
        if (attempts[i].ours)
            some.ours = parts->ours;
        if (build_once(out, from, link, &some))
            return true;
    }
    return false;
}

int filter_build(struct filter_program *out, const struct filter_settings *settings)
{
    struct filter_emitter e = { out->code, 0, false };
    struct filter_parts parts = { .accept = settings->accept };
    int error = EINVAL;

    if (filter_peers_load(&parts.peers, settings->whitelist) < 0 || filter_peers_load(&parts.ours, settings->ours) < 0)
        error = ENOMEM;
    else if (emit_user(&e, settings->user, settings->user_length) == 0 && build_what_fits(out, e.length, settings->link, &parts))
        error = 0;
    filter_peers_free(&parts.peers);
    filter_peers_free(&parts.ours);
    if (error == 0)
        return 0;
    errno = error;
    return -1;
}

void filter_build_reject(struct filter_program *out)
{
    out->code[0] = (struct sock_filter){ RET_K, 0, 0, 0 };
    out->length = 1;
    out->has_whitelist = false;
    out->drops_acks = false;
}

/* The SLL header's fields that the kernel offers: offset and width -> ancillary load. */
static const struct cooked_field {
    uint16_t code;
    uint32_t offset, ancillary;
} cooked_fields[] = {
    { LD_H_ABS, 0, SKF_AD_PKTTYPE },
    { LD_H_ABS, 2, SKF_AD_HATYPE },
    { LD_H_ABS, 14, SKF_AD_PROTOCOL },
};

static int rebase_load(struct sock_filter *load)
{
    if (load->k >= SLL_HEADER) {
        load->k -= SLL_HEADER;
        return 0;
    }
    for (size_t i = 0; i < sizeof cooked_fields / sizeof cooked_fields[0]; i++) {
        if (load->code != cooked_fields[i].code || load->k != cooked_fields[i].offset)
            continue;
        load->k = (uint32_t)SKF_AD_OFF + cooked_fields[i].ancillary;
        return 0;
    }
    return -1;
}

static bool loads_packet(const struct sock_filter *in)
{
    unsigned class = BPF_CLASS(in->code), mode = BPF_MODE(in->code);

    return (class == BPF_LD && (mode == BPF_ABS || mode == BPF_IND)) || (class == BPF_LDX && mode == BPF_MSH);
}

int filter_rebase_cooked(struct sock_filter *code, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!loads_packet(&code[i]) || code[i].k >= (uint32_t)SKF_LL_OFF) /* those are the kernel's own already */
            continue;
        if (rebase_load(&code[i]) < 0) {
            errno = EINVAL;
            return -1;
        }
    }
    return 0;
}
