"""Each thing that can be wrong with a segment: its own error from the extension and message in the check, no value invented."""
from __future__ import absolute_import

import os
import socket
import struct
import threading

import metro_segment
import pytest

import segment_builder as builder
from segment_builder import HEADER, INSTANCE, Instance, ROW, Row, Segment, SNAPSHOT
from test_check import LOOPBACK, assert_critical, loopback

NOBODY = 65534
NEVER_NS = 2 ** 64 - 1


def whole(**options):
    return Segment([Row(samples_ms=[1.0])], [loopback()], **options)


def write_bytes(path, data):
    with open(path, 'wb') as stream:
        stream.write(data)
    os.chmod(path, 0o640)


def status_of(path):
    with pytest.raises(metro_segment.SegmentError) as caught:
        metro_segment.read(path)
    assert str(caught.value).startswith(path[-60:] if len(path) > 60 else path) or path[-60:] in str(caught.value)
    assert all(' ' <= character <= '~' for character in str(caught.value))
    return type(caught.value).__name__, caught.value.status


# ---- causes: (what is done to the path, class, status, a part of the message) ----

def nothing(path):
    pass




def folder(path):
    os.mkdir(path)


def fifo(path):
    os.mkfifo(path, 0o600)


def link(path):
    whole().write(path + '.real')
    os.symlink(path + '.real', path)


def unix_socket(path):
    here = os.getcwd()
    os.chdir(os.path.dirname(path))  # the name of a socket must be short
    try:
        socket.socket(socket.AF_UNIX).bind(os.path.basename(path))
    finally:
        os.chdir(here)


def empty(path):
    write_bytes(path, b'')


def text_file(path):
    write_bytes(path, b'# this is no segment, ' * 40)


def group_writable(path):
    whole().write(path)
    os.chmod(path, 0o660)


def spoil(**fields):
    def write(path):
        segment = whole()
        segment.spoilt = fields
        segment.write(path)
    return write


def spoil_snapshot(**fields):
    def write(path):
        segment = whole()
        segment.snapshot_spoilt = fields
        segment.write(path)
    return write


def flip(offset):
    """Spoils one byte at an offset from the file's start, the CRCs as they were."""
    def write(path):
        data = bytearray(whole().pack())
        data[offset] ^= 0x40
        write_bytes(path, bytes(data))
    return write


def cut(size):
    def write(path):
        write_bytes(path, whole().pack()[:size])
    return write


def longer(path):
    write_bytes(path, whole().pack() + b'\0')


def never_published(path):
    data = whole().pack()
    write_bytes(path, data[:HEADER.size] + b'\0' * (len(data) - HEADER.size))


def of_a_row(**fields):
    def write(path):
        Segment([Row(samples_ms=[1.0], **fields)], [loopback()]).write(path)
    return write


def all_other(path):
    """Each row is the one of all other peers: whoever holds two such copies against each other would have much to do."""
    rows = [Row('other', other=True, bits=0, birth=1 + n) for n in range(4)]
    Segment(rows, [loopback()]).write(path)


def of_the_future(seconds):
    def write(path):
        whole(age_s=-seconds).write(path)
    return write


def believed_for_ever(path):
    """Published once, long ago, with an interval under which that is no time at all."""
    segment = whole()
    segment.spoilt = {'publish_interval_ms': 2 ** 32 - 1, 'start_boottime_ns': 1}
    segment.snapshot_spoilt = {'boottime_ns': 1}
    segment.rows[0].last_sample_boottime_ns = 1
    segment.write(path)


def raw_name(path):
    """A name that is not ASCII, under a CRC that fits."""
    segment = whole()
    segment.instances[0].interface = 'l\x01'
    segment.write(path)


# The first generation is in the second half of the file.
FIRST = HEADER.size + len(whole().pack()[HEADER.size:]) // 2
INSTANCES, ROWS = FIRST + SNAPSHOT.size, FIRST + SNAPSHOT.size + 4 * INSTANCE.size
HISTOGRAMS = ROWS + 4 * ROW.size

