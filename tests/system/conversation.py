"""A connection that goes on while something else happens, and whether every one of its round trips was measured."""

import contextlib
import json

from processes import PYTHON3, SYSTEM, wait_until

TRAFFIC = [PYTHON3, SYSTEM / "traffic.py"]

# ADDRESS...: a connection to each of them from 127.0.0.1, with a request and its answer: two round trips of the client.
CALL = """
import socket, sys
for address in sys.argv[1:]:
    with socket.create_server((address, 0)) as listener:
        with socket.create_connection(listener.getsockname(), source_address=("127.0.0.1", 0)) as client:
            with listener.accept()[0] as server:
                client.sendall(b"x"); server.recv(1); server.sendall(b"y"); client.recv(1)
"""
OF_A_CALL = 2


def call(stage, *addresses):
    """On the stage's loopback."""
    stage.run(PYTHON3, "-c", CALL, *addresses)


class Conversation:
    """A client that asks and is answered until it is stopped."""

    def __init__(self, client):
        self.client = client
        self.said = None

    def finish(self):
        """What it says of itself: "exchanges", and what its kernel counted."""
        if self.said is None:
            status = self.client.stop()
            assert status == 0, self.client.err
            self.said = json.loads(self.client.out)
        return self.said

    def round_trips(self):
        """Each request, and the handshake."""
        return self.finish()["exchanges"] + 1

    def wait_until_all_is_measured(self, rows):
        """Ends it. rows(): the rows of `status` that are of it. No round trip is missing from them, none is there twice, and it
        was one connection all the time."""
        trips = self.round_trips()
        wait_until(lambda: are_settled(rows(), trips), what=lambda: "%d timed segments: %s" % (trips, rows()))
        found = rows()
        if self.said["total_retrans"] == 0:  # else this machine stalled, and Karn's rule leaves some out
            assert total(found, "samples") == trips, found
        assert total(found, "timed") == trips + self.said["total_retrans"], found


def total(rows, key):
    return sum(row[key] for row in rows)


def are_settled(rows, trips):
    """Whether so many segments were timed, and none of them waits for its ACK."""
    done = total(rows, "samples") + sum(sum(row["skipped"].values()) for row in rows)
    return trips <= total(rows, "timed") == done


def rows_to(stage, dst, **keys):
    """The rows of `status` to that peer, in which these keys have these values."""
    return [row for row in stage.status()["peers"] if row["dst"] == dst and all(row[key] == keys[key] for key in keys)]


@contextlib.contextmanager
def conversation(client_host, server_host, address, port=5000, interval=0.01, bind=None):
    """On hosts that start() processes: a Stage or a Namespace. The first answer need not have come yet."""
    with server_host.start(*TRAFFIC, "server", address, port) as server:
        server.wait_for_output("ready")
        options = ["--count", 0, "--interval", interval] + (["--bind", bind] if bind else [])
        with client_host.start(*TRAFFIC, "client", address, port, *options) as client:
            yield Conversation(client)
