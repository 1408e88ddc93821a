# -*- coding: utf-8 -*-
"""The check inside Agent v5 (our stand-in) and inside datadog_checks.base: what it submits and what it says."""
from __future__ import absolute_import, division

import csv
import json
import os
import re
import sys
import time

import pytest

import hosts
import segment_builder as builder
from segment_builder import Instance, Row, Segment

OK, WARNING, CRITICAL = 0, 1, 2
RTT = 'system.net.tcp.rtt'
LOOPBACK = {'interface': 'lo', 'ips': ['10.0.0.2'], 'tags': ['role:db']}


def fingerprint(interface='lo', pcap='', ips=('10.0.0.2',), hosts=(), local_nets=(), all_peers=0, promiscuous=0, group_by='peer',
                subnets=(), sample=(0, 0, 0)):
    """By the letter of native/fingerprint.h, from sorted lists."""
    lines = ['go-metro fingerprint 1', 'interface=' + interface, 'pcap=' + pcap]
    lines += ['ip=' + text for text in ips] + ['host=' + text for text in hosts] + ['local_net=' + text for text in local_nets]
    lines += ['all_peers=%d' % all_peers, 'promiscuous=%d' % promiscuous, 'group_by=' + group_by]
    lines += ['subnet_%s=%d' % (version, bits) for version, bits in zip(('v4', 'v6'), subnets)]
    lines += ['sample=%d' % sample[0], 'sample_duration=%d' % sample[1], 'sample_interval=%d' % sample[2]]
    return builder.crc32c(u''.join(line + u'\n' for line in lines).encode('utf-8'))


def loopback(**fields):
    return Instance(fingerprint(), interface='lo', **fields)


@pytest.fixture
def run_after(host, segment_path):
    """run_after(change, rows=..., **init_config): a first run, then change(segment), then the Result of a second run."""
    def run(change, rows=None, instances=(LOOPBACK,), **init_config):
        segment = Segment([Row(samples_ms=[1.0])] if rows is None else rows, [loopback()])
        segment.write(segment_path)
        started = host(list(instances), **init_config)
        assert [error for error in started.run().errors if error] == []
        change(segment)
        segment.write(segment_path)
        return started.run()
    return run


# ---- what is submitted ----

FILE = {'interface': 'file', 'pcap': '/var/tmp/a.pcap', 'ips': ['10.0.0.2']}


def of_file(**fields):
    return Instance(fingerprint('file', '/var/tmp/a.pcap'), interface='file', **fields)


def test_a_file_at_its_end_is_no_failure(host, segment_path):
    """What it says of itself goes to the service check; its rows are submitted while they are new, as any other."""
    read = '/var/tmp/a.pcap: read to its end: 6 packets'
    segment = Segment([Row(samples_ms=[1.0], age_s=1, life_s=2)], [of_file(state=builder.STOPPED, error=read)])
    segment.write(segment_path)
    started = host([FILE], extended_metrics=True)
    first, second = started.run(), None
    assert (first.statuses, first.values(RTT), first.values(RTT + '.samples')) == (['OK'], [1.0], [1])
    assert first.service_checks == [(OK, ['iface:file'], read)]
    segment.write(segment_path)
    second = started.run()
    assert (second.statuses, second.metrics, second.service_checks) == (['OK'], [], [(OK, ['iface:file'], read)])


def test_a_file_that_was_cut_off_is_a_warning(host, segment_path):
    Segment([Row(samples_ms=[1.0], age_s=1)], [of_file(state=builder.STOPPED, error='read to its end', warning='cut off')]).write(
        segment_path)
    result = host([FILE]).run()
    assert (result.statuses, result.warnings, result.values(RTT)) == (['WARNING'], [['cut off']], [1.0])


def test_a_file_that_cannot_be_read_is_critical(host, segment_path):
    Segment([], [of_file(state=builder.FAILED, error='/var/tmp/a.pcap: no such file')], state=builder.FAILED).write(segment_path)
    result = host([FILE]).run()
    (status, tags, message), = result.service_checks
    assert (result.statuses, result.metrics, status, tags) == (['ERROR'], [], CRITICAL, ['iface:file'])
    assert '/var/tmp/a.pcap: no such file' in message and message == result.errors[0]


