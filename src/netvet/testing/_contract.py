"""The contract of each kind of leaf, checked by a leaf's name: what `netvet` itself asks of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import TypeVar

from netvet.base.pages import Paged
from netvet.exams import exams
from netvet.recipe import Recipe, parse
from netvet.remedies import Remedy, remedies
from netvet.rules import Finding, Rule, answered, rules
from netvet.testing._traces import altered, healthy_trace, stuck_trace
from netvet.trace import Trace

_SPLIT_METRICS = ("loss", "accuracy", "balanced_accuracy", "calibration_error", "entropy", "auc", "recall")
RECORDED = frozenset(
    {
        *(f"{split}_{metric}" for split in ("train", "val") for metric in _SPLIT_METRICS),
        *("val_auc_low", "val_auc_high", "loss", "learning_rate", "epoch", "epoch_seconds", "class_images"),
        *("val_images", "test_images", "train_images", "parameters", "leaked_share", "leaked_by_group"),
        *("leaked_by_look", "train_confusion", "val_confusion", "recipe"),
    }
)
"""What the loop and `watch` record beside the probes, and "recipe": what a rule may need besides."""

RULE_HEADINGS = (
    *("Symptom", "Evidence", "Example", "Why it happens", "Not to be confused with", "Remedies", "References"),
)
T = TypeVar("T")
REMEDY_HEADINGS = ("What it does", "When it helps", "What it costs", "References")
_RECIPES: tuple[Mapping[str, object], ...] = (
    {},
    {"model.norm_after": "none", "model.activation": "sigmoid", "model.init": "small"},
    {"model.name": "resnet18", "optimizer.name": "adam", "optimizer.lr": 0.001},
    {"optimizer.momentum": 0.0, "schedule.name": "constant", "augment.flip": False, "batch_size": 8},
    {"surgery": ["residual"], "loss.name": "focal", "sampler.name": "oversample", "stop.early_stopping": 3},
)
_FOUND = (None, Finding("bare"), Finding("stuck", where="species 3", rule="stuck-class", kind="symptom"))


def check_rule(name: str, *traces: Trace) -> None:
    """Raise AssertionError, with one sentence, where a registered rule breaks the contract.

    Its name, its page (headings, every limit explained, references), that what it names exists, and that it is pure:
    the same answer twice, and a trace that stays as it is, on synthetic traces and on `traces` of your own.
    """
    rule = _known(name, "rule", rules())
    _check_name(name, "-")
    _check_page(rule, RULE_HEADINGS)
    evidence, advice = _section(rule, "Evidence"), _section(rule, "Remedies")
    for limit in rule.check.__kwdefaults__ or {}:
        assert f"`{limit}`" in evidence, f"{name}: its keyword {limit} is not explained under Evidence."
    for cure in rule.remedies:
        assert cure in advice, f"{name}: its remedy {cure} is not named under Remedies."
    _check_names(rule)
    for trace in (healthy_trace(), healthy_trace(recipe=None), stuck_trace(), *traces):
        _check_pure(rule, trace)


def check_remedy(name: str, *recipes: Recipe) -> None:
    """Raise AssertionError, with one sentence, where a registered remedy breaks the contract.

    Its name, its page, and that it is pure: the same answer twice, a valid recipe, and changes of the declared parts
    alone, on recipes of several kinds and on `recipes` of your own.
    """
    remedy = _known(name, "remedy", remedies())
    _check_name(name, "-")
    _check_page(remedy, REMEDY_HEADINGS)
    parts = {remedy.changes, *remedy.also}
    for part in sorted(parts - set(Recipe.model_fields)):
        raise AssertionError(f"{name}: it declares {part!r}, and a recipe has no such part.")
    for recipe in (*(Recipe().change(changes) for changes in _RECIPES), *recipes):
        for finding in _FOUND:
            _check_change(remedy, recipe, finding)


def check_probe(name: str) -> None:
    """Raise AssertionError, with one sentence, where a registered probe breaks the contract.

    Its name, unit and page, and that it only reads: over two steps of a small net it answers with 0-dim numbers,
    changes nothing and draws no random number.
    """
    from netvet.testing._probing import check_readings
    from netvet.watching import all_probes

    probe = _known(name, "probe", all_probes())
    _check_name(name, "_")
    assert probe.observed.unit, f"{name}: it has no unit."
    _check_page(probe, ("References",))
    assert f"`{name}`" in probe.page, f"{name}: its page does not say what `{name}` is."
    assert "It matters because" in probe.page, f'{name}: its page does not say why ("It matters because ...").'
    check_readings(probe)


def _known(name: str, kind: str, leaves: Mapping[str, T]) -> T:
    assert name in leaves, f"There is no {kind} {name!r}; there are {', '.join(leaves)}."
    return leaves[name]


def _check_name(name: str, between: str) -> None:
    plain = re.fullmatch(rf"[a-z][a-z0-9]*({between}[a-z0-9]+)*", name)
    assert plain, f"{name}: a name is in lower case, its words joined by {between!r}."


def _check_page(leaf: Paged, headings: Sequence[str]) -> None:
    title, *rest = leaf.page.splitlines() or [""]
    assert title.endswith("."), f"{leaf.name}: the first line of its page, {title!r}, is no sentence with a full stop."
    found = [line.removeprefix("## ") for line in rest if line.startswith("## ")]
    assert found == list(headings), f"{leaf.name}: its page has the headings {found}, and should have {list(headings)}."
    for heading in headings:
        assert _section(leaf, heading).strip(), f"{leaf.name}: there is nothing under {heading}."
    assert "https://" in _section(leaf, "References"), f"{leaf.name}: its references have no address."


def _section(leaf: Paged, heading: str) -> str:
    """What a page has between a heading and the next one."""
    return leaf.page.split(f"## {heading}\n")[-1].split("\n## ")[0]


def _check_names(rule: Rule) -> None:
    """What a rule names exists: observations, exams, remedies and the rules that it explains."""
    from netvet.watching import all_observers, all_probes

    given = {observation for exam in exams().values() for observation in exam.gives}
    given |= {observation for leaf in all_observers().values() for observation in leaf.gives}
    known: dict[str, tuple[Sequence[str], Set[str]]] = {
        "needs": (rule.needs, RECORDED | set(all_probes()) | given),
        "exams": (rule.exams, set(exams())),
        "remedies": (rule.remedies, set(remedies())),
        "explains": (rule.explains, set(rules()) - {rule.name}),
    }
    for field, (names, there) in known.items():
        for unknown in sorted(set(names) - there):
            raise AssertionError(f"{rule.name}: {field} names {unknown!r}, and there is none of that name besides it.")


def _check_pure(rule: Rule, trace: Trace) -> None:
    """The same answer twice, and an unchanged trace. What the trace lacks of what the rule needs is made up."""
    lacking = [need for need in rule.needs if need != "recipe" and not trace.places(need)]
    if trace.recipe is None and "recipe" in rule.needs:
        return
    trace = altered(trace, dict.fromkeys(lacking, 0.5)) if lacking else trace
    before = _written(trace)
    first, second = ([*map(_said, answered(trace, {rule.name: rule}))] for _ in range(2))
    assert first == second, f"{rule.name}: it answers {first} first, and {second} to the same trace."
    assert _written(trace) == before, f"{rule.name}: it changes the trace."


def _said(answer: object) -> str:
    fields = {name: value for name, value in vars(answer).items() if name != "evidence"}
    return repr((type(answer).__name__, fields))


def _written(trace: Trace) -> str:
    return repr((list(trace.observations()), trace.meta, trace.recipe))


def _check_change(remedy: Remedy, recipe: Recipe, finding: Finding | None) -> None:
    before = recipe.model_dump_json()
    changed, again = (remedy.apply(recipe, finding) for _ in range(2))
    assert changed == again, f"{remedy.name}: it makes two different recipes of one."
    assert recipe.model_dump_json() == before, f"{remedy.name}: it changes the recipe that it is given."
    if changed is None:
        return
    assert changed != recipe, f"{remedy.name}: it gives the same recipe back, and should give None."
    assert parse(changed.model_dump(mode="json")) == changed, f"{remedy.name}: what it makes is no valid recipe."
    for part in _undeclared(remedy, recipe, changed):
        raise AssertionError(f"{remedy.name}: it changes {part}, and declares {remedy.changes!r} {remedy.also or ''}.")


def _undeclared(remedy: Remedy, recipe: Recipe, changed: Recipe) -> Iterator[str]:
    declared = {remedy.changes, *remedy.also}
    yield from (path for path in recipe.differences(changed) if path.split(".")[0] not in declared)
