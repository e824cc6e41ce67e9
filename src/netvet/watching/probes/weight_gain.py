"""By what factor a layer's weights scale the signal, by their size alone.

`weight_gain`: root mean square of a layer's weight times the root of its fan (the weights of one output unit), before
the update of this step, from 0. A layer whose inputs are independent, of mean square 1, has outputs of that root mean
square. He's rule for ReLU is 1.414, Glorot's 1 between layers of equal width, PyTorch's own draw 0.577.

It matters because without norms the factors of all layers multiply: a gain of 0.577 in front of a ReLU leaves 0.41 of
the signal, and twenty such layers 1e-8.

## References
- X. Glorot, Y. Bengio: Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010,
  https://proceedings.mlr.press/v9/glorot10a.html
- K. He, X. Zhang, S. Ren, J. Sun: Delving Deep into Rectifiers, ICCV 2015, https://arxiv.org/abs/1502.01852
"""

from __future__ import annotations

import math

from torch import Tensor

from netvet.watching import Moment, norms, probe


@probe("weight_gain", at="before_step", every=100, unit="RMS x root of fan")
def measure(moment: Moment) -> dict[str, Tensor]:
    """Gain by weight layer; a layer's units are the first axis of its weight."""
    weights = {name: weight.detach() for name, weight in moment.weights.items() if weight.numel()}
    found = zip(weights.items(), norms(list(weights.values())), strict=True)
    return {name: norm / math.sqrt(len(weight)) for (name, weight), norm in found}
