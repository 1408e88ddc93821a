"""metro_segment: what it says of a whole segment, and the statistics of intervals."""
from __future__ import absolute_import, division

import os
import random

import metro_segment
import pytest

import segment_builder as builder
from segment_builder import Instance, Row, Segment

STATES = {builder.STARTING: 'starting', builder.CAPTURING: 'capturing', builder.DEGRADED: 'degraded', builder.FAILED: 'failed',
          builder.STOPPED: 'stopped'}
VALUES = ('last', 'avg', 'jitter', 'mean', 'p50', 'p95', 'p99', 'min', 'max', 'window_min', 'handshake')


def only(rows):
    row, = rows
    return row


def near(value):
    return pytest.approx(value, rel=1e-9)


# ---- Snapshot ----

def test_attributes(read, segment_path):
    instance = Instance(0xfedcba98, 'eth0', warning='w', ignored=[('udp', 3), ('arp', 2 ** 64 - 1)], received=10,
                        dropped_kernel=1, dropped_interface=2, tcp=5, flows=6, open_flows=4, refused_flows=7,
                        refused_peers=8, pending=9, given_timed=11, given_samples=12, given_handshake_samples=13,
                        given_retransmits=2 ** 64 - 1)
    failed = Instance(1, 'lo', state=builder.FAILED, error='gone')
    segment = Segment([Row()], [instance, failed], state=builder.DEGRADED, error='e', uptime_s=60)
    snapshot = read(segment)
    assert isinstance(snapshot, metro_segment.Snapshot)
    assert (snapshot.path, snapshot.state, snapshot.raw_state, snapshot.error) == (segment_path, 'degraded', 'degraded', 'e')
    assert (snapshot.pid, snapshot.version, snapshot.abi, snapshot.generation) == (os.getpid(), '2.0.0', '1.1', 1)
    assert snapshot.pid_start_ticks == builder.start_ticks(os.getpid())
    assert (snapshot.publish_interval_s, snapshot.row_count) == (1.0, 1)
    assert 0.15 < snapshot.age_s < 5
    assert snapshot.start_time == near(segment.header['start_realtime_ns'] / 1e9)
    assert snapshot.realtime - snapshot.start_time == pytest.approx(60, abs=5)
    assert snapshot.uptime_s == pytest.approx(60, abs=5)
    assert snapshot.instances[0] == {
        'index': 0, 'fingerprint': 0xfedcba98, 'interface': 'eth0', 'state': 'capturing', 'error': '', 'warning': 'w',
        'received': 10, 'dropped_kernel': 1, 'dropped_interface': 2, 'tcp': 5, 'flows': 6, 'open_flows': 4, 'refused_flows': 7,
        'refused_peers': 8, 'pending': 9, 'ignored': {'udp': 3, 'arp': 2 ** 64 - 1}, 'sampling': None, 'sample_open_s': 0,
        'sample_closed_s': 0, 'sample_left_s': 0, 'given_timed': 11, 'given_samples': 12, 'given_handshake_samples': 13,
        'given_retransmits': 2 ** 64 - 1}
    assert [snapshot.instances[1][name] for name in ('index', 'state', 'error')] == [1, 'failed', 'gone']
    assert type(snapshot.state) is type(snapshot.instances[0]['interface']) is str


def test_windows(read):
    instances = [Instance(sampling=builder.OPEN, sample_s=(60, 2 ** 64 - 1), turn_in_s=12.4),
                 Instance(sampling=builder.CLOSED, sample_s=(30, 270), turn_in_s=270), Instance(sampling=builder.CLOSED, turn_in_s=-5)]
    snapshot = read(Segment(instances=instances))
    names = ('state', 'sampling', 'sample_open_s', 'sample_closed_s', 'sample_left_s')
    assert [tuple(instance[name] for name in names) for instance in snapshot.instances] == [
        ('capturing', 'open', 60, 2 ** 64 - 1, 13), ('capturing', 'closed', 30, 270, 270), ('capturing', 'closed', 0, 0, 0)]


