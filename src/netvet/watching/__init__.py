"""Watching a training: `watch`, the probes that measure (each one file in `probes`), and the hooks that ask them."""

from netvet.watching._observer import Loop, Observer, all_observers, observer
from netvet.watching._probe import At, Layer, Moment, Probe, Reading, all_probes, norms, probe
from netvet.watching._watch import watch
from netvet.watching.watcher import Watcher

__all__ = [
    "At",
    "Layer",
    "Loop",
    "Moment",
    "Observer",
    "Probe",
    "Reading",
    "Watcher",
    "all_observers",
    "all_probes",
    "norms",
    "observer",
    "probe",
    "watch",
]
