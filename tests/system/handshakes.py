#!/usr/bin/env python3
"""handshakes.py INTERFACE ADDRESS PEERS SECONDS: frames of a SYN to each of so many peers and of its answer, again and again.

Both leave by INTERFACE, ADDRESS being the opening side and the peers 172.16.0.0 and on. Prints the number of frames."""

import ipaddress
import socket
import struct
import sys
import time

ETHERNET = b"\x02" * 12 + b"\x08\x00"
SYN, ACK = 2, 16


def frame(source, target, sport, dport, flags, seq, ack):
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 40, seq & 0xFFFF, 0x4000, 64, socket.IPPROTO_TCP, 0, source, target)
    return ETHERNET + ip + struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 0xFFFF, 0, 0)


def main():
    interface, address, peers, seconds = sys.argv[1:]
    us, them, peers = int(ipaddress.ip_address(address)), int(ipaddress.ip_address("172.16.0.0")), int(peers)
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((interface, 0))
    end, sent = time.monotonic() + float(seconds), 0
    while time.monotonic() < end:
        port = 1024 + sent // (2 * peers)
        for peer in range(them, them + peers):
            out.send(frame(us, peer, port, 80, SYN, sent, 0))
            out.send(frame(peer, us, 80, port, SYN | ACK, 7, sent + 1))
            sent += 2
    print(sent)


if __name__ == "__main__":
    main()