def test_a_segment_of_a_helper_before_there_were_windows(read):
    segment = Segment()
    segment.header['abi_minor'] = 0
    snapshot = read(segment)
    assert (snapshot.abi, snapshot.instances[0]['sampling']) == ('1.0', None)


@pytest.mark.parametrize('state', sorted(STATES))
def test_states(read, state):
    snapshot = read(Segment(state=state))
    assert (snapshot.state, snapshot.raw_state) == (STATES[state], STATES[state])


@pytest.mark.parametrize('state', sorted(STATES))
def test_stale_is_a_running_state_without_heartbeat(read, state):
    snapshot = read(Segment(state=state, age_s=11))
    assert (snapshot.state, snapshot.raw_state) == (STATES[state] if state == builder.STOPPED else 'stale', STATES[state])
    assert read(Segment(state=state, age_s=8)).state == STATES[state]


def test_stale_follows_the_publish_interval(read):
    segment = Segment(age_s=40)
    segment.header['publish_interval_ms'] = 10000
    assert read(segment).state == 'capturing'
    segment.age_s = 51
    assert read(segment).state == 'stale'


def test_another_boot(read):
    segment = Segment([Row(samples_ms=[1.0])])
    segment.header['boot_id'] = b'00000000-0000-4000-8000-000000000000'
    snapshot = read(segment)
    assert snapshot.age_s == float('inf') and snapshot.state == 'stale'
    assert only(snapshot.rows())['age_s'] == float('inf')


def test_a_heartbeat_as_new_as_the_reader_is_believed(read):
    """Who is held up after looking at its clock reads what was published since."""
    assert read(Segment(age_s=-0.9)).age_s < 5


def test_the_wall_clock_may_be_set(read):
    """No age and no life is told by it where it went back."""
    segment = Segment([Row(samples_ms=[1.0], birth_realtime_ns=2 ** 64 - 1)], uptime_s=60)
    segment.header['start_realtime_ns'] += 10 ** 15
    snapshot = read(segment)
    assert snapshot.uptime_s == pytest.approx(60, abs=5)
    assert only(snapshot.rows())['life_s'] is None
    assert only(read(Segment([Row(birth_realtime_ns=0)])).rows())['life_s'] is None


def test_attributes_are_read_only(read):
    snapshot = read(Segment())
    with pytest.raises((AttributeError, TypeError)):
        snapshot.state = 'capturing'
    with pytest.raises((AttributeError, TypeError)):
        del snapshot.state
    with pytest.raises(TypeError):
        metro_segment.Snapshot()


def test_the_newest_whole_snapshot_is_taken(read):
    segment = Segment()
    assert [read(segment).generation for _ in range(4)] == [1, 2, 3, 4]


def test_constants():
    assert (metro_segment.ABI_MAJOR, metro_segment.ABI_MINOR, metro_segment.DEFAULT_PATH) == (1, 1, '/dev/shm/go-metro')
    with open(os.path.join(os.path.dirname(__file__), '..', '..', 'native', 'version.h')) as header:
        assert '"%s"' % metro_segment.__version__ in header.read()


def test_crc32c():
    assert metro_segment.crc32c(b'') == 0
    assert metro_segment.crc32c(b'123456789') == 0xE3069283  # the check value of the catalogues
    assert metro_segment.crc32c(b'6789', metro_segment.crc32c(b'12345')) == 0xE3069283
    assert metro_segment.crc32c(b'\0' * 32) == 0x8A9136AA     # RFC 3720, B.4
    data = bytes(bytearray(random.Random(1).randrange(256) for _ in range(1000)))
    assert metro_segment.crc32c(data) == builder.crc32c(data)
    with pytest.raises(TypeError):
        metro_segment.crc32c(5)


# ---- rows ----

