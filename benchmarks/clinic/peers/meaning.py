"""Which of netvet's names each word of a peer counts for: generously, any of several.

A word counts for a cause when the tool's text or advice points at it, even where it points at three others too. A word
that counts for nothing still takes its place in the tool's order. `answers` gives the places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.clinic.peers import autotrainer, sagemaker, words
from benchmarks.clinic.peers.words import Heard
from netvet.trace import Trace

HIGH = ("learning-rate-too-high", "exploding-gradient", "bad-initialisation", "unnormalised-input", "divergence")
LOW = ("learning-rate-too-low", "no-momentum", "loss-plateau", "accuracy-plateau")
FLAT = (*LOW, "under-capacity", "vanishing-gradient", "bad-initialisation", "dead-relu", "saturated-activation")
FADED = ("vanishing-gradient", "saturated-activation", "bad-initialisation", "dead-relu")
GAP = ("over-capacity", "weak-regularisation", "late-stopping", "generalisation-gap")
LEAK = ("split-leakage",)
LABELS = ("label-noise", "look-alike-classes", "low-quality-images", "scattered-class")
UNEQUAL = ("class-imbalance", "stuck-class")

MAP: dict[str, dict[str, tuple[str, ...]]] = {
    "torchmortem": {
        "Vanishing gradients detected": FADED,
        "Exploding gradients detected": HIGH,
        "Gradient stalling": FADED,
        "Dead units": ("dead-relu",),
        "Activation saturation": ("saturated-activation", "bad-initialisation"),
        "Rank collapse": ("bad-initialisation", "under-capacity", "dead-relu"),
        "Update ratio too low": (*LOW, "vanishing-gradient"),
        "Update ratio too high": HIGH,
        "Weight norm explosion": (*HIGH, "weak-regularisation"),
        "Stagnant weight norms": (*LOW, "vanishing-gradient", "dead-relu"),
        "Inter-layer weight norm imbalance": ("bad-initialisation", "vanishing-gradient", "exploding-gradient"),
        "High gradient noise (low SNR)": ("learning-rate-too-high", "no-momentum", *LABELS),
        "Training divergence detected": HIGH,
        "Loss plateau detected": FLAT,
        "Catapult phase detected": ("learning-rate-too-high",),
        "Edge of stability regime detected": ("learning-rate-too-high",),
        "insight gradient_starvation": FADED,
        "insight instability_feedback_loop": HIGH,
        "insight representation_bottleneck": ("under-capacity", "bad-initialisation", "dead-relu"),
        "insight curvature_traps": ("learning-rate-too-high", "no-momentum"),
    },
    "gradsnitch": {
        "GS001 Loss became NaN/Inf": HIGH,
        "GS002 Gradient norm exploded (inf)": HIGH,
        "GS003 Gradient-norm spike": ("learning-rate-too-high", "exploding-gradient"),
        "GS004 Train/val divergence (overfitting)": GAP,
        "GS005 Loss plateau (no early progress)": (*FLAT, "label-noise"),
        "GS006 Loss divergence (sustained rise)": HIGH,
        "GS007 Vanishing gradients": (*FADED, "learning-rate-too-low"),
        "GS008 LR too high (update/weight ratio)": HIGH,
        "GS008 LR too low (update/weight ratio)": (*LOW, "vanishing-gradient"),
        "GS009 Loss oscillation (growing amplitude)": HIGH,
        "GS010 LR schedule collapsed early": ("learning-rate-too-low", "late-stopping"),
    },
    "traintools": {
        "non-finite gradients": HIGH,
        "gradient vanished": FADED,
        "gradient very large": HIGH,
        "update ratio high": HIGH,
        "update ratio tiny": (*LOW, "vanishing-gradient"),
        "no gradients": ("vanishing-gradient",),
        "dominant class": UNEQUAL,
        "bad values": ("unnormalised-input",),
        "constant batch": ("unnormalised-input",),
        "gradients in conflict": ("bad-initialisation", "learning-rate-too-high", *LABELS),
        "low margins": LABELS,
        "dormant units": ("dead-relu",),
        "rank collapsed": ("bad-initialisation", "dead-relu", "under-capacity"),
        "noise scale: under-batched": ("batch-norm-mismatch", *LABELS),
        "noise scale: over-batched": (),
        "stop": ("late-stopping",),
    },
    "training-doctor": {
        "lr_too_high": HIGH,
        "lr_too_low": LOW,
        "plateau": FLAT,
        "overfitting": (*GAP, "batch-norm-mismatch"),
        "gradient_instability: nan/inf": HIGH,
        "gradient_instability: exploding": HIGH,
        "gradient_instability: spikes": ("learning-rate-too-high", "exploding-gradient"),
        "gradient_instability: vanishing": FADED,
        "gradient_instability: unstable": ("learning-rate-too-high", "exploding-gradient"),
    },
    "trainspotter": {
        "Diverged (non-finite values)": HIGH,
        "Diverged (sustained growth)": (*HIGH, "batch-norm-mismatch"),
        "Plateau": FLAT,
        "Loss spike": ("learning-rate-too-high", "exploding-gradient", "batch-norm-mismatch"),
        "Overfitting onset": (*GAP, "batch-norm-mismatch"),
        "No LR warmup detected": ("learning-rate-too-high",),
        "LR increased after its peak": (),
        "LR discontinuity": (),
        "Gradient-norm explosion": ("exploding-gradient", "learning-rate-too-high"),
        "Gradient clipping likely saturated": ("exploding-gradient",),
        "Throughput regression": (),
        "Eval metric too noisy to rank checkpoints": ("batch-norm-mismatch", "learning-rate-too-high"),
        "Suspiciously low loss early (heuristic)": LEAK,
    },
    "AutoTrainer (our port)": {
        "exploding gradient": HIGH,
        "vanishing gradient": FADED,
        "dying ReLU": ("dead-relu", "bad-initialisation"),
        "oscillating loss": ("learning-rate-too-high", "batch-norm-mismatch"),
        "slow convergence": FLAT,
    },
    "SageMaker Debugger (our port)": {
        "DeadRelu": ("dead-relu",),
        "ExplodingTensor": HIGH,
        "PoorWeightInitialization": ("bad-initialisation", "vanishing-gradient", "exploding-gradient"),
        "SaturatedActivation": ("saturated-activation", "bad-initialisation"),
        "VanishingGradient": FADED,
        "WeightUpdateRatio": ("learning-rate-too-low", "learning-rate-too-high"),
        "AllZero": ("dead-relu", "vanishing-gradient", "bad-initialisation"),
        "ClassImbalance": UNEQUAL,
        "LossNotDecreasing": FLAT,
        "Overfit": (*GAP, "batch-norm-mismatch"),
        "Overtraining": ("late-stopping", "over-capacity", "weak-regularisation"),
        "UnchangedTensor": FLAT,
        "CheckInputImages": ("unnormalised-input",),
    },
}
"""By tool and by its code."""

PORTS = {"AutoTrainer (our port)": autotrainer.hear, "SageMaker Debugger (our port)": sagemaker.hear}

SEVERITY = {
    "torchmortem": "its own: CRITICAL and WARNING alarm, INFO does not; an insight as its gravest finding",
    "gradsnitch": "its own: error and warning; it has no third",
    "traintools": "it has none: its warnings alarm, its advice on batch size and stopping does not",
    "training-doctor": "its own: critical and warning; it has no information among its defaults",
    "trainspotter": "its own: error and warning alarm, info does not",
    "AutoTrainer (our port)": "it has none: what it stops the training for alarms",
    "SageMaker Debugger (our port)": "it has none: a rule that fires alarms",
}
"""How severity is read."""

Answer = tuple[str, ...]
"""netvet's names that one word counts for."""


