#!/usr/bin/env python3
"""Writes the seeds of fuzz_packet.c into tests/fuzz/corpus/packet/ (or the folder named as argument)."""
import os
import struct
import sys

ETHERNET, COOKED, COOKED2, RAW, RAW_FILE, IPV4, IPV6, NULL, LOOP, UNKNOWN = range(10)  # as linktypes[] in fuzz_packet.c
TIMESTAMPS = b'\x01\x01\x08\x0a' + struct.pack('>II', 1000, 900)
SACK = b'\x01\x01\x05\x12' + struct.pack('>IIII', 1, 2, 3, 4)
SYN = b'\x02\x04\x05\xb4\x04\x02\x08\x0a' + struct.pack('>II', 1000, 0) + b'\x01\x03\x03\x07'
PAYLOAD = b'hello'


def tcp(flags, options=b'', payload=b''):
    offset = (20 + len(options)) // 4 << 4
    return struct.pack('>HHIIBBHHH', 40000, 443, 1, 2, offset, flags, 501, 0, 0) + options + payload


def ipv4(inner, protocol=6, length=None, options=b'', fragment=0x4000):
    total = 20 + len(options) + len(inner) if length is None else length
    header = struct.pack('>BBHHHBBH', 0x45 + len(options) // 4, 0, total, 7, fragment, 64, protocol, 0)
    return header + bytes([192, 0, 2, 1, 192, 0, 2, 2]) + options + inner


def ipv6(inner, following=6, length=None):
    size = len(inner) if length is None else length
    address = bytes.fromhex('20010db8000000000000000000000001')
    return struct.pack('>IHBB', 6 << 28, size, following, 64) + address + address[:-1] + b'\x02' + inner


def ethernet(inner, kind=0x0800, tags=()):
    head = b'\x02' * 12
    for tag_type, tci in tags:
        head += struct.pack('>HH', tag_type, tci)
    return head + struct.pack('>H', kind) + inner


def extension(following, body):
    return bytes([following, (len(body) - 6) // 8]) + body


DATA = tcp(0x18, TIMESTAMPS, PAYLOAD)
CHAIN = (extension(43, b'\x01\x04' + bytes(4)) + extension(60, b'\x00\x00' + bytes(4)) + extension(44, b'\x01\x04' + bytes(4))
         + b'\x33\x00\x00\x00\x00\x00\x00\x09' + b'\x06\x04' + bytes(22))
JUMBO = extension(6, b'\xc2\x04' + struct.pack('>I', 8 + len(DATA)))

SEEDS = {
    'ethernet_ipv4_data': (ETHERNET, 0, ethernet(ipv4(DATA))),
    'ethernet_ipv4_syn': (ETHERNET, 0, ethernet(ipv4(tcp(2, SYN)))),
    'ethernet_ipv4_sack_padded': (ETHERNET, 0, ethernet(ipv4(tcp(0x10, TIMESTAMPS + SACK)) + bytes(6))),
    'ethernet_ipv4_options': (ETHERNET, 0, ethernet(ipv4(DATA, options=b'\x07\x07\x04\x00\x00\x00\x00\x00'))),
    'ethernet_ipv4_tso': (ETHERNET, 255, ethernet(ipv4(DATA, length=0))),
    'ethernet_ipv4_fragment': (ETHERNET, 0, ethernet(ipv4(DATA, fragment=0x2000))),
    'ethernet_ipv4_icmp': (ETHERNET, 0, ethernet(ipv4(b'\x03\x01' + bytes(6) + ipv4(DATA), protocol=1))),
    'ethernet_qinq_ipv6': (ETHERNET, 0, ethernet(ipv6(DATA), 0x86dd, ((0x88a8, 5), (0x8100, 0x6006)))),
    'ethernet_ipv6_chain': (ETHERNET, 0, ethernet(ipv6(CHAIN + DATA, 0), 0x86dd)),
    'ethernet_ipv6_jumbo': (ETHERNET, 0, ethernet(ipv6(JUMBO + DATA, 0, length=0), 0x86dd)),
    'cooked_ipv4': (COOKED, 0, struct.pack('>HHH8sH', 0, 1, 6, b'', 0x0800) + ipv4(DATA)),
    'cooked2_vlan_ipv6': (COOKED2, 0, struct.pack('>HHIHBB8sHH', 0x8100, 0, 2, 1, 0, 6, b'', 9, 0x86dd) + ipv6(DATA)),
    'raw_ipv6': (RAW, 0, ipv6(DATA)),
    'null_ipv4': (NULL, 0, struct.pack('<I', 2) + ipv4(DATA)),
    'loop_ipv6': (LOOP, 0, struct.pack('>I', 24) + ipv6(DATA)),
}


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus', 'packet')
    os.makedirs(folder, exist_ok=True)
    for name, (link, extra, frame) in SEEDS.items():
        with open(os.path.join(folder, name), 'wb') as seed:
            seed.write(bytes([link, extra]) + frame)


if __name__ == '__main__':
    main()
