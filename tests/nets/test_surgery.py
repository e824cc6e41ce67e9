"""Surgery: what is changed, what stays as it was, and what is refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from netvet import recipe
from netvet.base.errors import BadInput
from netvet.nets import models
from netvet.nets.surgery import channels, patch_model
from netvet.nets.surgery.shortcuts import Shortcut
from netvet.recipe import Recipe
from netvet.training import evaluate, load_images, recalibrate, train
from netvet.training.checkpoint import LAST
from tests.small import Interrupt

IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
TIMM = ("resnet10t", "mobilenetv3_small_050", "tf_efficientnet_lite0")
NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm)


def timm_model(name: str) -> nn.Module:
    import timm

    torch.manual_seed(0)
    net: nn.Module = timm.create_model(name, pretrained=False, num_classes=4)
    return lived_in(net)


def torchvision_model(name: str) -> nn.Module:
    import torchvision  # type: ignore[import-untyped]

    torch.manual_seed(0)
    net: nn.Module = getattr(torchvision.models, name)(num_classes=4)
    return lived_in(net)


def own_model(**fields: object) -> nn.Module:
    torch.manual_seed(0)
    return lived_in(models.build(recipe.Model.model_validate(fields), 4, 64))


def lived_in(net: nn.Module) -> nn.Module:
    """With statistics, gains and biases that are not those of a new norm."""
    generator = torch.Generator().manual_seed(1)
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.2, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            if module.weight is not None:
                module.weight.data.uniform_(0.5, 1.5, generator=generator)
                module.bias.data.normal_(0, 0.2, generator=generator)
    return net


def plain() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(4),
    )


def built(net: nn.Sequential) -> nn.Sequential:
    net(IMAGES)
    return net


@torch.no_grad()
def answer(net: nn.Module, images: Tensor = IMAGES) -> Tensor:
    modes = {module: module.training for module in net.modules()}
    net.eval()
    found: Tensor = net(images)
    for module, mode in modes.items():
        module.training = mode
    return found


def trains(net: nn.Module) -> bool:
    """A step in training mode gives every trainable parameter a finite gradient."""
    net.train()
    net(IMAGES).square().mean().backward()
    found = [parameter.grad for parameter in net.parameters() if parameter.requires_grad]
    return all(gradient is not None and bool(torch.isfinite(gradient).all()) for gradient in found)


def kinds(net: nn.Module, *of: type[nn.Module]) -> int:
    return sum(isinstance(module, of) for module in net.modules())


NETS: dict[str, Callable[[], nn.Module]] = {
    **{name: lambda name=name: timm_model(name) for name in TIMM},  # type: ignore[misc]
    "torchvision resnet18": lambda: torchvision_model("resnet18"),
    "torchvision mobilenet_v3_small": lambda: torchvision_model("mobilenet_v3_small"),
    "own cnn": lambda: own_model(depth=5),
    "own resnet": lambda: own_model(name="resnet", depth=6),
}
each_net = pytest.mark.parametrize("make", NETS.values(), ids=NETS)


@each_net
def test_every_relu_is_replaced_and_nothing_else(make: Callable[[], nn.Module]) -> None:
    net, untouched = make(), make()
    count = kinds(net, nn.ReLU, nn.ReLU6)
    assert count
    changed = patch_model(net, ["activation=leaky-relu"])
    assert changed is net
    assert kinds(net, nn.ReLU, nn.ReLU6) == 0
    assert kinds(net, nn.LeakyReLU) == count
    before, after = untouched.state_dict(), net.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], value) for name, value in after.items())
    assert trains(net)


@each_net
@pytest.mark.parametrize("kind", ["group", "layer"])
def test_batch_norms_become_group_norms_of_the_same_gains(make: Callable[[], nn.Module], kind: str) -> None:
    net = make()
    gains = [m.weight for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    patch_model(net, [f"norm={kind}"])
    norms = [m for m in net.modules() if isinstance(m, nn.GroupNorm)]
    assert kinds(net, nn.modules.batchnorm._BatchNorm) == 0
    assert [id(norm.weight) for norm in norms] == [id(gain) for gain in gains]  # an optimiser still knows them
    if kind == "layer":
        assert {norm.num_groups for norm in norms} == {1}
    assert torch.allclose(answer(net)[:1], answer(net, IMAGES[:1]), atol=1e-5)  # no image looks at another
    assert trains(net)


@each_net
def test_deep_norms_fold_away_and_the_function_stays(make: Callable[[], nn.Module]) -> None:
    net = make()
    before, count = answer(net), kinds(net, nn.modules.batchnorm._BatchNorm)
    patch_model(net, ["drop-deep-batch-norm"], IMAGES[:1])
    left = kinds(net, nn.modules.batchnorm._BatchNorm)
    assert 0 < left <= (count + 2) // 2  # shortcuts' projections have norms too
    assert torch.allclose(answer(net), before, atol=1e-4 * float(before.abs().max()))
    assert trains(net)


@pytest.mark.parametrize("make", [timm_model, torchvision_model])
def test_norms_go_behind_the_first_half_and_the_function_stays(make: Callable[[str], nn.Module]) -> None:
    net = make("vgg11")
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            module.bias.data.normal_(0, 0.3)
    before = answer(net)
    patch_model(net, ["early-batch-norm"], IMAGES[:1])
    normed = [path for path, m in net.named_modules() if isinstance(m, nn.BatchNorm2d)]
    assert normed == [f"features.{index}.norm" for index in (0, 3, 6, 8)]  # of eight
    assert torch.allclose(answer(net), before, atol=1e-3 * float(before.abs().max()))  # the norms' eps is 1e-5
    assert all(m.bias is None for p, m in net.named_modules() if p.endswith(".conv") and isinstance(m, nn.Conv2d))


def test_early_norms_leave_layers_that_are_normed_or_gates_alone() -> None:
    with pytest.raises(BadInput, match="already have a norm"):
        patch_model(timm_model("mobilenetv3_small_050"), ["early-batch-norm"], IMAGES)


class Branched(nn.Module):
    """The first convolution's output goes two ways."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.two(x)
        y = self.one(x)
        return torch.cat([self.norm(y), F.relu(y)])


