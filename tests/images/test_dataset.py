"""Sets end to end: what is loaded, how it is split, and what is said where it cannot be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from netvet.base.errors import BadInput
from netvet.images import ImageSet, Rejected, load
from netvet.images.splits import torn


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NETVET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def picture(path: Path, red: int, blue: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 9), (red, 0, blue)).save(path)


def tree(root: Path, **classes: int) -> Path:
    """Class folders with so many images; class number in red, image number in blue."""
    for red, (name, count) in enumerate(sorted(classes.items())):
        for blue in range(count):
            picture(root / name / f"{blue:03d}.png", red, blue)
    return root


def with_groups(root: Path, **classes: list[int]) -> Path:
    """A manifest.csv whose classes have groups of these sizes."""
    lines = ["path,label,group,tank"]
    tree(root, **{name: sum(sizes) for name, sizes in classes.items()})
    for name, sizes in classes.items():
        number = 0
        for group, size in enumerate(sizes):
            for _image in range(size):
                lines.append(f"{name}/{number:03d}.png,{name},{name}-{group},tank{number % 7}")
                number += 1
    (root / "manifest.csv").write_text("\n".join(lines))
    return root


def complaint(source: Path | str, **options: Any) -> str:
    with pytest.raises(BadInput) as caught:
        load(str(source), **options)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def by_path(images: ImageSet) -> dict[str, int]:
    return dict(zip(images.paths, images.split.tolist(), strict=True))


def test_a_set_of_class_folders(tmp_path: Path) -> None:
    found = load(str(tree(tmp_path / "data", perch=20, pike=40)), image_size=16)
    assert found.classes == ("perch", "pike")
    assert found.images.shape == (60, 16, 16, 3)
    assert found.images.dtype == np.uint8
    assert found.labels.dtype == np.int64
    assert found.split.dtype == np.int8
    np.testing.assert_array_equal(found.images[:, 8, 8, 0], found.labels)
    np.testing.assert_array_equal(found.images[:, 8, 8, 2], [int(Path(path).stem) for path in found.paths])
    assert [len(found.indices(name)) for name in ("train", "val", "test")] == [42, 9, 9]
    assert np.bincount(found.labels[found.indices("val")]).tolist() == [3, 6]
    assert found.groups is None
    assert found.known_groups is None
    assert found.rejected == ()
    assert found.notes == ()
    again = load(str(tmp_path / "data"), image_size=16)
    assert again.digest == found.digest
    np.testing.assert_array_equal(again.split, found.split)


def test_the_digest_changes_with_what_matters(tmp_path: Path) -> None:
    source = str(with_groups(tmp_path / "data", perch=[2] * 10, pike=[3] * 10))
    changes: list[dict[str, Any]] = [{}, {"group": "none"}, {"group": "tank"}, {"seed": 1}, {"val": 0.3}]
    digests = {load(source, image_size=16, **options).digest for options in changes}
    assert len(digests) == 5
    assert load(source, image_size=17).digest not in digests
    picture(tmp_path / "data/perch/000.png", 200)
    assert load(source, image_size=16).digest not in digests


def test_broken_files_are_left_out_and_the_rest_goes_on(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", perch=10, pike=10)
    (root / "perch/zero.jpg").touch()
    (root / "perch/page.jpg").write_text("<html>")
    Image.effect_noise((64, 64), 50).save(root / "perch/cut.png")
    os.truncate(root / "perch/cut.png", 1000)
    found = load(str(root), image_size=16)
    assert len(found.labels) == 20
    assert set(found.rejected) == {
        Rejected("perch/zero.jpg", "zero bytes"),
        Rejected("perch/page.jpg", "not an image"),
        Rejected("perch/cut.png", "truncated"),
    }
    assert load(str(root), image_size=16).rejected == found.rejected


def test_a_class_without_a_readable_image_is_named(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", perch=9, pike=9)
    (root / "roach").mkdir()
    (root / "roach/1.jpg").touch()
    found = load(str(root), image_size=16)
    assert found.classes == ("perch", "pike")
    assert any("roach" in note for note in found.notes)


def test_groups_stay_whole(tmp_path: Path) -> None:
    source = str(with_groups(tmp_path / "data", perch=[3] * 12, pike=[5, 1, 7, 2, 4, 4, 3, 1], roach=[4, 2]))
    found = load(source, image_size=16)
    assert found.groups is not None
    assert torn(found.groups.tolist(), found.split) == []
    assert found.notes[0] == "The class roach has 2 groups: none is in test."
    assert "roach" in found.notes[1]
    assert "1 group in validation" in found.notes[1]
    loose = load(source, image_size=16, group="none")
    assert loose.groups is None
    assert loose.known_groups is not None
    assert torn(loose.known_groups.tolist(), loose.split) != []
    tanks = load(source, image_size=16, group="Tank")
    assert tanks.groups is not None
    assert set(tanks.groups.tolist()) == {f"tank{i}" for i in range(7)}
    assert torn(tanks.groups.tolist(), tanks.split) == []


def test_an_empty_group_is_an_image_by_itself(tmp_path: Path) -> None:
    root = tree(tmp_path, a=3, b=3)
    (root / "m.csv").write_text("path,label,group\na/000.png,a,g\na/001.png,a,\nb/000.png,b,\nb/001.png,b,h\n")
    found = load(str(root / "m.csv"), image_size=16)
    assert found.groups is not None
    assert found.groups.tolist() == ["g", "a/001.png", "b/000.png", "h"]


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    root = with_groups(tmp_path / "data", perch=[3] * 12, pike=[5, 1, 7, 2, 4, 4, 3, 1])
    first = by_path(load(str(root), image_size=16))
    header, *rows = (root / "manifest.csv").read_text().split("\n")
    (root / "manifest.csv").write_text("\n".join([header, *reversed(rows)]))
    assert by_path(load(str(root), image_size=16)) == first


def test_a_given_split_is_kept(tmp_path: Path) -> None:
    for part, count in (("train", 10), ("validation", 3), ("test", 2)):
        tree(tmp_path / "data" / part, perch=count, pike=count)
    found = load(str(tmp_path / "data"), image_size=16, val=0.4)
    assert {path.split("/")[0]: int(part) for path, part in by_path(found).items()} == {
        "train": 0,
        "validation": 1,
        "test": 2,
    }
    assert found.notes == ()


def test_a_missing_part_is_taken_from_train(tmp_path: Path) -> None:
    for part, count in (("train", 40), ("test", 5)):
        tree(tmp_path / "data" / part, perch=count, pike=count)
    found = load(str(tmp_path / "data"), image_size=16, val=0.25)
    parts = by_path(found)
    assert all(part == 2 for path, part in parts.items() if path.startswith("test/"))
    assert [len(found.indices(name)) for name in ("train", "val", "test")] == [60, 20, 10]
    assert found.notes == ("The source gives no val split, so it is drawn from the training images.",)


def test_a_given_split_that_tears_groups_is_named(tmp_path: Path) -> None:
    root = tree(tmp_path, a=4, b=4)
    rows = [f"{c}/{i:03d}.png,{c},{c}{i // 2},{('train', 'val', 'train', 'test')[i]}" for c in "ab" for i in range(4)]
    (root / "m.csv").write_text("path,label,group,split\n" + "\n".join(rows))
    found = load(str(root / "m.csv"), image_size=16)
    assert found.split.tolist() == [0, 1, 0, 2] * 2
    assert any("4 groups" in note for note in found.notes)


def test_leaving_out_keeps_the_split_of_the_rest(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", perch=30, pike=30)
    (root / "perch/zero.png").touch()
    before = load(str(root), image_size=16)
    out = [*before.paths[::7], "perch/zero.png"]
    (tmp_path / "out.csv").write_text("\n".join(["path,why", *(f"{path},blur" for path in out)]))
    after = load(str(root), image_size=16, exclude=str(tmp_path / "out.csv"))
    kept = {path: part for path, part in by_path(before).items() if path not in out}
    assert by_path(after) == kept
    assert isinstance(after.images, np.memmap)
    rows = [before.paths.index(path) for path in after.paths]
    np.testing.assert_array_equal(after.images, before.images[rows])
    np.testing.assert_array_equal(after.labels, before.labels[rows])
    assert after.digest != before.digest


def test_other_labels_keep_the_split(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", perch=20, pike=20)
    before = load(str(root), image_size=16)
    (tmp_path / "new.csv").write_text("path,label\nperch/003.png,pike\npike/004.png,pike\n")
    after = load(str(root), image_size=16, relabel=str(tmp_path / "new.csv"))
    assert np.flatnonzero(after.labels != before.labels).tolist() == [3]
    np.testing.assert_array_equal(after.split, before.split)
    assert after.digest != before.digest


def test_lists_that_do_not_fit_the_source(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", perch=5, pike=5)
    (tmp_path / "out.csv").write_text("path,label\nperch/999.png,pike\n")
    assert "perch/999.png" in complaint(root, image_size=16, exclude=str(tmp_path / "out.csv"))
    assert "perch/999.png" in complaint(root, image_size=16, relabel=str(tmp_path / "out.csv"))
    (tmp_path / "new.csv").write_text("path,label\nperch/001.png,shark\n")
    assert "'shark'" in complaint(root, image_size=16, relabel=str(tmp_path / "new.csv"))
    (tmp_path / "all.csv").write_text("\n".join(["path", *(f"pike/{i:03d}.png" for i in range(5))]))
    assert "Fewer than two classes" in complaint(root, image_size=16, exclude=str(tmp_path / "all.csv"))
    assert "does not exist" in complaint(root, image_size=16, exclude=str(tmp_path / "absent.csv"))


def test_sources_that_cannot_be_trained_on(tmp_path: Path) -> None:
    assert "one class only (perch)" in complaint(tree(tmp_path / "one", perch=5))
    (tmp_path / "bad/a").mkdir(parents=True)
    (tmp_path / "bad/b").mkdir()
    (tmp_path / "bad/a/1.jpg").touch()
    (tmp_path / "bad/b/1.jpg").touch()
    assert "no readable images: all 2 files" in complaint(tmp_path / "bad")
    (tmp_path / "gone.csv").write_text("path,label\nx.png,a\ny.png,b\n")
    assert "for example y.png (missing)" in complaint(tmp_path / "gone.csv")
    picture(tmp_path / "bad/a/2.jpg", 9)
    assert "one class only (a)" in complaint(tmp_path / "bad")
    assert "does not exist" in complaint(tmp_path / "absent")
    assert "Hugging Face" in complaint("hf:fish")
    tree(tmp_path / "half/val", a=3, b=3)
    (tmp_path / "val.csv").write_text("path,label,split\nhalf/val/a/000.png,a,val\nhalf/val/b/000.png,b,test\n")
    assert "has no training images" in complaint(tmp_path / "val.csv")


def test_options_that_cannot_be(tmp_path: Path) -> None:
    root = tree(tmp_path / "data", perch=5, pike=5)
    assert "image_size" in complaint(root, image_size=0)
    for shares in ({"val": -0.1}, {"val": 0.5, "test": 0.5}, {"val": float("nan")}):
        assert "shares" in complaint(root, **shares)
    assert "no column trajectory" in complaint(root, group="trajectory")


def test_class_names_survive(tmp_path: Path) -> None:
    names = sorted(["<script>alert(1)<", "fish, red", "魚", "Größe", "{n}"])
    for name in names:
        for i in range(6):
            picture(tmp_path / "data" / name / f"{i}.png", i)
    (tmp_path / "data" / names[0] / "zero{path}.png").touch()
    found = load(str(tmp_path / "data"), image_size=16)
    assert found.classes == tuple(names)
    assert found.rejected[0].path.endswith("zero{path}.png")


def test_small_classes(tmp_path: Path) -> None:
    found = load(str(tree(tmp_path / "data", one=1, two=2, three=3, many=40)), image_size=16)
    table = np.zeros((4, 3), dtype=int)
    np.add.at(table, (found.labels, found.split), 1)
    assert dict(zip(found.classes, table.tolist(), strict=True)) == {
        "many": [28, 6, 6],
        "one": [1, 0, 0],
        "two": [1, 1, 0],
        "three": [1, 1, 1],
    }
    assert found.notes == (
        "The class one has 1 image: none is in val and test.",
        "The class two has 2 images: none is in test.",
    )


@pytest.fixture
def reef(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A stand-in for the painter, which has its own tests; returns the options that it was called with."""
    asked: list[str] = []

    def load_reef(options: str, image_size: int) -> tuple[object, ...]:
        asked.append(options)
        images = np.random.default_rng(0).integers(0, 256, (40, image_size, image_size, 3), dtype=np.uint8)
        groups = np.arange(40) // 2 if options == "groups=2" else None
        split = (np.arange(40) % 5 // 3).astype(np.int8) if options == "split" else None
        return images, np.arange(40) % 2, ("b", "a"), groups, split

    monkeypatch.setattr("netvet.images.sources.load_reef", load_reef)
    return asked


def test_the_reef(reef: list[str], tmp_path: Path) -> None:
    found = load("reef", image_size=16)
    assert found.classes == ("a", "b")
    assert found.labels[:3].tolist() == [1, 0, 1]
    assert found.paths[12] == "reef/000012.png"
    assert found.groups is None
    assert load("reef:groups=2", image_size=16).groups is not None
    given = load("reef:split", image_size=16)
    assert len(given.indices("val")) == 16
    assert reef == ["", "groups=2", "split"]
    (tmp_path / "out.csv").write_text("path\nreef/000012.png\n")
    less = load("reef", image_size=16, exclude=str(tmp_path / "out.csv"))
    assert len(less.images) == 39
    assert "reef/000012.png" not in less.paths


def data() -> Path:
    folder = Path(os.environ.get("NETVET_DATA", Path(__file__).parents[3] / "shared" / "data")) / "f4k23"
    if not (folder / "manifest.csv").is_file():
        pytest.skip(f"no images of real fish at {folder}: set NETVET_DATA to the folder that holds f4k23")
    return folder


def test_real_fish_by_trajectory() -> None:
    fish = load(str(data()), image_size=32)
    assert len(fish.labels) == 4179
    assert len(fish.classes) == 23
    assert fish.rejected == ()
    (note,) = fish.notes
    assert "1 group in validation" in note
    assert fish.groups is not None
    assert torn(fish.groups.tolist(), fish.split) == []
    table = np.zeros((23, 3), dtype=int)
    np.add.at(table, (fish.labels, fish.split), 1)
    shares = table / table.sum(1, keepdims=True)
    assert table.min() >= 1
    assert np.abs(shares[:, 1:] - 0.15).max() < 0.14  # a class of 25 images in 6 groups; the others within 0.1
    assert np.abs(table.sum(0)[1:] / 4179 - 0.15).max() < 0.01
    loose = load(str(data()), image_size=32, group="none")
    assert loose.known_groups is not None
    assert len(torn(loose.known_groups.tolist(), loose.split)) > 500
