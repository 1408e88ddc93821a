"""The system tests' skips, fixtures and their last look around."""

import signal
import sys

import pytest

import stage as stages
from network import namespaces_allowed


def pytest_configure():
    # A terminated run cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))


def pytest_collection_modifyitems(items):
    reason = namespaces_allowed()
    if reason is not None:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="the system tests need root and namespaces: " + reason))


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_behind():
    yield
    assert stages.leftovers() == []


@pytest.fixture
def stage():
    with stages.Stage() as stage:
        yield stage