class Gated(nn.Module):
    """A sigmoid between layers, one as a gate, and one at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.between, self.gate, self.last = nn.Sigmoid(), nn.Sigmoid(), nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        x = self.between(self.one(x))
        x = x * self.gate(x)
        found: Tensor = self.last(self.two(x))
        return found


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x))


def tied() -> nn.Module:
    net = nn.Sequential(
        nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.ReLU()
    )
    net[3].weight = net[0].weight
    return net


def parametrised() -> nn.Module:
    convolution = parametrizations.weight_norm(nn.Conv2d(3, 3, 3))
    return nn.Sequential(nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), convolution, nn.BatchNorm2d(3))


class Standardised(nn.Conv2d):
    """A convolution that scales its weight before it uses it."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        found: Tensor = self._conv_forward(input, self.weight / self.weight.std(), self.bias)
        return found


def standardised() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 3, 3), Standardised(3, 3, 3), nn.BatchNorm2d(3))


def shared_norm() -> nn.Module:
    norm = nn.BatchNorm2d(3)
    return nn.Sequential(nn.Conv2d(3, 3, 3), norm, nn.Conv2d(3, 3, 3), norm)


@pytest.mark.parametrize(
    ("make", "operation", "example", "reason"),
    [
        (lambda: nn.Linear(3, 3), "activation=elu", None, r"elu cannot be applied to Linear: it has no ReLU"),
        (Functional, "activation=elu", None, r"called as a function"),
        (lambda: nn.Sequential(nn.LeakyReLU()), "activation=leaky-relu", None, r"no ReLU layer of another kind"),
        (lambda: nn.ReLU(), "init=he", None, r"no convolution and no linear layer"),
        (parametrised, "init=he", None, r"to 2: its weight is computed"),
        (plain, "norm=group", None, r"not known yet; run the model once"),
        (Functional, "norm=group", None, r"Functional: it has no batch norm"),
        (Functional, "early-batch-norm", None, r"without an example: give a batch"),
        (Branched, "drop-deep-batch-norm", IMAGES, r"to one: its output goes to 2 places"),
        (Functional, "drop-deep-batch-norm", IMAGES, r"no batch norm directly follows"),
        (lambda: own_model(norm_after="early"), "drop-deep-batch-norm", IMAGES, r"only convolutions in its first half"),
        (tied, "drop-deep-batch-norm", IMAGES, r"to 3: it shares its weight"),
        (parametrised, "drop-deep-batch-norm", IMAGES, r"to 2: its weight is computed"),
        (standardised, "drop-deep-batch-norm", IMAGES, r"to 1: its weight is computed"),
        (shared_norm, "drop-deep-batch-norm", IMAGES, r"to 1: it also follows other layers"),
        (
            lambda: nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3, track_running_stats=False)),
            "drop-deep-batch-norm",
            IMAGES,
            r"to 2: it has no running statistics",
        ),
        (lambda: torchvision_model("resnet18"), "residual", None, r"none of its nn.Sequential has two convolutions"),
        (lambda: torchvision_model("resnet18"), "pre-activation", None, r"use the model preact-resnet"),
        (Functional, "normalise-input=0.5,0.5/1,1", None, r"2 means, and conv takes 3 channels"),
        (lambda: torch.jit.script(Functional()), "init=he", None, r"compiled by TorchScript"),
        (
            Functional,
            "activation=elu",
            IMAGES[0, 0],
            r"shape \(64, 64\), cannot be run through Functional",
        ),
        (Functional, "leaches", None, r"no operation 'leaches'; surgery takes activation=relu"),
    ],
)
def test_what_cannot_be_made_is_refused_and_changes_nothing(
    make: Callable[[], nn.Module], operation: str, example: Tensor | None, reason: str
) -> None:
    net = make()
    layers = repr(net)
    with pytest.raises(BadInput, match=reason):
        patch_model(net, [operation], example)
    assert repr(net) == layers