def test_gauges_and_tags(run_after):
    result = run_after(lambda segment: segment.rows[0].add(2.0, 3.0))
    row = Row(samples_ms=[1.0, 2.0, 3.0])
    tags = ['dst:peer.example', 'iface:lo', 'role:db', 'src:10.0.0.1']
    assert sorted((name, value, sorted(have), kind) for name, value, have, kind in result.metrics) == [
        (RTT, 3.0, tags, 'gauge'),
        (RTT + '.avg', row.srtt_ns / 1e6, tags, 'gauge'),
        (RTT + '.jitter', row.jitter_ns / 1e6, tags, 'gauge'),
    ]
    assert result.statuses == ['OK']
    assert result.service_checks == [(OK, ['iface:lo', 'role:db'], None)]


def test_no_traffic_no_value(run_after):
    assert run_after(lambda segment: None).metrics == []


def test_a_first_run_takes_only_what_is_fresh(host, segment_path):
    Segment([Row(samples_ms=[1.0], age_s=10, life_s=900), Row(dst='old', birth=2, samples_ms=[9.0], age_s=16, life_s=900),
             Row(dst='never', birth=3)], [loopback()]).write(segment_path)
    result = host([LOOPBACK], extended_metrics=True).run()
    assert result.values(RTT) == [1.0]
    # The statistics of an interval that nobody saw the beginning of are not given.
    assert result.names == [RTT, RTT + '.avg', RTT + '.jitter']


def test_a_first_run_obeys_min_collection_interval(host, segment_path):
    Segment([Row(samples_ms=[1.0], age_s=50, life_s=900)], [loopback()]).write(segment_path)
    assert host([dict(LOOPBACK, min_collection_interval=60)]).run().values(RTT) == [1.0]
    assert host([LOOPBACK], min_collection_interval=60).run().values(RTT) == [1.0]


def test_a_first_run_knows_the_whole_life_of_a_young_row(host, segment_path):
    Segment([Row(samples_ms=[1.0, 2.0], age_s=1, life_s=5)], [loopback()]).write(segment_path)
    result = host([LOOPBACK], extended_metrics=True).run()
    assert (result.values(RTT + '.min'), result.values(RTT + '.max'), result.values(RTT + '.samples')) == ([1.0], [2.0], [2])


def test_a_first_run_does_not_take_a_row_of_unknown_life_for_young(host, segment_path):
    Segment([Row(samples_ms=[1.0, 2.0], birth_realtime_ns=2 ** 64 - 1)], [loopback()]).write(segment_path)
    assert host([LOOPBACK], extended_metrics=True).run().names == [RTT, RTT + '.avg', RTT + '.jitter']


def all_metrics(segment):
    segment.rows[0].add(2.0, 3.0, 4.0).add(5.0, handshake=True)
    segment.rows[0].retransmits += 7


def test_extended_metrics(run_after):
    result = run_after(all_metrics, extended_metrics=True)
    assert result.values(RTT + '.samples') == [4]
    assert result.values(RTT + '.retransmits') == [7]
    assert result.values(RTT + '.handshake') == [5.0]
    low, p50, p95, p99, high = [result.values(RTT + suffix)[0] for suffix in ('.min', '.p50', '.p95', '.p99', '.max')]
    assert low <= p50 <= p95 <= p99 <= high
    assert 2.0 / 1.0625 <= low <= 2.0 and high == 5.0
    assert 3.0 / 1.0625 <= p50 <= 3.0 * 1.0625
    assert set(kind for name, _, _, kind in result.metrics if name in (RTT + '.samples', RTT + '.retransmits')) == {'count'}


def test_every_metric_of_the_metadata_is_submitted_and_no_other(run_after):
    with open(os.path.join(hosts.ROOT, 'metadata.csv')) as stream:
        documented = {row['metric_name']: row['metric_type'] for row in csv.DictReader(stream)}
    submitted = {name: kind for name, _, _, kind in run_after(all_metrics, extended_metrics=True).metrics}
    assert submitted == documented


def test_the_manifest_has_the_version_of_the_rest():
    import metro_segment
    with open(os.path.join(hosts.ROOT, 'manifest.json')) as stream:
        manifest = json.load(stream)
    assert (manifest['name'], manifest['version']) == ('go-metro', metro_segment.__version__)


def test_service_checks_json_names_the_service_check():
    with open(os.path.join(hosts.ROOT, 'service_checks.json')) as stream:
        described = json.load(stream)
    assert [entry['check'] for entry in described] == ['go_metro.capture']
    assert described[0]['statuses'] == ['ok', 'warning', 'critical']


def test_the_row_other_gives_counts_only(run_after):
    def change(segment):
        segment.rows[0].samples += 3
        segment.rows[0].retransmits += 1
    result = run_after(change, rows=[Row(dst='other', other=True)], extended_metrics=True)
    assert sorted((name, value) for name, value, _, _ in result.metrics) == [(RTT + '.retransmits', 1), (RTT + '.samples', 3)]
    assert set(result.metrics[0][2]) == {'dst:other', 'iface:lo', 'role:db'}


