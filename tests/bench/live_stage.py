"""Where `make bench-live` takes place: two hosts with a veth pair between them, who captures there, and traffic.

Everything is in namespaces of its own, as in the system tests. Near is the host that captures, on near0."""

import collections
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "system")]
from network import Namespace  # noqa: E402
from processes import BUILD, HarnessError, wait_until  # noqa: E402
from stage import Stage  # noqa: E402

SENDER, READER = BUILD / "live_sender", BUILD / "live_reader"
NEAR, FAR, FIRST_PEER = "10.79.0.1", "10.79.0.2", "10.79.1.1"
WANTED, UNWANTED = "ips: [10.79.0.0/16]", "ips: [10.80.0.0/16]"
CONFIGURATION = """
init_config: {resolve_names: false%s}
instances:
  - interface: near0
    %s
"""
DRAINED_S = 1.2  # after the last packet: longer than a ring holds back a block (tcpdump's 1 s), and than reading a full one takes
PUBLISHED_S = 2.5  # two publications, whatever the moment


def pin(pid, cpu):
    """To this processor, where there are two: who sends and who captures shall not take turns on one."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(pid, {cpu})


def cpu_ns(pid):
    """User and system time of the whole process, to the nanosecond (the kernel's clock id for that)."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def wakeups(pid):
    """How often it has waited for something."""
    text = pathlib.Path("/proc/%d/status" % pid).read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M).group(1))


def memory_kib(pid):
    """What is resident: all, and of that the mapped ring."""
    status = dict(re.findall(r"^(\w+):\s+(\d+) kB", pathlib.Path("/proc/%d/status" % pid).read_text(), re.M))
    ring, is_socket = 0, False
    for line in pathlib.Path("/proc/%d/smaps" % pid).read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            is_socket = "socket:" in line
        elif is_socket and line.startswith("Rss:"):
            ring += int(line.split()[1])
    return int(status["VmRSS"]), ring


class Hosts(contextlib.ExitStack):
    """near0 in one namespace, far0 in another."""

    def __enter__(self):
        super().__enter__()
        with contextlib.ExitStack() as undo:
            self.near, self.far = undo.enter_context(Namespace()), undo.enter_context(Namespace())
            for host in (self.near, self.far):  # the neighbour discovery of a new link is no part of the traffic
                host.run("sh", "-c", "for where in all default; do echo 1 >/proc/sys/net/ipv6/conf/$where/disable_ipv6; done")
            self.near.ip("link add near0 type veth peer name far0 netns %d" % self.far.pid)
            for host, name, address in ((self.near, "near0", NEAR), (self.far, "far0", FAR)):
                host.ip("addr add %s/16 dev %s" % (address, name))
                host.ip("link set %s up" % name)
            self.push(undo.pop_all().__exit__)
        return self


# --- who captures; each has a name, is started once, and says at its end how many packets it got and how many it lost ---


class Nobody:
    pid, refused = None, None

    @contextlib.contextmanager
    def at_work(self, _hosts):
        yield self

    def counts(self):
        return 0, 0


class Bare:
    """Nothing but libpcap."""

    refused = None  # it has no bound

    @contextlib.contextmanager
    def at_work(self, hosts):
        with hosts.near.start(READER, "near0") as self.process:
            self.process.wait_for_output("ready")
            self.pid = self.process.pid
            yield self

    def counts(self):
        self.process.stop()
        out = json.loads(self.process.out.splitlines()[-1])
        return out["packets"], out["dropped"]


class Tcpdump:
    """As it is used for this."""

    refused = None  # it has no bound

    @contextlib.contextmanager
    def at_work(self, hosts):
        with hosts.near.start("tcpdump", "-n", "-i", "near0", "-w", "/dev/null", "-s", "96") as self.process:
            wait_until(lambda: "listening on" in self.process.err or not self.process.alive())
            self.pid = self.process.pid
            yield self

    def counts(self):
        self.process.stop()
        found = [re.search(r"(\d+) packets? " + what, self.process.err) for what in ("captured", "dropped by kernel")]
        if None in found:
            raise HarnessError("tcpdump: " + self.process.err)
        return tuple(int(match.group(1)) for match in found)


class Helper:
    """The real helper, as an Agent host has it."""

    def __init__(self, peers=WANTED, settings=""):
        self.peers, self.settings = peers, settings

    @contextlib.contextmanager
    def at_work(self, hosts):
        with Stage(hosts.near) as self.stage:
            self.stage.configure(CONFIGURATION % (self.settings, self.peers))
            with self.stage.helper() as self.process:
                self.stage.wait_for_state("capturing")
                self.pid = self.process.target()
                yield self

    def counts(self):
        time.sleep(PUBLISHED_S)
        self.status = self.stage.status()
        instance, = self.status["instances"]
        self.refused = instance["refused_flows"]
        return instance["received"], instance["dropped"]

    @contextlib.contextmanager
    def stopped(self):
        self.process.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.signal(signal.SIGCONT)


# --- traffic; each returns a Sent ---

# packets and cpu_ns, what the sender itself took: None of iperf3, whose rate is gbit; that is None of the others.
Sent = collections.namedtuple("Sent", "packets connections seconds cpu_ns gbit")


def flood(hosts, seconds, *options, during=None):
    """Frames from the far end; during() is called when they are on their way."""
    with hosts.far.start(SENDER, "--seconds", seconds, *options, "far0", NEAR, FIRST_PEER) as sender:
        pin(sender.pid, 0)
        sender.wait_for_output("ready")
        if during:
            during()
        if sender.wait(seconds + 30) != 0:
            raise HarnessError(sender.err)
        out = json.loads(sender.out.splitlines()[-1])
    return Sent(out["packets"], out["connections"], out["elapsed_ns"] / 1e9, out["cpu_ns"], None)


def bulk(hosts, seconds, gbit=0):
    """iperf3 from near to far, in the super-segments that the kernel makes; at its full rate, or held to so many Gbit/s."""
    with hosts.far.start("iperf3", "-s", "-1", "--forceflush") as server:
        server.wait_for_output("listening")
        out = json.loads(hosts.near.run("iperf3", "-c", FAR, "-t", seconds, "-b", "%dG" % gbit, "-J", timeout=seconds + 60))
    end = out["end"]["sum_sent"]
    return Sent(None, 1, end["seconds"], None, end["bits_per_second"] / 1e9)


def have(program):
    return shutil.which(program) is not None


# --- one run ---

# seen, dropped, refused (what it saw and did not measure for want of room; None: it knows no such thing): what the reader says;
# cpu_ns: of the reader; wakeups: of the reader, a second.
Run = collections.namedtuple("Run", "sent seen dropped refused cpu_ns wakeups")


def run(hosts, reader, traffic):
    """The traffic once, with this reader."""
    with reader.at_work(hosts):
        if reader.pid is None:
            return Run(traffic(hosts), 0, 0, None, 0, 0)
        before, woken = cpu_ns(reader.pid), wakeups(reader.pid)
        begin = time.monotonic()
        sent = traffic(hosts)
        time.sleep(DRAINED_S)
        used, woken = cpu_ns(reader.pid) - before, (wakeups(reader.pid) - woken) / (time.monotonic() - begin)
        seen, dropped = reader.counts()
    return Run(sent, seen, dropped, reader.refused, used, woken)
