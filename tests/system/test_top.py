"""`go-metro top`: driven by keys and read from the screen of an emulator, on the segments of a real helper and of our own."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import pytest

import usage
from emulator import Emulator
from network import Network
from processes import BUILD, PREFIX, PYTHON3, REPOSITORY, SYSTEM, Process, children_of, complete, wait_until
from stage import PROGRAM, SEGMENT, USER, Stage
from terminal import OnTerminal

sys.path.insert(0, str(REPOSITORY / "tests" / "python"))
from segment_builder import CLOSED, FAILED, OPEN, STOPPED, Instance, Row, Segment  # noqa: E402

TOP = [BUILD / "go-metro", "top"]
BLOCKS = "▁▂▃▄▅▆▇█"
NEAR, FAR = Network.NEAR[4], Network.FAR[4]


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        yield pathlib.Path(name)


class Publisher:
    """A helper's place, by hand: publish() is what it would do once a second."""

    def __init__(self, path, *names, **fields):
        rows = [Row(dst=name, dst_address="10.0.1.%d" % n, birth=n + 1, samples_ms=[n + 1.0] * (n + 1))
                for n, name in enumerate(names)]
        self.path, self.segment = path, Segment(rows=rows, **fields)
        self.publish()

    def publish(self, **samples_ms):
        """row0=5.0 is a round trip more of the first row."""
        for name, value in samples_ms.items():
            self.segment.rows[int(name[3:])].add(value)
        self.segment.write(self.path)


def top_on(path, *arguments, **how):
    return Emulator([*TOP, "--segment", path, *arguments], **how)


def peers_of(text):
    """The peers of the table, from above."""
    return [line.split()[2] for line in text.splitlines() if re.match(r"eth\d ", line) and " packets" not in line]


# --- terminals ---

def test_without_a_terminal_it_names_the_way_to_go():
    for arguments in (TOP, [*TOP, "--segment", "/nonexistent"]):
        result = complete(arguments)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.count("\n") == 1 and "terminal" in result.stderr and "`go-metro status`" in result.stderr


@pytest.mark.parametrize("terminal", ["dumb", "", "no-such-terminal"])
def test_a_terminal_that_cannot_be_drawn_on(terminal):
    with OnTerminal(TOP, TERM=terminal) as process:
        assert process.wait() == 1
        text = process.wait_for_screen(lambda text: "go-metro status" in text)
        assert "TERM" in text and b"\033" not in process.log


def test_the_terminal_is_left_as_it_was(folder):
    Publisher(folder / "s", "a", "b", "c")
    for key in ("q", "C-c", "C-\\"):
        with top_on(folder / "s") as screen:
            screen.wait_for("3 peers")
            assert screen.is_alternate() and not screen.is_cursor_shown()
            screen.press("Down", key)
            assert screen.wait_for("status") == "before\nstatus 0"
            assert not screen.is_alternate() and screen.is_cursor_shown()
            before, after = wait_until(lambda: len(set(screen.modes_before_and_after())) == 1 and screen.modes_before_and_after())
            assert before == after != ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_however_it_is_asked_to_end(folder, number):
    Publisher(folder / "s", "a")
    with top_on(folder / "s") as screen:
        screen.wait_for("1 peer,")
        os.kill(top_of(screen), number)
        assert screen.wait_for("status") == "before\nstatus 0"
        assert not screen.is_alternate() and screen.is_cursor_shown()


def top_of(screen):
    """Its pid."""
    return next(pid for pid in children_of(screen.pane()))


def test_the_terminal_that_is_gone_ends_it(folder):
    """Also where no signal says so, as under nohup."""
    Publisher(folder / "s", "a")
    with top_on(folder / "s", shell='trap "" HUP; "$@"; echo $? >"$0/status"') as screen:
        screen.wait_for("1 peer,")
        screen.signal(signal.SIGKILL)
        wait_until(lambda: (screen.modes / "status").exists() and (screen.modes / "status").read_text() == "0\n")