CAUSES = [
    (nothing, 'Missing', 'missing', 'not running'),
    (folder, 'NotSegment', 'not_regular', 'folder'),
    (fifo, 'NotSegment', 'not_regular', 'FIFO'),
    (link, 'NotSegment', 'not_regular', 'symbolic link'),
    (unix_socket, 'NotSegment', 'not_regular', 'socket'),
    (empty, 'NotSegment', 'empty', 'empty'),
    (text_file, 'NotSegment', 'bad_magic', 'segment_path'),
    (group_writable, 'ForeignOwner', 'writable_by_others', '0660'),
    (spoil(magic=b'GoMetrX\0'), 'NotSegment', 'bad_magic', 'segment_path'),
    (spoil(abi_major=2), 'OtherABI', 'other_abi', 'ABI 2.1'),
    (spoil(abi_major=0), 'OtherABI', 'other_abi', 'ABI 0.1'),
    (spoil(crc=1), 'Corrupt', 'bad_header', 'CRC'),
    (spoil(version=b'2\x1b[31m'), 'Corrupt', 'bad_header', 'printable'),
    (spoil(boot_id=b'x' * 40), 'Corrupt', 'bad_header', 'printable'),
    (spoil(publish_interval_ms=99), 'Corrupt', 'corrupt', 'every 99 ms'),
    (spoil(publish_interval_ms=60001), 'Corrupt', 'corrupt', 'every 60001 ms'),
    (spoil(start_boottime_ns=NEVER_NS), 'Corrupt', 'corrupt', 'older than the start'),
    (spoil_snapshot(boottime_ns=0), 'Corrupt', 'corrupt', 'older than the start'),
    (of_the_future(60), 'Corrupt', 'corrupt', 's in the future'),
    (spoil_snapshot(boottime_ns=NEVER_NS), 'Corrupt', 'corrupt', 's in the future'),
    (believed_for_ever, 'Corrupt', 'corrupt', 'every 4294967295 ms'),
    (cut(HEADER.size - 1), 'Corrupt', 'truncated', 'fewer than its header'),
    (cut(HEADER.size), 'Corrupt', 'truncated', 'of the'),
    (cut(FIRST), 'Corrupt', 'truncated', 'of the'),
    (longer, 'Corrupt', 'bad_layout', 'its header says'),
    (never_published, 'Unpublished', 'unpublished', 'nothing yet'),
    (spoil_snapshot(sequence=1), 'Unpublished', 'unpublished', 'nothing yet'),
    (spoil_snapshot(crc=1), 'Corrupt', 'corrupt', 'CRC'),
    (spoil_snapshot(generation=2), 'Corrupt', 'corrupt', 'place'),
    (spoil_snapshot(state=0), 'Corrupt', 'corrupt', 'unknown state 0'),
    (spoil_snapshot(state=6), 'Corrupt', 'corrupt', 'unknown state 6'),
    (spoil_snapshot(instance_count=5), 'Corrupt', 'corrupt', 'instances'),
    (spoil_snapshot(row_count=2 ** 32 - 1), 'Corrupt', 'corrupt', 'rows'),
    (spoil_snapshot(row_count=0), 'Corrupt', 'corrupt', 'rows'),
    (spoil_snapshot(instances_crc=1), 'Corrupt', 'corrupt', 'instances'),
    (spoil_snapshot(rows_crc=1), 'Corrupt', 'corrupt', 'rows'),
    (spoil_snapshot(histograms_crc=1), 'Corrupt', 'corrupt', 'histograms'),
    (spoil_snapshot(error=b'\xff'), 'Corrupt', 'corrupt', 'printable'),
    (spoil_snapshot(error=b'x' * 256), 'Corrupt', 'corrupt', 'printable'),
    (flip(FIRST + 8), 'Corrupt', 'corrupt', 'CRC'),
    (flip(INSTANCES + 100), 'Corrupt', 'corrupt', 'instances'),
    (flip(ROWS + 300), 'Corrupt', 'corrupt', 'rows'),
    (flip(HISTOGRAMS + 4), 'Corrupt', 'corrupt', 'histograms'),
    (of_a_row(instance=1), 'Corrupt', 'corrupt', 'instance 1'),
    (of_a_row(bits=129), 'Corrupt', 'corrupt', 'address'),
    (of_a_row(last_sample_boottime_ns=NEVER_NS), 'Corrupt', 'corrupt', 'newer than its snapshot'),
    (of_a_row(birth=5, first_birth=6), 'Corrupt', 'corrupt', 'row 0 was there before it was born'),
    (all_other, 'Corrupt', 'corrupt', 'row 1 is a second row of all other peers of instance 0'),
    (of_a_row(last_ns=2 ** 64 - 1), 'Corrupt', 'corrupt', 'a round trip of row 0 is impossible'),
    (of_a_row(srtt_ns=2 ** 37), 'Corrupt', 'corrupt', 'a round trip of row 0 is impossible'),
    (of_a_row(jitter_ns=2 ** 63), 'Corrupt', 'corrupt', 'a round trip of row 0 is impossible'),
    (raw_name, 'Corrupt', 'corrupt', 'printable'),
]
CAUSE_IDS = ['%d-%s' % (number, cause[2]) for number, cause in enumerate(CAUSES)]


