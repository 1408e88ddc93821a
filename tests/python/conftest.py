"""What the tests share. METRO_SEGMENT_DIR names the folder of the extension that was built for this interpreter."""
from __future__ import absolute_import

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[0:0] = [HERE, os.path.join(HERE, 'agent5')]
if os.environ.get('METRO_SEGMENT_DIR'):
    sys.path.insert(0, os.path.abspath(os.environ['METRO_SEGMENT_DIR']))

import hosts  # noqa: E402


@pytest.fixture
def segment_path(tmpdir):
    return str(tmpdir.join('segment'))


@pytest.fixture
def read(segment_path):
    """read(segment) writes it and gives the extension's Snapshot of it."""
    import metro_segment

    def write_and_read(segment, **options):
        segment.write(segment_path)
        return metro_segment.read(segment_path, **options)
    return write_and_read


@pytest.fixture(params=['agent5', 'base'])
def host(request, segment_path):
    """start(instances, **init_config) makes the check inside a host: our stand-in for Agent v5, or datadog_checks.base."""
    make = {'agent5': hosts.Agent5Host, 'base': hosts.BaseHost}[request.param]

    def start(instances, **init_config):
        init_config.setdefault('segment_path', segment_path)
        return make(init_config, instances)
    return start
