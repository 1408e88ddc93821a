"""The configuration becomes another one while a connection goes on: a right one takes nothing from it, a wrong one changes nothing."""

import time

import pytest

from conversation import conversation, rows_to
from processes import wait_until
from stage import CONFIGURATION as PATH
from stage import LOG
from supervision import supervised

PEER = "127.4.0.1"
INIT = "init_config: {resolve_names: false%s}\ninstances:\n"
INSTANCE = "  - {interface: lo, ips: [127.4.0.1%s], tags: [%s]}\n"
FIRST = INIT % "" + INSTANCE % (", 127.4.0.2", "n:1")
# What the Agent's collector has read, which reads its file only when it is started.
COLLECTORS = "/etc/dd-agent/conf.d/collectors.yaml"

RIGHT = {
    "another instance on it": FIRST + "  - {interface: lo, ips: [127.9.0.0/24], tags: [n:2]}\n",
    "another instance in front": INIT % "" + "  - {interface: lo, ips: [127.9.0.0/24]}\n" + INSTANCE % (", 127.4.0.2", "n:1"),
    "another interface": FIRST + "  - {interface: any, ips: [127.9.0.0/24]}\n",
    "one that is not there": FIRST + "  - {interface: gm0, ips: [127.9.0.0/24]}\n",
    "other tags": INIT % "" + INSTANCE % (", 127.4.0.2", "n:3, more:tags"),
    "one of two entries removed": INIT % "" + INSTANCE % ("", "n:1"),
    "many entries added": INIT % "" + INSTANCE % ("".join(", 127.5.%d.1" % n for n in range(200)), "n:1"),
    "a block in place of the address": INIT % "" + "  - {interface: lo, ips: [127.4.0.0/16], tags: [n:1]}\n",
    "other settings": INIT % ", resolve_interval: 7, extended_metrics: true, log_level: debug" + INSTANCE % ("", "n:1"),
}
# And where the helper says the mistake is.
WRONG = {
    "a value": (FIRST + "    group_by: planet\n", "go-metro.yaml:"),
    "a number": (FIRST.replace("resolve_names: false", "max_flows: -1"), "max_flows"),
    "syntax": (FIRST + "  - [\n", "go-metro.yaml:"),
    "no instances": ("init_config: {}\ninstances:\n", "instances"),
    "nothing": ("", "go-metro.yaml"),
    "an address": (FIRST.replace("127.4.0.2", "[127.4.0.2]"), "'ips'"),
}


def in_force(stage):
    return stage.read(LOG).count("is in force:")


def reload(stage, supervisor, text):
    """By a SIGHUP right behind the change, before or after the helper sees that itself."""
    before = stage.read(LOG).count("reading " + PATH)
    stage.configure(text)
    stage.kill("HUP", supervisor.state()[1])
    wait_until(lambda: stage.read(LOG).count("reading " + PATH) > before, what=lambda: stage.read(LOG))


def test_a_right_one_keeps_captures_and_flows(stage):
    with supervised(stage, FIRST) as supervisor, conversation(stage, stage, PEER, interval=0.002) as talk:
        stage.wait_for_status(lambda s: s["peers"] and s["peers"][0]["samples"] > 20)
        for name, text in RIGHT.items():
            before = in_force(stage)
            reload(stage, supervisor, text)
            wait_until(lambda count=before: in_force(stage) > count, what=lambda what=name: what + stage.read(LOG))
            stage.wait_for_publications(2)
            row, = rows_to(stage, PEER)
            assert (row["flows"], row["handshake_samples"]) == (1, 1), name
        talk.wait_until_all_is_measured(lambda: rows_to(stage, PEER))
        row, = rows_to(stage, PEER)
        assert (row["flows"], row["handshake_samples"]) == (1, 1)
        log = stage.read(LOG)
        assert log.count("lo: capturing with a ring") == 1, "it was opened once"
        assert "begin anew" not in log and stage.status()["instances"][0]["dropped"] == 0


