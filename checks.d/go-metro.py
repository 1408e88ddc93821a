"""Go-Metro: TCP round trip times, as the go-metro helper measures them from the traffic of this host.

The helper (a process of its own) publishes its statistics once a second in a shared-memory segment; this check reads them
with the extension module metro_segment and submits what is new since its last run. Without traffic to a peer there is no
value: nothing is repeated. It runs on Agent v5 (CPython 2.7) and on later ones.
"""
from __future__ import absolute_import, division

import errno
import pwd
import sys
import sysconfig
import time

try:
    from checks import AgentCheck  # Agent v5: first, because only a subclass of this very class is found there
except ImportError:
    from datadog_checks.base import AgentCheck

DEFAULT_SEGMENT = '/dev/shm/go-metro'
DEFAULT_USER = 'dd-agent'
BY_HELPER = 'dogstatsd'  # submit_via: the helper itself sends the metrics
AGENT_INTERVAL_S = 15  # how often the Agent runs a check
WEEK_S = 7 * 86400
SHARED_READ_S = 0.5    # instances that run within this time share one read
LOG = '/var/log/datadog/go-metro.log'
ALSO = '; also: '  # between the causes in the helper's texts
RESTART = 'restart the Agent, which starts it (service datadog-agent restart)'

RTT = 'system.net.tcp.rtt'
GAUGES = ((RTT, 'last'), (RTT + '.avg', 'avg'), (RTT + '.jitter', 'jitter'))
EXTENDED_GAUGES = tuple((RTT + '.' + name, name) for name in ('min', 'max', 'p50', 'p95', 'p99', 'handshake'))
EXTENDED_COUNTS = ((RTT + '.samples', 'samples'), (RTT + '.retransmits', 'retransmits'))
# What is asked of a row: the fewer values, the less it costs.
VALUES = ('src', 'dst', 'dst_port', 'age_s', 'life_s', 'overflow') + tuple(name for _, name in GAUGES)
LOSS_VALUES = ('overflow',)
EXTENDED_VALUES = VALUES + tuple(name for _, name in EXTENDED_GAUGES + EXTENDED_COUNTS)
NARROW = 'or narrow `ips` and `hosts`'
LOSSES = (  # counters of an instance, and what it means that they rose
    ('dropped_kernel', '%d packets were dropped because the capture buffer was full: raise `buffer_mib` ' + NARROW),
    ('dropped_interface', '%d packets were dropped by the network device: its receive ring is too small for the traffic'),
    ('refused_flows', '%d packets were turned away because `max_flows` is reached: raise it ' + NARROW),
    ('refused_peers', '%d flows were counted as dst:other because `max_peers` is reached: raise it ' + NARROW),
)


WINDOWS = {  # of an instance with `sample: true`: what it is in, and what comes then
    'open': '%s: in a window that ends in %d s (sample: true)',
    'closed': '%s: between two windows, the next begins in %d s (sample: true)',
}


class CaptureError(Exception):
    """Nothing can be measured; the text names cause and cure."""


def text(value):
    """The value as native text where it is ASCII, else as unicode text: tags of both kinds can be sorted together."""
    if isinstance(value, bytes):
        value = value.decode('utf-8', 'replace')
    elif isinstance(value, bool):
        value = str(value).lower()
    elif not isinstance(value, type(u'')):
        value = str(value)
    try:
        return str(value)  # 2.7: bytes, if it is ASCII
    except UnicodeError:
        return value


def printable(value):
    """One line of printable ASCII, which every way to the screen can carry."""
    ascii_text = text(value).encode('ascii', 'backslashreplace').decode('ascii')
    return str(''.join(c if u' ' <= c <= u'~' else u'?' for c in ascii_text))


def texts(value):
    """A list of texts of what the YAML says: a list, one scalar, or nothing."""
    if value is None:
        return []
    return [text(item) for item in (value if isinstance(value, (list, tuple)) else [value]) if item is not None]


def peers(value):
    """The texts of a list; what else is in it (a number, nothing) names nobody, and the helper leaves it out."""
    items = value if isinstance(value, (list, tuple)) else [value]
    return [text(item) for item in items if isinstance(item, (bytes, type(u'')))]


