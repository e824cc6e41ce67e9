"""Example images as data URIs: small, and inside the page."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netvet.base.words import clean, percent, pretty
from netvet.galleries import Line, saved
from netvet.locale import _
from netvet.report.facts import examples
from netvet.rules import Finding
from netvet.trace import Trace

MOST_WRONG, MOST_LEAKED = 24, 12
SIDE = 128  # pixels; larger images are made smaller


@dataclass(frozen=True)
class Picture:
    """`uris`: one image, or two that are compared. `lines`: what to read under it. `alt`: what they show."""

    uris: tuple[str, ...]
    lines: tuple[str, ...]
    alt: str


@dataclass(frozen=True)
class ShownGallery:
    """Images under a heading. `total`: how many there are, of which these are the first. `pairs`: two side by side."""

    title: str
    pictures: list[Picture]
    total: int
    pairs: bool = False


def of_finding(trace: Trace, finding: Finding) -> ShownGallery | None:
    """The images that show what a finding says; None where none were kept for it."""
    kept = saved(trace, finding)
    if kept is None:
        return None
    heading, shots = kept
    pictures = []
    for shot in shots:
        lines = tuple(map(_read, shot.lines))
        pictures.append(Picture(tuple(map(_uri, shot.images)), lines, f"{', '.join(lines)}: {clean(shot.path)}"))
    return ShownGallery(_read(heading), pictures, len(pictures), pairs=len(shots[0].images) > 1)


def _read(line: Line) -> str:
    """The line in the language in force, with names as they are shown."""
    return _(line.text).format(**{k: pretty(v) if isinstance(v, str) else v for k, v in line.values.items()})


def wrong(trace: Trace) -> list[Picture]:
    """Images that the model gets wrong."""
    found = []
    for image, row in examples(trace, "wrong")[:MOST_WRONG]:
        true, predicted = pretty(row.get("true", "?")), pretty(row.get("predicted", "?"))
        sure = f" {percent(_number(row.get('probability')), 0)}".replace(" –", "")
        text = _("{true}, taken for {predicted}").format(true=true, predicted=predicted)
        found.append(Picture((_uri(image),), (true, f"→ {predicted}{sure}"), f"{text}: {clean(row.get('path', ''))}"))
    return found


def leaked(trace: Trace) -> list[Picture]:
    """Images of validation or test beside their twins in training."""
    found = []
    for pair, row in examples(trace, "leaked")[:MOST_LEAKED]:
        path, other = clean(row.get("path", "?")), clean(row.get("other", "?"))
        group = clean(row.get("group") or "")
        label, other_label = pretty(row.get("label", "")), pretty(row.get("other_label", ""))
        lines = [label if label == other_label else _("{one} and {other}").format(one=label, other=other_label)]
        lines.append(_("group {group}").format(group=group) if group else _("near-duplicates"))
        text = _("{path}, held out, next to {other}, used for training").format(path=path, other=other)
        found.append(Picture((_uri(pair[0]), _uri(pair[1])), tuple(lines), text))
    return found


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return math.nan


def _uri(image: NDArray[np.uint8], aspect: float = 1.0, side: int = SIDE) -> str:
    """A data URI; `aspect`: width over height of the file, of which the image was stretched to a square."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(image, dtype=np.uint8), "RGB")
    if aspect != 1.0:
        long = min(side, max(picture.size))
        picture = picture.resize((max(1, round(long * min(1.0, aspect))), max(1, round(long / max(1.0, aspect)))))
    picture.thumbnail((side, side))
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=82, method=4)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode("ascii")
