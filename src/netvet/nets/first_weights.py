"""How the weights of a layer are drawn before the first step: for the nets of the house, and for those patched."""

from __future__ import annotations

import math

from torch import Tensor, nn

HEAD = 0.1  # gain of the last layer


def draw(weight: Tensor, kind: str, gain: float, *, last: bool, linear: bool = False) -> None:
    """Draw a weight (outputs, inputs, ...) in place, by a kind of `model.init`: see `netvet.nets.cnn.initialise`.

    `gain`: of the activation that follows. `last`: of the last layer, which starts small whatever the kind, but where
    the kind is a scale or `constant`. `linear`: nothing is activated after it, so that its own gain is 1.
    """
    fan = weight[0].numel()
    he = (HEAD if last else 1.0 if linear else gain) / math.sqrt(fan)
    match kind:
        case "small":
            nn.init.normal_(weight, 0.0, 0.1 * he)
        case "large":
            nn.init.normal_(weight, 0.0, 3 * he)
        case "constant":
            nn.init.constant_(weight, 1 / fan)
        case "xavier" if not last:
            nn.init.xavier_normal_(weight)
        case "orthogonal" if not last:
            nn.init.orthogonal_(weight, gain)
        case "default" if not last:
            nn.init.kaiming_uniform_(weight, a=math.sqrt(5))
        case _:
            nn.init.normal_(weight, 0.0, he)
