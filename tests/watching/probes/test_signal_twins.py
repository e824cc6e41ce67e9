"""The probes of the input and of the weights' size and spread, against their definitions written out."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.trace import Trace
from netvet.watching import Moment, all_probes, watch


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.two = nn.Conv2d(6, 10, 3, groups=2)
        self.head = nn.Linear(10, 4)
        with torch.no_grad():
            self.two.weight.copy_(self.two.weight[:1].expand_as(self.two.weight))  # units that are all the same

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.two(self.one(x).relu()).mean((2, 3)))
        return found


STEPS = 105


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trace, dict[int, tuple[Tensor, dict[str, Tensor]]]]:
    """A trace, and by step the images and a copy of every weight before the update."""
    torch.manual_seed(0)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    kept: dict[int, tuple[Tensor, dict[str, Tensor]]] = {}
    out: Path = tmp_path_factory.mktemp("run")
    with watch(model, optimizer, out=out) as vet:
        for step in range(STEPS):
            images = 3 * torch.randn(8, 3, 6, 6) + step
            labels = torch.randint(4, (8,))
            weights = {n: p.detach().double().clone() for n, p in model.named_parameters() if n.endswith("weight")}
            kept[step] = images.double(), weights
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)
    return Trace.open(out), kept


def test_the_input(recorded: tuple[Trace, dict[int, tuple[Tensor, dict[str, Tensor]]]]) -> None:
    trace, kept = recorded
    mean, std = trace.series("input_mean"), trace.series("input_std")
    assert mean.steps.tolist() == std.steps.tolist() == [0, 1, 2, 5, 100]
    for step, m, s in zip(mean.steps, mean.values, std.values, strict=True):
        pixels = kept[int(step)][0].flatten().tolist()
        assert m == pytest.approx(float(np.mean(pixels)), rel=1e-4)
        assert s == pytest.approx(float(np.std(pixels)), rel=1e-4)


@pytest.mark.parametrize("layer", ["one", "two", "head"])
def test_gain_and_spread(recorded: tuple[Trace, dict[int, tuple[Tensor, dict[str, Tensor]]]], layer: str) -> None:
    trace, kept = recorded
    gain, spread = trace.series("weight_gain", layer), trace.series("unit_spread", layer)
    assert gain.steps.tolist() == spread.steps.tolist() == [0, 1, 2, 5, 100]
    for step, g, s in zip(gain.steps, gain.values, spread.values, strict=True):
        rows = kept[int(step)][1][f"{layer}.weight"].flatten(1)
        units, fan = rows.shape
        everything = [float(x) for row in rows for x in row]
        rms = math.sqrt(sum(x * x for x in everything) / len(everything))
        assert g == pytest.approx(rms * math.sqrt(fan), rel=1e-4)
        means = [float(rows[:, k].mean()) for k in range(fan)]
        apart = sum((float(rows[u, k]) - means[k]) ** 2 for u in range(units) for k in range(fan))
        assert s == pytest.approx(math.sqrt(apart / len(everything)) / rms, rel=1e-3, abs=1e-6)


def test_units_that_are_alike_and_units_that_are_not(
    recorded: tuple[Trace, dict[int, tuple[Tensor, dict[str, Tensor]]]],
) -> None:
    trace, _kept = recorded
    assert trace.series("unit_spread", "two").first < 1e-6
    assert trace.series("unit_spread", "one").first > 0.8


def test_he_and_torch_draw_the_gains_that_are_named() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(64, 256, 3)
    moment = Moment(
        0, layer, torch.optim.SGD(layer.parameters(), lr=1.0), weights={"it": layer.get_parameter("weight")}
    )
    found = all_probes()["weight_gain"].measure(moment)
    assert isinstance(found, dict)
    assert float(found["it"]) == pytest.approx(1 / math.sqrt(3), rel=0.01)
    nn.init.kaiming_normal_(layer.weight)
    found = all_probes()["weight_gain"].measure(moment)
    assert isinstance(found, dict)
    assert float(found["it"]) == pytest.approx(math.sqrt(2), rel=0.01)


def test_what_cannot_be_measured_is_left_out() -> None:
    layer = nn.Linear(5, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    assert (
        all_probes()["unit_spread"].measure(Moment(0, layer, optimizer, weights={"it": layer.get_parameter("weight")}))
        == {}
    )
    for name in ("input_mean", "input_std"):
        assert all_probes()[name].measure(Moment(0, layer, optimizer)) is None
        assert (
            all_probes()[name].measure(Moment(0, layer, optimizer, images=torch.zeros(2, 3, dtype=torch.int64))) is None
        )


def test_weights_of_zero_are_alike() -> None:
    layer = nn.Linear(5, 3)
    nn.init.zeros_(layer.weight)
    moment = Moment(
        0, layer, torch.optim.SGD(layer.parameters(), lr=1.0), weights={"it": layer.get_parameter("weight")}
    )
    found = all_probes()["unit_spread"].measure(moment)
    assert isinstance(found, dict)
    assert float(found["it"]) == 0


def test_of_a_large_weight_a_sample_tells_the_spread() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(256, 256, 3)
    with torch.no_grad():
        layer.weight += 0.02  # so that the spread is not next to 1
    moment = Moment(
        0, layer, torch.optim.SGD(layer.parameters(), lr=1.0), weights={"it": layer.get_parameter("weight")}
    )
    found = all_probes()["unit_spread"].measure(moment)
    assert isinstance(found, dict)
    weight = layer.weight.detach().double()
    exact = float((weight - weight.mean(0)).norm() / weight.norm())
    assert 0.4 < exact < 0.8
    assert float(found["it"]) == pytest.approx(exact, rel=0.01)
