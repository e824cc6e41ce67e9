"""Nothing keeps the network from learning its training images by heart.

## Symptom
Training loss falls to almost 0, validation loss turns and rises; every run overfits at the same point.

## Evidence
The recipe and `train_loss`: no augmentation at all (or nothing but flips), together with how little else holds the
network back: dropout and spatial dropout, mixup and label smoothing, weight decay below `decay`. Each that is missing
adds to the confidence. Fires only when the network fits its training images (accuracy above `fits`): what is not
fitted needs no restraint.

## Why it happens
Every epoch shows the same pixels again. Without changes to the images or noise in the network, remembering them is
the shortest way to a low loss.

## Not to be confused with
Over-capacity: the cure there is a smaller network. Late stopping: the network was better before. Pretrained weights
need less restraint.

## Remedies
augment (the strongest for images), dropout, weight-decay.

## References
Shorten, Khoshgoftaar 2019, A survey on image data augmentation for deep learning, https://doi.org/10.1186/s40537-019-0197-0
Srivastava et al. 2014, Dropout, https://jmlr.org/papers/v15/srivastava14a.html
Krogh, Hertz 1991, A simple weight decay can improve generalization,
https://papers.nips.cc/paper/1991/hash/8eefcfdf5990e441f0fb6f3fad709e21-Abstract.html
"""

from __future__ import annotations

from collections.abc import Iterator

from netvet.locale import _
from netvet.rule import Finding, rule
from netvet.trace import Trace


@rule(
    "weak-regularisation",
    needs=["recipe", "train_accuracy", "train_loss"],
    explains=["generalisation-gap"],
    remedies=["augment", "dropout", "weight-decay"],
)
def check(trace: Trace, *, decay: float = 1e-4, fits: float = 0.9) -> Iterator[Finding]:
    """`decay`: weight decay; `fits`: training accuracy, 0..1."""
    recipe, accuracy = trace.recipe, trace.series("train_accuracy")
    if recipe is None or not (accuracy.values > fits).any():
        return
    change, model = recipe.augment, recipe.model
    moves = [change.rotate, change.scale, change.crop, change.light, change.colour, change.erase, change.mixup]
    if any(moves) or change.per_class:
        return
    lacking = [_("no augmentation but flips") if change.flip else _("no augmentation")]
    if not (model.dropout or model.spatial_dropout):
        lacking.append(_("no dropout"))
    if recipe.optimizer.weight_decay < decay:
        lacking.append(_("hardly any weight decay ({decay:g})").format(decay=recipe.optimizer.weight_decay))
    if not recipe.loss.label_smoothing:
        lacking.append(_("no label smoothing"))
    confidence = (0.55 if change.flip else 0.65) + 0.07 * (len(lacking) - 1)
    text = _("The recipe has {lacking}, and the training loss fell to {loss:.2g}.")
    yield Finding(
        text.format(lacking=", ".join(lacking), loss=trace.last("train_loss")),
        evidence=(trace.series("train_loss"), accuracy),
        confidence=confidence,
    )
