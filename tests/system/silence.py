"""A helper on interfaces where nothing happens."""

import contextlib

import usage
from network import Namespace
from processes import wait_until
from stage import Stage


@contextlib.contextmanager
def quiet_helper(interfaces):
    """The stage and the helper, on veth0 and so on; what comes with new links and addresses is over."""
    with Namespace() as network:
        for n in range(interfaces):
            network.ip("link add veth%d type veth peer name far%d" % (n, n))
            network.ip("addr add 10.9.%d.1/24 dev veth%d" % (n, n))
            for name in ("veth", "far"):
                network.ip("link set %s%d up" % (name, n))
        with Stage(network) as stage:
            stage.configure("init_config: {}\ninstances:\n" + "".join(
                "  - interface: veth%d\n    ips: [10.9.%d.0/24, 172.16.0.0/12]\n" % (n, n) for n in range(interfaces)))
            with stage.helper() as helper:
                stage.wait_for_state("capturing")
                wait_for_silence(helper)
                yield stage, helper


def wait_for_silence(helper):
    wait_until(lambda: usage.watch(helper.target(), 1).wakes <= 2, what="it wakes once a second and for nothing else")
