"""How large the weights of each layer are.

`weight_norm`: L2 norm of a layer's weight before the update of this step, from 0.

It matters because weights that grow without end come before an overflow, and because under batch norm the size of a
weight sets its effective learning rate: the larger it has grown, the slower the layer turns.

## References
- T. van Laarhoven: L2 Regularization versus Batch and Weight Normalization, 2017, https://arxiv.org/abs/1706.05350
"""

from __future__ import annotations

from torch import Tensor

from netvet.locale import later
from netvet.watching import Moment, norms, probe


@probe("weight_norm", at="before_step", every=10, unit="L2 norm", label=later("Weight norm"))
def measure(moment: Moment) -> dict[str, Tensor]:
    """L2 norm by weight layer."""
    return dict(zip(moment.weights, norms([w.detach() for w in moment.weights.values()]), strict=True))
