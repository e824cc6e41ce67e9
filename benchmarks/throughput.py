"""How many images a second netvet trains on, from JPEG files, over 5 epochs: `python -m benchmarks.throughput`.

Three ways to train the same model on the same JPEG files (f4k23's training images: $NETVET_DATA, else
../shared/data/f4k23), with the same batch size, SGD with momentum and no augmentation:

- netvet: `load_images` into an empty cache (reading, hashing, decoding, writing the cache), then `train`, watched by
  every probe. bfloat16 where the processor gains by it.
- tutorial: the loop of torchvision's tutorials. A data set that opens each JPEG in every epoch, `Resize`, `ToTensor`,
  `Normalize`, a `DataLoader` with 2 workers, float32, no channels_last.
- bare: every JPEG decoded once by a pool of threads into one tensor of normalised float32 pixels, then nothing but
  slicing batches, forward, backward, step, with netvet's precision and memory format. Not watched.

Timed: everything from the first JPEG to the last optimiser step, the checkpoints within an epoch too. Not timed,
because the other two do none of it: building the model, netvet's evaluation after each epoch, its search for leakage.
On a shared machine the same epoch takes 5.4 s now and 8.1 s a minute later, so the bare loop makes a step after every
step of netvet, and both see the same weather. The tutorial's workers read ahead, so its epochs stand alone, each
after one of netvet's, and medians over the epochs are compared. Each round gives a ratio; the figures are medians over
the rounds.

    vs_tutorial        images/s of netvet over those of the tutorial's loop, by the median epoch of either
    vs_bare            over those of the bare loop; both with their decoding
    vs_bare_loop       the same without decoding, on either side
    images_per_second  of netvet, with its decoding

Source of the loop: https://docs.pytorch.org/tutorials/beginner/blitz/cifar10_tutorial.html
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms  # type: ignore[import-untyped]

from netvet.nets import models
from netvet.nets.device import choose
from netvet.recipe import NO_AUGMENT, Recipe
from netvet.trace import Trace
from netvet.training import EpochReport, TrainingListener, load_images, optimizers, train

EPOCHS = 5
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PLAIN = Recipe().change({"augment": NO_AUGMENT.model_dump(), "stop.epochs": EPOCHS})
SMALL_CNN = {"model.depth": 4, "model.width": 24}


@dataclass(frozen=True)
class Case:
    """A model at an image size. `images`: so many of the files at most, spread evenly over them."""

    name: str
    recipe: Recipe
    images: int


CASES = (
    Case("small-cnn-64", PLAIN.change({**SMALL_CNN, "data.image_size": 64}), 4179),
    Case("small-cnn-96", PLAIN.change({**SMALL_CNN, "data.image_size": 96}), 4179),
    Case("resnet18-64", PLAIN.change({"model.name": "resnet18", "data.image_size": 64}), 4179),
)


@dataclass
class Clock:
    """Seconds that one way of training took: for decoding once, and for each epoch."""

    decoding: float = 0.0
    epochs: list[float] = field(default_factory=list)

    @property
    def total(self) -> float:
        """Seconds from the first file to the last step."""
        return self.decoding + sum(self.epochs)

    @property
    def typical(self) -> float:
        """The same, with every epoch as long as the median one."""
        return self.decoding + EPOCHS * statistics.median(self.epochs)

    @contextmanager
    def epoch(self) -> Iterator[None]:
        """Times one epoch."""
        began = time.perf_counter()
        yield
        self.epochs.append(time.perf_counter() - began)


@dataclass(frozen=True)
class Files:
    """The training images: paths and labels, (n,) each."""

    paths: tuple[Path, ...]
    labels: tuple[int, ...]


class Opened(Dataset[tuple[Tensor, int]]):
    """`torchvision.datasets.ImageFolder` over a list of files: opened and transformed each time they are asked for."""

    def __init__(self, files: Files, image_size: int) -> None:
        self.files = files
        self.transform = transforms.Compose(
            [transforms.Resize((image_size, image_size)), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        )

    def __len__(self) -> int:
        return len(self.files.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with Image.open(self.files.paths[index]) as image:
            pixels: Tensor = self.transform(image.convert("RGB"))
        return pixels, self.files.labels[index]


def tutorial(recipe: Recipe, files: Files, classes: int, clock: Clock) -> Callable[[], None]:
    """What trains one epoch as the tutorials do."""
    net = models.build(recipe.model, classes, recipe.data.image_size)
    optimizer = torch.optim.SGD(net.parameters(), recipe.optimizer.lr, momentum=recipe.optimizer.momentum)
    criterion = nn.CrossEntropyLoss()
    loader = DataLoader(
        Opened(files, recipe.data.image_size), batch_size=recipe.batch_size, shuffle=True, num_workers=2, drop_last=True
    )

    def epoch() -> None:
        with clock.epoch():
            for images, labels in loader:
                optimizer.zero_grad()
                loss = criterion(net(images), labels)
                loss.backward()
                optimizer.step()

    return epoch


def bare(recipe: Recipe, files: Files, classes: int, clock: Clock) -> Callable[[], None]:
    """What makes one step on tensors in memory; decoding them is timed here."""
    size, batch, machine = recipe.data.image_size, recipe.batch_size, choose(recipe)

    def decode(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))

    began = time.perf_counter()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        stack = torch.from_numpy(np.stack(list(pool.map(decode, files.paths))))
    pixels = stack.float().div_(255).sub_(torch.tensor(MEAN)).div_(torch.tensor(STD))  # (n, size, size, 3)
    truth = torch.tensor(files.labels)
    clock.decoding = time.perf_counter() - began
    net = models.build(recipe.model, classes, size).to(memory_format=torch.channels_last)
    optimizer = optimizers.build(recipe.optimizer, net)
    waiting: list[Tensor] = []

    def step() -> None:
        if not waiting:
            order = torch.randperm(len(truth))
            waiting.extend(order[start : start + batch] for start in range(0, len(truth) - batch + 1, batch))
        rows = waiting.pop()
        with machine.autocast():
            logits = net(pixels[rows].permute(0, 3, 1, 2))
        loss = nn.functional.cross_entropy(logits.float(), truth[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def one_round(case: Case, source: Path) -> tuple[int, dict[str, Clock]]:
    """The number of training images, and the clock of each way; all are trained in turn."""
    clocks = {"netvet": Clock(), "tutorial": Clock(), "bare": Clock()}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NETVET_CACHE"] = str(Path(folder) / "cache")
        listing = Path(folder) / "images.csv"
        _list(source, case, listing)
        recipe = case.recipe.change({"data.source": str(listing), "data.test": 0.0})
        began = time.perf_counter()
        images = load_images(recipe, progress=False)
        clocks["netvet"].decoding = time.perf_counter() - began
        rows = images.indices("train").tolist()
        files = Files(tuple(Path(images.paths[row]) for row in rows), tuple(images.labels[rows].tolist()))
        epoch = tutorial(recipe, files, len(images.classes), clocks["tutorial"])
        step = bare(recipe, files, len(images.classes), clocks["bare"])
        plain: list[float] = []

        class InTurn(TrainingListener):
            def on_step(self, _step: int, _steps: int) -> None:
                began = time.perf_counter()
                step()
                plain.append(time.perf_counter() - began)

            def on_epoch(self, _report: EpochReport) -> None:
                clocks["bare"].epochs.append(sum(plain))
                plain.clear()
                epoch()

        run = Path(folder) / "run"
        train(recipe, out=run, images=images, listener=InTurn())
        both = Trace.open(run).series("training_seconds").values.tolist()
        clocks["netvet"].epochs = [a - b for a, b in zip(both, clocks["bare"].epochs, strict=True)]
    return len(rows), clocks


def _list(source: Path, case: Case, listing: Path) -> None:
    """A CSV of the case's files: whole batches to train on, and one file in 30 for validation."""
    with (source / "manifest.csv").open(newline="", encoding="utf-8") as file:
        known = [(source / row["path"], row["label"]) for row in csv.DictReader(file)]
    chosen = known[:: max(1, round(len(known) / case.images))][: case.images]
    val, rest = chosen[::30], [row for i, row in enumerate(chosen) if i % 30]
    kept = rest[: len(rest) // case.recipe.batch_size * case.recipe.batch_size]
    with listing.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "split"))
        writer.writerows(
            (path, label, split) for part, split in ((kept, "train"), (val, "val")) for path, label in part
        )


