#!/usr/bin/env python3
"""`make bench-live`: what capturing costs us on a live interface, beside libpcap alone and tcpdump, and what is lost.

    live.py [--seconds N] [--rounds N] [--quick] [--write FILE]

--seconds  how long each reader has each kind of traffic (60)
--rounds   how often each has its turn (2): one after the other, never two at once
--quick    5 seconds
--write    the tables go into this document as well, between its marks

Prints Markdown tables, and on stderr what is being measured. Exit status 1 when a goal is missed, which the last lines name."""

import argparse
import collections
import functools
import os
import pathlib
import platform
import statistics
import sys
import time

import live_stage
from live_stage import UNWANTED, Bare, Helper, Hosts, Nobody, Tcpdump, bulk, flood

from documents import conclude, present, table  # on live_stage's path
from network import namespaces_allowed
from processes import HarnessError, when_ended

MOST_RATIO, MOST_NS = 1.5, 100  # of the bare reader's CPU, or so much if that is more
HELD_GBIT, HELD_SECONDS = 8, 20  # less than any of the readers lets iperf3 have, so that all have as many packets
NEW_A_SECOND, FRAMES_OF_ONE = 50000, 8
STOP_RATE, STOP_MS, STOPS_MS = 400000, 200, (200, 400, 800, 1600)
SENDING_SECONDS, SENDING_ROUNDS = 5, 5  # where only the sender is looked at

HELPER, ALONE = "go-metro", "libpcap alone"
READER_TITLES = ["packets", "a second", "dropped", "turned away", "ns a packet", "ratio", "of a core", "wake-ups a second"]
# readers: {name: Reader} besides those that all workloads have.
Workload = collections.namedtuple("Workload", "name title traffic judge_cost readers")


def progress(text):
    print("bench-live: %s" % text, file=sys.stderr, flush=True)


def median(values):
    return statistics.median(list(values))


def in_turn(hosts, readers, traffic, rounds, what):
    """{name: [Run, ...]}: A B A B."""
    runs = {name: [] for name in readers}
    for number in range(rounds):
        for name, reader in readers.items():
            progress("%s, %s, %d of %d" % (what, name, number + 1, rounds))
            runs[name].append(live_stage.run(hosts, reader, traffic))
    return runs


# --- what it costs whoever captures ---


def packet_ns(run):
    return run.cpu_ns / run.seen if run.seen else 0


def ratio(runs, name):
    """The median of the pairs'."""
    return median(packet_ns(a) / packet_ns(b) for a, b in zip(runs[name], runs[ALONE]))


def refused_cell(of_reader):
    """"-" of a reader that knows no flows."""
    refused = [run.refused for run in of_reader]
    return "-" if None in refused else "{:,d}".format(sum(refused))


def reader_rows(runs):
    for name, of_reader in runs.items():
        seconds = median(run.sent.seconds for run in of_reader)
        seen = median(run.seen for run in of_reader)
        yield [name, "{:,.0f}".format(seen), "{:,.0f}".format(seen / seconds),
               "{:,d}".format(sum(run.dropped for run in of_reader)), refused_cell(of_reader),
               "%.0f" % median(packet_ns(run) for run in of_reader), "%.2f" % ratio(runs, name),
               "%.2f %%" % median(100 * run.cpu_ns / 1e9 / run.sent.seconds for run in of_reader),
               "%.0f" % median(run.wakeups for run in of_reader)]


def judge_readers(workload, runs):
    """What is missed."""
    ours = runs[HELPER]
    dropped, refused = sum(run.dropped for run in ours), sum(run.refused for run in ours)
    if dropped:
        yield "%s: %d packets dropped" % (workload.name, dropped)
    if refused:
        yield "%s: %d packets turned away" % (workload.name, refused)
    if workload.judge_cost and ratio(runs, HELPER) > MOST_RATIO and median(map(packet_ns, ours)) > MOST_NS:
        yield "%s: %.2f times libpcap alone (at most %.1f, or %d ns)" % (workload.name, ratio(runs, HELPER), MOST_RATIO, MOST_NS)


def say_missing(workload, runs):
    """Of frames that were counted as they were sent. It judges the stage, not a reader."""
    for name, of_reader in runs.items():
        lost = [run.sent.packets - run.seen - run.dropped for run in of_reader if run.sent.packets]
        if any(lost):
            progress("%s, %s: sent, and neither seen nor dropped: %s" % (workload.name, name, lost))


def what_was_sent(runs):
    if runs[ALONE][0].sent.gbit is not None:
        return "Gbit/s that iperf3 sent: %s." % "; ".join(
            "%s %s" % (name, ", ".join("%.1f" % run.sent.gbit for run in of_reader)) for name, of_reader in runs.items())
    sent = [run.sent for of_reader in runs.values() for run in of_reader]
    return "Sent: {:,.0f} frames and {:,.0f} new connections a second (the median).".format(
        median(each.packets / each.seconds for each in sent), median(each.connections / each.seconds for each in sent))


