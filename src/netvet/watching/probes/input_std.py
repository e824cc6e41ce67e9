"""The standard deviation of the images that the model is given.

`input_std`: standard deviation over all values of the batch as the model takes it in, after normalisation and
augmentation, from 0; about 1 for standardised images, 0.16 to 0.3 for pixels in 0..1, 40 to 75 for bytes. Models that
take whole numbers have none.

It matters because initial weights are drawn for inputs of spread 1: where no norm follows, a spread of 60 makes every
activation, the first loss and the gradient of the first layer so many times larger.

## References
- Y. LeCun, L. Bottou, G. Orr, K.-R. Müller: Efficient BackProp, 1998, https://doi.org/10.1007/978-3-642-35289-8_3
"""

from __future__ import annotations

from torch import Tensor

from netvet.watching import Moment, probe


@probe("input_std", at="end", every=100, unit="input")
def measure(moment: Moment) -> Tensor | None:
    """Standard deviation (biased) of the images (batch, ...); None without images of real numbers."""
    images = moment.images
    if images is None or not images.is_floating_point() or not images.numel():
        return None
    return images.detach().float().std(correction=0)
