"""The model trains in eval mode, or is checked in train mode.

## Symptom
After the first validation training goes on with dropout off and frozen batch norms; or the loop's own accuracy swings,
depends on the batch size, and lies below what the same weights reach.

## Evidence
Counts, of a model with `mode_layers`. `eval_trained` is the share of an epoch's training passes made in eval mode;
fires when it ends above `share`. A net that was trained before may be fine-tuned so on purpose: then it is told as an
illness only where a symptom shows. `train_checked` counts images that went through in train mode without a gradient and
were not trained on in that epoch; fires from `images` an epoch. Loops that do it right measured 0 in both, also where
they recompute running statistics on training images.
The runs behind these numbers: docs/evidence/wrong-mode.md.

## Example
    >>> from netvet.testing import altered, assert_fires, assert_silent, healthy_trace
    >>> loop = altered(healthy_trace(recipe=None), {"mode_layers": 5, "eval_trained": 0, "train_checked": 0})
    >>> assert_fires("wrong-mode", altered(loop, {"eval_trained": [0, 1, 1]})).fix
    'model.train()  # before the batches of each epoch'
    >>> assert_silent("wrong-mode", loop)

## Why it happens
`model.eval()` in a function that validates stays on when it returns; `model.train()` stood before the loop over the
epochs and not in it. Or `model.eval()` was forgotten: `torch.no_grad()` does not imply it.

## Not to be confused with
Batch norms frozen on purpose while the model as a whole is in train mode. Dropout at prediction, several times, on
purpose (the model is in eval mode). Pseudo-labels, which are made between the steps.

## Remedies
None is a change of the recipe: the finding gives the line of code.

## References
PyTorch documentation, torch.nn.Module.eval, https://pytorch.org/docs/stable/generated/torch.nn.Module.html
PyTorch documentation, Locally disabling gradient computation, Evaluation mode,
https://pytorch.org/docs/stable/notes/autograd.html
"""

from __future__ import annotations

from collections.abc import Iterator

from netvet.locale import _
from netvet.rules import Answer, Finding, rule
from netvet.rules._curve import highest
from netvet.trace import Trace


@rule(
    "wrong-mode",
    needs=["eval_trained", "mode_layers"],
    applies_if_recorded="recipe",
    explains=[
        "generalisation-gap",
        "accuracy-plateau",
        "loss-plateau",
        "divergence",
        "stuck-class",
        "batch-norm-mismatch",
        "late-stopping",
        "weak-regularisation",
        "under-performance",
    ],
)
def check(trace: Trace, *, share: float = 0.5, images: int = 20) -> Iterator[Answer]:
    """`share`: of the training passes of an epoch, 0..1; `images`: of an epoch."""
    trained, checked = trace.series("eval_trained"), trace.series("train_checked")
    layers = trace.last("mode_layers")
    if not layers > 0:
        return
    if trained.last > share:
        fresh = trace.last("fresh_parameters") > trace.last("model_parameters") / 2
        text = _(
            "In {n} of {epochs} epochs the model was in eval mode while it trained: {layers:.0f} dropouts and batch "
            "norms were off or frozen."
        )
        yield Finding(
            text.format(n=int((trained.values > share).sum()), epochs=len(trained), layers=layers),
            evidence=(trained, trace.series("mode_layers")),
            limit=share,
            confidence=0.95,
            fix="model.train()  # " + _("before the batches of each epoch"),
            certain=fresh,
        )
    elif len(checked) and checked.values.max() >= images:
        text = _(
            "In {n} of {epochs} epochs images that are not trained on, {images:.0f} of them at most, went through the "
            "model in train mode: {layers:.0f} dropouts and batch norms were on, and the norms' running statistics "
            "took them in."
        )
        n, most = int((checked.values >= images).sum()), checked.values.max()
        yield Finding(
            text.format(n=n, epochs=len(checked), images=most, layers=layers),
            evidence=(highest(checked), trace.series("mode_layers")),
            limit=float(images),
            confidence=0.93,
            fix="model.eval()  # " + _("before validation, and model.train() after it"),
            certain=True,
        )
