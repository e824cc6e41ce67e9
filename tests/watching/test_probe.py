"""The registry of probes: what a probe has, what it sees, and what becomes of one that fails."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor
from torch.nn import functional as F

from netvet import watching as probe_module
from netvet.base.observed import Observed
from netvet.trace import Trace
from netvet.watching import Moment, Probe, _probe, all_probes, watch
from tests.watching.loops import batches, net, run, sgd


def test_every_probe_has_a_page_and_a_unit() -> None:
    known = all_probes()
    assert set(known) >= {
        *(
            "grad_norm",
            "grad_rms",
            "weight_norm",
            "update_ratio",
            "weight_distance",
            "activation_mean",
            "activation_std",
        ),
        *("dead_fraction", "saturated_fraction", "norm_mean_gap", "norm_std_gap", "entropy"),
    }
    for name, each in known.items():
        assert each.module == f"netvet.watching.probes.{name}"
        assert each.observed.unit
        assert each.title.endswith(".")
        assert f"`{name}`" in each.page
        assert "It matters because" in each.page
        assert "## References" in each.page


def test_an_unknown_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="none of forward"):
        probe_module.probe("x", at="never")  # type: ignore[arg-type]


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, Callable[..., Any]], None]:
    """Adds a probe for one test."""
    known = dict(all_probes())
    monkeypatch.setattr(_probe._PROBES, "leaves", known)

    def add(name: str, at: Any, measure: Callable[..., Any]) -> None:
        known[name] = Probe(name, measure, at, 10, Observed(), __name__)

    return add


@pytest.mark.parametrize("at", ["forward", "before_step", "after_step", "end"])
def test_a_probe_that_raises_is_dropped_once(
    tmp_path: Path, extra: Callable[[str, str, Callable[..., Any]], None], at: str
) -> None:
    calls: list[int] = []

    def broken(_subject: object) -> float:
        calls.append(1)
        raise ZeroDivisionError("by design")

    extra("broken", at, broken)
    model = net()
    optimizer = sgd(model)
    vet = watch(model, optimizer, out=tmp_path, every=1)

    def train() -> None:
        for images, labels in batches(3):
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)

    with pytest.warns(RuntimeWarning, match="broken failed at step 0") as warned:
        train()
    vet.close()
    assert len(warned) == len(calls) == 1
    trace = Trace.open(tmp_path)
    assert trace.meta["dropped_probes"] == {"broken": "ZeroDivisionError: by design"}
    assert len(trace.series("grad_norm", "0")) == len(trace.series("activation_mean", "0")) == 3


def test_a_probe_that_gives_no_number_is_dropped(
    tmp_path: Path, extra: Callable[[str, str, Callable[..., Any]], None]
) -> None:
    extra("vector", "end", lambda moment: moment.logits)
    with pytest.warns(RuntimeWarning, match="no single number"), pytest.raises(AssertionError):
        run(net(), tmp_path)
    assert Trace.open(tmp_path).places("vector") == []


def test_a_new_probe_sees_the_whole_moment(
    tmp_path: Path, extra: Callable[[str, str, Callable[..., Any]], None]
) -> None:
    def whole(moment: Moment) -> dict[str, Tensor | float]:
        assert moment.images is not None
        assert moment.logits is not None
        assert moment.labels is not None
        assert moment.loss is not None
        expected = F.cross_entropy(moment.logits, moment.labels)
        return {
            "gap": (expected - moment.loss).abs(),
            "images": float(len(moment.images)),
            "places": len(moment.weights),
        }

    extra("whole", "end", whole)
    trace = run(net(), tmp_path)
    assert trace.last("whole", "gap") == pytest.approx(0, abs=1e-6)
    assert (trace.last("whole", "images"), trace.last("whole", "places")) == (8, 3)
