"""A helper that has nothing to measure costs next to nothing."""

import pytest

import usage
from silence import quiet_helper

SECONDS = 5


@pytest.mark.parametrize("interfaces", [1, 8])
def test_a_helper_without_traffic_hardly_wakes(interfaces):
    with quiet_helper(interfaces) as (_, helper):
        used = usage.watch(helper.target(), SECONDS)
    # Once a second it publishes, looks at its configuration and lets flows expire, all at one time. A ring without a packet does not
    # wake it, although its block is due ten times a second. Half of the bound is for what else may happen.
    assert used.wakes <= 2 * SECONDS, used
    assert used.cpu_s < 0.01 * SECONDS, used  # it is a fiftieth of that
