#!/usr/bin/env python3
"""`make bench-live`: what capturing costs us on a live interface, beside libpcap alone and tcpdump, and what is lost.

    live.py [--seconds N] [--rounds N] [--quick]

--seconds  how long each reader has each kind of traffic (60)
--rounds   how often each has its turn (2): one after the other, never two at once
--quick    5 seconds

Prints Markdown tables. Exit status 1 when a goal is missed, which the last lines name."""

import argparse
import collections
import functools
import os
import platform
import statistics
import sys
import time

import live_stage
from live_stage import UNWANTED, Bare, Helper, Hosts, Nobody, Tcpdump, bulk, flood

from documents import table  # on live_stage's path
from network import namespaces_allowed
from processes import HarnessError, when_ended

MOST_RATIO, MOST_NS = 1.5, 100  # of the bare reader's CPU, or so much if that is more
NEW_A_SECOND, FRAMES_OF_ONE = 50000, 8
STOP_RATE, STOP_MS, STOPS_MS = 400000, 200, (200, 400, 800, 1600)
SENDING_SECONDS, SENDING_ROUNDS = 5, 5  # where only the sender is looked at

HELPER, ALONE = "go-metro", "libpcap alone"
# readers: {name: Reader} besides those that all workloads have.
Workload = collections.namedtuple("Workload", "title traffic judge_cost readers")


def progress(text):
    print("bench-live: %s" % text, file=sys.stderr, flush=True)


def show(titles, rows):
    print("\n".join(table(titles, rows)), flush=True)


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


def reader_rows(runs):
    for name, of_reader in runs.items():
        seconds = median(run.sent.seconds for run in of_reader)
        seen = median(run.seen for run in of_reader)
        yield [name, "{:,.0f}".format(seen), "{:,.0f}".format(seen / seconds),
               "{:,d}".format(sum(run.dropped for run in of_reader)), "%.0f" % median(packet_ns(run) for run in of_reader),
               "%.2f" % ratio(runs, name), "%.2f %%" % median(100 * run.cpu_ns / 1e9 / run.sent.seconds for run in of_reader),
               "%.0f" % median(run.wakeups for run in of_reader)]


def judge_readers(title, runs, judge_cost):
    """What is missed."""
    dropped = sum(run.dropped for run in runs[HELPER])
    if dropped:
        yield "%s: %d packets dropped" % (title, dropped)
    if judge_cost and ratio(runs, HELPER) > MOST_RATIO and median(map(packet_ns, runs[HELPER])) > MOST_NS:
        yield "%s: %.2f times libpcap alone (at most %.1f, or %d ns)" % (title, ratio(runs, HELPER), MOST_RATIO, MOST_NS)
    for name, of_reader in runs.items():
        lost = [run.sent.packets - run.seen - run.dropped for run in of_reader if run.sent.packets]
        if any(lost):
            progress("%s, %s: sent, and neither seen nor dropped: %s" % (title, name, lost))
        if any(run.refused for run in of_reader):
            print("\n%s turned %s of its packets away, because max_flows was reached." % (
                name, ", ".join("{:,d}".format(run.refused) for run in of_reader)))


def what_was_sent(runs):
    sent = [run.sent for of_reader in runs.values() for run in of_reader]
    if sent[0].packets is None:
        return "iperf3: " + ", ".join(each.note for each in sent)
    return "sent: {:,.0f} frames and {:,.0f} new connections a second (the median)".format(
        median(each.packets / each.seconds for each in sent), median(each.connections / each.seconds for each in sent))


def workloads(seconds):
    rate = NEW_A_SECOND * FRAMES_OF_ONE
    if live_stage.have("iperf3"):
        yield Workload("iperf3 at its full rate, with GSO", functools.partial(bulk, seconds=seconds), True, {})
    else:
        progress("SKIPPED iperf3 over veth: there is no iperf3")
    yield Workload("requests and answers of 1,000 connections, as fast as they can be sent",
                   lambda hosts: flood(hosts, seconds), True, {})
    yield Workload("{:,} new connections a second".format(NEW_A_SECOND),
                   lambda hosts: flood(hosts, seconds, "--new", "--rate", rate), False,
                   {"go-metro, exp_ttl: 1": Helper(settings=", exp_ttl: 1")})  # an ended connection's record goes after 1 s, not 60


