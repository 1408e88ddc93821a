"""The measuring rod itself: the relay delays by what it was told, says when, and lets nothing damaged through."""

import statistics

import pytest

from network import Network
from processes import PYTHON3, SYSTEM, wait_until

# A frame to the far host with a TCP segment whose checksum is one off; sent from the near host.
SEND_DAMAGED = """
import socket, struct
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
addresses = socket.inet_aton("10.77.0.1") + socket.inet_aton("10.77.0.2")
tcp = struct.pack("!HHIIBBHHH", 4000, 5000, 1, 0, 5 << 4, 2, 1000, 0, 0)
wrong = (checksum(addresses + struct.pack("!HH", 6, 20) + tcp) + DAMAGE) & 0xffff
tcp = tcp[:16] + struct.pack("!H", wrong) + tcp[18:]
ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0x4000, 64, 6, 0) + addresses
ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
near = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
near.bind(("near0", 0))
near.send(b"\\xff" * 6 + near.getsockname()[4] + b"\\x08\\x00" + ip + tcp)
"""
SEND_DATAGRAMS = """
import socket, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    sender.sendto(b"x", ("10.77.0.2", 9))
    time.sleep(0.02)
"""


@pytest.mark.parametrize("version", [4, 6])
def test_adds_the_delay_and_little_else(version):
    with Network("10ms") as network:
        with network.serve(version):
            network.exchange(version, count=100)
        network.relay.stop()
        trips = [trip.ns / 1e6 for trip in network.relay_round_trips(version)]
        assert len(trips) == 101
        assert min(trips) >= 10
        assert statistics.median(trips) <= 10 * 1.05 + 1, "the far host's answer included"
        for counter in ("queue_full 0", "bad_checksum 0", "too_long 0", "not_sent 0"):
            assert network.relay.err.count(counter) == 2, network.relay.err


def test_the_log_can_be_read_while_frames_are_on_their_way():
    """Datagrams, of which the log says nothing, so that the relay is never idle; with them it takes 10 s to fill a buffer."""
    with Network("400ms") as network, network.serve():
        traffic = network.near.start(PYTHON3, SYSTEM / "traffic.py", "client", network.FAR[4], 5000, "--count", 0, "--interval", 0.2)
        with network.near.start(PYTHON3, "-c", SEND_DATAGRAMS), traffic:
            wait_until(lambda: network.relay_round_trips(4), timeout=4, what="a logged round trip")


@pytest.mark.parametrize("damage", [0, 1])
def test_a_damaged_segment_never_leaves(damage):
    with Network("1ms") as network:
        network.near.run(PYTHON3, "-c", SEND_DAMAGED.replace("DAMAGE", str(damage)))
        network.relay.stop()
        there = network.relay.err.splitlines()[0]
        assert "bad_checksum %d" % damage in there
        assert (",4000," in network.relay_log.read_text(encoding="ascii")) == (damage == 0)
