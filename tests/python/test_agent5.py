# -*- coding: utf-8 -*-
"""The stand-in for Agent v5: it has the traps that the Agent has, and the check shows on its screen as it should."""
from __future__ import absolute_import

import json
import os
import subprocess
import sys

import metro_segment
import pytest

import agent5
import hosts
import segment_builder as builder
from segment_builder import Row, Segment
from test_check import loopback

COMMAND = os.path.join(hosts.ROOT, 'tests', 'python', 'agent5', 'agent5.py')
HEADING = ['    go-metro (custom)', '    -----------------']


@pytest.fixture
def config(tmpdir, segment_path):
    path = tmpdir.join('go-metro.yaml')
    path.write('init_config:\n  segment_path: %s\n'
               'instances:\n- interface: lo\n  ips: [10.0.0.2]\n  tags: ["role:db"]\n' % segment_path)
    return str(path)


@pytest.fixture
def check_file(tmpdir):
    """check_file(body of check(), name): the path of a check made of it."""
    def make(body, name='sample-check'):
        path = tmpdir.join(name + '.py')
        path.write_binary((u'# -*- coding: utf-8 -*-\nfrom checks import AgentCheck\nclass Sample(AgentCheck):\n'
                           u'    def check(self, instance):\n        %s\n' % body).encode('utf-8'))
        return str(path)
    return make


def run_once(path, config=None):
    return agent5.Agent(path, config or {'init_config': {}, 'instances': [{}]}).run()


