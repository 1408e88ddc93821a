"""What the tests of submit_via: dogstatsd have in common: a configuration, and peers that are talked to all the time."""

from processes import PYTHON3

RTT = "system.net.tcp.rtt"
PROGRAM_NAME = "datadog-agent:go-metro"
ROUND_S = 30  # how often each row is sent

SENDING = """
init_config: {{submit_via: dogstatsd, statsd_ip: "{ip}", statsd_port: {port}, resolve_names: false{more}}}
instances:
"""
TO_PEERS = SENDING + "  - {{interface: lo, ips: [127.1.0.0/16], tags: [role:db]}}\n"

# Connections to so many peers, on each of which something is said all the time.
KEEP_TALKING = """
import socket, sys, time
pairs = []
for n in range(int(sys.argv[1])):
    listener = socket.create_server(("127.1.%d.%d" % divmod(n, 250), 0))
    client = socket.create_connection(listener.getsockname(), source_address=("127.0.0.1", 0))
    pairs.append((client, listener.accept()[0]))
print("ready", flush=True)
while True:
    for client, server in pairs:
        client.sendall(b"x"); server.recv(1); server.sendall(b"y"); client.recv(1)
    time.sleep(0.2)
"""


def talk(stage, peers):
    process = stage.start(PYTHON3, "-c", KEEP_TALKING, peers)
    stage.enter_context(process)
    process.wait_for_output("ready")
    return process
