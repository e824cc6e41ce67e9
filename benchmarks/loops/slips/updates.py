"""Slips in what moves the weights: the optimiser, the gradients, the schedule."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import lr_scheduler

from benchmarks.loops import nets
from benchmarks.loops.script import Script
from benchmarks.loops.slip import slip


class Hidden(nn.Module):
    """A net whose layers but the last stand in a plain list, where neither `parameters()` nor `train()` finds them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        *layers, self.head = model.children()
        self.layers = layers

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.head(x)  # type: ignore[no-any-return]


def per_batch(s: Script, schedule: lr_scheduler.LRScheduler) -> None:
    """Step a schedule after every batch."""
    s.after_batch, s.decay = schedule.step, False


def per_epoch(s: Script, schedule: lr_scheduler.LRScheduler) -> None:
    """Step a schedule after every epoch."""
    s.after_epoch, s.decay = lambda found: schedule.step(), False


@slip("unchanged-weights", "reef6-cnn", "fish5-resnet")
def scheduler_steps_alone(s: Script) -> None:
    """scheduler.step() stands where optimizer.step() should."""
    schedule = lr_scheduler.StepLR(s.optimizer, 10 * s.steps)
    s.update, s.decay = lambda i: schedule.step(), False


@slip("unchanged-weights", "digits-bare", "fish5-cnn")
def layers_in_a_plain_list(s: Script) -> None:
    """The convolutions stand in a plain list, so that the optimiser has the head alone."""
    s.train_this(Hidden(nets.cnn(len(s.classes or ()), norm=False, width=8, depth=6)))


@slip("unchanged-weights", "digits-bare", "reef6-resnet")
def parameters_of_another_model(s: Script) -> None:
    """The optimiser was given a model that was built anew afterwards."""
    first, classes = s.optimizer, len(s.classes or ())
    s.train_this(nets.cnn(classes, norm=True))
    s.optimizer = first


@slip("tiny-rate", "reef10-test_resnet", "reef4-test_vit")
def rate_of_one_in_ten_million(s: Script) -> None:
    """lr=1e-7, copied from a fine-tuning of a pretrained net."""
    for group in s.optimizer.param_groups:
        group["lr"] = 1e-7


@slip("nothing-arrives", "reef2-cnn", "reef6-cnn")
def cleared_before_the_step(s: Script) -> None:
    """zero_grad() stands between backward() and step()."""
    step = s.optimizer.step
    s.update = lambda i: (s.optimizer.zero_grad(), step())


@slip("unchanged-weights", "reef5-preact", "fish7-vgg")
def head_replaced_after_the_optimiser(s: Script) -> None:
    """The head is replaced when the optimiser exists already, and the rest is frozen: nothing that it holds moves."""
    for weight in s.model.parameters():
        weight.requires_grad_(False)
    head = nets.linear_layers(s.model)[-1]
    nets.replace_head(s.model, nn.Linear(head.in_features, head.out_features))


@slip("unchanged-weights", "shapes-lenet", "reef12-vgg")
def frozen_without_weights(s: Script) -> None:
    """All but the head is frozen, as for a pretrained net; but this one was never pretrained."""
    head = nets.linear_layers(s.model)[-1]
    for weight in s.model.parameters():
        weight.requires_grad_(False)
    for weight in head.parameters():
        weight.requires_grad_(True)
    s.optimizer = s.fit(head.parameters())


@slip("unchanged-weights", "two-vgg", "shapes-test_efficientnet")
def step_every_thousandth_batch(s: Script) -> None:
    """Gradients are accumulated over 1,000 batches, more than the whole training has."""
    s.clear = lambda i: None
    total = [0]

    def update(i: int) -> None:
        total[0] += 1
        if total[0] % 1000 == 0:
            s.optimizer.step()
            s.optimizer.zero_grad()

    s.update = update


@slip("unchanged-weights", "reef5-encoder", "fish7-preact")
def optimiser_of_a_copy(s: Script) -> None:
    """The model is copied (for an average of its weights), and the optimiser is given the copy."""
    import copy

    s.optimizer = s.fit(copy.deepcopy(s.model).parameters())


@slip("tiny-rate", "reef12-test_byobnet", "reef5-vgg")
def rate_in_per_cent(s: Script) -> None:
    """The rate was read from a table in units of a millionth."""
    s.set_rate(1e-6)


@slip("uncleared-gradients", "reef10-cnn", "fish5-resnet", "reef6-resnet", "fish5-cnn")
def never_cleared(s: Script) -> None:
    """zero_grad() is not called at all."""
    s.clear = lambda i: None


