"""What is measured follows the host and the configuration: addresses, names, filters, whitelists, and many peers."""

import pytest

from network import Network
from processes import PYTHON3, SYSTEM, wait_until
from stage import SEGMENT, Stage

ON_NEAR0 = """
init_config: {resolve_names: false}
instances:
  - interface: near0
    ips: [10.77.0.0/24]
"""


def peer_samples(status, src):
    return sum(p["samples"] for p in status["peers"] if p["src"] == src)


def test_an_address_that_comes_later_is_ours():
    with Network("1ms") as network, Stage(network.near) as stage:
        stage.configure(ON_NEAR0)
        with stage.helper(), network.serve():
            stage.wait_for_state("capturing")
            network.near.ip("addr add 10.77.0.9/24 dev near0")
            network.exchange(count=20, bind="10.77.0.9")
            stage.wait_for_status(lambda s: peer_samples(s, "10.77.0.9") >= 20, what="samples of the new address")


def test_the_filter_and_the_whitelist_both_hold():
    with Network("1ms") as network, Stage(network.near) as stage:
        stage.configure(ON_NEAR0.replace("10.77.0.0/24", "10.77.0.2"))
        with stage.helper("-f=tcp port 5000"), network.serve(4, 5000), network.serve(4, 5001), network.serve(6, 5000):
            stage.wait_for_state("capturing")
            network.exchange(4, 5001, count=30)  # not in -f
            network.exchange(6, 5000, count=30)  # not in the whitelist
            network.exchange(4, 5000, count=30)
            status = stage.wait_for_status(lambda s: peer_samples(s, "10.77.0.1") >= 31)
            assert [(p["dst"], p["samples"], p["flows"]) for p in status["peers"]] == [("10.77.0.2", 31, 1)]
            instance, = status["instances"]
            assert instance["ignored"] == {}, "the kernel kept back what is not wanted"


def test_a_filter_that_does_not_compile_is_said_and_not_ignored(stage):
    stage.configure("init_config: {}\ninstances:\n  - interface: lo\n    all_peers: true\n")
    with stage.helper("-f=tcp and and") as helper:
        stage.wait_for_state("failed", "-f")
        assert helper.alive()
        assert stage.check().service_status == "CRITICAL"


def test_hosts_are_resolved_and_name_their_peers():
    with Network("1ms") as network, Stage(network.near) as stage:
        stage.write("/etc/hosts", "127.0.0.1 localhost\n10.77.0.2 far.example\nfd77::2 far.example\n")
        stage.configure(ON_NEAR0.replace("ips: [10.77.0.0/24]", "hosts: [far.example, no-such-host.invalid]"))
        with stage.helper(), network.serve(4), network.serve(6, 5001):
            # The name that does not resolve does not hinder the other, and is warned of.
            stage.wait_for_status(lambda s: s["instances"] and "no-such-host.invalid" in s["instances"][0]["warning"])
            network.exchange(4, count=20)
            network.exchange(6, 5001, count=20)
            status = stage.wait_for_status(lambda s: len(s["peers"]) == 2 and all(p["samples"] > 20 for p in s["peers"]))
            assert {p["dst"] for p in status["peers"]} == {"far.example"}
            check = stage.check()
            assert check.service_status == "WARNING"
            assert "no-such-host.invalid" in check.warnings[0] and "does not resolve" in check.warnings[0]


def test_an_instance_put_in_front_takes_nothing_from_the_other(stage):
    """Two instances on one interface: each keeps its own flows and rows whatever stands before it, and its name is not lent."""
    text = "init_config: {resolve_names: false}\ninstances:\n"
    one = "  - {interface: lo, ips: [127.1.0.0/24], tags: [which:one]}\n"
    two = "  - {interface: lo, ips: [127.2.0.0/24], tags: [which:two]}\n"
    stage.configure(text + one)
    with stage.helper():
        stage.wait_for_state("capturing")
        stage.run("python3", "-c", MANY_PEERS, "5")
        before = stage.wait_for_status(lambda s: len(s["peers"]) == 5)
        stage.configure(text + two + one)
        after = stage.wait_for_status(lambda s: len(s["instances"]) == 2 and s["instances"][1]["state"] == "capturing")
        assert [i["flows"] for i in after["instances"]] == [0, before["instances"][0]["flows"]]
        assert [p["samples"] for p in after["peers"]] == [p["samples"] for p in before["peers"]]
        # What is not wanted any more is not shown any more.
        stage.configure(text + two)
        stage.wait_for_status(lambda s: len(s["instances"]) == 1 and not s["peers"])


def test_rows_that_begin_anew_are_other_rows(stage):
    """Another exp_ttl begins all flows and rows anew in the same helper: readers must not take differences over that."""
    text = "init_config: {exp_ttl: 60}\ninstances:\n  - interface: lo\n    ips: [127.0.0.0/8]\n"
    births = []
    stage.configure(text)
    with stage.helper():
        stage.wait_for_state("capturing")
        for exp_ttl in (60, 61):
            stage.configure(text.replace("60", str(exp_ttl)))
            stage.wait_for_status(lambda s: exp_ttl == 60 or not s["peers"], what="rows anew")
            stage.run("python3", "-c", MANY_PEERS, "5")
            stage.wait_for_status(lambda s: len(s["peers"]) == 10)
            births.append({row["birth"] for row in stage.segment()["rows"]})
    assert len(births[0]) == len(births[1]) == 10 and not births[0] & births[1]


