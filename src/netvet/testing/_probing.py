"""A probe asked over two steps of a small net, with everything that it could change looked at before and after."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from netvet.watching import Layer, Moment, Probe
from netvet.watching.layers import is_weight_layer, sample, weight_of

CLASSES, BATCH, STEPS = 4, 16, 2


def check_readings(probe: Probe) -> None:
    """Raise AssertionError where the probe does more than read."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = _net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        with _asked_of_layers(probe, model):
            for step in range(STEPS):
                _train(probe, model, optimizer, step)


def _net() -> nn.Sequential:
    """A layer of each kind that probes look at."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, CLASSES),
    )


@contextmanager
def _asked_of_layers(probe: Probe, model: nn.Sequential) -> Iterator[None]:
    """Ask a forward probe after each layer's call."""
    previous: list[nn.Module] = []

    def ask(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        name = next(name for name, each in model.named_modules() if each is module)
        layer = Layer(name, module, inputs[0], output, model, previous[-1] if previous else None)
        with torch.no_grad():
            _ask(probe, layer, {"the input": inputs[0], "the output": output, **_state(model)})
        previous[:] = [module] if is_weight_layer(module) else previous

    hooks = [layer.register_forward_hook(ask) for layer in model] if probe.at == "forward" else []
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _train(probe: Probe, model: nn.Sequential, optimizer: torch.optim.Optimizer, step: int) -> None:
    images, labels = torch.randn(BATCH, 3, 8, 8), torch.randint(0, CLASSES, (BATCH,))
    weights = {name: weight_of(layer) for name, layer in model.named_modules() if is_weight_layer(layer)}
    known = {name: weight for name, weight in weights.items() if isinstance(weight, nn.Parameter)}
    start = {name: sample(weight) for name, weight in known.items()}
    optimizer.zero_grad()
    logits = model(images)
    loss = nn.functional.cross_entropy(logits, labels)
    loss.backward()  # type: ignore[no-untyped-call]
    parts = {"weights": known, "start": start, "images": images, "logits": logits.detach()}
    _ask_at(probe, "before_step", Moment(step, model, optimizer, **parts))
    optimizer.step()
    _ask_at(probe, "after_step", Moment(step, model, optimizer, before=start, **parts))
    done = Moment(step, model, optimizer, labels=labels, loss=loss.detach(), **parts)
    _ask_at(probe, "end", done)


def _ask_at(probe: Probe, at: str, moment: Moment) -> None:
    if probe.at == at:
        own = {"the images": moment.images, "the logits": moment.logits}
        seen = {name: tensor for name, tensor in own.items() if tensor is not None}
        with torch.no_grad():
            _ask(probe, moment, {**seen, **_state(moment.model)})


def _state(model: nn.Module) -> dict[str, Tensor]:
    """What belongs to the model: weights, buffers and gradients."""
    grads = {f"the gradient of {name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {**model.state_dict(), **grads}


def _ask(probe: Probe, subject: Layer | Moment, state: Mapping[str, Tensor]) -> None:
    before = {name: tensor.detach().clone() for name, tensor in state.items()}
    drawn = _random_state()
    reading = probe.measure(subject)
    for name, tensor in state.items():
        assert torch.equal(tensor, before[name]), f"{probe.name}: it changes {name}."
    assert _random_state() == drawn, f"{probe.name}: it draws random numbers."
    values = reading.values() if isinstance(reading, Mapping) else [] if reading is None else [reading]
    for value in values:
        single = isinstance(value, int | float) or (isinstance(value, Tensor) and value.ndim == 0)
        shown = f"a tensor of the shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
        assert single, f"{probe.name}: it answers {shown}, which is neither a number nor a 0-dim tensor."


def _random_state() -> tuple[object, ...]:
    of_numpy = np.random.get_state()  # noqa: NPY002 - the global one is what a probe might draw from
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), repr(of_numpy)
