"""What is shown is what is: a helper that died, a full /dev/shm, what is left out or not done. Each its own state and message."""

from stage import Stage

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
