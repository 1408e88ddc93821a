"""What `make bench-live` makes of its runs, and what it judges. Nothing is sent here."""

import argparse
import pathlib
import re

import pytest

import live
from live import Stop, Workload
from live_stage import Run, Sent

import documents

REPOSITORY = pathlib.Path(live.__file__).resolve().parents[2]
DOCUMENT = REPOSITORY / "docs" / "performance.md"
WORKLOAD = Workload("requests", "requests", None, True, {})


def frames(packets=1000, seconds=2, cpu_ns=0, connections=10):
    return Sent(packets, connections, seconds, cpu_ns, None)


def run(ns, sent=None, dropped=0, refused=None, seen=1000, wakeups=5):
    return Run(sent or frames(), seen, dropped, refused, ns * seen, wakeups)


def runs(ours, bare, **more):
    return {live.ALONE: [run(ns) for ns in bare], live.HELPER: [run(ns, refused=0, **more) for ns in ours]}


def cells(line):
    return [cell.strip() for cell in line.split("|")[1:-1]]


# --- whoever captures ---


def test_a_ratio_is_of_runs_beside_each_other():
    """A machine that is twice as slow in one round does not move it."""
    assert live.ratio(runs([150, 300], [100, 200]), live.HELPER) == 1.5
    assert live.packet_ns(run(7, seen=0)) == 0


def test_a_row_has_what_was_measured():
    ours, bare = live.reader_rows({"go-metro": [run(300, refused=0), run(100, refused=7, dropped=2)],
                                   live.ALONE: [run(100), run(100)]})
    assert ours == ["go-metro", "1,000", "500", "2", "7", "200", "2.00", "0.01 %", "5"]
    assert bare[3:7] == ["0", "-", "100", "1.00"]  # it has no flows to turn away


def test_within_the_goals():
    """Beyond one of the two bounds of the cost, not both."""
    assert list(live.judge_readers(WORKLOAD, runs([300, 300], [200, 200]))) == []
    assert list(live.judge_readers(WORKLOAD, runs([100, 100], [20, 20]))) == []


@pytest.mark.parametrize("ours, more, said", [
    (151, {}, "requests: 1.51 times libpcap alone (at most 1.5, or 100 ns)"),
    (50, {"dropped": 3}, "requests: 6 packets dropped"),
])
def test_what_is_missed(ours, more, said):
    assert list(live.judge_readers(WORKLOAD, runs([ours, ours], [100, 100], **more))) == [said]


def test_what_is_turned_away_is_missed_and_cost_only_where_it_is_judged():
    found = runs([900], [100])
    found[live.HELPER] = [found[live.HELPER][0]._replace(refused=5)]
    assert list(live.judge_readers(WORKLOAD._replace(judge_cost=False), found)) == ["requests: 5 packets turned away"]


def test_another_reader_misses_no_goal():
    found = runs([50], [100])
    found["tcpdump"] = [run(900, dropped=5)]
    assert list(live.judge_readers(WORKLOAD, found)) == []


@pytest.mark.parametrize("ours, theirs", [(("native/tap.c", "SNAPLEN_MOST"), "SNAPLEN"),
                                          (("native/capture_live.c", "BLOCK_TIMEOUT_MS"), "BLOCK_TIMEOUT_MS")])
def test_the_bare_reader_is_given_what_the_helper_is(ours, theirs):
    """The more of a packet is captured, the dearer it is and the sooner a block of the ring is full."""
    defined = [re.search(r"^#define %s\s+(\d+)" % name, (REPOSITORY / path).read_text(encoding="utf-8"), re.M).group(1)
               for path, name in (ours, ("tests/bench/live_reader.c", theirs))]
    assert defined[0] == defined[1]


def test_frames_that_nobody_knows_of_are_said(capsys):
    live.say_missing(WORKLOAD, {"a": [run(1, seen=990, dropped=10)], "b": [run(1, seen=999)]})
    live.say_missing(WORKLOAD, {"iperf3": [run(1, sent=Sent(None, 1, 2, None, 9.5))]})
    assert capsys.readouterr().err == "bench-live: requests, b: sent, and neither seen nor dropped: [1]\n"


def test_what_was_sent_is_said():
    assert live.what_was_sent(runs([1], [1])) == "Sent: 500 frames and 5 new connections a second (the median)."
    bulk = {name: [run(1, sent=Sent(None, 1, 2, None, gbit)) for gbit in rates]
            for name, rates in ((live.ALONE, (9.94, 10)), (live.HELPER, (8, 12.5)))}
    assert live.what_was_sent(bulk) == "Gbit/s that iperf3 sent: libpcap alone 9.9, 10.0; go-metro 8.0, 12.5."


# --- whoever sends, and a stop ---


def test_the_senders_cost_is_compared_with_nobody_capturing():
    found = {name: [run(0, sent=frames(cpu_ns=cpu_ns)) for cpu_ns in cpus]
             for name, cpus in (("nobody", (5000, 9000, 6000)), ("we", (8000, 8000, 1000)), ("no more", (5000, 5000, 5000)))}
    assert [cells(line) for line in live.lines_of_sending(found)[2:]] == [
        ["nobody", "500", "6", "+0"], ["we", "500", "8", "+2"], ["no more", "500", "5", "-1"]]


@pytest.mark.parametrize("dropped, missed", [
    ((0, 0), []),
    ((0, 9), []),  # longer than the goal asks for
    ((9, 0), ["a stop of 200 ms: 9 packets dropped"]),
])
def test_a_drop_is_missed_in_a_stop_that_the_ring_is_made_for(dropped, missed):
    stops = [Stop(ms, frames(), 1000 - count, count, (2048 + ms, 1024)) for ms, count in zip((200, 400), dropped)]
    lines, misses = live.lines_of_stops(stops)
    assert misses == missed
    assert cells(lines[2]) == ["200 ms", "1,000", "500", str(1000 - dropped[0]) if dropped[0] else "1,000", str(dropped[0])]
    assert lines[-1] == "Resident: 2.4 MiB, of which the ring is 1.0 MiB."


# --- all ---


@pytest.fixture
def sections(monkeypatch):
    """All that a run prints and misses, where each part misses one thing."""
    class Hosts:
        __enter__ = __exit__ = lambda *_: None
    monkeypatch.setattr(live, "Hosts", Hosts)
    monkeypatch.setattr(live.live_stage, "have", lambda program: True)
    monkeypatch.setattr(live, "compare", lambda hosts, workload, rounds: ([workload.title], [workload.name]))
    monkeypatch.setattr(live, "sending", lambda hosts, seconds, rounds: ["%d rounds" % rounds])
    monkeypatch.setattr(live, "stop_once", lambda hosts, ms: Stop(ms, frames(), 1000, ms // live.STOP_MS % 2, (1, 1)))
    missed = []
    return list(live.measure(argparse.Namespace(seconds=60, rounds=2, quick=False), missed)), missed


def test_a_run_has_all_sections_and_says_all_that_is_missed(sections):
    found, missed = sections
    assert [name for name, _ in found] == ["machine", "iperf3", "held", "requests", "connections", "sender", "stops"]
    assert missed == ["iperf3", "held", "requests", "connections", "a stop of 200 ms: 1 packets dropped"]
    assert dict(found)["sender"] == ["5 rounds"]


def test_the_document_has_a_place_for_each_section(sections, tmp_path):
    path = tmp_path / "x.md"
    path.write_text(DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")
    for name, _ in sections[0]:
        documents.write_into(path, "bench-live", name, ["here is " + name])
        assert path.read_text(encoding="utf-8").count("\nhere is %s\n" % name) == 1
