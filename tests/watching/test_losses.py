"""A loss is recognised by its value among those that people write, and no other is taken for it."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.trace import Trace
from netvet.watching import watch

CLASSES = 5
Loss = Callable[[Tensor, Tensor], Tensor]


def hot(labels: Tensor) -> Tensor:
    return F.one_hot(labels, CLASSES).float()


def focal(output: Tensor, labels: Tensor) -> Tensor:
    own = output.log_softmax(1).gather(1, labels[:, None])
    return -((1 - own.exp()) ** 2 * own).mean()


def trained(out: Path, loss: Loss, last: nn.Module | None = None, rate: float = 0.05) -> Trace:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.ReLU(), nn.Linear(16, CLASSES), last or nn.Identity())
    optimizer = torch.optim.SGD(model.parameters(), rate)
    images, labels = torch.randn(100, 3, 4, 4), torch.randint(0, CLASSES, (100,))
    with watch(model, optimizer, out=out) as vet:
        for _ in range(3):
            for part in torch.arange(100).split(16):
                value = loss(model(images[part]), labels[part])
                optimizer.zero_grad()
                value.backward()
                optimizer.step()
                vet.step(loss=value, labels=labels[part])
            vet.validate([(images, labels)])
    trace = Trace.open(out)
    assert "dropped_observers" not in trace.meta
    return trace


KNOWN: dict[str, tuple[Loss, str, float]] = {
    "plain": (F.cross_entropy, "cross-entropy", 1.0),
    "divided": (lambda o, y: F.cross_entropy(o, y) / 4, "cross-entropy", 0.25),
    "minus": (lambda o, y: -F.cross_entropy(o, y), "cross-entropy", -1.0),
    "by hand": (lambda o, y: F.nll_loss(o.log_softmax(1), y), "cross-entropy", 1.0),
    "softmax": (lambda o, y: F.cross_entropy(o.softmax(1), y), "cross-entropy of softmax", 1.0),
    "likelihood": (F.nll_loss, "log-likelihood of the output", 1.0),
    "squares": (lambda o, y: F.mse_loss(o, hot(y)), "squared error", 1.0),
    "sum of squares": (lambda o, y: ((o - hot(y)) ** 2).sum(1).mean(), "squared error", 5.0),
    "hinge": (F.multi_margin_loss, "margin", 1.0),
    "binary": (lambda o, y: F.binary_cross_entropy_with_logits(o, hot(y)), "binary cross-entropy with logits", 1.0),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_loss_has_its_name_and_scale(tmp_path: Path, name: str) -> None:
    loss, wanted, scale = KNOWN[name]
    found = trained(tmp_path, loss, rate=0.01).meta["loss_form"]
    assert (found["name"], found["summed"]) == (wanted, False)
    assert found["scale"] == pytest.approx(scale, rel=1e-3)


def test_a_sum_is_told_from_a_mean_by_the_last_short_batch(tmp_path: Path) -> None:
    found = trained(tmp_path, lambda o, y: F.cross_entropy(o, y, reduction="sum"), rate=1e-3).meta["loss_form"]
    assert (found["name"], found["summed"], found["scale"]) == ("cross-entropy", True, 1.0)


def test_the_smoothing_of_labels_is_read_off(tmp_path: Path) -> None:
    found = trained(tmp_path, lambda o, y: F.cross_entropy(o, y, label_smoothing=0.1)).meta["loss_form"]
    assert found["smoothing"] == pytest.approx(0.1, abs=1e-3)


def test_a_loss_that_nobody_listed_has_no_name(tmp_path: Path) -> None:
    assert trained(tmp_path, focal).meta["loss_form"]["name"] == ""


@pytest.mark.parametrize("last", [nn.Softmax(1), nn.LogSoftmax(1), nn.Identity()], ids=["softmax", "log", "logits"])
def test_cross_entropy_is_measured_whatever_form_the_output_has(tmp_path: Path, last: nn.Module) -> None:
    """Of the first batch it is the same for all three, and that of the logits."""
    trace, plain = trained(tmp_path / "a", focal, last), trained(tmp_path / "b", F.cross_entropy)
    assert trace.series("batch_cross_entropy").first == pytest.approx(plain.series("loss").first, rel=1e-5)
    assert trace.series("val_loss").first < 1.75


WEIGHTS = torch.tensor([1.0, 2.0, 4.0, 0.5, 2.5])


@pytest.mark.parametrize("last", [nn.Softmax(1), nn.LogSoftmax(1), nn.Identity()], ids=["softmax", "log", "logits"])
def test_the_weights_of_the_classes_are_read_off_the_gradient(tmp_path: Path, last: nn.Module) -> None:
    def loss(output: Tensor, labels: Tensor) -> Tensor:
        if isinstance(last, nn.Softmax):
            output = output.log()
            return F.nll_loss(output, labels, WEIGHTS)
        return F.cross_entropy(output, labels, WEIGHTS)

    trace = trained(tmp_path, loss, last)
    found = [trace.last("loss_weight", str(k)) for k in range(CLASSES)]
    assert found == pytest.approx((WEIGHTS / WEIGHTS.mean()).tolist(), rel=1e-2)


def test_an_ignored_class_weighs_nothing(tmp_path: Path) -> None:
    trace = trained(tmp_path, lambda o, y: F.cross_entropy(o, y, ignore_index=2))
    assert trace.last("loss_weight", "2") == pytest.approx(0.0, abs=1e-6)
    assert trace.last("loss_weight", "1") == pytest.approx(1.25, rel=1e-3)


@pytest.mark.parametrize("loss", [focal, KNOWN["squares"][0]], ids=["focal", "squares"])
def test_where_images_of_one_class_weigh_differently_no_weight_is_told(tmp_path: Path, loss: Loss) -> None:
    assert trained(tmp_path, loss).places("loss_weight") == []
