"""A terminal with a program on it, as tmux shows it: another's emulator, for what draws by means of curses."""

import os
import pathlib
import shlex
import tempfile

from processes import PREFIX, Process, run, wait_until

# What is before the program and after it: how the terminal was and is, in files, and what the program said at its end.
SHELL = """
stty -g >"$0/before"
echo before
"$@"
echo "status $?"
stty -g >"$0/after"
while :; do sleep 3600; done
"""


class Emulator(Process):
    """The command on a screen of so many columns and lines. `folder` has the terminal's modes from before and after it."""

    ENVIRONMENT = {"TERM": "tmux-256color", "LC_ALL": "C.UTF-8"}

    def __init__(self, arguments, width=80, height=24, shell=SHELL, **environment):
        self.place = tempfile.TemporaryDirectory(prefix=PREFIX)
        self.modes = pathlib.Path(self.place.name)
        self.socket = str(self.modes / "socket")
        super().__init__(["env", "-u", "TMUX", "LC_ALL=C.UTF-8", "tmux", "-u", "-S", self.socket, "-f", "/dev/null", "-D"])
        variables = ["%s=%s" % item for item in dict(self.ENVIRONMENT, **environment).items()]
        try:
            wait_until(lambda: os.path.exists(self.socket), what="tmux")
            self.tmux("set-option", "-g", "status", "off", ";", "new-session", "-d", "-x", str(width), "-y", str(height),
                      shlex.join(["env", "-u", "NO_COLOR"] + variables + ["bash", "-c", shell, str(self.modes)]
                                 + [str(a) for a in arguments]))
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        self.place.cleanup()

    def tmux(self, *arguments):
        return run(["tmux", "-u", "-S", self.socket, *arguments])

    def press(self, *keys):
        """By tmux's names, such as Down, PPage, C-c; everything else is typed."""
        self.tmux("send-keys", *keys)

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def text(self):
        """Its lines, without the blanks at the end of each and the empty ones at the end of all."""
        return "\n".join(line.rstrip() for line in self.tmux("capture-pane", "-p").splitlines()).rstrip()

    def styled(self):
        """The same with SGR sequences."""
        return self.tmux("capture-pane", "-p", "-e")

    def is_alternate(self):
        return self.tmux("display-message", "-p", "#{alternate_on}").strip() == "1"

    def is_cursor_shown(self):
        return self.tmux("display-message", "-p", "#{cursor_flag}").strip() == "1"

    def pane(self):
        """The process on it."""
        return int(self.tmux("display-message", "-p", "#{pane_pid}"))

    def wait_for(self, predicate, timeout=20, what="a screen"):
        """The first text of the screen for which predicate, which may be a text to be in it, holds."""
        holds = (lambda text: predicate in text) if isinstance(predicate, str) else predicate
        seen = {}

        def look():
            seen["text"] = self.text()
            return (seen["text"],) if holds(seen["text"]) else None

        return wait_until(look, timeout, lambda: "%s\n%s" % (what if holds is predicate else predicate, seen["text"]))[0]

    def modes_before_and_after(self):
        return [(self.modes / name).read_text() for name in ("before", "after")]
