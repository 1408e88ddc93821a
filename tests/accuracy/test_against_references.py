"""Round trips of simulated captures, held against the truth, tcptrace and tshark: the goals of `make accuracy` on fewer flows."""

import collections
import json

import pytest

import accuracy
import compare
import references
from references import Packet, Sample, Truth

FLOWS = {"many": 3000, "requests": 100, "requests-v6": 100, "loss-requests": 150, "bulk": 2, "bulk-each": 2, "bulk-tso": 4, "wrap": 8,
         "loss-heavy": 40}
FEW = 8


@pytest.fixture(scope="module", autouse=True)
def tools():
    try:
        references.need("tcptrace")
        references.need("tshark")
    except references.MissingTool as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("scenario, seed", [(name, 2) for name, _ in references.scenarios()] + [
    (name, seed) for name in ("loss-requests", "loss-heavy", "reorder-plain", "standstill") for seed in (3, 4)])
def test_reaches_the_goals(scenario, seed, tmp_path):
    capture, truth_path = references.simulate(scenario, tmp_path, FLOWS.get(scenario, FEW), seed)
    truth = list(references.read_truth(truth_path))
    comparison = accuracy.Comparison(scenario, capture, truth[0].flow[0], truth)
    assert comparison.misses() == []
    assert comparison.truth.clean >= 100 and comparison.tcptrace.both > 0 and comparison.tshark.both > 0


def test_statistics_are_those_of_the_samples(tmp_path):
    """Count, minimum, maximum and mean of a row are exact, and the percentiles within a bucket, by samples that were held against
    the truth."""
    capture, truth_path = references.simulate("requests", tmp_path, 100)
    local = next(references.read_truth(truth_path)).flow[0]
    samples = collections.defaultdict(list)
    for sample in references.ours(capture, local):
        samples[sample.flow[2]].append(sample)
    rows, total = references.our_rows(capture, local)
    assert {row["dst"] for row in rows} == set(samples)
    for row in rows:
        rtts = sorted(sample.rtt_ns for sample in samples[row["dst"]])
        assert row["samples"] == len(rtts)
        assert row["handshake_samples"] == sum(sample.kind == "syn" for sample in samples[row["dst"]])
        exact = {"min": rtts[0], "max": rtts[-1], "mean": sum(rtts) // len(rtts), "last": samples[row["dst"]][-1].rtt_ns}
        for name, rtt_ns in exact.items():
            assert round(row["rtt_ms"][name] * 1e6) == rtt_ns, name
        for name, q in (("p50", 0.50), ("p95", 0.95), ("p99", 0.99)):
            at_rank = rtts[-(-len(rtts) * int(q * 100) // 100) - 1]
            assert abs(row["rtt_ms"][name] * 1e6 - at_rank) <= 0.0625 * at_rank, name
        assert row["timed"] == row["samples"] + sum(row["skipped"].values())
    assert total["samples"] == sum(row["samples"] for row in rows)
    assert total["packets"] == total["tcp"] + sum(total["ignored"].values())


# --- the comparison itself must be able to say no ---

FLOW = ("10.0.0.1", 1000, "10.0.0.2", 80)


def sample(end, time_ns, rtt_ns, kind="data"):
    return Sample(FLOW, end, time_ns, rtt_ns, kind)


def truth(end, time_ns, rtt_ns, verdict="clean"):
    return Truth(FLOW, end - 100, end, time_ns, rtt_ns, "data", verdict)


@pytest.mark.parametrize("ours, count", [
    ([sample(200, 5000, 1000)], 0),
    ([sample(200, 5000, 1001)], 1),            # another value
    ([sample(200, 5001, 1000)], 1),            # by another ACK
    ([sample(200, 5000, 1000, "syn")], 1),     # another kind
    ([sample(300, 5000, 1000)], 1),            # of a segment that was not acknowledged then
    ([sample(400, 9000, 3000)], 1),            # it waited for a hole
    ([sample(500, 9500, 700)], 0),             # of the right transmission
    ([sample(500, 9500, 900)], 1),             # of another
])
def test_a_wrong_sample_is_found(ours, count):
    rows = [truth(200, 5000, 1000), truth(400, 9000, 3000, "hole"), truth(500, 9500, 700, "retransmitted")]
    assert len(compare.against_truth(ours, rows).wrong) == count


def test_a_minimum_below_the_truth_is_found():
    rows = [truth(200, 5000, 1000), truth(300, 6000, 1500)]
    assert compare.against_truth([sample(300, 6000, 1500)], rows).below == []
    assert compare.against_truth([sample(300, 6000, 999)], rows).below == [(FLOW[0], FLOW[2])]


def test_a_missing_sample_is_found():
    packets = [Packet(FLOW, 100, 100, 0x18, 1, 1000, None), Packet(FLOW, 200, 0, 0x11, 1, 1100, None)]
    theirs = [(FLOW, 100), (FLOW, 200)]
    assert compare.against_tcptrace([], theirs, packets).only_theirs == [(FLOW, 100)], "a FIN alone is none of ours"
    both = compare.against_tcptrace([sample(200, 5000, 1000)], theirs, packets)
    assert (both.both, both.only_theirs, both.only_ours) == (1, [], [])


def test_another_value_than_tshark_is_found():
    back = FLOW[2:] + FLOW[:2]
    packets = [Packet(back, 1, 0, 0x10, 200, 5000, 2001)]
    assert compare.against_tshark([sample(200, 5000, 1001)], packets).off == []
    assert len(compare.against_tshark([sample(200, 5000, 1000)], packets).off) == 1


def test_the_same_seed_gives_the_same_capture(tmp_path):
    first, again, other = ([path.read_bytes() for path in references.simulate("loss-heavy", tmp_path, 20, seed)]
                           for seed in (3, 3, 4))
    assert first == again and first != other
    assert {"clean", "retransmitted", "hole", "late"} <= {json.loads(line)["class"] for line in first[1].splitlines()}
