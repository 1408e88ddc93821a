"""What must change no number: other flows in between, several files, other sequence numbers, byte order, tags, options."""

import ipaddress
import subprocess

import pytest

import captures
import references

SCENARIOS = {"loss-requests": 40, "loss-heavy": 16, "loss-timestamps": 4}  # IPv4, IPv6, without SACK


@pytest.fixture(scope="module", params=sorted(SCENARIOS))
def original(request, tmp_path_factory):
    return Original(request.param, tmp_path_factory.mktemp(request.param))


class Original:
    """A capture, and what is said of it."""

    def __init__(self, name, folder):
        self.capture, truth = references.simulate(name, folder, SCENARIOS[name])
        self.local = next(references.read_truth(truth)).flow[0]
        self.packets = list(captures.read(self.capture))
        self.samples = said("--samples", self.local, self.capture)
        self.rows = said("--json", self.local, self.capture)
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
