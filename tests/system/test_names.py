"""Names are resolved and resolved again beside the packets' path: by a real DNS server, and by one that hangs."""

import contextlib
import json
import re
import time

import pytest

from conversation import call, conversation, rows_to, total
from dogstatsd import Listener
from processes import BUILD, PYTHON3, SYSTEM, wait_until
from sending import TO_PEERS, talk
from stage import LOG, SEGMENT, USER, Stage
from supervision import supervised

NAME_SERVER, NOBODY = "127.0.0.53", "127.0.0.54"
ZONE = "/opt/zone.json"
STEADY, MOVING, V6 = "127.4.0.1", "127.3.0.%d", "fd00::1"
CONFIGURATION = """
init_config: {resolve_interval: 1}
instances:
  - interface: lo
    hosts: [%s]
"""
# EXTENSIONS SEGMENT DST FILE: until the file is there, of each publication when it came (seconds after the helper's start), and the
# samples of all rows to DST.
FOLLOW = """
import json, os, sys, time
sys.path.insert(0, sys.argv[1])
import metro_segment
seen = []
while not os.path.exists(sys.argv[4]):
    now = metro_segment.read(sys.argv[2])
    if not seen or now.uptime_s > seen[-1][0]:
        seen.append((now.uptime_s, sum(row["samples"] for row in now.rows() if row["dst"] == sys.argv[3])))
    time.sleep(0.1)
print(json.dumps(seen))
"""
# ADDRESS: where a name server might be, and questions are not answered.
KEEP_SILENT = """
import socket, sys, time
at = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
at.bind((sys.argv[1], 53))
print("ready", flush=True)
time.sleep(3600)
"""
HANG_S = 30


class NameServer:
    """names.py on the stage."""

    def __init__(self, stage, process):
        self.stage, self.process, self.zone = stage, process, {}

    def set(self, **names):
        """Names with _ for a dot, and with what names.py takes before them (A__db_example); "" in place of None would be an answer."""
        for name, value in names.items():
            self.zone[name.replace("__", " ").replace("_", ".")] = value
        self.stage.write(ZONE, json.dumps(self.zone))

    def remove(self, name):
        del self.zone[name]
        self.set()

    def wait_for_questions(self, question, count):
        """So many more of them."""
        before = self.process.out.count(question)
        wait_until(lambda: self.process.out.count(question) >= before + count, what=lambda: self.process.out)


def use_name_server(stage, options="timeout:1 attempts:1", services="files dns", address=NAME_SERVER):
    """Whatever the machine's own resolver is."""
    stage.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: %s\n" % services)
    stage.write("/etc/hosts", "127.0.0.1 localhost\n")
    stage.write("/etc/resolv.conf", "nameserver %s\noptions %s\n" % (address, options))


@contextlib.contextmanager
def name_server(stage):
    server = NameServer(stage, None)
    server.set()
    with stage.start(*Stage.python(3, SYSTEM / "names.py", NAME_SERVER, ZONE)) as server.process:
        server.process.wait_for_output("ready")
        yield server


@pytest.fixture
def names(stage):
    use_name_server(stage)
    with name_server(stage) as server:
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


def cannot_be_looked_up(family):
    return "the host 'dual.example' does not resolve (its %s addresses cannot be looked up now" % family


@pytest.mark.parametrize("services", ["files dns", "files dns files"])
def test_a_family_that_fails_keeps_its_last_addresses(stage, services):
    """The C library calls that a success. With a service after DNS, as myhostname often is, it calls any failure "no such name"."""
    use_name_server(stage, services=services)
    stage.script("ip addr add %s/128 dev lo nodad" % V6)
    with name_server(stage) as names:
        names.set(dual_example=[STEADY, V6])
        with supervised(stage, CONFIGURATION % "dual.example"), conversation(stage, stage, STEADY) as talk:
            stage.wait_for_status(lambda s: s["peers"] and s["peers"][0]["samples"] > 20)
            names.set(A__dual_example=None)
            stage.wait_for_status(lambda s: warning_of(s).startswith(cannot_be_looked_up("IPv4")))
            names.wait_for_questions("udp A dual.example", 3)
            assert stage.read(LOG).count("does not resolve") == 1, "said once"
            assert stage.check().service_status == "WARNING"
            names.set(A__dual_example=[STEADY])
            stage.wait_for_status(lambda s: s["instances"] and warning_of(s) == "")
            talk.wait_until_all_is_measured(lambda: rows_to(stage, "dual.example"))
            # It fails for the other one: this one is followed meanwhile.
            names.set(AAAA__dual_example=None, A__dual_example=[MOVING % 1])
            stage.wait_for_status(lambda s: warning_of(s).startswith(cannot_be_looked_up("IPv6")))
            call_until_measured(stage, MOVING % 1, "dual.example")
            names.set(AAAA__dual_example=False, A__dual_example=[MOVING % 2])
            call_until_measured(stage, MOVING % 2, "dual.example")
            assert warning_of(stage.status()).startswith(cannot_be_looked_up("IPv6"))
            # What is not there any more goes, and is no failure.
            names.set(AAAA__dual_example=[])
            stage.wait_for_status(lambda s: s["instances"] and warning_of(s) == "")
            assert stage.read(LOG).count("does not resolve") == 2


