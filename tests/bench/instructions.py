#!/usr/bin/env python3
"""`make test-cost`: does a packet cost more than it did? Counted, not timed, so that a busy machine does not matter.

    instructions.py [--cc COMMAND] [--other-flags] [--write]

--cc           the compiler that has made the helper, as the Makefile's CC (gcc)
--other-flags  it was made with other flags than the Makefile's own: there is no figure for it
--write        what is counted becomes the figure of this compiler, in instructions.json

`go-metro read`, as it ships, goes over a small capture of each workload of `make bench` under callgrind, with the seed of its hash
tables fixed (fixed_seed.c). What counts is the instructions of the helper's own code, be it inlined from a header of libc, and
not those of libpcap and libc; less what the helper takes for an empty capture; divided by the packets. What the libraries execute is
shown beside it: work that is handed to memcpy() is not gone.

Figures are a compiler's: another version makes other code of the same source. Prints a table. Exit status 1 where a workload takes
more than 5 % more than the compiler's figure. A compiler without a figure is reported and not judged."""

import argparse
import collections
import json
import os
import pathlib
import shlex
import sys
import tempfile

import callgrind
import costs
import tools

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from documents import table  # noqa: E402

FIGURES = pathlib.Path(__file__).resolve().with_name("instructions.json")
HELPER = pathlib.Path(costs.OURS.command[0])
FIXED_SEED = costs.BUILD / "fixed_seed.so"
CAPTURES = {"bulk": {"packets": 100000}, "requests": {"packets": 100000}, "short": {"flows": 10000, "peers": 100}}
FILE_HEADER_BYTES = 24  # of a pcap file: with no more than that it is empty
MOST = 1.05

# What a run or a packet takes.
Taken = collections.namedtuple("Taken", "own libraries")
# ratio: to the figure; None: there is none.
Verdict = collections.namedtuple("Verdict", "word ratio")


# --- counting ---


def split(counts):
    """Taken by the helper itself, and by all others. The seed counts as neither, and must be there."""
    by_object = collections.Counter()
    for count in counts:
        by_object[pathlib.Path(count.object).name] += count.instructions
    if by_object.pop(FIXED_SEED.name, 0) == 0:
        raise costs.Failed("the hash seed was not fixed: nothing has asked %s for it" % FIXED_SEED.name)
    own = by_object.pop(HELPER.name, 0)
    return Taken(own, sum(by_object.values()))


def stripped(folder):
    """A copy without debugging information: the same code, and valgrind may not know the newest forms of that."""
    tools.need("strip", "binutils")
    copy = pathlib.Path(folder, HELPER.name)
    tools.output(["strip", "--strip-debug", "-o", copy, HELPER])
    return copy


def count(helper, capture):
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "LD_PRELOAD": str(FIXED_SEED)}
    return split(callgrind.run([helper] + costs.command(costs.OURS, capture)[1:], environment))


def a_packet(whole, empty, packets):
    return Taken(*(round((there - start) / packets, 1) for there, start in zip(whole, empty)))


def count_workloads(captures, say):
    """{workload: Taken a packet}"""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        helper, capture, empty = stripped(folder), pathlib.Path(folder, "whole"), pathlib.Path(folder, "empty")
        start = None
        for workload, options in captures.items():
            packets = costs.make_capture(workload, capture, **options)
            say("%s: %d packets" % (workload, packets))
            if start is None:
                empty.write_bytes(capture.read_bytes()[:FILE_HEADER_BYTES])
                start = count(helper, empty)
            found[workload] = a_packet(count(helper, capture), start, packets)
    return found


# --- whose the figures are ---


def compiler_of(macros, machine):
    """By the macros that it predefines, and the machine that it compiles for: "gcc 12.2 x86_64"."""
    values = dict(line.split(None, 2)[1:] for line in macros.splitlines() if len(line.split(None, 2)) == 3)
    for name, major, minor in (("clang", "__clang_major__", "__clang_minor__"), ("gcc", "__GNUC__", "__GNUC_MINOR__")):
        if major in values:
            return "%s %s.%s %s" % (name, values[major], values[minor], machine.split("-")[0].strip())
    raise costs.Failed("neither gcc nor clang: no figures can be kept for this compiler")


