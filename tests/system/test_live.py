"""`go-metro live`: on an interface between two hosts with a delay of the test's own, for programs, files and a terminal."""

import contextlib
import json
import os
import pathlib
import pwd
import re
import signal
import statistics
import termios
import time

import pytest

from network import Namespace, Network
from processes import BUILD, PYTHON3, SYSTEM, complete, wait_until
from stage import PROGRAM, USER, Stage
from terminal import OnTerminal
from test_read import ACK, frame
from test_recovery import STEPPED_CLOCK

LIVE = [BUILD / "go-metro", "live"]
NEAR, FAR = Network.NEAR[4], Network.FAR[4]
ENDED = "  ended"
BLOCKS = "▁▂▃▄▅▆▇█"


@pytest.fixture
def network():
    with Network("20ms") as network, network.serve():
        yield network


def objects(text):
    """Of whole lines."""
    return [json.loads(line) for line in text.splitlines(True) if line.endswith("\n")]


def live(host, *options, interface="near0"):
    return host.start(*LIVE, "-i", interface, *options)


def end(process, number=signal.SIGINT):
    process.signal(number)
    assert process.wait() == 0, process.err


def is_asleep(process):
    return pathlib.Path("/proc/%d/stat" % process.pid).read_text().rpartition(")")[2].split()[0] == "S"


def wait_until_it_captures(host, *processes, others=0):
    """Their packet sockets are there, and they have come to wait for frames: the filters are set, before which nothing counts. What
    is stamped a millisecond later is seen."""
    count = 1 + len(processes) + others
    wait_until(lambda: len(host.run("cat", "/proc/net/packet").splitlines()) == count and all(map(is_asleep, processes)),
               what="a packet socket for each, and its filter")
    time.sleep(0.01)


@contextlib.contextmanager
def traffic(network, interval=0.002):
    """A connection with an exchange every interval (seconds) and the delay."""
    with network.near.start(PYTHON3, SYSTEM / "traffic.py", "client", FAR, "5000", "--count", "0", "--interval", str(interval)):
        yield


# --- for programs ---

COUNTERS = ["flows", "samples", "handshake_samples", "retransmits", "timed"]


def test_json_is_the_news_of_each_interval(network):
    with live(network.near, "--json") as process:
        wait_until_it_captures(network.near, process)
        network.exchange(count=40, interval=0.03)  # of two seconds
        wait_until(lambda: sum(row["samples"] for row in objects(process.out)) >= 41)
        rows = objects(process.out)
        time.sleep(2.5)
        assert len(objects(process.out)) <= len(rows) + 1, "where nothing is new there is no line"
        assert len(rows) >= 2
        end(process)
        *rows, total = objects(process.out)
        assert process.err == ""
    assert {(row["type"], row["iface"], row["src"], row["dst"]) for row in rows} == {("peer", "near0", NEAR, FAR)}
    sums = {key: sum(row[key] for row in rows) for key in COUNTERS}
    assert sums == {"flows": 1, "samples": 41, "handshake_samples": 1, "retransmits": 0, "timed": sums["timed"]}
    for key in ("timed", "samples"):
        assert total[key] == sums[key]
    assert total["timed"] == total["samples"] + sum(total["skipped"].values())
    assert total["packets"] == total["tcp"] + sum(total["ignored"].values())
    for row in (row for row in rows if row["samples"]):
        times = row["rtt_ms"]
        assert 19 < times["min"] <= times["p50"] <= times["p95"] <= times["p99"] <= times["max"]
        assert times["min"] <= times["mean"] <= times["max"] and 20 <= times["p50"] < 25 and 20 <= times["last"] <= times["max"]


def test_samples_come_as_they_happen(network):
    with live(network.near, "--samples") as process:
        wait_until_it_captures(network.near, process)
        with traffic(network, 0.3):
            wait_until(lambda: len(objects(process.out)) > 1)
            counts = {len(objects(process.out)) for _ in range(40) if time.sleep(0.05) is None}
            assert len(counts) >= 5, "each is written at once, and not with others once a second"
        end(process)
        samples = objects(process.out)
    assert {(s["type"], s["src"], s["dst"], s["dport"]) for s in samples} == {("sample", NEAR, FAR, 5000)}
    assert [s["kind"] for s in samples[:2]] == ["syn", "data"]
    assert all(20e6 <= s["rtt_ns"] for s in samples) and statistics.median(s["rtt_ns"] for s in samples) < 25e6


