#!/usr/bin/env python3
"""filter.py: what the kernel filter costs a packet, and where a hash in the helper would be cheaper (`make bench-filter`).

Prints the tables of docs/filter.md: the filter at work on frames that tests/bench/filter.c
sends over a veth pair in a network namespace, against one that rejects at once; the way of a packet through the ring and the
helper; and how many packets are our own ACKs in traffic of the kernel's own TCP."""

import os
import pathlib
import platform
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "system")]

from documents import table  # noqa: E402
from network import Namespace, namespaces_allowed  # noqa: E402
from processes import BUILD, PYTHON3, SYSTEM  # noqa: E402

BENCH = BUILD / "bench-filter"
COST_ROUNDS, DELIVER_ROUNDS = 81, 15
KINDS = ["wanted", "unwanted", "udp", "ack"]
OURS, PEERS = "192.0.2.1", "192.0.2.2"
TRAFFIC = [("upload, bulk", ["--request", "400000000", "--count", "1"]),
           ("download, bulk", ["--response", "400000000", "--count", "1"]),
           ("requests, answers of 400 bytes at once", ["--count", "5000", "--interval", "0"]),
           ("requests, answers of 20,000 bytes at once", ["--count", "3000", "--interval", "0", "--response", "20000"]),
           ("requests with a pause of 50 ms", ["--count", "60", "--interval", "0.05"])]


def show(titles, rows):
    print("\n".join(table(titles, rows)) + "\n", flush=True)


def whole(nanoseconds):
    return "passes" if nanoseconds is None else "%.0f" % nanoseconds


def bench(host, *words):
    return host.run(BENCH, *words, timeout=600).split()


def machine():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "?")
    jit = pathlib.Path("/proc/sys/net/core/bpf_jit_enable").read_text(encoding="ascii").strip()
    print("%s, %d processors, Linux %s, net.core.bpf_jit_enable = %s\n" % (model, os.cpu_count(), platform.release(), jit))


def sets(host):
    most = {version: int(bench(host, "fit", version)[0]) for version in "46"}
    return [("all TCP", "all", "4"), ("1 host", "4:1", "4"), ("16 hosts", "4:16", "4"), ("200 hosts", "4:200", "4"),
            ("1,000 hosts", "4:1000", "4"), ("{:,} hosts, the most that fit".format(most["4"]), "4:%d" % most["4"], "4"),
            ("100 hosts, 100 blocks of /16 to /28", "4:100,4/16:25,4/20:25,4/24:25,4/28:25", "4"), ("all TCP, IPv6", "all", "6"),
            ("16 hosts, IPv6", "6:16", "6"), ("%d hosts, IPv6, the most that fit" % most["6"], "6:%d" % most["6"], "6"),
            ("50 hosts and 50 blocks of /48, IPv6", "6:50,6/48:50", "6")]


def measure_cost(host):
    """Prints; returns what a TCP packet that is not wanted costs, by whitelist."""
    print("The filter: ns a packet in the kernel, with our own ACKs dropped where there is room for that.\n")
    rows, unwanted = [], {}
    for name, text, version in sets(host):
        times = {}
        for kind in KINDS:
            nanoseconds, length, _, drops = bench(host, "cost", "gm0", "gm0", COST_ROUNDS, text, version, kind)
            times[kind] = float(nanoseconds) if kind != "ack" or drops == "1" else None
        unwanted[name] = times["unwanted"]
        interpreted = float(bench(host, "interpret", text, version, "unwanted")[0])
        rows.append([name, length] + [whole(times[kind]) for kind in KINDS] + [whole(interpreted)])
    show(["whitelist", "instructions", "wanted", "TCP, not wanted", "not TCP", "our own ACK", "not wanted, interpreted"], rows)
    return unwanted


def measure_delivery(host):
    """Prints; returns what a packet that is not wanted costs when it is let through."""
    print("Without it: ns for a packet that is let through although nobody wants it.\n")
    rows, both = [], []
    for name, text, kind in (("not wanted, 16 hosts", "4:16", "unwanted"), ("not wanted, 1,000 hosts", "4:1000", "unwanted"),
                             ("our own ACK", "4:16", "ack")):
        kernel, helper = (float(word) for word in bench(host, "deliver", "gm0", DELIVER_ROUNDS, text, kind))
        rows.append([name] + [whole(value) for value in (kernel, helper, kernel + helper)])
        both.append(kernel + helper)
    show(["packet", "kernel: filter, copy into the ring", "helper", "both"], rows)
    return (both[0] + both[1]) / 2


def print_verdict(unwanted, delivered):
    print("The whitelist in the kernel, beside a filter for all TCP: what it costs each packet, and from which share of TCP packets\n"
          "that are not wanted on it is the cheaper way.\n")
    rows = []
    for name, nanoseconds in unwanted.items():
        base = unwanted["all TCP, IPv6" if "IPv6" in name else "all TCP"]
        if not name.startswith("all"):
            rows.append([name, whole(nanoseconds - base), "%.0f %%" % (100 * (nanoseconds - base) / (delivered - base))])
    show(["whitelist", "ns more", "pays from"], rows)


def measure_shares(near, far):
    print("Traffic of the kernel's own TCP, with TSO and GRO, and how much of it is our own ACKs.\n")
    rows = []
    with far.start(PYTHON3, SYSTEM / "traffic.py", "server", PEERS, "5000") as server:
        server.wait_for_output("ready")
        for name, words in TRAFFIC:
            command = [str(word) for word in near.enter(BENCH, "count", "gm0")]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as counter:
                counter.stdout.readline()
                near.run(PYTHON3, SYSTEM / "traffic.py", "client", PEERS, "5000", *words, timeout=120)
                everything, rest = (int(word) for word in counter.communicate()[0].split())
            rows.append([name, "{:,}".format(everything), "%.1f %%" % (100 * (everything - rest) / everything)])
    show(["traffic", "packets", "our own ACKs"], rows)


def main():
    reason = namespaces_allowed()
    if reason is not None:
        sys.exit("bench-filter: no network namespace can be made here: " + reason)
    machine()
    with Namespace() as near, Namespace() as far:
        for host in (near, far):
            host.run("sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
        near.ip("link add gm0 type veth peer name gm1 netns %d" % far.pid)
        for host, name, address in ((near, "gm0", OURS), (far, "gm1", PEERS)):
            host.ip("addr add %s/24 dev %s" % (address, name))
            host.ip("link set %s up" % name)
        unwanted = measure_cost(near)
        print_verdict(unwanted, measure_delivery(near))
        measure_shares(near, far)


if __name__ == "__main__":
    main()
