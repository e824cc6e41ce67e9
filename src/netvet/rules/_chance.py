"""What guessing would give, and how sure a measured share is: shared by the rules."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from netvet.trace import Trace


def prior(trace: Trace) -> NDArray[np.float64]:
    """Share of each class among the training images, (classes,), sums to 1; even shares where it is not known."""
    counts = np.array([trace.last("class_images", name) for name in trace.places("class_images")])
    if not 0 < counts.sum() < math.inf:
        counts = np.ones(len(trace.meta.get("classes", ())) or len(trace.places("val_auc")))
    return np.asarray(counts / max(counts.sum(), 1e-12), dtype=np.float64)


def chance_loss(trace: Trace) -> float:
    """Cross-entropy in nats of always answering with the class shares; the first batch loss where no class is known."""
    share = prior(trace)
    if len(share) < 2:
        return trace.series("loss").first
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())


def chance_accuracy(trace: Trace) -> float:
    """Accuracy (0..1) of always answering with the largest class; 0 where there are no classes."""
    return float(max(prior(trace), default=0.0))


def skill(accuracy: float, trace: Trace) -> float:
    """Where an accuracy lies between guessing (0) and always right (1): Cohen's kappa against the largest class."""
    chance = chance_accuracy(trace)
    return (accuracy - chance) / max(1 - chance, 1e-9)


def independent(trace: Trace, images: float, split: str, place: str = "") -> float:
    """So many independent images say as much as `images` of a class of a split (`train`, `val`), or of all classes:
    fewer where they come in groups, such as frames of one video (`netvet.design_effect`).
    """
    effect = trace.last(f"{split}_design_effect", place)
    return images / effect if effect > 1 else images


def seen(trace: Trace, split: str) -> float:
    """On how many independent images a split's metrics were taken (`train`, `train_eval`, `val`); infinite where it was
    not recorded.
    """
    confusion = trace.array(f"{split}_confusion")
    if confusion is not None:
        return independent(trace, float(confusion.sum()), split)
    name = "val_images" if split == "val" else "class_images"
    total = sum(trace.last(name, place) for place in trace.places(name))
    return independent(trace, min(total, 1024.0) if split == "train" else total, split) or math.inf


def interval(share: float, n: float, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share of n images (https://doi.org/10.1080/01621459.1927.10502953)."""
    if not math.isfinite(n):
        return share, share
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def surely_more(a: float, n_a: float, b: float, n_b: float) -> float:
    """By how much share a exceeds share b at least: Newcombe's lower 95 % bound
    (https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I).
    """
    low_a, _ = interval(a, n_a)
    _, high_b = interval(b, n_b)
    return a - b - math.sqrt((a - low_a) ** 2 + (high_b - b) ** 2)
