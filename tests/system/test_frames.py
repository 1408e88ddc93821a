"""Frames that the kernel here cannot make itself: with VLAN tags, of a peer that the filter must find behind them."""

import json

import pytest

from network import Namespace
from processes import PYTHON3, SYSTEM
from stage import Stage
from supervision import supervised

CONFIGURATION = """
init_config: {}
instances:
  - interface: gm0
    ips: [10.78.0.2]
"""
COUNT, DELAY_MS = 30, 5


@pytest.mark.parametrize("interface", ["gm0", "any"])
@pytest.mark.parametrize("tags", [[], [42], [100, 42]], ids=["untagged", "802.1Q", "QinQ"])
def test_vlan_tagged_frames(tags, interface):
    with Namespace() as near, Namespace() as far, Stage(near) as stage:
        near.ip("link add gm0 type veth peer name gm1 netns %d" % far.pid)
        near.ip("addr add 10.78.0.1/24 dev gm0")
        near.ip("link set gm0 up")
        far.ip("link set gm1 up")
        with supervised(stage, CONFIGURATION.replace("gm0", interface)):
            frames = [PYTHON3, SYSTEM / "frames.py", "gm0", far.pid, "gm1", "10.78.0.1"]
            sent = json.loads(near.run(*frames, "10.78.0.2", DELAY_MS, COUNT, *tags))
            near.run(*frames, "10.78.0.99", DELAY_MS, 5, *tags)  # nobody asked for that one
            status = stage.wait_for_status(lambda s: s["peers"] and s["peers"][0]["samples"] == COUNT + 1)
    row, = status["peers"]
    assert (row["src"], row["dst"], row["handshake_samples"]) == ("10.78.0.1", "10.78.0.2", 1)
    assert abs(row["rtt_ms"]["p50"] - sent["median_ms"]) <= 0.05 * sent["median_ms"] + 0.1
