#!/usr/bin/env python3
"""connections.py {INTERFACE LOCAL PEER}...: a TCP connection of each local address to its peer, over and over until it is ended.

Frames of a SYN and, 2 ms later, of its answer leave by the interface; no host needs to be there."""

import socket
import sys
import time

from handshakes import ACK, SYN, frame
from ipaddress import ip_address


def main():
    words, sockets = sys.argv[1:], {}
    ends = [(words[n], int(ip_address(words[n + 1])), int(ip_address(words[n + 2]))) for n in range(0, len(words), 3)]
    for name in {name for name, _, _ in ends}:
        sockets[name] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sockets[name].bind((name, 0))
    print("ready", flush=True)
    for turn in range(10**9):
        port = 20000 + turn % 20000
        for name, local, peer in ends:
            sockets[name].send(frame(local, peer, port, 443, SYN, turn, 0))
        time.sleep(0.002)
        for name, local, peer in ends:
            sockets[name].send(frame(peer, local, 443, port, SYN | ACK, 7, turn + 1))
        time.sleep(0.1)


if __name__ == "__main__":
    main()
