/* meter.h: frames of one or more instances -> rows of statistics. The glue between packet, flow, rtt and peer.
 *
 * meter_new() once; meter_instance_add() for each instance; meter_frame() for each captured frame and meter_flush() behind the
 * last one that is at hand; meter_expire() about once a second; meter_finish() at the end of a capture; meter_free(). No I/O, no
 * clock: time is an argument. Memory is bounded by max_flows and max_peers and is taken as it is needed, in large steps, never
 * given back before meter_free(). */
#ifndef GO_METRO_METER_H
#define GO_METRO_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "frame.h"
#include "netset.h"
#include "packet.h"
#include "peer.h"

#define METER_MAX_INSTANCES 64

/* A whitelist value with this bit: all peers that have the same value are one row (the addresses of one name), but for
 * METER_GROUP_SUBNET. */
#define METER_SHARED_ROW UINT32_C(0x80000000)

enum meter_group { METER_GROUP_PEER, METER_GROUP_PEER_PORT, METER_GROUP_SUBNET };

/* One round trip, for `read --samples`. */
struct meter_sample {
    int64_t time_ns; /* capture time of the ACK, ns since the epoch */
    struct ip_address src, dst;
    uint16_t sport, dport;
    uint32_t end_seq; /* SEG.SEQ + SEG.LEN of the segment that was timed */
    uint64_t rtt_ns;
    bool handshake;
};

struct meter_options {
    uint32_t max_flows;
    uint32_t max_peers;
    uint32_t idle_ttl_s; /* a flow without a packet for so long leaves */
    uint32_t row_ttl_s;  /* a row without flow and packet for so long leaves; at least idle_ttl_s */
    uint32_t exp_ttl_s;  /* an ended flow leaves after so long */
    bool keep_rows;      /* rows never leave, however idle, and give way to nobody (`read`: its table is of the whole capture) */
    uint64_t hash_seed[2];
    uint64_t births; /* rows born before, in a meter that this one follows (meter_births()); 0: none */
    void (*on_sample)(const struct meter_sample *sample, void *arg); /* NULL: none */
    void *on_sample_arg;
    /* A row gave way to another: what it had counted is in its instance's row `other` from here on. NULL: none. */
    void (*on_departure)(void *arg, uint64_t birth, uint64_t other_birth);
    void *on_departure_arg;
};

/* What an instance asks for. The sets stay the caller's and must outlive it, or the call that gives it others:
 * meter_instance_change() looks at both. They do not change. */
struct meter_instance {
    const struct netset *whitelist;  /* peers that are wanted, and which of them share a row; NULL: all, and none do */
    const struct netset *local_own;  /* addresses of the captured interface; NULL: none */
    const struct netset *local_host; /* addresses of the network namespace; NULL: none */
    const struct netset *local_nets; /* what counts as ours where neither of the above does; NULL: none */
    bool all_peers;                  /* all are wanted: the whitelist only says which of them share a row */
    bool both_sides;                 /* every address is ours (`read` without --local): each direction is a row */
    enum meter_group group;
    uint8_t subnet_bits_v4, subnet_bits_v6; /* METER_GROUP_SUBNET */
    uint32_t pause_s;                       /* its rows stay so much longer without a packet: it is not measured all the time */
};

/* What rows had counted that gave way. */
struct meter_given {
    uint64_t timed, samples, handshake_samples, retransmits;
};

struct meter_counters {
    uint64_t packets; /* == tcp + sum of ignored */
    uint64_t tcp;
    uint64_t ignored[PACKET_REASON_COUNT]; /* [PACKET_OK] is 0 */
    uint64_t flows;                        /* opened so far */
    uint64_t open_flows, open_peers;
    uint64_t refused_flows; /* not opened because of max_flows: times a packet was turned away */
    uint64_t refused_peers; /* flows that began in the `other` row because of max_peers */
    struct meter_given
        given; /* what of the `other` row it was given, and did not count itself; of flows: all but refused_peers */
};

