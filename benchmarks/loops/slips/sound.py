"""Healthy programs, many of which look odd: other losses, other optimisers, other habits."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everyone writes it
from torch.optim import lr_scheduler
from torch.utils.data import WeightedRandomSampler

from benchmarks.loops import nets
from benchmarks.loops.script import Script
from benchmarks.loops.slip import sound
from benchmarks.loops.slips.inputs import count
from benchmarks.loops.slips.known import mislabelled
from benchmarks.loops.slips.outputs import Then, one_hot
from benchmarks.loops.slips.updates import per_batch, per_epoch


@sound("fish5-resnet")
def smoothed_labels(s: Script) -> None:
    """label_smoothing=0.1."""
    s.criterion = nn.CrossEntropyLoss(label_smoothing=0.1)


@sound("reef5-encoder")
def smoothed_much(s: Script) -> None:
    """label_smoothing=0.2."""
    s.criterion = nn.CrossEntropyLoss(label_smoothing=0.2)


def mixed(s: Script, alpha: float) -> None:
    """Mixup (Zhang et al. 2018), with rows of shares as labels."""

    def to_batch(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        share, order = float(np.random.beta(alpha, alpha)), torch.randperm(len(labels))  # noqa: NPY002
        rows = one_hot(s, labels)
        return share * images + (1 - share) * images[order], share * rows + (1 - share) * rows[order]

    s.to_batch = to_batch


@sound("reef6-resnet")
def mixup(s: Script) -> None:
    """Mixup at 0.2."""
    mixed(s, 0.2)
    s.epochs += 4


@sound("reef5-preact")
def mixup_stronger(s: Script) -> None:
    """Mixup at 0.4."""
    mixed(s, 0.4)
    s.epochs += 4


def accumulate(s: Script, parts: int) -> None:
    """Add up the gradients of so many batches, each weighed, before a step."""
    s.batch_size //= parts
    whole, last = s.criterion, s.steps - 1
    s.criterion = lambda output, labels: whole(output, labels) / parts
    s.clear = lambda i: s.optimizer.zero_grad() if i % parts == 0 else None
    s.update = lambda i: s.optimizer.step() if i % parts == parts - 1 or i == last else None


@sound("fish5-cnn")
def accumulated_twice(s: Script) -> None:
    """Gradient accumulation over two batches of 16."""
    accumulate(s, 2)


@sound("fish7-vgg", "shapes-lenet")
def accumulated_four_times(s: Script) -> None:
    """Gradient accumulation over four batches of 8."""
    accumulate(s, 4)


def autocast(s: Script) -> None:
    """Mixed precision in bfloat16."""

    def forward(images: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return s.model(images)  # type: ignore[no-any-return]

    s.forward = forward


@sound("digits-bare")
def mixed_precision(s: Script) -> None:
    """Mixed precision in bfloat16."""
    autocast(s)


@sound("shapes-lenet")
def mixed_precision_here_too(s: Script) -> None:
    """Mixed precision in bfloat16, with gradient clipping."""
    autocast(s)
    clip(s, 1.0)


def clip(s: Script, norm: float) -> None:
    """Clip the gradient before the step."""

    def update(i: int) -> None:
        nn.utils.clip_grad_norm_(s.model.parameters(), norm)
        s.optimizer.step()

    s.update = update


@sound("reef4-test_vit")
def clipped(s: Script) -> None:
    """Gradient clipping at 1."""
    clip(s, 1.0)


def pretrained(s: Script) -> None:
    """Weights as from elsewhere: the net has been trained on these images with a grey wash, then its head is new."""
    optimizer = torch.optim.Adam(s.model.parameters(), 0.002)
    for _epoch in range(8):
        for images, labels in s.loader():
            loss = F.cross_entropy(s.model(images + 0.2 * torch.randn_like(images)), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    head = nets.linear_layers(s.model)[-1]
    nets.replace_head(s.model, nn.Linear(head.in_features, head.out_features))
    s.model.zero_grad()


@sound("reef10-test_resnet", "fish5-resnet")
def frozen_backbone(s: Script) -> None:
    """Fine-tuning: everything but the head is frozen; the net is pretrained."""
    pretrained(s)
    for weight in s.model.parameters():
        weight.requires_grad_(False)
    for weight in nets.linear_layers(s.model)[-1].parameters():
        weight.requires_grad_(True)
    s.optimizer = torch.optim.Adam((w for w in s.model.parameters() if w.requires_grad), 0.01)


@sound("reef12-test_byobnet", "fish7-preact")
def first_half_frozen(s: Script) -> None:
    """Fine-tuning: the first half of the weights is frozen and its norms stay in eval mode; the net is pretrained."""
    pretrained(s)
    early = list(s.model.parameters())
    for weight in early[: len(early) // 2]:
        weight.requires_grad_(False)
    s.optimizer = torch.optim.AdamW([w for w in s.model.parameters() if w.requires_grad], 0.002)

    def mode(epoch: int) -> None:
        s.model.train()
        for module in s.model.modules():
            if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
                module.eval()

    s.mode = mode


@sound("fish7-vgg")
def slow_features_fast_head(s: Script) -> None:
    """Fine-tuning with a hundredth of the rate for all but the head; the net is pretrained."""
    pretrained(s)
    head = list(nets.linear_layers(s.model)[-1].parameters())
    known = {id(weight) for weight in head}
    rest = [weight for weight in s.model.parameters() if id(weight) not in known]
    s.optimizer = torch.optim.Adam([{"params": rest, "lr": 2e-5}, {"params": head, "lr": 0.005}])


@sound("reef6-cnn")
def summed_loss_by_adam(s: Script) -> None:
    """reduction="sum" under Adam, which does not mind the scale."""
    s.criterion = nn.CrossEntropyLoss(reduction="sum")


@sound("reef12-vgg")
def summed_loss_small_rate(s: Script) -> None:
    """reduction="sum", with SGD at a rate divided by the batch."""
    s.criterion = nn.CrossEntropyLoss(reduction="sum")
    s.optimizer = torch.optim.SGD(s.model.parameters(), 0.05 / s.batch_size, momentum=0.9)


@sound("reef10-cnn")
def squared_error_that_learns(s: Script) -> None:
    """Squared error of the outputs to one-hot rows (Hui & Belkin 2021), by Adam."""
    s.criterion = lambda output, labels: F.mse_loss(output, one_hot(s, labels))
    s.optimizer = torch.optim.Adam(s.model.parameters(), 0.002)


@sound("reef5-vgg")
def brier_score(s: Script) -> None:
    """The Brier score: squared error of the probabilities, summed over the classes."""
    s.criterion = lambda output, labels: (output.softmax(1) - one_hot(s, labels)).square().sum(1).mean()
    s.optimizer = torch.optim.Adam(s.model.parameters(), 0.003)
    s.epochs += 2


@sound("fish5-cnn")
def one_against_the_rest(s: Script) -> None:
    """Binary cross-entropy, a logit a class."""
    s.criterion = lambda output, labels: F.binary_cross_entropy_with_logits(output, one_hot(s, labels))


@sound("shapes-test_efficientnet")
def one_against_the_rest_summed(s: Script) -> None:
    """Binary cross-entropy, a logit a class, summed over the classes."""
    s.criterion = lambda output, labels: (
        F.binary_cross_entropy_with_logits(output, one_hot(s, labels), reduction="none").sum(1).mean()
    )


@sound("reef6-resnet")
def margin(s: Script) -> None:
    """A multi-class hinge loss."""
    s.criterion = nn.MultiMarginLoss()


@sound("fish7-preact")
def focal(s: Script) -> None:
    """Focal loss (Lin et al. 2017)."""

    def criterion(output: Tensor, labels: Tensor) -> Tensor:
        each = F.cross_entropy(output, labels, reduction="none")
        return ((1 - (-each).exp()) ** 2 * each).mean()

    s.criterion = criterion


@sound("digits-bare")
def log_softmax_and_nll(s: Script) -> None:
    """The net ends in LogSoftmax(1), and nll_loss follows, as in PyTorch's first example."""
    s.train_this(Then(s.model, nn.LogSoftmax(1)))
    s.criterion = F.nll_loss


