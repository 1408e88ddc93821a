"""What is shown is what is: a helper that died, a full /dev/shm, what is left out or not done. Each its own state and message."""

import pytest

from processes import BUILD
from stage import SEGMENT, USER, Stage

CONFIGURATION = """
init_config: {}
instances:
  - interface: lo
    all_peers: true
"""


def test_a_helper_that_died_while_it_could_not_capture_is_stale():
    """What it said last is not what is wrong now."""
    with Stage(capable=False) as stage:
        stage.configure(CONFIGURATION)
        with stage.helper() as helper:
            pid = stage.wait_for_state("failed", "setcap")["helper"]["pid"]
            stage.kill("KILL", pid)
            helper.wait()
            assert stage.wait_for_state("stale", timeout=30)["helper"]["pid"] == pid
            check = stage.check()
            assert check.service_status == "CRITICAL" and "its process is gone" in check.service_message
            assert "setcap" not in check.service_message


CATCH = """
import sys
sys.path.insert(0, sys.argv[1])
import metro_segment
try:
    metro_segment.read(sys.argv[2])
except metro_segment.SegmentError as error:
    print("%s %s" % (type(error).__name__, error.status))
"""


@pytest.mark.parametrize("python", [2, 3])
def test_a_full_dev_shm_is_an_error_of_its_own(python):
    command = Stage.python(python, "-c", CATCH, BUILD / ("python%d" % python), SEGMENT)
    with Stage(shm_size="1m") as stage:
        assert stage.run(*command, user=USER).split() == ["NoSpace", "no_space"]
        stage.run("mount", "-o", "remount,size=2m", "/dev/shm")
        assert stage.run(*command, user=USER).split() == ["Missing", "missing"]
        stage.run("mount", "-o", "remount,nr_inodes=1", "/dev/shm")
        assert stage.run(*command, user=USER).split() == ["NoSpace", "no_space"]
        stage.run("mount", "-o", "remount,size=0,nr_inodes=0", "/dev/shm")
        assert stage.run(*command, user=USER).split() == ["Missing", "missing"], "without a limit"
