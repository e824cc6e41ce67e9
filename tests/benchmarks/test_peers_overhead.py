"""How a cost is read from times, and the race that gives them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor, nn

from benchmarks.overhead import BLOCK, SIZES, cost, race, small_cnn
from benchmarks.overhead_peers import PEERS, beside
from netvet.nets.device import Machine, choose
from netvet.recipe import Recipe


def test_a_cost_takes_no_notice_of_a_step_in_which_the_machine_was_away() -> None:
    bare = np.full((9, BLOCK), 0.010)
    tool = bare.copy()
    tool[:, 0] += 0.005  # one step of ten is measured
    tool[4, 3] = 9.0
    found = cost(bare, tool)
    assert found.ratio == pytest.approx(1.05)
    assert found.extra == pytest.approx(0.0005)
    assert found.low == pytest.approx(1.05)


def test_sides_take_turns_on_equal_models_and_a_budget_ends_the_race() -> None:
    first: dict[str, list[float]] = {}
    order: list[str] = []

    def side(name: str) -> object:
        def make(model: nn.Module, _machine: Machine, _folder: Path, stack: ExitStack) -> object:
            first[name] = next(model.parameters()).flatten()[:3].tolist()
            stack.callback(order.append, f"{name} closed")

            def step(_images: Tensor, _labels: Tensor, last: bool) -> None:
                order.append(name + ("!" if last else ""))

            return step

        return make

    sides = {"a": side("a"), "b": side("b")}
    times = race(lambda: small_cnn(2), 2, sides, 50, choose(Recipe()), pixels=16, budget=0.0)  # type: ignore[arg-type]
    assert first["a"] == first["b"]
    assert times["a"].shape == times["b"].shape == (1, BLOCK)  # one block counts, however long it took
    assert order[:4] == ["a", "b", "b", "a"]
    assert sum(turn.endswith("!") for turn in order) == 4
    assert order[-2:] == ["b closed", "a closed"]


def test_the_sizes_are_what_their_names_say() -> None:
    for label, width in SIZES.items():
        count = sum(p.numel() for p in small_cnn(width).parameters())
        assert count == pytest.approx(float(label.removesuffix("M")) * 1e6, rel=0.02)


def test_a_tool_without_its_environment_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.overhead_peers.ROOT", tmp_path)
    found = beside(1)
    assert set(found) == set(PEERS)
    assert all("peers_environment.sh" in str(answer["error"]) for answer in found.values())
