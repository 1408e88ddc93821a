#!/usr/bin/env python3
"""`make bench-run`: what the helper and the check cost beside the packets: publishing, reading, a run of the check, an idle helper.

    run.py [--quick] [--agent DIR] [--peers N] [--write FILE]

--agent  the source of a real Agent v5, whose AgentCheck and aggregator the check then runs with (2.7); else our stand-in's
--peers  in the segment (10,000)
--write  the tables go into this document as well, between its marks

Prints Markdown tables. Times are medians of wall time, and the worst; before each round all peers, or as many as the table says, had
traffic, so that nothing is in a cache that would not be there on a busy host. Whatever else runs meanwhile shows. Exit status 1 when a goal is
missed, which the last lines name."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "system")]

import usage  # noqa: E402
from documents import conclude, present, table  # noqa: E402
from network import namespaces_allowed  # noqa: E402
from processes import BUILD, PYTHON2, PYTHON3, SYSTEM, when_ended  # noqa: E402
from silence import quiet_helper, wait_for_silence  # noqa: E402

# Octaves that the round trips to each peer are spread over from 0.1 ms on: to 1.6 ms, 0.4 s or 105 s; and whether the goal is for it:
# nobody has the last with all of 10,000 peers.
OCTAVES = ((4, True), (12, True), (20, False))
USUAL_OCTAVES = 12
STAND_IN = HERE.parent / "python" / "agent5"
RING_MIB = 64       # the default of buffer_mib
SLOT_BYTES = 208    # of the ring, for a packet of 124 bytes (TPACKET_V3: header, address, alignment)
PACKETS_A_S = 400000
PUBLISH_MS, READ_MS, CHECK_MS, IDLE_PERCENT, IDLE_WAKES = 5, 10, 100, 0.1, 2


class Goals:
    """What was missed."""

    def __init__(self):
        self.missed = []

    def hold(self, what, value, bound, unit):
        if value > bound:
            self.missed.append("%s: %.3g %s, not at most %g" % (what, value, unit, bound))


def publish(peers, octaves, changes):
    """The ms of opening the segment, and of [making the rows, storing them] for each of these numbers of peers with traffic."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        command = [BUILD / "run_peers", folder + "/segment", "0", str(peers), str(octaves)]
        text = "".join("%d\n" % change for change in changes)
        out = subprocess.run(command, input=text, stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout
    numbers = [[int(word) / 1e6 for word in line.split()] for line in out.splitlines()]
    return numbers[0][0], numbers[1:]


def bench_publishing(peers, rounds, goals):
    rows = []
    for octaves, is_judged in OCTAVES:
        changes = [peers] + [count for count in (peers, peers // 100, 0) for _ in range(rounds)]
        opened_ms, times = publish(peers, octaves, changes)
        for n, name in enumerate(("all changed", "1 of 100 changed", "nothing changed")):
            part = times[1 + n * rounds + 2:1 + (n + 1) * rounds]  # each of the two snapshots has the one before it
            whole = [sum(time) for time in part]
            numbers = (statistics.median(t[0] for t in part), statistics.median(t[1] for t in part), statistics.median(whole),
                       min(whole), max(whole))
            rows.append(["%d octaves, %s" % (octaves, name)] + ["%.2f" % number for number in numbers])
            if is_judged and name == "all changed":
                goals.hold("publishing, %d octaves" % octaves, statistics.median(whole), PUBLISH_MS, "ms")
    slots = RING_MIB * 2**20 // SLOT_BYTES
    return table(["%d peers, ms; their round trips over" % peers, "rows", "store", "both", "least", "worst"], rows) + [
        "",
        "The first time, when all of these rows are new and the segment grows for them, it is %.0f + %.0f ms, of which the file is %.0f."
        % (times[0][0], times[0][1] + opened_ms, opened_ms),
        "%d packets of 124 bytes fit into a ring of %d MiB: %.0f ms of %d a second."
        % (slots, RING_MIB, slots / PACKETS_A_S * 1e3, PACKETS_A_S)]


def read_and_check(version, peers, rounds, agent):
    python = {2: PYTHON2, 3: PYTHON3}[version]
    path = [str(BUILD / ("python%d" % version)), str(BUILD / ("python%d-packages" % version))]
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        out = subprocess.run([python, HERE / "run_check.py", BUILD / "run_peers", folder + "/segment", str(peers),
                              str(USUAL_OCTAVES), str(rounds), agent], stdout=subprocess.PIPE, check=True,
                             env=dict(os.environ, PYTHONPATH=":".join(path), PYTHONDONTWRITEBYTECODE="1"))
    return json.loads(out.stdout.decode("ascii"))


def bench_check(peers, rounds, agent, goals):
    rows = []
    results = [read_and_check(2, peers, rounds, agent), read_and_check(3, peers, rounds, STAND_IN)]
    for name, key in (("extended_metrics: false", "plain"), ("extended_metrics: true", "extended")):
        parts = [result[key] for result in results]
        for what, times in (("read()", "read"), ("rows(), all values", "rows"), ("rows(), the check's", "rows_of_the_check"),
                            ("check(), its own part", "own"), ("check(), with the aggregator", "whole")):
            rows.append(["%s, %s" % (what, name)] + ["%.1f; %.1f; %.1f" % (part[times][1], part[times][0], part[times][2])
                                                     for part in parts])
        rows.append(["values submitted, " + name] + [str(part["calls"]) for part in parts])
        goals.hold("metro_segment.read, " + name, max(part["read"][1] for part in parts), READ_MS, "ms")
        goals.hold("check() under CPython 2.7, " + name, parts[0]["own"][1], CHECK_MS, "ms")
    return table(["%d rows, ms: median; first; worst" % peers] + ["CPython " + result["python"] for result in results], rows) + [
        "", "The aggregator under 2.7 is %s." % ("our stand-in's" if agent == STAND_IN else "the Agent's own")]


def idle(interfaces, peers, seconds):
    """Usage and memory of a helper on which nothing happens any more: so many peers had traffic before."""
    with quiet_helper(interfaces) as (stage, helper):
        if peers > 0:
            stage.run(PYTHON3, SYSTEM / "handshakes.py", "veth0", "10.9.0.1", peers, 1)
            wait_for_silence(helper)
        return usage.watch(helper.target(), seconds), usage.memory_kib(helper.target())


def bench_idle(peers, seconds, goals):
    reason = namespaces_allowed()
    if reason is not None:
        return ["Left out, as it needs root and namespaces: %s" % reason]
    rows = []
    for interfaces, before in ((1, 0), (8, 0), (1, peers)):
        used, memory = idle(interfaces, before, seconds)
        percent, wakes = 100 * used.cpu_s / used.time_s, used.wakes / used.time_s
        name = "%d interface%s%s" % (interfaces, "" if interfaces == 1 else "s", ", %d peers before" % before if before else "")
        rows.append([name, "%.3f" % percent, "%.2f" % wakes]
                    + ["%.1f" % (memory[key] / 1024) for key in ("RssAnon", "RssShmem", "RssFile", "VmRSS")])
        goals.hold("an idle helper, " + name, percent, IDLE_PERCENT, "% of a core")
        goals.hold("an idle helper, " + name, wakes, IDLE_WAKES, "times a second awake")
    return table(["over %d s" % seconds, "% of a core", "wakes a second", "own MiB", "segment", "rings, program", "resident"], rows)


def main():
    parser = argparse.ArgumentParser(description="What the helper and the check cost beside the packets.")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--agent", type=pathlib.Path, default=STAND_IN, metavar="DIR")
    parser.add_argument("--peers", type=int, default=10000, metavar="N")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args()
    when_ended(lambda number: sys.exit(128 + number))
    goals = Goals()
    print("Load of the machine before: %.2f" % os.getloadavg()[0])
    present(((name, bench()) for name, bench in (
        ("publishing", lambda: bench_publishing(options.peers, 10 if options.quick else 40, goals)),
        ("reading", lambda: bench_check(options.peers, 5 if options.quick else 15, options.agent, goals)),
        ("idle", lambda: bench_idle(options.peers, 5 if options.quick else 30, goals)))), "bench-run", options.write)
    return conclude(goals.missed)


if __name__ == "__main__":
    sys.exit(main())
