"""The recipe: all that determines a run. Frozen and validated; YAML in and out.

A remedy is a function from recipe to recipe, so a cure is a difference between two of these files and can be replayed.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from netvet.base.errors import BadInput
from netvet.locale import _

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


ACTIVATIONS = ("relu", "leaky-relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid")
PLANES = ("edges", "contrast", "opponents")
INITS = ("he", "xavier", "orthogonal", "default", "small", "large", "constant")
OPERATIONS: dict[str, tuple[str, ...]] = {
    "activation": ACTIVATIONS,
    "init": INITS,
    "norm": ("group", "layer"),
    "early-batch-norm": (),
    "drop-deep-batch-norm": (),
    "residual": (),
    "feature-channels": tuple("+".join(some) for k in (1, 2, 3) for some in combinations(PLANES, k)),
    "normalise-input": ("0.5,0.5,0.5/0.25,0.25,0.25",),  # means / standard deviations, any number of channels
}
"""What `surgery` takes: a name, with `=` and one of its values where it has some. See `netvet.nets.surgery`."""


def parse_operation(text: str) -> tuple[str, str]:
    """`"activation=elu"` -> `("activation", "elu")`; the value is empty where the name takes none. Raises BadInput."""
    name, sign, value = text.partition("=")
    allowed = OPERATIONS.get(name)
    if allowed is not None and (value in allowed or (not allowed and not sign) or _is_normalisation(name, value)):
        return name, value
    known = [f"{key}={'|'.join(choices)}" if choices else key for key, choices in OPERATIONS.items()]
    raise BadInput(
        _("There is no operation {text!r}; surgery takes {known}.").format(text=text, known=", ".join(known))
    )


def _is_normalisation(name: str, value: str) -> bool:
    """Whether it is `normalise-input` with as many standard deviations above 0 as means."""
    try:
        mean, std = ([float(number) for number in part.split(",")] for part in value.split("/"))
    except ValueError:
        return False
    finite = all(abs(number) < math.inf for number in (*mean, *std))
    return name == "normalise-input" and len(mean) == len(std) and finite and min(std) > 0


def _operations(given: tuple[str, ...]) -> tuple[str, ...]:
    try:
        names = [parse_operation(text)[0] for text in given]
    except BadInput as error:
        raise PydanticCustomError("operation", "{why}", {"why": str(error).removesuffix(".")}) from None
    if len(set(names)) < len(names):
        raise PydanticCustomError("operation", "{why}", {"why": _("each operation may be named once")})
    return given


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Data(_Part):
    """Where the images come from and how they are split.

    `source`: see `netvet.images.dataset.load`. `image_size`: pixels a side. `val`, `test`: shares of the images, 0..1.
    `group`: `auto` keeps the images of a group (a trajectory, an animal, a camera) in one split where the source names
    groups; `none` splits at random; any other value names a CSV column, or is a regular expression whose brackets,
    found in the path of an image, name its group, or `exif:day`, `exif:camera`, `exif:place`, `exif:event`. `exclude`,
    `relabel`: CSV files, `path` and `path,label`. `clean_labels`: what becomes of training images whose label is likely
    wrong: `none` looks for none, `correct` gives them the class that fits best, `leave-out` trains without them.
    `drop_low_quality`: train without the blurred, dark, glaring, flat and tiny images. `sample`: the share of each
    class's training images that is trained on, 0..1, for short trials. `normalise`: `auto` uses the
    statistics that pretrained weights were made with, else those of the training images; `none` leaves pixels in 0..1,
    `bytes` in 0..255. `split_seed`: the split depends on it alone, so that seeds can be compared.
    """

    source: str = "reef"
    image_size: Annotated[int, Field(ge=8, le=1024)] = 64
    val: Share = 0.15
    test: Share = 0.15
    group: str = "auto"
    exclude: str | None = None
    relabel: str | None = None
    clean_labels: Literal["none", "correct", "leave-out"] = "none"
    drop_low_quality: bool = False
    sample: Annotated[float, Field(gt=0, le=1)] = 1.0
    normalise: Literal["auto", "none", "bytes"] = "auto"
    split_seed: int = 0


class Model(_Part):
    """The network.

    `name`: `cnn` (a plain stack of `depth` 3x3 convolutions), `resnet` and `preact-resnet` (`depth` 3x3 convolutions in
    blocks of two, He et al. 2016), or any timm model by its name. `width`: channels of the first convolution; they
    double at every pooling, up to 8 times. `norm_after`: after which convolutions, counted from 1: `all`, `none`,
    `early` (the first half), `late` (the second half) or a list. `pool_every`: convolutions between poolings, which
    stop at a map of 4 pixels. `dropout`: before the last layer; `spatial_dropout`: whole channels after each pooling
    (Tompson et al. 2015), with pooling `stride` before each stride, of a net without any after the last convolution;
    timm models have none.
    `norm_momentum`: the share of each batch in the running statistics of batch norms, 0..1. `recalibrate`: compute
    these statistics anew over training images at the end of each epoch, of a timm model too. `bias`: the first value of
    every bias, of norms too, except the head's.
    `weights`: `imagenet` (weights that are installed as a package) or the path of a .pth or .safetensors file.
    `frozen`: for so many epochs the last layer alone trains, at the constant rate `optimizer.lr`; then everything, and
    the schedule begins: for weights that are worth keeping.
    """

    name: str = "cnn"
    depth: Annotated[int, Field(ge=1, le=200)] = 5
    width: Annotated[int, Field(ge=1, le=2048)] = 32
    norm: Literal["batch", "group", "layer", "instance"] = "batch"
    norm_after: Literal["all", "none", "early", "late"] | tuple[Count, ...] = "all"
    norm_momentum: Annotated[float, Field(gt=0, le=1)] = 0.1
    recalibrate: bool = False
    activation: Literal["relu", "leaky-relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid"] = "relu"
    init: Literal["he", "xavier", "orthogonal", "default", "small", "large", "constant"] = "he"
    bias: float = 0.0
    shortcut: Literal["none", "residual"] = "none"
    pool_every: Annotated[int, Field(ge=1)] = 1
    pooling: Literal["max", "average", "stride"] = "max"
    dropout: Share = 0.0
    spatial_dropout: Share = 0.0
    weights: str | None = None
    frozen: Annotated[int, Field(ge=0)] = 0


class Optimizer(_Part):
    """`sgd` (momentum, Nesterov), `adam`, `adamw`; `lr` is the peak of the schedule; `clip` bounds the gradient's L2
    norm.
    """

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: Positive = 0.05
    momentum: Share = 0.9
    nesterov: bool = False
    weight_decay: NonNegative = 0.0005
    clip: Positive | None = None


class Schedule(_Part):
    """The learning rate over the run, by torch's own schedulers.

    `warmup`: share of a `one-cycle` run that rises, 0..1. `step_size` (epochs) and `gamma`: for `step`; `gamma` and
    `patience` (epochs): for `plateau`, on the validation loss. `cycle`: epochs of one `cyclic` triangle, which starts
    at lr / 10.
    """

    name: Literal["constant", "step", "cosine", "plateau", "cyclic", "one-cycle"] = "one-cycle"
    warmup: Annotated[float, Field(gt=0, lt=1)] = 0.3
    step_size: Count = 8
    gamma: Annotated[float, Field(gt=0, lt=1)] = 0.1
    patience: Count = 3
    cycle: Count = 4


class Loss(_Part):
    """`class_weights`: `balanced` weighs a class by 1 / its images, `effective` by 1 / the effective number of them
    with `beta` (Cui et al. 2019). `gamma`: the focal loss' exponent (Lin et al. 2017).
    """

    name: Literal["cross-entropy", "focal"] = "cross-entropy"
    class_weights: Literal["none", "balanced", "effective"] = "none"
    beta: Annotated[float, Field(ge=0, lt=1)] = 0.99
    label_smoothing: Share = 0.0
    gamma: NonNegative = 2.0


class Sampler(_Part):
    """`shuffle`: every image once an epoch. `oversample`: as many draws, every class equally likely, with
    replacement.
    """

    name: Literal["shuffle", "oversample"] = "shuffle"


class Transforms(_Part):
    """Random changes of a training image.

    `flip`: left to right, half the time. `rotate`: up to so many degrees. `scale`: side lengths by 1 +- so much.
    `crop`: shifts by up to so much of the side. `light`: brightness and contrast by 1 +- so much. `colour`: each
    channel by 1 +- so much.
    `erase`: the chance that a rectangle is blanked (Zhong et al. 2020).
    """

    flip: bool = True
    rotate: Annotated[float, Field(ge=0, le=180)] = 15.0
    scale: Share = 0.2
    crop: Share = 0.0
    light: Share = 0.2
    colour: Share = 0.1
    erase: Annotated[float, Field(ge=0, le=1)] = 0.0


class Generated(_Part):
    """Images that a GAN, trained on the training split, adds to it.

    `images`: class -> how many. `steps`: how long the GAN is trained, its budget. See `netvet.training.generate`.
    """

    images: dict[str, Annotated[int, Field(ge=1, le=10_000)]] = Field(default_factory=dict)
    steps: Annotated[int, Field(ge=1, le=100_000)] = 600


class Augment(Transforms):
    """`Transforms` for all, `per_class` for the classes it names, and `mixup` (alpha of Zhang et al. 2018; 0: off);
    `generated`: images that are added.
    """

    mixup: NonNegative = 0.0
    per_class: dict[str, Transforms] = Field(default_factory=dict)
    generated: Generated = Generated()

    @property
    def active(self) -> bool:
        """Whether any image is changed at all."""
        return self != NO_AUGMENT and self.model_copy(update={"generated": Generated()}) != NO_AUGMENT


OF_CLASSES = (["augment", "per_class"], ["augment", "generated", "images"])
"""Mappings whose keys are classes, which the recipe does not know."""

NO_AUGMENT = Augment(flip=False, rotate=0, scale=0, crop=0, light=0, colour=0, erase=0)


class Stop(_Part):
    """When to end: `epochs` at most; `early_stopping`: after so many epochs without a better `metric` on validation."""

    epochs: Annotated[int, Field(ge=1, le=100_000)] = 24
    early_stopping: Count | None = None
    metric: Literal["balanced_accuracy", "accuracy", "loss"] = "balanced_accuracy"


class Recipe(_Part):
    """All that determines a run. Defaults train a small CNN that is healthy on a few thousand small photographs.

    `surgery`: operations on the model once it is built and its weights are loaded, in this order; see `OPERATIONS`.

    >>> Recipe().change({"optimizer.lr": 0.1}).optimizer.lr
    0.1
    >>> Recipe().change({"optimizer.name": "sdg"})
    Traceback (most recent call last):
        ...
    netvet.base.errors.BadInput: The recipe's optimizer.name is 'sdg'; allowed: sgd, adam, adamw.
    """

    data: Data = Data()
    model: Model = Model()
    optimizer: Optimizer = Optimizer()
    schedule: Schedule = Schedule()
    loss: Loss = Loss()
    sampler: Sampler = Sampler()
    augment: Augment = Augment()
    stop: Stop = Stop()
    seed: int = 0
    batch_size: Annotated[int, Field(ge=2)] = 64
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    surgery: Annotated[tuple[str, ...], AfterValidator(_operations)] = ()

    def change(self, changes: Mapping[str, Any]) -> Recipe:
        """This recipe with some fields replaced, named by dotted path: `{"optimizer.lr": 0.1}`. Raises BadInput."""
        tree = self.model_dump(mode="json")
        for path, value in changes.items():
            *parents, last = path.split(".")
            node: Any = tree
            for name in parents:
                if not isinstance(node, dict) or name not in node:
                    raise BadInput(
                        _("The recipe has no field {path!r}; {allowed}.").format(
                            path=path, allowed=_allowed_here(parents[: parents.index(name)])
                        )
                    )
                node = node[name]
            if not isinstance(node, dict) or (last not in node and parents not in OF_CLASSES):
                raise BadInput(
                    _("The recipe has no field {path!r}; {allowed}.").format(path=path, allowed=_allowed_here(parents))
                )
            node[last] = deepcopy(value)
        return parse(tree)

    def differences(self, other: Recipe) -> dict[str, tuple[Any, Any]]:
        """The fields in which two recipes differ: dotted path -> (mine, the other's)."""
        return _differences(self.model_dump(mode="json"), other.model_dump(mode="json"), "")

    def to_yaml(self) -> str:
        """The recipe as YAML, in the order of the fields."""
        tree = self.model_dump(mode="json")
        text: str = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
        if any(mark in text for mark in "\x85\u2028\u2029\ufeff"):  # YAML reads these as ends of lines
            text = yaml.safe_dump(tree, sort_keys=False)
        return text


def parse(tree: object, origin: str | None = None) -> Recipe:
    """A recipe from a tree of plain values. Raises BadInput with one sentence that names the field and what it
    allows.
    """
    origin = origin or _("The recipe")
    if tree is None:
        tree = {}
    if not isinstance(tree, dict):
        raise BadInput(
            _("{origin} must be a YAML mapping of fields such as 'optimizer:', not a {kind}.").format(
                origin=origin, kind=type(tree).__name__
            )
        )
    try:
        return Recipe.model_validate(tree)
    except ValidationError as error:
        raise BadInput(_sentence(error, origin)) from None


def shipped() -> dict[str, Path]:
    """The recipes that come with the package: name -> file."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "recipes").glob("*.yaml"))}


def load(name: str | Path) -> Recipe:
    """A recipe from a YAML file, or a shipped one by name (such as `transfer`). Raises BadInput."""
    path = shipped().get(str(name), Path(name))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        names = ", ".join(shipped())
        sentence = _("The recipe {name} cannot be read: give a YAML file, or one of: {names}.")
        raise BadInput(sentence.format(name=name, names=names)) from None
    try:
        return parse(yaml.safe_load(text), _("The recipe {name}").format(name=name))
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", -1) + 1
        sentence = _("The recipe {name} is not valid YAML, line {line}: fix that line.")
        raise BadInput(sentence.format(name=name, line=line)) from None


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """`["a.b=c"]` -> `{"a.b": c}` with values read as YAML. Raises BadInput where there is no `=`."""
    changes: dict[str, Any] = {}
    for text in assignments:
        path, sign, value = text.partition("=")
        if not sign or not path.strip():
            sentence = _("--set {text!r} is not of the form field=value; write for example --set optimizer.lr=0.1.")
            raise BadInput(sentence.format(text=text))
        try:
            read = yaml.safe_load(value)
            if isinstance(read, str):  # YAML 1.1 reads 1e-3 as a string
                with suppress(ValueError):
                    read = float(read)
            changes[path.strip()] = read
        except yaml.YAMLError:
            raise BadInput(_("--set {text!r}: the value is not valid YAML; quote it.").format(text=text)) from None
    return changes


def _allowed_here(parents: Sequence[str]) -> str:
    part: Any = Recipe
    for name in parents:
        part = part.model_fields[name].annotation if name in getattr(part, "model_fields", {}) else part
    fields = ", ".join(getattr(part, "model_fields", Recipe.model_fields))
    return _("{part} has {fields}").format(part=".".join(parents) if parents else _("it"), fields=fields)


def _sentence(error: ValidationError, origin: str) -> str:
    first = error.errors()[0]
    place = [str(p) for p in first["loc"]]
    names = [p for p in place if not p.startswith(("literal[", "tuple[", "constrained", "function"))]
    where = ".".join(names)
    subject = _("{origin}'s {field}").format(origin=origin, field=where)
    match first["type"]:
        case "extra_forbidden":
            allowed = _allowed_here(names[:-1])
            close = difflib.get_close_matches(names[-1], allowed.replace(",", "").split(), n=1)
            hint = _(" (did you mean {name}?)").format(name=close[0]) if close else ""
            return _("{origin} has no field {field!r}{hint}; {allowed}.").format(
                origin=origin, field=where, hint=hint, allowed=allowed
            )
        case "literal_error":
            allowed = _literals(names)
            return _("{subject} is {value!r}; allowed: {allowed}.").format(
                subject=subject, value=first["input"], allowed=allowed
            )
        case _:
            return _("{subject} is {value!r}: {why}.").format(subject=subject, value=first["input"], why=_why(first))


def _why(error: Mapping[str, Any]) -> str:
    """What a field allows; pydantic's own words for what is rare."""
    known = {
        "greater_than": _("it should be greater than {gt:g}"),
        "greater_than_equal": _("it should be greater than or equal to {ge:g}"),
        "less_than": _("it should be less than {lt:g}"),
        "less_than_equal": _("it should be less than or equal to {le:g}"),
        "finite_number": _("it should be a finite number"),
        "float_parsing": _("it should be a valid number, unable to parse string as a number"),
        "float_type": _("it should be a valid number"),
        "int_parsing": _("it should be a valid integer, unable to parse string as an integer"),
        "int_type": _("it should be a valid integer"),
        "int_from_float": _("it should be a valid integer, got a number with a fractional part"),
        "string_type": _("it should be a valid string"),
    }
    if error["type"] in known:
        return known[error["type"]].format(**error.get("ctx", {}))
    message = str(error["msg"]).replace("Input should", "it should")
    return message[0].lower() + message[1:]


def _literals(names: Sequence[str]) -> str:
    part: Any = Recipe
    annotation: Any = Recipe
    for name in names:
        if name in getattr(part, "model_fields", {}):
            annotation = part.model_fields[name].annotation
            part = annotation
    values: list[str] = []
    for option in (annotation, *get_args(annotation)):
        found = get_args(option)
        if found and all(isinstance(v, str) for v in found):
            values += [v for v in found if v not in values]
        elif getattr(option, "__origin__", None) is tuple:
            values.append(_("a list of numbers"))
    return ", ".join(values)


def _differences(mine: dict[str, Any], other: dict[str, Any], prefix: str) -> dict[str, tuple[Any, Any]]:
    found: dict[str, tuple[Any, Any]] = {}
    for name in mine | other:
        a, b = mine.get(name), other.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            found |= _differences(a, b, f"{prefix}{name}.")
        elif a != b:
            found[prefix + name] = (a, b)
    return found
