"""What an observation is: its printed name, unit and kind, as its probe or exam declares them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from netvet.base.words import pretty
from netvet.locale import _

Kind = Literal["number", "share", "auc", "count", "nats", "px", "seconds", "index"]
"""What a value is: a `share` (0..1) is printed as per cent; an `index` points at a class or a row of the image set."""

Telling = Literal["last", "highest", "lowest"]
"""Which of its values stands for a curve in print."""

UNLABELLED = Path(__file__).with_name("unlabelled.json")


@dataclass(frozen=True)
class Observed:
    """What is known of an observation beside its name.

    `label`: what it is called in print, in English; mark it with `netvet.locale.later`, it is translated where it is
    shown. Without one its name is printed, underscores as spaces. `unit`: in words, such as "L2 norm".
    """

    label: str = ""
    unit: str = ""
    kind: Kind = "number"
    telling: Telling = "last"

    def title(self, name: str) -> str:
        """What it is called in print, in the language in force.

        >>> Observed("Dead units").title("dead_fraction"), Observed().title("form_count")
        ('Dead units', 'Form count')
        """
        return _(self.label) if self.label else pretty(name).capitalize()


@cache
def unlabelled() -> dict[str, Observed]:
    """What observations are in a trace that does not say it: those recorded before traces kept labels, and synthetic
    ones. Frozen: what is declared today stands in the trace.
    """
    entries = json.loads(UNLABELLED.read_text(encoding="utf-8"))
    return {name: Observed(entry[0], "", entry[1], entry[2]) for name, entry in entries.items()}