@sound("shapes-lenet")
def log_softmax_and_cross_entropy(s: Script) -> None:
    """The net ends in LogSoftmax(1) and cross_entropy follows: twice is as good as once."""
    s.train_this(Then(s.model, nn.LogSoftmax(1)))


@sound("reef12-vgg")
def logits_hugged(s: Script) -> None:
    """Logits are 10 times the tanh of the last layer's output: bounded, and wide enough."""
    s.train_this(Then(s.model, lambda x: 10 * torch.tanh(x / 10)))


@sound("rare-resnet")
def weighed_classes(s: Script) -> None:
    """Weights of the loss against the shares of the classes."""
    counts = torch.bincount(s.y, minlength=count(s)).float()
    s.criterion = nn.CrossEntropyLoss(counts.sum() / counts / count(s))


@sound("unequal-preact")
def drawn_evenly(s: Script) -> None:
    """A sampler that draws all classes alike."""
    counts = torch.bincount(s.y).float()
    s.sampler = WeightedRandomSampler((1 / counts)[s.y].tolist(), len(s.y))


@sound("reef2-cnn")
def mostly_one_class(s: Script) -> None:
    """Two classes, nine to one, in training and validation; both are learnt."""
    keep, held = (y.eq(0) | (torch.rand(len(y)) < 0.2) for y in (s.y, s.yv))
    s.x, s.y, s.xv, s.yv = s.x[keep], s.y[keep], s.xv[held], s.yv[held]
    s.epochs += 8


