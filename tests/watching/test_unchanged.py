"""Watching changes nothing, leaves nothing behind and keeps nothing alive."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

import copy
import gc
import io
import random
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from netvet.trace import Trace
from netvet.watching import watch
from tests.watching.loops import batches, net, sgd


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
