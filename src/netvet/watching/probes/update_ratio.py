"""How far one step moves the weights of each layer, against their size.

`update_ratio`: root mean square of the last update over the root mean square of the weight before it, from 0, on at
most 4,096 elements a layer. It is what the optimiser really did, with momentum, weight decay and its own scaling.
Frozen layers have none; a weight that was zero gives infinity.

It matters because it is the learning rate that the layer feels: near 1e-3 is usual with good training, many times
less means that the layer stands still, above 1e-1 that each step undoes what the last one learnt.

## References
- A. Karpathy: CS231n, Neural Networks Part 3, "Ratio of weights:updates", https://cs231n.github.io/neural-networks-3/
- Y. You, I. Gitman, B. Ginsburg: Large Batch Training of Convolutional Networks (LARS), 2017,
  https://arxiv.org/abs/1708.03888
"""

from __future__ import annotations

from torch import Tensor

from netvet.locale import later
from netvet.watching import Moment, probe
from netvet.watching.layers import sample


@probe("update_ratio", at="after_step", every=10, unit="update / weight", label=later("Update-to-weight ratio"))
def measure(moment: Moment) -> dict[str, Tensor]:
    """Size of the update over size of the weight, by weight layer."""
    return {
        name: (sample(moment.weights[name]) - before).norm() / before.norm()
        for name, before in moment.before.items()
        if moment.weights[name].requires_grad
    }
