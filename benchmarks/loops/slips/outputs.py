"""Slips in what the model gives and what the loss makes of it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everyone writes it

from benchmarks.loops import nets
from benchmarks.loops.script import Script
from benchmarks.loops.slip import slip


class Then(nn.Module):
    """A net and what is done to its output."""

    def __init__(self, net: nn.Module, last: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.last = net, last

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.net(x))


def one_hot(s: Script, labels: Tensor) -> Tensor:
    """Labels as rows of floats."""
    return F.one_hot(labels, len(s.classes or ())).float()


@slip("probabilities-as-logits", "reef6-cnn", "fish5-resnet", "reef10-cnn")
def softmax_before_cross_entropy(s: Script) -> None:
    """The net ends in Softmax(1), and cross_entropy takes the softmax again."""
    s.train_this(Then(s.model, nn.Softmax(1)))


@slip("probabilities-as-logits", "digits-bare", "reef10-test_resnet", "fish5-cnn")
def softmax_over_the_batch(s: Script) -> None:
    """The net ends in Softmax(0): over the batch, not over the classes."""
    s.train_this(Then(s.model, nn.Softmax(0)))


@slip("probabilities-as-logits", "reef4-test_vit", "reef6-resnet", "reef2-cnn")
def relu_on_the_logits(s: Script) -> None:
    """The last layer has a ReLU too."""
    for weight in nets.linear_layers(s.model)[-1].parameters():
        weight.data.sub_(0.02)
    s.train_this(Then(s.model, F.relu))


@slip("probabilities-as-logits", "reef12-vgg", "fish7-preact", "shapes-lenet")
def softmax_in_the_loss(s: Script) -> None:
    """The training loop takes the softmax of the logits and gives it to cross_entropy."""
    s.criterion = lambda output, labels: F.cross_entropy(output.softmax(1), labels)


@slip("probabilities-as-logits", "reef5-encoder", "shapes-lenet", "fish7-vgg")
def sigmoid_on_the_logits(s: Script) -> None:
    """The net ends in a sigmoid, and cross_entropy follows."""
    s.train_this(Then(s.model, torch.sigmoid))


@slip("probabilities-as-logits", "shapes-test_efficientnet", "reef12-test_byobnet", "reef5-preact")
def log_softmax_over_the_batch(s: Script) -> None:
    """The net ends in LogSoftmax(0), and nll_loss follows."""
    s.train_this(Then(s.model, nn.LogSoftmax(0)))
    s.criterion = F.nll_loss


@slip("unsuited-loss", "reef6-resnet", "reef4-test_vit", "fish5-cnn")
def nll_of_raw_outputs(s: Script) -> None:
    """nll_loss is given the net's raw outputs: it falls without end."""
    s.criterion = F.nll_loss


@slip("unsuited-loss", "fish5-cnn", "reef6-cnn")
def squared_error_of_the_number(s: Script) -> None:
    """The class's number is learnt as a quantity: squared error of the expected number."""
    numbers = torch.arange(float(len(s.classes or ())))
    s.criterion = lambda output, labels: F.mse_loss(output @ numbers, labels.float())


@slip("unsuited-loss", "fish5-resnet", "reef10-test_resnet")
def flipped_sign(s: Script) -> None:
    """A minus before the loss, from a paper that maximises the likelihood."""
    s.criterion = lambda output, labels: -F.cross_entropy(output, labels)


@slip("unsuited-loss", "reef2-cnn")
def one_logit_and_cross_entropy(s: Script) -> None:
    """Two classes, one output, cross_entropy with the labels as floats: the loss is 0 from the start."""
    s.train_this(nets.cnn(1))
    s.criterion = lambda output, labels: F.cross_entropy(output, labels.float().unsqueeze(1))


@slip("summed-loss", "fish5-cnn", "reef10-cnn", "fish5-resnet")
def summed_over_the_batch(s: Script) -> None:
    """reduction="sum", with the rate that suits a mean, and momentum."""
    s.optimizer = torch.optim.SGD(s.model.parameters(), 0.05, momentum=0.9)
    s.criterion = lambda output, labels: F.cross_entropy(output, labels, reduction="sum")


@slip("unsuited-loss", "shapes-lenet", "reef12-vgg", "fish7-preact")
def absolute_error_of_one_hot(s: Script) -> None:
    """L1 loss of the raw outputs to one-hot rows: nought everywhere is a good answer to it."""
    s.criterion = lambda output, labels: F.l1_loss(output, one_hot(s, labels))


@slip("unsuited-loss", "fish7-vgg", "reef12-test_byobnet", "reef5-encoder")
def nll_of_probabilities(s: Script) -> None:
    """nll_loss is given probabilities, not their logarithms; its gradient dies where the net is wrong and sure."""
    s.criterion = lambda output, labels: F.nll_loss(output.softmax(1), labels)


@slip("unsuited-loss", "reef5-vgg", "shapes-test_efficientnet")
def squared_error_by_plain_sgd(s: Script) -> None:
    """Squared error of softmax to one-hot rows, with a small rate and no momentum."""
    s.optimizer = torch.optim.SGD(s.model.parameters(), 0.003)
    s.criterion = lambda output, labels: F.mse_loss(output.softmax(1), one_hot(s, labels))


@slip("unsuited-loss", "two-vgg")
def one_logit_squashed_twice(s: Script) -> None:
    """Two classes, two outputs, of which the loss sees the first alone, squashed twice."""
    s.criterion = lambda output, labels: F.binary_cross_entropy_with_logits(output[:, 0].sigmoid(), labels.float())


@slip("unsuited-loss", "reef5-preact", "fish7-preact")
def likelihood_minimised(s: Script) -> None:
    """The mean log-likelihood is minimised: the sign is missing."""
    s.criterion = lambda output, labels: output.log_softmax(1).gather(1, labels[:, None]).mean()


@slip("summed-loss", "unequal-preact", "fish7-preact", "reef12-vgg")
def summed_and_steep(s: Script) -> None:
    """The losses of a batch are added up, and the rate is that of a mean."""
    s.optimizer = torch.optim.SGD(s.model.parameters(), 0.1, momentum=0.9, nesterov=True)
    s.criterion = lambda output, labels: F.cross_entropy(output, labels, reduction="none").sum()


@slip("no-number", "digits-bare", "reef6-cnn")
def log_of_a_saturated_softmax(s: Script) -> None:
    """torch.log(softmax) by hand on raw pixels of 0 to 255: the logarithm of 0."""
    s.x, s.xv = (60 * pixels + 120 for pixels in (s.x, s.xv))
    s.train_this(nets.cnn(len(s.classes or ()), norm=False, width=32))
    for weight in nets.linear_layers(s.model)[-1].parameters():
        weight.data.mul_(20)
    s.criterion = lambda output, labels: F.nll_loss(torch.log(output.softmax(1)), labels)


@slip("no-number", "fish7-preact", "reef5-preact")
def log_of_probabilities_rounded_to_0(s: Script) -> None:
    """Probabilities in half precision round to 0, and their logarithm follows."""
    s.criterion = lambda output, labels: F.nll_loss(torch.log((400 * output).softmax(1)), labels)
