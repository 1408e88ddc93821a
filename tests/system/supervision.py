"""supervisord 3.3.3 with the program entry that we ship, which is the Agent's stock one."""

import contextlib
import os
import pathlib
import re
import shlex
import signal
import socket

from processes import BUILD, PYTHON2, REPOSITORY, Entered, HarnessError, children_of, complete, wait_until

SHIPPED = REPOSITORY / "conf.d" / "supervisor" / "go-metro.conf"

SUPERVISOR_CONF = """
[supervisord]
nodaemon=true
logfile={run}/supervisord.log
logfile_maxbytes=0
loglevel=info
pidfile={run}/supervisord.pid
childlogdir={run}
user=root

[unix_http_server]
file={run}/supervisor.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{run}/supervisor.sock

{program_entry}
[group:datadog-agent]
programs=go-metro
"""

# supervisor is a namespace package that only a site folder makes importable.
SUPERVISOR_PROGRAM = "import site, sys; site.addsitedir(sys.argv.pop(1)); from supervisor import {0}; sys.exit({0}.main())"


COMMAND, USER_LINE = 'command=/opt/datadog-agent/bin/go-metro -cfg="/etc/dd-agent/conf.d/go-metro.yaml"\n', "user=dd-agent\n"
OUTPUT_LINE = "stdout_logfile=NONE\n"


def program_entry(stage, arguments, user=None, output="NONE"):
    """The section as it is shipped; a stage that is no Agent host puts its own places into it."""
    text = SHIPPED.read_text(encoding="ascii")
    section = text[text.index("\n[program:go-metro]\n") + 1:]
    for line, instead in ((COMMAND, 'command=%s -cfg="%s"%s\n' % (stage.program, stage.configuration, arguments)),
                          (USER_LINE, "user=%s\n" % (user or stage.supervised_user)),
                          (OUTPUT_LINE, "stdout_logfile=%s\n" % output)):
        assert line in section, section
        section = section.replace(line, instead)
    return section


class Supervisor(Entered):
    """supervisord 3.3.3 under CPython 2.7 with the shipped program entry, on a stage."""

    def __init__(self, stage, arguments="", **entry):
        self.stage = stage
        self.run_folder = stage.run_folder
        self.configuration = "%s/supervisor.conf" % self.run_folder
        text = SUPERVISOR_CONF.format(run=self.run_folder, program_entry=program_entry(stage, arguments, **entry))
        stage.write(self.configuration, text)
        super().__init__(stage.enter(*self._program("supervisord"), "-c", self.configuration))

    def stop(self, tries=1):
        """supervisord loses a stop that comes while it forks, and would wait ten seconds; what it started ends with the stage."""
        return super().stop(tries)

    def poke(self):
        """It looks around once a second, or when something comes."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.stage.path("%s/supervisor.sock" % self.run_folder)))

    def log(self):
        return self.stage.read(self.run_folder + "/supervisord.log")

    @staticmethod
    def _program(module):
        return ["env", "PYTHONDONTWRITEBYTECODE=1", PYTHON2, "-c", SUPERVISOR_PROGRAM.format(module), BUILD / "python2-packages"]

    def control(self, *arguments):
        """supervisorctl; its output, whatever it returns (`status` of a program that is down is a failure to it)."""
        command = self.stage.enter(*self._program("supervisorctl"), "-c", self.configuration, *arguments)
        return complete(command, timeout=30).stdout

    def state(self):
        """RUNNING, STARTING, BACKOFF, EXITED, FATAL, ... and the pid on the stage, 0 without one."""
        words = self.control("status", "datadog-agent:go-metro").split()
        pid = int(words[3].rstrip(",")) if len(words) > 3 and words[2] == "pid" else 0
        return (words[1] if len(words) > 1 else "", pid)

    def wait_for(self, state, timeout=30, other_than=None):
        """Waits for the state, under another pid than other_than; the pid."""
        def look():
            now, pid = self.state()
            return (now, pid) if now == state and pid != other_than else None

        def complaint():
            return "%s; %s\n%s" % (state, self.state(), self.log())

        return wait_until(look, timeout, complaint, 0.2)[1]


class Helper:
    """The helper under a supervisord of its own, seen as if it were our child: signals are for it, and what it said and how it ended
    are its. What it says is kept, standard error with standard output; that is the one line in which the entry is not as shipped."""

    ENDED = re.compile(r"(?:exited|stopped): go-metro \((?:exit status (\d+)|terminated by (SIG\w+))")

    def __init__(self, stage, arguments, user):
        self.stage, self.status = stage, None
        self.output = stage.run_folder + "/go-metro.out"
        stage.write(self.output, "")
        self.before = len(self.ENDED.findall(stage.read(stage.run_folder + "/supervisord.log")))  # others on this stage
        words = "".join(" " + shlex.quote(argument).replace("%", "%%") for argument in arguments)
        self.supervisor = Supervisor(stage, words, user=user or "root", output=self.output)
        try:
            self.pid = wait_until(self._find, what=lambda: "its child: " + self.supervisor.log())
        except HarnessError:
            self.supervisor.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.supervisor.__exit__()

    def _find(self):
        """The child once it is the helper, and no more what supervisord is when it forks."""
        self.supervisor.poke()
        for pid in children_of(self.supervisor.target()):
            with contextlib.suppress(OSError):
                if pathlib.Path("/proc/%d/comm" % pid).read_text() == "go-metro\n":
                    return pid
        return None

    @property
    def out(self):
        return self.stage.read(self.output)

    err = out

    def target(self):
        return self.pid

    def alive(self):
        """The same process all the time: another one that supervisord has started since is not it."""
        with contextlib.suppress(OSError):
            is_there = pathlib.Path("/proc/%d/stat" % self.pid).read_text().rpartition(")")[2].split()[0] != "Z"
            return is_there and self.pid in children_of(self.supervisor.target())
        return False

    def signal(self, number):
        if self.alive():
            os.kill(self.pid, number)

    def kill(self):
        """For good: supervisord would start it again within milliseconds, and is stopped before."""
        self.supervisor.signal(signal.SIGSTOP)
        self.signal(signal.SIGKILL)

    def wait_for_output(self, text):
        wait_until(lambda: text in self.out, what=lambda: "%r in: %s" % (text, self.out))

    def _ended(self):
        return self.ENDED.findall(self.supervisor.log())[self.before:]

    def wait(self, timeout=30):
        """How it ended; supervisord starts it anew unless that was by itself and in order."""
        if self.status is None:
            number, name = wait_until(lambda: not self.alive() and self._ended(), timeout, self.supervisor.log)[0]
            self.status = int(number) if number else -getattr(signal, name)
        return self.status

    def stop(self):
        """As the Agent's init script does it."""
        self.supervisor.signal(signal.SIGCONT)
        self.supervisor.stop(tries=8)  # of which only the first counts, but where it forks just then
        return self.wait()


@contextlib.contextmanager
def supervised(stage, configuration, state="capturing", arguments=""):
    """A supervisor whose helper has got that far with this configuration; its pid is supervisor.state()[1]. arguments: what follows
    in the command line, as it is written in the supervisor's configuration."""
    stage.configure(configuration)
    with Supervisor(stage, arguments) as supervisor:
        supervisor.wait_for("RUNNING")
        stage.wait_for_state(state)
        yield supervisor