def test_a_connection_is_shown_by_whatever_names_its_peer_now(stage):
    """Under a host's name, by its address, in a block: what goes on is never measured for a row that nobody sees."""
    stage.write("/etc/hosts", "127.0.0.1 localhost\n%s db.example\n" % PEER)
    by = {"db.example": "hosts: [db.example]", PEER: "ips: [%s]" % PEER, "block": "ips: [127.4.0.0/24]"}
    texts = {name: INIT % "" + "  - {interface: lo, %s}\n" % whom for name, whom in by.items()}
    with supervised(stage, texts["db.example"]) as supervisor, conversation(stage, stage, PEER):
        for name, dst in (("db.example", "db.example"), (PEER, PEER), ("db.example", "db.example"), ("block", PEER)):
            before = in_force(stage)
            reload(stage, supervisor, texts[name])
            wait_until(lambda count=before: in_force(stage) > count, what=lambda: stage.read(LOG))
            seen = sum(row["samples"] for row in rows_to(stage, dst))
            wait_until(lambda n=seen, to=dst: sum(row["samples"] for row in rows_to(stage, to)) > n + 20,
                       what=lambda what=name: "%s: %s" % (what, stage.status()))
            assert stage.status()["instances"][0]["open_flows"] == 1


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_one_leaves_the_old_one_in_force_and_says_so(stage, name):
    text, where = WRONG[name]
    stage.write(COLLECTORS, FIRST)
    with supervised(stage, FIRST) as supervisor, conversation(stage, stage, PEER) as talk:
        stage.wait_for_status(lambda s: s["peers"] and s["peers"][0]["samples"] > 5)
        before = in_force(stage)
        reload(stage, supervisor, text)
        status = stage.wait_for_state("degraded", where)
        assert [i["state"] for i in status["instances"]] == ["capturing"]
        assert in_force(stage) == before and where in stage.read(LOG)
        for python in (2, 3):
            check = stage.check(python, COLLECTORS)
            assert (check.status, check.service_status) == ("WARNING", "WARNING"), check
            assert where in check.service_message and check.warnings == [check.service_message]
            assert check.gauges(dst=PEER, n="1"), "it is measured by the old one"
        reload(stage, supervisor, FIRST)
        status = stage.wait_for_state("capturing")
        assert status["helper"]["error"] == ""
        assert stage.check(configuration=COLLECTORS).status == "OK"
        talk.wait_until_all_is_measured(lambda: rows_to(stage, PEER))
        assert rows_to(stage, PEER)[0]["flows"] == 1


def test_one_that_may_not_be_read_leaves_it_in_force(stage):
    stage.write(COLLECTORS, FIRST)
    with supervised(stage, FIRST) as supervisor, conversation(stage, stage, PEER) as talk:
        stage.wait_for_status(lambda s: s["peers"] and s["peers"][0]["samples"] > 5)
        stage.run("chmod", "600", PATH)
        stage.kill("HUP", supervisor.state()[1])
        stage.wait_for_state("degraded", "cannot be read: Permission denied")
        check = stage.check(configuration=COLLECTORS)
        assert check.status == "WARNING" and "cannot be read" in check.service_message and check.gauges(dst=PEER)
        stage.run("chmod", "644", PATH)
        stage.wait_for_state("capturing")
        talk.wait_until_all_is_measured(lambda: rows_to(stage, PEER))


def replace(stage, text):
    """By a rename, of the same time and size: the new one is told by being another."""
    stage.write(PATH + ".other", text)
    stage.script('touch -r "$1" "$1.other"; mv "$1.other" "$1"', PATH)


def overwrite(stage, text):
    """In place, by one write of the same size."""
    with open(stage.path(PATH), "r+", encoding="ascii") as file:
        file.write(text)


def births(stage):
    return [row["birth"] for row in stage.segment()["rows"]]


