"""The number is right: what the segment, the extension and the check's gauges say is what the relay and the kernel measured."""

import json
import statistics

import pytest

from network import Network, smoothed
from processes import BUILD, PYTHON2, PYTHON3
from stage import SEGMENT, USER, Stage

EXCHANGES = 200
CONFIGURATION = """
init_config:
  extended_metrics: true
instances:
  - interface: near0
    ips: [10.77.0.2, "fd77::2"]
    tags: [path:test]
"""
READ_SEGMENT = """
import json, pwd, sys
sys.path.insert(0, sys.argv[1])
import metro_segment
snapshot = metro_segment.read(sys.argv[2], owner=pwd.getpwnam(sys.argv[3]).pw_uid)
print(json.dumps(list(snapshot.rows())))
"""


class Truth:
    """What the relay and the kernel say of one connection, in ms."""

    def __init__(self, network, version, connection):
        network.relay.stop()
        trips = [trip.ns / 1e6 for trip in network.relay_round_trips(version) if trip.port == connection["port"]]
        self.count = len(trips)
        self.median = statistics.median(trips)
        # tcpi_rtt is smoothed: its last value is of the last exchanges, its median after each of all of them.
        self.sources = {"avg": {"relay": list(smoothed(trips))[-1], "tcpi_rtt": connection["rtt_us"] / 1e3},
                        "p50": {"relay": self.median, "tcpi_rtt": connection["median_rtt_us"] / 1e3}}

    def judge(self, where, **ours):
        for name, value in ours.items():
            for source, theirs in self.sources[name].items():
                allowed = 0.05 * theirs + 0.1
                assert abs(value - theirs) <= allowed, "%s: %s is %.3f ms, %s says %.3f ms (%.3f allowed)" % (
                    where, name, value, source, theirs, allowed)


def extension_row(stage, python, peer):
    program = {2: PYTHON2, 3: PYTHON3}[python]
    out = stage.run(program, "-c", READ_SEGMENT, BUILD / ("python%d" % python), SEGMENT, USER, user=USER)
    return next(row for row in json.loads(out) if row["dst"] == peer)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("delay, delay_ms", [("20ms", 20.0), ("500us", 0.5)])
def test_measures_the_delay(delay, delay_ms, version):
    with Network(delay) as network, Stage(network.near) as stage:
        stage.configure(CONFIGURATION)
        with stage.helper(), network.serve(version):
            stage.wait_for_state("capturing")
            connection = network.exchange(version, count=EXCHANGES)
            peer = network.FAR[version]
            status = stage.wait_for_status(lambda s: any(p["dst"] == peer and p["samples"] > EXCHANGES for p in s["peers"]))
            extension = {python: extension_row(stage, python, peer) for python in (2, 3)}
            checks = {python: stage.check(python) for python in (2, 3)}
        truth = Truth(network, version, connection)

    assert truth.count == EXCHANGES + 1, "the relay saw every request and the handshake acknowledged"
    assert truth.median >= delay_ms
    row, = [p for p in status["peers"] if p["dst"] == peer]
    assert (row["iface"], row["src"]) == ("near0", network.NEAR[version])
    assert (row["samples"], row["handshake_samples"]) == (truth.count, 1)
    truth.judge("status --json", avg=row["rtt_ms"]["avg"], p50=row["rtt_ms"]["p50"])
    for python in (2, 3):
        truth.judge("extension, CPython %d" % python, avg=extension[python]["avg"], p50=extension[python]["p50"])
        gauges = checks[python].gauges(dst=peer)
        truth.judge("gauges, CPython %d" % python, avg=gauges["system.net.tcp.rtt.avg"], p50=gauges["system.net.tcp.rtt.p50"])
        assert checks[python].status == "OK"
        assert {"src:" + network.NEAR[version], "dst:" + peer, "iface:near0", "path:test"} == checks[python].tags(dst=peer)
