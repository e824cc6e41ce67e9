"""What is true of a loop, measured on the finished model apart from netvet; and when a slip did harm.

A slip can do none (gradients that are never cleared, under Adam). Fixed before anything was scored: a loop is sick
where balanced accuracy on the validation images that it was given ends at least `COST` (15 %) below its mended twin's;
where it is aimed at a class (`Slip.of_class`), also where the recall of a class that the twin knows (at least `SEEN`,
50 %) ends at `LEFT` (half) of the twin's or less; of few images, where accuracy on training less validation is at least
`GAP` (15 points) and `WIDER` (10 points) more than the twin's. A loss or weights that are not finite: accuracy 0.

A healthy loop learns well where it reaches `LEARNS` (90 %) of the best healthy loop on the same images and its gap is
below `GAP`; one that does not is counted in no figure, and `score` names it. These limits are the clinic's.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks.clinic.harm import COST, GAP, LEARNS, LEFT, SEEN, WIDER
from benchmarks.loops.script import Script, forwarded


@dataclass(frozen=True)
class Truth:
    """Balanced accuracy (0..1) in eval mode, and the recall of each class on validation (nan: no image)."""

    train: float
    val: float
    recalls: tuple[float, ...]

    @property
    def gap(self) -> float:
        """Training less validation."""
        return self.train - self.val

    def to_json(self) -> dict[str, Any]:
        """As the trace's meta keeps it."""
        return asdict(self)


def known(stored: dict[str, Any]) -> Truth:
    """From the trace's meta."""
    return Truth(stored["train"], stored["val"], tuple(stored["recalls"]))


def measured(s: Script) -> Truth:
    """The finished program's, on what its loaders give."""
    train, val = _recalls(s, s.x, s.y), _recalls(s, s.xv, s.yv)
    return Truth(_mean(train), _mean(val), tuple(val))


def _recalls(s: Script, x: Tensor, y: Tensor) -> list[float]:
    logits = torch.cat(list(forwarded(s, x)))
    named = torch.where(logits.isfinite().all(1), logits.nan_to_num().argmax(1), -1)
    found = [named[y == k] == k for k in range(int(y.max()) + 1)]
    return [float(right.float().mean()) for right in found]  # of no image: nan


def _mean(recalls: list[float]) -> float:
    there = [recall for recall in recalls if not math.isnan(recall)]
    return sum(there) / max(1, len(there))


def harmed(kind: str, of_class: bool, mine: Truth, twin: Truth) -> bool:
    """Whether the slip did harm, against the mended twin."""
    if kind == "few-images":
        return mine.gap >= GAP and mine.gap >= twin.gap + WIDER
    if mine.val <= (1 - COST) * twin.val:
        return True
    pairs = zip(mine.recalls, twin.recalls, strict=False)
    return of_class and any(usual >= SEEN and recall <= LEFT * usual for recall, usual in pairs)


def learns(mine: Truth, best: float) -> bool:
    """Whether a healthy loop learns well. `best`: of the healthy loops on the same images."""
    return mine.val >= LEARNS * best and mine.gap < GAP
