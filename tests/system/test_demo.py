"""`make demo` as a newcomer sees it: it shows what it promises, and leaves nothing behind, also when it is interrupted."""

import re
import signal

import pytest

from processes import PYTHON3, REPOSITORY, Process

DEMO = REPOSITORY / "tests" / "demo" / "demo.py"


def test_shows_instances_gauges_and_the_delay():
    with Process([PYTHON3, DEMO]) as demo:
        status = demo.wait(timeout=120)
        out = demo.out
        assert status == 0, out + demo.err
    assert "instance #0 [OK]" in out and "instance #1 [OK]" in out
    assert "src:10.77.0.1" in out and "dst:fd77::2" in out and "iface:lo" in out
    results = re.findall(r"set +([0-9.]+) ms +path +([0-9.]+) to +([0-9.]+) ms +measured +([0-9.]+) ms", out)
    assert len(results) == 4, "two delays, two peers"
    for delay, least, most, measured in (map(float, result) for result in results):
        assert delay <= least
        assert 0.95 * least - 0.1 <= measured <= 1.05 * most + 0.1, "what the path took, however late this machine let it be"
    assert max(map(len, out.splitlines())) <= 80
    assert "\033" not in out, "no colours where there is no terminal"


@pytest.mark.parametrize("text", ["a path of", "dd-agent info"])
def test_interrupted(text):
    with Process([PYTHON3, DEMO]) as demo:
        demo.wait_for_output(text, timeout=60)
        demo.signal(signal.SIGINT)
        assert demo.wait() != 0
        assert "Traceback" not in demo.err, demo.err
        assert "all is cleaned up" in demo.err
