"""`go-metro check-config` as a command: what it prints, where, and its exit status. Neither root nor a network is needed."""

import os
import subprocess

import pytest

from processes import BUILD

PROGRAM = BUILD / "go-metro"
RIGHT = """\
init_config: {}
instances:
  - interface: eth0
    ips: [192.0.2.1]
"""
# What stops root from reading what it owns and may not read.
WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []


def check_config(path, *before):
    """Exit status, stdout and stderr."""
    result = subprocess.run([*before, str(PROGRAM), "check-config", "-cfg", str(path)], capture_output=True, text=True, timeout=60,
                            check=False)
    return result.returncode, result.stdout, result.stderr


@pytest.fixture
def path(tmp_path):
    return tmp_path / "go-metro.yaml"


def test_right(path):
    path.write_text(RIGHT + "  - interface: lo\n    all_peers: true\n")
    assert check_config(path) == (0, "%s: right, 2 instances\n" % path, "")


def test_a_warning_is_no_error(path):
    path.write_text(RIGHT.replace("{}", "{idel_ttl: 5}"))
    warning = "%s:1:15: warning: key 'idel_ttl' is not known; did you mean 'idle_ttl'?\n" % path
    assert check_config(path) == (0, warning + "%s: right, 1 instance\n" % path, "")


def test_wrong(path):
    path.write_text(RIGHT + "    group_by: planet\n  - ips: [192.0.2.2]\n")
    assert check_config(path) == (1, "", "".join(line % path for line in (
        "%s:5:15: error: key 'group_by': planet is not known; write one of peer, peer_port, subnet\n",
        "%s:6:5: error: instance 2: key 'interface' is missing; write 'interface: eth0', say\n")))


def test_what_the_old_program_took_is_no_error(path):
    path.write_text(RIGHT.replace("{}", "{idle_ttl: 604800, snaplen: -1, statsd_ip: ''}") + "    hosts: ['db1:3306', null]\n")
    assert check_config(path) == (0, "".join(line % path for line in (
        "%s:1:25: note: key 'idle_ttl': 604800 is too large; 86400 is used\n",
        "%s:1:42: note: key 'snaplen': -1 is too small; 192 is used\n",
        "%s:1:57: warning: key 'statsd_ip': an empty text is not a host name; write a name such as db1.example.com, without scheme, "
        "port or path (it has no effect without 'submit_via: dogstatsd')\n",
        "%s:5:13: warning: key 'hosts': db1:3306 is not a host name; write a name such as db1.example.com, without scheme, port or "
        "path (it is left out)\n",
        "%s:5:25: warning: key 'hosts': an item is empty; remove its '-' (it is left out)\n",
        "%s: right, 1 instance\n")), "")


def test_but_where_it_counts_it_is_one(path):
    path.write_text(RIGHT.replace("{}", "{statsd_ip: '', submit_via: dogstatsd}"))
    assert check_config(path) == (
        1, "", "%s:1:26: error: key 'statsd_ip': an empty text is not a host name; write a name such as db1.example.com, without "
               "scheme, port or path\n" % path)


def test_no_instance_is_shown_with_its_place(path):
    path.write_text("init_config:\ninstances:\n")
    assert check_config(path) == (
        1, "", "%s:2:1: error: key 'instances': no instance; write '- interface: eth0' below 'instances:'\n" % path)


def test_absent(path):
    assert check_config(path) == (1, "", "%s: error: no such file; copy go-metro.yaml.example to it\n" % path)


def test_unreadable(path):
    path.write_text(RIGHT)
    path.chmod(0)
    assert check_config(path, *WITHOUT_RIGHTS) == (
        1, "", "%s: error: cannot be read: Permission denied; make it readable for the helper's user\n" % path)


def test_a_folder(tmp_path):
    assert check_config(tmp_path) == (1, "", "%s: error: cannot be read: Is a directory; it must be a regular file\n" % tmp_path)


def test_each_of_gos_forms(path):
    path.write_text(RIGHT)
    for form in (["-cfg=%s" % path], ["--cfg=%s" % path], ["--cfg", str(path)]):
        out = subprocess.run([str(PROGRAM), "check-config", *form], capture_output=True, text=True, timeout=60, check=True).stdout
        assert out == "%s: right, 1 instance\n" % path


def test_wrong_usage():
    result = subprocess.run([str(PROGRAM), "check-config", "--json"], capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert "--json" in result.stderr and result.stderr.count("\n") == 1
