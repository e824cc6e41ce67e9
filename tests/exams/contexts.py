"""Small contexts for exams: squares of one colour a class, a net fitted to them in a second, and its checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from netvet.exams import ExamContext
from netvet.images.dataset import ImageSet
from netvet.nets.device import choose
from netvet.recipe import Recipe
from netvet.trace import TraceWriter
from netvet.training import batches, checkpoint
from netvet.training.loop import build
from netvet.training.passes import batch_norms

SIZE = 8
COLOURS = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [180, 180, 40]])


def squares(train: int = 120, val: int = 60, *, val_shift: int = 0, val_classes: int = 4, seed: int = 0) -> ImageSet:
    """Noisy images (8 x 8) of four colours. `val_shift`: added to the validation pixels."""
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(train) % 4, np.arange(val) % val_classes]).astype(np.int64)
    split = np.repeat(np.array([0, 1], np.int8), [train, val])
    pixels = COLOURS[labels][:, None, None, :] + random.normal(0, 30, (train + val, SIZE, SIZE, 3))
    pixels[split == 1] += val_shift
    return ImageSet(
        classes=("a", "b", "c", "d"),
        images=pixels.clip(0, 255).astype(np.uint8),
        labels=labels,
        groups=None,
        known_groups=None,
        paths=tuple(f"{i}.png" for i in range(train + val)),
        split=split,
        rejected=(),
        notes=(),
        digest="squares",
    )


def recipe(changes: Mapping[str, Any] | None = None) -> Recipe:
    small = {"data.image_size": SIZE, "model.depth": 3, "model.width": 8, "model.pool_every": 9, "precision": "float32"}
    return Recipe().change(small).change(changes or {})


def admit(
    run: Path,
    changes: Mapping[str, Any] | None = None,
    *,
    images: ImageSet | None = None,
    steps: int = 40,
    frozen: tuple[str, ...] = (),
    hurt: Callable[[nn.Module], None] = lambda model: None,
) -> ExamContext:
    """Fit a net (`frozen`: layers that are not trained), take its batch norms' true statistics, `hurt` it, save it."""
    chosen, shown = recipe(changes), squares() if images is None else images
    machine = choose(chosen)
    with torch.random.fork_rng():
        model, statistics = build(chosen, shown, machine)
        trained = [p for n, p in model.named_parameters() if not n.startswith(frozen)] if frozen else model.parameters()
        optimizer = torch.optim.Adam(trained, lr=0.02)
        rows = shown.indices("train")
        pixels = statistics.normalise(batches.pixels(shown, rows, machine.device))
        labels = torch.from_numpy(shown.labels[rows])
        for norm in batch_norms(model).values():
            norm.momentum = 0.5
        for _step in range(steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(pixels), labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        with torch.no_grad():
            for _step in range(20 if steps else 0):
                model.train()(pixels)
            hurt(model)
    run.mkdir(parents=True, exist_ok=True)
    state = {"format": 1, "model": model.state_dict(), "classes": list(shown.classes)}
    checkpoint.save(run / checkpoint.LAST, state | {"mean": list(statistics.mean), "std": list(statistics.std)})
    return ExamContext(run, chosen, shown, TraceWriter(run))
