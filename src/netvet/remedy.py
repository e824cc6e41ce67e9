"""Remedies: pure functions from a recipe to a recipe, so that every cure can be replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from netvet.discovery import load_leaves
from netvet.page import page, title
from netvet.recipe import Recipe
from netvet.rule import Diagnosis, Finding

Apply = Callable[[Recipe, Finding | None], Recipe | None]


@dataclass(frozen=True)
class Remedy:
    """A remedy as registered: see `remedy`."""

    name: str
    apply: Apply
    changes: str
    module: str

    @property
    def title(self) -> str:
        """The first line of the page."""
        return title(self.module, self.name)

    @property
    def page(self) -> str:
        """The page, as `netvet explain` prints it."""
        return page(self.module, self.name)


@dataclass(frozen=True)
class Prescription:
    """A remedy for one finding, worked out: `recipe` is what would be run. `finding` is None where nothing ails the run."""

    remedy: str
    recipe: Recipe
    finding: Finding | None


_registry: dict[str, Remedy] = {}


def remedy(name: str, *, changes: str) -> Callable[[Apply], Apply]:
    """Register a remedy.

    `changes`: the part of the recipe it rewrites (`model`, `optimizer`, ...). The function gets the recipe and the finding it
    is meant for (None for a run that nothing ails) and returns the new recipe, or None where it does not apply.
    """

    def register(apply: Apply) -> Apply:
        _registry[name] = Remedy(name, apply, changes, apply.__module__)
        return apply

    return register


def remedies() -> dict[str, Remedy]:
    """Every remedy by name, found by walking `netvet.remedies`."""
    load_leaves("netvet.remedies")
    return dict(sorted(_registry.items()))


def prescribe(recipe: Recipe, diagnosis: Diagnosis, *, names: Sequence[str] = ()) -> list[Prescription]:
    """The remedies worth a trial, the likeliest first, each applied to the recipe.

    `names`: only these, whatever was found (an unknown name raises KeyError). A remedy that would change nothing, or that
    another one already amounts to, is left out. Remedies of the root cause come first, then one each of the other causes.
    """
    known = remedies()
    findings = [f for f in diagnosis.findings if f.kind == "cause"]
    wanted: list[tuple[str, Finding | None]]
    if names:
        wanted = [(name, next((f for f in findings if name in f.remedies), None)) for name in names]
    else:
        wanted = [(name, finding) for finding in findings for name in finding.remedies]
    prescriptions: list[Prescription] = []
    for name, finding in wanted:
        if name not in known:
            if names:
                raise KeyError(name)
            continue  # a rule may name a remedy that this version does not have
        changed = known[name].apply(recipe, finding)
        if changed is None or changed == recipe or any(p.recipe == changed or p.remedy == name for p in prescriptions):
            continue
        prescriptions.append(Prescription(name, changed, finding))
    return prescriptions
