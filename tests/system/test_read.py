"""`go-metro read` on captures that are written here. Neither root nor a network is needed."""

import ipaddress
import json
import struct
import subprocess

import pytest

from processes import BUILD

PROGRAM = BUILD / "go-metro"
LOCAL, PEER, OTHER = "10.1.0.1", "10.1.0.2", "2001:db8::2"
SYN, PSH, ACK = 2, 8, 16
MS = 10**6
START = 1700000000 * 10**9
NO_TIME = -1  # as 64 bits: far behind what nanoseconds since 1970 can say


# --- frames: pairs of a time in ns and the bytes ---

def frame(src, dst, sport, dport, seq, ack, flags, payload=b""):
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 65000, 0, 0) + payload
    if src.version == 4:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), seq & 0xFFFF, 0x4000, 64, 6, 0)
    else:
        ip = struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64)
    ethertype = b"\x08\x00" if src.version == 4 else b"\x86\xdd"
    return bytes(12) + ethertype + ip + src.packed + dst.packed + tcp


def connection(trips_ms, local=LOCAL, peer=PEER, port=80, start=START):
    """A handshake and a request for each round trip; the peer's own data is acknowledged 1 ms after it came."""
    now, seq, ack = start, 100, 500
    out = [(now, frame(local, peer, 40000, port, 99, 0, SYN))]
    now += trips_ms[0] * MS
    out.append((now, frame(peer, local, port, 40000, 499, seq, SYN | ACK)))
    now += MS
    out.append((now, frame(local, peer, 40000, port, seq, ack, ACK)))
    for trip in trips_ms[1:]:
        now += 10 * MS
        out.append((now, frame(local, peer, 40000, port, seq, ack, PSH | ACK, b"request")))
        seq += 7
        now += trip * MS
        out.append((now, frame(peer, local, port, 40000, ack, seq, PSH | ACK, b"answer")))
        ack += 6
        now += MS
        out.append((now, frame(local, peer, 40000, port, seq, ack, ACK)))
    return out


UDP = (START, bytes(12) + b"\x08\x00" + struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0, bytes(4), bytes(4)) + bytes(8))
ARP = (START, bytes(12) + b"\x08\x06" + bytes(28))
TRIPS = [20, 30, 40, 50]


# --- files ---

