"""The exams on the optimiser, for real on small networks, and their arithmetic against plain twins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from netvet.exams import ExamContext, run_exam
from netvet.exams.sharpness import largest
from netvet.recipe import Recipe
from netvet.trace import Trace, TraceWriter
from tests.trained import shifted

pytestmark = pytest.mark.trained

TINY = Recipe().change(
    {
        "data.source": "reef:species=3,n=24",
        "data.image_size": 16,
        "model.depth": 2,
        "model.width": 8,
        "batch_size": 16,
        "precision": "float32",
        "stop.epochs": 1,
    }
)


def _taken(name: str, changes: Mapping[str, Any], out: Path) -> tuple[Trace, str]:
    from netvet.training import train
    from netvet.training.loop import load_images

    recipe = shifted(TINY.change(changes))
    images = load_images(recipe, progress=False)
    train(recipe, out=out, images=images)
    before = (out / "last.pt").read_bytes()
    state = torch.random.get_rng_state()
    with TraceWriter(out) as record:
        sentence = run_exam(name, ExamContext(out, recipe, images, record))
    assert (out / "last.pt").read_bytes() == before
    assert torch.equal(torch.random.get_rng_state(), state)
    return Trace.open(out), sentence


@pytest.mark.parametrize("scaled", [False, True])
def test_the_largest_eigenvalue_is_that_of_the_whole_hessian(scaled: bool) -> None:
    torch.manual_seed(1)
    x, y = torch.randn(20, 3), torch.randint(0, 4, (20,))
    weights = [torch.randn(3, 5, requires_grad=True), torch.randn(5, 4, requires_grad=True)]
    scale = [torch.rand(w.shape) + 0.5 for w in weights]

    def loss(flat: torch.Tensor) -> torch.Tensor:
        a, b = flat[:15].view(3, 5), flat[15:].view(5, 4)
        return torch.nn.functional.cross_entropy(torch.tanh(x @ a) @ b, y)

    flat = torch.cat([w.detach().flatten() for w in weights])
    whole = torch.autograd.functional.hessian(loss, flat)  # type: ignore[no-untyped-call]
    if scaled:
        d = torch.cat([s.flatten() for s in scale])
        whole = d[:, None] * whole * d
    expected = float(torch.linalg.eigvalsh(whole).max())
    found = largest(loss(torch.cat([w.flatten() for w in weights])), weights, scale if scaled else None)
    assert found == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("optimizer", "limit"), [({}, 2 * 1.9 / 0.05), ({"optimizer.name": "adam", "optimizer.lr": 0.002}, 38 / 0.002)]
)
def test_sharpness_is_taken_at_both_ends_against_the_optimisers_limit(
    optimizer: dict[str, Any], limit: float, tmp_path: Path
) -> None:
    trace, sentence = _taken("sharpness", optimizer, tmp_path)
    assert trace.places("sharpness") == ["first", "last"]
    assert all(trace.last("sharpness", place) > 0 for place in ("first", "last"))
    assert trace.last("sharpness_limit") == pytest.approx(limit)
    assert "first" in sentence


def test_a_network_with_room_learns_a_batch_by_heart(tmp_path: Path) -> None:
    trace, sentence = _taken("overfit-batch", {"model.width": 24}, tmp_path)
    assert trace.last("overfit_batch_accuracy", "reference") > 0.9
    assert trace.last("overfit_batch_accuracy", "own") > 0.9
    assert "memorise" in sentence


def test_one_with_an_optimiser_that_stands_still_does_only_with_the_reference(tmp_path: Path) -> None:
    trace, sentence = _taken("overfit-batch", {"optimizer.lr": 1e-6}, tmp_path)
    assert trace.last("overfit_batch_accuracy", "reference") > 0.9
    assert trace.last("overfit_batch_accuracy", "own") < 0.9
    assert "not with its own" in sentence


def test_one_without_room_does_not(tmp_path: Path) -> None:
    small = {"data.source": "reef:species=8,n=12", "model.width": 1, "model.depth": 1, "batch_size": 32}
    trace, sentence = _taken("overfit-batch", small, tmp_path)
    assert trace.last("overfit_batch_accuracy", "reference") < 0.9
    assert "cannot" in sentence


def test_momentum_has_nothing_to_say_of_adam(tmp_path: Path) -> None:
    trace, sentence = _taken("momentum-gain", {"optimizer.name": "adam", "optimizer.lr": 0.002}, tmp_path)
    assert "already" in sentence
    assert not trace.places("momentum_loss")


def test_momentum_compares_both_at_their_best_rates(tmp_path: Path) -> None:
    trace, _sentence = _taken("momentum-gain", {"optimizer.momentum": 0.0, "model.norm_after": "none"}, tmp_path)
    losses = {place: trace.last("momentum_loss", place) for place in trace.places("momentum_loss")}
    assert set(losses) == {"run", "own", "0.9"}
    assert trace.last("momentum_gain") == pytest.approx(losses["own"] / losses["0.9"])
    assert losses["own"] <= losses["run"] * 1.3  # averaged over two seeds
    assert -1 <= trace.last("grad_cosine") <= 1


def test_a_last_weight_that_is_not_finite_is_passed_over(tmp_path: Path) -> None:
    trace, _sentence = _taken("sharpness", {"optimizer.lr": 1e9, "model.norm_after": "none"}, tmp_path)
    assert not np.isfinite(trace.last("train_loss"))
    assert trace.places("sharpness") == ["first"]
