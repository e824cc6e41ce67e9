"""Most units of a ReLU layer never fire.

## Symptom
Training accuracy stalls early, and a wider layer does not help.

## Evidence
`dead_fraction` (0..1) is the share of a layer's units (channels) whose output is 0 at every position of every image of
the batch. Fires when it stays above `limit` for `patience` measurements: one high value may be chance, a plateau is
not. The finding gives the step at which the units died and the learning rate at that step. If every layer has less than
`few` dead units, the rule says so. Why 0.5: in healthy runs no layer exceeds 0.03 (0.12 in a pretrained net of 50
layers), while nets that never got beyond guessing have 0.7 to 1.0. The `initial-signal` exam tells whether biases of 0
would help.
The runs behind these numbers: docs/evidence/dead-relu.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> assert_fires("dead-relu", altered(healthy_trace(), {"dead_fraction@features.2.act": 0.8})).where
    'features.2.act'
    >>> assert_silent("dead-relu", altered(healthy_trace(), {"dead_fraction@features.2.act": 0.4}))

## Why it happens
A ReLU passes no gradient where its input is negative. A unit that is negative for every image gets no gradient at all
and cannot recover. Units dead from the first measurement point to negative initial biases, the input or the first
weights; those that die later point to a step that was too long, or to a net that had hardly any units to lose.

## Not to be confused with
Sparse activation: most units are 0 on most images, and that is healthy; a dead unit is 0 on all of them. A unit that
stays quiet because a class is missing from the batch: it fires in other batches. Whatever kills the units is the root
cause where it is found: bad-initialisation, unnormalised-input, learning-rate-too-high.

## Remedies
leaky-relu (a slope for negative inputs revives units), he-init (He's weights, biases of 0), early-batch-norm (centres
the inputs), elu, lower-learning-rate (if the units died during training).

## References
Glorot, Bordes, Bengio 2011, Deep sparse rectifier neural networks, https://proceedings.mlr.press/v15/glorot11a.html
Lu et al. 2020, Dying ReLU and initialization: theory and numerical examples, https://arxiv.org/abs/1903.06733
Maas, Hannun, Ng 2013, Rectifier nonlinearities improve neural network acoustic models,
https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.base.words import share
from netvet.locale import _, ngettext
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.rules._curve import current, read
from netvet.rules.signal._birth import birth
from netvet.trace import Series, Trace


@rule(
    "dead-relu",
    needs=["dead_fraction"],
    applies_if_recorded="activation_std",
    exams=["initial-signal"],
    explains=["loss-plateau", "accuracy-plateau", "vanishing-gradient", "under-performance"],
    remedies=["leaky-relu", "he-init", "early-batch-norm", "elu", "lower-learning-rate"],
)
def check(trace: Trace, *, limit: float = 0.5, patience: int = 3, few: float = 0.1) -> Iterator[Answer]:
    """`limit`, `few`: shares of a layer's units, 0..1; `patience`: measurements."""
    curves = [curve for curve in current(trace, "dead_fraction") if len(curve) >= patience]
    dead = sorted((c for c in curves if c.values[-patience:].min() > limit), key=lambda c: -c.last)
    worst = max((float(c.values[-patience:].max()) for c in curves), default=1.0)
    if worst < few:
        text = _(
            "No layer has many dead units at the end: at most {worst:.0%} of the units of a layer are 0 on every image "
            "of a batch."
        )
        yield RuledOut(text.format(worst=worst), tuple(_recent(curve, patience) for curve in curves))
    if not dead:
        return
    curve, step = dead[0], _since(dead[0], limit)
    text = _("{share:.0%} of the units in {layer} are 0 on every image of the batch")
    since, rate = _(" (above {limit} from the first step on)"), _rate(trace, step)
    if step > curve.steps[0]:
        since = _(" (above {limit} since step {step})")
        if rate == rate:  # not nan
            since = _(" (above {limit} since step {step}, at a learning rate of {rate:.2g})")
    since = since.format(limit=share(limit), step=step, rate=rate)
    more = (
        ngettext("; {n} more layer is affected.", "; {n} more layers are affected.", len(dead) - 1) if dead[1:] else "."
    )
    message = text.format(share=curve.last, layer=curve.where) + since + more.format(n=len(dead) - 1)
    if birth(trace).cure == "unbiased":
        message += " " + _("With initial biases of 0 the signal would get through.")
    yield Finding(
        message,
        where=curve.where,
        evidence=tuple(dead[:4]),
        limit=limit,
        confidence=min(0.95, 0.5 + 0.9 * (curve.last - limit)),
    )


def _since(curve: Series, limit: float) -> int:
    """The step from which on the curve stays above the limit."""
    return int(curve.steps[np.flatnonzero(~(curve.values > limit)).max(initial=-1) + 1])


def _recent(curve: Series, patience: int) -> Series:
    """The curve, read where its last measurements are highest."""
    return read(curve, curve.values[-patience:].max(), _("highest at the end"))


def _rate(trace: Trace, step: int) -> float:
    """The learning rate of a step; nan where none was recorded."""
    rates = trace.series("learning_rate")
    return float(rates.values[min(int(np.searchsorted(rates.steps, step)), len(rates) - 1)]) if len(rates) else np.nan
