"""The ways in which the Go program was started, spoke and ended: by its flags, in its log, with its exit statuses."""

import re
import time

import pytest

from processes import complete, wait_until
from stage import CONFIGURATION, LOG, PROGRAM, USER

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


@pytest.mark.parametrize("flags", [["-cfg", CONFIGURATION, "-log", "/var/log/datadog/other.log"],
                                   ["--cfg", CONFIGURATION, "--log=/var/log/datadog/other.log", "-st=false", "--f=tcp port 80"],
                                   ["-st", "-f", "tcp", "-cfg=" + CONFIGURATION, "-log=/var/log/datadog/other.log"]])
def test_the_old_flags(stage, flags):
    stage.configure(ON_LO % "")
    with stage.start(PROGRAM, *flags, user=USER):
        stage.wait_for_state("capturing")
        log = stage.read("/var/log/datadog/other.log")
        assert ("-st has no effect" in log) == any(flag.startswith("-st") for flag in flags)
        assert stage.read(LOG) == ""


def lines_of(text):
    found = [LINE.match(line) for line in text.splitlines()]
    assert all(found), text
    return [match.groups() for match in found]


def test_lines_have_the_old_form(stage):
    stage.configure(ON_LO % "log_level: debug")
    with stage.helper():
        stage.wait_for_state("capturing")
        lines = lines_of(stage.read(LOG))
    assert ("INFO", "tap") in {line[:2] for line in lines}
    assert re.match(r"go-metro \S+ starts, pid \d+$", lines[0][2])


# What of three lines, one of each level, is in the log. `error` and `critical` meant `warning` to the old program.
@pytest.mark.parametrize("level, shown", [("info", "INFO WARN"), ("trace", "INFO WARN"), ("WARN", "WARN"), ("warning", "WARN"),
                                          ("error", ""), ("err", ""), ("critical", ""), ("crit", ""), ("verbose", "WARN")])
def test_a_level_is_what_it_says(stage, level, shown):
    stage.configure(ON_LO % ("log_level: %s, nobody_knows: 1" % level))
    with stage.helper():
        stage.wait_for_state("capturing")
        assert sorted({line[0] for line in lines_of(stage.read(LOG))}) == shown.split()


@pytest.mark.parametrize("value", ["false", "no", "n"])
def test_the_log_can_go_to_standard_output(stage, value):
    stage.configure(ON_LO % ("log_to_file: " + value))
    with stage.helper() as helper:
        stage.wait_for_state("capturing")
        helper.wait_for_output("lo: capturing")
        lines_of(helper.out)
        assert stage.read(LOG) == ""


def test_rotation(stage):
    """At 100,000 bytes; five old files."""
    stage.configure(ON_LO % "")
    stage.script('head -c 99900 /dev/zero | tr "\\0" x >"$1"; echo >>"$1"; chown dd-agent: "$1"', LOG)
    with stage.helper():
        stage.wait_for_state("capturing")
        wait_until(lambda: len(stage.read(LOG + ".1")) > 99900, what="rotation")
        assert len(stage.read(LOG + ".1")) <= 100000
        assert "lo: capturing" in stage.read(LOG)
        assert stage.run("stat", "-c", "%a %U", LOG).split() == ["640", USER]