@sound("two-vgg")
def a_fifth_of_one_class(s: Script) -> None:
    """Two classes, five to one in training alone."""
    keep = s.y.eq(1) | (torch.rand(len(s.y)) < 0.2)
    s.x, s.y = s.x[keep], s.y[keep]
    s.epochs += 6


@sound("reef10-cnn")
def cosine_per_epoch(s: Script) -> None:
    """CosineAnnealingLR over the epochs, stepped once each."""
    per_epoch(s, lr_scheduler.CosineAnnealingLR(s.optimizer, s.epochs))


@sound("fish5-resnet")
def one_cycle_per_batch(s: Script) -> None:
    """OneCycleLR, stepped after every batch."""
    per_batch(s, lr_scheduler.OneCycleLR(s.optimizer, 0.05, total_steps=s.epochs * s.steps + 1))


@sound("reef12-test_byobnet")
def cosine_per_batch(s: Script) -> None:
    """CosineAnnealingLR over all batches, stepped after each."""
    per_batch(s, lr_scheduler.CosineAnnealingLR(s.optimizer, s.epochs * s.steps))


@sound("reef5-encoder")
def warmed_up(s: Script) -> None:
    """A linear warm-up over the first fifty batches, stepped after each."""
    per_batch(s, lr_scheduler.LinearLR(s.optimizer, 0.02, 1.0, total_iters=50))


@sound("reef5-preact")
def plateau_watched(s: Script) -> None:
    """ReduceLROnPlateau, told the validation loss."""
    schedule = lr_scheduler.ReduceLROnPlateau(s.optimizer, factor=0.3, patience=1)
    s.after_epoch, s.decay = lambda found: schedule.step(found["loss"]), False


@sound("reef6-cnn")
def shuffled_beforehand(s: Script) -> None:
    """shuffle=False, on images that lie in random order."""
    s.shuffle = False


@sound("fish7-preact")
def validation_by_class(s: Script) -> None:
    """Validation comes sorted by class, in batches of 16."""
    order = s.yv.sort(stable=True).indices
    s.xv, s.yv, s.val_batch = s.xv[order], s.yv[order], 16


@sound("fish5-cnn")
def a_few_without_a_label(s: Script) -> None:
    """Every fifteenth image has no label yet: -100."""
    s.y[::15] = -100


