"""nonfinite: the first layer and tensor that stops being finite, and nothing while all is well."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from netvet.trace import Trace
from netvet.watching import Moment, watch
from netvet.watching.probes.nonfinite import measure


def _net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))


def _set(model: nn.Sequential, name: str, value: float) -> None:
    """Every element of a parameter."""
    with torch.no_grad():
        model.get_parameter(name).fill_(value)


def _moment(model: nn.Sequential, images: torch.Tensor, factor: float = 1.0) -> Moment:
    logits = model(images)
    (logits.sum() * factor).backward()
    weights = {"0": model.get_parameter("0.weight"), "4": model.get_parameter("4.weight")}
    return Moment(3, model, torch.optim.SGD(model.parameters()), images, logits=logits.detach(), weights=weights)


def test_nothing_while_all_is_well() -> None:
    assert measure(_moment(_net(), torch.randn(6, 4))) is None


def test_a_weight() -> None:
    model = _net()
    _set(model, "4.weight", math.nan)
    assert measure(_moment(model, torch.randn(6, 4))) == {"4 weight": 1.0}


def test_an_activation_of_a_layer_without_weights_of_its_own_and_the_run_is_not_disturbed() -> None:
    model = _net()
    _set(model, "1.weight", 3e38)
    images = 1e4 * torch.randn(6, 4)
    moment = _moment(model, images)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.random.get_rng_state()
    with torch.no_grad():
        assert measure(moment) == {"1 activation": 1.0}
    assert torch.equal(torch.random.get_rng_state(), random)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(not module._forward_hooks for module in model.modules())


def test_a_gradient_next_to_the_loss_first() -> None:
    assert measure(_moment(_net(), torch.randn(6, 4), factor=math.inf)) == {"4 gradient": 1.0}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_in_a_loop_the_first_place_is_where_it_began(tmp_path: Path, bad: float) -> None:
    model = _net()
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with watch(model, optimizer, out=tmp_path) as vet:
        for step in range(24):
            images, labels = torch.randn(6, 4), torch.randint(0, 3, (6,))
            if step == 13:
                images[0, 0] = bad
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            vet.step(loss=loss, labels=labels)
    trace = Trace.open(tmp_path)
    first = min((trace.series("nonfinite", place).steps[0], place) for place in trace.places("nonfinite"))
    assert first == (13, "0 activation")