def test_row_of_a_whole_life(read):
    row = Row(samples_ms=[1.0, 2.0, 3.0], retransmits=4, life_s=7, age_s=2, birth=2 ** 63 + 1)
    row.add(6.0, handshake=True)
    row.skipped.update(covered=1, clock=7)
    row.timed, row.window_min_ns = 12, 900000
    got = only(read(Segment([row])).rows())
    assert got['instance'] == 0 and got['other'] is False
    assert (got['src'], got['dst'], got['dst_address'], got['dst_port']) == ('10.0.0.1', 'peer.example', '10.0.0.2', 0)
    assert (got['birth'], got['samples'], got['handshake_samples'], got['flows'], got['timed']) == (2 ** 63 + 1, 4, 1, 1, 12)
    assert got['retransmits'] == 4
    assert got['skipped'] == dict(dict.fromkeys(builder.SKIPS, 0), covered=1, clock=7)
    assert (got['last'], got['mean'], got['min'], got['max']) == (6.0, 3.0, 1.0, 6.0)
    assert (got['handshake'], got['window_min']) == (6.0, 0.9)
    assert (got['avg'], got['jitter']) == (near(row.srtt_ns / 1e6), near(row.jitter_ns / 1e6))
    assert 1.9 <= got['age_s'] < 22 and 6.7 <= got['life_s'] < 7.1
    assert sorted(got) == sorted(('instance other src dst dst_address dst_port birth life_s age_s samples handshake_samples '
                                  'flows timed retransmits skipped').split() + list(VALUES))


@pytest.mark.parametrize('fields, src, dst_address', [
    (dict(src='192.0.2.1', dst_address='198.51.100.7'), '192.0.2.1', '198.51.100.7'),
    (dict(src='2001:db8::1', dst_address='fe80::1'), '2001:db8::1', 'fe80::1'),
    (dict(dst_address='10.1.2.0', bits=96 + 24), '10.0.0.1', '10.1.2.0/24'),
    (dict(src='2001:db8::1', dst_address='2001:db8:5::', bits=48), '2001:db8::1', '2001:db8:5::/48'),
    (dict(other=True), None, None),
])
def test_addresses(read, fields, src, dst_address):
    row = only(read(Segment([Row(**fields)])).rows())
    assert (row['src'], row['dst_address']) == (src, dst_address)


def test_interval(read):
    row = Row(samples_ms=[1.0, 50.0], retransmits=4)
    row.add(70.0, handshake=True)
    row.skipped['covered'] = 2
    segment = Segment([row])
    earlier = read(segment)
    row.add(10.0, 12.0).add(20.0, handshake=True)
    row.retransmits += 3
    row.skipped['covered'] += 1
    later = read(segment)
    got = only(later.rows(since=earlier))
    assert (got['samples'], got['handshake_samples'], got['retransmits'], got['skipped']['covered']) == (3, 1, 3, 1)
    assert (got['last'], got['mean'], got['handshake']) == (20.0, 14.0, 20.0)
    low, high = builder.bucket_bounds_ns(builder.bucket(10e6))[0] / 1e6, builder.bucket_bounds_ns(builder.bucket(20e6))[1] / 1e6
    assert (got['min'], got['max']) == (low, high)
    assert low <= got['p50'] <= got['p95'] <= got['p99'] <= high
    median = builder.bucket_bounds_ns(builder.bucket(12e6))
    assert median[0] / 1e6 <= got['p50'] <= median[1] / 1e6
    assert only(later.rows())['samples'] == 6


def test_interval_bounds_are_narrowed_by_the_whole_life(read):
    row = Row(samples_ms=[5.0])
    segment = Segment([row])
    earlier = read(segment)
    row.add(3.01, 7.01)  # the least and the greatest of all
    got = only(read(segment).rows(since=earlier))
    assert (got['min'], got['max']) == (3.01, 7.01)
    assert 3.01 <= got['p50'] <= got['p99'] <= 7.01


def test_no_sample_no_value(read):
    segment = Segment([Row(samples_ms=[1.0]), Row(birth=2)])
    earlier = read(segment)
    segment.rows[0].retransmits += 1
    later = read(segment)
    for got in later.rows(since=earlier):
        assert [got[name] for name in VALUES] == [None] * len(VALUES)
    assert later.rows(since=earlier)[0]['retransmits'] == 1
    assert later.rows()[1]['age_s'] is None
    assert later.rows(since=later)[0]['samples'] == 0


