"""Trains a run with netvet's own trainer, has it examined as `netvet diagnose` does, and keeps the trace."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.clinic import store
from benchmarks.hard.plan import Run, written
from netvet.audit import features
from netvet.images.store import folder
from netvet.rules import diagnose
from netvet.trace import Trace

TRACES = Path(__file__).parent / "traces"


def make(run: Run, *, bare: bool = False, few: bool = False) -> float:
    """Train a run where that is not done, and examine it anew; the seconds that it took. `bare`: train it alone; `few`:
    take only the exams that are taken without a symptom, the reference last and of none that is sick by then.
    """
    import torch

    from netvet.pipeline import _without_symptom, examine, run_exam_on
    from netvet.training import load_images, train

    torch.set_num_threads(1)
    began, place = time.perf_counter(), folder() / "hard" / "runs" / run.name
    recipe = run.recipe.change({"data.source": written(run)})
    images = load_images(recipe, progress=False)
    trained = place.with_suffix(".bare")
    shutil.rmtree(place, ignore_errors=True)
    if not trained.exists():
        train(recipe, out=place, images=images)
        place.rename(trained)
    if bare:
        return time.perf_counter() - began
    shutil.copytree(trained, place)
    with remembered_features():
        for name in sorted(_without_symptom(Trace.open(place)), key=lambda each: each == "reference"):
            if name != "reference" or diagnose(Trace.open(place)).verdict != "sick":
                run_exam_on(name, place, images)
        if not few:
            examine(place, images=images)
    trace = Trace.open(place)
    trace.recipe = run.recipe
    seconds = time.perf_counter() - began
    store.write(store.Kept(run.name, run.recipe, trace, {"all": seconds}), TRACES)
    return seconds


@contextmanager
def remembered_features() -> Iterator[None]:
    """Within it, features of the same pixels are computed once and kept on disk: faults in labels leave them alone."""
    extract = features.extract

    def kept(images: NDArray[np.uint8], *, kind: features.Kind = "auto", **more: Any) -> features.Features:
        digest = blake2b(np.ascontiguousarray(images).data, digest_size=12).hexdigest()
        path = folder() / "hard" / "features" / f"{digest}-{images.shape[1]}-{kind}.npz"
        if not path.exists():
            found = extract(images, kind=kind, **more)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, values=found.values, kind=found.kind)
        with np.load(path) as stored:
            return features.Features(stored["values"], str(stored["kind"]))  # type: ignore[arg-type]

    features.extract = kept
    try:
        yield
    finally:
        features.extract = extract
