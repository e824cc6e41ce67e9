"""The share of a ReLU layer's units that never fire.

`dead_fraction` (0..1): the share of the units (channels) of a ReLU-like layer (ReLU, ReLU6, threshold, hard swish)
whose output is exactly 0 on every image and at every position of the batch. In a model without activation modules
(`F.relu` in its `forward`) it is measured where the next weight layer takes its input in, at the place `path.input`;
the units of a flattened map are its channels.

It matters because a ReLU passes no gradient where its output is 0: a unit that is 0 on all images cannot come back by
itself, and the layer is as narrow as its living units.

## References
- L. Lu, Y. Shin, Y. Su, G. E. Karniadakis: Dying ReLU and Initialization, 2019, https://arxiv.org/abs/1903.06733
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netvet.locale import later
from netvet.watching import Layer, probe
from netvet.watching.layers import RECTIFIERS, has_activations, is_weight_layer


@probe("dead_fraction", at="forward", every=10, unit="share of units", label=later("Dead units"), kind="share")
def measure(layer: Layer) -> dict[str, Tensor] | None:
    """Share of units that are 0 throughout; None for layers that are not ReLU-like."""
    if isinstance(layer.module, RECTIFIERS):
        return _share(layer.name, layer.output_statistics)
    if layer.previous is None or not is_weight_layer(layer.module):
        return None  # the first weight layer looks at images, not at units
    if has_activations(layer.model):
        return None
    found = layer.input_statistics
    channels = getattr(layer.previous, "out_channels", None)
    if found is not None and channels and isinstance(layer.module, nn.Linear) and len(found[0]) % channels == 0:
        found = (found[0].reshape(channels, -1).abs().sum(1), found[1].reshape(channels, -1).sum(1))
    return _share(f"{layer.name}.input", found)


def _share(where: str, found: tuple[Tensor, Tensor] | None) -> dict[str, Tensor] | None:
    """A channel is 0 throughout exactly where its mean and its variance are 0."""
    if found is None:
        return None
    mean, var = found
    return {where: ((mean == 0) & (var == 0)).to(torch.float32).mean()}
