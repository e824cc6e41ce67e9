"""How far a batch norm's running standard deviation lies from that of the batches that it normalises.

`norm_std_gap`: |log(running standard deviation / batch standard deviation)|, mean over channels, from 0; 0.69 is a
factor of two, either way. The running value is read after this batch went into it; both include the layer's eps, the
batch's is the unbiased one that the layer keeps. Batch norms in training mode that keep running statistics have it.

It matters because training divides by the batch's spread and evaluation by the running one: where they differ, the
model that is evaluated is not the one that was trained.

## References
- S. Ioffe, C. Szegedy: Batch Normalization, ICML 2015, https://arxiv.org/abs/1502.03167
- Y. Wu, J. Johnson: Rethinking "Batch" in BatchNorm, 2021, https://arxiv.org/abs/2105.07576
"""

from __future__ import annotations

from torch import Tensor

from netvet.watching import Layer, probe
from netvet.watching.layers import is_batch_norm


@probe("norm_std_gap", at="forward", every=10, unit="log ratio")
def measure(layer: Layer) -> Tensor | None:
    """Gap of the standard deviations, natural logarithm; None for other layers."""
    found = layer.input_statistics if is_batch_norm(layer.module) else None
    if found is None:
        return None
    running, eps = layer.module.running_var, layer.module.eps
    assert isinstance(running, Tensor)
    assert isinstance(eps, float)
    seen = layer.inputs.numel() / max(len(found[1]), 1)  # values behind one channel's statistics
    batch = found[1] * (seen / max(seen - 1, 1))
    return (((running + eps) / (batch + eps)).log() / 2).abs().mean()