def compiler(command):
    words = shlex.split(command)
    return compiler_of(tools.output(words + ["-dM", "-E", "-x", "c", os.devnull]), tools.output(words + ["-dumpmachine"]))


def read_figures(path):
    return json.loads(path.read_text(encoding="utf-8"))


def write_figures(path, name, found):
    """Only those of this compiler."""
    figures = read_figures(path)
    figures[name] = {workload: taken.own for workload, taken in found.items()}
    path.write_text(json.dumps(figures, indent=4, sort_keys=True) + "\n", encoding="utf-8")


# --- judging ---


def judge(own, figure):
    if figure is None:
        return Verdict("no figure", None)
    ratio = own / figure
    if ratio > MOST:
        return Verdict("FAILED", ratio)
    return Verdict("better" if ratio < 2 - MOST else "passed", ratio)


def lines_of(found, figures, verdicts):
    rows = []
    for workload, taken in found.items():
        figure, verdict = figures.get(workload), verdicts[workload]
        rows.append([workload, "%.1f" % taken.own, "-" if figure is None else "%.1f" % figure,
                     "-" if verdict.ratio is None else "%+.1f %%" % (100 * verdict.ratio - 100), verdict.word,
                     "%.1f" % taken.libraries])
    return table(["instructions a packet", "ours", "the figure", "more", "", "libraries"], rows)


def advice(name, verdicts, has_own_flags):
    """What to do, a line for each kind of verdict there is."""
    given = {verdict.word for verdict in verdicts.values()}
    worse = " ".join(workload for workload, verdict in verdicts.items() if verdict.word == "FAILED")
    if worse:
        yield ("More than 5 %% above the figure of %s: %s. `python3 tests/bench/where.py --sources %s` says which source files they are "
               "in. Where the code is worth it, `make test-cost WRITE=1` makes this the figure: commit tests/bench/instructions.json and "
               "say why." % (name, worse, worse))
    if "better" in given:
        yield "More than 5 % below the figure: `make test-cost WRITE=1` lowers it, so that the gain does not get lost unseen."
    if not has_own_flags:
        yield "Not judged: CFLAGS, HARDEN or LDFLAGS are not the Makefile's own, whose figures these are."
    elif "no figure" in given:
        yield "Not judged: there is no figure for %s. `make test-cost WRITE=1` adds it, from a commit that is known to be good." % name


def summary(verdicts):
    words = [verdict.word for verdict in verdicts.values()]
    failed, unknown = words.count("FAILED"), words.count("no figure")
    return "test-cost: %d passed, %d failed%s" % (len(words) - failed - unknown, failed,
                                                  ", %d without a figure" % unknown if unknown else "")


def run(arguments):
    name = compiler(arguments.cc)
    if arguments.write and arguments.other_flags:
        raise costs.Failed("WRITE=1: figures are those of the Makefile's own flags, without CFLAGS, HARDEN and LDFLAGS of yours")
    found = count_workloads(CAPTURES, lambda text: print("test-cost: %s" % text, file=sys.stderr, flush=True))
    if arguments.write:
        write_figures(FIGURES, name, found)
    figures = {} if arguments.other_flags else read_figures(FIGURES).get(name, {})
    verdicts = {workload: judge(taken.own, figures.get(workload)) for workload, taken in found.items()}
    print("\n".join(["%s:" % name, *lines_of(found, figures, verdicts), *advice(name, verdicts, not arguments.other_flags),
                     summary(verdicts)]))
    return any(verdict.word == "FAILED" for verdict in verdicts.values())


def main(words):
    parser = argparse.ArgumentParser(description="does a packet take more instructions than it did?")
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--other-flags", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args(words)
    try:
        tools.need("valgrind", "valgrind")
    except tools.Unavailable as error:
        print("SKIPPED: %s\ntest-cost: 0 passed, 0 failed, %d skipped" % (error, len(CAPTURES)))
        return 1 if arguments.write else 0
    try:
        return int(run(arguments))
    except (costs.Failed, tools.Unavailable) as error:
        print("test-cost: %s" % error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
