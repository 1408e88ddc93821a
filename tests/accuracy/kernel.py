"""Our statistics beside the kernel's own: TCP_INFO of the socket whose packets we saw, read when nothing is in flight.

Two network namespaces with a path between them, the real helper beside one of them, one request/response connection a row."""

import collections
import itertools
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "system")]
from documents import table  # noqa: E402
from network import Network, namespaces_allowed  # noqa: E402
from stage import Stage  # noqa: E402

CONFIGURATION = """
init_config: {}
instances:
  - interface: near0
    ips: [10.77.0.2, "fd77::2"]
    group_by: peer_port
"""
DELAYS = (("200us", 400), ("5ms", 200), ("50ms", 60))  # the path's round trip; exchanges
DISTURBED = (("5ms, 2 ms jitter", "5ms", {"jitter": "2ms"}), ("5ms, 2 % loss", "5ms", {"loss": 2, "seed": 7}))
TRIES = 3

# A path, a kind of connection, and what both say of it in us; retransmits: by the kernel.
Row = collections.namedtuple("Row", "path version timestamps avg srtt min min_rtt retransmits")


def allowed_us(theirs_us):
    return max(0.02 * theirs_us, 50)


def is_close(row):
    return abs(row.avg - row.srtt) <= allowed_us(row.srtt) and abs(row.min - row.min_rtt) <= allowed_us(row.min_rtt)


def measure(path, delay, count, disturbances=None):
    """A row for IPv4 and IPv6, with time stamps and without."""
    rows = []
    with Network(delay, **(disturbances or {})) as network, Stage(network.near) as stage:
        stage.configure(CONFIGURATION)
        with stage.helper():
            stage.wait_for_state("capturing")
            for port, (version, timestamps) in enumerate(itertools.product((4, 6), (True, False)), 5001):
                network.near.run("sh", "-c", "echo %d >/proc/sys/net/ipv4/tcp_timestamps" % timestamps)
                with network.serve(version, port):
                    theirs = network.exchange(version, port, count=count)
                peer = network.FAR[version]
                status = stage.wait_for_status(lambda s: ended(s["peers"], peer, port, count), what="the connection is done")
                ours = ended(status["peers"], peer, port, count)["rtt_ms"]
                rows.append(Row(path, version, timestamps, round(ours["avg"] * 1000), theirs["rtt_us"], round(ours["min"] * 1000),
                                theirs["min_rtt_us"], theirs["total_retrans"]))
    return rows


def ended(peers, peer, port, exchanges):
    """The row of that peer once the handshake and every request are accounted for."""
    for row in peers:
        accounted = row["samples"] + sum(row["skipped"].values())
        if (row["dst"], row.get("dst_port")) == (peer, port) and row["timed"] == accounted > exchanges:
            return row
    return None


def measured(path, delay, count, progress, disturbances=None):
    """The rows; of an undisturbed path measured again when they are not close, said aloud: a busy machine may stop one of the two
    between the packet and its clock."""
    for attempt in range(TRIES):
        rows = measure(path, delay, count, disturbances)
        progress("kernel: %s%s" % (path, "" if attempt == 0 else " again (%d)" % (attempt + 1)))
        if disturbances or all(map(is_close, rows)):
            break
    return [row._replace(path=row.path + " (try %d)" % (attempt + 1)) for row in rows] if attempt else rows


def lines_of(rows):
    titles = ["path", "IP", "time stamps", "avg", "tcpi_rtt", "apart", "min", "tcpi_min_rtt", "apart"]
    return table(titles, [[row.path, "v%d" % row.version, "on" if row.timestamps else "off", "%d us" % row.avg, "%d us" % row.srtt,
                           "%+d us" % (row.avg - row.srtt), "%d us" % row.min, "%d us" % row.min_rtt,
                           "%+d us" % (row.min - row.min_rtt)] for row in rows])


def compare_all(progress):
    """Markdown lines, and the goals that were missed."""
    reason = namespaces_allowed()
    if reason:
        return ["Left out: no network namespaces here (%s)." % reason], []
    steady = [row for path, count in DELAYS for row in measured(path, path, count, progress)]
    disturbed = [row for path, delay, options in DISTURBED for row in measured(path, delay, 200, progress, options)]
    misses = ["kernel: %s IPv%d: avg %d us, tcpi_rtt %d us; min %d us, tcpi_min_rtt %d us" % (
        row.path, row.version, row.avg, row.srtt, row.min, row.min_rtt) for row in steady if not is_close(row)]
    return lines_of(steady) + ["", "With jitter and loss, for comparison only:", ""] + lines_of(disturbed), misses
