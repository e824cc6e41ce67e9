"""The mean of the outputs of each layer.

`activation_mean`: mean over batch, channels and positions of the output of a weight layer or an activation, in the
output's own unit, any sign.

It matters because outputs that lie far from 0 on one side shift the next layer's gradients all one way, and push
saturating activations against a bound. Read it against `activation_std`.

## References
- Y. LeCun, L. Bottou, G. Orr, K.-R. Müller: Efficient BackProp, 1998, https://doi.org/10.1007/978-3-642-35289-8_3
"""

from __future__ import annotations

from torch import Tensor

from netvet.locale import later
from netvet.watching import Layer, probe
from netvet.watching.layers import is_activation, is_weight_layer


@probe("activation_mean", at="forward", every=10, unit="activation", label=later("Mean activation"))
def measure(layer: Layer) -> Tensor | None:
    """Mean of the output; None for layers that neither weigh nor activate."""
    if not (is_weight_layer(layer.module) or is_activation(layer.module)):
        return None
    found = layer.output_statistics
    return None if found is None else found[0].mean()
