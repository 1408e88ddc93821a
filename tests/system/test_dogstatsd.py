"""submit_via: dogstatsd: what arrives at a listener is what the check would submit."""

import collections
import csv
import signal
import statistics
import time

import pytest

from dogstatsd import Listener
from network import Network
from processes import PYTHON3, REPOSITORY, SYSTEM, wait_until
from sending import PROGRAM_NAME, ROUND_S, RTT, SENDING, TO_PEERS, talk
from silence import quiet_helper
from stage import CONFIGURATION, LOG, Stage
from supervision import supervised

GAUGES = [RTT, RTT + ".avg", RTT + ".jitter"]
EXTENDED = [RTT + suffix for suffix in (".min", ".max", ".p50", ".p95", ".p99", ".handshake")]
COUNTS = [RTT + ".samples", RTT + ".retransmits"]
CHECKED = "/etc/dd-agent/conf.d/checked.yaml"


def wait_for_quiet_seconds():
    """Until rows that are born now are not sent for ten seconds to come: their births say when, and begin at 1."""
    wait_until(lambda: 8 <= time.clock_gettime(time.CLOCK_BOOTTIME) % ROUND_S < 20, ROUND_S + 5, interval=0.1)


def submitted(check):
    """What the check gave, as the listener's metrics are."""
    return {(name, kind, frozenset(tags)): value for name, value, tags, kind in check.run["metrics"]}


def received(metrics):
    return {(metric.name, metric.kind, metric.tags): metric.value for metric in metrics}


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "statsd.example"])
def test_what_is_sent_is_what_the_check_would_submit(ip):
    """Names, values to the last bit, tags and kinds; what is due is sent when the helper is stopped."""
    with Network("5ms") as network, Stage(network.near) as stage:
        stage.write("/etc/hosts", "127.0.0.1 localhost statsd.example\n10.77.0.2 far.example\n")
        text = SENDING + """
  - {{interface: near0, hosts: [far.example], ips: [fd77::2], tags: [role:db, "town:K\u00f6ln", blue], group_by: peer_port}}
  - {{interface: near0, ips: [10.77.0.0/24], group_by: subnet}}
"""
        with Listener(stage, "127.0.0.1" if "." in ip else ip) as listener:
            values = {"ip": ip, "port": listener.port, "more": ", extended_metrics: true"}
            stage.write(CHECKED, text.format(**values).replace("dogstatsd", "check"))
            with supervised(stage, text.format(**values)) as supervisor, network.serve(4), network.serve(6, 5001):
                wait_until(lambda: "sending to dogstatsd at" in stage.read(LOG), what="it is switched on")
                wait_for_quiet_seconds()
                for _ in range(2):
                    network.exchange(4, count=30)
                    network.exchange(6, 5001, count=30)
                stage.wait_for_status(lambda s: sum(p["samples"] for p in s["peers"]) == 6 * 31, what="all is published")
                check = stage.check(configuration=CHECKED)
                assert listener.datagrams() == []
                supervisor.control("stop", PROGRAM_NAME)
            listener.catch_up()
            metrics, datagrams = listener.metrics(), [text for _, text in listener.datagrams()]
    assert received(metrics) == submitted(check)
    assert len(metrics) == len(submitted(check)) >= 30, "three rows of nine gauges and of samples"
    names = {tag for metric in metrics for tag in metric.tags}
    assert {"dst:far.example", "dst:fd77::2", "dst:10.77.0.0/24", "src:10.77.0.1", "src:fd77::1", "iface:near0", "dst_port:5000",
            "dst_port:5001", "role:db", "town:K\u00f6ln", "blue"} == names
    assert all(len(text.encode()) <= 1432 for text in datagrams)
    assert max(text.count("\n") for text in datagrams) > 3, "several metrics in one datagram"


def documented():
    """Kind and unit of each metric, as the package tells the Agent's people."""
    with open(REPOSITORY / "metadata.csv", newline="", encoding="ascii") as table:
        return {row["metric_name"]: (row["metric_type"], row["unit_name"]) for row in csv.DictReader(table)}


