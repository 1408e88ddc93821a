#!/usr/bin/env python3
"""tunnel.py NEAR_PID FAR_PID DELAY_MS: a TUN device in each of the network namespaces of two processes, and a path between them.

Both are called tun0. A packet that is sent into one comes out of the other half of DELAY_MS later. Says "ready" once they are
there; SIGTERM ends it, and they with it."""

import collections
import contextlib
import ctypes
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
NAME = b"tun0"
MTU = 65536


def open_tun(pid):
    namespace = os.open("/proc/%s/ns/net" % pid, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0) != 0:
        sys.exit("tunnel: setns: " + os.strerror(ctypes.get_errno()))
    os.close(namespace)
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH14x", NAME, IFF_TUN | IFF_NO_PI))
    return tun


def main():
    near, far = open_tun(sys.argv[1]), open_tun(sys.argv[2])
    delay = float(sys.argv[3]) / 2e3
    waiting = collections.deque()  # (when it is due, where it goes, packet); the delay is one, so they are in order
    print("ready", flush=True)
    while True:
        rest = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([near, far], [], [], rest)
        for tun in ready:
            waiting.append((time.monotonic() + delay, far if tun == near else near, os.read(tun, MTU)))
        while waiting and waiting[0][0] <= time.monotonic():
            _, tun, packet = waiting.popleft()
            with contextlib.suppress(OSError):  # it is not up yet
                os.write(tun, packet)


if __name__ == "__main__":
    main()
