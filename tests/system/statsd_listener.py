#!/usr/bin/env python3
"""statsd_listener.py ADDRESS PORT [BUFFER]: prints each datagram that arrives, with when it did, as a line of JSON.

Says "ready" and its port (PORT 0: a free one) first. BUFFER: bytes of the socket's buffer, where it may be larger than usual."""

import json
import socket
import sys
import time

SO_RCVBUFFORCE = 33  # of Linux; the module has no name for it


def main():
    address, port = sys.argv[1], int(sys.argv[2])
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as listener:
        for size in sys.argv[3:]:
            listener.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, int(size))
        listener.bind((address, port))
        print("ready %d" % listener.getsockname()[1], flush=True)
        while True:
            data = listener.recv(65536)
            print(json.dumps([time.monotonic(), data.decode("utf-8")]), flush=True)


if __name__ == "__main__":
    main()
