"""The standard deviation of the outputs of each layer.

`activation_std`: standard deviation over batch, channels and positions of the output of a weight layer or an
activation, in the output's own unit, from 0.

It matters because a spread that shrinks from layer to layer means that different images look ever more alike to the
deep layers, and one that grows ends in an overflow: both are signs of a bad first draw of the weights where no
normalisation mends it.

## References
- K. He, X. Zhang, S. Ren, J. Sun: Delving Deep into Rectifiers, ICCV 2015, https://arxiv.org/abs/1502.01852
- D. Mishkin, J. Matas: All you need is a good init, ICLR 2016, https://arxiv.org/abs/1511.06422
"""

from __future__ import annotations

from torch import Tensor

from netvet.locale import later
from netvet.watching import Layer, probe
from netvet.watching.layers import is_activation, is_weight_layer


@probe("activation_std", at="forward", every=10, unit="activation", label=later("Spread of activations"))
def measure(layer: Layer) -> Tensor | None:
    """Standard deviation of the output; None for layers that neither weigh nor activate."""
    if not (is_weight_layer(layer.module) or is_activation(layer.module)):
        return None
    found = layer.output_statistics
    if found is None:
        return None
    mean, var = found
    return (var.mean() + mean.var(correction=0)).sqrt()
