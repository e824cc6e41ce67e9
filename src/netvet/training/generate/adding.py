"""What `augment.generated` adds to a run: made once, judged, kept in the run's folder, and refused where it is bad.

The GAN sees the training split alone and depends on the recipe's seed, so that trials over seeds count its luck too.
Generated images join the training split; they are not counted as images of the class (`class_images` stays true), nor
in training accuracy, nor in the statistics that pixels are normalised by, and no exam looks at them. Class weights and
oversampling do count them, since these balance what an epoch shows.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netvet.base.errors import BadInput
from netvet.base.files import whole
from netvet.images.dataset import ImageSet
from netvet.listener import TrainingListener
from netvet.locale import _
from netvet.nets.device import choose
from netvet.recipe import Recipe
from netvet.trace import Trace, TraceWriter
from netvet.training import batches
from netvet.training.generate.gan import enlarged, generate_images, seen
from netvet.training.generate.quality import FEWEST, judge
from netvet.training.pool import Added

ARRAY, BESIDE, META, SHEET = "generated", "generated_beside", "generated", "generated.png"
BEFORE = -1  # the step at which they are recorded: a run that begins anew forgets what is at 0 and later
SHOWN = 12  # images of a class on the contact sheet, real and generated
REPORT_EVERY = 25  # steps of a GAN between two reports
VERSION = 1  # of the GAN and of its judge: images of another version are generated anew

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class GeneratedImages:
    """`added`: what the run trains on beside its images, None if all is refused. `reported`: a sentence for each class.
    `counts`: class -> images that are used.
    """

    added: Added | None
    reported: tuple[str, ...]
    counts: dict[str, int]


def generate_for(
    recipe: Recipe, images: ImageSet, run: Path, go_on: Callable[[int], bool] = lambda _step: True
) -> GeneratedImages | None:
    """The generated images of a run: those in its folder where they are of this recipe and these images, else new ones.

    `go_on`: asked before each step of the GAN whether to go on; where it says no, None is returned, and nothing is kept
    but the recipe. Raises BadInput where `augment.generated.images` names no class.
    """
    wanted = recipe.augment.generated.images
    unknown = sorted(set(wanted) - set(images.classes))
    if unknown:
        raise BadInput(
            _("augment.generated.images names {name!r}, which is not a class of the data; there are {classes}.").format(
                name=unknown[0], classes=", ".join(images.classes)
            )
        )
    key = _key(recipe, images)
    with TraceWriter(run) as writer:
        known = writer.get_meta(META)
        if not isinstance(known, dict) or known.get("key") != key:
            writer.recipe(recipe)
            known = _generated(recipe, images, writer, key, go_on)
            if known is None:
                return None
    return _taken(known, images, run)


def telling(stop: threading.Event, listener: TrainingListener) -> Callable[[int], bool]:
    """What is asked before each step of a GAN: whether `stop` is set. The listener is told now and then that the
    run still stands at 0.
    """

    def go_on(step: int) -> bool:
        if step % REPORT_EVERY == 0:
            listener.on_step(0, 1)
        return not stop.is_set()

    return go_on


def _key(recipe: Recipe, images: ImageSet) -> str:
    generated = recipe.augment.generated.model_dump(mode="json")
    parts = [VERSION, generated, recipe.augment.flip, recipe.seed, images.digest]
    return blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def _generated(
    recipe: Recipe, images: ImageSet, writer: TraceWriter, key: str, go_on: Callable[[int], bool]
) -> dict[str, Any] | None:
    """Generate, judge and record; what is kept of it beside the pictures."""
    settings, (rows, real) = recipe.augment.generated, seen(images)
    labels = images.labels[rows]
    groups = None if images.known_groups is None else images.known_groups[rows]
    total = np.bincount(images.labels[images.indices("train")], minlength=len(images.classes))
    place = {name: images.classes.index(name) for name in settings.images}
    rich = {label: settings.images[name] for name, label in place.items() if total[label] >= FEWEST}
    made: dict[int, Images] | None = {}
    if rich:
        seed, device = batches.stream(recipe.seed, batches.GENERATE, 0), choose(recipe).device
        made = generate_images(
            real, labels, rich, steps=settings.steps, seed=seed, flip=recipe.augment.flip, device=device, go_on=go_on
        )
    if made is None:
        return None
    for array in (ARRAY, BESIDE):
        writer.forget(array)
    classes: dict[str, Any] = {}
    for name, label in place.items():
        mine = np.flatnonzero(labels == label)
        shown = mine[np.linspace(0, len(mine) - 1, min(SHOWN, len(mine))).astype(np.int64)]
        writer.add_array(BEFORE, BESIDE, real[shown], name)
        if label not in rich:
            why = _("it has {count} training images, and a GAN needs at least {least}").format(
                count=total[label], least=FEWEST
            )
            classes[name] = {"used": 0, "told": _refused(name, why)}
            continue
        writer.add_array(BEFORE, ARRAY, made[label], name)
        quality = judge(made[label], real, labels, label, groups)
        why, count = quality.objection(), len(made[label])
        classes[name] = {
            "used": 0 if why else count,
            "told": _refused(name, why) if why else _accepted(name, count, int(total[label])),
            **{field: round(value, 4) if math.isfinite(value) else None for field, value in asdict(quality).items()},
        }
    writer.flush()
    known = {"key": key, "steps": settings.steps, "classes": classes}
    writer.meta(META, known)  # last: what is there without it is generated anew
    return known


def _refused(name: str, why: str) -> str:
    return _("No generated images of {name} are used for training: {why}.").format(name=name, why=why)


def _accepted(name: str, made: int, count: int) -> str:
    sentence = _(
        "{made} images of {name} generated by a GAN are used for training, in addition to its {count} real ones."
    )
    return sentence.format(made=made, name=name, count=count)


def _taken(known: dict[str, Any], images: ImageSet, run: Path) -> GeneratedImages:
    """The pictures of a run as it trains on them."""
    trace, side = Trace.open(run), images.images.shape[1]
    _sheet(trace, run)
    classes = known["classes"]
    counts = {name: int(about["used"]) for name, about in classes.items() if about["used"]}
    kept = [(images.classes.index(name), trace.array(ARRAY, name)) for name in counts]
    parts = [(label, enlarged(made, side)) for label, made in kept if made is not None]
    added = None
    if parts:
        labels = np.concatenate([np.full(len(made), label, np.int64) for label, made in parts])
        added = Added(np.concatenate([made for _label, made in parts]), labels)
    return GeneratedImages(added, tuple(str(about["told"]) for about in classes.values()), counts)


def _sheet(trace: Trace, run: Path) -> None:
    """A contact sheet in the run's folder: for each class a row of real images, and below it generated ones."""
    from PIL import Image

    rows: list[Images] = []
    for name in trace.meta.get(META, {}).get("classes", {}):
        for array in (BESIDE, ARRAY):
            found = trace.array(array, name)
            if found is not None:
                row = np.zeros((SHOWN, *found.shape[1:]), np.uint8)
                row[: len(found)] = found[:SHOWN]
                rows.append(np.concatenate(list(row), axis=1))
    if rows:
        with whole(run / SHEET) as file:
            Image.fromarray(np.concatenate(rows)).save(file, "PNG")
