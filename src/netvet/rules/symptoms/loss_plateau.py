"""The training loss stays high and no longer falls, or crawls.

## Symptom
Epoch after epoch the loss on the training images themselves hardly moves, and it is not far below what guessing
costs.

## Evidence
`train_loss` (nats, clean images) over the loss of guessing by the class shares. Fires when the share that is left
lies above `limit`, unless the loss is still falling so fast that `patience` more runs like this one would bring it
down to `target`: the fall over the second half of the work (the summed learning rate, because a schedule that ends
near 0 flattens every curve) is drawn on in a straight line. 0.5: 21 healthy runs ended between 0.005 and 0.21 of
guessing, two that were cut short after 3 epochs at 0.36 and 0.43, runs with a thirtieth of the learning rate or less
at 0.87 to 1.01, runs without a gradient or with dead units at 1.00; one with 20 % wrong labels at 0.56, but falling,
and so silent.

## Why it happens
The optimiser does not get the network to fit even what it sees: steps too small or too large, a gradient that dies on
the way, units that no longer fire.

## Not to be confused with
A run that was cut short while it still fell fast. Data whose classes cannot be told apart better: there the loss ends
well below guessing. A generalisation-gap, where the training loss is low and the validation loss high.

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
from netvet.rules._chance import chance_loss
from netvet.rules._curve import work
from netvet.trace import Trace


@rule("loss-plateau", kind="symptom", needs=["train_loss"])
def check(trace: Trace, *, limit: float = 0.5, target: float = 0.1, patience: float = 2.0) -> Iterator[Finding]:
    """`limit`, `target`: shares of the loss of guessing, 0..1; `patience`: runs like this one."""
    loss, chance = trace.series("train_loss"), chance_loss(trace)
    if len(loss) < 2 or not np.isfinite(loss.last) or not loss.last > limit * chance:
        return
    done = work(trace, loss.steps)
    halfway = min(float(np.interp(0.5, done, loss.values)), chance)  # what a spike rose above guessing is no fall
    fall = 2 * (halfway - loss.last)  # nats per run, at the pace of the second half
    if fall * patience > loss.last - target * chance:
        return
    yield Finding(
        _(
            "After {epochs} epochs the loss on the training images is still {loss:.2f}, where guessing costs "
            "{chance:.2f}, "
            "and the second half of the training lowered it by only {fall:.2f}."
        ).format(epochs=len(loss), loss=loss.last, chance=chance, fall=max(0.0, halfway - loss.last)),
        evidence=(loss,),
        limit=limit * chance,
        confidence=0.95,
    )
