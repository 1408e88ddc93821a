"""How the demo looks: 80 columns, colours on a terminal only."""

import os
import re
import sys

WIDTH = 78
BAR = 44
COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
STATES = {"OK": "green", "WARNING": "yellow", "ERROR": "red"}


class Screen:
    def __init__(self, stream=sys.stdout):
        self.stream = stream
        self.is_terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.colourful = self.is_terminal and "NO_COLOR" not in os.environ
        fancy = self.is_terminal and "utf" in (stream.encoding or "").lower()
        self.block, self.rule_sign, self.tick = ("\u2588", "\u2500", "\u2713") if fancy else ("#", "-", "*")

    def paint(self, colour, text):
        return "\033[%sm%s\033[0m" % (COLOURS[colour], text) if self.colourful else text

    def line(self, text=""):
        print(text, file=self.stream, flush=True)

    def rule(self, title=""):
        title = title and "%s " % title
        self.line(self.paint("cyan", title + self.rule_sign * (WIDTH - len(title))))

    def done(self, text):
        self.line("  %s %s" % (self.paint("green", self.tick), text))

    def note(self, text):
        self.line(self.paint("yellow", text))

    def info(self, text):
        """The Agent's own screen, with its states in colour."""
        def state(match):
            return "[%s]" % self.paint(STATES[match.group(1)], match.group(1))

        for line in text.rstrip().splitlines():
            self.line(re.sub(r"\[(OK|WARNING|ERROR)\]", state, line))

    def peers(self, peers):
        """The gauges of each peer, a line each, then its tags."""
        self.line(self.paint("bold", "    %-28s %12s %12s %12s" % ("system.net.tcp.", "rtt", "rtt.avg", "rtt.jitter")))
        for peer in peers:
            values = "".join(" %9.3f ms" % peer.gauges[name] if name in peer.gauges else " %12s" % "-"
                             for name in ("system.net.tcp.rtt", "system.net.tcp.rtt.avg", "system.net.tcp.rtt.jitter"))
            self.line("    %-28s%s" % (peer.title, values))
            self.line(self.paint("dim", "      " + " ".join(peer.tags)))

    def bars(self, rows, scale):
        """Labelled times in ms; a bar of full length is `scale`."""
        for label, value, colour in rows:
            bar = self.block * min(BAR, max(1, round(BAR * value / scale)))
            self.line("    %-14s %9.3f ms  %s" % (label, value, self.paint(colour, bar)))
