/* tcp.h: a simulated TCP connection: both ends, as RFC 9293, 5681, 6298, 6675 and 7323 have them, small but whole.
 *
 * tcp_connect() begins one; from then on it lives by the clockwork alone and frees itself when both ends are through. Side 0 is
 * the near host, beside which the capture stands; side 1 the peer. Stream offsets are 64 bits wide (0: the SYN, data from 1) and
 * become sequence numbers only on the wire. */
#ifndef SIMULATOR_TCP_H
#define SIMULATOR_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clockwork.h"
#include "path.h"

#define TCP_MAX_SACK 4
#define TCP_MAX_EARLY 16 /* ranges that a receiver keeps beyond a hole */

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10 };

enum tcp_work {
    TCP_BULK,    /* the near host sends `bytes` and closes */
    TCP_REQUESTS /* `exchanges` requests, each answered */
};

/* How the ends of a connection behave; one for many connections. */
struct tcp_settings {
    enum tcp_work work;
    uint32_t mss;
    uint32_t burst;          /* the near host's segments are up to so large (TSO), the peer gets them in pieces of mss; 0: mss */
    uint32_t window;         /* receive window, bytes */
    bool timestamps, sack;   /* RFC 7323, RFC 2018 */
    uint32_t tick_us;        /* of TSval */
    uint32_t ack_every;      /* segments in order that are acknowledged at once; 1: each */
    uint64_t delayed_ack_ns; /* the rest after so long */
    uint64_t bytes;          /* TCP_BULK */
    uint32_t exchanges, request_max, response_max; /* TCP_REQUESTS; bytes, from a tenth to the whole */
    uint64_t think_ns;                             /* of the peer before it answers, up to twice as long */
    uint64_t pause_ns;                             /* between an answer and the next request, up to twice as long */
};

struct sack_range {
    uint64_t left, right;
};

/* A segment on its way, and what only a simulator knows about it. */
struct tcp_packet {
    struct tcp_flow *flow;
    unsigned from;
    uint64_t seq, ack;
    uint32_t length, window;
    uint32_t ts_val, ts_ecr;
    uint16_t ip_id;
    uint8_t flags, sack_count;
    struct sack_range sack[TCP_MAX_SACK];
    uint64_t sent_ns; /* by its sender */
    uint64_t
        answers_ns; /* when the transmission was sent that its ACK number answers at last; 0: an answer of its own it is not */
};

/* Whoever watches beside the near host. Called for each packet it sends, and each that comes in there. */
typedef void (*tcp_tap_fn)(void *arg, const struct tcp_packet *packet, uint64_t now_ns);

struct tcp_world {
    struct clockwork clock;
    tcp_tap_fn tap;
    void *tap_arg;
    uint64_t opened, completed, given_up; /* connections */
};

struct tcp_address {
    bool is_v6;
    uint8_t host[16]; /* 4 or 16 bytes are used */
    uint16_t port;
    uint32_t isn;
};

/* A segment of one side as it was cut at first: the scoreboard of its sender, and what becomes of it. */
struct tcp_segment_state {
    uint64_t start, end; /* SYN and FIN included */
    uint64_t first_ns, last_ns;
    uint64_t arrived_ns; /* when the transmission was sent that moved the RCV.NXT of the peer to its end; 0: none did by itself */
    uint32_t transmissions;
    uint8_t flags;            /* SYN, FIN */
    bool sacked, lost, again; /* again: sent anew since it was lost */
};

struct tcp_end {
    struct tcp_flow *flow;
    unsigned side;
    /* sender */
    struct tcp_segment_state *sent; /* what is not acknowledged, oldest first */
    size_t sent_count, sent_capacity;
    uint64_t una, next, written; /* written: the end of what the application has given */
    bool closing, fin_sent;      /* closing: FIN once all is sent */
    uint64_t cwnd, ssthresh, recover;
    uint32_t duplicates;
    bool recovering;
    uint64_t srtt_ns, rttvar_ns, rto_ns;
    uint64_t rto_deadline_ns; /* 0: the timer is off */
    bool rto_armed;
    uint32_t timeouts;
    /* receiver */
    uint64_t rcv_next, last_ack_sent;
    uint64_t to_answer_ns;                  /* when the transmission was sent that the next ACK answers; 0: none */
    struct sack_range early[TCP_MAX_EARLY]; /* out of order, the newest first */
    unsigned early_count;
    struct sack_range duplicate; /* to be reported as DSACK; left == right: none */
    uint32_t unacked_segments;
    uint64_t ack_deadline_ns; /* 0: none */
    bool ack_armed, ack_now, fin_received;
    uint32_t ts_recent, ts_offset;
    uint16_t ip_id;
};

struct tcp_flow {
    struct tcp_world *world;
    const struct tcp_settings *settings;
    struct path *path;
    struct tcp_address address[2];
    struct tcp_end end[2];
    uint32_t exchanges_left;
    uint64_t expected[2];    /* the offset at which the current request (of 0) or response (of 1) ends */
    uint64_t hole_seen_from; /* the near host's SND.UNA, plus one, at which it saw a sign of a hole; for the truth */
    uint32_t references;     /* events and packets that hold it */
    bool given_up;
};

/* Out of memory ends the program. at_ns: when the SYN is sent. */
void tcp_connect(struct tcp_world *world, const struct tcp_settings *settings, struct path *path,
                 const struct tcp_address address[static 2], uint64_t at_ns);

/* The near host's segment that ends at `end`, if it waits for its ACK; NULL. */
const struct tcp_segment_state *tcp_sent(const struct tcp_flow *flow, uint64_t end);

#endif
