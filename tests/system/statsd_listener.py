#!/usr/bin/env python3
"""statsd_listener.py ADDRESS PORT: prints each datagram that arrives, with when it did, as a line of JSON.

Says "ready" and its port (PORT 0: a free one) first."""

import json
import socket
import sys
import time


def main():
    address, port = sys.argv[1], int(sys.argv[2])
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((address, port))
        print("ready %d" % listener.getsockname()[1], flush=True)
        while True:
            data = listener.recv(65536)
            print(json.dumps([time.monotonic(), data.decode("utf-8")]), flush=True)


if __name__ == "__main__":
    main()
