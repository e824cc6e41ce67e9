"""Trials: treated and untouched runs on the same seeds, and what may be said of the difference."""

from netvet.trials._model import (
    AUC_OF,
    CONTROL,
    FILE,
    FOLDER,
    ArmProgress,
    ArmRun,
    ClassEffect,
    Progress,
    Trial,
    TrialListener,
    Verdict,
)
from netvet.trials._treat import treat

__all__ = [
    "AUC_OF",
    "CONTROL",
    "FILE",
    "FOLDER",
    "ArmProgress",
    "ArmRun",
    "ClassEffect",
    "Progress",
    "Trial",
    "TrialListener",
    "Verdict",
    "treat",
]
