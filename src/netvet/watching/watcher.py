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

from netvet.base.errors import BadInput
from netvet.locale import _
from netvet.metrics import declare
from netvet.recipe import Recipe
from netvet.rules import diagnose
from netvet.trace import Trace, TraceWriter
from netvet.watching import Layer, Moment
from netvet.watching._observer import Loop, Observers
from netvet.watching.asking import Asking
from netvet.watching.epochs import Epochs
from netvet.watching.files import first_weights, open_writer, own_folder
from netvet.watching.layers import is_weight_layer, layers, sample, weights
from netvet.watching.outputs import class_labels, given_labels
from netvet.watching.passes import Again, Hook, Pass, has_own_hooks, is_compiled
from netvet.watching.readings import Readings, first_tensor, logits_of

if TYPE_CHECKING:
    from netvet.rules import Diagnosis

FLUSH = 50  # optimiser steps between writes
UNSTEPPED = 100  # calls of `step` without an optimiser step after which the loss is recorded nevertheless


class Watcher:
    """Watches one model and its optimiser: see `netvet.watching.watch`.

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
            raise BadInput(
                _("every={every} is not an interval: give a number of steps, at least 1.").format(every=every)
            )
        self.model, self.optimizer = model, optimizer
        self.run = out if writer is not None else own_folder(out)
        self._compiled = self._copies = is_compiled(model)
        self._epochs: Epochs | None = None
        own = writer is None
        if writer is None:
            writer, done = open_writer(out, self.run, step)
            self._epochs = Epochs(model, writer, classes, done, lambda *args: self._notify(*args))
        self._writer = writer
        self._readings = Readings(writer)
        if recipe is not None:
            writer.recipe(recipe)
        declare(writer, "loss", "learning_rate")
        self._observers = Observers(Loop(model, optimizer, lambda: self._at, writer, self._readings)) if own else None
        self._asking = Asking(writer, self._readings, every, copied=self._compiled)
        self._order: dict[str, int] = {}  # path of a layer -> its turn in the forward pass
        self._start: dict[str, Tensor] = {}
        self._before: dict[str, Tensor] = {}
        self._weights: dict[str, nn.Parameter] = {}
        self._loss: Tensor | None = None  # of the calls since the last optimiser step, summed where there are several
        self._calls = 0
        self._images: Tensor | None = None
        self._logits: Tensor | None = None
        self._rate: Tensor | float = 0.0
        self._pass: Pass | None = None
        self._again: Again | None = None
        self._measured = self._closed = self._reported = self._validates = False
        self._trains = False  # whether a pass in training mode was seen since the last call of `step`
        self._stepped = 0
        self._at = self._first = step
        self._asking.plan(step)
        self._handles = [module.register_forward_hook(Hook(self._layer_hook(name))) for name, module in layers(model)]
        self._handles += [
            model.register_forward_pre_hook(Hook(self._enter), with_kwargs=True),
            model.register_forward_hook(Hook(self._leave), with_kwargs=True),
            optimizer.register_step_pre_hook(Hook(self._before_step)),
            optimizer.register_step_post_hook(Hook(self._after_step)),
        ]

    @property
    def at(self) -> int:
        """Optimiser steps done. Set it, before the first step, where a run is resumed."""
        return self._at

    @at.setter
    def at(self, step: int) -> None:
        self._at = self._first = step
        self._asking.plan(step)

    # what a user calls

    def step(self, *, loss: Tensor | float, labels: Tensor | None = None) -> None:
        """Record one optimiser step; call it after `optimizer.step()`.

        `loss`: of the batch, 0-dim. `labels`: (batch,) int64, or (batch, classes); an image of class -100, or any below
        0, has none. With gradient accumulation it may be called after every backward pass: until the optimiser has
        stepped, losses gather, and their mean is recorded; where it does not step in 100 calls or before validation,
        the mean is recorded all the same. Raises BadInput for labels that are no numbers.
        """
        if self._closed:
            return
        given = loss.detach() if isinstance(loss, Tensor) else torch.tensor(float(loss))
        labels = None if labels is None else given_labels(labels)
        if labels is not None and labels.ndim == 1 and self._logits is not None and self._logits.ndim == 2:
            class_labels(labels, self._logits.shape[1])  # refuses what lies between two classes
        self._notify("batch", given, self._images, labels, self._logits)
        self._gather(given)
        if self._epochs is not None and self._logits is not None and labels is not None:
            self._epochs.keep(self._logits, labels)
        if self._stepped:
            mean = self._mean_loss()
            if self._asking.due["forward"] and not self._measured and not self._reported:
                self._report_unseen()
            self._readings.add(self._at, "loss", mean)
            self._readings.add(self._at, "learning_rate", self._rate)
            if self._asking.due["end"]:
                with torch.no_grad():
                    self._asking.ask("end", self._moment(labels, mean))
            self._readings.seal()
            flush = self._at // FLUSH != (self._at + self._stepped) // FLUSH
            self._at += self._stepped
            self._stepped, self._measured = 0, False
            self._asking.plan(self._at)
            if flush:
                self.flush()
        elif self._calls == UNSTEPPED:
            self._record_unstepped()
            self.flush()
        self._images = self._logits = None
        self._trains = False

    def validate(self, loader: Iterable[Any]) -> dict[str, float]:
        """Measure the model on a loader of (images, labels) and record the epoch: `val_*`, the running `train_*`.

        The model runs in eval mode without gradients; every module's mode and the random numbers are put back after it.
        Returns loss (nats), accuracy, balanced_accuracy, calibration_error, entropy (0..1). Raises BadInput for an
        empty loader, and where the watcher was given a writer: such a loop records its epochs itself.
        """
        if self._epochs is None:
            raise BadInput(_("This watcher writes to a trace of your own: record the epochs there; validate does not."))
        self._record_unstepped()
        found = self._epochs.validate(loader, self._at)
        self._readings.seal()
        self.flush()
        return found

    def diagnose(self) -> Diagnosis:
        """What ails the run so far."""
        if self._epochs is not None and not self._closed:
            self._record_unstepped()
            self._epochs.write_predictions(self._at)
            self._notify("finish")
            self._readings.seal()
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
        self._notify("finish")
        self._readings.seal()
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

    # the hooks; a compiled model leaves out those of its layers, and has its pass copied

    def _enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if torch.compiler.is_compiling() or module is not self.model:
            return
        wanted = bool(self._asking.due["forward"]) and not self._measured and not self._stepped
        trains = module.training and torch.is_grad_enabled()
        self._pass = Pass() if wanted and trains and not self._compiled else None
        if wanted and trains and self._copies and self._again is None:
            if has_own_hooks(module):
                self._stop_copying(_("it has hooks of its own, which would run twice"))
            else:
                self._again = Again(module, args, kwargs)

    def _layer_hook(self, path: str) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, args: object, output: object) -> None:
            if not torch.compiler.is_compiling() and self._pass is not None:
                self._measure_layer(self._pass, path, module, args, output)

        return hook

    def _measure_layer(self, current: Pass, path: str, module: nn.Module, args: object, output: object) -> None:
        current.ran.add(path)
        inputs, result = first_tensor(args), first_tensor(output)
        if inputs is None or result is None or not torch.is_grad_enabled():
            return
        self._order.setdefault(path, len(self._order))
        call = current.calls[path] = current.calls.get(path, 0) + 1
        name = path if call == 1 else f"{path}:{call}"
        layer = Layer(name, module, inputs, result, self.model, current.previous, current.statistics)
        with torch.no_grad(), torch.autocast(result.device.type, enabled=False):
            self._asking.ask("forward", layer, name)
        if is_weight_layer(module):
            current.previous = module

    def _leave(self, module: nn.Module, args: object, kwargs: object, output: object) -> None:
        if torch.compiler.is_compiling() or module is not self.model:
            return
        grad, logits = torch.is_grad_enabled(), logits_of(output)
        images = first_tensor((args, kwargs))
        if self._observers is not None and not self._validates:
            plain = None if logits is None else logits.detach()
            self._notify("forward", images, plain, training=module.training, grad=grad)
            if grad and self._at == self._first and logits is not None and not self._stepped:
                self._notify("graph", logits, self._pass.ran if self._pass is not None else ())
            if grad and logits is not None and logits.requires_grad and self._asking.due["before_step"]:
                logits.register_hook(Hook(lambda gradient: self._notify("backward", gradient)))  # type: ignore[no-untyped-call]
        if grad and (module.training or not self._trains):  # in eval mode too, where that is how the loop trains
            self._images, self._logits = images, None if logits is None else logits.detach()
        if grad and module.training:
            self._trains = True
            self._measured = self._measured or self._pass is not None
        self._pass = None

    def _before_step(self, *_args: object) -> None:
        self._notify("before_step")
        if self._again is not None and not self._stepped:
            self._repeat(self._again)
        if self._stepped or not (self._asking.due["before_step"] or self._asking.due["after_step"] or not self._start):
            return
        with torch.no_grad():
            if self._asking.due["after_step"] or not self._weights:  # elsewhere those of the last measured step will do
                self._weights = weights(self.model, self._order)
            if not self._start:
                self._start = first_weights(self._writer, self._weights, self._at)
                self._describe()
            self._asking.ask("before_step", self._moment())
            if self._asking.due["after_step"]:
                self._before = {name: sample(w) for name, w in self._weights.items() if w.grad is not None}

    def _after_step(self, *_args: object) -> None:
        self._stepped += 1
        self._notify("after_step")
        if self._stepped > 1:
            return
        self._rate = self._highest_rate()
        if self._asking.due["after_step"]:
            with torch.no_grad():
                self._asking.ask("after_step", self._moment())
            self._before = {}

    # insides

    def _notify(self, moment: str, *args: Any, **keywords: Any) -> None:
        self._validates = self._validates or moment in ("validation_begins", "finish")
        if self._observers is not None:
            self._observers.notify(moment, *args, **keywords)
        if moment in ("validated", "finish"):  # until here an observer may call the model, unheard by the others
            self._validates = False

    def _gather(self, loss: Tensor) -> None:
        """Add the loss of one call to those since the last optimiser step; a single one is kept as it is."""
        self._calls += 1
        if self._loss is None:
            self._loss = loss.clone() if loss.ndim == 0 else loss.float().mean()
        else:
            self._loss = self._loss.float() + loss.float().mean()

    def _mean_loss(self) -> Tensor:
        """The mean of what gathered, which is then forgotten."""
        assert self._loss is not None
        mean = self._loss if self._calls == 1 else self._loss / self._calls
        self._loss, self._calls = None, 0
        return mean

    def _record_unstepped(self) -> None:
        """Record what gathered although the optimiser has not stepped: it may never do."""
        if self._calls and not self._stepped:
            self._readings.add(self._at, "loss", self._mean_loss())
            self._readings.add(self._at, "learning_rate", self._highest_rate())
            self._readings.seal()

    def _highest_rate(self) -> Tensor | float:
        """The learning rate of the optimiser's fastest group."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        rate = max(rates, key=float) if len(rates) > 1 else rates[0]
        return rate.detach().clone() if isinstance(rate, Tensor) else rate

    def _repeat(self, again: Again) -> None:
        """Measure the layers of a compiled model in a copy of its pass."""
        self._again, self._pass = None, Pass()
        try:
            again.run()
            self._measured = True
        except Exception as error:  # whatever it is, training goes on
            self._stop_copying(f"{type(error).__name__}: {error}")
        finally:
            self._pass = None

    def _stop_copying(self, reason: str) -> None:
        self._copies, self._reported = False, True
        sentence = _(
            "The layers of the compiled model are not measured ({reason}); everything else is, and training continues."
        )
        warnings.warn(sentence.format(reason=reason), RuntimeWarning, stacklevel=3)

    def _report_unseen(self) -> None:
        """Say once why no layer is measured."""
        self._reported = True
        sentence = _(
            "No forward pass was seen before step {step}, so no layer is measured: watch the whole model that you "
            "call, in training mode; if it is compiled, watch what torch.compile returned."
        )
        warnings.warn(sentence.format(step=self._at), RuntimeWarning, stacklevel=3)

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

    def _describe(self) -> None:
        """Before the first update: what is trained."""
        self._writer.meta("layers", list(self._weights))
        if self._epochs is not None and not self._first:
            count = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
            declare(self._writer, "parameters")
            self._writer.add(0, "parameters", float(count))
