"""What the owner can mend while the helper runs: each its own state and message, and it recovers by itself."""

import pytest

from conversation import conversation
from network import Namespace
from processes import wait_until
from stage import CONFIGURATION as PATH
from stage import LOG, PROGRAM, SEGMENT, USER, Stage

CONFIGURATION = """
init_config: {}
instances:
  - interface: lo
    all_peers: true
"""
ON_GM0 = CONFIGURATION.replace("lo", "gm0")

# What is at the segment's path before the helper starts: how it comes there, what the helper logs, which error the extension gives
# and what it says of the cause.
PLANTED = {
    "another user's file": ("echo planted >$1; chown 1:1 $1", "belongs to daemon (uid 1), go-metro runs as dd-agent",
                            "ForeignOwner", "foreign_owner", "belongs to uid 1, who is not root"),
    "FIFO": ("mkfifo $1", "is a FIFO of root", "NotSegment", "not_regular", "is a FIFO, not a regular file"),
    "folder": ("mkdir $1", "is a folder of root", "NotSegment", "not_regular", "is a folder, not a regular file"),
    "symlink": ("ln -s /etc/passwd $1", "is a symbolic link of root", "NotSegment", "not_regular",
                "is a symbolic link, not a regular file"),
}
CURE = "find out who put it there, remove it and restart go-metro"


def wait_for_log(stage, text):
    wait_until(lambda: text in stage.read(LOG), what=lambda: "%r in the log:\n%s" % (text, stage.read(LOG)))


def assert_shown(stage, error, state, cause):
    """By the extension, `status` and the check, under 2.7 and 3: the same words, with cause and cure."""
    shown = stage.status()["helper"]
    assert shown["state"] == state
    assert shown["error"].startswith("%s: %s" % (SEGMENT, cause)) and CURE in shown["error"]
    for python in (2, 3):
        segment = stage.segment(python)
        assert (segment["error"], segment["status"], segment["message"]) == (error, state, shown["error"])
        check = stage.check(python)
        assert (check.status, check.service_status) == ("ERROR", "CRITICAL")
        assert check.service_message == check.error == shown["error"]
        assert check.gauges() == {}


@pytest.mark.parametrize("name", PLANTED)
def test_something_is_planted_at_the_segments_path(stage, name):
    plant, message, error, state, cause = PLANTED[name]
    stage.configure(CONFIGURATION)
    stage.script(plant, SEGMENT)
    before = stage.run("stat", "-c", "%i %F %u", SEGMENT)
    with stage.helper() as helper:
        wait_for_log(stage, message)
        assert "remove it" in stage.read(LOG), "what to do"
        assert_shown(stage, error, state, cause)
        assert helper.alive()
        assert stage.run("stat", "-c", "%i %F %u", SEGMENT) == before, "it was left alone"
        stage.run("rm", "-rf", SEGMENT)
        stage.wait_for_state("capturing")
        assert stage.read(LOG).count(message) == 1, "said once"
        assert stage.check().service_status == "OK"
    assert stage.run("head", "-c5", "/etc/passwd").startswith("root:"), "nothing was written through the link"


def test_full_dev_shm():
    with Stage(shm_size="1m") as stage:
        stage.configure(CONFIGURATION)
        with stage.helper() as helper:
            wait_for_log(stage, "1416256 bytes are needed, 1048576 are free: make room, or set another `segment_path`")
            told = stage.status()["helper"]
            assert told["state"] == "no_space" and "needs 1416256 bytes there, 1048576 are free" in told["error"]
            for python in (2, 3):
                check = stage.check(python)
                assert check.status == "ERROR" and check.service_status == "CRITICAL"
                assert check.service_message == check.error == told["error"]
                assert "make room there" in check.error and "not running" not in check.error
            assert helper.alive()
            assert stage.run("ls", "-A", "/dev/shm") == "", "nothing half made is left"
            stage.run("mount", "-o", "remount,size=256m", "/dev/shm")
            stage.wait_for_state("capturing")
            assert stage.check().service_status == "OK"


def test_a_removed_segment_is_made_anew(stage):
    stage.configure(CONFIGURATION)
    with stage.helper():
        stage.wait_for_state("capturing")
        stage.run("rm", SEGMENT)
        stage.wait_for_state("capturing")
        wait_for_log(stage, "was removed or replaced")


def test_no_capability_and_then_setcap():
    with Stage(capable=False) as stage:
        stage.configure(CONFIGURATION)
        with stage.helper() as helper:
            status = stage.wait_for_state("failed", "setcap cap_net_raw+ep " + PROGRAM)
            check = stage.check()
            assert check.status == "ERROR" and "setcap cap_net_raw+ep" in check.service_message
            stage.grant()
            recovered = stage.wait_for_state("capturing")
            assert helper.alive(), "the supervisor's child is the same process"
            assert recovered["helper"]["pid"] == status["helper"]["pid"]
            assert stage.check().service_status == "OK"


def test_no_such_interface_then_it_comes_goes_and_comes_back():
    with Namespace() as network, Stage(network) as stage:
        stage.configure(ON_GM0)
        with stage.helper() as helper:
            stage.wait_for_state("failed", "there is no interface gm0; create it or correct `interface`")
            assert "no interface gm0" in stage.check().error
            pair = "link add gm0 type veth peer name gm1"
            network.ip(pair)
            stage.wait_for_state("failed", "the interface gm0 is down; bring it up")
            network.ip("link set gm1 up")
            network.ip("link set gm0 up")
            stage.wait_for_state("capturing")
            network.ip("link del gm0")
            stage.wait_for_state("failed", "no interface gm0")
            network.ip(pair)
            network.ip("link set gm1 up")
            network.ip("link set gm0 up")
            stage.wait_for_state("capturing")
            assert helper.alive()
            assert stage.check().service_status == "OK"


