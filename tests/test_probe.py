"""Watching: it changes nothing, survives what users' models do, and records what it says."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

import copy
import gc
import io
import random
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from netvet import probe as probe_module
from netvet.errors import BadInput
from netvet.probe import Moment, Probe, probes, watch
from netvet.trace import Trace, TraceWriter
from netvet.watching.watcher import Watcher

CLASSES = 4
Batch = tuple[Tensor, Tensor]


def net(inplace: bool = True) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=inplace),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1),
        nn.BatchNorm2d(12),
        nn.ReLU(inplace=inplace),
        nn.Dropout(0.3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, CLASSES),
    )


def batches(count: int, size: int = 8) -> list[Batch]:
    generator = torch.Generator().manual_seed(5)
    return [
        (torch.randn(size, 3, 12, 12, generator=generator), torch.randint(CLASSES, (size,), generator=generator))
        for _ in range(count)
    ]


def sgd(model: nn.Module, lr: float = 0.05) -> torch.optim.Optimizer:
    return torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=lr, momentum=0.9)


def run(
    model: nn.Module,
    out: Path,
    *,
    steps: int = 3,
    every: int | None = 1,
    forward: Callable[[nn.Module, Tensor], Tensor] | None = None,
) -> Trace:
    """Train a few steps, watched; no probe may be dropped."""
    optimizer = sgd(model)
    with watch(model, optimizer, out=out, every=every) as vet:
        for images, labels in batches(steps):
            logits = model(images) if forward is None else forward(model, images)
            loss = F.cross_entropy(logits.float(), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)
    trace = Trace.open(out)
    assert "dropped_probes" not in trace.meta
    assert len(trace.series("loss")) == steps
    return trace


# --- it changes nothing


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("autocast", [False, True], ids=["fp32", "bf16"])
def test_training_is_bit_identical(tmp_path: Path, kind: str, autocast: bool) -> None:
    def train(watched: bool) -> tuple[dict[str, Tensor], Any, Tensor, Any, Any]:
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002 - the state that a user's transforms draw from
        model = net().to(memory_format=torch.channels_last)
        optimizer: torch.optim.Optimizer
        optimizer = sgd(model) if kind == "sgd" else torch.optim.Adam(model.parameters(), lr=1e-2)
        vet = watch(model, optimizer, out=tmp_path / "run", every=1) if watched else None
        for _ in range(2):
            for images, labels in batches(6):
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
                    logits = model(images)
                loss = F.cross_entropy(logits.float(), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if vet is not None:
                    vet.step(loss=loss, labels=labels)
            if vet is not None:
                data = torch.utils.data.TensorDataset(*batches(1, 16)[0])
                vet.validate(torch.utils.data.DataLoader(data, batch_size=4, shuffle=True))
        return (
            model.state_dict(),
            optimizer.state_dict(),
            torch.get_rng_state(),
            random.getstate(),
            np.random.get_state(),  # noqa: NPY002
        )

    plain, watched = train(False), train(True)
    assert len(Trace.open(tmp_path / "run").series("grad_norm", "0")) == 12
    for name, value in plain[0].items():
        assert torch.equal(value, watched[0][name]), name
    for index, state in plain[1]["state"].items():
        for key, value in state.items():
            other = watched[1]["state"][index][key]
            assert torch.equal(value, other) if isinstance(value, Tensor) else value == other
    assert torch.equal(plain[2], watched[2])
    assert plain[3] == watched[3]
    assert all(np.array_equal(a, b) for a, b in zip(plain[4], watched[4], strict=True))


def test_close_takes_every_hook_off(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)

    def hooks() -> int:
        of_modules = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())
        return of_modules + len(optimizer._optimizer_step_pre_hooks) + len(optimizer._optimizer_step_post_hooks)

    vet = watch(model, optimizer, out=tmp_path)
    assert hooks() > 10
    vet.close()
    vet.close()
    vet.step(loss=1.0)
    assert hooks() == 0
    assert Trace.open(tmp_path).meta["finished"] is True


def test_no_output_is_kept_alive(tmp_path: Path) -> None:
    model = net(inplace=False)
    outputs: list[weakref.ref[Tensor]] = []
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path, every=1) as vet:
        model[2].register_forward_hook(lambda _m, _a, output: outputs.append(weakref.ref(output)))
        (images, labels), *_ = batches(1)
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        vet.step(loss=loss, labels=labels)
        seen = weakref.ref(images)
        del images, loss
        gc.collect()
        assert outputs[0]() is None
        assert seen() is None


def test_a_watched_model_can_be_copied_and_saved(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path, every=1) as vet:
        average = torch.optim.swa_utils.AveragedModel(model)
        buffer = io.BytesIO()
        torch.save(model, buffer)
        buffer.seek(0)
        again = torch.load(buffer, weights_only=False)
        for images, labels in batches(2):
            for other in (average, again, copy.deepcopy(model)):
                other(images)
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)
    assert Trace.open(tmp_path).series("dead_fraction", "2").steps.tolist() == [0, 1]


# --- when it measures


def test_sampled_steps(tmp_path: Path) -> None:
    trace = run(net(), tmp_path, steps=23, every=None)
    sampled = [0, 1, 2, 5, 10, 20]
    for name in ("grad_norm", "activation_std", "update_ratio", "entropy"):
        assert trace.series(name, trace.places(name)[0]).steps.tolist() == sampled
    assert trace.series("loss").steps.tolist() == list(range(23))
    assert trace.series("learning_rate").values.tolist() == [0.05] * 23


def test_learning_rate_is_the_one_that_was_used(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model, 0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    with watch(model, optimizer, out=tmp_path) as vet:
        for images, labels in batches(3):
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            schedule.step()
            vet.step(loss=loss, labels=labels)
    assert Trace.open(tmp_path).series("learning_rate").values.tolist() == [0.1, 0.05, 0.025]


@pytest.mark.parametrize("each", [True, False], ids=["step after every backward", "step after the optimiser"])
def test_gradient_accumulation(tmp_path: Path, each: bool) -> None:
    model = net()
    optimizer = sgd(model)
    losses: list[float] = []
    with watch(model, optimizer, out=tmp_path, every=1) as vet:
        for turn, (images, labels) in enumerate(batches(9)):
            loss = F.cross_entropy(model(images), labels)
            (loss / 3).backward()
            losses.append(loss.item())
            if last := turn % 3 == 2:
                optimizer.step()
                optimizer.zero_grad()
            if each or last:
                vet.step(loss=loss, labels=labels)
    trace = Trace.open(tmp_path)
    expected = np.reshape(losses, (3, 3)).mean(1) if each else losses[2::3]
    assert trace.series("loss").steps.tolist() == [0, 1, 2]
    assert trace.series("loss").values == pytest.approx(expected, rel=1e-6)
    for name, where in (("grad_norm", "0"), ("activation_mean", "0"), ("update_ratio", "4")):
        assert trace.series(name, where).steps.tolist() == [0, 1, 2]


def test_two_passes_a_step_measure_the_first(tmp_path: Path) -> None:
    def twice(model: nn.Module, images: Tensor) -> Tensor:
        first: Tensor = model(images)
        second: Tensor = model(100 * images)
        return first + second

    model = net()
    plain = model[0](batches(1)[0][0]).mean().item()
    trace = run(model, tmp_path, steps=1, forward=twice)
    assert trace.places("activation_mean") == ["0", "2", "4", "6", "10"]
    assert trace.series("activation_mean", "0").values == pytest.approx([plain], abs=1e-5)


def test_passes_that_do_not_train_are_not_measured(tmp_path: Path) -> None:
    def peeked(model: nn.Module, images: Tensor) -> Tensor:
        with torch.no_grad():
            model(50 * images)
        model.eval()
        model(50 * images)
        model.train()
        with torch.inference_mode():
            model(50 * images)
        logits: Tensor = model(images)
        with torch.no_grad():
            model(50 * images)
        return logits

    trace = run(net(), tmp_path, steps=2, forward=peeked)
    assert trace.series("activation_std", "0").steps.tolist() == [0, 1]
    assert (
        trace.series("activation_std", "0").values.max() < 5
    )  # of the pass that trained, not of the fifty-fold images


# --- what users' models do


class Functional(nn.Module):
    """No activation module: `F.relu` in `forward`, and a flattened map."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 6, 3, padding=1)
        self.two = nn.Conv2d(6, 5, 3, padding=1)
        self.head = nn.Linear(5 * 4 * 4, CLASSES)
        with torch.no_grad():
            assert self.one.bias is not None
            assert self.two.bias is not None
            self.one.bias[:3] = -100.0
            self.two.bias[:1] = -100.0

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.one(x)), 3)
        found: Tensor = self.head(F.relu_(self.two(x)).flatten(1))
        return found