def workloads(seconds):
    rate = NEW_A_SECOND * FRAMES_OF_ONE
    if live_stage.have("iperf3"):
        yield Workload("iperf3", "iperf3 at its full rate, with GSO", functools.partial(bulk, seconds=seconds), True, {})
        yield Workload("held", "iperf3 held to %d Gbit/s" % HELD_GBIT,
                       functools.partial(bulk, seconds=min(seconds, HELD_SECONDS), gbit=HELD_GBIT), False, {})
    else:
        progress("SKIPPED iperf3 over veth: there is no iperf3")
    yield Workload("requests", "requests and answers of 1,000 connections, as fast as they can be sent",
                   lambda hosts: flood(hosts, seconds), True, {})
    yield Workload("connections", "{:,} new connections a second, {} frames each".format(NEW_A_SECOND, FRAMES_OF_ONE),
                   lambda hosts: flood(hosts, seconds, "--new", "--rate", rate), False,
                   {"go-metro, `exp_ttl: 1`": Helper(settings=", exp_ttl: 1")})  # an ended connection's record goes after 1 s, not 60


def readers(more):
    found = {ALONE: Bare(), HELPER: Helper(), **more}
    if live_stage.have("tcpdump"):
        found["tcpdump -w /dev/null -s 96"] = Tcpdump()
    else:
        progress("SKIPPED beside tcpdump: there is none")
    return found


def compare(hosts, workload, rounds):
    """The table's lines, and what was missed."""
    runs = in_turn(hosts, readers(workload.readers), workload.traffic, rounds, workload.title)
    say_missing(workload, runs)
    lines = table([workload.title] + READER_TITLES, reader_rows(runs)) + ["", what_was_sent(runs)]
    return lines, list(judge_readers(workload, runs))


# --- what it costs whoever sends ---


def sending(hosts, seconds, rounds):
    modes = {"nobody captures": Nobody(), "go-metro, which wants other peers": Helper(UNWANTED), "go-metro, which wants these": Helper(),
             "go-metro, all_peers": Helper("all_peers: true"), "libpcap alone, without a whitelist": Bare()}
    return lines_of_sending(in_turn(hosts, modes, lambda hosts: flood(hosts, seconds), rounds, "the sender's cost"))


def lines_of_sending(runs):
    """The first is what the others are compared with."""
    taken = {name: median(run.sent.cpu_ns / run.sent.packets for run in of_mode) for name, of_mode in runs.items()}
    alone = next(iter(taken.values()))
    return table(["", "frames a second", "ns of CPU a frame", "more"],
                 [[name, "{:,.0f}".format(median(run.sent.packets / run.sent.seconds for run in of_mode)), "%.0f" % taken[name],
                   "%+.0f" % (taken[name] - alone)] for name, of_mode in runs.items()])


# --- a stop ---

# Of the whole run; memory_kib: what is resident, and of that the ring.
Stop = collections.namedtuple("Stop", "ms sent seen dropped memory_kib")


def stop_once(hosts, stop_ms):
    """The helper stopped for so long, in the middle of the traffic."""
    helper = Helper()

    def stop_for_a_while():
        time.sleep(1)
        with helper.stopped():
            time.sleep(stop_ms / 1e3)

    progress("a stop of %d ms" % stop_ms)
    with helper.at_work(hosts):
        sent = flood(hosts, 4, "--rate", STOP_RATE, during=stop_for_a_while)
        memory = live_stage.memory_kib(helper.pid)
        return Stop(stop_ms, sent, *helper.counts(), memory)


def lines_of_stops(stops):
    """And what was missed."""
    rows = [["%d ms" % stop.ms, "{:,d}".format(stop.sent.packets), "{:,.0f}".format(stop.sent.packets / stop.sent.seconds),
             "{:,d}".format(stop.seen), "{:,d}".format(stop.dropped)] for stop in stops]
    resident, ring = max(stop.memory_kib for stop in stops)
    lines = table(["stopped for", "sent", "a second", "seen", "dropped"], rows) + [
        "", "Resident: %.1f MiB, of which the ring is %.1f MiB." % (resident / 1024, ring / 1024)]
    return lines, ["a stop of %d ms: %d packets dropped" % (stop.ms, stop.dropped)
                   for stop in stops if stop.ms <= STOP_MS and stop.dropped]


# --- all ---


def machine(options):
    return ["%d processors, Linux %s; %d s, %d time%s each." % (os.cpu_count(), platform.release(), options.seconds, options.rounds,
                                                              "" if options.rounds == 1 else "s")]


def measure(options, missed):
    """Each section as soon as it is there; what is missed is added."""
    yield "machine", machine(options)
    with Hosts() as hosts:
        for workload in workloads(options.seconds):
            lines, misses = compare(hosts, workload, options.rounds)
            missed += misses
            yield workload.name, lines
        yield "sender", sending(hosts, SENDING_SECONDS, options.rounds if options.quick else SENDING_ROUNDS)
        lines, misses = lines_of_stops([stop_once(hosts, stop_ms) for stop_ms in STOPS_MS])
        missed += misses
        yield "stops", lines


def main():
    parser = argparse.ArgumentParser(description="what capturing costs on a live interface")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE")
    options = parser.parse_args()
    options.seconds = 5 if options.quick else options.seconds
    reason = namespaces_allowed()
    if reason is not None:
        sys.exit("bench-live: it needs root and namespaces of its own: " + reason)
    when_ended(lambda number: sys.exit(128 + number))
    missed = []
    present(measure(options, missed), "bench-live", options.write)
    return conclude(missed)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (HarnessError, ValueError) as error:
        sys.exit("bench-live: %s" % error)
