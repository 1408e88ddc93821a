#!/usr/bin/env python3
"""`make demo`: Go-Metro at work on real TCP traffic, over a path whose delay is set here and changed on the way.

A supervisord runs the helper with the Agent's stock program entry; the check runs under CPython 2.7 as the Agent's collector
would run it. All of it lives in namespaces of its own and is gone afterwards, also after ^C or when the terminal is closed."""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import pwd
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from network import Network, namespaces_allowed, smoothed  # noqa: E402
from processes import BUILD, PREFIX, PYTHON3, SYSTEM, HarnessError, Process, wait_until, when_ended  # noqa: E402
from screen import Screen  # noqa: E402
from stage import CHECK, HELPER, USER, USER_ID, Stage  # noqa: E402
from supervision import Supervisor  # noqa: E402

DELAYS_MS = (25, 60)
VERSIONS = {Network.FAR[version]: version for version in (4, 6)}
COLLECTIONS_PER_DELAY = 3
INTERVAL_S = 4
LOOPBACK = "127.0.0.1"
CAP_NET_RAW = 1 << 13
COLLECTOR = pathlib.Path(__file__).resolve().parent / "collector.py"

ON_LOOPBACK = """
  - interface: lo
    ips: [127.0.0.1]
    tags: [demo:loopback]
"""
ON_PATH = """
  - interface: near0
    ips: [10.77.0.2, "fd77::2"]
    tags: [demo:path]
"""


# All in ms: what was set, from where to where the relay's log smooths to, rtt.avg. delay and path are None on the loopback; path is
# None while the log has no round trip.
Result = collections.namedtuple("Result", "peer delay path measured")


class Peer:
    """The gauges of one set of tags."""

    def __init__(self, tags):
        self.tags = tags
        self.gauges = {}

    def tag(self, name):
        return next((tag.split(":", 1)[1] for tag in self.tags if tag.startswith(name + ":")), "")

    @property
    def title(self):
        return "%s on %s" % (self.tag("dst"), self.tag("iface"))


def peers_of(run):
    peers = {}
    for name, value, tags, kind in run["metrics"]:
        if kind == "gauge":
            peers.setdefault(tuple(tags), Peer(tags)).gauges[name] = value
    return sorted(peers.values(), key=lambda peer: (peer.tag("iface") == "lo", peer.tag("dst")))


class HostStage(contextlib.ExitStack):
    """Where no namespaces can be made: the host itself, everything in one temporary folder."""

    def __enter__(self):
        super().__enter__()
        folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX)))
        self.user = next(name for name in (USER, "nobody") if exists_user(name))
        self.run_folder = str(folder)
        self.program, self.configuration = str(folder / "go-metro"), str(folder / "go-metro.yaml")
        self.supervised_user = "root"  # it becomes self.user by itself: no file capability is needed
        self.segment = folder / "segment-of" / "go-metro"
        self.log = str(folder / "segment-of" / "go-metro.log")
        folder.chmod(0o755)
        self.segment.parent.mkdir()
        shutil.chown(self.segment.parent, self.user)
        shutil.copy(HELPER, self.program)
        return self

    def init_config(self):
        return "init_config: {user: %s, segment_path: %s}" % (self.user, self.segment)

    @staticmethod
    def enter(*arguments, user=None):
        return list(arguments)

    def start(self, *arguments, user=None):
        return Process(arguments)

    @staticmethod
    def read(path):
        with contextlib.suppress(OSError):
            return pathlib.Path(path).read_text(errors="replace")
        return ""

    @staticmethod
    def write(path, text):
        pathlib.Path(path).write_text(text, encoding="ascii")

    def configure(self, text):
        self.write(self.configuration, text)


