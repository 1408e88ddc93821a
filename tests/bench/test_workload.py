"""The generator: what it writes is what it says, the same for the same seed, and plain TCP to everybody who reads it."""

import collections
import struct

import pytest

import accuracy
import captures
import costs
import references

FIN, SYN, ACK = 0x01, 0x02, 0x10
SNAPLEN = 128
PATTERNS = {"bulk": {"packets": 3000}, "requests": {"packets": 3000, "flows": 100}, "short": {"flows": 300},
            "open": {"flows": 200, "packets": 2000}, "syns": {"flows": 200}}

Packet = collections.namedtuple("Packet", "time_ns source flow flags payload captured length")


def packets(path):
    """The packets of a capture of IPv4; flow: both ends, the lesser first."""
    for time_ns, frame, length in captures.read(path):
        at, is_v4 = captures.network_of(frame)
        assert is_v4
        ends = [(frame[26:30], frame[at:at + 2]), (frame[30:34], frame[at + 2:at + 4])]
        header = 4 * (frame[at + 12] >> 4)
        yield Packet(time_ns, ".".join(map(str, frame[26:30])), tuple(sorted(ends)), frame[at + 13],
                     struct.unpack_from("!H", frame, 16)[0] - 20 - header, len(frame), length)


def by_flow(path):
    flows = collections.defaultdict(list)
    for packet in packets(path):
        flows[packet.flow].append(packet)
    return flows


def most_open(flows):
    """Of flows from their first packet to their last."""
    changes = sorted([(life[0].time_ns, 1) for life in flows.values()] + [(life[-1].time_ns, -1) for life in flows.values()])
    now = most = 0
    for _, change in changes:
        now += change
        most = max(most, now)
    return most


def test_lists_what_is_tested_here(generator):
    assert [line.split("\t")[0] for line in generator("--list").stdout.splitlines()] == list(PATTERNS)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_same_seed_gives_the_same_bytes(pattern, workload):
    options = PATTERNS[pattern]
    first = workload(pattern, "1", **options).read_bytes()
    assert workload(pattern, "2", **options).read_bytes() == first
    assert workload(pattern, "3", seed=2, **options).read_bytes() != first


@pytest.mark.parametrize("pattern", PATTERNS)
def test_packets_are_cut_at_the_snaplen_and_in_order(pattern, workload):
    path = workload(pattern, **PATTERNS[pattern])
    found = list(packets(path))
    assert struct.unpack_from("<I", path.read_bytes(), 16)[0] == SNAPLEN
    assert all(packet.captured == min(packet.length, SNAPLEN) for packet in found)
    assert all(before.time_ns < after.time_ns for before, after in zip(found, found[1:]))
    assert {costs.HOST} < {packet.source for packet in found}


@pytest.mark.parametrize("pattern, options", [("bulk", {}), ("requests", {}), ("open", {}), ("short", {"flows": 2000})])
def test_the_number_of_packets_is_kept(pattern, options, tmp_path):
    assert costs.make_capture(pattern, tmp_path / "x", packets=1234, **options) == 1234
    assert len(list(captures.read(tmp_path / "x"))) == 1234


def test_bulk_is_full_segments_and_an_ack_for_every_second(workload):
    flows = by_flow(workload("bulk", packets=30000))
    assert len(flows) == 16
    for life in flows.values():
        sent = [packet for packet in life[3:] if packet.source == costs.HOST]
        received = [packet for packet in life[3:] if packet.source != costs.HOST]
        assert {(packet.length, packet.payload) for packet in sent} == {(1514, 1448)}
        assert {packet.payload for packet in received} == {0}
        assert len(received) <= len(sent) / 2 <= len(received) + 32


def test_short_flows_are_opened_and_closed(workload):
    flows = by_flow(workload("short", flows=3000))
    assert len(flows) == 3000
    for life in flows.values():
        assert [packet.flags for packet in life[:3]] == [SYN, SYN | ACK, ACK]
        assert [bool(packet.flags & FIN) for packet in life[-3:]] == [True, True, False]
        assert len(life) in (8, 10, 12) and sum(packet.payload > 0 for packet in life) == len(life) - 6
    assert 0.4 < most_open(flows) / len(flows) < 0.5
    opened_here = sum(life[0].source == costs.HOST for life in flows.values())
    assert 0.45 < opened_here / len(flows) < 0.55


def test_open_flows_are_all_open_before_one_comes_twice_and_in_no_order(workload):
    found = list(packets(workload("open", flows=500, packets=5000)))
    assert len({packet.flow for packet in found[:500]}) == len({packet.flow for packet in found}) == 500
    assert all(packet.payload > 0 for packet in found)
    assert sum(before.flow == after.flow for before, after in zip(found[500:], found[501:])) < 50
    ports = [packet.flow for packet in found[:500]]
    assert ports != sorted(ports)


def test_each_flow_of_a_peer_has_other_ports(workload):
    """More flows than a client has ports."""
    flows = by_flow(workload("syns", flows=60000, peers=1))
    assert len(flows) == 60000


def test_flows_are_spread_over_the_peers(workload):
    peers = {packet.source for packet in packets(workload("open", flows=5000, peers=70, packets=20000))} - {costs.HOST}
    assert len(peers) == 70


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("is_v6", [False, True])
def test_we_find_nothing_odd_in_it(pattern, is_v6, generator, tmp_path):
    """Every packet counts, nothing looks lost, sent again or out of order."""
    options = [word for name, value in PATTERNS[pattern].items() for word in ("--%s" % name, value)] + ["--v6"] * is_v6
    assert generator(pattern, "--out", tmp_path / "x", *options).returncode == 0
    rows, total = references.our_rows(tmp_path / "x", "2001:db8::1" if is_v6 else costs.HOST)
    assert total["packets"] == total["tcp"] > 0 and total["ignored"] == {}
    assert {reason for reason, count in total["skipped"].items() if count} <= {"covered", "unacked"}
    assert sum(row["retransmits"] for row in rows) == 0
    assert total["samples"] > 0 or pattern == "syns"


@pytest.mark.parametrize("pattern", ["bulk", "requests", "short", "open"])
def test_tcptrace_and_tshark_see_the_same_round_trips(pattern, workload):
    try:
        comparison = accuracy.Comparison(pattern, workload(pattern, **PATTERNS[pattern]), costs.HOST)
    except references.MissingTool as error:
        pytest.skip(str(error))
    assert comparison.tcptrace.both == comparison.tshark.both == len(comparison.samples) > 100
    assert not comparison.tcptrace.only_theirs and not comparison.tcptrace.only_ours and not comparison.tshark.off


@pytest.mark.parametrize("arguments, said", [
    ((), "usage"),
    (("short",), "usage"),
    (("--out", "/dev/null"), "usage"),
    (("wrong", "--out", "/dev/null"), "no pattern 'wrong'"),
    (("short", "--out", "/dev/null", "--flows", "many"), "--flows 'many': a whole number"),
    (("short", "--out", "/dev/null", "--flows", "-1"), "--flows '-1': a whole number"),
    (("short", "--out", "/dev/null", "--peers", "99999999999"), "--peers '99999999999': a whole number up to"),
])
def test_wrong_usage_is_said(arguments, said, generator):
    result = generator(*arguments)
    assert result.returncode == 2 and said in result.stderr


@pytest.mark.parametrize("out", ["/dev/full", "/nowhere/x.pcap"])
def test_a_capture_that_cannot_be_written_is_an_error(out, generator):
    result = generator("short", "--out", out, "--flows", 1000)
    assert result.returncode == 1 and out in result.stderr
