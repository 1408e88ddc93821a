"""What is shown is what is: a helper that died, a full /dev/shm, what is left out or not done. Each its own state and message."""

import json

import pytest

from processes import BUILD, wait_until
from stage import LOG, PROGRAM, SEGMENT, USER, Stage
from test_measuring import MANY_PEERS

CONFIGURATION = """
init_config: {}
instances:
  - interface: lo
    all_peers: true
"""


def test_a_helper_that_died_while_it_could_not_capture_is_stale():
    """What it said last is not what is wrong now."""
    with Stage(capable=False) as stage:
        stage.configure(CONFIGURATION)
        with stage.helper() as helper:
            pid = stage.wait_for_state("failed", "setcap")["helper"]["pid"]
            helper.kill()
            assert stage.wait_for_state("stale", timeout=30)["helper"]["pid"] == pid
            check = stage.check()
            assert check.service_status == "CRITICAL" and "its process is gone" in check.service_message
            assert "setcap" not in check.service_message


CATCH = """
import sys
sys.path.insert(0, sys.argv[1])
import metro_segment
try:
    metro_segment.read(sys.argv[2])
except metro_segment.SegmentError as error:
    print("%s %s" % (type(error).__name__, error.status))
"""


@pytest.mark.parametrize("python", [2, 3])
def test_a_full_dev_shm_is_an_error_of_its_own(python):
    command = Stage.python(python, "-c", CATCH, BUILD / ("python%d" % python), SEGMENT)
    with Stage(shm_size="1m") as stage:
        assert stage.run(*command, user=USER).split() == ["NoSpace", "no_space"]
        stage.run("mount", "-o", "remount,size=2m", "/dev/shm")
        assert stage.run(*command, user=USER).split() == ["Missing", "missing"]
        stage.run("mount", "-o", "remount,nr_inodes=1", "/dev/shm")
        assert stage.run(*command, user=USER).split() == ["NoSpace", "no_space"]
        stage.run("mount", "-o", "remount,size=0,nr_inodes=0", "/dev/shm")
        assert stage.run(*command, user=USER).split() == ["Missing", "missing"], "without a limit"


PEERS = "init_config: {resolve_names: false}\ninstances:\n  - interface: lo\n    ips: [127.0.0.0/8]\n"


def test_a_segment_that_cannot_grow_says_so():
    """Two rows a peer on the loopback; the file has room for 256 at first."""
    with Stage(shm_size="2m") as stage:
        stage.configure(PEERS)
        with stage.helper():
            stage.wait_for_state("capturing")
            stage.run("python3", "-c", MANY_PEERS, "400")
            told = "544 of 800 rows are not published: /dev/shm/go-metro: "
            status = stage.wait_for_state("degraded", told)
            assert len(status["peers"]) == 256, "in the very snapshot that says so"
            check = stage.check()
            assert check.status == "WARNING" and check.service_status == "WARNING"
            assert told in check.service_message and "make room" in check.service_message and "max_peers" in check.service_message
            assert check.gauges(iface="lo"), "what is there is submitted"
            assert "rows are not published" in stage.read(LOG)
            stage.run("mount", "-o", "remount,size=256m", "/dev/shm")
            status = stage.wait_for_state("capturing")
            assert len(status["peers"]) == 800 and status["helper"]["error"] == ""
            assert stage.check().status == "OK"


def test_a_segment_grows_by_what_it_needs_where_twice_that_cannot_be_had():
    with Stage(shm_size="4m") as stage:
        stage.configure(PEERS)
        with stage.helper():
            stage.wait_for_state("capturing")
            stage.run("python3", "-c", MANY_PEERS, "200")
            stage.wait_for_status(lambda s: len(s["peers"]) == 400 and s["helper"]["state"] == "capturing")
            assert "not published" not in stage.read(LOG)


def test_what_short_lived_flows_measured_waits_for_the_check(stage):
    """An old configuration may let flows go long before the Agent comes again."""
    text = "init_config: {idle_ttl: 1, exp_ttl: 1, resolve_names: false}\ninstances:\n  - interface: lo\n    ips: [127.0.0.0/8]\n"
    stage.configure(text)
    with stage.helper():
        stage.wait_for_state("capturing")
        stage.run("python3", "-c", MANY_PEERS, "1")
        stage.wait_for_status(lambda s: len(s["peers"]) == 2)
        stage.wait_for_status(lambda s: s["instances"][0]["open_flows"] == 0)
        stage.wait_for_publications(4)  # rows that went with their flows would be gone
        assert len(stage.check().gauges(iface="lo", dst="127.1.0.0")) == 3
        # Where the Agent comes more seldom it waits longer.
        stage.configure(text + "    min_collection_interval: 300\n")
        wait_until(lambda: "flows and rows begin anew" in stage.read(LOG), what=lambda: stage.read(LOG))


# Reads, waits for a file, reads again: whether it is the same helper, and the samples between the two.
TWICE = """
import json, os, sys, time
sys.path.insert(0, sys.argv[1])
import metro_segment
earlier = metro_segment.read(sys.argv[2])
print("ready")
sys.stdout.flush()
while not os.path.exists(sys.argv[3]):
    time.sleep(0.05)
later = metro_segment.read(sys.argv[2])
print(json.dumps([later.continues(earlier), sum(row["samples"] for row in later.rows(since=earlier))]))
"""


def samples(status):
    return sum(peer["samples"] for peer in status["peers"])


@pytest.mark.parametrize("event", ["grows", "is removed"])
def test_a_reader_goes_on_when_the_segment(stage, event):
    """Another file of the same helper: what was read before is not counted again, and is no error."""
    stage.configure(PEERS)
    with stage.helper():
        stage.wait_for_state("capturing")
        stage.run("python3", "-c", MANY_PEERS, "50")
        before = samples(stage.wait_for_status(lambda s: len(s["peers"]) == 100))
        stage.wait_for_publications(3)  # so that it is ahead of the other file
        command = Stage.python(2, "-c", TWICE, BUILD / "python2", SEGMENT, "/opt/go")
        with stage.start(*command, user=USER) as reader:
            reader.wait_for_output("ready")
            inode = stage.run("stat", "-c", "%i", SEGMENT)
            if event == "is removed":
                stage.run("rm", SEGMENT)
                wait_until(lambda: "making it anew" in stage.read(LOG), what=lambda: stage.read(LOG))
            count = {"grows": 400, "is removed": 60}[event]
            stage.run("python3", "-c", MANY_PEERS, str(count))
            after = samples(stage.wait_for_status(lambda s: len(s["peers"]) == 2 * count))
            assert stage.run("stat", "-c", "%i", SEGMENT) != inode
            stage.write("/opt/go", "")
            assert reader.wait() == 0, reader.err
            assert json.loads(reader.out.splitlines()[1]) == [True, after - before]


def test_prometheus_has_no_values_of_a_helper_that_ended(stage):
    stage.configure(PEERS)
    with stage.helper() as helper:
        stage.wait_for_state("capturing")
        stage.run("python3", "-c", MANY_PEERS, "1")
        stage.wait_for_status(lambda s: len(s["peers"]) == 2)
        out = stage.run(PROGRAM, "status", "--prometheus")
        assert "\ngo_metro_up 1\n" in out and 'go_metro_state{state="capturing"} 1\n' in out and 'dst="127.1.0.0"' in out
        helper.stop()
    out = stage.run(PROGRAM, "status", "--prometheus")
    assert "\ngo_metro_up 0\n" in out and 'go_metro_state{state="stopped"} 1\n' in out and "dst=" not in out
