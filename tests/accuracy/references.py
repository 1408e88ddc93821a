"""What each program says of a capture, in one form: ours, the simulator's truth, tcptrace and tshark.

A flow is (src, sport, dst, dport), src being who sent the data. Times are nanoseconds."""

import collections
import contextlib
import ipaddress
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", REPOSITORY / "build")).resolve()
HELPER = BUILD / "go-metro"
SIMULATOR = BUILD / "simulator"

# end: the sequence number after the segment; time_ns: when its ACK was captured.
Sample = collections.namedtuple("Sample", "flow end time_ns rtt_ns kind")
# start: the segment's first sequence number; kind: what an ideal matcher may make of it (simulator/truth.h).
Truth = collections.namedtuple("Truth", "flow start end time_ns rtt_ns kind verdict")
# Of one TCP packet: length of its data, and the round trip that tshark found its ACK to end (None: none).
Packet = collections.namedtuple("Packet", "flow seq length flags ack time_ns ack_rtt_ns")

FIN, SYN = 1, 2
PRIMES = (2, 3, 5, 7, 11, 13)


class MissingTool(Exception):
    """A reference is not installed; the text says how to get it."""


def need(tool):
    path = shutil.which(tool)
    if path is None:
        raise MissingTool("%s is not installed: apt-get install %s" % (tool, tool))
    return path


def output(arguments, **options):
    result = subprocess.run([str(a) for a in arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)
    if result.returncode != 0:
        raise RuntimeError("%s: exit status %d\n%s" % (arguments, result.returncode, result.stderr.decode(errors="replace")))
    return result.stdout.decode(errors="replace")


def flow_of(row):
    return row["src"], row["sport"], row["dst"], row["dport"]


def simulate(scenario, folder, flows=0, seed=1, micro=False):
    """Runs the simulator; the paths of the capture and of the truth."""
    capture, truth = pathlib.Path(folder, scenario + ".pcap"), pathlib.Path(folder, scenario + ".truth")
    arguments = [SIMULATOR, scenario, "--out", capture, "--truth", truth, "--flows", flows, "--seed", seed]
    output(arguments + (["--micro"] if micro else []))
    return capture, truth


def scenarios():
    """(name, what it is) of each that the simulator knows."""
    return [tuple(line.split("\t")) for line in output([SIMULATOR, "--list"]).splitlines()]


def read_truth(path):
    with open(path, encoding="ascii") as lines:
        for row in map(json.loads, lines):
            yield Truth(flow_of(row), row["start_seq"], row["end_seq"], row["time_ns"], row["rtt_ns"], row["kind"],
                        row["class"])


def ours(capture, local=None):
    """The samples of `go-metro read`."""
    arguments = [HELPER, "read", "--samples"] + (["--local", local] if local else []) + [capture]
    for row in map(json.loads, output(arguments).splitlines()):
        yield Sample(flow_of(row), row["end_seq"], row["time_ns"], row["rtt_ns"], row["kind"])


def our_rows(capture, local=None):
    """The peers and the total of `go-metro read --json`."""
    arguments = [HELPER, "read", "--json"] + (["--local", local] if local else []) + [capture]
    rows = [json.loads(line) for line in output(arguments).splitlines()]
    return rows[:-1], rows[-1]


def tshark(capture):
    """Each TCP packet, as tshark sees it."""
    fields = ("frame.time_epoch ip.src ipv6.src tcp.srcport ip.dst ipv6.dst tcp.dstport tcp.seq_raw tcp.len tcp.flags "
              "tcp.ack_raw tcp.analysis.ack_rtt").split()
    arguments = [need("tshark"), "-n", "-r", capture, "-T", "fields", "-E", "occurrence=f", "-Y", "tcp && !icmp && !icmpv6"]
    for field in fields:
        arguments += ["-e", field]
    for line in output(arguments, env=dict(os.environ, TZ="UTC")).splitlines():
        time, src4, src6, sport, dst4, dst6, dport, seq, length, flags, ack, rtt = line.split("\t")
        yield Packet((src4 or src6, int(sport), dst4 or dst6, int(dport)), int(seq), int(length), int(flags, 16), int(ack),
                     nanoseconds(time), nanoseconds(rtt) if rtt else None)


def nanoseconds(text):
    """Of a decimal number of seconds, exactly."""
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0")[:9])


def tcptrace(capture):
    """(flow, first sequence number) of each segment that tcptrace took a round trip of. Its times are rounded to milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        report = output([need("tcptrace"), "-n", "-l", "-Z", pathlib.Path(capture).resolve()], cwd=folder)
        hosts = dict(re.findall(r"^\s+host ([a-z]+): +(\S+)$", report, re.MULTILINE))
        for path in pathlib.Path(folder).glob("*_*"):  # "aab2aac_rttraw.dat", cut off at 14 characters
            src, dst = (endpoint(hosts[name]) for name in path.name.split("_")[0].split("2"))
            with path.open(encoding="ascii") as lines:
                for line in lines:
                    yield src + dst, int(line.split()[0])


def endpoint(text):
    address, _, port = text.rpartition(":")
    return str(ipaddress.ip_address(address)), int(port)


def symmetric_place(frame):
    """The same number for both directions of a connection; of IPv4 in Ethernet, as the simulator writes it."""
    return sum((a ^ b) * weight for a, b, weight in zip(frame[26:30] + frame[34:36], frame[30:34] + frame[36:38], PRIMES))


@contextlib.contextmanager
def split_by_flow(capture, parts):
    """A nanosecond pcap file of the simulator as that many files, each connection whole in one of them: tcptrace keeps a file open
    for each connection, and tshark all of them in memory."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder, "%d.pcap" % n) for n in range(parts)]
        with contextlib.ExitStack() as files, open(capture, "rb") as whole:
            outs = [files.enter_context(path.open("wb")) for path in paths]
            header = whole.read(24)
            for out in outs:
                out.write(header)
            while True:
                record = whole.read(16)
                if not record:
                    break
                frame = whole.read(struct.unpack_from("<I", record, 8)[0])
                outs[symmetric_place(frame) % parts].write(record + frame)
        yield paths
