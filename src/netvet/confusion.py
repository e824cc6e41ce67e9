"""The partner of a class, the one that it is taken for most: one definition for the exams that measure a class against
its partner and for the rules that name it, so that a sentence never gives the AUC of another pair than it names.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def most_confused_with(confusion: NDArray[np.int64] | None) -> dict[int, int]:
    """The partner of each class that has one, by index; {} without a confusion matrix.

    `confusion`: (classes, classes) images, rows true. The partner is the class that most of the missed images are taken
    for; of a class none of whose images is missed, the class whose images are taken for it most often, as a share of
    their own.

    >>> most_confused_with(np.array([[6, 1, 3], [0, 9, 0], [0, 0, 9]]))
    {0: 2, 1: 0, 2: 0}
    """
    if confusion is None:
        return {}
    missed = np.array(confusion, np.float64)
    np.fill_diagonal(missed, 0)
    share = missed / np.maximum(np.asarray(confusion).sum(axis=1, keepdims=True), 1)
    found: dict[int, int] = {}
    for k in range(len(missed)):
        line = missed[k] if missed[k].any() else share[:, k]
        if line.any():
            found[k] = int(line.argmax())
    return found
