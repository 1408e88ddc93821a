"""What is measured does not hang on our own pure ACKs, which the kernel filter keeps to itself: captures with and without them."""

import ipaddress
import json
import struct
import subprocess

import pytest

import captures
import references
from test_read import ACK, MS, PSH, START, SYN, frame

SCENARIOS = {"bulk": 4, "bulk-tso": 4, "requests-v6": 40, "delayed-ack": 20, "wrap": 16, "loss-plain": 8, "loss-requests": 80,
             "loss-heavy": 16, "reorder-plain": 8, "reorder-tso": 8, "standstill": 16}
# Which side is ours: who sends (uploads, requests), and who receives (downloads) and so sends hardly anything but pure ACKs.
SIDES = {"near": ("10.0.0.0/16", "2001:db8::/112"), "far": ("10.1.0.0/16", "2001:db8::1:0/112")}


def is_own_ack(packet, networks):
    """Of frames without VLAN tags and IP options."""
    at, is_v4 = captures.network_of(packet)
    source = ipaddress.ip_address(packet[26:30] if is_v4 else packet[22:38])
    length = struct.unpack_from("!H", packet, 16 if is_v4 else 18)[0] - (20 if is_v4 else 0)
    return length == packet[at + 12] // 16 * 4 and packet[at + 13] & 0x3F == ACK and any(source in n for n in networks)


def said(form, networks, path):
    local = [word for network in networks for word in ("--local", network)]
    command = [references.HELPER, "read", form] + local + [path]
    out = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True).stdout.decode()
    return [json.loads(line) for line in out.splitlines()]


def with_and_without(folder, networks, packets):
    """What is said of the packets and of those that come up to the helper, and how many that are not."""
    networks = [ipaddress.ip_network(network) for network in networks]
    rest = [packet for packet in packets if not is_own_ack(packet[1], networks)]
    paths = [captures.write(folder / name, some) for name, some in (("all.pcap", packets), ("rest.pcap", rest))]
    return ([[said(form, networks, path) for form in ("--samples", "--json")] for path in paths], len(packets) - len(rest))


def ignoring(total, *keys):
    return {key: value for key, value in total.items() if key not in keys}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", SCENARIOS)
def test_no_number_is_another(name, side, tmp_path):
    capture, _ = references.simulate(name, tmp_path, SCENARIOS[name])
    [whole, rest], dropped = with_and_without(tmp_path, SIDES[side], list(captures.read(capture)))
    assert dropped > 0 or side == "far" and "requests" in name
    assert rest[0] == whole[0]
    assert rest[1][:-1] == whole[1][:-1]
    assert ignoring(rest[1][-1], "packets", "tcp") == ignoring(whole[1][-1], "packets", "tcp")


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", ["loss-plain", "loss-requests", "loss-heavy", "standstill"])
def test_begun_in_the_middle(name, side, tmp_path):
    """Then an ACK may be the first or the only packet of a flow: it opens none, and rows come in another order. That is all."""
    capture, _ = references.simulate(name, tmp_path, SCENARIOS[name])
    packets = list(captures.read(capture))
    for part in (0.2, 0.5, 0.8):
        [whole, rest], _ = with_and_without(tmp_path, SIDES[side], packets[int(part * len(packets)):])
        assert rest[0] == whole[0]
        rows = [{(row["src"], row["dst"]): ignoring(row, "flows") for row in said[1][:-1]} for said in (whole, rest)]
        for place, row in rows[0].items():
            assert rows[1].get(place, row) == row
        for key in ("timed", "samples", "skipped"):
            assert rest[1][-1][key] == whole[1][-1][key]


OURS, PEER = "10.1.0.1", "10.1.0.2"


@pytest.mark.parametrize("what", ["keep-alive", "zero-window probe"])
def test_probes_of_the_peer_are_known_all_the_same(what, tmp_path):
    """A probe that meets our data on the way looks like a duplicate ACK but for its number, which is one below what we have
    acknowledged. Our data says that too, since the probe is of a peer that had nothing new to send."""
    window = {"keep-alive": 0, "zero-window probe": 1}[what]
    packets, now = [], START

    def sent(later_ms, src, *words):
        nonlocal now
        now += later_ms * MS
        ports = (40000, 80) if src == OURS else (80, 40000)
        packet = frame(src, PEER if src == OURS else OURS, *ports, *words)
        packets.append((now, packet, len(packet)))

    sent(0, OURS, 99, 0, SYN)
    sent(20, PEER, 499, 100, SYN | ACK)
    sent(1, OURS, 100, 500, ACK)
    sent(1, PEER, 500, 100, PSH | ACK, bytes(1000))
    sent(1, OURS, 100, 1500, ACK)
    for n in range(5):
        seq = 100 + 20 * n
        sent(1000, OURS, seq, 1500, PSH | ACK, bytes(10))
        sent(0, OURS, seq + 10, 1500, PSH | ACK, bytes(10))
        sent(5, PEER, 1499, seq, ACK, bytes(window))  # it was sent before our data came
        sent(1, OURS, seq + 20, 1500, ACK)
        sent(14, PEER, 1500, seq + 20, ACK)  # a duplicate ACK before it would make that ambiguous
    [whole, rest], dropped = with_and_without(tmp_path, [OURS], packets)
    assert dropped == 7
    assert [sample["rtt_ns"] for sample in rest[0]] == [20 * MS] * 6
    assert rest[0] == whole[0] and rest[1][:-1] == whole[1][:-1]