@pytest.mark.parametrize('make, name, status, part', CAUSES, ids=CAUSE_IDS)
def test_cause(segment_path, make, name, status, part):
    make(segment_path)
    assert status_of(segment_path) == (name, status)
    with pytest.raises(getattr(metro_segment, name)) as caught:
        metro_segment.read(segment_path)
    assert isinstance(caught.value, metro_segment.SegmentError)
    assert part in str(caught.value)


@pytest.mark.parametrize('make, name, status, part', CAUSES, ids=CAUSE_IDS)
def test_cause_in_the_check(host, segment_path, make, name, status, part):
    make(segment_path)
    assert_critical(host([LOOPBACK], extended_metrics=True).run(), part)


def test_every_status_has_a_test():
    with open(os.path.join(os.path.dirname(__file__), '..', '..', 'native', 'segment_reader.h')) as header:
        statuses = set(line.split('"')[1] for line in header if line.strip().startswith('X(SEGMENT_'))
    # Below; no_space is in tests/system/test_states.py; a lack of memory is a MemoryError.
    elsewhere = {'ok', 'unreadable', 'foreign_owner', 'torn', 'no_space', 'no_memory'}
    assert statuses - elsewhere == set(cause[2] for cause in CAUSES)


# What describes the helper can be anything; its times must be possible; the rest must be what ABI 1 says, or fit into the file.
DESCRIBING = {'abi_minor', 'pid', 'reserved0', 'pid_start_ticks', 'start_realtime_ns', 'reserved'}
TIMES = {'start_boottime_ns', 'publish_interval_ms'}
# One less room than there is leaves a gap behind an array, which does no harm.
HARMLESS = {('instance_capacity', -1), ('row_capacity', -1)}
STEPS = (1, -1, 8, -8, 2 ** 15, 2 ** 31)


def numbers_of_the_header():
    packed = HEADER.unpack(whole().pack()[:HEADER.size])
    return [(name, value) for name, value in zip(builder.HEADER_FIELDS, packed)
            if not isinstance(value, bytes) and name != 'crc' and name not in DESCRIBING | TIMES]


@pytest.mark.parametrize('field, right', numbers_of_the_header())
def test_each_number_of_the_header_spoilt_under_a_crc_that_fits(segment_path, field, right):
    width = {'abi_major': 16}.get(field, 64 if 'offset' in field or field in ('file_size', 'snapshot_size') else 32)
    for step in STEPS:
        wrong = (right + step) % 2 ** width
        if wrong == right or (field, step) in HARMLESS:
            continue
        spoil(**{field: wrong})(segment_path)
        name, status = status_of(segment_path)
        if field == 'abi_major':
            assert (name, status) == ('OtherABI', 'other_abi')
        elif field == 'file_size':
            assert status == ('truncated' if wrong > right else 'bad_layout')
        else:
            # An offset that is possible leads to bytes that are none of a snapshot's.
            assert status == 'bad_layout' or ('offset' in field and status in ('corrupt', 'unpublished')), (wrong, status)


@pytest.mark.parametrize('field', sorted(DESCRIBING - {'reserved'}))
def test_numbers_that_describe_may_be_anything(segment_path, field):
    for value in (0, 1, 2 ** 16 - 1):
        spoil(**{field: value})(segment_path)
        snapshot = metro_segment.read(segment_path)
        assert snapshot.row_count == 1
        assert snapshot.rows()[0]['samples'] == 1


def test_truncated_at_every_byte_of_the_header(segment_path):
    data = whole().pack()
    for size in range(HEADER.size + 1):
        write_bytes(segment_path, data[:size])
        name, status = status_of(segment_path)
        assert (name, status) == (('NotSegment', 'empty') if size == 0 else ('Corrupt', 'truncated')), size


def test_each_byte_of_the_header_flipped(segment_path):
    data = bytearray(whole().pack())
    for offset in range(HEADER.size):
        data[offset] ^= 0x80
        write_bytes(segment_path, bytes(data))
        expected = 'bad_magic' if offset < 8 else 'other_abi' if offset < 10 else 'bad_header'
        assert status_of(segment_path)[1] == expected, offset
        data[offset] ^= 0x80


def test_random_damage_never_crashes(segment_path):
    import random
    chance = random.Random(11)
    data = whole().pack()
    for _ in range(60):
        spoilt = bytearray(data)
        for _ in range(chance.randrange(1, 4)):
            place = chance.choice([chance.randrange(HEADER.size), FIRST + chance.randrange(SNAPSHOT.size)])
            spoilt[place] = chance.randrange(256)
        write_bytes(segment_path, bytes(spoilt))
        try:
            metro_segment.read(segment_path).rows()
        except metro_segment.SegmentError:
            pass


