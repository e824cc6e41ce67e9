"""Tests for leaves, your own included: assertions, synthetic traces, faults to plant, and the contract of each kind.

A rule is tested on traces that show its illness, on healthy ones, and on near misses:

>>> assert_silent("dead-relu", healthy_trace())
>>> sick = altered(healthy_trace(), {"dead_fraction@features.2.act": 0.8})
>>> assert_fires("dead-relu", sick).where
'features.2.act'

and once in a real training, with `plant`. That a leaf keeps the contract of its kind is checked by its name:

>>> check_rule("dead-relu")
>>> check_remedy("leaky-relu")
>>> check_probe("dead_fraction")
"""

from netvet.faults import Fault, fault, faults, plant
from netvet.testing._contract import RECORDED, check_probe, check_remedy, check_rule
from netvet.testing._traces import (
    Curve,
    altered,
    assert_fires,
    assert_rules_out,
    assert_silent,
    assert_suspects,
    findings,
    healthy_trace,
    stuck_trace,
)

__all__ = [
    "RECORDED",
    "Curve",
    "Fault",
    "altered",
    "assert_fires",
    "assert_rules_out",
    "assert_silent",
    "assert_suspects",
    "check_probe",
    "check_remedy",
    "check_rule",
    "fault",
    "faults",
    "findings",
    "healthy_trace",
    "plant",
    "stuck_trace",
]
