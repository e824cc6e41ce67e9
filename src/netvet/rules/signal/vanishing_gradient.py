"""The gradient dies on its way back, and the early layers do not learn.

## Symptom
A deep network learns slowly or not at all; taking layers away makes it better.

## Evidence
`grad_rms` of every weight layer: the median over the run, the first third of the layers against the last third. Fires
when the ratio lies below `limit` and the early weights did not move: `weight_distance` (how far from their first
value, in units of its norm), less what the layer that moved least moved (weight decay alone does that), below `moved`
times the late layers' largest. With Adam the distance proves nothing, since Adam scales every step up: there the
gradient decides. Where early layers do learn (a ratio above `healthy`, and a distance above `moves`), the rule says
so with the number: a bad result is often blamed on gradients that are fine. 1e-3: twenty sigmoid layers without a
norm have 1e-10 (SGD) and 0 (Adam); healthy nets of 5 to 50 layers 0.25 to 9, runs with too low a learning rate 0.03
to 0.2. Healthy early layers moved by 0.12 to 0.66.

## Why it happens
Every layer multiplies the gradient by its weights and by the slope of its activation: at most 0.25 for a sigmoid.
Twenty factors below 1 leave nothing for the first layer.

## Not to be confused with
A learning rate that is too low: then no layer moves. Dead ReLUs: the gradient is not small but exactly 0. Frozen
layers.

## Remedies
early-batch-norm (keeps every layer's input in the activation's steep part), he-init (weights that keep the gradient's
size), leaky-relu (a slope of 1, and never 0).

## References
Bengio, Simard, Frasconi 1994, Learning long-term dependencies with gradient descent is difficult, https://doi.org/10.1109/72.279181
Glorot, Bengio 2010, https://proceedings.mlr.press/v9/glorot10a.html
He et al. 2015, Delving deep into rectifiers, https://arxiv.org/abs/1502.01852
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _
from netvet.rule import Answer, Finding, RuledOut, rule
from netvet.rules._curve import quantile
from netvet.trace import Trace


@rule(
    "vanishing-gradient",
    needs=["grad_rms"],
    explains=["loss-plateau", "accuracy-plateau"],
    remedies=["early-batch-norm", "he-init", "leaky-relu"],
)
def check(
    trace: Trace, *, limit: float = 1e-3, moved: float = 0.1, healthy: float = 0.01, moves: float = 0.05
) -> Iterator[Answer]:
    """`limit`, `healthy`: early over late gradient (RMS); `moved`: early over late weight distance, `moves`: early."""
    layers = trace.places("grad_rms")
    sizes = np.array([quantile(trace.series("grad_rms", layer).values, 0.5) for layer in layers])
    third = max(1, len(layers) // 3)
    if len(layers) < 3 or not np.median(sizes[-third:]) > 0:
        return  # too shallow to tell, or the last layers are without a gradient too: another illness
    ratio = float(np.median(sizes[:third]) / np.median(sizes[-third:]))
    distance = np.array([trace.last("weight_distance", layer) for layer in layers])
    early, late, least = float(np.median(distance[:third])), float(distance[-third:].max()), float(distance.min())
    adam = trace.recipe is not None and trace.recipe.optimizer.name != "sgd"
    first, last = trace.series("grad_rms", layers[0]), trace.series("grad_rms", layers[-1])
    evidence = (first, last, trace.series("weight_distance", layers[0]))
    if ratio < limit and (adam or not early - least >= moved * (late - least)):
        text = _("Only {ratio:.0e} of the gradient in the last layers arrives in the first: {layer} does not learn.")
        if ratio == 0:
            text = _("No gradient arrives in the first layers: {layer} does not learn.")
        yield Finding(
            text.format(ratio=ratio, layer=layers[0]),
            where=layers[0],
            evidence=evidence,
            limit=limit * float(np.median(sizes[-third:])),
            confidence=min(0.97, 0.8 + 0.03 * float(np.log10(limit / max(ratio, 1e-12)))),
        )
    elif ratio >= healthy and max(moved * late, moves) <= early < 10:
        text = _(
            "Early layers learn: the gradient in the first layers is {ratio:.2g} of that in the last ones, "
            "and the weights of {layer} moved by {moved:.0%}."
        )
        yield RuledOut(text.format(ratio=ratio, layer=layers[0], moved=distance[0]), evidence)