def test_a_convolution_whose_output_branches_gets_no_norm() -> None:
    net = Branched()
    net.norm = nn.Identity()  # type: ignore[assignment]
    net.two = nn.Identity()  # type: ignore[assignment]
    with pytest.raises(BadInput, match="to one: its output goes to 2 places, not to one"):
        patch_model(net, ["early-batch-norm"], IMAGES)


def test_gates_and_outputs_keep_their_sigmoids() -> None:
    net = Gated()
    patch_model(net, ["activation=elu"], IMAGES)
    assert [type(m) for m in (net.between, net.gate, net.last)] == [nn.ELU, nn.Sigmoid, nn.Sigmoid]
    with pytest.raises(BadInput, match="no ReLU"):
        patch_model(Gated(), ["activation=elu"])  # without an example a gate is not to be told


def test_a_layer_in_several_places_is_replaced_once() -> None:
    act = nn.ReLU()
    net = nn.ModuleDict({"a": nn.Sequential(nn.Linear(3, 3), act), "b": nn.Sequential(nn.Linear(3, 3), act), "c": act})
    patch_model(net, ["activation=leaky-relu"])
    found = [net.get_submodule(path) for path in ("a.1", "b.1", "c")]
    assert found[0] is found[1] is found[2]
    assert isinstance(found[0], nn.LeakyReLU)
    resnet = torchvision_model("resnet18")
    patch_model(resnet, ["activation=elu"])
    assert kinds(resnet, nn.ELU) == 9  # each block uses one twice


def test_the_model_itself_may_be_the_layer() -> None:
    assert isinstance(patch_model(nn.ReLU(), ["activation=elu"]), nn.ELU)


def test_dtype_mode_hooks_and_frozen_parameters_go_over() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.Conv2d(8, 8, 3), nn.ReLU())
    net.double()
    net.train()
    net[1].eval()
    net[1].requires_grad_(False)
    net[3].requires_grad_(False)
    seen: list[str] = []
    handle = net[2].register_forward_hook(lambda module, _args, _output: seen.append(type(module).__name__))
    net = patch_model(net, ["activation=leaky-relu", "norm=group"], IMAGES.double())  # type: ignore[assignment]
    norm = net[1]
    assert isinstance(norm, nn.GroupNorm)
    assert not norm.training
    assert norm.weight.dtype == torch.float64
    assert not norm.weight.requires_grad
    assert net[2].inplace
    assert net.training
    seen.clear()  # of the runs on the example
    net(IMAGES.double())
    handle.remove()
    net(IMAGES.double())
    assert seen == ["LeakyReLU"]
    frozen = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()).double().requires_grad_(False)
    patch_model(frozen, ["early-batch-norm"], IMAGES.double())
    assert {p.dtype for p in frozen.parameters()} == {torch.float64}
    assert not any(p.requires_grad for p in frozen.parameters())


