"""Under a real supervisord, with the program entry that users have: killed, doubled, stopped."""

import configparser
import signal

import pytest

from processes import HarnessError, wait_until
from stage import LOG, PROGRAM, SEGMENT, USER
from supervision import SHIPPED, Supervisor

CONFIGURATION = """
init_config: {}
instances:
  - interface: lo
    all_peers: true
"""


# Since 5.27 the Agent's bin/go-metro is a wrapper and go-metro.bin the program.
WRAPPER = """#!/bin/sh
exec %s.bin "$@"
""" % PROGRAM


# What the Agent's own supervisor.conf says of the program: users have this, whatever we ship.
STOCK = {
    "command": '/opt/datadog-agent/bin/go-metro -cfg="/etc/dd-agent/conf.d/go-metro.yaml"', "stdout_logfile": "NONE",
    "redirect_stderr": "true", "startsecs": "2", "startretries": "2", "user": "dd-agent",
}


def test_the_shipped_entry_is_the_stock_one():
    shipped = configparser.RawConfigParser(comment_prefixes=(";",))
    shipped.read(SHIPPED, encoding="ascii")
    assert shipped.sections() == ["program:go-metro"]
    entry = dict(shipped["program:go-metro"])
    entry.pop("priority")  # of no effect in a group
    assert entry == STOCK


def wait_for_check(stage, status, text="", timeout=30):
    """The check's first run with this service check status and this in its message."""
    seen = {}

    def look():
        seen["last"] = check = stage.check()
        return check if check.service_status == status and text in check.service_message else None

    return wait_until(look, timeout, lambda: "%s %r; last: %s\n%s" % (status, text, seen["last"], stage.read(LOG)))


def kill_and_look(stage, supervisor, pid):
    """supervisord starts it again within milliseconds: it is stopped meanwhile, so that the check has the time to notice."""
    supervisor.signal(signal.SIGSTOP)
    stage.kill("KILL", pid)
    check = wait_for_check(stage, "CRITICAL", "published nothing")
    supervisor.signal(signal.SIGCONT)
    assert "its process is gone" in check.service_message, "the cause"
    assert "restart the Agent" in check.service_message, "the cure"
    assert check.status == "ERROR" and check.service_message == check.error
    assert check.gauges() == {}, "no value while nothing is measured"


def test_what_the_tests_start_is_supervised(stage):
    """As users have it, but that what it says is kept: signals are for the helper, and what supervisord starts anew is another one."""
    stage.configure(CONFIGURATION)
    with stage.helper() as helper:
        pid = stage.wait_for_state("capturing")["helper"]["pid"]
        assert helper.supervisor.wait_for("RUNNING") == pid and helper.alive()
        helper.signal(signal.SIGKILL)
        assert helper.wait() == -signal.SIGKILL and not helper.alive()
        stage.wait_for_status(lambda s: s["helper"]["pid"] != pid and s["helper"]["state"] == "capturing")
    with stage.helper() as helper:
        stage.wait_for_state("capturing")
        assert helper.stop() == 0 and not helper.alive()
        assert stage.status()["helper"]["state"] == "stopped"


def test_killed_three_times(stage):
    stage.configure(CONFIGURATION)
    with Supervisor(stage) as supervisor:
        pid = supervisor.wait_for("RUNNING")
        wait_for_check(stage, "OK")
        for _ in range(3):
            kill_and_look(stage, supervisor, pid)
            pid = supervisor.wait_for("RUNNING", other_than=pid)
            wait_for_check(stage, "OK")


def test_three_kills_at_once_made_good(stage):
    stage.configure(CONFIGURATION)
    with Supervisor(stage) as supervisor:
        pid = supervisor.wait_for("RUNNING")
        for _ in range(3):
            stage.kill("KILL", pid)
            again = supervisor.wait_for("RUNNING", other_than=pid)
            # The pid is of the stage's process namespace, the helper's own.
            stage.wait_for_status(lambda s, p=again: s["helper"].get("pid") == p and s["helper"]["state"] == "capturing")
            assert stage.check().service_status == "OK"
            pid = again