def is_true(value):
    return value.strip().lower() in ('true', 'yes', 'on', 'y', '1') if hasattr(value, 'lower') else bool(value)


def number(value, default=0):
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):  # the last: .inf
        return default


def seconds(value):
    """Of a window or a pause, within the bounds that the helper brings it to."""
    return min(max(number(value), 0), WEEK_S)


def fingerprint_text(instance):
    """What the instance captures and how it groups: native/fingerprint.h has the rules, and the helper computes the same."""
    sample = is_true(instance.get('sample'))
    lines = ['go-metro fingerprint 1']
    lines.extend('%s=%s' % (key, text(instance.get(key) or '')) for key in ('interface', 'pcap'))
    for key, name in (('ips', 'ip'), ('hosts', 'host'), ('local_nets', 'local_net')):
        values = set(value.encode('utf-8') for value in peers(instance.get(key)))
        lines.extend('%s=%s' % (name, value.decode('utf-8')) for value in sorted(values))
    lines.extend('%s=%d' % (key, is_true(instance.get(key))) for key in ('all_peers', 'promiscuous'))
    group = text(instance.get('group_by') or 'peer')
    lines.append('group_by=' + group)
    if group == 'subnet':
        lines.extend('%s=%d' % (key, number(instance.get(key), bits)) for key, bits in (('subnet_v4', 24), ('subnet_v6', 48)))
    lines.append('sample=%d' % sample)
    lines.extend('%s=%d' % (key, seconds(instance.get(key)) if sample else 0) for key in ('sample_duration', 'sample_interval'))
    return u''.join(line + u'\n' for line in lines).encode('utf-8')


def user_number(name):
    """The helper's user, who may own the segment; None if there is no such user here."""
    try:
        return pwd.getpwnam(printable(name)).pw_uid
    except KeyError:
        return None


def process_fate(snapshot):
    """What became of the process that published the snapshot, as far as it can be told from here."""
    try:
        with open('/proc/%d/stat' % snapshot.pid) as stat:
            fields = stat.read().rpartition(')')[2].split()
    except EnvironmentError as error:
        fields = []
        if error.errno not in (errno.ENOENT, errno.ESRCH):
            return 'see %s and %s' % (LOG, RESTART)
    # Fields 3 and 22 of the line; a process that ended and that nobody has waited for (Z, X) is gone.
    if fields[19:20] == [str(snapshot.pid_start_ticks)] and fields[0] not in 'ZX':
        return 'its process is still there but does not get on: see %s and %s' % (LOG, RESTART)
    return 'its process is gone: see %s and %s' % (LOG, RESTART)


def window_text(snapshot, mine):
    """What is said of an instance that is measured in windows; None of another. It is no loss: its owner wants it so."""
    text_of = WINDOWS.get(mine.get('sampling'))
    return text_of and printable(text_of % (mine['interface'], max(0, mine['sample_left_s'] - snapshot.age_s)))


def is_young(snapshot):
    """Whether the helper has only just started."""
    return snapshot.uptime_s < AGENT_INTERVAL_S


