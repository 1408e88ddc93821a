"""Capturing and publishing take turns in one loop: what comes meanwhile waits in the ring."""

from processes import PYTHON3, SYSTEM
from silence import quiet_helper

PEERS = 10000  # the default of max_peers


def test_no_packet_is_lost_to_publishing_many_peers():
    """The segment grows to its full size meanwhile, too."""
    with quiet_helper(1) as (stage, _):
        sent = int(stage.run(PYTHON3, SYSTEM / "handshakes.py", "veth0", "10.9.0.1", PEERS, 5, timeout=120))
        status = stage.wait_for_status(lambda s: s["instances"][0]["received"] >= sent, what="%d frames" % sent)
    instance, = status["instances"]
    assert (instance["dropped"], instance["received"]) == (0, sent)
    assert len(status["peers"]) == PEERS and all(peer["samples"] > 0 for peer in status["peers"])
