"""Is a class recognised by its blur or its darkness, whatever is on its images?

## What it does
Takes the classes whose images are more blurred, or darker, than nearly every image of the others (Cliff's delta of at
least 0.8, its 99 % interval from 0.6 up, as `netvet inspect` names them); where there is none it costs nothing. The
validation images of the other classes, at most `IMAGES`, are blurred or darkened until their median is that of the
class, at the size that the network is shown, and the trained network is asked about them as they are and so changed.

## What it gives
By such a class, 0..1: `quality_taken` and `quality_taken_plain`, the share of the other classes' images that the
network takes for it, changed and as they are; `quality_rest` and `quality_rest_plain`, the share of them that it gets
right; `quality_asked`, how many were asked about; `quality_change`, 0 where they were blurred and 1 where they were
darkened, and `quality_strength`, the standard deviation of the blur in pixels, or the share of the light that is left.

## What it decides
Whether a class that does well does so by a shortcut: whatever is blurred is called by its name, and a sharp image of
it would not be.

## References
Geirhos et al. 2020, Shortcut learning in deep neural networks, https://doi.org/10.1038/s42256-020-00257-z
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter

from netvet.audit import image_stats, quality
from netvet.base.observed import Observed
from netvet.exams import ExamContext, exam
from netvet.exams._described import looked_at
from netvet.locale import _, later

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from netvet.exams._trained import Trained

IMAGES, FEWEST = 512, 20  # images of the other classes that are asked about; fewer say nothing
BLURS = (0.4, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.2, 4.0)  # standard deviations, in 1/32 of the image's side
LEAST = 0.9  # of the light: a class that has more is not darkened to


@exam(
    "quality-shortcut",
    gives={
        "quality_taken": Observed(later("Other classes' images taken for it, as poor as its own"), "0..1", "share"),
        "quality_taken_plain": Observed(later("Other classes' images taken for it"), "0..1", "share"),
        "quality_rest": Observed(later("Other classes' images recognised, as poor as its own"), "0..1", "share"),
        "quality_rest_plain": Observed(later("Other classes' images recognised"), "0..1", "share"),
        "quality_asked": Observed("", "images", "count"),
        "quality_change": Observed(kind="index"),
        "quality_strength": Observed("", "pixels, or share of the light"),
    },
    cost="one look at every image, and two forward passes over at most 512 of them for each poor class",
)
def run_exam(context: ExamContext) -> str:
    """Make the other classes' images as poor as a class's, and ask a context's network about them."""
    from netvet.exams import _trained

    images, record = context.images, context.record
    poor = standing_out(context)
    if not poor:
        return _("No class is blurred or dark beside the others.")
    subject, reported = _trained.load(context), list[str]()
    val = subject.rows("val", len(images.labels))
    for k, kind in poor.items():
        rows = val[images.labels[val] != k][:IMAGES]
        changed = None if len(rows) < FEWEST else as_poor(images.images, images.labels, rows, k, kind)
        if changed is None:
            continue
        pixels, strength = changed
        said, plain = _said(subject, pixels), _said(subject, images.images[rows])
        name, truth = images.classes[k], images.labels[rows]
        record.add(0, "quality_taken", float((said == k).mean()), name)
        record.add(0, "quality_taken_plain", float((plain == k).mean()), name)
        record.add(0, "quality_rest", float((said == truth).mean()), name)
        record.add(0, "quality_rest_plain", float((plain == truth).mean()), name)
        record.add(0, "quality_asked", float(len(rows)), name)
        record.add(0, "quality_change", float(kind == "dark"), name)
        record.add(0, "quality_strength", strength, name)
        text = _(
            "Of the other classes' images, made as poor as those of {name}, the network takes {taken:.0%} for it "
            "({plain:.0%} as they are)."
        )
        reported.append(text.format(name=name, taken=(said == k).mean(), plain=(plain == k).mean()))
    return reported[0] if reported else _("No class is blurred or dark beside the others.")


def standing_out(context: ExamContext) -> dict[int, str]:
    """The classes that are poor beside the others, and what they are: `blur` or `dark`, the plainer one."""
    images = context.images
    member = np.arange(len(images.labels))
    if images.known_groups is not None:
        member = np.unique(images.known_groups, return_inverse=True)[1]
    measured = quality.measures(looked_at(images, context.recipe.data.source), None, images.labels)
    found: dict[int, tuple[float, str]] = {}
    for kind in ("blur", "dark"):
        for column in measured[kind]:
            for k, (delta, low, _high) in enumerate(quality.by_class(column, images.labels, member)):
                if delta >= quality.LIMIT and low >= quality.LOWEST:
                    found[k] = max(found.get(k, (-1.0, "")), (delta, kind))
    return {k: kind for k, (_delta, kind) in found.items()}


def as_poor(
    images: NDArray[np.uint8], labels: NDArray[np.int64], rows: NDArray[np.int64], k: int, kind: str
) -> tuple[NDArray[np.uint8], float] | None:
    """Rows blurred or darkened until their median is that of class k, and how much it took; None where the class is not
    the poorer at this size.
    """
    pixels, own = images[rows], image_stats.look(images[labels == k])
    if kind == "dark":
        left = float(np.median(own.light) / max(float(np.median(image_stats.look(pixels).light)), 1e-6))
        return None if left > LEAST else ((pixels * left + 0.5).astype(np.uint8), left)

    def apart(blurred: NDArray[np.uint8]) -> float:
        other = image_stats.look(blurred)
        pairs = ((own.detail, other.detail), (own.outline, other.outline))
        return sum(abs(float(np.median(mine) - np.median(theirs))) for mine, theirs in pairs)

    best, least, strength = pixels, apart(pixels), 0.0
    for blur in BLURS:
        sigma = blur * pixels.shape[1] / 32
        tried = gaussian_filter(pixels.astype(np.float32), (0, sigma, sigma, 0))
        blurred = np.clip(tried + 0.5, 0, 255).astype(np.uint8)
        distance = apart(blurred)
        if distance < least:
            best, least, strength = blurred, distance, sigma
    return (best, strength) if strength else None


def _said(subject: Trained, pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(n,) what the network says of images (n, size, size, 3)."""
    import torch

    from netvet.training.batches import EVALUATION_BATCH, floats

    said = []
    for start in range(0, len(pixels), EVALUATION_BATCH):
        batch = floats(np.ascontiguousarray(pixels[start : start + EVALUATION_BATCH]), subject.machine.device)
        with torch.no_grad(), subject.machine.autocast():
            said.append(subject.last(subject.statistics.normalise(batch)).float().nan_to_num().argmax(1).cpu())
    return torch.cat(said).numpy().astype(np.int64)
