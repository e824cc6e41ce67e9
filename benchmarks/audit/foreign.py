"""Images of another kind mixed into a set: how many of them the off-topic list finds, and how much of it is foreign.

    python -m benchmarks.audit.foreign DATA [--share 0.05] [--kinds text,drawings,reef,fashion] [--most 1500]

`--share`: of all images that are foreign, 0 for the clean set. Needs the pretrained weights. `fashion`: Fashion-MNIST,
of Debian's dataset-fashion-mnist.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from netvet.audit import features, off_topic
from netvet.images.dataset import load
from netvet.images.reef import Reef, paint

Pictures = NDArray[np.uint8]
SIZE = 128
FASHION = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")


def text(n: int, random: np.random.Generator) -> Pictures:
    """Lines of random words on paper."""
    made = []
    for _ in range(n):
        page = Image.new("RGB", (SIZE, SIZE), tuple(random.integers(220, 256, 3).tolist()))
        draw = ImageDraw.Draw(page)
        for line in range(8):
            words = " ".join("".join(map(chr, random.integers(97, 123, random.integers(2, 8)))) for _ in range(4))
            draw.text((4, 4 + 15 * line), words, fill=tuple(random.integers(0, 90, 3).tolist()))
        made.append(np.asarray(page))
    return np.stack(made)


def drawings(n: int, random: np.random.Generator) -> Pictures:
    """Outlines of fish, drawn with a few strokes."""
    made = []
    for _ in range(n):
        page = Image.new("RGB", (SIZE, SIZE), "white")
        draw = ImageDraw.Draw(page)
        x, y = (int(each) for each in random.integers(20, 40, 2))
        w, h = (int(each) for each in random.integers(40, 70, 2))
        line = int(random.integers(1, 4))
        draw.ellipse((x, y, x + w, y + h), outline="black", width=line)
        tail = [(x + w, y + h // 2), (x + w + 20, y), (x + w + 20, y + h), (x + w, y + h // 2)]
        draw.line(tail, fill="black", width=line)
        draw.ellipse((x + 10, y + h // 3, x + 15, y + h // 3 + 5), fill="black")
        made.append(np.asarray(page))
    return np.stack(made)


def reef(n: int, random: np.random.Generator) -> Pictures:
    """Rendered fish."""
    painted = paint(Reef(species=5, n=-(-n // 5), seed=int(random.integers(1000))), SIZE)
    return np.asarray(painted.images[:n], np.uint8)


def fashion(n: int, random: np.random.Generator) -> Pictures:
    """Goods, enlarged."""
    pixels = np.frombuffer(gzip.decompress(FASHION.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28)
    chosen = pixels[random.choice(len(pixels), n, replace=False)]
    return np.stack([np.asarray(Image.fromarray(each).resize((SIZE, SIZE)).convert("RGB")) for each in chosen])


KINDS: dict[str, Callable[[int, np.random.Generator], Pictures]] = {
    "text": text,
    "drawings": drawings,
    "reef": reef,
    "fashion": fashion,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit.foreign")
    parser.add_argument("data")
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--kinds", default="text,drawings,reef,fashion")
    parser.add_argument("--most", type=int, default=1500)
    asked = parser.parse_args()
    loaded, random = load(asked.data, image_size=SIZE), np.random.default_rng(0)
    rows = random.permutation(len(loaded.labels))[: asked.most]
    count = round(asked.share / (1 - asked.share) * len(rows))
    kinds = asked.kinds.split(",")
    parts = [KINDS[kind](-(-count // len(kinds)), random) for kind in kinds] if count else []
    strange = np.concatenate(parts)[:count] if parts else np.empty((0, SIZE, SIZE, 3), np.uint8)
    images = np.concatenate([np.asarray(loaded.images)[rows], strange])
    labels = np.concatenate([loaded.labels[rows], random.choice(loaded.labels, len(strange))])
    described = features.extract(images, kind="pretrained")
    assert described.whole is not None
    found = off_topic.find(described.whole, labels, np.arange(len(labels)))
    assert found is not None
    hits = int((found.rows >= len(rows)).sum())
    print(
        f"{len(images)} images, {len(strange)} foreign ({asked.kinds}): {len(found.rows)} listed, precision "
        f"{hits / max(1, len(found.rows)):.2f}, recall {hits / max(1, len(strange)):.2f}"
    )


if __name__ == "__main__":
    main()
