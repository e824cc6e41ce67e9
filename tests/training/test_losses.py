"""Losses against torch's and kornia's own, and against the printed formula."""

from __future__ import annotations

import pytest
import torch
from kornia.losses import focal_loss as kornia_focal_loss
from torch import Tensor
from torch.nn import functional as F

from netvet import recipe
from netvet.training import losses

COUNTS = torch.tensor([8, 1, 3, 0])


def batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(12, 4, generator=generator, requires_grad=True)
    return logits, torch.randint(0, 3, (12,), generator=generator)


def gradient(loss: Tensor, logits: Tensor) -> Tensor:
    (found,) = torch.autograd.grad(loss, logits)
    return found


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_focal_loss_is_kornias_where_kornia_has_one(gamma: float) -> None:
    logits, targets = batch()
    ours = losses.build(recipe.Loss(name="focal", gamma=gamma), COUNTS)(logits, targets)
    theirs = kornia_focal_loss(logits, targets, alpha=None, gamma=gamma, reduction="none").sum(1).mean()
    p = logits.softmax(1)[torch.arange(12), targets]
    plain = (-((1 - p) ** gamma) * p.log()).mean()
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(gradient(ours, logits), gradient(plain, logits))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", ["none", "balanced", "effective"])
@pytest.mark.parametrize("soft", [False, True])
def test_focal_loss_without_focus_is_cross_entropy(smoothing: float, weights: str, soft: bool) -> None:
    logits, labels = batch()
    targets = torch.rand(12, 4).softmax(1) if soft else labels
    settings = {"label_smoothing": smoothing, "class_weights": weights, "gamma": 0.0}
    focal = losses.build(recipe.Loss.model_validate({"name": "focal", **settings}), COUNTS)(logits, targets)
    plain = losses.build(recipe.Loss.model_validate({"name": "cross-entropy", **settings}), COUNTS)(logits, targets)
    torch.testing.assert_close(focal, plain)
    torch.testing.assert_close(gradient(focal, logits), gradient(plain, logits))


@pytest.mark.parametrize("name", ["cross-entropy", "focal"])
def test_probabilities_of_one_class_are_its_index(name: str) -> None:
    logits, targets = batch()
    loss = losses.build(recipe.Loss.model_validate({"name": name, "label_smoothing": 0.1}), COUNTS)
    torch.testing.assert_close(loss(logits, targets), loss(logits, F.one_hot(targets, 4).float()))


@pytest.mark.parametrize("gamma", [0.0, 0.3, 2.0])
def test_focal_loss_is_finite_where_the_net_is_certain(gamma: float) -> None:
    logits = torch.tensor([[200.0, -200.0], [200.0, -200.0]], requires_grad=True)
    loss = losses.build(recipe.Loss(name="focal", gamma=gamma), torch.ones(2))(logits, torch.tensor([0, 1]))
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient(loss, logits)).all()


def test_focal_loss_turns_from_easy_images() -> None:
    logits = torch.tensor([[4.0, 0.0], [0.0, 0.0]])
    targets = torch.tensor([0, 0])
    plain = F.cross_entropy(logits, targets, reduction="none")
    shares = [losses.focal_loss(logits[i : i + 1], targets[i : i + 1], 2.0) / plain[i] for i in (0, 1)]
    assert shares[0] < 0.001
    assert shares[1] == pytest.approx(0.25)


def test_balanced_weights_are_one_on_average_and_skip_empty_classes() -> None:
    weights = losses.balanced_weights(COUNTS)
    torch.testing.assert_close(weights * COUNTS, torch.tensor([4.0, 4.0, 4.0, 0.0]))
    torch.testing.assert_close((weights * COUNTS).sum() / COUNTS.sum(), torch.tensor(1.0))


def test_effective_weights_are_the_paper_s_between_equal_and_balanced() -> None:
    beta = 0.9
    weights = losses.effective_weights(COUNTS, beta)
    numbers = [(1 - beta**n) / (1 - beta) for n in (8, 1, 3)]
    torch.testing.assert_close(weights[:3] / weights[1], torch.tensor([1 / n for n in numbers]))
    assert weights[3] == 0
    torch.testing.assert_close((weights * COUNTS).sum() / COUNTS.sum(), torch.tensor(1.0))
    torch.testing.assert_close(losses.effective_weights(COUNTS, 0.0), torch.tensor([1.0, 1.0, 1.0, 0.0]))
    near_one = losses.effective_weights(COUNTS, 1 - 1e-9)
    torch.testing.assert_close(near_one, losses.balanced_weights(COUNTS), rtol=1e-4, atol=0)


def test_effective_weights_enter_the_loss() -> None:
    logits, targets = batch()
    found = losses.build(recipe.Loss(class_weights="effective", beta=0.9), COUNTS)(logits, targets)
    expected = F.cross_entropy(logits, targets, losses.effective_weights(COUNTS, 0.9))
    torch.testing.assert_close(found, expected)
    assert found != losses.build(recipe.Loss(class_weights="balanced"), COUNTS)(logits, targets)


def test_balanced_classes_pull_alike() -> None:
    """With 8 images of one class and 1 of another, the weighted loss' gradient of both is as large."""
    logits = torch.zeros(9, 2, requires_grad=True)
    targets = torch.tensor([0] * 8 + [1])
    pull = gradient(losses.build(recipe.Loss(class_weights="balanced"), torch.tensor([8, 1]))(logits, targets), logits)
    torch.testing.assert_close(pull[:8].sum(0), -pull[8])


def test_low_precision_logits_are_summed_in_float32() -> None:
    logits, targets = batch()
    for name in ("cross-entropy", "focal"):
        loss = losses.build(recipe.Loss.model_validate({"name": name}), COUNTS)
        assert loss(logits.bfloat16(), targets).dtype == torch.float32
