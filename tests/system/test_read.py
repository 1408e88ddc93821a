"""`go-metro read` on captures that are written here. Neither root nor a network is needed."""

import gzip
import ipaddress
import json
import os
import struct
import subprocess
import threading

import pytest

from processes import BUILD
from terminal import OnTerminal

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


SECTION, INTERFACE, SIMPLE_PACKET, PACKET = 0x0A0D0D0A, 1, 3, 6
ETHERNET, RAW = 1, 101


def block(kind, body, order="<"):
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def section(order="<"):
    return block(SECTION, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link=ETHERNET, order="<", resolution=9, snaplen=0):
    return block(INTERFACE, struct.pack(order + "HHIHHB3xHH", link, 0, snaplen, 9, 1, resolution, 0, 0), order)


def packets(frames, order="<", resolution=9, number=0):
    """On interface `number` of the section."""
    out = b""
    for time, data in frames:
        ticks = time // 10**(9 - resolution) % 2**64
        out += block(PACKET, struct.pack(order + "IIIII", number, ticks >> 32, ticks % 2**32, len(data), len(data)) + data, order)
    return out


def pcapng(frames, order="<", resolution=9):
    return section(order) + interface(ETHERNET, order, resolution) + packets(frames, order, resolution)


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
    "pcapng, two sections": lambda frames: pcapng(frames[:5]) + pcapng(frames[5:], resolution=6),
    "pcapng, two interfaces": lambda frames: (section() + interface() + interface(resolution=6)
                                              + packets(frames[:5]) + packets(frames[5:], resolution=6, number=1)),
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


@pytest.mark.parametrize("name", FORMATS)
def test_standard_input(name):
    rows, _ = read_json("--local", LOCAL, "-", stdin=FORMATS[name](connection(TRIPS)))
    assert rows[LOCAL, PEER]["samples"] == 4


def test_a_pipe_that_is_slow(tmp_path):
    """A capture that is still being made: what is there is read when it comes."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    data = pcap(connection(TRIPS))

    def feed():
        with open(fifo, "wb", buffering=0) as pipe:
            for at in range(0, len(data), 100):
                pipe.write(data[at:at + 100])

    feeder = threading.Thread(target=feed)
    feeder.start()
    rows, _ = read_json("--local", LOCAL, fifo)
    feeder.join()
    assert rows[LOCAL, PEER]["samples"] == 4


def test_cut_off_in_the_middle(write):
    whole = pcap(connection(TRIPS))
    path = write(whole[:-1])
    rows, total = read_json("--local", LOCAL, path, status=1)
    assert rows[LOCAL, PEER]["samples"] == 4
    assert total["packets"] == 11
    _, said = read(path, status=1)
    assert said.startswith("go-metro: %s: the capture is cut off" % path)


@pytest.mark.parametrize("make", [pcap, pcapng])
def test_cut_off_anywhere(write, make):
    """At a record's end nothing is missing; within one exit status 1, and what was whole is there."""
    frames = connection([20])
    ends = [len(make(frames[:n])) for n in range(len(frames) + 1)]
    whole = make(frames)
    for length in range(ends[0], len(whole) + 1, 7):
        _, total = read_json(write(whole[:length]), status=0 if length in ends else 1)
        assert total["packets"] == sum(end <= length for end in ends[1:])


@pytest.mark.parametrize("bad_first", [True, False])
def test_the_other_files_are_read_all_the_same(write, bad_first):
    paths = [write(b"not a capture, by far not", "broken"), write(pcap(connection(TRIPS)), "good")]
    rows, _ = read_json("--local", LOCAL, *(paths if bad_first else reversed(paths)), status=1)
    assert rows[LOCAL, PEER]["samples"] == 4


@pytest.mark.parametrize("second, says", [
    (interface(RAW), "an interface has a type 101 different from the type of the first interface"),
    (interface(snaplen=96), "an interface has a snapshot length 96 different from the"),
], ids=["link types", "snapshot lengths"])
def test_interfaces_that_do_not_go_into_one_file(write, second, says):
    """What came before the second interface counts, and the line on stderr says how to read the rest."""
    frames = connection(TRIPS)
    path = write(section() + interface() + packets(frames[:9]) + second + packets(frames[9:], number=1))
    rows, total = read_json("--local", LOCAL, path, status=1)
    assert rows[LOCAL, PEER]["samples"] == 3 and total["packets"] == 9
    said = read(path, status=1)[1]
    assert said.startswith("go-metro: %s: %s" % (path, says)) and "split the capture by interface" in said


