"""Words and numbers as every renderer writes them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netvet.locale import _, ngettext

if TYPE_CHECKING:
    from netvet.rule import Diagnosis
    from netvet.trace import Series

SHARES = (
    "accuracy",
    "recall",
    "recall_plain",
    "recall_augmented",
    "chance",
    "auc",
    "auc_low",
    "auc_high",
    "calibration_error",
    "entropy",
    "fraction",
    "share",
    "leaked_by_group",
    "leaked_by_look",
)


def clean(text: object) -> str:
    """Text that can stand in any document: no control characters, no lone surrogates, nothing that turns the line."""
    plain = str(text).encode("utf-8", "replace").decode("utf-8")
    return "".join(c if _harmless(c) else "\N{REPLACEMENT CHARACTER}" for c in plain)


def _harmless(character: str) -> bool:
    if character in "\n\t":
        return True
    if unicodedata.category(character) == "Cc" or unicodedata.bidirectional(character) in _TURNING:
        return False
    return character not in "\ufffe\uffff"


RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def pretty(name: object) -> str:
    """A class name for reading: underscores become spaces."""
    return " ".join(clean(name).replace("_", " ").split()) or clean(name)


def short(name: object, length: int = 22) -> str:
    """A class name for a narrow column: a binomial loses its genus to an initial, the rest is cut with an ellipsis."""
    text = pretty(name)
    words = text.split()
    if len(text) > length and len(words) == 2 and words[0][:1].isupper() and words[1].islower():
        text = f"{words[0][0]}. {words[1]}"
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def percent(share: float, digits: int = 1) -> str:
    """0.981 as "98.1%"; "–" for what is not a number."""
    return f"{100 * share:.{digits}f}%" if math.isfinite(share) else "–"


def points(effect: float) -> str:
    """A difference of shares in points: 0.031 as "+3.1"."""
    return f"{100 * effect:+.1f}".replace("-", "−") if math.isfinite(effect) else "–"


def interval(low: float, high: float) -> str:
    """A 95 % interval in points; words where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return _("no interval")
    return _("{low} to {high}").format(low=points(low), high=points(high))