def test_one_interface_missing_does_not_stop_the_other(stage):
    stage.configure(CONFIGURATION + "  - interface: gm0\n    all_peers: true\n")
    with stage.helper():
        status = stage.wait_for_state("degraded", "no interface gm0")
        assert {i["interface"]: i["state"] for i in status["instances"]} == {"lo": "capturing", "gm0": "failed"}


def test_a_name_that_no_interface_can_have_stops_no_other(stage):
    """The kernel itself would take the alias of an address for its interface."""
    stage.run("ip", "addr", "add", "127.9.9.9/32", "dev", "lo", "label", "lo:1")
    names = ["lo", "lo:1", "lo/1", "a-name-that-is-too-long"]
    stage.configure("init_config: {}\ninstances:\n" + "".join("  - {interface: '%s', all_peers: true}\n" % name for name in names))
    with stage.helper():
        status = stage.wait_for_state("degraded", "no interface lo:1")
        assert {i["interface"]: i["state"] for i in status["instances"]} == dict.fromkeys(names, "failed") | {"lo": "capturing"}
        assert [check.service_status for check in stage.checks()] == ["OK"] + 3 * ["CRITICAL"]


def test_wrong_configuration_and_then_corrected(stage):
    stage.configure(CONFIGURATION + "    group_by: planet\n")
    with stage.helper() as helper:
        stage.wait_for_state("failed", "go-metro.yaml:6:")
        assert "group_by" in stage.status()["helper"]["error"]
        assert stage.check().service_status == "CRITICAL"
        stage.configure(CONFIGURATION)
        stage.wait_for_state("capturing")
        # A mistake in a file that was right leaves the right one in force.
        stage.configure(CONFIGURATION + "    sample: [no\n")
        status = stage.wait_for_state("degraded", "go-metro.yaml:")
        assert status["instances"][0]["state"] == "capturing"
        stage.configure(CONFIGURATION)
        stage.wait_for_state("capturing")
        assert helper.alive()


@pytest.mark.parametrize("python", [2, 3])
def test_an_entry_that_is_no_peer_costs_itself_alone(stage, python):
    stage.configure("""
init_config: {resolve_names: false}
instances:
  - interface: lo
    ips: [127.4.0.1, 10.0.0.256]
    hosts: ['db1:3306', localhost]
  - interface: lo
    hosts:
      -
""")
    with stage.helper(), conversation(stage, stage, "127.4.0.1"):
        stage.wait_for_status(lambda s: any(p["dst"] == "127.4.0.1" and p["samples"] > 0 for p in s["peers"]), what="a row")
        first, second = stage.checks(python)
        assert (first.status, first.service_status) == (second.status, second.service_status) == ("WARNING", "WARNING")
        assert first.service_message == (
            "2 entries of `ips` and `hosts` are left out, '10.0.0.256' in line 5 the first: it is not an IP address or a "
            "CIDR block; write one such as 192.0.2.1, 192.0.2.0/24 or '2001:db8::1'")
        assert second.service_message == "nobody is measured: '' in `hosts` (line 9) is left out: it is empty; remove its '-'"
        assert first.gauges(dst="127.4.0.1")
        assert "hosts': db1:3306 is not a host name" in stage.read(LOG)


def test_the_configuration_is_removed_and_put_back(stage):
    stage.configure(CONFIGURATION)
    with stage.helper() as helper:
        stage.wait_for_state("capturing")
        stage.run("rm", PATH)
        stage.wait_for_state("degraded", "gone; put it back")
        stage.configure(CONFIGURATION)
        stage.wait_for_state("capturing")
        assert helper.alive()


def test_the_check_of_another_configuration_says_so(stage):
    stage.configure(CONFIGURATION)
    stage.write("/etc/dd-agent/conf.d/other.yaml", CONFIGURATION.replace("lo", "eth7"))
    with stage.helper():
        stage.wait_for_state("capturing")
        check = stage.check(configuration="/etc/dd-agent/conf.d/other.yaml")
        assert check.service_status == "CRITICAL" and "different configurations" in check.service_message


def test_started_by_root_without_its_user_and_then_with_it(stage):
    stage.configure(CONFIGURATION)
    passwd = stage.read("/etc/passwd")
    stage.write("/etc/passwd", "".join(line for line in passwd.splitlines(True) if not line.startswith(USER)))
    with stage.helper(user=None) as helper:
        stage.wait_for_state("failed", USER)
        stage.write("/etc/passwd", passwd)
        stage.wait_for_state("capturing")
        assert helper.alive()
        assert stage.run("stat", "-c", "%U", SEGMENT).strip() == USER
        assert stage.check().service_status == "OK"


def test_a_stranger_reads_nothing(stage):
    """The segment is for the Agent's user and group: peers' addresses are nobody else's business."""
    stage.configure(CONFIGURATION)
    with stage.helper():
        stage.wait_for_state("capturing")
        assert stage.run("stat", "-c", "%a %U", SEGMENT).split() == ["640", USER]
        out = stage.run("sh", "-c", "setpriv --reuid 65534 --regid 65534 --clear-groups %s status --json || true" % PROGRAM)
        assert '"state":"unreadable"' in out
