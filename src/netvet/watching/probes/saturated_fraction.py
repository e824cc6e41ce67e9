"""The share of a sigmoid's or tanh's outputs that lie at its bounds.

`saturated_fraction` (0..1): the share of the outputs of a bounded activation (sigmoid, tanh, their hard forms,
softsign) that are within 2 % of its range of one of its bounds: below 0.02 or above 0.98 for a sigmoid, beyond +-0.96
for tanh.

It matters because the slope is next to 0 there: less than 0.02 for a sigmoid and 0.08 for tanh, against 0.25 and 1 in
the middle. A layer that lies at its bounds passes hardly any gradient to the layers before it.

## References
- X. Glorot, Y. Bengio: Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010,
  https://proceedings.mlr.press/v9/glorot10a.html
"""

from __future__ import annotations

from torch import Tensor, nn

from netvet.locale import later
from netvet.watching import Layer, probe

MARGIN = 0.02  # of the range, at each bound


@probe(
    "saturated_fraction",
    at="forward",
    every=10,
    unit="share of outputs",
    label=later("Saturated outputs"),
    kind="share",
)
def measure(layer: Layer) -> Tensor | None:
    """Share of outputs within the margin of a bound; None for activations without two bounds."""
    bounds = _bounds(layer.module)
    if bounds is None or not layer.output.numel():
        return None
    low, high = bounds
    reach = (0.5 - MARGIN) * (high - low)
    return ((layer.output.detach().float() - (low + high) / 2).abs() > reach).float().mean()


def _bounds(module: nn.Module) -> tuple[float, float] | None:
    if isinstance(module, nn.Sigmoid | nn.Hardsigmoid):
        return 0.0, 1.0
    if isinstance(module, nn.Tanh | nn.Softsign):
        return -1.0, 1.0
    if isinstance(module, nn.Hardtanh) and not isinstance(module, nn.ReLU6):
        return float(module.min_val), float(module.max_val)
    return None
