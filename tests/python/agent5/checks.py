"""A stand-in for module `checks` of Datadog Agent v5: what the collector does to a check, as far as a check can notice.

Own code, made after the behaviour of the Agent 5.32.9; runs under CPython 2.7 and 3. Where 2.7's types are the trap, they
are kept: str() of warnings and errors and unicode() of messages fail on the same input as in the Agent.
"""
from __future__ import absolute_import

import copy
import logging
import time
import traceback

UNICODE = type(u'')


class Aggregator(object):
    """Gauges keep their last value and counts add up, for each name and set of tags, until the flush."""

    def __init__(self):
        self.contexts = []
        self.values = {}

    def submit(self, kind, name, value, tags):
        context = (name, tuple(sorted(set(tags or ()))), kind)
        if context not in self.values:
            self.contexts.append(context)
            self.values[context] = value
        elif kind == 'count':
            self.values[context] += value
        else:
            self.values[context] = value

    def flush(self):
        """[[name, value, [tag, ...], type], ...] in order of submission."""
        metrics = [[name, self.values[(name, tags, kind)], list(tags), kind] for name, tags, kind in self.contexts]
        self.contexts, self.values = [], {}
        return metrics


class InstanceStatus(object):
    def __init__(self, instance_id, status, error=None, trace=None, warnings=()):
        self.instance_id, self.status, self.error, self.trace, self.warnings = instance_id, status, error, trace, list(warnings)


class AgentCheck(object):
    OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
    DEFAULT_MIN_COLLECTION_INTERVAL = 0

    def __init__(self, name, init_config, agentConfig, instances=None):
        self.name = name
        self.init_config = init_config or {}
        self.agentConfig = agentConfig
        self.hostname = agentConfig.get('checksd_hostname', 'stand-in')
        self.log = logging.getLogger('checks.' + name)
        self.min_collection_interval = self.init_config.get('min_collection_interval', self.DEFAULT_MIN_COLLECTION_INTERVAL)
        self.aggregator = Aggregator()
        self.instances = instances or []
        self.warnings = []
        self.service_checks = []
        self.library_versions = None
        self.last_collection_time = {}

    def gauge(self, metric, value, tags=None, hostname=None, device_name=None, timestamp=None):
        self.aggregator.submit('gauge', metric, value, tags)

    def count(self, metric, value=0, tags=None, hostname=None, device_name=None):
        self.aggregator.submit('count', metric, value, tags)

    def service_check(self, check_name, status, tags=None, timestamp=None, hostname=None, check_run_id=None, message=None):
        if message is not None:
            message = UNICODE(message)
        self.service_checks.append({
            'check': check_name, 'status': status, 'tags': sorted(set(tags)) if tags else tags, 'message': message,
            'host_name': self.hostname if hostname is None else hostname, 'timestamp': timestamp or time.time(),
        })

    def warning(self, warning_message):
        warning_message = str(warning_message)
        self.log.warning(warning_message)
        self.warnings.append(warning_message)

    def check(self, instance):
        raise NotImplementedError

    def get_library_versions(self):
        raise NotImplementedError

    def get_library_info(self):
        """The first call only asks, so that Dependencies show from the second run on; what it got is kept for good."""
        if self.library_versions is not None:
            return self.library_versions
        try:
            self.library_versions = self.get_library_versions()
        except NotImplementedError:
            pass
        return None

    def take_warnings(self):
        warnings, self.warnings = self.warnings, []
        return warnings

    def take_service_checks(self):
        service_checks, self.service_checks = self.service_checks, []
        return service_checks

    def run(self):
        """A status for each instance that was due."""
        statuses = []
        for number, instance in enumerate(self.instances):
            now = time.time()
            interval = instance.get('min_collection_interval', self.min_collection_interval)
            if now - self.last_collection_time.get(number, 0) < interval:
                continue
            self.last_collection_time[number] = now
            statuses.append(self._run_instance(number, instance))
        return statuses

    def _run_instance(self, number, instance):
        try:
            self.check(copy.deepcopy(instance))
        except Exception as error:
            self.log.debug('instance #%s failed', number, exc_info=True)
            self.take_warnings()
            return InstanceStatus(number, 'ERROR', error=str(error), trace=traceback.format_exc())
        warnings = self.take_warnings()
        return InstanceStatus(number, 'WARNING' if warnings else 'OK', warnings=warnings)
