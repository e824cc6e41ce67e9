"""Groups by what a path matches and by what a header says, and the sentence where a split tears them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from netvet.base.errors import BadInput
from netvet.images import exif, load
from netvet.images.grouping import split_by
from netvet.images.splits import torn
from netvet.recipe import Recipe
from netvet.remedies import remedies


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETVET_CACHE", str(tmp_path / "cache"))


def picture(
    path: Path, number: int, moment: str = "", camera: str = "", place: tuple[float, float] | None = None
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image, header = Image.new("RGB", (9, 9), (number % 251, number // 251, 7)), Image.Exif()
    if moment:
        header.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = moment
    if camera:
        header[ExifTags.Base.Model] = camera
    if place is not None:
        gps, tags = header.get_ifd(ExifTags.IFD.GPSInfo), ExifTags.GPS
        for value, tag, mark, names in zip(
            place, (tags.GPSLatitude, tags.GPSLongitude), (tags.GPSLatitudeRef, tags.GPSLongitudeRef), ("NS", "EW"),
            strict=True,
        ):  # fmt: skip
            gps[tag], gps[mark] = (abs(value), 0.0, 0.0), names[value < 0]
    image.save(path, exif=header)


def videos(root: Path, frames: int = 4) -> Path:
    """Three classes of fourteen videos each."""
    for k, label in enumerate(("perch", "pike", "roach")):
        for video in range(14):
            for frame in range(frames):
                picture(root / label / f"video{20 * k + video}_{frame:03d}.jpg", 200 * k + 10 * video + frame)
    return root


def test_a_regular_expression_keeps_groups_together(tmp_path: Path) -> None:
    found = load(str(videos(tmp_path / "set")), image_size=16, group=r"(video\d+)")
    assert found.groups is not None
    assert sorted(set(found.groups.tolist()))[:2] == ["video0", "video1"]
    assert torn(found.groups.tolist(), found.split) == []
    assert found.notes == ()


def test_several_captures_name_a_group_together(tmp_path: Path) -> None:
    found = load(str(videos(tmp_path / "set")), image_size=16, group=r"^(?P<species>\w+)/(?P<video>video\d+)")
    assert found.groups is not None
    assert "perch/video3" in set(found.groups.tolist())


def test_an_image_that_a_regular_expression_misses_is_a_group_by_itself(tmp_path: Path) -> None:
    root = videos(tmp_path / "set")
    picture(root / "pike" / "other.jpg", 999)
    found = load(str(root), image_size=16, group=r"(video\d+)")
    assert found.groups is not None
    assert "pike/other.jpg" in set(found.groups.tolist())
    assert any("1 of 169 images has no group" in note and "pike/other.jpg" in note for note in found.notes)


@pytest.mark.parametrize(
    ("group", "said"),
    [("(video", "no regular expression"), ("(?:video)", "captures nothing"), ("(film)", "none of the 168 paths"),
     ("tank", "no column tank"), ("exif:lens", "exif:day"), ("exif:day", "EXIF")],
)  # fmt: skip
def test_a_group_that_cannot_be_found_is_refused_in_one_sentence(tmp_path: Path, group: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        load(str(videos(tmp_path / "set")), image_size=16, group=group)


def test_a_column_whose_name_looks_like_an_expression_is_still_a_column(tmp_path: Path) -> None:
    root = videos(tmp_path / "set")
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.jpg"))
    rows = [f"{path},{path.split('/')[0]},{path.split('_')[0]}" for path in paths]
    (root / "manifest.csv").write_text("\n".join(["path,label,tank (no.)", *rows]))
    found = load(str(root), image_size=16, group="tank (no.)")
    assert found.groups is not None
    assert len(set(found.groups.tolist())) == 42


def test_a_split_that_tears_named_groups_is_said_with_the_option_that_does_not(tmp_path: Path) -> None:
    found = load(str(videos(tmp_path / "set")), image_size=16)
    (note,) = found.notes
    assert "42 videos" in note
    pattern = note.split("--group ")[1].split(";")[0].strip("'")
    whole = load(str(tmp_path / "set"), image_size=16, group=pattern)
    assert whole.groups is not None
    assert len(set(whole.groups.tolist())) == 42
    assert whole.notes == ()


def test_a_given_split_that_tears_named_groups_is_said_to_be_the_sources_own(tmp_path: Path) -> None:
    for path in list(videos(tmp_path / "plain").rglob("*.jpg")):
        part = {"000": "val", "001": "test"}.get(path.stem.split("_")[1], "train")
        where = tmp_path / "set" / part / path.relative_to(tmp_path / "plain")
        where.parent.mkdir(parents=True, exist_ok=True)
        path.rename(where)
    (note,) = load(str(tmp_path / "set"), image_size=16).notes
    assert "own split" in note


@pytest.mark.parametrize("group", ["none", r"(video\d+)"])
def test_nothing_is_said_of_names_where_the_groups_were_chosen(tmp_path: Path, group: str) -> None:
    assert load(str(videos(tmp_path / "set")), image_size=16, group=group).notes == ()


def test_nothing_is_said_of_names_without_groups(tmp_path: Path) -> None:
    for k, label in enumerate(("perch", "pike", "roach")):
        for i in range(30):
            picture(tmp_path / "set" / label / f"IMG_{1000 + 30 * k + i}.jpg", 30 * k + i)
    assert load(str(tmp_path / "set"), image_size=16).notes == ()


def dated(root: Path) -> Path:
    """Two cameras, ten days, two visits a day of three pictures each; the names say nothing."""
    number = 0
    for day in range(1, 11):
        for hour in (8, 15):
            for minute in (0, 10, 20):
                for k, label in enumerate(("perch", "pike", "roach")):
                    moment = f"2021:06:{day:02d} {hour:02d}:{minute:02d}:{k:02d}"
                    place = (59.3 + day, -18.0)
                    picture(root / label / f"IMG_{number:04d}.jpg", number, moment, f"Camera {day % 2}", place)
                    number += 1
    return root


@pytest.mark.parametrize(("by", "count"), [("day", 10), ("camera", 2), ("place", 10), ("event", 20)])
def test_a_header_tells_day_camera_place_and_event(tmp_path: Path, by: str, count: int) -> None:
    found = load(str(dated(tmp_path / "set")), image_size=16, group=f"exif:{by}")
    assert found.known_groups is not None
    assert len(set(found.known_groups.tolist())) == count


def test_days_and_events_are_proposed_from_headers(tmp_path: Path) -> None:
    paths = sorted(dated(tmp_path / "set").rglob("*.jpg"))
    found = exif.propose([str(p) for p in paths], [p.parent.name for p in paths], [str(p) for p in paths])
    assert {each.by: each.groups for each in found} == {"exif:day": 10, "exif:event": 20}


def test_pictures_without_a_header_propose_nothing(tmp_path: Path) -> None:
    paths = sorted(videos(tmp_path / "set").rglob("*.jpg"))
    assert exif.propose([str(p) for p in paths], [p.parent.name for p in paths], [str(p) for p in paths]) == ()


@pytest.mark.parametrize(
    "moment", ["0000:00:00 00:00:00", "yesterday", "1970:01:01 00:00:00", "\x00\x00", "2021-06-01"]
)
def test_a_clock_that_was_never_set_dates_nothing(tmp_path: Path, moment: str) -> None:
    picture(tmp_path / "a.jpg", 1, moment)
    assert exif.read([str(tmp_path / "a.jpg")])[0].moment is None


def test_a_broken_header_says_nothing(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg", 1, "2021:06:01 10:00:00", "C", (1.0, 2.0))
    whole = (tmp_path / "a.jpg").read_bytes()
    chance = np.random.default_rng(0)
    for _try in range(40):
        spoilt = bytearray(whole)
        for at in chance.integers(20, 200, 6).tolist():
            spoilt[at] = int(chance.integers(256))
        (tmp_path / "b.jpg").write_bytes(bytes(spoilt))
        assert len(exif.read([str(tmp_path / "b.jpg")])) == 1


def test_group_split_takes_what_the_names_propose(tmp_path: Path) -> None:
    recipe = Recipe().change({"data.source": str(videos(tmp_path / "set"))})
    mended = remedies()["group-split"].apply(recipe, None)
    assert mended is not None
    found = load(mended.data.source, image_size=16, group=mended.data.group)
    assert found.groups is not None
    assert len(set(found.groups.tolist())) == 42
    assert remedies()["group-split"].apply(mended, None) is None


def test_group_split_is_not_offered_where_nothing_tells_of_groups(tmp_path: Path) -> None:
    for k in range(60):
        picture(tmp_path / "set" / ("perch", "pike", "roach")[k % 3] / f"IMG_{1000 + k}.jpg", k)
    recipe = Recipe().change({"data.source": str(tmp_path / "set")})
    assert remedies()["group-split"].apply(recipe, None) is None
    assert remedies()["group-split"].apply(recipe.change({"data.source": "nowhere"}), None) is None


def test_a_group_column_comes_before_names(tmp_path: Path) -> None:
    root = videos(tmp_path / "set")
    rows = [f"{p.relative_to(root).as_posix()},{p.parent.name},{p.stem[-1]}" for p in sorted(root.rglob("*.jpg"))]
    (root / "manifest.csv").write_text("\n".join(["path,label,group", *rows]))
    assert split_by(str(root)) == "auto"
