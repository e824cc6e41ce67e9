"""Does the network recognise a class with and without the augmentation of training?

## What it does
Asks the trained network about at most 1,024 validation images as they are, and again with the random changes that the
recipe makes to training images: with all of them, and with each transform alone, at the strength that the recipe sets
for the class (`augment.per_class`, where it names the class), `DRAWS` times.

## What it gives
By class: `recall_plain`, the share (0..1) of its images that is recognised as they are; `recall_augmented`, with all
changes; `recall_flip`, `recall_rotate`, `recall_scale`, `recall_crop`, `recall_light`, `recall_colour`,
`recall_erase`, with that one alone, where it is on; `augmented_class`, the index of the class that its changed images
are taken for most, itself included. Of a class that is recognised better changed, by `SHOWN` or more, the first six
images as arrays: `augmented_rows`, (6, 3) the row, and the class that the network sees in the image as it is and
changed; `augmented_images`, (6, h, w, 3) the changed ones, made smaller where they are larger than a gallery's.

## What it decides
A class that is recognised with the changes and not without them has been learnt in a form that it never has. One that
is recognised without them and not with them loses to its augmentation what tells it apart.

## References
Balestriero, Bottou, LeCun 2022, The effects of regularization and data augmentation are class dependent,
https://arxiv.org/abs/2204.03632
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from netvet.base.observed import Observed
from netvet.exams import ExamContext, exam
from netvet.galleries import small
from netvet.locale import _, later
from netvet.recipe import NO_AUGMENT

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from netvet.exams._trained import Trained
    from netvet.recipe import Augment

IMAGES, DRAWS = 1024, 3
SHOWN, FEW = 0.2, 6  # the rule harmful-augmentation names classes that surely gain 0.3
FIELDS = ("flip", "rotate", "scale", "crop", "light", "colour", "erase")


@exam(
    "augmentation-effect",
    gives={
        "recall_plain": Observed(later("Recall on images as they are"), "0..1", "share"),
        "recall_augmented": Observed(later("Recall on images changed as in training"), "0..1", "share"),
        **{f"recall_{field}": Observed("", "0..1", "share") for field in FIELDS},
        "augmented_class": Observed("", "index of the class", "index"),
        "augmented_rows": Observed(kind="index"),
        "augmented_images": Observed(),
    },
    cost="three forward passes over at most 1,024 validation images for each transform that is on",
)
def run_exam(context: ExamContext) -> str:
    """Compare a context's answers with and without its augmentation."""
    from netvet.exams import _trained

    subject, record, settings = _trained.load(context), context.record, context.recipe.augment
    if not settings.active:
        return _("This recipe does not augment the training images.")
    rows, classes = subject.rows("val", IMAGES), context.images.classes
    truth = context.images.labels[rows]
    plain = _said(subject, rows, NO_AUGMENT, 0)[None]
    settings = settings.model_copy(update={"mixup": 0.0})
    every = np.stack([_said(subject, rows, settings, draw) for draw in range(DRAWS)])
    alone = {
        field: np.stack([_said(subject, rows, _only(settings, field), draw) for draw in range(DRAWS)])
        for field in FIELDS
        if any(getattr(each, field) for each in (settings, *settings.per_class.values()))
    }
    worst, gap, numbers = "", -1.0, (0.0, 0.0)
    gaining: dict[str, NDArray[np.int64]] = {}
    for k, name in enumerate(classes):
        mine = truth == k
        if not mine.any():
            continue
        without, with_all = float((plain[:, mine] == k).mean()), float((every[:, mine] == k).mean())
        record.add(0, "recall_plain", without, name)
        record.add(0, "recall_augmented", with_all, name)
        for field, said in alone.items():
            record.add(0, f"recall_{field}", float((said[:, mine] == k).mean()), name)
        record.add(0, "augmented_class", float(np.bincount(every[:, mine].ravel()).argmax()), name)
        if with_all - without >= SHOWN:
            gaining[name] = np.flatnonzero(mine)[:FEW]
        if abs(with_all - without) > gap:
            worst, gap, numbers = name, abs(with_all - without), (without, with_all)
    pixels = _pictures(subject, rows, settings, gaining)
    for name, which in gaining.items():
        record.add_array(0, "augmented_rows", np.stack([rows[which], plain[0, which], every[0, which]], axis=1), name)
        record.add_array(0, "augmented_images", pixels[name], name)
    if not worst:
        return _("There are no validation images to measure it on.")
    text = _(
        "Augmentation matters most for {name}: on its validation images recall is {without:.0%} without it and "
        "{with_all:.0%} with it."
    )
    return text.format(name=worst, without=numbers[0], with_all=numbers[1])


def _only(settings: Augment, field: str) -> Augment:
    """The settings with one transform alone, by class too."""
    classes = {
        name: NO_AUGMENT.model_copy(update={field: getattr(each, field)}) for name, each in settings.per_class.items()
    }
    return NO_AUGMENT.model_copy(update={field: getattr(settings, field), "per_class": classes})


def _said(subject: Trained, rows: NDArray[np.int64], settings: Augment, draw: int) -> NDArray[np.int64]:
    """(n,) what the network says of the images, changed by these settings."""
    import torch

    said = []
    for changed in _changed(subject, rows, settings, draw):
        with torch.no_grad(), subject.machine.autocast():
            said.append(subject.last(subject.statistics.normalise(changed)).float().nan_to_num().argmax(1).cpu())
    return torch.cat(said).numpy().astype(np.int64)


def _pictures(
    subject: Trained, rows: NDArray[np.int64], settings: Augment, wanted: Mapping[str, NDArray[np.int64]]
) -> dict[str, NDArray[np.uint8]]:
    """By class the changed images of the first draw, at some places among the rows."""
    shown: dict[int, NDArray[np.uint8]] = {}
    places, start = set(np.concatenate([*wanted.values(), np.zeros(0, np.int64)]).tolist()), 0
    for changed in _changed(subject, rows, settings, 0) if places else ():
        for place in sorted(places & set(range(start, start + len(changed)))):
            image = changed[place - start].permute(1, 2, 0).cpu().numpy()
            shown[place] = small(np.rint(image * 255).astype(np.uint8))
        start += len(changed)
    return {name: np.stack([shown[place] for place in which.tolist()]) for name, which in wanted.items()}


def _changed(subject: Trained, rows: NDArray[np.int64], settings: Augment, draw: int) -> Iterator[Tensor]:
    """The images (batch, 3, h, w), 0..1, changed by these settings; the same draw changes them the same way."""
    import torch

    from netvet.images.augment import augment
    from netvet.training import batches

    for start in range(0, len(rows), batches.EVALUATION_BATCH):
        part = rows[start : start + batches.EVALUATION_BATCH]
        images = batches.pixels(subject.images, part, subject.machine.device)
        labels = torch.from_numpy(subject.images.labels[part])
        generator = torch.Generator().manual_seed(draw * 1_000_003 + start)
        yield augment(images, labels, settings, subject.images.classes, generator)[0]
