from __future__ import annotations

import pytest

from netvet.testing import Curve, altered, assert_fires, assert_silent, healthy_trace
from netvet.trace import Trace


def loop(**changes: Curve) -> Trace:
    """Batches of 32 drawn from 8 classes of 120 images, as they fall."""
    drawn: dict[str, Curve] = {
        "batch_images": 32, "batch_top_share": 0.23, "batch_classes": 7.9, "half_overlap": 0.95,
    }  # fmt: skip
    return altered(healthy_trace(recipe=None), {**drawn, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_top_share": 1.0, "batch_classes": 1, "half_overlap": 0.0}, "100% of them from one class"),
        ({"batch_top_share": 0.97, "batch_classes": 1.2}, "97% of them from one class"),  # in another order each epoch
        ({"batch_images": 2, "batch_top_share": 1.0, "batch_classes": 1}, "A batch of 2 images"),
        ({"batch_images": 200, "batch_top_share": 0.55, "batch_classes": 2.5, "half_overlap": 0.0}, "200 images"),
        ({"batch_top_share": 0.4, "batch_classes": 3, "half_overlap": 0.05}, "share 5% of their labels"),
    ],
)
def test_batches_of_one_class_or_few_in_turn_are_found(changes: dict[str, Curve], said: str) -> None:
    found = assert_fires("unshuffled-batches", loop(**changes))
    assert said in found.message
    assert "shuffle=True" in found.fix


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"batch_top_share": 0.125, "batch_classes": 8},  # balanced on purpose
        {"batch_images": 2, "batch_top_share": 0.56, "batch_classes": 1.88},
        {"batch_images": 1, "batch_top_share": 1.0, "batch_classes": 1},
        {"batch_top_share": 0.25, "batch_classes": 4},  # four classes of eight images each, others each time
        {"class_images@species 0": 8000, "batch_top_share": 0.9, "batch_classes": 3.6},  # a large class
    ],
)
def test_batches_as_a_draw_gives_them_are_left_alone(changes: dict[str, Curve]) -> None:
    assert_silent("unshuffled-batches", loop(**changes))
