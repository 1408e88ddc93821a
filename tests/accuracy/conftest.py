"""Short runs of what `make accuracy` does in full. tcptrace and tshark are asked where they are installed."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
