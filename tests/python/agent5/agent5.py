#!/usr/bin/env python
"""Runs a check as Datadog Agent v5 would and shows it as `dd-agent info` shows it. CPython 2.7 and 3, needs PyYAML.

    agent5.py run --check checks.d/go-metro.py --config go-metro.yaml [--extension DIR] [--times N] [--interval S] [--json]

--extension   a folder of compiled modules to put on sys.path
--times       how many runs (1); --interval: seconds between two of them (15)
--json        one line a run instead of the screen: {"time", "statuses": ["OK", ...], "errors": [...], "warnings": [...],
              "instances": [{"id", "status", "error", "warnings"}, ...], "metrics": [[name, value, [tag, ...], type], ...],
              "service_checks": [{"check", "status", "tags", "message", ...}, ...], "library_versions": {...} or null}

As a module: agent = Agent(check, config); run = agent.run(); render(run).
"""
from __future__ import absolute_import, print_function

import argparse
import inspect
import json
import os
import sys
import time

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from checks import AgentCheck  # noqa: E402

CUSTOM = 'custom'  # what the Agent says instead of a version of a check from its checks.d folder
COLOURS = {'OK': 32, 'WARNING': 33, 'ERROR': 31}


class LoadError(Exception):
    """The check's file or its configuration cannot be used; the text is what the Agent shows."""


def load_module(name, path):
    """The check's file as module checksd_NAME; a hyphen in the name is fine."""
    name = 'checksd_' + name
    if sys.version_info[0] == 2:
        import imp
        return imp.load_source(name, path)
    import importlib.util
    specification = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


def load_class(name, path):
    """The subclass of the Agent's own AgentCheck in the file. Whatever is wrong at import shows as one misleading line."""
    try:
        module = load_module(name, path)
    except Exception:
        raise LoadError('No module named datadog_checks.%s' % name)
    for _, member in inspect.getmembers(module, inspect.isclass):
        if member is not AgentCheck and issubclass(member, AgentCheck):
            return member
    raise LoadError('No module named datadog_checks.%s' % name)


def load_config(path):
    with open(path, 'rb') as stream:
        config = yaml.load(stream, Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader))
    if not isinstance(config, dict) or not isinstance(config.get('instances'), list):
        raise LoadError('%s has no list of instances' % path)
    return config


class Run(object):
    """What one collection gave."""

    def __init__(self, name, statuses, metrics, service_checks, library_versions):
        self.name, self.time = name, time.time()
        self.statuses, self.metrics, self.service_checks = statuses, metrics, service_checks
        self.library_versions = library_versions

    def as_dict(self):
        return {
            'time': self.time,
            'statuses': [status.status for status in self.statuses],
            'errors': [status.error for status in self.statuses if status.error is not None],
            'warnings': [warning for status in self.statuses for warning in status.warnings],
            'instances': [{'id': status.instance_id, 'status': status.status, 'error': status.error, 'warnings': status.warnings}
                          for status in self.statuses],
            'metrics': self.metrics,
            'service_checks': self.service_checks,
            'library_versions': self.library_versions,
        }


class Agent(object):
    """The collector, with one check."""

    def __init__(self, check_path, config, name=None, agent_config=None):
        """config: the path of a YAML file, or what it would contain. An error in the check's __init__ passes through: there it
        ends the collector."""
        self.config = config if isinstance(config, dict) else load_config(config)
        self.name = name or os.path.splitext(os.path.basename(check_path))[0]
        check_class = load_class(self.name, check_path)
        self.check = check_class(self.name, init_config=self.config.get('init_config') or {}, agentConfig=agent_config or {},
                                 instances=self.config['instances'])
        extra_path = self.config.get('pythonpath', [])
        sys.path.extend(extra_path if isinstance(extra_path, list) else [extra_path])

    def run(self):
        statuses = self.check.run()
        metrics = self.check.aggregator.flush()
        versions = self.check.get_library_info()
        return Run(self.name, statuses, metrics, self.check.take_service_checks(), None if versions is None else dict(versions))


def plural(count):
    return '' if count == 1 else 's'


def render(run, colour=False):
    """The check's part of the screen of `dd-agent info`."""
    def paint(status, word=None):
        return '\033[%dm%s\033[0m' % (COLOURS[status], word or status) if colour else word or status

    lines = ['    %s (%s)' % (run.name, CUSTOM), '    ' + '-' * (len(run.name) + 3 + len(CUSTOM))]
    for status in run.statuses:
        error = '' if status.error is None else ': %r' % status.error
        lines.append('      - instance #%s [%s]%s' % (status.instance_id, paint(status.status), error))
        for warning in status.warnings:
            first, _, rest = warning.partition('\n')
            lines.append('          %s: %s' % (paint('WARNING', 'Warning'), first))
            lines.extend('          ' + line for line in rest.splitlines())
    lines.append('      - Collected %d metric%s, 0 events & %d service check%s' % (
        len(run.metrics), plural(len(run.metrics)), len(run.service_checks), plural(len(run.service_checks))))
    if run.library_versions is not None:
        lines.append('      - Dependencies:')
        lines.extend('          - %s: %s' % item for item in run.library_versions.items())
    return '\n'.join(lines + [''])


def parse(arguments):
    parser = argparse.ArgumentParser(description='Runs a check as Datadog Agent v5 would.')
    command = parser.add_subparsers(dest='command', metavar='COMMAND')
    run = command.add_parser('run', help='run a check and show what `dd-agent info` shows')
    run.add_argument('--check', required=True, metavar='FILE')
    run.add_argument('--config', required=True, metavar='FILE')
    run.add_argument('--extension', action='append', default=[], metavar='DIR')
    run.add_argument('--times', type=int, default=1, metavar='N')
    run.add_argument('--interval', type=float, default=15.0, metavar='S')
    run.add_argument('--json', action='store_true')
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.error('a command is needed: run')
    return options


def main(arguments=None):
    options = parse(arguments)
    sys.path[0:0] = [os.path.abspath(folder) for folder in options.extension]
    try:
        agent = Agent(options.check, options.config)
    except LoadError as error:
        print('      - initialize check class [ERROR]: %r' % str(error))
        return 1
    for number in range(options.times):
        if number:
            time.sleep(options.interval)
        run = agent.run()
        print(json.dumps(run.as_dict(), sort_keys=True) if options.json else render(run, sys.stdout.isatty()))
        sys.stdout.flush()
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
