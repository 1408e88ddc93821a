"""The built extension: what it needs of the outside, and the cost of many rows."""
from __future__ import absolute_import

import re
import subprocess
import sys
import time

import metro_segment
import pytest

import segment_builder as builder
from segment_builder import Row, Segment


def lines_of(*command):
    return subprocess.check_output(command).decode('ascii', 'replace').splitlines()


def test_undefined_symbols():
    listed = lines_of('nm', '-D', '--undefined-only', metro_segment.__file__)
    symbols = [line.split()[-1].split('@')[0] for line in listed]
    assert [symbol for symbol in symbols if 'UCS2' in symbol or 'UCS4' in symbol or 'PyUnicode' in symbol] == []
    # What is neither Python's nor libc's was forgotten among the sources.
    assert [symbol for symbol in symbols if re.match('(segment|interval|buckets|histogram|crc32c|peer|config)_', symbol)] == []


def test_needs_no_libpython():
    needed = [line for line in lines_of('readelf', '-d', metro_segment.__file__) if '(NEEDED)' in line]
    assert any('libc.so' in line for line in needed)
    assert [line for line in needed if 'python' in line] == []


def test_exports_only_its_init_function():
    listed = lines_of('nm', '-D', '--defined-only', metro_segment.__file__)
    exported = [line.split()[-1] for line in listed if ' T ' in line]
    wanted = 'initmetro_segment' if sys.version_info[0] == 2 else 'PyInit_metro_segment'
    assert [name for name in exported if name not in ('_init', '_fini')] == [wanted]


def test_ten_thousand_rows_cost_little(segment_path, monkeypatch):
    monkeypatch.setattr(builder, 'crc32c', lambda data, crc=0: metro_segment.crc32c(data, crc))
    rows = [Row(dst='peer%d' % number, birth=number + 1, samples_ms=[1.0]) for number in range(10000)]
    segment = Segment(rows).write(segment_path)
    earlier = metro_segment.read(segment_path)
    for row in rows:
        row.add(2.0)
    rows.reverse()  # the worst case: no row is where it was
    segment.rows = rows
    segment.write(segment_path)
    later = metro_segment.read(segment_path)
    before = time.time()
    got = later.rows(since=earlier)
    took = time.time() - before
    assert len(got) == 10000 and all(row['samples'] == 1 for row in got)
    assert took < 2  # about 0.06 s; a slow machine and ASan are allowed for
    print('10,000 rows in %.3f s' % took)


def test_help_is_there():
    assert 'since' in metro_segment.Snapshot.rows.__doc__ and 'owner' in metro_segment.read.__doc__
    assert metro_segment.Snapshot.age_s.__doc__
    with pytest.raises(ImportError):
        __import__('metro_segment.nothing')