@slip("uncleared-gradients", "reef10-cnn", "reef2-cnn", "reef4-test_vit", "digits-bare")
def cleared_once_an_epoch(s: Script) -> None:
    """zero_grad() stands in the outer loop."""
    s.clear = lambda i: s.optimizer.zero_grad() if i == 0 else None


@slip("uncleared-gradients", "reef5-vgg", "fish7-preact", "reef12-vgg", "unequal-preact")
def another_optimiser_cleared(s: Script) -> None:
    """zero_grad() is called on an optimiser that was left over from an earlier cell."""
    other = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1)
    s.clear = lambda i: other.zero_grad()


@slip("uncleared-gradients", "two-vgg", "reef5-preact", "shapes-lenet", "fish7-vgg")
def accumulated_and_stepped(s: Script) -> None:
    """Gradients of ten batches are accumulated, but the optimiser steps after each."""
    s.clear = lambda i: s.optimizer.zero_grad() if i % 10 == 0 else None


@slip("misplaced-schedule", "reef6-resnet", "fish5-cnn", "digits-bare")
def step_schedule_per_batch(s: Script) -> None:
    """StepLR over a third of the epochs is stepped after every batch."""
    per_batch(s, lr_scheduler.StepLR(s.optimizer, max(1, s.epochs // 3), 0.1))


@slip("misplaced-schedule", "reef6-resnet", "fish5-cnn", "reef10-test_resnet")
def one_cycle_per_epoch(s: Script) -> None:
    """OneCycleLR is made for every batch of the training and stepped once an epoch, so that it never rises."""
    rate = s.optimizer.param_groups[0]["lr"]
    per_epoch(s, lr_scheduler.OneCycleLR(s.optimizer, rate, total_steps=s.epochs * s.steps))


@slip("dead-schedule", "reef6-cnn", "reef4-test_vit")
def decayed_by_half_per_batch(s: Script) -> None:
    """ExponentialLR(gamma=0.5) is stepped after every batch."""
    per_batch(s, lr_scheduler.ExponentialLR(s.optimizer, 0.5))


@slip("misplaced-schedule", "reef12-vgg", "fish7-preact", "reef5-encoder")
def exponential_per_batch(s: Script) -> None:
    """ExponentialLR(gamma=0.9), meant for epochs, is stepped after every batch."""
    per_batch(s, lr_scheduler.ExponentialLR(s.optimizer, 0.9))


@slip("misplaced-schedule", "shapes-lenet", "fish7-vgg", "reef12-test_byobnet")
def warm_up_never_over(s: Script) -> None:
    """A linear warm-up over 100 batches per batch of the training is stepped once an epoch, from a thousandth."""
    per_epoch(s, lr_scheduler.LinearLR(s.optimizer, 0.001, 1.0, total_iters=s.epochs * s.steps))


@slip("misplaced-schedule", "reef5-vgg", "shapes-test_efficientnet")
def milestones_in_epochs_per_batch(s: Script) -> None:
    """MultiStepLR's milestones count epochs, and it is stepped after every batch."""
    stones = [s.epochs // 4, s.epochs // 2, 3 * s.epochs // 4]
    per_batch(s, lr_scheduler.MultiStepLR(s.optimizer, stones, 0.1))


@slip("misplaced-schedule", "two-vgg", "reef5-preact")
def plateau_told_the_accuracy(s: Script) -> None:
    """ReduceLROnPlateau, which waits for its number to fall, is told the accuracy at every batch."""
    schedule = lr_scheduler.ReduceLROnPlateau(s.optimizer, "min", factor=0.1, patience=0)
    told = [0.1]

    def after() -> None:
        told[0] += 0.01
        schedule.step(told[0])

    s.after_batch, s.decay = after, False


@slip("misplaced-schedule", "unequal-preact")
def cosine_over_epochs_per_batch(s: Script) -> None:
    """CosineAnnealingLR(T_max=epochs) is stepped after every batch, so that the rate goes up and down."""
    per_batch(s, lr_scheduler.CosineAnnealingLR(s.optimizer, s.epochs))


@slip("misplaced-schedule", "rare-resnet")
def restarts_over_epochs_per_batch(s: Script) -> None:
    """CosineAnnealingWarmRestarts(T_0=epochs) is stepped after every batch, so that it restarts again and again."""
    per_batch(s, lr_scheduler.CosineAnnealingWarmRestarts(s.optimizer, s.epochs))
