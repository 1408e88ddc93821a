#!/usr/bin/env python3
"""frames.py INTERFACE PEER_PID PEER_INTERFACE LOCAL PEER DELAY_MS COUNT [VLAN...]: a TCP connection made of raw Ethernet frames.

Plays both hosts of a request/response exchange: the local side's frames leave by INTERFACE, the peer's come in from
PEER_INTERFACE of the network namespace of process PEER_PID, DELAY_MS after the frame that they answer. With VLAN IDs every frame
carries these tags, the outermost first. Prints as JSON the median time from sending a segment to sending its ACK, in ms."""

import ctypes
import ipaddress
import json
import os
import socket
import statistics
import struct
import sys
import time

SYN, PSH, ACK = 2, 8, 16
LOCAL_PORT, PEER_PORT = 40000, 443


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Side:
    """One host: its socket, addresses and sequence number."""

    def __init__(self, packet_socket, address, port, mac, seq):
        self.socket, self.address, self.port, self.mac, self.seq = packet_socket, ipaddress.ip_address(address), port, mac, seq

    def send(self, other, flags, payload=b"", tags=()):
        ack = other.seq % 2**32 if flags & ACK else 0
        tcp = struct.pack("!HHIIBBHHH", self.port, other.port, self.seq % 2**32, ack, 5 << 4, flags, 65000, 0, 0) + payload
        pseudo = self.address.packed + other.address.packed + struct.pack("!BBH", 0, socket.IPPROTO_TCP, len(tcp))
        tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, socket.IPPROTO_TCP, 0)
        ip += self.address.packed + other.address.packed
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        # The outer one of two tags is a service tag (802.1ad).
        vlan = b"".join(struct.pack("!HH", 0x88A8 if n + 1 < len(tags) else 0x8100, tag) for n, tag in enumerate(tags))
        self.socket.send(other.mac + self.mac + vlan + struct.pack("!H", 0x0800) + ip + tcp)
        self.seq += len(payload) + (1 if flags & SYN else 0)
        return time.monotonic()


def open_interface(name):
    packet_socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    packet_socket.bind((name, 0))
    return packet_socket, packet_socket.getsockname()[4]


def main():
    interface, peer_pid, peer_interface, local_address, peer_address, delay_ms, count = sys.argv[1:8]
    tags = [int(tag) for tag in sys.argv[8:]]
    near, near_mac = open_interface(interface)
    namespace = os.open("/proc/%s/ns/net" % peer_pid, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(namespace, 0) != 0:
        sys.exit("frames: setns: " + os.strerror(ctypes.get_errno()))
    far, far_mac = open_interface(peer_interface)
    local = Side(near, local_address, LOCAL_PORT, near_mac, 2**32 - 150)  # it wraps on the way
    peer = Side(far, peer_address, PEER_PORT, far_mac, 70000)
    trips = []

    def exchange(flags, payload, answer_flags, answer):
        sent = local.send(peer, flags, payload, tags)
        time.sleep(float(delay_ms) / 1e3)
        trips.append((peer.send(local, answer_flags, answer, tags) - sent) * 1e3)

    exchange(SYN, b"", SYN | ACK, b"")
    local.send(peer, ACK, tags=tags)
    for _ in range(int(count)):
        exchange(PSH | ACK, b"request", PSH | ACK, b"answer")
        local.send(peer, ACK, tags=tags)
    print(json.dumps({"median_ms": statistics.median(trips), "count": len(trips)}))


if __name__ == "__main__":
    main()
