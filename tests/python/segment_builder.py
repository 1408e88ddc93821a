"""Builds a segment file from plain values, by the letter of native/segment.h and with nothing of the helper's code.

    builder.Segment(rows=[builder.row(samples_ms=[1.0, 2.0])]).write(path)
"""
from __future__ import absolute_import, division

import os
import socket
import struct
import time

MAGIC = b'GoMetro\0'
HEADER = struct.Struct('<8sHHIQ4I2I3II2QQ3QIIQQQ40s32s52sI')
SNAPSHOT = struct.Struct('<4Q6I256s60sI')
INSTANCE = struct.Struct('<II64s256s256s9Q1024s3QI4s4Q')
REASON = struct.Struct('<24sQ')
ROW = struct.Struct('<II16s16sBBBBHHQQQ5Q8Q2Q3Q2QQ256sQ24s')
HISTOGRAM = struct.Struct('<449II')

HEADER_FIELDS = (
    'magic abi_major abi_minor header_size file_size snapshot_head_size instance_size row_size histogram_size instance_capacity '
    'row_capacity bucket_count bucket_min_exp bucket_sub_bits publish_interval_ms snapshot_offset0 snapshot_offset1 '
    'snapshot_size instances_offset rows_offset histograms_offset pid reserved0 pid_start_ticks start_boottime_ns '
    'start_realtime_ns boot_id version reserved crc').split()
SNAPSHOT_FIELDS = (
    'sequence generation boottime_ns realtime_ns state instance_count row_count instances_crc rows_crc histograms_crc error '
    'reserved crc').split()

STARTING, CAPTURING, DEGRADED, FAILED, STOPPED = 1, 2, 3, 4, 5
ALWAYS, OPEN, CLOSED = 0, 1, 2  # an instance's `sampling`
INSTANCE_COUNTERS = 'received dropped_kernel dropped_interface tcp flows open_flows refused_flows refused_peers pending'.split()
GIVEN = 'given_timed given_samples given_handshake_samples given_retransmits'.split()
SKIPS = ('covered', 'inexact', 'retransmitted', 'ambiguous', 'unacked', 'overflow', 'clock')
BUCKETS, MIN_EXP, MAX_EXP, SUB_BITS = 449, 9, 37, 4

assert (HEADER.size, SNAPSHOT.size, INSTANCE.size, ROW.size, HISTOGRAM.size) == (272, 376, 1744, 528, 1800)


def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = _crc_table()


def crc32c(data, crc=0):
    """CRC-32C by the book, one byte at a time (RFC 3720, appendix B.4)."""
    crc ^= 0xFFFFFFFF
    for byte in bytearray(data):
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def boottime_ns():
    with open('/proc/uptime') as uptime:
        return int(float(uptime.read().split()[0]) * 1e9)


def boot_id():
    with open('/proc/sys/kernel/random/boot_id') as stream:
        return stream.read().strip().encode('ascii')


def start_ticks(pid):
    with open('/proc/%d/stat' % pid) as stat:
        return int(stat.read().rpartition(')')[2].split()[19])


def bucket(ns):
    if ns < 1 << MIN_EXP:
        return 0
    exponent = min(int(ns).bit_length() - 1, MAX_EXP - 1)
    sub = min((int(ns) >> (exponent - SUB_BITS)) - (1 << SUB_BITS), (1 << SUB_BITS) - 1)
    return 1 + ((exponent - MIN_EXP) << SUB_BITS) + sub


def bucket_bounds_ns(number):
    def lower(n):
        exponent, sub = divmod(n - 1, 1 << SUB_BITS)
        return ((1 << SUB_BITS) + sub) << (MIN_EXP - SUB_BITS + exponent) if n else 0
    return lower(number), (lower(number + 1) if number + 1 < BUCKETS else 1 << MAX_EXP)


def address(text):
    if text is None:
        return 0, b'\0' * 16
    if ':' in text:
        return 6, socket.inet_pton(socket.AF_INET6, text)
    return 4, b'\0' * 10 + b'\xff\xff' + socket.inet_aton(text)


