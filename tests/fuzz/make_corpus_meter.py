#!/usr/bin/env python3
"""Writes the seeds of fuzz_meter.c into tests/fuzz/corpus/meter/ (or the folder named as argument)."""
import os
import sys

SYN, RST, ACK, FIN = 2, 4, 16, 1
TIMESTAMPS, SACK = 4, 1
AGAIN, LATER = 6, 7  # records without a segment


def segment(flow, side, length=0, flags=ACK, form=0, seq=b'\0', ack=b'\0', options=b'', after=9):
    """A record: `after` units of 100 us later; seq and ack: as take_offset() reads them, \\0 is what comes next."""
    return bytes([after << 3, flow << 1 | side, length // 8, flags, form]) + seq + ack + options


def back(by):
    return bytes([128]) + (-by % 65536).to_bytes(2, 'big')


def handshake(flow):
    return segment(flow, 0, flags=SYN) + segment(flow, 1, flags=SYN | ACK) + segment(flow, 0)


def stamps(value, echo):
    return bytes([value, echo])


HANDSHAKES = [handshake(flow) for flow in range(8)]
SEEDS = {
    'request': handshake(0) + segment(0, 0, 800) + segment(0, 1, 1600) + segment(0, 0),
    'bulk_v6': handshake(1) + b''.join(segment(1, 0, 1600, after=0) for _ in range(6)) + segment(1, 1) + segment(1, 0, flags=FIN | ACK),
    'retransmitted': handshake(0) + segment(0, 0, 800) + segment(0, 0, 800, seq=back(800)) + segment(0, 1),
    'told_apart': handshake(2) + segment(2, 0, 800, form=TIMESTAMPS, options=stamps(1, 0))
    + segment(2, 0, 800, form=TIMESTAMPS, seq=back(800), options=stamps(5, 0))
    + segment(2, 1, form=TIMESTAMPS, options=stamps(9, 5)),
    'sack': handshake(0) + segment(0, 0, 800) + segment(0, 0, 800) + segment(0, 0, 800)
    + segment(0, 1, form=TIMESTAMPS | SACK, ack=back(2400), options=stamps(1, 1) + b'\x80\x03\x20' + b'\x32')
    + segment(0, 0, 800, seq=back(2400)) + segment(0, 1),
    'duplicate_ack': handshake(0) + segment(0, 0, 800) + segment(0, 0, 800) + segment(0, 1, ack=back(1600))
    + segment(0, 1, ack=back(1600)) + segment(0, 1),
    'copies': handshake(0) + segment(0, 0, 800) + bytes([AGAIN]) + segment(0, 1) + bytes([AGAIN]),
    'refused': segment(3, 0, flags=SYN) + segment(3, 1, flags=RST | ACK),
    'over_the_bounds': b''.join(HANDSHAKES) + b''.join(segment(flow, 0, 80) + segment(flow, 1) for flow in range(8)),
    'times': handshake(0) + segment(0, 0, 800) + bytes([LATER, 1]) + segment(0, 1) + segment(0, 0, 8) + bytes([LATER, 0, 255])
    + segment(0, 0, 8) + bytes([LATER, 3, 0, 0, 1, 0]) + segment(0, 1) + bytes([LATER, 2, 3]),
    'busier_than_who_has_a_row': handshake(1) + handshake(3) + b''.join(
        handshake(5) + (segment(5, 0, 80) + segment(5, 1)) * 12 + bytes([LATER, 0, 5]) for _ in range(5)) + segment(1, 0, 80)
    + segment(5, 0, 80) + segment(5, 1) + segment(1, 1),
    'raw': bytes([5, 2, 20]) + bytes.fromhex('4500001400000000400100000a0000010a000002') + b'\0',
}


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus', 'meter')
    os.makedirs(folder, exist_ok=True)
    for name, seed in SEEDS.items():
        with open(os.path.join(folder, name), 'wb') as out:
            out.write(seed)


if __name__ == '__main__':
    main()