def test_dead_units_of_a_functional_relu(tmp_path: Path) -> None:
    trace = run(Functional(), tmp_path, steps=1)
    assert trace.places("dead_fraction") == ["two.input", "head.input"]
    assert trace.last("dead_fraction", "two.input") == pytest.approx(0.5)
    assert trace.last("dead_fraction", "head.input") == pytest.approx(0.2)


def test_in_place_relu_is_measured_as_its_twin(tmp_path: Path) -> None:
    torch.manual_seed(3)
    model = net(inplace=True)
    twin = net(inplace=False)
    twin.load_state_dict(model.state_dict())
    torch.manual_seed(4)
    first = run(model, tmp_path / "a")
    torch.manual_seed(4)
    second = run(twin, tmp_path / "b")
    assert first.names() == second.names()
    for seen in first.observations():
        assert seen.value == pytest.approx(second.series(seen.name, seen.where).values[seen.step], rel=1e-6, abs=1e-7)


def test_frozen_layers(tmp_path: Path) -> None:
    model = net()
    model[0].requires_grad_(False)
    model[1].eval()
    trace = run(model, tmp_path)
    for name in ("grad_norm", "grad_rms", "update_ratio", "weight_distance"):
        assert [p for p in trace.places(name) if p] == ["4", "10"], name
    assert trace.places("weight_norm") == ["0", "4", "10"]
    assert trace.places("norm_mean_gap") == ["5"]


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(432, 16)
        self.block = nn.Linear(16, 16)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(16, CLASSES)
        self.tied = nn.Linear(16, 16)
        self.tied.weight = self.block.weight

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.relu(self.stem(x.flatten(1)))
        x = self.relu(self.block(x))
        x = self.relu(self.tied(self.block(x)))
        return {"features": x, "logits": self.head(x)}


