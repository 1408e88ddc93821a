"""Our own pure ACKs do not leave the kernel, and no number is another for that: `live`, which does not see them, beside `read` of a
record of everything."""

import contextlib
import ipaddress
import signal
import socket
import struct
import time

import pytest

from network import Network
from processes import BUILD, PYTHON3, SYSTEM, run, wait_until
from stage import Stage
from test_live import end, live, objects, wait_until_it_captures

HELPER = BUILD / "go-metro"

# ADDRESS PORT: a peer that sends more than we read, so that it probes our window, and that keeps an idle connection alive.
PEER = """
import socket, sys, threading, time
def serve(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    threading.Thread(target=connection.sendall, args=(bytes(400000),), daemon=True).start()
    while connection.recv(65536):
        pass
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listener = socket.socket(family, socket.SOCK_STREAM)
listener.bind((sys.argv[1], int(sys.argv[2])))
listener.listen(4)
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""
# ADDRESS PORT: does not read for a while and says something now and then, about when the peer probes, so that some probes meet data
# in flight; then reads, and is idle, with keep-alives of its own, and speaks about when the peer's come.
WE = """
import socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
connection = socket.socket(family, socket.SOCK_STREAM)
connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20000)
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
connection.connect((sys.argv[1], int(sys.argv[2])))
for n in range(100):
    connection.sendall(b"x")
    time.sleep(0.005)
for n in range(15):
    time.sleep(0.195 + 0.004 * n)
    connection.sendall(b"x" * 100)
left = 400000
while left > 0:
    left -= len(connection.recv(4096))
    if left % 7 == 0:
        connection.sendall(b"y" * 3000)
for n in range(4):
    time.sleep(0.99 + 0.01 * n)
    connection.sendall(b"z" * 100)
time.sleep(2.5)
connection.close()
"""


def exchange(network, version, **options):
    with network.serve(version):
        network.exchange(version, **options)


def stall(network, version):
    with network.far.start(PYTHON3, "-c", PEER, network.FAR[version], 5001) as peer:
        peer.wait_for_output("ready")
        network.near.run(PYTHON3, "-c", WE, network.FAR[version], 5001)


TRAFFIC = {
    "requests": lambda network, version: exchange(network, version, count=60, interval=0.05),
    "download": lambda network, version: exchange(network, version, count=3, response=1500000),
    "upload": lambda network, version: exchange(network, version, count=3, request=1500000),
    "both ways": lambda network, version: exchange(network, version, count=30, request=60000, response=60000),
    "windows and keep-alives": stall,
}


def is_own_ack(frame, address):
    """Of frames without VLAN tags and IP options."""
    v4 = address.version == 4
    if frame[12:14] != (b"\x08\x00" if v4 else b"\x86\xdd") or frame[23 if v4 else 20] != socket.IPPROTO_TCP:
        return False
    tcp = frame[34 if v4 else 54:]
    length = struct.unpack_from("!H", frame, 16 if v4 else 18)[0] - (20 if v4 else 0)
    source = frame[26:30] if v4 else frame[22:38]
    return source == address.packed and length == tcp[12] // 16 * 4 and tcp[13] & 0x3F == 0x10


def packets_of(path):
    data = path.read_bytes()
    at = 24
    while at < len(data):
        size = struct.unpack_from("=I", data, at + 8)[0]
        yield data[at:at + 16], data[at + 16:at + 16 + size]
        at += 16 + size


def without_acks(path, address):
    """The record without them, and how many they were."""
    out, count = path.with_suffix(".rest"), 0
    with out.open("wb") as rest:
        rest.write(path.read_bytes()[:24])
        for head, frame in packets_of(path):
            if is_own_ack(frame, address):
                count += 1
            else:
                rest.write(head + frame)
    return out, count


def is_still(path):
    size = path.stat().st_size
    time.sleep(0.3)
    return path.stat().st_size == size


@contextlib.contextmanager
def recording(host, path):
    with host.start(PYTHON3, SYSTEM / "recorder.py", "near0", path) as recorder:
        recorder.wait_for_output("ready")
        yield recorder


def finish(recorder):
    recorder.signal(signal.SIGTERM)
    assert recorder.wait() == 0, recorder.err


def read(form, local, path):
    return objects(run([HELPER, "read", form, "--local", local, path]))


CASES = [(traffic, version, "near0") for traffic in sorted(TRAFFIC) for version in (4, 6)] + [("requests", 4, "any")]


@pytest.mark.parametrize("traffic, version, interface", CASES)
def test_no_number_is_another(traffic, version, interface, tmp_path):
    record = tmp_path / "all.pcap"
    local = Network.NEAR[version]
    with Network("20ms", jitter="2ms", loss=1, seed=7) as network:
        with live(network.near, "--samples", interface=interface) as samples, \
                live(network.near, "--json", interface=interface) as rows, recording(network.near, record) as recorder:
            wait_until_it_captures(network.near, samples, rows, others=1)
            TRAFFIC[traffic](network, version)
            wait_until(lambda: is_still(record), what="the last packet")
            end(samples)
            end(rows)
            finish(recorder)
            live_samples, live_total = objects(samples.out), objects(rows.out)[-1]
    rest, acks = without_acks(record, ipaddress.ip_address(local))
    all_rows, rest_rows = read("--json", local, record), read("--json", local, rest)
    whole = read("--samples", local, record)
    assert len(whole) > 3 and acks > 0
    # The record with and without them.
    assert read("--samples", local, rest) == whole
    assert rest_rows[:-1] == all_rows[:-1]
    # What came up of them.
    assert live_samples == whole
    assert live_total["tcp"] == rest_rows[-1]["tcp"]
    assert live_total["ignored"] == {} or set(live_total["ignored"]) == {"icmp"}
    for key in set(all_rows[-1]) - {"packets", "tcp", "ignored"}:
        assert live_total[key] == all_rows[-1][key], key


CONFIGURATION = """
init_config: {}
instances:
  - interface: near0
    ips: [10.77.0.2]
"""


def test_the_running_helper_follows_the_addresses(tmp_path):
    """An address that comes later is ours as well: what comes up is all but its ACKs."""
    record = tmp_path / "all.pcap"
    with Network("20ms") as network, network.serve(), Stage(network.near) as stage:
        stage.configure(CONFIGURATION)
        with stage.helper():
            stage.wait_for_state("capturing")
            network.near.ip("addr add 10.77.0.9/24 dev near0")
            wait_until(lambda: counted(stage, network, "10.77.0.9", record), what="the address is known to be ours")
            row = next(row for row in stage.status()["peers"] if row["src"] == "10.77.0.9")
    assert row["samples"] >= 21 and row["retransmits"] == 0


def counted(stage, network, address, record):
    """Whether of an exchange from the address all but our ACKs came up."""
    stage.wait_for_publications(1)
    before = stage.status()["instances"][0]["received"]
    with recording(network.near, record) as recorder:
        network.exchange(count=20, interval=0.05, bind=address)
        wait_until(lambda: is_still(record), what="the last packet")
        finish(recorder)
    stage.wait_for_publications(2)
    came_up = stage.status()["instances"][0]["received"] - before
    packets = sum(frame[12:14] == b"\x08\x00" for _, frame in packets_of(record))
    _, acks = without_acks(record, ipaddress.ip_address(address))
    assert acks > 15
    return came_up == packets - acks
