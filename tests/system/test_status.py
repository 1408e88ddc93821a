"""`go-metro status` in its three forms, which say the same: for people, as JSON, and as Prometheus text that the official parser takes
and that obeys its conventions."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conversation import call, conversation, rows_to
from processes import BUILD, REPOSITORY, complete, wait_until
from stage import CONFIGURATION as FILE_PATH, PROGRAM, SEGMENT, USER
from supervision import supervised
from test_file import ONE, put, trips
from test_names import name_server, use_name_server
from test_read import PEER

sys.path.insert(0, str(REPOSITORY / "tests" / "python"))
from segment_builder import Instance, Segment  # noqa: E402

DOCUMENT = REPOSITORY / "docs" / "prometheus.md"
# A device may be called nearly anything; a label's value must not end early for it.
ODD = 'q"x\\y{z'
CONFIGURATION = """
init_config: {resolve_names: false}
instances:
  - {interface: lo, ips: [127.0.0.0/8]}
  - {interface: lo, ips: [127.1.0.1], group_by: peer_port, tags: [n:2]}
  - {interface: 'q"x\\y{z', all_peers: true}
"""
NAME = re.compile(r"^go_metro_[a-z][a-z0-9_]*$")
SERIES = re.compile(r'^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\\\|\\"|\\n)*",?)*\})? (\S+)$')


def scrape(stage, status=0):
    """What the text says: the value by (name, labels). It is what the parser of the Prometheus project makes of it, and what the
    conventions ask for: https://prometheus.io/docs/practices/naming and the exposition format 0.0.4."""
    result = complete(stage.enter(PROGRAM, "status", "--prometheus"))
    assert result.returncode == status, result.stderr
    text = result.stdout
    assert text.endswith("\n")
    values, seen, lines = {}, set(), text.splitlines()
    for family in text_string_to_metric_families(text):
        assert family.documentation.endswith(".") and family.type in ("gauge", "counter", "summary"), family
        for sample in family.samples:
            name, labels, value = sample[:3]
            key = name, frozenset(labels.items())
            assert key not in values, "two series of the same labels: %s" % sample
            values[key] = value
            check_name(name, family.type)
    for number, line in enumerate(lines):
        if line.startswith("# HELP"):
            name = line.split()[2]
            assert name not in seen, "a name is described once and its series stand together"
            assert lines[number + 1].startswith("# TYPE %s " % name)
            seen.add(name)
            current = name
        elif not line.startswith("#"):
            match = SERIES.match(line)
            assert match and re.sub("_(sum|count)$", "", match.group(1)) == current, line
    assert len(values) == sum(not line.startswith("#") for line in lines), "the parser has taken every line"
    return values


def check_name(name, kind):
    assert NAME.match(name) and not re.search("_(ms|us|ns|milliseconds)(_|$)", name), "base units only"
    assert name.endswith("_total") == (kind == "counter"), name
    if kind == "summary":
        assert name.endswith(("_seconds_sum", "_seconds_count")), name


def value(values, name, **labels):
    return values.get((name, frozenset(labels.items())))


@pytest.fixture
def measuring(stage):
    """A stage with traffic on the loopback, and an interface of an odd name."""
    stage.run("ip", "link", "add", ODD, "type", "veth", "peer", "name", "gm1")
    stage.run("ip", "link", "set", ODD, "up")
    stage.run("ip", "link", "set", "gm1", "up")
    with supervised(stage, CONFIGURATION) as supervisor:
        call(stage, *["127.1.0.1"] * 3, "127.1.0.2")
        stage.wait_for_status(lambda s: sum(p["samples"] for p in s["peers"]) >= 22)
        stage.wait_for_publications(2)
        yield stage, supervisor


