"""Images that a GAN generated for the run, beside real ones of the class."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netvet.base.words import clean, pretty
from netvet.locale import _
from netvet.report.pictures import Picture, _uri
from netvet.trace import Trace

MOST = 6  # of each kind


@dataclass(frozen=True)
class Painting:
    """The class `name`: what is `reported` of its generated images, and pairs of a real one and a generated one."""

    name: str
    reported: str
    pictures: tuple[Picture, ...]


def paintings(trace: Trace) -> list[Painting]:
    """What was generated for each class; empty where the recipe asks for nothing."""
    meta = trace.meta.get("generated")
    classes = meta.get("classes") if isinstance(meta, dict) else None
    if not isinstance(classes, dict):
        return []
    return [
        Painting(pretty(str(name)), clean(str(about.get("told", ""))), _pictures(trace, str(name)))
        for name, about in classes.items()
        if isinstance(about, dict)
    ]


def _pictures(trace: Trace, name: str) -> tuple[Picture, ...]:
    real, made = (_images(trace.array(array, name)) for array in ("generated_beside", "generated"))
    found = []
    for kind, images in ((_("real"), real), (_("generated"), made)):
        alt = _("{kind}: {name}").format(kind=kind, name=pretty(name))
        found.append([Picture((_uri(image),), (kind,), alt) for image in images[:MOST]])
    pairs = zip_longest(*found)
    return tuple(picture for pair in pairs for picture in pair if picture is not None)


def _images(array: NDArray[Any] | None) -> NDArray[np.uint8]:
    if array is None or array.ndim != 4 or array.shape[-1] != 3:
        return np.empty((0, 1, 1, 3), np.uint8)
    return array.astype(np.uint8)
