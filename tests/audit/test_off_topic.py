"""Images of another kind: a pack of them is found whatever its labels, and a set without them is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from netvet.audit import off_topic

Values = NDArray[np.float32]


def classes(n: int = 400, d: int = 40, seed: int = 0) -> tuple[Values, NDArray[np.int64]]:
    """Four classes that differ in some features and share their covariance."""
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    mixing = random.normal(size=(d, d)) / np.sqrt(d)
    values = random.normal(size=(n, d)) @ mixing + 3 * random.normal(size=(4, d))[labels]
    return values.astype(np.float32), labels


@pytest.mark.parametrize("spread", [0.1, 2.0])
def test_a_pack_of_foreigners_is_found_however_alike_they_are(spread: float) -> None:
    values, labels = classes()
    random = np.random.default_rng(1)
    values[:20] = 6 * random.normal(size=40) + spread * random.normal(size=(20, 40))
    found = off_topic.find(values, labels, np.arange(400))
    assert found is not None
    assert set(range(20)) <= set(found.rows.tolist())
    assert len(found.rows) <= 22


def test_a_clean_set_has_next_to_none() -> None:
    found = off_topic.find(*classes(), np.arange(400))
    assert found is not None
    assert len(found.rows) <= 2


def test_a_wrong_label_is_not_off_topic() -> None:
    values, labels = classes()
    labels[:20] = (labels[:20] + 1) % 4
    found = off_topic.find(values, labels, np.arange(400))
    assert found is not None
    assert not set(range(20)) & set(found.rows.tolist())
    assert (found.nearest[:20] != labels[:20]).all()


def test_of_few_images_nothing_is_said() -> None:
    values, labels = classes(80)
    assert off_topic.find(values, labels, np.arange(80)) is None
