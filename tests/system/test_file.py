"""`interface: file`: the helper under supervisord reads a capture file, beside what it captures live, and the check submits what it
found."""

import itertools
import json

import pytest

from network import Network
from processes import BUILD, PYTHON3, SYSTEM, wait_until
from stage import AGENT, CHECK, CONFIGURATION, LOG, PROGRAM, USER, Stage
from supervision import supervised
from test_read import LOCAL, OTHER, PEER, connection, pcap

YEARS_AGO = 1400000000 * 10**9
FOLDER = "/opt/datadog-agent/run"
FILE = FOLDER + "/old.pcap"
ONE = """
init_config: {resolve_names: false, extended_metrics: true}
instances:
  - interface: file
    pcap: %s
    local_nets: [%s]
    ips: [%s]
    tags: [from:file]
""" % (FILE, LOCAL, PEER)
END = "read to its end"


def put(stage, frames, path=FILE, owner="0:0", mode="644", cut=0):
    """A capture file that is there at once and whole, as mv makes it."""
    # Piece by piece: pcap() makes one of many longer and longer.
    data = pcap([]) + b"".join(pcap(frames[n:n + 500])[24:] for n in range(0, len(frames), 500))
    stage.path(path + ".new").write_bytes(data[:len(data) - cut])
    stage.script('chown "$2" "$1.new"; chmod "$3" "$1.new"; mv "$1.new" "$1"', path, owner, mode)


def trips(count, start=YEARS_AGO, **options):
    return connection([20] + [30] * (count - 1), start=start, **options)


def samples(status):
    return sum(peer["samples"] for peer in status["peers"] if peer["iface"] == "file")


def wait_until_read(stage, count):
    """Until the file has given so many round trips and is at its end; the status."""
    return stage.wait_for_status(lambda s: samples(s) == count and s["instances"][0]["state"] == "stopped",
                                 what="%d round trips of the file" % count)


def wait_for_trouble(stage, text, state="failed"):
    return stage.wait_for_status(lambda s: any(i["state"] == "failed" and text in i["error"] for i in s["instances"])
                                 and s["helper"]["state"] == state, what=text)


def test_it_is_read_once_and_its_rows_stay(stage):
    put(stage, trips(10))
    with supervised(stage, ONE):
        status = wait_until_read(stage, 10)
        assert status["helper"]["state"] == "capturing" and status["helper"]["error"] == ""
        instance, = status["instances"]
        assert instance["error"] == "%s: read to its end: %d packets of 2014-05-13 16:53:20 to 2014-05-13 16:53:20 UTC" % (
            FILE, len(trips(10)))
        assert (instance["received"], instance["open_flows"], instance["pending"]) == (len(trips(10)), 0, 0)
        row, = status["peers"]
        assert (row["src"], row["dst"]) == (LOCAL, PEER)
        assert row["rtt_ms"]["min"] == 20 and row["rtt_ms"]["max"] == 30
        stage.wait_for_publications(5)
        assert wait_until_read(stage, 10)["peers"] == [row]
        assert stage.read(LOG).count(FILE + ": reading") == 1
        text = stage.run(PROGRAM, "status")
        assert "file: stopped: %s: read to its end" % FILE in text


def run_checks(stage, times, interval_s, python=3):
    """Runs of one check object, as a collector's: what each submitted."""
    out = stage.run(*stage.python(python, AGENT, "run", "--check", CHECK, "--config", CONFIGURATION, "--extension",
                                  BUILD / ("python%d" % python), "--json", "--times", times, "--interval", interval_s),
                    user=USER, timeout=120)
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("python", [2, 3])
def test_the_check_submits_its_rows_once(stage, python):
    """The packets are years old; what they say became known now, and is said once."""
    put(stage, trips(10))
    with supervised(stage, ONE):
        wait_until_read(stage, 10)
        first, second = run_checks(stage, 2, 2, python)
        gauges = {name: value for name, value, tags, _ in first["metrics"]}
        assert gauges["system.net.tcp.rtt"] == pytest.approx(30)
        assert gauges["system.net.tcp.rtt.min"] == pytest.approx(20) and gauges["system.net.tcp.rtt.max"] == pytest.approx(30)
        assert gauges["system.net.tcp.rtt.samples"] == 10
        assert all(set(tags) == {"src:" + LOCAL, "dst:" + PEER, "iface:file", "from:file"} for _, _, tags, _ in first["metrics"])
        for run in (first, second):
            assert (run["statuses"], run["warnings"], run["errors"]) == (["OK"], [], [])
            service, = run["service_checks"]
            assert service["status"] == 0 and END in service["message"] and FILE in service["message"]
        assert second["metrics"] == [], "no value is repeated"


def test_a_collector_that_comes_late_gets_no_old_value(stage):
    put(stage, trips(10))
    with supervised(stage, ONE):
        wait_until_read(stage, 10)
        # A first run looks back as far as one interval of the Agent.
        wait_until(lambda: stage.check(3).gauges() == {}, 60, "an old value is no value", 2)
        assert stage.check(3).service_status == "OK"