def test_files_of_different_link_types(write):
    frames = connection(TRIPS)
    raw = section() + interface(RAW) + packets([(time, data[14:]) for time, data in frames[5:]])
    rows, _ = read_json("--local", LOCAL, write(pcap(frames[:5]), "ethernet"), write(raw, "raw"))
    assert rows[LOCAL, PEER]["samples"] == 4


def test_a_link_type_that_is_not_decoded(write):
    wifi = section() + interface(105) + packets(connection(TRIPS))
    rows, total = read_json(write(wifi))
    assert rows == {} and total["ignored"] == {"unknown_link_type": 12}


PPP, PPPOE_SESSION = 9, b"\x88\x64"
PPP_IPV4 = b"\x00\x21"


def ppp(data, session=False):
    """The packet of an Ethernet frame behind PPP's header, as it is on a serial line or in a PPPoE session."""
    packet = data[14:]
    if not session:
        return b"\xff\x03" + PPP_IPV4 + packet
    return data[:12] + PPPOE_SESSION + struct.pack("!BBHH", 0x11, 0, 1, len(packet) + 2) + PPP_IPV4 + packet


@pytest.mark.parametrize("name, data", [
    ("ppp", section() + interface(PPP) + packets([(time, ppp(data)) for time, data in connection(TRIPS)])),
    ("pppoe", pcap([(time, ppp(data, session=True)) for time, data in connection(TRIPS)])),
])
def test_ppp_is_named_and_not_guessed(write, name, data):
    rows, total = read_json(write(data))
    assert rows == {} and total["ignored"] == {name: 12}
    assert "ignored: 12 %s\n" % name in read(write(data))[0], "people are told as well"


LACP = bytes(12) + b"\x88\x09" + bytes(110)
BURST_NS = 40000  # a bond queues: its slave has a packet later than the bond itself


def test_a_bond_and_its_slaves(write):
    """A bond is an Ethernet like others, with its slaves' LACP. Captured above and below, each packet is there twice."""
    frames = [(START, LACP)] + connection(TRIPS)
    rows, total = read_json("--local", LOCAL, write(pcap(frames), "bond0"))
    assert rows[LOCAL, PEER]["samples"] == 4 and total["ignored"] == {"not_ip": 1}
    both = sorted(frames + [(time + BURST_NS, data) for time, data in connection(TRIPS)], key=lambda frame: frame[0])
    twice, total = read_json("--local", LOCAL, write(pcap(both, nano=True), "both"))
    assert total["ignored"] == {"not_ip": 1, "duplicate": 12}
    for key in ("samples", "retransmits", "timed", "skipped", "flows"):
        assert twice[LOCAL, PEER][key] == rows[LOCAL, PEER][key]


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
    (gzip.compress(pcap(connection(TRIPS))), "the file is compressed; zcat FILE | go-metro read -"),
], ids=["zero bytes", "half a header", "a script", "compressed"])
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


def test_a_folder(tmp_path):
    _, said = read(tmp_path, status=1)
    assert said.startswith("go-metro: %s: " % tmp_path) and "directory" in said


# --- for people ---

def test_table(write):
    header, row, _, *text = read("--local", LOCAL, write(pcap([UDP] + connection(TRIPS))))[0].splitlines()
    assert header.split() == ["SRC", "DST", "SAMPLES", "AVG", "JITTER", "MIN", "P50", "P95", "P99", "MAX", "RETX"]
    assert row.split()[:3] == [LOCAL, PEER, "4"] and "50.0 ms" in row
    assert text[0].startswith("13 packets, 12 TCP, 1 flow;") and text[-1] == "ignored: 1 not_tcp"


LONG_LOCAL, LONG_PEER = "2001:db8:85a3:1234:ac10:8a2e:370:7334", "2a02:26f0:1700:5a3:abcd:1234:5678:9abc"


def on_terminal(path, **how):
    """What the screen shows when it is over, and all that was written there."""
    with OnTerminal([PROGRAM, "read", "--local", LOCAL, "--local", LONG_LOCAL, path], **how) as process:
        assert process.wait() == 0
        text = process.wait_for_screen(lambda text: "round trips" in text)
        return text.splitlines(), process.log


@pytest.fixture
def two_peers(write):
    return write(pcap(connection([20, 30, 40, 50]) + connection([1, 2, 400], LONG_LOCAL, LONG_PEER), nano=True))