class Row(object):
    """A row that lives: add() takes in samples (ms), as peer.c would; what matters little to a reader is a plain field."""

    def __init__(self, dst='peer.example', dst_address='10.0.0.2', src='10.0.0.1', instance=0, birth=1, samples_ms=(),
                 other=False, dst_port=0, bits=128, age_s=1.0, life_s=5.0, **fields):
        self.instance, self.other, self.birth, self.dst_port, self.bits = instance, other, birth, dst_port, bits
        self.src, self.dst, self.dst_address = src, dst, dst_address
        self.age_s, self.life_s = age_s, life_s
        self.birth_realtime_ns = self.last_sample_boottime_ns = None  # else in place of life_s and age_s
        self.first_birth = None  # else of the row that had this one's place first
        self.flows = 1
        self.timed = self.samples = self.handshake_samples = self.retransmits = 0
        self.sum_ns = self.handshake_sum_ns = self.last_ns = self.min_ns = self.max_ns = 0
        self.srtt_ns = self.jitter_ns = self.window_min_ns = 0
        self.skipped = dict.fromkeys(SKIPS, 0)
        self.histogram = [0] * BUCKETS
        self.add(*samples_ms)
        for name, value in fields.items():
            assert hasattr(self, name), name
            setattr(self, name, value)

    def add(self, *samples_ms, **options):
        for sample in samples_ms:
            ns = int(round(sample * 1e6))
            self.srtt_ns = ns if not self.samples else self.srtt_ns + (ns - self.srtt_ns) // 8
            self.min_ns = ns if not self.samples else min(self.min_ns, ns)
            self.max_ns = max(self.max_ns, ns)
            self.window_min_ns = self.min_ns
            self.jitter_ns += (abs(ns - self.last_ns) - self.jitter_ns) // 16 if self.samples else 0
            self.last_ns = ns
            self.samples += 1
            self.timed += 1
            self.sum_ns = (self.sum_ns + ns) % 2 ** 64
            self.histogram[bucket(ns)] = (self.histogram[bucket(ns)] + 1) % 2 ** 32
            if options.get('handshake'):
                self.handshake_samples += 1
                self.handshake_sum_ns += ns
        return self

    def pack(self, now_ns, published_ns, realtime_ns):
        local_family, local = address(None if self.other else self.src)
        peer_family, peer = address(None if self.other else self.dst_address)
        sampled = max(1, min(published_ns, now_ns - int(self.age_s * 1e9))) if self.samples else 0
        sampled = sampled if self.last_sample_boottime_ns is None else self.last_sample_boottime_ns
        born = realtime_ns - int(self.life_s * 1e9) if self.birth_realtime_ns is None else self.birth_realtime_ns
        skips = [self.skipped[name] for name in SKIPS] + [0]
        return ROW.pack(
            self.instance, int(self.other), local, peer, local_family, peer_family, 0 if self.other else self.bits, 0,
            self.dst_port, 0, self.birth, born, sampled, self.flows, self.timed, self.samples,
            self.handshake_samples, self.retransmits, *(skips + [
                self.sum_ns, self.handshake_sum_ns, self.last_ns, self.min_ns, self.max_ns, self.srtt_ns, self.jitter_ns,
                self.window_min_ns, self.dst.encode('ascii'), self.first_birth or self.birth, b'']))


class Instance(object):
    def __init__(self, fingerprint=0, interface='eth0', state=CAPTURING, error='', warning='', ignored=(), sampling=ALWAYS,
                 sample_s=(0, 0), turn_in_s=0, **counters):
        self.fingerprint, self.interface, self.state = fingerprint, interface, state
        self.error, self.warning, self.ignored = error, warning, list(ignored)
        self.sampling, self.sample_s, self.turn_in_s = sampling, sample_s, turn_in_s  # the turn: after the publication
        self.counters = dict.fromkeys(INSTANCE_COUNTERS + GIVEN, 0)
        self.counters.update(counters)

    def pack(self, published_ns):
        turn_ns = published_ns + int(self.turn_in_s * 1e9) if self.sampling else 0
        reasons = b''.join(REASON.pack(name.encode('ascii'), count) for name, count in self.ignored)
        return INSTANCE.pack(self.fingerprint, self.state, self.interface.encode('ascii'), self.error.encode('ascii'),
                             self.warning.encode('ascii'), *(
                                 [self.counters[name] for name in INSTANCE_COUNTERS] + [reasons] + list(self.sample_s)
                                 + [turn_ns, self.sampling, b''] + [self.counters[name] for name in GIVEN]))


