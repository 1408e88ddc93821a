"""Configurations as they were written for the Go program run unchanged: each is right to `check-config`, to the helper under
supervisord with the interfaces that it names, and to the check; and every peer that it names is measured. What names none is warned
of, and costs nobody else anything."""

import ipaddress
import re
import subprocess

import pytest
import yaml

from network import Namespace
from processes import BUILD, PYTHON3, REPOSITORY, SYSTEM
from stage import Stage
from supervision import Supervisor
from test_read import LOCAL, PEER, connection, pcap

FILES = sorted((SYSTEM / "old_configs").glob("*.yaml")) + [REPOSITORY / "tests" / "unit" / "data" / "config" / "valid_old.yaml"]
OLD_KEYS = {"interface", "tags", "ips", "hosts", "pcap", "sample", "sample_duration", "sample_interval"}


def load(path):
    return yaml.load(path.read_bytes(), Loader=yaml.SafeLoader)


def instances_of(path):
    return load(path)["instances"]


def test_there_are_eleven_of_them_and_the_example():
    assert len(FILES) == 12
    used = set().union(*(set(instance) for path in FILES for instance in instances_of(path)))
    assert OLD_KEYS <= used, "every old key of an instance occurs"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_right(path):
    result = subprocess.run([str(BUILD / "go-metro"), "check-config", "-cfg", str(path)], capture_output=True, text=True,
                            timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    assert ": error:" not in result.stdout + result.stderr
    assert result.stdout.endswith("%s: right, %d instance%s\n" % (path, len(instances_of(path)), "s"[:len(instances_of(path)) > 1]))


def put_interfaces(network, names):
    """Interfaces of these names, each with an address of its own; the addresses."""
    addresses = {}
    for number, name in enumerate(sorted(set(names) - {"file"})):
        network.ip("link add %s type veth peer name end%d" % (name, number))
        addresses[name] = "10.99.%d.1" % number
        network.ip("addr add %s/24 dev %s" % (addresses[name], name))
        for each in (name, "end%d" % number):
            network.ip("link set %s up" % each)
    return addresses


def entries_of(instance):
    return (instance.get("ips") or []) + (instance.get("hosts") or [])


def is_name(entry):
    return isinstance(entry, str) and re.fullmatch(r"[a-z][a-z0-9.-]*", entry) is not None


def is_no_peer(entry):
    return not is_name(entry) and re.fullmatch(r"[0-9.]+", str(entry)) is None


def peer_of(entry, names):
    """(address, what dst: will say) of a peer that is named so."""
    if entry in names:
        return names[entry], entry
    numbers = [str(int(number)) for number in entry.split(".")]
    address = ".".join(numbers + ["1"] * (4 - len(numbers)))  # of fewer it is a block
    return address, address


def peers_of(instance, names):
    return [peer_of(entry, names) for entry in entries_of(instance) if not is_no_peer(entry)]


def is_measured(status, instances, names):
    rows = {(peer["iface"], peer["dst"]) for peer in status["peers"] if peer["samples"] > 0}
    wanted = {(i["interface"], dst) for i in instances for _, dst in peers_of(i, names)}
    return wanted <= rows


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_runs_and_measures(path):
    instances = instances_of(path)
    hosts = sorted({entry for instance in instances for entry in entries_of(instance) if is_name(entry)})
    names = {host: str(ipaddress.ip_address("10.77.1.1") + n) for n, host in enumerate(hosts)}
    with Namespace() as network, Stage(network) as stage:
        addresses = put_interfaces(network, [instance["interface"] for instance in instances])
        stage.write("/etc/hosts", "127.0.0.1 localhost\n" + "".join("%s %s\n" % (ip, host) for host, ip in names.items()))
        for instance in instances:
            if instance["interface"] == "file":
                stage.path(instance["pcap"]).write_bytes(pcap(connection([20, 30], local=LOCAL, peer=PEER)))
        stage.path("/etc/dd-agent/conf.d/go-metro.yaml").write_bytes(path.read_bytes())
        ends = [(i["interface"], addresses[i["interface"]], peer) for i in instances if i["interface"] != "file"
                for peer, _ in peers_of(i, names)]
        traffic = [PYTHON3, SYSTEM / "connections.py"] + [word for end in ends for word in end]
        with Supervisor(stage) as supervisor, stage.start(*traffic) as connections:
            connections.wait_for_output("ready")
            pid = supervisor.wait_for("RUNNING")
            status = stage.wait_for_status(lambda s: is_measured(s, instances, names), 60, "every peer is measured")
            assert status["helper"]["state"] == "capturing"
            assert [i["interface"] for i in status["instances"]] == [i["interface"] for i in instances]
            for python in (2, 3):
                for check, instance in zip(stage.checks(python), instances):
                    left_out = any(is_no_peer(entry) for entry in entries_of(instance))
                    assert check.service_status == ("WARNING" if left_out else "OK") or instance.get("sample"), check
                    assert left_out == ("left out" in (check.service_message or ""))
                    gauges = [set(tags) for name, _, tags, _ in check.run["metrics"] if name == "system.net.tcp.rtt"]
                    own = {str(tag) for tag in instance.get("tags") or []} | {"iface:" + instance["interface"]}
                    # A file's values are submitted while they are new, and that may have been a while ago.
                    assert instance["interface"] == "file" or any(own <= tags for tags in gauges), "its tags: %s" % own
            assert supervisor.state() == ("RUNNING", pid)
