"""Remedies: pure functions from a recipe to a recipe, so that every cure can be replayed."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netvet.base.pages import Paged
from netvet.base.registry import Registry
from netvet.recipe import Recipe
from netvet.remedies._effect import OWN_NETS, effective
from netvet.rules import Diagnosis, Finding, rules

Apply = Callable[[Recipe, Finding | None], Recipe | None]

GENERAL = ("augment", "weight-decay", "dropout", "oversample", "one-cycle", "early-stopping", "leaky-relu")
"""What may help a run that nothing ails, the most often useful first. A list of the design's: which of all remedies
these are, and in which order, is measured over many runs and is no single remedy's to say.
"""

OF_A_CLASS = ("stuck-class",)
"""Symptoms whose place is a class. Which cause is of a class its folder says; symptoms have one folder of their own."""

USUAL_RATES = {"sgd": 0.05, "adam": 0.001, "adamw": 0.001}
"""Peak learning rates that are usual for an optimiser at batches of about 64 images; see the page of
lower-learning-rate.
"""

NEAR = 1.5
"""Learning rates closer than this factor are not worth a trial: the range test smooths its curve over half a decade."""


@dataclass(frozen=True)
class Remedy(Paged):
    """A remedy as registered: see `remedy`."""

    name: str
    apply: Apply
    changes: str
    module: str
    also: tuple[str, ...] = ()
    example: Mapping[str, Any] = field(default_factory=dict)
    slow: bool = False

    @property
    def parts(self) -> set[str]:
        """The parts of the recipe that it may change."""
        return {self.changes, *self.also}


@dataclass(frozen=True)
class Prescription:
    """A remedy for one finding, worked out: `recipe` is what would be run. `finding` is None where nothing ails the
    run.
    """

    remedy: str
    recipe: Recipe
    finding: Finding | None


_REMEDIES = Registry[Remedy]("netvet.remedies")


def remedy(
    name: str,
    *,
    changes: str,
    also: Sequence[str] = (),
    example: Mapping[str, Any] | None = None,
    slow: bool = False,
) -> Callable[[Apply], Apply]:
    """Register a remedy.

    `changes`: the part of the recipe it rewrites (`model`, `optimizer`, ...). `also`: parts that must go with it (a
    larger batch asks for another learning rate), or that it rewrites instead (`surgery`, for models that are not
    described part by part). `example`: changes to the default recipe that make one in which it changes something; none
    where it changes the default one. `slow`: it makes training harder and pays late, so that no run of
    fewer epochs than the recipe's tells against it. The function gets the recipe and the
    finding it is meant for (None for a run that nothing ails) and returns the new recipe, or None where it does not
    apply.
    """

    def register(apply: Apply) -> Apply:
        _REMEDIES.add(name, Remedy(name, apply, changes, apply.__module__, tuple(also), dict(example or {}), slow))
        return apply

    return register


def remedies() -> dict[str, Remedy]:
    """Every remedy by name, found by walking `netvet.remedies`."""
    return _REMEDIES.all()


def prescribe(
    recipe: Recipe,
    diagnosis: Diagnosis,
    *,
    names: Sequence[str] = (),
    least: int = 0,
    general: Sequence[str] = GENERAL,
    sizes: Sequence[float] = (),
) -> list[Prescription]:
    """The remedies worth a trial, the likeliest first, each applied to the recipe.

    First those of the root cause, then the first of each other cause, then the others'; where no cause was found, those
    of the suspected ones. `least`: where these are
    fewer, the list is filled up with remedies of notes and then of `general`, which need no finding. `names`: only
    these, whatever was found (an unknown name raises KeyError); one that needs a class and is no cause's gets the one
    that is stuck. A remedy that would change nothing (in the recipe, or in what the recipe does with classes of these
    `sizes`, in training images), or that another one already amounts to, is left out.
    """
    known = remedies()
    causes = [f for f in diagnosis.findings if f.kind == "cause"]
    ill = [f for f in causes if f.severity == "illness"] or list(diagnosis.suspects)
    if names:
        unknown = [name for name in names if name not in known]
        if unknown:
            raise KeyError(unknown[0])
        wanted = [(name, _meant(known[name], recipe, diagnosis, causes)) for name in names]
        return _applied(recipe, wanted, known, len(wanted), sizes)
    root, others = ill[:1], ill[1:]
    asked = [
        *((name, f) for f in root for name in f.remedies),
        *((name, f) for f in others for name in f.remedies[:1]),
        *((name, f) for f in others for name in f.remedies[1:]),
    ]
    more = [*((name, f) for f in diagnosis.notes for name in f.remedies), *((name, None) for name in general)]
    first = _applied(recipe, asked, known, len(asked), sizes)
    if len(first) >= least:
        return first
    return _applied(recipe, [*asked, *more], known, least, sizes)


def _meant(remedy: Remedy, recipe: Recipe, diagnosis: Diagnosis, causes: Sequence[Finding]) -> Finding | None:
    """The finding that a remedy asked for by name is for: the cause that lists it, else the first whose remedies change
    the same part of the recipe; for one that needs a class, the class that is stuck.
    """
    listed = next((f for f in causes if remedy.name in f.remedies), None)
    if listed is not None:
        return listed
    if remedy.apply(recipe, None) is None:
        return next((f for f in diagnosis.symptoms if named_class(f)), None)
    known = remedies()
    return next((f for f in causes if any(remedy.parts & known[n].parts for n in f.remedies if n in known)), None)


def _applied(
    recipe: Recipe,
    wanted: Sequence[tuple[str, Finding | None]],
    known: dict[str, Remedy],
    most: int,
    sizes: Sequence[float],
) -> list[Prescription]:
    """The first `most` that change what the recipe does, each in another way. A name that this version does not have is
    passed over.
    """
    found: list[Prescription] = []
    done = [effective(recipe, sizes)]
    for name, finding in wanted:
        if len(found) == most:
            break
        changed = known[name].apply(recipe, finding) if name in known else None
        if changed is None or any(p.remedy == name for p in found):
            continue
        does = effective(changed, sizes)
        if does not in done:
            done.append(does)
            found.append(Prescription(name, changed, finding))
    return found


def named_class(finding: Finding | None) -> str | None:
    """The class that a finding is about, where its rule is one of classes; elsewhere `where` is a layer or a split."""
    if finding is None or not finding.where:
        return None
    known = rules().get(finding.rule)
    of_class = known is not None and (known.family == "classes" or known.name in OF_A_CLASS)
    return finding.where if of_class else None


def is_own_net(recipe: Recipe) -> bool:
    """Whether the recipe describes the net part by part; the activation, norms and initial weights of a timm model are
    its own.
    """
    return recipe.model.name in OWN_NETS


def best_learning_rate(finding: Finding | None) -> float | None:
    """What to aim at by the learning rate range test, if the finding rests on one: where the loss fell fastest, but no
    more than half of the highest rate that lowered it, beyond which it rises (the medians of several tests).
    """
    best, high = _tested(finding, "lr_range_best"), _tested(finding, "lr_range_high")
    return best if best is None or high is None else min(best, high / 2)


def _tested(finding: Finding | None, name: str) -> float | None:
    series = finding.evidence if finding is not None else ()
    rates = [s.last for s in series if s.name == name and 0 < s.last < math.inf]
    return statistics.median(rates) if rates else None