def test_stopped_and_continued(folder):
    """^Z gives the terminal back to the shell, and fg takes it again; so it is when somebody else stops it."""
    shell = 'set -m; "$@"; stty -a >"$0/modes"; echo it is stopped; read line; fg >/dev/null; echo status $?; sleep 3600'
    Publisher(folder / "s", "a")
    for stop in ("C-z", signal.SIGSTOP):
        with top_on(folder / "s", shell=shell) as screen:
            screen.wait_for("1 peer,")
            if stop == "C-z":
                screen.press(stop)
                screen.wait_for(lambda text: "it is stopped" in text and "peer" not in text)
                assert not screen.is_alternate() and screen.is_cursor_shown()
                wait_until(lambda: " echo " in (screen.modes / "modes").read_text())
            else:
                os.kill(top_of(screen), stop)
                wait_until(lambda: (screen.modes / "modes").exists())
            screen.press("C-j")  # the terminal may still be as it was left
            screen.wait_for("1 peer,")
            screen.press("Down", "Enter")
            screen.wait_for("since birth")
            screen.press("q")
            screen.wait_for("status 0")


@pytest.mark.parametrize("environment, coloured, blocks", [
    ({}, True, True),
    ({"NO_COLOR": "1"}, False, True),
    ({"LC_ALL": "C"}, True, False),
    ({"LC_ALL": "xx_YY.UTF-8"}, True, True),
    ({"TERM": "vt100"}, False, True),
    ({"TERM": "vt220", "LC_ALL": "C"}, False, False),
], ids=["all", "NO_COLOR", "ASCII", "locale that is not installed", "vt100", "vt220"])
def test_what_the_terminal_can_do(folder, environment, coloured, blocks):
    Publisher(folder / "s", "a", "b", "c")
    with top_on(folder / "s", **environment) as screen:
        screen.wait_for("3 peers")
        screen.press("Down")
        styled = wait_until(lambda: "\033[7m" in screen.styled() and screen.styled(), what="what is selected is seen")
        assert bool(re.search(r"\033\[[0-9;]*3[1-7]m", styled)) == coloured
        assert any(block in styled for block in BLOCKS) == blocks
        assert ("@" in styled) != blocks


def test_a_size_from_the_environment_is_not_believed(folder):
    Publisher(folder / "s", "a")
    with Emulator(["env", "LINES=5", "COLUMNS=20", *TOP, "--segment", folder / "s"]) as screen:
        screen.wait_for(lambda text: "1 peer," in text and len(text.splitlines()) == 24)


def test_it_has_no_rights():
    """What the program's file gives to anybody is not for this."""
    with Stage() as stage:
        stage.configure("init_config: {}\ninstances:\n  - interface: lo\n    ips: [127.0.0.0/8]\n")
        with stage.helper():
            stage.wait_for_state("capturing")
            with Emulator(stage.enter(PROGRAM, "top", user=USER)) as screen:
                screen.wait_for("capturing")
                pids = [p for p in stage.run("pidof", PROGRAM).split() if " top" in command_of(stage, p)]
                assert len(pids) == 1
                status = stage.read("/proc/%s/status" % pids[0])
                assert {line.split()[1] for line in status.splitlines() if line.startswith(("CapPrm", "CapEff"))} == {"0" * 16}


def command_of(stage, pid):
    return stage.read("/proc/%s/cmdline" % pid).replace("\0", " ")


# --- sizes ---

