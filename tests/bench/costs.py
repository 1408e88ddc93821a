"""What a program costs over a capture: CPU time of the whole process, and the most memory it had."""

import collections
import json
import os
import pathlib
import shlex
import statistics
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", REPOSITORY / "build")).resolve()
COST = BUILD / "cost"
WORKLOAD = BUILD / "workload"
HOST = "10.0.0.1"

Cost = collections.namedtuple("Cost", "cpu_ns peak_bytes")
# Middle value, and the quarter of the values on each side of it.
Spread = collections.namedtuple("Spread", "median low high")
# command: a list of words in which {} stands for the capture.
Program = collections.namedtuple("Program", "name command")

BARE = Program("bare pcap loop", [str(BUILD / "bare"), "{}"])
OURS = Program("go-metro read", [str(BUILD / "go-metro"), "read", "--json", "--local", HOST, "{}"])


class Failed(Exception):
    """A program or the generator ended with an error."""


def command(program, capture):
    return [word.replace("{}", str(capture)) for word in program.command]


def measure(program, capture):
    """One run."""
    words = command(program, capture)
    result = subprocess.run([str(COST)] + words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    said = json.loads(result.stdout) if result.returncode == 0 else {"status": result.returncode}
    if said["status"] != 0:
        raise Failed("%s: exit status %d\n%s" % (" ".join(words), said["status"], result.stderr.decode(errors="replace")))
    return Cost(1000 * (said["user_us"] + said["system_us"]), 1024 * said["peak_kib"])


def in_turn(programs, captures, rounds):
    """{(program's name, capture): [Cost of each round]}: in each round every program over every capture, so that whatever the machine
    does besides meets all of them. A round before the first brings programs and captures into memory and does not count."""
    costs = collections.defaultdict(list)
    for number in range(rounds + 1):
        for capture in captures:
            for program in programs:
                cost = measure(program, capture)
                if number > 0:
                    costs[program.name, capture].append(cost)
    return costs


def spread(values):
    values = sorted(values)
    if len(values) < 2:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def ratios(costs, to):
    """Of the runs of each round, one to the other."""
    return spread([cost.cpu_ns / base.cpu_ns for cost, base in zip(costs, to)])


def differences(costs, less):
    """What the runs of each round cost more than the others of it; the memory is the former's."""
    return [cost._replace(cpu_ns=cost.cpu_ns - other.cpu_ns) for cost, other in zip(costs, less)]


def per_packet_ns(costs, packets):
    return statistics.median(cost.cpu_ns for cost in costs) / packets


def peak_bytes(costs):
    return statistics.median(cost.peak_bytes for cost in costs)


def make_capture(pattern, path, **options):
    """Has the generator write a capture. Returns how many packets are in it."""
    words = [str(WORKLOAD), pattern, "--out", str(path)]
    for name, value in options.items():
        words += ["--%s" % name, str(value)]
    result = subprocess.run(words, stderr=subprocess.PIPE, check=False)
    said = result.stderr.decode(errors="replace")
    if result.returncode != 0:
        raise Failed(said.strip())
    return int(said.split(":")[1].split()[0])


def parse_peers(text):
    """The programs of BENCH_PEERS: "NAME=COMMAND", several separated by ";", with {} where the capture's name goes."""
    programs = []
    for part in filter(str.strip, text.split(";")):
        name, equals, command = part.partition("=")
        words = shlex.split(command)
        if not equals or not name.strip() or not any("{}" in word for word in words):
            raise ValueError("BENCH_PEERS: '%s': NAME=COMMAND is needed, with {} for the capture" % part.strip())
        programs.append(Program(name.strip(), words))
    return programs
