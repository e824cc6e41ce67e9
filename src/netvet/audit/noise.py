"""How often the labels of each class are wrong, and where they go: a model of label noise over predicted probabilities.

A unit is an image, or a group that shows one animal. Its true class is t with a probability that the pixels give: the
predicted probabilities, each class's divided by its mean over the images that carry it (as the thresholds of
confident learning, Northcutt et al. 2021, https://doi.org/10.1613/jair.1.12125), sharpened by a temperature, mixed
with a share `BLUNDER` of nothing known. A group as a whole was given the name u with probability `renamed[t, u]`, and
each of its images the label y with probability `swapped[u, y]` (single images: the second step alone). Both tables are
fitted by expectation and maximisation (Dawid and Skene 1979, https://doi.org/10.2307/2346806), as is the temperature;
from several starts, of which the likeliest is kept: from labels that are mostly right, and from cleanlab's confident
joint, where a class's labels are mostly wrong.

The constants were set on wrong labels planted in the sixteen rarer species of f4k23, as they are and (seven of them) on
frames, and in two rendered reefs: 10 to 60 % of a class, spread or all to one class, 10 to 40 % of two classes
exchanged, and 5 to 30 % of all.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from netvet.base.arrays import Floats, Ints

# How much of a unit the pixels know nothing of: a model of single images is rarely sure and wrong, one that has not
# seen the animal often is.
BLUNDER, BLUNDER_OF_GROUPS = 0.03, 0.1
# Units of each class that count as rightly labelled beforehand (images without groups, with, groups as a whole), and
# as wrong ones spread evenly: they decide where there is little to learn from.
RIGHT, RIGHT_IN_GROUPS, RIGHT_GROUPS, EVEN = 10.0, 5.0, 20.0, 2.0
TEMPERATURES = np.geomspace(0.3, 4, 10)
STEPS = 15
LEAST_KNOWN = 0.3  # the mean that a class is divided by at least: one that is never recognised is not every image's
SAMPLE = 4_096  # units on which temperature and start are chosen


@dataclass(frozen=True)
class Noise:
    """`posterior`: (n, classes) of each image's true class, given its pixels and the labels of its unit. `order`: the
    same without blunders, whose odds order the labels finer. `swapped`: (classes, classes) the share of the images of
    each class that carry each label.
    """

    posterior: Floats
    order: Floats
    swapped: Floats


@dataclass(frozen=True)
class _Fit:
    swapped: Floats
    renamed: Floats
    likelihood: float
    temperature: float


def fit(predicted: Floats, labels: Ints, member: Ints | None) -> Noise:
    """Fit the model. `predicted`: (n, classes), of images that the model has not seen. `member`: (n,) the number of
    the group of each image, None where every image is a unit.
    """
    classes = predicted.shape[1]
    number = np.arange(len(labels)) if member is None else np.unique(member, return_inverse=True)[1].reshape(-1)
    sizes = np.bincount(number)
    votes, evidence = np.zeros((len(sizes), classes)), np.zeros((len(sizes), classes))
    np.add.at(votes, (number, labels), 1)
    np.add.at(evidence, number, np.log(_normalised(predicted, labels)))
    evidence /= sizes[:, None]
    some = np.linspace(0, len(sizes) - 1, min(SAMPLE, len(sizes))).astype(np.int64)
    grouped = member is not None
    unknown = BLUNDER_OF_GROUPS if grouped else BLUNDER
    best: _Fit | None = None
    for start in _starts(predicted, labels):
        for temperature in TEMPERATURES.tolist():
            pixels = _pixels(evidence[some], temperature, unknown)
            found = _maximise(pixels, votes[some], start, _apart(classes, 0.05), temperature, grouped)
            if best is None or found.likelihood > best.likelihood:
                best = found
    assert best is not None
    pixels = _pixels(evidence, best.temperature, unknown)
    if len(some) < len(sizes):
        best = _maximise(pixels, votes, best.swapped, best.renamed, best.temperature, grouped)
    posterior = _true(pixels, votes, best.swapped, best.renamed)[number]
    renamed = 0.5 * best.renamed + 0.5 * _apart(classes, 0.05) if grouped else best.renamed
    order = _true(_pixels(evidence, best.temperature, 0.0), votes, best.swapped, renamed)[number]
    table = np.zeros((classes, classes))
    np.add.at(table.T, labels, posterior)
    return Noise(posterior, order, table / np.maximum(table.sum(axis=1, keepdims=True), 1e-9))


def _true(pixels: Floats, votes: Floats, swapped: Floats, renamed: Floats) -> Floats:
    """(units, classes) the probability of each true class."""
    _named, told, whole, _shift = _expect(pixels, votes, swapped, renamed)
    return np.asarray(pixels * (told @ renamed.T) / whole, np.float64)


def confident_joint(predicted: Floats, labels: Ints) -> Floats | None:
    """(classes, classes) images by label and confident class, of cleanlab; None where it cannot say."""
    from cleanlab.count import compute_confident_joint

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.asarray(compute_confident_joint(labels, predicted), np.float64)
    except (ValueError, ZeroDivisionError, IndexError):
        return None


def _starts(predicted: Floats, labels: Ints) -> list[Floats]:
    classes = predicted.shape[1]
    starts = [_apart(classes, 0.1)]
    joint = confident_joint(predicted, labels)
    if joint is not None and joint.shape == (classes, classes):
        flat = joint.T + 0.5
        starts.append(flat / flat.sum(axis=1, keepdims=True))
    return starts


def _apart(classes: int, share: float) -> Floats:
    """The identity but for a share that is spread evenly."""
    eye = np.eye(classes)
    return np.asarray(eye * (1 - share) + (1 - eye) * share / max(1, classes - 1), np.float64)


def _normalised(predicted: Floats, labels: Ints) -> Floats:
    means = [predicted[labels == k, k].mean() if (labels == k).any() else 1.0 for k in range(predicted.shape[1])]
    return np.asarray(predicted / np.maximum(means, LEAST_KNOWN), np.float64)


def _pixels(evidence: Floats, temperature: float, unknown: float) -> Floats:
    sharp = evidence / temperature
    sharp = np.exp(sharp - sharp.max(axis=1, keepdims=True))
    sharp /= sharp.sum(axis=1, keepdims=True)
    return np.asarray((1 - unknown) * sharp + unknown / sharp.shape[1], np.float64)


def _expect(pixels: Floats, votes: Floats, swapped: Floats, renamed: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Units by their name: what the pixels say of it, what the labels do, the product's sum, and a shift of its log."""
    told = votes @ np.log(swapped).T
    shift = told.max(axis=1, keepdims=True)
    told = np.exp(told - shift)
    named = pixels @ renamed
    return named, told, np.maximum((named * told).sum(axis=1, keepdims=True), 1e-300), shift