def test_shared_layers_tied_weights_and_outputs_that_are_dicts(tmp_path: Path) -> None:
    trace = run(Shared(), tmp_path, forward=lambda model, x: model(x)["logits"])
    assert trace.places("dead_fraction") == ["relu", "relu:2", "relu:3"]
    assert trace.places("activation_mean")[1:5] == ["relu", "block", "relu:2", "block:2"]
    assert trace.places("weight_norm") == ["stem", "block", "head"]
    assert trace.meta["layers"] == ["stem", "block", "head"]
    assert trace.meta["classes"] == ["0", "1", "2", "3"]
    assert len(trace.series("entropy")) == 3


class Tuple(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = net()

    def forward(self, *, pixels: Tensor) -> tuple[Tensor, None]:
        return self.body(pixels), None


def test_outputs_that_are_tuples_and_keyword_inputs(tmp_path: Path) -> None:
    trace = run(Tuple(), tmp_path, forward=lambda model, x: model(pixels=x)[0])
    assert trace.places("entropy") == [""]
    assert trace.places("grad_norm")[:2] == ["body.0", "body.4"]


def test_group_norm_bias_free_and_one_layer_models(tmp_path: Path) -> None:
    grouped = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False), nn.GroupNorm(2, 8), nn.SiLU(), nn.Flatten(), nn.LazyLinear(4)
    )
    grouped(batches(1)[0][0])
    trace = run(grouped, tmp_path / "a")
    assert trace.places("norm_mean_gap") == []
    assert trace.places("dead_fraction") == []
    assert trace.places("activation_std") == ["0", "2", "4"]
    alone = run(nn.Linear(432, CLASSES), tmp_path / "b", forward=lambda model, x: model(x.flatten(1)))
    assert alone.places("grad_norm") == ["model", ""]


