#!/usr/bin/env python3
"""recorder.py INTERFACE FILE: every frame of an interface, both ways, into a pcap file with nanoseconds.

The time stamps are those that the kernel gives to every packet socket, so a frame has the same one here and in the helper. Says
"ready" when it records; SIGTERM ends it, once what was there has been written. For some ten thousand frames."""

import signal
import socket
import struct
import sys

SO_TIMESTAMPNS, SO_RCVBUFFORCE, ETH_P_ALL = 35, 33, 3
CAPTURED = 128


class Ended(Exception):
    """SIGTERM came."""


def end(*_):
    raise Ended


def write(out, frame, control, length):
    stamp = next(data for _, kind, data in control if kind == SO_TIMESTAMPNS)
    seconds, nanoseconds = struct.unpack("@ll", stamp)
    out.write(struct.pack("=4I", seconds, nanoseconds, len(frame), length) + frame)


def main():
    interface, path = sys.argv[1:]
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    packets.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
    packets.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    packets.bind((interface, ETH_P_ALL))
    signal.signal(signal.SIGTERM, end)
    with open(path, "wb", buffering=0) as out:
        out.write(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        print("ready", flush=True)
        try:
            while True:
                data, control, _, _ = packets.recvmsg(65536 + 64, 64)
                write(out, data[:CAPTURED], control, len(data))
        except Ended:
            packets.setblocking(False)
        try:
            while True:
                data, control, _, _ = packets.recvmsg(65536 + 64, 64)
                write(out, data[:CAPTURED], control, len(data))
        except BlockingIOError:
            pass


if __name__ == "__main__":
    main()
