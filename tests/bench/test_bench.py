"""What measures, and what is made of it."""

import json
import pathlib
import subprocess
import sys

import pytest

import bench
import callgrind
import costs
import documents
import links
import tools
import where
from costs import Cost, Program, Spread

DOCUMENT = costs.REPOSITORY / "docs" / "performance.md"
MIB = 1 << 20


def cost(*command):
    result = subprocess.run([str(costs.COST), *map(str, command)], stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout)


# --- measuring ---


def test_cost_tells_status_time_and_memory():
    assert cost("sh", "-c", "exit 3")["status"] == 3
    assert cost("sh", "-c", "kill -9 $$")["status"] == -1
    assert cost("/nowhere/x")["status"] == 127
    busy = cost(sys.executable, "-c", "x = bytearray(40 << 20); print(sum(range(3000000)))")
    assert busy["user_us"] > 1000 and busy["peak_kib"] > 40 << 10


def test_cost_does_not_count_what_started_it():
    """A large process that is forked from would be the child's peak."""
    held = bytearray(64 * MIB)
    assert cost("true")["peak_kib"] < len(held) // 1024 // 2


def test_bare_reads_every_packet(workload):
    result = subprocess.run([word.replace("{}", str(workload("open", flows=7, packets=77))) for word in costs.BARE.command],
                            stdout=subprocess.PIPE, check=True)
    assert int(result.stdout) == 77


@pytest.mark.parametrize("content", [b"", b"no capture", None])
def test_bare_says_what_it_cannot_read(content, tmp_path):
    path = tmp_path / "x"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(costs.Failed, match="exit status 1"):
        costs.measure(costs.BARE, path)


def test_a_capture_that_is_cut_is_no_measurement(workload):
    path = workload("open", flows=7, packets=77)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(costs.Failed):
        costs.measure(costs.BARE, path)


def test_ours_and_the_bare_loop_are_measured(workload):
    path = workload("open", flows=100, packets=1000)
    for program in (costs.BARE, costs.OURS):
        measured = costs.measure(program, path)
        assert measured.cpu_ns > 0 and measured.peak_bytes > 100000


def test_programs_run_in_turn_and_the_first_round_does_not_count(monkeypatch):
    ran = []

    def measure(program, capture):
        ran.append((program.name, capture))
        return Cost(len(ran), 0)
    monkeypatch.setattr(costs, "measure", measure)
    found = costs.in_turn([Program("a", []), Program("b", [])], ["x", "y"], 2)
    assert ran == [("a", "x"), ("b", "x"), ("a", "y"), ("b", "y")] * 3
    assert [cost.cpu_ns for cost in found["b", "y"]] == [8, 12]


def test_ratio_is_of_runs_beside_each_other():
    """A machine that gets slower midway does not move it."""
    ours, bare = [Cost(n, 0) for n in (150, 300, 600)], [Cost(n, 0) for n in (100, 200, 400)]
    assert costs.ratios(ours, bare) == Spread(1.5, 1.5, 1.5)
    assert costs.ratios(ours[:1], bare[:1]) == Spread(1.5, 1.5, 1.5)
    assert costs.spread([5, 1, 2, 3, 4]) == Spread(3, 2, 4)


def test_peers_come_from_the_environment():
    assert costs.parse_peers("") == []
    assert costs.parse_peers("a b = x 'y z' --in={} ;c=d {};") == [Program("a b", ["x", "y z", "--in={}"]), Program("c", ["d", "{}"])]


@pytest.mark.parametrize("text", ["pping", "pping=pping -r FILE", "=x {}", "a=x {}; b"])
def test_a_wrong_peer_is_said(text):
    with pytest.raises(ValueError, match="BENCH_PEERS: .*NAME=COMMAND is needed"):
        costs.parse_peers(text)


def test_captures_are_there_and_go():
    with bench.captures(("open", {"flows": 3, "packets": 9}), ("syns", {"flows": 4})) as [(one, nine), (other, four)]:
        assert (nine, four) == (9, 4) and one.exists() and other.exists()
    assert not one.exists() and not other.exists()


def test_the_generators_errors_are_said(tmp_path):
    with pytest.raises(costs.Failed, match="no pattern 'none'"):
        costs.make_capture("none", tmp_path / "x")


# --- what is made of it ---


def growth(nanoseconds, peak_mib):
    """Lines and misses, of captures whose 4 packets take 1,500 ns, with the fewest flows 1,200; 4 more take so much each."""
    first = nanoseconds[0]
    return bench.lines_of_growth(
        [bench.Growth(flows, 4, [Cost(200, 0)], [Cost(1500, mib * MIB)], [Cost(4 * ns, 0)], 4, [Cost(1200, 0)], [Cost(4 * first, 0)])
         for flows, ns, mib in zip(bench.GROWTH, nanoseconds, peak_mib)], MIB)