def test_the_forms_agree(measuring):
    stage, _ = measuring
    values, status, people = scrape(stage), stage.status(), stage.run(PROGRAM, "status")
    assert value(values, "go_metro_up") == 1 and value(values, "go_metro_build_info", version=status["helper"]["version"]) == 1
    states = {dict(labels)["state"]: at for (name, labels), at in values.items() if name == "go_metro_state"}
    assert states == {"starting": 0, "capturing": 1, "degraded": 0, "failed": 0, "stopped": 0, "stale": 0}
    assert 0 < value(values, "go_metro_published_time_seconds") - value(values, "go_metro_start_time_seconds") < 3600
    rows = [row for row in status["peers"] if row["dst"] == "127.1.0.2"]
    assert len(rows) == 1
    labels = {"iface": "lo", "index": "0", "src": "127.0.0.1", "dst": "127.1.0.2"}
    assert value(values, "go_metro_rtt_seconds_count", **labels) == rows[0]["samples"] == 2
    for ours, theirs in (("last", "last"), ("smoothed", "avg"), ("jitter", "jitter"), ("min", "min"), ("max", "max")):
        assert value(values, "go_metro_rtt_%s_seconds" % ours, **labels) == pytest.approx(rows[0]["rtt_ms"][theirs] / 1e3)
    assert value(values, "go_metro_rtt_seconds_sum", **labels) == pytest.approx(2 * rows[0]["rtt_ms"]["mean"] / 1e3, abs=1e-8)
    # Ports are other series; of two instances on an interface its packets are counted once.
    ports = [dict(labels)["dst_port"] for name, labels in values if name == "go_metro_flows_total" and "dst_port" in dict(labels)]
    assert len(ports) == 3
    lo = [i for i in status["instances"] if i["interface"] == "lo"]
    assert value(values, "go_metro_packets_total", iface="lo") == lo[0]["received"] == lo[1]["received"] > 0
    for instance in lo:
        assert value(values, "go_metro_open_flows", iface="lo", index=str(instance["index"])) == instance["open_flows"]
    assert value(values, "go_metro_capture_up", iface="lo") == value(values, "go_metro_capture_up", iface=ODD) == 1
    # People see the same: the state, each interface, each peer.
    assert re.match(r"go-metro \S+, pid \d+: capturing \(published \d+\.\d s ago\)\n", people)
    assert "%s: capturing\n" % ODD in people and re.search(r"\b127\.0\.0\.1 +127\.1\.0\.2 +2 ", people), people


def test_what_is_not_up(measuring):
    stage, supervisor = measuring
    stage.run("ip", "link", "set", ODD, "down")
    stage.wait_for_state("degraded")
    values = scrape(stage)
    assert value(values, "go_metro_up") == 1 and value(values, "go_metro_state", state="degraded") == 1
    assert value(values, "go_metro_capture_up", iface=ODD) == 0 and value(values, "go_metro_capture_up", iface="lo") == 1
    supervisor.control("stop", "datadog-agent:go-metro")
    values = scrape(stage)
    assert value(values, "go_metro_up") == 0 and value(values, "go_metro_state", state="stopped") == 1
    assert not any(dict(labels).keys() & {"iface", "dst"} for _, labels in values), "nothing that would be taken for now"
    stage.run("rm", SEGMENT)
    assert scrape(stage, status=1) == {("go_metro_up", frozenset()): 0}


def test_one_that_failed_has_no_rows_whatever_others_measure(measuring):
    """As the Agent's check, which submits nothing of it. People and programs that ask for all still see them."""
    stage, _ = measuring

    def interfaces():
        return {dict(labels)["iface"] for name, labels in scrape(stage) if name == "go_metro_round_trips_total"}

    assert interfaces() == {"lo"}
    stage.run("ip", "link", "set", "lo", "down")
    status = stage.wait_for_status(lambda s: [i["state"] for i in s["instances"]] == ["failed", "failed", "capturing"])
    assert status["peers"] and interfaces() == set()
    values = scrape(stage)
    assert value(values, "go_metro_up") == 1
    assert value(values, "go_metro_instance_state", iface="lo", index="1", state="failed") == 1
    assert value(values, "go_metro_instance_state", iface=ODD, index="2", state="capturing") == 1
    stage.run("ip", "link", "set", "lo", "up")
    stage.wait_for_state("capturing")
    assert interfaces() == {"lo"}


def test_what_a_row_had_counted_that_gave_way_is_not_counted_again_as_others(stage):
    """A peer with more traffic takes its place. `status --json` says that `other` has it now; as a series it would jump, and
    increase() would count twice what the row's own series said."""
    def counted(dst, src="127.0.0.1"):
        found, labels = scrape(stage), {"iface": "lo", "index": "0", "src": src, "dst": dst}
        return [value(found, "go_metro_%s_total" % name, **labels) for name in ("round_trips", "timed_segments", "handshakes", "flows")]

    with supervised(stage, "init_config: {resolve_names: false, max_peers: 1}\n"
                           "instances:\n  - {interface: lo, ips: [127.1.0.0/16]}\n"):
        call(stage, *["127.1.0.1"] * 60)
        stage.wait_for_status(lambda s: sum(p["samples"] for p in s["peers"]) == 120)
        assert counted("127.1.0.1") == [120, 120, 60, 60]
        with conversation(stage, stage, "127.1.0.2", bind="127.0.0.1"):
            stage.wait_for_status(lambda s: {p["dst"] for p in s["peers"]} == {"127.1.0.2", "other"}, 40)
        other, = rows_to(stage, "other")
        own = counted("other", src="")
        assert [all_of_it - mine for all_of_it, mine in zip(
            (other["samples"], other["timed"], other["handshake_samples"], other["flows"]), own)] == [120, 120, 60, 60]
        assert own[0] > 0 and own[3] == 1
        assert not [name for name, labels in scrape(stage) if name.startswith("go_metro_rtt_") and ("dst", "other") in labels]