def test_autocast(tmp_path: Path) -> None:
    def half(model: nn.Module, images: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits: Tensor = model(images)
        return logits

    torch.manual_seed(1)
    model = net()
    twin = copy.deepcopy(model)
    low, full = run(model, tmp_path / "a", steps=1, forward=half), run(twin, tmp_path / "b", steps=1)
    assert low.names() == full.names()
    for place in full.places("activation_std"):
        assert low.last("activation_std", place) == pytest.approx(full.last("activation_std", place), rel=0.05)


def test_gradient_checkpointing_measures_once(tmp_path: Path) -> None:
    from torch.utils.checkpoint import checkpoint

    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), nn.Linear(8, CLASSES)

        def forward(self, x: Tensor) -> Tensor:
            body: Tensor = checkpoint(self.body, x, use_reentrant=False)
            found: Tensor = self.head(body.mean((2, 3)))
            return found

    trace = run(Checkpointed(), tmp_path)
    assert trace.places("dead_fraction") == ["body.1"]
    assert trace.series("dead_fraction", "body.1").steps.tolist() == [0, 1, 2]


def test_gradients_cleared_before_step(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path, every=1) as vet:
        for images, labels in batches(2):
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            vet.step(loss=loss, labels=labels)
    assert Trace.open(tmp_path).series("grad_norm", "4").steps.tolist() == [0, 1]


@pytest.mark.parametrize("watch_the_compiled", [True, False], ids=["watch compiled", "compile watched"])
def test_a_compiled_model_trains_and_gives_what_needs_no_layers(tmp_path: Path, watch_the_compiled: bool) -> None:
    torch._dynamo.reset()
    model = net()
    optimizer = sgd(model)
    compiled = torch.compile(model, backend="eager")
    with watch(compiled if watch_the_compiled else model, optimizer, out=tmp_path, every=1) as vet:  # type: ignore[arg-type]
        for images, labels in batches(3):
            loss = F.cross_entropy(compiled(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)
    trace = Trace.open(tmp_path)
    assert trace.series("loss").steps.tolist() == [0, 1, 2]
    assert trace.places("update_ratio") == ["0", "4", "10"]
    assert trace.series("grad_norm", "0").steps.tolist() == [0, 1, 2]


def test_labels_of_probabilities_and_a_loss_that_is_a_number(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path, every=1) as vet:
        images, labels = batches(1)[0]
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
        vet.step(loss=1.5, labels=F.one_hot(labels, CLASSES).float())
        vet.validate([(images, labels)])
    trace = Trace.open(tmp_path)
    assert trace.series("loss").values.tolist() == [1.5]
    assert trace.last("train_images") == len(labels)


# --- a probe that fails


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, Callable[..., Any]], None]:
    """Adds a probe for one test."""
    known = dict(probes())
    monkeypatch.setattr(probe_module, "_registry", known)

    def add(name: str, at: Any, measure: Callable[..., Any]) -> None:
        known[name] = Probe(name, measure, at, 10, "", __name__)

    return add


@pytest.mark.parametrize("at", ["forward", "before_step", "after_step", "end"])
def test_a_probe_that_raises_is_dropped_once(
    tmp_path: Path, extra: Callable[[str, str, Callable[..., Any]], None], at: str
) -> None:
    calls: list[int] = []

    def broken(_subject: object) -> float:
        calls.append(1)
        raise ZeroDivisionError("by design")

    extra("broken", at, broken)
    model = net()
    optimizer = sgd(model)
    vet = watch(model, optimizer, out=tmp_path, every=1)

    def train() -> None:
        for images, labels in batches(3):
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)

    with pytest.warns(RuntimeWarning, match="broken failed at step 0") as warned:
        train()
    vet.close()
    assert len(warned) == len(calls) == 1
    trace = Trace.open(tmp_path)
    assert trace.meta["dropped_probes"] == {"broken": "ZeroDivisionError: by design"}
    assert len(trace.series("grad_norm", "0")) == len(trace.series("activation_mean", "0")) == 3


