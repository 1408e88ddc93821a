"""What a measured cost a packet means on a link: arithmetic, no measurement."""

import collections
import math

GBIT = 10**9
AROUND = 38      # bytes beside an IP packet on Ethernet: header, FCS, preamble, gap
MTU = 1500
PIECES = 45      # segments of a full size that TSO and GRO make one of: 64 kB
BUSY = 0.5       # of a core for one socket; the rest is for what comes at once

# workload: whose cost a packet it has; bytes: IP packets as the wire has them; one_of: how many the host sees as one; ways: directions
# that are full; back: packets that come back for each that the host sees.
Traffic = collections.namedtuple("Traffic", "name workload bytes one_of ways back")
TRAFFIC = (
    Traffic("sending 64 kB at a time (TSO), an ACK for each", "bulk", MTU, PIECES, 1, 1),
    Traffic("sending 1,500 B, an ACK for every second", "bulk", MTU, 1, 1, 0.5),
    Traffic("300 B both ways, 1,000 flows", "requests", 300, 1, 2, 0),
    Traffic("300 B both ways, 90,000 flows open", "short", 300, 1, 2, 0),
)
SPEEDS = (10, 40, 100)


def packets_per_second(traffic, gbit):
    seen = gbit * GBIT / 8 / (traffic.bytes + AROUND) / traffic.one_of
    return seen * traffic.ways * (1 + traffic.back)


def sockets(share):
    """How many that share the packets (PACKET_FANOUT) keep each of them below BUSY."""
    return max(1, math.ceil(share / BUSY))


def rows(per_packet_ns):
    """A row for each traffic and speed; per_packet_ns: by workload."""
    for traffic in TRAFFIC:
        for gbit in SPEEDS:
            rate = packets_per_second(traffic, gbit)
            share = rate * per_packet_ns[traffic.workload] / 10**9
            yield [traffic.name, "%d Gbit/s" % gbit, "{:,.0f}".format(rate / 1000), "%.0f ns" % per_packet_ns[traffic.workload],
                   "%.0f %%" % (100 * share) if share >= 0.1 else "%.1f %%" % (100 * share), sockets(share)]


TITLES = ["traffic", "link", "thousand packets/s", "a packet", "of a core", "sockets"]
