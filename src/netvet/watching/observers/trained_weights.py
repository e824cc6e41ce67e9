"""Which weights are trained: in the optimiser, reached by a gradient, moved by more than weight decay.

## What it measures
Before the first update, by layer and (as "") in all: `model_parameters`, `ran_parameters` (of layers that the forward
pass ran), `outside_optimizer` (trainable ones that the watched optimiser does not have), `frozen_parameters` (without
`requires_grad`), `fresh_parameters` (of layers that are still as they were drawn: a norm at 1 and 0, a bias at 0, or a
weight that fills PyTorch's default range and does not leave it), the frozen ones and those outside again where an epoch
ends with others, and then trainable `parameters` too; in all alone `foreign_parameters` (those in the
optimiser that are not the model's), `shared_parameters` (those in both) and `hidden_parameters` (those behind the
output that neither knows). At sampled steps `without_gradient` (parameters of layers that ran, whose gradient is None),
`gradient_sent` and `gradient_left` (L2 norms: of the output's gradient in the backward pass, and the largest of a
parameter's as the optimiser steps; with no step, as `vet.step` is called). At the end of an epoch `step_calls` and
`optimizer_steps` so far, and `weight_turn`: |w - c v| / |v| for the first weights v, the weights w now, and the c that
makes it smallest, so that weight decay, which only shortens a weight, counts for nothing.

## Why it matters
A layer that the optimiser does not know looks like any other, and never learns.

## References
PyTorch documentation, torch.optim, Constructing it, https://pytorch.org/docs/stable/optim.html
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import torch
from torch import Tensor, nn

from netvet.watching import Loop, Observer, norms, observer
from netvet.watching.layers import layers

SAMPLE = 512  # elements of a parameter that are kept, 2 KiB: which of them move says whether all do
MOST = 2048  # parameters that are followed: 4 MiB
NODES = 20_000  # of the autograd graph that are looked at, a few ms; a ResNet-50 has 500
RARELY = 50  # steps between looks at the gradients, after the first ones
EARLY = (0, 1, 2, 5, 10, 20)
ENOUGH = 200  # weights that tell whether a layer fills its range
GAP = (
    7.0  # the largest of n uniform weights stays more than 7/n below the end of the range once in exp(7) = 1,100 draws
)
ANEW = ("outside_optimizer", "frozen_parameters")  # counted again where layers are unfrozen or handed over later

GIVES = {
    "outside_optimizer": "parameters",
    "foreign_parameters": "parameters",
    "shared_parameters": "parameters",
    "hidden_parameters": "parameters",
    "frozen_parameters": "parameters",
    "model_parameters": "parameters",
    "fresh_parameters": "parameters",
    "ran_parameters": "parameters",
    "without_gradient": "parameters",
    "gradient_left": "L2 norm",
    "gradient_sent": "L2 norm",
    "step_calls": "calls",
    "optimizer_steps": "steps",
    "weight_turn": "distance / first norm",
}


@observer("trained-weights", gives=GIVES)
class TrainedWeights(Observer):
    """Keeps 512 elements of each parameter as they were at first: at most 4 MiB."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._layers = [(name, list(module.parameters(recurse=False))) for name, module in layers(loop.model)]
        self._start: dict[str, list[Tensor]] = {}
        self._calls = self._steps = self._told = 0
        self._sent: Tensor | None = None
        self._described = self._walked = False
        self._ran: frozenset[str] = frozenset()
        self._state: list[tuple[bool, bool]] = []
        self._counted: dict[str, set[str]] = {}

    def graph(self, logits: Tensor, ran: Collection[str]) -> None:
        """Which layers run, and leaves of the graph that nobody trains."""
        self._describe()
        if self._walked:
            return
        self._walked, self._ran = True, frozenset(ran)
        self._count("ran_parameters", lambda layer, _p: layer in self._ran)
        known = {id(p) for p in (*self.loop.model.parameters(), *_optimised(self.loop.optimizer))}
        hidden = [leaf for leaf in _leaves(logits) if id(leaf) not in known and isinstance(leaf, nn.Parameter)]
        self.loop.add("hidden_parameters", float(sum(p.numel() for p in hidden)))

    def backward(self, gradient: Tensor) -> None:
        """The gradient that the loss sends back."""
        if self._looks():
            self._sent = torch.linalg.vector_norm(gradient.detach().float())

    def before_step(self) -> None:
        """Which parameters have a gradient."""
        self._describe()
        if not self._looks():
            return
        self._count("without_gradient", lambda name, p: name in self._ran and p.requires_grad and p.grad is None)
        self._compare()

    def after_step(self) -> None:
        """One more step."""
        self._steps += 1

    def batch(self, loss: Tensor, images: Tensor | None, labels: Tensor | None, logits: Tensor | None) -> None:
        """One more call."""
        del loss, images, labels, logits
        self._describe()
        if not self._steps and self._calls in EARLY:
            self._compare()
        self._calls += 1

    def validated(self) -> None:
        """How far every layer has come."""
        self._tell()

    def finish(self) -> None:
        """The same, where no validation ended the epoch."""
        self._tell()

    def _compare(self) -> None:
        """What the loss sent back, beside what there is of it."""
        if self._sent is not None:
            trained = [p for p in _optimised(self.loop.optimizer) if p.requires_grad]
            left = norms([g for g in (p.grad for p in trained) if g is not None and not g.is_sparse])
            self.loop.add("gradient_sent", self._sent)
            self.loop.add("gradient_left", torch.stack([x.to(left[0].device) for x in left]).max() if left else 0.0)
        self._sent = None

    def _looks(self) -> bool:
        return self.loop.at() in EARLY or self.loop.at() % RARELY == 0

    def _tell(self) -> None:
        if self._calls == self._told:
            return
        self._told = self._calls
        self._count_left_out()
        self.loop.add("step_calls", float(self._calls))
        self.loop.add("optimizer_steps", float(self._steps))
        for name, own in self._layers:
            first = self._start.get(name)
            if first:
                turns = [_turn(p, v) for p, v in zip(own, first, strict=True) if p.numel() > 1]
                if turns:
                    self.loop.add("weight_turn", torch.stack(turns).max(), name)

    def _describe(self) -> None:
        """What is trained, once, before the first update."""
        if self._described:
            return
        self._described = True
        kept = 0
        for name, own in self._layers:
            kept += len(own)
            if kept <= MOST:
                self._start[name] = [_sample(p) for p in own]
        self._count_left_out()
        own_ids = {id(p) for p in self.loop.model.parameters()}
        numels = {id(p): p.numel() for p in _optimised(self.loop.optimizer)}
        self.loop.add("foreign_parameters", float(sum(n for i, n in numels.items() if i not in own_ids)))
        self.loop.add("shared_parameters", float(sum(n for i, n in numels.items() if i in own_ids)))
        self._count("model_parameters", lambda _name, _p: True)
        signs = {name: _as_drawn(own) for name, own in self._layers}
        norm_signs = {signs[name] for name, own in self._layers if own and all(p.ndim == 1 for p in own)}
        guess = norm_signs == {True}  # for a layer that shows no sign of its own: that of the norms
        fresh = {name for name, sign in signs.items() if (guess if sign is None else sign)}
        self._count("fresh_parameters", lambda name, _p: name in fresh)

    def _count_left_out(self) -> None:
        """What is frozen or in no optimiser: anew where that has changed since it was last looked at."""
        optimised = {id(p) for p in _optimised(self.loop.optimizer)}
        state = [(p.requires_grad, id(p) in optimised) for _name, own in self._layers for p in own]
        if state == self._state:
            return
        if self._state:
            self.loop.add("parameters", float(sum(p.numel() for p in self.loop.model.parameters() if p.requires_grad)))
        self._state = state
        self._count("outside_optimizer", lambda _name, p: p.requires_grad and id(p) not in optimised)
        self._count("frozen_parameters", lambda _name, p: not p.requires_grad)

    def _count(self, name: str, wanted: Callable[[str, Tensor], bool]) -> None:
        """Parameters of a kind: all of them, and those of each layer that has some."""
        seen: set[int] = set()
        counts: dict[str, int] = {}
        for layer, own in self._layers:
            for p in own:
                if id(p) not in seen and wanted(layer, p):
                    counts[layer] = counts.get(layer, 0) + p.numel()
                seen.add(id(p))
        self.loop.add(name, float(sum(counts.values())))
        none = dict.fromkeys(self._counted.get(name, ()), 0)
        for layer, count in (none | counts).items():
            self.loop.add(name, float(count), layer)
        if name in ANEW:
            self._counted[name] = {*none, *counts}


