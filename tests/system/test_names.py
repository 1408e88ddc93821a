"""Names are resolved and resolved again beside the packets' path: by a real DNS server, and by one that hangs."""

import contextlib
import json
import time

import pytest

from conversation import call, conversation, rows_to, total
from processes import SYSTEM, wait_until
from stage import LOG, Stage
from supervision import supervised

NAME_SERVER = "127.0.0.53"
ZONE = "/opt/zone.json"
STEADY, MOVING = "127.4.0.1", "127.3.0.%d"
CONFIGURATION = """
init_config: {resolve_interval: 1}
instances:
  - interface: lo
    hosts: [%s]
"""
# ADDRESS: takes questions and answers none.
SWALLOW = """
import socket, sys
swallower = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
swallower.bind((sys.argv[1], 53))
print("ready", flush=True)
while swallower.recv(4096):
    print("a question", flush=True)
"""
HANG_S = 30


class NameServer:
    """names.py on the stage."""

    def __init__(self, stage, process):
        self.stage, self.process, self.zone = stage, process, {}

    def set(self, **names):
        """Names with _ for a dot; "" in place of None would be an answer."""
        for name, value in names.items():
            self.zone[name.replace("_", ".")] = value
        self.stage.write(ZONE, json.dumps(self.zone))

    def remove(self, name):
        del self.zone[name]
        self.set()

    def wait_for_questions(self, question, count):
        """So many more of them."""
        before = self.process.out.count(question)
        wait_until(lambda: self.process.out.count(question) >= before + count, what=lambda: self.process.out)


def use_name_server(stage, options="timeout:1 attempts:1"):
    """Whatever the machine's own resolver is."""
    stage.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    stage.write("/etc/hosts", "127.0.0.1 localhost\n")
    stage.write("/etc/resolv.conf", "nameserver %s\noptions %s\n" % (NAME_SERVER, options))


@pytest.fixture
def names(stage):
    use_name_server(stage)
    with contextlib.ExitStack() as undo:
        server = NameServer(stage, None)
        server.set()
        server.process = undo.enter_context(stage.start(*Stage.python(3, SYSTEM / "names.py", NAME_SERVER, ZONE)))
        server.process.wait_for_output("ready")
        yield server


def samples_of(stage, dst):
    return total(rows_to(stage, dst), "samples")


def call_until_measured(stage, address, dst):
    """Until a call to the address is one of this name's."""
    before = samples_of(stage, dst)

    def look():
        call(stage, address)
        stage.wait_for_publications(1)
        return samples_of(stage, dst) > before

    wait_until(look, what=lambda: "%s is %s: %s" % (address, dst, stage.status()))


def warning_of(status):
    return status["instances"][0]["warning"] if status["instances"] else ""


def test_the_filter_follows_without_a_gap(stage, names):
    names.set(steady_example=[STEADY], moving_example=[MOVING % 1])
    with supervised(stage, CONFIGURATION % "steady.example, moving.example"), conversation(stage, stage, STEADY) as steady:
        for place in range(1, 5):
            names.set(moving_example=[MOVING % place])
            call_until_measured(stage, MOVING % place, "moving.example")
        # Who has the name no longer is not measured any longer.
        before = samples_of(stage, "moving.example")
        call(stage, *(MOVING % place for place in range(1, 4)))
        call_until_measured(stage, MOVING % 4, "moving.example")
        after = rows_to(stage, "moving.example")
        assert (total(after, "samples") - before) % 2 == 0 and len(after) == 1, "its addresses are one row"
        steady.wait_until_all_is_measured(lambda: rows_to(stage, "steady.example"))
        status = stage.status()
        assert {row["dst"] for row in status["peers"]} == {"steady.example", "moving.example"}
        assert rows_to(stage, "steady.example")[0]["flows"] == 1 and status["instances"][0]["dropped"] == 0
        assert "capturing with a ring" in stage.read(LOG) and stage.read(LOG).count("capturing with a ring") == 1


def test_an_address_goes_from_one_name_to_another(stage, names):
    """As where a service fails over: the connection that is open to it goes on under the other name, the first one in the YAML that
    has the address."""
    names.set(primary_example=[STEADY], standby_example=[MOVING % 1])
    with supervised(stage, CONFIGURATION % "standby.example, primary.example"), conversation(stage, stage, STEADY):
        wait_until(lambda: samples_of(stage, "primary.example") > 20, what=lambda: stage.status())
        names.set(standby_example=[STEADY])
        wait_until(lambda: samples_of(stage, "standby.example") > 20, what=lambda: stage.status())
        before = samples_of(stage, "primary.example")
        stage.wait_for_publications(2)
        assert samples_of(stage, "primary.example") == before


@pytest.mark.parametrize("trouble, said", [("is gone", "Name or service not known"), ("fails", "name resolution")])
def test_a_name_that_fails_keeps_its_last_addresses(stage, names, trouble, said):
    names.set(db_example=[MOVING % 1, MOVING % 2])
    with supervised(stage, CONFIGURATION % "db.example"):
        call_until_measured(stage, MOVING % 1, "db.example")
        assert stage.check().status == "OK"
        if trouble == "is gone":
            names.remove("db.example")
        else:
            names.set(db_example=None)
        stage.wait_for_status(lambda s: "the host 'db.example' does not resolve" in warning_of(s) and said in warning_of(s))
        names.wait_for_questions("A db.example", 2)
        call_until_measured(stage, MOVING % 2, "db.example")
        for python in (2, 3):
            check = stage.check(python)
            assert (check.status, check.service_status) == ("WARNING", "WARNING")
            assert "the host 'db.example' does not resolve" in check.warnings[0] and check.service_message == check.warnings[0]
            assert check.gauges(dst="db.example"), "what is measured is submitted"
        assert stage.read(LOG).count("does not resolve") == 1, "said once"
        names.set(db_example=[MOVING % 3])
        stage.wait_for_status(lambda s: s["instances"] and warning_of(s) == "")
        call_until_measured(stage, MOVING % 3, "db.example")
        assert stage.check().status == "OK"
        assert "the host 'db.example' resolves now" in stage.read(LOG)