@pytest.mark.parametrize('is_there', [True, False])
def test_the_row_other_gives_nothing_twice(run_after, is_there):
    """What a row had counted is in `other` once it made room for a busier peer, whether that is still there or not; it was submitted
    before."""
    def change(segment):
        leaves, other = segment.rows
        leaves.add(2.0)
        other.samples += leaves.samples + 3
        other.timed += leaves.timed + 3
        other.flows += leaves.flows
        segment.instances[0].counters.update(given_samples=leaves.samples, given_timed=leaves.timed)
        segment.rows = [Row(dst='new', birth=9, first_birth=2 if is_there else 9, samples_ms=[5.0] * 4), other]
    result = run_after(change, rows=[Row(samples_ms=[1.0] * 50, birth=2), Row(dst='other', other=True, birth=1, samples=70)],
                       extended_metrics=True)
    assert result.values(RTT + '.samples', 'dst:other') == [1 + 3]
    assert result.values(RTT + '.samples', 'dst:new') == [4]
    assert result.values(RTT + '.samples', 'dst:peer.example') == []


def test_retransmissions_without_a_sample_are_counted(run_after):
    def change(segment):
        segment.rows[0].retransmits += 2
    result = run_after(change, extended_metrics=True)
    assert [(name, value) for name, value, _, _ in result.metrics] == [(RTT + '.retransmits', 2)]


def test_dst_port(host, segment_path):
    Segment([Row(samples_ms=[1.0], dst_port=443)], [Instance(fingerprint(group_by='peer_port'))]).write(segment_path)
    result = host([dict(LOOPBACK, group_by='peer_port')]).run()
    assert result.values(RTT, 'dst_port:443', 'dst:peer.example') == [1.0]


def test_each_instance_submits_its_own_rows(host, segment_path):
    Segment([Row(samples_ms=[1.0], instance=0), Row(samples_ms=[2.0], instance=1, birth=2)],
            [Instance(fingerprint(ips=['10.0.0.3'])), loopback()]).write(segment_path)
    result = host([LOOPBACK, {'interface': 'lo', 'ips': ['10.0.0.3'], 'tags': ['n:2']}]).run()
    assert (result.values(RTT, 'role:db'), result.values(RTT, 'n:2')) == ([2.0], [1.0])


def test_instances_that_differ_by_tags_alone_both_submit(host, segment_path):
    segment = Segment([Row(samples_ms=[1.0])], [loopback(), loopback()]).write(segment_path)
    started = host([LOOPBACK, dict(LOOPBACK, tags=['role:web'])])
    for _ in range(3):
        result = started.run()
        assert (result.values(RTT, 'role:db'), result.values(RTT, 'role:web')) == ([segment.rows[0].last_ns / 1e6],) * 2
        segment.rows[0].add(2.0)
        segment.write(segment_path)


def test_instances_of_one_run_share_one_read(segment_path, monkeypatch):
    import metro_segment
    reads, read = [], metro_segment.read
    monkeypatch.setattr(metro_segment, 'read', lambda *args, **keywords: reads.append(1) or read(*args, **keywords))
    Segment([], [loopback()]).write(segment_path)
    instances = [LOOPBACK, dict(LOOPBACK, tags=['n:2']), dict(LOOPBACK, tags=['n:3'])]
    agent = hosts.Agent5Host({'segment_path': segment_path}, instances)
    assert (agent.run().statuses, len(reads)) == (['OK'] * 3, 1)
    assert (agent.run().statuses, len(reads)) == (['OK'] * 3, 2)


def test_what_the_helper_sends_itself_is_not_submitted_again(run_after):
    """The rest is the check's all the same: what is lost, the service check, the versions."""
    def change(segment):
        all_metrics(segment)
        segment.rows[0].skipped['overflow'] += 4
        segment.instances[0].counters['dropped_kernel'] += 3
    result = run_after(change, extended_metrics=True, submit_via='dogstatsd')
    assert result.metrics == []
    assert [sorted(line.split(' ')[0] for line in lines) for lines in result.warnings] == [['3', '4']]
    assert result.service_checks[0][0] == WARNING
    assert run_after(all_metrics, submit_via='check').values(RTT) == [5.0]


def test_the_service_check_says_what_the_helper_could_not_send(run_after):
    lost = 'dogstatsd at 127.0.0.1:8125 is not there (Connection refused); what is due is lost: start it'

    def change(segment):
        segment.state, segment.error = builder.DEGRADED, lost
    result = run_after(change, submit_via='dogstatsd')
    assert result.warnings == [[lost]] and result.service_checks[0][::2] == (WARNING, lost)


