"""Holds every number of a sentence against the evidence that it carries.

A number is true where it is what one of the curves tells, the limit, a constant of the rule's own text, or what can be
derived from the trace as `DERIVED` says for that rule; each to the precision that is printed.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import math
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache

import numpy as np

from netvet.rules import Finding, RuledOut, rules
from netvet.rules._chance import chance_accuracy, chance_loss
from netvet.rules._curve import quantile, work
from netvet.rules._loss import batch_loss
from netvet.rules.signal._birth import birth, depth_change, per_layer
from netvet.trace import Series, Trace

NUMBER = re.compile(r"(?<![\w.])[+−-]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?%?(?![\w])")
NONE = re.compile(r"\b(nan|inf|None(?! of the))\b")
BELOW = {
    *("stuck-class", "class-imbalance", "under-capacity", "learning-rate-too-low", "vanishing-gradient"),
    *("under-performance", "look-alike-classes", "harmful-augmentation", "shuffled-labels", "small-batch-norm"),
}
"""Rules whose first curve has to lie below the limit, or at it; of others above. Of some it depends: see `_side`."""


def untrue(answer: Finding | RuledOut, trace: Trace) -> list[str]:
    """What is wrong with a sentence; empty where all of it is borne out."""
    text, found = answer.message, list(NONE.findall(answer.message))
    allowed = [*_told(answer), *_constants(answer.rule), *DERIVED.get(answer.rule, _nothing)(answer, trace)]
    places = {getattr(answer, "where", ""), *(each.where for each in answer.evidence)}
    for token in NUMBER.findall(without_names(text, trace)):
        if token not in places and not any(_is(token, value) for value in allowed):
            found += [f"{token} in {text!r}"]
    return [*found, *_side(answer), *_since(answer)]


def without_names(text: str, trace: Trace) -> str:
    places = {place for name in trace.names() for place in trace.places(name) if place}
    names = {*places, *map(str, trace.meta.get("classes", ()))} - {"0.9"}
    for name in sorted((n for n in names if not n.replace(".", "").isdigit()), key=len, reverse=True):
        text = text.replace(name, "_")
    return text


def _told(answer: Finding | RuledOut) -> Iterator[float]:
    yield from (series.telling for series in answer.evidence)
    if isinstance(answer, Finding) and answer.limit is not None:
        yield answer.limit


def _is(token: str, value: float) -> bool:
    """Whether a value would be printed so."""
    plain = token.rstrip("%").replace(",", "").replace("−", "-")
    mantissa, _e, exponent = plain.partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    shown = float(plain)
    if token.endswith("%"):
        shown, unit = shown / 100, unit / 100
    return math.isfinite(value) and abs(shown - value) <= 0.5 * unit * (1 + 1e-6) + 1e-12


@cache
def _constants(name: str) -> tuple[float, ...]:
    """Numbers that stand in the rule's sentences themselves, such as "biases of 0"."""
    tree = ast.parse(inspect.getsource(importlib.import_module(rules()[name].module)))
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)][1:]
    plain = [re.sub(r"{[^}]*}", "_", text) for text in texts if " " in text]
    return tuple(float(n.rstrip("%").replace(",", "")) for text in plain for n in NUMBER.findall(text))


def _side(answer: Finding | RuledOut) -> Iterator[str]:
    """The first curve lies beyond the limit that is shown."""
    if not isinstance(answer, Finding) or answer.limit is None or answer.nearness < 1:
        return
    value, limit, first = answer.evidence[0].telling, answer.limit, answer.evidence[0].name
    if not math.isfinite(value):
        yield f"{answer.rule}: a limit of {limit} beside no value"
        return
    low = answer.rule in BELOW or (answer.rule, first) in BELOW_BY_CURVE
    if (answer.rule, first) in EITHER or (low and value <= limit) or (not low and value >= limit):
        return
    yield f"{answer.rule}: {first} is {value}, its limit {limit}: {answer.message!r}"


