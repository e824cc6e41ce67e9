"""Packages that hook into the training: torchmortem, traintools and gradsnitch, as their documentation says.

Each adapter is told of every optimiser step, after it and while the gradients are still there, and of every epoch.
"""

from __future__ import annotations

import atexit
import copy
import re
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from benchmarks.clinic.peers.words import CRITICAL, INFO, WARNING, Heard, Word, collapse

TORCHMORTEM = (INFO, WARNING, CRITICAL)  # its Severity counts the same way


@dataclass(frozen=True)
class Training:
    """What is trained. `loss`: takes logits and class indices. `steps`: of an epoch."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Any
    classes: int
    image_size: int
    steps: int


@dataclass(frozen=True)
class Step:
    """An optimiser step that was done. `rows`: numbers of the images, the same in every epoch."""

    number: int
    loss: float
    rate: float
    grad_norm: float
    images: Tensor
    labels: Tensor
    logits: Tensor
    rows: list[int]


class Peer(Protocol):
    """An adapter: see the module."""

    def step(self, step: Step) -> None:
        """After each optimiser step."""

    def epoch(self, step: int, val_loss: float) -> None:
        """After each epoch; `step`: its last."""

    def heard(self) -> Heard:
        """At the end: what it said, in its own order."""

    def close(self) -> None:
        """Take its hooks off."""


class Torchmortem:
    """`with Autopsy(model, optimizer) as autopsy: ... autopsy.step(loss=loss.item())`, at its default sampling.

    Its order: the insights, which head its report, then the findings, gravest first. Insights have no severity of
    their own: they count as the gravest of the findings that they rest on. Its rank collector decomposes every layer's
    output at every step and throws away all but one in fifty: here its hooks are on at those steps only, which changes
    no answer. Activations that work in place are set not to, for its backward hooks refuse them; where it fails on a
    model even so, that is its answer.
    """

    def __init__(self, training: Training) -> None:
        self.package = import_module("torchmortem")
        for module in training.model.modules():
            if getattr(module, "inplace", False) is True:
                module.inplace = False  # type: ignore[assignment]
        self._try(training)
        self._autopsy = self.package.Autopsy(training.model, optimizer=training.optimizer)
        self._autopsy.attach()
        self._training = training
        self._rank = next(c for c in self._autopsy._collectors if c.name == "rank")
        self._sampling = self._autopsy._sampling

    def _try(self, training: Training) -> None:
        """One pass on a copy, so that a refusal comes before the training and does not break it."""
        with torch.random.fork_rng(devices=[]):
            twin = copy.deepcopy(training.model)
            images = torch.zeros(4, 3, training.image_size, training.image_size)
            images += torch.linspace(0, 1, images[0].numel()).reshape(images[0].shape)
            autopsy = self.package.Autopsy(twin)
            autopsy.attach()
            try:
                training.loss(twin(images), torch.arange(4) % training.classes).backward()
            finally:
                _dismiss(autopsy)

    def step(self, step: Step) -> None:
        """Also turns the rank hooks on for the steps that they are for."""
        self._autopsy.step(loss=step.loss)
        wanted = self._sampling.should_collect("rank", self._rank.cost, step.number + 1)
        if wanted and not self._rank._hooks:
            self._rank.attach(self._training.model, self._training.optimizer, self._sampling)
        elif not wanted and self._rank._hooks:
            self._rank.detach()

    def epoch(self, step: int, val_loss: float) -> None:
        """It takes no validation loss."""

    def heard(self) -> Heard:
        """Its report."""
        self._autopsy.detach()
        report = self._autopsy.get_report()
        words = [
            Word(
                (f"insight {insight.rule_name}",),
                max((TORCHMORTEM[f.severity] for f in insight.contributing_findings), default=WARNING),
                text=insight.title,
            )
            for insight in report.insights
        ]
        for finding in report.findings:
            title = re.sub(r" in \S+$", "", finding.title)
            words.append(
                Word((title,), TORCHMORTEM[finding.severity], int(finding.step_range[0]), text=finding.summary)
            )
        return Heard(collapse(words))

    def close(self) -> None:
        """Detaches."""
        _dismiss(self._autopsy)


def _dismiss(autopsy: Any) -> None:
    """Take its hooks off, and its handler for a crash, which would hold the model until the end of the program."""
    autopsy.detach()
    atexit.unregister(autopsy._atexit_handler)


class Gradsnitch:
    """`mon = gradsnitch.watch(model, optimizer)`, `mon.log(step, loss)`, and its rules at the end, in its order.

    The validation loss, known after the last step of an epoch, is put into that step's row of its table.
    """

    def __init__(self, training: Training) -> None:
        self._package = import_module("gradsnitch")
        self._monitor = self._package.watch(training.model, training.optimizer)
        self._val: dict[int, float] = {}

    def step(self, step: Step) -> None:
        """It takes gradient norm, learning rate and update ratio itself."""
        self._monitor.log(step.number, step.loss)

    def epoch(self, step: int, val_loss: float) -> None:
        """Remembered for its table."""
        self._val[step] = val_loss

    def heard(self) -> Heard:
        """`gradsnitch.lint` of the table."""
        table = self._monitor.df()
        if not len(table):
            return Heard()
        table["val_loss"] = table["step"].map(self._val)
        words = []
        for finding in self._package.lint(table):
            code = f"{finding.code} {finding.name}"
            words.append(Word((code,), CRITICAL if finding.severity == "error" else WARNING, text=finding.evidence))
        return Heard(tuple(words))

    def close(self) -> None:
        """It has no hooks."""


class Traintools:
    """BatchInspector, GradientHealthMonitor and AUMTracker at every step; GradientConfusionMonitor, noise scale,
    PlasticityProbe and TrainGuard once an epoch (by default every 200 steps, more than many of these runs have).

    It has no report: its warnings come one by one. They are ordered by the share of its checks that raised them, then
    by their first step. Its hints without a warning (batch size, stop) count as information. No `max_grad_norm` is set:
    the 1.0 of its first page would warn on most steps of any run.
    """

    def __init__(self, training: Training) -> None:
        package = import_module("traintools")
        tracker = import_module("traintools.callbacks.pytorch").TraintoolsTracker
        self._training = training
        self._batch = package.BatchInspector(expected_num_classes=training.classes)
        self._gradients = package.GradientHealthMonitor()
        self._confusion = package.GradientConfusionMonitor()
        self._margins = package.AUMTracker()
        self._guard = package.TrainGuard()
        often = {"gns_freq": training.steps, "plasticity_freq": training.steps}
        self._tracker = tracker(training.model, training.loss, earlyguard=False, verbose=False, **often)
        self._checks = {"step": 0, "epoch": 0}
        self._found: dict[tuple[str, str], list[Any]] = {}  # kind of check and code -> first step, times, text
        self._aum: list[tuple[int, str]] = []
        self._seen = 0

    def step(self, step: Step) -> None:
        """All that is done at every step, and what is done once an epoch."""
        self._checks["step"] += 1
        model, number = self._training.model, step.number
        for warning in self._batch.inspect(step.images, step.labels, step=number).warnings:
            self._say("step", number, _kind(warning), warning)
        kinds: dict[str, str] = {}
        for warning in self._gradients.inspect(model, step=number, lr=step.rate).warnings:
            kinds.setdefault(_kind(warning), warning)
        for code, warning in kinds.items():  # of several layers: one word a step
            self._say("step", number, code, warning)
        summary = self._margins.update(step.rows, step.logits, step.labels, step=number)
        self._aum = [(number, warning) for warning in summary.warnings]
        if (number + 1) % self._training.steps == 0:
            self._checks["epoch"] += 1
            if len(step.images) >= 8:
                with self._tracker._probe.paused():  # as its own noise scale does
                    given = (model, self._training.loss, step.images, step.labels)
                    found = self._confusion.estimate(*given, step=number)
                if found.warnings:
                    self._say("epoch", number, _kind(found.warnings[0]), "; ".join(found.warnings))
        self._tracker.step(step=number, inputs=step.images, targets=step.labels)
        if len(self._tracker.plasticity_history.results) > self._seen:
            self._seen += 1
            self._plasticity(self._tracker.plasticity_history.results[-1])

    def _plasticity(self, result: Any) -> None:
        for layer in result.layers:
            if layer.is_critical():
                code = "dormant units" if layer.dead_fraction > 0.5 else "rank collapsed"
                self._say("epoch", result.step, code, str(layer))

    def _say(self, check: str, step: int, code: str, text: str) -> None:
        self._found.setdefault((check, code), [step, 0, text])[1] += 1

    def epoch(self, step: int, val_loss: float) -> None:
        """TrainGuard's decision; it is told only of losses that are finite."""
        if val_loss == val_loss and abs(val_loss) != float("inf"):
            self._guard.record(step=step, val_loss=val_loss)

    def heard(self) -> Heard:
        """Warnings by how often they were raised, then the hints."""
        for number, warning in self._aum:
            self._found.setdefault(("epoch", _kind(warning)), [number, max(1, self._checks["epoch"]), warning])
        shares = sorted(self._found.items(), key=lambda it: (-it[1][1] / max(1, self._checks[it[0][0]]), it[1][0]))
        words = [Word((code,), WARNING, step, times, text) for (_, code), (step, times, text) in shares]
        noise = self._tracker.gns_history
        if len(noise.values):
            latest = noise.results[-1]
            if latest.regime != "optimal":
                words.append(Word((f"noise scale: {latest.regime}",), INFO, latest.step, text=latest.recommendation))
        decision = self._guard.evaluate()
        if decision.should_stop:
            words.append(Word(("stop",), INFO, decision.step, text=decision.reason))
        return Heard(tuple(words))

    def close(self) -> None:
        """Takes the plasticity probe's hooks off."""
        self._tracker._probe.remove_hooks()


KINDS = (
    ("non-finite gradients", r"non-finite gradients"),
    ("gradient vanished", r"gradient appears vanished"),
    ("gradient very large", r"gradient is very large"),
    ("update ratio high", r"update/weight ratio is high"),
    ("update ratio tiny", r"update/weight ratio is tiny"),
    ("no gradients", r"no gradients found"),
    ("dominant class", r"dominant class covers"),
    ("bad values", r"non-finite values|abs max|is empty|labels outside"),
    ("constant batch", r"nearly constant"),
    ("gradients in conflict", r"pairs are conflicting|strongly opposed"),
    ("low margins", r"have low AUM"),
)
"""Warnings of traintools have no names; these are ours for its sentences."""


def _kind(warning: str) -> str:
    return next((code for code, pattern in KINDS if re.search(pattern, warning)), warning[:40])
