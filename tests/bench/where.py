#!/usr/bin/env python3
"""Where a packet's time goes: by what the code is for, in nanoseconds (perf) and instructions (callgrind).

    where.py [--sources] [WORKLOAD]...

--sources  a line for each source file and library instead of a group of them

What is measured is a function's own cost, by the source file in which the code stands that was running, wherever the compiler has put
it: a function that is inlined into another file's counts for its own file. perf says where samples of the CPU time fell; that
share of the measured time a packet is what the table has. callgrind counts instructions; what one packet costs (start and end of
the program) is taken off. Either may be missing: its columns are left out.

Prints a Markdown table."""

import argparse
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

import callgrind
import costs
from tools import Unavailable, need, output

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from documents import table  # noqa: E402

NATIVE = costs.REPOSITORY / "native"
HELPER = costs.BUILD / "go-metro"
KERNEL = "[kernel]"
# What begins with one of these, be it a source file or a library, is for that; the first that fits.
GROUPS = (
    ("kernel: the file, page faults", (KERNEL, "[vdso]")),
    ("libpcap, libc", ("libpcap", "libc.so", "libc-", "ld-linux")),
    ("handing frames over", ("capture", "read.", "filter")),
    ("decoding", ("packet", "address")),
    ("whose it is, counting", ("meter", "sides", "netset")),
    ("finding the flow", ("flow", "hash", "wheel")),
    ("matching", ("rtt", "pending")),
    ("statistics", ("peer", "histogram")),
    ("the rest", ("",)),
)
WORKLOADS = ("bulk", "requests", "short")
SMALL = {"bulk": {"packets": 200000}, "requests": {"packets": 200000}, "short": {"flows": 20000}}  # for callgrind
ONE = {"bulk": {"packets": 1}, "requests": {"packets": 1}, "short": {"packets": 1}}
ROUNDS = 5
SAMPLES_HZ = 5000

# ns, instructions: {source file or library: a packet}; None: not measured.
Found = collections.namedtuple("Found", "packet_ns ns instructions")


def group_of(place):
    return next(name for name, starts in GROUPS if place.startswith(starts))


def grouped(by_place):
    sums = collections.Counter()
    for place, value in by_place.items():
        sums[group_of(place)] += value
    return sums


# --- nanoseconds ---


def helper_mapping(lines):
    """Where the helper's code is: (first address, one beyond the last, what is to be added for the place in the file)."""
    for line in lines:
        found = re.search(r"PERF_RECORD_MMAP2.*\[0x([0-9a-f]+)\(0x([0-9a-f]+)\) @ (0x[0-9a-f]+|0) .*\]: r-xp %s$" % re.escape(str(HELPER)),
                          line)
        if found:
            start, size, offset = (int(number, 16) for number in found.groups())
            return start, start + size, offset - start
    raise Unavailable("perf: the helper's code is not in what was recorded")


def samples_by_address(text):
    """(how many samples fell at each of the helper's addresses, how many in each other object)."""
    lines = text.splitlines()
    start, end, shift = helper_mapping(lines)
    own, others = collections.Counter(), collections.Counter()
    for line in lines:
        found = re.match(r"\s*([0-9a-f]+) \((.*)\)$", line)
        if not found:
            continue
        address = int(found.group(1), 16)
        if start <= address < end:
            own[address + shift] += 1
        else:
            others[KERNEL if "kernel" in found.group(2) else pathlib.Path(found.group(2)).name] += 1
    return own, others


def source_files(addresses):
    """The name of the source file of each address in the helper."""
    process = subprocess.run(["addr2line", "-e", str(HELPER)], input="\n".join(map(hex, addresses)).encode(), stdout=subprocess.PIPE,
                             check=True)
    return [pathlib.Path(line.partition(":")[0]).name for line in process.stdout.decode(errors="replace").splitlines()]


def shares_of_time(capture):
    """{source file or library: its part of the time}."""
    need("perf", "linux-perf")
    need("addr2line", "binutils")
    with tempfile.NamedTemporaryFile() as recorded:
        output(["perf", "record", "-q", "-F", SAMPLES_HZ, "-o", recorded.name] + costs.command(costs.OURS, capture))
        text = output(["perf", "script", "-i", recorded.name, "--show-mmap-events", "-F", "ip,dso"])
    own, others = samples_by_address(text)
    for name, count in zip(source_files(list(own)), own.values()):
        others[name] += count
    total = sum(others.values())
    return {place: count / total for place, count in others.items()}


# --- instructions ---


def own_instructions(found):
    """{source file or library: instructions} of callgrind's counts."""
    counts = collections.Counter()
    for count in found:
        source = pathlib.Path(count.source)
        counts[source.name if source.parent.name == NATIVE.name else pathlib.Path(count.object).name] += count.instructions
    return counts


def count_instructions(capture):
    return own_instructions(callgrind.run(costs.command(costs.OURS, capture)))


# --- both ---


def measured(workload, folder, say):
    capture = pathlib.Path(folder, "capture.pcap")
    packets = costs.make_capture(workload, capture)
    say("where: %s" % workload)
    packet_ns = costs.per_packet_ns(costs.in_turn([costs.OURS], [capture], ROUNDS)[costs.OURS.name, capture], packets)
    try:
        ns = {place: share * packet_ns for place, share in shares_of_time(capture).items()}
    except Unavailable as reason:
        say("where: no nanoseconds: %s" % reason)
        ns = None
    try:
        few = costs.make_capture(workload, capture, **SMALL[workload])
        counts = count_instructions(capture)
        costs.make_capture(workload, capture, **ONE[workload])
        counts.subtract(count_instructions(capture))
        instructions = {place: count / (few - 1) for place, count in counts.items()}
    except Unavailable as reason:
        say("where: no instructions: %s" % reason)
        instructions = None
    return Found(packet_ns, ns, instructions)


def columns(found, sources):
    """(title, {place: value}) of what was measured."""
    for workload, each in found.items():
        for unit, values in (("ns", each.ns), ("instr.", each.instructions)):
            if values is not None:
                yield "%s, %s" % (workload, unit), dict(values) if sources else grouped(values)


def lines_of(found, sources=False):
    by_title = dict(columns(found, sources))
    if not by_title:
        return ["Left out: neither perf nor valgrind can be used here."]
    if sources:
        places = sorted({place for values in by_title.values() for place in values},
                        key=lambda place: -max(values.get(place, 0) for values in by_title.values()))
        places = [place for place in places if any(values.get(place, 0) >= 0.5 for values in by_title.values())]
    else:
        places = [name for name, _ in GROUPS]
    rows = [[place] + ["%.0f" % values.get(place, 0) for values in by_title.values()] for place in places]
    rows.append(["together"] + ["%.0f" % sum(values.values()) for values in by_title.values()])
    return table(["a packet"] + list(by_title), rows)


def find(workloads, say):
    (costs.BUILD / "bench").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=str(costs.BUILD / "bench")) as folder:
        return {workload: measured(workload, folder, say) for workload in workloads}


def main():
    parser = argparse.ArgumentParser(description="where a packet's time goes")
    parser.add_argument("--sources", action="store_true")
    parser.add_argument("workload", nargs="*", choices=[[], *WORKLOADS])
    arguments = parser.parse_args()
    found = find(arguments.workload or WORKLOADS, lambda text: print(text, file=sys.stderr, flush=True))
    print("\n".join(lines_of(found, arguments.sources)))


if __name__ == "__main__":
    try:
        main()
    except costs.Failed as error:
        sys.exit("where: %s" % error)
