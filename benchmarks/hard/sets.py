"""Hard sets, written as files once: the images, and who is on them.

Each is made harder until a small network is right on some 45 to 80 % of the validation images: crops on frames made
murky, small pictures of clothes with noise, rendered fish at full difficulty. The halves share no source, class or
image; of Fashion-MNIST they share classes, and none of the classes that something is planted in.
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.clinic import datasets, fashion
from benchmarks.clinic.photographs import lot
from netvet.images.store import folder

Half = Literal["setting", "locked"]


@dataclass(frozen=True)
class Item:
    """An image of a set. `group`: of one animal or video, "" where none is told."""

    path: str
    label: str
    group: str = ""


@dataclass(frozen=True)
class HardSet:
    """`write` writes the images to a folder and says who is on them. `victims`: classes in which something is planted,
    the first with the second where two are concerned; `grouped`: whether the groups are told.
    """

    name: str
    half: Half
    write: Callable[[Path], list[Item]]
    victims: tuple[str, ...]
    grouped: bool = False


def items(chosen: HardSet) -> tuple[Path, list[Item]]:
    """The folder of a set, written at the first call, and its images."""
    root = folder() / "hard" / chosen.name
    listed = root / "items.csv"
    if not listed.exists():
        made = chosen.write(root)
        with listed.open("w", newline="") as file:
            csv.writer(file).writerows((each.path, each.label, each.group) for each in made)
    with listed.open(newline="") as file:
        return root, [Item(*row) for row in csv.reader(file)]


def murky(image: Image.Image, key: str, *, haze: float, grain: float, blur: float = 0.0) -> Image.Image:
    """Contrast taken away by a share that differs from image to image, blurred by so many pixels, with a sensor's noise
    of that standard deviation, of 255.
    """
    random = np.random.default_rng(lot(f"murk {key}"))
    if blur:
        image = image.filter(ImageFilter.GaussianBlur(blur * random.uniform(0.5, 1.5)))
    pixels = np.asarray(image, np.float64)
    left = 1 - haze * random.uniform(0.7, 1.0)
    water = np.array([60, 110, 120]) + random.normal(0, 12, 3)
    pixels = pixels * left + water * (1 - left) + random.normal(0, grain, pixels.shape)
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))


def framed(crop: Image.Image, kind: str, track: str) -> Image.Image:
    """A crop as a monitoring video gives it: turned onto a larger ground of one colour, or between bars."""
    if kind == "bars":
        side = max(crop.size)
        ground = Image.new("RGB", (side, side * 4 // 3), "black")
        ground.paste(crop, ((side - crop.width) // 2, (side * 4 // 3 - crop.height) // 2))
        return ground
    tilt = (20, -20, 35)[lot(track) % 3] + np.random.default_rng(lot(f"tilt {track}")).uniform(-2, 2)
    return crop.resize((128, 64)).rotate(tilt, expand=True, fillcolor=kind, resample=Image.Resampling.BILINEAR)


def _photographs(
    kind: str, species: tuple[str, ...], each: int, haze: float, grain: float
) -> Callable[[Path], list[Item]]:
    def write(root: Path) -> list[Item]:
        photographs, rows = datasets._fish()
        made: list[Item] = []
        for name in species:
            mine = sorted((row for row in rows if row[1] == name), key=lambda row: (lot(row[2]), row[0]))[:each]
            for path, _label, track in mine:
                crop = murky(Image.open(photographs / path).convert("RGB"), path, haze=haze, grain=grain)
                made.append(_save(framed(crop, kind, track), root, name, Path(path).stem, track))
        return made

    return write


def _clothes(first: int, each: int, haze: float, grain: float, blur: float) -> Callable[[Path], list[Item]]:
    def write(root: Path) -> list[Item]:
        pngs, rows = fashion.rows()
        made: list[Item] = []
        for name in fashion.NAMES:
            for path, _label, _group in [row for row in rows if row[1] == name][first : first + each]:
                image = murky(Image.open(pngs / path).convert("RGB"), path, haze=haze, grain=grain, blur=blur)
                made.append(_save(image, root, name, Path(path).stem))
        return made

    return write


def _reef(options: str) -> Callable[[Path], list[Item]]:
    def write(root: Path) -> list[Item]:
        from netvet.reef import load_reef

        images, labels, names, groups, _split = load_reef(options, 96)
        fish = [""] * len(labels) if groups is None or "groups" not in options else [f"fish {n}" for n in groups]
        rows = zip(images, labels.tolist(), fish, strict=True)
        return [
            _save(Image.fromarray(image), root, names[k], f"{i:04d}", group) for i, (image, k, group) in enumerate(rows)
        ]

    return write


def _save(image: Image.Image, root: Path, label: str, stem: str, group: str = "") -> Item:
    path = f"{label}/{stem}-{zlib.crc32(group.encode()) % 9973:04d}.png"
    (root / label).mkdir(parents=True, exist_ok=True)
    image.save(root / path)
    return Item(path, label, group)


SETS: tuple[HardSet, ...] = (
    HardSet(
        "framed-black",
        "setting",
        _photographs("black", ("Neoniphon_sammara", "Myripristis_kuntee", "Lutjanus_fulvus", "Pomacentrus_moluccensis",
                               "Abudefduf_vaigiensis", "Scaridae", "Hemigymnus_melapterus"), 150, 0.75, 18),
        ("Myripristis_kuntee", "Neoniphon_sammara", "Pomacentrus_moluccensis"),
        grouped=True,
    ),
    HardSet("clothes-dim", "setting", _clothes(0, 90, 0.6, 25, 0.8), ("coat", "dress", "sneaker")),
    HardSet("reef-deep", "setting", _reef("species=7,n=120,difficulty=0.75,fauna=81"),
            ("Ixtichara_vagabunda", "Jorvichara_umbrifera", "Morvichara_lacunaris")),
    HardSet(
        "framed-bars",
        "setting",
        _photographs("bars", ("Hemigymnus_fasciatus", "Acanthurus_nigrofuscus", "Chaetodon_trifascialis",
                              "Canthigaster_valentini", "Zebrasoma_scopas", "Scolopsis_bilineata",
                              "Balistapus_undulatus"), 130, 0.8, 16),
        ("Chaetodon_trifascialis", "Hemigymnus_fasciatus", "Acanthurus_nigrofuscus"),
    ),
    HardSet(
        "framed-white",
        "locked",
        _photographs("white", ("Dascyllus_reticulatus", "Plectroglyphidodon_dickii", "Chromis_chrysura",
                               "Amphiprion_clarkii", "Chaetodon_lunulatus", "Siganus_fuscescens"), 120, 0.78, 16),
        ("Chromis_chrysura", "Dascyllus_reticulatus", "Amphiprion_clarkii"),
        grouped=True,
    ),
    HardSet("clothes-noisy", "locked", _clothes(300, 80, 0.7, 30, 0.5), ("pullover", "ankle-boot", "bag")),
    HardSet("reef-dusk", "locked", _reef("species=6,n=130,difficulty=0.8,fauna=91"),
            ("Lunqichara_umbrifera", "Jorvichara_vagabunda", "Nazkichara_lacunaris")),
)  # fmt: skip
