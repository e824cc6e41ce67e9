"""The gradient norm of each weight layer, and of the whole model.

`grad_norm`: L2 norm of the gradient of a layer's weight, from 0; place "": of all parameters together. Taken as the
optimiser sees it: averaged over the batch, summed over accumulated batches, after clipping and unscaling. Layers
without a gradient (frozen) have none.

It matters because a signal that shrinks from layer to layer on its way back leaves the early layers untrained, and
one that grows throws the weights about. Compare it between layers and over time; its size alone means little, as it
goes with the number of weights (see `grad_rms`).

## References
- X. Glorot, Y. Bengio: Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010,
  https://proceedings.mlr.press/v9/glorot10a.html
- R. Pascanu, T. Mikolov, Y. Bengio: On the difficulty of training recurrent neural networks, ICML 2013,
  https://arxiv.org/abs/1211.5063
"""

from __future__ import annotations

import torch
from torch import Tensor

from netvet.locale import later
from netvet.watching import Moment, probe


@probe("grad_norm", at="after_backward", every=10, unit="L2 norm", label=later("Gradient norm"))
def measure(moment: Moment) -> dict[str, Tensor]:
    """L2 norm by weight layer, and of the whole model at ""."""
    norms = moment.grad_norms
    found = {name: norms[id(weight)] for name, weight in moment.weights.items() if id(weight) in norms}
    if norms:
        device = next(iter(norms.values())).device
        found[""] = torch.stack([norm.to(device) for norm in norms.values()]).norm()
    return found
