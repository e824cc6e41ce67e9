"""Synthetic runs with everything that a real run records, so that pages can be made without training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from netvet.recipe import Recipe
from netvet.report import Report
from netvet.rules import Diagnosis, Finding, RuledOut
from netvet.trace import Observation, Trace
from netvet.trials import ArmRun, Trial, Verdict

FISH = [
    "Abudefduf_vaigiensis",
    "Acanthurus_nigrofuscus",
    "Amphiprion_clarkii",
    "Balistapus_undulatus",
    "Canthigaster_valentini",
    "Chaetodon_lunulatus",
    "Chaetodon_trifascialis",
    "Chromis_chrysura",
    "Dascyllus_reticulatus",
    "Hemigymnus_fasciatus",
    "Hemigymnus_melapterus",
    "Lutjanus_fulvus",
    "Myripristis_kuntee",
    "Neoglyphidodon_nigroris",
    "Neoniphon_sammara",
    "Pempheris_vanicolensis",
    "Plectroglyphidodon_dickii",
    "Pomacentrus_moluccensis",
    "Scaridae",
    "Scolopsis_bilineata",
    "Siganus_fuscescens",
    "Zanclus_cornutus",
    "Zebrasoma_scopas",
]
LAYERS = ("features.0", "features.4", "features.8", "features.12", "features.16", "head")
HOSTILE = (
    "<script>document.title='hacked'</script>",
    "\"><img src=x onerror=document.title='hacked'>",
    "$x_{1}^2$ & \\frac{a}{b}",
    "javascript:alert(1)//`--></style>]]>",
    "鱼 \ud800 \x1b[31m \u202egnp",
)
STEPS = 45  # an epoch


def fish_trace(
    classes: Sequence[str] = FISH, epochs: int = 24, *, seed: int = 0, recipe: Recipe | None = None, leak: bool = True
) -> Trace:
    """A run that overfits: training near 100 %, validation in the eighties."""
    rng = np.random.default_rng(seed)
    k = len(classes)
    rows = list(_curves(rng, epochs)) + list(_probes(rng, epochs)) + list(_classes(rng, classes, epochs, leak))
    recall = np.clip(rng.beta(6, 1, k), 0.2, 1)
    counts = np.maximum(3, (200 * np.exp(-np.arange(k) / max(1, k / 5)))).astype(int)
    confusion = np.zeros((k, k), np.int64)
    for i in range(k):
        right = int(counts[i] * recall[i])
        confusion[i, i] = right
        if k > 1:
            for j in rng.choice([c for c in range(k) if c != i], counts[i] - right, p=_near(k, i)):
                confusion[i, j] += 1
    wrong, pairs = _images(rng, 14), np.stack([_images(rng, 6), _images(rng, 6)], axis=1)
    meta: dict[str, Any] = {
        "classes": list(classes),
        "steps_per_epoch": STEPS,
        "epochs": epochs,
        "finished": True,
        "layers": list(LAYERS),
        "precision": "float32",
        "environment": {"python": "3.11.2", "torch": "2.14.1", "device": "cpu: a processor", "threads": "2"},
        "data": {
            "images": 4179, "train": 2921, "val": 627, "test": 631, "grouped": True, "digest": "ab12",
            "rejected": [{"path": "Scaridae/fish_17.jpg", "reason": "truncated file"}],
            "notes": ["Neoglyphidodon_nigroris has too few groups for every split."],
        },
        "exams": {"lr-range": "The loss falls fastest at 0.03."},
        "examples": {
            "wrong": [
                {"path": f"{classes[i % k]}/{i}.jpg", "true": classes[i % k], "predicted": classes[(i + 1) % k],
                 "probability": "0.930"}
                for i in range(14)
            ],
            "leaked": [
                {"path": f"val/{i}.jpg", "other": f"train/{i}.jpg", "label": classes[i % k],
                 "other_label": classes[i % k], "group": "" if i % 2 else "000004270001"}
                for i in range(6)
            ],
        },
    }  # fmt: skip
    arrays: dict[tuple[str, str], NDArray[Any]] = {
        ("val_confusion", ""): confusion,
        ("train_confusion", ""): np.diag(counts).astype(np.int64),
        ("examples", "wrong"): wrong,
        ("examples", "leaked"): pairs,
    }
    return Trace(rows, recipe=recipe or Recipe(), arrays=arrays, meta=meta)


def _near(k: int, i: int) -> NDArray[np.float64]:
    weights = np.array([1 / (1 + abs(i - j)) ** 2 for j in range(k) if j != i])
    return np.asarray(weights / weights.sum(), np.float64)


def _images(rng: np.random.Generator, n: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    found = []
    for _ in range(n):
        water = np.array([20, 90, 140]) + rng.normal(0, 15, 3)
        body = (x / rng.uniform(0.6, 0.8)) ** 2 + (y / rng.uniform(0.3, 0.5)) ** 2 < 1
        stripe = 0.6 + 0.4 * np.sin(x * rng.uniform(4, 18))
        image = np.where(body[..., None], stripe[..., None] * rng.uniform(120, 255, 3), water)
        found.append(np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8))
    return np.stack(found)


def _curves(rng: np.random.Generator, epochs: int) -> Iterator[Observation]:
    total = epochs * STEPS
    for step in range(total):
        t = step / total
        warm = min(1.0, t / 0.3)
        rate = 0.05 * (0.04 + 0.96 * warm if t < 0.3 else 0.5 * (1 + np.cos(np.pi * (t - 0.3) / 0.7)))
        yield Observation(step, "loss", 3.1 * np.exp(-5 * t) + 0.1 * abs(rng.normal()), "")
        yield Observation(step, "learning_rate", float(rate), "")
    for epoch in range(1, epochs + 1):
        t, step = epoch / epochs, epoch * STEPS - 1
        numbers = {
            "train_loss": 3.1 * np.exp(-6 * t) + 0.01,
            "val_loss": 3.1 * np.exp(-6 * t) + 0.4 + 0.6 * t**2,
            "train_accuracy": 1 - 0.9 * np.exp(-6 * t),
            "val_accuracy": 0.86 - 0.8 * np.exp(-6 * t) + 0.01 * rng.normal(),
            "val_balanced_accuracy": 0.76 - 0.7 * np.exp(-5 * t) + 0.01 * rng.normal(),
            "epoch": epoch,
            "epoch_seconds": 4.2,
        }
        for name, value in numbers.items():
            yield Observation(step, name, float(value), "")


def _probes(rng: np.random.Generator, epochs: int) -> Iterator[Observation]:
    for step in range(0, epochs * STEPS, 10):
        t = step / (epochs * STEPS)
        for depth, layer in enumerate(LAYERS):
            noise = float(np.exp(0.3 * rng.normal()))
            yield Observation(step, "grad_rms", 1e-5 * 8**depth * (1 - 0.9 * t) * noise, layer)
            yield Observation(step, "update_ratio", 10 ** (-4 + 0.3 * depth) * noise, layer)
            if layer != "head":
                yield Observation(
                    step, "dead_fraction", min(1.0, 0.06 * depth + 0.3 * t * (depth == 2)), layer + ".act"
                )
    for seed in range(2):
        for i in range(60):
            rate = 10 ** (-6 + i / 10)
            fall = 3.1 - 1.4 / (1 + np.exp(-3 * (np.log10(rate) + 2.2)))
            yield Observation(i, "lr_range_lr", rate, f"seed {seed}")
            yield Observation(i, "lr_range_loss", fall + max(0.0, 6 * (np.log10(rate) + 0.7)), f"seed {seed}")
        for name, value in {"low": 0.001, "best": 0.03, "high": 0.2}.items():
            yield Observation(0, f"lr_range_{name}", value, f"seed {seed}")


def _classes(rng: np.random.Generator, classes: Sequence[str], epochs: int, leak: bool) -> Iterator[Observation]:
    step = epochs * STEPS - 1
    for i, name in enumerate(classes):
        auc = float(min(0.999, 0.8 + 0.2 * rng.beta(5, 1)))
        yield Observation(0, "class_images", float(max(9, int(900 * np.exp(-i / 4)))), name)
        yield Observation(0, "val_images", float(max(2, int(190 * np.exp(-i / 4)))), name)
        yield Observation(0, "test_images", float(max(2, int(195 * np.exp(-i / 4)))), name)
        yield Observation(step, "val_auc", auc, name)
        yield Observation(step, "val_auc_low", auc - 0.08 * rng.random(), name)
        yield Observation(step, "val_auc_high", auc + (1 - auc) * rng.random(), name)
        yield Observation(step, "val_recall", float(rng.beta(6, 1)), name)
    if leak:
        yield Observation(0, "leaked_share", 0.31, "val")
        yield Observation(0, "leaked_share", 0.29, "test")


def with_gallery(trace: Trace, rule: str, place: str, *, beside: int = 1, shots: int = 6) -> Trace:
    """The trace with the images of a finding of `rule` at `place`, each shot of `beside` images."""
    pixels = _images(np.random.default_rng(3), beside * shots)
    lines = [["{name}", {"name": place}], ["→ {name} {share:.0%}", {"name": place, "share": 0.93}]]
    shown = [{"images": beside, "lines": lines, "path": f"{place}/{i}.jpg"} for i in range(shots)]
    entry = {"where": place, "title": ["Images of {name}", {"name": place}], "shots": shown}
    arrays = {(name, w): found for name in ("val_confusion", "train_confusion", "examples", "gallery")
              for w in ("", "wrong", "leaked", rule) if (found := trace.array(name, w)) is not None}  # fmt: skip
    galleries = {**trace.meta.get("galleries", {}), rule: entry}
    return Trace(
        trace.observations(),
        recipe=trace.recipe,
        arrays={**arrays, ("gallery", rule): pixels},
        meta={**trace.meta, "galleries": galleries},
    )


def fish_diagnosis(trace: Trace, place: str = "") -> Diagnosis:
    """Sick, with everything that a diagnosis may hold."""
    root = Finding(
        "The learning rate peaks at 0.0003, but this model's loss falls only at rates from about 0.001.",
        where=place,
        evidence=(
            trace.series("learning_rate"),
            *(trace.series("lr_range_loss", p) for p in trace.places("lr_range_loss")),
        ),
        limit=0.06,
        confidence=0.93,
        rule="learning-rate-too-low",
        explains=("accuracy-plateau", "loss-plateau"),
        remedies=("raise-learning-rate", "one-cycle"),
    )
    symptom = Finding(
        "Training accuracy is 99.7%, validation accuracy only 86.1%.",
        evidence=(trace.series("val_accuracy"),), limit=0.9, rule="accuracy-plateau", kind="symptom",
    )  # fmt: skip
    note = Finding("31% of the units in features.8 are 0.", where="features.8", rule="dead-relu", severity="note",
                   evidence=(trace.series("dead_fraction", "features.8.act"),), limit=0.5)  # fmt: skip
    return Diagnosis(
        (root, symptom, note),
        {
            "batch-norm-mismatch": ("norm_mean_gap",),
            "group-x": ("norm_mean_gap",),
            "stuck-class": ("val_recall", "recipe"),
        },
        "sick",
        (RuledOut("Early layers learn: their gradient is 1/9 of the last layer's.", rule="vanishing-gradient"),),
        ("bn-agreement",),
        "runs/fish",
    )


def fish_trial() -> Trial:
    """Two remedies that help, one that does not, one that harms; confirmed on test."""

    def verdict(remedy: str, effect: float, half: float, split: str = "val") -> Verdict:
        return Verdict(
            remedy, effect - half > 0, effect > 0.02, effect, (effect - half, effect + half), 0.01, 3, split,
            0.71, 0.71 + effect, ("divergence",) if effect < 0 else (), {"optimizer.lr": (0.0003, 0.03)},
        )  # fmt: skip

    runs = tuple(ArmRun("control", s, 8, {"balanced_accuracy": 0.71}, 12.0, f"control-{s}") for s in range(3))
    verdicts = (
        verdict("raise-learning-rate", 0.142, 0.031),
        verdict("one-cycle", 0.101, 0.04),
        verdict("augment", 0.008, 0.03),
        verdict("drop-deep-batch-norm", -0.05, 0.02),
        Verdict("dropout", False, None, 0.01, (float("-inf"), float("inf")), float("nan"), 1),
    )
    return Trial(
        "balanced_accuracy", 8, 24, 600, 571.3, runs, verdicts, "raise-learning-rate",
        verdict("raise-learning-rate", 0.127, 0.035, "test"), "raise-learning-rate cures the run.",
    )  # fmt: skip


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """A report with every section."""
    trace = fish_trace()
    return Report(tmp_path, trace.recipe, trace, fish_diagnosis(trace), fish_trial())
