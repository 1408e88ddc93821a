"""What must come right again, or be said truly: upgrades, a tracer, the log, lost segments, the clock, mistakes upon mistakes."""

import re
import signal
from concurrent.futures import ThreadPoolExecutor

from network import Network
from processes import wait_until
from stage import CONFIGURATION as PATH
from stage import LOG, PROGRAM, SEGMENT, USER, Stage

CONFIGURATION = """
init_config: {}
instances:
  - interface: lo
    all_peers: true
"""
OTHER_SEGMENT = "/dev/shm/go-metro-other"

# Runs a command traced, by a tracer that may not trace what gains capabilities: the kernel then gives it none. Its own TERM is
# passed on.
TRACER = """
import ctypes, os, signal, sys
trace = ctypes.CDLL(None, use_errno=True).ptrace
trace.argtypes = [ctypes.c_long] * 4
TRACEME, CONT = 0, 7
child = os.fork()
if child == 0:
    trace(TRACEME, 0, 0, 0)
    os.execv(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
while True:
    status = os.waitpid(child, 0)[1]
    if not os.WIFSTOPPED(status):
        sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 99)
    number = os.WSTOPSIG(status)
    trace(CONT, child, 0, 0 if number == signal.SIGTRAP else number)
"""
# Sets the wall clock forward by STEP_MS, for the program alone, when the file MARK is there: what it reads, and frames stamped
# after it.
STEPPED_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long long step_at_ns; /* 0: not yet */

static long long step_ns(long long now)
{
    struct stat mark;
    if (step_at_ns == 0 && stat(getenv("MARK"), &mark) == 0)
        step_at_ns = now;
    return step_at_ns != 0 && now >= step_at_ns ? atoll(getenv("STEP_MS")) * 1000000 : 0;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, out);
    if (rc == 0 && clock == CLOCK_REALTIME) {
        long long now = out->tv_sec * 1000000000LL + out->tv_nsec;
        now += step_ns(now);
        *out = (struct timespec){ now / 1000000000, now % 1000000000 };
    }
    return rc;
}

struct pass { pcap_handler handler; u_char *user; };

static void on_frame(u_char *user, const struct pcap_pkthdr *header, const u_char *data)
{
    struct pass *pass = (void *)user;
    struct pcap_pkthdr copy = *header;
    long long at = copy.ts.tv_sec * 1000000000LL + copy.ts.tv_usec; /* nanoseconds, as the program asks for them */
    if (step_at_ns != 0 && at >= step_at_ns)
        at += step_ns(at);
    copy.ts = (struct timeval){ at / 1000000000, at % 1000000000 };
    pass->handler(pass->user, &copy, data);
}

int pcap_dispatch(pcap_t *pcap, int count, pcap_handler handler, u_char *user)
{
    int (*real)(pcap_t *, int, pcap_handler, u_char *) =
        (int (*)(pcap_t *, int, pcap_handler, u_char *))dlsym(RTLD_NEXT, "pcap_dispatch");
    struct pass pass = { handler, user };
    return real(pcap, count, on_frame, (u_char *)&pass);
}
"""


def captures(stage):
    """The packet sockets that are open on the stage's network."""
    return len(stage.run("cat", "/proc/net/packet").splitlines()) - 1


def log_has(stage, text):
    return wait_until(lambda: text in stage.read(LOG), what=lambda: "%r in the log:\n%s" % (text, stage.read(LOG)))


def with_init(text):
    return CONFIGURATION.replace("{}", "\n  " + text)


def without_user(stage):
    """Takes USER out of the user database; what was in it."""
    passwd = stage.read("/etc/passwd")
    stage.write("/etc/passwd", "".join(line for line in passwd.splitlines(True) if not line.startswith(USER)))
    return passwd


def test_an_upgrade_while_it_waits_for_the_capability():
    with Stage(capable=False) as stage:
        stage.configure(CONFIGURATION)
        with stage.helper() as helper:
            pid = stage.wait_for_state("failed", "setcap")["helper"]["pid"]
            stage.script('cp "$1" "$1.new" && mv "$1.new" "$1"', PROGRAM)
            stage.grant()
            assert stage.wait_for_state("capturing")["helper"]["pid"] == pid
            assert helper.alive()


