"""Interfaces of every kind that a kernel here can make, live, with TCP over a path whose delay is known; and each of them by way of
`any`. What it cannot make is in test_frames.py (VLAN tags) and test_read.py (bonds, PPP)."""

import contextlib
import json

import pytest

from conversation import are_settled
from network import Network
from processes import PYTHON3, SYSTEM
from stage import Stage
from supervision import supervised

DELAY_MS, COUNT = 20, 40
CONFIGURATION = """
init_config: {resolve_names: false}
instances:
  - interface: %s
    ips: ["%s"]
"""
TRAFFIC = [PYTHON3, SYSTEM / "traffic.py"]


def veth(network, _undo):
    return "near0", network.NEAR[4], network.FAR[4]


def veth_v6(network, _undo):
    return "near0", network.NEAR[6], network.FAR[6]


def move_address_to(network, device):
    network.near.ip("addr flush dev near0")
    network.near.ip("addr add %s/24 dev %s" % (network.NEAR[4], device))
    network.near.ip("link set %s up" % device)
    return device, network.NEAR[4], network.FAR[4]


def bridge(network, _undo):
    network.near.ip("link add br0 type bridge")
    network.near.ip("link set near0 master br0")
    return move_address_to(network, "br0")


def macvlan(network, _undo):
    network.near.ip("link add mv0 link near0 type macvlan mode bridge")
    return move_address_to(network, "mv0")


def vxlan(network, _undo):
    for host, device, here, there, address in ((network.near, "near0", network.NEAR[4], network.FAR[4], "10.88.0.1"),
                                               (network.far, "far0", network.FAR[4], network.NEAR[4], "10.88.0.2")):
        host.ip("link add vx0 type vxlan id 42 local %s remote %s dev %s dstport 4789" % (here, there, device))
        host.ip("addr add %s/24 dev vx0" % address)
        host.ip("link set vx0 up")
    return "vx0", "10.88.0.1", "10.88.0.2"


def tun(network, undo):
    tunnel = undo.enter_context(network.near.start(PYTHON3, SYSTEM / "tunnel.py", network.near.pid, network.far.pid, DELAY_MS))
    tunnel.wait_for_output("ready")
    for host, here, there in ((network.near, "10.99.0.1", "10.99.0.2"), (network.far, "10.99.0.2", "10.99.0.1")):
        host.ip("addr add %s peer %s dev tun0" % (here, there))
        host.ip("link set tun0 up")
    return "tun0", "10.99.0.1", "10.99.0.2"


@pytest.mark.parametrize("by", ["its name", "any"])
@pytest.mark.parametrize("make", [veth, veth_v6, bridge, macvlan, vxlan, tun])
def test_a_device(make, by):
    with Network("%dms" % DELAY_MS) as network, contextlib.ExitStack() as undo:
        device, local, peer = make(network, undo)
        interface = device if by == "its name" else "any"
        stage = undo.enter_context(Stage(network.near))
        undo.enter_context(supervised(stage, CONFIGURATION % (interface, peer)))
        server = undo.enter_context(network.far.start(*TRAFFIC, "server", peer, 5000))
        server.wait_for_output("ready")
        said = json.loads(network.near.run(*TRAFFIC, "client", peer, 5000, "--count", COUNT, timeout=60))
        status = stage.wait_for_status(lambda s: are_settled(s["peers"], COUNT + 1))
        row, = status["peers"]
        check = stage.check()
    assert (row["iface"], row["src"], row["dst"], row["flows"]) == (interface, local, peer, 1)
    # The kernel's own retransmission (of a machine that stalls) is none of ours; captured twice (`any`) is not sent twice.
    assert row["retransmits"] == said["total_retrans"]
    if said["total_retrans"] == 0:
        assert (row["samples"], row["handshake_samples"], row["timed"]) == (COUNT + 1, 1, COUNT + 1)
    theirs_ms = said["median_rtt_us"] / 1e3
    assert DELAY_MS <= row["rtt_ms"]["min"] and abs(row["rtt_ms"]["p50"] - theirs_ms) <= 0.07 * theirs_ms + 0.1, said
    assert {"iface:" + interface, "src:" + local, "dst:" + peer} == check.tags(dst=peer) and check.status == "OK"
    if by == "any" and make in (bridge, macvlan):
        assert status["instances"][0]["ignored"]["duplicate"] > COUNT, "above and below"
