"""Capturing and publishing take turns in one loop: what comes meanwhile waits in the ring."""

from network import Namespace
from processes import PYTHON3
from stage import Stage

PEERS = 10000
# INTERFACE PEERS SECONDS: a SYN to each peer and its answer, again and again; the number of frames.
MANY_HANDSHAKES = """
import socket, struct, sys, time
peers, seconds = int(sys.argv[2]), float(sys.argv[3])
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind((sys.argv[1], 0))
def frame(source, target, sport, dport, flags, seq, ack):
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 40, seq & 0xffff, 0x4000, 64, 6, 0, source, target)
    return b"\\x02" * 12 + b"\\x08\\x00" + ip + struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 0xffff, 0, 0)
us, them, end, sent = 0x0a4d0001, 0xac100000, time.monotonic() + seconds, 0
while time.monotonic() < end:
    port = 1024 + sent // (2 * peers)
    for peer in range(peers):
        out.send(frame(us, them + peer, port, 80, 2, sent, 0))
        out.send(frame(them + peer, us, 80, port, 18, 7, sent + 1))
        sent += 2
print(sent)
"""


def test_no_packet_is_lost_to_publishing_many_peers():
    """The segment grows to its full size meanwhile, too."""
    with Namespace() as network:
        network.ip("link add near0 type veth peer name far0")
        network.ip("addr add 10.77.0.1/24 dev near0")
        network.ip("link set near0 up")
        network.ip("link set far0 up")
        with Stage(network) as stage:
            stage.configure("init_config: {max_peers: %d}\ninstances:\n  - interface: near0\n    ips: [172.16.0.0/12]\n" % PEERS)
            with stage.helper():
                stage.wait_for_state("capturing")
                sent = int(network.run(PYTHON3, "-c", MANY_HANDSHAKES, "near0", PEERS, 5, timeout=120))
                status = stage.wait_for_status(lambda s: s["instances"][0]["received"] >= sent, what="%d frames" % sent)
    instance, = status["instances"]
    assert len(status["peers"]) == PEERS
    assert (instance["dropped"], instance["received"]) == (0, sent)
    assert all(peer["samples"] > 0 for peer in status["peers"])
