/* peer.c: see peer.h. */
#include "peer.h"

#include <stddef.h>
#include <string.h>

const char *skip_reason_name(enum skip_reason reason)
{
    static const char *const names[] = {
#define X(enumerator, name) name,
        SKIP_REASONS(X)
#undef X
    };

    return (size_t)reason < sizeof names / sizeof names[0] ? names[reason] : "unknown";
}

void peer_init(struct peer_stats *peer, struct histogram *histogram)
{
    memset(peer, 0, sizeof *peer);
    memset(histogram, 0, sizeof *histogram);
    peer->histogram = histogram;
}

/* RFC 6298 (2.2, 2.3): SRTT <- R at first, then SRTT <- 7/8 SRTT + 1/8 R. Held times eight, so that no fraction is lost. */
static void smooth_rtt(struct peer_stats *peer, uint64_t rtt_ns)
{
    if (peer->samples == 0) {
        peer->srtt_x8 = rtt_ns * 8;
    } else {
        peer->srtt_x8 += rtt_ns - (peer->srtt_x8 + 4) / 8;
    }
}

/* RFC 3550, 6.4.1: J <- J + (|D| - J) / 16, held times sixteen. */
static void smooth_jitter(struct peer_stats *peer, uint64_t rtt_ns, uint64_t previous_ns)
{
    const uint64_t change = rtt_ns > previous_ns ? rtt_ns - previous_ns : previous_ns - rtt_ns;

    peer->jitter_x16 += change - (peer->jitter_x16 + 8) / 16;
}

static uint64_t *slot_of(struct peer_stats *peer, uint32_t slot)
{
    return &peer->window_min_ns[slot % PEER_WINDOW_SLOTS];
}

/* The newest slot is over. */
static void window_turn(struct peer_stats *peer, uint32_t now_s)
{
    const uint32_t slot = now_s / PEER_WINDOW_SLOT_S;

    *slot_of(peer, peer->window_slot) = peer->window_least_ns;
    for (uint32_t n = 0; n < PEER_WINDOW_SLOTS && peer->window_slot + n < slot; n++) {
        *slot_of(peer, slot - n) = 0;
    }
    if (slot > peer->window_slot) {
        peer->window_slot = slot;
        peer->window_least_ns = 0;
    }
    peer->window_end_s = (peer->window_slot + 1) * PEER_WINDOW_SLOT_S;
}

static void window_add(struct peer_stats *peer, uint64_t rtt_ns, uint32_t now_s)
{
    const uint64_t value = rtt_ns == 0 ? 1 : rtt_ns; /* 0 says "none" */

    if (now_s >= peer->window_end_s) {
        window_turn(peer, now_s);
    }
    if (peer->window_least_ns == 0 || value < peer->window_least_ns) {
        peer->window_least_ns = value;
    }
}

uint32_t *peer_sample_but_bucket(struct peer_stats *peer, uint64_t rtt_ns, uint64_t previous_ns, bool handshake, uint32_t now_s)
{
    smooth_rtt(peer, rtt_ns);
    if (previous_ns != 0) {
        smooth_jitter(peer, rtt_ns, previous_ns);
    }
    if (peer->samples == 0 || rtt_ns < peer->min_ns) {
        peer->min_ns = rtt_ns;
    }
    if (rtt_ns > peer->max_ns) {
        peer->max_ns = rtt_ns;
    }
    peer->last_ns = rtt_ns;
    peer->sum_ns += rtt_ns;
    peer->samples++;
    if (handshake) {
        peer->handshake_samples++;
        peer->handshake_sum_ns += rtt_ns;
    }
    window_add(peer, rtt_ns, now_s);
    return &peer->histogram->count[histogram_bucket(rtt_ns)];
}

void peer_sample(struct peer_stats *peer, uint64_t rtt_ns, uint64_t previous_ns, bool handshake, uint32_t now_s)
{
    (*peer_sample_but_bucket(peer, rtt_ns, previous_ns, handshake, now_s))++;
}

uint64_t peer_activity(const struct peer_stats *peer)
{
    uint64_t sum = peer->timed + peer->samples + peer->flows + peer->retransmits;

    for (unsigned reason = 0; reason < SKIP_REASON_COUNT; reason++) {
        sum += peer->skipped[reason];
    }
    return sum;
}

uint64_t peer_srtt_ns(const struct peer_stats *peer)
{
    return (peer->srtt_x8 + 4) / 8;
}

uint64_t peer_jitter_ns(const struct peer_stats *peer)
{
    return (peer->jitter_x16 + 8) / 16;
}

uint64_t peer_window_min_ns(const struct peer_stats *peer, uint32_t now_s)
{
    const uint32_t slot = now_s / PEER_WINDOW_SLOT_S;
    uint64_t least = 0;

    for (uint32_t n = 0; n < PEER_WINDOW_SLOTS && n <= peer->window_slot; n++) {
        const uint32_t at = peer->window_slot - n;
        const uint64_t value = n == 0 ? peer->window_least_ns : peer->window_min_ns[at % PEER_WINDOW_SLOTS];
        if (slot >= PEER_WINDOW_SLOTS && at <= slot - PEER_WINDOW_SLOTS) {
            break;
        }
        if (value != 0 && (least == 0 || value < least)) {
            least = value;
        }
    }
    return least;
}
