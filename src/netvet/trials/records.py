"""Finished runs of a trial, kept beside their traces, so that the same trial need not make them again."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace

from netvet import __version__
from netvet.base.files import put
from netvet.trials import ArmRun
from netvet.trials.engine import Job

RECORD = "arm.json"


def record(run: ArmRun, job: Job, digest: str) -> None:
    """Keep a finished run beside its trace, so that the same trial need not make it again."""
    tree = {
        "version": __version__,
        "digest": digest,
        "recipe": job.recipe.model_dump(mode="json"),
        "run": {**asdict(run), "metrics": dict(run.metrics)},
    }
    job.folder.mkdir(parents=True, exist_ok=True)
    put(job.folder / RECORD, json.dumps(tree, indent=1))


def recorded(job: Job, digest: str) -> ArmRun | None:
    """The run that an earlier trial made of this very recipe, images and version; None where there is none."""
    try:
        tree = json.loads((job.folder / RECORD).read_text(encoding="utf-8"))
        same = (tree["version"], tree["digest"], tree["recipe"]) == (
            __version__,
            digest,
            job.recipe.model_dump(mode="json"),
        )
        return replace(ArmRun.from_json(tree["run"]), folder=str(job.folder)) if same else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def aside(job: Job) -> Job:
    """The same run where it is kept once runs of other lengths take its folder."""
    return replace(job, folder=job.folder.with_name(f"{job.folder.name}-{job.recipe.stop.epochs}"))


def set_aside(run: ArmRun, job: Job, digest: str) -> ArmRun:
    """Move a recorded run out of the way of a longer one; the run where it lies then."""
    if recorded(job, digest) is None:  # it lies elsewhere already
        return run
    kept = aside(job).folder
    shutil.rmtree(kept, ignore_errors=True)
    job.folder.replace(kept)
    return replace(run, folder=str(kept))