def test_below_something_that_is_no_folder(tmpdir):
    write_bytes(str(tmpdir.join('file')), b'')
    assert status_of(str(tmpdir.join('file', 'segment'))) == ('Missing', 'missing')


def test_devices_are_not_opened():
    assert status_of('/dev/zero') == ('NotSegment', 'not_regular')


def test_a_half_written_snapshot_leaves_the_older_one(segment_path):
    segment = whole()
    first = segment.pack()
    segment.generation = 2
    segment.rows[0].add(5.0)
    second = segment.pack()
    both = bytearray(second[:FIRST] + first[FIRST:])
    write_bytes(segment_path, bytes(both))
    assert metro_segment.read(segment_path).generation == 2
    both[HEADER.size:HEADER.size + 8] = struct.pack('<Q', 5)  # the writer died in there
    write_bytes(segment_path, bytes(both))
    snapshot = metro_segment.read(segment_path)
    assert (snapshot.generation, snapshot.rows()[0]['samples']) == (1, 1)
    both[FIRST:FIRST + 8] = struct.pack('<Q', 7)
    write_bytes(segment_path, bytes(both))
    assert status_of(segment_path) == ('Torn', 'torn')


def test_torn_in_the_check(host, segment_path):
    data = bytearray(whole().pack())
    data[HEADER.size:HEADER.size + 8] = data[FIRST:FIRST + 8] = struct.pack('<Q', 3)
    write_bytes(segment_path, bytes(data))
    assert_critical(host([LOOPBACK]).run(), 'half written')


@pytest.fixture
def as_nobody():
    if os.getuid() != 0:
        pytest.skip('only root can become another user')
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


def open_to_all(tmpdir):
    """The folders that pytest made, too, so that it is the file that cannot be read."""
    folder_path = str(tmpdir)
    for _ in range(3):
        os.chmod(folder_path, 0o755)
        folder_path = os.path.dirname(folder_path)


def test_foreign_owner(segment_path):
    whole().write(segment_path)
    if os.getuid() != 0:
        pytest.skip('only root can give a file away')
    os.chown(segment_path, NOBODY, -1)
    assert status_of(segment_path) == ('ForeignOwner', 'foreign_owner')
    assert metro_segment.read(segment_path, owner=NOBODY).row_count == 1
    with pytest.raises(metro_segment.ForeignOwner):
        metro_segment.read(segment_path, owner=NOBODY - 1)


def test_foreign_owner_in_the_check(host, segment_path):
    if os.getuid() != 0:
        pytest.skip('only root can give a file away')
    whole().write(segment_path)
    os.chown(segment_path, NOBODY - 1, -1)
    assert_critical(host([LOOPBACK]).run(), 'uid %d' % (NOBODY - 1), 'remove it')


def test_unreadable(tmpdir, request):
    path = str(tmpdir.join('segment'))
    whole().write(path)
    os.chmod(path, 0)
    open_to_all(tmpdir)
    request.getfixturevalue('as_nobody')
    assert status_of(path) == ('Unreadable', 'unreadable')


def test_unreadable_in_the_check(host, tmpdir, segment_path, request):
    whole().write(segment_path)
    os.chmod(segment_path, 0)
    open_to_all(tmpdir)
    started = host([LOOPBACK])
    request.getfixturevalue('as_nobody')
    assert_critical(started.run(), 'cannot read it')


def test_other_threads_run_while_a_segment_is_read(segment_path):
    """A torn segment keeps the reader waiting; the interpreter's lock is not held meanwhile."""
    data = bytearray(whole().pack())
    data[HEADER.size:HEADER.size + 8] = data[FIRST:FIRST + 8] = struct.pack('<Q', 3)
    write_bytes(segment_path, bytes(data))
    counted, ended = [0], threading.Event()

    def count():
        while not ended.is_set():
            counted[0] += 1
            ended.wait(0.002)
    thread = threading.Thread(target=count)
    thread.start()
    try:
        before = counted[0]
        status_of(segment_path)
        during = counted[0] - before
    finally:
        ended.set()
        thread.join()
    assert during >= 5


def test_a_long_path(tmpdir):
    path = str(tmpdir.join('x' * 200))
    assert status_of(path) == ('Missing', 'missing')


def test_instances_of_a_stopped_helper_stay_readable(segment_path):
    Segment([Row(samples_ms=[1.0])], [Instance(3, 'eth0')], state=builder.STOPPED, age_s=5000).write(segment_path)
    snapshot = metro_segment.read(segment_path)
    assert (snapshot.state, snapshot.instances[0]['fingerprint'], snapshot.rows()[0]['last']) == ('stopped', 3, 1.0)
