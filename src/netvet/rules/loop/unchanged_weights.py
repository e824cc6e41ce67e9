"""Weights that are meant to learn never change.

## Symptom
The loss stays where it began, or learning stops far below what the network could do, whatever the learning rate.

## Evidence
Facts, before limits: `optimizer_steps` after at least `calls` calls of `vet.step`; parameters that are in no optimiser,
of another model, frozen, without a gradient, or behind the output but not among the model's. A layer counts only if
`weight_turn` stayed below `still`: how far its weights turned away from their first values, so that weight decay, which
shortens them, counts for nothing. Layers that stood still measured 3.4e-7 at most (rounding), trained ones 0.003
or more, fine-tuned ones included. Frozen or left-out layers must hold `share` of the parameters, freshly drawn.
`barely`: all layers turned less than that.
The runs behind these numbers: docs/evidence/unchanged-weights.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> loop = altered(healthy_trace(recipe=None), {"step_calls": 300, "optimizer_steps": 300, "weight_turn@head": 0.4})
    >>> never = altered(loop, {"optimizer_steps": 0, "weight_turn@head": 0})
    >>> assert_fires("unchanged-weights", never).fix
    'optimizer.step()  # after loss.backward()'
    >>> assert_silent("unchanged-weights", loop)

## Why it happens
An optimiser is a list of tensors, made once. Layers that are replaced, added or kept in a plain Python list after that
are not in it; nothing complains. Nor does anything complain of a step that is left out, of gradients that are cleared
before the step, or of a `detach()` on the way.

## Not to be confused with
A frozen backbone that has been trained before: no fault. A vanishing gradient: tiny, but the weights turn. A
learning-rate-too-low: all layers turn, slowly. Layers that are there and not used.

## Remedies
None is a change of the recipe: the finding gives the line of code.

## References
PyTorch documentation, torch.optim, Constructing it, https://pytorch.org/docs/stable/optim.html
PyTorch documentation, torch.nn.ModuleList, https://pytorch.org/docs/stable/generated/torch.nn.ModuleList.html
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _, ngettext
from netvet.rules import Answer, Finding, rule
from netvet.rules._curve import highest
from netvet.trace import Series, Trace


@rule(
    "unchanged-weights",
    needs=["step_calls", "optimizer_steps"],
    applies_if_recorded="recipe",
    explains=[
        "loss-plateau",
        "accuracy-plateau",
        "stuck-class",
        "generalisation-gap",
        "vanishing-gradient",
        "learning-rate-too-low",
        "under-capacity",
        "weak-features",
        "under-performance",
    ],
)
def check(
    trace: Trace, *, calls: int = 10, still: float = 1e-6, share: float = 0.3, barely: float = 1e-4
) -> Iterator[Answer]:
    """`calls`: of `vet.step`; `still`, `barely`: distance over first norm; `share`: of the model's parameters, 0..1."""
    turned = {layer: trace.last("weight_turn", layer) for layer in trace.places("weight_turn")}
    if trace.last("step_calls") < calls:
        return
    moved = {layer for layer, turn in turned.items() if not turn <= still}
    stopped = set(turned) - moved
    found = _nothing(trace) if not moved else _part(trace, stopped, share)
    if found is None and moved and max(turned.values()) < barely:
        found = _barely(trace, max(turned.values()), barely)
    if found is not None:
        yield found


def _nothing(trace: Trace) -> Finding | None:
    """No layer has changed: why."""
    called, stepped = trace.series("step_calls"), trace.series("optimizer_steps")
    left, sent = trace.series("gradient_left"), trace.series("gradient_sent")
    evidence: tuple[Series, ...] = (stepped, called)
    limit: float | None = 1.0
    if trace.last("shared_parameters") == 0:
        text = _(
            "None of the {count:,} parameters in the optimiser belongs to the model that is watched: it trains "
            "another model, and no weight of this one has changed in {calls:.0f} calls of vet.step."
        )
        fix = "optimizer = torch.optim.Adam(model.parameters())  # " + _("after the model is made, of this very model")
        evidence = (trace.series("shared_parameters"), trace.series("foreign_parameters"), called)
    elif stepped.last == 0 and len(left) and not np.isfinite(left.values).any():
        text = _(
            "The optimiser has not stepped in {calls:.0f} calls of vet.step: no gradient was ever a finite number, so "
            "that a GradScaler leaves out every step."
        )
        fix = "torch.autocast(device, dtype=torch.bfloat16)  # " + _("which needs no GradScaler")
        evidence = (stepped, left, called)
    elif stepped.last == 0:
        text = _("The optimiser has not stepped once in {calls:.0f} calls of vet.step, and no weight has changed.")
        fix = "optimizer.step()  # " + _("after loss.backward()")
    elif len(left) and sent.values.max(initial=0) > 0 and not left.values.any():
        text = _(
            "The loss sends a gradient back (L2 norm {sent:.2g}), but no parameter has any left when the optimiser "
            "steps, and no weight has changed in {steps:.0f} steps."
        )
        fix = "optimizer.zero_grad()  # " + _("before loss.backward(), never between it and optimizer.step()")
        evidence, limit = (left, highest(sent), stepped), None
    elif trace.last("without_gradient") > 0:
        text = _("No gradient arrives at any parameter, so that no weight has changed in {steps:.0f} steps.")
        fix = _("leave out .detach(), .data, .item() and torch.no_grad() between the model's output and the loss")
        evidence, limit = (trace.series("without_gradient"), stepped), 0.0
    else:
        text = _(
            "No weight has changed in {steps:.0f} steps of the optimiser, but for what weight decay took off: the "
            "learning rate is {rate:.2g} at most."
        )
        fix = _("a learning rate at which weights move: 0.001 for Adam, 0.05 for SGD with momentum")
        evidence, limit = (highest(trace.series("learning_rate")), stepped), None
    if not all(len(series) for series in evidence):
        evidence = tuple(series for series in evidence if len(series)) or (called,)
    message = text.format(
        calls=called.last,
        steps=stepped.last,
        count=int(np.nan_to_num(trace.last("foreign_parameters"))),
        sent=sent.values.max(initial=0),
        rate=trace.series("learning_rate").values.max(initial=0),
    )
    return Finding(message, evidence=evidence, limit=limit, confidence=0.99, fix=fix, certain=True)


