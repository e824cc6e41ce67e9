"""The watcher: asks the probes at their moments, through hooks on a model and its optimiser, and writes the trace.

It never changes the run: hooks read and return nothing, no random number is drawn, and readings are 0-dim tensors that
stay on the device until they are fetched together. On steps that are not sampled every hook ends at a flag.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from netvet.errors import BadInput
from netvet.locale import _
from netvet.probe import At, Layer, Moment, Probe, probes
from netvet.recipe import Recipe
from netvet.trace import FILE, Trace, TraceWriter
from netvet.watching.epochs import Epochs
from netvet.watching.layers import Statistics, is_weight_layer, layers, sample, weights
from netvet.watching.readings import Readings, first_tensor, logits_of

if TYPE_CHECKING:
    from netvet.rule import Diagnosis

EARLY = (0, 1, 2, 5)  # steps that are measured whatever the interval is: a run goes wrong early
FLUSH = 50  # optimiser steps between writes


class Watcher:
    """Watches one model and its optimiser: see `netvet.probe.watch`.

    `step` after each optimiser step, `validate` after each epoch, `diagnose` when you want to know, `close` at the end;
    or use it as a context manager.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        out: Path,
        classes: Sequence[str] | None = None,
        every: int | None = None,
        step: int = 0,
        recipe: Recipe | None = None,
        writer: TraceWriter | None = None,
    ) -> None:
        if every is not None and every < 1:
            raise BadInput(_("every={every} is no interval: give a number of steps from 1.").format(every=every))
        self.model, self.optimizer, self.run = model, optimizer, out
        self._every = every
        self._epochs: Epochs | None = None
        if writer is None:
            writer, done = _open(out, step)
            self._epochs = Epochs(model, writer, classes, done)
        self._writer = writer
        self._readings = Readings(writer)
        if recipe is not None:
            writer.recipe(recipe)
        self._probes = list(probes().values())
        for each in self._probes:
            writer.unit(each.name, each.unit)
        self._dropped: dict[str, str] = {}
        self._order: dict[str, int] = {}  # path of a layer -> its turn in the forward pass
        self._start: dict[str, Tensor] = {}
        self._before: dict[str, Tensor] = {}
        self._weights: dict[str, nn.Parameter] = {}
        self._losses: list[Tensor] = []
        self._images: Tensor | None = None
        self._logits: Tensor | None = None
        self._rate: Tensor | float = 0.0
        self._pass: _Pass | None = None
        self._measured = self._closed = False
        self._stepped = 0
        self.at = step
        self._handles = [module.register_forward_hook(_Hook(self._layer_hook(name))) for name, module in layers(model)]
        self._handles += [
            model.register_forward_pre_hook(_Hook(self._enter)),
            model.register_forward_hook(_Hook(self._leave), with_kwargs=True),
            optimizer.register_step_pre_hook(_Hook(self._before_step)),
            optimizer.register_step_post_hook(_Hook(self._after_step)),
        ]

    @property
    def at(self) -> int:
        """Optimiser steps done. Set it, before the first step, where a run is resumed."""
        return self._at

    @at.setter
    def at(self, step: int) -> None:
        self._at = self._first = step
        self._plan()

    # what a user calls

    def step(self, *, loss: Tensor | float, labels: Tensor | None = None) -> None:
        """Record one optimiser step; call it after `optimizer.step()`.

        `loss`: of the batch, 0-dim. `labels`: (batch,) int64, or (batch, classes). With gradient accumulation it may be
        called after every backward pass: until the optimiser has stepped, losses gather, and their mean is recorded.
        """
        if self._closed:
            return
        self._losses.append(loss.detach().clone() if isinstance(loss, Tensor) else torch.tensor(float(loss)))
        if self._epochs is not None and self._logits is not None and labels is not None:
            self._epochs.keep(self._logits, labels)
        if self._stepped:
            one = len(self._losses) == 1 and self._losses[0].ndim == 0
            mean = self._losses[0] if one else torch.stack([x.float().mean() for x in self._losses]).mean()
            self._readings.add(self._at, "loss", mean)
            self._readings.add(self._at, "learning_rate", self._rate)
            if self._due["end"]:
                with torch.no_grad():
                    self._ask("end", self._moment(labels, mean))
            self._readings.seal()
            flush = self._at // FLUSH != (self._at + self._stepped) // FLUSH
            self._at += self._stepped
            self._stepped, self._measured, self._losses, self._weights = 0, False, [], {}
            self._plan()
            if flush:
                self.flush()
        self._images = self._logits = None

    def validate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Measure the model on a loader of (images, labels) and record the epoch: `val_*`, the running `train_*`.

        The model runs in eval mode without gradients; every module's mode and the random numbers are put back after it.
        Returns loss (nats), accuracy, balanced_accuracy, calibration_error, entropy (0..1). Raises BadInput for an
        empty loader, and where the watcher was given a writer: such a loop records its epochs itself.
        """
        if self._epochs is None:
            raise BadInput(_("This watcher writes to a trace of yours: record the epochs there, validate does not."))
        found = self._epochs.validate(loader, self._at)
        self.flush()
        return found

    def diagnose(self) -> Diagnosis:
        """What ails the run so far."""
        from netvet.rule import diagnose

        if self._epochs is not None and not self._closed:
            self._epochs.write_predictions(self._at)
        self.flush()
        return diagnose(Trace.open(self._writer.path), run=str(self.run))

    def flush(self) -> None:
        """Fetch what was measured from the device and write it."""
        if not self._closed:
            self._readings.fetch()
            self._writer.flush()

    def close(self) -> None:
        """Take every hook off and write what is left. A second call does nothing."""
        self._close(finished=True)

    def _close(self, *, finished: bool) -> None:
        if self._closed:
            return
        for handle in self._handles:
            handle.remove()
        self._readings.fetch()
        self._closed = True
        if self._epochs is None:
            self._writer.flush()
        else:
            self._epochs.write_predictions(self._at)
            self._writer.meta("finished", finished)
            self._writer.close()

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close(finished=kind is None)

    # the hooks; a compiled model leaves them out, so its layers are not measured

    def _enter(self, module: nn.Module, _args: object) -> None:
        if torch.compiler.is_compiling() or module is not self.model:
            return
        wanted = bool(self._due["forward"]) and not self._measured and not self._stepped
        self._pass = _Pass() if wanted and module.training and torch.is_grad_enabled() else None

    def _layer_hook(self, path: str) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, args: object, output: object) -> None:
            if not torch.compiler.is_compiling() and self._pass is not None:
                self._measure_layer(self._pass, path, module, args, output)

        return hook

    def _measure_layer(self, current: _Pass, path: str, module: nn.Module, args: object, output: object) -> None:
        inputs, result = first_tensor(args), first_tensor(output)
        if inputs is None or result is None or not torch.is_grad_enabled():
            return
        self._order.setdefault(path, len(self._order))
        call = current.calls[path] = current.calls.get(path, 0) + 1
        name = path if call == 1 else f"{path}:{call}"
        layer = Layer(name, module, inputs, result, self.model, current.previous, current.statistics)
        with torch.no_grad(), torch.autocast(result.device.type, enabled=False):
            self._ask("forward", layer, name)
        if is_weight_layer(module):
            current.previous = module

    def _leave(self, module: nn.Module, args: object, kwargs: object, output: object) -> None:
        if torch.compiler.is_compiling() or module is not self.model:
            return
        if module.training and torch.is_grad_enabled():
            logits = logits_of(output)
            self._images, self._logits = first_tensor((args, kwargs)), None if logits is None else logits.detach()
            self._measured = self._measured or self._pass is not None
        self._pass = None

    def _before_step(self, *_args: object) -> None:
        if self._stepped or not (self._due["before_step"] or self._due["after_step"] or not self._start):
            return
        with torch.no_grad():
            self._weights = weights(self.model, self._order)
            if not self._start:
                self._begin()
            self._ask("before_step", self._moment())
            if self._due["after_step"]:
                self._before = {name: sample(w) for name, w in self._weights.items() if w.grad is not None}

    def _after_step(self, *_args: object) -> None:
        self._stepped += 1
        if self._stepped > 1:
            return
        rates = [group["lr"] for group in self.optimizer.param_groups]
        rate = max(rates, key=float) if len(rates) > 1 else rates[0]
        self._rate = rate.detach().clone() if isinstance(rate, Tensor) else rate
        if self._due["after_step"]:
            with torch.no_grad():
                self._ask("after_step", self._moment())
            self._before = {}

    # insides

    def _plan(self) -> None:
        """Which probes are due at the coming step."""
        due: dict[At, list[Probe]] = {"forward": [], "before_step": [], "after_step": [], "end": []}
        early = self._at in EARLY
        for each in self._probes:
            if early or self._at % (self._every or each.every) == 0:
                due[each.at].append(each)
        self._due = due

    def _ask(self, at: At, subject: Layer | Moment, where: str = "") -> None:
        """Ask every probe that is due; one that raises is dropped for good, with a warning."""
        for each in list(self._due[at]):
            try:
                found = each.measure(subject)
                if found is not None:
                    values = found if isinstance(found, Mapping) else {where: found}
                    self._readings.add_all(self._at, each.name, values)
            except Exception as error:  # whatever it is, training goes on
                self._drop(each, error)

    def _drop(self, broken: Probe, error: Exception) -> None:
        self._probes.remove(broken)
        self._due[broken.at].remove(broken)
        self._dropped[broken.name] = reason = f"{type(error).__name__}: {error}"
        self._writer.meta("dropped_probes", self._dropped)
        sentence = _("The probe {name} failed at step {step} and is not asked again ({error}); training goes on.")
        warnings.warn(sentence.format(name=broken.name, step=self._at, error=reason), RuntimeWarning, stacklevel=3)

    def _moment(self, labels: Tensor | None = None, loss: Tensor | None = None) -> Moment:
        return Moment(
            step=self._at,
            model=self.model,
            optimizer=self.optimizer,
            images=self._images,
            labels=labels,
            logits=self._logits,
            loss=loss,
            weights=self._weights,
            start=self._start,
            before=self._before,
        )

    def _begin(self) -> None:
        """Before the first update: where the weights start, and what is trained."""
        if self._first:
            self._writer.flush()
            known = Trace.open(self._writer.path)
            stored = {name: known.array("weight_start", name) for name in self._weights}
            for name, values in stored.items():
                if values is not None:
                    self._start[name] = torch.from_numpy(values).to(self._weights[name].device)
        for name, weight in self._weights.items():
            if name not in self._start:
                self._start[name] = sample(weight)
                self._writer.add_array(self._at, "weight_start", self._start[name].cpu().numpy(), name)
        self._writer.meta("layers", list(self._weights))
        if self._epochs is not None and not self._first:
            count = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
            self._writer.add(0, "parameters", float(count))


class _Pass:
    """One measured forward pass: how often each module was called, and the weight layer that ran last."""

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        self.previous: nn.Module | None = None
        self.statistics = Statistics()


class _Hook:
    """A hook that a copied or pickled model leaves behind, so that both work while it is watched."""

    def __init__(self, call: Callable[..., None]) -> None:
        self._call = call

    def __call__(self, *args: object) -> None:
        self._call(*args)

    def __reduce__(self) -> tuple[Callable[[], Callable[..., None]], tuple[()]]:
        return _no_hook, ()


def _ignore(*_args: object) -> None:
    return None


def _no_hook() -> Callable[..., None]:
    return _ignore


def _open(out: Path, step: int) -> tuple[TraceWriter, int]:
    """The trace of a user's own loop, a new one or an earlier one up to `step`, and the epochs that it holds."""
    if (out / "recipe.yaml").exists():
        raise BadInput(_("{out} holds a run of netvet train: give another folder.").format(out=out))
    known = Trace.open(out) if step and (out / FILE).is_file() else None
    try:
        if known is None:
            for name in (FILE, f"{FILE}-wal", f"{FILE}-shm"):
                (out / name).unlink(missing_ok=True)
        writer = TraceWriter(out)
    except OSError as error:
        raise BadInput(_("{out} cannot be written ({error}).").format(out=out, error=error.strerror)) from None
    writer.forget_after(step)
    writer.meta("finished", False)
    return writer, sum(1 for at in known.series("epoch").steps if at < step) if known is not None else 0
