"""submit_via: dogstatsd: a listener in trouble is no trouble, and loses only what was due."""

import collections
import contextlib
import os
import pathlib
import signal
import statistics
import time

import usage
from dogstatsd import Listener
from processes import HarnessError, wait_until
from sending import PROGRAM_NAME, ROUND_S, RTT, TO_PEERS, talk
from stage import LOG
from supervision import supervised

AWAY_S = 10


def test_a_listener_that_is_away_is_said_and_so_is_its_return(stage):
    with Listener(stage) as listener:
        port = listener.port
    with supervised(stage, TO_PEERS.format(ip="127.0.0.1", port=port, more="")):
        talk(stage, 60)
        away = "dogstatsd at 127.0.0.1:%d is not there (Connection refused)" % port
        stage.wait_for_state("degraded", away)
        check = stage.check()
        assert check.status == check.service_status == "WARNING" and away in check.service_message
        stage.wait_for_publications(5)
        assert stage.read(LOG).count(away + ";") == 2, "once, and with the state"
        with Listener(stage, port=port) as listener:
            stage.wait_for_state("capturing", timeout=10)
            assert stage.status()["helper"]["error"] == ""
            assert "sending again; " in stage.read(LOG)
            assert len({metric.tags for metric in listener.metrics()}) >= 5, "a row or more in each second"
            assert stage.check().status == "OK"
        stage.wait_for_state("degraded", away)


def test_a_listener_that_is_away_loses_only_what_was_due(stage):
    """Each row is sent in its second as before; of those whose second came meanwhile 30 s are missing, and no more than those: what
    was lost is not sent again, and what was not due is sent whole. And it costs nothing."""
    with contextlib.ExitStack() as first:
        listener = first.enter_context(Listener(stage))
        with supervised(stage, TO_PEERS.format(ip="127.0.0.1", port=listener.port, more=", extended_metrics: true")) as supervisor:
            helper = process_on(stage, supervisor.state()[1])
            talk(stage, 60)
            wait_until(lambda: len(rows_of(listener.metrics())) == 60, ROUND_S + 10)
            used, memory = usage.watch(helper, AWAY_S), usage.memory_kib(helper)
            before, gone = listener.metrics(), time.monotonic()
            first.close()
            while_away = usage.watch(helper, AWAY_S)
            grown = usage.memory_kib(helper)["VmRSS"] - memory["VmRSS"]
            status = stage.status()
            with Listener(stage, port=listener.port) as again:
                back = time.monotonic()
                wait_until(lambda: sum(len(row) > 1 for row in rows_of(again.metrics()).values()) == 60, 2 * ROUND_S + 10)
                after = again.metrics()
    assert status["helper"]["age_s"] < 3 and status["instances"][0]["dropped"] == 0
    assert while_away.cpu_s < 1.5 * used.cpu_s + 0.1 and grown < 1024
    sent, first_sent = rows_of(after), rows_of(before)
    assert set(sent) == set(first_sent) and len(sent) == 60
    lost = 0
    for tags, metrics in sent.items():
        due = [first_sent[tags][-1].second + n * ROUND_S for n in (1, 2, 3)]
        was_away = [gone - 1.5 < second < back + 1.5 for second in due]  # whose second was then, or nearly then
        lost += metrics[0].second > due[0] + ROUND_S / 2
        assert any(abs(metrics[0].second - second) < 1.5 for second in (due if was_away[0] else due[:1])), (tags, due, metrics)
        seconds = [metric.second for metric in metrics]
        assert all(abs(b - a - ROUND_S) < 1.5 for a, b in zip(seconds, seconds[1:]))
    assert 60 * (AWAY_S - 3) / ROUND_S < lost < 60 * (AWAY_S + 3) / ROUND_S + 1
    counts = [metric.value for metrics in sent.values() for metric in metrics]
    usual = statistics.median(counts)
    assert usual > 60 and all(0.7 * usual < count < 1.4 * usual for count in counts), counts


def process_on(stage, pid):
    """Who this process of the stage is outside of it."""
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            words = next(line for line in status.read_text().splitlines() if line.startswith("NSpid:")).split()
            if len(words) > 2 and int(words[-1]) == pid and os.readlink(status.parent / "ns" / "pid") == os.readlink(
                    "/proc/%d/ns/pid" % stage.pid):
                return int(words[1])
    raise HarnessError("no process %d on the stage" % pid)


def rows_of(metrics):
    """What was sent as `samples`, by the row's tags."""
    rows = collections.defaultdict(list)
    for metric in metrics:
        if metric.name == RTT + ".samples":
            rows[metric.tags].append(metric)
    return dict(rows)


def test_a_listener_that_sleeps_holds_up_nothing(stage):
    """Its buffer is full after a few seconds: the kernel drops what comes then."""
    with Listener(stage) as listener:
        with supervised(stage, TO_PEERS.format(ip="127.0.0.1", port=listener.port, more=", extended_metrics: true")) as supervisor:
            pid = supervisor.state()[1]
            talk(stage, 500)
            wait_until(listener.datagrams, ROUND_S)
            listener.process.signal(signal.SIGSTOP)
            before = stage.status()["instances"][0]
            stage.wait_for_publications(15)
            after = stage.status()
            assert after["helper"]["state"] == "capturing" and after["helper"]["age_s"] < 3
            assert after["instances"][0]["received"] > before["received"] + 10 * 500
            assert after["instances"][0]["dropped"] == 0
            listener.process.signal(signal.SIGCONT)
            woken = time.monotonic()
            wait_until(lambda: len({m.tags for m in listener.metrics() if m.second > woken + 1}) > 60)
            assert supervisor.state() == ("RUNNING", pid)


def test_nobody_at_that_address(stage):
    """The kernel asks who has it, keeps some datagrams until it gives up, and takes no more meanwhile."""
    stage.network.ip("link add veth0 type veth peer name far0")
    stage.network.ip("addr add 10.9.0.1/24 dev veth0")
    stage.network.ip("link set veth0 up")
    stage.network.ip("link set far0 up")
    with supervised(stage, TO_PEERS.format(ip="10.9.0.77", port=8125, more="")) as supervisor:
        talk(stage, 300)
        stage.wait_for_state("degraded", "dogstatsd at 10.9.0.77:8125 cannot be reached (No route to host)")
        stage.wait_for_publications(5)
        assert stage.read(LOG).count("cannot be reached (No route to host); what") == 2
        supervisor.control("stop", PROGRAM_NAME)
        log = stage.read(supervisor.run_folder + "/supervisord.log")
        assert "stopped: go-metro (exit status 0)" in log and "SIGKILL" not in log, log
