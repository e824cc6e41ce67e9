"""Assertions on what a rule answers, and synthetic traces for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netvet.recipe import Recipe
from netvet.rules import Finding, RuledOut, answered, rules
from netvet.trace import Observation, Trace

Curve = float | Sequence[float] | NDArray[np.float64] | Callable[[NDArray[np.float64]], NDArray[np.float64]] | None

# The synthetic trace has what rules most often ask a network's layers for, under the names that a real one has.
_GRADIENT, _UPDATE, _DISTANCE, _DEAD = "grad_rms", "update_ratio", "weight_distance", "dead_fraction"

# What the exams measure in a class in which nothing is wrong, and what differs in one that is stuck.
_SOUND = {
    **dict.fromkeys(("quality_blur", "quality_dark", "quality_flat", "quality_glare"), 0.1),
    "quality_surely": -0.1,
    "label_error_share": 0.05,
    "label_error_together": 0.5,
    **dict.fromkeys(("image_auc", "image_pair_auc", "image_rest_auc", "probe_auc", "probe_pair_auc"), 0.97),
    "probe_recall": 0.9,
}
_STUCK = {"val_auc": 0.7, "val_auc_low": 0.62, "val_auc_high": 0.78, "val_recall": 0.2, "probe_recall": 0.3}


def findings(rule: str, trace: Trace) -> list[Finding]:
    """What one rule finds in a trace. Raises AssertionError where the trace lacks what the rule needs."""
    return [answer for answer in _answers(rule, trace) if isinstance(answer, Finding) and not answer.suspected]


def assert_fires(rule: str, trace: Trace, *, where: str | None = None) -> Finding:
    """The rule's first finding; raises AssertionError where it finds nothing (or not at `where`)."""
    found = findings(rule, trace)
    assert found, f"{rule} is silent, and should find something."
    if where is not None:
        assert found[0].where == where, f"{rule} fires at {found[0].where!r} first, and should at {where!r}."
    for finding in found:
        assert finding.message.strip("{}") == finding.message != "", f"{rule} says {finding.message!r}."
        assert 0 < finding.confidence <= 1, f"{rule} has a confidence of {finding.confidence}."
        assert finding.evidence, f"{rule} shows no evidence."
    return found[0]


def assert_suspects(rule: str, trace: Trace) -> Finding:
    """What the rule suspects without being sure; raises AssertionError where it finds something, or nothing."""
    assert_silent(rule, trace)
    near = [answer for answer in _answers(rule, trace) if isinstance(answer, Finding)]
    assert near, f"{rule} suspects nothing, and should."
    return near[0]


def assert_silent(rule: str, trace: Trace) -> None:
    """Raises AssertionError, with what it says, where the rule finds something; a suspicion is nothing found."""
    found = findings(rule, trace)
    assert not found, f"{rule} should be silent, and says: {found[0].message}"


def assert_rules_out(rule: str, trace: Trace) -> RuledOut:
    """The rule's statement that its cause is not there; raises AssertionError where it makes none."""
    stated = [answer for answer in _answers(rule, trace) if isinstance(answer, RuledOut)]
    assert stated, f"{rule} does not rule its cause out, and should."
    return stated[0]


def _answers(rule: str, trace: Trace) -> list[Finding | RuledOut]:
    known = rules()
    assert rule in known, f"There is no rule {rule!r}; there are {', '.join(known)}."
    for need in known[rule].needs:
        measured = trace.recipe is not None if need == "recipe" else bool(trace.places(need))
        assert measured, f"{rule} cannot be assessed: the trace lacks {need}."
    return [answer for answer in answered(trace, known) if answer.rule == rule]


