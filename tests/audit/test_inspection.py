"""The whole inspection: of rendered fish in files, its tables given back, its command."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netvet.audit import Inspection, features, image_stats, inspect, suspects
from netvet.base.errors import BadInput
from netvet.cli.app import main
from netvet.images.dataset import load
from netvet.reef import Reef, render
from netvet.report import inspection

Netvet = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def reef(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rendered fish as files: wrong labels, copies across the split, a dark image, a broken file, one in grey."""
    root = tmp_path_factory.mktemp("reef")
    painted = render(Reef(species=3, n=80, noise=0.08, duplicates=0.3, difficulty=0.3), 48)
    assert painted.split is not None
    rows = [["path", "label", "split"]]
    for i, image in enumerate(painted.images):
        pixels = image // 12 if i == 5 else image
        Image.fromarray(pixels).convert("L" if i == 6 else "RGB").save(root / f"{i}.png")
        rows.append([f"{i}.png", painted.classes[int(painted.labels[i])], ("train", "val", "test")[painted.split[i]]])
    (root / "broken.png").write_bytes(b"")
    rows.append(["broken.png", painted.classes[0], "train"])
    with (root / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


@pytest.fixture(scope="module")
def found(reef: Path) -> Inspection:
    return inspect(load(str(reef), image_size=64), str(reef), features_from="handmade")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def accept_all(path: Path) -> None:
    rows = read(path)
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows({**row, "accept": "yes"} for row in rows)


def copied(split: tuple[int, ...], names: tuple[int, ...]) -> Inspection:
    """Ten images of each of two classes, and behind them copies of the first, in the splits and with the names."""
    images = load("reef:species=2,n=10", image_size=32)
    more = np.zeros(len(split), np.int64)
    rows = np.concatenate([np.arange(20), more])
    again = replace(
        images,
        images=np.asarray(images.images)[rows],
        labels=np.r_[images.labels, np.array(names)],
        split=np.r_[np.zeros(20, np.int8), np.array(split, np.int8)],
        paths=tuple(f"{i:02d}.png" for i in range(len(rows))),
        groups=None,
        known_groups=None,
    )
    return inspect(again, features_from="none")


@pytest.mark.parametrize("split", [(0, 0), (1, 2), (2, 0), (1, 1)])
def test_of_three_equal_files_one_stays_wherever_they_lie(split: tuple[int, int]) -> None:
    found = copied(split, (0, 0))
    (group,) = suspects.copies(found)
    assert group.rows == (0, 20, 21)
    assert [row[1] for row in suspects.certainties(found)] == ["20.png", "21.png"]


def test_of_copies_with_two_labels_the_commoner_label_stays_and_none_where_they_are_as_many() -> None:
    assert [row[1] for row in suspects.certainties(copied((0, 0), (1, 1)))] == ["00.png", "21.png"]
    assert [row[1] for row in suspects.certainties(copied((1,), (1,)))] == ["00.png", "20.png"]


def test_a_mark_that_is_neither_yes_nor_no_is_refused(reef: Path, tmp_path: Path) -> None:
    (tmp_path / "fixes.csv").write_text("accept,path,label\nperhaps,0.png,x\n")
    with pytest.raises(BadInput, match="write yes, or leave it empty"):
        load(str(reef), relabel=str(tmp_path / "fixes.csv"))


def test_all_that_was_planted_is_there(found: Inspection) -> None:
    kinds = [each.kind for each in found.notices]
    assert {"leakage", "labels", "corrupt"} <= set(kinds)
    severities = [each.severity for each in found.notices]
    assert severities == sorted(severities, reverse=True)
    assert found.leaked["val"]["leaked_by_look"] > 0.2
    assert "leaked_by_group" not in found.leaked["val"]
    assert found.headers is not None
    assert found.headers.summary()["modes"] == {"RGB": 239, "L": 1}
    assert ("5.png", "dark") in {(found.images.paths[each.row], each.kind) for each in found.quality.outliers}


def test_part_of_a_class_is_said_and_listed_beside_the_suspects(tmp_path: Path) -> None:
    painted = render(Reef(species=3, n=60), 48)
    for i, (image, label) in enumerate(zip(painted.images, painted.labels.tolist(), strict=True)):
        folder = tmp_path / "data" / painted.classes[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image // 4 if label == 1 and i % 2 else image).save(folder / f"{i:03d}.png")
    source = str(tmp_path / "data")
    there = inspect(load(source, image_size=64), source, features_from="none")
    (part,) = there.quality.parts
    said = [each.message for each in there.notices if each.message.startswith("Part of")]
    assert len(said) == 1
    assert f"is dark: {part.count} of 60 images" in said[0]
    suspects.write(there, tmp_path)
    assert [row["reason"] for row in read(tmp_path / "doubtful-classes.csv")] == ["dark"] * part.count
    assert "dark" not in {row["reason"] for row in read(tmp_path / "suspects.csv")}
    (listed,) = there.to_json()["quality"]["parts"]
    assert (listed["class"], listed["images"], listed["of"]) == (painted.classes[1], part.count, 60)
    page = inspection.write(there, tmp_path).read_text(encoding="utf-8")
    assert "Part of a class: dark" in page
    assert f"{part.count} of 60 dark" in page


def test_json_is_plain(found: Inspection) -> None:
    tree = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert tree["images"] == 240
    assert tree["rejected"] == [{"path": "broken.png", "reason": "zero bytes"}]
    assert tree["duplicates"]["across_splits"] > 5
    assert tree["labels"]["ranked"][0].keys() == {"path", "given", "suggested", "probability"}
    assert {each["split"] for each in tree["shift"]} <= {"val", "test"}


def test_the_tables_can_be_given_back(found: Inspection, reef: Path, tmp_path: Path) -> None:
    suspects.write(found, tmp_path)
    rows, fixes = read(tmp_path / "suspects.csv"), read(tmp_path / "fixes.csv")
    assert {row["reason"].split(":")[0] for row in rows} >= {"near-duplicate across splits", "unusable"}
    assert not {row["path"] for row in rows if row["accept"]} & {row["path"] for row in fixes}
    assert found.labels is not None
    assert len(fixes) == len(found.labels.ranked) > 0
    untouched = load(
        str(reef), image_size=64, exclude=str(tmp_path / "suspects.csv"), relabel=str(tmp_path / "fixes.csv")
    )
    assert untouched.digest == found.images.digest  # nothing is certain here, and no guess is carried out unasked
    accept_all(tmp_path / "suspects.csv")
    accept_all(tmp_path / "fixes.csv")
    mended = load(str(reef), image_size=64, exclude=str(tmp_path / "suspects.csv"), relabel=str(tmp_path / "fixes.csv"))
    out = {row["path"] for row in rows}
    assert set(mended.paths) == set(found.images.paths) - out
    relabelled = load(str(reef), image_size=64, relabel=str(tmp_path / "fixes.csv"))
    at = relabelled.paths.index(fixes[0]["path"])
    assert relabelled.classes[int(relabelled.labels[at])] == fixes[0]["label"]
    again = inspect(mended, str(reef), features_from="none")
    assert again.leaked["val"]["leaked_by_look"] < 0.2  # a twin whose label is to be put right stays


def test_names_that_need_quotes_survive_the_table(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    suspects._put(path, ("path", "label"), (), [('a,"b"\n;.png', "=x")])
    assert read(path) == [{"path": 'a,"b"\n;.png', "label": "=x"}]


def test_it_reads_a_memory_map_in_blocks_and_gives_the_pages_back(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2_000, 64, 64, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", pixels)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    measured, plain = image_stats.look(mapped), image_stats.look(pixels)
    assert np.array_equal(measured.hashes, plain.hashes)
    assert np.array_equal(measured.thumbnails, plain.thumbnails)
    resident = _resident(tmp_path / "images.npy")
    assert resident is None or resident < 0.2 * pixels.nbytes


def _resident(file: Path) -> int | None:
    """Bytes of a mapped file that are in this process's memory; None where the system does not say."""
    try:
        lines = Path("/proc/self/smaps").read_text().splitlines()
    except OSError:
        return None
    total, mine = 0, False
    for line in lines:
        if "-" in line.split(" ")[0]:
            mine = line.endswith(str(file))
        elif mine and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total


def test_handmade_features_tell_painted_species_apart() -> None:
    painted = render(Reef(species=3, n=60, difficulty=0.2), 48)
    values = features.extract(painted.images, kind="handmade").values
    assert values.shape == (180, 128)
    assert np.isfinite(values).all()
    centres = np.stack([values[::2][painted.labels[::2] == k].mean(axis=0) for k in range(3)])
    nearest = ((values[1::2, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == painted.labels[1::2]).mean() > 0.7


def test_a_sample_sets_the_axes_of_a_large_set(monkeypatch: pytest.MonkeyPatch) -> None:
    painted = render(Reef(species=2, n=60), 32)
    monkeypatch.setattr(features, "_SAMPLE", 50)
    monkeypatch.setattr(features, "_KEPT", 50)
    done: list[int] = []
    values = features.extract(painted.images, kind="handmade", advance=done.append).values
    assert values.shape == (120, 50)
    assert sum(done) == 50 + 120
    assert np.abs(values).max() > 0


@pytest.fixture
def netvet(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Netvet:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return left.value.code, out, err

    return run


def test_the_command_writes_a_page_and_tables(netvet: Netvet, reef: Path, tmp_path: Path) -> None:
    folder = tmp_path / "there"
    code, out, err = netvet("inspect", reef, "--out", folder, "--features", "handmade")
    assert code == 0, err
    assert {path.name for path in folder.iterdir()} == {
        "inspection.html", "inspection.json", "suspects.csv", "fixes.csv", "doubtful-classes.csv",
        "near-duplicates.csv",
    }  # fmt: skip
    assert "in training" in out.splitlines()[1]
    assert len(out.splitlines()) <= 14
    code, out, _err = netvet(
        "inspect", reef, "--features", "none", "--json", "--exclude", folder / "suspects.csv",
        "--relabel", folder / "fixes.csv",
    )  # fmt: skip
    assert code == 0
    tree = json.loads(out)
    assert tree["images"] == 240
    assert "labels" not in tree
    assert Path(tree["folder"]).joinpath("inspection.html").is_file()


def test_bad_input_is_a_sentence(netvet: Netvet, reef: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (["none"], "does not exist"),
        ([reef, "--exclude", "none.csv"], "none.csv does not exist"),
        ([reef, "--features", "x"], "features"),
        ([reef, "--out", reef / "0.png"], "cannot be created"),
    ):
        code, _out, err = netvet("inspect", *arguments)
        assert code == 2
        assert said in err


@pytest.mark.parametrize("alike", [True, False])
def test_a_handful_of_images_is_inspected_without_judging_their_labels(alike: bool, tmp_path: Path) -> None:
    painted = render(Reef(species=2, n=2), 48)
    for i, (image, label) in enumerate(zip(painted.images, painted.labels.tolist(), strict=True)):
        folder = tmp_path / painted.classes[label]
        folder.mkdir(exist_ok=True)
        Image.fromarray(painted.images[0] if alike else image).save(folder / f"{i}.png")
    there = inspect(load(str(tmp_path), image_size=64), str(tmp_path), features_from="handmade")
    assert there.labels is None
    assert inspection.render(there)
