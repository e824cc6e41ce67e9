"""How different the units of a layer are.

`unit_spread`: how far the units' weight vectors lie from their mean, against their size: L2 norm of (weight - mean over
the output units) over the L2 norm of the weight, 0..1, before the update of this step. 0: all units are the same; about
1: drawn at random. Layers with a single unit have none; weights that are all 0 are the same (0). Of a large weight
every k-th input is looked at, so that some 65,536 elements remain: of drawn weights that is true to 0.3 %, and on the
11 million of a ResNet-18 it takes a sixth of the time.

It matters because units that start alike get the same gradient and stay alike for good: the layer is one unit wide,
however many it has.

## References
- I. Goodfellow, Y. Bengio, A. Courville: Deep Learning, 2016, chapter 8.4 (breaking symmetry),
  https://www.deeplearningbook.org/contents/optimization.html
"""

from __future__ import annotations

import torch
from torch import Tensor

from netvet.watching import Moment, norms, probe

SAMPLE = 65536  # elements of a weight that are looked at


@probe("unit_spread", at="before_step", every=100, unit="share of the weight")
def measure(moment: Moment) -> dict[str, Tensor]:
    """Spread by weight layer; a layer's units are the first axis of its weight."""
    found = {name: w.detach() for name, w in moment.weights.items() if len(w) > 1 and w.numel()}
    weights = {name: w[:, :: -(-w.numel() // SAMPLE)].float() for name, w in found.items()}
    apart = norms([w - w.mean(0, keepdim=True) for w in weights.values()])
    sizes = norms(list(weights.values()))
    least = torch.finfo(torch.float32).tiny
    return {name: a / size.clamp_min(least) for name, a, size in zip(weights, apart, sizes, strict=True)}
