# -*- coding: utf-8 -*-
"""A YAML file means to the helper what it means to the Agent: each value of each file, by PyYAML and by the helper's own reader.

tests/python/yaml has a file for each thing that the two could see differently; those of the configuration's tests, the old ones
and the example come on top."""
from __future__ import absolute_import

import datetime
import glob
import io
import json
import os
import re
import subprocess

import metro_segment
import pytest
import yaml

import agent5
import hosts

PROGRAM = os.path.join(os.path.dirname(os.path.dirname(metro_segment.__file__)), 'yaml_values')
FOLDERS = ['tests/python/yaml/*.yaml', 'tests/system/old_configs/*.yaml', 'tests/unit/data/config/*.yaml', 'conf.d/*.example']
FILES = [path for pattern in FOLDERS for path in sorted(glob.glob(os.path.join(hosts.ROOT, pattern)))]
# The Agent's own, which is PyYAML with libyaml, and what it falls back on where PyYAML was built without that.
LOADERS = [yaml.CSafeLoader, yaml.SafeLoader]

# What PyYAML takes and the helper does not, as it has no use in a configuration; nobody gets it wrong in silence then.
ONLY_PYYAML = {
    'set_tag': 'the tag !!set has no use here',
    'too_deep': 'nested deeper than',
    'cyclic_alias': 'stands inside its own anchor',
}
# What PyYAML takes only with libyaml, as the Agent has it, and the helper takes too. Without libyaml PyYAML refuses the whole file:
# then the collector says so, and nothing is read in two ways. Each is in a file by itself, and why the other loader refuses it.
ONLY_LIBYAML = {
    'json_with_tabs': 'that cannot start any token',  # tabs between tokens
    'tab_behind_values': 'that cannot start any token',
    'question_mark_in_brackets': "but got '\\?'",
}
# What a number of the old program is brought to, and what counts where a value has no effect and is none.
BOUNDS = {'snaplen': (192, 262144), 'idle_ttl': (1, 86400), 'exp_ttl': (0, 86400), 'expired_ttl': (0, 86400),
          'sample_duration': (0, 604800), 'sample_interval': (0, 604800)}
IDLE = {('statsd_ip', ''): '127.0.0.1', ('statsd_port', 0): 8125, ('pcap', ''): None}
LEVELS = {'warn': 'warning', 'err': 'error', 'crit': 'critical'}
TEXT = type(u'')