def test_a_listener_by_its_name_stays_where_it_is(stage, names):
    """When the name server fails for the family of its address, and when it fails altogether."""
    address = "127.8.0.1"
    names.set(statsd_example=[address, V6])
    with Listener(stage, address) as listener:
        with supervised(stage, TO_PEERS.format(ip="statsd.example", port=listener.port, more=", resolve_interval: 1")):
            talk(stage, 100)
            wait_until(listener.datagrams)
            for trouble in ({"A__statsd_example": None}, {"statsd_example": None}):
                names.set(**trouble)
                names.wait_for_questions("udp A statsd.example", 4)
                before = len(listener.datagrams())
                wait_until(lambda: len(listener.datagrams()) > before + 3, what=lambda: stage.read(LOG))
            assert stage.status()["helper"]["state"] == "capturing" and "cannot be reached" not in stage.read(LOG)


def test_a_name_in_the_hosts_file_waits_for_no_name_server(stage):
    """Which would be asked for the family that the file has not."""
    use_name_server(stage, "timeout:%d attempts:1" % HANG_S)
    stage.write("/etc/hosts", "127.0.0.1 localhost\n%s here.example\n" % STEADY)
    with name_server(stage) as names:
        names.set(here_example=False)
        with supervised(stage, CONFIGURATION % "here.example"):
            promptly(call_until_measured, stage, STEADY, "here.example")
            stage.write("/etc/hosts", "127.0.0.1 localhost\n%s here.example\n" % (MOVING % 1))
            promptly(call_until_measured, stage, MOVING % 1, "here.example")
            assert warning_of(stage.status()) == "" and "here.example" not in names.process.out


def test_what_fails_at_the_start_is_asked_for_again_soon(stage, names):
    """A helper comes up before its resolver, or beside it: nobody waits for resolve_interval then."""
    reverse = "1.0.5.127.in-addr.arpa"
    names.set(**{"dual.example": [STEADY, V6], "A dual.example": None, reverse: None})
    text = (CONFIGURATION % "dual.example" + "    ips: [127.5.0.1]\n").replace("resolve_interval: 1", "resolve_interval: 600")
    with supervised(stage, text):
        names.process.wait_for_output("PTR " + reverse)
        names.process.wait_for_output("A dual.example")
        stage.wait_for_publications(2)
        assert warning_of(stage.status()) == "", "nothing that was known is missing, and an address needs no name"
        names.set(**{"A dual.example": [STEADY], reverse: "five.example."})
        began = time.monotonic()
        call_until_measured(stage, STEADY, "dual.example")
        call_until_measured(stage, "127.5.0.1", "five.example")
        assert time.monotonic() - began < 25


def test_reverse_names_that_are_wanted_again(stage, names):
    names.set(**{"1.0.5.127.in-addr.arpa": "five.example."})
    text = (CONFIGURATION.replace("hosts: [%s]", "ips: [127.5.0.1]")).replace("resolve_interval: 1", "resolve_interval: 600%s")
    with supervised(stage, text % ""):
        call_until_measured(stage, "127.5.0.1", "five.example")
        stage.configure(text % ", resolve_names: false")
        call_until_measured(stage, "127.5.0.1", "127.5.0.1")
        stage.configure(text % "")
        call_until_measured(stage, "127.5.0.1", "five.example")


