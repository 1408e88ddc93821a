"""A machine in the machine: an Agent v5 host with the helper, its user and its folders, of which nothing is real outside.

A mount namespace with overlays and a process namespace, in a network namespace; all of it ends with one process."""

import contextlib
import json
import pathlib
import tempfile

import supervision
from network import Namespace
from processes import BUILD, PREFIX, PYTHON2, PYTHON3, REPOSITORY, RUN, Entered, complete, only_child, run, wait_until

HELPER = BUILD / "go-metro"
AGENT = REPOSITORY / "tests" / "python" / "agent5" / "agent5.py"
CHECK = REPOSITORY / "checks.d" / "go-metro.py"

# Places on the stage, which are an Agent v5 host's.
PROGRAM = "/opt/datadog-agent/bin/go-metro"
CONFIGURATION = "/etc/dd-agent/conf.d/go-metro.yaml"
LOG = "/var/log/datadog/go-metro.log"
SEGMENT = "/dev/shm/go-metro"
USER, USER_ID = "dd-agent", 64999

# FOLDER PLACE: makes PLACE writable and passable; what is written goes into FOLDER.
OVERLAY = """
mkdir -p "$1/up" "$1/work"
chmod 755 "$1/up"
mount -t overlay -o "lowerdir=$2,upperdir=$1/up,workdir=$1/work" go-metro "$2"
"""
# SHM_SIZE USER USER_ID: an Agent v5 host's folders and user.
FURNITURE = """
mount -t tmpfs -o mode=755 go-metro /var/log
mount -t tmpfs -o "mode=1777,size=$1" go-metro /dev/shm
sed -i "/^$2:/d" /etc/passwd /etc/group
echo "$2:x:$3:" >>/etc/group
echo "$2:x:$3:$3::/opt/datadog-agent:/bin/sh" >>/etc/passwd
mkdir -p /opt/datadog-agent/bin /opt/datadog-agent/run /etc/dd-agent/conf.d /var/log/datadog
chown "$2:" /var/log/datadog /opt/datadog-agent/run
"""
# EXTENSIONS_FOLDER SEGMENT USER
READ_SEGMENT = """
import json, pwd, sys
sys.path.insert(0, sys.argv[1])
import metro_segment
try:
    snapshot = metro_segment.read(sys.argv[2], owner=pwd.getpwnam(sys.argv[3]).pw_uid)
except metro_segment.SegmentError as error:
    out = {"error": type(error).__name__, "status": error.status, "message": str(error)}
else:
    out = {"start_time": snapshot.start_time, "generation": snapshot.generation, "rows": list(snapshot.rows())}
print(json.dumps(out))
"""


