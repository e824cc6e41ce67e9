"""A slip: one change to a program, and the kind of illness it is; healthy programs that look odd are written alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules

from benchmarks.loops.script import Script

Change = Callable[[Script], None]

KINDS: dict[str, tuple[str, ...]] = {
    **{
        name: (name,)
        for name in (
            *("unchanged-weights", "uncleared-gradients", "probabilities-as-logits", "unsuited-loss"),
            *("mismatched-classes", "mismatched-input", "invalid-labels", "shuffled-labels", "unshuffled-batches"),
            *("wrong-mode", "misplaced-schedule", "small-batch-norm"),
            *("learning-rate-too-high", "learning-rate-too-low", "dead-relu", "vanishing-gradient", "label-noise"),
            *("class-imbalance", "unnormalised-input", "batch-norm-mismatch"),
        )
    },
    "dead-schedule": ("misplaced-schedule", "unchanged-weights"),
    "tiny-rate": ("unchanged-weights", "learning-rate-too-low"),
    "nothing-arrives": ("unchanged-weights", "uncleared-gradients"),
    "no-number": ("unsuited-loss", "probabilities-as-logits"),
    "broken-image": ("broken-input",),
    "wrong-statistics": ("wrong-mode", "batch-norm-mismatch", "small-batch-norm"),
    "summed-loss": ("unsuited-loss", "learning-rate-too-high"),
    "few-images": ("weak-regularisation", "over-capacity", "late-stopping"),
    "half-shuffled": ("shuffled-labels", "label-noise"),
    "missing-class": ("mismatched-classes", "invalid-labels", "class-imbalance"),
}
"""Kind -> the causes that are right for it. Where there are several, the slip is each of them in other words."""


@dataclass(frozen=True)
class Slip:
    """`kind`: of `KINDS`, "" for a healthy program. `on`: names of the bases that it is made on.

    `story`: what it is, in a sentence. `of_class`: it should do harm to a class, not to all.
    """

    name: str
    kind: str
    change: Change
    on: tuple[str, ...]
    story: str
    of_class: bool = False


_registry: dict[str, Slip] = {}


def slip(kind: str, *on: str, of_class: bool = False) -> Callable[[Change], Change]:
    """Register a slip; its name is the function's, its story the docstring."""

    def register(change: Change) -> Change:
        name = change.__name__.replace("_", "-")
        if name in _registry:
            raise ValueError(f"There are two slips {name}.")
        _registry[name] = Slip(name, kind, change, on, (change.__doc__ or "").strip(), of_class)
        return change

    return register


def sound(*on: str) -> Callable[[Change], Change]:
    """Register a healthy program."""
    return slip("", *on)


def slips() -> dict[str, Slip]:
    """Every slip and healthy program by name."""
    from benchmarks.loops import slips as package

    for module in iter_modules(package.__path__, f"{package.__name__}."):
        import_module(module.name)
    return dict(sorted(_registry.items()))
