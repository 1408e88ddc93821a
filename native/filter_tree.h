/* filter_tree.h: classic BPF, written step by step, and a set of addresses as a search tree in it. Of use to filter*.c only.
 *
 * filter_peers_load() sorts a set; filter_emit_tree() writes the search for one address of one family; what is found leaves by
 * the instruction that the caller names, what is not by jumps that filter_patch_all() then leads to what is emitted next.
 * filter_peers_free() at last. */
#ifndef GO_METRO_FILTER_TREE_H
#define GO_METRO_FILTER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/filter.h>

#include "netset.h"

/* Opcodes. */
#define LD_B_ABS (BPF_LD | BPF_B | BPF_ABS)
#define LD_H_ABS (BPF_LD | BPF_H | BPF_ABS)
#define LD_W_ABS (BPF_LD | BPF_W | BPF_ABS)
#define LD_MEM (BPF_LD | BPF_W | BPF_MEM)
#define LDX_IMM (BPF_LDX | BPF_W | BPF_IMM)
#define ST (BPF_ST)
#define TAX (BPF_MISC | BPF_TAX)
#define ADD_K (BPF_ALU | BPF_ADD | BPF_K)
#define AND_K (BPF_ALU | BPF_AND | BPF_K)
#define RSH_K (BPF_ALU | BPF_RSH | BPF_K)
#define JEQ_K (BPF_JMP | BPF_JEQ | BPF_K)
#define JEQ_X (BPF_JMP | BPF_JEQ | BPF_X)
#define JGE_K (BPF_JMP | BPF_JGE | BPF_K)
#define JGT_K (BPF_JMP | BPF_JGT | BPF_K)
#define JSET_K (BPF_JMP | BPF_JSET | BPF_K)
#define JA (BPF_JMP | BPF_JA)
#define RET_K (BPF_RET | BPF_K)

/* The k of a JA whose target is not known yet, by what it is. */
#define UNPATCHED UINT32_MAX
#define UNPATCHED_FOUND (UINT32_MAX - 1) /* an address was found */
#define UNPATCHED_OURS (UINT32_MAX - 2)  /* on to whether this ACK is ours */
#define UNPATCHED_PEERS (UINT32_MAX - 3) /* on to whether the peer is wanted */

struct filter_emitter {
    struct sock_filter *code; /* room for FILTER_MAX_INSTRUCTIONS */
    size_t length;
    bool full; /* it did not fit: the program is of no use */
};

/* Appends; returns the instruction's index (0 when full). */
size_t filter_emit(struct filter_emitter *e, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k);
/* Leads the JA at `jump`, or each JA since `from` whose k is `kind`, to the next instruction that is emitted. */
void filter_patch(struct filter_emitter *e, size_t jump);
void filter_patch_all(struct filter_emitter *e, size_t from, uint32_t kind);

/* Sorted, without what another entry contains. */
struct filter_peers {
    struct ip_prefix *list[2]; /* index: is it IPv4; both are one allocation, that of list[0] */
    size_t count[2];
    bool listed; /* false: there was no set */
};

/* set: NULL: none. 0, or -1: out of memory. */
int filter_peers_load(struct filter_peers *peers, const struct netset *set);
void filter_peers_free(struct filter_peers *peers);

/* Looks the address up that lies in the scratch memory from `slot` on: a word of IPv4, four of IPv6. found: what is done then, a
 * RET_K or a JA with UNPATCHED_FOUND. */
void filter_emit_tree(struct filter_emitter *e, const struct filter_peers *peers, bool v4, uint32_t slot,
                      struct sock_filter found);

#endif
