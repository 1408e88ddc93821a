"""pcap files of the simulator, record by record, and what can be done to them that must change no number."""

import struct

NANOSECONDS = 0xA1B23C4D
ETHERNET, IPV4_AT, IPV6_AT = 1, 14, 14
ETHERTYPE_IPV4, ETHERTYPE_IPV6 = 0x0800, 0x86DD


def read(path):
    """(time_ns, frame, length on the wire) of each packet; nanosecond files in this machine's byte order."""
    data = path.read_bytes()
    assert struct.unpack_from("<I", data)[0] == NANOSECONDS
    at = 24
    while at < len(data):
        seconds, fraction, captured, length = struct.unpack_from("<4I", data, at)
        yield seconds * 10**9 + fraction, data[at + 16:at + 16 + captured], length
        at += 16 + captured


def write(path, packets, order="<"):
    with path.open("wb") as out:
        out.write(struct.pack(order + "IHHiIII", NANOSECONDS, 2, 4, 0, 0, 262144, ETHERNET))
        for time_ns, frame, length in packets:
            out.write(struct.pack(order + "4I", time_ns // 10**9, time_ns % 10**9, len(frame), length) + frame)
    return path


def network_of(frame):
    """Where the TCP header is, and whether it is IPv4; of frames without VLAN tags, options or extension headers."""
    is_v4 = struct.unpack_from("!H", frame, 12)[0] == ETHERTYPE_IPV4
    return (IPV4_AT + 20 if is_v4 else IPV6_AT + 40), is_v4


def inserted(frame, length, at, extra):
    return frame[:at] + extra + frame[at:], length + len(extra)


def with_vlan(frame, length, tags=(0x8100 << 16 | 100,)):
    """802.1Q tags (type and TCI in one number), the outer first."""
    return inserted(frame, length, 12, b"".join(struct.pack("!I", tag) for tag in tags))


def with_options(frame, length):
    """Of IPv4 eight bytes of options, of IPv6 a hop-by-hop and a destination header of eight bytes each."""
    at, is_v4 = network_of(frame)
    frame = bytearray(frame)
    if is_v4:
        frame[14] = 0x47
        struct.pack_into("!H", frame, 16, struct.unpack_from("!H", frame, 16)[0] + 8)
        return inserted(bytes(frame), length, at, b"\x01\x01\x01\x01\x44\x04\x05\x00")
    struct.pack_into("!H", frame, 18, struct.unpack_from("!H", frame, 18)[0] + 16)
    frame[20] = 0
    padding = b"\x00\x01\x04\x00\x00\x00\x00"
    return inserted(bytes(frame), length, at, b"\x3c" + padding + b"\x06" + padding)


def shifted(frame, by, from_near):
    """Adds to every sequence number of the near host: SEQ of what it sends, ACK and SACK of what comes back."""
    at, _ = network_of(frame)
    frame = bytearray(frame)

    def add(place):
        struct.pack_into("!I", frame, place, (struct.unpack_from("!I", frame, place)[0] + by) % 2**32)

    if from_near:
        add(at + 4)
        return bytes(frame)
    if frame[at + 13] & 0x10:
        add(at + 8)
    option, end = at + 20, at + (frame[at + 12] >> 4) * 4
    while option < end:
        size = 1 if frame[option] == 1 else frame[option + 1]
        if frame[option] == 5:
            for place in range(option + 2, option + size, 4):
                add(place)
        option += size
    return bytes(frame)


def is_from(frame, address):
    """Whether the frame's source is that packed address."""
    at = 26 if network_of(frame)[1] else 22
    return frame[at:at + len(address)] == address
