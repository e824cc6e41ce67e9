"""Packages that read logged numbers: training-doctor and trainspotter."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from benchmarks.clinic.peers.hooked import Step, Training
from benchmarks.clinic.peers.words import CRITICAL, INFO, WARNING, Heard, Word, collapse


class TrainingDoctor:
    """`doctor.log(step=..., loss=..., lr=..., grad_norm=...)` at every step, `eval_loss` after every epoch.

    It diagnoses while the run goes on, and again and again. Each diagnosis counts once, at its gravest, and the
    gravest come first, then the surest. Gradient instability is told apart by its evidence.
    """

    def __init__(self, training: Training) -> None:  # noqa: ARG002 - it looks at numbers alone
        self._doctor = import_module("training_doctor").Doctor()

    def step(self, step: Step) -> None:
        """What its page recommends to log."""
        self._doctor.log(step=step.number, loss=step.loss, lr=step.rate, grad_norm=step.grad_norm)

    def epoch(self, step: int, val_loss: float) -> None:
        """The evaluation."""
        self._doctor.log(step=step, eval_loss=val_loss)

    def heard(self) -> Heard:
        """Its diagnoses."""
        severity = {"info": INFO, "warning": WARNING, "critical": CRITICAL}
        found = sorted(self._doctor.diagnoses, key=lambda d: (-severity[d.severity.value], -d.confidence, d.step or 0))
        words = []
        for diagnosis in found:
            seen = "; ".join(f"{evidence.metric}: {evidence.observation}" for evidence in diagnosis.evidence)
            codes = _codes(diagnosis)
            text = f"{diagnosis.problem} ({diagnosis.confidence:.2f}): {seen}"
            words.append(Word(codes, severity[diagnosis.severity.value], int(diagnosis.step or 0), text=text))
        return Heard(collapse(words))

    def close(self) -> None:
        """It has no hooks."""


def _codes(diagnosis: Any) -> tuple[str, ...]:
    if diagnosis.detector_name != "gradient_instability":
        return (diagnosis.detector_name,)
    said = " ".join(evidence.observation for evidence in diagnosis.evidence)
    kinds = ("NaN/Inf", "Exploding", "spikes", "Vanishing", "unstable")
    return tuple(f"gradient_instability: {kind.lower()}" for kind in kinds if kind in said)


class Trainspotter:
    """Reads the finished log: training loss, learning rate and gradient norm by step, validation loss by epoch.

    Its order is errors, warnings, information, each by step.
    """

    def __init__(self, training: Training) -> None:  # noqa: ARG002 - it looks at numbers alone
        self._package = import_module("trainspotter")
        self._run = self._package.Run(source_format="memory")

    def step(self, step: Step) -> None:
        """One row of the log, by the names that its readers give."""
        for name, value in (("train/loss", step.loss), ("lr", step.rate), ("grad_norm", step.grad_norm)):
            self._run.add_point(name, step.number, value)

    def epoch(self, step: int, val_loss: float) -> None:
        """The evaluation."""
        self._run.add_point("eval/loss", step, val_loss)

    def heard(self) -> Heard:
        """Its findings."""
        self._run.finalize()
        severity = {"info": INFO, "warning": WARNING, "error": CRITICAL}
        words = [
            Word((finding.title,), severity[finding.severity], int(finding.step_start), text=finding.message)
            for finding in self._package.run_all(self._run)
        ]
        return Heard(collapse(words))

    def close(self) -> None:
        """It has no hooks."""
