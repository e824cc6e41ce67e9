"""What is planted in the photographs themselves: the options of an f4k23 source that concern one class.

The victim is a class by its place among the set's names, as in the reef. Everything is drawn by lot from the names of
files and tracks, so the same option plants the same fault everywhere, and a stronger one keeps what a weaker one does.

- `mix`: share of the victim's photographs that swap labels with photographs of the other classes, in every split; no
  class changes its size. With `sound`, in the training split alone: what is held out still says how well it is known.
- `dealt`: the victim's tracks are dealt to two labels, this share of its photographs to a second one, called after the
  first with `TWIN` behind it. That is one species under two names, so that no photograph can tell the two apart, by
  construction; two species that merely look alike would have to be shown to look alike by the very measures that are
  scored.
- `fine`: with `dealt`; the photographs of the species are written anew at `FINE_SIDE` pixels, those under the second
  name with a checkerboard of single pixels, so many grey levels up and down: there at that size, gone at half of it.
- `merged`: so many classes from the victim on are one label, their names with + between: several species under one
  name. Each keeps as many of its photographs as leave the label as large as the victim was.
- `few`: training photographs that the victim keeps; what is held out of it stays, so that its score is still known.
- `dark`, `blur`: photographs of `victims` classes, from the victim on, are written anew as JPEG: their light is
  multiplied by 1 - `dark` and the noise of a sensor added (`GRAIN`), or they are blurred by a Gaussian of `blur` image
  widths. A class that alone is dark is known by its darkness; two that are dark are a plight.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFilter

from netvet.images.store import folder

if TYPE_CHECKING:
    from benchmarks.clinic.datasets import Options

TWIN = "-b"
GRAIN = 5.0
"""Standard deviation of the noise that is added to darkened photographs, of 255."""
FINE_SIDE = 64
TEST = 0.1
"""Share of a class that is tested on, where the source gives the split (`val`)."""
Row = tuple[str, str, str]
Placed = tuple[str, str, str, str]
"""Path, label, group, and split ("": drawn by the loader)."""


def lot(text: str) -> int:
    """0..2**32 - 1, drawn by a text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest())


def plant(root: Path, rows: Sequence[Row], names: Sequence[str], options: Options) -> list[Placed]:
    """The rows of a set with a split and with what its options plant."""
    victim = names[options.victim] if len(names) > options.victim else ""
    split = _split(rows, options.val)
    truth = {path: label for path, label, _ in rows}
    placed = [(path, label, group, split.get(path, "")) for path, label, group in rows]
    placed = _swapped(placed, victim, options.mix, sound=bool(options.sound))
    placed = _dealt(placed, victim, options.dealt)
    placed = _merged(placed, names[options.victim : options.victim + options.merged])
    if options.few:
        mine = [row for row in placed if row[1] == victim and row[3] == "train"]
        kept = set(sorted(mine, key=lambda row: lot(f"few {row[0]}"))[: options.few])
        placed = [row for row in placed if row not in mine or row in kept]
    if options.fine:
        board = {victim: 0.0, victim + TWIN: 1.0}
        placed = [
            (_patterned(root, row[0], options.fine, board[row[1]]) if row[1] in board else row[0], *row[1:])
            for row in placed
        ]
    if options.dark or options.blur:
        poor = set(names[options.victim : options.victim + options.victims])
        placed = [(_written(root, row[0], options) if truth[row[0]] in poor else row[0], *row[1:]) for row in placed]
    return placed


def _split(rows: Sequence[Row], share: float) -> dict[str, str]:
    """Path -> split: of each class whole tracks by lot, `share` for validation, `TEST` for the test; {} where `share`
    is 0.
    """
    if not share:
        return {}
    found: dict[str, str] = {}
    for name in sorted({label for _, label, _ in rows}):
        tracks: dict[str, list[str]] = {}
        for path, label, group in rows:
            if label == name:
                tracks.setdefault(group or path, []).append(path)
        total, used = sum(map(len, tracks.values())), 0
        for track in sorted(tracks, key=lambda track: lot(f"split {track}")):
            middle = (used + len(tracks[track]) / 2) / total
            part = "val" if middle < share else "test" if middle < share + TEST else "train"
            found |= dict.fromkeys(tracks[track], part)
            used += len(tracks[track])
    return found