def test_a_filter(network):
    with live(network.near, "--json", "-f", "tcp port 5001") as process, network.serve(4, 5001):
        wait_until_it_captures(network.near, process)
        network.exchange(4, 5000, count=5)
        network.exchange(4, 5001, count=5)
        end(process)
        *rows, total = objects(process.out)
    assert sum(row["samples"] for row in rows) == 6 and total["flows"] == 1


@pytest.mark.parametrize("interface", ["near0", "any"])
def test_both_families(network, interface):
    with live(network.near, "--json", interface=interface) as process, network.serve(6):
        wait_until_it_captures(network.near, process)
        network.exchange(4, count=5)
        network.exchange(6, count=5)
        end(process)
        rows = objects(process.out)[:-1]
    for version in (4, 6):
        ours = [r["samples"] for r in rows if (r["src"], r["dst"]) == (network.NEAR[version], network.FAR[version])]
        assert sum(ours) == 6
    assert {row["iface"] for row in rows} == {interface}


def test_an_address_that_comes_later_is_ours(network):
    with live(network.near, "--json") as process:
        wait_until_it_captures(network.near, process)
        network.near.ip("addr add 10.77.0.9/24 dev near0")
        network.exchange(count=5, bind="10.77.0.9")
        end(process)
        assert "10.77.0.9" in {row["src"] for row in objects(process.out)[:-1]}


def test_local_says_otherwise(network):
    with live(network.near, "--json", "--local", FAR) as process:
        wait_until_it_captures(network.near, process)
        network.exchange(count=5)
        end(process)
        assert {row["src"] for row in objects(process.out)[:-1]} == {FAR}


def test_a_mirror_port(network):
    """Between two others nothing is guessed: the table says how to name the side, and with that it measures."""
    with live(network.middle, interface="relay-near0") as unnamed, \
            live(network.middle, "--local", "10.77.0.1", interface="relay-near0") as named:
        wait_until_it_captures(network.middle, unnamed, named, others=2)  # the relay has its own
        wait_until(lambda: "promiscuity 3" in network.middle.ip("-d link show relay-near0"), what="it takes every frame")
        network.exchange(count=5)
        end(unnamed)
        end(named)
        unnamed_table, named_table = (last_table(process.out) for process in (unnamed, named))
    assert "--local NET says which side is yours" in unnamed_table and "not_ours\n" in unnamed_table
    assert "No round trip was seen." in unnamed_table
    assert "--local" not in named_table and " %s  %s        6 " % (NEAR, FAR) in " " + named_table.replace("\n", " ")


def last_table(text):
    """From its title."""
    return text[text.rindex("\n", 0, text.index(ENDED)) + 1:]


# --- what is wrong, or goes wrong ---

@pytest.mark.parametrize("options, status, says", [
    (["-i", "nothing0"], 1, 'nothing0: no such interface; "ip link" lists those that are there'),
    (["-i", "lo", "-f", "tcp port"], 1, "lo: -f: "),
    (["-i", "lo", "--local", "10.0.0.0/33"], 2, "--local 10.0.0.0/33: not an address"),
    ([], 2, 'live: -i names the interface; "any" is all of them'),
], ids=["no such interface", "bad filter", "bad local", "no interface named"])
@pytest.mark.parametrize("form", [[], ["--json"], ["--samples"]], ids=["table", "json", "samples"])
def test_what_is_wrong_at_the_start_ends_it(options, status, says, form):
    with Namespace() as host:
        result = complete(host.enter(*LIVE, *options, *form))
    assert result.returncode == status and result.stdout == ""
    assert result.stderr.startswith("go-metro: " + says) and result.stderr.count("\n") == 1


def test_without_the_right_to_capture():
    with Stage(capable=False) as stage:
        result = complete(stage.enter(PROGRAM, "live", "-i", "lo", user=USER))
        assert result.returncode == 1 and result.stdout == ""
        assert result.stderr == "go-metro: lo: no right to capture: sudo setcap cap_net_raw+ep %s, or start it as root\n" % PROGRAM