WIDE = """
init_config: {resolve_names: false}
instances:
  - {interface: lo, ips: [127.1.0.0/16], tags: [team:a]}
"""
NARROW = "  - {interface: lo, ips: [127.1.0.1], tags: [team:b]}\n"


def test_instances_on_one_interface_are_series_of_their_own(stage):
    """What both want both count. As one series it would be twice as much, and fall when one of the two goes, which increase() takes
    for a new beginning."""
    def trips():
        return {tuple(sorted(labels)): at for (name, labels), at in scrape(stage).items() if name == "go_metro_round_trips_total"}

    def of(index):
        return tuple(sorted({"iface": "lo", "index": index, "src": "127.0.0.1", "dst": "127.1.0.1"}.items()))

    with supervised(stage, WIDE + NARROW):
        call(stage, *["127.1.0.1"] * 3)
        status = stage.wait_for_status(lambda s: [p["samples"] for p in s["peers"]] == [6, 6])
        assert trips() == {of("0"): 6, of("1"): 6}
        assert sorted(p["instance"] for p in status["peers"]) == [i["index"] for i in status["instances"]] == [0, 1]
        people = stage.run(PROGRAM, "status")
        assert re.findall(r"^(lo\S*): capturing$", people, re.M) == ["lo#0", "lo#1"]
        assert re.findall(r"^(lo\S*) +127\.0\.0\.1 +127\.1\.0\.1 +6 ", people, re.M) == ["lo#0", "lo#1"]
        stage.configure(WIDE)
        stage.wait_for_status(lambda s: len(s["instances"]) == 1)
        assert trips() == {of("0"): 6}
        assert re.findall(r"^lo\S*", stage.run(PROGRAM, "status"), re.M) == ["lo:", "lo"]
        call(stage, "127.1.0.1")
        stage.wait_for_status(lambda s: [p["samples"] for p in s["peers"]] == [8])
        assert trips() == {of("0"): 8}


def test_one_that_still_waits_hides_nothing_of_the_others(stage):
    """A file is not begun before its names are known, and a resolver can hang for 30 s."""
    use_name_server(stage, "timeout:30 attempts:1")
    put(stage, trips(1))
    with name_server(stage) as names:
        names.set(silent_example=False)
        with supervised(stage, ONE.replace("ips: [%s]" % PEER, "hosts: [silent.example]")
                        + "  - {interface: lo, ips: [127.1.0.0/16]}\n"):
            call(stage, "127.1.0.1")
            status = stage.wait_for_status(lambda s: sum(p["samples"] for p in s["peers"]) == 2)
            assert [instance["state"] for instance in status["instances"]] == ["starting", "capturing"]
            values = scrape(stage)
            assert value(values, "go_metro_up") == value(values, "go_metro_state", state="capturing") == 1
            assert value(values, "go_metro_round_trips_total", iface="lo", index="1", src="127.0.0.1", dst="127.1.0.1") == 2


PROMTOOL = shutil.which("promtool", path="%s:%s" % (BUILD / "bin", os.environ["PATH"]))


@pytest.mark.skipif(PROMTOOL is None, reason="no promtool in the build folder (make setup-test unpacks it) and none installed")
def test_promtool_finds_nothing_wrong(measuring):
    """Prometheus's own tool reads the text and knows the conventions, for each state in which the helper can be."""
    stage, supervisor = measuring

    def assert_is_right(up):
        text = complete(stage.enter(PROGRAM, "status", "--prometheus")).stdout
        judged = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False)
        assert "\ngo_metro_up %d\n" % up in text and (judged.returncode, judged.stdout, judged.stderr) == (0, "", "")

    assert_is_right(1)
    stage.run("ip", "link", "set", ODD, "down")
    stage.wait_for_state("degraded")
    assert_is_right(1)
    supervisor.control("stop", "datadog-agent:go-metro")
    assert_is_right(0)
    stage.run("rm", SEGMENT)
    assert_is_right(0)