def test_another_configuration_of_the_resolver_is_followed(stage):
    """Also where the C library does not look again, as before glibc 2.26; no-reload makes this one so. Each thread has read the old
    one, as three names and an address are looked up side by side."""
    hosts = ["one.example", "two.example", "three.example"]
    use_name_server(stage, "timeout:1 attempts:1 no-reload", address=NOBODY)
    with name_server(stage) as names, stage.start(PYTHON3, "-c", KEEP_SILENT, NOBODY) as silent:
        silent.wait_for_output("ready")
        names.set(**{name: [MOVING % n] for n, name in enumerate(hosts, 1)}, **{"1.0.5.127.in-addr.arpa": "five.example."})
        with supervised(stage, CONFIGURATION % ", ".join(hosts) + "    ips: [127.5.0.1]\n"):
            stage.wait_for_status(lambda s: warning_of(s).startswith("3 hosts do not resolve"))
            assert ".example" not in names.process.out
            use_name_server(stage)
            stage.wait_for_status(lambda s: s["instances"] and warning_of(s) == "")
            for n, name in enumerate(hosts, 1):
                call_until_measured(stage, MOVING % n, name)
            call_until_measured(stage, "127.5.0.1", "five.example")
            names.wait_for_questions("udp A one.example", 4)
            assert stage.read(LOG).count("does not resolve") == len(hosts), "not any more, by whichever thread"


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


def test_no_two_rows_have_the_same_tags(stage, names):
    """Hosts of one name are one row, and an address with a host's name, or with that of the row of all others, goes without."""
    names.set(**{"db1_example": ["127.5.0.2", "127.5.0.1"], "other": ["127.5.0.5"], "1.0.5.127.in-addr.arpa": "db1.example.",
                 "3.0.5.127.in-addr.arpa": "DB1.example.", "4.0.5.127.in-addr.arpa": "other."})
    text = CONFIGURATION % "db1.example, DB1.example, other" + "    ips: [127.5.0.1, 127.5.0.3, 127.5.0.4]\n"
    peers = ["127.5.0.%d" % n for n in range(1, 6)]
    with supervised(stage, text):
        names.wait_for_questions("PTR 4.0.5.127.in-addr.arpa", 2)
        call_until_measured(stage, peers[1], "db1.example")
        call(stage, *peers)
        stage.wait_for_status(lambda s: len(s["peers"]) == len(peers))
        named = sorted(row["dst"] for row in stage.status()["peers"])
        assert named == ["127.5.0.1", "127.5.0.3", "127.5.0.4", "127.5.0.5", "db1.example"]
        for python in (2, 3):
            call(stage, *peers)
            stage.wait_for_publications(1)
            gauges = [(metric[0], sorted(metric[2])) for metric in stage.check(python).run["metrics"]]
            assert len(gauges) == 3 * len(peers) and all(gauges.count(gauge) == 1 for gauge in gauges), gauges


def test_names_where_all_peers_are_measured(stage, names):
    """Who is listed is shown under its name, and the kernel lets everyone through before it is resolved and after."""
    names.set(**{"1.0.5.127.in-addr.arpa": "five.example."})
    text = CONFIGURATION % "db.example, gone.example" + "    ips: [127.5.0.1]\n    all_peers: true\n"
    with supervised(stage, text):
        stage.wait_for_status(lambda s: "2 hosts do not resolve" in warning_of(s))
        call_until_measured(stage, "127.2.0.1", "127.2.0.1")
        names.set(db_example=[MOVING % 1, MOVING % 2])
        call_until_measured(stage, MOVING % 1, "db.example")
        before = samples_of(stage, "db.example")
        call(stage, MOVING % 2, "127.2.0.1", "127.2.0.2", "127.5.0.1")
        stage.wait_for_status(lambda s: {"db.example", "five.example", "127.2.0.2"} <= {row["dst"] for row in s["peers"]})
        assert samples_of(stage, "db.example") == before + 2 and len(rows_to(stage, "db.example")) == 1
        assert not rows_to(stage, MOVING % 2) and not rows_to(stage, "127.5.0.1")
        check = stage.check()
        assert check.gauges(dst="db.example") and "the host 'gone.example' does not resolve" in check.warnings[0]
        assert "all TCP" not in stage.read(LOG), "there is no whitelist for the kernel"


def capabilities(stage, pid):
    """CapPrm and CapEff of each thread."""
    tasks = stage.run("sh", "-c", "cd /proc/%d/task && for task in *; do grep -E '^Cap(Eff|Prm)' $task/status; done" % pid)
    values = [int(line.split()[1], 16) for line in tasks.splitlines()]
    return list(zip(values[::2], values[1::2]))


@contextlib.contextmanager
def followed(stage, dst):
    """What FOLLOW has seen is in the list in the end."""
    seen, end = [], "/opt/end"
    with stage.start(PYTHON3, "-c", FOLLOW, BUILD / "python3", SEGMENT, dst, end, user=USER) as follower:
        yield seen
        stage.write(end, "")
        assert follower.wait() == 0, follower.err
        seen += json.loads(follower.out)


