"""What `make bench` rests on, in short: the generator, the programs that measure, the arithmetic. Nothing here judges a time."""

import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "accuracy")]

import costs  # noqa: E402


@pytest.fixture
def workload(tmp_path):
    """Makes a capture; its path."""
    def make(pattern, name="capture.pcap", **options):
        costs.make_capture(pattern, tmp_path / name, **options)
        return tmp_path / name
    return make


@pytest.fixture
def generator():
    """Runs the generator with these arguments."""
    def run(*arguments):
        return subprocess.run([str(costs.WORKLOAD)] + [str(argument) for argument in arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, universal_newlines=True, check=False)
    return run