def test_every_size(folder):
    publisher = Publisher(folder / "s", "alpha", "beta", "gamma")
    with top_on(folder / "s") as screen:
        text = screen.wait_for("3 peers")
        lines = text.splitlines()
        assert len(lines) == 24 and lines[0].startswith("go-metro capturing  age 0.") and "q quit" in lines[23]
        assert peers_of(text) == ["gamma", "beta", "alpha"]
        publisher.publish()
        screen.resize(200, 50)
        lines = screen.wait_for(lambda text: len(text.splitlines()) == 50 and "JITTER" in text).splitlines()
        titles = next(line for line in lines if line.startswith("IFACE")).split()
        assert titles[:15] == "IFACE SRC DST OPENED SAMPLES RTT/s LAST AVG JITTER MIN P50 P95 P99 MAX RETX".split()
        screen.resize(40, 10)
        text = screen.wait_for(lambda text: re.search(r"^DST .*P95$", text, re.MULTILINE) and text.splitlines()[-1].startswith("? help"))
        assert "gamma" in text and len(text.splitlines()) == 10 and all(len(line) <= 40 for line in text.splitlines())
        for width, height in ((10, 3), (1, 1), (80, 2), (300, 60)):
            screen.resize(width, height)
            time.sleep(0.2)
        screen.resize(80, 24)
        screen.wait_for(lambda text: len(text.splitlines()) == 24 and len(peers_of(text)) == 3)
        screen.press("q")
        screen.wait_for("status 0")


def test_no_rows(folder):
    Publisher(folder / "s")
    with top_on(folder / "s") as screen:
        screen.wait_for("No peer has been measured yet.")
        screen.press("Down", "Enter", "End", "PPage", "t", "r")
        screen.wait_for("0 peers, since birth")


@contextlib.contextmanager
def many_peers(path, count):
    """A helper of so many; publish() has them all measured and published."""
    with Process([BUILD / "run_peers", path, "1", str(count), "6"], stdin=subprocess.PIPE) as process:
        def publish():
            lines = process.out.count("\n")
            process.popen.stdin.write(b"%d\n" % count)
            process.popen.stdin.flush()
            wait_until(lambda: process.out.count("\n") > lines, what=lambda: process.err)

        wait_until(lambda: process.out.count("\n") == 1, what=lambda: process.err)
        yield publish
        process.popen.stdin.close()


def test_ten_thousand_rows(folder):
    with many_peers(folder / "s", 10000) as publish:
        publish()
        with top_on(folder / "s", width=120, height=40) as screen:
            screen.wait_for("of 10000 peers, since birth")
            publish()
            screen.wait_for("of 10000 peers, last ")
            screen.press("D", "End")
            screen.wait_for("9966-10000 of 10000 peers")
            wait_until(lambda: "172.16.39.15 " in screen.text().splitlines()[-2], what=screen.text)
            screen.press("PPage", "PPage")
            screen.wait_for(lambda text: re.search(r"\d-99\d\d of 10000", text) or re.search(r"99\d\d-", text))
            screen.press("Home", "/", "172.16.7.7", "Enter")
            screen.wait_for(lambda text: "only /172.16.7.7" in text and " peers," in text and "10000" not in text
                            and all("172.16.7.7" in line for line in text.splitlines() if line.startswith("bench  ")))
            screen.press("Escape")
            screen.wait_for("10000 peers")
            pid = top_of(screen)
            publish()
            used = usage.watch(pid, 5)
            assert used.cpu_s < 0.3 * 5, "a look a second, and nothing between"
            assert usage.memory_kib(pid)["VmRSS"] < 200 * 1024


# --- keys ---

def test_the_order(folder):
    publisher = Publisher(folder / "s", "alpha", "beta", "gamma")
    with top_on(folder / "s") as screen:
        screen.wait_for("by RTT/s, most first")
        for key, listing, order in (
                ("D", "by DST, A to Z", "alpha beta gamma"), ("D", "by DST, Z to A", "gamma beta alpha"),
                ("A", "by AVG, most first", "gamma beta alpha"), ("r", "by AVG, least first", "alpha beta gamma"),
                ("5", "by P95, most first", "gamma beta alpha"), ("Right", "by P99, most first", "gamma beta alpha"),
                ("<", "by P95, most first", "gamma beta alpha")):
            screen.press(key)
            assert peers_of(screen.wait_for(listing)) == order.split()
        publisher.publish(row0=9.0)  # the others have no time now, and are the last
        screen.press("r")
        assert peers_of(screen.wait_for(lambda text: "last " in text and "least first" in text)) == ["alpha", "beta", "gamma"]
        assert "9.00 ms" in screen.text()