class GoMetroCheck(AgentCheck):
    SERVICE_CHECK_NAME = 'go_metro.capture'

    def __init__(self, *args, **kwargs):
        super(GoMetroCheck, self).__init__(*args, **kwargs)
        self._previous = {}  # (position, fingerprint) of an instance -> the snapshot of its last run
        self._interrupted = set()  # positions of instances whose last run failed
        self._shared = None  # (time, snapshot) of the newest read
        self._windows = {}  # position of an instance that is measured in windows -> what is said of that
        self._versions = {'go-metro helper': 'not seen yet', 'segment ABI': 'not seen yet', 'metro_segment': 'not loaded yet'}

    def get_library_versions(self):
        return self._versions  # the Agent keeps what it gets first: one dict, brought up to date by each read

    def check(self, instance):
        tags = ['iface:' + text(instance.get('interface') or 'none')] + texts(instance.get('tags'))
        try:
            losses, note = self._run(instance, tags)
        except CaptureError as error:
            self._interrupted.add(self._position(instance))
            self._say_window(instance, None)
            self.service_check(self.SERVICE_CHECK_NAME, AgentCheck.CRITICAL, tags=tags, message=str(error))
            raise
        for loss in losses:
            self.warning(loss)
        status = AgentCheck.WARNING if losses else AgentCheck.OK
        message = '; '.join(losses) or self._windows.get(self._position(instance)) or note or None
        self.service_check(self.SERVICE_CHECK_NAME, status, tags=tags, message=message)

    def _run(self, instance, tags):
        """Submits what is new. Returns what was lost since the last run, a line each, and what else is worth a word; CaptureError
        if nothing is measured."""
        metro_segment = self._extension()
        fingerprint = metro_segment.crc32c(fingerprint_text(instance))
        key = (self._position(instance), fingerprint)
        previous = self._previous.get(key)
        snapshot = self._read(metro_segment, previous)
        mine = self._own(instance, snapshot, fingerprint)
        self._say_window(instance, mine and window_text(snapshot, mine))
        if mine is None:
            return [], ''  # it has only just started
        overflow = self._submit(instance, snapshot, mine, previous, tags)
        self._previous[key] = snapshot
        self._interrupted.discard(key[0])
        note = printable(mine['error']) if mine['state'] == 'stopped' else ''
        return self._losses(snapshot, mine, previous, fingerprint, overflow), note

    def _extension(self):
        """Imported here, not on top: there, the Agent would hide what is missing behind a message about the check itself."""
        try:
            import metro_segment
        except ImportError as error:
            raise CaptureError(printable(
                'the extension module metro_segment cannot be imported (%s): copy the metro_segment.so that was built for '
                'CPython %d.%d into %s and restart the Agent' % (
                    error, sys.version_info[0], sys.version_info[1], sysconfig.get_path('platlib'))))
        self._versions['metro_segment'] = metro_segment.__version__
        return metro_segment

    def _say_window(self, instance, window):
        """`info` has no place for what is not wrong, but under Dependencies there is one."""
        self._windows[self._position(instance)] = window
        texts_of = [self._windows[position] for position in sorted(self._windows) if self._windows[position]]
        self._versions['windows'] = '; '.join(texts_of)
        if not texts_of:
            del self._versions['windows']

    def _setting(self, key):
        return (self.init_config or {}).get(key)

    def _submits(self):
        return self._setting('submit_via') != BY_HELPER

    def _is_extended(self):
        return self._submits() and is_true(self._setting('extended_metrics'))

    def _position(self, instance):
        """Tells instances apart that differ by their tags alone."""
        return self.instances.index(instance) if instance in (self.instances or []) else 0

    def _read(self, metro_segment, previous):
        """A snapshot of a helper that runs; CaptureError for everything else. Never the one that this instance had before."""
        read_at, snapshot = self._shared or (0, None)
        if snapshot is None or snapshot is previous or not 0 <= time.time() - read_at < SHARED_READ_S:
            self._shared = None
            path = text(self._setting('segment_path') or DEFAULT_SEGMENT)
            owner = user_number(self._setting('user') or DEFAULT_USER)
            try:
                snapshot = metro_segment.read(path, owner=owner, histograms=self._is_extended())
            except metro_segment.SegmentError as error:
                raise CaptureError(printable(error))
            self._shared = (time.time(), snapshot)
            self._versions.update({'go-metro helper': snapshot.version, 'segment ABI': snapshot.abi})
        if snapshot.age_s == float('inf'):
            raise CaptureError('go-metro has not run since this host was booted: see %s and %s' % (LOG, RESTART))
        if snapshot.state == 'stale':
            raise CaptureError('go-metro (pid %d) has published nothing for %d s; %s' % (
                snapshot.pid, snapshot.age_s, process_fate(snapshot)))
        if snapshot.state == 'stopped':
            raise CaptureError(printable('go-metro (pid %d) was stopped %d s ago%s; %s' % (
                snapshot.pid, snapshot.age_s, snapshot.error and ' (' + snapshot.error + ')', RESTART)))
        return snapshot

    def _own(self, instance, snapshot, fingerprint):
        """The helper's instance that is like ours; CaptureError if it measures nothing or there is none. None: not yet. One that
        has stopped is of a capture file that was read to its end: what it measured is still there."""
        mine = next((candidate for candidate in snapshot.instances if candidate['fingerprint'] == fingerprint), None)
        failed = mine is not None and mine['state'] != 'stopped' and (mine['state'] == 'failed' or mine['error'])
        if failed or snapshot.state == 'failed':
            cause = failed and mine['error'] or snapshot.error or 'it gives no cause; see ' + LOG
            raise CaptureError(printable('go-metro does not measure: ' + cause))
        if mine is None and not (snapshot.state == 'starting' and is_young(snapshot)):
            raise CaptureError(printable(
                'the collector and go-metro read different configurations: go-metro (pid %d) has no instance like this one on '
                'interface %s; restart the Agent, or send go-metro a SIGHUP if its go-metro.yaml is this one%s' % (
                    snapshot.pid, text(instance.get('interface')), snapshot.error and '; go-metro says: ' + snapshot.error)))
        return mine

    def _submit(self, instance, snapshot, mine, previous, tags):
        """Gauges and counts of the own rows. Returns how many segments could not be timed for want of memory."""
        if not self._submits():
            return self._overflow(snapshot, mine, previous)
        interval_s = instance.get('min_collection_interval', self._setting('min_collection_interval'))
        first_interval_s = max(AGENT_INTERVAL_S, number(interval_s))
        extended = self._is_extended()
        overflow = 0
        # After a pause the newest sample may be of before it, and a gauge says that it is of now.
        may_be_old = previous is None or self._position(instance) in self._interrupted
        all_gauges = GAUGES + EXTENDED_GAUGES
        for row in snapshot.rows(since=previous, instance=mine['index'], names=EXTENDED_VALUES if extended else VALUES,
                                 counted=True):
            old = may_be_old and (row['age_s'] is None or row['age_s'] > first_interval_s)
            if previous is not None:
                overflow += row['overflow']
            elif old:
                continue  # measured before our time
            # A first run knows the interval's statistics only of rows that are younger than the interval.
            young = row['life_s'] is not None and row['life_s'] <= first_interval_s
            has_interval = extended and (previous is not None or young)
            self._submit_row(row, tags, () if old else all_gauges if has_interval else GAUGES,
                             EXTENDED_COUNTS if has_interval else ())
        return overflow

    @staticmethod
    def _overflow(snapshot, mine, previous):
        if previous is None:
            return 0
        rows = snapshot.rows(since=previous, instance=mine['index'], names=LOSS_VALUES, counted=True)
        return sum(row['overflow'] for row in rows)

    def _submit_row(self, row, tags, gauges, counts):
        src, gauge, count = row['src'], self.gauge, self.count  # there may be ten thousand rows: no look-up is made twice
        row_tags = ([] if src is None else ['src:' + src]) + ['dst:' + row['dst']] + tags
        if row['dst_port']:
            row_tags.append('dst_port:%d' % row['dst_port'])
        for metric, name in gauges:
            value = row[name]
            if value is not None:
                gauge(metric, value, tags=row_tags)
        for metric, name in counts:
            value = row[name]
            if value:
                count(metric, value, tags=row_tags)

    def _losses(self, snapshot, mine, previous, fingerprint, overflow):
        losses = [cause for cause in mine['warning'].split(ALSO) if cause]
        if mine['state'] == 'starting' and not is_young(snapshot):
            losses.append('the capture on %s has not started yet; see %s' % (mine['interface'], LOG))
        # What another instance suffers from is that one's line. The text may have been cut off.
        others = [other['error'] for other in snapshot.instances if other['error']]
        losses.extend(cause for cause in snapshot.error.split(ALSO)
                      if cause and not any(error.startswith(cause) for error in others))
        if previous is not None:
            then = {}
            if snapshot.continues(previous):
                then = next((other for other in previous.instances if other['fingerprint'] == fingerprint), {})
            for name, message in LOSSES:
                # A capture that was opened anew counts from 0.
                lost = mine[name] - then.get(name, 0) if mine[name] >= then.get(name, 0) else mine[name]
                if lost:
                    losses.append(message % lost)
            if overflow:
                losses.append('%d segments were not timed because too many were waiting for their ACK' % overflow)
        return [printable(loss) for loss in losses]