def _part(trace: Trace, stopped: set[str], share: float) -> Finding | None:
    """Some layers have not changed: those in no optimiser, behind the output, frozen or cut off from the loss."""
    total = trace.last("model_parameters")
    hidden = trace.series("hidden_parameters")
    if hidden.last > share * (hidden.last + total):
        text = _(
            "Behind the model's output are {count:,.0f} parameters that model.parameters() does not list and no "
            "optimiser has, beside {total:,.0f} that it lists: they keep their first values."
        )
        return Finding(
            text.format(count=hidden.last, total=total),
            evidence=(hidden, trace.series("model_parameters")),
            limit=0.0,
            confidence=0.97,
            fix="self.layers = nn.ModuleList(layers)  # " + _("in place of a plain list"),
            certain=True,
        )
    layers = [layer for layer in trace.places("weight_turn") if trace.last("model_parameters", layer) > 0]
    for name in ("outside_optimizer", "frozen_parameters", "without_gradient"):
        found = [layer for layer in layers if layer in stopped and trace.last(name, layer) > 0]
        if found and _matters(trace, name, found, layers, share * total):
            return _layers(trace, name, found)
    return None


def _matters(trace: Trace, name: str, found: list[str], layers: list[str], enough: float) -> bool:
    """Whether what stood still had to learn: the last layer, or layers that run and are as they were drawn."""
    ran = [x for x in found if trace.last("ran_parameters", x) > 0]
    size = sum(trace.last("model_parameters", x) for x in ran)
    fresh = sum(trace.last("model_parameters", x) for x in ran if trace.last("fresh_parameters", x) > 0)
    if name == "outside_optimizer":
        return fresh > size / 2 or layers[-1] in found
    if name == "without_gradient" and layers[0] not in found:  # a head beside the output, which no loss asks for
        return False
    return fresh > size / 2 and fresh > enough


def _layers(trace: Trace, name: str, found: list[str]) -> Finding:
    """The finding about layers that stood still for one reason."""
    count = sum(trace.last(name, layer) for layer in found)
    where, more = found[0], len(found) - 1
    others = ngettext("{layer} and {n} more layer", "{layer} and {n} more layers", more) if more else "{layer}"
    text, fix = {
        "outside_optimizer": (
            _("{count:,.0f} parameters of {layers} are in no optimiser and have not changed in {steps:.0f} steps."),
            f"optimizer = torch.optim.Adam(model.parameters())  # {_('after the last change of the model')}",
        ),
        "frozen_parameters": (
            _(
                "{count:,.0f} parameters of {layers} are frozen (requires_grad is False) at the random values that "
                "they were drawn with."
            ),
            "for p in model.parameters(): p.requires_grad = True",
        ),
        "without_gradient": (
            _(
                "No gradient arrives at {count:,.0f} parameters of {layers}, which have not changed in {steps:.0f} "
                "steps: the graph is cut behind them."
            ),
            _("leave out .detach(), .data and torch.no_grad() behind {layer} in the forward pass"),
        ),
    }[name]
    steps = trace.last("optimizer_steps")
    message = text.format(count=count, layers=others.format(layer=where, n=more), steps=steps)
    return Finding(
        message,
        where=where,
        evidence=(
            trace.series(name, where),
            trace.series("weight_turn", where),
            trace.series("optimizer_steps"),
            *(trace.series(name, layer) for layer in found[1:]),
        ),
        limit=0.0,
        confidence=0.97,
        fix=fix.format(layer=found[-1]),
        certain=True,
    )


def _barely(trace: Trace, turn: float, limit: float) -> Finding:
    """All layers move, and none to speak of."""
    layer = max(trace.places("weight_turn"), key=lambda x: trace.last("weight_turn", x))
    text = _(
        "In {steps:.0f} steps the layer that moved most has moved by {turn:.2g} of its size, at a learning rate of "
        "{rate:.2g} at most."
    )
    rates = trace.series("learning_rate")
    message = text.format(steps=trace.last("optimizer_steps"), turn=turn, rate=rates.values.max(initial=0))
    return Finding(
        message,
        where=layer,
        evidence=(trace.series("weight_turn", layer), highest(rates), trace.series("optimizer_steps")),
        limit=limit,
        confidence=0.9,
        fix=_("a learning rate at which weights move: 0.001 for Adam, 0.05 for SGD with momentum"),
    )
