"""A helper that has nothing to measure costs next to nothing."""

import pytest

import usage
from network import Namespace
from processes import wait_until
from stage import Stage

SECONDS = 5


def instances(count):
    return "".join("  - interface: veth%d\n    ips: [10.9.%d.0/24]\n" % (n, n) for n in range(count))


@pytest.mark.parametrize("count", [1, 8])
def test_a_helper_without_traffic_hardly_wakes(count):
    with Namespace() as network:
        for n in range(count):
            network.ip("link add veth%d type veth peer name far%d" % (n, n))
            network.ip("addr add 10.9.%d.1/24 dev veth%d" % (n, n))
            for name in ("veth", "far"):
                network.ip("link set %s%d up" % (name, n))
        with Stage(network) as stage:
            stage.configure("init_config: {}\ninstances:\n" + instances(count))
            with stage.helper() as helper:
                stage.wait_for_state("capturing")
                wait_until(lambda: usage.watch(helper.target(), 1).wakes <= 2, what="the links are up, with all their addresses")
                used = usage.watch(helper.target(), SECONDS)
    # Once a second it publishes, looks at its configuration and lets flows expire, all at one time; a ring without a packet, whose
    # block is due ten times a second, does not wake it. Half of the bound is for what else may happen.
    assert used.wakes <= 2 * SECONDS, used
    assert used.cpu_s < 0.01 * SECONDS, used  # it is a fiftieth of that
