"""When it measures, and what it makes of models and loops of many kinds."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.trace import Trace
from netvet.watching import watch
from tests.watching.loops import CLASSES, batches, net, run, sgd


def test_sampled_steps(tmp_path: Path) -> None:
    trace = run(net(), tmp_path, steps=23, every=None)
    sampled = [0, 1, 2, 5, 10, 20]
    for name in ("grad_norm", "activation_std", "update_ratio", "entropy"):
        assert trace.series(name, trace.places(name)[0]).steps.tolist() == sampled
    assert trace.series("loss").steps.tolist() == list(range(23))
    assert trace.series("learning_rate").values.tolist() == [0.05] * 23


def test_learning_rate_is_the_one_that_was_used(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model, 0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    with watch(model, optimizer, out=tmp_path) as vet:
        for images, labels in batches(3):
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            schedule.step()
            vet.step(loss=loss, labels=labels)
    assert Trace.open(tmp_path).series("learning_rate").values.tolist() == [0.1, 0.05, 0.025]


@pytest.mark.parametrize("each", [True, False], ids=["step after every backward", "step after the optimiser"])
def test_gradient_accumulation(tmp_path: Path, each: bool) -> None:
    model = net()
    optimizer = sgd(model)
    losses: list[float] = []
    with watch(model, optimizer, out=tmp_path, every=1) as vet:
        for turn, (images, labels) in enumerate(batches(9)):
            loss = F.cross_entropy(model(images), labels)
            (loss / 3).backward()
            losses.append(loss.item())
            if last := turn % 3 == 2:
                optimizer.step()
                optimizer.zero_grad()
            if each or last:
                vet.step(loss=loss, labels=labels)
    trace = Trace.open(tmp_path)
    expected = np.reshape(losses, (3, 3)).mean(1) if each else losses[2::3]
    assert trace.series("loss").steps.tolist() == [0, 1, 2]
    assert trace.series("loss").values == pytest.approx(expected, rel=1e-6)
    for name, where in (("grad_norm", "0"), ("activation_mean", "0"), ("update_ratio", "4")):
        assert trace.series(name, where).steps.tolist() == [0, 1, 2]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=8), st.integers(1, 4))
def test_steps_are_counted_by_the_optimiser(
    tmp_path_factory: pytest.TempPathFactory, plan: list[int], every: int
) -> None:
    """However many backward passes (and calls) there are to a step, each optimiser step is one row."""
    out = tmp_path_factory.mktemp("run")
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    optimizer = sgd(model)
    with watch(model, optimizer, out=out, every=every) as vet:
        for backwards in plan:
            for turn in range(backwards):
                loss = F.cross_entropy(model(torch.randn(4, 2)), torch.tensor([0, 1, 0, 1]))
                loss.backward()
                if turn == backwards - 1:
                    optimizer.step()
                vet.step(loss=loss, labels=torch.tensor([0, 1, 0, 1]))
    trace = Trace.open(out)
    due = [s for s in range(len(plan)) if s % every == 0 or s in (0, 1, 2, 5)]
    assert trace.series("loss").steps.tolist() == list(range(len(plan)))
    assert trace.series("dead_fraction", "1").steps.tolist() == due
    assert trace.series("update_ratio", "0").steps.tolist() == due


class Functional(nn.Module):
    """No activation module: `F.relu` in `forward`, and a flattened map."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 6, 3, padding=1)
        self.two = nn.Conv2d(6, 5, 3, padding=1)
        self.head = nn.Linear(5 * 4 * 4, CLASSES)
        with torch.no_grad():
            assert self.one.bias is not None
            assert self.two.bias is not None
            self.one.bias[:3] = -100.0
            self.two.bias[:1] = -100.0
            self.one.bias[3:] = 5.0  # so that no other unit happens to be dead
            self.two.bias[1:] = 5.0

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.one(x)), 3)
        found: Tensor = self.head(F.relu_(self.two(x)).flatten(1))
        return found


def test_dead_units_of_a_functional_relu(tmp_path: Path) -> None:
    trace = run(Functional(), tmp_path, steps=1)
    assert trace.places("dead_fraction") == ["two.input", "head.input"]
    assert trace.last("dead_fraction", "two.input") == pytest.approx(0.5)
    assert trace.last("dead_fraction", "head.input") == pytest.approx(0.2)


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = net()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"features": x, "logits": self.body(x)}


def test_outputs_that_are_dicts(tmp_path: Path) -> None:
    trace = run(Named(), tmp_path, forward=lambda model, x: model(x)["logits"])
    assert trace.meta["classes"] == ["0", "1", "2", "3"]
    assert len(trace.series("entropy")) == 3


class Tuple(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = net()

    def forward(self, *, pixels: Tensor) -> tuple[Tensor, None]:
        return self.body(pixels), None


def test_outputs_that_are_tuples_and_keyword_inputs(tmp_path: Path) -> None:
    trace = run(Tuple(), tmp_path, forward=lambda model, x: model(pixels=x)[0])
    assert trace.places("entropy") == [""]
    assert trace.places("grad_norm")[:2] == ["body.0", "body.4"]


def test_models_of_one_layer(tmp_path: Path) -> None:
    alone = run(nn.Linear(432, CLASSES), tmp_path, forward=lambda model, x: model(x.flatten(1)))
    assert alone.places("grad_norm") == ["model", ""]


def test_activations_that_are_no_rectifiers(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.SiLU(), nn.Flatten(), nn.Linear(800, CLASSES))
    trace = run(model, tmp_path)
    assert trace.places("dead_fraction") == []
    assert trace.places("activation_std") == ["0", "1", "3"]


def test_gradient_checkpointing_measures_once(tmp_path: Path) -> None:
    from torch.utils.checkpoint import checkpoint

    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), nn.Linear(8, CLASSES)

        def forward(self, x: Tensor) -> Tensor:
            body: Tensor = checkpoint(self.body, x, use_reentrant=False)
            found: Tensor = self.head(body.mean((2, 3)))
            return found

    trace = run(Checkpointed(), tmp_path)
    assert trace.places("dead_fraction") == ["body.1"]
    assert trace.series("dead_fraction", "body.1").steps.tolist() == [0, 1, 2]


def test_gradients_cleared_before_step(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path, every=1) as vet:
        for images, labels in batches(2):
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            vet.step(loss=loss, labels=labels)
    assert Trace.open(tmp_path).series("grad_norm", "4").steps.tolist() == [0, 1]


def test_labels_of_probabilities_and_a_loss_that_is_a_number(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path, every=1) as vet:
        images, labels = batches(1)[0]
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        vet.step(loss=1.5, labels=F.one_hot(labels, CLASSES).float())
        vet.validate([(images, labels)])
    trace = Trace.open(tmp_path)
    assert trace.series("loss").values.tolist() == [1.5]
    assert trace.last("train_images") == len(labels)
