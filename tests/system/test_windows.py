"""sample, sample_duration, sample_interval: what is measured in a window, and that nothing is between two."""

import contextlib
import signal
import time

import usage
from network import Network
from processes import PYTHON3, SYSTEM, wait_until
from stage import LOG, PROGRAM, Stage

ON_LO = """
init_config: {resolve_names: false}
instances:
  - {interface: lo, ips: [127.0.0.1], sample: true, sample_duration: %d, sample_interval: %d}
"""


@contextlib.contextmanager
def traffic(start, address="127.0.0.1", port=5000, interval_s=0.02):
    """A connection that is open all the time, by default fifty exchanges a second."""
    program = [PYTHON3, SYSTEM / "traffic.py"]
    with start(*program, "server", address, port) as server:
        server.wait_for_output("ready")
        with start(*program, "client", address, port, "--bind", address, "--count", 0, "--interval", interval_s):
            yield


def wait_for(stage, sampling, left_s=0, index=0):
    """A status in a window ("open"), or between two ("closed"), that lasts for so many seconds more."""
    return stage.wait_for_status(lambda s: len(s["instances"]) > index and s["instances"][index]["sampling"] == sampling
                                 and s["instances"][index]["sample_left_s"] >= left_s, 60, "%s of %d" % (sampling, index))


def assert_balanced(status):
    """What was timed is accounted for, and so is every packet."""
    timed = sum(p["timed"] - p["samples"] - sum(p["skipped"].values()) for p in status["peers"])
    assert timed == sum(i["pending"] for i in status["instances"])
    for instance in status["instances"]:
        assert instance["received"] == instance["tcp"] + sum(instance["ignored"].values())
        assert instance["state"] == "capturing" and instance["error"] == ""


def totals(status, name="samples"):
    return sum(p[name] for p in status["peers"])


def test_nothing_is_measured_between_two_windows(stage):
    stage.configure(ON_LO % (4, 8))
    with stage.helper() as helper, traffic(stage.start):
        opened = stage.wait_for_status(lambda s: s["peers"] and totals(s) > 20)
        assert opened["instances"][0]["sampling"] == "open"
        assert usage.watch(helper.target(), 1).wakes > 5, "packets wake it in a window"
        closed = wait_for(stage, "closed", 6)
        instance, = closed["instances"]
        assert_balanced(closed)
        assert (instance["open_flows"], instance["pending"]) == (0, 0)
        assert instance["sample_open_s"] == 4 * instance["flows"], "one flow a window"
        births = {row["birth"] for row in stage.segment()["rows"]}
        used = usage.watch(helper.target(), 3)
        assert used.wakes <= 2 * 3, "the kernel keeps the packets back: %s" % (used,)
        later = stage.status()
        assert later["instances"][0]["sampling"] == "closed"
        for name in ("received", "tcp", "ignored", "flows", "open_flows"):
            assert later["instances"][0][name] == instance[name], name
        assert later["peers"] == closed["peers"], "the rows stay as they are"
        again = stage.wait_for_status(lambda s: totals(s) > totals(closed) + 20, what="samples of the second window")
        assert_balanced(again)
        again, = again["instances"]
        assert again["flows"] == instance["flows"] + 1, "the same connection, picked up in the middle"
        assert again["sample_closed_s"] == 8 * instance["flows"]
        assert {row["birth"] for row in stage.segment()["rows"]} == births


def test_no_round_trip_spans_a_pause():
    """What is on its way at a window's end is unacked, and whatever the pause hides is neither a sample nor sent again."""
    with Network("400ms") as network, Stage(network.near) as stage:
        stage.configure("""
init_config: {resolve_names: false}
instances:
  - {interface: near0, ips: [10.77.0.2], sample: true, sample_duration: 2, sample_interval: 2}
""")
        with stage.helper(), network.serve():
            stage.wait_for_state("capturing")
            programs = [[PYTHON3, SYSTEM / "traffic.py", "client", network.FAR[4], 5000, "--count", 0] for _ in range(8)]
            with contextlib.ExitStack() as clients:
                for program in programs:
                    clients.enter_context(network.near.start(*program))
                stage.wait_for_status(lambda s: s["instances"][0]["sample_closed_s"] >= 8, 60)
                status = wait_for(stage, "closed")
    assert_balanced(status)
    peer, = status["peers"]
    assert peer["samples"] > 8 * 5
    assert 400 <= peer["rtt_ms"]["min"] <= peer["rtt_ms"]["max"] < 1500, "not a pause's two seconds"
    assert peer["skipped"]["unacked"] >= 5, "something was on its way at the ends"
    assert peer["retransmits"] == 0