def selected_in(styled):
    """The peer in the line that is reversed."""
    found = re.search(r"\033\[(?:\d+;)*7m(?:\033\[[\d;]*m)*eth\d +\S+ +(\S+)", styled)
    return found and found[1]


def test_the_selection_goes_with_its_peer(folder):
    publisher = Publisher(folder / "s", "alpha", "beta", "gamma")
    with top_on(folder / "s") as screen:
        screen.wait_for("3 peers")
        screen.press("X", "Down", "Down")
        wait_until(lambda: selected_in(screen.styled()) == "beta", what=screen.styled)
        publisher.publish(row0=60.0, row1=50.0)
        screen.wait_for(lambda text: peers_of(text) == ["alpha", "beta", "gamma"])
        wait_until(lambda: selected_in(screen.styled()) == "beta", what=screen.styled)
        del publisher.segment.rows[0]
        publisher.publish()
        screen.wait_for(lambda text: peers_of(text) == ["beta", "gamma"])
        wait_until(lambda: selected_in(screen.styled()) == "beta", what=screen.styled)
        screen.press("Escape")
        wait_until(lambda: selected_in(screen.styled()) is None, what=screen.styled)


def test_a_filter(folder):
    Publisher(folder / "s", "alpha.example", "beta.example", "gamma")
    with top_on(folder / "s") as screen:
        screen.wait_for("3 peers")
        screen.press("/", "EXAMPLE")
        assert sorted(peers_of(screen.wait_for("only /EXAMPLE"))) == ["alpha.example", "beta.example"]
        screen.press("BSpace", "BSpace", "x", "y")
        screen.wait_for("No peer is shown with this filter")
        screen.press("BSpace", "Enter")
        screen.wait_for("No peer")
        screen.press("Escape")
        assert len(peers_of(screen.wait_for("3 peers"))) == 3


def test_the_detail(folder):
    publisher = Publisher(folder / "s", "alpha", "beta", "gamma")
    with top_on(folder / "s") as screen:
        screen.wait_for("3 peers")
        screen.press("D", "Down", "Enter")
        screen.wait_for("of an interval: not yet")
        publisher.segment.rows[0].skipped["covered"] = 4
        publisher.segment.rows[0].retransmits = 2
        publisher.publish(row0=7.0)
        text = screen.wait_for("of the last ")
        assert "── 10.0.0.1 → alpha on eth0 ──" in text
        assert "1 round trip, 0 new flows, 2 retx" in text and "2 round trips, 1 flow, 2 retx" in text
        assert text.count("skipped: 4 covered") == 2 and re.search(r"p50  [67]\.\d\d ms", text) and "min  1.00 ms" in text
        assert "since birth, 0:00:0" in text and len(text.splitlines()) == 24
        screen.press("Down")
        screen.wait_for("10.0.0.1 → beta on eth0")
        screen.resize(40, 10)
        screen.wait_for(lambda text: "beta" in text and "3 peers" not in text)
        screen.press("Escape")
        screen.wait_for("3 peers")


def test_totals_and_pause(folder):
    publisher = Publisher(folder / "s", "alpha")
    with top_on(folder / "s", width=200) as screen:
        screen.wait_for("1 peer, since birth")
        publisher.publish(row0=5.0)
        screen.wait_for("1 peer, last ")
        screen.press("p")
        screen.wait_for("PAUSED")
        publisher.publish(row0=6.0)
        time.sleep(1.5)
        text = screen.text()
        assert "5.00 ms" in text and "6.00 ms" not in text
        screen.press("t")
        assert samples_of(screen.wait_for("since birth")) == 2
        screen.press("t", "Space")
        assert samples_of(screen.wait_for("6.00 ms")) == 1
        publisher.publish()
        screen.wait_for(lambda text: "6.00 ms" not in text, what="no value is shown twice")
        screen.press("i")
        screen.wait_for("idle hidden")