def test_a_tracer_keeps_the_capability_away():
    with Stage(capable=False) as stage:
        stage.configure(CONFIGURATION)
        stage.write("/opt/tracer.py", TRACER)
        stage.run("chmod", "644", "/opt/tracer.py")
        command = stage.python(3, "/opt/tracer.py", PROGRAM, "-cfg=" + PATH)
        with stage.start(*command, user=USER) as tracer:
            stage.wait_for_state("failed", "setcap")
            for times in (1, 2):
                stage.grant()
                stage.wait_for_state("failed", "the kernel does not grant it")
                wait_until(lambda count=times: stage.read(LOG).count("executing it anew") == count, what="executed once more")
                stage.wait_for_publications(3)
                assert stage.read(LOG).count("executing it anew") == times, "once for each change of the file"
            tracer.signal(signal.SIGTERM)
            assert tracer.wait(5) == 0, "SIGTERM ends it"
        assert stage.status()["helper"]["state"] == "stopped"


def test_executing_anew_fails():
    with Stage(capable=False) as stage:
        stage.configure(CONFIGURATION)
        with stage.helper() as helper:
            stage.wait_for_state("failed", "setcap")
            stage.run("chmod", "644", PROGRAM)
            stage.grant()
            log_has(stage, PROGRAM + ": cannot be executed (trying again when it changes): Permission denied")
            stage.wait_for_publications(3)
            assert stage.read(LOG).count("cannot be executed") == 1, "once for each change of the file"
            assert helper.alive()
            stage.run("chmod", "755", PROGRAM)
            stage.wait_for_state("capturing")


def test_the_log_is_never_roots(stage):
    stage.configure(CONFIGURATION)
    passwd = without_user(stage)
    with stage.helper(user=None) as helper:
        stage.wait_for_state("failed", USER)
        assert not stage.path(LOG).exists() and USER in helper.err, "it goes to stderr meanwhile"
        stage.write("/etc/passwd", passwd)
        stage.wait_for_state("capturing")
        assert stage.run("stat", "-c", "%U", LOG).strip() == USER
        stage.run("mv", LOG, LOG + ".old")
        helper.signal(signal.SIGUSR1)
        log_has(stage, "SIGUSR1: the log was opened anew")


def test_the_logs_folder_comes_late(stage):
    late = "/var/log/late/go-metro.log"
    stage.configure(CONFIGURATION)
    with stage.helper("-log=" + late) as helper:
        stage.wait_for_state("capturing")
        helper.signal(signal.SIGUSR1)
        wait_until(lambda: helper.err.count("the log goes to stderr") == 2, what=lambda: helper.err)
        assert "opened anew" not in helper.err
        stage.run("mkdir", "/var/log/late")
        stage.run("chown", USER, "/var/log/late")
        helper.signal(signal.SIGUSR1)
        wait_until(lambda: "the log was opened anew" in stage.read(late), what="the log in its place")


def test_another_max_peers_keeps_the_segment(stage):
    stage.configure(with_init("max_peers: 500"))
    with stage.helper():
        stage.wait_for_state("capturing")
        before = stage.run("stat", "-c", "%i", SEGMENT)
        stage.configure(with_init("max_peers: 5000"))
        log_has(stage, "flows and rows begin anew")
        stage.wait_for_state("capturing")
        assert stage.run("stat", "-c", "%i", SEGMENT) == before, "it was ours all the time"


def test_status_reads_where_the_configuration_says(stage):
    stage.configure(with_init("segment_path: %s\n  user: daemon" % OTHER_SEGMENT))
    stage.run("chown", "-R", "daemon:", "/var/log/datadog")
    with stage.helper(user=None):
        stage.wait_for_state("capturing")
        assert stage.run("stat", "-c", "%U", OTHER_SEGMENT).strip() == "daemon"
        # A configuration that cannot be used counts as none.
        out = stage.run("sh", "-c", "%s status --json -cfg /nonexistent || true" % PROGRAM)
        assert '"state":"missing"' in out and SEGMENT in out