def test_a_pause_that_was_slept_through_still_takes_place(stage):
    """Stopped before the window's end and going on in the next one: first that end, with all that the ring holds, then the other."""
    stage.configure((ON_LO % (4, 2)).replace("init_config: {", "init_config: {log_level: debug, "))
    with stage.helper() as helper, traffic(stage.start):
        before, = stage.wait_for_status(lambda s: [(i["sampling"], i["sample_left_s"] >= 2, i["open_flows"])
                                                   for i in s["instances"]] == [("open", True, 1)])["instances"]
        helper.signal(signal.SIGSTOP)
        turns = stage.read(LOG).count("window ends") + stage.read(LOG).count("window opens")
        time.sleep(6)  # into the next window, and not to its end
        helper.signal(signal.SIGCONT)
        status = stage.wait_for_status(lambda s: s["instances"][0]["flows"] > before["flows"], what="the next window")
        after, = status["instances"]
        assert_balanced(status)
        assert after["sampling"] == "open" and after["flows"] == before["flows"] + 1
        lines = [line for line in stage.read(LOG).splitlines() if "window ends" in line or "window opens" in line][turns:]
        assert [line.rsplit(": ", 1)[1] for line in lines] == ["the window ends", "a window opens"]
        assert after["sample_open_s"] - before["sample_open_s"] >= 6 > 1 >= after["sample_closed_s"] - before["sample_closed_s"]
        assert after["tcp"] - before["tcp"] > 6 * 50 and "too_late" not in after["ignored"], "nothing of the ring is missing"


def test_two_instances_on_one_interface_have_their_own_windows(stage):
    """While one is closed the kernel lets pass what the other wants, and that alone."""
    stage.configure(ON_LO % (4, 10) + "  - {interface: lo, ips: [127.0.0.2]}\n")
    with stage.helper(), traffic(stage.start), traffic(stage.start, "127.0.0.2", 5001):
        wait_for(stage, "open")
        stage.wait_for_status(lambda s: all(i["tcp"] > 20 and i["ignored"].get("unwanted", 0) > 20 for i in s["instances"]),
                              what="while both are open each sees what the other wants")
        wait_for(stage, "closed", 8)
        stage.wait_for_publications(1)  # what the kernel had not handed over is by now
        before = wait_for(stage, "closed", 4)
        stage.wait_for_publications(1)
        after = stage.status()
        assert_balanced(after)
        one, other = zip(before["instances"], after["instances"])
        assert [i["sampling"] for i in one + other] == ["closed", "closed", None, None]
        assert one[0]["received"] == one[1]["received"]
        assert other[1]["tcp"] > other[0]["tcp"] + 20 and other[1]["ignored"] == other[0]["ignored"]
        assert other[1]["flows"] == other[0]["flows"], "the other's flows go on over the turn"
        later = stage.wait_for_status(lambda s: s["instances"][0]["tcp"] > one[0]["tcp"] + 20, what="the next window")
        assert later["instances"][1]["flows"] == other[0]["flows"]
        assert_balanced(later)


def test_between_two_windows_all_is_well(stage):
    stage.configure(ON_LO % (2, 600))
    with stage.helper(), traffic(stage.start):
        stage.wait_for_status(lambda s: s["peers"])
        wait_for(stage, "closed", 100)
        stage.wait_for_publications(2)
        for python in (2, 3):
            check = stage.check(python)
            assert (check.status, check.service_status, check.warnings) == ("OK", "OK", []), check
            assert "between two windows, the next begins in 5" in check.service_message
        people = stage.run(PROGRAM, "status")
        assert "lo: capturing, between two windows: the next begins in 5" in people
        assert "2 s in windows, " in people
        metrics = stage.run(PROGRAM, "status", "--prometheus").splitlines()
        assert 'go_metro_sampling_window_open{iface="lo",index="0"} 0' in metrics
        assert 'go_metro_sampling_open_seconds_total{iface="lo",index="0"} 2' in metrics
        assert stage.status()["helper"]["state"] == "capturing"