def test_a_pause_makes_no_helper_stale(folder):
    """Nobody looks then."""
    publisher = Publisher(folder / "s", "alpha")
    with top_on(folder / "s") as screen:
        screen.wait_for("1 peer, ")
        publisher.segment.age_s = 8.5
        publisher.publish()
        screen.wait_for(lambda text: re.search(r"age [89]\.", text))
        screen.press("p")
        screen.wait_for("PAUSED")
        time.sleep(2.5)
        assert "go-metro capturing" in screen.text()
        screen.press("p")
        screen.wait_for("go-metro stale")


def samples_of(text):
    line = next(line for line in text.splitlines() if line.startswith("eth0   "))
    return int(line.split()[4])


def test_help(folder):
    Publisher(folder / "s", "alpha")
    with top_on(folder / "s") as screen:
        screen.wait_for("1 peer")
        for key in ("h", "?"):
            screen.press(key)
            text = screen.wait_for("any key goes back")
            assert "filter" in text or "contains a text" in text and "JITTER" in text
            screen.press("q")
            screen.wait_for("1 peer")


def test_help_in_a_low_window(folder):
    Publisher(folder / "s", "alpha")
    with top_on(folder / "s", width=40, height=10) as screen:
        screen.wait_for("1 peer")
        screen.press("?")
        seen = screen.wait_for("any other key: back")
        for _ in range(4):
            screen.press("PPage" if "HISTOGRAM" in seen else "NPage")
            time.sleep(0.2)
            seen += screen.text()
        assert "sort by (again: reverse)" in seen and "q ^C" in seen and "h ?" in seen
        screen.press("End")
        screen.wait_for(lambda text: "HISTOGRAM log scale" in text and "go-metro top" not in text)
        screen.press("Home")
        screen.wait_for("go-metro top")
        screen.press("q")
        screen.wait_for("1 peer")


def test_idle_ones_are_hidden_in_totals(folder):
    publisher = Publisher(folder / "s", "alpha", "beta", "gamma")
    with top_on(folder / "s") as screen:
        screen.wait_for("3 peers")
        publisher.publish(row1=5.0)
        screen.wait_for("3 peers, last ")
        screen.press("t", "i")
        assert peers_of(screen.wait_for("1 peer, since birth")) == ["beta"]
        publisher.publish()
        text = screen.wait_for("0 peers")
        assert "i shows them." in text and "filter;" not in text
        screen.press("i")
        assert len(peers_of(screen.wait_for("3 peers, since birth"))) == 3


# --- instances ---

def test_windows(folder):
    """As long as there is a pause nothing comes, and that is said."""
    eth0 = Instance(sampling=OPEN, sample_s=(30, 45), turn_in_s=9.0, received=1000)
    publisher = Publisher(folder / "s", "alpha", instances=[eth0])
    with top_on(folder / "s") as screen:
        screen.wait_for(lambda text: re.search(r"^eth0 in a window, [89] s left 1000 packets \(30 s in windows, 45 s between\)$", text,
                                               re.MULTILINE))
        eth0.sampling = CLOSED
        publisher.publish()
        screen.wait_for(lambda text: re.search(r"^eth0 between windows, [89] s left \(30 s", text, re.MULTILINE))
        screen.wait_for("eth0 between windows, 6 s left (30 s", what="it is counted down")
        screen.resize(40, 10)
        screen.wait_for(lambda text: re.search(r"^eth0 between windows, \d s left$", text, re.MULTILINE))


