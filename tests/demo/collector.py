"""collector.py CHECK CONFIG EXTENSION INTERVAL: runs a check as the Agent does, again and again; a line of JSON for each run.

The object is that of `agent5.py run --json`, with the screen of `dd-agent info` as "screen". For CPython 2.7, as in Agent v5."""
from __future__ import absolute_import, print_function

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'python', 'agent5'))
import agent5  # noqa: E402


def main(check, config, extension, interval):
    sys.path.insert(0, extension)
    agent = agent5.Agent(check, config)
    while True:
        run = agent.run()
        print(json.dumps(dict(run.as_dict(), screen=agent5.render(run, colour=False))))
        sys.stdout.flush()
        time.sleep(float(interval))


if __name__ == '__main__':
    main(*sys.argv[1:])
