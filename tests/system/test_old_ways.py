"""The ways in which the Go program was started, spoke and ended: by its flags, in its log, with its exit statuses."""

import re
import time

import pytest

from processes import complete, wait_until
from stage import CONFIGURATION, LOG, PROGRAM, USER, Stage
from supervision import supervised

ON_LO = """
init_config: {%s}
instances:
  - interface: lo
    all_peers: true
"""
# "%Date %Time TIMEZONE | %LEVEL | (%File:%Line) |  %Msg%n"; the module stands where file and line did.
LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z0-9+-]+ \| (TRACE|DEBUG|INFO|WARN|ERROR|CRITICAL) \| \(([a-z_]+)\) \|  (.*)$")
WITHOUT_FILE = "-cfg=/etc/dd-agent/conf.d/none.yaml"


def test_without_a_configuration_it_waits_and_ends_well(stage):
    """supervisord takes an end within two seconds for a failure, whatever the status."""
    started = time.monotonic()
    result = complete(stage.enter(PROGRAM, WITHOUT_FILE, user=USER), timeout=30)
    assert result.returncode == 0
    assert 4 < time.monotonic() - started < 15
    assert "not enabled" in result.stderr


@pytest.mark.parametrize("arguments", [["-x"], ["-cfg"], ["-st=maybe"], ["-st", "false"], ["-cfg=a", "b"], ["reed"]])
def test_wrong_usage_is_said_at_once(stage, arguments):
    result = complete(stage.enter(PROGRAM, *arguments, user=USER), timeout=30)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1 and result.stdout == ""


OTHER_LOG = "/var/log/datadog/other.log"


# Behind the -cfg of the stock entry; the last of two counts.
@pytest.mark.parametrize("flags", ["-cfg %s -log %s" % (CONFIGURATION, OTHER_LOG),
                                   '--cfg %s --log=%s -st=false --f="tcp port 80"' % (CONFIGURATION, OTHER_LOG),
                                   "-st -f tcp -cfg=%s -log=%s" % (CONFIGURATION, OTHER_LOG)])
def test_the_old_flags(stage, flags):
    with supervised(stage, ON_LO % "", arguments=" " + flags):
        log = stage.read(OTHER_LOG)
        assert "%s is in force" % CONFIGURATION in log and ("-st has no effect" in log) == ("-st" in flags)
        assert stage.read(LOG) == ""


def lines_of(text):
    found = [LINE.match(line) for line in text.splitlines()]
    assert all(found), text
    return [match.groups() for match in found]


def test_lines_have_the_old_form(stage):
    with supervised(stage, ON_LO % "log_level: debug"):
        lines = lines_of(stage.read(LOG))
    assert ("INFO", "tap") in {line[:2] for line in lines}
    assert re.match(r"go-metro \S+ starts, pid \d+$", lines[0][2])


# What a level is to let through: a window (DEBUG), the start (INFO), a key that nobody knows (WARN), a capture file that is not there
# (ERROR), no right to capture (CRITICAL). Nothing is as detailed as TRACE.
LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"]
ALL_KINDS = {
    "DEBUG": ("roster_window", "lo: a window opens"),
    "INFO": ("monitor", "go-metro "),
    "WARN": ("config", "nobody_knows"),
    "ERROR": ("replay", "no such file"),
    "CRITICAL": ("monitor", "no right to capture"),
}
OF_ALL_KINDS = """
init_config: {%s, nobody_knows: 1}
instances:
  - {interface: lo, all_peers: true, sample: true, sample_duration: 1, sample_interval: 1}
  - {interface: file, pcap: /none.pcap, all_peers: true}
"""
# `error` and `critical` meant `warning` to the old program, and a word that is none still does.
WORDS = {"trace": "TRACE", "debug": "DEBUG", "info": "INFO", "warn": "WARN", "warning": "WARN", "WARN": "WARN", "error": "ERROR",
         "err": "ERROR", "critical": "CRITICAL", "crit": "CRITICAL", "verbose": "WARN"}


def shown(stage):
    """By level, the lines that are in the log."""
    found = {}
    for level, module, text in lines_of(stage.read(LOG)):
        found.setdefault(level, []).append((module, text))
    return found


def assert_shows(stage, level):
    """All lines of that level and above, and no other."""
    found = shown(stage)
    assert set(found) == set(LEVELS[LEVELS.index(level):]) & set(ALL_KINDS), stage.read(LOG)
    for kind in found:
        module, text = ALL_KINDS[kind]
        assert any(where == module and text in what for where, what in found[kind]), (kind, found[kind])


@pytest.mark.parametrize("word", list(WORDS) + [None])
def test_a_level_is_what_it_says(word):
    with Stage(capable=False) as stage:
        with supervised(stage, OF_ALL_KINDS % ("log_to_file: true" if word is None else 'log_level: "%s"' % word), "failed"):
            stage.wait_for_status(lambda s: s["instances"][0]["sample_open_s"] > 0)  # it opened, and was logged if it is at all
        assert_shows(stage, "INFO" if word is None else WORDS[word])
        assert ("is not a level" in stage.read(LOG)) == (word == "verbose"), "a word that is none is told of"


def test_another_level_while_it_runs(stage):
    """For what is logged from then on."""
    with supervised(stage, ON_LO % "log_level: critical") as supervisor:
        assert stage.read(LOG) == ""
        stage.configure(ON_LO % "log_level: info")
        wait_until(lambda: "is in force" in stage.read(LOG), what=lambda: stage.read(LOG))
        stage.configure(ON_LO % "log_level: err")
        # What it says when it is told to read again is said before it has read.
        wait_until(lambda: stage.read(LOG).count("reading " + CONFIGURATION) == 1, what=lambda: stage.read(LOG))
        stage.wait_for_publications(2)
        log = stage.read(LOG)
        stage.kill("HUP", supervisor.state()[1])
        stage.wait_for_publications(2)
        assert stage.read(LOG) == log and {line[0] for line in lines_of(log)} == {"INFO"}


@pytest.mark.parametrize("value", ["false", "no", "n"])
def test_the_log_can_go_to_standard_output(stage, value):
    """Which the stock entry of supervisord throws away: here it is looked at."""
    stage.configure(ON_LO % ("log_to_file: " + value))
    with stage.helper() as helper:
        stage.wait_for_state("capturing")
        helper.wait_for_output("lo: capturing")
        lines_of(helper.out)
        assert stage.read(LOG) == ""


def test_rotation(stage):
    """At 100,000 bytes; five old files, of which the oldest goes."""
    stage.script('head -c 99900 /dev/zero | tr "\\0" x >"$1"; echo >>"$1"; for n in 1 2 3 4 5; do echo "old $n" >"$1.$n"; done; '
                 'chown dd-agent: "$1" "$1".?', LOG)
    with supervised(stage, ON_LO % ""):
        wait_until(lambda: len(stage.read(LOG + ".1")) > 99900, what="rotation")
        assert len(stage.read(LOG + ".1")) <= 100000
        assert "lo: capturing" in stage.read(LOG)
        assert [stage.read("%s.%d" % (LOG, n)) for n in range(2, 7)] == ["old %d\n" % n for n in range(1, 5)] + [""]
        assert stage.run("stat", "-c", "%a %U", LOG).split() == ["640", USER]
        lines_of(stage.read(LOG))