def rights(status):
    """Who a process is and what it may, out of its /proc/PID/status."""
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    user, permitted = int(fields["Uid"].split()[1]), int(fields["CapPrm"], 16)
    name = USER if user == USER_ID else pwd.getpwuid(user).pw_name
    return "as %s, with %s" % (name, {CAP_NET_RAW: "CAP_NET_RAW only", 0: "no capability"}.get(permitted, "%#x" % permitted))


def exists_user(name):
    try:
        return bool(pwd.getpwnam(name))
    except KeyError:
        return False


class Demo(contextlib.ExitStack):
    def __init__(self, screen, network):
        super().__init__()
        self.screen = screen
        self.network = network
        self.stage = None

    def set_the_stage(self):
        if self.network is None:
            self.stage = self.enter_context(HostStage())
            self.stage.configure("%s\ninstances:%s" % (self.stage.init_config(), ON_LOOPBACK))
            return
        self.enter_context(self.network)
        self.stage = self.enter_context(Stage(self.network.near))
        self.stage.configure("init_config: {}\ninstances:%s%s" % (ON_PATH, ON_LOOPBACK))
        self.screen.done("two hosts in network namespaces, and between them a path of %d ms" % DELAYS_MS[0])

    def supervise(self):
        arguments = "" if self.network else " -log=" + self.stage.log
        supervisor = self.enter_context(Supervisor(self.stage, arguments))
        pid = supervisor.wait_for("RUNNING")
        self.screen.done("supervisord 3.3.3 runs go-metro: pid %d, %s" % (pid, rights(self.stage.read("/proc/%d/status" % pid))))

    def start_traffic(self):
        traffic = [PYTHON3, SYSTEM / "traffic.py"]
        server = self.enter_context(self.stage.start(*traffic, "server", LOOPBACK, 0))  # a port that is free here
        server.wait_for_output("\n")
        port = server.out.split()[1]
        self.enter_context(self.stage.start(*traffic, "client", LOOPBACK, port, "--count", 0, "--interval", 0.05))
        for version in (4, 6) if self.network else ():
            self.enter_context(self.network.serve(version))
            client = traffic + ["client", self.network.FAR[version], 5000, "--count", 0, "--interval", 0.05]
            self.enter_context(self.network.near.start(*client))
        where = "over the path (IPv4 and IPv6) and over the loopback" if self.network else "over the loopback"
        self.screen.done("TCP requests and answers %s" % where)

    def start_collector(self):
        command = Stage.python(2, COLLECTOR, CHECK, self.stage.configuration, BUILD / "python2", INTERVAL_S)
        self.collector = self.enter_context(self.stage.start(*command, user=USER))
        self.collections = 0
        self.screen.done("the check runs every %d s under CPython 2.7, as the Agent runs it" % INTERVAL_S)

    def next_collection(self):
        """The collector's next run, waited for."""
        def look():
            lines = self.collector.out.splitlines()
            if len(lines) > self.collections and self.collector.out.endswith("\n"):
                return lines[-1]
            if not self.collector.alive():
                raise HarnessError("the check's runner ended: " + self.collector.err)
            return None

        line = wait_until(look, INTERVAL_S + 15, "a run of the check")
        self.collections = len(self.collector.out.splitlines())
        return json.loads(line)

    def path_ms(self, peer, until):
        """The least and the greatest of what the relay's log smooths to, as rtt.avg is smoothed, in the time from which a helper
        that publishes once a second may have told the check. None: no round trip is over yet."""
        trips = [trip for trip in self.network.relay_round_trips(VERSIONS[peer]) if trip.at_ns / 1e9 <= until]
        averages = list(smoothed(trip.ns / 1e6 for trip in trips))
        recent = [average for trip, average in zip(trips, averages) if trip.at_ns / 1e9 > until - 2] or averages[-1:]
        return (min(recent), max(recent)) if recent else None

    def show(self, run, delay_ms):
        """Shows a collection; a result for each peer that this is about."""
        screen = self.screen
        peers = peers_of(run)
        screen.line()
        screen.rule("%s  dd-agent info" % time.strftime("%H:%M:%S", time.localtime(run["time"])))
        screen.info(run["screen"])
        screen.line()
        if peers:
            screen.peers(peers)
        measured = [peer for peer in peers if peer.tag("iface") == ("near0" if delay_ms else "lo")]
        if delay_ms and measured:
            screen.line()
            rows = [(peer.tag("dst"), peer.gauges["system.net.tcp.rtt"], "green") for peer in measured]
            screen.bars([("delay set", delay_ms, "cyan")] + rows, scale=1.1 * max(DELAYS_MS))
        return [Result(peer.tag("dst"), delay_ms, self.path_ms(peer.tag("dst"), run["time"]) if delay_ms else None,
                       peer.gauges["system.net.tcp.rtt.avg"]) for peer in measured]

    def collect(self, delay_ms):
        results = []
        for _ in range(COLLECTIONS_PER_DELAY):
            results = self.show(self.next_collection(), delay_ms)
        return results

    def play(self):
        """All of it; the results of each delay (None: of the loopback, which has none)."""
        self.set_the_stage()
        self.supervise()
        self.start_traffic()
        time.sleep(2)  # so that the first run has something to show
        self.start_collector()
        if self.network is None:
            return [self.collect(None)]
        results = []
        for number, delay_ms in enumerate(DELAYS_MS):
            if number:
                self.screen.line()
                self.screen.note("  The path changes now: from %d ms to %d ms." % (DELAYS_MS[number - 1], delay_ms))
                self.network.change_delay("%dms" % delay_ms)
            results.append(self.collect(delay_ms))
        return results


