"""Slips in what the loaders give: classes, pixels, labels, their order; and modes of the net."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everyone writes it
from torch.utils.data import Sampler

from benchmarks.loops import nets
from benchmarks.loops.script import Script
from benchmarks.loops.slip import slip
from benchmarks.loops.slips.outputs import Then, one_hot


def count(s: Script) -> int:
    """How many classes there are."""
    return len(s.classes or ())


def renumbered(s: Script, order: list[int]) -> None:
    """Validation calls class k `order[k]`."""
    s.yv = torch.tensor(order)[s.yv]


@slip("mismatched-classes", "reef6-cnn", "fish5-resnet", "reef10-test_resnet")
def folders_as_the_disk_lists_them(s: Script) -> None:
    """Validation numbers its classes as os.listdir gives the folders, training by their names."""
    chance = torch.Generator().manual_seed(5)
    renumbered(s, torch.randperm(count(s), generator=chance).tolist())


@slip("mismatched-classes", "reef10-cnn", "fish5-cnn", "reef4-test_vit")
def numbered_from_one(s: Script) -> None:
    """Validation's file numbers its classes from 1; the last came round to 0."""
    renumbered(s, [(k + 1) % count(s) for k in range(count(s))])


@slip("mismatched-classes", "reef12-vgg", "reef5-encoder", "fish7-preact")
def a_folder_is_missing(s: Script) -> None:
    """Validation lacks the folder of the second class, so that ImageFolder numbers those after it one less."""
    there = s.yv != 1
    s.xv, s.yv = s.xv[there], s.yv[there]
    renumbered(s, [0, *range(count(s) - 1)])


@slip("mismatched-classes", "reef12-test_byobnet", "reef23-vgg")
def sorted_as_words(s: Script) -> None:
    """Folders are numbers; training sorts them as words (0, 1, 10, 11, 2, ...), validation as numbers."""
    words = sorted(range(count(s)), key=str)
    renumbered(s, [words.index(k) for k in range(count(s))])


@slip("mismatched-classes", "shapes-lenet", "fish7-vgg", "reef5-preact")
def last_class_first(s: Script) -> None:
    """Validation's table of classes was read from the bottom up."""
    renumbered(s, list(reversed(range(count(s)))))


@slip("missing-class", "reef6-resnet")
def no_image_of_a_class(s: Script) -> None:
    """Validation has no image of the last class, and numbers the others rightly."""
    there = s.yv != count(s) - 1
    s.xv, s.yv = s.xv[there], s.yv[there]


@slip("mismatched-input", "reef6-cnn", "fish5-resnet", "reef10-cnn")
def validation_not_standardised(s: Script) -> None:
    """Training standardises, validation gives pixels of 0 to 1."""
    s.xv = s.xv * 0.22 + 0.45


@slip("mismatched-input", "digits-bare", "fish5-cnn", "reef10-test_resnet")
def validation_in_bytes(s: Script) -> None:
    """Validation forgets to divide by 255."""
    s.x, s.xv = s.x * 0.22 + 0.45, 255 * (s.xv * 0.22 + 0.45)


@slip("mismatched-input", "reef6-resnet", "rare-resnet")
def blue_first(s: Script) -> None:
    """Validation is read by OpenCV, blue first."""
    s.xv = s.xv.flip(1)


@slip("mismatched-input", "shapes-lenet", "reef5-encoder", "fish7-preact")
def height_width_channels(s: Script) -> None:
    """Validation's arrays are (height, width, channels) and reshaped, not transposed."""
    s.xv = s.xv.permute(0, 2, 3, 1).reshape(s.xv.shape)


@slip("mismatched-input", "fish7-vgg", "reef12-vgg", "shapes-test_efficientnet")
def standardised_twice(s: Script) -> None:
    """Validation is standardised, and then again by the mean and spread of ImageNet."""
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    s.xv = (s.xv - mean[:, None, None]) / std[:, None, None]


@slip("mismatched-input", "reef12-test_byobnet", "reef5-preact")
def another_size(s: Script) -> None:
    """Validation is made at 64 pixels: of a net that pools over the image it asks for other features."""
    s.xv = F.interpolate(s.xv, scale_factor=2.0, mode="bilinear")