def _maximise(
    pixels: Floats, votes: Floats, swapped: Floats, renamed: Floats, temperature: float, grouped: bool
) -> _Fit:
    if not grouped:
        renamed = np.eye(len(swapped))
    penalty = 0.0
    for _step in range(STEPS):
        named, told, whole, _shift = _expect(pixels, votes, swapped, renamed)
        counts = renamed * ((pixels / whole).T @ told)
        swapped, penalty = _rates((told * named / whole).T @ votes, RIGHT_IN_GROUPS if grouped else RIGHT)
        if grouped:
            renamed, more = _rates(counts, RIGHT_GROUPS)
            penalty += more
    _named, _told, whole, shift = _expect(pixels, votes, swapped, renamed)
    return _Fit(swapped, renamed, float((np.log(whole) + shift).sum()) + penalty, temperature)


def _rates(counts: Floats, right: float) -> tuple[Floats, float]:
    """Rows of counts as shares, with `right` more on the diagonal and `EVEN` spread over the wrong ones' places; and
    the logarithm of the prior.
    """
    apart = 1 - np.eye(len(counts))
    off = counts * apart
    error = off.sum(axis=1) / (counts.sum(axis=1) + right)
    goes = off + EVEN * apart / max(1, len(counts) - 1)
    goes /= np.maximum(goes.sum(axis=1, keepdims=True), 1e-9)
    table = np.maximum(np.diag(1 - error) + error[:, None] * goes, 1e-6)
    return table / table.sum(axis=1, keepdims=True), float(right * np.log(1 - error + 1e-9).sum())
