"""supervisord 3.3.3 with the program entry that we ship, which is the Agent's stock one."""

import contextlib

from processes import BUILD, PYTHON2, REPOSITORY, Entered, complete, wait_until

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


def program_entry(stage, arguments):
    """The section as it is shipped; a stage that is no Agent host puts its own places into it."""
    text = SHIPPED.read_text(encoding="ascii")
    section = text[text.index("\n[program:go-metro]\n") + 1:]
    assert COMMAND in section and USER_LINE in section, section
    command = 'command=%s -cfg="%s"%s\n' % (stage.program, stage.configuration, arguments)
    return section.replace(COMMAND, command).replace(USER_LINE, "user=%s\n" % stage.supervised_user)


class Supervisor(Entered):
    """supervisord 3.3.3 under CPython 2.7 with the shipped program entry, on a stage."""

    def __init__(self, stage, arguments=""):
        self.stage = stage
        self.run_folder = stage.run_folder
        self.configuration = "%s/supervisor.conf" % self.run_folder
        text = SUPERVISOR_CONF.format(run=self.run_folder, program_entry=program_entry(stage, arguments))
        stage.write(self.configuration, text)
        super().__init__(stage.enter(*self._program("supervisord"), "-c", self.configuration))

    def stop(self, tries=1):
        """supervisord loses a stop that comes while it forks, and would wait ten seconds; what it started ends with the stage."""
        return super().stop(tries)

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
            return "%s; %s\n%s" % (state, self.state(), self.stage.read(self.run_folder + "/supervisord.log"))

        return wait_until(look, timeout, complaint, 0.2)[1]


@contextlib.contextmanager
def supervised(stage, configuration, state="capturing", arguments=""):
    """A supervisor whose helper has got that far with this configuration; its pid is supervisor.state()[1]. arguments: what follows
    in the command line, as it is written in the supervisor's configuration."""
    stage.configure(configuration)
    with Supervisor(stage, arguments) as supervisor:
        supervisor.wait_for("RUNNING")
        stage.wait_for_state(state)
        yield supervisor
