"""The training loss stays high and no longer falls, or crawls.

## Symptom
Epoch after epoch the loss on the training images themselves hardly moves, and it is not far below the loss of guessing.

## Evidence
`train_loss` (nats, images without augmentation) over the loss of guessing by the class shares. The rule fires when that
ratio ends above `limit`, unless the loss is still falling so fast that `patience` more runs like this one would bring
it down to `target`: the fall over the second half of the work is extended. Work is the summed
learning rate: a schedule that ends near 0 flattens every curve. Loops with another loss (squares, hinge), or one that
weighs its classes, are judged only below `learnt` of the way from guessing to always right.

Proof: 21 healthy runs ended at 0.005 to 0.21 of guessing, runs that did not learn at 0.87 or more. `limit` is 0.5.
The runs behind these numbers: docs/evidence/loss-plateau.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> assert_fires("loss-plateau", altered(healthy_trace(), {"train_loss": [2.08, 1.5, 1.45, 1.45]})).evidence[0].name
    'train_loss'
    >>> assert_silent("loss-plateau", altered(healthy_trace(), {"train_loss": [2.0, 1.2, 0.8, 0.8]}))

## Why it happens
The optimiser cannot fit the network even to what it sees: steps too small or too large, a gradient that dies on the
way, units that no longer fire.

## Not to be confused with
A run that was cut short while it still fell fast. Data whose classes cannot be told apart any better: there the loss
ends well below guessing. A generalisation-gap, where the training loss is low and the validation loss high.

## Remedies
See the cause that explains it: learning-rate-too-low, learning-rate-too-high, vanishing-gradient, dead-relu.

## References
Goodfellow, Bengio, Courville 2016, Deep Learning, chapter 8.2, https://www.deeplearningbook.org/contents/optimization.html
Smith 2018, A disciplined approach to neural network hyper-parameters: Part 1, https://arxiv.org/abs/1803.09820
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netvet.locale import _
from netvet.rules import Finding, rule
from netvet.rules._chance import chance_loss, skill
from netvet.rules._curve import work
from netvet.trace import Trace


@rule("loss-plateau", kind="symptom", needs=["train_loss"])
def check(
    trace: Trace, *, limit: float = 0.5, target: float = 0.1, patience: float = 2.0, learnt: float = 0.7
) -> Iterator[Finding]:
    """`limit`, `target`: shares of the loss of guessing, 0..1; `patience`: runs like this one; `learnt`: share of the
    way from guessing to always right.
    """
    loss, chance = trace.series("train_loss"), chance_loss(trace)
    if _unlike(trace) and skill(trace.last("train_accuracy"), trace) >= learnt:
        return
    if _weighted(trace) and _balanced_skill(trace) >= learnt:
        return
    if len(loss) < 2 or not np.isfinite(loss.last) or not loss.last > limit * chance:
        return
    done = work(trace, loss.steps)
    half = float(np.interp(0.5, done, loss.values))
    halfway = min(half, chance)  # what a spike rose above guessing is no fall
    fall = 2 * (halfway - loss.last)  # nats per run, at the pace of the second half
    if fall * patience > loss.last - target * chance:
        return
    text = _("After {epochs} epochs the training loss is still {loss:.2f}, where guessing gives {chance:.2f}.")
    if loss.last < half <= chance:
        text = _(
            "After {epochs} epochs the training loss is still {loss:.2f}, where guessing gives {chance:.2f}, and the "
            "second half of the training, by the summed learning rate, lowered it by only {fall:.2f}."
        )
    elif half <= loss.last:
        text = _(
            "After {epochs} epochs the training loss is still {loss:.2f}, where guessing gives {chance:.2f}, and it "
            "did not fall over the second half of the training, by the summed learning rate."
        )
    yield Finding(
        text.format(epochs=len(loss), loss=loss.last, chance=chance, fall=half - loss.last),
        evidence=(loss,),
        limit=limit * chance,
        confidence=0.95,
    )


def _unlike(trace: Trace) -> bool:
    """Whether a loop's loss is known to be one that makes no logits of the output, so that no cross-entropy is low."""
    name = str(trace.meta.get("loss_form", {}).get("name", ""))
    return bool(name) and not name.startswith(("cross-entropy", "log-likelihood"))


def _weighted(trace: Trace, *, unequal: float = 1.5) -> bool:
    """Whether a loop weighs its classes, so that it lowers another loss than the plain cross-entropy."""
    weights = [trace.last("loss_weight", name) for name in trace.places("loss_weight")]
    return len(weights) > 1 and min(weights) > 0 and max(weights) / min(weights) >= unequal


def _balanced_skill(trace: Trace) -> float:
    """Balanced training accuracy, in evaluation mode where it was taken, from guessing (0) to always right (1)."""
    names = ("train_eval_balanced_accuracy", "train_balanced_accuracy")
    name = next((each for each in names if len(trace.series(each))), names[-1])
    chance = 1 / max(2, len(trace.meta.get("classes", ())))
    return (trace.last(name) - chance) / (1 - chance)