/* A row as it stands. `other`: the sum of the flows over max_peers, and of what rows had counted that gave way to peers with more
 * traffic; counts only (no address, no statistic but the counters). */
struct meter_row {
    int instance;
    bool other;
    struct ip_address local, peer;  /* peer: the subnet's base address under METER_GROUP_SUBNET */
    uint8_t peer_bits;              /* 128, or the subnet's length in the 16-byte form; 0: see shared */
    uint32_t shared;                /* the whitelist value of a METER_SHARED_ROW, which has no one address; else 0 */
    uint16_t peer_port;             /* METER_GROUP_PEER_PORT, else 0 */
    uint64_t birth;                 /* unique in this process: a row that left and came back has another */
    uint64_t first_birth;           /* of the row that got this place when it was free; segment.h */
    int64_t birth_time_ns;          /* capture time of its first packet */
    int64_t last_sample_time_ns;    /* capture time of its newest sample, 0: none */
    uint32_t last_sample_s;         /* now_s at that moment */
    const struct peer_stats *stats; /* stats->flows etc. */
};

struct meter;

struct meter *meter_new(const struct meter_options *options); /* NULL: out of memory */
void meter_free(struct meter *meter);

/* Rows born so far, for the meter that follows: so a row's birth stays unique in the process. */
uint64_t meter_births(const struct meter *meter);

/* The instance's number, 0..63, or -1 (no room). The struct is copied. */
int meter_instance_add(struct meter *meter, const struct meter_instance *instance);
/* The same instance with other sets or grouping; flows that are no longer wanted, or would be in another row, end (pending ->
 * unacked), and who would have a row is asked anew. Nothing of that where all sets hold the same. */
void meter_instance_change(struct meter *meter, int number, const struct meter_instance *instance);
/* Of the instance's rows without a flow, those of a METER_SHARED_ROW whose value is not known any more go. */
void meter_forget_shared(struct meter *meter, int number, bool (*is_known)(uint32_t value, const void *arg), const void *arg);
/* The same instance from its beginning: its flows, rows and counters go. */
void meter_instance_clear(struct meter *meter, int number);
/* Its flows and rows go; the number becomes free. */
void meter_instance_remove(struct meter *meter, int number);

/* One frame for each of the instances (bit n of `instances`). It is decoded at once, but may wait for others before it changes
 * anything: meter_flush(). now_s: monotonic seconds, for expiry and windows (for files: derived from the timestamps). */
void meter_frame(struct meter *meter, uint64_t instances, const struct captured_frame *frame, uint32_t now_s);

/* Takes all frames that wait. Before rows and counters are read; what changes flows by itself (meter_expire() and those below)
 * needs no asking. */
void meter_flush(struct meter *meter);

/* A frame that is not looked at, for each of the instances: counted as ignored for that reason. */
void meter_ignore(struct meter *meter, uint64_t instances, enum packet_reason reason);

/* The instances that are measured from here on (bit n), as there is a capture that takes their packets; all, before the first
 * call. Who of the others has a row does not lose it to who can have traffic meanwhile. After meter_expire(). */
void meter_measured(struct meter *meter, uint64_t instances);

void meter_expire(struct meter *meter, uint32_t now_s);
/* The wall clock was set: everything pending -> clock. */
void meter_clock_step(struct meter *meter);
/* The capture of these instances ends (or has a gap): everything pending -> unacked, flows are forgotten, rows stay. */
void meter_finish(struct meter *meter, uint64_t instances);

/* As long as it and meter_births() are the same, so is each row of this meter. */
uint64_t meter_changes(const struct meter *meter);
const struct meter_counters *meter_counters(const struct meter *meter, int number);
size_t meter_row_count(const struct meter *meter);
/* Calls fn for each row in a stable order (a row keeps its place); `other` rows last, only where they count anything. */
void meter_each_row(const struct meter *meter, void (*fn)(const struct meter_row *row, void *arg), void *arg);
/* Segments that wait for their ACK now, of an instance: timed == samples + sum of skipped + pending. */
uint64_t meter_pending(const struct meter *meter, int number);

#endif