BELOW_BY_CURVE = {
    *(("late-stopping", "val_accuracy"), ("batch-norm-mismatch", "norm_running_accuracy")),
    *(("weak-features", "probe_pair_auc"), ("weak-features", "probe_auc"), ("accuracy-plateau", "train_accuracy")),
    ("no-momentum", "momentum_loss"),
    *(("unchanged-weights", name) for name in ("optimizer_steps", "shared_parameters", "weight_turn")),
    *(("small-batch-norm", "batch_images"), ("misplaced-schedule", "learning_rate")),
    *(("unshuffled-batches", "batch_classes"), ("bad-initialisation", "unit_spread")),
    *(("label-noise", name) for name in ("label_information", "train_eval_accuracy", "train_accuracy")),
    *(("unsuited-loss", "answer_pushed"), ("mismatched-classes", "val_images")),
}
EITHER = {
    *(("unnormalised-input", name) for name in ("input_std", "input_mean")),
    *(("mismatched-input", f"val_input_{name}") for name in ("std", "mean")),
    ("bad-initialisation", "weight_gain"),
}


def _since(answer: Finding | RuledOut) -> Iterator[str]:
    """A curve that is said to be above a share since a step was so ever since, and not before."""
    said = re.search(r"above ([\d.]+)% (?:from the first step on|since step (\d+))", answer.message)
    if said is None:
        return
    curve, limit = answer.evidence[0], float(said[1]) / 100
    start = int(said[2]) if said[2] else int(curve.steps[0])
    later, before = curve.values[curve.steps >= start], curve.values[curve.steps < start]
    if not (later > limit - 5e-4).all() or (len(before) and before[-1] > limit):
        yield f"{said[0]} in {answer.message!r}"


# ---- what a sentence may derive ----

Derived = Callable[[Finding | RuledOut, Trace], Iterable[float]]


def _nothing(_answer: Finding | RuledOut, _trace: Trace) -> Iterable[float]:
    return ()


def _gap(answer: Finding | RuledOut, _trace: Trace) -> Iterable[float]:
    gap = answer.evidence[0]
    return 100 * gap.last, float(math.floor(100 * gap.telling))