def test_no_handshake_no_handshake_value(read):
    segment = Segment([Row(samples_ms=[1.0]).add(2.0, handshake=True)])
    earlier = read(segment)
    segment.rows[0].add(3.0)
    got = only(read(segment).rows(since=earlier))
    assert (got['last'], got['handshake_samples'], got['handshake']) == (3.0, 0, None)


def test_a_window_without_minimum_is_none(read):
    assert only(read(Segment([Row(samples_ms=[1.0], window_min_ns=0)])).rows())['window_min'] is None


def test_differences_are_modulo_the_fields_width(read):
    row = Row(samples_ms=[1.0], samples=2 ** 64 - 1, sum_ns=2 ** 64 - 1000000, retransmits=2 ** 64 - 2)
    row.histogram[builder.bucket(2e6)] = 2 ** 32 - 1
    segment = Segment([row])
    earlier = read(segment)
    row.samples, row.sum_ns, row.retransmits, row.last_ns, row.max_ns = 2, 5000000, 1, 2000000, 2000000
    row.histogram[builder.bucket(2e6)] = 2
    got = only(read(segment).rows(since=earlier))
    assert (got['samples'], got['mean'], got['retransmits']) == (3, 2.0, 3)
    assert got['p50'] == pytest.approx(2.0, rel=0.0625)


def test_rows_are_matched_wherever_they_stand(read):
    rows = [Row(dst='p%d' % number, birth=number + 1, samples_ms=[1.0]) for number in range(50)]
    random.Random(2).shuffle(rows)
    segment = Segment(rows)
    earlier = read(segment)
    random.Random(3).shuffle(rows)
    for number, row in enumerate(rows):
        row.add(*[2.0] * number)
    segment.rows = rows[10:] + [Row(dst='new', birth=99, samples_ms=[4.0, 5.0])]
    got = {row['dst']: row['samples'] for row in read(segment).rows(since=earlier)}
    assert got == dict({row.dst: number for number, row in enumerate(rows) if number >= 10}, new=2)


def test_a_row_of_another_birth_is_another_row(read):
    segment = Segment([Row(samples_ms=[1.0] * 9, birth=1)])
    earlier = read(segment)
    segment.rows = [Row(samples_ms=[1.0] * 4, birth=2)]
    assert only(read(segment).rows(since=earlier))['samples'] == 4


def test_a_row_stays_the_same_when_instances_come_before_its_own(read):
    segment = Segment([Row(samples_ms=[1.0] * 9, birth=1)], [Instance(2)])
    earlier = read(segment)
    segment.instances = [Instance(1), Instance(2)]
    segment.rows = [Row(samples_ms=[1.0] * 14, birth=1, instance=1)]
    assert only(read(segment).rows(since=earlier))['samples'] == 5


def make_room(segment, row, *samples_ms):
    """max_peers: the row `other` takes over what a row had counted that leaves for a busier one; seen by nobody before it left are
    these."""
    row.add(*samples_ms)
    other, instance = segment.rows[-1], segment.instances[0]
    for name in ('samples', 'timed', 'flows'):
        setattr(other, name, getattr(other, name) + getattr(row, name))
    for name in ('samples', 'timed'):
        instance.counters['given_' + name] += getattr(row, name)


def test_what_a_row_had_that_made_room_is_not_new_in_other(read):
    other, stays = Row(other=True, samples=40, timed=50), Row(birth=2, samples_ms=[1.0] * 5)
    leaves = Row(birth=3, samples_ms=[2.0] * 100)
    segment = Segment([stays, leaves, other])
    earlier = read(segment)
    make_room(segment, leaves, 2.0, 2.0)
    other.samples += 7
    other.timed += 9
    stays.add(1.0)
    segment.rows = [stays, Row(dst='new', birth=4, first_birth=3, samples_ms=[3.0] * 11), other]
    later = read(segment)
    assert [row['samples'] for row in later.rows()] == [6, 11, 149]
    got = later.rows(since=earlier)
    assert [(row['samples'], row['timed'], row['flows']) for row in got] == [(1, 1, 0), (11, 11, 1), (9, 11, 0)]
    assert got[2]['mean'] is None
    assert [row['samples'] for row in later.rows(since=earlier, counted=True)] == [1, 11, 9]
    other.samples += 1
    assert [row['samples'] for row in read(segment).rows(since=later)] == [0, 0, 1]


