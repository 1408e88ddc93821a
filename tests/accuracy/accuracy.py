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

LARGE = 1000000  # packets; a capture with more is given to the references in parts
PARTS = 64
MARK = "<!-- make accuracy: %s -->"
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
- After a hole a peer without SACK leaves it open which segments it holds: what may have waited gives no sample. That is what is
  not found under `loss-timestamps`, `loss-plain` and `reorder-plain`.
- tcptrace counts FIN; here it is left out. It cuts a segment in two at each quarter of the sequence space; the parts count once.
"""


def table(titles, rows):
    """Lines of a Markdown table, also good to read as text: the first column to the left, the others to the right."""
    cells = [titles] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in cells) for n in range(len(titles))]
    lines = ["| " + " | ".join(cell.rjust(width) if n else cell.ljust(width) for n, (cell, width) in enumerate(zip(row, widths)))
             + " |" for row in cells]
    rule = "|" + "|".join(("-" * (width + 1) + ":") if n else ("-" * (width + 2)) for n, width in enumerate(widths)) + "|"
    return [lines[0], rule] + lines[1:]


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
        verdicts = {(row.flow, row.start): row.verdict for row in truth or ()}
        self.only_theirs = collections.Counter(verdicts.get(key, "unknown") for key in self.tcptrace.only_theirs)

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

    @property
    def is_lossless(self):
        return not self.name.startswith(("loss", "reorder"))

    def misses(self):
        """What of the goals is not reached."""
        truth = self.truth
        if truth is None:
            return ["%s: %d samples of tcptrace are missing" % (self.name, len(self.tcptrace.only_theirs))] \
                if self.tcptrace.only_theirs else []
        found = {
            "%d samples are wrong" % len(truth.wrong): truth.wrong,
            "not every round trip without loss is found": self.is_lossless and truth.found < truth.clean,
            "tcptrace has round trips without loss that are missing": self.is_lossless and self.tcptrace.only_theirs,
            "less than 99 % of the round trips are found": self.name.startswith("loss") and truth.found < 0.99 * truth.clean,
            "a mean is more than 1 % off": truth.mean_off > 0.01,
            "a minimum is below the truth": truth.below,
            "values differ from tshark's": len(self.tshark.off) > truth.told + truth.unseen,
        }
        return ["%s: %s" % (self.name, text) for text, is_missed in found.items() if is_missed]


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


def write_into(path, name, lines):
    """Replaces what stands between the document's marks of that name."""
    text = path.read_text(encoding="utf-8")
    begin, end = MARK % name, MARK % ("end of " + name)
    before, _, rest = text.partition(begin + "\n")
    _, _, after = rest.partition(end)
    path.write_text(before + begin + "\n" + "\n".join(lines) + "\n" + end + after, encoding="utf-8")


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
    for name, lines in sections:
        print("\n%s\n" % name)
        print("\n".join(lines))
        if arguments.write:
            write_into(arguments.write, name, lines)
    print()
    for miss in misses:
        print("MISSED: %s" % miss)
    if not misses:
        print("Every goal is reached.")
    return 1 if misses else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except references.MissingTool as error:
        sys.exit("accuracy: %s" % error)
