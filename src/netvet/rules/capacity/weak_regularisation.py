"""Nothing keeps the network from memorising its training images.

## Symptom
Training loss falls to almost 0, validation loss turns and rises; every run starts to overfit at the same point.

## Evidence
Fires when the recipe has no augmentation (mixup included), or nothing but flips, and training accuracy exceeds
validation accuracy by more than `least`: without a gap there is nothing to restrain. Whatever else is missing adds to
the confidence: dropout or spatial dropout, label smoothing, a weight decay of at least `decay`. Why 1e-4: a fifth of
the usual 5e-4 for SGD. Without augmentation and weight decay, the gap on rendered fish grew from 16 points to 35
(validation 76 % to 64 %), on a quarter of the photographs from 25 to 31.
The runs behind these numbers: docs/evidence/weak-regularisation.md.

## Example
    >>> from netvet.recipe import NO_AUGMENT, Recipe
    >>> from netvet.testing import assert_fires, assert_silent, healthy_trace
    >>> bare = Recipe().change({"augment": NO_AUGMENT.model_dump(mode="json")})
    >>> assert_fires("weak-regularisation", healthy_trace(recipe=bare, val_accuracy=0.7)).evidence[1].name
    'val_accuracy'
    >>> assert_silent("weak-regularisation", healthy_trace(recipe=bare, val_accuracy=0.9))

## Why it happens
Every epoch shows the same pixels again. Without changes to the images or noise in the network, memorising them is the
shortest way to a low loss.

## Not to be confused with
Over-capacity: the cure there is a smaller network. Late stopping: the network was better before. Pretrained weights
need less restraint.

## Remedies
augment (the strongest for images), dropout, weight-decay, spatial-dropout.

## References
Shorten, Khoshgoftaar 2019, A survey on image data augmentation for deep learning, https://doi.org/10.1186/s40537-019-0197-0
Srivastava et al. 2014, Dropout, https://jmlr.org/papers/v15/srivastava14a.html
Krogh, Hertz 1991, A simple weight decay can improve generalization,
https://papers.nips.cc/paper/1991/hash/8eefcfdf5990e441f0fb6f3fad709e21-Abstract.html
"""

from __future__ import annotations

from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules._curve import gap, kept, training_accuracy, upto
from netvet.trace import Trace


@rule(
    "weak-regularisation",
    needs=["recipe", "train_accuracy", "val_accuracy"],
    explains=["generalisation-gap", "under-performance"],
    remedies=["augment", "dropout", "weight-decay", "spatial-dropout"],
)
def check(trace: Trace, *, decay: float = 1e-4, least: float = 0.15) -> Iterator[Finding]:
    """`decay`: weight decay; `least`: gap in accuracy, 0..1."""
    recipe = trace.recipe
    if recipe is None or not gap(trace) > least:
        return
    change, model = recipe.augment, recipe.model
    moves = [change.rotate, change.scale, change.crop, change.light, change.colour, change.erase, change.mixup]
    if any(moves) or change.per_class:
        return
    lacking = [_("no augmentation except flips") if change.flip else _("no augmentation")]
    if not (model.dropout or model.spatial_dropout):
        lacking.append(_("no dropout"))
    if recipe.optimizer.weight_decay < decay:
        lacking.append(_("hardly any weight decay ({decay:g})").format(decay=recipe.optimizer.weight_decay))
    if not recipe.loss.label_smoothing:
        lacking.append(_("no label smoothing"))
    confidence = (0.55 if change.flip else 0.65) + 0.07 * (len(lacking) - 1)
    text = _("The recipe has {lacking}; training accuracy is {gap:.0f} points above validation accuracy.")
    yield Finding(
        text.format(lacking=", ".join(lacking), gap=100 * gap(trace)),
        evidence=(upto(training_accuracy(trace), kept(trace)), upto(trace.series("val_accuracy"), kept(trace))),
        confidence=confidence,
    )
