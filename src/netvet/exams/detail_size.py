"""How large is the detail that tells a class from the one it is taken for, and how much does the network see at once?

## What it does
Takes the classes that are stuck, at most `CLASSES` (where none is, the one of the lowest AUC), each with the class that
it is confused with most, and at most `IMAGES` images of either. Features that owe nothing to the run describe them at
half of `data.image_size`, at that size and, from the original files, at twice it; a logistic regression tells the two
apart at each size, cross-validated with groups kept whole. And it measures the receptive field of the last map before
the global pooling: the pixels to which a gradient comes back from one place of it, in a copy of the network whose
weights are all positive, without norms and activations, and with means in the place of maxima.

## What it gives
By class, 0..1: `detail_half`, `detail_same`, `detail_double`, the AUC against the class `detail_class` (an index) at
each size; `stored_side`, the median side of its files in pixels (the root of width times height). `receptive_field`, in
pixels of the input; where it is larger than a canvas of 256 pixels (of the image, for a network of a fixed size), that.

## What it decides
Whether two classes look the same, or only at this resolution. Where twice the size tells them apart and this one does
not, what matters is in the files and is lost when they are made smaller.

The features look at no more than 128 pixels a side (64, where no pretrained weights are installed): what is finer than
that they do not see, and beyond it twice the size is not asked about.

## References
Luo et al. 2016, Understanding the effective receptive field in deep convolutional neural networks (the middle of the
field counts most), https://arxiv.org/abs/1701.04128
Touvron et al. 2019, Fixing the train-test resolution discrepancy, https://arxiv.org/abs/1906.06423
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netvet.audit import labels
from netvet.audit.files import headers
from netvet.audit.image_stats import shrink
from netvet.base.errors import BadInput
from netvet.base.observed import Observed
from netvet.confusion import most_confused_with
from netvet.exams import ExamContext, exam
from netvet.exams._described import describe, member, sample
from netvet.exams._hardest import hardest
from netvet.images.sources import open_source
from netvet.locale import _, later
from netvet.trace import Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

CLASSES, IMAGES = 3, 300
SMALLEST, LARGEST = 8, 128
CANVAS = 256


@exam(
    "detail-size",
    gives={
        "detail_half": Observed("", "0..1", "auc"),
        "detail_same": Observed(later("AUC of the images at this size"), "0..1", "auc"),
        "detail_double": Observed(later("AUC of the images at twice the size"), "0..1", "auc"),
        "detail_class": Observed("", "index of the class", "index"),
        "stored_side": Observed("", "pixels", "px"),
        "receptive_field": Observed(later("Receptive field"), "pixels", "px"),
    },
    cost="features of at most 600 images of each stuck class and its partner, in three sizes",
)
def run_exam(context: ExamContext) -> str:
    """Measure at what size a context's classes can be measured apart."""
    from netvet.exams import _trained

    trace, record, own = Trace.open(context.run), context.record, context.recipe.data.image_size
    field = receptive_field(_trained.load(context).last, own)
    record.add(0, "receptive_field", float(field))
    partner, measured = most_confused_with(trace.array("val_confusion")), ""
    for name in hardest(trace, CLASSES):
        k = context.images.classes.index(name)
        if k not in partner:
            continue
        rows = sample(context.images.labels, (k, partner[k]), IMAGES)
        record.add(0, "detail_class", float(partner[k]), name)
        side = _stored(context, rows[context.images.labels[rows] == k])
        if side is not None:
            record.add(0, "stored_side", side, name)
        found: dict[int, float] = {}
        for kind, size in (("half", own // 2), ("same", own), ("double", 2 * own)):
            if (size < SMALLEST or size > max(own, LARGEST)) or (pixels := _pixels(context, rows, size)) is None:
                continue
            found[size] = _apart(pixels, context.images.labels[rows] == k, member(context.images, rows))
            record.add(0, f"detail_{kind}", found[size], name)
        text = _("Features of the images separate {name} from {partner} with an AUC of {aucs}.")
        aucs = ", ".join(_("{auc:.2f} at {size} px").format(auc=auc, size=size) for size, auc in found.items())
        measured = measured or text.format(name=name, partner=context.images.classes[partner[k]], aucs=aucs)
    measured = measured or _("No class is confused with another one.")
    text = _("{measured} The receptive field of the last convolution is {field} pixels, of the {size} of an image.")
    return text.format(measured=measured, field=field, size=own)


def receptive_field(net: nn.Module, size: int) -> int:
    """Pixels a side that one place of the last map depends on; `size`: of the image, where no other size is taken.

    The last map is what is there before the global pooling. A network of tokens sees the whole image.
    """
    import torch

    for side in (max(CANVAS, size), size):
        try:
            return _field(net, torch.ones(1, 3, side, side, dtype=torch.float64))
        except (RuntimeError, AssertionError, ValueError):
            if side == size:
                raise
    raise AssertionError


def _field(net: nn.Module, image: Tensor) -> int:
    import copy

    import torch
    from torch import nn

    plain = copy.deepcopy(net).cpu().double().eval()
    first: list[Tensor] = []
    last: list[Tensor] = []

    def enter(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if first:
            return None
        first.append(torch.ones_like(inputs[0]).requires_grad_())
        return (first[0],)

    def leave(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 3:  # tokens: each may look at every other
            last.clear()
        elif isinstance(output, torch.Tensor) and output.ndim == 4 and output.shape[-1] > 1:
            last[:] = [output]

    for module in plain.modules():
        _linear(module)
        module.register_forward_hook(leave)
        if isinstance(module, nn.Conv2d):
            module.register_forward_pre_hook(enter)
    plain(image)
    if not last:
        return image.shape[-1]
    middle = last[0].shape[-1] // 2
    (slope,) = torch.autograd.grad(last[0][..., middle, middle].sum(), first[0])
    seen = torch.nonzero(slope.abs().sum(dim=(0, 1)))
    extent = int((seen.amax(dim=0) - seen.amin(dim=0)).max()) + 1
    return min(image.shape[-1], extent * image.shape[-1] // first[0].shape[-1])


def _linear(module: Any) -> None:
    """Make a layer one that mixes the same places and nothing else: positive weights, no norm, no activation."""
    from torch import nn

    from netvet.watching.layers import is_activation, weight_of

    norms = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)
    weight = weight_of(module)
    if isinstance(module, norms) or is_activation(module):
        module.forward = lambda x, *_more: x
    elif isinstance(module, nn.MaxPool2d):
        layer: Any = module
        layer.forward = nn.AvgPool2d(module.kernel_size, module.stride, module.padding, module.ceil_mode).forward
    elif weight is not None and weight.ndim >= 2:
        weight.data.fill_(1 / max(1, weight[0].numel()))
        if isinstance(module._parameters.get("bias"), nn.Parameter):
            module.bias.data.zero_()


def _apart(pixels: NDArray[np.uint8], mine: NDArray[np.bool_], member: NDArray[np.int64]) -> float:
    """AUC of one class against another by features that owe nothing to the run, cross-validated."""
    from netvet.exams._frozen import auc

    found = labels.cross_validate(describe(pixels), mine.astype(np.int64), member, 2)
    return auc(np.log(found[:, 1]) - np.log(found[:, 0]), mine)


def _stored(context: ExamContext, rows: NDArray[np.int64]) -> float | None:
    """The median side of the files of rows, pixels; None where there are none, or one is no longer there."""
    paths, source = [context.images.paths[row] for row in rows.tolist()], context.recipe.data.source
    try:
        files = open_source(source).files()
    except BadInput:
        return None
    if files is None or not set(paths) <= set(files):
        return None
    found = headers(source, paths)
    return None if found is None else float(np.median(found.side))


def _pixels(context: ExamContext, rows: NDArray[np.int64], size: int) -> NDArray[np.uint8] | None:
    """(rows, size, size, 3): means of blocks of the run's own pixels, or the source's anew; None where it has none."""
    images = context.images
    if size <= images.images.shape[1]:
        return np.rint(shrink(images.images[rows].astype(np.float32), size)).astype(np.uint8)
    return open_source(context.recipe.data.source).pixels([images.paths[row] for row in rows.tolist()], size)