def test_a_restarted_helper(run_after):
    def change(segment):
        segment.header['start_boottime_ns'] += 1000
        segment.generation = 1
        segment.rows = [Row(samples_ms=[8.0], birth=1)]
    result = run_after(change, extended_metrics=True, rows=[Row(samples_ms=[1.0] * 50)])
    assert (result.values(RTT), result.values(RTT + '.samples'), result.statuses) == ([8.0], [1], ['OK'])


def test_a_row_that_left_and_came_back(run_after):
    def change(segment):
        segment.rows = [Row(samples_ms=[8.0], birth=7)]
    assert run_after(change, extended_metrics=True, rows=[Row(samples_ms=[1.0] * 50)]).values(RTT + '.samples') == [1]


def other_helper(segment):
    segment.header['start_boottime_ns'] += 1000
    segment.generation = 1


# What happens before each run, and the round trips (ms) that are new by then: each of another size, so that none can be mistaken.
STORY = [
    (None, []),
    (lambda segment: segment.rows.append(Row()), [100.0] * 50),
    (None, [30.0] * 7),
    (None, []),
    (lambda segment: (other_helper(segment), segment.rows.__setitem__(0, Row())), [3.0] * 2),  # again the first row of a helper
    (None, [200.0]),
    (lambda segment: segment.rows.pop(), []),
    (lambda segment: segment.rows.append(Row(birth=9)), [8.0] * 3),
    (lambda segment: segment.rows.insert(0, Row(birth=10, dst='another')), [60.0] * 4),  # and in another place
]


@pytest.mark.parametrize('where', ['nowhere', 'instance', 'init_config', 'both'])
def test_extended_metrics_are_of_the_interval_whatever_happens(host, segment_path, where):
    interval = {'min_collection_interval': 0.1}
    instance = dict(LOOPBACK, **(interval if where in ('instance', 'both') else {}))
    init_config = interval if where == 'init_config' else {'min_collection_interval': 3600} if where == 'both' else {}
    segment = Segment([], [loopback()])
    started = host([instance], extended_metrics=True, **init_config)
    for event, new in STORY:
        if event is not None:
            event(segment)
        if new:
            segment.rows[-1].add(*new)
        segment.write(segment_path)
        time.sleep(0.11)
        result = started.run()
        assert result.statuses == ['OK']
        assert result.values(RTT + '.samples') == ([len(new)] if new else [])
        for suffix in ('.min', '.p50', '.p95', '.p99', '.max'):
            values = result.values(RTT + suffix)
            assert len(values) == (1 if new else 0)
            assert all(new[0] / 1.0625 <= value <= new[0] * 1.0625 for value in values), (suffix, values, new[0])
        assert result.values(RTT) == new[-1:]


# ---- what is warned of ----

@pytest.mark.parametrize('field, key', [('dropped_kernel', 'buffer_mib'), ('dropped_interface', 'network device'),
                                        ('refused_flows', 'max_flows'), ('refused_peers', 'max_peers')])
def test_losses_are_a_warning_once(host, segment_path, field, key):
    segment = Segment([], [loopback(**{field: 5})]).write(segment_path)
    started = host([LOOPBACK])
    assert started.run().statuses == ['OK']  # before our time
    segment.instances[0].counters[field] += 3
    segment.write(segment_path)
    result = started.run()
    assert result.statuses == ['WARNING']
    assert result.service_checks[0][0] == WARNING
    assert result.service_checks[0][2] == result.warnings[0][0]
    assert result.warnings[0][0].startswith('3 ') and key in result.warnings[0][0]
    segment.write(segment_path)
    assert started.run().statuses == ['OK']
    segment.instances[0].counters[field] = 2  # the capture was opened anew
    segment.write(segment_path)
    assert started.run().warnings[0][0].startswith('2 ')


def test_losses_of_a_restarted_helper_count_from_its_start(host, segment_path):
    segment = Segment([], [loopback(dropped_kernel=5)]).write(segment_path)
    started = host([LOOPBACK])
    started.run()
    segment.header['start_boottime_ns'] += 1000
    segment.generation = 1
    segment.instances[0].counters['dropped_kernel'] = 7
    segment.write(segment_path)
    assert started.run().warnings[0][0].startswith('7 packets')


def test_overflow_is_a_warning(run_after):
    def change(segment):
        segment.rows[0].skipped['overflow'] = 4
    result = run_after(change)
    assert result.statuses == ['WARNING'] and result.warnings[0][0].startswith('4 segments were not timed')


