"""Faults to plant in a recipe on purpose, each file those of a rule; see `fault`."""

from netvet.faults._fault import (
    REEF,
    SEVERITIES,
    Fault,
    Plant,
    fault,
    faults,
    plant,
)

__all__ = [
    "REEF",
    "SEVERITIES",
    "Fault",
    "Plant",
    "fault",
    "faults",
    "plant",
]