def _optimised(optimizer: torch.optim.Optimizer) -> Iterable[Tensor]:
    return (p for group in optimizer.param_groups for p in group["params"])


def _sample(tensor: Tensor) -> Tensor:
    flat = tensor.detach().reshape(-1)
    return flat[:: max(1, -(-flat.numel() // SAMPLE))].to(torch.float32, copy=True)


def _turn(parameter: Tensor, first: Tensor) -> Tensor:
    """|w - c v| / |v|, 0-dim; |w| where v is 0."""
    now = _sample(parameter).double()
    was = first.to(now.device).double()
    size = was @ was
    rest = now - was * torch.where(size > 0, (now @ was) / size, torch.zeros_like(size))
    found: Tensor = torch.linalg.vector_norm(rest) / torch.where(size > 0, size.sqrt(), torch.ones_like(size))
    return found


def _as_drawn(own: Sequence[Tensor]) -> bool | None:
    """Whether a layer's parameters are still as they were drawn; None where nothing says so."""
    flat = [p.detach() for p in own if p.ndim == 1 and p.numel() > 1]
    if any(bool((p == p[0]).all()) for p in flat):
        return True
    weights = [p.detach() for p in own if p.ndim > 1 and p.numel() >= ENOUGH]
    if not weights:
        return None if len(flat) < 2 else False  # a norm whose scale and shift both vary has been trained
    bound = float(weights[0][0].numel()) ** -0.5
    filled = float(weights[0].abs().max()) / bound
    return True if 1 - GAP / weights[0].numel() < filled <= 1 + 1e-5 else None


def _leaves(output: Tensor) -> list[Tensor]:
    """The leaf tensors that an output was computed from, of at most 20,000 nodes."""
    found: list[Tensor] = []
    waiting = [output.grad_fn]
    seen: set[object] = set()
    while waiting and len(seen) < NODES:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if isinstance(leaf, Tensor):
            found.append(leaf)
        waiting += [following for following, _index in node.next_functions]
    return found