def test_a_name_that_does_not_resolve_is_a_warning(host, segment_path):
    Segment([Row(samples_ms=[1.0])], [loopback(warning='db.example does not resolve: see your DNS')]).write(segment_path)
    result = host([LOOPBACK]).run()
    assert result.warnings == [['db.example does not resolve: see your DNS']]
    assert result.service_checks == [(WARNING, ['iface:lo', 'role:db'], 'db.example does not resolve: see your DNS')]
    assert result.values(RTT) == [1.0]


def test_each_warning_has_a_line_of_its_own(host, segment_path):
    Segment([], [loopback(warning='a does not resolve; see b; also: sample is not done')]).write(segment_path)
    result = host([LOOPBACK]).run()
    assert result.warnings == [['a does not resolve; see b', 'sample is not done']]
    assert result.service_checks[0][2] == 'a does not resolve; see b; sample is not done'


def test_degraded_because_of_another_instance_is_ok(host, segment_path):
    Segment([], [loopback(), Instance(1, 'eth9', state=builder.FAILED, error='there is no interface eth9')],
            state=builder.DEGRADED, error='there is no interface eth9').write(segment_path)
    assert host([LOOPBACK]).run().statuses == ['OK']


def test_degraded_for_a_reason_of_its_own_is_a_warning(host, segment_path):
    Segment([], [loopback()], state=builder.DEGRADED, error='go-metro.yaml is wrong; the old one is in force').write(segment_path)
    assert host([LOOPBACK]).run().warnings == [['go-metro.yaml is wrong; the old one is in force']]


def test_another_instance_hides_nothing_that_concerns_all(host, segment_path):
    error = 'there is no interface eth9; create it'
    for told in ('5 of 9 rows are not published; also: ' + error, error + '; also: 5 of 9 rows are not published',
                 '5 of 9 rows are not published; also: ' + error[:9]):  # cut off
        Segment([], [loopback(), Instance(1, 'eth9', state=builder.FAILED, error=error)], state=builder.DEGRADED,
                error=told).write(segment_path)
        assert host([LOOPBACK]).run().warnings == [['5 of 9 rows are not published']]


def test_starting_is_ok_for_a_while(host, segment_path):
    Segment([], [loopback(state=builder.STARTING)], state=builder.STARTING, uptime_s=3).write(segment_path)
    assert host([LOOPBACK]).run().statuses == ['OK']
    Segment([], [], state=builder.STARTING, uptime_s=3).write(segment_path)
    assert host([LOOPBACK]).run().statuses == ['OK']
    Segment([], [loopback(state=builder.STARTING)], state=builder.STARTING, uptime_s=60).write(segment_path)
    assert 'has not started yet' in host([LOOPBACK]).run().warnings[0][0]


def test_starting_is_not_ok_for_longer_because_the_wall_clock_was_set(host, segment_path):
    segment = Segment([], [loopback(state=builder.STARTING)], state=builder.STARTING, uptime_s=60)
    segment.header['start_realtime_ns'] = 2 ** 63
    segment.write(segment_path)
    assert 'has not started yet' in host([LOOPBACK]).run().warnings[0][0]


# ---- when nothing can be measured ----

def assert_critical(result, *parts):
    """ERROR in info and CRITICAL as a service check, with the same text, and no value."""
    assert result.statuses == ['ERROR']
    assert result.metrics == []
    (status, tags, message), = result.service_checks
    assert (status, sorted(tags)) == (CRITICAL, ['iface:lo', 'role:db'])
    assert message == result.errors[0]
    assert [part for part in parts if part not in message] == []
    assert all(' ' <= character <= '~' for character in message)
    return message


def assert_stale(result, age_s, *parts):
    """The message names the age, in whole seconds, of a segment that was written a moment ago: a machine may be slow."""
    message = assert_critical(result, *parts)
    assert age_s <= int(re.search(r'(?:has published nothing for|was stopped) (\d+) s', message).group(1)) <= age_s + 20


def test_missing_segment(host, segment_path):
    assert_critical(host([LOOPBACK]).run(), segment_path)


def test_missing_extension(host, segment_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'metro_segment', None)
    assert_critical(host([LOOPBACK]).run(), 'metro_segment', 'CPython %d.%d' % sys.version_info[:2], 'copy')


def test_stale_with_a_process_that_hangs(host, segment_path):
    Segment([Row(samples_ms=[1.0])], [loopback()], age_s=42).write(segment_path)
    assert_stale(host([LOOPBACK]).run(), 42, 'pid %d' % os.getpid(), 'still there')