def test_what_is_sent_is_in_milliseconds_and_has_the_names_and_tags_that_it_should():
    """By the clocks of those who know: the relay, which sets the delay and sees each packet twice, and the kernel."""
    with Network("20ms") as network, Stage(network.near) as stage, Listener(stage) as listener, network.serve():
        with supervised(stage, SENDING.format(ip="127.0.0.1", port=listener.port, more=", extended_metrics: true") + """
  - {interface: near0, ips: [10.77.0.2], tags: [role:db, blue], group_by: peer_port}
""") as supervisor:
            said = network.exchange(count=60)
            stage.wait_for_status(lambda s: sum(p["samples"] for p in s["peers"]) >= 61 - said["total_retrans"])
            supervisor.control("stop", PROGRAM_NAME)
        listener.catch_up()
        metrics, trips = listener.metrics(), [trip.ns / 1e6 for trip in network.relay_round_trips(4)]
    assert {metric.tags for metric in metrics} == {frozenset(
        {"src:10.77.0.1", "dst:10.77.0.2", "iface:near0", "dst_port:5000", "role:db", "blue"})}
    if said["total_retrans"] == 0:
        assert sorted(metric.name for metric in metrics) == sorted(GAUGES + EXTENDED + COUNTS[:1])
    assert set(documented()) == set(GAUGES + EXTENDED + COUNTS)
    assert all(documented()[metric.name][0] == metric.kind for metric in metrics)
    assert {documented()[metric.name][1] for metric in metrics if metric.kind == "gauge"} == {"millisecond"}
    value = {metric.name: metric.value for metric in metrics}
    near = 0.07 * 20 + 0.1  # a bucket's width, and what is between a packet at the relay and at the interface
    for name, theirs in ((RTT, trips[-1]), (RTT + ".min", min(trips)), (RTT + ".max", max(trips)), (RTT + ".handshake", trips[0]),
                         (RTT + ".p50", statistics.median(trips)), (RTT + ".avg", said["rtt_us"] / 1e3),
                         (RTT + ".p50", said["median_rtt_us"] / 1e3)):
        assert abs(value[name] - theirs) < near, (name, value[name], theirs)
    assert 20 <= value[RTT + ".min"] <= value[RTT + ".p50"] <= value[RTT + ".p95"] <= value[RTT + ".p99"] <= value[RTT + ".max"]
    assert 0 < value[RTT + ".jitter"] < 20 and value[RTT + ".samples"] in (len(trips), 61 - said["total_retrans"])


def test_each_row_is_sent_every_30_s_and_only_with_news(stage):
    with Listener(stage) as listener:
        with supervised(stage, TO_PEERS.format(ip="127.0.0.1", port=listener.port, more="")):
            traffic = talk(stage, 20)
            wait_until(lambda: len(listener.metrics()) >= 20 * 3 * 2, 2 * ROUND_S + 10, lambda: str(len(listener.metrics())))
            traffic.stop()
            stage.wait_for_publications(2)
            ended = time.monotonic()
            stage.run("sleep", ROUND_S + 2)
        metrics = listener.metrics()
    rows = collections.defaultdict(list)
    for metric in metrics:
        assert metric.kind == "gauge" and metric.name in GAUGES
        rows[metric.tags].append(metric)
    assert len(rows) == 20
    for row in rows.values():
        assert collections.Counter(metric.name for metric in row) in ({name: count for name in GAUGES} for count in (2, 3, 4))
        seconds = [metric.second for metric in row if metric.name == RTT and metric.second < ended]
        assert all(ROUND_S - 1.5 < later - earlier < ROUND_S + 1.5 for earlier, later in zip(seconds, seconds[1:])), seconds
        # Once more what was said until the end, and no more after that.
        assert sum(metric.second > ended for metric in row if metric.name == RTT) <= 1


def test_the_check_beside_it_submits_nothing_and_judges_all_the_same(stage):
    with Listener(stage) as listener:
        with supervised(stage, TO_PEERS.format(ip="127.0.0.1", port=listener.port, more="")):
            talk(stage, 2)
            stage.wait_for_status(lambda s: len(s["peers"]) == 2)
            for python in (2, 3):
                check = stage.check(python)
                assert (check.status, check.service_status, check.run["metrics"]) == ("OK", "OK", [])


# COUNT PAUSE ADDRESS...: a connection to each, that stays open, and so many round trips on each.
TALK_A_WHILE = """
import socket, sys, time
count, pause, ends = int(sys.argv[1]), float(sys.argv[2]), []
for address in sys.argv[3:]:
    listener = socket.create_server((address, 0))
    client = socket.create_connection(listener.getsockname(), source_address=("127.0.0.1", 0))
    ends.append((client, listener.accept()[0]))
for n in range(count):
    time.sleep(pause)
    for client, server in ends:
        client.sendall(b"x"); server.recv(1); server.sendall(b"y"); client.recv(1)
print("done", flush=True)
time.sleep(1000)
"""