@sound("reef5-vgg")
def a_few_ignored(s: Script) -> None:
    """Every twelfth image is marked -1, and ignore_index=-1 leaves it out."""
    s.y[::12] = -1
    s.criterion = nn.CrossEntropyLoss(ignore_index=-1)


@sound("reef10-test_resnet")
def small_batches(s: Script) -> None:
    """Batches of 8 under batch norm, at a lower rate."""
    s.batch_size, s.drop_last = 8, True
    s.set_rate(0.5)


@sound("reef12-vgg")
def batches_of_twelve(s: Script) -> None:
    """Batches of 12 under batch norm."""
    s.batch_size, s.drop_last = 12, True
    s.set_rate(0.5)


@sound("reef6-resnet")
def long_training(s: Script) -> None:
    """Three times as many epochs, with weight decay."""
    s.optimizer = torch.optim.SGD(s.model.parameters(), 0.02, momentum=0.9, weight_decay=0.001)
    s.epochs *= 3


@sound("two-vgg")
def short_training(s: Script) -> None:
    """Six epochs, at a rate that falls to nothing."""
    s.epochs = 6
    per_batch(s, lr_scheduler.OneCycleLR(s.optimizer, 0.05, total_steps=6 * s.steps + 1))


@sound("fish5-resnet")
def strong_decay(s: Script) -> None:
    """Weight decay of 0.005."""
    s.optimizer = torch.optim.SGD(s.model.parameters(), 0.03, momentum=0.9, weight_decay=0.005)


@sound("shapes-test_efficientnet")
def decoupled_decay(s: Script) -> None:
    """AdamW with a decay of 0.2."""
    s.optimizer = torch.optim.AdamW(s.model.parameters(), 0.003, weight_decay=0.2)


@sound("reef6-cnn")
def harder_training(s: Script) -> None:
    """Training images are flipped, dimmed and partly erased; those of validation are not."""
    s.to_batch = lambda images, labels: (hardened(images), labels)
    s.epochs += 6


def hardened(images: Tensor) -> Tensor:
    """Flip half of the images, change their light, erase a square in each."""
    images = torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images.flip(3), images)
    images = images * (0.7 + 0.6 * torch.rand(len(images), 1, 1, 1))
    row, column = torch.randint(0, 20, (2,)).tolist()
    images[:, :, row : row + 10, column : column + 10] = 0
    return images


@sound("reef12-vgg")
def harder_validation(s: Script) -> None:
    """Validation has noise that training has not, as from another camera; it costs little."""
    s.xv = s.xv + 0.15 * torch.randn(s.xv.shape)


@sound("reef5-vgg")
def a_few_mislabelled(s: Script) -> None:
    """4 % of the training labels are wrong; validation's are right, and it is as good."""
    mislabelled(s, 0.04)


@sound("digits-bare")
def pixels_of_0_to_1(s: Script) -> None:
    """Pixels of 0 to 1, divided and nothing else."""
    s.x, s.xv = 0.3 * s.x + 0.3, 0.3 * s.xv + 0.3


@sound("reef12-vgg")
def bytes_under_norm(s: Script) -> None:
    """Pixels of 0 to 255 under batch norm, in training and validation."""
    s.x, s.xv = 56 * s.x + 115, 56 * s.xv + 115


@sound("shapes-lenet")
def tanh_in_lenet(s: Script) -> None:
    """LeNet as it was, with tanh."""
    s.train_this(nets.lenet(count(s), act=nn.Tanh))


@sound("reef10-cnn")
def without_names(s: Script) -> None:
    """The classes have no names."""
    s.classes = None


@sound("reef2-cnn")
def by_rmsprop(s: Script) -> None:
    """RMSprop."""
    s.optimizer = torch.optim.RMSprop(s.model.parameters(), 0.001)


@sound("reef12-test_byobnet")
def strange_but_alike_numbers(s: Script) -> None:
    """Classes are numbered in reverse, in training and validation."""
    s.y, s.yv = count(s) - 1 - s.y, count(s) - 1 - s.yv