class Stage(contextlib.ExitStack):
    """PROGRAM, an empty CONFIGURATION's and LOG's folder, the user dd-agent and an empty /dev/shm, for whoever enters. network: a
    Namespace to be in, else one of its own with nothing but loopback. capable: whether PROGRAM has its file capability."""

    program, configuration, run_folder, supervised_user = PROGRAM, CONFIGURATION, "/opt/datadog-agent/run", USER
    PYTHON = {2: PYTHON2, 3: PYTHON3}

    def __init__(self, network=None, shm_size="256m", capable=True):
        super().__init__()
        self.network = network
        self.shm_size = shm_size
        self.capable = capable

    def __enter__(self):
        super().__enter__()
        with contextlib.ExitStack() as undo:
            if self.network is None:
                self.network = undo.enter_context(Namespace())
            self.folder = pathlib.Path(undo.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX)))
            self.holder = undo.enter_context(Entered(self.network.enter(
                "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
                "sh", "-c", "trap exit TERM; echo ready; while :; do sleep 3600 & wait; done")))
            self.holder.wait_for_output("ready")
            self.pid = only_child(self.holder.pid)
            self._furnish()
            self.push(undo.pop_all().__exit__)
        return self

    def enter(self, *arguments, user=None):
        """The command that runs arguments on the stage, as root or as user without any capability."""
        become = ["setpriv", "--reuid", user, "--regid", user, "--init-groups"] if user else []
        namespaces = ["--%s=/proc/%d/ns/%s" % (option, self.pid, name) for option, name in
                      (("mount", "mnt"), ("pid", "pid"), ("net", "net"))]
        return ["nsenter"] + namespaces + ["--"] + become + list(arguments)

    def run(self, *arguments, user=None, **options):
        return run(self.enter(*arguments, user=user), **options)

    def start(self, *arguments, user=None):
        return Entered(self.enter(*arguments, user=user))

    def script(self, text, *arguments):
        return self.run("sh", "-ec", text, "sh", *arguments)

    def kill(self, signal, pid):
        """Sends a signal by its name to a process of the stage; the shell's own kill, because a minimal Debian has no other."""
        self.script('kill -s "$1" "$2"', signal, pid)

    def _furnish(self):
        self.script('mount -t tmpfs -o mode=755 go-metro "$1"', self.folder)
        # A folder that only root may pass, such as /root with a pyenv in it, is opened too, for the dd-agent of this stage alone.
        closed = closed_folders([REPOSITORY, BUILD, PYTHON3, *program_paths(PYTHON2)])
        for number, place in enumerate(["/etc", "/opt"] + closed):
            self.script(OVERLAY, self.folder / str(number), place)
        self.script(FURNITURE, self.shm_size, USER, USER_ID)
        self.run("cp", HELPER, PROGRAM)
        if self.capable:
            self.grant()

    def grant(self):
        """What the package's post-install step does."""
        self.run("setcap", "cap_net_raw+ep", PROGRAM)

    def path(self, inside):
        """The path by which a file of the stage can be reached from outside."""
        return pathlib.Path("/proc/%d/root" % self.pid + str(inside))

    def read(self, inside):
        with contextlib.suppress(FileNotFoundError):
            return self.path(inside).read_text(errors="replace")
        return ""

    def write(self, inside, text):
        """Replaces a file as an editor does: the new one is there at once and whole."""
        new = self.path(str(inside) + ".new")
        new.write_text(text)
        new.chmod(0o644)
        new.rename(self.path(inside))

    def configure(self, text):
        self.write(CONFIGURATION, text)

    def helper(self, *arguments, user=USER):
        """The helper under supervisord, by the program entry that we ship; user None is root. Who needs it in another way, traced,
        under a limit or with a library of the test's, starts PROGRAM by start()."""
        return supervision.Helper(self, arguments, user)

    def helper_alone(self, *arguments, user=USER):
        """Where there is a second one, which is nobody's but ours."""
        return self.start(PROGRAM, "-cfg=" + CONFIGURATION, *arguments, user=user)

    def status(self):
        """What `go-metro status --json` says, parsed; when nothing can be read, "helper" is the cause and the rest is empty."""
        result = complete(self.enter(PROGRAM, "status", "--json"), timeout=30)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        return {"helper": next((x for x in lines if x["type"] == "helper"), {}),
                "instances": [x for x in lines if x["type"] == "instance"],
                "peers": [x for x in lines if x["type"] == "peer"]}

    def wait_for_status(self, predicate, timeout=20, what="status"):
        """The first status for which predicate holds; the failure shows the last one and the log."""
        seen = {}

        def look():
            seen["last"] = self.status()
            return seen["last"] if predicate(seen["last"]) else None

        return wait_until(look, timeout, lambda: "%s\nstatus: %s\nlog:\n%s" % (what, seen["last"], self.read(LOG)), 0.2)

    def wait_for_state(self, state, error="", timeout=20):
        def reached(status):
            helper = status["helper"]
            return helper.get("state") == state and error in (helper.get("error") or "")

        return self.wait_for_status(reached, timeout, "state %s with %r" % (state, error))

    def segment(self, python=3):
        """What the extension says of the segment: its rows and which publication it is, or an error."""
        out = self.run(self.PYTHON[python], "-c", READ_SEGMENT, BUILD / ("python%d" % python), SEGMENT, USER, user=USER)
        return json.loads(out)

    def wait_for_publications(self, count):
        """Until the segment was published so many times more, once a second, by the same helper or its successor."""
        seen = set()

        def look():
            segment = self.segment()
            if "error" not in segment:
                seen.add((segment["start_time"], segment["generation"]))
            return len(seen) > count

        wait_until(look, 10 * count + 10, lambda: "%d publications; seen: %s" % (count, sorted(seen)), 0.2)

    def check(self, python=2, configuration=CONFIGURATION):
        """What one run of the check gives for its first instance."""
        return self.checks(python, configuration)[0]

    def checks(self, python=2, configuration=CONFIGURATION):
        """Runs the check once, as the Agent's collector would: as dd-agent, with no capability; a Check for each instance."""
        out = self.run(*self.python(python, AGENT, "run", "--check", CHECK, "--config", configuration, "--extension",
                                    BUILD / ("python%d" % python), "--json"), user=USER)
        run = json.loads(out)
        return [Check(run, number) for number in range(len(run["instances"]))]

    @classmethod
    def python(cls, major, *arguments):
        """The command that runs a script under CPython 2.7 or 3 with the packages of the set-up."""
        packages = BUILD / ("python%d-packages" % major)
        return ["env", "PYTHONPATH=%s" % packages, "PYTHONDONTWRITEBYTECODE=1", cls.PYTHON[major]] + list(arguments)


class Check:
    """What one run of the check gave: state, error and service check are one instance's, the gauges those of all."""

    STATUSES = ["OK", "WARNING", "CRITICAL", "UNKNOWN"]

    def __init__(self, run, number=0):
        self.run = run
        self.status, self.error, self.warnings = (run["instances"][number][key] for key in ("status", "error", "warnings"))
        self.service_status = self.STATUSES[run["service_checks"][number]["status"]]
        self.service_message = run["service_checks"][number].get("message") or ""

    def __str__(self):
        return json.dumps(self.run, indent=1)

    def gauges(self, **tags):
        """Values by metric of the gauges that carry these tags."""
        wanted = {"%s:%s" % item for item in tags.items()}
        return {name: value for name, value, given, kind in self.run["metrics"] if kind == "gauge" and wanted <= set(given)}

    def tags(self, **tags):
        """The tags of the first gauge that carries these."""
        wanted = {"%s:%s" % item for item in tags.items()}
        return next(set(given) for _, _, given, kind in self.run["metrics"] if kind == "gauge" and wanted <= set(given))


def closed_folders(paths):
    """The outermost folders above these paths that others than the owner may not pass."""
    closed = []
    for path in paths:
        for folder in reversed(pathlib.Path(path).resolve().parents):
            if folder.stat().st_mode & 0o001 == 0:
                if folder not in closed:
                    closed.append(folder)
                break
    return [str(folder) for folder in closed]


def program_paths(wrapper):
    """The interpreter that a wrapper script of the set-up starts."""
    real = run([wrapper, "-c", "import sys; print(sys.executable); print(sys.prefix)"])
    return [wrapper] + real.split()


def leftovers():
    """What must not be there after the last test: processes of this run (they hold namespaces), folders, network devices."""
    left = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"GO_METRO_RUN=%s\0" % RUN.encode() in (process / "environ").read_bytes():
                left.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    left += [str(path) for path in pathlib.Path(tempfile.gettempdir()).glob(PREFIX + "*")]
    devices = {path.name for path in pathlib.Path("/sys/class/net").iterdir()}
    return left + sorted(devices & {"near0", "far0", "relay-near0", "relay-far0", "gm0", "gm1"})
