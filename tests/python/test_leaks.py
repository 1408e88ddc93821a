"""Nothing that the extension hands out or throws is kept: 10,000 reads of each kind and more leave the process as it was."""
from __future__ import absolute_import

import ctypes
import gc
import os
import sys

import metro_segment
import pytest

from segment_builder import Instance, Row, Segment

MANY = 50000  # the leak of one short str a call becomes 2 MB
READS = 10000 if hasattr(sys, 'getallocatedblocks') else MANY  # 2.7 counts no blocks: its small objects show in what is resident
WARM_UP = 500
ROUNDS = 3  # resident memory may grow once, to where the allocators feel at ease; a leak grows in every round
ALLOWED_KIB = 512  # of resident memory, which grows in steps
ALLOWED_HEAP = 32 * 1024
ALLOWED_BLOCKS = 50


class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in (
        'arena', 'ordblks', 'smblks', 'hblks', 'hblkhd', 'usmblks', 'fsmblks', 'uordblks', 'fordblks', 'keepcost')]


def heap_bytes():
    """What malloc() has handed out and not got back, whatever it keeps in reserve."""
    mallinfo = ctypes.CDLL(None).mallinfo
    mallinfo.restype = Mallinfo
    info = mallinfo()
    return info.uordblks + info.hblkhd


def resident_kib():
    with open('/proc/self/status') as status:
        return next(int(line.split()[1]) for line in status if line.startswith('VmRSS:'))


def python_blocks():
    """Python's own small objects; 2.7 cannot tell."""
    return getattr(sys, 'getallocatedblocks', lambda: 0)()


def measure():
    gc.collect()
    return len(gc.get_objects()), python_blocks(), heap_bytes(), resident_kib()


def assert_no_leak(work, times=READS):
    for _ in range(WARM_UP):
        work()
    measure()
    for _ in range(ROUNDS):
        before = measure()
        for _ in range(times):
            work()
        objects, blocks, heap, resident = [after - then for after, then in zip(measure(), before)]
        if resident <= ALLOWED_KIB:
            break
    assert objects <= 5
    assert blocks <= ALLOWED_BLOCKS, '%d blocks more after %d calls' % (blocks, times)
    assert heap <= ALLOWED_HEAP, '%d bytes more after %d calls' % (heap, times)
    assert resident <= ALLOWED_KIB, '%d KiB more after %d calls' % (resident, times)


@pytest.fixture
def segment_path(tmpdir):
    """A long path, so that a copy of it that is lost shows."""
    return str(tmpdir.join('segment' * 25))


@pytest.fixture
def segment(segment_path):
    rows = [Row(dst='peer%d' % number, birth=number + 1, samples_ms=[1.0, 2.0]) for number in range(15)]
    rows.append(Row(other=True, birth=99))
    made = Segment(rows, [Instance(1, 'eth0', ignored=[('udp', 1), ('arp', 2 ** 64 - 1)]), Instance(2, 'lo')])
    made.write(segment_path)
    return made


def test_reads(segment, segment_path):
    assert_no_leak(lambda: metro_segment.read(segment_path, owner=1))


def test_reads_with_attributes(segment, segment_path):
    def work():
        snapshot = metro_segment.read(segment_path, histograms=False)
        return [getattr(snapshot, name) for name in dir(metro_segment.Snapshot)]
    assert_no_leak(work)


def test_rows(segment, segment_path):
    earlier = metro_segment.read(segment_path)
    for row in segment.rows:
        row.add(3.0)
    segment.rows.reverse()
    segment.write(segment_path)
    later = metro_segment.read(segment_path)

    def work():
        later.rows(since=earlier)
        later.rows(instance=1)
        later.rows(since=earlier, names=['src', 'overflow', 'skipped', 'p50'], counted=True)
        later.continues(earlier)
    assert_no_leak(work)


def test_read_and_rows_through_the_checks_life(segment, segment_path):
    kept = [metro_segment.read(segment_path)]

    def work():
        snapshot = metro_segment.read(segment_path)
        snapshot.rows(since=kept[0])
        kept[0] = snapshot
    assert_no_leak(work)


def failing(function, *arguments, **keywords):
    def work():
        try:
            function(*arguments, **keywords)
        except (metro_segment.SegmentError, ValueError, TypeError, OverflowError):
            return
        raise AssertionError('it did not fail')
    return work


def test_errors_of_the_segment(tmpdir):
    for name, make in (
            ('missing', lambda path: None), ('folder', os.mkdir), ('empty', lambda path: open(path, 'wb').close()),
            ('abi', lambda path: builder_with(abi_major=2).write(path)), ('header', lambda path: builder_with(crc=1).write(path)),
            ('layout', lambda path: builder_with(row_size=1).write(path))):
        path = str(tmpdir.join(name))
        make(path)
        assert_no_leak(failing(metro_segment.read, path), times=MANY)


def builder_with(**spoilt):
    segment = Segment()
    segment.spoilt = spoilt
    return segment


def test_errors_that_are_tried_again(tmpdir):
    """Each takes the reader's 70 ms, so they are fewer."""
    path = str(tmpdir.join('corrupt'))
    segment = Segment([Row(samples_ms=[1.0])])
    segment.snapshot_spoilt = {'rows_crc': 1}
    segment.write(path)
    work = failing(metro_segment.read, path)
    work()
    measure()
    before = measure()
    for _ in range(20):
        work()
    objects, _, heap, _ = [after - then for after, then in zip(measure(), before)]
    assert objects <= 5 and heap <= 8192  # one copy of the segment a read would be 80 KiB


def test_errors_of_arguments(segment, segment_path, tmpdir):
    earlier = metro_segment.read(segment_path)
    segment.write(segment_path)
    later = metro_segment.read(segment_path)
    other = str(tmpdir.join('other'))
    Segment().write(other)
    for work in (
            failing(metro_segment.read), failing(metro_segment.read, None), failing(metro_segment.read, u'a\0b'),
            failing(metro_segment.read, segment_path, owner='x'), failing(metro_segment.read, segment_path, owner=-1),
            failing(metro_segment.read, segment_path, nonsense=1), failing(earlier.rows, since=later),
            failing(later.rows, since=5), failing(later.rows, since=metro_segment.read(other)),
            failing(later.rows, instance='x'), failing(later.rows, instance=-1),
            failing(later.rows, names=5), failing(later.rows, names=['src', 'x']), failing(later.rows, names='x'),
            failing(later.continues, 5), failing(metro_segment.crc32c, 5), failing(metro_segment.crc32c, b'x', 'y')):
        assert_no_leak(work)


def test_crc32c():
    data = b'x' * 1000
    before = sys.getrefcount(data)
    assert_no_leak(lambda: metro_segment.crc32c(data, crc=7))
    assert sys.getrefcount(data) == before


def test_file_descriptors_are_closed(segment, segment_path, tmpdir):
    before = len(os.listdir('/proc/self/fd'))
    for _ in range(100):
        metro_segment.read(segment_path)
        failing(metro_segment.read, str(tmpdir))()
    assert len(os.listdir('/proc/self/fd')) == before