def say(stage, count, pause, addresses):
    process = stage.start(PYTHON3, "-c", TALK_A_WHILE, count, pause, *addresses)
    stage.enter_context(process)
    process.wait_for_output("done", 60)


def counted(listener, name, part):
    """The sum of a count over all rows of an instance."""
    return sum(metric.value for metric in listener.metrics() if metric.name == RTT + name and part in metric.tags)


def test_what_was_sent_of_who_gave_way_is_not_sent_again_as_others(stage):
    """More peers than rows, of two instances: what all tags of an instance add up to is what was said, once."""
    idle, busy = ["127.8.0.%d" % n for n in range(1, 5)], ["127.%d.1.%d" % (net, n) for net in (8, 9) for n in range(1, 4)]
    with Listener(stage) as listener, supervised(stage, SENDING.format(
            ip="127.0.0.1", port=listener.port, more=", extended_metrics: true, max_peers: 4") + """
  - {interface: lo, ips: [127.8.0.0/16], tags: ["part:8"]}
  - {interface: lo, ips: [127.9.0.0/16], tags: ["part:9"]}
""") as supervisor:
        say(stage, 10, 0, idle)
        wait_until(lambda: counted(listener, ".samples", "part:8") == 4 * 11, ROUND_S + 10)
        say(stage, 3, 0, idle)  # what is not sent yet when they give way
        say(stage, 600, 0.02, busy)
        status = stage.wait_for_status(lambda s: not {peer["dst"] for peer in s["peers"]} & set(idle))
        assert {peer["dst"] for peer in status["peers"] if peer["dst"] in busy}
        supervisor.control("stop", PROGRAM_NAME)
        status = stage.wait_for_state("stopped")
        listener.catch_up()
        said = {"part:8": 4 * 11 + 4 * 4 + 3 * 601, "part:9": 3 * 601}
        sent = {part: counted(listener, ".samples", part) for part in said}
        # What was on its way when a row changed hands gives no round trip.
        assert all(said[part] - len(busy) <= sent[part] <= said[part] for part in said), (sent, said)
        assert sum(sent.values()) == sum(peer["samples"] for peer in status["peers"])
        assert sum(said.values()) == sum(peer["timed"] for peer in status["peers"])
        assert any({"dst:other", "part:8"} <= metric.tags for metric in listener.metrics())


def test_what_was_counted_before_a_reload_is_sent_with_the_tags_of_then(stage):
    """Other tags, and rows that all begin anew: nothing is missing, and nothing is counted as what came later."""
    peers = ["127.1.0.%d" % n for n in range(1, 5)]
    with Listener(stage) as listener:
        text = TO_PEERS.format(ip="127.0.0.1", port=listener.port, more=", extended_metrics: true")
        with supervised(stage, text) as supervisor:
            wait_for_quiet_seconds()
            say(stage, 10, 0, peers)
            stage.wait_for_status(lambda s: sum(peer["samples"] for peer in s["peers"]) == 4 * 11)
            configure(supervisor, text.replace("role:db", "role:web").replace("true", "true, max_flows: 5000"))
            listener.catch_up()
            assert counted(listener, ".samples", "role:db") == 4 * 11
            say(stage, 5, 0, peers)
            supervisor.control("stop", PROGRAM_NAME)
        listener.catch_up()
        assert (counted(listener, ".samples", "role:db"), counted(listener, ".samples", "role:web")) == (4 * 11, 4 * 6)


@pytest.mark.parametrize("then", ["submit_via: check, extended_metrics: true", "submit_via: dogstatsd"])
def test_what_was_counted_until_it_is_not_sent_any_more_is_sent(stage, then):
    """Sending as a whole, or the counts: what was said until then arrives once, also when a listener's buffer would not hold it all
    at once; and of what is said until they are sent again nothing does."""
    peers = ["127.1.%d.1" % n for n in range(1, 250)]
    now = "submit_via: dogstatsd, extended_metrics: true"
    with Listener(stage) as listener:
        text = TO_PEERS.format(ip="127.0.0.1", port=listener.port, more="")
        with supervised(stage, text.replace("submit_via: dogstatsd", now)) as supervisor:
            wait_for_quiet_seconds()
            say(stage, 10, 0, peers)
            stage.wait_for_status(lambda s: sum(peer["samples"] for peer in s["peers"]) == len(peers) * 11)
            configure(supervisor, text.replace("submit_via: dogstatsd", then))
            wait_until(lambda: counted(listener, ".samples", "role:db") == len(peers) * 11, 5, lambda: str(len(listener.metrics())))
            if "check" in then:
                wait_until(lambda: "nothing is sent to dogstatsd any more" in stage.read(LOG), 5)
                say(stage, 5, 0, peers)
                stage.wait_for_publications(2)
            configure(supervisor, text.replace("submit_via: dogstatsd", now))
            say(stage, 3, 0, peers[:4])
            supervisor.control("stop", PROGRAM_NAME)
        listener.catch_up()
        assert counted(listener, ".samples", "role:db") == len(peers) * 11 + 4 * 4


