"""What of an inspection is worth a sentence, the worst first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from netvet.audit.duplicates import at_least
from netvet.audit.leakage import HELD_OUT
from netvet.locale import _, ngettext

if TYPE_CHECKING:
    from netvet.audit.inspection import Inspection

# From where a sentence is written (for likeness by the lower end of its interval: a few look-alikes are in any split),
# and how heavy each kind weighs: a wrong label or a leaked image spoils what is measured, a large class only makes it
# harder. They order the sentences and decide nothing else.
_LEAKED, _IMBALANCE, _WHOLE = 0.02, 10.0, 0.5
_ALIKE = 0.06  # the same, of near-duplicates: the limit `look` of the rule split-leakage


@dataclass(frozen=True)
class Notice:
    """One sentence. `kind`: leakage, labels, conflicts, copies, corrupt, off-topic, quality, shift, imbalance.
    `severity`: 0..1, for the order.
    """

    kind: str
    severity: float
    message: str


def notices(found: Inspection) -> tuple[Notice, ...]:
    """The sentences, the worst first."""
    said = [*_splits(found), *_labels(found), *_duplicates(found), *_files(found)]
    said += [*_off_topic(found), *_quality(found), *_shift(found)]
    if found.imbalance >= _IMBALANCE:
        totals = found.counts.sum(axis=1)
        text = _("The smallest class, {name}, has {n} images; the largest has {ratio:.0f} times as many.").format(
            name=_pretty(found.images.classes[int(totals.argmin())]), n=int(totals.min()), ratio=found.imbalance
        )
        said.append(Notice("imbalance", min(0.45, 0.1 * float(np.log2(found.imbalance))), text))
    return tuple(sorted(said, key=lambda each: -each.severity))


def words(kind: str) -> str:
    """What a kind of poor quality is called, as in "this class is blurred"."""
    return {
        "blur": _("blurred"),
        "dark": _("dark"),
        "flat": _("low in contrast"),
        "glare": _("overexposed"),
        "tiny": _("tiny"),
        "shape": _("oddly shaped"),
    }[kind]


def _splits(found: Inspection) -> Iterator[Notice]:
    for split, shares in found.leaked.items():
        name = _("validation") if split == "val" else _("test")
        images = int((found.images.split == HELD_OUT[split]).sum())
        if shares.get("leaked_by_group", 0.0) < _LEAKED and at_least(shares["leaked_by_look"], images) < _ALIKE:
            continue
        if shares.get("leaked_by_group", 0.0) >= _LEAKED:
            text = _(
                "{share:.0%} of the {split} images share a group with a training image, and {look:.0%} have a "
                "near-duplicate in training: split by group."
            ).format(share=shares["leaked_by_group"], split=name, look=shares["leaked_by_look"])
        else:
            text = _("{share:.0%} of the {split} images have a copy or near-duplicate in training.").format(
                share=shares["leaked_by_look"], split=name
            )
        yield Notice("leakage", min(1.0, 0.3 + 2 * shares["leaked_share"]), text)


def _labels(found: Inspection) -> Iterator[Notice]:
    errors = found.labels
    if errors is None:
        return
    n, total = len(errors.ranked), len(found.images.labels)
    if n and not errors.low:
        text = ngettext(
            "At most {high:,} of {total:,} labels may be wrong; the surest one is listed.",
            "At most {high:,} of {total:,} labels may be wrong; the {n:,} surest are listed.",
            n,
        ).format(high=errors.high, total=total, n=n)
        yield Notice("labels", min(0.95, 0.3 + 6 * n / total), text)
    elif errors.low:
        text = ngettext(
            "About {wrong:,} of {total:,} labels may be wrong ({low:,} to {high:,}); the surest one is listed.",
            "About {wrong:,} of {total:,} labels may be wrong ({low:,} to {high:,}); the {n:,} surest are listed.",
            n,
        ).format(wrong=max(1, round(errors.number)), total=total, low=errors.low, high=errors.high, n=n)
        yield Notice("labels", min(0.95, 0.3 + 6 * errors.number / total), text)
    if errors.unclear:
        text = ngettext(
            "Most labels of {names} are in doubt, or it cannot be told from another class by its labels: a person has "
            "to look at all of its images.",
            "Most labels of {names} are in doubt, or they cannot be told from one another by their labels: a person "
            "has to look at all of their images.",
            len(errors.unclear),
        ).format(names=", ".join(_pretty(found.images.classes[k]) for k in errors.unclear))
        yield Notice("labels", 0.9, text)


def _duplicates(found: Inspection) -> Iterator[Notice]:
    pairs, labels, total = found.duplicates, found.images.labels, len(found.images.labels)
    differ = len(pairs.conflicting(labels))
    if differ:
        text = ngettext(
            "{n} pair of copies or near-duplicates has two different labels.",
            "{n} pairs of copies or near-duplicates have two different labels.",
            differ,
        ).format(n=differ)
        yield Notice("conflicts", min(0.9, 0.35 + 10 * differ / total), text)
    copies = int(pairs.exact.sum())
    if copies:
        text = ngettext(
            "{n} image is an exact copy of another.", "{n} images are exact copies of others.", copies
        ).format(n=copies)
        yield Notice("copies", min(0.8, 0.2 + 4 * copies / total), text)


def _files(found: Inspection) -> Iterator[Notice]:
    rejected = found.images.rejected
    if rejected:
        n = len(rejected)
        text = ngettext(
            "{n} file could not be used: {path} ({reason}).",
            "{n} files could not be used; the first is {path} ({reason}).",
            n,
        ).format(n=n, path=rejected[0].path, reason=_(rejected[0].reason))
        yield Notice("corrupt", min(0.85, 0.3 + 5 * n / (n + len(found.images.labels))), text)


def _off_topic(found: Inspection) -> Iterator[Notice]:
    if found.off_topic is None or not len(found.off_topic.rows):
        return
    n, total = len(found.off_topic.rows), len(found.images.labels)
    text = ngettext(
        "{n} image is of another kind than the others, whatever its label: a drawing, a print, goods or text, perhaps.",
        "{n} images are of another kind than the others, whatever their labels: drawings, prints, goods or text, "
        "perhaps.",
        n,
    ).format(n=n)
    yield Notice("off-topic", min(0.85, 0.3 + 5 * n / total), text)


def _quality(found: Inspection) -> Iterator[Notice]:
    for each in found.quality.classes:
        text = _(
            "{name} is {kind} compared with the other classes: worse in {share:.0%} of pairs of images (effect "
            "{effect:.2f}, 99% interval {low:.2f} to {high:.2f})."
        ).format(
            name=_pretty(found.images.classes[each.label]),
            kind=words(each.kind),
            share=(each.effect + 1) / 2,
            effect=each.effect,
            low=each.low,
            high=each.high,
        )
        weight = 0.5 if each.kind in ("blur", "dark", "glare") else 0.35  # the network normalises contrast itself
        yield Notice("quality", weight * each.effect + 0.1, text)
    for part in found.quality.parts:
        text = _(
            "Part of {name} is {kind}: {n} of {total} images, worse in {share:.0%} of pairs with one of the others "
            "(effect {effect:.2f}, 99% interval {low:.2f} to {high:.2f})."
        ).format(
            name=_pretty(found.images.classes[part.label]),
            kind=words(part.kind),
            n=part.count,
            total=part.total,
            share=(part.effect + 1) / 2,
            effect=part.effect,
            low=part.low,
            high=part.high,
        )
        yield Notice("quality", 0.5 * part.effect * part.count / part.total + 0.1, text)
    for kind, share in found.quality.whole.items():
        if share >= _WHOLE:
            text = _("{share:.0%} of all images are {kind}, whatever their class.").format(
                share=share, kind=words(kind)
            )
            yield Notice("quality", 0.45 * share, text)
    single = len({each.row for each in found.quality.outliers if not (each.of_class or each.of_part)})
    if single:
        text = ngettext(
            "{n} image stands out from its class: blurred, dark, overexposed, low in contrast or tiny.",
            "{n} images stand out from their class: blurred, dark, overexposed, low in contrast or tiny.",
            single,
        ).format(n=single)
        yield Notice("quality", min(0.3, 0.05 + single / len(found.images.labels)), text)


def _shift(found: Inspection) -> Iterator[Notice]:
    if found.shifts is None:
        return
    for each in found.shifts.found:
        if not each.shifted:
            continue
        split = _("validation") if each.split == "val" else _("test")
        numbers = _("AUC {auc:.2f}, 99% interval {low:.2f} to {high:.2f}; 0.5 means no difference").format(
            auc=each.auc, low=each.low, high=each.high
        )
        if each.where < 0:
            text = _("The {split} images look different from the training images ({numbers}).").format(
                split=split, numbers=numbers
            )
            yield Notice("shift", min(0.9, 1.6 * (each.auc - 0.5) + 0.3), text)
        else:
            text = _("The {split} images of {name} look different from the training images ({numbers}).").format(
                split=split, name=_pretty(found.images.classes[each.where]), numbers=numbers
            )
            yield Notice("shift", min(0.5, each.auc - 0.4), text)


def _pretty(name: str) -> str:
    return " ".join(name.replace("_", " ").split()) or name