def _medians(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    loss, chance = batch_loss(trace)
    window = max(5, len(loss) // 20)
    blocks = np.array_split(loss.values, max(1, len(loss) // window))
    broken = trace.series("loss").steps[~np.isfinite(trace.series("loss").values)]
    marks = [s.steps[0] for s in (trace.series("nonfinite", p) for p in trace.places("nonfinite")) if len(s)]
    return min(map(np.median, blocks)), chance, float(len(blocks[-1])), *_steps(answer), *broken[:1], *marks


def _steps(answer: Finding | RuledOut) -> Iterator[float]:
    """A step that is named and was one of the run."""
    known = {int(step) for series in answer.evidence for step in series.steps}
    yield from (float(n) for n in re.findall(r"step (\d+)", answer.message) if int(n) in known)


def _fall(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    loss = answer.evidence[0]
    half = float(np.interp(0.5, work(trace, loss.steps), loss.values))
    return chance_loss(trace), float(len(loss)), half - loss.last


def _stuck(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    assert isinstance(answer, Finding)
    assert answer.limit is not None
    counts = [trace.last("class_images", name) for name in trace.places("class_images")]
    own = trace.last("class_images", answer.where)
    gamma = trace.recipe.loss.gamma if trace.recipe is not None else 0.0
    beta = trace.recipe.loss.beta if trace.recipe is not None else 0.5
    weights = [(1 - beta) / (1 - beta**n) for n in counts if n > 0]
    mean = sum(w * n for w, n in zip(weights, (n for n in counts if n > 0), strict=True)) / max(1, sum(counts))
    effective = (1 - beta) / (1 - beta**own) / mean if own > 0 and mean else 0.0
    even = sum(counts) / max(1.0, len(counts) * own)
    auc = answer.evidence[0].name == "val_auc"
    return answer.limit + 0.1 if auc else answer.limit / 0.6, gamma, effective, even


def _peak(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    curve, epochs = answer.evidence[0], len(trace.series("val_accuracy"))
    window = max(3, epochs // 8)
    said = re.search(r"epoch (\d+) of", answer.message)
    at = int(said[1]) - 1 - window // 2 if said else 0
    best = int(np.argmax(curve.values))
    marks = [best + 1 + window // 2] if curve.name == "val_accuracy" else [at + 1 + window // 2]
    return float(curve.values[at]), float(window), float(epochs), *map(float, marks)


def _ratios(answer: Finding | RuledOut, _trace: Trace) -> Iterable[float]:
    told = [series.telling for series in answer.evidence if series.telling]
    return [a / b for a in told for b in told if a is not b]


def _per_class(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    classes = len(trace.places("class_images")) or len(trace.meta.get("classes", ()))
    return float(classes), trace.last("parameters") / max(1, classes), trace.last("parameters")


def _unrestrained(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    assert trace.recipe is not None
    train, val = answer.evidence
    return 100 * (train.last - val.last), trace.recipe.optimizer.weight_decay


def _momentum(_answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    return () if trace.recipe is None else (trace.recipe.optimizer.momentum,)


def _rate(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    rates, steps = trace.series("learning_rate"), list(_steps(answer))
    aim = min(trace.last("lr_range_best"), trace.last("lr_range_high") / 2)
    at = [float(rates.values[min(int(np.searchsorted(rates.steps, s)), len(rates) - 1)]) for s in steps if len(rates)]
    return quantile(rates.values, 1.0), aim, *steps, *at


def _layers(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    """Factors per layer, at first and by the medians, and how many layers there are."""
    born, weighing = birth(trace), trace.places("grad_rms")[:-1]
    sizes = np.array([quantile(trace.series("grad_rms", layer).values, 0.5) for layer in weighing])
    third = max(1, len(sizes) // 3)
    n = max(1, len(born.layers))
    slopes = [
        trace.last(f"initial_{name}_slope", place) for name in ("activation", "grad") for place in ("own", "residual")
    ]
    factors = [per_layer(born.forward, n), per_layer(born.back, n), *(f(s) for s in slopes for f in (_exp, _inverse))]
    if len(sizes) > 1:
        ratio = float(np.median(sizes[:third]) / max(np.median(sizes[-third:]), 1e-300))
        factors += [per_layer(-depth_change(sizes), len(sizes)), ratio, ratio ** (1 / (len(sizes) - third))]
    return *factors, float(n), born.loss, born.gain, born.usual, *_more(answer, trace), *_ratios(answer, trace)


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def _inverse(value: float) -> float:
    return math.exp(min(-value, 700.0))


def _more(answer: Finding | RuledOut, trace: Trace) -> Iterator[float]:
    """How many other layers: no more than there are."""
    most = len(trace.places(answer.evidence[0].name)) if answer.evidence else 0
    yield from map(float, range(1, most))


def _units(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    up = [math.ceil(100 * series.telling) / 100 for series in answer.evidence if len(series)]  # "in none more than"
    return *_more(answer, trace), *_rate(answer, trace), *up


def _spike(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    norm = trace.series("grad_norm")
    late = norm.values[norm.steps > 5]
    times = quantile(late, 1.0) / quantile(late, 0.5)
    return times, *_layers(answer, trace), *map(float, norm.steps[norm.steps > 5][late == quantile(late, 1.0)])


def _fed(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    mean, std = trace.series("input_mean").first, trace.series("input_std").first
    return birth(trace).loss, abs(mean) / max(std, 1e-300)


def _pooled(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    counts = {name: trace.last("class_images", name) for name in trace.places("class_images")}
    counts = {name: n for name, n in sorted(counts.items(), key=lambda pair: pair[1]) if n > 0}
    split = "val" if "validation recall" in answer.message else "train"
    images = counts if split == "train" else {name: trace.last("val_images", name) for name in counts}
    recall = {
        name: float(series.values[-max(2, math.ceil(len(series) / 3)) :].mean())
        for name in counts
        if len(series := trace.series(f"{split}_recall", name)) and images[name] > 0
    }
    half = len(recall) // 2
    for part in (list(recall)[:half], list(recall)[half:]):
        total = sum(images[name] for name in part)
        yield sum(recall[name] * images[name] for name in part) / total if total else math.nan
    yield float(half)
    yield from (trace.last(f"curve_gain_{end}", name) for end in ("low", "high") for name in trace.places("curve_auc"))
    for name in trace.places("curve_auc"):
        yield from (trace.last(f"curve_auc{part}", name) for part in ("", "_half", "_twice"))
        yield counts.get(name, math.nan)


def _others(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    assert isinstance(answer, Finding)
    places = [name for name in trace.places("label_error_share") if name != answer.where]
    return (float(np.median([trace.last("label_error_share", name) for name in places])),) if places else ()


def _taken(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    """Shares of missed images, class by class."""
    confusion = trace.array("val_confusion")
    if confusion is None:
        return ()
    wrong = np.array(confusion, np.float64)
    np.fill_diagonal(wrong, 0)
    return [float(share) for share in (wrong / np.maximum(wrong.sum(1, keepdims=True), 1)).ravel()]


def _sizes(_answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    size = 0 if trace.recipe is None else trace.recipe.data.image_size
    return float(size), 2.0 * size


def _alone(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    assert isinstance(answer, Finding)
    names = [name for name in trace.names() if name.startswith("recall_")]
    return [max((trace.last(name, answer.where) for name in names if name not in
                 ("recall_plain", "recall_augmented")), default=math.nan)]  # fmt: skip


def _renumbered(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    from scipy.optimize import linear_sum_assignment

    confusion = trace.array("val_confusion")
    assert isinstance(answer, Finding)
    assert confusion is not None
    rows, columns = linear_sum_assignment(-confusion)
    moved = sum(1 for k in rows if columns[k] != k and confusion[k].sum() > 0)
    train, val = (sum(trace.last(f"{s}_images", n) for n in trace.places(f"{s}_images")) for s in ("class", "val"))
    return float(moved), trace.last("class_images", answer.where) / max(train, 1) * val


def _schedule(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    rates, ends = trace.series("learning_rate"), trace.series("epoch").steps
    steps = int(ends[0]) + 1
    for step in _steps(answer):
        yield from (step, step // steps + 1, 1 - int(np.searchsorted(rates.steps, step)) / len(rates))
    yield from (float(steps), trace.last("epoch"), float(rates.values.min()), float(rates.values.max()))


def _floor(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    return math.log(1 + (len(trace.meta.get("classes", ())) - 1) / math.e), trace.series("loss").first


def _counts(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    """How many measurements there are, and how many of them lie beyond the limit."""
    assert isinstance(answer, Finding)
    assert answer.limit is not None
    curve = answer.evidence[0]
    return float(len(curve)), float((curve.values > answer.limit).sum()), float((curve.values >= answer.limit).sum())


def _drawn(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    assert isinstance(answer, Finding)
    assert answer.limit is not None
    return 2 * (answer.limit - 0.5), answer.limit / 0.6, float(len(trace.series("batch_top_share")))


def _sums(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    by_name: dict[str, list[Series]] = {}
    for series in answer.evidence:
        by_name.setdefault(series.name, []).append(series)
    return *(sum(s.last for s in group) for group in by_name.values()), *map(
        float, range(len(trace.places("weight_turn")))
    )


def _classes(_answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    return (float(len(trace.meta.get("classes", ()))),)


def _norms(answer: Finding | RuledOut, trace: Trace) -> Iterable[float]:
    return *_more(answer, trace), *(() if trace.recipe is None else (float(trace.recipe.batch_size),))


DERIVED: dict[str, Derived] = {
    "generalisation-gap": _gap,
    "accuracy-plateau": lambda _a, trace: (chance_accuracy(trace),),
    "divergence": _medians,
    "loss-plateau": _fall,
    "stuck-class": _stuck,
    "late-stopping": _peak,
    "over-capacity": _ratios,
    "under-capacity": _per_class,
    "weak-regularisation": _unrestrained,
    "no-momentum": _momentum,
    "learning-rate-too-high": _rate,
    "learning-rate-too-low": _rate,
    "bad-initialisation": _layers,
    "vanishing-gradient": _layers,
    "exploding-gradient": _spike,
    "dead-relu": _units,
    "saturated-activation": _units,
    "unnormalised-input": _fed,
    "class-imbalance": _pooled,
    "label-noise": _others,
    "look-alike-classes": _taken,
    "low-quality-images": lambda answer, _t: [(1 + answer.evidence[0].last) / 2],
    "scattered-class": lambda answer, trace: [trace.last("class_images", getattr(answer, "where", ""))],
    "weak-features": _sizes,
    "harmful-augmentation": _alone,
    "mismatched-classes": _renumbered,
    "mismatched-input": lambda _a, trace: [float(n) for s in trace.meta.get("input_shapes", {}).values() for n in s],
    "misplaced-schedule": _schedule,
    "probabilities-as-logits": _floor,
    "unsuited-loss": _ratios,
    "small-batch-norm": _norms,
    "wrong-mode": _counts,
    "uncleared-gradients": _counts,
    "unshuffled-batches": _drawn,
    "unchanged-weights": _sums,
    "invalid-labels": _classes,
    "split-leakage": lambda _a, trace: [float(len(trace.meta.get("examples", {}).get("leaked", ())))],
}
