"""Which weights are trained, held against what a small loop is known to do."""

# mypy: disable-error-code=no-untyped-call

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netvet.trace import Trace
from netvet.watching import watch
from tests.watching.loops import batches, net, plain, sgd


def traced(model: nn.Module, optimizer: torch.optim.Optimizer, out: Path, steps: int = 4) -> Trace:
    with watch(model, optimizer, out=out) as vet:
        plain(model, optimizer, vet.step, steps=steps)
    return Trace.open(out)


def test_parameters_are_counted_by_where_they_are(tmp_path: Path) -> None:
    model = net()
    model[0].requires_grad_(False)
    optimizer = torch.optim.SGD([*model[4].parameters(), torch.zeros(7, requires_grad=True)], 0.1)
    trace = traced(model, optimizer, tmp_path)
    own = sum(p.numel() for p in model[4].parameters())
    assert trace.last("frozen_parameters") == trace.last("frozen_parameters", "0") == 8 * 27 + 8
    assert trace.last("shared_parameters") == own
    assert trace.last("foreign_parameters") == 7
    assert trace.last("outside_optimizer", "10") == 12 * 4 + 4
    assert trace.places("outside_optimizer") == ["", "1", "5", "10"]
    assert trace.last("model_parameters") == trace.last("ran_parameters") == sum(p.numel() for p in model.parameters())


def test_weight_decay_is_no_turn(tmp_path: Path) -> None:
    """Weights without a gradient shrink to a thousandth, and have not turned."""
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), 0.5, weight_decay=1.0)
    with watch(model, optimizer, out=tmp_path) as vet:
        for images, labels in batches(10):
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.zero_grad(set_to_none=False)
            optimizer.step()
            vet.step(loss=loss, labels=labels)
    trace = Trace.open(tmp_path)
    assert float(model.get_parameter("0.weight").detach().norm()) < 0.01
    assert max(trace.last("weight_turn", layer) for layer in trace.places("weight_turn")) < 1e-6
    assert trace.series("gradient_sent").values.min() > 0
    assert trace.series("gradient_left").values.tolist() == [0.0] * 4


def test_a_layer_that_learns_turns(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = net()
    model[4].requires_grad_(False)
    trace = traced(model, sgd(model), tmp_path)
    assert trace.last("weight_turn", "4") == 0
    assert trace.last("weight_turn", "0") > 1e-3
    assert trace.last("step_calls") == trace.last("optimizer_steps") == 4


class Listed(nn.Module):
    """A convolution in a plain list, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.body = [nn.Conv2d(3, 5, 3)]
        self.head = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.body[0](x).mean((2, 3)))
        return found


@pytest.mark.parametrize(("given", "hidden"), [(False, 5 * 27 + 5), (True, 0)])
def test_layers_in_a_plain_list_are_found_behind_the_output(given: bool, hidden: int, tmp_path: Path) -> None:
    model = Listed()
    more = list(model.body[0].parameters()) if given else []
    trace = traced(model, torch.optim.SGD([*model.parameters(), *more], 0.1), tmp_path)
    assert trace.last("hidden_parameters") == hidden


def test_a_layer_that_was_trained_is_not_fresh(tmp_path: Path) -> None:
    model = net()
    before = traced(model, sgd(model), tmp_path / "a", 12)
    after = traced(model, sgd(model), tmp_path / "b")
    assert before.last("fresh_parameters") == before.last("model_parameters")
    assert after.places("fresh_parameters") == [""]


def test_an_optimiser_that_never_steps_leaves_the_losses_in_the_trace(tmp_path: Path) -> None:
    """The mean of each hundred calls, and of what is left as validation begins; nothing gathers."""
    model = net()
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path) as vet:
        for value in range(250):
            vet.step(loss=float(value))
        vet.validate(batches(1))
        vet.step(loss=7.0)
        vet.diagnose()
    trace = Trace.open(tmp_path)
    assert trace.series("loss").values.tolist() == [49.5, 149.5, 224.5, 7.0]
    assert trace.series("learning_rate").values.tolist() == [0.05] * 4
    assert trace.last("step_calls") == 251
    assert trace.last("optimizer_steps") == 0


def test_training_accuracy_is_recorded_of_a_loop_that_trains_in_eval_mode(tmp_path: Path) -> None:
    model = net().eval()
    optimizer = sgd(model)
    with watch(model, optimizer, out=tmp_path) as vet:
        with pytest.warns(RuntimeWarning, match="in training mode"):
            plain(model, optimizer, vet.step)
        vet.validate(batches(1))
    assert len(Trace.open(tmp_path).series("train_accuracy")) == 1


def thawed(out: Path, *, handed_over: bool) -> Trace:
    """The first layers are frozen for an epoch, then not; handed to the optimiser then, or forgotten."""
    model = net()
    for layer in model[:-1]:
        layer.requires_grad_(False)
    optimizer = torch.optim.SGD(model[-1].parameters(), 0.1)
    with watch(model, optimizer, out=out) as vet:
        plain(model, optimizer, vet.step, steps=3)
        vet.validate(batches(2))
        model.requires_grad_(True)
        if handed_over:
            optimizer.add_param_group({"params": list(model[:-1].parameters())})
        plain(model, optimizer, vet.step, steps=3)
        vet.validate(batches(2))
    return Trace.open(out)


def test_layers_that_are_thawed_later_are_counted_anew(tmp_path: Path) -> None:
    whole = sum(p.numel() for p in net().parameters())
    handed, forgotten = (thawed(tmp_path / str(yes), handed_over=yes) for yes in (True, False))
    for trace in (handed, forgotten):
        assert trace.series("frozen_parameters", "0").values.tolist() == [8 * 27 + 8, 0]
        assert trace.series("parameters").values.tolist()[-1] == whole
    assert forgotten.last("outside_optimizer", "0") == 8 * 27 + 8
    assert handed.last("outside_optimizer") == 0
