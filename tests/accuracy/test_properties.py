"""What must change no number: other flows in between, several files, other sequence numbers, byte order, tags, options."""

import ipaddress
import itertools
import random
import subprocess

import pytest

import captures
import compare
import references

SCENARIOS = {"loss-requests": 40, "loss-heavy": 16, "loss-timestamps": 4}  # IPv4, IPv6, without SACK


@pytest.fixture(scope="module", params=sorted(SCENARIOS))
def original(request, tmp_path_factory):
    return Original(request.param, tmp_path_factory.mktemp(request.param))


class Original:
    """A capture, and what is said of it."""

    def __init__(self, name, folder):
        self.name = name
        self.capture, truth = references.simulate(name, folder, SCENARIOS[name])
        self.truth = list(references.read_truth(truth))
        self.local = self.truth[0].flow[0]
        self.packets = list(captures.read(self.capture))
        self.samples = said("--samples", self.local, self.capture)
        self.rows = said("--json", self.local, self.capture)
        self.judged = compare.against_truth(list(references.ours(self.capture, self.local)), self.truth)
        assert len(self.samples) > 500

    def packed(self):
        return ipaddress.ip_address(self.local).packed


def said(form, local, *files):
    command = [references.HELPER, "read", form, "--local", local] + list(files)
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()


def assert_unchanged(original, *files):
    assert said("--samples", original.local, *files) == original.samples
    assert said("--json", original.local, *files) == original.rows


def test_the_other_byte_order(original, tmp_path):
    assert_unchanged(original, captures.write(tmp_path / "swapped.pcap", original.packets, ">"))


@pytest.mark.parametrize("parts", [2, 7])
def test_split_into_files(original, tmp_path, parts):
    size = len(original.packets) // parts + 1
    files = [captures.write(tmp_path / ("%d.pcap" % n), original.packets[n * size:(n + 1) * size]) for n in range(parts)]
    assert_unchanged(original, *files)


@pytest.mark.parametrize("tags", [[0x81000064], [0x88A80064, 0x81000065]], ids=["802.1Q", "QinQ"])
def test_vlan_tags(original, tmp_path, tags):
    packets = [(time_ns, *captures.with_vlan(frame, length, tags)) for time_ns, frame, length in original.packets]
    assert_unchanged(original, captures.write(tmp_path / "vlan.pcap", packets))


def test_ip_options_and_extension_headers(original, tmp_path):
    packets = [(time_ns, *captures.with_options(frame, length)) for time_ns, frame, length in original.packets]
    assert_unchanged(original, captures.write(tmp_path / "options.pcap", packets))


@pytest.mark.parametrize("by", [1, 2**31, 2**32 - 54321, 0x9E3779B9])
def test_other_sequence_numbers(original, tmp_path, by):
    packets = [(time_ns, captures.shifted(frame, by, captures.is_from(frame, original.packed())), length)
               for time_ns, frame, length in original.packets]
    path = captures.write(tmp_path / "shifted.pcap", packets)
    assert said("--json", original.local, path) == original.rows
    moved = [s._replace(end=(s.end + by) % 2**32) for s in references.ours(original.capture, original.local)]
    assert list(references.ours(path, original.local)) == moved


def test_other_flows_in_between(original, tmp_path):
    """Those of another simulation, under other addresses."""
    others, _ = references.simulate("requests", tmp_path, 50, seed=9)
    foreign = ipaddress.ip_address("10.0.0.1").packed
    # Who was 10.0.0.1 is 10.99.0.1 there, so that no connection is the same.
    renamed = [(time_ns, frame.replace(foreign, b"\x0a\x63\x00\x01", 1), length) for time_ns, frame, length in captures.read(others)]
    mixed = sorted(original.packets + renamed, key=lambda packet: packet[0])
    path = captures.write(tmp_path / "mixed.pcap", mixed)
    assert said("--samples", original.local, path) == original.samples
    assert said("--json", original.local, path)[:-1] == original.rows[:-1], "all but the total, which counts the others' packets"


@pytest.mark.parametrize("later_ns", [0, 3000], ids=["at once", "3 us later"])
def test_every_frame_twice(original, tmp_path, later_ns):
    """As "any" and mirror ports give them. A copy may hide among packets of the same microsecond; no number may be wrong."""
    pairs = [[(time_ns, frame, length), (time_ns + later_ns, frame, length)] for time_ns, frame, length in original.packets]
    twice = sorted(itertools.chain(*pairs), key=lambda packet: packet[0])
    path = captures.write(tmp_path / "twice.pcap", twice)
    samples = list(references.ours(path, original.local))
    judged = compare.against_truth(samples, original.truth)
    assert judged.wrong == [] and judged.below == []
    assert judged.found >= 0.98 * original.judged.found
    assert references.our_rows(path, original.local)[1]["ignored"]["duplicate"] >= 0.9 * len(pairs)


@pytest.mark.parametrize("part", [0.1, 0.37, 0.5, 0.83])
def test_started_in_the_middle(original, tmp_path, part):
    """With time stamps nothing that was sent before is taken for something else."""
    rest = original.packets[int(part * len(original.packets)):]
    path = captures.write(tmp_path / "rest.pcap", rest)
    judged = compare.against_truth(list(references.ours(path, original.local)), original.truth)
    assert judged.wrong == [] and judged.below == []
    began = [row for row in original.truth if row.verdict == "clean" and row.time_ns - row.rtt_ns >= rest[0][0]]
    assert judged.found >= 0.9 * len(began)


def test_neighbours_in_the_wrong_order(original, tmp_path):
    """Two queues of a device may hand over two packets the wrong way round. None becomes a round trip that was not."""
    draw = random.Random(5)
    packets = list(original.packets)
    for n in range(len(packets) - 1):
        if draw.random() < 0.02:
            packets[n], packets[n + 1] = packets[n + 1], packets[n]
    path = captures.write(tmp_path / "swapped.pcap", packets)
    samples = list(references.ours(path, original.local))
    judged = compare.against_truth(samples, original.truth)
    assert judged.below == []
    assert judged.found >= 0.8 * original.judged.found
    # Of two packets with one ACK number the second may be the first that is seen: a little longer, as the peer sent them together.
    assert len(judged.wrong) <= 0.01 * len(samples) and all(row is None for _, row in judged.wrong)
    assert max(sample.rtt_ns for sample in samples) <= max(row.rtt_ns for row in original.truth)
