"""Each probe against a slow plain twin: autograd and the definition, written out, without hooks."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.trace import Trace
from netvet.watching import Layer, all_probes, watch
from netvet.watching.layers import SAMPLE, ChannelStats, channel_statistics, sample

CLASSES = 5
Recorded = tuple[Trace, "Twin"]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.two = nn.Conv2d(6, 10, 3, stride=2)
        self.tanh = nn.Tanh()
        self.three = nn.Linear(10, 7)
        self.sigmoid = nn.Sigmoid()
        self.head = nn.Linear(7, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.tanh(self.two(self.relu(self.norm(self.one(x)))))
        found: Tensor = self.head(self.sigmoid(self.three(x.mean((2, 3)))))
        return found


WEIGHTS = ("one", "two", "three", "head")
PLACES = ("one", "relu", "two", "tanh", "three", "sigmoid", "head")


class Twin:
    """The same training without netvet: keeps every activation, gradient and weight of every step, in full."""

    def __init__(self, model: Net, optimizer: torch.optim.Optimizer, data: list[tuple[Tensor, Tensor]]) -> None:
        self.activations: list[dict[str, Tensor]] = []
        self.gradients: list[dict[str, Tensor]] = []
        self.weights: list[dict[str, Tensor]] = []
        self.running: list[tuple[Tensor, Tensor]] = []
        for images, labels in data:
            self.weights.append(self._weights(model))
            kept = {"one": F.conv2d(images, model.one.weight, padding=1)}
            kept["norm"] = model.norm(kept["one"])
            kept["relu"] = kept["norm"].clamp(min=0)
            kept["two"] = F.conv2d(kept["relu"], model.two.weight, model.two.bias, stride=2)
            kept["tanh"] = torch.tanh(kept["two"])
            kept["three"] = model.three(kept["tanh"].mean((2, 3)))
            kept["sigmoid"] = torch.sigmoid(kept["three"])
            kept["head"] = model.head(kept["sigmoid"])
            assert model.norm.running_mean is not None
            assert model.norm.running_var is not None
            self.running.append((model.norm.running_mean.double(), model.norm.running_var.double()))
            self.activations.append({name: value.detach().double() for name, value in kept.items()})
            names = [name for name, _ in model.named_parameters()]
            grads = torch.autograd.grad(F.cross_entropy(kept["head"], labels), list(model.parameters()))
            self.gradients.append({name: g.double() for name, g in zip(names, grads, strict=True)})
            for parameter, grad in zip(model.parameters(), grads, strict=True):
                parameter.grad = grad
            optimizer.step()
        self.weights.append(self._weights(model))

    @staticmethod
    def _weights(model: Net) -> dict[str, Tensor]:
        return {name: model.get_parameter(f"{name}.weight").detach().double().clone() for name in WEIGHTS}


@pytest.fixture(scope="module", params=["sgd", "adam"])
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    def fresh() -> tuple[Net, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = Net()
        with torch.no_grad():
            model.norm.bias[:2] = -50.0  # two dead channels of six
            model.two.weight *= 8  # a tanh that saturates
            model.three.weight *= 30
        if request.param == "sgd":
            return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
        return model, torch.optim.Adam(model.parameters(), lr=0.01)

    generator = torch.Generator().manual_seed(1)
    data = [
        (2 * torch.randn(8, 3, 9, 9, generator=generator) + 0.5, torch.randint(CLASSES, (8,), generator=generator))
        for _ in range(5)
    ]
    out: Path = tmp_path_factory.mktemp("run")
    model, optimizer = fresh()
    with watch(model, optimizer, out=out, every=1) as vet:
        for images, labels in data:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)
    return Trace.open(out), Twin(*fresh(), data)


def agree(trace: Trace, name: str, where: str, twin: Callable[[int], Tensor | float], rel: float = 1e-4) -> None:
    """The recorded series is what the twin says at each of the five steps."""
    series = trace.series(name, where)
    assert series.steps.tolist() == [0, 1, 2, 3, 4]
    assert series.values == pytest.approx([float(twin(step)) for step in range(5)], rel=rel, abs=1e-6)


@pytest.mark.parametrize("layer", WEIGHTS)
def test_grad_norm(recorded: Recorded, layer: str) -> None:
    trace, twin = recorded
    agree(trace, "grad_norm", layer, lambda s: twin.gradients[s][f"{layer}.weight"].norm(), rel=2e-3)
    agree(trace, "grad_rms", layer, lambda s: twin.gradients[s][f"{layer}.weight"].square().mean().sqrt(), rel=2e-3)


def test_grad_norm_of_the_model(recorded: Recorded) -> None:
    trace, twin = recorded
    agree(trace, "grad_norm", "", lambda s: math.sqrt(sum(g.square().sum() for g in twin.gradients[s].values())), 2e-3)


@pytest.mark.parametrize("layer", WEIGHTS)
def test_weights_and_updates(recorded: Recorded, layer: str) -> None:
    """These layers have fewer elements than a sample takes, so the sampled probes are exact."""
    trace, twin = recorded
    w = [step[layer] for step in twin.weights]
    agree(trace, "weight_norm", layer, lambda s: w[s].norm())
    agree(trace, "update_ratio", layer, lambda s: (w[s + 1] - w[s]).norm() / w[s].norm(), rel=2e-3)
    agree(trace, "weight_distance", layer, lambda s: (w[s] - w[0]).norm() / w[0].norm(), rel=2e-3)


@pytest.mark.parametrize("layer", PLACES)
def test_activations(recorded: Recorded, layer: str) -> None:
    trace, twin = recorded
    agree(trace, "activation_mean", layer, lambda s: twin.activations[s][layer].mean(), rel=1e-3)
    agree(trace, "activation_std", layer, lambda s: twin.activations[s][layer].std(correction=0), rel=1e-3)


def test_places_are_in_the_order_of_the_forward_pass(recorded: Recorded) -> None:
    trace, _twin = recorded
    assert trace.places("activation_mean") == list(PLACES)
    assert [p for p in trace.places("grad_norm") if p] == list(WEIGHTS)


def test_dead_fraction(recorded: Recorded) -> None:
    trace, twin = recorded
    assert trace.places("dead_fraction") == ["relu"]
    assert trace.series("dead_fraction", "relu").first == pytest.approx(2 / 6)
    agree(
        trace,
        "dead_fraction",
        "relu",
        lambda s: sum(bool((twin.activations[s]["relu"][:, c] == 0).all()) for c in range(6)) / 6,
    )


def test_saturated_fraction(recorded: Recorded) -> None:
    trace, twin = recorded
    assert trace.places("saturated_fraction") == ["tanh", "sigmoid"]

    def near(step: int, layer: str, low: float, high: float) -> float:
        values = twin.activations[step][layer].flatten().tolist()
        margin = 0.02 * (high - low)
        return float(np.mean([v < low + margin or v > high - margin for v in values]))

    agree(trace, "saturated_fraction", "tanh", lambda s: near(s, "tanh", -1, 1))
    agree(trace, "saturated_fraction", "sigmoid", lambda s: near(s, "sigmoid", 0, 1))
    assert trace.series("saturated_fraction", "tanh").first > 0.1


def test_norm_gaps(recorded: Recorded) -> None:
    trace, twin = recorded
    assert trace.places("norm_mean_gap") == trace.places("norm_std_gap") == ["norm"]

    def mean_gap(step: int) -> float:
        (mean, var), seen = twin.running[step], twin.activations[step]["one"]
        gaps = [abs(mean[c] - seen[:, c].mean()) / math.sqrt(var[c] + 1e-5) for c in range(6)]
        return float(sum(gaps)) / 6

    def std_gap(step: int) -> float:
        (_mean, var), seen = twin.running[step], twin.activations[step]["one"]
        return float(np.mean([abs(math.log((var[c] + 1e-5) / (seen[:, c].var() + 1e-5))) / 2 for c in range(6)]))

    agree(trace, "norm_mean_gap", "norm", mean_gap, rel=1e-3)
    agree(trace, "norm_std_gap", "norm", std_gap, rel=1e-3)
    agree(trace, "norm_values", "norm", lambda s: twin.activations[s]["one"].numel() / 6)


def test_entropy(recorded: Recorded) -> None:
    trace, twin = recorded

    def entropy(step: int) -> float:
        p = twin.activations[step]["head"].softmax(1).tolist()
        return -float(sum(x * math.log(x) for row in p for x in row)) / len(p) / math.log(CLASSES)

    agree(trace, "entropy", "", entropy)


shapes = st.one_of(
    st.tuples(st.integers(1, 5), st.integers(1, 6)),
    st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
)


@settings(max_examples=60, deadline=None)
@given(shapes, st.sampled_from([torch.float32, torch.bfloat16, torch.float64]), st.booleans(), st.integers(0, 99))
def test_channel_statistics(shape: tuple[int, ...], dtype: torch.dtype, last: bool, seed: int) -> None:
    tensor = (torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 3 + 1).to(dtype)
    if last and len(shape) == 4:
        tensor = tensor.contiguous(memory_format=torch.channels_last)
    mean, var = channel_statistics(tensor, 1)
    rest = [axis for axis in range(len(shape)) if axis != 1]
    exact = tensor.double()
    assert mean.dtype in (torch.float32, torch.float64)
    assert torch.allclose(mean.double(), exact.mean(rest), rtol=1e-3, atol=1e-4)
    assert torch.allclose(var.double(), exact.var(rest, correction=0), rtol=1e-2, atol=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 60), st.sampled_from([1, 3, 5]), st.booleans())
def test_a_sample_is_fixed_bounded_and_fair(out: int, into: int, kernel: int, last: bool) -> None:
    tensor = torch.arange(out * into * kernel**2, dtype=torch.float32).reshape(out, into, kernel, kernel)
    if last:
        tensor = tensor.contiguous(memory_format=torch.channels_last)
    found = sample(tensor)
    assert 1 <= len(found) <= SAMPLE
    assert len(found) >= min(tensor.numel(), 256)
    assert torch.equal(found, sample(tensor))
    assert len(set(found.tolist())) == len(found)
    if len(found) > 100:  # every position of the kernel is there, in fair shares
        shares = torch.bincount((found.long() % kernel**2), minlength=kernel**2) / len(found)
        assert (shares - 1 / kernel**2).abs().max() < 0.1
    found += 1
    assert tensor.flatten()[0] == 0  # a copy


def test_a_sampled_probe_is_close_to_the_whole() -> None:
    torch.manual_seed(0)
    weight, update = torch.randn(256, 128, 3, 3), 1e-3 * torch.randn(256, 128, 3, 3)
    exact = (update.norm() / weight.norm()).item()
    assert (sample(weight + update) - sample(weight)).norm() / sample(weight).norm() == pytest.approx(exact, rel=0.05)


def test_statistics_see_changes_in_place() -> None:
    known, tensor = ChannelStats(), torch.randn(4, 3, 2, 2)
    first = known.of(tensor, 1)
    assert known.of(tensor, 1) is first
    tensor.relu_()
    second = known.of(tensor, 1)
    assert first is not None
    assert second is not None
    assert torch.equal(second[0], channel_statistics(tensor, 1)[0])
    assert not torch.equal(first[0], second[0])
    assert known.of(torch.zeros(3), 0) is None
    assert known.of(torch.zeros(3, 2, dtype=torch.int64), 1) is None
    assert known.of(torch.zeros(0, 2), 1) is None


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (nn.ReLU6(), 0.5),
        (nn.Hardswish(), 0.5),
        (nn.Threshold(0.0, 0.0), 0.5),
        (nn.LeakyReLU(), None),
        (nn.GELU(), None),
        (nn.Tanh(), None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
@pytest.mark.parametrize("shape", [(6, 4), (6, 5, 4), (6, 4, 3, 3)], ids=["features", "tokens", "maps"])
def test_dead_units_of_each_kind(module: nn.Module, expected: float | None, shape: tuple[int, ...]) -> None:
    axis = 1 if len(shape) == 4 else len(shape) - 1
    dead = torch.tensor([1.0, 0.0, 1.0, 0.0]).reshape([4 if a == axis else 1 for a in range(len(shape))])
    images = torch.randn(shape).abs() * (1 - dead) - 10 * dead
    layer = Layer("here", module, images, module(images), nn.Sequential(module))
    found = all_probes()["dead_fraction"].measure(layer)
    assert found == (None if expected is None else {"here": pytest.approx(expected)})


@pytest.mark.parametrize(
    ("module", "values", "expected"),
    [
        (nn.Sigmoid(), [-9.0, -3.0, 0.0, 9.0], 0.5),
        (nn.Tanh(), [-9.0, -1.9, 0.0, 9.0], 0.5),
        (nn.Hardtanh(-2.0, 2.0), [-9.0, -1.93, 1.9, 2.0], 0.75),
        (nn.Hardsigmoid(), [-3.0, 0.0, 0.0, 3.0], 0.5),
        (nn.Softsign(), [-99.0, 0.0, 1.0, 99.0], 0.5),
        (nn.ReLU6(), [0.0, 6.0, 7.0, 8.0], None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else None,
)
def test_saturation_of_each_kind(module: nn.Module, values: list[float], expected: float | None) -> None:
    images = torch.tensor([values])
    found = all_probes()["saturated_fraction"].measure(Layer("here", module, images, module(images), module))
    assert found == (None if expected is None else pytest.approx(expected))


def test_a_norm_layer_of_one_batch_of_momentum_one_has_no_gap() -> None:
    norm = nn.BatchNorm2d(3, momentum=1.0)
    images = 5 * torch.randn(16, 3, 4, 4) + 2
    layer = Layer("here", norm, images, norm(images), norm)
    for name in ("norm_mean_gap", "norm_std_gap"):
        assert all_probes()[name].measure(layer) == pytest.approx(0, abs=1e-4)
    for quiet in (norm.eval(), nn.BatchNorm2d(3, track_running_stats=False), nn.GroupNorm(1, 3)):
        assert all_probes()["norm_mean_gap"].measure(Layer("here", quiet, images, quiet(images), quiet)) is None
