"""What can be said of an image set before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from netvet.images.dataset import ImageSet
from netvet.images.leakage import leakage

SHOWN_PAIRS = 20


@dataclass(frozen=True)
class Survey:
    """`counts`: class -> images in train, val, test. `imbalance`: largest over smallest class. `leaked`: split ->
    share 0..1.
    """

    images: int
    classes: int
    grouped: bool
    groups: int
    counts: dict[str, dict[str, int]]
    imbalance: float
    leaked: dict[str, dict[str, float]]
    pairs: tuple[tuple[str, str], ...]
    rejected: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The survey as plain values."""
        return {
            "images": self.images,
            "classes": self.classes,
            "grouped": self.grouped,
            "groups": self.groups,
            "counts": self.counts,
            "imbalance": self.imbalance,
            "leaked": self.leaked,
            "leaked_pairs": [{"path": a, "twin": b} for a, b in self.pairs],
            "rejected": [{"path": path, "reason": reason} for path, reason in self.rejected],
            "notes": list(self.notes),
        }


def survey(images: ImageSet) -> Survey:
    """Counts, imbalance, unreadable files, and held-out images that have a twin in training."""
    splits: tuple[Literal["train", "val", "test"], ...] = ("train", "val", "test")
    table = {
        split: np.bincount(images.labels[images.indices(split)], minlength=len(images.classes)) for split in splits
    }
    totals = np.bincount(images.labels, minlength=len(images.classes))
    found = leakage(images)
    known = images.known_groups
    return Survey(
        images=len(images.labels),
        classes=len(images.classes),
        grouped=images.groups is not None,
        groups=0 if known is None else len(np.unique(known)),
        counts={name: {split: int(table[split][i]) for split in splits} for i, name in enumerate(images.classes)},
        imbalance=float(totals.max() / max(1, totals.min())),
        leaked=found.shares,
        pairs=tuple((images.paths[a], images.paths[b]) for a, b in found.pairs[:SHOWN_PAIRS].tolist()),
        rejected=tuple((r.path, r.reason) for r in images.rejected),
        notes=images.notes,
    )