def number(value: float, name: str = "") -> str:
    """A measured value to three figures; shares as per cent."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if is_share(name) and -1 <= value <= 1:
        return percent(value)
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}".replace("-", "−")
    if 1e-4 <= abs(value) < 1000:
        return f"{value:.3g}".replace("-", "−")
    if 1000 <= abs(value) < 1e6:
        return f"{value:,.0f}".replace("-", "−")
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits.removesuffix('.0')}×10{str(int(exponent)).translate(RAISED)}".replace("-", "−")


def is_share(name: str) -> bool:
    """Whether a quantity is a share, 0..1, and reads best as per cent."""
    return name.endswith(SHARES) and not name.endswith(("auc", "auc_low", "auc_high"))


def duration(seconds: float) -> str:
    """Seconds as "45 s", "3 min 20 s" or "2 h 5 min"."""
    if not math.isfinite(seconds):
        return "–"
    whole = round(seconds)
    if whole < 60:
        return _("{s} s").format(s=whole)
    if whole < 3600:
        return (
            _("{m} min {s} s").format(m=whole // 60, s=whole % 60) if whole % 60 else _("{m} min").format(m=whole // 60)
        )
    return _("{h} h {m} min").format(h=whole // 3600, m=whole % 3600 // 60)


def quantity(name: str) -> str:
    """What an observation is called in print."""
    known = {
        "loss": _("Batch loss"),
        "learning_rate": _("Highest learning rate"),
        "train_loss": _("Training loss"),
        "val_loss": _("Validation loss"),
        "train_accuracy": _("Training accuracy"),
        "val_accuracy": _("Validation accuracy"),
        "train_balanced_accuracy": _("Balanced accuracy, training"),
        "val_balanced_accuracy": _("Balanced accuracy, validation"),
        "train_auc": _("AUC on training images"),
        "val_auc": _("AUC on validation images"),
        "train_recall": _("Recall on training images"),
        "val_recall": _("Recall on validation images"),
        "class_images": _("Training images"),
        "grad_norm": _("Gradient norm"),
        "grad_rms": _("Gradient RMS"),
        "update_ratio": _("Update-to-weight ratio"),
        "weight_norm": _("Weight norm"),
        "weight_distance": _("Distance from the first weights"),
        "dead_fraction": _("Dead units"),
        "saturated_fraction": _("Saturated outputs"),
        "activation_std": _("Spread of activations"),
        "activation_mean": _("Mean activation"),
        "leaked_share": _("Leaked images"),
        "leaked_by_group": _("Leaked by group"),
        "leaked_by_look": _("Leaked by look"),
        "lr_range_loss": _("Lowest loss in the range test"),
        "parameters": _("Trainable parameters"),
        "recall_plain": _("Recall on images as they are"),
        "recall_augmented": _("Recall on images changed as in training"),
        "label_error_share": _("Labels that are likely wrong"),
        "image_auc": _("AUC of the images' own features"),
        "image_pair_auc": _("AUC of the images' own features, against the class it is taken for"),
        "image_rest_auc": _("AUC of the images' own features, against all others"),
        "probe_auc": _("AUC of a probe on the network's features"),
        "probe_pair_auc": _("AUC of a probe, against the class it is taken for"),
        "probe_recall": _("Recall of a probe on the network's features"),
        "detail_same": _("AUC of the images at this size"),
        "detail_double": _("AUC of the images at twice the size"),
        "receptive_field": _("Receptive field"),
        "quality_blur": _("Blur beside the others"),
        "quality_dark": _("Darkness beside the others"),
        "quality_flat": _("Flatness beside the others"),
        "quality_glare": _("Glare beside the others"),
        "quality_tiny": _("Smallness beside the others"),
        "form_distance": _("Distance between its forms"),
        "form_usual": _("Distance between the forms of the median class"),
        "form_chance": _("Chance of such a parting in a single cloud"),
        "form_silhouette": _("Silhouette of its forms"),
        "curve_auc_half": _("AUC with half of its images"),
        "curve_auc": _("AUC with all of its images"),
        "curve_auc_twice": _("AUC expected of twice its images"),
    }
    return known.get(name) or pretty(name).capitalize()


def metric(name: str) -> str:
    """What a trial compares, in the middle of a sentence: "balanced accuracy"."""
    return {"accuracy": _("accuracy"), "balanced_accuracy": _("balanced accuracy")}.get(name) or pretty(name)


def telling(series: Series) -> float:
    """The value that stands for a curve: the newest; the highest learning rate; the lowest loss of a range test."""
    values = series.values[np.isfinite(series.values)]
    if not len(values):
        return math.nan
    if series.name == "learning_rate":
        return float(values.max())
    return float(values.min()) if series.name == "lr_range_loss" else float(values[-1])


def headline(diagnosis: Diagnosis) -> str:
    """The verdict in one or two words, with the root cause."""
    root = diagnosis.root
    if diagnosis.verdict == "sick" and root is not None:
        return _("Sick: {rule}.").format(rule=clean(root.rule))
    return {"healthy": _("Healthy."), "sick": _("Sick."), "undecided": _("Undecided.")}[diagnosis.verdict]


def reason(diagnosis: Diagnosis) -> str:
    """The sentence after the headline."""
    root = diagnosis.root
    if root is not None:
        return clean(root.message)
    if diagnosis.verdict == "healthy":
        return _("No symptom shows.")
    if diagnosis.symptoms:
        names = listed([clean(s.rule) for s in diagnosis.symptoms])
        open_question = ngettext(
            "{symptoms} shows, and no cause that explains it was found.",
            "{symptoms} show, and no cause that explains them was found.",
            len(diagnosis.symptoms),
        ).format(symptoms=names)
        if diagnosis.suspects:
            near = listed([clean(f.rule) for f in diagnosis.suspects])
            open_question += " " + _("What comes nearest: {names}.").format(names=near)
        if diagnosis.exams:
            exams = listed([clean(e) for e in diagnosis.exams])
            open_question += " " + _("An exam may tell: {exams}.").format(exams=exams)
        return open_question
    return _("Too little was measured to say.")


def changed(changes: Mapping[str, tuple[Any, Any]]) -> str:
    """What a remedy changes in the recipe: "optimizer.lr: 0.0003 → 0.03"."""
    return clean("; ".join(f"{path}: {_value(before)} → {_value(after)}" for path, (before, after) in changes.items()))


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return {"None": "none", "True": "true", "False": "false"}.get(str(value), str(value))


def listed(items: Sequence[str]) -> str:
    """Items in a sentence: "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return _("{most} and {last}").format(most=", ".join(items[:-1]), last=items[-1])


def grouped(items: Sequence[tuple[str, tuple[str, ...]]]) -> list[tuple[str, str]]:
    """Rules that lack the same observations, together: (rules, what they lack) as text."""
    by_needs: dict[tuple[str, ...], list[str]] = {}
    for name, needs in items:
        by_needs.setdefault(needs, []).append(clean(name))
    return [(", ".join(names), ", ".join(clean(n) for n in needs)) for needs, names in by_needs.items()]