def test_growth_is_what_a_packet_costs_once_all_are_open(monkeypatch):
    """Half of 8 packets open them all and take 5,000 ns; the other half 400."""
    monkeypatch.setattr(costs, "make_capture", lambda _, path, flows, packets: packets)
    monkeypatch.setattr(costs, "in_turn", lambda programs, paths, rounds: {
        (programs[0].name, path): [Cost(5000 + 400 * (number % 2), MIB)] for number, path in enumerate(paths)})
    found = bench.measure_growth(1000000, bench.WHOLE._replace(growth_packets=4))
    assert (found.packets, found.behind_packets) == (4, 4)
    assert found.ours == [Cost(5000, MIB)] and found.behind == found.behind_few == [Cost(400, MIB)]


def test_growth_within_the_goals():
    lines, misses = growth((100, 120, 150, 250), (2, 4, 20, 201))
    assert misses == []
    assert lines[-2].split() == "| 1,000,000 | 50 ns | 375 ns | 1.25 | 250 ns | 2.50 | 201.0 MiB | 210 B |".split()


@pytest.mark.parametrize("nanoseconds, mib, said", [(251, 201, "2.51 times the time of 1000"), (250, 257, "257 MiB, at most 256")])
def test_growth_beyond_a_goal_is_a_miss(nanoseconds, mib, said):
    _, [miss] = growth((100, 120, 150, nanoseconds), (2, 4, 20, mib))
    assert said in miss


def test_only_a_rise_beyond_a_bound_is_a_miss(monkeypatch):
    """By what a packet costs: here each capture has twice the packets of the one before."""
    times, packets = iter((100, 222, 200) * len(bench.BOUNDS)), iter((10, 20, 40) * len(bench.BOUNDS))
    monkeypatch.setattr(costs, "make_capture", lambda *_, **__: next(packets))
    monkeypatch.setattr(costs, "in_turn", lambda programs, paths, rounds: {
        (programs[0].name, path): [Cost(next(times), MIB)] for path in paths})
    lines, misses = bench.beyond_bounds(bench.QUICK)
    assert len(lines) == 2 + 3 * len(bench.BOUNDS) and len(misses) == len(bench.BOUNDS)
    assert misses[0] == "max_flows 1,000,000, open: 2000000 flows cost 1.11 times what 1000000 do"


def test_a_slow_program_gets_fewer_packets_and_a_missed_goal_is_said(monkeypatch):
    per_packet = {costs.BARE.name: 50, costs.OURS.name: 100, "slow": 50000, "quick": 500}
    given = []

    def measure(program, capture):
        packets = int(capture.read_text())
        given.append((program.name, packets))
        return Cost(per_packet[program.name] * packets, packets if program.name != "quick" else 9)

    def make(pattern, path, packets=2000000, flows=None):
        path.write_text(str(packets if flows is None or pattern == "open" else 10 * flows))
        return int(path.read_text())
    monkeypatch.setattr(costs, "measure", measure)
    monkeypatch.setattr(costs, "make_capture", make)
    monkeypatch.setattr(bench, "installed_peers", lambda: [Program("slow", []), Program("quick", [])])
    lines, ours_ns, misses = bench.beside_others(bench.QUICK)
    cells = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in lines[2:] if "|" in line}
    assert cells["**go-metro**"] == ["2.00 (2.00-2.00)"] * 3 + ["4 B"]
    assert cells["slow"] == ["1000 *"] * 3 + ["4 B"] and cells["quick"] == ["10.0"] * 3 + ["-"]
    assert max(packets for name, packets in given if name == "slow") == bench.MEMORY["packets"]
    assert ours_ns == {"bulk": 100, "requests": 100, "short": 100}
    assert [miss.split(":")[0] for miss in misses] == ["bulk", "requests"]


@pytest.mark.parametrize("traffic, gbit, rate", [
    (links.Traffic("", "", 1500, 1, 1, 0), 10, 812744),  # the well known number of full frames
    (links.Traffic("", "", 46, 1, 1, 0), 10, 14880952),  # and of the smallest
    (links.Traffic("", "", 1500, 1, 2, 0.5), 100, 24382315),
    (links.Traffic("", "", 1500, 45, 1, 1), 40, 144488),
])
def test_packets_on_a_link(traffic, gbit, rate):
    assert round(links.packets_per_second(traffic, gbit)) == rate


def test_share_of_a_core_and_sockets():
    found = list(links.rows({"bulk": 100, "requests": 200, "short": 300}))
    assert len(found) == len(links.TRAFFIC) * len(links.SPEEDS)
    assert found[3] == ["sending 1,500 B, an ACK for every second", "10 Gbit/s", "1,219", "100 ns", "12 %", 1]
    assert [links.sockets(share) for share in (0, 0.5, 0.51, 1, 7.2)] == [1, 1, 2, 2, 15]