MANY_PEERS = """
import socket, sys
listeners = []
for n in range(int(sys.argv[1])):
    address = "127.1.%d.%d" % divmod(n, 250)
    listener = socket.create_server((address, 0))
    client = socket.create_connection(listener.getsockname(), source_address=("127.0.0.1", 0))
    server = listener.accept()[0]
    client.sendall(b"x"); server.recv(1); server.sendall(b"y"); client.recv(1)
    client.close(); server.close(); listener.close()
"""


def test_the_segment_grows_with_its_rows(stage):
    """Two rows a peer on the loopback: well over what the segment has room for at first. The check goes on undisturbed."""
    stage.configure("init_config: {resolve_names: false}\ninstances:\n  - interface: lo\n    ips: [127.0.0.0/8]\n")
    with stage.helper():
        stage.wait_for_state("capturing")
        small = int(stage.run("stat", "-c", "%s", SEGMENT))
        stage.run("python3", "-c", MANY_PEERS, "400")
        status = stage.wait_for_status(lambda s: len(s["peers"]) == 800, what="every peer has its rows")
        assert sum(p["samples"] for p in status["peers"]) >= 1600
        assert int(stage.run("stat", "-c", "%s", SEGMENT)) > 2 * small
        assert stage.run("ls", "/dev/shm").split() == ["go-metro"], "the smaller one is gone"
        check = stage.check()
        assert check.service_status == "OK", check
        assert len(check.gauges(iface="lo")) > 0


def test_two_interfaces_at_once():
    """One helper, traffic on both at the same time: each instance has its own, with the round trips of its own path."""
    with Network("20ms") as network, Stage(network.near) as stage:
        stage.configure(ON_NEAR0 + "  - {interface: lo, ips: [127.0.0.1], tags: [path:short]}\n")
        traffic = [PYTHON3, SYSTEM / "traffic.py"]
        with stage.helper(), network.serve(), stage.start(*traffic, "server", "127.0.0.1", 5001) as server:
            server.wait_for_output("ready")
            stage.wait_for_state("capturing")
            near = network.near.start(*traffic, "client", network.FAR[4], 5000, "--count", 0)
            with near, stage.start(*traffic, "client", "127.0.0.1", 5001, "--count", 0):
                first = stage.wait_for_status(lambda s: len(s["peers"]) == 2 and all(p["samples"] > 20 for p in s["peers"]))
                earlier = {p["iface"]: p["samples"] for p in first["peers"]}
                status = stage.wait_for_status(lambda s: all(p["samples"] > earlier[p["iface"]] + 20 for p in s["peers"]))
                checks = stage.checks()
    rows = {p["iface"]: p for p in status["peers"]}
    assert (rows["near0"]["src"], rows["near0"]["dst"]) == ("10.77.0.1", "10.77.0.2")
    assert (rows["lo"]["src"], rows["lo"]["dst"]) == ("127.0.0.1", "127.0.0.1")
    assert rows["near0"]["rtt_ms"]["min"] >= 20 > 5 > rows["lo"]["rtt_ms"]["p50"]
    assert [i["interface"] for i in status["instances"]] == ["near0", "lo"]
    assert all(i["state"] == "capturing" and i["open_flows"] > 0 for i in status["instances"])
    assert [(check.status, check.service_status) for check in checks] == [("OK", "OK")] * 2
    gauges = {iface: checks[0].gauges(iface=iface)["system.net.tcp.rtt.avg"] for iface in ("near0", "lo")}
    assert gauges["near0"] >= 20 > gauges["lo"], "smoothed, a stall of the machine included"
    assert "path:short" in checks[0].tags(iface="lo") and "path:short" not in checks[0].tags(iface="near0")


# Three connections that have ended, and one that stays open and says nothing more.
ENDED_AND_IDLE = """
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
def connection():
    client = socket.create_connection(listener.getsockname())
    server = listener.accept()[0]
    client.sendall(b"x"); server.recv(1); server.sendall(b"y"); client.recv(1)
    return client, server
for _ in range(3):
    for end in connection():
        end.close()
idle = connection()
print("ready", flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("ttls, stay", [("idle_ttl: 5, exp_ttl: 80", 3), ("idle_ttl: 80, exp_ttl: 5", 1),
                                        ("idle_ttl: 80, expired_ttl: 5", 1)])
def test_idle_and_ended_flows_leave_in_their_own_time(stage, ttls, stay):
    stage.configure("init_config: {%s}\ninstances:\n  - interface: lo\n    ips: [127.0.0.1]\n" % ttls)
    with stage.helper():
        stage.wait_for_state("capturing")
        with stage.start(PYTHON3, "-c", ENDED_AND_IDLE) as connections:
            connections.wait_for_output("ready")
            whole = stage.wait_for_status(lambda s: s["instances"][0]["flows"] == s["instances"][0]["open_flows"] >= 4)
            of_each = whole["instances"][0]["flows"] // 4
            stage.wait_for_status(lambda s: s["instances"][0]["open_flows"] == stay * of_each, what="%d stay" % stay)
            stage.wait_for_publications(3)
            assert stage.status()["instances"][0]["open_flows"] == stay * of_each, "and no other leaves"


def test_max_peers_bounds_the_rows(stage):
    stage.configure("init_config: {max_peers: 10}\ninstances:\n  - interface: lo\n    ips: [127.0.0.0/8]\n")
    with stage.helper():
        stage.wait_for_state("capturing")
        stage.run("python3", "-c", MANY_PEERS, "50")
        status = stage.wait_for_status(lambda s: s["instances"][0]["refused_peers"] > 0 and len(s["peers"]) == 11)
        other, = [p for p in status["peers"] if p["dst"] == "other"]
        assert other["samples"] > 0 and other["rtt_ms"]["avg"] is None, "counts only"
        wait_until(lambda: sum(p["flows"] for p in stage.status()["peers"]) >= 100, what="the totals add up")
