"""Check and helper take an instance of one YAML file for the same: both read every valid file of the configuration's tests."""
from __future__ import absolute_import

import glob
import os
import subprocess

import metro_segment
import pytest

import agent5
import hosts
import segment_builder as builder

# It is built beside the extensions' folders.
PROGRAM = os.path.join(os.path.dirname(os.path.dirname(metro_segment.__file__)), 'fingerprints')
FILES = sorted(glob.glob(os.path.join(hosts.ROOT, 'tests', 'unit', 'data', 'config', 'valid_*.yaml')))
FILES.append(os.path.join(hosts.ROOT, 'conf.d', 'go-metro.yaml.example'))


def helpers(path):
    """[(canonical text, fingerprint)], one for each instance, as the helper makes them."""
    found, text = [], b''
    for line in subprocess.check_output([PROGRAM, path]).splitlines(True):
        if line.startswith(b'= '):
            found.append((text, int(line[2:], 16)))
            text = b''
        else:
            text += line
    return found


@pytest.mark.parametrize('path', FILES, ids=os.path.basename)
def test_the_check_agrees_with_the_helper(path):
    check = agent5.load_module('go-metro', hosts.CHECK)
    texts = [check.fingerprint_text(instance) for instance in agent5.load_config(path)['instances']]
    assert texts == [text for text, _ in helpers(path)]
    assert [metro_segment.crc32c(text) for text in texts] == [fingerprint for _, fingerprint in helpers(path)]
    assert [builder.crc32c(text) for text in texts] == [fingerprint for _, fingerprint in helpers(path)]


def test_there_are_files():
    assert len(FILES) > 15