def test_surgery_draws_no_random_numbers_and_moves_no_statistics() -> None:
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(8, 8, 3))
    before = torch.random.get_rng_state()
    patch_model(net, ["activation=elu"], IMAGES)
    assert torch.equal(torch.random.get_rng_state(), before)
    norm = net[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.num_batches_tracked == 0
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


@pytest.mark.parametrize("kind", recipe.INITS)
def test_redrawn_weights_have_the_stated_size(kind: str) -> None:
    net = built(nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten(), nn.LazyLinear(100)))
    state = net.state_dict()
    state["1.weight"].fill_(7)
    state["0.bias"].fill_(-9)
    torch.manual_seed(0)
    patch_model(net, [f"init={kind}"])
    weight, last = state["0.weight"], state["4.weight"]
    he = (2 / 27) ** 0.5
    size = {"small": 0.1 * he, "large": 3 * he, "constant": 0.0, "default": (1 / 81) ** 0.5}
    size |= {"xavier": (2 / (27 + 64 * 9)) ** 0.5}
    if kind != "orthogonal":
        assert float(weight.std()) == pytest.approx(size.get(kind, he), rel=0.05, abs=1e-6)
    assert float(last.std()) < 0.35 / last.shape[1] ** 0.5  # 3 times a tenth for `large`
    assert not state["0.bias"].any()
    assert (state["1.weight"] == 1).all()


def test_frozen_weights_are_not_redrawn() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    net[0].requires_grad_(False)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    patch_model(net, ["init=he"])
    after = net.state_dict()
    assert torch.equal(after["0.weight"], before["0.weight"])
    assert torch.equal(after["0.bias"], before["0.bias"])
    assert not torch.equal(after["2.weight"], before["2.weight"])


def test_dead_units_live_again() -> None:
    """All biases far below 0: with first weights after He most units fire on some image."""
    net = built(plain())
    for parameter in net.parameters():
        if parameter.ndim == 1:
            parameter.data.fill_(-5)
    assert not answer(nn.Sequential(*list(net)[:6])).any()
    torch.manual_seed(0)
    patch_model(net, ["init=he"])
    assert answer(nn.Sequential(*list(net)[:6])).flatten(2).amax((0, 2)).gt(0).float().mean() > 0.7


def test_shortcuts_around_pairs_in_a_sequential() -> None:
    net = built(plain())
    before = answer(nn.Sequential(net[0], net[1])).clone()
    inner = nn.Sequential(net[2], net[3], net[4])
    expected = torch.relu(before + answer(inner, before))
    patch_model(net, ["residual"])
    assert [name for name, _ in net.named_children()] == ["0", "1", "2", "5", "6", "7"]
    assert [name for name, _ in net.get_submodule("2").named_children()] == ["2", "3", "4"]
    assert torch.allclose(answer(nn.Sequential(*list(net)[:4])), expected, atol=1e-6)
    assert trains(net)


def test_shortcuts_take_the_norms_in_and_pass_no_change_of_shape() -> None:
    vgg = torchvision_model("vgg13_bn")
    patch_model(vgg, ["residual"])
    made = [m for m in vgg.modules() if isinstance(m, Shortcut)]
    assert [type(list(m)[-1]).__name__ for m in made] == ["BatchNorm2d"]  # 512 to 512 twice, once in the net
    strided = nn.Sequential(nn.Conv2d(3, 3, 3, 2, 1), nn.ReLU(), nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())
    with pytest.raises(BadInput, match="whose output has the shape of their input"):
        patch_model(strided, ["residual"])
    linear = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1))
    with pytest.raises(BadInput):
        patch_model(linear, ["residual"])


def test_pixels_are_normalised_before_the_model() -> None:
    net = own_model(depth=2)
    expected = answer(net, (IMAGES - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) / 0.5)
    whole = patch_model(net, ["normalise-input=0.1,0.2,0.3/0.5,0.5,0.5"], IMAGES)
    assert torch.allclose(answer(whole), expected, atol=1e-5)
    assert list(whole.state_dict())[:3] == ["normalise.mean", "normalise.std", "model.features.0.conv.weight"]
    assert len(list(whole.parameters())) == len(list(net.parameters()))
    assert models.classifier(whole) == "model.head"