def test_under_the_agents_wrapper(stage):
    stage.configure(CONFIGURATION)
    stage.run("mv", PROGRAM, PROGRAM + ".bin")
    stage.write(PROGRAM, WRAPPER)
    stage.run("chmod", "755", PROGRAM)
    with Supervisor(stage) as supervisor:
        pid = supervisor.wait_for("RUNNING")
        wait_for_check(stage, "OK")
        stage.kill("KILL", pid)
        supervisor.wait_for("RUNNING", other_than=pid)
        wait_for_check(stage, "OK")


def test_a_helper_that_hangs_is_named(stage):
    stage.configure(CONFIGURATION)
    with Supervisor(stage) as supervisor:
        pid = supervisor.wait_for("RUNNING")
        wait_for_check(stage, "OK")
        stage.kill("STOP", pid)
        wait_for_check(stage, "CRITICAL", "its process is still there but does not get on")
        stage.kill("CONT", pid)
        wait_for_check(stage, "OK")


def test_stop_leaves_last_words(stage):
    stage.configure(CONFIGURATION)
    with Supervisor(stage) as supervisor:
        supervisor.wait_for("RUNNING")
        stage.wait_for_state("capturing")
        supervisor.control("stop", "datadog-agent:go-metro")
        assert supervisor.state()[0] == "STOPPED"
        assert stage.status()["helper"]["state"] == "stopped"
        wait_for_check(stage, "CRITICAL", "was stopped")


def test_not_enabled_is_no_failure(stage):
    with Supervisor(stage) as supervisor:
        supervisor.wait_for("EXITED")
        assert stage.run("sh", "-c", "ls /dev/shm") == "", "nothing was published"


def test_two_at_once_one_publishes_and_one_waits(stage):
    stage.configure(CONFIGURATION)
    with stage.start(PROGRAM, "-cfg=/etc/dd-agent/conf.d/go-metro.yaml", "-log=/var/log/datadog/one.log", user=USER) as one, \
            stage.start(PROGRAM, "-cfg=/etc/dd-agent/conf.d/go-metro.yaml", "-log=/var/log/datadog/two.log", user=USER) as two:
        stage.wait_for_state("capturing")
        publisher = stage.status()["helper"]["pid"]
        logs = ["/var/log/datadog/one.log", "/var/log/datadog/two.log"]
        held = "another go-metro, pid %d, has it" % publisher
        waiting = wait_until(lambda: [path for path in logs if held in stage.read(path)],
                             what=lambda: "one waits: %s" % [stage.read(path) for path in logs])
        assert len(waiting) == 1, "only one of them waits"
        file = stage.run("stat", "-c", "%i", SEGMENT)
        stage.wait_for_publications(3)  # by then the other one has tried as often
        assert stage.read(waiting[0]).count(held) == 1, "it says so once"
        assert stage.run("stat", "-c", "%i", SEGMENT) == file, "and leaves the segment alone"
        # The one that waits takes over when the other ends.
        stage.kill("TERM", publisher)
        stage.wait_for_status(lambda s: s["helper"]["state"] == "capturing" and s["helper"]["pid"] != publisher)
        assert [one.alive(), two.alive()].count(True) == 1


def test_a_second_one_on_a_terminal_says_so_and_ends(stage):
    stage.configure(CONFIGURATION)
    with stage.helper():
        stage.wait_for_state("capturing")
        publisher = stage.status()["helper"]["pid"]
        # `script` gives it a terminal.
        with pytest.raises(HarnessError) as failure:
            stage.run("script", "-qec", PROGRAM + " -cfg=/etc/dd-agent/conf.d/go-metro.yaml", "/dev/null", user=USER, timeout=20)
        assert "exit status 1" in str(failure.value)
        assert "pid %d" % publisher in str(failure.value)
