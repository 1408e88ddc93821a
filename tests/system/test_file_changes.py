"""`interface: file`, when the file or what is asked of it becomes another one: under supervisord, the same process all the time."""

from processes import wait_until
from stage import LOG
from supervision import supervised
from test_file import FILE, ONE, YEARS_AGO, put, samples, trips, wait_for_trouble, wait_until_read
from test_read import PEER, pcap


def test_sighup_reads_what_changed_and_nothing_else(stage):
    put(stage, trips(10) + trips(4, peer="10.1.0.3", port=81))

    def reads():
        return stage.read(LOG).count(FILE + ": reading")

    with supervised(stage, ONE) as supervisor:
        before = wait_until_read(stage, 10)
        births = {row["birth"] for row in stage.segment()["rows"]}
        for number, text in enumerate([ONE, ONE.replace("from:file", "from:elsewhere"),
                                       ONE + "    promiscuous: true\n    sample: true\n    sample_duration: 3\n",
                                       ONE + "  - {interface: lo, all_peers: true}\n"], 1):
            stage.configure(text)
            stage.kill("HUP", supervisor.state()[1])
            wait_until(lambda n=number: stage.read(LOG).count("SIGHUP: reading") == n, what="SIGHUP %d" % number)
            stage.wait_for_publications(2)
            assert [p for p in stage.status()["peers"] if p["iface"] == "file"] == before["peers"]
        assert reads() == 1 and births <= {row["birth"] for row in stage.segment()["rows"]}
        stage.configure(ONE.replace("ips: [%s]" % PEER, "ips: [%s, 10.1.0.3]" % PEER))
        wait_until_read(stage, 14)
        assert reads() == 2
        stage.configure(ONE.replace("  - interface: file", "  - interface: file\n    group_by: subnet"))
        stage.wait_for_status(lambda s: [p["dst"] for p in s["peers"]] == ["10.1.0.0/24"] and s["peers"][0]["samples"] == 10)


def test_a_file_that_takes_its_place_is_read_anew(stage):
    put(stage, trips(10))
    with supervised(stage, ONE):
        wait_until_read(stage, 10)
        births = {row["birth"] for row in stage.segment()["rows"]}
        put(stage, trips(3, start=YEARS_AGO - 10**15))
        wait_until_read(stage, 3)
        assert not births & {row["birth"] for row in stage.segment()["rows"]}
        # The same inode, with more in it.
        data = pcap(trips(3) + trips(4, port=81, start=YEARS_AGO + 10**12))
        stage.path(FILE).write_bytes(data)
        wait_until_read(stage, 7)
        stage.run("rm", FILE)
        stage.wait_for_publications(4)
        assert wait_until_read(stage, 7)["helper"]["state"] == "capturing", "what was read may go"


def test_a_file_that_is_gone_answers_no_other_question(stage):
    """What was measured of it was for other peers: it is not shown under the configuration that is in force now."""
    put(stage, trips(10) + trips(4, peer="10.1.0.3", port=81))
    with supervised(stage, ONE) as supervisor:
        pid = supervisor.state()[1]
        wait_until_read(stage, 10)
        stage.run("mv", FILE, FILE + ".away")
        stage.configure(ONE.replace("from:file", "from:elsewhere"))
        wait_until(lambda: stage.read(LOG).count("is in force:") == 2, what="other tags")
        stage.wait_for_publications(2)
        assert wait_until_read(stage, 10)["helper"]["state"] == "capturing", "its peers are those that are wanted"
        stage.configure(ONE.replace("ips: [%s]" % PEER, "ips: [%s, 10.1.0.3]" % PEER))
        text = "it is gone, and what is asked of it has changed since it was read; put it there again"
        assert wait_for_trouble(stage, text)["peers"] == []
        for python in (2, 3):
            check = stage.check(python)
            assert (check.status, check.service_status) == ("ERROR", "CRITICAL") and text in check.service_message
            assert check.gauges() == {}
        assert stage.read(LOG).count(text) == 2, "what it is, and what the state is"
        stage.run("mv", FILE + ".away", FILE)
        assert {p["dst"]: p["samples"] for p in wait_until_read(stage, 14)["peers"]} == {PEER: 10, "10.1.0.3": 4}
        assert stage.check().service_status == "OK" and supervisor.state() == ("RUNNING", pid)


def test_a_name_that_comes_after_the_file_is_gone_takes_nothing_away(stage):
    """Who was measured is wanted still; who was passed over is told of."""
    stage.write("/etc/hosts", "127.0.0.1 localhost\n%s db.example\n" % PEER)
    put(stage, trips(5) + trips(3, peer="10.1.0.3", port=81))
    with supervised(stage, ONE.replace("ips: [%s]" % PEER, "hosts: [db.example, late.example]")):
        wait_until_read(stage, 5)
        stage.run("mv", FILE, FILE + ".away")
        stage.write("/etc/hosts", "127.0.0.1 localhost\n%s db.example\n10.1.0.3 late.example\n" % PEER)
        text = "names were resolved after it was read, and it is gone; put it there again to measure them"
        status = stage.wait_for_status(lambda s: text in s["instances"][0]["warning"], 40)
        assert [(p["dst"], p["samples"]) for p in status["peers"]] == [("db.example", 5)]
        assert status["instances"][0]["state"] == "stopped"
        check = stage.check()
        assert (check.status, check.service_status) == ("WARNING", "WARNING") and text in check.service_message
        stage.run("mv", FILE + ".away", FILE)
        status = wait_until_read(stage, 8)
        assert {p["dst"]: p["samples"] for p in status["peers"]} == {"db.example": 5, "late.example": 3}
        assert status["instances"][0]["warning"] == "" and stage.check().service_status == "OK"


def test_what_stands_in_the_way_is_named_and_waited_for(stage):
    """Missing, not for the helper's user, a folder, a FIFO, no capture, empty: each its own text, and each mended while it runs."""
    with supervised(stage, ONE, "failed") as supervisor:
        pid = supervisor.state()[1]
        wait_for_trouble(stage, "no such file; put the capture there or correct `pcap`")
        check = stage.check()
        assert (check.status, check.service_status) == ("ERROR", "CRITICAL") and "no such file" in check.service_message
        put(stage, trips(2), mode="600")
        wait_for_trouble(stage, "go-metro may not read it; make it readable")
        stage.run("chmod", "644", FILE)
        wait_until_read(stage, 2)
        for obstacle, text in (('mkdir "$1"', "a folder, not a capture file"), ('mkfifo "$1"', "a FIFO, not a capture file"),
                               ('echo "no capture" >"$1"', "put a whole capture there, or correct `pcap`"),
                               (': >"$1"', "not even a capture's header is in it; put a whole capture there, or correct `pcap`"),
                               ('echo capture | gzip >"$1"', "the file is compressed; unpack it (gunzip), or correct `pcap`")):
            stage.script('rm -rf "$1"; ' + obstacle, FILE)
            wait_for_trouble(stage, text)
            assert stage.check().service_status == "CRITICAL"
        stage.run("rm", FILE)
        put(stage, trips(3))
        wait_until_read(stage, 3)
        assert stage.check().service_status == "OK"
        assert supervisor.state() == ("RUNNING", pid)
        assert stage.read(LOG).count("may not read it") == 1, "each is logged once"