@pytest.mark.parametrize("width", [80, 120, 200])
def test_table_on_a_terminal(two_peers, width):
    """It fits, whatever the addresses; the histograms have a scale that is said, and the same place for the same time."""
    (header, first, second, legend, *_), _ = on_terminal(two_peers, width=width)
    assert header.startswith("SRC") and header.endswith("500ms") and " 1ms " in header
    assert legend == "histogram: log scale, 1ms to 500ms in every row; tallest bar = most samples"
    assert len(header) <= width and (width < 200 or "JITTER" in header)
    left = header.index(" 1ms ") + 1
    assert first.split()[:3] == [LOCAL, PEER, "4"] and (LONG_PEER in second) == (width == 200)
    assert second.split()[0].startswith("2001:db") and "2a02:26" in second
    assert second[left] in BLOCKS and second[-1] in BLOCKS and first[left] == " " and first[-1] in BLOCKS
    assert len(first) < len(second), "50 ms is left of 400 ms"
    assert second.index("1.00 ms") == first.index("20.0 ms"), "MIN under MIN"


BLOCKS = "▁▂▃▄▅▆▇█"


@pytest.mark.parametrize("environment, blocks, escapes", [
    ({}, True, True),
    ({"LC_ALL": "C"}, False, True),
    ({"NO_COLOR": "1"}, True, False),
    ({"TERM": "dumb"}, True, False),
], ids=["xterm, UTF-8", "xterm, ASCII", "no colours", "dumb"])
def test_what_the_terminal_can_do(two_peers, environment, blocks, escapes):
    lines, log = on_terminal(two_peers, **environment)
    assert any(block in lines[1] for block in BLOCKS) == blocks
    assert (b"\033" in log) == escapes
    assert blocks or log.isascii()
    assert blocks or lines[1].split()[-1].strip(".:-=+*#@") == "", "its bars are of ASCII"


# --- how far it is ---

@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """More than 16 MiB of what is no TCP, and a connection at the end."""
    path = tmp_path_factory.mktemp("large") / "large.pcap"
    path.write_bytes(pcap([UDP]) + pcap([UDP])[24:] * 300000 + pcap(connection(TRIPS))[24:])
    return path


def test_progress(large):
    """Also when nothing passes the filter; it is gone at the end, and standard output has none of it."""
    with OnTerminal([PROGRAM, "read", "--json", "-f", "tcp", large], to_file=True) as process:
        assert process.wait() == 0
        process.wait_for_screen(lambda text: text == "" and process.log.endswith(b"\r\033[K"))
        assert b"large.pcap" in process.log and b" % [" in process.log and b" MiB, " in process.log
        assert json.loads(process.out.splitlines()[-1])["packets"] == 12


def test_progress_makes_way_for_messages(large, write):
    broken = write(large.read_bytes()[:-1])
    with OnTerminal([PROGRAM, "read", "--json", broken], to_file=True) as process:
        assert process.wait() == 1
        process.wait_for_screen(lambda text: text.startswith("go-metro: ") and "cut off" in text)
        assert b"\r\033[Kgo-metro: " in process.log


@pytest.mark.parametrize("how", ["small", "pipe", "samples", "dumb"])
def test_no_progress(large, write, how):
    """A small file, what has no size, among samples on the same terminal, and on one that cannot be drawn on."""
    command, options = [PROGRAM, "read", "--samples", large], {}
    if how == "small":
        command, options = [PROGRAM, "read", "--json", write(pcap(connection(TRIPS)))], {"to_file": True}
    elif how == "pipe":
        command, options = ["sh", "-c", 'cat "$1" | "$0" read --json -', PROGRAM, large], {"to_file": True}
    elif how == "dumb":
        command, options = [PROGRAM, "read", "--json", large], {"to_file": True, "TERM": "dumb"}
    with OnTerminal(command, **options) as process:
        assert process.wait() == 0
        if how == "samples":
            process.wait_for_screen(lambda text: text.count('"type"') == 8)
        assert b"MiB" not in process.log and b"\033" not in process.log


# --- times ---

def test_simple_packets_have_no_time(write):
    """libpcap says 0 for it, and between two such frames no time would have passed."""
    body = b"".join(block(SIMPLE_PACKET, struct.pack("<I", len(data)) + data) for _, data in connection(TRIPS))
    rows, total = read_json(write(section() + interface() + body))
    assert rows == {} and total["ignored"] == {"clock_step": 12}


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