def test_a_name_of_50_addresses(stage, names):
    addresses = ["127.2.0.%d" % n for n in range(1, 51)]
    names.set(many_example=addresses)
    with supervised(stage, CONFIGURATION % "many.example"):
        call_until_measured(stage, addresses[-1], "many.example")
        assert "tcp A many.example" in names.process.out, "so long an answer does not come by UDP"
        before, = rows_to(stage, "many.example")
        call(stage, *addresses)
        stage.wait_for_status(lambda s: s["peers"][0]["samples"] == before["samples"] + 2 * 50)
        row, = stage.status()["peers"]
        assert (row["dst"], row["flows"]) == ("many.example", before["flows"] + 50)


def test_a_name_of_more_addresses_than_are_measured(stage, names):
    addresses = ["127.2.%d.%d" % (n // 200, 1 + n % 200) for n in range(300)]
    said = "the host 'crowd.example' has 300 addresses"
    names.set(crowd_example=addresses)
    with supervised(stage, CONFIGURATION % "crowd.example"):
        call_until_measured(stage, addresses[255], "crowd.example")
        assert warning_of(stage.status()).startswith(said), "nothing is dropped without a word"
        before = samples_of(stage, "crowd.example")
        call(stage, addresses[256], addresses[299])
        stage.wait_for_publications(2)
        assert samples_of(stage, "crowd.example") == before, "these are not measured"
        check = stage.check()
        assert (check.service_status, said in check.service_message) == ("WARNING", True)
        names.wait_for_questions("A crowd.example", 2)
        assert stage.read(LOG).count(said) == 1, "said once"
        names.set(crowd_example=addresses[200:])
        stage.wait_for_status(lambda s: s["instances"] and warning_of(s) == "")
        call_until_measured(stage, addresses[299], "crowd.example")
        assert "all addresses of the host 'crowd.example' are measured now" in stage.read(LOG)


def test_reverse_names_are_tags(stage, names):
    names.set(**{"1.0.5.127.in-addr.arpa": "five.example.", "7.0.6.127.in-addr.arpa": "in-a-block.example."})
    text = CONFIGURATION.replace("hosts: [%s]", "ips: [127.5.0.1, 127.5.0.2, 127.6.0.0/24]")
    with supervised(stage, text):
        names.wait_for_questions("PTR 1.0.5.127.in-addr.arpa", 2)
        call(stage, "127.5.0.1", "127.5.0.2", "127.6.0.7")
        stage.wait_for_status(lambda s: sorted(p["dst"] for p in s["peers"]) == ["127.5.0.2", "127.6.0.7", "five.example"])
        for python in (2, 3):
            assert "dst:five.example" in stage.check(python).tags(dst="five.example"), "without a dot at the end"
        # The next answer names it anew; without an answer it keeps its name, as tags that flap make two series of one.
        names.set(**{"1.0.5.127.in-addr.arpa": "funf.example."})
        stage.wait_for_status(lambda s: "funf.example" in [p["dst"] for p in s["peers"]])
        names.remove("1.0.5.127.in-addr.arpa")
        names.wait_for_questions("PTR 1.0.5.127.in-addr.arpa", 2)
        assert rows_to(stage, "funf.example")


def capabilities(stage, pid):
    """CapPrm and CapEff of each thread."""
    tasks = stage.run("sh", "-c", "cd /proc/%d/task && for task in *; do grep -E '^Cap(Eff|Prm)' $task/status; done" % pid)
    values = [int(line.split()[1], 16) for line in tasks.splitlines()]
    return list(zip(values[::2], values[1::2]))


def test_a_resolver_that_hangs_stops_nothing(stage):
    use_name_server(stage, "timeout:%d attempts:1" % HANG_S)
    text = CONFIGURATION % "nobody.example" + "    ips: [%s]\n" % STEADY
    with stage.start("python3", "-c", SWALLOW, NAME_SERVER) as swallower:
        swallower.wait_for_output("ready")
        with supervised(stage, text) as supervisor, conversation(stage, stage, STEADY) as talk:
            swallower.wait_for_output("a question")
            asked = time.monotonic()
            pid = supervisor.state()[1]
            # The thread that hangs has no right at all, and the one that measures none that is in force.
            threads = capabilities(stage, pid)
            assert sorted(threads) == [(0, 0), (1 << 13, 0)], threads
            stage.wait_for_publications(3)
            # Another configuration comes into force meanwhile.
            stage.configure(text.replace(STEADY, STEADY + ", 127.4.0.2"))
            stage.kill("HUP", pid)
            call_until_measured(stage, "127.4.0.2", "127.4.0.2")
            talk.wait_until_all_is_measured(lambda: rows_to(stage, STEADY))
            assert swallower.out.count("a question") <= 2 and time.monotonic() - asked < HANG_S, "it hangs all the time"
            began = time.monotonic()
            supervisor.control("stop", "datadog-agent:go-metro")
            assert time.monotonic() - began < 5, "at once: it would hang for longer, and supervisord kills after 10 s"
            helper = stage.status()["helper"]
            assert (helper["state"], helper["error"]) == ("stopped", "stopped on request")
            assert supervisor.state()[0] == "STOPPED" and "SIGTERM: stopping" in stage.read(LOG)
