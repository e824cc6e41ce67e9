"""The exams that look at classes: the features of the network, the labels, the quality, the augmentation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import nn

from netvet.audit.files import Headers
from netvet.exams import _trained, run_exam
from netvet.exams._frozen import auc, frozen, probe
from netvet.exams.label_audit import confident
from netvet.images.dataset import ImageSet
from netvet.recipe import Augment
from netvet.trace import Trace
from tests.exams.contexts import admit, squares


def relabelled(images: ImageSet, share: float) -> ImageSet:
    """Every image of class 0 whose turn it is carries the label of another class."""
    labels = images.labels.copy()
    mine = np.flatnonzero(labels == 0)
    wrong = np.random.default_rng(0).permutation(mine)[: round(share * len(mine))]
    labels[wrong] = 1 + np.arange(len(wrong)) % 3
    return replace(images, labels=labels)


def flat(share: float) -> ImageSet:
    """Squares of which class 2 lies so far towards class 1: 1 makes them the same."""
    images = squares()
    pixels = images.images.copy().astype(np.float64)
    one, other = images.labels == 1, images.labels == 2
    count = min(one.sum(), other.sum())
    here, there = np.flatnonzero(other)[:count], np.flatnonzero(one)[:count]
    pixels[here] = (1 - share) * pixels[here] + share * pixels[there][::-1]
    return replace(images, images=pixels.astype(np.uint8))


def test_auc_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    scores: NDArray[np.float64] = random.integers(0, 5, 80).astype(np.float64)  # with ties
    positive = random.random(80) < 0.3
    assert auc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))
    assert np.isnan(auc(scores, np.zeros(80, np.bool_)))


def test_frozen_features_make_the_logits(tmp_path: Path) -> None:
    subject = _trained.load(admit(tmp_path))
    rows = subject.rows("val", 20)
    features, logits = frozen(subject, rows)
    head = [module for module in subject.last.modules() if isinstance(module, nn.Linear)][-1]
    again = head(torch.from_numpy(features).float()).detach().numpy()
    assert np.allclose(again, logits, atol=1e-4)


def test_the_probe_is_balanced() -> None:
    """A class of ten among a thousand is named as readily as the large one where they overlap."""
    random = np.random.default_rng(0)
    labels = np.r_[np.zeros(1000, np.int64), np.ones(10, np.int64)]
    features = random.normal(0, 1, (1010, 1)) + labels[:, None]
    asked = np.linspace(-2, 3, 51)[:, None]
    found = probe(features, labels, asked, 3)
    assert (found[:, 2] == 0).all()  # a class that training lacks
    border = asked[np.abs(found[:, 0] - found[:, 1]).argmin(), 0]
    assert 0 < border < 1.2


def test_a_biased_head_over_sound_features(tmp_path: Path) -> None:
    def bias(model: nn.Module) -> None:
        head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
        head.bias[0] -= 50

    sentence = run_exam("class-features", admit(tmp_path, hurt=bias))
    trace = Trace.open(tmp_path)
    assert trace.last("probe_recall", "a") > 0.9
    assert sentence.startswith(
        "The class with the lowest recall is a: on its validation images the network has a recall of 0%"
    )
    assert sum(trace.last("gradient_share", name) for name in "abcd") == pytest.approx(1)
    assert trace.last("gradient_share", "a") > 0.5  # its images are all wrong, and pull hardest


def test_class_weights_raise_a_rare_class_s_say(tmp_path: Path) -> None:
    images = squares()
    rare = np.flatnonzero((images.labels != 0) | (np.arange(len(images.labels)) % 5 == 0))
    few = replace(
        images,
        images=images.images[rare],
        labels=images.labels[rare],
        split=images.split[rare],
        paths=tuple(images.paths[i] for i in rare.tolist()),
    )
    run_exam("class-features", admit(tmp_path, {"loss.class_weights": "balanced"}, images=few, steps=1))
    trace = Trace.open(tmp_path)
    assert trace.last("gradient_share", "a") > 1.5 * trace.last("gradient_share_plain", "a")


def test_features_that_do_not_hold_a_class(tmp_path: Path) -> None:
    run_exam("class-features", admit(tmp_path, images=flat(1.0)))
    trace = Trace.open(tmp_path)
    assert trace.last("probe_auc", "a") > 0.95
    assert trace.last("partner_class", "c") == 1
    assert trace.last("probe_pair_auc", "c") < 0.75
    assert trace.last("head_pair_auc", "c") < 0.75


def test_the_nearest_pairs_are_of_the_class_and_its_partner(tmp_path: Path) -> None:
    images = flat(1.0)
    context = admit(tmp_path, images=images)
    run_exam("class-features", context)
    pairs = Trace.open(tmp_path).array("nearest_pairs", "c")
    assert pairs is not None
    assert pairs.shape == (6, 2)
    assert (images.labels[pairs] == [2, 1]).all()
    assert (images.split[pairs] == 1).all()
    assert len(set(pairs.ravel().tolist())) == 12
    subject = _trained.load(context)
    val = subject.rows("val", 2048)
    features = frozen(subject, val)[0]
    features = features / np.maximum(features.std(axis=0), 1e-9)
    of = {row: features[i] for i, row in enumerate(val.tolist())}
    apart = [float(np.linalg.norm(of[one] - of[other])) for one, other in pairs.tolist()]
    every = [np.linalg.norm(of[i] - of[j]) for i in of for j in of if (images.labels[i], images.labels[j]) == (2, 1)]
    assert apart == sorted(apart)
    assert apart[0] == pytest.approx(min(every))


def test_the_partner_is_that_of_the_recorded_confusion(tmp_path: Path) -> None:
    """The rules read it too; what the exam sees itself has no say, where it is recorded."""
    context = admit(tmp_path)
    confusion = np.diag([9, 9, 9, 9])
    confusion[2, 3] = 4
    context.record.add_array(0, "val_confusion", confusion)
    context.record.flush()
    for name, given in (("class-features", "probe_pair_auc"), ("label-audit", "image_pair_auc")):
        run_exam(name, context)
        assert Trace.open(tmp_path).places(given) == ["c", "d"]  # of a and b nothing is confused
    assert Trace.open(tmp_path).last("partner_class", "c") == 3
    assert Trace.open(tmp_path).last("partner_class", "d") == 2


def test_wrong_labels_are_counted_by_class(tmp_path: Path) -> None:
    images = relabelled(squares(240, 120), 0.3)
    run_exam("label-audit", admit(tmp_path, images=images))
    trace = Trace.open(tmp_path)
    wrong = images.labels != np.arange(len(images.labels)) % 4
    wrong[240:] = images.labels[240:] != np.arange(120) % 4
    for k, name in enumerate("abcd"):
        share = float(wrong[images.labels == k].mean())
        assert (
            0.3 * share <= trace.last("label_error_share", name) <= share + 0.02
        )  # of the errors, those that are sure
    rows, suggested = trace.array("label_errors"), trace.array("label_suggested")
    assert rows is not None
    assert suggested is not None
    assert wrong[rows].mean() > 0.8
    assert (suggested[wrong[rows]] == 0).all()
    assert trace.last("label_error_class", "b") == 0
    doubt = trace.array("label_wrong")
    assert doubt is not None
    assert len(doubt) == len(rows)
    assert doubt.min() >= 0
    assert doubt.max() <= 1
    assert doubt[: len(rows) // 2].mean() > doubt[len(rows) // 2 :].mean()  # the likeliest errors first


def test_sound_labels_are_left_alone(tmp_path: Path) -> None:
    sentence = run_exam("label-audit", admit(tmp_path, images=squares(240, 120)))
    trace = Trace.open(tmp_path)
    assert max(trace.last("label_error_share", name) for name in "abcd") < 0.03
    assert min(trace.last("image_auc", name) for name in "abcd") > 0.97
    assert sentence == "At most 1% of the labels are likely wrong."


def test_an_error_is_likeliest_of_the_class_that_the_model_names() -> None:
    """cleanlab calls it an error, and the model names another class than the label; an image of no class for sure keeps
    its label.
    """
    probabilities = np.array(
        [[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.1, 0.1, 0.8], [0.4, 0.3, 0.3], [0.05, 0.9, 0.05]]
    )
    assert confident(probabilities, np.array([0, 1, 2, 1, 0])).tolist() == [0, 1, 2, 1, 1]


def test_errors_are_those_of_the_definition() -> None:
    """The image is taken for another class, and as surely as the images of that class are on average."""
    random = np.random.default_rng(1)
    truth = random.integers(0, 4, 400)
    labels = np.where(random.random(400) < 0.2, random.integers(0, 4, 400), truth).astype(np.int64)
    odds = random.gamma(0.4, size=(400, 4)) + 2.0 * np.eye(4)[truth]
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    usual = np.array([probabilities[labels == k, k].mean() for k in range(4)])
    best = probabilities.argmax(axis=1)
    sure = (best != labels) & (probabilities.max(axis=1) >= usual[best])
    likely = confident(probabilities, labels)
    assert sure.sum() > 40
    assert (likely != labels)[sure].all()
    assert ((likely != labels) & ~sure).sum() <= 0.05 * sure.sum()  # another class is as sure as usual, if less likely
    assert (likely[likely != labels] == best[likely != labels]).all()


def test_a_dark_class_stands_out(tmp_path: Path) -> None:
    images = squares()
    pixels = images.images.copy()
    pixels[images.labels == 2] //= 6
    sentence = run_exam("image-quality", admit(tmp_path, images=replace(images, images=pixels), steps=1))
    trace = Trace.open(tmp_path)
    assert trace.last("quality_dark", "c") == pytest.approx(1.0, abs=0.01)
    assert trace.last("quality_surely", "c") > 0.9
    assert trace.last("quality_dark", "a") < 0.5
    assert not trace.places("quality_tiny")  # these images are in no file
    assert sentence.startswith("The class that stands out most is c (dark)")
    worst, usual = trace.array("quality_worst", "c"), trace.array("quality_usual", "c")
    assert worst is not None
    assert usual is not None
    light = pixels[..., :3].mean(axis=(1, 2, 3))
    assert (images.labels[worst] == 2).all()
    assert set(images.labels[usual].tolist()) == {0, 1, 3}
    assert light[worst].max() < 0.5 * light[usual].min()


@pytest.mark.parametrize(("side", "tiny"), [(4, True), (8, False), (40, False)])
def test_small_files_count_below_the_size_that_the_network_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int, tiny: bool
) -> None:
    images = squares()
    sides = np.where(images.labels == 2, side, 80)
    stored = Headers(sides, sides, ("RGB",) * len(sides), ("PNG",) * len(sides))
    monkeypatch.setattr("netvet.audit.files.headers", lambda source, paths: stored)
    run_exam("image-quality", admit(tmp_path, images=images, steps=1))
    assert Trace.open(tmp_path).last("quality_tiny", "c") == (1.0 if tiny else 0.0)


def test_all_dark_is_no_class_s_fault(tmp_path: Path) -> None:
    grey = squares()
    pixels = np.random.default_rng(0).integers(0, 40, grey.images.shape).astype(np.uint8)
    run_exam("image-quality", admit(tmp_path, images=replace(grey, images=pixels), steps=1))
    trace = Trace.open(tmp_path)
    assert max(trace.last("quality_dark", name) for name in "abcd") < 0.5


def test_nothing_of_the_run_changes(tmp_path: Path) -> None:
    context = admit(tmp_path, steps=5)
    before, state = (tmp_path / "last.pt").read_bytes(), torch.get_rng_state()
    for name in ("class-features", "label-audit", "image-quality"):
        first = run_exam(name, context)
        assert run_exam(name, context) == first
    assert (tmp_path / "last.pt").read_bytes() == before
    assert torch.equal(torch.get_rng_state(), state)
    assert len(Trace.open(tmp_path).series("probe_auc", "a")) == 1


def test_a_network_of_nothing_finite(tmp_path: Path) -> None:
    def broken(model: nn.Module) -> None:
        next(model.parameters()).fill_(float("nan"))

    assert "output is not finite" in run_exam("class-features", admit(tmp_path, hurt=broken, steps=1))
    assert not Trace.open(tmp_path).places("probe_auc")


@pytest.mark.parametrize("changes", [{"model.name": "resnet", "model.depth": 4}, {"model.depth": 1}])
def test_other_networks_and_a_class_that_validation_lacks(changes: dict[str, object], tmp_path: Path) -> None:
    run_exam("class-features", admit(tmp_path, changes, images=squares(val=31, val_classes=3), steps=10))
    trace = Trace.open(tmp_path)
    assert trace.places("probe_auc") == ["a", "b", "c"]
    assert trace.places("gradient_share") == ["a", "b", "c", "d"]


def test_a_class_that_is_known_by_its_augmentation(tmp_path: Path) -> None:
    """The network takes whatever is dark for class a, and the recipe darkens class a alone."""

    def darkness(model: nn.Module) -> None:
        head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
        head.weight[0] = 0
        head.bias[0] = -50

    settings = {"rotate": 0, "scale": 0, "light": 0, "colour": 0}
    one = {f"augment.{name}": value for name, value in settings.items()}
    changes = {**one, "augment.per_class": {"a": {**settings, "erase": 1.0}}}
    run_exam("augmentation-effect", admit(tmp_path, changes))
    trace = Trace.open(tmp_path)
    assert trace.last("recall_plain", "b") == trace.last("recall_augmented", "b") > 0.9  # a flip moves no colour
    assert trace.places("recall_erase") == trace.places("recall_flip") == ["a", "b", "c", "d"]
    assert not trace.places("recall_rotate")  # is off for every class
    assert trace.last("recall_erase", "a") == trace.last("recall_augmented", "a")
    assert trace.array("augmented_rows", "a") is None  # as well known without
    run_exam("augmentation-effect", admit(tmp_path / "never", changes, hurt=darkness))
    assert Trace.open(tmp_path / "never").last("recall_plain", "a") == 0


def test_images_of_a_class_that_is_known_changed_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Class a alone is lit anew; what the network says of it is made up: a when it is changed, b when it is not."""
    from netvet.exams import augmentation_effect

    light = {"flip": False, "rotate": 0, "scale": 0, "colour": 0, "light": 0.5}
    context = admit(tmp_path, {"augment.per_class": {"a": light}}, steps=1)

    def answer(_subject: object, rows: NDArray[np.int64], settings: Augment, _draw: int) -> NDArray[np.int64]:
        truth = context.images.labels[rows]
        return truth if settings.active else np.maximum(truth, 1)

    monkeypatch.setattr(augmentation_effect, "_said", answer)
    run_exam("augmentation-effect", context)
    trace = Trace.open(tmp_path)
    rows, images = trace.array("augmented_rows", "a"), trace.array("augmented_images", "a")
    assert rows is not None
    assert images is not None
    assert trace.array("augmented_rows", "b") is None
    assert rows[:, 1:].tolist() == [[1, 0]] * 6
    assert (context.images.labels[rows[:, 0]] == 0).all()
    assert images.shape == (6, 8, 8, 3)
    for row, image in zip(rows[:, 0].tolist(), images, strict=True):
        fit = np.corrcoef(image.ravel(), context.images.images[row].ravel())[0, 1]
        assert fit > 0.9  # the same image
        assert (image != context.images.images[row]).any()  # in another light


def test_a_recipe_without_augmentation_has_nothing_to_compare(tmp_path: Path) -> None:
    off = {f"augment.{name}": 0 for name in ("rotate", "scale", "light", "colour")}
    sentence = run_exam("augmentation-effect", admit(tmp_path, {**off, "augment.flip": False}, steps=1))
    assert sentence == "This recipe does not augment the training images."
    assert not Trace.open(tmp_path).places("recall_plain")
