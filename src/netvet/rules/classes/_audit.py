"""Whether the audit of images and labels can be believed of one class, and whether a class is rare."""

from __future__ import annotations

import numpy as np

from netvet.rules import Stuck
from netvet.rules._nearness import at_least
from netvet.trace import Trace

SOUND = 0.9  # median AUC of the other classes in the audit: below it, its features say nothing of one class


def audited(trace: Trace, stuck: Stuck) -> float:
    """How near the audit's features come to telling the other classes apart, 0..1; 0 where it was not taken."""
    apart = (stuck.place, stuck.partner)
    others = [trace.last("image_auc", name) for name in trace.places("image_auc") if name not in apart]
    return at_least(float(np.median(others)), SOUND, slack=0.05) if others else 0.0


def common(trace: Trace, place: str, few: float) -> bool:
    """Whether a class has at least the share `few` of the images of the largest; False where they were not counted."""
    largest = max((trace.last("class_images", name) for name in trace.places("class_images")), default=0.0)
    return trace.last("class_images", place) >= few * largest
