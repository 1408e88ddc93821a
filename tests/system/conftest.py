"""The system tests' skips, fixtures and their last look around."""

import pytest

import stage as stages
from network import namespaces_allowed
from processes import when_ended


# What needs neither root nor namespaces.
ANYWHERE = {"test_read.py", "test_check_config.py"}


def pytest_configure():
    when_ended(lambda number: pytest.exit("ended by signal %d" % number, returncode=128 + number))


def pytest_collection_modifyitems(items):
    reason = namespaces_allowed()
    if reason is not None:
        for item in (item for item in items if item.path.name not in ANYWHERE):
            item.add_marker(pytest.mark.skip(reason="the system tests need root and namespaces: " + reason))


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_behind():
    yield
    assert stages.leftovers() == []


@pytest.fixture
def stage():
    with stages.Stage() as stage:
        yield stage
