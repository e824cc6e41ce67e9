"""What a linear classifier reaches on the same images and split, without any training of a network?

## What it does
Describes up to 1,000 training and 500 validation images by features that owe nothing to the run: those of a pretrained
network where its weights are installed, handmade ones otherwise (oriented gradients and a grid of colours). A logistic
regression is fitted on the former and scored on the latter.

## What it gives
`reference_accuracy` and `reference_balanced_accuracy` (0..1), at the place `pretrained` or `handmade`, after what the
features come from, and `reference_images`, the validation images that they were measured on.

## What it decides
Whether the run is near what its images allow. A network that ends far below such a classifier has failed, whatever its
curves look like; one that ends near it or above is healthy if nothing else shows.

## References
Kornblith, Shlens, Le 2019, Do better ImageNet models transfer better?, https://arxiv.org/abs/1805.08974
Dalal, Triggs 2005, Histograms of oriented gradients for human detection, https://doi.org/10.1109/CVPR.2005.177
"""

from __future__ import annotations

import numpy as np

from netvet.audit.reference import reference
from netvet.base.observed import Observed
from netvet.exams import ExamContext, exam
from netvet.locale import _, later


@exam(
    "reference",
    gives={
        "reference_accuracy": Observed(later("Accuracy of a linear classifier"), "0..1", "share"),
        "reference_balanced_accuracy": Observed(later("Balanced accuracy of a linear classifier"), "0..1", "share"),
        "reference_images": Observed("", "images", "count"),
    },
    cost="features of up to 1,500 images, and one logistic regression",
)
def run_exam(context: ExamContext) -> str:
    """Fit and score the reference on the run's own split."""
    images, record = context.images, context.record
    rows = np.sort(np.concatenate([images.indices("train"), images.indices("val")]))
    found = reference(images.images[rows], images.labels[rows], images.split[rows] == 0)
    if found is None:
        return _("There are too few images of each class in training and validation for a reference.")
    for name, value in (("accuracy", found.accuracy), ("balanced_accuracy", found.balanced_accuracy)):
        record.add(0, f"reference_{name}", value, found.kind)
    record.add(0, "reference_images", found.images, found.kind)
    kind = _("pretrained features") if found.kind == "pretrained" else _("handmade features")
    text = _(
        "A linear classifier on {kind} of the same images has an accuracy of {share:.1%} in validation, and a balanced "
        "accuracy of {balanced:.1%}."
    )
    return text.format(kind=kind, share=found.accuracy, balanced=found.balanced_accuracy)
