"""Interfaces that come, go, are renamed and change addresses while the helper runs under supervisord: it is the same process all
the time, and measures what is there."""

import contextlib
import json
import time

import pytest

from conversation import are_settled, conversation, rows_to, total
from network import Namespace, Network
from processes import PYTHON3, SYSTEM, wait_until
from stage import LOG, Stage
from supervision import supervised
from test_drops import FIRST_PEER, LOCAL, SENDER, SMALL, TEXT, Place

INSTANCE = "  - {interface: %s, ips: [%s], tags: [%s]}\n"
ON_NEAR0 = "init_config: {resolve_names: false}\ninstances:\n" + INSTANCE % ("near0", "10.77.0.2", "n:1")
WITHIN_S = 1  # so soon an address that comes is ours


@pytest.fixture
def network():
    with Network("2ms") as network:
        yield network


@pytest.fixture
def place(network):
    """The network and the stage in its near host."""
    with Stage(network.near) as stage:
        yield network, stage


def rename(network, old, new):
    """A device that is up keeps its name on older kernels."""
    network.near.run("sh", "-ec", "ip link set %s down; ip link set %s name %s; ip link set %s up" % (old, old, new, new))
    network.near.ip("addr replace %s/24 dev %s" % (network.NEAR[4], new))


def wait_until_measured(stage, dst, timeout=20, **keys):
    """Five more of them."""
    before = total(rows_to(stage, dst, **keys), "samples")
    wait_until(lambda: total(rows_to(stage, dst, **keys), "samples") > before + 5, timeout, lambda: stage.status())


def assert_not_measured(stage, dst, **keys):
    """What was under way is published first."""
    stage.wait_for_publications(2)
    before = total(rows_to(stage, dst, **keys), "samples")
    stage.wait_for_publications(2)
    assert total(rows_to(stage, dst, **keys), "samples") == before


def test_an_interface_is_renamed_away_and_back(place):
    network, stage = place
    with supervised(stage, ON_NEAR0) as supervisor, conversation(network.near, network.far, "10.77.0.2"):
        pid = supervisor.state()[1]
        wait_until_measured(stage, "10.77.0.2")
        rename(network, "near0", "other0")
        stage.wait_for_state("failed", "there is no interface near0")
        # The connection goes on over it, but that is none of near0's.
        assert_not_measured(stage, "10.77.0.2")
        check = stage.check()
        assert check.service_status == "CRITICAL" and "no interface near0" in check.service_message
        assert captures(stage) == []
        rename(network, "other0", "near0")
        stage.wait_for_state("capturing")
        wait_until_measured(stage, "10.77.0.2")
        assert stage.check().service_status == "OK"
        assert supervisor.state() == ("RUNNING", pid)


def captures(stage):
    """The packet sockets that are open on the stage's network."""
    return stage.run("cat", "/proc/net/packet").splitlines()[1:]


def test_a_renamed_one_is_let_go_of_however_much_comes_in():
    """The ring never runs empty: what would wait for that would go on under the old name."""
    with Place() as place, supervised(place.stage, TEXT % "") as supervisor:
        stage, pid = place.stage, supervisor.state()[1]
        stage.kill("STOP", pid)
        place.near.run("sh", "-ec", "ip link set gm0 down; ip link set gm0 name other0; ip link set other0 up")
        with place.far.start(SENDER, "--packets", 10**9, "--payload", SMALL, "gm1", LOCAL, FIRST_PEER):
            wait_until(lambda: received(place.near, "other0") > 100000, what="a flood")
            stage.kill("CONT", pid)
            wait_until(lambda: captures(stage) == [], 3, lambda: "no capture: %s" % captures(stage))
        stage.wait_for_state("failed", "there is no interface gm0")


def received(host, device):
    """Packets, since it was made."""
    link, = json.loads(host.run("ip", "-s", "-j", "link", "show", device))
    return link["stats64"]["rx"]["packets"]


def test_another_one_takes_the_name(place):
    """The packets are the one's then and the other's now: each under the name that it has."""
    network, stage = place
    text = ON_NEAR0 + INSTANCE % ("other0", "10.77.0.2", "n:2")
    with supervised(stage, text, "degraded") as supervisor, conversation(network.near, network.far, "10.77.0.2"):
        pid = supervisor.state()[1]
        wait_until_measured(stage, "10.77.0.2", iface="near0")
        rename(network, "near0", "other0")
        network.near.ip("link add near0 type veth peer name near1")
        network.near.ip("link set near0 up")
        wait_until_measured(stage, "10.77.0.2", iface="other0")
        assert_not_measured(stage, "10.77.0.2", iface="near0")
        stage.wait_for_state("capturing")
        assert supervisor.state() == ("RUNNING", pid)