def test_both_directions_where_nobody_says_who_is_local(stage):
    put(stage, trips(5))
    with supervised(stage, ONE.replace("    local_nets: [%s]\n" % LOCAL, "").replace("ips: [%s]" % PEER, "all_peers: true")):
        status = stage.wait_for_status(lambda s: len(s["peers"]) == 2 and s["instances"][0]["state"] == "stopped")
        assert {(p["src"], p["dst"]) for p in status["peers"]} == {(LOCAL, PEER), (PEER, LOCAL)}
        read = [json.loads(line) for line in stage.run(PROGRAM, "read", "--json", FILE).splitlines()]
        assert sorted((p["src"], p["samples"], p["timed"], p["retransmits"]) for p in status["peers"]) == \
            sorted((p["src"], p["samples"], p["timed"], p["retransmits"]) for p in read if p["type"] == "peer")


def test_names_are_resolved_before_it_is_read(stage):
    stage.write("/etc/hosts", "127.0.0.1 localhost\n%s db.example\n" % PEER)
    put(stage, trips(5) + trips(3, peer=OTHER, local="2001:db8::1", port=81))
    text = ONE.replace("ips: [%s]" % PEER, "hosts: [db.example, late.example]")
    with supervised(stage, text.replace("local_nets: [%s]" % LOCAL, "local_nets: [%s, '2001:db8::1']" % LOCAL)):
        status = wait_until_read(stage, 5)
        assert [p["dst"] for p in status["peers"]] == ["db.example"]
        assert "late.example" in status["instances"][0]["warning"]
        # Who could not be told then is measured once the name is known, from the same file.
        stage.write("/etc/hosts", "127.0.0.1 localhost\n%s db.example\n%s late.example\n" % (PEER, OTHER))
        status = stage.wait_for_status(lambda s: samples(s) == 8 and s["instances"][0]["state"] == "stopped", 40)
        assert {p["dst"]: p["samples"] for p in status["peers"]} == {"db.example": 5, "late.example": 3}


def test_a_file_that_is_cut_off_gives_what_is_whole(stage):
    put(stage, trips(10), cut=100)
    with supervised(stage, ONE):
        stage.wait_for_status(lambda s: samples(s) > 0 and s["instances"][0]["state"] == "stopped"
                              and "the capture is cut off" in s["instances"][0]["warning"])
        check = stage.check()
        assert (check.status, check.service_status) == ("WARNING", "WARNING")
        assert "put the whole capture there" in check.warnings[0]
        assert check.gauges(dst=PEER)["system.net.tcp.rtt"] > 0, "what is known is submitted"
        put(stage, trips(10))
        wait_until_read(stage, 10)
        assert stage.check().service_status == "OK"


def test_a_large_file_takes_nothing_from_an_interface():
    """While a file of half a million packets is read, as much is measured on the interface as at any other time."""
    with Network("1ms") as network, Stage(network.near) as stage:
        frames = list(itertools.chain.from_iterable(
            trips(100, port=1024 + n, start=YEARS_AGO + n * 10**9) for n in range(1700)))
        put(stage, frames, path=FOLDER + "/ready.pcap")
        text = ONE.replace(FILE, FOLDER + "/large.pcap") + "  - {interface: near0, ips: [10.77.0.2]}\n"
        with supervised(stage, text, "degraded") as supervisor, network.serve():
            pid = supervisor.state()[1]
            stage.wait_for_status(lambda s: s["instances"] and s["instances"][-1]["state"] == "capturing")
            stage.script('cp "$1" "$2"', FOLDER + "/ready.pcap", FOLDER + "/large.pcap")
            client = network.near.start(PYTHON3, SYSTEM / "traffic.py", "client", network.FAR[4], 5000, "--count", 0)
            with client:
                status = stage.wait_for_status(lambda s: samples(s) == 170000 and s["instances"][0]["state"] == "stopped", 60)
                stage.wait_for_status(lambda s: any(p["iface"] == "near0" and p["samples"] > 20 for p in s["peers"]))
            live = status["instances"][-1]
            assert live["dropped"] == 0 and live["refused_flows"] == 0
            assert status["instances"][0]["refused_flows"] == 0
            assert supervisor.state() == ("RUNNING", pid)
            row, = [p for p in stage.status()["peers"] if p["iface"] == "near0"]
            assert 1 <= row["rtt_ms"]["min"] < 2 and row["rtt_ms"]["p50"] < 3


def test_several_files_and_an_interface_side_by_side(stage):
    text = "init_config: {resolve_names: false}\ninstances:\n"
    for number in range(3):
        path = "%s/%d.pcap" % (FOLDER, number)
        put(stage, trips(number + 2, peer="10.1.0.%d" % (10 + number)), path=path)
        text += "  - {interface: file, pcap: %s, local_nets: [%s], all_peers: true, tags: [n:%d]}\n" % (path, LOCAL, number)
    with supervised(stage, text + "  - {interface: lo, ips: [127.0.0.1]}\n"):
        status = stage.wait_for_status(lambda s: samples(s) == 9 and [i["state"] for i in s["instances"]] == ["stopped"] * 3 + ["capturing"])
        assert {p["dst"]: p["samples"] for p in status["peers"]} == {"10.1.0.10": 2, "10.1.0.11": 3, "10.1.0.12": 4}
        run, = run_checks(stage, 1, 1)
        assert sorted({tuple(sorted(tags)) for _, _, tags, _ in run["metrics"]}) == sorted(
            tuple(sorted(("src:" + LOCAL, "dst:10.1.0.%d" % (10 + n), "iface:file", "n:%d" % n))) for n in range(3))
        assert run["statuses"] == ["OK"] * 4


def test_a_filter_of_the_command_line_holds_for_files_too(stage):
    put(stage, trips(5) + trips(4, port=81))
    with supervised(stage, ONE, arguments=' -f="port 81"'):
        wait_until_read(stage, 4)
