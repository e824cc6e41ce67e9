"""The mean of the images that the model is given.

`input_mean`: mean over all values of the batch as the model takes it in, after normalisation and augmentation; about 0
for standardised images, about 0.5 for pixels in 0..1, about 100 for bytes. Models that take whole numbers have none.

It matters because an input that lies far from 0 on one side, against its spread (`input_std`), makes the outputs of
every unit of the first layer go up and down together: the loss gets a steep ravine, and only short steps are safe.

## References
- Y. LeCun, L. Bottou, G. Orr, K.-R. Müller: Efficient BackProp, 1998, https://doi.org/10.1007/978-3-642-35289-8_3
"""

from __future__ import annotations

from torch import Tensor

from netvet.watching import Moment, probe


@probe("input_mean", at="end", every=100, unit="input")
def measure(moment: Moment) -> Tensor | None:
    """Mean of the images (batch, ...); None without images of real numbers."""
    images = moment.images
    if images is None or not images.is_floating_point() or not images.numel():
        return None
    return images.detach().float().mean()
