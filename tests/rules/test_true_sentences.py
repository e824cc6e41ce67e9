"""Every number in a sentence is borne out by the evidence that it carries, whatever the trace.

Drawn are recorded runs of the clinic and of loops, some curves of which are moved, and synthetic runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.clinic import store
from netvet.base.observed import Observed
from netvet.recipe import Recipe
from netvet.rules import Finding, RuledOut, answered, headline, reason, rules
from netvet.rules._curve import single
from netvet.rules._diagnosis import diagnose
from netvet.testing import Curve, altered, healthy_trace, stuck_trace
from netvet.trace import Trace
from tests.rules._truth import NONE, NUMBER, untrue, without_names

ROOT = Path(__file__).parents[2] / "benchmarks"
LOOPS, CLINIC = ROOT / "loops" / "traces", ROOT / "clinic" / "traces"
EACH = 2  # recorded runs of each kind
MOVED = 8  # curves of a run
FIXED = (
    "epoch",
    "train_images",
    "val_auc",
    "val_auc_low",
    "val_auc_high",
)  # an interval moves as a whole or not at all


@cache
def _recorded() -> tuple[tuple[Path, str], ...]:
    """Some runs of every kind of fault, evenly over the names."""
    kept: list[tuple[Path, str]] = []
    for folder in (LOOPS, CLINIC):
        names = sorted(path.name.removesuffix(".npz.xz") for path in folder.glob("*.npz.xz"))
        by_kind: dict[str, list[str]] = {}
        for name in names:
            by_kind.setdefault("-".join(name.split("-")[:2]), []).append(name)
        kept += [(folder, name) for group in by_kind.values() for name in group[:: max(1, len(group) // EACH)][:EACH]]
    return tuple(kept)


@cache
def _read(folder: Path, name: str) -> Trace:
    return store.read(name, folder).trace


@st.composite
def moved(draw: st.DrawFn, base: Trace) -> Trace:
    """The run with some curves scaled, flattened, cut by a leap, or without numbers."""
    chance = np.random.default_rng(draw(st.integers(0, 2**31)))
    keys = [(name, place) for name in base.names() for place in base.places(name) if name not in FIXED]
    changes: dict[str, Curve] = {}
    for at in chance.choice(len(keys), min(MOVED, len(keys)), replace=False).tolist():
        name, place = keys[at]
        kind = draw(st.sampled_from(["scaled", "flat", "leap", "holes"]))
        changes[f"{name}@{place}"] = _change(kind, float(chance.lognormal(0, 0.5)), _is_share(base, name))
    return _whole(base, altered(base, changes))


def _is_share(base: Trace, name: str) -> bool:
    values = base.series(name, base.places(name)[0]).values
    return bool(np.isfinite(values).any() and np.nanmin(values) >= 0 and np.nanmax(values) <= 1)


def _change(kind: str, by: float, share: bool) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    def changed(old: NDArray[np.float64]) -> NDArray[np.float64]:
        new = old * by
        if kind == "flat":
            new = np.full(len(old), old[-1] * by)
        elif kind == "leap":
            new = np.where(np.arange(len(old)) > len(old) // 2, old * 20 * by, old)
        elif kind == "holes" and not share:
            new = np.where(np.arange(len(old)) % 3 == 2, np.nan, old)
        return np.clip(new, 0, 1) if share else new

    return changed


def _whole(base: Trace, changed: Trace) -> Trace:
    """With the arrays that the run had; images are counted, so that they are whole numbers."""
    counted = ("class_images", "val_images", "parameters", "labels_seen", "step_calls", "optimizer_steps")
    rows = [r._replace(value=float(np.round(r.value))) if r.name in counted else r for r in changed.observations()]
    arrays = {(n, ""): a for n in store.KEPT if (a := base.array(n)) is not None}
    return Trace(rows, recipe=base.recipe, arrays=arrays, declared=base.declared, meta=base.meta)


def _runs() -> st.SearchStrategy[Trace]:
    recorded = st.sampled_from(_recorded()).map(lambda key: _read(*key))
    made = st.sampled_from([healthy_trace(epochs=8, classes=4, layers=3), healthy_trace(recipe=None), stuck_trace()])
    return st.one_of(recorded, recorded, made).flatmap(moved)


def _told(trace: Trace) -> list[Finding | RuledOut]:
    return list(answered(trace, rules()))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(_runs())
def test_every_number_of_a_sentence_is_borne_out_by_its_evidence(trace: Trace) -> None:
    for answer in _told(trace):
        assert not untrue(answer, trace)


def test_every_number_of_a_recorded_run_s_sentences_is_borne_out() -> None:
    spoke = set()
    for folder, name in _recorded():
        trace = _read(folder, name)
        for answer in _told(trace):
            spoke.add(answer.rule)
            assert not untrue(answer, trace), name
    assert len(spoke) >= 35  # of 40 rules


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(_runs())
def test_headlines_reasons_cures_and_grounds_have_numbers_or_none(trace: Trace) -> None:
    found = diagnose(trace)
    told = [headline(found), reason(found), found.grounds]
    told += [text for each in found.findings for text in (each.message, each.fix, each.needed)]
    assert not [text for text in told if NONE.search(text)]
    if found.root is not None:
        assert found.root.rule in headline(found)
        assert found.root.message in reason(found)


# ---- the check itself can fail ----


def _spoken() -> Iterator[tuple[Finding, Trace]]:
    sick = altered(healthy_trace(), {"dead_fraction@features.2.act": 0.8123, "train_loss": [2.0, 1.5, 1.45, 1.45]})
    for trace in (sick, stuck_trace(), healthy_trace(recipe=Recipe(), val_accuracy=0.6)):
        yield from ((each, trace) for each in _told(trace) if isinstance(each, Finding))


def _other(answer: Finding) -> Finding:
    """The sentence with its last number replaced by another."""
    last = NUMBER.findall(without_names(answer.message, healthy_trace()))[-1]
    start, _last, end = answer.message.rpartition(last)
    return replace(answer, message=f"{start}3977{end}")


@pytest.mark.parametrize(
    "wrong",
    [
        _other,
        lambda a: replace(a, message=f"{a.message} It was nan."),
        lambda a: replace(a, evidence=(single("other", 0.12345, Observed()),)),
        lambda a: replace(a, limit=1e9 if a.evidence[0].telling > (a.limit or 0) else -1e9),
    ],
)
def test_a_number_that_is_not_in_the_evidence_is_found(wrong: Callable[[Finding], Finding]) -> None:
    spoken = [(each, trace) for each, trace in _spoken() if each.limit is not None]
    assert len(spoken) >= 4
    for each, trace in spoken:
        assert not untrue(each, trace)
        assert untrue(wrong(each), trace), each.message
