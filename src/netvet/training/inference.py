"""A trained run put to use: metrics on a split, and the class of new images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from netvet.base.errors import BadInput
from netvet.images.dataset import ImageSet
from netvet.images.decode import Undecodable, decode_file
from netvet.locale import _
from netvet.metrics import Summary, summarise
from netvet.nets import models
from netvet.nets.device import Machine, choose
from netvet.recipe import Recipe
from netvet.trace import Trace
from netvet.training import checkpoint
from netvet.training.batches import PixelStats
from netvet.training.passes import predict as _logits


@dataclass(frozen=True)
class Prediction:
    """`classes` and `probabilities` (0..1), the likeliest first; `problem` says why a file could not be read."""

    path: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    problem: str = ""


@dataclass(frozen=True)
class _Trained:
    model: nn.Module
    statistics: PixelStats
    classes: tuple[str, ...]
    recipe: Recipe
    machine: Machine


def evaluate(run: str | Path, images: ImageSet, split: str) -> Summary:
    """Metrics of a run's final model on a split (`train`, `val` or `test`) of a set with the run's classes."""
    trained = _load(Path(run))
    if tuple(images.classes) != trained.classes:
        raise BadInput(_("The classes of the images are not those that {run} was trained on.").format(run=run))
    rows = images.indices(split)  # type: ignore[arg-type]
    if not len(rows):
        sentence = _("The {split} split is empty: give data.{split} a share above 0 and train again.")
        raise BadInput(sentence.format(split=split))
    logits, labels = _logits(trained.model, trained.statistics, trained.machine, images, rows)
    known = images.known_groups
    groups = None if known is None else np.unique(known[rows], return_inverse=True)[1].astype(np.int64)
    return summarise(logits, labels, images.classes, groups)


def predict(run: str | Path, paths: Sequence[Path], top: int = 3) -> list[Prediction]:
    """The `top` classes of each image file. A file that cannot be read gets a `problem`, and the others go on."""
    trained = _load(Path(run))
    size = trained.recipe.data.image_size
    answers: list[Prediction] = []
    for path in paths:
        try:
            pixels: NDArray[np.uint8] = decode_file(path, size)
        except (Undecodable, OSError) as error:
            answers.append(Prediction(str(path), (), (), str(error)))
            continue
        batch = torch.from_numpy(pixels[None].copy()).permute(0, 3, 1, 2).to(trained.machine.device).float().div_(255)
        with torch.no_grad(), trained.machine.autocast():
            logits = trained.model(trained.statistics.normalise(batch)).float()
        probability, index = logits.softmax(1)[0].topk(min(top, len(trained.classes)))
        names = tuple(trained.classes[i] for i in index.tolist())
        answers.append(Prediction(str(path), names, tuple(float(p) for p in probability)))
    return answers


def _load(run: Path) -> _Trained:
    """The final model of a run, in eval mode. Raises BadInput where the run has no checkpoint or no recipe."""
    recipe = Trace.open(run).recipe
    if recipe is None:
        raise BadInput(_("{run} was not trained by netvet: its model is unknown.").format(run=run))
    state = checkpoint.load(run / checkpoint.LAST)
    machine = choose(recipe)
    model = models.build(recipe.model, len(state["classes"]), recipe.data.image_size)
    model = models.patched(model, recipe.surgery, recipe.data.image_size)
    checkpoint.put_weights(model, state, run)
    model.to(machine.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    statistics = PixelStats(tuple(state["mean"]), tuple(state["std"]))
    return _Trained(model, statistics, tuple(state["classes"]), recipe, machine)
