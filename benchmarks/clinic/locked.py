"""The healthy runs of the locked half: other nets, other images, and other optimisers' settings than in calibration.

Of f4k23 the rarer species, and of two that calibration has, images of other trajectories; of Fashion-MNIST other
images; other rendered species. What was changed in rules after they were first scored is told in docs/clinic.md.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from benchmarks.clinic.bases import ADAM, BARE, NO_MOMENTUM, Healthy, Miss, Net, everywhere, missed, placed

NETS: dict[str, Net] = {
    "cnn-6x14": Net("C", {"model.depth": 6, "model.width": 14, "model.pool_every": 2}),
    "cnn-4x18-bare": Net(
        "C",
        {"model.depth": 4, "model.width": 18, "model.norm_after": "none", **ADAM}
        | {"optimizer.lr": 0.002, "stop.epochs": 16},
    ),
    "cnn-3x24-bare-sgd": Net(
        "C",
        {"model.depth": 3, "model.width": 24, "model.norm_after": "none", "optimizer.lr": 0.02, "stop.epochs": 34},
    ),
    "cnn-5x18-layer": Net(
        "C",
        {"model.depth": 5, "model.width": 18, "model.norm": "layer", "stop.epochs": 20}
        | {"optimizer.name": "adamw", "optimizer.lr": 0.003, "optimizer.weight_decay": 0.01},
    ),
    "resnet-9x10": Net("C", {"model.name": "resnet", "model.depth": 9, "model.width": 10, "schedule.name": "cosine"}),
    "preact-5x16": Net(
        "C", {"model.name": "preact-resnet", "model.depth": 5, "model.width": 16, **ADAM, "stop.epochs": 20}
    ),
    "test_efficientnet": Net(
        "C", {"model.name": "test_efficientnet", **ADAM, "optimizer.lr": 0.004, "stop.epochs": 18}
    ),
    "preact-17x8": Net(
        "C",
        {"model.name": "preact-resnet", "model.depth": 17, "model.width": 8, "model.pool_every": 6},
        planted=False,
    ),
}
"""By name: kind, depth x width; one of timm's smallest, under timm's name."""

ON: dict[str, tuple[str, ...]] = {
    "f4k23": ("cnn-6x14", "cnn-4x18-bare", "cnn-5x18-layer", "resnet-9x10", "test_efficientnet"),
    "fashion": ("cnn-6x14", "cnn-4x18-bare", "preact-5x16", "test_efficientnet"),
    "reef": ("cnn-6x14", "cnn-5x18-layer", "resnet-9x10", "preact-5x16", "test_efficientnet"),
}

_RARER = (
    "Acanthurus_nigrofuscus+Lutjanus_fulvus+Chaetodon_trifascialis+Pomacentrus_moluccensis+Canthigaster_valentini"
    "+Neoniphon_sammara+Hemigymnus_fasciatus"
)
PLAIN = {
    "f4k23": f"f4k23:only={_RARER},skip=115,each=50",
    "fashion": "fashion:skip=400,each=120",
    "reef": "reef:species=7,n=110,fauna=21",
}
MODEST = {
    "f4k23": f"f4k23:only={_RARER},skip=115,each=50",
    "fashion": "fashion:skip=400,each=50",
    "reef": "reef:species=6,n=50,fauna=22,difficulty=0.5",
}
NOISY = {
    "f4k23": f"f4k23:only={_RARER},skip=115,each=90,noise=0.3",
    "fashion": "fashion:skip=400,each=60,noise=0.3",
    "reef": "reef:species=6,n=90,fauna=23,difficulty=0.3,noise=0.3",
}
MANY = {
    "f4k23": f"f4k23:only={_RARER},skip=115,each=180",
    "fashion": "fashion:skip=520,each=120",
    "reef": "reef:species=6,n=200,fauna=24,difficulty=0.6",
}
GROUPED = {"f4k23": f"f4k23:only={_RARER},skip=115,each=115", "reef": "reef:species=6,n=90,groups=6,fauna=25"}

_EASY = "reef:species=4,n=200,difficulty=0.1,fauna=26"
_MISSES: tuple[Miss, ...] = (
    ("sparse-relu", PLAIN["fashion"], "cnn-6x14", {"model.bias": -0.5}),
    ("noisy-loss", PLAIN["f4k23"], "resnet-9x10", {"batch_size": 6, "optimizer.lr": 0.01}),
    ("tiny-gradients-adam", PLAIN["reef"], "cnn-6x14", {"model.init": "large", **ADAM, "stop.epochs": 18}),
    ("hard-at-its-ceiling", "reef:species=6,n=170,difficulty=0.85,fauna=27", "cnn-6x14", {}),
    ("stopped-early", PLAIN["fashion"], "resnet-9x10", {"stop.epochs": 5}),
    ("deep-residual", PLAIN["f4k23"], "preact-17x8", {}),
    ("other-activation", PLAIN["f4k23"], "cnn-6x14", {"model.activation": "elu"}),
    ("gelu", PLAIN["reef"], "cnn-5x18-layer", {"model.activation": "gelu"}),
    ("cyclic", PLAIN["reef"], "resnet-9x10", {"schedule.name": "cyclic", "schedule.cycle": 5}),
    ("plateau-schedule", PLAIN["fashion"], "preact-5x16", {"schedule.name": "plateau", "schedule.patience": 1}),
    ("high-rate-that-learns", PLAIN["f4k23"], "resnet-9x10", {"optimizer.lr": 0.2}),
    ("rare-but-easy", "reef:species=6,n=250,imbalance=12,difficulty=0.2,fauna=28", "resnet-9x10", {}),
    ("no-momentum-that-learns", PLAIN["reef"], "cnn-6x14", NO_MOMENTUM),
    ("raw-pixels-under-norm", PLAIN["fashion"], "resnet-9x10", {"data.normalise": "bytes"}),
    ("bare-without-gap", _EASY, "resnet-9x10", BARE),
    ("wide-without-gap", _EASY, "cnn-6x14", {"model.width": 32}),
    ("some-wrong-labels", "reef:species=6,n=120,noise=0.1,difficulty=0.3,fauna=29", "resnet-9x10", {}),
    ("smoothed-and-mixed", PLAIN["reef"], "resnet-9x10", {"loss.label_smoothing": 0.1, "augment.mixup": 0.2}),
    ("strong-dropout", PLAIN["fashion"], "cnn-6x14", {"model.dropout": 0.4}),
    ("two-classes", "fashion:only=sneaker+bag,skip=400,each=200", "cnn-6x14", {"stop.epochs": 6}),
    ("small-batches-under-norm", PLAIN["reef"], "cnn-6x14", {"batch_size": 8, "optimizer.lr": 0.02, "stop.epochs": 14}),
)


def locked() -> list[Healthy]:
    """The bases of the locked half, and its near misses."""
    add = partial(placed, table=NETS, half="locked", prefix="locked-")
    made = [
        *add("plain", PLAIN, ON, {}),
        *add("ravine", PLAIN, everywhere("cnn-3x24-bare-sgd"), {}),
        *add("modest", MODEST, everywhere("cnn-6x14", "resnet-9x10"), {"stop.epochs": 20}),
        *add("mislabelled", NOISY, everywhere("preact-5x16"), {"stop.epochs": 6}),
        *add("plenty", MANY, everywhere("cnn-6x14"), {"stop.epochs": 8}),
        *add("grouped", GROUPED, everywhere("resnet-9x10"), {"stop.epochs": 14}),
        *missed(_MISSES, table=NETS, half="locked", prefix="locked-"),
    ]
    return [_longer(each) for each in made]


def _longer(base: Healthy) -> Healthy:
    """The small set of photographs of the plain bases and near misses is gone through twice as often."""
    if base.recipe.data.source != PLAIN["f4k23"] or base.role not in ("plain", "ravine", "near miss"):
        return base
    return replace(base, recipe=base.recipe.change({"stop.epochs": 2 * base.recipe.stop.epochs}))
