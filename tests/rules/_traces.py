"""What several tests of the engine start from."""

from __future__ import annotations

from collections.abc import Mapping

from netvet.testing import Curve

FLAT: Mapping[str, Curve] = {
    "train_loss": 2.07,
    "loss": 2.07,
    "train_accuracy": 0.125,
    "val_accuracy": 0.125,
    "val_auc@*": 0.5,
    "val_auc_high@*": 0.55,
    "val_recall@*": 0.125,
}
"""A run that learns nothing, of eight classes."""