def test_it_comes_goes_and_comes_again_with_traffic(place):
    network, stage = place
    with supervised(stage, ON_NEAR0) as supervisor, network.serve():
        pid = supervisor.state()[1]
        for times in (1, 2):
            network.exchange(count=10)
            stage.wait_for_status(lambda s, n=times: total(s["peers"], "timed") >= 11 * n)
            network.near.ip("link del near0")
            stage.wait_for_state("failed", "there is no interface near0")
            assert stage.check().service_status == "CRITICAL"
            network.join(network.near, "near0", network.NEAR)
            network.change_delay("2ms")
            stage.wait_for_state("capturing")
        network.exchange(count=10)
        stage.wait_for_status(lambda s: total(s["peers"], "timed") >= 33)
        assert supervisor.state() == ("RUNNING", pid)


DOWN = "the interface near0 is down; bring it up"


def test_it_goes_down_and_comes_up_again_with_traffic(place):
    """A connection that outlives it and one that begins after it are measured, and what is on another interface all the time."""
    network, stage = place
    text = ON_NEAR0 + INSTANCE % ("lo", "127.4.0.1", "n:2")
    with contextlib.ExitStack() as undo:
        supervisor = undo.enter_context(supervised(stage, text))
        undo.enter_context(conversation(network.near, network.far, "10.77.0.2"))
        beside = undo.enter_context(conversation(stage, stage, "127.4.0.1"))
        pid = supervisor.state()[1]
        for times in (1, 2):
            wait_until_measured(stage, "10.77.0.2")
            network.near.ip("link set near0 down")
            status = stage.wait_for_state("degraded", DOWN)
            assert [i["state"] for i in status["instances"]] == ["failed", "capturing"]
            for python in (2, 3):
                on_near0, on_lo = stage.checks(python)
                assert (on_near0.status, on_near0.service_status) == ("ERROR", "CRITICAL") and DOWN in on_near0.service_message
                assert on_near0.gauges(iface="near0") == {}
                assert (on_lo.status, on_lo.service_status) == ("OK", "OK") and on_lo.gauges(iface="lo"), on_lo
            assert_not_measured(stage, "10.77.0.2")
            assert len(captures(stage)) == 1, "that of lo"
            network.near.ip("link set near0 up")
            status = stage.wait_for_state("capturing")
            assert status["instances"][0]["error"] == ""
            wait_until_measured(stage, "10.77.0.2", 60)  # TCP tries again after twice as long as the last time
            with network.serve(port=5000 + times):
                said = network.exchange(port=5000 + times, count=10)
            stage.wait_for_status(lambda s, n=1 + times: rows_to(stage, "10.77.0.2")[0]["flows"] >= 2 * n - 1)
            assert said["total_retrans"] > 0 or rows_to(stage, "10.77.0.2")[0]["handshake_samples"] == 1 + times
            assert [check.service_status for check in stage.checks()] == ["OK", "OK"]
        row, = rows_to(stage, "10.77.0.2")
        assert row["flows"] == 5, "the one that goes on is picked up in the middle, twice, and two begin"
        assert 2 <= row["rtt_ms"]["min"] and row["rtt_ms"]["max"] < 500, "no round trip lasts as long as it was down"
        beside.wait_until_all_is_measured(lambda: rows_to(stage, "127.4.0.1"))
        assert stage.read(LOG).count("near0: capturing with a ring") == 3 and supervisor.state() == ("RUNNING", pid)


def test_it_goes_down_for_a_moment(place):
    """Too short to be seen as a state, now and then: it is measured all the same."""
    network, stage = place
    with supervised(stage, ON_NEAR0) as supervisor, network.serve():
        pid = supervisor.state()[1]
        for pause_s in 2 * (0, 0.2, 0.15, 0.1, 0.05):  # at the end the capture is still open
            network.near.run("sh", "-ec", "ip link set near0 down; sleep %g; ip link set near0 up" % pause_s)
        stage.wait_for_state("capturing")
        network.exchange(count=20)
        stage.wait_for_status(lambda s: are_settled(s["peers"], 21))
        assert rows_to(stage, "10.77.0.2")[0]["handshake_samples"] == 1
        assert stage.status()["helper"]["error"] == "" and stage.check().service_status == "OK"
        assert supervisor.state() == ("RUNNING", pid)


