/* truth.h: what is true of each ACK that reaches the near host, a line of JSON each.
 *
 *     {"time_ns":…,"src":…,"sport":…,"dst":…,"dport":…,"start_seq":…,"end_seq":…,"rtt_ns":…,"kind":"data"|"syn","class":…}
 *
 * A line for each ACK of exactly the end of a segment that carried data or SYN, when it is the first that covers it. Class:
 *
 * - "clean": the segment was sent once, its arrival alone brought this answer about, and the peer answered it just now for the
 *   first time: a round trip that any matcher may take.
 * - "retransmitted": it was sent more than once; rtt_ns is since the transmission that this ACK answers.
 * - "hole": it had come early, or an older one was sent again after it: the ACK may have waited for an older segment.
 * - "hidden": it had come early, but no sign of that had come back (lost or overtaken): nobody beside this host can know.
 * - "late": the peer's answer was lost or overtaken, and this is another with the same number: nobody here can know.
 *
 * rtt_ns of "late" is since the transmission that had arrived, of the two before it since the first one. */
#ifndef SIMULATOR_TRUTH_H
#define SIMULATOR_TRUTH_H

#include <stdio.h>

#include "tcp.h"

/* packet: one that has just come in beside the near host, before that has taken it. epoch_ns: wall-clock time of the simulation's
 * beginning. */
void truth_note(FILE *out, const struct tcp_packet *packet, uint64_t now_ns, uint64_t epoch_ns);

#endif