class Segment(object):
    """The file: everything that a test may want to be different is an attribute or an entry of header / snapshot."""

    def __init__(self, rows=(), instances=None, state=CAPTURING, error='', pid=None, age_s=0.2, uptime_s=3600.0,
                 row_capacity=None):
        self.rows = list(rows)
        self.instances = [Instance()] if instances is None else list(instances)
        self.state, self.error, self.age_s, self.uptime_s = state, error, age_s, uptime_s
        self.generation = 1
        self.pid = os.getpid() if pid is None else pid
        self.row_capacity = row_capacity
        now_ns, wall_ns = boottime_ns(), int(time.time() * 1e9)
        self.header = {
            'magic': MAGIC, 'abi_major': 1, 'abi_minor': 1, 'header_size': HEADER.size, 'snapshot_head_size': SNAPSHOT.size,
            'instance_size': INSTANCE.size, 'row_size': ROW.size, 'histogram_size': HISTOGRAM.size, 'instance_capacity': 4,
            'bucket_count': BUCKETS, 'bucket_min_exp': MIN_EXP, 'bucket_sub_bits': SUB_BITS, 'publish_interval_ms': 1000,
            'pid': self.pid, 'reserved0': 0, 'pid_start_ticks': start_ticks(os.getpid()) if pid is None else 1,
            'start_boottime_ns': max(1, now_ns - int((age_s + uptime_s) * 1e9)),
            'start_realtime_ns': wall_ns - int((age_s + uptime_s) * 1e9),
            'boot_id': boot_id(), 'version': b'2.0.0', 'reserved': b'',
        }
        self.spoilt = {}           # field of the header -> value; the CRC is made to fit
        self.snapshot_spoilt = {}  # the same for the snapshot

    def pack(self):
        capacity = self.row_capacity or max(4, len(self.rows))
        header = dict(self.header)
        instances_offset = SNAPSHOT.size
        rows_offset = instances_offset + header['instance_capacity'] * INSTANCE.size
        histograms_offset = rows_offset + capacity * ROW.size
        size = histograms_offset + capacity * HISTOGRAM.size
        header.update(row_capacity=capacity, snapshot_size=size, instances_offset=instances_offset, rows_offset=rows_offset,
                      histograms_offset=histograms_offset, snapshot_offset0=HEADER.size, snapshot_offset1=HEADER.size + size,
                      file_size=HEADER.size + 2 * size)
        header.update(self.spoilt)
        packed = HEADER.pack(*([header[name] for name in HEADER_FIELDS[:-1]] + [0]))[:-4]
        packed += struct.pack('<I', header.get('crc', crc32c(packed)))
        blank = b'\0' * size
        whole = self.pack_snapshot(size, rows_offset, histograms_offset)
        return packed + (blank + whole if self.generation % 2 else whole + blank)

    def pack_snapshot(self, size, rows_offset, histograms_offset):
        now_ns, wall_ns = boottime_ns(), int(time.time() * 1e9)
        published_ns = max(1, now_ns - int(self.age_s * 1e9))
        instances = b''.join(instance.pack(published_ns) for instance in self.instances)
        rows = b''.join(row.pack(now_ns, published_ns, wall_ns) for row in self.rows)
        histograms = b''.join(HISTOGRAM.pack(*(row.histogram + [0])) for row in self.rows)
        fields = {
            'sequence': 2 * self.generation, 'generation': self.generation, 'state': self.state,
            'error': self.error.encode('ascii'),
            'boottime_ns': published_ns, 'realtime_ns': wall_ns - int(self.age_s * 1e9),
            'instance_count': len(self.instances), 'row_count': len(self.rows), 'instances_crc': crc32c(instances),
            'rows_crc': crc32c(rows), 'histograms_crc': crc32c(histograms), 'reserved': b'',
        }
        fields.update(self.snapshot_spoilt)
        head = SNAPSHOT.pack(*([fields[name] for name in SNAPSHOT_FIELDS[:-1]] + [0]))[:-4]
        head += struct.pack('<I', fields.get('crc', crc32c(head[8:])))
        body = head + instances
        body += b'\0' * (rows_offset - len(body)) + rows
        body += b'\0' * (histograms_offset - len(body)) + histograms
        return body + b'\0' * (size - len(body))

    def write(self, path):
        """A new file renamed into place, as the helper would; the generation goes up."""
        data = self.pack()
        temporary = str(path) + '.new'
        with open(temporary, 'wb') as stream:
            stream.write(data)
        os.chmod(temporary, 0o640)
        os.rename(temporary, str(path))
        self.generation += 1
        return self
