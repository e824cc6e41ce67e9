r"""Wrong labels planted in a set of images: how they rank, how many are estimated, and if the list mends more than
than it breaks.

    python -m benchmarks.audit.planted FOLDER [--tracks '(.*)_frame'] [--seed 10]

Of one class: spread over the others or all renamed to one; two classes exchanged, both ways; of all labels.
`--tracks`: a regular expression of which the first group names an image's track, where the source gives no groups.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from netvet.audit import duplicates, features, image_stats, labels
from netvet.images.dataset import load

Ints = NDArray[np.int64]
FEWEST = 40  # images of a class that is planted in


def plantings(truth: Ints, seed: int) -> Iterator[tuple[str, Ints]]:
    """What is planted, and the labels with it."""
    random, classes = np.random.default_rng(seed), int(truth.max()) + 1
    large = np.flatnonzero(np.bincount(truth) >= FEWEST)

    def some(label: int, share: float) -> Ints:
        mine = np.flatnonzero(truth == label)
        return random.choice(mine, round(share * len(mine)), replace=False).astype(np.int64)

    def spread(rows: Ints) -> Ints:
        given = truth.copy()
        given[rows] = (truth[rows] + random.integers(1, classes, len(rows))) % classes
        return given

    for share in (0.1, 0.3, 0.6):
        yield f"spread {share}", spread(some(random.choice(large), share))
        one, other = random.choice(large, 2, replace=False)
        given = truth.copy()
        given[some(one, share)] = other
        yield f"renamed {share}", given
    for share in (0.1, 0.3, 0.4, 0.6):
        one, other = random.choice(large, 2, replace=False)
        given = truth.copy()
        given[some(one, share)], given[some(other, share)] = other, one
        yield f"exchanged {share}", given
    for share in (0.05, 0.1, 0.3):
        yield f"of all {share}", spread(random.choice(len(truth), round(share * len(truth)), replace=False))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit.planted")
    parser.add_argument("data")
    parser.add_argument("--tracks", default="")
    parser.add_argument("--seed", type=int, default=10)
    asked = parser.parse_args()
    images = load(asked.data, image_size=128)
    names = np.array(images.paths) if images.known_groups is None else images.known_groups
    if asked.tracks:
        names = np.array([hit[1] if (hit := re.search(asked.tracks, path)) else path for path in images.paths])
    values, truth = features.extract(images.images).values, images.labels
    looks = image_stats.look(images.images)
    columns = f"{'estimated':>11}{'range':>12}{'AUROC':>8}{'listed':>8}{'right':>7}{'mended':>8}"
    print(f"{'groups':<9}{'planted':<15}{'wrong':>6}{columns}")
    for known in (True, False):
        for what, given in plantings(truth, asked.seed):
            twins = duplicates.find(looks, given, None, images.images)
            together = duplicates.clusters(twins, len(truth))
            member = np.unique(names, return_inverse=True)[1].reshape(-1) if known else together
            found = labels.find(values, given, member, known=known)
            bad, rows = given != truth, found.ranked
            gain = int((found.suggested[rows] == truth[rows]).sum() - (~bad[rows]).sum())
            print(
                f"{'known' if known else 'unknown':<9}{what:<15}{int(bad.sum()):>6}{found.number:>11.0f}"
                f"{f'{found.low}..{found.high}':>12}{roc_auc_score(bad, found.doubt):>8.3f}{len(rows):>8}"
                f"{int(bad[rows].sum()):>7}{gain:>+8}",
                flush=True,
            )


if __name__ == "__main__":
    main()