def test_another_segment_path_leaves_last_words(stage):
    stage.configure(CONFIGURATION)
    with stage.helper():
        stage.wait_for_state("capturing")
        stage.configure(with_init("segment_path: " + OTHER_SEGMENT))
        stage.wait_for_status(lambda s: s["helper"]["state"] == "capturing" and stage.path(OTHER_SEGMENT).exists())
        out = stage.run(PROGRAM, "status", "--json", "--segment", SEGMENT)
        assert '"state":"stopped","error":"moved to %s"' % OTHER_SEGMENT in out


def test_whoever_loses_the_segment_stops_capturing(stage):
    stage.configure(CONFIGURATION)
    with stage.helper() as first, stage.helper_alone() as second:
        wait_until(lambda: "another go-metro" in stage.read(LOG) or "locked" in stage.read(LOG), what=lambda: stage.read(LOG))
        owner = stage.wait_for_state("capturing")["helper"]["pid"]
        assert captures(stage) == 1
        # The owner sleeps while its segment is removed and the other one makes a new one.
        stage.kill("STOP", owner)
        stage.run("rm", SEGMENT)
        taken = stage.wait_for_status(lambda s: s["helper"].get("state") == "capturing" and s["helper"]["pid"] != owner)
        other = taken["helper"]["pid"]
        assert captures(stage) == 2
        stage.kill("CONT", owner)
        wait_until(lambda: captures(stage) == 1, what="one capture")
        stage.kill("TERM", other)
        wait_until(lambda: not (first.alive() and second.alive()), what="the other one's end")
        stage.wait_for_status(lambda s: s["helper"].get("state") == "capturing" and s["helper"]["pid"] == owner)
        assert captures(stage) == 1


def test_a_mistake_does_not_lift_failed_to_degraded(stage):
    missing = CONFIGURATION.replace("lo", "gm0")
    stage.configure(missing)
    with stage.helper():
        stage.wait_for_state("failed", "no interface gm0")
        stage.configure(missing + "    group_by: planet\n")
        stage.wait_for_state("failed", "go-metro.yaml:6:")
        assert "no interface gm0" in stage.status()["helper"]["error"]


def test_a_mistake_and_no_right():
    with Stage(capable=False) as stage:
        stage.configure(CONFIGURATION + "    group_by: planet\n")
        with stage.helper():
            error = stage.wait_for_state("failed", "go-metro.yaml:6:")["helper"]["error"]
            assert re.search("group_by.*; also: no right to capture", error), error


def test_too_little_memory_for_the_meter(stage):
    """Under a limit to the process's own memory: the program finds room in it, the table for a million peers (8 MiB) does not."""
    small = with_init("max_peers: 10")
    stage.configure(small.replace("10", "1000000"))
    with stage.start("sh", "-c", 'ulimit -d 6144; exec "$@"', "sh", PROGRAM, "-cfg=" + PATH, user=USER):
        stage.wait_for_state("failed", "out of memory for max_flows=200000 and max_peers=1000000; make them smaller")
        stage.configure(small)
        stage.wait_for_state("capturing")


def test_no_round_trip_spans_a_step_of_the_wall_clock():
    with Network("20ms") as network, Stage(network.near) as stage:
        source, library, mark = stage.folder / "step.c", "/opt/step.so", "/opt/stepped"
        stage.write(source, STEPPED_CLOCK)
        stage.run("cc", "-shared", "-fPIC", "-o", library, source, "-ldl")
        stage.configure(CONFIGURATION.replace("lo", "near0"))
        # As root, because the loader preloads nothing for a file with a capability.
        helper = stage.start("env", "LD_PRELOAD=" + library, "MARK=" + mark, "STEP_MS=5000", PROGRAM, "-cfg=" + PATH)
        with helper, network.serve(), ThreadPoolExecutor() as threads:
            stage.wait_for_state("capturing")
            traffic = threads.submit(network.exchange, count=150)
            stage.wait_for_status(lambda s: sum(p["samples"] for p in s["peers"]) > 20)
            stage.write(mark, "")
            log_has(stage, "the wall clock was set")
            traffic.result()
            status = stage.wait_for_status(lambda s: s["peers"] and s["peers"][0]["samples"] > 100,
                                           what="it goes on after the step")
            assert status["instances"][0]["ignored"]["clock_step"] > 0
            assert status["peers"][0]["rtt_ms"]["max"] < 3000, "20 ms, or 5020 with the step in it"