def measure(case: Case, source: Path, rounds: int, say: Callable[[str], None]) -> dict[str, float]:
    """The figures of one case: medians over the rounds. `say` is told of each round."""
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        count, clocks = one_round(case, source)
        mine, theirs, plain = clocks["netvet"], clocks["tutorial"], clocks["bare"]
        figures = {
            "vs_tutorial": theirs.typical / mine.typical,
            "vs_bare": plain.total / mine.total,
            "vs_bare_loop": sum(plain.epochs) / sum(mine.epochs),
            "images_per_second": count * EPOCHS / mine.total,
        }
        for name, value in figures.items():
            found.setdefault(name, []).append(value)
        seconds = ", ".join(f"{name} {c.decoding:.2f} + {sum(c.epochs):.2f} s" for name, c in clocks.items())
        say(f"{case.name}, round {number + 1} of {rounds}: {seconds}")
    return {name: round(statistics.median(values), 3) for name, values in found.items()}


def source() -> Path:
    """The folder of f4k23: $NETVET_DATA or the f4k23 in it, else ../shared/data/f4k23 beside this checkout."""
    given = os.environ.get("NETVET_DATA")
    roots = [Path(given), Path(given) / "f4k23"] if given else [Path(__file__).parents[2] / "shared" / "data" / "f4k23"]
    for root in roots:
        if (root / "manifest.csv").is_file():
            return root.resolve()
    sys.exit(f"The photographs f4k23 are not at {roots[-1]}: set NETVET_DATA to their folder.")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each case (3)")
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES], help="only this case")
    parser.add_argument("--images", type=int, help="at most so many images: for a quick look")
    chosen = parser.parse_args(arguments)
    root, table = source(), {}
    for case in CASES:
        if not chosen.case or case.name in chosen.case:
            smaller = replace(case, images=min(case.images, chosen.images or case.images))
            table[case.name] = measure(smaller, root, chosen.rounds, lambda line: print(line, file=sys.stderr))
    if chosen.json:
        print(json.dumps(table))
        return
    print(f"{'':14}{'vs_tutorial':>13}{'vs_bare':>9}{'vs_bare_loop':>14}{'images/s':>10}")
    for name, row in table.items():
        print(
            f"{name:14}{row['vs_tutorial']:13.2f}{row['vs_bare']:9.3f}{row['vs_bare_loop']:14.3f}"
            f"{row['images_per_second']:10.0f}"
        )


if __name__ == "__main__":
    main()