def run_command(*arguments):
    process = subprocess.Popen([sys.executable, COMMAND] + list(arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate()
    return process.returncode, out.decode('utf-8'), err.decode('utf-8')


def test_screen_ok(config, segment_path):
    Segment([Row(samples_ms=[1.0])], [loopback()]).write(segment_path)
    agent = agent5.Agent(hosts.CHECK, config)
    assert agent5.render(agent.run()).splitlines() == HEADING + [
        '      - instance #0 [OK]', '      - Collected 3 metrics, 0 events & 1 service check']
    # Dependencies show from the second run on.
    screen = agent5.render(agent.run()).splitlines()
    assert screen[:4] == HEADING + ['      - instance #0 [OK]', '      - Collected 0 metrics, 0 events & 1 service check']
    assert screen[4] == '      - Dependencies:'
    assert sorted(screen[5:]) == ['          - go-metro helper: 2.0.0', '          - metro_segment: ' + metro_segment.__version__,
                                  '          - segment ABI: 1.1']


def test_screen_warning(config, segment_path):
    Segment([], [loopback(warning='db does not resolve')]).write(segment_path)
    assert agent5.render(agent5.Agent(hosts.CHECK, config).run()).splitlines()[2:4] == [
        '      - instance #0 [WARNING]', '          Warning: db does not resolve']


def test_screen_error(config, segment_path):
    Segment([], [loopback()], state=builder.FAILED, error='no capability').write(segment_path)
    run = agent5.Agent(hosts.CHECK, config).run()
    assert agent5.render(run).splitlines()[2:] == [
        "      - instance #0 [ERROR]: 'go-metro does not measure: no capability'",
        '      - Collected 0 metrics, 0 events & 1 service check']
    assert '\033[31mERROR\033[0m' in agent5.render(run, colour=True)


def test_command(config, segment_path):
    Segment([Row(samples_ms=[1.5])], [loopback()]).write(segment_path)
    folder = os.path.dirname(metro_segment.__file__)
    status, out, err = run_command('run', '--check', hosts.CHECK, '--config', config, '--extension', folder, '--times', '2',
                                   '--interval', '0.05', '--json')
    assert (status, err) == (0, '')
    first, second = [json.loads(line) for line in out.splitlines()]
    assert first['statuses'] == ['OK'] and first['errors'] == [] and first['warnings'] == []
    assert ['system.net.tcp.rtt', 1.5, ['dst:peer.example', 'iface:lo', 'role:db', 'src:10.0.0.1'], 'gauge'] in first['metrics']
    assert [(check['check'], check['status']) for check in first['service_checks']] == [('go_metro.capture', 0)]
    assert (second['metrics'], first['library_versions'], second['library_versions']['segment ABI']) == ([], None, '1.1')
    status, out, _ = run_command('run', '--check', hosts.CHECK, '--config', config, '--extension', folder)
    assert status == 0 and out.startswith('\n'.join(HEADING)) and '\033' not in out


def test_command_of_something_else():
    assert run_command()[0] == 2
    status, out, _ = run_command('run', '--check', '/nonexistent/x.py', '--config', '/dev/null')
    assert status == 1 and '[ERROR]' in out


def test_import_errors_mislead(check_file, tmpdir):
    path = tmpdir.join('broken.py')
    path.write('import no_such_module\n')
    with pytest.raises(agent5.LoadError) as caught:
        run_once(str(path))
    assert str(caught.value) == 'No module named datadog_checks.broken'


def test_the_class_must_be_the_agents(tmpdir):
    path = tmpdir.join('foreign.py')
    path.write('class AgentCheck(object):\n    pass\nclass Foreign(AgentCheck):\n    pass\n')
    with pytest.raises(agent5.LoadError):
        run_once(str(path))


def test_an_error_in_init_ends_the_collector(tmpdir):
    path = tmpdir.join('fatal.py')
    path.write('from checks import AgentCheck\nclass Fatal(AgentCheck):\n'
               '    def __init__(self, *a, **k):\n        raise KeyError("x")\n')
    with pytest.raises(KeyError):
        run_once(str(path))


def test_non_ascii_warnings_are_errors_under_2_7(check_file):
    run = run_once(check_file(u'self.warning(u"K\xf6ln")'))
    assert run.statuses[0].status == ('ERROR' if sys.version_info[0] == 2 else 'WARNING')


def test_non_ascii_bytes_in_a_message_are_errors_under_2_7(check_file):
    run = run_once(check_file(u'self.service_check("a", 0, message=u"K\xf6ln".encode("utf-8"))'))
    assert run.statuses[0].status == ('ERROR' if sys.version_info[0] == 2 else 'OK')


def test_the_instance_is_a_copy(check_file):
    config = {'init_config': {}, 'instances': [{'list': [1]}]}
    run_once(check_file('instance["list"].append(2)'), config)
    assert config['instances'] == [{'list': [1]}]


def test_min_collection_interval(check_file):
    config = {'init_config': {}, 'instances': [{'min_collection_interval': 60}, {}]}
    agent = agent5.Agent(check_file('self.gauge("a", 1)'), config)
    assert [status.instance_id for status in agent.run().statuses] == [0, 1]
    assert [status.instance_id for status in agent.run().statuses] == [1]


def test_gauges_are_replaced_and_counts_add_up(check_file):
    body = 'for n in (1, 2): self.gauge("g", n, tags=["b", "a", "a"]); self.count("c", n)'
    assert run_once(check_file(body)).metrics == [['g', 2, ['a', 'b'], 'gauge'], ['c', 3, [], 'count']]


def test_warnings_of_several_lines(check_file):
    screen = agent5.render(run_once(check_file('self.warning("a\\nb")'))).splitlines()
    assert screen[3:5] == ['          Warning: a', '          b']


def test_pythonpath(check_file, tmpdir):
    tmpdir.mkdir('extra').join('extra_module_of_a_test.py').write('VALUE = 7\n')
    config = {'init_config': {}, 'instances': [{}], 'pythonpath': str(tmpdir.join('extra'))}
    run = agent5.Agent(check_file('import extra_module_of_a_test as e; self.gauge("v", e.VALUE)'), config).run()
    assert run.metrics == [['v', 7, [], 'gauge']]


if sys.version_info[0] == 2:  # pylint --py3k went with Python 2
    def test_pylint_py3k():
        """What the Agent runs on a custom check; an empty output or an empty list is its approval."""
        process = subprocess.Popen([sys.executable, '-m', 'pylint', '-f', 'json', '--py3k', '-d', 'W1618', '--persistent', 'no',
                                    '--exit-zero', hosts.CHECK], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert json.loads(out.decode('utf-8') or '[]') == []