def test_counters_that_begin_anew_have_no_rate(folder):
    eth0 = Instance(received=100000)
    publisher = Publisher(folder / "s", "alpha", instances=[eth0])
    with top_on(folder / "s") as screen:
        screen.wait_for("eth0 100000 packets")
        eth0.counters["received"] = 10
        publisher.publish()
        screen.wait_for(lambda text: re.search(r"^eth0 10 packets$", text, re.MULTILINE))
        eth0.counters["received"] = 20
        publisher.publish()
        screen.wait_for(lambda text: re.search(r"^eth0 \d+\.\d packets/s$", text, re.MULTILINE))


def test_a_file_that_was_read_is_no_trouble(folder):
    end = "/var/tmp/a.pcap: read to its end: 5000 packets of 2026-01-01 00:00:00 to 2026-01-01 00:01:00 UTC"
    instances = [Instance(interface="file", state=STOPPED, error=end, received=5000),
                 Instance(fingerprint=1, interface="eth1", warning="db.example does not resolve; correct it")]
    publisher = Publisher(folder / "s", "alpha", instances=instances)
    publisher.segment.rows[0].add(2.0, 2.0)
    with top_on(folder / "s", width=200) as screen:
        screen.wait_for("go-metro capturing")
        publisher.publish()
        lines = screen.wait_for("1 peer, last ").splitlines()
        assert lines[1].startswith("eth1 ") and "  file stopped " in lines[1]
        assert lines[2:4] == ["eth1: db.example does not resolve; correct it", "file: " + end]
        assert not re.search(r"\033\[[0-9;]*31m[^\033]*stopped", screen.styled())
        screen.press("t")
        row = next(line for line in screen.wait_for("since birth").splitlines() if line.startswith("file   "))
        assert row.split()[4:6] == ["3", "-"], "no rate since it was read"


def test_two_on_one_interface_are_told_apart(folder):
    """Whatever else there is no room for."""
    publisher = Publisher(folder / "s", "alpha", instances=[Instance(interface="enp0s31f6"), Instance(1, interface="enp0s31f6")])
    publisher.segment.rows = [Row(dst=name, dst_address=name, src="2001:db8:1111:2222:3333:4444:5555:6666", instance=n % 2, birth=n + 1,
                                  samples_ms=[1.0]) for n, name in enumerate(["2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"] * 2)]
    publisher.publish()

    def told(text):
        return sorted(re.findall(r"^(enp0s31f6\S*) +2001", text, re.MULTILINE))

    with top_on(folder / "s") as screen:
        text = screen.wait_for("2 peers")
        assert re.search(r"^enp0s31f6#0 .*  enp0s31f6#1 ", text, re.MULTILINE), text
        assert told(text) == ["enp0s31f6#0", "enp0s31f6#1"], text
        screen.press("/", "f6#1", "Enter")
        assert told(screen.wait_for("1 peer,")) == ["enp0s31f6#1"]


# --- what is wrong ---

def test_hostile_names(folder):
    evil = ["%s%n%99999d", "$(reboot)`id`", "x" * 255, "'\"\\<b>&", "~" * 100]
    Publisher(folder / "s", *evil, instances=[Instance(interface="%s" * 31, error="%n" * 100, state=FAILED)])
    for width, height in ((80, 24), (200, 50), (40, 10)):
        with top_on(folder / "s", width=width, height=height) as screen:
            screen.wait_for(lambda text: "5 peers" in text and len(text.splitlines()) == height)
            screen.press("Down", "Enter", "Down")
            screen.wait_for("round trips")
            screen.press("q")
            screen.wait_for("status 0")
    publisher = Publisher(folder / "s", "\033[2J\033]0;title\a")
    publisher.publish()
    with top_on(folder / "s") as screen:
        text = screen.wait_for("go-metro corrupt")
        assert "is not printable" in " ".join(text.split())  # the folder's name decides where a line ends


