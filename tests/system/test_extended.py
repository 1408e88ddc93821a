"""extended_metrics, from the wire to the Agent: of the interval between two runs, whatever happens in between."""

import time

import pytest

from collecting import collecting
from conversation import conversation, rows_to, total
from network import Network
from processes import BUILD, wait_until
from stage import LOG, Stage
from supervision import supervised

PEER, OTHER = "10.77.0.2", "10.77.0.77"
INTERVAL_S = 2  # of the check's runs that are not left out
TEXT = """
init_config: {resolve_names: false, extended_metrics: true%s}
instances:
  - interface: near0
    ips: [%s]
"""
# Where min_collection_interval stands, and under which CPython the check runs.
PLACES = {"in the instance": ("", "    min_collection_interval: %d\n" % INTERVAL_S, 3),
          "in init_config": (", min_collection_interval: %d" % INTERVAL_S, "", 2)}


def talk(network, stage, count):
    """So many exchanges in one connection; how many round trips the helper has of them."""
    before = rows_to(stage, PEER)
    said = network.exchange(count=count)
    stage.wait_for_publications(2)
    row, = rows_to(stage, PEER)
    trips = row["samples"] - total(before, "samples")
    assert trips == count + 1 or said["total_retrans"] > 0  # of what is sent twice none is sure
    return trips


@pytest.fixture
def network():
    with Network("20ms") as network, network.serve():
        yield network


@pytest.mark.parametrize("place", PLACES)
def test_it_is_of_the_interval(network, place):
    """Every round trip is in the counts of exactly one run, over a restart of the helper and for a peer that left and came back; no
    run says what an earlier one said."""
    init, instance, python = PLACES[place]
    text = TEXT % (init, PEER) + instance
    with Stage(network.near) as stage, supervised(stage, text) as supervisor, collecting(stage, python, PEER) as collector:
        collector.wait_for_runs(1)
        trips = talk(network, stage, 30)
        collector.wait_for_samples(trips)
        # A path that becomes shorter: nothing of it is as long as what was before.
        before = len(collector.runs())
        network.change_delay("2ms")
        trips += talk(network, stage, 30)
        collector.wait_for_samples(trips)
        shorter = {suffix: collector.values(suffix, before) for suffix in (".min", ".p50", ".p95", ".p99", ".max")}
        assert shorter[".max"] and max(shorter[".max"]) < 19, "all rows' maximum is over 20 ms"
        assert 1.8 < min(shorter[".min"])
        for values in zip(*(shorter[suffix] for suffix in (".min", ".p50", ".p95", ".p99", ".max"))):
            assert list(values) == sorted(values)
        # And longer: nothing is as short.
        before = len(collector.runs())
        network.change_delay("30ms")
        trips += talk(network, stage, 20)
        collector.wait_for_samples(trips)
        assert min(collector.values(".min", before)) > 28 and min(collector.values(".p50", before)) >= 29
        # Another helper counts from 0.
        pid = supervisor.state()[1]
        supervisor.control("restart", "datadog-agent:go-metro")
        supervisor.wait_for("RUNNING", other_than=pid)
        stage.wait_for_status(lambda s: s["helper"].get("state") == "capturing" and s["helper"]["pid"] != pid)
        before = len(collector.runs())
        of_this = talk(network, stage, 10)
        collector.wait_for_samples(of_this, before)
        trips += of_this
        # The peer is not wanted for a while: its row leaves, and another one comes back.
        helper = stage.status()["helper"]["pid"]
        stage.configure(text.replace(PEER, OTHER))
        stage.wait_for_status(lambda s: not s["peers"])
        stage.configure(text)
        wait_until(lambda: stage.read(LOG).count("is in force") >= 4, what=lambda: stage.read(LOG))
        stage.wait_for_publications(2)
        before = len(collector.runs())
        of_this = talk(network, stage, 5)
        collector.wait_for_samples(of_this, before)
        collector.wait_for_samples(trips + of_this)
        assert stage.status()["helper"]["pid"] == helper
        assert min(collector.values(".min", before)) > 28
        handshakes = collector.values(".handshake")
        assert all(value > 0 for suffix in (".samples", ".min", ".p50", ".max", "", ".avg") for value in collector.values(suffix))
        assert len(handshakes) <= 5, "five connections"
        times = [run["time"] for run in collector.runs()]
        assert min(b - a for a, b in zip(times, times[1:])) >= INTERVAL_S - 0.05


