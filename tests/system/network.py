"""Network namespaces, and two hosts with a delay line between them.

A namespace is held by a process and has no name: it ends with the process, and nothing can be left behind."""

import collections
import contextlib
import csv
import json
import os
import pathlib
import tempfile

from processes import BUILD, PREFIX, PYTHON3, SYSTEM, HarnessError, Process, run, wait_until

RELAY = BUILD / "relay"


def namespaces_allowed():
    """Why no network namespace can be made here; None when they can."""
    if os.geteuid() != 0:
        return "not root"
    try:
        run(["unshare", "--net", "--mount", "--pid", "--fork", "true"])
        run(["unshare", "--net", "ip", "link", "add", "gm0", "type", "veth", "peer", "name", "gm1"])
    except (HarnessError, OSError) as error:
        return str(error).strip().splitlines()[-1]  # what the command said
    return None


class Namespace(Process):
    """A network namespace with its loopback up."""

    def __init__(self):
        super().__init__(["unshare", "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        wait_until(lambda: self._network() not in ("", own), what="a network namespace")
        self.ip("link set lo up")

    def _network(self):
        with contextlib.suppress(OSError):
            return os.readlink("/proc/%d/ns/net" % self.pid)
        return ""

    def enter(self, *arguments):
        return ["nsenter", "--net=/proc/%d/ns/net" % self.pid, "--"] + list(arguments)

    def run(self, *arguments, **options):
        return run(self.enter(*arguments), **options)

    def ip(self, command):
        return self.run("ip", *command.split())

    def start(self, *arguments):
        return Process(self.enter(*arguments))


class Network(contextlib.ExitStack):
    """near0 -- relay -- far0: two hosts, each in a namespace of its own, and a path between them with a delay that we set."""

    NEAR = {4: "10.77.0.1", 6: "fd77::1"}
    FAR = {4: "10.77.0.2", 6: "fd77::2"}

    def __init__(self, delay="20ms", **disturbances):
        """disturbances: other options of the relay, such as jitter="1ms", loss=1."""
        super().__init__()
        self.delay = delay
        self.disturbances = [word for name, value in disturbances.items() for word in ("--" + name, value)]

    def __enter__(self):
        super().__enter__()
        with contextlib.ExitStack() as undo:
            self.near, self.middle, self.far = (undo.enter_context(Namespace()) for _ in range(3))
            self.folder = pathlib.Path(undo.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX)))
            self.relay_log = self.folder / "relay.csv"
            # The middle forwards frames; what it would say itself has no place there.
            self.middle.run("sh", "-c", "for where in all default; do echo 1 >/proc/sys/net/ipv6/conf/$where/disable_ipv6; done")
            self.join(self.near, "near0", self.NEAR)
            self.join(self.far, "far0", self.FAR)
            self.relay = undo.enter_context(self._start_relay())
            self.push(undo.pop_all().__exit__)
        return self

    def _start_relay(self):
        relay = self.middle.start(RELAY, "--delay", self.delay, *self.disturbances, "--log", self.relay_log, "relay-near0", "relay-far0")
        relay.wait_for_output("ready")
        return relay

    def change_delay(self, delay):
        """From now on; what is on the way is lost, and the log begins anew."""
        self.relay.stop()
        self.delay = delay
        self.relay = self.enter_context(self._start_relay())

    def join(self, host, name, addresses):
        """Makes the veth pair name (in host) and relay-name (in the middle)."""
        self.middle.ip("link add relay-%s type veth peer name %s netns %d" % (name, name, host.pid))
        host.run(RELAY, "--no-offload", name)
        host.ip("addr add %s/24 dev %s" % (addresses[4], name))
        host.ip("addr add %s/64 dev %s nodad" % (addresses[6], name))
        host.ip("link set %s up" % name)
        self.middle.ip("link set relay-%s up" % name)

    def serve(self, version=4, port=5000):
        """The traffic's server in the far namespace, listening."""
        process = self.far.start(PYTHON3, SYSTEM / "traffic.py", "server", self.FAR[version], port)
        process.wait_for_output("ready")
        return process

    def exchange(self, version=4, port=5000, **options):
        """Runs the client from near to far; what its kernel says of the connection."""
        arguments = [w for key, value in options.items() for w in ("--" + key, value)]
        out = self.near.run(PYTHON3, SYSTEM / "traffic.py", "client", self.FAR[version], port, *arguments, timeout=120)
        return json.loads(out)

    def relay_round_trips(self, version):
        """Each round trip to the far host that the relay saw since it was started or changed; it may still be at work."""
        return round_trips(self.relay_log, self.NEAR[version], self.FAR[version])


FIN, SYN, RST, ACK = 1, 2, 4, 16


# port: of the near host; kind: "syn" or "data"; ns: how long it took; at_ns: when it was over (CLOCK_REALTIME).
RoundTrip = collections.namedtuple("RoundTrip", "port kind ns at_ns")


def round_trips(path, near, far):
    """Each exactly acknowledged segment from near to far in a relay's log: from its coming in beside the near host to the first
    ACK for its last byte going out to it."""
    waiting, result = {}, []
    with open(path, newline="", encoding="ascii") as log:
        for row in csv.reader(line for line in log if line.endswith("\n")):  # the last may be half written
            in_ns, out_ns, direction, src, sport, dst, dport, seq, ack, size, flags = row
            flags, size = int(flags), int(size)
            if (direction, src, dst) == ("there", near, far):
                end = (int(seq) + size + (1 if flags & SYN else 0)) % 2**32
                if size or flags & SYN:
                    waiting[sport, dport, end] = ("syn" if flags & SYN else "data", int(in_ns))
            elif (direction, src, dst) == ("back", far, near) and flags & ACK:
                if (dport, sport, int(ack)) in waiting:
                    kind, sent_ns = waiting.pop((dport, sport, int(ack)))
                    result.append(RoundTrip(int(dport), kind, int(out_ns) - sent_ns, int(out_ns)))
    return result


def smoothed(values):
    """SRTT after each value, as RFC 6298 smooths it with gain 1/8."""
    srtt = None
    for value in values:
        srtt = value if srtt is None else srtt + (value - srtt) / 8
        yield srtt
