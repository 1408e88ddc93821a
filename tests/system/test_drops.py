"""What happens when the helper does not come round to reading: nothing is lost as long as its ring holds it, and what is lost is
counted, published, shown and warned of."""

import concurrent.futures
import contextlib
import json
import signal
import time

import pytest

import usage
from network import Namespace
from processes import BUILD, REPOSITORY, HarnessError, wait_until
from stage import CHECK, CONFIGURATION, LOG, PROGRAM, USER, Stage
from supervision import supervised

SENDER = BUILD / "live_sender"
COLLECTOR = REPOSITORY / "tests" / "demo" / "collector.py"
LOCAL, FIRST_PEER = "10.79.0.1", "10.79.1.1"
TEXT = """
init_config: {resolve_names: false%s}
instances:
  - interface: gm0
    ips: [10.79.0.0/16]
"""
STOP = 80000  # 200 ms at 400,000 packets a second
SMALL, FULL = 58, 1434  # bytes of payload


class Place(contextlib.ExitStack):
    """A stage with the interface gm0, at whose other end somebody floods."""

    def __enter__(self):
        super().__enter__()
        with contextlib.ExitStack() as undo:
            self.near, self.far = undo.enter_context(Namespace()), undo.enter_context(Namespace())
            self.near.ip("link add gm0 type veth peer name gm1 netns %d" % self.far.pid)
            self.near.ip("addr add %s/16 dev gm0" % LOCAL)
            self.near.ip("link set gm0 up")
            self.far.ip("link set gm1 up")
            self.stage = undo.enter_context(Stage(self.near))
            self.push(undo.pop_all().__exit__)
        return self

    def flood(self, packets, payload=SMALL):
        """As fast as this machine can; how many arrived."""
        out = self.far.run(SENDER, "--packets", packets, "--payload", payload, "gm1", LOCAL, FIRST_PEER)
        return json.loads(out.splitlines()[-1])["packets"]

    @contextlib.contextmanager
    def helper(self, settings=""):
        """At work, with these settings more."""
        self.stage.configure(TEXT % settings)
        with self.stage.helper() as helper:
            self.stage.wait_for_state("capturing")
            yield helper

    def instance(self):
        return self.stage.status()["instances"][0]

    def wait_until_all_is_counted(self, packets):
        def is_all(status):
            instance, = status["instances"]
            return instance["received"] + instance["dropped"] >= packets

        return self.stage.wait_for_status(is_all, what="%d packets" % packets)["instances"][0]


@contextlib.contextmanager
def stopped(helper):
    helper.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        helper.signal(signal.SIGCONT)


SECONDS = 3


def flood_until(place, end):
    packets = 0
    while time.monotonic() < end:
        packets += place.flood(STOP)
    return packets


def test_it_does_not_wake_for_each_block_of_the_ring(place):
    """A ring of 64 MiB is left to fill for 64 ms: as many packets as may come, there are 16 looks a second at most."""
    with place.helper() as helper, concurrent.futures.ThreadPoolExecutor(1) as beside:
        flooding = beside.submit(flood_until, place, time.monotonic() + SECONDS)
        used = usage.watch(helper.target(), SECONDS)
        packets = flooding.result()
        instance = place.wait_until_all_is_counted(packets)
    assert instance["dropped"] == 0 and packets / 1200 > 40 * SECONDS  # so many would be a block's
    assert used.wakes <= 25 * SECONDS, used


@pytest.fixture
def place():
    with Place() as place:
        yield place


@pytest.fixture(params=[2, 3])
def collector(request, place):
    """The check, run again and again in one process: a function that waits for a run, the first of those still to come, for which
    a predicate holds."""
    with contextlib.ExitStack() as end:
        state = {"process": None, "seen": 0}

        def start():
            arguments = [COLLECTOR, CHECK, CONFIGURATION, BUILD / ("python%d" % request.param), 0.3]
            state["process"] = end.enter_context(place.stage.start(*Stage.python(request.param, *arguments), user=USER))

        def wait_for(predicate):
            if state["process"] is None:
                start()
            process = state["process"]

            def look():
                lines = process.out.splitlines(keepends=True)
                for number, line in enumerate(lines[state["seen"]:], state["seen"] + 1):
                    if line.endswith("\n") and predicate(json.loads(line)):
                        state["seen"] = number
                        return json.loads(line)
                if not process.alive():
                    raise HarnessError("the check ended: " + process.err)
                return None

            return wait_until(look, 20, lambda: "a run of the check: %s%s" % (process.out[-2000:], process.err))

        yield wait_for


def status_of(run):
    return run["instances"][0]["status"]


@pytest.mark.parametrize("payload", [SMALL, FULL])
def test_a_stop_of_200_ms_at_400000_packets_a_second_loses_nothing(place, payload):
    """With the default buffer, and packets of any size."""
    with place.helper() as helper:
        with stopped(helper):
            sent = place.flood(STOP, payload)
        instance = place.wait_until_all_is_counted(sent)
        assert (sent, instance["received"], instance["dropped"]) == (STOP, STOP, 0)
        assert instance["tcp"] == STOP


