"""Capture files need no right to capture: they are read without it, and what needs it says so for itself alone."""

import re
import time

import pytest

from processes import wait_until
from stage import LOG, PROGRAM, USER, Stage
from supervision import supervised
from test_file import FILE, ONE, put, samples, trips, wait_until_read
from test_read import LOCAL, PEER
from test_status import scrape, value

BY_NAME = ONE.replace("ips: [%s]" % PEER, "hosts: [db.example]")
AND_LO = "  - {interface: lo, all_peers: true}\n"
NO_RIGHT = "no right to capture: sudo setcap cap_net_raw+ep " + PROGRAM
ITS_ROW = {"iface": "file", "index": "0", "src": LOCAL, "dst": "db.example"}


@pytest.fixture
def incapable():
    """A stage whose PROGRAM has no capability, with a capture on it of a peer that has a name."""
    with Stage(capable=False) as stage:
        stage.write("/etc/hosts", "127.0.0.1 localhost\n%s db.example\n" % PEER)
        put(stage, trips(10))
        yield stage


def instance_states(values):
    """By their indexes, as the Prometheus text has them."""
    found = (dict(labels) for (name, labels), at in values.items() if name == "go_metro_instance_state" and at == 1)
    return {labels["index"]: (labels["iface"], labels["state"]) for labels in found}


def capabilities_of_threads(stage, pid):
    text = stage.script('cat /proc/$1/task/*/status', pid)
    return re.findall(r"^Cap(?:Inh|Prm|Eff|Amb):\s*([0-9a-f]+)$", text, re.MULTILINE)


def test_files_alone_are_read_without_it(incapable):
    """Their names are resolved too, by a thread that has no right either; and nothing is wrong."""
    stage = incapable
    with supervised(stage, BY_NAME) as supervisor:
        pid = supervisor.state()[1]
        status = wait_until_read(stage, 10)
        assert (status["helper"]["state"], status["helper"]["error"]) == ("capturing", "")
        assert [(p["src"], p["dst"]) for p in status["peers"]] == [(LOCAL, "db.example")]
        sets = capabilities_of_threads(stage, pid)
        assert len(sets) >= 2 * 4 and set(sets) == {"0" * 16}, "of the helper and its resolver"
        for python in (2, 3):
            check = stage.check(python)
            assert (check.status, check.service_status) == ("OK", "OK"), check
            assert check.gauges(dst="db.example")["system.net.tcp.rtt"] == pytest.approx(30)
        values = scrape(stage)
        assert value(values, "go_metro_up") == value(values, "go_metro_state", state="capturing") == 1
        assert value(values, "go_metro_round_trips_total", **ITS_ROW) == 10
        assert instance_states(values) == {"0": ("file", "stopped")}
        # It is not executed anew for a right that it has no use for: that would read the file once more.
        stage.grant()
        stage.wait_for_publications(3)
        log = stage.read(LOG)
        assert " CRITICAL " not in log and "setcap" not in log and "executing it anew" not in log
        assert log.count(FILE + ": reading") == 1
        # For an interface it is.
        stage.configure(BY_NAME + AND_LO)
        stage.wait_for_status(lambda s: [i["state"] for i in s["instances"]] == ["stopped", "capturing"] and samples(s) == 10)
        assert stage.read(LOG).count("executing it anew") == 1 and supervisor.state() == ("RUNNING", pid)


def test_beside_an_interface_each_says_what_is_its_own(incapable):
    stage = incapable
    with supervised(stage, BY_NAME, "capturing") as supervisor:
        pid = supervisor.state()[1]
        wait_until_read(stage, 10)
        stage.configure(BY_NAME + AND_LO)
        status = stage.wait_for_state("degraded", NO_RIGHT)
        assert [(i["interface"], i["state"]) for i in status["instances"]] == [("file", "stopped"), ("lo", "failed")]
        assert status["instances"][1]["error"].startswith(NO_RIGHT)
        assert samples(status) == 10 and stage.read(LOG).count("CRITICAL") == 1
        for python in (2, 3):
            of_file, of_lo = stage.checks(python)
            assert (of_file.status, of_file.service_status) == ("OK", "OK"), of_file
            assert (of_lo.status, of_lo.service_status) == ("ERROR", "CRITICAL") and NO_RIGHT in of_lo.service_message
        values = scrape(stage)
        assert value(values, "go_metro_up") == value(values, "go_metro_state", state="degraded") == 1
        assert value(values, "go_metro_round_trips_total", **ITS_ROW) == 10
        assert value(values, "go_metro_rtt_last_seconds", **ITS_ROW) == pytest.approx(0.03)
        assert value(values, "go_metro_capture_up", iface="lo") == 0
        assert instance_states(values) == {"0": ("file", "stopped"), "1": ("lo", "failed")}
        stage.grant()
        stage.wait_for_status(lambda s: [i["state"] for i in s["instances"]] == ["stopped", "capturing"] and samples(s) == 10)
        assert [check.service_status for check in stage.checks()] == ["OK", "OK"]
        assert supervisor.state() == ("RUNNING", pid)


def test_from_the_start_with_an_interface(incapable):
    with supervised(incapable, BY_NAME + AND_LO, "degraded"):
        status = incapable.wait_for_status(lambda s: samples(s) == 10 and s["instances"][0]["state"] == "stopped")
        assert [i["state"] for i in status["instances"]] == ["stopped", "failed"]
        assert status["helper"]["error"].startswith(NO_RIGHT)


def test_interfaces_alone_measure_nothing_as_ever(incapable):
    with supervised(incapable, "init_config: {}\ninstances:\n" + AND_LO, "failed"):
        status = incapable.wait_for_state("failed", NO_RIGHT)
        assert [i["state"] for i in status["instances"]] == ["failed"]
        assert incapable.check().service_status == "CRITICAL"
        values = scrape(incapable)
        assert value(values, "go_metro_up") == 0 and value(values, "go_metro_state", state="failed") == 1
        assert instance_states(values) == {"0": ("lo", "failed")}


def test_roots_rights_are_not_used_to_read_a_file(incapable):
    """Whoever could not become its user reads nothing: what is in a file chose somebody else."""
    stage = incapable
    passwd = stage.read("/etc/passwd")
    stage.write("/etc/passwd", "".join(line for line in passwd.splitlines(True) if not line.startswith(USER)))
    stage.configure(ONE)
    with stage.helper(user=None) as helper:
        stage.wait_for_state("failed", USER)
        time.sleep(3)  # so many looks at the file, if it took one
        assert USER in helper.err and FILE not in helper.err and stage.status()["peers"] == []
        stage.write("/etc/passwd", passwd)
        wait_until(lambda: stage.path(LOG).exists(), what="it becomes its user")
        wait_until_read(stage, 10)
