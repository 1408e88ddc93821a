"""tests/run.sh and tests/unit/run.sh: what is skipped is counted, said, and a failure where nothing may be."""

import os
import pathlib
import subprocess

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
RUN = REPOSITORY / "tests" / "run.sh"
UNIT_RUN = REPOSITORY / "tests" / "unit" / "run.sh"
# A `make` whose targets end as these runners do.
MAKE = """#!/bin/sh
for target; do :; done
case $target in
pytest) echo "===== 5 passed, 2 skipped, 1 warning in 0.07s (0:01:10) =====" ;;
old-pytest) echo "5 passed, 1 skipped in 0.07 seconds" ;;
both) echo "5 passed, 1 skipped in 0.07s"; echo "8 passed, 3 skipped in 0.07s" ;;
unit) echo "unit tests: 5 passed, 0 failed, 4 skipped" ;;
cost) echo "test-cost: 0 passed, 0 failed, 3 skipped" ;;
unjudged) echo "test-cost: 0 passed, 0 failed, 3 without a figure" ;;
talk) echo "SKIPPED [7] x.py:3: 7 skipped"; echo "9 passed in 0.07s" ;;
broken) echo "2 failed, 1 skipped in 0.07s"; exit 1 ;;
*) echo "NO_SKIPS=$NO_SKIPS" ;;
esac
"""
UNIT_TEST = r"""
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_whole(void **state) { (void)state; }
static void test_skipped(void **state) { (void)state; print_message("SKIPPED %s: no reason\n", __func__); skip(); }
static void test_wrong(void **state) { (void)state; assert_true(!WRONG); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole), cmocka_unit_test(test_skipped), cmocka_unit_test(test_skipped), cmocka_unit_test(test_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
"""


@pytest.fixture
def make(tmp_path):
    path = tmp_path / "make"
    path.write_text(MAKE)
    path.chmod(0o755)
    return path


def run(make, *targets, **environment):
    """Exit status, the last line, and what the summary says of each target."""
    environment = dict({name: value for name, value in os.environ.items() if name != "NO_SKIPS"}, MAKE=str(make), **environment)
    result = subprocess.run([RUN, *targets], env=environment, capture_output=True, text=True, timeout=60, check=False)
    *lines, last = result.stdout.splitlines()
    return result.returncode, last, [line.split("(")[0].split(None, 1)[1].strip() for line in lines[-len(targets):]]


def test_nothing_skipped(make):
    assert run(make, "talk", "other") == (0, "2 passed, 0 failed", ["passed", "passed"])


def test_skips_are_summed_up(make):
    assert run(make, "pytest", "old-pytest", "both", "unit", "talk") == (
        0, "5 passed, 0 failed, 11 skipped", ["passed, 2 skipped", "passed, 1 skipped", "passed, 4 skipped", "passed, 4 skipped",
                                              "passed"])


def test_a_failure_is_one(make):
    assert run(make, "broken", "talk") == (1, "1 passed, 1 failed, 1 skipped", ["FAILED, 1 skipped", "passed"])


def test_where_nothing_may_be_skipped(make):
    assert run(make, "pytest", "unit", "talk", "broken", "cost", NO_SKIPS="1") == (
        1, "1 passed, 4 failed, 10 skipped", ["FAILED, 2 skipped", "FAILED, 4 skipped", "passed", "FAILED, 1 skipped",
                                              "FAILED, 3 skipped"])
    assert run(make, "talk", "unjudged", NO_SKIPS="1") == (0, "2 passed, 0 failed", ["passed", "passed"])


def test_continuous_integration_skips_nothing(make):
    environment = dict(os.environ, PATH="%s:%s" % (make.parent, os.environ["PATH"]))
    environment.pop("NO_SKIPS", None)
    assert subprocess.check_output([REPOSITORY / ".ci" / "run"], env=environment, text=True, timeout=60) == "NO_SKIPS=1\n"


@pytest.fixture
def unit_test(tmp_path):
    """unit_test(wrong) compiles UNIT_TEST; the binary."""
    def build(wrong):
        source, binary = tmp_path / "unit.c", tmp_path / ("wrong" if wrong else "right")
        source.write_text(UNIT_TEST)
        subprocess.run(["cc", "-DWRONG=%d" % wrong, "-o", binary, source, "-lcmocka"], check=True, timeout=60)
        return binary
    return build


def test_skips_of_unit_tests(unit_test):
    right = unit_test(False)
    result = subprocess.run([UNIT_RUN, right, right], capture_output=True, text=True, timeout=60, check=False)
    lines = result.stdout.splitlines()
    assert (result.returncode, lines[-1]) == (0, "unit tests: 2 passed, 0 failed, 4 skipped")
    assert lines.count("SKIPPED test_skipped: no reason") == 4
    assert lines.count("right: [ PASSED ] 2 test(s). [ SKIPPED ] 2 test(s)") == 2


def test_failures_of_unit_tests(unit_test):
    result = subprocess.run([UNIT_RUN, unit_test(False), unit_test(True)], capture_output=True, text=True, timeout=60, check=False)
    lines = result.stdout.splitlines()
    assert (result.returncode, lines[-1]) == (1, "unit tests: 1 passed, 1 failed, 4 skipped")
    assert "wrong: FAILED (exit status 1)" in lines
