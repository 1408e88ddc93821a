#!/usr/bin/env python3
"""`make bench`: what a packet costs us, beside libpcap's bare loop and other programs that do the same.

    bench.py [--quick] [--write FILE]

--quick  fewer rounds, nothing beyond 100,000 flows, not where the time goes
--write  the tables go into this document as well, between its marks

tcptrace and tshark are asked where they are installed, others by BENCH_PEERS="NAME=COMMAND; NAME=COMMAND", with {} in the command
where the capture's name goes. The captures are written into the build folder, one after the other, and removed again; a whole run
needs 3 GB there and as much memory that the page cache may have.

Prints Markdown tables. Exit status 1 when a goal is missed, which the last lines name."""

import argparse
import collections
import contextlib
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

import costs
import links
import where

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from documents import conclude, present, table  # noqa: E402

FOLDER = costs.BUILD / "bench"
MIB = 1 << 20
# title, what is asked for, and at most; small: options of a capture that a slow program can be given.
Workload = collections.namedtuple("Workload", "name title goal most small")
WORKLOADS = (
    Workload("bulk", "bulk, 16 flows", 1.3, 1.6, {"packets": 100000}),
    Workload("requests", "requests, 1,000 flows", 1.4, 1.8, {"packets": 100000}),
    Workload("short", "200,000 short flows, 90,000 open", 2.0, 2.8, {"flows": 10000}),
)
MEMORY = {"flows": 100000, "packets": 400000}
NOTES = """\

In parentheses the quarter of the rounds on either side of the median. *: of a program that takes too long for that, with 100,000
packets, less what it takes for one."""
GROWTH = (1000, 10000, 100000, 1000000)
GROWTH_MOST, MEMORY_MOST = 2.5, 256 * MIB  # a million flows
BOUND_MOST = 1.1  # what is no rise yet: the spread of the measurement
# What `read` is bound by (native/read.c), and traffic that is at the bound, twice and four times beyond it.
BOUNDS = (
    ("max_flows 1,000,000", "open", [{"flows": flows, "peers": 2000, "packets": 4000000} for flows in (1000000, 2000000, 4000000)]),
    ("max_flows 1,000,000", "syns", [{"flows": flows, "peers": 2000} for flows in (1000000, 2000000, 4000000)]),
    ("max_peers 100,000", "open", [{"flows": flows, "peers": flows, "packets": 2000000} for flows in (100000, 200000, 400000)]),
)

# How much is done: rounds of ours, of the others; a run of these that takes more than peer_seconds is made with fewer packets.
Effort = collections.namedtuple("Effort", "rounds peer_rounds peer_seconds growth growth_packets growth_rounds is_whole")
WHOLE = Effort(15, 3, 25, GROWTH, 4000000, 5, True)
QUICK = Effort(5, 1, 2, GROWTH[:3], 1000000, 3, False)


