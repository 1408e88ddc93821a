"""`make demo` as a newcomer sees it: it shows what it promises, and leaves nothing behind, also when it is interrupted."""

import io
import re
import signal
import socket
import sys

import pytest

from network import RoundTrip
from processes import PYTHON3, REPOSITORY, Process
from stage import leftovers

DEMO = REPOSITORY / "tests" / "demo" / "demo.py"
sys.path.append(str(DEMO.parent))
WITHOUT_NAMESPACES = ["setpriv", "--bounding-set=-sys_admin"]


def played(*before):
    """What a whole demo printed; it ended well and left nothing."""
    with Process([*before, PYTHON3, DEMO]) as demo:
        status = demo.wait(timeout=120)
        out = demo.out
        assert status == 0, out + demo.err
        assert demo.err == ""
    assert leftovers() == []
    assert max(map(len, out.splitlines())) <= 80
    assert "\033" not in out, "no colours where there is no terminal"
    return out


def test_shows_instances_gauges_and_the_delay():
    out = played()
    assert "instance #0 [OK]" in out and "instance #1 [OK]" in out
    assert "src:10.77.0.1" in out and "dst:fd77::2" in out and "iface:lo" in out
    results = re.findall(r"set +([0-9.]+) ms +path +([0-9.]+) to +([0-9.]+) ms +measured +([0-9.]+) ms", out)
    assert len(results) == 4, "two delays, two peers"
    for delay, least, most, measured in (map(float, result) for result in results):
        assert delay <= least
        assert 0.95 * least - 0.1 <= measured <= 1.05 * most + 0.1, "what the path took, however late this machine let it be"


def test_without_namespaces_the_loopback_is_shown():
    # On the host itself every port may be taken already, and this one was the demo's once.
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 5001))
        taken.listen()
        out = played(*WITHOUT_NAMESPACES)
    assert "No network namespaces here: the loopback only." in out and "unshare" in out, "and why"
    assert "supervisord 3.3.3 runs go-metro" in out and "CAP_NET_RAW only" in out
    assert out.count("instance #0 [OK]") == 3 and "instance #1" not in out
    assert re.search(r"dst:\S+ iface:lo src:127\.0\.0\.1", out)
    measured, = re.findall(r"measured +([0-9.]+) ms", out)
    assert 0 < float(measured) < 100


ENDINGS = {
    "SIGINT": ([], signal.SIGINT, 1, "\ndemo: interrupted; all is cleaned up\n"),
    "SIGTERM": ([], signal.SIGTERM, 128 + 15, ""),
    "SIGHUP": ([], signal.SIGHUP, 128 + 1, ""),
    "SIGTERM, no namespaces": (WITHOUT_NAMESPACES, signal.SIGTERM, 128 + 15, ""),
}


@pytest.mark.parametrize("before, number, status, said", ENDINGS.values(), ids=ENDINGS)
def test_interrupted(before, number, status, said):
    with Process([*before, PYTHON3, DEMO]) as demo:
        demo.wait_for_output("dd-agent info", timeout=60)
        demo.signal(number)
        assert demo.wait() == status, demo.err
        assert demo.err == said
    assert leftovers() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_while_it_sets_the_stage(number):
    with Process([PYTHON3, DEMO]) as demo:
        demo.wait_for_output("a path of", timeout=60)
        demo.signal(number)
        assert demo.wait() != 0
        assert "Traceback" not in demo.err, demo.err
    assert leftovers() == []


class Path:
    """A network of which the relay's log says this."""

    def __init__(self, *trips):
        self.trips = list(trips)

    def relay_round_trips(self, _version):
        return self.trips


def test_the_log_of_the_path_may_still_be_empty():
    import demo
    import screen
    assert demo.Demo(None, Path()).path_ms("10.77.0.2", 1000.0) is None
    later = RoundTrip(4000, "data", 60 * 10**6, 1001 * 10**9)
    assert demo.Demo(None, Path(later)).path_ms("10.77.0.2", 1000.0) is None
    assert demo.Demo(None, Path(later)).path_ms("10.77.0.2", 1001.0) == (60, 60)
    stream = io.StringIO()
    demo.conclude(screen.Screen(stream), [[demo.Result("10.77.0.2", 60, None, 59.5), demo.Result("fd77::2", 60, (60, 61), 60.5)]])
    assert "path (not in its log yet)    measured  59.500 ms   10.77.0.2" in stream.getvalue()
    assert "path  60.000 to  61.000 ms   measured  60.500 ms   fd77::2" in stream.getvalue()