def readers(more):
    found = {ALONE: Bare(), HELPER: Helper(), **more}
    if live_stage.have("tcpdump"):
        found["tcpdump -w /dev/null -s 96"] = Tcpdump()
    else:
        progress("SKIPPED beside tcpdump: there is none")
    return found


def compare(hosts, seconds, rounds):
    missed = []
    for workload in workloads(seconds):
        runs = in_turn(hosts, readers(workload.readers), workload.traffic, rounds, workload.title)
        print("\n### %s\n\n%s\n" % (workload.title, what_was_sent(runs)))
        show(["", "packets", "a second", "dropped", "ns a packet", "ratio", "of a core", "wake-ups a second"], reader_rows(runs))
        missed += judge_readers(workload.title, runs, workload.judge_cost)
    return missed


# --- what it costs whoever sends ---


def sending(hosts, seconds, rounds):
    modes = {"nobody captures": Nobody(), "go-metro, which wants other peers": Helper(UNWANTED), "go-metro, which wants these": Helper(),
             "go-metro, all_peers": Helper("all_peers: true"), "libpcap alone, without a whitelist": Bare()}
    runs = in_turn(hosts, modes, lambda hosts: flood(hosts, seconds), rounds, "the sender's cost")
    alone = median(run.sent.cpu_ns / run.sent.packets for run in runs["nobody captures"])
    rows = []
    for name, of_mode in runs.items():
        taken = median(run.sent.cpu_ns / run.sent.packets for run in of_mode)
        rows.append([name, "{:,.0f}".format(median(run.sent.packets / run.sent.seconds for run in of_mode)), "%.0f" % taken,
                     "%+.0f" % (taken - alone)])
    print("\n### What capturing costs the sender\n")
    show(["", "frames a second", "ns of CPU a frame", "more"], rows)


# --- a stop ---


def stop_once(hosts, stop_ms):
    """[sent, seen, dropped], with the helper stopped for so long in the middle."""
    helper = Helper()

    def stop_for_a_while():
        time.sleep(1)
        with helper.stopped():
            time.sleep(stop_ms / 1e3)

    with helper.at_work(hosts):
        sent = flood(hosts, 4, "--rate", STOP_RATE, during=stop_for_a_while)
        memory, ring = live_stage.memory_kib(helper.pid)
        seen, dropped = helper.counts()
    return sent, seen, dropped, memory, ring


def stops(hosts):
    rows, missed = [], []
    for stop_ms in STOPS_MS:
        progress("a stop of %d ms" % stop_ms)
        sent, seen, dropped, memory, ring = stop_once(hosts, stop_ms)
        rows.append(["%d ms" % stop_ms, "{:,d}".format(sent.packets), "{:,.0f}".format(sent.packets / sent.seconds),
                     "{:,d}".format(seen), "{:,d}".format(dropped)])
        if stop_ms <= STOP_MS and dropped:
            missed.append("a stop of %d ms: %d packets dropped" % (stop_ms, dropped))
    print("\n### The process stopped, at {:,} packets a second\n".format(STOP_RATE))
    show(["stopped for", "sent", "a second", "seen", "dropped"], rows)
    print("\nResident: %.1f MiB, of which the ring is %.1f MiB." % (memory / 1024, ring / 1024), flush=True)
    return missed


def measure(options):
    print("%d processors, Linux %s; %d s, %d time%s each." % (os.cpu_count(), platform.release(), options.seconds, options.rounds,
                                                            "" if options.rounds == 1 else "s"))
    with Hosts() as hosts:
        missed = compare(hosts, options.seconds, options.rounds)
        sending(hosts, SENDING_SECONDS, options.rounds if options.quick else SENDING_ROUNDS)
        missed += stops(hosts)
    return missed


def main():
    parser = argparse.ArgumentParser(description="what capturing costs on a live interface")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.seconds = 5 if options.quick else options.seconds
    reason = namespaces_allowed()
    if reason is not None:
        sys.exit("bench-live: it needs root and namespaces of its own: " + reason)
    when_ended(lambda number: sys.exit(128 + number))
    try:
        missed = measure(options)
    except HarnessError as error:
        sys.exit("bench-live: %s" % error)
    for each in missed:
        print("MISSED %s" % each, file=sys.stderr)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
