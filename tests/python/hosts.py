"""The check inside its two kinds of host, with one face for the tests: run() -> Result."""
from __future__ import absolute_import

import copy
import os
import sys

import agent5

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHECK = os.path.join(ROOT, 'checks.d', 'go-metro.py')


def native(value):
    if isinstance(value, bytes):
        return value if str is bytes else value.decode('utf-8')
    return value


class Result(object):
    """statuses, errors, warnings: one for each instance; metrics: [(name, value, [tag], type)]; service_checks:
    [(status, [tag], message)]."""

    def __init__(self, statuses, errors, warnings, metrics, service_checks):
        self.statuses, self.errors, self.warnings = statuses, errors, warnings
        self.metrics, self.service_checks = metrics, service_checks

    def values(self, name, *tags):
        """The values of a metric in rows that have all these tags."""
        return [value for metric, value, have, _ in self.metrics if metric == name and set(tags) <= set(have)]

    @property
    def names(self):
        return sorted(set(metric[0] for metric in self.metrics))


class Agent5Host(object):
    def __init__(self, init_config, instances):
        self.agent = agent5.Agent(CHECK, {'init_config': init_config, 'instances': instances})
        self.checks = [self.agent.check]

    def run(self):
        run = self.agent.run()
        return Result([status.status for status in run.statuses], [status.error for status in run.statuses],
                      [status.warnings for status in run.statuses], [tuple(metric) for metric in run.metrics],
                      [(check['status'], check['tags'], check['message']) for check in run.service_checks])


class BaseHost(object):
    """datadog_checks.base with its stub aggregator: a check object for each instance, as Agent v6 and v7 have it."""

    def __init__(self, init_config, instances):
        from datadog_checks.base.stubs import aggregator
        self.aggregator = aggregator
        kept = sys.modules.pop('checks', None)
        sys.modules['checks'] = None  # there is no such module outside of Agent v5
        try:
            module = agent5.load_module('go-metro', CHECK)
        finally:
            sys.modules['checks'] = kept
        self.kinds = {aggregator.GAUGE: 'gauge', aggregator.COUNT: 'count'}
        self.checks = [module.GoMetroCheck('go-metro', init_config, [instance]) for instance in instances]

    def run(self):
        self.aggregator.reset()
        statuses, errors, warnings = [], [], []
        for check in self.checks:
            error = None
            try:
                check.check(copy.deepcopy(check.instances[0]))
            except Exception as caught:
                error = str(caught)
            warned = check.get_warnings()
            errors.append(error)
            warnings.append([] if error else warned)
            statuses.append('ERROR' if error else 'WARNING' if warned else 'OK')
        metrics = [(native(stub.name), stub.value, [native(tag) for tag in stub.tags], self.kinds[stub.type])
                   for name in self.aggregator.metric_names for stub in self.aggregator.metrics(name)]
        service_checks = [(stub.status, [native(tag) for tag in stub.tags], native(stub.message) or None)
                          for stub in self.aggregator.service_checks('go_metro.capture')]
        return Result(statuses, errors, warnings, metrics, service_checks)