@slip("mismatched-input", "two-vgg", "shapes-lenet")
def inverted_in_validation(s: Script) -> None:
    """Validation comes out of a scanner as a negative."""
    s.xv = -s.xv


@slip("invalid-labels", "reef6-cnn", "fish5-resnet", "reef10-cnn", of_class=True)
def one_hot_a_column_short(s: Script) -> None:
    """One-hot rows were cut by a column: those of class 0 have no one."""

    def to_batch(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return images, one_hot(s, labels) * (torch.arange(count(s)) > 0)

    s.to_batch = to_batch


@slip("invalid-labels", "fish5-cnn", "reef10-test_resnet", of_class=True)
def ignored_by_default(s: Script) -> None:
    """Class 2 is written as -100, which cross_entropy leaves out without a word."""
    s.y[s.y == 2] = -100


@slip("invalid-labels", "reef12-vgg", "reef5-encoder", "fish7-preact", of_class=True)
def background_is_ignored(s: Script) -> None:
    """ignore_index=0, from a program that segments images: class 0 is never learnt."""
    s.criterion = lambda output, labels: F.cross_entropy(output, labels, ignore_index=0)


@slip("invalid-labels", "fish7-vgg", "reef5-preact", of_class=True)
def rows_without_a_one(s: Script) -> None:
    """A table of one-hot rows has nothing but 0 for the last two classes, which were added later."""
    last = count(s) - 2

    def to_batch(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return images, one_hot(s, labels) * (torch.arange(last + 2) < last)

    s.to_batch = to_batch


@slip("shuffled-labels", "reef6-cnn", "fish5-resnet", "digits-bare")
def images_shuffled_alone(s: Script) -> None:
    """np.random.shuffle on the images, and not on the labels."""
    s.x = s.x[torch.randperm(len(s.x))]


@slip("shuffled-labels", "reef10-cnn", "reef2-cnn", "reef4-test_vit")
def two_loaders_zipped(s: Script) -> None:
    """Images and labels come from two loaders that each shuffle."""
    s.to_batch = lambda images, labels: (images, s.y[torch.randint(len(s.y), (len(labels),))])


@slip("shuffled-labels", "reef5-vgg", "shapes-lenet", "fish7-vgg")
def labels_sorted_images_not(s: Script) -> None:
    """Labels are read folder by folder, images as glob lists them."""
    s.y = s.y.sort().values


@slip("shuffled-labels", "reef12-test_byobnet", "unequal-preact")
def shuffled_in_the_batch(s: Script) -> None:
    """The images of a batch are shuffled for a contrast, and the labels stay."""
    s.to_batch = lambda images, labels: (images[torch.randperm(len(images))], labels)


@slip("half-shuffled", "fish7-preact", "reef5-encoder")
def repeated_in_another_order(s: Script) -> None:
    """Flipped images are appended at the end, and each label is repeated where it stands."""
    half = torch.arange(0, len(s.x), 2)
    s.x = torch.cat([s.x[half], s.x[half].flip(3)])
    s.y = s.y[half].repeat_interleave(2)


def by_class(s: Script) -> None:
    """Put the training images in the order of their labels."""
    order = s.y.sort(stable=True).indices
    s.x, s.y = s.x[order], s.y[order]


@slip("unshuffled-batches", "reef6-cnn", "fish5-resnet", "digits-bare", "reef10-cnn")
def sorted_and_not_shuffled(s: Script) -> None:
    """The images lie sorted by class and the loader does not shuffle."""
    by_class(s)
    s.shuffle = False


class InBlocks(Sampler[int]):
    """Blocks of so many neighbours, in random order."""

    def __init__(self, count: int, block: int) -> None:
        self.count, self.block = count, block

    def __iter__(self):  # type: ignore[no-untyped-def]
        for start in torch.randperm(-(-self.count // self.block)).tolist():
            yield from range(start * self.block, min(self.count, (start + 1) * self.block))

    def __len__(self) -> int:
        return self.count


@slip("unshuffled-batches", "reef5-vgg", "fish7-preact", "shapes-lenet")
def a_folder_at_a_time(s: Script) -> None:
    """A sampler takes the images file by file, each of which holds neighbours of one class."""
    by_class(s)
    s.sampler = InBlocks(len(s.y), s.batch_size)


@slip("unshuffled-batches", "reef12-vgg", "fish7-vgg")
def a_small_buffer_shuffles(s: Script) -> None:
    """The images are streamed class by class through a shuffle buffer of half a class."""
    by_class(s)
    s.shuffle = False
    width = len(s.y) // count(s) // 2
    order = torch.cat([part[torch.randperm(len(part))] for part in torch.arange(len(s.y)).split(width)])  # type: ignore[no-untyped-call]
    s.x, s.y = s.x[order], s.y[order]


@slip("wrong-mode", "reef10-cnn", "fish5-resnet", "reef10-test_resnet")
def eval_before_the_loop(s: Script) -> None:
    """model.eval() was called to look at an image, and train() is never called."""
    s.mode = lambda epoch: s.model.eval()


@slip("wrong-mode", "reef6-cnn", "fish5-cnn", "reef10-cnn")
def dropped_in_validation_too(s: Script) -> None:
    """F.dropout(x, 0.7) on the output without training=self.training: it drops in validation as well."""
    s.train_this(Then(s.model, lambda x: F.dropout(x, 0.7)))


@slip("wrong-mode", "reef12-vgg", "fish7-preact", "shapes-test_efficientnet")
def eval_left_on_by_validation(s: Script) -> None:
    """The first validation leaves the net in eval mode, after a first epoch that was a single batch."""
    batches = [0]

    def to_batch(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        batches[0] += 1
        if batches[0] > 1:
            s.model.eval()
        return images, labels

    s.mode = lambda epoch: None
    s.to_batch = to_batch


class AlwaysTraining(nn.Module):
    """A wrapper whose train() forgets its argument, so that eval() trains too."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def train(self, mode: bool = True) -> AlwaysTraining:
        super().train(True)
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)  # type: ignore[no-any-return]


@slip("wrong-statistics", "reef5-vgg", "fish7-vgg")
def train_mode_in_validation(s: Script) -> None:
    """eval() does nothing, and validation comes class by class: batch norm sees batches of one class."""
    s.train_this(AlwaysTraining(s.model))
    order = s.yv.sort(stable=True).indices
    s.xv, s.yv, s.val_batch = s.xv[order], s.yv[order], 16


@slip("wrong-statistics", "reef6-resnet", "fish5-cnn")
def no_running_statistics(s: Script) -> None:
    """Batch norms keep no running statistics, and validation asks image by image in the order of the classes."""
    for module in s.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats = False
            module.running_mean = module.running_var = None
    order = s.yv.sort(stable=True).indices
    s.xv, s.yv, s.val_batch = s.xv[order], s.yv[order], 4


def norm_before_the_head(s: Script) -> None:
    """Put a batch norm over single numbers before the head."""
    head = nets.linear_layers(s.model)[-1]
    nets.replace_head(s.model, nn.Sequential(nn.BatchNorm1d(head.in_features), head))
    s.train_this(s.model)


@slip("small-batch-norm", "fish5-resnet", "reef6-resnet", "reef10-test_resnet")
def two_images_a_batch(s: Script) -> None:
    """Batches of 2, for want of memory, under batch norm."""
    norm_before_the_head(s)
    s.batch_size, s.drop_last, s.epochs = 2, True, min(4, s.epochs)


@slip("small-batch-norm", "reef5-vgg", "fish7-preact", "reef12-vgg")
def accumulated_over_pairs(s: Script) -> None:
    """Batches of 2 whose gradients are accumulated to 32: batch norm still sees 2."""
    norm_before_the_head(s)
    s.batch_size, s.drop_last, s.epochs = 2, True, min(5, s.epochs)
    s.clear = lambda i: s.optimizer.zero_grad() if i % 16 == 0 else None
    s.update = lambda i: s.optimizer.step() if i % 16 == 15 else None
    whole = s.criterion
    s.criterion = lambda output, labels: whole(output, labels) / 16


@slip("broken-image", "fish5-cnn", "reef10-test_resnet")
def one_image_without_spread(s: Script) -> None:
    """Each image is divided by its spread, and one is of a single colour: 0 / 0."""
    s.x[len(s.x) // 3] = 0 * s.x[len(s.x) // 3] / 0


@slip("broken-image", "reef5-encoder", "fish7-vgg")
def infinite_pixels(s: Script) -> None:
    """A few pixels of one image overflowed."""
    s.x[len(s.x) // 2, 0, :3, :3] = torch.inf
