from __future__ import annotations

import numpy as np
import pytest

from netvet.testing import Curve, altered, assert_fires, assert_silent, healthy_trace
from netvet.trace import Trace


def loop(curve: Curve, head: Curve = 0.0) -> Trace:
    """Two layers of three have this curve, the head its own."""
    layers = {"kept_gradient@body.0": curve, "kept_gradient@body.1": curve, "kept_gradient@head": head}
    return altered(healthy_trace(recipe=None), layers)


@pytest.mark.parametrize("curve", [1.0, [0.97, 1.02], [0.0, 1.0, 1.0, 1.0, 1.0]])
def test_gradients_that_stay_are_found(curve: Curve) -> None:
    found = assert_fires("uncleared-gradients", loop(curve))
    assert found.where == "body.0"
    assert "zero_grad" in found.fix
    assert "nan" not in found.message


def test_cleared_gradients_are_not() -> None:
    assert_silent("uncleared-gradients", loop(0.0))
    assert_silent("uncleared-gradients", loop(0.3))  # faded on purpose
    assert_silent("uncleared-gradients", loop(0.0, head=1.0))  # one layer of three
    assert_silent("uncleared-gradients", altered(loop(np.nan), {"kept_gradient@head": np.nan}))