def test_a_probe_that_gives_no_number_is_dropped(
    tmp_path: Path, extra: Callable[[str, str, Callable[..., Any]], None]
) -> None:
    extra("vector", "end", lambda moment: moment.logits)
    with pytest.warns(RuntimeWarning, match="no single number"), pytest.raises(AssertionError):
        run(net(), tmp_path)
    assert Trace.open(tmp_path).places("vector") == []


def test_a_new_probe_sees_the_whole_moment(
    tmp_path: Path, extra: Callable[[str, str, Callable[..., Any]], None]
) -> None:
    def whole(moment: Moment) -> dict[str, Tensor | float]:
        assert moment.images is not None
        assert moment.logits is not None
        assert moment.labels is not None
        assert moment.loss is not None
        expected = F.cross_entropy(moment.logits, moment.labels)
        return {
            "gap": (expected - moment.loss).abs(),
            "images": float(len(moment.images)),
            "places": len(moment.weights),
        }

    extra("whole", "end", whole)
    trace = run(net(), tmp_path)
    assert trace.last("whole", "gap") == pytest.approx(0, abs=1e-6)
    assert (trace.last("whole", "images"), trace.last("whole", "places")) == (8, 3)


# --- epochs, files, resuming


def test_validate_records_the_epoch_and_restores_modes(tmp_path: Path) -> None:
    model = net()
    model[1].eval()
    optimizer = sgd(model)
    names = ["carp", "perch", "pike", "tench"]
    vet = watch(model, optimizer, out=tmp_path, classes=names)
    data = batches(5)
    for _ in range(2):
        for images, labels in data:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)
        modes = [m.training for m in model.modules()]
        found = vet.validate(data)
        assert modes == [m.training for m in model.modules()]
    vet.close()
    trace = Trace.open(tmp_path)
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(images) for images, _ in data])
    labels = torch.cat([labels for _, labels in data])
    assert found["accuracy"] == pytest.approx((logits.argmax(1) == labels).float().mean().item())
    assert found["loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)
    assert trace.series("val_accuracy").steps.tolist() == trace.series("train_loss").steps.tolist() == [4, 9]
    assert trace.series("epoch").values.tolist() == [1, 2]
    assert trace.series("train_loss").values[1] == pytest.approx(trace.series("loss").values[5:].mean(), rel=1e-5)
    assert trace.meta["steps_per_epoch"] == 5
    counts = torch.bincount(labels, minlength=4).tolist()
    assert [trace.last("class_images", name) for name in names] == counts
    assert [trace.last("val_images", name) for name in names] == counts
    shown = trace.array("val_probabilities")
    assert shown is not None
    assert np.allclose(shown, logits.softmax(1).numpy(), atol=1e-6)
    assert np.array_equal(trace.array("val_labels"), labels.numpy())  # type: ignore[arg-type]


def test_a_run_is_readable_and_diagnosed_while_it_goes_on(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    vet = watch(model, optimizer, out=tmp_path)
    for images, labels in batches(60):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        vet.step(loss=loss, labels=labels)
    assert len(Trace.open(tmp_path).series("loss")) == 50  # what a kill would leave
    vet.validate(batches(2))
    assert vet.diagnose().verdict in ("healthy", "sick", "undecided")
    assert len(Trace.open(tmp_path).series("loss")) == 60
    vet.close()


def test_resuming_goes_on_and_remembers_where_the_weights_started(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)

    def train(vet: Watcher, data: list[Batch]) -> None:
        for images, labels in data:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)

    stem = model.get_parameter("0.weight")
    first = stem.detach().clone()
    with watch(model, optimizer, out=tmp_path, every=1) as vet:
        train(vet, batches(4))
        vet.validate(batches(1))
        train(vet, batches(2))
    with watch(model, optimizer, out=tmp_path, every=1, step=4) as vet:
        distance = ((stem - first).norm() / first.norm()).item()
        train(vet, batches(2))
        vet.validate(batches(1))
    trace = Trace.open(tmp_path)
    assert trace.series("loss").steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert trace.series("epoch").values.tolist() == [1, 2]
    assert trace.series("weight_distance", "0").values[4] == pytest.approx(distance, rel=1e-5)
    run(net(), tmp_path, steps=2)  # from the start: the earlier run is replaced
    assert len(Trace.open(tmp_path).series("loss")) == 2


def test_a_writer_of_ones_own_is_left_open(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    with TraceWriter(tmp_path) as writer:
        vet = watch(model, optimizer, out=tmp_path, writer=writer)
        vet.at = 7
        images, labels = batches(1)[0]
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        vet.step(loss=loss, labels=labels)
        with pytest.raises(BadInput, match="record the epochs there"):
            vet.validate(batches(1))
        vet.close()
        writer.add(8, "mine", 1.0)
    trace = Trace.open(tmp_path)
    assert trace.series("loss").steps.tolist() == [7]
    assert trace.last("mine") == 1.0


def test_bad_input(tmp_path: Path) -> None:
    model = net()
    optimizer = sgd(model)
    with pytest.raises(BadInput, match="interval"):
        watch(model, optimizer, out=tmp_path, every=0)
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match="cannot be written"):
        watch(model, optimizer, out=tmp_path / "file")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text("seed: 0")
    with pytest.raises(BadInput, match="another folder"):
        watch(model, optimizer, out=tmp_path / "run")
    with (
        watch(model, optimizer, out=tmp_path / "c", classes=["a", "b"]) as vet,
        pytest.raises(BadInput, match="4 columns"),
    ):
        vet.validate(batches(1))
    with watch(model, optimizer, out=tmp_path / "d") as vet, pytest.raises(BadInput, match="empty"):
        vet.validate([])
    assert model.training


def test_a_run_that_fails_is_not_finished(tmp_path: Path) -> None:
    model = net()
    with pytest.raises(KeyError), watch(model, sgd(model), out=tmp_path):
        raise KeyError
    assert Trace.open(tmp_path).meta["finished"] is False


def test_running_predictions_stay_bounded(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, CLASSES))
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path) as vet:
        for _ in range(12):
            labels = torch.randint(CLASSES, (1000,))
            loss = F.cross_entropy(model(torch.randn(1000, 3)), labels)
            loss.backward()
            optimizer.step()
            vet.step(loss=loss, labels=labels)
        vet.validate([(torch.randn(8, 3), torch.arange(8) % CLASSES)])
    trace = Trace.open(tmp_path)
    confusion = trace.array("train_confusion")
    assert confusion is not None
    assert confusion.sum() == 5000
    assert trace.last("train_images") == 12000


