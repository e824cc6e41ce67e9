"""The causes that netvet knew before, in loops of people."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.loops import nets
from benchmarks.loops.script import Script
from benchmarks.loops.slip import slip
from benchmarks.loops.slips.inputs import count


@slip("learning-rate-too-high", "digits-bare", "fish5-resnet", "reef4-test_vit")
def rate_of_one(s: Script) -> None:
    """lr=1 by momentum, as for a plain logistic regression."""
    s.optimizer = torch.optim.SGD(s.model.parameters(), 1.0, momentum=0.9)


@slip("learning-rate-too-high", "shapes-lenet", "fish7-vgg", "reef5-encoder")
def adam_at_the_rate_of_sgd(s: Script) -> None:
    """Adam was put in the place of SGD, and its rate of 0.1 left."""
    s.optimizer = torch.optim.Adam(s.model.parameters(), 0.1)


@slip("learning-rate-too-low", "fish5-resnet", "reef10-test_resnet")
def rate_a_thousandth(s: Script) -> None:
    """SGD at the rate of fine-tuning, 1e-4."""
    s.optimizer = torch.optim.SGD(s.model.parameters(), 1e-4)


@slip("learning-rate-too-low", "shapes-test_efficientnet", "fish7-preact")
def adam_a_few_millionths(s: Script) -> None:
    """Adam at 5e-6."""
    s.optimizer = torch.optim.Adam(s.model.parameters(), 5e-6)


@slip("dead-relu", "digits-bare")
def biases_of_minus_two(s: Script) -> None:
    """Biases start at -2, to make the activations sparse."""
    for module in s.model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.bias, -2.0)  # type: ignore[arg-type]


@slip("dead-relu", "shapes-lenet")
def biases_drawn_below_zero(s: Script) -> None:
    """Biases are drawn from below 0 by a mistyped range."""
    for module in s.model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module is not nets.linear_layers(s.model)[-1]:
            nn.init.uniform_(module.bias, -3.0, -1.0)  # type: ignore[arg-type]


@slip("vanishing-gradient", "fish5-cnn", "digits-bare", "reef6-cnn")
def seven_sigmoids(s: Script) -> None:
    """Seven convolutions with sigmoids and no norm."""
    s.train_this(nets.cnn(count(s), norm=False, act=nn.Sigmoid, depth=7))


@slip("vanishing-gradient", "shapes-lenet", "reef5-vgg")
def sigmoids_in_lenet(s: Script) -> None:
    """LeNet with sigmoids, by plain SGD."""
    s.train_this(nets.lenet(count(s), act=nn.Sigmoid))
    s.optimizer = torch.optim.SGD(s.model.parameters(), 0.05, momentum=0.9)


def mislabelled(s: Script, share: float) -> None:
    """That share of the training labels becomes another class."""
    wrong = torch.rand(len(s.y)) < share
    s.y[wrong] = (s.y[wrong] + torch.randint(1, count(s), (int(wrong.sum()),))) % count(s)


@slip("label-noise", "reef6-cnn", "digits-bare", "fish5-resnet")
def half_the_labels_wrong(s: Script) -> None:
    """Labels of a crowd, of which half are wrong."""
    mislabelled(s, 0.5)


@slip("label-noise", "reef12-vgg", "fish7-vgg", "shapes-lenet")
def most_labels_wrong(s: Script) -> None:
    """Labels by a search engine, of which 55 % are wrong."""
    mislabelled(s, 0.55)


def thin(s: Script, share: float) -> None:
    """Keep that share of the training images of the last third of the classes."""
    rare = s.y >= count(s) - max(1, count(s) // 3)
    keep = ~rare | (torch.rand(len(s.y)) < share)
    s.x, s.y = s.x[keep], s.y[keep]


@slip("class-imbalance", "fish5-cnn", "reef10-test_resnet", of_class=True)
def a_twentieth_of_the_rare(s: Script) -> None:
    """The last third of the classes has a twentieth of the images."""
    thin(s, 0.05)


@slip("class-imbalance", "fish7-preact", "shapes-test_efficientnet", of_class=True)
def hardly_any_of_the_rare(s: Script) -> None:
    """The last third of the classes has 4 % of the images."""
    thin(s, 0.04)


@slip("unnormalised-input", "digits-bare", "reef4-test_vit")
def raw_bytes(s: Script) -> None:
    """Pixels of 0 to 255, in training and validation alike, by momentum."""
    s.x, s.xv = 56 * s.x + 115, 56 * s.xv + 115
    s.optimizer = torch.optim.SGD(s.model.parameters(), 0.01, momentum=0.9)


@slip("unnormalised-input", "shapes-lenet", "reef5-encoder")
def divided_by_255_twice(s: Script) -> None:
    """ToTensor divides by 255, and the loader did so before; by momentum."""
    s.x, s.xv = (0.22 * s.x + 0.45) / 255, (0.22 * s.xv + 0.45) / 255
    s.optimizer = torch.optim.SGD(s.model.parameters(), 0.01, momentum=0.9)


@slip("batch-norm-mismatch", "reef6-cnn", "fish5-resnet")
def norms_that_lag(s: Script) -> None:
    """momentum=0.001, the convention of another framework, in every batch norm."""
    for module in s.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.001


@slip("batch-norm-mismatch", "reef12-vgg", "fish7-preact", "reef12-test_byobnet")
def norms_that_never_follow(s: Script) -> None:
    """momentum=0 in every batch norm."""
    for module in s.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0


@slip("few-images", "fish5-cnn", "reef10-test_resnet")
def seven_images_a_class(s: Script) -> None:
    """A tenth of the images, without augmentation, for three times as many epochs."""
    s.x, s.y = s.x[::10], s.y[::10]
    s.epochs *= 3


@slip("few-images", "fish7-vgg", "reef5-encoder")
def a_twelfth_of_the_images(s: Script) -> None:
    """A twelfth of the images, over and over."""
    s.x, s.y = s.x[::12], s.y[::12]
    s.epochs *= 3