def capabilities(pid):
    """User IDs, and the sets of the process as numbers."""
    lines = dict(line.split(":\t", 1) for line in pathlib.Path("/proc/%d/status" % pid).read_text().splitlines() if ":\t" in line)
    return set(lines["Uid"].split()), {name: int(lines[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "NoNewPrivs")}


KEPT = {"CapEff": 0, "CapPrm": 1 << 13, "CapInh": 0, "NoNewPrivs": 1}  # CAP_NET_RAW


def test_no_right_is_left_to_root(network):
    """It becomes dd-agent where there is one, else nobody; and with that it can open the capture again."""
    users = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    with live(network.near, "--json") as process:
        wait_until_it_captures(network.near, process)
        kept = {str(users.get(USER, users["nobody"]))}, KEPT
        wait_until(lambda: capabilities(process.pid) == kept, what=lambda: capabilities(process.pid))
        network.near.ip("link set near0 down")
        wait_until(lambda: "is down" in process.err)
        network.near.ip("link set near0 up")
        wait_until(lambda: "measuring again" in process.err)
        end(process)


def test_with_the_file_capability_anybody_may():
    with Stage() as stage, stage.start(PROGRAM, "live", "-i", "lo", user=USER) as process:
        wait_until(lambda: "measuring" in process.out)
        uids, sets = capabilities(process.target())
        assert uids == {"64999"} and sets == KEPT
        end(process)


@pytest.mark.parametrize("form", [["--json"], []], ids=["json", "table"])
def test_an_interface_that_goes_down_is_waited_for(network, form):
    down = "the interface near0 is down; bring it up (waiting for it)"
    with live(network.near, *form) as process:
        def says(text):
            wait_until(lambda: text in process.err + process.out[-1000:], what=lambda: process.err + process.out)

        wait_until_it_captures(network.near, process)
        network.exchange(count=5)
        says('"timed":' if form else FAR)
        network.near.ip("link set near0 down")
        says(down)
        network.near.ip("link set near0 up")
        says("near0: measuring again\n" if form else "  measuring; ^C ends")
        network.exchange(count=5)
        end(process)
        assert process.err == ("go-metro: near0: %s\ngo-metro: near0: measuring again\n" % down if form else "")
        if form:
            assert objects(process.out)[-1]["samples"] == 12
        else:
            assert "%s  %s       12 " % (NEAR, FAR) in last_table(process.out)


def test_an_interface_that_is_made_anew_is_measured_again():
    pair = "link add gm0 type veth peer name gm1"
    with Namespace() as host:
        host.ip(pair)
        with live(host, "--json", interface="gm0") as process:  # down at first, and waited for
            wait_until(lambda: "gm0 is down" in process.err)
            for number in (1, 2):
                host.ip("link set gm1 up")
                host.ip("link set gm0 up")
                wait_until(lambda: process.err.count("measuring again") == number)
                host.ip("link del gm0")
                wait_until(lambda: process.err.count("there is no interface gm0") == number)
                host.ip(pair)
            end(process)


def test_output_that_nobody_takes(network):
    """A closed pipe ends it; a full disk too."""
    for command in ('"$@" 2>"$0" | head -n 1', '"$@" 2>"$0" >/dev/full'):
        said = network.folder / "said"
        with network.near.start("sh", "-c", command, said, *LIVE, "-i", "near0", "--samples") as process:
            wait_until_it_captures(network.near, process)
            with traffic(network):
                process.wait()
        assert said.read_text() in ("go-metro: near0: writing the output: %s\n" % os.strerror(e) for e in (28, 32))


def test_no_round_trip_spans_a_step_of_the_wall_clock(network):
    source, library, mark = (network.folder / name for name in ("step.c", "step.so", "mark"))
    source.write_text(STEPPED_CLOCK)
    network.near.run("cc", "-shared", "-fPIC", "-o", library, source, "-ldl")
    network.folder.chmod(0o755)  # it is not root that will look for the mark
    variables = ["LD_PRELOAD=%s" % library, "MARK=%s" % mark, "STEP_MS=5000"]
    with network.near.start("env", *variables, *LIVE, "-i", "near0") as process:
        wait_until_it_captures(network.near, process)
        with traffic(network, 0), traffic(network, 0), traffic(network, 0):  # something is in flight at any moment
            wait_until(lambda: FAR in process.out)
            mark.write_text("")
            wait_until(lambda: "the wall clock was set 1 time" in process.out)
            time.sleep(2)
        end(process)
        table = last_table(process.out)
    assert " clock_step" in table and re.search(r"no round trip: .*\d clock\b", table), table
    row = next(line for line in table.splitlines() if line.startswith(NEAR))
    assert " ms" in row and " s " not in row, "20 ms, or 5.02 s with the step in it"


FLOOD = """
import socket, sys
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sender.bind(("gm0", 0))
frame = bytes.fromhex(sys.argv[1])
for _ in range(200000):  # twice what the ring holds
    sender.send(frame)
"""


def test_what_the_kernel_drops_is_said():
    """While the program is stopped, its ring is full in a moment."""
    data = frame("10.1.0.1", "10.1.0.2", 40000, 80, 1, 1, ACK, bytes(1000))
    with Namespace() as host:
        host.ip("link add gm0 type veth peer name gm1")
        host.ip("link set gm1 up")
        host.ip("link set gm0 up")
        with live(host, interface="gm0") as process:
            wait_until(lambda: "measuring" in process.out)
            process.signal(signal.SIGSTOP)
            host.run(PYTHON3, "-c", FLOOD, data.hex())
            process.signal(signal.SIGCONT)
            end(process)
            lost = next(line for line in last_table(process.out).splitlines() if "lost: " in line)
            assert int(lost.split("lost: ")[1].split()[0]) > 10000, lost


def test_what_is_ignored_stays_so(network):
    """As under nohup."""
    with network.near.start("sh", "-c", 'trap "" HUP; exec "$@"', "sh", *LIVE, "-i", "near0") as process:
        wait_until(lambda: process.out.count("measuring") > 0)
        process.signal(signal.SIGHUP)
        wait_until(lambda: process.out.count("measuring") > 2 or not process.alive())
        assert process.alive()
        end(process)


# --- for people ---

def test_a_table_a_second_where_there_is_no_terminal(network):
    with live(network.near) as process:
        wait_until_it_captures(network.near, process)
        with traffic(network):
            wait_until(lambda: process.out.count("measuring; ^C ends") >= 4)
        end(process)
        tables = process.out.split("near0  0:00:")[1:]
        assert "\033" not in process.out and "histogram" not in process.out and process.err == ""
    seconds = [int(table[:2]) for table in tables]
    assert seconds == sorted(seconds) and 3 <= seconds[-1] - seconds[0] <= len(seconds)
    assert all(FAR in table and table.count("SAMPLES") == 1 for table in tables[2:])
    assert tables[-1].startswith("%02d%s\n" % (seconds[-1], ENDED))


def on_live_terminal(host, *options, **how):
    """On near0, with a line on the terminal from before it."""
    script = 'echo before; exec "$@"'
    return OnTerminal(host.enter("sh", "-c", script, "sh", *LIVE, "-i", "near0", *options), **how)


def samples_of(text):
    """Of the row to the far host on this screen; 0 when it is not there."""
    return next((int(line.split()[2]) for line in text.splitlines() if line.startswith(NEAR)), 0)


@pytest.mark.parametrize("key", ["\x03", "\x1c"], ids=["^C", "^\\"])
def test_the_table_in_place(network, key):
    with on_live_terminal(network.near) as process, traffic(network):
        first = process.wait_for_screen(lambda text: samples_of(text) > 5)
        later = process.wait_for_screen(lambda text: samples_of(text) > samples_of(first))
        assert process.screen.is_alternate and not process.screen.is_cursor_shown
        assert first.count("SRC") == later.count("SRC") == 1 and first.count("lost:") == later.count("lost:") == 1
        lines = later.splitlines()
        assert lines[0].startswith("near0  0:00:") and lines[0].endswith("measuring; ^C ends")
        assert lines[2].startswith("SRC") and any(block in lines[3] for block in BLOCKS)
        assert "log scale" in lines[4] and "lost: 0 by the kernel" in lines[-1]
        process.type("typed")
        process.type(key)
        assert process.wait() == 0
        text = process.wait_for_screen(lambda text: "lost:" in text)
        assert not process.screen.is_alternate and process.screen.is_cursor_shown
        assert text.startswith("before\nnear0  0:00:") and ENDED in text and samples_of(text) >= samples_of(later)
        assert "typed" not in text
        assert termios.tcgetattr(process.slave) == process.modes


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_given_back_however_it_is_asked_to_end(network, number):
    with on_live_terminal(network.near) as process:
        process.wait_for_screen(lambda text: "measuring" in text)
        end(process, number)
        process.wait_for_screen(lambda text: ENDED in text)
        assert not process.screen.is_alternate and process.screen.is_cursor_shown
        assert termios.tcgetattr(process.slave) == process.modes


MANY = """
import socket, sys
for n in range(1, 41):
    listener = socket.create_server(("127.1.0.%d" % n, 0))
    client = socket.create_connection(listener.getsockname())
    server = listener.accept()[0]
    client.sendall(b"x"); server.recv(1)
"""


def test_it_follows_the_window(network):
    """80 x 24, then wider, lower, and high enough for all; never a line too many, which would scroll."""
    host = network.near
    with OnTerminal(host.enter(*LIVE, "-i", "lo")) as process:
        process.wait_for_screen(lambda text: "measuring" in text)
        host.run(PYTHON3, "-c", MANY)
        text = process.wait_for_screen(lambda text: "more rows: the window is too low)" in text)
        assert len(text.splitlines()) == 24 and "JITTER" not in text
        process.wait_for_screen(lambda now: now.splitlines()[0] != text.splitlines()[0])  # a second begins
        process.resize(200, 24)
        text = process.wait_for_screen(lambda text: "JITTER" in text and "RETX" in text, timeout=0.5)
        assert len(text.splitlines()) == 24 and "more rows" in text
        process.resize(100, 12)
        text = process.wait_for_screen(lambda text: "JITTER" not in text and "more rows" in text)
        assert len(text.splitlines()) <= 12 and text.splitlines()[0].startswith("lo  0:00:")
        process.resize(80, 100)
        text = process.wait_for_screen(lambda text: "more rows" not in text and "in flight:" in text.rpartition("\n")[2])
        assert text.count("127.1.0.") >= 40
        assert process.screen.history == []
        process.resize(80, 24)
        process.type("\x03")
        assert process.wait() == 0
        process.wait_for_screen(lambda text: "in flight: 0" in text)
        whole = process.screen.everything()
        assert ENDED in whole and "more rows" not in whole and whole.count("127.1.0.") >= 40, "the last table is whole"


def test_an_interface_that_is_down_on_the_screen(network):
    with on_live_terminal(network.near) as process:
        process.wait_for_screen(lambda text: "measuring" in text)
        network.near.ip("link set near0 down")
        process.wait_for_screen(lambda text: "near0 is down; bring it up (waiting for it)" in text.splitlines()[0])
        network.near.ip("link set near0 up")
        process.wait_for_screen(lambda text: "measuring" in text.splitlines()[0])
        assert process.screen.is_alternate and "go-metro:" not in process.screen.text()


def test_stopped_and_continued(network):
    """^Z gives the terminal back to the shell, and fg takes it again."""
    script = 'set -m; "$@"; stty -a >"$0"; echo it is stopped; read line; fg >/dev/null; echo status $?'
    said = network.folder / "modes"
    command = network.near.enter("bash", "-c", script, said, *LIVE, "-i", "near0")
    with OnTerminal(command) as process:
        process.wait_for_screen(lambda text: "measuring" in text)
        process.type("\x1a")
        process.wait_for_screen(lambda text: "it is stopped" in text and "measuring" not in text)
        assert not process.screen.is_alternate and process.screen.is_cursor_shown and " echo " in said.read_text()
        process.type("\n")
        process.wait_for_screen(lambda text: "measuring" in text)
        assert process.screen.is_alternate
        process.type("\x03")
        process.wait_for_screen(lambda text: "status 0" in text and ENDED in text)


@pytest.mark.parametrize("environment, in_place, blocks", [
    ({"TERM": "dumb"}, False, True),
    ({"LC_ALL": "C"}, True, False),
    ({"NO_COLOR": "1"}, True, True),
], ids=["dumb", "ASCII", "no colours"])
def test_what_the_terminal_can_do(network, environment, in_place, blocks):
    with on_live_terminal(network.near, **environment) as process:
        process.wait_for_screen(lambda text: "measuring" in text)
        network.exchange(count=5)
        process.wait_for_screen(lambda text: samples_of(text) == 6)
        assert process.screen.is_alternate == in_place
        assert any(block in process.screen.text() for block in BLOCKS) == blocks
        assert (b"\033[1m" in process.log) == ("LC_ALL" in environment)
        end(process)