def progress(text):
    print("bench: %s" % text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def captures(*wanted):
    """Files with these (pattern, options), and how many packets are in each."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=str(FOLDER)) as folder:
        paths = [pathlib.Path(folder, "%d.pcap" % number) for number in range(len(wanted))]
        yield [(path, costs.make_capture(pattern, path, **options)) for path, (pattern, options) in zip(paths, wanted)]


# --- beside libpcap and others ---


def installed_peers():
    peers = []
    if shutil.which("tcptrace"):
        peers.append(costs.Program("tcptrace", ["tcptrace", "-n", "-r", "-l", "{}"]))
    if shutil.which("tshark"):
        peers.append(costs.Program("tshark", ["tshark", "-n", "-r", "{}", "-T", "fields", "-e", "tcp.analysis.ack_rtt"]))
    return peers + costs.parse_peers(os.environ.get("BENCH_PEERS", ""))


class Standing:
    """One program's line of the table."""

    def __init__(self, program):
        self.program = program
        self.cells = []
        self.memory = "-"


def start_up_ns(program, rounds):
    with captures(("open", {"flows": 1, "packets": 1})) as [(one, _)]:
        return statistics.median(costs.measure(program, one).cpu_ns for _ in range(rounds))


def slow_cell(program, workload, bare_ns, rounds):
    """Of a program that takes too long: fewer packets, less what it takes to start, a packet, to the bare loop's cost a packet."""
    start_ns = start_up_ns(program, rounds)
    with captures((workload.name, workload.small)) as [(capture, packets)]:
        cpu_ns = statistics.median(costs.measure(program, capture).cpu_ns for _ in range(rounds))
    return max(0, cpu_ns - start_ns) / packets / bare_ns


def quick_look_ns(program, workload):
    with captures((workload.name, workload.small)) as [(capture, packets)]:
        return costs.measure(program, capture).cpu_ns / packets


def ratio_cell(ratio):
    return "%.2f (%.2f-%.2f)" % ratio


def compare(workload, effort, standings):
    """Fills a column; returns our ratio, and a packet's cost of the bare loop and of ours in ns."""
    with captures((workload.name, {})) as [(capture, packets)]:
        progress("%s: %d packets" % (workload.name, packets))
        found = costs.in_turn([costs.BARE, costs.OURS], [capture], effort.rounds)
        bare, ours = found[costs.BARE.name, capture], found[costs.OURS.name, capture]
        bare_ns = costs.per_packet_ns(bare, packets)
        for standing in standings:
            program = standing.program
            progress("%s: %s" % (workload.name, program.name))
            if quick_look_ns(program, workload) * packets > effort.peer_seconds * 10**9:
                standing.cells.append("%.0f *" % slow_cell(program, workload, bare_ns, effort.peer_rounds))
                continue
            found = costs.in_turn([costs.BARE, program], [capture], effort.peer_rounds)
            ratio = costs.ratios(found[program.name, capture], found[costs.BARE.name, capture])
            standing.cells.append("%.1f" % ratio.median)
    return costs.ratios(ours, bare), bare_ns, costs.per_packet_ns(ours, packets)


def bytes_a_flow(program):
    """The most memory that it has with so many flows open, less what it has with one, a flow."""
    with captures(("open", MEMORY), ("open", {"flows": 1, "packets": 1})) as [(many, _), (one, _)]:
        return (costs.measure(program, many).peak_bytes - costs.measure(program, one).peak_bytes) / (MEMORY["flows"] - 1)


def memory_cell(program):
    found = bytes_a_flow(program)
    return "{:,.0f} B".format(found) if found >= 1 else "-"  # of a program that knows no flows


def beside_others(effort):
    """The table's lines, our cost a packet by workload, and what was missed."""
    standings = [Standing(program) for program in installed_peers()]
    for standing in standings:
        start_up_ns(standing.program, 1)  # one that does not run is said at once
    found = {workload.name: compare(workload, effort, standings) for workload in WORKLOADS}
    for standing in standings:
        standing.memory = memory_cell(standing.program)
    lines = table(
        ["CPU time to the bare loop's"] + [workload.title for workload in WORKLOADS] + ["memory a flow"],
        [["bare pcap loop"] + ["1 (%.0f ns)" % found[w.name][1] for w in WORKLOADS] + ["-"],
         ["**go-metro**"] + [ratio_cell(found[w.name][0]) for w in WORKLOADS] + [memory_cell(costs.OURS)],
         ["goal, at most"] + ["%.1f, %.1f" % (w.goal, w.most) for w in WORKLOADS] + [""]]
        + [[standing.program.name] + standing.cells + [standing.memory] for standing in standings])
    lines += NOTES.splitlines()
    misses = ["%s: %.2f times the bare loop, at most %.1f" % (w.name, found[w.name][0].median, w.most)
              for w in WORKLOADS if found[w.name][0].median > w.most]
    return lines, {name: ours_ns for name, (_, _, ours_ns) in found.items()}, misses


# --- more and more flows ---


def grow(effort):
    with captures(("open", {"flows": 1, "packets": 1})) as [(one, _)]:
        empty = costs.measure(costs.OURS, one).peak_bytes
    return lines_of_growth([measure_growth(flows, effort) for flows in effort.growth], empty)


# The costs of each round; few, behind_few: ours with the least number of flows, in the same rounds.
Growth = collections.namedtuple("Growth", "flows packets bare ours behind behind_packets few behind_few")


def measure_growth(flows, effort):
    """Twice the packets as well: what the second half costs more is what a packet costs once all are open. Only with the least number
    of flows in turn, not with all: on a virtual machine that gives free memory back to its host, what was free for two seconds is
    fetched from there anew, which a machine of one's own does not pay."""
    progress("growth: {:,} flows".format(flows))
    wanted = [("open", {"flows": count, "packets": effort.growth_packets * times}) for count in (GROWTH[0], flows) for times in (1, 2)]
    with captures(*wanted) as files:
        found = costs.in_turn([costs.OURS], [path for path, _ in files], effort.growth_rounds)
        few, few_twice, ours, ours_twice = (found[costs.OURS.name, path] for path, _ in files)
        bare = costs.in_turn([costs.BARE], [files[2][0]], effort.growth_rounds)[costs.BARE.name, files[2][0]]
    return Growth(flows, files[2][1], bare, ours, costs.differences(ours_twice, ours), files[3][1] - files[2][1], few,
                  costs.differences(few_twice, few))


def lines_of_growth(found, empty):
    rows, misses = [], []
    for each in found:
        ratio, peak = costs.ratios(each.behind, each.behind_few), costs.peak_bytes(each.ours)
        rows.append(["{:,}".format(each.flows), "%.0f ns" % costs.per_packet_ns(each.bare, each.packets),
                     "%.0f ns" % costs.per_packet_ns(each.ours, each.packets), "%.2f" % costs.ratios(each.ours, each.few).median,
                     "%.0f ns" % costs.per_packet_ns(each.behind, each.behind_packets), "%.2f" % ratio.median,
                     "%.1f MiB" % (peak / MIB), "{:,.0f} B".format((peak - empty) / each.flows)])
        if each.flows == GROWTH[-1] and ratio.median > GROWTH_MOST:
            misses.append("%d flows: %.2f times the time of %d, at most %.1f" % (each.flows, ratio.median, GROWTH[0], GROWTH_MOST))
        if each.flows == GROWTH[-1] and peak > MEMORY_MOST:
            misses.append("%d flows: %.0f MiB, at most %d" % (each.flows, peak / MIB, MEMORY_MOST // MIB))
    rows.append(["goal", "", "", "", "", "%.1f" % GROWTH_MOST, "%d MiB" % (MEMORY_MOST // MIB), ""])
    return table(["flows open", "bare loop", "all packets", "to 1,000 flows", "once all are open", "to 1,000 flows", "most memory", "a flow"],
                 rows), misses


# --- at the bounds ---


def beyond_bounds(effort):
    rows, misses = [], []
    for bound, pattern, cases in BOUNDS:
        with captures(*((pattern, options) for options in cases)) as files:
            progress("bounds: %s, %s" % (bound, pattern))
            found = costs.in_turn([costs.OURS], [path for path, _ in files], effort.growth_rounds)
        ours = [found[costs.OURS.name, path] for path, _ in files]
        for options, (_, packets), mine in zip(cases, files, ours):
            ratio = costs.ratios(mine, ours[0]).median * files[0][1] / packets
            rows.append([bound, pattern, "{:,}".format(options["flows"]), "{:,}".format(options["peers"]),
                         "%.0f ns" % costs.per_packet_ns(mine, packets), "%.2f" % ratio,
                         "%.1f MiB" % (costs.peak_bytes(mine) / MIB)])
            if ratio > BOUND_MOST:
                misses.append("%s, %s: %d flows cost %.2f times what %d do"
                              % (bound, pattern, options["flows"], ratio, cases[0]["flows"]))
    return table(["bound", "traffic", "flows", "peers", "a packet", "to the bound", "most memory"], rows), misses


# --- all ---


def first_line(*command):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return result.stdout.decode(errors="replace").partition("\n")[0]


def processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def machine():
    return ["%s, %d cores, Linux %s; %s." % (processor(), os.cpu_count(), platform.release(), first_line("gcc", "--version"))]


def main():
    parser = argparse.ArgumentParser(description="what a packet costs")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", type=pathlib.Path)
    arguments = parser.parse_args()
    effort = QUICK if arguments.quick else WHOLE

    beside, ours_ns, misses = beside_others(effort)
    growth, missed = grow(effort)
    misses += missed
    sections = [("machine", machine()), ("ratios", beside), ("growth", growth)]
    if effort.is_whole:
        bounds, missed = beyond_bounds(effort)
        misses += missed
        sections.append(("bounds", bounds))
        sections.append(("where", where.lines_of(where.find(where.WORKLOADS, progress))))
    sections.append(("links", table(links.TITLES, list(links.rows(ours_ns)))))
    present(sections, "bench", arguments.write)
    return conclude(misses)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (costs.Failed, ValueError) as error:
        sys.exit("bench: %s" % error)
