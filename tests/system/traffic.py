#!/usr/bin/env python3
"""traffic.py: request/response TCP traffic whose round trips the kernel itself reports.

    traffic.py server ADDRESS PORT
    traffic.py client ADDRESS PORT [--count N] [--interval S] [--request BYTES] [--response BYTES] [--bind ADDRESS]

Both ends use TCP_NODELAY, and cubic where they may. The server says "ready" and its port (PORT 0: a free one) and serves until it
is killed. The client sends --count requests (0: until SIGTERM or SIGINT), each after the answer to the one before, and prints one
JSON object: the connection's ports, what TCP_INFO says of it once nothing is in flight, and the median of the round trips that the
kernel took, by what TCP_INFO said after each answer."""

import argparse
import contextlib
import fcntl
import json
import os
import signal
import socket
import statistics
import struct
import sys
import termios
import threading
import time

REQUEST = struct.Struct("!II")  # length of the request with this head, length of the answer that is wanted
# struct tcp_info of linux/tcp.h: 8 bytes, then 32-bit fields; these are the places of those that we read.
TCP_INFO_WORDS = {"rtt_us": 15, "rttvar_us": 16, "total_retrans": 23, "min_rtt_us": 35}


def configure(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(PermissionError):  # without CAP_NET_ADMIN it must be among those that the administrator allows
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")


def receive_exactly(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            return None
        data += piece
    return data


def serve_connection(connection):
    with connection:
        while True:
            head = receive_exactly(connection, REQUEST.size)
            if head is None:
                return
            request, response = REQUEST.unpack(head)
            if receive_exactly(connection, request - REQUEST.size) is None:
                return
            connection.sendall(b"a" * response)


def server(arguments):
    family = socket.AF_INET6 if ":" in arguments.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        configure(listener)
        listener.bind((arguments.address, arguments.port))
        listener.listen(64)
        print("ready %d" % listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            configure(connection)
            threading.Thread(target=serve_connection, args=(connection,), daemon=True).start()


def wait_until_acknowledged(connection):
    deadline = time.monotonic() + 10
    while struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4))[0] > 0:
        if time.monotonic() > deadline:
            sys.exit("traffic: data is still not acknowledged after 10 s")
        time.sleep(0.001)


def tcp_info(connection):
    data = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 152)
    words = struct.unpack_from("=36I", data, 8)
    return {name: words[at] for name, at in TCP_INFO_WORDS.items()}


def unsmoothed(before_us, after_us):
    """The round trip, to 7 us, that made a tcpi_rtt another: srtt = 7/8 srtt + 1/8 rtt (RFC 6298). What the kernel smooths has one late
    answer in it for ten more; the median of what it took has not."""
    return 8 * after_us - 7 * before_us


def client(arguments):
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    smoothed_us = []
    request = REQUEST.pack(arguments.request, arguments.response) + b"q" * (arguments.request - REQUEST.size)
    source = (arguments.bind, 0) if arguments.bind else None
    with socket.create_connection((arguments.address, arguments.port), timeout=30, source_address=source) as connection:
        configure(connection)
        smoothed_us.append(tcp_info(connection)["rtt_us"])
        while not stopped.is_set() and (arguments.count == 0 or len(smoothed_us) <= arguments.count):
            connection.sendall(request)
            if receive_exactly(connection, arguments.response) is None:
                sys.exit("traffic: the server closed the connection")
            smoothed_us.append(tcp_info(connection)["rtt_us"])
            stopped.wait(arguments.interval)
        wait_until_acknowledged(connection)
        rtts_us = list(map(unsmoothed, smoothed_us, smoothed_us[1:]))
        result = {"port": connection.getsockname()[1], "peer_port": arguments.port, "exchanges": len(rtts_us)}
        result.update(tcp_info(connection), median_rtt_us=statistics.median(rtts_us) if rtts_us else None)
    print(json.dumps(result), flush=True)


def main():
    parser = argparse.ArgumentParser(description="request/response TCP traffic")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in (server, client):
        sub = commands.add_parser(command.__name__)
        sub.set_defaults(run=command)
        sub.add_argument("address")
        sub.add_argument("port", type=int)
    sub = commands.choices["client"]
    sub.add_argument("--count", type=int, default=200)
    sub.add_argument("--interval", type=float, default=0.002)
    sub.add_argument("--request", type=int, default=100)
    sub.add_argument("--response", type=int, default=400)
    sub.add_argument("--bind")
    arguments = parser.parse_args()
    # Where it is allowed: an answer that waits for a processor would be a longer round trip.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    arguments.run(arguments)


if __name__ == "__main__":
    main()