def test_stale_with_a_process_that_is_gone(host, segment_path):
    Segment([Row(samples_ms=[1.0])], [loopback()], age_s=42, pid=2 ** 22 + 1).write(segment_path)
    assert_stale(host([LOOPBACK]).run(), 42, 'its process is gone')


def test_stale_with_a_process_that_nobody_waits_for(host, segment_path):
    zombie = os.fork()
    if zombie == 0:
        os._exit(0)
    try:
        segment = Segment([Row(samples_ms=[1.0])], [loopback()], age_s=42, pid=zombie)
        segment.header['pid_start_ticks'] = builder.start_ticks(zombie)
        segment.write(segment_path)
        while ') Z ' not in open('/proc/%d/stat' % zombie).read():
            time.sleep(0.01)
        assert_stale(host([LOOPBACK]).run(), 42, 'its process is gone')
    finally:
        os.waitpid(zombie, 0)


def test_stale_with_a_pid_that_was_reused(host, segment_path):
    Segment([Row(samples_ms=[1.0])], [loopback()], age_s=42, pid=os.getpid()).write(segment_path)
    assert_stale(host([LOOPBACK]).run(), 42, 'its process is gone')


def test_stale_in_the_state_failed(host, segment_path):
    """What a helper that is gone said last is not what is wrong now."""
    Segment([], [loopback(state=builder.FAILED)], state=builder.FAILED, error='no right to capture: sudo setcap x', age_s=42,
            pid=2 ** 22 + 1).write(segment_path)
    result = host([LOOPBACK]).run()
    assert_critical(result, 'has published nothing for', 'its process is gone')
    assert 'setcap' not in result.errors[0]


def test_of_another_boot(host, segment_path):
    segment = Segment([Row(samples_ms=[1.0])], [loopback()])
    segment.header['boot_id'] = b'00000000-0000-4000-8000-000000000000'
    segment.write(segment_path)
    assert_critical(host([LOOPBACK]).run(), 'since this host was booted')


def test_stopped(host, segment_path):
    Segment([Row(samples_ms=[1.0])], [loopback()], state=builder.STOPPED, age_s=9, error='SIGTERM').write(segment_path)
    assert_stale(host([LOOPBACK]).run(), 9, 's ago', 'SIGTERM', 'restart the Agent')


def test_failed_helper(host, segment_path):
    Segment([], [], state=builder.FAILED, error='the capability is missing: setcap cap_net_raw+ep').write(segment_path)
    assert_critical(host([LOOPBACK]).run(), 'setcap cap_net_raw+ep')


def test_failed_helper_without_a_cause(host, segment_path):
    Segment([], [loopback()], state=builder.FAILED).write(segment_path)
    assert_critical(host([LOOPBACK]).run(), '/var/log/datadog/go-metro.log')


def test_failed_instance(host, segment_path):
    Segment([], [loopback(state=builder.FAILED, error='the interface lo is down; bring it up'), Instance(9)],
            state=builder.DEGRADED).write(segment_path)
    assert_critical(host([LOOPBACK]).run(), 'the interface lo is down; bring it up')


def test_an_instance_with_an_error_is_critical_in_any_state(host, segment_path):
    Segment([], [loopback(state=builder.STARTING, error='waiting for the interface lo')]).write(segment_path)
    assert_critical(host([LOOPBACK]).run(), 'waiting for the interface lo')


def test_other_fingerprint(host, segment_path):
    Segment([Row(samples_ms=[1.0])], [Instance(1, 'lo')]).write(segment_path)
    assert_critical(host([LOOPBACK]).run(), 'the collector and go-metro read different configurations', 'interface lo', 'SIGHUP')


def test_it_recovers_by_itself(host, segment_path):
    segment = Segment([Row(samples_ms=[1.0])], [loopback()])
    started = host([LOOPBACK], extended_metrics=True)
    assert started.run().statuses == ['ERROR']
    segment.write(segment_path)
    assert started.run().statuses == ['OK']
    segment.rows[0].add(2.0)
    segment.write(segment_path)
    os.rename(segment_path, segment_path + '.away')
    assert started.run().statuses == ['ERROR']
    os.rename(segment_path + '.away', segment_path)
    result = started.run()
    assert (result.statuses, result.values(RTT + '.samples')) == (['OK'], [1])


