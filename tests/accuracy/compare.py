"""Samples held against the truth, against tcptrace and against tshark. Pure: lists in, counts out."""

import collections

import references

# Against the truth. clean: round trips that Karn's rule allows and no hole delays; found: those of them that we have; told: of
# retransmitted segments, the right transmission; unseen: what answered first was lost on the way back, so that nobody here can know
# that they are none; wrong: (ours, the truth) of whatever else we have, which must be nothing. mean_off: of the peer whose mean is
# farthest from the truth's, as a fraction, the unseen left out; mean_off_all: with them; below: peers whose minimum is below the
# true one.
AgainstTruth = collections.namedtuple("AgainstTruth", "clean found told unseen wrong mean_off mean_off_all below")
# Against tcptrace. theirs: its samples of data and SYN; both; only_theirs and only_ours: lists of (flow, first sequence number).
AgainstTcptrace = collections.namedtuple("AgainstTcptrace", "theirs both only_theirs only_ours")
# Against tshark. both: ACKs of which both have a round trip; off: lists of (ours, theirs) more than 1 us apart.
AgainstTshark = collections.namedtuple("AgainstTshark", "both off")

TOLERANCE_NS = 1000
QUADRANT = 2**30
UNSEEN = ("late", "hidden")


def by_peer(rows):
    """rtt_ns by (src, dst)."""
    peers = collections.defaultdict(list)
    for row in rows:
        peers[row.flow[0], row.flow[2]].append(row.rtt_ns)
    return peers


def mean(values):
    return sum(values) / len(values)


def farthest_mean(samples, truth):
    """Of the peer whose mean is farthest from the truth's, as a fraction."""
    mine = by_peer(samples)
    return max((abs(mean(mine[peer]) / mean(values) - 1) for peer, values in by_peer(truth).items() if peer in mine), default=0.0)


def against_truth(samples, truth):
    known = {(row.flow, row.end, row.time_ns): row for row in truth}
    taken, seen, wrong = collections.defaultdict(list), [], []
    for sample in samples:
        row = known.get((sample.flow, sample.end, sample.time_ns))
        if row is None or row.verdict == "hole" or (row.kind, row.rtt_ns) != (sample.kind, sample.rtt_ns):
            wrong.append((sample, row))
            continue
        taken[row.verdict].append(row)
        if row.verdict not in UNSEEN:
            seen.append(sample)
    clean = [row for row in truth if row.verdict == "clean"]
    knowable = clean + taken["retransmitted"]  # without time stamps the others of that kind cannot be known
    least = {peer: min(values) for peer, values in by_peer(row for row in truth if row.verdict != "hole").items()}
    below = [peer for peer, values in by_peer(samples).items() if peer not in least or min(values) < least[peer]]
    return AgainstTruth(len(clean), len(taken["clean"]), len(taken["retransmitted"]), sum(len(taken[v]) for v in UNSEEN), wrong,
                        farthest_mean(seen, knowable), farthest_mean(samples, knowable), below)


def segments(packets):
    """(flow, end) -> first sequence numbers of the segments of data or SYN that end there; and the (flow, first) of those that
    are a FIN alone."""
    starts, fins = collections.defaultdict(set), set()
    for packet in packets:
        syn, fin = bool(packet.flags & references.SYN), bool(packet.flags & references.FIN)
        if packet.length or syn:
            starts[packet.flow, (packet.seq + packet.length + syn + fin) % 2**32].add(packet.seq)
            if syn and packet.length:
                starts[packet.flow, (packet.seq + 1) % 2**32].add(packet.seq)  # RFC 7413: the SYN alone was acknowledged
        elif fin:
            fins.add((packet.flow, packet.seq))
    return starts, fins


def tcptrace_keys(sample, starts):
    """Where tcptrace may have a sample of the same segment: it cuts a segment in two where it crosses a quarter of the sequence
    space, and names the second part."""
    for start in starts:
        yield sample.flow, start
        boundary = (sample.end - 1) % 2**32 // QUADRANT * QUADRANT
        if (sample.end - boundary) % 2**32 < (sample.end - start) % 2**32:
            yield sample.flow, boundary


def against_tcptrace(samples, theirs, packets):
    starts, fins = segments(packets)
    left = collections.Counter(key for key in theirs if key not in fins)
    count, both, only_ours = sum(left.values()), 0, []
    for sample in samples:
        key = next((key for key in tcptrace_keys(sample, starts[sample.flow, sample.end]) if left[key] > 0), None)
        if key is None:
            only_ours.append(sample)
        else:
            left[key] -= 1
            both += 1
    return AgainstTcptrace(count, both, list(left.elements()), only_ours)


def against_tshark(samples, packets):
    theirs = {}
    for packet in packets:
        if packet.ack_rtt_ns is not None:
            src, sport, dst, dport = packet.flow
            theirs[(dst, dport, src, sport), packet.ack, packet.time_ns] = packet.ack_rtt_ns
    pairs = [(sample, theirs.get((sample.flow, sample.end, sample.time_ns))) for sample in samples]
    pairs = [(sample, rtt_ns) for sample, rtt_ns in pairs if rtt_ns is not None]
    return AgainstTshark(len(pairs), [pair for pair in pairs if abs(pair[0].rtt_ns - pair[1]) > TOLERANCE_NS])