def test_each_state_says_what_to_do(folder):
    publisher = Publisher(folder / "s", "alpha", "beta")
    with top_on(folder / "s") as screen:
        screen.wait_for("go-metro capturing")
        publisher.segment.state, publisher.segment.error = FAILED, "eth0 is down; bring it up"
        publisher.publish()
        assert "eth0 is down; bring it up" in screen.wait_for("go-metro failed")
        publisher.segment.state = STOPPED
        publisher.publish()
        assert "restart the Agent" in screen.wait_for("go-metro stopped").replace("\n", " ")
        (folder / "s").write_bytes(b"nonsense " * 100)
        screen.wait_for("go-metro bad_magic")
        (folder / "s").unlink()
        text = screen.wait_for("go-metro missing")
        assert "go-metro.log" in text.replace("\n", "") and "0 peers" in text
        Publisher(folder / "s", "gamma")
        assert peers_of(screen.wait_for("go-metro capturing")) == ["gamma"]


def test_where_it_looks_when_the_configuration_cannot_be_used():
    """And no longer than that: what is mended is read again."""
    right = "init_config: {segment_path: /dev/shm/elsewhere}\ninstances:\n  - {interface: lo, ips: [127.0.0.0/8]}\n"
    with Stage() as stage:
        stage.configure(right)
        with stage.helper():
            stage.wait_for_state("capturing")
            stage.configure(right + "  - {interface: lo, ips: {a: b}}\n")
            with Emulator(stage.enter(PROGRAM, "top"), width=120) as screen:
                text = screen.wait_for("go-metro degraded")
                assert "a mapping is not a list" in text and "--segment" not in text
            stage.configure(right + "  - {interface: lo\n")
            with Emulator(stage.enter(PROGRAM, "top"), width=120) as screen:
                text = " ".join(screen.wait_for("go-metro missing").split())
                assert "the configuration cannot be used: /etc/dd-agent/conf.d/go-metro.yaml:5:1: " in text
                assert "the default place, %s, is looked at instead; --segment FILE names another" % SEGMENT in text
                stage.configure(right)
                assert "--segment" not in screen.wait_for("go-metro capturing")


@pytest.fixture
def network():
    with Network("20ms") as network, network.serve():
        yield network


def test_a_real_helper_that_stops_and_comes_back(network):
    configuration = "init_config: {resolve_names: false}\ninstances:\n  - interface: near0\n    ips: [%s]\n" % FAR
    client = [PYTHON3, SYSTEM / "traffic.py", "client", FAR, "5000", "--count", "0", "--interval", "0.01"]
    with Stage(network.near) as stage, Emulator(stage.enter(PROGRAM, "top"), width=120) as screen:
        assert SEGMENT in screen.wait_for("go-metro missing")
        stage.configure(configuration)
        with stage.helper() as helper, network.near.start(*client):
            text = screen.wait_for(lambda text: "go-metro capturing" in text and "last 1.0 s" in text and FAR in text)
            assert NEAR in text and re.search(r"near0 [\d.]+ packets/s", text)
            text = screen.wait_for(lambda text: re.search(r" 2\d\.\d ms", text))
            row = next(line for line in text.splitlines() if line.startswith("near0  "))
            assert any(block in row for block in BLOCKS) and 20 < float(row.split()[3]) < 60
            screen.press("Down", "Enter")
            screen.wait_for("since birth, 0:00:")
            helper.stop()
            screen.wait_for("go-metro stopped")
        screen.press("Enter")
        assert "restart the Agent" in screen.text()
        with stage.helper() as helper, network.near.start(*client):
            screen.wait_for(lambda text: "go-metro capturing" in text and "last 1.0 s" in text and re.search(r" 2\d\.\d ms", text))
            helper.kill()
            text = screen.wait_for("go-metro stale", timeout=30)
            assert "It has published nothing for 1" in text
        with stage.helper():
            screen.wait_for("go-metro capturing")
            screen.press("q")
            screen.wait_for("status 0")
