"""The gradient fades on its way back, and the early layers do not learn.

## Symptom
A deep network learns slowly or not at all; removing layers makes it better.

## Evidence
Compares the median `grad_rms` of the first third of the weight layers with that of the last third, the head left out.
Fires when the ratio is below `limit` and the early weights did not move: their `weight_distance`, less what decay alone
moves, is below `moved` times the largest of the late layers; with Adam the gradient alone decides. Where early layers
learn (a ratio above `healthy`, a distance above `moves`), the rule says so. Why 1e-3: sigmoid nets of seven to thirty
layers without a norm have 2e-4 to 0; other runs 5e-3 and more, except where another cause is the root. The exam
`initial-signal` tells what would help, `early-layers` what the early layers give, in accuracy.
The runs behind these numbers: docs/evidence/vanishing-gradient.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> still = altered(healthy_trace(layers=2), {"weight_distance@features.0.conv": 0.001})
    >>> assert_fires("vanishing-gradient", altered(still, {"grad_rms@features.0.conv": 1e-8})).where
    'features.0.conv'
    >>> assert_silent("vanishing-gradient", altered(still, {"grad_rms@features.0.conv": 1e-5}))

## Why it happens
Every layer multiplies the gradient by its weights and by the slope of its activation: at most 0.25 for a sigmoid.
Twenty factors below 1 leave nothing for the first layer.

## Not to be confused with
A learning rate that is too low: then no layer moves. Dead ReLUs: the gradient is not small but exactly 0. Weights that
are too small (bad-initialisation): then the activations fade too, and all layers get the same small gradient. Frozen
layers. The head, whose small first weights move by ten times their norm and more.

## Remedies
early-batch-norm (keeps every layer's input in the steep part of the activation), leaky-relu (a slope of 1, and never
0), he-init (weights that preserve the size of the gradient), residual (a way around the layers), elu.

## References
Bengio, Simard, Frasconi 1994, Learning long-term dependencies with gradient descent is difficult, https://doi.org/10.1109/72.279181
Glorot, Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html
He et al. 2015, Delving deep into rectifiers, https://arxiv.org/abs/1502.01852
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _
from netvet.rules import Answer, Finding, RuledOut, rule
from netvet.rules._curve import quantile, read
from netvet.rules.signal._birth import birth, depth_change, per_layer
from netvet.rules.signal._moved import learnt_distance, scales_steps
from netvet.trace import Series, Trace

EFFECTS = ("loss-plateau", "accuracy-plateau", "stuck-class", "under-performance")


@rule(
    "vanishing-gradient",
    needs=["grad_rms"],
    exams=["initial-signal", "early-layers"],
    explains=[*EFFECTS, "generalisation-gap"],
    remedies=["early-batch-norm", "leaky-relu", "he-init", "residual", "elu"],
)
def check(
    trace: Trace, *, limit: float = 1e-3, moved: float = 0.1, healthy: float = 0.01, moves: float = 0.05
) -> Iterator[Answer]:
    """`limit`, `healthy`: early over late gradient (RMS); `moved`: early over late weight distance, `moves`: early."""
    layers = trace.places("grad_rms")[:-1]
    sizes = np.array([quantile(trace.series("grad_rms", layer).values, 0.5) for layer in layers])
    third = max(1, len(layers) // 3)
    if len(layers) < 2 or not np.median(sizes[-third:]) > 0:
        return  # too shallow to tell, or the last layers are without a gradient too: another illness
    ratio = float(np.median(sizes[:third]) / np.median(sizes[-third:]))
    distance = learnt_distance(trace, layers)
    early, late = float(np.median(distance[:third])), float(distance[-third:].max())
    evidence = (
        read(trace.series("grad_rms", layers[0]), np.median(sizes[:third]), _("median of the first layers")),
        read(trace.series("grad_rms", layers[-1]), np.median(sizes[-third:]), _("median of the last layers")),
        read(trace.series("weight_distance", layers[0]), early, _("median of the first layers, less weight decay")),
        read(trace.series("weight_distance", layers[-1]), late, _("highest of the last layers, less weight decay")),
    )
    if ratio < limit and (scales_steps(trace) or not early >= moved * late):
        worth, curves = _worth(trace)
        yield Finding(
            f"{_sentence(trace, sizes, ratio, early, late)} {worth}".rstrip(),
            where=layers[0],
            evidence=(*evidence, *curves),
            limit=limit * float(np.median(sizes[-third:])),
            confidence=min(0.97, 0.8 + 0.03 * float(np.log10(limit / max(ratio, 1e-12)))),
            explains=EFFECTS,
        )
    elif ratio >= healthy and max(moved * late, moves) <= early < 10:
        text = _(
            "Early layers learn: the gradient in the first layers is {ratio:.2g} times that in the last ones, and the "
            "weights of the first moved by {moved:.0%} of their size (median, less weight decay)."
        )
        said = text.format(ratio=ratio, moved=early)
        worth, curves = _worth(trace)
        yield RuledOut(f"{said} {worth}".rstrip(), (*evidence, *curves))


def _worth(trace: Trace) -> tuple[str, tuple[Series, ...]]:
    """What early layers give, by the exam `early-layers`; "" where it was not taken."""
    fall = [trace.series("reinitialised_together_fall", each) for each in trace.places("reinitialised_together_fall")]
    trained, first = trace.series("early_probe_trained"), trace.series("early_probe_initial")
    if not fall or not len(trained) or not len(first):
        return "", ()
    text = _(
        "With their first weights in place of the trained ones validation accuracy is {fall:.1f} points lower; a "
        "linear classifier behind them reaches {trained:.1%}, with the first weights {first:.1%}."
    )
    said = text.format(fall=100 * max(0.0, fall[-1].last), trained=trained.last, first=first.last)
    return said, (fall[-1], trained, first)


def _sentence(
    trace: Trace, sizes: np.ndarray[tuple[int], np.dtype[np.float64]], ratio: float, early: float, late: float
) -> str:
    """The finding's sentence, with what the exam adds."""
    cures = {
        "he": _("With He initialisation the gradient would reach them."),
        "relu": _("He initialisation does not help; with ReLU the gradient would reach them."),
        "residual": _("With shortcuts the gradient would reach them."),
        "norm": _("With a norm after every convolution the gradient would reach them."),
    }
    factor = per_layer(-depth_change(sizes), len(sizes))
    if factor != factor:  # nan: too few layers
        factor = ratio ** (1 / (len(sizes) - max(1, len(sizes) // 3)))
    text = _("Only {ratio:.0e} of the gradient in the last layers reaches the first.")
    if ratio == 0:
        text = _("No gradient reaches the first layers.")
    elif factor < 1:
        text = _("Only {ratio:.0e} of the gradient in the last layers reaches the first, {factor:.2g} per layer.")
    said = [text.format(ratio=ratio, factor=factor)]
    if not scales_steps(trace) and np.isfinite(early + late):
        moved = _(
            "The weights of the first layers moved by {early:.1%} of their size (median), of the last by {late:.1%}."
        )
        said.append(moved.format(early=early, late=late))
    return " ".join(filter(None, (*said, cures.get(birth(trace).cure, ""))))
