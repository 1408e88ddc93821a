"""Programs of other packages, which may be missing or may not do what they are for."""

import shutil
import subprocess


class Unavailable(Exception):
    """A tool that is missing, or may not do what it is for."""


def need(tool, package):
    if shutil.which(tool) is None:
        raise Unavailable("%s is not installed: apt-get install %s" % (tool, package))


def output(command, environment=None):
    try:
        result = subprocess.run([str(word) for word in command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                check=False)
    except OSError as error:
        raise Unavailable("%s: %s" % (command[0], error.strerror)) from error
    if result.returncode != 0:
        raise Unavailable("%s: %s" % (command[0], result.stderr.decode(errors="replace").strip().split("\n")[-1]))
    return result.stdout.decode(errors="replace")