def documented():
    """The names in the document's table."""
    return set(re.findall(r"^\| `(go_metro_\w+)`", DOCUMENT.read_text(encoding="utf-8"), re.M))


def test_the_document_has_every_name(measuring):
    stage, _ = measuring
    values, text = scrape(stage), stage.run(PROGRAM, "status", "--prometheus")
    described = set(re.findall("^# HELP (\\S+)", text, re.M))
    assert described == documented()
    assert {re.sub("_seconds_(sum|count)$", "_seconds", name) for name, _ in values} <= described


def documented_line():
    """The command of the document's line for cron, and the file that it writes."""
    line, = re.findall(r"^    \* \* \* \* \* root (.*)$", DOCUMENT.read_text(encoding="utf-8"), re.M)
    return line, re.search(r"/\S+/go-metro\.prom", line).group(0)


def test_the_documents_line_writes_for_the_textfile_collector(measuring):
    """As cron runs it; whoever reads the file meanwhile never sees a part of it, nor another file that ends in .prom."""
    stage, supervisor = measuring
    line, path = documented_line()
    folder = path.rsplit("/", 1)[0]
    stage.run("mount", "-t", "tmpfs", "go-metro", "/var/lib")
    stage.run("mkdir", "-p", folder)
    stage.script(line)
    assert "\ngo_metro_up 1\n" in stage.read(folder + "/go-metro.prom")
    with stage.start("sh", "-c", "while :; do %s; done" % line) as writer:
        for _ in range(300):
            text = stage.read(folder + "/go-metro.prom")
            assert text.startswith("# HELP go_metro_up ") and text.endswith("\n") and "go_metro_retransmits_total" in text
        assert stage.run("sh", "-c", "ls %s/*.prom" % folder).split() == [folder + "/go-metro.prom"]
        assert writer.alive()
        # Its end is in the file as well.
        supervisor.control("stop", "datadog-agent:go-metro")
        wait_until(lambda: "\ngo_metro_up 0\n" in stage.read(folder + "/go-metro.prom"), what="the end")
        stage.run("rm", SEGMENT)
        wait_until(lambda: stage.read(folder + "/go-metro.prom").endswith("go_metro_up 0\n"), what="nothing but the end")
    # Cron sends what is said as mail, each minute.
    said = run_line(stage, line)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    assert "# go-metro: %s: no segment" % SEGMENT in stage.read(folder + "/go-metro.prom")


def run_line(stage, line):
    return complete(stage.enter("sh", "-c", line))


def test_the_documents_line_publishes_no_part_when_the_disk_is_full(measuring):
    stage, _ = measuring
    line, path = documented_line()
    stage.run("mount", "-t", "tmpfs", "-o", "size=64k", "go-metro", "/var/lib")
    stage.run("mkdir", "-p", path.rsplit("/", 1)[0])
    assert run_line(stage, line).returncode == 0
    before = stage.read(path)
    assert len(before) > 4096, "more than the room that is left"
    stage.run("rm", "-f", path + ".new")
    for room in (0, 4096):
        stage.run("sh", "-c", "head -c 1000000 /dev/zero >/var/lib/filler; truncate -s -%d /var/lib/filler" % room)
        result = run_line(stage, line)
        assert result.returncode != 0 and "the output is not whole: No space left on device" in result.stderr
        assert len(stage.read(path + ".new")) == room and stage.read(path) == before
        stage.run("rm", "-f", path + ".new", "/var/lib/filler")
    stage.wait_for_publications(1)
    assert run_line(stage, line).returncode == 0
    assert stage.read(path) != before and stage.read(path).startswith("# HELP go_metro_up ")


@pytest.mark.parametrize("form", ["", "--json", "--prometheus"])
def test_what_could_not_be_written_has_a_status_of_its_own(measuring, form):
    """With a segment and without one: 1 says that the text is whole."""
    stage, supervisor = measuring

    def status(where):
        return complete(stage.enter("sh", "-c", "%s status %s %s" % (PROGRAM, form, where))).returncode

    assert (status(">/dev/null"), status(">/dev/full"), status(">&-")) == (0, 3, 3)
    supervisor.control("stop", "datadog-agent:go-metro")
    stage.run("rm", SEGMENT)
    assert (status(">/dev/null"), status(">/dev/full")) == (1, 3 if form else 1)  # for people the cause goes to stderr