def _swapped(placed: list[Placed], victim: str, share: float, *, sound: bool) -> list[Placed]:
    """Labels swapped within a split, so that every split keeps its counts; `sound`: in training alone."""
    labels = {row[0]: row[1] for row in placed}
    parts = {"train"} if sound else {row[3] for row in placed}
    for part in sorted(parts) if share else ():
        drawn = sorted((row for row in placed if row[3] == part), key=lambda row: lot(f"mix {row[0]}"))
        mine = [row for row in drawn if row[1] == victim]
        others = [row for row in drawn if row[1] != victim]
        for one, other in zip(mine[: round(share * len(mine))], others, strict=False):
            labels[one[0]], labels[other[0]] = other[1], victim
    return [(path, labels[path], group, part) for path, _, group, part in placed]


def _dealt(placed: list[Placed], victim: str, share: float) -> list[Placed]:
    """Within each split, tracks by lot until the second label has its share."""
    second: set[str] = set()
    for part in sorted({row[3] for row in placed}) if share else ():
        mine = [row for row in placed if row[1] == victim and row[3] == part]
        mine.sort(key=lambda row: (lot(f"deal {row[2] or row[0]}"), row[0]))
        tracks: dict[str, list[str]] = {}
        for row in mine:
            tracks.setdefault(row[2] or row[0], []).append(row[0])
        used = 0
        for paths in tracks.values():
            if (used + len(paths) / 2) / max(1, len(mine)) < share:
                second |= set(paths)
            used += len(paths)
    return [(path, label + TWIN if path in second else label, *rest) for path, label, *rest in placed]  # type: ignore[misc]


def _merged(placed: list[Placed], together: Sequence[str]) -> list[Placed]:
    """Several classes under one label, each with its part of the photographs of every split."""
    if len(together) < 2:
        return placed
    label = "+".join(together)
    kept: list[Placed] = []
    for part in sorted({row[3] for row in placed}):
        size = sum(row[1] == together[0] and row[3] == part for row in placed)
        for name in together:
            mine = [row for row in placed if row[1] == name and row[3] == part]
            mine.sort(key=lambda row: (lot(f"merge {row[2] or row[0]}"), row[0]))
            kept += [(path, label, group, where) for path, _, group, where in mine[: -(-size // len(together))]]
    return [*(row for row in placed if row[1] not in together), *kept]


def _written(root: Path, path: str, options: Options) -> str:
    """Where the photograph is, made poor: an absolute path in the cache folder."""
    made = _anew(f"dark-{options.dark:g}-blur-{options.blur:g}", path, ".jpg")
    if made.is_file():
        return str(made)
    image = Image.open(root / path).convert("RGB")
    if options.blur:
        image = image.filter(ImageFilter.GaussianBlur(options.blur * image.width))
    if options.dark:
        light = np.asarray(image, np.float64) * (1 - options.dark)
        noise = np.random.default_rng(lot(f"grain {path}")).normal(0, GRAIN, light.shape)
        image = Image.fromarray(np.clip(light + noise + 0.5, 0, 255).astype(np.uint8))
    return _save(image, made, format="JPEG", quality=90)


def _patterned(root: Path, path: str, levels: float, share: float) -> str:
    """Where the photograph is, made square, with a checkerboard of a share of so many grey levels, and room for all."""
    made = _anew(f"fine-{levels:g}-{share:g}", path, ".png")
    if made.is_file():
        return str(made)
    image = Image.open(root / path).convert("RGB").resize((FINE_SIDE, FINE_SIDE), Image.Resampling.LANCZOS)
    board = np.where(np.indices((FINE_SIDE, FINE_SIDE)).sum(axis=0) % 2, levels, -levels)[..., None]
    room = np.clip(np.asarray(image, np.float64), levels, 255 - levels)  # so that nothing is clipped off it
    return _save(Image.fromarray((room + share * board).round().astype(np.uint8)), made, format="PNG")


def _anew(how: str, path: str, kind: str) -> Path:
    return folder() / "clinic" / "poor" / how / Path(path).with_suffix(kind)


def _save(image: Image.Image, made: Path, **options: Any) -> str:
    made.parent.mkdir(parents=True, exist_ok=True)
    partial = made.with_suffix(f".{os.getpid()}")
    image.save(partial, **options)
    partial.replace(made)
    return str(made)
