"""How many values a batch norm takes its statistics from.

`norm_values`: images of the batch times positions of the map, of each channel, from 1. Batch norms in training mode
that keep running statistics have it.

It matters because a mean and a variance of two values say nothing of the channel: with two, the normalised values are
-1 and 1, whatever they were.

## References
- Y. Wu, K. He: Group Normalization, ECCV 2018, https://arxiv.org/abs/1803.08494
"""

from __future__ import annotations

from netvet.watching import Layer, probe
from netvet.watching.layers import channel_axis, is_batch_norm


@probe("norm_values", at="forward", every=50, unit="values a channel")
def measure(layer: Layer) -> float | None:
    """Values of each channel; None for other layers."""
    if not is_batch_norm(layer.module) or layer.inputs.ndim < 2:
        return None
    return layer.inputs.numel() / layer.inputs.shape[channel_axis(layer.module, layer.inputs)]