@pytest.mark.parametrize('rows', [[], [Row(dst='new', birth=5, samples_ms=[3.0] * 11)]])
def test_nor_if_who_made_it_leave_is_gone_as_well(read, rows):
    """By a new configuration, say: who has the place then, if anybody, came when it was free."""
    other, leaves = Row(other=True, samples=40, timed=50), Row(birth=2, samples_ms=[2.0] * 100)
    idle = Row(birth=3, samples_ms=[2.0] * 99)
    segment = Segment([leaves, idle, other])
    earlier = read(segment)
    make_room(segment, leaves, 2.0, 2.0)
    other.samples += 7
    other.timed += 9
    segment.rows = rows + [idle, other]
    got = read(segment).rows(since=earlier)[-1]
    assert (got['samples'], got['timed'], got['flows']) == (2 + 7, 2 + 9, 0)
    segment.rows = rows + [other]  # the other one may have made room, or it was idle
    got = read(segment).rows(since=earlier)[-1]
    assert (got['samples'], got['timed'], got['flows']) == (7, 9, 0)


@pytest.mark.parametrize('field, value', [('pid', 77), ('pid_start_ticks', 78), ('start_boottime_ns', 2),
                                          ('boot_id', b'00000000-0000-4000-8000-000000000000')])
def test_another_helper_begins_anew(read, field, value):
    segment = Segment([Row(samples_ms=[1.0] * 9)])
    earlier = read(segment)
    segment.header[field] = value
    later = read(segment)
    assert only(later.rows(since=earlier))['samples'] == 9
    assert later.continues(earlier) is False and later.continues(later) is True


def test_rows_of_one_instance(read):
    snapshot = read(Segment([Row(), Row(birth=2, instance=1), Row(birth=3)], [Instance(1), Instance(2)]))
    assert [row['birth'] for row in snapshot.rows(instance=0)] == [1, 3]
    assert [row['birth'] for row in snapshot.rows(None, 1)] == [2]
    assert snapshot.rows(instance=5) == []
    with pytest.raises(ValueError):
        snapshot.rows(instance=-1)
    with pytest.raises(TypeError):
        snapshot.rows(instance='0')


def test_only_the_values_that_are_named(read):
    row = Row(samples_ms=[1.0, 2.0], dst_port=80, retransmits=4)
    row.skipped.update(overflow=5)
    segment = Segment([row])
    earlier = read(segment)
    row.add(3.0)
    row.skipped.update(overflow=7, clock=1)
    later = read(segment)
    for since in (None, earlier):
        whole = only(later.rows(since=since))
        for name in whole:
            assert only(later.rows(since=since, names=[name])) == {name: whole[name]}
        assert only(later.rows(since=since, names=tuple(whole))) == whole
        for name in builder.SKIPS:
            assert only(later.rows(since=since, names=[name])) == {name: whole['skipped'][name]}
    assert only(later.rows(since=earlier, names=[u'overflow', 'p50', 'p50'])) == {
        'overflow': 2, 'p50': only(later.rows(since=earlier))['p50']}
    assert later.rows(names=()) == [{}]
    for wrong in (['nothing'], 'samples', [None], [5], ['src'] * 100):
        with pytest.raises(ValueError):
            later.rows(names=wrong)
    for wrong in (5, object()):
        with pytest.raises(TypeError):
            later.rows(names=wrong)


@pytest.mark.parametrize('counter', ['flows', 'timed', 'samples', 'retransmits', 'overflow', 'covered'])
def test_only_rows_that_counted(read, counter):
    rows = [Row(birth=birth, samples_ms=[1.0]) for birth in (1, 2, 3)] + [Row(birth=4, flows=0)]
    segment = Segment(rows)
    earlier = read(segment)
    assert read(segment).rows(since=earlier, counted=True) == []
    if counter in builder.SKIPS:
        rows[1].skipped[counter] += 1
    else:
        setattr(rows[1], counter, getattr(rows[1], counter) + 1)
    later = read(segment)
    assert [row['birth'] for row in later.rows(since=earlier, counted=True)] == [2]
    assert [row['birth'] for row in later.rows(since=earlier, counted=False)] == [1, 2, 3, 4]
    assert [row['birth'] for row in later.rows(counted=True)] == [1, 2, 3]  # the last has never had anything