# --- registry


def test_every_probe_has_a_page_and_a_unit() -> None:
    known = probes()
    assert set(known) >= {
        *(
            "grad_norm",
            "grad_rms",
            "weight_norm",
            "update_ratio",
            "weight_distance",
            "activation_mean",
            "activation_std",
        ),
        *("dead_fraction", "saturated_fraction", "norm_mean_gap", "norm_std_gap", "entropy"),
    }
    for name, each in known.items():
        assert each.module == f"netvet.probes.{name}"
        assert each.unit
        assert each.title.endswith(".")
        assert f"`{name}`" in each.page
        assert "It matters because" in each.page
        assert "## References" in each.page


def test_an_unknown_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="none of forward"):
        probe_module.probe("x", at="never")  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=8), st.integers(1, 4))
def test_steps_are_counted_by_the_optimiser(
    tmp_path_factory: pytest.TempPathFactory, plan: list[int], every: int
) -> None:
    """However many backward passes (and calls) there are to a step, each optimiser step is one row."""
    out = tmp_path_factory.mktemp("run")
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    optimizer = sgd(model)
    with watch(model, optimizer, out=out, every=every) as vet:
        for backwards in plan:
            for turn in range(backwards):
                loss = F.cross_entropy(model(torch.randn(4, 2)), torch.tensor([0, 1, 0, 1]))
                loss.backward()
                if turn == backwards - 1:
                    optimizer.step()
                vet.step(loss=loss, labels=torch.tensor([0, 1, 0, 1]))
    trace = Trace.open(out)
    due = [s for s in range(len(plan)) if s % every == 0 or s in (0, 1, 2, 5)]
    assert trace.series("loss").steps.tolist() == list(range(len(plan)))
    assert trace.series("dead_fraction", "1").steps.tolist() == due
    assert trace.series("update_ratio", "0").steps.tolist() == due