@each_net
def test_further_channels_change_nothing_until_they_are_trained(make: Callable[[], nn.Module]) -> None:
    net, untouched = make(), make()
    changed = patch_model(net, ["feature-channels=edges+contrast+opponents"], IMAGES)
    assert torch.allclose(answer(changed), answer(untouched), atol=1e-5)
    first, before = (next(m for m in each.modules() if isinstance(m, nn.Conv2d)) for each in (changed, untouched))
    assert (type(first), first.in_channels, before.in_channels) == (type(before), 7, 3)
    assert sum(p.numel() for p in changed.parameters()) == sum(p.numel() for p in untouched.parameters()) + (
        4 * first.weight[:, 0].numel()
    )
    assert trains(changed)
    assert first.weight.grad is not None
    assert first.weight.grad[:, 3:].abs().amax((0, 2, 3)).min() > 0  # each plane is learnt from


def test_planes_are_edges_contrast_and_opponents_whatever_the_light() -> None:
    images = IMAGES[:, :, :32, :32].sigmoid()
    for kind, count in channels.PLANES.items():
        layer = channels.FeatureChannels([kind])
        found = layer(images)
        assert found.shape == (2, 3 + count, 32, 32)
        assert torch.equal(found[:, :3], images)
        assert torch.allclose(found[:, 3:].mean((2, 3)), torch.zeros(2, count), atol=1e-5)
        assert torch.allclose(found[:, 3:].std((2, 3)), torch.ones(2, count), atol=1e-4)
        assert torch.allclose(layer(0.3 * images + 0.1)[:, 3:], found[:, 3:], atol=1e-3)
        assert torch.isfinite(layer(torch.full((1, 3, 8, 8), 0.5))).all()
    red, green, blue = images.unbind(1)
    by_hand = torch.stack([red - green, blue - (red + green) / 2], 1)
    opponents = channels.FeatureChannels(["opponents"])(images)[:, 3:]
    assert torch.corrcoef(torch.stack([opponents[0, 0].flatten(), by_hand[0, 0].flatten()]))[0, 1] > 0.9999
    assert torch.corrcoef(torch.stack([opponents[0, 1].flatten(), by_hand[0, 1].flatten()]))[0, 1] > 0.9999


def test_an_edge_is_where_luma_changes() -> None:
    images = torch.zeros(1, 3, 16, 16)
    images[..., 8:] = 1
    plane = channels.FeatureChannels(["edges"])(images)[0, 3]
    assert (plane[:, 7:9] > 2).all()
    assert torch.allclose(plane[:, :6], plane[0, 0].expand(16, 6))
    assert plane[0, 0] < 0


def test_further_channels_are_refused_where_the_first_layer_takes_no_image() -> None:
    for net, reason in (
        (nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), "it has no image convolution"),
        (nn.Sequential(nn.Conv2d(1, 4, 3)), "takes 1 channels"),
        (nn.Sequential(parametrizations.weight_norm(nn.Conv2d(3, 4, 3))), "computed from"),
    ):
        before = {name: value.clone() for name, value in net.state_dict().items()}
        with pytest.raises(BadInput, match=reason):
            patch_model(net, ["feature-channels=edges"])
        assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_operations_follow_one_another() -> None:
    net = patch_model(
        built(plain()),
        ["early-batch-norm", "residual", "activation=elu", "norm=group", "normalise-input=0.5/0.25"],
        IMAGES,
    )
    assert kinds(net, nn.GroupNorm) == 2
    assert kinds(net, nn.ELU) == 3
    assert trains(net)


blocks = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(["none", "batch"]), st.sampled_from(["relu", "relu6", "tanh"])),
    min_size=1,
    max_size=5,
)
ACTS = {"relu": nn.ReLU, "relu6": nn.ReLU6, "tanh": nn.Tanh}