def test_after_a_pause_no_old_value_is_submitted_as_new(host, segment_path):
    segment = Segment([Row(samples_ms=[1.0])], [loopback()]).write(segment_path)
    started = host([LOOPBACK], extended_metrics=True)
    assert started.run().statuses == ['OK']
    segment.instances[0].error = 'the interface lo is down'
    segment.rows[0].add(2.0)
    segment.rows[0].age_s = 600
    for _ in range(2):
        segment.write(segment_path)
        assert started.run().statuses == ['ERROR']
    segment.instances[0].error = ''
    segment.write(segment_path)
    time.sleep(0.6)  # what was read for one instance serves another for half a second
    result = started.run()
    assert (result.statuses, result.names, result.values(RTT + '.samples')) == (['OK'], [RTT + '.samples'], [1])
    segment.rows[0].add(3.0)  # from now on the time of the last run says what is new
    segment.write(segment_path)
    assert started.run().values(RTT) == [3.0]


def test_one_bad_instance_does_not_harm_the_other(host, segment_path):
    Segment([Row(samples_ms=[1.0])], [loopback()]).write(segment_path)
    result = host([{'interface': 'eth9', 'hosts': ['x']}, LOOPBACK]).run()
    assert result.statuses == ['ERROR', 'OK'] and result.values(RTT) == [1.0]


# ---- windows ----

BETWEEN = 'lo: between two windows, the next begins in 70 s (sample: true)'


def test_between_two_windows_all_is_well(host, segment_path):
    """However long ago the last window was: it is neither a warning nor an old value."""
    instance = loopback(sampling=builder.CLOSED, sample_s=(30, 200), turn_in_s=70.5)
    segment = Segment([Row(samples_ms=[1.0], age_s=200)], [instance]).write(segment_path)
    started = host([LOOPBACK])
    for _ in range(2):
        result = started.run()
        assert (result.statuses, result.metrics) == (['OK'], [])
        assert result.service_checks == [(OK, ['iface:lo', 'role:db'], BETWEEN)]
        segment.write(segment_path)
    instance.sampling, instance.turn_in_s = builder.OPEN, 25.3
    segment.rows[0].add(2.0).age_s = 1
    segment.write(segment_path)
    result = started.run()
    assert (result.statuses, result.values(RTT)) == (['OK'], [2.0])
    assert result.service_checks[0][2] == 'lo: in a window that ends in 25 s (sample: true)'


def test_what_is_lost_comes_before_the_window(host, segment_path):
    Segment([], [loopback(sampling=builder.CLOSED, turn_in_s=70.5, warning='db does not resolve')]).write(segment_path)
    result = host([LOOPBACK]).run()
    assert (result.statuses, result.service_checks[0][2]) == (['WARNING'], 'db does not resolve')


def test_windows_show_under_dependencies(host, segment_path):
    other = {'interface': 'eth1', 'ips': ['10.0.0.2']}
    instances = [loopback(sampling=builder.CLOSED, turn_in_s=70.5),
                 Instance(fingerprint('eth1'), 'eth1', sampling=builder.OPEN, turn_in_s=5.5)]
    segment = Segment([], instances).write(segment_path)
    started = host([LOOPBACK, other])
    versions = started.checks[0].get_library_versions()
    started.run()
    told = [check.get_library_versions().get('windows') for check in started.checks]
    text = 'eth1: in a window that ends in 5 s (sample: true)'
    assert told == ([BETWEEN + '; ' + text] if len(started.checks) == 1 else [BETWEEN, text])
    segment.state = builder.STOPPED
    segment.write(segment_path)
    time.sleep(0.6)  # what was read for one instance serves another for half a second
    assert started.run().statuses == ['ERROR', 'ERROR']
    assert 'windows' not in versions


# ---- what the YAML may hand over ----

