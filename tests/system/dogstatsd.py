"""What arrives at a DogStatsD listener on a stage, taken apart by a parser that is not ours (the package yellowbox-statsd)."""

import collections
import importlib.util
import json
import sys

from processes import BUILD, PYTHON3, SYSTEM, wait_until

# kind: "gauge" or "count", as the check calls them; tags: a frozenset; second: when it came, of the listener's clock.
Metric = collections.namedtuple("Metric", "name value kind tags second")
KINDS = {"g": "gauge", "c": "count"}
MARK = "mark %d"


def load_parser():
    """The package's one module that parses: the others are for starting services in containers, and need what starts them."""
    path = BUILD / "python3-packages" / "yellowbox_statsd" / "metrics.py"
    spec = importlib.util.spec_from_file_location("yellowbox_statsd_metrics", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look there
    spec.loader.exec_module(module)
    return module.Metric.parse


parse = load_parser()


# ADDRESS PORT TEXT: sends a datagram.
SEND = """
import socket, sys
socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM).sendto(
    sys.argv[3].encode(), (sys.argv[1], int(sys.argv[2])))
"""


class Listener:
    """A listener on a stage; with its context it ends."""

    def __init__(self, stage, address="127.0.0.1", port=0, *buffer):
        self.stage, self.address, self.marks = stage, address, 0
        self.process = stage.start(PYTHON3, SYSTEM / "statsd_listener.py", address, port, *buffer)

    def __enter__(self):
        self.process.__enter__()
        self.process.wait_for_output("ready")
        self.port = int(self.process.out.split()[1])
        return self

    def __exit__(self, *error):
        self.process.__exit__(*error)

    def datagrams(self):
        """Each as (second, text); the last line may be half written."""
        lines = self.process.out.split("\n")[1:-1]
        return [[second, text] for second, text in map(json.loads, lines) if not text.startswith(MARK[:5])]

    def catch_up(self):
        """Until all that was sent before has been read: what is sent now is behind it."""
        self.marks += 1
        self.stage.run(PYTHON3, "-c", SEND, self.address, self.port, MARK % self.marks)
        wait_until(lambda: json.dumps(MARK % self.marks) in self.process.out, what="the mark arrives")

    def metrics(self):
        """Each metric of each datagram, which the parser must take as a whole."""
        return [self._metric(parse(line), second) for second, text in self.datagrams() for line in text.split("\n")]

    @staticmethod
    def _metric(parsed, second):
        value, = parsed.values
        assert parsed.sample_rate is None and parsed.metric_timestamp is None
        return Metric(parsed.name, float(value), KINDS[parsed.type], frozenset(parsed.tags), second)