MOVED = "/dev/shm/elsewhere"
RIGHT = """
init_config: {segment_path: %s, resolve_names: false}
instances:
  - {interface: lo, ips: [127.1.0.0/16]}
""" % MOVED
TYPO = RIGHT + "  - {interface: lo, ips: {127.1.0.1: 127.1.0.2}}\n"
BROKEN = RIGHT + "  - {interface: lo\n"


def forms(stage, user=None):
    """What each of the three says: exit status, standard output, standard error."""
    done = [complete(stage.enter(PROGRAM, "status", *form, user=user)) for form in ([], ["--json"], ["--prometheus"])]
    return [(result.returncode, result.stdout, result.stderr) for result in done]


def assert_noted(shown, status, cause):
    """Each form says it in its own way, and nothing on standard error where cron would send that as mail."""
    note = re.escape("the configuration cannot be used: " + FILE_PATH) + ".*%s.*" % cause + re.escape(
        "; the default place, %s, is looked at " % SEGMENT) + "(?:instead|too); --segment FILE names another"
    people, as_json, prometheus = shown
    assert [form[0] for form in shown] == [status] * 3
    assert re.match("go-metro: %s\n" % note, people[2]), people
    assert re.match(note, json.loads(as_json[1].splitlines()[0])["warning"]) and as_json[2] == "", as_json
    assert re.match("# go-metro: %s\n" % note, prometheus[1]) and prometheus[2] == "", prometheus


def test_a_wrong_configuration_hides_no_segment(stage):
    """The helper measures on with the one before; started anew with a wrong one it says so in the default place."""
    with supervised(stage, RIGHT) as supervisor:
        call(stage, "127.1.0.1")
        stage.wait_for_status(lambda s: sum(p["samples"] for p in s["peers"]) == 2)
        stage.configure(TYPO)
        stage.wait_for_state("degraded", "a mapping is not a list")
        people, as_json, prometheus = forms(stage)
        assert people[0::2] == as_json[0::2] == prometheus[0::2] == (0, "")
        assert ": degraded (" in people[1] and re.search(r"^lo +127\.0\.0\.1 +127\.1\.0\.1 +2 ", people[1], re.M)
        assert json.loads(as_json[1].splitlines()[0])["warning"] == "" and "\ngo_metro_up 1\n" in prometheus[1]
        supervisor.control("restart", "datadog-agent:go-metro")
        stage.wait_for_state("failed", "a mapping is not a list")
        assert_noted(forms(stage), 0, "a mapping is not a list")
        stage.configure(RIGHT)
        stage.wait_for_state("capturing")
        assert [form[0::2] for form in forms(stage)] == [(0, "")] * 3


def test_a_configuration_that_says_nothing_is_named(stage):
    """Nothing says where the segment is: not that go-metro does not run, but where it was looked."""
    with supervised(stage, RIGHT):
        stage.run("chmod", "600", FILE_PATH)
        shown = forms(stage, user=USER)
        assert_noted(shown, 1, "cannot be read: Permission denied")
        assert shown[0][2].splitlines()[1].startswith("go-metro: %s: no segment" % SEGMENT) and shown[0][1] == ""
        assert re.search("^# go-metro: %s: no segment.*\n# HELP go_metro_up .*\n# TYPE .*\ngo_metro_up 0\n$" % SEGMENT, shown[2][1],
                         re.M), shown[2]
        stage.configure(BROKEN)
        assert_noted(forms(stage), 1, ":6:1: ")
        found = complete(stage.enter(PROGRAM, "status", "--segment", MOVED))
        assert found.returncode == 0 and found.stderr == "" and ", pid " in found.stdout
        stage.run("rm", FILE_PATH)
        assert_noted(forms(stage), 1, "no such file; copy go-metro.yaml.example to it")


@pytest.mark.parametrize("refused, warning", [
    ((0, 0), None), ((3, 0), "3 packets turned away by max_flows"), ((0, 10), "10 flows summed up by max_peers"),
    ((3, 10), "3 packets turned away by max_flows, 10 flows summed up by max_peers")])
def test_people_are_warned_of_what_there_is(tmp_path, refused, warning):
    Segment(instances=[Instance(refused_flows=refused[0], refused_peers=refused[1])]).write(tmp_path / "segment")
    shown = complete([BUILD / "go-metro", "status", "--segment", tmp_path / "segment"]).stdout
    assert re.findall("^ +warning: (.*)$", shown, re.M) == ([warning] if warning else [])