def test_a_row_waits_for_the_next_window(stage):
    """Peers of another instance, with more traffic than there are rows for, do not get the row of one that cannot have any now."""
    stage.configure("""
init_config: {resolve_names: false, max_peers: 2}
instances:
  - {interface: lo, ips: [127.7.0.1], sample: true, sample_duration: 6, sample_interval: 20}
  - {interface: lo, ips: [127.8.0.0/16]}
""")
    with stage.helper(), contextlib.ExitStack() as undo:
        undo.enter_context(traffic(stage.start, "127.7.0.1", interval_s=0.1))
        stage.wait_for_status(lambda s: s["peers"] and totals(s) > 5)
        for n in (1, 2, 3):
            undo.enter_context(traffic(stage.start, "127.8.0.%d" % n))
        closed = wait_for(stage, "closed")
        before = {row["dst"]: row["birth"] for row in stage.segment()["rows"]}
        assert set(before) == {"127.7.0.1", "127.8.0.1", "other"}
        wait_for(stage, "open")
        opened = stage.wait_for_status(lambda s: samples_to(s, "127.7.0.1") > samples_to(closed, "127.7.0.1") + 5)
        assert {row["dst"]: row["birth"] for row in stage.segment()["rows"]} == before
        assert samples_to(opened, "other") > samples_to(closed, "other") + 1000, "it was wanted all the time"


def samples_to(status, dst):
    return sum(p["samples"] for p in status["peers"] if p["dst"] == dst)


def change(stage, helper, text):
    """Until the helper has it."""
    before = stage.read(LOG).count("is in force")
    stage.configure(text)
    helper.signal(signal.SIGHUP)
    wait_until(lambda: stage.read(LOG).count("is in force") > before, what=lambda: stage.read(LOG))
    stage.wait_for_publications(2)  # more than a second later, whenever in its second each comes
    instance, = stage.status()["instances"]
    return instance


def test_a_window_goes_on_over_a_reload(stage):
    """Where other keys change; with other windows it begins anew, and measures at once."""
    text = ON_LO % (2, 600)
    stage.configure(text)
    with stage.helper("-f=tcp") as helper, traffic(stage.start):
        before = wait_for(stage, "closed", 100)
        tagged = change(stage, helper, text.replace("sample: true", "sample: true, tags: [a:b]"))
        anew = change(stage, helper, text.replace("resolve_names: false", "resolve_names: false, max_flows: 1000"))
        for instance in (tagged, anew):
            assert (instance["sampling"], instance["sample_open_s"]) == ("closed", 2)
            assert instance["sample_left_s"] < before["instances"][0]["sample_left_s"]
        assert anew["received"] == 0, "a closed one stays closed although all begins anew"
        stage.configure(text.replace("600", "601"))
        helper.signal(signal.SIGHUP)
        stage.wait_for_status(lambda s: s["peers"] and s["instances"][0]["tcp"] > 20 and s["instances"][0]["sampling"] == "open")
        always = change(stage, helper, text.replace("sample: true", "sample: false"))
        assert (always["sampling"], always["sample_open_s"]) == (None, 0)
        stage.wait_for_status(lambda s: s["instances"][0]["open_flows"] > 0)


def test_an_interface_that_comes_in_a_pause_is_not_measured_before_the_next_window():
    """The capture is opened all the same, and keeps back everything from its first packet on."""
    with Network("1ms") as network, Stage(network.near) as stage:
        network.near.ip("link set near0 down")
        stage.configure("""
init_config: {resolve_names: false}
instances:
  - {interface: near0, ips: [10.77.0.2], sample: true, sample_duration: 4, sample_interval: 14}
""")
        with stage.helper() as helper, network.serve():
            wait_for(stage, "closed", 11)
            network.near.ip("link set near0 up")
            stage.wait_for_state("capturing")
            network.exchange(count=50)
            stage.wait_for_publications(1)
            status = stage.status()
            assert (status["instances"][0]["sampling"], status["instances"][0]["received"]) == ("closed", 0)
            assert helper.alive()
            wait_for(stage, "open")
            network.exchange(count=20)
            stage.wait_for_status(lambda s: totals(s) >= 20, what="the next window's samples")
