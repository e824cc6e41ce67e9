"""Whether gradients are cleared between one optimiser step and the next.

## What it measures
`kept_gradient`: as a backward pass begins, the L2 norm of the gradient that a layer's weight already has, over the norm
that it had when the optimiser last stepped; of all backward passes between two steps the smallest, so that gradients
that are meant to add up over several batches count as cleared once they were. 0: cleared; 1: the whole of the last
step's gradient is still there. Of at most 8 layers, from the first to the last, at sampled steps.

## Why it matters
What is not cleared adds up: the optimiser follows the sum of all gradients since the beginning.

## References
PyTorch documentation, torch.optim.Optimizer.zero_grad,
https://pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html
"""

from __future__ import annotations

import torch
from torch import Tensor

from netvet.watching import Loop, Observer, norms, observer
from netvet.watching.layers import weights

LAYERS = 8
EVERY = 10  # each time a step later, lest it fall in step with the epochs
EARLY = (0, 1, 2, 3, 4, 5)


@observer("gradient-clearing", gives={"kept_gradient": "share of the last step's gradient"})
class GradientClearing(Observer):
    """Keeps two numbers of each layer."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        stepped = {id(p) for group in loop.optimizer.param_groups for p in group["params"]}  # others it cannot clear
        found = [(name, p) for name, p in weights(loop.model, {}).items() if p.requires_grad and id(p) in stepped]
        apart = max(1, -(-(len(found) - 1) // (LAYERS - 1)))
        self._layers = [*found[:-1:apart], *found[-1:]]
        self._before: list[Tensor] | None = None  # norms as the optimiser last stepped
        self._kept: Tensor | None = None

    def backward(self, gradient: Tensor) -> None:
        """What is there before this pass adds to it."""
        del gradient
        if self._before is None:
            return
        share = torch.stack([now / before for now, before in zip(self._norms(), self._before, strict=True)])
        self._kept = share if self._kept is None else torch.minimum(self._kept, share)

    def before_step(self) -> None:
        """What of the last step's gradient is in this one."""
        if self._kept is not None:
            for (name, _weight), share in zip(self._layers, self._kept.unbind(), strict=True):
                self.loop.add("kept_gradient", share, name)
            self._kept = self._before = None

    def after_step(self) -> None:
        """The gradients that are to be cleared next."""
        at = self.loop.at() + 1
        if self._layers and (at in EARLY or at % EVERY == at // EVERY % EVERY):
            self._before = [norm + 1e-30 for norm in self._norms()]

    def _norms(self) -> list[Tensor]:
        grads = [weight.grad for _name, weight in self._layers]
        found = iter(norms([g for g in grads if g is not None and not g.is_sparse]))
        return [
            torch.zeros((), device=weight.device) if g is None or g.is_sparse else next(found)
            for g, (_name, weight) in zip(grads, self._layers, strict=True)
        ]
