"""Our statistics beside TCP_INFO of the same connection, on the shortest of the paths of `make accuracy` and on one of the long."""

import pytest

import kernel
from network import namespaces_allowed

REASON = namespaces_allowed()


@pytest.mark.skipif(REASON is not None, reason="network namespaces are needed: %s" % REASON)
@pytest.mark.parametrize("path, count", [("200us", 300), ("50ms", 40)])
def test_what_the_kernel_says(path, count):
    rows = kernel.measured(path, path, count, print)
    assert len(rows) == 4
    for row in rows:
        assert kernel.is_close(row), row
