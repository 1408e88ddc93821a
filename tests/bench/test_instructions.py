"""`make test-cost`: what is counted, and what is made of the counts."""

import json
import re
import shutil

import pytest

import costs
import instructions
from callgrind import Count
from instructions import Taken, Verdict

COMPILER = "gcc 12.2 x86_64"
GCC = """#define __GNUC__ 12
#define __OPTIMIZE__ 1
#define __GNUC_MINOR__ 2
#define __STDC__
#define __x86_64 1
"""
CLANG = GCC + "#define __clang_minor__ 0\n#define __clang_major__ 14\n"  # says of itself that it is a gcc as well


# --- counting ---


def test_ours_is_what_stands_in_the_helper():
    found = instructions.split([Count("/x/go-metro", "native/rtt.c", 50), Count("/x/go-metro", "/usr/include/string.h", 7),
                                Count("/x/go-metro", "???", 1), Count("/usr/lib/libc.so.6", "???", 30),
                                Count("/usr/lib/libpcap.so.1.10.3", "???", 9), Count("/x/fixed_seed.so", "fixed_seed.c", 1000)])
    assert found == Taken(own=58, libraries=39)


def test_a_seed_that_is_not_fixed_is_no_count():
    with pytest.raises(costs.Failed, match="the hash seed was not fixed"):
        instructions.split([Count("/x/go-metro", "native/rtt.c", 50)])


def test_what_an_empty_capture_takes_is_taken_off():
    assert instructions.a_packet(Taken(12345, 5000), Taken(345, 1000), 1000) == Taken(12.0, 4.0)


@pytest.fixture
def valgrind():
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed: apt-get install valgrind")


def test_counts_are_the_same_in_every_run(valgrind, tmp_path, monkeypatch):
    """To the last instruction: with a seed of its own each run would find other keys meeting in its tables."""
    def counts():
        helper, capture = instructions.stripped(tmp_path), tmp_path / "x"
        costs.make_capture("requests", capture, packets=5000, flows=1000)
        return instructions.count(helper, capture).own
    first = counts()
    monkeypatch.setenv("METRO_TEST", 5000 * "x")
    monkeypatch.chdir("/")
    assert [counts(), counts()] == [first, first]


def test_a_packet_takes_what_it_takes(valgrind):
    """However many there are, give or take what the first of a flow and of a row takes."""
    [few, many] = [instructions.count_workloads({"bulk": {"packets": packets}}, lambda text: None)["bulk"] for packets in (20000, 40000)]
    assert 0.95 < few.own / many.own < 1.05
    assert 10 < many.own < 10000 and 10 < many.libraries < 10000


# --- whose the figures are ---


@pytest.mark.parametrize("macros, machine, name", [
    (GCC, "x86_64-linux-gnu\n", COMPILER),
    (CLANG, "x86_64-pc-linux-gnu\n", "clang 14.0 x86_64"),
    (GCC, "aarch64-linux-gnu\n", "gcc 12.2 aarch64"),
])
def test_a_compiler_has_name_version_and_machine(macros, machine, name):
    assert instructions.compiler_of(macros, machine) == name


def test_other_compilers_have_no_figures():
    with pytest.raises(costs.Failed, match="neither gcc nor clang"):
        instructions.compiler_of("#define __TINYC__ 927\n", "x86_64-linux-gnu")


def test_the_compiler_is_asked():
    assert re.match(r"(gcc|clang) \d+\.\d+ \w+$", instructions.compiler("cc"))
    assert instructions.compiler("env LC_ALL=C cc") == instructions.compiler("cc")


def test_figures_are_there_for_every_workload():
    figures = instructions.read_figures(instructions.FIGURES)
    assert COMPILER in figures  # that of Debian 12: there the guard judges
    for of_compiler in figures.values():
        assert set(of_compiler) == set(instructions.CAPTURES)
        assert all(10 < figure < 10000 for figure in of_compiler.values())


# --- judging ---


@pytest.mark.parametrize("own, figure, word", [
    (104.9, 100, "passed"), (105.1, 100, "FAILED"), (95.1, 100, "passed"), (94.9, 100, "better"), (100, 100, "passed"),
    (1000, 100, "FAILED"), (100, None, "no figure")])
def test_more_than_a_twentieth_above_fails(own, figure, word):
    assert instructions.judge(own, figure) == Verdict(word, None if figure is None else own / figure)


