r"""Near-duplicates among pictures on frames: false conflicts, pairs of two groups, pairs of one group that are found.

    python -m benchmarks.audit.frames DATA [--tracks '(.*)_frame'] [--frame round] [--most 600]

`--frame`: what the images are set on here: `none` as they are, `grey` with the noise of JPEG, `round` cut out on white,
`varied` a flat colour of its own for each image, `vignette` dark towards the corners. Groups are those of the source,
or of `--tracks`: a regular expression whose first group names an image's track. Searched with groups known, then
without.
"""

from __future__ import annotations

import argparse
import io
import re

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from netvet.audit import duplicates, image_stats
from netvet.images.dataset import load

Pictures = NDArray[np.uint8]
SIZE, EDGE = 128, 24  # pixels a side, and of the frame


def framed(images: Pictures, kind: str, seed: int = 0) -> Pictures:
    """The images (n, size, size, 3) on a frame of this kind."""
    random = np.random.default_rng(seed)
    if kind == "none":
        return images
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
    far = np.hypot(x, y)[..., None]
    made = []
    for each in images:
        if kind == "vignette":
            made.append((each * np.clip(1.5 - far, 0, 1)).astype(np.uint8))
            continue
        colour = {"grey": 128, "round": 255}.get(kind) if kind != "varied" else random.integers(0, 256, 3)
        ground = np.broadcast_to(np.asarray(colour, np.uint8), each.shape).copy()
        small = np.asarray(Image.fromarray(each).resize((SIZE - 2 * EDGE, SIZE - 2 * EDGE)))
        ground[EDGE:-EDGE, EDGE:-EDGE] = small
        if kind == "round":
            ground = np.where(far < 0.6, ground, 255).astype(np.uint8)
        if kind == "grey":
            file = io.BytesIO()
            Image.fromarray(ground).save(file, "JPEG", quality=75)
            ground = np.asarray(Image.open(file).convert("RGB"))
        made.append(ground)
    return np.stack(made)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit.frames")
    parser.add_argument("data")
    parser.add_argument("--tracks", default="")
    parser.add_argument("--frame", default="none", choices=["none", "grey", "round", "varied", "vignette"])
    parser.add_argument("--most", type=int, default=600)
    asked = parser.parse_args()
    loaded = load(asked.data, image_size=SIZE)
    rows = np.random.default_rng(0).permutation(len(loaded.labels))[: asked.most]
    labels, paths = loaded.labels[rows], [loaded.paths[row] for row in rows]
    names = np.array(paths) if loaded.known_groups is None else loaded.known_groups[rows]
    if asked.tracks:
        names = np.array([hit[1] if (hit := re.search(asked.tracks, path)) else path for path in paths])
    images = framed(np.asarray(loaded.images)[rows], asked.frame)
    looks, member = image_stats.look(images), np.unique(names, return_inverse=True)[1]
    possible = sum(n * (n - 1) // 2 for n in np.bincount(member).tolist())
    print(f"{len(rows)} images, {len(np.unique(member))} groups, {possible} pairs of one group")
    for known in (True, False):
        found = duplicates.find(looks, labels, names if known else None, images)
        same = member[found.pairs[:, 0]] == member[found.pairs[:, 1]]
        print(
            f"groups {'known' if known else 'unknown'}: {len(found.pairs)} pairs, {len(found.conflicting(labels))} of "
            f"two labels, {int((~same).sum())} of two groups; of one group {int(same.sum())} found "
            f"({same.sum() / max(1, possible):.1%})",
            flush=True,
        )


if __name__ == "__main__":
    main()