def test_an_address_that_comes_is_ours_within_a_second(place):
    network, stage = place
    with supervised(stage, ON_NEAR0), network.serve(), network.serve(6):
        stage.configure(ON_NEAR0.replace("10.77.0.2", '10.77.0.2, "fd77::2"'))
        wait_until(lambda: stage.read(LOG).count("is in force") == 2, what=lambda: stage.read(LOG))
        for version, address, bits in ((4, "10.77.0.9", "24"), (6, "fd77::9", "64 nodad")):
            network.near.ip("addr add %s/%s dev near0" % (address, bits))
            time.sleep(WITHIN_S)
            said = network.exchange(version, count=20, bind=address)
            stage.wait_for_status(lambda s, src=address: are_settled([p for p in s["peers"] if p["src"] == src], 21))
            row, = rows_to(stage, network.FAR[version], src=address)
            assert row["handshake_samples"] == 1, "the first packet already"
            assert row["samples"] == 21 or said["total_retrans"] > 0


def test_an_address_that_goes_is_ours_no_longer():
    """Frames of it go on; only that it is not this host's any more makes the difference."""
    with Namespace() as near, Namespace() as far, Stage(near) as stage:
        near.ip("link add gm0 type veth peer name gm1 netns %d" % far.pid)
        near.ip("addr add 10.78.0.1/24 dev gm0")
        near.ip("addr add 10.78.0.5/24 dev gm0")
        near.ip("link set gm0 up")
        far.ip("link set gm1 up")

        def exchange(address, count):
            near.run(PYTHON3, SYSTEM / "frames.py", "gm0", far.pid, "gm1", address, "10.78.0.2", 2, count)

        with supervised(stage, ON_NEAR0.replace("near0", "gm0").replace("10.77", "10.78")):
            exchange("10.78.0.5", 10)
            stage.wait_for_status(lambda s: total(s["peers"], "samples") == 11)
            near.ip("addr del 10.78.0.5/24 dev gm0")
            time.sleep(WITHIN_S)
            assert stage.status()["instances"][0]["open_flows"] == 0, "the flow ends with it"
            exchange("10.78.0.5", 10)
            exchange("10.78.0.1", 10)  # the other one still is
            status = stage.wait_for_status(lambda s: total(s["peers"], "samples") >= 22)
            assert {p["src"]: p["samples"] for p in status["peers"]} == {"10.78.0.5": 11, "10.78.0.1": 11}
            assert status["instances"][0]["ignored"]["not_ours"] >= 22


def test_any_follows_what_comes(network):
    """Devices that were not there when `any` was opened, and addresses of theirs."""
    text = ON_NEAR0.replace("near0", "any").replace("10.77.0.2", "10.77.0.2, 10.78.0.2")
    with contextlib.ExitStack() as undo:
        stage, late = undo.enter_context(Stage(network.near)), undo.enter_context(Namespace())
        supervisor = undo.enter_context(supervised(stage, text))
        pid = supervisor.state()[1]
        network.near.ip("link add gm0 type veth peer name gm1 netns %d" % late.pid)
        network.near.ip("addr add 10.78.0.1/24 dev gm0")
        network.near.ip("link set gm0 up")
        late.ip("addr add 10.78.0.2/24 dev gm1")
        late.ip("link set gm1 up")
        time.sleep(WITHIN_S)
        server = undo.enter_context(late.start(PYTHON3, SYSTEM / "traffic.py", "server", "10.78.0.2", 5000))
        server.wait_for_output("ready")
        said = json.loads(network.near.run(PYTHON3, SYSTEM / "traffic.py", "client", "10.78.0.2", 5000, "--count", 20))
        stage.wait_for_status(lambda s: are_settled(s["peers"], 21))
        row, = rows_to(stage, "10.78.0.2")
        assert (row["iface"], row["src"]) == ("any", "10.78.0.1")
        assert row["samples"] == 21 or said["total_retrans"] > 0
        network.near.ip("link del gm0")
        undo.enter_context(network.serve())
        network.exchange(count=10)
        stage.wait_for_status(lambda s: any(p["dst"] == "10.77.0.2" and p["timed"] >= 11 for p in s["peers"]))
        assert stage.status()["helper"]["state"] == "capturing" and supervisor.state() == ("RUNNING", pid)
