"""tests/setup/python2.sh: which CPython 2.7 it takes, directly and through make, and that it finds one where there is none."""

import os
import pathlib
import re
import subprocess

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", REPOSITORY / "build")).resolve()
SCRIPT = REPOSITORY / "tests" / "setup" / "python2.sh"
REAL = BUILD / "bin" / "python2.7"
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
NO_NETWORK = "Could not (resolve|connect)|Temporary failure|Network is unreachable|Connection (failed|refused|timed out)"


class Wrapper:
    """A command that is a CPython 2.7 and leaves a mark when it is called."""

    def __init__(self, path):
        self.path, self.mark = path, path.parent / "mark"
        path.parent.mkdir(parents=True)
        path.write_text("#!/bin/sh\necho called >>'%s'\nexec '%s' \"$@\"\n" % (self.mark, REAL))
        path.chmod(0o755)

    def was_called(self):
        """Since the last time that this was asked."""
        called = self.mark.exists()
        self.mark.unlink(missing_ok=True)
        return called


@pytest.fixture
def wrapper(tmp_path):
    return Wrapper(tmp_path / "wrapper" / "python2.7")


@pytest.fixture
def build(tmp_path):
    return tmp_path / "build"


@pytest.fixture
def set_up(tmp_path, build):
    """set_up(NAME=value): runs the script in a bare environment with these; what it said."""
    home = tmp_path / "home"
    home.mkdir()

    def run(**environment):
        environment = dict({"HOME": str(home), "PATH": SYSTEM_PATH}, **{name: str(value) for name, value in environment.items()})
        return subprocess.run([SCRIPT, build], env=environment, capture_output=True, text=True, timeout=600, check=False)
    return run


def version(build):
    return subprocess.check_output([build / "bin" / "python2.7", "-c", "import sys; print(sys.version_info[:2])"], text=True)


def takes(wrapper, result, build):
    assert result.returncode == 0, result.stderr
    assert result.stdout == "setup: CPython 2.7 is %s\n" % wrapper.path
    wrapper.was_called()
    assert version(build) == "(2, 7)\n"
    return wrapper.was_called()


def test_the_one_that_is_asked_for(set_up, wrapper, build):
    assert takes(wrapper, set_up(PYTHON2=wrapper.path), build)


def test_a_name_on_the_path_is_asked_for(set_up, tmp_path, build):
    named = Wrapper(tmp_path / "commands" / "my-python")
    assert takes(named, set_up(PYTHON2="my-python", PATH="%s:%s" % (named.path.parent, SYSTEM_PATH)), build)


def test_asked_for_comes_before_what_was_found_earlier(set_up, wrapper, tmp_path, build):
    assert takes(wrapper, set_up(PYTHON2=wrapper.path), build)
    other = Wrapper(tmp_path / "other" / "python2.7")
    assert takes(other, set_up(PYTHON2=other.path), build)
    assert not wrapper.was_called()


def test_what_is_there_stays(set_up, wrapper, build):
    """The extension is compiled anew when the file is newer than it."""
    set_up(PYTHON2=wrapper.path)
    before = (build / "bin" / "python2.7").stat()
    for again in (set_up(PYTHON2=wrapper.path), set_up(), set_up(PYTHON2=build / "bin" / "python2.7")):
        assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
        after = (build / "bin" / "python2.7").stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert version(build) == "(2, 7)\n"


def test_asked_for_and_unusable_is_said(set_up, wrapper, build):
    """Python 3, or what is no interpreter at all."""
    path = "%s:%s" % (wrapper.path.parent, SYSTEM_PATH)
    for wrong in ("/usr/bin/python3", "/bin/true", "no-such-command"):
        result = set_up(PYTHON2=wrong, PATH=path)
        assert result.stderr == "setup: PYTHON2=%s is no CPython 2.7 with its headers: looking for another\n" % wrong
    assert result.returncode == 0 and version(build) == "(2, 7)\n"


AGENTS = pathlib.Path("/opt/datadog-agent/embedded/bin/python")
of_this_machine = pytest.mark.skipif(AGENTS.exists(), reason="this machine has an Agent's interpreter, which comes before these")


@of_this_machine
def test_on_the_path(set_up, wrapper, build):
    assert takes(wrapper, set_up(PATH="%s:%s" % (wrapper.path.parent, SYSTEM_PATH)), build)


@of_this_machine
@pytest.mark.skipif(os.path.exists("/usr/bin/python2.7"), reason="this machine has /usr/bin/python2.7, which comes before it")
def test_of_a_pyenv(set_up, tmp_path, build):
    own = Wrapper(tmp_path / "home" / ".pyenv" / "versions" / "2.7.18" / "bin" / "python2.7")
    assert takes(own, set_up(), build)
    other = Wrapper(tmp_path / "pyenv" / "versions" / "2.7.9" / "bin" / "python2.7")
    (build / "bin" / "python2.7").unlink()
    assert takes(other, set_up(PYENV_ROOT=tmp_path / "pyenv"), build)


def extension_of(build, folder):
    """Imports the extension that was built into the folder, in the interpreter of the build; what it computed."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import metro_segment; print('%08x' % metro_segment.crc32c(b'123456789'))"
    return subprocess.check_output([build / "bin" / "python2.7", "-c", code, folder], text=True).strip()


def test_make_builds_with_the_one_that_is_asked_for(wrapper, build, tmp_path):
    """By the environment and by the command line, and another one than last time."""
    other = Wrapper(tmp_path / "other" / "python2.7")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHON2", "MAKEFLAGS", "MAKELEVEL")}
    target = build / "python2" / ".built"
    for asked, arguments, variables in ((wrapper, [], {"PYTHON2": str(wrapper.path)}), (other, ["PYTHON2=%s" % other.path], {})):
        subprocess.run(["make", "-s", "-C", REPOSITORY, "BUILD=%s" % build, target, *arguments], env={**environment, **variables},
                       capture_output=True, timeout=300, check=True)
        assert asked.was_called()
        assert extension_of(build, target.parent) == "e3069283"
        assert asked.was_called()
    assert not wrapper.was_called(), "once another one is asked for"


@of_this_machine
@pytest.mark.skipif(os.path.exists("/usr/bin/python2.7"), reason="this machine has a CPython 2.7 of its own")
def test_a_machine_without_any(set_up, build, tmp_path):
    """Debian 11's packages come from the mirror that the machine uses; nothing of a pyenv or of the environment helps."""
    result = set_up()
    if result.returncode != 0 and re.search(NO_NETWORK, result.stderr):
        pytest.skip("the Debian mirror cannot be reached: " + result.stderr.strip().splitlines()[-1])
    assert result.returncode == 0, result.stderr
    assert result.stdout == "setup: unpacking CPython 2.7 of Debian 11 into %s/python2.7-root\n" % build
    assert version(build) == "(2, 7)\n"
    environment = {"HOME": str(tmp_path / "home"), "PATH": SYSTEM_PATH, "PYTHONDONTWRITEBYTECODE": "1"}
    folder = tmp_path / "extension"
    subprocess.run([build / "bin" / "python2.7", "setup.py", "-q", "build_ext", "--build-lib", folder, "--build-temp",
                    tmp_path / "objects"], cwd=REPOSITORY, env=environment, capture_output=True, timeout=300, check=True)
    assert extension_of(build, folder) == "e3069283"
    again = set_up()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", ""), "it is there now"
