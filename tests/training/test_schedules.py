"""Schedules: their shapes, their ends, and going on exactly."""

from __future__ import annotations

import io

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netvet import recipe
from netvet.training import optimizers, schedules

NAMES = ("constant", "step", "cosine", "plateau", "cyclic", "one-cycle")
LR = 0.4


def start(
    schedule: recipe.Schedule, epochs: int, steps: int, name: str = "sgd"
) -> tuple[torch.optim.Optimizer, schedules.Schedule]:
    net = torch.nn.Linear(2, 2)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer = optimizers.build(recipe.Optimizer.model_validate({"name": name, "lr": LR}), net)
    return optimizer, schedules.build(schedule, optimizer, epochs, steps, LR)


def rates(schedule: recipe.Schedule, epochs: int, steps: int, val_loss: float = 1.0) -> list[float]:
    """The rate of each step of a run."""
    optimizer, built = start(schedule, epochs, steps)
    found = []
    for _ in range(epochs):
        for _ in range(steps):
            found.append(optimizer.param_groups[0]["lr"])
            assert {group["lr"] for group in optimizer.param_groups} == {found[-1]}
            optimizer.step()
            built.after_step()
        built.after_epoch(val_loss)
    return found


def test_constant() -> None:
    assert set(rates(recipe.Schedule(name="constant"), 3, 4)) == {LR}


def test_step_falls_every_few_epochs() -> None:
    found = rates(recipe.Schedule(name="step", step_size=2, gamma=0.1), 5, 3)
    assert found == pytest.approx([LR] * 6 + [LR / 10] * 6 + [LR / 100] * 3)


def test_cosine_falls_to_nothing() -> None:
    found = rates(recipe.Schedule(name="cosine"), 4, 25)
    assert found[0] == LR
    assert found[50] == pytest.approx(LR / 2)
    assert 0 < found[-1] < 0.001 * LR
    assert found == sorted(found, reverse=True)


def test_plateau_falls_when_the_loss_does_not() -> None:
    assert rates(recipe.Schedule(name="plateau", gamma=0.5, patience=1), 5, 1) == [LR, LR, LR, LR / 2, LR / 2]
    optimizer, built = start(recipe.Schedule(name="plateau", patience=1), 9, 1)
    for epoch in range(9):
        optimizer.step()
        built.after_step()
        built.after_epoch(1 / (1 + epoch))
    assert optimizer.param_groups[0]["lr"] == LR


def test_cyclic_is_a_triangle() -> None:
    found = rates(recipe.Schedule(name="cyclic", cycle=2), 4, 10)
    assert found[0] == found[20] == pytest.approx(LR / 10)
    assert found[10] == found[30] == pytest.approx(LR)
    assert found[5] == found[15] == pytest.approx(LR * 0.55)


def test_one_cycle_rises_and_falls() -> None:
    found = rates(recipe.Schedule(name="one-cycle", warmup=0.3), 10, 10)
    assert found[0] == pytest.approx(LR / 25)
    assert max(found) == found[29] == pytest.approx(LR)
    assert found[-1] == pytest.approx(LR / 250_000)


@pytest.mark.parametrize("name", ["sgd", "adamw"])
@pytest.mark.parametrize("schedule", ["one-cycle", "cyclic"])
def test_momentum_is_the_recipes(schedule: str, name: str) -> None:
    optimizer, built = start(recipe.Schedule.model_validate({"name": schedule}), 3, 4, name)
    before = [{k: v for k, v in group.items() if k in ("momentum", "betas")} for group in optimizer.param_groups]
    for _ in range(6):
        optimizer.step()
        built.after_step()
    after = [{k: v for k, v in group.items() if k in ("momentum", "betas")} for group in optimizer.param_groups]
    assert before == after


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.integers(1, 6),
    st.integers(1, 7),
    st.sampled_from([0.01, 1 / 3, 0.5, 0.25, 0.1, 0.99]),
    st.integers(1, 5),
)
def test_any_length_keeps_the_rate_between_0_and_the_peak(
    name: str, epochs: int, steps: int, warmup: float, cycle: int
) -> None:
    schedule = recipe.Schedule.model_validate({"name": name, "warmup": warmup, "cycle": cycle})
    assert all(0 < rate <= LR * 1.000001 for rate in rates(schedule, epochs, steps))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stop", [0, 1, 7, 8, 13])
@pytest.mark.parametrize("schedule_first", [True, False])
def test_goes_on_exactly(name: str, stop: int, schedule_first: bool) -> None:
    schedule = recipe.Schedule.model_validate({"name": name, "patience": 1, "step_size": 2, "cycle": 3})
    epochs, steps = 5, 4
    val_losses = [1.0, 0.9, 0.95, 0.95, 0.95]
    optimizer, built = start(schedule, epochs, steps)
    found: list[float] = []
    for step in range(epochs * steps):
        if step == stop:
            state = (optimizer.state_dict(), built.state_dict())
            torch.save(state, file := io.BytesIO())
            file.seek(0)
            loaded = torch.load(file, weights_only=True)
            optimizer, built = start(schedule, epochs, steps)
            for part in (1, 0) if schedule_first else (0, 1):
                (optimizer, built)[part].load_state_dict(loaded[part])
        found.append(optimizer.param_groups[1]["lr"])
        optimizer.step()
        built.after_step()
        if (step + 1) % steps == 0:
            built.after_epoch(val_losses[step // steps])
    optimizer, built = start(schedule, epochs, steps)
    unbroken: list[float] = []
    for step in range(epochs * steps):
        unbroken.append(optimizer.param_groups[1]["lr"])
        optimizer.step()
        built.after_step()
        if (step + 1) % steps == 0:
            built.after_epoch(val_losses[step // steps])
    assert found == unbroken


@pytest.mark.parametrize("name", ["cosine", "one-cycle"])
def test_steps_beyond_the_plan_keep_the_last_rate(name: str) -> None:
    optimizer, built = start(recipe.Schedule.model_validate({"name": name}), 1, 3)
    for _ in range(4):
        optimizer.step()
        built.after_step()
    last = optimizer.param_groups[0]["lr"]
    for _ in range(4):
        optimizer.step()
        built.after_step()
    assert optimizer.param_groups[0]["lr"] == last < 0.001 * LR


@pytest.mark.parametrize("name", ["constant", "step", "cosine", "plateau", "cyclic", "one-cycle"])
def test_a_schedule_that_waits_is_the_same_one_later(name: str) -> None:
    part = recipe.Schedule.model_validate({"name": name, "step_size": 1, "patience": 1})

    def seen(waits: int, resumed: int = -1) -> list[float]:
        optimizer, schedule = start(part, 3, 4)
        schedule.wait(4 * waits, LR)
        found = []
        for step in range(4 * (3 + waits)):
            if step == resumed:
                state = schedule.state_dict()
                optimizer, schedule = start(part, 3, 4)
                schedule.load_state_dict(state)
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.after_step()
            if step % 4 == 3:
                schedule.after_epoch(1.0)
        return found

    assert seen(2) == [LR] * 8 + seen(0)
    for step in (3, 7, 8, 11):
        assert seen(2, step) == seen(2)
