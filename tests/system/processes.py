"""Commands and child processes: whoever starts one here ends it, even when killed. Waiting is for a condition, never a time."""

import contextlib
import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", REPOSITORY / "build")).resolve()
SYSTEM = REPOSITORY / "tests" / "system"
PYTHON2 = BUILD / "bin" / "python2.7"
PYTHON3 = sys.executable


def name_of_run():
    """Each of several pytest-xdist workers is a run of its own, which looks after what is its own."""
    name, worker = os.environ.get("GO_METRO_RUN", str(os.getpid())), os.environ.get("PYTEST_XDIST_WORKER")
    return name if worker is None or name.endswith("-" + worker) else "%s-%s" % (name, worker)


# Marks the processes (their environment) and the temporary folders of this run, also those of a demo that it starts.
RUN = os.environ["GO_METRO_RUN"] = name_of_run()
PREFIX = "go-metro-run-%s-" % RUN

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
libc = ctypes.CDLL(None, use_errno=True)
# What an nsenter that was killed leaves behind becomes ours: the first process of a container may never reap it.
libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
FROM_TERMINAL = {signal.SIGQUIT, signal.SIGTSTP}  # a shell's background job ignores some, and its children would too


class HarnessError(Exception):
    """The stage could not be set up, or something on it did not happen in time."""


def when_ended(leave):
    """At SIGTERM, and SIGHUP as of a closed terminal, calls leave(number), which raises: all is cleaned up as after ^C. The first
    one counts: more of them would disturb that. What is ignored, as under nohup, stays so."""
    numbers = {n for n in ENDING - {signal.SIGINT} if signal.getsignal(n) is not signal.SIG_IGN}

    def end(number, _frame):
        for each in numbers:
            signal.signal(each, lambda *_: None)
        leave(number)

    for number in numbers:
        signal.signal(number, end)


class Child(subprocess.Popen):
    """Ends when we do. In a session of its own: a terminal's ^C is for us, and we end the children in order."""

    def __init__(self, arguments, **options):
        # Until the child has its session and we know it, ^C waits; it would be Python's in both.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            super().__init__([str(a) for a in arguments], start_new_session=True, preexec_fn=self._prepare, **options)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)

    @staticmethod
    def _prepare():
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in ENDING | FROM_TERMINAL:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def complete(arguments, timeout=60, **options):
    """Runs a command to its end, however it ends."""
    pipe = subprocess.PIPE
    with Child(arguments, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, **options) as child:
        try:
            out, err = child.communicate(timeout=timeout)
        except BaseException:
            child.kill()
            raise
        return subprocess.CompletedProcess(child.args, child.returncode, out, err)


def run(arguments, **options):
    """The output of a command that must succeed; a failure shows what it said."""
    result = complete(arguments, **options)
    if result.returncode != 0:
        raise HarnessError("%s: exit status %d\n%s%s" % (arguments, result.returncode, result.stdout, result.stderr))
    return result.stdout


def wait_until(predicate, timeout=20.0, what=None, interval=0.05):
    """Returns the first true value of predicate(); what is the text, or a function that gives it, of the failure."""
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise HarnessError("not within %g s: %s" % (timeout, text or predicate))
        time.sleep(interval)


def children_of(pid):
    """The pids of this process's children, also of those that ended and nobody waited for."""
    with contextlib.suppress(OSError):
        return [int(child) for child in pathlib.Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().split()]
    return []


class Process:
    """A child with its output in files; ends with the context, by SIGTERM and at last by SIGKILL."""

    pids = set()  # of all that were not stopped yet

    def __init__(self, arguments, folder=None, stdin=subprocess.DEVNULL):
        self.folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder)
        self.out_path, self.err_path = (pathlib.Path(self.folder.name, name) for name in ("stdout", "stderr"))
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.popen = Child(arguments, stdin=stdin, stdout=out, stderr=err)
        self.pid = self.popen.pid
        self.pids.add(self.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()

    @property
    def out(self):
        return self.out_path.read_text(errors="replace")

    @property
    def err(self):
        return self.err_path.read_text(errors="replace")

    def alive(self):
        return self.popen.poll() is None

    def signal(self, number):
        if self.alive():
            os.kill(self.target(), number)

    def target(self):
        """The process that signals are meant for."""
        return self.pid

    def wait(self, timeout=30):
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise HarnessError("pid %d still runs after %g s: %s" % (self.pid, timeout, self.err)) from None

    def stop(self, tries=5):
        """SIGTERM, again every two seconds (a process that is just starting may lose it), at last SIGKILL; the exit status."""
        for _ in range(tries):
            self.signal(signal.SIGTERM)
            with contextlib.suppress(HarnessError):
                return self._wait_for_end(2)
        self.signal(signal.SIGKILL)
        return self._wait_for_end(20)

    def _wait_for_end(self, timeout):
        wait_until(self._ended, timeout, lambda: "pid %d ends: %s" % (self.pid, self.err))
        self.pids.discard(self.pid)
        return self.popen.returncode

    def _ended(self):
        # A process namespace ends when all that was in it is reaped.
        for orphan in set(children_of(os.getpid())) - self.pids:
            os.waitpid(orphan, os.WNOHANG)
        return not self.alive()

    def wait_for_output(self, text, timeout=20):
        wait_until(lambda: text in self.out or not self.alive(), timeout, lambda: "%r in: %s%s" % (text, self.out, self.err))
        if text not in self.out:
            raise HarnessError("it ended (%s) and never said %r: %s%s" % (self.popen.returncode, text, self.out, self.err))


def only_child(pid):
    """The pid of this process's child, 0 while there is none."""
    return next(iter(children_of(pid)), 0)


class Entered(Process):
    """A process that nsenter started in another pid namespace. nsenter stays as its parent and passes no signal on, but stops
    when its child is stopped."""

    def signal(self, number):
        super().signal(number)
        if number in (signal.SIGCONT, signal.SIGKILL) and self.alive():
            os.kill(self.pid, signal.SIGCONT)

    def target(self):
        return only_child(self.pid) or self.pid