@settings(max_examples=40, deadline=None)
@given(blocks, st.permutations(["early-batch-norm", "drop-deep-batch-norm"]))
def test_norms_put_in_and_folded_away_keep_the_function_of_any_stack(
    given_blocks: list[tuple[int, str, str]], operations: list[str]
) -> None:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    channels = 3
    for width, norm, act in given_blocks:
        layers.append(nn.Conv2d(channels, width, 3, padding=1))
        if norm == "batch":
            layers.append(nn.BatchNorm2d(width))
        layers.append(ACTS[act]())
        channels = width
    net: nn.Module = lived_in(nn.Sequential(*layers))
    images = IMAGES[..., :8, :8]
    before = answer(net, images)
    for operation in operations:
        with suppress(BadInput):  # there may be nothing to put in, or to fold
            net = patch_model(net, [operation], images)
    assert torch.allclose(answer(net, images), before, atol=1e-4)


def test_recalibration_finds_the_statistics_of_the_images() -> None:
    net = nn.Sequential(nn.BatchNorm2d(3, momentum=0.3), nn.Dropout(0.5), nn.BatchNorm2d(3), nn.ReLU())
    net.train()
    net[3].eval()
    images = torch.randn(1000, 3, 4, 4) * 3 + 2
    before = torch.random.get_rng_state()
    recalibrate(net, torch.chunk(images, 4))
    assert torch.equal(torch.random.get_rng_state(), before)  # dropout was off
    first, second = net[0], net[2]
    assert isinstance(first, nn.BatchNorm2d)
    assert isinstance(second, nn.BatchNorm2d)
    assert first.running_mean is not None
    assert first.running_var is not None
    assert second.running_var is not None
    assert torch.allclose(first.running_mean, images.mean((0, 2, 3)), atol=1e-4)
    assert torch.allclose(first.running_var, images.var((0, 2, 3)), rtol=0.01)
    assert torch.allclose(second.running_var, torch.ones(3), atol=0.01)
    assert first.momentum == 0.3
    assert [module.training for module in net] == [True, True, True, False]


def test_a_recipes_surgery_is_done_and_reads_back() -> None:
    changed = Recipe().change({"surgery": ["activation=elu", "normalise-input=0.5/0.25"]})
    assert recipe.parse(changed.model_dump(mode="json")) == changed
    for wrong in (["elu"], ["residual=2"], ["normalise-input=0.5/0"], ["init=he", "init=small"]):
        with pytest.raises(BadInput, match="surgery"):
            Recipe().change({"surgery": wrong})


SMALL: dict[str, Any] = {
    "data.source": "reef:species=3,n=30",
    "data.image_size": 32,
    "batch_size": 16,
    "stop.epochs": 2,
    "precision": "float32",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {"model.name": "resnet10t", "surgery": ["init=he", "activation=leaky-relu", "drop-deep-batch-norm"]},
        {"model.name": "mobilenetv3_small_050", "surgery": ["norm=group"], "model.dropout": 0.2},
        {"model.depth": 3, "model.width": 8, "model.norm_momentum": 0.01, "model.recalibrate": True},
        {"model.name": "resnet10t", "surgery": ["feature-channels=edges+opponents"]},
        {"model.norm_after": "none", "surgery": ["early-batch-norm", "normalise-input=0.5,0.5,0.5/0.25,0.25,0.25"]},
    ],
)
def test_a_run_with_surgery_resumes_exactly_and_its_weights_fit(tmp_path: Path, fields: dict[str, Any]) -> None:
    chosen = Recipe().change({**SMALL, **fields})
    images = load_images(chosen, progress=False)
    train(chosen, out=tmp_path / "whole", images=images)

    assert not train(chosen, out=tmp_path / "cut", images=images, listener=Interrupt(6)).finished
    assert train(chosen, out=tmp_path / "cut", images=images, resume=True).finished
    one, other = (torch.load(tmp_path / name / LAST, weights_only=True)["model"] for name in ("whole", "cut"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    summary = evaluate(tmp_path / "cut", images, "val")
    from netvet.trace import Trace

    assert summary.numbers["loss"] == pytest.approx(Trace.open(tmp_path / "cut").last("val_loss"), rel=1e-4)


def test_a_surgery_that_cannot_be_made_ends_a_run_with_one_sentence(tmp_path: Path) -> None:
    chosen = Recipe().change({**SMALL, "model.name": "resnet10t", "surgery": ["early-batch-norm"]})
    with pytest.raises(BadInput, match="early-batch-norm cannot be applied to ResNet"):
        train(chosen, out=tmp_path / "run")
