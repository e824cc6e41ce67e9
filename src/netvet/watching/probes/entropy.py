"""How undecided the model's predictions are.

`entropy` (0..1, place ""): mean over the batch of the entropy of the predicted class probabilities, over ln(classes).
1: every class equally likely; 0: all certainty.

It matters because it tells a model that knows nothing (near 1 with a loss of ln(classes)) from one that is sure and
wrong (near 0 with a high loss), which the loss alone does not.

## References
- G. Pereyra, G. Tucker, J. Chorowski, Ł. Kaiser, G. Hinton: Regularizing Neural Networks by Penalizing Confident Output
  Distributions, 2017, https://arxiv.org/abs/1701.06548
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from netvet.watching import Moment, probe


@probe("entropy", at="end", every=10, unit="share of ln(classes)", kind="share")
def measure(moment: Moment) -> Tensor | None:
    """Mean entropy of the batch's predictions over its largest possible value; None without (batch, classes) logits."""
    logits = moment.logits
    if logits is None or logits.ndim != 2 or logits.shape[1] < 2 or not len(logits):
        return None
    log_p = torch.log_softmax(logits.float(), dim=1)
    mean: Tensor = torch.special.entr(log_p.exp()).sum(1).mean()
    return mean / math.log(logits.shape[1])