@pytest.fixture
def guard(tmp_path, monkeypatch, capsys):
    """guard(options, worse=1.0): main() with counts that are that many times the figures; exit status, what it said, the figures."""
    path = tmp_path / "figures.json"
    path.write_text(json.dumps({COMPILER: dict.fromkeys(instructions.CAPTURES, 1000), "gcc 9.1 x86_64": {"bulk": 7}}))
    monkeypatch.setattr(instructions, "FIGURES", path)
    monkeypatch.setattr(instructions.tools, "need", lambda tool, package: None)

    def run(*options, compiler=COMPILER, times=1.0):
        monkeypatch.setattr(instructions, "compiler", lambda command: compiler)
        monkeypatch.setattr(instructions, "count_workloads", lambda captures, say: {
            workload: Taken(1000 * (times if workload == "short" else 1), 44.4) for workload in captures})
        status = instructions.main(list(options))
        said = capsys.readouterr()
        return status, said.out + said.err, json.loads(path.read_text())
    return run


def row(said, workload):
    [line] = [line for line in said.splitlines() if line.startswith("| %s " % workload)]
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_what_is_worse_fails_and_says_what_to_do(guard):
    status, said, _ = guard(times=1.06)
    assert status == 1 and said.endswith("test-cost: 2 passed, 1 failed\n")
    assert row(said, "short") == ["1060.0", "1000.0", "+6.0 %", "FAILED", "44.4"] and row(said, "bulk")[3] == "passed"
    assert "above the figure of gcc 12.2 x86_64: short. `python3 tests/bench/where.py --sources short`" in said
    assert "`make test-cost WRITE=1` makes this the figure" in said


def test_what_is_a_little_worse_passes(guard):
    status, said, _ = guard(times=1.04)
    assert (status, said.splitlines()[-1]) == (0, "test-cost: 3 passed, 0 failed") and "WRITE" not in said


def test_what_is_better_is_reported(guard):
    status, said, _ = guard(times=0.9)
    assert (status, said.splitlines()[-1]) == (0, "test-cost: 3 passed, 0 failed")
    assert row(said, "short")[2:4] == ["-10.0 %", "better"] and "`make test-cost WRITE=1` lowers it" in said


def test_a_compiler_without_a_figure_is_reported(guard):
    status, said, _ = guard(compiler="gcc 99.0 x86_64", times=50)
    assert (status, said.splitlines()[-1]) == (0, "test-cost: 0 passed, 0 failed, 3 without a figure")
    assert row(said, "short") == ["50000.0", "-", "-", "no figure", "44.4"] and "there is no figure for gcc 99.0 x86_64" in said


def test_a_workload_without_a_figure_is_reported(guard):
    status, said, _ = guard(compiler="gcc 9.1 x86_64")
    assert (status, said.splitlines()[-1]) == (1, "test-cost: 0 passed, 1 failed, 2 without a figure")


def test_other_flags_are_reported_and_never_written(guard):
    status, said, before = guard("--other-flags", times=50)
    assert (status, said.splitlines()[-1]) == (0, "test-cost: 0 passed, 0 failed, 3 without a figure")
    assert "are not the Makefile's own" in said and "WRITE=1" not in said
    status, said, after = guard("--other-flags", "--write", times=50)
    assert (status, after) == (1, before) and "without CFLAGS, HARDEN and LDFLAGS of yours" in said


def test_a_figure_is_changed_on_purpose_and_those_of_others_stay(guard):
    status, said, figures = guard("--write", times=1.06)
    assert (status, said.splitlines()[-1]) == (0, "test-cost: 3 passed, 0 failed")
    assert figures == {COMPILER: {"bulk": 1000, "requests": 1000, "short": 1060}, "gcc 9.1 x86_64": {"bulk": 7}}
    assert guard(times=1.06)[0] == 0
    assert "clang 14.0 x86_64" in guard("--write", compiler="clang 14.0 x86_64")[2]


def test_without_valgrind_it_is_skipped_aloud(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert instructions.main([]) == 0
    assert capsys.readouterr().out.splitlines() == ["SKIPPED: valgrind is not installed: apt-get install valgrind",
                                                    "test-cost: 0 passed, 0 failed, 3 skipped"]
    assert instructions.main(["--write"]) == 1


def test_a_helper_that_fails_is_an_error(valgrind, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(costs, "OURS", costs.Program("go-metro", [costs.OURS.command[0], "read", "/nowhere/x"]))
    monkeypatch.setattr(instructions, "CAPTURES", {"bulk": {"packets": 10}})
    assert instructions.main(["--cc", "cc"]) == 1
    assert "/nowhere/x" in capsys.readouterr().err
