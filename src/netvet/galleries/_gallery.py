"""Galleries: a few images that show what a finding says, chosen while the images are at hand and kept in the trace, so
that the report shows them wherever it is made. Each file under `netvet.galleries` holds that of one rule.

Which images show it best is measured by exams, which keep the rows of these in the trace (an array by class, say).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netvet.base.registry import Registry
from netvet.rules import Finding
from netvet.trace import Trace, TraceWriter

if TYPE_CHECKING:
    from netvet.images.dataset import ImageSet

MOST = 12  # images of a gallery
SIDE = 96  # pixels a side that are kept: 12 images are 330 kB of the trace, and some 35 of the page


@dataclass(frozen=True)
class Line:
    """What is read: `text`, marked with `netvet.locale.later`, is looked up and filled in where it is shown.

    `values`: what its fields hold. Text is a class or a file, and is shown as names of classes are; numbers are as the
    field formats them.
    """

    text: str
    values: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Shot:
    """One image, or several that stand side by side: `images`, each (h, w, 3) RGB 0..255.

    `lines`: what is read below, the first one in full ink. `path`: of the first image.
    """

    images: Sequence[NDArray[np.uint8]]
    lines: Sequence[Line]
    path: str


Choose = Callable[[Trace, "ImageSet", Finding], Iterable[Shot]]


@dataclass(frozen=True)
class Gallery:
    """A gallery as registered: see `gallery`."""

    rule: str
    choose: Choose
    title: str
    module: str


_GALLERIES = Registry[Gallery]("netvet.galleries")


def gallery(rule: str, *, title: str) -> Callable[[Choose], Choose]:
    """Register the gallery of a rule.

    `title`: its heading, marked with `netvet.locale.later`; `{name}` in it is the finding's place. The function gets
    the trace, the images and the finding, and gives what is to be seen, the most telling first; nothing where the trace
    lacks what it needs. At most `MOST` images of it are kept.
    """

    def register(choose: Choose) -> Choose:
        _GALLERIES.add(rule, Gallery(rule, choose, title, choose.__module__))
        return choose

    return register


def galleries() -> dict[str, Gallery]:
    """Every gallery by its rule's name, found by walking `netvet.galleries`."""
    return _GALLERIES.all()


def missing(trace: Trace, findings: Sequence[Finding]) -> bool:
    """Whether one of the findings has a gallery that is not in the trace yet."""
    kept = _kept(trace)
    known = galleries()
    return any(f.rule in known and kept.get(f.rule, {}).get("where") != f.where for f in findings)


def save(trace: Trace, images: ImageSet, findings: Sequence[Finding], record: TraceWriter) -> None:
    """Keep the galleries of these findings, in place of those that the trace holds.

    Rows that an exam kept mean other images once files have come or gone: then nothing is kept.
    """
    clear(record)
    recorded = trace.meta.get("data")
    digest = recorded.get("digest") if isinstance(recorded, dict) else None
    if digest not in (None, images.digest):
        return
    known, kept = galleries(), dict[str, Any]()
    for finding in findings:
        if finding.rule not in known or finding.rule in kept:
            continue
        made = known[finding.rule]
        shots = _few(made.choose(trace, images, finding))
        kept[finding.rule] = {
            "where": finding.where,
            "title": [made.title, {"name": finding.where}],
            "shots": [
                {"images": len(s.images), "lines": [[each.text, dict(each.values)] for each in s.lines], "path": s.path}
                for s in shots
            ],
        }
        if shots:
            pixels = [small(image) for shot in shots for image in shot.images]
            record.add_array(0, "gallery", np.stack(pixels), finding.rule)
    record.meta("galleries", kept)


def clear(record: TraceWriter) -> None:
    """Forget the galleries: an exam that they rest on is taken again."""
    record.forget("gallery")
    record.meta("galleries", {})


def saved(trace: Trace, finding: Finding) -> tuple[Line, list[Shot]] | None:
    """The heading and the shots that were kept for a finding; None where there are none."""
    entry, pixels = _kept(trace).get(finding.rule), trace.array("gallery", finding.rule)
    if entry is None or entry.get("where") != finding.where or pixels is None or pixels.ndim != 4:
        return None
    shots, at = list[Shot](), 0
    for shot in entry.get("shots", ()):
        part = pixels[at : at + shot["images"]]
        at += shot["images"]
        shots.append(Shot(list(part), [Line(text, values) for text, values in shot["lines"]], shot["path"]))
    text, values = entry["title"]
    return (Line(text, values), shots) if shots else None


def _kept(trace: Trace) -> dict[str, dict[str, Any]]:
    kept = trace.meta.get("galleries")
    return kept if isinstance(kept, dict) else {}


def _few(shots: Iterable[Shot]) -> list[Shot]:
    chosen: list[Shot] = []
    for shot in shots:
        if sum(len(each.images) for each in [*chosen, shot]) > MOST:
            break
        chosen.append(shot)
    return chosen


def small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image (h, w, 3) with at most `SIDE` pixels a side."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(image, dtype=np.uint8), "RGB")
    picture.thumbnail((SIDE, SIDE))
    return np.asarray(picture, np.uint8)
