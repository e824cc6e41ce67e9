"""The typical size of one element of each layer's gradient.

`grad_rms`: root mean square of the gradient of a layer's weight, from 0: `grad_norm` over the root of the number of
weights, so that wide and narrow layers can be compared. Taken as the optimiser sees it; layers without a gradient
(frozen) have none.

It matters because with it a gradient that vanishes with depth can be told from layers that are only smaller.

## References
- X. Glorot, Y. Bengio: Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010,
  https://proceedings.mlr.press/v9/glorot10a.html
"""

from __future__ import annotations

import math

from torch import Tensor

from netvet.locale import later
from netvet.watching import Moment, probe


@probe("grad_rms", at="after_backward", every=10, unit="RMS", label=later("Gradient RMS"))
def measure(moment: Moment) -> dict[str, Tensor]:
    """Root mean square by weight layer."""
    norms = moment.grad_norms
    return {
        name: norms[id(weight)] / math.sqrt(weight.numel())
        for name, weight in moment.weights.items()
        if id(weight) in norms and weight.numel()
    }
