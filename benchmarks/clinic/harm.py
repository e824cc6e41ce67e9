"""When a planted fault counts as an illness: decided from recorded accuracies alone, apart from any diagnosis.

A fault can be planted and do no harm (a learning rate thirty times too high under batch norm may still learn). Such a
run is not sick, whatever was planted in it, and is counted apart: naming the fault there is no merit, and an alarm is
a false one. The criterion, fixed before anything was scored, holds a planted run against its control, the same recipe
without the fault:

- any cause but those below: balanced accuracy on validation at the end lies at least `COST` (15 %) of the control's
  below it; a run whose loss is no longer finite has an accuracy of 0;
- weak-regularisation, over-capacity: balanced accuracy on training minus validation is at least `GAP` (15 points),
  and at least `WIDER` (10 points) more than the control's;
- late-stopping: the run ends at least `SPOILT` (5 points) of balanced accuracy on validation below its own best epoch
  or with a validation loss at least `RISEN` (1.3) times its lowest, and with a gap at least `WIDER` more than the
  control's;
- class-imbalance: classes with at most a quarter of the largest class's training images are recognised on validation
  (mean recall) at least `BEHIND` (20 points) less often than the others, and this difference is at least `WIDER` more
  than the control's for the same classes;
- split-leakage: at least `LEAKED` (5 %) of the validation images share a group with training images, or look the same.
  The leak itself is the illness.
- a cause that is planted in one class on purpose (the runs of `classes`, in which the control is the twin of the same
  seed): at the end, for one class that was aimed at, or for any where none was, AUC on validation (one against the
  rest) lies at least `FELL` (10 points) below the twin's, or recall is at most `LEFT` (half) of the twin's, and of at
  least `SEEN` (50 %) there. What the twin had under other names (a species that was dealt to two labels, several under
  one) is compared with the mean of these.

A healthy run learns well when its balanced accuracy is at least `LEARNS` (90 %) of the best that a healthy run reaches
on the same images. It leaves no class behind when each class's recall on validation at the end is more than `LEFT`
(half) of the median class's. This one came after the runs were scored, so every run still counts, and those that leave
no class behind are counted apart besides.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.clinic.photographs import TWIN
from netvet.trace import Trace

COST = 0.15
GAP = 0.15
WIDER = 0.10
SPOILT = 0.05
RISEN = 1.3
BEHIND = 0.20
LEAKED = 0.05
FELL = 0.10
LEFT = 0.5
SEEN = 0.5
LEARNS = 0.90


@dataclass(frozen=True)
class Harm:
    """Whether a planted fault took, and the numbers that say so."""

    took: bool
    numbers: str


def harm(rule: str, run: Trace, control: Trace) -> Harm:
    """Whether the fault that `rule` should find did harm to a run. `control`: the run without it."""
    match rule:
        case "weak-regularisation" | "over-capacity":
            mine, theirs = gap(run), gap(control)
            return Harm(mine >= GAP and mine >= theirs + WIDER, f"gap {mine:.2f}, control {theirs:.2f}")
        case "late-stopping":
            return _late(run, control)
        case "class-imbalance":
            mine, theirs = _behind(run, run), _behind(control, run)
            return Harm(mine >= BEHIND and mine >= theirs + WIDER, f"behind {mine:.2f}, control {theirs:.2f}")
        case "split-leakage":
            leaked = run.last("leaked_share", "val")
            return Harm(leaked >= LEAKED, f"leaked {leaked:.2f}")
        case _:
            mine, theirs = accuracy(run), accuracy(control)
            return Harm(mine <= (1 - COST) * theirs, f"accuracy {mine:.2f}, control {theirs:.2f}")


def class_harm(run: Trace, control: Trace, victims: Sequence[str]) -> Harm:
    """Whether what was planted in `victims` (() : any class) keeps one of them from being learnt."""
    told: list[tuple[bool, float, str]] = []
    for name in victims or run.places("val_auc"):
        auc, recall = run.last("val_auc", name), run.last("val_recall", name)
        sound, usual = (_of_parts(control, measure, name) for measure in ("val_auc", "val_recall"))
        fell, left = sound - auc >= FELL, usual >= SEEN and recall <= LEFT * usual
        numbers = f"{name}: AUC {auc:.2f}, twin {sound:.2f}; recall {recall:.2f}, twin {usual:.2f}"
        told.append((fell or left, recall - usual, numbers))
    if not told:
        return Harm(False, "no AUC was recorded")
    took, _, numbers = min(told, key=lambda each: (not each[0], each[1]))
    return Harm(took, numbers)


def _of_parts(control: Trace, measure: str, name: str) -> float:
    """What the twin has for a class; for one that it has by other names, the mean of those."""
    parts = [part.removesuffix(TWIN) for part in name.split("+")]
    return sum(control.last(measure, part) for part in parts) / len(parts)


def accuracy(trace: Trace, split: str = "val") -> float:
    """Balanced accuracy at the end of a run, 0..1; 0 where the loss is not finite."""
    return trace.last(f"{split}_balanced_accuracy") if math.isfinite(trace.last(f"{split}_loss")) else 0.0


def leaves_behind(trace: Trace) -> bool:
    """Whether a class ends with at most half of the median class's recall on validation, whatever was planted."""
    recalls = sorted(trace.last("val_recall", name) for name in trace.places("val_recall"))
    recalls = [recall for recall in recalls if math.isfinite(recall)]
    return bool(recalls) and recalls[0] <= LEFT * statistics.median(recalls)


def gap(trace: Trace) -> float:
    """Balanced accuracy on training minus validation at the end."""
    return accuracy(trace, "train") - accuracy(trace)


def _late(run: Trace, control: Trace) -> Harm:
    lost = float(run.series("val_balanced_accuracy").values.max()) - accuracy(run)
    risen = run.last("val_loss") / max(float(run.series("val_loss").values.min()), 1e-9)
    wider = gap(run) - gap(control)
    took = (lost >= SPOILT or risen >= RISEN) and wider >= WIDER
    return Harm(took, f"{lost:.2f} below its best, loss {risen:.2f} times its lowest, gap wider by {wider:.2f}")


def _behind(trace: Trace, counted: Trace) -> float:
    """How much less the rare classes of `counted` are recognised in `trace` than its other classes."""
    counts = {name: counted.last("class_images", name) for name in counted.places("class_images")}
    recalls = {name: trace.last("val_recall", name) for name in counts}
    rare = [r for name, r in recalls.items() if counts[name] <= max(counts.values()) / 4 and math.isfinite(r)]
    others = [r for name, r in recalls.items() if counts[name] > max(counts.values()) / 4 and math.isfinite(r)]
    return sum(others) / len(others) - sum(rare) / len(rare) if rare and others else 0.0
