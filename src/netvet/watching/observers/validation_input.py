"""The pixels that validation is given, as `input_mean` and `input_std` are of training.

## What it measures
`val_input_mean` and `val_input_std` of the whole input and, where it has three channels (batch, 3, height, width), of
each channel (`channel 0`, ...), over the first batches of every validation.

## Why it matters
A network that was trained on standardised pixels and is asked about raw ones guesses, and nothing else shows it.

## References
Ioffe, Szegedy 2015, Batch normalization, section 2 (covariate shift), https://arxiv.org/abs/1502.03167
"""

from __future__ import annotations

from torch import Tensor

from netvet.watching import Loop, Observer, observer

BATCHES = 4  # of each validation: what differs between the splits differs in every batch


@observer("validation-input", gives={"val_input_mean": "as fed", "val_input_std": "as fed"})
class ValidationInput(Observer):
    """Keeps no image."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self._left = BATCHES

    def validation_begins(self) -> None:
        """A new validation: its first batches are measured."""
        self._left = BATCHES

    def validation_batch(self, images: Tensor, labels: Tensor, logits: Tensor) -> None:
        """Mean and spread of a batch as a whole, and by channel."""
        del labels, logits
        if self._left <= 0 or not images.is_floating_point():
            return
        self._left -= 1
        self.loop.add("val_input_mean", images.mean())
        self.loop.add("val_input_std", images.std())
        if images.ndim == 4 and images.shape[1] == 3:
            for i in range(3):
                self.loop.add("val_input_mean", images[:, i].mean(), f"channel {i}")
                self.loop.add("val_input_std", images[:, i].std(), f"channel {i}")