def pcap(frames, order="<", nano=False):
    out = struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for time, data in frames:
        out += struct.pack(order + "IIII", time // 10**9, time % 10**9 // (1 if nano else 1000), len(data), len(data)) + data
    return out


def pcapng(frames, order="<", resolution=9):
    def block(kind, body):
        body += bytes(-len(body) % 4)
        length = struct.pack(order + "I", len(body) + 12)
        return struct.pack(order + "I", kind) + length + body + length

    out = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(1, struct.pack(order + "HHIHHB3xHH", 1, 0, 0, 9, 1, resolution, 0, 0))
    for time, data in frames:
        ticks = time // 10**(9 - resolution) % 2**64
        out += block(6, struct.pack(order + "IIIII", 0, ticks >> 32, ticks % 2**32, len(data), len(data)) + data)
    return out


# --- the program ---

def read(*arguments, stdin=b"", status=0):
    """What it printed, and what it said on stderr: a line for what is wrong, and nothing where nothing is."""
    result = subprocess.run([str(PROGRAM), "read"] + [str(a) for a in arguments], input=stdin, capture_output=True, timeout=60,
                            check=False)
    assert result.returncode == status, result.stderr
    said = result.stderr.decode()
    assert said.count("\n") == (1 if status else 0), said
    return result.stdout.decode(), said


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def read_json(*arguments, stdin=b"", status=0):
    """The rows by (src, dst), and the total. It adds up, whatever was read."""
    *rows, total = objects(read("--json", *arguments, stdin=stdin, status=status)[0])
    assert [row["type"] for row in rows] == ["peer"] * len(rows) and total["type"] == "total"
    for part in rows + [total]:
        assert part["timed"] == part["samples"] + sum(part["skipped"].values())
    for key in ("timed", "samples"):
        assert total[key] == sum(row[key] for row in rows)
    assert total["packets"] == total["tcp"] + sum(total["ignored"].values())
    return {(row["src"], row["dst"]): row for row in rows}, total


@pytest.fixture
def write(tmp_path):
    def write_file(data, name="capture"):
        path = tmp_path / name
        path.write_bytes(data)
        return path
    return write_file


FORMATS = {
    "pcap, little endian, us": lambda frames: pcap(frames, "<"),
    "pcap, big endian, us": lambda frames: pcap(frames, ">"),
    "pcap, little endian, ns": lambda frames: pcap(frames, "<", nano=True),
    "pcap, big endian, ns": lambda frames: pcap(frames, ">", nano=True),
    "pcapng, little endian, ns": lambda frames: pcapng(frames, "<"),
    "pcapng, big endian, us": lambda frames: pcapng(frames, ">", resolution=6),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats(write, name):
    rows, total = read_json("--local", LOCAL, write(FORMATS[name]([UDP, ARP] + connection(TRIPS))))
    (key, row), = rows.items()
    assert key == (LOCAL, PEER)
    assert (row["flows"], row["samples"], row["handshake_samples"], row["retransmits"]) == (1, 4, 1, 0)
    assert {k: row["rtt_ms"][k] for k in ("last", "min", "mean", "max")} == {"last": 50, "min": 20, "mean": 35, "max": 50}
    assert total["ignored"] == {"not_ip": 1, "not_tcp": 1}
    assert (total["packets"], total["tcp"], total["flows"]) == (14, 12, 1)


@pytest.mark.parametrize("nano, expected", [(True, 20 * MS + 123456), (False, 20 * MS + 123000)])
def test_time_stamps_are_not_rounded(write, nano, expected):
    (first, syn), (second, answer), *_ = connection([20])
    path = write(pcap([(first, syn), (second + 123456, answer)], nano=nano))
    assert [s["rtt_ns"] for s in objects(read("--samples", path)[0])] == [expected]


def test_both_directions_without_local(write):
    rows, total = read_json(write(pcap(connection(TRIPS))))
    assert set(rows) == {(LOCAL, PEER), (PEER, LOCAL)}
    back = rows[PEER, LOCAL]
    assert back["samples"] == 4 and back["rtt_ms"]["min"] == back["rtt_ms"]["max"] == 1
    assert total["samples"] == 8


@pytest.mark.parametrize("local, expected", [
    (["10.1.0.0/31"], {(LOCAL, PEER)}),
    ([PEER], {(PEER, LOCAL)}),
    ([LOCAL, PEER], {(LOCAL, PEER), (PEER, LOCAL)}),
    (["192.0.2.0/24"], set()),
])
def test_local(write, local, expected):
    options = [word for net in local for word in ("--local", net)]
    rows, total = read_json(*options, write(pcap(connection(TRIPS))))
    assert set(rows) == expected
    assert total["ignored"] == ({} if expected else {"not_ours": 12})


def test_samples(write):
    path = write(pcap(connection(TRIPS), nano=True))
    samples = objects(read("--samples", "--local", LOCAL, path)[0])
    assert [s["rtt_ns"] for s in samples] == [trip * MS for trip in TRIPS]
    assert [s["kind"] for s in samples] == ["syn", "data", "data", "data"]
    assert [s["end_seq"] for s in samples] == [100, 107, 114, 121]
    assert samples[0] == {"type": "sample", "time_ns": START + 20 * MS, "src": LOCAL, "sport": 40000, "dst": PEER, "dport": 80,
                          "end_seq": 100, "rtt_ns": 20 * MS, "kind": "syn"}


def test_filter(write):
    frames = connection(TRIPS) + connection([10], peer="10.1.0.3", port=81)
    rows, total = read_json("--local", LOCAL, "-f", "tcp port 81", write(pcap(frames)))
    assert set(rows) == {(LOCAL, "10.1.0.3")}
    assert total["packets"] == 3


def test_bad_filter(write):
    path = write(pcap(connection(TRIPS)))
    _, said = read("-f", "tcp port", path, status=1)
    assert said.startswith("go-metro: %s: -f: " % path)


def test_bad_local(write):
    _, said = read("--local", "10.1.0.0/33", write(pcap([])), status=2)
    assert "--local 10.1.0.0/33" in said


def test_several_files_are_one_reading(write):
    frames = connection(TRIPS)
    paths = [write(pcap(frames[:5]), "first"), write(pcapng(frames[5:]), "second"),
             write(pcap(connection([7], local="2001:db8::1", peer=OTHER)), "third")]
    rows, total = read_json("--local", LOCAL, "--local", "2001:db8::1", *paths)
    assert rows[LOCAL, PEER]["samples"] == 4 and rows[LOCAL, PEER]["flows"] == 1
    assert rows["2001:db8::1", OTHER]["rtt_ms"]["last"] == 7
    assert total["packets"] == len(frames) + 3


def test_standard_input():
    rows, _ = read_json("--local", LOCAL, "-", stdin=pcap(connection(TRIPS)))
    assert rows[LOCAL, PEER]["samples"] == 4


def test_cut_off_in_the_middle(write):
    whole = pcap(connection(TRIPS))
    path = write(whole[:-1])
    rows, total = read_json("--local", LOCAL, path, status=1)
    assert rows[LOCAL, PEER]["samples"] == 4
    assert total["packets"] == 11
    _, said = read(path, status=1)
    assert said.startswith("go-metro: %s: the capture is cut off" % path)


def test_cut_off_anywhere(write):
    """At a record's end nothing is missing; within one exit status 1, and what was whole is there."""
    frames = connection([20])
    ends = [len(pcap(frames[:n])) for n in range(len(frames) + 1)]
    whole = pcap(frames)
    for length in range(ends[0], len(whole) + 1, 7):
        _, total = read_json(write(whole[:length]), status=0 if length in ends else 1)
        assert total["packets"] == sum(end <= length for end in ends[1:])


def test_the_other_files_are_read_all_the_same(write):
    broken, good = write(b"not a capture, by far not", "broken"), write(pcap(connection(TRIPS)), "good")
    rows, _ = read_json("--local", LOCAL, broken, good, status=1)
    assert rows[LOCAL, PEER]["samples"] == 4


@pytest.mark.parametrize("data", [pcap([]), pcapng([])], ids=["pcap", "pcapng"])
def test_empty_capture(write, data):
    path = write(data)
    assert read_json(path) == ({}, {"type": "total", "packets": 0, "tcp": 0, "flows": 0, "timed": 0, "samples": 0,
                                    "skipped": dict.fromkeys(["covered", "inexact", "retransmitted", "ambiguous", "unacked",
                                                              "overflow", "clock"], 0), "ignored": {}})
    assert read("--samples", path)[0] == ""
    assert "No round trip was seen." in read(path)[0]


@pytest.mark.parametrize("data, says", [
    (b"", "the file is empty"),
    (b"\xd4\xc3\xb2\xa1\x02", "not a pcap or pcapng capture"),
    (b"#!/bin/sh\necho this is no capture, but long enough\n", "not a pcap or pcapng capture"),
], ids=["zero bytes", "half a header", "a script"])
def test_not_a_capture(write, data, says):
    path = write(data)
    for arguments, stdin, name in (([path], b"", path), (["-"], data, "standard input")):
        printed, said = read("--json", *arguments, stdin=stdin, status=1)
        assert said.startswith("go-metro: %s: %s" % (name, says))
        assert [line["type"] for line in objects(printed)] == ["total"]


def test_missing_file(tmp_path):
    _, said = read(tmp_path / "nothing", status=1)
    assert said == "go-metro: %s: No such file or directory\n" % (tmp_path / "nothing")


def test_output_that_cannot_be_written(write):
    path = write(pcap(connection(TRIPS)))
    with open("/dev/full", "wb") as full:
        result = subprocess.run([str(PROGRAM), "read", str(path)], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert result.returncode == 1 and b"No space left on device" in result.stderr


def test_table(write):
    header, row, _, *text = read("--local", LOCAL, write(pcap([UDP] + connection(TRIPS))))[0].splitlines()
    assert header.split() == ["SRC", "DST", "SAMPLES", "AVG", "JITTER", "MIN", "P50", "P95", "P99", "MAX", "RETX"]
    assert row.split()[:3] == [LOCAL, PEER, "4"] and "50.0 ms" in row
    assert text[0].startswith("13 packets, 12 TCP, 1 flow;") and text[-1] == "ignored: 1 not_tcp"


@pytest.mark.parametrize("resolution", [0, 9], ids=["s", "ns"])
def test_times_that_nothing_can_be_measured_with(write, resolution):
    """Frames of a time that is none give no sample, and those among which they are lose nothing but them."""
    unit = 10**(9 - resolution)
    (_, syn), (_, answer), *_ = connection([20])
    bad = [NO_TIME * unit, 2**63 * unit, 0, (2**63 - 1) * unit]
    rows, total = read_json(write(pcapng([(time, data) for time in bad for data in (syn, answer)], resolution=resolution)))
    assert rows == {} and total["samples"] == 0
    assert total["ignored"]["clock_step"] == 8
    good = connection(TRIPS)
    mixed = [(NO_TIME, UDP[1])] + [pair for time, data in good for pair in ((time, data), (2**63, UDP[1]))]
    rows, total = read_json("--local", LOCAL, write(pcapng(mixed)))
    assert rows[LOCAL, PEER]["samples"] == 4 and rows[LOCAL, PEER]["rtt_ms"]["mean"] == 35
    assert total["ignored"] == {"clock_step": len(good) + 1}


def test_times_that_go_back_or_far_ahead(write):
    """Each frame a year after the one before it, then all in the opposite order."""
    year = 365 * 86400 * 10**9
    frames = [(n * year, data) for n, (_, data) in enumerate(connection([1] * 40))]
    assert read_json(write(pcapng(frames)))[1]["samples"] == 0
    frames = [(time, data) for (time, _), (_, data) in zip(reversed(frames), frames)]
    assert read_json(write(pcapng(frames)))[1]["samples"] == 0