def test_a_reload_turns_it_on_and_elsewhere_and_off(stage):
    with Listener(stage) as one, Listener(stage) as other:
        text = TO_PEERS.format(ip="127.0.0.1", port=one.port, more="")
        with supervised(stage, text.replace("dogstatsd", "check")) as supervisor:
            talk(stage, 60)
            stage.wait_for_publications(3)
            assert one.datagrams() == []
            configure(supervisor, text)
            wait_until(lambda: len({m.tags for m in one.metrics()}) > 5)
            configure(supervisor, text.replace(str(one.port), str(other.port)))
            count = len(one.datagrams())
            wait_until(lambda: len({m.tags for m in other.metrics()}) > 5)
            assert len(one.datagrams()) == count
            configure(supervisor, text.replace("dogstatsd", "check"))
            count = len(other.datagrams())
            stage.wait_for_publications(5)
            assert len(other.datagrams()) == count
            assert len(stage.check().gauges(iface="lo", dst="127.1.0.7")) == 3
            assert "nothing is sent to dogstatsd any more" in stage.read(LOG)


def configure(supervisor, text):
    """And waits until it is in force."""
    stage = supervisor.stage
    before = stage.read(LOG).count("is in force")
    stage.write(CONFIGURATION, text)
    stage.kill("HUP", supervisor.state()[1])
    wait_until(lambda: stage.read(LOG).count("is in force") > before, what=lambda: stage.read(LOG))
    stage.wait_for_publications(2)


def test_what_cannot_stand_in_a_tag_is_replaced_and_what_is_too_long_is_left_out(stage):
    with Listener(stage) as listener:
        with supervised(stage, SENDING.format(ip="127.0.0.1", port=listener.port, more="") + """
  - {interface: lo, ips: [127.1.0.0/16], tags: ["a|b,c#d"]}
  - {interface: any, ips: [127.1.0.0/16], tags: [%s]}
""" % ", ".join("x%d%s" % (n, 900 * "x") for n in (1, 2))):
            talk(stage, 3)
            wait_until(lambda: len({m.tags for m in listener.metrics()}) == 3, ROUND_S + 10)
            assert all("a_b_c_d" in metric.tags for metric in listener.metrics())
            status = stage.wait_for_state("degraded", "longer than a datagram", timeout=ROUND_S + 10)
            assert "shorten `tags`" in status["helper"]["error"]
            assert "lo: bars, commas and number signs in its tags are sent as underscores" in stage.read(LOG)


PEERS = 10000


def test_ten_thousand_peers_are_spread_over_the_30_s():
    """Nothing of it is lost, neither packets nor datagrams."""
    # Were the listener off its processor for a while, that would be another test's matter.
    with quiet_helper(1) as (stage, helper), Listener(stage, "127.0.0.1", 8125, 8 << 20) as listener:
        stage.configure(stage.read(CONFIGURATION).replace("{}", "{submit_via: dogstatsd, resolve_names: false}"))
        helper.signal(signal.SIGHUP)
        wait_until(lambda: stage.read(LOG).count("is in force") == 2, what=lambda: stage.read(LOG))
        stage.wait_for_publications(2)
        sent = int(stage.run(PYTHON3, SYSTEM / "handshakes.py", "veth0", "10.9.0.1", PEERS, 5, timeout=120))
        status = stage.wait_for_status(lambda s: s["instances"][0]["received"] >= sent, what="%d frames" % sent)
        wait_until(lambda: len(listener.datagrams()) > 0, ROUND_S)
        stage.run("sleep", ROUND_S + 3)
        metrics, seconds = listener.metrics(), collections.Counter(int(second) for second, _ in listener.datagrams())
        assert status["instances"][0]["dropped"] == 0 and stage.status()["helper"]["error"] == ""
    rows = collections.Counter(metric.tags for metric in metrics)
    assert len(rows) == PEERS and all(count % 3 == 0 for count in rows.values())
    assert max(seconds.values()) < 250, "of some 2,000 in all"
