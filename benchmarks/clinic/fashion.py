"""Fashion-MNIST as PNG files: the first images of each class of the training file.

Debian's package `dataset-fashion-mnist` ships it (Xiao, Rasul & Vollgraf 2017, https://arxiv.org/abs/1708.07747), in
the IDX format: a big-endian header, then one byte a pixel. The PNGs go to `clinic/fashion` in netvet's cache folder.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from netvet.images.store import folder

SHIPPED = Path("/usr/share/datasets/fashion-mnist")
NAMES = ("t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle-boot")
EACH = 700
"""PNGs of each class, as many as the sets of the clinic draw from."""


def absent() -> str | None:
    """Why Fashion-MNIST cannot be used here; None where it can."""
    if (SHIPPED / "train-images-idx3-ubyte.gz").is_file():
        return None
    return f"Fashion-MNIST is not in {SHIPPED}: apt-get install dataset-fashion-mnist."


def rows() -> tuple[Path, list[tuple[str, str, str]]]:
    """The folder of PNGs, written at the first call, and (path in it, class, "") of each image."""
    root = folder() / "clinic" / "fashion"
    listed = [(f"{name}/{i:03d}.png", name, "") for name in NAMES for i in range(EACH)]
    if not (root / f"whole-{EACH}").exists():
        _write(root)
    return root, listed


def _write(root: Path) -> None:
    images, labels = _read("train-images-idx3-ubyte.gz"), _read("train-labels-idx1-ubyte.gz")
    for label, name in enumerate(NAMES):
        (root / name).mkdir(parents=True, exist_ok=True)
        for i, row in enumerate(np.flatnonzero(labels == label)[:EACH]):
            partial = root / name / f".{i:03d}.{os.getpid()}"
            Image.fromarray(images[row]).save(partial, format="PNG")
            partial.replace(root / name / f"{i:03d}.png")
    (root / f"whole-{EACH}").touch()


def _read(name: str) -> NDArray[np.uint8]:
    """An IDX file of bytes: (n,) or (n, height, width)."""
    raw = gzip.decompress((SHIPPED / name).read_bytes())
    axes = raw[3]
    shape = np.frombuffer(raw, ">i4", axes, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape)