def meant(peer: str, heard: Heard) -> list[Answer]:
    """What a tool said, in its own order, each word as the names that it counts for."""
    table = MAP[peer]
    return [tuple(dict.fromkeys(name for code in word.codes for name in table.get(code, ()))) for word in heard.words]


def peer_answers(
    traces: Mapping[str, Trace] | None = None, book: words.Book | None = None
) -> dict[str, dict[str, list[Answer]]]:
    """By tool and by the clinic's name of the run (`benchmarks.clinic.plan.Run.name`): the places of its answer, in its
    own order, each with the names that count there. An empty list: it said nothing.

    `traces`: the kept ones, which the ports read; without them the ports are left out. `book`: the packages' words,
    by default those that are kept. A run is missing where a package has not been trained on it.
    """
    return {
        peer: {run: meant(peer, heard) for run, heard in by.items()} for peer, by in peer_words(traces, book).items()
    }


def peer_words(
    traces: Mapping[str, Trace] | None = None, book: words.Book | None = None
) -> dict[str, dict[str, Heard]]:
    """The raw words, keyed as `peer_answers` is."""
    kept = book if book is not None else words.load()
    said: dict[str, dict[str, Heard]] = {peer: {} for peer in MAP if peer not in PORTS}
    for run, by in kept.runs.items():
        for peer, heard in by.items():
            said[peer][run] = heard
    for peer, hear in PORTS.items():
        if traces is not None:
            said[peer] = {run: hear(trace) for run, trace in traces.items()}
    return said


def names_it(answer: Iterable[Answer], cause: str, within: int) -> bool:
    """Whether a cause is among the first places of an answer.

    >>> names_it([("dead-relu",), (), ("no-momentum", "loss-plateau")], "no-momentum", 3)
    True
    >>> names_it([("dead-relu",), (), ("no-momentum", "loss-plateau")], "no-momentum", 1)
    False
    """
    return any(cause in place for place in list(answer)[:within])


def alarmed(heard: Heard) -> bool:
    """Whether a tool raised any alarm: a false one on a healthy run."""
    return any(word.alarm for word in heard.words)


def table() -> str:
    """The map, as a Markdown table."""
    lines = ["| tool | its word | counts for |", "|---|---|---|"]
    for peer, by in MAP.items():
        lines += [f"| {peer} | {code} | {', '.join(names) or 'nothing'} |" for code, names in by.items()]
    lines += ["", "| tool | severity |", "|---|---|"]
    lines += [f"| {peer} | {text} |" for peer, text in SEVERITY.items()]
    return "\n".join(lines)