def test_a_connection_over_a_restart_is_no_lifetime(network):
    """Killed under a connection that goes on: what was not published is lost, and no run says more than there was in its time."""
    with Stage(network.near) as stage, supervised(stage, TEXT % ("", PEER)) as supervisor, collecting(stage, 2, PEER) as collector, \
            conversation(network.near, network.far, PEER, 5000 + 1, interval=0.005) as steady:
        wait_until(lambda: sum(collector.values(".samples")) > 100, what=lambda: collector.process.out[-2000:])
        for _ in range(2):
            pid = supervisor.wait_for("RUNNING")
            stage.kill("KILL", pid)
            supervisor.wait_for("RUNNING", other_than=pid)
            stage.wait_for_status(lambda s, old=pid: s["helper"].get("state") == "capturing" and s["helper"]["pid"] != old)
            before = sum(collector.values(".samples"))
            wait_until(lambda n=before: sum(collector.values(".samples")) > n + 100, what=lambda: collector.process.out[-2000:])
        trips = steady.round_trips()
        stage.wait_for_publications(2)
        collector.wait_for_runs(2)
        counts = collector.values(".samples")
        assert sum(counts) <= trips and min(counts) > 0
        # A round trip takes 25 ms with the pause behind it: a run may have seen a few seconds of them, not all.
        assert max(counts) < 40 * 5, counts


class Clock:
    """CLOCK_BOOTTIME of all that runs on the stage from here on, which may run faster than it does."""

    STEP_S, PAUSE_S = 3, 0.5  # so fast that no heartbeat looks old: one may be 10 s old

    def __init__(self, stage):
        self.stage, self.ahead_s = stage, 0
        stage.run("cp", BUILD / "ahead.so", "/opt/ahead.so")
        stage.write("/opt/ahead", "0")
        stage.write("/etc/ld.so.preload", "/opt/ahead.so")

    def pass_s(self, seconds):
        end = self.ahead_s + seconds
        while self.ahead_s < end:
            time.sleep(self.PAUSE_S)
            self.ahead_s += self.STEP_S
            self.stage.write("/opt/ahead", str(self.ahead_s))


def births(stage):
    return [row["birth"] for row in stage.segment()["rows"]]


def test_a_peer_that_was_idle_and_came_back(network):
    """First its connections are forgotten and its row is not, then that leaves as well: each time the first run on its return says
    what was since, and nothing of the time before. No second of it is a run that fails."""
    with Stage(network.near) as stage:
        clock = Clock(stage)
        text = TEXT % (", idle_ttl: 5, exp_ttl: 1", PEER)
        with supervised(stage, text) as supervisor, collecting(stage, 2, PEER) as collector:
            collector.wait_for_runs(1)
            helper = supervisor.state()[1]
            trips = talk(network, stage, 30)
            collector.wait_for_samples(trips)
            first_births = births(stage)
            assert len(first_births) == 1
            # Its row, which lives for a minute, is there when it comes back. Nothing that was before is as short.
            clock.pass_s(30)
            stage.wait_for_status(lambda s: s["instances"][0]["open_flows"] == 0)
            assert births(stage) == first_births
            network.change_delay("2ms")
            before = len(collector.runs())
            of_this = talk(network, stage, 20)
            collector.wait_for_samples(of_this, before)
            assert births(stage) == first_births
            assert 1.8 < min(collector.values(".min", before)) <= max(collector.values(".max", before)) < 19
            # It leaves, and is back before the check runs again. Whoever takes the new row for the one that was in its place finds
            # fewer round trips than none.
            with collector.paused():
                before = len(collector.runs())
                clock.pass_s(63)
                stage.wait_for_status(lambda s: not s["peers"])
                network.change_delay("30ms")
                of_that = talk(network, stage, 10)
            collector.wait_for_samples(of_that, before)
            assert births(stage) != first_births
            assert 28 < min(collector.values(".min", before)) <= min(collector.values(".p50", before))
            assert all(value > 28 for value in collector.values(".handshake", before))
            collector.wait_for_samples(trips + of_this + of_that)
            assert supervisor.state()[1] == helper
            assert {tuple(run["statuses"]) for run in collector.runs()[1:]} == {("OK",)}
