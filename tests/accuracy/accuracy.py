#!/usr/bin/env python3
"""`make accuracy`: our round trips beside the truth of simulated captures, tcptrace, tshark and the kernel.

    accuracy.py [--captures DIR] [--flows N] [--scenario NAME]... [--no-kernel] [--write FILE]

--captures  a folder of captures to compare on besides
--flows     of each scenario (its own number)
--write     the tables go into this document as well, between its marks

Prints Markdown tables. Exit status 1 when a goal is missed, which the last lines name."""

import argparse
import collections
import pathlib
import sys
import tempfile

import compare
import kernel
import references

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from documents import conclude, present, table  # noqa: E402

LARGE = 1000000  # packets; a capture with more is given to the references in parts
PARTS = 64
# What must be found of the round trips that there are, and how far a mean may be off, by what the name begins with (the first that
# fits); what is taken must never be wrong, nor a minimum below the truth.
GOALS = (
    ("loss", 0.99, 0.01),
    ("standstill", 0.99, None),      # what was in flight when the timer ran out too early is ambiguous, and was slow
    ("reorder-plain", 0.85, 0.01),   # without SACK it is not known what the peer holds
    ("reorder-tso", 0.85, 0.03),     # nor which piece of a burst is late
    ("reorder", 0.99, 0.01),
    ("", 1.0, 0.01),
)
REASONS = """\
Reasons for what differs:

- *told*: a segment that was sent more than once, and TCP timestamps say which transmission was answered. tshark times it from the
  first one, tcptrace not at all.
- *unseen*: the peer's first answer was lost or overtaken on its way back, so that a later one ended the round trip. Nobody beside
  this host can know; tcptrace and tshark take them as well.
- *hole*: round trips of tcptrace's that waited for an older segment which was late: it sees that only by a retransmission, we by
  the duplicate ACKs and SACK blocks too.
- *only ours*: besides *told*, a segment that an earlier ACK had reached into (TSO) and one behind an older segment that was sent
  again needlessly give tcptrace nothing.
- After a hole a peer without SACK leaves it open which segments it holds, and a burst that the interface cuts which of its pieces:
  what may have waited gives no sample. That is what is not found under `loss-timestamps`, `loss-plain`, `loss-tso`,
  `reorder-plain` and `reorder-tso`.
- When a path stands still and the retransmission timer runs out too early, all that was in flight is sent again. Timestamps tell the
  first of it; what lies behind is ambiguous, and it was slow: that is the mean under `standstill`.
- tcptrace counts FIN; here it is left out. It cuts a segment in two at each quarter of the sequence space; the parts count once.
"""


