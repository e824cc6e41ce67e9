"""What is said of a class whose labels contradict its images, though it need not stay behind."""

from __future__ import annotations

from netvet.locale import _
from netvet.rules import Finding, Stuck
from netvet.trace import Trace


def contradicted(trace: Trace, marked: Stuck) -> Finding:
    """The finding of label-noise for a class that the label audit has marked; an illness without a symptom."""
    needed = _(
        "{name} needs its labels checked by a person: netvet inspect lists what contradicts them, and data.relabel "
        "takes the corrected list."
    )
    return Finding(
        _told(trace, marked),
        where=marked.place,
        evidence=(marked.curve, trace.series("image_auc", marked.place)),
        limit=marked.limit,
        confidence=0.88,
        needed=needed.format(name=marked.place),
        certain=True,
    )


def _told(trace: Trace, marked: Stuck) -> str:
    numbers = {"name": marked.place, "share": marked.value, "usual": marked.usual}
    if marked.curve.name == "label_torn":
        text = _(
            "The labels {name} contradict one another: of the pairs of images of one group of which one is labelled "
            "{name}, {share:.0%} have two different labels (median of the other classes: {usual:.0%})."
        )
        return text.format(**numbers)
    if marked.curve.name == "label_core_wrong":
        text = _(
            "Of the {n:.0f} images that look most like {name} by features independent of the run, {share:.0%} carry "
            "another label (median of the other classes: {usual:.0%}), although these features know the class (AUC "
            "{auc:.2f})."
        )
        n, auc = trace.last("label_core_images", marked.place), trace.last("image_auc", marked.place)
        return text.format(**numbers, n=n, auc=auc)
    text = _(
        "The label {name} says next to nothing about its images: features independent of the run tell them from others "
        "with an AUC of only {auc:.2f}, and {share:.0%} of them resemble other classes as clearly as those classes' "
        "own images do (median of the other classes: {usual:.0%})."
    )
    return text.format(**numbers, auc=trace.last("image_auc", marked.place))