def test_what_the_ring_does_not_hold_is_counted_shown_and_warned_of(place, collector):
    with place.helper(", buffer_mib: 1") as helper:
        assert status_of(collector(lambda run: status_of(run) == "OK")) == "OK"
        with stopped(helper):
            sent = place.flood(20000)
        instance = place.wait_until_all_is_counted(sent)
        dropped = instance["dropped"]
        assert dropped > 10000 and instance["received"] + dropped == sent, "each packet is one or the other"
        assert instance["received"] > 2000, "what the ring held is measured"
        run = collector(lambda run: status_of(run) == "WARNING")
        warnings = run["instances"][0]["warnings"]
        assert warnings == ["%d packets were dropped because the capture buffer was full: raise `buffer_mib` or narrow `ips` and "
                            "`hosts`" % dropped]
        assert [check["status"] for check in run["service_checks"]] == [1]
        assert run["service_checks"][0]["message"] == warnings[0]
        assert status_of(collector(lambda _: True)) == "OK", "once"
        shown = place.stage.run(PROGRAM, "status")
        assert " %d lost;" % dropped in shown
        assert place.instance()["dropped"] == dropped


def test_what_the_device_drops_is_counted_and_warned_of(place, collector):
    """No device here can be made to: the kernel's counter is a file of ours."""
    stage, counter = place.stage, "/sys/class/net/gm0/statistics/rx_missed_errors"
    stage.script('mount -t tmpfs go-metro /sys/class/net && mkdir -p "${1%/*}" && echo 3 >"$1"', counter)
    stage.configure(TEXT % "" + "    promiscuous: true\n")  # of others libpcap does not read it
    with stage.helper():
        stage.wait_for_state("capturing")
        collector(lambda run: status_of(run) == "OK")
        assert place.instance()["dropped_interface"] == 0, "before our time"
        stage.script('echo 10 >"$1"', counter)
        stage.wait_for_status(lambda status: status["instances"][0]["dropped_interface"] == 7)
        run = collector(lambda run: status_of(run) == "WARNING")
        assert run["instances"][0]["warnings"][0].startswith("7 packets were dropped by the network device")
        assert " 7 lost;" in stage.run(PROGRAM, "status")


def test_what_was_captured_before_the_interface_went_down_is_counted(place):
    with place.helper() as helper:
        with stopped(helper):
            sent = place.flood(30000)
            place.near.ip("link set gm0 down")
        place.stage.wait_for_state("failed", "is down")
        assert place.wait_until_all_is_counted(sent)["received"] == sent
        place.near.ip("link set gm0 up")
        place.stage.wait_for_state("capturing")
        sent += place.flood(100)
        instance = place.wait_until_all_is_counted(sent)
        assert (instance["received"], instance["dropped"]) == (sent, 0)


# --- what is in the ring when something ends ---

END = 20000  # packets: several turns'
TWO = TEXT + "    sample: true\n    sample_duration: 4\n    sample_interval: 600\n  - interface: gm0\n    ips: [10.79.0.0/17]\n"


@contextlib.contextmanager
def stopped_under(supervisor):
    """The helper of a supervisor; with its end it goes on."""
    pid = supervisor.state()[1]
    supervisor.stage.kill("STOP", pid)
    try:
        yield pid
    finally:
        supervisor.stage.kill("CONT", pid)


def assert_all_looked_at(status, packets):
    for instance in status["instances"]:
        assert (instance["received"], instance["dropped"], instance["tcp"]) == (packets, 0, packets), instance


def test_what_was_captured_before_the_program_ends_is_counted(place):
    """Whole blocks of the ring, and the last one, which the kernel has not handed over yet."""
    with supervised(place.stage, TEXT % "") as supervisor:
        with stopped_under(supervisor) as pid:
            sent = place.flood(END)
            place.stage.kill("TERM", pid)
        assert_all_looked_at(place.stage.wait_for_state("stopped"), sent)
        supervisor.wait_for("EXITED")
    with place.stage.helper() as helper:
        place.stage.wait_for_state("capturing")
        sent = place.flood(100)
        assert helper.stop() == 0
        assert_all_looked_at(place.stage.status(), sent)


def test_what_was_captured_in_a_window_is_counted_at_its_end(place):
    """Also where another instance goes on measuring the same peers."""
    with supervised(place.stage, TWO % "") as supervisor:
        place.stage.wait_for_status(lambda s: s["instances"][0]["sampling"] == "open")
        with stopped_under(supervisor):
            sent = place.flood(END)
            place.stage.run("sleep", 5)
        status = place.stage.wait_for_status(lambda s: s["instances"][0]["sampling"] == "closed")
        assert_all_looked_at(status, sent)
        assert status["instances"][0]["open_flows"] == 0 < status["instances"][1]["open_flows"]
        more = place.flood(100)
        closed, opened = place.stage.wait_for_status(lambda s: s["instances"][1]["received"] >= sent + more)["instances"]
        assert (closed["received"], opened["received"]) == (sent, sent + more)


def test_what_was_captured_before_a_capture_is_opened_anew_is_counted(place):
    with supervised(place.stage, TEXT % "") as supervisor:
        with stopped_under(supervisor) as pid:
            sent = place.flood(END)
            place.stage.configure(TEXT % ", snaplen: 192")
            place.stage.kill("HUP", pid)
        place.stage.wait_for_status(lambda _: place.stage.read(LOG).count("capturing with a ring") == 2)
        sent += place.flood(100)
        place.wait_until_all_is_counted(sent)
        assert_all_looked_at(place.stage.status(), sent)