def helpers(path):
    """(tree, problem, configuration) by the helper; tree or problem is None, and so is a configuration that is refused."""
    process = subprocess.Popen([PROGRAM, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate()
    assert process.returncode == 0, err
    first, second = [json.loads(line) for line in out.decode('utf-8').split(u'\n')[:2]]
    return first.get('tree'), first.get('problem'), second


def load(path, loader):
    """(value, None), or (None, why not)."""
    with io.open(path, 'rb') as stream:
        try:
            return yaml.load(stream, Loader=loader), None
        except (yaml.YAMLError, ValueError) as error:  # the second: a date or number that is none
            return None, error


# --- both as nested tuples that can be compared ---

def of_helper(node):
    kind, rest = node[0], node[1:]
    if kind == 'map':
        return kind, dict((json.dumps(of_helper(key)), of_helper(value)) for key, value in rest)
    if kind == 'list':
        return kind, [of_helper(item) for item in rest]
    if kind == 'float':
        return kind, repr(float(rest[0]))
    return tuple(node)


def whole_number(value):
    bound = min(max(value, -2**63), 2**63 - 1)
    return ('a number', bound) + (() if bound == value else ('beyond',))


def of_pyyaml(value):
    if value is None:
        return ('nothing',)
    if isinstance(value, bool):
        return 'a boolean', value
    if isinstance(value, float):
        return 'float', repr(value)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return ('a date',)
    if isinstance(value, dict):
        return 'map', dict((json.dumps(of_pyyaml(key)), of_pyyaml(item)) for key, item in value.items())
    if isinstance(value, list):
        return 'list', [of_pyyaml(item) for item in value]
    if isinstance(value, (bytes, TEXT)):
        return 'text', value.decode('utf-8') if isinstance(value, bytes) else value
    return whole_number(value)


def name_of(path):
    return os.path.splitext(os.path.basename(path))[0]


def loaders_of(path):
    return LOADERS[:1] if name_of(path) in ONLY_LIBYAML else LOADERS


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_every_value_is_the_same(path):
    tree, problem, _ = helpers(path)
    for loader in loaders_of(path):
        value, error = load(path, loader)
        if problem is not None and name_of(path) in ONLY_PYYAML:
            assert error is None and ONLY_PYYAML[name_of(path)] in problem
        elif problem is not None or error is not None:
            assert problem is not None and error is not None, '%s: helper: %r, PyYAML: %r' % (loader.__name__, problem, error)
        else:
            assert of_helper(tree) == of_pyyaml(value), loader.__name__


# --- what the keys mean ---

def is_text(value):
    return isinstance(value, (bytes, TEXT))


def meant(key, value, level):
    """What the helper should make of a key's value by PyYAML, where that is given."""
    if key in ('exp_ttl', 'expired_ttl') and level.get('expired_ttl') is not None:
        value = level['expired_ttl']
    if key == 'exp_ttl' and is_text(value):
        return 60  # the old program never read it, so it may be anything
    if key in BOUNDS:
        return min(max(int(value), BOUNDS[key][0]), BOUNDS[key][1])
    if not isinstance(value, list) and (key, value) in IDLE:
        return IDLE[key, value]
    if key == 'log_level':
        word = (value if is_text(value) else 'loud').lower()
        word = LEVELS.get(word, word)
        return word if word in ('trace', 'debug', 'info', 'warning', 'error', 'critical') else 'warning'
    if key in ('log_to_file', 'sample') and is_text(value):
        return value in ('y', 'Y')
    if isinstance(value, list):
        return [item.decode('utf-8') if isinstance(item, bytes) else item for item in value if item is not None]
    if isinstance(value, float):
        return int(value)
    return value.decode('utf-8') if isinstance(value, bytes) else value


def assert_level(given, taken, path):
    for key, value in (given or {}).items():
        if key not in taken or value is None:
            continue
        if key == 'tags' and not all(is_text(tag) for tag in value):
            continue  # the helper keeps them as written, for nothing; the tags are the check's
        wanted = meant(key, value, given)
        if key in ('ips', 'hosts'):  # without what is none; what that is the configuration's own tests say
            wanted = [item for item in wanted if item in taken[key]]
        assert taken[key] == wanted, '%s: %s' % (path, key)


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_every_key_gets_that_value(path):
    _, _, configuration = helpers(path)
    if configuration is None:
        return
    for loader in loaders_of(path):
        value, error = load(path, loader)
        assert error is None, 'the helper takes what the Agent does not'
        assert_level(value.get('init_config'), configuration['init_config'], path)
        assert len(value['instances']) == len(configuration['instances'])
        for given, taken in zip(value['instances'], configuration['instances']):
            assert_level(given, taken, path)


def test_the_check_and_the_helper_take_it_for_the_same_instances():
    check = agent5.load_module('go-metro', hosts.CHECK)
    fingerprints = os.path.join(os.path.dirname(PROGRAM), 'fingerprints')
    compared = 0
    for path in FILES:
        if helpers(path)[2] is None:
            continue
        texts = [check.fingerprint_text(instance) for instance in agent5.load_config(path)['instances']]
        lines = subprocess.check_output([fingerprints, path]).splitlines(True)
        assert b''.join(texts) == b''.join(line for line in lines if not line.startswith(b'= ')), path
        compared += len(texts)
    assert compared > 60


def test_the_loaders_differ_where_it_is_said():
    for path in FILES:
        if name_of(path) in ONLY_LIBYAML:
            assert load(path, yaml.CSafeLoader)[1] is None
            assert re.search(ONLY_LIBYAML[name_of(path)], str(load(path, yaml.SafeLoader)[1])), path


def test_there_are_files_enough():
    names = [name_of(path) for path in FILES]
    assert len(names) == len(set(names))
    own = [path for path in FILES if os.sep + os.path.join('python', 'yaml') + os.sep in path]
    assert len([path for path in own if loaders_of(path) == LOADERS]) >= 60, 'by both loaders of PyYAML'
    # Most of them must be right, or it would be refusals that are compared.
    assert len([path for path in own if load(path, LOADERS[0])[1] is None]) >= 50