def assert_no_gap(seen, least_s):
    """A publication every second, each with new round trips."""
    assert seen[-1][0] - seen[0][0] > least_s
    for before, now in zip(seen, seen[1:]):
        assert now[0] - before[0] < 1.8, (before, now)
        assert now[1] > before[1] or now[0] - before[0] < 0.5, (before, now)  # what a reload changed is published at once


def promptly(act, *arguments):
    """Where a hang would be far longer, and supervisord kills after 10 s."""
    began = time.monotonic()
    act(*arguments)
    assert time.monotonic() - began < 5, act


def reload(stage, pid, text):
    before = stage.read(LOG).count("SIGHUP: reading")
    stage.configure(text)
    stage.kill("HUP", pid)
    wait_until(lambda: stage.read(LOG).count("SIGHUP: reading") > before, what=lambda: stage.read(LOG))
    wait_until(lambda: len(stage.status()["instances"]) == text.count("interface:"), what=lambda: stage.status())


def test_a_resolver_that_hangs_stops_nothing(stage):
    """To the end of its 30 s: what is measured is published every second, other names follow, and reloads and the end are prompt."""
    use_name_server(stage, "timeout:%d attempts:1" % HANG_S)
    text = CONFIGURATION % "silent.example, moving.example, mute.example" + "    ips: [%s]\n" % STEADY
    with name_server(stage) as names:
        names.set(silent_example=False, mute_example=False, moving_example=[MOVING % 1])
        with supervised(stage, text) as supervisor, conversation(stage, stage, STEADY) as talk:
            names.process.wait_for_output("A silent.example at ")
            asked = float(re.search(r"A silent\.example at (\d+\.\d+)", names.process.out)[1])
            pid, turns, warnings = supervisor.state()[1], 0, set()
            stage.wait_for_status(lambda s: s["peers"] and s["peers"][0]["samples"] > 20)
            # The threads that hang have no right at all, and the one that measures none that is in force.
            threads = capabilities(stage, pid)
            assert set(threads) == {(0, 0), (1 << 13, 0)} and threads.count((1 << 13, 0)) == 1, threads
            with followed(stage, STEADY) as seen:
                while "does not resolve" not in stage.read(LOG):
                    assert time.monotonic() - asked < 2 * HANG_S
                    turns += 1
                    names.set(moving_example=[MOVING % turns])
                    call_until_measured(stage, MOVING % turns, "moving.example")
                    promptly(reload, stage, pid, text + "  - {interface: lo, ips: [127.9.9.9]}\n" * (turns % 2))
                    warnings.add(warning_of(stage.status()))
            assert time.monotonic() - asked > HANG_S - 2 and turns >= 4, turns
            assert "host 'silent.example' does not resolve: Temporary failure in name resolution" in stage.read(LOG)
            assert names.process.out.count("udp A silent.example") <= 2, "it is not asked again meanwhile"
            assert "" in warnings and any("'silent.example' the first (no answer yet)" in warning for warning in warnings), warnings
            talk.wait_until_all_is_measured(lambda: rows_to(stage, STEADY))
            wait_until(lambda: names.process.out.count("udp A silent.example") == 2, what="that it hangs again")
            promptly(supervisor.control, "stop", "datadog-agent:go-metro")
            helper = stage.status()["helper"]
            assert (helper["state"], helper["error"]) == ("stopped", "stopped on request")
            assert supervisor.state()[0] == "STOPPED" and "SIGTERM: stopping" in stage.read(LOG)
    assert_no_gap(seen, HANG_S - 8)


THOUSANDS = 4000
CROWD = {"host%d.example" % n: "127.%d.%d.9" % (20 + n // 250, n % 250) for n in range(THOUSANDS)}


def own_cpu_s(stage, pid):
    """CPU time of the helper's first thread, which does all but looking up."""
    return int(stage.read("/proc/%d/task/%d/schedstat" % (pid, pid)).split()[0]) / 1e9


def test_thousands_of_names(stage):
    """Their answers come one by one for a second or more, and each makes the whitelist another one: following them costs little."""
    stage.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
    stage.write("/etc/hosts", "127.0.0.1 localhost\n" + "".join("%s %s\n" % (at, name) for name, at in CROWD.items()))
    with supervised(stage, CONFIGURATION.replace("resolve_interval: 1", "resolve_interval: 600") % ", ".join(CROWD)):
        pid = stage.wait_for_state("capturing")["helper"]["pid"]
        name, at = list(CROWD.items())[-1]
        call_until_measured(stage, at, name)
        assert own_cpu_s(stage, pid) < 1
