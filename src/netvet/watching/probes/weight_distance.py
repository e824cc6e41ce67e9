"""How far the weights of each layer have moved from where they started.

`weight_distance`: L2 norm of (weight - first weight) over the L2 norm of the first weight, from 0, on at most 4,096
elements a layer, before the update of this step. The first weight is the one at the run's first step, also after a
resumption. Frozen layers have none; a weight that started at zero gives infinity.

It matters because a layer that never left its first value has learnt nothing, whatever its gradient was; and in
fine-tuning it says which layers were changed.

## References
- C. Zhang, S. Bengio, Y. Singer: Are All Layers Created Equal?, JMLR 2022, https://arxiv.org/abs/1902.01996
"""

from __future__ import annotations

from torch import Tensor

from netvet.locale import later
from netvet.watching import Moment, probe
from netvet.watching.layers import sample


@probe(
    "weight_distance",
    at="before_step",
    every=10,
    unit="distance / first norm",
    label=later("Distance from the first weights"),
)
def measure(moment: Moment) -> dict[str, Tensor]:
    """Distance from the first value over the size of that value, by weight layer."""
    return {
        name: (sample(weight) - moment.start[name]).norm() / moment.start[name].norm()
        for name, weight in moment.weights.items()
        if weight.requires_grad and name in moment.start
    }