def test_a_file_that_is_written_in_pieces_is_read_when_it_is_whole(stage):
    """What is there meanwhile is right as well, and would end what the rest of it names."""
    other = "127.4.0.2"
    rest = "  - {interface: lo, ips: [%s]}\n" % other
    with supervised(stage, INIT % "" + INSTANCE % ("", "n:1") + rest), \
            conversation(stage, stage, PEER), conversation(stage, stage, other, 5001) as talk:
        stage.wait_for_status(lambda s: len(s["peers"]) == 2)
        before = in_force(stage)
        with open(stage.path(PATH), "w", encoding="ascii") as file:
            file.write(INIT % "" + INSTANCE % ("", "n:2"))
            file.flush()
            time.sleep(1.5)
            file.write(rest)
        wait_until(lambda: in_force(stage) > before, what=lambda: stage.read(LOG))
        assert in_force(stage) == before + 1
        talk.wait_until_all_is_measured(lambda: rows_to(stage, other))
        assert [row["flows"] for row in rows_to(stage, other)] == [1]


@pytest.mark.parametrize("change", [replace, overwrite])
def test_a_file_that_changes_is_enough(stage, change):
    """Nobody sends a signal. What is measured goes on: the same connection, its rows and counters, each of its round trips."""
    second = FIRST.replace("n:1", "n:2")
    assert len(second) == len(FIRST)
    with supervised(stage, FIRST) as supervisor, conversation(stage, stage, PEER, interval=0.002) as talk:
        pid = supervisor.state()[1]
        status = stage.wait_for_status(lambda s: s["peers"] and s["peers"][0]["samples"] > 50)
        born = births(stage)
        for number, text in enumerate((second, FIRST.replace("n:1", "n:3"), second), 2):
            change(stage, text)
            wait_until(lambda count=number: in_force(stage) == count, what=lambda: stage.read(LOG))
            before, status = status, stage.wait_for_status(
                lambda s, n=status["peers"][0]["samples"]: s["peers"] and s["peers"][0]["samples"] > n + 50)
            was, now = before["instances"][0], status["instances"][0]
            assert now["received"] > was["received"] and (now["flows"], now["open_flows"]) == (was["flows"], 1)
            row, = rows_to(stage, PEER)
            assert (row["flows"], row["handshake_samples"]) == (1, 1) and births(stage) == born
        for python in (2, 3):
            check = stage.check(python)
            assert check.status == "OK" and {"n:2", "dst:" + PEER} <= check.tags(dst=PEER), check
        # A wrong one changes nothing but what is said.
        stage.write(COLLECTORS, second)
        change(stage, FIRST.replace("interface: lo", "interface: .."))
        status = stage.wait_for_state("degraded", ".. cannot be an interface")
        assert [i["state"] for i in status["instances"]] == ["capturing"] and in_force(stage) == 4
        seen = rows_to(stage, PEER)[0]["samples"]
        stage.wait_for_status(lambda s: s["peers"][0]["samples"] > seen + 50, what="it is measured by the old one")
        check = stage.check(configuration=COLLECTORS)
        assert check.status == "WARNING" and ".. cannot be an interface" in check.service_message and check.gauges(dst=PEER, n="2")
        change(stage, second)
        assert stage.wait_for_state("capturing")["helper"]["error"] == ""
        talk.wait_until_all_is_measured(lambda: rows_to(stage, PEER))
        row, = rows_to(stage, PEER)
        assert (row["flows"], row["handshake_samples"]) == (1, 1) and births(stage) == born
        instance, = stage.status()["instances"]
        assert (instance["flows"], instance["dropped"]) == (1, 0)
        log = stage.read(LOG)
        assert "SIGHUP" not in log and log.count("lo: capturing with a ring") == 1
        assert log.count("the configuration file changed: reading") == 5
        assert supervisor.state() == ("RUNNING", pid)
