"""What a recipe does: the recipe without the settings that nothing reads, so that two that train alike are equal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netvet.recipe import Augment, Generated, Loss, Model, Optimizer, Recipe, Schedule, Transforms

OWN_NETS = ("cnn", "resnet", "preact-resnet")

UNEVEN = 1.5
"""Where the largest class has less than so many times the images of the smallest, weighing classes or drawing them
equally often changes nothing.
"""

OF_OWN_NETS = (
    *("depth", "width", "norm", "norm_after", "norm_momentum", "activation"),
    *("init", "bias", "shortcut", "pool_every", "pooling", "spatial_dropout"),
)
"""Fields of the model that timm's nets have by themselves."""

READ = {
    "one-cycle": ("warmup",),
    "step": ("step_size", "gamma"),
    "plateau": ("gamma", "patience"),
    "cyclic": ("cycle",),
}
"""What each schedule reads beside the rate."""


def effective(recipe: Recipe, sizes: Sequence[float] = ()) -> Recipe:
    """The recipe with every setting that has no effect at its default. `sizes`: training images of the classes; where
    they are about equal, what evens classes out has no effect.
    """
    idle = {
        **_of_model(recipe.model),
        **_of_optimizer(recipe.optimizer),
        **_of_schedule(recipe.schedule),
        **_of_loss(recipe.loss),
        **_of_augment(recipe.augment),
    }
    if sizes and max(sizes) < UNEVEN * min(sizes):
        idle |= {"loss.class_weights": "none", "loss.beta": Loss().beta, "sampler.name": "shuffle"}
    return recipe.change(idle)


def _of_model(model: Model) -> dict[str, Any]:
    fields: tuple[str, ...] = ()
    if model.name not in OWN_NETS:
        fields = OF_OWN_NETS
    elif model.norm_after == "none":
        fields = ("norm", "norm_momentum", "recalibrate")
    elif model.norm != "batch":
        fields = ("norm_momentum", "recalibrate")
    return {f"model.{name}": getattr(Model(), name) for name in fields}


def _of_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    if optimizer.name != "sgd":
        return {"optimizer.momentum": Optimizer().momentum, "optimizer.nesterov": False}
    return {} if optimizer.momentum else {"optimizer.nesterov": False}


def _of_schedule(schedule: Schedule) -> dict[str, Any]:
    usual, read = Schedule(), READ.get(schedule.name, ())
    known = [name for name in Schedule.model_fields if name not in ("name", *read)]
    return {f"schedule.{name}": getattr(usual, name) for name in known}


def _of_loss(loss: Loss) -> dict[str, Any]:
    idle: dict[str, Any] = {}
    if loss.name != "focal":
        idle["loss.gamma"] = Loss().gamma
    if loss.class_weights != "effective":
        idle["loss.beta"] = Loss().beta
    return idle


def _of_augment(augment: Augment) -> dict[str, Any]:
    common = {name: getattr(augment, name) for name in Transforms.model_fields}
    own = {name: each.model_dump() for name, each in augment.per_class.items() if each.model_dump() != common}
    idle: dict[str, Any] = {"augment.per_class": own}
    if not augment.generated.images:
        idle["augment.generated.steps"] = Generated().steps
    return idle