def percent(part, whole):
    """Rounded down, so that 100.00 means all."""
    return "%.2f %%" % (part * 10000 // whole / 100) if whole else "-"


class Comparison:
    """One capture through every program."""

    def __init__(self, name, capture, local=None, truth=None):
        self.name = name
        self.samples = list(references.ours(capture, local))
        packets, theirs = self.ask(capture, local)
        self.packets = len(packets)
        self.truth = compare.against_truth(self.samples, truth) if truth else None
        self.tcptrace = compare.against_tcptrace(self.samples, theirs, packets)
        self.tshark = compare.against_tshark(self.samples, packets)
        self.verdicts = {(row.flow, row.end, row.time_ns): row.verdict for row in truth or ()}
        by_start = {(row.flow, row.start): row.verdict for row in truth or ()}
        self.only_theirs = collections.Counter(by_start.get(key, "unknown") for key in self.tcptrace.only_theirs)

    @staticmethod
    def ask(capture, local):
        """What tshark and tcptrace say."""
        rows = references.our_rows(capture, local)
        if rows[1]["packets"] <= LARGE:
            packets, theirs = list(references.tshark(capture)), list(references.tcptrace(capture))
        else:
            with references.split_by_flow(capture, PARTS) as paths:
                packets = [packet for path in paths for packet in references.tshark(path)]
                theirs = [key for path in paths for key in references.tcptrace(path)]
        return packets, [key for key in theirs if local is None or key[0][0] == local]

    def misses(self):
        """What of the goals is not reached."""
        found = self.misses_of_truth() if self.truth is not None else {}  # of others' captures nobody knows the truth
        return ["%s: %s" % (self.name, text) for text, is_missed in found.items() if is_missed]

    def misses_of_truth(self):
        truth = self.truth
        _, least, mean_off = next(goal for goal in GOALS if self.name.startswith(goal[0]))
        off = [pair for pair in self.tshark.off if self.verdict_of(pair[0]) == "clean"]
        return {
            "%d samples are wrong" % len(truth.wrong): truth.wrong,
            "fewer than %g %% of the round trips are found" % (100 * least): truth.found < least * truth.clean,
            "tcptrace has round trips that are missing": least == 1 and self.tcptrace.only_theirs,
            "a mean is too far off": mean_off is not None and truth.mean_off > mean_off,
            "a minimum is below the truth": truth.below,
            "%d values differ from tshark's" % len(off): off,
        }

    def verdict_of(self, sample):
        return self.verdicts.get((sample.flow, sample.end, sample.time_ns))


def truth_table(comparisons):
    titles = ["capture", "packets", "round trips", "found", "told", "unseen", "wrong", "mean off", "with unseen", "min below"]
    rows = []
    for comparison in comparisons:
        truth = comparison.truth
        rows.append(["`%s`" % comparison.name, comparison.packets, truth.clean, percent(truth.found, truth.clean), truth.told,
                     truth.unseen, len(truth.wrong), "%.2f %%" % (100 * truth.mean_off), "%.2f %%" % (100 * truth.mean_off_all),
                     len(truth.below)])
    return table(titles, rows)


def reference_table(comparisons):
    titles = ["capture", "ours", "tcptrace", "both", "only tcptrace", "of these hole", "only ours", "tshark too", "> 1 us apart"]
    rows = [["`%s`" % c.name, len(c.samples), c.tcptrace.theirs, c.tcptrace.both, len(c.tcptrace.only_theirs),
             c.only_theirs["hole"] if c.truth else "-", len(c.tcptrace.only_ours), c.tshark.both, len(c.tshark.off)]
            for c in comparisons]
    return table(titles, rows)


def simulated(names, flows):
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            capture, truth_path = references.simulate(name, folder, flows)
            truth = list(references.read_truth(truth_path))
            yield Comparison(name, capture, truth[0].flow[0], truth)
            capture.unlink()


def found_captures(folder):
    for path in sorted(pathlib.Path(folder).iterdir()):
        if path.suffix in (".pcap", ".pcapng", ".cap"):
            yield Comparison(path.name, path)


def progress(text):
    print("accuracy: %s" % text, file=sys.stderr, flush=True)


def said(comparisons):
    """The comparisons, each said as it is done."""
    for comparison in comparisons:
        progress("%s: %d packets" % (comparison.name, comparison.packets))
        yield comparison


def main():
    parser = argparse.ArgumentParser(description="accuracy of the round trips")
    parser.add_argument("--captures")
    parser.add_argument("--flows", type=int, default=0)
    parser.add_argument("--scenario", action="append")
    parser.add_argument("--no-kernel", action="store_true")
    parser.add_argument("--write", type=pathlib.Path)
    arguments = parser.parse_args()
    about = dict(references.scenarios())
    names = arguments.scenario or list(about)

    results = list(said(simulated(names, arguments.flows)))
    foreign = list(said(found_captures(arguments.captures))) if arguments.captures else []
    misses = [miss for comparison in results + foreign for miss in comparison.misses()]
    sections = [
        ("scenarios", table(["capture", "what"], [["`%s`" % name, about[name]] for name in names])),
        ("truth", truth_table(results)),
        ("references", reference_table(results + foreign) + [""] + REASONS.rstrip().splitlines()),
    ]
    if not arguments.no_kernel:
        lines, missed = kernel.compare_all(progress)
        sections.append(("kernel", lines))
        misses += missed
    present(sections, "accuracy", arguments.write)
    return conclude(misses)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except references.MissingTool as error:
        sys.exit("accuracy: %s" % error)
