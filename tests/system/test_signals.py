"""What the signals do, and what is left of the privileges."""

import signal

import pytest

from processes import PYTHON3, SYSTEM, HarnessError, wait_until
from stage import LOG, PROGRAM

CONFIGURATION = """
init_config: {}
instances:
  - interface: lo
    all_peers: true
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_stops_on_request(stage, number):
    stage.configure(CONFIGURATION)
    with stage.helper() as helper:
        stage.wait_for_state("capturing")
        helper.signal(number)
        assert helper.wait() == 0
    assert stage.status()["helper"]["state"] == "stopped"
    assert "%s: stopping" % number.name in stage.read(LOG)


def test_sighup_reads_the_configuration_again(stage):
    stage.configure(CONFIGURATION)
    with stage.helper() as helper:
        before = stage.wait_for_state("capturing")["helper"]["pid"]
        stage.write("/etc/dd-agent/conf.d/go-metro.yaml", CONFIGURATION + "  - interface: any\n    all_peers: true\n")
        helper.signal(signal.SIGHUP)
        status = stage.wait_for_status(lambda s: [i["interface"] for i in s["instances"]] == ["lo", "any"])
        assert status["helper"]["pid"] == before
        # That the file had changed was seen anyway, sooner or later.
        wait_for_sighup(stage, 1)


def wait_for_sighup(stage, times):
    wait_until(lambda: stage.read(LOG).count("SIGHUP: reading") == times, what=lambda: "SIGHUP in the log: " + stage.read(LOG))


def test_sighup_keeps_flows_and_rows(stage):
    """A connection that is open all the time is the same flow before and after, and is measured on."""
    stage.configure(CONFIGURATION)
    traffic = [PYTHON3, SYSTEM / "traffic.py"]
    with stage.helper() as helper, stage.start(*traffic, "server", "127.0.0.1", 5000) as server:
        server.wait_for_output("ready")
        stage.wait_for_state("capturing")
        with stage.start(*traffic, "client", "127.0.0.1", 5000, "--count", 0, "--interval", 0.02):
            before = wait_for_samples(stage, 20)
            for times in (1, 2):
                helper.signal(signal.SIGHUP)
                wait_for_sighup(stage, times)
                after = wait_for_samples(stage, before["peers"][0]["samples"] + 40)
                for of, keys in (("instances", ("flows", "open_flows")), ("peers", ("flows", "handshake_samples"))):
                    assert [[x[key] for key in keys] for x in after[of]] == [[x[key] for key in keys] for x in before[of]]
                before = after


def wait_for_samples(stage, count):
    return stage.wait_for_status(lambda s: s["peers"] and s["peers"][0]["samples"] >= count, what="%d samples" % count)


def test_sigusr1_opens_the_log_anew(stage):
    stage.configure(CONFIGURATION)
    with stage.helper() as helper:
        stage.wait_for_state("capturing")
        stage.run("mv", LOG, LOG + ".moved")
        helper.signal(signal.SIGUSR1)
        wait_until(lambda: "SIGUSR1" in stage.read(LOG), what="the new log")
        assert "SIGUSR1" not in stage.read(LOG + ".moved")


@pytest.mark.parametrize("user", ["dd-agent", None], ids=["with the file capability", "started by root"])
def test_no_right_is_left(stage, user):
    """Not root; nothing effective in any thread; CAP_NET_RAW (13) alone permitted, in one thread alone; no_new_privs."""
    stage.configure(CONFIGURATION)
    if user is None:
        stage.run("setcap", "-r", PROGRAM)
    with stage.helper(user=user):
        pid = stage.wait_for_state("capturing")["helper"]["pid"]
        threads = stage.run("sh", "-c", "cat /proc/%d/task/*/status" % pid)
        fields = [line.split(":\t") for line in threads.splitlines()]
        values = {}
        for name, value in (field for field in fields if len(field) == 2):
            values.setdefault(name, []).append(value.split())
        assert all(uid == ["64999"] * 4 for uid in values["Uid"] + values["Gid"])
        for name in ("CapEff", "CapInh", "CapAmb"):
            assert all(int(value[0], 16) == 0 for value in values[name]), name
        assert sorted(int(value[0], 16) for value in values["CapPrm"])[-2:] == [0, 1 << 13]
        assert all(value == ["1"] for value in values["NoNewPrivs"])
        sockets = stage.run("cat", "/proc/%d/net/packet" % pid).splitlines()[1:]
        assert len(sockets) == 1, "one packet socket for the one interface, and none opened to try"


def test_help_and_wrong_usage(stage):
    assert "go-metro" in stage.run(PROGRAM, "version")
    with pytest.raises(HarnessError, match="exit status 2"):
        stage.run(PROGRAM, "-no-such-flag")