# --- where it goes ---

CALLGRIND = """version: 1
creator: callgrind-3.19.0
cmd:  build/go-metro read
positions: line
events: Ir

ob=/x/build/go-metro
fl=native/read.c
fn=on_frame
20 5
cfi=native/meter.c
cfn=meter_frame
calls=3 40
21 900
22 7
fi=native/hash.h
9 30
fe=native/read.c
23 1

ob=/usr/lib/libpcap.so.1.10.3
fl=???
fn=pcap_loop
0 11

totals: 54
"""
PERF = """ PERF_RECORD_MMAP2 10/10: [0x555555554000(0x8000) @ 0 08:01 1 2]: r--p {helper}
 PERF_RECORD_MMAP2 10/10: [0x55555555c000(0x2000) @ 0x8000 08:01 1 2]: r-xp {helper}
 PERF_RECORD_MMAP2 10/10: [0x7f0000000000(0x2000) @ 0x1000 08:01 1 2]: r-xp /usr/lib/libpcap.so.1.10.3
 ffffffff816e1f12 ([kernel.kallsyms])
     55555555c010 ({helper})
     55555555c010 ({helper})
     55555555dfff ({helper})
     7f0000000001 (/usr/lib/libpcap.so.1.10.3)
""".format(helper=where.HELPER)


def test_instructions_are_a_files_own():
    found = list(callgrind.parse(CALLGRIND.splitlines(True)))
    assert callgrind.Count("/x/build/go-metro", "native/hash.h", 30) in found
    assert where.own_instructions(found) == {"read.c": 13, "hash.h": 30, "libpcap.so.1.10.3": 11}


def test_samples_are_the_helpers_or_somebody_elses():
    own, others = where.samples_by_address(PERF)
    assert own == {0x8010: 2, 0x9fff: 1} and others == {"[kernel]": 1, "libpcap.so.1.10.3": 1}
    with pytest.raises(tools.Unavailable):
        where.samples_by_address(PERF.replace("r-xp", "r--p"))


def test_addresses_have_their_source_file():
    symbols = subprocess.run(["nm", str(where.HELPER)], stdout=subprocess.PIPE, check=True).stdout.decode()
    [address] = [int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(" main")]
    assert where.source_files([address]) == ["main.c"]


@pytest.mark.parametrize("place, group", [
    ("packet_tcp.c", "decoding"), ("flow.c", "finding the flow"), ("rtt_acked.c", "matching"), ("peer_table.h", "statistics"),
    ("meter_account.c", "whose it is, counting"), ("read.c", "handing frames over"), ("report.c", "the rest"),
    ("libpcap.so.1.10.3", "libpcap, libc"), ("[kernel]", "kernel: the file, page faults")])
def test_groups(place, group):
    assert where.group_of(place) == group


def test_the_table_has_what_was_measured():
    found = {"bulk": where.Found(100, {"flow.c": 60, "hash.h": 10, "main.c": 30}, None),
             "short": where.Found(100, None, {"flow.c": 500, "meter.c": 20.4})}
    lines = where.lines_of(found)
    assert lines[0].split("|")[2:-1] == [" bulk, ns ", " short, instr. "]
    assert [line.split() for line in lines if "finding" in line] == ["| finding the flow | 70 | 500 |".split()]
    assert lines[-1].split() == "| together | 100 | 520 |".split()
    assert [line.split("|")[1].strip() for line in where.lines_of(found, sources=True)[2:-1]] == ["flow.c", "main.c", "meter.c", "hash.h"]
    assert where.lines_of({"bulk": where.Found(100, None, None)}) == ["Left out: neither perf nor valgrind can be used here."]


# --- the document ---


def test_tables_are_put_into_their_place(tmp_path):
    path = tmp_path / "x.md"
    path.write_text("a\n<!-- make bench: ratios -->\nold\n<!-- make bench: end of ratios -->\nb\n", encoding="utf-8")
    documents.write_into(path, "bench", "ratios", ["new", "lines"])
    assert path.read_text(encoding="utf-8") == ("a\n<!-- make bench: ratios -->\nnew\nlines\n<!-- make bench: end of ratios -->\nb\n")
    with pytest.raises(ValueError, match="no place for growth"):
        documents.write_into(path, "bench", "growth", [])


@pytest.mark.parametrize("name", ["machine", "ratios", "growth", "bounds", "where", "links"])
def test_the_document_has_a_place_for_each_table(name, tmp_path):
    path = tmp_path / "x.md"
    path.write_text(DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")
    documents.write_into(path, "bench", name, ["here"])
    assert path.read_text(encoding="utf-8").count("\nhere\n") == 1
