"""-f: what the filter of the command line leaves out is dropped by the kernel, and go-metro never sees it."""

from conversation import conversation, rows_to
from processes import only_child
from supervision import supervised
from usage import watch

PEER = "127.4.0.1"
TEXT = """
init_config: {resolve_names: false}
instances:
  - {interface: lo, ips: [%s], group_by: peer_port}
""" % PEER
IN, OUT = 5000, 5001  # ports


def counters(stage):
    instance, = stage.status()["instances"]
    return {name: instance[name] for name in ("received", "tcp", "flows", "ignored")}


def ports(stage):
    return sorted(row["dst_port"] for row in rows_to(stage, PEER))


def test_the_kernel_drops_what_the_filter_leaves_out(stage):
    with supervised(stage, TEXT, arguments=' -f="tcp port %d"' % IN) as supervisor:
        pid = only_child(supervisor.target())
        with conversation(stage, stage, PEER, OUT) as left_out, conversation(stage, stage, "127.4.0.2", IN) as unwanted:
            used = watch(pid, 3)
            assert used.wakes <= 2 * 3, "but for its timer nothing woke it: %s" % (used,)
            stage.wait_for_publications(2)
            assert counters(stage) == {"received": 0, "tcp": 0, "flows": 0, "ignored": {}}
            assert unwanted.finish()["exchanges"] > 100, "the whitelist holds beside it"
            with conversation(stage, stage, PEER, IN) as taken:
                assert watch(pid, 2).wakes > 5, "what it does not leave out does"
                taken.wait_until_all_is_measured(lambda: rows_to(stage, PEER))
            assert left_out.finish()["exchanges"] > 300
        assert ports(stage) == [IN]
        seen = counters(stage)
        # A request and an answer each, the handshake and the end; the kernel may let pass an ACK without data or drop it.
        trips = taken.round_trips()
        assert seen["flows"] == 1 and 2 * trips <= seen["received"] <= 3 * trips + 10, (seen, trips)


def test_without_it_both_ports_are_measured(stage):
    with supervised(stage, TEXT), conversation(stage, stage, PEER, OUT) as one, conversation(stage, stage, PEER, IN) as other:
        stage.wait_for_status(lambda s: len(s["peers"]) == 2 and all(p["samples"] > 50 for p in s["peers"]))
        assert ports(stage) == [IN, OUT]
        for talk, port in ((one, OUT), (other, IN)):
            talk.wait_until_all_is_measured(lambda number=port: rows_to(stage, PEER, dst_port=number))
