"""What is in the way of the segment stops nobody who measures: only another helper does."""

import pytest

from conversation import conversation
from dogstatsd import Listener
from network import Namespace
from processes import wait_until
from sending import ROUND_S, RTT
from stage import LOG, SEGMENT, USER, Stage

PEER = "127.4.0.1"
SENDING = """
init_config: {resolve_names: false, submit_via: dogstatsd, statsd_ip: 127.0.0.1, statsd_port: %d}
instances:
  - {interface: lo, ips: [127.4.0.1]}
"""
CHECKED = """
init_config: {resolve_names: false}
instances:
  - {interface: lo, ips: [127.4.0.1]}
  - {interface: gm0, all_peers: true}
"""
PLANT = "rm -f $1; echo planted >$1; chown 1:1 $1"
FOREIGN = "belongs to daemon (uid 1), go-metro runs as dd-agent"
CAPTURING = "%s: capturing with a ring"
OTHER_LOG = "/dev/shm/other.log"  # in a folder where everybody may make one

# What there is before the start, and what the log says of it: a file that any local user can lay there, and no room.
IN_THE_WAY = {
    "another user's file": ({}, PLANT, FOREIGN),
    "full /dev/shm": ({"shm_size": "1m"}, ":", "make room, or set another `segment_path`"),
}


def wait_for_log(stage, text, log=LOG):
    wait_until(lambda: text in stage.read(log), what=lambda: "%r in the log:\n%s" % (text, stage.read(log)))


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_what_is_sent_to_dogstatsd_needs_no_segment(name):
    options, plant, message = IN_THE_WAY[name]
    with Stage(**options) as stage, Listener(stage) as listener:
        stage.script(plant, SEGMENT)
        stage.configure(SENDING % listener.port)
        with stage.helper() as helper, conversation(stage, stage, PEER):
            wait_until(lambda: any(metric.name == RTT and "dst:" + PEER in metric.tags for metric in listener.metrics()), ROUND_S + 15,
                       what=lambda: "a round trip arrives: " + stage.read(LOG))
            assert stage.read(LOG).count(message) == 1, "what is wrong is said, once"
            assert stage.read(LOG).count(CAPTURING % "lo") == 1
            assert helper.alive()


def test_captures_go_on_and_are_opened_while_there_is_no_segment():
    """In the middle of a run, and where the check is to read it: an interface that comes then is captured on."""
    with Namespace() as network, Stage(network) as stage:
        stage.configure(CHECKED)
        with stage.helper() as helper:
            stage.wait_for_state("degraded", "there is no interface gm0")
            stage.script(PLANT, SEGMENT)
            wait_for_log(stage, FOREIGN)
            network.ip("link add gm0 type veth peer name gm1")
            for end in ("gm0", "gm1"):
                network.ip("link set %s up" % end)
            wait_for_log(stage, CAPTURING % "gm0")
            stage.run("rm", SEGMENT)
            stage.wait_for_state("capturing")
            assert stage.read(LOG).count(CAPTURING % "lo") == 1, "it was never closed"
            assert helper.alive()


def test_a_helper_of_another_user_waits_as_long_as_the_right_one_is_at_work(stage):
    """To it the segment is another user's file, which it cannot even open, and yet nothing is measured and sent twice. What is left of
    it then holds up nobody."""
    with Listener(stage) as listener:
        stage.configure(SENDING % listener.port)
        with stage.helper() as helper:
            stage.wait_for_state("capturing")
            with stage.helper_alone("-log=" + OTHER_LOG, user="daemon"):
                wait_for_log(stage, "another go-metro, which runs as %s, has it; stop one of the two" % USER, OTHER_LOG)
                stage.wait_for_publications(3)
                assert CAPTURING % "lo" not in stage.read(OTHER_LOG)
                helper.stop()
                wait_for_log(stage, "belongs to %s" % USER, OTHER_LOG)
                wait_for_log(stage, CAPTURING % "lo", OTHER_LOG)