def healthy_trace(
    *,
    recipe: Recipe | None = Recipe(),  # noqa: B008 - frozen
    classes: int = 8,
    images: int = 120,
    epochs: int = 20,
    steps_per_epoch: int = 15,
    layers: int = 6,
    train_accuracy: float = 0.98,
    val_accuracy: float = 0.90,
    seed: int = 0,
) -> Trace:
    """A synthetic trace of a healthy run, under the names that a real one has, with plausible noise; exact by seed.

    `images`: training images of each class (a fifth as many for validation). `layers`: convolutions `features.N.conv`,
    with `features.N.act` after each, and `head`. `train_accuracy`, `val_accuracy`: where the run ends, 0..1.
    """
    random = np.random.default_rng(seed)
    names = [f"species {i}" for i in range(classes)]
    steps, ends = epochs * steps_per_epoch, np.arange(1, epochs + 1) * steps_per_epoch - 1
    learnt = 1 - np.exp(-5 * (ends + 1) / steps)  # 0..1 over the run
    learnt /= learnt[-1]
    rows: list[Observation] = []

    def add(name: str, at: NDArray[np.int64], values: NDArray[np.float64] | float, where: str = "") -> None:
        spread = np.broadcast_to(np.asarray(values, dtype=np.float64), at.shape)
        rows.extend(Observation(int(s), name, float(v), where) for s, v in zip(at, spread, strict=True))

    start, every = np.zeros(1, np.int64), np.arange(steps)
    rate = recipe.optimizer.lr if recipe is not None else 0.05
    add("learning_rate", every, rate * np.interp(every, [0, 0.3 * steps, steps], [0.04, 1.0, 1e-4]))
    chance = np.log(classes)
    fall = np.interp(every, ends, learnt, left=0.0)
    add("loss", every, chance * (1.05 - 0.95 * fall) + random.normal(0, 0.08, steps) * (1.1 - fall))
    for name in names:
        add("class_images", start, float(images), name)
        add("val_images", start, float(images // 5), name)
        add("test_images", start, float(images // 5), name)
    add("train_images", start, float(classes * images))
    add("parameters", start, 400.0 * classes * images)
    for split in ("val", "test"):
        for name in ("leaked_share", "leaked_by_group", "leaked_by_look"):
            add(name, start, 0.0, split)
    for split, top, noise in (("train", train_accuracy, 0.003), ("val", val_accuracy, 0.008)):
        accuracy = np.clip(1 / classes + (top - 1 / classes) * learnt + random.normal(0, noise, epochs), 0, 1)
        add(f"{split}_accuracy", ends, accuracy)
        add(f"{split}_balanced_accuracy", ends, accuracy)
        add(f"{split}_loss", ends, chance * (1.02 - accuracy) / (1.02 - 1 / classes))
        for name in names:
            recall = np.clip(accuracy + random.normal(0, 2 * noise, epochs), 0, 1)
            auc = np.clip(0.5 + 0.5 * learnt * (0.6 + 0.4 * top) + random.normal(0, noise / 2, epochs), 0.5, 0.999)
            add(f"{split}_recall", ends, recall, name)
            add(f"{split}_auc", ends, auc, name)
            if split == "val":
                add("val_auc_low", ends, np.clip(auc - 0.05, 0, 1), name)
                add("val_auc_high", ends, np.clip(auc + 0.03, 0, 1), name)
    add("epoch", ends, np.arange(1, epochs + 1, dtype=np.float64))
    probed = np.arange(0, steps, 10)
    places = [*(f"features.{i}.conv" for i in range(layers)), "head"]
    for depth, place in enumerate(places):
        wobble = np.exp(random.normal(0, 0.2, len(probed)))
        add(_GRADIENT, probed, 1e-3 * 0.8**depth * wobble * (1.2 - probed / steps), place)
        add(_UPDATE, probed, 3e-3 * wobble, place)
        add(_DISTANCE, probed, 1.2 * np.sqrt(probed / steps), place)
        if place != "head":
            dead = np.clip(0.02 + 0.02 * random.random(len(probed)), 0, 1)
            add(_DEAD, probed, dead, place.replace("conv", "act"))
    meta: dict[str, Any] = {"classes": names, "steps_per_epoch": steps_per_epoch, "epochs": epochs, "finished": True}
    return Trace(rows, recipe=recipe, meta=meta)


def altered(trace: Trace, changes: Mapping[str, Curve], *, recipe: Recipe | None = None) -> Trace:
    """The trace with some of its curves replaced.

    `changes`: "name" or "name@place" ("name@*" for every place) -> a number, a curve that is stretched over the run, a
    function of the old values, or None to leave it out. What the trace does not have is put at the ends of the epochs.
    `recipe`: another recipe for it, None for its own.
    """
    rows = {(s.name, s.where): s for name in trace.names() for s in (trace.series(name, w) for w in trace.places(name))}
    values = {key: (series.steps, series.values) for key, series in rows.items()}
    for path, curve in changes.items():
        name, _, place = path.partition("@")
        for key in [(name, w) for w in trace.places(name)] if place == "*" else [(name, place)]:
            steps, old = values.get(key, (trace.series("train_loss").steps, trace.series("train_loss").values))
            if curve is None:
                values.pop(key, None)
            elif callable(curve):
                values[key] = (steps, np.asarray(curve(old), dtype=np.float64))
            else:
                points = np.atleast_1d(np.asarray(curve, dtype=np.float64))
                at = np.linspace(0, len(points) - 1, len(steps))
                values[key] = (steps, np.interp(at, np.arange(len(points)), points))
    observations = (
        Observation(int(step), name, float(value), where)
        for (name, where), (steps, curve_values) in values.items()
        for step, value in zip(steps, curve_values, strict=True)
    )
    return Trace(observations, recipe=recipe or trace.recipe, declared=trace.declared, meta=trace.meta)


def stuck_trace(place: str = "species 3", *, taken: float = 0.5, **measured: float) -> Trace:
    """A healthy trace but for one class: AUC 0.70, and 20 % of its validation images recognised; no exam says why.

    `taken`: share of its missed images that goes to the class after it, 0..1; the others share the rest. `measured`:
    other values for this class by the observation's name, as in `stuck_trace(quality_dark=0.95, quality_surely=0.9)`.
    """
    base = healthy_trace()
    names = base.meta["classes"]
    k, n = names.index(place), len(names)
    changes: dict[str, Curve] = {f"{name}@{each}": value for each in names for name, value in _SOUND.items()}
    changes |= {f"{name}@{place}": value for name, value in {**_STUCK, **measured}.items()}
    confusion = np.diag(np.full(n, 100))
    confusion[k] = round(80 * (1 - taken) / (n - 2))
    confusion[k, (k + 1) % n], confusion[k, k] = round(80 * taken), 20
    trace = altered(base, changes)
    return Trace(trace.observations(), recipe=trace.recipe, arrays={("val_confusion", ""): confusion}, meta=trace.meta)
