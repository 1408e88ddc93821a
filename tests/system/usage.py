"""What a process uses of the machine, by what the kernel counts."""

import collections
import pathlib
import time

# wakes: times that a thread of it went off the CPU by itself, and so came back; cpu_s: of all its threads.
Usage = collections.namedtuple("Usage", "time_s wakes cpu_s")


def look(pid):
    wakes = cpu_ns = 0
    for task in pathlib.Path("/proc/%d/task" % pid).iterdir():
        status = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines())
        wakes += int(status["voluntary_ctxt_switches"])
        cpu_ns += int((task / "schedstat").read_text().split()[0])
    return Usage(time.monotonic(), wakes, cpu_ns / 1e9)


def watch(pid, seconds):
    """The usage of so many seconds."""
    before = look(pid)
    time.sleep(seconds)
    return Usage(*(now - then for now, then in zip(look(pid), before)))


def memory_kib(pid):
    """What is resident: VmRSS in all, of it RssAnon its own, RssShmem the segment, RssFile the program, libraries and the rings."""
    lines = pathlib.Path("/proc/%d/status" % pid).read_text().splitlines()
    return {key: int(value.split()[0]) for key, value in (line.split(":", 1) for line in lines) if "Rss" in key or key == "VmRSS"}
