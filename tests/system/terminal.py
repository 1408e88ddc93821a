"""A terminal with a program on it: a pty whose size we set, and what an xterm would show of what the program writes there."""

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import termios
import threading

from processes import Process, wait_until

# What is told apart in the output: a control sequence, or one character.
TOKEN = re.compile(r"\033\[(\??)([0-9;]*)([A-Za-z])|\033(.)|(.)", re.DOTALL)


class Screen:
    """The part of an xterm that our programs use; whatever else they might write is an error. Two screens, the other one for
    programs that want it for themselves; `history` is what scrolled off the top of the first."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.history = []
        self.is_alternate = False
        self.is_cursor_shown = True
        self.first, self.other = self._blank(), self._blank()
        self.lines = self.first
        self.row = self.column = 0
        self.saved = 0, 0
        # What a read ends within, of a character and of a control sequence.
        self.decoder, self.unfinished = codecs.getincrementaldecoder("utf-8")(), ""

    def _blank(self):
        return [[" "] * self.width for _ in range(self.height)]

    def resize(self, width, height):
        """As a terminal without reflow: what is outside is lost."""
        self.width, self.height = width, height
        for lines in (self.first, self.other):
            del lines[height:]
            for line in lines:
                del line[width:]
                line.extend(" " * (width - len(line)))
            lines.extend([" "] * width for _ in range(height - len(lines)))
        self.row, self.column = min(self.row, height - 1), min(self.column, width - 1)

    def text(self):
        """Its lines, without the blanks at the end of each and the empty ones at the end of all."""
        return "\n".join("".join(line).rstrip() for line in self.lines).rstrip()

    def everything(self):
        """With what scrolled off."""
        return "\n".join(self.history + [self.text()])

    def write(self, data):
        """Bytes as a read gives them: it may end anywhere, and what is unfinished there waits for the next."""
        text, at = self.unfinished + self.decoder.decode(data), 0
        while at < len(text):
            if re.fullmatch(r"\033(\[\??[0-9;]*)?", text[at:]):
                break
            token = TOKEN.match(text, at)
            at = token.end()
            private, numbers, command, escape, character = token.groups()
            assert escape is None, "what is %r?" % token.group()
            if command:
                self._command(private + command, [int(n or 0) for n in numbers.split(";")])
            else:
                self._character(character)
        self.unfinished = text[at:]

    def _character(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self._line_feed()
        elif character == "\a":
            pass
        else:
            assert character >= " ", "what is %r?" % character
            if self.column == self.width:
                self.column = 0
                self._line_feed()
            self.lines[self.row][self.column] = character
            self.column += 1

    def _line_feed(self):
        if self.row + 1 < self.height:
            self.row += 1
            return
        gone = self.lines.pop(0)
        if not self.is_alternate:
            self.history.append("".join(gone).rstrip())
        self.lines.append([" "] * self.width)

    def _command(self, command, numbers):
        first = numbers[0]
        if command == "H":
            self.row, self.column = max(first, 1) - 1, max((numbers + [1])[1], 1) - 1
        elif command == "K":
            assert first == 0
            # A cursor behind the last column stands on it, and what is erased is that.
            start = min(self.column, self.width - 1)
            self.lines[self.row][start:] = " " * (self.width - start)
        elif command == "J":
            assert first == 0
            self._command("K", [0])
            for line in self.lines[self.row + 1:]:
                line[:] = " " * self.width
        elif command == "m":
            pass
        elif command in ("?h", "?l"):
            self._mode(first, command == "?h")
        else:
            raise AssertionError("what is %r?" % command)

    def _mode(self, number, on):
        if number == 25:
            self.is_cursor_shown = on
        elif number == 1049:
            if on:
                self.saved = self.row, self.column
                self.other[:] = self._blank()
            else:
                self.row, self.column = self.saved
            self.is_alternate, self.lines = on, self.other if on else self.first
        else:
            raise AssertionError("what is mode %d?" % number)


class OnTerminal(Process):
    """A program with a terminal of its own, for all but its standard output where that is to be a file (`out`). `log` is all
    that it wrote to the terminal."""

    # The child leads its session, and so the first terminal that it opens is its own: ^C and the window's signals come by it.
    BEGIN = {False: 'exec "$@" <"$0" >"$0" 2>"$0"', True: 'exec "$@" <"$0" 2>"$0"'}
    ENVIRONMENT = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "NO_COLOR": ""}

    def __init__(self, arguments, width=80, height=24, to_file=False, **environment):
        self.screen, self.log = Screen(width, height), b""
        self.lock, self.failure = threading.Lock(), None
        self.master, self.slave = pty.openpty()
        self._set_size(width, height)
        self.modes = termios.tcgetattr(self.slave)
        variables = ["%s=%s" % item for item in dict(self.ENVIRONMENT, **environment).items()]
        with contextlib.ExitStack() as undo:
            undo.callback(self._close)
            super().__init__(["sh", "-c", self.BEGIN[to_file], os.ttyname(self.slave), "env"] + variables + list(arguments))
            undo.pop_all()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _set_size(self, width, height):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def _read(self):
        """Until the test is over: a terminal whose reader sleeps would stop its program."""
        while True:
            try:
                if not select.select([self.master], [], [], 0.2)[0]:
                    continue
                data = os.read(self.master, 65536)
            except (OSError, ValueError):
                return
            self.log += data
            try:
                with self.lock:
                    self.screen.write(data)
            except Exception as failure:
                self.failure = failure
                return

    def _close(self):
        for fd in (self.master, self.slave):
            with contextlib.suppress(OSError):
                os.close(fd)

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        self._close()
        self.reader.join()

    def resize(self, width, height):
        with self.lock:
            self.screen.resize(width, height)
        self._set_size(width, height)

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_for_screen(self, predicate, timeout=20, what="a screen"):
        """The first text of the screen for which predicate holds."""
        def look():
            if self.failure:
                raise self.failure
            with self.lock:
                text = self.screen.text()
            return (text,) if predicate(text) else None
        return wait_until(look, timeout, lambda: "%s\n%s" % (what, self.screen.text()))[0]