@pytest.mark.parametrize('instance, expected', [
    ({'interface': 'lo'}, fingerprint(ips=())),
    ({'interface': 'lo', 'ips': None, 'hosts': [], 'group_by': None, 'sample': None}, fingerprint(ips=())),
    ({'interface': 'lo', 'ips': ['b', 'a', 'b', '::1']}, fingerprint(ips=['::1', 'a', 'b'])),
    ({'interface': 'lo', 'hosts': [u'z\xe9', 'zz', 'Z']}, fingerprint(ips=(), hosts=['Z', 'zz', u'z\xe9'])),
    ({'interface': 'lo', 'all_peers': True, 'promiscuous': True, 'group_by': 'subnet', 'local_nets': ['10.0.0.0/8']},
     fingerprint(ips=(), all_peers=1, promiscuous=1, group_by='subnet', subnets=(24, 48), local_nets=['10.0.0.0/8'])),
    ({'interface': 'lo', 'all_peers': True, 'group_by': 'subnet', 'subnet_v4': 28.0, 'subnet_v6': None},
     fingerprint(ips=(), all_peers=1, group_by='subnet', subnets=(28, 48))),
    ({'interface': 'lo', 'all_peers': True, 'group_by': 'peer_port', 'subnet_v4': 28, 'subnet_v6': 64},
     fingerprint(ips=(), all_peers=1, group_by='peer_port')),
    ({'interface': 'lo', 'sample_duration': 5, 'sample_interval': 6}, fingerprint(ips=())),
    ({'interface': 'lo', 'sample': True, 'sample_duration': 5, 'sample_interval': 6.0}, fingerprint(ips=(), sample=(1, 5, 6))),
    ({'interface': 'lo', 'sample': 'y'}, fingerprint(ips=(), sample=(1, 0, 0))),
    ({'interface': 'lo', 'sample': 'n', 'all_peers': False}, fingerprint(ips=())),
    ({'interface': 'file', 'pcap': '/tmp/x.pcap'}, fingerprint('file', pcap='/tmp/x.pcap', ips=())),
])
def test_fingerprints(host, segment_path, instance, expected):
    Segment([], [Instance(expected)]).write(segment_path)
    assert host([instance]).run().errors == [None]


@pytest.mark.parametrize('instance', [
    {}, {'interface': None},
    {'interface': 5, 'ips': 7, 'hosts': {'a': 1}, 'tags': 'x'}, {'interface': 'lo', 'ips': [1, 2.5, True, None]},
    {'interface': 'lo', 'sample': True, 'sample_duration': 'long', 'sample_interval': [1]},
    {'interface': 'lo', 'group_by': 'subnet', 'subnet_v4': 'long', 'subnet_v6': float('inf')},
    {'interface': u'\u2603', 'group_by': 3}, {'interface': 'lo', 'sample': True, 'sample_duration': float('inf')},
    {'interface': 'lo', 'ips': [b'\xff'], 'tags': [b'\xff', u'\xe9', 1, None]}, {'interface': ['lo'], 'tags': {'a': 'b'}},
])
def test_strange_values_do_no_harm(host, segment_path, instance):
    Segment([], [loopback()]).write(segment_path)
    result = host([instance]).run()
    assert result.statuses == ['ERROR']
    assert 'different configurations' in result.errors[0]
    assert result.service_checks[0][0] == CRITICAL


def test_tags_that_are_not_ascii(host, segment_path):
    Segment([Row(samples_ms=[1.0])], [loopback(warning='w')]).write(segment_path)
    result = host([dict(LOOPBACK, tags=[u'ort:K\xf6ln', u'ort:K\xf6ln'.encode('utf-8'), 5, 'plain'])]).run()
    assert len(result.values(RTT, u'ort:K\xf6ln', '5', 'plain')) == 1
    assert u'ort:K\xf6ln' in result.service_checks[0][1]
    assert result.statuses == ['WARNING']


def test_a_user_that_does_not_exist_is_nobody(host, segment_path):
    Segment([Row(samples_ms=[1.0])], [loopback()]).write(segment_path)
    assert host([LOOPBACK], user='no-such-user-here').run().statuses == ['OK']
    assert host([LOOPBACK], user=u'\u2603').run().statuses == ['OK']
    assert host([LOOPBACK], user=5).run().statuses == ['OK']


@pytest.mark.skipif(os.getuid() != 0, reason='only root can give a file away')
def test_the_configured_user_may_own_the_segment(host, segment_path):
    import pwd
    other = next(entry for entry in pwd.getpwall() if entry.pw_uid not in (0, os.getuid()))
    Segment([Row(samples_ms=[1.0])], [loopback()]).write(segment_path)
    os.chown(segment_path, other.pw_uid, -1)
    assert host([LOOPBACK], user=other.pw_name).run().statuses == ['OK']
    assert_critical(host([LOOPBACK], user='no-such-user-here').run(), segment_path, 'own')


def test_library_versions(host, segment_path):
    import metro_segment
    started = host([LOOPBACK])
    before = started.checks[0].get_library_versions()
    Segment([], [loopback()]).write(segment_path)
    started.run()
    # The Agent asks once and keeps the answer: it must be the same dict.
    assert started.checks[0].get_library_versions() is before
    assert before == {'go-metro helper': '2.0.0', 'segment ABI': '1.1', 'metro_segment': metro_segment.__version__}


def test_init_never_raises(host):
    for init_config in ({'segment_path': 5, 'user': [], 'extended_metrics': 'x', 'min_collection_interval': 'y'},):
        for instances in ([{}], [{'interface': 1}]):
            host(instances, **init_config)