def test_rows_have_the_address_of_their_own(read):
    sources = ['10.0.0.1', '10.0.0.1', '10.0.0.2', '::1', None, '10.0.0.1']
    rows = [Row(src=src or '10.0.0.9', other=src is None, birth=number + 1) for number, src in enumerate(sources)]
    assert [row['src'] for row in read(Segment(rows)).rows(names=['src'])] == sources


def test_since_must_be_earlier_and_of_the_same_path(read, tmpdir):
    segment = Segment([Row()])
    earlier, later = read(segment), read(segment)
    with pytest.raises(ValueError):
        earlier.rows(since=later)
    other = str(tmpdir.join('other'))
    Segment().write(other)
    with pytest.raises(ValueError):
        later.rows(since=metro_segment.read(other))
    for wrong in (5, 'x', object()):
        with pytest.raises(TypeError):
            later.rows(since=wrong)
        with pytest.raises(TypeError):
            later.continues(wrong)


def test_without_histograms(read):
    row = Row(samples_ms=[1.0, 4.0])
    segment = Segment([row])
    earlier, whole = read(segment, histograms=False), read(segment)
    got = only(earlier.rows())
    assert (got['min'], got['max'], got['mean'], got['p50']) == (1.0, 4.0, 2.5, None)
    row.add(3.0)
    for since, options in ((earlier, {'histograms': False}), (earlier, {}), (whole, {'histograms': False})):
        got = only(read(segment, **options).rows(since=since))
        assert (got['samples'], got['mean'], got['last']) == (1, 3.0, 3.0)
        assert [got[name] for name in ('min', 'max', 'p50', 'p95', 'p99')] == [None] * 5


def test_random_intervals_against_plain_arithmetic(read):
    chance = random.Random(7)
    for _ in range(30):
        before = [chance.lognormvariate(1, 2) for _ in range(chance.randrange(20))]
        between = [chance.lognormvariate(1, 2) for _ in range(chance.randrange(1, 40))]
        segment = Segment([Row(samples_ms=before)])
        earlier = read(segment)
        segment.rows[0].add(*between)
        got = only(read(segment).rows(since=earlier))
        between.sort()
        assert got['samples'] == len(between)
        assert got['mean'] == pytest.approx(sum(between) / len(between), rel=1e-5)
        assert between[0] / 1.0626 - 0.000513 <= got['min'] <= between[0] + 1e-6
        assert between[-1] - 1e-6 <= got['max'] <= max(between[-1] * 1.0626, 0.000513)
        for name, q in (('p50', 0.5), ('p95', 0.95), ('p99', 0.99)):
            exact = between[max(0, int(-(-q * len(between) // 1)) - 1)]
            assert exact / 1.0626 - 0.000513 <= got[name] <= exact * 1.0626 + 0.000513
            assert got['min'] <= got[name] <= got['max']


# ---- arguments ----

def test_owner(read):
    segment = Segment()
    for owner in (None, 0, 1000, 2 ** 32 - 2):
        read(segment, owner=owner)
    for wrong in (-1, 2 ** 32 - 1, 2 ** 40):
        with pytest.raises(ValueError):
            read(segment, owner=wrong)
    for wrong in ('root', [], 2 ** 70):
        with pytest.raises((TypeError, OverflowError)):
            read(segment, owner=wrong)


def test_paths(tmpdir):
    for name in (u'plain', u'K\xf6ln'):
        path = str(tmpdir) + u'/' + name
        Segment().write(str(tmpdir.join('made')))
        os.rename(str(tmpdir.join('made')).encode('utf-8'), path.encode('utf-8'))
        read_path = metro_segment.read(path).path
        assert (read_path.decode('utf-8') if isinstance(read_path, bytes) else read_path) == path
    for wrong in (None, 5, u'a\0b'):
        with pytest.raises((TypeError, ValueError)):
            metro_segment.read(wrong)
