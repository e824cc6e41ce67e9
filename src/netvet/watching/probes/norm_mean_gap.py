"""How far a batch norm's running mean lies from the batches that it normalises.

`norm_mean_gap`: |running mean - batch mean| / running standard deviation, mean over channels, from 0. The running
mean is read after this batch went into it. Batch norms in training mode that keep running statistics have it.

It matters because training uses the batch's statistics and evaluation the running ones: where they differ, the model
that is evaluated is not the one that was trained. Small batches, a small momentum and a fast-moving network open the
gap.

## References
- S. Ioffe, C. Szegedy: Batch Normalization, ICML 2015, https://arxiv.org/abs/1502.03167
- Y. Wu, J. Johnson: Rethinking "Batch" in BatchNorm, 2021, https://arxiv.org/abs/2105.07576
"""

from __future__ import annotations

from torch import Tensor

from netvet.watching import Layer, probe
from netvet.watching.layers import is_batch_norm


@probe("norm_mean_gap", at="forward", every=10, unit="standard deviations")
def measure(layer: Layer) -> Tensor | None:
    """Gap of the means in running standard deviations; None for other layers."""
    found = layer.input_statistics if is_batch_norm(layer.module) else None
    if found is None:
        return None
    mean, var, eps = layer.module.running_mean, layer.module.running_var, layer.module.eps
    assert isinstance(mean, Tensor)
    assert isinstance(var, Tensor)
    assert isinstance(eps, float)
    return ((mean - found[0]).abs() / (var + eps).sqrt()).mean()