def introduce(screen, reason):
    screen.rule()
    screen.line(screen.paint("bold", "Go-Metro: how long a TCP round trip takes, from traffic that is there anyway."))
    screen.line("It sends no packet. It times each segment until its ACK, and the Datadog Agent")
    screen.line("gets the result as gauges. About half a minute; ^C ends it at any time.")
    screen.rule()
    if reason:
        screen.note("  No network namespaces here: the loopback only.")
        screen.note("  (%s)" % reason)


def conclude(screen, results):
    screen.line()
    screen.rule("result")
    for result in sum(results, []):
        if result.delay is None:
            screen.line("    measured %8.3f ms   %s" % (result.measured, result.peer))
        else:
            path = "%7.3f to %7.3f ms" % result.path if result.path else "(not in its log yet)"
            screen.line("    set %4.1f ms   path %-21s   measured %7.3f ms   %s" % (
                result.delay, path, result.measured, result.peer))
    if results[0][0].delay:
        screen.line(screen.paint("dim", "    measured: rtt.avg; path: by the log of the relay in it, smoothed likewise"))
    screen.line()
    screen.line(screen.paint("bold", "  What to try next"))
    screen.line("    build/go-metro read FILE.pcap        round trips of a capture file")
    screen.line("    sudo build/go-metro live -i eth0     round trips of an interface, now")
    screen.line("    build/go-metro check-config -cfg F   what is wrong with a go-metro.yaml")
    screen.line("    less conf.d/go-metro.yaml.example    every key, with its default")
    screen.line("    make test                            all the tests")
    screen.line("    README.md                            how to put it on an Agent v5 host")


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    when_ended(lambda number: sys.exit(128 + number))
    screen = Screen()
    if os.geteuid() != 0:
        sys.exit("demo: capturing packets needs root, and there is no sudo here: run `make demo` as root")
    reason = namespaces_allowed()
    introduce(screen, reason)
    try:
        with Demo(screen, None if reason else Network("%dms" % DELAYS_MS[0])) as demo:
            results = demo.play()
    except HarnessError as error:
        sys.exit("demo: %s" % error)
    if not all(results):
        sys.exit("demo: not everything was measured; `dd-agent info` above says why")
    conclude(screen, results)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\ndemo: interrupted; all is cleaned up")
