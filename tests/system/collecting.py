"""The check in a process of its own, run again and again as the Agent does, and what it submitted."""

import contextlib
import json
import os
import signal

from processes import BUILD, REPOSITORY, wait_until
from stage import CHECK, CONFIGURATION, USER, Stage

COLLECTOR = REPOSITORY / "tests" / "demo" / "collector.py"
RTT = "system.net.tcp.rtt"
RUN_S = 0.3  # between two runs


class Collector:
    """Each run's metrics; of one peer where dst says which."""

    def __init__(self, process, dst=None):
        self.process, self.dst = process, dst

    def runs(self):
        """Those that the Agent did not leave out because of min_collection_interval, in order."""
        lines = [line for line in self.process.out.splitlines(keepends=True) if line.endswith("\n")]
        assert self.process.alive(), self.process.err
        return [run for run in map(json.loads, lines) if run["statuses"]]

    def values(self, suffix, since=0):
        """Of each run that has one, beginning with run number `since`."""
        return [value for run in self.runs()[since:] for name, value, tags, _ in run["metrics"]
                if name == RTT + suffix and (self.dst is None or "dst:" + self.dst in tags)]

    def wait_for_runs(self, count):
        before = len(self.runs())
        wait_until(lambda: len(self.runs()) >= before + count, 60, lambda: self.process.out[-2000:] + self.process.err)

    @contextlib.contextmanager
    def paused(self):
        """No run is made meanwhile; one that has begun is finished first."""
        self.wait_for_runs(1)
        os.kill(self.process.target(), signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.process.target(), signal.SIGCONT)

    def wait_for_samples(self, expected, since=0):
        """The counts of all runs together, which are no more than that either."""
        wait_until(lambda: sum(self.values(".samples", since)) >= expected, 30, lambda: "%d: %s" % (expected, self.values(".samples")))
        self.wait_for_runs(1)
        assert sum(self.values(".samples", since)) == expected


@contextlib.contextmanager
def collecting(stage, python, dst=None):
    arguments = [COLLECTOR, CHECK, CONFIGURATION, BUILD / ("python%d" % python), RUN_S]
    with stage.start(*Stage.python(python, *arguments), user=USER) as process:
        yield Collector(process, dst)
