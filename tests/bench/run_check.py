"""What reading a segment of many rows and a run of the check over them cost, in this interpreter; CPython 2.7 and 3.

    run_check.py RUN_PEERS SEGMENT PEERS OCTAVES ROUNDS AGENT

RUN_PEERS: the program of run_peers.c. AGENT: the folder with the Agent's module `checks`: tests/python/agent5, or the source of a
real Agent v5 (2.7 only). All peers have traffic before each round. Prints one JSON object of [first, median, worst] in ms: the
first round has memory to ask for. "own" is a run of the check whose gauges and counts go nowhere, "whole" a run with the Agent's
aggregator, without its flush."""
from __future__ import absolute_import, division, print_function

import gc
import json
import os
import subprocess
import sys
import time
import types

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHECK = os.path.join(ROOT, 'checks.d', 'go-metro.py')
INSTANCE = {'interface': 'bench', 'all_peers': True}
now_s = getattr(time, 'perf_counter', time.time)


class Absent(types.ModuleType):
    """In place of a package that the real Agent imports and no check of ours needs."""

    NAMES = 'boto consul distro docker etcd kazoo kubernetes ntplib psutil simplejson snakebite tornado uptime'.split()

    def __getattr__(self, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return type(name, (Exception,), {})

    @classmethod
    def find_module(cls, name, path=None):
        return cls if name.split('.')[0] in cls.NAMES else None

    @classmethod
    def load_module(cls, name):
        module = sys.modules.setdefault(name, cls(name))
        module.__path__, module.__loader__ = [], cls
        return module


class Peers(object):
    """The program that publishes."""

    def __init__(self, program, segment, fingerprint, peers, octaves):
        command = [program, segment] + [str(n) for n in (fingerprint, peers, octaves)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True)
        self.process.stdout.readline()
        self.peers = peers

    def publish(self):
        self.process.stdin.write('%d\n' % self.peers)
        self.process.stdin.flush()
        if not self.process.stdout.readline():
            sys.exit('run_check: run_peers ended')

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def summary(times_ms):
    return [round(value, 3) for value in (times_ms[0], sorted(times_ms)[len(times_ms) // 2], max(times_ms[1:]))]


def timed(work):
    gc.collect()  # what an earlier round left is not this one's
    before = now_s()
    result = work()
    return (now_s() - before) * 1e3, result


def measure_reading(metro_segment, publish, segment, rounds, histograms, names):
    """Times of read(), of rows() with all values and of rows() with those that the check wants."""
    reads, alls, some, earlier = [], [], [], None
    for _ in range(rounds):
        publish()
        took, snapshot = timed(lambda: metro_segment.read(segment, histograms=histograms))
        reads.append(took)
        alls.append(timed(lambda: snapshot.rows(since=earlier))[0])
        some.append(timed(lambda: snapshot.rows(since=earlier, names=names, counted=True))[0])
        earlier = snapshot
    return {'read': summary(reads), 'rows': summary(alls), 'rows_of_the_check': summary(some)}


def measure_check(module, publish, segment, rounds, extended, has_aggregator):
    check = module.GoMetroCheck('go-metro', {'segment_path': segment, 'extended_metrics': extended}, {}, [INSTANCE])
    calls = [0]

    def swallow(*_, **__):
        calls[0] += 1

    if not has_aggregator:
        check.gauge = check.count = swallow
    times = []
    for number in range(rounds + 1):
        publish()
        calls[0] = 0
        took, statuses = timed(check.run)
        if statuses[0].status != 'OK':
            sys.exit('run_check: %s %s' % (statuses[0].error, statuses[0].warnings))
        check.aggregator.flush()
        if number:  # the first has no interval
            times.append(took)
    return summary(times), calls[0]


def main():
    program, segment, peers, octaves, rounds, agent = sys.argv[1:]
    peers, octaves, rounds = int(peers), int(octaves), int(rounds)
    sys.meta_path.append(Absent)
    sys.path.insert(0, os.path.join(ROOT, 'tests', 'python', 'agent5'))
    import agent5  # for load_module(); its own `checks` is the Agent's only if AGENT says so
    sys.modules.pop('checks')
    sys.path.insert(0, agent)
    module = agent5.load_module('go-metro', CHECK)
    import metro_segment
    source = Peers(program, segment, metro_segment.crc32c(module.fingerprint_text(INSTANCE)), peers, octaves)
    out = {'python': '%d.%d' % sys.version_info[:2]}
    try:
        for extended in (False, True):
            names = module.EXTENDED_VALUES if extended else module.VALUES
            part = measure_reading(metro_segment, source.publish, segment, rounds, extended, names)
            part['own'], part['calls'] = measure_check(module, source.publish, segment, rounds, extended, False)
            part['whole'], _ = measure_check(module, source.publish, segment, rounds, extended, True)
            out['extended' if extended else 'plain'] = part
    finally:
        source.stop()
        os.unlink(segment)
    print(json.dumps(out, sort_keys=True))


if __name__ == '__main__':
    main()
