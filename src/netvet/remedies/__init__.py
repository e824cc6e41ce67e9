"""Remedies: pure functions from a recipe to a recipe, each one file; see `remedy`."""

from netvet.remedies._effect import OWN_NETS, effective
from netvet.remedies._remedy import (
    GENERAL,
    NEAR,
    USUAL_RATES,
    Apply,
    Prescription,
    Remedy,
    best_learning_rate,
    is_own_net,
    named_class,
    prescribe,
    remedies,
    remedy,
)

__all__ = [
    "GENERAL",
    "NEAR",
    "OWN_NETS",
    "USUAL_RATES",
    "Apply",
    "Prescription",
    "Remedy",
    "best_learning_rate",
    "effective",
    "is_own_net",
    "named_class",
    "prescribe",
    "remedies",
    "remedy",
]
