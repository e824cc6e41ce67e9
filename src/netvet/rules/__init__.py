"""Rules: pure functions of a trace, each of which finds one pathology; and the diagnosis that weighs what they found.

A rule is one file in a family's folder; see `rule`. `diagnose` asks them all.
"""

from netvet.rules._diagnosis import Diagnosis, answered, diagnose
from netvet.rules._health import Health
from netvet.rules._limits import read_limits
from netvet.rules._rule import Answer, Finding, Rule, RuledOut, rule, rules
from netvet.rules._stuck import Stuck, stuck
from netvet.rules._text import diagnosis_text, headline, print_diagnosis, reason, to_mend

__all__ = [
    "Answer",
    "Diagnosis",
    "Finding",
    "Health",
    "Rule",
    "RuledOut",
    "Stuck",
    "answered",
    "diagnose",
    "diagnosis_text",
    "headline",
    "print_diagnosis",
    "read_limits",
    "reason",
    "rule",
    "rules",
    "stuck",
    "to_mend",
]
