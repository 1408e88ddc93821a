"""How many instructions a command executes, by the place of the code, counted by valgrind's callgrind."""

import collections
import pathlib
import tempfile

import tools

# Instructions of the code from one source file in one program or library, without those of what it calls.
Count = collections.namedtuple("Count", "object source instructions")


def parse(lines):
    """The Counts of what callgrind wrote, without compressed names and positions."""
    obj = source = ""
    is_inclusive = False
    for line in lines:
        key, equals, value = line.rstrip("\n").partition("=")
        if key == "ob":
            obj = value
        elif key in ("fl", "fi", "fe"):
            source = value
        elif key == "calls":
            is_inclusive = True  # the next line is what the called function took
        elif not equals and line[:1].isdigit():
            if not is_inclusive:
                yield Count(obj, source, int(line.split()[1]))
            is_inclusive = False


def run(command, environment=None):
    """The Counts of one run."""
    tools.need("valgrind", "valgrind")
    with tempfile.NamedTemporaryFile() as written:
        tools.output(["valgrind", "-q", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no",
                      "--callgrind-out-file=%s" % written.name] + command, environment)
        with open(written.name, encoding="utf-8", errors="replace") as lines:
            return list(parse(lines))
